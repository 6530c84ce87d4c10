//! A native plugin that checks the figures of companies: neither `employees` nor `revenue` may
//! be negative.

use crm_plugin_abi::{Draft, Failure, Refusal, Registrar, Verdict, plugin};

/// The id by which a host allows the plugin.
pub const ID: &str = "example.credit-guard";

plugin! {
    id: ID,
    name: "Credit guard",
    vendor: "Example",
    version: env!("CARGO_PKG_VERSION"),
    init: init,
}

fn init(host: &mut Registrar<'_>) -> Result<(), Failure> {
    host.validator("figures", "company", &["employees", "revenue"], figures)
}

/// Refuses a company with a negative head count or revenue, naming each field at fault.
///
/// # Errors
/// Companies have no fields `employees` and `revenue`, or these hold no numbers.
pub fn figures(draft: &dyn Draft) -> Verdict {
    let negative_employees = draft.integer("employees")?.is_some_and(|count| count < 0);
    let negative_revenue = draft.decimal("revenue")?.is_some_and(is_negative);
    let refusals = [
        ("employees", negative_employees),
        ("revenue", negative_revenue),
    ]
    .into_iter()
    .filter(|(_, negative)| *negative)
    .map(|(field, _)| Refusal::new(field, format!("`{field}` must not be negative")))
    .collect();
    Ok(refusals)
}

/// Whether a decimal text is below zero; `-0.00` is not.
fn is_negative(number: &str) -> bool {
    number.starts_with('-') && number.bytes().any(|digit| matches!(digit, b'1'..=b'9'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A company with these figures.
    struct Company {
        employees: Option<i64>,
        revenue: Option<&'static str>,
    }

    impl Draft for Company {
        fn is_creation(&self) -> bool {
            true
        }

        fn text(&self, field: &str) -> Result<Option<&str>, Failure> {
            Err(Failure::new(format!("no `{field}`")))
        }

        fn decimal(&self, field: &str) -> Result<Option<&str>, Failure> {
            match field {
                "revenue" => Ok(self.revenue),
                _ => Err(Failure::new(format!("no `{field}`"))),
            }
        }

        fn integer(&self, field: &str) -> Result<Option<i64>, Failure> {
            match field {
                "employees" => Ok(self.employees),
                _ => Err(Failure::new(format!("no `{field}`"))),
            }
        }

        fn checkbox(&self, field: &str) -> Result<Option<bool>, Failure> {
            Err(Failure::new(format!("no `{field}`")))
        }
    }

    fn check(employees: Option<i64>, revenue: Option<&'static str>, blamed: &[&str]) {
        let refusals = figures(&Company { employees, revenue }).unwrap();
        let fields: Vec<&str> = refusals
            .iter()
            .map(|refusal| refusal.field.as_str())
            .collect();
        assert_eq!(fields, blamed);
        for refusal in &refusals {
            assert!(refusal.message.contains(&format!("`{}`", refusal.field)));
        }
    }

    #[test]
    fn figures_may_be_missing_zero_or_positive() {
        check(None, None, &[]);
        check(Some(0), Some("0"), &[]);
        check(Some(0), Some("-0.00"), &[]);
        check(Some(250), Some("1200000.50"), &[]);
    }

    #[test]
    fn every_negative_figure_is_named() {
        check(Some(-1), Some("10"), &["employees"]);
        check(Some(1), Some("-0.01"), &["revenue"]);
        check(Some(-1), Some("-10"), &["employees", "revenue"]);
    }
}
