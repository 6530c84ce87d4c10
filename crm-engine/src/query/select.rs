//! From a parsed query to what is to be computed: every name resolved under the caller's plans.

use std::sync::Arc;

use sqlparser::ast::{Expr, FunctionArgExpr};

use super::Column;
use super::group::{Aggregate, Measure};
use super::statement::{Item, Key, Statement};
use crate::error::{Code, Error, Result};
use crate::expr::{
    Ast, Checker, Domain, Operand, Parameters, Plans, Scope, Test, blame, call, place, unexpected,
};
use crate::policy::Plan;
use crate::schema::system::record_fields;
use crate::schema::{List, Object, Schema, system};
use crate::value::ValueType;

/// A query, checked.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) object: Arc<Object>,
    /// The plan under which its records are read.
    pub(super) plan: Arc<Plan>,
    /// Of a log: what it follows.
    pub(super) followed: Option<Followed>,
    pub(super) columns: Vec<Column>,
    pub(super) filter: Option<Test>,
    pub(super) result: Output,
    pub(super) limit: Option<Operand>,
    pub(super) parameters: Parameters,
}

/// The records that a log tells of.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) object: Arc<Object>,
    /// A list by which they are found owner by owner. The order they come in is seen, so it is
    /// not sorted by what is hidden.
    pub(super) list: Option<usize>,
}

/// What is made of the records that pass the filter.
#[derive(Debug)]
pub(super) enum Output {
    /// A row of each record.
    Rows {
        columns: Vec<Operand>,
        order: Vec<OrderKey>,
    },
    /// A row of each group.
    Groups(Grouping),
}

/// A key of an order of records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OrderKey {
    pub(super) operand: Operand,
    pub(super) descending: bool,
}

/// How records are gathered into groups. Without `by`, all of them are one group.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) by: Vec<Operand>,
    pub(super) aggregates: Vec<Aggregate>,
    /// Where each column comes from.
    pub(super) columns: Vec<Part>,
    /// The order of the groups: parts and whether they descend.
    pub(super) order: Vec<(Part, bool)>,
}

/// A part of a group's row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// One of the values the group is made by.
    By(usize),
    Aggregate(usize),
}

/// What an expression of a grouped query is.
enum Found {
    Value(Operand, Domain),
    Aggregate(Aggregate, Domain),
}

/// Checks a query.
pub(super) fn check(schema: &Schema, plans: &Plans<'_>, sql: &str) -> Result<Select> {
    let statement = Statement::parse(sql)?;
    let name = &statement.object;
    let object = schema
        .object(&name.text)
        .map_err(|error| blame(error, name.at))?;
    let mut checker = Checker::new(Scope {
        schema,
        object,
        plans,
    });
    let plan = plans(object);
    let items = expand(&mut checker, object, &plan, &statement)?;
    let filter = match &statement.condition {
        Some(condition) => Some(checker.test(condition)?),
        None => None,
    };
    let grouped = !statement.group.is_empty()
        || items
            .iter()
            .any(|item| matches!(item.found, Found::Aggregate(..)));
    let result = match grouped {
        true => groups(&mut checker, &items, &statement)?,
        false => rows(&mut checker, &items, &statement.order)?,
    };
    let limit = match &statement.limit {
        Some(limit) => Some(checker.value(limit, &Domain::plain(ValueType::Integer))?),
        None => None,
    };
    let followed = schema.followed(object).map(|followed| {
        let plan = plans(followed);
        let shown = |list: &List| list.by.iter().all(|key| plan.shows(key.field));
        Followed {
            object: Arc::clone(followed),
            list: followed.lists.iter().position(shown),
        }
    });
    Ok(Select {
        object: Arc::clone(object),
        plan,
        followed,
        columns: items.iter().map(Selected::column).collect(),
        filter,
        result,
        limit,
        parameters: checker.parameters,
    })
}

/// A column of the result.
struct Selected<'s> {
    name: String,
    alias: Option<&'s str>,
    found: Found,
    /// As it was written; none for what `*` stands for.
    ast: Option<&'s Ast>,
}

impl Selected<'_> {
    fn column(&self) -> Column {
        let (Found::Value(_, domain) | Found::Aggregate(_, domain)) = &self.found;
        Column {
            name: self.name.clone(),
            value_type: domain.value_type,
            field: domain.field().cloned(),
        }
    }
}

/// The columns, `*` written out: id, owner, and every declared field the plan shows.
fn expand<'s>(
    checker: &mut Checker<'_>,
    object: &Arc<Object>,
    plan: &Plan,
    statement: &'s Statement,
) -> Result<Vec<Selected<'s>>> {
    let mut items = Vec::new();
    for item in &statement.columns {
        match item {
            Item::All(at) if !statement.group.is_empty() => {
                let error = "`*` cannot stand in a query with GROUP BY";
                return Err(blame(Error::new(Code::Syntax, error), *at));
            }
            Item::All(_) => {
                let kept = record_fields().iter().filter(|field| {
                    field.id == system::ID || (field.id == system::OWNER && object.owned)
                });
                let shown = kept
                    .chain(&object.fields)
                    .filter(|field| plan.shows(field.id));
                items.extend(shown.map(|field| Selected {
                    name: field.name.clone(),
                    alias: None,
                    found: Found::Value(
                        checker.seen(field, Operand::Field(field.id)),
                        Domain::of(object, field),
                    ),
                    ast: None,
                }));
            }
            Item::Expression { ast, alias } => {
                let alias = alias.as_ref().map(|name| name.text.as_str());
                items.push(Selected {
                    name: alias.map_or_else(|| ast.to_string(), str::to_owned),
                    alias,
                    found: expression(checker, ast)?,
                    ast: Some(ast),
                });
            }
        }
    }
    Ok(items)
}

/// An aggregate, or a value of a record.
fn expression(checker: &mut Checker<'_>, ast: &Ast) -> Result<Found> {
    let Expr::Function(function) = ast else {
        return checker
            .operand(ast)
            .map(|(operand, domain)| Found::Value(operand, domain));
    };
    let measure = match call(function) {
        Some((name, argument)) => match (name.as_str(), argument) {
            ("count", FunctionArgExpr::Wildcard) => {
                let domain = Domain::plain(ValueType::Integer);
                return Ok(Found::Aggregate(Aggregate::Count, domain));
            }
            ("count", FunctionArgExpr::Expr(of)) => Some((Measure::Count, of)),
            ("sum", FunctionArgExpr::Expr(of)) => Some((Measure::Sum { money: false }, of)),
            ("min", FunctionArgExpr::Expr(of)) => Some((Measure::Min, of)),
            ("max", FunctionArgExpr::Expr(of)) => Some((Measure::Max, of)),
            _ => None,
        },
        None => None,
    };
    let Some((measure, of)) = measure else {
        return checker
            .operand(ast)
            .map(|(operand, domain)| Found::Value(operand, domain));
    };
    let (operand, domain) = checker.operand(of)?;
    let (measure, result) = match (measure, domain.value_type) {
        (Measure::Count, _) => (measure, Domain::plain(ValueType::Integer)),
        (Measure::Min | Measure::Max, _) => (measure, domain),
        (Measure::Sum { .. }, ValueType::Money) => (Measure::Sum { money: true }, domain),
        (Measure::Sum { .. }, _) if domain.is_number() => {
            (measure, Domain::plain(ValueType::Decimal))
        }
        (Measure::Sum { .. }, kind) => {
            let error = format!("`sum` takes numbers and money, not `{}`", kind.name());
            return Err(blame(Error::new(Code::WrongType, error), place(of)));
        }
    };
    Ok(Found::Aggregate(Aggregate::Of(measure, operand), result))
}

fn rows(checker: &mut Checker<'_>, items: &[Selected<'_>], order: &[Key]) -> Result<Output> {
    let columns = items.iter().map(|item| match &item.found {
        Found::Value(operand, _) => Ok(operand.clone()),
        Found::Aggregate(..) => Err(Error::internal("an aggregate in a query without groups")),
    });
    let columns = columns.collect::<Result<Vec<Operand>>>()?;
    let order = order
        .iter()
        .map(|key| {
            let operand = match aliased(items, &key.ast) {
                Some(at) => columns[at].clone(),
                None => checker.operand(&key.ast)?.0,
            };
            Ok(OrderKey {
                operand,
                descending: key.descending,
            })
        })
        .collect::<Result<Vec<OrderKey>>>()?;
    Ok(Output::Rows { columns, order })
}

/// The column whose alias an expression is.
fn aliased(items: &[Selected<'_>], ast: &Ast) -> Option<usize> {
    let Expr::Identifier(name) = ast else {
        return None;
    };
    let name = crate::expr::Name::from(name).text;
    items
        .iter()
        .position(|item| item.alias == Some(name.as_str()))
}

fn groups(
    checker: &mut Checker<'_>,
    items: &[Selected<'_>],
    statement: &Statement,
) -> Result<Output> {
    let mut grouping = Grouping {
        by: Vec::new(),
        aggregates: Vec::new(),
        columns: Vec::new(),
        order: Vec::new(),
    };
    for ast in &statement.group {
        let operand = match aliased(items, ast).map(|at| &items[at].found) {
            Some(Found::Value(operand, _)) => operand.clone(),
            Some(Found::Aggregate(..)) => return Err(unexpected(ast, "what makes the groups")),
            None => checker.operand(ast)?.0,
        };
        grouping.by.push(operand);
    }
    for item in items {
        let part = match (&item.found, item.ast) {
            (Found::Aggregate(aggregate, _), _) => grouping.aggregate(aggregate.clone()),
            (Found::Value(operand, _), Some(ast)) => grouping.value(operand, ast)?,
            (Found::Value(..), None) => {
                let error = "`*` cannot stand beside an aggregate";
                return Err(Error::new(Code::Syntax, error));
            }
        };
        grouping.columns.push(part);
    }
    for key in &statement.order {
        let part = match aliased(items, &key.ast) {
            Some(at) => grouping.columns[at],
            None => match expression(checker, &key.ast)? {
                Found::Aggregate(aggregate, _) => grouping.aggregate(aggregate),
                Found::Value(operand, _) => grouping.value(&operand, &key.ast)?,
            },
        };
        grouping.order.push((part, key.descending));
    }
    Ok(Output::Groups(grouping))
}

impl Grouping {
    /// An aggregate of the groups; each is computed once, however often it is named.
    fn aggregate(&mut self, aggregate: Aggregate) -> Part {
        let known = self.aggregates.iter().position(|known| *known == aggregate);
        Part::Aggregate(known.unwrap_or_else(|| {
            self.aggregates.push(aggregate);
            self.aggregates.len() - 1
        }))
    }

    /// A value that is the same for the whole group.
    fn value(&self, operand: &Operand, ast: &Ast) -> Result<Part> {
        let known = self.by.iter().position(|by| by == operand);
        known
            .map(Part::By)
            .ok_or_else(|| unexpected(ast, "an aggregate or part of GROUP BY"))
    }
}
