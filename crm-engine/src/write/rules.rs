//! How rules take part in a write. Scripts and plugins implement [`RuleBook`]; the door knows
//! neither of them.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::ids::{FieldId, RecordId};
use crate::schema::Object;
use crate::schema::system::value_of;
use crate::value::{Record, Value};

use super::{Circumstances, Door};

/// The rules of a store.
pub(crate) trait RuleBook: Send + Sync {
    /// Runs before a record is written or deleted: may fill fields of the draft, may refuse.
    ///
    /// # Errors
    /// [`Code::Refused`](crate::Code::Refused) to refuse the change,
    /// [`Code::RuleFailed`](crate::Code::RuleFailed) when a rule itself fails. Either undoes
    /// the whole transaction.
    fn before(&self, draft: &mut Draft<'_>) -> Result<()>;

    /// Runs after a record was written or deleted, within the transaction: may make further
    /// changes through the door.
    ///
    /// # Errors
    /// As [`RuleBook::before`].
    fn after(&self, door: &mut Door<'_>, event: &Event<'_>) -> Result<()>;
}

/// Several rule books as one. They run in their order: each sees what those before it have filled
/// in, and the first error ends the change. Without books there are no rules.
#[derive(Default)]
pub(crate) struct Rules(Vec<Arc<dyn RuleBook>>);

impl Rules {
    /// The rules of `books`, in their order.
    pub(crate) fn new(books: Vec<Arc<dyn RuleBook>>) -> Rules {
        Rules(books)
    }
}

impl RuleBook for Rules {
    fn before(&self, draft: &mut Draft<'_>) -> Result<()> {
        self.0.iter().try_for_each(|book| book.before(draft))
    }

    fn after(&self, door: &mut Door<'_>, event: &Event<'_>) -> Result<()> {
        self.0.iter().try_for_each(|book| book.after(door, event))
    }
}

/// A record on its way into the store.
pub(crate) struct Draft<'a> {
    object: &'a Arc<Object>,
    now: DateTime<Utc>,
    id: RecordId,
    old: Option<&'a Record>,
    new: &'a mut Record,
    deletion: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        around: &'a Circumstances<'_>,
        object: &'a Arc<Object>,
        id: RecordId,
        old: Option<&'a Record>,
        new: &'a mut Record,
    ) -> Draft<'a> {
        Draft {
            object,
            now: around.now,
            id,
            old,
            new,
            deletion: false,
        }
    }

    pub(super) fn deletion(
        around: &'a Circumstances<'_>,
        object: &'a Arc<Object>,
        id: RecordId,
        old: &'a Record,
        gone: &'a mut Record,
    ) -> Draft<'a> {
        Draft {
            deletion: true,
            ..Draft::new(around, object, id, Some(old), gone)
        }
    }

    /// The object of the record.
    #[must_use]
    pub(crate) fn object(&self) -> &Arc<Object> {
        self.object
    }

    /// The moment of the transaction.
    #[must_use]
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Whether the record does not exist yet.
    #[must_use]
    pub(crate) fn is_creation(&self) -> bool {
        self.old.is_none()
    }

    /// Whether the record is about to be deleted.
    #[must_use]
    pub(crate) fn is_deletion(&self) -> bool {
        self.deletion
    }

    /// The value a field will have. Rules see every field, whatever the caller may see.
    #[must_use]
    pub(crate) fn value(&self, field: FieldId) -> Value {
        value_of(self.id, self.new, field).into_owned()
    }

    /// The value a field had; no value for a new record.
    #[must_use]
    pub(crate) fn old_value(&self, field: FieldId) -> Value {
        self.old.map_or(Value::Null, |old| {
            value_of(self.id, old, field).into_owned()
        })
    }

    /// Whether the field changes.
    #[must_use]
    pub(crate) fn changes(&self, field: FieldId) -> bool {
        self.value(field) != self.old_value(field)
    }

    /// Sets a declared field, computed ones included.
    ///
    /// # Errors
    /// [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::WrongType`](crate::Code::WrongType),
    /// [`Code::InvalidValue`](crate::Code::InvalidValue),
    /// [`Code::ReadOnly`](crate::Code::ReadOnly) for fields the engine keeps.
    pub(crate) fn set(&mut self, name: &str, value: Value) -> Result<()> {
        let field = self.object.field(name)?;
        if field.is_system() || self.object.keeps(field.id) {
            return Err(crate::Error::new(
                crate::Code::ReadOnly,
                format!("`{name}` is kept by the engine"),
            )
            .field(name));
        }
        let value = field.fit(value)?;
        self.new.fields.set(field.id, value);
        Ok(())
    }
}

/// A change that was made.
pub(crate) struct Event<'a> {
    /// The object of the record.
    pub object: &'a Arc<Object>,
    /// The record.
    pub id: RecordId,
    /// The record before; none for a creation.
    pub old: Option<&'a Record>,
    /// The record after; none for a deletion.
    pub new: Option<&'a Record>,
}

impl Event<'_> {
    /// Whether the field was changed.
    #[must_use]
    pub(crate) fn changed(&self, field: FieldId) -> bool {
        let of = |record: Option<&Record>| {
            record.map_or(Value::Null, |record| {
                value_of(self.id, record, field).into_owned()
            })
        };
        of(self.old) != of(self.new)
    }
}
