//! Taking data out as a table: the rows of a query, written as they are made, or as a workbook.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};

use super::invalid_job;
use crate::error::{Code, Error, Result};
use crate::limits::{EXPORT_BYTES_MAX, EXPORT_TEXT_BYTES_MAX};
use crate::progress::{OnProgress, Progress};
use crate::query::Rows;
use crate::tabular::{CsvForm, new_file, unwritable};
use crate::value::Value;

/// Rows written between two looks at whether to go on.
const ROWS_AT_ONCE: u64 = 1_000;

/// An export as a caller asks for it: the arguments of the operation `export`. What is taken out
/// is told by `sql`, or by `object` with `columns`, `where` and `order`.
///
/// ```
/// use crm_engine::{Engine, ExportJob, Options};
/// use serde_json::json;
///
/// let host = Engine::in_memory(Options::default())?.system();
/// host.create("department", &json!({"name": "North, far"}))?;
/// let job = ExportJob {
///     sql: Some("SELECT name FROM department".to_owned()),
///     ..ExportJob::default()
/// };
/// let report = host.export(&job, &mut |_| true)?;
/// assert_eq!(report.rows, 1);
/// assert_eq!(report.text.as_deref(), Some("name\r\n\"North, far\"\r\n"));
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportJob {
    /// A SELECT.
    #[serde(default)]
    pub sql: Option<String>,
    /// The object whose records are taken out.
    #[serde(default)]
    pub object: Option<String>,
    /// Its fields, or fields of records it refers to; all of its own when left out.
    #[serde(default)]
    pub columns: Vec<String>,
    /// A condition on the records.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// What they are sorted by, as it stands behind ORDER BY.
    #[serde(default)]
    pub order: Option<String>,
    /// The file to write, which must not exist; without one the answer is the text itself.
    #[serde(default)]
    pub path: Option<String>,
    /// What kind of file is written.
    #[serde(default)]
    pub format: ExportFormat,
    /// What stands between two cells.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Whether a file begins with a byte order mark, as some programs need it.
    #[serde(default)]
    pub bom: bool,
    /// Whether texts of a CSV that a spreadsheet would take for a formula get a `'` before them.
    /// Programs that read the table again do without; a workbook needs none.
    #[serde(default = "yes")]
    pub guard: bool,
}

/// Kinds of files that an export writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Cells as text between delimiters (RFC 4180).
    #[default]
    Csv,
    /// A workbook of a spreadsheet: numbers as numbers, days as days, amounts with their currency.
    /// Only into a file, and where the engine is built with the feature `xlsx`.
    Xlsx,
}

impl Default for ExportJob {
    fn default() -> ExportJob {
        ExportJob {
            sql: None,
            object: None,
            columns: Vec::new(),
            condition: None,
            order: None,
            path: None,
            format: ExportFormat::Csv,
            delimiter: comma(),
            bom: false,
            guard: true,
        }
    }
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

/// What was taken out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportReport {
    /// Rows written, without the header.
    pub rows: u64,
    /// The SELECT that gave them.
    pub sql: String,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The table itself, where no file was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl ExportJob {
    /// The SELECT that the job asks for.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`].
    pub(crate) fn select(&self) -> Result<String> {
        match (&self.sql, &self.object) {
            (Some(sql), None) => {
                let more = !self.columns.is_empty();
                match more || self.condition.is_some() || self.order.is_some() {
                    true => Err(invalid_job(
                        "`columns`, `where` and `order` go with an `object`: a `sql` has its own",
                    )),
                    false => Ok(sql.clone()),
                }
            }
            (None, Some(object)) => {
                let columns = match self.columns.is_empty() {
                    true => "*".to_owned(),
                    false => self.columns.join(", "),
                };
                let mut sql = format!("SELECT {columns} FROM {object}");
                // A comment at the end of a condition ends with its line.
                if let Some(condition) = &self.condition {
                    sql.push_str(&format!(" WHERE ({condition}\n)"));
                }
                if let Some(order) = &self.order {
                    sql.push_str(&format!(" ORDER BY {order}"));
                }
                Ok(sql)
            }
            _ => Err(invalid_job("an export takes either a `sql` or an `object`")),
        }
    }
}

/// Writes the rows; `noted` is called with the number of rows before anybody gets them. Whatever
/// fails leaves no file behind.
///
/// # Errors
/// [`Code::InvalidArguments`], [`Code::InvalidValue`] for a file that exists, [`Code::Io`],
/// [`Code::LimitExceeded`], [`Code::Cancelled`], and what the rows and `noted` have against it.
pub(crate) fn export(
    rows: Rows,
    job: &ExportJob,
    sql: String,
    progress: OnProgress<'_>,
    noted: impl FnOnce(u64) -> Result<()>,
) -> Result<ExportReport> {
    let (count, text) = match &job.path {
        None => {
            let mut text = Bounded::new(Vec::new(), EXPORT_TEXT_BYTES_MAX);
            let count = write(rows, job, &mut text, progress)?;
            noted(count)?;
            let text = String::from_utf8(text.into);
            let text = text.map_err(|_| Error::internal("a table that is not UTF-8"))?;
            (count, Some(text))
        }
        Some(path) => {
            let fill = |file: &mut BufWriter<File>| {
                write(
                    rows,
                    job,
                    &mut Bounded::new(file, EXPORT_BYTES_MAX),
                    progress,
                )
            };
            (new_file(path, fill, |count| noted(*count))?, None)
        }
    };
    Ok(ExportReport {
        rows: count,
        sql,
        path: job.path.clone(),
        text,
    })
}

fn write(
    rows: Rows,
    job: &ExportJob,
    out: &mut Bounded<impl Write>,
    progress: OnProgress<'_>,
) -> Result<u64> {
    let written = match job.format {
        ExportFormat::Csv => write_csv(rows, job, out, progress),
        ExportFormat::Xlsx => write_xlsx(rows, job, out, progress),
    };
    written.map_err(|error| match &job.path {
        // What is written does not know where it goes.
        Some(path)
            if error
                .details()
                .get("file")
                .is_some_and(|file| file == "text") =>
        {
            let message = error.message().replacen("`text`", &format!("`{path}`"), 1);
            Error::new(error.code(), message).with("file", path.as_str())
        }
        _ => error,
    })
}

fn write_csv(
    mut rows: Rows,
    job: &ExportJob,
    out: &mut Bounded<impl Write>,
    progress: OnProgress<'_>,
) -> Result<u64> {
    let form = CsvForm {
        delimiter: job.delimiter,
        byte_order_mark: job.bom && job.path.is_some(),
        guard: job.guard,
    };
    let mut table = form.open(out)?;
    let columns = rows.columns().to_vec();
    table.heads(columns.iter().map(|column| column.name.as_str()))?;
    let done = each_row(&mut rows, progress, |row| {
        let cells = columns.iter().zip(row);
        table.row(cells.map(|(column, value)| (value, column.text(value))))
    })?;
    table.end()?;
    Ok(done)
}

#[cfg(feature = "xlsx")]
fn write_xlsx(
    mut rows: Rows,
    job: &ExportJob,
    out: &mut Bounded<impl Write>,
    progress: OnProgress<'_>,
) -> Result<u64> {
    if job.path.is_none() {
        return Err(invalid_job("a workbook is written into a file: `path`"));
    }
    let columns = rows.columns().to_vec();
    let heads = columns.iter().map(|column| column.name.as_str());
    let mut sheet = crate::tabular::Sheet::new(job.object.as_deref().unwrap_or_default(), heads)?;
    let done = each_row(&mut rows, progress, |row| {
        let cells = columns.iter().zip(row);
        sheet.row(cells.map(|(column, value)| (value, column.text(value))))
    })?;
    let written = out.write_all(&sheet.finish()?);
    written.map_err(|error| unwritable("text", &error))?;
    Ok(done)
}

#[cfg(not(feature = "xlsx"))]
fn write_xlsx(
    _: Rows,
    _: &ExportJob,
    _: &mut Bounded<impl Write>,
    _: OnProgress<'_>,
) -> Result<u64> {
    Err(invalid_job("this build of the engine writes no workbooks"))
}

/// Takes the rows one by one, and tells how many there were.
fn each_row(
    rows: &mut Rows,
    progress: OnProgress<'_>,
    mut take: impl FnMut(&[Value]) -> Result<()>,
) -> Result<u64> {
    let mut done = 0;
    while let Some(row) = rows.next()? {
        take(row)?;
        done += 1;
        if done % ROWS_AT_ONCE == 0 && !progress(Progress { done, total: None }) {
            return Err(cancelled());
        }
    }
    match progress(Progress { done, total: None }) {
        true => Ok(done),
        false => Err(cancelled()),
    }
}

fn cancelled() -> Error {
    Error::new(Code::Cancelled, "the export was cancelled")
}

/// Takes so many bytes and no more.
struct Bounded<W> {
    into: W,
    left: u64,
}

impl<W> Bounded<W> {
    fn new(into: W, left: u64) -> Bounded<W> {
        Bounded { into, left }
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => {
                let written = self.into.write(bytes)?;
                self.left = left + (bytes.len() - written) as u64;
                Ok(written)
            }
            None => Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the table is longer than an export may be",
            )),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}
