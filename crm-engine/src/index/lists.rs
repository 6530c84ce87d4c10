//! The entries of lists, and how they come and go while everybody goes on writing.
//!
//! A list that is being built is written with every change of a record from the first moment, as
//! all lists are. The records that were there before get their entries in the order of their
//! keys, in short transactions; a mark tells how far that has come, and outlives a crash. An
//! entry follows from the record alone, so it does not matter who writes it, or how often.

use crate::error::Result;
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::limits::{LIST_BATCH_BYTES_MAX, LIST_BATCH_ENTRIES_MAX, LIST_BATCH_RECORDS_MAX};
use crate::schema::keys::Holder;
use crate::schema::system::value_of;
use crate::schema::{List, Object, keys};
use crate::store::{KeyRange, Read, ScanOptions, Txn};
use crate::value::{Record, RecordView, Value, encode_fields, take_uint};

use super::Entry;

/// The mark of a list that holds every record: no key of a record ends so.
const WHOLE: &[u8] = b"";

/// Adds the entries of a record in some lists of its object.
pub(super) fn add_entries<'l>(
    object: &Object,
    lists: impl Iterator<Item = &'l List>,
    id: RecordId,
    record: &Record,
    entries: &mut Vec<Entry>,
) {
    let columns: Vec<(FieldId, &Value)> = object
        .columns
        .iter()
        .map(|field| (*field, record.fields.get(*field)))
        .filter(|(_, value)| !value.is_null())
        .collect();
    let mut payload = Vec::with_capacity(64);
    super::put_standing(&mut payload, record);
    encode_fields(&columns, &mut payload);
    for list in lists {
        let tail = keys::list_tail(list, id, |field| value_of(id, record, field));
        for holder in Holder::of(&record.head).filter(|_| object.owned) {
            entries.push(Entry {
                key: keys::own(object.id, list.id, holder).bytes(&tail).done(),
                value: payload.clone(),
            });
        }
        entries.push(Entry {
            key: keys::all(object.id, list.id).bytes(&tail).done(),
            value: payload.clone(),
        });
    }
}

/// Gives the next records their entries of a list that is being built; how many of them, none when
/// it holds all.
///
/// # Errors
/// What prevents reading and writing.
pub(crate) fn build_list(txn: &mut Txn, object: &Object, list: &List) -> Result<u64> {
    let mark = keys::list_mark(object.id, list.id);
    let mut range = keys::records(object.id);
    let prefix = range.start().to_vec();
    if let Some(done) = txn.get(&mark)? {
        if done.as_ref() == WHOLE {
            return Ok(0);
        }
        range = range.after(&[prefix.as_slice(), done.as_ref()].concat());
    }
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut scan = txn.scan(range, ScanOptions::FORWARD.limit(LIST_BATCH_RECORDS_MAX))?;
    while bytes < LIST_BATCH_BYTES_MAX
        && let Some((key, value)) = scan.next()?
    {
        bytes += value.len();
        let record = RecordView::new(value)?.decode()?;
        rows.push((key[prefix.len()..].to_vec(), record));
    }
    drop(scan);
    let (mut done, mut last) = (0, WHOLE);
    for (tail, record) in &rows {
        let id = RecordId::new(take_uint(&mut tail.as_slice())?)?;
        let mut entries = Vec::new();
        add_entries(object, std::iter::once(list), id, record, &mut entries);
        for entry in entries {
            txn.put(&entry.key, &entry.value)?;
        }
        (done, last) = (done + 1, tail.as_slice());
        if txn.bytes() >= LIST_BATCH_BYTES_MAX {
            break;
        }
    }
    txn.put(&mark, last)?;
    Ok(done)
}

/// Whether a list that is being built holds every record.
pub(crate) fn is_built(read: &dyn Read, object: &Object, list: &List) -> Result<bool> {
    let mark = read.get(&keys::list_mark(object.id, list.id))?;
    Ok(mark.is_some_and(|mark| mark.as_ref() == WHOLE))
}

/// The last record that a list which is being built is certain to hold: those behind it may have
/// their entries already. None where it holds all.
pub(crate) fn built_up_to(read: &dyn Read, object: ObjectId, list: u8) -> Result<Option<u64>> {
    Ok(match read.get(&keys::list_mark(object, list))? {
        None => Some(0),
        Some(mark) if mark.as_ref() == WHOLE => None,
        Some(mark) => Some(take_uint(&mut mark.as_ref())?),
    })
}

/// Removes entries of a list that was taken away; how many, none when all are gone.
///
/// # Errors
/// What prevents reading and writing.
pub(crate) fn remove_entries(txn: &mut Txn, object: &Object, list: &List) -> Result<u64> {
    let mut gone = Vec::new();
    for range in ranges(object, list) {
        let left = LIST_BATCH_ENTRIES_MAX - gone.len();
        let mut rows = txn.scan(range, ScanOptions::FORWARD.limit(left))?;
        while let Some((key, _)) = rows.next()? {
            gone.push(key.to_vec());
        }
    }
    gone.iter().try_for_each(|key| txn.delete(key))?;
    Ok(gone.len() as u64)
}

/// Whether a list has any entries.
pub(crate) fn has_entries(read: &dyn Read, object: &Object, list: &List) -> Result<bool> {
    for range in ranges(object, list) {
        let mut rows = read.scan(range, ScanOptions::FORWARD.limit(1))?;
        if rows.next()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where the entries of a list stand.
pub(crate) fn ranges(object: &Object, list: &List) -> [KeyRange; 2] {
    [
        keys::own_all(object.id, list.id).range(),
        keys::all(object.id, list.id).range(),
    ]
}

/// Takes away the marks of lists that are no longer built.
pub(super) fn forget_marks(txn: &mut Txn, before: &Object, after: &Object) -> Result<()> {
    let gone = before.building.iter();
    let gone = gone.filter(|list| !after.building.contains(list));
    for list in gone {
        txn.delete(&keys::list_mark(before.id, list.id))?;
    }
    Ok(())
}

/// The lists of `object`, which is one of the other two, that must be the same in both of them
/// for their entries to be: what is yet to be built and what leaves is brought up to date apart.
pub(super) fn renewed(object: &Object, before: &Object, after: &Object) -> Vec<List> {
    let comes = |list: &List| {
        let known = before.written_lists().any(|known| known.id == list.id);
        !known && after.building.contains(list)
    };
    let lists = object.written_lists();
    let lists = lists.filter(|list| !comes(list) && !after.leaving.contains(list));
    let mut lists: Vec<List> = lists.cloned().collect();
    lists.sort_unstable_by_key(|list| list.id);
    lists
}
