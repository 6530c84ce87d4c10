//! Nobody becomes a client twice, and nobody learns of a client he may not see.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::engine::{Engine, Options};
use crate::error::Code;
use crate::ids::RecordId;
use crate::pack::Pack;
use crate::policy::Actor;
use crate::session::Session;
use crate::value::normal_phone;

const PERSON: &str = r#"
name = "person"
owned = true
field = [
    { name = "name", type = "text", required = true },
    { name = "phone", type = "phone" },
    { name = "email", type = "email" },
    { name = "draft", type = "checkbox", computed = true },
]
draft = "draft"
duplicate = [
    { name = "phone", all = [{ field = "phone" }] },
    { name = "email", all = [{ field = "email" }] },
    { name = "name", all = [{ field = "name", how = "fuzzy" }] },
]
"#;

const ORDER: &str = r#"
name = "order"
owned = true
field = [
    { name = "what", type = "text" },
    { name = "person", type = "reference", target = "person" },
    { name = "stage", type = "choice", choice = [
        { name = "done", stage = "won" }, { name = "new", stage = "open" }, { name = "busy", stage = "open" },
    ] },
]
"#;

const CALL: &str = r#"
name = "call"
owned = true
field = [
    { name = "number", type = "text", unique = true },
    { name = "caller", type = "text" },
    { name = "phone", type = "phone" },
    { name = "email", type = "email" },
    { name = "what", type = "text" },
    { name = "friend", type = "reference", target = "person" },
    { name = "person", type = "reference", target = "person" },
    { name = "order", type = "reference", target = "order" },
]
accept = { link = "person", take = { name = "caller", phone = "phone", email = "email" }, once = "number", interest = { link = "order", of = "person", take = { what = "what" } } }
"#;

const ROLES: &str = r#"
[[role]]
name = "clerk"
grant = [
    { object = "person", actions = ["view", "create", "edit"], scope = "own" },
    { object = "order", actions = ["view", "create", "edit"], scope = "own" },
    { object = "call", actions = ["view", "create"], scope = "own" },
]
[[role]]
name = "blind"
grant = [
    { object = "person", actions = ["view", "create", "edit"], scope = "all", hidden_fields = ["phone"] },
    { object = "order", actions = ["view", "create", "edit"], scope = "all" },
    { object = "call", actions = ["view", "create"], scope = "own" },
]
"#;

fn engine() -> Engine {
    let options = Options {
        standard_pack: false,
        ..Options::default()
    };
    let engine = Engine::in_memory(options).unwrap();
    let files = [
        ("pack.toml", "name = 'calls'\nversion = '1.0.0'"),
        ("roles.toml", ROLES),
        ("person/object.toml", PERSON),
        ("order/object.toml", ORDER),
        ("call/object.toml", CALL),
    ];
    let pack = Pack::from_files(files).unwrap();
    engine.install(Actor::System, &pack).unwrap();
    for (login, role) in [("anna", "clerk"), ("ivo", "clerk"), ("blind", "blind")] {
        let user = json!({"login": login, "name": login, "roles": [role]});
        engine.system().create("user", &user).unwrap();
    }
    engine
}

/// The first column of a query's rows as text.
fn rows(session: &Session, sql: &str) -> Vec<String> {
    let mut rows = session.query(sql, &Default::default()).unwrap();
    let mut texts = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        texts.push(row[0].to_string());
    }
    texts
}

/// Everything a session can see.
fn world(session: &Session) -> Json {
    let read = |object: &str| {
        let ids = rows(session, &format!("SELECT id FROM {object} ORDER BY id"));
        let ids = ids.iter().map(|id| id.parse::<u64>().unwrap());
        let get = |id| session.get(object, RecordId::new(id).unwrap()).unwrap();
        ids.map(get).collect::<Vec<Option<Json>>>()
    };
    json!([read("person"), read("order"), read("call")])
}

#[test]
fn a_stranger_becomes_a_client_once() {
    let engine = engine();
    let ivo = engine.login("ivo").unwrap();
    let call = json!({"number": "1", "caller": "Maria", "phone": "+7 495 1234567", "what": "Roof"});
    let before = world(&ivo);
    let looked = ivo.look_up("call", &call).unwrap();
    assert_eq!((looked.client, looked.record), (None, None));
    assert_eq!(world(&ivo), before);
    let first = ivo.accept("call", &call).unwrap();
    assert!(first.is_new && first.is_opened && !first.is_repeated && !first.is_taken);
    assert_eq!(first.interests.len(), 1);
    assert_eq!(first.interests[0].stage.as_deref(), Some("new"));
    let after = world(&ivo);
    let again = ivo.accept("call", &call).unwrap();
    assert!(again.is_repeated);
    assert_eq!(
        (again.record, again.client, again.interest),
        (first.record, first.client, first.interest)
    );
    assert_eq!(world(&ivo), after, "told twice, stored once");
    let more = json!({"phone": "8 (495) 123-45-67", "what": "Door"});
    let second = ivo.accept("call", &more).unwrap();
    assert_eq!(
        (second.client, second.interest),
        (first.client, first.interest)
    );
    assert!(!second.is_opened);
    // A closed interest is not linked to: the next one is opened.
    let order = first.interest.unwrap();
    ivo.update("order", order, &json!({"stage": "done"}), None)
        .unwrap();
    let third = ivo.accept("call", &more).unwrap();
    assert!(third.is_opened && third.interest != first.interest);
    let stages: Vec<_> = third
        .interests
        .iter()
        .map(|one| one.stage.as_deref())
        .collect();
    assert_eq!(stages, [Some("new"), Some("done")], "the newest first");
}

#[test]
fn the_client_of_another_is_told_as_taken_and_nothing_else() {
    let engine = engine();
    let (anna, ivo) = (engine.login("anna").unwrap(), engine.login("ivo").unwrap());
    let call = json!({"caller": "Maria", "phone": "+7 495 1234567", "what": "Roof"});
    let first = ivo.accept("call", &call).unwrap();
    let before = world(&anna);
    let taken = crate::intake::Accepted {
        is_taken: true,
        ..Default::default()
    };
    assert_eq!(anna.look_up("call", &call).unwrap(), taken);
    let numbered = json!({"number": "7", "phone": "84951234567", "what": "Door"});
    assert_eq!(anna.accept("call", &numbered).unwrap(), taken);
    let repeated = anna.accept("call", &numbered).unwrap();
    assert!(repeated.is_repeated && repeated.is_taken);
    assert_eq!((repeated.record, repeated.client), (None, None));
    assert_eq!(world(&anna), before);
    let seen = anna.changes(crate::Sequence(0), 100).unwrap();
    assert!(seen.changes.iter().all(|change| change.object != "call"));
    // It reached the client's owner, linked.
    let sql = "SELECT what FROM call WHERE person = :person AND order = :order ORDER BY id";
    let params = crate::Params::new()
        .named("person", first.client.unwrap())
        .named("order", first.interest.unwrap());
    let mut calls = ivo.query(sql, &params).unwrap();
    assert_eq!(calls.next().unwrap().unwrap()[0].as_text(), Some("Roof"));
    assert_eq!(calls.next().unwrap().unwrap()[0].as_text(), Some("Door"));
    // Who has left gets nothing more: what comes is nobody's.
    let host = engine.system();
    let user = json!({"user": ivo.user().unwrap().get()});
    host.call("user.close_access", &user, &mut |_| true)
        .unwrap();
    assert_eq!(anna.accept("call", &call).unwrap(), taken);
    let nobody = rows(&host, "SELECT what FROM call WHERE owner IS NULL");
    assert_eq!(nobody, ["Roof"]);
    assert_eq!(rows(&host, "SELECT id FROM person").len(), 1);
}

#[test]
fn a_field_that_is_hidden_finds_nobody_for_the_caller() {
    let engine = engine();
    let (blind, ivo) = (engine.login("blind").unwrap(), engine.login("ivo").unwrap());
    let both =
        json!({"number": "1", "caller": "Maria", "phone": "+7 495 1234567", "email": "m@v.ru"});
    let first = ivo.accept("call", &both).unwrap();
    let by_phone = json!({"number": "2", "phone": "84951234567"});
    let told = blind.look_up("call", &by_phone).unwrap();
    assert_eq!((told.client, told.is_taken), (None, true));
    for _ in 0..2 {
        let told = blind.accept("call", &by_phone).unwrap();
        assert_eq!((told.client, told.record), (None, None));
    }
    let told = blind.look_up("call", &json!({"email": "M@v.ru"})).unwrap();
    assert_eq!((told.client, told.is_taken), (first.client, false));
    // What he takes in, he need not see.
    let new = blind
        .accept("call", &json!({"caller": "Lena", "phone": "112"}))
        .unwrap();
    assert!(new.is_new);
    let host = engine.system();
    assert_eq!(
        rows(&host, "SELECT phone FROM person WHERE name = 'Lena'"),
        ["112"]
    );
}

#[test]
fn what_is_missing_makes_a_draft_that_a_person_completes() {
    let engine = engine();
    let ivo = engine.login("ivo").unwrap();
    let accepted = ivo.accept("call", &json!({"email": "m@v.ru"})).unwrap();
    assert_eq!(accepted.lacks, ["name"]);
    let client = accepted.client.unwrap();
    let read = |name: &str| ivo.get("person", client).unwrap().unwrap()[name].clone();
    assert_eq!(read("draft"), json!(true));
    let before = world(&ivo);
    let refused = ivo.update("person", client, &json!({"phone": "112"}), None);
    assert_eq!(refused.unwrap_err().code(), Code::Required);
    let refused = ivo.update("person", client, &json!({"draft": false}), None);
    assert_eq!(refused.unwrap_err().code(), Code::ReadOnly);
    let refused = ivo.create("person", &json!({"email": "n@v.ru"}));
    assert_eq!(refused.unwrap_err().code(), Code::Required);
    assert_eq!(world(&ivo), before);
    // A hand-over is no save.
    let anna = engine.login("anna").unwrap().user().unwrap();
    let host = engine.system();
    host.update("person", client, &json!({"owner": anna.get()}), None)
        .unwrap();
    let ivo = engine.login("anna").unwrap();
    assert_eq!(
        ivo.get("person", client).unwrap().unwrap()["draft"],
        json!(true)
    );
    ivo.update("person", client, &json!({"name": "Maria"}), None)
        .unwrap();
    assert_eq!(
        ivo.get("person", client).unwrap().unwrap()["draft"],
        Json::Null
    );
}

#[test]
fn references_are_checked_under_the_callers_rights() {
    let engine = engine();
    let (anna, ivo) = (engine.login("anna").unwrap(), engine.login("ivo").unwrap());
    let hidden = ivo.create("person", &json!({"name": "Maria"})).unwrap();
    let call = |friend: u64| json!({"caller": "Lena", "phone": "112", "friend": friend});
    let refused = anna.accept("call", &call(hidden.get())).unwrap_err();
    let unknown = anna.accept("call", &call(999)).unwrap_err();
    assert_eq!(refused.code(), Code::BadReference);
    assert_eq!(
        refused.to_string().replace(&hidden.to_string(), "999"),
        unknown.to_string()
    );
    for field in ["person", "order"] {
        let mut fields = json!({"phone": "112"});
        fields[field] = hidden.get().into();
        let refused = anna.accept("call", &fields).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArguments);
        assert_eq!(refused.details()["field"], field);
    }
    assert_eq!(world(&anna), json!([[], [], []]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However many clerks take in calls, each number is one client with one open interest, and
    /// every call is linked to the client of its number.
    #[test]
    fn each_number_is_one_client(calls in prop::collection::vec((0..2usize, 0..5usize), 1..20)) {
        const PHONES: [&str; 5] = ["+7 495 1234567", "84951234567", "8 812 7", "88127", "112"];
        let engine = engine();
        let mut numbers = BTreeSet::new();
        for (clerk, phone) in &calls {
            let clerk = engine.login(["anna", "ivo"][*clerk]).unwrap();
            let call = json!({"caller": "Somebody", "phone": PHONES[*phone]});
            let told = clerk.accept("call", &call).unwrap();
            let known = !numbers.insert(normal_phone(PHONES[*phone]));
            prop_assert_eq!(told.is_new, !known);
        }
        let host = engine.system();
        prop_assert_eq!(rows(&host, "SELECT id FROM person").len(), numbers.len());
        prop_assert_eq!(rows(&host, "SELECT id FROM order").len(), numbers.len());
        prop_assert_eq!(rows(&host, "SELECT id FROM call").len(), calls.len());
        let pairs = host.query("SELECT phone, person.phone, person.owner, owner FROM call", &Default::default());
        let mut pairs = pairs.unwrap();
        while let Some(row) = pairs.next().unwrap() {
            prop_assert_eq!(normal_phone(row[0].as_text().unwrap()), normal_phone(row[1].as_text().unwrap()));
            prop_assert_eq!(&row[2], &row[3]);
        }
        let verified = host.call("verify", &json!({}), &mut |_| true).unwrap();
        prop_assert_eq!(&verified["faults"], &json!(0));
    }
}
