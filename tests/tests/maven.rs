//! The published sales base, counted by other means than the engine's.

use std::collections::BTreeMap;
use std::fs;

use crate::built;

/// The rows of one of its files.
pub(crate) fn data(file: &str) -> Vec<Vec<String>> {
    let path = built::workspace().join("examples/data/maven").join(file);
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

/// The lines from the one that begins with `from` to the next empty one.
pub(crate) fn section<'t>(text: &'t str, from: &str) -> Vec<&'t str> {
    let lines: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with(from))
        .collect();
    assert!(!lines.is_empty(), "no `{from}` in\n{text}");
    lines
        .into_iter()
        .take_while(|line| !line.is_empty())
        .collect()
}

/// Count and sum by stage of the deals of some agents.
fn funnel_of(agents: &[String]) -> BTreeMap<String, (u64, u64)> {
    let mut stages = BTreeMap::new();
    for row in data("sales_pipeline.csv") {
        if agents.contains(&row[1]) {
            let stage: &mut (u64, u64) = stages.entry(row[4].clone()).or_default();
            stage.0 += 1;
            stage.1 += row[7].trim().parse::<u64>().unwrap_or(0);
        }
    }
    stages
}

/// A printed funnel shows the figures of these agents.
pub(crate) fn assert_funnel(text: &str, who: &str, agents: &[String]) {
    let lines = section(text, &format!("Funnel as {who}"));
    for (stage, (count, sum)) in funnel_of(agents) {
        let line = lines.iter().find(|line| {
            line.trim_start()
                .to_lowercase()
                .starts_with(&stage.to_lowercase())
        });
        let words: Vec<&str> = line
            .unwrap_or_else(|| panic!("{who}: no {stage}"))
            .split_whitespace()
            .collect();
        // A stage that is worth nothing may say so with a dash.
        let worth = words[2].replace('-', "0");
        assert_eq!(words[1], count.to_string(), "{who}: {stage}");
        assert_eq!(worth, sum.to_string(), "{who}: {stage}");
    }
}
