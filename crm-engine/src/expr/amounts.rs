//! Checks what is computed of values: arithmetic on numbers and amounts, and currencies.

use super::check::{Checker, Term};
use super::domain::Domain;
use super::eval::{Arithmetic, Operand};
use super::syntax::{Ast, blame, place};
use crate::error::{Code, Error, Result};
use crate::value::{Value, ValueType};

impl Checker<'_> {
    /// Numbers with numbers; amounts are added to amounts, and multiplied and divided by numbers.
    /// An amount divided by an amount is a number.
    pub(super) fn arithmetic(
        &mut self,
        left: &Ast,
        operator: Arithmetic,
        right: &Ast,
        depth: usize,
    ) -> Result<Term> {
        use Arithmetic::{Add, Divide, Multiply, Subtract};
        use ValueType::{Decimal, Money};
        let (a, b) = (self.term(left, depth)?, self.term(right, depth)?);
        let (mut kind_a, mut kind_b) = (amount_of(&a, left)?, amount_of(&b, right)?);
        // A text or a parameter beside an amount it is added to is an amount.
        if matches!(operator, Add | Subtract) {
            let bare = |term: &Term| !matches!(term, Term::Typed(..)) && !is_number(term);
            match (kind_a, kind_b) {
                (Money, Decimal) if bare(&b) => kind_b = Money,
                (Decimal, Money) if bare(&a) => kind_a = Money,
                _ => {}
            }
        }
        let kind = match (kind_a, operator, kind_b) {
            (Decimal, _, Decimal) | (Money, Divide, Money) => Decimal,
            (Money, Add | Subtract, Money)
            | (Money, Multiply | Divide, Decimal)
            | (Decimal, Multiply, Money) => Money,
            _ => {
                let error = match operator {
                    Add | Subtract => "an amount and a number cannot be added",
                    Multiply => "two amounts cannot be multiplied",
                    Divide => "a number cannot be divided by an amount",
                };
                return Err(blame(Error::new(Code::WrongType, error), place(left)));
            }
        };
        let a = self.fit(a, &Domain::plain(kind_a), left)?;
        let b = self.fit(b, &Domain::plain(kind_b), right)?;
        Ok(computed(
            kind,
            Operand::Arithmetic(Box::new((a, operator, b))),
        ))
    }

    pub(super) fn currency(&mut self, argument: &Ast, depth: usize) -> Result<Term> {
        match self.term(argument, depth)? {
            Term::Typed(operand, domain) if domain.value_type == ValueType::Money => {
                let operand = Operand::Currency(Box::new(operand));
                Ok(Term::Typed(operand, Domain::plain(ValueType::Text)))
            }
            _ => Err(blame(
                Error::new(Code::WrongType, "`currency` takes a field of type `money`"),
                place(argument),
            )),
        }
    }
}

/// An operand that is computed, of the type given.
pub(super) fn computed(kind: ValueType, operand: Operand) -> Term {
    Term::Typed(operand, Domain::plain(kind))
}

/// What a term is in arithmetic: money, or a number as which literals and parameters are taken.
pub(super) fn amount_of(term: &Term, ast: &Ast) -> Result<ValueType> {
    match term {
        Term::Typed(_, domain) if domain.value_type == ValueType::Money => Ok(ValueType::Money),
        Term::Typed(_, domain) if !domain.is_number() => {
            let kind = domain.value_type.name();
            let error = format!("arithmetic takes numbers and money, not `{kind}`");
            Err(blame(Error::new(Code::WrongType, error), place(ast)))
        }
        _ => Ok(ValueType::Decimal),
    }
}

pub(super) fn is_number(term: &Term) -> bool {
    matches!(term, Term::Literal(Value::Integer(_) | Value::Decimal(_)))
}
