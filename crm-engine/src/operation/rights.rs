//! Operations about who stands where.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::{RecordId, UserId};
use crate::policy::Action;
use crate::progress::OnProgress;
use crate::schema::keys;
use crate::session::Session;
use crate::store::Read;
use crate::value::RecordView;

use super::{Operation, arguments};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "relation",
        text: "how a record stands to a user: `own`, `department` or `foreign`; null when it is not found",
        arguments: &[
            ("object", "text", "the record's object"),
            ("id", "integer", "the record"),
            (
                "user",
                "integer",
                "the user; the caller when left out, another one for administrators only",
            ),
        ],
        run: relation,
    }]
}

/// Exactly one of three answers (C15); a record without owner is foreign to everybody.
fn relation(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
        user: Option<UserId>,
    }
    let Arguments { object, id, user } = arguments(json)?;
    if user.is_some() && user != session.user() {
        session.require_administrator()?;
    }
    let Some(user) = user.or(session.user()) else {
        let text = "`user`: the host itself stands to no record";
        return Err(Error::new(Code::InvalidArguments, text).field("user"));
    };
    let view = session.view()?;
    let object = view.schema.object(&object)?;
    let plan = view.facts.plan(session.actor(), object, Action::View);
    let Some(bytes) = view.snapshot.get(&keys::record(object.id, id))? else {
        return Ok(Json::Null);
    };
    let record = RecordView::new(&bytes)?;
    if !facts::permits(&view.snapshot, &plan, &record)? {
        return Ok(Json::Null);
    }
    let owner = record.owner();
    let department = |user: UserId| {
        let facts = view.facts.organisation.user(user);
        facts.and_then(|facts| facts.department)
    };
    Ok(json!(match owner {
        Some(owner) if owner == user => "own",
        Some(owner) if department(user).is_some() && department(user) == department(owner) =>
            "department",
        _ => "foreign",
    }))
}
