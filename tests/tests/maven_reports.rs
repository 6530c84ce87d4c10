//! Standard reports on the published sales base against the same figures computed from its files
//! by other means.

use std::collections::BTreeMap;
use std::sync::Arc;

use crm_engine::{Engine, ManualClock, Options, Report, ReportRequest, Session, Value};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

use crate::built;
use crate::maven::data;

const PERIODS: [&str; 5] = ["2017-Q1", "2017-Q2", "2017-Q3", "2017-Q4", "2017"];

/// A sale as the file has it.
struct Sale {
    agent: String,
    product: String,
    account: String,
    stage: String,
    closed: String,
    value: u64,
}

fn sales() -> Vec<Sale> {
    let sale = |row: Vec<String>| Sale {
        agent: row[1].clone(),
        product: row[2].replace("GTXPro", "GTX Pro"),
        account: row[3].clone(),
        stage: row[4].clone(),
        closed: row[6].clone(),
        value: row[7].trim().parse().unwrap_or(0),
    };
    data("sales_pipeline.csv").into_iter().map(sale).collect()
}

/// The base in memory, without what no figure here needs.
fn base() -> Session {
    let now = "2018-01-01T09:00:00Z".parse().unwrap();
    let engine = Engine::in_memory(Options {
        clock: Arc::new(ManualClock::new(now)),
        ..Options::default()
    })
    .unwrap();
    let host = engine.system();
    let mut managers = BTreeMap::new();
    for row in data("sales_teams.csv") {
        let user = |name: &str, kind: &str, supervisor: Json| {
            let login = name.to_lowercase().replace(' ', ".");
            let user =
                json!({"login": login, "name": name, "kind": kind, "supervisor": supervisor});
            host.create("user", &user).unwrap()
        };
        let manager = *managers
            .entry(row[1].clone())
            .or_insert_with(|| user(&row[1], "administration", Json::Null));
        user(&row[0], "employee", json!(manager.get()));
    }
    let folder = built::workspace().join("examples/data/maven");
    let import = |object: &str, file: &str, columns: Json, ignore: &[&str], set: Json| {
        let path = folder.join(file);
        let job = json!({
            "object": object, "path": path, "columns": columns, "ignore": ignore, "set": set,
        });
        let report = host.call("import.csv", &job, &mut |_| true).unwrap();
        assert_eq!(report["rows_refused"], 0, "{report}");
    };
    let ignored = ["series", "sales_price"];
    let columns = json!({"product": "name"});
    import("product", "products.csv", columns, &ignored, json!({}));
    let ignored = [
        "sector",
        "year_established",
        "revenue",
        "employees",
        "office_location",
        "subsidiary_of",
    ];
    let form = json!({"legal_form": "legal_entity"});
    import(
        "company",
        "accounts.csv",
        json!({"account": "name"}),
        &ignored,
        form,
    );
    let pipeline = json!({
        "opportunity_id": "title",
        "sales_agent": {"field": "owner", "match": "name"},
        "product": {"field": "product", "match": "name", "alias": {"GTXPro": "GTX Pro"}},
        "account": {"field": "company", "match": "name", "expected": true},
        "deal_stage": "stage",
        "close_date": "close_date",
        "close_value": {"field": "amount", "currency": "USD"},
    });
    let ignored = ["engage_date"];
    import("deal", "sales_pipeline.csv", pipeline, &ignored, json!({}));
    host
}

/// Whether a day such as `2017-05-02` is in a period such as `2017-Q2`.
fn is_in(day: &str, period: &str) -> bool {
    let Some((year, quarter)) = period.split_once("-Q") else {
        return day.starts_with(period);
    };
    let month: u32 = day.get(5..7).and_then(|m| m.parse().ok()).unwrap_or(0);
    day.starts_with(year) && month.div_ceil(3) == quarter.parse::<u32>().unwrap()
}

fn ask(host: &Session, report: &str, period: Option<&str>, cut: Option<String>) -> Report {
    let request = ReportRequest {
        period: period.map(str::to_owned),
        cut: cut
            .map(|cut| ("deal".to_owned(), cut))
            .into_iter()
            .collect(),
        ..ReportRequest::default()
    };
    host.report(report, &request, None).unwrap()
}

fn number(value: &Value) -> Decimal {
    match value {
        Value::Integer(n) => (*n).into(),
        Value::Decimal(n) => *n,
        Value::Money(money) => money.amount,
        _ => Decimal::ZERO,
    }
}

fn at(report: &Report, column: &str) -> usize {
    let columns = &report.table.columns;
    let found = columns.iter().position(|one| one.name == column);
    found.unwrap()
}

/// Two figures of each row that has any, by what the row is called.
fn figures(report: &Report, columns: [&str; 2]) -> BTreeMap<String, [Decimal; 2]> {
    let row = |row: &Vec<Value>| {
        let figures = columns.map(|name| number(&row[at(report, name)]));
        (row[0].to_string(), figures)
    };
    let rows = report.table.rows.iter().map(row);
    rows.filter(|(_, figures)| figures[0] > Decimal::ZERO)
        .collect()
}

fn total(report: &Report, columns: [&str; 2]) -> [Decimal; 2] {
    let total = report.total.as_ref().unwrap();
    columns.map(|name| number(&total[at(report, name)]))
}

/// Number and sum of the sales that are chosen, by what they are called.
fn sums<'s>(
    sales: impl IntoIterator<Item = &'s Sale>,
    name: impl Fn(&Sale) -> String,
) -> BTreeMap<String, [Decimal; 2]> {
    let mut sums: BTreeMap<String, [Decimal; 2]> = BTreeMap::new();
    for sale in sales {
        let sum = sums.entry(name(sale)).or_default();
        sum[0] += Decimal::ONE;
        sum[1] += Decimal::from(sale.value);
    }
    sums
}

#[test]
fn reports_agree_with_the_files() {
    let (host, sales) = (base(), sales());
    let funnel = figures(&ask(&host, "funnel", None, None), ["deals", "amount"]);
    assert_eq!(funnel, sums(&sales, |sale| sale.stage.clone()));
    let published = [Decimal::from(4_238), Decimal::from(10_005_534)];
    assert_eq!(funnel["Won"], published);
    let whole = ask(&host, "plan_and_fact", Some("2017"), None);
    assert_eq!(total(&whole, ["deals", "sold"]), published);
    for period in PERIODS {
        let won: Vec<&Sale> = sales
            .iter()
            .filter(|sale| sale.stage == "Won" && is_in(&sale.closed, period))
            .collect();
        of_period(&host, period, &won);
    }
}

fn of_period(host: &Session, period: &str, won: &[&Sale]) {
    let of = |name: fn(&Sale) -> String| sums(won.iter().copied(), name);
    let run = |report: &str| ask(host, report, Some(period), None);
    let agents = figures(&run("plan_and_fact"), ["deals", "sold"]);
    assert_eq!(agents, of(|sale| sale.agent.clone()), "{period}");
    let clients = figures(&run("income_by_client"), ["deals", "income"]);
    let account = |sale: &Sale| match sale.account.as_str() {
        "" => "none".to_owned(),
        account => account.to_owned(),
    };
    assert_eq!(clients, of(account), "{period}");
    let products = of(|sale| sale.product.clone());
    assert_products(&run("abc_products"), &products);

    let teams = data("sales_teams.csv");
    let mut managers: Vec<&String> = teams.iter().map(|row| &row[1]).collect();
    managers.sort();
    managers.dedup();
    for manager in managers {
        let is_led = |sale: &&&Sale| {
            let mut rows = teams.iter();
            rows.any(|row| row[0] == sale.agent && row[1] == *manager)
        };
        let led = sums(won.iter().filter(is_led).copied(), |_| String::new());
        let cut = format!("owner.supervisor.name = '{manager}'");
        let report = ask(host, "plan_and_fact", Some(period), Some(cut));
        let sold = total(&report, ["deals", "sold"]);
        assert_eq!(Some(&sold), led.get(""), "{manager} {period}");
    }
}

/// Income, share and class of each product.
fn assert_products(report: &Report, expected: &BTreeMap<String, [Decimal; 2]>) {
    let mut by_income: Vec<(&String, Decimal)> =
        expected.iter().map(|(name, sum)| (name, sum[1])).collect();
    by_income.sort_by_key(|sold| std::cmp::Reverse(sold.1));
    let all: Decimal = by_income.iter().map(|(_, income)| income).sum();
    let rows = &report.table.rows;
    assert_eq!(rows.len(), by_income.len());
    let (income, share, class) = (
        at(report, "income"),
        at(report, "share"),
        at(report, "class"),
    );
    let mut so_far = Decimal::ZERO;
    for (place, (row, (name, sum))) in rows.iter().zip(by_income).enumerate() {
        so_far += sum;
        let together = so_far * Decimal::ONE_HUNDRED / all;
        let expected = match together {
            _ if place == 0 => "A",
            together if together <= Decimal::from(80) => "A",
            together if together <= Decimal::from(95) => "B",
            _ => "C",
        };
        assert_eq!(row[0].to_string(), *name);
        assert_eq!(number(&row[income]), sum, "{name}");
        let part = (sum * Decimal::ONE_HUNDRED / all).round_dp(2);
        assert_eq!(number(&row[share]), part.normalize(), "{name}");
        assert_eq!(row[class].to_string(), expected, "{name}");
    }
}
