//! What is said of groups of records: aggregates, the values that make the groups, and whatever is
//! computed of these.
//!
//! While a [`Checker`] gathers, an expression is taken apart until its pieces are aggregates or
//! parts of `GROUP BY`: those become [`Operand::Part`], and everything around them is computed
//! once for each group.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned};
use sqlparser::tokenizer::Span;

use super::check::{Checker, Term, call};
use super::domain::Domain;
use super::eval::Operand;
use super::syntax::{Ast, blame, place, unexpected};
use crate::error::{Code, Error, Result};
use crate::value::ValueType;

/// What is computed of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Aggregate {
    /// The number of records.
    Count,
    /// Something of the values that are there.
    Of(Measure, Operand),
}

/// What is computed of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Count,
    /// The number of different values.
    Distinct,
    /// Of amounts of money, or of plain numbers.
    Sum {
        money: bool,
    },
    /// Of amounts of money, or of plain numbers.
    Average,
    Min,
    Max,
}

/// What makes the groups, and what is computed of each: their parts in this order.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    by: Vec<Gathered>,
    aggregates: Vec<Aggregate>,
}

/// A value that is the same for a whole group.
#[derive(Debug)]
struct Gathered {
    /// Where it was written; none for what `*` stands for.
    span: Option<Span>,
    operand: Operand,
    domain: Domain,
}

impl Gathering {
    /// Groups by one more value.
    pub(crate) fn add(&mut self, ast: Option<&Ast>, operand: Operand, domain: Domain) {
        self.by.push(Gathered {
            span: ast.map(Spanned::span),
            operand,
            domain,
        });
    }

    /// What makes the groups, and what is computed of each.
    pub(crate) fn done(self) -> (Vec<Operand>, Vec<Aggregate>) {
        let by = self.by.into_iter().map(|gathered| gathered.operand);
        (by.collect(), self.aggregates)
    }

    fn by(&self, found: impl Fn(&Gathered) -> bool) -> Option<Term> {
        let at = self.by.iter().position(found)?;
        Some(Term::Typed(Operand::Part(at), self.by[at].domain.clone()))
    }

    /// Each aggregate is computed once, however often it is named.
    fn aggregate(&mut self, aggregate: Aggregate) -> Operand {
        let known = self.aggregates.iter().position(|known| *known == aggregate);
        let at = known.unwrap_or_else(|| {
            self.aggregates.push(aggregate);
            self.aggregates.len() - 1
        });
        Operand::Part(self.by.len() + at)
    }
}

impl<'a> Checker<'a> {
    /// From here on expressions are about groups.
    pub(crate) fn gather(&mut self, gathering: Gathering) {
        self.gathering = Some(gathering);
    }

    /// What was gathered; expressions are about records again.
    pub(crate) fn gathered_up(&mut self) -> Gathering {
        self.gathering.take().unwrap_or_default()
    }

    /// An aggregate or a part of `GROUP BY`; none where the pieces have to tell.
    pub(super) fn gathered(&mut self, ast: &Ast, depth: usize) -> Result<Option<Term>> {
        let Some(gathering) = &self.gathering else {
            return Ok(None);
        };
        // One place is one expression.
        let span = ast.span();
        let same = |known: &Gathered| span.start.line > 0 && known.span == Some(span);
        if let Some(part) = gathering.by(same) {
            return Ok(Some(part));
        }
        if let Some((operand, domain)) = self.aggregate(ast, depth)? {
            return Ok(Some(Term::Typed(operand, domain)));
        }
        if matches!(ast, Expr::Value(_) | Expr::TypedString(_) | Expr::Nested(_))
            || has_aggregate(ast)
        {
            return Ok(None);
        }
        // The same said of a record, which may be what the groups are made by.
        let parameters = self.parameters.clone();
        let gathering = self.gathering.take();
        let of_record = self.term(ast, depth);
        self.gathering = gathering;
        let part = match (&of_record, &self.gathering) {
            (Ok(Term::Typed(operand, _)), Some(gathering)) => {
                gathering.by(|known| known.operand == *operand)
            }
            _ => None,
        };
        if part.is_some() {
            return Ok(part);
        }
        self.parameters = parameters;
        match ast {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Subquery(_) => {
                of_record?;
                Err(unexpected(ast, "an aggregate or part of GROUP BY"))
            }
            _ => Ok(None),
        }
    }

    /// An aggregate of values of records.
    fn aggregate(&mut self, ast: &Ast, depth: usize) -> Result<Option<(Operand, Domain)>> {
        let Expr::Function(function) = ast else {
            return Ok(None);
        };
        let Some((measure, of)) = measure(function) else {
            return Ok(None);
        };
        let (aggregate, domain) = match of {
            None => (Aggregate::Count, Domain::plain(ValueType::Integer)),
            Some(of) => {
                let gathering = self.gathering.take();
                let value = self
                    .term(of, depth + 1)
                    .and_then(|term| self.natural(term, of));
                self.gathering = gathering;
                let (operand, domain) = value?;
                let (measure, domain) = of_values(measure, domain, of)?;
                (Aggregate::Of(measure, operand), domain)
            }
        };
        let gathering = self.gathering.as_mut();
        let gathering = gathering.ok_or_else(|| Error::internal("an aggregate of a record"))?;
        Ok(Some((gathering.aggregate(aggregate), domain)))
    }
}

/// What is computed of what: of the records themselves where there is no argument.
fn measure(function: &Function) -> Option<(Measure, Option<&Ast>)> {
    let (name, distinct, argument) = call(function)?;
    let of = match argument {
        FunctionArgExpr::Expr(of) => Some(of),
        FunctionArgExpr::Wildcard => None,
        _ => return None,
    };
    let measure = match (name.as_str(), distinct, of) {
        ("count", false, _) => Measure::Count,
        ("count", true, Some(_)) => Measure::Distinct,
        ("sum", false, Some(_)) => Measure::Sum { money: false },
        ("avg", false, Some(_)) => Measure::Average,
        ("min", false, Some(_)) => Measure::Min,
        ("max", false, Some(_)) => Measure::Max,
        _ => return None,
    };
    Some((measure, of))
}

/// A measure of values of a domain, and the domain of its result.
fn of_values(measure: Measure, domain: Domain, of: &Ast) -> Result<(Measure, Domain)> {
    use Measure::{Average, Count, Distinct, Max, Min, Sum};
    Ok(match (measure, domain.value_type) {
        (Count | Distinct, _) => (measure, Domain::plain(ValueType::Integer)),
        (Min | Max, _) => (measure, domain),
        (Sum { .. }, ValueType::Money) => (Sum { money: true }, domain),
        (Average, ValueType::Money) => (measure, domain),
        (Sum { .. } | Average, _) if domain.is_number() => {
            (measure, Domain::plain(ValueType::Decimal))
        }
        (Sum { .. } | Average, kind) => {
            let name = if measure == Average { "avg" } else { "sum" };
            let error = format!("`{name}` takes numbers and money, not `{}`", kind.name());
            return Err(blame(Error::new(Code::WrongType, error), place(of)));
        }
    })
}

/// Whether an expression says anything of a group. Sub-selects speak of other records.
pub(crate) fn has_aggregate(ast: &Ast) -> bool {
    match ast {
        Expr::Function(function) => {
            measure(function).is_some() || {
                let FunctionArguments::List(list) = &function.args else {
                    return false;
                };
                list.args.iter().any(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)) => has_aggregate(inner),
                    _ => false,
                })
            }
        }
        Expr::Nested(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::In { expr: inner, .. }
        | Expr::Like { expr: inner, .. } => has_aggregate(inner),
        Expr::BinaryOp { left, right, .. } => has_aggregate(left) || has_aggregate(right),
        Expr::Between {
            expr, low, high, ..
        } => [expr, low, high].into_iter().any(|ast| has_aggregate(ast)),
        Expr::Case {
            operand,
            conditions,
            else_result,
            ..
        } => {
            let arms = conditions.iter();
            let mut arms = arms.flat_map(|arm| [&arm.condition, &arm.result]);
            let around = [operand.as_deref(), else_result.as_deref()];
            arms.any(has_aggregate) || around.into_iter().flatten().any(has_aggregate)
        }
        _ => false,
    }
}
