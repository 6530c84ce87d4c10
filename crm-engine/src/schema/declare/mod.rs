//! Declarations: how objects are described as data, and how a schema takes them in.

mod card;
mod duplicates;
mod fields;
mod kept;
mod lists;
mod parts;
mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::ObjectId;
use crate::limits::{NAME_BYTES_MAX, OBJECTS_MAX};
use crate::value::ValueType;

pub use card::CardPartDeclaration;
pub(super) use fields::{check_default, take_choices};
pub(super) use parts::add_section;
pub use totals::TotalDeclaration;

use super::{
    Compared, HiddenDuplicates, Labels, Likeness, Object, OnDelete, Schema, StageKind, system,
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
    /// Its owner is who does it: giving it to somebody else needs the right to `assign`.
    #[serde(default)]
    pub planned: bool,
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
    /// The totals kept.
    #[serde(default)]
    pub total: Vec<TotalDeclaration>,
    /// The required reference to the record that its records are details of.
    #[serde(default)]
    pub parent: Option<String>,
    /// The sections of its fields; the first two an object has are its default sections.
    #[serde(default)]
    pub section: Vec<SectionDeclaration>,
    /// Fields whose values together are unique.
    #[serde(default)]
    pub unique: Vec<TogetherDeclaration>,
    /// Set when its records are events on timelines.
    #[serde(default)]
    pub event: Option<EventDeclaration>,
    /// The rules by which two records are likely duplicates.
    #[serde(default)]
    pub duplicate: Vec<DuplicateDeclaration>,
    /// What is told of duplicates that may not be seen.
    #[serde(default)]
    pub hidden_duplicates: Option<HiddenDuplicates>,
    /// What becomes of its records when they are accepted.
    #[serde(default)]
    pub accept: Option<AcceptDeclaration>,
    /// The computed checkbox that marks drafts.
    #[serde(default)]
    pub draft: Option<String>,
    /// The lists of fields by which completeness is measured.
    #[serde(default)]
    pub completeness: Vec<CompletenessDeclaration>,
    /// The parts of the card beside its own fields.
    #[serde(default)]
    pub card: Vec<CardPartDeclaration>,
    /// The logs of its choice fields.
    #[serde(default)]
    pub log: Vec<LogDeclaration>,
}

/// A field as declared; see [`Field`](super::Field) for the meaning of each part.
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
    /// The section; the first one of the object when left out.
    #[serde(default)]
    pub section: Option<String>,
    #[serde(default)]
    pub default: Option<String>,
    #[serde(default)]
    pub further: Option<String>,
    #[serde(default)]
    pub timeline: bool,
    #[serde(default)]
    pub guarded: bool,
    #[serde(default)]
    pub fixed: bool,
    #[serde(default)]
    pub search: bool,
    #[serde(default)]
    pub rollup: Option<RollupDeclaration>,
    #[serde(default)]
    pub formula: Option<String>,
    #[serde(default)]
    pub converted: Option<ConversionDeclaration>,
}

impl FieldDeclaration {
    /// Whether only the engine and rules set the field.
    fn is_computed(&self) -> bool {
        self.computed || self.is_kept()
    }

    /// Whether the engine alone keeps the field.
    pub(crate) fn is_kept(&self) -> bool {
        self.rollup.is_some() || self.formula.is_some() || self.converted.is_some()
    }
}

/// A choice or stage as declared; see [`Choice`](super::Choice).
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

/// A section as declared; see [`Section`](super::Section).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Section` of the same name"
)]
pub struct SectionDeclaration {
    pub name: String,
    #[serde(default)]
    pub label: Labels,
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Fields whose values together are unique; see [`Together`](super::Together).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Together` of the same name"
)]
pub struct TogetherDeclaration {
    pub fields: Vec<String>,
}

/// What makes records events, as declared; see [`EventParts`](super::EventParts).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `EventParts` of the same name"
)]
pub struct EventDeclaration {
    #[serde(default)]
    pub at: Option<String>,
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub channel: Option<String>,
    #[serde(default)]
    pub touch: bool,
}

/// A duplicate rule as declared; see [`DuplicateRule`](super::DuplicateRule).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `DuplicateRule` of the same name"
)]
pub struct DuplicateDeclaration {
    pub name: String,
    pub all: Vec<ComparisonDeclaration>,
    #[serde(default)]
    pub also: Vec<String>,
    #[serde(default)]
    pub refuse: bool,
}

/// How records are accepted, as declared; see [`Accept`](super::Accept).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Accept` of the same name"
)]
pub struct AcceptDeclaration {
    pub link: String,
    /// `{ name = "caller", phone = "phone" }`: field of the record linked to, own field.
    pub take: BTreeMap<String, String>,
    #[serde(default)]
    pub once: Option<String>,
    #[serde(default)]
    pub interest: Option<InterestDeclaration>,
}

/// What follows from an accepted record, as declared; see [`Interest`](super::Interest).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Interest` of the same name"
)]
pub struct InterestDeclaration {
    pub link: String,
    pub of: String,
    /// `{ title = "subject" }`: its field, field of the accepted record.
    #[serde(default)]
    pub take: BTreeMap<String, String>,
}

/// A log as declared: `{ name = "thing_state", field = "state" }`: an object that tells how long
/// each record stood on each choice of the field; see [`Log`](super::Log).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogDeclaration {
    /// The API name of the object.
    pub name: String,
    /// The choice field that it follows.
    pub field: String,
    /// The labels of the object.
    #[serde(default)]
    pub label: Labels,
}

/// A comparison as declared; see [`Comparison`](super::Comparison).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Comparison` of the same name"
)]
pub struct ComparisonDeclaration {
    pub field: String,
    #[serde(default)]
    pub how: Likeness,
    /// 85 when left out.
    #[serde(default)]
    pub least: Option<u8>,
}

/// A list of fields for completeness as declared; see [`Completeness`](super::Completeness).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Completeness` of the same name"
)]
pub struct CompletenessDeclaration {
    pub name: String,
    pub fields: Vec<String>,
}

/// A rollup as declared: `{ object = "line", link = "order", sum = "amount" }`; see
/// [`Rollup`](super::Rollup).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Rollup` of the same name"
)]
pub struct RollupDeclaration {
    pub object: String,
    pub link: String,
    #[serde(default)]
    pub sum: Option<String>,
}

/// A conversion as declared: `{ from = "amount", at = "closed", rate = "rate" }`; see
/// [`Conversion`](super::Conversion).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each is described at the field of `Conversion` of the same name"
)]
pub struct ConversionDeclaration {
    pub from: String,
    #[serde(default)]
    pub at: Option<String>,
    #[serde(default)]
    pub rate: Option<String>,
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
        let declarations: Vec<ObjectDeclaration> = declarations
            .iter()
            .map(|declared| Ok(next.object(&declared.name)?.leave_arranged(declared)))
            .collect::<Result<_>>()?;
        for declaration in &declarations {
            let filled = next.fill(declaration);
            filled.map_err(|error| of_object(error, declaration))?;
        }
        for declaration in &declarations {
            let settled = next.settle(declaration);
            settled.map_err(|error| of_object(error, declaration))?;
        }
        for declaration in &declarations {
            let settled = next.settle_duplicates(declaration);
            settled.map_err(|error| of_object(error, declaration))?;
        }
        for declaration in &declarations {
            let settled = next.settle_logs(declaration);
            settled.map_err(|error| of_object(error, declaration))?;
        }
        next.renew_logs();
        next.settle_compared();
        Ok(next)
    }

    pub(super) fn position(&self, name: &str) -> Result<usize> {
        self.objects
            .iter()
            .position(|object| object.name == name)
            .ok_or_else(|| Error::internal("an admitted object is missing"))
    }

    /// First pass: every declared object gets its number, so that any may refer to any.
    pub(super) fn admit(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
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
            planned: declaration.planned,
            title: None,
            fields: Vec::new(),
            columns: Vec::new(),
            lists: Vec::new(),
            building: Vec::new(),
            leaving: Vec::new(),
            totals: Vec::new(),
            parent: None,
            rights: ObjectId(id),
            sections: Vec::new(),
            together: Vec::new(),
            event: None,
            duplicates: Vec::new(),
            hidden_duplicates: HiddenDuplicates::default(),
            compared: Compared::default(),
            accept: None,
            draft: None,
            completeness: Vec::new(),
            card: Vec::new(),
            log: None,
            next_field: system::DECLARED_FIRST,
            next_section: 1,
            system_labels: BTreeMap::new(),
            arranged: BTreeSet::new(),
        }));
        Ok(())
    }

    /// Second pass: fields, lists and totals.
    pub(super) fn fill(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
        let at = self.position(&declaration.name)?;
        let mut object = Object::clone(&self.objects[at]);
        if object.owned != declaration.owned && !declaration.extends {
            let message = format!("`{}` exists, and its `owned` never changes", object.name);
            return Err(Error::new(Code::SchemaFixed, message));
        }
        let is_new = object.fields.is_empty();
        object.labels.extend(declaration.label.clone());
        parts::take_sections(&mut object, declaration)?;
        for field in &declaration.field {
            self.take_field(&mut object, field, declaration.extends)
                .and_then(|()| parts::place(&mut object, field))
                .map_err(|error| error.field(&field.name))?;
        }
        for field in &declaration.field {
            fields::take_choice_requirements(&mut object, field)?;
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
            object.take_list(list)?;
        }
        for total in &declaration.total {
            object.take_total(total, &|_| true)?;
        }
        parts::take(&mut object, declaration, is_new)?;
        self.objects[at] = Arc::new(object);
        Ok(())
    }
}

impl FieldDeclaration {
    /// A field that is nothing but its name and type.
    ///
    /// ```
    /// use crm_engine::{FieldDeclaration, ValueType};
    /// let size = FieldDeclaration {
    ///     required: true,
    ///     ..FieldDeclaration::new("size", ValueType::Integer)
    /// };
    /// assert_eq!(size.section, None);
    /// ```
    #[must_use]
    pub fn new(name: &str, value_type: ValueType) -> FieldDeclaration {
        FieldDeclaration {
            name: name.to_owned(),
            value_type,
            label: Labels::new(),
            required: false,
            unique: false,
            computed: false,
            target: None,
            on_delete: OnDelete::default(),
            follows_owner: false,
            choice: Vec::new(),
            section: None,
            default: None,
            further: None,
            timeline: false,
            guarded: false,
            fixed: false,
            search: false,
            rollup: None,
            formula: None,
            converted: None,
        }
    }
}

/// Whether values of the type have one place in an order.
fn is_sortable(value_type: ValueType) -> bool {
    !matches!(
        value_type,
        ValueType::ChoiceSet | ValueType::Tags | ValueType::File
    )
}

fn of_object(error: Error, declaration: &ObjectDeclaration) -> Error {
    match error.details().contains_key("object") {
        true => error,
        false => error.with("object", declaration.name.as_str()),
    }
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
