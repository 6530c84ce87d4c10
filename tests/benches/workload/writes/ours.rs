//! The engine's side of writes.

use std::sync::Arc;

use crm_engine::{Input, RecordId, Result, Session, UserId};

use super::{Added, Write};
use crate::data;
use crate::engine::{Ours, activity, company, contact, moment_at};

/// Sessions of all users, to be written in from any thread.
pub struct Writer {
    sessions: Vec<Session>,
    users: Vec<RecordId>,
    first: u64,
}

impl Writer {
    pub fn new(ours: &Ours) -> Result<Writer> {
        let sessions = (0..data::users().len()).map(|user| ours.login(user));
        let users = ours.ids.users.iter().map(|id| RecordId::new(*id));
        Ok(Writer {
            sessions: sessions.collect::<Result<Vec<Session>>>()?,
            users: users.collect::<Result<Vec<RecordId>>>()?,
            first: ours.ids.company,
        })
    }

    /// The same under the host: nobody logs in, which would be written down too.
    pub fn of_host(ours: &Ours) -> Result<Writer> {
        let users = ours.ids.users.iter().map(|id| RecordId::new(*id));
        Ok(Writer {
            sessions: data::users().iter().map(|_| ours.host()).collect(),
            users: users.collect::<Result<Vec<RecordId>>>()?,
            first: ours.ids.company,
        })
    }

    /// One write in one durable transaction.
    pub fn write(&self, write: &Write) -> Result<()> {
        match write {
            Write::Add { user, added } => self.add(&self.sessions[*user], added),
            Write::Touch {
                user,
                company,
                at_ms,
            } => self.touch(&self.sessions[*user], self.company(*company)?, *at_ms),
            Write::HandOver {
                head,
                to,
                companies,
                ..
            } => self.hand_over(&self.sessions[*head], *to, companies),
        }
    }

    fn company(&self, number: usize) -> Result<RecordId> {
        RecordId::new(self.first + number as u64)
    }

    fn add(&self, session: &Session, added: &Added) -> Result<()> {
        session.transact("create", |door| {
            let schema = Arc::clone(door.schema());
            let object = schema.object("company")?;
            let id = door.create(object, company(object, added.company.clone(), &self.users)?)?;
            let object = schema.object("contact")?;
            door.create(object, contact(object, id, added.contact.clone())?)?;
            let object = schema.object("activity")?;
            door.create(object, activity(object, id, added.task.clone())?)?;
            Ok(())
        })
    }

    fn touch(&self, session: &Session, id: RecordId, at_ms: i64) -> Result<()> {
        session.transact("update", |door| {
            let schema = Arc::clone(door.schema());
            let object = schema.object("company")?;
            let mut input = Input::default();
            input.set(object, "last_activity", moment_at(at_ms))?;
            door.update(object, id, input, None).map(drop)
        })
    }

    /// Details go with their company.
    fn hand_over(&self, session: &Session, to: usize, companies: &[usize]) -> Result<()> {
        session.transact("hand over", |door| {
            let schema = Arc::clone(door.schema());
            let object = schema.object("company")?;
            for number in companies {
                let input = Input::default().with_owner(Some(UserId(self.users[to])));
                door.update(object, self.company(*number)?, input, None)?;
            }
            Ok(())
        })
    }
}
