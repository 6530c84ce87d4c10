//! Aggregates over groups of records.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::select::{Grouping, Part};
use crate::error::{Code, Error, Result};
use crate::expr::{Context, Operand};
use crate::limits::QUERY_GROUPS_MAX;
use crate::value::{Amounts, Money, Value, compare, encode_value};

/// What is computed of a group.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Aggregate {
    /// The number of records.
    Count,
    /// Something of the values that are there.
    Of(Measure, Operand),
}

/// What is computed of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Count,
    /// Of amounts of money, or of plain numbers.
    Sum {
        money: bool,
    },
    Min,
    Max,
}

/// The groups found so far.
pub(super) struct Groups<'g> {
    grouping: &'g Grouping,
    found: BTreeMap<GroupKey, Vec<Partial>>,
}

/// An aggregate of the records seen so far.
pub(super) enum Partial {
    Count(u64),
    Sum(Amounts),
    Least(Value),
    Greatest(Value),
}

impl Partial {
    fn add(&mut self, value: &Value) -> Result<()> {
        match (self, value) {
            (_, Value::Null) => Ok(()),
            (Partial::Count(count), _) => {
                *count += 1;
                Ok(())
            }
            (Partial::Sum(amounts), Value::Money(_) | Value::Decimal(_) | Value::Integer(_)) => {
                amounts.change(value, true);
                Ok(())
            }
            (Partial::Sum(_), _) => Err(Error::internal("a sum of something else")),
            (Partial::Least(least), value) => replace(least, value, Ordering::Less),
            (Partial::Greatest(greatest), value) => replace(greatest, value, Ordering::Greater),
        }
    }

    /// Adds what is known of other records.
    fn merge(&mut self, other: Partial) -> Result<()> {
        match (self, other) {
            (Partial::Count(count), Partial::Count(other)) => {
                *count += other;
                Ok(())
            }
            (Partial::Sum(amounts), Partial::Sum(others)) => {
                amounts.join(&others, true);
                Ok(())
            }
            _ => Err(Error::internal("totals hold counts and sums only")),
        }
    }

    /// A sum of money that comes to nothing is no value: nothing has no currency.
    fn finish(self, aggregate: &Aggregate) -> Result<Value> {
        let amounts = match self {
            Partial::Count(count) => {
                return Ok(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)));
            }
            Partial::Least(value) | Partial::Greatest(value) => return Ok(value),
            Partial::Sum(amounts) => amounts,
        };
        let mut amounts = amounts.iter();
        if amounts.len() > 1 {
            return Err(several_currencies());
        }
        let amount = amounts.next().map(|(currency, sum)| match sum.total() {
            Some(amount) => Ok((currency, amount)),
            None => Err(Error::new(Code::LimitExceeded, "a sum exceeds 28 digits")),
        });
        Ok(match (amount.transpose()?, aggregate) {
            (Some((Some(currency), amount)), _) => Value::Money(Money { currency, amount }),
            (Some((None, amount)), _) => Value::Decimal(amount),
            (None, Aggregate::Of(Measure::Sum { money: true }, _)) => Value::Null,
            (None, _) => Value::Decimal(Decimal::ZERO),
        })
    }
}

/// Puts `value` into `best` when it stands `wanted` to it.
fn replace(best: &mut Value, value: &Value, wanted: Ordering) -> Result<()> {
    if let (Value::Money(a), Value::Money(b)) = (&*best, value)
        && a.currency != b.currency
    {
        return Err(several_currencies());
    }
    if best.is_null() || order_exactly(value, best) == wanted {
        *best = value.clone();
    }
    Ok(())
}

fn several_currencies() -> Error {
    Error::new(
        Code::InvalidValue,
        "amounts in several currencies: add `currency(...)` of the field to GROUP BY",
    )
}

/// The values that make a group, in the order of values; unlike values never share a group.
#[derive(Debug, Clone)]
struct GroupKey(Vec<Value>);

impl Ord for GroupKey {
    fn cmp(&self, other: &GroupKey) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        pairs
            .map(|(a, b)| order_exactly(a, b))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for GroupKey {
    fn partial_cmp(&self, other: &GroupKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for GroupKey {
    fn eq(&self, other: &GroupKey) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for GroupKey {}

/// The order of values, and where that ends (long texts), the order of their bytes.
fn order_exactly(a: &Value, b: &Value) -> Ordering {
    compare(a, b).then_with(|| match a == b {
        true => Ordering::Equal,
        false => bytes(a).cmp(&bytes(b)),
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_value(value, &mut bytes);
    bytes
}

impl<'g> Groups<'g> {
    /// No groups yet; the one group of a query without `GROUP BY` is always there.
    pub(super) fn new(grouping: &'g Grouping) -> Groups<'g> {
        let mut found = BTreeMap::new();
        if grouping.by.is_empty() {
            found.insert(GroupKey(Vec::new()), partials(grouping));
        }
        Groups { grouping, found }
    }

    /// Takes a record into its group.
    pub(super) fn add(&mut self, context: &Context<'_>) -> Result<()> {
        let key = self.key(context)?;
        let aggregates = &self.grouping.aggregates;
        for (partial, aggregate) in self.group(key)?.iter_mut().zip(aggregates) {
            match aggregate {
                Aggregate::Count => partial.add(&Value::Checkbox(true))?,
                Aggregate::Of(_, operand) => partial.add(&*operand.evaluate(context)?)?,
            }
        }
        Ok(())
    }

    /// Adds what is known of other records, which `context` stands for.
    pub(super) fn add_known(&mut self, context: &Context<'_>, others: Vec<Partial>) -> Result<()> {
        let key = self.key(context)?;
        let mine = self.group(key)?;
        mine.iter_mut()
            .zip(others)
            .try_for_each(|(mine, other)| mine.merge(other))
    }

    fn key(&self, context: &Context<'_>) -> Result<GroupKey> {
        let by = self.grouping.by.iter();
        let key = by.map(|operand| Ok(unscaled(operand.evaluate(context)?.into_owned())));
        key.collect::<Result<Vec<Value>>>().map(GroupKey)
    }

    fn group(&mut self, key: GroupKey) -> Result<&mut Vec<Partial>> {
        if self.found.len() >= QUERY_GROUPS_MAX && !self.found.contains_key(&key) {
            return Err(Error::new(
                Code::LimitExceeded,
                format!("a query makes at most {QUERY_GROUPS_MAX} groups"),
            ));
        }
        Ok(self
            .found
            .entry(key)
            .or_insert_with(|| partials(self.grouping)))
    }

    /// The rows of the groups, in the order asked for, then in that of what makes the groups.
    pub(super) fn into_rows(self, limit: usize) -> Result<Vec<Vec<Value>>> {
        let grouping = self.grouping;
        let mut groups = Vec::with_capacity(self.found.len());
        for (key, partials) in self.found {
            let pairs = partials.into_iter().zip(&grouping.aggregates);
            let aggregates = pairs.map(|(partial, aggregate)| partial.finish(aggregate));
            let aggregates = aggregates.collect::<Result<Vec<Value>>>()?;
            groups.push((key.0, aggregates));
        }
        let part = |(by, aggregates): &(Vec<Value>, Vec<Value>), part: Part| match part {
            Part::By(at) => by[at].clone(),
            Part::Aggregate(at) => aggregates[at].clone(),
        };
        groups.sort_by(|a, b| {
            let keys = grouping.order.iter().map(|(key, descending)| {
                let order = compare(&part(a, *key), &part(b, *key));
                if *descending { order.reverse() } else { order }
            });
            keys.into_iter()
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        groups.truncate(limit);
        let row = |group| {
            grouping
                .columns
                .iter()
                .map(|column| part(group, *column))
                .collect()
        };
        Ok(groups.iter().map(row).collect())
    }
}

fn partials(grouping: &Grouping) -> Vec<Partial> {
    let empty = |aggregate: &Aggregate| match aggregate {
        Aggregate::Count | Aggregate::Of(Measure::Count, _) => Partial::Count(0),
        Aggregate::Of(Measure::Sum { .. }, _) => Partial::Sum(Amounts::default()),
        Aggregate::Of(Measure::Min, _) => Partial::Least(Value::Null),
        Aggregate::Of(Measure::Max, _) => Partial::Greatest(Value::Null),
    };
    grouping.aggregates.iter().map(empty).collect()
}

/// Equal numbers make one group, however many zeros they were typed with.
fn unscaled(value: Value) -> Value {
    match value {
        Value::Decimal(n) => Value::Decimal(n.normalize()),
        Value::Money(Money { currency, amount }) => Value::Money(Money {
            currency,
            amount: amount.normalize(),
        }),
        other => other,
    }
}
