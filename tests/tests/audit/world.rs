//! Random stores that come in pairs: the same history twice, differing only in what one user, the
//! viewer, may not see.
//!
//! What he may see is worked out here from the records of rights alone, word by word, without
//! asking the engine: whose records a grant reaches, and which fields it hides.

use std::collections::BTreeSet;
use std::sync::Arc;

use crm_engine::{
    Engine, FieldChange, ManualClock, Options, RecordId, SectionDeclaration, Session,
};
use serde_json::{Map, Value as Json, json};

/// The owned objects of the stores, with the fields the histories fill; references are apart.
pub(super) const OBJECTS: [(&str, &[&str]); 4] = [
    ("company", &["name", "revenue", "phone", "industry"]),
    ("contact", &["name", "phone", "email"]),
    ("deal", &["title", "stage", "amount", "close_date"]),
    ("task", &["title", "due"]),
];
const STAGES: [&str; 4] = ["prospecting", "engaging", "won", "lost"];
const INDUSTRIES: [&str; 4] = ["retail", "medical", "finance", "other"];
const SCOPES: [&str; 4] = ["own", "supervised", "department", "all"];
const USERS: usize = 6;
/// The first users may supervise others: they are of the kind that may.
const SUPERVISORS: usize = 2;

/// The same numbers for the same seed, everywhere and for ever (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let end = u64::try_from(end).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % end).unwrap()
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// A user of the organisation. Users and departments are named by their positions.
#[derive(Debug)]
struct Member {
    department: Option<usize>,
    supervisor: Option<usize>,
}

/// A grant of the viewer's role: what it lets him do, for whose records, hiding what.
#[derive(Debug)]
pub(super) struct Grant {
    object: &'static str,
    actions: Vec<&'static str>,
    scope: &'static str,
    hidden: Vec<&'static str>,
}

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
}

/// A history and whom it is seen by.
#[derive(Debug)]
pub(super) struct Story {
    members: Vec<Member>,
    pub(super) grants: Vec<Grant>,
    pub(super) sees_users: bool,
    /// Fields that stand in a section for insiders; the viewer may be one of them.
    closed: Vec<(&'static str, &'static str)>,
    inside: bool,
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
        let members = (0..USERS).map(|user| Member {
            department: (!dice.one_in(4)).then(|| dice.below(2)),
            supervisor: (user >= SUPERVISORS && !dice.one_in(3)).then(|| dice.below(SUPERVISORS)),
        });
        let members = members.collect();
        let mut grants = Vec::new();
        for (object, fields) in OBJECTS {
            for _ in 0..dice.below(3) {
                let mut actions = vec!["view"];
                for action in ["create", "edit", "delete", "transfer", "import"] {
                    actions.extend(dice.one_in(2).then_some(action));
                }
                let link = if object == "company" {
                    "parent"
                } else {
                    "company"
                };
                let more = ["owner", "created_at", "updated_at", link];
                let fields = fields.iter().chain(&more);
                let hidden = fields.copied().filter(|_| dice.one_in(6)).collect();
                let scope = dice.pick(&SCOPES);
                grants.push(Grant {
                    object,
                    actions,
                    scope,
                    hidden,
                });
            }
        }
        let sees_users = !dice.one_in(3);
        let fields = OBJECTS
            .into_iter()
            .flat_map(|(object, fields)| fields.iter().map(move |field| (object, *field)));
        let closed = fields.filter(|_| dice.one_in(8)).collect();
        let inside = dice.one_in(4);
        let mut made = 0;
        let mut steps = Vec::new();
        for _ in 0..40 {
            let owner = dice.below(USERS);
            let known = (made > 0).then(|| dice.below(made));
            steps.push(match (dice.below(10), known) {
                (5 | 6, Some(record)) => Step::Update { record },
                (7, Some(record)) => Step::Give { record, owner },
                (8, Some(record)) => Step::Delete { record },
                (9, _) if dice.one_in(3) => Step::HandOver {
                    from: owner,
                    to: (owner + 1) % USERS,
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
        Story {
            members,
            grants,
            sees_users,
            closed,
            inside,
            steps,
        }
    }

    /// The owners whose records of an object the viewer sees through the grants that `count`;
    /// none stands for everybody and nobody.
    fn owners(&self, object: &str, counts: impl Fn(&Grant) -> bool) -> BTreeSet<Option<usize>> {
        let mut owners = BTreeSet::new();
        for grant in self
            .grants
            .iter()
            .filter(|g| g.object == object && counts(g))
        {
            match grant.scope {
                "own" => owners.extend([Some(0)]),
                "supervised" => owners.extend(self.below(0).into_iter().map(Some)),
                "department" => {
                    let mine = self.members[0].department;
                    let colleagues = (0..USERS)
                        .filter(|u| mine.is_some() && self.members[*u].department == mine);
                    owners.extend(colleagues.map(Some));
                }
                _ => owners.extend((0..USERS).map(Some).chain([None])),
            }
        }
        owners
    }

    /// A user and those below him.
    pub(super) fn below(&self, user: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([user]);
        // A supervisor stands before those he leads.
        for (next, member) in self.members.iter().enumerate() {
            if member
                .supervisor
                .is_some_and(|above| found.contains(&above))
            {
                found.insert(next);
            }
        }
        found
    }

    pub(super) fn hides(&self, object: &str, field: &str) -> bool {
        if !self.inside && self.closed.contains(&(object, field)) {
            return true;
        }
        let all = self.owners(object, |_| true);
        !self
            .owners(object, |grant| !grant.hidden.contains(&field))
            .is_superset(&all)
    }

    /// Whether the viewer sees records of an object that belong to `owner`.
    pub(super) fn reaches(&self, object: &str, owner: usize) -> bool {
        self.owners(object, |_| true).contains(&Some(owner))
    }

    /// The owner of every record when all is over, or when it was deleted.
    pub(super) fn last_owners(&self, world: &World) -> Vec<usize> {
        let position = |user: &Json| world.users.iter().position(|id| json!(id) == *user);
        let owner = |(object, id): &(&str, RecordId)| {
            let changes = world.host.history(object, *id).unwrap().unwrap();
            let named = |change: &Json, at: &str| position(&change["fields"]["owner"][at]);
            let changes = changes.as_array().unwrap().clone();
            let last = |change: &Json| named(change, "new").or_else(|| named(change, "old"));
            changes.iter().rev().find_map(last).unwrap()
        };
        world.records.iter().map(owner).collect()
    }

    /// Tells the story in a new store. What the viewer may not see is told in another way in the
    /// second twin: `seen` tells which records he sees when all is over.
    pub(super) fn happen(&self, twin: Twin, seen: &dyn Fn(usize) -> bool) -> World {
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
            self.take(&mut world, step, at, twin, seen);
        }
        world
    }

    fn organise(&self, host: &Session, twin: Twin) -> Vec<u64> {
        let create = |object: &str, fields: Json| host.create(object, &fields).unwrap().get();
        let departments: Vec<u64> = ["north", "south"]
            .map(|name| create("department", json!({"name": name})))
            .into();
        let role = create("role", json!({"name": "viewer"}));
        for grant in &self.grants {
            let Grant {
                object,
                actions,
                scope,
                hidden,
            } = grant;
            let fields = json!({"role": role, "object": object, "actions": actions,
                "scope": scope, "hidden_fields": hidden});
            create("grant", fields);
        }
        if self.sees_users {
            let fields = json!({"role": role, "object": "user", "actions": ["view"],
                "scope": "all", "hidden_fields": ["name"]});
            create("grant", fields);
        }
        create("group", json!({"name": "insiders"}));
        self.close_sections(host);
        let mut users: Vec<u64> = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            let name = match twin {
                Twin::First => format!("First {at}"),
                Twin::Second => format!("Second {}", USERS - at),
            };
            let role = ["viewer", "manager", "agent"][at.min(2)];
            let kind = if at < SUPERVISORS {
                "administration"
            } else {
                "employee"
            };
            let fields = json!({"login": format!("user{at}"), "name": name, "roles": [role], "kind": kind,
                "groups": (at > 0 || self.inside).then_some(["insiders"]),
                "department": member.department.map(|at| departments[at]),
                "supervisor": member.supervisor.map(|at| users[at])});
            users.push(create("user", fields));
        }
        users
    }

    /// Moves the closed fields into sections for insiders, and counts them for completeness.
    fn close_sections(&self, host: &Session) {
        for (object, _) in OBJECTS {
            let closed = self.closed.iter().filter(|(of, _)| *of == object);
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
        seen: &dyn Fn(usize) -> bool,
    ) {
        let host = world.host.clone();
        let content = |record: usize, object: &str, fields: &[&str]| -> Map<String, Json> {
            let value = |field: &&str| {
                let hidden = !seen(record) || self.hides(object, field);
                let other = hidden && twin == Twin::Second;
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
            Step::Delete { record } => {
                let (object, id) = world.records[record];
                // What others refer to stays, in both twins.
                let _ = host.delete(object, id, None);
            }
        }
    }
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
