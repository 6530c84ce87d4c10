//! The record as scripts see it: `this` and `old`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use rhai::{Dynamic, EvalAltResult, ImmutableString, Module, Position, Scope, Shared};

use crate::error::{Code, Error};
use crate::ids::FieldId;
use crate::schema::Object;
use crate::value::Value;

use super::convert::{from_script, to_script};

/// A field name that some rule uses, by number. rhai finds a property by its name alone, so all
/// objects share one getter for each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PropertyId(u16);

/// The field names in use by a set of rules.
#[derive(Debug, Default)]
pub(super) struct Properties(BTreeMap<String, PropertyId>);

/// A field of a record and the property it is read through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) property: PropertyId,
    pub(super) field: FieldId,
}

/// The fields of a record that a script names, and nothing else of it.
#[derive(Debug, Clone)]
pub(super) struct ScriptRecord {
    object: Arc<Object>,
    slots: Vec<Slot>,
    settable: bool,
}

#[derive(Debug, Clone)]
struct Slot {
    access: Access,
    seen: Dynamic,
    /// The value the script has set.
    set: Option<Value>,
}

impl Properties {
    /// The number of a name, a new one if need be.
    pub(super) fn number(&mut self, name: &str) -> PropertyId {
        let next = PropertyId(u16::try_from(self.0.len()).unwrap_or(u16::MAX));
        *self.0.entry(name.to_owned()).or_insert(next)
    }

    /// A module with a getter and a setter for each name.
    pub(super) fn module(&self) -> Shared<Module> {
        let mut module = Module::new();
        for (name, &property) in &self.0 {
            module.set_getter_fn(name, move |record: &mut ScriptRecord| record.get(property));
            module.set_setter_fn(name, move |record: &mut ScriptRecord, value: Dynamic| {
                record.set(property, value)
            });
        }
        module.into()
    }
}

impl ScriptRecord {
    /// The named fields, with their values by `value`.
    pub(super) fn new(
        object: &Arc<Object>,
        fields: &[Access],
        settable: bool,
        value: impl Fn(FieldId) -> Value,
    ) -> ScriptRecord {
        let slots = fields
            .iter()
            .filter_map(|access| {
                let seen = to_script(object.by_id(access.field)?, value(access.field));
                Some(Slot {
                    access: *access,
                    seen,
                    set: None,
                })
            })
            .collect();
        ScriptRecord {
            object: Arc::clone(object),
            slots,
            settable,
        }
    }

    /// The values the script has set, by field name.
    pub(super) fn changes(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.slots.iter().filter_map(|slot| {
            let field = self.object.by_id(slot.access.field)?;
            Some((field.name.as_str(), slot.set.as_ref()?))
        })
    }

    fn get(&mut self, property: PropertyId) -> Result<Dynamic, Box<EvalAltResult>> {
        let slot = self
            .slots
            .iter()
            .find(|slot| slot.access.property == property);
        slot.map(|slot| slot.seen.clone()).ok_or_else(unknown)
    }

    /// rhai also comes here after every call on a property, `this.tags.len()` for one, with the
    /// value as it was. That sets nothing.
    fn set(&mut self, property: PropertyId, given: Dynamic) -> Result<(), Box<EvalAltResult>> {
        let slot = self
            .slots
            .iter_mut()
            .find(|slot| slot.access.property == property);
        let slot = slot.ok_or_else(unknown)?;
        let field = self.object.by_id(slot.access.field).ok_or_else(unknown)?;
        let value = from_script(field, &given).map_err(raise)?;
        if slot.set.is_none() && from_script(field, &slot.seen).ok().as_ref() == Some(&value) {
            return Ok(());
        }
        if !self.settable || field.is_system() {
            let message = match field.is_system() {
                true => format!("`{}` is kept by the engine", field.name),
                false => "only compute rules set fields".to_owned(),
            };
            return Err(raise(
                Error::new(Code::ReadOnly, message).field(&field.name),
            ));
        }
        slot.seen = to_script(field, value.clone());
        slot.set = Some(value);
        Ok(())
    }
}

/// The variables of every rule, in the order the parser has seen them.
pub(super) fn scope(this: Dynamic, old: Dynamic, is_new: bool) -> Scope<'static> {
    static NAMES: LazyLock<[ImmutableString; 3]> =
        LazyLock::new(|| ["this", "old", "is_new"].map(ImmutableString::from));
    let [this_name, old_name, is_new_name] = &*NAMES;
    let mut scope = Scope::new();
    scope.push_dynamic(this_name.clone(), this);
    scope.push_constant_dynamic(old_name.clone(), old);
    scope.push_constant(is_new_name.clone(), is_new);
    scope
}

fn raise(error: Error) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(error), Position::NONE).into()
}

/// The inspection admits no other names, so this is a second lock on the same door.
fn unknown() -> Box<EvalAltResult> {
    "the record has no such field".into()
}
