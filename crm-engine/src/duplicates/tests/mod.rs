//! What the finder answers, compared with pairwise comparison by hand, and with worlds that
//! differ in what its caller may not see.

mod oracle;
mod world;

use serde_json::json;

use crate::error::Code;
use crate::session::OnDuplicate;
use world::World;

#[test]
fn one_number_in_two_notations_and_a_further_one_of_a_detail() {
    let world = World::new();
    let ivo = world.session("ivo");
    let first = ivo
        .create(
            "thing",
            &json!({"name": "Bolt", "phone": "+7 495 123-45-67"}),
        )
        .unwrap();
    ivo.create(
        "part",
        &json!({"thing": first.get(), "phone": "8 (812) 7654321"}),
    )
    .unwrap();
    let by = |phone: &str| ivo.duplicates("thing", &json!({ "phone": phone })).unwrap();
    let report = by("84951234567");
    assert_eq!(report.matches.len(), 1);
    assert_eq!(report.matches[0].id, first);
    assert_eq!(report.matches[0].title, json!("Bolt"));
    assert_eq!(report.matches[0].rules, ["phone"]);
    assert_eq!(report.matches[0].fields["phone"], json!("+7 495 123-45-67"));
    let report = by("+78127654321");
    assert_eq!(report.matches[0].fields["phone"], json!("8 (812) 7654321"));
    assert!(by("+78127654320").is_empty());
    // The further number of the one is the own number of the other, also the other way round.
    let second = ivo
        .create("thing", &json!({"name": "Nut", "phone": "88127654321"}))
        .unwrap();
    let of = |id| ivo.duplicates_of("thing", id).unwrap().matches;
    assert_eq!(of(first)[0].id, second);
    assert_eq!(of(second)[0].id, first);
    ivo.update("thing", second, &json!({"phone": null}), None)
        .unwrap();
    assert!(of(first).is_empty() && of(second).is_empty());
    world.verify();
}

#[test]
fn another_owner_is_a_number_and_fuzzy_rules_tell_nothing() {
    let world = World::new();
    let (anna, ivo) = (world.session("anna"), world.session("ivo"));
    let own = ivo
        .create(
            "thing",
            &json!({"name": "Petrova Maria", "phone": "+7 495 123-45-67"}),
        )
        .unwrap();
    let report = anna
        .duplicates(
            "thing",
            &json!({"name": "Petrova Mariya", "phone": "84951234567"}),
        )
        .unwrap();
    assert_eq!((report.matches.len(), report.hidden), (0, 1));
    let report = anna
        .duplicates("thing", &json!({"name": "Petrova Mariya"}))
        .unwrap();
    assert!(report.is_empty(), "{report:?}");
    let report = ivo
        .duplicates("thing", &json!({"name": "Petrova Mariya"}))
        .unwrap();
    assert_eq!(report.matches[0].id, own);
    assert_eq!(report.matches[0].rules, ["name"]);
    // Who may only look learns no numbers, and who may do nothing learns nothing.
    let phone = json!({"phone": "84951234567"});
    let looker = world.session("looker").duplicates("thing", &phone).unwrap();
    assert!(looker.is_empty());
    let refused = world.session("nobody").duplicates("thing", &phone);
    assert_eq!(refused.unwrap_err().code(), Code::Denied);
    // A field that is hidden cannot be asked about.
    let blind = world.session("blind");
    let refused = blind.duplicates("thing", &phone).unwrap_err();
    let unknown = blind.duplicates("thing", &json!({"nope": 1})).unwrap_err();
    assert_eq!(
        refused.to_string().replace("phone", "nope"),
        unknown.to_string()
    );
}

#[test]
fn hidden_records_of_a_discreet_object_are_absent() {
    let world = World::new();
    let (anna, ivo) = (world.session("anna"), world.session("ivo"));
    ivo.create("other", &json!({"email": "Bolt@vega.ru"}))
        .unwrap();
    // A rule of `thing` looks into `other`, which keeps its records back.
    let values = json!({"email": "bolt@VEGA.ru"});
    let report = ivo.duplicates("thing", &values).unwrap();
    assert_eq!(report.matches[0].object, "other");
    assert!(anna.duplicates("thing", &values).unwrap().is_empty());
    assert_eq!(
        anna.duplicates("other", &values).unwrap(),
        Default::default()
    );
    // And it refuses among what is seen only.
    let refused = ivo.create("other", &values).unwrap_err();
    assert_eq!(refused.code(), Code::Duplicate);
    anna.create("other", &values).unwrap();
}

#[test]
fn a_rule_that_refuses_holds_on_every_way_in() {
    let world = World::new();
    let (anna, ivo) = (world.session("anna"), world.session("ivo"));
    let first = ivo.create("thing", &json!({"code": "A-1"})).unwrap();
    let before = world.state();
    let refused = ivo.create("thing", &json!({"code": "a 1"})).unwrap_err();
    assert_eq!(refused.code(), Code::Duplicate);
    assert_eq!(refused.details()["field"], "code");
    assert_eq!(refused.details()["rule"], "code");
    assert_eq!(refused.details()["matches"][0]["id"], first.get());
    // Another seller learns that there is one, not which.
    let refused = anna.create("thing", &json!({"code": "a 1"})).unwrap_err();
    assert_eq!(refused.details()["matches"], json!([]));
    assert_eq!(refused.details()["hidden"], 1);
    assert!(!refused.message().contains(&first.to_string()));
    let job = json!({"object": "thing", "text": "code\na1\nA 1\n", "columns": {"code": "code"}});
    let report = ivo.call("import.csv", &job, &mut |_| true).unwrap();
    assert_eq!(
        (&report["rows_stored"], &report["rows_refused"]),
        (&json!(1), &json!(1))
    );
    assert_ne!(world.state(), before);
    // An update is refused when it changes what is compared, and only then.
    let other = ivo.create("thing", &json!({"code": "B"})).unwrap();
    let before = world.state();
    let refused = ivo.update("thing", other, &json!({"code": "A-1"}), None);
    assert_eq!(refused.unwrap_err().code(), Code::Duplicate);
    assert_eq!(world.state(), before);
    ivo.update("thing", other, &json!({"name": "b"}), None)
        .unwrap();
    // A further value of a detail is one of its parent.
    let refused = ivo.create("part", &json!({"thing": other.get(), "code": "A.1"}));
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Duplicate);
    assert_eq!(refused.details()["matches"][0]["id"], first.get());
    ivo.create("part", &json!({"thing": other.get(), "code": "B"}))
        .unwrap();
    world.verify();
}

#[test]
fn a_record_is_created_checked() {
    let world = World::new();
    let ivo = world.session("ivo");
    let values = json!({"phone": "+7 495 123-45-67"});
    let first = ivo
        .create_checked("thing", &values, OnDuplicate::Refuse)
        .unwrap();
    assert!(first.duplicates.is_empty());
    let before = world.state();
    let refused = ivo.create_checked("thing", &values, OnDuplicate::Refuse);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Duplicate);
    assert_eq!(refused.details()["rule"], "phone");
    assert_eq!(refused.details()["matches"][0]["id"], first.id.get());
    assert_eq!(world.state(), before);
    let second = ivo.create_checked("thing", &values, OnDuplicate::Report);
    assert_eq!(second.unwrap().duplicates.matches[0].id, first.id);
    let third = ivo.create_checked("thing", &values, OnDuplicate::Ignore);
    assert!(third.unwrap().duplicates.is_empty());
}

#[test]
fn rows_of_a_file_are_compared_with_records_and_each_other() {
    let world = World::new();
    let ivo = world.session("ivo");
    let known = ivo
        .create("thing", &json!({"phone": "+7 495 123-45-67"}))
        .unwrap();
    let text = "name,phone\nBolt,84951234567\nPetrova Maria,111\nPetrova Mariya,222\nNut,+111\n";
    let run = |check: bool, on_duplicate: &str| {
        let job = json!({
            "object": "thing", "text": text, "columns": {"name": "name", "phone": "phone"},
            "check": check, "on_duplicate": on_duplicate,
        });
        let report = world.session("ivo").call("import.csv", &job, &mut |_| true);
        let mut report = report.unwrap();
        let faults = report["faults"].take();
        let faults: Vec<String> = faults
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                let of = match fault["record"].is_null() {
                    true => format!("line {}", fault["other_line"]),
                    false => format!("record {}", fault["record"]),
                };
                let (kind, rule) = (&fault["kind"], &fault["rule"]);
                format!("{} {kind} {rule} {of}", fault["line"]).replace('"', "")
            })
            .collect();
        let count = |name: &str| report[name].as_u64().unwrap();
        let counts = (
            count("rows_stored"),
            count("rows_skipped"),
            count("rows_duplicate"),
        );
        (counts, faults)
    };
    let before = world.state();
    let (counts, faults) = run(true, "report");
    assert_eq!(counts, (4, 0, 2));
    assert_eq!(
        faults,
        [
            format!("2 duplicate phone record {known}"),
            "5 duplicate phone line 3".to_owned(),
        ]
    );
    // The likeness of two names is for people to judge.
    assert_eq!(run(true, "skip").0, (2, 2, 0));
    assert_eq!(run(true, "create"), ((4, 0, 0), Vec::new()));
    assert_eq!(world.state(), before, "a rehearsal changes nothing");
    let (counts, faults) = run(false, "skip");
    assert_eq!(counts, (2, 2, 0));
    let only: Vec<u64> = world
        .ids("thing")
        .into_iter()
        .filter(|id| *id != known.get())
        .collect();
    assert_eq!(faults[1..], [format!("5 skipped phone record {}", only[0])]);
    let (counts, _) = run(false, "report");
    assert_eq!(counts, (4, 0, 4));
    let (counts, faults) = run(false, "create");
    assert_eq!((counts, faults.len()), ((4, 0, 0), 0));
    world.verify();
}

#[test]
fn a_rule_declared_later_finds_what_is_stored() {
    let world = World::new();
    let ivo = world.session("ivo");
    let first = ivo.create("thing", &json!({"place": "Omsk"})).unwrap();
    world.install(
        "later",
        "name = 'thing'\nextends = true\nduplicate = [{ name = 'place', all = [{ field = 'place' }] }]",
    );
    let report = ivo.duplicates("thing", &json!({"place": "OMSK"})).unwrap();
    assert_eq!(report.matches[0].id, first);
    world.verify();
}
