//! What a running store is made of is changed while it runs: fields, sections, labels.

use std::fs;
use std::path::Path;
use std::thread;

use crm_engine::{
    Code, Engine, FieldChange, FieldDeclaration, Input, LabelOf, ObjectDeclaration, Options,
    Params, Result, SectionDeclaration, Session, ValueType,
};
use serde_json::{Value as Json, json};

fn engine() -> Engine {
    Engine::in_memory(Options::default()).unwrap()
}

fn call(session: &Session, operation: &str, arguments: Json) -> Result<Json> {
    session.call(operation, &arguments, &mut |_| true)
}

fn code(result: Result<impl std::fmt::Debug>) -> Code {
    result.unwrap_err().code()
}

fn assert_sound(host: &Session) {
    let report = call(host, "verify", json!({})).unwrap();
    assert_eq!(report["faults"], 0, "{report}");
}

fn object(text: Json) -> ObjectDeclaration {
    serde_json::from_value(text).unwrap()
}

/// A statement that was prepared before follows the fields there are when it runs.
#[test]
fn sessions_meet_the_new_fields_at_their_next_call() {
    let engine = engine();
    let (host, other) = (engine.system(), engine.system());
    let vega = other
        .create(
            "company",
            &json!({"name": "Vega", "legal_form": "individual"}),
        )
        .unwrap();
    let size = FieldDeclaration::new("size", ValueType::Integer);
    assert_eq!(
        code(other.prepare("SELECT size FROM company").map(drop)),
        Code::UnknownField
    );
    host.create_field("company", &size, None).unwrap();
    let mut statement = other.prepare("SELECT size FROM company").unwrap();
    other
        .update("company", vega, &json!({"size": 7}), None)
        .unwrap();
    assert_eq!(
        statement.run().unwrap().next().unwrap().unwrap()[0].as_integer(),
        Some(7)
    );
    host.delete_field("company", "size").unwrap();
    assert_eq!(code(statement.run().map(drop)), Code::UnknownField);
    host.create_field("company", &size, None).unwrap();
    assert!(statement.run().unwrap().next().unwrap().unwrap()[0].is_null());
    assert_sound(&host);
}

/// Writers go on while fields with entries of their own come and go; nothing derived is left
/// behind and nothing is missing.
#[test]
fn fields_come_and_go_under_writers() {
    let engine = engine();
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let session = engine.system();
            thread::spawn(move || {
                for n in 0..60 {
                    let fields =
                        json!({"legal_form": "individual", "name": format!("{writer}-{n}"), "code": format!("{writer}/{n}")});
                    // Without the field the record is refused, and made without it.
                    if let Err(error) = session.create("company", &fields) {
                        assert_eq!(error.code(), Code::UnknownField);
                        session
                            .create("company", &json!({"name": "plain", "legal_form": "individual"}))
                            .unwrap();
                    }
                }
            })
        })
        .collect();
    let host = engine.system();
    let unique = FieldDeclaration {
        unique: true,
        search: true,
        ..FieldDeclaration::new("code", ValueType::Text)
    };
    for _ in 0..15 {
        host.create_field("company", &unique, None).unwrap();
        host.delete_field("company", "code").unwrap();
    }
    for writer in writers {
        writer.join().unwrap();
    }
    let mut rows = host
        .query("SELECT count(*) FROM company", &Params::new())
        .unwrap();
    assert_eq!(rows.next().unwrap().unwrap()[0].as_integer(), Some(120));
    assert_sound(&host);
}

/// A host may hold an object, and input made for it, from before the fields were changed.
#[test]
fn what_was_held_from_an_earlier_schema_does_no_harm() {
    let engine = engine();
    let host = engine.system();
    let size = FieldDeclaration::new("size", ValueType::Integer);
    host.create_field("company", &size, None).unwrap();
    let held = engine.schema().unwrap().object("company").unwrap().clone();
    let unique = FieldDeclaration {
        unique: true,
        default: Some("first".into()),
        ..FieldDeclaration::new("code", ValueType::Text)
    };
    host.create_field("company", &unique, None).unwrap();
    host.delete_field("company", "size").unwrap();
    let create = |fields: Json| {
        let input = Input::from_json(&held, &fields).unwrap();
        host.transact("held", |door| door.create(&held, input.clone()))
    };
    create(json!({"name": "Vega", "legal_form": "individual"})).unwrap();
    let taken = create(json!({"name": "Orion", "legal_form": "individual"})).unwrap_err();
    assert_eq!(taken.details()["field"], "code");
    assert_eq!(
        code(create(
            json!({"name": "Orion", "legal_form": "individual", "size": 1})
        )),
        Code::UnknownField
    );
    assert_sound(&host);
}

/// An object with more fields than fit into one value of the store.
#[test]
fn an_object_may_have_many_fields() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.crm");
    let engine = Engine::create(&path, Options::default()).unwrap();
    let host = engine.system();
    let labels = json!({"en": "A field of many", "ru": "Одно из многих полей"});
    let fields: Vec<Json> = (0..400)
        .map(|n| json!({"name": format!("field_{n}"), "type": "text", "label": labels}))
        .collect();
    host.create_object(&object(json!({"name": "wide", "field": fields})))
        .unwrap();
    for n in 200..203 {
        host.delete_field("wide", &format!("field_{n}")).unwrap();
    }
    let more = FieldDeclaration::new("field_200", ValueType::Date);
    host.create_field("wide", &more, Some(1)).unwrap();
    let before = engine.schema().unwrap();
    drop(host);
    engine.close().unwrap();
    drop(engine);
    let engine = Engine::open(&path, Options::default()).unwrap();
    assert_eq!(*engine.schema().unwrap(), *before);
    let wide = engine.schema().unwrap().object("wide").unwrap().clone();
    assert_eq!(wide.fields.len(), 398);
    assert_eq!(wide.field("field_200").unwrap().value_type, ValueType::Date);

    // Numbers are never given again, so deleting makes no room.
    let host = engine.system();
    let rest: Vec<Json> = (0..600)
        .map(|n| json!({"name": format!("more_{n}"), "type": "text"}))
        .collect();
    let full = host.create_object(&object(json!({"name": "full", "field": rest})));
    full.unwrap();
    let over: Vec<Json> = (0..1_001)
        .map(|n| json!({"name": format!("f{n}"), "type": "text"}))
        .collect();
    let over = host.create_object(&object(json!({"name": "over", "field": over})));
    assert_eq!(code(over), Code::LimitExceeded);
}

fn write_pack(folder: &Path, version: &str, thing: &str, rules: &[(&str, &str)]) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "pack.toml",
        &format!("name = \"things\"\nversion = \"{version}\"\n"),
    );
    write("thing/object.toml", thing);
    for (path, text) in rules {
        write(path, text);
    }
}

const THING: &str = r#"
name = "thing"
label = { en = "Thing" }
owned = true
title = "name"
columns = ["name", "size", "weight"]
section = [{ name = "main" }, { name = "side" }, { name = "third", label = { en = "Third" } }]
field = [
    { name = "name", type = "text", label = { en = "Name" } },
    { name = "size", type = "integer", section = "third" },
    { name = "weight", type = "integer", section = "third", required = true, default = "1" },
    { name = "state", type = "choice", choice = [{ name = "fresh", label = { en = "Fresh" } }] },
]
list = [{ name = "by_name", by = ["name"] }]
completeness = [{ name = "whole", fields = ["size", "weight"] }]
"#;

/// The next version of a pack declares everything as it was, and more; what was arranged in the
/// running store stays.
#[test]
fn a_pack_does_not_undo_what_was_arranged() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let host = engine.system();
    let install = || call(&host, "pack.install", json!({"path": folder.path()}));
    write_pack(folder.path(), "1.0.0", THING, &[]);
    install().unwrap();
    let thing = host
        .create("thing", &json!({"name": "a", "size": 5, "weight": 2}))
        .unwrap();

    host.delete_field("thing", "size").unwrap();
    let change: FieldChange = serde_json::from_value(json!({
        "section": "main", "required": false, "default": "", "label": {"ru": "Вес"},
    }))
    .unwrap();
    host.update_field("thing", "weight", &change).unwrap();
    host.delete_section("thing", "third", None).unwrap();
    host.set_label("thing", &LabelOf::Object, "en", "Article")
        .unwrap();
    let fresh = LabelOf::Choice {
        field: "state".into(),
        choice: "fresh".into(),
    };
    host.set_label("thing", &fresh, "en", "New").unwrap();
    host.set_completeness("thing", "whole", &["weight".into(), "name".into()])
        .unwrap();
    let arranged = engine.schema().unwrap().object("thing").unwrap().clone();

    let more = r#"{ name = "more", type = "text", section = "third" },"#;
    let next = THING.replace("field = [", &format!("field = [{more}"));
    write_pack(folder.path(), "1.1.0", &next, &[]);
    install().unwrap();
    let now = engine.schema().unwrap().object("thing").unwrap().clone();
    for field in &arranged.fields {
        assert_eq!(now.by_id(field.id), Some(field));
    }
    assert!(now.find("size").is_none());
    assert!(now.section("third").is_err());
    assert_eq!(now.labels["en"], "Article");
    assert_eq!(now.completeness, arranged.completeness);
    assert_eq!(now.columns, arranged.columns);
    // What is new comes, into the first section where its own is gone.
    let more = now.field("more").unwrap().id;
    assert_eq!(now.section_of(more).unwrap().name, "main");

    // A rule that needs what was deleted cannot come; the store stays as it is.
    let before = engine.schema().unwrap();
    let rule = "[[rule]]\nname = 'r'\nfile = 'r.rhai'\nkind = 'check'\n";
    let rules = [
        ("thing/rules.toml", rule),
        (
            "thing/rules/r.rhai",
            "if this.size > 1 { refuse(\"size\", \"no\"); }",
        ),
    ];
    write_pack(folder.path(), "1.2.0", &next, &rules);
    assert_eq!(code(install()), Code::Pack);
    assert_eq!(engine.schema().unwrap(), before);

    // Made again by hand it is another field, and the pack may use it.
    let size = FieldDeclaration::new("size", ValueType::Integer);
    host.create_field("thing", &size, None).unwrap();
    install().unwrap();
    assert_eq!(
        host.get("thing", thing).unwrap().unwrap()["size"],
        Json::Null
    );
    let delete = host.delete_field("thing", "size").unwrap_err();
    assert_eq!(delete.code(), Code::StillReferenced);
    assert_eq!(delete.details()["rule"], "r");
    assert_sound(&host);
}

/// What stands in the way of a deletion is named.
#[test]
fn a_field_that_is_needed_stays() {
    let engine = engine();
    let host = engine.system();
    let parts = json!({
        "name": "thing",
        "title": "name",
        "field": [
            {"name": "name", "type": "text"},
            {"name": "kind", "type": "choice", "choice": [{"name": "a", "requires": ["why"]}]},
            {"name": "why", "type": "text"},
            {"name": "price", "type": "decimal"},
            {"name": "twice", "type": "decimal", "formula": "price * 2"},
            {"name": "day", "type": "date"},
            {"name": "phone", "type": "phone"},
            {"name": "left", "type": "text"},
            {"name": "right", "type": "text"},
            {"name": "plain", "type": "text"},
        ],
        "list": [{"name": "by_day", "by": ["day"]}],
        "total": [{"name": "by_kind", "group": "kind"}],
        "duplicate": [{"name": "same_phone", "all": [{"field": "phone"}]}],
        "unique": [{"fields": ["left", "right"]}],
    });
    host.create_object(&object(parts)).unwrap();
    let before = engine.schema().unwrap();
    for (field, by) in [
        ("name", "title"),
        ("kind", "by_kind"),
        ("why", "`a` of `kind`"),
        ("price", "`twice`"),
        ("day", "`by_day`"),
        ("phone", "`same_phone`"),
        ("left", "together"),
    ] {
        let error = host.delete_field("thing", field).unwrap_err();
        assert_eq!(error.code(), Code::StillReferenced, "{field}");
        assert!(error.message().contains(by), "{error}");
        assert_eq!(error.details()["field"], field);
    }
    assert_eq!(code(host.delete_field("thing", "id")), Code::SchemaFixed);
    assert_eq!(code(host.delete_field("group", "name")), Code::SchemaFixed);
    assert_eq!(engine.schema().unwrap(), before);
    host.delete_field("thing", "twice").unwrap();
    host.delete_field("thing", "price").unwrap();
    host.delete_field("thing", "plain").unwrap();
}

/// A formula is filled into the records there are; only an administrator adds one, because its
/// text could name what others may not see.
#[test]
fn a_field_kept_from_others_is_filled_at_once() {
    let engine = engine();
    let host = engine.system();
    let parts = json!({"name": "thing", "field": [{"name": "price", "type": "decimal"}]});
    host.create_object(&object(parts)).unwrap();
    let thing = host.create("thing", &json!({"price": "3"})).unwrap();
    let role = host.create("role", &json!({"name": "configurer"})).unwrap();
    let grant = json!({"role": role.get(), "object": "thing", "scope": "all",
        "actions": ["view", "manage_fields", "manage_sections", "configure"]});
    host.create("grant", &grant).unwrap();
    let user = json!({"login": "north", "name": "North", "kind": "administration",
        "roles": ["configurer"]});
    host.create("user", &user).unwrap();
    let twice = FieldDeclaration {
        formula: Some("price * 2".into()),
        ..FieldDeclaration::new("twice", ValueType::Decimal)
    };
    let north = engine.login("north").unwrap();
    assert_eq!(
        code(north.create_field("thing", &twice, None)),
        Code::Denied
    );
    let before = engine.schema().unwrap();
    let wrong = FieldDeclaration {
        formula: Some("nothing * 2".into()),
        ..twice.clone()
    };
    assert_eq!(
        code(host.create_field("thing", &wrong, None)),
        Code::UnknownField
    );
    assert_eq!(engine.schema().unwrap(), before);
    host.create_field("thing", &twice, None).unwrap();
    assert_eq!(north.get("thing", thing).unwrap().unwrap()["twice"], "6");
    assert_sound(&host);
}

/// A section that closes a field closes the further values that stand in details.
#[test]
fn further_values_are_hidden_with_the_first() {
    let engine = engine();
    let host = engine.system();
    let thing = json!({"name": "thing", "owned": true, "field": [
        {"name": "name", "type": "text"}, {"name": "phone", "type": "phone"}]});
    host.create_object(&object(thing)).unwrap();
    let part = json!({"name": "thing_phone", "owned": true, "parent": "thing", "field": [
        {"name": "thing", "type": "reference", "target": "thing", "required": true, "on_delete": "cascade"},
        {"name": "number", "type": "phone", "further": "phone"},
        {"name": "note", "type": "text"}]});
    host.create_object(&object(part)).unwrap();
    let role = host.create("role", &json!({"name": "viewer"})).unwrap();
    let grant = json!({"role": role.get(), "object": "thing", "scope": "all", "actions": ["view"]});
    host.create("grant", &grant).unwrap();
    let user = json!({"login": "anna", "name": "Anna", "roles": ["viewer"]});
    host.create("user", &user).unwrap();
    host.create("group", &json!({"name": "insiders"})).unwrap();
    let a = host
        .create("thing", &json!({"name": "a", "phone": "+7 495 123-45-67"}))
        .unwrap();
    let further = json!({"thing": a.get(), "number": "+7 495 123-45-68", "note": "b"});
    let further = host.create("thing_phone", &further).unwrap();
    let anna = engine.login("anna").unwrap();
    let seen = || anna.get("thing_phone", further).unwrap().unwrap();
    assert_eq!(seen()["number"], "+7 495 123-45-68");
    let section = SectionDeclaration {
        name: "closed".into(),
        groups: vec!["insiders".into()],
        ..SectionDeclaration::default()
    };
    host.create_section("thing", &section, None).unwrap();
    let change = FieldChange {
        section: Some("closed".into()),
        ..FieldChange::default()
    };
    host.update_field("thing", "phone", &change).unwrap();
    assert!(!seen().as_object().unwrap().contains_key("number"));
    assert_eq!(seen()["note"], "b");
    let query = anna.prepare("SELECT number FROM thing_phone").map(drop);
    assert_eq!(code(query), Code::UnknownField);
}

/// To who may configure an object, and may not work with a section of it, what is in the section
/// is as what does not exist.
#[test]
fn who_configures_learns_nothing_of_closed_sections() {
    let engine = engine();
    let host = engine.system();
    host.create("group", &json!({"name": "insiders"})).unwrap();
    let role = host.create("role", &json!({"name": "configurer"})).unwrap();
    let grant = json!({"role": role.get(), "object": "company", "scope": "all",
        "actions": ["view", "manage_fields", "manage_sections", "configure"]});
    host.create("grant", &grant).unwrap();
    let user = json!({"login": "north", "name": "North", "kind": "administration",
        "roles": ["configurer"]});
    host.create("user", &user).unwrap();
    let north = engine.login("north").unwrap();
    let section = SectionDeclaration {
        name: "secret".into(),
        groups: vec!["insiders".into()],
        ..SectionDeclaration::default()
    };
    host.create_section("company", &section, Some(1)).unwrap();
    let rating = FieldDeclaration {
        section: Some("secret".into()),
        ..FieldDeclaration::new("rating", ValueType::Integer)
    };
    host.create_field("company", &rating, None).unwrap();
    let size = FieldDeclaration::new("size", ValueType::Integer);
    north.create_field("company", &size, Some(1)).unwrap();

    let before = engine.schema().unwrap();
    let told = |operation: &str, arguments: &str, name: &str| {
        let arguments = arguments.replace("NAME", name);
        let arguments: Json = serde_json::from_str(&arguments).unwrap();
        let error = call(&north, operation, arguments).unwrap_err();
        error.to_json().to_string().replace(name, "NAME")
    };
    for (operation, arguments) in [
        (
            "field.update",
            r#"{"object": "company", "field": "NAME", "required": true}"#,
        ),
        (
            "field.update",
            r#"{"object": "company", "field": "NAME", "type": "text"}"#,
        ),
        ("field.delete", r#"{"object": "company", "field": "NAME"}"#),
        (
            "label.set",
            r#"{"object": "company", "field": "NAME", "language": "en", "label": "x"}"#,
        ),
        (
            "label.set",
            r#"{"object": "company", "field": "NAME", "choice": "a", "language": "en", "label": "x"}"#,
        ),
        (
            "completeness.set",
            r#"{"object": "company", "name": "a", "fields": ["NAME"]}"#,
        ),
        (
            "field.create",
            r#"{"object": "company", "field": {"name": "x", "type": "choice", "choice": [{"name": "a", "requires": ["NAME"]}]}}"#,
        ),
        (
            "field.update",
            r#"{"object": "company", "field": "industry", "choice": [{"name": "retail", "requires": ["NAME"]}]}"#,
        ),
    ] {
        assert_eq!(
            told(operation, arguments, "rating"),
            told(operation, arguments, "nothing")
        );
    }
    for (operation, arguments) in [
        (
            "field.create",
            r#"{"object": "company", "field": {"name": "x", "type": "text", "section": "NAME"}}"#,
        ),
        (
            "field.update",
            r#"{"object": "company", "field": "size", "section": "NAME"}"#,
        ),
        (
            "section.update",
            r#"{"object": "company", "section": "NAME", "groups": []}"#,
        ),
        (
            "section.delete",
            r#"{"object": "company", "section": "NAME"}"#,
        ),
        (
            "section.delete",
            r#"{"object": "company", "section": "NAME", "move_to": "general"}"#,
        ),
        (
            "label.set",
            r#"{"object": "company", "section": "NAME", "language": "en", "label": "x"}"#,
        ),
        (
            "section.update",
            r#"{"object": "company", "section": "general", "groups": ["NAME"]}"#,
        ),
    ] {
        assert_eq!(
            told(operation, arguments, "secret"),
            told(operation, arguments, "nowhere")
        );
    }
    assert_eq!(engine.schema().unwrap(), before);
    let list = call(&north, "section.list", json!({"object": "company"})).unwrap();
    assert!(!list.to_string().contains("secret"), "{list}");
    assert!(!list.to_string().contains("rating"), "{list}");
    // The first place is the first of those he sees.
    let general = json!({"object": "company", "section": "additional", "position": 1});
    call(&north, "section.update", general).unwrap();
    let names = |session: &Session| -> Vec<String> {
        let list = call(session, "section.list", json!({"object": "company"})).unwrap();
        let list = list.as_array().unwrap().iter();
        list.map(|section| section["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let (seen, all) = (names(&north), names(&host));
    assert_eq!(seen[0], "additional");
    assert_eq!(all[..2], ["secret", "additional"]);
}

/// Labels come back in the language asked for, its general form, English, or as the name.
#[test]
fn labels_fall_back() {
    let engine = engine();
    let host = engine.system();
    let label = |language: &str| {
        let form = host.questionnaire("thing", None, Some(language)).unwrap();
        form.unwrap()["label"].as_str().unwrap().to_owned()
    };
    host.create_object(&object(
        json!({"name": "thing", "field": [{"name": "a", "type": "text"}]}),
    ))
    .unwrap();
    assert_eq!(label("de"), "thing");
    host.set_label("thing", &LabelOf::Object, "en", "Thing")
        .unwrap();
    host.set_label("thing", &LabelOf::Object, "de", "Ding")
        .unwrap();
    host.set_label("thing", &LabelOf::Object, "de-AT", "Dingsda")
        .unwrap();
    assert_eq!(label("ru"), "Thing");
    assert_eq!(label("de-CH"), "Ding");
    assert_eq!(label("de-AT"), "Dingsda");
    let long = "x".repeat(513);
    let refused = host.set_label("thing", &LabelOf::Object, "en", &long);
    assert_eq!(code(refused), Code::LimitExceeded);
    assert_eq!(label("en"), "Thing");
}
