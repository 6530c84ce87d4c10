//! The same change of many records, and tags.

use std::sync::Arc;

use super::Session;
use crate::bulk::{self, BulkReport, BulkUpdate};
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::journal::Cause;
use crate::limits::BULK_RECORDS_MAX;
use crate::progress::Progress;
use crate::query::{self, Params};
use crate::write::Door;

impl Session {
    /// Changes every record of a selection in the same way (C17, C87). The caller needs the right
    /// to bulk changes of the object, and for each record that and the right to edit it; what may
    /// not be changed is left, counted and named. `progress` hears the records looked at and may
    /// end the work between two transactions.
    ///
    /// ```
    /// use crm_engine::{BulkUpdate, Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// for name in ["Anna", "Ada", "Ivo"] {
    ///     host.create("contact", &json!({ "name": name }))?;
    /// }
    /// let job: BulkUpdate = serde_json::from_value(json!({
    ///     "object": "contact", "where": "name LIKE 'A%'", "set": {"decision_maker": true},
    /// })).unwrap();
    /// let report = host.bulk_update(&job, &mut |_| true)?;
    /// assert_eq!((report.matched, report.changed), (2, 2));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`], [`Code::InvalidArguments`], what a condition or value has against it:
    /// nothing is then changed. [`Code::Cancelled`] and what the store has against a transaction:
    /// the details `matched` and `changed` tell what was done before.
    pub fn bulk_update(
        &self,
        job: &BulkUpdate,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<BulkReport> {
        self.transact("bulk.update", |door| bulk::check(door, job))?;
        let ids = self.selection(job)?;
        let run = |body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>| {
            self.run(&Cause::Bulk, "bulk.update", body)
        };
        bulk::run(&run, job, &ids, progress)
    }

    /// The records of a bulk change, ascending and each once.
    fn selection(&self, job: &BulkUpdate) -> Result<Vec<RecordId>> {
        let mut ids = match (&job.ids, &job.condition) {
            (Some(ids), _) => ids.clone(),
            (None, Some(condition)) => self.ids_where(&job.object, condition)?,
            (None, None) => {
                let text = "arguments: `where` or `ids` tells which records to change";
                return Err(Error::new(Code::InvalidArguments, text));
            }
        };
        ids.sort_unstable();
        ids.dedup();
        match ids.len() > BULK_RECORDS_MAX {
            true => Err(too_many()),
            false => Ok(ids),
        }
    }

    fn ids_where(&self, object: &str, condition: &str) -> Result<Vec<RecordId>> {
        // A comment at the end of a condition ends with its line.
        let sql = format!("SELECT id FROM {object} WHERE ({condition}\n)");
        // What is changed is not taken out.
        let view = self.view()?;
        let prepared = query::prepare(&view.schema, &view.facts, self.actor, &sql)?;
        let params = Params::new();
        let params = self.dated(&prepared, &view, &params)?;
        let mut rows = prepared.run(&view.snapshot, &params)?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.first().and_then(|id| id.as_integer()).unwrap_or(0);
            ids.push(RecordId::new(u64::try_from(id).unwrap_or(0))?);
            if ids.len() > BULK_RECORDS_MAX {
                return Err(too_many());
            }
        }
        Ok(ids)
    }

    /// Adds tags to a record and takes tags off it: it then carries each added one exactly once
    /// (C19). Returns the tags it has then.
    ///
    /// # Errors
    /// As [`Session::update`], and [`Code::WrongType`] for a field that holds no tags.
    pub fn tag(
        &self,
        object: &str,
        id: RecordId,
        field: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Vec<String>> {
        self.transact("tag", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            bulk::tag(door, &object, id, field, add, remove)
        })
    }
}

fn too_many() -> Error {
    let text = format!("more than {BULK_RECORDS_MAX} records are selected");
    Error::new(Code::LimitExceeded, text)
}
