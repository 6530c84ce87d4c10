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

/// Cuts and tells of it, as the door does.
fn cut_before(store: &Store, before: &str) -> Option<Cut> {
    let before = before.parse().unwrap();
    let at = "2026-03-09T09:00:00Z".parse().unwrap();
    store
        .write(|txn| {
            let cut = cut(txn, before)?;
            if let Some(cut) = &cut {
                let event = cut.event();
                let draft = Draft {
                    event: Some(&event),
                    ..draft(at, "journal.cut")
                };
                append(txn, &draft, &[])?;
            }
            Ok(cut)
        })
        .unwrap()
}

#[test]
fn a_cut_leaves_a_chain_that_accounts_for_it() {
    let store = journal();
    assert!(cut_before(&store, "2026-03-01T09:00:00Z").is_none());
    let cut = cut_before(&store, "2026-03-02T00:00:00Z").unwrap();
    assert_eq!(
        (cut.entries, cut.end.sequence, cut.more),
        (3, Sequence(3), false)
    );
    let snapshot = store.snapshot().unwrap();
    let left = read_after(&snapshot, Sequence(0), 10).unwrap();
    let kinds: Vec<bool> = left.iter().map(|entry| entry.event.is_some()).collect();
    assert_eq!(kinds, [false, true]);
    assert_eq!(
        verify(&snapshot).unwrap(),
        ChainReport {
            entries: 2,
            broken: None
        }
    );
    assert_eq!(head(&snapshot).unwrap().sequence, Sequence(5));

    // A second cut takes the marker of the first one with it, and leaves its own.
    let cut = cut_before(&store, "2026-03-10T00:00:00Z").unwrap();
    assert_eq!((cut.entries, cut.end.sequence), (1, Sequence(4)));
    assert_eq!(verify(&store.snapshot().unwrap()).unwrap().broken, None);
    assert_eq!(
        cut_before(&store, "2026-03-10T00:00:00Z").unwrap().entries,
        1
    );
    let report = verify(&store.snapshot().unwrap()).unwrap();
    assert_eq!(
        report,
        ChainReport {
            entries: 2,
            broken: None
        }
    );
}

/// Somebody takes the beginning away and writes down a beginning of his own.
#[test]
fn a_beginning_that_nobody_cut_is_a_break() {
    let store = journal();
    let event = |store: &Store| {
        let at = "2026-03-09T09:00:00Z".parse().unwrap();
        store.write(|txn| cut(txn, at)).unwrap().unwrap()
    };
    event(&store);
    let report = verify(&store.snapshot().unwrap()).unwrap();
    assert_eq!(report.broken.unwrap(), "nobody cut off what stood before 4");
}

#[test]
fn events_come_back_as_they_were() {
    let store = Store::memory();
    let event = Event {
        kind: EventKind::LoginRefused,
        detail: serde_json::json!({"login": "anna", "origin": {"ip": "10.0.0.1"}}),
    };
    let draft = Draft {
        session: Sequence(17),
        event: Some(&event),
        ..draft("2026-03-01T09:00:00Z".parse().unwrap(), "login")
    };
    store.write(|txn| append(txn, &draft, &[])).unwrap();
    let entry = at(&store.snapshot().unwrap(), Sequence(1))
        .unwrap()
        .unwrap();
    assert_eq!(entry.event, Some(event));
    assert_eq!(entry.session, Sequence(17));
    for kind in EventKind::ALL {
        assert_eq!(EventKind::by_number(kind.number()), Some(*kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}
