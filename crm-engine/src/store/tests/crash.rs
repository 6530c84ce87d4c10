//! Power cuts, failing operations and full disks, on a simulated disk, from seeds.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::thread;

use super::model::{check, run_next};
use super::*;
use crate::store::fault::{Fault, Random, SimulatedDisk};

const NAME: &str = "base.crm";
/// Transactions in the store that every case begins with.
const BEFORE: u64 = 40;
const CUTS: u64 = 2_000;

/// A small cache, so that pages are read again and not only remembered.
fn options(random: &mut Random) -> StoreOptions {
    let cache_bytes = if random.below(2) == 0 {
        64 * 1_024
    } else {
        8 * 1_024 * 1_024
    };
    StoreOptions {
        cache_bytes,
        quick_repair: random.below(3) == 0,
        ..StoreOptions::default()
    }
}

/// The disk every case begins with: a store closed in order, or left by a process that ended
/// without closing it.
fn beginning(random: &mut Random) -> SimulatedDisk {
    static CLOSED: LazyLock<SimulatedDisk> = LazyLock::new(|| filled(true));
    static LEFT: LazyLock<SimulatedDisk> = LazyLock::new(|| filled(false));
    let disk = if random.below(3) == 0 { &LEFT } else { &CLOSED };
    disk.after_restart()
}

fn filled(close: bool) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let store = disk.create_store(NAME, &StoreOptions::default()).unwrap();
    for _ in 0..BEFORE {
        run_next(&store).unwrap();
    }
    if close {
        store.close().unwrap();
        disk
    } else {
        disk.after_restart()
    }
}

/// What a case did before it was stopped.
struct Run {
    acknowledged: u64,
    begun: u64,
    error: Option<Error>,
}

/// Opens the store and runs transactions until something fails, at most `transactions` of them.
fn run(disk: &SimulatedDisk, random: &mut Random, transactions: u64) -> Run {
    let store = match disk.open_store(NAME, &options(random)) {
        Ok(store) => store,
        Err(error) => {
            return Run {
                acknowledged: BEFORE,
                begun: BEFORE,
                error: Some(error),
            };
        }
    };
    let acknowledged = AtomicU64::new(BEFORE);
    let begun = AtomicU64::new(BEFORE);
    let errors = std::sync::Mutex::new(Vec::new());
    let work = || {
        while begun.fetch_add(1, Ordering::SeqCst) < BEFORE + transactions {
            match run_next(&store) {
                Ok(n) => drop(acknowledged.fetch_max(n, Ordering::SeqCst)),
                Err(error) => return errors.lock().unwrap().push(error),
            }
        }
    };
    if random.below(4) == 0 {
        thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    } else {
        work();
    }
    let _ = store.close();
    let mut errors = errors.into_inner().unwrap();
    errors.sort_by_key(|error| error.code() == Code::NeedsReopen);
    Run {
        acknowledged: acknowledged.into_inner(),
        begun: begun.into_inner(),
        error: errors.into_iter().next(),
    }
}

/// Opens what survived, which may be cut again, and checks it.
fn recover(mut disk: SimulatedDisk, random: &mut Random, run: &Run) -> Result<(), String> {
    for _ in 0..random.below(3) {
        disk.schedule(Fault::PowerCut {
            operations: random.below(12),
        });
        let store = disk.open_store(NAME, &options(random));
        drop(store);
        disk = disk.after_power_cut(random.next_number());
    }
    disk.schedule(Fault::None);
    let store = disk
        .open_store(NAME, &options(random))
        .map_err(|error| format!("{error:?}"))?;
    let n = check(&store, run.acknowledged, run.begun)?;
    let next = run_next(&store).map_err(|error| format!("{error:?}"))?;
    if next != n + 1 {
        return Err(format!("transaction {next} follows {n}"));
    }
    store.check().map_err(|error| format!("{error:?}"))?;
    Ok(())
}

/// Runs a case for each seed; a failure names the seed.
fn for_each_seed(seeds: u64, case: impl Fn(&mut Random) -> Result<(), String>) {
    for seed in 0..seeds {
        if let Err(what) = case(&mut Random::new(seed)) {
            panic!("seed {seed}: {what}");
        }
    }
}

#[test]
fn power_cuts_lose_nothing_acknowledged_and_leave_nothing_half() {
    for_each_seed(CUTS, |random| {
        let disk = beginning(random);
        disk.schedule(Fault::PowerCut {
            operations: random.below(90),
        });
        // Few transactions leave the cut to the close.
        let transactions = 1 + random.below(12);
        let run = run(&disk, random, transactions);
        recover(disk.after_power_cut(random.next_number()), random, &run)
    });
}

#[test]
fn a_cut_while_a_store_is_made_leaves_an_empty_store_or_none() {
    for_each_seed(200, |random| {
        let disk = SimulatedDisk::default();
        disk.schedule(Fault::PowerCut {
            operations: random.below(30),
        });
        let made = disk.create_store(NAME, &options(random));
        let complete = made.is_ok();
        drop(made);
        let disk = disk.after_power_cut(random.next_number());
        match disk.open_store(NAME, &options(random)) {
            Ok(store) => check(&store, 0, 0).map(drop),
            Err(error) if error.code() == Code::NotAStore && !complete => Ok(()),
            Err(error) => Err(format!("{error:?}, complete: {complete}")),
        }
    });
}

#[test]
fn a_failing_operation_gives_its_code_and_loses_nothing() {
    for_each_seed(300, |random| {
        let disk = beginning(random);
        disk.schedule(Fault::Error {
            operations: random.below(90),
        });
        let run = run(&disk, random, 12);
        match &run.error {
            Some(error) if error.code() != Code::Io => return Err(format!("{error:?}")),
            _ => {}
        }
        let rest = if random.below(2) == 0 {
            disk.after_restart()
        } else {
            disk.after_power_cut(random.next_number())
        };
        recover(rest, random, &run)
    });
}

#[test]
fn a_full_disk_gives_its_code_and_loses_nothing() {
    let full = AtomicUsize::new(0);
    for_each_seed(40, |random| {
        let disk = beginning(random);
        let bytes_max = disk.bytes() + random.below(100_000);
        disk.schedule(Fault::Full { bytes_max });
        let run = run(&disk, random, 1_000);
        match &run.error {
            Some(error) if error.code() == Code::DiskFull => full.fetch_add(1, Ordering::SeqCst),
            Some(error) => return Err(format!("{error:?}")),
            None => 0,
        };
        // Opening works while the disk is still full.
        let rest = disk.after_restart();
        rest.schedule(Fault::Full { bytes_max });
        let store = rest.open_store(NAME, &options(random));
        let store = store.map_err(|error| format!("on the full disk: {error:?}"))?;
        check(&store, run.acknowledged, run.begun)?;
        drop(store);
        recover(rest.after_restart(), random, &run)
    });
    assert!(full.into_inner() > 0, "no case filled the disk");
}

#[test]
fn after_a_failed_write_the_store_wants_to_be_opened_again() {
    let disk = filled(true);
    let store = disk.open_store(NAME, &StoreOptions::default()).unwrap();
    let before = store.snapshot().unwrap();
    disk.schedule(Fault::Error { operations: 2 });
    assert_eq!(run_next(&store).unwrap_err().code(), Code::Io);
    assert_eq!(run_next(&store).unwrap_err().code(), Code::NeedsReopen);
    assert_eq!(store.snapshot().unwrap().sequence(), before.sequence());
    assert_eq!(store.check().unwrap_err().code(), Code::NeedsReopen);
    drop(store);
    let store = disk.open_store(NAME, &StoreOptions::default()).unwrap();
    check(&store, BEFORE, BEFORE + 1).unwrap();
    run_next(&store).unwrap();
}
