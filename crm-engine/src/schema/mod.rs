//! Objects, fields, choices, lists and totals: an immutable value per schema version.
//!
//! The schema is data. The kernel declares only what rights need ([`system`]); every other
//! object comes from a pack, by the same means an integrator has.

mod arranged;
mod cells;
mod coerce;
mod declare;
mod edit;
mod formula;
pub(crate) mod keys;
pub(crate) mod log;
mod parts;
mod storage;
pub(crate) mod system;
mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::ids::{ChoiceId, FieldId, ObjectId};
use crate::value::ValueType;

pub use arranged::{Arranged, FieldPart, SectionPart};
pub use cells::Cells;
pub(crate) use declare::check_name;
pub use declare::{
    AcceptDeclaration, CardPartDeclaration, ChoiceDeclaration, ComparisonDeclaration,
    CompletenessDeclaration, ConversionDeclaration, DuplicateDeclaration, EventDeclaration,
    FieldDeclaration, InterestDeclaration, ListDeclaration, LogDeclaration, ObjectDeclaration,
    RollupDeclaration, SectionDeclaration, TogetherDeclaration, TotalDeclaration,
};
pub use edit::{FieldChange, LabelOf, SectionChange};
pub use log::Log;
pub use parts::{
    Accept, CardPart, Compared, Comparison, Completeness, Conversion, DuplicateRule, EventParts,
    HiddenDuplicates, Interest, Likeness, Rollup, Section, Together,
};
pub(crate) use storage::{load, store, stored_version};
pub use totals::{Period, Total, TotalPart};

/// Labels by language code (`en`, `ru`).
pub type Labels = BTreeMap<String, String>;

/// The label in `language`, or else in its general form (`de` for `de-AT`), in English, or the
/// API name (C259).
pub(crate) fn label_in<'l>(labels: &'l Labels, language: &str, name: &'l str) -> &'l str {
    let general = language.split('-').next().unwrap_or(language);
    let found = [language, general, "en"]
        .into_iter()
        .find_map(|language| labels.get(language));
    found.map_or(name, String::as_str)
}

/// Everything a store knows about its objects, at one schema version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    version: u32,
    objects: Vec<Arc<Object>>,
}

/// A kind of record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its number, never reused.
    pub id: ObjectId,
    /// Its stable API name.
    pub name: String,
    /// Its translatable labels.
    pub labels: Labels,
    /// Whether each record belongs to a user.
    pub owned: bool,
    /// Its owner is who does it: giving it to somebody else is planning for others (C47).
    pub planned: bool,
    /// The field that names a record to people.
    pub title: Option<FieldId>,
    /// Its declared fields, by number.
    pub fields: Vec<Field>,
    /// The columns a list entry carries, by number.
    pub columns: Vec<FieldId>,
    /// The sorted lists it offers.
    pub lists: Vec<List>,
    /// Lists that were added to the running store and do not hold all records yet: they are
    /// written, and no query reads them.
    pub building: Vec<List>,
    /// Lists that were taken away and whose entries are not all gone yet: nobody writes or reads
    /// them.
    pub leaving: Vec<List>,
    /// The totals it keeps.
    pub totals: Vec<Total>,
    /// The reference to the record that its records are details of. Details take the rights and
    /// the owner of their parent (C2).
    pub parent: Option<FieldId>,
    /// The object whose rights hold for its records: its own, or for details that of the
    /// topmost parent.
    pub rights: ObjectId,
    /// The sections of its fields, in the order shown to people.
    pub sections: Vec<Section>,
    /// Fields whose values together are unique.
    pub together: Vec<Together>,
    /// Set when its records are events on timelines.
    pub event: Option<EventParts>,
    /// The rules by which two records are likely duplicates.
    pub duplicates: Vec<DuplicateRule>,
    /// What is told of duplicates that may not be seen.
    pub hidden_duplicates: HiddenDuplicates,
    /// The fields that duplicate rules compare.
    pub compared: Compared,
    /// Set when its records are accepted: what becomes of them then.
    pub accept: Option<Accept>,
    /// The checkbox of a record that was taken in though it lacks required fields. The first
    /// save by a person must fill them in.
    pub draft: Option<FieldId>,
    /// The lists of fields by which completeness is measured.
    pub completeness: Vec<Completeness>,
    /// The parts of its card beside its own fields.
    pub card: Vec<CardPart>,
    /// Set when its records follow from the history of others: nobody writes them.
    pub log: Option<Log>,
    /// The number the next field gets: those of deleted fields are never given again (C36).
    pub next_field: u16,
    /// The number the next section gets.
    pub next_section: u16,
    /// Labels given to the fields that every record has, by their names (C267).
    pub system_labels: BTreeMap<String, Labels>,
    /// What was arranged in the running store. A pack leaves it as it is.
    pub arranged: BTreeSet<Arranged>,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its number within the object, never reused.
    pub id: FieldId,
    /// Its stable API name.
    pub name: String,
    /// Its type, fixed for ever (C33).
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Its translatable labels.
    pub labels: Labels,
    /// A save without it is refused (C39).
    pub required: bool,
    /// No two records hold the same value.
    pub unique: bool,
    /// Set by rules only, never by callers.
    pub computed: bool,
    /// The object whose records a reference names.
    pub target: Option<ObjectId>,
    /// What happens to this record when the referred one is deleted.
    pub on_delete: OnDelete,
    /// A hand-over of the referred record hands this record over too.
    pub follows_owner: bool,
    /// The choices or stages, in the order shown to people.
    pub choices: Vec<Choice>,
    /// What a new record gets where the field is not given, as text.
    pub default: Option<String>,
    /// The field of the parent that holds the first of these values: the parent's own `phone`,
    /// where this field holds further ones.
    pub further: Option<FieldId>,
    /// The record stands on the timeline of the record referred to.
    pub timeline: bool,
    /// Setting, changing and emptying it is a change of the record referred to, and needs the
    /// right to edit that one too: who is in a common group is part of the group (C20).
    pub guarded: bool,
    /// Set when the record is created and never changed again, by anybody (C53).
    pub fixed: bool,
    /// Search finds the record by this field.
    pub search: bool,
    /// Kept as a count or sum of the records that refer to this one.
    pub rollup: Option<Rollup>,
    /// Kept as the value of an expression over the record's other fields.
    pub formula: Option<String>,
    /// The fields that the formula reads, as its text names them. Who may not see one of them may
    /// not see this field.
    pub inputs: Vec<FieldId>,
    /// Kept as the amount of another field in the base currency.
    pub converted: Option<Conversion>,
}

/// What happens to a record when a record it refers to is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The deletion is refused.
    #[default]
    Restrict,
    /// The reference is emptied.
    Clear,
    /// This record is deleted too.
    Cascade,
}

/// A choice of a choice field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its number within the field, never reused.
    pub id: ChoiceId,
    /// Its stable API name.
    pub name: String,
    /// Its translatable labels.
    pub labels: Labels,
    /// Set when the choice is a stage of a process.
    pub stage: Option<StageKind>,
    /// Fields that must be filled while a record stands on this choice.
    pub requires: Vec<FieldId>,
}

/// How a stage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// Work goes on.
    Open,
    /// Ended well.
    Won,
    /// Ended badly.
    Lost,
}

/// A sorted list an object offers: an index kept for every owner and for all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// Its number within the object. Another list gets it only when all entries of this one are
    /// gone.
    pub id: u8,
    /// Its stable API name.
    pub name: String,
    /// What it sorts by; the record id breaks ties, in the direction of the last key.
    pub by: Vec<SortKey>,
}

/// One component of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// The field compared.
    pub field: FieldId,
    /// Greatest first.
    pub descending: bool,
}

impl Schema {
    /// The version: raised by every change of the schema.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Every object, by number.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.iter()
    }

    /// The object called `name`.
    ///
    /// # Errors
    /// [`Code::UnknownObject`].
    pub fn object(&self, name: &str) -> Result<&Arc<Object>> {
        self.objects
            .iter()
            .find(|object| object.name == name)
            .ok_or_else(|| {
                Error::new(Code::UnknownObject, format!("unknown object `{name}`"))
                    .with("object", name)
            })
    }

    /// The object numbered `id`, if the schema has it.
    #[must_use]
    pub fn by_id(&self, id: ObjectId) -> Option<&Arc<Object>> {
        self.objects
            .binary_search_by_key(&id, |object| object.id)
            .ok()
            .map(|at| &self.objects[at])
    }

    /// Every field that refers to records of `target`, with its object.
    pub(crate) fn referring_to(
        &self,
        target: ObjectId,
    ) -> impl Iterator<Item = (&Arc<Object>, &Field)> {
        self.objects.iter().flat_map(move |object| {
            object
                .fields
                .iter()
                .filter(move |f| f.target == Some(target))
                .map(move |f| (object, f))
        })
    }
}

impl Object {
    /// The declared or system field called `name`.
    ///
    /// # Errors
    /// [`Code::UnknownField`].
    pub fn field(&self, name: &str) -> Result<&Field> {
        self.find(name).ok_or_else(|| self.unknown_field(name))
    }

    /// The declared or system field called `name`, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .chain(system::record_fields())
            .find(|field| field.name == name)
            .filter(|field| self.owned || !system::is_of_owned(field.id))
    }

    /// The declared or system field numbered `id`.
    #[must_use]
    pub fn by_id(&self, id: FieldId) -> Option<&Field> {
        match self.fields.binary_search_by_key(&id, |field| field.id) {
            Ok(at) => Some(&self.fields[at]),
            Err(_) => system::record_fields().iter().find(|field| field.id == id),
        }
    }

    /// The one answer for fields that do not exist and fields that may not be seen
    /// (invariant *invisible is absent*).
    pub(crate) fn unknown_field(&self, name: &str) -> Error {
        Error::new(
            Code::UnknownField,
            format!("`{}` has no field `{name}`", self.name),
        )
        .with("object", self.name.as_str())
        .field(name)
    }

    /// Every list that is written as records are: those it offers and those that are being built.
    pub(crate) fn written_lists(&self) -> impl Iterator<Item = &List> {
        self.lists.iter().chain(&self.building)
    }

    /// Whether its records are details of others.
    #[must_use]
    pub fn is_detail(&self) -> bool {
        self.parent.is_some()
    }

    /// The object that its records are details of, with the field that refers to it.
    #[must_use]
    pub fn parent_field(&self) -> Option<(&Field, ObjectId)> {
        let field = self.by_id(self.parent?)?;
        Some((field, field.target?))
    }

    /// Whether the engine alone keeps the field: a formula, a rollup, a converted amount or its
    /// rate.
    #[must_use]
    pub fn keeps(&self, field: FieldId) -> bool {
        self.fields.iter().any(|known| {
            let rate = known.converted.and_then(|conversion| conversion.rate);
            rate == Some(field) || (known.id == field && known.is_kept())
        })
    }

    /// The labels of a field of this object, one that every record has among them.
    #[must_use]
    pub fn labels_of(&self, field: &Field) -> Labels {
        let mut labels = field.labels.clone();
        if field.is_system()
            && let Some(given) = self.system_labels.get(&field.name)
        {
            labels.extend(given.clone());
        }
        labels
    }

    /// The section called `name`.
    ///
    /// # Errors
    /// [`Code::InvalidValue`].
    pub fn section(&self, name: &str) -> Result<&Section> {
        let found = self.sections.iter().find(|section| section.name == name);
        found.ok_or_else(|| self.unknown_section(name))
    }

    /// The one answer for sections that do not exist and those the caller may not work with.
    pub(crate) fn unknown_section(&self, name: &str) -> Error {
        let name = crate::value::shorten(name);
        let text = format!("`{}` has no section `{name}`", self.name);
        Error::new(Code::InvalidValue, text)
            .with("object", self.name.as_str())
            .with("section", name)
    }

    /// The sections that hold fields for which `shows` is true, in the order shown to people,
    /// each with those fields: an empty section is left out (C35).
    pub fn filled_sections(
        &self,
        shows: impl Fn(FieldId) -> bool,
    ) -> impl Iterator<Item = (&Section, Vec<&Field>)> {
        self.sections.iter().filter_map(move |section| {
            let fields = section.fields.iter().filter(|id| shows(**id));
            let fields: Vec<&Field> = fields.filter_map(|id| self.by_id(*id)).collect();
            (!fields.is_empty()).then_some((section, fields))
        })
    }

    /// The section a field stands in.
    #[must_use]
    pub fn section_of(&self, field: FieldId) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.fields.contains(&field))
    }

    /// The field that holds the stage, if the object has stages.
    #[must_use]
    pub fn stage_field(&self) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.choices.iter().any(|choice| choice.stage.is_some()))
    }
}

impl Field {
    /// The choice called `name`.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] with the names there are.
    pub fn choice(&self, name: &str) -> Result<&Choice> {
        self.choices
            .iter()
            .find(|choice| choice.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self
                    .choices
                    .iter()
                    .map(|choice| choice.name.as_str())
                    .collect();
                Error::new(
                    Code::InvalidValue,
                    format!(
                        "`{}` takes one of {}, not `{}`",
                        self.name,
                        names.join(", "),
                        crate::value::shorten(name)
                    ),
                )
                .field(&self.name)
            })
    }

    /// The choice numbered `id`, if the field has it.
    #[must_use]
    pub fn choice_by_id(&self, id: ChoiceId) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.id == id)
    }

    /// Whether the field is a formula, a rollup or a converted amount.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.formula.is_some() || self.rollup.is_some() || self.converted.is_some()
    }

    /// Whether the engine keeps the field and callers only read it.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.id.0 < system::DECLARED_FIRST
    }
}
