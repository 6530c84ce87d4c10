//! A set of final operations, ordered by key: what a commit consists of.

use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

use super::range::KeyRange;

/// One operation on a key: the new value, or none for a deletion.
pub(super) type Operation = Option<Arc<[u8]>>;

/// The final operations of one or more transactions, at most one for each key, in key order.
///
/// Values are shared: the transaction that put one, its neighbours that read it before it is
/// durable, and an engine that keeps it in memory all hold the same allocation.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    operations: BTreeMap<Vec<u8>, Operation>,
    bytes: usize,
}

impl Batch {
    /// The operations in key order: a key with its new value, or with none for a deletion.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.operations
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// The operations in key order, with values that can be kept without copying them.
    pub fn shared(&self) -> impl Iterator<Item = (&[u8], Option<&Arc<[u8]>>)> {
        self.operations
            .iter()
            .map(|(key, value)| (key.as_slice(), value.as_ref()))
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The sum of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the batch says about a key: nothing, that it is deleted, or its value.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Operation> {
        if self.operations.is_empty() {
            None
        } else {
            self.operations.get(key)
        }
    }

    pub(super) fn range(&self, range: &KeyRange) -> btree_map::Range<'_, Vec<u8>, Operation> {
        self.operations.range::<[u8], _>(range.bounds())
    }

    /// The bytes of the batch if the key got a value of `value_bytes`.
    pub(super) fn bytes_with(&self, key: &[u8], value_bytes: usize) -> usize {
        let replaced = match self.get(key) {
            Some(value) => key.len() + length(value),
            None => 0,
        };
        self.bytes - replaced + key.len() + value_bytes
    }

    /// Sets what the batch says about a key; returns what it said before.
    pub(super) fn set(&mut self, key: Vec<u8>, value: Operation) -> Option<Operation> {
        self.bytes += key.len() + length(&value);
        let key_bytes = key.len();
        let replaced = self.operations.insert(key, value);
        if let Some(replaced) = &replaced {
            self.bytes -= key_bytes + length(replaced);
        }
        replaced
    }

    /// Makes the batch say nothing about a key.
    pub(super) fn forget(&mut self, key: &[u8]) {
        if let Some(forgotten) = self.operations.remove(key) {
            self.bytes -= key.len() + length(&forgotten);
        }
    }

    /// Lays a later batch over this one.
    pub(super) fn absorb(&mut self, later: Batch) {
        if self.is_empty() {
            *self = later;
            return;
        }
        for (key, value) in later.operations {
            self.set(key, value);
        }
    }
}

fn length(value: &Operation) -> usize {
    value.as_ref().map_or(0, |value| value.len())
}
