//! The funnel for people: bars of characters, or a picture in a file.

use std::fs::OpenOptions;
use std::io::{self, Write};

use serde_json::{Value as Json, json};

use crate::args::Format;
use crate::failure::Failure;
use crate::grid::{Grid, Head};
use crate::shell::Shell;
use crate::show;

/// How long the longest bar is.
const BAR_CHARACTERS: u64 = 40;

/// Writes the funnel of an object; with `svg`, draws it into that file, which must not exist.
pub(crate) fn run(
    shell: &Shell,
    object: &str,
    svg: Option<&str>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let mut arguments = json!({"object": object, "language": shell.language()});
    if svg.is_some() {
        arguments["title"] = object.into();
    }
    let funnel = shell.call("report.funnel", &arguments)?;
    if let Some(path) = svg {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let drawn = file.and_then(|mut file| file.write_all(text(&funnel["svg"]).as_bytes()));
        drawn.map_err(|error| Failure::Found(format!("`{path}`: {error}")))?;
        writeln!(out, "drawn into {path}")?;
        return Ok(());
    }
    match shell.format() {
        Format::Table => Ok(bars(&funnel, out)?),
        Format::Json => Ok(show::pretty(&funnel, out)?),
        Format::Csv => show::answer(shell, &funnel["stages"], out),
    }
}

fn bars(funnel: &Json, out: &mut dyn Write) -> io::Result<()> {
    let stages = funnel["stages"].as_array().map_or(&[][..], Vec::as_slice);
    let count = |stage: &Json| stage["count"].as_u64().unwrap_or(0);
    let longest = stages.iter().map(count).max().unwrap_or(0).max(1);
    let sum = funnel["sum"].as_str().unwrap_or_default();
    let heads = vec![
        Head::left("stage"),
        Head::right("count"),
        Head::right(sum),
        Head::left(""),
    ];
    let mut grid = Grid::new(heads, false);
    for stage in stages {
        let bar = (count(stage) * BAR_CHARACTERS).div_ceil(longest);
        let sign = match stage["kind"].as_str() {
            Some("won") => "█",
            Some("lost") => "░",
            _ => "▒",
        };
        let cells = vec![
            text(&stage["label"]).to_owned(),
            count(stage).to_string(),
            worth(&stage["sums"]),
            sign.repeat(bar as usize),
        ];
        grid.row(cells, out)?;
    }
    grid.flush(out)?;
    match funnel["without_stage"].as_u64() {
        None | Some(0) => Ok(()),
        Some(count) => writeln!(out, "without a stage: {count}"),
    }
}

/// Amounts by currency.
fn worth(sums: &Json) -> String {
    let sums = sums.as_object().into_iter().flatten();
    let sums: Vec<String> = sums
        .map(|(currency, amount)| {
            format!("{} {currency}", show::words(amount))
                .trim()
                .to_owned()
        })
        .collect();
    sums.join(", ")
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}
