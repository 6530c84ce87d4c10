//! What is compared.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::ids::{FieldId, RecordId};
use crate::policy::Action;
use crate::schema::{Object, keys};
use crate::value::{Record, RecordView, Value};

use super::Finder;

/// The values by which a record is compared with others.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Subject {
    /// The record itself, which is no duplicate of its own; none if it is not stored.
    pub(super) id: Option<RecordId>,
    values: BTreeMap<FieldId, Vec<Value>>,
}

impl Subject {
    /// A record that is not stored.
    pub(crate) fn new<'v>(values: impl IntoIterator<Item = (FieldId, &'v Value)>) -> Subject {
        let mut subject = Subject::default();
        for (field, value) in values {
            subject.add(field, value.clone());
        }
        subject
    }

    /// One more value of a field.
    pub(crate) fn add(&mut self, field: FieldId, value: Value) {
        let values = self.values.entry(field).or_default();
        if !value.is_null() && !values.contains(&value) {
            values.push(value);
        }
    }

    /// Gives a field one value in place of those it had.
    pub(crate) fn replace(&mut self, field: FieldId, value: Value) {
        self.values.insert(field, vec![value]);
    }

    pub(super) fn values(&self, field: FieldId) -> &[Value] {
        self.values.get(&field).map_or(&[], Vec::as_slice)
    }
}

impl Finder<'_> {
    /// A record with its details, as far as the finder's eyes see their fields.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn subject(
        &self,
        object: &Object,
        id: RecordId,
        record: &Record,
    ) -> Result<Subject> {
        let plan = self.plan(object, Action::View);
        let mut subject = Subject {
            id: Some(id),
            ..Subject::default()
        };
        for comparison in object.duplicates.iter().flat_map(|rule| &rule.all) {
            let field = comparison.field;
            if subject.values.contains_key(&field) || !plan.shows(field) {
                continue;
            }
            subject.values.insert(field, Vec::new());
            for value in self.values_of(object, id, record, field)? {
                subject.add(field, value);
            }
        }
        Ok(subject)
    }

    /// A stored record with its details, whether or not the finder's eyes see it.
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound), and what prevents reading.
    pub(crate) fn stored(&self, object: &Object, id: RecordId) -> Result<Subject> {
        let record = self.load(object, id)?.ok_or_else(Error::not_found)?;
        self.subject(object, id, &record)
    }

    pub(super) fn load(&self, object: &Object, id: RecordId) -> Result<Option<Record>> {
        match self.read.get(&keys::record(object.id, id))? {
            Some(bytes) => RecordView::new(&bytes)?.decode().map(Some),
            None => Ok(None),
        }
    }
}
