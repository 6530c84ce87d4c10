//! Operations on likely duplicates.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Operation, arguments, to_json};
use crate::duplicates::DuplicateReport;
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::progress::OnProgress;
use crate::session::{OnDuplicate, Session};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "duplicates",
            text: "the likely duplicates of a record or of values not yet stored: those the caller may see with what is alike, others as a number",
            arguments: &[
                ("object", "text", "the object of the record"),
                ("id", "integer", "the record, or"),
                ("fields", "object", "values by field"),
            ],
            run: duplicates,
        },
        Operation {
            name: "create",
            text: "creates a record and reports its likely duplicates",
            arguments: &[
                ("object", "text", "its object"),
                ("fields", "object", "its values by field"),
                (
                    "on_duplicate",
                    "text",
                    "`report` when left out, `refuse` to create nothing where there is one, `ignore` not to look",
                ),
            ],
            run: create,
        },
    ]
}

fn duplicates(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: Option<RecordId>,
        fields: Option<Json>,
    }
    let Arguments { object, id, fields } = arguments(json)?;
    let report: DuplicateReport = match (id, fields) {
        (Some(id), None) => session.duplicates_of(&object, id)?,
        (None, Some(fields)) => session.duplicates(&object, &fields)?,
        _ => {
            let text = "arguments: either `id` or `fields` is given";
            return Err(Error::new(Code::InvalidArguments, text));
        }
    };
    to_json(&report)
}

fn create(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        fields: Json,
        #[serde(default)]
        on_duplicate: OnDuplicate,
    }
    let Arguments {
        object,
        fields,
        on_duplicate,
    } = arguments(json)?;
    to_json(&session.create_checked(&object, &fields, on_duplicate)?)
}
