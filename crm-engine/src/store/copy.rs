//! A snapshot written into a new file: a copy of a store that is in use.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::file;
use super::redb_engine::io_error;
use super::{KeyRange, Read, ScanOptions, Snapshot, Store, StoreOptions};
use crate::error::{Code, Error, Result};
use crate::limits::COPY_BATCH_BYTES_MAX;

/// How much a copy holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Its keys.
    pub(crate) entries: u64,
    /// The sum of its keys and values.
    pub(crate) bytes: u64,
}

/// Hears how many entries were written and compared, and answers whether to go on.
type OnEntries<'a> = &'a mut dyn FnMut(u64) -> bool;

/// Writes everything `snapshot` shows into a new store at `path`, opens that one again and compares
/// it key by key. Whoever is given the copy by `look` may still refuse it. The file appears under
/// its name only when all that is done; until then it is called `path.part`.
///
/// # Errors
/// [`Code::InvalidValue`] when one of the two files exists, [`Code::Cancelled`],
/// [`Code::SnapshotExpired`] for a copy that takes longer than a snapshot may be read, those of
/// `look`, and what prevents writing. No file is left behind.
pub(crate) fn copy(
    snapshot: &Snapshot,
    path: &Path,
    options: &StoreOptions,
    progress: OnEntries<'_>,
    look: impl FnOnce(&Store, Copied) -> Result<()>,
) -> Result<Copied> {
    let claim = Claim::on(path)?;
    let part = claim.part();
    let store = Store::create(&part, options)?;
    let copied = remove_unless_ok(&part, || {
        let copied = write(snapshot, &store, progress)?;
        store.close()?;
        drop(store);
        let store = Store::open(&part, options)?;
        compare(snapshot, &store, copied, progress)?;
        look(&store, copied)?;
        store.close()?;
        fs::rename(&part, path).map_err(|error| at(path, &error))?;
        Ok(copied)
    })?;
    claim.keep();
    file::sync_directory(path)?;
    Ok(copied)
}

/// The name of a copy, held by an empty file until the copy takes its place.
struct Claim<'a> {
    path: &'a Path,
    kept: bool,
}

impl<'a> Claim<'a> {
    fn on(path: &'a Path) -> Result<Claim<'a>> {
        let claimed = OpenOptions::new().write(true).create_new(true).open(path);
        match claimed {
            Ok(_) => Ok(Claim { path, kept: false }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let message = format!("`{}` exists already", path.display());
                Err(Error::new(Code::InvalidValue, message))
            }
            Err(error) => Err(at(path, &error)),
        }
    }

    /// What the copy is called while it is being written.
    fn part(&self) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".part");
        name.into()
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // The first error is the one to tell.
            let _ = fs::remove_file(self.path);
        }
    }
}

fn remove_unless_ok<R>(part: &Path, body: impl FnOnce() -> Result<R>) -> Result<R> {
    body().inspect_err(|_| {
        // A part of a store is of no use to anybody; the first error is the one to tell.
        let _ = fs::remove_file(part);
    })
}

/// Writes in batches, so that no transaction is larger than one may be.
fn write(snapshot: &Snapshot, store: &Store, progress: OnEntries<'_>) -> Result<Copied> {
    let mut copied = Copied::default();
    let mut batch: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    let mut rows = snapshot.scan(KeyRange::all(), ScanOptions::FORWARD)?;
    loop {
        let entry = rows.next()?;
        if bytes >= COPY_BATCH_BYTES_MAX || entry.is_none() {
            store.write(|txn| {
                batch
                    .iter()
                    .try_for_each(|(key, value)| txn.put(key, value))
            })?;
            copied.entries += batch.len() as u64;
            copied.bytes += bytes as u64;
            batch.clear();
            bytes = 0;
            go_on(progress, copied.entries)?;
        }
        let Some((key, value)) = entry else {
            return Ok(copied);
        };
        bytes += key.len() + value.len();
        batch.push((key.to_vec(), value.to_vec()));
    }
}

/// Holds the copy against what was copied.
fn compare(
    snapshot: &Snapshot,
    store: &Store,
    copied: Copied,
    progress: OnEntries<'_>,
) -> Result<()> {
    let copy = store.snapshot()?;
    let mut rows = snapshot.scan(KeyRange::all(), ScanOptions::FORWARD)?;
    let mut others = copy.scan(KeyRange::all(), ScanOptions::FORWARD)?;
    let mut bytes = 0;
    let mut seen = copied.entries;
    loop {
        let (entry, other) = (rows.next()?, others.next()?);
        if entry != other {
            return Err(Error::new(Code::Damaged, "the copy differs from the store"));
        }
        let Some((key, value)) = entry else {
            return Ok(());
        };
        bytes += key.len() + value.len();
        seen += 1;
        if bytes >= COPY_BATCH_BYTES_MAX {
            bytes = 0;
            go_on(progress, seen)?;
        }
    }
}

fn go_on(progress: OnEntries<'_>, entries: u64) -> Result<()> {
    match progress(entries) {
        true => Ok(()),
        false => Err(Error::new(Code::Cancelled, "the copy was cancelled")),
    }
}

fn at(path: &Path, error: &std::io::Error) -> Error {
    io_error(error).context(format_args!("`{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Store {
        let store = Store::memory();
        for number in 0..200_u32 {
            let value = vec![number as u8; 60_000];
            store
                .write(|txn| txn.put(&number.to_be_bytes(), &value))
                .unwrap();
        }
        store
    }

    #[test]
    fn a_copy_is_equal_and_opens_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let store = filled();
        let snapshot = store.snapshot().unwrap();
        // What is written meanwhile is not in it.
        store.write(|txn| txn.put(b"later", b"1")).unwrap();
        let options = StoreOptions::default();
        let copied = copy(&snapshot, &path, &options, &mut |_| true, |_, _| Ok(())).unwrap();
        assert_eq!(
            copied,
            Copied {
                entries: 200,
                bytes: 200 * 60_004
            }
        );
        let opened = Store::open(&path, &options).unwrap();
        compare(&snapshot, &opened, copied, &mut |_| true).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_fails_leaves_no_file_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let store = filled();
        let snapshot = store.snapshot().unwrap();
        let options = StoreOptions::default();
        for stop_at in [1, 2, 3, 4] {
            let mut calls = 0;
            let mut progress = |_| {
                calls += 1;
                calls < stop_at
            };
            let error = copy(&snapshot, &path, &options, &mut progress, |_, _| Ok(()));
            assert_eq!(error.unwrap_err().code(), Code::Cancelled);
        }
        let refused = |_: &Store, _| Err(Error::internal("no"));
        copy(&snapshot, &path, &options, &mut |_| true, refused).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        fs::write(&path, "mine").unwrap();
        let error = copy(&snapshot, &path, &options, &mut |_| true, |_, _| Ok(()));
        assert_eq!(error.unwrap_err().code(), Code::InvalidValue);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
