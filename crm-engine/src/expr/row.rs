//! A record as conditions see it.

use std::borrow::Cow;
use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};

use crate::error::{Code, Error, Result};
use crate::facts;
use crate::history::{self, Stay};
use crate::ids::{ChoiceId, FieldId, RecordId, UserId};
use crate::limits::LOG_STAYS_MAX;
use crate::policy::{Held, Plan};
use crate::schema::system::head_value;
use crate::schema::{Log, log, system};
use crate::store::Read;
use crate::value::{Head, Record, RecordView, Value};

/// Gives the values of one record, declared fields and those the engine keeps.
pub(crate) trait Row {
    /// The value of a field; [`Value::Null`] where there is none.
    ///
    /// # Errors
    /// What prevents reading the record.
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>>;

    /// A value of a group of records, for rows that are groups.
    ///
    /// # Errors
    /// Where the row is a record.
    fn part(&self, _: usize) -> Result<Cow<'_, Value>> {
        Err(Error::internal("a record has no values of a group"))
    }
}

/// A record as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredRow<'a> {
    id: RecordId,
    view: RecordView<'a>,
}

impl<'a> StoredRow<'a> {
    /// The record of that id in its bytes.
    pub(crate) fn new(id: RecordId, bytes: &'a [u8]) -> Result<StoredRow<'a>> {
        Ok(StoredRow {
            id,
            view: RecordView::new(bytes)?,
        })
    }
}

impl Held for StoredRow<'_> {
    fn owner(&self) -> Option<UserId> {
        self.view.owner()
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.view.is_shared_with(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        Held::value(&self.view, field)
    }
}

impl Row for StoredRow<'_> {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        match head_value(self.id, self.view.head(), field) {
            Some(value) => Ok(Cow::Owned(value)),
            None => self.view.field(field).map(Cow::Owned),
        }
    }
}

/// A record whose log is read, as far as rights ask.
#[derive(Debug)]
pub(crate) struct Logged {
    record: RecordId,
    head: Head,
}

/// One stay of a record, as a record of a log.
#[derive(Debug, Clone)]
pub(crate) struct LogRow {
    of: Arc<Logged>,
    id: RecordId,
    stay: Stay,
}

impl LogRow {
    /// The stays of a record in its bytes, under the plan for the log; none where that does not
    /// reach the record.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] for a record that moved more than [`LOG_STAYS_MAX`] times, and what
    /// prevents reading.
    pub(crate) fn of(
        read: &dyn Read,
        plan: &Plan,
        log: Log,
        record: RecordId,
        bytes: &[u8],
    ) -> Result<Vec<LogRow>> {
        let now = RecordView::new(bytes)?.decode()?;
        let of = Arc::new(Logged {
            record,
            head: now.head.clone(),
        });
        if !facts::permits(read, plan, &*of)? {
            return Ok(Vec::new());
        }
        let stays = history::stays(read, record, &now, log.field)?;
        if stays.len() as u64 > LOG_STAYS_MAX {
            let text = format!("a log tells of at most {LOG_STAYS_MAX} stays of a record");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let numbered = (1..).zip(stays);
        let row = |(number, stay): (u64, Stay)| {
            // One number for each stay of each record, in the order of both.
            let id = RecordId::new(record.get() * (LOG_STAYS_MAX + 1) + number)?;
            let of = Arc::clone(&of);
            Ok(LogRow { of, id, stay })
        };
        numbered.map(row).collect()
    }

    /// The number that tells this stay from all others of the log.
    pub(crate) fn id(&self) -> RecordId {
        self.id
    }
}

impl Held for Logged {
    fn owner(&self) -> Option<UserId> {
        self.head.owner
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.head.participants.contains(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        (field == log::RECORD).then_some(Cow::Owned(Value::Reference(self.record)))
    }
}

impl Held for LogRow {
    fn owner(&self) -> Option<UserId> {
        self.of.owner()
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.of.is_shared_with(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        Held::value(&*self.of, field)
    }
}

impl Row for LogRow {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        let stay = &self.stay;
        let user = |user: Option<UserId>| user.map_or(Value::Null, |user| Value::Reference(user.0));
        let choice = |choice: Option<ChoiceId>| choice.map_or(Value::Null, Value::Choice);
        Ok(Cow::Owned(match field {
            system::ID => Value::Integer(i64::try_from(self.id.get()).unwrap_or(i64::MAX)),
            system::OWNER => user(self.of.head.owner),
            system::PARTICIPANTS => self.of.head.participants.to_value(),
            log::RECORD => Value::Reference(self.of.record),
            log::STAGE => Value::Choice(stay.value),
            log::ENTERED_AT => Value::DateTime(stay.entered_at),
            log::LEFT_AT => stay.left_at.map_or(Value::Null, Value::DateTime),
            log::DAYS => days(stay).map_or(Value::Null, Value::Decimal),
            log::VISIT => Value::Integer(stay.visit.into()),
            log::PREVIOUS => choice(stay.previous),
            log::NEXT => choice(stay.next),
            log::ACTOR => user(stay.actor),
            _ => Value::Null,
        }))
    }
}

/// The days of a stay that has ended, to four places.
fn days(stay: &Stay) -> Option<Decimal> {
    const MILLISECONDS_PER_DAY: i64 = 24 * 60 * 60 * 1_000;
    const PLACES: u32 = 4;
    let between = stay.left_at?.signed_duration_since(stay.entered_at);
    let days =
        Decimal::from(between.num_milliseconds()).checked_div(MILLISECONDS_PER_DAY.into())?;
    let halves = RoundingStrategy::MidpointAwayFromZero;
    Some(days.round_dp_with_strategy(PLACES, halves).normalize())
}

/// A record in memory, with its id.
impl Row for (RecordId, &Record) {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        Ok(system::value_of(self.0, self.1, field))
    }
}
