//! Sub-selects that give a value for each record around them: what refers to it.
//!
//! ```sql
//! SELECT name, (SELECT title, amount FROM item WHERE state = 'open' ORDER BY amount DESC LIMIT 5)
//!        AS open, (SELECT sum(amount) FROM item WHERE item.payer = thing.id) AS paid
//! FROM thing
//! ```
//!
//! The records of the sub-select are those whose reference is the record around. Where several
//! fields refer to its object, one is named among the conditions: `item.payer = thing.id`. A
//! sub-select of one aggregate is a value like any other and stands wherever values do. Any other
//! gives rows and stands among the columns: its value is a text, a JSON array with an object for
//! each row, at most [`QUERY_CHILD_ROWS_MAX`]. It is read under the plan of its own object, by the
//! back references of the record around or a list under it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use sqlparser::ast::{
    BinaryOperator, Expr, LimitClause, ObjectNamePart, OrderByExpr, OrderByKind, OrderBySort,
    Query as SubQuery, Select as SubBody, SelectItem, SetExpr, TableFactor, TableWithJoins,
};
use sqlparser::tokenizer::Location;

use super::access::Access;
use super::rows::all;
use super::select::{self, Output};
use super::statement::{Item, Key, Statement, conjuncts};
use super::{Column, Query};
use crate::error::{Code, Error, Result};
use crate::expr::{
    Ast, Bound, Checker, Child, Comparison, Context, Domain, Name, Nest, Operand, Parameters,
    Plans, Scope, Test, blame, has_aggregate, place, unexpected,
};
use crate::limits::{QUERY_CHILD_ROWS_MAX, QUERY_LEVELS_MAX};
use crate::policy::Plan;
use crate::schema::{Field, Object, system};
use crate::value::{Value, ValueType};

/// A sub-select, checked.
pub(super) struct Nested {
    query: Arc<Query>,
    /// The place of the record around it among what is bound.
    around: usize,
    /// It gives one value, not rows.
    is_value: bool,
    /// What may be taken out; all of it without a plan.
    export: Option<Arc<Plan>>,
}

/// Checks the sub-selects of a query.
pub(super) struct Nesting<'a> {
    /// What may be taken out of each object, where that is counted.
    pub(super) exports: Option<&'a Plans<'a>>,
    /// How many queries are around.
    pub(super) level: usize,
}

impl Nest for Nesting<'_> {
    fn value(
        &self,
        scope: Scope<'_>,
        parameters: &mut Parameters,
        query: &SubQuery,
        ast: &Ast,
    ) -> Result<(Arc<dyn Child>, Domain)> {
        let (nested, domain) = self.check(scope, parameters, query, ast)?;
        match domain {
            Some(domain) => Ok((Arc::new(nested), domain)),
            None => Err(unexpected(ast, "a sub-select that gives one aggregate")),
        }
    }
}

impl Nesting<'_> {
    /// A sub-select among the columns: a value, or rows and their columns.
    pub(super) fn column(
        &self,
        checker: &mut Checker<'_>,
        query: &SubQuery,
        ast: &Ast,
    ) -> Result<(Operand, Domain, Option<Vec<Column>>)> {
        let scope = checker.scope();
        let (nested, domain) = self.check(scope, &mut checker.parameters, query, ast)?;
        let rows = match domain {
            Some(_) => None,
            None => Some(nested.query.select.columns.clone()),
        };
        let domain = domain.unwrap_or_else(|| Domain::plain(ValueType::Text));
        Ok((Operand::child(Arc::new(nested)), domain, rows))
    }

    /// The sub-select, and the domain of its value where it gives one.
    fn check(
        &self,
        scope: Scope<'_>,
        parameters: &mut Parameters,
        query: &SubQuery,
        ast: &Ast,
    ) -> Result<(Nested, Option<Domain>)> {
        if self.level + 1 >= QUERY_LEVELS_MAX {
            let error = format!("sub-selects stand at most {} deep", QUERY_LEVELS_MAX - 1);
            return Err(blame(Error::new(Code::LimitExceeded, error), place(ast)));
        }
        let mut statement = statement(query, ast)?;
        let name = statement.object.clone();
        let object = scope.schema.object(&name.text);
        let object = object.map_err(|error| blame(error, name.at))?;
        let plan = (scope.plans)(object);
        let (around, shown) = (scope.object, |field: &Field| plan.shows(field.id));
        let named = statement.conditions.iter().enumerate();
        let mut named = named.filter_map(|(at, condition)| {
            link(condition, object, around, shown).map(|field| (at, field))
        });
        let field = match named.next() {
            Some((at, field)) => {
                statement.conditions.remove(at);
                field
            }
            None => only_link(object, around, shown).map_err(|error| blame(error, name.at))?,
        };
        let is_value = match statement.columns.as_slice() {
            [Item::Expression { ast, .. }] => has_aggregate(ast),
            _ => false,
        };
        let outer = parameters.around(place(ast));
        let pin = Test::Compare(
            Operand::Field(field.id),
            Comparison::Equal,
            Operand::Bound(outer),
        );
        let inner = Nesting {
            exports: self.exports,
            level: self.level + 1,
        };
        statement.parameters = std::mem::take(parameters);
        let mut select =
            select::assemble(scope.schema, scope.plans, &inner, &statement, Some(pin))?;
        *parameters = std::mem::take(&mut select.parameters);
        let domain = match (&select.result, select.domains.first()) {
            (Output::Groups(_), Some(domain)) if is_value => Some(domain.clone()),
            _ => None,
        };
        let export = self.exports.map(|exports| exports(object));
        let export = export.filter(|plan| !plan.reaches_everything());
        let access = Access::choose(&select);
        let query = Arc::new(Query::new(select, vec![access]));
        Ok((
            Nested {
                query,
                around: outer,
                is_value: domain.is_some(),
                export,
            },
            domain,
        ))
    }
}

impl std::fmt::Debug for Nested {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nested")
            .field("way", &self.way())
            .finish_non_exhaustive()
    }
}

impl Child for Nested {
    fn way(&self) -> String {
        let select = &self.query.select;
        let way = self.query.access().explain(select);
        format!("{}: {way}", select.object.name)
    }

    fn answer(&self, context: &Context<'_>) -> Result<Value> {
        let id = context.row.value(system::ID)?.as_integer();
        let id = id.and_then(|id| u64::try_from(id).ok()).unwrap_or(0);
        let record = Value::Reference(crate::ids::RecordId::new(id)?);
        let bound: Bound = context.bound.around(self.around, record)?;
        let select = &self.query.select;
        let mut rows = all(&self.query, context.read, bound, self.export.as_ref())?;
        if self.is_value {
            let value = rows.pop().and_then(|mut row| row.pop());
            return Ok(value.unwrap_or_default());
        }
        if rows.len() > QUERY_CHILD_ROWS_MAX {
            let text = format!("a sub-select gives at most {QUERY_CHILD_ROWS_MAX} rows");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let rows = rows.iter().map(|row| {
            let cells = select.columns.iter().zip(row);
            let cells = cells.map(|(column, value)| (column.name.clone(), column.json(value)));
            Json::Object(cells.collect::<Map<String, Json>>())
        });
        Ok(Value::Text(Json::Array(rows.collect()).to_string()))
    }
}

/// The field that a condition of the form `item.owner_thing = thing.id` names.
fn link<'o>(
    condition: &Ast,
    object: &'o Object,
    around: &Object,
    shown: impl Fn(&Field) -> bool,
) -> Option<&'o Field> {
    let Expr::BinaryOp {
        left,
        op: BinaryOperator::Eq,
        right,
    } = condition
    else {
        return None;
    };
    let of = |ast: &Ast| match ast {
        Expr::CompoundIdentifier(names) => match names.as_slice() {
            [of, field] => Some((Name::from(of).text, Name::from(field).text)),
            _ => None,
        },
        _ => None,
    };
    let field = |one: &(String, String), other: &(String, String)| {
        let is_id = other.0 == around.name && other.1 == "id";
        let field = object
            .find(&one.1)
            .filter(|_| is_id && one.0 == object.name)?;
        (field.target == Some(around.id)
            && field.value_type == ValueType::Reference
            && shown(field))
        .then_some(field)
    };
    let (one, other) = (of(left)?, of(right)?);
    field(&one, &other).or_else(|| field(&other, &one))
}

/// The one declared reference to the object around.
fn only_link<'o>(
    object: &'o Object,
    around: &Object,
    shown: impl Fn(&Field) -> bool,
) -> Result<&'o Field> {
    let fields = object.fields.iter().filter(|field| {
        field.target == Some(around.id) && field.value_type == ValueType::Reference && shown(field)
    });
    match fields.collect::<Vec<&Field>>().as_slice() {
        [field] => Ok(field),
        [] => {
            let text = format!("`{}` has no reference to `{}`", object.name, around.name);
            Err(Error::new(Code::UnknownField, text))
        }
        [first, ..] => {
            let text = format!(
                "several fields of `{object}` refer to `{around}`: name one as `{object}.{first} = {around}.id`",
                object = object.name,
                around = around.name,
                first = first.name
            );
            Err(Error::new(Code::Syntax, text))
        }
    }
}

/// A sub-select as a statement.
///
/// # Errors
/// [`Code::Syntax`] for what SQL knows beyond it, at the sub-select's place.
fn statement(query: &SubQuery, ast: &Ast) -> Result<Statement> {
    let form = "`(SELECT columns FROM object [WHERE condition] [ORDER BY keys] [LIMIT value])`";
    let refuse = || unexpected(ast, form);
    let SetExpr::Select(body) = &*query.body else {
        return Err(refuse());
    };
    let SubBody {
        projection,
        from,
        selection,
        ..
    } = &**body;
    let [TableWithJoins { relation, .. }] = from.as_slice() else {
        return Err(refuse());
    };
    let TableFactor::Table { name, .. } = relation else {
        return Err(refuse());
    };
    let [ObjectNamePart::Identifier(object)] = name.0.as_slice() else {
        return Err(refuse());
    };
    let order: &[OrderByExpr] = match query.order_by.as_ref().map(|order| &order.kind) {
        None => &[],
        Some(OrderByKind::Expressions(keys)) => keys,
        Some(OrderByKind::All(_)) => return Err(refuse()),
    };
    let limit = match &query.limit_clause {
        None => None,
        Some(LimitClause::LimitOffset { limit, .. }) => limit.clone(),
        Some(LimitClause::OffsetCommaLimit { .. }) => return Err(refuse()),
    };
    // Whatever else there is stands in its text.
    let texts = |parts: Vec<String>| parts.join(", ");
    let mut plain = texts(projection.iter().map(ToString::to_string).collect());
    plain = format!("SELECT {plain} FROM {object}");
    if let Some(condition) = selection {
        plain += &format!(" WHERE {condition}");
    }
    if !order.is_empty() {
        let keys = texts(order.iter().map(ToString::to_string).collect());
        plain += &format!(" ORDER BY {keys}");
    }
    if let Some(limit) = &limit {
        plain += &format!(" LIMIT {limit}");
    }
    let columns = projection.iter().map(item).collect::<Option<Vec<Item>>>();
    let order = order.iter().map(key).collect::<Option<Vec<Key>>>();
    let (Some(columns), Some(order), true) = (columns, order, query.to_string() == plain) else {
        return Err(refuse());
    };
    Ok(Statement {
        explained: false,
        distinct: false,
        columns,
        object: Name::from(object),
        conditions: selection.clone().map(conjuncts).unwrap_or_default(),
        group: Vec::new(),
        having: None,
        order,
        limit,
        parameters: Parameters::default(),
    })
}

fn item(item: &SelectItem) -> Option<Item> {
    let (ast, alias) = match item {
        SelectItem::UnnamedExpr(ast) => (ast, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(Name::from(alias))),
        other => {
            let all = Item::All(Location { line: 0, column: 0 });
            return (other.to_string() == "*").then_some(all);
        }
    };
    Some(Item::Expression {
        ast: Box::new(ast.clone()),
        alias,
    })
}

fn key(key: &OrderByExpr) -> Option<Key> {
    let descending = match &key.options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(_)) => return None,
    };
    let plain = key.options.nulls_first.is_none() && key.with_fill.is_none();
    plain.then(|| Key {
        ast: key.expr.clone(),
        descending,
    })
}
