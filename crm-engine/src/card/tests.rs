//! Cards: parts, rights and what is kept prepared.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Card, CardRequest};
use crate::clock::ManualClock;
use crate::engine::{Engine, Options};
use crate::error::{Code, Error};
use crate::ids::RecordId;
use crate::pack::Pack;
use crate::policy::Actor;
use crate::session::Session;

const THING: &str = r#"
name = "thing"
owned = true
title = "name"
columns = ["name"]
field = [
    { name = "name", type = "text", label = { ru = "Имя" } },
    { name = "secret", type = "text", section = "hidden" },
    { name = "kind", type = "choice", choice = [{ name = "big", label = { en = "Big", ru = "Большой" } }] },
    { name = "part_of", type = "reference", target = "thing", section = "links" },
]
section = [
    { name = "general", label = { en = "General", ru = "Основное" } },
    { name = "links" },
    { name = "hidden" },
    { name = "empty" },
]
completeness = [
    { name = "all", fields = ["name", "secret", "kind"] },
    { name = "secrets", fields = ["secret"] },
]
card = [
    { name = "open", object = "item", link = "thing", where = "NOT done OR done IS NULL", by = "day desc", limit = 2, label = { en = "Open", ru = "Открыто" } },
    { name = "late", object = "item", link = "thing", where = "day < :today AND owner = :user" },
    { name = "dear", object = "item", link = "thing", where = "price > 10", columns = ["title", "owner"] },
    { name = "places", object = "stay", link = "thing", via = "place", by = "role" },
]
"#;
const ITEM: &str = r#"
name = "item"
owned = true
title = "title"
columns = ["title", "day", "thing"]
field = [
    { name = "title", type = "text" },
    { name = "day", type = "date" },
    { name = "done", type = "checkbox" },
    { name = "price", type = "integer" },
    { name = "thing", type = "reference", target = "thing" },
]
list = [{ name = "of_thing", by = ["thing", "day desc"] }]
"#;
const PLACE: &str = r#"
name = "place"
owned = true
title = "name"
columns = ["name", "town"]
field = [{ name = "name", type = "text" }, { name = "town", type = "text" }]
"#;
const STAY: &str = r#"
name = "stay"
owned = true
columns = ["role", "thing", "place"]
field = [
    { name = "role", type = "text" },
    { name = "thing", type = "reference", target = "thing" },
    { name = "place", type = "reference", target = "place" },
]
"#;
const NOTE: &str = r#"
name = "detail"
owned = true
parent = "thing"
columns = ["text"]
field = [
    { name = "thing", type = "reference", target = "thing", required = true, on_delete = "cascade" },
    { name = "text", type = "text" },
]
"#;

struct World {
    host: Session,
    anna: Session,
    role: RecordId,
    users: [RecordId; 2],
}

fn pack(thing: &str) -> Result<Pack, Error> {
    Pack::from_files([
        ("pack.toml", "name='test'\nversion='1.0.0'\ndescription='t'"),
        ("thing/object.toml", thing),
        ("item/object.toml", ITEM),
        ("place/object.toml", PLACE),
        ("stay/object.toml", STAY),
        ("detail/object.toml", NOTE),
    ])
}

fn empty() -> Engine {
    let clock = ManualClock::new("2026-03-10T09:00:00Z".parse().unwrap());
    let options = Options {
        clock: Arc::new(clock),
        standard_pack: false,
        ..Options::default()
    };
    Engine::in_memory(options).unwrap()
}

impl World {
    fn new() -> World {
        let engine = empty();
        engine
            .install(Actor::System, &pack(THING).unwrap())
            .unwrap();
        let host = engine.system();
        let role = host.create("role", &json!({"name": "r"})).unwrap();
        let users = ["anna", "ivo"].map(|login| {
            let fields = json!({"login": login, "name": login, "roles": ["r"]});
            host.create("user", &fields).unwrap()
        });
        let anna = engine.login("anna").unwrap();
        let world = World {
            host,
            anna,
            role,
            users,
        };
        for object in ["thing", "item", "place", "stay", "detail"] {
            world.grant(object, "own", &[]);
        }
        world
    }

    fn grant(&self, object: &str, scope: &str, hidden: &[&str]) -> RecordId {
        let fields = json!({
            "role": self.role.get(), "object": object, "actions": ["view"], "scope": scope,
            "hidden_fields": hidden,
        });
        self.host.create("grant", &fields).unwrap()
    }

    fn make(&self, object: &str, owner: usize, mut fields: Json) -> RecordId {
        fields["owner"] = self.users[owner].get().into();
        self.host.create(object, &fields).unwrap()
    }
}

fn card(session: &Session, id: RecordId) -> Card {
    session
        .card(&CardRequest::new("thing", id))
        .unwrap()
        .unwrap()
}

fn rows(card: &Card, part: &str) -> Vec<String> {
    let part = card.parts.iter().find(|known| known.name == part).unwrap();
    let name = |row: &super::CardRow| row.cells.iter().next().unwrap().1.to_string();
    part.rows.iter().map(name).collect()
}

#[test]
fn parts_show_what_is_declared_and_may_be_seen() {
    let world = World::new();
    let thing = world.make("thing", 0, json!({"name": "T"}));
    let other = world.make("thing", 0, json!({"name": "O"}));
    let item = |owner, title: &str, day: &str, more: Json| {
        let mut fields = json!({"title": title, "day": day, "thing": thing.get()});
        let more = more.as_object().unwrap().clone();
        fields.as_object_mut().unwrap().extend(more);
        world.make("item", owner, fields)
    };
    item(0, "a", "2026-03-01", json!({}));
    item(0, "b", "2026-03-20", json!({"done": false, "price": 20}));
    item(0, "c", "2026-03-09", json!({"done": true, "price": 5}));
    item(1, "hidden", "2026-03-30", json!({"price": 50}));
    world.make(
        "item",
        0,
        json!({"title": "elsewhere", "thing": other.get()}),
    );

    let seen = card(&world.anna, thing);
    assert_eq!(rows(&seen, "open"), ["b", "a"]);
    assert!(!seen.parts[0].more);
    assert_eq!(rows(&seen, "late"), ["c", "a"]);
    assert_eq!(rows(&seen, "dear"), ["b"]);
    let dear = &seen.parts[2].rows[0].cells;
    let owner = crate::value::Value::Reference(world.users[0]);
    assert_eq!(dear.get("owner"), Some(&owner));
    assert_eq!(dear.get("day"), None);

    let all = card(&world.host, thing);
    assert_eq!(rows(&all, "open"), ["hidden", "b"]);
    assert!(all.parts[0].more);
    // The host is no user, and nothing is his.
    assert_eq!(rows(&all, "late"), [""; 0]);
    assert_eq!(rows(&all, "dear"), ["hidden", "b"]);
}

#[test]
fn links_lead_to_what_they_link_if_both_may_be_seen() {
    let world = World::new();
    let thing = world.make("thing", 0, json!({"name": "T"}));
    let home = world.make("place", 0, json!({"name": "home", "town": "Omsk"}));
    let work = world.make("place", 0, json!({"name": "work"}));
    let foreign = world.make("place", 1, json!({"name": "foreign"}));
    for (owner, role, place) in [
        (0, "second", home),
        (0, "first", work),
        (1, "third", home),
        (0, "fourth", foreign),
    ] {
        let fields = json!({"role": role, "thing": thing.get(), "place": place.get()});
        world.make("stay", owner, fields);
    }
    let seen = card(&world.anna, thing);
    assert_eq!(rows(&seen, "places"), ["work", "home"]);
    let row = &seen.parts[3].rows[1];
    assert_eq!(row.id, home);
    assert_eq!(
        row.cells.get("town").and_then(|town| town.as_text()),
        Some("Omsk")
    );
    let link = row.link.as_ref().unwrap();
    assert_eq!(
        link.cells.get("role").and_then(|role| role.as_text()),
        Some("second")
    );
    assert_eq!(rows(&card(&world.host, thing), "places").len(), 4);
}

#[test]
fn what_may_not_be_seen_is_not_declared() {
    let world = World::new();
    let part_of = world.make("thing", 1, json!({"name": "Whole"}));
    let fields = json!({"name": "T", "secret": "s", "kind": "big", "part_of": part_of.get()});
    let thing = world.make("thing", 0, fields);
    let detail = json!({"text": "note", "thing": thing.get()});
    world.host.create("detail", &detail).unwrap();
    let names =
        |card: &Card| -> Vec<String> { card.parts.iter().map(|part| part.name.clone()).collect() };
    let sections = |card: &Card| -> Vec<String> {
        card.sections
            .iter()
            .map(|section| section.name.clone())
            .collect()
    };
    let before = card(&world.anna, thing);
    assert_eq!(names(&before), ["open", "late", "dear", "places", "detail"]);
    assert_eq!(sections(&before), ["general", "links", "hidden"]);
    assert_eq!(before.completeness[0].percent, 100);
    assert_eq!(before.sections[0].fields[1].text.as_deref(), Some("Big"));
    // A link to a record that may not be seen is none.
    let link = &before.sections[1].fields[0];
    assert_eq!((&link.value, &link.text), (&Json::Null, &None));
    let whole = &card(&world.host, thing).sections[1];
    assert_eq!(whole.fields[0].text.as_deref(), Some("Whole"));

    // A grant that hides more and reaches more hides for all: what is prepared is prepared anew.
    world.grant("thing", "all", &["secret", "kind"]);
    world.grant("item", "all", &["price", "day"]);
    world.grant("stay", "all", &["place"]);
    let after = card(&world.anna, thing);
    assert_eq!(names(&after), ["open", "detail"]);
    // What a grant on her own things shows, she sees on them still.
    assert_eq!(sections(&after), ["general", "links", "hidden"]);
    assert_eq!(after.completeness.len(), before.completeness.len());
    assert_eq!(after.sections[1].fields[0].text.as_deref(), Some("Whole"));
    let russian = CardRequest {
        language: Some("ru".to_owned()),
        ..CardRequest::new("thing", thing)
    };
    let russian = world.anna.card(&russian).unwrap().unwrap();
    assert_eq!(russian.sections[0].label, "Основное");
    assert_eq!(russian.sections[0].fields[0].label, "Имя");
    assert_eq!(russian.parts[0].label, "Открыто");
}

#[test]
fn hidden_records_change_no_card() {
    let world = World::new();
    let thing = world.make("thing", 0, json!({"name": "T"}));
    let place = world.make("place", 0, json!({"name": "p"}));
    for n in 0..4 {
        let fields = json!({"title": n.to_string(), "day": "2026-03-01", "thing": thing.get()});
        world.make("item", 0, fields);
    }
    let text = || serde_json::to_string(&card(&world.anna, thing)).unwrap();
    let before = text();
    for owner in [1, 1] {
        let fields = json!({"title": "x", "day": "2026-03-30", "price": 99, "thing": thing.get()});
        world.make("item", owner, fields);
        world.make(
            "stay",
            owner,
            json!({"thing": thing.get(), "place": place.get()}),
        );
    }
    assert_eq!(text(), before);
    let foreign = world.make("thing", 1, json!({"name": "F"}));
    let missing = RecordId::new(77_777).unwrap();
    for id in [foreign, missing] {
        assert_eq!(world.anna.card(&CardRequest::new("thing", id)), Ok(None));
    }
}

#[test]
fn owners_are_told_from_when_to_when() {
    let world = World::new();
    let thing = world.make("thing", 1, json!({"name": "T"}));
    let owner = json!({"owner": world.users[0].get()});
    world
        .host
        .update("thing", thing, &json!({"name": "U"}), None)
        .unwrap();
    world.host.update("thing", thing, &owner, None).unwrap();
    world.grant("user", "all", &[]);
    let seen = card(&world.anna, thing);
    let owners: Vec<(Option<String>, bool)> = seen
        .owners
        .into_iter()
        .map(|owned| (owned.owner.and_then(|owner| owner.name), owned.to.is_some()))
        .collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(owners, [(named("ivo"), true), (named("anna"), false)]);
}

#[test]
fn conditions_that_mean_nothing_are_refused_at_installation() {
    for (condition, cause) in [
        ("none = 1", "unknown_field"),
        ("day <", "syntax"),
        ("day < :yesterday", "invalid_value"),
        ("day < ?", "invalid_value"),
        ("title) OR (title", "syntax"),
    ] {
        let thing = THING.replace("price > 10", condition);
        let engine = empty();
        let error = engine
            .install(Actor::System, &pack(&thing).unwrap())
            .unwrap_err();
        assert_eq!(error.code(), Code::Pack, "{condition}");
        assert_eq!(error.details()["cause"], cause, "{condition}");
        assert_eq!(error.details()["object"], "thing");
        assert!(error.to_string().contains("card part `dear`"), "{error}");
    }
}
