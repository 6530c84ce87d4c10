//! What the journal tells of a transaction: its changes, and events that change no record.

use super::Door;
use crate::access::Credentials;
use crate::error::Result;
use crate::ids::{Sequence, UserId};
use crate::journal::{self, Event};
use crate::schema::keys;

/// An event to be told, and whose doing it was.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) actor: Option<UserId>,
    /// The session it belongs to; 0 for an event that opens one itself or has none.
    pub(crate) session: Sequence,
    pub(crate) action: String,
    pub(crate) event: Event,
}

impl Door<'_> {
    /// The transaction is made in a session, named by the position of its login.
    pub(crate) fn in_session(&mut self, session: Sequence) {
        self.session = session;
    }

    /// Has the journal tell an event of the actor, under the action of the transaction.
    pub(crate) fn tell(&mut self, event: Event) {
        let told = Told {
            actor: self.actor().user(),
            session: self.session,
            action: self.around.action.to_owned(),
            event,
        };
        self.tell_of(told);
    }

    /// Has the journal tell an event. The first one stands at [`Door::sequence`] where no record
    /// is changed, the others behind it.
    pub(crate) fn tell_of(&mut self, told: Told) {
        self.told.push(told);
    }

    /// Replaces the credentials of a user. The caller tells of it.
    pub(crate) fn put_credentials(
        &mut self,
        user: UserId,
        credentials: &Credentials,
    ) -> Result<()> {
        match credentials.pack() {
            Some(bytes) => self.txn.put(&keys::credentials(user), &bytes),
            None => self.txn.delete(&keys::credentials(user)),
        }
    }

    /// Cuts off the entries of the journal made before a moment, and tells of it. Whether the
    /// actor may is for the caller to ask.
    pub(crate) fn cut_journal(
        &mut self,
        before: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<journal::Cut>> {
        let cut = journal::cut(self.txn, before)?;
        if let Some(cut) = &cut {
            self.tell(cut.event());
        }
        Ok(cut)
    }

    /// Writes the journal entries; none when there is nothing to tell. Returns the journal
    /// position of the transaction, or of the newest entry where nothing was written.
    pub(crate) fn finish(self) -> Result<Sequence> {
        let around = &self.around;
        let changed = !self.changes.is_empty() || self.noted;
        if changed {
            let draft = journal::Draft {
                at: around.now,
                actor: around.actor.user(),
                session: self.session,
                action: around.action,
                event: None,
            };
            journal::append(self.txn, &draft, &self.changes)?;
        }
        for told in &self.told {
            let draft = journal::Draft {
                at: around.now,
                actor: told.actor,
                session: told.session,
                action: &told.action,
                event: Some(&told.event),
            };
            journal::append(self.txn, &draft, &[])?;
        }
        let silent = !changed && self.told.is_empty();
        Ok(Sequence(self.sequence.0 - u64::from(silent)))
    }
}
