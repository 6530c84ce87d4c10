//! A small store with things, their parts and others.

use serde_json::{Value as Json, json};

use crate::engine::{Engine, Options};
use crate::pack::Pack;
use crate::session::Session;

const PACK: &str = "name = 'things'\nversion = '1.0.0'";

const THING: &str = r#"
name = "thing"
owned = true
title = "name"
field = [
    { name = "name", type = "text" },
    { name = "phone", type = "phone" },
    { name = "email", type = "email" },
    { name = "code", type = "text" },
    { name = "place", type = "text" },
]
duplicate = [
    { name = "phone", all = [{ field = "phone" }] },
    { name = "name", all = [{ field = "name", how = "fuzzy", least = 90 }] },
    { name = "email", all = [{ field = "email" }], also = ["other"] },
    { name = "both", all = [{ field = "name", how = "fuzzy", least = 70 }, { field = "place", how = "exact" }] },
    { name = "code", all = [{ field = "code" }], refuse = true },
]
"#;

const PART: &str = r#"
name = "part"
owned = true
parent = "thing"
field = [
    { name = "thing", type = "reference", target = "thing", required = true, on_delete = "cascade" },
    { name = "phone", type = "phone", further = "phone" },
    { name = "code", type = "text", further = "code" },
]
"#;

const OTHER: &str = r#"
name = "other"
owned = true
hidden_duplicates = "nothing"
field = [{ name = "email", type = "email" }]
duplicate = [{ name = "email", all = [{ field = "email" }], refuse = true }]
"#;

const ROLES: &str = r#"
[[role]]
name = "maker"
grant = [
    { object = "thing", actions = ["view", "create", "edit", "import", "transfer"], scope = "own" },
    { object = "other", actions = ["view", "create", "edit"], scope = "own" },
]
[[role]]
name = "blind"
grant = [
    { object = "thing", actions = ["view", "create", "edit"], scope = "all", hidden_fields = ["phone"] },
    { object = "other", actions = ["view", "create", "edit"], scope = "all" },
]
[[role]]
name = "looker"
grant = [{ object = "thing", actions = ["view"], scope = "own" }]
"#;

pub(super) struct World {
    engine: Engine,
}

impl World {
    pub(super) fn new() -> World {
        let options = Options {
            standard_pack: false,
            ..Options::default()
        };
        let world = World {
            engine: Engine::in_memory(options).unwrap(),
        };
        world.install_files(&[
            ("pack.toml", PACK),
            ("roles.toml", ROLES),
            ("thing/object.toml", THING),
            ("part/object.toml", PART),
            ("other/object.toml", OTHER),
        ]);
        for (login, role) in [
            ("anna", "maker"),
            ("ivo", "maker"),
            ("blind", "blind"),
            ("looker", "looker"),
            ("nobody", ""),
        ] {
            let roles: Vec<&str> = Some(role)
                .filter(|role| !role.is_empty())
                .into_iter()
                .collect();
            let user = json!({"login": login, "name": login, "roles": roles});
            world.host().create("user", &user).unwrap();
        }
        world
    }

    /// Installs a pack of one object.
    pub(super) fn install(&self, name: &str, object: &str) {
        let pack = format!("name = '{name}'\nversion = '1.0.0'\nrequires = ['things']");
        self.install_files(&[("pack.toml", &pack), ("thing/object.toml", object)]);
    }

    fn install_files(&self, files: &[(&str, &str)]) {
        let pack = Pack::from_files(files.iter().copied()).unwrap();
        self.engine
            .install(crate::policy::Actor::System, &pack)
            .unwrap();
    }

    pub(super) fn host(&self) -> Session {
        self.engine.system()
    }

    pub(super) fn session(&self, login: &str) -> Session {
        self.engine.login(login).unwrap()
    }

    /// Every change so far: what no refusal adds to.
    pub(super) fn state(&self) -> Json {
        let all = json!({"after": 0, "limit": 100_000});
        self.host().call("changes", &all, &mut |_| true).unwrap()["changes"].take()
    }

    pub(super) fn ids(&self, object: &str) -> Vec<u64> {
        let sql = format!("SELECT id FROM {object} ORDER BY id");
        let mut rows = self.host().query(&sql, &Default::default()).unwrap();
        let mut ids = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            ids.push(row[0].as_integer().unwrap() as u64);
        }
        ids
    }

    pub(super) fn verify(&self) {
        let report = self.host().call("verify", &json!({}), &mut |_| true);
        let report = report.unwrap();
        assert_eq!(report["faults"], 0, "{report}");
    }
}
