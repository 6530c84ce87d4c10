//! Operations about taking data out, and about who reads how much.

use serde_json::Value as Json;

use super::{Operation, arguments, to_json};
use crate::error::Result;
use crate::progress::OnProgress;
use crate::session::Session;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "export",
            text: "takes the rows of a query out as CSV, as text or into a new file, or as a workbook; needs the right to export the object; progress in rows",
            arguments: &[
                ("sql", "text", "a SELECT, or"),
                ("object", "text", "the object of the records, with"),
                (
                    "columns",
                    "array",
                    "its fields and paths; all of its own fields when left out",
                ),
                ("where", "text", "a condition on the records"),
                ("order", "text", "what they are sorted by"),
                (
                    "path",
                    "text",
                    "the file to write; without it the answer has the `text`",
                ),
                (
                    "format",
                    "text",
                    "`csv` when left out, or `xlsx`, which goes into a file",
                ),
                ("delimiter", "text", "`,` when left out"),
                (
                    "guard",
                    "checkbox",
                    "`'` before texts that a spreadsheet would take for a formula; yes when left out",
                ),
                (
                    "bom",
                    "checkbox",
                    "a byte order mark at the beginning of the file",
                ),
            ],
            run: export,
        },
        Operation {
            name: "watch",
            text: "records opened, rows listed and exported and refusals by user and hour; administrators and auditors of everything only",
            arguments: HOURS,
            run: watch,
        },
        Operation {
            name: "watch.alarms",
            text: "the hours in which users opened more records than their roles let them; administrators and auditors of everything only",
            arguments: HOURS,
            run: alarms,
        },
        Operation {
            name: "watch.opened",
            text: "the records that a user opened in a period; administrators and auditors of everything only",
            arguments: &[
                ("user", "integer", "the user"),
                (
                    "from",
                    "datetime",
                    "the first moment: its whole hour counts",
                ),
                ("to", "datetime", "the moment behind the last one"),
                ("limit", "integer", "records per page; 1,000 when left out"),
                ("after", "integer", "the `next` of the page before"),
            ],
            run: opened,
        },
    ]
}

const HOURS: &[(&str, &str, &str)] = &[
    ("user", "integer", "one user; all when left out"),
    (
        "from",
        "datetime",
        "the first moment: its whole hour counts",
    ),
    ("to", "datetime", "the moment behind the last one"),
    ("limit", "integer", "hours per page; 1,000 when left out"),
    ("after", "text", "the `next` of the page before"),
];

fn export(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    to_json(&session.export(&arguments(json)?, progress)?)
}

fn watch(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    to_json(&session.watch(&arguments(json)?)?)
}

fn alarms(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    to_json(&session.watch_alarms(&arguments(json)?)?)
}

fn opened(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    to_json(&session.watch_opened(&arguments(json)?)?)
}
