//! Snapshots: shared by all readers of one commit, revocable when they are held too long.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

use super::bytes::Bytes;
use super::engine::{CommitSequence, EngineSnapshot};
use super::range::KeyRange;
use super::recover;
use super::scan::{Scan, ScanOptions};
use crate::error::{Code, Error, Result};

/// The reading side of a store: a [`Snapshot`], or a [`Txn`](super::Txn) with its own writes.
pub trait Read {
    /// The value of a key.
    ///
    /// # Errors
    /// [`Code::SnapshotExpired`] for a snapshot held too long, [`Code::Closed`] for one of a closed
    /// store, [`Code::NeedsReopen`] after a failed write when the engine cannot read any more,
    /// [`Code::Io`] and [`Code::Damaged`] when the storage cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The values of several keys, in the order of the keys.
    ///
    /// # Errors
    /// As [`get`](Read::get).
    fn multi_get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// A walk over a range of keys.
    ///
    /// # Errors
    /// As [`get`](Read::get).
    fn scan(&self, range: KeyRange, options: ScanOptions) -> Result<Scan<'_>>;
}

/// One state of a store, unchanging: what was durable after a numbered commit and nothing else.
///
/// Cloning is cheap, and all readers between two commits share one snapshot. A snapshot that is no
/// longer the newest keeps the storage from reusing what it still shows. Therefore it has a
/// maximum age, counted from the commit that replaced it
/// ([`StoreOptions::reader_age_max`](super::StoreOptions::reader_age_max)): the first commit after
/// that takes its pages away, and it answers [`Code::SnapshotExpired`] from then on. Values already
/// read stay valid; they and scans that are neither stepped nor dropped keep the pages.
#[derive(Clone)]
pub struct Snapshot(Arc<Generation>);

impl Snapshot {
    pub(super) fn new(generation: Arc<Generation>) -> Snapshot {
        Snapshot(generation)
    }

    pub(super) fn generation(&self) -> &Arc<Generation> {
        &self.0
    }

    /// The number of the last commit the snapshot shows.
    #[must_use]
    pub fn sequence(&self) -> CommitSequence {
        self.0.sequence
    }
}

impl Read for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.0.view()?.get()?.get(key)
    }

    fn multi_get(&self, keys: &[&[u8]]) -> Result<Vec<Option<Bytes>>> {
        self.0.view()?.get()?.multi_get(keys)
    }

    fn scan(&self, range: KeyRange, options: ScanOptions) -> Result<Scan<'_>> {
        Scan::new(self.0.clone(), std::iter::empty(), &range, options)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.0.sequence.0).finish()
    }
}

/// The state after one commit, shared by all its readers, and the means to take it from them.
pub(super) struct Generation {
    sequence: CommitSequence,
    /// A [`Retirement`], or 0 while the generation may be read.
    retired: AtomicU8,
    /// Emptied when the generation retires. The lock is held for single reads only; scans own their
    /// cursor.
    view: RwLock<Option<Box<dyn EngineSnapshot>>>,
}

/// Why a generation can no longer be read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Retirement {
    /// It was held longer than snapshots may be.
    Expired = 1,
    /// Its store was closed.
    Closed = 2,
}

impl Generation {
    pub(super) fn new(view: Box<dyn EngineSnapshot>) -> Generation {
        Generation {
            sequence: view.sequence(),
            retired: AtomicU8::new(0),
            view: RwLock::new(Some(view)),
        }
    }

    pub(super) fn view(&self) -> Result<View<'_>> {
        let view = recover(self.view.read());
        // In this order: a state that is still there cannot go before the guard does.
        self.alive()?;
        Ok(View(view))
    }

    /// Whether the generation may still be read.
    pub(super) fn alive(&self) -> Result<()> {
        match self.retired.load(Ordering::Relaxed) {
            0 => Ok(()),
            retired if retired == Retirement::Expired as u8 => Err(expired()),
            _ => Err(super::closed()),
        }
    }

    /// Takes the state away from its readers, and gives it to the caller to drop. Waits for single
    /// reads that are inside; no further one begins.
    pub(super) fn retire(&self, why: Retirement) -> Option<Box<dyn EngineSnapshot>> {
        self.retired.store(why as u8, Ordering::Relaxed);
        recover(self.view.write()).take()
    }
}

/// A generation held in place for one read.
pub(super) struct View<'a>(RwLockReadGuard<'a, Option<Box<dyn EngineSnapshot>>>);

impl View<'_> {
    pub(super) fn get(&self) -> Result<&dyn EngineSnapshot> {
        self.0.as_deref().ok_or_else(expired)
    }
}

fn expired() -> Error {
    Error::new(
        Code::SnapshotExpired,
        "the snapshot was held longer than snapshots may be",
    )
}
