//! What machines do with whole records: moving what refers to them, taking changes back,
//! bringing deleted records back, merging one into another.

use std::sync::Arc;

use super::{Door, Given};
use crate::error::{Error, Result};
use crate::history;
use crate::ids::{RecordId, Version};
use crate::journal::Cause;
use crate::policy::Action;
use crate::schema::Object;
use crate::value::Record;

/// How changes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Manner {
    /// As callers make them.
    #[default]
    Ordinary,
    /// As a machine that moves references: what a record lacked before does not bar it.
    Moving,
    /// As it was before: rules may refuse, but neither fill in nor follow up, because what they
    /// did at the time is taken back with the rest. What a record lacked does not bar it.
    TakingBack,
}

impl Manner {
    /// The record whose gaps are overlooked.
    pub(super) fn lacked(self, old: Option<&Record>) -> Option<&Record> {
        old.filter(|_| self != Manner::Ordinary)
    }
}

impl Door<'_> {
    /// Runs `body` so that its changes are made in another manner. Rules that answer them make
    /// theirs in the ordinary one.
    pub(crate) fn in_manner<R>(
        &mut self,
        manner: Manner,
        body: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<R> {
        let outer = std::mem::replace(&mut self.manner, manner);
        let result = body(self);
        self.manner = outer;
        result
    }

    /// Brings a deleted record back under its own id, as `record` says it was. It takes up its
    /// versions where they ended and stays as old as it first was. Details come back to the owner
    /// their parent has now, fields that were deleted since stay deleted (C36).
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when nothing was deleted there that the actor
    /// could see, [`Code::Denied`](crate::Code::Denied) when he may not create such records,
    /// [`Code::BadReference`](crate::Code::BadReference) when it refers to what is gone,
    /// [`Code::Duplicate`](crate::Code::Duplicate), or what a rule has against it.
    pub(crate) fn restore(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        record: Record,
    ) -> Result<Version> {
        let gone = history::newest(self.reader(), id)?
            .filter(|change| change.object == object.id)
            .and_then(|change| Some((change.deleted()?, change)));
        let gone = match gone {
            Some((last, change)) if self.may(object, Action::View, &last)? => change,
            _ => return Err(Error::not_found()),
        };
        let mut new = record;
        new.fields.retain(|field| object.by_id(field).is_some());
        let standing = self.standing_of_changed(object, &Given::default(), &new)?;
        new.head.stand(standing);
        self.permit(object, Action::Create, &new)?;
        self.check_guarded(object, None, Some(&new))?;
        let version = Version(gone.version.0 + 1);
        new.head.version = version;
        new.head.updated_at = self.now();
        new.head.updated_by = self.actor().user();
        if let Cause::Merge(into) = gone.cause {
            history::forget_absorbed(self.txn, into, id)?;
        }
        // The rights are checked; a link stays valid though its target became unreadable.
        self.entrusted(|door| {
            door.in_manner(Manner::TakingBack, |door| {
                let was = new.clone();
                door.run_before(object, id, Some(&was), &mut new)?;
                door.keep_restored(object, id, &was, &mut new)?;
                door.put(object, id, None, new, &[])
            })
        })?;
        Ok(version)
    }

    /// Fills what a record that comes back keeps: it counts no records yet, they come back after
    /// it; what was frozen stays so.
    fn keep_restored(
        &self,
        object: &Object,
        id: RecordId,
        was: &Record,
        new: &mut Record,
    ) -> Result<()> {
        let mut fresh = was.clone();
        self.keep(object, id, None, &mut fresh)?;
        for field in object.fields.iter().filter(|field| field.rollup.is_some()) {
            new.fields.set(field.id, fresh.fields.get(field.id).clone());
        }
        self.keep(object, id, Some(was), new)
    }

    /// Deletes a record that was merged into another one; the two share their past from here on.
    ///
    /// # Errors
    /// As [`Door::delete`].
    pub(crate) fn absorb(
        &mut self,
        object: &Arc<Object>,
        into: RecordId,
        id: RecordId,
    ) -> Result<()> {
        let sequence = self.sequence;
        self.under(Cause::Merge(into), |door| door.delete(object, id, None))?;
        history::note_absorbed(self.txn, into, id, sequence)
    }
}
