//! The period of a report: one of the [language of conditions](crate::expr), or `all`.

use chrono::NaiveDate;

use crate::error::{Code, Error, Result};
use crate::expr::Period;

/// The first and the last day that `text` means on the day `today`; none for `all`.
///
/// # Errors
/// [`Code::InvalidValue`] for words that mean no period or no day,
/// [`Code::LimitExceeded`] for a period of too many days.
pub(super) fn period(text: &str, today: NaiveDate) -> Result<Option<(NaiveDate, NaiveDate)>> {
    if text.trim().eq_ignore_ascii_case("all") {
        return Ok(None);
    }
    let period = Period::parse(text).map_err(|error| error.field("period"))?;
    let (from, behind) = period.days(today);
    match behind.pred_opt().filter(|to| from <= *to) {
        Some(to) => Ok(Some((from, to))),
        None => {
            let text = format!("`{}` has no days", crate::value::shorten(text));
            Err(Error::new(Code::InvalidValue, text).field("period"))
        }
    }
}

/// The day behind the last one.
pub(super) fn after(to: NaiveDate) -> NaiveDate {
    to.succ_opt().unwrap_or(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_in_it() {
        let today: NaiveDate = "2026-05-14".parse().unwrap();
        for (text, days) in [
            ("Today", "2026-05-14..2026-05-14"),
            ("last 7 days", "2026-05-08..2026-05-14"),
            ("last quarter", "2026-01-01..2026-03-31"),
            ("2024-02", "2024-02-01..2024-02-29"),
            ("2024-02-05..2024-02-06", "2024-02-05..2024-02-06"),
        ] {
            let (from, to) = period(text, today).unwrap().unwrap();
            assert_eq!(format!("{from}..{to}"), days, "{text}");
        }
        assert_eq!(period(" All ", today).unwrap(), None);
        for text in ["", "soon", "next 0 days", "2026-Q5"] {
            let error = period(text, today).unwrap_err();
            assert_eq!(error.code(), Code::InvalidValue, "{text}");
            assert_eq!(error.details()["field"], "period", "{text}");
        }
    }
}
