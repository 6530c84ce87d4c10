//! Totals: groupings whose counts and sums are kept as records are written.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::ids::FieldId;
use crate::value::{Value, ValueType};

/// A grouping whose count and sums are kept for every owner, for all of them together and for
/// what is shared with each user, in the write transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// Its number within the object. That of a total that was taken away may be given again:
    /// nothing of it is left.
    pub id: u8,
    /// Its stable API name.
    pub name: String,
    /// What it groups by; nothing counts all records together. A choice or a checkbox stands
    /// last, if there is one: its groups share one entry.
    pub parts: Vec<TotalPart>,
    /// The numeric or money fields it sums.
    pub sums: Vec<FieldId>,
}

/// A part of what a total groups by: the values of a field, or the periods they lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalPart {
    /// The field.
    pub field: FieldId,
    /// The type of its values.
    pub value_type: ValueType,
    /// The periods its days are gathered into.
    pub period: Option<Period>,
}

/// A period of the calendar that a day lies in. Days have no time zone, so neither have periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A month of a year.
    Month,
    /// A quarter of a year.
    Quarter,
    /// A year.
    Year,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Period; 3] = [Period::Month, Period::Quarter, Period::Year];

    /// Its name, as it is declared.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        }
    }

    /// The first day of the period that `day` lies in.
    ///
    /// ```
    /// use crm_engine::Period;
    /// let day = "2017-08-21".parse().unwrap();
    /// assert_eq!(Period::Month.start(day).to_string(), "2017-08-01");
    /// assert_eq!(Period::Quarter.start(day).to_string(), "2017-07-01");
    /// assert_eq!(Period::Year.start(day).to_string(), "2017-01-01");
    /// ```
    #[must_use]
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let month = match self {
            Period::Month => day.month0(),
            Period::Quarter => day.month0() / 3 * 3,
            Period::Year => 0,
        };
        // The first of a month is a day of every month there is.
        let first = day.with_day(1);
        first.and_then(|day| day.with_month0(month)).unwrap_or(day)
    }
}

impl Total {
    /// The parts of the key of an entry, and the part whose groups share it.
    pub(crate) fn split(&self) -> (&[TotalPart], Option<&TotalPart>) {
        match self.parts.split_last() {
            Some((last, others)) if last.is_packed() => (others, Some(last)),
            _ => (&self.parts, None),
        }
    }

    /// Whether the total is made of the field.
    pub(crate) fn is_made_of(&self, field: FieldId) -> bool {
        self.fields().any(|own| own == field)
    }

    /// The fields it is made of: those it groups by, then those it sums.
    pub(crate) fn fields(&self) -> impl Iterator<Item = FieldId> {
        let grouped = self.parts.iter().map(|part| part.field);
        grouped.chain(self.sums.iter().copied())
    }
}

impl TotalPart {
    /// Whether the values are few, so that their groups share one entry.
    pub(super) fn is_packed(&self) -> bool {
        matches!(self.value_type, ValueType::Choice | ValueType::Checkbox)
    }

    /// The value of the part for a record whose field has `value`.
    pub(crate) fn of(&self, value: &Value) -> Value {
        match (self.period, value) {
            (Some(period), Value::Date(day)) => Value::Date(period.start(*day)),
            (_, value) => value.clone(),
        }
    }
}
