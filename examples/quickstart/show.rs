//! What different people see, the refused look-up, the hand-over, the verification.

use std::fs;
use std::path::Path;

use crm_engine::{Code, Engine, Error, RecordId, Result, Session, Value};
use serde_json::{Value as Json, json};

use crate::load::Base;

const MANAGER: &str = "dustin.brinkmann";
pub(crate) const AGENT: &str = "moses.frase";
const LEAVER: &str = "Darcel Schlecht";
const SUCCESSOR: &str = "Gladys Colclough";

/// The funnel as the administrator, one manager and one agent see it.
pub(crate) fn figures(engine: &Engine) -> Result<()> {
    funnel("administrator", &engine.system())?;
    let manager = engine.login(MANAGER)?;
    let of_manager = funnel(MANAGER, &manager)?;

    let mut agents = engine
        .system()
        .prepare("SELECT login FROM user WHERE supervisor.login = :manager ORDER BY name")?;
    agents.bind_name("manager", MANAGER)?;
    let mut rows = agents.run()?;
    let mut sum = vec![0; of_manager.len()];
    while let Some(row) = rows.next()? {
        let agent = engine.login(row[0].as_text().unwrap_or_default())?;
        for (sum, count) in sum.iter_mut().zip(counts(&agent)?) {
            *sum += count;
        }
    }
    println!("  stage by stage, his agents add up to {sum:?}, his own figures are {of_manager:?}");
    funnel(AGENT, &engine.login(AGENT)?)?;
    Ok(())
}

fn funnel(who: &str, session: &Session) -> Result<Vec<u64>> {
    let report = session.call("report.funnel", &json!({"object": "deal"}), &mut |_| true)?;
    println!("\nFunnel as {who}");
    for stage in stages(&report) {
        let worth = stage["sums"]["USD"].as_str().unwrap_or("0");
        println!(
            "  {:<12} {:>6} {:>12} USD",
            text(&stage["label"]),
            stage["count"].to_string(),
            worth
        );
    }
    counts(session)
}

fn counts(session: &Session) -> Result<Vec<u64>> {
    let report = session.call("report.funnel", &json!({"object": "deal"}), &mut |_| true)?;
    Ok(stages(&report)
        .filter_map(|stage| stage["count"].as_u64())
        .collect())
}

/// Each figure of the funnel leads to exactly its rows.
pub(crate) fn drill_down(engine: &Engine) -> Result<()> {
    let manager = engine.login(MANAGER)?;
    let report = manager.call("report.funnel", &json!({"object": "deal"}), &mut |_| true)?;
    println!("\nThe rows behind the manager's figures");
    for stage in stages(&report) {
        let mut statement = manager.prepare("SELECT id FROM deal WHERE stage = ?")?;
        statement.bind(1, text(&stage["stage"]))?;
        let mut rows = statement.run()?;
        let mut found = 0_u64;
        while rows.next()?.is_some() {
            found += 1;
        }
        println!(
            "  {:<12} {} counted, {found} rows",
            text(&stage["label"]),
            stage["count"]
        );
    }
    Ok(())
}

/// The funnel as an SVG file beside the store.
pub(crate) fn picture(engine: &Engine, path: &Path) -> Result<()> {
    let arguments = json!({"object": "deal", "title": "Deals by stage"});
    let report = engine
        .system()
        .call("report.funnel", &arguments, &mut |_| true)?;
    fs::write(path, text(&report["svg"])).map_err(io(path))?;
    println!("\nDrew the funnel into {}.", path.display());
    Ok(())
}

/// A record of somebody else and a record that does not exist give the same answer.
pub(crate) fn refused_lookup(engine: &Engine, base: &Base) -> Result<()> {
    let leaver = base.users[LEAVER];
    let mut foreign = engine
        .system()
        .prepare("SELECT id FROM deal WHERE owner = ? LIMIT 1")?;
    foreign.bind(1, Value::Reference(leaver))?;
    let mut rows = foreign.run()?;
    let foreign = rows
        .next()?
        .and_then(|row| row[0].as_integer())
        .unwrap_or_default();
    let missing = RecordId::new(9_999_999)?;
    let foreign = RecordId::new(foreign.unsigned_abs())?;

    let agent = engine.login(AGENT)?;
    println!("\nAs {AGENT}");
    for (what, id) in [
        ("a deal of another agent", foreign),
        ("a deal that does not exist", missing),
    ] {
        let seen = agent.get("deal", id)?;
        let changed = agent.update("deal", id, &json!({"title": "mine"}), None);
        println!(
            "  {what} ({id}): reading gives {}, writing gives: {}",
            seen.map_or("nothing".to_owned(), |record| record.to_string()),
            refusal(changed)
        );
    }
    Ok(())
}

/// One agent leaves: access closed first, then everything of his goes to another in one call.
pub(crate) fn hand_over(engine: &Engine, base: &Base) -> Result<()> {
    let (from, to) = (base.users[LEAVER], base.users[SUCCESSOR]);
    let host = engine.system();
    println!("\n{LEAVER} leaves; {SUCCESSOR} takes over");
    let login = LEAVER.to_lowercase().replace(' ', ".");
    let open_session = engine.login(&login)?;
    host.call("user.close_access", &json!({"user": from}), &mut |_| true)?;
    println!(
        "  his open session: {}",
        refusal(open_session.get("deal", RecordId::new(1)?))
    );
    println!("  a new login: {}", refusal(engine.login(&login).map(drop)));

    let arguments = json!({"from": from, "to": to, "objects": ["company", "deal"]});
    let report = host.call("transfer", &arguments, &mut |_| true)?;
    for line in report["objects"].as_array().into_iter().flatten() {
        println!(
            "  {:<8} {} matched, {} handed over, {} refused",
            text(&line["object"]),
            line["matched"],
            line["changed"],
            line["refused"]
        );
    }
    let mut one = host.prepare("SELECT id, title FROM deal WHERE owner = ? AND created_by IS NULL ORDER BY updated_at DESC LIMIT 1")?;
    one.bind(1, Value::Reference(to))?;
    let mut rows = one.run()?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let id = RecordId::new(row[0].as_integer().unwrap_or_default().unsigned_abs())?;
    println!("  owners of the deal `{}`:", row[1]);
    for change in host
        .history("deal", id)?
        .unwrap_or_default()
        .as_array()
        .into_iter()
        .flatten()
    {
        let owner = &change["fields"]["owner"];
        if owner.is_object() {
            println!(
                "    {} {} -> {} ({})",
                text(&change["at"]),
                name(&host, &owner["old"])?,
                name(&host, &owner["new"])?,
                text(&change["cause"])
            );
        }
    }
    Ok(())
}

/// Indexes, totals and the journal chain, rebuilt from the records and compared.
pub(crate) fn verification(engine: &Engine) -> Result<()> {
    let report = engine.system().call("verify", &json!({}), &mut |_| true)?;
    println!(
        "\nVerified {} records, {} index entries, {} totals, {} history rows, {} journal entries: {} faults.",
        report["records"],
        report["index_entries"],
        report["totals"],
        report["history_rows"],
        report["journal_entries"],
        report["faults"]
    );
    match report["faults"] == json!(0) {
        true => Ok(()),
        false => Err(Error::new(Code::Damaged, report["fault_texts"].to_string())),
    }
}

fn name(host: &Session, user: &Json) -> Result<String> {
    match user.as_u64() {
        None => Ok("nobody".to_owned()),
        Some(id) => {
            let user = host.get("user", RecordId::new(id)?)?.unwrap_or_default();
            Ok(text(&user["name"]).to_owned())
        }
    }
}

/// The refusal a call met, with its code.
pub(crate) fn refusal<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "allowed (it should not have been)".to_owned(),
        Err(error) => match error.details().get("field") {
            Some(field) => format!("{error} ({}, field {})", error.code(), text(field)),
            None => format!("{error} ({})", error.code()),
        },
    }
}

pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |error| Error::new(Code::Io, format!("`{path}`: {error}"))
}

fn stages(report: &Json) -> impl Iterator<Item = &Json> {
    report["stages"].as_array().into_iter().flatten()
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}
