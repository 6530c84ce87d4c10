//! A record as one caller may see it, read field by field from its stored bytes.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Session;
use crate::error::Result;
use crate::ids::{FieldId, RecordId};
use crate::policy::{Action, Plan};
use crate::schema::system::{self, head_value};
use crate::schema::{Field, Object, keys};
use crate::store::Read;
use crate::value::{FieldsView, Head, RecordView, Value};

/// A record as its reader may see it: only the fields that are asked for are decoded. It keeps
/// what it showed when it was read.
///
/// ```
/// use crm_engine::{Engine, Options, Value};
/// use serde_json::json;
///
/// let engine = Engine::in_memory(Options::default())?;
/// let host = engine.system();
/// let north = host.create("department", &json!({"name": "North"}))?;
/// let record = host.read("department", north)?.expect("it was just created");
/// assert_eq!(record.text("name")?, Some("North"));
/// assert_eq!(record.value("version")?, Value::Integer(1));
/// assert!(record.value("colour").is_err());
///
/// // For many records the fields are looked up once.
/// let name = engine.schema()?.object("department")?.field("name")?.id;
/// assert_eq!(record.text_of(name), Some("North"));
/// # Ok::<(), crm_engine::Error>(())
/// ```
pub struct SeenRecord {
    object: Arc<Object>,
    plan: Arc<Plan>,
    id: RecordId,
    head: Head,
    /// The field table; the record was checked as a whole before it was cut out.
    table: Box<[u8]>,
}

impl Session {
    /// A record as the caller may see it; none when there is no such record or he may not see
    /// it (invariant *invisible is absent*).
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject), and what prevents reading.
    pub fn read(&self, object: &str, id: RecordId) -> Result<Option<SeenRecord>> {
        self.look_at(object, id, |object, plan, record| {
            Ok(SeenRecord {
                object: Arc::clone(object),
                plan: Arc::clone(plan),
                id,
                head: record.head(),
                table: record.table().into(),
            })
        })
    }

    /// The record as a JSON object of the fields the caller may see; none when there is no such
    /// record or he may not see it (invariant *invisible is absent*).
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject), and what prevents reading.
    pub fn get(&self, object: &str, id: RecordId) -> Result<Option<Json>> {
        self.look_at(object, id, |object, plan, record| {
            shown_json(object, plan, id, &record.head(), record.fields())
        })
    }

    /// Gives a record that the caller may see to `take`.
    fn look_at<R>(
        &self,
        object: &str,
        id: RecordId,
        take: impl FnOnce(&Arc<Object>, &Arc<Plan>, RecordView<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor, object, Action::View);
        let Some(bytes) = view.snapshot.get(&keys::record(object.id, id))? else {
            return Ok(None);
        };
        let record = RecordView::new(&bytes)?;
        match plan.permits(record.owner()) {
            true => take(object, &plan, record).map(Some),
            false => Ok(None),
        }
    }
}

impl SeenRecord {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The fields there are to see, with and without a value, those kept by the engine first.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        shown_fields(&self.object, &self.plan)
    }

    /// The value of a field by its name; [`Value::Null`] where it has none.
    ///
    /// # Errors
    /// [`Code::UnknownField`](crate::Code::UnknownField) for a field that is not there or not to
    /// be seen; [`Code::Damaged`](crate::Code::Damaged).
    pub fn value(&self, name: &str) -> Result<Value> {
        self.value_of(self.field(name)?.id)
    }

    /// The text of a text, digits, e-mail, phone or link by its name; none for other types and
    /// where there is no value.
    ///
    /// # Errors
    /// [`Code::UnknownField`](crate::Code::UnknownField) for a field that is not there or not to
    /// be seen.
    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        Ok(self.text_of(self.field(name)?.id))
    }

    /// The value of a field by its number; [`Value::Null`] where it has none or is not to be seen.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged).
    pub fn value_of(&self, field: FieldId) -> Result<Value> {
        if !self.shows(field) {
            return Ok(Value::Null);
        }
        match head_value(self.id, &self.head, field) {
            Some(kept) => Ok(kept),
            None => FieldsView::new(&self.table)?.field(field),
        }
    }

    /// The text of a field by its number, borrowed; none where [`text`](SeenRecord::text) gives
    /// none, and for a field that is not to be seen.
    #[must_use]
    pub fn text_of(&self, field: FieldId) -> Option<&str> {
        match self.shows(field) {
            true => FieldsView::new(&self.table).ok()?.text(field),
            false => None,
        }
    }

    /// The record as [`Session::get`] gives it.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged).
    pub fn to_json(&self) -> Result<Json> {
        let fields = FieldsView::new(&self.table)?;
        shown_json(&self.object, &self.plan, self.id, &self.head, fields)
    }

    fn field(&self, name: &str) -> Result<&Field> {
        self.object
            .find(name)
            .filter(|field| self.plan.shows(field.id))
            .ok_or_else(|| self.object.unknown_field(name))
    }

    fn shows(&self, field: FieldId) -> bool {
        self.plan.shows(field) && (self.object.owned || field != system::OWNER)
    }
}

impl fmt::Debug for SeenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeenRecord")
            .field("object", &self.object.name)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The fields of an object that a plan shows, those kept by the engine first.
fn shown_fields<'o>(object: &'o Object, plan: &'o Plan) -> impl Iterator<Item = &'o Field> {
    system::record_fields()
        .iter()
        .filter(|field| object.owned || field.id != system::OWNER)
        .chain(&object.fields)
        .filter(|field| plan.shows(field.id))
}

/// A record as a JSON object of the fields a plan shows; no others are decoded.
fn shown_json(
    object: &Object,
    plan: &Plan,
    id: RecordId,
    head: &Head,
    fields: FieldsView<'_>,
) -> Result<Json> {
    let mut members = Map::new();
    for field in shown_fields(object, plan) {
        let value = match head_value(id, head, field.id) {
            Some(kept) => kept,
            None => fields.field(field.id)?,
        };
        members.insert(field.name.clone(), field.json_of(value));
    }
    Ok(Json::Object(members))
}
