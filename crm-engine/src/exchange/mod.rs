//! Taking data in from files, and out.
//!
//! An import is a job that is data: which column fills which field, how texts find records,
//! what is repaired, what is left out. A file that is not as declared is refused as a whole,
//! before anything is stored; a row that cannot be stored is refused alone and named with its
//! line, column and reason (invariant *nothing is lost quietly*). Every row passes the door like
//! a record typed by hand (invariant *one door*).
//!
//! | File | Holds |
//! |---|---|
//! | `job` | the declaration of an import |
//! | `source` | the text, decoded to UTF-8 as it is read |
//! | `table` | its header and rows, with line numbers |
//! | `columns`, `lookup` | the rules compiled against schema and data: from a cell to a value |
//! | `import` | the rows in batches through the door |
//! | `report` | what was stored, repaired and refused, and why |
//! | `export` | the rows of a query as a table |

mod columns;
mod export;
mod import;
mod job;
mod lookup;
mod report;
mod source;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use export::export;
pub use export::{ExportFormat, ExportJob, ExportReport};
pub(crate) use import::{Transactions, import};
pub use job::{ColumnRule, ImportJob, OnDuplicateRow, OnUnknown};
pub use report::{Fault, FaultGroup, FaultKind, ImportReport};

use crate::error::{Code, Error};

/// A file that is not as the job declares it.
fn not_as_declared(file: &str, line: u64, message: impl Into<String>) -> Error {
    Error::new(Code::ImportFormat, message)
        .with("file", file)
        .with("line", line)
}

fn invalid_job(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidArguments, message)
}
