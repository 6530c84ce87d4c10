//! Stores in files: what is made, what is refused, and what is left untouched.

use std::fs;
use std::path::PathBuf;

use super::model::run_next;
use super::*;
use crate::store::fault::Random;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn open(path: &Path) -> Result<Store> {
    Store::open(path, &StoreOptions::default())
}

fn create(path: &Path) -> Result<Store> {
    Store::create(path, &StoreOptions::default())
}

/// A closed store with some entries.
fn filled(path: &Path) {
    let store = create(path).unwrap();
    (0..30).for_each(|_| _ = run_next(&store).unwrap());
    store.close().unwrap();
}

/// Checks that opening a file fails with a code, names the file, and leaves it as it is.
fn refuses(path: &Path, content: &[u8], code: Code) {
    fs::write(path, content).unwrap();
    let error = open(path).unwrap_err();
    assert_eq!(error.code(), code, "{error:?}");
    assert!(error.message().contains("base.crm"), "{error:?}");
    assert!(fs::read(path).unwrap() == content, "the file was changed");
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    filled(&path);
    let store = open(&path).unwrap();
    model::check(&store, 30, 30).unwrap();
    assert_eq!(store.check().unwrap(), Soundness::Sound);
    drop(store);
    drop(open(&path).unwrap());
}

#[test]
fn an_open_store_is_in_use_until_it_is_closed() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    let store = create(&path).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(open(&path).unwrap_err().code(), Code::InUse);
    store.close().unwrap();
    drop(open(&path).unwrap());
    assert_eq!(snapshot.get(b"a").unwrap_err().code(), Code::Closed);
}

#[test]
fn create_refuses_what_exists_and_leaves_nothing_when_it_fails() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    fs::write(&path, b"precious").unwrap();
    let error = create(&path).unwrap_err();
    assert_eq!(error.code(), Code::InvalidValue);
    assert!(error.message().contains("base.crm"), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");

    let missing = folder.path("nowhere").join("base.crm");
    assert_eq!(create(&missing).unwrap_err().code(), Code::Io);
    assert!(!missing.exists());
}

#[test]
fn a_missing_file_is_named() {
    let error = open(&Folder::new().path("base.crm")).unwrap_err();
    assert_eq!(error.code(), Code::Io);
    assert!(error.message().contains("base.crm"), "{error:?}");
}

#[test]
fn files_of_another_kind_are_refused_untouched() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    refuses(&path, b"", Code::NotAStore);
    refuses(&path, b"redb", Code::NotAStore);
    refuses(&path, b"SQLite format 3\0 and so on", Code::NotAStore);
    refuses(&path, &[0; 100_000], Code::NotAStore);

    // A database of redb, but of another program.
    let other = folder.path("other");
    let database = redb::Database::create(&other).unwrap();
    let txn = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, u64>::new("entries");
    txn.open_table(table).unwrap().insert("a", 1).unwrap();
    txn.commit().unwrap();
    drop(database);
    refuses(&path, &fs::read(&other).unwrap(), Code::NotAStore);
}

#[test]
fn a_later_format_is_refused_untouched() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    filled(&path);
    let database = redb::Database::open(&path).unwrap();
    let txn = database.begin_write().unwrap();
    let table = redb::TableDefinition::<&str, u64>::new("crm-engine format");
    txn.open_table(table).unwrap().insert("version", 2).unwrap();
    txn.commit().unwrap();
    drop(database);
    refuses(&path, &fs::read(&path).unwrap(), Code::StoreVersion);
}

#[test]
fn a_file_cut_short_is_damaged_and_left_untouched() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    filled(&path);
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() - 1, whole.len() / 2, 5_000, 4_096, 100] {
        refuses(&path, &whole[..length], Code::Damaged);
    }
}

/// redb compares no checksums when it opens a file that was closed in order. What it does notice
/// must have its code and leave the file alone; what it does not, a check must find.
#[test]
fn a_flipped_byte_is_found_by_opening_or_by_a_check() {
    let folder = Folder::new();
    let path = folder.path("base.crm");
    filled(&path);
    let sound = fs::read(&path).unwrap();
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let place = random.below(sound.len() as u64) as usize;
        let mut altered = sound.clone();
        altered[place] ^= 1 << random.below(8);
        fs::write(&path, &altered).unwrap();
        match open(&path) {
            Err(error) => {
                assert_ne!(error.code(), Code::Internal, "byte {place}: {error:?}");
                assert!(
                    fs::read(&path).unwrap() == altered,
                    "byte {place}: the file was changed"
                );
            }
            Ok(store) => {
                if store.check().is_ok() {
                    model::check(&store, 30, 30)
                        .unwrap_or_else(|what| panic!("byte {place} was not noticed: {what}"));
                }
            }
        }
    }
}
