//! From what callers write to typed values of a field and back: the place where choice names
//! become numbers.

use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::ids::ChoiceId;
use crate::value::{self, Value, ValueType};

use super::Field;

impl Field {
    /// The value that `text` writes (a CSV cell, a literal). Empty text is no value.
    ///
    /// # Errors
    /// [`Code::InvalidValue`], naming the field and what it takes.
    pub fn parse(&self, text: &str) -> Result<Value> {
        if text.is_empty() {
            return Ok(Value::Null);
        }
        match self.value_type {
            ValueType::Choice => Ok(Value::Choice(self.choice(text)?.id)),
            ValueType::ChoiceSet => self.choice_set(
                text.split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty()),
            ),
            other => value::parse(other, text).map_err(|error| self.blame(&error)),
        }
    }

    /// The value that `json` writes.
    ///
    /// # Errors
    /// [`Code::WrongType`] or [`Code::InvalidValue`], naming the field and what it takes.
    pub fn from_json(&self, json: &Json) -> Result<Value> {
        let name = |json: &Json| {
            json.as_str().map(str::to_owned).ok_or_else(|| {
                Error::new(
                    Code::WrongType,
                    format!("`{}` takes the name of a choice", self.name),
                )
                .field(&self.name)
            })
        };
        match (self.value_type, json) {
            (_, Json::Null) => Ok(Value::Null),
            (ValueType::Choice, json) => Ok(Value::Choice(self.choice(&name(json)?)?.id)),
            (ValueType::ChoiceSet, Json::Array(items)) => {
                let names = items.iter().map(name).collect::<Result<Vec<String>>>()?;
                self.choice_set(names.iter().map(String::as_str))
            }
            (other, json) => value::from_json(other, json).map_err(|error| self.blame(&error)),
        }
    }

    /// `given` as a value of this field: text is parsed, everything else must fit already.
    ///
    /// # Errors
    /// [`Code::WrongType`] or [`Code::InvalidValue`], naming the field and what it takes.
    pub fn fit(&self, given: Value) -> Result<Value> {
        match (&given, given.value_type()) {
            (_, None) => Ok(given),
            (Value::Choice(id), Some(kind)) if kind == self.value_type => {
                self.known_choice(*id).map(|()| given)
            }
            (Value::ChoiceSet(ids), Some(kind)) if kind == self.value_type => {
                ids.iter().try_for_each(|id| self.known_choice(*id))?;
                Ok(given)
            }
            (_, Some(kind)) if kind == self.value_type => {
                given.check().map_err(|error| self.blame(&error))?;
                Ok(given)
            }
            (Value::Text(text), _) => self.parse(text),
            (Value::Integer(n), _) if self.value_type == ValueType::Decimal => {
                Ok(Value::Decimal((*n).into()))
            }
            (Value::Integer(n), _) if self.value_type == ValueType::Reference => {
                self.parse(&n.to_string())
            }
            (_, Some(kind)) => Err(Error::new(
                Code::WrongType,
                format!(
                    "`{}` takes `{}`, not `{}`",
                    self.name,
                    self.value_type.name(),
                    kind.name()
                ),
            )
            .field(&self.name)),
        }
    }

    /// The value as JSON, choices by their names.
    #[must_use]
    pub fn to_json(&self, value: &Value) -> Json {
        match value {
            Value::Choice(id) => self.choice_name(*id).into(),
            Value::ChoiceSet(ids) => ids
                .iter()
                .map(|id| Json::from(self.choice_name(*id)))
                .collect(),
            other => value::to_json(other),
        }
    }

    /// As [`to_json`](Field::to_json), for a value that nobody needs any more.
    pub(crate) fn json_of(&self, value: Value) -> Json {
        match value {
            Value::Choice(_) | Value::ChoiceSet(_) => self.to_json(&value),
            other => value::into_json(other),
        }
    }

    /// The value as text, choices by their names; no value is empty text.
    #[must_use]
    pub fn to_text(&self, value: &Value) -> String {
        match value {
            Value::Choice(id) => self.choice_name(*id).to_owned(),
            Value::ChoiceSet(ids) => {
                let names: Vec<&str> = ids.iter().map(|id| self.choice_name(*id)).collect();
                names.join(",")
            }
            other => other.to_string(),
        }
    }

    fn choice_set<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<Value> {
        let mut ids = names
            .map(|name| self.choice(name).map(|c| c.id))
            .collect::<Result<Vec<ChoiceId>>>()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(match ids.is_empty() {
            true => Value::Null,
            false => Value::ChoiceSet(ids),
        })
    }

    fn choice_name(&self, id: ChoiceId) -> &str {
        self.choice_by_id(id).map_or("", |choice| &choice.name)
    }

    fn known_choice(&self, id: ChoiceId) -> Result<()> {
        match self.choice_by_id(id) {
            Some(_) => Ok(()),
            None => Err(Error::new(
                Code::InvalidValue,
                format!("`{}` has no choice number {}", self.name, id.0),
            )
            .field(&self.name)),
        }
    }

    fn blame(&self, error: &Error) -> Error {
        error
            .clone()
            .context(format!("`{}`", self.name))
            .field(&self.name)
    }
}
