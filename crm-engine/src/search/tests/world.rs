//! A store with things, their details and three callers.

use serde_json::{Value as Json, json};

use crate::engine::{Engine, Options};
use crate::ids::RecordId;
use crate::pack::Pack;
use crate::policy::Actor;
use crate::search::{SearchPage, SearchRequest};
use crate::session::Session;

const MANIFEST: &str = "name = 'shelf'\nversion = '1.0.0'\n";
const THING: &str = "\
name = 'thing'
owned = true
title = 'name'
field = [
    { name = 'name', type = 'text' },
    { name = 'note', type = 'text', search = true },
    { name = 'secret', type = 'text', search = true },
    { name = 'phone', type = 'phone', search = true },
    { name = 'hotline', type = 'phone', search = true },
    { name = 'email', type = 'email', search = true },
    { name = 'code', type = 'digits', search = true },
    { name = 'unsearched', type = 'text' },
]
";
const LINE: &str = "\
name = 'line'
owned = true
parent = 'thing'
field = [
    { name = 'thing', type = 'reference', target = 'thing', required = true, on_delete = 'cascade' },
    { name = 'phone', type = 'phone', search = true },
    { name = 'remark', type = 'text', search = true },
]
";
/// Rings as they come in: a rule tells whose number it was.
const RING: &str = "\
name = 'ring'
owned = true
field = [
    { name = 'number', type = 'text' },
    { name = 'from', type = 'text' },
]
";
const RING_RULES: &str = "\
[[rule]]
name = 'who'
file = 'who.rhai'
kind = 'react'
on = ['create']
";
const RING_WHO: &str = "\
let from = \"\";
for hit in find(this.number) { from += `${hit.object} ${get(hit.object, hit.id).phone};`; }
update(\"ring\", this.id, #{from: from});
";
/// Keepers see their own, clerks everybody's; both without the secret and the hotline. Blind ones
/// see what their department has, without its name.
const ROLES: &str = "\
[[role]]
name = 'keeper'
description = 'Keeps own things'
grant = [
    { object = 'thing', actions = ['view', 'create', 'edit'], scope = 'department', hidden_fields = ['secret', 'hotline'] },
    { object = 'line', actions = ['view', 'create', 'edit'], scope = 'department' },
    { object = 'ring', actions = ['view', 'create', 'edit'], scope = 'own' },
]
[[role]]
name = 'clerk'
description = 'Sees all things'
grant = [
    { object = 'thing', actions = ['view'], scope = 'all', hidden_fields = ['secret', 'hotline'] },
    { object = 'line', actions = ['view'], scope = 'all' },
]
[[role]]
name = 'blind'
description = 'Sees things without their names'
grant = [
    { object = 'thing', actions = ['view'], scope = 'department', hidden_fields = ['name'] },
    { object = 'line', actions = ['view'], scope = 'department' },
]
";

pub(super) struct World {
    pub(super) engine: Engine,
    /// Two of one department, two of another.
    pub(super) owners: Vec<u64>,
}

pub(super) const CALLERS: [&str; 4] = ["system", "o0", "clerk", "blind"];

impl World {
    pub(super) fn new() -> World {
        let options = Options {
            standard_pack: false,
            ..Options::default()
        };
        let engine = Engine::in_memory(options).unwrap();
        let files = [
            ("pack.toml", MANIFEST),
            ("roles.toml", ROLES),
            ("thing/object.toml", THING),
            ("line/object.toml", LINE),
            ("ring/object.toml", RING),
            ("ring/rules.toml", RING_RULES),
            ("ring/rules/who.rhai", RING_WHO),
        ];
        let pack = Pack::from_files(files).unwrap();
        engine.install(Actor::System, &pack).unwrap();
        let host = engine.system();
        let departments = ["A", "B"].map(|name| {
            host.create("department", &json!({"name": name}))
                .unwrap()
                .get()
        });
        let user = |login: &str, role: &str, department: u64| {
            let user =
                json!({"login": login, "name": login, "roles": [role], "department": department});
            host.create("user", &user).unwrap().get()
        };
        let owners = (0..4)
            .map(|n| user(&format!("o{n}"), "keeper", departments[n / 2]))
            .collect();
        user("clerk", "clerk", departments[0]);
        user("blind", "blind", departments[0]);
        World { engine, owners }
    }

    pub(super) fn session(&self, login: &str) -> Session {
        match login {
            "system" => self.engine.system(),
            login => self.engine.login(login).unwrap(),
        }
    }

    /// A thing of an owner by number; lines are made as its owner makes them.
    pub(super) fn thing(&self, owner: usize, mut fields: Json) -> RecordId {
        fields["owner"] = self.owners[owner].into();
        self.engine.system().create("thing", &fields).unwrap()
    }

    pub(super) fn line(&self, owner: usize, thing: RecordId, mut fields: Json) -> RecordId {
        fields["thing"] = thing.get().into();
        let session = self.session(&format!("o{owner}"));
        session.create("line", &fields).unwrap()
    }

    pub(super) fn search(&self, login: &str, text: &str) -> SearchPage {
        self.session(login)
            .search(&SearchRequest::new(text))
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// `Title (field how); ...`
    pub(super) fn found(&self, login: &str, text: &str) -> String {
        told(&self.search(login, text))
    }

    pub(super) fn verify(&self) {
        let report = self
            .engine
            .system()
            .call("verify", &json!({}), &mut |_| true);
        assert_eq!(report.as_ref().unwrap()["faults"], 0, "{report:?}");
    }
}

pub(super) fn told(page: &SearchPage) -> String {
    assert!(!page.truncated);
    let hits = page.hits.iter().map(|hit| {
        let how = serde_json::to_value(hit.how).unwrap();
        let detail = hit
            .detail
            .as_ref()
            .map(|name| format!("{name}."))
            .unwrap_or_default();
        let title = hit.title.as_deref().unwrap_or("?");
        format!("{title} ({detail}{} {})", hit.field, how.as_str().unwrap())
    });
    hits.collect::<Vec<_>>().join("; ")
}
