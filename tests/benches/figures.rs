//! `cargo bench -p crm-tests`: the figures a host asks for first, through the public Rust API.
//!
//! Writes are durable when they are acknowledged, so their speed is that of the disk they go to:
//! `TMPDIR` says which. Reads are warm. Each figure is the median of five rounds.
#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has failed"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use crm_engine::{Engine, Options, Params, RecordId, Session, TimelineRequest};
use serde_json::json;

const ROUNDS: usize = 5;
const ROWS: u64 = 20_000;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("figures.crm");
    let engine = Engine::create(&path, Options::default()).unwrap();
    let host = engine.system();
    for (login, role) in [("max", "manager"), ("anna", "agent"), ("ivo", "agent")] {
        let user = json!({"login": login, "name": login, "roles": [role]});
        host.create("user", &user).unwrap();
    }

    let rows = import(&host);
    println!("import of companies        {rows:>12.0} rows/s");
    reads(&engine);
    timelines(&engine);
    for threads in [1, 16] {
        let median = median(|| durable(&engine, threads));
        println!("durable creates, {threads:>2} threads {median:>11.0} /s");
    }
    engine.close().unwrap();
    drop((host, engine));
    opening(&path);
}

fn median(mut round: impl FnMut() -> f64) -> f64 {
    let mut figures: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    figures.sort_by(f64::total_cmp);
    figures[ROUNDS / 2]
}

/// Rows per second of one import: validated, with all indexes, history and journal.
fn import(host: &Session) -> f64 {
    let mut text = String::from("name,industry,employees,city,owner\n");
    for n in 0..ROWS {
        let owner = if n % 3 == 0 { "ivo" } else { "anna" };
        text.push_str(&format!(
            "Company {n},retail,{},Город {},{owner}\n",
            n % 500,
            n % 50
        ));
    }
    let job = json!({"object": "company", "text": text, "set": {"legal_form": "legal_entity"}, "columns": {
        "name": "name", "industry": "industry", "employees": "employees", "city": "location",
        "owner": {"field": "owner", "match": "login"},
    }});
    let begun = Instant::now();
    let report = host.call("import.csv", &job, &mut |_| true).unwrap();
    assert_eq!(report["rows_stored"], ROWS);
    ROWS as f64 / begun.elapsed().as_secs_f64()
}

fn reads(engine: &Engine) {
    let anna = engine.login("anna").unwrap();
    let mut ids = anna
        .query("SELECT id FROM company LIMIT 1000", &Params::new())
        .unwrap();
    let mut known = Vec::new();
    while let Some(row) = ids.next().unwrap() {
        known.push(RecordId::new(row[0].as_integer().unwrap().unsigned_abs()).unwrap());
    }
    let mut next = known.iter().cycle();
    time("get one company as JSON", 20_000, || {
        assert!(
            anna.get("company", *next.next().unwrap())
                .unwrap()
                .is_some()
        );
    });
    let mut list = anna
        .prepare("SELECT name, employees FROM company ORDER BY name LIMIT 50")
        .unwrap();
    time("first 50 by name, agent", 2_000, || {
        let mut rows = list.run().unwrap();
        let mut seen = 0;
        while rows.next().unwrap().is_some() {
            seen += 1;
        }
        assert_eq!(seen, 50);
    });
    time("funnel, agent", 5_000, || {
        anna.call("report.funnel", &json!({"object": "deal"}), &mut |_| true)
            .unwrap();
    });
}

/// The newest 20 entries of a short timeline and of a long one.
fn timelines(engine: &Engine) {
    let anna = engine.login("anna").unwrap();
    for length in [30, 10_000] {
        let name = json!({"name": format!("Of {length}"), "legal_form": "individual"});
        let id = anna.create("company", &name).unwrap();
        let call = json!({"company": id.get(), "kind": "call", "subject": "Asked for the price"});
        for _ in 0..length / 10 {
            anna.transact("activities", |door| {
                let activity = door.schema().object("activity")?.clone();
                (0..10).try_for_each(|_| door.create_json(&activity, &call).map(drop))
            })
            .unwrap();
        }
        let request = TimelineRequest::new("company", id);
        time(&format!("newest 20 of {length} entries"), 2_000, || {
            let page = anna.timeline(&request).unwrap().unwrap();
            assert_eq!(page.entries.len(), 20);
        });
    }
}

fn time(what: &str, calls: u32, mut call: impl FnMut()) {
    call();
    let each = median(|| {
        let begun = Instant::now();
        (0..calls).for_each(|_| call());
        (begun.elapsed() / calls).as_nanos() as f64 / 1_000.0
    });
    println!("{what:<26} {each:>12.2} us");
}

/// Durable transactions per second, each creating one company, from some threads.
fn durable(engine: &Engine, threads: u64) -> f64 {
    let deadline = Instant::now() + Duration::from_secs(1);
    let begun = Instant::now();
    let made: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let anna = engine.login("anna").unwrap();
                scope.spawn(move || {
                    let mut made = 0;
                    while Instant::now() < deadline {
                        let fields =
                            json!({"name": "New", "legal_form": "individual", "employees": made});
                        anna.create("company", &fields).unwrap();
                        made += 1;
                    }
                    made
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    made as f64 / begun.elapsed().as_secs_f64()
}

fn opening(path: &Path) {
    let bytes = std::fs::metadata(path).unwrap().len();
    let milliseconds = median(|| {
        let begun = Instant::now();
        let engine = Engine::open(path, Options::default()).unwrap();
        let elapsed = begun.elapsed();
        engine.close().unwrap();
        elapsed.as_secs_f64() * 1_000.0
    });
    println!(
        "opening a store            {milliseconds:>12.2} ms ({:.1} MB)",
        bytes as f64 / 1e6
    );
}
