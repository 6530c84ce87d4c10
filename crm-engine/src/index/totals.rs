//! Totals: counts and sums of groups, kept as records are written.
//!
//! A record is counted in an entry of everybody's records, in one of its owner's, and for each user
//! it is shared with in one of all that is shared with him and in one of what this owner shares
//! with him. So whatever set of owners a plan reaches, of plain records and of shared ones, its
//! figures are sums and differences of entries, and no record is read. No key knows a department:
//! one may move with one write.
//!
//! The key of an entry holds the values its records are grouped by, each with its length before
//! it; a text longer than [`TOTAL_TEXT_BYTES_MAX`] stands as none at all, of length 0, and tells
//! readers to look elsewhere. A choice or a checkbox among the values is not in the key: its groups
//! share an entry, [`TOTAL_GROUPS_TOGETHER`] of them, whose number ends the key. An entry without
//! records is deleted, and sums are exact ([`Amounts`]), so a rebuild makes the very same bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, FieldId};
use crate::limits::{TOTAL_GROUPS_TOGETHER, TOTAL_TEXT_BYTES_MAX};
use crate::schema::keys::Whose;
use crate::schema::{Object, Total, TotalPart, keys};
use crate::store::{Read, ScanOptions, Txn};
use crate::value::{
    Amounts, Record, Value, ValueType, decode_value, encode_value, put_uint, take_uint,
};

/// The groups of one entry, by the number of their choice.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums(BTreeMap<u32, Group>);

/// One group: how many records, and for each summed field its sums.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Group {
    pub(crate) count: u64,
    pub(crate) sums: Vec<Amounts>,
}

/// Where a record is counted: the end of the keys of its entries, and its group in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) tail: Vec<u8>,
    pub(crate) group: u32,
}

impl Spot {
    /// The place of a record whose fields have these values.
    pub(crate) fn of<'v>(
        total: &Total,
        value: impl Fn(FieldId) -> Result<Cow<'v, Value>>,
    ) -> Result<Spot> {
        let (in_key, packed) = total.split();
        let mut tail = Vec::with_capacity(24);
        for part in in_key {
            put_part(&mut tail, &part.of(&*value(part.field)?));
        }
        let mut group = 0;
        if let Some(part) = packed {
            group = group_of(&*value(part.field)?);
            put_entry(&mut tail, group);
        }
        Ok(Spot { tail, group })
    }
}

/// Appends a value that records are grouped by.
pub(crate) fn put_part(out: &mut Vec<u8>, value: &Value) {
    let too_long = value
        .as_text()
        .is_some_and(|text| text.len() > TOTAL_TEXT_BYTES_MAX);
    if too_long {
        return put_uint(out, 0);
    }
    let mut bytes = Vec::with_capacity(16);
    encode_value(value, &mut bytes);
    put_uint(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// Takes a value that [`put_part`] wrote off the front of `input`; none for a text too long.
pub(crate) fn take_part(input: &mut &[u8]) -> Result<Option<Value>> {
    let len = usize::try_from(take_uint(input)?).map_err(|_| damaged())?;
    let (value, rest) = input.split_at_checked(len).ok_or_else(damaged)?;
    *input = rest;
    match len {
        0 => Ok(None),
        _ => decode_value(value).map(Some),
    }
}

/// Appends which of the entries that groups share holds this one.
pub(crate) fn put_entry(out: &mut Vec<u8>, group: u32) {
    put_uint(out, u64::from(group / TOTAL_GROUPS_TOGETHER));
}

/// The number of the group of a choice or a checkbox; 0 without a value.
pub(crate) fn group_of(value: &Value) -> u32 {
    match value {
        Value::Choice(choice) => choice.0.into(),
        Value::Checkbox(checked) => 1 + u32::from(*checked),
        _ => 0,
    }
}

/// The value whose group has this number.
pub(crate) fn value_of_group(part: &TotalPart, group: u32) -> Result<Value> {
    match (part.value_type, group) {
        (_, 0) => Ok(Value::Null),
        (ValueType::Checkbox, 1 | 2) => Ok(Value::Checkbox(group == 2)),
        (ValueType::Choice, choice) => {
            let choice = u16::try_from(choice).map_err(|_| damaged())?;
            Ok(Value::Choice(ChoiceId(choice)))
        }
        _ => Err(damaged()),
    }
}

impl Group {
    /// Adds a record whose fields have these values, or takes it away.
    pub(crate) fn change<'v>(
        &mut self,
        total: &Total,
        add: bool,
        value: impl Fn(FieldId) -> Result<Cow<'v, Value>>,
    ) -> Result<()> {
        self.count = match add {
            true => self.count + 1,
            false => self.count.checked_sub(1).ok_or_else(damaged)?,
        };
        self.sums.resize(total.sums.len(), Amounts::default());
        for (sums, field) in self.sums.iter_mut().zip(&total.sums) {
            sums.change(&*value(*field)?, add);
        }
        Ok(())
    }

    /// Adds all records of another group, or takes them away.
    pub(crate) fn merge(&mut self, other: &Group, add: bool) -> Result<()> {
        self.count = match add {
            true => self.count + other.count,
            false => self.count.checked_sub(other.count).ok_or_else(damaged)?,
        };
        if self.sums.len() < other.sums.len() {
            self.sums.resize(other.sums.len(), Amounts::default());
        }
        for (sums, others) in self.sums.iter_mut().zip(&other.sums) {
            sums.join(others, add);
        }
        Ok(())
    }
}

impl Sums {
    /// The groups that have records.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (u32, &Group)> {
        self.0.iter().map(|(number, group)| (*number, group))
    }

    /// Its groups, taken out of it.
    pub(crate) fn into_groups(self) -> impl Iterator<Item = (u32, Group)> {
        self.0.into_iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a record to a group, or takes it away.
    pub(super) fn change(
        &mut self,
        total: &Total,
        number: u32,
        record: &Record,
        add: bool,
    ) -> Result<()> {
        let value = |field| Ok(Cow::Borrowed(record.fields.get(field)));
        let group = self.0.entry(number).or_default();
        group.change(total, add, value)?;
        if group.count == 0 {
            self.0.remove(&number);
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Sums) -> Result<()> {
        for (number, group) in &other.0 {
            self.0.entry(*number).or_default().merge(group, true)?;
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for (number, group) in &self.0 {
            put_uint(&mut out, (*number).into());
            put_uint(&mut out, group.count);
            put_uint(&mut out, group.sums.len() as u64);
            group.sums.iter().for_each(|sums| sums.put(&mut out));
        }
        out
    }

    pub(crate) fn decode(mut input: &[u8]) -> Result<Sums> {
        let mut groups = BTreeMap::new();
        while !input.is_empty() {
            let number = u32::try_from(take_uint(&mut input)?).map_err(|_| damaged())?;
            let mut group = Group {
                count: take_uint(&mut input)?,
                sums: Vec::new(),
            };
            for _ in 0..take_uint(&mut input)? {
                group.sums.push(Amounts::take(&mut input)?);
            }
            groups.insert(number, group);
        }
        Ok(Sums(groups))
    }
}

/// Entries of totals that are built apart from those stored.
pub(crate) type Built = BTreeMap<Vec<u8>, Sums>;

/// Counts a record in every entry of these totals that it belongs to.
pub(crate) fn build<'t>(
    object: &Object,
    totals: impl IntoIterator<Item = &'t Total>,
    record: &Record,
    built: &mut Built,
) -> Result<()> {
    for total in totals {
        let place = Spot::of(total, |field| Ok(Cow::Borrowed(record.fields.get(field))))?;
        for whose in Whose::of(&record.head, object.owned) {
            let key = keys::total_of(object.id, total.id, whose).bytes(&place.tail);
            let sums = built.entry(key.done()).or_default();
            sums.change(total, place.group, record, true)?;
        }
    }
    Ok(())
}

/// Adds what was built to what is stored.
pub(super) fn store(txn: &mut Txn, built: &Built) -> Result<()> {
    for (key, sums) in built {
        let mut all = load(txn, key)?;
        all.merge(sums)?;
        txn.put(key, &all.encode())?;
    }
    Ok(())
}

/// Deletes every entry of a total.
pub(super) fn remove(txn: &mut Txn, object: &Object, total: &Total) -> Result<()> {
    const KEYS_AT_ONCE: usize = 1_000;
    let range = keys::total(object.id, total.id).range();
    loop {
        let mut rows = txn.scan(range.clone(), ScanOptions::FORWARD.limit(KEYS_AT_ONCE))?;
        let mut gone = Vec::new();
        while let Some((key, _)) = rows.next()? {
            gone.push(key.to_vec());
        }
        drop(rows);
        if gone.is_empty() {
            return Ok(());
        }
        gone.iter().try_for_each(|key| txn.delete(key))?;
    }
}

/// Takes the old state of a record out of the totals that count it and puts the new one in.
pub(super) fn update(
    txn: &mut Txn,
    object: &Object,
    old: Option<&Record>,
    new: Option<&Record>,
) -> Result<()> {
    for total in &object.totals {
        let same = match (old, new) {
            (Some(old), Some(new)) => {
                let is_same = |id| old.fields.get(id) == new.fields.get(id);
                total.fields().all(is_same)
            }
            _ => false,
        };
        let stand_alike = |old: &Record, new: &Record| {
            let (old, new) = (&old.head, &new.head);
            old.owner == new.owner && old.participants == new.participants
        };
        if same && old.zip(new).is_some_and(|(old, new)| stand_alike(old, new)) {
            continue;
        }
        let (old, new) = (
            Counted::of(object, total, old)?,
            Counted::of(object, total, new)?,
        );
        change(txn, total, old.as_ref(), new.as_ref(), same)?;
    }
    Ok(())
}

/// A record and the entries that count it.
struct Counted<'r> {
    record: &'r Record,
    keys: Vec<Vec<u8>>,
    group: u32,
}

impl<'r> Counted<'r> {
    fn of(
        object: &Object,
        total: &Total,
        record: Option<&'r Record>,
    ) -> Result<Option<Counted<'r>>> {
        let Some(record) = record else {
            return Ok(None);
        };
        let place = Spot::of(total, |field| Ok(Cow::Borrowed(record.fields.get(field))))?;
        let key = |whose| {
            let key = keys::total_of(object.id, total.id, whose);
            key.bytes(&place.tail).done()
        };
        Ok(Some(Counted {
            record,
            keys: Whose::of(&record.head, object.owned).map(key).collect(),
            group: place.group,
        }))
    }

    fn is_in(&self, key: &Vec<u8>) -> bool {
        self.keys.contains(key)
    }
}

/// Changes every entry that counts the old or the new state once. Where both are the `same` to the
/// total, an entry that counts both stays as it is.
fn change(
    txn: &mut Txn,
    total: &Total,
    old: Option<&Counted<'_>>,
    new: Option<&Counted<'_>>,
    same: bool,
) -> Result<()> {
    let held = |of: Option<&Counted<'_>>, key| of.is_some_and(|counted| counted.is_in(key));
    let of_new = new.into_iter().flat_map(|new| &new.keys);
    let added = of_new.filter(|key| !held(old, key));
    for key in old.into_iter().flat_map(|old| &old.keys).chain(added) {
        let (was, is) = (held(old, key), held(new, key));
        if was && is && same {
            continue;
        }
        let mut sums = load(txn, key)?;
        if let Some(old) = old.filter(|_| was) {
            sums.change(total, old.group, old.record, false)?;
        }
        if let Some(new) = new.filter(|_| is) {
            sums.change(total, new.group, new.record, true)?;
        }
        match sums.is_empty() {
            true => txn.delete(key)?,
            false => txn.put(key, &sums.encode())?,
        }
    }
    Ok(())
}

fn load(read: &dyn Read, key: &[u8]) -> Result<Sums> {
    match read.get(key)? {
        Some(bytes) => Sums::decode(&bytes),
        None => Ok(Sums::default()),
    }
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "a stored total is damaged")
}
