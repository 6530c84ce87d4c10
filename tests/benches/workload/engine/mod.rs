//! The engine under test, through its public Rust API.

mod load;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use crm_engine::limits::SELECT_ROWS_MAX;
use crm_engine::{
    CardRequest, ChoiceId, Engine, Field, ManualClock, Options, Params, RecordId, Result, Rows,
    SearchRequest, Session, Statement, Value, ValueType,
};
use serde_json::{Value as Json, json};

use crate::data::{self, Role};
pub use load::{activity, company, contact};

use crate::work::{LATER_PAGE, PAGE_ROWS, Question, Sink, System};

/// The columns of a company, in the order in which every system tells them.
pub const COLUMNS: [&str; 21] = [
    "id",
    "owner",
    "version",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "name",
    "tax_number",
    "phone",
    "email",
    "city",
    "segment",
    "created",
    "last_activity",
    "note",
    "contract",
    "contract_date",
    "newsletter",
    "rating",
    "budget",
];

/// Under which ids the records stand: users one by one, the others from their first id on.
#[derive(Debug, Clone)]
pub struct Ids {
    pub users: Vec<u64>,
    pub company: u64,
    pub contact: u64,
    pub deal: u64,
    pub activity: u64,
}

const BY_ACTIVITY: &str =
    "SELECT id, name, city, segment, last_activity FROM company ORDER BY last_activity DESC";

/// Numbers of the object `company` and of its list by last activity.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub object: u16,
    pub list: u8,
}

pub struct Ours {
    engine: Engine,
    pub ids: Ids,
    columns: Vec<Field>,
    users: Vec<Option<Open>>,
}

/// A user who has logged in, with his prepared statements.
struct Open {
    session: Session,
    contacts: Statement,
    deals: Statement,
    activities: Statement,
    name: Statement,
    latest: Statement,
    /// Where the later page of that list begins; none before it was looked for.
    later: Option<Option<String>>,
    all: Statement,
    funnel: Statement,
    count: Statement,
}

impl Open {
    fn new(engine: &Engine, user: &data::User) -> Result<Open> {
        let session = engine.login(&user.login)?;
        let margin = match user.role {
            Role::Employee => "",
            _ => ", margin",
        };
        Ok(Open {
            contacts: session.prepare(
                "SELECT id, name, phone, email, decision_maker FROM contact WHERE company = ? \
                 ORDER BY id",
            )?,
            deals: session.prepare(&format!(
                "SELECT id, title, stage, amount{margin} FROM deal WHERE company = ? \
                 AND stage <> 'won' AND stage <> 'lost' ORDER BY id"
            ))?,
            activities: session.prepare(
                "SELECT id, kind, subject, due, done FROM activity WHERE company = ? \
                 ORDER BY due DESC LIMIT 20",
            )?,
            name: session
                .prepare("SELECT id, name FROM company WHERE name LIKE ? ORDER BY name LIMIT 20")?,
            latest: session.prepare(&format!("{BY_ACTIVITY} LIMIT {PAGE_ROWS}"))?,
            later: None,
            all: session.prepare("SELECT id, name, city, segment, last_activity FROM company")?,
            funnel: session
                .prepare("SELECT stage, count(*), sum(amount) FROM deal GROUP BY stage")?,
            count: session
                .prepare("SELECT count(*) FROM company WHERE city = ? AND segment = ?")?,
            session,
        })
    }
}

impl Ours {
    /// Opens a store as a host does at its start.
    pub fn start(path: &Path) -> Result<Engine> {
        Engine::open(path, options())
    }

    /// Opens a store that was loaded before.
    pub fn open(path: &Path) -> Result<Ours> {
        let engine = Ours::start(path)?;
        let host = engine.system();
        let first = |object: &str| -> Result<u64> {
            let mut rows = host.query(
                &format!("SELECT id FROM {object} ORDER BY id LIMIT 1"),
                &Params::new(),
            )?;
            let row = rows.next()?.map(|row| row[0].as_integer());
            Ok(row.flatten().unwrap_or_default().unsigned_abs())
        };
        let users = data::users();
        let users = users.iter().map(|user| {
            let params = Params::new().with(user.login.as_str());
            let mut rows = host.query("SELECT id FROM user WHERE login = ?", &params)?;
            let id = rows.next()?.and_then(|row| row[0].as_integer());
            Ok(id.unwrap_or_default().unsigned_abs())
        });
        let users = users.collect::<Result<Vec<u64>>>()?;
        let ids = Ids {
            company: first("company")?,
            contact: first("contact")?,
            deal: first("deal")?,
            activity: first("activity")?,
            users,
        };
        let users = data::users().iter().map(|_| None).collect();
        let schema = engine.schema()?;
        let company = schema.object("company")?;
        let columns = COLUMNS.map(|name| company.field(name).cloned());
        Ok(Ours {
            columns: columns.into_iter().collect::<Result<Vec<Field>>>()?,
            engine,
            ids,
            users,
        })
    }

    /// A session of a user by his number.
    pub fn login(&self, user: usize) -> Result<Session> {
        self.engine.login(&data::users()[user].login)
    }

    /// The host itself.
    pub fn host(&self) -> Session {
        self.engine.system()
    }

    /// Where the records of companies and their list by last activity stand in the store.
    pub fn layout(&self) -> Result<Layout> {
        let schema = self.engine.schema()?;
        let company = schema.object("company")?;
        let list = company.lists.iter().find(|list| list.name == "by_activity");
        Ok(Layout {
            object: company.id.0,
            list: list.map_or(0, |list| list.id),
        })
    }

    pub fn close(self) -> Result<()> {
        self.engine.close()
    }

    /// The ids of the regions, then of the departments.
    pub fn departments(&self) -> Result<Vec<RecordId>> {
        let host = self.engine.system();
        let mut rows = host.query("SELECT id FROM department ORDER BY id", &Params::new())?;
        let mut ids = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row[0].as_integer().unwrap_or_default();
            ids.push(RecordId::new(id.unsigned_abs())?);
        }
        Ok(ids)
    }

    fn answer(&mut self, question: &Question, sink: &mut impl Sink) -> Result<()> {
        let number = question.user();
        let user = match &mut self.users[number] {
            Some(user) => user,
            place => place.insert(Open::new(&self.engine, &data::users()[number])?),
        };
        let id = |company: &usize| RecordId::new(self.ids.company + *company as u64);
        match question {
            Question::Open { company, .. } => {
                user.open(id(company)?, &self.columns, sink)?;
            }
            Question::OpenJson { company, .. } => {
                match user.session.get("company", id(company)?)? {
                    None => sink.null(),
                    Some(record) => {
                        sink.text(text_of(&record, "name"));
                        sink.text(text_of(&record, "tax_number"));
                    }
                }
            }
            Question::Card { company, .. } => user.card(id(company)?, &self.columns, sink)?,
            Question::CardCall { company, .. } => user.card_call(id(company)?, sink)?,
            Question::Name { prefix, .. } => {
                user.name.bind(1, format!("{prefix}%"))?;
                emit_rows(&mut user.name, sink)?;
            }
            Question::Word { prefix, .. } => user.search("name", prefix, sink)?,
            Question::Phone { number, .. } => user.search("phone", number, sink)?,
            Question::Latest { .. } => {
                emit_rows(&mut user.latest, sink)?;
            }
            Question::Later { .. } => user.later(sink)?,
            Question::All { .. } => {
                emit_rows(&mut user.all, sink)?;
            }
            Question::AllJson { .. } => user.all_json(sink)?,
            Question::Funnel { .. } => {
                emit_rows(&mut user.funnel, sink)?;
            }
            Question::Count { city, segment, .. } => {
                user.count.bind(1, city.as_str())?;
                user.count.bind(2, choice(*segment))?;
                emit_rows(&mut user.count, sink)?;
            }
        }
        Ok(())
    }
}

impl Open {
    fn open(&mut self, id: RecordId, columns: &[Field], sink: &mut impl Sink) -> Result<bool> {
        let Some(record) = self.session.read("company", id)? else {
            sink.null();
            return Ok(false);
        };
        for column in columns {
            use ValueType::{Digits, Email, Phone, Text};
            match column.value_type {
                Text | Digits | Email | Phone => match record.text_of(column.id) {
                    Some(text) => sink.text(text),
                    None => sink.null(),
                },
                _ => emit(&record.value_of(column.id)?, sink),
            }
        }
        Ok(true)
    }

    fn card(&mut self, id: RecordId, columns: &[Field], sink: &mut impl Sink) -> Result<()> {
        if !self.open(id, columns, sink)? {
            return Ok(());
        }
        for part in [&mut self.contacts, &mut self.deals, &mut self.activities] {
            part.bind(1, id)?;
            emit_rows(part, sink)?;
        }
        Ok(())
    }

    fn card_call(&mut self, id: RecordId, sink: &mut impl Sink) -> Result<()> {
        let Some(card) = self.session.card(&CardRequest::new("company", id))? else {
            sink.null();
            return Ok(());
        };
        sink.int(card.id.get() as i64);
        for part in &card.parts {
            // The newest come first where the card declares no order.
            let newest_first = part.name != "activities";
            let mut rows: Vec<i64> = part.rows.iter().map(|row| row.id.get() as i64).collect();
            if newest_first {
                rows.reverse();
            }
            rows.into_iter().for_each(|id| sink.int(id));
        }
        Ok(())
    }

    /// A page far down the list, from where the page before it ended.
    fn later(&mut self, sink: &mut impl Sink) -> Result<()> {
        if self.later.is_none() {
            self.later = Some(self.beginning_of_later()?);
        }
        let rows = match self.later.iter().flatten().next() {
            Some(cursor) => self.latest.run_after(cursor)?,
            None => self.latest.run()?,
        };
        emit_each(rows, sink).map(drop)
    }

    fn beginning_of_later(&mut self) -> Result<Option<String>> {
        let (mut beginning, mut next) = (None, None::<String>);
        for _ in 0..LATER_PAGE {
            let mut rows = match &next {
                Some(cursor) => self.latest.run_after(cursor)?,
                None => self.latest.run()?,
            };
            for _ in 0..PAGE_ROWS {
                if rows.next()?.is_none() {
                    return Ok(beginning);
                }
            }
            beginning = next;
            next = rows.cursor()?;
        }
        Ok(beginning)
    }

    /// Everything as a host would pass it on: page by page, as large as they get.
    fn all_json(&mut self, sink: &mut impl Sink) -> Result<()> {
        let mut asked = json!({"sql": BY_ACTIVITY, "limit": SELECT_ROWS_MAX});
        loop {
            let page = self.session.call("select", &asked, &mut |_| true)?;
            sink.json(&page["rows"].to_string());
            if page["complete"] == true {
                return Ok(());
            }
            asked["after"] = page["cursor"].clone();
        }
    }

    /// The companies found by one of their fields.
    fn search(&mut self, field: &str, text: &str, sink: &mut impl Sink) -> Result<()> {
        let request = SearchRequest::new(text).within(["company"]).by([field]);
        for hit in self.session.search(&request)?.hits {
            sink.int(hit.id.get() as i64);
            sink.text(hit.title.as_deref().unwrap_or_default());
        }
        Ok(())
    }
}

impl System for Ours {
    fn name(&self) -> &'static str {
        "engine"
    }

    fn ask<S: Sink>(&mut self, question: &Question, sink: &mut S) {
        if let Err(error) = self.answer(question, sink) {
            panic!("{question:?}: {error}");
        }
    }
}

pub fn options() -> Options {
    Options {
        clock: Arc::new(ManualClock::new(data::epoch())),
        standard_pack: false,
        ..Options::default()
    }
}

/// The choice at a position: choices are numbered from 1 in the order of their declaration.
pub fn choice(position: usize) -> Value {
    Value::Choice(ChoiceId(position as u16 + 1))
}

/// The moment of so many milliseconds.
pub fn moment_at(ms: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
}

/// The milliseconds of a moment.
pub fn moment(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn emit_rows(statement: &mut Statement, sink: &mut impl Sink) -> Result<usize> {
    let rows = statement.run()?;
    emit_each(rows, sink)
}

fn emit_each(mut rows: Rows, sink: &mut impl Sink) -> Result<usize> {
    let mut found = 0;
    while let Some(row) = rows.next()? {
        row.iter().for_each(|value| emit(value, sink));
        found += 1;
    }
    Ok(found)
}

fn emit(value: &Value, sink: &mut impl Sink) {
    match value {
        Value::Null => sink.null(),
        Value::Text(text) | Value::Digits(text) | Value::Email(text) | Value::Phone(text) => {
            sink.text(text);
        }
        Value::Integer(n) => sink.int(*n),
        Value::Reference(id) => sink.int(id.get() as i64),
        Value::Checkbox(checked) => sink.int(i64::from(*checked)),
        Value::Choice(choice) => sink.int(i64::from(choice.0)),
        Value::Date(date) => sink.int(i64::from(date.num_days_from_ce())),
        Value::DateTime(at) => sink.int(moment(*at)),
        Value::Money(money) => {
            let mut amount = money.amount;
            amount.rescale(2);
            sink.int(amount.mantissa() as i64);
        }
        other => sink.text(&other.to_string()),
    }
}

fn text_of<'j>(record: &'j Json, name: &str) -> &'j str {
    record[name].as_str().unwrap_or_default()
}
