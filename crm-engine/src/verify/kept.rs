//! Compares what records keep by themselves with what it is kept from.

use std::collections::BTreeMap;

use super::VerifyReport;
use crate::error::Result;
use crate::ids::RecordId;
use crate::kept::{Kept, Rolled, Sum};
use crate::schema::{Object, Schema, keys};
use crate::store::{Read, ScanOptions};
use crate::value::{Record, RecordView, take_uint};

/// Formulas and converted amounts against their own records, rollups against the records counted.
/// Records that cannot be read are told of elsewhere.
pub(super) fn run(
    read: &dyn Read,
    schema: &Schema,
    kept: &Kept,
    report: &mut VerifyReport,
) -> Result<()> {
    for object in schema.objects() {
        if !object.fields.iter().any(|field| field.is_kept()) {
            continue;
        }
        let mut sums = Vec::new();
        for rolled in kept.rollups(object.id) {
            sums.push((rolled, counted(read, schema, rolled)?));
        }
        each(read, object, |id, record| {
            let mut stale = kept.stale(read, object, id, record)?;
            for (rolled, sums) in &sums {
                let sum = sums
                    .get(&id)
                    .map_or_else(|| Sum::default().value(rolled), |sum| sum.value(rolled));
                if sum != *record.fields.get(rolled.field) {
                    stale.push(rolled.field);
                }
            }
            for field in stale.iter().filter_map(|field| object.by_id(*field)) {
                let (object, field) = (&object.name, &field.name);
                report.fault(format!("{object} {id}: `{field}` is not up to date"));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// What each record counts in a rollup.
fn counted(read: &dyn Read, schema: &Schema, rolled: &Rolled) -> Result<BTreeMap<RecordId, Sum>> {
    let mut sums: BTreeMap<RecordId, Sum> = BTreeMap::new();
    if let Some(object) = schema.by_id(rolled.rollup.object) {
        each(read, object, |_, record| {
            if let Some(parent) = rolled.parent_of(record) {
                sums.entry(parent).or_default().count(rolled, record);
            }
            Ok(())
        })?;
    }
    Ok(sums)
}

fn each(
    read: &dyn Read,
    object: &Object,
    mut take: impl FnMut(RecordId, &Record) -> Result<()>,
) -> Result<()> {
    let range = keys::records(object.id);
    let prefix = range.start().len();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
        if let Ok(record) = RecordView::new(value).and_then(|view| view.decode()) {
            take(id, &record)?;
        }
    }
    Ok(())
}
