//! The schema in the store: one value per object, and a version that tells when to read again.

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::store::{Read, ScanOptions, Txn};

use super::keys::{self, Key, Space};
use super::{Object, Schema};

const VERSION: &str = "schema_version";
const OBJECTS: &[u8] = b"schema/";

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
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((_, value)) = rows.next()? {
        let object: Object = serde_json::from_slice(value).map_err(|_| damaged())?;
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
        let key = Key::new(Space::Meta)
            .bytes(OBJECTS)
            .object(object.id)
            .done();
        let bytes = serde_json::to_vec(&**object)
            .map_err(|error| Error::internal(format!("a schema that is not JSON: {error}")))?;
        txn.put(&key, &bytes)?;
    }
    txn.put(&keys::meta(VERSION), &schema.version.to_be_bytes())
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "the stored schema is damaged")
}
