//! Parameters: values that are not part of a text.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use sqlparser::tokenizer::Location;

use super::domain::Domain;
use super::like;
use super::subselect::Answers;
use super::syntax::{Source, blame};
use crate::error::{Code, Error, Result};
use crate::limits::PATTERN_BYTES_MAX;
use crate::value::Value;

/// The values for the parameters of a query: by position for `?`, by position or name for
/// `:name`. Positions follow the order of appearance; a name counts where it appears first.
///
/// ```
/// use crm_engine::Params;
/// let params = Params::new().with(1200).named("after", "2026-03-01");
/// assert_ne!(params, Params::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params {
    positional: Vec<Option<Value>>,
    named: Vec<(String, Value)>,
}

impl Params {
    /// No values.
    #[must_use]
    pub fn new() -> Params {
        Params::default()
    }

    /// Adds the value of the next position.
    #[must_use]
    pub fn with(mut self, value: impl Into<Value>) -> Params {
        self.positional.push(Some(value.into()));
        self
    }

    /// Adds the value of a name, written without its colon.
    #[must_use]
    pub fn named(mut self, name: &str, value: impl Into<Value>) -> Params {
        self.named.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the value of a position of a query that is known to have it.
    pub(crate) fn set(&mut self, position: usize, value: Value) {
        if self.positional.len() <= position {
            self.positional.resize(position + 1, None);
        }
        self.positional[position] = Some(value);
    }
}

/// The parameters of a compiled text and the places where they stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    names: Vec<Option<String>>,
    /// Where each parameter without a name stands.
    places: Vec<Option<Location>>,
    slots: Vec<Slot>,
    /// How many sub-selects the text has.
    sub_selects: usize,
}

/// What one run of a text works with: the values of its parameters, place by place, and the
/// answers of its sub-selects, which are found when they are first needed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    values: Vec<Value>,
    pub(super) answers: Arc<Answers>,
}

impl Deref for Bound {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

/// A place where a parameter stands; one parameter may stand in several.
#[derive(Debug, Clone)]
struct Slot {
    parameter: usize,
    domain: Domain,
    /// The value is the pattern of a `LIKE`.
    pattern: bool,
    at: Location,
}

impl Parameters {
    /// The names of the parameters by position; none for `?`.
    pub(crate) fn names(&self) -> &[Option<String>] {
        &self.names
    }

    /// The parameters that stand in a text, which count in the order of the text whatever is
    /// checked first.
    pub(crate) fn of(source: &Source) -> Parameters {
        let mut parameters = Parameters::default();
        for (placeholder, at) in source.placeholders() {
            parameters.place(placeholder, *at);
        }
        parameters
    }

    /// The position of the parameter written as `placeholder` at a place; none if it is neither
    /// `?` nor a colon and a name.
    pub(super) fn place(&mut self, placeholder: &str, at: Location) -> Option<usize> {
        let name = match placeholder {
            "?" => None,
            other => Some(
                other
                    .strip_prefix(':')
                    .filter(|name| !name.is_empty())?
                    .to_owned(),
            ),
        };
        let known = match &name {
            Some(_) => self.names.iter().position(|known| *known == name),
            None => self.places.iter().position(|known| *known == Some(at)),
        };
        Some(known.unwrap_or_else(|| {
            self.places.push(name.is_none().then_some(at));
            self.names.push(name);
            self.names.len() - 1
        }))
    }

    /// A new place for a parameter: gives the index of its value among the bound ones.
    pub(super) fn slot(
        &mut self,
        parameter: usize,
        domain: Domain,
        pattern: bool,
        at: Location,
    ) -> usize {
        self.slots.push(Slot {
            parameter,
            domain,
            pattern,
            at,
        });
        self.slots.len() - 1
    }

    /// A new place for the answer of a sub-select.
    pub(super) fn sub_select(&mut self) -> usize {
        self.sub_selects += 1;
        self.sub_selects - 1
    }

    /// One value for every place where a parameter stands, and room for what sub-selects find.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for missing and for unknown parameters,
    /// [`Code::WrongType`] and [`Code::InvalidValue`] for values that do not fit their place.
    pub(crate) fn bind(&self, params: &Params) -> Result<Bound> {
        self.refuse_unknown(params)?;
        let mut values = Vec::with_capacity(self.names.len());
        for (position, name) in self.names.iter().enumerate() {
            let named = params
                .named
                .iter()
                .rev()
                .find(|(given, _)| Some(given) == name.as_ref());
            let value = match named {
                Some((_, value)) => Some(value),
                None => params.positional.get(position).and_then(Option::as_ref),
            };
            values.push(value.ok_or_else(|| {
                let name = match name {
                    Some(name) => format!(":{name}"),
                    None => (position + 1).to_string(),
                };
                Error::new(
                    Code::InvalidArguments,
                    format!("parameter `{name}` has no value"),
                )
                .with("parameter", name)
            })?);
        }
        let slots = self.slots.iter();
        let values = slots.map(|slot| slot.fit(values[slot.parameter].clone()));
        Ok(Bound {
            values: values.collect::<Result<Vec<Value>>>()?,
            answers: Arc::new((0..self.sub_selects).map(|_| OnceLock::new()).collect()),
        })
    }

    fn refuse_unknown(&self, params: &Params) -> Result<()> {
        let unknown = |name: &str| {
            Error::new(
                Code::InvalidArguments,
                format!("there is no parameter `{name}`"),
            )
            .with("parameter", name)
        };
        if params.positional.len() > self.names.len() {
            return Err(unknown(&params.positional.len().to_string()));
        }
        let known = |name: &str| self.names.iter().flatten().any(|known| known == name);
        match params.named.iter().find(|(name, _)| !known(name)) {
            Some((name, _)) => Err(unknown(&format!(":{}", crate::value::shorten(name)))),
            None => Ok(()),
        }
    }
}

impl Slot {
    fn fit(&self, value: Value) -> Result<Value> {
        let fitted = match self.pattern {
            true => pattern(value),
            false => self.domain.fit(value),
        };
        fitted.map_err(|error| blame(error, self.at))
    }
}

/// The pattern of a `LIKE`, folded once for all records.
///
/// # Errors
/// [`Code::WrongType`] for anything but text, [`Code::LimitExceeded`] beyond
/// [`PATTERN_BYTES_MAX`].
pub(super) fn pattern(value: Value) -> Result<Value> {
    match value.as_text() {
        Some(text) if text.len() > PATTERN_BYTES_MAX => Err(Error::new(
            Code::LimitExceeded,
            format!(
                "a pattern has at most {PATTERN_BYTES_MAX} bytes, not {}",
                text.len()
            ),
        )),
        Some(text) => Ok(Value::Text(like::folded(text))),
        None if value.is_null() => Ok(Value::Null),
        None => Err(Error::new(Code::WrongType, "a pattern is a text")),
    }
}
