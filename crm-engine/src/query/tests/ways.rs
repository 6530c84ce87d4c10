//! The way that is taken is the cheap one, and nothing hidden has a say in it.

use super::*;

/// So many items of `many`, with a day of 300, an hour of 30 and a size of 40; three of `few`.
const ITEMS: usize = 1_200;

fn crowd() -> (World, [UserId; 2]) {
    let world = World::new();
    let (many, few) = (world.user("many", &["r"]), world.user("few", &["r"]));
    world.grant("r", "item", "own", "");
    add(&world, many, 0..ITEMS);
    add(&world, few, 0..3);
    (world, [many, few])
}

fn add(world: &World, owner: UserId, numbers: std::ops::Range<usize>) {
    let item = world.schema.object("item").unwrap();
    let numbers: Vec<usize> = numbers.collect();
    for some in numbers.chunks(400) {
        let inputs = some.iter().map(|n| {
            let fields = [
                ("title", format!("t{}", n * 7 % 1_000)),
                ("number", n.to_string()),
                ("at", format!("2017-01-{:02}T12:00:00Z", 1 + n % 30)),
                ("size", (n % 40).to_string()),
                ("note", format!("n{}", n % 5)),
            ];
            let fields = fields.each_ref().map(|(name, text)| (*name, text.as_str()));
            world.input("item", &fields).with_owner(Some(owner))
        });
        let inputs: Vec<_> = inputs.collect();
        world
            .write(|door| {
                let mut inputs = inputs.iter();
                inputs.try_for_each(|input| door.create(item, input.clone()).map(drop))
            })
            .unwrap();
    }
}

/// The way that a query is told to have taken, and how many records it looked at.
fn way(world: &World, actor: Actor, sql: &str) -> (String, i64) {
    let rows = world.query(actor, &format!("EXPLAIN {sql}"), &Params::new());
    let row = &rows.unwrap()[0];
    (row[1].to_string(), row[2].as_integer().unwrap())
}

#[track_caller]
fn goes(world: &World, actor: Actor, sql: &str, expected: &str, at_most: i64) {
    let (way, seen) = way(world, actor, sql);
    assert_eq!(way, expected, "{sql}");
    assert!(seen <= at_most, "{sql}: {seen} records");
    let found = world.query(actor, sql, &Params::new()).unwrap();
    for prepared in world.prepare_ways(actor, sql).unwrap() {
        let other = world.run(&prepared, &Params::new()).unwrap();
        assert_eq!(found, other, "{sql}: {}", prepared.explain());
    }
}

#[test]
fn two_conditions_without_a_total_read_what_two_lists_have_in_common() {
    let (world, _) = crowd();
    let sql = "SELECT count(*) FROM item WHERE at = '2017-01-04T12:00:00Z' AND size = 3";
    goes(
        &world,
        ALL,
        sql,
        "what lists `by_at` and `by_size` have in common",
        15,
    );
    // A list that has next to nothing is enough.
    let sql = "SELECT number FROM item WHERE at = '2017-01-04T12:00:00Z' AND size > 1000 \
               ORDER BY number";
    let expected = "list `by_size`; narrowed by `size`; sorted in memory";
    goes(&world, ALL, sql, expected, 0);
}

#[test]
fn a_small_part_is_sorted_and_a_large_one_is_read_in_order() {
    let (world, [many, _]) = crowd();
    let page = |condition: &str| {
        format!("SELECT number FROM item WHERE {condition} ORDER BY title LIMIT 10")
    };
    let small = page("at >= '2017-01-05T00:00:00Z' AND at < '2017-01-06T00:00:00Z'");
    let expected = "list `by_at`; narrowed by `at`; sorted in memory";
    goes(&world, ALL, &small, expected, 41);
    let large = page("at >= '2017-01-02T00:00:00Z'");
    goes(&world, ALL, &large, "list `by_title`", 30);
    let own = Actor::User(many);
    let expected = "list `by_at` owner by owner; 1 owners in reach; narrowed by `at`; \
                    sorted in memory";
    goes(&world, own, &small, expected, 41);
    let expected = "list `by_title` of each owner, merged; 1 owners in reach";
    goes(&world, own, &large, expected, 30);
}

#[test]
fn an_owner_of_few_records_reads_no_more_than_his() {
    let (world, [_, few]) = crowd();
    let sql = "SELECT number FROM item WHERE at = '2017-01-02T12:00:00Z' ORDER BY title LIMIT 5";
    let (told, seen) = way(&world, Actor::User(few), sql);
    assert!(told.contains("1 owners in reach"), "{told}");
    assert!(seen <= 3, "{told}: {seen}");
    let sql = format!("SELECT count(number) FROM item WHERE owner = {few} AND note2 IS NULL");
    let (told, seen) = way(&world, ALL, &sql);
    assert!(told.contains("owners narrowed"), "{told}");
    assert_eq!(seen, 3);
}

#[test]
fn estimates_are_told_to_those_who_see_everything() {
    let (world, [many, _]) = crowd();
    let sql = "EXPLAIN SELECT number FROM item WHERE at < '2017-01-02T00:00:00Z' \
               ORDER BY title LIMIT 10";
    let all = world.texts(ALL, sql, &Params::new()).unwrap();
    assert_eq!(all[1], "estimate||41", "{all:?}");
    let own = world.texts(Actor::User(many), sql, &Params::new()).unwrap();
    assert!(
        own.iter().all(|row| !row.starts_with("estimate")),
        "{own:?}"
    );
}

#[test]
fn what_is_hidden_has_no_say() {
    let (world, [many, few]) = crowd();
    let questions = [
        "SELECT number FROM item WHERE at = '2017-01-02T12:00:00Z' ORDER BY title LIMIT 5",
        "SELECT number FROM item WHERE at = '2017-01-02T12:00:00Z' AND size < 3",
        "SELECT count(*) FROM item WHERE at > '2017-01-02T12:00:00Z' AND size = 3",
        "SELECT number FROM item WHERE at > '2017-01-02T12:00:00Z' AND size = 3 ORDER BY title",
    ];
    let asked = |user: UserId| {
        let ask = |sql: &&str| {
            let told = format!("EXPLAIN {sql}");
            let texts = |sql: &str| world.texts(Actor::User(user), sql, &Params::new()).unwrap();
            (texts(sql), texts(&told))
        };
        questions.iter().map(ask).collect::<Vec<_>>()
    };
    let before = asked(few);
    add(&world, many, ITEMS..ITEMS + 400);
    assert_eq!(asked(few), before);
    let before = asked(many);
    add(&world, few, 3..403);
    assert_eq!(asked(many), before);
}
