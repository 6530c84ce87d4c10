//! The records behind a figure, read by the caller under his own rights, whoever opened the
//! report.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::ask::{Around, Asked, ReportRequest};
use super::columns::names_in;
use super::declare::ReportDeclaration;
use super::part::{Part, brackets};
use super::run::all_columns;
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::query::Params;
use crate::value::{self, Value, ValueType};

/// Which figure of a report is asked about.
///
/// ```
/// use crm_engine::DrillRequest;
/// let behind = DrillRequest { column: "count".into(), ..DrillRequest::default() };
/// assert!(behind.key.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrillRequest {
    /// The column, or the measure where a column is made of several.
    pub column: String,
    /// What the row is made by: its keys by their names; none for all rows together.
    pub key: Option<Map<String, Json>>,
    /// What was asked of the report.
    pub asked: ReportRequest,
    /// Only records behind this one.
    pub after: Option<RecordId>,
    /// So many records at most.
    pub limit: Option<usize>,
}

/// A query for the records behind a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Drill {
    /// The object of the records.
    pub object: String,
    /// The query, for [`Session::query`](crate::Session::query).
    pub sql: String,
    /// The values of its parameters.
    pub params: Params,
}

/// The query for the records behind a figure of a report.
///
/// # Errors
/// [`Code::InvalidArguments`] for a column that has no records behind it or is made of several
/// measures, and as for the report itself.
pub(super) fn drill(
    around: Around<'_>,
    declared: &ReportDeclaration,
    request: &DrillRequest,
    limit: usize,
) -> Result<Drill> {
    let asked = Asked::of(around, declared, &request.asked)?;
    let mut parts = Vec::new();
    for part in &declared.part {
        parts.extend(Part::open(around.into(), part, &declared.key, &asked)?);
    }
    let part = part_of(declared, &parts, &request.column)?;
    let keys = match &request.key {
        Some(key) if part.has_keys() => keys(declared, key)?,
        _ => Vec::new(),
    };
    let (mut conditions, values) = part.behind(&keys);
    let mut values: Vec<(String, Value)> = values;
    if let Some(after) = request.after {
        conditions.push("id > :behind".to_owned());
        let after = i64::try_from(after.get()).unwrap_or(i64::MAX);
        values.push(("behind".to_owned(), Value::Integer(after)));
    }
    let (from, chosen) = (&part.object.name, brackets(&conditions));
    let sql = format!("SELECT * FROM \"{from}\"{chosen} ORDER BY id LIMIT {limit}");
    let asked_for = super::part::Eyes::from(around).prepare(&sql)?;
    let own = |name: &&Option<String>| {
        let is_of_row = |name: &String| values.iter().any(|(known, _)| known == name);
        !name.as_ref().is_some_and(is_of_row)
    };
    let names: Vec<Option<String>> = asked_for.parameters().iter().filter(own).cloned().collect();
    let params = asked.params(&names);
    let values = values.into_iter();
    Ok(Drill {
        object: part.object.name.clone(),
        params: values.fold(params, |params, (name, value)| params.named(&name, value)),
        sql,
    })
}

/// The part that a column is made of.
fn part_of<'p, 'd>(
    declared: &'d ReportDeclaration,
    parts: &'p [Part<'d>],
    column: &str,
) -> Result<&'p Part<'d>> {
    let refuse = |text: String| {
        Err(Error::new(Code::InvalidArguments, text).with("column", value::shorten(column)))
    };
    let of_measure = |name: &str| {
        let has = |part: &&Part<'_>| part.measures.iter().any(|(known, _)| *known == name);
        parts.iter().find(has)
    };
    if let Some(part) = of_measure(column) {
        return Ok(part);
    }
    // A column names measures and other columns, which name further ones.
    let columns = all_columns(declared);
    let (mut measures, mut open) = (BTreeSet::new(), vec![column.to_owned()]);
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        if of_measure(&name).is_some() {
            measures.insert(name);
            continue;
        }
        let made_of = columns.iter().find(|one| one.name == name);
        open.extend(made_of.into_iter().flat_map(names_in));
    }
    let mut found: Vec<&Part<'d>> = measures
        .iter()
        .filter_map(|name| of_measure(name))
        .collect();
    found.dedup_by_key(|part| &part.declared.name);
    match found.as_slice() {
        [] => {
            let name = value::shorten(column);
            refuse(format!(
                "the report has no column `{name}` with records behind it"
            ))
        }
        [part] => Ok(part),
        [first, rest @ ..] if rest.iter().all(|p| p.declared.name == first.declared.name) => {
            Ok(first)
        }
        _ => {
            let name = value::shorten(column);
            let measures: Vec<String> = measures.into_iter().collect();
            let measures = measures.join("`, `");
            refuse(format!(
                "`{name}` is made of several measures: ask for one of `{measures}`"
            ))
        }
    }
}

/// The keys of a row in their order, as conditions take them.
fn keys(declared: &ReportDeclaration, given: &Map<String, Json>) -> Result<Vec<Value>> {
    let is_known = |name: &&String| declared.key.iter().any(|key| key.name == **name);
    let unknown = given.keys().find(|name| !is_known(name));
    let missing = declared.key.iter().map(|key| &key.name);
    let missing = missing.into_iter().find(|name| !given.contains_key(*name));
    if let Some(name) = unknown.or(missing) {
        let name = value::shorten(name);
        let text = format!("`key` takes each key of the report once, and `{name}` is not as it is");
        return Err(Error::new(Code::InvalidArguments, text).with("key", name));
    }
    declared
        .key
        .iter()
        .map(|key| given_value(&given[&key.name]))
        .collect()
}

fn given_value(json: &Json) -> Result<Value> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(set) => Ok(Value::Checkbox(*set)),
        Json::String(text) => Ok(Value::from(text.as_str())),
        Json::Number(number) if number.is_i64() => {
            Ok(number.as_i64().map_or(Value::Null, Value::Integer))
        }
        Json::Object(_) => value::from_json(ValueType::Money, json),
        other => value::from_json(ValueType::Decimal, other),
    }
}
