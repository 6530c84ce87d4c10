//! Reports as files: pictures for whoever may see the figures, tables for whoever may take out
//! the records behind them (C51).

use serde::{Deserialize, Serialize};

use super::table::Table;
use crate::error::{Code, Error, Result};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportForm {
    /// A picture, as the report says how it is drawn.
    Svg,
    /// Cells as text between delimiters (RFC 4180).
    Csv,
    /// A workbook of a spreadsheet, only into a file, and where the engine is built with the
    /// feature `xlsx`.
    Xlsx,
}

/// How, and into what, a report is written.
///
/// ```
/// use crm_engine::{ReportFile, ReportForm};
/// assert_eq!(ReportFile::text(ReportForm::Csv).delimiter, ',');
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportFile {
    /// How.
    pub format: ReportForm,
    /// The file, which must not exist; without one the answer is the text itself.
    #[serde(default)]
    pub path: Option<String>,
    /// What stands between two cells of a CSV.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Whether a CSV begins with a byte order mark, as some programs need it.
    #[serde(default)]
    pub bom: bool,
}

/// A report that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenReport {
    /// Its rows.
    pub rows: usize,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The picture or table itself, where no file was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

fn comma() -> char {
    ','
}

impl ReportFile {
    /// A text, without a file.
    #[must_use]
    pub fn text(format: ReportForm) -> ReportFile {
        ReportFile {
            format,
            path: None,
            delimiter: comma(),
            bom: false,
        }
    }

    /// Whether it takes the records behind the figures out of the store.
    pub(crate) fn is_export(&self) -> bool {
        self.format != ReportForm::Svg
    }

    /// What the file holds.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for a picture of what is drawn nowhere, a delimiter that is
    /// none and a workbook without a file, [`Code::LimitExceeded`].
    pub(crate) fn content(&self, table: &Table, language: &str) -> Result<Vec<u8>> {
        let refuse = |text: &str| Err(Error::new(Code::InvalidArguments, text).field("format"));
        match self.format {
            ReportForm::Svg => match table.svg(language) {
                Some(svg) => Ok(svg.into_bytes()),
                None => refuse("nothing says how this report is drawn"),
            },
            ReportForm::Csv => Ok(table.csv(self.delimiter, self.bom)?.into_bytes()),
            ReportForm::Xlsx if self.path.is_none() => {
                refuse("a workbook is written into a file: `path`")
            }
            #[cfg(feature = "xlsx")]
            ReportForm::Xlsx => table.xlsx(),
            #[cfg(not(feature = "xlsx"))]
            ReportForm::Xlsx => refuse("this build of the engine writes no workbooks"),
        }
    }
}
