//! The card of a record for people.

use std::io::{self, Write};

use crm_engine::{Card, CardRequest, CardRows, Cells, Person, RecordId, TimelineEntry, Value};
use serde_json::{Value as Json, json};

use crate::args::Format;
use crate::failure::Failure;
use crate::grid::{Grid, Head};
use crate::query::is_right;
use crate::shell::Shell;
use crate::show;

/// Writes the card of a record.
pub(crate) fn run(
    shell: &Shell,
    object: &str,
    id: RecordId,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if shell.format() == Format::Json {
        let arguments = json!({"object": object, "id": id, "language": shell.language()});
        let card = shell.call("card", &arguments)?;
        return Ok(show::pretty(&card, out)?);
    }
    let request = CardRequest {
        language: Some(shell.language().to_owned()),
        ..CardRequest::new(object, id)
    };
    match shell.session().card(&request)? {
        Some(card) => Ok(write(shell, &card, out)?),
        None => Err(crm_engine::Error::not_found().into()),
    }
}

fn write(shell: &Shell, card: &Card, out: &mut dyn Write) -> io::Result<()> {
    let title = card.title.as_deref().unwrap_or_default();
    write!(out, "{} {}  {title}", card.object, card.id)?;
    match card.version {
        Some(version) => writeln!(out, "  (version {})", version.0)?,
        None => writeln!(out)?,
    }
    if let Some(owner) = &card.owner {
        writeln!(out, "owner: {}", person(owner))?;
    }
    if let Some(touch) = &card.last_touch {
        let who = touch.who.as_ref().map_or_else(String::new, person);
        writeln!(out, "last touch: {} {who}", minute(&touch.event))?;
    }
    for filled in &card.completeness {
        let missing = match filled.missing.is_empty() {
            true => String::new(),
            false => format!(", missing: {}", filled.missing.join(", ")),
        };
        writeln!(out, "{}: {} % filled{missing}", filled.name, filled.percent)?;
    }
    fields(card, out)?;
    for part in card.parts.iter().filter(|part| !part.rows.is_empty()) {
        rows(shell, part, out)?;
    }
    timeline(card, out)
}

fn person(person: &Person) -> String {
    match &person.name {
        Some(name) => format!("{name} ({})", person.id),
        None => person.id.to_string(),
    }
}

/// The fields that have a value, by section.
fn fields(card: &Card, out: &mut dyn Write) -> io::Result<()> {
    let fields = card.sections.iter().flat_map(|section| &section.fields);
    let filled = fields.filter(|field| !field.value.is_null());
    let width = filled.map(|field| field.label.chars().count()).max();
    let width = width.unwrap_or(0);
    for section in &card.sections {
        let mut filled = section.fields.iter().filter(|field| !field.value.is_null());
        let Some(first) = filled.next() else { continue };
        writeln!(out, "\n{}", section.label)?;
        for field in std::iter::once(first).chain(filled) {
            let value = match (&field.text, &field.value) {
                (Some(text), Json::Number(id)) => format!("{text} ({id})"),
                (Some(text), _) => text.clone(),
                (None, value) => show::words(value),
            };
            writeln!(
                out,
                "  {:width$}  {}",
                field.label,
                value.replace('\n', "⏎")
            )?;
        }
    }
    Ok(())
}

/// The records of one part, with what links them.
fn rows(shell: &Shell, part: &CardRows, out: &mut dyn Write) -> io::Result<()> {
    let more = if part.more { ", and more" } else { "" };
    writeln!(out, "\n{} ({}{more})", part.label, part.rows.len())?;
    let mut heads = vec![Head::right("id")];
    let first = &part.rows[0];
    heads.extend(cell_heads(&first.cells));
    if let Some(link) = &first.link {
        heads.extend(cell_heads(&link.cells));
    }
    let mut grid = Grid::new(heads, shell.is_typed()).indented("  ");
    for row in &part.rows {
        let mut cells = vec![row.id.to_string()];
        cells.extend(texts(&row.cells));
        if let Some(link) = &row.link {
            cells.extend(texts(&link.cells));
        }
        grid.row(cells, out)?;
    }
    grid.flush(out)
}

fn cell_heads(cells: &Cells) -> impl Iterator<Item = Head> {
    cells.iter().map(|(name, value)| Head {
        name: name.to_owned(),
        right: value.value_type().is_some_and(is_right),
    })
}

/// Cells as texts: choices by their names, as JSON has them.
fn texts(cells: &Cells) -> Vec<String> {
    let named = serde_json::to_value(cells).unwrap_or_default();
    let text = |(name, value): (&str, &Value)| match value {
        Value::Choice(_) | Value::ChoiceSet(_) => show::words(&named[name]),
        value => value.to_string(),
    };
    cells.iter().map(text).collect()
}

fn timeline(card: &Card, out: &mut dyn Write) -> io::Result<()> {
    if card.timeline.entries.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nTimeline, newest first")?;
    for entry in &card.timeline.entries {
        let what = match &entry.event {
            Some(event) => event.as_str(),
            None => entry.kind.name(),
        };
        let title = entry.title.as_deref().unwrap_or_default();
        let mut line = format!("  {}  {what} {} {}", minute(entry), entry.object, entry.id);
        line.push_str(&format!(" {title}"));
        let changes: Vec<String> = entry
            .fields
            .iter()
            .map(|(name, changed)| {
                let change = json!({"old": changed.old, "new": changed.new});
                format!("{name} {}", show::words(&change))
            })
            .collect();
        if !changes.is_empty() {
            line = format!("{}: {}", line.trim_end(), changes.join("; "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    if card.timeline.next.is_some() {
        writeln!(out, "  … and more")?;
    }
    Ok(())
}

fn minute(entry: &TimelineEntry) -> String {
    entry.at.format("%Y-%m-%d %H:%M").to_string()
}
