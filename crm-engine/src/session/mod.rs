//! A session: an actor and everything he may call.

mod backup;
mod bulk;
mod card;
mod credentials;
mod duplicates;
mod export;
mod fields;
mod history;
mod intake;
mod journal;
mod lists;
mod login;
mod periodicity;
mod presence;
mod refusals;
mod report;
mod review;
mod search;
mod seen;
mod shape;
mod share;
mod undo;
mod watch;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::engine::{By, Engine, View, check_access};
use crate::error::{Code, Error, Result};
use crate::feed::{self, FeedPage};
use crate::ids::{RecordId, Sequence, UserId, Version};
use crate::journal::Cause;
use crate::policy::Actor;
use crate::query::{self, Column, Params, Prepared, Rows, Watch};
use crate::value::Value;
use crate::watch::Deed;
use crate::write::Door;

use presence::Presence;

pub use card::TimelineRequest;
pub use credentials::TotpSecret;
pub use duplicates::{Created, OnDuplicate};
pub use journal::{JournalChange, JournalCut, JournalEntry, JournalPage, JournalRequest};
pub use presence::OpenSession;
pub use seen::SeenRecord;
pub(crate) use seen::record_json;
pub use watch::{OpenedPage, OpenedRecord, OpenedRequest, WatchPage, WatchRequest, WatchedHour};

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
    /// The place among the open sessions; the host itself takes none.
    presence: Option<Arc<Presence>>,
}

impl Engine {
    /// A session of the host itself, which may do everything.
    #[must_use]
    pub fn system(&self) -> Session {
        Session {
            engine: self.clone(),
            actor: Actor::System,
            presence: None,
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

    /// On whose behalf, and in which session.
    pub(crate) fn by(&self) -> By {
        let number = |presence: &Arc<Presence>| presence.seat().number();
        By {
            actor: self.actor,
            session: self.presence.as_ref().map_or(Sequence(0), number),
        }
    }

    /// The newest view, for a user whose access is open.
    pub(crate) fn view(&self) -> Result<View> {
        self.noting("read", None, None, || {
            let view = self.engine.view()?;
            self.admit(&view)?;
            Ok(view)
        })
    }

    /// Refuses a user whose access is closed or whose session was ended. Whether that may change
    /// by the mere passing of time.
    fn admit(&self, view: &View) -> Result<bool> {
        if let Some(presence) = &self.presence {
            presence.check_open()?;
        }
        check_access(&view.facts, self.actor, || self.engine.now())
    }

    /// Rows that end with the access of the caller.
    fn watched(&self, rows: Rows, view: &View) -> Result<Rows> {
        if self.presence.is_none() {
            return Ok(rows);
        }
        let session = self.clone();
        let timed = self.admit(view)?;
        let check = move || session.view().and_then(|view| session.admit(&view));
        Ok(rows.watched(Watch::new(self.engine.commits(), timed, Box::new(check))))
    }

    /// One transaction of the session, under a cause.
    pub(crate) fn run<R>(
        &self,
        cause: &Cause,
        action: &str,
        body: impl FnMut(&mut Door<'_>) -> Result<R>,
    ) -> Result<R> {
        self.noting(action, None, None, || {
            if let Some(presence) = &self.presence {
                presence.check_open()?;
            }
            self.engine.transact(self.by(), cause, action, body)
        })
    }

    /// Creates a record from a JSON object of field names and values. An owned record belongs
    /// to the caller unless `owner` is given.
    ///
    /// # Errors
    /// [`Code::UnknownObject`], [`Code::UnknownField`], [`Code::WrongType`],
    /// [`Code::InvalidValue`], [`Code::Denied`], [`Code::Required`], [`Code::BadReference`],
    /// [`Code::Duplicate`], [`Code::Refused`], [`Code::RuleFailed`]. Nothing is then changed.
    pub fn create(&self, object: &str, fields: &Json) -> Result<RecordId> {
        self.noting("create", Some(object), None, || {
            self.transact("create", |door| {
                let object = Arc::clone(door.schema().object(object)?);
                door.create_json(&object, fields)
            })
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
        self.noting("update", Some(object), Some(id), || {
            self.transact("update", |door| {
                let object = Arc::clone(door.schema().object(object)?);
                door.update_json(&object, id, fields, expected)
            })
        })
    }

    /// Deletes a record; what refers to it is treated as its field declares.
    ///
    /// # Errors
    /// [`Code::UnknownObject`], [`Code::NotFound`], [`Code::Denied`], [`Code::Conflict`],
    /// [`Code::StillReferenced`].
    pub fn delete(&self, object: &str, id: RecordId, expected: Option<Version>) -> Result<()> {
        self.noting("delete", Some(object), Some(id), || {
            self.transact("delete", |door| {
                let object = Arc::clone(door.schema().object(object)?);
                door.delete(&object, id, expected)
            })
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
        self.run(&Cause::Person, action, body)
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
        self.query_from(sql, params, None)
    }

    /// Runs a SELECT behind a [cursor](Rows::cursor) of the same text: the next page.
    ///
    /// # Errors
    /// As [`Session::query`], and [`Code::InvalidArguments`] for a cursor of another text.
    pub fn query_after(&self, sql: &str, params: &Params, cursor: &str) -> Result<Rows> {
        self.query_from(sql, params, Some(cursor))
    }

    fn query_from(&self, sql: &str, params: &Params, after: Option<&str>) -> Result<Rows> {
        let view = self.view()?;
        let prepared = query::prepare(&view.schema, &view.facts, self.actor, sql)?;
        let params = self.dated(&prepared, &view, params)?;
        let rows = prepared.run_for(&view.snapshot, &params, self.actor, after)?;
        self.watched(self.metered(rows), &view)
    }

    /// The same values, told when and where the query is run if it depends on that.
    pub(crate) fn dated<'p>(
        &self,
        prepared: &Prepared,
        view: &View,
        params: &'p Params,
    ) -> Result<Cow<'p, Params>> {
        if !prepared.is_dated() {
            return Ok(Cow::Borrowed(params));
        }
        let calendar = query::calendar(&view.snapshot, self.actor, self.engine.now())?;
        Ok(Cow::Owned(params.clone().at(calendar)))
    }

    /// The same rows, counted as listed by the caller.
    fn metered(&self, rows: Rows) -> Rows {
        if self.user().is_none() {
            return rows;
        }
        let session = self.clone();
        rows.metered(move |given, refused| {
            session.engine.count(session.actor, Deed::Listed(given));
            if refused {
                session.engine.count(session.actor, Deed::Refused);
            }
        })
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
    /// prevents reading. The rows themselves are refused behind
    /// [`LIST_ROWS_WITHOUT_EXPORT_MAX`](crate::limits::LIST_ROWS_WITHOUT_EXPORT_MAX) of records
    /// that the caller may not export; pages with a `LIMIT` are not.
    pub fn run(&mut self) -> Result<Rows> {
        self.run_from(None)
    }

    /// Runs the statement on the newest state, behind a [cursor](Rows::cursor) of its rows: the
    /// next page, whatever was written meanwhile.
    ///
    /// # Errors
    /// As [`Statement::run`], and [`Code::InvalidArguments`] for a cursor of another query.
    pub fn run_after(&mut self, cursor: &str) -> Result<Rows> {
        self.run_from(Some(cursor))
    }

    fn run_from(&mut self, after: Option<&str>) -> Result<Rows> {
        let view = self.session.view()?;
        if !self.prepared.is_for(&view.schema, &view.facts) {
            self.prepared =
                query::prepare(&view.schema, &view.facts, self.session.actor, &self.sql)?;
        }
        let actor = self.session.actor;
        let params = self.session.dated(&self.prepared, &view, &self.params)?;
        let rows = self
            .prepared
            .run_for(&view.snapshot, &params, actor, after)?;
        self.session.watched(self.session.metered(rows), &view)
    }
}
