//! Single ways by which something hidden might be learnt, each closed.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crm_engine::{
    Code, Engine, Error, ManualClock, Options, RecordId, Result, Sequence, Session, Value,
};
use serde_json::{Value as Json, json};

fn engine() -> Engine {
    Engine::in_memory(Options::default()).unwrap()
}

/// A user whose one role has these grants.
fn user(engine: &Engine, login: &str, grants: &[Json]) -> Session {
    let host = engine.system();
    let role = create(&host, "role", json!({"name": login}));
    for grant in grants {
        let mut grant = grant.clone();
        grant["role"] = json!(role);
        create(&host, "grant", grant);
    }
    create(
        &host,
        "user",
        json!({"login": login, "name": login, "roles": [login]}),
    );
    engine.login(login).unwrap()
}

fn create(session: &Session, object: &str, fields: Json) -> u64 {
    session.create(object, &fields).unwrap().get()
}

fn id(id: u64) -> RecordId {
    RecordId::new(id).unwrap()
}

fn number(session: &Session) -> u64 {
    session.user().unwrap().get()
}

fn call(session: &Session, operation: &str, arguments: Json) -> Result<Json> {
    session.call(operation, &arguments, &mut |_| true)
}

fn told(result: Result<impl std::fmt::Debug>) -> String {
    result.unwrap_err().to_json().to_string()
}

fn ids(session: &Session, sql: &str) -> Vec<u64> {
    let mut rows = session.query(sql, &crm_engine::Params::new()).unwrap();
    let mut ids = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        match row[0] {
            Value::Integer(id) => ids.push(u64::try_from(id).unwrap()),
            ref other => panic!("{other:?} is no id"),
        }
    }
    ids
}

#[test]
fn what_a_hidden_field_would_take_is_not_told() {
    let engine = engine();
    let hidden = ["amount", "stage", "close_date", "owner", "company"];
    let clerk = user(
        &engine,
        "clerk",
        &[
            json!({"object": "deal", "actions": ["view", "create", "edit", "import"],
            "scope": "own", "hidden_fields": hidden}),
        ],
    );
    let me = number(&clerk);
    let host = engine.system();
    let deal = create(
        &host,
        "deal",
        json!({"title": "t", "stage": "won", "owner": me}),
    );
    for name in hidden {
        for value in [json!("none of these"), json!(me), json!([]), Json::Null] {
            for title in ["t", "u"] {
                let with = |name: &str| {
                    let fields = json!({"title": title, name: value});
                    let update = clerk.update("deal", id(deal), &fields, None);
                    [told(clerk.create("deal", &fields)), told(update)].concat()
                };
                assert_eq!(with(name), with("nothing").replace("nothing", name));
            }
        }
        for rule in [
            json!({}),
            json!({"currency": "EUR"}),
            json!({"match": "name"}),
        ] {
            let import = |name: &str| {
                let mut rule = rule.clone();
                rule["field"] = json!(name);
                let job = json!({"object": "deal", "text": "a\n1\n", "columns": {"a": rule}});
                told(call(&clerk, "import.csv", job))
            };
            assert_eq!(import(name), import("nothing").replace("nothing", name));
        }
    }
}

#[test]
fn a_hidden_field_is_required_without_being_named() {
    let engine = engine();
    let clerk = user(
        &engine,
        "clerk",
        &[
            json!({"object": "deal", "actions": ["view", "create"], "scope": "own",
            "hidden_fields": ["stage"]}),
        ],
    );
    let error = clerk.create("deal", &json!({"title": "t"})).unwrap_err();
    assert_eq!(error.code(), Code::Required);
    assert!(!error.to_json().to_string().contains("stage"), "{error:?}");
    let error = clerk.create("deal", &json!({})).unwrap_err();
    assert_eq!(error.details()["fields"], json!(["title"]), "{error:?}");
}

#[test]
fn nobody_finds_users_by_making_them_owners() {
    let engine = engine();
    let clerk = user(
        &engine,
        "clerk",
        &[json!({"object": "deal", "actions": ["view", "create", "transfer"], "scope": "all"})],
    );
    let stranger = number(&user(&engine, "stranger", &[]));
    let mine = create(&clerk, "deal", json!({"title": "t", "stage": "won"}));
    let owner = |owner: u64| {
        let fields = json!({"title": "t", "stage": "won", "owner": owner});
        let update = clerk.update("deal", id(mine), &json!({"owner": owner}), None);
        let from = call(&clerk, "transfer", json!({"from": owner, "to": 1}));
        let to = json!({"from": number(&clerk), "to": owner});
        let to = call(&clerk, "transfer", to);
        let created = clerk.create("deal", &fields);
        [told(created), told(update), told(from), told(to)].concat()
    };
    assert_eq!(
        owner(stranger),
        owner(9_999).replace("9999", &stranger.to_string())
    );
}

#[test]
fn what_hinders_a_deletion_is_named_only_when_it_is_seen() {
    let engine = engine();
    let clerk = user(
        &engine,
        "clerk",
        &[
            json!({"object": "company", "actions": ["view", "create", "delete"], "scope": "own"}),
            json!({"object": "task", "actions": ["view", "create"], "scope": "own",
                "hidden_fields": ["deal"]}),
        ],
    );
    let host = engine.system();
    let company = || {
        create(
            &clerk,
            "company",
            json!({"name": "Vega", "legal_form": "individual"}),
        )
    };
    let delete = |company: u64| clerk.delete("company", id(company), None);

    let by_both = company();
    create(&host, "contact", json!({"name": "C", "company": by_both}));
    create(&clerk, "task", json!({"title": "T", "company": by_both}));
    let by_seen = company();
    create(&clerk, "task", json!({"title": "T", "company": by_seen}));
    assert_eq!(told(delete(by_both)), told(delete(by_seen)));

    let by_hidden = company();
    create(&host, "contact", json!({"name": "C", "company": by_hidden}));
    let error = told(delete(by_hidden));
    assert!(error.contains("still_referenced"), "{error}");
    assert!(
        !error.contains("contact") && !error.contains("field"),
        "{error}"
    );
}

#[test]
fn a_hand_over_follows_only_what_is_seen_and_moved() {
    let engine = engine();
    let seller = user(&engine, "seller", &[]);
    let heir = user(&engine, "heir", &[]);
    let deals = json!({"object": "deal", "actions": ["view", "transfer"], "scope": "all"});
    let users = json!({"object": "user", "actions": ["view"], "scope": "all"});
    let companies = json!({"object": "company", "actions": ["view"], "scope": "all"});
    let blind = user(&engine, "blind", &[deals.clone(), users.clone()]);
    let looker = user(&engine, "looker", &[deals, users, companies]);
    let host = engine.system();
    let owner = number(&seller);
    let company = create(
        &host,
        "company",
        json!({"name": "Vega", "legal_form": "individual", "owner": owner}),
    );
    let deal = json!({"title": "t", "stage": "won", "owner": owner, "company": company});
    let deal = create(&host, "deal", deal);
    let order = json!({"from": owner, "to": number(&heir), "objects": ["company"],
        "where": "name = 'Vega'"});

    let report = call(&blind, "transfer", order.clone()).unwrap();
    assert_eq!(report["matched"], 0, "{report}");
    let report = call(&looker, "transfer", order).unwrap();
    assert_eq!(
        (&report["matched"], &report["refused"]),
        (&json!(1), &json!(1))
    );
    let deal = host.get("deal", id(deal)).unwrap().unwrap();
    assert_eq!(deal["owner"], json!(owner));
}

#[test]
fn the_feed_shows_a_deleted_record_to_its_last_owner_only() {
    let engine = engine();
    let own = [json!({"object": "deal", "actions": ["view"], "scope": "own"})];
    let first = user(&engine, "first", &own);
    let last = user(&engine, "last", &own);
    let host = engine.system();
    let deal = json!({"title": "t", "stage": "won", "owner": number(&first)});
    let deal = id(create(&host, "deal", deal));
    let to = json!({"owner": number(&last)});
    host.update("deal", deal, &to, None).unwrap();
    host.delete("deal", deal, None).unwrap();

    let seen = |session: &Session| session.changes(Sequence(0), 100).unwrap().changes.len();
    assert_eq!(first.history("deal", deal).unwrap(), None);
    assert_eq!((seen(&first), seen(&last)), (0, 3));
}

#[test]
fn a_feed_page_gets_on() {
    let engine = engine();
    let host = engine.system();
    let refused = host.changes(Sequence(0), 0).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArguments);
    let refused = call(&host, "changes", json!({"after": 0, "limit": 0}));
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArguments);
    let beyond = host.changes(Sequence(u64::MAX), usize::MAX).unwrap();
    assert!(beyond.changes.is_empty() && !beyond.more);
}

#[test]
fn rows_without_an_order_do_not_come_in_a_hidden_one() {
    let moment = |minute: u32| format!("2026-03-01T09:{minute:02}:00Z").parse().unwrap();
    let clock = Arc::new(ManualClock::new(moment(0)));
    let options = Options {
        clock: Arc::clone(&clock) as _,
        ..Options::default()
    };
    let engine = Engine::in_memory(options).unwrap();
    let hidden = ["created_at"];
    let clerk = user(
        &engine,
        "clerk",
        &[
            json!({"object": "contact", "actions": ["view", "create"], "scope": "own",
            "hidden_fields": hidden}),
        ],
    );
    let mut made = Vec::new();
    for (minute, name) in [(3, "a"), (1, "b"), (2, "c")] {
        clock.set(moment(minute));
        made.push(create(&clerk, "contact", json!({"name": name})));
    }
    assert_eq!(ids(&clerk, "SELECT id FROM contact"), made);
    let newest = ids(&clerk, "SELECT id FROM contact LIMIT 1");
    assert_eq!(newest, made[..1]);
}

#[test]
fn a_grant_on_everything_hides_its_fields_everywhere() {
    let engine = engine();
    let clerk = user(
        &engine,
        "clerk",
        &[
            json!({"object": "*", "actions": ["view", "create"], "scope": "all",
            "hidden_fields": ["amount", "tax_number"]}),
        ],
    );
    let host = engine.system();
    let deal = json!({"title": "t", "stage": "won", "amount": "7 EUR"});
    let deal = id(create(&host, "deal", deal));
    let seen = clerk.get("deal", deal).unwrap().unwrap();
    assert_eq!(seen.get("amount"), None);
    assert_eq!(seen["title"], "t");
    for field in ["amount", "tax_number"] {
        let object = if field == "amount" { "deal" } else { "company" };
        let sql = format!("SELECT {field} FROM {object}");
        let error = clerk.prepare(&sql).err().unwrap();
        assert_eq!(error.code(), Code::UnknownField);
    }
    let funnel = call(&clerk, "report.funnel", json!({"object": "deal"})).unwrap();
    assert_eq!(funnel["sum"], Json::Null);
    assert!(!funnel.to_string().contains("EUR"), "{funnel}");
}

#[test]
fn strange_values_meet_a_refusal() {
    let engine = engine();
    let host = engine.system();
    let mut deep = json!("x");
    for _ in 0..1_000 {
        deep = json!([deep]);
    }
    for name in [
        json!("a\0b"),
        json!(""),
        json!(" "),
        deep,
        json!({}),
        json!(1),
    ] {
        let made = host.create(
            "company",
            &json!({"name": name, "legal_form": "individual"}),
        );
        let refused = made.map_or_else(|error| error.code().is_refusal(), |_| name == json!(" "));
        assert!(refused, "{name}");
    }
    for number in [
        json!(0),
        json!(-1),
        json!(1_u64 << 53),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
    ] {
        let history = json!({"object": "company", "id": number});
        let error = call(&host, "history", history).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArguments, "{number}");
        let link = json!({"name": "x", "legal_form": "individual", "parent": number});
        let link = host.create("company", &link);
        assert!(
            link.map_or_else(|e| e.code().is_refusal(), |_| number == json!("")),
            "{number}"
        );
        let sql = format!("SELECT id FROM company WHERE id = {number}");
        if number.is_number() {
            assert!(ids(&host, &sql).is_empty(), "{number}");
        }
    }
    for limit in ["-1", "9223372036854775808", "1.5"] {
        let sql = format!("SELECT id FROM company LIMIT {limit}");
        let refused = host.query(&sql, &crm_engine::Params::new());
        assert!(refused.unwrap_err().code().is_refusal(), "{limit}");
    }
}

const PAPERS: &str = "\
name = 'paper'
owned = true
field = [{ name = 'title', type = 'text' }]
list = [{ name = 'by_title', by = ['title'] }]
";
const NOTES: &str = "\
name = 'note'
owned = true
field = [
    { name = 'text', type = 'text' },
    { name = 'paper', type = 'reference', target = 'paper', on_delete = 'cascade' },
    { name = 'second', type = 'reference', target = 'paper', on_delete = 'cascade' },
    { name = 'third', type = 'reference', target = 'paper', required = true, on_delete = 'clear' },
]
";
const RULES: &str = "\
[[rule]]
name = 'remember'
file = 'remember.rhai'
kind = 'react'
on = ['delete']
";

/// Papers with notes on them; a rule makes a paper when a note is deleted.
fn papers() -> (Engine, Session) {
    let engine = engine();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path: &Path = &folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("pack.toml", "name = 'papers'\nversion = '1.0.0'\n");
    write("paper/object.toml", PAPERS);
    write("note/object.toml", NOTES);
    write("note/rules.toml", RULES);
    write(
        "note/rules/remember.rhai",
        "create(\"paper\", #{title: this.text});",
    );
    let path = json!({"path": folder.path()});
    call(&engine.system(), "pack.install", path).unwrap();
    let clerk = user(
        &engine,
        "clerk",
        &[json!({"object": "paper", "actions": ["view", "delete"], "scope": "all"})],
    );
    (engine, clerk)
}

fn paper(host: &Session, title: &str) -> u64 {
    create(host, "paper", json!({"title": title}))
}

#[test]
fn what_follows_a_deletion_is_not_named_when_it_is_hidden() {
    let (engine, clerk) = papers();
    let host = engine.system();
    let (cleared, other) = (paper(&host, "cleared"), paper(&host, "other"));
    create(&host, "note", json!({"text": "n", "third": cleared}));
    let error: Error = clerk.delete("paper", id(cleared), None).unwrap_err();
    assert_eq!(error.code(), Code::StillReferenced, "{error:?}");
    assert!(!error.to_json().to_string().contains("note"), "{error:?}");
    let error = host.delete("paper", id(cleared), None).unwrap_err();
    assert_eq!(error.code(), Code::Required, "{error:?}");

    let twice = paper(&host, "twice");
    let note = json!({"text": "n", "paper": twice, "second": twice, "third": other});
    let note = id(create(&host, "note", note));
    host.delete("paper", id(twice), None).unwrap();
    assert_eq!(host.get("note", note).unwrap(), None);
}

#[test]
fn rules_have_the_rights_of_the_caller_in_what_a_deletion_causes() {
    let (engine, clerk) = papers();
    let host = engine.system();
    let (gone, other) = (paper(&host, "gone"), paper(&host, "other"));
    let note = json!({"text": "n", "paper": gone, "third": other});
    let note = id(create(&host, "note", note));
    let error = clerk.delete("paper", id(gone), None).unwrap_err();
    assert_eq!(error.code(), Code::StillReferenced, "{error:?}");
    assert!(host.get("note", note).unwrap().is_some());
    host.delete("paper", id(gone), None).unwrap();
}
