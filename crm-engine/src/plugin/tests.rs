//! Validators at the door, with validators that need no library.

use std::sync::Arc;

use chrono::DateTime;

use super::*;
use crate::facts::Facts;
use crate::ids::RecordId;
use crate::journal::Cause;
use crate::policy::Actor;
use crate::schema::{ObjectDeclaration, Schema};
use crate::store::{Store, Txn};
use crate::write::{Circumstances, Input, Rules};

/// Refuses a `thing` whose `count` is below zero.
struct NoNegatives {
    watch: Vec<String>,
}

impl Validator for NoNegatives {
    fn plugin(&self) -> &str {
        "test"
    }

    fn name(&self) -> &str {
        "no_negatives"
    }

    fn object(&self) -> &str {
        "thing"
    }

    fn watch(&self) -> &[String] {
        &self.watch
    }

    fn validate(&self, draft: &dyn FieldReader) -> Result<()> {
        match draft.integer("count")? {
            Some(count) if count < 0 => {
                Err(Error::new(Code::Refused, "`count` must not be negative").field("count"))
            }
            _ => Ok(()),
        }
    }
}

/// Fills `count` before the validators look.
struct FillCount(i64);

impl RuleBook for FillCount {
    fn before(&self, draft: &mut Draft<'_>) -> Result<()> {
        draft.set("count", Value::Integer(self.0))
    }

    fn after(&self, _: &mut Door<'_>, _: &Event<'_>) -> Result<()> {
        Ok(())
    }
}

/// Shows the draft to a test.
struct Probe<F>(F);

impl<F: Fn(&dyn FieldReader) -> Result<()> + Send + Sync> RuleBook for Probe<F> {
    fn before(&self, draft: &mut Draft<'_>) -> Result<()> {
        (self.0)(draft)
    }

    fn after(&self, _: &mut Door<'_>, _: &Event<'_>) -> Result<()> {
        Ok(())
    }
}

fn schema() -> Arc<Schema> {
    let declare = |text: &str| toml::from_str::<ObjectDeclaration>(text).unwrap();
    let thing = declare(
        "name='thing'
        field=[{name='count', type='integer'}, {name='what', type='text'},
            {name='price', type='money'}, {name='done', type='checkbox'},
            {name='state', type='choice', choice=[{name='new'}, {name='old'}]}]",
    );
    let other = declare("name='other'\nfield=[{name='count', type='integer'}]");
    Arc::new(Schema::kernel().apply(&[thing, other]).unwrap())
}

/// Runs `body` in one transaction of the system under `rules`.
fn with_door<R>(
    store: &Store,
    rules: &dyn RuleBook,
    body: impl Fn(&mut Door<'_>) -> Result<R>,
) -> Result<R> {
    store.write(|txn: &mut Txn| {
        let around = Circumstances {
            schema: schema(),
            facts: Arc::new(Facts::default()),
            rules,
            kept: Arc::new(crate::kept::Kept::compile(&schema())?),
            actor: Actor::System,
            now: DateTime::UNIX_EPOCH,
            cause: Cause::Person,
            action: "test",
        };
        let mut door = Door::open(txn, around)?;
        let result = body(&mut door)?;
        door.finish()?;
        Ok(result)
    })
}

fn create(door: &mut Door<'_>, object: &str, json: &serde_json::Value) -> Result<RecordId> {
    let object = Arc::clone(door.schema().object(object)?);
    door.create(&object, Input::from_json(&object, json)?)
}

fn update(door: &mut Door<'_>, id: RecordId, json: &serde_json::Value) -> Result<()> {
    let object = Arc::clone(door.schema().object("thing")?);
    door.update(&object, id, Input::from_json(&object, json)?, None)
        .map(drop)
}

fn validators() -> ValidatorSet {
    ValidatorSet::new(vec![Box::new(NoNegatives {
        watch: vec!["count".into(), "gone".into()],
    })])
}

#[test]
fn new_records_of_the_object_are_checked() {
    let store = Store::memory();
    let negative = serde_json::json!({"count": -1});
    let refused = with_door(&store, &validators(), |door| {
        create(door, "thing", &negative)
    });
    assert_eq!(refused.unwrap_err().details()["field"], "count");
    with_door(&store, &validators(), |door| {
        create(door, "other", &negative)
    })
    .unwrap();
    let positive = serde_json::json!({"count": 1});
    with_door(&store, &validators(), |door| {
        create(door, "thing", &positive)
    })
    .unwrap();
}

/// A record that was wrong before the plugin came can be worked with, except in the fields the
/// plugin watches, and be deleted.
#[test]
fn only_changes_of_watched_fields_are_checked() {
    let store = Store::memory();
    let negative = serde_json::json!({"count": -1});
    let rules = Rules::default();
    let id = with_door(&store, &rules, |door| create(door, "thing", &negative)).unwrap();
    let change = |json| with_door(&store, &validators(), |door| update(door, id, &json));
    change(serde_json::json!({"what": "still negative"})).unwrap();
    change(serde_json::json!({"count": -1, "what": "the same"})).unwrap();
    assert_eq!(
        change(serde_json::json!({"count": -2})).unwrap_err().code(),
        Code::Refused
    );
    let delete = |door: &mut Door<'_>| {
        let object = Arc::clone(door.schema().object("thing")?);
        door.delete(&object, id, None)
    };
    with_door(&store, &validators(), delete).unwrap();
}

#[test]
fn validators_see_what_earlier_rules_filled_in() {
    let store = Store::memory();
    let rules = |count| Rules::new(vec![Arc::new(FillCount(count)), Arc::new(validators())]);
    let empty = serde_json::json!({});
    let refused = with_door(&store, &rules(-1), |door| create(door, "thing", &empty));
    assert_eq!(refused.unwrap_err().code(), Code::Refused);
    with_door(&store, &rules(1), |door| create(door, "thing", &empty)).unwrap();
}

#[test]
fn a_draft_is_read_by_name_and_type() {
    let read = Probe(|draft: &dyn FieldReader| {
        assert!(draft.is_creation());
        assert_eq!(draft.integer("count")?, Some(7));
        assert_eq!(draft.text("count")?.as_deref(), Some("7"));
        assert_eq!(draft.decimal("count")?, Some(Decimal::from(7)));
        assert_eq!(draft.text("price")?.as_deref(), Some("-12.50 EUR"));
        assert_eq!(
            draft.decimal("price")?.map(|n| n.to_string()).as_deref(),
            Some("-12.50")
        );
        assert_eq!(draft.checkbox("done")?, Some(true));
        assert_eq!(draft.text("state")?.as_deref(), Some("old"));
        assert_eq!(draft.text("what")?, None);
        assert_eq!(draft.text("gone").unwrap_err().code(), Code::UnknownField);
        assert_eq!(
            draft.integer("gone").unwrap_err().code(),
            Code::UnknownField
        );
        for error in [
            draft.integer("what").unwrap_err(),
            draft.checkbox("count").unwrap_err(),
            draft.decimal("done").unwrap_err(),
        ] {
            assert_eq!(error.code(), Code::WrongType);
        }
        Ok(())
    });
    let record =
        serde_json::json!({"count": 7, "price": "-12.50 EUR", "done": true, "state": "old"});
    with_door(&Store::memory(), &read, |door| {
        create(door, "thing", &record)
    })
    .unwrap();
}
