//! What was, what is taken back, and what becomes one.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value as Json;

use super::{Operation, arguments, to_json};
use crate::error::{Code, Error, Result};
use crate::history::Moment;
use crate::ids::{RecordId, Sequence, Version};
use crate::merge::Merge;
use crate::progress::OnProgress;
use crate::session::Session;
use crate::undo::RevertUser;

const OBJECT: (&str, &str, &str) = ("object", "text", "its object");
const ID: (&str, &str, &str) = ("id", "integer", "its id");
const VERSION: (&str, &str, &str) = ("version", "integer", "as it was after this version, or");
const AT: (&str, &str, &str) = ("at", "datetime", "as it was at this moment");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "history",
            text: "every change of a record, oldest first, then those of records merged into it (`absorbed`); null when it is not found",
            arguments: &[OBJECT, ID, ("field", "text", "only changes of this field")],
            run: history,
        },
        Operation {
            name: "record.at",
            text: "a record as it was, cut to what the caller may see now; null when it is not found or did not exist then",
            arguments: &[OBJECT, ID, VERSION, AT],
            run: record_at,
        },
        Operation {
            name: "revert.field",
            text: "sets a field back to what it was; an ordinary change",
            arguments: &[OBJECT, ID, ("field", "text", "the field"), VERSION, AT],
            run: revert_field,
        },
        Operation {
            name: "revert.record",
            text: "sets a record back to what it was, its owner too; brings a deleted one back, which needs the right to create it",
            arguments: &[OBJECT, ID, VERSION, AT],
            run: revert_record,
        },
        Operation {
            name: "revert.user",
            text: "takes back what a user changed in a period, but for what was changed since; needs the right `bulk` and the rights to what is done; progress in records",
            arguments: &[
                ("user", "integer", "the user"),
                ("from", "datetime", "the beginning of the period"),
                ("to", "datetime", "its end, which is no part of it"),
                (
                    "objects",
                    "array",
                    "the objects; all with the right `bulk` when left out",
                ),
                ("check", "checkbox", "only tell what would be done"),
            ],
            run: revert_user,
        },
        Operation {
            name: "undo",
            text: "takes a whole transaction back, or nothing of it; one's own, any for administrators",
            arguments: &[(
                "sequence",
                "integer",
                "its position in the journal, as history and changes tell it",
            )],
            run: undo,
        },
        Operation {
            name: "merge",
            text: "makes one record of several; needs the right to edit the one that stays and to edit and delete the others; `undo` takes it back",
            arguments: &[
                OBJECT,
                ("into", "integer", "the record that stays"),
                ("from", "array", "the records that become part of it"),
                (
                    "fields",
                    "object",
                    "values it gets whatever the records hold",
                ),
            ],
            run: merge,
        },
    ]
}

/// A record, and where it is asked for a moment of its life.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Past {
    object: String,
    id: RecordId,
    version: Option<Version>,
    at: Option<DateTime<Utc>>,
    field: Option<String>,
}

impl Past {
    fn moment(&self) -> Result<Moment> {
        match (self.version, self.at) {
            (Some(version), None) => Ok(Moment::Version(version)),
            (None, Some(at)) => Ok(Moment::At(at)),
            _ => Err(invalid("either `version` or `at` is needed")),
        }
    }

    fn refuse_field(&self) -> Result<()> {
        match self.field {
            Some(_) => Err(invalid("`field` is not taken here")),
            None => Ok(()),
        }
    }
}

fn invalid(text: &str) -> Error {
    Error::new(Code::InvalidArguments, format!("arguments: {text}"))
}

fn history(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
        field: Option<String>,
    }
    let Arguments { object, id, field } = arguments(json)?;
    let history = match field {
        Some(field) => session.history_of_field(&object, id, &field)?,
        None => session.history(&object, id)?,
    };
    Ok(history.unwrap_or(Json::Null))
}

fn record_at(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let past: Past = arguments(json)?;
    past.refuse_field()?;
    let record = match past.moment()? {
        Moment::Version(version) => session.at_version(&past.object, past.id, version)?,
        Moment::At(at) => session.as_of(&past.object, past.id, at)?,
    };
    Ok(record.unwrap_or(Json::Null))
}

fn revert_field(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let past: Past = arguments(json)?;
    let field = past.field.as_deref();
    let field = field.ok_or_else(|| invalid("missing field `field`"))?;
    to_json(&session.revert_field(&past.object, past.id, field, past.moment()?)?)
}

fn revert_record(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let past: Past = arguments(json)?;
    past.refuse_field()?;
    to_json(&session.revert_record(&past.object, past.id, past.moment()?)?)
}

fn revert_user(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    let request: RevertUser = arguments(json)?;
    to_json(&session.revert_user(&request, progress)?)
}

fn undo(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        sequence: Sequence,
    }
    let Arguments { sequence } = arguments(json)?;
    to_json(&session.undo(sequence)?)
}

fn merge(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let merge: Merge = arguments(json)?;
    to_json(&session.merge(&merge)?)
}
