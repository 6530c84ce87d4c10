//! Imports of neutral objects over a store in memory.

mod export;
mod house;

use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use self::house::House;
use super::*;
use crate::error::{Code, Error, Result};
use crate::journal;
use crate::limits::IMPORT_BATCH_ROWS_MAX;
use crate::policy::Actor;
use crate::value::Value;
use crate::write::{Door, Draft, Event, Input, RuleBook};

/// A job over `text` whose columns are fields of the same name, further members laid over it.
fn job(text: &str, columns: Json, more: Json) -> Json {
    let mut job = json!({"object": "thing", "text": text, "name": "t.csv", "columns": columns});
    for (name, value) in more.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

fn fault(report: &ImportReport, at: usize) -> (FaultKind, u64, &str, &str) {
    let fault = &report.faults[at];
    let column = fault.column.as_deref().unwrap_or("");
    (
        fault.kind,
        fault.line,
        column,
        fault.value.as_deref().unwrap_or(""),
    )
}

/// A job that must be refused as a whole, with nothing changed.
#[track_caller]
fn refused(house: &House, job: Json, code: Code, line: Option<u64>, words: &str) {
    let before = house.everything();
    let error = house.import(job).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert_eq!(
        error.details().get("line").and_then(Json::as_u64),
        line,
        "{error:?}"
    );
    assert!(error.message().contains(words), "{error}");
    assert!(
        house.everything() == before,
        "a refused import changed the store"
    );
}

#[test]
fn every_type_of_column_is_read() {
    let house = House::new();
    let text = "Name,No,Price,Day,State,Colours,Item,Who,Note\r\n\
                \"A \"\"big\"\"\r\nthing\",7,10.50,2017-03-01,Fresh,\"red, blue\",Nut,Ivo,x\r\n\
                B,,3 EUR,,новый,,,,\r\n";
    let columns = json!({
        "Name": "name", "No": "number", "Day": "day", "State": "state", "Colours": "colours",
        "Price": {"field": "price", "currency": "USD"},
        "Item": {"field": "item", "match": "name"},
        "Who": {"field": "owner", "match": "name"},
    });
    let report = house
        .import(job(text, columns, json!({"ignore": ["Note"]})))
        .unwrap();
    assert_eq!(
        (report.rows_read, report.rows_stored, report.rows_refused),
        (2, 2, 0)
    );
    assert_eq!(report.ignored_columns, ["Note"]);
    assert_eq!(report.fault_count, 0, "{:?}", report.faults);
    let fields = [
        "name", "number", "price", "day", "state", "colours", "owner",
    ];
    let ivo = house.user("Ivo").to_string();
    assert_eq!(
        house.rows("thing", &fields),
        [
            [
                "A \"big\"\r\nthing",
                "7",
                "10.50 USD",
                "2017-03-01",
                "fresh",
                "red,blue",
                &ivo
            ],
            ["B", "", "3 EUR", "", "fresh", "", ""],
        ]
    );
    house.assert_sound();
    let entry = journal::read_after(&house.store.snapshot().unwrap(), crate::Sequence(0), 100)
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(
        (entry.action.as_str(), entry.changes.len()),
        ("import.csv", 2)
    );
}

#[test]
fn one_refused_row_leaves_its_neighbours() {
    let house = House::new();
    let text = "name,code,number,day,state,item\n\
                A,c1,1,,,\n\
                ,c2,2,,,\n\
                B,c1,3,,,\n\
                C,,x,2017-02-30,lost,Twin\n\
                \n\
                D,,4\n\
                E,,5,,old,\n\
                \"F\n2\",,6,,,Gear\n\
                G,c2,7,,,\n";
    let columns = json!({
        "name": "name", "code": "code", "number": "number", "day": "day", "state": "state",
        "item": {"field": "item", "match": "name"},
    });
    let report = house.import(job(text, columns.clone(), json!({}))).unwrap();
    assert_eq!(
        (report.rows_read, report.rows_stored, report.rows_refused),
        (8, 2, 6)
    );
    assert_eq!(house.names(), ["A", "G"]);
    let refused = FaultKind::Refused;
    assert_eq!(fault(&report, 0), (refused, 3, "name", ""));
    assert_eq!(fault(&report, 1), (refused, 4, "code", "c1"));
    assert_eq!(fault(&report, 2), (refused, 5, "number", "x"));
    assert_eq!(fault(&report, 3), (refused, 5, "day", "2017-02-30"));
    assert_eq!(fault(&report, 4), (refused, 5, "state", "lost"));
    assert_eq!(fault(&report, 5), (refused, 5, "item", "Twin"));
    assert_eq!(fault(&report, 6), (refused, 7, "", ""));
    assert_eq!(report.faults[6].message, "the row has 3 cells, not 6");
    assert_eq!(fault(&report, 7), (refused, 8, "day", ""));
    assert_eq!(fault(&report, 8), (refused, 9, "item", "Gear"));
    assert_eq!(
        report.faults[8].message,
        "no `item` record has the `name` `Gear`"
    );
    assert_eq!((report.fault_count, report.faults.len()), (9, 9));
    house.assert_sound();

    // A rehearsal of the same file on a fresh store tells the same and stores nothing.
    let house = House::new();
    let before = house.everything();
    let rehearsal = house
        .import(job(text, columns, json!({"check": true})))
        .unwrap();
    let lines = |report: &ImportReport| -> Vec<u64> {
        report.faults.iter().map(|fault| fault.line).collect()
    };
    assert_eq!(lines(&rehearsal), lines(&report));
    assert_eq!(rehearsal.rows_stored, report.rows_stored);
    assert!(house.everything() == before);
}

#[test]
fn repairs_gaps_and_unknown_texts_are_reported_in_groups() {
    let house = House::new();
    let text = "name,item,number\nA,Bollt,1\nB,Gear,\nC,Gear,2\nD,bolt,3\n";
    let columns = json!({
        "name": "name",
        "item": {"field": "item", "match": "name", "on_unknown": "empty",
                 "alias": {"Bollt": "Bolt", "bolt": "Bolt"}},
        "number": {"field": "number", "expected": true},
    });
    let report = house.import(job(text, columns, json!({}))).unwrap();
    assert_eq!(
        (
            report.rows_stored,
            report.rows_repaired,
            report.cells_repaired
        ),
        (4, 2, 2)
    );
    assert_eq!(fault(&report, 0), (FaultKind::Repaired, 2, "item", "Bollt"));
    assert_eq!(fault(&report, 1), (FaultKind::Emptied, 3, "item", "Gear"));
    assert_eq!(fault(&report, 2), (FaultKind::Missing, 3, "number", ""));
    let first = &report.groups[0];
    assert_eq!((first.kind, first.count), (FaultKind::Emptied, 2));
    assert_eq!(
        (first.value.as_deref(), &first.lines[..]),
        (Some("Gear"), &[3, 4][..])
    );
    assert_eq!(
        report.groups.iter().map(|group| group.count).sum::<u64>(),
        5
    );
}

#[test]
fn rows_may_refer_to_rows_above_and_below() {
    for reruns in [false, true] {
        let house = House {
            reruns,
            ..House::new()
        };
        let text = "name,parent\nA,B\nB,C\nC,\nD,A\nE,nobody\nF,F\n";
        let columns = json!({"name": "name", "parent": {"field": "parent", "match": "name"}});
        let rehearsal = house
            .import(job(text, columns.clone(), json!({"check": true})))
            .unwrap();
        assert_eq!((rehearsal.rows_stored, rehearsal.rows_refused), (4, 2));
        let report = house.import(job(text, columns, json!({}))).unwrap();
        assert_eq!((report.rows_stored, report.rows_refused), (4, 2));
        assert_eq!(house.names(), ["C", "B", "A", "D"]);
        assert_eq!(
            fault(&report, 0),
            (FaultKind::Refused, 6, "parent", "nobody")
        );
        assert_eq!(fault(&report, 1), (FaultKind::Refused, 7, "parent", "F"));
        house.assert_sound();
    }
}

#[test]
fn files_that_are_not_as_declared_are_refused_as_a_whole() {
    let house = House::new();
    let format = Code::ImportFormat;
    let columns = || json!({"name": "name", "number": "number"});
    let of = |text: &str| job(text, columns(), json!({}));
    refused(&house, of(""), format, Some(1), "the file is empty");
    refused(
        &house,
        of("\u{feff}\r\n\n"),
        format,
        Some(1),
        "the file is empty",
    );
    refused(
        &house,
        of("name;number\nA;1\n"),
        format,
        Some(1),
        "delimited by `;`, not by `,`",
    );
    refused(
        &house,
        of("name\tnumber\nA\t1\n"),
        format,
        Some(1),
        "delimited by a tab",
    );
    refused(
        &house,
        of("name\nA\n"),
        format,
        Some(1),
        "the header lacks `number`",
    );
    refused(
        &house,
        of("name,number,x,y\nA,1,,\n"),
        format,
        Some(1),
        "ignored: `x`, `y`",
    );
    refused(
        &house,
        of("name,number,name\nA,1,\n"),
        format,
        Some(1),
        "`name` twice",
    );
    refused(
        &house,
        of("name,number,\nA,1,\n"),
        format,
        Some(1),
        "column 3 of the header",
    );
    refused(
        &house,
        of("name,number\rA,1\r"),
        format,
        Some(1),
        "carriage return alone",
    );
    refused(
        &house,
        of("name,number\nA,1\n\n\"B,2\nC,3\n"),
        format,
        Some(4),
        "never closed",
    );
    refused(
        &house,
        of("name,number\nA,1\nB\0,2"),
        format,
        Some(3),
        "zero character",
    );
    let long = format!("name,number\nA,1\n\"{}", "x\n".repeat(600_000));
    refused(&house, of(&long), format, Some(3), "longer than");
}

#[test]
fn files_in_other_encodings_are_read_as_declared_or_refused() {
    let house = House::new();
    let cyrillic = [0xC0, 0xED, 0xED, 0xE0]; // Анна in windows-1251
    let utf16 = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect()
    };
    let check = |bytes: &[u8], encoding: &str, wanted: Result<&str, (u64, &str)>| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let job = json!({
            "object": "thing", "path": file.path(), "encoding": encoding,
            "columns": {"name": "name"},
        });
        match wanted {
            Ok(name) => {
                assert_eq!(house.import(job).unwrap().rows_stored, 1);
                assert_eq!(house.names().last().unwrap(), name);
            }
            Err((line, words)) => refused(&house, job, Code::ImportFormat, Some(line), words),
        }
    };
    check(
        &[b"name\n", &cyrillic[..]].concat(),
        "windows-1251",
        Ok("Анна"),
    );
    check(
        &[b"name\nA\n", &cyrillic[..]].concat(),
        "utf-8",
        Err((3, "not valid UTF-8")),
    );
    check(
        "name\nA\nАнна\n".as_bytes(),
        "windows-1251",
        Err((3, "UTF-8, not windows-1251")),
    );
    check("\u{feff}name\nАнна\n".as_bytes(), "utf-8", Ok("Анна"));
    check(
        "\u{feff}name\nA\n".as_bytes(),
        "windows-1251",
        Err((1, "is UTF-8")),
    );
    check(&utf16("name\r\nАнна\r\n"), "utf-16le", Ok("Анна"));
    check(
        &utf16("name\nA\n"),
        "utf-8",
        Err((1, "the file is UTF-16LE, not UTF-8")),
    );
    check(
        &utf16("name\nA\n")[2..],
        "utf-8",
        Err((1, "zero character")),
    );
}

#[test]
fn jobs_that_make_no_sense_are_refused() {
    let house = House::new();
    let text = "name,number\nA,1\n";
    let columns = json!({"name": "name", "number": "number"});
    let with = |more: Json| job(text, columns.clone(), more);
    let invalid = Code::InvalidArguments;
    refused(
        &house,
        with(json!({"path": "x"})),
        invalid,
        None,
        "either a `path` or a `text`",
    );
    refused(
        &house,
        with(json!({"text": null})),
        invalid,
        None,
        "either a `path` or a `text`",
    );
    refused(
        &house,
        with(json!({"encoding": "klingon"})),
        invalid,
        None,
        "`klingon`",
    );
    refused(
        &house,
        with(json!({"encoding": "utf-16le"})),
        invalid,
        None,
        "UTF-8 already",
    );
    refused(
        &house,
        with(json!({"delimiter": "\""})),
        invalid,
        None,
        "cannot delimit",
    );
    refused(
        &house,
        with(json!({"ignore": ["name"]})),
        invalid,
        None,
        "both mapped and ignored",
    );
    refused(
        &house,
        with(json!({"object": "gear"})),
        Code::UnknownObject,
        None,
        "`gear`",
    );
    let missing = json!({"object": "thing", "path": "no/such.csv", "columns": {}});
    refused(&house, missing, Code::Io, None, "cannot be read");
    let of = |rule: Json| job(text, json!({"name": "name", "number": rule}), json!({}));
    refused(
        &house,
        of(json!("nope")),
        Code::UnknownField,
        None,
        "no field `nope`",
    );
    refused(&house, of(json!("name")), invalid, None, "two columns fill");
    refused(
        &house,
        of(json!("version")),
        Code::ReadOnly,
        None,
        "`version`",
    );
    refused(
        &house,
        of(json!({"field": "number", "match": "name"})),
        invalid,
        None,
        "refers to no",
    );
    refused(
        &house,
        of(json!({"field": "number", "currency": "EUR"})),
        invalid,
        None,
        "no money",
    );
    let price = json!({"field": "price", "currency": "euro"});
    refused(
        &house,
        of(price),
        Code::InvalidValue,
        None,
        "`euro` is not a currency",
    );
    let item = json!({"field": "item", "match": "nope"});
    refused(
        &house,
        of(item),
        Code::UnknownField,
        None,
        "`item` has no field `nope`",
    );
}

#[test]
fn rights_hold_for_every_row() {
    let text = "name,owner\nA,Anna\nB,Ivo\nC,\n";
    let columns = json!({"name": "name", "owner": {"field": "owner", "match": "name"}});
    let plain = job(text, columns, json!({}));

    let house = House::new();
    house.grant(&["view", "create"]);
    let house = house.anna();
    refused(&house, plain.clone(), Code::Denied, None, "import");
    let elsewhere = json!({"object": "thing", "path": "no/such.csv", "columns": {}});
    refused(&house, elsewhere, Code::Denied, None, "import");

    let house = House::new();
    house.grant(&["view", "create", "import"]);
    let house = house.anna();
    let computed = job(
        "name,sum\nA,1\n",
        json!({"name": "name", "sum": "sum"}),
        json!({}),
    );
    refused(&house, computed, Code::ReadOnly, None, "`sum`");
    let report = house.import(plain).unwrap();
    assert_eq!((report.rows_stored, report.rows_refused), (2, 1));
    assert_eq!(house.names(), ["A", "C"]);
    assert_eq!(fault(&report, 0), (FaultKind::Refused, 3, "", ""));

    // What the importer may not see is not found by its name (invariant *invisible is absent*).
    let hidden = House {
        actor: Actor::System,
        ..house
    };
    hidden.create(
        "thing",
        json!({"name": "Secret", "owner": hidden.user("Ivo").get()}),
    );
    let house = hidden.anna();
    let columns = json!({"name": "name", "parent": {"field": "parent", "match": "name"}});
    let report = house
        .import(job(
            "name,parent\nX,A\nY,Secret\nZ,No\n",
            columns,
            json!({}),
        ))
        .unwrap();
    assert_eq!(report.rows_stored, 1);
    let reason = |at: usize| report.faults[at].message.replace("Secret", "No");
    assert_eq!(reason(0), reason(1));
}

#[test]
fn large_files_are_stored_in_batches_and_may_be_stopped_between_them() {
    let house = House::new();
    let rows = 2 * IMPORT_BATCH_ROWS_MAX + 10;
    let text: String = (0..rows).map(|n| format!("thing {n},{n}\n")).collect();
    let text = format!("name,code\n{text}");
    let columns = json!({"name": "name", "code": "code"});
    let written: ImportJob =
        serde_json::from_value(job(&text, columns.clone(), json!({}))).unwrap();
    let mut heard = Vec::new();
    let error = import(&house, &written, &mut |progress| {
        heard.push(progress);
        false
    })
    .unwrap_err();
    assert_eq!(error.code(), Code::Cancelled);
    let stored = error.details()["rows_stored"].as_u64().unwrap();
    assert!(stored > 0 && stored < rows as u64);
    assert_eq!(house.names().len() as u64, stored);
    assert_eq!((heard.len(), stored), (1, IMPORT_BATCH_ROWS_MAX as u64));

    // The same file again: what is there already is refused row by row.
    let report = import(&house, &written, &mut |progress| {
        heard.push(progress);
        true
    })
    .unwrap();
    assert_eq!(
        (report.rows_read, report.rows_refused),
        (rows as u64, stored)
    );
    assert_eq!(house.names().len(), rows);
    let last = heard.last().unwrap();
    assert_eq!(Some(last.done), last.total);
    house.assert_sound();
}

/// Makes an item for every thing, and refuses the thing called `Bad` after that.
struct Reaction;

impl RuleBook for Reaction {
    fn before(&self, _: &mut Draft<'_>) -> Result<()> {
        Ok(())
    }

    fn after(&self, door: &mut Door<'_>, event: &Event<'_>) -> Result<()> {
        if event.object.name != "thing" {
            return Ok(());
        }
        let name = event.object.field("name")?.id;
        let name = event
            .new
            .map_or(Value::Null, |thing| thing.fields.get(name).clone());
        let items = Arc::clone(door.schema().object("item")?);
        let mut input = Input::default();
        input.set(&items, "name", name.clone())?;
        door.create(&items, input)?;
        match name.as_text() {
            Some("Bad") => Err(Error::new(Code::Refused, "no").field("name")),
            _ => Ok(()),
        }
    }
}

/// The bound on what rules cause once counted over the whole transaction, so that an import
/// into an object with a reaction ended at row 1,001 of each batch.
#[test]
fn rules_run_for_every_row_and_a_refused_row_takes_theirs_back() {
    let house = House {
        rules: Box::new(Reaction),
        ..House::new()
    };
    let items = house.rows("item", &["name"]).len();
    let rows = crate::limits::RULE_WRITES_MAX + 100;
    let mut text = String::from("name\nBad\n");
    (0..rows).for_each(|n| text.push_str(&format!("thing {n}\n")));
    text.push_str("Bad\n");
    let report = house
        .import(job(&text, json!({"name": "name"}), json!({})))
        .unwrap();
    assert_eq!((report.rows_stored, report.rows_refused), (rows as u64, 2));
    assert_eq!(fault(&report, 0), (FaultKind::Refused, 2, "name", "Bad"));
    assert_eq!(house.rows("item", &["name"]).len(), items + rows);
    house.assert_sound();
}
