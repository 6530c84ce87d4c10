//! How often a client buys.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Operation, arguments};
use crate::error::Result;
use crate::progress::OnProgress;
use crate::session::Session;
use crate::value::{Value, to_json};

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "periodicity",
        text: "how often records happen, of what the caller may see: count, first and last date, and average_days between them, null below two",
        arguments: &[
            ("object", "text", "the object of the records"),
            ("date", "text", "its date or date_time field"),
            (
                "where",
                "text",
                "a condition on their fields; all records when left out",
            ),
        ],
        run: periodicity,
    }]
}

fn periodicity(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        object: String,
        date: String,
        #[serde(rename = "where")]
        condition: Option<String>,
    }
    let Arguments {
        object,
        date,
        condition,
    } = arguments(json)?;
    let found = session.periodicity(&object, &date, condition.as_deref())?;
    let average = found.average_days.map_or(Value::Null, Value::Decimal);
    Ok(json!({
        "count": found.count,
        "first": found.first,
        "last": found.last,
        "average_days": to_json(&average),
    }))
}
