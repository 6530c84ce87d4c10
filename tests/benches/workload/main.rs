//! The CRM workload: the engine beside SQLite written by hand, on the same data in one process.
//!
//! `cargo bench -p crm-tests --bench workload -- --n 100000 --rows R1,R3,R5`
//!
//! Both systems are loaded from one seed and must give equal answers, row by row and value by
//! value, before anything is timed. Rounds are interleaved; a line of the table gives medians of
//! all rounds and the ratios of single rounds from the smallest to the largest. Only ratios of one
//! run count, machines are noisy. `README.md` of this crate tells more.
#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has failed"
)]
#![allow(
    unreachable_pub,
    reason = "a program has no other crate to be reached from"
)]

mod data;
mod engine;
mod rights;
mod sqlite;
mod table;
mod work;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use data::{Data, Parts};
use engine::Ours;
use sqlite::Sqlite;
use work::Peer;

struct Arguments {
    data: Data,
    rows: Vec<String>,
    rounds: usize,
    keep: Option<PathBuf>,
    /// Only the engine answers, for so many seconds a row: to be watched by a profiler.
    alone_seconds: u64,
}

fn main() {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            println!("{message}");
            std::process::exit(2);
        }
    };
    let scratch = tempfile::tempdir().unwrap();
    let folder = arguments.keep.as_deref().unwrap_or(scratch.path());
    let (mut ours, mut peers) = systems(folder, arguments.data);
    if arguments.alone_seconds > 0 {
        for row in work::rows(arguments.data, &arguments.rows) {
            table::alone(
                &row,
                Duration::from_secs(arguments.alone_seconds),
                &mut ours,
            );
        }
        return;
    }
    println!(
        "\nN = {}, seed {}, {} rounds\n",
        arguments.data.n, arguments.data.seed, arguments.rounds
    );
    table::head();
    for row in work::rows(arguments.data, &arguments.rows) {
        for peer in &mut peers {
            if !row.peers.contains(&peer.peer()) {
                continue;
            }
            table::compare(&row, &mut ours, peer);
            let measured = table::measure(&row, arguments.rounds, &mut ours, peer);
            measured.print(&row, work::System::name(peer));
        }
    }
    let asked = |row: &str| arguments.rows.iter().any(|asked| asked == row);
    if asked("W7") {
        rights::move_department(arguments.data, &mut ours, &mut peers[0]).unwrap();
    }
    if asked("D") {
        rights::decisions(arguments.data, &ours).unwrap();
        rights::plans().unwrap();
    }
}

/// Loads both systems, unless the folder holds them from an earlier run.
fn systems(folder: &Path, data: Data) -> (Ours, [Sqlite; 3]) {
    let path = |end: &str| {
        let parts = match data.parts {
            Parts::Companies => "companies",
            Parts::Deals => "deals",
            Parts::All => "all",
        };
        folder.join(format!("workload-{}-{}-{parts}.{end}", data.n, data.seed))
    };
    let (crm, sqlite) = (path("crm"), path("sqlite"));
    let timed = |what: &str, path: &Path, load: &mut dyn FnMut()| {
        let begun = Instant::now();
        load();
        let bytes = std::fs::metadata(path).map_or(0, |file| file.len());
        println!(
            "loaded {what} in {:.1} s, {} bytes for each company",
            begun.elapsed().as_secs_f64(),
            bytes / data.n as u64
        );
    };
    if !crm.exists() {
        timed("the engine", &crm, &mut || Ours::load(&crm, data).unwrap());
    }
    let ours = Ours::open(&crm).unwrap();
    if !sqlite.exists() {
        timed("SQLite", &sqlite, &mut || {
            Sqlite::load(&sqlite, data, &ours.ids).unwrap()
        });
    }
    let peers = [Peer::Plain, Peer::Fts5, Peer::Sums];
    let peers = peers.map(|peer| Sqlite::open(&sqlite, ours.ids.clone(), peer).unwrap());
    (ours, peers)
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        data: Data {
            n: 10_000,
            seed: 1,
            parts: Parts::All,
        },
        rows: ["R1", "R3", "R5"].map(str::to_owned).to_vec(),
        rounds: 7,
        keep: None,
        alone_seconds: 0,
    };
    while let Some(name) = given.next() {
        // What `cargo bench` adds by itself.
        if name == "--bench" {
            continue;
        }
        let value = given.next().ok_or(format!("`{name}` needs a value"))?;
        let number = || {
            value
                .parse::<usize>()
                .map_err(|_| format!("`{name} {value}`: a number is expected"))
        };
        match name.as_str() {
            "--n" => arguments.data.n = number()?.max(1_000),
            "--seed" => arguments.data.seed = number()? as u64,
            "--rounds" => arguments.rounds = number()?.max(5),
            "--rows" => {
                arguments.rows = value.split(',').map(str::to_owned).collect();
                arguments.data.parts = work::parts(&arguments.rows);
            }
            "--alone" => arguments.alone_seconds = number()? as u64,
            "--keep" => arguments.keep = Some(PathBuf::from(&value)),
            _ => return Err(format!("unknown argument `{name}`")),
        }
    }
    Ok(arguments)
}
