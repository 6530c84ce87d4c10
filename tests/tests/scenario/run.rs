//! The language of scenarios: reads lines, does what they say, writes down what happened.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::host::{Answer, Host};
use super::show;

/// What the names of a scenario stand for.
#[derive(Default)]
struct Names {
    /// `#name`: object and id.
    records: BTreeMap<String, (String, u64)>,
    /// `@login`: user id.
    users: BTreeMap<String, u64>,
    departments: BTreeMap<String, u64>,
}

/// Runs the text of a scenario; an error names its line.
pub(super) fn run(
    text: &str,
    store: &Path,
    open: fn(&Path) -> Box<dyn Host>,
) -> Result<String, String> {
    let mut host = open(store);
    let mut names = Names::default();
    let mut seen = String::with_capacity(text.len());
    let mut closing_reads = Vec::new();
    // What went wrong first explains what cannot be done later.
    let mut first_wrong = String::new();
    for (number, line) in text.lines().enumerate() {
        let (command, expected) = match line.split_once("  =>") {
            Some((command, expected)) => (command.trim_end(), Some(expected.trim())),
            None => (line, None),
        };
        seen.push_str(command);
        if !command.is_empty() && !command.starts_with('#') {
            let before = journal_position(host.as_mut());
            let outcome = step(host.as_mut(), &mut names, command)
                .map_err(|error| format!("{}: {error}{first_wrong}", number + 1))?;
            if outcome.refused && changes_after(host.as_mut(), before) {
                return Err(format!("{}: a refusal changed records", number + 1));
            }
            match expected {
                Some(expected) => {
                    if expected != outcome.text && first_wrong.is_empty() {
                        first_wrong = format!(" (line {} gave {})", number + 1, outcome.text);
                    }
                    seen.push_str(&format!("  => {}", outcome.text));
                }
                None if outcome.refused => {
                    return Err(format!("{}: refused: {}", number + 1, outcome.text));
                }
                None => {}
            }
            if outcome.is_read && !outcome.refused {
                closing_reads.push((command.to_owned(), outcome.text));
            } else if !outcome.is_read {
                closing_reads.clear();
            }
        }
        // An empty outcome leaves no space at the end of its line.
        seen.truncate(seen.trim_end_matches(' ').len());
        seen.push('\n');
    }
    host.reopen();
    for (command, before) in closing_reads {
        let after = step(host.as_mut(), &mut names, &command)?.text;
        if after != before {
            return Err(format!(
                "after reopening `{command}` gives {after}, before {before}"
            ));
        }
    }
    Ok(seen)
}

/// How far the journal has come.
fn journal_position(host: &mut dyn Host) -> u64 {
    let mut position = 0;
    loop {
        let page = host
            .call("system", "changes", &json!({"after": position}))
            .unwrap();
        position = page["next"].as_u64().unwrap();
        if page["more"] == json!(false) {
            return position;
        }
    }
}

/// Whether a record was changed behind a position of the journal. Events, such as that of the
/// refusal itself, change none.
fn changes_after(host: &mut dyn Host, position: u64) -> bool {
    let page = host.call("system", "changes", &json!({"after": position}));
    page.unwrap()["changes"] != json!([])
}

struct Outcome {
    text: String,
    refused: bool,
    is_read: bool,
}

fn step(host: &mut dyn Host, names: &mut Names, command: &str) -> Result<Outcome, String> {
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    let answer = match verb {
        "at" => {
            host.set_time(rest.trim());
            Ok("ok".to_owned())
        }
        "pack" => {
            let path = super::workspace().join("plugins").join(rest.trim());
            host.call("system", "pack.install", &json!({"path": path}))
                .map(|_| "ok".to_owned())
        }
        "department" => host
            .create("system", "department", &json!({"name": rest.trim()}))
            .map(|id| {
                names.departments.insert(rest.trim().to_owned(), id);
                "ok".to_owned()
            }),
        "user" => user(host, names, rest)?,
        "login" => host.login(rest.trim()).map(|()| "ok".to_owned()),
        "enter" => {
            let (who, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            host.enter(who, &login(who, rest)?)
                .map(|()| "ok".to_owned())
        }
        "leave" => {
            host.leave(rest.trim());
            Ok("ok".to_owned())
        }
        "verify" => host
            .call("system", "verify", &json!({}))
            .map(|report| format!("{} faults", report["faults"])),
        "repeat" => {
            let (times, rest) = rest.split_once(' ').ok_or("repeat what?")?;
            let times: u64 = times.parse().map_err(|_| "repeat how often?")?;
            let mut last = Ok(String::new());
            for n in 1..=times {
                let line = rest.replace("{n}", &n.to_string());
                let outcome = step(host, names, &numbered(&line, n))?;
                if outcome.refused {
                    return Ok(outcome);
                }
                last = Ok("ok".to_owned());
            }
            last
        }
        "as" => {
            let (who, rest) = rest.split_once(' ').ok_or("as whom?")?;
            let is_read = [
                "get", "see", "query", "owners", "changes", "timeline", "card", "touch", "journal",
                "report", "drill",
            ]
            .iter()
            .any(|v| rest.starts_with(v));
            let answer = act(host, names, who, rest)?;
            return Ok(outcome(answer, is_read));
        }
        other => return Err(format!("`{other}` is no command")),
    };
    Ok(outcome(answer, false))
}

fn outcome(answer: Answer<String>, is_read: bool) -> Outcome {
    match answer {
        Ok(text) => {
            let refused = text == "not_found";
            Outcome {
                text,
                refused,
                is_read,
            }
        }
        Err(refusal) => Outcome {
            text: refusal.to_text(),
            refused: true,
            is_read,
        },
    }
}

/// In a repeated line the record made gets a numbered name.
fn numbered(line: &str, n: u64) -> String {
    match line.split_once(" #") {
        Some((before, after)) => {
            let (name, rest) = after.split_once(' ').unwrap_or((after, ""));
            format!("{before} #{name}{n} {rest}")
        }
        None => line.to_owned(),
    }
}

/// `ip=1.2.3.4 password="some secret" ...`; without a password the host vouches.
fn login(who: &str, rest: &str) -> Result<Json, String> {
    let mut login = json!({"login": who, "origin": {}});
    for (key, value) in pairs(rest)? {
        let value = value.trim_matches('"');
        match key.as_str() {
            "password" | "code" => login[&key] = value.into(),
            "second_factor" => login[&key] = (value == "true").into(),
            _ => login["origin"][&key] = value.into(),
        }
    }
    login["vouched"] = login["password"].is_null().into();
    Ok(login)
}

fn user(host: &mut dyn Host, names: &mut Names, rest: &str) -> Result<Answer<String>, String> {
    let (login, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut fields = json!({"login": login, "name": login});
    for (key, value) in pairs(rest)? {
        match key.as_str() {
            "role" => fields["roles"] = value.split(',').collect(),
            "groups" => fields["groups"] = value.split(',').collect(),
            "department" => fields["department"] = names.departments[&value].into(),
            "supervisor" => fields["supervisor"] = names.users[&value].into(),
            "kind" => fields["kind"] = value.into(),
            "ip_limited" | "second_factor" => fields[&key] = (value == "true").into(),
            "machines" | "identities" => fields[&key] = value.split(',').collect(),
            "from" | "until" => fields[format!("access_{key}")] = value.into(),
            other => return Err(format!("a user has no `{other}` here")),
        }
    }
    Ok(host.create("system", "user", &fields).map(|id| {
        names.users.insert(login.to_owned(), id);
        "ok".to_owned()
    }))
}

fn act(
    host: &mut dyn Host,
    names: &mut Names,
    who: &str,
    rest: &str,
) -> Result<Answer<String>, String> {
    let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if verb == "journal" {
        let filter = resolve(names, if rest.is_empty() { "{}" } else { rest })?;
        let filter = serde_json::from_str(&filter).map_err(|e| format!("{filter}: {e}"))?;
        let page = host.call(who, "journal", &filter);
        return Ok(page.map(|page| show::journal(&page, &|user| login_of(names, user))));
    }
    if verb == "create" {
        return create(host, names, who, rest);
    }
    if verb == "query" {
        let rows = host.query(who, &resolve(names, rest)?);
        return Ok(rows.map(|rows| {
            rows.iter()
                .map(|row| row.join(", "))
                .collect::<Vec<_>>()
                .join(" | ")
        }));
    }
    if verb == "call" {
        let (operation, arguments) = rest.split_once(' ').unwrap_or((rest, "{}"));
        let arguments = resolve(names, arguments)?;
        let arguments =
            serde_json::from_str(&arguments).map_err(|e| format!("{arguments}: {e}"))?;
        return Ok(host
            .call(who, operation, &arguments)
            .map(|json| json.to_string()));
    }
    if matches!(verb, "report" | "drill") {
        return report(host, names, who, (verb, rest));
    }
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (object, id) = record(names, name)?;
    Ok(match verb {
        "get" => host
            .get(who, &object, id)
            .map(|found| found.map_or("not_found", |_| "ok").to_owned()),
        "see" => {
            let sql = format!("SELECT {} FROM {object} WHERE id = {id}", rest.trim());
            host.query(who, &sql).map(|rows| {
                rows.first()
                    .map_or("not_found".to_owned(), |row| row.join(", "))
            })
        }
        "set" => {
            let (mut fields, mut expected) = (Map::new(), None);
            for (key, value) in pairs(rest)? {
                match key.as_str() {
                    "expected" => expected = value.parse().ok(),
                    _ => drop(fields.insert(key, literal(names, &value)?)),
                }
            }
            host.update(who, &object, id, &Json::Object(fields), expected)
                .map(|()| "ok".to_owned())
        }
        "delete" => host.delete(who, &object, id).map(|()| "ok".to_owned()),
        "timeline" => {
            let filter = if rest.is_empty() { "{}" } else { rest };
            let filter = resolve(names, filter)?;
            let mut arguments: Json =
                serde_json::from_str(&filter).map_err(|e| format!("{filter}: {e}"))?;
            arguments["object"] = json!(object);
            arguments["id"] = json!(id);
            let page = host.call(who, "timeline", &arguments);
            page.map(|page| match page.is_null() {
                true => "not_found".to_owned(),
                false => show::timeline(&page, &|user| login_of(names, user)),
            })
        }
        "touch" => {
            let touch = host.call(who, "last_touch", &json!({"object": object, "id": id}));
            touch.map(|touch| match touch.is_null() {
                true => "nobody".to_owned(),
                false => show::touch(&touch, &|user| login_of(names, user)),
            })
        }
        "card" => {
            let card = host.call(who, "card", &json!({"object": object, "id": id}));
            card.map(|card| match card.is_null() {
                true => "not_found".to_owned(),
                false => show::card(&card, &|user| login_of(names, user)),
            })
        }
        "owners" | "changes" => {
            let history = host.call(who, "history", &json!({"object": object, "id": id}));
            history.map(|history| match verb {
                _ if history.is_null() => "not_found".to_owned(),
                "owners" => owners(names, &history),
                _ => changes(names, &history),
            })
        }
        other => return Err(format!("`{other}` is no deed")),
    })
}

/// A report and the records behind one of its figures.
fn report(
    host: &mut dyn Host,
    names: &mut Names,
    who: &str,
    (verb, rest): (&str, &str),
) -> Result<Answer<String>, String> {
    let (name, asked) = rest.split_once(' ').unwrap_or((rest, "{}"));
    let asked = resolve(names, asked)?;
    let mut arguments: Json = serde_json::from_str(&asked).map_err(|e| format!("{asked}: {e}"))?;
    arguments["report"] = json!(name);
    let found = host.call(
        who,
        &format!("report.{}", if verb == "drill" { verb } else { "run" }),
        &arguments,
    );
    Ok(found.map(|found| match verb {
        "drill" => show::drill(&found),
        _ => show::report(&found),
    }))
}

fn create(
    host: &mut dyn Host,
    names: &mut Names,
    who: &str,
    rest: &str,
) -> Result<Answer<String>, String> {
    let (object, rest) = rest.split_once(" #").ok_or("create OBJECT #name")?;
    let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut fields = Map::new();
    for (key, value) in pairs(rest)? {
        fields.insert(key, literal(names, &value)?);
    }
    Ok(host.create(who, object, &Json::Object(fields)).map(|id| {
        names
            .records
            .insert(name.to_owned(), (object.to_owned(), id));
        "ok".to_owned()
    }))
}

/// `2014-01-10 dmitrieva by dmitrieva (person); ...`
fn owners(names: &Names, history: &Json) -> String {
    let list = history.as_array().into_iter().flatten();
    list.filter(|change| change["fields"]["owner"].is_object())
        .map(|change| {
            let day = change["at"]
                .as_str()
                .unwrap_or_default()
                .get(..10)
                .unwrap_or_default();
            let owner = login_of(names, &change["fields"]["owner"]["new"]);
            let actor = login_of(names, &change["actor"]);
            format!(
                "{day} {owner} by {actor} ({})",
                change["cause"].as_str().unwrap_or_default()
            )
        })
        .collect::<Vec<_>>()
        .join("; ")
}

/// `create name:>Vega; update employees:5>12; ...`
fn changes(names: &Names, history: &Json) -> String {
    let show = |field: &str, value: &Json| match value {
        Json::Null => String::new(),
        id if field == "owner" => format!("@{}", login_of(names, id)),
        Json::Array(users) if field == "participants" => {
            let logins = users.iter().map(|id| format!("@{}", login_of(names, id)));
            logins.collect::<Vec<_>>().join(",")
        }
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let list = history.as_array().into_iter().flatten();
    list.map(|change| {
        let fields = change["fields"].as_object().into_iter().flatten();
        let fields: Vec<String> = fields
            .map(|(name, values)| {
                format!(
                    "{name}:{}>{}",
                    show(name, &values["old"]),
                    show(name, &values["new"])
                )
            })
            .collect();
        format!(
            "{} {}",
            change["kind"].as_str().unwrap_or_default(),
            fields.join(" ")
        )
    })
    .collect::<Vec<_>>()
    .join("; ")
}

fn login_of(names: &Names, id: &Json) -> String {
    let id = id.as_u64();
    let known = names.users.iter().find(|(_, user)| Some(**user) == id);
    known.map_or_else(|| "system".to_owned(), |(login, _)| login.clone())
}

fn record(names: &Names, name: &str) -> Result<(String, u64), String> {
    if let Some((object, id)) = name.split_once('/') {
        return Ok((
            object.to_owned(),
            id.parse().map_err(|_| format!("`{name}` is no record"))?,
        ));
    }
    if let Some(user) = name
        .strip_prefix('@')
        .and_then(|user| names.users.get(user))
    {
        return Ok(("user".to_owned(), *user));
    }
    let known = name
        .strip_prefix('#')
        .and_then(|name| names.records.get(name));
    known
        .cloned()
        .ok_or_else(|| format!("`{name}` is no record"))
}

/// Replaces `#record` and `@user` by their ids.
fn resolve(names: &Names, text: &str) -> Result<String, String> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['#', '@']) {
        let (before, name) = rest.split_at(at);
        let end = name[1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
            .map_or(name.len(), |end| end + 1);
        resolved.push_str(before);
        let id = match &name[..1] {
            "#" => record(names, &name[..end])?.1,
            _ => *names
                .users
                .get(&name[1..end])
                .ok_or_else(|| format!("who is {}?", &name[..end]))?,
        };
        resolved.push_str(&id.to_string());
        rest = &name[end..];
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// A value as JSON: quoted text is text, bare numbers and literals are themselves.
fn literal(names: &Names, text: &str) -> Result<Json, String> {
    if let Some(text) = text.strip_prefix('"') {
        return Ok(text.trim_end_matches('"').into());
    }
    if text.starts_with(['#', '@']) || text.starts_with("[@") || text.starts_with("[#") {
        return serde_json::from_str(&resolve(names, text)?).map_err(|error| error.to_string());
    }
    Ok(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

/// `key=value key="some value" ...`; quotes stay on.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("`{rest}` has no ="))?;
        let end = match after.strip_prefix('"') {
            Some(quoted) => quoted.find('"').ok_or("a quote is left open")? + 2,
            None => after.find(' ').unwrap_or(after.len()),
        };
        found.push((key.trim().to_owned(), after[..end].to_owned()));
        rest = after[end..].trim_start();
    }
    Ok(found)
}
