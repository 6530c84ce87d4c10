//! A store of neutral objects with details, links and a rule, and what can be read of all of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use crate::ids::{RecordId, Sequence, UserId};
use crate::pack::Pack;
use crate::policy::Actor;
use crate::{Engine, ManualClock, Options, Result, Session};

const THING: &str = "
name = 'thing'
owned = true
columns = ['name']
field = [
    { name = 'name', type = 'text', required = true },
    { name = 'code', type = 'text', unique = true },
    { name = 'phone', type = 'phone' },
    { name = 'note', type = 'text' },
    { name = 'words', type = 'tags' },
    { name = 'size', type = 'integer' },
    { name = 'up', type = 'reference', target = 'thing', on_delete = 'clear' },
    { name = 'state', type = 'choice', choice = [
        { name = 'fresh', stage = 'open' },
        { name = 'done', stage = 'won', requires = ['size'] },
    ] },
    { name = 'items', type = 'integer', rollup = { object = 'item', link = 'thing' } },
    { name = 'twice', type = 'integer', formula = 'size * 2' },
]
list = [{ name = 'by_name', by = ['name'] }]
total = [
    { name = 'by_state', group = 'state', sum = ['size'] },
    { name = 'by_name', group = ['name', 'up'], sum = ['size'] },
    { name = 'all', group = [] },
]
";
const PHONE: &str = "
name = 'thing_phone'
owned = true
parent = 'thing'
field = [
    { name = 'thing', type = 'reference', target = 'thing', required = true, on_delete = 'cascade' },
    { name = 'phone', type = 'phone', required = true, further = 'phone' },
]
list = [{ name = 'recent', by = ['created_at desc'] }]
";
const ITEM: &str = "
name = 'item'
owned = true
columns = ['title']
field = [
    { name = 'title', type = 'text', required = true },
    { name = 'thing', type = 'reference', target = 'thing', follows_owner = true },
    { name = 'amount', type = 'money' },
]
list = [{ name = 'by_title', by = ['title'] }]
";
const LINK: &str = "
name = 'link'
owned = true
field = [
    { name = 'thing', type = 'reference', target = 'thing', required = true, on_delete = 'cascade' },
    { name = 'item', type = 'reference', target = 'item', required = true, on_delete = 'cascade' },
]
list = [{ name = 'recent', by = ['created_at desc'] }]
unique = [{ fields = ['thing', 'item'] }]
";
const ROLES: &str = "
[[role]]
name = 'keeper'
description = 'Keeps own things'
grant = [
    { object = 'thing', actions = ['view', 'create', 'edit', 'delete'], scope = 'own' },
    { object = 'item', actions = ['view', 'create', 'edit'], scope = 'own' },
    { object = 'user', actions = ['view'], scope = 'all' },
]
[[role]]
name = 'head'
description = 'Puts right what others did, but for the codes of things'
grant = [
    { object = 'thing', actions = ['view', 'create', 'edit', 'delete', 'bulk', 'transfer'], scope = 'department', hidden_fields = ['note'] },
    { object = 'item', actions = ['view', 'edit', 'bulk'], scope = 'department' },
    { object = 'user', actions = ['view'], scope = 'all' },
]
";
const RULES: &str = "
[[rule]]
name = 'follow_up'
file = 'follow_up.rhai'
kind = 'react'
on = ['create']
";
const FOLLOW_UP: &str = "create(\"thing\", #{ name: `follow-up of ${this.title}` });";

/// The objects of the store.
pub(super) const OBJECTS: [&str; 4] = ["thing", "thing_phone", "item", "link"];

/// A store with a few users; its clock moves on by a second with every change made through it.
pub(super) struct World {
    pub(super) host: Session,
    pub(super) clock: Arc<ManualClock>,
    pub(super) anna: Session,
    pub(super) ivo: Session,
    pub(super) head: Session,
}

/// Records as they stand, without versions and stamps: object and id, owner and fields.
pub(super) type Image = BTreeMap<(String, u64), Json>;

impl World {
    pub(super) fn new() -> World {
        World::with_rules(false)
    }

    pub(super) fn with_rules(rules: bool) -> World {
        let clock = Arc::new(ManualClock::new("2026-03-01T09:00:00Z".parse().unwrap()));
        let engine = Engine::in_memory(Options {
            clock: clock.clone(),
            standard_pack: false,
            ..Options::default()
        })
        .unwrap();
        let mut files = vec![
            ("pack.toml", "name = 'shop'\nversion = '1.0.0'\n"),
            ("roles.toml", ROLES),
            ("thing/object.toml", THING),
            ("thing_phone/object.toml", PHONE),
            ("item/object.toml", ITEM),
            ("link/object.toml", LINK),
        ];
        if rules {
            files.push(("item/rules.toml", RULES));
            files.push(("item/rules/follow_up.rhai", FOLLOW_UP));
        }
        let pack = Pack::from_files(files).unwrap();
        engine.install(Actor::System, &pack).unwrap();
        let host = engine.system();
        let department = host
            .create("department", &json!({"name": "Sales"}))
            .unwrap();
        for (login, roles) in [("anna", "keeper"), ("ivo", "keeper"), ("head", "head")] {
            let user = json!({
                "login": login, "name": login, "roles": [roles], "department": department.get(),
            });
            host.create("user", &user).unwrap();
        }
        let session = |login| engine.login(login).unwrap();
        World {
            anna: session("anna"),
            ivo: session("ivo"),
            head: session("head"),
            host,
            clock,
        }
    }

    /// The time moves on.
    pub(super) fn tick(&self) -> DateTime<Utc> {
        let next = crate::Clock::now(&*self.clock) + TimeDelta::seconds(1);
        self.clock.set(next);
        next
    }

    pub(super) fn create(&self, who: &Session, object: &str, fields: Json) -> RecordId {
        self.tick();
        who.create(object, &fields).unwrap()
    }

    pub(super) fn set(&self, who: &Session, object: &str, id: RecordId, fields: Json) {
        self.tick();
        who.update(object, id, &fields, None).unwrap();
    }

    pub(super) fn value(&self, object: &str, id: RecordId, field: &str) -> Json {
        let record = self.host.get(object, id).unwrap();
        record.map_or(Json::Null, |record| record[field].clone())
    }

    /// The position of the newest transaction that changed records.
    pub(super) fn last(&self) -> Sequence {
        let (mut after, mut last) = (Sequence(0), Sequence(0));
        loop {
            let page = self.host.changes(after, 1_000).unwrap();
            last = page.changes.last().map_or(last, |change| change.sequence);
            after = page.next;
            if !page.more {
                return last;
            }
        }
    }

    /// How many transactions changed records behind a position.
    pub(super) fn transactions_after(&self, position: Sequence) -> usize {
        let page = self.host.changes(position, 100_000).unwrap();
        let positions = page.changes.iter().map(|change| change.sequence);
        positions
            .collect::<std::collections::BTreeSet<Sequence>>()
            .len()
    }

    /// Every record of the neutral objects.
    pub(super) fn image(&self) -> Image {
        let mut image = Image::new();
        for object in OBJECTS {
            let sql = format!("SELECT id FROM {object} ORDER BY id");
            let mut rows = self.host.prepare(&sql).unwrap().run().unwrap();
            while let Some(row) = rows.next().unwrap() {
                let id = u64::try_from(row[0].as_integer().unwrap()).unwrap();
                let record = self.host.get(object, RecordId::new(id).unwrap()).unwrap();
                image.insert((object.to_owned(), id), stripped(record.unwrap()));
            }
        }
        image
    }

    pub(super) fn assert_sound(&self) {
        let report = self.call(&self.host, "verify", json!({})).unwrap();
        assert_eq!(report["faults"], 0, "{report}");
    }

    pub(super) fn call(&self, who: &Session, name: &str, arguments: Json) -> Result<Json> {
        who.call(name, &arguments, &mut |_| true)
    }
}

/// A record without what every write changes.
pub(super) fn stripped(mut record: Json) -> Json {
    let members = record.as_object_mut().unwrap();
    for kept in ["version", "updated_at", "updated_by"] {
        members.remove(kept);
    }
    record
}

pub(super) fn user(session: &Session) -> UserId {
    session.user().unwrap()
}
