//! Conditions as trees. Whether one holds is told here by three-valued logic over the tree itself;
//! the engine gets the text of it.

use super::generate::Dice;
use super::law::{Fields, Value};
use super::shapes::shape;

/// A condition on the fields of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    Is(&'static str, Value),
    Less(&'static str, i64),
    Empty(&'static str),
    /// The field names the user who asks.
    Me(&'static str),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    /// A text about a field that is no more.
    Unreadable,
}

impl Condition {
    /// A condition on the things of the test pack.
    pub(crate) fn random(dice: &mut Dice, object: &str) -> Condition {
        if dice.one_in(12) {
            return Condition::Unreadable;
        }
        Condition::nested(dice, object, 2)
    }

    fn nested(dice: &mut Dice, object: &str, depth: usize) -> Condition {
        let inner = |dice: &mut Dice| Box::new(Condition::nested(dice, object, depth - 1));
        match dice.below(if depth == 0 { 5 } else { 8 }) {
            5 => Condition::And(inner(dice), inner(dice)),
            6 => Condition::Or(inner(dice), inner(dice)),
            7 => Condition::Not(inner(dice)),
            at => Condition::simple(dice, object, at),
        }
    }

    fn simple(dice: &mut Dice, object: &str, at: usize) -> Condition {
        let size = i64::try_from(dice.below(9)).unwrap_or_default();
        let text = |text: &str| Value::Text(text.to_owned());
        match (object, at) {
            ("kind", _) => Condition::Less("rank", size),
            ("item", 0) => Condition::Is("state", text(dice.pick(&["open", "done"]))),
            ("item", 4) => Condition::Empty("thing"),
            ("item", _) => Condition::Less("size", size),
            (_, 0) => Condition::Is("stage", text(dice.pick(&["new", "won", "lost"]))),
            (_, 1) => Condition::Less("size", size),
            (_, 2) => Condition::Empty(dice.pick(&["size", "kind", "note"])),
            (_, 3) => Condition::Me("helper"),
            _ => Condition::Is("title", text(dice.pick(&super::generate::WORDS))),
        }
    }

    /// As it is written in the condition language.
    pub(crate) fn text(&self) -> String {
        match self {
            Condition::Is(field, Value::Text(text)) => format!("{field} = '{text}'"),
            Condition::Is(field, Value::Number(number)) => format!("{field} = {number}"),
            Condition::Is(..) | Condition::Unreadable => "lost = 1".to_owned(),
            Condition::Less(field, than) => format!("{field} < {than}"),
            Condition::Empty(field) => format!("{field} IS NULL"),
            Condition::Me(field) => format!("{field} = :me"),
            Condition::And(a, b) => format!("({} AND {})", a.text(), b.text()),
            Condition::Or(a, b) => format!("({} OR {})", a.text(), b.text()),
            Condition::Not(a) => format!("NOT ({})", a.text()),
        }
    }

    /// Whether it means something for records of an object.
    pub(crate) fn is_readable(&self, object: &str) -> bool {
        self.fields()
            .is_some_and(|fields| fields.iter().all(|field| shape(object).has(field)))
    }

    /// The fields it reads; none for what means nothing.
    pub(crate) fn fields(&self) -> Option<Vec<&'static str>> {
        match self {
            Condition::Unreadable => None,
            Condition::Is(field, _)
            | Condition::Less(field, _)
            | Condition::Empty(field)
            | Condition::Me(field) => Some(vec![field]),
            Condition::And(a, b) | Condition::Or(a, b) => Some([a.fields()?, b.fields()?].concat()),
            Condition::Not(a) => a.fields(),
        }
    }

    /// Whether it holds; none where it is neither true nor false.
    pub(crate) fn holds(&self, fields: &Fields, me: usize) -> Option<bool> {
        match self {
            Condition::Unreadable => None,
            Condition::Empty(field) => Some(!fields.contains_key(field)),
            Condition::Is(field, value) => fields.get(field).map(|known| known == value),
            Condition::Me(field) => fields.get(field).map(|known| *known == Value::User(me)),
            Condition::Less(field, than) => match fields.get(field)? {
                Value::Number(number) => Some(number < than),
                _ => None,
            },
            Condition::Not(a) => a.holds(fields, me).map(|holds| !holds),
            Condition::And(a, b) => match (a.holds(fields, me), b.holds(fields, me)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Condition::Or(a, b) => match (a.holds(fields, me), b.holds(fields, me)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}
