//! Everything that is derived from records: list entries, back references, unique values, what
//! search looks up, places on timelines and totals. What is derived is a pure function of the record (moves through stages
//! of its history too), so that a rebuild from the records can be compared with what is stored.

mod lists;
mod matches;
pub(crate) mod search;
#[cfg(test)]
mod tests;
mod timeline;
mod together;
mod totals;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, RecordId};
use crate::schema::system::{ID, OWNER, PARTICIPANTS};
use crate::schema::{Field, HiddenDuplicates, Labels, Object, Together, keys};
use crate::store::{KeyRange, Read, ScanOptions, Txn};
use crate::value::{FieldsView, Record, RecordView, Standing, Value, put_uint, take_uint};

pub(crate) use lists::{build_list, built_up_to, has_entries, is_built, ranges, remove_entries};
pub(crate) use matches::By;
pub(crate) use timeline::{Deed, Place, TimelineRow, moves};
pub(crate) use together::taken;
pub(crate) use totals::{
    Built, Group, Spot, Sums, build, group_of, put_entry, put_part, take_part, value_of_group,
};

/// A derived key and its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

/// All entries derived from one record, in the order of their keys; totals are apart.
pub(crate) fn entries(object: &Object, id: RecordId, record: &Record) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(2 * object.lists.len() + 4);
    lists::add_entries(object, object.written_lists(), id, record, &mut entries);
    for field in &object.fields {
        let value = record.fields.get(field.id);
        if let Value::Reference(target) = value {
            let key = keys::referrer(*target, object.id, field.id, id);
            entries.push(Entry {
                key,
                value: Vec::new(),
            });
        }
        if field.unique && !value.is_null() {
            let mut bytes = Vec::new();
            put_uint(&mut bytes, id.get());
            entries.push(Entry {
                key: keys::unique(object.id, field.id, value),
                value: bytes,
            });
        }
    }
    matches::put_entries(object, id, record, &mut entries);
    entries.extend(together::entries(object, id, record));
    timeline::events(object, id, record, &mut entries);
    search::add_entries(object, id, record, &mut entries);
    entries.sort_unstable();
    Ok(entries)
}

/// Appends what an entry tells for the decision who sees the record.
fn put_standing(out: &mut Vec<u8>, record: &Record) {
    Standing::put(out, record.head.owner, &record.head.participants);
}

/// Brings the derived entries of every record from what `before` declares of its object to what
/// `after` does: lists and columns that were added, totals that were added or taken away, fields that were deleted or are found
/// in another way. A field that `before` does not have has no values yet.
///
/// # Errors
/// [`Code::TooLarge`] when there are more records than one transaction can take,
/// [`Code::Duplicate`] when records share values that are to be unique together.
pub(crate) fn renew(txn: &mut Txn, before: &Object, after: &Object) -> Result<()> {
    let same_timeline = timeline::is_same(before, after);
    lists::forget_marks(txn, before, after)?;
    if derives_alike(before, after) {
        return Ok(());
    }
    let gone = before.totals.iter();
    let mut gone = gone.filter(|total| !after.totals.contains(total));
    gone.try_for_each(|total| totals::remove(txn, before, total))?;
    let added = after.totals.iter();
    let added = || added.clone().filter(|total| !before.totals.contains(total));
    let range = keys::records(after.id);
    let prefix = range.start().len();
    let mut from = range.start().to_vec();
    loop {
        let rows = next_records(txn, range.clone().starting_at(&from))?;
        let Some((last, _)) = rows.last() else { break };
        // No key lies between a key and the same key with a zero byte behind it.
        from = [last, &[0][..]].concat();
        let mut built = Built::new();
        for (key, record) in &rows {
            let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
            if let Some(together) = taken(txn, after, id, record)? {
                let shown = |_| true;
                return Err(taken_together(after, together, shown).with("id", id.get()));
            }
            let (old, new) = (entries(before, id, record)?, entries(after, id, record)?);
            replace_entries(txn, &old, &new)?;
            if !same_timeline {
                let old = moves(txn, before, id, record)?;
                let new = moves(txn, after, id, record)?;
                replace_entries(txn, &old, &new)?;
            }
            build(after, added(), record, &mut built)?;
        }
        totals::store(txn, &built)?;
    }
    Ok(())
}

/// Whether both derive the same from every record that `before` has: whether they differ in no
/// more than what people are shown and what saves are checked for.
fn derives_alike(before: &Object, after: &Object) -> bool {
    let bare = |object: &Object| {
        let known = |field: &Field| before.by_id(field.id).is_some();
        let fields = object.fields.iter().filter(|field| known(field));
        let fields = fields.map(|field| Field {
            name: String::new(),
            labels: Labels::new(),
            required: false,
            default: None,
            choices: Vec::new(),
            ..field.clone()
        });
        Object {
            labels: Labels::new(),
            fields: fields.collect(),
            sections: Vec::new(),
            duplicates: Vec::new(),
            accept: None,
            draft: None,
            completeness: Vec::new(),
            hidden_duplicates: HiddenDuplicates::default(),
            next_field: 0,
            next_section: 0,
            system_labels: BTreeMap::new(),
            arranged: BTreeSet::new(),
            lists: lists::renewed(object, before, after),
            building: Vec::new(),
            leaving: Vec::new(),
            ..object.clone()
        }
    };
    bare(before) == bare(after)
}

/// Some records from the beginning of a range.
fn next_records(read: &dyn Read, range: KeyRange) -> Result<Vec<(Vec<u8>, Record)>> {
    const RECORDS_AT_ONCE: usize = 1_000;
    let mut rows = read.scan(range, ScanOptions::FORWARD.limit(RECORDS_AT_ONCE))?;
    let mut records = Vec::new();
    while let Some((key, bytes)) = rows.next()? {
        records.push((key.to_vec(), RecordView::new(bytes)?.decode()?));
    }
    Ok(records)
}

/// Writes what `after` has beyond `before`, and removes what it lacks. Both are in key order.
fn replace_entries(txn: &mut Txn, before: &[Entry], after: &[Entry]) -> Result<()> {
    for entry in before {
        if after
            .binary_search_by(|other| other.key.cmp(&entry.key))
            .is_err()
        {
            txn.delete(&entry.key)?;
        }
    }
    for entry in after {
        if before.binary_search(entry).is_err() {
            txn.put(&entry.key, &entry.value)?;
        }
    }
    Ok(())
}

/// Brings the derived entries and totals from the old state of a record to the new one.
///
/// # Errors
/// [`Code::Duplicate`] when a unique value is taken. The message says only that it is taken.
pub(crate) fn update(
    txn: &mut Txn,
    object: &Object,
    id: RecordId,
    old: Option<&Record>,
    new: Option<&Record>,
) -> Result<()> {
    if let Some(new) = new {
        check_unique(txn, object, id, new)?;
    }
    let of = |record: Option<&Record>| match record {
        Some(record) => entries(object, id, record),
        None => Ok(Vec::new()),
    };
    replace_entries(txn, &of(old)?, &of(new)?)?;
    timeline::update_moves(txn, object, id, old, new)?;
    totals::update(txn, object, old, new)
}

fn check_unique(txn: &Txn, object: &Object, id: RecordId, record: &Record) -> Result<()> {
    for field in object.fields.iter().filter(|field| field.unique) {
        let value = record.fields.get(field.id);
        if value.is_null() {
            continue;
        }
        if let Some(holder) = txn.get(&keys::unique(object.id, field.id, value))?
            && take_uint(&mut holder.as_ref())? != id.get()
        {
            return Err(Error::new(
                Code::Duplicate,
                format!(
                    "`{}` is taken: `{}`",
                    field.name,
                    crate::value::shorten(&field.to_text(value))
                ),
            )
            .field(&field.name));
        }
    }
    Ok(())
}

/// The refusal of values that another record holds together, naming the fields that `shows` lets
/// be named. The values are not told: the caller may not see all of them.
pub(crate) fn taken_together(
    object: &Object,
    together: &Together,
    shows: impl Fn(FieldId) -> bool,
) -> Error {
    let shown = together.fields.iter().filter(|field| shows(**field));
    let fields = shown.filter_map(|field| object.by_id(*field));
    let names: Vec<&str> = fields.map(|field| field.name.as_str()).collect();
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let text = match listed.is_empty() {
        true => format!("another `{}` is the same", object.name),
        false => format!(
            "another `{}` has the same {} already",
            object.name,
            listed.join(" and ")
        ),
    };
    let error = Error::new(Code::Duplicate, text).with("fields", names.clone());
    match names.first() {
        Some(first) => error.field(first),
        None => error,
    }
}

/// A row of a list as its entry tells it: the record, whom it stands under and the list's columns.
#[derive(Debug, Clone)]
pub(crate) struct ListRow<'a> {
    pub(crate) id: RecordId,
    pub(crate) standing: Standing,
    columns: &'a [u8],
}

impl<'a> ListRow<'a> {
    /// Reads an entry; `tail` is its key behind the list (and holder), `list` its order.
    pub(crate) fn new(
        list: &crate::schema::List,
        tail: &[u8],
        value: &'a [u8],
    ) -> Result<ListRow<'a>> {
        let mut rest = tail;
        for key in &list.by {
            crate::value::skip_value(&mut rest, key.descending)?;
        }
        let id = match list.by.last().is_some_and(|key| key.descending) {
            false => take_uint(&mut rest)?,
            true => {
                let flipped: Vec<u8> = rest.iter().map(|byte| !*byte).collect();
                take_uint(&mut flipped.as_slice())?
            }
        };
        let mut columns = value;
        Ok(ListRow {
            id: RecordId::new(id)?,
            standing: Standing::take(&mut columns)?,
            columns,
        })
    }

    /// Whether the entry tells the value of `field`.
    pub(crate) fn covers(object: &Object, field: FieldId) -> bool {
        matches!(field, OWNER | PARTICIPANTS | ID) || object.columns.contains(&field)
    }

    /// The value of a covered field.
    pub(crate) fn value(&self, field: FieldId) -> Result<Value> {
        match field {
            OWNER => {
                let owner = self.standing.owner;
                Ok(owner.map_or(Value::Null, |owner| Value::Reference(owner.0)))
            }
            PARTICIPANTS => Ok(self.standing.participants.to_value()),
            ID => Ok(Value::Integer(
                i64::try_from(self.id.get()).unwrap_or(i64::MAX),
            )),
            column => FieldsView::new(self.columns)?.field(column),
        }
    }
}
