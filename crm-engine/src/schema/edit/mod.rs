//! Changes of one object in a running store: its fields, sections, labels, lists, totals and what
//! completeness asks for (C30 to C42). Each gives a new schema value; the old one stays as it is.
//!
//! What is changed here is marked as [`Arranged`](super::Arranged), so that the next version of
//! a pack does not undo it.

mod fields;
mod lists;
mod sections;
#[cfg(test)]
mod tests;
mod totals;
mod uses;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::limits::{LABEL_BYTES_MAX, LABEL_LANGUAGES_MAX, PARTS_PER_OBJECT_MAX};
use crate::value::ValueType;

use super::{
    Arranged, ChoiceDeclaration, Completeness, FieldPart, Labels, Object, Schema, SectionPart,
};

/// Tells whether the caller sees a field: positions count what he sees.
pub(crate) type Shows<'a> = &'a dyn Fn(FieldId) -> bool;

/// What is to change in a field; what is left out stays as it is.
///
/// ```
/// use crm_engine::FieldChange;
/// let change = FieldChange {
///     section: Some("additional".into()),
///     position: Some(1),
///     ..FieldChange::default()
/// };
/// assert_eq!(change.required, None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldChange {
    /// Its type, which must be the one it has: a type never changes (C33).
    #[serde(default, rename = "type")]
    pub value_type: Option<ValueType>,
    /// Labels by language; languages not named keep theirs.
    #[serde(default)]
    pub label: Labels,
    /// The section it stands in.
    #[serde(default)]
    pub section: Option<String>,
    /// Its place among the fields of its section that the caller sees, counted from 1.
    #[serde(default)]
    pub position: Option<usize>,
    /// Whether a save without it is refused.
    #[serde(default)]
    pub required: Option<bool>,
    /// What a new record gets, as text; empty text for nothing.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether search finds records by it.
    #[serde(default)]
    pub search: Option<bool>,
    /// Whether the record stands on the timeline of the record referred to.
    #[serde(default)]
    pub timeline: Option<bool>,
    /// New choices, and new labels, stages and requirements of those there are.
    #[serde(default)]
    pub choice: Vec<ChoiceDeclaration>,
}

/// What is to change in a section; what is left out stays as it is.
///
/// ```
/// use crm_engine::SectionChange;
/// let change = SectionChange {
///     groups: Some(vec!["accountants".into()]),
///     ..SectionChange::default()
/// };
/// assert!(change.label.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SectionChange {
    /// Labels by language; languages not named keep theirs.
    #[serde(default)]
    pub label: Labels,
    /// The names of the groups that may work with it; none of them means everybody.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
    /// Its place among the sections the caller may work with, counted from 1.
    #[serde(default)]
    pub position: Option<usize>,
}

/// What a label is given to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelOf {
    /// The object itself.
    Object,
    /// One of its fields; those that every record has are among them.
    Field(String),
    /// A choice of one of its fields.
    Choice {
        /// The field.
        field: String,
        /// The choice.
        choice: String,
    },
    /// One of its sections.
    Section(String),
}

impl Schema {
    /// This schema with one object changed, one version further.
    ///
    /// # Errors
    /// What `change` has against it.
    pub(crate) fn edit(
        &self,
        id: ObjectId,
        change: impl FnOnce(&mut Object) -> Result<()>,
    ) -> Result<Schema> {
        let mut next = Schema {
            version: self.version + 1,
            objects: self.objects.clone(),
        };
        let found = next.objects.iter_mut().find(|object| object.id == id);
        let object = found.ok_or_else(|| Error::internal("an edited object is missing"))?;
        object.refuse_log()?;
        change(Arc::make_mut(object))?;
        next.renew_logs();
        Ok(next)
    }

    /// Whether both hold the same objects.
    pub(crate) fn is_same_as(&self, other: &Schema) -> bool {
        self.objects == other.objects
    }
}

impl Object {
    /// Gives a label in one language, or takes it away where the text is empty.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::InvalidValue`], [`Code::LimitExceeded`].
    pub(crate) fn set_label(&mut self, of: &LabelOf, language: &str, text: &str) -> Result<()> {
        let language = language.to_owned();
        let (labels, mark) = match of {
            LabelOf::Object => (&mut self.labels, Arranged::Label(language.clone())),
            LabelOf::Field(name) => {
                let is_system = self.field(name)?.is_system();
                let labels = match self.fields.iter_mut().find(|f| f.name == *name) {
                    Some(field) if !is_system => &mut field.labels,
                    _ => self.system_labels.entry(name.clone()).or_default(),
                };
                let part = FieldPart::Label(language.clone());
                (labels, Arranged::Field(name.clone(), part))
            }
            LabelOf::Choice { field, choice } => {
                let wanted = self.field(field)?.choice(choice)?.id;
                let known = self.fields.iter_mut().find(|f| f.name == *field);
                let choices = known.into_iter().flat_map(|field| &mut field.choices);
                let found = choices.into_iter().find(|choice| choice.id == wanted);
                let found = found.ok_or_else(|| Error::internal("a choice is missing"))?;
                let part = FieldPart::ChoiceLabel(choice.clone(), language.clone());
                (&mut found.labels, Arranged::Field(field.clone(), part))
            }
            LabelOf::Section(name) => {
                self.section(name)?;
                let found = self.sections.iter_mut().find(|s| s.name == *name);
                let found = found.ok_or_else(|| Error::internal("a section is missing"))?;
                let part = SectionPart::Label(language.clone());
                (&mut found.labels, Arranged::Section(name.clone(), part))
            }
        };
        match text.is_empty() {
            true => drop(labels.remove(&language)),
            false => drop(labels.insert(language, text.to_owned())),
        }
        check_labels(labels)?;
        self.arranged.insert(mark);
        Ok(())
    }

    /// Puts the list of fields for completeness called `name` in place of what it was; a list
    /// without fields is none. Fields that the caller does not see stay in it.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::InvalidValue`], [`Code::LimitExceeded`].
    pub(crate) fn set_completeness(
        &mut self,
        name: &str,
        fields: &[FieldId],
        shows: Shows<'_>,
    ) -> Result<()> {
        super::check_name(name, "a completeness")?;
        let known = self.completeness.iter().position(|list| list.name == name);
        let former = known.map_or(&[][..], |at| &self.completeness[at].fields);
        let unseen = former.iter().copied().filter(|field| !shows(*field));
        let mut all: Vec<FieldId> = fields.to_vec();
        all.extend(unseen);
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|field| seen.insert(*field));
        self.arranged
            .insert(Arranged::Completeness(name.to_owned()));
        let list = Completeness {
            name: name.to_owned(),
            fields: all,
        };
        match known {
            Some(at) if list.fields.is_empty() => drop(self.completeness.remove(at)),
            Some(at) => self.completeness[at] = list,
            None if list.fields.is_empty() => {}
            None if self.completeness.len() == PARTS_PER_OBJECT_MAX => {
                return Err(limit(
                    "lists for completeness of an object",
                    PARTS_PER_OBJECT_MAX,
                ));
            }
            None => self.completeness.push(list),
        }
        Ok(())
    }
}

/// A label has a language code and fits on a screen.
pub(crate) fn check_labels(labels: &Labels) -> Result<()> {
    if labels.len() > LABEL_LANGUAGES_MAX {
        return Err(limit("languages of a label", LABEL_LANGUAGES_MAX));
    }
    for (language, text) in labels {
        let fits = (2..=35).contains(&language.len())
            && language.starts_with(|c: char| c.is_ascii_lowercase())
            && language
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits {
            let shown = crate::value::shorten(language);
            let text = format!("`{shown}` is not a language code like `en` or `de-AT`");
            return Err(invalid(text).with("language", shown));
        }
        if text.len() > LABEL_BYTES_MAX {
            return Err(limit("bytes of a label", LABEL_BYTES_MAX));
        }
    }
    Ok(())
}

/// The place in a whole list of what is to stand at `position`, counted from 1, among those at
/// the `seen` places.
fn place_at(position: usize, seen: &[usize], all: usize) -> Result<usize> {
    match position.checked_sub(1) {
        Some(before) if before <= seen.len() => Ok(seen.get(before).copied().unwrap_or(all)),
        _ => {
            let last = seen.len() + 1;
            let text = format!("`position` takes a number from 1 to {last}, not {position}");
            Err(Error::new(Code::InvalidArguments, text).with("position", position))
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidValue, message)
}

fn limit(what: &str, max: usize) -> Error {
    Error::new(Code::LimitExceeded, format!("at most {max} {what}")).with("limit", max)
}
