//! Stores in files: creating one whole or not at all, and opening it.

use std::fs::{self, File, OpenOptions};
use std::path::Path;

use redb::backends::FileBackend;

use super::StoreOptions;
use super::redb_engine::{RedbEngine, io_error};
use crate::error::{Code, Error, Result};

/// Makes a store in a new file; a file that is there stays as it is.
pub(super) fn create(path: &Path, options: &StoreOptions) -> Result<RedbEngine> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path);
    let file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let message = format!("`{}` exists already", path.display());
            Error::new(Code::InvalidValue, message)
        }
        _ => at(path, io_error(&error)),
    })?;
    let made = backend(file)
        .and_then(|backend| RedbEngine::create(backend, options))
        .and_then(|engine| sync_directory(path).map(|()| engine));
    made.map_err(|error| {
        // Best effort: the error that counts is the one met first.
        let _ = fs::remove_file(path);
        at(path, error)
    })
}

/// Opens the store in a file.
pub(super) fn open(path: &Path, options: &StoreOptions) -> Result<RedbEngine> {
    let file = || {
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::new(Code::Io, "there is no such file"),
            _ => io_error(&error),
        });
        file.and_then(backend)
    };
    RedbEngine::open(file, options).map_err(|error| at(path, error))
}

fn backend(file: File) -> Result<FileBackend> {
    FileBackend::new(file).map_err(|error| Error::new(Code::Io, error.to_string()))
}

/// Makes the name of a new file durable: syncing the file alone does not.
#[cfg(unix)]
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(|error| io_error(&error))
}

/// Elsewhere a directory cannot be synced; the file system keeps names durable by itself.
#[cfg(not(unix))]
pub(super) fn sync_directory(_path: &Path) -> Result<()> {
    Ok(())
}

fn at(path: &Path, error: Error) -> Error {
    error.context(format_args!("`{}`", path.display()))
}
