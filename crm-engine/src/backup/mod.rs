//! A backup: a copy of the whole store as of one moment, made while it is in use.
//!
//! The copy is logical: every key of one snapshot is written into a new store, never the file
//! byte by byte, so that a backup holds no page half written and nothing that was deleted. It is
//! opened again, compared key by key and verified before its file gets its name. A backup holds
//! everything, passwords in the form they are kept in: it is as secret as the store itself.

use std::cell::RefCell;
use std::path::Path;

use serde::Serialize;

use crate::error::Result;
use crate::progress::{OnProgress, Progress};
use crate::schema;
use crate::store::{self, Copied, Snapshot, Store, StoreOptions};
use crate::verify::{self, VerifyReport};

/// What a backup holds, and what its verification saw.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackupReport {
    /// The file.
    pub path: String,
    /// Its keys.
    pub entries: u64,
    /// The sum of its keys and values.
    pub bytes: u64,
    /// What a verification of the copy saw. Faults of the store are in its backups too: they are
    /// told, and do not prevent one.
    pub verified: VerifyReport,
}

/// Backs up what `snapshot` shows into a new file. `note` hears of the copy before its file gets
/// its name, and may refuse it.
///
/// # Errors
/// Those of [`store::copy`] and of `note`; no file is then left behind.
pub(crate) fn backup(
    snapshot: &Snapshot,
    path: &str,
    progress: OnProgress<'_>,
    note: impl FnOnce(Copied) -> Result<()>,
) -> Result<BackupReport> {
    let mut verified = VerifyReport::default();
    // The copying, the comparison and the verification tell their progress one after the other.
    let progress = RefCell::new(progress);
    let go_on = |done| (progress.borrow_mut())(Progress { done, total: None });
    let look = |store: &Store, copied: Copied| {
        let read = store.snapshot()?;
        let mut on_record = |done| go_on(2 * copied.entries + done);
        verified = verify::run(&read, &schema::load(&read)?, &mut on_record)?;
        note(copied)
    };
    let options = StoreOptions::default();
    let mut on_entries = |done| go_on(done);
    let copied = store::copy(snapshot, Path::new(path), &options, &mut on_entries, look)?;
    Ok(BackupReport {
        path: path.to_owned(),
        entries: copied.entries,
        bytes: copied.bytes,
        verified,
    })
}
