//! What changes of rights cost: a department that moves, and plans compiled for users who have not
//! asked before.

use std::time::Instant;

use crm_engine::{Engine, RecordId, Result, Sequence, Session};
use serde_json::{Value as Json, json};

use crate::data::{self, Data, Kind, Role};
use crate::engine::{Ours, options};
use crate::report::{Figure, Pair, Report};
use crate::sqlite::Sqlite;
use crate::table::median;
use crate::work::{Question, System};

/// How often the department moves, there and back.
const MOVES: usize = 20;
/// A store of at most so many companies is counted row by row.
const COUNTED_MAX: usize = 100_000;
/// The organisation in which plans are compiled: a tree of regions, and departments below them.
const REGIONS: usize = 10;
const DEPARTMENTS: usize = 490;
const USERS: usize = 10_000;
/// How often each plan is compiled.
const TIMES: usize = 21;

/// One department moves to another region and back (W7): the time of the write in both systems, of
/// the first and of a later page of both regional heads, and the rows that were written.
pub fn move_department(
    data: Data,
    ours: &mut Ours,
    sqlite: &mut Sqlite,
    report: &mut Report,
) -> Result<()> {
    let departments = ours.departments()?;
    let admin = ours.login(data::users().len() - 1)?;
    let heads = [0, 1].map(|region| Question::Latest {
        user: data::EMPLOYEES + data::DEPARTMENTS + region,
    });
    let moved = departments[data::REGIONS];
    let (mut engine, mut peer) = (Times::default(), Times::default());
    for turn in 0..MOVES {
        let (from, to) = (turn % 2, 1 - turn % 2);
        let before = if turn == 0 { counts(data, ours)? } else { None };
        let begun = Instant::now();
        let fields = json!({"parent": departments[to]});
        admin.update("department", moved, &fields, None)?;
        engine.write.push(us(begun));
        engine.pages(ours, &heads);
        let begun = Instant::now();
        let result = sqlite.move_department(0, from, to);
        assert!(result.is_ok(), "{result:?}");
        peer.write.push(us(begun));
        peer.pages(sqlite, &heads);
        for head in &heads {
            assert_eq!(ours.keep(head), sqlite.keep(head), "{head:?}");
        }
        if let (0, Some((at, before))) = (turn, before)
            && let Some((_, after)) = counts(data, ours)?
        {
            let changes = admin.changes(at, 1_000)?.changes.len();
            report.note(&format!(
                "W7 changed {changes} record; more rows in the store:"
            ));
            for (name, number) in after.as_object().into_iter().flatten() {
                if let (Some(after), Some(before)) = (number.as_i64(), before[name].as_i64()) {
                    report.note(&format!("    {name}: {}", after - before));
                }
            }
        }
    }
    tell(data, engine, peer, report);
    Ok(())
}

fn tell(data: Data, engine: Times, peer: Times, report: &mut Report) {
    let lines = [
        (
            "move a department",
            "administrator",
            engine.write,
            peer.write,
        ),
        (
            "R2 behind it, at first",
            "regional head",
            engine.first,
            peer.first,
        ),
        (
            "R2 behind it, then",
            "regional head",
            engine.second,
            peer.second,
        ),
    ];
    for (what, under, engine, peer) in lines {
        let rounds = engine.into_iter().zip(peer);
        report.add(Figure {
            n: data.n,
            row: "W7",
            what: what.to_owned(),
            under,
            peer: "SQLite".to_owned(),
            unit: "us",
            target: None,
            rounds: rounds.map(|(engine, peer)| Pair { engine, peer }).collect(),
        });
    }
}

/// Microseconds of moves and of the pages behind them.
#[derive(Default)]
struct Times {
    write: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Times {
    fn pages(&mut self, system: &mut impl System, heads: &[Question]) {
        for times in [&mut self.first, &mut self.second] {
            for head in heads {
                let begun = Instant::now();
                system.look(head);
                times.push(us(begun));
            }
        }
    }
}

/// Where the journal ends and what `verify` counts, of a store that is not too large for that.
fn counts(data: Data, ours: &Ours) -> Result<Option<(Sequence, Json)>> {
    if data.n > COUNTED_MAX {
        return Ok(None);
    }
    let host = ours.host();
    let mut at = Sequence(0);
    loop {
        let page = host.changes(at, usize::MAX)?;
        at = page.next;
        if !page.more {
            break;
        }
    }
    let report = host.call("verify", &json!({}), &mut |_| true)?;
    Ok(Some((at, report)))
}

/// Opening an own, a shared, a foreign and a missing company: the decision is in all of them, the
/// fields of the record only where it is shown.
pub fn decisions(data: Data, ours: &Ours, report: &Report) -> Result<()> {
    let mut dice = data.dice(Kind::Question, 9_999);
    let mut whose = [const { Vec::new() }; 4];
    for _ in 0..200_000 {
        let (user, company) = (dice.index(data::EMPLOYEES), dice.index(data.n));
        let participant = data.participants(company).first().copied();
        whose[0].push((data.owner(company), company));
        whose[1].extend(participant.map(|user| (user, company)));
        if !data.sees(user, company) {
            whose[2].push((user, company));
        }
        whose[3].push((user, data.n * 1_000 + company));
    }
    let sessions = (0..data::users().len()).map(|user| ours.login(user));
    let sessions = sessions.collect::<Result<Vec<Session>>>()?;
    report.note("\n| D | read, us | get, us |\n|---|---|---|");
    for (what, pairs) in ["own", "shared", "foreign", "missing"].iter().zip(whose) {
        let (mut read, mut get) = (Vec::new(), Vec::new());
        for slice in pairs.chunks_exact(100).take(100) {
            let ids = slice.iter().map(|(user, company)| {
                let id = RecordId::new(ours.ids.company + *company as u64)?;
                Ok((&sessions[*user], id))
            });
            let ids = ids.collect::<Result<Vec<(&Session, RecordId)>>>()?;
            // The pages are read before: what is timed is warm.
            ids.iter()
                .try_for_each(|(session, id)| session.read("company", *id).map(drop))?;
            let begun = Instant::now();
            for (session, id) in &ids {
                std::hint::black_box(session.read("company", *id)?);
            }
            read.push(us(begun) / ids.len() as f64);
            let begun = Instant::now();
            for (session, id) in &ids {
                std::hint::black_box(session.get("company", *id)?);
            }
            get.push(us(begun) / ids.len() as f64);
        }
        report.note(&format!(
            "| {what} | {:.2} | {:.2} |",
            median(&read),
            median(&get)
        ));
    }
    Ok(())
}

/// The first answer of a user among 10,000: behind a change of rights the organisation is read
/// once, then each plan is compiled when it is first needed.
pub fn plans(report: &Report) -> Result<()> {
    let engine = Engine::in_memory(options())?;
    let host = engine.system();
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/workload/pack");
    host.call("pack.install", &json!({"path": pack}), &mut |_| true)?;
    let (owner, department) = large_organisation(&host)?;
    let company = json!({"name": "Vega", "owner": owner});
    let company = host.create("company", &company)?;
    report.note(&format!(
        "\n| D: {USERS} users, {} departments | us |\n|---|---|",
        REGIONS + DEPARTMENTS
    ));
    let login = |role: Role, turn: usize| {
        let among = || (0..USERS).filter(|n| large_role(*n).0 == role);
        let number = among().nth(turn % among().count()).unwrap_or_default();
        format!("user{number}")
    };
    let (mut load, mut warm) = (Vec::new(), Vec::new());
    let roles = [Role::Employee, Role::Head, Role::RegionalHead];
    let mut compile = [const { Vec::new() }; 3];
    for turn in 0..TIMES {
        let name = json!({"name": format!("Moved {turn}")});
        host.update("department", department, &name, None)?;
        // A session knows the user's number only; his login was looked up by an older epoch.
        let sessions = roles.map(|role| engine.login(&login(role, turn)));
        let sessions = sessions.into_iter().collect::<Result<Vec<Session>>>()?;
        let name = json!({"name": format!("Moved again {turn}")});
        host.update("department", department, &name, None)?;
        let begun = Instant::now();
        host.read("company", company)?;
        load.push(us(begun));
        for (session, times) in sessions.iter().zip(&mut compile) {
            let begun = Instant::now();
            session.read("company", company)?;
            times.push(us(begun));
        }
        let begun = Instant::now();
        sessions[0].read("company", company)?;
        warm.push(us(begun));
    }
    report.note(&format!(
        "| first call after a change of rights | {:.0} |",
        median(&load)
    ));
    for (role, times) in roles.iter().zip(&compile) {
        report.note(&format!(
            "| first call of another {} | {:.1} |",
            role.name(),
            median(times)
        ));
    }
    report.note(&format!("| a later call | {:.2} |", median(&warm)));
    Ok(())
}

/// Some twenty users in each department with a head among them, and one head in each region. Gives one
/// of the employees and a department.
fn large_organisation(host: &Session) -> Result<(RecordId, RecordId)> {
    let create = |object: &str, rows: Vec<Json>| -> Result<Vec<RecordId>> {
        let mut ids = Vec::new();
        for rows in rows.chunks(1_000) {
            ids.extend(host.transact("organisation", |door| {
                let object = std::sync::Arc::clone(door.schema().object(object)?);
                rows.iter()
                    .map(|row| door.create_json(&object, row))
                    .collect::<Result<Vec<RecordId>>>()
            })?);
        }
        Ok(ids)
    };
    let regions = (0..REGIONS).map(|n| json!({"name": format!("Region {n}")}));
    let regions = create("department", regions.collect())?;
    let departments = (0..DEPARTMENTS)
        .map(|n| json!({"name": format!("Department {n}"), "parent": regions[n % REGIONS]}));
    let departments = create("department", departments.collect())?;
    let rows = (0..USERS).map(|n| {
        let place = match n < REGIONS {
            true => regions[n],
            false => departments[n % DEPARTMENTS],
        };
        let login = format!("user{n}");
        json!({"login": login, "name": login, "department": place, "roles": [large_role(n).1]})
    });
    let ids = create("user", rows.collect())?;
    Ok((ids[USERS - 1], departments[0]))
}

fn large_role(number: usize) -> (Role, &'static str) {
    match number {
        _ if number < REGIONS => (Role::RegionalHead, "regional_head"),
        _ if number < REGIONS + DEPARTMENTS => (Role::Head, "head"),
        _ => (Role::Employee, "employee"),
    }
}

fn us(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e6
}
