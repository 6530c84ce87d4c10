//! Checks what takes several values: `CASE`, `coalesce`, and `filled`, which counts those there are.

use sqlparser::ast::CaseWhen;

use super::amounts::is_number;
use super::check::{Checker, Term};
use super::domain::Domain;
use super::eval::{Case, Comparison, Operand, Test};
use super::syntax::{Ast, blame, place};
use crate::error::{Code, Error, Result};
use crate::schema::Field;
use crate::value::{Value, ValueType, shorten};

impl Checker<'_> {
    /// The first of several values that is one.
    pub(super) fn coalesce(&mut self, arguments: &[&Ast], depth: usize) -> Result<Term> {
        let terms = arguments.iter().map(|argument| self.term(argument, depth));
        let terms = terms.collect::<Result<Vec<Term>>>()?;
        if !terms.iter().any(|term| matches!(term, Term::Typed(..))) {
            let error = Error::new(Code::WrongType, "`coalesce` takes a field among its values");
            return Err(blame(error, place(arguments[0])));
        }
        let (operands, domain) = self.alike(terms, arguments, "coalesce")?;
        Ok(Term::Typed(Operand::Coalesce(operands), domain))
    }

    /// `filled('portrait')`: how complete a record is by a list of fields, of those the reader sees.
    /// Lists are changed in a running store, so nothing that is kept may follow from them.
    pub(super) fn filled(&mut self, ast: &Ast, depth: usize) -> Result<Term> {
        if !self.clock {
            let error = "how complete a record is can be asked in queries only";
            return Err(blame(Error::new(Code::InvalidValue, error), place(ast)));
        }
        let Term::Literal(Value::Text(name)) = self.term(ast, depth)? else {
            return Err(super::unexpected(ast, "the name of a list of fields"));
        };
        let object = self.object();
        let plan = (self.scope().plans)(&object);
        let list = object.completeness.iter().find(|list| list.name == name);
        let shown = list.into_iter().flat_map(|list| &list.fields);
        let shown = shown.filter(|field| plan.shows(**field));
        let fields = shown.filter_map(|id| object.by_id(*id));
        let operand = |field: &Field| self.seen(field, Operand::Field(field.id));
        let fields: Vec<Operand> = fields.map(operand).collect();
        if fields.is_empty() {
            let error = format!(
                "`{}` has no list of fields `{}`",
                object.name,
                shorten(&name)
            );
            let error = Error::new(Code::UnknownField, error).field(&name);
            return Err(blame(error, place(ast)));
        }
        let percent = Domain::plain(ValueType::Integer);
        Ok(Term::Typed(Operand::Filled(fields), percent))
    }

    /// `CASE WHEN condition THEN value .. ELSE value END`, and `CASE value WHEN value THEN ..`.
    pub(super) fn case(
        &mut self,
        ast: &Ast,
        operand: Option<&Ast>,
        conditions: &[CaseWhen],
        otherwise: Option<&Ast>,
        depth: usize,
    ) -> Result<Term> {
        let (mut tests, mut terms, mut asts) = (Vec::new(), Vec::new(), Vec::new());
        for CaseWhen { condition, result } in conditions {
            tests.push(match operand {
                Some(operand) => {
                    let (left, right) = self.pair(operand, condition, depth)?;
                    Test::Compare(left, Comparison::Equal, right)
                }
                None => self.test_at(condition, depth)?,
            });
            terms.push(self.term(result, depth)?);
            asts.push(result);
        }
        if let Some(otherwise) = otherwise {
            terms.push(self.term(otherwise, depth)?);
            asts.push(otherwise);
        }
        if asts.is_empty() {
            return Err(super::unexpected(ast, "`WHEN` and `THEN`"));
        }
        let (mut operands, domain) = self.alike(terms, &asts, "CASE")?;
        let otherwise = match otherwise {
            Some(_) => operands.pop().unwrap_or(Operand::Constant(Value::Null)),
            None => Operand::Constant(Value::Null),
        };
        let arms = tests.into_iter().zip(operands).collect();
        let case = Operand::Case(Box::new(Case { arms, otherwise }));
        Ok(Term::Typed(case, domain))
    }

    /// Several values of one type. The first that is neither literal nor parameter tells it;
    /// where there is none, the first literal does.
    fn alike(
        &mut self,
        terms: Vec<Term>,
        asts: &[&Ast],
        whole: &str,
    ) -> Result<(Vec<Operand>, Domain)> {
        let typed = terms.iter().find_map(|term| match term {
            Term::Typed(_, domain) => Some(domain.clone()),
            Term::Today => Some(Domain::plain(ValueType::Date)),
            _ => None,
        });
        let literal = || {
            terms.iter().find_map(|term| match term {
                Term::Literal(value) => value.value_type().map(Domain::plain),
                _ => None,
            })
        };
        let Some(mut domain) = typed.or_else(literal) else {
            let error = format!("nothing tells the type of this `{whole}`");
            return Err(blame(Error::new(Code::WrongType, error), place(asts[0])));
        };
        if domain.is_number() && !terms.iter().all(is_whole) {
            domain = Domain::plain(ValueType::Decimal);
        }
        let mut operands = Vec::with_capacity(terms.len());
        for (term, ast) in terms.into_iter().zip(asts) {
            if !fits(&term, &domain) {
                let kind = domain.value_type.name();
                let error = format!("every value of this `{whole}` is of type `{kind}`");
                return Err(blame(Error::new(Code::WrongType, error), place(ast)));
            }
            let widens = domain.value_type == ValueType::Decimal;
            operands.push(match self.fit(term, &domain, ast)? {
                Operand::Constant(Value::Integer(n)) if widens => {
                    Operand::Constant(Value::Decimal(n.into()))
                }
                operand @ Operand::Constant(_) => operand,
                operand if widens => Operand::Widened(Box::new(operand)),
                operand => operand,
            });
        }
        Ok((operands, domain))
    }
}

fn fits(term: &Term, domain: &Domain) -> bool {
    match term {
        Term::Typed(_, other) => {
            let same =
                other.value_type == domain.value_type || (other.is_number() && domain.is_number());
            same && other.compares_with(domain)
        }
        // A plain number compares with an amount, but it is none.
        Term::Literal(_) => !(is_number(term) && domain.value_type == ValueType::Money),
        Term::Today => domain.value_type == ValueType::Date,
        Term::Parameter(_) => true,
    }
}

/// Whether a term is a whole number wherever it is a number.
fn is_whole(term: &Term) -> bool {
    match term {
        Term::Typed(_, domain) => domain.value_type == ValueType::Integer,
        Term::Literal(value) => matches!(value, Value::Integer(_) | Value::Null),
        Term::Parameter(_) | Term::Today => false,
    }
}
