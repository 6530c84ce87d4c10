//! Answers of operations for people: tables of what is alike, lines of what is not.

use std::io::{self, Write};

use serde_json::{Map, Value as Json};

use crate::args::Format;
use crate::failure::Failure;
use crate::grid::{Grid, Head};
use crate::query::unwritten;
use crate::shell::Shell;

/// Names that stand first in tables, in this order: who and when before what.
const FIRST: [&str; 14] = [
    "sequence", "version", "at", "user", "login", "actor", "kind", "action", "object", "id",
    "name", "label", "title", "type",
];

/// Writes an answer in the form asked for.
pub(crate) fn answer(shell: &Shell, answer: &Json, out: &mut dyn Write) -> Result<(), Failure> {
    match shell.format() {
        Format::Json => pretty(answer, out)?,
        Format::Csv if rows(answer).is_some() => csv(answer, out)?,
        Format::Csv | Format::Table => text(answer, "", shell.is_typed(), out)?,
    }
    Ok(())
}

/// Writes JSON on lines.
pub(crate) fn pretty(answer: &Json, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)
}

/// Objects that can stand as the rows of a table.
fn rows(answer: &Json) -> Option<&[Json]> {
    let rows = answer.as_array()?;
    (!rows.is_empty() && rows.iter().all(Json::is_object)).then_some(rows)
}

/// The names of the columns of objects that hold anything, the familiar ones first.
fn names(rows: &[Json]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows.iter().filter_map(Json::as_object) {
        for (name, value) in row {
            if !is_nothing(value) && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
    }
    let place = |name: &str| FIRST.iter().position(|first| *first == name);
    names.sort_by_key(|name| place(name).unwrap_or(FIRST.len()));
    names
}

fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn csv(answer: &Json, out: &mut dyn Write) -> Result<(), Failure> {
    let rows = rows(answer).unwrap_or_default();
    let names = names(rows);
    let mut table = csv::Writer::from_writer(out);
    table.write_record(&names).map_err(unwritten)?;
    for row in rows {
        let cells = names.iter().map(|name| words(&row[*name]));
        table.write_record(cells).map_err(unwritten)?;
    }
    table.flush()?;
    Ok(())
}

/// Writes an answer as text.
fn text(answer: &Json, indent: &'static str, cut: bool, out: &mut dyn Write) -> io::Result<()> {
    if let Some(rows) = rows(answer) {
        return table(rows, indent, cut, out);
    }
    match answer {
        Json::Object(fields) => lines(fields, indent, cut, out),
        Json::Array(items) if items.is_empty() => writeln!(out, "{indent}(nothing)"),
        Json::Array(items) => {
            for item in items {
                writeln!(out, "{indent}{}", words(item))?;
            }
            Ok(())
        }
        Json::Null => writeln!(out, "{indent}(nothing)"),
        other => writeln!(out, "{indent}{}", words(other)),
    }
}

fn table(rows: &[Json], indent: &'static str, cut: bool, out: &mut dyn Write) -> io::Result<()> {
    let names = names(rows);
    let head = |name: &&str| {
        let numbers = rows.iter().map(|row| &row[*name]);
        let is_number = |cell: &Json| cell.is_number() || cell.is_null();
        match numbers.clone().all(is_number) && numbers.clone().any(Json::is_number) {
            true => Head::right(*name),
            false => Head::left(*name),
        }
    };
    let mut grid = Grid::new(names.iter().map(head).collect(), cut).indented(indent);
    for row in rows {
        let cells = names.iter().map(|name| words(&row[*name]));
        grid.row(cells.collect(), out)?;
    }
    grid.flush(out)
}

/// A line for each plain field, then what has parts of its own; what is empty is left out.
fn lines(
    fields: &Map<String, Json>,
    indent: &'static str,
    cut: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let told = || fields.iter().filter(|(_, value)| !is_nothing(value));
    let has_parts = |value: &Json| rows(value).is_some() || value.is_object();
    let plain = || told().filter(|(_, value)| !has_parts(value));
    let width = plain().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0);
    for (name, value) in plain() {
        writeln!(out, "{indent}{name:width$}  {}", words(value))?;
    }
    for (name, value) in told().filter(|(_, value)| has_parts(value)) {
        writeln!(out, "{indent}{name}:")?;
        match indent.is_empty() {
            true => text(value, "  ", cut, out)?,
            false => writeln!(out, "{indent}  {}", words(value))?,
        }
    }
    Ok(())
}

/// A value on one line.
pub(crate) fn words(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(words).collect();
            items.join(", ")
        }
        Json::Object(fields) => match (fields.get("old"), fields.get("new"), fields.len()) {
            (Some(old), Some(new), 2) => format!("{} → {}", or_none(old), or_none(new)),
            _ => {
                let fields = fields.iter().filter(|(_, value)| !value.is_null());
                let fields: Vec<String> = fields
                    .map(|(name, value)| format!("{name}: {}", words(value)))
                    .collect();
                fields.join("; ")
            }
        },
        other => other.to_string(),
    }
}

fn or_none(value: &Json) -> String {
    match value {
        Json::Null => "∅".to_owned(),
        value => words(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(answer: &Json) -> String {
        let mut out = Vec::new();
        text(answer, "", false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_alike_is_a_table() {
        let answer =
            json!([{"fields": {"n": {"old": null, "new": 2}}, "id": 7}, {"id": 10, "none": []}]);
        assert_eq!(
            told(&answer),
            "id  fields\n──  ────────\n 7  n: ∅ → 2\n10\n"
        );
    }

    #[test]
    fn what_is_not_stands_on_lines() {
        let answer = json!({"faults": 0, "more": false, "hits": [{"id": 1}], "texts": []});
        assert_eq!(
            told(&answer),
            "faults  0\nmore    no\nhits:\n  id\n  ──\n   1\n"
        );
        assert_eq!(told(&Json::Null), "(nothing)\n");
    }
}
