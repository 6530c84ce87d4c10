//! The operations around one record: its card, its timeline, who was last in touch.

use chrono::{DateTime, Days, NaiveTime, Utc};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, UserId};
use crate::progress::OnProgress;
use crate::session::{Session, TimelineRequest};
use crate::timeline::TimelineFilter;
use crate::value::{Value, ValueType, parse};

use super::{Operation, arguments, to_json};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "card",
            text: "everything about a record that the caller may see; null when it is not found",
            arguments: &[
                ("object", "text", "its object"),
                ("id", "integer", "its id"),
                ("language", "text", "of the labels; `en` when left out"),
            ],
            run: card,
        },
        Operation {
            name: "timeline",
            text: "a page of what concerns a record, newest first; null when it is not found",
            arguments: &[
                ("object", "text", "its object"),
                ("id", "integer", "its id"),
                (
                    "kinds",
                    "array",
                    "event, stage, created, changed, deleted, objects, or kinds of events",
                ),
                ("user", "integer", "who did it or has it"),
                ("channel", "text", "the channel of an event"),
                ("from", "text", "the first moment or day"),
                ("to", "text", "the moment before which, or the last day"),
                (
                    "text",
                    "text",
                    "what its title, a column or a changed value contains",
                ),
                ("limit", "integer", "entries per page; 20 when left out"),
                ("after", "text", "the `next` of the page before"),
            ],
            run: timeline,
        },
        Operation {
            name: "last_touch",
            text: "who was last in touch with a record, when, how and about what; null for nobody",
            arguments: &[
                ("object", "text", "its object"),
                ("id", "integer", "its id"),
            ],
            run: last_touch,
        },
    ]
}

fn card(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    to_json(&session.card(&arguments(json)?)?)
}

fn timeline(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
        #[serde(default)]
        kinds: Vec<String>,
        user: Option<UserId>,
        channel: Option<String>,
        from: Option<String>,
        to: Option<String>,
        text: Option<String>,
        limit: Option<usize>,
        after: Option<String>,
    }
    let given: Arguments = arguments(json)?;
    let request = TimelineRequest {
        object: given.object,
        id: given.id,
        filter: TimelineFilter {
            kinds: given.kinds,
            user: given.user,
            channel: given.channel,
            from: moment("from", given.from.as_deref(), 0)?,
            to: moment("to", given.to.as_deref(), 1)?,
            text: given.text,
        },
        limit: given.limit,
        after: given.after,
    };
    to_json(&session.timeline(&request)?)
}

fn last_touch(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        id: RecordId,
    }
    let Arguments { object, id } = arguments(json)?;
    to_json(&session.last_touch(&object, id)?)
}

/// A moment, or a day: its beginning, so many days later.
fn moment(argument: &str, text: Option<&str>, days: u64) -> Result<Option<DateTime<Utc>>> {
    let Some(text) = text else { return Ok(None) };
    if let Ok(Value::DateTime(at)) = parse(ValueType::DateTime, text) {
        return Ok(Some(at));
    }
    let day = match parse(ValueType::Date, text) {
        Ok(Value::Date(day)) => day.checked_add_days(Days::new(days)),
        _ => None,
    };
    match day {
        Some(day) => Ok(Some(day.and_time(NaiveTime::MIN).and_utc())),
        None => Err(Error::new(
            Code::InvalidArguments,
            format!("arguments: `{argument}` takes a moment or a day"),
        )),
    }
}
