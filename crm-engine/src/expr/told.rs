//! What can be told without the record itself, from the values of some of its fields.

use super::eval::{Operand, Test};
use crate::ids::FieldId;

/// Whether the value of a field is at hand.
pub(crate) type Told<'a> = &'a dyn Fn(FieldId) -> bool;

impl Test {
    /// Whether the answer follows from the fields that are told. What is read of other records
    /// stands in no way of it.
    pub(crate) fn is_told(&self, told: Told<'_>) -> bool {
        match self {
            Test::Constant(_) => true,
            Test::Checked(operand) | Test::IsNull(operand) | Test::Within(operand, _) => {
                operand.is_told(told)
            }
            Test::And(tests) | Test::Or(tests) => tests.iter().all(|test| test.is_told(told)),
            Test::Not(test) => test.is_told(told),
            Test::Compare(left, _, right) | Test::Like(left, right) => {
                left.is_told(told) && right.is_told(told)
            }
            Test::InPeriod(operand, _) => operand.is_told(told),
            Test::In(operand, list) => {
                operand.is_told(told) && list.iter().all(|item| item.is_told(told))
            }
        }
    }
}

impl Operand {
    /// As [`Test::is_told`], of a value.
    pub(crate) fn is_told(&self, told: Told<'_>) -> bool {
        match self {
            Operand::Constant(_) | Operand::Bound(_) => true,
            Operand::Field(field) => told(*field),
            Operand::Path(path) => told(path.first),
            Operand::Link(link) => link.reference.is_told(told),
            Operand::Negative(operand) | Operand::Currency(operand) => operand.is_told(told),
            Operand::Arithmetic(operation) => {
                operation.0.is_told(told) && operation.2.is_told(told)
            }
            Operand::Names(set) => set.0.is_told(told),
            Operand::Widened(operand) => operand.is_told(told),
            Operand::DatePart(part) => part.1.is_told(told),
            Operand::StartOf(start) => start.0.is_told(told) && start.1.is_told(told),
            Operand::Case(case) => {
                let told_arm = |(test, value): &(Test, Operand)| {
                    test.is_told(told) && value.is_told(told)
                };
                case.arms.iter().all(told_arm) && case.otherwise.is_told(told)
            }
            // Of a group, not of a record.
            Operand::Part(_) => false,
            Operand::Coalesce(operands) => operands.iter().all(|operand| operand.is_told(told)),
        }
    }
}
