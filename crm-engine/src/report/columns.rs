//! The columns of a report: formulas over its figures, shares, places and classes.
//!
//! Formulas are written in the language of conditions. The figures of a row are the fields of an
//! object that is made for the purpose, so a formula that names an unknown measure is refused as
//! one that names an unknown field.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::{Decimal, RoundingStrategy};

use super::ask::Asked;
use super::declare::{ColumnDeclaration, WordDeclaration};
use super::part::{at, is_absent};
use crate::error::{Code, Error, Result};
use crate::expr::{self, Ast, Bound, Checker, Context, Operand, Plans, Row, Scope, Source, Test};
use crate::ids::FieldId;
use crate::policy::{Action, Actor, Organisation, Plan};
use crate::schema::{FieldDeclaration, Object, ObjectDeclaration, Schema, system};
use crate::store::Read;
use crate::value::{Money, Value, ValueType, compare, encode_value};

/// Places of a number that a formula gives.
const PLACES: u32 = 2;

/// What formulas of a report may name so far, with the types of the values.
pub(super) struct Names {
    fields: Vec<(String, ValueType)>,
    schema: Schema,
    object: Arc<Object>,
}

/// The values of one row, in the order of the names.
struct Figures<'a>(&'a [Value]);

impl Row for Figures<'_> {
    fn value(&self, field: FieldId) -> Result<std::borrow::Cow<'_, Value>> {
        let at = field.0.checked_sub(system::DECLARED_FIRST);
        let value = at.and_then(|at| self.0.get(usize::from(at)));
        Ok(std::borrow::Cow::Owned(value.cloned().unwrap_or_default()))
    }
}

impl Names {
    /// # Errors
    /// [`Code::InvalidValue`] for a name that cannot be one, or stands for two things.
    pub(super) fn new(fields: Vec<(String, ValueType)>) -> Result<Names> {
        let mut seen = std::collections::BTreeSet::new();
        if let Some((name, _)) = fields.iter().find(|(name, _)| !seen.insert(name.clone())) {
            let text = format!("two figures of the report are called `{name}`");
            return Err(at(Error::new(Code::InvalidValue, text), name));
        }
        let declared = fields
            .iter()
            .map(|(name, kind)| FieldDeclaration::new(name, figure_type(*kind)));
        let declared = ObjectDeclaration {
            name: "report".to_owned(),
            field: declared.collect(),
            ..ObjectDeclaration::default()
        };
        let schema = Schema::default().apply(&[declared])?;
        let object = Arc::clone(schema.object("report")?);
        Ok(Names {
            fields,
            schema,
            object,
        })
    }

    fn with(&self, name: &str, kind: ValueType) -> Result<Names> {
        let mut fields = self.fields.clone();
        fields.push((name.to_owned(), kind));
        Names::new(fields)
    }

    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|(known, _)| known == name)
    }

    fn checker<'a>(&'a self, plans: &'a Plans<'a>) -> Checker<'a> {
        Checker::new(Scope {
            schema: &self.schema,
            object: &self.object,
            plans,
            nest: None,
        })
    }

    /// A formula over the names.
    ///
    /// # Errors
    /// What is wrong with it; [`Code::UnknownField`] for a measure there is not.
    fn formula(&self, text: &str) -> Result<(Formula, ValueType)> {
        let plans = everything();
        let ast = expression(text)?;
        let mut checker = self.checker(&plans);
        let (operand, domain) = checker.operand(&ast).map_err(of_measure)?;
        Ok((Formula(operand), domain.value_type))
    }

    /// A condition over the names.
    ///
    /// # Errors
    /// As [`formula`](Names::formula).
    pub(super) fn condition(&self, text: &str) -> Result<Test> {
        let plans = everything();
        let ast = expression(text)?;
        let mut checker = self.checker(&plans);
        checker.test(&ast).map_err(of_measure)
    }
}

/// Figures were computed under the rights of who asked: what is made of them needs no more.
fn everything() -> impl Fn(&Object) -> Arc<Plan> {
    let nobody = Organisation::default();
    move |object| Arc::new(Plan::compile(&nobody, Actor::System, object, Action::View))
}

/// A formula as parsed. A parameter has a type of its own: `:goal` stands for the figure `goal`.
fn expression(text: &str) -> Result<Ast> {
    let mut source = Source::new(&expr::parameters_as_names(text))?;
    let ast = source.expression()?;
    source.end()?;
    Ok(ast)
}

/// A figure is a number, an amount, a moment, a length or a text.
fn figure_type(kind: ValueType) -> ValueType {
    use ValueType::{Checkbox, Date, DateTime, Decimal, Duration, Integer, Money, Text};
    match kind {
        Integer | Decimal | Money | Date | DateTime | Duration | Checkbox => kind,
        _ => Text,
    }
}

/// What was not found is a measure, not a field.
fn of_measure(error: Error) -> Error {
    let Some(name) = error.details().get("field").and_then(|name| name.as_str()) else {
        return error;
    };
    match error.code() {
        Code::UnknownField => {
            let text = format!("there is no measure `{name}`");
            let unknown = Error::new(Code::UnknownField, text).with("measure", name);
            let place = |part: &str| error.details().get(part).and_then(|n| n.as_u64());
            match (place("line"), place("column")) {
                (Some(line), Some(column)) => unknown.at(line, column),
                _ => unknown,
            }
        }
        _ => error,
    }
}

struct Formula(Operand);

/// A column that can be computed.
pub(super) struct Column<'d> {
    pub(super) declared: &'d ColumnDeclaration,
    pub(super) value_type: ValueType,
    /// It shows a measure as it is, which rows have already.
    is_figure: bool,
    how: How,
    /// By which figure the rows are parted before they are compared.
    within: Option<usize>,
}

enum How {
    Formula(Formula),
    /// Of the figure at this place among the names.
    Share(usize),
    Cumulative(usize),
    Rank(usize),
    Class(usize),
    /// The words of those conditions that hold.
    Words(Vec<Test>),
}

/// The columns that can be computed from the figures there are, and all names with them.
///
/// # Errors
/// What is wrong with a column, as `missed` has it.
pub(super) fn columns<'d>(
    declared: &'d [ColumnDeclaration],
    mut names: Names,
    missed: &mut dyn FnMut(Error) -> Result<()>,
) -> Result<(Vec<Column<'d>>, Names)> {
    let mut columns = Vec::new();
    for one in declared {
        let column = match column(one, &names) {
            Ok(column) => column,
            Err(error) => {
                missed(error.context(format!("column `{}`", one.name)))?;
                continue;
            }
        };
        if !column.is_figure {
            names = names.with(&one.name, column.value_type)?;
        }
        columns.push(column);
    }
    Ok((columns, names))
}

fn column<'d>(declared: &'d ColumnDeclaration, names: &Names) -> Result<Column<'d>> {
    let of = |name: &String| {
        names.position(name).ok_or_else(|| {
            let text = format!("there is no measure `{name}`");
            let error = Error::new(Code::UnknownField, text).with("measure", name.as_str());
            at(error, name)
        })
    };
    let ColumnDeclaration {
        value,
        share,
        cumulative,
        rank,
        class,
        words,
        ..
    } = declared;
    if !words.is_empty() {
        return word_column(declared, names);
    }
    let (how, value_type) = match (value, share, cumulative, rank, class) {
        (Some(text), None, None, None, None) => {
            let formula = names.formula(text).map_err(|error| at(error, text))?;
            (How::Formula(formula.0), formula.1)
        }
        (None, None, None, None, None) => {
            let at = of(&declared.name)?;
            let formula = names.formula(&format!("\"{}\"", declared.name))?;
            (How::Formula(formula.0), names.fields[at].1)
        }
        (None, Some(name), None, None, None) => (How::Share(of(name)?), ValueType::Decimal),
        (None, None, Some(name), None, None) => (How::Cumulative(of(name)?), ValueType::Decimal),
        (None, None, None, Some(name), None) => (How::Rank(of(name)?), ValueType::Integer),
        (None, None, None, None, Some(name)) => (How::Class(of(name)?), ValueType::Text),
        _ => {
            let text = "a column is one of `value`, `share`, `cumulative`, `rank` and `class`";
            return Err(at(Error::new(Code::InvalidValue, text), &declared.name));
        }
    };
    let within = declared.within.as_ref().map(of).transpose()?;
    Ok(Column {
        declared,
        within,
        value_type,
        is_figure: matches!(
            (value, share, cumulative, rank, class),
            (None, None, None, None, None)
        ),
        how,
    })
}

/// A column of words, which shows nothing else.
fn word_column<'d>(declared: &'d ColumnDeclaration, names: &Names) -> Result<Column<'d>> {
    let others = [
        &declared.value,
        &declared.share,
        &declared.cumulative,
        &declared.rank,
        &declared.class,
    ];
    if others.into_iter().any(Option::is_some) {
        let text = "a column of `words` has no other content";
        return Err(at(Error::new(Code::InvalidValue, text), &declared.name));
    }
    let test = |word: &WordDeclaration| {
        let test = names.condition(&word.when);
        test.map_err(|error| at(error, &word.when))
    };
    let tests = declared.words.iter().map(test);
    Ok(Column {
        declared,
        within: None,
        value_type: ValueType::Text,
        is_figure: false,
        how: How::Words(tests.collect::<Result<Vec<Test>>>()?),
    })
}

/// Refuses classes whose limits nobody can tell.
pub(super) fn check_limits(
    declared: &ColumnDeclaration,
    is_known: impl Fn(&str) -> bool,
) -> Result<()> {
    if declared.class.is_none() {
        return Ok(());
    }
    for limit in &declared.limits {
        let name = limit.trim_start_matches(':');
        if limit.parse::<Decimal>().is_err() && !is_known(name) {
            let text = format!("there is no parameter `{name}`");
            return Err(at(Error::new(Code::InvalidValue, text), limit));
        }
    }
    let names = declared.names.len();
    match names == 0 || names == declared.limits.len() + 1 {
        true => Ok(()),
        false => {
            let text = "there is one class more than limits";
            Err(at(Error::new(Code::InvalidValue, text), &declared.name))
        }
    }
}

impl Column<'_> {
    /// The values of the column, and that of all rows together. Later columns know them too.
    ///
    /// # Errors
    /// What a formula has against its parameters.
    pub(super) fn compute(
        &self,
        rows: &mut [Vec<Value>],
        total: Option<&mut Vec<Value>>,
        asked: &Asked,
        read: &dyn Read,
    ) -> Result<(Vec<Value>, Value)> {
        let (values, of_all) = match &self.how {
            How::Formula(formula) => {
                let value = |row: &Vec<Value>| formula.evaluate(row, read);
                let values = rows.iter().map(value).collect::<Result<Vec<Value>>>()?;
                let of_all = total.as_deref().map(value).transpose()?;
                (values, of_all)
            }
            How::Share(of) => {
                let shares = self.apart(rows, |rows| share(rows, *of));
                let parted = shares.iter().any(|share| !share.is_null());
                let whole = (parted && self.within.is_none())
                    .then_some(Value::Decimal(Decimal::ONE_HUNDRED));
                (shares, whole)
            }
            How::Cumulative(of) => (self.apart(rows, |rows| cumulative(rows, *of)), None),
            How::Rank(of) => (self.apart(rows, |rows| ranks(rows, *of)), None),
            How::Class(of) => {
                let classes = self.apart(rows, |rows| self.classes(rows, *of, asked));
                (classes, None)
            }
            How::Words(tests) => (self.words(rows, tests, asked, read)?, None),
        };
        let of_all = of_all.unwrap_or_default();
        if !self.is_figure {
            for (row, value) in rows.iter_mut().zip(&values) {
                row.push(value.clone());
            }
            total
                .into_iter()
                .for_each(|total| total.push(of_all.clone()));
        }
        Ok((values, of_all))
    }

    /// A value as it is shown: rounded, and the word for no value in its place.
    pub(super) fn shown(&self, value: &Value, language: &str) -> Value {
        let is_exact = self.is_figure && self.declared.places.is_none();
        let places = self.declared.places.unwrap_or(PLACES);
        let halves = RoundingStrategy::MidpointAwayFromZero;
        match (value, &self.declared.none) {
            (Value::Null, Some(words)) => Value::from(words.text(language)),
            (Value::Decimal(n), _) if !is_exact => {
                Value::Decimal(n.round_dp_with_strategy(places, halves).normalize())
            }
            (Value::Decimal(n), _) => Value::Decimal(n.normalize()),
            (Value::Money(money), _) => Value::Money(Money::rounded(*money)),
            (value, _) => value.clone(),
        }
    }

    /// What `of` makes of the rows, each lot of those that belong together by itself.
    fn apart(&self, rows: &[Vec<Value>], of: impl Fn(&[Vec<Value>]) -> Vec<Value>) -> Vec<Value> {
        let Some(within) = self.within else {
            return of(rows);
        };
        let mut lots: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (at, row) in rows.iter().enumerate() {
            let mut lot = Vec::new();
            encode_value(row.get(within).unwrap_or(&Value::Null), &mut lot);
            lots.entry(lot).or_default().push(at);
        }
        let mut values = vec![Value::Null; rows.len()];
        for lot in lots.values() {
            let own: Vec<Vec<Value>> = lot.iter().map(|at| rows[*at].clone()).collect();
            for (at, value) in lot.iter().zip(of(&own)) {
                values[*at] = value;
            }
        }
        values
    }

    fn words(
        &self,
        rows: &[Vec<Value>],
        tests: &[Test],
        asked: &Asked,
        read: &dyn Read,
    ) -> Result<Vec<Value>> {
        let of_row = |row: &Vec<Value>| {
            let mut words = Vec::new();
            for (test, word) in tests.iter().zip(&self.declared.words) {
                if holds(test, row, read)? {
                    words.push(word.text.text(&asked.language));
                }
            }
            Ok(match words.is_empty() {
                true => Value::Null,
                false => Value::from(words.join(", ").as_str()),
            })
        };
        rows.iter().map(of_row).collect()
    }

    fn classes(&self, rows: &[Vec<Value>], of: usize, asked: &Asked) -> Vec<Value> {
        let limit = |text: &String| match asked.values.get(text.trim_start_matches(':')) {
            Some(Value::Decimal(n)) => Some(*n),
            Some(Value::Integer(n)) => Some(Decimal::from(*n)),
            _ => text.parse().ok(),
        };
        let limits: Vec<Decimal> = self.declared.limits.iter().filter_map(limit).collect();
        let name = |class: usize| match self.declared.names.get(class) {
            Some(name) => Value::from(name.as_str()),
            None => {
                let letter = u32::try_from(class)
                    .ok()
                    .and_then(|n| char::from_u32(65 + n));
                Value::from(letter.map_or_else(String::new, String::from))
            }
        };
        let shares = cumulative(rows, of);
        let greatest = descending(rows, of).first().copied();
        let class = |(row, share): (usize, &Value)| match share {
            // Who brings the most is in the first class, however much that is.
            _ if Some(row) == greatest && !share.is_null() => name(0),
            Value::Decimal(share) => name(limits.iter().take_while(|limit| share > *limit).count()),
            _ => name(limits.len()),
        };
        shares.iter().enumerate().map(class).collect()
    }
}

impl Formula {
    fn evaluate(&self, row: &[Value], read: &dyn Read) -> Result<Value> {
        let row = Figures(row);
        let context = Context {
            row: &row,
            read,
            bound: &Bound::default(),
        };
        Ok(self.0.evaluate(&context)?.into_owned())
    }
}

/// Whether a condition holds for a row.
///
/// # Errors
/// What the condition has against its parameters.
pub(super) fn holds(test: &Test, row: &[Value], read: &dyn Read) -> Result<bool> {
    let row = Figures(row);
    let context = Context {
        row: &row,
        read,
        bound: &Bound::default(),
    };
    Ok(test.evaluate(&context)? == Some(true))
}

/// The names that a column is made of.
pub(super) fn names_in(declared: &ColumnDeclaration) -> Vec<String> {
    let others = [
        &declared.share,
        &declared.cumulative,
        &declared.rank,
        &declared.class,
        &declared.within,
    ];
    let others = others.into_iter().flatten().cloned();
    let formula = declared.value.as_deref().map(expr::names_in);
    let words = declared.words.iter();
    let words = words.flat_map(|word| expr::names_in(&word.when));
    let formula = formula.into_iter().flatten();
    others.chain(formula).chain(words).collect()
}

/// Whether a column may be left out: what it is made of may not be seen.
pub(super) fn absent_only(error: Error) -> Result<()> {
    match is_absent(&error) {
        true => Ok(()),
        false => Err(error),
    }
}

/// A figure as a number, where all amounts are in one currency.
fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Integer(n) => Some((*n).into()),
        Value::Decimal(n) => Some(*n),
        Value::Money(money) => Some(money.amount),
        _ => None,
    }
}

/// The figures at a place, and their sum; none where there is nothing to be parted: several
/// currencies, or nothing in all.
fn parts(rows: &[Vec<Value>], of: usize) -> Option<(Vec<Option<Decimal>>, Decimal)> {
    let figure = |row: &Vec<Value>| row.get(of).cloned().unwrap_or_default();
    let mut currencies = rows.iter().filter_map(|row| match figure(row) {
        Value::Money(money) => Some(money.currency),
        _ => None,
    });
    if let Some(first) = currencies.next()
        && currencies.any(|other| other != first)
    {
        return None;
    }
    let figures: Vec<Option<Decimal>> = rows.iter().map(|row| number(&figure(row))).collect();
    let mut sum = Decimal::ZERO;
    for figure in figures.iter().flatten() {
        sum = sum.checked_add(*figure)?;
    }
    (sum > Decimal::ZERO).then_some((figures, sum))
}

fn percent(part: Decimal, sum: Decimal) -> Value {
    let share = part.checked_mul(Decimal::ONE_HUNDRED);
    let share = share.and_then(|part| part.checked_div(sum));
    share.map_or(Value::Null, Value::Decimal)
}

fn share(rows: &[Vec<Value>], of: usize) -> Vec<Value> {
    let Some((figures, sum)) = parts(rows, of) else {
        return vec![Value::Null; rows.len()];
    };
    let share = |figure: &Option<Decimal>| percent(figure.unwrap_or_default(), sum);
    figures.iter().map(share).collect()
}

/// The rows by a figure, the greatest first; equal ones in their order.
fn descending(rows: &[Vec<Value>], of: usize) -> Vec<usize> {
    let figure = |row: usize| rows[row].get(of).unwrap_or(&Value::Null);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| compare(figure(*b), figure(*a)));
    order
}

fn cumulative(rows: &[Vec<Value>], of: usize) -> Vec<Value> {
    let mut shares = vec![Value::Null; rows.len()];
    let Some((figures, sum)) = parts(rows, of) else {
        return shares;
    };
    let mut so_far = Decimal::ZERO;
    for row in descending(rows, of) {
        let figure = figures[row].unwrap_or_default();
        so_far = so_far.checked_add(figure).unwrap_or(so_far);
        shares[row] = percent(so_far, sum);
    }
    shares
}

fn ranks(rows: &[Vec<Value>], of: usize) -> Vec<Value> {
    let mut ranks = vec![Value::Null; rows.len()];
    let order = descending(rows, of);
    let mut rank = 0;
    for (place, row) in order.iter().enumerate() {
        let figure = rows[*row].get(of).unwrap_or(&Value::Null);
        let before = place.checked_sub(1).map(|place| order[place]);
        let same = before
            .and_then(|before| rows[before].get(of))
            .is_some_and(|before| compare(before, figure) == Ordering::Equal);
        if !same {
            rank = place + 1;
        }
        if !figure.is_null() {
            ranks[*row] = Value::Integer(i64::try_from(rank).unwrap_or(i64::MAX));
        }
    }
    ranks
}
