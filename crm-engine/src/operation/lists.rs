//! The operations that add sorted lists to objects and take them away.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::Result;
use crate::progress::OnProgress;
use crate::schema::ListDeclaration;
use crate::session::Session;

use super::{Operation, arguments};

const OBJECT: (&str, &str, &str) = ("object", "text", "the object");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "list.create",
            text: "offers another sorted list, built while others go on working; asked for again it goes on where it was; needs the right to manage the fields of the object; progress in records",
            arguments: &[
                OBJECT,
                (
                    "list",
                    "object",
                    "as in a pack: name; by, fields with `desc` or nothing",
                ),
            ],
            run: create_list,
        },
        Operation {
            name: "list.delete",
            text: "takes a sorted list away: what it answered is sorted in memory; needs the right to manage the fields of the object; progress in entries",
            arguments: &[OBJECT, ("list", "text", "the list")],
            run: delete_list,
        },
    ]
}

fn create_list(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        list: ListDeclaration,
    }
    let Arguments { object, list } = arguments(json)?;
    session.create_list(&object, &list, progress)?;
    Ok(json!({}))
}

fn delete_list(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        list: String,
    }
    let Arguments { object, list } = arguments(json)?;
    session.delete_list(&object, &list, progress)?;
    Ok(json!({}))
}
