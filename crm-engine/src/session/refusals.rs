//! Refusals for the journal: whoever is denied something is told of there (C69).

use std::cell::Cell;

use serde_json::{Map, Value as Json};

use super::Session;
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::journal::{Cause, Event, EventKind};
use crate::limits::EVENT_TEXT_BYTES_MAX;
use crate::policy::Actor;
use crate::write::Told;

thread_local! {
    /// How many calls of sessions this thread is in: the outermost one tells of a refusal.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// A call under way.
struct Call;

impl Call {
    fn enter() -> Call {
        CALLS.set(CALLS.get() + 1);
        Call
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        CALLS.set(CALLS.get() - 1);
    }
}

impl Session {
    /// Runs a call. The journal tells of it when rights refuse it: which action, and of which
    /// record as far as that is known. That is a transaction of its own behind the failed one;
    /// where it fails too, the refusal is what the caller hears.
    pub(crate) fn noting<R>(
        &self,
        action: &str,
        object: Option<&str>,
        id: Option<RecordId>,
        body: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let call = Call::enter();
        let result = body();
        drop(call);
        if let Err(error) = &result
            && error.code() == Code::Denied
            && CALLS.get() == 0
        {
            // The refusal stands, whether it can be told of or not.
            let _ = self.tell_of_refusal(action, object, id, error);
        }
        result
    }

    fn tell_of_refusal(
        &self,
        action: &str,
        object: Option<&str>,
        id: Option<RecordId>,
        error: &Error,
    ) -> Result<()> {
        let Some(user) = self.user() else {
            return Ok(());
        };
        let mut detail = Map::new();
        for (name, as_told) in [
            ("action", "right"),
            ("object", "object"),
            ("id", "id"),
            ("field", "field"),
        ] {
            if let Some(value) = error.details().get(name) {
                detail.insert(as_told.to_owned(), value.clone());
            }
        }
        if let Some(object) = object.filter(|_| !detail.contains_key("object")) {
            detail.insert("object".to_owned(), bounded(object).into());
        }
        if let Some(id) = id.filter(|_| !detail.contains_key("id")) {
            detail.insert("id".to_owned(), id.get().into());
        }
        detail.insert("reason".to_owned(), bounded(error.message()).into());
        let session = self.by().session;
        let told = Told {
            actor: Some(user),
            session,
            action: bounded(action).to_owned(),
            event: Event {
                kind: EventKind::Refused,
                detail: Json::Object(detail),
            },
        };
        // The user may have lost every right by now: the engine itself tells of it.
        self.engine
            .transact(Actor::System, &Cause::Person, action, |door| {
                door.tell_of(told.clone());
                Ok(())
            })
    }
}

/// As much of a caller's text as the journal takes.
pub(super) fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(EVENT_TEXT_BYTES_MAX)]
}
