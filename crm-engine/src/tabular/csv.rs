//! Tables written as CSV (RFC 4180).

use std::io::Write;

use ::csv::{ErrorKind, Terminator, Writer, WriterBuilder};

use super::{delimiter_byte, unwritable};
use crate::error::{Code, Error, Result};
use crate::value::Value;

/// What a file of UTF-8 may begin with, for programs that need it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// How a table is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CsvForm {
    /// What stands between two cells.
    pub(crate) delimiter: char,
    pub(crate) byte_order_mark: bool,
    /// Texts that a spreadsheet would take for a formula get a `'` before them.
    pub(crate) guard: bool,
}

impl CsvForm {
    /// Begins a table.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for a delimiter that is none, and what prevents writing.
    pub(crate) fn open<W: Write>(self, mut out: W) -> Result<CsvTable<W>> {
        let delimiter = delimiter_byte(self.delimiter)?;
        if self.byte_order_mark {
            let written = out.write_all(BYTE_ORDER_MARK.as_bytes());
            written.map_err(|error| unwritable("text", &error))?;
        }
        let writer = WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(Terminator::CRLF)
            .from_writer(out);
        Ok(CsvTable {
            writer,
            guard: self.guard,
        })
    }
}

/// A table being written.
pub(crate) struct CsvTable<W: Write> {
    writer: Writer<W>,
    guard: bool,
}

impl<W: Write> CsvTable<W> {
    /// Writes the names of the columns.
    pub(crate) fn heads<'a>(&mut self, names: impl Iterator<Item = &'a str>) -> Result<()> {
        self.writer.write_record(names).map_err(failed)
    }

    /// Writes a row: each value with its text.
    pub(crate) fn row<'a>(
        &mut self,
        cells: impl Iterator<Item = (&'a Value, String)>,
    ) -> Result<()> {
        let guard = self.guard;
        let cells = cells.map(|(value, text)| match guard && is_formula(value, &text) {
            true => format!("'{text}"),
            false => text,
        });
        self.writer.write_record(cells).map_err(failed)
    }

    /// Writes what still waits.
    pub(crate) fn end(&mut self) -> Result<()> {
        let flushed = self.writer.flush();
        flushed.map_err(|error| unwritable("text", &error))
    }
}

/// Whether a spreadsheet would take a cell for a formula: a text that begins with `=`, `+`, `-`,
/// `@`, a tab or a carriage return. Numbers, amounts and moments are none, nor is what holds
/// nothing but digits and the signs of phone numbers, which can do no harm.
fn is_formula(value: &Value, text: &str) -> bool {
    let is_text = matches!(
        value,
        Value::Text(_)
            | Value::Digits(_)
            | Value::Tags(_)
            | Value::Email(_)
            | Value::Phone(_)
            | Value::Link(_)
            | Value::File(_)
    );
    let is_harmless =
        |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.');
    is_text && text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !text.chars().all(is_harmless)
}

fn failed(error: ::csv::Error) -> Error {
    match error.into_kind() {
        ErrorKind::Io(error) => unwritable("text", &error),
        other => Error::new(Code::Io, format!("`text`: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_told_from_numbers_and_phones() {
        let text = |text: &str| is_formula(&Value::Text(text.to_owned()), text);
        for formula in ["=1+1", "+A1", "-cmd|x", "@sum(a)", "\t=1", "\r=1", "-1+x"] {
            assert!(text(formula), "{formula:?}");
        }
        for none in ["", "a=1", "+7 (495) 123-45-67", "-12.5", "1-2", "'=1"] {
            assert!(!text(none), "{none:?}");
        }
        assert!(is_formula(&Value::Phone("+7 ext 1".into()), "+7 ext 1"));
        assert!(!is_formula(&Value::Integer(-1), "-1"));
    }
}
