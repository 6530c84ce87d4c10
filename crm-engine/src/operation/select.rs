//! Queries, page by page.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Operation, arguments};
use crate::error::{Code, Error, Result};
use crate::limits::SELECT_ROWS_MAX;
use crate::query::{Column, Params};
use crate::session::Session;
use crate::value::{self, Value, ValueType};

/// Rows at once when nothing else is asked for.
const ROWS_DEFAULT: usize = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![Operation {
        name: "select",
        text: "rows of a SELECT or of an EXPLAIN SELECT, under the rights of the caller",
        arguments: &[
            ("sql", "text", "the query"),
            (
                "params",
                "object",
                "its parameters by name, or an array of them by position",
            ),
            (
                "limit",
                "integer",
                "rows at once; 1,000 when left out, 10,000 at most",
            ),
            (
                "after",
                "text",
                "the `cursor` of an earlier answer to the same query: what follows it",
            ),
        ],
        run: |session, json, _| select(session, &arguments(json)?),
    }]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Select {
    sql: String,
    #[serde(default)]
    params: Json,
    limit: Option<usize>,
    after: Option<String>,
}

fn select(session: &Session, asked: &Select) -> Result<Json> {
    let limit = asked.limit.unwrap_or(ROWS_DEFAULT);
    if limit == 0 || limit > SELECT_ROWS_MAX {
        let text = format!("arguments: `limit` is from 1 to {SELECT_ROWS_MAX}");
        return Err(Error::new(Code::InvalidArguments, text));
    }
    let params = params(&asked.params)?;
    let mut rows = match &asked.after {
        Some(cursor) => session.query_after(&asked.sql, &params, cursor)?,
        None => session.query(&asked.sql, &params)?,
    };
    let columns = rows.columns().to_vec();
    let (mut page, mut complete) = (Vec::new(), false);
    while page.len() < limit {
        let Some(row) = rows.next()? else {
            complete = true;
            break;
        };
        let cells = columns.iter().zip(row);
        page.push(Json::Array(
            cells.map(|(column, value)| column.json(value)).collect(),
        ));
    }
    Ok(json!({
        "columns": columns.iter().map(described).collect::<Vec<Json>>(),
        "rows": page,
        "cursor": rows.cursor()?,
        "complete": complete,
    }))
}

fn described(column: &Column) -> Json {
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(column.name));
    match &column.rows {
        Some(rows) => {
            let rows = rows.iter().map(described).collect();
            map.insert("rows".to_owned(), Json::Array(rows));
        }
        None => {
            map.insert("type".to_owned(), json!(column.value_type.name()));
        }
    }
    Json::Object(map)
}

/// Parameters by name or by position. Numbers that are no whole ones are decimals.
fn params(json: &Json) -> Result<Params> {
    match json {
        Json::Null => Ok(Params::new()),
        Json::Object(named) => named
            .iter()
            .try_fold(Params::new(), |params, (name, json)| {
                Ok(params.named(name, parameter(json)?))
            }),
        Json::Array(values) => values.iter().try_fold(Params::new(), |params, json| {
            Ok(params.with(parameter(json)?))
        }),
        _ => {
            let text = "arguments: `params` is an object or an array";
            Err(Error::new(Code::InvalidArguments, text))
        }
    }
}

fn parameter(json: &Json) -> Result<Value> {
    match json {
        Json::Null => Ok(Value::Null),
        Json::Bool(checked) => Ok(Value::Checkbox(*checked)),
        Json::Number(number) if number.is_i64() => value::from_json(ValueType::Integer, json),
        Json::Number(_) => value::from_json(ValueType::Decimal, json),
        Json::String(text) => Ok(Value::from(text.as_str())),
        Json::Array(_) | Json::Object(_) => {
            let text = "arguments: a parameter is a text, a number, a truth value or null";
            Err(Error::new(Code::InvalidArguments, text))
        }
    }
}
