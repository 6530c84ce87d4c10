//! The sessions that are open, in memory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::Origin;
use crate::error::{Code, Error, Result};
use crate::ids::{Sequence, UserId};
use crate::limits::SESSIONS_MAX;

/// The open sessions of one engine.
#[derive(Debug, Default)]
pub(crate) struct Register(Mutex<Seats>);

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    taken: BTreeMap<u64, Arc<SeatFacts>>,
}

/// What is known of an open session.
#[derive(Debug)]
pub(crate) struct SeatFacts {
    pub user: UserId,
    pub since: DateTime<Utc>,
    pub origin: Origin,
    /// The position of its login in the journal; 0 while it is being opened.
    number: AtomicU64,
    ended: AtomicBool,
}

impl SeatFacts {
    /// The position of its login in the journal: what the session is called by.
    pub(crate) fn number(&self) -> Sequence {
        Sequence(self.number.load(Ordering::Acquire))
    }

    /// Tells the position of its login.
    pub(crate) fn set_number(&self, number: Sequence) {
        self.number.store(number.0, Ordering::Release);
    }

    /// Whether it was ended.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends it; whether it had not been ended before.
    pub(crate) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }
}

/// A place among the open sessions, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    register: Arc<Register>,
    place: u64,
    facts: Arc<SeatFacts>,
}

impl Seat {
    /// What is known of the session.
    pub(crate) fn facts(&self) -> &SeatFacts {
        &self.facts
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.register.lock().taken.remove(&self.place);
    }
}

impl Register {
    /// Takes a place. `admit` decides, told the origins of the user's other sessions that come
    /// from elsewhere; nobody else takes a place meanwhile.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] when every place is taken.
    pub(crate) fn take(
        self: &Arc<Register>,
        user: UserId,
        origin: &Origin,
        since: DateTime<Utc>,
        admit: impl FnOnce(&[Origin]) -> bool,
    ) -> Result<Option<Seat>> {
        let mut seats = self.lock();
        let elsewhere: Vec<Origin> = seats
            .taken
            .values()
            .filter(|seat| seat.user == user && !seat.is_ended())
            .filter(|seat| seat.origin.differs_from(origin))
            .map(|seat| seat.origin.clone())
            .collect();
        if !admit(&elsewhere) {
            return Ok(None);
        }
        if seats.taken.len() >= SESSIONS_MAX {
            let text = format!("no more than {SESSIONS_MAX} sessions can be open");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let facts = Arc::new(SeatFacts {
            user,
            since,
            origin: origin.clone(),
            number: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        seats.next += 1;
        let place = seats.next;
        seats.taken.insert(place, Arc::clone(&facts));
        Ok(Some(Seat {
            register: Arc::clone(self),
            place,
            facts,
        }))
    }

    /// The sessions that are open, the oldest first.
    pub(crate) fn open(&self) -> Vec<Arc<SeatFacts>> {
        let seats = self.lock();
        let open = seats.taken.values().filter(|seat| !seat.is_ended());
        open.filter(|seat| seat.number() != Sequence(0))
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
