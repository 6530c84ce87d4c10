//! Fields whose values together are unique.

use super::Entry;
use crate::error::Result;
use crate::ids::RecordId;
use crate::schema::system::value_of;
use crate::schema::{Object, Together, keys};
use crate::store::Read;
use crate::value::{Record, put_uint, take_uint};

/// The key of the values of a record; none when it lacks one of them.
fn key(object: &Object, id: RecordId, record: &Record, together: &Together) -> Option<Vec<u8>> {
    let mut key = keys::together(object.id, together.id);
    for field in &together.fields {
        let value = value_of(id, record, *field);
        if value.is_null() {
            return None;
        }
        key = key.value(&value, false);
    }
    Some(key.done())
}

/// The entries of a record: each leads to the record that holds the values.
pub(super) fn entries<'r>(
    object: &'r Object,
    id: RecordId,
    record: &'r Record,
) -> impl Iterator<Item = Entry> + 'r {
    object.together.iter().filter_map(move |together| {
        let mut value = Vec::new();
        put_uint(&mut value, id.get());
        let key = key(object, id, record, together)?;
        Some(Entry { key, value })
    })
}

/// The first of the object's groups of fields whose values another record holds already.
///
/// # Errors
/// What prevents reading.
pub(crate) fn taken<'o>(
    read: &dyn Read,
    object: &'o Object,
    id: RecordId,
    record: &Record,
) -> Result<Option<&'o Together>> {
    for together in &object.together {
        let Some(key) = key(object, id, record, together) else {
            continue;
        };
        if let Some(holder) = read.get(&key)?
            && take_uint(&mut holder.as_ref())? != id.get()
        {
            return Ok(Some(together));
        }
    }
    Ok(None)
}
