//! Rebuilds everything that is derived from the records and compares it with what is stored.

mod credentials;
mod kept;
mod lists;
mod past;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::index::{self, Built, Entry};
use crate::journal;
use crate::kept::Kept;
use crate::schema::keys::{self, Key, Space};
use crate::schema::{Object, Schema};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Record, RecordView, take_uint};

use lists::{HalfBuilt, leaving_entries};

/// Faults told in full; further ones are counted.
const FAULTS_KEPT_MAX: usize = 100;

/// What a verification saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Records read, their checksums among what was checked.
    pub records: u64,
    /// List entries, back references, unique values and places on timelines compared.
    pub index_entries: u64,
    /// Entries of totals compared.
    pub totals: u64,
    /// History rows counted against the versions of their records.
    pub history_rows: u64,
    /// Journal entries whose links were recomputed.
    pub journal_entries: u64,
    /// How many faults were found.
    pub faults: u64,
    /// The first of them, in words.
    pub fault_texts: Vec<String>,
}

impl VerifyReport {
    /// Whether everything agrees.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.faults += 1;
        if self.fault_texts.len() < FAULTS_KEPT_MAX {
            self.fault_texts.push(text.into());
        }
    }
}

/// Verifies a whole store as of one snapshot. `progress` is told the records read so far and
/// may end the work.
///
/// # Errors
/// [`Code::Cancelled`], or what prevents reading. Faults are reported, not errors.
pub(crate) fn run(
    read: &dyn Read,
    schema: &Schema,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<VerifyReport> {
    let mut report = VerifyReport::default();
    let mut histories = BTreeMap::new();
    let mut timelines = BTreeSet::new();
    for object in schema.objects() {
        verify_object(
            read,
            object,
            &mut report,
            &mut histories,
            &mut timelines,
            progress,
        )?;
    }
    kept::run(read, schema, &Kept::compile(schema)?, &mut report)?;
    past::verify(read, &histories, &mut report)?;
    credentials::verify(read, &mut report)?;
    let range = Key::new(Space::Timeline).range();
    report.index_entries += compare(read, "timeline", &timelines, range, &mut report)?;
    let chain = journal::verify(read)?;
    report.journal_entries = chain.entries;
    if let Some(text) = chain.broken {
        report.fault(format!("journal: {text}"));
    }
    Ok(report)
}

fn verify_object(
    read: &dyn Read,
    object: &Object,
    report: &mut VerifyReport,
    histories: &mut BTreeMap<RecordId, u64>,
    timelines: &mut BTreeSet<Entry>,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<()> {
    let mut expected: BTreeSet<Entry> = leaving_entries(read, object)?;
    let lists = HalfBuilt::of(read, object)?;
    let mut totals = Built::new();
    let prefix = Key::new(Space::Record).object(object.id).done().len();
    let mut rows = read.scan(keys::records(object.id), ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
        let record = match RecordView::new(value).and_then(|view| view.decode()) {
            Ok(record) => record,
            Err(error) => {
                report.fault(format!("{} {id}: {error}", object.name));
                continue;
            }
        };
        report.records += 1;
        if report.records.is_multiple_of(1_024) && !progress(report.records) {
            return Err(Error::new(
                Code::Cancelled,
                "the verification was cancelled",
            ));
        }
        histories.insert(id, record.head.version.0);
        if !stands_as_parent(read, object, &record)? {
            report.fault(format!("{} {id}: not owned as its parent is", object.name));
        }
        let mut entries = index::entries(object, id, &record)?;
        lists.forgive(read, id, &mut entries)?;
        expected.extend(entries);
        timelines.extend(index::moves(read, object, id, &record)?);
        index::build(object, &object.totals, &record, &mut totals)?;
    }
    drop(rows);
    // Timelines belong to the records referred to: those of all objects are compared at once.
    let is_timeline = |entry: &Entry| entry.key[0] == Space::Timeline as u8;
    timelines.extend(expected.iter().filter(|entry| is_timeline(entry)).cloned());
    expected.retain(|entry| !is_timeline(entry));
    let stored = totals
        .into_iter()
        .map(|(key, sums)| Entry {
            key,
            value: sums.encode(),
        })
        .collect();
    for space in [
        Space::Own,
        Space::All,
        Space::Unique,
        Space::Together,
        Space::Match,
        Space::WordOwn,
        Space::WordAll,
        Space::Part,
    ] {
        let range = Key::new(space).object(object.id).range();
        report.index_entries += compare(read, &object.name, &expected, range, report)?;
    }
    report.index_entries += compare_referrers(read, object, &expected, report)?;
    let range = Key::new(Space::Total).object(object.id).range();
    report.totals += compare(read, &object.name, &stored, range, report)?;
    Ok(())
}

/// Whether a detail has the owner and the participants of its parent.
fn stands_as_parent(read: &dyn Read, object: &Object, record: &Record) -> Result<bool> {
    let Some((field, target)) = object.parent_field() else {
        return Ok(true);
    };
    let Some(parent) = record.fields.get(field.id).as_reference() else {
        return Ok(false);
    };
    Ok(match read.get(&keys::record(target, parent))? {
        Some(bytes) => RecordView::new(&bytes)?.head().standing() == record.head.standing(),
        None => false,
    })
}

/// Compares what is stored in `range` with the expected entries of that range.
fn compare(
    read: &dyn Read,
    name: &str,
    expected: &BTreeSet<Entry>,
    range: KeyRange,
    report: &mut VerifyReport,
) -> Result<u64> {
    let mut seen = 0;
    let mut wanted = expected
        .iter()
        .filter(|entry| range.contains(&entry.key))
        .peekable();
    let mut rows = read.scan(range.clone(), ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        seen += 1;
        while wanted
            .peek()
            .is_some_and(|entry| entry.key.as_slice() < key)
        {
            report.fault(format!("{name}: a derived entry is missing"));
            wanted.next();
        }
        match wanted.peek() {
            Some(entry) if entry.key == key => {
                if entry.value != value {
                    report.fault(format!("{name}: a derived entry is not up to date"));
                }
                wanted.next();
            }
            _ => report.fault(format!("{name}: a derived entry has no record")),
        }
    }
    for _ in wanted {
        report.fault(format!("{name}: a derived entry is missing"));
    }
    Ok(seen)
}

/// Back references stand under their targets, those of one object scattered among others.
fn compare_referrers(
    read: &dyn Read,
    object: &Object,
    expected: &BTreeSet<Entry>,
    report: &mut VerifyReport,
) -> Result<u64> {
    let range = Key::new(Space::Referrer).range();
    let mut stored = BTreeSet::new();
    let mut rows = read.scan(range.clone(), ScanOptions::default())?;
    while let Some((key, _)) = rows.next()? {
        let mut rest = &key[1..];
        let _target = take_uint(&mut rest)?;
        if take_uint(&mut rest)? == u64::from(object.id.0) {
            stored.insert(key.to_vec());
        }
    }
    let wanted: BTreeSet<Vec<u8>> = expected
        .iter()
        .filter(|entry| range.contains(&entry.key))
        .map(|entry| entry.key.clone())
        .collect();
    for _ in wanted.symmetric_difference(&stored) {
        report.fault(format!(
            "{}: back references and records disagree",
            object.name
        ));
    }
    Ok(stored.len() as u64)
}
