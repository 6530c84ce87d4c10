//! From a parsed query to what is to be computed: every name resolved under the caller's plans.

use std::sync::Arc;

use sqlparser::ast::{Expr, Query as SubQuery};
use sqlparser::tokenizer::Location;

use super::Column;
use super::child::Nesting;
use super::statement::{Item, Key, Statement};
use crate::error::{Code, Error, Result};
use crate::expr::{
    Aggregate, Ast, Checker, Domain, Gathering, Operand, Parameters, Plans, Scope, Test, blame,
    has_aggregate, unexpected,
};
use crate::policy::Plan;
use crate::schema::system::record_fields;
use crate::schema::{Field, List, Object, Schema, system};
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
    /// What the values of the columns are.
    pub(super) domains: Vec<Domain>,
    pub(super) filter: Option<Test>,
    /// The conditions of the filter and how each was written.
    pub(super) conditions: Vec<(Test, String)>,
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

impl Select {
    /// The order that is asked for of records.
    pub(super) fn order(&self) -> &[OrderKey] {
        match &self.result {
            Output::Rows { order, .. } => order,
            Output::Groups(_) => &[],
        }
    }
}

/// A key of an order of records.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OrderKey {
    pub(super) operand: Operand,
    pub(super) descending: bool,
}

/// How records are gathered into groups. Without `by`, all of them are one group. Columns, order
/// and condition read the values of a group: those of `by`, then the aggregates.
#[derive(Debug)]
pub(super) struct Grouping {
    pub(super) by: Vec<Operand>,
    pub(super) aggregates: Vec<Aggregate>,
    pub(super) columns: Vec<Operand>,
    /// Which groups there is a row of.
    pub(super) having: Option<Test>,
    pub(super) order: Vec<OrderKey>,
    /// Rows that are alike are given once.
    pub(super) distinct: bool,
    /// The groups are rows of records, those that are alike given once.
    pub(super) of_rows: bool,
}

/// Checks a query, and a condition that holds besides, of records around it.
pub(super) fn assemble(
    schema: &Schema,
    plans: &Plans<'_>,
    nesting: &Nesting<'_>,
    statement: &Statement,
    around: Option<Test>,
) -> Result<Select> {
    let name = &statement.object;
    let object = schema
        .object(&name.text)
        .map_err(|error| blame(error, name.at))?;
    let mut checker = Checker::new(Scope {
        schema,
        object,
        plans,
        nest: Some(nesting),
    });
    checker.parameters = statement.parameters.clone();
    checker.clock = true;
    let plan = plans(object);
    let items = expand(object, &plan, statement)?;
    let written = statement.conditions.iter();
    let written = written.map(|ast| Ok((checker.test(ast)?, ast.to_string())));
    let conditions = written.collect::<Result<Vec<(Test, String)>>>()?;
    let tests = conditions.iter().map(|(test, _)| test.clone());
    let mut tests: Vec<Test> = around.into_iter().chain(tests).collect();
    let filter = match tests.len() {
        0 | 1 => tests.pop(),
        _ => Some(Test::And(tests)),
    };
    let mut shown = Shown::default();
    let result = match gathers(&items, statement) {
        true => groups(&mut checker, &items, statement, &mut shown)?,
        false => rows(&mut checker, nesting, &items, &statement.order, &mut shown)?,
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
        columns: shown.columns,
        domains: shown.domains,
        filter,
        conditions,
        result,
        limit,
        parameters: checker.parameters,
    })
}

/// The columns of the rows.
#[derive(Default)]
struct Shown {
    columns: Vec<Column>,
    domains: Vec<Domain>,
}

impl Shown {
    fn push(&mut self, name: &str, domain: Domain, rows: Option<Vec<Column>>) {
        self.columns.push(Column {
            name: name.to_owned(),
            value_type: domain.value_type,
            field: domain.field().cloned(),
            rows,
        });
        self.domains.push(domain);
    }
}

/// Whether rows are made of groups of records.
fn gathers(items: &[Selected<'_>], statement: &Statement) -> bool {
    let mut asts = items.iter().filter_map(|item| item.ast());
    statement.distinct
        || !statement.group.is_empty()
        || statement.having.is_some()
        || asts.any(has_aggregate)
}

/// A column of the result.
struct Selected<'s> {
    name: String,
    alias: Option<&'s str>,
    shows: Shows<'s>,
}

enum Shows<'s> {
    Expression(&'s Ast),
    /// One of those that `*` stands for, which stands at a place.
    Field(&'s Field, Location),
}

impl<'s> Selected<'s> {
    fn ast(&self) -> Option<&'s Ast> {
        match self.shows {
            Shows::Expression(ast) => Some(ast),
            Shows::Field(..) => None,
        }
    }

    fn sub_select(&self) -> Option<(&'s SubQuery, &'s Ast)> {
        match self.ast()? {
            ast @ Expr::Subquery(query) => Some((query, ast)),
            _ => None,
        }
    }

    /// Its value for a record, or of a group while the checker gathers.
    fn value(&self, checker: &mut Checker<'_>, object: &Arc<Object>) -> Result<(Operand, Domain)> {
        match self.shows {
            Shows::Expression(ast) => checker.operand(ast),
            Shows::Field(field, _) => Ok((
                checker.seen(field, Operand::Field(field.id)),
                Domain::of(object, field),
            )),
        }
    }
}

/// The columns, `*` written out: id, owner, and every declared field the plan shows.
fn expand<'s>(
    object: &'s Arc<Object>,
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
            Item::All(at) => {
                let kept = record_fields().iter().filter(|field| {
                    field.id == system::ID || (field.id == system::OWNER && object.owned)
                });
                let shown = kept
                    .chain(&object.fields)
                    .filter(|field| plan.shows(field.id));
                items.extend(shown.map(|field| Selected {
                    name: field.name.clone(),
                    alias: None,
                    shows: Shows::Field(field, *at),
                }));
            }
            Item::Expression { ast, alias } => {
                let alias = alias.as_ref().map(|name| name.text.as_str());
                items.push(Selected {
                    name: alias.map_or_else(|| ast.to_string(), str::to_owned),
                    alias,
                    shows: Shows::Expression(ast),
                });
            }
        }
    }
    Ok(items)
}

fn rows(
    checker: &mut Checker<'_>,
    nesting: &Nesting<'_>,
    items: &[Selected<'_>],
    order: &[Key],
    shown: &mut Shown,
) -> Result<Output> {
    let object = checker.object();
    let mut columns = Vec::new();
    for item in items {
        let (operand, domain, rows) = match item.sub_select() {
            Some((query, ast)) => nesting.column(checker, query, ast)?,
            None => {
                let (operand, domain) = item.value(checker, &object)?;
                (operand, domain, None)
            }
        };
        shown.push(&item.name, domain, rows);
        columns.push(operand);
    }
    let order = keys(checker, items, &columns, order)?;
    Ok(Output::Rows { columns, order })
}

/// The keys of an order, which may name columns by their aliases.
fn keys(
    checker: &mut Checker<'_>,
    items: &[Selected<'_>],
    columns: &[Operand],
    order: &[Key],
) -> Result<Vec<OrderKey>> {
    let keys = order.iter().map(|key| {
        let operand = match aliased(items, &key.ast) {
            Some(at) => columns[at].clone(),
            None => checker.operand(&key.ast)?.0,
        };
        Ok(OrderKey {
            operand,
            descending: key.descending,
        })
    });
    keys.collect()
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

/// Rows that must differ are groups by all their columns.
fn groups(
    checker: &mut Checker<'_>,
    items: &[Selected<'_>],
    statement: &Statement,
    shown: &mut Shown,
) -> Result<Output> {
    let object = checker.object();
    let grouped =
        !statement.group.is_empty() || items.iter().filter_map(Selected::ast).any(has_aggregate);
    let mut gathering = Gathering::default();
    for ast in &statement.group {
        let ast = match aliased(items, ast).and_then(|at| items[at].ast()) {
            Some(column) if has_aggregate(column) => {
                return Err(unexpected(ast, "what makes the groups"));
            }
            Some(column) => column,
            None => ast,
        };
        let (operand, domain) = checker.operand(ast)?;
        gathering.add(Some(ast), operand, domain);
    }
    let mut all = Vec::new();
    for item in items.iter().filter(|_| statement.distinct && !grouped) {
        let (operand, domain) = item.value(checker, &object)?;
        all.push((Operand::Part(all.len()), domain.clone()));
        gathering.add(item.ast(), operand, domain);
    }
    checker.gather(gathering);
    let mut columns = Vec::new();
    for item in items {
        if let Shows::Field(_, at) = item.shows
            && grouped
        {
            let error = "`*` cannot stand beside an aggregate";
            return Err(blame(Error::new(Code::Syntax, error), at));
        }
        let (operand, domain) = match all.get(columns.len()) {
            Some(known) => known.clone(),
            None => item.value(checker, &object)?,
        };
        shown.push(&item.name, domain, None);
        columns.push(operand);
    }
    let having = match &statement.having {
        Some(having) => Some(checker.test(having)?),
        None => None,
    };
    let order = keys(checker, items, &columns, &statement.order)?;
    let (by, aggregates) = checker.gathered_up().done();
    let distinct = statement.distinct && grouped;
    Ok(Output::Groups(Grouping {
        by,
        aggregates,
        columns,
        having,
        order,
        distinct,
        of_rows: statement.distinct && !grouped,
    }))
}
