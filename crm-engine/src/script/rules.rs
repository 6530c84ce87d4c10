//! The rules of a store: which run for a change, and in what order.

use std::collections::BTreeMap;

use rhai::{Dynamic, Module, Shared};

use crate::error::{Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::schema::Schema;
use crate::schema::system::value_of;
use crate::value::{Record, Value};
use crate::write::{Door, Draft, Event, RuleBook};

use super::call::Call;
use super::compile::Rule;
use super::fault::Ending;
use super::record::{self, Properties, ScriptRecord};
use super::{RuleEvent, RuleKind, RuleSource, react, sandbox};

/// The rules of one schema version, compiled.
///
/// Rules run in the order of their sources: before a record is written all that compute, then
/// all that check; after it, all that react. Each runs at most once for a version of a record,
/// and none for a write that changes nothing.
#[derive(Debug)]
pub(crate) struct CompiledRules {
    objects: BTreeMap<ObjectId, Vec<Rule>>,
    properties: Shared<Module>,
}

/// Everything that is wrong with a set of rules, so that its author can put it right at once.
#[must_use]
pub(crate) fn check(schema: &Schema, sources: &[RuleSource]) -> Vec<Error> {
    compile_all(schema, sources).err().unwrap_or_default()
}

fn compile_all(schema: &Schema, sources: &[RuleSource]) -> Result<CompiledRules, Vec<Error>> {
    let mut objects: BTreeMap<ObjectId, Vec<Rule>> = BTreeMap::new();
    let mut properties = Properties::default();
    let mut errors = Vec::new();
    for source in sources {
        match Rule::compile(schema, source, &mut properties) {
            Ok(rule) => objects.entry(rule.object.id).or_default().push(rule),
            Err(mistakes) => errors.extend(mistakes),
        }
    }
    match errors.is_empty() {
        true => Ok(CompiledRules {
            objects,
            properties: properties.module(),
        }),
        false => Err(errors),
    }
}

impl CompiledRules {
    /// Compiles rules against a schema.
    ///
    /// # Errors
    /// [`Code::Pack`](crate::Code::Pack), naming pack, file and rule, and line and column where
    /// the fault is in the text; the first where there are several. [`check`] tells all.
    pub(crate) fn compile(schema: &Schema, sources: &[RuleSource]) -> Result<CompiledRules> {
        compile_all(schema, sources).map_err(|errors| {
            let first = errors.into_iter().next();
            first.unwrap_or_else(|| Error::internal("rules failed without an error"))
        })
    }

    fn rules(&self, object: ObjectId, kind: RuleKind) -> impl Iterator<Item = &Rule> {
        let rules = self.objects.get(&object).map_or(&[][..], Vec::as_slice);
        rules.iter().filter(move |rule| rule.kind == kind)
    }

    /// Runs a rule that asks nothing of the store.
    fn run_before(&self, rule: &Rule, draft: &mut Draft<'_>) -> Result<()> {
        let settable = rule.kind == RuleKind::Compute;
        let this = ScriptRecord::new(&rule.object, &rule.this, settable, |field| {
            draft.value(field)
        });
        let old = ScriptRecord::new(&rule.object, &rule.old, false, |field| {
            draft.old_value(field)
        });
        let mut scope = record::scope(Dynamic::from(this), Dynamic::from(old), draft.is_creation());
        let call = Call::new(draft.now());
        let outcome = sandbox::run(&rule.ast, &mut scope, Some(&self.properties), &call);
        if let Err(failure) = outcome {
            return Err(match rule.origin.ending(failure) {
                Ending::Fails(error) => error,
                Ending::Asks(_, at) => rule.origin.failed("only reactions ask the store", at),
            });
        }
        if settable
            && let Some(this) = scope
                .get("this")
                .and_then(Dynamic::read_lock::<ScriptRecord>)
        {
            this.changes()
                .try_for_each(|(field, value)| draft.set(field, value.clone()))?;
        }
        Ok(())
    }

    /// Runs a reaction again and again, with one more answer each time, until it is through.
    fn run_after(&self, rule: &Rule, door: &mut Door<'_>, event: &Event<'_>) -> Result<()> {
        let present = event.new.or(event.old);
        let this = ScriptRecord::new(&rule.object, &rule.this, false, |f| of(present, event, f));
        let old = ScriptRecord::new(&rule.object, &rule.old, false, |f| of(event.old, event, f));
        let (this, old) = (Dynamic::from(this), Dynamic::from(old));
        let call = Call::new(door.now());
        loop {
            let mut scope = record::scope(this.clone(), old.clone(), event.old.is_none());
            let outcome = sandbox::run(&rule.ast, &mut scope, Some(&self.properties), &call);
            let Err(failure) = outcome else { return Ok(()) };
            match rule.origin.ending(failure) {
                Ending::Fails(error) => return Err(error),
                Ending::Asks(request, at) => {
                    let answer = react::carry_out(door, &rule.origin.pack, request);
                    call.answer(answer.map_err(|error| rule.origin.objected(error, at))?);
                }
            }
        }
    }
}

impl RuleBook for CompiledRules {
    fn before(&self, draft: &mut Draft<'_>) -> Result<()> {
        let event = match (draft.is_deletion(), draft.is_creation()) {
            (true, _) => RuleEvent::Delete,
            (false, true) => RuleEvent::Create,
            (false, false) => RuleEvent::Update,
        };
        let object = draft.object().id;
        for kind in [RuleKind::Compute, RuleKind::Check] {
            for rule in self.rules(object, kind) {
                if rule.answers(event, |field| draft.changes(field)) {
                    self.run_before(rule, draft)?;
                }
            }
        }
        Ok(())
    }

    fn after(&self, door: &mut Door<'_>, event: &Event<'_>) -> Result<()> {
        let kind = match (event.old, event.new) {
            (None, _) => RuleEvent::Create,
            (_, Some(_)) => RuleEvent::Update,
            (_, None) => RuleEvent::Delete,
        };
        for rule in self.rules(event.object.id, RuleKind::React) {
            if rule.answers(kind, |field| event.changed(field)) {
                self.run_after(rule, door, event)?;
            }
        }
        Ok(())
    }
}

fn of(record: Option<&Record>, event: &Event<'_>, field: FieldId) -> Value {
    record.map_or(Value::Null, |record| {
        value_of(event.id, record, field).into_owned()
    })
}
