//! Operations about who stands where, who may do what and why.

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

use super::{Operation, arguments, to_json};

pub(super) fn operations() -> Vec<Operation> {
    let mut operations = review();
    operations.push(Operation {
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
    });
    operations
}

fn review() -> Vec<Operation> {
    vec![
        Operation {
            name: "explain",
            text: "why a user may or may not do something with a record; administrators only",
            arguments: &[
                ("user", "integer", "the user"),
                ("action", "text", ACTIONS),
                ("object", "text", "the record's object"),
                ("id", "integer", "the record"),
                ("field", "text", "a field of it, where one is asked about"),
            ],
            run: explain,
        },
        Operation {
            name: "may",
            text: "whether the caller may do something with a record that he sees: true or false",
            arguments: &[
                ("action", "text", ACTIONS),
                ("object", "text", "the record's object"),
                ("id", "integer", "the record"),
            ],
            run: may,
        },
        Operation {
            name: "who_can",
            text: "the users who may do something with a record, and by whose rules; administrators only",
            arguments: &[
                ("action", "text", ACTIONS),
                ("object", "text", "the record's object"),
                ("id", "integer", "the record"),
                ("field", "text", "a field of it, where one is asked about"),
                ("limit", "integer", "users per page; 100 when left out"),
                ("after", "integer", "the `next` of the page before"),
            ],
            run: who_can,
        },
        Operation {
            name: "effective_rights",
            text: "the rules that reach one user or all, with where each comes from, now or at a past moment; administrators only",
            arguments: &[
                ("user", "integer", "the user; all when left out"),
                ("at", "datetime", "the moment; now when left out"),
                ("limit", "integer", "users per page; 100 when left out"),
                ("after", "integer", "the `next` of the page before"),
            ],
            run: effective_rights,
        },
        Operation {
            name: "what_if",
            text: "how many records each user would gain and lose by changes of rights; nothing is changed; administrators only; progress in objects",
            arguments: &[
                (
                    "changes",
                    "array",
                    "of {create: object, fields, as: $name}, {update: object, id, fields}, {delete: object, id}",
                ),
                (
                    "actions",
                    "array",
                    "the actions compared; `view` when left out",
                ),
                (
                    "objects",
                    "array",
                    "the objects compared; all but details when left out",
                ),
            ],
            run: what_if,
        },
    ]
}

const ACTIONS: &str = "an action as it stands in grants: view, create, edit, fill, delete, transfer, share, assign, import, export, bulk, manage_fields, manage_sections, configure, audit or approve";

fn explain(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        user: UserId,
        action: Action,
        object: String,
        id: RecordId,
        field: Option<String>,
    }
    let Arguments {
        user,
        action,
        object,
        id,
        field,
    } = arguments(json)?;
    to_json(&session.explain(user, action, &object, id, field.as_deref())?)
}

fn may(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        action: Action,
        object: String,
        id: RecordId,
    }
    let Arguments { action, object, id } = arguments(json)?;
    Ok(json!(session.may(action, &object, id)?))
}

fn who_can(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    to_json(&session.who_can(&arguments(json)?)?)
}

fn effective_rights(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    to_json(&session.effective_rights(&arguments(json)?)?)
}

fn what_if(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    to_json(&session.what_if(&arguments(json)?, progress)?)
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
