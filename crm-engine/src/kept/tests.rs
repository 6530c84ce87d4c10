//! Kept fields through the whole engine, and against queries that count anew.

mod counts;
mod rights;

use serde_json::{Value as Json, json};

use super::Kept;
use crate::error::{Code, Result};
use crate::ids::RecordId;
use crate::pack::Pack;
use crate::query::Params;
use crate::schema::{ObjectDeclaration, Schema};
use crate::{Engine, Options, Session};

const MANIFEST: &str = "name = \"boxes\"\nversion = \"1.0.0\"\n";

const BOX: &str = r#"
name = "box"
owned = true
columns = ["name", "amount"]
field = [
    { name = "name", type = "text" },
    { name = "shelf", type = "reference", target = "shelf", on_delete = "clear" },
    { name = "state", type = "choice", choice = [
        { name = "open", stage = "open" }, { name = "sold", stage = "won" }, { name = "void", stage = "lost" },
    ] },
    { name = "day", type = "date" },
    { name = "parts", type = "integer", rollup = { object = "part", link = "box" } },
    { name = "pieces", type = "decimal", rollup = { object = "part", link = "box", sum = "quantity" } },
    { name = "amount", type = "money", rollup = { object = "part", link = "box", sum = "total" } },
    { name = "tax", type = "money", formula = "amount * 0.2" },
    { name = "is_big", type = "checkbox", formula = "amount > 100" },
    { name = "rate", type = "decimal", computed = true },
    { name = "base", type = "money", converted = { from = "amount", at = "day", rate = "rate" } },
    { name = "twice", type = "money", formula = "base + base" },
]
list = [{ name = "by_amount", by = ["amount desc"] }]
"#;

const PART: &str = r#"
name = "part"
owned = true
parent = "box"
field = [
    { name = "box", type = "reference", target = "box", required = true, on_delete = "cascade" },
    { name = "quantity", type = "decimal" },
    { name = "price", type = "money" },
    { name = "discount", type = "decimal" },
    { name = "total", type = "money", formula = "quantity * price * (1 - coalesce(discount, 0) / 100)" },
]
"#;

const SHELF: &str = r#"
name = "shelf"
owned = true
field = [
    { name = "name", type = "text" },
    { name = "boxes", type = "integer", rollup = { object = "box", link = "shelf" } },
    { name = "worth", type = "money", rollup = { object = "box", link = "shelf", sum = "amount" } },
]
"#;

/// A role that sees every box, and the parts of `scope`, without the field `object.hidden`.
fn all_or(scope: &str, hidden: &str) -> String {
    let of = |object: &str| match hidden.split_once('.') {
        Some((name, field)) if name == object => format!("\"{field}\""),
        _ => String::new(),
    };
    let (of_box, of_part) = (of("box"), of("part"));
    format!(
        r#"
[[role]]
name = "r"
grant = [
    {{ object = "box", actions = ["view", "create", "edit"], scope = "all", hidden_fields = [{of_box}] }},
    {{ object = "shelf", actions = ["view"], scope = "all" }},
    {{ object = "part", actions = ["view", "create", "edit", "delete"], scope = "{scope}", hidden_fields = [{of_part}] }},
]
"#
    )
}

fn pack(roles: &str) -> Pack {
    Pack::from_files([
        ("pack.toml", MANIFEST),
        ("box/object.toml", BOX),
        ("part/object.toml", PART),
        ("shelf/object.toml", SHELF),
        ("roles.toml", roles),
    ])
    .unwrap()
}

fn engine(roles: &str) -> Engine {
    let engine = Engine::in_memory(Options {
        standard_pack: false,
        ..Options::default()
    })
    .unwrap();
    engine
        .install(crate::policy::Actor::System, &pack(roles))
        .unwrap();
    engine
}

fn create(session: &Session, object: &str, fields: Json) -> RecordId {
    session.create(object, &fields).unwrap()
}

/// One row of a query as texts between bars.
fn row(session: &Session, sql: &str) -> Result<String> {
    let mut rows = session.query(sql, &Params::new())?;
    let row = rows.next()?.map(|row| {
        let texts: Vec<String> = row.iter().map(ToString::to_string).collect();
        texts.join("|")
    });
    Ok(row.unwrap_or_default())
}

fn sound(host: &Session) {
    let report = host.call("verify", &json!({}), &mut |_| true).unwrap();
    assert_eq!(report["faults"], 0, "{report}");
}

#[test]
fn amounts_follow_from_their_lines_up_to_the_shelf() {
    let host = engine(&all_or("all", "")).system();
    let shelf = create(&host, "shelf", json!({"name": "s"}));
    let crate_ = create(&host, "box", json!({"name": "b", "shelf": shelf.get()}));
    let see = |sql: &str| row(&host, &format!("SELECT {sql} FROM box")).unwrap();
    assert_eq!(see("parts, pieces, amount, tax"), "0|0||");
    let part = json!({"box": crate_.get(), "quantity": "3", "price": "9.99 EUR", "discount": "10"});
    let part = create(&host, "part", part);
    assert_eq!(row(&host, "SELECT total FROM part").unwrap(), "26.97 EUR");
    assert_eq!(
        see("parts, pieces, amount, tax, is_big"),
        "1|3|26.97 EUR|5.39 EUR|false"
    );
    let more = json!({"box": crate_.get(), "quantity": "1", "price": "100 EUR"});
    create(&host, "part", more);
    assert_eq!(see("parts, amount, is_big"), "2|126.97 EUR|true");
    assert_eq!(
        row(&host, "SELECT boxes, worth FROM shelf").unwrap(),
        "1|126.97 EUR"
    );
    host.delete("part", part, None).unwrap();
    assert_eq!(see("parts, amount"), "1|100.00 EUR");
    let history = host.history("box", crate_).unwrap().unwrap();
    let last = history.as_array().unwrap().last().unwrap();
    assert_eq!(
        last["fields"]["amount"],
        json!({
            "old": {"amount": "126.97", "currency": "EUR"},
            "new": {"amount": "100.00", "currency": "EUR"},
        })
    );
    sound(&host);
    host.delete("box", crate_, None).unwrap();
    assert_eq!(row(&host, "SELECT boxes, worth FROM shelf").unwrap(), "0|");
    sound(&host);
}

#[test]
fn nobody_else_sets_what_the_engine_keeps() {
    let engine = engine(&all_or("all", ""));
    let host = engine.system();
    let id = create(&host, "box", json!({"name": "b"}));
    for (name, value) in [
        ("amount", json!("1 EUR")),
        ("tax", json!("1 EUR")),
        ("rate", json!("1")),
        ("base", json!("1 EUR")),
        ("parts", json!(7)),
    ] {
        let error = host
            .update("box", id, &json!({name: value}), None)
            .unwrap_err();
        assert_eq!(error.code(), Code::ReadOnly, "{name}");
        assert_eq!(error.details()["field"], name);
        assert_eq!(host.get("box", id).unwrap().unwrap()["version"], 1);
    }
}

#[test]
fn a_sum_over_several_currencies_has_no_value() {
    let host = engine(&all_or("all", "")).system();
    let of = create(&host, "box", json!({}));
    let part = |price: &str| {
        create(
            &host,
            "part",
            json!({"box": of.get(), "quantity": "1", "price": price}),
        )
    };
    let euro = part("5 EUR");
    let dollar = part("7 USD");
    let amount = || row(&host, "SELECT amount, parts FROM box").unwrap();
    assert_eq!(amount(), "|2");
    host.delete("part", euro, None).unwrap();
    assert_eq!(amount(), "7.00 USD|1");
    host.update("part", dollar, &json!({"price": "8 CHF"}), None)
        .unwrap();
    assert_eq!(amount(), "8.00 CHF|1");
    part("-8 CHF");
    assert_eq!(amount(), "|2");
    part("1.5 JPY");
    assert_eq!(amount(), "2 JPY|3");
    sound(&host);
}

#[test]
fn rates_are_looked_up_while_open_and_stand_once_closed() {
    let host = engine(&all_or("all", "")).system();
    create(
        &host,
        "setting",
        json!({"name": "base_currency", "value": "EUR"}),
    );
    let rate = |day: &str, rate: &str| {
        let fields = json!({"currency": "USD", "day": day, "rate": rate});
        host.create("exchange_rate", &fields)
    };
    let of = create(&host, "box", json!({"state": "open", "day": "2026-03-10"}));
    let part = json!({"box": of.get(), "quantity": "1", "price": "100 USD"});
    let part = create(&host, "part", part);
    let see = || row(&host, "SELECT rate, base, twice FROM box").unwrap();
    assert_eq!(see(), "||");
    rate("2026-03-01", "0.9").unwrap();
    rate("2026-03-11", "0.5").unwrap();
    let error = rate("2026-03-11", "0.6").unwrap_err();
    assert_eq!(error.code(), Code::Duplicate);
    assert_eq!(error.details()["fields"], json!(["currency", "day"]));
    assert_eq!(see(), "||", "a rate changes nothing by itself");
    host.update("box", of, &json!({"name": "x"}), None).unwrap();
    assert_eq!(see(), "0.9|90.00 EUR|180.00 EUR");
    host.update("box", of, &json!({"state": "sold"}), None)
        .unwrap();
    rate("2026-03-09", "0.8").unwrap();
    host.update("box", of, &json!({"name": "y", "day": "2026-03-20"}), None)
        .unwrap();
    assert_eq!(see(), "0.9|90.00 EUR|180.00 EUR", "the rate is frozen");
    host.update("part", part, &json!({"quantity": "1.005"}), None)
        .unwrap();
    assert_eq!(
        see(),
        "0.9|90.45 EUR|180.90 EUR",
        "an amount is converted at the frozen rate"
    );
    host.update("box", of, &json!({"state": "open"}), None)
        .unwrap();
    assert_eq!(
        see(),
        "0.5|50.25 EUR|100.50 EUR",
        "an open one has the rate of its day"
    );
    host.update("part", part, &json!({"price": "7 EUR"}), None)
        .unwrap();
    assert_eq!(see(), "1|7.04 EUR|14.08 EUR");
    host.update("part", part, &json!({"price": "7 GBP"}), None)
        .unwrap();
    assert_eq!(see(), "||");
    sound(&host);
}

#[test]
fn an_upgrade_fills_what_it_adds() {
    let engine = engine(&all_or("all", ""));
    let host = engine.system();
    let of = create(&host, "box", json!({}));
    create(
        &host,
        "part",
        json!({"box": of.get(), "quantity": "2", "price": "5 EUR"}),
    );
    let parts = "{ name = \"dear\", type = \"money\", rollup = { object = \"part\", link = \"box\", sum = \"dear\" } }";
    let more = Pack::from_files([
        ("pack.toml", "name = \"more\"\nversion = \"1.0.0\"\n"),
        ("box/object.toml", &format!("name = \"box\"\nextends = true\nfield = [{parts}]")),
        (
            "part/object.toml",
            "name = \"part\"\nextends = true\nfield = [{ name = \"dear\", type = \"money\", formula = \"total * 3\" }]",
        ),
    ])
    .unwrap();
    engine.install(crate::policy::Actor::System, &more).unwrap();
    assert_eq!(row(&host, "SELECT dear FROM box").unwrap(), "30.00 EUR");
    sound(&host);
}

#[test]
fn formulas_are_checked_when_they_are_declared() {
    for (field, code) in [
        ("type = 'money', formula = 'price * price'", Code::WrongType),
        ("type = 'money', formula = 'price + 1'", Code::WrongType),
        ("type = 'money', formula = 'n'", Code::WrongType),
        ("type = 'integer', formula = 'price'", Code::WrongType),
        ("type = 'tags', formula = 'words'", Code::WrongType),
        (
            "type = 'integer', formula = 'nothing + 1'",
            Code::UnknownField,
        ),
        ("type = 'integer', formula = 'n +'", Code::Syntax),
        ("type = 'integer', formula = 'n + ?'", Code::InvalidValue),
        (
            "type = 'integer', formula = 'version + 1'",
            Code::InvalidValue,
        ),
        ("type = 'integer', formula = 'other.n'", Code::InvalidValue),
        ("type = 'integer', formula = 'f + 1'", Code::InvalidValue),
        (
            "type = 'integer', formula = 'g + 1'}, {name = 'g', type = 'integer', formula = 'f'",
            Code::InvalidValue,
        ),
        (
            "type = 'integer', rollup = {object = 'item', link = 'other', sum = 'f'}",
            Code::InvalidValue,
        ),
        (
            "type = 'integer', formula = 'n', unique = true",
            Code::InvalidValue,
        ),
        (
            "type = 'integer', formula = 'n', default = '1'",
            Code::InvalidValue,
        ),
        (
            "type = 'money', formula = 'price', converted = {from = 'price'}",
            Code::InvalidValue,
        ),
        (
            "type = 'money', converted = {from = 'price', rate = 'size'}",
            Code::InvalidValue,
        ),
        (
            "type = 'money', converted = {from = 'n'}",
            Code::InvalidValue,
        ),
    ] {
        let text = format!(
            "name = 'item'\nfield = [{{name = 'price', type = 'money'}}, {{name = 'n', type = 'integer'}}, \
             {{name = 'size', type = 'decimal'}}, {{name = 'words', type = 'tags'}}, \
             {{name = 'other', type = 'reference', target = 'item'}}, {{name = 'f', {field}}}]"
        );
        let declared: ObjectDeclaration = toml::from_str(&text).unwrap();
        let compiled = Schema::kernel()
            .apply(&[declared])
            .and_then(|s| Kept::compile(&s));
        let error = compiled.expect_err(field);
        assert_eq!(error.code(), code, "{field}: {error}");
    }
}

/// An extension of boxes by nothing but `unique`.
fn unique_together(version: &str) -> Pack {
    Pack::from_files([
        (
            "pack.toml",
            &*format!("name = \"unique\"\nversion = \"{version}\"\n"),
        ),
        (
            "box/object.toml",
            "name = \"box\"\nextends = true\nunique = [{ fields = [\"name\", \"day\"] }]",
        ),
    ])
    .unwrap()
}

#[test]
fn values_are_unique_together() {
    let engine = engine(&all_or("all", "box.day"));
    let host = engine.system();
    let first = create(&host, "box", json!({"name": "a", "day": "2026-03-01"}));
    let second = create(&host, "box", json!({"name": "a", "day": "2026-03-01"}));
    let install = || engine.install(crate::policy::Actor::System, &unique_together("1.0.0"));
    let error = install().unwrap_err();
    assert_eq!(error.code(), Code::Duplicate, "{error}");
    sound(&host);
    host.update("box", second, &json!({"day": "2026-03-02"}), None)
        .unwrap();
    install().unwrap();
    sound(&host);

    let refused = host.update("box", second, &json!({"day": "2026-03-01"}), None);
    let error = refused.unwrap_err();
    assert_eq!(error.code(), Code::Duplicate);
    assert_eq!(
        error.message(),
        "another `box` has the same `name` and `day` already"
    );
    assert_eq!(
        host.get("box", second).unwrap().unwrap()["day"],
        "2026-03-02"
    );
    // Without one of the values there is nothing to compare.
    host.update("box", second, &json!({"day": null}), None)
        .unwrap();
    create(&host, "box", json!({"name": "a"}));
    host.delete("box", first, None).unwrap();
    host.update("box", second, &json!({"day": "2026-03-01"}), None)
        .unwrap();
    sound(&host);

    // Who may not see a field is not told of it.
    create(
        &host,
        "user",
        json!({"login": "u", "name": "u", "roles": ["r"]}),
    );
    let user = engine.login("u").unwrap();
    let third = create(&host, "box", json!({"name": "b", "day": "2026-03-01"}));
    let error = user
        .update("box", third, &json!({"name": "a"}), None)
        .unwrap_err();
    assert_eq!(error.message(), "another `box` has the same `name` already");
    assert_eq!(error.details()["fields"], json!(["name"]));
}
