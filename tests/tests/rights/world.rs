//! An organisation in a store, with a session for everybody who can open one.

use std::path::Path;
use std::sync::Arc;

use crm_engine::{Door, Engine, FieldDeclaration, ManualClock, Options, RecordId, Result, Session};
use serde_json::{Value as Json, json};

use super::condition::Condition;
use super::generate::LOST;
use super::law::{Access, Kind, Law, Record, Rule, User, Value};
use super::shapes::SHAPES;

/// When the comparison takes place.
const NOW: &str = "2026-03-01T09:00:00Z";
const BEFORE: &str = "2026-02-01T00:00:00Z";
const AFTER: &str = "2026-04-01T00:00:00Z";

/// A store in which a law is in force.
pub(super) struct World {
    pub(super) law: Law,
    pub(super) engine: Engine,
    pub(super) host: Session,
    /// The users' ids by their positions.
    pub(super) users: Vec<u64>,
    pub(super) departments: Vec<u64>,
    pub(super) groups: Vec<u64>,
    pub(super) roles: Vec<u64>,
    pub(super) rules: Vec<u64>,
    pub(super) records: Vec<RecordId>,
    /// Every record as the host sees it.
    pub(super) truth: Vec<Json>,
    clock: Arc<ManualClock>,
}

fn options(clock: &Arc<ManualClock>) -> Options {
    Options {
        clock: Arc::clone(clock) as _,
        standard_pack: false,
        ..Options::default()
    }
}

pub(super) fn create(door: &mut Door<'_>, object: &str, fields: &Json) -> Result<RecordId> {
    let object = Arc::clone(door.schema().object(object)?);
    door.create_json(&object, fields)
}

pub(super) fn update(door: &mut Door<'_>, object: &str, id: u64, fields: &Json) -> Result<()> {
    let object = Arc::clone(door.schema().object(object)?);
    door.update_json(&object, RecordId::new(id)?, fields, None)
        .map(drop)
}

impl World {
    /// A store in memory.
    pub(super) fn new(law: Law) -> World {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let engine = Engine::in_memory(options(&clock)).unwrap();
        World::over(engine, clock, law)
    }

    /// A store at `path`.
    pub(super) fn at(path: &Path, law: Law) -> World {
        let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
        let engine = Engine::create(path, options(&clock)).unwrap();
        World::over(engine, clock, law)
    }

    fn over(engine: Engine, clock: Arc<ManualClock>, law: Law) -> World {
        let host = engine.system();
        let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/packs/rights");
        let install = json!({ "path": pack });
        host.call("pack.install", &install, &mut |_| true).unwrap();
        let mut world = World {
            law,
            engine,
            host,
            users: Vec::new(),
            departments: Vec::new(),
            groups: Vec::new(),
            roles: Vec::new(),
            rules: Vec::new(),
            records: Vec::new(),
            truth: Vec::new(),
            clock,
        };
        world.organise();
        world.fill();
        world.close_access();
        world.learn();
        world
    }

    /// The same store, opened anew: nothing of what was compiled before is left.
    pub(super) fn reopened(self, path: &Path) -> World {
        self.engine.close().unwrap();
        let World {
            host,
            engine,
            clock,
            ..
        } = self;
        drop((host, engine));
        let engine = Engine::open(path, options(&clock)).unwrap();
        World {
            host: engine.system(),
            engine,
            clock,
            law: self.law,
            users: self.users,
            departments: self.departments,
            groups: self.groups,
            roles: self.roles,
            rules: self.rules,
            records: self.records,
            truth: self.truth,
        }
    }

    /// People, rules and where they stand. What some rules name is then lost: a field of each
    /// object and a department.
    fn organise(&mut self) {
        let host = self.host.clone();
        let lost: FieldDeclaration =
            serde_json::from_value(json!({"name": LOST, "type": "integer"})).unwrap();
        for shape in &SHAPES {
            host.create_field(shape.name, &lost, None).unwrap();
        }
        let nowhere = host
            .create("department", &json!({"name": "nowhere"}))
            .unwrap();
        let made = host.transact("organise", |door| {
            (self.roles, self.departments, self.groups) = <_>::default();
            (self.rules, self.users) = <_>::default();
            self.open_departments(door)?;
            for rule in &self.law.rules {
                self.rules
                    .push(create(door, "grant", &self.rule_json(rule))?.get());
            }
            for at in 0..self.law.users.len() {
                let mut fields = self.user_json(at);
                fields["login"] = json!(format!("u{at}"));
                fields["name"] = json!(format!("User {at}"));
                let user = &self.law.users[at];
                fields["kind"] = json!(kind(user.kind));
                // Agents from outside have an end, or no access at all.
                let outside = user.kind == Kind::External;
                fields["access_until"] = json!(outside.then_some(AFTER));
                self.users.push(create(door, "user", &fields)?.get());
            }
            Ok(())
        });
        made.unwrap();
        host.delete("department", nowhere, None).unwrap();
        for shape in &SHAPES {
            host.delete_field(shape.name, LOST).unwrap();
        }
    }

    fn open_departments(&mut self, door: &mut Door<'_>) -> Result<()> {
        for (at, role) in self.law.roles.iter().enumerate() {
            let fields = json!({"name": format!("r{at}"), "everyone": role.everyone,
                "newcomer": role.newcomer});
            self.roles.push(create(door, "role", &fields)?.get());
        }
        for at in 0..self.law.departments.len() {
            let mut fields = self.department_json(at);
            fields["name"] = json!(format!("d{at}"));
            self.departments
                .push(create(door, "department", &fields)?.get());
        }
        for (at, roles) in self.law.groups.iter().enumerate() {
            let fields = json!({"name": format!("g{at}"), "roles": names("r", roles)});
            self.groups.push(create(door, "group", &fields)?.get());
        }
        Ok(())
    }

    /// What rights depend on of a user, as it is written.
    pub(super) fn user_json(&self, at: usize) -> Json {
        let user = &self.law.users[at];
        json!({"roles": names("r", &user.roles), "groups": names("g", &user.groups),
            "department": user.department.map(|at| self.departments[at]),
            "supervisor": user.supervisor.map(|at| self.users[at]),
            "on_probation": user.on_probation, "probation_ended": user.probation_ended,
            "confidentiality_signed": user.confidentiality_signed})
    }

    /// What rights depend on of a department, as it is written.
    pub(super) fn department_json(&self, at: usize) -> Json {
        let department = &self.law.departments[at];
        json!({"parent": department.parent.map(|at| self.departments[at]),
            "roles": names("r", &department.roles)})
    }

    fn fill(&mut self) {
        for at in 0..self.law.records.len() {
            if at % 8 == 0 {
                let minute = format!("2026-02-02T09:{at:02}:00Z");
                self.clock.set(minute.parse().unwrap());
            }
            let record = &self.law.records[at];
            let fields = self.record_json(record);
            let made = self.host.create(record.object, &fields).unwrap();
            self.records.push(made);
        }
        self.clock.set(NOW.parse().unwrap());
    }

    fn close_access(&self) {
        let closed = self.host.transact("close", |door| {
            for (user, id) in self.law.users.iter().zip(&self.users) {
                let fields = access(user);
                if fields != json!({}) {
                    update(door, "user", *id, &fields)?;
                }
            }
            Ok(())
        });
        closed.unwrap();
    }

    /// Reads every record as the host sees it.
    pub(super) fn learn(&mut self) {
        let records = self.law.records.iter().zip(&self.records);
        let read = records.map(|(record, id)| self.host.get(record.object, *id));
        self.truth = read.map(|json| json.unwrap().unwrap()).collect();
    }

    /// A record as it is written.
    pub(super) fn record_json(&self, record: &Record) -> Json {
        let fields = record.fields.iter();
        let fields = fields.map(|(name, value)| ((*name).to_owned(), self.json(value)));
        let mut json = Json::Object(fields.collect());
        if record.parent.is_none() && record.owner.is_some() {
            json["owner"] = json!(record.owner.map(|at| self.users[at]));
        }
        if record.parent.is_none() && !record.participants.is_empty() {
            let users = record.participants.iter().map(|at| self.users[*at]);
            json["participants"] = users.collect();
        }
        json
    }

    /// A value as it is written.
    pub(super) fn json(&self, value: &Value) -> Json {
        match value {
            Value::Number(number) => json!(number),
            Value::Text(text) => json!(text),
            Value::User(at) => json!(self.users[*at]),
            Value::Record(at) => json!(self.records[*at].get()),
        }
    }

    /// A session of a user; none for who may do nothing.
    pub(super) fn session(&self, user: usize) -> Option<Session> {
        self.engine.login(&format!("u{user}")).ok()
    }

    /// Writes one more rule.
    pub(super) fn add_rule(&mut self, rule: Rule) {
        let made = self.host.create("grant", &self.rule_json(&rule)).unwrap();
        self.rules.push(made.get());
        self.law.rules.push(rule);
    }

    /// Takes a rule away.
    pub(super) fn remove_rule(&mut self, at: usize) {
        let id = RecordId::new(self.rules.remove(at)).unwrap();
        self.host.delete("grant", id, None).unwrap();
        self.law.rules.remove(at);
    }

    /// Changes a record, by the host.
    pub(super) fn set(&self, object: &str, id: u64, fields: &Json) {
        let id = RecordId::new(id).unwrap();
        self.host.update(object, id, fields, None).unwrap();
    }

    /// A rule as it is written.
    pub(super) fn rule_json(&self, rule: &Rule) -> Json {
        let department = |at: &usize| match *at < self.law.departments.len() {
            true => format!("d{at}"),
            false => "nowhere".to_owned(),
        };
        let departments: Vec<String> = rule.departments.iter().map(department).collect();
        json!({"role": self.roles[rule.role], "ban": rule.ban, "object": rule.object,
            "actions": rule.actions, "scope": rule.scope, "departments": departments,
            "condition": rule.condition.as_ref().map(Condition::text),
            "fields": rule.fields, "hidden_fields": rule.hidden})
    }

    /// Whether everything derived from records is what they give.
    pub(super) fn verify(&self) {
        let report = self.host.call("verify", &json!({}), &mut |_| true).unwrap();
        assert_eq!(report["faults"], 0, "{report}");
    }

    /// A user in short.
    pub(super) fn describe(&self, user: usize) -> String {
        let law = &self.law;
        let mut told = String::new();
        for (at, other) in law.users.iter().enumerate() {
            let mark = if at == user { "->" } else { "  " };
            told += &format!("\n{mark}u{at}: {other:?}");
        }
        for (at, department) in law.departments.iter().enumerate() {
            told += &format!("\n  d{at}: {department:?}");
        }
        told += &format!("\n  groups {:?}", law.groups);
        for (at, role) in law.roles.iter().enumerate() {
            told += &format!("\n  r{at}: {role:?}");
        }
        for rule in &law.rules {
            let condition = rule.condition.as_ref().map(Condition::text);
            told += &format!(
                "\n  r{} {} {} {:?} {} departments {:?} if {condition:?} fields {:?} hidden {:?}",
                rule.role,
                if rule.ban { "BANS" } else { "grants" },
                rule.object,
                rule.actions,
                rule.scope,
                rule.departments,
                rule.fields,
                rule.hidden
            );
        }
        told
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Admin => "admin",
        Kind::Administration => "administration",
        Kind::Employee => "employee",
        Kind::Service => "service",
        Kind::External => "external",
    }
}

fn access(user: &User) -> Json {
    match user.access {
        Access::Open => json!({}),
        Access::Closed => json!({"access_closed": BEFORE}),
        Access::NotYet => json!({"access_from": AFTER}),
        Access::Over => json!({"access_until": BEFORE}),
        Access::Within => json!({"access_from": BEFORE, "access_until": AFTER}),
    }
}

/// Names by positions: `r0`, `r1`.
fn names(letter: &str, places: &[usize]) -> Vec<String> {
    places.iter().map(|at| format!("{letter}{at}")).collect()
}
