//! Places on timelines: where the events and the moves of a record stand among what concerns the
//! records it refers to.
//!
//! A record of an object with `event` parts stands once on the timeline of each record that it
//! refers to by a field marked `timeline`; the entry is a pure function of the record. A record
//! with stages leaves a further entry there for each move from one stage to another; these are a
//! pure function of the record and its history. An entry carries what filters ask for and, for an
//! event, the columns shown, so that a page of a timeline reads no records.
//!
//! A timeline is ordered by [`Place`]: the newest moment first, then the greatest id and version.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, Utc};

use super::Entry;
use crate::error::{Code, Error, Result};
use crate::history;
use crate::ids::{ChoiceId, FieldId, ObjectId, RecordId, UserId, Version};
use crate::journal::ChangeKind;
use crate::schema::system::OWNER;
use crate::schema::{Field, Object, keys};
use crate::store::{Read, Txn};
use crate::value::{FieldsView, Record, Standing, Value, encode_fields, put_uint, take_uint};

/// The bytes of a moment in front of a place.
const MOMENT_BYTES: usize = 8;
/// Set where an event stands at the creation of its record, for want of a moment of its own.
const AT_CREATION: u8 = 1;

/// Where an entry stands on a timeline: the greatest place comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The moment, in milliseconds from 1970.
    pub(crate) at_ms: i64,
    /// The record.
    pub(crate) id: RecordId,
    /// The version a change or move produced; 0 for an event.
    pub(crate) version: Version,
}

impl Place {
    /// The place as the tail of a key: newer places come first.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MOMENT_BYTES + 8);
        bytes.extend(keys::timeline_moment(self.at_ms));
        put_uint(&mut bytes, self.id.get());
        put_uint(&mut bytes, self.version.0);
        bytes[MOMENT_BYTES..]
            .iter_mut()
            .for_each(|byte| *byte = !*byte);
        bytes
    }

    /// Reads what [`bytes`](Place::bytes) wrote.
    pub(crate) fn read(bytes: &[u8]) -> Result<Place> {
        /// An id and a version, each at its longest.
        const REST_BYTES_MAX: usize = 18;
        let (moment, rest) = bytes
            .split_first_chunk::<MOMENT_BYTES>()
            .ok_or_else(damaged)?;
        let mut turned = [0; REST_BYTES_MAX];
        let turned = turned.get_mut(..rest.len()).ok_or_else(damaged)?;
        for (to, from) in turned.iter_mut().zip(rest) {
            *to = !*from;
        }
        let mut rest = &*turned;
        let place = Place {
            at_ms: (!u64::from_be_bytes(*moment) ^ 1 << 63) as i64,
            id: RecordId::new(take_uint(&mut rest)?)?,
            version: Version(take_uint(&mut rest)?),
        };
        match rest.is_empty() {
            true => Ok(place),
            false => Err(damaged()),
        }
    }
}

/// An entry of a timeline as it is stored.
#[derive(Debug)]
pub(crate) struct TimelineRow<'a> {
    pub(crate) place: Place,
    pub(crate) object: ObjectId,
    /// Who created the record, or made the move.
    pub(crate) actor: Option<UserId>,
    pub(crate) deed: Deed<'a>,
    /// The fields by which the record refers to the one whose timeline this is.
    fields: &'a [u8],
}

/// What an entry tells.
#[derive(Debug)]
pub(crate) enum Deed<'a> {
    /// The record is an event.
    Event {
        standing: Standing,
        kind: Option<ChoiceId>,
        channel: Option<ChoiceId>,
        /// The moment is that of the creation.
        at_creation: bool,
        columns: FieldsView<'a>,
    },
    /// The record moved from one stage to another.
    Move {
        from: Option<ChoiceId>,
        to: Option<ChoiceId>,
    },
}

impl<'a> TimelineRow<'a> {
    /// Reads an entry; `place` is its key behind the target.
    pub(crate) fn new(place: &[u8], value: &'a [u8]) -> Result<TimelineRow<'a>> {
        let place = Place::read(place)?;
        let mut rest = value;
        let object = ObjectId(take_uint(&mut rest)?.try_into().map_err(|_| damaged())?);
        let actor = take_user(&mut rest)?;
        let bytes = usize::try_from(take_uint(&mut rest)?).map_err(|_| damaged())?;
        let (fields, mut rest) = rest.split_at_checked(bytes).ok_or_else(damaged)?;
        let deed = if place.version.0 > 0 {
            Deed::Move {
                from: take_choice(&mut rest)?,
                to: take_choice(&mut rest)?,
            }
        } else {
            let (flags, mut rest) = rest.split_first().ok_or_else(damaged)?;
            Deed::Event {
                at_creation: flags & AT_CREATION != 0,
                standing: Standing::take(&mut rest)?,
                kind: take_choice(&mut rest)?,
                channel: take_choice(&mut rest)?,
                columns: FieldsView::new(rest)?,
            }
        };
        Ok(TimelineRow {
            place,
            object,
            actor,
            deed,
            fields,
        })
    }

    /// Whether the record refers to the one whose timeline this is by a field that `shows`.
    pub(crate) fn refers_by(&self, mut shows: impl FnMut(FieldId) -> bool) -> Result<bool> {
        let mut rest = self.fields;
        while !rest.is_empty() {
            let field = take_uint(&mut rest)?.try_into().map_err(|_| damaged())?;
            if shows(FieldId(field)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether two states of an object put the same records on timelines in the same way.
pub(super) fn is_same(before: &Object, after: &Object) -> bool {
    let stages = |object: &Object| object.stage_field().map(|field| field.id);
    let marked = |object: &Object| -> Vec<FieldId> { links(object).map(|f| f.id).collect() };
    before.event == after.event
        && before.title == after.title
        && stages(before) == stages(after)
        && marked(before) == marked(after)
}

/// Adds the entries of a record that is an event.
pub(super) fn events(object: &Object, id: RecordId, record: &Record, entries: &mut Vec<Entry>) {
    let Some(event) = &object.event else { return };
    let targets = targets(object, record);
    if targets.is_empty() {
        return;
    }
    let own = event.at.and_then(|field| moment(record.fields.get(field)));
    let place = Place {
        at_ms: own.unwrap_or(record.head.created_at).timestamp_millis(),
        id,
        version: Version(0),
    };
    let mut deed = vec![if own.is_none() { AT_CREATION } else { 0 }];
    super::put_standing(&mut deed, record);
    put_choice(&mut deed, choice(record, event.kind));
    put_choice(&mut deed, choice(record, event.channel));
    encode_fields(&columns(object, record), &mut deed);
    for (target, fields) in targets {
        entries.push(entry(
            object,
            target,
            place,
            record.head.created_by,
            &fields,
            &deed,
        ));
    }
}

/// The entries of the moves of a record that stands as it is in `record`, by its history; in the
/// order of their keys.
pub(crate) fn moves(
    read: &dyn Read,
    object: &Object,
    id: RecordId,
    record: &Record,
) -> Result<Vec<Entry>> {
    past_moves(read, object, id, Some(record), &targets(object, record))
}

/// Brings the entries of moves from the old state of a record to the new one. The history reaches
/// up to the old state.
pub(super) fn update_moves(
    txn: &mut Txn,
    object: &Object,
    id: RecordId,
    old: Option<&Record>,
    new: Option<&Record>,
) -> Result<()> {
    let Some(stage) = object.stage_field() else {
        return Ok(());
    };
    let of = |record: Option<&Record>| record.map(|record| targets(object, record));
    let (before, after) = (of(old).unwrap_or_default(), of(new).unwrap_or_default());
    let is_first = new.is_some_and(|new| new.head.version.0 == 1);
    if before != after && !is_first {
        let gone = past_moves(txn, object, id, old, &before)?;
        let kept = past_moves(txn, object, id, old, &after)?;
        super::replace_entries(txn, &gone, &kept)?;
    }
    let (Some(old), Some(new)) = (old, new) else {
        return Ok(());
    };
    let (from, to) = (old.fields.get(stage.id), new.fields.get(stage.id));
    if from != to {
        let (head, deed) = (&new.head, move_deed(from, to));
        let place = move_place(head.updated_at, id, head.version);
        for (target, fields) in after {
            let entry = entry(object, target, place, head.updated_by, &fields, &deed);
            txn.put(&entry.key, &entry.value)?;
        }
    }
    Ok(())
}

/// The records that a record refers to by fields marked `timeline`, with the bytes of the fields.
type Targets = BTreeMap<RecordId, Vec<u8>>;

fn links(object: &Object) -> impl Iterator<Item = &Field> {
    object.fields.iter().filter(|field| field.timeline)
}

fn targets(object: &Object, record: &Record) -> Targets {
    let mut targets = Targets::new();
    for field in links(object) {
        if let Some(target) = record.fields.get(field.id).as_reference() {
            put_uint(targets.entry(target).or_default(), field.id.0.into());
        }
    }
    targets
}

fn past_moves(
    read: &dyn Read,
    object: &Object,
    id: RecordId,
    record: Option<&Record>,
    targets: &Targets,
) -> Result<Vec<Entry>> {
    let Some(stage) = object.stage_field().filter(|_| !targets.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    for change in history::of(read, id, record, OWNER)? {
        let moved = change.fields.iter().find(|field| field.field == stage.id);
        let Some(moved) = moved.filter(|_| change.kind == ChangeKind::Update) else {
            continue;
        };
        let place = move_place(change.at, id, change.version);
        let deed = move_deed(&moved.old, &moved.new);
        for (target, fields) in targets {
            entries.push(entry(object, *target, place, change.actor, fields, &deed));
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

/// The history keeps no moments before 1970.
fn move_place(at: DateTime<Utc>, id: RecordId, version: Version) -> Place {
    let at_ms = at.timestamp_millis().max(0);
    Place { at_ms, id, version }
}

fn move_deed(from: &Value, to: &Value) -> Vec<u8> {
    let mut deed = Vec::with_capacity(2);
    put_choice(&mut deed, from.as_choice());
    put_choice(&mut deed, to.as_choice());
    deed
}

fn entry(
    object: &Object,
    target: RecordId,
    place: Place,
    actor: Option<UserId>,
    fields: &[u8],
    deed: &[u8],
) -> Entry {
    let mut value = Vec::with_capacity(8 + fields.len() + deed.len());
    put_uint(&mut value, object.id.0.into());
    put_user(&mut value, actor);
    put_uint(&mut value, fields.len() as u64);
    value.extend_from_slice(fields);
    value.extend_from_slice(deed);
    Entry {
        key: keys::timeline(target).bytes(&place.bytes()).done(),
        value,
    }
}

/// What is shown of an event: the columns of its lists, and what names it.
fn columns<'r>(object: &Object, record: &'r Record) -> Vec<(FieldId, &'r Value)> {
    let mut fields = object.columns.clone();
    fields.extend(object.title);
    fields.sort_unstable();
    fields.dedup();
    let values = fields.into_iter().map(|id| (id, record.fields.get(id)));
    values.filter(|(_, value)| !value.is_null()).collect()
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::DateTime(at) => Some(*at),
        Value::Date(day) => Some(day.and_time(NaiveTime::MIN).and_utc()),
        _ => None,
    }
}

fn choice(record: &Record, field: Option<FieldId>) -> Option<ChoiceId> {
    record.fields.get(field?).as_choice()
}

fn put_choice(out: &mut Vec<u8>, choice: Option<ChoiceId>) {
    put_uint(out, choice.map_or(0, |choice| u64::from(choice.0) + 1));
}

fn take_choice(input: &mut &[u8]) -> Result<Option<ChoiceId>> {
    let number = take_uint(input)?;
    match number.checked_sub(1) {
        None => Ok(None),
        Some(choice) => Ok(Some(ChoiceId(choice.try_into().map_err(|_| damaged())?))),
    }
}

fn put_user(out: &mut Vec<u8>, user: Option<UserId>) {
    put_uint(out, user.map_or(0, UserId::get));
}

fn take_user(input: &mut &[u8]) -> Result<Option<UserId>> {
    match take_uint(input)? {
        0 => Ok(None),
        user => Ok(Some(UserId(RecordId::new(user)?))),
    }
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "an entry of a timeline is damaged")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_come_back_and_run_from_the_newest(
            a in (-9_000_000_000_000i64..9_000_000_000_000, 1u64..1 << 53, 0u64..1 << 40),
            b in (-9_000_000_000_000i64..9_000_000_000_000, 1u64..1 << 53, 0u64..1 << 40),
        ) {
            let place = |(at_ms, id, version)| Place {
                at_ms,
                id: RecordId::new(id).unwrap(),
                version: Version(version),
            };
            prop_assert_eq!(Place::read(&place(a).bytes()).unwrap(), place(a));
            prop_assert_eq!(place(a).bytes().cmp(&place(b).bytes()), b.cmp(&a));
        }
    }
}
