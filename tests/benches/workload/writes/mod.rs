//! Writes: both systems do the same, in turns, each with all guarantees; then they must tell the same.

mod ours;
mod small;
mod together;

use std::path::Path;
use std::time::Instant;

use crm_engine::Result;

use crate::data::{self, Activity, Company, Contact, Data, Kind, Role};
use crate::engine::Ours;
use crate::report::{Figure, Pair, Report};
use crate::sqlite::{self, Sqlite};
use crate::table::median;
use crate::work::{LIST_COLUMNS, Question, System};

pub use ours::Writer;
pub use small::{floor, rules};
pub use together::together;

/// Slices of a round, and writes of a slice.
const SLICES: usize = 5;
const SIZE: usize = 20;
/// Companies of one hand-over, as far as one employee has so many.
const HANDED_OVER: usize = 156;
/// Questions by which states are compared afterwards.
const COMPARED: usize = 50;

/// What is written: users and companies by number.
pub enum Write {
    /// A company with a contact and a task, by their owner.
    Add { user: usize, added: Box<Added> },
    /// A company's last activity.
    Touch {
        user: usize,
        company: usize,
        at_ms: i64,
    },
    /// Companies of one owner with all that belongs to them.
    HandOver {
        head: usize,
        from: usize,
        to: usize,
        companies: Vec<usize>,
    },
}

/// A company with a contact and a task.
pub struct Added {
    pub company: Company,
    pub contact: Contact,
    pub task: Activity,
}

/// One more company than there are, by an employee. `number` was not given before.
pub fn addition(data: Data, number: usize) -> Write {
    let user = data.dice(Kind::Question, number).index(data::EMPLOYEES);
    let number = data.n + number;
    let task = data::KINDS.iter().position(|kind| *kind == "task");
    Write::Add {
        user,
        added: Box::new(Added {
            company: Company {
                owner: user,
                participants: Vec::new(),
                ..data.company(number)
            },
            contact: data.contact(number),
            task: Activity {
                kind: task.unwrap_or_default(),
                done: false,
                ..data.activity(number)
            },
        }),
    }
}

/// The rows of single writes that were asked for, and from how many threads.
pub fn measure(
    data: Data,
    rows: &[String],
    rounds: usize,
    path: &Path,
    systems: (&mut Ours, &mut Sqlite),
    report: &mut Report,
) -> Result<()> {
    let (ours, sqlite) = systems;
    let engine = Writer::new(ours)?;
    let peer = sqlite::Writer::open(path, ours.ids.clone()).unwrap();
    let asked = |row: &str| rows.iter().any(|asked| asked == row);
    let mut next = 0;
    // What changes companies comes before what adds some: their ids are the same until then.
    let mut lines = Vec::new();
    if asked("W3") {
        let writes = touches(data, rounds * SLICES * SIZE);
        lines.push(("W3", "change one field", Role::Employee, 1.0, SIZE, writes));
    }
    if asked("W4") {
        let writes = hand_overs(data, rounds * SLICES);
        lines.push(("W4", "hand over companies", Role::Head, 4.0, 1, writes));
    }
    if asked("W1") {
        next = rounds * SLICES * SIZE;
        let writes = (0..next).map(|number| addition(data, number)).collect();
        let what = "add company, contact, task";
        lines.push(("W1", what, Role::Employee, 2.0, SIZE, writes));
    }
    for (row, what, role, target, size, writes) in lines {
        let mut figure = Figure {
            n: data.n,
            row,
            what: what.to_owned(),
            under: role.name(),
            peer: "SQLite".to_owned(),
            unit: "us",
            target: Some(target),
            rounds: Vec::new(),
        };
        let cpu = in_turns(
            &writes,
            (rounds, size),
            &mut figure,
            &mut |write| engine.write(write).unwrap(),
            &mut |write| peer.write(write).unwrap(),
        );
        report.add(figure);
        cpu.into_iter().for_each(|figure| report.add(figure));
        compare(row, data, ours, sqlite);
    }
    if asked("W2") {
        together((data, rounds, next), path, (ours, &engine), report)?;
    }
    Ok(())
}

/// Times writes slice by slice: the systems take turns, and the one that begins changes. Gives a
/// further figure of the time on processors, where that is known.
fn in_turns<W>(
    writes: &[W],
    (rounds, size): (usize, usize),
    figure: &mut Figure,
    engine: &mut dyn FnMut(&W),
    peer: &mut dyn FnMut(&W),
) -> Option<Figure> {
    let mut cpu = Figure {
        what: format!("{}, CPU", figure.what),
        target: None,
        ..figure.clone()
    };
    let in_round = writes.len() / rounds / size * size;
    for round in writes.chunks_exact(in_round).take(rounds) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (number, slice) in round.chunks_exact(size).enumerate() {
            if number % 2 == 0 {
                ours.push(timed(slice, engine));
            }
            theirs.push(timed(slice, peer));
            if number % 2 == 1 {
                ours.push(timed(slice, engine));
            }
        }
        let pair = |of: fn(&Times) -> f64| Pair {
            engine: median(&ours.iter().map(of).collect::<Vec<f64>>()),
            peer: median(&theirs.iter().map(of).collect::<Vec<f64>>()),
        };
        figure.rounds.push(pair(|times| times.wall_us));
        cpu.rounds.push(pair(|times| times.cpu_us));
    }
    // Where the system does not tell, all times are zero.
    let is_known = |round: &Pair| round.engine > 0.0 && round.peer > 0.0;
    cpu.rounds.iter().all(is_known).then_some(cpu)
}

/// What one write took.
struct Times {
    wall_us: f64,
    cpu_us: f64,
}

fn timed<W>(writes: &[W], write: &mut dyn FnMut(&W)) -> Times {
    let (cpu, begun) = (cpu_us(), Instant::now());
    writes.iter().for_each(write);
    let each = writes.len() as f64;
    Times {
        wall_us: begun.elapsed().as_secs_f64() * 1e6 / each,
        cpu_us: (cpu_us() - cpu) / each,
    }
}

/// Time on processors of all threads of this process, where the system tells.
fn cpu_us() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let of_task = |path: &Path| -> Option<f64> {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let nanoseconds = tasks
        .flatten()
        .filter_map(|task| of_task(&task.path()))
        .sum::<f64>();
    nanoseconds / 1e3
}

/// Own companies of employees.
fn touches(data: Data, count: usize) -> Vec<Write> {
    let mut dice = data.dice(Kind::Question, 777);
    let touch = |_| {
        let company = dice.index(data.n);
        Write::Touch {
            user: data.owner(company),
            company,
            at_ms: crate::engine::moment(data::epoch()) + dice.below(1 << 32) as i64,
        }
    };
    (0..count).map(touch).collect()
}

/// The busiest employee of a department hands companies to a colleague and gets them back.
fn hand_overs(data: Data, count: usize) -> Vec<Write> {
    let mut owned = vec![Vec::new(); data::DEPARTMENTS];
    for company in 0..data.n {
        let owner = data.owner(company);
        let department = data::department(owner);
        // Who gets it has no share in it, which an owner does not keep.
        let is_shared = data.participants(company).contains(&(owner + 1));
        if data::members(department).next() == Some(owner) && !is_shared {
            owned[department].push(company);
        }
    }
    let hand_over = |turn: usize| {
        let department = turn / 2 % data::DEPARTMENTS;
        let busy = data::members(department).next().unwrap();
        let companies = &owned[department];
        // Of all ages, not the oldest ones.
        let step = (companies.len() / HANDED_OVER).max(1);
        let (from, to) = match turn % 2 {
            0 => (busy, busy + 1),
            _ => (busy + 1, busy),
        };
        Write::HandOver {
            head: data::EMPLOYEES + department,
            from,
            to,
            companies: companies
                .iter()
                .step_by(step)
                .take(HANDED_OVER)
                .copied()
                .collect(),
        }
    };
    (0..count).map(hand_over).collect()
}

/// Both systems tell the same of what was written.
fn compare(row: &str, data: Data, ours: &mut Ours, sqlite: &mut Sqlite) {
    let mut dice = data.dice(Kind::Question, 778);
    for _ in 0..COMPARED {
        let user = dice.index(data::users().len());
        let count = Question::Count {
            user,
            city: data::city(dice.index(data::CITIES)),
            segment: dice.index(data::SEGMENTS.len()),
        };
        for question in [Question::Latest { user }, Question::Funnel { user }, count] {
            let (mut ours, mut theirs) = (ours.keep(&question), sqlite.keep(&question));
            // What was added has another number in each system.
            if row == "W1" && matches!(question, Question::Latest { .. }) {
                ours = without_ids(&ours);
                theirs = without_ids(&theirs);
            }
            assert!(
                ours == theirs,
                "{row}: answers differ for {question:?}\n{ours:?}\n{theirs:?}"
            );
        }
    }
}

/// The rows of a list without their first column.
fn without_ids(values: &[String]) -> Vec<String> {
    let rows = values.chunks(LIST_COLUMNS);
    rows.flat_map(|row| row[1..].to_vec()).collect()
}
