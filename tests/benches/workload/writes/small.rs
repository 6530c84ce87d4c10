//! Rows that are measured on stores of few companies, made for them: what one write costs does not
//! depend on how many there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crm_engine::Result;
use serde_json::json;

use super::{SIZE, SLICES, Write, Writer, addition, in_turns};
use crate::data::{Data, Parts, Role};
use crate::engine::Ours;
use crate::floor::{self, Change};
use crate::report::{Figure, Report};

/// Companies of such a store.
const COMPANIES: usize = 2_000;
/// Writes whose bytes are taken down: those of a round.
const TAKEN_DOWN: usize = 2 * SIZE;

fn small(data: Data) -> Data {
    Data {
        n: COMPANIES.min(data.n),
        parts: Parts::Companies,
        ..data
    }
}

/// W1 with a rule that checks and a field that is computed, beside W1 without.
pub fn rules(data: Data, rounds: usize, folder: &Path, report: &mut Report) -> Result<()> {
    let small = small(data);
    let (plain, ruled) = (folder.join("plain.crm"), folder.join("ruled.crm"));
    for path in [&plain, &ruled] {
        Ours::load(path, small)?;
    }
    let (plain, ruled) = (Ours::open(&plain)?, Ours::open(&ruled)?);
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/workload/pack_rules");
    let install = json!({"path": pack});
    ruled.host().call("pack.install", &install, &mut |_| true)?;
    let (without, with) = (Writer::new(&plain)?, Writer::new(&ruled)?);
    let count = rounds * SLICES * SIZE;
    let writes: Vec<Write> = (0..count).map(|number| addition(small, number)).collect();
    let mut figure = Figure {
        n: data.n,
        row: "W6",
        what: "W1 with a rule and a computed field".to_owned(),
        under: Role::Employee.name(),
        peer: "W1".to_owned(),
        unit: "us",
        target: Some(0.9),
        rounds: Vec::new(),
    };
    let cpu = in_turns(
        &writes,
        (rounds, SIZE),
        &mut figure,
        &mut |write| with.write(write).unwrap(),
        &mut |write| without.write(write).unwrap(),
    );
    report.add(figure);
    cpu.into_iter().for_each(|figure| report.add(figure));
    // What was computed is there.
    let sql = "SELECT count(*) FROM company WHERE stars >= 1";
    let host = ruled.host();
    let mut rows = host.query(sql, &crm_engine::Params::new())?;
    let computed = rows.next()?.and_then(|row| row[0].as_integer());
    assert_eq!(computed, Some(count as i64));
    Ok(())
}

/// W1 beside the very bytes that it wrote, written by redb alone in one durable transaction.
pub fn floor(data: Data, rounds: usize, folder: &Path, report: &mut Report) -> Result<()> {
    let small = small(data);
    let path = |name: &str| folder.join(name);
    let (begin, noted) = (path("begin.crm"), path("noted.crm"));
    Ours::load(&begin, small)?;
    fs::copy(&begin, &noted).unwrap();
    let writes: Vec<Write> = (0..TAKEN_DOWN).map(|at| addition(small, at)).collect();
    let changes = take_down(&noted, &writes)?;
    let mut figure = Figure {
        n: data.n,
        row: "W1",
        what: "the same, its bytes alone".to_owned(),
        under: Role::Employee.name(),
        peer: "redb alone".to_owned(),
        unit: "us",
        target: None,
        rounds: Vec::new(),
    };
    let mut cpu_rounds = Vec::new();
    for round in 0..rounds {
        let (ours, theirs) = (
            path(&format!("{round}.crm")),
            path(&format!("{round}.redb")),
        );
        fs::copy(&begin, &ours).unwrap();
        fs::copy(&begin, &theirs).unwrap();
        let engine = Ours::open(&ours)?;
        let (writer, redb) = (Writer::new(&engine)?, floor::Writer::open(&theirs).unwrap());
        let pairs: Vec<(&Write, &Change)> = writes.iter().zip(&changes).collect();
        let cpu = in_turns(
            &pairs,
            (1, SIZE),
            &mut figure,
            &mut |(write, _)| writer.write(write).unwrap(),
            &mut |(_, change)| redb.write(change).unwrap(),
        );
        cpu_rounds.extend(cpu.into_iter().flat_map(|cpu| cpu.rounds.last().copied()));
    }
    let keys: usize = changes.iter().map(|change| change.len()).sum();
    report.add(figure);
    report.note(&format!(
        "W1 writes {:.1} keys, {:.0} bytes",
        keys as f64 / changes.len() as f64,
        changes.iter().map(floor::bytes).sum::<usize>() as f64 / changes.len() as f64,
    ));
    Ok(())
}

/// The keys and values that each of the writes changes in the store.
fn take_down(path: &Path, writes: &[Write]) -> Result<Vec<Change>> {
    let mut before = floor::pairs(path).unwrap();
    let mut changes = Vec::new();
    for write in writes {
        let engine = Ours::open(path)?;
        Writer::of_host(&engine)?.write(write)?;
        engine.close()?;
        let after = floor::pairs(path).unwrap();
        changes.push(difference(&before, &after));
        before = after;
    }
    Ok(changes)
}

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

fn difference(before: &Pairs, after: &Pairs) -> Change {
    let written = after
        .iter()
        .filter(|(key, value)| before.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), Some(value.clone())));
    let removed = before
        .keys()
        .filter(|key| !after.contains_key(*key))
        .map(|key| (key.clone(), None));
    written.chain(removed).collect()
}
