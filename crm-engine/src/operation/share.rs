//! Operations about whom a record is shared with.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Operation, arguments};
use crate::error::Result;
use crate::ids::{RecordId, UserId};
use crate::progress::OnProgress;
use crate::session::Session;

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "share",
        text: "shares a record with users and no longer with others; needs the right to share it; answers with the version it is at then",
        arguments: &[
            ("object", "text", "the record's object"),
            ("id", "integer", "the record"),
            ("add", "array", "users who become participants"),
            ("remove", "array", "users who are participants no more"),
        ],
        run: share,
    }]
}

fn share(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
        #[serde(default)]
        add: Vec<UserId>,
        #[serde(default)]
        remove: Vec<UserId>,
    }
    let Arguments {
        object,
        id,
        add,
        remove,
    } = arguments(json)?;
    let version = session.share(&object, id, &add, &remove)?;
    Ok(json!({ "version": version.0 }))
}
