//! Reports on the screen, or written into a file.

use std::io::Write;

use serde_json::{Map, Value as Json, json};

use crate::args::Format;
use crate::failure::Failure;
use crate::grid::{Grid, Head};
use crate::shell::Shell;
use crate::show;

/// What may be asked beside the parameters of a report.
const ASKED: [&str; 7] = [
    "period",
    "from",
    "to",
    "manager",
    "department",
    "limit",
    "cut",
];
/// How a report is written.
const FORMS: [&str; 3] = ["--svg", "--csv", "--xlsx"];

/// What `report.run` takes, from words: the report, `NAME=VALUE`, `--svg FILE`. None where they
/// say something else.
pub(crate) fn arguments(shell: &Shell, words: &[String]) -> Option<Json> {
    let (report, words) = words.split_first()?;
    let mut arguments = json!({"report": report, "language": shell.language()});
    let mut parameters = Map::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if FORMS.contains(&word.as_str()) {
            arguments["format"] = word.trim_start_matches('-').into();
            arguments["path"] = words.next()?.as_str().into();
            continue;
        }
        let (name, text) = word.split_once('=')?;
        let value = match (name, serde_json::from_str(text)) {
            ("cut" | "limit", Ok(value)) => value,
            _ => Json::from(text),
        };
        match ASKED.contains(&name) {
            true => arguments[name] = value,
            false => drop(parameters.insert(name.to_owned(), value)),
        }
    }
    arguments["parameters"] = parameters.into();
    Some(arguments)
}

/// Runs a report and writes its rows, or tells where it was written.
pub(crate) fn run(shell: &Shell, arguments: &Json, out: &mut dyn Write) -> Result<(), Failure> {
    let report = shell.call("report.run", arguments)?;
    if let Some(path) = report["path"].as_str() {
        writeln!(out, "written into {path}")?;
        return Ok(());
    }
    match shell.format() {
        Format::Json => Ok(show::pretty(&report, out)?),
        Format::Table => Ok(table(shell, &report, out)?),
        Format::Csv => {
            let mut arguments = arguments.clone();
            arguments["format"] = "csv".into();
            let written = shell.call("report.run", &arguments)?;
            write!(out, "{}", written["text"].as_str().unwrap_or_default())?;
            Ok(())
        }
    }
}

fn table(shell: &Shell, report: &Json, out: &mut dyn Write) -> std::io::Result<()> {
    let items = |name: &str| report[name].as_array().map_or(&[][..], Vec::as_slice);
    let head = |column: &Json| {
        let label = column["label"].as_str().unwrap_or_default();
        match column["type"].as_str() {
            Some("integer" | "decimal" | "money" | "duration") => Head::right(label),
            _ => Head::left(label),
        }
    };
    let heads = items("columns").iter().map(head).collect();
    let mut grid = Grid::new(heads, shell.is_typed());
    let total = report["total"].is_array().then_some(&report["total"]);
    for row in items("rows").iter().chain(total) {
        let cells = row.as_array().into_iter().flatten().map(cell);
        grid.row(cells.collect(), out)?;
    }
    grid.flush(out)?;
    if let (Some(from), Some(to)) = (report["from"].as_str(), report["to"].as_str()) {
        writeln!(out, "({from} .. {to})")?;
    }
    Ok(())
}

/// A value; an amount with its currency.
fn cell(value: &Json) -> String {
    match (value["amount"].as_str(), value["currency"].as_str()) {
        (Some(amount), Some(currency)) => format!("{amount} {currency}"),
        _ => show::words(value),
    }
}
