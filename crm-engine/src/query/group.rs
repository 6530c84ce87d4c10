//! Aggregates over groups of records.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::select::Grouping;
use crate::error::{Code, Error, Result};
pub(super) use crate::expr::{Aggregate, Measure};
use crate::expr::{Bound, Context, Operand, Row};
use crate::ids::FieldId;
use crate::limits::{QUERY_DISTINCT_VALUES_MAX, QUERY_GROUPS_MAX};
use crate::store::Read;
use crate::value::{Amounts, Currency, Exact, Money, Value, compare, encode_value};

/// The groups found so far.
pub(super) struct Groups<'g> {
    grouping: &'g Grouping,
    found: BTreeMap<GroupKey, Vec<Partial>>,
    /// Values kept to be told apart, of all groups.
    different: usize,
}

/// An aggregate of the records seen so far.
pub(super) enum Partial {
    Count(u64),
    Distinct(BTreeSet<Vec<u8>>),
    Sum(Amounts),
    /// Sums and counts by currency.
    Average(BTreeMap<Option<Currency>, (Exact, u64)>),
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
            (Partial::Distinct(values), value) => {
                values.insert(bytes(&unscaled(value.clone())));
                Ok(())
            }
            (Partial::Average(sums), value) => {
                let (currency, amount) = match value {
                    Value::Money(Money { currency, amount }) => (Some(*currency), *amount),
                    Value::Decimal(n) => (None, *n),
                    Value::Integer(n) => (None, (*n).into()),
                    _ => return Err(Error::internal("an average of something else")),
                };
                let (sum, count) = sums.entry(currency).or_default();
                sum.add(amount);
                *count += 1;
                Ok(())
            }
            (Partial::Sum(_), _) => Err(Error::internal("a sum of something else")),
            (Partial::Least(least), value) => replace(least, value, Ordering::Less),
            (Partial::Greatest(greatest), value) => replace(greatest, value, Ordering::Greater),
        }
    }

    /// How many values it keeps to tell them apart.
    fn different(&self) -> usize {
        match self {
            Partial::Distinct(values) => values.len(),
            _ => 0,
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
        let count = |count: u64| Value::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        let amounts = match self {
            Partial::Count(n) => return Ok(count(n)),
            Partial::Distinct(values) => return Ok(count(values.len() as u64)),
            Partial::Average(sums) => return average(sums),
            Partial::Least(value) | Partial::Greatest(value) => return Ok(value),
            Partial::Sum(amounts) => amounts,
        };
        let mut amounts = amounts.iter();
        if amounts.len() > 1 {
            return Err(several_currencies());
        }
        let amount = amounts.next().map(|(currency, sum)| match sum.total() {
            Some(amount) => Ok((currency, amount)),
            None => Err(too_large()),
        });
        Ok(match (amount.transpose()?, aggregate) {
            (Some((Some(currency), amount)), _) => Value::Money(Money { currency, amount }),
            (Some((None, amount)), _) => Value::Decimal(amount),
            (None, Aggregate::Of(Measure::Sum { money: true }, _)) => Value::Null,
            (None, _) => Value::Decimal(Decimal::ZERO),
        })
    }
}

/// An average of up to 28 digits, in the currency of what it is of; none of nothing.
fn average(sums: BTreeMap<Option<Currency>, (Exact, u64)>) -> Result<Value> {
    if sums.len() > 1 {
        return Err(several_currencies());
    }
    let Some((currency, (sum, count))) = sums.into_iter().next() else {
        return Ok(Value::Null);
    };
    let sum = sum.total().ok_or_else(too_large)?;
    let average = sum.checked_div(count.into()).ok_or_else(too_large)?;
    Ok(match currency {
        Some(currency) => Value::Money(Money::new(average, currency)),
        None => Value::Decimal(average),
    })
}

fn too_large() -> Error {
    Error::new(Code::LimitExceeded, "a sum has more than 28 digits")
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
        Groups {
            grouping,
            found,
            different: 0,
        }
    }

    /// Takes a record into its group.
    pub(super) fn add(&mut self, context: &Context<'_>) -> Result<()> {
        let key = self.key(context)?;
        let aggregates = &self.grouping.aggregates;
        let mut different = 0;
        for (partial, aggregate) in self.group(key)?.iter_mut().zip(aggregates) {
            let before = partial.different();
            match aggregate {
                Aggregate::Count => partial.add(&Value::Checkbox(true))?,
                Aggregate::Of(_, operand) => partial.add(&*operand.evaluate(context)?)?,
            }
            different += partial.different() - before;
        }
        self.different += different;
        match self.different > QUERY_DISTINCT_VALUES_MAX {
            true => Err(Error::new(
                Code::LimitExceeded,
                format!("a query tells at most {QUERY_DISTINCT_VALUES_MAX} values apart"),
            )),
            false => Ok(()),
        }
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
    pub(super) fn into_rows(
        self,
        limit: usize,
        read: &dyn Read,
        bound: &Bound,
    ) -> Result<Vec<Vec<Value>>> {
        let grouping = self.grouping;
        let mut rows = Vec::with_capacity(self.found.len());
        for (key, partials) in self.found {
            // What cannot be added up is refused where it is asked for, and not in groups that
            // are left out.
            let finished = partials.into_iter().zip(&grouping.aggregates);
            let finished = finished.map(|(partial, aggregate)| partial.finish(aggregate));
            let parts = key.0.into_iter().map(Ok).chain(finished).collect();
            let context = Context {
                row: &GroupRow(parts),
                read,
                bound,
            };
            if let Some(having) = &grouping.having
                && having.evaluate(&context)? != Some(true)
            {
                continue;
            }
            let value = |operand: &Operand| Ok(operand.evaluate(&context)?.into_owned());
            let order = grouping.order.iter().map(|key| value(&key.operand));
            let row = grouping.columns.iter().map(value);
            rows.push((
                order.collect::<Result<Vec<Value>>>()?,
                row.collect::<Result<Vec<Value>>>()?,
            ));
        }
        rows.sort_by(|(a, _), (b, _)| {
            let keys = a.iter().zip(b).zip(&grouping.order);
            let keys = keys.map(|((a, b), key)| {
                let order = compare(a, b);
                if key.descending {
                    order.reverse()
                } else {
                    order
                }
            });
            keys.into_iter()
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        let mut rows: Vec<Vec<Value>> = rows.into_iter().map(|(_, row)| row).collect();
        if grouping.distinct {
            let mut seen = BTreeSet::new();
            rows.retain(|row| seen.insert(GroupKey(row.iter().cloned().map(unscaled).collect())));
        }
        rows.truncate(limit);
        Ok(rows)
    }
}

/// The values of a group, as its columns read them.
struct GroupRow(Vec<Result<Value>>);

impl Row for GroupRow {
    fn value(&self, _: FieldId) -> Result<Cow<'_, Value>> {
        Err(Error::internal("a group has no fields"))
    }

    fn part(&self, part: usize) -> Result<Cow<'_, Value>> {
        match self.0.get(part) {
            Some(Ok(value)) => Ok(Cow::Borrowed(value)),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Error::internal("a group without a value")),
        }
    }
}

fn partials(grouping: &Grouping) -> Vec<Partial> {
    let empty = |aggregate: &Aggregate| match aggregate {
        Aggregate::Count | Aggregate::Of(Measure::Count, _) => Partial::Count(0),
        Aggregate::Of(Measure::Distinct, _) => Partial::Distinct(BTreeSet::new()),
        Aggregate::Of(Measure::Sum { .. }, _) => Partial::Sum(Amounts::default()),
        Aggregate::Of(Measure::Average, _) => Partial::Average(BTreeMap::new()),
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
