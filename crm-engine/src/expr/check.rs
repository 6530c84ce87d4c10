//! From syntax to checked expressions: names become fields under a mask, literals become values
//! of what they stand beside, and everything else is refused.

use std::sync::Arc;

use rust_decimal::Decimal;
use sqlparser::ast::{
    BinaryOperator, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, InTarget, Query, TypedString, UnaryOperator, Value as Literal,
};

use super::Plans;
use super::amounts::{amount_of, computed};
use super::child::Nest;
use super::domain::Domain;
use super::eval::{Arithmetic, Comparison, Link, Operand, Path, Step, Test};
use super::gathered::Gathering;
use super::params::{Parameters, Wanted, pattern};
use super::subselect::{self, SubSelect};
use super::syntax::{Ast, Name, blame, place, unexpected};
use crate::error::{Code, Error, Result};
use crate::limits::{EXPRESSION_DEPTH_MAX, PATH_STEPS_MAX};
use crate::policy::Plan;
use crate::schema::{Field, Object, Schema};
use crate::value::{Value, ValueType, shorten};

/// What names mean.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) schema: &'a Schema,
    /// The object whose fields a name without a path names.
    pub(crate) object: &'a Arc<Object>,
    /// The plans under which records are read.
    pub(crate) plans: &'a Plans<'a>,
    /// Checks sub-selects that give values, where they can stand.
    pub(crate) nest: Option<&'a dyn Nest>,
}

/// The field of that name, if the plan shows it. Fields that are hidden and fields that do not
/// exist give one error (invariant *invisible is absent*).
fn visible_field<'o>(object: &'o Object, plan: &Plan, name: &Name) -> Result<&'o Field> {
    object
        .find(&name.text)
        .filter(|field| plan.shows(field.id))
        .ok_or_else(|| blame(object.unknown_field(&shorten(&name.text)), name.at))
}

/// Checks the expressions of one text; they share its parameters.
pub(crate) struct Checker<'a> {
    pub(super) scope: Scope<'a>,
    pub(crate) parameters: Parameters,
    /// Expressions may depend on the time, and on the time zone of who asks.
    pub(crate) clock: bool,
    /// Expressions are about groups of records.
    pub(super) gathering: Option<Gathering>,
}

/// Something with a value: what stands beside a literal or a parameter gives it its type.
pub(super) enum Term {
    Typed(Operand, Domain),
    Literal(Value),
    Parameter(usize),
    /// The present day: beside a moment, its beginning where the reader is.
    Today,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(scope: Scope<'a>) -> Checker<'a> {
        Checker {
            scope,
            parameters: Parameters::default(),
            clock: false,
            gathering: None,
        }
    }

    /// What names mean.
    pub(crate) fn scope(&self) -> Scope<'a> {
        self.scope
    }

    /// The object whose records expressions are about.
    pub(crate) fn object(&self) -> Arc<Object> {
        Arc::clone(self.scope.object)
    }

    /// Checks a condition.
    pub(crate) fn test(&mut self, ast: &Ast) -> Result<Test> {
        self.test_at(ast, 0)
    }

    /// Checks an operand that stands alone: a column or a key of an order.
    pub(crate) fn operand(&mut self, ast: &Ast) -> Result<(Operand, Domain)> {
        let term = self.term(ast, 0)?;
        self.natural(term, ast)
    }

    /// Checks a value for `domain`: a literal or a parameter.
    pub(crate) fn value(&mut self, ast: &Ast, domain: &Domain) -> Result<Operand> {
        match self.term(ast, 0)? {
            Term::Typed(..) | Term::Today => Err(unexpected(ast, "a value or a parameter")),
            term => self.fit(term, domain, ast),
        }
    }

    pub(super) fn test_at(&mut self, ast: &Ast, depth: usize) -> Result<Test> {
        bound_depth(ast, depth)?;
        let depth = depth + 1;
        match ast {
            Expr::Nested(inner) => self.test_at(inner, depth),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => Ok(not(true, self.test_at(expr, depth)?)),
            Expr::BinaryOp {
                op: op @ (BinaryOperator::And | BinaryOperator::Or),
                ..
            } => {
                let tests = chain(ast, op)
                    .into_iter()
                    .map(|part| self.test_at(part, depth))
                    .collect::<Result<Vec<Test>>>()?;
                Ok(match op {
                    BinaryOperator::And => Test::And(tests),
                    _ => Test::Or(tests),
                })
            }
            Expr::BinaryOp { left, op, right } if comparison(op).is_some() => {
                let comparison = comparison(op).unwrap_or(Comparison::Equal);
                let (left, right) = self.pair(left, right, depth)?;
                Ok(Test::Compare(left, comparison, right))
            }
            Expr::IsNull(operand) => self.is_null(operand, depth),
            Expr::IsNotNull(operand) => Ok(not(true, self.is_null(operand, depth)?)),
            Expr::In {
                expr,
                target: InTarget::List(list),
                negated,
                global: false,
            } => Ok(not(*negated, self.one_of(expr, list, depth)?)),
            Expr::In {
                expr,
                target: InTarget::Subquery(query),
                negated,
                global: false,
            } => Ok(not(*negated, self.within(expr, query, ast, depth)?)),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                let (value, low) = self.pair(expr, low, depth)?;
                let (same, high) = self.pair(expr, high, depth)?;
                let between = Test::And(vec![
                    Test::Compare(value, Comparison::GreaterOrEqual, low),
                    Test::Compare(same, Comparison::LessOrEqual, high),
                ]);
                Ok(not(*negated, between))
            }
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => Ok(not(*negated, self.like(expr, pattern, depth)?)),
            Expr::Function(function) => match call_of(function) {
                Some((name, arguments)) if name == "within" => match arguments.as_slice() {
                    [of, period] => self.within_period(of, period, ast, depth),
                    _ => Err(unexpected(ast, "`within(day, 'this month')`")),
                },
                _ => self.checked(ast, depth),
            },
            other => self.checked(other, depth),
        }
    }

    /// A checkbox, or a truth value, as a condition.
    fn checked(&mut self, ast: &Ast, depth: usize) -> Result<Test> {
        let domain = Domain::plain(ValueType::Checkbox);
        match self.term(ast, depth)? {
            Term::Typed(operand, found) if found.value_type == ValueType::Checkbox => {
                Ok(Test::Checked(operand))
            }
            Term::Literal(Value::Null) => Ok(Test::Constant(None)),
            Term::Literal(Value::Checkbox(answer)) => Ok(Test::Constant(Some(answer))),
            term @ Term::Parameter(_) => self.fit(term, &domain, ast).map(Test::Checked),
            _ => Err(unexpected(ast, "a condition")),
        }
    }

    fn is_null(&mut self, ast: &Ast, depth: usize) -> Result<Test> {
        let term = self.term(ast, depth)?;
        self.natural(term, ast)
            .map(|(operand, _)| Test::IsNull(operand))
    }

    fn one_of(&mut self, ast: &Ast, list: &[Ast], depth: usize) -> Result<Test> {
        let term = self.term(ast, depth)?;
        let (operand, domain) = self.natural(term, ast)?;
        let list = list
            .iter()
            .map(|item| match self.term(item, depth)? {
                Term::Typed(other, found) => {
                    comparable(&domain, &found, item)?;
                    Ok(other)
                }
                term => self.fit(term, &domain, item),
            })
            .collect::<Result<Vec<Operand>>>()?;
        Ok(Test::In(operand, list))
    }

    /// A sub-select has a scope of its own and shares the parameters of the whole text.
    fn within(&mut self, ast: &Ast, query: &Query, whole: &Ast, depth: usize) -> Result<Test> {
        let term = self.term(ast, depth)?;
        let (operand, domain) = self.natural(term, ast)?;
        let parts = subselect::parts(query, whole)?;
        let object = self.scope.schema.object(&parts.object.text);
        let object = object.map_err(|error| blame(error, parts.object.at))?;
        let mut inner = Checker {
            scope: Scope {
                object,
                nest: None,
                ..self.scope
            },
            parameters: std::mem::take(&mut self.parameters),
            clock: self.clock,
            gathering: None,
        };
        let column = inner
            .term(parts.column, depth)
            .and_then(|term| inner.natural(term, parts.column));
        let filter = parts
            .condition
            .map(|condition| inner.test_at(condition, depth))
            .transpose();
        self.parameters = inner.parameters;
        let ((column, selected), filter) = (column?, filter?);
        subselect::comparable(&domain, &selected)
            .map_err(|error| blame(error, place(parts.column)))?;
        let sub_select = SubSelect {
            object: Arc::clone(object),
            plan: (self.scope.plans)(object),
            followed: self.scope.schema.followed(object).map(Arc::clone),
            column,
            filter,
            place: self.parameters.sub_select(),
        };
        Ok(Test::Within(operand, Arc::new(sub_select)))
    }

    fn like(&mut self, ast: &Ast, wanted: &Ast, depth: usize) -> Result<Test> {
        let term = self.term(ast, depth)?;
        let (operand, domain) = self.natural(term, ast)?;
        let (operand, domain) = named(operand, domain);
        if !domain.is_text() && domain.value_type != ValueType::Tags {
            let error = format!("`LIKE` takes a text, not `{}`", domain.value_type.name());
            return Err(blame(Error::new(Code::WrongType, error), place(ast)));
        }
        let pattern = match self.term(wanted, depth)? {
            Term::Literal(value) => {
                Operand::Constant(pattern(value).map_err(|error| blame(error, place(wanted)))?)
            }
            Term::Parameter(parameter) => {
                let slot = self
                    .parameters
                    .slot(parameter, Wanted::Pattern, place(wanted));
                Operand::Bound(slot)
            }
            Term::Typed(..) | Term::Today => {
                return Err(unexpected(wanted, "a pattern or a parameter"));
            }
        };
        Ok(Test::Like(operand, pattern))
    }

    /// Two operands that are compared: each that has no type takes it from the other.
    pub(super) fn pair(
        &mut self,
        left: &Ast,
        right: &Ast,
        depth: usize,
    ) -> Result<(Operand, Operand)> {
        match (self.term(left, depth)?, self.term(right, depth)?) {
            (Term::Typed(a, domain), Term::Typed(b, other)) => {
                comparable(&domain, &other, right)?;
                Ok((a, b))
            }
            (Term::Typed(a, domain), b) => Ok((a, self.fit(b, &domain, right)?)),
            (a, Term::Typed(b, domain)) => Ok((self.fit(a, &domain, left)?, b)),
            (a @ Term::Parameter(_), b) => {
                let (b, domain) = self.natural(b, right)?;
                Ok((self.fit(a, &domain, left)?, b))
            }
            (a, b) => {
                let (a, domain) = self.natural(a, left)?;
                Ok((a, self.fit(b, &domain, right)?))
            }
        }
    }

    pub(super) fn term(&mut self, ast: &Ast, depth: usize) -> Result<Term> {
        bound_depth(ast, depth)?;
        if let Some(part) = self.gathered(ast, depth)? {
            return Ok(part);
        }
        let depth = depth + 1;
        match ast {
            Expr::Nested(inner) => self.term(inner, depth),
            Expr::Identifier(name) => self.path(std::slice::from_ref(name)),
            Expr::CompoundIdentifier(names) => self.path(names),
            Expr::Value(literal) => self.literal(&literal.value, ast),
            Expr::TypedString(typed) => moment(typed, ast).map(Term::Literal),
            Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr,
            } => match self.term(expr, depth)? {
                Term::Literal(Value::Integer(n)) => Ok(Term::Literal(Value::Integer(-n))),
                Term::Literal(Value::Decimal(n)) => Ok(Term::Literal(Value::Decimal(-n))),
                term => {
                    let kind = amount_of(&term, expr)?;
                    let operand = self.fit(term, &Domain::plain(kind), expr)?;
                    Ok(computed(kind, Operand::Negative(Box::new(operand))))
                }
            },
            Expr::BinaryOp { left, op, right } => {
                let operator = arithmetic(op).ok_or_else(|| unexpected(ast, "a value"))?;
                self.arithmetic(left, operator, right, depth)
            }
            Expr::Subquery(query) => {
                let scope = self.scope;
                let nest = scope.nest.ok_or_else(|| unexpected(ast, "a value"))?;
                let (child, domain) = nest.value(scope, &mut self.parameters, query, ast)?;
                Ok(Term::Typed(Operand::child(child), domain))
            }
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => {
                let (operand, otherwise) = (operand.as_deref(), else_result.as_deref());
                self.case(ast, operand, conditions, otherwise, depth)
            }
            Expr::Function(function) => match call_of(function) {
                Some((name, arguments)) => match (name.as_str(), arguments.as_slice()) {
                    ("currency", [argument]) => self.currency(argument, depth),
                    ("coalesce", [_, _, ..]) => self.coalesce(&arguments, depth),
                    ("filled", [list]) => self.filled(list, depth),
                    _ => match self.date_call(&name, &arguments, ast, depth)? {
                        Some(term) => Ok(term),
                        None => Err(unexpected(ast, "a value")),
                    },
                },
                None => Err(unexpected(ast, "a value")),
            },
            _ => Err(unexpected(ast, "a value")),
        }
    }

    fn literal(&mut self, literal: &Literal, ast: &Ast) -> Result<Term> {
        let number = |text: &str| match text.parse::<i64>() {
            Ok(n) => Ok(Value::Integer(n)),
            Err(_) => Decimal::from_str_exact(text).map(Value::Decimal),
        };
        match literal {
            Literal::Null => Ok(Term::Literal(Value::Null)),
            Literal::Boolean(answer) => Ok(Term::Literal(Value::Checkbox(*answer))),
            Literal::SingleQuotedString(text) => Ok(Term::Literal(Value::Text(text.clone()))),
            Literal::Number(text, false) => number(text).map(Term::Literal).map_err(|_| {
                let error = format!("`{}` is not a number of up to 28 digits", shorten(text));
                blame(Error::new(Code::InvalidValue, error), place(ast))
            }),
            Literal::Placeholder(name) => match self.parameters.place(name, place(ast)) {
                Some(parameter) => Ok(Term::Parameter(parameter)),
                None => Err(unexpected(ast, "`?` or `:name`")),
            },
            _ => Err(unexpected(ast, "a value")),
        }
    }

    /// `operand`, which is a value of `field`, as the actor may see it: a reference to a record
    /// that he may not see is none. What the engine keeps names users, who are no secret to
    /// whoever sees the record.
    pub(crate) fn seen(&self, field: &Field, operand: Operand) -> Operand {
        let target = field
            .target
            .filter(|_| !field.is_system())
            .and_then(|target| self.scope.schema.by_id(target));
        let Some(target) = target else {
            return operand;
        };
        let plan = (self.scope.plans)(target);
        match plan.reaches_everything() {
            true => operand,
            false => Operand::Link(Box::new(Link {
                reference: operand,
                target: target.id,
                plan,
            })),
        }
    }

    /// Follows names over references, under the plan of every object on the way.
    fn path(&self, names: &[Ident]) -> Result<Term> {
        let mut object = self.scope.object;
        let mut plan = (self.scope.plans)(object);
        let mut first = None;
        let mut steps = Vec::new();
        for (position, name) in names.iter().map(Name::from).enumerate() {
            let field = visible_field(object, &plan, &name)?;
            match first {
                None => first = Some(field.id),
                Some(_) => steps.push(Step {
                    object: object.id,
                    plan,
                    field: field.id,
                }),
            }
            if position + 1 == names.len() {
                let domain = Domain::of(object, field);
                let operand = match first {
                    Some(first) if !steps.is_empty() => {
                        Operand::Path(Box::new(Path { first, steps }))
                    }
                    _ => Operand::Field(field.id),
                };
                return Ok(Term::Typed(self.seen(field, operand), domain));
            }
            if position == PATH_STEPS_MAX {
                let error = format!("a path follows at most {PATH_STEPS_MAX} references");
                return Err(blame(Error::new(Code::LimitExceeded, error), name.at));
            }
            let target = field
                .target
                .filter(|_| field.value_type == ValueType::Reference)
                .and_then(|target| self.scope.schema.by_id(target));
            object = target.ok_or_else(|| {
                let error = format!("`{}` is not a reference", field.name);
                blame(
                    Error::new(Code::WrongType, error).field(&field.name),
                    name.at,
                )
            })?;
            plan = (self.scope.plans)(object);
        }
        Err(Error::internal("a path without names"))
    }

    /// A literal or a parameter as a value of `domain`.
    pub(super) fn fit(&mut self, term: Term, domain: &Domain, ast: &Ast) -> Result<Operand> {
        match term {
            Term::Typed(operand, _) => Ok(operand),
            Term::Literal(value) => match domain.fit(value) {
                Ok(value) => Ok(Operand::Constant(value)),
                Err(error) => Err(blame(error, place(ast))),
            },
            Term::Parameter(parameter) => {
                let wanted = Wanted::Value(domain.clone());
                let place = self.parameters.slot(parameter, wanted, place(ast));
                Ok(Operand::Bound(place))
            }
            Term::Today => {
                let day = Domain::plain(ValueType::Date);
                comparable(domain, &day, ast)?;
                let begins = domain.value_type == ValueType::DateTime;
                Ok(Operand::Bound(self.parameters.today(begins, place(ast))))
            }
        }
    }

    /// A term with the type it has by itself.
    pub(super) fn natural(&mut self, term: Term, ast: &Ast) -> Result<(Operand, Domain)> {
        match term {
            Term::Typed(operand, domain) => Ok((operand, domain)),
            Term::Literal(value) => {
                let domain = Domain::plain(value.value_type().unwrap_or(ValueType::Text));
                Ok((Operand::Constant(value), domain))
            }
            Term::Today => {
                let domain = Domain::plain(ValueType::Date);
                let day = self.fit(Term::Today, &domain, ast)?;
                Ok((day, domain))
            }
            Term::Parameter(_) => Err(blame(
                Error::new(Code::WrongType, "nothing tells the type of this parameter"),
                place(ast),
            )),
        }
    }
}

fn not(negated: bool, test: Test) -> Test {
    match negated {
        true => Test::Not(Box::new(test)),
        false => test,
    }
}

fn bound_depth(ast: &Ast, depth: usize) -> Result<()> {
    if depth < EXPRESSION_DEPTH_MAX {
        return Ok(());
    }
    let error = format!("an expression nests at most {EXPRESSION_DEPTH_MAX} levels deep");
    Err(blame(Error::new(Code::LimitExceeded, error), place(ast)))
}

/// The parts of `a AND b AND c`, which is parsed as a tree that leans to the left.
fn chain<'t>(ast: &'t Ast, operator: &BinaryOperator) -> Vec<&'t Ast> {
    let mut parts = Vec::new();
    let mut rest = ast;
    while let Expr::BinaryOp { left, op, right } = rest {
        if op != operator {
            break;
        }
        parts.push(&**right);
        rest = left;
    }
    parts.push(rest);
    parts.reverse();
    parts
}

fn comparison(operator: &BinaryOperator) -> Option<Comparison> {
    match operator {
        BinaryOperator::Eq => Some(Comparison::Equal),
        BinaryOperator::NotEq => Some(Comparison::NotEqual),
        BinaryOperator::Lt => Some(Comparison::Less),
        BinaryOperator::LtEq => Some(Comparison::LessOrEqual),
        BinaryOperator::Gt => Some(Comparison::Greater),
        BinaryOperator::GtEq => Some(Comparison::GreaterOrEqual),
        _ => None,
    }
}

fn arithmetic(operator: &BinaryOperator) -> Option<Arithmetic> {
    match operator {
        BinaryOperator::Plus => Some(Arithmetic::Add),
        BinaryOperator::Minus => Some(Arithmetic::Subtract),
        BinaryOperator::Multiply => Some(Arithmetic::Multiply),
        BinaryOperator::Divide => Some(Arithmetic::Divide),
        _ => None,
    }
}

fn comparable(domain: &Domain, other: &Domain, ast: &Ast) -> Result<()> {
    if domain.compares_with(other) {
        return Ok(());
    }
    let (kind, other) = (domain.value_type.name(), other.value_type.name());
    let error = format!("`{kind}` cannot be compared with this `{other}`");
    Err(blame(Error::new(Code::WrongType, error), place(ast)))
}

/// A choice set as the tags that its choices' names are; everything else as it is.
fn named(operand: Operand, domain: Domain) -> (Operand, Domain) {
    let Some(field) = domain
        .field()
        .filter(|_| domain.value_type == ValueType::ChoiceSet)
    else {
        return (operand, domain);
    };
    let names = field
        .choices
        .iter()
        .map(|choice| (choice.id, choice.name.clone()))
        .collect();
    let operand = Operand::Names(Box::new((operand, names)));
    (operand, Domain::plain(ValueType::Tags))
}

/// `DATE '2017-03-01'` and `TIMESTAMP '2017-03-01T09:00Z'`.
fn moment(typed: &TypedString, ast: &Ast) -> Result<Value> {
    let kind = match typed.data_type {
        DataType::Date => ValueType::Date,
        DataType::Timestamp(None, _) => ValueType::DateTime,
        _ => return Err(unexpected(ast, "`DATE` or `TIMESTAMP`")),
    };
    match &typed.value.value {
        Literal::SingleQuotedString(text) => {
            crate::value::parse(kind, text).map_err(|error| blame(error, place(ast)))
        }
        _ => Err(unexpected(ast, "a text in single quotes")),
    }
}

/// The lower-case name and the plain arguments of a call without any additions.
fn call_of(function: &Function) -> Option<(String, Vec<&Ast>)> {
    let (name, arguments) = plain_call(function)?;
    let plain = arguments.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
        _ => None,
    });
    Some((name, plain.collect::<Option<Vec<&Ast>>>()?))
}

/// The lower-case name and the one argument of a call without any additions but `DISTINCT`, and
/// whether that stands there.
pub(super) fn call(function: &Function) -> Option<(String, bool, &FunctionArgExpr)> {
    match any_call(function)? {
        (name, distinct, [FunctionArg::Unnamed(argument)]) => Some((name, distinct, argument)),
        _ => None,
    }
}

fn plain_call(function: &Function) -> Option<(String, &[FunctionArg])> {
    let (name, distinct, arguments) = any_call(function)?;
    (!distinct).then_some((name, arguments))
}

fn any_call(function: &Function) -> Option<(String, bool, &[FunctionArg])> {
    let Function {
        name,
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        within_group,
        filter: None,
        null_treatment: None,
        over: None,
    } = function
    else {
        return None;
    };
    let distinct = match list.duplicate_treatment {
        None => false,
        Some(DuplicateTreatment::Distinct) => true,
        Some(DuplicateTreatment::All) => return None,
    };
    let is_plain = list.clauses.is_empty() && within_group.is_empty();
    let name = name.to_string().to_lowercase();
    is_plain.then_some((name, distinct, list.args.as_slice()))
}
