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

mod arguments;
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

use arguments::{Arguments, USAGE, arguments};
use crm_engine::Result;
use data::{Data, Parts};
use engine::Ours;
use floor::Floor;
use report::Report;
use sqlite::Sqlite;
use work::{Peer, Row, System};

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
fn run(data: Data, arguments: &Arguments, report: &mut Report) -> Result<()> {
    let scratch = tempfile::tempdir().unwrap();
    let folder = arguments.keep.as_deref().unwrap_or(scratch.path());
    std::fs::create_dir_all(folder).unwrap();
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
    if arguments.alone_seconds > 0 {
        let duration = Duration::from_secs(arguments.alone_seconds);
        for row in work::rows(data, &arguments.rows) {
            table::alone(&row, duration, &mut ours);
        }
        return Ok(());
    }
    for row in work::rows(data, &arguments.rows) {
        read(
            &row,
            data,
            rounds,
            (&mut ours, &mut peers, &mut floor),
            report,
        );
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

/// One row of reads, beside each of its peers.
fn read(
    row: &Row,
    data: Data,
    rounds: usize,
    (ours, peers, floor): (&mut Ours, &mut [Sqlite], &mut Option<Floor>),
    report: &mut Report,
) {
    for peer in peers {
        if row.peers.contains(&peer.peer()) {
            table::compare(row, ours, peer);
            let measured = table::measure(row, rounds, ours, peer);
            report.add(row.figure(data, System::name(peer), measured));
        }
    }
    if let Some(floor) = floor.as_mut().filter(|_| row.peers.contains(&Peer::Floor)) {
        let measured = table::measure(row, rounds, ours, floor);
        report.add(row.figure(data, System::name(floor), measured));
    }
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
    fn load(&self, data: Data, report: &Report) -> Result<()> {
        let timed = |what: &str, load: &mut dyn FnMut() -> Result<()>| -> Result<()> {
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
    fn floor(&self, folder: &Path) -> Result<Floor> {
        let ours = Ours::open(&self.crm)?;
        let (ids, layout) = (ours.ids.clone(), ours.layout()?);
        ours.close()?;
        let path = folder.join("floor.redb");
        Floor::load(&self.crm, &path, layout).unwrap();
        Ok(Floor::open(&path, ids, layout).unwrap())
    }

    fn open(&self) -> Result<(Ours, [Sqlite; 3])> {
        let ours = Ours::open(&self.crm)?;
        let peers = [Peer::Plain, Peer::Fts5, Peer::Sums];
        let open = |peer| Sqlite::open(&self.sqlite, ours.ids.clone(), peer).unwrap();
        let peers = peers.map(open);
        Ok((ours, peers))
    }
}
