//! What an engine must offer. The group commit above it is common to all engines.
//!
//! The contract is made for an engine with a log and a buffer in memory as much as for one that
//! writes each batch into a tree: a commit is one [`Batch`] of final operations, a snapshot is the
//! state after a numbered commit, and nobody reads a write before its commit has returned.

use std::fmt;
use std::sync::Arc;

use super::batch::Batch;
use super::bytes::Bytes;
use super::range::KeyRange;
use super::scan::ScanOptions;
use crate::error::{Error, Result};

/// The number of a commit. It rises with each commit and is comparable within one opening of a
/// store; it is not kept in the store, as a number that must survive belongs to its user's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CommitSequence(pub u64);

impl fmt::Display for CommitSequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ordered bytes with snapshots and durable batches.
///
/// The store calls [`commit`](Engine::commit) and [`check`](Engine::check) from one thread at a
/// time; snapshots are read from any number of threads meanwhile.
pub trait Engine: Send + Sync {
    /// The state after the last commit.
    ///
    /// # Errors
    /// What reading the storage may meet.
    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>>;

    /// Makes a batch durable, whole or not at all, and gives the number of the commit. Snapshots
    /// taken from then on show it; earlier ones never do.
    ///
    /// # Errors
    /// See [`CommitError`].
    fn commit(&self, batch: &Arc<Batch>) -> Result<CommitSequence, CommitError>;

    /// Reads everything and compares it with its checksums. No snapshot of the engine is alive
    /// when the store calls it, except in values and scans that its user still holds.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged) for damage that cannot be repaired;
    /// [`Code::Misuse`](crate::Code::Misuse) when values or scans of a snapshot are still held.
    fn check(&self) -> Result<Soundness>;

    /// Releases the storage. Nothing but `close` is called afterwards; closing twice is nothing.
    ///
    /// # Errors
    /// What writing the last bytes may meet. The storage is released even so.
    fn close(&self) -> Result<()>;
}

/// One state of an engine, unchanging, for any number of threads.
pub trait EngineSnapshot: Send + Sync {
    /// The number of the last commit in this state.
    fn sequence(&self) -> CommitSequence;

    /// The value of a key.
    ///
    /// # Errors
    /// What reading the storage may meet.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The values of several keys, in the order of the keys. An engine with round trips takes
    /// them in one.
    ///
    /// # Errors
    /// What reading the storage may meet.
    fn multi_get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// A cursor before the first entry of a range (before the last one in reverse). The limit and
    /// the prefetch are hints: the store stops by itself.
    ///
    /// # Errors
    /// What reading the storage may meet.
    fn scan(&self, range: &KeyRange, options: ScanOptions) -> Result<Box<dyn Cursor>>;
}

/// A walk over the entries of a snapshot, which it keeps alive.
pub trait Cursor: Send {
    /// Steps to the next entry; false at the end of the range.
    ///
    /// # Errors
    /// What reading the storage may meet; the cursor is of no use afterwards.
    fn advance(&mut self) -> Result<bool>;

    /// Key and value of the entry stepped to last. Of no meaning (two empty slices) unless
    /// [`advance`](Cursor::advance) has just returned true.
    fn entry(&self) -> (&[u8], &[u8]);
}

/// Why a batch was not committed.
#[derive(Debug, Clone)]
pub enum CommitError {
    /// Somebody else changed what the transactions had read: they run again.
    Conflict,
    /// The batch is larger than the engine takes; nothing was written.
    TooLarge,
    /// Nobody knows whether the batch was committed. The store must be opened again.
    Unknown,
    /// The engine failed and must be opened again; the batch is there whole or not at all.
    Fatal(Error),
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soundness {
    /// Everything agrees with its checksums.
    Sound,
    /// Something did not, and was repaired without loss of an entry.
    Repaired,
}
