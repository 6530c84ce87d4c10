//! Questions, the engine's answers, and what they should have been.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crm_engine::Code;
use crm_engine::{Door, Error, Params, Result, Session};
use serde_json::Value as Json;

use super::world::World;

/// Mismatches that are told in full.
const TOLD_MAX: usize = 3;

/// What was compared so far.
#[derive(Default)]
pub(super) struct Tally {
    /// Answers compared, and how many of them said yes, by what was asked.
    pub(super) asked: BTreeMap<&'static str, (u64, u64)>,
    wrong: Vec<String>,
    wrong_of: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// A decision: yes or no.
    pub(super) fn decision(
        &mut self,
        (world, user): (&World, usize),
        kind: &'static str,
        question: impl FnOnce() -> String,
        law: bool,
        engine: bool,
    ) {
        let asked = self.asked.entry(kind).or_default();
        asked.0 += 1;
        asked.1 += u64::from(law);
        if law != engine {
            let why = format!("law says {law}, engine says {engine}");
            self.wrong(world, user, kind, &format!("{}: {why}", question()));
        }
    }

    /// An answer that tells of several records; each of them is a decision.
    pub(super) fn answer<T: PartialEq + Debug>(
        &mut self,
        (world, user): (&World, usize),
        kind: &'static str,
        question: impl FnOnce() -> String,
        decisions: (usize, usize),
        (law, engine): (T, T),
    ) {
        let asked = self.asked.entry(kind).or_default();
        asked.0 += decisions.0 as u64;
        asked.1 += decisions.1 as u64;
        if law != engine {
            let why = format!("\n  law    {law:?}\n  engine {engine:?}");
            self.wrong(world, user, kind, &format!("{}{why}", question()));
        }
    }

    /// Something that must not be.
    pub(super) fn wrong(&mut self, world: &World, user: usize, kind: &'static str, what: &str) {
        *self.wrong_of.entry(kind).or_default() += 1;
        if self.wrong_of[kind] <= 1 && self.wrong.len() < TOLD_MAX {
            let told = format!("[{kind}] {what}\n  {}", world.describe(user));
            self.wrong.push(told);
        }
    }

    /// How much was compared, and how often the answer was yes.
    pub(super) fn decisions(&self) -> (u64, u64) {
        let add = |all: (u64, u64), one: &(u64, u64)| (all.0 + one.0, all.1 + one.1);
        self.asked.values().fold((0, 0), add)
    }

    /// What was only ever permitted, or only ever refused.
    pub(super) fn one_sided(&self) -> Vec<&'static str> {
        let sided = self
            .asked
            .iter()
            .filter(|(_, (asked, yes))| *yes == 0 || yes == asked);
        sided.map(|(kind, _)| *kind).collect()
    }

    /// Adds what was compared elsewhere.
    pub(super) fn add(&mut self, other: &Tally) {
        for (kind, (asked, yes)) in &other.asked {
            let all = self.asked.entry(kind).or_default();
            *all = (all.0 + asked, all.1 + yes);
        }
    }

    /// Fails when anything was wrong.
    pub(super) fn settle(&self, seed: u64) {
        self.settle_after(seed, "the beginning");
    }

    /// Fails when anything was wrong after a change.
    pub(super) fn settle_after(&self, seed: u64, change: &str) {
        let told = self.wrong.join("\n\n");
        let counts = &self.wrong_of;
        assert!(
            self.wrong.is_empty(),
            "seed {seed} after {change}: {counts:?}\n{told}"
        );
    }
}

pub(super) fn call(session: &Session, operation: &str, arguments: &Json) -> Result<Json> {
    session.call(operation, arguments, &mut |_| true)
}

/// The rows of a query, every value as its column writes it.
pub(super) fn rows(session: &Session, sql: &str) -> Result<Vec<Vec<String>>> {
    let mut rows = session.query(sql, &Params::new())?;
    let columns = rows.columns().to_vec();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let pairs = columns.iter().zip(row);
        found.push(pairs.map(|(column, value)| column.text(value)).collect());
    }
    Ok(found)
}

/// The ids in the first column of a query.
pub(super) fn ids(session: &Session, sql: &str) -> Result<Vec<u64>> {
    let rows = rows(session, sql)?;
    Ok(rows.iter().map(|row| row[0].parse().unwrap()).collect())
}

/// Tries a change and gives it up.
pub(super) fn rehearse(
    session: &Session,
    mut change: impl FnMut(&mut Door<'_>) -> Result<()>,
) -> Result<()> {
    let mut outcome = Ok(());
    let undone = session.transact("rehearse", |door| -> Result<()> {
        outcome = change(door);
        Err(Error::new(Code::Internal, "given up"))
    });
    match undone {
        Err(error) if error.code() == Code::Internal && error.message() == "given up" => outcome,
        other => other,
    }
}
