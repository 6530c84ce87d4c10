//! Bulk changes in several transactions, and what they may not reach.

use serde_json::{Value as Json, json};

use crate::engine::{Engine, Options};
use crate::error::Code;
use crate::limits::BULK_BATCH_RECORDS_MAX;
use crate::pack::Pack;
use crate::policy::Actor;
use crate::session::Session;

use super::{BulkReport, BulkUpdate};

const THING: &str = r#"
name = "thing"
owned = true
field = [
    { name = "number", type = "integer" },
    { name = "mark", type = "text" },
    { name = "secret", type = "text" },
    { name = "words", type = "tags" },
    { name = "code", type = "text", unique = true },
    { name = "state", type = "choice", choice = [{ name = "new" }, { name = "old", requires = ["mark"] }] },
]
"#;

const ROLES: &str = r#"
[[role]]
name = "maker"
grant = [
    { object = "thing", actions = ["view", "create", "edit", "bulk"], scope = "own", hidden_fields = ["secret"] },
]
"#;

fn engine() -> Engine {
    let options = Options {
        standard_pack: false,
        ..Options::default()
    };
    let engine = Engine::in_memory(options).unwrap();
    let files = [
        ("pack.toml", "name = 'things'\nversion = '1.0.0'"),
        ("roles.toml", ROLES),
        ("thing/object.toml", THING),
    ];
    engine
        .install(Actor::System, &Pack::from_files(files).unwrap())
        .unwrap();
    for login in ["anna", "ivo"] {
        let user = json!({"login": login, "name": login, "roles": ["maker"]});
        engine.system().create("user", &user).unwrap();
    }
    engine
}

fn make(session: &Session, count: usize) {
    session
        .transact("make", |door| {
            let thing = std::sync::Arc::clone(door.schema().object("thing")?);
            for number in 0..count {
                door.create_json(&thing, &json!({"number": number, "words": ["a"]}))?;
            }
            Ok(())
        })
        .unwrap();
}

fn run(session: &Session, job: Json) -> crate::Result<BulkReport> {
    let job: BulkUpdate = serde_json::from_value(job).unwrap();
    session.bulk_update(&job, &mut |_| true)
}

fn count(session: &Session, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM thing WHERE {condition}");
    let mut rows = session.query(&sql, &Default::default()).unwrap();
    rows.next().unwrap().unwrap()[0].as_integer().unwrap()
}

#[test]
fn a_large_selection_is_changed_in_several_transactions_and_may_be_stopped_between_them() {
    let engine = engine();
    let ivo = engine.login("ivo").unwrap();
    let all = 2 * BULK_BATCH_RECORDS_MAX + 10;
    make(&ivo, all);
    let job = |mark: &str| -> BulkUpdate {
        serde_json::from_value(
            json!({"object": "thing", "where": "number >= 0", "set": {"mark": mark}}),
        )
        .unwrap()
    };
    let mut seen = Vec::new();
    let report = ivo.bulk_update(&job("x"), &mut |progress| {
        seen.push((progress.done, progress.total.unwrap()));
        true
    });
    let report = report.unwrap();
    assert_eq!((report.matched, report.changed), (all as u64, all as u64));
    assert_eq!(seen, [(1_000, 2_010), (2_000, 2_010), (2_010, 2_010)]);
    let stopped = ivo.bulk_update(&job("y"), &mut |_| false).unwrap_err();
    assert_eq!(stopped.code(), Code::Cancelled);
    assert_eq!(stopped.details()["changed"], 1_000);
    assert_eq!(count(&ivo, "mark = 'y'"), 1_000);
    assert_eq!(count(&ivo, "mark = 'x'"), 1_010);
}

#[test]
fn each_refused_record_is_named_and_the_others_are_changed() {
    let engine = engine();
    let (anna, ivo) = (engine.login("anna").unwrap(), engine.login("ivo").unwrap());
    make(&ivo, 3);
    make(&anna, 2);
    let marked = json!({"object": "thing", "where": "number = 1", "set": {"mark": "m"}});
    assert_eq!(run(&ivo, marked).unwrap().changed, 1);
    let job = json!({"object": "thing", "where": "number >= 0", "set": {"state": "old"}});
    let mut rehearsal = job.clone();
    rehearsal["check"] = true.into();
    let told = run(&ivo, rehearsal).unwrap();
    assert_eq!(count(&ivo, "state = 'old'"), 0);
    let report = run(&ivo, job).unwrap();
    assert_eq!((report.matched, report.changed, report.refused), (3, 1, 2));
    assert_eq!(report.refusals[0].code, "required");
    assert_eq!(report.refusals[0].field.as_deref(), Some("mark"));
    assert_eq!(
        told,
        BulkReport {
            check: true,
            ..report
        }
    );
    assert_eq!(count(&anna, "state = 'old'"), 0);
    // One value for all breaks what is unique: the first keeps it.
    let job = json!({"object": "thing", "where": "true", "set": {"code": "c"}});
    let report = run(&ivo, job).unwrap();
    assert_eq!((report.changed, report.refused), (1, 2));
}

#[test]
fn ids_of_hidden_records_are_ids_of_none() {
    let engine = engine();
    let (anna, ivo) = (engine.login("anna").unwrap(), engine.login("ivo").unwrap());
    make(&anna, 1);
    make(&ivo, 1);
    let ids = |session: &Session| -> u64 {
        let mut rows = session
            .query("SELECT id FROM thing", &Default::default())
            .unwrap();
        rows.next().unwrap().unwrap()[0].as_integer().unwrap() as u64
    };
    let job = |id: u64| json!({"object": "thing", "ids": [id], "set": {"mark": "m"}});
    let hidden = run(&ivo, job(ids(&anna))).unwrap();
    let none = run(&ivo, job(999)).unwrap();
    assert_eq!((hidden.matched, hidden.refused), (0, 0));
    let text = |report: &BulkReport| {
        let text = serde_json::to_string(report).unwrap();
        text.replace(&format!("\"id\":{}", report.refusals[0].id), "")
    };
    assert_eq!(text(&hidden), text(&none));
    assert_eq!(run(&ivo, job(ids(&ivo))).unwrap().changed, 1);
    assert_eq!(count(&anna, "mark IS NULL"), 1);
}

#[test]
fn jobs_that_make_no_sense_are_refused_as_a_whole() {
    let engine = engine();
    let ivo = engine.login("ivo").unwrap();
    make(&ivo, 2);
    for (job, code) in [
        (
            json!({"where": "number = 1) OR (1 = 1", "set": {"mark": "m"}}),
            Code::Syntax,
        ),
        (
            json!({"where": "true ORDER BY id", "set": {"mark": "m"}}),
            Code::Syntax,
        ),
        (
            json!({"where": "secret = 'x'", "set": {"mark": "m"}}),
            Code::UnknownField,
        ),
        (
            json!({"where": "true", "set": {"secret": "m"}}),
            Code::UnknownField,
        ),
        (
            json!({"where": "true", "set": {"number": "m"}}),
            Code::InvalidValue,
        ),
        (
            json!({"where": "true", "set": {"version": 3}}),
            Code::ReadOnly,
        ),
        (
            json!({"where": "true", "add_tags": {"mark": ["m"]}}),
            Code::WrongType,
        ),
        (
            json!({"where": "true", "set": {"words": ["b"]}, "add_tags": {"words": ["m"]}}),
            Code::InvalidArguments,
        ),
        (json!({"where": "true"}), Code::InvalidArguments),
        (json!({"set": {"mark": "m"}}), Code::InvalidArguments),
    ] {
        let mut job = job;
        job["object"] = "thing".into();
        let refused = run(&ivo, job.clone()).unwrap_err();
        assert_eq!(refused.code(), code, "{job}: {refused}");
    }
    assert_eq!(count(&ivo, "mark IS NOT NULL"), 0);
    let job = json!({"object": "thing", "where": "number = 1 -- the last", "set": {"mark": "m"}});
    assert_eq!(run(&ivo, job).unwrap().changed, 1);
}

#[test]
fn a_tag_is_carried_once() {
    let engine = engine();
    let ivo = engine.login("ivo").unwrap();
    make(&ivo, 2);
    let job = json!({"object": "thing", "where": "true", "add_tags": {"words": ["a", "b", "b"]}});
    assert_eq!(run(&ivo, job.clone()).unwrap().changed, 2);
    let again = run(&ivo, job).unwrap();
    assert_eq!((again.changed, again.unchanged), (0, 2));
    let job = json!({"object": "thing", "where": "true", "remove_tags": {"words": ["a", "b"]}});
    assert_eq!(run(&ivo, job).unwrap().changed, 2);
    assert_eq!(count(&ivo, "words IS NULL"), 2);
}
