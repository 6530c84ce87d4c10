//! Timelines, cards and the journal on one line, without ids: what a person would read off them.

use serde_json::Value as Json;

/// Tells the login of a user.
type Login<'a> = dyn Fn(&Json) -> String + 'a;

/// `2026-03-02 event task "Call back" by anna; ...`, newest first; `...` when it goes on.
pub(super) fn timeline(page: &Json, login: &Login<'_>) -> String {
    let mut entries: Vec<String> = items(page, "entries")
        .map(|entry| self::entry(entry, login))
        .collect();
    if !page["next"].is_null() {
        entries.push("...".to_owned());
    }
    entries.join("; ")
}

fn entry(entry: &Json, login: &Login<'_>) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let mut said = format!(
        "{} {} {}",
        text("at").get(..10).unwrap_or_default(),
        text("kind"),
        text("object")
    );
    for detail in ["event", "channel"] {
        if !text(detail).is_empty() {
            said.push_str(&format!(" {}", text(detail)));
        }
    }
    said.push_str(&format!(" \"{}\"", text("title")));
    for (name, values) in entry["fields"].as_object().into_iter().flatten() {
        let value = |value: &Json| match name.as_str() {
            "owner" if !value.is_null() => login(value),
            _ => plain(value),
        };
        said.push_str(&format!(
            " {name}:{}>{}",
            value(&values["old"]),
            value(&values["new"])
        ));
    }
    if !entry["actor"].is_null() {
        said.push_str(&format!(" by {}", login(&entry["actor"])));
    }
    said
}

/// What is filled: `Vega | general: name=Vega | contacts: Anna | owner anna | anna from 2026-03-01 | ...`
pub(super) fn card(card: &Json, login: &Login<'_>) -> String {
    let mut parts = vec![plain(&card["title"])];
    for section in items(card, "sections") {
        let filled = items(section, "fields").filter(|field| !field["value"].is_null());
        let fields = filled.map(|field| {
            let value = field.get("text").unwrap_or(&field["value"]);
            format!("{}={}", plain(&field["name"]), plain(value))
        });
        let fields: Vec<String> = fields.collect();
        if !fields.is_empty() {
            let name = plain(&section["name"]);
            parts.push(format!("{name}: {}", fields.join(", ")));
        }
    }
    for part in items(card, "parts") {
        let rows: Vec<String> = items(part, "rows").map(row).collect();
        let more = if part["more"] == true { ", ..." } else { "" };
        if !rows.is_empty() {
            let name = plain(&part["name"]);
            parts.push(format!("{name}: {}{more}", rows.join(", ")));
        }
    }
    if !card["owner"].is_null() {
        parts.push(format!("owner {}", login(&card["owner"]["id"])));
    }
    for span in items(card, "owners") {
        let day = |at: &Json| plain(at).get(..10).unwrap_or_default().to_owned();
        let owner = match &span["owner"] {
            Json::Null => "nobody".to_owned(),
            owner => login(&owner["id"]),
        };
        let to = match day(&span["to"]) {
            open if open.is_empty() => String::new(),
            to => format!(" to {to}"),
        };
        parts.push(format!("{owner} from {}{to}", day(&span["from"])));
    }
    for list in items(card, "completeness") {
        let missing: Vec<String> = items(list, "missing").map(plain).collect();
        parts.push(format!(
            "{} {}% lacks {}",
            plain(&list["name"]),
            list["percent"],
            missing.join(", ")
        ));
    }
    parts.push(format!(
        "timeline {}",
        items(&card["timeline"], "entries").count()
    ));
    let touch = &card["last_touch"];
    if !touch.is_null() {
        parts.push(format!("last touch {}", self::touch(touch, login)));
    }
    parts.join(" | ")
}

/// `anna: 2026-03-02 event activity call phone "Price" by anna`
pub(super) fn touch(touch: &Json, login: &Login<'_>) -> String {
    format!("{}: {}", login(&touch["who"]["id"]), entry(touch, login))
}

/// `anna login login from 10.0.0.1; anna set refused: transfer company`, oldest first.
pub(super) fn journal(page: &Json, login: &Login<'_>) -> String {
    let told = items(page, "entries").map(|entry| {
        let mut said = format!("{} {}", login(&entry["user"]), plain(&entry["action"]));
        let kind = plain(&entry["kind"]);
        if kind != plain(&entry["action"]) {
            said.push_str(&format!(" {kind}"));
        }
        let origin = entry["origin"].as_object().into_iter().flatten();
        for (name, value) in origin {
            said.push_str(&format!(" {name}={}", plain(value)));
        }
        let changed = entry["changed"].as_u64().unwrap_or_default();
        if changed > 0 {
            said.push_str(&format!(" {changed} changed"));
        }
        for name in ["reason", "right", "object", "entries"] {
            if !entry["detail"][name].is_null() {
                said.push_str(&format!(" {name}:{}", plain(&entry["detail"][name])));
            }
        }
        said
    });
    told.collect::<Vec<_>>().join("; ")
}

/// `source, leads, deals | Fair, 2, 1 | none, 1, 0 | Total, 3, 1`: names of columns, rows, total.
pub(super) fn report(report: &Json) -> String {
    let cells = |row: &Json| {
        let cells = row.as_array().into_iter().flatten().map(cell);
        cells.collect::<Vec<_>>().join(", ")
    };
    let columns = items(report, "columns").map(|column| plain(&column["name"]));
    let mut told = vec![columns.collect::<Vec<_>>().join(", ")];
    told.extend(items(report, "rows").map(cells));
    if !report["total"].is_null() {
        told.push(cells(&report["total"]));
    }
    if report["opened"] == true {
        told.push("opened".to_owned());
    }
    told.join(" | ")
}

/// The titles of the records behind a figure: `Roof | Wall`.
pub(super) fn drill(found: &Json) -> String {
    let columns: Vec<&Json> = items(found, "columns").collect();
    let title = ["title", "name", "subject", "stage", "id"]
        .iter()
        .find_map(|name| columns.iter().position(|column| *column == name));
    let rows = items(found, "rows").map(|row| cell(&row[title.unwrap_or(0)]));
    rows.collect::<Vec<_>>().join(" | ")
}

/// `9 EUR` for an amount, `-` for no value.
fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::Object(money) => {
            let part = |name: &str| money.get(name).map(plain).unwrap_or_default();
            format!("{} {}", part("amount"), part("currency"))
        }
        other => plain(other),
    }
}

fn row(row: &Json) -> String {
    let cells = &row["cells"];
    let title = ["name", "title"].iter().find_map(|name| cells.get(name));
    let first = cells.as_object().and_then(|cells| cells.values().next());
    plain(title.or(first).unwrap_or(&Json::Null))
}

fn items<'j>(json: &'j Json, name: &str) -> impl Iterator<Item = &'j Json> {
    json[name].as_array().into_iter().flatten()
}

fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
