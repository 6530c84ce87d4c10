//! What the parts of several lists have in common.
//!
//! The parts are read side by side until the first one ends: that is the smallest, and nothing
//! else is needed to know it. The others are read on for as long as that costs less than getting
//! the records of the smallest; those that end by then leave out what is not in them.

use super::narrow::Narrow;
use super::stream::Stream;
use crate::error::Result;
use crate::expr::Bound;
use crate::ids::RecordId;
use crate::index::ListRow;
use crate::limits::QUERY_COMMON_IDS_MAX;
use crate::schema::keys::Holder;
use crate::schema::{List, Object, keys};
use crate::store::Read;

/// So many entries of a list cost as much as getting one record.
pub(super) const RECORD_ENTRIES: u64 = 4;
/// Entries of one part that are read before the next part has its turn.
const TURN_ENTRIES: usize = if cfg!(test) { 2 } else { 256 };
/// When to give up; tests do so early.
const IDS_MAX: usize = if cfg!(test) { 60 } else { QUERY_COMMON_IDS_MAX };

/// The ids of the records that stand in all of the parts, or in some of them and perhaps in the
/// others: ascending, each once. None where no part ends before the limit.
pub(super) fn ids(
    object: &Object,
    holders: Option<&[Holder]>,
    common: &[(usize, Narrow)],
    read: &dyn Read,
    bound: &Bound,
) -> Result<Option<Vec<RecordId>>> {
    let mut runners = Vec::with_capacity(common.len());
    for (at, narrow) in common {
        let Some(part) = narrow.part(bound) else {
            return Ok(Some(Vec::new()));
        };
        let list = &object.lists[*at];
        let prefixes = prefixes(object, list, holders);
        let mut streams: Vec<Stream> = prefixes
            .map(|prefix| Stream::within(prefix, &part, false))
            .collect();
        streams.reverse();
        runners.push(Runner {
            list,
            streams,
            ids: Vec::new(),
        });
    }
    let least = loop {
        for runner in &mut runners {
            runner.run(TURN_ENTRIES, read)?;
        }
        let ended = runners.iter().filter(|runner| runner.has_ended());
        if let Some(least) = ended.map(|runner| runner.ids.len()).min() {
            break least;
        }
        if runners.iter().any(|r| r.ids.len() >= IDS_MAX) {
            return Ok(None);
        }
    };
    let worth = least.saturating_mul(usize::try_from(RECORD_ENTRIES).unwrap_or(1));
    let mut found: Option<Vec<RecordId>> = None;
    for mut runner in runners {
        runner.run(worth.saturating_sub(runner.ids.len()), read)?;
        if !runner.has_ended() {
            continue;
        }
        let mut ids = runner.ids;
        ids.sort_unstable();
        ids.dedup();
        found = Some(match found {
            None => ids,
            Some(mut found) => {
                found.retain(|id| ids.binary_search(id).is_ok());
                found
            }
        });
    }
    Ok(found)
}

/// Where the entries of a list stand: under each holder, or those of everybody.
pub(super) fn prefixes<'a>(
    object: &'a Object,
    list: &'a List,
    holders: Option<&'a [Holder]>,
) -> impl Iterator<Item = Vec<u8>> {
    let all = holders
        .is_none()
        .then(|| keys::all(object.id, list.id).done());
    let own = holders.unwrap_or_default().iter();
    let own = own.map(|holder| keys::own(object.id, list.id, *holder).done());
    all.into_iter().chain(own)
}

/// A part that is being read.
struct Runner<'l> {
    list: &'l List,
    /// What is not read yet; the next one last.
    streams: Vec<Stream>,
    ids: Vec<RecordId>,
}

impl Runner<'_> {
    fn has_ended(&self) -> bool {
        self.streams.is_empty()
    }

    /// Reads so many entries, fewer where there are no more.
    fn run(&mut self, entries: usize, read: &dyn Read) -> Result<()> {
        let mut left = entries;
        while left > 0
            && let Some(stream) = self.streams.last_mut()
        {
            match stream.next(read)? {
                Some((tail, value)) => {
                    self.ids.push(ListRow::new(self.list, tail, value)?.id);
                    left -= 1;
                }
                None => drop(self.streams.pop()),
            }
        }
        Ok(())
    }
}
