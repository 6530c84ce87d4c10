//! Parameters: values that are not part of a text.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};

use sqlparser::tokenizer::Location;

use super::calendar::{Calendar, Period, Stretch};
use super::dates::unit;
use super::domain::Domain;
use super::like;
use super::subselect::Answers;
use super::syntax::{Source, blame};
use crate::error::{Code, Error, Result};
use crate::limits::PATTERN_BYTES_MAX;
use crate::value::{Value, ValueType};

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
    /// When and where the text is run.
    calendar: Option<Calendar>,
    /// A day given for a moment begins where the text is run, not in UTC.
    local_days: bool,
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

    /// The same values, for a run at a moment and in a time zone.
    #[must_use]
    pub(crate) fn at(mut self, calendar: Calendar) -> Params {
        self.calendar = Some(calendar);
        self
    }

    /// The same values; a day among them that stands for a moment begins where the text is run.
    #[must_use]
    pub(crate) fn with_local_days(mut self) -> Params {
        self.local_days = true;
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
    /// The periods that the text names.
    periods: Vec<Named>,
    /// The text depends on the time or on the time zone of who asks.
    pub(super) dated: bool,
    /// How many sub-selects the text has.
    sub_selects: usize,
}

/// What one run of a text works with: the values of its parameters, place by place, and the
/// answers of its sub-selects, which are found when they are first needed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    values: Vec<Value>,
    calendar: Option<Calendar>,
    periods: Vec<Stretch>,
    tally: Arc<Tally>,
    pub(super) answers: Arc<Answers>,
}

impl Deref for Bound {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

/// How much was looked at in a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records looked at, seen or not: what is limited.
    pub(crate) touched: AtomicU64,
    /// Of those, the ones the caller may see: those of the query itself.
    pub(crate) seen: AtomicU64,
    /// And those of its sub-selects.
    pub(crate) nested: AtomicU64,
    /// Rows of sub-selects whose records may not be taken out.
    pub(crate) confined: AtomicUsize,
    /// Which of its ways the query itself took.
    pub(crate) way: AtomicUsize,
    /// How many records it was expected to look at, and one; 0 where that was not asked.
    pub(crate) expected: AtomicU64,
}

impl Bound {
    /// The same with the record around a sub-select. What its own sub-selects find depends on no
    /// record, so it is found once.
    ///
    /// # Errors
    /// Where there is no such place.
    pub(crate) fn around(&self, place: usize, record: Value) -> Result<Bound> {
        let mut bound = self.clone();
        let value = bound.values.get_mut(place);
        *value.ok_or_else(|| Error::internal("a sub-select was not bound"))? = record;
        Ok(bound)
    }

    /// How much was looked at so far.
    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// The present moment and the time zone of the one who asks.
    pub(super) fn calendar(&self) -> Result<&Calendar> {
        let calendar = self.calendar.as_ref();
        calendar.ok_or_else(|| Error::internal("nobody told what time it is"))
    }

    /// The period of a place.
    pub(crate) fn period(&self, place: usize) -> Result<&Stretch> {
        let period = self.periods.get(place);
        period.ok_or_else(|| Error::internal("a period was not bound"))
    }
}

/// A place with a value that is known when the text is run.
#[derive(Debug, Clone)]
struct Slot {
    filler: Filler,
    at: Location,
}

#[derive(Debug, Clone)]
enum Filler {
    /// A parameter, which may stand in several places.
    Parameter(usize, Wanted),
    Now,
    /// The present day, or its first moment.
    Today {
        begins: bool,
    },
    /// The record around a sub-select.
    Around,
}

/// What the value of a parameter must be.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    Value(Domain),
    /// The pattern of a `LIKE`.
    Pattern,
    /// The name of a unit of the calendar.
    Unit,
}

/// A period by its name, or by that in a parameter.
#[derive(Debug, Clone)]
enum Named {
    Known(Period),
    Parameter(usize, Location),
}

impl Parameters {
    /// The names of the parameters by position; none for `?`.
    pub(crate) fn names(&self) -> &[Option<String>] {
        &self.names
    }

    /// Whether a run must be told when and where it is.
    pub(crate) fn are_dated(&self) -> bool {
        self.dated
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
    pub(super) fn slot(&mut self, parameter: usize, wanted: Wanted, at: Location) -> usize {
        self.fill(Filler::Parameter(parameter, wanted), at)
    }

    /// A new place for the present moment.
    pub(super) fn now(&mut self, at: Location) -> usize {
        self.fill(Filler::Now, at)
    }

    /// A new place for the present day, or for its first moment.
    pub(super) fn today(&mut self, begins: bool, at: Location) -> usize {
        self.fill(Filler::Today { begins }, at)
    }

    /// A new place for the record around a sub-select.
    pub(crate) fn around(&mut self, at: Location) -> usize {
        self.fill(Filler::Around, at)
    }

    fn fill(&mut self, filler: Filler, at: Location) -> usize {
        self.slots.push(Slot { filler, at });
        self.slots.len() - 1
    }

    /// A new place for a period.
    pub(super) fn known_period(&mut self, period: Period) -> usize {
        self.periods.push(Named::Known(period));
        self.periods.len() - 1
    }

    /// A new place for the period that a parameter names.
    pub(super) fn period(&mut self, parameter: usize, at: Location) -> usize {
        self.periods.push(Named::Parameter(parameter, at));
        self.periods.len() - 1
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
        let calendar = || {
            let calendar = params.calendar;
            calendar.ok_or_else(|| Error::internal("nobody told what time it is"))
        };
        let slots = self.slots.iter().map(|slot| match &slot.filler {
            Filler::Parameter(parameter, wanted) => {
                let value = match (values[*parameter], params.calendar) {
                    (Value::Date(day), Some(calendar))
                        if params.local_days && wanted.is_moment() =>
                    {
                        Value::DateTime(calendar.beginning(*day))
                    }
                    (value, _) => value.clone(),
                };
                wanted.fit(value).map_err(|error| blame(error, slot.at))
            }
            Filler::Around => Ok(Value::Null),
            Filler::Now => Ok(Value::DateTime(calendar()?.now())),
            Filler::Today { begins: false } => Ok(Value::Date(calendar()?.today())),
            Filler::Today { begins: true } => {
                let calendar = calendar()?;
                Ok(Value::DateTime(calendar.beginning(calendar.today())))
            }
        });
        let periods = self.periods.iter().map(|period| {
            let period = match period {
                Named::Known(period) => *period,
                Named::Parameter(parameter, at) => {
                    let text = values[*parameter].as_text().unwrap_or_default();
                    Period::parse(text).map_err(|error| blame(error, *at))?
                }
            };
            Ok(calendar()?.stretch(period))
        });
        Ok(Bound {
            calendar: params.calendar,
            tally: Arc::default(),
            periods: periods.collect::<Result<Vec<Stretch>>>()?,
            values: slots.collect::<Result<Vec<Value>>>()?,
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

impl Wanted {
    fn fit(&self, value: Value) -> Result<Value> {
        match self {
            Wanted::Value(domain) => domain.fit(value),
            Wanted::Pattern => pattern(value),
            Wanted::Unit => unit(value),
        }
    }

    fn is_moment(&self) -> bool {
        matches!(self, Wanted::Value(domain) if domain.value_type == ValueType::DateTime)
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
