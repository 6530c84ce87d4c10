//! Rules through a real door over a store in memory.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::error::{Code, Result};
use crate::facts::FactsCache;
use crate::ids::RecordId;
use crate::journal::{self, Cause};
use crate::policy::Actor;
use crate::schema::{self, Schema};
use crate::script::{CompiledRules, RuleEvent, RuleKind, RuleSource};
use crate::store::{KeyRange, Read, ScanOptions, Store};
use crate::value::Value;
use crate::write::{Circumstances, Door, Input, RuleBook};

use super::packs::{rule, schema};

struct World<R = CompiledRules> {
    store: Store,
    schema: Arc<Schema>,
    rules: R,
}

impl World {
    fn new(sources: &[RuleSource]) -> World {
        let store = Store::memory();
        let schema = Arc::new(schema());
        store
            .write(|txn| schema::store(txn, &Schema::default(), &schema))
            .unwrap();
        let rules = CompiledRules::compile(&schema, sources).unwrap();
        World {
            store,
            schema,
            rules,
        }
    }
}

impl<R: RuleBook> World<R> {
    fn write<T>(&self, body: impl Fn(&mut Door<'_>) -> Result<T>) -> Result<T> {
        self.write_as(Actor::System, body)
    }

    fn write_as<T>(&self, actor: Actor, body: impl Fn(&mut Door<'_>) -> Result<T>) -> Result<T> {
        self.store.write(|txn| {
            let facts = FactsCache::default().of_transaction(txn, &self.schema)?;
            let around = Circumstances {
                schema: Arc::clone(&self.schema),
                facts,
                rules: &self.rules,
                kept: Arc::new(crate::kept::Kept::compile(&self.schema)?),
                actor,
                now: super::noon(),
                cause: Cause::Person,
                action: "test",
            };
            let mut door = Door::open(txn, around)?;
            let result = body(&mut door)?;
            door.finish()?;
            Ok(result)
        })
    }

    fn create(&self, object: &str, fields: &Json) -> Result<RecordId> {
        let object = self.schema.object(object)?;
        self.write(|door| door.create(object, Input::from_json(object, fields)?))
    }

    fn update(&self, object: &str, id: RecordId, fields: &Json) -> Result<()> {
        let object = self.schema.object(object)?;
        self.write(|door| door.update(object, id, Input::from_json(object, fields)?, None))?;
        Ok(())
    }

    fn field(&self, object: &str, id: RecordId, field: &str) -> Json {
        let object = self.schema.object(object).unwrap();
        let field = object.field(field).unwrap();
        let record = self.write(|door| door.get(object, id)).unwrap().unwrap();
        field.to_json(&schema::system::value_of(id, &record, field.id))
    }

    /// Every key and value, to show that nothing was changed.
    fn bytes(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let snapshot = self.store.snapshot().unwrap();
        let mut rows = snapshot
            .scan(KeyRange::all(), ScanOptions::default())
            .unwrap();
        let mut all = Vec::new();
        while let Some((key, value)) = rows.next().unwrap() {
            all.push((key.to_vec(), value.to_vec()));
        }
        all
    }
}

const TOTAL: &str = "\
    if this.price == () || this.count == () { this.total = (); return; }
    this.total = this.price * this.count;
    if this.since != () { this.age = today() - this.since; }";

#[test]
fn computed_fields_are_set_on_creation_and_on_update() {
    let world = World::new(&[rule(RuleKind::Compute, "item", TOTAL)]);
    let fields = json!({"name": "a", "count": 3, "price": "5 EUR", "since": "2026-02-27"});
    let id = world.create("item", &fields).unwrap();
    assert_eq!(world.field("item", id, "age"), json!(2));
    let total = world.field("item", id, "total");
    assert_eq!(
        total,
        world
            .schema
            .object("item")
            .unwrap()
            .field("total")
            .unwrap()
            .to_json(&crate::value::parse(crate::value::ValueType::Money, "15 EUR").unwrap())
    );
    world.update("item", id, &json!({"count": 0})).unwrap();
    world.update("item", id, &json!({"price": null})).unwrap();
    assert_eq!(world.field("item", id, "total"), Json::Null);
}

#[test]
fn a_rule_that_watches_runs_for_what_it_watches() {
    let mut source = rule(
        RuleKind::Compute,
        "item",
        "this.age = if this.age == () { 0 } else { this.age + 1 };",
    );
    source.watch = vec!["count".into()];
    let world = World::new(&[source]);
    let id = world
        .create("item", &json!({"name": "a", "count": 1}))
        .unwrap();
    world.update("item", id, &json!({"name": "b"})).unwrap();
    world.update("item", id, &json!({"count": 1})).unwrap();
    assert_eq!(world.field("item", id, "age"), json!(0));
    world.update("item", id, &json!({"count": 2})).unwrap();
    assert_eq!(world.field("item", id, "age"), json!(1));
}

#[test]
fn every_type_passes_through_a_script() {
    let text = "\
        let name = this.name;
        this.tags = this.tags.filter(|tag| tag != name).map(|tag| tag.to_upper());
        if this.state == \"raw\" { this.state = \"ready\"; }
        this.since = this.created_at.date;
        this.name = `${this.name} ${this.price} ${this.count} ${is_new} ${old.count == ()}`;";
    let world = World::new(&[rule(RuleKind::Compute, "item", text)]);
    let fields =
        json!({"name": "a", "count": 3, "price": "5 EUR", "tags": ["a", "x", "y"], "state": "raw"});
    let id = world.create("item", &fields).unwrap();
    assert_eq!(world.field("item", id, "tags"), json!(["X", "Y"]));
    assert_eq!(world.field("item", id, "state"), json!("ready"));
    assert_eq!(world.field("item", id, "since"), json!("2026-03-01"));
    assert_eq!(
        world.field("item", id, "name"),
        json!("a 5 EUR 3 true true")
    );
}

#[test]
fn setting_a_wrong_value_names_the_field_and_the_place() {
    let world = World::new(&[rule(
        RuleKind::Compute,
        "item",
        "let x = 1;\nthis.state = \"rotten\";",
    )]);
    let error = world.create("item", &json!({"name": "a"})).unwrap_err();
    assert_eq!(error.code(), Code::RuleFailed);
    assert_eq!(error.details()["field"], "state");
    assert_eq!(error.details()["line"], 2);
    assert!(
        error.message().starts_with("test/item.rhai:2:") && error.message().contains("raw, ready"),
        "{error}"
    );
}

#[test]
fn a_check_refuses_and_nothing_remains() {
    let text = "if this.count < 0 { refuse(\"count\", \"There must be something.\"); }";
    let world = World::new(&[rule(RuleKind::Check, "item", text)]);
    let id = world
        .create("item", &json!({"name": "a", "count": 1}))
        .unwrap();
    let before = world.bytes();
    let error = world.update("item", id, &json!({"count": -1})).unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Refused, "There must be something.")
    );
    let expected = json!({"field": "count", "pack": "test", "rule": "rule"});
    assert_eq!(Json::Object(error.details().clone()), expected);
    assert_eq!(world.bytes(), before);
}

/// Checks see what was computed, whatever the order of the sources.
#[test]
fn checks_run_after_computations() {
    let world = World::new(&[
        rule(
            RuleKind::Check,
            "item",
            "if this.age > 5 { refuse(\"too old\"); }",
        ),
        rule(RuleKind::Compute, "item", "this.age = this.count * 2;"),
    ]);
    assert!(
        world
            .create("item", &json!({"name": "a", "count": 2}))
            .is_ok()
    );
    assert_eq!(
        world
            .create("item", &json!({"name": "a", "count": 3}))
            .unwrap_err()
            .code(),
        Code::Refused
    );
}

#[test]
fn a_check_may_forbid_deletion() {
    let mut source = rule(
        RuleKind::Check,
        "item",
        "if this.state == \"ready\" { refuse(\"in use\"); }",
    );
    source.on = vec![RuleEvent::Delete];
    let world = World::new(&[source]);
    let id = world
        .create("item", &json!({"name": "a", "state": "ready"}))
        .unwrap();
    let object = world.schema.object("item").unwrap();
    let error = world
        .write(|door| door.delete(object, id, None))
        .unwrap_err();
    assert_eq!(error.code(), Code::Refused);
    world.update("item", id, &json!({"state": "raw"})).unwrap();
    world.write(|door| door.delete(object, id, None)).unwrap();
}

#[test]
fn a_runtime_error_names_its_place() {
    let world = World::new(&[rule(
        RuleKind::Check,
        "item",
        "let a = 1;\n  a / this.count",
    )]);
    let before = world.bytes();
    let error = world
        .create("item", &json!({"name": "a", "count": 0}))
        .unwrap_err();
    assert_eq!(error.code(), Code::RuleFailed);
    let details = error.details();
    assert_eq!(
        (&details["pack"], &details["file"]),
        (&json!("test"), &json!("item.rhai"))
    );
    assert_eq!(
        (&details["line"], &details["column"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(world.bytes(), before);
}

#[test]
fn a_missing_value_is_not_less_than_zero() {
    let world = World::new(&[rule(
        RuleKind::Check,
        "item",
        "if this.count < 0 { refuse(\"no\"); }",
    )]);
    let error = world.create("item", &json!({"name": "a"})).unwrap_err();
    assert_eq!(error.code(), Code::RuleFailed);
    assert!(error.message().contains("a missing value"), "{error}");
}

#[test]
fn a_reaction_creates_and_goes_on_with_the_answer() {
    let text = "\
        let thing = create(\"thing\", #{name: this.name, item: this.id, level: 1});
        let seen = get(\"thing\", thing);
        update(\"thing\", thing, #{name: `${seen.name} ${seen.level}`});
        if get(\"thing\", 999) != () { throw \"there is no such thing\"; }";
    let mut source = rule(RuleKind::React, "item", text);
    source.on = vec![RuleEvent::Create];
    let world = World::new(&[source]);
    let item = world.create("item", &json!({"name": "a"})).unwrap();
    let thing = RecordId::new(item.get() + 1).unwrap();
    assert_eq!(world.field("thing", thing, "name"), json!("a 1"));
    assert_eq!(world.field("thing", thing, "item"), json!(item.get()));
    let snapshot = world.store.snapshot().unwrap();
    let entries = journal::read_after(&snapshot, crate::Sequence(0), 9).unwrap();
    assert_eq!(entries.len(), 1, "all in one transaction");
    let changes = crate::history::of(&snapshot, thing, None, schema::system::OWNER).unwrap();
    assert_eq!(changes.len(), 2);
    assert!(
        changes
            .iter()
            .all(|change| change.cause == Cause::Rule("test".into()))
    );
}

/// What a check has against the change of a reaction, the person reads as the check says it.
#[test]
fn a_refusal_passes_through_a_reaction_as_it_is() {
    let world = World::new(&[
        rule(
            RuleKind::React,
            "item",
            "create(\"thing\", #{name: \"b\"});",
        ),
        rule(RuleKind::Check, "thing", "refuse(\"name\", \"Not now.\");"),
    ]);
    let error = world.create("item", &json!({"name": "a"})).unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Refused, "Not now."));
    assert_eq!(error.details()["field"], "name");
}

/// A reaction that answers its own change goes on until the door stops it, and all is undone.
#[test]
fn a_reaction_to_itself_is_stopped_and_undone() {
    let text =
        "update(\"thing\", this.id, #{level: if this.level == () { 1 } else { this.level + 1 }});";
    let world = World::new(&[rule(RuleKind::React, "thing", text)]);
    let before = world.bytes();
    let error = world.create("thing", &json!({"name": "a"})).unwrap_err();
    assert_eq!(error.code(), Code::LimitExceeded, "{error}");
    assert_eq!(error.details()["line"], 1);
    assert_eq!(world.bytes(), before);
}

/// A reaction has the rights of the person whose change it answers, and no more.
#[test]
fn a_reaction_acts_with_the_callers_rights() {
    let text = "create(\"thing\", #{name: \"b\"});";
    let world = World::new(&[rule(RuleKind::React, "item", text)]);
    let role = world
        .create("role", &json!({"name": "maker"}))
        .unwrap()
        .get();
    let grant = |object: &str| json!({"role": role, "object": object, "actions": ["view", "create"], "scope": "own"});
    world.create("grant", &grant("item")).unwrap();
    let user = world
        .create(
            "user",
            &json!({"login": "u", "name": "U", "roles": ["maker"]}),
        )
        .unwrap();
    let actor = Actor::User(crate::UserId(user));
    let object = world.schema.object("item").unwrap();
    let make = || {
        world.write_as(actor, |door| {
            door.create(
                object,
                Input::from_pairs(object, [("name", Value::from("a"))])?,
            )
        })
    };
    let before = world.bytes();
    let error = make().unwrap_err();
    assert_eq!(error.code(), Code::Denied, "{error}");
    assert_eq!(world.bytes(), before);
    world.create("grant", &grant("thing")).unwrap();
    make().unwrap();
}

/// `get` shows what the caller may see: a hidden field is not there, as if it did not exist.
#[test]
fn a_reaction_reads_with_the_callers_rights() {
    let world = World::new(&[rule(
        RuleKind::React,
        "item",
        "let t = get(\"thing\", this.count); throw `${t.contains(\"secret\")} ${t.contains(\"owner\")} ${t.name}`;",
    )]);
    let role = world
        .create("role", &json!({"name": "reader"}))
        .unwrap()
        .get();
    world.create("grant", &json!({"role": role, "object": "thing", "actions": ["view"], "scope": "all", "hidden_fields": ["secret", "owner"]})).unwrap();
    world
        .create(
            "grant",
            &json!({"role": role, "object": "item", "actions": ["view", "create"], "scope": "own"}),
        )
        .unwrap();
    let user = world
        .create(
            "user",
            &json!({"login": "u", "name": "U", "roles": ["reader"]}),
        )
        .unwrap();
    let thing = world
        .create("thing", &json!({"name": "n", "secret": "s"}))
        .unwrap();
    let object = world.schema.object("item").unwrap();
    let input = json!({"name": "a", "count": thing.get()});
    let make = |actor| {
        world.write_as(actor, |door| {
            door.create(object, Input::from_json(object, &input)?)
        })
    };
    let seen = make(Actor::User(crate::UserId(user))).unwrap_err();
    assert!(seen.message().ends_with("false false n"), "{seen}");
    let seen = make(Actor::System).unwrap_err();
    assert!(seen.message().ends_with("true true n"), "{seen}");
}
