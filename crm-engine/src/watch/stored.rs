//! How it stands in the store: packed counters by user and hour, and an empty value for each record
//! opened.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::counted::Portion;
use crate::error::{Code, Error, Result};
use crate::ids::{ObjectId, RecordId, Sequence, UserId};
use crate::journal::{self, Event, EventKind};
use crate::schema::keys;
use crate::store::{KeyRange, Read, ScanOptions, Txn};
use crate::value::{put_uint, take_uint};

const HOUR_MS: i64 = 3_600_000;

/// What a user did in an hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Different records he opened, as far as they are known one by one.
    pub(crate) opened: u64,
    /// Openings beyond those.
    pub(crate) beyond: u64,
    /// Rows that queries gave him.
    pub(crate) listed: u64,
    /// Rows he took out.
    pub(crate) exported: u64,
    /// Refusals he met.
    pub(crate) refused: u64,
    /// When he opened one record more than he should.
    pub(crate) alarm: Option<DateTime<Utc>>,
}

impl Counters {
    fn add(&mut self, other: &Counters) {
        self.opened += other.opened;
        self.beyond += other.beyond;
        self.listed += other.listed;
        self.exported += other.exported;
        self.refused += other.refused;
        self.alarm = self.alarm.or(other.alarm);
    }

    fn pack(&self) -> Vec<u8> {
        let alarm = self.alarm.map_or(0, |at| at.timestamp_millis());
        let mut bytes = Vec::with_capacity(16);
        for n in [
            self.opened,
            self.beyond,
            self.listed,
            self.exported,
            self.refused,
            u64::try_from(alarm).unwrap_or(0),
        ] {
            put_uint(&mut bytes, n);
        }
        bytes
    }

    fn unpack(mut bytes: &[u8]) -> Result<Counters> {
        let mut next = || take_uint(&mut bytes);
        let counters = Counters {
            opened: next()?,
            beyond: next()?,
            listed: next()?,
            exported: next()?,
            refused: next()?,
            alarm: match next()? {
                0 => None,
                ms => Some(moment(ms)?),
            },
        };
        Ok(counters)
    }
}

fn moment(ms: u64) -> Result<DateTime<Utc>> {
    let at = i64::try_from(ms).ok();
    at.and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| Error::new(Code::Damaged, "a moment of the watch is damaged"))
}

/// The hour of a moment, counted from 1970; what lies before it is hour 0.
pub(crate) fn hour_of(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis().div_euclid(HOUR_MS)).unwrap_or(0)
}

/// When an hour begins.
///
/// # Errors
/// [`Code::Damaged`] for an hour beyond all times.
pub(crate) fn start_of(hour: u64) -> Result<DateTime<Utc>> {
    moment(hour.saturating_mul(HOUR_MS.unsigned_abs()))
}

pub(super) fn counters(read: &dyn Read, user: UserId, hour: u64) -> Result<Counters> {
    match read.get(&keys::watched(user).uint(hour).done())? {
        Some(bytes) => Counters::unpack(&bytes),
        None => Ok(Counters::default()),
    }
}

/// What a user did in the hours `from` to before `to`, the earliest first; `take` tells whether to
/// go on.
pub(crate) fn hours_of(
    read: &dyn Read,
    user: UserId,
    (from, to): (u64, u64),
    take: &mut dyn FnMut(u64, Counters) -> Result<bool>,
) -> Result<()> {
    let prefix = keys::watched(user).done();
    let range = KeyRange::prefix(&prefix);
    let range = range.starting_at(&keys::watched(user).uint(from).done());
    let range = range.ending_before(&keys::watched(user).uint(to).done());
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let hour = take_uint(&mut &key[prefix.len()..])?;
        if !take(hour, Counters::unpack(value)?)? {
            break;
        }
    }
    Ok(())
}

pub(super) fn each_opened(
    read: &dyn Read,
    user: UserId,
    hour: u64,
    take: &mut dyn FnMut(ObjectId, RecordId) -> Result<()>,
) -> Result<()> {
    opened_in(
        read,
        user,
        (hour, hour.saturating_add(1)),
        &mut |_, object, id| take(object, id),
    )
}

/// The records a user opened in the hours `from` to before `to`: once for each hour.
pub(crate) fn opened_in(
    read: &dyn Read,
    user: UserId,
    (from, to): (u64, u64),
    take: &mut dyn FnMut(u64, ObjectId, RecordId) -> Result<()>,
) -> Result<()> {
    let prefix = keys::opened(user).done();
    let range = KeyRange::prefix(&prefix);
    let range = range.starting_at(&keys::opened(user).uint(from).done());
    let range = range.ending_before(&keys::opened(user).uint(to).done());
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, _)) = rows.next()? {
        let rest = &mut &key[prefix.len()..];
        let hour = take_uint(rest)?;
        let object = u16::try_from(take_uint(rest)?);
        let object = object.map_err(|_| Error::new(Code::Damaged, "an opening is damaged"))?;
        take(hour, ObjectId(object), RecordId::new(take_uint(rest)?)?)?;
    }
    Ok(())
}

/// Adds to what stands in the store; the journal tells of alarms.
pub(super) fn put(txn: &mut Txn, portions: &[Portion]) -> Result<()> {
    for portion in portions {
        let Portion { user, hour, .. } = *portion;
        let mut counters = counters(txn, user, hour)?;
        counters.add(&portion.counters);
        for (object, id) in &portion.opened {
            let key = keys::opened(user).uint(hour).object(*object).id(*id).done();
            if txn.get(&key)?.is_none() {
                txn.put(&key, &[])?;
                counters.opened += 1;
            }
        }
        txn.put(&keys::watched(user).uint(hour).done(), &counters.pack())?;
        if let Some(at) = portion.counters.alarm {
            note_alarm(txn, user, at)?;
        }
    }
    Ok(())
}

/// The entry of the journal that tells of an alarm.
fn note_alarm(txn: &mut Txn, user: UserId, at: DateTime<Utc>) -> Result<()> {
    let event = Event {
        kind: EventKind::Alarm,
        detail: json!({}),
    };
    let draft = journal::Draft {
        at,
        actor: Some(user),
        session: Sequence(0),
        action: "watch.alarm",
        event: Some(&event),
    };
    journal::append(txn, &draft, &[]).map(drop)
}
