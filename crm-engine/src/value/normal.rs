//! Normal forms: two values that mean the same have the same one. Searches and comparisons for
//! duplicates are made on them; what is stored stays as it was typed.

use super::Value;
use super::collate::fold;

/// Digits of a number in the North American or Russian plan with its country code.
const DIGITS_WITH_COUNTRY: usize = 11;

/// The normal form of a value; none where there is no value, or nothing of it is left.
///
/// - Phones: their digits, the extension left out; `00` before a country code is left out, and
///   the `8` before a Russian number becomes its country code: `+7 (495) 123-45-67` and
///   `8 495 123 45 67 ext. 5` are both `74951234567`.
/// - E-mails and links: lower case, without space around them.
/// - Texts, tags and digits: lower case, `ё` as `е`, letters and digits only, words separated by
///   one space.
/// - Everything else as its text form.
pub(crate) fn normal(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Phone(text) => normal_phone(text),
        Value::Email(text) | Value::Link(text) => text.trim().chars().map(fold).collect(),
        Value::Text(text) | Value::Digits(text) => normal_text(text),
        Value::Tags(tags) => normal_text(&tags.join(" ")),
        other => other.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// The digits by which a phone number is found.
pub(crate) fn normal_phone(text: &str) -> String {
    // An extension is no part of the number: it follows a letter or a sign of its own.
    let number = text
        .find(|c: char| c.is_alphabetic() || matches!(c, '#' | ',' | ';'))
        .filter(|at| text[..*at].contains(|c: char| c.is_ascii_digit()))
        .map_or(text, |at| &text[..at]);
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let international = number.trim_start().starts_with('+');
    if let Some(rest) = digits.strip_prefix("00").filter(|_| !international) {
        return rest.to_owned();
    }
    match digits.strip_prefix('8') {
        Some(rest) if !international && digits.len() == DIGITS_WITH_COUNTRY => format!("7{rest}"),
        _ => digits,
    }
}

/// The words of a text in lower case, `ё` as `е`, with one space between them.
pub(crate) fn normal_text(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in words(text) {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(&word);
    }
    normal
}

/// The words of a text, each in lower case with `ё` as `е`: what stands between signs and spaces.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().map(fold).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::{ValueType, parse};

    #[test]
    fn one_number_in_many_notations() {
        for text in [
            "+7 (495) 123-45-67",
            "84951234567",
            "8 (495) 123 45 67",
            "007 495 1234567",
            "7-495-123-45-67 доб. 12",
            "+7 495 123 45 67 ext 5",
            "+74951234567,12",
        ] {
            assert_eq!(normal_phone(text), "74951234567", "{text}");
        }
        assert_eq!(normal_phone("+1 212 555 0100"), "12125550100");
        assert_eq!(normal_phone("+81 3 1234 5678"), "81312345678");
        assert_eq!(normal_phone("тел. 123-45-67"), "1234567");
    }

    #[test]
    fn texts_without_case_signs_and_yo() {
        assert_eq!(normal_text("  ООО «Ёлка»,  Москва "), "ооо елка москва");
        assert_eq!(normal_text("O'Neil & Sons"), "o neil sons");
        assert_eq!(
            normal(&Value::Email("Anna@Vega.RU".into())).unwrap(),
            "anna@vega.ru"
        );
        assert_eq!(normal(&Value::Text("—".into())), None);
        let price = parse(ValueType::Money, "1200.50 EUR").unwrap();
        assert_eq!(normal(&price).unwrap(), "1200.50 EUR");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own(text: String) {
            let once = normal_text(&text);
            prop_assert_eq!(&normal_text(&once), &once);
            let digits = normal_phone(&text);
            prop_assert!(digits.bytes().all(|b| b.is_ascii_digit()));
        }
    }
}
