//! What the program is asked for.

use std::path::PathBuf;

/// All rows there are.
const ROWS: [&str; 17] = [
    "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "W1", "W2", "W3", "W4", "W5", "W6", "W7", "S1",
    "D",
];
/// A median of fewer rounds tells nothing.
const ROUNDS_MIN: usize = 5;

/// How it is asked.
pub const USAGE: &str = "arguments: --n 10000,100000 --rows R1,W1 --rounds 7 --seed 1 --json --cold \
    --keep folder --alone seconds";

/// What is measured, and how.
pub struct Arguments {
    /// How many companies, once for each size.
    pub sizes: Vec<usize>,
    pub seed: u64,
    pub rows: Vec<String>,
    pub rounds: usize,
    pub is_json: bool,
    pub is_cold: bool,
    pub keep: Option<PathBuf>,
    /// Only the engine answers, for so many seconds a row: to be watched by a profiler.
    pub alone_seconds: u64,
}

impl Arguments {
    /// Whether one of these rows is asked for.
    pub fn asked(&self, rows: &[&str]) -> bool {
        self.rows.iter().any(|row| rows.contains(&row.as_str()))
    }
}

/// Reads them, or tells what is wrong.
pub fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
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
