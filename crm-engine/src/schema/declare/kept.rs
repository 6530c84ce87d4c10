//! How a schema takes in what the engine keeps by itself: rollups, conversions and formulas.
//!
//! Whether a formula is one is found out where conditions are read; here its names become the
//! numbers of fields.

use crate::error::Result;
use crate::ids::FieldId;
use crate::schema::{Conversion, Field, Object, Rollup, Schema, formula};
use crate::value::ValueType;

use super::parts::of_type;
use super::{ConversionDeclaration, FieldDeclaration, RollupDeclaration, invalid};

impl Schema {
    /// A rollup over the records of an object that refer to the records of this one.
    pub(super) fn rollup(
        &self,
        object: &Object,
        field: &FieldDeclaration,
        declared: &RollupDeclaration,
    ) -> Result<Rollup> {
        // An object may count records of its own kind, which it has just taken fields for.
        let counted = match declared.object == object.name {
            true => object,
            false => self.object(&declared.object)?,
        };
        let link = counted.field(&declared.link)?;
        if link.target != Some(object.id) {
            let text = format!("`{}` does not refer to `{}`", link.name, object.name);
            return Err(invalid(text));
        }
        let sum = match &declared.sum {
            Some(name) => Some(of_type(counted, name, field.value_type)?),
            None if field.value_type == ValueType::Integer => None,
            None => return Err(invalid("a count is an `integer`")),
        };
        let sums = [ValueType::Integer, ValueType::Decimal, ValueType::Money];
        if !sums.contains(&field.value_type) {
            return Err(invalid("a rollup sums integers, decimals and money"));
        }
        Ok(Rollup {
            object: counted.id,
            link: link.id,
            sum,
        })
    }
}

/// A conversion of one amount of the object into the base currency.
pub(super) fn conversion(
    object: &Object,
    field: &FieldDeclaration,
    declared: &ConversionDeclaration,
) -> Result<Conversion> {
    if field.value_type != ValueType::Money {
        return Err(invalid("a converted amount is `money`"));
    }
    let of = |name: &Option<String>, kind| match name {
        Some(name) => of_type(object, name, kind).map(Some),
        None => Ok(None),
    };
    let rate = of(&declared.rate, ValueType::Decimal)?;
    if let Some(rate) = rate.and_then(|id| object.by_id(id))
        && (!rate.computed || rate.is_kept())
    {
        let text = "the field that keeps a rate is `computed` and nothing else";
        return Err(invalid(text).field(&rate.name));
    }
    Ok(Conversion {
        from: of_type(object, &declared.from, ValueType::Money)?,
        at: of(&declared.at, ValueType::Date)?,
        rate,
    })
}

/// Resolves the names of all formulas, and holds each kept field to one way of keeping it.
pub(super) fn settle(object: &mut Object) -> Result<()> {
    let mut inputs: Vec<(usize, Vec<FieldId>)> = Vec::new();
    for (at, field) in object.fields.iter().enumerate() {
        if let Some(text) = &field.formula {
            let names = formula::names(text);
            let known = names.iter().filter_map(|name| object.find(name));
            let mut read: Vec<FieldId> = known.map(|field| field.id).collect();
            read.sort_unstable();
            read.dedup();
            inputs.push((at, read));
        }
        check(object, field).map_err(|error| error.field(&field.name))?;
    }
    for (at, read) in inputs {
        object.fields[at].inputs = read;
    }
    Ok(())
}

fn check(object: &Object, field: &Field) -> Result<()> {
    let ways = [
        field.formula.is_some(),
        field.rollup.is_some(),
        field.converted.is_some(),
    ];
    if ways.iter().filter(|is_so| **is_so).count() > 1 {
        return Err(invalid(
            "a field is a `formula`, a `rollup` or `converted`, one of them",
        ));
    }
    let keepers = object.fields.iter().filter(|known| {
        let rate = known.converted.and_then(|conversion| conversion.rate);
        rate == Some(field.id)
    });
    if keepers.count() > 1 {
        return Err(invalid("a field keeps the rate of one converted amount"));
    }
    let together = object.together.iter().flat_map(|group| &group.fields);
    let is_unique = field.unique || together.into_iter().any(|id| *id == field.id);
    if object.keeps(field.id) && (is_unique || field.default.is_some()) {
        return Err(invalid(
            "what the engine keeps is neither `unique` nor has it a `default`",
        ));
    }
    Ok(())
}
