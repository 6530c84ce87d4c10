//! The engine in memory: the reference for the others, and what most tests run on.
//!
//! Each key carries its versions, oldest first, numbered by commit; a snapshot is a number and sees
//! the last version at or before it. A commit drops the versions that no snapshot can see any more.
//! This keeps a commit as small as its batch, where a map copied for each snapshot would cost its
//! whole size.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::batch::{Batch, Operation};
use super::bytes::Bytes;
use super::engine::{CommitError, CommitSequence, Cursor, Engine, EngineSnapshot, Soundness};
use super::range::KeyRange;
use super::recover;
use super::scan::ScanOptions;
use crate::error::Result;

/// Keys and values in memory, gone with the process.
#[derive(Default)]
pub(super) struct MemoryEngine(Arc<Shared>);

#[derive(Default)]
struct Shared(RwLock<Versions>);

#[derive(Default)]
struct Versions {
    keys: BTreeMap<Vec<u8>, Vec<(CommitSequence, Operation)>>,
    newest: CommitSequence,
    /// How many snapshots are held of each commit.
    held: BTreeMap<CommitSequence, usize>,
    /// Keys with versions that can go once no snapshot before the commit is held.
    outdated: VecDeque<(CommitSequence, Vec<u8>)>,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Versions> {
        recover(self.0.read())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Versions> {
        recover(self.0.write())
    }
}

impl Versions {
    fn apply(&mut self, batch: &Batch) {
        self.newest.0 += 1;
        for (key, value) in batch.shared() {
            let version = (self.newest, value.cloned());
            match self.keys.get_mut(key) {
                Some(versions) => versions.push(version),
                None => {
                    self.keys.insert(key.to_vec(), vec![version]);
                }
            }
            self.outdated.push_back((self.newest, key.to_vec()));
        }
    }

    /// Drops what no snapshot sees: of each key the versions before the last one that the oldest
    /// snapshot sees, and that one too when it is a deletion.
    fn prune(&mut self) {
        let oldest = self.held.keys().next().copied().unwrap_or(self.newest);
        while self
            .outdated
            .front()
            .is_some_and(|(sequence, _)| *sequence <= oldest)
        {
            let Some((_, key)) = self.outdated.pop_front() else {
                break;
            };
            let Some(versions) = self.keys.get_mut(&key) else {
                continue;
            };
            let seen = versions.partition_point(|(sequence, _)| *sequence <= oldest);
            versions.drain(..seen.saturating_sub(1));
            if let [(sequence, None)] = versions[..]
                && sequence <= oldest
            {
                self.keys.remove(&key);
            }
        }
    }
}

impl MemoryEngine {
    /// The state after the last commit.
    pub(super) fn newest(&self) -> Box<dyn EngineSnapshot> {
        Box::new(MemorySnapshot(Arc::new(Hold::new(&self.0))))
    }

    /// How many versions of all keys are kept.
    #[cfg(test)]
    pub(super) fn versions(&self) -> usize {
        self.0.read().keys.values().map(Vec::len).sum()
    }
}

impl Engine for MemoryEngine {
    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>> {
        Ok(self.newest())
    }

    fn commit(&self, batch: &Arc<Batch>) -> Result<CommitSequence, CommitError> {
        let mut versions = self.0.write();
        versions.apply(batch);
        versions.prune();
        Ok(versions.newest)
    }

    fn check(&self) -> Result<Soundness> {
        Ok(Soundness::Sound)
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Keeps the versions of one commit from being dropped.
struct Hold {
    shared: Arc<Shared>,
    sequence: CommitSequence,
}

impl Hold {
    fn new(shared: &Arc<Shared>) -> Hold {
        let mut versions = shared.write();
        let sequence = versions.newest;
        *versions.held.entry(sequence).or_default() += 1;
        Hold {
            shared: shared.clone(),
            sequence,
        }
    }

    /// The value that the snapshot sees among the versions of a key.
    fn visible<'a>(&self, versions: &'a [(CommitSequence, Operation)]) -> Option<&'a Arc<[u8]>> {
        let (_, value) = versions
            .iter()
            .rev()
            .find(|(sequence, _)| *sequence <= self.sequence)?;
        value.as_ref()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut versions = self.shared.write();
        if let Some(count) = versions.held.get_mut(&self.sequence) {
            *count -= 1;
            if *count == 0 {
                versions.held.remove(&self.sequence);
            }
        }
    }
}

struct MemorySnapshot(Arc<Hold>);

impl EngineSnapshot for MemorySnapshot {
    fn sequence(&self) -> CommitSequence {
        self.0.sequence
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let versions = self.0.shared.read();
        let value = versions
            .keys
            .get(key)
            .and_then(|versions| self.0.visible(versions));
        Ok(value.cloned().map(Bytes::from))
    }

    fn scan(&self, range: &KeyRange, options: ScanOptions) -> Result<Box<dyn Cursor>> {
        Ok(Box::new(MemoryCursor {
            hold: self.0.clone(),
            rest: range.clone(),
            reverse: options.reverse,
            entry: None,
        }))
    }
}

/// Finds each entry anew, so that it holds no lock between two steps.
struct MemoryCursor {
    hold: Arc<Hold>,
    /// What lies behind the entry stepped to last.
    rest: KeyRange,
    reverse: bool,
    entry: Option<(Vec<u8>, Arc<[u8]>)>,
}

impl Cursor for MemoryCursor {
    fn advance(&mut self) -> Result<bool> {
        let versions = self.hold.shared.read();
        let (start, end): (Bound<&[u8]>, _) = self.rest.bounds();
        let mut keys = versions.keys.range::<[u8], _>((start, end));
        let entry = loop {
            let next = if self.reverse {
                keys.next_back()
            } else {
                keys.next()
            };
            let Some((key, versions)) = next else {
                break None;
            };
            if let Some(value) = self.hold.visible(versions) {
                break Some((key.clone(), value.clone()));
            }
        };
        drop(versions);
        if let Some((key, _)) = &entry {
            let rest = std::mem::replace(&mut self.rest, KeyRange::all());
            self.rest = if self.reverse {
                rest.ending_before(key)
            } else {
                rest.after(key)
            };
        }
        self.entry = entry;
        Ok(self.entry.is_some())
    }

    fn entry(&self) -> (&[u8], &[u8]) {
        self.entry
            .as_ref()
            .map_or((&[], &[]), |(key, value)| (key, value))
    }
}
