//! Writes from sixteen threads: how long one takes of all of them.

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Instant;

use crm_engine::{Params, Result};

use super::{Write, Writer, addition};
use crate::data::{Data, Role};
use crate::engine::Ours;
use crate::report::{Figure, Pair, Report};
use crate::sqlite;

const THREADS: usize = 16;
/// Writes of each thread in a round.
const EACH: usize = 25;
/// Requests of one commit at most.
const GROUP_MAX: usize = 64;

/// The ways of SQLite, and how many times faster the engine is meant to be.
const WAYS: [(&str, Option<f64>); 3] = [
    ("SQLite busy", None),
    ("SQLite mutex", Some(10.0)),
    ("SQLite group", Some(4.0)),
];

/// The engine in turns with sixteen connections that wait for one another, with one connection
/// behind a mutex, and with one thread that commits for all who wait. `next` is the first number
/// that no addition had.
pub fn together(
    (data, rounds, mut next): (Data, usize, usize),
    path: &Path,
    (ours, engine): (&Ours, &Writer),
    report: &mut Report,
) -> Result<()> {
    let mut writes = || {
        let writes = (next..next + THREADS * EACH).map(|number| addition(data, number));
        let writes = writes.collect::<Vec<Write>>();
        next += writes.len();
        writes
    };
    let mutex = Mutex::new(sqlite::Writer::open(path, ours.ids.clone()).unwrap());
    let busy: Vec<Mutex<sqlite::Writer>> = (0..THREADS)
        .map(|_| Mutex::new(sqlite::Writer::open(path, ours.ids.clone()).unwrap()))
        .collect();
    let group = Mutex::new(sqlite::Writer::open(path, ours.ids.clone()).unwrap());
    let before = (companies(ours)?, mutex.lock().unwrap().companies().unwrap());
    let mut taken = [const { Vec::new() }; WAYS.len()];
    for _ in 0..rounds {
        // Each way has rows of its own: tax numbers are unique.
        for (way, taken) in taken.iter_mut().enumerate() {
            let writes = writes();
            let engine = timed(&writes, |_, write| engine.write(write).unwrap());
            let peer = match way {
                0 => timed(&writes, |thread, write| {
                    let connection = busy[thread].lock().unwrap();
                    connection.write(write).unwrap();
                }),
                1 => timed(&writes, |_, write| {
                    mutex.lock().unwrap().write(write).unwrap();
                }),
                _ => grouped(&writes, &group),
            };
            taken.push(Pair { engine, peer });
        }
    }
    // Everything that was acknowledged is there.
    let added = (rounds * WAYS.len() * THREADS * EACH) as i64;
    assert_eq!(companies(ours)? - before.0, added);
    assert_eq!(mutex.lock().unwrap().companies().unwrap() - before.1, added);
    for ((peer, target), rounds) in WAYS.into_iter().zip(taken) {
        report.add(Figure {
            n: data.n,
            row: "W2",
            what: format!("W1 from {THREADS} threads"),
            under: Role::Employee.name(),
            peer: peer.to_owned(),
            unit: "us",
            target,
            rounds,
        });
    }
    Ok(())
}

fn companies(ours: &Ours) -> Result<i64> {
    let host = ours.host();
    let mut rows = host.query("SELECT count(*) FROM company", &Params::new())?;
    let count = rows.next()?.and_then(|row| row[0].as_integer());
    Ok(count.unwrap_or_default())
}

/// Microseconds of one write, where each thread makes its part of them.
fn timed(writes: &[Write], write: impl Fn(usize, &Write) + Sync) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for (thread, part) in writes.chunks(writes.len().div_ceil(THREADS)).enumerate() {
            let write = &write;
            scope.spawn(move || part.iter().for_each(|each| write(thread, each)));
        }
    });
    begun.elapsed().as_secs_f64() * 1e6 / writes.len() as f64
}

/// What waits for a commit: a write, and whom to tell.
struct Request<'w> {
    write: &'w Write,
    done: SyncSender<bool>,
}

/// The same with a group commit by hand: one thread writes what has gathered while it committed, each
/// request in a savepoint, and tells all of them when they are durable.
fn grouped(writes: &[Write], writer: &Mutex<sqlite::Writer>) -> f64 {
    let (sender, receiver) = channel::<Request<'_>>();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || commit_groups(&writer.lock().unwrap(), &receiver));
        for part in writes.chunks(writes.len().div_ceil(THREADS)) {
            let sender: Sender<Request<'_>> = sender.clone();
            scope.spawn(move || {
                for write in part {
                    let (done, told) = sync_channel(1);
                    sender.send(Request { write, done }).unwrap();
                    assert!(told.recv().unwrap(), "a write was refused");
                }
            });
        }
        drop(sender);
    });
    begun.elapsed().as_secs_f64() * 1e6 / writes.len() as f64
}

fn commit_groups(writer: &sqlite::Writer, receiver: &Receiver<Request<'_>>) {
    while let Ok(first) = receiver.recv() {
        let mut group = vec![first];
        group.extend(receiver.try_iter().take(GROUP_MAX - 1));
        let writes = group.iter().map(|request| request.write);
        let results = writer.write_together(writes).unwrap();
        for (request, result) in group.iter().zip(results) {
            // Who no longer waits need not be told.
            let _ = request.done.send(result.is_ok());
        }
    }
}
