//! What the engine keeps in records by itself: formulas over their own fields, counts and sums
//! over the records that refer to them, and amounts in the base currency.
//!
//! A [`Kept`] is compiled once per schema version; the door fills in what it says after the rules
//! of a write have run. Every kept value but a converted amount is a pure function of the
//! records, so that `verify` can compare it with a rebuild.
//!
//! **Mixed currencies.** A sum over amounts in several currencies has no value: refusing the
//! write would tell of records its author may not see. Sums of 0 count for nothing, as in
//! queries, so a sum of money that comes to nothing has no value either.

mod convert;
mod rollup;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::error::{Code, Error, Result};
use crate::expr::Formula;
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::limits::KEPT_DEPTH_MAX;
use crate::schema::{Conversion, Field, Object, Schema};
use crate::store::Read;
use crate::value::Record;

pub(crate) use convert::is_consistent;
pub(crate) use rollup::{Rolled, Sum};

/// Everything that is kept, by object.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Of each object, what is computed from its own fields, in the order of what reads what.
    steps: BTreeMap<ObjectId, Vec<Step>>,
    /// Of each object, the rollups of others that its records count in.
    rolled: BTreeMap<ObjectId, Vec<Rolled>>,
}

/// One field that is computed from other fields of its record.
#[derive(Debug)]
struct Step {
    field: FieldId,
    keeping: Keeping,
}

#[derive(Debug)]
enum Keeping {
    Formula(Formula),
    Conversion(Conversion),
}

/// A field of an object.
type Place = (ObjectId, FieldId);

impl Kept {
    /// Compiles what all objects of a schema keep.
    ///
    /// # Errors
    /// What is wrong with a formula, as conditions tell it, and [`Code::InvalidValue`] for fields
    /// that would be kept from themselves. Details name `object` and `field`.
    pub(crate) fn compile(schema: &Schema) -> Result<Kept> {
        let mut kept = Kept::default();
        for (object, field) in order(schema)? {
            kept.add(schema, object, field)
                .map_err(|error| of_formula(object, field, &error))?;
        }
        Ok(kept)
    }

    fn add(&mut self, schema: &Schema, object: &Arc<Object>, field: &Field) -> Result<()> {
        let keeping = match (&field.formula, field.converted, field.rollup) {
            (Some(text), ..) => Keeping::Formula(Formula::compile(schema, object, field, text)?),
            (None, Some(conversion), _) => Keeping::Conversion(conversion),
            (None, None, Some(rollup)) => {
                let rolled = self.rolled.entry(rollup.object).or_default();
                rolled.push(Rolled {
                    parent: object.id,
                    field: field.id,
                    value_type: field.value_type,
                    rollup,
                });
                return Ok(());
            }
            (None, None, None) => return Ok(()),
        };
        let step = Step {
            field: field.id,
            keeping,
        };
        self.steps.entry(object.id).or_default().push(step);
        Ok(())
    }

    /// The rollups that records of an object count in.
    pub(crate) fn rolled(&self, object: ObjectId) -> &[Rolled] {
        self.rolled.get(&object).map_or(&[], Vec::as_slice)
    }

    /// The rollups of an object itself.
    pub(crate) fn rollups(&self, parent: ObjectId) -> impl Iterator<Item = &Rolled> {
        let all = self.rolled.values().flatten();
        all.filter(move |rolled| rolled.parent == parent)
    }

    /// Brings the kept fields of a record up to date with its other fields. `old` is the record
    /// before the change; a new one counts no records yet.
    ///
    /// # Errors
    /// What prevents reading rates.
    pub(crate) fn fill(
        &self,
        read: &dyn Read,
        object: &Object,
        id: RecordId,
        old: Option<&Record>,
        new: &mut Record,
        now: DateTime<Utc>,
    ) -> Result<()> {
        if old.is_none() {
            for rolled in self.rollups(object.id) {
                new.fields.set(rolled.field, Sum::default().value(rolled));
            }
        }
        for step in self.steps.get(&object.id).into_iter().flatten() {
            match &step.keeping {
                Keeping::Formula(formula) => {
                    let value = formula.evaluate(&(id, &*new), read)?;
                    new.fields.set(step.field, value);
                }
                Keeping::Conversion(conversion) => {
                    let at = convert::At { old, now };
                    convert::fill(read, object, (step.field, conversion), &at, new)?;
                }
            }
        }
        Ok(())
    }

    /// The formulas of an object that do not give what a record holds: none in a sound store.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn stale(
        &self,
        read: &dyn Read,
        object: &Object,
        id: RecordId,
        record: &Record,
    ) -> Result<Vec<FieldId>> {
        let mut stale = Vec::new();
        for step in self.steps.get(&object.id).into_iter().flatten() {
            let is_so = match &step.keeping {
                Keeping::Formula(formula) => {
                    formula.evaluate(&(id, record), read)? == *record.fields.get(step.field)
                }
                Keeping::Conversion(conversion) => {
                    is_consistent(conversion, record, record.fields.get(step.field))
                }
            };
            if !is_so {
                stale.push(step.field);
            }
        }
        Ok(stale)
    }
}

/// What is wrong with a formula, told of its field: line and column count within its text, which
/// stands somewhere in a declaration.
fn of_formula(object: &Object, field: &Field, error: &Error) -> Error {
    let column = error.details().get("column");
    let place = column.map_or(String::new(), |column| format!(", column {column}"));
    let (name, message) = (&field.name, error.message());
    let text = format!("the formula of `{name}`{place}: {message}");
    Error::new(error.code(), text)
        .with("object", object.name.as_str())
        .field(name)
}

/// Every kept field of a schema, each behind those it is kept from.
fn order(schema: &Schema) -> Result<Vec<(&Arc<Object>, &Field)>> {
    let mut order = Vec::new();
    let mut done = BTreeSet::new();
    for object in schema.objects() {
        for field in object.fields.iter().filter(|field| field.is_kept()) {
            let mut way = Vec::new();
            visit(
                schema,
                (object.id, field.id),
                &mut way,
                &mut done,
                &mut order,
            )?;
        }
    }
    Ok(order)
}

/// Walks from a field to all it is kept from. Each field is entered once.
fn visit<'s>(
    schema: &'s Schema,
    place: Place,
    way: &mut Vec<Place>,
    done: &mut BTreeSet<Place>,
    order: &mut Vec<(&'s Arc<Object>, &'s Field)>,
) -> Result<()> {
    let Some((object, field)) = at(schema, place) else {
        return Ok(());
    };
    if done.contains(&place) {
        return Ok(());
    }
    if way.contains(&place) {
        return Err(Error::new(
            Code::InvalidValue,
            format!("`{}` would be kept from itself", field.name),
        )
        .with("object", object.name.as_str())
        .field(&field.name));
    }
    if way.len() == KEPT_DEPTH_MAX {
        let text = format!("kept fields follow from each other at most {KEPT_DEPTH_MAX} deep");
        return Err(Error::new(Code::LimitExceeded, text));
    }
    way.push(place);
    for source in sources(object, field) {
        visit(schema, source, way, done, order)?;
    }
    way.pop();
    done.insert(place);
    if field.is_kept() {
        order.push((object, field));
    }
    Ok(())
}

fn at(schema: &Schema, (object, field): Place) -> Option<(&Arc<Object>, &Field)> {
    let object = schema.by_id(object)?;
    let field = object.fields.iter().find(|known| known.id == field)?;
    Some((object, field))
}

/// The fields that a field is kept from.
fn sources(object: &Object, field: &Field) -> Vec<Place> {
    let mut own: Vec<FieldId> = field.inputs.clone();
    if let Some(conversion) = field.converted {
        own.push(conversion.from);
        own.extend(conversion.at);
    }
    // Who reads a rate waits for the amount that it is kept with.
    own.extend(object.fields.iter().filter_map(|known| {
        let rate = known.converted.and_then(|conversion| conversion.rate);
        (rate == Some(field.id)).then_some(known.id)
    }));
    let mut sources: Vec<Place> = own.into_iter().map(|id| (object.id, id)).collect();
    if let Some(rollup) = field.rollup {
        sources.extend(rollup.sum.map(|sum| (rollup.object, sum)));
    }
    sources
}
