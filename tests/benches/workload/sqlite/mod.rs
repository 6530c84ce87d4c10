//! SQLite by hand: what a vendor would write instead of using the engine, as strong as it gets.
//!
//! Rights stand in every query; statements are prepared once; `ANALYZE` and the stability
//! guarantee of plans keep them prepared. Ids are those the engine gave, so that answers are equal.

mod import;
mod load;
mod queries;
mod writes;

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Params, Result, Statement, params};
use serde_json::{Map, Value as Json, json};

pub use import::{Empty, Indexes};
use load::department;
use queries::Queries;
pub use writes::Writer;

use crate::data::{self, Place, Role, phone_digits};
use crate::engine::{COLUMNS, Ids, moment};
use crate::work::{First, LATER_PAGE, PAGE_ROWS, Peer, Question, Sink, System};

const CACHE_KIB: i64 = 64 * 1_024;
const MMAP_BYTES: i64 = 8 * 1_024 * 1_024 * 1_024;

pub struct Sqlite {
    connection: &'static Connection,
    peer: Peer,
    ids: Ids,
    roles: Vec<Role>,
    begin: Statement<'static>,
    commit: Statement<'static>,
    employee: Queries,
    head: Queries,
    administrator: Queries,
    /// The first page of each user, over the owners he reaches.
    latest: Vec<Option<Statement<'static>>>,
    /// Of each user a page far down, and the last row before it.
    later: Vec<Option<Later>>,
}

/// A page, and the moment and id that it begins behind.
struct Later {
    page: Statement<'static>,
    behind: (i64, i64),
}

impl Sqlite {
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Opens a base as a host does at its start: it is read once, so that a fault is told then.
    pub fn start(path: &Path) -> Result<Connection> {
        let connection = connect(path)?;
        connection.query_row("SELECT count(*) FROM users", [], |row| row.get::<_, i64>(0))?;
        Ok(connection)
    }

    pub fn open(path: &Path, ids: Ids, peer: Peer) -> Result<Sqlite> {
        // Statements borrow their connection, and both live as long as the process.
        let connection: &'static Connection = Box::leak(Box::new(connect(path)?));
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let queries = |role| Queries::prepare(connection, role, peer);
        Ok(Sqlite {
            connection,
            peer,
            latest: ids.users.iter().map(|_| None).collect(),
            later: ids.users.iter().map(|_| None).collect(),
            ids,
            roles: data::users().iter().map(|user| user.role).collect(),
            begin: connection.prepare("BEGIN")?,
            commit: connection.prepare("COMMIT")?,
            employee: queries(Role::Employee)?,
            head: queries(Role::Head)?,
            administrator: queries(Role::Administrator)?,
        })
    }

    fn answer(&mut self, question: &Question, sink: &mut impl Sink) -> Result<()> {
        let user = question.user();
        let queries = match self.roles[user] {
            Role::Employee => &mut self.employee,
            Role::Head | Role::RegionalHead => &mut self.head,
            Role::Administrator => &mut self.administrator,
        };
        let viewer = self.ids.users[user] as i64;
        let first = self.ids.company;
        match question {
            Question::Open { company, .. } => {
                one_or_null(
                    &mut queries.open,
                    params![id(first, *company), viewer],
                    sink,
                )?;
            }
            Question::OpenJson { company, .. } => {
                match json(&mut queries.open, params![id(first, *company), viewer])? {
                    None => sink.null(),
                    Some(record) => {
                        sink.text(record["name"].as_str().unwrap_or_default());
                        sink.text(record["tax_number"].as_str().unwrap_or_default());
                    }
                }
            }
            Question::Card { company, .. } => {
                self.begin.raw_execute()?;
                card(queries, id(first, *company), viewer, sink)?;
                self.commit.raw_execute()?;
            }
            Question::CardCall { company, .. } => {
                self.begin.raw_execute()?;
                card_ids(queries, id(first, *company), viewer, sink)?;
                self.commit.raw_execute()?;
            }
            Question::Name { prefix, .. } => {
                let end = format!("{prefix}\u{10FFFF}");
                emit_rows(&mut queries.name, params![prefix, viewer, end], sink)?;
            }
            Question::Word { prefix, .. } => {
                let (from, end) = match self.peer {
                    Peer::Fts5 => (format!("\"{prefix}\"*"), String::new()),
                    _ => (prefix.clone(), format!("{prefix}\u{10FFFF}")),
                };
                emit_rows(&mut queries.word, params![from, viewer, end], sink)?;
            }
            Question::Phone { number, .. } => {
                let digits = phone_digits(number);
                emit_rows(&mut queries.phone, params![digits, viewer], sink)?;
            }
            Question::Latest { .. } | Question::Later { .. } => self.page(question, sink)?,
            Question::All { .. } => {
                emit_rows(&mut queries.all, params![None::<i64>, viewer], sink)?;
            }
            Question::AllJson { .. } => {
                let mut rows = queries.all_json.query(params![None::<i64>, viewer])?;
                while let Some(row) = rows.next()? {
                    sink.json(row.get_ref(0)?.as_str()?);
                }
            }
            Question::Funnel { .. } => {
                emit_rows(&mut queries.funnel, params![None::<i64>, viewer], sink)?;
            }
            Question::Count { city, segment, .. } => {
                let segment = *segment as i64 + 1;
                emit_rows(&mut queries.count, params![city, viewer, segment], sink)?;
            }
        }
        Ok(())
    }
}

impl Sqlite {
    /// A page of a user's list, prepared when he first asks for it.
    fn page(&mut self, question: &Question, sink: &mut impl Sink) -> Result<()> {
        match question {
            Question::Latest { user } => {
                if self.latest[*user].is_none() {
                    self.latest[*user] = Some(self.list(*user, false)?);
                }
                if let Some(page) = &mut self.latest[*user] {
                    emit_rows(page, params![], sink)?;
                }
            }
            Question::Later { user } => {
                if self.later[*user].is_none() {
                    self.later[*user] = Some(self.beginning_of_later(*user)?);
                }
                if let Some(Later { page, behind }) = &mut self.later[*user] {
                    emit_rows(page, *behind, sink)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The statement of a user's list by last activity.
    fn list(&self, user: usize, is_later: bool) -> Result<Statement<'static>> {
        let viewer = self.ids.users[user] as i64;
        let owners = owners(self.connection, viewer)?;
        let is_all = self.roles[user] == Role::Administrator;
        let owners = (!is_all).then_some(owners.as_slice());
        let sql = queries::latest(viewer, owners, is_later);
        self.connection.prepare(&sql)
    }

    fn beginning_of_later(&self, user: usize) -> Result<Later> {
        let mut page = self.list(user, true)?;
        // Behind nothing: the first page.
        let (mut behind, mut next) = ((i64::MAX, i64::MAX), (i64::MAX, i64::MAX));
        for _ in 0..LATER_PAGE {
            let rows = page.query_map(next, |row| Ok((row.get(4)?, row.get(0)?)))?;
            let rows = rows.collect::<Result<Vec<(i64, i64)>>>()?;
            if rows.len() < PAGE_ROWS {
                break;
            }
            behind = next;
            next = rows[PAGE_ROWS - 1];
        }
        Ok(Later { page, behind })
    }

    /// Moves a department below another region: its row, what the regional heads reach, and what
    /// an audit asks for, in one transaction. Their pages are prepared anew.
    pub fn move_department(&mut self, number: usize, from: usize, to: usize) -> Result<()> {
        let regional = |region| data::EMPLOYEES + data::DEPARTMENTS + region;
        let (left, joined) = (regional(from), regional(to));
        let viewer = |user: usize| self.ids.users[user] as i64;
        let below = department(Place::Region(to));
        self.begin.raw_execute()?;
        self.connection
            .prepare_cached("UPDATE department SET parent = ?2 WHERE id = ?1")?
            .execute(params![number as i64, below])?;
        self.connection
            .prepare_cached("INSERT INTO audit VALUES (NULL, ?, ?, 'move')")?
            .execute(params![
                self.ids.users.last().map(|id| *id as i64),
                moment(data::epoch())
            ])?;
        self.connection
            .prepare_cached("INSERT INTO history VALUES (5, ?, ?, 'parent', ?)")?
            .execute(params![
                number as i64,
                self.connection.last_insert_rowid(),
                department(Place::Region(from))
            ])?;
        for member in data::members(number) {
            self.connection
                .prepare_cached("DELETE FROM reach WHERE viewer = ? AND owner = ?")?
                .execute(params![viewer(left), viewer(member)])?;
            self.connection
                .prepare_cached("INSERT INTO reach VALUES (?, ?)")?
                .execute(params![viewer(joined), viewer(member)])?;
        }
        self.commit.raw_execute()?;
        self.latest[left] = None;
        self.latest[joined] = None;
        self.later[left] = None;
        self.later[joined] = None;
        Ok(())
    }
}

fn owners(connection: &Connection, viewer: i64) -> Result<Vec<i64>> {
    connection
        .prepare_cached("SELECT owner FROM reach WHERE viewer = ?")?
        .query_map([viewer], |row| row.get(0))?
        .collect()
}

impl System for Sqlite {
    fn name(&self) -> &'static str {
        match self.peer {
            Peer::Plain => "SQLite",
            Peer::Fts5 => "SQLite FTS5",
            Peer::Sums => "SQLite sums",
            Peer::Floor => "redb alone",
        }
    }

    fn ask<S: Sink>(&mut self, question: &Question, sink: &mut S) {
        if let Err(error) = self.answer(question, sink) {
            panic!("{question:?}: {error}");
        }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "mmap_size", MMAP_BYTES)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

fn id(first: u64, number: usize) -> i64 {
    (first + number as u64) as i64
}

/// In one transaction, so that the parts show one state.
fn card(queries: &mut Queries, company: i64, viewer: i64, sink: &mut impl Sink) -> Result<()> {
    if one_or_null(&mut queries.open, params![company, viewer], sink)? {
        for part in queries.parts() {
            emit_rows(part, params![company], sink)?;
        }
    }
    Ok(())
}

/// The same reads, of which the ids alone are told.
fn card_ids(queries: &mut Queries, company: i64, viewer: i64, sink: &mut impl Sink) -> Result<()> {
    let mut ids = First::new(sink, COLUMNS.len());
    if one_or_null(&mut queries.open, params![company, viewer], &mut ids)? {
        for part in queries.parts() {
            let mut ids = First::new(sink, part.column_count());
            emit_rows(part, params![company], &mut ids)?;
        }
    }
    Ok(())
}

fn one_or_null(
    statement: &mut Statement<'static>,
    values: impl Params,
    sink: &mut impl Sink,
) -> Result<bool> {
    let found = emit_rows(statement, values, sink)? > 0;
    if !found {
        sink.null();
    }
    Ok(found)
}

fn emit_rows(
    statement: &mut Statement<'static>,
    values: impl Params,
    sink: &mut impl Sink,
) -> Result<usize> {
    let columns = statement.column_count();
    let mut rows = statement.query(values)?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            match row.get_ref(column)? {
                ValueRef::Null => sink.null(),
                ValueRef::Integer(n) => sink.int(n),
                value => sink.text(value.as_str()?),
            }
        }
        found += 1;
    }
    Ok(found)
}

/// A company as a JSON object.
fn json(statement: &mut Statement<'static>, values: impl Params) -> Result<Option<Json>> {
    let mut rows = statement.query(values)?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let mut members = Map::new();
    for (at, name) in COLUMNS.into_iter().enumerate() {
        let value = match (name, row.get_ref(at)?) {
            (_, ValueRef::Null) => Json::Null,
            ("budget", ValueRef::Integer(cents)) => json!({
                "amount": format!("{}.{:02}", cents / 100, cents % 100),
                "currency": data::CURRENCY,
            }),
            ("segment", ValueRef::Integer(n)) => json!(data::SEGMENTS[n as usize - 1]),
            ("rating", ValueRef::Integer(n)) => json!(data::RATINGS[n as usize - 1]),
            ("newsletter", ValueRef::Integer(n)) => json!(n != 0),
            (_, ValueRef::Integer(n)) => json!(n),
            (_, value) => json!(value.as_str()?),
        };
        members.insert(name.to_owned(), value);
    }
    Ok(Some(Json::Object(members)))
}
