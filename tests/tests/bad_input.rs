//! Bad input meets a clear error with a stable code, and nothing is changed.

use std::fs;
use std::path::Path;

use crm_engine::{Code, Engine, Options, RecordId, Result, Session};
use serde_json::{Value as Json, json};

fn refused<T>(result: Result<T>, code: Code, names: &str) {
    let error = result
        .err()
        .unwrap_or_else(|| panic!("`{names}` was taken"));
    assert_eq!(error.code(), code, "{error}");
    let told = format!("{error} {}", json!(error.details()));
    assert!(told.contains(names), "`{names}` is not named in: {told}");
}

/// Refused, and the file is left byte for byte as it was.
fn file_refused(path: &Path, code: Code) {
    let before = fs::read(path).unwrap();
    refused(
        Engine::open(path, Options::default()).map(drop),
        code,
        path.to_str().unwrap(),
    );
    assert_eq!(fs::read(path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    refused(
        Engine::open(at("none"), Options::default()).map(drop),
        Code::Io,
        "none",
    );
    refused(
        Engine::create(at("no/folder"), Options::default()).map(drop),
        Code::Io,
        "folder",
    );

    for (name, content) in [
        ("empty", ""),
        ("text", "not a store"),
        ("long", &"x".repeat(100_000)),
    ] {
        fs::write(at(name), content).unwrap();
        file_refused(&at(name), Code::NotAStore);
    }
    refused(
        Engine::create(at("text"), Options::default()).map(drop),
        Code::InvalidValue,
        "text",
    );
    assert_eq!(fs::read(at("text")).unwrap(), b"not a store");

    Engine::create(at("cut"), Options::default())
        .unwrap()
        .close()
        .unwrap();
    let whole = fs::read(at("cut")).unwrap();
    fs::write(at("cut"), &whole[..whole.len() / 2]).unwrap();
    let error = Engine::open(at("cut"), Options::default())
        .err()
        .expect("half a store is none");
    assert!(
        matches!(error.code(), Code::Damaged | Code::NotAStore),
        "{error:?}"
    );
}

#[test]
fn a_store_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.crm");
    let engine = Engine::create(&path, Options::default()).unwrap();
    refused(
        Engine::open(&path, Options::default()).map(drop),
        Code::InUse,
        "base.crm",
    );
    engine.close().unwrap();
    refused(
        engine.system().get("user", RecordId::new(1).unwrap()),
        Code::Closed,
        "closed",
    );
    Engine::open(&path, Options::default())
        .unwrap()
        .close()
        .unwrap();
}

fn sales() -> (Engine, Session) {
    let engine = Engine::in_memory(Options::default()).unwrap();
    let user = json!({"login": "anna", "name": "Anna", "roles": ["agent"]});
    engine.system().create("user", &user).unwrap();
    let anna = engine.login("anna").unwrap();
    (engine, anna)
}

/// The position of the newest change: the journal also tells of refusals.
fn position(engine: &Engine) -> u64 {
    let page = engine
        .system()
        .changes(crm_engine::Sequence(0), 1_000)
        .unwrap();
    assert!(!page.more);
    page.changes.last().unwrap().sequence.0
}

#[test]
fn fields_objects_and_values_are_named() {
    let (engine, anna) = sales();
    let before = position(&engine);
    let create = |object: &str, fields: Json| anna.create(object, &fields);
    refused(create("compny", json!({})), Code::UnknownObject, "compny");
    refused(
        create("company", json!({"nmae": "x"})),
        Code::UnknownField,
        "nmae",
    );
    refused(
        create("company", json!([])),
        Code::InvalidArguments,
        "object",
    );
    refused(
        create("company", json!({"name": 5})),
        Code::WrongType,
        "name",
    );
    refused(
        create("company", json!({"name": "x", "employees": "many"})),
        Code::InvalidValue,
        "employees",
    );
    refused(
        create("company", json!({"name": "x", "industry": "magic"})),
        Code::InvalidValue,
        "technology",
    );
    refused(
        create("company", json!({"name": "x", "id": 5})),
        Code::ReadOnly,
        "id",
    );
    refused(
        create(
            "deal",
            json!({"title": "x", "stage": "won", "amount": "12 euro"}),
        ),
        Code::InvalidValue,
        "amount",
    );
    refused(
        create(
            "deal",
            json!({"title": "x", "stage": "engaging", "company": 999}),
        ),
        Code::BadReference,
        "company",
    );
    refused(create("company", json!({})), Code::Required, "name");
    refused(
        create(
            "user",
            json!({"login": "eve", "name": "Eve", "kind": "admin"}),
        ),
        Code::Denied,
        "user",
    );
    assert_eq!(position(&engine), before);
}

#[test]
fn queries_name_the_place() {
    let (_engine, anna) = sales();
    for (sql, code, names) in [
        ("SELEC id FROM deal", Code::Syntax, "\"column\":1"),
        ("SELECT id FROM del", Code::UnknownObject, "del"),
        ("SELECT titel FROM deal", Code::UnknownField, "titel"),
        (
            "SELECT id FROM deal WHERE\n titel = 'x'",
            Code::UnknownField,
            "\"line\":2",
        ),
        (
            "SELECT id FROM deal WHERE close_date > 'soon'",
            Code::InvalidValue,
            "close_date",
        ),
        (
            "SELECT id FROM deal WHERE stage = 'wom'",
            Code::InvalidValue,
            "won",
        ),
        ("DELETE FROM deal", Code::Syntax, "SELECT"),
        (
            "SELECT id FROM deal; SELECT id FROM deal",
            Code::Syntax,
            "expected the end",
        ),
    ] {
        let result = anna.prepare(sql).map(drop);
        let error = result
            .clone()
            .err()
            .unwrap_or_else(|| panic!("`{sql}` was taken"));
        assert_eq!(error.code(), code, "{sql}: {error:?}");
        refused(result, code, names);
    }
}

#[test]
fn operations_name_what_does_not_fit() {
    let (engine, anna) = sales();
    let before = position(&engine);
    let host = engine.system();
    let call = |session: &Session, name: &str, arguments: Json| {
        session.call(name, &arguments, &mut |_| true)
    };
    refused(
        call(&host, "trasnfer", json!({})),
        Code::UnknownOperation,
        "trasnfer",
    );
    refused(
        call(&host, "transfer", json!({"from": 1})),
        Code::InvalidArguments,
        "to",
    );
    refused(
        call(&host, "transfer", json!({"from": 1, "to": 2, "all": true})),
        Code::InvalidArguments,
        "all",
    );
    refused(
        call(&host, "transfer", json!({"from": 998, "to": 999})),
        Code::BadReference,
        "from",
    );
    refused(
        call(&anna, "verify", json!({})),
        Code::Denied,
        "administrator",
    );
    refused(
        call(&anna, "pack.install", json!({"path": "x"})),
        Code::Denied,
        "administrator",
    );
    refused(
        call(&host, "report.funnel", json!({"object": "company"})),
        Code::InvalidArguments,
        "stages",
    );
    assert_eq!(position(&engine), before);
}

#[test]
fn a_file_that_is_not_as_declared_is_refused_whole() {
    let (engine, _) = sales();
    let before = position(&engine);
    let host = engine.system();
    let import = |text: &str, more: Json| {
        let mut job = json!({"object": "product", "text": text, "name": "p.csv",
            "columns": {"product": "name", "series": "series"}});
        job.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        host.call("import.csv", &job, &mut |_| true)
    };
    refused(
        import("product;series\nA;B\n", json!({})),
        Code::ImportFormat,
        ";",
    );
    refused(
        import("product\nA\n", json!({})),
        Code::ImportFormat,
        "series",
    );
    refused(
        import("product,series,price\nA,B,1\n", json!({})),
        Code::ImportFormat,
        "price",
    );
    refused(import("", json!({})), Code::ImportFormat, "p.csv");
    refused(
        import("product,series\nA,B\n", json!({"encoding": "klingon"})),
        Code::InvalidArguments,
        "klingon",
    );
    refused(
        import("product,series\nA,B\n", json!({"object": "prodct"})),
        Code::UnknownObject,
        "prodct",
    );

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cp1251.csv");
    fs::write(&path, b"product,series\n\xcf\xf0\xe8,A\n").unwrap();
    let job = json!({"object": "product", "path": path,
        "columns": {"product": "name", "series": "series"}});
    refused(
        host.call("import.csv", &job, &mut |_| true),
        Code::ImportFormat,
        "\"line\":2",
    );
    assert_eq!(position(&engine), before);

    let mut declared = job;
    declared["encoding"] = json!("windows-1251");
    let report = host.call("import.csv", &declared, &mut |_| true).unwrap();
    assert_eq!(report["rows_stored"], 1);
    let mut names = host.prepare("SELECT name FROM product").unwrap();
    assert_eq!(
        names.run().unwrap().next().unwrap().unwrap()[0].to_string(),
        "При"
    );
}
