//! Kept fields in the write transaction: a record's own, and those of the records it counts in.
//!
//! A change of what a rollup counts changes the record that holds it in the same transaction: as
//! a change like any other, by the same author and for the same cause, with its own version,
//! history row and journal entry. It runs no rules and asks for no required fields: whoever wrote
//! the counted record has not touched this one, and a thousand counted records must not fire its
//! rules a thousand times.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Door, replaced};
use crate::error::{Error, Result};
use crate::ids::{ObjectId, RecordId, Version};
use crate::kept::Rolled;
use crate::schema::{Field, Object, Schema, keys};
use crate::store::{Read, ScanOptions};
use crate::value::{Record, take_uint};

impl Door<'_> {
    /// Fills what a record keeps of its own fields.
    pub(super) fn keep(
        &self,
        object: &Object,
        id: RecordId,
        old: Option<&Record>,
        new: &mut Record,
    ) -> Result<()> {
        let around = &self.around;
        around.kept.fill(self.txn, object, id, old, new, around.now)
    }

    /// Brings up to date the rollups that a changed record counts in, before and after. Chains
    /// end: no kept field follows from itself.
    pub(super) fn count_in(
        &mut self,
        object: &Object,
        old: Option<&Record>,
        new: Option<&Record>,
    ) -> Result<()> {
        let kept = Arc::clone(&self.around.kept);
        let mut parents: BTreeMap<(ObjectId, RecordId), Vec<&Rolled>> = BTreeMap::new();
        for rolled in kept.rolled(object.id) {
            if rolled.is_same(old, new) {
                continue;
            }
            let before = old.and_then(|record| rolled.parent_of(record));
            let after = new.and_then(|record| rolled.parent_of(record));
            for parent in before
                .into_iter()
                .chain(after.filter(|id| Some(*id) != before))
            {
                let rollups = parents.entry((rolled.parent, parent)).or_default();
                rollups.push(rolled);
            }
        }
        for ((of, id), rollups) in parents {
            let parent = self.schema().by_id(of).map(Arc::clone);
            let parent = parent.ok_or_else(|| Error::internal("a rollup without object"))?;
            // A record that is being deleted counts nothing any more.
            let Some(record) = self.load(&parent, id)? else {
                continue;
            };
            let mut counted = record.clone();
            for rolled in rollups {
                let stored = record.fields.get(rolled.field);
                let value = rolled.adjusted(self.txn, id, stored, old, new)?;
                counted.fields.set(rolled.field, value);
            }
            self.write_kept(&parent, id, &record, counted)?;
        }
        Ok(())
    }

    /// Writes a record of which only kept fields have changed, if they have.
    fn write_kept(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        old: &Record,
        mut new: Record,
    ) -> Result<()> {
        if new.fields == old.fields {
            return Ok(());
        }
        self.keep(object, id, Some(old), &mut new)?;
        if new.fields == old.fields {
            return Ok(());
        }
        new.head.version = Version(old.head.version.0 + 1);
        new.head.updated_at = self.now();
        new.head.updated_by = self.actor().user();
        let replaced = replaced(old, &new);
        self.store(object, id, Some(old), &new, &replaced)?;
        self.count_in(object, Some(old), Some(&new))
    }

    /// Fills the kept fields of every record whose object keeps them in another way than it did
    /// under the schema `before`: what a new formula says of records that exist.
    ///
    /// # Errors
    /// [`Code::TooLarge`](crate::Code::TooLarge) when there are more records than one transaction
    /// can take.
    pub(crate) fn renew_kept(&mut self, before: &Schema) -> Result<()> {
        let schema = Arc::clone(self.schema());
        for object in schema.objects() {
            let former = before.by_id(object.id);
            let keeps_as_before = |field: &Field| {
                let known = former.and_then(|former| former.by_id(field.id));
                known.is_some_and(|known| {
                    known.formula == field.formula
                        && known.rollup == field.rollup
                        && known.converted == field.converted
                })
            };
            let mut kept = object.fields.iter().filter(|field| field.is_kept());
            if former.is_some() && !kept.all(keeps_as_before) {
                self.renew_object(object)?;
            }
        }
        Ok(())
    }

    fn renew_object(&mut self, object: &Arc<Object>) -> Result<()> {
        let kept = Arc::clone(&self.around.kept);
        for id in self.ids(object)? {
            let Some(old) = self.load(object, id)? else {
                continue;
            };
            let mut new = old.clone();
            for rolled in kept.rollups(object.id) {
                let value = rolled.recompute(self.txn, id)?;
                new.fields.set(rolled.field, value);
            }
            self.keep(object, id, Some(&old), &mut new)?;
            self.write_kept(object, id, &old, new)?;
        }
        Ok(())
    }

    fn ids(&self, object: &Object) -> Result<Vec<RecordId>> {
        let range = keys::records(object.id);
        let prefix = range.start().len();
        let mut ids = Vec::new();
        let mut rows = self.txn.scan(range, ScanOptions::default())?;
        while let Some((key, _)) = rows.next()? {
            ids.push(RecordId::new(take_uint(&mut &key[prefix..])?)?);
        }
        Ok(ids)
    }
}
