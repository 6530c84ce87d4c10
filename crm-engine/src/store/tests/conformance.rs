//! What every engine must do alike, through the store.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::limits::{KEY_BYTES_MAX, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX};

#[test]
fn a_transaction_reads_its_own_operations() {
    on_each_engine(|name, store| {
        store.write(|txn| txn.put(b"a", b"1")).unwrap();
        store
            .write(|txn| {
                txn.put(b"b", b"2")?;
                txn.delete(b"a")?;
                txn.delete(b"never")?;
                assert_eq!(value(txn, b"a"), None, "{name}");
                assert_eq!(value(txn, b"b"), Some(b"2".to_vec()), "{name}");
                let both = txn.multi_get(&[b"b", b"a"])?;
                assert_eq!(both[0].as_deref(), Some(b"2".as_slice()), "{name}");
                assert_eq!(both[1], None, "{name}");
                Ok(())
            })
            .unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(value(&snapshot, b"a"), None, "{name}");
        let both = snapshot.multi_get(&[b"b", b"a"]).unwrap();
        assert_eq!(both[0].as_deref(), Some(b"2".as_slice()), "{name}");
        assert_eq!(both[1], None, "{name}");
    });
}

#[test]
fn a_snapshot_never_changes_and_sequences_rise() {
    on_each_engine(|name, store| {
        let empty = store.snapshot().unwrap();
        store.write(|txn| txn.put(b"a", b"1")).unwrap();
        let one = store.snapshot().unwrap();
        let held = one.get(b"a").unwrap().unwrap();
        store.write(|txn| txn.put(b"a", b"2")).unwrap();
        store.write(|txn| txn.delete(b"a")).unwrap();
        let last = store.snapshot().unwrap();
        assert_eq!(value(&empty, b"a"), None, "{name}");
        assert_eq!(value(&one, b"a"), Some(b"1".to_vec()), "{name}");
        assert_eq!(value(&last, b"a"), None, "{name}");
        assert!(
            empty.sequence() < one.sequence() && one.sequence() < last.sequence(),
            "{name}"
        );
        drop(one);
        assert_eq!(held, *b"1", "a value outlives its snapshot on {name}");
    });
}

#[test]
fn a_failed_or_empty_transaction_changes_nothing() {
    on_each_engine(|name, store| {
        store.write(|txn| txn.put(b"a", b"1")).unwrap();
        let before = store.snapshot().unwrap().sequence();
        let refused: Result<()> = store.write(|txn| {
            txn.put(b"a", b"2")?;
            Err(Error::new(Code::Refused, "no"))
        });
        assert_eq!(refused.unwrap_err().code(), Code::Refused, "{name}");
        let read = store.write(|txn| txn.get(b"a")).unwrap();
        assert_eq!(read.as_deref(), Some(b"1".as_slice()), "{name}");
        assert_eq!(store.snapshot().unwrap().sequence(), before, "{name}");
    });
}

#[test]
fn limits_hold_exactly_at_their_bounds() {
    let too_large = |result: Result<()>, name: &str| {
        assert_eq!(result.unwrap_err().code(), Code::TooLarge, "{name}");
    };
    on_each_engine(|name, store| {
        let key = vec![7; KEY_BYTES_MAX];
        let large = vec![9; VALUE_BYTES_MAX];
        store
            .write(|txn| {
                too_large(txn.put(&vec![7; KEY_BYTES_MAX + 1], b""), name);
                too_large(txn.delete(&vec![7; KEY_BYTES_MAX + 1]), name);
                too_large(txn.put(b"a", &vec![9; VALUE_BYTES_MAX + 1]), name);
                assert_eq!(txn.bytes(), 0, "{name}");
                txn.put(&key, &large)?;
                txn.put(b"", b"")
            })
            .unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(value(&snapshot, &key), Some(large.clone()), "{name}");
        assert_eq!(value(&snapshot, b""), Some(vec![]), "{name}");
        store
            .write(|txn| {
                let mut number = 0_u32;
                while txn.bytes() + 4 + VALUE_BYTES_MAX <= TRANSACTION_BYTES_MAX {
                    txn.put(&number.to_be_bytes(), &large)?;
                    number += 1;
                }
                let rest = TRANSACTION_BYTES_MAX - txn.bytes();
                too_large(txn.put(b"last", &vec![1; rest - 3]), name);
                txn.put(b"last", &vec![1; rest - 4])?;
                assert_eq!(txn.bytes(), TRANSACTION_BYTES_MAX, "{name}");
                too_large(txn.delete(b"x"), name);
                // What is replaced no longer counts.
                txn.put(b"last", b"small")?;
                txn.delete(b"x")
            })
            .unwrap();
    });
}

#[test]
fn a_write_inside_a_write_is_refused_and_does_no_harm() {
    on_each_engine(|name, store| {
        store
            .write(|txn| {
                let inner = store.write(|txn| txn.put(b"inner", b""));
                assert_eq!(inner.unwrap_err().code(), Code::Reentrant, "{name}");
                assert_eq!(store.close().unwrap_err().code(), Code::Reentrant, "{name}");
                assert_eq!(store.check().unwrap_err().code(), Code::Reentrant, "{name}");
                store.snapshot()?;
                txn.put(b"outer", b"")
            })
            .unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(value(&snapshot, b"inner"), None, "{name}");
        assert_eq!(value(&snapshot, b"outer"), Some(vec![]), "{name}");
    });
}

#[test]
fn a_closed_store_says_so_everywhere() {
    on_each_engine(|name, store| {
        store.write(|txn| txn.put(b"a", b"1")).unwrap();
        let snapshot = store.snapshot().unwrap();
        let mut scan = snapshot
            .scan(KeyRange::all(), ScanOptions::FORWARD)
            .unwrap();
        store.close().unwrap();
        store.close().unwrap();
        let closed = |code: Code| assert_eq!(code, Code::Closed, "{name}");
        closed(snapshot.get(b"a").unwrap_err().code());
        closed(scan.next().unwrap_err().code());
        closed(store.snapshot().unwrap_err().code());
        closed(store.write(|txn| txn.put(b"a", b"2")).unwrap_err().code());
        closed(store.check().unwrap_err().code());
    });
}

#[test]
fn a_check_finds_a_store_sound_and_expires_its_snapshots() {
    on_each_engine(|name, store| {
        store.write(|txn| txn.put(b"a", b"1")).unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(store.check().unwrap(), Soundness::Sound, "{name}");
        assert_eq!(
            snapshot.get(b"a").unwrap_err().code(),
            Code::SnapshotExpired,
            "{name}"
        );
        assert_eq!(
            value(&store.snapshot().unwrap(), b"a"),
            Some(b"1".to_vec()),
            "{name}"
        );
        store.write(|txn| txn.put(b"a", b"2")).unwrap();
    });
}

type Operations = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Short keys over few bytes, so that they meet, nest and reach the end of the order.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, 127, 255]), 0..4)
}

fn operations() -> impl Strategy<Value = Operations> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..3));
    prop::collection::vec((key(), value), 0..12)
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        Just(KeyRange::all()),
        key().prop_map(|prefix| KeyRange::prefix(&prefix)),
        (key(), prop::option::of(key()))
            .prop_map(|(start, end)| KeyRange::new(&start, end.as_deref())),
        (key(), key()).prop_map(|(prefix, last)| KeyRange::prefix(&prefix).after(&last)),
        (key(), key()).prop_map(|(prefix, last)| KeyRange::prefix(&prefix).ending_before(&last)),
        (key(), key())
            .prop_map(|(end, first)| { KeyRange::all().ending_before(&end).starting_at(&first) }),
    ]
}

fn options() -> impl Strategy<Value = ScanOptions> {
    (any::<bool>(), prop::option::of(0_usize..8)).prop_map(|(reverse, limit)| ScanOptions {
        reverse,
        limit,
        prefetch: None,
    })
}

fn expected(
    model: &BTreeMap<Vec<u8>, Vec<u8>>,
    range: &KeyRange,
    options: ScanOptions,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = model.iter().filter(|(key, _)| range.contains(key));
    let mut entries: Vec<_> = inside
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if options.reverse {
        entries.reverse();
    }
    entries.truncate(options.limit.unwrap_or(usize::MAX));
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Layers: what is durable, what is in flight, what is pending, and the transaction's own.
    #[test]
    fn reads_merge_every_layer_as_a_map_would(
        layers in prop::array::uniform4(operations()),
        scans in prop::collection::vec((range(), options()), 1..6),
    ) {
        on_each_engine(|name, store| {
            let mut model = BTreeMap::new();
            let mut batches: Vec<Batch> = Vec::new();
            for operations in &layers {
                let mut batch = Batch::default();
                for (key, value) in operations {
                    batch.set(key.clone(), value.as_deref().map(Into::into));
                    match value {
                        Some(value) => drop(model.insert(key.clone(), value.clone())),
                        None => drop(model.remove(key)),
                    }
                }
                batches.push(batch);
            }
            let [durable, in_flight, pending, own] = <[Batch; 4]>::try_from(batches).unwrap();
            store.write(|txn| apply(txn, &durable)).unwrap();
            let accepted = [Some(Arc::new(pending)), Some(Arc::new(in_flight))];
            let mut txn = Txn::new(accepted, store.snapshot().unwrap());
            apply(&mut txn, &own).unwrap();

            for (range, options) in &scans {
                let wanted = expected(&model, range, *options);
                assert_eq!(entries(&txn, range.clone(), *options), wanted, "{name} {range:?}");
            }
            for (key, _) in layers.iter().flatten() {
                assert_eq!(value(&txn, key), model.get(key).cloned(), "{name}");
            }
            // The same entries out of the engine alone.
            let merged = txn.scan(KeyRange::all(), ScanOptions::FORWARD);
            let merged = collect(merged.unwrap());
            store.write(|txn| {
                for (key, _) in layers.iter().flatten() {
                    txn.delete(key)?;
                }
                merged.iter().try_for_each(|(key, value)| txn.put(key, value))
            }).unwrap();
            let snapshot = store.snapshot().unwrap();
            for (range, options) in &scans {
                let wanted = expected(&model, range, *options);
                assert_eq!(entries(&snapshot, range.clone(), *options), wanted, "{name} {range:?}");
            }
        });
    }
}

fn apply(txn: &mut Txn, batch: &Batch) -> Result<()> {
    for (key, value) in batch.iter() {
        match value {
            Some(value) => txn.put(key, value)?,
            None => txn.delete(key)?,
        }
    }
    Ok(())
}
