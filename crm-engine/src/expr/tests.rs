//! Conditions against single records: syntax, positions, types, masks and three-valued logic.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::*;
use crate::error::Code;
use crate::ids::{RecordId, UserId, Version};
use crate::policy::{
    Action, Actor, Condition as Unless, Departments, Effect, Fields as Spoken, Organisation, Rule,
    Scope as GrantScope, UserFacts,
};
use crate::schema::{ObjectDeclaration, keys};
use crate::store::Store;
use crate::value::{Fields, Head, Record, Value, encode};

const OBJECTS: &str = r#"
[[object]]
name = "thing"
owned = true
field = [{ name = "name", type = "text" }, { name = "secret", type = "text" }]

[[object]]
name = "item"
owned = true
field = [
    { name = "title", type = "text" },
    { name = "state", type = "choice", choice = [{ name = "open" }, { name = "done" }] },
    { name = "kind", type = "choice", choice = [{ name = "open" }] },
    { name = "price", type = "money" },
    { name = "number", type = "integer" },
    { name = "size", type = "decimal" },
    { name = "day", type = "date" },
    { name = "at", type = "date_time" },
    { name = "ready", type = "checkbox" },
    { name = "words", type = "tags" },
    { name = "mail", type = "email" },
    { name = "thing", type = "reference", target = "thing" },
    { name = "secret", type = "text" },
]
"#;

/// One item with every field filled, of user 5, that refers to thing 7 of user 6.
struct World {
    schema: Schema,
    store: Store,
    organisation: Organisation,
    item: Record,
}

impl World {
    fn new() -> World {
        #[derive(serde::Deserialize)]
        struct Pack {
            object: Vec<ObjectDeclaration>,
        }
        let pack: Pack = toml::from_str(OBJECTS).unwrap();
        let schema = Schema::kernel().apply(&pack.object).unwrap();
        let store = Store::memory();
        let thing = record(&schema, "thing", 6, &[("name", "Ёлка"), ("secret", "s")]);
        let key = keys::record(schema.object("thing").unwrap().id, id(7));
        let mut bytes = Vec::new();
        encode(&thing, &mut bytes).unwrap();
        store.write(|txn| txn.put(&key, &bytes)).unwrap();
        let fields = [
            ("title", "Anna"),
            ("state", "open"),
            ("price", "100 EUR"),
            ("number", "7"),
            ("size", "1.50"),
            ("day", "2017-03-01"),
            ("at", "2017-03-01T09:00:00Z"),
            ("ready", "true"),
            ("words", "big, red"),
            ("mail", "a@example.com"),
            ("thing", "7"),
            ("secret", "s"),
        ];
        let item = record(&schema, "item", 5, &fields);
        let user = UserFacts {
            roles: vec!["r".into()],
            ..UserFacts::default()
        };
        let hidden = |name: &str| vec![schema.object(name).unwrap().field("secret").unwrap().id];
        let grant = |name: &str, scope| Rule {
            id: id(1),
            role: "r".into(),
            effect: Effect::Grant,
            departments: Departments::Any,
            condition: Unless::None,
            fields: Spoken::All,
            source: None,
            object: schema.object(name).unwrap().id,
            actions: [Action::View].into_iter().collect(),
            scope,
            hidden: hidden(name),
        };
        let grants = vec![
            grant("item", GrantScope::All),
            grant("thing", GrantScope::Own),
        ];
        let users = BTreeMap::from([(UserId(id(5)), user.clone()), (UserId(id(6)), user)]);
        let organisation =
            Organisation::new(users, BTreeMap::new(), BTreeMap::new(), Vec::new(), grants);
        World {
            schema,
            store,
            organisation,
            item,
        }
    }

    fn compile(&self, actor: Actor, text: &str) -> Result<Condition> {
        let plans = |object: &Object| {
            Arc::new(Plan::compile(
                &self.organisation,
                actor,
                object,
                Action::View,
            ))
        };
        Condition::compile(
            &self.schema,
            self.schema.object("item").unwrap(),
            &plans,
            text,
        )
    }

    fn ask(&self, actor: Actor, text: &str, params: &Params) -> Result<Option<bool>> {
        let condition = self.compile(actor, text)?;
        let bound = condition.bind(params)?;
        let snapshot = self.store.snapshot()?;
        condition.evaluate(&(id(17), &self.item), &snapshot, &bound)
    }
}

fn id(n: u64) -> RecordId {
    RecordId::new(n).unwrap()
}

fn user(n: u64) -> Actor {
    Actor::User(UserId(id(n)))
}

fn record(schema: &Schema, object: &str, owner: u64, fields: &[(&str, &str)]) -> Record {
    let object = schema.object(object).unwrap();
    let at = "2026-03-01T12:00:00Z".parse().unwrap();
    let value = |name: &str, text: &str| {
        let field = object.field(name).unwrap();
        (field.id, field.parse(text).unwrap())
    };
    Record {
        head: Head {
            version: Version(1),
            owner: Some(UserId(id(owner))),
            participants: Default::default(),
            created_at: at,
            created_by: None,
            updated_at: at,
            updated_by: None,
        },
        fields: fields
            .iter()
            .map(|(name, text)| value(name, text))
            .collect::<Fields>(),
    }
}

#[track_caller]
fn check(text: &str, expected: Option<bool>) {
    let answer = World::new().ask(Actor::System, text, &Params::new());
    assert_eq!(answer, Ok(expected), "{text}");
}

#[track_caller]
fn check_error(text: &str, code: Code, line: u64, column: u64) {
    let error = World::new().compile(user(5), text).unwrap_err();
    let place = ["line", "column"].map(|part| error.details().get(part).and_then(|n| n.as_u64()));
    assert_eq!(
        (error.code(), place),
        (code, [Some(line), Some(column)]),
        "{text}: {error}"
    );
}

#[test]
fn comparisons_fit_literals_to_fields() {
    for (text, expected) in [
        (
            "title = 'Anna' and title <> 'anna' AND Title < 'Anna b'",
            true,
        ),
        ("state = 'open'", true),
        ("state IN ('done') or state not in ('open')", false),
        ("day = '2017-03-01' AND day < DATE '2017-03-02'", true),
        (
            "at > '2017-03-01' AND at < DATE '2017-03-02' AND at > day",
            true,
        ),
        ("at = TIMESTAMP '2017-03-01T09:00Z'", true),
        ("number BETWEEN 7 AND 7.5", true),
        ("number NOT BETWEEN 8 AND 9 AND number > -8", true),
        ("size = 1.5 AND size = 1.500", true),
        ("number > size", true),
        (
            "price > 99.5 AND price = '100 EUR' AND price <> '100 USD'",
            true,
        ),
        ("mail > 'a' AND mail LIKE '%@EXAMPLE.com'", true),
        ("title LIKE 'an_A' AND title NOT LIKE 'an'", true),
        (
            "words LIKE 'RED' AND words = 'red,big' AND words NOT LIKE 'e%'",
            true,
        ),
        ("ready AND ready = TRUE AND NOT (ready = FALSE)", true),
        (
            "id = 17 AND owner = 5 AND version = 1 AND created_at < '2027-01-01'",
            true,
        ),
        ("thing = 7 AND thing.name LIKE 'елка'", true),
        ("kind IS NULL AND title IS NOT NULL AND NULL IS NULL", true),
        (
            "number * 2 + 1 = 15 AND -number = -7 AND number / 2 = 3.5 AND 2 - 1 = 1",
            true,
        ),
        ("currency(price) = 'EUR'", true),
        ("price * 2 = '200 EUR' AND 2 * price / 4 = '50 EUR'", true),
        ("price + '1 EUR' = '101 EUR' AND -price < 0", true),
        ("price / price = 1 AND (price - price) * 3 = '0 EUR'", true),
        ("currency(price * number) = 'EUR'", true),
        ("coalesce(kind, kind) IS NULL", true),
        ("coalesce(NULL, secret, title) = 's'", true),
        ("coalesce(number / 0, size, 1) * 2 = 3", true),
        ("\"title\" = 'Anna';", true),
    ] {
        check(text, Some(expected));
    }
}

#[test]
fn logic_has_three_values() {
    for (text, expected) in [
        ("NULL", None),
        ("kind = 'open'", None),
        ("NOT kind = 'open'", None),
        ("kind = 'open' AND FALSE", Some(false)),
        ("kind = 'open' AND TRUE", None),
        ("kind = 'open' OR TRUE", Some(true)),
        ("FALSE OR kind = 'open'", None),
        ("number IN (1, NULL)", None),
        ("number IN (7, NULL)", Some(true)),
        ("number NOT IN (1, NULL)", None),
        ("kind IN ('open')", None),
        ("title = NULL", None),
        ("number BETWEEN NULL AND 6", Some(false)),
        ("kind IS NOT NULL", Some(false)),
    ] {
        check(text, expected);
    }
}

/// What has no answer is unknown, never an error that would stop a list.
#[test]
fn records_never_make_a_condition_fail() {
    check("number / 0 = 1", None);
    check("number * 79228162514264337593543950335 > 1", None);
    check("price < '200 USD'", None);
    check("price = '100 USD'", Some(false));
    check("price + '1 USD' IS NULL", Some(true));
    check("price / (price - price) = 1", None);
}

#[test]
fn texts_that_differ_only_beyond_the_order_are_unequal() {
    let (a, b) = ("a".repeat(250), "a".repeat(251));
    check(&format!("'{a}' = '{b}'"), Some(false));
    check(&format!("'{a}' < '{b}'"), None);
}

#[test]
fn errors_name_their_place() {
    for (text, code, line, column) in [
        ("title = ", Code::Syntax, 1, 9),
        ("title = 'a", Code::Syntax, 1, 9),
        ("title =\n  nope", Code::UnknownField, 2, 3),
        ("number > 'x'", Code::InvalidValue, 1, 10),
        ("state = 'nope'", Code::InvalidValue, 1, 9),
        ("title > 5", Code::WrongType, 1, 9),
        ("title = number", Code::WrongType, 1, 9),
        ("state = kind", Code::WrongType, 1, 9),
        ("title + 1 = 2", Code::WrongType, 1, 1),
        ("number LIKE '7'", Code::WrongType, 1, 1),
        ("title.name = 'a'", Code::WrongType, 1, 1),
        ("thing.nope = 'a'", Code::UnknownField, 1, 7),
        ("title", Code::Syntax, 1, 1),
        ("(title = 'a') = TRUE", Code::Syntax, 1, 2),
        ("? = ?", Code::WrongType, 1, 5),
        ("EXISTS (SELECT 1)", Code::Syntax, 1, 9),
        ("title = upper('a')", Code::Syntax, 1, 9),
        ("CASE WHEN nope THEN TRUE END", Code::UnknownField, 1, 11),
        ("CASE WHEN ready THEN NULL END = 1", Code::WrongType, 1, 22),
        (
            "CASE WHEN ready THEN 1 ELSE title END = 1",
            Code::WrongType,
            1,
            22,
        ),
        ("CASE title WHEN 1 THEN 1 END = 1", Code::WrongType, 1, 17),
        ("title = 'a' nope", Code::Syntax, 1, 13),
        ("number = 1e5", Code::InvalidValue, 1, 10),
        ("title ILIKE 'a'", Code::Syntax, 1, 1),
        ("title LIKE 'a' ESCAPE 'b'", Code::Syntax, 1, 1),
        ("number::text = '7'", Code::Syntax, 1, 1),
        ("number = $1", Code::Syntax, 1, 10),
        ("price + 1 = 2", Code::WrongType, 1, 1),
        ("price * price = 2", Code::WrongType, 1, 1),
        ("1 / price = 2", Code::WrongType, 1, 1),
        ("coalesce(price, 0) > 1", Code::WrongType, 1, 17),
        ("coalesce(price) > 1", Code::Syntax, 1, 1),
        ("coalesce(kind, state) = 'open'", Code::WrongType, 1, 16),
        ("coalesce(1, 2) > 1", Code::WrongType, 1, 10),
        ("id IN (SELECT nope FROM thing)", Code::UnknownField, 1, 15),
        ("id IN (SELECT id FROM nope)", Code::UnknownObject, 1, 23),
        ("thing IN (SELECT id FROM item)", Code::WrongType, 1, 18),
        ("number IN (SELECT id FROM item)", Code::WrongType, 1, 19),
        ("title IN (SELECT id FROM item)", Code::WrongType, 1, 18),
        ("title IN (SELECT mail FROM item)", Code::WrongType, 1, 18),
        ("state IN (SELECT kind FROM item)", Code::WrongType, 1, 18),
        (
            "title IN (SELECT name FROM thing WHERE title = 'a')",
            Code::UnknownField,
            1,
            40,
        ),
        (
            "thing IN (SELECT id FROM thing LIMIT 1)",
            Code::Syntax,
            1,
            1,
        ),
        (
            "thing IN (SELECT DISTINCT id FROM thing)",
            Code::Syntax,
            1,
            1,
        ),
        ("thing IN (SELECT id, id FROM thing)", Code::Syntax, 1, 1),
        ("thing IN (SELECT * FROM thing)", Code::Syntax, 1, 1),
        ("thing IN (SELECT id AS x FROM thing)", Code::Syntax, 1, 1),
        ("thing IN (SELECT id FROM thing t)", Code::Syntax, 1, 1),
        ("thing IN (SELECT id FROM thing, item)", Code::Syntax, 1, 1),
        (
            "thing IN (SELECT id FROM thing GROUP BY id)",
            Code::Syntax,
            1,
            1,
        ),
        (
            "thing IN (SELECT id FROM thing UNION SELECT id FROM thing)",
            Code::Syntax,
            1,
            1,
        ),
        (
            "thing IN (WITH x AS (SELECT 1) SELECT id FROM thing)",
            Code::Syntax,
            1,
            1,
        ),
        (
            "owner.supervisor.supervisor.supervisor.supervisor.login = 'a'",
            Code::LimitExceeded,
            1,
            40,
        ),
    ] {
        check_error(text, code, line, column);
    }
}

#[test]
fn unknown_choices_are_told_the_known_ones() {
    let error = World::new().compile(user(5), "state = 'nope'").unwrap_err();
    assert!(error.message().contains("open, done"), "{error}");
}

#[test]
fn hidden_fields_answer_as_unknown_ones() {
    let world = World::new();
    for path in ["", "thing."] {
        let hidden = world
            .compile(user(5), &format!("{path}secret = 's'"))
            .unwrap_err();
        let unknown = world
            .compile(user(5), &format!("{path}nosuch = 's'"))
            .unwrap_err();
        let as_hidden = unknown.to_json().to_string().replace("nosuch", "secret");
        assert_eq!(hidden.to_json().to_string(), as_hidden);
        assert!(
            world
                .compile(Actor::System, &format!("{path}secret = 's'"))
                .is_ok()
        );
    }
}

/// The thing belongs to user 6; user 5 sees his own things only.
#[test]
fn invisible_records_answer_as_absent_ones() {
    let world = World::new();
    for (actor, expected) in [(user(5), true), (user(6), false), (Actor::System, false)] {
        let answer = world.ask(actor, "thing.name IS NULL", &Params::new());
        assert_eq!(answer, Ok(Some(expected)), "{actor:?}");
    }
    // A link to what may not be seen is no value: nobody learns a number from it.
    for (actor, expected) in [(user(5), None), (user(6), Some(true))] {
        let answer = world.ask(actor, "thing = 7", &Params::new());
        assert_eq!(answer, Ok(expected), "{actor:?}");
        let answer = world.ask(actor, "thing IS NULL", &Params::new());
        assert_eq!(answer, Ok(Some(expected.is_none())), "{actor:?}");
    }
}

#[test]
fn parameters_fit_each_place_they_stand_in() {
    let world = World::new();
    let ask = |text: &str, params: Params| world.ask(Actor::System, text, &params);
    assert_eq!(
        ask(
            "state = ? AND number = ?",
            Params::new().with("open").with(7)
        ),
        Ok(Some(true))
    );
    let day = Params::new().named("d", "2017-03-01");
    assert_eq!(
        ask("day = :d AND at > :d AND title <> :d", day),
        Ok(Some(true))
    );
    assert_eq!(
        ask("title LIKE ?", Params::new().with("AN%")),
        Ok(Some(true))
    );
    assert_eq!(ask("title = ?", Params::new().with(Value::Null)), Ok(None));
    for (text, params, code) in [
        ("state = ?", Params::new(), Code::InvalidArguments),
        (
            "state = ?",
            Params::new().with("open").with(1),
            Code::InvalidArguments,
        ),
        (
            "state = ?",
            Params::new().named("x", 1),
            Code::InvalidArguments,
        ),
        ("state = ?", Params::new().with("nope"), Code::InvalidValue),
        ("state = :s", Params::new().named("s", 5), Code::WrongType),
        ("title LIKE ?", Params::new().with(5), Code::WrongType),
    ] {
        assert_eq!(ask(text, params).unwrap_err().code(), code, "{text}");
    }
}

/// Whatever is nested or chained, an answer comes soon and the stack holds.
#[test]
fn depth_is_bounded_before_the_stack_is() {
    let nested =
        |open: &str, close: &str, n: usize| format!("{}1{} = 1", open.repeat(n), close.repeat(n));
    let mut texts = vec![
        format!("number = 1{}", " OR number = 1".repeat(4_000)),
        format!("number = {}", ["1"; 20_000].join("+")),
        format!("number = 1{}", "::int".repeat(900)),
        format!("{}ready", "NOT ".repeat(1_000)),
        format!("ready {}", "IS NULL ".repeat(900)),
        format!("number = {}1", "- ".repeat(900)),
        format!("a{}", ".a".repeat(900)),
    ];
    for n in [8, 24, 45, 400] {
        for (open, close) in [
            ("(", ")"),
            ("f(", ")"),
            ("CASE WHEN ", " END"),
            ("[", "]"),
            ("{", "}"),
        ] {
            texts.push(nested(open, close, n));
        }
    }
    let world = World::new();
    for text in texts {
        let start = Instant::now();
        let result = world.compile(Actor::System, &text).map(drop);
        assert!(result.is_err() || text.starts_with("(((((((("), "{text}");
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{} {:.40}",
            text.len(),
            text
        );
    }
    let wide = format!("number = 1{}", " OR number = 1".repeat(300));
    assert!(world.compile(Actor::System, &wide).is_ok());
    let list = format!("number IN ({})", ["1"; 20_000].join(","));
    assert!(world.compile(Actor::System, &list).is_ok());
}

/// `thing` 7 of user 6 is named Ёлка and is the only one there is.
#[test]
fn sub_selects_have_the_nulls_of_sql() {
    for (text, expected) in [
        ("thing IN (SELECT id FROM thing)", Some(true)),
        ("thing NOT IN (SELECT id FROM thing)", Some(false)),
        (
            "thing IN (SELECT id FROM thing WHERE name = 'x')",
            Some(false),
        ),
        (
            "thing NOT IN (SELECT id FROM thing WHERE name = 'x')",
            Some(true),
        ),
        ("title IN (SELECT name FROM thing)", Some(false)),
        ("'Ёлка' IN (SELECT name FROM thing)", Some(true)),
        ("title NOT IN (SELECT name FROM thing)", Some(true)),
        // No value is a member of nothing, and nothing is a member of no value.
        ("NULL IN (SELECT name FROM thing)", None),
        ("NULL NOT IN (SELECT name FROM thing)", None),
        ("NULL IN (SELECT name FROM thing WHERE FALSE)", Some(false)),
        (
            "NULL NOT IN (SELECT name FROM thing WHERE FALSE)",
            Some(true),
        ),
        (
            "title IN (SELECT coalesce(NULL, name, name) FROM thing)",
            Some(false),
        ),
        // A sub-select in a sub-select.
        (
            "thing IN (SELECT id FROM thing WHERE id IN (SELECT id FROM thing WHERE name LIKE 'ё%'))",
            Some(true),
        ),
    ] {
        check(text, expected);
    }
}

#[test]
fn sub_selects_obey_the_plans_of_their_object() {
    let world = World::new();
    for (actor, expected) in [(user(5), false), (user(6), true), (Actor::System, true)] {
        let params = Params::new().named("name", "Ёлка");
        let text = "thing IN (SELECT id FROM thing WHERE name = :name)";
        assert_eq!(
            world.ask(actor, text, &params),
            Ok(Some(expected)),
            "{actor:?}"
        );
    }
    let hidden = "thing IN (SELECT id FROM thing WHERE secret = 's')";
    let error = world.compile(user(6), hidden).unwrap_err();
    let unknown = world.compile(user(6), &hidden.replace("secret", "nosuch"));
    let as_hidden = unknown
        .unwrap_err()
        .to_json()
        .to_string()
        .replace("nosuch", "secret");
    assert_eq!(error.to_json().to_string(), as_hidden);
}
