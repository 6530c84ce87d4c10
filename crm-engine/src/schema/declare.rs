//! Declarations: how objects are described as data, and how a schema takes them in.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, FieldId, ObjectId};
use crate::limits::{
    CHOICES_PER_FIELD_MAX, FIELDS_PER_OBJECT_MAX, NAME_BYTES_MAX, OBJECTS_MAX, SORTS_PER_OBJECT_MAX,
};
use crate::value::ValueType;

use super::{
    Choice, Field, Labels, List, Object, OnDelete, Schema, SortKey, StageKind, Total, system,
};

/// An object as a pack or a host declares it: a new one, or an extension of one that exists.
///
/// Declaring an object again adds what is new and renews labels; a type never changes (C33).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectDeclaration {
    /// The stable API name: lower case ASCII letters, digits and `_`, a letter first.
    pub name: String,
    /// Labels by language code.
    #[serde(default)]
    pub label: Labels,
    /// Set when the object must exist already and is only extended.
    #[serde(default)]
    pub extends: bool,
    /// Whether each record belongs to a user.
    #[serde(default)]
    pub owned: bool,
    /// The field that names a record to people.
    #[serde(default)]
    pub title: Option<String>,
    /// The columns a list entry carries.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The fields.
    #[serde(default)]
    pub field: Vec<FieldDeclaration>,
    /// The sorted lists offered.
    #[serde(default)]
    pub list: Vec<ListDeclaration>,
    /// The totals kept for every owner.
    #[serde(default)]
    pub total: Vec<TotalDeclaration>,
}

/// A field as declared; see [`Field`] for the meaning of each part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Field` of the same name"
)]
pub struct FieldDeclaration {
    pub name: String,
    #[serde(rename = "type")]
    pub value_type: ValueType,
    #[serde(default)]
    pub label: Labels,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub unique: bool,
    #[serde(default)]
    pub computed: bool,
    #[serde(default)]
    pub target: Option<String>,
    #[serde(default)]
    pub on_delete: OnDelete,
    #[serde(default)]
    pub follows_owner: bool,
    #[serde(default)]
    pub choice: Vec<ChoiceDeclaration>,
}

/// A choice or stage as declared; see [`Choice`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Choice` of the same name"
)]
pub struct ChoiceDeclaration {
    pub name: String,
    #[serde(default)]
    pub label: Labels,
    #[serde(default)]
    pub stage: Option<StageKind>,
    #[serde(default)]
    pub requires: Vec<String>,
}

/// A sorted list as declared: `by = ["close_date desc", "title"]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `List` of the same name"
)]
pub struct ListDeclaration {
    pub name: String,
    pub by: Vec<String>,
}

/// A total as declared; see [`Total`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Total` of the same name"
)]
pub struct TotalDeclaration {
    pub name: String,
    pub group: String,
    #[serde(default)]
    pub sum: Vec<String>,
}

impl Schema {
    /// The schema of a store without packs: the kernel's own objects.
    #[must_use]
    pub fn kernel() -> Schema {
        Schema::default()
            .apply(system::declarations())
            .expect("the kernel's declarations are part of the engine and covered by a test")
    }

    /// This schema with `declarations` taken in, one version further. Declarations may refer
    /// to each other in any order.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] or [`Code::UnknownObject`], [`Code::UnknownField`] for a
    /// declaration that makes no sense, [`Code::SchemaFixed`] for a change that is never
    /// allowed, [`Code::LimitExceeded`]. Details name `object` and, where one is at fault, `field`.
    pub fn apply(&self, declarations: &[ObjectDeclaration]) -> Result<Schema> {
        let mut next = Schema {
            version: self.version + 1,
            objects: self.objects.clone(),
        };
        for declaration in declarations {
            next.admit(declaration)?;
        }
        for declaration in declarations {
            next.fill(declaration).map_err(|error| {
                match error.details().contains_key("object") {
                    true => error,
                    false => error.with("object", declaration.name.as_str()),
                }
            })?;
        }
        Ok(next)
    }

    /// First pass: every declared object gets its number, so that any may refer to any.
    fn admit(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
        let known = self.object(&declaration.name).is_ok();
        if declaration.extends && !known {
            return self.object(&declaration.name).map(drop);
        }
        if known {
            return Ok(());
        }
        check_name(&declaration.name, "an object")?;
        if self.objects.len() == OBJECTS_MAX {
            return Err(limit("objects in a store", OBJECTS_MAX));
        }
        let id = self.objects.last().map_or(1, |last| last.id.0 + 1);
        self.objects.push(Arc::new(Object {
            id: ObjectId(id),
            name: declaration.name.clone(),
            labels: declaration.label.clone(),
            owned: declaration.owned,
            title: None,
            fields: Vec::new(),
            columns: Vec::new(),
            lists: Vec::new(),
            totals: Vec::new(),
        }));
        Ok(())
    }

    /// Second pass: fields, lists and totals.
    fn fill(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
        let at = self
            .objects
            .iter()
            .position(|object| object.name == declaration.name)
            .ok_or_else(|| Error::internal("an admitted object is missing"))?;
        let mut object = Object::clone(&self.objects[at]);
        if object.owned != declaration.owned && !declaration.extends {
            let message = format!("`{}` exists, and its `owned` never changes", object.name);
            return Err(Error::new(Code::SchemaFixed, message));
        }
        object.labels.extend(declaration.label.clone());
        for field in &declaration.field {
            self.take_field(&mut object, field, declaration.extends)
                .map_err(|error| error.field(&field.name))?;
        }
        for field in &declaration.field {
            take_choice_requirements(&mut object, field)?;
        }
        if let Some(title) = &declaration.title {
            object.title = Some(object.field(title)?.id);
        }
        for column in &declaration.columns {
            let id = object.field(column)?.id;
            if !object.columns.contains(&id) {
                object.columns.push(id);
            }
        }
        object.columns.retain(|id| id.0 >= system::DECLARED_FIRST);
        object.columns.sort_unstable();
        for list in &declaration.list {
            take_list(&mut object, list)?;
        }
        for total in &declaration.total {
            take_total(&mut object, total)?;
        }
        self.objects[at] = Arc::new(object);
        Ok(())
    }

    fn take_field(
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
            return take_choices(existing, &declared.choice);
        }
        check_name(&declared.name, "a field")?;
        if object.find(&declared.name).is_some() || declared.name == "owner" {
            return Err(invalid(format!(
                "every record has a field `{}` already",
                declared.name
            )));
        }
        if object.fields.len() == FIELDS_PER_OBJECT_MAX {
            return Err(limit("fields of an object", FIELDS_PER_OBJECT_MAX));
        }
        if declared.unique && !is_sortable(declared.value_type) {
            return Err(invalid(format!(
                "`{}` cannot be unique",
                declared.value_type.name()
            )));
        }
        let id = object
            .fields
            .last()
            .map_or(system::DECLARED_FIRST, |last| last.id.0 + 1);
        let mut field = Field {
            id: FieldId(id),
            name: declared.name.clone(),
            value_type: declared.value_type,
            labels: declared.label.clone(),
            required: declared.required,
            unique: declared.unique,
            computed: declared.computed,
            target,
            on_delete: declared.on_delete,
            follows_owner: declared.follows_owner,
            choices: Vec::new(),
        };
        take_choices(&mut field, &declared.choice)?;
        object.fields.push(field);
        Ok(())
    }
}

/// What a field is beside its type is settled when it is made. An extension says only what it
/// adds, so it need not repeat that.
fn refuse_another_nature(field: &Field, declared: &FieldDeclaration, extends: bool) -> Result<()> {
    let on_delete = field.on_delete != declared.on_delete;
    let changes = [
        ("unique", field.unique != declared.unique, declared.unique),
        (
            "computed",
            field.computed != declared.computed,
            declared.computed,
        ),
        (
            "follows_owner",
            field.follows_owner != declared.follows_owner,
            declared.follows_owner,
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

fn take_choices(field: &mut Field, declared: &[ChoiceDeclaration]) -> Result<()> {
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
fn take_choice_requirements(object: &mut Object, declared: &FieldDeclaration) -> Result<()> {
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

fn take_list(object: &mut Object, declared: &ListDeclaration) -> Result<()> {
    check_name(&declared.name, "a list")?;
    let by = declared
        .by
        .iter()
        .map(|text| parse_sort_key(object, text))
        .collect::<Result<Vec<SortKey>>>()?;
    if by.is_empty() {
        return Err(invalid(format!(
            "the list `{}` needs something to sort `by`",
            declared.name
        )));
    }
    if let Some(existing) = object.lists.iter().find(|list| list.name == declared.name) {
        return match existing.by == by {
            true => Ok(()),
            false => Err(Error::new(
                Code::SchemaFixed,
                format!("the list `{}` has another order already", declared.name),
            )),
        };
    }
    if object.lists.len() == SORTS_PER_OBJECT_MAX {
        return Err(limit("lists of an object", SORTS_PER_OBJECT_MAX));
    }
    let id = object.lists.last().map_or(1, |last| last.id + 1);
    object.lists.push(List {
        id,
        name: declared.name.clone(),
        by,
    });
    Ok(())
}

fn parse_sort_key(object: &Object, text: &str) -> Result<SortKey> {
    let (name, descending) = match text.split_once(' ') {
        None | Some((_, "asc")) => (text.trim_end_matches(" asc"), false),
        Some((name, "desc")) => (name, true),
        Some(_) => {
            return Err(invalid(format!(
                "`{text}` is not `field`, `field asc` or `field desc`"
            )));
        }
    };
    let field = object.field(name)?;
    if !is_sortable(field.value_type) {
        return Err(invalid(format!(
            "a list cannot sort by `{}`",
            field.value_type.name()
        ))
        .field(name));
    }
    Ok(SortKey {
        field: field.id,
        descending,
    })
}

fn take_total(object: &mut Object, declared: &TotalDeclaration) -> Result<()> {
    check_name(&declared.name, "a total")?;
    let group = object.field(&declared.group)?;
    if group.value_type != ValueType::Choice {
        return Err(invalid("a total groups by a field of type `choice`").field(&declared.group));
    }
    let group = group.id;
    let mut sums = Vec::new();
    for name in &declared.sum {
        let field = object.field(name)?;
        if !matches!(
            field.value_type,
            ValueType::Integer | ValueType::Decimal | ValueType::Money
        ) {
            return Err(invalid("a total sums integers, decimals and money").field(name));
        }
        sums.push(field.id);
    }
    if let Some(existing) = object
        .totals
        .iter()
        .find(|total| total.name == declared.name)
    {
        return match (existing.group, &existing.sums) == (group, &sums) {
            true => Ok(()),
            false => Err(Error::new(
                Code::SchemaFixed,
                format!(
                    "the total `{}` has another definition already",
                    declared.name
                ),
            )),
        };
    }
    if object.totals.len() == SORTS_PER_OBJECT_MAX {
        return Err(limit("totals of an object", SORTS_PER_OBJECT_MAX));
    }
    let id = object.totals.last().map_or(1, |last| last.id + 1);
    object.totals.push(Total {
        id,
        name: declared.name.clone(),
        group,
        sums,
    });
    Ok(())
}

/// Whether values of the type have one place in an order.
fn is_sortable(value_type: ValueType) -> bool {
    !matches!(
        value_type,
        ValueType::ChoiceSet | ValueType::Tags | ValueType::File
    )
}

/// API names are ASCII and stable: they stand in queries, packs and host programs.
pub(crate) fn check_name(name: &str, what: &str) -> Result<()> {
    let fits = name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    match fits {
        true => Ok(()),
        false => Err(invalid(format!(
            "`{}` cannot name {what}: names are lower case ASCII letters, digits and `_`, \
             begin with a letter and have at most {NAME_BYTES_MAX} bytes",
            crate::value::shorten(name)
        ))),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidValue, message)
}

fn limit(what: &str, max: usize) -> Error {
    Error::new(Code::LimitExceeded, format!("at most {max} {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declare(text: &str) -> ObjectDeclaration {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_type_never_changes() {
        let first = Schema::kernel()
            .apply(&[declare(
                "name='thing'\nfield=[{name='number', type='digits'}]",
            )])
            .unwrap();
        let again = declare("name='thing'\nfield=[{name='number', type='text'}]");
        let error = first.apply(&[again]).unwrap_err();
        assert_eq!(error.code(), Code::SchemaFixed);
        assert_eq!(error.details()["field"], "number");
        assert_eq!(error.details()["object"], "thing");
    }

    #[test]
    fn objects_may_refer_to_each_other_in_any_order() {
        let schema = Schema::kernel()
            .apply(&[
                declare("name='a'\nfield=[{name='b', type='reference', target='b'}]"),
                declare("name='b'\nfield=[{name='a', type='reference', target='a'}]"),
            ])
            .unwrap();
        let b = schema.object("b").unwrap().id;
        assert_eq!(
            schema.object("a").unwrap().field("b").unwrap().target,
            Some(b)
        );
        assert_eq!(schema.referring_to(b).count(), 1);
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        for (text, code) in [
            ("name='Bad'", Code::InvalidValue),
            ("name='t'\nextends=true", Code::UnknownObject),
            (
                "name='t'\nfield=[{name='id', type='text'}]",
                Code::InvalidValue,
            ),
            (
                "name='t'\nfield=[{name='r', type='reference'}]",
                Code::InvalidValue,
            ),
            (
                "name='t'\nfield=[{name='r', type='reference', target='x'}]",
                Code::UnknownObject,
            ),
            (
                "name='t'\nfield=[{name='c', type='choice'}]",
                Code::InvalidValue,
            ),
            (
                "name='t'\nlist=[{name='l', by=['nope']}]",
                Code::UnknownField,
            ),
            (
                "name='t'\nlist=[{name='l', by=['id sideways']}]",
                Code::InvalidValue,
            ),
            (
                "name='t'\ntotal=[{name='l', group='id'}]",
                Code::InvalidValue,
            ),
        ] {
            let error = Schema::kernel().apply(&[declare(text)]).unwrap_err();
            assert_eq!(error.code(), code, "{text}: {error}");
        }
    }
}
