//! Random stores that come in pairs: the same history twice, differing only in what one user, the
//! viewer, may not see.
//!
//! What he may see is told by the law of rights ([`Law`]), without asking the engine: the rules
//! stand at all levels, grant and ban, for all scopes, some under conditions; records are shared
//! and no longer shared. What a condition reads is the same in both stores.

use std::collections::BTreeSet;
use std::sync::Arc;

use crm_engine::{
    Engine, FieldChange, ManualClock, Options, RecordId, SectionDeclaration, Session, Version,
};
use serde_json::{Map, Value as Json, json};

use crate::rights::condition::Condition;
pub(super) use crate::rights::generate::Dice;
use crate::rights::law::{self, Access, Department, Fields, Kind, Law, Record, Role, Rule, User};

/// The owned objects of the stores, with the fields the histories fill; references are apart.
pub(super) const OBJECTS: [(&str, &[&str]); 4] = [
    ("company", &["name", "revenue", "phone", "industry"]),
    ("contact", &["name", "phone", "email"]),
    ("deal", &["title", "stage", "amount", "close_date"]),
    ("task", &["title", "due"]),
];
const STAGES: [&str; 4] = ["prospecting", "engaging", "won", "lost"];
const INDUSTRIES: [&str; 4] = ["retail", "medical", "finance", "other"];
const SCOPES: [&str; 7] = [
    "own",
    "shared",
    "supervised",
    "department",
    "subtree",
    "foreign",
    "all",
];
const USERS: usize = 6;
/// The first users may supervise others: they are of the kind that may.
const SUPERVISORS: usize = 2;
/// The roles whose rules concern the viewer: his own, that of his group, that of the departments
/// and that of everyone.
const ROLES: [&str; 4] = ["viewer", "watcher", "housed", "anybody"];
/// The positions in `ROLES` from which on rules concern others too.
const SHARED_ROLES: usize = 2;

/// One transaction of a history. Records are named by their positions among those created.
#[derive(Debug, Clone, Copy)]
enum Step {
    Create {
        object: usize,
        owner: usize,
        parent: Option<usize>,
    },
    Update {
        record: usize,
    },
    Give {
        record: usize,
        owner: usize,
    },
    HandOver {
        from: usize,
        to: usize,
    },
    Delete {
        record: usize,
    },
    /// Shares a record with those whose bits are set, and with nobody else.
    Share {
        record: usize,
        users: usize,
    },
}

/// A history and whom it is seen by.
#[derive(Debug)]
pub(super) struct Story {
    /// The organisation and the rules that concern the viewer, who is the first user.
    law: Law,
    pub(super) sees_users: bool,
    steps: Vec<Step>,
}

/// Which of the two stores of a pair.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Twin {
    First,
    Second,
}

/// A store in which a story has happened.
pub(super) struct World {
    engine: Engine,
    pub(super) host: Session,
    pub(super) viewer: Session,
    /// The users by their positions; the viewer is the first.
    pub(super) users: Vec<u64>,
    /// Every record ever made: its object and id.
    pub(super) records: Vec<(&'static str, RecordId)>,
}

impl World {
    /// A session of the user at a position.
    pub(super) fn session_of(&self, user: usize) -> Session {
        self.engine.login(&format!("user{user}")).unwrap()
    }
}

impl Story {
    pub(super) fn random(dice: &mut Dice) -> Story {
        let mut law = Law::default();
        let inside = dice.one_in(4);
        for user in 0..USERS {
            law.users.push(member(dice, user, inside));
        }
        law.departments = vec![
            Department {
                parent: None,
                roles: vec![2],
            },
            Department {
                parent: dice.one_in(2).then_some(0),
                roles: vec![2],
            },
        ];
        law.groups = vec![Vec::new(), vec![1]];
        law.roles = (0..ROLES.len())
            .map(|at| Role {
                everyone: at == 3,
                newcomer: false,
            })
            .collect();
        for (object, fields) in OBJECTS {
            for _ in 0..dice.below(4) {
                law.rules.push(rule(dice, object, fields));
            }
        }
        let sees_users = !dice.one_in(3);
        let fields = OBJECTS
            .into_iter()
            .flat_map(|(object, fields)| fields.iter().map(move |field| (object, *field)));
        law.closed = fields.filter(|_| dice.one_in(8)).collect();
        Story {
            steps: steps(dice),
            law,
            sees_users,
        }
    }

    /// A user and those he supervises.
    pub(super) fn below(&self, user: usize) -> BTreeSet<usize> {
        let members = self.law.users.iter().enumerate();
        let led = members.filter(|(_, member)| member.supervisor == Some(user));
        led.map(|(at, _)| at).chain([user]).collect()
    }

    /// Whether rules concern others than the viewer.
    pub(super) fn concerns_others(&self) -> bool {
        let mut rules = self.law.rules.iter();
        rules.any(|rule| rule.role >= SHARED_ROLES)
    }

    /// Whether the viewer sees a record.
    pub(super) fn sees(&self, record: &Record) -> bool {
        self.law.may(0, "view", record)
    }

    /// Whether the viewer sees a field of a record.
    pub(super) fn shows(&self, record: &Record, field: &str) -> bool {
        self.law.may_field(0, "view", record, field)
    }

    /// Every record as it is when all is over, or as it was when it was deleted.
    pub(super) fn last(&self, world: &World) -> Vec<Record> {
        let position = |user: &Json| world.users.iter().position(|id| json!(id) == *user);
        let last = |(object, id): &(&'static str, RecordId)| {
            let changes = world.host.history(object, *id).unwrap().unwrap();
            let versions = changes.as_array().unwrap().len() as u64;
            let alive = world.host.get(object, *id).unwrap();
            let record = alive.unwrap_or_else(|| {
                let version = Version(versions - 1);
                let past = world.host.at_version(object, *id, version);
                past.unwrap().unwrap()
            });
            let read = ["industry", "stage"].into_iter().filter_map(|field| {
                let text = record[field].as_str()?;
                Some((field, law::Value::Text(text.to_owned())))
            });
            let users = record["participants"].as_array();
            Record {
                object,
                owner: position(&record["owner"]),
                participants: users.into_iter().flatten().filter_map(position).collect(),
                fields: read.collect::<Fields>(),
                parent: None,
            }
        };
        world.records.iter().map(last).collect()
    }

    /// Tells the story in a new store. What the viewer may not see is told in another way in the
    /// second twin: `shown` tells which fields of which records he sees when all is over.
    pub(super) fn happen(&self, twin: Twin, shown: &dyn Fn(usize, &str) -> bool) -> World {
        let clock = Arc::new(ManualClock::new(moment(0)));
        let engine = Engine::in_memory(Options {
            clock: Arc::clone(&clock) as _,
            ..Options::default()
        })
        .unwrap();
        let host = engine.system();
        let users = self.organise(&host, twin);
        let mut world = World {
            viewer: engine.login("user0").unwrap(),
            host,
            users,
            records: Vec::new(),
            engine,
        };
        for (at, step) in self.steps.iter().enumerate() {
            clock.set(moment(at));
            self.take(&mut world, step, at, twin, shown);
        }
        world
    }

    fn organise(&self, host: &Session, twin: Twin) -> Vec<u64> {
        let create = |object: &str, fields: Json| host.create(object, &fields).unwrap().get();
        let roles = ROLES.map(|name| {
            let everyone = name == "anybody";
            create("role", json!({"name": name, "everyone": everyone}))
        });
        let mut departments: Vec<u64> = Vec::new();
        for (at, name) in ["north", "south"].iter().enumerate() {
            let parent = self.law.departments[at].parent.map(|at| departments[at]);
            let fields = json!({"name": name, "parent": parent, "roles": ["housed"]});
            departments.push(create("department", fields));
        }
        for rule in &self.law.rules {
            let named: Vec<&str> = rule.departments.iter().map(|_| "south").collect();
            let fields = json!({"role": roles[rule.role], "ban": rule.ban, "object": rule.object,
                "actions": rule.actions, "scope": rule.scope, "departments": named,
                "condition": rule.condition.as_ref().map(Condition::text),
                "fields": rule.fields, "hidden_fields": rule.hidden});
            create("grant", fields);
        }
        if self.sees_users {
            let fields = json!({"role": roles[0], "object": "user", "actions": ["view"],
                "scope": "all", "hidden_fields": ["name"]});
            create("grant", fields);
        }
        create("group", json!({"name": "insiders"}));
        create("group", json!({"name": "watchers", "roles": ["watcher"]}));
        self.close_sections(host);
        let mut users: Vec<u64> = Vec::new();
        for (at, member) in self.law.users.iter().enumerate() {
            let name = match twin {
                Twin::First => format!("First {at}"),
                Twin::Second => format!("Second {}", USERS - at),
            };
            let role = ["viewer", "manager", "agent"][at.min(2)];
            let kind = match at < SUPERVISORS {
                true => "administration",
                false => "employee",
            };
            let groups = member.groups.iter().map(|at| ["insiders", "watchers"][*at]);
            let fields = json!({"login": format!("user{at}"), "name": name, "roles": [role],
                "kind": kind, "groups": groups.collect::<Vec<_>>(),
                "department": member.department.map(|at| departments[at]),
                "supervisor": member.supervisor.map(|at| users[at])});
            users.push(create("user", fields));
        }
        users
    }

    /// Whether a condition of a rule reads a field.
    fn judges(&self, object: &str, field: &str) -> bool {
        let rules = self.law.rules.iter().filter(|rule| rule.object == object);
        let conditions = rules.filter_map(|rule| rule.condition.as_ref()?.fields());
        conditions.flatten().any(|read| read == field)
    }

    /// Moves the closed fields into sections for insiders, and counts them for completeness.
    fn close_sections(&self, host: &Session) {
        for (object, _) in OBJECTS {
            let closed = self.law.closed.iter().filter(|(of, _)| *of == object);
            let closed: Vec<String> = closed.map(|(_, field)| field.to_string()).collect();
            if closed.is_empty() {
                continue;
            }
            let section = SectionDeclaration {
                name: "closed".into(),
                groups: vec!["insiders".into()],
                ..SectionDeclaration::default()
            };
            host.create_section(object, &section, None).unwrap();
            for field in &closed {
                let change = FieldChange {
                    section: Some("closed".into()),
                    ..FieldChange::default()
                };
                host.update_field(object, field, &change).unwrap();
            }
            host.set_completeness(object, "closed", &closed).unwrap();
        }
    }

    fn take(
        &self,
        world: &mut World,
        step: &Step,
        at: usize,
        twin: Twin,
        shown: &dyn Fn(usize, &str) -> bool,
    ) {
        let host = world.host.clone();
        let content = |record: usize, object: &str, fields: &[&str]| -> Map<String, Json> {
            let value = |field: &&str| {
                let told = shown(record, field) || self.judges(object, field);
                let other = !told && twin == Twin::Second;
                (field.to_string(), value(field, at, other))
            };
            fields.iter().map(value).collect()
        };
        match *step {
            Step::Create {
                object,
                owner,
                parent,
            } => {
                let (object, names) = OBJECTS[object];
                let mut fields = content(world.records.len(), object, names);
                fields.insert("owner".into(), json!(world.users[owner]));
                if object == "company" {
                    fields.insert("legal_form".into(), json!("legal_entity"));
                }
                // A link to the parent where there is such a field; a parent may be deleted.
                if let Some((target, id)) = parent.map(|parent| world.records[parent]) {
                    let alive = host.get(target, id).unwrap().is_some();
                    let field = match target {
                        "company" if object == "company" => Some("parent"),
                        "company" => Some("company"),
                        "deal" if object == "task" => Some("deal"),
                        _ => None,
                    };
                    if let Some(field) = field.filter(|_| alive) {
                        fields.insert(field.into(), json!(id.get()));
                    }
                }
                let id = host.create(object, &Json::Object(fields)).unwrap();
                world.records.push((object, id));
            }
            Step::Update { record } => {
                let (object, id) = world.records[record];
                let names = OBJECTS.iter().find(|(name, _)| *name == object).unwrap().1;
                let fields = content(record, object, &names[..1 + at % names.len()]);
                // Deleted records stay what they were, in both twins.
                let _ = host.update(object, id, &Json::Object(fields), None);
            }
            Step::Give { record, owner } => {
                let (object, id) = world.records[record];
                let fields = json!({"owner": world.users[owner]});
                let _ = host.update(object, id, &fields, None);
            }
            Step::HandOver { from, to } => {
                let order = json!({"from": world.users[from], "to": world.users[to]});
                host.call("transfer", &order, &mut |_| true).unwrap();
            }
            Step::Share { record, users } => {
                let (object, id) = world.records[record];
                let chosen = (0..USERS).filter(|user| users >> user & 1 == 1);
                let chosen: Vec<u64> = chosen.map(|user| world.users[user]).collect();
                let _ = host.update(object, id, &json!({ "participants": chosen }), None);
            }
            Step::Delete { record } => {
                let (object, id) = world.records[record];
                // What others refer to stays, in both twins.
                let _ = host.delete(object, id, None);
            }
        }
    }
}

fn member(dice: &mut Dice, at: usize, inside: bool) -> User {
    let led = at >= SUPERVISORS && !dice.one_in(3);
    User {
        kind: match at < SUPERVISORS {
            true => Kind::Administration,
            false => Kind::Employee,
        },
        department: (!dice.one_in(4)).then(|| dice.below(2)),
        supervisor: led.then(|| dice.below(SUPERVISORS)),
        roles: if at == 0 { vec![0] } else { Vec::new() },
        groups: match (at, inside) {
            (0, true) => vec![0, 1],
            (0, false) => vec![1],
            _ => vec![0],
        },
        on_probation: false,
        probation_ended: false,
        confidentiality_signed: false,
        access: Access::Open,
    }
}

/// A rule about an object, of one of the viewer's roles.
fn rule(dice: &mut Dice, object: &'static str, fields: &[&'static str]) -> Rule {
    let ban = dice.one_in(4);
    let mut actions = vec!["view"];
    for action in [
        "create", "edit", "fill", "delete", "transfer", "share", "import",
    ] {
        actions.extend(dice.one_in(2).then_some(action));
    }
    let link = match object {
        "company" => "parent",
        _ => "company",
    };
    let more = ["owner", "created_at", "updated_at", link];
    let named = |dice: &mut Dice, more: &[&'static str]| -> Vec<&'static str> {
        let all = fields.iter().chain(more);
        all.copied().filter(|_| dice.one_in(6)).collect()
    };
    let hidden = if ban { Vec::new() } else { named(dice, &more) };
    let fields = if ban && dice.one_in(2) {
        named(dice, &[])
    } else {
        Vec::new()
    };
    let text = |text: &str| law::Value::Text(text.to_owned());
    let condition = match object {
        "company" => Condition::Is("industry", text(dice.pick(&INDUSTRIES))),
        "deal" => Condition::Is("stage", text(dice.pick(&STAGES))),
        _ => Condition::Unreadable,
    };
    let judged = ["company", "deal"].contains(&object) && dice.one_in(3);
    let scope = dice.pick(&SCOPES);
    Rule {
        role: if dice.one_in(3) {
            dice.below(ROLES.len())
        } else {
            dice.below(SHARED_ROLES)
        },
        ban,
        object,
        actions,
        scope,
        departments: match scope == "foreign" && dice.one_in(3) {
            true => vec![1],
            false => Vec::new(),
        },
        condition: judged.then_some(condition),
        fields,
        hidden,
    }
}

/// What happens, one transaction after the other.
fn steps(dice: &mut Dice) -> Vec<Step> {
    let mut made = 0;
    let mut steps = Vec::new();
    for _ in 0..40 {
        let owner = dice.below(USERS);
        let known = (made > 0).then(|| dice.below(made));
        steps.push(match (dice.below(12), known) {
            (5 | 6, Some(record)) => Step::Update { record },
            (7, Some(record)) => Step::Give { record, owner },
            (8, Some(record)) => Step::Delete { record },
            (9, _) if dice.one_in(3) => Step::HandOver {
                from: owner,
                to: (owner + 1) % USERS,
            },
            (10 | 11, Some(record)) => Step::Share {
                record,
                users: dice.below(1 << USERS),
            },
            (_, parent) => {
                made += 1;
                Step::Create {
                    object: dice.below(OBJECTS.len()),
                    owner,
                    parent,
                }
            }
        });
    }
    steps
}

/// The minute after the beginning.
fn moment<T: std::str::FromStr<Err: std::fmt::Debug>>(minute: usize) -> T {
    format!("2026-03-01T09:{minute:02}:00Z").parse().unwrap()
}

/// What a field becomes in the step `at`, in the one way or the other. Different steps give
/// different values: what changes in one twin changes in the other.
fn value(field: &str, at: usize, other: bool) -> Json {
    let shift = usize::from(other);
    let number = 100 - at + 1_000 * shift;
    match field {
        "revenue" => json!(number),
        "amount" => json!(format!("{number} {}", ["EUR", "USD"][shift])),
        "phone" => json!(format!("+7 495 {:07}", 5_000_000 - number)),
        "email" => json!(format!("p{number}@example.com")),
        "industry" => json!(INDUSTRIES[(at + shift) % 4]),
        "stage" => json!(STAGES[(at / 2 + shift) % 4]),
        "close_date" | "due" => {
            json!(format!("20{}-{:02}-11", 80 - at, 1 + (at + 5 * shift) % 12))
        }
        _ => json!(format!("{} {number}", ["Vega", "Orion"][shift])),
    }
}
