//! The card: everything about one record in one answer, each part of it cut to the caller.
//!
//! A card holds the record's fields by section, its owners, how complete it is, the records that
//! refer to it in the parts its object declares, and the newest of its timeline. The parts are
//! queries, prepared once for an actor and kept until rights or schema change ([`Cards`]). Parts,
//! sections and fields the caller may not see are left out, as if they were not declared
//! (invariant *invisible is absent*).

mod own;
mod parts;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::completeness::{Filled, completeness};
use crate::error::Result;
use crate::facts::{self, Facts};
use crate::ids::{RecordId, UserId, Version};
use crate::policy::{Action, Actor};
use crate::schema::system::{OWNER, VERSION};
use crate::schema::{Cells, Object, Schema, keys};
use crate::store::{Read, Snapshot};
use crate::timeline::{
    self, EntryKind, Reader, Subject, TimelineEntry, TimelineFilter, TimelinePage,
};
use crate::value::{Record, RecordView, ValueType};

pub(crate) use parts::Cards;

/// Entries of the timeline that a card shows.
const TIMELINE_ENTRIES: usize = 20;

/// Which card is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardRequest {
    /// The object of the record.
    pub object: String,
    /// The record.
    pub id: RecordId,
    /// The language of labels; `en` when left out.
    #[serde(default)]
    pub language: Option<String>,
}

impl CardRequest {
    /// The card of a record, with English labels.
    #[must_use]
    pub fn new(object: &str, id: RecordId) -> CardRequest {
        CardRequest {
            object: object.to_owned(),
            id,
            language: None,
        }
    }
}

/// A record with everything around it, as the caller may see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// The object of the record.
    pub object: String,
    /// The record.
    pub id: RecordId,
    /// What names it to people.
    pub title: Option<String>,
    /// Its version: what an update may expect.
    pub version: Option<Version>,
    /// Its fields, by section. Sections without fields are left out.
    pub sections: Vec<CardSection>,
    /// Whom it belongs to.
    pub owner: Option<Person>,
    /// Whom it belonged to from when to when, the first one first.
    pub owners: Vec<Ownership>,
    /// How complete it is, by each list of fields its object declares.
    pub completeness: Vec<Filled>,
    /// The records that refer to it.
    pub parts: Vec<CardRows>,
    /// The newest entries of its timeline.
    pub timeline: TimelinePage,
    /// Who was last in touch.
    pub last_touch: Option<LastTouch>,
}

/// The fields of one section.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardSection {
    /// Its API name.
    pub name: String,
    /// Its label in the language asked for.
    pub label: String,
    /// Its fields, in the order shown to people.
    pub fields: Vec<CardField>,
}

/// A field of a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardField {
    /// Its API name.
    pub name: String,
    /// Its label in the language asked for.
    pub label: String,
    /// Its type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Its value, choices by their names.
    pub value: Json,
    /// The label of a choice, or what names the record a reference points to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A user by number and, where the caller may see it, name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Person {
    /// The user.
    pub id: UserId,
    /// What names him to people.
    pub name: Option<String>,
}

/// A time in which a record belonged to one user, or to nobody.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ownership {
    /// Whom it belonged to.
    pub owner: Option<Person>,
    /// From when.
    #[serde(serialize_with = "crate::value::moment")]
    pub from: DateTime<Utc>,
    /// Until when; none while it lasts.
    #[serde(serialize_with = "crate::value::moment_or_null")]
    pub to: Option<DateTime<Utc>>,
}

/// The records of one part of a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardRows {
    /// The name of the part.
    pub name: String,
    /// Its label in the language asked for.
    pub label: String,
    /// The object of the records shown.
    pub object: String,
    /// The records.
    pub rows: Vec<CardRow>,
    /// Whether there are more.
    pub more: bool,
}

/// A record in a part of a card.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardRow {
    /// The record.
    pub id: RecordId,
    /// Its columns.
    pub cells: Cells,
    /// The record that links it to the card, where another does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<CardLink>,
}

/// What links a record to the card, with what the link says: a role, a share.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardLink {
    /// The linking record.
    pub id: RecordId,
    /// Its columns.
    pub cells: Cells,
}

/// Who was last in touch, when, how and about what (C122).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastTouch {
    /// Who: the author of the event, or else whom it belongs to.
    pub who: Option<Person>,
    /// The event.
    #[serde(flatten)]
    pub event: TimelineEntry,
}

/// Who asks for a card, and in which state of the store.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) schema: &'a Arc<Schema>,
    pub(crate) facts: &'a Arc<Facts>,
    pub(crate) actor: Actor,
    pub(crate) now: DateTime<Utc>,
}

impl<'a> Asker<'a> {
    /// The record, if there is one and the caller may see it.
    pub(crate) fn record(&self, object: &Object, id: RecordId) -> Result<Option<Record>> {
        let Some(bytes) = self.snapshot.get(&keys::record(object.id, id))? else {
            return Ok(None);
        };
        let view = RecordView::new(&bytes)?;
        let plan = self.facts.plan(self.actor, object, Action::View);
        match facts::permits(self.snapshot, &plan, &view)? {
            true => view.decode().map(Some),
            false => Ok(None),
        }
    }

    pub(crate) fn reader(&self) -> Reader<'a> {
        Reader {
            read: self.snapshot,
            schema: self.schema,
            facts: self.facts,
            actor: self.actor,
        }
    }
}

/// The card of a record; none when there is no such record or the caller may not see it. `ids` are
/// its own id and those of the records it has taken in, whose timelines are read with its own.
///
/// # Errors
/// What prevents reading.
pub(crate) fn card(
    asker: &Asker<'_>,
    cards: &Cards,
    object: &Arc<Object>,
    ids: &[RecordId],
    language: &str,
) -> Result<Option<Card>> {
    let Some(id) = ids.first().copied() else {
        return Ok(None);
    };
    let Some(mut record) = asker.record(object, id)? else {
        return Ok(None);
    };
    let plan = asker
        .facts
        .plan(asker.actor, object, Action::View)
        .on(&record);
    let prepared = cards.prepared(asker, object);
    let mut parts = Vec::with_capacity(prepared.len());
    for part in prepared.iter() {
        parts.push(part.rows(asker, id, language)?);
    }
    let subject = Subject {
        object,
        record: &record,
        ids,
    };
    let filter = TimelineFilter::default();
    let timeline = timeline::page(asker.reader(), subject, &filter, TIMELINE_ENTRIES, None)?;
    let last_touch = match asker.newest_touch(&timeline) {
        Some(event) => Some(asker.touch(event.clone())?),
        None if timeline.next.is_none() => None,
        None => last_touch(asker, subject)?,
    };
    own::hide_links(asker, object, &mut record)?;
    let shows_owner = object.owned && plan.shows(OWNER);
    Ok(Some(Card {
        object: object.name.clone(),
        id,
        title: own::title(object, &plan, |title| Ok(record.fields.get(title).clone()))?,
        version: plan.shows(VERSION).then_some(record.head.version),
        sections: own::sections(asker, object, &plan, &record, language)?,
        owner: match record.head.owner {
            Some(owner) if shows_owner => Some(own::person(asker, owner)?),
            _ => None,
        },
        owners: match shows_owner {
            true => own::owners(asker, id, &record)?,
            false => Vec::new(),
        },
        completeness: completeness(object, &plan, &record),
        parts,
        timeline,
        last_touch,
    }))
}

/// Who was last in touch with a record that the caller may see.
///
/// # Errors
/// What prevents reading.
pub(crate) fn last_touch(asker: &Asker<'_>, subject: Subject<'_>) -> Result<Option<LastTouch>> {
    match timeline::last_touch(asker.reader(), subject, asker.now)? {
        Some(event) => asker.touch(event).map(Some),
        None => Ok(None),
    }
}

impl Asker<'_> {
    /// The newest touch among the newest entries.
    fn newest_touch<'p>(&self, page: &'p TimelinePage) -> Option<&'p TimelineEntry> {
        page.entries.iter().find(|entry| {
            let object = self.schema.object(&entry.object).ok();
            let event = object.and_then(|object| object.event.as_ref());
            let is_touch = event.is_some_and(|event| event.touch);
            is_touch && entry.kind == EntryKind::Event && entry.at <= self.now
        })
    }

    fn touch(&self, event: TimelineEntry) -> Result<LastTouch> {
        Ok(LastTouch {
            who: match event.actor.or(event.owner) {
                Some(user) => Some(own::person(self, user)?),
                None => None,
            },
            event,
        })
    }
}
