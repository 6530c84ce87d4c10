//! The users a record is shared with beside its owner (C76).

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Door, Input};
use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, UserId, Version};
use crate::limits::PARTICIPANTS_MAX;
use crate::policy::Action;
use crate::schema::Object;
use crate::value::{Participants, Record};

impl Door<'_> {
    /// Shares a record with some users and no longer with others; a user in both lists is no
    /// participant afterwards. What changes nothing is no change.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Denied`] without the right to share the record,
    /// [`Code::BadReference`] for a user who is not there or not to be seen, [`Code::ReadOnly`]
    /// for a detail, or what a rule has against it.
    pub fn share(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        add: &[UserId],
        remove: &[UserId],
    ) -> Result<Version> {
        let old = self.load_visible(object, id)?;
        let all = old.head.participants.iter().chain(add.iter().copied());
        let input = Input::default().with_participants(all.filter(|user| !remove.contains(user)));
        self.update(object, id, input, None)
    }

    /// Refuses where the actor may not share the record he creates as it says.
    pub(super) fn permit_sharing_new(&self, object: &Object, new: &Record) -> Result<()> {
        match new.head.participants.is_empty() || object.is_detail() {
            true => Ok(()),
            false => self.permit(object, Action::Share, new),
        }
    }

    /// Refuses where the actor may not change owner and participants of a record as it says. A
    /// detail changes them with its parent: to move it is to change it.
    pub(super) fn permit_standing(
        &self,
        object: &Object,
        old: &Record,
        new: &Record,
    ) -> Result<()> {
        if object.is_detail() {
            if old.head.standing() != new.head.standing() {
                self.permit(object, Action::Edit, old)?;
                self.permit(object, Action::Edit, new)?;
            }
            return Ok(());
        }
        if new.head.owner != old.head.owner {
            self.permit_hand_over(object, old, new.head.owner)?;
        }
        // Whoever becomes the owner is a participant no more: that belongs to the hand-over.
        let shares = new.head.participants != old.head.participants.without(new.head.owner);
        match shares {
            true => self.permit(object, Action::Share, old),
            false => Ok(()),
        }
    }

    /// New participants must be users whom the actor may name. One answer for all others: who may
    /// not see users does not learn from it who there is.
    pub(super) fn check_participants(
        &self,
        object: &Object,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        let participants = &new.head.participants;
        // A detail has the participants of its parent.
        if participants.is_empty() || object.is_detail() {
            return Ok(());
        }
        let refuse = |code: Code, why: &str| {
            Err(Error::new(code, format!("`participants`: {why}")).field("participants"))
        };
        if !object.owned {
            let why = format!("`{}` records are shared with nobody", object.name);
            return refuse(Code::BadReference, &why);
        }
        if participants.len() > PARTICIPANTS_MAX {
            let why = format!(
                "at most {PARTICIPANTS_MAX} users, not {}",
                participants.len()
            );
            return refuse(Code::InvalidValue, &why);
        }
        let none = Participants::default();
        let former = old.map_or(&none, |old| &old.head.participants);
        for user in participants.iter().filter(|user| !former.contains(*user)) {
            if self.known_user(user)?.is_none() {
                return refuse(Code::BadReference, &format!("there is no user {user}"));
            }
        }
        Ok(())
    }
}
