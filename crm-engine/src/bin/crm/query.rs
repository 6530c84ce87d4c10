//! Queries: rows as they are found, in the form asked for.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crm_engine::value::to_json;
use crm_engine::{Column, Error, Rows, Value, ValueType};
use serde_json::Value as Json;

use crate::args::Format;
use crate::failure::{Failure, cancelled};
use crate::grid::{Grid, Head};
use crate::input::Statement;
use crate::shell::Shell;

/// How often somebody who waits for the first row is asked whether he still does.
const LOOK_AT_CANCEL: Duration = Duration::from_millis(20);

/// Runs a query and writes its rows.
pub(crate) fn run(
    shell: &Shell,
    statement: &Statement,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let within = |error| Failure::within(error, &statement.text, statement.line);
    let mut rows = opened(shell, &statement.text)?.map_err(within)?;
    let mut count = 0;
    let mut writer = Writer::new(shell, rows.columns().to_vec(), out)?;
    while let Some(row) = rows.next().map_err(within)? {
        if shell.is_cancelled() {
            return Err(cancelled());
        }
        count += 1;
        writer.row(row)?;
    }
    writer.end()?;
    if shell.format() == Format::Table {
        let rows = if count == 1 { "row" } else { "rows" };
        let took = match shell.is_typed() {
            true => format!(" in {}", duration(begun.elapsed())),
            false => String::new(),
        };
        writeln!(out, "({count} {rows}{took})")?;
    }
    Ok(())
}

/// Tells the way the rows of a query are found.
pub(crate) fn explain(
    shell: &Shell,
    statement: &Statement,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let select = statement.text.trim_start();
    // As many spaces as are cut off, so that places in errors stay where they are.
    let cut = statement.text.len() - select.len() + "explain".len();
    let text: String = statement
        .text
        .char_indices()
        .map(|(at, c)| if at < cut && c != '\n' { ' ' } else { c })
        .collect();
    let prepared = shell.session().prepare(&text);
    let prepared =
        prepared.map_err(|error| Failure::within(error, &statement.text, statement.line))?;
    match shell.format() {
        Format::Json => writeln!(out, "{}", Json::from(prepared.explain()))?,
        _ => writeln!(out, "{}", prepared.explain().trim_end())?,
    }
    Ok(())
}

/// The rows, found on another thread: whoever gives up gets his prompt back at once, though
/// sorting and grouping go on to their end or their limit.
fn opened(shell: &Shell, text: &str) -> Result<Result<Rows, Error>, Failure> {
    let session = shell.session().clone();
    let text = text.to_owned();
    let (give, take) = channel();
    thread::spawn(move || {
        let rows = session.prepare(&text).and_then(|mut query| query.run());
        // Nobody takes what nobody waits for any more.
        let _ = give.send(rows);
    });
    loop {
        match take.recv_timeout(LOOK_AT_CANCEL) {
            Ok(rows) => return Ok(rows),
            Err(RecvTimeoutError::Timeout) if shell.is_cancelled() => return Err(cancelled()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(Error::internal("the query broke off")));
            }
        }
    }
}

fn duration(took: Duration) -> String {
    match took.as_millis() {
        0 => format!("{} µs", took.as_micros()),
        1..1_000 => format!("{} ms", took.as_millis()),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

/// Whether values of a type are read from their last digit.
pub(crate) fn is_right(value_type: ValueType) -> bool {
    use ValueType::{Decimal, Duration, Integer, Money, Reference};
    matches!(value_type, Integer | Decimal | Money | Duration | Reference)
}

/// Writes rows in one of the forms.
enum Writer<'a> {
    Table(Vec<Column>, Box<Grid>, &'a mut dyn Write),
    Csv(Vec<Column>, Box<csv::Writer<&'a mut dyn Write>>),
    Json {
        columns: Vec<Column>,
        names: Vec<String>,
        begun: bool,
        out: &'a mut dyn Write,
    },
}

impl<'a> Writer<'a> {
    fn new(shell: &Shell, columns: Vec<Column>, out: &'a mut dyn Write) -> Result<Self, Failure> {
        Ok(match shell.format() {
            Format::Table => {
                let heads = columns.iter().map(|column| Head {
                    name: column.name.clone(),
                    right: is_right(column.value_type),
                });
                let grid = Grid::new(heads.collect(), shell.is_typed());
                Writer::Table(columns, Box::new(grid), out)
            }
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table
                    .write_record(columns.iter().map(|column| &column.name))
                    .map_err(unwritten)?;
                Writer::Csv(columns, Box::new(table))
            }
            Format::Json => Writer::Json {
                names: names(&columns),
                columns,
                begun: false,
                out,
            },
        })
    }

    fn row(&mut self, row: &[Value]) -> Result<(), Failure> {
        match self {
            Writer::Table(columns, grid, out) => {
                let cells = columns.iter().zip(row);
                let cells = cells.map(|(column, value)| column.text(value));
                grid.row(cells.collect(), *out)?;
            }
            Writer::Csv(columns, table) => {
                let cells = columns.iter().zip(row);
                let cells = cells.map(|(column, value)| column.text(value));
                table.write_record(cells).map_err(unwritten)?;
            }
            Writer::Json {
                columns,
                names,
                begun,
                out,
            } => {
                let cells = names.iter().zip(columns.iter().zip(row));
                let cells: Vec<String> = cells
                    .map(|(name, (column, value))| {
                        format!("{}: {}", Json::from(name.as_str()), json(column, value))
                    })
                    .collect();
                let before = if *begun { ",\n " } else { "[" };
                write!(out, "{before}{{{}}}", cells.join(", "))?;
                *begun = true;
            }
        }
        Ok(())
    }

    fn end(self) -> Result<(), Failure> {
        match self {
            Writer::Table(_, mut grid, out) => grid.flush(out)?,
            Writer::Csv(_, mut table) => table.flush()?,
            Writer::Json {
                begun: true, out, ..
            } => writeln!(out, "]")?,
            Writer::Json { out, .. } => writeln!(out, "[]")?,
        }
        Ok(())
    }
}

fn json(column: &Column, value: &Value) -> Json {
    match &column.field {
        Some(field) => field.to_json(value),
        None => to_json(value),
    }
}

/// The names of the columns, made different where they are equal: an object has each name once.
fn names(columns: &[Column]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.name.clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{}_{number}", column.name);
            number += 1;
        }
        names.push(name);
    }
    names
}

pub(crate) fn unwritten(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::Io(error),
        other => Failure::Found(format!("{other:?}")),
    }
}
