//! Lists that come and go while others write and read.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};

use crate::limits::LIST_BATCH_RECORDS_MAX;
use crate::{Code, Engine, ListDeclaration, ObjectDeclaration, Options, Params, RecordId, Session};

const SQL: &str = "SELECT id, number FROM thing WHERE region = 'north' ORDER BY number";

fn options() -> Options {
    Options {
        standard_pack: false,
        ..Options::default()
    }
}

fn regions() -> ListDeclaration {
    ListDeclaration {
        name: "by_region".to_owned(),
        by: vec!["region".to_owned(), "number".to_owned()],
    }
}

/// Things of two regions, a few more than two batches of them.
fn filled(engine: &Engine) -> Vec<RecordId> {
    let host = engine.system();
    let thing: ObjectDeclaration = serde_json::from_value(json!({
        "name": "thing", "owned": true, "title": "name", "columns": ["name", "number"],
        "field": [
            {"name": "name", "type": "text"}, {"name": "number", "type": "integer"},
            {"name": "region", "type": "text"},
        ],
        "list": [{"name": "by_name", "by": ["name"]}],
    }))
    .unwrap();
    host.create_object(&thing).unwrap();
    let count = 2 * LIST_BATCH_RECORDS_MAX + 200;
    let made = (0..count).map(|n| host.create("thing", &a_thing(n)).unwrap());
    made.collect()
}

fn a_thing(n: usize) -> Json {
    let region = ["north", "south"][n % 2];
    json!({"name": format!("t{}", n % 7), "number": n * 31 % 1_000, "region": region})
}

fn rows(session: &Session, sql: &str) -> Vec<Vec<String>> {
    let mut rows = session.query(sql, &Params::new()).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        found.push(row.iter().map(ToString::to_string).collect());
    }
    found
}

fn way(session: &Session, sql: &str) -> String {
    rows(session, &format!("EXPLAIN {sql}"))[0][1].clone()
}

fn assert_sound(session: &Session) {
    let report = session.call("verify", &json!({}), &mut |_| true).unwrap();
    assert_eq!(report["faults"], 0, "{report}");
}

#[test]
fn a_list_that_was_cut_off_goes_on_after_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.crm");
    let engine = Engine::create(&path, options()).unwrap();
    let things = filled(&engine);
    let host = engine.system();
    let expected = rows(&host, SQL);
    let cut = host
        .create_list("thing", &regions(), &mut |_| false)
        .unwrap_err();
    assert_eq!(cut.code(), Code::Cancelled);
    assert_eq!(cut.details()["records"], LIST_BATCH_RECORDS_MAX);
    drop((host, engine));

    let engine = Engine::open(&path, options()).unwrap();
    let host = engine.system();
    assert_sound(&host);
    assert!(!way(&host, SQL).contains("by_region"));
    assert_eq!(rows(&host, SQL), expected);
    let schema = host.call("schema", &json!({}), &mut |_| true).unwrap();
    assert!(schema.to_string().contains(r#""building":["by_region"]"#));
    // Records on both sides of where it stopped change and go.
    for id in [things[3], things[4], things[900], things[901]] {
        host.update("thing", id, &json!({"region": "north", "number": -1}), None)
            .unwrap();
    }
    for id in [things[5], things[903]] {
        host.delete("thing", id, None).unwrap();
    }
    assert_sound(&host);
    let other = ListDeclaration {
        by: vec!["number".to_owned()],
        ..regions()
    };
    let refused = host
        .create_list("thing", &other, &mut |_| true)
        .unwrap_err();
    assert_eq!(refused.code(), Code::Duplicate);
    let by_hand = rows(&host, SQL);
    let mut steps = Vec::new();
    let mut hear = |progress: crate::Progress| {
        steps.push(progress.done);
        true
    };
    host.create_list("thing", &regions(), &mut hear).unwrap();
    assert_eq!(steps.last(), Some(&699), "{steps:?}");
    assert_eq!(way(&host, SQL), "list `by_region`; narrowed by `region`");
    assert_eq!(rows(&host, SQL), by_hand);
    assert_sound(&host);
}

#[test]
fn a_list_is_built_while_others_write() {
    let engine = Engine::in_memory(options()).unwrap();
    let things = filled(&engine);
    let host = engine.system();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (things, host, ended) = (&things, engine.system(), &ended);
            scope.spawn(move || {
                let mut n = writer;
                while !ended.load(Ordering::Acquire) {
                    let id = things[n * 37 % things.len()];
                    let region = ["south", "north", "west"][n % 3];
                    let change = json!({"region": region, "number": n});
                    host.update("thing", id, &change, None).unwrap();
                    if n % 5 == 0 {
                        let id = host.create("thing", &a_thing(n)).unwrap();
                        if n % 10 == 0 {
                            host.delete("thing", id, None).unwrap();
                        }
                    }
                    n += 2;
                }
            });
        }
        let built = host.create_list("thing", &regions(), &mut |_| true);
        ended.store(true, Ordering::Release);
        built.unwrap();
    });
    assert_sound(&host);
    let found = rows(&host, SQL);
    assert!(way(&host, SQL).contains("by_region"));
    host.delete_list("thing", "by_region", &mut |_| true)
        .unwrap();
    assert!(!way(&host, SQL).contains("by_region"));
    assert_eq!(rows(&host, SQL), found);
    assert_sound(&host);
}

#[test]
fn a_list_goes_while_its_rows_are_read() {
    let engine = Engine::in_memory(options()).unwrap();
    filled(&engine);
    let host = engine.system();
    host.create_list("thing", &regions(), &mut |_| true)
        .unwrap();
    let expected = rows(&host, SQL);
    let mut reading = host.query(SQL, &Params::new()).unwrap();
    assert!(reading.next().unwrap().is_some());
    let cut = host
        .delete_list("thing", "by_region", &mut |_| false)
        .unwrap_err();
    assert_eq!(cut.code(), Code::Cancelled);
    assert_sound(&host);
    // What is leaving is not kept up, and its name is taken until it is gone.
    host.create("thing", &a_thing(2)).unwrap();
    assert_sound(&host);
    let refused = host
        .create_list("thing", &regions(), &mut |_| true)
        .unwrap_err();
    assert_eq!(refused.code(), Code::Duplicate);
    host.delete_list("thing", "by_region", &mut |_| true)
        .unwrap();
    let mut left = 1;
    while reading.next().unwrap().is_some() {
        left += 1;
    }
    assert_eq!(left, expected.len());
    assert_eq!(rows(&host, SQL).len(), expected.len() + 1);
    assert_sound(&host);
    // Its number is given to another list, which holds what it should.
    let names = ListDeclaration {
        by: vec!["name desc".to_owned()],
        ..regions()
    };
    host.create_list("thing", &names, &mut |_| true).unwrap();
    assert_sound(&host);
    let cut = host.create_list(
        "thing",
        &ListDeclaration {
            name: "more".to_owned(),
            ..names
        },
        &mut |_| false,
    );
    assert_eq!(cut.unwrap_err().code(), Code::Cancelled);
    let refused = host.delete_field("thing", "name").unwrap_err();
    assert_eq!(refused.code(), Code::StillReferenced);
    host.delete_list("thing", "more", &mut |_| true).unwrap();
    assert_sound(&host);
}
