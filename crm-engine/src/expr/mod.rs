//! The one condition language: SQL expressions over the fields of one object.
//!
//! Filters, rights, stage requirements, smart lists and reports are all written in it. A text is
//! compiled once against an object and the plans of an actor, and then evaluated for any number
//! of records.
//!
//! | Written | Meaning |
//! |---|---|
//! | `amount`, `"order"` | a field; quotes where the name is a word of SQL |
//! | `owner.department.name` | a field of a referred record, at most [`PATH_STEPS_MAX`](crate::limits::PATH_STEPS_MAX) references away |
//! | `'text'`, `12.5`, `TRUE`, `NULL`, `DATE '2017-03-01'`, `TIMESTAMP '2017-03-01T09:00Z'` | values |
//! | `?`, `:name` | parameters |
//! | `=` `<>` `<` `<=` `>` `>=` `IN (..)` `BETWEEN .. AND ..` `IS [NOT] NULL` | comparisons |
//! | `id IN (SELECT parent FROM part WHERE size > 3)`, `NOT IN` | among what a [sub-select](subselect) gives |
//! | `LIKE 'a_c%'` | a text, one of the tags or the name of one of a set's choices matches; case and the dots of `ё` do not matter |
//! | `AND` `OR` `NOT` | three-valued logic, as in SQL |
//! | `+` `-` `*` `/` | exact arithmetic on numbers; amounts plus and minus amounts, times and by numbers, by amounts |
//! | `currency(price)` | the currency of an amount, as text |
//! | `(SELECT sum(amount) FROM item)` | of what refers to the record; in queries, which tell more |
//! | `coalesce(discount, 0)` | the first that has a value |
//! | `CASE WHEN size > 3 THEN 'big' ELSE 'small' END`, `CASE state WHEN 'won' THEN 1 END` | the value behind the first condition that holds, behind the first value that is equal; failing that the one behind `ELSE`, or none |
//! | `filled('portrait')` | how many fields of a list for completeness have a value, in per cent, rounded down; in queries only |
//! | `today()`, `now()` | the present day and moment, where and when a query is run |
//! | `year(day)`, `quarter(day)`, `month(day)`, `week(day)`, `day(day)` | their numbers; weeks are those of ISO 8601 |
//! | `start_of('month', day)` | the first day of the `day`, `week`, `month`, `quarter` or `year` |
//! | `within(day, 'this month')` | in a [period](calendar) |
//!
//! Which day a moment is in, and when a day begins, depends on the time zone of the one who asks:
//! that of the user, failing that of the store, else UTC. What depends on it, and on the present
//! moment, can stand in queries only: conditions of rights and formulas do not change by
//! themselves.
//!
//! Values are fitted to what they are compared with when the text is compiled: `'2017-03-01'`
//! becomes a day beside a date and that day's midnight in UTC beside a date-time, `'won'` the
//! number of a choice. A plain number beside money compares with the amount in any currency,
//! `'100 EUR'` within that currency.
//!
//! **A record never makes a condition fail.** Where a value leaves no answer, the answer is
//! unknown: division by zero, more than 28 digits, the sum, ratio and the greater of two amounts
//! in different currencies, and the order of texts that differ only beyond
//! [`SORT_TEXT_BYTES_MAX`](crate::limits::SORT_TEXT_BYTES_MAX).
//!
//! Fields that the actor may not see answer exactly as fields that do not exist, and records
//! he may not see as absent ones, at every step of a path (invariant *invisible is absent*).

mod amounts;
mod calendar;
mod check;
mod child;
mod choose;
mod dates;
mod domain;
mod eval;
mod formula;
mod gathered;
mod judge;
mod like;
mod params;
mod range;
mod row;
mod subselect;
mod syntax;
mod told;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::error::Result;
use crate::policy::Plan;
use crate::schema::{Object, Schema};
use crate::store::Read;

pub(crate) use calendar::{Calendar, Period};
pub(crate) use check::{Checker, Scope};
pub(crate) use child::{Child, Nest};
pub(crate) use domain::Domain;
pub(crate) use eval::{Comparison, Context, Operand, Test};
pub(crate) use formula::Formula;
pub(crate) use gathered::{Aggregate, Gathering, Measure, has_aggregate};
pub(crate) use judge::judge;
pub use params::Params;
pub(crate) use params::{Bound, Parameters, Tally};
pub(crate) use range::Range;
pub(crate) use row::{LogRow, Row, StoredRow};
pub(crate) use subselect::SubSelect;
pub(crate) use syntax::{
    Ast, Name, Source, blame, names_in, parameters_as_names, parameters_of, place, unexpected,
};
pub(crate) use told::Known;

/// Tells the plan under which the records of an object are read.
pub(crate) type Plans<'a> = dyn Fn(&Object) -> Arc<Plan> + 'a;

/// A condition on the records of one object, outside of a query.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    test: Test,
    parameters: Parameters,
}

impl Condition {
    /// Compiles `text` for records of `object`, read under `plans`.
    ///
    /// # Errors
    /// [`Code::Syntax`](crate::Code::Syntax),
    /// [`Code::UnknownField`](crate::Code::UnknownField) for fields that do not exist or are
    /// hidden, [`Code::WrongType`](crate::Code::WrongType),
    /// [`Code::InvalidValue`](crate::Code::InvalidValue) and
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded), with `line` and `column`.
    pub(crate) fn compile(
        schema: &Schema,
        object: &Arc<Object>,
        plans: &Plans<'_>,
        text: &str,
    ) -> Result<Condition> {
        let mut source = Source::new(text)?;
        let ast = source.expression()?;
        source.end()?;
        let mut checker = Checker::new(Scope {
            schema,
            object,
            plans,
            nest: None,
        });
        let test = checker.test(&ast)?;
        Ok(Condition {
            test,
            parameters: checker.parameters,
        })
    }

    /// The names of its parameters; none for `?`.
    pub(crate) fn parameters(&self) -> &[Option<String>] {
        self.parameters.names()
    }

    /// Fits `params` to the places where the condition uses them.
    ///
    /// # Errors
    /// As [`Parameters::bind`].
    pub(crate) fn bind(&self, params: &Params) -> Result<Bound> {
        self.parameters.bind(params)
    }

    /// Whether the condition holds for a record; none when that is unknown. `bound` comes from
    /// [`bind`](Condition::bind).
    ///
    /// # Errors
    /// What prevents reading the record or those its paths reach.
    pub(crate) fn evaluate(
        &self,
        row: &dyn Row,
        read: &dyn Read,
        bound: &Bound,
    ) -> Result<Option<bool>> {
        self.test.evaluate(&Context { row, read, bound })
    }
}
