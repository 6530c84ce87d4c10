//! Operations that change many records, and tags.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Operation, arguments, to_json};
use crate::bulk::BulkUpdate;
use crate::error::Result;
use crate::ids::RecordId;
use crate::progress::OnProgress;
use crate::session::Session;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "bulk.update",
            text: "the same change of every record of a selection; needs the right to bulk changes and to edit each; progress in records",
            arguments: &[
                ("object", "text", "the object of the records"),
                ("where", "text", "a condition on their fields, or"),
                ("ids", "array", "the records; with both, those of them"),
                ("set", "object", "new values by field"),
                ("add_tags", "object", "lists of tags to add by field"),
                (
                    "remove_tags",
                    "object",
                    "lists of tags to take off by field",
                ),
                ("check", "checkbox", "only tell what would be changed"),
            ],
            run: bulk_update,
        },
        Operation {
            name: "tag",
            text: "adds tags to a record and takes tags off it; answers with those it has then",
            arguments: &[
                ("object", "text", "its object"),
                ("id", "integer", "its id"),
                ("field", "text", "a field of tags; `tags` when left out"),
                ("add", "array", "tags to add"),
                ("remove", "array", "tags to take off"),
            ],
            run: tag,
        },
    ]
}

fn bulk_update(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    let job: BulkUpdate = arguments(json)?;
    to_json(&session.bulk_update(&job, progress)?)
}

fn tag(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
        field: Option<String>,
        #[serde(default)]
        add: Vec<String>,
        #[serde(default)]
        remove: Vec<String>,
    }
    let Arguments {
        object,
        id,
        field,
        add,
        remove,
    } = arguments(json)?;
    let field = field.as_deref().unwrap_or("tags");
    let tags = session.tag(&object, id, field, &add, &remove)?;
    Ok(json!({ "tags": tags }))
}
