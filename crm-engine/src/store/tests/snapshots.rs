//! Snapshots held too long.

use super::*;
use crate::store::fault::SimulatedDisk;

fn short_lived() -> StoreOptions {
    StoreOptions {
        reader_age_max: Duration::ZERO,
        ..StoreOptions::default()
    }
}

/// Overwrites the same entries, so that a store without readers keeps its size.
fn overwrite(store: &Store, times: u8) {
    for byte in 0..times {
        store
            .write(|txn| (0..64_u8).try_for_each(|key| txn.put(&[key], &vec![byte; 2_000])))
            .unwrap();
    }
}

#[test]
fn the_newest_snapshot_never_expires_and_a_replaced_one_does() {
    let store = Store::with_engine(Box::<MemoryEngine>::default(), &short_lived()).unwrap();
    store.write(|txn| txn.put(b"a", b"1")).unwrap();
    let snapshot = store.snapshot().unwrap();
    let copy = snapshot.clone();
    let mut scan = copy.scan(KeyRange::all(), ScanOptions::FORWARD).unwrap();
    let held = snapshot.get(b"a").unwrap().unwrap();
    store.write(|txn| txn.put(b"a", b"2")).unwrap();
    for read in [&snapshot, &copy] {
        assert_eq!(read.get(b"a").unwrap_err().code(), Code::SnapshotExpired);
        let scan = read.scan(KeyRange::all(), ScanOptions::FORWARD);
        assert_eq!(scan.err().unwrap().code(), Code::SnapshotExpired);
    }
    assert_eq!(scan.next().unwrap_err().code(), Code::SnapshotExpired);
    assert_eq!(scan.next().unwrap_err().code(), Code::SnapshotExpired);
    assert_eq!(held, *b"1");
    assert_eq!(value(&store.snapshot().unwrap(), b"a"), Some(b"2".to_vec()));
}

#[test]
fn a_snapshot_younger_than_its_age_goes_on() {
    let store = Store::memory();
    store.write(|txn| txn.put(b"a", b"1")).unwrap();
    let snapshot = store.snapshot().unwrap();
    (0..10).for_each(|_| store.write(|txn| txn.put(b"a", b"2")).unwrap());
    assert_eq!(value(&snapshot, b"a"), Some(b"1".to_vec()));
}

/// A reader that nobody ended grew a file from 41 MB to 428 MB under updates.
#[test]
fn an_expired_snapshot_releases_its_pages_while_it_is_held() {
    let size = |options: &StoreOptions, hold: bool| {
        let disk = SimulatedDisk::default();
        let store = disk.create_store("base.crm", options).unwrap();
        overwrite(&store, 4);
        let held = hold.then(|| store.snapshot().unwrap());
        overwrite(&store, 60);
        drop(held);
        disk.bytes()
    };
    let free = size(&StoreOptions::default(), false);
    let pinned = size(&StoreOptions::default(), true);
    let expired = size(&short_lived(), true);
    assert!(
        pinned > 4 * free,
        "the case shows nothing: {pinned} against {free} bytes"
    );
    assert!(expired < 2 * free, "{expired} against {free} bytes");
}

#[test]
fn the_memory_engine_drops_versions_that_nobody_sees() {
    let engine = MemoryEngine::default();
    let commit = |key: &str, value: Option<&[u8]>| {
        let mut batch = Batch::default();
        batch.set(key.into(), value.map(Into::into));
        engine.commit(&Arc::new(batch)).unwrap();
    };
    commit("a", Some(b"1"));
    let snapshot = engine.snapshot().unwrap();
    commit("a", Some(b"2"));
    commit("a", None);
    assert_eq!(engine.versions(), 3);
    assert_eq!(snapshot.get(b"a").unwrap().unwrap(), *b"1");
    drop(snapshot);
    commit("b", Some(b"1"));
    assert_eq!(
        engine.versions(),
        1,
        "the deleted key is gone with its versions"
    );
}

#[test]
fn a_check_is_refused_while_pages_are_held() {
    let disk = SimulatedDisk::default();
    let store = disk
        .create_store("base.crm", &StoreOptions::default())
        .unwrap();
    store.write(|txn| txn.put(b"a", b"1")).unwrap();
    let held = store.snapshot().unwrap().get(b"a").unwrap();
    assert_eq!(store.check().unwrap_err().code(), Code::Misuse);
    drop(held);
    assert_eq!(store.check().unwrap(), Soundness::Sound);
    store.write(|txn| txn.put(b"a", b"2")).unwrap();
}
