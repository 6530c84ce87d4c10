//! Totals: for every owner one packed value with the count and the sums of each group.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, FieldId, UserId};
use crate::schema::{Object, Total, keys};
use crate::store::{Read, Txn};
use crate::value::{
    Currency, Money, Record, RecordView, Value, decode_value, encode_value, put_uint, take_uint,
};

/// The groups of one total: of one owner as stored, or of several added up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums(BTreeMap<Option<ChoiceId>, Group>);

/// One group: how many records, and for each summed field a sum per currency (none for plain
/// numbers), ascending by currency.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) count: u64,
    pub(crate) sums: Vec<BTreeMap<Option<Currency>, Decimal>>,
}

impl Sums {
    /// The groups that have records, by choice; records without a choice come first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (Option<ChoiceId>, &Group)> {
        self.0.iter().map(|(choice, group)| (*choice, group))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one record.
    pub(crate) fn add(&mut self, total: &Total, record: &Record) -> Result<()> {
        self.change(total, true, |field| {
            Ok(Cow::Borrowed(record.fields.get(field)))
        })
    }

    /// Takes one record away that was added before.
    pub(crate) fn take(&mut self, total: &Total, record: &Record) -> Result<()> {
        self.change(total, false, |field| {
            Ok(Cow::Borrowed(record.fields.get(field)))
        })
    }

    /// Adds a stored record or takes it away, of which no other fields are read.
    pub(crate) fn change_by(
        &mut self,
        total: &Total,
        record: &RecordView<'_>,
        add: bool,
    ) -> Result<()> {
        self.change(total, add, |field| record.field(field).map(Cow::Owned))
    }

    fn change<'v>(
        &mut self,
        total: &Total,
        add: bool,
        value: impl Fn(FieldId) -> Result<Cow<'v, Value>>,
    ) -> Result<()> {
        let choice = value(total.group)?.as_choice();
        let group = self.0.entry(choice).or_default();
        group.sums.resize(total.sums.len(), BTreeMap::new());
        group.count = match add {
            true => group.count + 1,
            false => group.count.checked_sub(1).ok_or_else(damaged)?,
        };
        for (sums, field) in group.sums.iter_mut().zip(&total.sums) {
            let (currency, amount) = match &*value(*field)? {
                Value::Money(Money { currency, amount }) => (Some(*currency), *amount),
                Value::Decimal(amount) => (None, *amount),
                Value::Integer(amount) => (None, Decimal::from(*amount)),
                _ => continue,
            };
            let amount = if add { amount } else { -amount };
            add_to(sums, currency, amount)?;
        }
        if group.count == 0 {
            self.0.remove(&choice);
        }
        Ok(())
    }

    /// Adds all groups of another.
    pub(crate) fn merge(&mut self, other: &Sums) -> Result<()> {
        for (choice, group) in &other.0 {
            let mine = self.0.entry(*choice).or_default();
            mine.count += group.count;
            mine.sums
                .resize(mine.sums.len().max(group.sums.len()), BTreeMap::new());
            for (into, from) in mine.sums.iter_mut().zip(&group.sums) {
                for (currency, amount) in from {
                    add_to(into, *currency, *amount)?;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for (choice, group) in &self.0 {
            put_uint(&mut out, choice.map_or(0, |choice| choice.0.into()));
            put_uint(&mut out, group.count);
            put_uint(&mut out, group.sums.len() as u64);
            for sums in &group.sums {
                put_uint(&mut out, sums.len() as u64);
                for (currency, amount) in sums {
                    let mut value = Vec::with_capacity(16);
                    encode_value(
                        &match currency {
                            Some(currency) => Value::Money(Money {
                                currency: *currency,
                                amount: *amount,
                            }),
                            None => Value::Decimal(*amount),
                        },
                        &mut value,
                    );
                    put_uint(&mut out, value.len() as u64);
                    out.extend_from_slice(&value);
                }
            }
        }
        out
    }

    pub(crate) fn decode(mut input: &[u8]) -> Result<Sums> {
        let mut groups = BTreeMap::new();
        while !input.is_empty() {
            let choice = match u16::try_from(take_uint(&mut input)?).map_err(|_| damaged())? {
                0 => None,
                choice => Some(ChoiceId(choice)),
            };
            let mut group = Group {
                count: take_uint(&mut input)?,
                sums: Vec::new(),
            };
            for _ in 0..take_uint(&mut input)? {
                let mut sums = BTreeMap::new();
                for _ in 0..take_uint(&mut input)? {
                    let len = usize::try_from(take_uint(&mut input)?).map_err(|_| damaged())?;
                    let (value, rest) = input.split_at_checked(len).ok_or_else(damaged)?;
                    input = rest;
                    match decode_value(value)? {
                        Value::Money(Money { currency, amount }) => {
                            sums.insert(Some(currency), amount);
                        }
                        Value::Decimal(amount) => {
                            sums.insert(None, amount);
                        }
                        _ => return Err(damaged()),
                    }
                }
                group.sums.push(sums);
            }
            groups.insert(choice, group);
        }
        Ok(Sums(groups))
    }
}

/// A sum of 0 is not kept, so that adding and taking away again leaves the very same bytes.
pub(crate) fn add_to(
    sums: &mut BTreeMap<Option<Currency>, Decimal>,
    currency: Option<Currency>,
    amount: Decimal,
) -> Result<()> {
    let sum = sums.entry(currency).or_default();
    let amount = amount.normalize();
    // Where digits run out, `Decimal` rounds to fewer decimal places: a total is exact or refused.
    let places = sum.scale().max(amount.scale());
    let is_trivial = sum.is_zero() || amount.is_zero();
    *sum = sum
        .checked_add(amount)
        .filter(|added| is_trivial || added.scale() >= places)
        .map(|added| added.normalize())
        .ok_or_else(|| Error::new(Code::LimitExceeded, "a total exceeds 28 digits"))?;
    if sum.is_zero() {
        sums.remove(&currency);
    }
    Ok(())
}

/// Takes the old state of a record out of its owner's totals and puts the new one in.
pub(super) fn update(
    txn: &mut Txn,
    object: &Object,
    old: Option<&Record>,
    new: Option<&Record>,
) -> Result<()> {
    for total in &object.totals {
        let unchanged = match (old, new) {
            (Some(old), Some(new)) => {
                old.head.owner == new.head.owner
                    && old.fields.get(total.group) == new.fields.get(total.group)
                    && total
                        .sums
                        .iter()
                        .all(|f| old.fields.get(*f) == new.fields.get(*f))
            }
            _ => false,
        };
        if unchanged {
            continue;
        }
        for (record, add) in [(old, false), (new, true)] {
            if let Some(record) = record {
                change_owner(txn, object, total, record, add)?;
            }
        }
    }
    Ok(())
}

fn change_owner(
    txn: &mut Txn,
    object: &Object,
    total: &Total,
    record: &Record,
    add: bool,
) -> Result<()> {
    let owner: Option<UserId> = record.head.owner;
    let key = keys::total(object.id, total.id).owner(owner).done();
    let mut sums = match txn.get(&key)? {
        Some(bytes) => Sums::decode(&bytes)?,
        None => Sums::default(),
    };
    match add {
        true => sums.add(total, record)?,
        false => sums.take(total, record)?,
    }
    match sums.is_empty() {
        true => txn.delete(&key),
        false => txn.put(&key, &sums.encode()),
    }
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "a stored total is damaged")
}
