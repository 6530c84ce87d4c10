//! The operations that add totals to objects and take them away.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::Result;
use crate::progress::OnProgress;
use crate::schema::TotalDeclaration;
use crate::session::Session;

use super::{Operation, arguments};

const OBJECT: (&str, &str, &str) = ("object", "text", "the object");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "total.create",
            text: "keeps counts and sums of groups of records from now on; needs the right to configure the object",
            arguments: &[
                OBJECT,
                (
                    "total",
                    "object",
                    "as in a pack: name; group, fields and periods like `month(day)`; sum, fields",
                ),
            ],
            run: create_total,
        },
        Operation {
            name: "total.delete",
            text: "keeps a total no more: what it answered is counted record by record; needs the right to configure the object",
            arguments: &[OBJECT, ("total", "text", "the total")],
            run: delete_total,
        },
    ]
}

fn create_total(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        total: TotalDeclaration,
    }
    let Arguments { object, total } = arguments(json)?;
    session.create_total(&object, &total)?;
    Ok(json!({}))
}

fn delete_total(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        total: String,
    }
    let Arguments { object, total } = arguments(json)?;
    session.delete_total(&object, &total)?;
    Ok(json!({}))
}
