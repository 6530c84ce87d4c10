//! The text form of values: what a CSV cell and a literal hold, and what people read.

use std::fmt;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rust_decimal::Decimal;

use super::check::invalid;
use super::{FileRef, Value, ValueType, duration};
use crate::error::Result;
use crate::ids::{ChoiceId, RecordId};

/// Reads the text form of a value: the inverse of its `Display`.
///
/// Empty text is no value. White space around numbers, moments and set members is dropped;
/// texts are taken as they stand. Nothing is guessed: what has two readings is an error.
///
/// | Type | Text |
/// |---|---|
/// | integer, reference | `42` |
/// | decimal | `-1200.50`: no exponent, no separators of thousands |
/// | money | `1200.50 EUR` |
/// | checkbox | `true` `yes` `1` `да`, `false` `no` `0` `нет`, in any case |
/// | date | `2017-03-01` |
/// | date-time | RFC 3339; the seconds may be missing: `2017-03-01 09:00Z`. Cut to milliseconds |
/// | duration | `PT90M`, `1:30:00` |
/// | choice | its number: names are resolved by those who know the field |
/// | choice set, references, tags | members between commas |
/// | file | content, size in bytes and name: `17:2048:offer.pdf` |
///
/// # Errors
/// [`Code::InvalidValue`](crate::Code::InvalidValue), with a message that tells what was
/// expected and shows the beginning of the text.
///
/// ```
/// use crm_engine::value::{Value, ValueType, parse};
/// assert_eq!(parse(ValueType::Duration, "PT90M").unwrap(), Value::Duration(5_400_000));
/// assert_eq!(parse(ValueType::Text, "").unwrap(), Value::Null);
/// assert!(parse(ValueType::Date, "01.03.2017").is_err());
/// ```
pub fn parse(kind: ValueType, text: &str) -> Result<Value> {
    let word = text.trim();
    let stands_as_typed = matches!(
        kind,
        ValueType::Text
            | ValueType::Digits
            | ValueType::Email
            | ValueType::Phone
            | ValueType::Link
            | ValueType::File
    );
    if text.is_empty() || word.is_empty() && !stands_as_typed {
        return Ok(Value::Null);
    }
    let value = match kind {
        ValueType::Text => Value::Text(text.to_owned()),
        ValueType::Digits => Value::Digits(text.to_owned()),
        ValueType::Email => Value::Email(text.to_owned()),
        ValueType::Phone => Value::Phone(text.to_owned()),
        ValueType::Link => Value::Link(text.to_owned()),
        ValueType::File => expect(
            text,
            file(text).map(Value::File),
            "a file, `17:2048:offer.pdf`",
        )?,
        ValueType::Tags => tags(word.split(',')),
        ValueType::Money => Value::Money(word.parse()?),
        ValueType::Integer => expect(
            word,
            integer(word).map(Value::Integer),
            "a whole number, `42`",
        )?,
        ValueType::Decimal => expect(
            word,
            decimal(word).map(Value::Decimal),
            "a decimal of up to 28 digits, `1200.50`",
        )?,
        ValueType::Checkbox => expect(
            word,
            checkbox(word).map(Value::Checkbox),
            "`true` or `false`",
        )?,
        ValueType::Date => expect(word, date(word).map(Value::Date), "a day, `2017-03-31`")?,
        ValueType::DateTime => expect(
            word,
            date_time(word).map(Value::from),
            "a moment with its offset, `2017-03-31T09:00:00Z`",
        )?,
        ValueType::Duration => expect(
            word,
            duration::read(word).map(Value::Duration),
            "a duration, `PT1H30M` or `1:30:00`",
        )?,
        ValueType::Choice => expect(
            word,
            choice(word).map(Value::Choice),
            "the number of a choice",
        )?,
        ValueType::ChoiceSet => expect(
            word,
            word.split(',')
                .map(|member| choice(member.trim()))
                .collect::<Option<Vec<_>>>(),
            "numbers of choices between commas",
        )
        .map(Value::choice_set)?,
        ValueType::References => {
            let numbers = word.split(',').map(|member| whole(member.trim()));
            let numbers: Option<Vec<u64>> = numbers.collect();
            let numbers = expect(word, numbers, "numbers of records between commas")?;
            let records = numbers.into_iter().map(RecordId::new);
            Value::references(records.collect::<Result<Vec<_>>>()?)
        }
        ValueType::Reference => {
            let id = expect(word, whole(word), "the number of a record")?;
            Value::Reference(RecordId::new(id)?)
        }
    };
    value.check()?;
    Ok(value)
}

fn expect<T>(text: &str, value: Option<T>, expected: &str) -> Result<T> {
    value.ok_or_else(|| invalid(text, expected))
}

/// A tag field of these words; none if all are empty.
pub(super) fn tags<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    match Value::tags(words.map(str::trim).filter(|word| !word.is_empty())) {
        Value::Tags(tags) if tags.is_empty() => Value::Null,
        tags => tags,
    }
}

/// A whole number: a sign and digits.
pub(super) fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// An exact decimal: a sign, digits, and digits behind a point. Never rounded.
pub(super) fn decimal(text: &str) -> Option<Decimal> {
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let mut number = Decimal::from_str_exact(text).ok()?;
    if number.is_zero() {
        number.set_sign_positive(true);
    }
    Some(number)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn whole(text: &str) -> Option<u64> {
    if is_digits(text) {
        text.parse().ok()
    } else {
        None
    }
}

fn choice(text: &str) -> Option<ChoiceId> {
    whole(text)
        .and_then(|number| u16::try_from(number).ok())
        .map(ChoiceId)
}

fn checkbox(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "1" | "да" => Some(true),
        "false" | "no" | "0" | "нет" => Some(false),
        _ => None,
    }
}

/// `2017-03-01`, with all its digits.
fn date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || [year.len(), month.len(), day.len()] != [4, 2, 2] {
        return None;
    }
    let year = i32::try_from(whole(year)?).ok()?;
    let (month, day) = (
        u32::try_from(whole(month)?).ok()?,
        u32::try_from(whole(day)?).ok()?,
    );
    NaiveDate::from_ymd_opt(year, month, day)
}

/// RFC 3339, where a space may stand for the `T` and the seconds may be missing.
fn date_time(text: &str) -> Option<DateTime<Utc>> {
    const MINUTES_END: usize = "2017-03-01T09:00".len();
    let (to_minutes, rest) = text.split_at_checked(MINUTES_END)?;
    let (date, time) = to_minutes.split_once(['T', 't', ' '])?;
    let seconds = if rest.starts_with(':') { "" } else { ":00" };
    let moment = DateTime::parse_from_rfc3339(&format!("{date}T{time}{seconds}{rest}")).ok()?;
    Some(moment.to_utc())
}

fn file(text: &str) -> Option<FileRef> {
    let mut parts = text.splitn(3, ':');
    let (content, bytes, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(FileRef {
        content: whole(content)?,
        name: name.to_owned(),
        bytes: whole(bytes)?,
    })
}

/// Writes the text form, which [`parse()`] reads back. No value gives no text.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => Ok(()),
            Value::Text(text)
            | Value::Digits(text)
            | Value::Email(text)
            | Value::Phone(text)
            | Value::Link(text) => f.write_str(text),
            Value::Integer(n) => write!(f, "{n}"),
            Value::Decimal(n) => write!(f, "{n}"),
            Value::Money(money) => write!(f, "{money}"),
            Value::Checkbox(checked) => write!(f, "{checked}"),
            Value::Date(date) => write!(f, "{date}"),
            Value::DateTime(at) => f.write_str(&date_time_text(*at)),
            Value::Duration(ms) => duration::write(*ms, f),
            Value::Choice(choice) => write!(f, "{}", choice.0),
            Value::ChoiceSet(choices) => {
                let numbers: Vec<String> = choices.iter().map(|c| c.0.to_string()).collect();
                f.write_str(&numbers.join(", "))
            }
            Value::Tags(tags) => f.write_str(&tags.join(", ")),
            Value::Reference(id) => write!(f, "{id}"),
            Value::References(records) => {
                let numbers: Vec<String> = records.iter().map(RecordId::to_string).collect();
                f.write_str(&numbers.join(", "))
            }
            Value::File(file) => write!(f, "{}:{}:{}", file.content, file.bytes, file.name),
        }
    }
}

/// `2017-03-01T09:00:00Z`, with milliseconds where there are any.
pub(super) fn date_time_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::error::Code;
    use crate::value::arbitrary::arb_value;

    fn check(kind: ValueType, text: &str, written: &str) {
        let value = parse(kind, text).unwrap();
        assert_eq!(value.value_type(), Some(kind), "{text}");
        assert_eq!(value.to_string(), written, "{text}");
    }

    fn check_refused(kind: ValueType, texts: &[&str]) {
        for text in texts {
            let error = parse(kind, text).expect_err(text);
            assert_eq!(error.code(), Code::InvalidValue, "{text}");
        }
    }

    #[test]
    fn digits_keep_every_digit() {
        check(ValueType::Digits, "0012345", "0012345");
        check(
            ValueType::Digits,
            "98765432109876543210",
            "98765432109876543210",
        );
        check_refused(
            ValueType::Digits,
            &["+7", "8 800", "(495)", "12a", "٣", " 1", "1\u{a0}2"],
        );
    }

    #[test]
    fn numbers_are_taken_as_written_or_refused() {
        check(ValueType::Integer, " -42 ", "-42");
        check(ValueType::Decimal, "+1200.50", "1200.50");
        check(ValueType::Decimal, "-0.00", "0.00");
        check(
            ValueType::Decimal,
            "79228162514264337593543950335",
            "79228162514264337593543950335",
        );
        check(ValueType::Money, "1200.50  EUR", "1200.50 EUR");
        check(ValueType::Reference, "17", "17");
        check_refused(
            ValueType::Integer,
            &["1 000", "1,000", "1.0", "1e3", "9223372036854775808"],
        );
        check_refused(
            ValueType::Decimal,
            &["1,5", ".5", "5.", "1e3", "1_000", "--1", "0x1", "½"],
        );
        check_refused(
            ValueType::Decimal,
            &[
                "0.00000000000000000000000000001",
                "79228162514264337593543950335.1",
            ],
        );
        check_refused(
            ValueType::Reference,
            &["0", "-1", "+1", "9007199254740992", "#17"],
        );
    }

    #[test]
    fn checkboxes_have_few_words() {
        for text in ["true", "YES", "1", "Да"] {
            check(ValueType::Checkbox, text, "true");
        }
        for text in ["False", "no", "0", "нет"] {
            check(ValueType::Checkbox, text, "false");
        }
        check_refused(ValueType::Checkbox, &["x", "on", "2", "y"]);
    }

    #[test]
    fn days_and_moments_have_one_reading() {
        check(ValueType::Date, "2017-03-01", "2017-03-01");
        check(ValueType::Date, "0000-02-29", "0000-02-29");
        check_refused(
            ValueType::Date,
            &[
                "2017-02-29",
                "01.03.2017",
                "2017-3-1",
                "17-03-01",
                "2017-03-01Z",
                "+2017-03-01",
            ],
        );
        for text in [
            "2017-03-01T09:00:00Z",
            "2017-03-01T09:00Z",
            "2017-03-01 09:00Z",
            "2017-03-01t12:00:00+03:00",
            "2017-03-01 05:30:00.0009-03:30",
        ] {
            check(ValueType::DateTime, text, "2017-03-01T09:00:00Z");
        }
        check(
            ValueType::DateTime,
            "2017-03-01T09:00:00.25Z",
            "2017-03-01T09:00:00.250Z",
        );
        check(
            ValueType::DateTime,
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:00:00Z",
        );
        check_refused(
            ValueType::DateTime,
            &[
                "2017-03-01",
                "2017-03-01T09:00",
                "2017-03-01T09Z",
                "2017-03-01T25:00Z",
                "2017-03-01T9:00:00Z",
                "2017-03-01Ё09:00Z",
                "9999-12-31T23:00-05:00",
            ],
        );
    }

    #[test]
    fn sets_are_ordered_and_bounded() {
        check(ValueType::Tags, "vip, b2b,vip,, ", "b2b, vip");
        check(ValueType::ChoiceSet, "3, 1,3", "1, 3");
        check_refused(ValueType::ChoiceSet, &["new", "1,,2", "65536"]);
        let many: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        check_refused(ValueType::Tags, &[&many.join(",")]);
    }

    #[test]
    fn empty_text_is_no_value() {
        for kind in ValueType::ALL {
            assert_eq!(parse(kind, "").unwrap(), Value::Null);
        }
        assert_eq!(parse(ValueType::Integer, "  ").unwrap(), Value::Null);
        assert_eq!(parse(ValueType::Tags, " , ").unwrap(), Value::Null);
        check(ValueType::Text, "  ", "  ");
    }

    #[test]
    fn errors_show_the_beginning_of_the_input() {
        let error = parse(ValueType::Integer, &"ы".repeat(1_000)).unwrap_err();
        let shown = format!(
            "`{}...` is not valid: expected a whole number, `42`",
            "ы".repeat(60)
        );
        assert_eq!(error.message(), shown);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_written_is_read(
            (kind, value) in select(ValueType::ALL.to_vec()).prop_flat_map(|kind| (Just(kind), arb_value(kind)))
        ) {
            value.check().unwrap();
            let read = parse(kind, &value.to_string()).unwrap();
            prop_assert_eq!(read.to_string(), value.to_string());
            prop_assert_eq!(read, value);
        }

        #[test]
        fn any_text_is_a_valid_value_or_an_error(
            kind in select(ValueType::ALL.to_vec()),
            text in prop_oneof![any::<String>(), "[-+0-9PTHMSzZ:., ]{0,24}"],
        ) {
            if let Ok(value) = parse(kind, &text) {
                prop_assert!(value.check().is_ok());
                prop_assert_eq!(parse(kind, &value.to_string()).unwrap(), value);
            }
        }
    }
}
