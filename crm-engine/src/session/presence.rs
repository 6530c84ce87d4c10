//! Sessions among the open ones, and their end.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::Session;
use crate::access::{Origin, Seat, SeatFacts};
use crate::engine::By;
use crate::error::{Code, Error, Result};
use crate::ids::{Sequence, UserId};
use crate::journal::{Cause, Event, EventKind};
use crate::policy::Actor;
use crate::write::Told;

/// The place of a session among the open ones. Clones of the session share it.
pub(super) struct Presence(Seat);

impl Presence {
    pub(super) fn new(seat: Seat) -> Presence {
        Presence(seat)
    }

    pub(super) fn seat(&self) -> &SeatFacts {
        self.0.facts()
    }

    /// Refuses a session that was ended.
    pub(super) fn check_open(&self) -> Result<()> {
        match self.seat().is_ended() {
            true => Err(Error::new(Code::Denied, "the session has ended")),
            false => Ok(()),
        }
    }
}

/// A session that is open.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenSession {
    /// What it is called by: the position of its login in the journal.
    pub session: Sequence,
    /// Whose it is.
    pub user: UserId,
    /// When it was opened.
    #[serde(serialize_with = "crate::value::moment")]
    pub since: DateTime<Utc>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Session {
    /// Ends the session, its clones too: every further call is refused, rows that are being read
    /// among them. The session of the host itself has no end. A session that is dropped leaves the
    /// list of open ones as well, but not a word in the journal.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, Options};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// engine.system().create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
    /// let anna = engine.login("anna")?;
    /// anna.end()?;
    /// let refused = anna.create("company", &json!({"name": "Vega", "legal_form": "legal_entity"}));
    /// assert_eq!(refused.unwrap_err().code(), Code::Denied);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// What prevents the journal from telling of it; the session is ended all the same.
    pub fn end(&self) -> Result<()> {
        match &self.presence {
            Some(presence) => self.end_seat(presence.seat()),
            None => Ok(()),
        }
    }

    fn end_seat(&self, seat: &SeatFacts) -> Result<()> {
        if !seat.end() {
            return Ok(());
        }
        // Rows that are being read must notice it, also when nothing can be written any more.
        self.engine().commits().fetch_add(1, Ordering::Release);
        let by = By {
            actor: Actor::System,
            session: seat.number(),
        };
        let detail = match self.user() == Some(seat.user) {
            true => json!({}),
            false => json!({"ended_by": self.user().map(UserId::get)}),
        };
        let told = Told {
            actor: Some(seat.user),
            session: seat.number(),
            action: "logout".to_owned(),
            event: Event {
                kind: EventKind::Logout,
                detail,
            },
        };
        self.engine()
            .transact(by, &Cause::Person, "logout", |door| {
                door.tell_of(told.clone());
                Ok(())
            })
    }

    /// The sessions that are open in this engine, the oldest first.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna"}))?;
    /// let anna = engine.login("anna")?;
    /// assert_eq!(host.sessions()?[0].user, anna.user().unwrap());
    /// drop(anna);
    /// assert!(host.sessions()?.is_empty());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators.
    pub fn sessions(&self) -> Result<Vec<OpenSession>> {
        self.require_administrator()?;
        let open = self.engine().sessions().open();
        let told = open.iter().map(|seat| OpenSession {
            session: seat.number(),
            user: seat.user,
            since: seat.since,
            origin: seat.origin.clone(),
        });
        Ok(told.collect())
    }

    /// Ends a session of anybody, as [`Session::end`] does. `session` is the position of its login
    /// in the journal, as [`Session::sessions`] tells it.
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators, [`Code::NotFound`].
    pub fn end_session(&self, session: Sequence) -> Result<()> {
        self.require_administrator()?;
        let open = self.engine().sessions().open();
        let seat = open.iter().find(|seat| seat.number() == session);
        self.end_seat(seat.ok_or_else(Error::not_found)?)
    }
}
