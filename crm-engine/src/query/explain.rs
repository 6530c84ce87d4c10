//! `EXPLAIN SELECT ..`: the query is run, and its rows tell how it was answered.
//!
//! | Step | Detail | Rows |
//! |---|---|---|
//! | `way` | which list, totals or records | records looked at, of those that the caller may see |
//! | `estimate` | | where ways were weighed: records it was expected to look at |
//! | `range` | a condition that tells where to look | |
//! | `test` | a condition that is tested record by record | |
//! | `sort` | the order that is made in memory | |
//! | `group` | what makes the groups | |
//! | `child` | which way a sub-select finds its records | for the first one: records looked at by all |
//! | `result` | | rows given |
//!
//! Records that the caller may not see are counted nowhere (invariant *invisible is absent*).

use super::select::Output;
use super::{Column, Query};
use crate::expr::Operand;
use crate::value::{Value, ValueType};

/// The columns of an explanation.
pub(super) fn columns() -> Vec<Column> {
    let column = |name: &str, value_type| Column {
        name: name.to_owned(),
        value_type,
        field: None,
        rows: None,
    };
    vec![
        column("step", ValueType::Text),
        column("detail", ValueType::Text),
        column("rows", ValueType::Integer),
    ]
}

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    /// Records looked at by the query itself.
    pub(super) seen: u64,
    /// Records looked at by its sub-selects.
    pub(super) nested: u64,
    /// Rows given.
    pub(super) given: u64,
    /// Which of the ways was taken.
    pub(super) way: usize,
    /// Records it was expected to look at, where that was asked.
    pub(super) expected: Option<u64>,
}

/// The rows of an explanation.
pub(super) fn rows(query: &Query, counts: Counts) -> Vec<Vec<Value>> {
    let (select, access) = (&query.select, &query.ways[counts.way]);
    let row = |step: &str, detail: String, rows: Option<u64>| {
        let rows = rows.map(|rows| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX)));
        vec![step.into(), detail.into(), rows.unwrap_or_default()]
    };
    let mut rows = vec![row("way", access.explain(select), Some(counts.seen))];
    // What is expected of all records is for those alone who see all of them.
    if let Some(expected) = counts.expected.filter(|_| select.plan.reaches_everything()) {
        rows.push(row("estimate", String::new(), Some(expected)));
    }
    for (test, text) in &select.conditions {
        let step = if access.is_used(test) {
            "range"
        } else {
            "test"
        };
        rows.push(row(step, text.clone(), None));
    }
    match &select.result {
        Output::Rows { order, .. } if access.sort => {
            let text = format!("{} keys in memory", order.len());
            rows.push(row("sort", text, None));
        }
        Output::Rows { .. } => {}
        Output::Groups(grouping) => {
            let text = match grouping.by.len() {
                0 => "all records are one group".to_owned(),
                n => format!("by {n} values"),
            };
            rows.push(row("group", text, None));
        }
    }
    let mut nested = Some(counts.nested);
    for operand in operands(&select.result) {
        if let Some(way) = operand.child_way() {
            rows.push(row("child", way, nested.take()));
        }
    }
    rows.push(row("result", String::new(), Some(counts.given)));
    rows
}

fn operands(result: &Output) -> Vec<&Operand> {
    match result {
        Output::Rows { columns, order } => {
            let keys = order.iter().map(|key| &key.operand);
            columns.iter().chain(keys).collect()
        }
        Output::Groups(grouping) => grouping.by.iter().collect(),
    }
}
