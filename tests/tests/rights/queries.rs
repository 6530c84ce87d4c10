//! Lists, pages, counts, groups and conditions, compared with the law.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crm_engine::{Code, Error, Result, Session};
use serde_json::Value as Json;

use super::compare::{Tally, ids, rows};
use super::condition::Condition;
use super::generate::Dice;
use super::readers::{Known, Sight, sorted_fields};
use super::shapes::SHAPES;

/// Conditions asked of each user and object.
const CONDITIONS: usize = 4;

pub(super) fn compare(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    for shape in &SHAPES {
        counts(sight, session, shape.name, tally);
        for field in sorted_fields(shape) {
            lists(sight, session, (shape.name, field), tally);
            groups(sight, session, (shape.name, field), tally);
        }
        conditions(sight, session, shape.name, tally);
    }
    two_sorts(sight, session, tally);
    paths(sight, session, tally);
}

/// Whether an answer is one about fields: how many of them he knows decides which answers are good.
/// Gives the answer when it is to be compared.
fn answered<T>(
    sight: &Sight<'_>,
    tally: &mut Tally,
    (object, sql): (&str, &str),
    known: Known,
    answer: Result<T>,
) -> Option<T> {
    let known = match sight.could_see(object) {
        true => known,
        false => Known::Here,
    };
    match (answer, known) {
        (Ok(_), Known::Not) => {
            let what = format!("{sql} uses a field that is hidden on a record");
            tally.wrong(sight.world, sight.user, "unknown", &what);
            None
        }
        (Ok(answer), _) => Some(answer),
        (Err(error), Known::Everywhere) => {
            let what = format!("{sql} is refused: {error}");
            tally.wrong(sight.world, sight.user, "known", &what);
            None
        }
        (Err(error), _) => {
            check_silent(&error, sql);
            tally.decision(sight.who(), "unknown", || sql.into(), false, false);
            None
        }
    }
}

/// A refusal says what it would say of a field that does not exist.
fn check_silent(error: &Error, sql: &str) {
    assert_eq!(error.code(), Code::UnknownField, "{sql}: {error}");
}

fn numbers(sight: &Sight<'_>, records: &[usize]) -> Vec<u64> {
    let ids = records.iter().map(|at| sight.world.records[*at].get());
    ids.collect()
}

/// Counts, the whole list by id, and its pages.
fn counts(sight: &Sight<'_>, session: &Session, object: &str, tally: &mut Tally) {
    let all = sight.number_of(object);
    let seen = sight.of(object);
    let law = numbers(sight, &seen);
    let sql = format!("SELECT count(*) FROM {object}");
    let engine = rows(session, &sql).map(|rows| rows[0][0].clone());
    if let Some(engine) = answered(sight, tally, (object, &sql), Known::Everywhere, engine) {
        let decisions = (all, law.len());
        let answers = (law.len().to_string(), engine);
        tally.answer(sight.who(), "count", || sql, decisions, answers);
    }
    let mut engine = Vec::new();
    loop {
        let last = engine.last().copied().unwrap_or(0);
        let sql = format!("SELECT id FROM {object} WHERE id > {last} ORDER BY id LIMIT 4");
        let page = ids(session, &sql);
        let Some(page) = answered(sight, tally, (object, &sql), Known::Everywhere, page) else {
            return;
        };
        if page.is_empty() {
            break;
        }
        engine.extend(page);
    }
    let question = || format!("pages of {object}");
    tally.answer(
        sight.who(),
        "pages",
        question,
        (all, law.len()),
        (law, engine),
    );
}

/// The value of a field as the host sees it.
fn value<'s>(sight: &'s Sight<'_>, record: usize, field: &str) -> &'s Json {
    &sight.world.truth[record][field]
}

/// Nothing comes first; choices come in the order of their declaration.
fn order(field: &str, a: &Json, b: &Json) -> Ordering {
    let choices = ["new", "won", "lost", "open", "done"];
    let place = |json: &Json| choices.iter().position(|name| json == *name);
    match (a, b) {
        (Json::Null, _) | (_, Json::Null) => (!a.is_null()).cmp(&!b.is_null()),
        _ if ["stage", "state"].contains(&field) => place(a).cmp(&place(b)),
        (Json::Number(a), Json::Number(b)) => a.as_i64().cmp(&b.as_i64()),
        _ => a.as_str().cmp(&b.as_str()),
    }
}

/// The list by a field, forwards and backwards, whole and its beginning.
fn lists(sight: &Sight<'_>, session: &Session, (object, field): (&str, &str), tally: &mut Tally) {
    let known = sight.knows(object, field);
    for (way, limit) in [
        ("", ""),
        (" DESC", ""),
        ("", " LIMIT 3"),
        (" DESC", " LIMIT 2"),
    ] {
        let sql = format!("SELECT id, {field} FROM {object} ORDER BY {field}{way}, id{limit}");
        let engine = ids(session, &sql);
        let Some(engine) = answered(sight, tally, (object, &sql), known, engine) else {
            continue;
        };
        let mut seen = sight.of(object);
        seen.sort_by(|a, b| {
            let order = order(field, value(sight, *a, field), value(sight, *b, field));
            let order = if way.is_empty() {
                order
            } else {
                order.reverse()
            };
            order.then(a.cmp(b))
        });
        let limit = limit.split(' ').next_back().and_then(|n| n.parse().ok());
        seen.truncate(limit.unwrap_or(usize::MAX));
        let law = numbers(sight, &seen);
        let decisions = (sight.number_of(object), law.len());
        tally.answer(sight.who(), "list", || sql, decisions, (law, engine));
    }
}

/// How many records have which value, and how large they are together.
fn groups(sight: &Sight<'_>, session: &Session, (object, field): (&str, &str), tally: &mut Tally) {
    let sum = match object {
        "thing" | "item" => "size",
        "part" => "count",
        _ => "rank",
    };
    let known = sight.knows_all(object, &[field, sum]);
    let sql = format!("SELECT {field}, count(*), sum({sum}) FROM {object} GROUP BY {field}");
    let engine = rows(session, &sql);
    let Some(mut engine) = answered(sight, tally, (object, &sql), known, engine) else {
        return;
    };
    let mut groups: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for at in sight.of(object) {
        let group = text(value(sight, at, field));
        let (count, total) = groups.entry(group).or_default();
        *count += 1;
        *total += value(sight, at, sum).as_i64().unwrap_or(0);
    }
    let told = groups.into_iter();
    let told = told.map(|(group, (count, sum))| vec![group, count.to_string(), sum.to_string()]);
    let law: Vec<Vec<String>> = told.collect();
    engine.sort();
    let decisions = (sight.number_of(object), law.len());
    tally.answer(sight.who(), "group", || sql, decisions, (law, engine));
}

fn text(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Which records a condition holds for.
fn conditions(sight: &Sight<'_>, session: &Session, object: &'static str, tally: &mut Tally) {
    if object == "part" {
        return;
    }
    let dice = &mut Dice(sight.user as u64);
    for _ in 0..CONDITIONS {
        let condition = Condition::random(dice, object);
        let text = condition.text();
        let Some(fields) = condition.fields().filter(|_| !text.contains(":me")) else {
            continue;
        };
        let holds = |at: &usize| condition.holds(&sight.fields(*at), sight.user) == Some(true);
        let seen = sight.of(object).into_iter().filter(holds);
        let law = numbers(sight, &seen.collect::<Vec<_>>());
        let known = sight.knows_all(object, &fields);
        let list = format!("SELECT id FROM {object} WHERE {text} ORDER BY id");
        let engine = ids(session, &list);
        let all = sight.number_of(object);
        let decisions = (all, law.len());
        if let Some(engine) = answered(sight, tally, (object, &list), known, engine) {
            let answers = (law.clone(), engine);
            tally.answer(sight.who(), "condition", || list, decisions, answers);
        }
        let count = format!("SELECT count(*) FROM {object} WHERE {text}");
        let engine = rows(session, &count).map(|rows| rows[0][0].clone());
        if let Some(engine) = answered(sight, tally, (object, &count), known, engine) {
            let answers = (law.len().to_string(), engine);
            tally.answer(sight.who(), "condition", || count, decisions, answers);
        }
    }
}

/// The declared list by two fields.
fn two_sorts(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    let sql = "SELECT id FROM thing ORDER BY stage, size, id";
    let known = sight.knows_all("thing", &["stage", "size"]);
    let engine = ids(session, sql);
    if let Some(engine) = answered(sight, tally, ("thing", sql), known, engine) {
        let mut seen = sight.of("thing");
        seen.sort_by(|a, b| {
            let by = |field| order(field, value(sight, *a, field), value(sight, *b, field));
            by("stage").then(by("size")).then(a.cmp(b))
        });
        let law = numbers(sight, &seen);
        let decisions = (sight.number_of("thing"), law.len());
        tally.answer(sight.who(), "list", || sql.into(), decisions, (law, engine));
    }
}

/// Conditions on the records that others refer to, and on those that refer to them.
fn paths(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    let below = Condition::Less("size", 5);
    let linked = |item: usize| match sight.fields(item).get("thing") {
        Some(super::law::Value::Record(thing)) => Some(*thing),
        _ => None,
    };
    let small = |at: usize| below.holds(&sight.fields(at), sight.user) == Some(true);
    let by_path = sight.of("item").into_iter();
    let by_path = by_path.filter(|item| linked(*item).is_some_and(small));
    let named = sight.of("item").into_iter().filter(|item| small(*item));
    let named: Vec<usize> = named.filter_map(linked).collect();
    let among = sight.of("thing").into_iter();
    let among = among.filter(|thing| named.contains(thing));
    let questions = [
        (
            "item",
            "SELECT id FROM item WHERE thing.size < 5 ORDER BY id",
            [("item", "thing"), ("thing", "size")],
            by_path.collect::<Vec<_>>(),
        ),
        (
            "thing",
            "SELECT id FROM thing WHERE id IN (SELECT thing FROM item WHERE size < 5) ORDER BY id",
            [("item", "thing"), ("item", "size")],
            among.collect(),
        ),
    ];
    for (object, sql, fields, law) in questions {
        let known = fields.map(|(object, field)| match sight.could_see(object) {
            true => sight.knows(object, field),
            false => Known::Here,
        });
        let known = match (known.contains(&Known::Not), known.contains(&Known::Here)) {
            (true, _) => Known::Not,
            (_, true) => Known::Here,
            _ => Known::Everywhere,
        };
        let engine = ids(session, sql);
        if let Some(engine) = answered(sight, tally, (object, sql), known, engine) {
            let law = numbers(sight, &law);
            let decisions = (sight.number_of(object), law.len());
            tally.answer(sight.who(), "path", || sql.into(), decisions, (law, engine));
        }
    }
}
