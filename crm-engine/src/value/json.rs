//! The JSON form of values, strictly typed.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::{Number, Value as Json, json};

use super::check::invalid;
use super::{Currency, FileRef, Money, Value, ValueType, parse, shorten};
use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, RecordId};

/// A binary floating-point number holds as many decimal digits of its text for certain.
const FLOAT_DIGITS_MAX: usize = 15;

/// Reads the JSON form of a value.
///
/// `null`, empty text and empty arrays are no value. Types are strict:
///
/// | Type | JSON |
/// |---|---|
/// | integer, reference, choice | an integer, or its text |
/// | decimal | its text, or a number of up to 15 digits, which floating point keeps exactly |
/// | money | `{"amount": decimal, "currency": "EUR"}` or `"1200.50 EUR"` |
/// | checkbox | `true` or `false` |
/// | tags | an array of texts |
/// | references | an array of references |
/// | choice set | an array of choices, which are numbers: names are resolved by those who know the field |
/// | file | `{"content": 17, "name": "offer.pdf", "bytes": 2048}` |
/// | all others | text, as [`parse()`](super::parse()) takes it; digits never a number, which would lose leading zeros |
///
/// # Errors
/// [`Code::WrongType`] for JSON of another type, [`Code::InvalidValue`] for content that the
/// type does not take.
///
/// ```
/// use crm_engine::value::{ValueType, from_json};
/// use serde_json::json;
/// let money = from_json(ValueType::Money, &json!({"amount": "1.20", "currency": "EUR"}));
/// assert_eq!(money.unwrap().to_string(), "1.20 EUR");
/// assert!(from_json(ValueType::Digits, &json!(8800)).is_err());
/// ```
pub fn from_json(kind: ValueType, json: &Json) -> Result<Value> {
    let value = match (kind, json) {
        (_, Json::Null) => return Ok(Value::Null),
        (ValueType::Checkbox, Json::Bool(checked)) => return Ok(Value::Checkbox(*checked)),
        (ValueType::Integer | ValueType::Reference | ValueType::Choice, Json::Number(n))
            if !n.is_f64() =>
        {
            parse(kind, &n.to_string())?
        }
        (ValueType::Decimal, Json::Number(n)) => Value::Decimal(exact(n)?),
        (ValueType::Money, Json::Object(_)) => Value::Money(money(json)?),
        (ValueType::File, Json::Object(_)) => Value::File(file(json)?),
        (ValueType::Tags, Json::Array(members)) => {
            let words: Option<Vec<&str>> = members.iter().map(Json::as_str).collect();
            parse::tags(words.ok_or_else(|| wrong_type(kind, json))?.into_iter())
        }
        (ValueType::ChoiceSet, Json::Array(members)) => choice_set(members)?,
        (ValueType::References, Json::Array(members)) => references(members)?,
        (
            ValueType::Checkbox
            | ValueType::Tags
            | ValueType::ChoiceSet
            | ValueType::References
            | ValueType::File,
            _,
        ) => {
            return Err(wrong_type(kind, json));
        }
        (_, Json::String(text)) => parse(kind, text)?,
        _ => return Err(wrong_type(kind, json)),
    };
    value.check()?;
    Ok(value)
}

/// Writes the JSON form, which [`from_json`] reads back. Decimals are text, because most
/// readers of JSON would make floating-point numbers of them.
///
/// ```
/// use crm_engine::value::{Value, to_json};
/// assert_eq!(to_json(&Value::Integer(42)).to_string(), "42");
/// assert_eq!(to_json(&Value::tags(["vip", "b2b"])).to_string(), r#"["b2b","vip"]"#);
/// ```
#[must_use]
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Text(text)
        | Value::Digits(text)
        | Value::Email(text)
        | Value::Phone(text)
        | Value::Link(text) => json!(text),
        Value::Integer(n) => json!(n),
        Value::Checkbox(checked) => json!(checked),
        Value::Money(money) => json!({
            "amount": money.amount.to_string(),
            "currency": money.currency.as_str(),
        }),
        Value::DateTime(at) => Json::String(parse::date_time_text(*at)),
        Value::Decimal(_) | Value::Date(_) | Value::Duration(_) => {
            json!(value.to_string())
        }
        Value::Choice(choice) => json!(choice.0),
        Value::ChoiceSet(choices) => choices.iter().map(|choice| choice.0).collect(),
        Value::Tags(tags) => json!(tags),
        Value::Reference(id) => json!(id.get()),
        Value::References(records) => records.iter().map(|id| id.get()).collect(),
        Value::File(file) => json!({
            "content": file.content,
            "name": file.name,
            "bytes": file.bytes,
        }),
    }
}

/// As [`to_json`], without copying the text of a value that nobody needs any more.
pub(crate) fn into_json(value: Value) -> Json {
    match value {
        Value::Text(text)
        | Value::Digits(text)
        | Value::Email(text)
        | Value::Phone(text)
        | Value::Link(text) => Json::String(text),
        other => to_json(&other),
    }
}

fn wrong_type(kind: ValueType, json: &Json) -> Error {
    let expected = match kind {
        ValueType::Integer => "an integer",
        ValueType::Decimal => "a decimal as text, `\"1200.50\"`, or a number",
        ValueType::Money => "money, `{\"amount\": \"1200.50\", \"currency\": \"EUR\"}`",
        ValueType::Checkbox => "true or false",
        ValueType::Choice => "a choice",
        ValueType::ChoiceSet => "an array of choices",
        ValueType::Tags => "an array of texts",
        ValueType::Reference => "the number of a record",
        ValueType::References => "an array of numbers of records",
        ValueType::File => "a file, `{\"content\": 17, \"name\": \"offer.pdf\", \"bytes\": 2048}`",
        ValueType::Digits => "digits as text: a number would lose leading zeros",
        ValueType::Text
        | ValueType::Date
        | ValueType::DateTime
        | ValueType::Duration
        | ValueType::Email
        | ValueType::Phone
        | ValueType::Link => "text",
    };
    let json = shorten(&json.to_string());
    Error::new(
        Code::WrongType,
        format!("`{json}` is of another type: expected {expected}"),
    )
}

/// The decimal that a JSON number was written as, or an error where that is not certain.
fn exact(number: &Number) -> Result<Decimal> {
    let text = number.to_string();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let certain = !number.is_f64() || digits <= FLOAT_DIGITS_MAX;
    parse::decimal(&text).filter(|_| certain).ok_or_else(|| {
        invalid(
            &text,
            "a number of up to 15 digits without exponent, or text",
        )
    })
}

fn money(json: &Json) -> Result<Money> {
    let [amount, currency] = members(ValueType::Money, json, ["amount", "currency"])?;
    let currency = currency
        .as_str()
        .ok_or_else(|| wrong_type(ValueType::Money, json))?;
    match from_json(ValueType::Decimal, amount)? {
        Value::Decimal(amount) => Ok(Money::new(amount, Currency::new(currency)?)),
        _ => Err(wrong_type(ValueType::Money, json)),
    }
}

fn file(json: &Json) -> Result<FileRef> {
    let [content, name, bytes] = members(ValueType::File, json, ["content", "name", "bytes"])?;
    match (content.as_u64(), name.as_str(), bytes.as_u64()) {
        (Some(content), Some(name), Some(bytes)) => Ok(FileRef {
            content,
            name: name.to_owned(),
            bytes,
        }),
        _ => Err(wrong_type(ValueType::File, json)),
    }
}

fn choice_set(members: &[Json]) -> Result<Value> {
    let choices: Vec<ChoiceId> = members
        .iter()
        .map(|member| match from_json(ValueType::Choice, member)? {
            Value::Choice(choice) => Ok(choice),
            _ => Err(wrong_type(ValueType::Choice, member)),
        })
        .collect::<Result<_>>()?;
    Ok(if choices.is_empty() {
        Value::Null
    } else {
        Value::choice_set(choices)
    })
}

fn references(members: &[Json]) -> Result<Value> {
    let records: Vec<RecordId> = members
        .iter()
        .map(|member| match from_json(ValueType::Reference, member)? {
            Value::Reference(id) => Ok(id),
            _ => Err(wrong_type(ValueType::Reference, member)),
        })
        .collect::<Result<_>>()?;
    Ok(match records.is_empty() {
        true => Value::Null,
        false => Value::references(records),
    })
}

/// The members of an object that has exactly these.
fn members<'j, const N: usize>(
    kind: ValueType,
    json: &'j Json,
    names: [&str; N],
) -> Result<[&'j Json; N]> {
    let found: Vec<&Json> = names.iter().filter_map(|name| json.get(name)).collect();
    match found.try_into() {
        Ok(found) if json.as_object().is_some_and(|object| object.len() == N) => Ok(found),
        _ => Err(wrong_type(kind, json)),
    }
}

/// Writes a moment as every other value of its type is written.
pub(crate) fn moment<S: Serializer>(
    at: &DateTime<Utc>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    to_json(&Value::DateTime(*at)).serialize(serializer)
}

/// As [`moment`], or null.
pub(crate) fn moment_or_null<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    to_json(&at.map_or(Value::Null, Value::DateTime)).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::value::arbitrary::arb_value;

    fn check(kind: ValueType, json: Json, written: &str) {
        assert_eq!(
            from_json(kind, &json).unwrap().to_string(),
            written,
            "{json}"
        );
    }

    fn check_refused(kind: ValueType, json: Json, code: Code) {
        assert_eq!(
            from_json(kind, &json).expect_err(&json.to_string()).code(),
            code,
            "{json}"
        );
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        check(ValueType::Integer, json!(42), "42");
        check(ValueType::Integer, json!("42"), "42");
        check(ValueType::Decimal, json!("1200.50"), "1200.50");
        check(ValueType::Decimal, json!(0.1), "0.1");
        check(
            ValueType::Decimal,
            json!(9_007_199_254_740_993_u64),
            "9007199254740993",
        );
        check(
            ValueType::Money,
            json!({"amount": 1.2, "currency": "EUR"}),
            "1.2 EUR",
        );
        check(ValueType::Money, json!("1.20 EUR"), "1.20 EUR");
        for number in [0.1 + 0.2, 1e300, 1e-9] {
            check_refused(ValueType::Decimal, json!(number), Code::InvalidValue);
        }
        check_refused(ValueType::Integer, json!(u64::MAX), Code::InvalidValue);
        check_refused(ValueType::Integer, json!(42.0), Code::WrongType);
        check_refused(ValueType::Integer, json!("42.0"), Code::InvalidValue);
        check_refused(ValueType::Money, json!(1.2), Code::WrongType);
        check_refused(ValueType::Money, json!({"amount": "1"}), Code::WrongType);
        check_refused(
            ValueType::Money,
            json!({"amount": null, "currency": "EUR"}),
            Code::WrongType,
        );
        check_refused(
            ValueType::Money,
            json!({"amount": "1", "currency": "EUR", "rate": 1}),
            Code::WrongType,
        );
    }

    #[test]
    fn digits_as_a_number_are_refused_with_the_reason() {
        let error = from_json(ValueType::Digits, &json!(88005553535_u64)).unwrap_err();
        assert_eq!(error.code(), Code::WrongType);
        assert!(error.message().contains("would lose leading zeros"));
        check(ValueType::Digits, json!("00123"), "00123");
    }

    #[test]
    fn types_are_strict() {
        check(ValueType::Tags, json!(["vip", "b2b", "vip"]), "b2b, vip");
        check(ValueType::ChoiceSet, json!([3, "1"]), "1, 3");
        check_refused(ValueType::Tags, json!("vip"), Code::WrongType);
        check_refused(ValueType::Tags, json!(["a", 1]), Code::WrongType);
        check_refused(ValueType::Tags, json!(["a,b"]), Code::InvalidValue);
        check_refused(ValueType::ChoiceSet, json!(["new"]), Code::InvalidValue);
        check_refused(ValueType::ChoiceSet, json!([null]), Code::WrongType);
        check_refused(ValueType::Checkbox, json!("yes"), Code::WrongType);
        check_refused(ValueType::Checkbox, json!(1), Code::WrongType);
        check_refused(ValueType::Text, json!(1), Code::WrongType);
        check_refused(ValueType::Text, json!("a\0b"), Code::InvalidValue);
        check_refused(ValueType::Date, json!(["2017-03-01"]), Code::WrongType);
        check_refused(ValueType::File, json!("17:1:a"), Code::WrongType);
        check_refused(
            ValueType::File,
            json!({"content": 1, "name": "", "bytes": 1}),
            Code::InvalidValue,
        );
    }

    #[test]
    fn null_and_empty_are_no_value() {
        for kind in ValueType::ALL {
            assert_eq!(from_json(kind, &Json::Null).unwrap(), Value::Null);
        }
        assert_eq!(from_json(ValueType::Text, &json!("")).unwrap(), Value::Null);
        assert_eq!(from_json(ValueType::Tags, &json!([])).unwrap(), Value::Null);
        assert_eq!(
            from_json(ValueType::ChoiceSet, &json!([])).unwrap(),
            Value::Null
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn what_is_written_is_read(
            (kind, value) in select(ValueType::ALL.to_vec()).prop_flat_map(|kind| (Just(kind), arb_value(kind)))
        ) {
            let written = serde_json::from_str(&to_json(&value).to_string()).unwrap();
            let read = from_json(kind, &written).unwrap();
            prop_assert_eq!(read.to_string(), value.to_string());
            prop_assert_eq!(read, value);
        }
    }
}
