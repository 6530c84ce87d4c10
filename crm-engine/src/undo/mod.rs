//! Taking back: a field or a record set to what it was, everything one user changed in a
//! period, a whole transaction.
//!
//! Setting a record back is a new change: rules answer it as any other. Taking changes back is
//! not: what rules filled in or did in answer is in the journal beside the changes they answered
//! and is taken back with them, so rules may only refuse. What the engine itself keeps (sums,
//! formulas, conversions, the owners of details) follows by itself and is left alone.
//!
//! Only what still stands is taken back: a value that was changed since stays, and so does a
//! record that somebody else has changed or referred to since it was created (invariant *nothing
//! is lost quietly*: each of them is told). A transaction looks at what stands, not at how it came
//! to stand: what was changed since and taken back again is as it was.

mod record;
#[cfg(test)]
mod tests;
mod transaction;
mod user;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::history::{self, Change, FieldChange};
use crate::ids::{FieldId, RecordId, Sequence};
use crate::journal::{Cause, ChangeKind};
use crate::policy::Action;
use crate::schema::system::{OWNER, PARTICIPANTS, is_of_owned, value_of};
use crate::schema::{Object, keys};
use crate::value::{Record, RecordView, Value};
use crate::write::{Door, Input, Manner, still_referenced};

pub use record::Reverted;
pub(crate) use record::{revert_field, revert_record};
pub use transaction::Undone;
pub(crate) use transaction::take_back;
pub use user::{RevertOutcome, RevertUser, RevertUserReport, RevertedRecord};
pub(crate) use user::{Transactions, revert_user};

/// A record with all of its changes.
struct Story {
    object: Arc<Object>,
    id: RecordId,
    now: Option<Record>,
    changes: Vec<Change>,
}

impl Story {
    fn read(door: &Door<'_>, object: &Arc<Object>, id: RecordId) -> Result<Story> {
        let now = match door.reader().get(&keys::record(object.id, id))? {
            Some(bytes) => Some(RecordView::new(&bytes)?.decode()?),
            None => None,
        };
        let changes = history::of(door.reader(), id, now.as_ref(), OWNER)?;
        Ok(Story {
            object: Arc::clone(object),
            id,
            now,
            changes,
        })
    }

    /// Whether the actor sees the record, or saw it before it was deleted.
    fn is_visible(&self, door: &Door<'_>) -> Result<bool> {
        let of_this = |change: &&Change| change.object == self.object.id;
        let gone = || self.changes.last().filter(of_this)?.deleted();
        match self.now.clone().or_else(gone) {
            Some(record) => door.may(&self.object, Action::View, &record),
            None => Ok(false),
        }
    }

    /// The present value of a field.
    fn value(&self, field: FieldId) -> Value {
        self.now.as_ref().map_or(Value::Null, |record| {
            value_of(self.id, record, field).into_owned()
        })
    }

    /// The field changes of a change that can be taken back: not those of fields that are gone,
    /// nor of what the engine keeps.
    fn fields<'a>(&'a self, change: &'a Change) -> impl Iterator<Item = &'a FieldChange> {
        let fields = change.fields.iter();
        fields.filter(|field| is_taken_back(&self.object, field.field))
    }

    /// Whether a change is one of people or rules, not only of what the engine keeps.
    fn counts(&self, change: &Change) -> bool {
        change.kind != ChangeKind::Update || self.fields(change).next().is_some()
    }

    /// Whether two states of the record differ in nothing that people or rules changed.
    fn are_alike(&self, one: &Record, two: &Record) -> bool {
        let same = |field| value_of(self.id, one, field) == value_of(self.id, two, field);
        let mut kept = self.object.fields.iter().map(|field| field.id);
        kept.all(|field| !is_taken_back(&self.object, field) || same(field))
            && [OWNER, PARTICIPANTS]
                .into_iter()
                .all(|field| !is_taken_back(&self.object, field) || same(field))
    }

    /// The record as it stands, or as it was when it was deleted.
    fn last(&self) -> Result<Record> {
        let gone = || self.changes.last().and_then(Change::deleted);
        let last = self.now.clone().or_else(gone);
        last.ok_or_else(Error::not_found)
    }

    /// Refuses where the actor lacks the right to do `action` to the record as it last was.
    fn permit(&self, door: &Door<'_>, action: Action) -> Result<()> {
        door.permit(&self.object, action, &self.last()?)
    }

    /// Sets fields back, owner and participants under their own numbers, once the actor's rights to
    /// do so are found. What the values refer to need not be visible to him: it is a state that was.
    fn set_back(
        &self,
        door: &mut Door<'_>,
        cause: Sequence,
        fields: Vec<(FieldId, Value)>,
    ) -> Result<()> {
        let before = self.last()?;
        let mut input = Input::default();
        for (field, value) in fields {
            input.take(field, value);
        }
        let mut after = before.clone();
        for (field, value) in &input.fields {
            after.fields.set(*field, value.clone());
        }
        door.permit_changes(&self.object, &before, &after)?;
        if input.given.participants.is_some() {
            self.permit(door, Action::Share)?;
        }
        if let Some(owner) = input.given.owner {
            door.permit_hand_over(&self.object, &before, owner)?;
        }
        taking_back(door, cause, |door| {
            door.update(&self.object, self.id, input, None).map(drop)
        })
    }

    /// Takes a creation back. Whatever refers to the record stands in the way.
    fn remove(&self, door: &mut Door<'_>, cause: Sequence) -> Result<()> {
        self.permit(door, Action::Delete)?;
        if !door.referrers(&self.object, self.id)?.is_empty() {
            return Err(still_referenced());
        }
        taking_back(door, cause, |door| door.delete(&self.object, self.id, None))
    }

    /// Takes a deletion back.
    fn bring_back(&self, door: &mut Door<'_>, cause: Sequence, record: Record) -> Result<()> {
        door.under(Cause::Revert(cause), |door| {
            door.restore(&self.object, self.id, record).map(drop)
        })
    }
}

fn taking_back(
    door: &mut Door<'_>,
    cause: Sequence,
    body: impl FnOnce(&mut Door<'_>) -> Result<()>,
) -> Result<()> {
    door.under(Cause::Revert(cause), |door| {
        door.entrusted(|door| door.in_manner(Manner::TakingBack, body))
    })
}

/// Whether a field is set back at all: it still exists, and it is not the engine that keeps it.
fn is_taken_back(object: &Object, field: FieldId) -> bool {
    if is_of_owned(field) {
        return object.owned && !object.is_detail();
    }
    object.by_id(field).is_some() && !object.keeps(field)
}

/// The object of that number, which the journal names.
fn object_of(door: &Door<'_>, id: crate::ids::ObjectId) -> Result<Arc<Object>> {
    let object = door.schema().by_id(id).map(Arc::clone);
    object.ok_or_else(|| Error::internal("the journal names an object that is not there"))
}
