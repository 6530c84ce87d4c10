//! What was: the changes of a record, and the record as it stood at any moment.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::{Session, record_json};
use crate::engine::View;
use crate::error::{Code, Error, Result};
use crate::facts;
use crate::history::{self, Change, Moment};
use crate::ids::{FieldId, RecordId, UserId, Version};
use crate::journal::Cause;
use crate::policy::{Action, Actor, Plan};
use crate::schema::{Object, keys, system};
use crate::store::Read;
use crate::value::{RecordView, Value};

impl Session {
    /// Every change of a record, oldest first, as a JSON array; none when there is no such
    /// record or the caller may not see it. Deleted records keep their history.
    ///
    /// The changes of records that were merged into it follow, each with the id of its record
    /// under `absorbed`: they are part of its past, for everybody who may see it now.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity"}))?;
    /// host.update("company", vega, &json!({"name": "Vega Ltd"}), None)?;
    /// let history = host.history("company", vega)?.expect("the host sees it");
    /// assert_eq!(history[1]["fields"]["name"], json!({"old": "Vega", "new": "Vega Ltd"}));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`], and what prevents reading.
    pub fn history(&self, object: &str, id: RecordId) -> Result<Option<Json>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        self.read_history(&view, object, id, None)
    }

    /// The changes of one field of a record, as [`Session::history`] tells them.
    ///
    /// # Errors
    /// As [`Session::history`], and [`Code::UnknownField`], equal for fields that do not exist
    /// and fields that may not be seen.
    pub fn history_of_field(
        &self,
        object: &str,
        id: RecordId,
        field: &str,
    ) -> Result<Option<Json>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor(), object, Action::View);
        let known = object.find(field);
        let known = known.filter(|field| plan.shows_somewhere(field.id));
        let known = known.ok_or_else(|| object.unknown_field(field))?;
        self.read_history(&view, object, id, Some(known.id))
    }

    /// The record as it was right after a version was written: what the caller may see of it
    /// now. None when he may not see the record now, or it did not exist then.
    ///
    /// # Errors
    /// [`Code::UnknownObject`], and [`Code::InvalidArguments`] for a version that a record he
    /// may see never had.
    pub fn at_version(&self, object: &str, id: RecordId, version: Version) -> Result<Option<Json>> {
        self.read_past(object, id, Moment::Version(version))
    }

    /// The record as it was at a moment; like [`Session::at_version`].
    ///
    /// ```
    /// use crm_engine::{Engine, ManualClock, Options};
    /// use serde_json::json;
    /// use std::sync::Arc;
    ///
    /// let clock = Arc::new(ManualClock::new("2026-03-01T09:00:00Z".parse().unwrap()));
    /// let options = Options { clock: clock.clone(), ..Options::default() };
    /// let host = Engine::in_memory(options)?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity"}))?;
    /// clock.set("2026-03-05T09:00:00Z".parse().unwrap());
    /// host.update("company", vega, &json!({"name": "Vega Ltd"}), None)?;
    /// let then = host.as_of("company", vega, "2026-03-04T00:00:00Z".parse().unwrap())?;
    /// assert_eq!(then.expect("it existed")["name"], "Vega");
    /// assert!(host.as_of("company", vega, "2026-02-01T00:00:00Z".parse().unwrap())?.is_none());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`], and what prevents reading.
    pub fn as_of(&self, object: &str, id: RecordId, at: DateTime<Utc>) -> Result<Option<Json>> {
        self.read_past(object, id, Moment::At(at))
    }

    fn read_past(&self, object: &str, id: RecordId, moment: Moment) -> Result<Option<Json>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let Some((changes, plan)) = self.visible_changes(&view, object, id)? else {
            return Ok(None);
        };
        let last = changes.last().map_or(Version(0), |change| change.version);
        if let Moment::Version(version) = moment
            && (version.0 == 0 || version > last)
        {
            let text = format!("`version` takes a number from 1 to {}", last.0);
            return Err(Error::new(Code::InvalidArguments, text));
        }
        let record = history::record_at(&changes, moment);
        record
            .map(|record| record_json(&view, (self.actor(), &plan), object, id, &record))
            .transpose()
    }

    fn read_history(
        &self,
        view: &View,
        object: &Object,
        id: RecordId,
        only: Option<FieldId>,
    ) -> Result<Option<Json>> {
        let Some((changes, plan)) = self.visible_changes(view, object, id)? else {
            return Ok(None);
        };
        if let Some(field) = only.filter(|field| !plan.shows(*field)) {
            let name = object.by_id(field).map_or("", |field| &field.name);
            return Err(object.unknown_field(name));
        }
        let wanted = |change: &&Change| {
            only.is_none_or(|only| change.fields.iter().any(|field| field.field == only))
        };
        let told = |change: &Change| change_json(view, (self.actor(), &plan), object, change, only);
        let mut entries: Vec<Json> = changes
            .iter()
            .filter(wanted)
            .map(told)
            .collect::<Result<_>>()?;
        for from in history::absorbed(&view.snapshot, id)? {
            let changes = history::of(&view.snapshot, from, None, system::OWNER)?;
            for change in changes.iter().filter(wanted) {
                let mut entry = told(change)?;
                entry["absorbed"] = from.get().into();
                entries.push(entry);
            }
        }
        Ok(Some(Json::Array(entries)))
    }

    /// The changes of a record that the caller may see now, or could see before its deletion, with
    /// the plan as it holds for it.
    fn visible_changes(
        &self,
        view: &View,
        object: &Object,
        id: RecordId,
    ) -> Result<Option<(Vec<Change>, Arc<Plan>)>> {
        let plan = view.facts.plan(self.actor(), object, Action::View);
        let now = match view.snapshot.get(&keys::record(object.id, id))? {
            Some(bytes) => Some(RecordView::new(&bytes)?.decode()?),
            None => None,
        };
        let changes = history::of(&view.snapshot, id, now.as_ref(), system::OWNER)?;
        let newest = changes.last().filter(|last| last.object == object.id);
        let then = now.or_else(|| newest.and_then(Change::deleted));
        match then {
            Some(record) if facts::permits(&view.snapshot, &plan, &record)? => {
                Ok(Some((changes, plan.on(&record))))
            }
            _ => Ok(None),
        }
    }
}

fn change_json(
    view: &View,
    (actor, plan): (Actor, &Plan),
    object: &Object,
    change: &Change,
    only: Option<FieldId>,
) -> Result<Json> {
    let mut fields = Map::new();
    for changed in &change.fields {
        let wanted = only.is_none_or(|only| changed.field == only);
        let known = object.by_id(changed.field).filter(|_| wanted);
        if let Some(field) = known.filter(|field| plan.shows(field.id)) {
            let old = view.shown(actor, field, &changed.old)?;
            let new = view.shown(actor, field, &changed.new)?;
            let values = json!({"old": field.to_json(&old), "new": field.to_json(&new)});
            fields.insert(field.name.clone(), values);
        }
    }
    Ok(json!({
        "version": change.version.0,
        "sequence": change.sequence.0,
        "kind": change.kind.name(),
        "at": crate::value::to_json(&Value::DateTime(change.at)),
        "actor": change.actor.map(UserId::get),
        "cause": cause_text(view, actor, &change.cause)?,
        "fields": fields,
    }))
}

/// The cause in words; what a record was merged into is named to who sees it.
fn cause_text(view: &View, actor: Actor, cause: &Cause) -> Result<String> {
    let Cause::Merge(into) = *cause else {
        return Ok(cause.to_text());
    };
    let newest = history::newest(&view.snapshot, into)?;
    let Some(object) = newest.as_ref().and_then(|c| view.schema.by_id(c.object)) else {
        return Ok(cause.to_text());
    };
    let then = match view.snapshot.get(&keys::record(object.id, into))? {
        Some(bytes) => Some(RecordView::new(&bytes)?.decode()?),
        None => newest.as_ref().and_then(Change::deleted),
    };
    let plan = view.facts.plan(actor, object, Action::View);
    Ok(match then {
        Some(record) if facts::permits(&view.snapshot, &plan, &record)? => cause.to_text(),
        _ => "merge".to_owned(),
    })
}
