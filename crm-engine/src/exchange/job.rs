//! The declaration of an import.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// An import as a caller declares it: the arguments of the operation `import.csv`.
///
/// Every column of the file is either mapped to a field or named in `ignore`, so that nothing
/// is dropped without a word.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportJob {
    /// The object of the records.
    pub object: String,
    /// The file to read; either this or `text`.
    #[serde(default)]
    pub path: Option<String>,
    /// The content itself.
    #[serde(default)]
    pub text: Option<String>,
    /// What faults call a content given as `text`.
    #[serde(default)]
    pub name: Option<String>,
    /// What stands between two cells.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// The encoding of the file by its label (`utf-8`, `windows-1251`, `utf-16le`).
    #[serde(default = "utf8")]
    pub encoding: String,
    /// Which field each column fills, by the column's name.
    pub columns: BTreeMap<String, ColumnRule>,
    /// What every row gets besides, by field, as text; a cell that is filled goes before.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Columns that are left out on purpose.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// A rehearsal: everything is checked and reported, nothing is stored.
    #[serde(default)]
    pub check: bool,
    /// What becomes of rows that are likely duplicates, of records or of earlier rows.
    #[serde(default)]
    pub on_duplicate: OnDuplicateRow,
}

/// What becomes of a row that is a likely duplicate by the rules of its object (C27), those that
/// compare likeness left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicateRow {
    /// It is stored, which is reported.
    #[default]
    Report,
    /// It is left out, which is reported.
    Skip,
    /// It is stored, and nobody looks for duplicates.
    Create,
}

/// What becomes of the cells of a column; in JSON a plain string is the name of the field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnRule {
    /// The field the cells fill.
    pub field: String,
    /// For a reference: the field of the referred object by whose text a cell finds its record.
    /// Without it the cells hold record ids.
    pub matches: Option<String>,
    /// Texts that are read as others: repairs, reported cell by cell.
    pub alias: BTreeMap<String, String>,
    /// The currency of money cells that name none.
    pub currency: Option<String>,
    /// An empty cell is stored, and reported.
    pub expected: bool,
    /// What becomes of a text that names no record or no choice.
    pub on_unknown: OnUnknown,
}

/// What becomes of a cell whose text names no record or no choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// Its row is refused.
    #[default]
    Refuse,
    /// The field stays empty, which is reported.
    Empty,
}

impl<'de> Deserialize<'de> for ColumnRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ColumnRule, D::Error> {
        deserializer.deserialize_any(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = ColumnRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field, or an object with `field` and further rules")
    }

    fn visit_str<E: serde::de::Error>(self, field: &str) -> Result<ColumnRule, E> {
        Ok(ColumnRule {
            field: field.to_owned(),
            ..ColumnRule::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ColumnRule, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            field: String,
            #[serde(default, rename = "match")]
            matches: Option<String>,
            #[serde(default)]
            alias: BTreeMap<String, String>,
            #[serde(default)]
            currency: Option<String>,
            #[serde(default)]
            expected: bool,
            #[serde(default)]
            on_unknown: OnUnknown,
        }
        let written =
            Written::deserialize(MapAccessDeserializer::new(map)).map_err(A::Error::custom)?;
        Ok(ColumnRule {
            field: written.field,
            matches: written.matches,
            alias: written.alias,
            currency: written.currency,
            expected: written.expected,
            on_unknown: written.on_unknown,
        })
    }
}

fn comma() -> char {
    ','
}

fn utf8() -> String {
    "utf-8".to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_rule_is_a_field_name_or_an_object() {
        let job: ImportJob = serde_json::from_value(json!({
            "object": "thing",
            "text": "a\n1\n",
            "columns": {
                "a": "number",
                "b": {"field": "parent", "match": "name", "on_unknown": "empty"},
            },
        }))
        .unwrap();
        assert_eq!(job.columns["a"].field, "number");
        assert_eq!(job.columns["b"].matches.as_deref(), Some("name"));
        assert_eq!(job.columns["b"].on_unknown, OnUnknown::Empty);
        assert_eq!((job.delimiter, job.encoding.as_str()), (',', "utf-8"));
    }

    #[test]
    fn a_misspelt_rule_is_named() {
        let rule = json!({"field": "parent", "matches": "name"});
        let error = serde_json::from_value::<ColumnRule>(rule).unwrap_err();
        assert!(error.to_string().contains("`matches`"), "{error}");
    }
}
