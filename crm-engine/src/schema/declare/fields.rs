//! How a schema takes in declared fields and their choices.

use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, FieldId};
use crate::limits::{CHOICES_PER_FIELD_MAX, FIELDS_PER_OBJECT_MAX};
use crate::schema::{Choice, Field, Object, OnDelete, Schema, system};
use crate::value::ValueType;

use super::{ChoiceDeclaration, FieldDeclaration, check_name, invalid, is_sortable, limit};

impl Schema {
    pub(super) fn take_field(
        &self,
        object: &mut Object,
        declared: &FieldDeclaration,
        extends: bool,
    ) -> Result<()> {
        let target = match (&declared.target, declared.value_type) {
            (Some(name), ValueType::Reference) => Some(self.object(name)?.id),
            (None, ValueType::Reference) => {
                return Err(invalid("a reference needs a `target` object"));
            }
            (Some(_), _) => return Err(invalid("only a reference has a `target`")),
            (None, _) => None,
        };
        let takes_choices = matches!(
            declared.value_type,
            ValueType::Choice | ValueType::ChoiceSet
        );
        if takes_choices == declared.choice.is_empty() {
            return Err(invalid(
                "choices belong to the types `choice` and `choice_set`, which need them",
            ));
        }
        if declared.search && !is_searchable(declared.value_type) {
            let name = declared.value_type.name();
            return Err(invalid(format!("`{name}` cannot be searched")));
        }
        if let Some(existing) = object.fields.iter_mut().find(|f| f.name == declared.name) {
            if existing.value_type != declared.value_type || existing.target != target {
                return Err(Error::new(
                    Code::SchemaFixed,
                    format!(
                        "`{}` is of type `{}` and its type never changes",
                        declared.name,
                        existing.value_type.name()
                    ),
                ));
            }
            refuse_another_nature(existing, declared, extends)?;
            existing.labels.extend(declared.label.clone());
            existing.required = declared.required || (extends && existing.required);
            existing.timeline |= declared.timeline;
            existing.search |= declared.search;
            if declared.default.is_some() {
                existing.default.clone_from(&declared.default);
            }
            if declared.formula.is_some() {
                existing.formula.clone_from(&declared.formula);
            }
            take_choices(existing, &declared.choice)?;
            return check_default(existing);
        }
        check_name(&declared.name, "a field")?;
        if object.find(&declared.name).is_some() || declared.name == "owner" {
            return Err(invalid(format!(
                "every record has a field `{}` already",
                declared.name
            )));
        }
        if usize::from(object.next_field - system::DECLARED_FIRST) >= FIELDS_PER_OBJECT_MAX {
            return Err(limit("fields of an object", FIELDS_PER_OBJECT_MAX));
        }
        if declared.unique && !is_sortable(declared.value_type) {
            return Err(invalid(format!(
                "`{}` cannot be unique",
                declared.value_type.name()
            )));
        }
        let id = object.next_field;
        let mut field = Field {
            id: FieldId(id),
            name: declared.name.clone(),
            value_type: declared.value_type,
            labels: declared.label.clone(),
            required: declared.required,
            unique: declared.unique,
            computed: declared.is_computed(),
            target,
            on_delete: declared.on_delete,
            follows_owner: declared.follows_owner,
            choices: Vec::new(),
            default: declared.default.clone(),
            further: None,
            timeline: declared.timeline,
            guarded: declared.guarded,
            fixed: declared.fixed,
            search: declared.search,
            rollup: None,
            formula: declared.formula.clone(),
            inputs: Vec::new(),
            converted: None,
        };
        if (declared.timeline || declared.guarded) && target.is_none() {
            return Err(invalid("`timeline` and `guarded` are for references"));
        }
        take_choices(&mut field, &declared.choice)?;
        check_default(&field)?;
        object.fields.push(field);
        object.next_field += 1;
        Ok(())
    }
}

/// The types that have words, digits or addresses to be found by.
fn is_searchable(value_type: ValueType) -> bool {
    use ValueType::{Digits, Email, Integer, Link, Phone, Tags, Text};
    matches!(
        value_type,
        Text | Tags | Link | Digits | Integer | Email | Phone
    )
}

/// What a field is beside its type is settled when it is made. An extension says only what it
/// adds, so it need not repeat that.
fn refuse_another_nature(field: &Field, declared: &FieldDeclaration, extends: bool) -> Result<()> {
    let on_delete = field.on_delete != declared.on_delete;
    let changes = [
        ("unique", field.unique != declared.unique, declared.unique),
        (
            "computed",
            field.computed != declared.is_computed(),
            declared.is_computed(),
        ),
        (
            "follows_owner",
            field.follows_owner != declared.follows_owner,
            declared.follows_owner,
        ),
        ("fixed", field.fixed != declared.fixed, declared.fixed),
        (
            "guarded",
            field.guarded != declared.guarded,
            declared.guarded,
        ),
        (
            "on_delete",
            on_delete,
            declared.on_delete != OnDelete::default(),
        ),
    ];
    match changes
        .into_iter()
        .find(|(_, changes, said)| *changes && (*said || !extends))
    {
        Some((part, ..)) => Err(Error::new(
            Code::SchemaFixed,
            format!("`{}` exists, and its `{part}` never changes", field.name),
        )),
        None => Ok(()),
    }
}

pub(in crate::schema) fn take_choices(
    field: &mut Field,
    declared: &[ChoiceDeclaration],
) -> Result<()> {
    for choice in declared {
        if let Some(existing) = field.choices.iter_mut().find(|c| c.name == choice.name) {
            existing.labels.extend(choice.label.clone());
            existing.stage = choice.stage;
            continue;
        }
        check_name(&choice.name, "a choice")?;
        if field.choices.len() == CHOICES_PER_FIELD_MAX {
            return Err(limit("choices of a field", CHOICES_PER_FIELD_MAX));
        }
        let id = field
            .choices
            .iter()
            .map(|c| c.id.0)
            .max()
            .map_or(1, |last| last + 1);
        field.choices.push(Choice {
            id: ChoiceId(id),
            name: choice.name.clone(),
            labels: choice.label.clone(),
            stage: choice.stage,
            requires: Vec::new(),
        });
    }
    Ok(())
}

/// What a stage requires may name any field of the object, so it is resolved last.
pub(super) fn take_choice_requirements(
    object: &mut Object,
    declared: &FieldDeclaration,
) -> Result<()> {
    for choice in &declared.choice {
        let requires = choice
            .requires
            .iter()
            .map(|name| object.field(name).map(|field| field.id))
            .collect::<Result<Vec<FieldId>>>()?;
        let field = object.fields.iter_mut().find(|f| f.name == declared.name);
        if let Some(taken) =
            field.and_then(|f| f.choices.iter_mut().find(|c| c.name == choice.name))
        {
            taken.requires = requires;
        }
    }
    Ok(())
}

/// What a new record gets must be a value of the field.
pub(in crate::schema) fn check_default(field: &Field) -> Result<()> {
    match &field.default {
        Some(text) => field
            .parse(text)
            .map(drop)
            .map_err(|error| error.context("`default`")),
        None => Ok(()),
    }
}
