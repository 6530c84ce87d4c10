//! Ordered bytes, snapshots and durable transactions. The only room that names redb; it knows no
//! schema.
//!
//! A [`Store`] maps keys to values, both plain bytes, ordered by key. A [`Snapshot`] is one state
//! of it, unchanging, for as many threads as like. A write is a closure over a [`Txn`]; when
//! [`Store::write`] returns, its operations are durable, all of them, and visible to snapshots
//! taken from then on (invariant *committed is durable, and all or nothing*). Concurrent writes
//! share one durable commit of the engine.
//!
//! ```
//! use crm_engine::store::{Read, Store};
//!
//! let store = Store::memory();
//! store.write(|txn| txn.put(b"item/17", b"roof"))?;
//! let before = store.snapshot()?;
//! store.write(|txn| txn.delete(b"item/17"))?;
//! assert_eq!(before.get(b"item/17")?.unwrap(), *b"roof");
//! assert!(store.snapshot()?.get(b"item/17")?.is_none());
//! # Ok::<(), crm_engine::Error>(())
//! ```
//!
//! Where things are: [`Engine`] is the contract of the storage below, kept by redb on a file and by
//! the engine in memory; the group commit above it, the merging of reads, the limits and the
//! expiry of snapshots are common to all engines.

mod batch;
mod bytes;
mod commit;
mod copy;
mod engine;
#[cfg(any(test, feature = "fault-injection"))]
pub mod fault;
mod file;
mod group;
mod memory;
mod pace;
mod range;
mod redb_engine;
mod scan;
mod snapshot;
#[cfg(test)]
mod tests;
mod txn;

use std::fmt;
use std::path::Path;
use std::sync::{LockResult, PoisonError};
use std::time::Duration;

pub use batch::Batch;
pub use bytes::Bytes;
pub(crate) use copy::{Copied, copy};
pub use engine::{CommitError, CommitSequence, Cursor, Engine, EngineSnapshot, Soundness};
pub use range::KeyRange;
pub use scan::{Scan, ScanOptions};
pub use snapshot::{Read, Snapshot};
pub use txn::Txn;

use self::commit::Committer;
use self::group::Outcome;
use self::memory::MemoryEngine;
use crate::error::{Code, Error, Result};
use crate::limits::{COMMIT_ATTEMPTS_MAX, READER_AGE_SECONDS_MAX, STORE_CACHE_BYTES};

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Memory for pages of the file, at most.
    pub cache_bytes: usize,
    /// How long a snapshot may be read after a commit has replaced it.
    pub reader_age_max: Duration,
    /// Pays a second sync with each commit for opening within milliseconds after a crash. Without
    /// it, opening after a crash reads the whole file, about a second for each GiB; opening after
    /// [`Store::close`] is always quick.
    pub quick_repair: bool,
}

impl Default for StoreOptions {
    fn default() -> StoreOptions {
        StoreOptions {
            cache_bytes: STORE_CACHE_BYTES,
            reader_age_max: Duration::from_secs(READER_AGE_SECONDS_MAX),
            quick_repair: false,
        }
    }
}

/// A store: ordered keys and values with snapshots and durable transactions, for any number of
/// threads.
///
/// After a failed commit the state on disk is only known after opening the store again: the
/// transactions that met the failure get its error, all further writes
/// [`Code::NeedsReopen`]. What was acknowledged is there, and snapshots go on reading as far as
/// the engine can. Dropping a store closes it.
pub struct Store(Committer);

impl Store {
    /// Makes a new store in a file. A failure leaves no file behind.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] when the file exists, which is then left as it is; [`Code::Io`] and
    /// [`Code::DiskFull`] when it cannot be written.
    pub fn create(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Store> {
        Store::with_engine(Box::new(file::create(path.as_ref(), options)?), options)
    }

    /// Opens the store in a file, and recovers it after a crash.
    ///
    /// # Errors
    /// [`Code::Io`] for a file that is missing or cannot be read, [`Code::InUse`] for a store that
    /// is open, [`Code::NotAStore`] for another kind of file, [`Code::Damaged`] for a damaged one,
    /// [`Code::StoreVersion`] for one written by a later version.
    pub fn open(path: impl AsRef<Path>, options: &StoreOptions) -> Result<Store> {
        Store::with_engine(Box::new(file::open(path.as_ref(), options)?), options)
    }

    /// A new store in memory, gone when it is dropped.
    #[must_use]
    pub fn memory() -> Store {
        let engine = MemoryEngine::default();
        let newest = engine.newest();
        let reader_age_max = StoreOptions::default().reader_age_max;
        Store(Committer::new(Box::new(engine), newest, reader_age_max))
    }

    /// A store on an engine of the caller.
    ///
    /// # Errors
    /// Those of the engine's first snapshot.
    pub fn with_engine(engine: Box<dyn Engine>, options: &StoreOptions) -> Result<Store> {
        let newest = engine.snapshot()?;
        Ok(Store(Committer::new(
            engine,
            newest,
            options.reader_age_max,
        )))
    }

    /// The newest durable state. Costs two atomic operations: take one for each piece of work
    /// rather than keeping it.
    ///
    /// # Errors
    /// [`Code::Closed`] after [`close`](Store::close).
    pub fn snapshot(&self) -> Result<Snapshot> {
        let snapshot = self.0.snapshot();
        snapshot.generation().alive()?;
        Ok(snapshot)
    }

    /// Runs a transaction: `body`, on this thread, over the newest state, which includes
    /// transactions of other threads that are not durable yet. Its operations take effect only if
    /// it returns Ok. Returns when they, and everything `body` could read, are durable and
    /// published; the same holds for an error of `body`.
    ///
    /// `body` must be pure: an engine that meets conflicts has it run again. It must not wait for
    /// a write of another thread, which waits for it.
    ///
    /// # Errors
    /// Those of `body`; [`Code::Reentrant`] inside a write of the same thread;
    /// [`Code::DiskFull`], [`Code::Io`], [`Code::Damaged`] for the transaction that meets a failing
    /// storage, which is there whole or not at all after opening the store again;
    /// [`Code::NeedsReopen`] for all later ones; [`Code::Unknown`] when the engine lost track;
    /// [`Code::Conflict`] when it kept meeting conflicts; [`Code::Closed`].
    pub fn write<R>(&self, mut body: impl FnMut(&mut Txn) -> Result<R>) -> Result<R> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let (building, mut txn) = self.0.begin()?;
            let answer = body(&mut txn);
            let mut own = txn.into_batch();
            if answer.is_err() {
                own = Batch::default();
            }
            let outcome = match building.finish(own) {
                Ok(ticket) => self.0.settle(ticket.as_ref()),
                Err(outcome) => outcome,
            };
            match outcome {
                Outcome::Committed => return answer,
                Outcome::Failed(error) => return Err(error),
                Outcome::Again => {}
            }
        }
        let message = "other writers changed what the transaction had read, again and again";
        Err(Error::new(Code::Conflict, message))
    }

    /// Reads the whole store and compares it with its checksums, repairing what it can.
    ///
    /// The engine needs the store for itself: writers and new readers wait, about a second for
    /// each GiB, and every snapshot taken before expires.
    ///
    /// # Errors
    /// [`Code::Damaged`] for damage that cannot be repaired: the store must then be closed.
    /// [`Code::Misuse`] when values or scans of a snapshot are still held. [`Code::Reentrant`]
    /// inside a write.
    pub fn check(&self) -> Result<Soundness> {
        self.0.check()
    }

    /// Finishes the writes under way and releases the storage. All snapshots end with it: they
    /// answer [`Code::Closed`]. Closing a closed store does nothing.
    ///
    /// # Errors
    /// [`Code::Io`] and [`Code::DiskFull`] when the last bytes cannot be written, which loses
    /// nothing that was acknowledged; [`Code::Reentrant`] inside a write.
    pub fn close(&self) -> Result<()> {
        self.0.close()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`; nothing acknowledged depends on it.
        let _ = self.0.close();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store")
            .field(&self.0.snapshot().sequence())
            .finish()
    }
}

/// The value behind a lock, also after a thread panicked while holding it: whatever is kept behind
/// the locks of this room is changed in one step.
fn recover<T>(lock: LockResult<T>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> Error {
    Error::new(Code::Closed, "the store is closed")
}

fn needs_reopen() -> Error {
    let message = "the store must be closed and opened again after a failed write";
    Error::new(Code::NeedsReopen, message)
}
