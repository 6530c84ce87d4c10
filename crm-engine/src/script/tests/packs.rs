//! What is found wrong with rules before they run.

use crate::Code;
use crate::schema::{ObjectDeclaration, Schema};
use crate::script::{CompiledRules, RuleEvent, RuleKind, RuleSource, check};

/// Two objects of no trade.
pub(super) fn schema() -> Schema {
    let declared: Vec<ObjectDeclaration> = serde_json::from_value(serde_json::json!([
        {"name": "item", "owned": true, "title": "name", "field": [
            {"name": "name", "type": "text", "required": true},
            {"name": "count", "type": "integer"},
            {"name": "price", "type": "money"},
            {"name": "total", "type": "money", "computed": true},
            {"name": "since", "type": "date"},
            {"name": "age", "type": "integer", "computed": true},
            {"name": "tags", "type": "tags"},
            {"name": "state", "type": "choice", "choice": [{"name": "raw"}, {"name": "ready"}]},
        ]},
        {"name": "thing", "owned": true, "title": "name", "field": [
            {"name": "name", "type": "text"},
            {"name": "secret", "type": "text"},
            {"name": "item", "type": "reference", "target": "item"},
            {"name": "level", "type": "integer"},
        ]},
    ]))
    .unwrap();
    Schema::kernel().apply(&declared).unwrap()
}

pub(super) fn rule(kind: RuleKind, object: &str, text: &str) -> RuleSource {
    RuleSource {
        pack: "test".into(),
        file: format!("{object}.rhai"),
        object: object.into(),
        name: "rule".into(),
        kind,
        on: vec![],
        watch: vec![],
        text: text.into(),
    }
}

/// Each mistake is told with its place.
#[track_caller]
fn mistaken(kind: RuleKind, text: &str, message: &str, line: u64, column: u64) {
    let schema = schema();
    let source = rule(kind, "item", text);
    let error = CompiledRules::compile(&schema, std::slice::from_ref(&source)).unwrap_err();
    assert_eq!(error.code(), Code::Pack, "{error}");
    assert!(error.message().contains(message), "{error}");
    assert_eq!(error.details()["file"], "item.rhai");
    let place = (
        error.details()["line"].as_u64(),
        error.details()["column"].as_u64(),
    );
    assert_eq!(place, (Some(line), Some(column)), "{error}");
}

#[test]
fn unknown_names_are_found() {
    use RuleKind::{Check, Compute, React};
    mistaken(
        Compute,
        "\n  this.total = this.amonut;",
        "no field `amonut`",
        2,
        21,
    );
    mistaken(Compute, "this.amonut = 1;", "no field `amonut`", 1, 6);
    mistaken(Check, "if old.amonut == 1 {}", "no field `amonut`", 1, 8);
    mistaken(Check, "if nmae == 1 {}", "nmae", 1, 4);
    mistaken(Check, "lenn(this.name)", "no function `lenn`", 1, 1);
    mistaken(
        Check,
        r#"refuse("amonut", "no")"#,
        "no field `amonut`",
        1,
        8,
    );
    mistaken(
        React,
        r#"create("thign", #{})"#,
        "unknown object `thign`",
        1,
        8,
    );
    mistaken(
        React,
        r#"create("thing", #{nmae: 1})"#,
        "no field `nmae`",
        1,
        19,
    );
    mistaken(
        React,
        r#"update("thing", this.id, #{nmae: 1})"#,
        "no field `nmae`",
        1,
        28,
    );
}

#[test]
fn each_kind_does_its_own() {
    use RuleKind::{Check, Compute, React};
    mistaken(
        Check,
        "this.total = this.price;",
        "only compute rules",
        1,
        1,
    );
    mistaken(React, "this.tags[0] = \"a\";", "only compute rules", 1, 1);
    mistaken(Compute, "this.id = 1;", "kept by the engine", 1, 1);
    mistaken(Compute, "old.count = 1;", "`old` cannot be changed", 1, 1);
    mistaken(
        Compute,
        r#"refuse("no")"#,
        "not for rules of this kind",
        1,
        1,
    );
    mistaken(
        Check,
        r#"create("thing", #{})"#,
        "not for rules of this kind",
        1,
        1,
    );
    mistaken(
        Check,
        r#"get("thing", 1)"#,
        "not for rules of this kind",
        1,
        1,
    );
}

#[test]
fn records_and_closures_stay_where_they_are_known() {
    use RuleKind::{Check, Compute};
    mistaken(
        Compute,
        "let x = this; x.count = 1;",
        "stands only before a field",
        1,
        9,
    );
    mistaken(
        Check,
        "this.name == this[\"name\"]",
        "stands only before a field",
        1,
        14,
    );
    mistaken(
        Check,
        "fn f() { this.count }\nf()",
        "not known in functions",
        1,
        10,
    );
    mistaken(
        Check,
        "this.tags.any(|tag| tag == this.name)",
        "functions and closures",
        1,
        28,
    );
    mistaken(Check, "let this = 1;", "this", 1, 5);
    mistaken(Check, "let f = |x| x;", "closure stands only", 1, 9);
    mistaken(
        Check,
        "let a = []; a.push(|| a);",
        "closure stands only",
        1,
        20,
    );
    mistaken(Check, "fn len(a) { 1 }", "a function already", 1, 11);
}

#[test]
fn all_mistakes_of_a_set_are_told() {
    let mut watching = rule(RuleKind::Compute, "item", "this.foo = this.bar;");
    watching.watch = vec!["nmae".into()];
    watching.on = vec![RuleEvent::Delete];
    let sources = [
        watching,
        rule(RuleKind::Check, "itme", "1"),
        rule(RuleKind::Check, "item", "if {"),
        rule(RuleKind::Check, "item", "this.count > 0"),
    ];
    let errors = check(&schema(), &sources);
    let messages: Vec<&str> = errors.iter().map(|error| error.message()).collect();
    let expected = [
        "watches `nmae`",
        "nothing to set",
        "`foo`",
        "`bar`",
        "unknown object `itme`",
        "item.rhai:1:",
    ];
    assert_eq!(errors.len(), expected.len(), "{messages:#?}");
    for (message, part) in messages.iter().zip(expected) {
        assert!(message.contains(part), "{message}");
    }
    assert!(
        errors
            .iter()
            .all(|error| error.code() == Code::Pack && error.details()["pack"] == "test")
    );
}
