//! Typed values, their text, JSON and key forms, and the record codec. Knows no schema.
//!
//! | File | Holds |
//! |---|---|
//! | `mod`, `kind`, `money` | [`Value`], [`ValueType`], [`Money`] and [`Currency`] |
//! | `check` | what each type takes: [`Value::check`] |
//! | `parse`, `duration` | the text form: [`parse()`] and `Display` |
//! | `json` | the JSON form: [`from_json`] and [`to_json`] |
//! | `key`, `collate`, `number` | order-preserving bytes: [`put_value`] and its like |
//! | `codec` | one value as bytes: [`encode_value`] and [`decode_value`] |
//! | `exact` | sums that never round |
//! | `fields`, `table` | values by field, and as bytes: [`Fields`], [`FieldsView`] |
//! | `normal`, `stem` | forms in which values and words that mean the same are the same |
//! | `record`, `standing` | the record around them: [`Record`], [`RecordView`]; whom it stands under: [`Participants`] |

mod check;
mod codec;
mod collate;
mod duration;
mod exact;
mod fields;
mod json;
mod key;
mod kind;
mod money;
mod normal;
mod number;
mod parse;
mod record;
mod standing;
mod stem;
mod table;

#[cfg(test)]
pub(crate) mod arbitrary;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::error::{Code, Error};
use crate::ids::{ChoiceId, RecordId};

pub use codec::{decode_value, encode_value};
pub(crate) use collate::{fold, text_of_sort_key};
pub(crate) use exact::{Amounts, Exact};
pub use fields::Fields;
pub use json::{from_json, to_json};
pub(crate) use json::{into_json, moment, moment_or_null};
pub(crate) use key::put_beginning;
pub use key::{compare, put_value, skip_value};
pub use kind::ValueType;
pub use money::{Currency, Money};
pub(crate) use normal::{normal, normal_phone, normal_text, words};
pub use number::{put_uint, take_uint};
pub use parse::parse;
pub use record::{Head, Record, RecordView, encode};
pub use standing::Participants;
pub(crate) use standing::Standing;
pub(crate) use stem::{HEAD_LETTERS, head, is_form, stem};
pub use table::{FieldsView, RawField, encode_fields};

/// A value of a field.
///
/// A choice is its stable number; names and labels live in the schema. Two values are equal
/// when they have the same type and the same content; decimals compare as numbers, so 1.0
/// equals 1.00. [`compare`] gives the order of values.
///
/// ```
/// use crm_engine::value::{Value, ValueType, parse};
/// let value = parse(ValueType::Money, "1200.50 EUR").unwrap();
/// assert_eq!(value.value_type(), Some(ValueType::Money));
/// assert_eq!(value.to_string(), "1200.50 EUR");
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// Free text.
    Text(String),
    /// A number that keeps every digit as typed: phone and contract numbers (C40).
    Digits(String),
    /// A whole number.
    Integer(i64),
    /// An exact decimal of up to 28 digits.
    Decimal(Decimal),
    /// An exact amount in a currency.
    Money(Money),
    /// Yes or no.
    Checkbox(bool),
    /// A day without a time zone.
    Date(NaiveDate),
    /// A moment, to the millisecond.
    DateTime(DateTime<Utc>),
    /// A length of time in milliseconds, possibly negative.
    Duration(i64),
    /// One of the declared choices or stages of its field.
    Choice(ChoiceId),
    /// Several declared choices: ascending, each once.
    ChoiceSet(Vec<ChoiceId>),
    /// Free words: ascending, each once.
    Tags(Vec<String>),
    /// Another record.
    Reference(RecordId),
    /// An e-mail address as typed.
    Email(String),
    /// A phone number as typed.
    Phone(String),
    /// A web address.
    Link(String),
    /// A stored file.
    File(FileRef),
    /// Several records: ascending, each once. No declared field is of this type.
    References(Vec<RecordId>),
}

/// A stored file: its content by number, its name and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// The number of the stored content.
    pub content: u64,
    /// The file name shown to people.
    pub name: String,
    /// The size of the content in bytes.
    pub bytes: u64,
}

impl Value {
    /// A set of choices: put in order, each kept once.
    ///
    /// ```
    /// use crm_engine::ChoiceId;
    /// use crm_engine::value::Value;
    /// let set = Value::choice_set([ChoiceId(3), ChoiceId(1), ChoiceId(3)]);
    /// assert_eq!(set, Value::ChoiceSet(vec![ChoiceId(1), ChoiceId(3)]));
    /// ```
    #[must_use]
    pub fn choice_set(choices: impl IntoIterator<Item = ChoiceId>) -> Value {
        Value::ChoiceSet(ascending(choices.into_iter().collect()))
    }

    /// A set of tags: put in order, each kept once.
    ///
    /// ```
    /// use crm_engine::value::Value;
    /// assert_eq!(Value::tags(["vip", "b2b", "vip"]).to_string(), "b2b, vip");
    /// ```
    #[must_use]
    pub fn tags<T: Into<String>>(tags: impl IntoIterator<Item = T>) -> Value {
        Value::Tags(ascending(tags.into_iter().map(Into::into).collect()))
    }

    /// A set of records: put in order, each kept once.
    ///
    /// ```
    /// use crm_engine::RecordId;
    /// use crm_engine::value::Value;
    /// let id = |id| RecordId::new(id).unwrap();
    /// assert_eq!(Value::references([id(7), id(3), id(7)]).to_string(), "3, 7");
    /// ```
    #[must_use]
    pub fn references(records: impl IntoIterator<Item = RecordId>) -> Value {
        Value::References(ascending(records.into_iter().collect()))
    }

    /// The type of the value; none for [`Value::Null`].
    #[must_use]
    pub fn value_type(&self) -> Option<ValueType> {
        Some(match self {
            Value::Null => return None,
            Value::Text(_) => ValueType::Text,
            Value::Digits(_) => ValueType::Digits,
            Value::Integer(_) => ValueType::Integer,
            Value::Decimal(_) => ValueType::Decimal,
            Value::Money(_) => ValueType::Money,
            Value::Checkbox(_) => ValueType::Checkbox,
            Value::Date(_) => ValueType::Date,
            Value::DateTime(_) => ValueType::DateTime,
            Value::Duration(_) => ValueType::Duration,
            Value::Choice(_) => ValueType::Choice,
            Value::ChoiceSet(_) => ValueType::ChoiceSet,
            Value::Tags(_) => ValueType::Tags,
            Value::Reference(_) => ValueType::Reference,
            Value::Email(_) => ValueType::Email,
            Value::Phone(_) => ValueType::Phone,
            Value::Link(_) => ValueType::Link,
            Value::File(_) => ValueType::File,
            Value::References(_) => ValueType::References,
        })
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a text, digits, e-mail, phone or link.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text)
            | Value::Digits(text)
            | Value::Email(text)
            | Value::Phone(text)
            | Value::Link(text) => Some(text),
            _ => None,
        }
    }
}

/// Defines one accessor per variant: `name: Variant(pattern) => result, type, "what it gives"`.
macro_rules! accessors {
    ($($name:ident: $variant:ident($content:ident) => $result:expr, $type:ty, $doc:literal;)*) => {
        impl Value {
            $(
                #[doc = $doc]
                #[must_use]
                pub fn $name(&self) -> Option<$type> {
                    match self {
                        Value::$variant($content) => Some($result),
                        _ => None,
                    }
                }
            )*
        }
    };
}

accessors! {
    as_integer: Integer(n) => *n, i64, "The number of an integer.";
    as_decimal: Decimal(n) => *n, Decimal, "The number of a decimal.";
    as_money: Money(money) => *money, Money, "The amount and currency of a money value.";
    as_bool: Checkbox(checked) => *checked, bool, "Whether a checkbox is checked.";
    as_date: Date(date) => *date, NaiveDate, "The day of a date.";
    as_datetime: DateTime(at) => *at, DateTime<Utc>, "The moment of a date-time.";
    as_duration: Duration(ms) => *ms, i64, "The milliseconds of a duration.";
    as_choice: Choice(choice) => *choice, ChoiceId, "The number of a choice.";
    as_choice_set: ChoiceSet(choices) => choices, &[ChoiceId], "The members of a choice set.";
    as_tags: Tags(tags) => tags, &[String], "The members of a tag field.";
    as_reference: Reference(id) => *id, RecordId, "The record a reference points to.";
    as_file: File(file) => file, &FileRef, "The file of a file field.";
    as_references: References(records) => records, &[RecordId], "The members of a set of records.";
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Integer(n)
    }
}

impl From<bool> for Value {
    fn from(checked: bool) -> Value {
        Value::Checkbox(checked)
    }
}

impl From<Decimal> for Value {
    fn from(n: Decimal) -> Value {
        Value::Decimal(n)
    }
}

impl From<Money> for Value {
    fn from(money: Money) -> Value {
        Value::Money(money)
    }
}

impl From<NaiveDate> for Value {
    fn from(date: NaiveDate) -> Value {
        Value::Date(date)
    }
}

impl From<DateTime<Utc>> for Value {
    /// Cuts the moment to the millisecond, which is what a store keeps; a leap second becomes
    /// the second after it.
    fn from(at: DateTime<Utc>) -> Value {
        Value::DateTime(to_milliseconds(at))
    }
}

impl From<RecordId> for Value {
    fn from(id: RecordId) -> Value {
        Value::Reference(id)
    }
}

/// The moment as whole milliseconds from 1970 tell it.
fn to_milliseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

/// Puts the members of a set in order and keeps each once.
fn ascending<T: Ord>(mut members: Vec<T>) -> Vec<T> {
    members.sort_unstable();
    members.dedup();
    members
}

/// The user's input as error messages show it: its first 60 characters.
pub(crate) fn shorten(input: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    match input.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &input[..end]),
        None => input.to_owned(),
    }
}

/// Stored bytes that no encoder wrote.
fn damaged(what: &str) -> Error {
    Error::new(Code::Damaged, format!("stored bytes are damaged: {what}"))
}
