//! Walking over a range: the entries of an engine's snapshot under the batches laid over it.

use std::collections::btree_map;
use std::sync::Arc;

use super::batch::{Batch, Operation};
use super::engine::Cursor;
use super::range::KeyRange;
use super::snapshot::Generation;
use crate::error::Result;

/// How a range is walked.
///
/// ```
/// use crm_engine::store::ScanOptions;
/// let newest = ScanOptions { reverse: true, limit: Some(50), ..ScanOptions::default() };
/// assert_eq!(newest.prefetch, None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanOptions {
    /// From the end of the range to its start.
    pub reverse: bool,
    /// At most so many entries.
    pub limit: Option<usize>,
    /// How many entries the caller expects to take: a hint to engines with round trips.
    pub prefetch: Option<usize>,
}

impl ScanOptions {
    /// The whole range from its start to its end.
    pub const FORWARD: ScanOptions = ScanOptions {
        reverse: false,
        limit: None,
        prefetch: None,
    };
    /// The whole range from its end to its start.
    pub const REVERSE: ScanOptions = ScanOptions {
        reverse: true,
        limit: None,
        prefetch: None,
    };

    /// The same walk with at most `entries` entries.
    #[must_use]
    pub const fn limit(mut self, entries: usize) -> ScanOptions {
        self.limit = Some(entries);
        self
    }
}

/// A walk over the entries of a range. Key and value of an entry are lent until the next step.
///
/// A scan of a snapshot that expires answers
/// [`Code::SnapshotExpired`](crate::Code::SnapshotExpired) at its next step and releases its pages
/// there; one that is neither stepped nor dropped keeps them.
///
/// ```
/// use crm_engine::store::{KeyRange, Read, ScanOptions, Store};
/// let store = Store::memory();
/// store.write(|txn| {
///     txn.put(b"a", b"1")?;
///     txn.put(b"b", b"2")
/// })?;
/// let snapshot = store.snapshot()?;
/// let mut scan = snapshot.scan(KeyRange::all(), ScanOptions::REVERSE)?;
/// assert_eq!(scan.next()?, Some((b"b".as_slice(), b"2".as_slice())));
/// # Ok::<(), crm_engine::Error>(())
/// ```
pub struct Scan<'a> {
    generation: Arc<Generation>,
    /// None once the snapshot has expired.
    base: Option<Box<dyn Cursor>>,
    place: Place,
    /// Newest first.
    layers: Vec<Layer<'a>>,
    reverse: bool,
    remaining: usize,
}

/// Where the engine's cursor stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// On an entry already lent, or before the first: it must step.
    Taken,
    /// On an entry that is still to come.
    Next,
    /// Behind the last entry.
    End,
}

impl<'a> Scan<'a> {
    /// `batches`: newest first.
    pub(super) fn new(
        generation: Arc<Generation>,
        batches: impl Iterator<Item = &'a Batch>,
        range: &KeyRange,
        options: ScanOptions,
    ) -> Result<Scan<'a>> {
        let layers: Vec<_> = batches
            .filter(|batch| !batch.is_empty())
            .map(|batch| Layer::new(batch.range(range), options.reverse))
            .collect();
        // Entries that the layers hide do not count against the limit.
        let limit = if layers.is_empty() {
            options.limit
        } else {
            None
        };
        let base = generation
            .view()?
            .get()?
            .scan(range, ScanOptions { limit, ..options })?;
        Ok(Scan {
            generation,
            base: Some(base),
            place: Place::Taken,
            layers,
            reverse: options.reverse,
            remaining: options.limit.unwrap_or(usize::MAX),
        })
    }

    /// Steps to the next entry and lends its key and value; none at the end.
    ///
    /// # Errors
    /// [`Code::SnapshotExpired`](crate::Code::SnapshotExpired), and what reading the storage may
    /// meet; after an error the scan is of no more use.
    #[allow(clippy::should_implement_trait, reason = "an iterator cannot lend")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        if self.remaining == 0 {
            return Ok(None);
        }
        if let Err(retired) = self.generation.alive() {
            self.base = None;
            return Err(retired);
        }
        if self.layers.is_empty() {
            return self.next_of_base();
        }
        let winner = loop {
            self.step_base()?;
            let Some(winner) = self.winner() else {
                return Ok(None);
            };
            match winner {
                Winner::Base => {
                    self.place = Place::Taken;
                    break None;
                }
                Winner::Layer(key, value) => {
                    self.pass(key);
                    if let Some(value) = value {
                        break Some((key, value));
                    }
                }
            }
        };
        self.remaining -= 1;
        Ok(match (winner, &self.base) {
            (Some(entry), _) => Some(entry),
            (None, Some(base)) => Some(base.entry()),
            (None, None) => None,
        })
    }

    /// Without layers there is nothing to compare: the way of all snapshots.
    fn next_of_base(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        let Some(base) = &mut self.base else {
            return Ok(None);
        };
        if base.advance()? {
            self.remaining -= 1;
            Ok(Some(base.entry()))
        } else {
            self.remaining = 0;
            Ok(None)
        }
    }

    fn step_base(&mut self) -> Result<()> {
        if self.place == Place::Taken {
            let entry = match &mut self.base {
                Some(base) => base.advance()?,
                None => false,
            };
            self.place = if entry { Place::Next } else { Place::End };
        }
        Ok(())
    }

    /// The next entry in order; among equal keys the newest layer's, the engine's last.
    fn winner(&self) -> Option<Winner<'a>> {
        let mut best: Option<(&'a [u8], Option<&'a [u8]>)> = None;
        for head in self.layers.iter().filter_map(|layer| layer.head) {
            if best.is_none_or(|(key, _)| self.precedes(head.0, key)) {
                best = Some(head);
            }
        }
        let layer = best.map(|(key, value)| Winner::Layer(key, value));
        let base = self.base.as_ref().filter(|_| self.place == Place::Next);
        match (best, base) {
            (Some((key, _)), Some(base)) if !self.precedes(base.entry().0, key) => layer,
            (_, Some(_)) => Some(Winner::Base),
            (_, None) => layer,
        }
    }

    fn precedes(&self, one: &[u8], other: &[u8]) -> bool {
        if self.reverse {
            one > other
        } else {
            one < other
        }
    }

    /// Moves everything that stands on `key` behind it: what is hidden, and what hides it.
    fn pass(&mut self, key: &[u8]) {
        for layer in &mut self.layers {
            if layer.head.is_some_and(|(head, _)| head == key) {
                layer.step();
            }
        }
        if self.place == Place::Next && self.base.as_ref().is_some_and(|b| b.entry().0 == key) {
            self.place = Place::Taken;
        }
    }
}

enum Winner<'a> {
    Base,
    Layer(&'a [u8], Option<&'a [u8]>),
}

/// One batch over the snapshot, with its next operation ready.
struct Layer<'a> {
    operations: btree_map::Range<'a, Vec<u8>, Operation>,
    reverse: bool,
    head: Option<(&'a [u8], Option<&'a [u8]>)>,
}

impl<'a> Layer<'a> {
    fn new(operations: btree_map::Range<'a, Vec<u8>, Operation>, reverse: bool) -> Layer<'a> {
        let mut layer = Layer {
            operations,
            reverse,
            head: None,
        };
        layer.step();
        layer
    }

    fn step(&mut self) {
        let next = if self.reverse {
            self.operations.next_back()
        } else {
            self.operations.next()
        };
        self.head = next.map(|(key, value)| (key.as_slice(), value.as_deref()));
    }
}
