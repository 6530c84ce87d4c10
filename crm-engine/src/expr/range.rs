//! Between what a value must be for a test to hold.

use std::borrow::Cow;

use super::eval::Operand;
use super::params::Bound;
use crate::value::{Value, ValueType, compare};

/// The ends of a range, both included; what has no end is open there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Range {
    pub(super) lower: Option<Operand>,
    pub(super) upper: Option<Operand>,
    /// One of the periods of the run.
    pub(super) period: Option<usize>,
}

impl Range {
    /// Whether it has both ends.
    pub(crate) fn is_closed(&self) -> bool {
        self.period.is_some() || (self.lower.is_some() && self.upper.is_some())
    }

    /// The ends in a run, for a field of a type.
    pub(crate) fn ends<'a>(
        &'a self,
        bound: &'a Bound,
        value_type: ValueType,
    ) -> (Option<Cow<'a, Value>>, Option<Cow<'a, Value>>) {
        let fixed = |end: &'a Option<Operand>| end.as_ref()?.fixed(bound).map(Cow::Borrowed);
        let (lower, upper) = (fixed(&self.lower), fixed(&self.upper));
        let Some(stretch) = self.period.and_then(|place| bound.period(place).ok()) else {
            return (lower, upper);
        };
        let (from, to) = stretch.ends(value_type == ValueType::DateTime);
        // What is open or another type's gives way; of two ends the narrower one stands.
        let narrower = |end: Option<Cow<'a, Value>>,
                        other: Value,
                        keeps: fn(&Value, &Value) -> bool| {
            let end = end.filter(|end| end.value_type() == Some(value_type) && keeps(end, &other));
            Some(end.unwrap_or(Cow::Owned(other)))
        };
        (
            narrower(lower, from, |end, other| compare(end, other).is_gt()),
            narrower(upper, to, |end, other| compare(end, other).is_lt()),
        )
    }
}
