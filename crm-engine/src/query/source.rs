//! Candidates for a query, one after another. What reads ranges does so by [streams](Stream).

use std::borrow::Cow;
use std::cell::OnceCell;

use super::access::{Access, Way};
use super::common;
use super::cursor::Position;
use super::log::LogSource;
use super::narrow::Part;
use super::select::Select;
use super::stream::{Pair, Reached, Stream};
use crate::error::{Code, Error, Result};
use crate::expr::{Bound, LogRow, Row};
use crate::ids::{FieldId, RecordId, UserId};
use crate::index::ListRow;
use crate::policy::Owners;
use crate::schema::keys::Holder;
use crate::schema::system::value_of;
use crate::schema::{Object, keys};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Record, RecordView, Standing, Value, take_uint};

/// So many records that refer to one are few enough to be got one by one and sorted.
const FEW_MAX: usize = 1_000;

/// Where the candidates of a query come from.
pub(super) enum Source {
    Log(LogSource),
    Points(std::vec::IntoIter<RecordId>),
    /// Back references.
    Referrers(Stream),
    Records(Stream),
    List {
        list: usize,
        stream: Stream,
    },
    Merged {
        list: usize,
        reached: Box<Reached>,
    },
    OwnerByOwner {
        list: usize,
        holders: std::vec::IntoIter<Holder>,
        /// Whose records stand under owners and are passed over elsewhere.
        owners: Owners,
        part: Part,
        /// The stream that is read, and whether that is one of what others share.
        stream: Option<(Stream, bool)>,
    },
}

/// A candidate, as it was found.
pub(super) enum Found {
    /// A record of a log.
    Stay(LogRow),
    Record {
        id: RecordId,
        bytes: Vec<u8>,
    },
    /// An entry of a list: its key behind list and holder, and its value.
    Entry {
        list: usize,
        tail: Vec<u8>,
        value: Vec<u8>,
    },
}

impl Source {
    /// Single records by their ids, ascending.
    pub(super) fn points(ids: Vec<RecordId>) -> Source {
        Source::Points(ids.into_iter())
    }

    /// The source of a query that reads records.
    pub(super) fn open(
        select: &Select,
        access: &Access,
        read: &dyn Read,
        bound: &Bound,
        after: Option<&Position>,
    ) -> Result<Source> {
        let object = &select.object;
        let owners = access.owners(select.plan.owners(), bound);
        let Some(part) = access.narrow.part(bound) else {
            return Ok(Source::nothing());
        };
        let part_of = |list: usize, reverse| {
            let (by, order) = (&object.lists[list].by, select.order());
            let skipped = access.skipped(by, order, reverse);
            match after {
                Some(position) => part.clone().behind(skipped, &position.entry(by, skipped)),
                None => part.clone(),
            }
        };
        let by_id = |prefix: Vec<u8>, reverse| {
            let stream = Stream::new(prefix.clone(), reverse);
            match after {
                Some(position) => stream.behind(&prefix, &position.id_key()),
                None => stream,
            }
        };
        Ok(match access.way {
            Way::Log => LogSource::open(select, access, bound)?,
            Way::Points => Source::Points(access.ids(bound).into_iter()),
            _ if select.plan.is_nothing() => Source::nothing(),
            Way::Referrers { reverse } => match access.target(bound) {
                Some((field, Some(target))) => {
                    let prefix = referring(object, field, target);
                    Source::Referrers(by_id(prefix, reverse))
                }
                _ => Source::nothing(),
            },
            Way::Under { list, reverse } | Way::List { list, reverse } => {
                let prefix = keys::all(object.id, object.lists[list].id).done();
                Source::List {
                    list,
                    stream: Stream::within(prefix, &part_of(list, reverse), reverse),
                }
            }
            Way::Records { reverse } => Source::Records(by_id(
                keys::Key::new(keys::Space::Record).object(object.id).done(),
                reverse,
            )),
            Way::Merged { list, reverse } => {
                let of = (object.id, object.lists[list].id);
                let part = part_of(list, reverse);
                let shared_with = select.plan.shared_with();
                let reached = Reached::open(of, owners, shared_with, part, reverse, read)?;
                Source::Merged {
                    list,
                    reached: Box::new(reached),
                }
            }
            Way::Common => Source::in_common(select, access, owners, read, bound)?,
            Way::OwnerByOwner { list } => {
                Source::owner_by_owner(list, owners, select.plan.shared_with(), part)?
            }
        })
    }

    /// The records that stand in several parts of lists; those of the first part where all are
    /// too large to be compared.
    fn in_common(
        select: &Select,
        access: &Access,
        owners: Owners,
        read: &dyn Read,
        bound: &Bound,
    ) -> Result<Source> {
        let (object, shared_with) = (&select.object, select.plan.shared_with());
        let by_owner = object.owned && owners.listed().is_some();
        let holders = by_owner
            .then(|| holders(&owners, shared_with))
            .transpose()?;
        if let Some(ids) = common::ids(object, holders.as_deref(), &access.common, read, bound)? {
            return Ok(Source::points(ids));
        }
        let Some((list, part)) = access
            .common
            .first()
            .and_then(|(list, narrow)| Some((*list, narrow.part(bound)?)))
        else {
            return Ok(Source::nothing());
        };
        match by_owner {
            true => Source::owner_by_owner(list, owners, shared_with, part),
            false => {
                let prefix = keys::all(object.id, object.lists[list].id).done();
                let stream = Stream::within(prefix, &part, false);
                Ok(Source::List { list, stream })
            }
        }
    }

    /// Every record of an object, in the order of their ids.
    pub(super) fn records(object: &Object) -> Source {
        let prefix = keys::Key::new(keys::Space::Record).object(object.id);
        Source::Records(Stream::new(prefix.done(), false))
    }

    /// The entries of a list for each of the owners, and what is shared with a user.
    pub(super) fn owner_by_owner(
        list: usize,
        owners: Owners,
        shared_with: Option<UserId>,
        part: Part,
    ) -> Result<Source> {
        Ok(Source::OwnerByOwner {
            list,
            holders: holders(&owners, shared_with)?.into_iter(),
            owners,
            part,
            stream: None,
        })
    }

    pub(super) fn nothing() -> Source {
        Source::Points(Vec::new().into_iter())
    }

    /// The records that refer to the one the query asks for, by their ids, while they are few.
    pub(super) fn few(
        select: &Select,
        access: &Access,
        read: &dyn Read,
        bound: &[Value],
    ) -> Result<Option<Source>> {
        let Some((field, target)) = access.target(bound).filter(|_| access.few) else {
            return Ok(None);
        };
        let Some(target) = target.filter(|_| !select.plan.is_nothing()) else {
            return Ok(Some(Source::nothing()));
        };
        let prefix = referring(&select.object, field, target);
        let options = ScanOptions::FORWARD.limit(FEW_MAX + 1);
        let mut rows = read.scan(KeyRange::prefix(&prefix), options)?;
        let mut ids = Vec::new();
        while let Some((key, _)) = rows.next()? {
            ids.push(RecordId::new(take_uint(&mut &key[prefix.len()..])?)?);
        }
        Ok((ids.len() <= FEW_MAX).then(|| Source::Points(ids.into_iter())))
    }

    /// The next candidate.
    pub(super) fn next(&mut self, object: &Object, read: &dyn Read) -> Result<Option<Found>> {
        match self {
            Source::Log(log) => log.next(read),
            Source::Points(ids) => {
                for id in ids {
                    if let Some(bytes) = read.get(&keys::record(object.id, id))? {
                        return Ok(Some(Found::Record {
                            id,
                            bytes: bytes.to_vec(),
                        }));
                    }
                }
                Ok(None)
            }
            Source::Referrers(stream) => match stream.next(read)? {
                Some((mut tail, _)) => {
                    let id = RecordId::new(take_uint(&mut tail)?)?;
                    let bytes = read.get(&keys::record(object.id, id))?.ok_or_else(|| {
                        let text = format!("a back reference of {id} has no record");
                        Error::new(Code::Damaged, text)
                    })?;
                    Ok(Some(Found::Record {
                        id,
                        bytes: bytes.to_vec(),
                    }))
                }
                None => Ok(None),
            },
            Source::Records(stream) => match stream.next(read)? {
                Some((mut tail, bytes)) => {
                    let id = RecordId::new(take_uint(&mut tail)?)?;
                    let bytes = bytes.to_vec();
                    Ok(Some(Found::Record { id, bytes }))
                }
                None => Ok(None),
            },
            Source::List { list, stream } => {
                let found = stream.next(read)?;
                let found = found.map(|(tail, value)| (tail.to_vec(), value.to_vec()));
                Ok(entry(*list, found))
            }
            Source::Merged { list, reached } => Ok(entry(*list, reached.next(read)?)),
            Source::OwnerByOwner {
                list,
                holders,
                owners,
                part,
                stream,
            } => loop {
                if let Some((open, shared)) = stream
                    && let Some((tail, value)) = open.next(read)?
                {
                    if *shared && owners.contains(Standing::take(&mut &*value)?.owner) {
                        continue;
                    }
                    return Ok(entry(*list, Some((tail.to_vec(), value.to_vec()))));
                }
                let Some(holder) = holders.next() else {
                    return Ok(None);
                };
                let prefix = keys::own(object.id, object.lists[*list].id, holder).done();
                let shared = matches!(holder, Holder::Participant(_));
                *stream = Some((Stream::within(prefix, part, false), shared));
            },
        }
    }
}

/// Under whom the records of a plan stand: its owners, and a user for what others share with him.
fn holders(owners: &Owners, shared_with: Option<UserId>) -> Result<Vec<Holder>> {
    let owners = owners
        .listed()
        .ok_or_else(|| Error::internal("an owner by owner walk over all owners"))?;
    Ok(Holder::reached(owners, shared_with).collect())
}

fn entry(list: usize, pair: Option<Pair>) -> Option<Found> {
    pair.map(|(tail, value)| Found::Entry { list, tail, value })
}

fn referring(object: &Object, field: FieldId, target: RecordId) -> Vec<u8> {
    keys::referrers(target)
        .object(object.id)
        .uint(field.0.into())
        .done()
}

/// A record as its list entry tells it; fields the entry does not hold are read from the record,
/// once.
pub(super) struct EntryRow<'a> {
    entry: ListRow<'a>,
    object: &'a Object,
    read: &'a dyn Read,
    record: OnceCell<Record>,
}

impl<'a> EntryRow<'a> {
    pub(super) fn new(entry: ListRow<'a>, object: &'a Object, read: &'a dyn Read) -> EntryRow<'a> {
        EntryRow {
            entry,
            object,
            read,
            record: OnceCell::new(),
        }
    }

    pub(super) fn id(&self) -> RecordId {
        self.entry.id
    }

    /// Whom the record stands under.
    pub(super) fn standing(&self) -> &Standing {
        &self.entry.standing
    }

    fn record(&self) -> Result<&Record> {
        if let Some(record) = self.record.get() {
            return Ok(record);
        }
        let bytes = self
            .read
            .get(&keys::record(self.object.id, self.entry.id))?;
        let bytes = bytes.ok_or_else(|| {
            Error::new(
                Code::Damaged,
                format!("a list entry of {} has no record", self.entry.id),
            )
        })?;
        let record = RecordView::new(&bytes)?.decode()?;
        Ok(self.record.get_or_init(|| record))
    }
}

impl Row for EntryRow<'_> {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        match ListRow::covers(self.object, field) {
            true => self.entry.value(field).map(Cow::Owned),
            false => Ok(value_of(self.entry.id, self.record()?, field)),
        }
    }
}
