//! The sources of a timeline and their merge, entry by entry.

use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::cursor::Position;
use super::filter::{Lens, Wanted, text_of};
use super::{ChangedField, EntryKind, Subject, TimelineEntry};
use crate::error::{Code, Error, Result};
use crate::history::{Backwards, Change};
use crate::ids::{FieldId, RecordId, Version};
use crate::index::{Deed, Place, TimelineRow};
use crate::journal::ChangeKind;
use crate::schema::system::{CREATED_AT, CREATED_BY, UPDATED_AT, UPDATED_BY};
use crate::schema::{Cells, keys};
use crate::store::{KeyRange, Scan, ScanOptions};
use crate::value::{FieldsView, Record, Value};

/// An entry with its place.
type Placed = (Place, TimelineEntry);

/// The sources of a timeline with the next entry of each.
pub(super) struct Merge<'w> {
    sources: Vec<(Source<'w>, Option<Placed>)>,
    /// The lowest place shown so far.
    lowest: Option<Place>,
}

enum Source<'w> {
    Changes(Changes<'w>),
    Others(Others<'w>),
}

impl<'w> Merge<'w> {
    /// Opens the timeline of a record behind `position`.
    pub(super) fn open(
        wanted: &'w Wanted<'w>,
        subject: Subject<'_>,
        position: Option<Position>,
    ) -> Result<Merge<'w>> {
        let mut sources = Vec::with_capacity(2 * subject.ids.len());
        for (n, id) in subject.ids.iter().enumerate() {
            let now = (n == 0).then_some(subject.record);
            let changes = Changes::open(wanted, subject, *id, now, position.as_ref())?;
            sources.extend(changes.map(|changes| (Source::Changes(changes), None)));
        }
        for id in subject.ids {
            let others = Others::open(wanted, *id, position.as_ref())?;
            sources.push((Source::Others(others), None));
        }
        for (source, head) in &mut sources {
            *head = source.next()?;
        }
        Ok(Merge {
            sources,
            lowest: position.map(|position| position.below),
        })
    }

    /// The next entry. What stands at one place in several sources is one thing: a record that
    /// refers to two of the records read, or to itself.
    pub(super) fn next(&mut self) -> Result<Option<TimelineEntry>> {
        let heads = self.sources.iter().enumerate();
        let heads = heads.filter_map(|(n, (_, head))| Some((head.as_ref()?.0, n)));
        // Of several at one place the first: a change of the record tells more than a move.
        let newest = heads.max_by_key(|(place, n)| (*place, std::cmp::Reverse(*n)));
        let Some((place, _)) = newest else {
            return Ok(None);
        };
        let mut next = None;
        for (source, head) in &mut self.sources {
            if head.as_ref().is_some_and(|(other, _)| *other == place) {
                let taken = std::mem::replace(head, source.next()?);
                next = next.or(taken.map(|(_, entry)| entry));
            }
        }
        self.lowest = Some(self.lowest.map_or(place, |lowest| lowest.min(place)));
        Ok(next)
    }

    /// Where the entries that follow begin; none when there are none.
    pub(super) fn position(&self) -> Option<Position> {
        let below = self.lowest?;
        self.sources.iter().find(|(_, head)| head.is_some())?;
        let versions = self
            .sources
            .iter()
            .filter_map(|(source, head)| match source {
                Source::Changes(changes) => {
                    let following = head.as_ref().map_or(0, |(place, _)| place.version.0 + 1);
                    Some((changes.id, Version(following)))
                }
                Source::Others(_) => None,
            });
        Some(Position {
            below,
            versions: versions.collect(),
        })
    }
}

impl Source<'_> {
    fn next(&mut self) -> Result<Option<Placed>> {
        match self {
            Source::Changes(changes) => changes.next(),
            Source::Others(others) => others.next(),
        }
    }
}

/// The changes of the record itself.
struct Changes<'w> {
    wanted: &'w Wanted<'w>,
    lens: Rc<Lens>,
    id: RecordId,
    history: Backwards<'w>,
    title: Option<String>,
    /// Changes begin below this version.
    below: Option<Version>,
    /// Where the version is not known, they begin below this place.
    below_place: Option<Place>,
    is_gone: bool,
}

impl<'w> Changes<'w> {
    /// None where no changes are asked for.
    fn open(
        wanted: &'w Wanted<'w>,
        subject: Subject<'_>,
        id: RecordId,
        now: Option<&Record>,
        position: Option<&Position>,
    ) -> Result<Option<Changes<'w>>> {
        let kinds = [
            EntryKind::Created,
            EntryKind::Changed,
            EntryKind::Stage,
            EntryKind::Deleted,
        ];
        let asked = kinds
            .iter()
            .any(|kind| wanted.asks_for(*kind, subject.object));
        if wanted.touch || wanted.filter.channel.is_some() || !asked {
            return Ok(None);
        }
        let Some(lens) = wanted.lens(subject.object.id) else {
            return Ok(None);
        };
        let lens = lens.on(subject.record);
        let known = position.map(|position| &position.versions);
        let below = known.and_then(|known| known.iter().find(|(of, _)| *of == id));
        let title = match lens.title() {
            Some(field) => {
                let value = subject.record.fields.get(field.id).clone();
                text_of(field, &wanted.shown(field, value)?)
            }
            None => None,
        };
        Ok(Some(Changes {
            history: Backwards::open(wanted.reader.read, id, now)?,
            title,
            below: below.map(|(_, version)| *version),
            below_place: position.map(|position| position.below),
            is_gone: now.is_none(),
            wanted,
            lens,
            id,
        }))
    }

    fn next(&mut self) -> Result<Option<Placed>> {
        if self.below == Some(Version(0)) {
            return Ok(None);
        }
        while let Some(change) = self.history.next()? {
            self.wanted.touch_one()?;
            let place = Place {
                at_ms: change.at.timestamp_millis(),
                id: self.id,
                version: change.version,
            };
            let follows = match (self.below, self.below_place) {
                (Some(version), _) => change.version < version,
                (None, Some(below)) => place < below,
                (None, None) => true,
            };
            if follows && let Some(entry) = self.entry(change)? {
                return Ok(Some((place, entry)));
            }
        }
        Ok(None)
    }

    /// The change as the reader may see it and asks for it. One of nothing but hidden fields and
    /// links is none.
    fn entry(&self, change: Change) -> Result<Option<TimelineEntry>> {
        let (lens, wanted) = (&self.lens, self.wanted);
        let (moment, author) = match change.kind {
            ChangeKind::Create => (CREATED_AT, CREATED_BY),
            ChangeKind::Update | ChangeKind::Delete | ChangeKind::Restore => {
                (UPDATED_AT, UPDATED_BY)
            }
        };
        let actor = change.actor.filter(|_| lens.plan.shows(author));
        if !lens.plan.shows(moment) || !wanted.is_in_time(change.at) || !wanted.is_by([actor, None])
        {
            return Ok(None);
        }
        let mut kind = match change.kind {
            ChangeKind::Create => EntryKind::Created,
            ChangeKind::Update => EntryKind::Changed,
            // A record that was taken in by another is gone for good.
            ChangeKind::Delete if self.is_gone => return Ok(None),
            ChangeKind::Delete => EntryKind::Deleted,
            ChangeKind::Restore => EntryKind::Restored,
        };
        let mut asked = wanted.asks_for(kind, &lens.object);
        let (mut fields, mut said) = (BTreeMap::new(), Vec::from_iter(self.title.clone()));
        if change.kind == ChangeKind::Update {
            let stage = lens.object.stage_field().map(|field| field.id);
            for changed in change.fields {
                let known = lens.object.by_id(changed.field);
                let Some(field) = known.filter(|field| lens.plan.shows(field.id)) else {
                    continue;
                };
                let old = wanted.shown(field, changed.old)?;
                let new = wanted.shown(field, changed.new)?;
                if old == new {
                    continue;
                }
                if stage == Some(field.id) {
                    kind = EntryKind::Stage;
                    asked |= wanted.asks_for(kind, &lens.object);
                }
                said.extend([field.to_text(&old), field.to_text(&new)]);
                let (old, new) = (field.to_json(&old), field.to_json(&new));
                fields.insert(field.name.clone(), ChangedField { old, new });
            }
            if fields.is_empty() {
                return Ok(None);
            }
        }
        if !asked || !wanted.is_said_in(said.into_iter()) {
            return Ok(None);
        }
        Ok(Some(TimelineEntry {
            at: change.at,
            kind,
            object: lens.object.name.clone(),
            id: self.id,
            version: Some(change.version),
            title: self.title.clone(),
            event: None,
            channel: None,
            actor,
            owner: None,
            cause: Some(change.cause.to_text()),
            fields,
            columns: Cells::new(&lens.object, Vec::new()),
        }))
    }
}

/// The events and moves of other records.
struct Others<'w> {
    wanted: &'w Wanted<'w>,
    rows: Scan<'w>,
    prefix_bytes: usize,
}

impl<'w> Others<'w> {
    fn open(
        wanted: &'w Wanted<'w>,
        target: RecordId,
        position: Option<&Position>,
    ) -> Result<Others<'w>> {
        let prefix = keys::timeline(target).done();
        let key = |tail: &[u8]| [&prefix, tail].concat();
        // Where the places before a moment begin: the older ones. Places hold whole milliseconds.
        let before = |at: DateTime<Utc>| {
            let is_whole = at.timestamp_subsec_nanos().is_multiple_of(1_000_000);
            let last_ms = at.timestamp_millis() - i64::from(is_whole);
            key(&keys::timeline_moment(last_ms))
        };
        let mut range = KeyRange::prefix(&prefix);
        if let Some(to) = wanted.filter.to {
            range = range.starting_at(&before(to));
        }
        if let Some(from) = wanted.filter.from {
            range = range.ending_before(&before(from));
        }
        if let Some(position) = position {
            range = range.after(&key(&position.below.bytes()));
        }
        Ok(Others {
            rows: wanted.reader.read.scan(range, ScanOptions::FORWARD)?,
            prefix_bytes: prefix.len(),
            wanted,
        })
    }

    fn next(&mut self) -> Result<Option<Placed>> {
        let wanted = self.wanted;
        while let Some((key, value)) = self.rows.next()? {
            wanted.touch_one()?;
            let row = TimelineRow::new(&key[self.prefix_bytes..], value)?;
            let Some(lens) = wanted.lens(row.object) else {
                continue;
            };
            if lens.admits(wanted, &row)?
                && let Some(entry) = entry(wanted, &lens, &row)?
            {
                return Ok(Some((row.place, entry)));
            }
        }
        Ok(None)
    }
}

fn entry(wanted: &Wanted<'_>, lens: &Lens, row: &TimelineRow<'_>) -> Result<Option<TimelineEntry>> {
    let at = DateTime::from_timestamp_millis(row.place.at_ms)
        .ok_or_else(|| Error::new(Code::Damaged, "an entry of a timeline has no moment"))?;
    let object = &lens.object;
    let mut entry = TimelineEntry {
        at,
        kind: EntryKind::Event,
        object: object.name.clone(),
        id: row.place.id,
        version: None,
        title: None,
        event: None,
        channel: None,
        actor: lens.actor(row),
        owner: None,
        cause: None,
        fields: BTreeMap::new(),
        columns: Cells::new(object, Vec::new()),
    };
    match &row.deed {
        Deed::Event {
            standing,
            kind,
            channel,
            columns,
            ..
        } => {
            let event = object.event.as_ref();
            entry.owner = lens.owner(standing.owner);
            entry.event = lens.choice(event.and_then(|event| event.kind), *kind);
            entry.channel = lens.choice(event.and_then(|event| event.channel), *channel);
            let cells = cells(wanted, lens, columns)?;
            if let Some(title) = lens.title() {
                let named = cells.iter().find(|(field, _)| *field == title.id);
                entry.title = named.and_then(|(_, value)| text_of(title, value));
            }
            entry.columns = Cells::new(object, cells);
        }
        Deed::Move { from, to } => {
            let Some(seen) = wanted.seen(lens, row.place.id)? else {
                return Ok(None);
            };
            if !wanted.is_by([entry.actor, seen.owner]) {
                return Ok(None);
            }
            entry.kind = EntryKind::Stage;
            entry.version = Some(row.place.version);
            entry.owner = seen.owner;
            entry.title = seen.title.clone();
            if let Some(field) = object.stage_field() {
                let value = |choice: Option<_>| choice.map_or(Value::Null, Value::Choice);
                let moved = ChangedField {
                    old: field.to_json(&value(*from)),
                    new: field.to_json(&value(*to)),
                };
                entry.fields.insert(field.name.clone(), moved);
            }
        }
    }
    Ok(wanted.is_said_in(said(lens, &entry)).then_some(entry))
}

/// The shown columns of an event.
fn cells(
    wanted: &Wanted<'_>,
    lens: &Lens,
    columns: &FieldsView<'_>,
) -> Result<Vec<(FieldId, Value)>> {
    let mut cells = Vec::with_capacity(columns.len());
    for column in columns.iter() {
        let (id, value) = column?;
        let field = lens.object.by_id(id).filter(|_| lens.plan.shows(id));
        if let Some(field) = field {
            cells.push((id, wanted.shown(field, value.value()?)?));
        }
    }
    Ok(cells)
}

/// The texts of an entry that can be searched.
fn said<'e>(lens: &'e Lens, entry: &'e TimelineEntry) -> impl Iterator<Item = String> + 'e {
    let columns = entry.columns.iter();
    let columns = columns.filter_map(|(name, value)| Some(lens.object.find(name)?.to_text(value)));
    let moved = entry
        .fields
        .values()
        .flat_map(|moved| [&moved.old, &moved.new]);
    let moved = moved.filter_map(|value| value.as_str().map(str::to_owned));
    columns.chain(moved).chain(entry.title.clone())
}
