//! The interests of a client.

use std::sync::Arc;

use super::InterestState;
use crate::error::{Error, Result};
use crate::ids::{FieldId, RecordId};
use crate::limits::{INTERESTS_READ_MAX, INTERESTS_TOLD_MAX};
use crate::policy::Action;
use crate::schema::{Field, Interest, Object, StageKind, keys};
use crate::store::{KeyRange, ScanOptions};
use crate::value::{Record, take_uint};
use crate::write::Door;

/// The interests declared for an accepted object.
pub(super) struct Interests {
    pub(super) object: Arc<Object>,
    pub(super) declared: Interest,
    /// The field that holds the stage.
    pub(super) stage: Field,
}

impl Interests {
    pub(super) fn of(door: &Door<'_>, accepted: &Object, declared: &Interest) -> Result<Interests> {
        let target = accepted.by_id(declared.link).and_then(|link| link.target);
        let object = target.and_then(|target| door.schema().by_id(target));
        let object = object.ok_or_else(|| Error::internal("an interest without object"))?;
        let stage = object.stage_field();
        let stage = stage.ok_or_else(|| Error::internal("an interest without stages"))?;
        Ok(Interests {
            object: Arc::clone(object),
            declared: declared.clone(),
            stage: stage.clone(),
        })
    }

    /// The newest open interest of a client. With the door entrusted, of all there are; else of
    /// those that may be seen.
    pub(super) fn newest_open(
        &self,
        door: &Door<'_>,
        client: RecordId,
    ) -> Result<Option<RecordId>> {
        let mut newest = None;
        self.each(door, client, &mut |id, record| {
            newest = self.is_open(record).then_some(id);
            newest.is_none()
        })?;
        Ok(newest)
    }

    /// What is told of the interests of a client that may be seen.
    pub(super) fn states(&self, door: &Door<'_>, client: RecordId) -> Result<Vec<InterestState>> {
        let plan = door.plan(&self.object, Action::View);
        let title = self.object.title.filter(|title| plan.shows(*title));
        let title = title.and_then(|title| self.object.by_id(title));
        let mut states = Vec::new();
        let mut take = |id: RecordId, record: &Record| {
            let choice = record.fields.get(self.stage.id).as_choice();
            let choice = choice.filter(|_| plan.shows(self.stage.id));
            let stage = choice.and_then(|choice| self.stage.choice_by_id(choice));
            states.push(InterestState {
                id,
                title: title.map(|field| field.to_text(record.fields.get(field.id))),
                stage: stage.map(|stage| stage.name.clone()),
                is_open: stage.is_some_and(|stage| stage.stage == Some(StageKind::Open)),
            });
            states.len() < INTERESTS_TOLD_MAX
        };
        self.each(door, client, &mut take)?;
        Ok(states)
    }

    /// Whom a stored interest concerns is told by this field.
    pub(super) fn of_client(&self) -> FieldId {
        self.declared.of
    }

    fn is_open(&self, record: &Record) -> bool {
        let choice = record.fields.get(self.stage.id).as_choice();
        let choice = choice.and_then(|choice| self.stage.choice_by_id(choice));
        choice.is_some_and(|choice| choice.stage == Some(StageKind::Open))
    }

    /// Goes through the interests of a client that the rights in force show, the newest first,
    /// until `take` has enough.
    fn each(
        &self,
        door: &Door<'_>,
        client: RecordId,
        take: &mut dyn FnMut(RecordId, &Record) -> bool,
    ) -> Result<()> {
        let plan = door.plan(&self.object, Action::View);
        if !plan.shows(self.declared.of) {
            return Ok(());
        }
        let prefix = keys::referrers(client)
            .object(self.object.id)
            .uint(self.declared.of.0.into())
            .done();
        let options = ScanOptions::REVERSE;
        let mut rows = door.reader().scan(KeyRange::prefix(&prefix), options)?;
        let mut read = 0;
        while let Some((key, _)) = rows.next()? {
            let id = RecordId::new(take_uint(&mut &key[prefix.len()..])?)?;
            let Some(record) = door.whole(&self.object, id)? else {
                continue;
            };
            if !door.may(&self.object, Action::View, &record)? {
                continue;
            }
            read += 1;
            if !take(id, &record) || read == INTERESTS_READ_MAX {
                break;
            }
        }
        Ok(())
    }
}
