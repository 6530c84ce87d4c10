//! Checked expressions and their evaluation, with SQL's three-valued logic.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::calendar::Unit;
use super::child::{Asked, Child};
use super::domain::midnight;
use super::like;
use super::params::Bound;
use super::range::Range;
use super::row::{Row, StoredRow};
use super::subselect::SubSelect;
use crate::error::{Error, Result};
use crate::facts;
use crate::ids::{ChoiceId, FieldId, ObjectId};
use crate::policy::Plan;
use crate::schema::keys;
use crate::store::Read;
use crate::value::{Money, RecordView, Value, compare};

/// What is true, false or unknown of a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Constant(Option<bool>),
    /// A checkbox.
    Checked(Operand),
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Compare(Operand, Comparison, Operand),
    In(Operand, Vec<Operand>),
    /// Among what a sub-select gives.
    Within(Operand, Arc<SubSelect>),
    IsNull(Operand),
    /// The second operand is a folded pattern.
    Like(Operand, Operand),
    /// In one of the periods of the run.
    InPeriod(Operand, usize),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What has a value for a record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Constant(Value),
    /// The value bound to a place of a parameter.
    Bound(usize),
    Field(FieldId),
    Path(Box<Path>),
    /// A reference as the actor may see it.
    Link(Box<Link>),
    Negative(Box<Operand>),
    Arithmetic(Box<(Operand, Arithmetic, Operand)>),
    /// The currency of an amount.
    Currency(Box<Operand>),
    /// The API names of a choice set, as tags.
    Names(Box<(Operand, Vec<(ChoiceId, String)>)>),
    /// The first that has a value.
    Coalesce(Vec<Operand>),
    /// How many of them have a value, in per cent, rounded down.
    Filled(Vec<Operand>),
    Case(Box<Case>),
    /// The number of a unit in the calendar.
    DatePart(Box<(Unit, Operand)>),
    /// The first day of the unit of that name.
    StartOf(Box<(Operand, Operand)>),
    /// A whole number as a decimal, where it stands among decimals.
    Widened(Box<Operand>),
    /// One of the values that a query with groups has of each group.
    Part(usize),
    /// What a sub-select gives for the record.
    Child(Asked),
}

/// The value behind the first condition that holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(super) arms: Vec<(Test, Operand)>,
    pub(super) otherwise: Operand,
}

/// A field of a record that is reached over references.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    /// The reference of the record itself.
    pub(super) first: FieldId,
    /// The object each reference refers to and the field read there; of the last, the value.
    pub(super) steps: Vec<Step>,
}

/// A reference that is no value where its target is out of the plan's reach.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Link {
    pub(super) reference: Operand,
    pub(super) target: ObjectId,
    pub(super) plan: Arc<Plan>,
}

/// One step of a path. Its plan applies to the record it reaches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) object: ObjectId,
    pub(super) plan: Arc<Plan>,
    pub(super) field: FieldId,
}

/// An operation on numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// What an expression is evaluated against.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The record.
    pub(crate) row: &'a dyn Row,
    /// Where references are followed: the same state the record is from.
    pub(crate) read: &'a dyn Read,
    /// The values of the parameters, and the answers of sub-selects.
    pub(crate) bound: &'a Bound,
}

impl Test {
    /// Whether the test holds; none when that is unknown.
    pub(crate) fn evaluate(&self, context: &Context<'_>) -> Result<Option<bool>> {
        match self {
            Test::Constant(answer) => Ok(*answer),
            Test::Checked(operand) => Ok(operand.evaluate(context)?.as_bool()),
            Test::And(tests) => decided_by(false, tests.iter().map(|test| test.evaluate(context))),
            Test::Or(tests) => decided_by(true, tests.iter().map(|test| test.evaluate(context))),
            Test::Not(test) => Ok(test.evaluate(context)?.map(|answer| !answer)),
            Test::Compare(left, comparison, right) => {
                let (left, right) = (left.evaluate(context)?, right.evaluate(context)?);
                Ok(comparison.holds(relate(&left, &right)))
            }
            Test::In(operand, list) => {
                let value = operand.evaluate(context)?;
                let equal = list.iter().map(|item| {
                    let item = item.evaluate(context)?;
                    Ok(Comparison::Equal.holds(relate(&value, &item)))
                });
                decided_by(true, equal)
            }
            Test::Within(operand, sub_select) => {
                let members = sub_select.members(context.read, context.bound)?;
                Ok(members.contain(&*operand.evaluate(context)?))
            }
            Test::InPeriod(operand, period) => {
                let value = operand.evaluate(context)?;
                Ok(context.bound.period(*period)?.contains(&value))
            }
            Test::IsNull(operand) => Ok(Some(operand.evaluate(context)?.is_null())),
            Test::Like(operand, pattern) => {
                let (value, pattern) = (operand.evaluate(context)?, pattern.evaluate(context)?);
                let Some(pattern) = pattern.as_text() else {
                    return Ok(None);
                };
                Ok(match value.as_tags() {
                    Some(tags) => Some(tags.iter().any(|tag| like::matches(pattern, tag))),
                    None => value.as_text().map(|text| like::matches(pattern, text)),
                })
            }
        }
    }

    /// As [`Operand::reads`], of a test.
    pub(super) fn reads(&self, fields: &mut Vec<FieldId>) -> bool {
        match self {
            Test::Constant(_) => true,
            Test::Checked(operand) | Test::IsNull(operand) => operand.reads(fields),
            Test::And(tests) | Test::Or(tests) => tests.iter().all(|test| test.reads(fields)),
            Test::Not(test) => test.reads(fields),
            Test::Compare(left, _, right) | Test::Like(left, right) => {
                left.reads(fields) && right.reads(fields)
            }
            Test::In(operand, list) => {
                operand.reads(fields) && list.iter().all(|item| item.reads(fields))
            }
            Test::Within(..) | Test::InPeriod(..) => false,
        }
    }

    /// The constants and parameters one of which `field` must equal wherever the test holds; none
    /// when the test does not say. This tells a query which records it need not look at.
    pub(crate) fn pins(&self, field: FieldId) -> Option<Vec<&Operand>> {
        match self {
            Test::And(tests) => tests.iter().find_map(|test| test.pins(field)),
            // What is seen of a reference is the reference or nothing.
            Test::Compare(Operand::Link(link), Comparison::Equal, other)
            | Test::Compare(other, Comparison::Equal, Operand::Link(link))
                if link.reference == Operand::Field(field) && other.is_fixed() =>
            {
                Some(vec![other])
            }
            test => test.is_pin(field),
        }
    }

    /// The pattern that the text of `field` must match wherever the test holds.
    pub(crate) fn pattern(&self, field: FieldId) -> Option<&Operand> {
        match self {
            Test::And(tests) => tests.iter().find_map(|test| test.pattern(field)),
            Test::Like(operand, pattern) if operand.is_of(field) => Some(pattern),
            _ => None,
        }
    }

    /// Between what the value of `field` must be wherever the test holds.
    pub(crate) fn range(&self, field: FieldId) -> Option<Range> {
        let mut range = Range::default();
        self.narrow(field, &mut range);
        (range != Range::default()).then_some(range)
    }

    fn narrow(&self, field: FieldId, range: &mut Range) {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        let mut ends = |lower: Option<&Operand>, upper: Option<&Operand>| {
            let fixed = |end: Option<&Operand>| end.filter(|end| end.is_fixed()).cloned();
            range.lower = range.lower.take().or_else(|| fixed(lower));
            range.upper = range.upper.take().or_else(|| fixed(upper));
        };
        match self {
            Test::And(tests) => tests.iter().for_each(|test| test.narrow(field, range)),
            Test::InPeriod(operand, period) if operand.is_of(field) => {
                range.period = range.period.or(Some(*period));
            }
            Test::Compare(one, comparison, other) if one.is_of(field) => match comparison {
                Equal => ends(Some(other), Some(other)),
                Greater | GreaterOrEqual => ends(Some(other), None),
                Less | LessOrEqual => ends(None, Some(other)),
                Comparison::NotEqual => {}
            },
            Test::Compare(other, comparison, one) if one.is_of(field) => match comparison {
                Equal => ends(Some(other), Some(other)),
                Greater | GreaterOrEqual => ends(None, Some(other)),
                Less | LessOrEqual => ends(Some(other), None),
                Comparison::NotEqual => {}
            },
            _ => {}
        }
    }

    /// The sub-select among whose values `field` must be wherever the test holds.
    pub(crate) fn pinned_within(&self, field: FieldId) -> Option<&Arc<SubSelect>> {
        match self {
            Test::And(tests) => tests.iter().find_map(|test| test.pinned_within(field)),
            Test::Within(Operand::Field(f), sub_select) if *f == field => Some(sub_select),
            _ => None,
        }
    }

    /// The part that [`pins`](Test::pins) a field, and what else the test says. The part tells
    /// the same of all records with one value of the field.
    pub(crate) fn parted(&self, field: FieldId) -> Option<(Test, Option<Test>)> {
        let Test::And(tests) = self else {
            return self.pins(field).map(|_| (self.clone(), None));
        };
        let at = tests.iter().position(|test| test.pins(field).is_some())?;
        let (pin, inner) = tests[at].parted(field)?;
        let (before, after) = (&tests[..at], &tests[at + 1..]);
        let rest: Vec<Test> = [before, inner.as_slice(), after].concat();
        Some((pin, (!rest.is_empty()).then_some(Test::And(rest))))
    }

    /// As [`pins`](Test::pins), where the test says nothing else.
    pub(crate) fn is_pin(&self, field: FieldId) -> Option<Vec<&Operand>> {
        let fixed = |operand: &&Operand| operand.is_fixed();
        match self {
            Test::Compare(one, Comparison::Equal, other) if one.is_of(field) => {
                Some(other).filter(fixed).map(|operand| vec![operand])
            }
            Test::Compare(other, Comparison::Equal, one) if one.is_of(field) => {
                Some(other).filter(fixed).map(|operand| vec![operand])
            }
            Test::In(one, list) if one.is_of(field) => list
                .iter()
                .all(|item| fixed(&item))
                .then(|| list.iter().collect()),
            _ => None,
        }
    }
}

/// `AND` is decided by the first false, `OR` by the first true; failing that, by an unknown.
fn decided_by(
    decision: bool,
    answers: impl Iterator<Item = Result<Option<bool>>>,
) -> Result<Option<bool>> {
    let mut result = Some(!decision);
    for answer in answers {
        match answer? {
            Some(answer) if answer == decision => return Ok(Some(decision)),
            Some(_) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// How two values stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// One of them is no value.
    Unknown,
    /// They differ, and nothing tells which one is greater.
    Unequal,
    Ordered(Ordering),
}

impl Comparison {
    fn holds(self, relation: Relation) -> Option<bool> {
        match (relation, self) {
            (Relation::Unknown, _) => None,
            (Relation::Unequal, Comparison::Equal) => Some(false),
            (Relation::Unequal, Comparison::NotEqual) => Some(true),
            (Relation::Unequal, _) => None,
            (Relation::Ordered(order), comparison) => Some(match comparison {
                Comparison::Equal => order.is_eq(),
                Comparison::NotEqual => order.is_ne(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
            }),
        }
    }
}

fn relate(a: &Value, b: &Value) -> Relation {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Relation::Unknown,
        (Value::Money(a), Value::Money(b)) if a.currency != b.currency => Relation::Unequal,
        (Value::Date(a), Value::DateTime(_)) => relate(&midnight(*a), b),
        (Value::DateTime(_), Value::Date(b)) => relate(a, &midnight(*b)),
        (a, b) if a.value_type() == b.value_type() => match compare(a, b) {
            Ordering::Equal if a != b => Relation::Unequal,
            order => Relation::Ordered(order),
        },
        (a, b) => match (amount(a), amount(b), a.as_text(), b.as_text()) {
            (Some(a), Some(b), ..) => Relation::Ordered(a.cmp(&b)),
            (.., Some(a), Some(b)) => relate(&a.into(), &b.into()),
            _ => Relation::Unequal,
        },
    }
}

/// A number, or the amount of money.
fn amount(value: &Value) -> Option<Decimal> {
    match value {
        Value::Integer(n) => Some(Decimal::from(*n)),
        Value::Decimal(n) => Some(*n),
        Value::Money(Money { amount, .. }) => Some(*amount),
        _ => None,
    }
}

impl Operand {
    /// Whether a value of the operand is the value of `field`: a link that is seen is.
    fn is_of(&self, field: FieldId) -> bool {
        match self {
            Operand::Field(own) => *own == field,
            Operand::Link(link) => link.reference.is_of(field),
            _ => false,
        }
    }

    /// Which way the sub-select finds its records that the operand is, if it is one.
    pub(crate) fn child_way(&self) -> Option<String> {
        match self {
            Operand::Child(child) => Some(child.0.way()),
            _ => None,
        }
    }

    /// What a sub-select gives.
    pub(crate) fn child(child: Arc<dyn Child>) -> Operand {
        Operand::Child(Asked(child))
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self, Operand::Constant(_) | Operand::Bound(_))
    }

    /// What every text begins with, folded, that matches this pattern; empty where that is open.
    pub(crate) fn beginning<'a>(&'a self, bound: &'a [Value]) -> &'a str {
        let pattern = self.fixed(bound).and_then(Value::as_text);
        pattern.map_or("", like::beginning)
    }

    /// The value of a constant or a parameter; none for what depends on the record.
    pub(crate) fn fixed<'a>(&'a self, bound: &'a [Value]) -> Option<&'a Value> {
        match self {
            Operand::Constant(value) => Some(value),
            Operand::Bound(place) => bound.get(*place),
            _ => None,
        }
    }

    /// Adds the fields of the record itself that the operand reads; false when it reads anything
    /// else: another record. Parameters are no part of any record.
    pub(super) fn reads(&self, fields: &mut Vec<FieldId>) -> bool {
        match self {
            Operand::Constant(_) | Operand::Bound(_) => true,
            Operand::Path(_) | Operand::Part(_) | Operand::Child(_) => false,
            Operand::Field(field) => {
                fields.push(*field);
                true
            }
            Operand::Negative(operand) | Operand::Currency(operand) | Operand::Widened(operand) => {
                operand.reads(fields)
            }
            Operand::Case(case) => case.reads(fields),
            Operand::DatePart(part) => part.1.reads(fields),
            Operand::StartOf(parts) => parts.0.reads(fields) && parts.1.reads(fields),
            Operand::Arithmetic(operation) => {
                operation.0.reads(fields) && operation.2.reads(fields)
            }
            Operand::Coalesce(operands) | Operand::Filled(operands) => {
                operands.iter().all(|operand| operand.reads(fields))
            }
            Operand::Link(link) => link.reference.reads(fields),
            Operand::Names(set) => set.0.reads(fields),
        }
    }

    /// The value for a record; [`Value::Null`] where there is none.
    pub(crate) fn evaluate<'a>(&'a self, context: &Context<'a>) -> Result<Cow<'a, Value>> {
        match self {
            Operand::Constant(_) | Operand::Bound(_) => match self.fixed(context.bound) {
                Some(value) => Ok(Cow::Borrowed(value)),
                None => Err(Error::internal("a parameter was not bound")),
            },
            Operand::Field(field) => context.row.value(*field),
            Operand::Path(path) => path.follow(context).map(Cow::Owned),
            Operand::Link(link) => link.evaluate(context),
            Operand::Part(part) => context.row.part(*part),
            Operand::Child(child) => child.0.answer(context).map(Cow::Owned),
            Operand::Case(case) => case.chosen(context)?.evaluate(context),
            Operand::DatePart(part) => {
                let day = day(&*part.1.evaluate(context)?, context)?;
                let number = day.map(|day| Value::Integer(part.0.number(day)));
                Ok(Cow::Owned(number.unwrap_or_default()))
            }
            Operand::StartOf(parts) => {
                let day = day(&*parts.1.evaluate(context)?, context)?;
                let unit = parts.0.evaluate(context)?;
                let unit = unit.as_text().and_then(Unit::parse);
                let first = day
                    .zip(unit)
                    .map(|(day, unit)| Value::Date(unit.first_day(day)));
                Ok(Cow::Owned(first.unwrap_or_default()))
            }
            Operand::Widened(operand) => Ok(match &*operand.evaluate(context)? {
                Value::Integer(n) => Cow::Owned(Value::Decimal((*n).into())),
                other => Cow::Owned(other.clone()),
            }),
            Operand::Negative(operand) => Ok(Cow::Owned(negative(&*operand.evaluate(context)?))),
            Operand::Arithmetic(operation) => {
                let (left, operator, right) = &**operation;
                let (left, right) = (left.evaluate(context)?, right.evaluate(context)?);
                Ok(Cow::Owned(
                    operator.apply(&left, &right).unwrap_or_default(),
                ))
            }
            Operand::Currency(operand) => {
                let money = operand.evaluate(context)?.as_money();
                let code = money.map(|money| Value::from(money.currency.as_str()));
                Ok(Cow::Owned(code.unwrap_or_default()))
            }
            Operand::Names(set) => {
                let (operand, names) = &**set;
                let Value::ChoiceSet(chosen) = &*operand.evaluate(context)? else {
                    return Ok(Cow::Owned(Value::Null));
                };
                let chosen = names.iter().filter(|(id, _)| chosen.contains(id));
                let tags = chosen.map(|(_, name)| name.clone()).collect();
                Ok(Cow::Owned(Value::Tags(tags)))
            }
            Operand::Coalesce(operands) => {
                for operand in operands {
                    let value = operand.evaluate(context)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Ok(Cow::Owned(Value::Null))
            }
            Operand::Filled(operands) => filled(operands, context).map(Cow::Owned),
        }
    }
}

fn filled(operands: &[Operand], context: &Context<'_>) -> Result<Value> {
    let mut filled = 0;
    for operand in operands {
        filled += i64::from(!operand.evaluate(context)?.is_null());
    }
    let total = i64::try_from(operands.len()).unwrap_or(i64::MAX);
    let percent = (100 * filled).checked_div(total);
    Ok(percent.map_or(Value::Null, Value::Integer))
}

/// The day of a day, or of a moment where the reader is.
fn day(value: &Value, context: &Context<'_>) -> Result<Option<NaiveDate>> {
    Ok(match value {
        Value::Date(day) => Some(*day),
        Value::DateTime(at) => Some(context.bound.calendar()?.day_of(*at)),
        _ => None,
    })
}

fn negative(value: &Value) -> Value {
    match value {
        Value::Money(Money { currency, amount }) => Value::Money(Money::new(-*amount, *currency)),
        other => amount(other).map_or(Value::Null, |number| Value::Decimal(-number)),
    }
}

impl Arithmetic {
    /// None where numbers of 28 digits have no answer, and for amounts in two currencies.
    fn apply(self, left: &Value, right: &Value) -> Option<Value> {
        let (a, b) = (amount(left)?, amount(right)?);
        let result = match self {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide => a.checked_div(b),
        }?;
        let currency = match (left.as_money(), right.as_money()) {
            (None, None) => None,
            (Some(left), Some(right)) if left.currency != right.currency => return None,
            (Some(_), Some(_)) if self == Arithmetic::Divide => None,
            // What has no currency is not added to what has one.
            (Some(_), None) | (None, Some(_))
                if matches!(self, Arithmetic::Add | Arithmetic::Subtract) =>
            {
                return None;
            }
            (Some(money), _) | (None, Some(money)) => Some(money.currency),
        };
        Some(match currency {
            Some(currency) => Value::Money(Money::new(result, currency)),
            None => Value::Decimal(result),
        })
    }
}

impl Case {
    fn chosen(&self, context: &Context<'_>) -> Result<&Operand> {
        for (test, operand) in &self.arms {
            if test.evaluate(context)? == Some(true) {
                return Ok(operand);
            }
        }
        Ok(&self.otherwise)
    }

    /// As [`Operand::reads`].
    fn reads(&self, fields: &mut Vec<FieldId>) -> bool {
        let mut arms = self.arms.iter();
        arms.all(|(test, operand)| test.reads(fields) && operand.reads(fields))
            && self.otherwise.reads(fields)
    }
}

impl Link {
    /// A reference to a hidden record is the same as none (invariant *invisible is absent*).
    fn evaluate<'a>(&'a self, context: &Context<'a>) -> Result<Cow<'a, Value>> {
        let value = self.reference.evaluate(context)?;
        let Some(id) = value.as_reference() else {
            return Ok(value);
        };
        let target = context.read.get(&keys::record(self.target, id))?;
        let seen = match &target {
            Some(bytes) => facts::permits(context.read, &self.plan, &RecordView::new(bytes)?)?,
            None => false,
        };
        Ok(if seen { value } else { Cow::Owned(Value::Null) })
    }
}

impl Path {
    /// A record that is not there and one that the step's plan does not reach are the same: no
    /// value (invariant *invisible is absent*).
    fn follow(&self, context: &Context<'_>) -> Result<Value> {
        let mut value = context.row.value(self.first)?.into_owned();
        for step in &self.steps {
            let Some(id) = value.as_reference() else {
                return Ok(Value::Null);
            };
            let Some(bytes) = context.read.get(&keys::record(step.object, id))? else {
                return Ok(Value::Null);
            };
            let row = StoredRow::new(id, &bytes)?;
            if !facts::permits(context.read, &step.plan, &row)? {
                return Ok(Value::Null);
            }
            value = row.value(step.field)?.into_owned();
        }
        Ok(value)
    }
}
