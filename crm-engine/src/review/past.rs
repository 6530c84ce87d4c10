//! The records that rights are made of, as they were at a moment.
//!
//! What exists now is played back from its history. What was deleted since stands in the journal,
//! which is read from its end back to that moment.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::error::{Code, Error, Result};
use crate::history::{self, Moment, record_at};
use crate::ids::{ObjectId, RecordId, Sequence};
use crate::journal::{self, ChangeKind};
use crate::limits::{CLOCK_SET_BACK_HOURS_MAX, REVIEW_JOURNAL_ENTRIES_MAX};
use crate::schema::keys;
use crate::schema::system::{OWNER, POLICY_OBJECTS};
use crate::store::{Read, ScanOptions};
use crate::value::{Record, RecordView, take_uint};

/// Entries of the journal read at once.
const ENTRIES_AT_ONCE: u64 = 1_000;

/// The records of the objects of rights at a moment.
#[derive(Debug, Default)]
pub(crate) struct Past(BTreeMap<(ObjectId, RecordId), Record>);

impl Past {
    /// The records as they were at `at`, with what was changed at that very time.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] where the journal does not reach back so far,
    /// [`Code::LimitExceeded`] where too much of it would have to be read; what prevents reading.
    pub(crate) fn at(read: &dyn Read, at: DateTime<Utc>) -> Result<Past> {
        let mut past = Past::default();
        for object in POLICY_OBJECTS {
            past.play_back(read, object, at)?;
        }
        for (object, id) in deleted_since(read, at)? {
            if past.0.contains_key(&(object, id)) {
                continue;
            }
            let changes = history::of(read, id, None, OWNER)?;
            // What was brought back since is there now, and was played back above.
            if changes
                .last()
                .is_some_and(|last| last.kind == ChangeKind::Delete)
                && let Some(record) = record_at(&changes, Moment::At(at))
            {
                past.0.insert((object, id), record);
            }
        }
        Ok(past)
    }

    fn play_back(&mut self, read: &dyn Read, object: ObjectId, at: DateTime<Utc>) -> Result<()> {
        let range = keys::records(object);
        let prefix = range.start().len();
        let mut rows = read.scan(range, ScanOptions::default())?;
        while let Some((key, bytes)) = rows.next()? {
            let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
            let record = RecordView::new(bytes)?.decode()?;
            let then = match record.head.updated_at <= at {
                true => Some(record),
                false => {
                    let changes = history::of(read, id, Some(&record), OWNER)?;
                    record_at(&changes, Moment::At(at))
                }
            };
            if let Some(then) = then {
                self.0.insert((object, id), then);
            }
        }
        Ok(())
    }

    /// Each record with its object.
    pub(crate) fn records(&self) -> impl Iterator<Item = (ObjectId, RecordId, &Record)> + Clone {
        let records = self.0.iter();
        records.map(|((object, id), record)| (*object, *id, record))
    }

    pub(super) fn record(&self, object: ObjectId, id: RecordId) -> Option<&Record> {
        self.0.get(&(object, id))
    }
}

/// The records of rights that were deleted after `at`.
fn deleted_since(read: &dyn Read, at: DateTime<Utc>) -> Result<BTreeSet<(ObjectId, RecordId)>> {
    let mut deleted = BTreeSet::new();
    let mut upper = journal::head(read)?.sequence.0;
    let newest = upper;
    while upper > 0 {
        if newest - upper >= REVIEW_JOURNAL_ENTRIES_MAX {
            let text = format!(
                "the journal has more than {REVIEW_JOURNAL_ENTRIES_MAX} entries since then"
            );
            return Err(Error::new(Code::LimitExceeded, text).field("at"));
        }
        let lower = upper.saturating_sub(ENTRIES_AT_ONCE);
        let entries = journal::read_after(read, Sequence(lower), ENTRIES_AT_ONCE as usize)?;
        let changes = entries.iter().flat_map(|entry| &entry.changes);
        let gone = changes.filter(|change| {
            change.kind == ChangeKind::Delete && POLICY_OBJECTS.contains(&change.object)
        });
        deleted.extend(gone.map(|change| (change.object, change.id)));
        // The clock of the host may have been set back meanwhile.
        let margin = TimeDelta::hours(CLOCK_SET_BACK_HOURS_MAX);
        if entries.iter().all(|entry| entry.at + margin < at) {
            return Ok(deleted);
        }
        let first = entries.first();
        if let Some(first) = first.filter(|first| first.sequence.0 > lower + 1 && first.at > at) {
            let text = format!("the journal reaches back to {} only", first.at);
            return Err(Error::new(Code::InvalidArguments, text).field("at"));
        }
        upper = lower;
    }
    Ok(deleted)
}
