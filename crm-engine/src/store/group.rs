//! What the threads of a group commit share: the groups, the lead, and how groups end.

use std::sync::{Arc, Condvar, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::engine::{CommitError, EngineSnapshot};
use super::needs_reopen;
use super::pace::Pace;
use super::snapshot::{Generation, Retirement};
use crate::error::{Code, Error, Result};
use crate::limits::{GROUP_BYTES_MAX, TRANSACTION_BYTES_MAX};

/// Everything behind the one lock of a group commit. It is held for moments, but for a check, which
/// wants everybody to wait.
#[derive(Default)]
pub(super) struct State {
    pub(super) pending: Group,
    pub(super) lead: Lead,
    pub(super) pace: Pace,
    /// The thread that builds.
    pub(super) builder: Option<ThreadMark>,
    /// How often accepted transactions had to go; tells a builder that its ground went.
    pub(super) voided: u64,
    /// Set for good when the store is closed or failed: what every further write answers.
    pub(super) stopped: Option<Error>,
    /// Generations that were replaced, while they are held, with the time of their replacement.
    replaced: Vec<(Instant, Weak<Generation>)>,
}

/// Transactions that become durable together.
#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) batch: Arc<Batch>,
    /// How many transactions the batch holds.
    pub(super) members: usize,
    pub(super) ticket: Arc<Ticket>,
}

/// What the leader does.
#[derive(Default)]
pub(super) enum Lead {
    /// There is none.
    #[default]
    Vacant,
    /// It waits for more transactions to join the pending group.
    Gathering,
    /// It makes this group durable.
    Committing(Group),
}

/// What the members of a group wait for.
#[derive(Default)]
pub(super) struct Ticket {
    pub(super) outcome: OnceLock<Outcome>,
    /// Told when there is an outcome, and when the group needs a leader.
    pub(super) news: Condvar,
}

/// How a group ended.
#[derive(Clone)]
pub(super) enum Outcome {
    /// It is durable and published.
    Committed,
    /// It is not there, through no fault of its members: they run again.
    Again,
    /// It is not there, or nobody knows.
    Failed(Error),
}

/// Tells a thread from all others alive: the address of something each has of its own. Unlike a
/// `ThreadId` it allocates nothing in threads that the host has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadMark(usize);

impl ThreadMark {
    /// The mark of the calling thread.
    pub(super) fn of_this() -> ThreadMark {
        thread_local!(static OWN: u8 = const { 0 });
        OWN.with(|own| ThreadMark(std::ptr::from_ref(own).addr()))
    }
}

impl State {
    /// Whether the store still takes writes.
    pub(super) fn running(&self) -> Result<()> {
        self.stopped.clone().map_or(Ok(()), Err)
    }

    /// Whether it was closed, rather than stopped by a failure.
    pub(super) fn closed(&self) -> bool {
        matches!(&self.stopped, Some(error) if error.code() == Code::Closed)
    }

    /// Whether this thread is building a transaction already.
    pub(super) fn builds_here(&self) -> bool {
        self.builder == Some(ThreadMark::of_this())
    }

    /// Whether a transaction of the largest size would take the pending group above its bound.
    pub(super) fn full(&self) -> bool {
        self.pending.batch.bytes() > GROUP_BYTES_MAX - TRANSACTION_BYTES_MAX
    }

    /// Notes that a generation is no longer the newest. Gives the states of those that have been so
    /// for `age_max`, to be dropped outside the lock.
    pub(super) fn replace(
        &mut self,
        generation: &Arc<Generation>,
        age_max: Duration,
    ) -> Vec<Box<dyn EngineSnapshot>> {
        let now = Instant::now();
        self.replaced.push((now, Arc::downgrade(generation)));
        self.retire(
            |since| now.duration_since(since) >= age_max,
            Retirement::Expired,
        )
    }

    /// What a transaction that begins now stands on: the batches accepted but not yet durable, and
    /// the ticket of the newest among them. When that one is durable, all are.
    pub(super) fn ground(&self) -> ([Option<Arc<Batch>>; 2], Option<Arc<Ticket>>) {
        let pending = Some(&self.pending).filter(|group| !group.batch.is_empty());
        let in_flight = match &self.lead {
            Lead::Committing(group) => Some(group),
            Lead::Vacant | Lead::Gathering => None,
        };
        let ticket = pending.or(in_flight).map(|group| group.ticket.clone());
        let batches = [pending, in_flight].map(|group| group.map(|group| group.batch.clone()));
        (batches, ticket)
    }

    /// Undoes what was accepted on top of a group that was not committed (*what was built on sand
    /// goes*), and decides how the members of the group go on.
    pub(super) fn give_up(&mut self, error: CommitError) -> Outcome {
        let orphans = std::mem::take(&mut self.pending);
        self.voided += 1;
        let failure = match error {
            CommitError::Conflict => {
                orphans.ticket.close(Outcome::Again);
                return Outcome::Again;
            }
            CommitError::TooLarge => {
                orphans.ticket.close(Outcome::Again);
                let message = "the transaction is larger than the engine takes";
                return Outcome::Failed(Error::new(Code::TooLarge, message));
            }
            CommitError::Unknown => {
                let message = "it is not known whether the transaction was committed";
                Error::new(Code::Unknown, message)
            }
            CommitError::Fatal(error) => error,
        };
        self.stopped = Some(needs_reopen());
        orphans.ticket.close(Outcome::Failed(needs_reopen()));
        Outcome::Failed(failure)
    }

    /// Takes the replaced generations that are `due` from their readers, and forgets them and
    /// those that nobody holds.
    pub(super) fn retire(
        &mut self,
        due: impl Fn(Instant) -> bool,
        why: Retirement,
    ) -> Vec<Box<dyn EngineSnapshot>> {
        let mut retired = Vec::new();
        self.replaced.retain(|(since, generation)| {
            let Some(generation) = generation.upgrade() else {
                return false;
            };
            if due(*since) {
                retired.extend(generation.retire(why));
                return false;
            }
            true
        });
        retired
    }
}

impl Ticket {
    /// Ends the group.
    pub(super) fn close(&self, outcome: Outcome) {
        // A group ends once: its ticket leaves the state together with its batch.
        let _ = self.outcome.set(outcome);
        self.news.notify_all();
    }
}
