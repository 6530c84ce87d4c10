//! Lists on their way into a running store, or out of it: what may be there and need not.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::ids::RecordId;
use crate::index::{self, Entry};
use crate::schema::Object;
use crate::store::{KeyRange, Read, ScanOptions};

/// The lists of an object that are being built: where their entries stand, and the last record
/// that is certain to have them.
pub(super) struct HalfBuilt(Vec<([KeyRange; 2], u64)>);

impl HalfBuilt {
    pub(super) fn of(read: &dyn Read, object: &Object) -> Result<HalfBuilt> {
        let mut lists = Vec::new();
        for list in &object.building {
            if let Some(last) = index::built_up_to(read, object.id, list.id)? {
                lists.push((index::ranges(object, list), last));
            }
        }
        Ok(HalfBuilt(lists))
    }

    /// Leaves out entries that a record still has to get. One that it has must be as it is.
    pub(super) fn forgive(
        &self,
        read: &dyn Read,
        id: RecordId,
        entries: &mut Vec<Entry>,
    ) -> Result<()> {
        for (ranges, _) in self.0.iter().filter(|(_, last)| id.get() > *last) {
            let mut left = Vec::with_capacity(entries.len());
            for entry in entries.drain(..) {
                let is_owed = ranges.iter().any(|range| range.contains(&entry.key));
                if !is_owed || read.get(&entry.key)?.is_some() {
                    left.push(entry);
                }
            }
            *entries = left;
        }
        Ok(())
    }
}

/// What is left of lists that were taken away, which nobody keeps up any more.
pub(super) fn leaving_entries(read: &dyn Read, object: &Object) -> Result<BTreeSet<Entry>> {
    let mut entries = BTreeSet::new();
    for range in object
        .leaving
        .iter()
        .flat_map(|list| index::ranges(object, list))
    {
        let mut rows = read.scan(range, ScanOptions::default())?;
        while let Some((key, value)) = rows.next()? {
            let (key, value) = (key.to_vec(), value.to_vec());
            entries.insert(Entry { key, value });
        }
    }
    Ok(entries)
}
