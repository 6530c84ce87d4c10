//! Rounds, in which systems take turns.

use std::time::{Duration, Instant};

use crate::report::Pair;
use crate::work::{Question, Row, System};

/// Slices of one round; its figure is their median, so that a slice during which the machine did
/// something else does not count.
const SLICES: usize = 21;
/// Questions of a slice, and how long it may take at most if one alone does not take longer.
const SLICE_QUESTIONS: usize = 100;
const SLICE: Duration = Duration::from_millis(2);
/// An answer that takes longer is asked for in few slices.
const SLOW_US: f64 = 10_000.0;
const SLOW_SLICES: usize = 3;

/// Compares every answer; nothing is timed before all are equal.
pub fn compare(row: &Row, engine: &mut impl System, sqlite: &mut impl System) {
    for (at, question) in row.questions.iter().enumerate() {
        // What an administrator asks may be one question many times.
        if at > 0 && row.questions[at - 1] == *question {
            continue;
        }
        let (mut ours, mut theirs) = (engine.keep(question), sqlite.keep(question));
        if let Some(columns) = question.unordered() {
            ours = sorted(ours, columns);
            theirs = sorted(theirs, columns);
        }
        assert!(
            ours == theirs,
            "{} {}: answers differ for {question:?}\n{}: {ours:?}\n{}: {theirs:?}",
            row.id,
            row.what,
            engine.name(),
            sqlite.name(),
        );
    }
}

/// Rows of so many values, in an order of their own.
fn sorted(values: Vec<String>, columns: usize) -> Vec<String> {
    let mut rows: Vec<&[String]> = values.chunks(columns).collect();
    rows.sort();
    rows.concat()
}

/// Times one row: systems take turns slice by slice with the same questions, and the one that
/// begins changes with each slice.
pub fn measure(
    row: &Row,
    rounds: usize,
    engine: &mut impl System,
    sqlite: &mut impl System,
) -> Vec<Pair> {
    let mut measured = Vec::new();
    let first = &row.questions[..SLICE_QUESTIONS.min(row.questions.len())];
    let slowest = time(engine, &first[..1]).max(time(sqlite, &first[..1]));
    let fitting = (SLICE.as_secs_f64() * 1e6 / slowest) as usize;
    let size = fitting.clamp(1, first.len());
    let slices_of_round = if slowest > SLOW_US {
        SLOW_SLICES
    } else {
        SLICES
    };
    let mut slices = row.questions.chunks_exact(size).cycle();
    for _ in 0..rounds {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for (number, slice) in slices.by_ref().take(slices_of_round).enumerate() {
            if number % 2 == 0 {
                ours.push(time(engine, slice));
            }
            theirs.push(time(sqlite, slice));
            if number % 2 == 1 {
                ours.push(time(engine, slice));
            }
        }
        measured.push(Pair {
            engine: median(&ours),
            peer: median(&theirs),
        });
    }
    measured
}

/// Has one system answer for some time.
pub fn alone(row: &Row, duration: Duration, system: &mut impl System) {
    let (begun, mut asked) = (Instant::now(), 0_usize);
    while begun.elapsed() < duration {
        row.questions
            .iter()
            .for_each(|question| system.look(question));
        asked += row.questions.len();
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / asked as f64;
    println!("{} {} {}: {each:.3} us", row.id, row.what, row.role.name());
}

/// Microseconds for one answer.
fn time(system: &mut impl System, questions: &[Question]) -> f64 {
    let begun = Instant::now();
    questions.iter().for_each(|question| system.look(question));
    begun.elapsed().as_secs_f64() * 1e6 / questions.len() as f64
}

pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
