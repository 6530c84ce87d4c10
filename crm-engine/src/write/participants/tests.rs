//! Sharing against a model of it, and everything derived from shared records against a rebuild.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

use crate::engine::{Engine, Options};
use crate::error::Code;
use crate::history::Moment;
use crate::ids::{RecordId, Sequence, UserId, Version};
use crate::limits::PARTICIPANTS_MAX;
use crate::merge::Merge;
use crate::pack::Pack;
use crate::policy::Actor;
use crate::session::Session;

const MANIFEST: &str = "name = 'shelf'\nversion = '1.0.0'\n";
/// With one of everything that is derived: lists, totals, words, matches and places on timelines.
const THING: &str = "\
name = 'thing'
owned = true
title = 'name'
columns = ['name']
field = [
    { name = 'name', type = 'text' },
    { name = 'phone', type = 'phone', search = true },
    { name = 'state', type = 'choice', choice = [{ name = 'open', stage = 'open' }, { name = 'won', stage = 'won' }] },
    { name = 'size', type = 'integer' },
    { name = 'near', type = 'reference', target = 'thing', on_delete = 'clear', timeline = true },
]
list = [{ name = 'by_name', by = ['name'] }, { name = 'by_size', by = ['size desc'] }]
total = [
    { name = 'by_state', group = 'state', sum = ['size'] },
    { name = 'by_name', group = ['name', 'near'], sum = ['size'] },
    { name = 'all', group = [] },
]
duplicate = [{ name = 'phone', all = [{ field = 'phone' }] }]
";
const PART: &str = "\
name = 'part'
owned = true
parent = 'thing'
event = { kind = 'kind' }
field = [
    { name = 'thing', type = 'reference', target = 'thing', required = true, on_delete = 'cascade', timeline = true },
    { name = 'phone', type = 'phone', search = true, further = 'phone' },
    { name = 'kind', type = 'choice', choice = [{ name = 'call' }] },
]
list = [{ name = 'by_phone', by = ['phone'] }]
";
const BIT: &str = "\
name = 'bit'
owned = true
parent = 'part'
field = [
    { name = 'part', type = 'reference', target = 'part', required = true, on_delete = 'cascade' },
    { name = 'word', type = 'text', search = true },
]
list = [{ name = 'by_word', by = ['word'] }]
";
/// Keepers share what is theirs, sellers do not; only managers see users.
const ROLES: &str = "\
[[role]]
name = 'keeper'
description = 'Keeps and shares own things'
grant = [{ object = '*', actions = ['view', 'create', 'edit', 'delete', 'transfer', 'share'], scope = 'own' }]
[[role]]
name = 'seller'
description = 'Keeps own things'
grant = [{ object = '*', actions = ['view', 'create', 'edit', 'transfer'], scope = 'own' }]
[[role]]
name = 'manager'
description = 'Sees users'
grant = [{ object = 'user', actions = ['view'], scope = 'all' }]
";

const USERS: usize = 4;

struct World {
    engine: Engine,
    users: Vec<UserId>,
}

impl World {
    fn new() -> World {
        let options = Options {
            standard_pack: false,
            ..Options::default()
        };
        let engine = Engine::in_memory(options).unwrap();
        let files = [
            ("pack.toml", MANIFEST),
            ("roles.toml", ROLES),
            ("thing/object.toml", THING),
            ("part/object.toml", PART),
            ("bit/object.toml", BIT),
        ];
        let pack = Pack::from_files(files).unwrap();
        engine.install(Actor::System, &pack).unwrap();
        let host = engine.system();
        let user = |n: usize| {
            let roles = match n {
                0 => json!(["keeper", "manager"]),
                1 => json!(["seller", "manager"]),
                _ => json!(["keeper"]),
            };
            let user = json!({"login": format!("u{n}"), "name": "U", "roles": roles});
            UserId(host.create("user", &user).unwrap())
        };
        let users = (0..USERS).map(user).collect();
        World { engine, users }
    }

    fn user(&self, n: usize) -> Session {
        self.engine.login(&format!("u{n}")).unwrap()
    }

    /// A thing of a user with a part and a bit of it.
    fn thing(&self, owner: usize) -> [RecordId; 3] {
        let host = self.engine.system();
        let owner = self.users[owner].get();
        let fields = json!({"name": "Roof", "phone": "4951234567", "owner": owner, "size": 3});
        let thing = host.create("thing", &fields).unwrap();
        let part = json!({"thing": thing.get(), "kind": "call"});
        let part = host.create("part", &part).unwrap();
        let bit = json!({"part": part.get(), "word": "red"});
        [thing, part, host.create("bit", &bit).unwrap()]
    }

    fn participants(&self, object: &str, id: RecordId) -> Json {
        let record = self.engine.system().get(object, id).unwrap().unwrap();
        record.get("participants").cloned().unwrap_or(json!([]))
    }

    fn ids(&self, users: &[usize]) -> Json {
        users.iter().map(|n| self.users[*n].get()).collect()
    }

    fn verify(&self) {
        let report = self.engine.system();
        let report = report.call("verify", &json!({}), &mut |_| true).unwrap();
        assert_eq!(report["faults"], 0, "{report:?}");
    }

    /// The position of the newest change: refusals move the journal on.
    fn head(&self) -> Sequence {
        let page = self.engine.system().changes(Sequence(0), 100_000).unwrap();
        page.changes.last().unwrap().sequence
    }
}

fn refused<T: std::fmt::Debug>(result: crate::error::Result<T>, code: Code, field: Option<&str>) {
    let error = result.unwrap_err();
    let named = error.details().get("field").and_then(Json::as_str);
    assert_eq!((error.code(), named), (code, field), "{error}");
}

#[test]
fn details_are_shared_with_their_topmost_parent() {
    let world = World::new();
    let [thing, part, bit] = world.thing(0);
    let keeper = world.user(0);
    keeper
        .share("thing", thing, &world.users[1..3], &[])
        .unwrap();
    for (object, id) in [("thing", thing), ("part", part), ("bit", bit)] {
        assert_eq!(
            world.participants(object, id),
            world.ids(&[1, 2]),
            "{object}"
        );
    }
    // One that is made later is shared from the beginning.
    let late = json!({"part": part.get(), "word": "late"});
    let late = keeper.create("bit", &late).unwrap();
    assert_eq!(world.participants("bit", late), world.ids(&[1, 2]));
    // What is moved to another parent is shared as that one is.
    let [other, _, _] = world.thing(0);
    let moved = json!({"thing": other.get()});
    keeper.update("part", part, &moved, None).unwrap();
    assert_eq!(world.participants("bit", bit), json!([]));
    world.verify();
    // None is shared by itself.
    let [own, same] = [world.ids(&[3]), json!([])];
    let set = |users: Json| keeper.update("bit", bit, &json!({"participants": users}), None);
    refused(set(own), Code::ReadOnly, Some("participants"));
    set(same).unwrap();
}

#[test]
fn sharing_is_a_right_of_its_own() {
    let world = World::new();
    let [thing, ..] = world.thing(1);
    let (seller, third) = (world.user(1), world.users[2]);
    let before = world.head();
    refused(
        seller.share("thing", thing, &[third], &[]),
        Code::Denied,
        None,
    );
    let given = json!({"name": "New", "participants": [third.get()]});
    refused(seller.create("thing", &given), Code::Denied, None);
    refused(
        seller.update(
            "thing",
            thing,
            &json!({"participants": [third.get()]}),
            None,
        ),
        Code::Denied,
        None,
    );
    assert_eq!(world.head(), before);
    // What changes nothing needs no right, and a save of what was read is no change.
    seller.share("thing", thing, &[], &[third]).unwrap();
    let host = world.engine.system();
    host.share("thing", thing, &[third], &[]).unwrap();
    let record = seller.get("thing", thing).unwrap().unwrap();
    let save = json!({"name": "Roof 2", "participants": record["participants"]});
    seller.update("thing", thing, &save, None).unwrap();
    refused(
        seller.update("thing", thing, &json!({"participants": null}), None),
        Code::Denied,
        None,
    );
    // Whoever is not there and whoever may not be seen get one answer.
    let [mine, ..] = world.thing(3);
    let blind = world.user(3);
    let text = |user: u64| {
        let user = UserId(RecordId::new(user).unwrap());
        let error = blind.share("thing", mine, &[user], &[]).unwrap_err();
        assert_eq!(error.code(), Code::BadReference);
        error.to_string().replace(&user.to_string(), "?")
    };
    assert_eq!(text(third.get()), text(999_999));
    refused(
        blind.share("thing", mine, &[third], &[]),
        Code::BadReference,
        Some("participants"),
    );
    refused(blind.share("thing", thing, &[], &[]), Code::NotFound, None);
    let missing = RecordId::new(999_999).unwrap();
    refused(
        blind.share("thing", missing, &[], &[]),
        Code::NotFound,
        None,
    );
    // Records without owners are shared with nobody.
    let role = json!({"name": "r", "participants": []});
    refused(
        host.create("role", &role),
        Code::UnknownField,
        Some("participants"),
    );
    world.verify();
}

#[test]
fn there_is_a_bound() {
    let world = World::new();
    let [thing, ..] = world.thing(0);
    let host = world.engine.system();
    let many: Vec<UserId> = (0..=PARTICIPANTS_MAX)
        .map(|n| {
            let user = json!({"login": format!("m{n}"), "name": "M"});
            UserId(host.create("user", &user).unwrap())
        })
        .collect();
    let all = host.share("thing", thing, &many, &[]);
    refused(all, Code::InvalidValue, Some("participants"));
    host.share("thing", thing, &many[1..], &[]).unwrap();
    world.verify();
}

#[test]
fn who_becomes_the_owner_is_a_participant_no_more() {
    let world = World::new();
    let [thing, part, _] = world.thing(0);
    let keeper = world.user(0);
    keeper.share("thing", thing, &world.users, &[]).unwrap();
    assert_eq!(world.participants("thing", thing), world.ids(&[1, 2, 3]));
    let hand_over = json!({"from": world.users[0].get(), "to": world.users[1].get()});
    let host = world.engine.system();
    host.call("transfer", &hand_over, &mut |_| true).unwrap();
    assert_eq!(world.participants("thing", thing), world.ids(&[2, 3]));
    assert_eq!(world.participants("part", part), world.ids(&[2, 3]));
    // The seller may hand over, though not share.
    let owner = json!({"owner": world.users[2].get()});
    refused(
        world.user(1).update("thing", thing, &owner, None),
        Code::Denied,
        None,
    );
    host.update("thing", thing, &owner, None).unwrap();
    assert_eq!(world.participants("thing", thing), world.ids(&[3]));
    world.verify();
}

#[test]
fn history_tells_of_sharing_and_takes_it_back() {
    let world = World::new();
    let [thing, part, _] = world.thing(0);
    let (host, users) = (world.engine.system(), &world.users);
    host.share("thing", thing, &users[1..3], &[]).unwrap();
    host.share("thing", thing, &users[3..], &users[1..2])
        .unwrap();
    let last = world.head();
    let history = host.history("thing", thing).unwrap().unwrap();
    let told = |at: usize| &history[at]["fields"]["participants"];
    assert_eq!(history[0]["fields"].get("participants"), None);
    assert_eq!(told(1), &json!({"old": null, "new": world.ids(&[1, 2])}));
    assert_eq!(
        told(2),
        &json!({"old": world.ids(&[1, 2]), "new": world.ids(&[2, 3])})
    );
    let then = host
        .at_version("thing", thing, Version(2))
        .unwrap()
        .unwrap();
    assert_eq!(then["participants"], world.ids(&[1, 2]));
    host.undo(last).unwrap();
    assert_eq!(world.participants("thing", thing), world.ids(&[1, 2]));
    let moment = Moment::Version(Version(3));
    host.revert_field("thing", thing, "participants", moment)
        .unwrap();
    assert_eq!(world.participants("part", part), world.ids(&[2, 3]));
    let moment = Moment::Version(Version(1));
    host.revert_record("thing", thing, moment).unwrap();
    assert_eq!(world.participants("part", part), json!([]));
    host.undo(world.head()).unwrap();
    host.delete("thing", thing, None).unwrap();
    host.undo(world.head()).unwrap();
    for (object, id) in [("thing", thing), ("part", part)] {
        assert_eq!(
            world.participants(object, id),
            world.ids(&[2, 3]),
            "{object}"
        );
    }
    world.verify();
}

#[test]
fn merged_records_are_shared_with_the_participants_of_all() {
    let world = World::new();
    let [one, part, _] = world.thing(0);
    let [two, other, _] = world.thing(1);
    let (host, users) = (world.engine.system(), &world.users);
    host.share("thing", one, &users[2..3], &[]).unwrap();
    host.share("thing", two, &[users[0], users[3]], &[])
        .unwrap();
    let report = host.merge(&Merge::new("thing", one, [two])).unwrap();
    // The owner of the target is no participant of it, though he was one of the source.
    assert_eq!(report.fields, ["participants"]);
    for (object, id) in [("thing", one), ("part", part), ("part", other)] {
        assert_eq!(
            world.participants(object, id),
            world.ids(&[2, 3]),
            "{object}"
        );
    }
    world.verify();
    host.undo(report.sequence).unwrap();
    assert_eq!(world.participants("thing", one), world.ids(&[2]));
    assert_eq!(world.participants("part", other), world.ids(&[0, 3]));
    world.verify();
}

#[derive(Debug, Clone)]
enum Step {
    Make {
        owner: usize,
        shared: Vec<usize>,
    },
    Part {
        thing: Index,
    },
    Bit {
        part: Index,
    },
    Share {
        thing: Index,
        add: Vec<usize>,
        remove: Vec<usize>,
    },
    HandOver {
        thing: Index,
        owner: Option<usize>,
    },
    Edit {
        thing: Index,
        size: i64,
        won: bool,
        near: Index,
    },
    Move {
        part: Index,
        thing: Index,
    },
    Delete {
        thing: Index,
    },
    Undo {
        back: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let users = || prop::collection::vec(0..USERS, 0..3);
    let at = any::<Index>;
    prop_oneof![
        3 => (0..USERS, users()).prop_map(|(owner, shared)| Step::Make { owner, shared }),
        2 => at().prop_map(|thing| Step::Part { thing }),
        2 => at().prop_map(|part| Step::Bit { part }),
        4 => (at(), users(), users())
            .prop_map(|(thing, add, remove)| Step::Share { thing, add, remove }),
        2 => (at(), prop::option::of(0..USERS))
            .prop_map(|(thing, owner)| Step::HandOver { thing, owner }),
        2 => (at(), 0..3_i64, any::<bool>(), at())
            .prop_map(|(thing, size, won, near)| Step::Edit { thing, size, won, near }),
        1 => (at(), at()).prop_map(|(part, thing)| Step::Move { part, thing }),
        1 => at().prop_map(|thing| Step::Delete { thing }),
        1 => (0..4_u64).prop_map(|back| Step::Undo { back }),
    ]
}

/// Whom things stand under, as simply as can be.
type Model = BTreeMap<RecordId, (Option<usize>, BTreeSet<usize>)>;

/// Makes a step in the store and in the model; a step back leaves the model behind.
fn make(world: &World, model: &mut Model, parts: &mut Vec<RecordId>, step: &Step) -> bool {
    let host = world.engine.system();
    let things: Vec<RecordId> = model.keys().copied().collect();
    let user = |n: &usize| world.users[*n];
    match step {
        Step::Make { owner, shared } => {
            let fields = json!({
                "name": "Roof", "phone": "4951234567",
                "owner": user(owner).get(), "participants": world.ids(shared),
            });
            let id = host.create("thing", &fields).unwrap();
            let shared = shared.iter().copied().filter(|user| user != owner);
            model.insert(id, (Some(*owner), shared.collect()));
        }
        Step::Undo { back } => {
            let sequence = world.head().0.saturating_sub(*back);
            return host.undo(Sequence(sequence)).is_err();
        }
        Step::Bit { part } if !parts.is_empty() => {
            let part = part.get(parts).get();
            host.create("bit", &json!({"part": part, "word": "red"}))
                .unwrap();
        }
        _ if things.is_empty() => {}
        Step::Part { thing } => {
            let fields = json!({"thing": thing.get(&things).get(), "phone": "4951234567"});
            parts.push(host.create("part", &fields).unwrap());
        }
        Step::Share { thing, add, remove } => {
            let id = *thing.get(&things);
            let [added, removed] =
                [add, remove].map(|users| users.iter().map(user).collect::<Vec<UserId>>());
            host.share("thing", id, &added, &removed).unwrap();
            let (owner, shared) = model.get_mut(&id).unwrap();
            shared.extend(add.iter().filter(|user| Some(**user) != *owner));
            shared.retain(|user| !remove.contains(user));
        }
        Step::HandOver { thing, owner } => {
            let id = *thing.get(&things);
            let to = owner.as_ref().map(|owner| user(owner).get());
            host.update("thing", id, &json!({"owner": to}), None)
                .unwrap();
            let (of, shared) = model.get_mut(&id).unwrap();
            *of = *owner;
            shared.retain(|user| Some(*user) != *owner);
        }
        Step::Edit {
            thing,
            size,
            won,
            near,
        } => {
            let state = if *won { "won" } else { "open" };
            let near = near.get(&things).get();
            let fields = json!({"size": size, "state": state, "near": near});
            host.update("thing", *thing.get(&things), &fields, None)
                .unwrap();
        }
        Step::Move { part, thing } if !parts.is_empty() => {
            let fields = json!({"thing": thing.get(&things).get()});
            host.update("part", *part.get(parts), &fields, None)
                .unwrap();
        }
        Step::Delete { thing } => {
            let id = *thing.get(&things);
            host.delete("thing", id, None).unwrap();
            model.remove(&id);
            parts.retain(|part| host.get("part", *part).unwrap().is_some());
        }
        Step::Bit { .. } | Step::Move { .. } => {}
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is done to things, they stand under whom the model says, and what is derived of
    /// them and their details is what a rebuild derives.
    #[test]
    fn shared_records_are_derived_as_a_rebuild_does(steps in prop::collection::vec(step(), 1..40)) {
        let world = World::new();
        let (mut model, mut parts) = (Model::new(), Vec::new());
        for step in &steps {
            if !make(&world, &mut model, &mut parts, step) {
                // What came back stands anywhere: only the derived entries are compared.
                break;
            }
            let id = |n: usize| world.users[n].get();
            for (thing, (owner, shared)) in &model {
                let record = world.engine.system().get("thing", *thing).unwrap().unwrap();
                prop_assert_eq!(&record["owner"], &json!(owner.map(id)));
                let shared: Vec<u64> = shared.iter().map(|user| id(*user)).collect();
                prop_assert_eq!(world.participants("thing", *thing), json!(shared));
            }
        }
        world.verify();
    }
}
