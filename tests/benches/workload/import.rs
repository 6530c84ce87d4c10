//! W5: companies from a CSV file, checked, with everything that belongs to them, durable at the end.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crm_engine::Result;
use serde_json::json;

use crate::data::{self, Company, Data, Parts, Role};
use crate::engine::Ours;
use crate::report::{Figure, Pair, Report};
use crate::sqlite::{Empty, Indexes};

/// The columns of the file.
pub const COLUMNS: [&str; 15] = [
    "name",
    "tax_number",
    "phone",
    "email",
    "city",
    "segment",
    "created",
    "last_activity",
    "note",
    "contract",
    "contract_date",
    "newsletter",
    "rating",
    "budget",
    "owner",
];

/// Rows of a larger file are imported fewer times.
const ROWS_MANY: usize = 100_000;
const ROUNDS_OF_MANY: usize = 3;

/// The engine's import beside two of SQLite by hand: one row by row into the live indexes, and one that makes
/// the indexes when all rows are there.
pub fn import(data: Data, rounds: usize, folder: &Path, report: &mut Report) -> Result<()> {
    let csv = write_file(data, folder);
    let rounds = match data.n > ROWS_MANY {
        true => ROUNDS_OF_MANY.min(rounds),
        false => rounds,
    };
    let ways = [
        ("SQLite live indexes", Indexes::Live, 2.0),
        ("SQLite indexes afterwards", Indexes::Afterwards, 1.5),
    ];
    let mut taken = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        for ((_, indexes, _), taken) in ways.iter().zip(&mut taken) {
            let engine = into_engine(data, &csv, folder)?;
            let path = folder.join("import.sqlite");
            let mut empty = Empty::create(&path, *indexes).unwrap();
            let begun = Instant::now();
            let rows = empty.import(&csv).unwrap();
            let peer = begun.elapsed().as_secs_f64() * 1e6 / rows as f64;
            assert_eq!(rows, data.n);
            drop(empty);
            for end in ["", "-wal", "-shm"] {
                // The last two are gone where the file was closed in peace.
                let _ = fs::remove_file(folder.join(format!("import.sqlite{end}")));
            }
            taken.push(Pair { engine, peer });
        }
    }
    fs::remove_file(&csv).unwrap();
    for ((peer, _, target), rounds) in ways.into_iter().zip(taken) {
        report.add(Figure {
            n: data.n,
            row: "W5",
            what: "import a row of a CSV file".to_owned(),
            under: Role::Administrator.name(),
            peer: peer.to_owned(),
            unit: "us",
            target: Some(target),
            rounds,
        });
    }
    Ok(())
}

/// Microseconds of a row, into a store that has users and no companies yet.
fn into_engine(data: Data, csv: &Path, folder: &Path) -> Result<f64> {
    let path = folder.join("import.crm");
    let nothing = Data {
        n: 0,
        parts: Parts::Companies,
        ..data
    };
    Ours::load(&path, nothing)?;
    let ours = Ours::open(&path)?;
    let administrator = ours.login(data::users().len() - 1)?;
    let mut columns = json!({});
    for name in COLUMNS {
        columns[name] = match name {
            "owner" => json!({"field": "owner", "match": "login"}),
            "budget" => json!({"field": "budget", "currency": data::CURRENCY}),
            _ => json!(name),
        };
    }
    let job = json!({"object": "company", "path": csv, "columns": columns});
    let begun = Instant::now();
    let report = administrator.call("import.csv", &job, &mut |_| true)?;
    let took = begun.elapsed().as_secs_f64() * 1e6;
    assert_eq!(report["rows_stored"], data.n, "{report}");
    ours.close()?;
    fs::remove_file(&path).unwrap();
    Ok(took / data.n as f64)
}

fn write_file(data: Data, folder: &Path) -> PathBuf {
    let path = folder.join("companies.csv");
    let mut text = COLUMNS.join(",");
    text.push('\n');
    for number in 0..data.n {
        line(&mut text, &data.company(number));
    }
    fs::write(&path, text).unwrap();
    path
}

/// No value of the data set needs quotes.
fn line(text: &mut String, company: &Company) {
    let money = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    let cells = [
        company.name.clone(),
        company.tax_number.clone(),
        company.phone.clone(),
        company.email.clone(),
        company.city.clone(),
        data::SEGMENTS[company.segment].to_owned(),
        company.created.to_rfc3339(),
        company.last_activity.to_rfc3339(),
        company.note.clone().unwrap_or_default(),
        company.contract.clone().unwrap_or_default(),
        company
            .contract_date
            .map_or(String::new(), |date| date.to_string()),
        company
            .newsletter
            .map_or(String::new(), |checked| checked.to_string()),
        company
            .rating
            .map_or(String::new(), |at| data::RATINGS[at].to_owned()),
        company.budget_cents.map_or(String::new(), money),
        data::users()[company.owner].login.clone(),
    ];
    writeln!(text, "{}", cells.join(",")).unwrap();
}
