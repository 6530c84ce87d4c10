//! One value as bytes: compact, exact and without a length, which the bytes around it give.
//!
//! The first byte holds the number of the type in its low five bits and a *detail* in its high
//! three. What follows:
//!
//! | Type | Detail | Bytes that follow |
//! |---|---|---|
//! | no value | 0 | none |
//! | text, digits, e-mail, phone, link | 0 | the text in UTF-8 |
//! | checkbox, choice, reference | a number below 7 | none |
//! | integer, date, date-time, duration | the same, zigzag | none |
//! | all these | 7 | the number, as [`put_uint`] writes it |
//! | decimal | a scale below 7, number not negative | the mantissa, big end first, no zeros before it |
//! | decimal | 7 | the scale, + 128 if negative; then the mantissa |
//! | money | as decimal | as decimal, with two bytes of currency before the mantissa |
//! | choice set, references | 0 | each number |
//! | tags | 0 | of each tag, its length in bytes and its text |
//! | file | 0 | content, size, then the name |
//!
//! Dates count days and date-times milliseconds from 1970.

use chrono::{DateTime, NaiveDate};
use rust_decimal::Decimal;

use super::number::{put_uint, take_uint, unzigzag, zigzag};
use super::{Currency, FileRef, Money, Value, ValueType, damaged};
use crate::error::Result;
use crate::ids::{ChoiceId, RecordId};

const TYPE_BITS: u32 = 5;
const TYPE_MASK: u8 = (1 << TYPE_BITS) - 1;
/// The detail of what does not fit into a detail.
const DETAIL_FOLLOWS: u8 = 7;
/// In the byte of a scale: the number is negative.
const NEGATIVE: u8 = 0x80;
/// A mantissa has at most 96 bits.
const MANTISSA_BYTES_MAX: usize = 12;

/// Appends a value to `out`. The bytes do not tell their own length.
///
/// Moments are kept to the millisecond, and negative zero as zero.
///
/// ```
/// use crm_engine::value::{Value, decode_value, encode_value};
/// let mut out = Vec::new();
/// encode_value(&Value::Integer(3), &mut out);
/// assert_eq!(out.len(), 1);
/// assert_eq!(decode_value(&out).unwrap(), Value::Integer(3));
/// ```
pub fn encode_value(value: &Value, out: &mut Vec<u8>) {
    let Some(kind) = value.value_type() else {
        out.push(0);
        return;
    };
    match value {
        Value::Null => {}
        Value::Text(text)
        | Value::Digits(text)
        | Value::Email(text)
        | Value::Phone(text)
        | Value::Link(text) => {
            put_head(out, kind, 0);
            out.extend(text.as_bytes());
        }
        Value::Integer(n) | Value::Duration(n) => put_number(out, kind, zigzag(*n)),
        Value::Date(date) => put_number(out, kind, zigzag(i64::from(date.to_epoch_days()))),
        Value::DateTime(at) => put_number(out, kind, zigzag(at.timestamp_millis())),
        Value::Checkbox(checked) => put_number(out, kind, u64::from(*checked)),
        Value::Choice(choice) => put_number(out, kind, u64::from(choice.0)),
        Value::Reference(id) => put_number(out, kind, id.get()),
        Value::Decimal(n) => put_decimal(out, kind, None, *n),
        Value::Money(money) => put_decimal(out, kind, Some(money.currency), money.amount),
        Value::ChoiceSet(choices) => {
            put_head(out, kind, 0);
            choices
                .iter()
                .for_each(|choice| put_uint(out, u64::from(choice.0)));
        }
        Value::Tags(tags) => {
            put_head(out, kind, 0);
            for tag in tags {
                put_uint(out, tag.len() as u64);
                out.extend(tag.as_bytes());
            }
        }
        Value::References(records) => {
            put_head(out, kind, 0);
            records.iter().for_each(|id| put_uint(out, id.get()));
        }
        Value::File(file) => {
            put_head(out, kind, 0);
            put_uint(out, file.content);
            put_uint(out, file.bytes);
            out.extend(file.name.as_bytes());
        }
    }
}

/// Reads the value that [`encode_value`] wrote, from exactly its bytes.
///
/// # Errors
/// [`Code::Damaged`](crate::Code::Damaged) for bytes that are no value.
pub fn decode_value(bytes: &[u8]) -> Result<Value> {
    let (kind, detail, rest) = split_head(bytes)?;
    let Some(kind) = kind else {
        return if rest.is_empty() {
            Ok(Value::Null)
        } else {
            Err(damaged("bytes behind a null"))
        };
    };
    let number = || take_number(detail, rest);
    Ok(match kind {
        ValueType::Text => Value::Text(to_text(rest)?.to_owned()),
        ValueType::Digits => Value::Digits(to_text(rest)?.to_owned()),
        ValueType::Email => Value::Email(to_text(rest)?.to_owned()),
        ValueType::Phone => Value::Phone(to_text(rest)?.to_owned()),
        ValueType::Link => Value::Link(to_text(rest)?.to_owned()),
        ValueType::Integer => Value::Integer(unzigzag(number()?)),
        ValueType::Duration => Value::Duration(unzigzag(number()?)),
        ValueType::Date => Value::Date(to_date(unzigzag(number()?))?),
        ValueType::DateTime => DateTime::from_timestamp_millis(unzigzag(number()?))
            .map(Value::DateTime)
            .ok_or_else(|| damaged("a moment out of range"))?,
        ValueType::Checkbox => match number()? {
            0 => Value::Checkbox(false),
            1 => Value::Checkbox(true),
            _ => return Err(damaged("a checkbox that is neither set nor clear")),
        },
        ValueType::Choice => Value::Choice(to_choice(number()?)?),
        ValueType::Reference => Value::Reference(to_reference(number()?)?),
        ValueType::Decimal => Value::Decimal(take_decimal(detail, rest)?),
        ValueType::Money => Value::Money(take_money(detail, rest)?),
        ValueType::ChoiceSet => Value::ChoiceSet(take_choices(rest)?),
        ValueType::Tags => Value::Tags(take_tags(rest)?),
        ValueType::File => Value::File(take_file(rest)?),
        ValueType::References => Value::References(take_references(rest)?),
    })
}

/// The text of an encoded text, digits, e-mail, phone or link, borrowed.
pub(super) fn borrow_text(bytes: &[u8]) -> Option<&str> {
    let (&head, text) = bytes.split_first()?;
    match ValueType::from_number(head & TYPE_MASK)? {
        ValueType::Text
        | ValueType::Digits
        | ValueType::Email
        | ValueType::Phone
        | ValueType::Link => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

/// The type of an encoded value; none for no value and for bytes that are none.
pub(super) fn encoded_type(bytes: &[u8]) -> Option<ValueType> {
    ValueType::from_number(bytes.first()? & TYPE_MASK)
}

fn put_head(out: &mut Vec<u8>, kind: ValueType, detail: u8) {
    out.push(kind.number() | detail << TYPE_BITS);
}

/// Type, detail and the bytes that follow.
fn split_head(bytes: &[u8]) -> Result<(Option<ValueType>, u8, &[u8])> {
    let (&head, rest) = bytes
        .split_first()
        .ok_or_else(|| damaged("a value is missing"))?;
    let kind = ValueType::from_number(head & TYPE_MASK);
    if kind.is_none() && head != 0 {
        return Err(damaged("a value of an unknown type"));
    }
    Ok((kind, head >> TYPE_BITS, rest))
}

fn put_number(out: &mut Vec<u8>, kind: ValueType, n: u64) {
    if n < u64::from(DETAIL_FOLLOWS) {
        put_head(out, kind, n as u8);
    } else {
        put_head(out, kind, DETAIL_FOLLOWS);
        put_uint(out, n);
    }
}

fn take_number(detail: u8, mut rest: &[u8]) -> Result<u64> {
    let n = if detail == DETAIL_FOLLOWS {
        take_uint(&mut rest)?
    } else {
        u64::from(detail)
    };
    if rest.is_empty() {
        Ok(n)
    } else {
        Err(damaged("bytes behind a number"))
    }
}

fn put_decimal(out: &mut Vec<u8>, kind: ValueType, currency: Option<Currency>, n: Decimal) {
    let mantissa = n.mantissa();
    let scale = n.scale() as u8;
    if scale < DETAIL_FOLLOWS && mantissa >= 0 {
        put_head(out, kind, scale);
    } else {
        put_head(out, kind, DETAIL_FOLLOWS);
        out.push(scale | if mantissa < 0 { NEGATIVE } else { 0 });
    }
    if let Some(currency) = currency {
        out.extend(currency.number().to_be_bytes());
    }
    let mantissa = mantissa.unsigned_abs();
    out.extend(&mantissa.to_be_bytes()[mantissa.leading_zeros() as usize / 8..]);
}

fn take_money(detail: u8, rest: &[u8]) -> Result<Money> {
    // The scale stands before the currency where it does not fit into the detail.
    let scale_bytes = usize::from(detail == DETAIL_FOLLOWS);
    let ends_early = || damaged("money ends early");
    let (scale, rest) = rest.split_at_checked(scale_bytes).ok_or_else(ends_early)?;
    let (&currency, mantissa) = rest.split_first_chunk().ok_or_else(ends_early)?;
    let scale = scale.first().copied().unwrap_or(detail);
    Ok(Money {
        currency: Currency::from_number(u16::from_be_bytes(currency))
            .ok_or_else(|| damaged("a currency out of range"))?,
        amount: to_decimal(scale, mantissa)?,
    })
}

fn take_decimal(detail: u8, rest: &[u8]) -> Result<Decimal> {
    if detail != DETAIL_FOLLOWS {
        return to_decimal(detail, rest);
    }
    let (&scale, mantissa) = rest
        .split_first()
        .ok_or_else(|| damaged("a decimal ends early"))?;
    to_decimal(scale, mantissa)
}

fn to_decimal(scale: u8, mantissa: &[u8]) -> Result<Decimal> {
    if mantissa.len() > MANTISSA_BYTES_MAX {
        return Err(damaged("a decimal out of range"));
    }
    let magnitude = mantissa
        .iter()
        .fold(0, |n, &byte| n << 8 | i128::from(byte));
    let mantissa = if scale & NEGATIVE == 0 {
        magnitude
    } else {
        -magnitude
    };
    Decimal::try_from_i128_with_scale(mantissa, u32::from(scale & !NEGATIVE))
        .map_err(|_| damaged("a decimal out of range"))
}

fn to_text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| damaged("a text is not UTF-8"))
}

fn to_date(days: i64) -> Result<NaiveDate> {
    i32::try_from(days)
        .ok()
        .and_then(NaiveDate::from_epoch_days)
        .ok_or_else(|| damaged("a date out of range"))
}

fn to_choice(number: u64) -> Result<ChoiceId> {
    u16::try_from(number)
        .map(ChoiceId)
        .map_err(|_| damaged("a choice out of range"))
}

fn to_reference(number: u64) -> Result<RecordId> {
    RecordId::new(number).map_err(|_| damaged("a reference out of range"))
}

fn take_references(mut rest: &[u8]) -> Result<Vec<RecordId>> {
    let mut records = Vec::new();
    while !rest.is_empty() {
        records.push(to_reference(take_uint(&mut rest)?)?);
    }
    Ok(records)
}

fn take_choices(mut rest: &[u8]) -> Result<Vec<ChoiceId>> {
    let mut choices = Vec::new();
    while !rest.is_empty() {
        choices.push(to_choice(take_uint(&mut rest)?)?);
    }
    Ok(choices)
}

fn take_tags(mut rest: &[u8]) -> Result<Vec<String>> {
    let mut tags = Vec::new();
    while !rest.is_empty() {
        let length = usize::try_from(take_uint(&mut rest)?).unwrap_or(usize::MAX);
        let (tag, behind) = rest
            .split_at_checked(length)
            .ok_or_else(|| damaged("a tag ends early"))?;
        tags.push(to_text(tag)?.to_owned());
        rest = behind;
    }
    Ok(tags)
}

fn take_file(mut rest: &[u8]) -> Result<FileRef> {
    let content = take_uint(&mut rest)?;
    let bytes = take_uint(&mut rest)?;
    Ok(FileRef {
        content,
        name: to_text(rest)?.to_owned(),
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::arbitrary::arb_any_value;

    fn encoded(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        encode_value(value, &mut out);
        out
    }

    fn check(value: impl Into<Value>, bytes: usize) {
        let value = value.into();
        let stored = encoded(&value);
        assert_eq!(stored.len(), bytes, "{value:?}");
        assert_eq!(decode_value(&stored).unwrap(), value);
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn common_values_are_short() {
        check(Value::Null, 1);
        check(true, 1);
        check(3, 1);
        check(-3, 1);
        check(120, 2);
        check(i64::MIN, 10);
        check(Value::Choice(ChoiceId(6)), 1);
        check(Value::Choice(ChoiceId(240)), 2);
        check(Value::Choice(ChoiceId(1_000)), 3);
        check("Anna", 5);
        check(NaiveDate::from_ymd_opt(2026, 3, 1).unwrap(), 4);
        check(decimal("1200.50"), 4);
        check(decimal("-1200.50"), 5);
        check("1200.50 EUR".parse::<Money>().unwrap(), 6);
        check(RecordId::new(2_000).unwrap(), 3);
    }

    #[test]
    fn extremes_survive() {
        for date in [NaiveDate::MIN, NaiveDate::MAX] {
            check(date, 6);
        }
        for at in [
            DateTime::<chrono::Utc>::MIN_UTC,
            DateTime::<chrono::Utc>::MAX_UTC,
        ] {
            check(at, 9);
        }
        check(Decimal::MIN, 14);
        check(Decimal::MAX, 13);
        check(Value::Duration(i64::MIN), 10);
        check(Value::Text("x".repeat(40_000)), 40_001);
        check(
            Value::Tags(vec![String::new(), "а".repeat(300)]),
            1 + 1 + 2 + 600,
        );
    }

    #[test]
    fn decimals_keep_their_scale_and_lose_the_sign_of_zero() {
        for (number, text) in [
            ("1.20", "1.20"),
            ("1.0", "1.0"),
            ("0.00", "0.00"),
            ("-0.0", "0.0"),
        ] {
            let stored = encoded(&decimal(number).into());
            assert_eq!(decode_value(&stored).unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn values_survive(value in arb_any_value()) {
            let decoded = decode_value(&encoded(&value)).unwrap();
            prop_assert_eq!(decoded.to_string(), value.to_string());
            prop_assert_eq!(decoded, value);
        }

        #[test]
        fn any_bytes_are_a_value_or_an_error(bytes: Vec<u8>, head: u8) {
            let _ = decode_value(&bytes);
            let _ = decode_value(&[&[head], &bytes[..]].concat());
            let _ = borrow_text(&bytes);
        }

        #[test]
        fn cut_values_are_values_or_errors(value in arb_any_value(), cut: prop::sample::Index) {
            let stored = encoded(&value);
            let _ = decode_value(&stored[..cut.index(stored.len())]);
        }
    }
}
