//! Group commit: concurrent transactions are built one after the other and made durable together.
//!
//! A thread builds its transaction itself, under the build lock, over everything accepted so far:
//! the group being gathered (*pending*), over the group being made durable (*in flight*), over the
//! published snapshot. A finished transaction joins the pending group. Then its thread waits, and
//! one of the waiters leads: it takes the pending group whole, commits it to the engine, publishes
//! the new snapshot, wakes its group and leaves the lead to a waiter of the next one. While it
//! waits for the disk, others build.
//!
//! Invariants:
//! - *whole or absent*: a transaction joins the group only after its body returned Ok; a body that
//!   fails or panics leaves nothing, and its neighbours never notice;
//! - *published is durable*: snapshots are taken from the engine after its commit returned;
//! - *no answer ahead of its ground*: whatever a body answers, a refusal included, is given out
//!   only once everything it may have read is durable;
//! - *what was built on sand goes*: when a group is not committed, the pending group, which was
//!   built on it, goes with it, and so does the transaction being built at that moment.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::engine::{CommitError, Engine, EngineSnapshot, Soundness};
use super::group::{Lead, Outcome, State, ThreadMark, Ticket};
use super::snapshot::{Generation, Retirement, Snapshot};
use super::txn::Txn;
use super::{needs_reopen, recover};
use crate::error::{Code, Error, Result};

/// The engine and the threads that write to it.
pub(super) struct Committer {
    engine: Box<dyn Engine>,
    /// Held while a transaction is built, so that each sees the ones before it.
    build: Mutex<()>,
    state: Mutex<State>,
    /// The newest snapshot. Locked inside `state` when both are needed.
    published: RwLock<Arc<Generation>>,
    /// Told when the pending group was taken away: there is room again.
    room: Condvar,
    /// Told when a transaction joined the pending group while its leader gathers.
    joined: Condvar,
    reader_age_max: Duration,
}

impl Committer {
    /// `newest` is the state of the engine.
    pub(super) fn new(
        engine: Box<dyn Engine>,
        newest: Box<dyn EngineSnapshot>,
        reader_age_max: Duration,
    ) -> Committer {
        Committer {
            engine,
            build: Mutex::new(()),
            state: Mutex::default(),
            published: RwLock::new(Arc::new(Generation::new(newest))),
            room: Condvar::new(),
            joined: Condvar::new(),
            reader_age_max,
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot::new(recover(self.published.read()).clone())
    }

    /// Waits for the turn of this thread to build a transaction, and for room in the group.
    pub(super) fn begin(&self) -> Result<(Building<'_>, Txn)> {
        let turn = self.turn()?;
        let mut state = self.state();
        while state.stopped.is_none() && state.full() {
            state = recover(self.room.wait(state));
        }
        state.running()?;
        state.builder = Some(ThreadMark::of_this());
        let (batches, ground) = state.ground();
        let txn = Txn::new(batches, self.snapshot());
        let voided = state.voided;
        Ok((
            Building {
                committer: self,
                _turn: turn,
                ground,
                voided,
            },
            txn,
        ))
    }

    /// The build lock, unless this thread holds it already or the store has stopped.
    fn turn(&self) -> Result<MutexGuard<'_, ()>> {
        let state = self.state();
        if state.builds_here() {
            let message = "a write inside a write of the same thread";
            return Err(Error::new(Code::Reentrant, message));
        }
        state.running()?;
        drop(state);
        Ok(recover(self.build.lock()))
    }

    /// Waits for the outcome of a group, leading it when nobody else leads. Without a ticket there
    /// is nothing to wait for.
    pub(super) fn settle(&self, ticket: Option<&Arc<Ticket>>) -> Outcome {
        let Some(ticket) = ticket else {
            return Outcome::Committed;
        };
        let mut state = self.state();
        loop {
            if let Some(outcome) = ticket.outcome.get() {
                return outcome.clone();
            }
            if matches!(state.lead, Lead::Vacant) && Arc::ptr_eq(ticket, &state.pending.ticket) {
                state = self.lead(state);
            } else {
                state = recover(ticket.news.wait(state));
            }
        }
    }

    /// Commits the pending group and leaves the lead to a waiter of the next one.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.lead = Lead::Gathering;
        let gathering = Instant::now();
        while let Some(left) = state.pace.wait(gathering, state.pending.members) {
            (state, _) = recover(self.joined.wait_timeout(state, left));
        }
        let group = std::mem::take(&mut state.pending);
        state.lead = Lead::Committing(group.clone());
        self.room.notify_one();
        drop(state);

        let began = Instant::now();
        let committed = self.commit(&group.batch);

        let mut state = self.state();
        state.lead = Lead::Vacant;
        let gathered = state.pending.members;
        state.pace.learn(began, group.members, gathered);
        let (outcome, released) = match committed {
            Ok(view) => (Outcome::Committed, Some(self.publish(&mut state, view))),
            Err(error) => (state.give_up(error), None),
        };
        group.ticket.close(outcome);
        state.pending.ticket.news.notify_one();
        self.room.notify_one();
        drop(state);
        // Releasing pages and a whole batch takes time; nobody waits for it.
        drop((released, group));
        self.state()
    }

    /// One durable commit of the engine, and the state after it.
    fn commit(&self, batch: &Arc<Batch>) -> Result<Box<dyn EngineSnapshot>, CommitError> {
        let work = || {
            self.engine.commit(batch)?;
            // Durable, but nobody can read it: the store has to be opened again.
            self.engine.snapshot().map_err(CommitError::Fatal)
        };
        // A panic of the engine must not leave its group waiting for ever.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            let message = "the storage engine panicked in a commit";
            Err(CommitError::Fatal(Error::internal(message)))
        })
    }

    /// Makes a state the newest. Gives what is released by that, to be dropped outside the lock.
    fn publish(
        &self,
        state: &mut State,
        view: Box<dyn EngineSnapshot>,
    ) -> (Arc<Generation>, Vec<Box<dyn EngineSnapshot>>) {
        let newest = Arc::new(Generation::new(view));
        let replaced = std::mem::replace(&mut *recover(self.published.write()), newest);
        let expired = state.replace(&replaced, self.reader_age_max);
        (replaced, expired)
    }

    /// Waits until nothing is pending or in flight, and keeps it so while the guard is held.
    fn quiet(&self) -> Result<MutexGuard<'_, ()>> {
        let turn = self.turn()?;
        let (_, ground) = self.state().ground();
        // A failure is its members' to report; the caller finds the store stopped.
        self.settle(ground.as_ref());
        Ok(turn)
    }

    /// Lets the engine check everything. Expires all snapshots; readers wait for the new one.
    pub(super) fn check(&self) -> Result<Soundness> {
        let _turn = self.quiet()?;
        let mut state = self.state();
        state.running()?;
        let mut published = recover(self.published.write());
        drop(state.retire(|_| true, Retirement::Expired));
        drop(published.retire(Retirement::Expired));
        let checked = self.engine.check();
        let refused = matches!(&checked, Err(error) if error.code() == Code::Misuse);
        if checked.is_err() && !refused {
            state.stopped = Some(needs_reopen());
        }
        match self.engine.snapshot() {
            Ok(view) => *published = Arc::new(Generation::new(view)),
            Err(_) => state.stopped = Some(needs_reopen()),
        }
        checked
    }

    /// Finishes what is under way and releases the storage.
    pub(super) fn close(&self) -> Result<()> {
        // A store that failed has nothing under way.
        let turn = match self.quiet() {
            Err(error) if error.code() == Code::Reentrant => return Err(error),
            turn => turn.ok(),
        };
        let mut state = self.state();
        if state.closed() {
            return Ok(());
        }
        state.stopped = Some(super::closed());
        let replaced = state.retire(|_| true, Retirement::Closed);
        let newest = recover(self.published.read()).retire(Retirement::Closed);
        drop((state, turn));
        drop((replaced, newest));
        self.engine.close()
    }

    /// The size of the pending group.
    #[cfg(test)]
    pub(super) fn pending_bytes(&self) -> usize {
        self.state().pending.batch.bytes()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        recover(self.state.lock())
    }
}

/// The turn of a thread to build one transaction. Dropping it ends the turn without a trace.
pub(super) struct Building<'a> {
    committer: &'a Committer,
    _turn: MutexGuard<'a, ()>,
    /// Of what has to be durable before the answer may be given, as it was when the turn began.
    ground: Option<Arc<Ticket>>,
    voided: u64,
}

impl Building<'_> {
    /// Ends the turn, and takes the operations into the pending group. Gives what has to be
    /// durable before the answer may be given, or nothing when all is.
    ///
    /// # Errors
    /// The outcome, when the ground of the transaction went while it was built.
    pub(super) fn finish(self, own: Batch) -> Result<Option<Arc<Ticket>>, Outcome> {
        let mut state = self.committer.state();
        state.running().map_err(Outcome::Failed)?;
        if state.voided != self.voided {
            return Err(Outcome::Again);
        }
        if own.is_empty() {
            return Ok(self.ground.clone());
        }
        // Copies nothing: the transaction that read the batch has ended.
        Arc::make_mut(&mut state.pending.batch).absorb(own);
        state.pending.members += 1;
        if matches!(state.lead, Lead::Gathering) {
            self.committer.joined.notify_one();
        }
        Ok(Some(state.pending.ticket.clone()))
    }
}

impl Drop for Building<'_> {
    fn drop(&mut self) {
        self.committer.state().builder = None;
    }
}
