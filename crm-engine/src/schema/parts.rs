//! The parts of an object beside its fields, lists and totals: sections, events, duplicate
//! rules and what completeness asks for.

use serde::{Deserialize, Serialize};

use crate::ids::{FieldId, ObjectId};

use super::{Labels, SortKey};

/// A group of fields of a card or questionnaire (C30). Every declared field stands in exactly
/// one section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its number within the object, never reused. The first two are the default sections,
    /// which cannot be deleted (C34).
    pub id: u16,
    /// Its stable API name.
    pub name: String,
    /// Its translatable labels.
    pub labels: Labels,
    /// The names of the user groups that may work with it; none means everybody (C37).
    pub groups: Vec<String>,
    /// Its fields, in the order shown to people.
    pub fields: Vec<FieldId>,
}

/// Several fields whose values together no two records hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Together {
    /// Its number within the object, never reused.
    pub id: u8,
    /// The fields; a record that lacks one of them is not compared.
    pub fields: Vec<FieldId>,
}

/// What makes the records of an object events on the timelines of the records they refer to by
/// fields marked `timeline` (C22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventParts {
    /// When the event took place: a date or date-time field; the time of creation when it is
    /// none or empty.
    pub at: Option<FieldId>,
    /// The choice field that tells the kind of event; the object's name tells it otherwise.
    pub kind: Option<FieldId>,
    /// The choice field that tells the channel.
    pub channel: Option<FieldId>,
    /// Whether such an event is a touch of the client: what "last in touch" looks at.
    pub touch: bool,
}

/// A rule by which two records are likely duplicates: all its comparisons hold (C27). The rules
/// of an object are alternatives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateRule {
    /// Its stable API name.
    pub name: String,
    /// The comparisons, all of which must hold.
    pub all: Vec<Comparison>,
}

/// A comparison of one field of two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The field compared.
    pub field: FieldId,
    /// How it is compared.
    pub how: Likeness,
    /// The least likeness in per cent that counts, for [`Likeness::Fuzzy`].
    pub least: u8,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// The same value.
    Exact,
    /// The same in normal form: phones by their digits, e-mails and texts without case, with
    /// `ё` as `е` and single spaces.
    #[default]
    Normalised,
    /// Similar text.
    Fuzzy,
}

/// What the finder of a duplicate is told of records he may not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HiddenDuplicates {
    /// How many there are.
    #[default]
    Count,
    /// Nothing.
    Nothing,
}

/// A named list of fields by which the completeness of a record is measured (C42).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// Its stable API name.
    pub name: String,
    /// The fields that are looked at.
    pub fields: Vec<FieldId>,
}

/// Records that are shown with a record on its card (C7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardPart {
    /// Its stable API name.
    pub name: String,
    /// Its translatable labels.
    pub labels: Labels,
    /// The object of its rows.
    pub object: ObjectId,
    /// The field of the rows that refers to the record.
    pub link: FieldId,
    /// The field of the rows that refers on to what is shown, when the rows only link the two.
    pub via: Option<FieldId>,
    /// A condition on the rows.
    pub condition: Option<String>,
    /// What the rows are sorted by; the newest come first when it is none.
    pub by: Option<SortKey>,
    /// How many rows are shown.
    pub limit: u16,
    /// The fields shown; none means the columns of the lists.
    pub columns: Vec<FieldId>,
}

/// A count or sum over the records that refer to a record, kept in one of its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// The object of the records counted.
    pub object: ObjectId,
    /// Their field that refers to the record.
    pub link: FieldId,
    /// The field summed; the records are counted when it is none.
    pub sum: Option<FieldId>,
}

/// An amount of money in the base currency, by the rate of its day. It is kept up to date while
/// the record's stage is open and frozen when the stage closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The money field converted.
    pub from: FieldId,
    /// The date field whose day counts; today when it is none or empty.
    pub at: Option<FieldId>,
    /// The decimal field that keeps the very rate. Without one, the amount of a record whose
    /// stage is closed stays as it is, whatever is changed.
    pub rate: Option<FieldId>,
}
