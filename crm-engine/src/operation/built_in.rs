//! The operations the engine itself offers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::error::{Error, Result};
use crate::exchange::{self, ImportJob, Transactions};
use crate::ids::{Sequence, UserId};
use crate::journal::Cause;
use crate::pack::{self, Pack};
use crate::policy::Action;
use crate::report;
use crate::schema::system;
use crate::session::Session;
use crate::transfer::{self, Transfer};
use crate::value::Value;
use crate::verify;
use crate::write::{Door, Input};

use crate::progress::{OnProgress, Progress};

use super::{Operation, arguments, to_json};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "operations",
            text: "lists all operations",
            arguments: &[],
            run: |_, _, _| Ok(super::describe()),
        },
        Operation {
            name: "schema",
            text: "describes the objects and fields the caller may see",
            arguments: &[(
                "language",
                "text",
                "labels as text in it; all languages when left out",
            )],
            run: schema,
        },
        Operation {
            name: "changes",
            text: "the changes after a journal position that the caller may see",
            arguments: &[
                ("after", "integer", "the position; 0 for the beginning"),
                ("limit", "integer", "changes per page; 1,000 when left out"),
            ],
            run: changes,
        },
        Operation {
            name: "import.csv",
            text: "takes a CSV file in; needs the right to import the object; progress in bytes",
            arguments: &[
                ("object", "text", "the object of the records"),
                ("path", "text", "the file, or"),
                ("text", "text", "its content"),
                (
                    "columns",
                    "object",
                    "column name: field name, or {field, match, alias, currency, expected, on_unknown}",
                ),
                ("ignore", "array", "columns to leave out"),
                (
                    "set",
                    "object",
                    "what every row gets besides: field name: text",
                ),
                ("delimiter", "text", "`,` when left out"),
                ("encoding", "text", "`utf-8` when left out"),
                ("check", "checkbox", "only check, store nothing"),
                (
                    "on_duplicate",
                    "text",
                    "likely duplicates: `report` when left out, `skip` or `create`",
                ),
            ],
            run: import_csv,
        },
        Operation {
            name: "transfer",
            text: "hands the records of one user to another; needs the right to transfer them",
            arguments: &[
                ("from", "integer", "the user who has them"),
                ("to", "integer", "the user who gets them"),
                (
                    "objects",
                    "array",
                    "the objects; all owned ones when left out",
                ),
                (
                    "where",
                    "text",
                    "a condition on their fields, to hand over a selection",
                ),
            ],
            run: transfer,
        },
        Operation {
            name: "user.close_access",
            text: "closes the access of a user at once; administrators only",
            arguments: &[("user", "integer", "the user")],
            run: close_access,
        },
        Operation {
            name: "report.funnel",
            text: "counts and sums by stage of what the caller may see",
            arguments: &[
                ("object", "text", "an object with stages"),
                ("language", "text", "of the labels; `en` when left out"),
                ("title", "text", "draws the funnel as SVG under this title"),
            ],
            run: funnel,
        },
        Operation {
            name: "pack.check",
            text: "everything that is wrong with a pack, without installing it; administrators only",
            arguments: &[("path", "text", "its folder")],
            run: pack_check,
        },
        Operation {
            name: "pack.install",
            text: "installs or upgrades a pack in one transaction; administrators only",
            arguments: &[("path", "text", "its folder")],
            run: pack_install,
        },
        Operation {
            name: "pack.list",
            text: "the installed packs",
            arguments: &[],
            run: |session, _, _| to_json(&pack::installed(&session.view()?.snapshot)?),
        },
        Operation {
            name: "verify",
            text: "rebuilds everything derived from the records and compares; administrators only; progress in records",
            arguments: &[],
            run: run_verify,
        },
    ]
}

fn schema(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        language: Option<String>,
    }
    let Arguments { language } = arguments(json)?;
    session.schema_json(language.as_deref())
}

fn changes(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        after: u64,
        limit: Option<usize>,
    }
    let Arguments { after, limit } = arguments(json)?;
    let page = session.changes(Sequence(after), limit.unwrap_or(1_000))?;
    let changes: Vec<Json> = page
        .changes
        .iter()
        .map(|change| {
            json!({
                "sequence": change.sequence.0,
                "at": crate::value::to_json(&Value::DateTime(change.at)),
                "actor": change.actor.map(UserId::get),
                "kind": change.kind.name(),
                "object": change.object,
                "id": change.id.get(),
                "version": change.version.0,
            })
        })
        .collect();
    Ok(json!({"changes": changes, "next": page.next.0, "more": page.more}))
}

fn import_csv(session: &Session, json: &Json, progress: OnProgress<'_>) -> Result<Json> {
    let job: ImportJob = arguments(json)?;
    to_json(&exchange::import(session, &job, progress)?)
}

impl Transactions for Session {
    fn transact(
        &self,
        file: &str,
        body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>,
    ) -> Result<()> {
        let cause = Cause::Import(file.to_owned());
        self.run(&cause, "import.csv", body)
    }

    fn now(&self) -> DateTime<Utc> {
        self.engine().now()
    }
}

fn transfer(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let request: Transfer = arguments(json)?;
    to_json(&session.transact("transfer", |door| transfer::run(door, &request))?)
}

fn close_access(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        user: UserId,
    }
    let Arguments { user } = arguments(json)?;
    let now = session.engine().now();
    session.transact("user.close_access", |door| {
        let users = Arc::clone(door.schema().object("user")?);
        let input = Input::of([(system::user::ACCESS_CLOSED, Value::DateTime(now))]);
        door.update(&users, user.0, input, None)
    })?;
    Ok(json!({"closed_at": crate::value::to_json(&Value::DateTime(now))}))
}

fn funnel(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        language: Option<String>,
        title: Option<String>,
    }
    let Arguments {
        object,
        language,
        title,
    } = arguments(json)?;
    let view = session.view()?;
    let object = view.schema.object(&object)?;
    let plan = view.facts.plan(session.actor(), object, Action::View);
    let funnel = report::funnel(
        &view.snapshot,
        &plan,
        object,
        language.as_deref().unwrap_or("en"),
    )?;
    let mut answer = to_json(&funnel)?;
    if let Some(title) = title {
        answer["svg"] = report::funnel_svg(&funnel, &title).into();
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackArguments {
    path: String,
}

fn pack_check(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    session.require_administrator()?;
    let PackArguments { path } = arguments(json)?;
    let view = session.view()?;
    let faults = pack::check_folder(&view.snapshot, &view.schema, path.as_ref());
    Ok(faults.iter().map(Error::to_json).collect())
}

fn pack_install(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    session.require_administrator()?;
    let PackArguments { path } = arguments(json)?;
    let pack = Pack::from_folder(path.as_ref())?;
    to_json(&session.engine().install(session.by(), &pack)?)
}

fn run_verify(session: &Session, _: &Json, progress: OnProgress<'_>) -> Result<Json> {
    session.require_administrator()?;
    let view = session.view()?;
    let mut on_record = |done| progress(Progress { done, total: None });
    to_json(&verify::run(&view.snapshot, &view.schema, &mut on_record)?)
}
