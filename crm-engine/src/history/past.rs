//! A record as it was at an earlier moment, played forward from its changes.

use chrono::{DateTime, Utc};

use super::Change;
use crate::ids::{UserId, Version};
use crate::journal::ChangeKind;
use crate::schema::system::{OWNER, PARTICIPANTS};
use crate::value::{Fields, Head, Participants, Record};

/// A moment in the life of a record.
///
/// ```
/// use crm_engine::{Moment, Version};
/// assert_ne!(Moment::Version(Version(1)), Moment::At("2026-03-01T09:00:00Z".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After the change that produced this version.
    Version(Version),
    /// At this time, with what was changed at that very time.
    At(DateTime<Utc>),
}

impl Moment {
    /// Whether `change` had been made by then.
    pub(crate) fn has_seen(self, change: &Change) -> bool {
        match self {
            Moment::Version(version) => change.version <= version,
            Moment::At(at) => change.at <= at,
        }
    }
}

/// The record as it was at `moment`, from all of its changes; none where it did not exist then:
/// not yet, or deleted. A record that was brought back is as old as it first was.
pub(crate) fn record_at(changes: &[Change], moment: Moment) -> Option<Record> {
    let mut record: Option<Record> = None;
    let mut born = None;
    for change in changes.iter().take_while(|change| moment.has_seen(change)) {
        if change.kind == ChangeKind::Delete {
            record = None;
            continue;
        }
        let (created_at, created_by) = *born.get_or_insert((change.at, change.actor));
        let present = record.get_or_insert_with(|| Record {
            head: Head {
                version: change.version,
                owner: None,
                participants: Participants::default(),
                created_at,
                created_by,
                updated_at: change.at,
                updated_by: change.actor,
            },
            fields: Fields::default(),
        });
        present.head.version = change.version;
        present.head.updated_at = change.at;
        present.head.updated_by = change.actor;
        for field in &change.fields {
            match field.field {
                OWNER => present.head.owner = field.new.as_reference().map(UserId),
                PARTICIPANTS => present.head.participants = Participants::of_value(&field.new),
                id => present.fields.set(id, field.new.clone()),
            }
        }
    }
    record
}
