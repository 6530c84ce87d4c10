//! A session: an actor and everything he may call.

mod bulk;
mod card;
mod duplicates;
mod fields;
mod history;
mod intake;
mod periodicity;
mod search;
mod seen;
mod shape;
mod share;
mod undo;

use std::sync::Arc;

use serde_json::Value as Json;

use crate::engine::{Engine, View, check_access};
use crate::error::{Code, Error, Result};
use crate::feed::{self, FeedPage};
use crate::ids::{RecordId, Sequence, UserId, Version};
use crate::journal::Cause;
use crate::policy::Actor;
use crate::query::{self, Column, Params, Prepared, Rows};
use crate::schema::{keys, system};
use crate::store::Read;
use crate::value::{Value, take_uint};
use crate::write::Door;

pub use card::TimelineRequest;
pub use duplicates::{Created, OnDuplicate};
pub use seen::SeenRecord;
pub(crate) use seen::record_json;

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

    /// An administrator, or the host itself: who may install packs and verify.
    pub(crate) fn require_administrator(&self) -> Result<()> {
        let view = self.view()?;
        let administrator = match self.actor {
            Actor::System => true,
            Actor::User(user) => view
                .facts
                .organisation
                .user(user)
                .is_some_and(|user| user.is_admin()),
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
