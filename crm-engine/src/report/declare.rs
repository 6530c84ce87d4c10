//! Reports and lists as they are declared: in packs, and in the field `definition` of a report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::schema::Labels;
use crate::value::ValueType;

/// A report, or a smart list, as it is declared. See the room for what each part means.
///
/// ```
/// use crm_engine::ReportDeclaration;
/// let sizes: ReportDeclaration = r#"
///     name = "sizes"
///     key = [{ name = "owner" }]
///     part = [{ name = "things", from = "thing", key = { owner = "owner" }, measure = { count = "count(*)" } }]
/// "#.parse()?;
/// assert_eq!(sizes.part[0].from, "thing");
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportDeclaration {
    /// The stable API name.
    pub name: String,
    /// Its name for people, by language.
    #[serde(default)]
    pub label: Labels,
    /// What its figures mean, in words, by language.
    #[serde(default)]
    pub description: Labels,
    /// The period asked about where none is given: `this month`, `last year`, `all`. A report
    /// that names one takes a period.
    #[serde(default)]
    pub period: Option<String>,
    /// What else can be asked about.
    #[serde(default)]
    pub parameter: Vec<ParameterDeclaration>,
    /// What the rows are made by.
    #[serde(default)]
    pub key: Vec<KeyDeclaration>,
    /// Where the figures come from.
    #[serde(default)]
    pub part: Vec<PartDeclaration>,
    /// The columns behind the keys; all measures when none is named.
    #[serde(default)]
    pub column: Vec<ColumnDeclaration>,
    /// Of the rows, only those for which this holds.
    #[serde(default)]
    pub keep: Option<String>,
    /// The order of the rows: `income desc`.
    #[serde(default)]
    pub order: Vec<String>,
    /// How many rows are given at most.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Whether there are figures of all rows together.
    #[serde(default)]
    pub total: bool,
    /// How it is drawn.
    #[serde(default)]
    pub chart: Option<ChartDeclaration>,
    /// Of a smart list: what it lists.
    #[serde(default)]
    pub list: Option<ListingDeclaration>,
}

/// Something a report can be asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterDeclaration {
    /// Its name: `:name` in conditions and formulas.
    pub name: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Its name for people, by language.
    #[serde(default)]
    pub label: Labels,
    /// Its value where none is given, as text. Without one, what asks for the parameter is left
    /// out.
    #[serde(default)]
    pub default: Option<String>,
    /// The setting `report.NAME` of the store that stands before the default where it is set: so
    /// that several reports follow one rule.
    #[serde(default)]
    pub setting: Option<String>,
    /// The texts that it can be; any when left out.
    #[serde(default)]
    pub one_of: Vec<String>,
}

/// What rows are made by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyDeclaration {
    /// Its name; parts say which expression it is there.
    pub name: String,
    /// Its name for people, by language.
    #[serde(default)]
    pub label: Labels,
    /// What stands in the row of the records that have no value.
    #[serde(default)]
    pub none: Option<Words>,
    /// Whether each choice of its field has a row, also where nothing is; of a report with one
    /// key.
    #[serde(default)]
    pub all: bool,
}

/// Where figures come from: the records of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartDeclaration {
    /// Its name.
    pub name: String,
    /// The object.
    pub from: String,
    /// Conditions on its records, all of which hold. One that asks for a parameter that has no
    /// value is left out.
    #[serde(default, rename = "where")]
    pub conditions: Vec<String>,
    /// What each key of the report is here. The figures of a part that has some of the keys only,
    /// or none, stand beside every row of the report that has the same ones.
    #[serde(default)]
    pub key: BTreeMap<String, String>,
    /// Its figures by their names, which are unique in the report.
    #[serde(default)]
    pub measure: BTreeMap<String, String>,
    /// The user to whom a record counts when one asks about a manager or a department; the owner
    /// when nothing is said.
    #[serde(default)]
    pub by: Option<String>,
}

/// A column. Without a formula it shows the measure of its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnDeclaration {
    /// Its name, by which later columns know it.
    pub name: String,
    /// Its name for people, by language.
    #[serde(default)]
    pub label: Labels,
    /// A formula over measures, keys, parameters and the columns before it.
    #[serde(default)]
    pub value: Option<String>,
    /// The measure or column of which it shows the share in per cent.
    #[serde(default)]
    pub share: Option<String>,
    /// The measure or column of which it shows the share in per cent together with those that
    /// are greater.
    #[serde(default)]
    pub cumulative: Option<String>,
    /// The measure or column of which it shows the place, from 1 for the greatest.
    #[serde(default)]
    pub rank: Option<String>,
    /// The measure or column by whose cumulative share the rows are parted into classes.
    #[serde(default)]
    pub class: Option<String>,
    /// Up to which share each class goes, the last one left out: numbers or parameters.
    #[serde(default)]
    pub limits: Vec<String>,
    /// The names of the classes; `A`, `B`, `C` when left out.
    #[serde(default)]
    pub names: Vec<String>,
    /// The key or column by whose values the rows are parted before that: shares, places and
    /// classes are those among the rows with the same value.
    #[serde(default)]
    pub within: Option<String>,
    /// Whether it is only computed for the columns behind it, the order and `keep`.
    #[serde(default)]
    pub hidden: bool,
    /// Words, each of which stands there where its condition holds; several are joined by commas.
    #[serde(default)]
    pub words: Vec<WordDeclaration>,
    /// What stands where there is no value.
    #[serde(default)]
    pub none: Option<Words>,
    /// To how many places its numbers are rounded; 2 when left out.
    #[serde(default)]
    pub places: Option<u32>,
}

/// A word that stands in a row where a condition holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordDeclaration {
    /// The condition, over what formulas may name.
    pub when: String,
    /// The word.
    pub text: Words,
}

/// Words for people: the same in all languages, or by language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Words {
    /// In any language.
    Same(String),
    /// By language.
    Translated(Labels),
}

impl Words {
    /// The words in a language.
    #[must_use]
    pub fn text(&self, language: &str) -> &str {
        match self {
            Words::Same(text) => text,
            Words::Translated(labels) => crate::schema::label_in(labels, language, ""),
        }
    }
}

/// How a report is drawn, by the names of keys and columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartDeclaration {
    /// The kind of picture.
    pub kind: ChartKind,
    /// What names the bars, points or rows.
    pub label: String,
    /// What is named before it, where bars are called alike.
    #[serde(default)]
    pub group: Option<String>,
    /// What is drawn: one column for a funnel and lights.
    pub values: Vec<String>,
}

/// The kinds of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    /// A funnel.
    Funnel,
    /// Bars.
    Bars,
    /// Lines.
    Lines,
    /// Traffic lights.
    Lights,
}

/// What a smart list lists: records of one object, always as they are now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListingDeclaration {
    /// The object.
    pub from: String,
    /// Conditions on its records, as those of a part.
    #[serde(default, rename = "where")]
    pub conditions: Vec<String>,
    /// What it shows: expressions over the fields of a record.
    pub show: Vec<String>,
    /// The order: `close_date desc`.
    #[serde(default)]
    pub order: Vec<String>,
    /// As the part's.
    #[serde(default)]
    pub by: Option<String>,
}

impl std::str::FromStr for ReportDeclaration {
    type Err = Error;

    /// Reads a declaration in TOML, or in JSON where it begins with a brace.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] with line and column.
    fn from_str(text: &str) -> Result<ReportDeclaration> {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let refusal = Error::new(Code::InvalidValue, format!("definition: {error}"));
                refusal.at(line as u64, column as u64)
            });
        }
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let before = before.unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
            let refusal = Error::new(
                Code::InvalidValue,
                format!("definition: {line}:{column}: {}", error.message()),
            );
            refusal.at(line as u64, column as u64)
        })
    }
}

impl ReportDeclaration {
    /// The declaration as text, as it is stored: JSON without what is left out.
    ///
    /// # Errors
    /// [`Code::Internal`] for what cannot be written, which is a defect.
    pub(crate) fn to_text(&self) -> Result<String> {
        let text = serde_json::to_value(self).and_then(|mut json| {
            prune(&mut json);
            serde_json::to_string_pretty(&json)
        });
        text.map_err(|error| Error::internal(format!("a report that is not JSON: {error}")))
    }
}

/// Takes away the members that say nothing.
fn prune(json: &mut Json) {
    match json {
        Json::Object(members) => {
            members.values_mut().for_each(prune);
            members.retain(|_, member| match member {
                Json::Null | Json::Bool(false) => false,
                Json::Array(items) => !items.is_empty(),
                Json::Object(members) => !members.is_empty(),
                _ => true,
            });
        }
        Json::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
