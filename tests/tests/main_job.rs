//! The README's main job, run as its reader would run it, against figures worked out from the
//! published files by other means.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::built;
use crate::maven::{assert_funnel, data, section};

fn run(program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn assert_figures(text: &str) {
    let teams = data("sales_teams.csv");
    let all: Vec<String> = teams.iter().map(|row| row[0].clone()).collect();
    let team: Vec<String> = teams
        .iter()
        .filter(|row| row[1] == "Dustin Brinkmann")
        .map(|row| row[0].clone())
        .collect();
    assert_funnel(text, "administrator", &all);
    assert_funnel(text, "dustin.brinkmann", &team);
    assert_funnel(text, "moses.frase", &["Moses Frase".to_owned()]);
    let published = section(text, "Funnel as administrator").join("\n");
    for figure in ["4238", "10005534", "2473", "1589", "500"] {
        assert!(published.contains(figure), "{figure} in\n{published}");
    }
    assert!(text.contains(": 0 faults."), "{text}");
}

#[test]
fn the_quickstart_shows_the_published_figures_and_again_when_opened() {
    let program = built::example("quickstart");
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("base.crm");
    let store = store.to_str().unwrap();

    let first = run(&program, &["--store", store]);
    assert_figures(&first);
    assert!(
        first.contains("sales_pipeline.csv: 8800 rows in, 7320 would be stored, 1480 refused."),
        "{first}"
    );
    assert!(
        first.contains("sales_pipeline.csv: 8800 rows in, 8800 stored, 0 refused."),
        "{first}"
    );
    for fault in [
        "1480 repaired",
        "1425 missing",
        "500 missing",
        "12 repaired",
    ] {
        assert!(first.contains(fault), "{fault} in\n{first}");
    }
    for shown in [
        "reading gives nothing, writing gives: not found (not_found)",
        "days_to_close = 19",
        "(refused, field amount)",
        "created by the rule",
        "employees",
        "handed over, 0 refused",
    ] {
        assert!(first.contains(shown), "{shown} in\n{first}");
    }
    let svg = fs::read_to_string(PathBuf::from(store).with_extension("svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("10\u{2009}005\u{2009}534"));

    let again = run(&program, &["--store", store, "--open"]);
    assert_figures(&again);
    assert_eq!(
        section(&first, "Funnel as moses"),
        section(&again, "Funnel as moses")
    );

    // A store somebody named is never replaced.
    let refused = Command::new(&program)
        .args(["--store", store])
        .output()
        .unwrap();
    assert!(!refused.status.success());
}
