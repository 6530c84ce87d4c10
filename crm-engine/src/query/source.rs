//! Candidates for a query, one after another. Everything is read in batches that resume behind
//! their last key, so a source holds no cursor and borrows nothing.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::access::{Access, Way};
use super::cursor::Position;
use super::log::LogSource;
use super::narrow::Part;
use super::select::Select;
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

/// Entries of the first batch of a range: many owners are merged for a page, and most of them
/// give it little.
const BATCH_FIRST: usize = 8;
/// Entries of the largest batch.
const BATCH_MAX: usize = 256;
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
        merge: Merge,
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
        let holders = || holders(&owners, select.plan.shared_with());
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
                let part = part_of(list, reverse);
                let own = |holder| {
                    let prefix = keys::own(object.id, object.lists[list].id, holder).done();
                    Stream::within(prefix, &part, reverse)
                };
                let streams = holders()?.into_iter().map(own);
                Source::Merged {
                    list,
                    merge: Merge::open(streams.collect(), read)?,
                }
            }
            Way::OwnerByOwner { list } => {
                Source::owner_by_owner(list, owners, select.plan.shared_with(), part)?
            }
        })
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
                Some((tail, _)) => {
                    let id = RecordId::new(take_uint(&mut tail.as_slice())?)?;
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
                Some((tail, bytes)) => {
                    let id = RecordId::new(take_uint(&mut tail.as_slice())?)?;
                    Ok(Some(Found::Record { id, bytes }))
                }
                None => Ok(None),
            },
            Source::List { list, stream } => Ok(entry(*list, stream.next(read)?)),
            Source::Merged { list, merge } => Ok(entry(*list, merge.next(read)?)),
            Source::OwnerByOwner {
                list,
                holders,
                owners,
                part,
                stream,
            } => loop {
                if let Some((open, shared)) = stream
                    && let Some(found) = open.next(read)?
                {
                    let known = *shared && {
                        let row = ListRow::new(&object.lists[*list], &found.0, &found.1)?;
                        owners.contains(row.standing.owner)
                    };
                    match known {
                        true => continue,
                        false => return Ok(entry(*list, Some(found))),
                    }
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

type Pair = (Vec<u8>, Vec<u8>);

fn entry(list: usize, pair: Option<Pair>) -> Option<Found> {
    pair.map(|(tail, value)| Found::Entry { list, tail, value })
}

fn referring(object: &Object, field: FieldId, target: RecordId) -> Vec<u8> {
    keys::referrers(target)
        .object(object.id)
        .uint(field.0.into())
        .done()
}

/// The entries under a prefix, their keys without it.
pub(super) struct Stream {
    prefix_bytes: usize,
    /// What has not been read yet; none when nothing is left.
    rest: Option<KeyRange>,
    reverse: bool,
    batch: std::vec::IntoIter<Pair>,
    batch_entries: usize,
}

impl Stream {
    fn new(prefix: Vec<u8>, reverse: bool) -> Stream {
        Stream {
            prefix_bytes: prefix.len(),
            rest: Some(KeyRange::prefix(&prefix)),
            reverse,
            batch: Vec::new().into_iter(),
            batch_entries: BATCH_FIRST,
        }
    }

    /// The entries under a prefix that are in a part.
    fn within(prefix: Vec<u8>, part: &Part, reverse: bool) -> Stream {
        Stream {
            rest: Some(part.under(&prefix, reverse)),
            ..Stream::new(prefix, reverse)
        }
    }

    /// The entries behind one, whose key goes on with `tail`.
    fn behind(mut self, prefix: &[u8], tail: &[u8]) -> Stream {
        let key = [prefix, tail].concat();
        self.rest = self.rest.map(|range| match self.reverse {
            false => range.after(&key),
            true => range.ending_before(&key),
        });
        self
    }

    fn next(&mut self, read: &dyn Read) -> Result<Option<Pair>> {
        if self.batch.len() == 0
            && let Some(range) = self.rest.take()
        {
            self.fill(range, read)?;
        }
        Ok(self.batch.next())
    }

    fn fill(&mut self, range: KeyRange, read: &dyn Read) -> Result<()> {
        let options = ScanOptions {
            reverse: self.reverse,
            limit: Some(self.batch_entries),
            ..ScanOptions::default()
        };
        let mut batch = Vec::with_capacity(self.batch_entries);
        let mut last = Vec::new();
        let mut scan = read.scan(range.clone(), options)?;
        while let Some((key, value)) = scan.next()? {
            batch.push((key[self.prefix_bytes..].to_vec(), value.to_vec()));
            if batch.len() == self.batch_entries {
                last = key.to_vec();
            }
        }
        if batch.len() == self.batch_entries {
            self.rest = Some(match self.reverse {
                false => range.after(&last),
                true => range.ending_before(&last),
            });
        }
        self.batch = batch.into_iter();
        self.batch_entries = (4 * self.batch_entries).min(BATCH_MAX);
        Ok(())
    }
}

/// The entries of several streams in one order: that of their keys behind the holder. What stands
/// in several of them is one record, given once.
pub(super) struct Merge {
    streams: Vec<Stream>,
    heads: BinaryHeap<Head>,
}

/// The next entry of a stream.
struct Head {
    pair: Pair,
    stream: usize,
    reverse: bool,
}

impl Merge {
    fn open(streams: Vec<Stream>, read: &dyn Read) -> Result<Merge> {
        let heads = BinaryHeap::with_capacity(streams.len());
        let mut merge = Merge { streams, heads };
        for stream in 0..merge.streams.len() {
            merge.advance(stream, read)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, stream: usize, read: &dyn Read) -> Result<()> {
        let reverse = self.streams[stream].reverse;
        if let Some(pair) = self.streams[stream].next(read)? {
            self.heads.push(Head {
                pair,
                stream,
                reverse,
            });
        }
        Ok(())
    }

    fn next(&mut self, read: &dyn Read) -> Result<Option<Pair>> {
        let Some(head) = self.heads.pop() else {
            return Ok(None);
        };
        self.advance(head.stream, read)?;
        while let Some(same) = self.heads.peek().filter(|other| **other == head) {
            let stream = same.stream;
            self.heads.pop();
            self.advance(stream, read)?;
        }
        Ok(Some(head.pair))
    }
}

/// The heap gives the greatest first: in forward order that is the entry with the least key.
impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        let order = self.pair.0.cmp(&other.pair.0);
        if self.reverse { order } else { order.reverse() }
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

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
