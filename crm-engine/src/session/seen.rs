//! A record as one caller may see it, read field by field from its stored bytes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::Session;
use crate::engine::View;
use crate::error::Result;
use crate::facts;
use crate::ids::{FieldId, RecordId};
use crate::policy::{Action, Actor, Plan};
use crate::schema::system::{self, head_value, value_of};
use crate::schema::{Field, Object, keys};
use crate::store::Read;
use crate::value::{FieldsView, Head, Record, RecordView, Value};

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
    /// References to records that the reader may not see: they have no value for him.
    hidden_links: Vec<FieldId>,
}

impl Session {
    /// A record as the caller may see it; none when there is no such record or he may not see
    /// it (invariant *invisible is absent*).
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject);
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded) where his role lets him open no more
    /// records in this hour; what prevents reading.
    pub fn read(&self, object: &str, id: RecordId) -> Result<Option<SeenRecord>> {
        self.look_at(object, id, |view, object, plan, record| {
            Ok(SeenRecord {
                object: Arc::clone(object),
                plan: Arc::clone(plan),
                id,
                head: record.head().clone(),
                table: record.table().into(),
                hidden_links: hidden_links(view, self.actor, object, record.fields())?,
            })
        })
    }

    /// The record as a JSON object of the fields the caller may see; none when there is no such
    /// record or he may not see it (invariant *invisible is absent*).
    ///
    /// # Errors
    /// As [`Session::read`].
    pub fn get(&self, object: &str, id: RecordId) -> Result<Option<Json>> {
        self.look_at(object, id, |view, object, plan, record| {
            let (head, fields) = (record.head(), record.fields());
            json_of(object, plan, |field| {
                let value = stored_value(id, head, fields, field.id)?;
                match is_hidden_link(view, self.actor, field, &value)? {
                    true => Ok(Value::Null),
                    false => Ok(value),
                }
            })
        })
    }

    /// Gives a record that the caller may see to `take`.
    fn look_at<R>(
        &self,
        object: &str,
        id: RecordId,
        take: impl FnOnce(&View, &Arc<Object>, &Arc<Plan>, RecordView<'_>) -> Result<R>,
    ) -> Result<Option<R>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor, object, Action::View);
        let Some(bytes) = view.snapshot.get(&keys::record(object.id, id))? else {
            return Ok(None);
        };
        let record = RecordView::new(&bytes)?;
        match facts::permits(&view.snapshot, &plan, &record)? {
            true => {
                self.engine.opened(&view, self.actor, object.id, id)?;
                take(&view, object, &plan.on(&record), record).map(Some)
            }
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
        stored_value(self.id, &self.head, FieldsView::new(&self.table)?, field)
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
        json_of(&self.object, &self.plan, |field| self.value_of(field.id))
    }

    fn field(&self, name: &str) -> Result<&Field> {
        self.object
            .find(name)
            .filter(|field| self.plan.shows(field.id))
            .ok_or_else(|| self.object.unknown_field(name))
    }

    fn shows(&self, field: FieldId) -> bool {
        // A number of a deleted field means nothing any more (C36).
        self.object.by_id(field).is_some()
            && self.plan.shows(field)
            && (self.object.owned || !system::is_of_owned(field))
            && !self.hidden_links.contains(&field)
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
        .filter(|field| object.owned || !system::is_of_owned(field.id))
        .chain(&object.fields)
        .filter(|field| plan.shows(field.id))
}

/// A record as the fields and links that an actor may see.
pub(crate) fn record_json(
    view: &View,
    (actor, plan): (Actor, &Plan),
    object: &Object,
    id: RecordId,
    record: &Record,
) -> Result<Json> {
    json_of(object, plan, |field| {
        let value = value_of(id, record, field.id);
        Ok(view.shown(actor, field, &value)?.into_owned())
    })
}

/// A JSON object of the fields a plan shows; no others are asked for. Participants are told where
/// there are any.
fn json_of(object: &Object, plan: &Plan, value: impl Fn(&Field) -> Result<Value>) -> Result<Json> {
    let mut members = Map::new();
    for field in shown_fields(object, plan) {
        let value = value(field)?;
        if field.id != system::PARTICIPANTS || !value.is_null() {
            members.insert(field.name.clone(), field.json_of(value));
        }
    }
    Ok(Json::Object(members))
}

/// The value of any field as it is stored, declared or kept by the engine.
fn stored_value(
    id: RecordId,
    head: &Head,
    fields: FieldsView<'_>,
    field: FieldId,
) -> Result<Value> {
    match head_value(id, head, field) {
        Some(kept) => Ok(kept),
        None => fields.field(field),
    }
}

/// The references of a record to others that the actor may not see.
fn hidden_links(
    view: &View,
    actor: Actor,
    object: &Object,
    fields: FieldsView<'_>,
) -> Result<Vec<FieldId>> {
    let mut hidden = Vec::new();
    for field in object.fields.iter().filter(|field| field.target.is_some()) {
        if is_hidden_link(view, actor, field, &fields.field(field.id)?)? {
            hidden.push(field.id);
        }
    }
    Ok(hidden)
}

fn is_hidden_link(view: &View, actor: Actor, field: &Field, value: &Value) -> Result<bool> {
    Ok(matches!(view.shown(actor, field, value)?, Cow::Owned(_)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{Engine, Options};
    use crate::pack::Pack;

    const OBJECT: &str = r#"
        name = "item"
        owned = true
        field = [
            { name = "name", type = "text" },
            { name = "price", type = "money" },
            { name = "secret", type = "text" },
            { name = "next", type = "reference", target = "item" },
        ]
    "#;
    const ROLES: &str = r#"
        [[role]]
        name = "keeper"
        grant = [{ object = "item", actions = ["view", "edit"], scope = "own", hidden_fields = ["secret"] }]
    "#;

    fn world() -> (Engine, Session, Session) {
        let options = Options {
            standard_pack: false,
            ..Options::default()
        };
        let engine = Engine::in_memory(options).unwrap();
        let pack = Pack::from_files([
            ("pack.toml", "name = \"items\"\nversion = \"1.0.0\""),
            ("item/object.toml", OBJECT),
            ("roles.toml", ROLES),
        ]);
        engine.install(Actor::System, &pack.unwrap()).unwrap();
        let host = engine.system();
        let user = json!({"login": "anna", "name": "Anna", "roles": ["keeper"]});
        host.create("user", &user).unwrap();
        let anna = engine.login("anna").unwrap();
        (engine, host, anna)
    }

    /// What is read field by field is what `get` gives, for who sees all and who does not.
    #[test]
    fn reading_agrees_with_getting() {
        let (_engine, host, anna) = world();
        let owner = anna.user().unwrap();
        let own = |fields: Json| host.create("item", &fields).unwrap();
        let foreign = own(json!({"name": "Foreign"}));
        let first = own(json!({"name": "First", "owner": owner.get(), "next": foreign.get()}));
        let second = own(
            json!({"price": "1.20 EUR", "secret": "x", "owner": owner.get(), "next": first.get()}),
        );
        for session in [&host, &anna] {
            for id in [first, second, foreign, owner.0] {
                let got = session.get("item", id).unwrap();
                let read = session.read("item", id).unwrap();
                assert_eq!(read.map(|record| record.to_json().unwrap()), got);
            }
        }
        let record = anna.read("item", second).unwrap().unwrap();
        assert_eq!(record.value("price").unwrap().to_string(), "1.20 EUR");
        assert_eq!(record.value("next").unwrap(), Value::Reference(first));
        // A link to what may not be seen is none.
        let record = anna.read("item", first).unwrap().unwrap();
        assert_eq!(record.value("next").unwrap(), Value::Null);
        assert_eq!(record.text("name").unwrap(), Some("First"));
    }

    /// A hidden field answers as one that is not there, by name and by number; a hidden record
    /// as one that was never made.
    #[test]
    fn hidden_is_absent() {
        let (engine, host, anna) = world();
        let owner = anna.user().unwrap().get();
        let fields = json!({"name": "A", "secret": "x", "owner": owner});
        let id = host.create("item", &fields).unwrap();
        let record = anna.read("item", id).unwrap().unwrap();
        let error = |name: &str| {
            let error = record.value(name).unwrap_err();
            (error.code(), error.message().replace(name, "_"))
        };
        assert_eq!(error("secret"), error("sacred"));
        let schema = engine.schema().unwrap();
        let secret = schema.object("item").unwrap().field("secret").unwrap().id;
        assert_eq!(record.value_of(secret).unwrap(), Value::Null);
        assert_eq!(record.text_of(secret), None);
        assert!(record.fields().all(|field| field.name != "secret"));

        host.update("item", id, &json!({"owner": null}), None)
            .unwrap();
        assert!(anna.read("item", id).unwrap().is_none());
    }

    /// Rights that change count at the next call, though schema and facts are looked up only
    /// once for each commit.
    #[test]
    fn a_commit_renews_what_is_known_of_rights() {
        let (_engine, host, anna) = world();
        let owner = anna.user().unwrap();
        let id = host
            .create("item", &json!({"name": "A", "owner": owner.get()}))
            .unwrap();
        assert!(anna.read("item", id).unwrap().is_some());
        host.update("user", owner.0, &json!({"roles": []}), None)
            .unwrap();
        assert!(anna.read("item", id).unwrap().is_none());
        host.update("user", owner.0, &json!({"roles": ["keeper"]}), None)
            .unwrap();
        assert!(anna.read("item", id).unwrap().is_some());
    }

    /// What a deleted field held is not shown by its old number either.
    #[test]
    fn a_deleted_field_shows_nothing() {
        let (engine, host, _) = world();
        let id = host.create("item", &json!({"secret": "x"})).unwrap();
        let schema = engine.schema().unwrap();
        let secret = schema.object("item").unwrap().field("secret").unwrap().id;
        let text = |host: &Session| {
            let record = host.read("item", id).unwrap().unwrap();
            record.text_of(secret).map(str::to_owned)
        };
        assert_eq!(text(&host).as_deref(), Some("x"));
        host.delete_field("item", "secret").unwrap();
        assert_eq!(text(&host), None);
    }
}
