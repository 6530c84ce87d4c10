//! Operations that look records up.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::Result;
use crate::progress::OnProgress;
use crate::search::SearchRequest;
use crate::session::Session;

use super::{Operation, arguments, to_json};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "search",
            text: "the records a text means, best first, of those the caller may see",
            arguments: &[
                (
                    "text",
                    "text",
                    "words or their beginnings, part of a phone, an e-mail: all of it must fit",
                ),
                (
                    "objects",
                    "array",
                    "the objects searched; all when left out",
                ),
                (
                    "fields",
                    "array",
                    "only these fields; all searched ones when left out",
                ),
                ("limit", "integer", "the most hits; 20 when left out"),
            ],
            run: search,
        },
        Operation {
            name: "find",
            text: "the records with a phone or e-mail, whatever its notation",
            arguments: &[
                ("text", "text", "the phone number or e-mail"),
                (
                    "objects",
                    "array",
                    "the objects searched; all when left out",
                ),
            ],
            run: find,
        },
    ]
}

fn search(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let request: SearchRequest = arguments(json)?;
    to_json(&session.search(&request)?)
}

fn find(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        text: String,
        #[serde(default)]
        objects: Vec<String>,
    }
    let Arguments { text, objects } = arguments(json)?;
    to_json(&session.find(&text, &objects)?)
}
