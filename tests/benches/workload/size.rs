//! S1: opening a base in a process of its own, the memory it then has, and its bytes on disk.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::data::{Data, Parts};
use crate::engine::Ours;
use crate::report::{Figure, Pair, Report};
use crate::sqlite::Sqlite;

/// The argument by which this program is asked only to open a base.
pub const ONLY_OPEN: &str = "--only-open";
/// Where a host with the right to it has the pages of files forgotten.
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// Opens a base and tells how long that took and how much memory the process then has.
pub fn only_open(path: &Path) {
    let begun = Instant::now();
    let opened: Box<dyn std::any::Any> = match path.extension() {
        Some(end) if end == "crm" => Box::new(Ours::start(path).unwrap()),
        _ => Box::new(Sqlite::start(path).unwrap()),
    };
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    println!("{milliseconds} {}", resident_mb());
    drop(opened);
}

/// Resident memory of this process; 0 where the system does not tell.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next());
    kb.and_then(|kb| kb.parse::<f64>().ok()).unwrap_or_default() / 1_024.0
}

/// Both bases, which nobody has open.
pub fn sizes(
    data: Data,
    rounds: usize,
    is_cold: bool,
    (crm, sqlite): (&Path, &Path),
    report: &mut Report,
) {
    let mut kinds = vec![("opened", false)];
    match is_cold.then(|| std::fs::write(DROP_CACHES, "1")) {
        Some(Ok(())) => kinds.push(("opened cold", true)),
        Some(Err(error)) => report.note(&format!("S1: caches cannot be dropped: {error}")),
        None => {}
    }
    let mut figures = Vec::new();
    for (what, is_cold) in kinds {
        let (mut time, mut memory) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let [ours, theirs] = [crm, sqlite].map(|path| open(path, is_cold));
            let pair = |at: usize| Pair {
                engine: ours[at],
                peer: theirs[at],
            };
            time.push(pair(0));
            memory.push(pair(1));
        }
        figures.push((what, "ms", time));
        figures.push(("resident", "MB", memory));
    }
    let bytes = |path: &Path| std::fs::metadata(path).unwrap().len() as f64 / data.n as f64;
    let on_disk = Pair {
        engine: bytes(crm),
        peer: bytes(sqlite),
    };
    let what = match data.parts {
        Parts::All => "on disk, for a company and its children",
        _ => "on disk, for a company without all its children",
    };
    figures.push((what, "bytes", vec![on_disk]));
    for (what, unit, rounds) in figures {
        report.add(Figure {
            n: data.n,
            row: "S1",
            what: what.to_owned(),
            under: "-",
            peer: "SQLite".to_owned(),
            unit,
            target: (unit == "bytes").then_some(1.0 / 1.5),
            rounds,
        });
    }
}

/// Milliseconds and megabytes, told by a process that only opens.
fn open(path: &Path, is_cold: bool) -> [f64; 2] {
    if is_cold {
        std::fs::write(DROP_CACHES, "1").unwrap();
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .arg(ONLY_OPEN)
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut figures = text
        .split_whitespace()
        .map(|figure| figure.parse().unwrap());
    [figures.next().unwrap(), figures.next().unwrap()]
}
