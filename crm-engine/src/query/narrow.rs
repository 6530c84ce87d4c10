//! Which part of a list can hold what a condition lets through: the values its first keys must
//! equal, and the range or the beginning that the next one must have. What stands in the part is
//! tested all the same, so a part that is too wide is slow and never wrong.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::select::OrderKey;
use crate::expr::{Bound, Operand, Range, Test};
use crate::ids::FieldId;
use crate::schema::{List, Object, SortKey, system};
use crate::store::KeyRange;
use crate::value::{Value, ValueType, put_beginning, put_value};

/// The part of a list that is read, as the condition tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Narrow {
    /// What the first keys of the list must equal.
    equal: Vec<(SortKey, ValueType, Operand)>,
    /// What the next key must be.
    then: Option<Then>,
}

#[derive(Debug, Clone, PartialEq)]
enum Then {
    /// A text that matches a pattern.
    Pattern(FieldId, ValueType, Operand),
    Range(SortKey, ValueType, Range),
}

/// A part of a list in bytes: what its keys begin with, and between what they go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    prefix: Vec<u8>,
    /// Where each of the equal keys ends in the prefix.
    ends: Vec<usize>,
    lower: Vec<u8>,
    upper: Option<Vec<u8>>,
    /// Behind which key to begin, in the direction of reading: all of it.
    after: Option<Vec<u8>>,
}

impl Narrow {
    /// What a condition tells of a list.
    pub(super) fn of(object: &Object, list: &List, filter: Option<&Test>) -> Narrow {
        let mut narrow = Narrow::default();
        let Some(filter) = filter else {
            return narrow;
        };
        for key in &list.by {
            let Some(value_type) = object.by_id(key.field).map(|field| field.value_type) else {
                break;
            };
            if let Some([operand]) = filter.pins(key.field).as_deref()
                && has_one_key(value_type)
            {
                let operand = (*operand).clone();
                narrow.equal.push((*key, value_type, operand));
                continue;
            }
            narrow.then = match (filter.pattern(key.field), filter.range(key.field)) {
                (Some(pattern), _) if !key.descending => {
                    Some(Then::Pattern(key.field, value_type, pattern.clone()))
                }
                (_, Some(range)) => Some(Then::Range(*key, value_type, range)),
                _ => None,
            };
            break;
        }
        narrow
    }

    /// How little is read: more is less.
    pub(super) fn worth(&self) -> usize {
        let then = match &self.then {
            None => 0,
            Some(Then::Range(_, _, range)) if !range.is_closed() => 1,
            Some(_) => 2,
        };
        3 * self.equal.len() + then
    }

    /// Whether the part has an end on both sides.
    pub(super) fn is_closed(&self) -> bool {
        self.worth() > 1
    }

    /// How many of the first keys equal something.
    pub(super) fn equal(&self) -> usize {
        self.equal.len()
    }

    /// Whether the part begins where a pattern does.
    pub(super) fn is_pattern(&self) -> bool {
        matches!(self.then, Some(Then::Pattern(..)))
    }

    /// The fields that narrow the list, those of equal keys first.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldId> {
        let then = self.then.as_ref().map(|then| match then {
            Then::Pattern(field, ..) => *field,
            Then::Range(key, ..) => key.field,
        });
        self.equal.iter().map(|(key, ..)| key.field).chain(then)
    }

    /// The part for the values of a run; none where nothing can be in it.
    pub(super) fn part(&self, bound: &Bound) -> Option<Part> {
        let mut part = Part::default();
        for (key, value_type, operand) in &self.equal {
            let value = key_value(*value_type, operand.fixed(bound)?)?;
            put_value(&mut part.prefix, &value, key.descending);
            part.ends.push(part.prefix.len());
        }
        match &self.then {
            None => {}
            Some(Then::Pattern(_, value_type, pattern)) => {
                let folded = pattern.beginning(bound);
                if !folded.is_empty() {
                    put_beginning(&mut part.prefix, *value_type, folded);
                }
            }
            Some(Then::Range(key, value_type, range)) => {
                part.between(*key, *value_type, range.ends(bound, *value_type));
            }
        }
        Some(part)
    }
}

impl Part {
    /// Narrows the part to values from the first end to the second, both of them included.
    fn between(
        &mut self,
        key: SortKey,
        value_type: ValueType,
        (lower, upper): (Option<Cow<'_, Value>>, Option<Cow<'_, Value>>),
    ) {
        let component = |value: &Value| {
            let value = key_value(value_type, value)?;
            let mut bytes = Vec::new();
            put_value(&mut bytes, &value, key.descending);
            Some(bytes)
        };
        let lower = lower.and_then(|value| component(&value));
        let upper = upper.and_then(|value| component(&value));
        match key.descending {
            false => (self.lower, self.upper) = (lower.unwrap_or_default(), upper),
            true => (self.lower, self.upper) = (upper.unwrap_or_default(), lower),
        }
    }

    /// The part behind a position, which is a key as it goes on behind the first `skipped` ones.
    pub(super) fn behind(mut self, skipped: usize, position: &[u8]) -> Part {
        let known = match skipped {
            0 => 0,
            skipped => self.ends.get(skipped - 1).copied().unwrap_or_default(),
        };
        self.after = Some([&self.prefix[..known], position].concat());
        self
    }

    /// The keys of the part under `base`.
    pub(super) fn under(&self, base: &[u8], reverse: bool) -> KeyRange {
        let whole = |rest: &[u8]| [base, &self.prefix, rest].concat();
        let mut range = KeyRange::prefix(&whole(&[])).starting_at(&whole(&self.lower));
        if let Some(end) = self
            .upper
            .as_ref()
            .map(|upper| KeyRange::prefix(&whole(upper)))
            && let Some(end) = end.end()
        {
            range = range.ending_before(end);
        }
        match (&self.after, reverse) {
            (None, _) => range,
            (Some(after), false) => range.after(&[base, after].concat()),
            (Some(after), true) => range.ending_before(&[base, after].concat()),
        }
    }
}

/// Whether a list is sorted as `order` asks behind `skipped` keys that equal something, when it
/// is read in a direction. The id breaks ties in the direction of the last key.
pub(super) fn is_sorted(by: &[SortKey], skipped: usize, order: &[OrderKey], reverse: bool) -> bool {
    let rest = by.get(skipped..).unwrap_or_default();
    if let ([id], []) = (order, rest)
        && id.operand == Operand::Field(system::ID)
    {
        let last = by.last().is_some_and(|key| key.descending);
        return id.descending == (last != reverse);
    }
    let order = without_id(order);
    rest.len() == order.len()
        && rest.iter().zip(order).all(|(key, asked)| {
            asked.operand == Operand::Field(key.field)
                && asked.descending == (key.descending != reverse)
        })
}

fn without_id(order: &[OrderKey]) -> &[OrderKey] {
    match order {
        [rest @ .., before, last]
            if last.operand == Operand::Field(system::ID)
                && last.descending == before.descending =>
        {
            &order[..rest.len() + 1]
        }
        order => order,
    }
}

/// Whether all values that equal a value of this type have one key: a plain number equals amounts
/// in all currencies.
fn has_one_key(value_type: ValueType) -> bool {
    use ValueType::{ChoiceSet, File, Money, References, Tags};
    !matches!(value_type, Money | ChoiceSet | Tags | References | File)
}

/// The value as the keys of a field have it; none where no value of the field can equal it.
fn key_value(value_type: ValueType, value: &Value) -> Option<Cow<'_, Value>> {
    match (value_type, value) {
        (ValueType::Decimal, Value::Integer(n)) => {
            Some(Cow::Owned(Value::Decimal(Decimal::from(*n))))
        }
        (ValueType::Integer, Value::Decimal(n)) if n.is_integer() => i64::try_from(*n)
            .ok()
            .map(|n| Cow::Owned(Value::Integer(n))),
        (wanted, value) => (value.value_type() == Some(wanted)).then_some(Cow::Borrowed(value)),
    }
}
