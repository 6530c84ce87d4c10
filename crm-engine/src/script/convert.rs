//! Values between fields and scripts.
//!
//! | Field | In scripts |
//! |---|---|
//! | no value | `()` |
//! | text, digits, e-mail, phone, link, choice | text; a choice is its API name |
//! | integer, duration, reference | integer; a duration in milliseconds |
//! | decimal, money, date, date-time | types of their own |
//! | checkbox | true or false |
//! | choice set, tags | array of texts |
//! | references | array of integers |
//! | file | a value that can only be passed on |

use chrono::{DateTime, NaiveDate, Utc};
use rhai::{Array, Dynamic, ImmutableString};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, RecordId};
use crate::schema::Field;
use crate::value::{FileRef, Money, Value, ValueType};

/// The value of a field as a script sees it.
pub(super) fn to_script(field: &Field, value: Value) -> Dynamic {
    let choice = |id: ChoiceId| {
        field
            .choice_by_id(id)
            .map_or(Dynamic::UNIT, |choice| Dynamic::from(choice.name.clone()))
    };
    let number = |id: RecordId| Dynamic::from_int(i64::try_from(id.get()).unwrap_or(i64::MAX));
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Text(text)
        | Value::Digits(text)
        | Value::Email(text)
        | Value::Phone(text)
        | Value::Link(text) => Dynamic::from(text),
        Value::Integer(n) | Value::Duration(n) => Dynamic::from_int(n),
        Value::Decimal(n) => Dynamic::from_decimal(n),
        Value::Money(money) => Dynamic::from(money),
        Value::Checkbox(checked) => Dynamic::from_bool(checked),
        Value::Date(date) => Dynamic::from(date),
        Value::DateTime(at) => Dynamic::from(at),
        Value::Choice(id) => choice(id),
        Value::ChoiceSet(ids) => ids.into_iter().map(choice).collect::<Array>().into(),
        Value::Tags(tags) => tags
            .into_iter()
            .map(Dynamic::from)
            .collect::<Array>()
            .into(),
        Value::Reference(id) => number(id),
        Value::References(ids) => ids.into_iter().map(number).collect::<Array>().into(),
        Value::File(file) => Dynamic::from(file),
    }
}

/// What a script gives, as a value that fits the field. Empty texts and arrays are no value.
///
/// # Errors
/// [`Code::WrongType`] or [`Code::InvalidValue`], naming the field and what it takes.
pub(super) fn from_script(field: &Field, given: &Dynamic) -> Result<Value> {
    if let Some(items) = given.read_lock::<Array>() {
        return match items.is_empty() {
            true => Ok(Value::Null),
            false => field.from_json(&items.iter().map(|item| Json::from(to_text(item))).collect()),
        };
    }
    let value = if given.is_unit() {
        Value::Null
    } else if let Some(text) = given.read_lock::<ImmutableString>() {
        match text.is_empty() {
            true => Value::Null,
            false => Value::Text(text.to_string()),
        }
    } else if let Ok(n) = given.as_int() {
        match field.value_type {
            ValueType::Duration => Value::Duration(n),
            _ => Value::Integer(n),
        }
    } else if let Ok(n) = given.as_decimal() {
        Value::Decimal(n)
    } else if let Ok(checked) = given.as_bool() {
        Value::Checkbox(checked)
    } else if let Some(date) = given.read_lock::<NaiveDate>() {
        Value::Date(*date)
    } else if let Some(at) = given.read_lock::<DateTime<Utc>>() {
        Value::DateTime(*at)
    } else if let Some(money) = given.read_lock::<Money>() {
        Value::Money(*money)
    } else if let Some(file) = given.read_lock::<FileRef>() {
        Value::File(file.clone())
    } else {
        let (takes, given) = (field.value_type.name(), kind_of(given));
        let message = format!("`{}` takes `{takes}`, not {given}", field.name);
        return Err(Error::new(Code::WrongType, message).field(&field.name));
    };
    field.fit(value)
}

/// What kind of value it is, in the words of the documentation.
pub(super) fn kind_of(value: &Dynamic) -> &'static str {
    if value.is_unit() {
        "a missing value"
    } else if value.is_int() {
        "an integer"
    } else if value.is_bool() {
        "true or false"
    } else if value.is_string() {
        "a text"
    } else if value.is_array() {
        "an array"
    } else if value.is_map() {
        "a map"
    } else if value.is::<Decimal>() {
        "a decimal"
    } else if value.is::<NaiveDate>() {
        "a date"
    } else if value.is::<DateTime<Utc>>() {
        "a moment"
    } else if value.is::<Money>() {
        "money"
    } else {
        "a value of another kind"
    }
}

/// A value as text; a missing one is empty.
pub(super) fn to_text(value: &Dynamic) -> String {
    if value.is_unit() {
        String::new()
    } else if let Some(date) = value.read_lock::<NaiveDate>() {
        date.to_string()
    } else if let Some(at) = value.read_lock::<DateTime<Utc>>() {
        Value::DateTime(*at).to_string()
    } else if let Some(money) = value.read_lock::<Money>() {
        money.to_string()
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        text.to_string()
    } else if value.is_int() || value.is_bool() || value.is_decimal() {
        value.to_string()
    } else {
        kind_of(value).to_owned()
    }
}
