//! Reviews against what they tell of: decisions, stores stopped in time, changes really made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::engine::{Engine, Options};
use crate::error::Code;
use crate::ids::UserId;
use crate::pack::Pack;
use crate::policy::{Action, Actor};
use crate::session::Session;

const THING: &str = r#"
name = "thing"
owned = true
title = "name"
field = [
    { name = "name", type = "text" },
    { name = "weight", type = "integer" },
    { name = "state", type = "choice", choice = [{ name = "fresh" }, { name = "used" }] },
]
"#;
const COUNTED: &str = r#"
name = "counted"
owned = true
columns = ["name", "state"]
field = [
    { name = "name", type = "text" },
    { name = "weight", type = "integer" },
    { name = "state", type = "choice", choice = [{ name = "fresh" }, { name = "used" }] },
]
total = [{ name = "by_state", group = "state" }]
"#;
const TOPIC: &str = r#"
name = "topic"
field = [{ name = "name", type = "text" }]
"#;
const USERS: usize = 6;

struct World {
    engine: Engine,
    host: Session,
    clock: Arc<ManualClock>,
    users: Vec<u64>,
    departments: Vec<u64>,
    roles: Vec<u64>,
}

fn start() -> DateTime<Utc> {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

impl World {
    /// Users in two departments with two roles, and records of each of them.
    fn new() -> World {
        let clock = Arc::new(ManualClock::new(start()));
        let options = Options {
            clock: clock.clone(),
            standard_pack: false,
            ..Options::default()
        };
        let engine = Engine::in_memory(options).unwrap();
        let pack = Pack::from_files([
            ("pack.toml", "name = \"things\"\nversion = \"1.0.0\""),
            ("thing/object.toml", THING),
            ("counted/object.toml", COUNTED),
            ("topic/object.toml", TOPIC),
        ]);
        engine.install(Actor::System, &pack.unwrap()).unwrap();
        let host = engine.system();
        let make = |object: &str, fields: Json| host.create(object, &fields).unwrap().get();
        let departments: Vec<u64> = vec![make("department", json!({"name": "d0"}))];
        let below = json!({"name": "d1", "parent": departments[0]});
        let departments = vec![departments[0], make("department", below)];
        let roles: Vec<u64> = (0..3)
            .map(|n| make("role", json!({"name": format!("r{n}")})))
            .collect();
        let users: Vec<u64> = (0..USERS)
            .map(|n| {
                make(
                    "user",
                    json!({
                        "login": format!("u{n}"), "name": format!("U{n}"),
                        "roles": [format!("r{}", n % 3)], "department": departments[n % 2],
                    }),
                )
            })
            .collect();
        for object in ["thing", "counted"] {
            for n in 0..12 {
                make(
                    object,
                    json!({"name": format!("n{n}"), "weight": n, "owner": users[n % USERS]}),
                );
            }
            make(object, json!({"name": "nobody's"}));
        }
        make("topic", json!({"name": "weather"}));
        World {
            engine,
            host,
            clock,
            users,
            departments,
            roles,
        }
    }

    fn later(&self) {
        self.clock.set(self.clock.now() + TimeDelta::minutes(7));
    }

    /// The present grants.
    fn grants(&self) -> Vec<u64> {
        ids(&self.host, "grant").into_iter().collect()
    }

    /// A change as an argument of `what_if`; none where there is nothing to change.
    fn change(&self, deed: &Deed) -> Option<Json> {
        let grants = self.grants();
        Some(match deed {
            Deed::Grant(role, rule) => {
                let mut fields = rule.clone();
                fields["role"] = json!(self.roles[*role]);
                json!({"create": "grant", "fields": fields})
            }
            Deed::Drop(at) => {
                let id = grants.get(at % grants.len().max(1))?;
                json!({"delete": "grant", "id": id})
            }
            Deed::Rescope(at, scope) => {
                let id = grants.get(at % grants.len().max(1))?;
                json!({"update": "grant", "id": id, "fields": {"scope": scope}})
            }
            Deed::Roles(user, roles) => {
                let roles: Vec<String> = roles.iter().map(|n| format!("r{n}")).collect();
                json!({"update": "user", "id": self.users[*user], "fields": {"roles": roles}})
            }
            Deed::Move(user, department) => {
                let department = self.departments[*department];
                json!({
                    "update": "user", "id": self.users[*user],
                    "fields": {"department": department},
                })
            }
            Deed::Supervise(user, above) => json!({
                "update": "user", "id": self.users[*user],
                "fields": {"supervisor": self.users[*above]},
            }),
            Deed::Everyone(role, everyone) => json!({
                "update": "role", "id": self.roles[*role], "fields": {"everyone": everyone},
            }),
        })
    }

    /// Makes a change; whether the engine let it be made.
    fn make(&self, change: &Json) -> bool {
        let fields = &change["fields"];
        let id = || RecordId::new(change["id"].as_u64().unwrap()).unwrap();
        let made = if let Some(object) = change["create"].as_str() {
            self.host.create(object, fields).map(drop)
        } else if let Some(object) = change["update"].as_str() {
            self.host.update(object, id(), fields, None).map(drop)
        } else {
            self.host
                .delete(change["delete"].as_str().unwrap(), id(), None)
        };
        made.is_ok()
    }

    /// The records of an object that a user sees.
    fn seen(&self, user: usize, object: &str) -> BTreeSet<u64> {
        match self.engine.login(&format!("u{user}")) {
            Ok(session) => ids(&session, object),
            Err(_) => BTreeSet::new(),
        }
    }

    fn rights(&self, at: Option<DateTime<Utc>>) -> Json {
        let request = RightsRequest {
            at,
            ..RightsRequest::default()
        };
        serde_json::to_value(self.host.effective_rights(&request).unwrap()).unwrap()
    }
}

fn ids(session: &Session, object: &str) -> BTreeSet<u64> {
    let sql = format!("SELECT id FROM {object}");
    let mut rows = session.query(&sql, &crate::query::Params::new()).unwrap();
    let mut ids = BTreeSet::new();
    while let Some(row) = rows.next().unwrap() {
        ids.insert(row[0].as_integer().unwrap().unsigned_abs());
    }
    ids
}

#[derive(Debug, Clone)]
enum Deed {
    Grant(usize, Json),
    Drop(usize),
    Rescope(usize, &'static str),
    Roles(usize, Vec<usize>),
    Move(usize, usize),
    Supervise(usize, usize),
    Everyone(usize, bool),
}

const SCOPES: [&str; 6] = [
    "own",
    "supervised",
    "department",
    "subtree",
    "foreign",
    "all",
];

prop_compose! {
    fn rule()(
        object in prop::sample::select(vec!["thing", "counted", "topic", "*"]),
        actions in prop::sample::subsequence(vec!["view", "edit", "delete"], 1..=3),
        scope in prop::sample::select(SCOPES.to_vec()),
        ban in prop::bool::weighted(0.2),
        condition in prop::option::weighted(0.25, 0_i64..12),
        hidden in prop::bool::weighted(0.2),
    ) -> Json {
        let mut rule = json!({
            "object": object, "actions": actions, "scope": scope, "ban": ban, "source": "test",
        });
        // A condition must be readable in every object it is for.
        if let Some(weight) = condition.filter(|_| object == "thing" || object == "counted") {
            rule["condition"] = json!(format!("weight < {weight}"));
        }
        if hidden && object == "thing" && !ban {
            rule["hidden_fields"] = json!(["state"]);
        }
        rule
    }
}

fn deed() -> impl Strategy<Value = Deed> {
    let user = 0..USERS;
    prop_oneof![
        4 => (0..3_usize, rule()).prop_map(|(role, rule)| Deed::Grant(role, rule)),
        2 => (0..100_usize).prop_map(Deed::Drop),
        1 => (0..100_usize, prop::sample::select(SCOPES.to_vec()))
            .prop_map(|(at, scope)| Deed::Rescope(at, scope)),
        2 => (user.clone(), prop::collection::vec(0..3_usize, 0..3))
            .prop_map(|(user, roles)| Deed::Roles(user, roles)),
        1 => (user.clone(), 0..2_usize).prop_map(|(user, to)| Deed::Move(user, to)),
        1 => (user, 0..USERS).prop_map(|(user, above)| Deed::Supervise(user, above)),
        1 => (0..3_usize, any::<bool>()).prop_map(|(role, set)| Deed::Everyone(role, set)),
    ]
}

/// What `what_if` tells of a change is what comes of it when it is made, and asking leaves no
/// trace.
fn foretold(world: &World, change: &Json) -> Result<(), TestCaseError> {
    let objects = ["thing", "counted", "topic"];
    let request: WhatIf =
        serde_json::from_value(json!({"changes": [change], "objects": objects})).unwrap();
    let before: BTreeMap<(usize, &str), BTreeSet<u64>> = (0..USERS)
        .flat_map(|user| objects.map(|object| ((user, object), world.seen(user, object))))
        .collect();
    let journal = world
        .host
        .changes(crate::ids::Sequence(0), 100_000)
        .unwrap()
        .next;
    let report = world.host.what_if(&request, &mut |_| true);
    let after_asking = world
        .host
        .changes(crate::ids::Sequence(0), 100_000)
        .unwrap()
        .next;
    prop_assert_eq!(journal, after_asking);
    for ((user, object), seen) in &before {
        prop_assert_eq!(&world.seen(*user, object), seen);
    }
    if !world.make(change) {
        prop_assert!(report.is_err(), "what is refused is refused in thought too");
        return Ok(());
    }
    let report = report.unwrap();
    for ((user, object), seen) in &before {
        let now = world.seen(*user, object);
        let expected = (now.difference(seen).count(), seen.difference(&now).count());
        let told = report
            .affected
            .iter()
            .find(|one| one.user.get() == world.users[*user] && one.object == *object);
        let told = told.map_or((0, 0), |one| (one.gains as usize, one.loses as usize));
        prop_assert_eq!(told, expected, "u{} {} {}", user, object, change);
    }
    Ok(())
}

/// Who may is everybody whose explanation says so.
fn who_can_is_explained(world: &World) -> Result<(), TestCaseError> {
    let some = ids(&world.host, "thing").into_iter().step_by(3);
    for id in some.map(|id| RecordId::new(id).unwrap()) {
        for (action, field) in [
            (Action::View, None),
            (Action::View, Some("state")),
            (Action::Edit, None),
        ] {
            let request = WhoCan {
                field: field.map(str::to_owned),
                limit: Some(2),
                ..WhoCan::new(action, "thing", id)
            };
            let mut told = Vec::new();
            let mut after = None;
            loop {
                let page = WhoCan {
                    after,
                    ..request.clone()
                };
                let page = world.host.who_can(&page).unwrap();
                told.extend(page.users.iter().map(|one| one.user.get()));
                for one in &page.users {
                    prop_assert!(one.kind == "admin" || !one.roles.is_empty());
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let may = |user: &u64| {
                let user = UserId(RecordId::new(*user).unwrap());
                let seen = world
                    .host
                    .explain(user, action, "thing", id, field)
                    .unwrap();
                seen.allowed
            };
            let expected: Vec<u64> = world.users.iter().copied().filter(may).collect();
            prop_assert_eq!(told, expected);
            if action == Action::View && field.is_none() {
                for (n, user) in world.users.iter().enumerate() {
                    let sees = world.seen(n, "thing").contains(&id.get());
                    prop_assert_eq!(sees, may(user));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Each change of a story is foretold, who may is explained after it, and in the end the
    /// rights of every moment of it are those that were told at that moment.
    #[test]
    fn reviews_tell_what_is(deeds in prop::collection::vec(deed(), 4..14)) {
        let world = World::new();
        let mut told = vec![(world.clock.now(), world.rights(None))];
        for deed in &deeds {
            world.later();
            if let Some(change) = world.change(deed) {
                foretold(&world, &change)?;
            }
            told.push((world.clock.now(), world.rights(None)));
        }
        who_can_is_explained(&world)?;
        world.later();
        for (at, rights) in told {
            prop_assert_eq!(world.rights(Some(at)), rights.clone(), "at {}", at);
            let between = at + TimeDelta::minutes(3);
            prop_assert_eq!(world.rights(Some(between)), rights, "after {}", at);
        }
    }
}

/// What only an admin, somebody who holds everything and somebody without access have.
#[test]
fn marks_of_the_review() {
    let world = World::new();
    let everything = json!({
        "role": world.roles[0], "object": "*", "actions": ["view", "edit", "delete", "configure"],
        "scope": "all", "source": "things/roles.toml:3",
    });
    world.host.create("grant", &everything).unwrap();
    let admin = json!({"login": "root", "name": "Root", "kind": "admin"});
    world.host.create("user", &admin).unwrap();
    let closed = RecordId::new(world.users[3]).unwrap();
    let set = json!({"access_closed": "2026-02-01T00:00:00Z"});
    world.host.update("user", closed, &set, None).unwrap();

    let page = world
        .host
        .effective_rights(&RightsRequest::default())
        .unwrap();
    let of = |login: &str| page.users.iter().find(|user| user.login == login).unwrap();
    assert!(of("root").is_admin && of("root").has_all && of("root").rules.is_empty());
    let holder = of("u0");
    assert!(holder.has_all && !holder.is_admin);
    assert_eq!(holder.rules.len(), 1);
    assert_eq!(holder.rules[0].object, "*");
    assert_eq!(
        holder.rules[0].words.source.as_deref(),
        Some("things/roles.toml:3")
    );
    // The shape of objects is never an employee's.
    assert_eq!(
        holder.rules[0].actions,
        [Action::View, Action::Edit, Action::Delete]
    );
    let gone = of("u3");
    assert!(!gone.access && !gone.has_all && gone.rules.is_empty());
    assert_eq!(gone.roles[0].roles, ["r0"]);
    assert!(!of("u1").has_all);
}

/// Reviews are for administrators, and a past that is not known is refused.
#[test]
fn what_is_refused() {
    let world = World::new();
    let user = world.engine.login("u0").unwrap();
    let thing = *ids(&world.host, "thing").first().unwrap();
    let thing = RecordId::new(thing).unwrap();
    let code = |error: Option<Error>| error.map(|error| error.code());
    let request = WhoCan::new(Action::View, "thing", thing);
    assert_eq!(code(user.who_can(&request).err()), Some(Code::Denied));
    let rights = RightsRequest::default();
    assert_eq!(
        code(user.effective_rights(&rights).err()),
        Some(Code::Denied)
    );
    let nothing = WhatIf {
        changes: Vec::new(),
        actions: Vec::new(),
        objects: Vec::new(),
    };
    assert_eq!(
        code(user.what_if(&nothing, &mut |_| true).err()),
        Some(Code::Denied)
    );
    // What he does not see does not exist for him, whatever he asks.
    let hidden = user.may(Action::Edit, "thing", thing).unwrap_err();
    let missing = user.may(Action::Edit, "thing", RecordId::new(999_999).unwrap());
    assert_eq!(hidden.to_json(), missing.unwrap_err().to_json());

    let tomorrow = RightsRequest {
        at: Some(start() + TimeDelta::days(1)),
        ..RightsRequest::default()
    };
    let refused = world.host.effective_rights(&tomorrow);
    assert_eq!(code(refused.err()), Some(Code::InvalidArguments));
    let cancelled = world.host.what_if(&nothing, &mut |_| false);
    assert_eq!(code(cancelled.err()), Some(Code::Cancelled));
    for change in [
        json!({"create": "thing", "fields": {"name": "x"}}),
        json!({"create": "role", "delete": "role", "id": 1}),
        json!({"update": "role", "fields": {}}),
        json!({"fields": {}}),
    ] {
        let request = serde_json::from_value(json!({"changes": [change]})).unwrap();
        let refused = world.host.what_if(&request, &mut |_| true).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArguments);
        assert_eq!(refused.details()["change"], 1);
    }
}

/// A role that is only thought of, given to somebody in the same breath.
#[test]
fn a_whole_role_is_thought_of() {
    let world = World::new();
    let request: WhatIf = serde_json::from_value(json!({
        "changes": [
            {"create": "role", "as": "$new", "fields": {"name": "new"}},
            {"create": "grant", "fields": {
                "role": "$new", "object": "thing", "actions": ["view"], "scope": "all",
                "hidden_fields": ["state"],
            }},
            {"update": "user", "id": world.users[1], "fields": {"roles": ["new"]}},
        ],
    }))
    .unwrap();
    let report = world.host.what_if(&request, &mut |_| true).unwrap();
    assert_eq!(
        (report.users, report.affected.len(), report.more),
        (1, 1, false)
    );
    let one = &report.affected[0];
    assert_eq!(
        (one.object.as_str(), one.gains, one.loses),
        ("thing", 13, 0)
    );
    assert!(ids(&world.host, "role").len() == 3, "nothing was made");
}
