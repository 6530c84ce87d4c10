//! When two values are alike.

use crate::index::By;
use crate::limits::FUZZY_CHARACTERS_MAX;
use crate::schema::{Comparison, Likeness};
use crate::value::{Value, normal, normal_text};

/// Whether a comparison holds for two values.
pub(super) fn alike(comparison: &Comparison, a: &Value, b: &Value) -> bool {
    match comparison.how {
        Likeness::Exact => a == b && normal(a).is_some(),
        Likeness::Normalised => normal(a).is_some_and(|form| Some(form) == normal(b)),
        Likeness::Fuzzy => begins_alike(a, b) && likeness(a, b) >= f64::from(comparison.least),
    }
}

/// Whether a word of the one text begins as one of the other.
fn begins_alike(a: &Value, b: &Value) -> bool {
    let heads = By::Head.texts(a);
    By::Head
        .texts(b)
        .iter()
        .any(|head| heads.binary_search(head).is_ok())
}

/// How similar two texts are, in per cent: equal beginnings count most.
fn likeness(a: &Value, b: &Value) -> f64 {
    let text = |value: &Value| -> String {
        let text = normal_text(value.as_text().unwrap_or_default());
        text.chars().take(FUZZY_CHARACTERS_MAX).collect()
    };
    100.0 * strsim::jaro_winkler(&text(a), &text(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FieldId;

    #[test]
    fn values_are_alike_as_their_comparison_says() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (how, least, a, b, expected) in [
            (Likeness::Exact, 0, "Vega", "Vega", true),
            (Likeness::Exact, 0, "Vega", "vega", false),
            (Likeness::Exact, 0, "—", "—", false),
            (Likeness::Normalised, 0, "ООО «Ёлка»", "ооо елка", true),
            (Likeness::Normalised, 0, "Vega", "Vega Ltd", false),
            (Likeness::Normalised, 0, "!", "?", false),
            (Likeness::Fuzzy, 90, "Petrova Maria", "Petrova Mariya", true),
            (
                Likeness::Fuzzy,
                99,
                "Petrova Maria",
                "Petrova Mariya",
                false,
            ),
            // Similar, but no word of theirs begins alike.
            (Likeness::Fuzzy, 80, "Anna", "Hanna", false),
        ] {
            let comparison = Comparison {
                field: FieldId(16),
                how,
                least,
            };
            let seen = alike(&comparison, &text(a), &text(b));
            assert_eq!(seen, expected, "{how:?} {a} {b}");
            assert_eq!(alike(&comparison, &text(b), &text(a)), expected);
        }
    }
}
