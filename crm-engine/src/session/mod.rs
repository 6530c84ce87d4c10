//! A session: an actor and everything he may call.

mod seen;

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::engine::{Engine, View, check_access};
use crate::error::{Code, Error, Result};
use crate::feed::{self, FeedPage};
use crate::history;
use crate::ids::{RecordId, Sequence, UserId, Version};
use crate::journal::{Cause, ChangeKind};
use crate::policy::{Action, Actor, Plan};
use crate::query::{self, Column, Params, Prepared, Rows};
use crate::schema::system;
use crate::schema::{Object, Schema, keys};
use crate::store::Read;
use crate::value::{RecordView, Value, take_uint};
use crate::write::Door;

pub use seen::SeenRecord;

/// What one user (or the host itself) may do with an open store. Cheap to clone, safe to use
/// from many threads. Rights are looked up at every call: a session never outlives them.
///
/// ```
/// use crm_engine::{Engine, Options};
/// use serde_json::json;
///
/// let engine = Engine::in_memory(Options::default())?;
/// let host = engine.system();
/// let anna = host.create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
/// let session = engine.login("anna")?;
/// let roof = session.create("deal", &json!({"title": "Roof", "stage": "prospecting"}))?;
/// let record = session.get("deal", roof)?.expect("her own deal");
/// assert_eq!(record["owner"], json!(anna.get()));
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Session {
    engine: Engine,
    actor: Actor,
}

impl Engine {
    /// A session of the user called `login`, for whom the host vouches.
    ///
    /// # Errors
    /// [`Code::LoginRefused`], equal for a login that does not exist and for closed access.
    pub fn login(&self, login: &str) -> Result<Session> {
        let view = self.view()?;
        let key = keys::unique(system::USER, system::user::LOGIN, &Value::from(login));
        let user = match view.snapshot.get(&key)? {
            Some(id) => Some(UserId(RecordId::new(take_uint(&mut id.as_ref())?)?)),
            None => None,
        };
        user.filter(|user| view.facts.organisation.is_active(*user))
            .map(|user| Session {
                engine: self.clone(),
                actor: Actor::User(user),
            })
            .ok_or_else(|| Error::new(Code::LoginRefused, "the login was refused"))
    }

    /// A session of the host itself, which may do everything.
    #[must_use]
    pub fn system(&self) -> Session {
        Session {
            engine: self.clone(),
            actor: Actor::System,
        }
    }
}

impl Session {
    /// The user of the session; none for the host itself.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        self.actor.user()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn actor(&self) -> Actor {
        self.actor
    }

    /// The newest view, for a user whose access is open.
    pub(crate) fn view(&self) -> Result<View> {
        let view = self.engine.view()?;
        check_access(&view.facts, self.actor)?;
        Ok(view)
    }

    /// Creates a record from a JSON object of field names and values. An owned record belongs
    /// to the caller unless `owner` is given.
    ///
    /// # Errors
    /// [`Code::UnknownObject`], [`Code::UnknownField`], [`Code::WrongType`],
    /// [`Code::InvalidValue`], [`Code::Denied`], [`Code::Required`], [`Code::BadReference`],
    /// [`Code::Duplicate`], [`Code::Refused`], [`Code::RuleFailed`]. Nothing is then changed.
    pub fn create(&self, object: &str, fields: &Json) -> Result<RecordId> {
        self.transact("create", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            door.create_json(&object, fields)
        })
    }

    /// Changes fields of a record; `null` empties a field. `expected` refuses the change when
    /// the record is no longer at that version. Returns the new version.
    ///
    /// # Errors
    /// As [`Session::create`], and [`Code::NotFound`], [`Code::Conflict`].
    pub fn update(
        &self,
        object: &str,
        id: RecordId,
        fields: &Json,
        expected: Option<Version>,
    ) -> Result<Version> {
        self.transact("update", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            door.update_json(&object, id, fields, expected)
        })
    }

    /// Deletes a record; what refers to it is treated as its field declares.
    ///
    /// # Errors
    /// [`Code::UnknownObject`], [`Code::NotFound`], [`Code::Denied`], [`Code::Conflict`],
    /// [`Code::StillReferenced`].
    pub fn delete(&self, object: &str, id: RecordId, expected: Option<Version>) -> Result<()> {
        self.transact("delete", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            door.delete(&object, id, expected)
        })
    }

    /// Runs several changes as one transaction: all of them or none. The body may be run again
    /// from the start, so it must not leave anything behind but its changes. `action` names the
    /// whole in the journal.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, Error, Options};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// let refused = host.transact("two companies", |door| {
    ///     let schema = door.schema().clone();
    ///     let company = schema.object("company")?;
    ///     door.create_json(company, &json!({"name": "Vega", "legal_form": "legal_entity"}))?;
    ///     door.create_json(company, &json!({}))
    /// });
    /// assert_eq!(refused.unwrap_err().code(), Code::Required);
    /// let mut rows = host.prepare("SELECT name FROM company")?.run()?;
    /// assert!(rows.next()?.is_none());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `body` returns; everything is then undone.
    pub fn transact<R>(
        &self,
        action: &str,
        body: impl FnMut(&mut Door<'_>) -> Result<R>,
    ) -> Result<R> {
        self.engine
            .transact(self.actor, &Cause::Person, action, body)
    }

    /// Prepares a SELECT to be run many times.
    ///
    /// # Errors
    /// [`Code::Syntax`], [`Code::UnknownObject`], [`Code::UnknownField`], [`Code::WrongType`],
    /// each with line and column.
    pub fn prepare(&self, sql: &str) -> Result<Statement> {
        let view = self.view()?;
        let prepared = query::prepare(&view.schema, &view.facts, self.actor, sql)?;
        Ok(Statement {
            session: self.clone(),
            sql: sql.to_owned(),
            prepared,
            params: Params::default(),
        })
    }

    /// Runs a SELECT once.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, Params};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity", "employees": 12}))?;
    /// let sql = "SELECT name FROM company WHERE employees > :least";
    /// let mut rows = host.query(sql, &Params::new().named("least", 10))?;
    /// assert_eq!(rows.next()?.unwrap()[0].as_text(), Some("Vega"));
    /// assert!(rows.next()?.is_none());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::prepare`] and [`Statement::run`].
    pub fn query(&self, sql: &str, params: &Params) -> Result<Rows> {
        let view = self.view()?;
        query::prepare(&view.schema, &view.facts, self.actor, sql)?.run(&view.snapshot, params)
    }

    /// Every change of a record, oldest first, as a JSON array; none when there is no such
    /// record or the caller may not see it. Deleted records keep their history.
    ///
    /// # Errors
    /// [`Code::UnknownObject`], and what prevents reading.
    pub fn history(&self, object: &str, id: RecordId) -> Result<Option<Json>> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor, object, Action::View);
        let now = match view.snapshot.get(&keys::record(object.id, id))? {
            Some(bytes) => Some(RecordView::new(&bytes)?.decode()?),
            None => None,
        };
        let changes = history::of(&view.snapshot, id, now.as_ref(), system::OWNER)?;
        let owner = match (&now, changes.last()) {
            (Some(record), _) => record.head.owner,
            (None, Some(last)) if last.kind == ChangeKind::Delete && last.object == object.id => {
                last.last_owner()
            }
            _ => return Ok(None),
        };
        match plan.permits(owner) {
            true => Ok(Some(
                changes
                    .iter()
                    .map(|c| change_json(object, &plan, c))
                    .collect(),
            )),
            false => Ok(None),
        }
    }

    /// The changes after a position of the journal, as the caller may see them. Positions count
    /// transactions of everybody, seen or not.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for a `limit` of 0, and what prevents reading.
    pub fn changes(&self, after: Sequence, limit: usize) -> Result<FeedPage> {
        let view = self.view()?;
        feed::read(
            &view.snapshot,
            &view.schema,
            &view.facts,
            self.actor,
            after,
            limit,
        )
    }

    /// The schema as the caller may see it.
    pub(crate) fn schema_json(&self) -> Result<Json> {
        let view = self.view()?;
        let objects: Vec<Json> = view
            .schema
            .objects()
            .filter_map(|object| {
                let plan = view.facts.plan(self.actor, object, Action::View);
                (!plan.is_nothing()).then(|| object_json(&view.schema, object, &plan))
            })
            .collect();
        Ok(json!({ "version": view.schema.version(), "objects": objects }))
    }

    /// An administrator, or the host itself: who may install packs and verify.
    pub(crate) fn require_administrator(&self) -> Result<()> {
        let view = self.view()?;
        let administrator = match self.actor {
            Actor::System => true,
            Actor::User(user) => view
                .facts
                .organisation
                .user(user)
                .is_some_and(|user| user.administrator),
        };
        match administrator {
            true => Ok(()),
            false => Err(Error::new(
                Code::Denied,
                "only an administrator may do this",
            )),
        }
    }
}

/// A prepared SELECT with its parameters. Follows the schema and the caller's rights: it is
/// prepared again by itself when either has changed.
///
/// ```
/// use crm_engine::{Engine, Options};
/// use serde_json::json;
///
/// let engine = Engine::in_memory(Options::default())?;
/// let host = engine.system();
/// host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity", "employees": 12}))?;
/// let mut statement = host.prepare("SELECT count(*) FROM company WHERE employees > :least")?;
/// for (least, count) in [(10, 1), (20, 0)] {
///     statement.bind_name("least", least)?;
///     let mut rows = statement.run()?;
///     let row = rows.next()?.expect("a count is one row");
///     assert_eq!(row[0].as_integer(), Some(count));
/// }
/// # Ok::<(), crm_engine::Error>(())
/// ```
pub struct Statement {
    session: Session,
    sql: String,
    prepared: Prepared,
    params: Params,
}

impl Statement {
    /// The columns of its rows.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        self.prepared.columns()
    }

    /// Which way the rows are found, in words.
    #[must_use]
    pub fn explain(&self) -> String {
        self.prepared.explain()
    }

    /// Binds the parameter at `index`, counted from 1.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] when there is no such parameter.
    pub fn bind(&mut self, index: usize, value: impl Into<Value>) -> Result<()> {
        self.params.bind(&self.prepared, index, value.into())
    }

    /// Binds the parameter `:name`.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] when there is no such parameter.
    pub fn bind_name(&mut self, name: &str, value: impl Into<Value>) -> Result<()> {
        self.params.bind_name(&self.prepared, name, value.into())
    }

    /// Runs the statement on the newest state.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for unbound parameters, [`Code::LimitExceeded`], and what
    /// prevents reading.
    pub fn run(&mut self) -> Result<Rows> {
        let view = self.session.view()?;
        if !self.prepared.is_for(&view.schema, &view.facts) {
            self.prepared =
                query::prepare(&view.schema, &view.facts, self.session.actor, &self.sql)?;
        }
        self.prepared.run(&view.snapshot, &self.params)
    }
}

fn change_json(object: &Object, plan: &Plan, change: &history::Change) -> Json {
    let fields: Map<String, Json> = change
        .fields
        .iter()
        .filter(|field| plan.shows(field.field))
        .filter_map(|field| object.by_id(field.field).map(|known| (known, field)))
        .map(|(known, field)| {
            let values =
                json!({"old": known.to_json(&field.old), "new": known.to_json(&field.new)});
            (known.name.clone(), values)
        })
        .collect();
    json!({
        "version": change.version.0,
        "sequence": change.sequence.0,
        "kind": change.kind.name(),
        "at": crate::value::to_json(&Value::DateTime(change.at)),
        "actor": change.actor.map(UserId::get),
        "cause": change.cause.to_text(),
        "fields": fields,
    })
}

fn object_json(schema: &Schema, object: &Object, plan: &Plan) -> Json {
    let fields: Vec<Json> = system::record_fields()
        .iter()
        .chain(&object.fields)
        .filter(|field| plan.shows(field.id) && object.find(&field.name).is_some())
        .map(|field| {
            json!({
                "name": field.name,
                "type": field.value_type.name(),
                "label": field.labels,
                "required": field.required,
                "computed": field.computed || field.is_system(),
                "target": field.target.and_then(|id| schema.by_id(id)).map(|target| &target.name),
                "choices": field.choices.iter().map(|choice| json!({
                    "name": choice.name,
                    "label": choice.labels,
                    "stage": choice.stage,
                })).collect::<Json>(),
            })
        })
        .collect();
    json!({
        "name": object.name,
        "label": object.labels,
        "owned": object.owned,
        "fields": fields,
        "lists": object.lists.iter().map(|list| &list.name).collect::<Vec<_>>(),
        "totals": object.totals.iter().map(|total| &total.name).collect::<Vec<_>>(),
    })
}
