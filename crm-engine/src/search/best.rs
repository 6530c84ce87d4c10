//! The best hits so far: no more than asked for, each record once.

use std::collections::{BTreeMap, HashMap};

use crate::ids::RecordId;

use super::fit::Fit;

/// How a record was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) fit: Fit,
    /// The position of the scope it was found in.
    pub(super) scope: usize,
}

/// The order of hits: rank, sort key of the title, id.
type Place = (u8, Box<[u8]>, RecordId);

#[derive(Debug)]
pub(super) struct Best {
    keep: usize,
    found: BTreeMap<Place, Found>,
    ranks: HashMap<RecordId, u8>,
}

impl Best {
    /// Keeps one more than `limit`, to know whether there are more.
    pub(super) fn new(limit: usize) -> Best {
        Best {
            keep: limit + 1,
            found: BTreeMap::new(),
            ranks: HashMap::new(),
        }
    }

    /// Whether a hit of this rank, title and id would be kept.
    pub(super) fn admits(&self, rank: u8, title: &[u8], id: Option<RecordId>) -> bool {
        if self.found.len() < self.keep {
            return true;
        }
        self.found
            .last_key_value()
            .is_none_or(|((r, t, i), _)| (rank, title, id) < (*r, &**t, Some(*i)))
    }

    /// Takes a hit. Of several ways in which a record was found the best one counts; of equal
    /// ones the first scope and field, whatever the order they are met in.
    pub(super) fn offer(&mut self, title: &[u8], id: RecordId, found: Found) {
        let rank = found.fit.rank;
        if let Some(known) = self.ranks.get(&id).copied() {
            let place = (known, title.into(), id);
            let former = self.found.get(&place).copied();
            let is_better = former.is_none_or(|former| {
                (rank, found.scope, found.fit.field) < (known, former.scope, former.fit.field)
            });
            if !is_better {
                return;
            }
            self.found.remove(&place);
        } else if !self.admits(rank, title, Some(id)) {
            return;
        }
        self.ranks.insert(id, rank);
        self.found.insert((rank, title.into(), id), found);
        if self.found.len() > self.keep
            && let Some(((_, _, id), _)) = self.found.pop_last()
        {
            self.ranks.remove(&id);
        }
    }

    /// The hits in their order, each with the sort key of its title.
    pub(super) fn into_found(self) -> Vec<(RecordId, Box<[u8]>, Found)> {
        self.found
            .into_iter()
            .map(|((_, title, id), found)| (id, title, found))
            .collect()
    }
}
