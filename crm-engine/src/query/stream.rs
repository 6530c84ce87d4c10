//! Entries under a prefix, and those of several owners in one order. Everything is read in batches
//! that resume behind their last key, so a stream holds no cursor and borrows nothing.

use super::narrow::Part;
use crate::error::{Error, Result};
use crate::ids::{ObjectId, UserId};
use crate::policy::Owners;
use crate::schema::keys::{self, Holder};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::Standing;

/// Entries of the first batch of a range.
const BATCH_FIRST: usize = 8;
/// Entries of the first batches of all the streams of a merge: most of many owners give a page
/// little or nothing.
const BATCHES_MERGED: usize = 128;
/// Entries of the largest batch.
const BATCH_MAX: usize = 256;
/// From so many owners on, the entries of everybody are tried before those of each are merged.
const COVER_OWNERS_MIN: usize = if cfg!(test) { 2 } else { 32 };
/// After so many entries of everybody it is seen how many of them were of the owners.
const COVER_TRIED_MIN: u64 = if cfg!(test) { 3 } else { 64 };
/// One in so many must be; otherwise the owners are merged from there on.
const COVER_WORTH: u64 = if cfg!(test) { 2 } else { 8 };

/// The end of a key and the value behind it, lent by a stream.
type Lent<'a> = (&'a [u8], &'a [u8]);
/// The same, on their own.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The entries under a prefix, their keys without it.
pub(super) struct Stream {
    prefix_bytes: usize,
    /// What has not been read yet; none when nothing is left.
    rest: Option<KeyRange>,
    reverse: bool,
    /// Keys and values of the batch, one behind the other.
    bytes: Vec<u8>,
    /// Where the key and the value of each entry end.
    ends: Vec<(usize, usize)>,
    /// The next entry of the batch.
    at: usize,
    batch_entries: usize,
}

impl Stream {
    pub(super) fn new(prefix: Vec<u8>, reverse: bool) -> Stream {
        Stream {
            prefix_bytes: prefix.len(),
            rest: Some(KeyRange::prefix(&prefix)),
            reverse,
            bytes: Vec::new(),
            ends: Vec::new(),
            at: 0,
            batch_entries: BATCH_FIRST,
        }
    }

    /// The entries under a prefix that are in a part.
    pub(super) fn within(prefix: Vec<u8>, part: &Part, reverse: bool) -> Stream {
        Stream {
            rest: Some(part.under(&prefix, reverse)),
            ..Stream::new(prefix, reverse)
        }
    }

    /// The entries behind one, whose key goes on with `tail`.
    pub(super) fn behind(mut self, prefix: &[u8], tail: &[u8]) -> Stream {
        let key = [prefix, tail].concat();
        self.rest = self.rest.map(|range| match self.reverse {
            false => range.after(&key),
            true => range.ending_before(&key),
        });
        self
    }

    /// The next entry, and steps behind it.
    pub(super) fn next(&mut self, read: &dyn Read) -> Result<Option<Lent<'_>>> {
        self.ready(read)?;
        let at = self.at;
        self.at = (at + 1).min(self.ends.len());
        Ok(self.entry(at))
    }

    /// Reads the next batch where nothing is left of the last one.
    fn ready(&mut self, read: &dyn Read) -> Result<()> {
        match self.rest.take_if(|_| self.at == self.ends.len()) {
            Some(range) => self.fill(range, read),
            None => Ok(()),
        }
    }

    fn entry(&self, at: usize) -> Option<Lent<'_>> {
        let (key_end, value_end) = *self.ends.get(at)?;
        let start = match at {
            0 => 0,
            at => self.ends[at - 1].1,
        };
        Some((&self.bytes[start..key_end], &self.bytes[key_end..value_end]))
    }

    fn fill(&mut self, range: KeyRange, read: &dyn Read) -> Result<()> {
        let options = ScanOptions {
            reverse: self.reverse,
            limit: Some(self.batch_entries),
            ..ScanOptions::default()
        };
        self.bytes.clear();
        self.ends.clear();
        self.at = 0;
        let mut last = Vec::new();
        let mut scan = read.scan(range.clone(), options)?;
        while let Some((key, value)) = scan.next()? {
            self.bytes.extend_from_slice(&key[self.prefix_bytes..]);
            let key_end = self.bytes.len();
            self.bytes.extend_from_slice(value);
            self.ends.push((key_end, self.bytes.len()));
            if self.ends.len() == self.batch_entries {
                last = key.to_vec();
            }
        }
        if self.ends.len() == self.batch_entries {
            self.rest = Some(match self.reverse {
                false => range.after(&last),
                true => range.ending_before(&last),
            });
        }
        self.batch_entries = (4 * self.batch_entries).min(BATCH_MAX);
        Ok(())
    }
}

/// The entries of several streams in one order: that of their keys behind the holder. What stands
/// in several of them is one record, given once.
struct Merge {
    streams: Vec<Stream>,
    /// A heap of the streams that have an entry left: the first one's is next.
    heap: Vec<usize>,
    reverse: bool,
}

impl Merge {
    fn open(mut streams: Vec<Stream>, reverse: bool, read: &dyn Read) -> Result<Merge> {
        let first = (BATCHES_MERGED / streams.len().max(1)).clamp(1, BATCH_FIRST);
        for stream in &mut streams {
            stream.batch_entries = first;
            stream.ready(read)?;
        }
        let filled = |at: &usize| !streams[*at].ends.is_empty();
        let heap: Vec<usize> = (0..streams.len()).filter(filled).collect();
        let mut merge = Merge {
            streams,
            heap,
            reverse,
        };
        for at in (0..merge.heap.len() / 2).rev() {
            merge.sink(at);
        }
        Ok(merge)
    }

    fn next(&mut self, read: &dyn Read) -> Result<Option<Pair>> {
        let Some((tail, value)) = self.head(0) else {
            return Ok(None);
        };
        let pair = (tail.to_vec(), value.to_vec());
        self.advance(read)?;
        while self.head(0).is_some_and(|(tail, _)| tail == pair.0) {
            self.advance(read)?;
        }
        Ok(Some(pair))
    }

    /// Steps behind the next entry.
    fn advance(&mut self, read: &dyn Read) -> Result<()> {
        let stream = &mut self.streams[self.heap[0]];
        stream.at += 1;
        stream.ready(read)?;
        if stream.entry(stream.at).is_none() {
            self.heap.swap_remove(0);
        }
        self.sink(0);
        Ok(())
    }

    /// The entry that the stream at a place of the heap has next.
    fn head(&self, place: usize) -> Option<Lent<'_>> {
        let stream = &self.streams[*self.heap.get(place)?];
        stream.entry(stream.at)
    }

    /// Whether the entry at one place of the heap comes before that at another.
    fn precedes(&self, one: usize, other: usize) -> bool {
        match (self.head(one), self.head(other)) {
            (Some((one, _)), Some((other, _))) if self.reverse => one > other,
            (Some((one, _)), Some((other, _))) => one < other,
            (one, _) => one.is_some(),
        }
    }

    /// Moves what stands at a place of the heap behind all that comes before it.
    fn sink(&mut self, mut place: usize) {
        loop {
            let mut first = place;
            for below in [2 * place + 1, 2 * place + 2] {
                if below < self.heap.len() && self.precedes(below, first) {
                    first = below;
                }
            }
            if first == place {
                return;
            }
            self.heap.swap(place, first);
            place = first;
        }
    }
}

/// The part of a list that stands under some owners and under a user for what others share with
/// him, in the order of the list.
///
/// There are two ways to it, which come to the same: merging the entries of each, or passing over
/// those of others among the entries of everybody. Where the owners are many, the second is tried
/// first, and left as soon as it is seen that most of what it finds belongs to others: the rest is
/// merged, from the very place.
pub(super) struct Reached {
    object: ObjectId,
    list: u8,
    owners: Owners,
    shared_with: Option<UserId>,
    part: Part,
    reverse: bool,
    how: How,
}

enum How {
    Cover {
        stream: Stream,
        tried: u64,
        found: u64,
    },
    Merge(Merge),
}

impl Reached {
    pub(super) fn open(
        (object, list): (ObjectId, u8),
        owners: Owners,
        shared_with: Option<UserId>,
        part: Part,
        reverse: bool,
        read: &dyn Read,
    ) -> Result<Reached> {
        let many = owners.listed().is_some_and(|o| o.len() >= COVER_OWNERS_MIN);
        let prefix = keys::all(object, list).done();
        let stream = Stream::within(prefix, &part, reverse);
        let mut reached = Reached {
            object,
            list,
            owners,
            shared_with,
            part,
            reverse,
            how: How::Cover {
                stream,
                tried: 0,
                found: 0,
            },
        };
        if !many {
            reached.merge(read)?;
        }
        Ok(reached)
    }

    pub(super) fn next(&mut self, read: &dyn Read) -> Result<Option<Pair>> {
        loop {
            let (stream, tried, found) = match &mut self.how {
                How::Merge(merge) => return merge.next(read),
                How::Cover {
                    stream,
                    tried,
                    found,
                } => (stream, tried, found),
            };
            let Some((tail, value)) = stream.next(read)? else {
                return Ok(None);
            };
            *tried += 1;
            let standing = Standing::take(&mut &*value)?;
            let is_shared = |user| standing.participants.contains(user);
            if self.owners.contains(standing.owner) || self.shared_with.is_some_and(is_shared) {
                *found += 1;
                return Ok(Some((tail.to_vec(), value.to_vec())));
            }
            if *tried >= COVER_TRIED_MIN && *found * COVER_WORTH < *tried {
                self.part = self.part.clone().behind(0, tail);
                self.merge(read)?;
            }
        }
    }

    fn merge(&mut self, read: &dyn Read) -> Result<()> {
        let owners = self.owners.listed();
        let owners = owners.ok_or_else(|| Error::internal("a merge of all owners"))?;
        let own = |holder| {
            let prefix = keys::own(self.object, self.list, holder).done();
            Stream::within(prefix, &self.part, self.reverse)
        };
        let streams = Holder::reached(owners, self.shared_with).map(own);
        self.how = How::Merge(Merge::open(streams.collect(), self.reverse, read)?);
        Ok(())
    }
}
