//! SQLite by hand: what a vendor would write instead of using the engine, as strong as it gets.
//!
//! Rights stand in every query; statements are prepared once; `ANALYZE` and the stability
//! guarantee of plans keep them prepared. Ids are those the engine gave, so that answers are equal.

use std::path::Path;

use chrono::Datelike;
use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Params, Result, Statement, params};
use serde_json::{Map, Value as Json, json};

use crate::data::{self, Data, Role, phone_digits};
use crate::engine::{COLUMNS, Ids, moment};
use crate::work::{First, Question, Sink, System};

/// Rows inserted in one transaction while loading.
const BATCH: usize = 20_000;
const CACHE_KIB: i64 = 64 * 1_024;
const MMAP_BYTES: i64 = 8 * 1_024 * 1_024 * 1_024;

/// How words of names are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Words {
    Table,
    Fts5,
}

pub struct Sqlite {
    words: Words,
    ids: Ids,
    roles: Vec<Role>,
    begin: Statement<'static>,
    commit: Statement<'static>,
    employee: Queries,
    head: Queries,
    administrator: Queries,
}

/// The statements of one role.
struct Queries {
    open: Statement<'static>,
    contacts: Statement<'static>,
    deals: Statement<'static>,
    activities: Statement<'static>,
    name: Statement<'static>,
    word: Statement<'static>,
    phone: Statement<'static>,
}

impl Sqlite {
    pub fn words(&self) -> Words {
        self.words
    }

    pub fn open(path: &Path, ids: Ids, words: Words) -> Result<Sqlite> {
        // Statements borrow their connection, and both live as long as the process.
        let connection: &'static Connection = Box::leak(Box::new(connect(path)?));
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let queries = |role| Queries::prepare(connection, role, words);
        Ok(Sqlite {
            words,
            ids,
            roles: data::users().iter().map(|user| user.role).collect(),
            begin: connection.prepare("BEGIN")?,
            commit: connection.prepare("COMMIT")?,
            employee: queries(Role::Employee)?,
            head: queries(Role::Head)?,
            administrator: queries(Role::Administrator)?,
        })
    }

    /// Makes the file and loads the data set into it.
    pub fn load(path: &Path, data: Data, ids: &Ids) -> Result<()> {
        let mut connection = connect(path)?;
        connection.execute_batch(include_str!("sqlite.sql"))?;
        organisation(&mut connection, ids)?;
        batches(&mut connection, data.n, |connection, number| {
            company(connection, ids, number, &data.company(number))
        })?;
        batches(&mut connection, data.contacts(), |connection, number| {
            let contact = data.contact(number);
            connection
                .prepare_cached("INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    id(ids.contact, number),
                    id(ids.company, contact.company),
                    contact.name,
                    contact.phone,
                    contact.email,
                    contact.decision_maker,
                ])
        })?;
        batches(&mut connection, data.deals(), |connection, number| {
            let deal = data.deal(number);
            connection
                .prepare_cached("INSERT INTO deal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    id(ids.deal, number),
                    id(ids.company, deal.company),
                    ids.users[data.owner(deal.company)] as i64,
                    deal.title,
                    deal.stage as i64 + 1,
                    deal.amount_cents,
                    data::CURRENCY,
                    deal.margin_cents,
                    ids.users[deal.seller] as i64,
                ])
        })?;
        batches(&mut connection, data.activities(), |connection, number| {
            let activity = data.activity(number);
            connection
                .prepare_cached("INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    id(ids.activity, number),
                    id(ids.company, activity.company),
                    activity.kind as i64 + 1,
                    activity.subject,
                    moment(activity.due),
                    activity.done,
                ])
        })?;
        connection.execute_batch(include_str!("sqlite_indexes.sql"))?;
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
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
            // One transaction, so that the parts show one state.
            Question::Card { company, .. } => {
                self.begin.raw_execute()?;
                let company = id(first, *company);
                if one_or_null(&mut queries.open, params![company, viewer], sink)? {
                    for part in queries.parts() {
                        emit_rows(part, params![company], sink)?;
                    }
                }
                self.commit.raw_execute()?;
            }
            Question::CardCall { company, .. } => {
                self.begin.raw_execute()?;
                let company = id(first, *company);
                let mut ids = First::new(sink, COLUMNS.len());
                if one_or_null(&mut queries.open, params![company, viewer], &mut ids)? {
                    for part in queries.parts() {
                        let mut ids = First::new(sink, part.column_count());
                        emit_rows(part, params![company], &mut ids)?;
                    }
                }
                self.commit.raw_execute()?;
            }
            Question::Name { prefix, .. } => {
                let end = format!("{prefix}\u{10FFFF}");
                emit_rows(&mut queries.name, params![prefix, viewer, end], sink)?;
            }
            Question::Word { prefix, .. } => {
                let (from, end) = match self.words {
                    Words::Table => (prefix.clone(), format!("{prefix}\u{10FFFF}")),
                    Words::Fts5 => (format!("\"{prefix}\"*"), String::new()),
                };
                emit_rows(&mut queries.word, params![from, viewer, end], sink)?;
            }
            Question::Phone { number, .. } => {
                let digits = phone_digits(number);
                emit_rows(&mut queries.phone, params![digits, viewer], sink)?;
            }
        }
        Ok(())
    }
}

impl System for Sqlite {
    fn name(&self) -> &'static str {
        match self.words {
            Words::Table => "SQLite",
            Words::Fts5 => "SQLite FTS5",
        }
    }

    fn ask<S: Sink>(&mut self, question: &Question, sink: &mut S) {
        if let Err(error) = self.answer(question, sink) {
            panic!("{question:?}: {error}");
        }
    }
}

impl Queries {
    fn parts(&mut self) -> [&mut Statement<'static>; 3] {
        [&mut self.contacts, &mut self.deals, &mut self.activities]
    }

    /// Parameters: 1 what is looked for, 2 the user, 3 the end of a range.
    fn prepare(connection: &'static Connection, role: Role, words: Words) -> Result<Queries> {
        let may = match role {
            Role::Employee => "company.owner = ?2",
            Role::Administrator => "?2 IS NOT NULL",
            Role::Head | Role::RegionalHead => {
                "EXISTS (SELECT 1 FROM reach WHERE viewer = ?2 AND owner = company.owner)"
            }
        };
        let margin = match role {
            Role::Employee => "",
            _ => ", margin",
        };
        let order = "ORDER BY company.name_key, company.id LIMIT 20";
        let word = match (words, role) {
            (Words::Table, Role::Employee) => format!(
                "SELECT DISTINCT company.id, name FROM word JOIN company ON company.id = word.company \
                 WHERE word.owner = ?2 AND word >= ?1 AND word < ?3 {order}"
            ),
            (Words::Table, _) => format!(
                "SELECT DISTINCT company.id, name FROM word JOIN company ON company.id = word.company \
                 WHERE word >= ?1 AND word < ?3 AND {may} {order}"
            ),
            (Words::Fts5, _) => format!(
                "SELECT company.id, company.name FROM names JOIN company ON company.id = names.rowid \
                 WHERE names MATCH ?1 AND {may} AND ?3 IS NOT NULL {order}"
            ),
        };
        let prepare = |sql: &str| connection.prepare(sql);
        Ok(Queries {
            open: prepare(&format!(
                "SELECT {} FROM company WHERE id = ?1 AND {may}",
                COLUMNS.join(", ")
            ))?,
            contacts: prepare(
                "SELECT id, name, phone, email, decision_maker FROM contact WHERE company = ?1 \
                 ORDER BY id",
            )?,
            deals: prepare(&format!(
                "SELECT id, title, stage, amount{margin} FROM deal WHERE company = ?1 \
                 AND stage <= {} ORDER BY id",
                data::OPEN_STAGES
            ))?,
            activities: prepare(
                "SELECT id, kind, subject, due, done FROM activity WHERE company = ?1 \
                 ORDER BY due DESC, id DESC LIMIT 20",
            )?,
            name: prepare(&format!(
                "SELECT id, name FROM company WHERE name_key >= ?1 AND name_key < ?3 AND {may} {order}"
            ))?,
            word: prepare(&word)?,
            phone: prepare(&format!(
                "SELECT id, name FROM company WHERE phone_key = ?1 AND {may} {order}"
            ))?,
        })
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

fn organisation(connection: &mut Connection, ids: &Ids) -> Result<()> {
    let transaction = connection.transaction()?;
    for (number, user) in data::users().iter().enumerate() {
        let viewer = ids.users[number] as i64;
        transaction.execute(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            params![
                viewer,
                user.login,
                user.role.name(),
                user.department.map(|at| at as i64),
                user.supervisor.map(|at| ids.users[at] as i64),
            ],
        )?;
        if user.role != Role::Administrator {
            for owner in data::reach(number) {
                let owner = ids.users[owner] as i64;
                transaction.execute("INSERT INTO reach VALUES (?, ?)", params![viewer, owner])?;
            }
        }
    }
    transaction.commit()
}

fn company(
    connection: &Connection,
    ids: &Ids,
    number: usize,
    company: &data::Company,
) -> Result<usize> {
    let key = company.name.to_lowercase();
    let owner = ids.users[company.owner] as i64;
    let company_id = id(ids.company, number);
    let now = moment(data::epoch());
    for word in key.split(' ') {
        connection
            .prepare_cached("INSERT OR IGNORE INTO word VALUES (?, ?, ?)")?
            .execute(params![owner, word, company_id])?;
    }
    connection
        .prepare_cached("INSERT INTO names (rowid, name) VALUES (?, ?)")?
        .execute(params![company_id, key])?;
    let values = vec!["?"; COLUMNS.len() + 3].join(", ");
    connection
        .prepare_cached(&format!("INSERT INTO company VALUES ({values})"))?
        .execute(params![
            company_id,
            owner,
            1,
            now,
            None::<i64>,
            now,
            None::<i64>,
            company.name,
            company.tax_number,
            company.phone,
            company.email,
            company.city,
            company.segment as i64 + 1,
            moment(company.created),
            moment(company.last_activity),
            company.note,
            company.contract,
            company
                .contract_date
                .map(|date| i64::from(date.num_days_from_ce())),
            company.newsletter,
            company.rating.map(|rating| rating as i64 + 1),
            company.budget_cents,
            company.budget_cents.map(|_| data::CURRENCY),
            key,
            phone_digits(&company.phone),
        ])
}

/// Inserts `count` records in batches.
fn batches(
    connection: &mut Connection,
    count: usize,
    insert: impl Fn(&Connection, usize) -> Result<usize>,
) -> Result<()> {
    for start in (0..count).step_by(BATCH) {
        let transaction = connection.transaction()?;
        for number in start..count.min(start + BATCH) {
            insert(&transaction, number)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

fn id(first: u64, number: usize) -> i64 {
    (first + number as u64) as i64
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
