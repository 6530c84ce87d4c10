//! History against records: every version has its row, every record that is gone its deletion,
//! and every record that was merged into another is noted there.

use std::collections::BTreeMap;

use super::VerifyReport;
use crate::error::Result;
use crate::history;
use crate::ids::RecordId;
use crate::journal::{Cause, ChangeKind};
use crate::schema::keys::{Key, Space};
use crate::store::{Read, ScanOptions};
use crate::value::take_uint;

/// Verifies history, given the versions of all records.
pub(super) fn verify(
    read: &dyn Read,
    versions: &BTreeMap<RecordId, u64>,
    report: &mut VerifyReport,
) -> Result<()> {
    let newest = newest_versions(read, report)?;
    for (id, version) in versions {
        if newest.get(id) != Some(version) {
            report.fault(format!("history of {id} does not end at version {version}"));
        }
    }
    let mut merged = BTreeMap::new();
    for id in newest.keys().filter(|id| !versions.contains_key(id)) {
        let Some(last) = history::newest(read, *id)? else {
            continue;
        };
        if last.kind != ChangeKind::Delete {
            report.fault(format!("history of {id} does not end with its deletion"));
        }
        let Cause::Merge(into) = last.cause else {
            continue;
        };
        // What was dropped on the way of a merge is of another object.
        if history::newest(read, into)?.is_some_and(|target| target.object == last.object) {
            merged.insert((into, *id), last.sequence.0);
        }
    }
    compare_absorbed(read, &merged, report)
}

/// Whether versions count up from 1 without gaps; the newest one of each record.
fn newest_versions(read: &dyn Read, report: &mut VerifyReport) -> Result<BTreeMap<RecordId, u64>> {
    let mut newest: BTreeMap<RecordId, u64> = BTreeMap::new();
    let range = Key::new(Space::History).range();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, _)) = rows.next()? {
        let mut rest = &key[1..];
        let id = RecordId::new(take_uint(&mut rest)?)?;
        let version = take_uint(&mut rest)?;
        report.history_rows += 1;
        let last = newest.entry(id).or_insert(0);
        if version != *last + 1 {
            report.fault(format!("history of {id}: version {} is missing", *last + 1));
        }
        *last = version;
    }
    Ok(newest)
}

fn compare_absorbed(
    read: &dyn Read,
    merged: &BTreeMap<(RecordId, RecordId), u64>,
    report: &mut VerifyReport,
) -> Result<()> {
    let mut stored = BTreeMap::new();
    let range = Key::new(Space::Absorbed).range();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let mut rest = &key[1..];
        let into = RecordId::new(take_uint(&mut rest)?)?;
        let from = RecordId::new(take_uint(&mut rest)?)?;
        stored.insert((into, from), take_uint(&mut &value[..])?);
        report.index_entries += 1;
    }
    for (into, from) in merged.keys().chain(stored.keys()) {
        if merged.get(&(*into, *from)) != stored.get(&(*into, *from)) {
            report.fault(format!(
                "the merge of {from} into {into} is not noted as it was"
            ));
        }
    }
    Ok(())
}
