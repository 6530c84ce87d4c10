//! Queries: a SELECT over one object, always under the plan of the one who asks.
//!
//! ```sql
//! SELECT owner.name AS who, count(*), sum(price) FROM item
//! WHERE state = 'open' AND price > :least
//! GROUP BY owner.name ORDER BY who DESC LIMIT 20
//! ```
//!
//! Conditions are written in the language of [`expr`](crate::expr). A query is [`prepare`]d once
//! and run many times; its rows are made as they are asked for wherever that is possible.
//!
//! **Order.** `ORDER BY` sorts as [`compare`](crate::value::compare) does, no value first; the
//! record id breaks ties, in the direction of the last key. Without it, the order is not
//! promised, but the same for the same store, query and rights. Groups come in the order of what
//! they are grouped by.
//!
//! **Pages.** Rows in an order that is asked for have a [cursor](Rows::cursor); the same query goes
//! on behind it, whatever was written meanwhile: a row that did not move is neither given twice nor
//! left out.
//!
//! **Sub-selects.** See [`child`]. **How records are found** is decided by rules when a query is
//! prepared ([`access`]), and by what is in the store when it is run ([`choose`]); it changes
//! nothing of what is found. **How a query was answered** tells [`explain`].
//!
//! **Sums.** Averages are divided to 28 digits, halves to the even digit; that of money keeps its
//! currency, whatever its minor units. Amounts in different currencies are never added: a group that holds several is
//! refused until `currency(price)` is among its `GROUP BY`. A sum of numbers that are not there
//! is 0; a sum of money that comes to nothing has no value, for nothing has no currency.
//! Where the condition and what makes the groups follow from what a declared total groups by, and
//! from the owner, counts and sums cost the same however many records there are.
//!
//! **Rights.** An object that the caller may not see answers like an empty one, a field like one
//! that does not exist. The rows are the records for which the point decision is positive and
//! the condition holds; counts and sums are those of the same records (invariant *one predicate*).

mod access;
mod child;
mod choose;
mod common;
mod cursor;
mod explain;
mod group;
mod log;
mod narrow;
mod rows;
mod select;
mod source;
mod statement;
mod stream;
mod totals;
mod watch;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use access::Access;
use child::Nesting;
use chrono::{DateTime, Utc};
use cursor::{Mark, Position};
use select::Select;
use serde_json::Value as Json;
use statement::Statement;

use crate::access as logins;
use crate::error::{Code, Error, Result};
use crate::expr::{Calendar, Plans};
use crate::facts::Facts;
use crate::ids::ObjectId;
use crate::policy::{Action, Actor, Plan};
use crate::schema::{Field, Object, Schema, keys, system};
use crate::store::{Read, Snapshot};
use crate::value::{RecordView, Value, ValueType};

pub use crate::expr::Params;
pub use rows::Rows;
pub(crate) use totals::totals;
pub(crate) use watch::Watch;

/// A query that is checked and can be run any number of times, from any number of threads. It
/// belongs to one actor and to the schema and rights at the moment it was prepared.
#[derive(Clone)]
pub struct Prepared {
    schema: Arc<Schema>,
    facts: Arc<Facts>,
    query: Arc<Query>,
}

/// A column of a query's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its alias, or the expression as it was written.
    pub name: String,
    /// The type of its values.
    pub value_type: ValueType,
    /// The field it shows, if it shows one: it names the choices.
    pub field: Option<Field>,
    /// Of a sub-select that gives rows, their columns: the value is then the text of a JSON array
    /// with an object for each row.
    pub rows: Option<Vec<Column>>,
}

impl Column {
    /// A value of the column as text, choices by their names; no value is empty text.
    #[must_use]
    pub fn text(&self, value: &Value) -> String {
        match &self.field {
            Some(field) => field.to_text(value),
            None => value.to_string(),
        }
    }

    /// A value of the column as JSON: choices by their names, the rows of a sub-select as an
    /// array.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, Params};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let north = host.create("department", &json!({"name": "North"}))?;
    /// host.create("user", &json!({"login": "anna", "name": "Anna", "department": north.get()}))?;
    /// let sql = "SELECT (SELECT login, kind FROM user) AS users FROM department";
    /// let mut rows = host.query(sql, &Params::new())?;
    /// let users = rows.columns()[0].clone();
    /// let row = rows.next()?.expect("there is one department");
    /// assert_eq!(users.json(&row[0]), json!([{"login": "anna", "kind": "employee"}]));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    #[must_use]
    pub fn json(&self, value: &Value) -> Json {
        match (&self.field, &self.rows, value) {
            (_, Some(_), Value::Text(text)) => serde_json::from_str(text).unwrap_or_default(),
            (Some(field), ..) => field.to_json(value),
            (None, ..) => crate::value::to_json(value),
        }
    }
}

/// What all runs of a query share.
struct Query {
    select: Select,
    /// The ways to its records, the one it was prepared for first.
    ways: Vec<Access>,
    mark: Mark,
    /// The columns of an explanation, where that is asked for.
    explained: Option<Vec<Column>>,
}

impl Query {
    fn new(select: Select, ways: Vec<Access>) -> Query {
        Query {
            select,
            ways,
            mark: Mark::default(),
            explained: None,
        }
    }

    /// The way it was prepared for.
    fn access(&self) -> &Access {
        &self.ways[0]
    }

    fn columns(&self) -> &[Column] {
        self.explained.as_ref().unwrap_or(&self.select.columns)
    }
}

/// Checks a query of `actor` and chooses the way its records are found.
///
/// # Errors
/// [`Code::Syntax`], [`Code::UnknownObject`], [`Code::UnknownField`] for fields that do not exist
/// or are hidden, [`Code::WrongType`], [`Code::InvalidValue`], [`Code::LimitExceeded`], with
/// `line` and `column`.
pub(crate) fn prepare(
    schema: &Arc<Schema>,
    facts: &Arc<Facts>,
    actor: Actor,
    sql: &str,
) -> Result<Prepared> {
    let plans = |object: &Object| facts.plan(actor, object, Action::View);
    let exports = |object: &Object| facts.plan(actor, object, Action::Export);
    prepare_under(schema, facts, &plans, Some(&exports), sql)
}

/// Checks a query that takes records out (C51): it gives what its author may both see and export,
/// and what he may not is as if it were not there.
///
/// # Errors
/// As [`prepare`], and [`Code::Denied`] where he may export no record of the object.
pub(crate) fn prepare_outward(
    schema: &Arc<Schema>,
    facts: &Arc<Facts>,
    actor: Actor,
    sql: &str,
) -> Result<Prepared> {
    let known: RefCell<BTreeMap<ObjectId, Arc<Plan>>> = RefCell::default();
    let plans = |object: &Object| {
        let mut known = known.borrow_mut();
        let plan = known.entry(object.id);
        let plan = plan.or_insert_with(|| Arc::new(facts.outward_plan(actor, object)));
        Arc::clone(plan)
    };
    // Whoever may take out nothing of it is told so, whatever else he asks.
    let statement = Statement::parse(sql)?;
    if let Ok(object) = schema.object(&statement.object.text)
        && facts.plan(actor, object, Action::Export).is_nothing()
    {
        let text = format!("no right to export this `{}`", object.name);
        return Err(Error::new(Code::Denied, text)
            .with("object", object.name.as_str())
            .with("action", Action::Export.name()));
    }
    prepare_under(schema, facts, &plans, None, sql)
}

/// When a query of `actor` is run, and where he is: his own time zone, failing that the store's,
/// failing that UTC.
///
/// # Errors
/// What prevents reading, and [`Code::InvalidValue`] for a time zone that is none.
pub(crate) fn calendar(read: &dyn Read, actor: Actor, now: DateTime<Utc>) -> Result<Calendar> {
    let own = match actor.user() {
        Some(user) => read.get(&keys::record(system::USER, user.0))?,
        None => None,
    };
    let own = match own {
        Some(bytes) => RecordView::new(&bytes)?.field(system::user::TIME_ZONE)?,
        None => Value::Null,
    };
    let name = match own.as_text() {
        Some(own) => Some(own.to_owned()),
        None => logins::setting(read, logins::TIME_ZONE)?,
    };
    let zone = name.map(|name| Calendar::zone(&name)).transpose()?;
    Ok(Calendar::new(now, zone))
}

fn prepare_under(
    schema: &Arc<Schema>,
    facts: &Arc<Facts>,
    plans: &Plans<'_>,
    exports: Option<&Plans<'_>>,
    sql: &str,
) -> Result<Prepared> {
    let statement = Statement::parse(sql)?;
    let nesting = Nesting { exports, level: 0 };
    let select = select::assemble(schema, plans, &nesting, &statement, None)?;
    let ways = Access::ways(&select);
    let query = Arc::new(Query {
        mark: cursor::mark(sql),
        explained: statement.explained.then(explain::columns),
        ..Query::new(select, ways)
    });
    Ok(Prepared {
        schema: Arc::clone(schema),
        facts: Arc::clone(facts),
        query,
    })
}

/// A query by each of its ways alone, the one it is prepared for first.
#[cfg(test)]
fn prepare_ways(
    schema: &Arc<Schema>,
    facts: &Arc<Facts>,
    actor: Actor,
    sql: &str,
) -> Result<Vec<Prepared>> {
    let prepared = || prepare(schema, facts, actor, sql);
    let only = |way: usize| {
        let mut one = prepared()?;
        let query = Arc::get_mut(&mut one.query);
        let query = query.ok_or_else(|| Error::internal("a query that is shared already"))?;
        query.ways = vec![query.ways.swap_remove(way)];
        Ok(one)
    };
    (0..prepared()?.query.ways.len()).map(only).collect()
}

impl Prepared {
    /// The columns of the rows.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        self.query.columns()
    }

    /// The names of the parameters, without their colons, by position; none for `?`.
    #[must_use]
    pub fn parameters(&self) -> &[Option<String>] {
        self.query.select.parameters.names()
    }

    /// Which way the records are found, in words for people.
    #[must_use]
    pub fn explain(&self) -> String {
        self.query.access().explain(&self.query.select)
    }

    /// Whether a run must be told when and where it is: see [`calendar`].
    pub(crate) fn is_dated(&self) -> bool {
        self.query.select.parameters.are_dated()
    }

    /// Whether the query was prepared for this schema and these rights; otherwise it must be
    /// prepared again.
    pub(crate) fn is_for(&self, schema: &Arc<Schema>, facts: &Arc<Facts>) -> bool {
        Arc::ptr_eq(&self.schema, schema) && Arc::ptr_eq(&self.facts, facts)
    }

    /// Runs the query on one state of the store.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for missing and unknown parameters, [`Code::WrongType`] and
    /// [`Code::InvalidValue`] for parameters that do not fit and for sums over several
    /// currencies, [`Code::LimitExceeded`], and what prevents reading.
    pub(crate) fn run(&self, snapshot: &Snapshot, params: &Params) -> Result<Rows> {
        let bound = self.query.select.parameters.bind(params)?;
        Rows::open(&self.query, snapshot, bound, None, None)
    }

    /// Runs the query for `actor`, who is given a bounded number of rows of records that he may
    /// not export (C51), from the beginning or behind a cursor.
    ///
    /// # Errors
    /// As [`Prepared::run`], and [`Code::InvalidArguments`] for a cursor of another query.
    pub(crate) fn run_for(
        &self,
        snapshot: &Snapshot,
        params: &Params,
        actor: Actor,
        after: Option<&str>,
    ) -> Result<Rows> {
        let select = &self.query.select;
        let bound = select.parameters.bind(params)?;
        let export = self.facts.plan(actor, &select.object, Action::Export);
        let export = (!export.reaches_everything()).then_some(export);
        let order = select.order();
        let after = after.map(|cursor| Position::read(cursor, self.query.mark, order));
        Rows::open(&self.query, snapshot, bound, export, after.transpose()?)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("way", &self.explain())
            .finish_non_exhaustive()
    }
}

impl Params {
    /// Sets the value of the parameter at `index`, counted from 1.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] when `query` has no such parameter.
    pub fn bind(&mut self, query: &Prepared, index: usize, value: Value) -> Result<()> {
        match index
            .checked_sub(1)
            .filter(|position| *position < query.parameters().len())
        {
            Some(position) => {
                self.set(position, value);
                Ok(())
            }
            None => Err(no_parameter(&index.to_string())),
        }
    }

    /// Sets the value of the parameter written `:name`.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] when `query` has no such parameter.
    pub fn bind_name(&mut self, query: &Prepared, name: &str, value: Value) -> Result<()> {
        match query
            .parameters()
            .iter()
            .position(|known| known.as_deref() == Some(name))
        {
            Some(position) => {
                self.set(position, value);
                Ok(())
            }
            None => Err(no_parameter(&format!(":{}", crate::value::shorten(name)))),
        }
    }
}

fn no_parameter(name: &str) -> Error {
    Error::new(
        Code::InvalidArguments,
        format!("there is no parameter `{name}`"),
    )
    .with("parameter", name)
}
