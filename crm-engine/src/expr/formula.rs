//! Formulas: fields whose value follows from the other fields of their record.

use std::sync::Arc;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{Bound, Checker, Context, Operand, Plans, Row, Scope, Source, Test};
use crate::error::{Code, Error, Result};
use crate::policy::{Actor, Organisation, Plan};
use crate::schema::{Field, Object, Schema, system};
use crate::store::Read;
use crate::value::{Money, Value, ValueType};

/// A formula, checked against the field it fills.
#[derive(Debug, Clone)]
pub(crate) struct Formula {
    result: Expression,
    value_type: ValueType,
}

#[derive(Debug, Clone)]
enum Expression {
    Value(Operand),
    /// Of a checkbox: whether a condition holds; no value when that is unknown.
    Answer(Test),
}

impl Formula {
    /// Compiles `text` for the field `field` of `object`. It sees every field, whatever readers
    /// see of the result is decided at theirs.
    ///
    /// # Errors
    /// As [`Condition::compile`](super::Condition::compile), and [`Code::WrongType`] for a value
    /// that does not fit the field, [`Code::InvalidValue`] for what no formula may read: other
    /// records, parameters, and what changes with every write.
    pub(crate) fn compile(
        schema: &Schema,
        object: &Arc<Object>,
        field: &Field,
        text: &str,
    ) -> Result<Formula> {
        let nobody = Organisation::default();
        let plans = |object: &Object| {
            let action = crate::policy::Action::View;
            Arc::new(Plan::compile(&nobody, Actor::System, object, action))
        };
        let plans: &Plans<'_> = &plans;
        let mut source = Source::new(text)?;
        let ast = source.expression()?;
        source.end()?;
        let mut checker = Checker::new(Scope {
            schema,
            object,
            plans,
            nest: None,
        });
        let result = match field.value_type {
            ValueType::Checkbox => Expression::Answer(checker.test(&ast)?),
            wanted => {
                let (operand, domain) = checker.operand(&ast)?;
                fits(wanted, domain.value_type)?;
                Expression::Value(operand)
            }
        };
        if !checker.parameters.names().is_empty() {
            return Err(reads_elsewhere());
        }
        let formula = Formula {
            result,
            value_type: field.value_type,
        };
        formula.check_inputs(object, field)?;
        Ok(formula)
    }

    /// What a formula reads is what readers of its field must be able to see.
    fn check_inputs(&self, object: &Object, field: &Field) -> Result<()> {
        let mut read = Vec::new();
        let is_own = match &self.result {
            Expression::Value(operand) => operand.reads(&mut read),
            Expression::Answer(test) => test.reads(&mut read),
        };
        if !is_own {
            return Err(reads_elsewhere());
        }
        for id in &read {
            if id.0 < system::DECLARED_FIRST {
                let name = object.by_id(*id).map_or("", |known| &known.name);
                let text = format!("a formula reads declared fields, and `{name}` is none");
                return Err(Error::new(Code::InvalidValue, text));
            }
            if !field.inputs.contains(id) {
                return Err(Error::internal(
                    "a formula reads what its text does not name",
                ));
            }
        }
        Ok(())
    }

    /// The value for a record, rounded as its field asks: money to whole minor units of its
    /// currency, an integer to a whole number, halves away from zero; a decimal not at all. What
    /// has no answer, or none that the field can hold, is no value.
    ///
    /// # Errors
    /// What prevents reading the record.
    pub(crate) fn evaluate(&self, row: &dyn Row, read: &dyn Read) -> Result<Value> {
        let bound = Bound::default();
        let context = Context {
            row,
            read,
            bound: &bound,
        };
        Ok(match &self.result {
            Expression::Answer(test) => {
                let answer = test.evaluate(&context)?;
                answer.map_or(Value::Null, Value::Checkbox)
            }
            Expression::Value(operand) => {
                rounded(self.value_type, operand.evaluate(&context)?.into_owned())
            }
        })
    }
}

fn reads_elsewhere() -> Error {
    let text = "a formula reads the fields of its own record and nothing else";
    Error::new(Code::InvalidValue, text)
}

/// Whether values of the type `found` can be kept in a field of the type `wanted`.
fn fits(wanted: ValueType, found: ValueType) -> Result<()> {
    use ValueType::{Date, DateTime, Decimal, Duration, Integer, Money, Text};
    let fits = match wanted {
        Integer | Decimal => matches!(found, Integer | Decimal),
        Money | Text | Date | DateTime | Duration => wanted == found,
        _ => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Error::new(
            Code::WrongType,
            format!(
                "the formula gives `{}`, which a field of type `{}` does not take",
                found.name(),
                wanted.name()
            ),
        )),
    }
}

fn rounded(kind: ValueType, value: Value) -> Value {
    let whole = |n: Decimal| {
        n.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero)
            .to_i64()
    };
    match (kind, value) {
        (ValueType::Money, Value::Money(money)) => Value::Money(Money::rounded(money)),
        (ValueType::Integer, Value::Decimal(n)) => whole(n).map_or(Value::Null, Value::Integer),
        (ValueType::Decimal, Value::Integer(n)) => Value::Decimal(n.into()),
        (ValueType::Decimal, Value::Decimal(n)) => Value::Decimal(n.normalize()),
        (_, value) => value,
    }
}
