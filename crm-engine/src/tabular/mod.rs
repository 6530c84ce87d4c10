//! Tables of values as files: CSV, and workbooks behind the feature `xlsx`.

mod csv;
#[cfg(feature = "xlsx")]
mod sheet;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};

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

/// Makes a file that must not exist: `write` fills it, and `told` hears of it once it is on the
/// disk. Whatever fails leaves none behind.
///
/// # Errors
/// [`Code::InvalidValue`] for one that exists, [`Code::DiskFull`], [`Code::Io`], and what `write`
/// and `told` have against it.
pub(crate) fn new_file<R>(
    path: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<R>,
    told: impl FnOnce(&R) -> Result<()>,
) -> Result<R> {
    let file = File::options().write(true).create_new(true).open(path);
    let mut file = BufWriter::new(file.map_err(|error| unwritable(path, &error))?);
    let made = write(&mut file).and_then(|made| {
        let ended = file.flush().and_then(|()| file.get_ref().sync_all());
        ended.map_err(|error| unwritable(path, &error))?;
        told(&made)?;
        Ok(made)
    });
    made.inspect_err(|_| {
        // A part of a table is of no use to anybody; the first error is the one to tell.
        let _ = fs::remove_file(path);
    })
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
