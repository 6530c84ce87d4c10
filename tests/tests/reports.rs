//! Reports and the stage log against naive computations of the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use crm_engine::{
    Code, DrillRequest, Engine, ManualClock, Moment, Options, Params, RecordId, ReportAudience,
    ReportDeclaration, ReportRequest, Session, UserId, Value, Version,
};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

const STAGES: [&str; 4] = ["prospecting", "engaging", "won", "lost"];
const ROUNDS: u64 = 12;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

struct World {
    clock: Arc<ManualClock>,
    now: DateTime<Utc>,
    host: Session,
    users: Vec<(UserId, Session)>,
}

impl World {
    fn new() -> World {
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let engine = Engine::in_memory(Options {
            clock: Arc::clone(&clock) as _,
            ..Options::default()
        })
        .unwrap();
        let host = engine.system();
        let users = ["anna", "ivo", "olga"].map(|login| {
            let user = json!({"login": login, "name": login, "roles": ["manager"]});
            let id = UserId(host.create("user", &user).unwrap());
            (id, engine.login(login).unwrap())
        });
        World {
            clock,
            now,
            host,
            users: users.into(),
        }
    }

    fn pass(&mut self, minutes: usize) {
        self.now += TimeDelta::minutes(minutes as i64);
        self.clock.set(self.now);
    }
}

/// A stay as the test knows it: stage, from, to.
type Stay = (&'static str, DateTime<Utc>, Option<DateTime<Utc>>);

#[derive(Default)]
struct Model {
    deals: BTreeMap<RecordId, (UserId, Vec<Stay>)>,
}

impl Model {
    /// What the log says of the deals that `sees` is true for, a line for each stay.
    fn lines(&self, sees: impl Fn(UserId) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (id, (_, stays)) in self.deals.iter().filter(|(_, (owner, _))| sees(*owner)) {
            for (at, (stage, from, to)) in stays.iter().enumerate() {
                let visit = stays[..=at].iter().filter(|stay| stay.0 == *stage).count();
                let name = |stay: Option<&Stay>| stay.map_or("", |stay| stay.0);
                let previous = name(at.checked_sub(1).map(|before| &stays[before]));
                let next = name(stays.get(at + 1));
                let to = to.map_or(String::new(), text);
                lines.push(format!(
                    "{id} {stage} {} {to} {visit} {previous} {next}",
                    text(*from)
                ));
            }
        }
        lines
    }
}

fn text(at: DateTime<Utc>) -> String {
    Value::DateTime(at).to_string()
}

fn log(session: &Session) -> Vec<String> {
    let sql = "SELECT record, stage, entered_at, left_at, visit, previous, next FROM deal_stage ORDER BY id";
    let mut rows = session.query(sql, &Params::new()).unwrap();
    let columns = rows.columns().to_vec();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells: Vec<String> = columns.iter().zip(row).map(|(c, v)| c.text(v)).collect();
        lines.push(cells.join(" "));
    }
    lines
}

#[test]
fn the_stage_log_is_what_happened() {
    for round in 0..ROUNDS {
        let (mut world, mut model, mut dice) = (World::new(), Model::default(), Dice(round));
        for _ in 0..40 {
            let minutes = 1 + dice.below(5_000);
            world.pass(minutes);
            step(&world, &mut model, &mut dice);
        }
        assert_eq!(log(&world.host), model.lines(|_| true), "round {round}");
        for (id, session) in &world.users {
            assert_eq!(
                log(session),
                model.lines(|owner| owner == *id),
                "round {round}"
            );
        }
        one_by_one(&world, &model);
    }
}

fn step(world: &World, model: &mut Model, dice: &mut Dice) {
    let (user, session) = dice.of(&world.users);
    let stage = *dice.of(&STAGES);
    let known: Vec<RecordId> = model.deals.keys().copied().collect();
    if known.is_empty() || dice.below(5) == 0 {
        let deal = json!({"title": "Deal", "stage": stage});
        let id = session.create("deal", &deal).unwrap();
        model
            .deals
            .insert(id, (*user, vec![(stage, world.now, None)]));
        return;
    }
    let id = *dice.of(&known);
    let set = |fields: Json| world.host.update("deal", id, &fields, None).unwrap();
    let deal = model.deals.get_mut(&id).unwrap();
    match dice.below(8) {
        0 => {
            world.host.delete("deal", id, None).unwrap();
            model.deals.remove(&id);
        }
        1 => {
            set(json!({"owner": user.get()}));
            deal.0 = *user;
        }
        2 => drop(set(json!({"title": format!("Deal {stage}")}))),
        _ => {
            set(json!({"stage": stage}));
            let last = deal.1.last_mut().unwrap();
            if last.0 != stage {
                last.2 = Some(world.now);
                deal.1.push((stage, world.now, None));
            }
        }
    }
}

/// The log of one deal, and of one owner's deals, by the ways made for them.
fn one_by_one(world: &World, model: &Model) {
    let count = |sql: &str, value: RecordId| {
        let params = Params::new().with(value);
        let mut rows = world.host.query(sql, &params).unwrap();
        rows.next().unwrap().unwrap()[0].as_integer().unwrap() as usize
    };
    for (id, (_, stays)) in &model.deals {
        let found = count("SELECT count(*) FROM deal_stage WHERE record = ?", *id);
        assert_eq!(found, stays.len());
    }
    for (user, _) in &world.users {
        let own = model.deals.values().filter(|(owner, _)| owner == user);
        let stays: usize = own.map(|(_, stays)| stays.len()).sum();
        let found = count("SELECT count(*) FROM deal_stage WHERE owner = ?", user.0);
        assert_eq!(found, stays);
    }
}

/// A world of deals of several users, some of them shared, with companies some cannot see.
fn deals(dice: &mut Dice) -> World {
    let world = World::new();
    let mut companies = Vec::new();
    for (user, session) in &world.users {
        for name in ["Vega", "Lyra"] {
            let name = format!("{name} of {}", user.get());
            let company = json!({"name": name, "legal_form": "legal_entity"});
            companies.push(session.create("company", &company).unwrap());
        }
    }
    for n in 0..40 {
        let (user, _) = *dice.of(&world
            .users
            .iter()
            .map(|(id, _)| (*id, ()))
            .collect::<Vec<_>>());
        let company = match dice.below(5) {
            0 => Json::Null,
            _ => json!(dice.of(&companies).get()),
        };
        let amount = match dice.below(6) {
            0 => Json::Null,
            _ => json!({"amount": format!("{}.5", dice.below(900)), "currency": "EUR"}),
        };
        let shared = match dice.below(4) {
            0 => json!([world.users[dice.below(3)].0.get()]),
            _ => json!([]),
        };
        let deal = json!({
            "title": format!("Deal {n}"), "stage": dice.of(&STAGES), "company": company,
            "amount": amount, "owner": user.get(), "participants": shared,
            "close_date": format!("2026-0{}-11", 1 + dice.below(4)),
        });
        world.host.create("deal", &deal).unwrap();
    }
    world
}

fn asked() -> ReportRequest {
    ReportRequest {
        period: Some("2026-Q1".into()),
        ..ReportRequest::default()
    }
}

/// The number and the sum of the records behind a figure.
fn behind(session: &Session, column: &str, key: Option<Json>) -> (usize, Option<Decimal>) {
    let request = DrillRequest {
        column: column.into(),
        key: key.map(|key| key.as_object().unwrap().clone()),
        asked: asked(),
        limit: Some(1_000),
        ..DrillRequest::default()
    };
    let mut rows = session.drill("income_by_client", &request).unwrap();
    let amount = rows
        .columns()
        .iter()
        .position(|column| column.name == "amount")
        .unwrap();
    let (mut count, mut sum) = (0, None);
    while let Some(row) = rows.next().unwrap() {
        count += 1;
        if let Value::Money(money) = &row[amount] {
            *sum.get_or_insert(Decimal::ZERO) += money.amount;
        }
    }
    (count, sum.filter(|sum| !sum.is_zero()))
}

fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::Money(money) => Some(money.amount),
        _ => None,
    }
}

#[test]
fn figures_are_what_stands_behind_them() {
    for round in 0..4 {
        let world = deals(&mut Dice(round));
        let sessions = world.users.iter().map(|(_, session)| session);
        for session in sessions.chain([&world.host]) {
            let report = session.report("income_by_client", &asked(), None).unwrap();
            let column = |name: &str| {
                let columns = &report.table.columns;
                columns
                    .iter()
                    .position(|column| column.name == name)
                    .unwrap()
            };
            for (row, key) in report.table.rows.iter().zip(&report.keys) {
                let key = match &key[0] {
                    Value::Reference(id) => json!({"client": id.get()}),
                    _ => json!({"client": null}),
                };
                for (count, sum) in [("deals", "income"), ("open_deals", "expected")] {
                    let (number, total) = behind(session, count, Some(key.clone()));
                    assert_eq!(row[column(count)], Value::Integer(number as i64), "{key}");
                    assert_eq!(amount(&row[column(sum)]), total, "{key}");
                }
            }
            let total = report.total.as_ref().unwrap();
            let (number, sum) = behind(session, "deals", None);
            assert_eq!(total[column("deals")], Value::Integer(number as i64));
            assert_eq!(amount(&total[column("income")]), sum);
        }
    }
}

#[test]
fn what_one_does_not_see_changes_nothing() {
    let mut dice = Dice(7);
    let world = deals(&mut dice);
    let (anna, session) = &world.users[0];
    let names: Vec<String> = session
        .reports("en")
        .unwrap()
        .into_iter()
        .map(|report| report.name)
        .collect();
    assert!(names.len() > 5);
    let tell = || -> Vec<String> {
        let run =
            |name: &String| session.call("report.run", &json!({"report": name}), &mut |_| true);
        names
            .iter()
            .map(|name| run(name).unwrap().to_string())
            .collect()
    };
    let before = tell();
    let mut rows = world
        .host
        .query("SELECT id, owner, participants FROM deal", &Params::new())
        .unwrap();
    let mut hidden = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let shared = matches!(&row[2], Value::References(users) if users.contains(&anna.0));
        if row[1].as_reference() != Some(anna.0) && !shared {
            hidden.push(RecordId::new(row[0].as_integer().unwrap() as u64).unwrap());
        }
    }
    assert!(hidden.len() > 5);
    for id in hidden {
        let fields =
            json!({"stage": dice.of(&STAGES), "amount": "77 USD", "close_date": "2026-03-02"});
        world.host.update("deal", id, &fields, None).unwrap();
    }
    assert_eq!(tell(), before);
}

/// An administrator who opened a report answers for what it tells: nobody else changes that.
#[test]
fn what_somebody_opened_is_changed_by_nobody_else() {
    let engine = Engine::in_memory(Options::default()).unwrap();
    let host = engine.system();
    let user = |login: &str, kind: &str| {
        let user = json!({"login": login, "name": login, "kind": kind, "roles": ["agent"]});
        host.create("user", &user).unwrap();
        engine.login(login).unwrap()
    };
    let (boss, other) = (user("boss", "admin"), user("other", "admin"));
    let anna = user("anna", "employee");
    let text = "name = 'all_of_it'\npart = [{ name = 'deals', from = 'deal', measure = { deals = 'count(*)' } }]";
    let (id, _) = boss
        .save_report(None, &text.parse().unwrap(), false)
        .unwrap();
    let asked = ReportRequest::default();
    let code = |error: crm_engine::Error| error.code();
    assert_eq!(
        anna.report("all_of_it", &asked, None).map_err(code),
        Err(Code::NotFound)
    );
    let to = ReportAudience {
        roles: vec!["agent".into()],
        ..ReportAudience::default()
    };
    boss.open_report("all_of_it", &to).unwrap();
    assert!(anna.report("all_of_it", &asked, None).unwrap().opened);
    let record = || host.get("report", id).unwrap();
    let opened = record();
    let wider: ReportDeclaration = text.replace("deals = ", "more = ").parse().unwrap();
    let refused = other.save_report(Some(id), &wider, false).map_err(code);
    assert_eq!(refused, Err(Code::Denied));
    let fields = json!({"opened_users": ["anna"]});
    let refused = other.update("report", id, &fields, None).map_err(code);
    assert_eq!(refused, Err(Code::ReadOnly));
    assert_eq!(record(), opened);
    // Who takes back that it was closed would open it in another's name.
    other
        .open_report("all_of_it", &ReportAudience::default())
        .unwrap();
    assert_eq!(
        anna.report("all_of_it", &asked, None).map_err(code),
        Err(Code::NotFound)
    );
    let closed = record();
    let before = Moment::Version(Version(2));
    assert_eq!(
        other.revert_record("report", id, before).map_err(code),
        Err(Code::Denied)
    );
    assert_eq!(record(), closed);
    assert!(boss.revert_record("report", id, before).is_ok());
    assert!(anna.report("all_of_it", &asked, None).unwrap().opened);
}

/// What is told of in the journal is what was taken out: a file that exists stays as it is, and
/// nothing is told.
#[test]
fn a_file_that_exists_is_no_export() {
    let host = Engine::in_memory(Options::default()).unwrap().system();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sources.csv");
    let path = path.to_str().unwrap();
    let asked = json!({"report": "sources", "format": "csv", "path": path});
    let exports = || {
        let order = json!({"kinds": ["export"]});
        let told = host.call("journal", &order, &mut |_| true).unwrap();
        told["entries"].as_array().unwrap().len()
    };
    host.call("report.run", &asked, &mut |_| true).unwrap();
    let written = std::fs::read(path).unwrap();
    assert_eq!(exports(), 1);

    let refused = host.call("report.run", &asked, &mut |_| true);
    assert_eq!(refused.unwrap_err().code(), Code::InvalidValue);
    assert_eq!(std::fs::read(path).unwrap(), written);
    assert_eq!(exports(), 1);
}
