//! From CSV files to a sales base: organisation, products, companies, deals.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crm_engine::{Engine, Progress, RecordId, Result, Session};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use crate::show::io;

/// What the rest of the example needs to know of the base.
pub(crate) struct Base {
    /// Users by name: agents and managers.
    pub(crate) users: BTreeMap<String, RecordId>,
}

/// Loads everything and prints what was taken in, what was repaired and what was refused.
pub(crate) fn base(engine: &Engine, workspace: &Path) -> Result<Base> {
    let data = workspace.join("examples/data/maven");
    let host = engine.system();
    let mut watch = Stopwatch::default();

    let pack = workspace.join("plugins/sales_rules");
    let installed =
        watch.time(|| host.call("pack.install", &json!({"path": pack}), &mut |_| true))?;
    println!(
        "Installed the pack `{}` {}.",
        text(&installed["name"]),
        text(&installed["version"])
    );

    let users = watch.time(|| organisation(&host, &read(&data.join("sales_teams.csv"))?))?;
    println!("{} users in 3 departments.", users.len());

    let products = import(
        &host,
        &mut watch,
        &json!({
            "object": "product",
            "path": data.join("products.csv"),
            "columns": {
                "product": "name",
                "series": "series",
                "sales_price": {"field": "price", "currency": "USD"},
            },
        }),
    )?;
    report("products.csv", &products);

    let pipeline = data.join("sales_pipeline.csv");
    let accounts = read(&data.join("accounts.csv"))?;
    let owners = busiest_agents(&read(&pipeline)?);
    let companies = import(
        &host,
        &mut watch,
        &json!({
            "object": "company",
            "text": with_owner(&accounts, &owners),
            "name": "accounts.csv",
            "set": {"legal_form": "legal_entity"},
            "columns": {
                "account": "name",
                "sector": {"field": "industry", "alias": {"technolgy": "technology"}},
                "year_established": "year_established",
                "revenue": "revenue",
                "employees": "employees",
                "office_location": "location",
                "subsidiary_of": {"field": "parent", "match": "name"},
                "owner": {"field": "owner", "match": "name"},
            },
        }),
    )?;
    report("accounts.csv", &companies);

    println!("\nA look at the pipeline as it is, storing nothing:");
    let check = import(
        &host,
        &mut Stopwatch::default(),
        &deals(&pipeline, &json!({}), true),
    )?;
    report("sales_pipeline.csv", &check);
    println!("\nThe same with the alias `GTXPro` for the product `GTX Pro`:");
    let alias = json!({"GTXPro": "GTX Pro"});
    let loaded = import(&host, &mut watch, &deals(&pipeline, &alias, false))?;
    report("sales_pipeline.csv", &loaded);

    println!(
        "\nThe engine took {} ms for the pack, the users and all imports but the rehearsal.",
        watch.0.as_millis()
    );
    Ok(Base { users })
}

fn deals(path: &Path, product_alias: &Json, check: bool) -> Json {
    json!({
        "object": "deal",
        "path": path,
        "check": check,
        "columns": {
            "opportunity_id": "title",
            "sales_agent": {"field": "owner", "match": "name"},
            "product": {"field": "product", "match": "name", "alias": product_alias},
            "account": {"field": "company", "match": "name", "expected": true},
            "deal_stage": "stage",
            "engage_date": {"field": "start_date", "expected": true},
            "close_date": "close_date",
            "close_value": {"field": "amount", "currency": "USD"},
        },
    })
}

/// Regional offices become departments, managers and agents users; a manager supervises his
/// agents. All of it is one transaction.
fn organisation(host: &Session, teams: &str) -> Result<BTreeMap<String, RecordId>> {
    let rows: Vec<Vec<&str>> = rows(teams).collect();
    host.transact("organisation", |door| {
        let schema = door.schema().clone();
        let (users, departments) = (schema.object("user")?, schema.object("department")?);
        let mut offices = BTreeMap::new();
        let mut people = BTreeMap::new();
        for row in &rows {
            let (agent, manager, office) = (row[0], row[1], row[2]);
            if !offices.contains_key(office) {
                let fields = json!({"name": office});
                offices.insert(office, door.create_json(departments, &fields)?);
            }
            if !people.contains_key(manager) {
                let fields = json!({
                    "login": login(manager), "name": manager, "roles": ["manager"],
                    "kind": "administration", "department": offices[office],
                });
                people.insert(manager.to_owned(), door.create_json(users, &fields)?);
            }
            let fields = json!({
                "login": login(agent), "name": agent, "roles": ["agent"],
                "department": offices[office], "supervisor": people[manager],
            });
            people.insert(agent.to_owned(), door.create_json(users, &fields)?);
        }
        Ok(people)
    })
}

/// The agent with the most deals of each company, ties by name.
fn busiest_agents(pipeline: &str) -> BTreeMap<String, String> {
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for row in rows(pipeline).filter(|row| !row[3].is_empty()) {
        *counts.entry((row[3], row[1])).or_default() += 1;
    }
    let mut busiest: BTreeMap<&str, (u32, &str)> = BTreeMap::new();
    for ((company, agent), count) in counts {
        // Agents come by name, so a later one must have more to replace an earlier one.
        let best = busiest.entry(company).or_insert((0, agent));
        if count > best.0 {
            *best = (count, agent);
        }
    }
    busiest
        .into_iter()
        .map(|(company, (_, agent))| (company.into(), agent.into()))
        .collect()
}

fn with_owner(accounts: &str, owners: &BTreeMap<String, String>) -> String {
    let mut text = String::with_capacity(accounts.len() * 2);
    for (number, line) in accounts.lines().enumerate() {
        let name = line.split(',').next().unwrap_or_default();
        let owner = owners.get(name).map_or("", String::as_str);
        text.push_str(&format!(
            "{line},{}\n",
            if number == 0 { "owner" } else { owner }
        ));
    }
    text
}

fn import(host: &Session, watch: &mut Stopwatch, job: &Json) -> Result<Json> {
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {percent:>3} % {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(text(&job["object"]).to_owned());
    let mut on_progress = |progress: Progress| {
        bar.set_length(progress.total.unwrap_or(progress.done));
        bar.set_position(progress.done);
        true
    };
    let report = watch.time(|| host.call("import.csv", job, &mut on_progress));
    bar.finish_and_clear();
    report
}

/// Rows in = rows stored + rows refused, and every fault by its kind with its column and first
/// lines. What is missing or repaired is told of stored rows only.
fn report(file: &str, report: &Json) {
    let stored = match report["check"] == json!(true) {
        true => "would be stored",
        false => "stored",
    };
    println!(
        "{file}: {} rows in, {} {stored}, {} refused.",
        report["rows_read"], report["rows_stored"], report["rows_refused"]
    );
    for group in report["groups"].as_array().into_iter().flatten() {
        let lines: Vec<String> = group["lines"]
            .as_array()
            .into_iter()
            .flatten()
            .take(3)
            .map(Json::to_string)
            .collect();
        println!(
            "  {:>5} {}: {} (column {}, lines {}{})",
            group["count"].to_string(),
            text(&group["kind"]),
            text(&group["message"]),
            text(&group["column"]),
            lines.join(", "),
            if group["count"].as_u64() > Some(lines.len() as u64) {
                ", ..."
            } else {
                ""
            }
        );
    }
}

/// The rows of a plain CSV file without quotes, its header left out.
fn rows(csv: &str) -> impl Iterator<Item = Vec<&str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(io(path))
}

fn login(name: &str) -> String {
    name.to_lowercase().replace(' ', ".")
}

fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_default()
}

/// Adds up the time spent inside the engine.
#[derive(Default)]
struct Stopwatch(Duration);

impl Stopwatch {
    fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = work();
        self.0 += start.elapsed();
        result
    }
}
