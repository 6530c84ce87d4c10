//! Random stores, rights and questions.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The fields of items and the texts their values are drawn from: few, so that ties abound.
pub(super) const FIELDS: [(&str, &[&str]); 10] = [
    (
        "title",
        &["", "anna", "Anna", "ANNA b", "елка", "Ёлка", "Жук"],
    ),
    ("state", &["", "a", "b", "c"]),
    ("amount", &["", "10 EUR", "-10 EUR", "0.50 EUR", "7 USD"]),
    ("number", &["", "-5", "0", "3", "300"]),
    ("size", &["", "1.5", "1.50", "2", "-0.1"]),
    ("day", &["", "2017-03-01", "2017-03-02", "1969-12-31"]),
    (
        "at",
        &[
            "",
            "2017-02-28T20:30:00Z",
            "2017-02-28T21:30:00Z",
            "2017-03-02T12:00:00Z",
        ],
    ),
    ("done", &["", "true", "false"]),
    ("words", &["", "big", "big,red"]),
    // The last is longer than what totals tell apart.
    ("note", &["", "x", "y", LONG]),
];

const LONG: &str = "a word and another word and another word and another word and another \
    word and another word and another word and another word and another word";

/// What queries speak of: the fields above, what the engine keeps, and paths.
pub(super) const OPERANDS: [&str; 20] = [
    "title",
    "state",
    "amount",
    "number",
    "size",
    "day",
    "done",
    "words",
    "note",
    "id",
    "owner",
    "participants",
    "thing",
    "thing.name",
    "thing.number",
    "owner.login",
    CASE,
    COALESCE,
    YEAR,
    MONTH,
];

/// Operands that are computed of fields.
pub(super) const CASE: &str =
    "CASE WHEN number > 0 THEN 'plus' WHEN done THEN 'done' ELSE title END";
pub(super) const COALESCE: &str = "coalesce(number, size)";
pub(super) const YEAR: &str = "year(day)";
pub(super) const MONTH: &str = "start_of('month', at)";

/// The fields that an operand names.
pub(super) fn fields(operand: &str) -> Vec<&str> {
    match operand {
        CASE => vec!["number", "done", "title"],
        COALESCE => vec!["number", "size"],
        YEAR => vec!["day"],
        MONTH => vec!["at"],
        name => vec![name],
    }
}

/// Periods, and the days they had on the third of March 2017, the last one left out.
pub(super) const PERIODS: [(&str, &str, &str); 6] = [
    ("today", "2017-03-03", "2017-03-04"),
    ("yesterday", "2017-03-02", "2017-03-03"),
    ("last month", "2017-02-01", "2017-03-01"),
    ("this week", "2017-02-27", "2017-03-06"),
    ("last 2 days", "2017-03-02", "2017-03-04"),
    ("this year", "2017-01-01", "2018-01-01"),
];

/// Orders that lists offer, forwards and backwards, and others.
pub(super) const ORDERS: [&[(&str, bool)]; 15] = [
    &[],
    &[("id", false)],
    &[("day", false)],
    &[("title", false)],
    &[("title", true)],
    &[("title", false), ("id", false)],
    &[("title", false), ("id", true)],
    &[("day", true), ("title", false)],
    &[("day", false), ("title", true)],
    &[("state", false), ("number", true)],
    &[("state", false), ("number", false)],
    &[("id", true)],
    &[("note", true)],
    &[("thing.name", true), ("size", false)],
    &[("owner", false), ("amount", false)],
];

/// A sub-select: what must be among its values, its column, object and condition. The condition
/// names a field, an operator and a literal.
pub(super) type Sub = (&'static str, &'static str, &'static str, Filter);
pub(super) type Filter = (&'static str, &'static str, &'static str);

pub(super) const SUB_SELECTS: [Sub; 9] = [
    ("id", "other", "item", ("number", ">", "0")),
    ("id", "other", "item", ("state", "=", "'a'")),
    ("id", "id", "item", ("size", "<", "2")),
    ("thing", "id", "thing", ("name", "=", "'t1'")),
    ("thing", "thing", "item", ("done", "=", "TRUE")),
    ("other", "other", "item", ("day", ">", "'2017-03-01'")),
    ("title", "name", "thing", ("number", ">=", "1")),
    ("number", "size", "item", ("note", "=", "'x'")),
    ("owner", "owner", "thing", ("number", "<>", "2")),
];

pub(super) const USERS: usize = 4;
pub(super) const SCOPES: [&str; 7] = [
    "own",
    "shared",
    "supervised",
    "department",
    "subtree",
    "foreign",
    "all",
];

#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) supervisors: Vec<usize>,
    pub(super) roles: Vec<Vec<bool>>,
    /// Of each role: object, scope, hidden field.
    pub(super) grants: Vec<Vec<(&'static str, &'static str, &'static str)>>,
    /// Of each thing: owner, users it is shared with, which name and number.
    pub(super) things: Vec<(Option<usize>, Vec<usize>, usize)>,
    pub(super) changes: Vec<Change>,
    pub(super) one_currency: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Change {
    Create {
        owner: Option<usize>,
        values: Vec<Index>,
        thing: Option<Index>,
    },
    Update {
        item: Index,
        owner: Option<Option<usize>>,
        field: usize,
        value: Index,
    },
    Share {
        item: Index,
        users: Vec<usize>,
    },
    Delete {
        item: Index,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) actor: Option<usize>,
    pub(super) columns: Vec<&'static str>,
    pub(super) aggregates: Vec<&'static str>,
    pub(super) group: Vec<&'static str>,
    pub(super) order: usize,
    pub(super) limit: Option<usize>,
    /// Groups of more records only; rows each once where there are no groups.
    pub(super) more_than: Option<usize>,
    pub(super) pin: Option<usize>,
    pub(super) condition: Option<Condition>,
}

#[derive(Debug, Clone)]
pub(super) enum Condition {
    Compare(usize, &'static str, Index),
    Null(&'static str),
    In(usize, Vec<Index>),
    Like(&'static str),
    PathIs(&'static str),
    Ids(Vec<u64>),
    /// One of [`SUB_SELECTS`], and whether its condition is there and it is denied.
    Within(usize, bool, bool),
    Thing(u64),
    /// A day or a moment, and one of [`PERIODS`].
    Period(&'static str, usize),
    Not(Box<Condition>),
    Both(Box<Condition>, Box<Condition>),
    Either(Box<Condition>, Box<Condition>),
}

pub(super) fn setup() -> impl Strategy<Value = Setup> {
    let hidden = select(vec![
        "", "", "", "", "note", "amount", "state", "name", "number",
    ]);
    let grant = (
        select(vec!["item", "item", "thing", "user", "*"]),
        select(SCOPES.to_vec()),
        hidden,
    );
    let owner = || proptest::option::weighted(0.9, 0..USERS);
    let users = || vec(0..USERS, 0..3);
    let change = prop_oneof![
        4 => (owner(), vec(any::<Index>(), FIELDS.len()), proptest::option::of(any::<Index>()))
            .prop_map(|(owner, values, thing)| Change::Create { owner, values, thing }),
        3 => (any::<Index>(), proptest::option::of(owner()), 0..FIELDS.len(), any::<Index>())
            .prop_map(|(item, owner, field, value)| Change::Update { item, owner, field, value }),
        2 => (any::<Index>(), users()).prop_map(|(item, users)| Change::Share { item, users }),
        1 => any::<Index>().prop_map(|item| Change::Delete { item }),
    ];
    (
        vec(0..USERS, USERS),
        vec(vec(any::<bool>(), 2), USERS),
        vec(vec(grant, 1..4), 2),
        vec((owner(), users(), 0..4_usize), 1..4),
        vec(change, 0..80),
        any::<bool>(),
    )
        .prop_map(
            |(supervisors, roles, grants, things, changes, one_currency)| Setup {
                supervisors,
                roles,
                grants,
                things,
                changes,
                one_currency,
            },
        )
}

pub(super) fn condition() -> impl Strategy<Value = Condition> {
    let field = || 0..FIELDS.len() - 2;
    let leaf = prop_oneof![
        1 => (
            field(),
            select(vec!["=", "<>", "<", "<=", ">", ">="]),
            any::<Index>()
        )
            .prop_map(|(field, operator, value)| Condition::Compare(field, operator, value)),
        1 => select(OPERANDS.to_vec()).prop_map(Condition::Null),
        1 => (field(), vec(any::<Index>(), 1..3)).prop_map(|(f, values)| Condition::In(f, values)),
        1 => select(vec!["%", "ann%", "_лка", "%b", "%н%"]).prop_map(Condition::Like),
        1 => select(vec!["t1", "T2"]).prop_map(Condition::PathIs),
        1 => vec(0..60_u64, 1..6).prop_map(Condition::Ids),
        // Things are made after users, roles and grants.
        3 => (9..18_u64).prop_map(Condition::Thing),
        2 => (select(vec!["day", "at"]), 0..PERIODS.len())
            .prop_map(|(field, period)| Condition::Period(field, period)),
        2 => (0..SUB_SELECTS.len(), any::<bool>(), any::<bool>())
            .prop_map(|(at, filtered, denied)| Condition::Within(at, filtered, denied)),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let pair = || {
            (
                inner.clone().prop_map(Box::new),
                inner.clone().prop_map(Box::new),
            )
        };
        prop_oneof![
            inner.clone().prop_map(|c| Condition::Not(Box::new(c))),
            pair().prop_map(|(a, b)| Condition::Both(a, b)),
            pair().prop_map(|(a, b)| Condition::Either(a, b)),
        ]
    })
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let aggregates = select(vec![
        "count(*)",
        "count(*)",
        "count(*)",
        "sum(amount)",
        "sum(number)",
        "sum(size)",
        "count(note)",
        "min(title)",
        "max(number)",
        "avg(amount)",
        "avg(number)",
        "count(DISTINCT state)",
        "count(DISTINCT size)",
    ]);
    let group = prop_oneof![Just(vec!["state"]), vec(select(OPERANDS.to_vec()), 1..3)];
    (
        proptest::option::weighted(0.8, 0..USERS),
        vec(select(OPERANDS.to_vec()), 1..4),
        prop_oneof![
            Just((vec![], vec![])),
            (vec(aggregates.clone(), 1..3), Just(vec![])),
            (vec(aggregates, 0..3), group),
        ],
        0..ORDERS.len(),
        proptest::option::of(0..8_usize),
        proptest::option::weighted(0.3, 0..3_usize),
        proptest::option::weighted(0.3, 0..USERS),
        proptest::option::of(condition()),
    )
        .prop_map(
            |(actor, columns, (aggregates, group), order, limit, more_than, pin, condition)| {
                Question {
                    actor,
                    columns,
                    aggregates,
                    group,
                    order,
                    limit,
                    more_than,
                    pin,
                    condition,
                }
            },
        )
}

impl Condition {
    pub(super) fn sql(&self) -> String {
        let literal = |field: usize, value: &Index| match *value.get(FIELDS[field].1) {
            "" => "NULL".to_owned(),
            text if ["number", "size", "done"].contains(&FIELDS[field].0) => text.to_owned(),
            text => format!("'{text}'"),
        };
        match self {
            Condition::Compare(field, operator, value) => {
                format!("{} {operator} {}", FIELDS[*field].0, literal(*field, value))
            }
            Condition::Null(operand) => format!("{operand} IS NULL"),
            Condition::In(field, values) => {
                let values: Vec<String> =
                    values.iter().map(|value| literal(*field, value)).collect();
                format!("{} IN ({})", FIELDS[*field].0, values.join(", "))
            }
            Condition::Like(pattern) => format!("title LIKE '{pattern}'"),
            Condition::PathIs(name) => format!("thing.name = '{name}'"),
            Condition::Ids(ids) => {
                let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
                format!("id IN ({})", ids.join(", "))
            }
            Condition::Within(at, filtered, denied) => {
                let (operand, column, object, (field, operator, literal)) = SUB_SELECTS[*at];
                let not = if *denied { "NOT " } else { "" };
                let filter = match filtered {
                    true => format!(" WHERE {field} {operator} {literal}"),
                    false => String::new(),
                };
                format!("{operand} {not}IN (SELECT {column} FROM {object}{filter})")
            }
            Condition::Thing(id) => format!("thing = {id}"),
            Condition::Period(field, at) => format!("within({field}, '{}')", PERIODS[*at].0),
            Condition::Not(inner) => format!("NOT ({})", inner.sql()),
            Condition::Both(a, b) => format!("({}) AND ({})", a.sql(), b.sql()),
            Condition::Either(a, b) => format!("({}) OR ({})", a.sql(), b.sql()),
        }
    }

    /// The fields of sub-selects, each with its object.
    pub(super) fn selected(&self) -> Vec<(&'static str, &'static str)> {
        match self {
            Condition::Within(at, filtered, _) => {
                let (_, column, object, (field, ..)) = SUB_SELECTS[*at];
                let filter = filtered.then_some((object, field));
                std::iter::once((object, column)).chain(filter).collect()
            }
            Condition::Not(inner) => inner.selected(),
            Condition::Both(a, b) | Condition::Either(a, b) => {
                [a.selected(), b.selected()].concat()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn operands(&self) -> Vec<&'static str> {
        match self {
            Condition::Compare(field, ..) | Condition::In(field, _) => vec![FIELDS[*field].0],
            Condition::Null(operand) => vec![operand],
            Condition::Like(_) => vec!["title"],
            Condition::PathIs(_) => vec!["thing.name"],
            Condition::Ids(_) => vec!["id"],
            Condition::Within(at, ..) => vec![SUB_SELECTS[*at].0],
            Condition::Thing(_) => vec!["thing"],
            Condition::Period(field, _) => vec![field],
            Condition::Not(inner) => inner.operands(),
            Condition::Both(a, b) | Condition::Either(a, b) => {
                [a.operands(), b.operands()].concat()
            }
        }
    }
}
