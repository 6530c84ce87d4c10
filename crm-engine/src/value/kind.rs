//! The types of values.

use std::fmt;
use std::str::FromStr;

use super::shorten;
use crate::error::{Code, Error, Result};

/// The type of a [`Value`](super::Value). Fixed for every field for ever (C33).
///
/// Stored bytes hold the position of a type in this list: it grows only at its end.
///
/// ```
/// use crm_engine::value::ValueType;
/// assert_eq!(ValueType::ChoiceSet.name(), "choice_set");
/// assert_eq!("date_time".parse::<ValueType>().unwrap(), ValueType::DateTime);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "each is described at the variant of `Value` of the same name"
)]
pub enum ValueType {
    Text,
    Digits,
    Integer,
    Decimal,
    Money,
    Checkbox,
    Date,
    DateTime,
    Duration,
    Choice,
    ChoiceSet,
    Tags,
    Reference,
    Email,
    Phone,
    Link,
    File,
    /// Only what the engine keeps of every record is of this type: no field is declared with it.
    #[serde(skip_deserializing)]
    References,
}

impl ValueType {
    /// Every type, in the order of declaration.
    pub const ALL: [ValueType; 18] = [
        ValueType::Text,
        ValueType::Digits,
        ValueType::Integer,
        ValueType::Decimal,
        ValueType::Money,
        ValueType::Checkbox,
        ValueType::Date,
        ValueType::DateTime,
        ValueType::Duration,
        ValueType::Choice,
        ValueType::ChoiceSet,
        ValueType::Tags,
        ValueType::Reference,
        ValueType::Email,
        ValueType::Phone,
        ValueType::Link,
        ValueType::File,
        ValueType::References,
    ];

    /// The name of the type as declarations and JSON write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ValueType::Text => "text",
            ValueType::Digits => "digits",
            ValueType::Integer => "integer",
            ValueType::Decimal => "decimal",
            ValueType::Money => "money",
            ValueType::Checkbox => "checkbox",
            ValueType::Date => "date",
            ValueType::DateTime => "date_time",
            ValueType::Duration => "duration",
            ValueType::Choice => "choice",
            ValueType::ChoiceSet => "choice_set",
            ValueType::Tags => "tags",
            ValueType::Reference => "reference",
            ValueType::Email => "email",
            ValueType::Phone => "phone",
            ValueType::Link => "link",
            ValueType::File => "file",
            ValueType::References => "references",
        }
    }

    /// Whether fields are declared with the type; those of the others the engine alone keeps.
    const fn is_declared(self) -> bool {
        !matches!(self, ValueType::References)
    }

    /// The number of the type in stored bytes, from 1; 0 is the missing value.
    pub(super) const fn number(self) -> u8 {
        self as u8 + 1
    }

    /// The type with this number.
    pub(super) fn from_number(number: u8) -> Option<ValueType> {
        let position = usize::from(number).checked_sub(1)?;
        ValueType::ALL.get(position).copied()
    }
}

impl FromStr for ValueType {
    type Err = Error;

    /// Reads the [name](ValueType::name) of a type that fields are declared with.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for anything else.
    fn from_str(name: &str) -> Result<ValueType> {
        let declared = || ValueType::ALL.into_iter().filter(|kind| kind.is_declared());
        declared().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<&str> = declared().map(ValueType::name).collect();
            let names = names.join(", ");
            let name = shorten(name);
            Error::new(
                Code::InvalidValue,
                format!("`{name}` is not a type: types are {names}"),
            )
        })
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_one_name_and_one_number() {
        for (position, kind) in ValueType::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
            let read = kind.name().parse::<ValueType>().ok();
            assert_eq!(read, kind.is_declared().then_some(kind));
            let read = serde_json::from_value::<ValueType>(kind.name().into()).ok();
            assert_eq!(read, kind.is_declared().then_some(kind));
            assert_eq!(usize::from(kind.number()), position + 1);
            assert_eq!(ValueType::from_number(kind.number()), Some(kind));
        }
        assert_eq!(ValueType::from_number(0), None);
        assert_eq!(ValueType::from_number(19), None);
        assert!("string".parse::<ValueType>().is_err());
    }
}
