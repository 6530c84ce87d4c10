//! Stored reports and smart lists.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{Operation, arguments, to_json};
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::limits::REPORT_LIST_ROWS;
use crate::progress::OnProgress;
use crate::query::Rows;
use crate::report::{
    Chart, DrillRequest, Report, ReportAudience, ReportDeclaration, ReportFile, ReportRequest,
};
use crate::session::Session;
use crate::value::{self, Value};

/// What every question about a report may say.
const REPORT: (&str, &str, &str) = ("report", "text", "its name, or the number of its record");
const LANGUAGE: (&str, &str, &str) = ("language", "text", "of the labels; `en` when left out");

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation {
            name: "report.list",
            text: "the reports and smart lists that the caller may run, by name",
            arguments: &[LANGUAGE],
            run: list,
        },
        Operation {
            name: "report.describe",
            text: "what a report tells and can be asked: period, parameters, and its definition where the caller may see that",
            arguments: &[REPORT, LANGUAGE],
            run: describe,
        },
        Operation {
            name: "report.run",
            text: "the rows of a report or smart list, under the rights of the caller or of the one who opened it to him: columns, rows, the keys of each row, total, chart",
            arguments: &[
                REPORT,
                (
                    "parameters",
                    "object",
                    "values by the names of its parameters",
                ),
                (
                    "period",
                    "text",
                    "`this month`, `last 7 days`, `2026`, `2026-Q1`, `2026-03`, `2026-01-01..2026-03-31`, `all`; the report's own when left out",
                ),
                ("from", "text", "the first day, in place of a period"),
                ("to", "text", "the last day, in place of a period"),
                (
                    "manager",
                    "text",
                    "the work of one user only: his login or id",
                ),
                (
                    "department",
                    "text",
                    "the work of a department and those below it only: its name or id",
                ),
                (
                    "cut",
                    "object",
                    "further conditions by object: every part that reads the object is cut by it",
                ),
                (
                    "own",
                    "boolean",
                    "of an opened report what the caller's own rights make of it",
                ),
                LANGUAGE,
                ("limit", "integer", "records of a list; 100 when left out"),
                (
                    "format",
                    "text",
                    "`json`, or what is written: `svg`, a picture; `csv`, `xlsx`, tables, for those who may export what they are made of",
                ),
                (
                    "path",
                    "text",
                    "the file to write, which must not exist; `text` in the answer when left out",
                ),
                ("delimiter", "text", "of a CSV; `,` when left out"),
                (
                    "bom",
                    "boolean",
                    "whether a CSV begins with a byte order mark",
                ),
            ],
            run,
        },
        Operation {
            name: "report.drill",
            text: "the records behind a figure of a report, under the rights of the caller; `next` is the last one's id where there may be more",
            arguments: &[
                REPORT,
                (
                    "column",
                    "text",
                    "the column, or the measure where a column is made of several",
                ),
                (
                    "key",
                    "object",
                    "the keys of the row; of all rows together when left out",
                ),
                ("asked", "object", "what was asked of `report.run`"),
                ("after", "integer", "the `next` of the page before"),
                ("limit", "integer", "records; 100 when left out"),
            ],
            run: drill,
        },
        Operation {
            name: "report.save",
            text: "saves a report or smart list of the caller; what its definition names must be there for him",
            arguments: &[
                (
                    "definition",
                    "text",
                    "TOML or JSON as packs declare reports, or the JSON itself",
                ),
                ("shared", "boolean", "whether it is for everyone"),
                (
                    "id",
                    "integer",
                    "the record whose definition is replaced; a new one when left out",
                ),
            ],
            run: save,
        },
        Operation {
            name: "report.delete",
            text: "deletes a report or smart list that the caller may delete",
            arguments: &[REPORT],
            run: delete,
        },
        Operation {
            name: "report.open",
            text: "opens a report to others, who run it under the caller's rights from now on; he must have the right to share it",
            arguments: &[
                REPORT,
                ("users", "array", "logins"),
                ("roles", "array", "names of roles"),
                ("groups", "array", "names of groups"),
            ],
            run: open,
        },
        Operation {
            name: "report.close",
            text: "takes back that a report was opened to others",
            arguments: &[REPORT],
            run: close,
        },
    ]
}

fn list(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        language: Option<String>,
    }
    let Arguments { language } = arguments(json)?;
    to_json(&session.reports(language.as_deref().unwrap_or("en"))?)
}

fn describe(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        report: Name,
        language: Option<String>,
    }
    let Arguments { report, language } = arguments(json)?;
    let language = language.as_deref().unwrap_or("en");
    to_json(&session.describe_report(&report.text(), language)?)
}

/// A name, or the number of a record.
#[derive(Deserialize)]
#[serde(untagged)]
enum Name {
    Name(String),
    Number(RecordId),
}

impl Name {
    fn text(&self) -> String {
        match self {
            Name::Name(name) => name.clone(),
            Name::Number(id) => id.to_string(),
        }
    }
}

fn run(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let (mut file, others) = parted(json, &["format", "path", "delimiter", "bom"])?;
    let (mine, asked) = parted(&others, &["report", "limit"])?;
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        report: Name,
        limit: Option<usize>,
    }
    let Arguments { report, limit } = arguments(&mine)?;
    let asked: ReportRequest = arguments(&asked)?;
    let report = report.text();
    if file.get("format").is_some_and(|format| format == "json") {
        file = parted(&file, &["format"])?.1;
    }
    if file.as_object().is_some_and(Map::is_empty) {
        return Ok(report_json(&session.report(&report, &asked, limit)?));
    }
    let file: ReportFile = arguments(&file)?;
    to_json(&session.write_report(&report, &asked, limit, &file)?)
}

fn drill(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    let (mine, request) = parted(json, &["report"])?;
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        report: Name,
    }
    let Arguments { report } = arguments(&mine)?;
    let request: DrillRequest = arguments(&request)?;
    let limit = request.limit.unwrap_or(REPORT_LIST_ROWS);
    rows_json(session.drill(&report.text(), &request)?, limit)
}

/// The members of a JSON object that are called so, and the others.
fn parted(json: &Json, names: &[&str]) -> Result<(Json, Json)> {
    let members = json.as_object().cloned();
    let members = members.ok_or_else(|| {
        Error::new(
            Code::InvalidArguments,
            "arguments: expected an object of names and values",
        )
    })?;
    let (mine, others): (Map<String, Json>, Map<String, Json>) = members
        .into_iter()
        .partition(|(name, _)| names.contains(&name.as_str()));
    Ok((Json::Object(mine), Json::Object(others)))
}

fn save(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        definition: Json,
        #[serde(default)]
        shared: bool,
        id: Option<RecordId>,
    }
    let Arguments {
        definition,
        shared,
        id,
    } = arguments(json)?;
    let text = match definition {
        Json::String(text) => text,
        other => other.to_string(),
    };
    let declared: ReportDeclaration = text.parse()?;
    let (id, version) = session.save_definition(id, &declared, &text, shared)?;
    Ok(json!({"id": id, "version": version.0}))
}

fn delete(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        report: Name,
    }
    let Arguments { report } = arguments(json)?;
    let info = session.describe_report(&report.text(), "en")?.info;
    session.delete("report", info.id, None)?;
    Ok(json!({}))
}

fn open(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        report: Name,
    }
    let (mine, to) = parted(json, &["report"])?;
    let Arguments { report } = arguments(&mine)?;
    let to: ReportAudience = arguments(&to)?;
    if to.is_empty() {
        let text = "arguments: a report is opened to `users`, `roles` or `groups`";
        return Err(Error::new(Code::InvalidArguments, text));
    }
    let version = session.open_report(&report.text(), &to)?;
    Ok(json!({"version": version.0}))
}

fn close(session: &Session, json: &Json, _: OnProgress<'_>) -> Result<Json> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Arguments {
        report: Name,
    }
    let Arguments { report } = arguments(json)?;
    let version = session.open_report(&report.text(), &ReportAudience::default())?;
    Ok(json!({"version": version.0}))
}

fn report_json(report: &Report) -> Json {
    let table = &report.table;
    let columns = table.columns.iter().map(|column| {
        let kind = column.value_type.name();
        json!({"name": column.name, "label": column.label, "type": kind})
    });
    let row = |row: &Vec<Value>| -> Json {
        let values = table.columns.iter().zip(row);
        values
            .map(|(column, value)| match &column.field {
                Some(field) => field.to_json(value),
                None => value::to_json(value),
            })
            .collect()
    };
    let key = |keys: &Vec<Value>| -> Map<String, Json> {
        let keys = report.key.iter().zip(keys);
        keys.map(|(name, key)| (name.clone(), value::to_json(key)))
            .collect()
    };
    json!({
        "name": report.name,
        "title": table.title,
        "columns": columns.collect::<Vec<Json>>(),
        "rows": table.rows.iter().map(row).collect::<Vec<Json>>(),
        "keys": report.keys.iter().map(key).collect::<Vec<_>>(),
        "total": report.total.as_ref().map(row),
        "chart": table.chart.as_ref().map(|chart| chart_json(chart, report)),
        "from": report.period.map(|(from, _)| from),
        "to": report.period.map(|(_, to)| to),
        "opened": report.opened,
    })
}

fn chart_json(chart: &Chart, report: &Report) -> Json {
    let name = |at: &usize| &report.table.columns[*at].name;
    let names = |all: &[usize]| all.iter().map(name).cloned().collect::<Vec<String>>();
    let (kind, label, values) = match chart {
        Chart::Funnel { label, value } => ("funnel", label, names(&[*value])),
        Chart::Bars { label, values, .. } => ("bars", label, names(values)),
        Chart::Lines { label, values } => ("lines", label, names(values)),
        Chart::Lights { label, light } => ("lights", label, names(&[*light])),
    };
    let mut drawn = json!({"kind": kind, "label": name(label), "values": values});
    if let Chart::Bars {
        group: Some(group), ..
    } = chart
    {
        drawn["group"] = name(group).as_str().into();
    }
    drawn
}

fn rows_json(mut rows: Rows, limit: usize) -> Result<Json> {
    let columns = rows.columns().to_vec();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let (mut listed, mut last) = (Vec::new(), Json::Null);
    while let Some(row) = rows.next()? {
        let values = columns.iter().zip(row);
        let row: Vec<Json> = values
            .map(|(column, value)| match &column.field {
                Some(field) => field.to_json(value),
                None => value::to_json(value),
            })
            .collect();
        last = row.first().cloned().unwrap_or_default();
        listed.push(row);
    }
    let next = (listed.len() == limit).then_some(last);
    Ok(json!({"columns": names, "rows": listed, "next": next}))
}
