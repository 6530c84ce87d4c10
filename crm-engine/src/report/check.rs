//! A definition is checked when it is saved: what it names must be there, under the eyes of who
//! saves it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ask::{Asked, known};
use super::columns::{check_limits, columns};
use super::declare::{ChartDeclaration, ListingDeclaration, PartDeclaration, ReportDeclaration};
use super::list;
use super::part::{Eyes, Part, at, whole};
use super::period::period;
use super::run::{all_columns, names, order_key};
use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::limits::REPORT_PARTS_MAX;
use crate::policy::Actor;
use crate::schema::{Schema, check_name};
use crate::value::{self, Value};

/// Refuses a definition that names what there is not for `actor` (C187).
///
/// # Errors
/// [`Code::UnknownObject`], [`Code::UnknownField`] for fields and measures, [`Code::Syntax`],
/// [`Code::WrongType`], [`Code::InvalidValue`], [`Code::LimitExceeded`]. The detail `text` holds
/// the text of the definition that is wrong, `line` and `column` the place in it.
pub(crate) fn check(
    schema: &Arc<Schema>,
    facts: &Arc<Facts>,
    actor: Actor,
    declared: &ReportDeclaration,
) -> Result<()> {
    let eyes = Eyes {
        schema,
        facts,
        actor,
        outward: false,
    };
    check_name(&declared.name, "a report").map_err(|error| at(error, &declared.name))?;
    check_parameters(declared)?;
    let known = known(declared);
    // With a value for each parameter, no condition is left out.
    let values = known.iter().map(|name| (name.clone(), Value::Null));
    let asked = Asked {
        values: values.collect(),
        ..Asked::default()
    };
    match (&declared.list, declared.part.as_slice()) {
        (Some(listing), []) => check_list(eyes, listing, &known, &asked),
        (None, [_, ..]) => check_report(eyes, declared, &known, &asked),
        _ => {
            let text = "a report has parts, or it is a list";
            Err(at(Error::new(Code::InvalidValue, text), &declared.name))
        }
    }
}

fn check_parameters(declared: &ReportDeclaration) -> Result<()> {
    let invalid = |text: String, name: &str| at(Error::new(Code::InvalidValue, text), name);
    let ReportDeclaration {
        parameter,
        key,
        part,
        column,
        ..
    } = declared;
    let longest = [parameter.len(), key.len(), part.len(), column.len()];
    if longest.into_iter().any(|length| length > REPORT_PARTS_MAX) {
        let text = format!("a report has at most {REPORT_PARTS_MAX} parts, keys or columns");
        return Err(at(Error::new(Code::LimitExceeded, text), &declared.name));
    }
    let mut seen = BTreeSet::from(["from", "to", "after", "today", "now"]);
    for one in parameter {
        check_name(&one.name, "a parameter").map_err(|error| at(error, &one.name))?;
        if !seen.insert(&one.name) {
            let text = format!("two parameters are called `{}`", one.name);
            return Err(invalid(text, &one.name));
        }
        if let Some(text) = &one.default {
            let value = value::parse(one.value_type, text);
            let value = value.and_then(|value| one.admit(&value));
            value.map_err(|error| at(error, text))?;
        }
    }
    if let Some(words) = &declared.period {
        let day = chrono::NaiveDate::default();
        period(words, day).map_err(|error| at(error, words))?;
    }
    for one in key {
        check_name(&one.name, "a key").map_err(|error| at(error, &one.name))?;
        if one.all && key.len() > 1 {
            let text = "only the one key of a report has a row for each choice".to_owned();
            return Err(invalid(text, &one.name));
        }
    }
    let mut parts = BTreeSet::new();
    for one in part {
        if !parts.insert(&one.name) {
            let text = format!("two parts are called `{}`", one.name);
            return Err(invalid(text, &one.name));
        }
    }
    Ok(())
}

fn check_report(
    eyes: Eyes<'_>,
    declared: &ReportDeclaration,
    known: &BTreeSet<String>,
    asked: &Asked,
) -> Result<()> {
    let mut parts = Vec::new();
    for part in &declared.part {
        parts.push(Part::checked(eyes, part, &declared.key, asked, &mut Err)?);
        check_part(eyes, declared, part, known)?;
    }
    if !declared.key.is_empty() && !parts.iter().any(|part| part.makes_rows(declared)) {
        let text = "no part says what the keys are";
        return Err(at(Error::new(Code::InvalidValue, text), &declared.name));
    }
    let all = all_columns(declared);
    for column in &all {
        check_limits(column, |name| known.contains(name))?;
        let words = column.words.iter().map(|word| &word.when);
        for text in column.value.iter().chain(words) {
            known_only(parameters_of(text)?, known, text)?;
        }
    }
    let (_, names) = columns(&all, names(declared, &parts)?, &mut Err)?;
    if let Some(text) = &declared.keep {
        known_only(parameters_of(text)?, known, text)?;
        names.condition(text).map_err(|error| at(error, text))?;
    }
    for key in &declared.order {
        let (name, _) = order_key(key);
        if names.position(name).is_none() {
            return Err(no_measure(name, key));
        }
    }
    match &declared.chart {
        Some(chart) => check_chart(chart, declared),
        None => Ok(()),
    }
}

/// The parameters that a part asks for, and the keys that the report does not have.
fn check_part(
    eyes: Eyes<'_>,
    declared: &ReportDeclaration,
    part: &PartDeclaration,
    known: &BTreeSet<String>,
) -> Result<()> {
    let is_key = |name: &&String| declared.key.iter().all(|key| key.name != **name);
    if let Some(unknown) = part.key.keys().find(is_key) {
        let text = format!("the report has no key `{unknown}`");
        return Err(at(Error::new(Code::InvalidValue, text), unknown));
    }
    let object = eyes.schema.object(&part.from)?;
    for text in &part.conditions {
        let condition = eyes.condition(object, text)?;
        let names = condition.into_iter().flatten();
        known_only(names.collect(), known, text)?;
    }
    if let Some(by) = &part.by {
        let user = format!("{by} IN (1)");
        whole(by)
            .and_then(|()| eyes.condition(object, &user).map(drop))
            .map_err(|error| at(error, by))?;
    }
    for text in part.measure.values().chain(part.key.values()) {
        known_only(parameters_of(text)?, known, text)?;
    }
    Ok(())
}

fn check_list(
    eyes: Eyes<'_>,
    listing: &ListingDeclaration,
    known: &BTreeSet<String>,
    asked: &Asked,
) -> Result<()> {
    list::checked(eyes, listing, asked, &mut Err)?;
    let object = eyes.schema.object(&listing.from)?;
    for text in &listing.conditions {
        let condition = eyes.condition(object, text)?;
        let names = condition.into_iter().flatten();
        known_only(names.collect(), known, text)?;
    }
    for text in &listing.show {
        known_only(parameters_of(text)?, known, text)?;
    }
    Ok(())
}

fn check_chart(chart: &ChartDeclaration, declared: &ReportDeclaration) -> Result<()> {
    let keys = declared.key.iter().map(|key| &key.name);
    let columns = all_columns(declared);
    let shown = columns.iter().filter(|column| !column.hidden);
    let shown: Vec<&String> = keys.chain(shown.map(|column| &column.name)).collect();
    let named = chart.values.iter().chain([&chart.label]);
    let mut named = named.chain(&chart.group);
    match named.find(|name| !shown.contains(name)) {
        Some(unknown) => Err(no_measure(unknown, unknown)),
        None => Ok(()),
    }
}

fn no_measure(name: &str, text: &str) -> Error {
    let message = format!("there is no measure `{}`", value::shorten(name));
    at(Error::new(Code::UnknownField, message), text).with("measure", name)
}

/// The names of the parameters in an expression.
fn parameters_of(text: &str) -> Result<Vec<String>> {
    crate::expr::parameters_of(text).map_err(|error| at(error, text))
}

fn known_only(names: Vec<String>, known: &BTreeSet<String>, text: &str) -> Result<()> {
    match names.into_iter().find(|name| !known.contains(name)) {
        Some(unknown) => {
            let message = format!("there is no parameter `{unknown}`");
            Err(at(Error::new(Code::InvalidValue, message), text))
        }
        None => Ok(()),
    }
}
