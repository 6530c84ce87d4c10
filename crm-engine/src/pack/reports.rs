//! Reports of a pack as records.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;

use super::{Pack, place};
use crate::error::{Error, Result};
use crate::facts::Facts;
use crate::ids::RecordId;
use crate::policy::Actor;
use crate::report::{self, ReportDeclaration};
use crate::schema::system::{REPORT, report as fields};
use crate::schema::{Schema, keys, label_in};
use crate::store::ScanOptions;
use crate::value::{RecordView, Value, take_uint};
use crate::write::{Door, Input};

/// The name of the files that declare reports.
pub(super) const REPORTS: &str = "reports.toml";

/// A report and the file that declares it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    pub(super) file: String,
    pub(super) report: ReportDeclaration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportsFile {
    #[serde(default)]
    pub(super) report: Vec<ReportDeclaration>,
}

/// Digests of the texts of reports, by their names.
pub(super) type Digests = BTreeMap<String, String>;

/// What is told of the reports of a pack when it is upgraded.
pub(super) fn digests(pack: &Pack) -> Result<Digests> {
    let reports = pack.reports.iter().map(|declared| &declared.report);
    reports
        .map(|report| Ok((report.name.clone(), digest(&report.to_text()?))))
        .collect()
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Everything that is wrong with the reports of a pack in a schema. While the fields of an object
/// are not known, nothing is told of the reports that read it.
pub(super) fn check(pack: &Pack, schema: &Schema, unsettled: &BTreeSet<String>) -> Vec<Error> {
    let (schema, facts) = (Arc::new(schema.clone()), Arc::new(Facts::default()));
    let mut faults = Vec::new();
    let mut names = BTreeMap::new();
    for Declared { file, report } in &pack.reports {
        let text = pack.text(file);
        let start = place::entry(text, "report", &report.name).unwrap_or(0);
        if let Some(other) = names.insert(&report.name, file) {
            let message = format!("`{other}` declares a report `{}` already", report.name);
            faults.push(place::fault(file, text, start, &message));
        }
        if report.objects().any(|object| unsettled.contains(object)) {
            continue;
        }
        if let Err(error) = report::check(&schema, &facts, Actor::System, report) {
            let offset = offset(text, start, &error);
            let message = format!("report `{}`: {}", report.name, error.message());
            faults.push(
                place::fault(file, text, offset, &message)
                    .with("cause", error.code().name())
                    .with("report", report.name.as_str()),
            );
        }
    }
    faults
}

/// Where the text that is wrong stands behind the beginning of its report, and the place in it.
fn offset(file: &str, start: usize, error: &Error) -> usize {
    let detail = |name: &str| error.details().get(name);
    let text = detail("text").and_then(|text| text.as_str());
    let behind = file.get(start..).unwrap_or_default();
    let Some((text, found)) = text.and_then(|text| Some((text, behind.find(text)?))) else {
        return start;
    };
    let number = |name| detail(name).and_then(|n| n.as_u64()).unwrap_or(1);
    let lines = text.split_inclusive('\n');
    let skipped = usize::try_from(number("line") - 1).unwrap_or(0);
    let before: usize = lines.take(skipped).map(str::len).sum();
    let column = usize::try_from(number("column") - 1).unwrap_or(0);
    let line = text.get(before..).unwrap_or_default().chars().take(column);
    start + found + before + line.map(char::len_utf8).sum::<usize>()
}

/// Brings the records from what the pack declared `before` to what it declares now. A report that
/// was changed in the store stays as it is; one that was opened to others closes when it changes.
pub(super) fn apply(door: &mut Door<'_>, pack: &Pack, before: &Digests) -> Result<()> {
    let object = door.schema().by_id(REPORT).map(Arc::clone);
    let object = object.ok_or_else(|| Error::internal("a schema without reports"))?;
    let known = stored(door, pack.name())?;
    for declared in &pack.reports {
        let report = &declared.report;
        let input = input(pack, declared)?;
        match known.get(&report.name) {
            None => {
                let mut input = input.with_owner(None);
                input.take(fields::NAME, Value::from(report.name.as_str()));
                input.take(fields::SHARED, Value::Checkbox(true));
                door.entrusted(|door| door.create(&object, input))?;
            }
            Some((id, text)) if is_untouched(before, &report.name, text) => {
                let changed = report.to_text()? != *text;
                let mut input = input;
                if changed {
                    close(&mut input);
                }
                door.entrusted(|door| door.update(&object, *id, input, None))?;
            }
            Some(_) => {}
        }
    }
    for (name, (id, text)) in &known {
        let is_gone = pack.reports.iter().all(|one| one.report.name != *name);
        if is_gone && is_untouched(before, name, text) {
            door.entrusted(|door| door.delete(&object, *id, None))?;
        }
    }
    Ok(())
}

/// Whether a definition is the one that the pack declared.
fn is_untouched(before: &Digests, name: &str, text: &str) -> bool {
    before
        .get(name)
        .is_some_and(|former| *former == digest(text))
}

fn close(input: &mut Input) {
    let opened = [
        fields::OPENED_BY,
        fields::OPENED_USERS,
        fields::OPENED_ROLES,
        fields::OPENED_GROUPS,
    ];
    for field in opened {
        input.take(field, Value::Null);
    }
}

/// What the pack says of a report.
fn input(pack: &Pack, declared: &Declared) -> Result<Input> {
    let Declared { file, report } = declared;
    let text = pack.text(file);
    let start = place::entry(text, "report", &report.name).unwrap_or(0);
    let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
    let description = match label_in(&report.description, "en", "") {
        "" => Value::Null,
        text => Value::from(text),
    };
    Ok(Input::of([
        (fields::DESCRIPTION, description),
        (fields::DEFINITION, Value::from(report.to_text()?)),
        (
            fields::SOURCE,
            Value::from(format!("{}/{file}:{line}", pack.name())),
        ),
    ]))
}

/// The reports that a pack brought, by name: their records and definitions.
fn stored(door: &Door<'_>, pack: &str) -> Result<BTreeMap<String, (RecordId, String)>> {
    let mut found = BTreeMap::new();
    let range = keys::records(REPORT);
    let prefix = range.start().len();
    let mut rows = door.reader().scan(range, ScanOptions::default())?;
    while let Some((key, bytes)) = rows.next()? {
        let record = RecordView::new(bytes)?.decode()?;
        let text = |field| record.fields.get(field).as_text().unwrap_or_default();
        let is_own = text(fields::SOURCE)
            .split_once('/')
            .is_some_and(|(of, _)| of == pack);
        if is_own {
            let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
            let report = (id, text(fields::DEFINITION).to_owned());
            found.insert(text(fields::NAME).to_owned(), report);
        }
    }
    Ok(found)
}
