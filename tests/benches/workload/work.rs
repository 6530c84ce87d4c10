//! What is asked, of whom, and what an answer is.

use serde_json::Value as Json;

use crate::data::{
    CITIES, Data, Dice, Kind, Parts, Role, SEGMENTS, city, phone_digits, reach, users,
};

use crate::report::{Figure, Pair};

/// A question to a system: users by number, companies by number.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// One company, all columns.
    Open { user: usize, company: usize },
    /// The same as JSON.
    OpenJson { user: usize, company: usize },
    /// The company with its contacts, open deals and last activities, all columns.
    Card { user: usize, company: usize },
    /// The same by the engine's one call, which tells more; compared by name and ids.
    CardCall { user: usize, company: usize },
    /// The first companies by name whose name begins so.
    Name { user: usize, prefix: String },
    /// The first companies by name of which a word begins so.
    Word { user: usize, prefix: String },
    /// The companies with a phone number.
    Phone { user: usize, number: String },
    /// The first fifty companies by their last activity, newest first.
    Latest { user: usize },
    /// The same list fifty by fifty: its twentieth page, or the last full one.
    Later { user: usize },
    /// All companies, the columns of the list.
    All { user: usize },
    /// The same as JSON.
    AllJson { user: usize },
    /// The deals by stage: how many, and their amounts.
    Funnel { user: usize },
    /// How many companies there are of a city and a segment.
    Count {
        user: usize,
        city: String,
        segment: usize,
    },
}

impl Question {
    pub fn user(&self) -> usize {
        match self {
            Question::Open { user, .. }
            | Question::OpenJson { user, .. }
            | Question::Card { user, .. }
            | Question::CardCall { user, .. }
            | Question::Name { user, .. }
            | Question::Word { user, .. }
            | Question::Phone { user, .. }
            | Question::Latest { user }
            | Question::Later { user }
            | Question::All { user }
            | Question::AllJson { user }
            | Question::Funnel { user }
            | Question::Count { user, .. } => *user,
        }
    }

    /// How many values a row of the answer has, where no order of rows is asked for.
    pub fn unordered(&self) -> Option<usize> {
        match self {
            Question::All { .. } => Some(LIST_COLUMNS),
            Question::AllJson { .. } => Some(JSON_COMPARED),
            _ => None,
        }
    }
}

/// Columns of the list of companies.
pub const LIST_COLUMNS: usize = 5;
/// Of a row in JSON its number, name and city: systems write the others in forms of their own.
const JSON_COMPARED: usize = 3;
/// Rows of a page, and the page that is far down.
pub const PAGE_ROWS: usize = 50;
pub const LATER_PAGE: usize = 20;

/// A row of the table: one operation for one role.
pub struct Row {
    pub id: &'static str,
    pub what: &'static str,
    pub peers: &'static [Peer],
    pub role: Role,
    /// How many times faster than SQLite the engine is meant to be.
    pub target: Option<f64>,
    pub questions: Vec<Question>,
}

impl Row {
    /// The line of this row in the table.
    pub fn figure(&self, data: Data, peer: &str, rounds: Vec<Pair>) -> Figure {
        Figure {
            n: data.n,
            row: self.id,
            what: self.what.to_owned(),
            under: self.role.name(),
            peer: peer.to_owned(),
            unit: "us",
            target: self.target,
            rounds,
        }
    }
}

/// The ways of SQLite: what a row is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Plain,
    /// Words of names in FTS5.
    Fts5,
    /// A table of sums by owner and stage, kept by triggers.
    Sums,
    /// The engine's own bytes, read by direct calls of redb.
    Floor,
}

/// Takes an answer value by value: counts it while time runs, or keeps it to be compared.
pub trait Sink {
    fn text(&mut self, text: &str);
    fn int(&mut self, n: i64);
    fn null(&mut self);

    /// Rows as one text.
    fn json(&mut self, text: &str) {
        self.text(text);
    }
}

/// Looks at every value and keeps nothing.
#[derive(Default)]
pub struct Look(u64);

impl Sink for Look {
    fn text(&mut self, text: &str) {
        self.0 = self.0.wrapping_add(text.len() as u64);
    }

    fn int(&mut self, n: i64) {
        self.0 = self.0.wrapping_add(n as u64);
    }

    fn null(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }
}

/// Passes on the first value of each row and looks at the others.
pub struct First<'s, S> {
    sink: &'s mut S,
    look: Look,
    columns: usize,
    passed: usize,
}

impl<'s, S: Sink> First<'s, S> {
    pub fn new(sink: &'s mut S, columns: usize) -> First<'s, S> {
        First {
            sink,
            look: Look::default(),
            columns,
            passed: 0,
        }
    }

    fn next(&mut self) -> &mut dyn Sink {
        self.passed += 1;
        match self.passed % self.columns == 1 % self.columns {
            true => self.sink,
            false => &mut self.look,
        }
    }
}

impl<S: Sink> Sink for First<'_, S> {
    fn text(&mut self, text: &str) {
        self.next().text(text);
    }

    fn int(&mut self, n: i64) {
        self.next().int(n);
    }

    fn null(&mut self) {
        self.next().null();
    }
}

/// Keeps every value.
#[derive(Default)]
pub struct Keep(pub Vec<String>);

impl Sink for Keep {
    fn text(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }

    fn int(&mut self, n: i64) {
        self.0.push(n.to_string());
    }

    fn null(&mut self) {
        self.0.push("-".to_owned());
    }

    /// What is the same in all systems.
    fn json(&mut self, text: &str) {
        let rows: Json = serde_json::from_str(text).unwrap();
        for row in rows.as_array().into_iter().flatten() {
            self.0
                .extend((0..JSON_COMPARED).map(|column| row[column].to_string()));
        }
    }
}

/// A system under test. Equal questions have equal answers in all of them.
pub trait System {
    fn name(&self) -> &'static str;

    fn ask<S: Sink>(&mut self, question: &Question, sink: &mut S);

    /// Answers without keeping anything.
    fn look(&mut self, question: &Question) {
        let mut look = Look::default();
        self.ask(question, &mut look);
        std::hint::black_box(look.0);
    }

    /// Answers, to be compared.
    fn keep(&mut self, question: &Question) -> Vec<String> {
        let mut keep = Keep::default();
        self.ask(question, &mut keep);
        keep.0
    }
}

/// Row, operation, peers, roles, target, how many questions, and what makes one.
struct Line(
    &'static str,
    &'static str,
    &'static [Peer],
    &'static [Role],
    Option<f64>,
    usize,
    Maker,
);

/// Questions of a row, and of one whose answers may be slow.
const MANY: usize = 2_000;
const FEW: usize = 100;

const ONE: &[Peer] = &[Peer::Plain];
const EVERYBODY: &[Role] = &[
    Role::Employee,
    Role::Head,
    Role::RegionalHead,
    Role::Administrator,
];
const OUTER: &[Role] = &[Role::Employee, Role::Administrator];
const UPPER: &[Role] = &[Role::Head, Role::Administrator];
const LOWER: &[Role] = &[Role::Employee, Role::Head];
const WORDS: &[Peer] = &[Peer::Plain, Peer::Fts5];
const FLOOR: &[Peer] = &[Peer::Floor];
const SUMS: &[Peer] = &[Peer::Plain, Peer::Sums];

#[rustfmt::skip]
const LINES: [Line; 15] = [
    Line("R1", "open a company", ONE, &[Role::Employee], Some(5.0), MANY, open),
    Line("R1", "open, as JSON", ONE, &[Role::Employee], None, MANY, open_json),
    Line("R1", "the same, its bytes alone", FLOOR, &[Role::Employee], None, MANY, open),
    Line("R2", "first 50 by last activity", ONE, EVERYBODY, Some(6.0), FEW, latest),
    Line("R2", "the same, its bytes alone", FLOOR, OUTER, None, FEW, latest),
    Line("R3", "card, typed reads", ONE, LOWER, Some(6.0), MANY, card),
    Line("R3", "card, one call", ONE, LOWER, None, MANY, card_call),
    Line("R4", "page 20 by last activity", ONE, UPPER, Some(3.0), FEW, later),
    Line("R5", "name prefix", ONE, OUTER, Some(4.0), MANY, by_name),
    Line("R5", "word prefix", WORDS, OUTER, Some(20.0), MANY, by_word),
    Line("R5", "phone", ONE, OUTER, Some(3.0), MANY, by_phone),
    Line("R6", "funnel", SUMS, EVERYBODY, Some(20.0), FEW, funnel),
    Line("R7", "count by city and segment", ONE, EVERYBODY, Some(8.0), FEW, count),
    Line("R8", "all of a department, rows", ONE, &[Role::Head], Some(3.0), FEW, all),
    Line("R8", "all of a department, JSON", ONE, &[Role::Head], Some(3.0), FEW, all_json),
];

/// What must be loaded for the rows that `wanted` names.
pub fn parts(wanted: &[String]) -> Parts {
    let needs = |rows: &[&str]| wanted.iter().any(|row| rows.contains(&row.as_str()));
    match (needs(&["R3", "W1", "W2", "W3", "W4", "S1"]), needs(&["R6"])) {
        (true, _) => Parts::All,
        (false, true) => Parts::Deals,
        (false, false) => Parts::Companies,
    }
}

/// The rows of the table that `wanted` names, with their questions.
pub fn rows(data: Data, wanted: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, Line(id, what, peers, roles, target, count, make)) in LINES.iter().enumerate() {
        for role in roles.iter().filter(|_| wanted.iter().any(|row| row == id)) {
            let mut dice = data.dice(Kind::Question, 16 * number + *role as usize);
            let viewers: Vec<usize> = users()
                .iter()
                .enumerate()
                .filter(|(_, user)| user.role == *role)
                .map(|(number, _)| number)
                .collect();
            let question = |at: usize| {
                let user = viewers[dice.index(viewers.len())];
                make(data, user, at, &mut dice)
            };
            rows.push(Row {
                id,
                what,
                peers,
                role: *role,
                target: *target,
                questions: (0..*count).map(question).collect(),
            });
        }
    }
    rows
}

type Maker = fn(Data, usize, usize, &mut Dice) -> Question;

/// Every second company is one the user may see.
fn company(data: Data, user: usize, at: usize, dice: &mut Dice) -> usize {
    // The administrator sees every one; the search ends for anybody who owns something.
    (0..1_000_000)
        .map(|_| dice.index(data.n))
        .find(|number| data.sees(user, *number) == at.is_multiple_of(2))
        .unwrap_or(0)
}

fn open(data: Data, user: usize, at: usize, dice: &mut Dice) -> Question {
    let company = company(data, user, at, dice);
    Question::Open { user, company }
}

fn open_json(data: Data, user: usize, at: usize, dice: &mut Dice) -> Question {
    let company = company(data, user, at, dice);
    Question::OpenJson { user, company }
}

/// Cards are asked for what is seen in a list before: all of them may be seen.
fn card(data: Data, user: usize, _: usize, dice: &mut Dice) -> Question {
    let company = company(data, user, 0, dice);
    Question::Card { user, company }
}

fn card_call(data: Data, user: usize, _: usize, dice: &mut Dice) -> Question {
    let company = company(data, user, 0, dice);
    Question::CardCall { user, company }
}

fn by_name(data: Data, user: usize, _: usize, dice: &mut Dice) -> Question {
    let name = data.company(dice.index(data.n)).name;
    let prefix = head(&name);
    Question::Name { user, prefix }
}

fn by_word(data: Data, user: usize, _: usize, dice: &mut Dice) -> Question {
    let name = data.company(dice.index(data.n)).name;
    let words: Vec<&str> = name.split(' ').collect();
    let prefix = head(words[dice.index(words.len())]);
    Question::Word { user, prefix }
}

/// Every second number is one of a company the user may see.
fn by_phone(data: Data, user: usize, at: usize, dice: &mut Dice) -> Question {
    let company = match reach(user).len() == crate::data::EMPLOYEES {
        true => dice.index(data.n),
        false => company(data, user, at, dice),
    };
    let digits = phone_digits(&data.company(company).phone);
    let number = crate::data::notation(&digits, dice);
    Question::Phone { user, number }
}

fn latest(_: Data, user: usize, _: usize, _: &mut Dice) -> Question {
    Question::Latest { user }
}

fn later(_: Data, user: usize, _: usize, _: &mut Dice) -> Question {
    Question::Later { user }
}

fn all(_: Data, user: usize, _: usize, _: &mut Dice) -> Question {
    Question::All { user }
}

fn all_json(_: Data, user: usize, _: usize, _: &mut Dice) -> Question {
    Question::AllJson { user }
}

fn funnel(_: Data, user: usize, _: usize, _: &mut Dice) -> Question {
    Question::Funnel { user }
}

fn count(_: Data, user: usize, _: usize, dice: &mut Dice) -> Question {
    Question::Count {
        user,
        city: city(dice.index(CITIES)),
        segment: dice.index(SEGMENTS.len()),
    }
}

/// The first three letters in lower case.
fn head(word: &str) -> String {
    word.chars().take(3).flat_map(char::to_lowercase).collect()
}
