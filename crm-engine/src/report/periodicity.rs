//! How often something happens: the first and the last day, and the days between.

use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::expr::Condition;
use crate::facts::Facts;
use crate::policy::{Action, Actor};
use crate::query::{self, Params};
use crate::schema::{Object, Schema};
use crate::store::Snapshot;
use crate::value::{Value, ValueType};

const MILLISECONDS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;
/// Decimal places of the average.
const AVERAGE_PLACES: u32 = 2;

/// How often something happened, by the dates of records that one caller sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Periodicity {
    /// Records that have a date.
    pub count: u64,
    /// The earliest date, as text; none when there are no records.
    pub first: Option<String>,
    /// The latest date, as text.
    pub last: Option<String>,
    /// The days from one to the next on average, to two places; none below two records: what
    /// happened once has no period.
    pub average_days: Option<Decimal>,
}

/// Counts the records of an object for which `condition` holds, by their field `date`, under the
/// rights of `actor` (invariant *one predicate*).
///
/// # Errors
/// [`Code::UnknownObject`], [`Code::UnknownField`], [`Code::WrongType`] for a field that is no
/// date, what is wrong with the condition, and what prevents reading.
pub(crate) fn periodicity(
    (schema, facts, snapshot): (&Arc<Schema>, &Arc<Facts>, &Snapshot),
    actor: Actor,
    object: &str,
    date: &str,
    condition: Option<&str>,
) -> Result<Periodicity> {
    let object = schema.object(object)?;
    let plan = facts.plan(actor, object, Action::View);
    let field = object.find(date).filter(|field| plan.shows(field.id));
    let field = field.ok_or_else(|| object.unknown_field(date))?;
    if !matches!(field.value_type, ValueType::Date | ValueType::DateTime) {
        let kind = field.value_type.name();
        let text = format!("`{date}` is no date, but of type `{kind}`");
        return Err(Error::new(Code::WrongType, text).field(date));
    }
    let (of, name) = (&field.name, &object.name);
    let mut sql = format!("SELECT count(\"{of}\"), min(\"{of}\"), max(\"{of}\") FROM \"{name}\"");
    if let Some(condition) = condition {
        let plans = |object: &Object| facts.plan(actor, object, Action::View);
        // As a condition by itself it is whole: nothing in it can end the brackets around it.
        Condition::compile(schema, object, &plans, condition)?.bind(&Params::new())?;
        let condition = condition.trim_end().trim_end_matches(';');
        sql += &format!(" WHERE (\n{condition}\n)");
    }
    let mut rows = query::prepare(schema, facts, actor, &sql)?.run(snapshot, &Params::new())?;
    let row = rows
        .next()?
        .ok_or_else(|| Error::internal("a count without a row"))?;
    let (count, first, last) = (&row[0], &row[1], &row[2]);
    let count = count.as_integer().and_then(|n| u64::try_from(n).ok());
    let text = |value: &Value| (!value.is_null()).then(|| value.to_string());
    let count = count.unwrap_or_default();
    Ok(Periodicity {
        count,
        first: text(first),
        last: text(last),
        average_days: average(count, first, last),
    })
}

fn average(count: u64, first: &Value, last: &Value) -> Option<Decimal> {
    let gaps = count.checked_sub(1).filter(|gaps| *gaps > 0)?;
    let days = match (first, last) {
        (Value::Date(first), Value::Date(last)) => {
            Decimal::from(last.signed_duration_since(*first).num_days())
        }
        (Value::DateTime(first), Value::DateTime(last)) => {
            let between = last.signed_duration_since(*first).num_milliseconds();
            Decimal::from(between).checked_div(MILLISECONDS_PER_DAY.into())?
        }
        _ => return None,
    };
    let average = days.checked_div(gaps.into())?;
    let strategy = RoundingStrategy::MidpointAwayFromZero;
    Some(
        average
            .round_dp_with_strategy(AVERAGE_PLACES, strategy)
            .normalize(),
    )
}
