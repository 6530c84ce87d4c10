//! Which plugins may be loaded.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use crm_engine::limits::PLUGIN_FILE_BYTES_MAX;
use crm_engine::{Code, Error, Result};

use crate::fault;

/// The BLAKE3 hash of a file, written as 64 hexadecimal digits as the tool `b3sum` prints it.
///
/// ```
/// use crm_plugin_host::FileHash;
/// let written = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
/// let hash: FileHash = written.parse().unwrap();
/// assert_eq!(hash, FileHash::of_bytes(b""));
/// assert_eq!(hash.to_string(), written);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileHash([u8; 32]);

impl FileHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> FileHash {
        FileHash(*blake3::hash(bytes).as_bytes())
    }
}

impl FromStr for FileHash {
    type Err = Error;

    /// # Errors
    /// [`Code::InvalidValue`] for anything but 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<FileHash> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| {
            Error::new(
                Code::InvalidValue,
                "the hash of a file has 64 hexadecimal digits",
            )
        })?;
        Ok(FileHash(*hash.as_bytes()))
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

/// A plugin that may be loaded: its id and the hash of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// The id the plugin must state.
    pub id: String,
    /// The hash its file must have.
    pub hash: FileHash,
}

impl Allowed {
    /// Allows the file that stands at `path` now: for programs that are built together with
    /// their plugins. A product that is installed keeps the hashes it was shipped with instead.
    ///
    /// # Errors
    /// [`Code::Plugin`] when the file cannot be read, as [`load`](crate::load) says.
    pub fn of_file(id: impl Into<String>, path: &Path) -> Result<Allowed> {
        Ok(Allowed {
            id: id.into(),
            hash: FileHash::of_bytes(&read_file(path)?),
        })
    }
}

/// Reads the file at `path` and finds what allows it. Returns the bytes and the ids they may bear.
pub(crate) fn read_allowed<'a>(
    path: &Path,
    allowed: &'a [Allowed],
) -> Result<(Vec<u8>, Vec<&'a str>)> {
    if allowed.is_empty() {
        return Err(fault(&shown(path), "loading_off", "no plugin is allowed"));
    }
    let bytes = read_file(path)?;
    let hash = FileHash::of_bytes(&bytes);
    let ids: Vec<&str> = allowed
        .iter()
        .filter(|entry| entry.hash == hash)
        .map(|entry| entry.id.as_str())
        .collect();
    if ids.is_empty() {
        let message = format!("no plugin with the hash {hash} is allowed");
        return Err(fault(&shown(path), "not_allowed", message));
    }
    Ok((bytes, ids))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let refuse = |reason, message: &str| Err(fault(&shown(path), reason, message));
    let unreadable = |error| fault(&shown(path), "unreadable", error);
    if !path.is_absolute() {
        return refuse("not_absolute", "its path is not absolute");
    }
    // Asked before opening, because opening a pipe would wait for a writer.
    if !path.metadata().map_err(unreadable)?.is_file() {
        return refuse("not_a_file", "it is not a regular file");
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(PLUGIN_FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > PLUGIN_FILE_BYTES_MAX {
        return refuse(
            "too_large",
            &format!("it has more than {PLUGIN_FILE_BYTES_MAX} bytes"),
        );
    }
    Ok(bytes)
}

/// The file as errors name a plugin whose id is not known yet.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
