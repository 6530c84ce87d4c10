//! Ordered changes, read from a position: what a host follows to keep up with a store.
//!
//! The journal is the feed; what is shown of it goes through the reader's plan (invariant *one
//! predicate*).

use chrono::{DateTime, Utc};

use crate::error::{Code, Error, Result};
use crate::facts::{self, Facts};
use crate::history;
use crate::ids::{RecordId, Sequence, UserId, Version};
use crate::journal::{self, ChangeKind};
use crate::policy::{Action, Actor};
use crate::schema::{Schema, keys};
use crate::store::Read;
use crate::value::RecordView;

/// Transactions looked through by one call at most.
const TRANSACTIONS_PER_CALL_MAX: usize = 1_000;

/// A change as the feed tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedChange {
    /// The transaction it belongs to.
    pub sequence: Sequence,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it; none is the host itself.
    pub actor: Option<UserId>,
    /// What was done.
    pub kind: ChangeKind,
    /// The name of the record's object.
    pub object: String,
    /// The record.
    pub id: RecordId,
    /// The version the change produced.
    pub version: Version,
}

/// A stretch of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedPage {
    /// The changes the reader may see, oldest first.
    pub changes: Vec<FeedChange>,
    /// Where to read on: everything up to here was looked through.
    pub next: Sequence,
    /// Whether the feed goes on behind `next`.
    pub more: bool,
}

/// The changes after position `after` as `actor` may see them, whole transactions at a time,
/// until at least `limit` changes were found.
///
/// A change is shown when the actor may see the record now; for a record that is gone, when he
/// could have seen it before its deletion: as its history does.
///
/// # Errors
/// [`Code::InvalidArguments`] for a `limit` of 0, with which nobody would get on.
pub(crate) fn read(
    read: &dyn Read,
    schema: &Schema,
    facts: &Facts,
    actor: Actor,
    after: Sequence,
    limit: usize,
) -> Result<FeedPage> {
    if limit == 0 {
        return Err(Error::new(
            Code::InvalidArguments,
            "`limit` takes a number from 1 on",
        ));
    }
    let entries = journal::read_after(read, after, TRANSACTIONS_PER_CALL_MAX)?;
    let mut page = FeedPage {
        changes: Vec::new(),
        next: after,
        more: false,
    };
    let last = entries.last().map_or(after, |entry| entry.sequence);
    for entry in entries {
        if page.changes.len() >= limit {
            break;
        }
        for change in entry.changes {
            let Some(object) = schema.by_id(change.object) else {
                continue;
            };
            let plan = facts.plan(actor, object, Action::View);
            let seen = match read.get(&keys::record(change.object, change.id))? {
                Some(bytes) => facts::permits(read, &plan, &RecordView::new(&bytes)?)?,
                None => match history::deleted(read, change.id)? {
                    Some(gone) => facts::permits(read, &plan, &gone)?,
                    None => false,
                },
            };
            if seen {
                page.changes.push(FeedChange {
                    sequence: entry.sequence,
                    at: entry.at,
                    actor: entry.actor,
                    kind: change.kind,
                    object: object.name.clone(),
                    id: change.id,
                    version: change.version,
                });
            }
        }
        page.next = entry.sequence;
    }
    page.more = page.next < last || journal::head(read)?.sequence > page.next;
    Ok(page)
}
