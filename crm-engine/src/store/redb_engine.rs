//! The engine on redb: one table of ordered bytes in one file. The only file that opens redb.
//!
//! Facts of redb 4.5.0 that shape it:
//! - a commit costs one sync, whatever its size; the group commit above shares it;
//! - a read transaction and its opened table are made once for each commit and shared by all
//!   readers, as opening them costs more than a read;
//! - after any I/O error redb refuses everything until it is opened again, so every failure of a
//!   commit is fatal;
//! - quick-repair records the free pages with each commit, for a second sync: one thread commits
//!   about half as many transactions, 16 threads 0.55 to 0.85 times as many. It helps only if the
//!   very last commit before a crash had it, so it is all or nothing and left to the host; a store
//!   that was closed has it anyway;
//! - page checksums are compared on repair and by `check`, not on reads: what must be
//!   certain at each read carries its own checksum above the store.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::{
    AccessGuard, Builder, Database, DatabaseError, Durability, Range, ReadOnlyTable,
    ReadableDatabase, StorageBackend, TableDefinition,
};

use super::StoreOptions;
use super::batch::Batch;
use super::bytes::Bytes;
use super::engine::{CommitError, CommitSequence, Cursor, Engine, EngineSnapshot, Soundness};
use super::range::KeyRange;
use super::recover;
use super::scan::ScanOptions;
use crate::error::{Code, Error, Result};

/// The entries of the store. The first byte of a key tells its keyspace; redb knows only one table.
const ENTRIES: TableDefinition<&[u8], &[u8]> = TableDefinition::new("entries");
/// Marks the file as a store of this engine and tells how to read it.
const FORMAT: TableDefinition<&str, u64> = TableDefinition::new("crm-engine format");
const VERSION: &str = "version";
/// The version of the format that this engine writes and reads.
const FORMAT_VERSION: u64 = 1;

/// A redb database with the store's two tables.
pub(super) struct RedbEngine {
    /// None once closed. Locked by the one thread that commits, never by readers.
    database: Mutex<Option<Database>>,
    sequence: AtomicU64,
    quick_repair: bool,
}

impl RedbEngine {
    /// Makes a new store in an empty backend.
    pub(super) fn create(
        backend: impl StorageBackend,
        options: &StoreOptions,
    ) -> Result<RedbEngine> {
        guarded(|| {
            let database = builder(options).create_with_backend(backend)?;
            let txn = database.begin_write()?;
            txn.open_table(ENTRIES)?;
            txn.open_table(FORMAT)?.insert(VERSION, FORMAT_VERSION)?;
            txn.commit()?;
            Ok(RedbEngine::new(database, options))
        })
    }

    /// Opens the store in a backend, and repairs it after a crash. The backend is asked for twice:
    /// a file that is not a store is found out by reading alone, and stays as it is.
    pub(super) fn open<B: StorageBackend>(
        backend: impl Fn() -> Result<B>,
        options: &StoreOptions,
    ) -> Result<RedbEngine> {
        let reader = backend()?;
        // redb would make a new database of an empty file.
        if reader.len().map_err(|error| io_error(&error))? == 0 {
            return Err(not_a_store());
        }
        let readable = guarded(|| {
            let readable = builder(options).open_read_only_with_backend(reader);
            // After a crash it cannot be read before it is repaired.
            if matches!(readable, Err(DatabaseError::RepairAborted)) {
                return Ok(None);
            }
            Ok(Some(readable?))
        })?;
        if let Some(readable) = readable {
            expect_format(&readable)?;
        }
        let writer = backend()?;
        let database = guarded(|| Ok(builder(options).create_with_backend(writer)?))?;
        expect_format(&database)?;
        Ok(RedbEngine::new(database, options))
    }

    fn new(database: Database, options: &StoreOptions) -> RedbEngine {
        RedbEngine {
            database: Mutex::new(Some(database)),
            sequence: AtomicU64::new(0),
            quick_repair: options.quick_repair,
        }
    }

    fn database(&self) -> MutexGuard<'_, Option<Database>> {
        recover(self.database.lock())
    }

    fn write(&self, batch: &Batch) -> Result<(), redb::Error> {
        let mut txn = match &*self.database() {
            Some(database) => database.begin_write()?,
            None => return Err(redb::Error::DatabaseClosed),
        };
        txn.set_durability(Durability::Immediate)?;
        txn.set_quick_repair(self.quick_repair);
        let mut entries = txn.open_table(ENTRIES)?;
        for (key, value) in batch.iter() {
            match value {
                Some(value) => drop(entries.insert(key, value)?),
                None => drop(entries.remove(key)?),
            }
        }
        drop(entries);
        Ok(txn.commit()?)
    }
}

impl Engine for RedbEngine {
    fn snapshot(&self) -> Result<Box<dyn EngineSnapshot>> {
        let database = self.database();
        let database = database.as_ref().ok_or_else(super::closed)?;
        // The table keeps its read transaction alive.
        let table = guarded(|| Ok(database.begin_read()?.open_table(ENTRIES)?))?;
        let sequence = CommitSequence(self.sequence.load(Ordering::Relaxed));
        Ok(Box::new(RedbSnapshot { table, sequence }))
    }

    fn commit(&self, batch: &Arc<Batch>) -> Result<CommitSequence, CommitError> {
        guarded(|| self.write(batch)).map_err(CommitError::Fatal)?;
        Ok(CommitSequence(
            self.sequence.fetch_add(1, Ordering::Relaxed) + 1,
        ))
    }

    fn check(&self) -> Result<Soundness> {
        let mut database = self.database();
        let database = database.as_mut().ok_or_else(super::closed)?;
        let sound = guarded(|| Ok(database.check_integrity()?))?;
        Ok(if sound {
            Soundness::Sound
        } else {
            Soundness::Repaired
        })
    }

    fn close(&self) -> Result<()> {
        match self.database().take() {
            Some(database) => guarded(|| Ok(database.close()?)),
            None => Ok(()),
        }
    }
}

struct RedbSnapshot {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    sequence: CommitSequence,
}

impl EngineSnapshot for RedbSnapshot {
    fn sequence(&self) -> CommitSequence {
        self.sequence
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let value = guarded(|| Ok(self.table.get_owned(key)?))?;
        Ok(value.map(Bytes::from_page))
    }

    fn scan(&self, range: &KeyRange, options: ScanOptions) -> Result<Box<dyn Cursor>> {
        let entries = guarded(|| Ok(self.table.range::<&[u8]>(range.bounds())?))?;
        Ok(Box::new(RedbCursor {
            entry: None,
            entries,
            reverse: options.reverse,
        }))
    }
}

type Guard = AccessGuard<'static, &'static [u8]>;

struct RedbCursor {
    // Dropped before the range, which keeps the read transaction alive.
    entry: Option<(Guard, Guard)>,
    entries: Range<'static, &'static [u8], &'static [u8]>,
    reverse: bool,
}

impl Cursor for RedbCursor {
    fn advance(&mut self) -> Result<bool> {
        guarded(|| {
            let entries = &mut self.entries;
            let next = if self.reverse {
                entries.next_back()
            } else {
                entries.next()
            };
            self.entry = next.transpose()?;
            Ok(self.entry.is_some())
        })
    }

    fn entry(&self) -> (&[u8], &[u8]) {
        self.entry
            .as_ref()
            .map_or((&[], &[]), |(key, value)| (key.value(), value.value()))
    }
}

fn builder(options: &StoreOptions) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    builder
}

/// Checks that a database is a store, and one that this version reads.
fn expect_format(database: &impl ReadableDatabase) -> Result<()> {
    let version = guarded(|| {
        let format = database.begin_read()?.open_table(FORMAT)?;
        Ok(format.get(VERSION)?.map(|version| version.value()))
    })?;
    match version {
        Some(FORMAT_VERSION) => Ok(()),
        Some(version) => {
            let message = format!(
                "the store has format {version}, this version reads format {FORMAT_VERSION}"
            );
            Err(Error::new(Code::StoreVersion, message))
        }
        None => Err(not_a_store()),
    }
}

/// Runs a piece of redb and gives its failures the engine's codes.
///
/// redb trusts a file that was closed in order and may panic on one that was altered since. Its own
/// state is safe then: it refuses further writes until the file is opened again.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(failure),
        Err(_) => Err(damaged("its pages contradict each other")),
    }
}

fn failure(error: redb::Error) -> Error {
    use redb::Error as E;
    match error {
        // Both are what redb says of a file that is not its own: another first line, no such table.
        E::Io(error) if error.kind() == ErrorKind::InvalidData => not_a_store(),
        E::TableDoesNotExist(_) | E::TableTypeMismatch { .. } | E::TableIsMultimap(_) => {
            not_a_store()
        }
        // A page that lies behind the end of the file.
        E::Io(error) if error.kind() == ErrorKind::UnexpectedEof => damaged("it is cut short"),
        E::Io(error) => io_error(&error),
        E::Corrupted(what) => damaged(&what),
        E::DatabaseAlreadyOpen | E::LockProtocolMismatch => {
            Error::new(Code::InUse, "the store is open elsewhere")
        }
        E::UpgradeRequired(version) => {
            let message = format!("the file has version {version} of redb's format");
            Error::new(Code::StoreVersion, message)
        }
        E::TransactionInProgress => {
            let message = "values or scans are still held: a check needs the store for itself";
            Error::new(Code::Misuse, message)
        }
        E::PreviousIo | E::LockPoisoned(_) => super::needs_reopen(),
        E::DatabaseClosed => super::closed(),
        error => Error::internal(format!("unexpected answer of the storage: {error}")),
    }
}

pub(super) fn io_error(error: &std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Code::DiskFull
        }
        _ => Code::Io,
    };
    Error::new(code, format!("the storage failed: {error}"))
}

fn damaged(what: &str) -> Error {
    Error::new(Code::Damaged, format!("the store is damaged: {what}"))
}

fn not_a_store() -> Error {
    Error::new(Code::NotAStore, "the file is not a store")
}
