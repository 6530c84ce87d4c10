//! The card of a record, its timeline, and who was last in touch.

use std::sync::Arc;

use serde::Deserialize;

use super::Session;
use crate::card::{self, Asker, Card, CardRequest, LastTouch};
use crate::engine::View;
use crate::error::Result;
use crate::history;
use crate::ids::RecordId;
use crate::schema::Object;
use crate::timeline::{self, Subject, TimelineFilter, TimelinePage};
use crate::value::Record;

/// Entries of a page of a timeline when the request does not say.
const PAGE_ENTRIES: usize = 20;

/// Which stretch of which timeline is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelineRequest {
    /// The object of the record.
    pub object: String,
    /// The record.
    pub id: RecordId,
    /// Which entries.
    #[serde(default)]
    pub filter: TimelineFilter,
    /// How many; 20 when left out, at most
    /// [`TIMELINE_PAGE_MAX`](crate::limits::TIMELINE_PAGE_MAX).
    #[serde(default)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

impl TimelineRequest {
    /// The newest entries of the timeline of a record.
    #[must_use]
    pub fn new(object: &str, id: RecordId) -> TimelineRequest {
        TimelineRequest {
            object: object.to_owned(),
            id,
            filter: TimelineFilter::default(),
            limit: None,
            after: None,
        }
    }
}

impl Session {
    /// The card of a record: its fields by section, owners, completeness, what refers to it and
    /// the newest of its timeline, each part as the caller may see it; none when there is no such
    /// record or he may not see it (invariant *invisible is absent*).
    ///
    /// ```
    /// use crm_engine::{CardRequest, Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "individual"}))?;
    /// host.create("task", &json!({"title": "Call back", "company": vega.get()}))?;
    /// let card = host.card(&CardRequest::new("company", vega))?.expect("it was just made");
    /// assert_eq!(card.title.as_deref(), Some("Vega"));
    /// assert_eq!(card.timeline.entries[0].title.as_deref(), Some("Call back"));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject);
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded) where his role lets him open no more
    /// records in this hour; what prevents reading.
    pub fn card(&self, request: &CardRequest) -> Result<Option<Card>> {
        let view = self.view()?;
        let object = view.schema.object(&request.object)?;
        let language = request.language.as_deref().unwrap_or("en");
        let cards = self.engine.cards();
        let ids = ids_of(&view, request.id)?;
        let card = card::card(&self.asker(&view), cards, object, &ids, language)?;
        if card.is_some() {
            self.engine
                .opened(&view, self.actor, object.id, request.id)?;
        }
        Ok(card)
    }

    /// A page of the timeline of a record, the newest entries first; none when there is no such
    /// record or the caller may not see it.
    ///
    /// ```
    /// use crm_engine::{Engine, EntryKind, Options, TimelineRequest};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "individual"}))?;
    /// host.update("company", vega, &json!({"location": "Omsk"}), None)?;
    /// let request = TimelineRequest { limit: Some(1), ..TimelineRequest::new("company", vega) };
    /// let page = host.timeline(&request)?.expect("it was just made");
    /// assert_eq!(page.entries[0].kind, EntryKind::Changed);
    /// assert_eq!(page.entries[0].fields["location"].new, "Omsk");
    /// let rest = TimelineRequest { after: page.next, ..request };
    /// assert_eq!(host.timeline(&rest)?.unwrap().entries[0].kind, EntryKind::Created);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for a `limit` out of range and an
    /// `after` that no page gave, [`Code::LimitExceeded`](crate::Code::LimitExceeded), and what
    /// prevents reading.
    pub fn timeline(&self, request: &TimelineRequest) -> Result<Option<TimelinePage>> {
        self.on_record(&request.object, request.id, |asker, subject| {
            let limit = request.limit.unwrap_or(PAGE_ENTRIES);
            let after = request.after.as_deref();
            timeline::page(asker.reader(), subject, &request.filter, limit, after).map(Some)
        })
    }

    /// Who was last in touch with a record, when, how and about what; none when nobody was, there
    /// is no such record or the caller may not see it.
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject), and what prevents reading.
    pub fn last_touch(&self, object: &str, id: RecordId) -> Result<Option<LastTouch>> {
        self.on_record(object, id, card::last_touch)
    }

    fn on_record<R>(
        &self,
        object: &str,
        id: RecordId,
        read: impl FnOnce(&Asker<'_>, Subject<'_>) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        let view = self.view()?;
        let object: &Arc<Object> = view.schema.object(object)?;
        let asker = self.asker(&view);
        let record: Option<Record> = asker.record(object, id)?;
        let Some(record) = &record else {
            return Ok(None);
        };
        let ids = &ids_of(&view, id)?;
        let subject = Subject {
            object,
            record,
            ids,
        };
        read(&asker, subject)
    }

    fn asker<'v>(&self, view: &'v View) -> Asker<'v> {
        Asker {
            snapshot: &view.snapshot,
            schema: &view.schema,
            facts: &view.facts,
            actor: self.actor,
            now: self.engine.now(),
        }
    }
}

/// A record with those it has taken in: their past is its own.
fn ids_of(view: &View, id: RecordId) -> Result<Vec<RecordId>> {
    let mut ids = vec![id];
    ids.extend(history::absorbed(&view.snapshot, id)?);
    Ok(ids)
}
