//! Many threads: sharing of commits, isolation of failures, and engines that fail or conflict.

use std::sync::atomic::AtomicBool;
use std::sync::{Barrier, mpsc};
use std::thread;

use super::*;
use crate::limits::{COMMIT_ATTEMPTS_MAX, GROUP_BYTES_MAX, VALUE_BYTES_MAX};

const THREADS: u32 = 16;

/// Holds up a commit until it is released, so that a test can fill the group behind it.
struct Gate {
    reached: mpsc::Receiver<()>,
    open: Arc<Barrier>,
}

/// A store whose first commit waits at the gate; later ones are answered by `answer`.
fn gated(
    answer: impl Fn(usize) -> Option<CommitError> + Send + Sync + 'static,
) -> (Store, Arc<AtomicUsize>, Gate) {
    let (reach, reached) = mpsc::channel();
    let open = Arc::new(Barrier::new(2));
    let gate = open.clone();
    let (store, commits) = Scripted::store(move |number| {
        if number == 1 {
            reach.send(()).unwrap();
            gate.wait();
        }
        answer(number)
    });
    (store, commits, Gate { reached, open })
}

/// Waits until `bytes` are gathered behind the commit that is held up.
fn until_pending(store: &Store, bytes: usize) {
    let gathered = AtomicBool::new(false);
    while !gathered.load(Ordering::SeqCst) {
        thread::yield_now();
        gathered.store(store.0.pending_bytes() >= bytes, Ordering::SeqCst);
    }
}

#[test]
fn concurrent_transactions_share_commits_and_count_right() {
    let (store, commits) = Scripted::store(|_| {
        thread::sleep(Duration::from_millis(2));
        None
    });
    let each = 20;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..each).for_each(|_| _ = increment(&store).unwrap()));
        }
    });
    assert_eq!(count(&store), u64::from(THREADS) * each);
    let commits = commits.load(Ordering::SeqCst) as u64;
    assert!(commits < u64::from(THREADS) * each / 4, "{commits} commits");
    assert_eq!(store.snapshot().unwrap().sequence().0, commits);
}

#[test]
fn failing_and_panicking_bodies_leave_no_trace_and_neighbours_land() {
    on_each_engine(|name, store| {
        let attempts = 30_u32;
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let store = &store;
                scope.spawn(move || {
                    for attempt in 0..attempts {
                        let key = [thread.to_be_bytes(), attempt.to_be_bytes()].concat();
                        let work = || store.write(|txn| body(txn, &key, attempt));
                        let work = std::panic::AssertUnwindSafe(work);
                        let ended = std::panic::catch_unwind(work);
                        match attempt % 3 {
                            0 => assert!(ended.unwrap().is_ok()),
                            1 => assert_eq!(ended.unwrap().unwrap_err().code(), Code::Refused),
                            _ => drop(ended.unwrap_err()),
                        }
                    }
                });
            }
        });
        let landed = u64::from(THREADS * attempts / 3);
        assert_eq!(count(&store), landed, "{name}");
        let snapshot = store.snapshot().unwrap();
        let found = entries(&snapshot, KeyRange::prefix(&[0]), ScanOptions::FORWARD);
        assert_eq!(found.len() as u64, landed, "{name}");
    });
}

/// One third of the bodies succeeds, one third fails after writing, one third panics after writing.
fn body(txn: &mut Txn, key: &[u8], attempt: u32) -> Result<()> {
    let count = read_count(txn)? + 1;
    txn.put(b"count", &count.to_be_bytes())?;
    txn.put(key, b"")?;
    match attempt % 3 {
        0 => Ok(()),
        1 => Err(Error::new(Code::Refused, "no")),
        _ => std::panic::resume_unwind(Box::new("the body gives up")),
    }
}

#[test]
fn nothing_is_read_outside_before_it_is_durable_nor_answered_on_its_strength() {
    let (store, commits, gate) = gated(|_| None);
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| increment(&store).unwrap());
        gate.reached.recv().unwrap();
        // A reader inside, a refusal and a writer all stand on the transaction in flight.
        scope.spawn(|| {
            assert_eq!(store.write(|txn| read_count(txn)).unwrap(), 1);
            answered.fetch_add(1, Ordering::SeqCst);
        });
        scope.spawn(|| {
            let refusal: Result<()> = store.write(|txn| {
                assert_eq!(read_count(txn)?, 1);
                Err(Error::new(Code::Duplicate, "taken"))
            });
            assert_eq!(refusal.unwrap_err().code(), Code::Duplicate);
            answered.fetch_add(1, Ordering::SeqCst);
        });
        thread::sleep(Duration::from_millis(30));
        assert_eq!(answered.load(Ordering::SeqCst), 0);
        assert_eq!(count(&store), 0, "a snapshot shows what is durable only");
        gate.open.wait();
    });
    assert_eq!(answered.load(Ordering::SeqCst), 2);
    assert_eq!(
        commits.load(Ordering::SeqCst),
        1,
        "they needed no commit of their own"
    );
}

#[test]
fn a_fatal_commit_fails_its_group_and_what_was_built_on_it() {
    let disk_full = || CommitError::Fatal(Error::new(Code::DiskFull, "full"));
    let (store, commits, gate) = gated(move |_| Some(disk_full()));
    thread::scope(|scope| {
        let first = scope.spawn(|| increment(&store));
        gate.reached.recv().unwrap();
        let second = scope.spawn(|| increment(&store));
        let reader = scope.spawn(|| store.write(|txn| read_count(txn)));
        until_pending(&store, 1);
        gate.open.wait();
        assert_eq!(first.join().unwrap().unwrap_err().code(), Code::DiskFull);
        assert_eq!(
            second.join().unwrap().unwrap_err().code(),
            Code::NeedsReopen
        );
        assert!(reader.join().unwrap().is_err());
    });
    assert_eq!(increment(&store).unwrap_err().code(), Code::NeedsReopen);
    assert_eq!(
        commits.load(Ordering::SeqCst),
        1,
        "nothing is tried after a failure"
    );
    assert_eq!(count(&store), 0, "the published snapshot still reads");
    store.close().unwrap();
}

#[test]
fn an_engine_that_lost_track_is_not_asked_again() {
    let (store, _) = Scripted::store(|_| Some(CommitError::Unknown));
    assert_eq!(increment(&store).unwrap_err().code(), Code::Unknown);
    assert_eq!(increment(&store).unwrap_err().code(), Code::NeedsReopen);
}

#[test]
fn an_engine_that_panics_fails_its_group() {
    let (store, _) = Scripted::store(|_| std::panic::resume_unwind(Box::new("a defect")));
    assert_eq!(increment(&store).unwrap_err().code(), Code::Internal);
    assert_eq!(increment(&store).unwrap_err().code(), Code::NeedsReopen);
}

#[test]
fn transactions_run_again_after_a_conflict() {
    let (store, _, gate) = gated(|number| (number % 3 == 1).then_some(CommitError::Conflict));
    thread::scope(|scope| {
        scope.spawn(|| increment(&store).unwrap());
        gate.reached.recv().unwrap();
        // Built on what is about to conflict.
        for _ in 1..THREADS {
            scope.spawn(|| increment(&store).unwrap());
        }
        until_pending(&store, 1);
        gate.open.wait();
    });
    assert_eq!(count(&store), u64::from(THREADS));

    let (store, commits) = Scripted::store(|_| Some(CommitError::Conflict));
    assert_eq!(increment(&store).unwrap_err().code(), Code::Conflict);
    assert_eq!(commits.load(Ordering::SeqCst), COMMIT_ATTEMPTS_MAX);
}

#[test]
fn a_batch_too_large_for_the_engine_fails_alone() {
    let (store, _) = Scripted::store(|number| (number == 1).then_some(CommitError::TooLarge));
    assert_eq!(increment(&store).unwrap_err().code(), Code::TooLarge);
    assert_eq!(increment(&store).unwrap(), 1);
}

#[test]
fn writers_wait_when_the_group_is_full() {
    let largest = AtomicUsize::new(0);
    let (store, _, gate) = gated(|_| None);
    thread::scope(|scope| {
        scope.spawn(|| increment(&store).unwrap());
        gate.reached.recv().unwrap();
        for thread in 0..8_u32 {
            let (store, largest) = (&store, &largest);
            scope.spawn(move || {
                store
                    .write(|txn| {
                        for number in 0..80_u32 {
                            let key = [thread.to_be_bytes(), number.to_be_bytes()].concat();
                            txn.put(&key, &vec![0; VALUE_BYTES_MAX])?;
                        }
                        Ok(())
                    })
                    .unwrap();
                largest.fetch_max(store.0.pending_bytes(), Ordering::SeqCst);
            });
        }
        // Four of the eight transactions of 7.4 MB fit; the next one waits.
        until_pending(&store, 80 * 4 * VALUE_BYTES_MAX);
        thread::sleep(Duration::from_millis(20));
        largest.fetch_max(store.0.pending_bytes(), Ordering::SeqCst);
        gate.open.wait();
    });
    assert!(largest.into_inner() <= GROUP_BYTES_MAX);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(
        entries(&snapshot, KeyRange::prefix(&[0]), ScanOptions::FORWARD).len(),
        8 * 80
    );
}

#[test]
fn closing_waits_for_the_writes_under_way() {
    let (store, _, gate) = gated(|_| None);
    thread::scope(|scope| {
        let first = scope.spawn(|| increment(&store));
        gate.reached.recv().unwrap();
        let second = scope.spawn(|| increment(&store));
        until_pending(&store, 1);
        let close = scope.spawn(|| store.close());
        thread::sleep(Duration::from_millis(10));
        gate.open.wait();
        close.join().unwrap().unwrap();
        assert_eq!(first.join().unwrap().unwrap(), 1);
        assert_eq!(second.join().unwrap().unwrap(), 2);
    });
}

fn read_count(source: &impl Read) -> Result<u64> {
    let count = source.get(b"count")?;
    Ok(count.map_or(0, |bytes| u64::from_be_bytes(bytes[..].try_into().unwrap())))
}

fn count(store: &Store) -> u64 {
    read_count(&store.snapshot().unwrap()).unwrap()
}

fn increment(store: &Store) -> Result<u64> {
    store.write(|txn| {
        let count = read_count(txn)? + 1;
        txn.put(b"count", &count.to_be_bytes())?;
        Ok(count)
    })
}
