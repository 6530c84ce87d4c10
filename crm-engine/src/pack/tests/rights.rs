//! Roles with grants and bans: as records, upgraded, and what is told of those that are wrong.

use super::*;

const RIGHTS: &str = "\
[[role]]
name = 'guard'
everyone = true
newcomer = true
opens_per_hour = 100
grant = [{ object = 'thing', actions = ['view'], scope = 'foreign', departments = ['North'] }]
ban = [
    { object = 'thing', actions = ['edit'], scope = 'all', fields = ['state'], condition = \"name = 'x'\" },
    { object = '*', actions = ['bulk'], scope = 'all' },
]
";

/// What a grant record says, with where it was declared.
fn said(house: &House) -> Vec<String> {
    let fields = [
        "object",
        "actions",
        "scope",
        "ban",
        "fields",
        "condition",
        "departments",
        "source",
    ];
    let mut said: Vec<String> = house
        .texts("grant", &fields)
        .into_iter()
        .map(|(_, said)| said)
        .collect();
    said.sort();
    said
}

#[test]
fn bans_conditions_and_fields_become_records_that_tell_their_line() {
    let house = House::new();
    house
        .install(&pack(&[("roles.toml", RIGHTS)]).unwrap())
        .unwrap();
    let role = house.texts(
        "role",
        &[
            "name",
            "everyone",
            "newcomer",
            "opens_per_hour",
            "opens_over",
        ],
    );
    assert_eq!(role[0].1, "guard true true 100 alarm");
    assert_eq!(
        said(&house),
        [
            "* bulk all true    shop/roles.toml:9",
            "thing edit all true state name = 'x'  shop/roles.toml:8",
            "thing view foreign    North shop/roles.toml:6",
        ]
    );
    let before = house.texts("grant", &["object"]);

    // An upgrade renews lines; the records stay. What the role no longer says of itself is gone.
    let moved = RIGHTS.replace("newcomer = true\nopens_per_hour = 100\n", "# Later.\n\n\n");
    let newer = ("pack.toml", "name = 'shop'\nversion = '2.0.0'\n");
    house
        .install(&pack(&[newer, ("roles.toml", &moved)]).unwrap())
        .unwrap();
    let role = house.texts(
        "role",
        &[
            "name",
            "everyone",
            "newcomer",
            "opens_per_hour",
            "opens_over",
        ],
    );
    assert_eq!(role[0].1.trim_end(), "guard true");
    assert_eq!(
        said(&house),
        [
            "* bulk all true    shop/roles.toml:10",
            "thing edit all true state name = 'x'  shop/roles.toml:9",
            "thing view foreign    North shop/roles.toml:7",
        ]
    );
    assert_eq!(house.texts("grant", &["object"]), before);

    // A ban that becomes a grant is another rule.
    let turned = moved
        .replace("ban = [", "# ban\n")
        .replace("departments = ['North'] }]", "departments = ['North'] },");
    let newest = ("pack.toml", "name = 'shop'\nversion = '3.0.0'\n");
    house
        .install(&pack(&[newest, ("roles.toml", &turned)]).unwrap())
        .unwrap();
    assert_eq!(
        said(&house),
        [
            "* bulk all     shop/roles.toml:11",
            "thing edit all  state name = 'x'  shop/roles.toml:10",
            "thing view foreign    North shop/roles.toml:7",
        ]
    );
    house.assert_sound();
}

/// What an administrator wrote by himself is his, also where a pack says the same.
#[test]
fn an_upgrade_leaves_what_others_granted() {
    let house = House::new();
    house.install(&pack(&[]).unwrap()).unwrap();
    let keeper = house.texts("role", &["name"])[0].0.parse::<u64>().unwrap();
    house.create(
        "grant",
        serde_json::json!({"role": keeper, "object": "thing", "actions": ["edit", "view"], "scope": "own"}),
    );
    let newer = ("pack.toml", "name = 'shop'\nversion = '2.0.0'\n");
    let roles = ROLE.replace(
        "    { object = 'thing', actions = ['view', 'edit'], scope = 'own' },\n",
        "",
    );
    house
        .install(&pack(&[newer, ("roles.toml", &roles)]).unwrap())
        .unwrap();
    assert_eq!(
        house.grants(),
        [
            "keeper * export department",
            "keeper thing edit+view own",
            "keeper thing view all state",
        ]
    );
    house.assert_sound();
}

#[test]
fn what_is_wrong_with_a_right_is_told_where_it_stands() {
    let house = House::new();
    let wrong = |from: &str, to: &str, line, column, words: &str| {
        let text = RIGHTS.replace(from, to);
        assert_ne!(text, RIGHTS);
        let error = match pack(&[("roles.toml", &text)]) {
            Ok(pack) => house.install(&pack).unwrap_err(),
            Err(error) => error,
        };
        faulty(&error, "roles.toml", line, column, words);
        assert!(house.schema().object("thing").is_err());
    };
    wrong("'*'", "'gone'", 9, 16, "unknown object `gone`");
    wrong(
        "['state']",
        "['name', 'stat']",
        8,
        78,
        "`thing` has no field `stat`",
    );
    wrong(
        "'bulk'], scope = 'all'",
        "'bulk'], scope = 'all', fields = ['name']",
        9,
        66,
        "`*` has no field `name`",
    );
    wrong("['bulk']", "['bulck']", 9, 32, "unknown variant `bulck`");
    wrong("['bulk']", "[]", 9, 31, "names no action");
    wrong("'foreign'", "'distant'", 6, 58, "unknown variant `distant`");
    wrong(
        "'foreign'",
        "'own'",
        6,
        79,
        "narrow the scope `foreign` only",
    );
    wrong("['North']", "['']", 6, 84, "without a name");
    wrong("\"name = 'x'\"", "\"nome = 'x'\"", 8, 92, "condition: ");
    wrong(
        "\"name = 'x'\"",
        "\"owner = :me\"",
        8,
        92,
        "declared fields only",
    );
    wrong(
        "'all' },",
        "'all', condition = 'TRUE' },",
        9,
        68,
        "not of `*`",
    );
    wrong(
        "fields = ['state']",
        "hidden_fields = ['state']",
        8,
        76,
        "a ban hides no fields",
    );
    wrong(
        "['North'] }",
        "['North'], fields = ['name', 'state'], hidden_fields = ['state'] }",
        6,
        139,
        "`state` stands in",
    );
    wrong(
        "opens_per_hour = 100",
        "opens_per_hour = 0",
        2,
        8,
        "at least 1",
    );
    wrong(
        "opens_per_hour = 100",
        "opens_over = 'stop'",
        2,
        8,
        "needs `opens_per_hour`",
    );
    wrong(
        "opens_per_hour = 100",
        "opens_over = 'shout'",
        5,
        14,
        "unknown variant `shout`",
    );
    wrong(
        "newcomer = true",
        "newbie = true",
        4,
        1,
        "unknown field `newbie`",
    );
}

/// Every preset installs over the standard pack, beside the others, and says what it means.
#[test]
fn the_presets_install_one_beside_the_other() {
    let house = House::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("packs/presets");
    house.install(&Pack::standard().unwrap()).unwrap();
    for preset in Preset::ALL {
        assert_eq!(Preset::by_name(preset.name()), Some(preset));
        let pack = preset.pack().unwrap();
        assert_eq!(pack.name(), format!("preset_{}", preset.name()));
        assert_eq!(
            pack,
            Pack::from_folder(&folder.join(preset.name())).unwrap()
        );
        let snapshot = house.store.snapshot().unwrap();
        assert_eq!(check(&snapshot, &house.schema(), &pack), []);
        assert!(house.install(&pack).unwrap().changed);
    }
    house.assert_sound();
}
