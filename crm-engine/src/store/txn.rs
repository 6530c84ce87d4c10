//! A transaction being built: its own operations over everything accepted before it.

use std::sync::Arc;

use super::batch::{Batch, Operation};
use super::bytes::Bytes;
use super::range::KeyRange;
use super::scan::{Scan, ScanOptions};
use super::snapshot::{Read, Snapshot};
use crate::error::{Code, Error, Result};
use crate::limits::{KEY_BYTES_MAX, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX};

/// A transaction inside [`Store::write`](super::Store::write): it reads its own operations, below
/// them those of the transactions accepted before it, durable or not, and below them the newest
/// snapshot.
pub struct Txn {
    own: Batch,
    /// What `own` said before each operation made since the outermost open savepoint, in order.
    undo: Vec<(Vec<u8>, Option<Operation>)>,
    savepoints: usize,
    /// The group being gathered and the group being made durable, as far as they hold anything.
    accepted: [Option<Arc<Batch>>; 2],
    snapshot: Snapshot,
}

impl Txn {
    pub(super) fn new(accepted: [Option<Arc<Batch>>; 2], snapshot: Snapshot) -> Txn {
        Txn {
            own: Batch::default(),
            undo: Vec::new(),
            savepoints: 0,
            accepted,
            snapshot,
        }
    }

    pub(super) fn into_batch(self) -> Batch {
        self.own
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for a key, a value or a transaction above the limits that hold on every
    /// engine; the transaction is unchanged then.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        bound("value", value.len(), VALUE_BYTES_MAX)?;
        self.admit(key, value.len())?;
        self.set(key, Some(value.into()));
        Ok(())
    }

    /// Removes a key. It need not exist.
    ///
    /// # Errors
    /// As [`put`](Txn::put): the key of a deletion counts.
    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.admit(key, 0)?;
        self.set(key, None);
        Ok(())
    }

    /// The size of the transaction so far: the keys and values of its final operations.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.own.bytes()
    }

    /// Marks the present state, to [`roll_back`](Txn::roll_back) to or to
    /// [`release`](Txn::release). Savepoints nest; each is ended before the one around it.
    pub(crate) fn savepoint(&mut self) -> Savepoint {
        self.savepoints += 1;
        Savepoint(self.undo.len())
    }

    /// Undoes every operation made since the savepoint, and ends it.
    pub(crate) fn roll_back(&mut self, to: Savepoint) {
        while self.undo.len() > to.0
            && let Some((key, before)) = self.undo.pop()
        {
            match before {
                Some(operation) => drop(self.own.set(key, operation)),
                None => self.own.forget(&key),
            }
        }
        self.release(to);
    }

    /// Keeps what was done since the savepoint, and ends it.
    pub(crate) fn release(&mut self, _: Savepoint) {
        self.savepoints -= 1;
        if self.savepoints == 0 {
            self.undo.clear();
        }
    }

    fn set(&mut self, key: &[u8], operation: Operation) {
        let before = self.own.set(key.to_vec(), operation);
        if self.savepoints > 0 {
            self.undo.push((key.to_vec(), before));
        }
    }

    fn admit(&self, key: &[u8], value_bytes: usize) -> Result<()> {
        bound("key", key.len(), KEY_BYTES_MAX)?;
        // The sum without what is replaced is at most too high, and cheaper than the exact one.
        if self.own.bytes() + key.len() + value_bytes > TRANSACTION_BYTES_MAX {
            bound(
                "transaction",
                self.own.bytes_with(key, value_bytes),
                TRANSACTION_BYTES_MAX,
            )?;
        }
        Ok(())
    }

    /// The batches over the snapshot, newest first.
    fn layers(&self) -> impl Iterator<Item = &Batch> {
        std::iter::once(&self.own).chain(self.accepted.iter().flatten().map(|batch| &**batch))
    }
}

impl Read for Txn {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        for layer in self.layers() {
            if let Some(value) = layer.get(key) {
                return Ok(value.clone().map(Bytes::from));
            }
        }
        self.snapshot.get(key)
    }

    fn scan(&self, range: KeyRange, options: ScanOptions) -> Result<Scan<'_>> {
        Scan::new(
            self.snapshot.generation().clone(),
            self.layers(),
            &range,
            options,
        )
    }
}

/// A state of a transaction to come back to.
#[must_use = "a savepoint is rolled back to or released"]
pub(crate) struct Savepoint(usize);

fn bound(what: &str, bytes: usize, bytes_max: usize) -> Result<()> {
    if bytes <= bytes_max {
        return Ok(());
    }
    let message = format!("a {what} of {bytes} bytes is above the limit of {bytes_max}");
    Err(Error::new(Code::TooLarge, message)
        .with("bytes", bytes)
        .with("bytes_max", bytes_max))
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    fn entries(txn: &Txn) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = txn.scan(KeyRange::all(), ScanOptions::FORWARD).unwrap();
        let mut entries = Vec::new();
        while let Some((key, value)) = rows.next().unwrap() {
            entries.push((key.to_vec(), value.to_vec()));
        }
        entries
    }

    #[test]
    fn a_rollback_restores_what_the_transaction_had_done_before() {
        let store = Store::memory();
        store.write(|txn| txn.put(b"stored", b"1")).unwrap();
        store
            .write(|txn| {
                txn.put(b"own", b"1")?;
                txn.delete(b"gone")?;
                let (before, bytes) = (entries(txn), txn.bytes());
                let savepoint = txn.savepoint();
                txn.put(b"own", b"two")?;
                txn.put(b"own", b"three")?;
                txn.put(b"gone", b"back")?;
                txn.put(b"new", b"1")?;
                txn.delete(b"stored")?;
                txn.roll_back(savepoint);
                assert_eq!((entries(txn), txn.bytes()), (before, bytes));
                Ok(())
            })
            .unwrap();
        let stored = store.snapshot().unwrap().get(b"stored").unwrap();
        assert_eq!(stored.unwrap(), *b"1");
    }

    #[test]
    fn savepoints_nest() {
        let store = Store::memory();
        store
            .write(|txn| {
                let outer = txn.savepoint();
                txn.put(b"a", b"1")?;
                let inner = txn.savepoint();
                txn.put(b"b", b"1")?;
                txn.release(inner);
                let inner = txn.savepoint();
                txn.put(b"c", b"1")?;
                txn.roll_back(inner);
                assert_eq!(entries(txn).len(), 2);
                txn.roll_back(outer);
                assert!(entries(txn).is_empty());
                assert_eq!((txn.bytes(), txn.undo.len()), (0, 0));
                Ok(())
            })
            .unwrap();
    }
}
