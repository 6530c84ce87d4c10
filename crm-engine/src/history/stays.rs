//! How long a record stood on each choice of a field, from its history.

use chrono::{DateTime, Utc};

use super::{Change, of};
use crate::error::Result;
use crate::ids::{ChoiceId, FieldId, RecordId, UserId};
use crate::journal::ChangeKind;
use crate::schema::system::OWNER;
use crate::store::Read;
use crate::value::Record;

/// A time in which a choice field of a record held one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stay {
    pub(crate) value: ChoiceId,
    pub(crate) entered_at: DateTime<Utc>,
    /// None while it lasts.
    pub(crate) left_at: Option<DateTime<Utc>>,
    /// 1 for the first stay of the record with this value, and so on.
    pub(crate) visit: u32,
    /// The value before; none where there was none, or no record.
    pub(crate) previous: Option<ChoiceId>,
    /// The value after.
    pub(crate) next: Option<ChoiceId>,
    /// Who gave it the value.
    pub(crate) actor: Option<UserId>,
}

/// The stays of a record that stands as it is in `now`, the first one first.
pub(crate) fn stays(
    read: &dyn Read,
    id: RecordId,
    now: &Record,
    field: FieldId,
) -> Result<Vec<Stay>> {
    let changes = of(read, id, Some(now), OWNER)?;
    let mut stays: Vec<Stay> = Vec::new();
    let mut present = None;
    for change in &changes {
        let Some(new) = value_after(change, field, present) else {
            continue;
        };
        if new == present {
            continue;
        }
        if present.is_some()
            && let Some(last) = stays.last_mut()
        {
            last.left_at = Some(change.at);
            last.next = new;
        }
        if let Some(value) = new {
            let before = stays.iter().filter(|stay| stay.value == value).count();
            stays.push(Stay {
                value,
                entered_at: change.at,
                left_at: None,
                visit: u32::try_from(before + 1).unwrap_or(u32::MAX),
                previous: present,
                next: None,
                actor: change.actor,
            });
        }
        present = new;
    }
    Ok(stays)
}

/// The value of the field after a change; none where the change does not speak of it. A record
/// that is gone has none.
fn value_after(
    change: &Change,
    field: FieldId,
    present: Option<ChoiceId>,
) -> Option<Option<ChoiceId>> {
    let spoken = change.fields.iter().find(|changed| changed.field == field);
    match change.kind {
        ChangeKind::Delete => Some(None),
        ChangeKind::Create | ChangeKind::Restore => {
            Some(spoken.and_then(|changed| changed.new.as_choice()))
        }
        ChangeKind::Update => spoken
            .map(|changed| changed.new.as_choice())
            .filter(|new| *new != present),
    }
}
