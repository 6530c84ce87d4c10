//! Pages by cursor, sub-selects among the columns, and explanations.

use std::collections::BTreeSet;

use super::world::World;
use super::{ALL, world};
use crate::error::Code;
use crate::ids::RecordId;
use crate::policy::Actor;
use crate::query::Params;

const ORDERS: [&str; 8] = [
    "ORDER BY title",
    "ORDER BY title DESC",
    "ORDER BY day DESC, title",
    "ORDER BY day, title DESC",
    "ORDER BY number, title DESC",
    "ORDER BY id DESC",
    "ORDER BY size, id DESC",
    "ORDER BY state DESC, number",
];

/// The ids of a page and the cursor behind it.
fn page(
    world: &World,
    actor: Actor,
    sql: &str,
    after: Option<&str>,
) -> (Vec<String>, Option<String>) {
    let prepared = world.prepare(actor, sql).unwrap();
    let snapshot = world.store.snapshot().unwrap();
    let params = Params::new().at(World::calendar());
    let mut rows = prepared.run_for(&snapshot, &params, actor, after).unwrap();
    let mut ids = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        ids.push(row[0].to_string());
    }
    (ids, rows.cursor().unwrap())
}

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn create(world: &World, owner: crate::ids::UserId, numbers: &mut Numbers) -> RecordId {
    let title = ["", "a", "A", "ё", "b"][numbers.below(5) as usize];
    let number = numbers.below(4).to_string();
    let day = format!("2017-03-0{}", 1 + numbers.below(3));
    let state = ["", "a", "b"][numbers.below(3) as usize];
    world.create(
        "item",
        Some(owner),
        &[
            ("title", title),
            ("number", &number),
            ("day", &day),
            ("state", state),
        ],
    )
}

/// Whatever others write between two pages, what did not move is given once.
#[test]
fn pages_neither_repeat_nor_lose_what_did_not_move() {
    for order in ORDERS {
        let (world, [own, other]) = world();
        let item = world.schema.object("item").unwrap();
        let mut numbers = Numbers(7);
        for _ in 0..30 {
            create(&world, own, &mut numbers);
            create(&world, other, &mut numbers);
        }
        for (actor, condition) in [
            (ALL, ""),
            (Actor::User(own), ""),
            (ALL, "WHERE state = 'a'"),
            (Actor::User(own), "WHERE day >= '2017-03-02'"),
        ] {
            let sql = format!("SELECT id FROM item {condition} {order} LIMIT 7");
            let all = format!("SELECT id FROM item {condition} {order}");
            let (before, _) = page(&world, actor, &all, None);
            let (mut given, mut after): (Vec<String>, Option<String>) = Default::default();
            let mut moved = BTreeSet::new();
            loop {
                let (ids, cursor) = page(&world, actor, &sql, after.as_deref());
                assert!(ids.len() <= 7);
                given.extend(ids);
                let Some(cursor) = cursor else { break };
                after = Some(cursor);
                create(&world, own, &mut numbers);
                let at = numbers.below(before.len() as u64) as usize;
                let id: RecordId = RecordId::new(before[at].parse().unwrap()).unwrap();
                if moved.insert(before[at].clone()) {
                    let title = ["", "0", "zz"][numbers.below(3) as usize];
                    let input =
                        world.input("item", &[("title", title), ("number", "9"), ("size", "8")]);
                    world
                        .write(|door| door.update(item, id, input.clone(), None))
                        .unwrap();
                }
            }
            for id in before.iter().filter(|id| !moved.contains(*id)) {
                let times = given.iter().filter(|given| *given == id).count();
                assert_eq!(times, 1, "{sql}: {id}");
            }
        }
    }
}

#[test]
fn cursors_are_of_one_query() {
    let (world, [own, _]) = world();
    let sql = "SELECT id FROM item ORDER BY title LIMIT 1";
    let (_, cursor) = page(&world, ALL, sql, None);
    let cursor = cursor.unwrap();
    let run = |sql: &str, cursor: &str| {
        let prepared = world.prepare(ALL, sql).unwrap();
        let snapshot = world.store.snapshot().unwrap();
        let rows = prepared.run_for(&snapshot, &Params::new(), ALL, Some(cursor));
        rows.map(drop).map_err(|error| error.code())
    };
    assert_eq!(run(sql, &cursor), Ok(()));
    for (sql, cursor) in [
        (
            "SELECT id FROM item ORDER BY title LIMIT 2",
            cursor.as_str(),
        ),
        ("SELECT id FROM item ORDER BY title, id LIMIT 1", &cursor),
        (sql, ""),
        (sql, "xyz"),
        (sql, &cursor[..cursor.len() - 2]),
        (sql, &format!("{cursor}00")),
        (sql, &"ё".repeat(8)),
    ] {
        assert_eq!(
            run(sql, cursor),
            Err(Code::InvalidArguments),
            "{sql} {cursor}"
        );
    }
    // No order, no cursor; groups have none.
    for sql in [
        "SELECT id FROM item",
        "SELECT id FROM item WHERE id = 1",
        "SELECT state, count(*) FROM item GROUP BY state ORDER BY state",
    ] {
        assert_eq!(page(&world, Actor::User(own), sql, None).1, None, "{sql}");
    }
}

/// Two things and a hidden one, with items of two users.
fn family() -> (World, crate::ids::UserId) {
    let world = World::new();
    let (own, other) = (world.user("own", &["owner"]), world.user("other", &[]));
    world.grant("owner", "item", "own", "note");
    world.grant("owner", "thing", "all", "");
    let things: Vec<String> = ["Альфа", "Beta"]
        .iter()
        .map(|name| world.create("thing", None, &[("name", name)]).to_string())
        .collect();
    for (owner, title, state, amount, thing) in [
        (own, "Крыша", "a", "10 EUR", 0),
        (own, "Roof", "b", "20 EUR", 0),
        (other, "Tower", "a", "40 EUR", 0),
        (own, "Wall", "a", "5 EUR", 1),
        (other, "Loose", "a", "7 EUR", 1),
    ] {
        let fields = [
            ("title", title),
            ("state", state),
            ("amount", amount),
            ("thing", &things[thing]),
        ];
        world.create("item", Some(owner), &fields);
    }
    (world, own)
}

#[test]
fn children() {
    let (world, own) = family();
    let own = Actor::User(own);
    let check = |actor, sql: &str, expected: &[&str]| {
        assert_eq!(
            world.texts(actor, sql, &Params::new()).unwrap(),
            expected,
            "{sql}"
        );
    };
    let rows = "SELECT name, (SELECT title, state FROM item ORDER BY amount DESC LIMIT 2) AS items \
                FROM thing ORDER BY name";
    check(
        ALL,
        rows,
        &[
            r#"Beta|[{"state":"a","title":"Loose"},{"state":"a","title":"Wall"}]"#,
            r#"Альфа|[{"state":"a","title":"Tower"},{"state":"b","title":"Roof"}]"#,
        ],
    );
    check(
        own,
        rows,
        &[
            r#"Beta|[{"state":"a","title":"Wall"}]"#,
            r#"Альфа|[{"state":"b","title":"Roof"},{"state":"a","title":"Крыша"}]"#,
        ],
    );
    let sums = "SELECT name, (SELECT sum(amount) FROM item WHERE state = 'a') AS s, \
                (SELECT count(*) FROM item WHERE item.thing = thing.id AND note2 IS NULL) + 1 \
                FROM thing WHERE (SELECT count(*) FROM item) > 0 ORDER BY s";
    check(ALL, sums, &["Beta|12 EUR|3", "Альфа|50 EUR|4"]);
    check(own, sums, &["Beta|5 EUR|2", "Альфа|10 EUR|3"]);
    check(
        ALL,
        "SELECT sum((SELECT count(*) FROM item)) FROM thing",
        &["5"],
    );
    check(
        ALL,
        "SELECT login, (SELECT count(*) FROM item WHERE item.owner = user.id) AS n FROM user \
         ORDER BY n DESC, login",
        &["own|3", "other|2"],
    );
    // A record that refers to others of its kind, and a sub-select in a sub-select.
    check(
        ALL,
        "SELECT (SELECT count(*) FROM item WHERE item.other = item.id) AS n, count(*) FROM item \
         GROUP BY n",
        &["0|5"],
    );
    let nested = "SELECT (SELECT name, (SELECT title FROM item WHERE state = ?) AS i FROM thing) \
                  AS t FROM kind";
    let prepared = world.prepare(ALL, nested).unwrap();
    let inner = prepared.columns()[0].rows.as_ref().unwrap()[1]
        .rows
        .as_ref();
    assert_eq!(inner.unwrap()[0].name, "title");
    assert_eq!(
        world.texts(ALL, nested, &Params::new().with("a")).unwrap(),
        Vec::<String>::new()
    );
}

#[test]
fn refusals_of_children() {
    let (world, own) = family();
    for (sql, code) in [
        (
            "SELECT (SELECT note FROM item) FROM thing",
            Code::UnknownField,
        ),
        (
            "SELECT (SELECT title FROM nope) FROM thing",
            Code::UnknownObject,
        ),
        (
            "SELECT (SELECT name FROM thing) FROM item",
            Code::UnknownField,
        ),
        (
            "SELECT (SELECT title FROM item GROUP BY title) FROM thing",
            Code::Syntax,
        ),
        (
            "SELECT (SELECT DISTINCT title FROM item) FROM thing",
            Code::Syntax,
        ),
        (
            "SELECT (SELECT title FROM item OFFSET 1) FROM thing",
            Code::Syntax,
        ),
        ("SELECT (SELECT title FROM item i) FROM thing", Code::Syntax),
        (
            "SELECT (SELECT title FROM item, thing) FROM thing",
            Code::Syntax,
        ),
        (
            "SELECT name FROM thing WHERE (SELECT title FROM item) = 'x'",
            Code::Syntax,
        ),
        (
            "SELECT name FROM thing ORDER BY (SELECT title FROM item)",
            Code::Syntax,
        ),
        (
            "SELECT DISTINCT (SELECT title FROM item) FROM thing",
            Code::Syntax,
        ),
        (
            "SELECT count(*) FROM item GROUP BY (SELECT count(*) FROM thing)",
            Code::UnknownField,
        ),
        (
            "SELECT (SELECT count(*) FROM item WHERE item.other = thing.id) FROM thing",
            Code::UnknownField,
        ),
        (
            "SELECT (SELECT (SELECT (SELECT (SELECT count(*) FROM item WHERE item.other = item.id) \
             FROM item WHERE item.other = item.id) FROM item) FROM thing) FROM kind",
            Code::LimitExceeded,
        ),
    ] {
        let error = world.prepare(Actor::User(own), sql).unwrap_err();
        assert_eq!(error.code(), code, "{sql}: {error}");
        assert!(error.details().contains_key("line"), "{sql}: {error}");
    }
}

/// What is hidden changes nothing of what is told.
#[test]
fn explanations() {
    let (world, own) = family();
    let own = Actor::User(own);
    let sql = "EXPLAIN SELECT title FROM item WHERE amount > 5 AND thing.name = 'Альфа' \
               ORDER BY title LIMIT 5";
    let explain = |actor| world.texts(actor, sql, &Params::new()).unwrap();
    assert_eq!(
        explain(ALL),
        [
            "way|list `by_title`|5",
            "test|amount > 5|",
            "test|thing.name = 'Альфа'|",
            "result||3",
        ]
    );
    let seen = explain(own);
    assert_eq!(
        seen[0],
        "way|list `by_title` of each owner, merged; 1 owners in reach|3"
    );
    let other = world.user("third", &[]);
    for title in ["x", "y"] {
        world.create(
            "item",
            Some(other),
            &[("title", title), ("amount", "9 EUR")],
        );
    }
    assert_eq!(explain(own), seen);
    for (sql, expected) in [
        (
            "EXPLAIN SELECT title FROM item WHERE day >= '2017-01-01' AND within(day, 'this year') \
             AND done ORDER BY note",
            &[
                "way|list `by_day`; narrowed by `day`; sorted in memory|0",
                "range|day >= '2017-01-01'|",
                "range|within(day, 'this year')|",
                "test|done|",
                "sort|1 keys in memory|",
                "result||0",
            ][..],
        ),
        (
            "EXPLAIN SELECT state, count(*) FROM item GROUP BY state",
            &["way|totals `by_state`|0", "group|by 1 values|", "result||3"],
        ),
        (
            "EXPLAIN SELECT name, (SELECT title FROM item) AS i FROM thing",
            &[
                "way|all records|2",
                "child|item: list `of_thing` under one record|5",
                "result||2",
            ],
        ),
    ] {
        assert_eq!(
            world.texts(ALL, sql, &Params::new()).unwrap(),
            expected,
            "{sql}"
        );
    }
    let columns = world.prepare(ALL, sql).unwrap();
    let names: Vec<&str> = columns.columns().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["step", "detail", "rows"]);
}
