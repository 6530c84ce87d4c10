//! A record as conditions see it.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::ids::{FieldId, RecordId, UserId};
use crate::policy::Held;
use crate::schema::system::head_value;
use crate::value::{Record, RecordView, Value};

/// Gives the values of one record, declared fields and those the engine keeps.
pub(crate) trait Row {
    /// The value of a field; [`Value::Null`] where there is none.
    ///
    /// # Errors
    /// What prevents reading the record.
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>>;

    /// A value of a group of records, for rows that are groups.
    ///
    /// # Errors
    /// Where the row is a record.
    fn part(&self, _: usize) -> Result<Cow<'_, Value>> {
        Err(Error::internal("a record has no values of a group"))
    }
}

/// A record as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredRow<'a> {
    id: RecordId,
    view: RecordView<'a>,
}

impl<'a> StoredRow<'a> {
    /// The record of that id in its bytes.
    pub(crate) fn new(id: RecordId, bytes: &'a [u8]) -> Result<StoredRow<'a>> {
        Ok(StoredRow {
            id,
            view: RecordView::new(bytes)?,
        })
    }
}

impl Held for StoredRow<'_> {
    fn owner(&self) -> Option<UserId> {
        self.view.owner()
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.view.is_shared_with(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        Held::value(&self.view, field)
    }
}

impl Row for StoredRow<'_> {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        match head_value(self.id, self.view.head(), field) {
            Some(value) => Ok(Cow::Owned(value)),
            None => self.view.field(field).map(Cow::Owned),
        }
    }
}

/// A record in memory, with its id.
impl Row for (RecordId, &Record) {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        Ok(crate::schema::system::value_of(self.0, self.1, field))
    }
}
