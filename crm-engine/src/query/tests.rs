//! Queries against small stores, and against a second implementation.

mod generate;
mod oracle;
mod pages;
mod ways;
mod world;

use world::World;

use super::*;
use crate::ids::{RecordId, UserId};

const ALL: Actor = Actor::System;

/// Two users, things and items of both; user `own` may see his own items only, without `note`.
fn world() -> (World, [UserId; 2]) {
    let world = World::new();
    let (own, other) = (world.user("own", &["owner"]), world.user("other", &[]));
    world.grant("owner", "item", "own", "note");
    for (owner, title, state, amount) in [
        (own, "Anna", "a", "10 EUR"),
        (own, "Boris", "b", "20 EUR"),
        (other, "Клара", "b", "5 USD"),
        (other, "anna", "", "1 EUR"),
    ] {
        world.create(
            "item",
            Some(owner),
            &[("title", title), ("state", state), ("amount", amount)],
        );
    }
    (world, [own, other])
}

#[track_caller]
fn check(actor: Actor, sql: &str, expected: &[&str]) {
    let (world, _) = world();
    assert_eq!(
        world.texts(actor, sql, &Params::new()).unwrap(),
        expected,
        "{sql}"
    );
}

fn own() -> Actor {
    Actor::User(world().1[0])
}

#[test]
fn rows() {
    check(
        ALL,
        "SELECT title FROM item ORDER BY title",
        &["anna", "Anna", "Boris", "Клара"],
    );
    check(
        ALL,
        "SELECT title AS t FROM item ORDER BY t DESC LIMIT 1",
        &["Клара"],
    );
    check(ALL, "SELECT title FROM item WHERE state IS NULL", &["anna"]);
    check(
        own(),
        "SELECT title FROM item ORDER BY title",
        &["Anna", "Boris"],
    );
    check(own(), "SELECT title FROM item ORDER BY title LIMIT 0", &[]);
    check(own(), "SELECT name FROM thing", &[]);
    check(
        ALL,
        "SELECT number + 1, currency(amount) FROM item WHERE title = 'Anna'",
        &["|EUR"],
    );
}

#[test]
fn groups() {
    let by_state = "SELECT state, count(*) FROM item GROUP BY state";
    check(ALL, by_state, &["|1", "a|1", "b|2"]);
    check(own(), by_state, &["a|1", "b|1"]);
    check(
        own(),
        "SELECT count(*), count(note2), sum(amount) FROM item",
        &["2|0|30 EUR"],
    );
    check(ALL, "SELECT count(*), sum(number) FROM thing", &["0|0"]);
    let currencies =
        "SELECT currency(amount) AS c, sum(amount) FROM item GROUP BY c ORDER BY c DESC";
    check(ALL, currencies, &["USD|5 USD", "EUR|31 EUR"]);
    check(
        ALL,
        "SELECT max(title), min(id) FROM item WHERE id = 0 GROUP BY state",
        &[],
    );
}

#[test]
fn cases() {
    let kind = "CASE WHEN amount > 10 THEN 'big' WHEN amount > 1 THEN 'small' END";
    check(
        ALL,
        &format!("SELECT title, {kind} FROM item ORDER BY title"),
        &["anna|", "Anna|small", "Boris|big", "Клара|small"],
    );
    check(
        ALL,
        &format!("SELECT {kind} AS k, count(*) FROM item GROUP BY k ORDER BY k DESC"),
        &["small|2", "big|1", "|1"],
    );
    check(
        ALL,
        "SELECT sum(CASE state WHEN 'b' THEN 1 ELSE 0 END), \
         sum(CASE WHEN state = 'a' THEN amount END) FROM item",
        &["2|10 EUR"],
    );
    check(
        ALL,
        "SELECT title FROM item WHERE CASE state WHEN 'a' THEN 1 WHEN NULL THEN 2 ELSE 3.5 END = 3.5 \
         ORDER BY CASE title WHEN 'Клара' THEN 0 ELSE 1 END, title",
        &["Клара", "anna", "Boris"],
    );
    // A choice is shown by its name, whichever branch gives it.
    check(
        ALL,
        "SELECT CASE WHEN state IS NULL THEN 'c' ELSE state END AS s, count(*) FROM item GROUP BY s",
        &["a|1", "b|2", "c|1"],
    );
}

#[test]
fn aggregates_compute() {
    check(
        ALL,
        "SELECT currency(amount) AS c, avg(amount), sum(amount) / count(*) FROM item GROUP BY c",
        &[
            "EUR|10.333333333333333333333333333 EUR|10.333333333333333333333333333 EUR",
            "USD|5 USD|5 USD",
        ],
    );
    check(
        ALL,
        "SELECT count(DISTINCT state), avg(number), sum(number) / count(number), count(*) * 2 FROM item",
        &["2|||8"],
    );
    check(
        ALL,
        "SELECT state, count(*) AS n FROM item GROUP BY state HAVING count(*) > 1 OR state IS NULL",
        &["|1", "b|2"],
    );
    check(
        ALL,
        "SELECT state FROM item GROUP BY state HAVING count(*) * 2 > count(*) + 1 ORDER BY -count(*)",
        &["b"],
    );
    check(ALL, "SELECT count(*) FROM item HAVING count(*) > 4", &[]);
    check(ALL, "SELECT DISTINCT state FROM item", &["", "a", "b"]);
    check(
        ALL,
        "SELECT DISTINCT state AS s FROM item WHERE state IS NOT NULL ORDER BY s DESC LIMIT 1",
        &["b"],
    );
    check(
        ALL,
        "SELECT DISTINCT count(*) AS n FROM item GROUP BY state ORDER BY n",
        &["1", "2"],
    );
    check(
        ALL,
        "SELECT CASE WHEN count(*) > 1 THEN 'many' ELSE 'few' END, state FROM item GROUP BY state",
        &["few|", "few|a", "many|b"],
    );
}

/// It is the third of March in Moscow, and the second in UTC.
#[test]
fn dates() {
    let world = World::new();
    for (title, day, at) in [
        ("Акт", "2017-03-03", "2017-03-02T21:00:00Z"),
        ("Bill", "2017-03-02", "2017-03-02T20:59:59Z"),
        ("Call", "2016-12-31", "2016-12-31T21:00:00Z"),
        ("Deed", "", ""),
    ] {
        world.create("item", None, &[("title", title), ("day", day), ("at", at)]);
    }
    let check = |sql: &str, params: &Params, expected: &[&str]| {
        assert_eq!(world.texts(ALL, sql, params).unwrap(), expected, "{sql}");
    };
    let none = Params::new();
    check(
        "SELECT title, year(day), quarter(at), month(at), week(day), day(at) FROM item ORDER BY title",
        &none,
        &[
            "Bill|2017|1|3|9|2",
            "Call|2016|1|1|52|1",
            "Deed|||||",
            "Акт|2017|1|3|9|3",
        ],
    );
    check(
        "SELECT DISTINCT today(), now(), start_of('quarter', at) FROM item WHERE at IS NOT NULL",
        &none,
        &["2017-03-03|2017-03-02T22:00:00Z|2017-01-01"],
    );
    for (condition, expected) in [
        ("within(at, 'today')", &["Акт"][..]),
        ("within(day, 'Today')", &["Акт"]),
        ("within(at, 'yesterday')", &["Bill"]),
        ("within(at, 'this year')", &["Bill", "Call", "Акт"]),
        ("within(day, 'this year')", &["Bill", "Акт"]),
        ("NOT within(day, 'last year')", &["Bill", "Акт"]),
        ("day = today()", &["Акт"]),
        ("at >= today()", &["Акт"]),
        (
            "at < today() AND at >= TIMESTAMP '2017-01-01T00:00Z'",
            &["Bill"],
        ),
        (
            "at <= now() AND month(at) = month(today())",
            &["Bill", "Акт"],
        ),
    ] {
        let sql = format!("SELECT title FROM item WHERE {condition} ORDER BY title");
        check(&sql, &none, expected);
        check(
            &format!("SELECT count(*) FROM item WHERE {condition}"),
            &none,
            &[&expected.len().to_string()],
        );
    }
    let by = "SELECT start_of(:unit, day) AS p, count(*) FROM item WHERE within(day, :when) \
              GROUP BY p HAVING count(*) > 0 ORDER BY p DESC";
    let bound = |unit: &str, when: &str| Params::new().named("unit", unit).named("when", when);
    check(
        by,
        &bound("month", "last 90 days"),
        &["2017-03-01|2", "2016-12-01|1"],
    );
    check(by, &bound("Year", "last 2 days"), &["2017-01-01|2"]);
    for params in [bound("century", "today"), bound("day", "soon")] {
        let error = world.texts(ALL, by, &params).unwrap_err();
        assert_eq!(error.code(), Code::InvalidValue);
        assert!(error.details().contains_key("column"));
    }
    for (sql, code) in [
        ("SELECT year(title) FROM item", Code::WrongType),
        ("SELECT year(1) FROM item", Code::WrongType),
        ("SELECT start_of('age', day) FROM item", Code::InvalidValue),
        (
            "SELECT title FROM item WHERE within(day, 'soon')",
            Code::InvalidValue,
        ),
        ("SELECT title FROM item WHERE within(day)", Code::Syntax),
        (
            "SELECT title FROM item WHERE within(day, title)",
            Code::Syntax,
        ),
        (
            "SELECT title FROM item WHERE title = today()",
            Code::WrongType,
        ),
        ("SELECT today() + 1 FROM item", Code::WrongType),
        ("SELECT today(1) FROM item", Code::Syntax),
    ] {
        let error = world.prepare(ALL, sql).unwrap_err();
        assert_eq!(error.code(), code, "{sql}: {error}");
        assert!(error.details().contains_key("line"), "{sql}: {error}");
    }
}

/// Parameters count in the order of the text, whatever of it is checked first.
#[test]
fn parameters_count_as_they_stand() {
    let (world, _) = world();
    let sql = "SELECT count(*) + ?, coalesce(state, ?) AS s FROM item WHERE title <> ? \
               GROUP BY s HAVING count(*) > ? ORDER BY s LIMIT ?";
    let params = Params::new().with(10).with("c").with("x").with(0).with(2);
    assert_eq!(world.texts(ALL, sql, &params).unwrap(), ["11|a", "12|b"]);
}

#[test]
fn columns_are_named_and_typed() {
    let (world, _) = world();
    let names = |actor, sql: &str| {
        let prepared = world.prepare(actor, sql).unwrap();
        prepared
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect::<Vec<_>>()
    };
    let all = names(ALL, "SELECT * FROM item");
    assert_eq!(all[..3], ["id", "owner", "title"]);
    assert!(all.contains(&"note".to_owned()));
    assert!(!names(own(), "SELECT * FROM item").contains(&"note".to_owned()));
    assert_eq!(
        names(ALL, "SELECT count(*), sum(amount) AS s FROM item"),
        ["count(*)", "s"]
    );
    assert_eq!(names(ALL, "SELECT * FROM kind"), ["id", "name"]);
}

#[test]
fn ways() {
    let (world, [own, _]) = world();
    for (actor, sql, way) in [
        (
            ALL,
            "SELECT title FROM item ORDER BY title",
            "list `by_title`",
        ),
        (
            ALL,
            "SELECT * FROM item ORDER BY title DESC, id DESC",
            "list `by_title` backwards",
        ),
        (
            ALL,
            "SELECT * FROM item ORDER BY day DESC, title",
            "list `by_day`",
        ),
        (
            ALL,
            "SELECT * FROM item ORDER BY day, title DESC",
            "list `by_day` backwards",
        ),
        (
            ALL,
            "SELECT * FROM item ORDER BY day, title",
            "all records; sorted in memory",
        ),
        (
            ALL,
            "SELECT * FROM item ORDER BY id DESC",
            "all records backwards",
        ),
        (
            ALL,
            "SELECT * FROM item WHERE id IN (1, ?)",
            "records by id",
        ),
        (
            ALL,
            "SELECT * FROM item WHERE thing = ? AND done ORDER BY day",
            "list `of_thing` under one record backwards",
        ),
        (
            ALL,
            "SELECT * FROM item WHERE thing = ? ORDER BY id DESC",
            "referrers backwards",
        ),
        (
            ALL,
            "SELECT count(*) FROM thing WHERE kind = 1",
            "referrers",
        ),
        (
            ALL,
            "SELECT * FROM item WHERE thing = 1 ORDER BY title",
            "list `by_title`; referrers while few",
        ),
        (
            ALL,
            "SELECT * FROM item WHERE owner = ? AND done",
            "list `by_title` owner by owner; owners narrowed",
        ),
        (ALL, "SELECT count(*) FROM item", "totals `by_state`"),
        (
            ALL,
            "SELECT state, sum(amount) FROM item WHERE owner IN (1, 2) GROUP BY state",
            "totals `by_state`; owners narrowed",
        ),
        (
            ALL,
            "SELECT count(*) FROM item WHERE note2 = 'x'",
            "all records",
        ),
        (ALL, "SELECT sum(size) FROM item WHERE done", "all records"),
        (
            ALL,
            "SELECT count(*) FROM item WHERE title = 'x' AND state IN ('a', ?)",
            "totals `by_title`",
        ),
        (
            ALL,
            "SELECT owner, count(*) FROM item WHERE owner = 1 OR owner = 2 GROUP BY owner",
            "totals `by_state`",
        ),
        (
            ALL,
            "SELECT coalesce(number, 0), sum(number) FROM item WHERE NOT done GROUP BY coalesce(number, 0)",
            "totals `by_note`",
        ),
        (
            ALL,
            "SELECT year(day), quarter(day), count(*) FROM item WHERE state = 'a' GROUP BY year(day), quarter(day)",
            "totals `by_month`",
        ),
        (
            ALL,
            "SELECT state, count(*) FROM item WHERE within(day, 'last quarter') GROUP BY state",
            "totals `by_month`",
        ),
        (
            ALL,
            "SELECT state, count(*) FROM item WHERE day BETWEEN ? AND ? GROUP BY state",
            "totals `by_month`",
        ),
        (
            ALL,
            "SELECT state, start_of('week', day), count(*) FROM item GROUP BY state, start_of('week', day)",
            "all records",
        ),
        // What the caller does not see he is not told the name of.
        (
            Actor::User(own),
            "SELECT count(*) FROM item WHERE done",
            "totals; 1 owners in reach",
        ),
        (
            Actor::User(own),
            "SELECT * FROM item ORDER BY title",
            "list `by_title` of each owner, merged; 1 owners in reach",
        ),
        (ALL, "SELECT * FROM kind ORDER BY name", "list `by_name`"),
        (
            ALL,
            "SELECT * FROM item WHERE day >= ? AND day < '2017-03-01'",
            "list `by_day`; narrowed by `day`",
        ),
        (
            ALL,
            "SELECT title FROM item WHERE within(at, 'this month') ORDER BY at DESC",
            "list `by_at` backwards; narrowed by `at`",
        ),
        (
            ALL,
            "SELECT title FROM item WHERE done = TRUE AND within(day, ?) ORDER BY day DESC",
            "list `by_done` backwards; narrowed by `done`, `day`",
        ),
        (
            ALL,
            "SELECT title FROM item WHERE thing = 1 AND day BETWEEN ? AND ? ORDER BY day",
            "list `of_thing` under one record backwards; narrowed by `day`",
        ),
        (
            Actor::User(own),
            "SELECT count(*) FROM item WHERE size > 3",
            "list `by_size` owner by owner; 1 owners in reach; narrowed by `size`",
        ),
        (
            ALL,
            "SELECT count(*) FROM item WHERE day = today() AND size > 3",
            "list `by_day`; narrowed by `day`",
        ),
        (
            ALL,
            "SELECT title FROM item WHERE id IN (SELECT other FROM item) ORDER BY title",
            "list `by_title`; records by id where a sub-select gives few",
        ),
    ] {
        assert_eq!(world.prepare(actor, sql).unwrap().explain(), way, "{sql}");
    }
}

#[test]
fn refusals() {
    let (world, [own, _]) = world();
    for (sql, code) in [
        ("", Code::Syntax),
        ("SELECT", Code::Syntax),
        ("SELECT title", Code::Syntax),
        ("SELECT title FROM item, thing", Code::Syntax),
        ("SELECT title FROM item JOIN thing", Code::Syntax),
        ("SELECT title FROM item; DELETE FROM item", Code::Syntax),
        ("DELETE FROM item", Code::Syntax),
        (
            "SELECT title FROM item UNION SELECT name FROM thing",
            Code::Syntax,
        ),
        (
            "SELECT title FROM item WHERE id IN (SELECT id FROM thing)",
            Code::WrongType,
        ),
        (
            "SELECT title FROM item WHERE id IN (SELECT other FROM item WHERE note = 'x')",
            Code::UnknownField,
        ),
        ("SELECT title FROM item LIMIT 1 OFFSET 1", Code::Syntax),
        ("SELECT title FROM item LIMIT title", Code::Syntax),
        ("SELECT title FROM nope", Code::UnknownObject),
        ("SELECT note FROM item", Code::UnknownField),
        ("SELECT title FROM item ORDER BY note", Code::UnknownField),
        (
            "SELECT title FROM item WHERE note = 'x'",
            Code::UnknownField,
        ),
        ("SELECT count(note) FROM item", Code::UnknownField),
        (
            "SELECT count(*) FROM item GROUP BY note",
            Code::UnknownField,
        ),
        ("SELECT title, count(*) FROM item", Code::Syntax),
        ("SELECT *, count(*) FROM item", Code::Syntax),
        ("SELECT * FROM item GROUP BY title", Code::Syntax),
        ("SELECT count(*) FROM item ORDER BY title", Code::Syntax),
        ("SELECT sum(DISTINCT number) FROM item", Code::Syntax),
        ("SELECT count(ALL number) FROM item", Code::Syntax),
        ("SELECT avg(title) FROM item", Code::WrongType),
        ("SELECT title FROM item HAVING count(*) > 1", Code::Syntax),
        ("SELECT count(*) FROM item HAVING title = 'x'", Code::Syntax),
        (
            "SELECT count(*) FROM item HAVING sum(note2) > 1",
            Code::WrongType,
        ),
        ("SELECT sum(number) / title FROM item", Code::Syntax),
        (
            "SELECT DISTINCT title FROM item ORDER BY state",
            Code::Syntax,
        ),
        ("SELECT count(note) + 1 FROM item", Code::UnknownField),
        (
            "SELECT count(*) FROM item GROUP BY state HAVING note = 'x'",
            Code::UnknownField,
        ),
        (
            "SELECT CASE WHEN note = 'x' THEN 1 END FROM item",
            Code::UnknownField,
        ),
        (
            "SELECT CASE WHEN done THEN 1 ELSE 'x' END FROM item",
            Code::InvalidValue,
        ),
        (
            "SELECT CASE WHEN done THEN NULL END FROM item",
            Code::WrongType,
        ),
        ("SELECT CASE WHEN title THEN 1 END FROM item", Code::Syntax),
        ("SELECT count(*) OVER () FROM item", Code::Syntax),
        ("SELECT sum(title) FROM item", Code::WrongType),
        ("SELECT title FROM item WHERE count(*) > 1", Code::Syntax),
    ] {
        let error = world.prepare(Actor::User(own), sql).unwrap_err();
        assert_eq!(error.code(), code, "{sql}: {error}");
        assert!(
            error.details().contains_key("line") || sql.contains('*'),
            "{sql}: {error}"
        );
    }
}

#[test]
fn refusals_of_a_run() {
    let (world, _) = world();
    for (sql, params, code) in [
        (
            "SELECT sum(amount) FROM item",
            Params::new(),
            Code::InvalidValue,
        ),
        (
            "SELECT max(amount) FROM item",
            Params::new(),
            Code::InvalidValue,
        ),
        (
            "SELECT id FROM item LIMIT ?",
            Params::new().with(-1),
            Code::InvalidValue,
        ),
        (
            "SELECT id FROM item LIMIT ?",
            Params::new(),
            Code::InvalidArguments,
        ),
    ] {
        assert_eq!(
            world.texts(ALL, sql, &params).unwrap_err().code(),
            code,
            "{sql}"
        );
    }
}

/// Rows are handed out over many calls: they keep showing the state they began with.
#[test]
fn rows_outlive_later_writes() {
    let (world, [own, _]) = world();
    for n in 0..1_000 {
        world.create("item", Some(own), &[("title", &format!("t{n:04}"))]);
    }
    let prepared = world
        .prepare(Actor::User(own), "SELECT title FROM item ORDER BY title")
        .unwrap();
    let mut rows = prepared
        .run(&world.store.snapshot().unwrap(), &Params::new())
        .unwrap();
    assert!(rows.next().unwrap().is_some());
    world.create("item", Some(own), &[("title", "zz")]);
    let seen = std::thread::spawn(move || {
        let mut seen = 1;
        while rows.next().unwrap().is_some() {
            seen += 1;
        }
        seen
    });
    assert_eq!(seen.join().unwrap(), 1_002);
}

#[test]
fn parameters_are_bound_by_index_and_name() {
    let (world, _) = world();
    let sql = "SELECT title FROM item WHERE state = :s AND title > ? OR state = :s AND id = ?";
    let prepared = world.prepare(ALL, sql).unwrap();
    assert_eq!(prepared.parameters(), [Some("s".to_owned()), None, None]);
    let mut params = Params::new();
    params.bind_name(&prepared, "s", "b".into()).unwrap();
    params.bind(&prepared, 2, "C".into()).unwrap();
    params.bind(&prepared, 3, Value::Null).unwrap();
    assert_eq!(world.texts(ALL, sql, &params).unwrap(), ["Клара"]);
    assert_eq!(
        params.bind(&prepared, 4, 1.into()).unwrap_err().code(),
        Code::InvalidArguments
    );
    assert_eq!(
        params.bind(&prepared, 0, 1.into()).unwrap_err().code(),
        Code::InvalidArguments
    );
    let unknown = params.bind_name(&prepared, "t", 1.into());
    assert_eq!(unknown.unwrap_err().code(), Code::InvalidArguments);
}

#[test]
fn points_look_at_their_records_only() {
    let (world, [own, other]) = world();
    let mine = world.create("item", Some(own), &[("title", "mine")]);
    let theirs = world.create("item", Some(other), &[("title", "theirs")]);
    let sql = format!("SELECT title FROM item WHERE id IN ({theirs}, {mine}, {mine}, 4.5, -1, 0)");
    assert_eq!(
        world.texts(ALL, &sql, &Params::new()).unwrap(),
        ["mine", "theirs"]
    );
    assert_eq!(
        world.texts(Actor::User(own), &sql, &Params::new()).unwrap(),
        ["mine"]
    );
    let nobody = Actor::User(UserId(RecordId::new(4_000).unwrap()));
    assert_eq!(
        world.texts(nobody, &sql, &Params::new()).unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(
        world
            .texts(nobody, "SELECT count(*) FROM item", &Params::new())
            .unwrap(),
        ["0"]
    );
}

/// Few ids of a sub-select are got one by one, many are tested; the answer is the same.
#[test]
fn sub_selects_find_by_id_or_by_test() {
    let (world, [own, other]) = world();
    let first = world.create("item", Some(own), &[("title", "first")]);
    for n in 0..1_100_usize {
        let fields = [("title", &*format!("t{n:04}")), ("number", &n.to_string())];
        let owner = if n % 2 == 0 { own } else { other };
        let id = world.create("item", Some(owner), &fields);
        let fields = [
            ("title", "refers"),
            ("number", fields[1].1),
            ("other", &id.to_string()),
        ];
        world.create("item", Some(owner), &fields);
    }
    world.create(
        "item",
        Some(other),
        &[("title", "refers"), ("other", &first.to_string())],
    );
    for (most, actor, expected) in [
        (9, ALL, "t0009"),
        (1_099, ALL, "t1099"),
        (9, Actor::User(own), "t0008"),
        (1_099, Actor::User(own), "t1098"),
    ] {
        let sql = "SELECT title FROM item WHERE title <> 'first' AND id IN \
                   (SELECT other FROM item WHERE number <= ?) ORDER BY title DESC LIMIT 1";
        let params = Params::new().with(most);
        assert_eq!(world.texts(actor, sql, &params).unwrap(), [expected]);
        let count =
            "SELECT count(*) FROM item WHERE id IN (SELECT other FROM item WHERE number <= ?)";
        let all = (most + 1) / if actor == ALL { 1 } else { 2 };
        assert_eq!(
            world.texts(actor, count, &params).unwrap(),
            [all.to_string()]
        );
    }
    // What only a hidden record refers to is not found.
    let of_first =
        "SELECT title FROM item WHERE title = 'first' AND id IN (SELECT other FROM item)";
    assert_eq!(
        world.texts(ALL, of_first, &Params::new()).unwrap(),
        ["first"]
    );
    let seen = world.texts(Actor::User(own), of_first, &Params::new());
    assert_eq!(seen.unwrap(), Vec::<String>::new());
}
