//! What an import did, and what it has to say about single rows.

use std::collections::HashMap;

use serde::Serialize;

use crate::ids::RecordId;
use crate::limits::{IMPORT_FAULT_GROUPS_MAX, IMPORT_FAULTS_KEPT_MAX};

/// Lines a group of faults names as examples.
const GROUP_LINES_MAX: usize = 5;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ImportReport {
    /// The file, or the name of the text.
    pub file: String,
    /// Whether it was a rehearsal, which stores nothing: the counts tell what would be stored.
    pub check: bool,
    /// Rows of the file without its header.
    pub rows_read: u64,
    /// Rows that are records now.
    pub rows_stored: u64,
    /// Rows that were refused, each with at least one fault.
    pub rows_refused: u64,
    /// Rows that were left out because they are likely duplicates.
    pub rows_skipped: u64,
    /// Stored rows that are likely duplicates.
    pub rows_duplicate: u64,
    /// Stored rows in which an alias repaired something.
    pub rows_repaired: u64,
    /// Cells of stored rows that an alias repaired.
    pub cells_repaired: u64,
    /// Columns of the file that the job leaves out.
    pub ignored_columns: Vec<String>,
    /// Faults in the order of their discovery, up to [`IMPORT_FAULTS_KEPT_MAX`].
    pub faults: Vec<Fault>,
    /// How many faults there are in all.
    pub fault_count: u64,
    /// Equal faults together, the most frequent first, up to [`IMPORT_FAULT_GROUPS_MAX`].
    pub groups: Vec<FaultGroup>,
    /// How long the import took.
    pub milliseconds: u64,
}

/// Something about one row that its sender should know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// The file, or the name of the text.
    pub file: String,
    /// The line the row begins on, counted from 1.
    pub line: u64,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// The field, where one is at fault.
    pub field: Option<String>,
    /// The cell, shortened.
    pub value: Option<String>,
    /// What was done about it.
    pub kind: FaultKind,
    /// The reason, for people.
    pub message: String,
    /// The duplicate rule that found another record or row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// That record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordId>,
    /// The line of that row, in a rehearsal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_line: Option<u64>,
}

/// What was done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The row was not stored.
    Refused,
    /// The cell was read as its alias says.
    Repaired,
    /// An expected cell is empty; the row was stored.
    Missing,
    /// The cell names nothing known; its field was left empty and the row was stored.
    Emptied,
    /// The row is a likely duplicate; it was stored.
    Duplicate,
    /// The row is a likely duplicate; it was not stored.
    Skipped,
}

/// Faults that differ in their lines only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultGroup {
    /// What was done about them.
    pub kind: FaultKind,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// The cell they share, shortened.
    pub value: Option<String>,
    /// The reason they share.
    pub message: String,
    /// How many there are.
    pub count: u64,
    /// The first lines they stand on.
    pub lines: Vec<u64>,
}

/// A report under construction.
pub(super) struct Writer {
    pub(super) report: ImportReport,
    /// Where each group stands among `report.groups`.
    places: HashMap<(FaultKind, Option<String>, String), usize>,
}

impl Writer {
    pub(super) fn new(report: ImportReport) -> Writer {
        Writer {
            report,
            places: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.report.fault_count += 1;
        let key = (fault.kind, fault.column.clone(), fault.message.clone());
        let groups = &mut self.report.groups;
        let place = self.places.get(&key).copied();
        match place {
            Some(place) => {
                let group = &mut groups[place];
                group.count += 1;
                if group.value != fault.value {
                    group.value = None;
                }
                if group.lines.len() < GROUP_LINES_MAX {
                    group.lines.push(fault.line);
                }
            }
            None if groups.len() < IMPORT_FAULT_GROUPS_MAX => {
                self.places.insert(key, groups.len());
                groups.push(FaultGroup {
                    kind: fault.kind,
                    column: fault.column.clone(),
                    value: fault.value.clone(),
                    message: fault.message.clone(),
                    count: 1,
                    lines: vec![fault.line],
                });
            }
            None => {}
        }
        if self.report.faults.len() < IMPORT_FAULTS_KEPT_MAX {
            self.report.faults.push(fault);
        }
    }

    /// The finished report.
    pub(super) fn finish(mut self) -> ImportReport {
        // The sort is stable: among equally frequent groups the one met first stays first.
        self.report
            .groups
            .sort_by_key(|group| std::cmp::Reverse(group.count));
        self.report
    }
}
