//! What the values of an operand are, and how a literal becomes one of them.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::schema::{Field, Object, system};
use crate::value::{self, Value, ValueType};

/// The type of an operand, and the field it shows if it shows one.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    pub(crate) value_type: ValueType,
    field: Option<(Arc<Object>, FieldId)>,
}

/// Values of one class can be compared with each other.
#[derive(PartialEq)]
enum Class {
    Text,
    Number,
    Checkbox,
    Time,
    Duration,
    Choice(Option<(ObjectId, FieldId)>),
    Tags,
    Reference,
    References,
    File,
}

impl Domain {
    /// The values of a field.
    pub(crate) fn of(object: &Arc<Object>, field: &Field) -> Domain {
        Domain {
            value_type: field.value_type,
            field: Some((Arc::clone(object), field.id)),
        }
    }

    /// The values of a type.
    pub(crate) fn plain(value_type: ValueType) -> Domain {
        Domain {
            value_type,
            field: None,
        }
    }

    /// The field whose values these are; it names the choices.
    pub(crate) fn field(&self) -> Option<&Field> {
        self.field
            .as_ref()
            .and_then(|(object, field)| object.by_id(*field))
    }

    /// The object of the record that each value names: references, and ids themselves.
    pub(crate) fn records(&self) -> Option<ObjectId> {
        if self.value_type == ValueType::References {
            return None;
        }
        let (object, field) = self.field.as_ref()?;
        match *field {
            system::ID => Some(object.id),
            field => object.by_id(field)?.target,
        }
    }

    /// Whether its values are integers or decimals.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self.value_type, ValueType::Integer | ValueType::Decimal)
    }

    /// Whether its values are texts of some type.
    pub(crate) fn is_text(&self) -> bool {
        self.class() == Class::Text
    }

    /// Whether values of the two can be compared.
    pub(crate) fn compares_with(&self, other: &Domain) -> bool {
        self.class() == other.class()
    }

    fn class(&self) -> Class {
        use ValueType::*;
        match self.value_type {
            Text | Digits | Email | Phone | Link => Class::Text,
            Integer | Decimal | Money => Class::Number,
            Checkbox => Class::Checkbox,
            Date | DateTime => Class::Time,
            Duration => Class::Duration,
            Choice | ChoiceSet => Class::Choice(
                self.field
                    .as_ref()
                    .map(|(object, field)| (object.id, *field)),
            ),
            Tags => Class::Tags,
            Reference => Class::Reference,
            References => Class::References,
            File => Class::File,
        }
    }

    /// `given` as a value that can be compared with the values of the domain.
    ///
    /// Texts are taken as they stand, also where a stored text would have to be whole (the
    /// beginning of an e-mail address, say); numbers compare with numbers and amounts.
    ///
    /// # Errors
    /// [`Code::WrongType`], or [`Code::InvalidValue`] for text that cannot be read.
    pub(crate) fn fit(&self, given: Value) -> Result<Value> {
        use ValueType::{DateTime, Decimal, Integer, Money};
        match (self.value_type, given) {
            (_, Value::Null) => Ok(Value::Null),
            (kind, given) if self.is_text() && given.as_text().is_some() => {
                Ok(text_of(kind, given.as_text().unwrap_or_default()))
            }
            (Integer | Decimal | Money, given @ (Value::Integer(_) | Value::Decimal(_))) => {
                Ok(given)
            }
            (DateTime, Value::Date(day)) => Ok(midnight(day)),
            (DateTime, Value::Text(text)) => match value::parse(ValueType::Date, &text) {
                Ok(Value::Date(day)) => Ok(midnight(day)),
                _ => self.fit_exactly(Value::Text(text)),
            },
            (_, given) => self.fit_exactly(given),
        }
    }

    fn fit_exactly(&self, given: Value) -> Result<Value> {
        if let Some(field) = self.field() {
            return field.fit(given);
        }
        match given {
            Value::Text(text) => value::parse(self.value_type, &text),
            given if given.value_type() == Some(self.value_type) => Ok(given),
            given => Err(Error::new(
                Code::WrongType,
                format!(
                    "expected `{}`, not `{}`",
                    self.value_type.name(),
                    given.value_type().map_or("null", ValueType::name)
                ),
            )),
        }
    }
}

/// The first moment of a day in UTC.
pub(super) fn midnight(day: NaiveDate) -> Value {
    Value::DateTime(day.and_time(NaiveTime::MIN).and_utc())
}

fn text_of(kind: ValueType, text: &str) -> Value {
    let text = text.to_owned();
    match kind {
        ValueType::Digits => Value::Digits(text),
        ValueType::Email => Value::Email(text),
        ValueType::Phone => Value::Phone(text),
        ValueType::Link => Value::Link(text),
        _ => Value::Text(text),
    }
}
