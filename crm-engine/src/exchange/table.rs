//! The header and the rows of a text, with the lines they begin on.

use csv::{ReaderBuilder, StringRecord, Terminator};

use super::not_as_declared;
use super::source::{Decoded, END_MARK, Source};
use crate::error::{Code, Error, Result};
use crate::tabular::delimiter_byte;

/// What may stand between cells, where a file is not delimited as declared.
const DELIMITERS: [(char, &str); 4] = [(';', "`;`"), ('\t', "a tab"), (',', "`,`"), ('|', "`|`")];

/// A text being read as a table.
pub(super) struct Table<'a> {
    reader: csv::Reader<Decoded<'a>>,
    file: &'a str,
    header: Vec<String>,
    /// Whether the end of the text was read.
    ended: bool,
}

/// A row with the line it begins on, counted from 1.
pub(super) struct Row {
    pub(super) line: u64,
    cells: StringRecord,
}

impl Row {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// The cell at a place, without the carriage return of the line's end.
    pub(super) fn cell(&self, at: usize) -> &str {
        let cell = &self.cells[at];
        match at + 1 == self.cells.len() {
            true => cell.strip_suffix('\r').unwrap_or(cell),
            false => cell,
        }
    }
}

impl<'a> Table<'a> {
    /// Opens the text and reads its header.
    pub(super) fn open(source: &Source<'a>, delimiter: char) -> Result<Table<'a>> {
        let reader = ReaderBuilder::new()
            .delimiter(delimiter_byte(delimiter)?)
            .has_headers(false)
            .flexible(true)
            // With the line feed alone as the end, the reader's line count is exact; the
            // carriage return before it is left to `Row::cell`.
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(64 * 1_024)
            .from_reader(source.open()?);
        let mut table = Table {
            reader,
            file: source.name(),
            header: Vec::new(),
            ended: false,
        };
        let Some(row) = table.next()? else {
            return Err(not_as_declared(table.file, 1, "the file is empty"));
        };
        table.header = (0..row.len())
            .map(|at| row.cell(at).trim().to_owned())
            .collect();
        table.check_header(row.line, delimiter)?;
        Ok(table)
    }

    /// The names of the columns.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// How far the text is read, in bytes of UTF-8.
    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row; blank lines are none.
    pub(super) fn next(&mut self) -> Result<Option<Row>> {
        while !self.ended {
            self.reader.get_mut().begin_record();
            let begins = self.reader.position().line();
            let mut cells = StringRecord::new();
            let more = self.reader.read_record(&mut cells);
            let more = more.map_err(|error| self.refusal(error, begins))?;
            let lines_inside = cells.as_slice().bytes().filter(|b| *b == b'\n').count() as u64;
            let next_line = self.reader.position().line();
            if !more
                || cells.as_slice().len() > END_MARK.len() && cells.as_slice().contains(END_MARK)
            {
                let line = next_line - lines_inside;
                let message = "a quote in the record that begins on this line is never closed";
                return Err(not_as_declared(self.file, line, message));
            }
            let line = next_line - 1 - lines_inside;
            let row = Row { line, cells };
            match (row.len(), row.cell(0).trim()) {
                (1, END_MARK) => self.ended = true,
                (1, "") => {}
                _ => return Ok(Some(row)),
            }
        }
        Ok(None)
    }

    fn check_header(&self, line: u64, delimiter: char) -> Result<()> {
        let refuse = |message: String| Err(not_as_declared(self.file, line, message));
        if let [only] = self.header.as_slice() {
            let other = DELIMITERS.iter().find(|(other, _)| only.contains(*other));
            if let Some((_, other)) = other.filter(|(other, _)| *other != delimiter) {
                return refuse(format!(
                    "the header is one column: the file looks delimited by {other}, \
                     not by `{}` as declared",
                    delimiter.escape_default()
                ));
            }
        }
        for (at, name) in self.header.iter().enumerate() {
            if name.contains('\r') {
                return refuse("lines end with a carriage return alone".to_owned());
            }
            if name.is_empty() {
                return refuse(format!("column {} of the header has no name", at + 1));
            }
            if self.header[..at].contains(name) {
                let message = format!("the header names the column `{name}` twice");
                return Err(not_as_declared(self.file, line, message).with("column", name.as_str()));
            }
        }
        Ok(())
    }

    /// The error behind a failed read: the text's own, or what csv says.
    fn refusal(&self, error: csv::Error, line: u64) -> Error {
        if let csv::ErrorKind::Io(inner) = error.kind()
            && let Some(own) = inner.get_ref().and_then(|e| e.downcast_ref::<Error>())
        {
            let own = own.clone();
            return match own.code() == Code::ImportFormat && !own.details().contains_key("line") {
                true => own.with("file", self.file).with("line", line),
                false => own,
            };
        }
        not_as_declared(self.file, line, error.to_string())
    }
}
