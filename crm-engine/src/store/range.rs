//! Ranges of keys.

use std::ops::Bound;

/// A range of keys: from a first key on, up to and without an end. Keys are ordered bytewise.
///
/// Invariant *ordered bounds*: the end is never below the start. An empty range is written with
/// both equal, so no engine meets a range turned around.
///
/// ```
/// use crm_engine::store::KeyRange;
/// let range = KeyRange::prefix(b"item/");
/// assert!(range.contains(b"item/17"));
/// assert!(!range.contains(b"items"));
/// // A page that continues behind the last key shown before.
/// assert!(!range.after(b"item/17").contains(b"item/17"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// The keys from `start` up to and without `end`; without an end, all from `start` on.
    #[must_use]
    pub fn new(start: &[u8], end: Option<&[u8]>) -> KeyRange {
        let end = end.map(|end| end.max(start).to_vec());
        KeyRange {
            start: start.to_vec(),
            end,
        }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> KeyRange {
        KeyRange {
            start: prefix.to_vec(),
            end: successor(prefix),
        }
    }

    /// Every key.
    #[must_use]
    pub fn all() -> KeyRange {
        KeyRange::prefix(b"")
    }

    /// The part of the range that begins with `key` itself.
    #[must_use]
    pub fn starting_at(mut self, key: &[u8]) -> KeyRange {
        if key > self.start.as_slice() {
            self.start.clear();
            self.start.extend_from_slice(key);
        }
        self.order()
    }

    /// The part of the range behind `key`, without it: where a page continues after its last key.
    #[must_use]
    pub fn after(mut self, key: &[u8]) -> KeyRange {
        if key >= self.start.as_slice() {
            self.start.clear();
            self.start.extend_from_slice(key);
            // No key lies between a key and the same key with a zero byte behind it.
            self.start.push(0);
        }
        self.order()
    }

    /// The part of the range before `key`, without it: where a page in reverse continues.
    #[must_use]
    pub fn ending_before(mut self, key: &[u8]) -> KeyRange {
        if self.end.as_deref().is_none_or(|end| key < end) {
            self.end = Some(key.to_vec());
        }
        self.order()
    }

    /// The first key of the range, if it is stored at all.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The key the range ends before; none when it has no end.
    #[must_use]
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// Whether `key` lies in the range.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end().is_none_or(|end| key < end)
    }

    /// The bounds as the standard library's maps take them.
    pub(super) fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (
            Bound::Included(&self.start),
            self.end().map_or(Bound::Unbounded, Bound::Excluded),
        )
    }

    /// Restores *ordered bounds* after one bound was moved past the other.
    fn order(mut self) -> KeyRange {
        if self.end.as_ref().is_some_and(|end| *end < self.start) {
            self.end = Some(self.start.clone());
        }
        self
    }
}

/// The first key behind all keys with this prefix; none when no key can be (`ff ff ...`).
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut successor = prefix[..=last].to_vec();
    successor[last] += 1;
    Some(successor)
}
