//! Tables of values as files: CSV, and workbooks behind the feature `xlsx`.

mod csv;
#[cfg(feature = "xlsx")]
mod sheet;

use std::io;

pub(crate) use csv::CsvForm;
#[cfg(feature = "xlsx")]
pub(crate) use sheet::Sheet;

use crate::error::{Code, Error, Result};

/// What may stand between two cells.
///
/// # Errors
/// [`Code::InvalidArguments`].
pub(crate) fn delimiter_byte(delimiter: char) -> Result<u8> {
    match u8::try_from(delimiter) {
        Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0) => Ok(byte),
        _ => {
            let shown = delimiter.escape_default();
            let text = format!("`{shown}` cannot delimit cells: take one ASCII character");
            Err(Error::new(Code::InvalidArguments, text).field("delimiter"))
        }
    }
}

/// The error for a file that cannot be written.
pub(crate) fn unwritable(place: &str, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::AlreadyExists => Code::InvalidValue,
        io::ErrorKind::FileTooLarge => Code::LimitExceeded,
        io::ErrorKind::StorageFull => Code::DiskFull,
        _ => Code::Io,
    };
    Error::new(code, format!("`{place}`: {error}")).with("file", place)
}
