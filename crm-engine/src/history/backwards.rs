//! The history of a record from its newest change back, read only as far as it is asked for.

use chrono::{DateTime, Utc};

use super::{Change, FieldChange, decode, owner_value};
use crate::error::Result;
use crate::ids::{RecordId, UserId, Version};
use crate::journal::ChangeKind;
use crate::schema::keys;
use crate::schema::system::{OWNER, PARTICIPANTS};
use crate::store::{Read, Scan, ScanOptions};
use crate::value::{Fields, Record, take_uint};

/// Walks from the newest change of a record to its creation.
pub(crate) struct Backwards<'r> {
    rows: Scan<'r>,
    prefix_bytes: usize,
    /// The record as it stood after the next change to come, as far as changes behind it tell.
    after: Fields,
}

impl<'r> Backwards<'r> {
    /// The walk over the history of `id`, which stands as it is in `now`; none when it is gone.
    pub(crate) fn open(
        read: &'r dyn Read,
        id: RecordId,
        now: Option<&Record>,
    ) -> Result<Backwards<'r>> {
        let mut after = Fields::default();
        if let Some(record) = now {
            after = record.fields.clone();
            after.set(OWNER, owner_value(record.head.owner));
            after.set(PARTICIPANTS, record.head.participants.to_value());
        }
        let range = keys::history_of(id);
        Ok(Backwards {
            prefix_bytes: range.start().len(),
            rows: read.scan(range, ScanOptions::REVERSE)?,
            after,
        })
    }

    /// The change before the one given last. A creation names no fields: all that stood after it
    /// was new.
    pub(crate) fn next(&mut self) -> Result<Option<Change>> {
        let Some((key, row)) = self.rows.next()? else {
            return Ok(None);
        };
        let version = Version(take_uint(&mut &key[self.prefix_bytes..])?);
        let mut change = decode(version, row)?;
        for FieldChange { field, old, new } in &mut change.fields {
            *new = self.after.get(*field).clone();
            self.after.set(*field, old.clone());
        }
        if change.kind == ChangeKind::Create {
            self.after = Fields::default();
        }
        Ok(Some(change))
    }
}

/// A time in which a record belonged to one owner, or to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenure {
    pub(crate) owner: Option<UserId>,
    pub(crate) from: DateTime<Utc>,
    /// None while it lasts.
    pub(crate) to: Option<DateTime<Utc>>,
}

/// Who had a record from when to when, the first owner first.
pub(crate) fn tenures(read: &dyn Read, id: RecordId, now: &Record) -> Result<Vec<Tenure>> {
    let mut tenures = Vec::new();
    let (mut owner, mut to) = (now.head.owner, None);
    let mut changes = Backwards::open(read, id, None)?;
    while let Some(change) = changes.next()? {
        let former = change.fields.iter().find(|field| field.field == OWNER);
        let from = change.at;
        match change.kind {
            ChangeKind::Update if former.is_none() => continue,
            // A record that was gone for a while belonged to nobody then.
            ChangeKind::Delete => {}
            ChangeKind::Create | ChangeKind::Update | ChangeKind::Restore => {
                tenures.push(Tenure { owner, from, to });
            }
        }
        owner = former.and_then(|former| former.old.as_reference().map(UserId));
        to = Some(from);
    }
    tenures.reverse();
    Ok(tenures)
}
