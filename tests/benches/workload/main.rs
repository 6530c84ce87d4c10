//! The CRM workload: the engine beside SQLite written by hand, on the same data in one process.
//!
//! `cargo bench -p crm-tests --bench workload -- --n 10000,100000`
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
mod floor;
mod import;
mod report;
mod rights;
mod size;
mod sqlite;
mod table;
mod work;
mod writes;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crm_engine::Result as Outcome;
use data::{Data, Parts};
use engine::Ours;
use floor::Floor;
use report::Report;
use sqlite::Sqlite;
use work::{Peer, System};

/// All rows there are.
const ROWS: [&str; 17] = [
    "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "W1", "W2", "W3", "W4", "W5", "W6", "W7", "S1",
    "D",
];
/// A median of fewer rounds tells nothing.
const ROUNDS_MIN: usize = 5;

const USAGE: &str = "arguments: --n 10000,100000 --rows R1,W1 --rounds 7 --seed 1 --json --cold \
    --keep folder --alone seconds";

struct Arguments {
    /// How many companies, once for each size.
    sizes: Vec<usize>,
    seed: u64,
    rows: Vec<String>,
    rounds: usize,
    is_json: bool,
    is_cold: bool,
    keep: Option<PathBuf>,
    /// Only the engine answers, for so many seconds a row: to be watched by a profiler.
    alone_seconds: u64,
}

impl Arguments {
    fn asked(&self, rows: &[&str]) -> bool {
        self.rows.iter().any(|row| rows.contains(&row.as_str()))
    }
}

fn main() {
    let mut given = std::env::args().skip(1).peekable();
    if given.next_if(|name| name == size::ONLY_OPEN).is_some() {
        return given.for_each(|path| size::only_open(Path::new(&path)));
    }
    let arguments = match arguments(given) {
        Ok(arguments) => arguments,
        Err(message) => {
            println!("{message}\n{USAGE}");
            std::process::exit(2);
        }
    };
    let mut report = Report::new(arguments.is_json);
    for n in &arguments.sizes {
        let data = Data {
            n: *n,
            seed: arguments.seed,
            parts: work::parts(&arguments.rows),
        };
        run(data, &arguments, &mut report).unwrap();
    }
    report.growth();
}

/// All rows for one size.
fn run(data: Data, arguments: &Arguments, report: &mut Report) -> Outcome<()> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = arguments.keep.as_deref().unwrap_or(scratch.path());
    let mut files = Files::of(folder, data);
    files.load(data, report)?;
    if arguments.keep.is_some() && arguments.asked(&WRITES) {
        files = files.copy(scratch.path());
    }
    let rounds = arguments.rounds;
    report.head(data.n, data.seed, rounds);
    if arguments.asked(&["S1"]) {
        let paths = (files.crm.as_path(), files.sqlite.as_path());
        size::sizes(data, rounds, arguments.is_cold, paths, report);
    }
    let mut floor = match arguments.asked(&["R1", "R2"]) && arguments.alone_seconds == 0 {
        true => Some(files.floor(scratch.path())?),
        false => None,
    };
    let (mut ours, mut peers) = files.open()?;
    for row in work::rows(data, &arguments.rows) {
        if arguments.alone_seconds > 0 {
            let duration = Duration::from_secs(arguments.alone_seconds);
            table::alone(&row, duration, &mut ours);
            continue;
        }
        for peer in &mut peers {
            if row.peers.contains(&peer.peer()) {
                table::compare(&row, &mut ours, peer);
                let measured = table::measure(&row, rounds, &mut ours, peer);
                report.add(row.figure(data, System::name(peer), measured));
            }
        }
        if let Some(floor) = floor.as_mut().filter(|_| row.peers.contains(&Peer::Floor)) {
            let measured = table::measure(&row, rounds, &mut ours, floor);
            report.add(row.figure(data, System::name(floor), measured));
        }
    }
    if arguments.alone_seconds > 0 {
        return Ok(());
    }
    if arguments.asked(&["W7"]) {
        rights::move_department(data, &mut ours, &mut peers[0], report)?;
    }
    if arguments.asked(&["D"]) {
        rights::decisions(data, &ours, report)?;
        rights::plans(report)?;
    }
    let systems = (&mut ours, &mut peers[0]);
    writes::measure(
        data,
        &arguments.rows,
        rounds,
        &files.sqlite,
        systems,
        report,
    )?;
    if arguments.asked(&["W1"]) {
        writes::floor(data, rounds, scratch.path(), report)?;
    }
    if arguments.asked(&["W5"]) {
        import::import(data, rounds, scratch.path(), report)?;
    }
    if arguments.asked(&["W6"]) {
        writes::rules(data, rounds, scratch.path(), report)?;
    }
    ours.close()
}

/// Rows that leave the files other than they were.
const WRITES: [&str; 5] = ["W1", "W2", "W3", "W4", "W7"];

/// The files of one data set.
struct Files {
    crm: PathBuf,
    sqlite: PathBuf,
}

impl Files {
    fn of(folder: &Path, data: Data) -> Files {
        let parts = match data.parts {
            Parts::Companies => "companies",
            Parts::Deals => "deals",
            Parts::All => "all",
        };
        let path =
            |end: &str| folder.join(format!("workload-{}-{}-{parts}.{end}", data.n, data.seed));
        Files {
            crm: path("crm"),
            sqlite: path("sqlite"),
        }
    }

    /// Loads both systems, unless the files are there from an earlier run.
    fn load(&self, data: Data, report: &Report) -> Outcome<()> {
        let timed = |what: &str, load: &mut dyn FnMut() -> Outcome<()>| -> Outcome<()> {
            let begun = Instant::now();
            load()?;
            let seconds = begun.elapsed().as_secs_f64();
            report.note(&format!("loaded {what} in {seconds:.1} s"));
            Ok(())
        };
        if !self.crm.exists() {
            timed("the engine", &mut || Ours::load(&self.crm, data))?;
        }
        if !self.sqlite.exists() {
            let ours = Ours::open(&self.crm)?;
            timed("SQLite", &mut || {
                Sqlite::load(&self.sqlite, data, &ours.ids).unwrap();
                Ok(())
            })?;
            ours.close()?;
        }
        Ok(())
    }

    /// Copies that may be written to.
    fn copy(&self, folder: &Path) -> Files {
        let copy = |path: &Path| {
            let to = folder.join(path.file_name().unwrap_or_default());
            std::fs::copy(path, &to).unwrap();
            to
        };
        Files {
            crm: copy(&self.crm),
            sqlite: copy(&self.sqlite),
        }
    }

    /// The engine's bytes, without the engine.
    fn floor(&self, folder: &Path) -> Outcome<Floor> {
        let ours = Ours::open(&self.crm)?;
        let (ids, layout) = (ours.ids.clone(), ours.layout()?);
        ours.close()?;
        let path = folder.join("floor.redb");
        Floor::load(&self.crm, &path, layout).unwrap();
        Ok(Floor::open(&path, ids, layout).unwrap())
    }

    fn open(&self) -> Outcome<(Ours, [Sqlite; 3])> {
        let ours = Ours::open(&self.crm)?;
        let peers = [Peer::Plain, Peer::Fts5, Peer::Sums];
        let open = |peer| Sqlite::open(&self.sqlite, ours.ids.clone(), peer).unwrap();
        let peers = peers.map(open);
        Ok((ours, peers))
    }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        sizes: vec![10_000],
        seed: 1,
        rows: ROWS.map(str::to_owned).to_vec(),
        rounds: 7,
        is_json: false,
        is_cold: false,
        keep: None,
        alone_seconds: 0,
    };
    while let Some(name) = given.next() {
        match name.as_str() {
            // What `cargo bench` adds by itself.
            "--bench" => continue,
            "--json" => arguments.is_json = true,
            "--cold" => arguments.is_cold = true,
            _ => valued(&mut arguments, &name, given.next())?,
        }
    }
    Ok(arguments)
}

/// An argument that has a value.
fn valued(arguments: &mut Arguments, name: &str, value: Option<String>) -> Result<(), String> {
    let known = ["--n", "--seed", "--rounds", "--rows", "--alone", "--keep"];
    if !known.contains(&name) {
        return Err(format!("unknown argument `{name}`"));
    }
    let value = value.ok_or(format!("`{name}` needs a value"))?;
    let number = |text: &str| {
        text.parse::<usize>()
            .map_err(|_| format!("`{name} {value}`: a number is expected"))
    };
    match name {
        "--n" => {
            let sizes = value.split(',').map(|size| Ok(number(size)?.max(1_000)));
            arguments.sizes = sizes.collect::<Result<Vec<usize>, String>>()?;
        }
        "--seed" => arguments.seed = number(&value)? as u64,
        "--rounds" => arguments.rounds = number(&value)?.max(ROUNDS_MIN),
        "--rows" => {
            arguments.rows = value.split(',').map(str::to_owned).collect();
            if let Some(row) = arguments
                .rows
                .iter()
                .find(|row| !ROWS.contains(&row.as_str()))
            {
                return Err(format!(
                    "unknown row `{row}`; there are {}",
                    ROWS.join(", ")
                ));
            }
        }
        "--alone" => arguments.alone_seconds = number(&value)? as u64,
        _ => arguments.keep = Some(PathBuf::from(&value)),
    }
    Ok(())
}
