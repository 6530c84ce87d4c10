//! The operation that accepts records.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Operation, arguments, to_json};
use crate::error::Result;
use crate::progress::OnProgress;
use crate::session::Session;

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "accept",
        text: "takes in a record that tells of a client: finds or creates him, opens or finds what follows, and links them; with `look_up` it only tells what is there",
        arguments: &[
            (
                "object",
                "text",
                "an object that declares how it is accepted",
            ),
            ("fields", "object", "the values of the record by field"),
            (
                "look_up",
                "checkbox",
                "change nothing, tell the client and what is open",
            ),
        ],
        run: accept,
    }]
}

fn accept(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        fields: Json,
        #[serde(default)]
        look_up: bool,
    }
    let Arguments {
        object,
        fields,
        look_up,
    } = arguments(json)?;
    let accepted = match look_up {
        true => session.look_up(&object, &fields)?,
        false => session.accept(&object, &fields)?,
    };
    to_json(&accepted)
}
