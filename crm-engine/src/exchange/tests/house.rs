//! A store with things and items, for imports to go into.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};

use crate::error::{Code, Error, Result};
use crate::exchange::{ImportJob, ImportReport, Transactions, import};
use crate::facts::FactsCache;
use crate::ids::{RecordId, UserId};
use crate::journal::Cause;
use crate::policy::Actor;
use crate::schema::system::value_of;
use crate::schema::{ObjectDeclaration, Schema, keys};
use crate::store::{KeyRange, Read, ScanOptions, Store};
use crate::value::RecordView;
use crate::verify;
use crate::write::{Circumstances, Door, Input, RuleBook, Rules};

const THING: &str = r#"
name = "thing"
owned = true
title = "name"
columns = ["name", "state"]
field = [
    { name = "name", type = "text", required = true },
    { name = "code", type = "text", unique = true },
    { name = "number", type = "integer" },
    { name = "price", type = "money" },
    { name = "day", type = "date" },
    { name = "state", type = "choice", choice = [
        { name = "fresh", label = { en = "Fresh", ru = "Новый" } },
        { name = "used", label = { en = "In use" } },
        { name = "old", requires = ["day"] },
    ] },
    { name = "colours", type = "choice_set", choice = [{ name = "red" }, { name = "blue" }] },
    { name = "parent", type = "reference", target = "thing" },
    { name = "item", type = "reference", target = "item" },
    { name = "sum", type = "integer", computed = true },
]
list = [{ name = "by_name", by = ["name"] }]
total = [{ name = "states", group = "state", sum = ["price"] }]
"#;

const ITEM: &str = r#"
name = "item"
field = [{ name = "name", type = "text" }]
"#;

/// A store with things and items, two users and four items, seen through one actor.
pub(super) struct House {
    pub(super) store: Store,
    pub(super) schema: Arc<Schema>,
    pub(super) facts: FactsCache,
    pub(super) actor: Actor,
    /// Whether every transaction is undone once and run again, as after a conflict.
    pub(super) reruns: bool,
    pub(super) rules: Box<dyn RuleBook>,
}

impl Transactions for House {
    fn transact(
        &self,
        file: &str,
        body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>,
    ) -> Result<()> {
        let cause = Cause::Import(file.to_owned());
        if self.reruns {
            let undone = Error::new(Code::Conflict, "once more");
            let first = self.once(&cause, "import.csv", &mut |door| {
                body(door).and(Err(undone.clone()))
            });
            assert!(first.is_err());
        }
        self.once(&cause, "import.csv", body)
    }

    fn now(&self) -> DateTime<Utc> {
        "2026-03-01T09:00:00Z".parse().unwrap()
    }
}

impl House {
    pub(super) fn new() -> House {
        let objects = [THING, ITEM].map(|text| toml::from_str::<ObjectDeclaration>(text).unwrap());
        let schema = Arc::new(Schema::kernel().apply(&objects).unwrap());
        let house = House {
            store: Store::memory(),
            schema,
            facts: FactsCache::default(),
            actor: Actor::System,
            reruns: false,
            rules: Box::new(Rules::default()),
        };
        house.create("role", json!({"name": "maker"}));
        house.create(
            "user",
            json!({"login": "anna", "name": "Anna", "roles": ["maker"]}),
        );
        house.create(
            "user",
            json!({"login": "ivo", "name": "Ivo", "roles": ["maker"]}),
        );
        for name in ["Bolt", "Nut", "Twin", "Twin"] {
            house.create("item", json!({ "name": name }));
        }
        house
    }

    pub(super) fn once(
        &self,
        cause: &Cause,
        action: &str,
        body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>,
    ) -> Result<()> {
        self.store.write(|txn| {
            let around = Circumstances {
                schema: Arc::clone(&self.schema),
                facts: self.facts.of_transaction(txn, &self.schema)?,
                rules: &*self.rules,
                kept: Arc::new(crate::kept::Kept::compile(&self.schema)?),
                actor: self.actor,
                now: self.now(),
                cause: cause.clone(),
                action,
            };
            let mut door = Door::open(txn, around)?;
            body(&mut door)?;
            door.finish().map(drop)
        })
    }

    pub(super) fn create(&self, object: &str, fields: Json) -> RecordId {
        let mut created = None;
        self.once(&Cause::Person, "create", &mut |door| {
            let object = Arc::clone(door.schema().object(object)?);
            created = Some(door.create(&object, Input::from_json(&object, &fields)?)?);
            Ok(())
        })
        .unwrap();
        created.unwrap()
    }

    /// A role that may do `actions` with its own things and see all items and users.
    pub(super) fn grant(&self, actions: &[&str]) {
        let role = self.rows("role", &["id"])[0][0].clone();
        let role: u64 = role.parse().unwrap();
        for (object, actions, scope) in [
            ("thing", actions, "own"),
            ("item", &["view"], "all"),
            ("user", &["view"], "all"),
        ] {
            let grant = json!({"role": role, "object": object, "actions": actions, "scope": scope});
            self.create("grant", grant);
        }
    }

    pub(super) fn anna(mut self) -> House {
        self.actor = Actor::User(self.user("Anna"));
        self
    }

    pub(super) fn user(&self, name: &str) -> UserId {
        let rows = self.rows("user", &["id", "name"]);
        let row = rows.iter().find(|row| row[1] == name).unwrap();
        UserId(RecordId::new(row[0].parse().unwrap()).unwrap())
    }

    pub(super) fn import(&self, job: Json) -> Result<ImportReport> {
        let job: ImportJob = serde_json::from_value(job).unwrap();
        import(self, &job, &mut |_| true)
    }

    /// The named fields of every record of an object, as text.
    pub(super) fn rows(&self, object: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let object = self.schema.object(object).unwrap();
        let snapshot = self.store.snapshot().unwrap();
        let mut rows = snapshot
            .scan(keys::records(object.id), ScanOptions::FORWARD)
            .unwrap();
        let prefix = keys::records(object.id).start().len();
        let mut found = Vec::new();
        while let Some((key, bytes)) = rows.next().unwrap() {
            let id = crate::value::take_uint(&mut &key[prefix..]).unwrap();
            let record = RecordView::new(bytes).unwrap().decode().unwrap();
            let text = |name: &&str| {
                let field = object.field(name).unwrap();
                let id = RecordId::new(id).unwrap();
                field.to_text(value_of(id, &record, field.id).as_ref())
            };
            found.push(fields.iter().map(text).collect());
        }
        found
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.rows("thing", &["name"]).concat()
    }

    pub(super) fn everything(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let snapshot = self.store.snapshot().unwrap();
        let mut rows = snapshot
            .scan(KeyRange::all(), ScanOptions::FORWARD)
            .unwrap();
        let mut all = Vec::new();
        while let Some((key, value)) = rows.next().unwrap() {
            all.push((key.to_vec(), value.to_vec()));
        }
        all
    }

    pub(super) fn assert_sound(&self) {
        let snapshot = self.store.snapshot().unwrap();
        let report = verify::run(&snapshot, &self.schema, &mut |_| true).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}
