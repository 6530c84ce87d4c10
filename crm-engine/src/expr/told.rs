//! What can be told without the record itself, from what is known of some of its fields.

use chrono::Days;

use super::calendar::Unit;
use super::eval::{Comparison, Operand, Test};
use super::params::Bound;
use crate::ids::FieldId;
use crate::schema::Period;
use crate::value::Value;

/// What is known of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Nothing,
    /// The first day of the period that its day lies in.
    Period(Period),
    Value,
}

/// What is known of each field.
pub(crate) type Told<'a> = &'a dyn Fn(FieldId) -> Known;

impl Test {
    /// Whether the answer follows from what is told. What is read of other records stands in no
    /// way of it. Of a field whose period is told it may depend on the run: see
    /// [`is_aligned`](Test::is_aligned).
    pub(crate) fn is_told(&self, told: Told<'_>) -> bool {
        match self {
            Test::Constant(_) => true,
            Test::InPeriod(operand, _) => operand.is_told(told) || operand.period(told).is_some(),
            Test::Checked(operand) | Test::IsNull(operand) | Test::Within(operand, _) => {
                operand.is_told(told)
            }
            Test::And(tests) | Test::Or(tests) => tests.iter().all(|test| test.is_told(told)),
            Test::Not(test) => test.is_told(told),
            Test::Compare(left, comparison, right) => {
                let orders = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                let by_period = orders && right.is_fixed() && left.period(told).is_some();
                right.is_told(told) && (by_period || left.is_told(told))
            }
            Test::Like(left, right) => left.is_told(told) && right.is_told(told),
            Test::In(operand, list) => {
                operand.is_told(told) && list.iter().all(|item| item.is_told(told))
            }
        }
    }

    /// Whether all that a test [tells](Test::is_told) of days by their periods begins and ends
    /// with such periods in this run.
    pub(crate) fn is_aligned(&self, bound: &Bound, told: Told<'_>) -> bool {
        match self {
            Test::And(tests) | Test::Or(tests) => {
                tests.iter().all(|test| test.is_aligned(bound, told))
            }
            Test::Not(test) => test.is_aligned(bound, told),
            Test::InPeriod(operand, place) => operand.period(told).is_none_or(|period| {
                let stretch = bound.period(*place).map(|stretch| stretch.ends(false));
                stretch.is_ok_and(|(from, to)| begins(period, &from) && begins(period, &to))
            }),
            Test::Compare(left, comparison, right) => left.period(told).is_none_or(|period| {
                let Some(value) = right.fixed(bound) else {
                    return false;
                };
                match comparison {
                    Comparison::GreaterOrEqual | Comparison::Less => begins(period, value),
                    _ => ends(period, value),
                }
            }),
            _ => true,
        }
    }
}

/// Whether a period begins with the day. No day comes before or after none.
fn begins(period: Period, day: &Value) -> bool {
    match day {
        Value::Date(day) => period.start(*day) == *day,
        other => other.is_null(),
    }
}

/// Whether a period ends with the day.
fn ends(period: Period, day: &Value) -> bool {
    match day {
        Value::Date(day) => day
            .checked_add_days(Days::new(1))
            .is_some_and(|next| period.start(next) == next),
        other => other.is_null(),
    }
}

impl Operand {
    /// As [`Test::is_told`], of a value.
    pub(crate) fn is_told(&self, told: Told<'_>) -> bool {
        match self {
            Operand::Constant(_) | Operand::Bound(_) => true,
            Operand::Field(field) => told(*field) == Known::Value,
            Operand::Path(path) => told(path.first) == Known::Value,
            Operand::Link(link) => link.reference.is_told(told),
            Operand::Negative(operand) | Operand::Currency(operand) | Operand::Widened(operand) => {
                operand.is_told(told)
            }
            Operand::Arithmetic(operation) => {
                operation.0.is_told(told) && operation.2.is_told(told)
            }
            Operand::Names(set) => set.0.is_told(told),
            Operand::Coalesce(operands) | Operand::Filled(operands) => {
                operands.iter().all(|operand| operand.is_told(told))
            }
            Operand::Case(case) => {
                let mut arms = case.arms.iter();
                arms.all(|(test, value)| test.is_told(told) && value.is_told(told))
                    && case.otherwise.is_told(told)
            }
            Operand::DatePart(part) => {
                let by_period = part
                    .1
                    .period(told)
                    .is_some_and(|known| tells(known, part.0));
                by_period || part.1.is_told(told)
            }
            Operand::StartOf(parts) => {
                let (unit, of) = &**parts;
                let by_period = of.period(told).is_some_and(|known| match unit {
                    Operand::Constant(Value::Text(unit)) => {
                        Unit::parse(unit).is_some_and(|unit| tells(known, unit))
                    }
                    _ => false,
                });
                by_period || (unit.is_told(told) && of.is_told(told))
            }
            // Of a group, and of what refers to the record itself.
            Operand::Part(_) | Operand::Child(_) => false,
        }
    }

    /// The period that is told of a field.
    fn period(&self, told: Told<'_>) -> Option<Period> {
        match self {
            Operand::Field(field) => match told(*field) {
                Known::Period(period) => Some(period),
                Known::Nothing | Known::Value => None,
            },
            _ => None,
        }
    }
}

/// Whether all days of such a period lie in one of the unit.
fn tells(known: Period, unit: Unit) -> bool {
    match unit {
        Unit::Day | Unit::Week => false,
        Unit::Month => known == Period::Month,
        Unit::Quarter => known <= Period::Quarter,
        Unit::Year => true,
    }
}
