//! The conditions of rights: over the fields of the record that is decided about, and `:me`.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Checker, Context, Parameters, Params, Row, Scope, Source, Test};
use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, UserId};
use crate::policy::{Action, Actor, Held, Judge, Organisation, Plan};
use crate::schema::{Object, Schema, system};
use crate::store::{Bytes, KeyRange, Read, Scan, ScanOptions};
use crate::value::Value;

/// The parameter that stands for the user who is decided about.
const ME: &str = "me";

#[derive(Debug)]
struct RuleCondition {
    test: Test,
    parameters: Parameters,
}

/// Compiles the condition of a rule about records of `object`. It sees every field: rules see
/// everything, callers do not.
///
/// # Errors
/// As [`Condition::compile`](super::Condition::compile), and [`Code::InvalidValue`] for what no
/// right may depend on: other records, what the engine keeps of a record, parameters but `:me`.
pub(crate) fn judge(schema: &Schema, object: &Arc<Object>, text: &str) -> Result<Arc<dyn Judge>> {
    let nobody = Organisation::default();
    let plans =
        |object: &Object| Arc::new(Plan::compile(&nobody, Actor::System, object, Action::View));
    let mut source = Source::new(text)?;
    let ast = source.expression()?;
    source.end()?;
    let mut checker = Checker::new(Scope {
        schema,
        object,
        plans: &plans,
        nest: None,
    });
    let test = checker.test(&ast)?;
    let parameters = checker.parameters;
    let refuse = |text: &str| Err(Error::new(Code::InvalidValue, text));
    let mut read = Vec::new();
    if !test.reads(&mut read) {
        return refuse(
            "the condition of a right reads the fields of its own record and nothing else",
        );
    }
    if read.iter().any(|field| field.0 < system::DECLARED_FIRST) {
        return refuse("the condition of a right reads declared fields only");
    }
    let names = parameters.names();
    if names.iter().any(|name| name.as_deref() != Some(ME)) {
        return refuse("the only parameter in the condition of a right is `:me`");
    }
    Ok(Arc::new(RuleCondition { test, parameters }))
}

impl Judge for RuleCondition {
    fn holds(&self, user: UserId, record: &dyn Held) -> Option<bool> {
        let mut params = Params::new();
        if !self.parameters.names().is_empty() {
            let user = i64::try_from(user.get()).ok()?;
            params = params.named(ME, user);
        }
        let bound = self.parameters.bind(&params).ok()?;
        let context = Context {
            row: &HeldRow(record),
            read: &Nothing,
            bound: &bound,
        };
        self.test.evaluate(&context).ok()?
    }
}

/// A record as rights see it, as conditions see records.
struct HeldRow<'h>(&'h dyn Held);

impl Row for HeldRow<'_> {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        let value = self.0.value(field);
        value.ok_or_else(|| Error::internal("a condition without its record"))
    }
}

/// A store to read nothing from: the conditions of rights read no other records.
struct Nothing;

impl Read for Nothing {
    fn get(&self, _: &[u8]) -> Result<Option<Bytes>> {
        Err(Error::internal(
            "the condition of a right reads other records",
        ))
    }

    fn scan(&self, _: KeyRange, _: ScanOptions) -> Result<Scan<'_>> {
        Err(Error::internal(
            "the condition of a right reads other records",
        ))
    }
}
