//! Copying the whole store.

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Operation, arguments, to_json};
use crate::error::Result;
use crate::progress::OnProgress;
use crate::session::Session;

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "backup",
        text: "copies the whole store into a new file, compares and verifies the copy; administrators only; progress in keys",
        arguments: &[("path", "text", "the file to write, which must not exist")],
        run: backup,
    }]
}

fn backup(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        path: String,
    }
    let Arguments { path } = arguments(json)?;
    to_json(&session.backup(&path, progress)?)
}
