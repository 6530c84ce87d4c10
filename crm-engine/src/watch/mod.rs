//! How much each user reads: records opened, rows listed and exported, refusals, by hour (C78).
//!
//! Reading never waits for a write. What users do is counted in memory, and written down by the
//! next transaction that changes something, when much of it has gathered, and when the store is
//! closed. A crash loses what was read in its last moments, never a change. Records opened are
//! counted once an hour for each user, and remembered one by one.
//!
//! | File | Holds |
//! |---|---|
//! | `counted` | what one user did in one hour |
//! | `stored` | how that stands in the store |

mod counted;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::error::{Code, Error, Result};
use crate::ids::{ObjectId, RecordId, UserId};
use crate::limits::WATCH_PENDING_MAX;
use crate::policy::Opens;
use crate::store::{Read, Txn};

use counted::{Hour, Portion};
pub(crate) use stored::{Counters, hour_of, hours_of, opened_in, start_of};

/// Users are spread over so many locks.
const SHARDS: usize = 16;

/// What users did that is not written down yet, and what they opened in this hour.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    shards: [Mutex<Shard>; SHARDS],
    /// About how much has gathered since something was written down.
    gathered: AtomicUsize,
    /// Whether there is anything to write down.
    dirty: AtomicBool,
}

#[derive(Debug, Default)]
struct Shard {
    hours: BTreeMap<UserId, Hour>,
    /// The users of whose hours there is something to write down.
    changed: Vec<UserId>,
    /// The hour up to which nobody is kept in mind who has been quiet.
    swept: u64,
    /// What is to be written down of hours that are over, and what could not be written down.
    older: Vec<Portion>,
}

/// A record that is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) user: UserId,
    pub(crate) at: DateTime<Utc>,
    pub(crate) object: ObjectId,
    pub(crate) id: RecordId,
    /// How many he may open in an hour.
    pub(crate) limit: Option<Opens>,
}

/// Something else that is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// Rows a query gave.
    Listed(u64),
    /// Rows taken out.
    Exported(u64),
    /// A refusal.
    Refused,
}

/// What is to be done after a record was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// Much has gathered, or there is an alarm: it is time to write down.
    WriteDown,
}

impl Watch {
    /// Counts a record opened. `read` is asked once an hour for each user: what he opened before
    /// the store was opened counts too.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] beyond a limit that says stop; what prevents reading.
    pub(crate) fn open(&self, opening: &Opening, read: &dyn Read) -> Result<Then> {
        let hour = hour_of(opening.at);
        let mut shard = self.shard(opening.user);
        let known = shard.hour(opening.user, hour);
        known.recall(opening.user, read)?;
        let was_written = known.is_written();
        let outcome = known.open(opening);
        if was_written && !known.is_written() {
            shard.changed.push(opening.user);
        }
        drop(shard);
        let then = match outcome {
            counted::Outcome::Known => return Ok(Then::Nothing),
            _ => self.gather(),
        };
        match outcome {
            counted::Outcome::Stopped(per_hour) => Err(Error::new(
                Code::LimitExceeded,
                format!("no more than {per_hour} records may be opened in an hour"),
            )
            .with("limit", per_hour)),
            counted::Outcome::Alarm => Ok(Then::WriteDown),
            counted::Outcome::Opened | counted::Outcome::Known => Ok(then),
        }
    }

    /// Something more is to be written down.
    fn gather(&self) -> Then {
        self.dirty.store(true, Ordering::Release);
        match self.gathered.fetch_add(1, Ordering::AcqRel) + 1 >= WATCH_PENDING_MAX {
            true => Then::WriteDown,
            false => Then::Nothing,
        }
    }

    /// Counts what else a user does.
    pub(crate) fn count(&self, user: UserId, at: DateTime<Utc>, deed: Deed) -> Then {
        let mut shard = self.shard(user);
        let known = shard.hour(user, hour_of(at));
        let was_written = known.is_written();
        known.count(deed);
        if was_written && !known.is_written() {
            shard.changed.push(user);
        }
        drop(shard);
        self.gather()
    }

    /// Takes what is to be written down: some of it where there is much.
    pub(crate) fn take(&self) -> Batch<'_> {
        let mut portions = Vec::new();
        if self.dirty.swap(false, Ordering::AcqRel) {
            let mut left = WATCH_PENDING_MAX;
            for shard in &self.shards {
                left -= lock(shard).take(left, &mut portions);
                if left == 0 {
                    self.dirty.store(true, Ordering::Release);
                }
            }
            self.gathered.store(0, Ordering::Release);
            portions.sort_unstable_by_key(|portion| (portion.user, portion.hour));
        }
        Batch {
            watch: self,
            portions,
            written: false,
        }
    }

    fn shard(&self, user: UserId) -> MutexGuard<'_, Shard> {
        lock(&self.shards[user.get() as usize % SHARDS])
    }
}

impl Shard {
    /// The hour of a user that is under way; one that is over is put aside.
    fn hour(&mut self, user: UserId, hour: u64) -> &mut Hour {
        if self.swept < hour {
            self.swept = hour;
            self.hours
                .retain(|_, known| known.number() == hour || !known.is_written());
        }
        let known = self.hours.entry(user).or_insert_with(|| Hour::new(hour));
        if known.number() != hour {
            self.older.extend(known.portion(user, usize::MAX));
            *known = Hour::new(hour);
        }
        known
    }

    /// Takes at most so many records opened; how many it took. What is counted goes along.
    fn take(&mut self, most: usize, portions: &mut Vec<Portion>) -> usize {
        let mut taken = 0;
        while taken < most
            && let Some(portion) = self.older.pop()
        {
            let (now, later) = portion.split(most - taken);
            taken += now.opened.len();
            portions.push(now);
            self.older.extend(later);
        }
        while taken < most
            && let Some(user) = self.changed.pop()
        {
            let hour = self.hours.get_mut(&user);
            if let Some(hour) = hour
                && let Some(portion) = hour.portion(user, most - taken)
            {
                taken += portion.opened.len();
                portions.push(portion);
                if !hour.is_written() {
                    self.changed.push(user);
                }
            }
        }
        taken
    }
}

/// What is being written down. Dropped before it is, it goes back to what waits.
#[derive(Debug)]
pub(crate) struct Batch<'w> {
    watch: &'w Watch,
    portions: Vec<Portion>,
    written: bool,
}

impl Batch<'_> {
    /// Whether there is nothing to write down.
    pub(crate) fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    /// Puts it into a transaction; the transaction may be run again.
    pub(crate) fn put(&mut self, txn: &mut Txn) -> Result<()> {
        self.written = true;
        stored::put(txn, &self.portions)
    }

    /// The transaction starts anew, without it.
    pub(crate) fn begin(&mut self) {
        self.written = false;
    }

    /// The transaction is committed.
    pub(crate) fn settle(mut self) {
        if self.written {
            self.portions.clear();
        }
    }

    /// It cannot be written down: the storage fails.
    pub(crate) fn give_up(mut self) {
        self.portions.clear();
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for portion in self.portions.drain(..) {
            self.watch.shard(portion.user).older.push(portion);
            self.watch.dirty.store(true, Ordering::Release);
        }
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
