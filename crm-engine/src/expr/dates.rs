//! Checks what is said of days and moments: `today()`, `year(day)`, `start_of('month', day)`,
//! `within(day, 'this month')`.

use super::calendar::{Period, Unit};
use super::check::{Checker, Term};
use super::domain::Domain;
use super::eval::{Operand, Test};
use super::params::Wanted;
use super::syntax::{Ast, blame, place, unexpected};
use crate::error::{Code, Error, Result};
use crate::value::{Value, ValueType};

impl Checker<'_> {
    /// What a call gives, if it speaks of days and moments.
    pub(super) fn date_call(
        &mut self,
        name: &str,
        arguments: &[&Ast],
        ast: &Ast,
        depth: usize,
    ) -> Result<Option<Term>> {
        match (name, arguments) {
            ("today", []) => {
                self.needs_clock(ast)?;
                Ok(Some(Term::Today))
            }
            ("now", []) => {
                self.needs_clock(ast)?;
                let now = Operand::Bound(self.parameters.now(place(ast)));
                Ok(Some(Term::Typed(now, Domain::plain(ValueType::DateTime))))
            }
            ("start_of", [unit, of]) => {
                let unit = self.unit(unit, depth)?;
                let of = self.moment(of, "start_of", depth)?;
                let first = Operand::StartOf(Box::new((unit, of)));
                Ok(Some(Term::Typed(first, Domain::plain(ValueType::Date))))
            }
            (unit, [of]) => {
                let Some(unit) = Unit::parse(unit) else {
                    return Ok(None);
                };
                let of = self.moment(of, name, depth)?;
                let number = Operand::DatePart(Box::new((unit, of)));
                Ok(Some(Term::Typed(number, Domain::plain(ValueType::Integer))))
            }
            _ => Ok(None),
        }
    }

    /// `within(day, 'this month')`.
    pub(super) fn within_period(
        &mut self,
        of: &Ast,
        period: &Ast,
        ast: &Ast,
        depth: usize,
    ) -> Result<Test> {
        self.needs_clock(ast)?;
        let of = self.moment(of, "within", depth)?;
        let at = place(period);
        let known = match self.term(period, depth)? {
            Term::Literal(Value::Text(text)) => {
                let period = Period::parse(&text).map_err(|error| blame(error, at))?;
                self.parameters.known_period(period)
            }
            Term::Parameter(parameter) => self.parameters.period(parameter, at),
            _ => return Err(unexpected(period, "a period or a parameter")),
        };
        Ok(Test::InPeriod(of, known))
    }

    fn unit(&mut self, ast: &Ast, depth: usize) -> Result<Operand> {
        match self.term(ast, depth)? {
            Term::Literal(value) => {
                let unit = unit(value).map_err(|error| blame(error, place(ast)))?;
                Ok(Operand::Constant(unit))
            }
            Term::Parameter(parameter) => {
                let place = self.parameters.slot(parameter, Wanted::Unit, place(ast));
                Ok(Operand::Bound(place))
            }
            _ => Err(unexpected(ast, "a unit or a parameter")),
        }
    }

    /// A day or a moment. Which day a moment is in depends on who asks.
    fn moment(&mut self, ast: &Ast, name: &str, depth: usize) -> Result<Operand> {
        let term = self.term(ast, depth)?;
        let (operand, domain) = self.natural(term, ast)?;
        match domain.value_type {
            ValueType::Date => Ok(operand),
            ValueType::DateTime => {
                self.needs_clock(ast)?;
                Ok(operand)
            }
            kind => {
                let error = format!("`{name}` takes a day or a moment, not `{}`", kind.name());
                Err(blame(Error::new(Code::WrongType, error), place(ast)))
            }
        }
    }

    /// What is kept, and what rights follow from, must not change by itself.
    fn needs_clock(&mut self, ast: &Ast) -> Result<()> {
        if self.clock {
            self.parameters.dated = true;
            return Ok(());
        }
        let error = "what depends on the time and on where one is can stand in queries only";
        Err(blame(Error::new(Code::InvalidValue, error), place(ast)))
    }
}

/// The name of a unit.
///
/// # Errors
/// [`Code::InvalidValue`] for anything else.
pub(super) fn unit(value: Value) -> Result<Value> {
    let name = value.as_text().map(str::to_lowercase);
    match name {
        Some(name) if Unit::parse(&name).is_some() => Ok(Value::Text(name)),
        _ => Err(Error::new(
            Code::InvalidValue,
            "expected `day`, `week`, `month`, `quarter` or `year`",
        )),
    }
}
