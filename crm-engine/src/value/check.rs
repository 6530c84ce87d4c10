//! What each type takes, beyond what its Rust type says.

use chrono::{Datelike, NaiveDate};

use super::{FileRef, Value, shorten, to_milliseconds};
use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, RecordId};
use crate::limits::{
    DIGITS_BYTES_MAX, EMAIL_BYTES_MAX, PHONE_BYTES_MAX, SET_MEMBERS_MAX, TEXT_BYTES_MAX,
};

/// What phone numbers are written with, besides digits and [`PHONE_WORDS`].
const PHONE_SIGNS: &str = "+-()./,;#* \u{a0}";
/// Words before an extension.
const PHONE_WORDS: [&str; 3] = ["x", "ext", "доб"];
/// A phone number has at least as many digits.
const PHONE_DIGITS_MIN: usize = 3;
/// Schemes that would run in the page that shows the link.
const SCHEMES_REFUSED: [&str; 3] = ["javascript", "vbscript", "data"];

impl Value {
    /// Checks what a value's type asks of it. [`parse()`](super::parse()) and
    /// [`from_json`](super::from_json) give checked values; values made by hand are checked
    /// on their way into a store.
    ///
    /// - Text of every type: at most [`TEXT_BYTES_MAX`] bytes, no U+0000.
    /// - Digits: 0 to 9, at most [`DIGITS_BYTES_MAX`].
    /// - E-mail: one `@` with something on both sides, no white space, at most
    ///   [`EMAIL_BYTES_MAX`] bytes.
    /// - Phone: at least three digits, and what phone numbers are written with, at most
    ///   [`PHONE_BYTES_MAX`] bytes.
    /// - Link: a scheme and an address, or a host name with a dot; no white space.
    /// - Dates and date-times: years 0 to 9999; date-times to the millisecond.
    /// - Sets: ascending, each member once, at most [`SET_MEMBERS_MAX`]; tags without comma
    ///   and without white space around them, [`TEXT_BYTES_MAX`] bytes together.
    /// - Files: a name.
    ///
    /// Empty texts and sets are not values: use [`Value::Null`].
    ///
    /// # Errors
    /// [`Code::InvalidValue`], with a message that tells what was expected.
    ///
    /// ```
    /// use crm_engine::value::Value;
    /// assert!(Value::Digits("007".into()).check().is_ok());
    /// let error = Value::Digits("8 (800) 555".into()).check().unwrap_err();
    /// assert!(error.message().contains("phone"));
    /// ```
    pub fn check(&self) -> Result<()> {
        match self {
            Value::Null
            | Value::Integer(_)
            | Value::Decimal(_)
            | Value::Money(_)
            | Value::Checkbox(_)
            | Value::Duration(_)
            | Value::Choice(_)
            | Value::Reference(_) => Ok(()),
            Value::Text(text) => check_text(text),
            Value::Digits(text) => check_digits(text),
            Value::Email(text) => check_email(text),
            Value::Phone(text) => check_phone(text),
            Value::Link(text) => check_link(text),
            Value::Date(date) => check_year(*date),
            Value::DateTime(at) => {
                ensure(
                    to_milliseconds(*at) == *at,
                    &at.to_rfc3339(),
                    "a moment to the millisecond",
                )?;
                check_year(at.date_naive())
            }
            Value::ChoiceSet(choices) => check_choices(choices),
            Value::References(records) => check_references(records),
            Value::Tags(tags) => check_tags(tags),
            Value::File(file) => check_file(file),
        }
    }
}

fn ensure(condition: bool, input: &str, expected: &str) -> Result<()> {
    if condition {
        Ok(())
    } else {
        Err(invalid(input, expected))
    }
}

/// The error for text that a type does not take.
pub(super) fn invalid(input: &str, expected: &str) -> Error {
    let input = shorten(input);
    Error::new(
        Code::InvalidValue,
        format!("`{input}` is not valid: expected {expected}"),
    )
}

fn check_text(text: &str) -> Result<()> {
    ensure(!text.is_empty(), text, "some text, or no value")?;
    check_size(text)?;
    ensure(
        !text.contains('\0'),
        text,
        "text without the character U+0000",
    )
}

fn check_size(text: &str) -> Result<()> {
    let expected = format!("at most {TEXT_BYTES_MAX} bytes, not {}", text.len());
    ensure(text.len() <= TEXT_BYTES_MAX, text, &expected)
}

fn check_digits(text: &str) -> Result<()> {
    if text.contains(['+', '-', '(', ')', ' ', '.', '/']) {
        return Err(invalid(
            text,
            "only digits 0 to 9; a field of type phone takes `+-() ./`",
        ));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    ensure(!text.is_empty() && digits, text, "only digits 0 to 9")?;
    ensure(
        text.len() <= DIGITS_BYTES_MAX,
        text,
        &format!("at most {DIGITS_BYTES_MAX} digits"),
    )
}

fn check_email(text: &str) -> Result<()> {
    let sides = text.split_once('@');
    let plausible = sides.is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && is_unbroken(text)
    });
    ensure(plausible, text, "an e-mail address, `name@example.com`")?;
    ensure(
        text.len() <= EMAIL_BYTES_MAX,
        text,
        &format!("at most {EMAIL_BYTES_MAX} bytes"),
    )
}

fn check_phone(text: &str) -> Result<()> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let signs = text
        .chars()
        .all(|c| c.is_ascii_digit() || c.is_alphabetic() || PHONE_SIGNS.contains(c));
    let words = text
        .split(|c: char| !c.is_alphabetic())
        .all(|word| word.is_empty() || PHONE_WORDS.contains(&word.to_lowercase().as_str()));
    ensure(
        digits >= PHONE_DIGITS_MIN && signs && words,
        text,
        "a phone number: three digits or more, `+-() ./,;#*` and `ext`",
    )?;
    ensure(
        text.len() <= PHONE_BYTES_MAX,
        text,
        &format!("at most {PHONE_BYTES_MAX} bytes"),
    )
}

fn check_link(text: &str) -> Result<()> {
    check_size(text)?;
    let address = match text.split_once("://") {
        Some((scheme, address)) => is_scheme(scheme) && !address.is_empty(),
        None => is_host(text.split(['/', '?', '#', ':']).next().unwrap_or_default()),
    };
    ensure(
        address && is_unbroken(text),
        text,
        "a web address, `https://example.com`",
    )
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !SCHEMES_REFUSED.contains(&scheme.to_ascii_lowercase().as_str())
}

/// A host name with a dot: `example.com`, `www.example.com`, `пример.рф`.
fn is_host(host: &str) -> bool {
    host.contains('.')
        && host.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

/// Without white space and control characters.
fn is_unbroken(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check_year(date: NaiveDate) -> Result<()> {
    ensure(
        (0..=9999).contains(&date.year()),
        &date.to_string(),
        "a year from 0 to 9999",
    )
}

fn check_choices(choices: &[ChoiceId]) -> Result<()> {
    let ordered = choices.is_sorted_by(|a, b| a < b) && !choices.is_empty();
    ensure(ordered, "the set", "choices in ascending order, each once")?;
    check_members(choices.len())
}

fn check_references(records: &[RecordId]) -> Result<()> {
    let ordered = records.is_sorted_by(|a, b| a < b) && !records.is_empty();
    ensure(ordered, "the set", "records in ascending order, each once")?;
    check_members(records.len())
}

fn check_tags(tags: &[String]) -> Result<()> {
    let ordered = tags.is_sorted_by(|a, b| a < b) && !tags.is_empty();
    ensure(ordered, "the set", "tags in ascending order, each once")?;
    check_members(tags.len())?;
    for tag in tags {
        check_text(tag)?;
        ensure(
            tag.trim() == tag,
            tag,
            "a tag without white space around it",
        )?;
        ensure(!tag.contains(','), tag, "a tag without a comma")?;
    }
    let bytes: usize = tags.iter().map(String::len).sum();
    ensure(
        bytes <= TEXT_BYTES_MAX,
        "the set",
        &format!("tags of at most {TEXT_BYTES_MAX} bytes"),
    )
}

fn check_members(members: usize) -> Result<()> {
    let expected = format!("at most {SET_MEMBERS_MAX} members, not {members}");
    ensure(members <= SET_MEMBERS_MAX, "the set", &expected)
}

fn check_file(file: &FileRef) -> Result<()> {
    check_text(&file.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(make: fn(String) -> Value, accepted: &[&str], refused: &[&str]) {
        for text in accepted {
            make((*text).to_owned()).check().expect(text);
        }
        for text in refused {
            let error = make((*text).to_owned()).check().expect_err(text);
            assert_eq!(error.code(), Code::InvalidValue, "{text}");
        }
    }

    #[test]
    fn texts() {
        let longest = "x".repeat(TEXT_BYTES_MAX);
        check(
            Value::Text,
            &["a", " ", "Ёлка\n", &longest],
            &["", "a\0b", &(longest.clone() + "x")],
        );
        let longest = "0".repeat(DIGITS_BYTES_MAX);
        check(
            Value::Digits,
            &["0", &longest],
            &["", "1a", "१", &(longest.clone() + "0")],
        );
    }

    #[test]
    fn addresses() {
        let longest = "x".repeat(EMAIL_BYTES_MAX - 2) + "@x";
        check(
            Value::Email,
            &["a@b", "anna.lee+x@example.com", "почта@пример.рф", &longest],
            &[
                "",
                "a",
                "@b",
                "a@",
                "a@b@c",
                "a b@c",
                "a@b\n",
                &(longest.clone() + "x"),
            ],
        );
        check(
            Value::Phone,
            &[
                "112",
                "+7 (495) 123-45-67 ext. 12",
                "8 800 доб. 5",
                "*100#",
                "001x12",
                "123, 456; 789",
            ],
            &[
                "",
                "12",
                "+--()",
                "call 112",
                "112 x abc",
                "1\t12",
                &"1".repeat(PHONE_BYTES_MAX + 1),
            ],
        );
        check(
            Value::Link,
            &[
                "https://example.com/?a=b#c",
                "www.example.com",
                "пример.рф/путь",
                "example.com:80",
                "ftp://host",
                "HTTP://localhost",
            ],
            &[
                "",
                "example",
                "https://",
                "://x",
                "1x://y",
                "a b.com",
                "javascript:alert(1)",
                "JavaScript://%0aalert(1)",
                ".com",
                "a..b",
                "https://a b",
                "data:text/html,x.y",
            ],
        );
    }

    #[test]
    fn sets_are_ascending_and_bounded() {
        let tags = |tags: &[&str]| Value::Tags(tags.iter().map(|tag| (*tag).to_owned()).collect());
        assert!(tags(&["a", "b"]).check().is_ok());
        for wrong in [
            &[][..],
            &["b", "a"],
            &["a", "a"],
            &[" a"],
            &["a,b"],
            &[""],
            &["\0"],
        ] {
            assert!(tags(wrong).check().is_err(), "{wrong:?}");
        }
        let choices = |count: usize| Value::choice_set((0..count as u16).map(ChoiceId));
        assert!(choices(SET_MEMBERS_MAX).check().is_ok());
        assert!(choices(SET_MEMBERS_MAX + 1).check().is_err());
        assert!(
            Value::ChoiceSet(vec![ChoiceId(2), ChoiceId(1)])
                .check()
                .is_err()
        );
        assert!(Value::ChoiceSet(Vec::new()).check().is_err());
    }

    #[test]
    fn days_and_moments_have_four_digits_of_year_and_three_of_second() {
        assert!(Value::Date(NaiveDate::MAX).check().is_err());
        let fine = "2017-03-01T09:00:00.000001Z".parse().unwrap();
        assert!(Value::DateTime(fine).check().is_err());
        assert!(Value::from(fine).check().is_ok());
    }
}
