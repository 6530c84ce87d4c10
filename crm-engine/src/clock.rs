//! The only source of time. Everything that needs a moment is given one.

use std::sync::Mutex;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Tells the present moment. A host may supply its own (tests, replay, a trusted source).
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        to_milliseconds(Utc::now())
    }
}

/// A clock that stands still until it is set.
///
/// ```
/// use crm_engine::{Clock, ManualClock};
/// let noon = "2026-03-01T12:00:00Z".parse().unwrap();
/// let clock = ManualClock::new(noon);
/// assert_eq!(clock.now(), noon);
/// ```
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn new(at: DateTime<Utc>) -> ManualClock {
        ManualClock(Mutex::new(to_milliseconds(at)))
    }

    /// Sets the clock.
    pub fn set(&self, at: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(|e| e.into_inner()) = to_milliseconds(at);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Moments are kept to the millisecond, so that what is stored equals what was given.
fn to_milliseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(at)
}
