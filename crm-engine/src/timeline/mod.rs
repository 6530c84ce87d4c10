//! Timelines: everything that concerns a record, the newest first.
//!
//! Two sources are merged: the [entries](crate::index) that events and moves of other records have
//! left on the record's timeline, and the changes of the record itself, read backwards from its
//! history. A page reads only as much of either as it shows, so that the newest entries of a long
//! timeline come as quickly as those of a short one.
//!
//! Every entry passes the caller's plan for the object it is of: the owner its record has now, and
//! the fields. An entry that stands where it does by a hidden field, or tells nothing but hidden
//! fields, is not there (invariants *one predicate* and *invisible is absent*). A record that
//! took others in is read together with them: [`page`] takes all their ids.

mod cursor;
mod filter;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::ids::{RecordId, UserId, Version};
use crate::limits::{TIMELINE_KINDS_MAX, TIMELINE_PAGE_MAX};
use crate::policy::Actor;
use crate::schema::{Cells, Object, Schema};
use crate::store::Read;
use crate::value::Record;

use cursor::Position;
use filter::Wanted;
use streams::Merge;

/// An entry of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineEntry {
    /// When it took place.
    #[serde(serialize_with = "crate::value::moment")]
    pub at: DateTime<Utc>,
    /// What it is.
    pub kind: EntryKind,
    /// The object of the record it is of.
    pub object: String,
    /// The record it is of.
    pub id: RecordId,
    /// The version of the record that a change or a move produced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What names the record to people.
    pub title: Option<String>,
    /// The kind of an event, as its record tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The channel of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Who created the event, or made the change; none is the host itself, or not shown.
    pub actor: Option<UserId>,
    /// Whom the record of an event or a move belongs to now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// Why a change was made: `person`, `transfer`, `import:file`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The changed fields; of a creation, none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, ChangedField>,
    /// The columns of an event.
    #[serde(skip_serializing_if = "Cells::is_empty")]
    pub columns: Cells,
}

/// What an entry of a timeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// An event: a record that refers to the one whose timeline this is.
    Event,
    /// A move to another stage, of the record itself or of one that refers to it.
    Stage,
    /// The record was created.
    Created,
    /// Fields of the record were changed.
    Changed,
    /// The record was deleted; it has been restored since.
    Deleted,
    /// The record was brought back after its deletion.
    Restored,
}

impl EntryKind {
    /// The name as it stands in JSON and in filters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EntryKind::Event => "event",
            EntryKind::Stage => "stage",
            EntryKind::Created => "created",
            EntryKind::Changed => "changed",
            EntryKind::Deleted => "deleted",
            EntryKind::Restored => "restored",
        }
    }
}

/// Old and new value of a changed field, choices by their names.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangedField {
    /// The value before.
    pub old: Json,
    /// The value after.
    pub new: Json,
}

/// A stretch of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelinePage {
    /// The entries, the newest first.
    pub entries: Vec<TimelineEntry>,
    /// What to pass as `after` for the entries that follow; none when there are none.
    pub next: Option<String>,
}

/// Which entries of a timeline are asked for. Everything given must fit.
///
/// Names that mean nothing to the caller, be it that they do not exist or that he may not see what
/// they name, fit no entry.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimelineFilter {
    /// One of these: `event`, `stage`, `created`, `changed`, `deleted`, the name of an object, or
    /// the kind of an event as its record tells it.
    pub kinds: Vec<String>,
    /// Who created the event or made the change, or whom the event belongs to now.
    pub user: Option<UserId>,
    /// The channel of an event.
    pub channel: Option<String>,
    /// The first moment.
    pub from: Option<DateTime<Utc>>,
    /// The moment before which it took place.
    pub to: Option<DateTime<Utc>>,
    /// Text that its title, a column or a changed value contains; case does not matter.
    pub text: Option<String>,
}

/// Who reads, and what from.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'r> {
    pub(crate) read: &'r dyn Read,
    pub(crate) schema: &'r Schema,
    pub(crate) facts: &'r Facts,
    pub(crate) actor: Actor,
}

/// A record that the reader may see, as the one whose timeline is read.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'s> {
    pub(crate) object: &'s Arc<Object>,
    pub(crate) record: &'s Record,
    /// Its id, and those of the records it has taken in.
    pub(crate) ids: &'s [RecordId],
}

/// A page of the timeline of a record that the reader may see.
///
/// # Errors
/// [`Code::InvalidArguments`] for a `limit` of 0 or above [`TIMELINE_PAGE_MAX`] and for an `after`
/// that no page gave, [`Code::LimitExceeded`], and what prevents reading.
pub(crate) fn page(
    reader: Reader<'_>,
    subject: Subject<'_>,
    filter: &TimelineFilter,
    limit: usize,
    after: Option<&str>,
) -> Result<TimelinePage> {
    check(filter, limit)?;
    let position = match after {
        Some(text) => Some(Position::read(text)?),
        None => None,
    };
    let wanted = Wanted::new(reader, filter, false);
    let mut merge = Merge::open(&wanted, subject, position)?;
    let mut entries = Vec::with_capacity(limit.min(64));
    while entries.len() < limit {
        match merge.next()? {
            Some(entry) => entries.push(entry),
            None => break,
        }
    }
    Ok(TimelinePage {
        entries,
        next: merge.position().map(|position| position.text()),
    })
}

/// The newest event before `now` that is a touch.
///
/// # Errors
/// As [`page`].
pub(crate) fn last_touch(
    reader: Reader<'_>,
    subject: Subject<'_>,
    now: DateTime<Utc>,
) -> Result<Option<TimelineEntry>> {
    let filter = TimelineFilter {
        to: Some(now + chrono::TimeDelta::milliseconds(1)),
        ..TimelineFilter::default()
    };
    let wanted = Wanted::new(reader, &filter, true);
    Merge::open(&wanted, subject, None)?.next()
}

fn check(filter: &TimelineFilter, limit: usize) -> Result<()> {
    if !(1..=TIMELINE_PAGE_MAX).contains(&limit) {
        let text = format!("`limit` takes a number from 1 to {TIMELINE_PAGE_MAX}");
        return Err(Error::new(Code::InvalidArguments, text));
    }
    if filter.kinds.len() > TIMELINE_KINDS_MAX {
        let text = format!("`kinds` takes at most {TIMELINE_KINDS_MAX} names");
        return Err(Error::new(Code::LimitExceeded, text));
    }
    Ok(())
}
