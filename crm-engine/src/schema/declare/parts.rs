//! How a schema takes in what an object declares beside fields, lists and totals, and what its
//! fields say of other objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::limits::{PARTS_PER_OBJECT_MAX, SECTIONS_PER_OBJECT_MAX};
use crate::schema::{
    Completeness, EventParts, Field, Labels, Object, OnDelete, Schema, Section, Together,
};
use crate::value::ValueType;

use super::{
    EventDeclaration, FieldDeclaration, ObjectDeclaration, check_name, duplicates, invalid,
    is_sortable, kept, limit,
};

/// Takes in the declared sections. An object that declares none gets two of its own.
pub(super) fn take_sections(object: &mut Object, declaration: &ObjectDeclaration) -> Result<()> {
    for declared in &declaration.section {
        let known = object
            .sections
            .iter_mut()
            .find(|section| section.name == declared.name);
        if let Some(section) = known {
            section.labels.extend(declared.label.clone());
            for group in &declared.groups {
                if !section.groups.contains(group) {
                    section.groups.push(group.clone());
                }
            }
            continue;
        }
        add_section(object, &declared.name, &declared.label, &declared.groups)?;
    }
    let default = [
        ("general", "General", "Основное"),
        ("additional", "Additional", "Дополнительно"),
    ];
    for (name, en, ru) in default {
        let has = object.sections.iter().any(|section| section.name == name);
        if object.sections.len() < default.len() && !has {
            let labels = Labels::from([("en".into(), en.into()), ("ru".into(), ru.into())]);
            add_section(object, name, &labels, &[])?;
        }
    }
    Ok(())
}

/// Adds a section at the end.
///
/// # Errors
/// [`Code::InvalidValue`] for a name that cannot be one, [`Code::LimitExceeded`].
pub(in crate::schema) fn add_section(
    object: &mut Object,
    name: &str,
    labels: &Labels,
    groups: &[String],
) -> Result<()> {
    check_name(name, "a section")?;
    let id = object.next_section;
    if object.sections.len() == SECTIONS_PER_OBJECT_MAX {
        return Err(limit("sections of an object", SECTIONS_PER_OBJECT_MAX));
    }
    object.sections.push(Section {
        id,
        name: name.to_owned(),
        labels: labels.clone(),
        groups: groups.to_vec(),
        fields: Vec::new(),
    });
    object.next_section += 1;
    Ok(())
}

/// Puts a declared field into its section: a new one at the end, one that exists where it is
/// unless the declaration names another.
pub(super) fn place(object: &mut Object, declared: &FieldDeclaration) -> Result<()> {
    let field = object.field(&declared.name)?.id;
    let placed = object.section_of(field).is_some();
    let at = match &declared.section {
        None if placed => return Ok(()),
        None => 0,
        Some(name) => object
            .sections
            .iter()
            .position(|section| section.name == *name)
            .ok_or_else(|| object.unknown_section(name))?,
    };
    for section in &mut object.sections {
        section.fields.retain(|id| *id != field);
    }
    object.sections[at].fields.push(field);
    Ok(())
}

/// Takes in the other parts that speak of the object's own fields.
pub(super) fn take(
    object: &mut Object,
    declaration: &ObjectDeclaration,
    is_new: bool,
) -> Result<()> {
    if let Some(name) = &declaration.parent {
        take_parent(object, name, is_new)?;
    }
    for together in &declaration.unique {
        take_together(object, &together.fields)?;
    }
    if let Some(event) = &declaration.event {
        object.event = Some(event_parts(object, event)?);
    }
    for rule in &declaration.duplicate {
        let taken = duplicates::rule(object, rule)?;
        object.duplicates.retain(|rule| rule.name != taken.name);
        object.duplicates.push(taken);
    }
    if let Some(hidden) = declaration.hidden_duplicates {
        object.hidden_duplicates = hidden;
    }
    for declared in &declaration.completeness {
        check_name(&declared.name, "a completeness")?;
        let fields = ids(object, &declared.fields)?;
        object.completeness.retain(|c| c.name != declared.name);
        object.completeness.push(Completeness {
            name: declared.name.clone(),
            fields,
        });
    }
    if object.duplicates.len().max(object.completeness.len()) > PARTS_PER_OBJECT_MAX {
        return Err(limit("duplicate rules of an object", PARTS_PER_OBJECT_MAX));
    }
    Ok(())
}

/// Records of an object are details from the first one on, or never.
fn take_parent(object: &mut Object, name: &str, is_new: bool) -> Result<()> {
    let field = object.field(name)?;
    if field.target.is_none() || !field.required || field.on_delete != OnDelete::Cascade {
        let text = "a `parent` is a required reference with `on_delete = \"cascade\"`";
        return Err(invalid(text).field(name));
    }
    let id = field.id;
    match object.parent {
        Some(parent) if parent == id => Ok(()),
        None if is_new => {
            object.parent = Some(id);
            Ok(())
        }
        _ => Err(fixed(object, "parent")),
    }
}

fn take_together(object: &mut Object, names: &[String]) -> Result<()> {
    let mut fields = ids(object, names)?;
    fields.sort_unstable();
    fields.dedup();
    if fields.len() < 2 {
        return Err(invalid("`unique` of an object takes two fields or more"));
    }
    for (field, name) in fields.iter().filter_map(|id| object.by_id(*id)).zip(names) {
        if !is_sortable(field.value_type) {
            let text = format!("`{}` cannot be unique", field.value_type.name());
            return Err(invalid(text).field(name));
        }
    }
    if object.together.iter().any(|known| known.fields == fields) {
        return Ok(());
    }
    if object.together.len() == PARTS_PER_OBJECT_MAX {
        return Err(limit("`unique` of an object", PARTS_PER_OBJECT_MAX));
    }
    let id = object.together.last().map_or(1, |last| last.id + 1);
    object.together.push(Together { id, fields });
    Ok(())
}

fn event_parts(object: &Object, declared: &EventDeclaration) -> Result<EventParts> {
    let typed = |name: &Option<String>, types: &[ValueType]| -> Result<Option<FieldId>> {
        let Some(name) = name else { return Ok(None) };
        let field = object.field(name)?;
        match types.contains(&field.value_type) {
            true => Ok(Some(field.id)),
            false => {
                let names: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
                Err(invalid(format!("takes a field of type {}", names.join(" or "))).field(name))
            }
        }
    };
    Ok(EventParts {
        at: typed(&declared.at, &[ValueType::Date, ValueType::DateTime])?,
        kind: typed(&declared.kind, &[ValueType::Choice])?,
        channel: typed(&declared.channel, &[ValueType::Choice])?,
        touch: declared.touch,
    })
}

impl Schema {
    /// Third pass: what the declared fields say of fields of other objects.
    pub(in crate::schema) fn settle(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
        let at = self.position(&declaration.name)?;
        let mut object = Object::clone(&self.objects[at]);
        for declared in &declaration.field {
            self.settle_field(&mut object, declared)
                .map_err(|error| error.field(&declared.name))?;
        }
        kept::settle(&mut object)?;
        self.settle_card(&mut object, declaration)?;
        object.rights = self.topmost_parent(&object)?;
        self.objects[at] = Arc::new(object);
        Ok(())
    }

    fn settle_field(&self, object: &mut Object, declared: &FieldDeclaration) -> Result<()> {
        let further = match &declared.further {
            Some(name) => Some(self.further(object, declared, name)?),
            None => None,
        };
        let rollup = match &declared.rollup {
            Some(rollup) => Some(self.rollup(object, declared, rollup)?),
            None => None,
        };
        let converted = match &declared.converted {
            Some(conversion) => Some(kept::conversion(object, declared, conversion)?),
            None => None,
        };
        let field = object.fields.iter_mut().find(|f| f.name == declared.name);
        if let Some(field) = field {
            field.further = further.or(field.further);
            field.rollup = rollup.or(field.rollup);
            field.converted = converted.or(field.converted);
        }
        Ok(())
    }

    /// The field of the parent that holds the first of the values that `declared` holds.
    fn further(&self, object: &Object, declared: &FieldDeclaration, name: &str) -> Result<FieldId> {
        let parent = object.parent_field().and_then(|(_, id)| self.by_id(id));
        let parent = parent.ok_or_else(|| invalid("only a detail holds `further` values"))?;
        of_type(parent, name, declared.value_type)
    }

    /// The object whose rights hold for `object`. A detail is owned as its parent is, and no
    /// chain of parents closes.
    fn topmost_parent(&self, object: &Object) -> Result<ObjectId> {
        let mut topmost = object.id;
        let mut seen = BTreeSet::from([object.id]);
        let mut next = object.parent_field().map(|(_, id)| id);
        while let Some(parent) = next.and_then(|id| self.by_id(id)) {
            if !seen.insert(parent.id) {
                return Err(invalid(format!(
                    "`{}` would be its own parent",
                    object.name
                )));
            }
            if parent.owned != object.owned {
                let text = format!(
                    "`owned` of a detail is that of its parent `{}`",
                    parent.name
                );
                return Err(invalid(text));
            }
            topmost = parent.id;
            next = parent.parent_field().map(|(_, id)| id);
        }
        Ok(topmost)
    }
}

pub(super) fn of_type(object: &Object, name: &str, kind: ValueType) -> Result<FieldId> {
    let field: &Field = object.field(name)?;
    match field.value_type == kind {
        true => Ok(field.id),
        false => Err(invalid(format!(
            "`{name}` of `{}` is of type `{}`, not `{}`",
            object.name,
            field.value_type.name(),
            kind.name()
        ))),
    }
}

fn ids(object: &Object, names: &[String]) -> Result<Vec<FieldId>> {
    let field = |name: &String| object.field(name).map(|field| field.id);
    names.iter().map(field).collect()
}

fn fixed(object: &Object, part: &str) -> Error {
    let text = format!("`{}` exists, and its `{part}` never changes", object.name);
    Error::new(Code::SchemaFixed, text)
}
