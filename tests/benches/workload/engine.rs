//! The engine under test, through its public Rust API.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Utc};
use crm_engine::{
    CardRequest, ChoiceId, Currency, Door, Engine, Field, Input, ManualClock, Money, Object,
    Options, Params, RecordId, Result, SearchRequest, Session, Statement, UserId, Value, ValueType,
};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::data::{self, Data, Place, Role};
use crate::work::{Question, Sink, System};

/// Records created in one transaction.
const BATCH: usize = 2_000;

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
            latest: session.prepare(
                "SELECT id, name, city, segment, last_activity FROM company \
                 ORDER BY last_activity DESC LIMIT 50",
            )?,
            funnel: session
                .prepare("SELECT stage, count(*), sum(amount) FROM deal GROUP BY stage")?,
            count: session
                .prepare("SELECT count(*) FROM company WHERE city = ? AND segment = ?")?,
            session,
        })
    }
}

impl Ours {
    /// Opens a store that was loaded before.
    pub fn open(path: &Path) -> Result<Ours> {
        let engine = Engine::open(path, options())?;
        let host = engine.system();
        let first = |object: &str| -> Result<u64> {
            let mut rows = host.query(
                &format!("SELECT id FROM {object} ORDER BY id LIMIT 1"),
                &Params::new(),
            )?;
            let row = rows.next()?.map(|row| row[0].as_integer());
            Ok(row.flatten().unwrap_or_default().unsigned_abs())
        };
        let mut users = Vec::new();
        for user in data::users() {
            let login = engine.login(&user.login)?;
            users.push(login.user().map_or(0, UserId::get));
        }
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

    /// Makes the store and loads the data set into it.
    pub fn load(path: &Path, data: Data) -> Result<()> {
        let engine = Engine::create(path, options())?;
        let host = engine.system();
        let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/workload/pack");
        host.call("pack.install", &json!({"path": pack}), &mut |_| true)?;
        let users = organisation(&host)?;
        let companies = load(&host, "company", data.n, |object, number| {
            company(object, data.company(number), &users)
        })?;
        load(&host, "contact", data.contacts(), |object, number| {
            let contact = data.contact(number);
            let mut input = Input::default();
            input.set(object, "company", companies[contact.company])?;
            input.set(object, "name", contact.name)?;
            input.set(object, "phone", contact.phone)?;
            input.set(object, "email", contact.email)?;
            input.set(object, "decision_maker", contact.decision_maker)?;
            Ok(input)
        })?;
        load(&host, "deal", data.deals(), |object, number| {
            let deal = data.deal(number);
            let mut input = Input::default();
            input.set(object, "company", companies[deal.company])?;
            input.set(object, "title", deal.title)?;
            input.set(object, "stage", choice(deal.stage))?;
            input.set(object, "amount", money(deal.amount_cents)?)?;
            input.set(object, "margin", money(deal.margin_cents)?)?;
            input.set(object, "seller", users[deal.seller])?;
            Ok(input)
        })?;
        load(&host, "activity", data.activities(), |object, number| {
            let activity = data.activity(number);
            let mut input = Input::default();
            input.set(object, "company", companies[activity.company])?;
            input.set(object, "kind", choice(activity.kind))?;
            input.set(object, "subject", activity.subject)?;
            input.set(object, "due", activity.due)?;
            input.set(object, "done", activity.done)?;
            Ok(input)
        })?;
        engine.close()
    }

    /// A session of a user by his number.
    pub fn login(&self, user: usize) -> Result<Session> {
        self.engine.login(&data::users()[user].login)
    }

    /// The host itself.
    pub fn host(&self) -> Session {
        self.engine.system()
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

/// Departments and users; gives the ids of the users.
fn organisation(host: &Session) -> Result<Vec<RecordId>> {
    host.transact("organisation", |door| {
        let schema = Arc::clone(door.schema());
        let (department, user) = (schema.object("department")?, schema.object("user")?);
        let mut regions = Vec::new();
        for n in 0..data::REGIONS {
            let name = json!({"name": format!("Region {n}")});
            regions.push(door.create_json(department, &name)?);
        }
        let mut departments = Vec::new();
        for n in 0..data::DEPARTMENTS {
            let parent = regions[data::region(n)];
            let fields = json!({"name": format!("Department {n}"), "parent": parent});
            departments.push(door.create_json(department, &fields)?);
        }
        let users = data::users();
        let mut ids = Vec::new();
        for described in &users {
            let role = match described.role {
                Role::Employee => vec!["employee"],
                Role::Head => vec!["head"],
                Role::RegionalHead => vec!["regional_head"],
                Role::Administrator => Vec::new(),
            };
            let fields = json!({
                "login": described.login,
                "name": described.login,
                "department": match described.place {
                    Place::Department(n) => Some(departments[n]),
                    Place::Region(n) => Some(regions[n]),
                    Place::Nowhere => None,
                },
                "roles": role,
                "kind": match described.role {
                    Role::Administrator => "admin",
                    // Others have them as their supervisors.
                    Role::Head | Role::RegionalHead => "administration",
                    Role::Employee => "employee",
                },
            });
            ids.push(door.create_json(user, &fields)?);
        }
        for (described, id) in users.iter().zip(&ids) {
            if let Some(supervisor) = described.supervisor {
                let fields = json!({"supervisor": ids[supervisor]});
                door.update_json(user, *id, &fields, None)?;
            }
        }
        Ok(ids)
    })
}

/// Creates `count` records of an object in batches, and gives their ids.
fn load(
    host: &Session,
    object: &str,
    count: usize,
    input: impl Fn(&Object, usize) -> Result<Input>,
) -> Result<Vec<RecordId>> {
    let mut ids = Vec::with_capacity(count);
    for start in (0..count).step_by(BATCH) {
        let batch = host.transact("load", |door: &mut Door<'_>| {
            let schema = Arc::clone(door.schema());
            let object = schema.object(object)?;
            (start..count.min(start + BATCH))
                .map(|number| door.create(object, input(object, number)?))
                .collect::<Result<Vec<RecordId>>>()
        })?;
        ids.extend(batch);
    }
    Ok(ids)
}

fn company(object: &Object, company: data::Company, users: &[RecordId]) -> Result<Input> {
    let participants = company.participants.iter().map(|user| UserId(users[*user]));
    let mut input = Input::default()
        .with_owner(Some(UserId(users[company.owner])))
        .with_participants(participants);
    input.set(object, "name", company.name)?;
    input.set(object, "tax_number", company.tax_number)?;
    input.set(object, "phone", Value::Phone(company.phone))?;
    input.set(object, "email", Value::Email(company.email))?;
    input.set(object, "city", company.city)?;
    input.set(object, "segment", choice(company.segment))?;
    input.set(object, "created", company.created)?;
    input.set(object, "last_activity", company.last_activity)?;
    if let Some(note) = company.note {
        input.set(object, "note", note)?;
    }
    if let Some(contract) = company.contract {
        input.set(object, "contract", Value::Digits(contract))?;
    }
    if let Some(date) = company.contract_date {
        input.set(object, "contract_date", date)?;
    }
    if let Some(newsletter) = company.newsletter {
        input.set(object, "newsletter", newsletter)?;
    }
    if let Some(rating) = company.rating {
        input.set(object, "rating", choice(rating))?;
    }
    if let Some(cents) = company.budget_cents {
        input.set(object, "budget", money(cents)?)?;
    }
    Ok(input)
}

/// The choice at a position: choices are numbered from 1 in the order of their declaration.
fn choice(position: usize) -> Value {
    Value::Choice(ChoiceId(position as u16 + 1))
}

fn money(cents: i64) -> Result<Value> {
    let currency = Currency::new(data::CURRENCY)?;
    Ok(Value::Money(Money::new(Decimal::new(cents, 2), currency)))
}

/// The milliseconds of a moment.
pub fn moment(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn emit_rows(statement: &mut Statement, sink: &mut impl Sink) -> Result<usize> {
    let mut rows = statement.run()?;
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
