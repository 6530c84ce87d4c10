//! The records of a log: the stays of each record that it follows, found by that record's ways
//! and computed from its history. Nothing is kept for them.

use std::sync::Arc;

use super::access::Access;
use super::narrow::Part;
use super::select::Select;
use super::source::{Found, Source};
use crate::error::{Error, Result};
use crate::expr::{Bound, LogRow};
use crate::ids::RecordId;
use crate::index::ListRow;
use crate::policy::Plan;
use crate::schema::{Log, Object, keys};
use crate::store::Read;

/// Candidates of a query over a log.
pub(super) struct LogSource {
    log: Log,
    /// The object whose records it follows, and the plan for the log itself.
    followed: Arc<Object>,
    plan: Arc<Plan>,
    records: Box<Source>,
    /// The stays of the record found last.
    stays: std::vec::IntoIter<LogRow>,
}

impl LogSource {
    pub(super) fn open(select: &Select, access: &Access, bound: &Bound) -> Result<Source> {
        let (Some(followed), Some(log)) = (&select.followed, select.object.log) else {
            return Err(Error::internal("a log that follows nothing"));
        };
        let owners = access.owners(select.plan.owners(), bound);
        let records = match (access.target(bound), followed.list) {
            _ if select.plan.is_nothing() => Source::nothing(),
            (Some((_, record)), _) => Source::points(record.into_iter().collect()),
            (None, Some(list)) if followed.object.owned && owners.listed().is_some() => {
                Source::owner_by_owner(list, owners, select.plan.shared_with(), Part::default())?
            }
            (None, _) => Source::records(&followed.object),
        };
        Ok(Source::Log(LogSource {
            log,
            followed: Arc::clone(&followed.object),
            plan: Arc::clone(&select.plan),
            records: Box::new(records),
            stays: Vec::new().into_iter(),
        }))
    }

    pub(super) fn next(&mut self, read: &dyn Read) -> Result<Option<Found>> {
        loop {
            if let Some(stay) = self.stays.next() {
                return Ok(Some(Found::Stay(stay)));
            }
            let Some(found) = self.records.next(&self.followed, read)? else {
                return Ok(None);
            };
            let Some((id, bytes)) = self.record(found, read)? else {
                continue;
            };
            let stays = LogRow::of(read, &self.plan, self.log, id, &bytes)?;
            self.stays = stays.into_iter();
        }
    }

    fn record(&self, found: Found, read: &dyn Read) -> Result<Option<(RecordId, Vec<u8>)>> {
        Ok(match found {
            Found::Record { id, bytes } => Some((id, bytes)),
            Found::Entry { list, tail, value } => {
                let id = ListRow::new(&self.followed.lists[list], &tail, &value)?.id;
                let bytes = read.get(&keys::record(self.followed.id, id))?;
                bytes.map(|bytes| (id, bytes.to_vec()))
            }
            Found::Stay(_) => return Err(Error::internal("a log of a log")),
        })
    }
}
