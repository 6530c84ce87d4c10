//! Packs of neutral objects over a store in memory.

mod reports;
mod rights;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::facts::FactsCache;
use crate::journal::Cause;
use crate::policy::Actor;
use crate::schema::{self, Schema};
use crate::store::{KeyRange, Read, ScanOptions, Store};
use crate::value::RecordView;
use crate::verify;
use crate::write::{Circumstances, Door, Input, Rules};

const PACK: &str = "name = \"shop\"\nversion = \"1.2.0\"\n";
const THING: &str = "\
name = 'thing'
owned = true
field = [
    { name = 'name', type = 'text' },
    { name = 'state', type = 'choice', choice = [{ name = 'fresh' }, { name = 'used' }] },
]
list = [{ name = 'by_name', by = ['name'] }]
";
const ROLE: &str = "\
[[role]]
name = 'keeper'
description = 'Keeps things'
grant = [
    { object = 'thing', actions = ['view', 'edit'], scope = 'own' },
    { object = 'thing', actions = ['view'], scope = 'all', hidden_fields = ['state'] },
    { object = '*', actions = ['export'], scope = 'department' },
]
";
const RULES: &str = "\
[[rule]]
name = 'tidy'
file = 'tidy.rhai'
kind = 'compute'
watch = ['name']
";

struct House {
    store: Store,
    facts: FactsCache,
}

impl House {
    fn new() -> House {
        let store = Store::memory();
        let kernel = Schema::kernel();
        store
            .write(|txn| schema::store(txn, &Schema::default(), &kernel))
            .unwrap();
        House {
            store,
            facts: FactsCache::default(),
        }
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::new(schema::load(&self.store.snapshot().unwrap()).unwrap())
    }

    /// Installs as the roof does.
    fn install(&self, pack: &Pack) -> Result<Installed> {
        self.store.write(|txn| {
            let before = Arc::new(schema::load(txn)?);
            let Some(prepared) = prepare(txn, &before, pack)? else {
                return Ok(Installed::already(pack));
            };
            schema::store(txn, &before, &prepared.schema)?;
            prepared.store(txn)?;
            let cause = Cause::Install(pack.name().to_owned());
            self.within(txn, &prepared.schema, cause, |door| prepared.apply(door))
        })
    }

    fn within<R>(
        &self,
        txn: &mut crate::store::Txn,
        schema: &Arc<Schema>,
        cause: Cause,
        body: impl FnOnce(&mut Door<'_>) -> Result<R>,
    ) -> Result<R> {
        let around = Circumstances {
            schema: Arc::clone(schema),
            facts: self.facts.of_transaction(txn, schema)?,
            rules: &Rules::default(),
            kept: Arc::new(crate::kept::Kept::compile(schema)?),
            actor: Actor::System,
            now: "2026-03-01T09:00:00Z".parse().unwrap(),
            cause,
            action: "test",
        };
        let mut door = Door::open(txn, around)?;
        let result = body(&mut door)?;
        door.finish()?;
        Ok(result)
    }

    fn create(&self, object: &str, fields: serde_json::Value) {
        let schema = self.schema();
        self.store
            .write(|txn| {
                self.within(txn, &schema, Cause::Person, |door| {
                    let object = Arc::clone(door.schema().object(object)?);
                    door.create(&object, Input::from_json(&object, &fields)?)
                })
            })
            .unwrap();
    }

    /// Every grant as `role object actions scope hidden`, in order.
    fn grants(&self) -> Vec<String> {
        let roles: BTreeMap<String, String> = self.texts("role", &["name"]).into_iter().collect();
        let grants = self.texts(
            "grant",
            &["role", "object", "actions", "scope", "hidden_fields"],
        );
        let mut grants: Vec<String> = grants
            .into_iter()
            .map(|(_, text)| {
                let (role, rest) = text.split_once(' ').unwrap();
                format!("{} {rest}", roles[role]).trim_end().to_owned()
            })
            .collect();
        grants.sort();
        grants
    }

    /// The id of every record of an object and the texts of the named fields.
    fn texts(&self, object: &str, fields: &[&str]) -> Vec<(String, String)> {
        let schema = self.schema();
        let object = schema.object(object).unwrap();
        let snapshot = self.store.snapshot().unwrap();
        let range = schema::keys::records(object.id);
        let prefix = range.start().len();
        let mut rows = snapshot.scan(range, ScanOptions::FORWARD).unwrap();
        let mut found = Vec::new();
        while let Some((key, bytes)) = rows.next().unwrap() {
            let id = crate::value::take_uint(&mut &key[prefix..]).unwrap();
            let record = RecordView::new(bytes).unwrap();
            let text = |name: &&str| {
                let field = object.field(name).unwrap();
                field
                    .to_text(&record.field(field.id).unwrap())
                    .replace(", ", "+")
            };
            let texts: Vec<String> = fields.iter().map(text).collect();
            found.push((id.to_string(), texts.join(" ")));
        }
        found
    }

    fn everything(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
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

    fn assert_sound(&self) {
        let snapshot = self.store.snapshot().unwrap();
        let report = verify::run(&snapshot, &self.schema(), &mut |_| true).unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

/// The pack of the constants above, with some files replaced or, where empty, left out.
fn pack(changes: &[(&str, &str)]) -> Result<Pack> {
    let mut files = BTreeMap::from([
        ("pack.toml", PACK),
        ("roles.toml", ROLE),
        ("thing/object.toml", THING),
        ("thing/rules.toml", RULES),
        ("thing/rules/tidy.rhai", "this.name = this.name.trim();"),
    ]);
    for (path, text) in changes {
        match text.is_empty() {
            true => drop(files.remove(path)),
            false => drop(files.insert(path, text)),
        }
    }
    Pack::from_files(files)
}

/// The file, line, column and words of an error of a pack.
#[track_caller]
fn faulty(error: &Error, file: &str, line: u64, column: u64, words: &str) {
    assert_eq!(error.code(), Code::Pack, "{error:?}");
    let details = error.details();
    assert_eq!(details["file"], file, "{error:?}");
    let place = (
        details["line"].as_u64().unwrap(),
        details["column"].as_u64().unwrap(),
    );
    assert_eq!(place, (line, column), "{error:?}");
    assert!(error.message().contains(words), "{error}");
}

#[test]
fn installing_brings_schema_roles_and_rules() {
    let house = House::new();
    let installed = house.install(&pack(&[]).unwrap()).unwrap();
    assert!(installed.changed && installed.before.is_none());
    assert!(house.schema().object("thing").is_ok());
    assert_eq!(
        house.grants(),
        [
            "keeper * export department",
            "keeper thing edit+view own",
            "keeper thing view all state",
        ]
    );
    let snapshot = house.store.snapshot().unwrap();
    let manifests = installed_versions(&house);
    assert_eq!(manifests, ["shop 1.2.0"]);
    let rules = rule_sources(&snapshot).unwrap();
    assert_eq!((rules.len(), rules[0].name.as_str()), (1, "tidy"));
    assert_eq!(rules[0].file, "thing/rules/tidy.rhai");
    assert_eq!(rules[0].text, "this.name = this.name.trim();");
    house.assert_sound();

    // The same version once more changes nothing at all.
    let before = house.everything();
    let again = house.install(&pack(&[]).unwrap()).unwrap();
    assert!(!again.changed);
    assert!(house.everything() == before);
}

fn installed_versions(house: &House) -> Vec<String> {
    let manifests = installed(&house.store.snapshot().unwrap()).unwrap();
    manifests
        .iter()
        .map(|m| format!("{} {}", m.name, m.version))
        .collect()
}

#[test]
fn an_upgrade_takes_back_what_is_no_longer_declared_and_nothing_else() {
    let house = House::new();
    house.install(&pack(&[]).unwrap()).unwrap();
    let extra = [
        (
            "pack.toml",
            "name = 'shop_extra'\nversion = '0.1.0'\nrequires = ['shop']\n",
        ),
        (
            "roles.toml",
            "[[role]]\nname = 'keeper'\ngrant = [{ object = 'box', actions = ['view'], scope = 'own' }]\n",
        ),
        ("box/object.toml", "name = 'box'\nowned = true\n"),
    ];
    house.install(&Pack::from_files(extra).unwrap()).unwrap();
    let roles = ROLE.replace("['view', 'edit'], scope = 'own'", "['view'], scope = 'own'");
    let thing = format!("{THING}total = [{{ name = 'states', group = 'state' }}]\n");
    let thing = thing.replace(
        "by = ['name'] }",
        "by = ['name'] }, { name = 'new', by = ['id'] }",
    );
    let thing = format!("columns = ['state']\n{thing}");
    house.create("thing", serde_json::json!({"name": "A", "state": "used"}));
    house.create("thing", serde_json::json!({"name": "B"}));
    let newer = pack(&[
        ("pack.toml", "name = 'shop'\nversion = '1.10.0'\n"),
        ("roles.toml", &roles),
        ("thing/object.toml", &thing),
        ("thing/rules.toml", ""),
        ("thing/rules/tidy.rhai", ""),
    ]);
    let upgraded = house.install(&newer.unwrap()).unwrap();
    assert_eq!(upgraded.before, Some("1.2.0".parse().unwrap()));
    assert_eq!(
        house.grants(),
        [
            "keeper * export department",
            "keeper box view own",
            "keeper thing view all state",
            "keeper thing view own",
        ]
    );
    assert_eq!(
        installed_versions(&house),
        ["shop 1.10.0", "shop_extra 0.1.0"]
    );
    assert!(
        rule_sources(&house.store.snapshot().unwrap())
            .unwrap()
            .is_empty()
    );
    house.assert_sound();

    let before = house.everything();
    let error = house.install(&pack(&[]).unwrap()).unwrap_err();
    faulty(
        &error,
        "pack.toml",
        2,
        11,
        "version 1.10.0 is installed, which is newer",
    );
    assert!(house.everything() == before);
}

#[test]
fn files_that_cannot_be_read_are_named_with_their_place() {
    let wrong = |changes: &[(&str, &str)]| pack(changes).unwrap_err();
    let error = wrong(&[("pack.toml", "")]);
    assert_eq!(
        (error.code(), &error.details()["file"]),
        (Code::Pack, &"pack.toml".into())
    );
    let error = wrong(&[("pack.toml", "name = 'shop'\nversion = 'two'\n")]);
    faulty(&error, "pack.toml", 2, 11, "`two` is not a version");
    let error = wrong(&[("pack.toml", "version = '1.0.0'\nname = 'Shop'\n")]);
    faulty(&error, "pack.toml", 2, 8, "`Shop` cannot name a pack");
    let error = wrong(&[(
        "thing/object.toml",
        "name = 'thing'\nfield = [\n  { name = 'a' \n",
    )]);
    faulty(&error, "thing/object.toml", 3, 15, "unclosed inline table");
    let error = wrong(&[("thing/object.toml", "name = 'thing'\ncolour = 'red'\n")]);
    faulty(&error, "thing/object.toml", 2, 1, "`colour`");
    let error = wrong(&[("thing/object.toml", "owned = true\nname = 'other'\n")]);
    faulty(&error, "thing/object.toml", 2, 8, "in the folder `thing`");
    let error = wrong(&[(
        "roles.toml",
        "[[role]]\nname = 'r'\ngrant = [{ object = '*', actions = ['viev'], scope = 'all' }]\n",
    )]);
    faulty(&error, "roles.toml", 3, 37, "`viev`");
    let error = wrong(&[("thing/rule.toml", RULES)]);
    faulty(&error, "thing/rule.toml", 1, 1, "no place in a pack");
    let error = wrong(&[("thing/rules/other.rhai", "1")]);
    faulty(&error, "thing/rules/other.rhai", 1, 1, "no rule");
    let error = wrong(&[("thing/rules/tidy.rhai", "")]);
    faulty(
        &error,
        "thing/rules.toml",
        3,
        8,
        "no script `thing/rules/tidy.rhai`",
    );
    let twice = format!("{RULES}{RULES}");
    let error = wrong(&[("thing/rules.toml", &twice)]);
    faulty(
        &error,
        "thing/rules.toml",
        2,
        8,
        "two rules are called `tidy`",
    );
    let error = wrong(&[(
        "notes.md",
        &"x".repeat(crate::limits::PACK_FILE_BYTES_MAX + 1),
    )]);
    assert_eq!(error.code(), Code::LimitExceeded);
}

#[test]
fn declarations_that_make_no_sense_are_named_with_their_place() {
    let house = House::new();
    house.install(&pack(&[]).unwrap()).unwrap();
    let object = |text: &str| {
        pack(&[
            ("pack.toml", "name = 'shop'\nversion = '2.0.0'\n"),
            ("thing/object.toml", text),
        ])
        .unwrap()
    };
    let before = house.everything();
    let wrong = |pack: &Pack, file: &str, line: u64, column: u64, words: &str| {
        let error = house.install(pack).unwrap_err();
        faulty(&error, file, line, column, words);
        let snapshot = house.store.snapshot().unwrap();
        assert_eq!(check(&snapshot, &house.schema(), pack)[0], error);
        assert!(
            house.everything() == before,
            "a refused pack changed the store"
        );
    };
    let thing = "thing/object.toml";
    let retyped = THING.replace(
        "{ name = 'name', type = 'text' }",
        "{ name = 'name', type = 'digits' }",
    );
    wrong(&object(&retyped), thing, 4, 14, "its type never changes");
    let unknown = THING.replace("by = ['name']", "by = ['nome desc']");
    wrong(&object(&unknown), thing, 7, 35, "no field `nome`");
    let target = format!("{THING}\n[[field2]]\n")
        .replace("\n[[field2]]\n", "")
        .replace(
            "field = [",
            "field = [\n    { name = 'home', type = 'reference', target = 'shelf' },",
        );
    wrong(&object(&target), thing, 4, 51, "unknown object `shelf`");
    let extends = pack(&[
        ("pack.toml", "name = 'shop'\nversion = '2.0.0'\n"),
        ("shelf/object.toml", "name = 'shelf'\nextends = true\n"),
    ]);
    wrong(
        &extends.unwrap(),
        "shelf/object.toml",
        1,
        8,
        "unknown object `shelf`",
    );
    let roles = ROLE.replace("'state'", "'stage'");
    let roles = pack(&[
        ("pack.toml", "name = 'shop'\nversion = '2.0.0'\n"),
        ("roles.toml", &roles),
    ]);
    wrong(&roles.unwrap(), "roles.toml", 6, 77, "no field `stage`");
    let requires = "name = 'shop'\nversion = '2.0.0'\nrequires = ['base']\n";
    wrong(
        &pack(&[("pack.toml", requires)]).unwrap(),
        "pack.toml",
        3,
        13,
        "`base` is required",
    );
}

#[test]
fn a_check_tells_everything_that_is_wrong() {
    let house = House::new();
    let pack = pack(&[
        (
            "pack.toml",
            "name = 'shop'\nversion = '1.0.0'\nrequires = ['a', 'b']\n",
        ),
        (
            "thing/object.toml",
            &THING.replace("'by_name', by = ['name']", "'by_name', by = ['nome']"),
        ),
        (
            "box/object.toml",
            "name = 'box'\nfield = [{ name = 'r', type = 'reference' }]\n",
        ),
        ("roles.toml", &ROLE.replace("'*'", "'gone'")),
    ])
    .unwrap();
    let snapshot = house.store.snapshot().unwrap();
    let faults = check(&snapshot, &house.schema(), &pack);
    let files: Vec<&str> = faults
        .iter()
        .map(|f| f.details()["file"].as_str().unwrap())
        .collect();
    // Rules and grants that name fields of the broken thing are not at fault themselves.
    assert_eq!(
        files,
        [
            "pack.toml",
            "pack.toml",
            "box/object.toml",
            "thing/object.toml",
            "roles.toml",
        ]
    );
    assert!(house.schema().object("thing").is_err());
}

#[test]
fn a_check_reads_every_file() {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("thing/rules")).unwrap();
    let write = |path: &str, bytes: &[u8]| fs::write(folder.path().join(path), bytes).unwrap();
    write("pack.toml", b"name = 'shop'\nversion = '1'\n");
    write("roles.toml", b"[[role]]\nnam = 'x'\n");
    write("thing/rules.toml", b"[[rule]]\n");
    let check = || {
        let snapshot = house.store.snapshot().unwrap();
        check_folder(&snapshot, &house.schema(), folder.path())
    };
    let [manifest, roles, rules] = &check()[..] else {
        panic!("{:?}", check());
    };
    faulty(manifest, "pack.toml", 2, 11, "`1` is not a version");
    faulty(roles, "roles.toml", 2, 1, "unknown field `nam`");
    faulty(rules, "thing/rules.toml", 1, 1, "missing field `name`");

    write("thing/rules/tidy.rhai", b"// a\n// b\xe9\n");
    faulty(&check()[0], "thing/rules/tidy.rhai", 2, 5, "not UTF-8");
}

#[test]
fn what_is_wrong_with_a_rule_is_told_where_it_is_declared() {
    let house = House::new();
    let before = house.everything();
    for (from, to, column, words) in [
        ("['name']", "['nome']", 10, "watches `nome`"),
        (
            "watch = ['name']",
            "on = ['delete']",
            8,
            "nothing to set on deletion",
        ),
    ] {
        let rules = RULES.replace(from, to);
        let pack = pack(&[("thing/rules.toml", &rules)]).unwrap();
        let line = if column == 8 { 2 } else { 5 };
        let error = house.install(&pack).unwrap_err();
        faulty(&error, "thing/rules.toml", line, column, words);
    }
    assert!(house.everything() == before);
}

/// The second of two equal names used to add to the first without a word.
#[test]
fn a_name_is_given_once() {
    let field = THING.replace("'state'", "'name'");
    let choice = THING.replace("'used'", "'fresh'");
    let list = THING.replace(
        "['name'] }",
        "['name'] }, { name = 'by_name', by = ['id'] }",
    );
    let total = "{ name = 't', group = 'state' }";
    let total = format!("{THING}total = [{total}, {total}]\n");
    for (text, line, column, words) in [
        (field, 4, 14, "two fields are called `name`"),
        (choice, 5, 59, "two choices are called `fresh`"),
        (list, 7, 18, "two lists are called `by_name`"),
        (total, 8, 19, "two totals are called `t`"),
    ] {
        let error = pack(&[("thing/object.toml", &text)]).unwrap_err();
        faulty(&error, "thing/object.toml", line, column, words);
    }
    let roles = format!("{ROLE}[[role]]\nname = 'keeper'\n");
    let error = pack(&[("roles.toml", &roles)]).unwrap_err();
    faulty(&error, "roles.toml", 2, 8, "two roles are called `keeper`");
    let rules = format!("{RULES}{RULES}");
    let error = pack(&[("thing/rules.toml", &rules)]).unwrap_err();
    faulty(
        &error,
        "thing/rules.toml",
        2,
        8,
        "two rules are called `tidy`",
    );
}

/// What a total is made of is told where it stands in the total, not where the field does.
#[test]
fn what_is_wrong_with_a_total_is_told_where_it_stands() {
    let house = House::new();
    let before = house.everything();
    for (group, sum, column, words) in [
        ("'nome'", "", 37, "`thing` has no field `nome`"),
        ("['state', 'nome']", "", 47, "`thing` has no field `nome`"),
        (
            "'month(state)'",
            "",
            37,
            "only days of type `date` have periods, not `choice`",
        ),
        (
            "['week(name)']",
            "",
            38,
            "`week(name)` is neither a field nor",
        ),
        (
            "['month(name']",
            "",
            38,
            "`month(name` is neither a field nor",
        ),
        ("['name', 'name']", "", 38, "a total groups by a field once"),
        ("'id'", "", 37, "a total cannot group by `id`"),
        ("'owner'", "", 37, "a total cannot group by `owner`"),
        (
            "[]",
            ", sum = ['state']",
            48,
            "a total sums integers, decimals and money",
        ),
        ("[]", ", sum = ['nome']", 48, "`thing` has no field `nome`"),
        ("3", "", 37, "a name or an array of names"),
        ("[1]", "", 38, "expected a string"),
        (
            "['a', 'b', 'c', 'd', 'e']",
            "",
            19,
            "at most 4 parts that a total groups by",
        ),
    ] {
        let thing = format!("{THING}total = [{{ name = 'states', group = {group}{sum} }}]\n");
        let pack = pack(&[("thing/object.toml", &thing)]);
        let error = pack.and_then(|pack| house.install(&pack)).unwrap_err();
        faulty(&error, "thing/object.toml", 8, column, words);
    }
    assert!(house.everything() == before);
}

/// An extension that added a choice used to make a required field optional, and `unique` on a
/// field that exists was passed over.
#[test]
fn an_extension_adds_and_takes_nothing_away() {
    let house = House::new();
    let thing = THING.replace("type = 'choice'", "type = 'choice', required = true");
    let first = pack(&[("thing/object.toml", &thing)]).unwrap();
    house.install(&first).unwrap();
    let extension = |field: &str| {
        let object = format!("name = 'thing'\nextends = true\nfield = [{{ {field} }}]\n");
        let manifest = "name = 'more'\nversion = '1.0.0'\n";
        Pack::from_files([("pack.toml", manifest), ("thing/object.toml", &object)]).unwrap()
    };
    let before = house.everything();
    for part in ["unique = true", "computed = true", "follows_owner = true"] {
        let pack = extension(&format!("name = 'name', type = 'text', {part}"));
        let error = house.install(&pack).unwrap_err();
        faulty(&error, "thing/object.toml", 3, 19, "never changes");
        assert_eq!(error.details()["cause"], "schema_fixed");
    }
    let owned = THING.replace("owned = true", "owned = false");
    let newer = ("pack.toml", "name = 'shop'\nversion = '2.0.0'\n");
    let error = house.install(&pack(&[newer, ("thing/object.toml", &owned)]).unwrap());
    faulty(
        &error.unwrap_err(),
        "thing/object.toml",
        1,
        8,
        "`owned` never changes",
    );
    assert!(house.everything() == before);

    let choice = "name = 'state', type = 'choice', choice = [{ name = 'sold' }]";
    house.install(&extension(choice)).unwrap();
    let schema = house.schema();
    let state = schema.object("thing").unwrap().field("state").unwrap();
    assert!(state.required);
    assert_eq!(state.choices.len(), 3);
}

#[test]
fn a_folder_is_read_as_the_list_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (path, text) in pack(&[]).unwrap().files {
        put(&path, &text);
    }
    put(".hidden", "x");
    assert_eq!(
        Pack::from_folder(folder.path()).unwrap(),
        pack(&[]).unwrap()
    );
    fs::write(folder.path().join("README.md"), [0xFF]).unwrap();
    let error = Pack::from_folder(folder.path()).unwrap_err();
    assert_eq!(
        (error.code(), &error.details()["file"]),
        (Code::Pack, &"README.md".into())
    );
    put("a/b/c/d.md", "x");
    fs::remove_file(folder.path().join("README.md")).unwrap();
    let error = Pack::from_folder(folder.path()).unwrap_err();
    assert_eq!(&error.details()["file"], "a/b/c");
    let error = Pack::from_folder(&folder.path().join("nowhere")).unwrap_err();
    assert_eq!(error.code(), Code::Io);
}

#[test]
fn versions_compare_as_numbers() {
    let version = |text: &str| text.parse::<PackVersion>();
    assert!(version("1.10.0").unwrap() > version("1.9.3").unwrap());
    for wrong in [
        "", "1", "1.0", "1.0.0.0", "1.0.x", "1..0", "-1.0.0", "+1.0.0",
    ] {
        assert!(version(wrong).is_err(), "{wrong}");
    }
}

/// The packs that come with the engine apply to a new store, the second over the first.
#[test]
fn the_packs_of_this_repository_install() {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR"));
    let house = House::new();
    let standard = Pack::standard().unwrap();
    assert_eq!(
        standard,
        Pack::from_folder(&engine.join("packs/standard")).unwrap()
    );
    let rules = Pack::from_folder(&engine.join("../plugins/sales_rules")).unwrap();
    assert!(house.install(&rules).is_err());
    house.install(&standard).unwrap();
    let snapshot = house.store.snapshot().unwrap();
    assert_eq!(check(&snapshot, &house.schema(), &rules), []);
    house.install(&rules).unwrap();
    assert_eq!(
        installed_versions(&house),
        ["standard 1.0.0", "sales_rules 1.0.0"]
    );
    assert_eq!(
        rule_sources(&house.store.snapshot().unwrap())
            .unwrap()
            .len(),
        3
    );
    house.assert_sound();
}
