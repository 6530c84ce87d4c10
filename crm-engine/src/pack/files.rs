//! The files of a pack as texts, within named limits.

use std::fs;
use std::io;
use std::path::Path;

use super::{Files, place};
use crate::error::{Code, Error, Result};
use crate::limits::{PACK_BYTES_MAX, PACK_FILE_BYTES_MAX, PACK_FILES_MAX, PACK_PATH_BYTES_MAX};

/// Folders below the pack's own: `<object>/rules/`.
const DEPTH_MAX: usize = 2;

/// Reads a folder and the folders in it.
pub(super) fn folder(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    read_folder(folder, "", 0, &mut files)?;
    check(&files)?;
    Ok(files)
}

/// Takes texts by their paths; of two with one path the later stays.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Files> {
    let files: Files = texts
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect();
    check(&files)?;
    Ok(files)
}

fn read_folder(folder: &Path, inside: &str, depth: usize, files: &mut Files) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| {
            let message = format!("`{}` is not a name in UTF-8", path.display());
            Error::new(Code::Pack, message)
        })?;
        if name.starts_with('.') {
            continue;
        }
        let place = format!("{inside}{name}");
        // What is neither a file nor a folder, a link above all, could point outside the pack.
        let kind = entry
            .file_type()
            .map_err(|error| unreadable(&path, &error))?;
        if kind.is_dir() && depth < DEPTH_MAX {
            read_folder(&path, &format!("{place}/"), depth + 1, files)?;
        } else if kind.is_file() {
            let bytes = entry
                .metadata()
                .map_err(|error| unreadable(&path, &error))?
                .len();
            if bytes > PACK_FILE_BYTES_MAX as u64 {
                return Err(too_large(&place));
            }
            let text = fs::read(&path).map_err(|error| unreadable(&path, &error))?;
            files.insert(place.clone(), utf8(&place, text)?);
        } else {
            return Err(broken(&place, "has no place in a pack"));
        }
        if files.len() > PACK_FILES_MAX {
            return Err(too_many());
        }
    }
    Ok(())
}

fn utf8(file: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        place::fault(file, &text, offset, "the file is not UTF-8 from here on")
    })
}

fn check(files: &Files) -> Result<()> {
    if files.len() > PACK_FILES_MAX {
        return Err(too_many());
    }
    for (path, text) in files {
        if path.len() > PACK_PATH_BYTES_MAX {
            let message = format!("has a path of more than {PACK_PATH_BYTES_MAX} bytes");
            return Err(broken(path, &message));
        }
        if text.len() > PACK_FILE_BYTES_MAX {
            return Err(too_large(path));
        }
    }
    let bytes: usize = files.values().map(String::len).sum();
    match bytes > PACK_BYTES_MAX {
        true => Err(Error::new(
            Code::LimitExceeded,
            format!("a pack has at most {PACK_BYTES_MAX} bytes"),
        )),
        false => Ok(()),
    }
}

fn too_large(path: &str) -> Error {
    let message = format!("`{path}`: a file of a pack has at most {PACK_FILE_BYTES_MAX} bytes");
    Error::new(Code::LimitExceeded, message).with("file", path)
}

fn too_many() -> Error {
    let message = format!("a pack has at most {PACK_FILES_MAX} files");
    Error::new(Code::LimitExceeded, message)
}

fn broken(path: &str, what: &str) -> Error {
    Error::new(Code::Pack, format!("`{path}` {what}")).with("file", path)
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    let path = path.display().to_string();
    Error::new(Code::Io, format!("`{path}` cannot be read: {error}")).with("path", path)
}
