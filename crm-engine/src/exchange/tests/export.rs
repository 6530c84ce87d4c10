//! Exports: what they cover, what they refuse, how a table is written.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::engine::{Engine, Options};
use crate::error::Code;
use crate::exchange::ExportJob;
use crate::ids::Sequence;
use crate::journal::{self, EventKind};
use crate::pack::Pack;
use crate::policy::Actor;
use crate::session::Session;

const OWNER: &str = r#"
name = "house"
owned = true
title = "name"
field = [{ name = "name", type = "text" }, { name = "colour", type = "text" }]
"#;
const THING: &str = r#"
name = "thing"
owned = true
title = "name"
field = [
    { name = "name", type = "text" },
    { name = "price", type = "money" },
    { name = "secret", type = "text" },
    { name = "house", type = "reference", target = "house" },
]
"#;
const ROLES: &str = r#"
[[role]]
name = "seer"
grant = [
    { object = "thing", actions = ["view", "create"], scope = "all", hidden_fields = ["secret"] },
    { object = "house", actions = ["view"], scope = "all" },
]

[[role]]
name = "taker"
grant = [
    { object = "thing", actions = ["view", "create"], scope = "all" },
    { object = "thing", actions = ["export"], scope = "own", hidden_fields = ["secret"] },
    { object = "house", actions = ["view"], scope = "all" },
]
"#;

struct World {
    engine: Engine,
    host: Session,
}

impl World {
    fn new() -> World {
        let options = Options {
            standard_pack: false,
            ..Options::default()
        };
        let engine = Engine::in_memory(options).unwrap();
        let pack = Pack::from_files([
            ("pack.toml", "name = \"things\"\nversion = \"1.0.0\""),
            ("house/object.toml", OWNER),
            ("thing/object.toml", THING),
            ("roles.toml", ROLES),
        ]);
        engine.install(Actor::System, &pack.unwrap()).unwrap();
        let host = engine.system();
        for (login, role) in [("anna", "seer"), ("ivo", "taker")] {
            let user = json!({"login": login, "name": login, "roles": [role]});
            host.create("user", &user).unwrap();
        }
        let house = json!({"name": "Mill", "colour": "red"});
        let house = host.create("house", &house).unwrap().get();
        let world = World { engine, host };
        for login in ["anna", "ivo"] {
            for n in 0..3 {
                let name = format!("{login} \"{n}\", cut");
                let thing = json!({"name": name, "price": "1.20 EUR", "house": house});
                world.login(login).create("thing", &thing).unwrap();
            }
        }
        world
    }

    fn login(&self, login: &str) -> Session {
        self.engine.login(login).unwrap()
    }

    /// What was done, refusals apart.
    fn entries(&self) -> Vec<journal::Entry> {
        let snapshot = self.engine.view().unwrap().snapshot;
        let mut entries = journal::read_after(&snapshot, Sequence(0), 10_000).unwrap();
        entries.retain(|entry| {
            let event = entry.event.as_ref();
            event.is_none_or(|event| event.kind != EventKind::Refused)
        });
        entries
    }

    /// What the newest event of an export tells.
    fn told(&self) -> Json {
        let event = self.entries().pop().unwrap().event.unwrap();
        assert_eq!(event.kind, EventKind::Export);
        event.detail
    }
}

fn job(json: Json) -> ExportJob {
    serde_json::from_value(json).unwrap()
}

fn sql(text: &str) -> ExportJob {
    job(json!({ "sql": text }))
}

/// An export that must be refused: nothing is told in the journal. Code and words come back.
#[track_caller]
fn refused(world: &World, session: &Session, job: &ExportJob) -> (Code, String) {
    let before = world.entries();
    let error = session.export(job, &mut |_| true).unwrap_err();
    assert_eq!(world.entries(), before);
    (error.code(), error.message().to_owned())
}

fn cells(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(str::to_owned).collect())
        .collect()
}

/// What may be both seen and exported is taken out, counted alike, and the journal tells of it.
#[test]
fn only_what_may_be_exported() {
    let world = World::new();
    let ivo = world.login("ivo");
    let text = "SELECT name, price FROM thing ORDER BY name";
    let report = ivo.export(&sql(text), &mut |_| true).unwrap();
    let rows = cells(report.text.as_deref().unwrap());
    assert_eq!(rows[0], ["name", "price"]);
    assert_eq!(rows[1], ["ivo \"0\", cut", "1.20 EUR"]);
    assert_eq!((report.rows, rows.len()), (3, 4));
    let told = world.told();
    assert_eq!(told, json!({"select": text, "rows": 3}));
    let count = ivo.export(&sql("SELECT count(*) FROM thing"), &mut |_| true);
    assert_eq!(count.unwrap().text.as_deref(), Some("count(*)\r\n3\r\n"));
    let host = world.host.export(&sql(text), &mut |_| true).unwrap();
    assert_eq!(host.rows, 6);

    // By object, with a condition that ends in a comment.
    let by_object = job(json!({
        "object": "thing", "columns": ["name AS n"], "where": "name LIKE '%1%' -- one",
        "order": "name", "delimiter": ";",
    }));
    let report = ivo.export(&by_object, &mut |_| true).unwrap();
    assert_eq!(
        report.text.as_deref(),
        Some("n\r\n\"ivo \"\"1\"\", cut\"\r\n")
    );
}

/// Without the right nothing is taken out; a field that may not be is one that does not exist, for
/// columns, conditions and order alike.
#[test]
fn refusals_tell_nothing() {
    let world = World::new();
    let (anna, ivo) = (world.login("anna"), world.login("ivo"));
    for text in [
        "SELECT name FROM thing",
        "SELECT count(*) FROM thing",
        "SELECT name FROM house",
    ] {
        assert_eq!(refused(&world, &anna, &sql(text)).0, Code::Denied);
    }
    for text in [
        "SELECT _ FROM thing",
        "SELECT name FROM thing WHERE _ IS NULL",
        "SELECT name FROM thing ORDER BY _",
        "SELECT max(_) FROM thing",
    ] {
        let answer = |field: &str| {
            let (code, words) = refused(&world, &ivo, &sql(&text.replace('_', field)));
            (code, words.replace(field, "_"))
        };
        assert_eq!(answer("secret"), answer("sacred"));
        assert_eq!(answer("secret").0, Code::UnknownField);
    }
    for text in [
        "SELECT house.colour FROM thing",
        "SELECT house.owner FROM thing",
    ] {
        assert_eq!(refused(&world, &ivo, &sql(text)).0, Code::UnknownField);
    }
    // What a record refers to is called by its title.
    let title = ivo.export(&sql("SELECT house.name FROM thing"), &mut |_| true);
    assert!(
        title
            .unwrap()
            .text
            .unwrap()
            .ends_with("Mill\r\nMill\r\nMill\r\n")
    );
    for wrong in [
        json!({}),
        json!({"sql": "SELECT name FROM thing", "object": "thing"}),
        json!({"sql": "SELECT name FROM thing", "columns": ["name"]}),
        json!({"object": "thing", "delimiter": "\""}),
    ] {
        assert_eq!(refused(&world, &ivo, &job(wrong)).0, Code::InvalidArguments);
    }
}

/// A file is written whole or not at all, and never over another one.
#[test]
fn files_are_whole_or_absent() {
    let world = World::new();
    let ivo = world.login("ivo");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("things.csv");
    let to = |path: &Path| job(json!({"object": "thing", "path": path, "bom": true}));
    let cancelled = ivo.export(&to(&path), &mut |_| false).unwrap_err();
    assert_eq!(cancelled.code(), Code::Cancelled);
    assert!(!path.exists());
    let report = ivo.export(&to(&path), &mut |_| true).unwrap();
    assert_eq!((report.rows, report.text), (3, None));
    let written = fs::read_to_string(&path).unwrap();
    let written = written.strip_prefix('\u{feff}').unwrap();
    assert_eq!(cells(written)[0], ["id", "owner", "name", "price", "house"]);
    let (code, _) = refused(&world, &ivo, &to(&path));
    assert_eq!(code, Code::InvalidValue);
    assert!(fs::read_to_string(&path).unwrap().ends_with(written));
    let nowhere = folder.path().join("none").join("things.csv");
    assert_eq!(refused(&world, &ivo, &to(&nowhere)).0, Code::Io);
}

/// What may not be exported makes no difference to what is.
#[test]
fn what_is_not_exported_is_absent() {
    let world = World::new();
    let ivo = world.login("ivo");
    let answers = || {
        let texts = [
            "SELECT * FROM thing ORDER BY name DESC",
            "SELECT house.name, count(*) FROM thing GROUP BY house.name",
            "SELECT name FROM thing WHERE price > '1.00 EUR' LIMIT 2",
        ];
        texts.map(|text| ivo.export(&sql(text), &mut |_| true).unwrap().text)
    };
    let before = answers();
    for n in 0..3 {
        let thing = json!({"name": format!("a{n}"), "price": "9.00 EUR"});
        world.login("anna").create("thing", &thing).unwrap();
    }
    assert_eq!(answers(), before);
}
