//! The chain: long entries, reading from a position, and every kind of tampering.

use super::*;
use crate::store::Store;

fn change(id: u64) -> Change {
    Change {
        kind: ChangeKind::Update,
        object: ObjectId(7),
        id: RecordId::new(id).unwrap(),
        version: Version(3),
        owner: Some(UserId(RecordId::new(9).unwrap())),
        digest: [5; 16],
    }
}

fn draft(at: DateTime<Utc>, action: &str) -> Draft<'_> {
    Draft {
        at,
        actor: None,
        session: Sequence(0),
        action,
        event: None,
    }
}

/// A journal of four entries, the third of three rows.
fn journal() -> Store {
    let store = Store::memory();
    for (action, changes) in [("a", 1), ("b", 0), ("c", 2 * CHANGES_PER_ROW + 1), ("d", 2)] {
        let changes: Vec<Change> = (1..=changes as u64).map(change).collect();
        let at = "2026-03-01T09:00:00.250Z".parse().unwrap();
        store
            .write(|txn| append(txn, &draft(at, action), &changes))
            .unwrap();
    }
    store
}

#[test]
fn entries_are_read_from_a_position() {
    let store = journal();
    let snapshot = store.snapshot().unwrap();
    let all = read_after(&snapshot, Sequence(0), 10).unwrap();
    let sizes: Vec<usize> = all.iter().map(|entry| entry.changes.len()).collect();
    assert_eq!(sizes, [1, 0, 2 * CHANGES_PER_ROW + 1, 2]);
    assert_eq!(all[0].changes[0], change(1));
    let page = read_after(&snapshot, Sequence(1), 2).unwrap();
    assert_eq!(page, all[1..3]);
    assert!(read_after(&snapshot, Sequence(4), 2).unwrap().is_empty());
    assert_eq!(head(&snapshot).unwrap().sequence, Sequence(4));
    let report = verify(&snapshot).unwrap();
    assert_eq!(
        report,
        ChainReport {
            entries: 4,
            broken: None
        }
    );
}

#[test]
fn every_altered_or_missing_row_is_found() {
    let rows = {
        let store = journal();
        let snapshot = store.snapshot().unwrap();
        let mut rows = Vec::new();
        let mut scan = snapshot
            .scan(keys::journal_all(), ScanOptions::default())
            .unwrap();
        while let Some((key, row)) = scan.next().unwrap() {
            rows.push((key.to_vec(), row.to_vec()));
        }
        rows
    };
    assert_eq!(rows.len(), 6);
    for at in 0..rows.len() {
        let (key, row) = &rows[at];
        for byte in [0, row.len() / 2, row.len() - 1] {
            let store = journal();
            let mut altered = row.clone();
            altered[byte] ^= 1;
            store.write(|txn| txn.put(key, &altered)).unwrap();
            let broken = verify(&store.snapshot().unwrap()).unwrap().broken;
            assert!(broken.is_some(), "row {at} byte {byte}");
        }
        if at + 1 < rows.len() {
            let store = journal();
            store.write(|txn| txn.delete(key)).unwrap();
            assert!(
                verify(&store.snapshot().unwrap()).unwrap().broken.is_some(),
                "row {at} cut out"
            );
        }
    }
}
