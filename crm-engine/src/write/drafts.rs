//! Drafts: records that came in without a person who could fill in what they must hold. Such a
//! record is marked, and the first save by a person must complete it.

use std::sync::Arc;

use super::{Door, Input, Manner, check};
use crate::error::Result;
use crate::ids::RecordId;
use crate::policy::Action;
use crate::schema::Object;
use crate::value::{Record, Value};

impl Door<'_> {
    /// Runs `body` so that records of objects that have drafts may lack required fields.
    pub(crate) fn drafting<R>(&mut self, body: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let outer = std::mem::replace(&mut self.drafts, true);
        let result = body(self);
        self.drafts = outer;
        result
    }

    /// Marks a record whose fields change as a draft, or as one no more.
    pub(super) fn mark_draft(&self, object: &Object, old: Option<&Record>, new: &mut Record) {
        let Some(mark) = object.draft else { return };
        let same = old.is_some_and(|old| old.fields == new.fields);
        // What is taken back is as it was, a draft or none.
        if same || self.manner == Manner::TakingBack {
            return;
        }
        let plan = self.plan(object, Action::View);
        let lacks = || !check::missing(object, &plan, new).0.is_empty();
        let value = match self.drafts && lacks() {
            true => Value::Checkbox(true),
            false => Value::Null,
        };
        new.fields.set(mark, value);
    }

    /// Whether what a record lacks is no reason to refuse it just now.
    pub(super) fn is_draft(&self, object: &Object, record: &Record) -> bool {
        let marked = |field| *record.fields.get(field) == Value::Checkbox(true);
        self.drafts && object.draft.is_some_and(marked)
    }

    /// The fields that a record must hold and does not, of those the actor may see.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn lacks(&self, object: &Object, id: RecordId) -> Result<Vec<String>> {
        let plan = self.facts().plan(self.actor(), object, Action::View);
        let Some(record) = self.load(object, id)? else {
            return Ok(Vec::new());
        };
        let (missing, _) = check::missing(object, &plan, &record);
        let shown = missing.iter().filter(|field| plan.shows(field.id));
        Ok(shown.map(|field| field.name.clone()).collect())
    }

    /// Whether the actor may give a new record these values: what a machine asks before it
    /// creates the record for him.
    ///
    /// # Errors
    /// As [`Door::create`], but for the right to create and what the record lacks.
    pub(crate) fn may_give(&self, object: &Arc<Object>, input: &Input) -> Result<()> {
        self.may_set(object, input)?;
        let record = self.new_record(object, input.clone())?;
        self.check_references(object, None, None, &record)?;
        self.check_guarded(object, None, Some(&record))?;
        self.check_owner(object, None, &record)
    }
}
