//! A small store for tests: written through the door, read through queries.

use std::sync::Arc;

use crate::error::Result;
use crate::expr::Calendar;
use crate::facts::{Facts, FactsCache};
use crate::ids::{RecordId, UserId};
use crate::journal::Cause;
use crate::policy::Actor;
use crate::query::{Column, Params, Prepared, prepare, prepare_ways};
use crate::schema::{ObjectDeclaration, Schema};
use crate::store::Store;
use crate::value::Value;
use crate::write::{Circumstances, Door, Input, Rules};

const OBJECTS: &str = r#"
[[object]]
name = "kind"
field = [{ name = "name", type = "text" }]
list = [{ name = "by_name", by = ["name"] }]

[[object]]
name = "thing"
owned = true
columns = ["name"]
field = [
    { name = "name", type = "text" },
    { name = "number", type = "integer" },
    { name = "kind", type = "reference", target = "kind" },
]
list = [{ name = "by_name", by = ["name"] }]

[[object]]
name = "item"
owned = true
columns = ["title", "state", "amount"]
field = [
    { name = "title", type = "text" },
    { name = "state", type = "choice", choice = [{ name = "a" }, { name = "b" }, { name = "c" }] },
    { name = "amount", type = "money" },
    { name = "number", type = "integer" },
    { name = "size", type = "decimal" },
    { name = "day", type = "date" },
    { name = "at", type = "date_time" },
    { name = "done", type = "checkbox" },
    { name = "words", type = "tags" },
    { name = "note", type = "text" },
    { name = "note2", type = "text" },
    { name = "thing", type = "reference", target = "thing", on_delete = "clear" },
    { name = "other", type = "reference", target = "item", on_delete = "clear" },
]
list = [
    { name = "by_title", by = ["title"] },
    { name = "by_day", by = ["day desc", "title"] },
    { name = "by_state", by = ["state", "number desc"] },
    { name = "of_thing", by = ["thing desc", "day desc"] },
    { name = "by_at", by = ["at"] },
    { name = "by_done", by = ["done", "day"] },
    { name = "by_size", by = ["size desc"] },
]
total = [
    { name = "by_state", group = "state", sum = ["amount", "number"] },
    { name = "by_title", group = ["state", "title"], sum = ["amount", "size"] },
    { name = "by_thing", group = ["thing", "day"], sum = ["number"] },
    { name = "by_note", group = ["note", "done", "number"], sum = ["number"] },
    { name = "by_month", group = ["month(day)", "state"] },
]
"#;

pub(super) struct World {
    pub(super) store: Store,
    pub(super) schema: Arc<Schema>,
}

impl World {
    pub(super) fn new() -> World {
        #[derive(serde::Deserialize)]
        struct Pack {
            object: Vec<ObjectDeclaration>,
        }
        let pack: Pack = toml::from_str(OBJECTS).unwrap();
        let schema = Arc::new(Schema::kernel().apply(&pack.object).unwrap());
        World {
            store: Store::memory(),
            schema,
        }
    }

    pub(super) fn write<R>(&self, mut body: impl FnMut(&mut Door<'_>) -> Result<R>) -> Result<R> {
        self.store.write(|txn| {
            let facts = FactsCache::default().of_transaction(txn, &self.schema)?;
            let around = Circumstances {
                schema: Arc::clone(&self.schema),
                facts,
                rules: &Rules::default(),
                kept: Arc::new(crate::kept::Kept::compile(&self.schema)?),
                actor: Actor::System,
                now: "2026-03-01T12:00:00Z".parse().unwrap(),
                cause: Cause::Person,
                action: "test",
            };
            let mut door = Door::open(txn, around)?;
            let result = body(&mut door)?;
            door.finish()?;
            Ok(result)
        })
    }

    /// Fields as text; empty text is no value.
    pub(super) fn input(&self, object: &str, fields: &[(&str, &str)]) -> Input {
        let object = self.schema.object(object).unwrap();
        let value = |text: &str| {
            if text.is_empty() {
                Value::Null
            } else {
                text.into()
            }
        };
        let pairs = fields.iter().map(|(name, text)| (*name, value(text)));
        Input::from_pairs(object, pairs).unwrap()
    }

    pub(super) fn create(
        &self,
        object: &str,
        owner: Option<UserId>,
        fields: &[(&str, &str)],
    ) -> RecordId {
        let known = self.schema.object(object).unwrap();
        let input = match known.owned {
            true => self.input(object, fields).with_owner(owner),
            false => self.input(object, fields),
        };
        self.write(|door| door.create(known, input.clone()))
            .unwrap()
    }

    /// The record of a role, which is made when it is new.
    fn role(&self, name: &str) -> String {
        let of = format!("SELECT id FROM role WHERE name = '{name}'");
        let known = self.texts(Actor::System, &of, &Params::new());
        let known = known.unwrap().pop();
        known.unwrap_or_else(|| self.create("role", None, &[("name", name)]).to_string())
    }

    pub(super) fn user(&self, login: &str, roles: &[&str]) -> UserId {
        roles.iter().for_each(|role| drop(self.role(role)));
        let fields = [
            ("login", login),
            ("name", login),
            ("roles", &roles.join(",")),
        ];
        UserId(self.create("user", None, &fields))
    }

    /// A user whom others may have as their supervisor.
    pub(super) fn supervisor(&self, login: &str, roles: &[&str]) -> UserId {
        roles.iter().for_each(|role| drop(self.role(role)));
        let fields = [
            ("login", login),
            ("name", login),
            ("kind", "administration"),
            ("roles", &roles.join(",")),
        ];
        UserId(self.create("user", None, &fields))
    }

    /// Lets a role view an object; creates the role when it is new.
    pub(super) fn grant(&self, role: &str, object: &str, scope: &str, hidden: &str) {
        let role = self.role(role);
        // A field of one object is none of the other.
        let known = self.schema.object(object);
        let known = known.is_ok_and(|object| object.find(hidden).is_some());
        let hidden = if known { hidden } else { "" };
        let fields = [
            ("role", role.as_str()),
            ("object", object),
            ("actions", "view"),
            ("scope", scope),
            ("hidden_fields", hidden),
        ];
        self.create("grant", None, &fields);
    }

    pub(super) fn facts(&self) -> Arc<Facts> {
        let snapshot = self.store.snapshot().unwrap();
        FactsCache::default()
            .of_snapshot(&snapshot, &self.schema)
            .unwrap()
    }

    /// The third of March 2017, an hour after midnight in Moscow.
    pub(super) fn calendar() -> Calendar {
        let zone = Calendar::zone("Europe/Moscow").unwrap();
        Calendar::new("2017-03-02T22:00:00Z".parse().unwrap(), Some(zone))
    }

    pub(super) fn prepare(&self, actor: Actor, sql: &str) -> Result<Prepared> {
        prepare(&self.schema, &self.facts(), actor, sql)
    }

    /// The query by each of its ways alone.
    pub(super) fn prepare_ways(&self, actor: Actor, sql: &str) -> Result<Vec<Prepared>> {
        prepare_ways(&self.schema, &self.facts(), actor, sql)
    }

    pub(super) fn query(
        &self,
        actor: Actor,
        sql: &str,
        params: &Params,
    ) -> Result<Vec<Vec<Value>>> {
        self.run(&self.prepare(actor, sql)?, params)
    }

    pub(super) fn run(&self, prepared: &Prepared, params: &Params) -> Result<Vec<Vec<Value>>> {
        let params = params.clone().at(World::calendar());
        let mut rows = prepared.run(&self.store.snapshot()?, &params)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push(row.to_vec());
        }
        Ok(all)
    }

    /// The rows as texts, columns between bars.
    pub(super) fn texts(&self, actor: Actor, sql: &str, params: &Params) -> Result<Vec<String>> {
        let prepared = self.prepare(actor, sql)?;
        let text = |(value, column): (&Value, &Column)| column.text(value);
        let row = |row: &Vec<Value>| {
            row.iter()
                .zip(prepared.columns())
                .map(text)
                .collect::<Vec<_>>()
                .join("|")
        };
        Ok(self.query(actor, sql, params)?.iter().map(row).collect())
    }
}
