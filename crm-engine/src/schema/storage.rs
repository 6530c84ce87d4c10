//! The schema in the store: each object in as many parts as it takes, and a version that tells
//! when to read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::store::{KeyRange, Read, ScanOptions, Txn};
use crate::value::take_uint;

use super::keys::{self, Key, Space};
use super::{Object, Schema};

const VERSION: &str = "schema_version";
const OBJECTS: &[u8] = b"schema/";
/// A value of the store is smaller than an object with many fields.
const PART_BYTES: usize = 64 * 1_024;

/// The version of the stored schema; 0 in a store that has none.
pub(crate) fn stored_version(read: &dyn Read) -> Result<u32> {
    match read.get(&keys::meta(VERSION))? {
        None => Ok(0),
        Some(bytes) => bytes
            .as_ref()
            .try_into()
            .map(u32::from_be_bytes)
            .map_err(|_| damaged()),
    }
}

/// Reads the stored schema.
pub(crate) fn load(read: &dyn Read) -> Result<Schema> {
    let mut schema = Schema {
        version: stored_version(read)?,
        objects: Vec::new(),
    };
    let range = Key::new(Space::Meta).bytes(OBJECTS).range();
    let prefix = range.start().len();
    let mut texts: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let object = take_uint(&mut &key[prefix..])?;
        texts.entry(object).or_default().extend_from_slice(value);
    }
    for text in texts.values() {
        let object: Object = serde_json::from_slice(text).map_err(|_| damaged())?;
        schema.objects.push(Arc::new(object));
    }
    Ok(schema)
}

/// Writes every object of `schema` that differs from `before`, and the version.
pub(crate) fn store(txn: &mut Txn, before: &Schema, schema: &Schema) -> Result<()> {
    for object in &schema.objects {
        if before.by_id(object.id) == Some(object) {
            continue;
        }
        let text = serde_json::to_vec(&**object)
            .map_err(|error| Error::internal(format!("a schema that is not JSON: {error}")))?;
        let key = || Key::new(Space::Meta).bytes(OBJECTS).object(object.id);
        // The text may have become shorter, down to fewer parts.
        for part in parts_of(txn, key().range())? {
            txn.delete(&part)?;
        }
        for (part, bytes) in (0..).zip(text.chunks(PART_BYTES)) {
            txn.put(&key().uint(part).done(), bytes)?;
        }
    }
    txn.put(&keys::meta(VERSION), &schema.version.to_be_bytes())
}

fn parts_of(read: &dyn Read, range: KeyRange) -> Result<Vec<Vec<u8>>> {
    let mut keys = Vec::new();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, _)) = rows.next()? {
        keys.push(key.to_vec());
    }
    Ok(keys)
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "the stored schema is damaged")
}
