//! What taking back and merging promise, over a store of neutral objects through the public API.

mod stories;
mod world;

use serde_json::{Value as Json, json};

use crate::ids::{RecordId, Version};
use crate::{Code, Merge, Moment, RevertUser};
use world::{World, user};

fn code(result: crate::Result<Json>) -> Code {
    result.unwrap_err().code()
}

#[test]
fn a_field_is_set_back_alone() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a", "size": 1}));
    world.set(&world.anna, "thing", thing, json!({"name": "b", "size": 2}));
    let reverted = world
        .anna
        .revert_field("thing", thing, "name", Moment::Version(Version(1)))
        .unwrap();
    assert_eq!((reverted.version, reverted.fields.len()), (Version(3), 1));
    assert_eq!(world.value("thing", thing, "name"), "a");
    assert_eq!(world.value("thing", thing, "size"), 2);
    let history = world.anna.history_of_field("thing", thing, "name").unwrap();
    let causes: Vec<String> = history.unwrap().as_array().unwrap()[1..]
        .iter()
        .map(|change| change["cause"].as_str().unwrap().to_owned())
        .collect();
    let second = world.last().0 - 1;
    assert_eq!(causes, ["person".to_owned(), format!("revert:{second}")]);
    world.assert_sound();
}

/// A record that is hidden, and one that is not there, get one answer from everything that reads
/// or takes back the past.
#[test]
fn a_hidden_past_is_absent() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a"}));
    world.set(&world.anna, "thing", thing, json!({"name": "b"}));
    let mine = world.create(&world.ivo, "thing", json!({"name": "c"}));
    let sequence = world.last().0 - 1;
    for absent in [thing.get(), 999_999] {
        let record = |extra: Json| {
            let mut arguments = json!({"object": "thing", "id": absent});
            arguments
                .as_object_mut()
                .unwrap()
                .extend(extra.as_object().unwrap().clone());
            arguments
        };
        let ask = |name, extra| world.call(&world.ivo, name, record(extra));
        assert_eq!(ask("history", json!({})).unwrap(), Json::Null);
        assert_eq!(
            ask("history", json!({"field": "name"})).unwrap(),
            Json::Null
        );
        for version in [1, 99] {
            let version = json!({ "version": version });
            assert_eq!(ask("record.at", version.clone()).unwrap(), Json::Null);
            assert_eq!(code(ask("revert.record", version)), Code::NotFound);
        }
        let field = json!({"version": 1, "field": "name"});
        assert_eq!(code(ask("revert.field", field)), Code::NotFound);
        let merge = json!({"object": "thing", "into": mine.get(), "from": [absent]});
        assert_eq!(code(world.call(&world.ivo, "merge", merge)), Code::NotFound);
    }
    for position in [sequence, 999_999, 0] {
        let undo = world.call(&world.ivo, "undo", json!({ "sequence": position }));
        assert_eq!(code(undo), Code::NotFound);
    }
    assert_eq!(world.last().0 - 1, sequence);
}

#[test]
fn a_record_comes_back_that_refers_to_itself() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a"}));
    world.set(&world.anna, "thing", thing, json!({"up": thing.get()}));
    let before = world.image();
    world.host.delete("thing", thing, None).unwrap();
    let deletion = world.last();
    world.host.undo(deletion).unwrap();
    assert_eq!(world.image(), before);
    assert_eq!(world.value("thing", thing, "up"), thing.get());
    world.assert_sound();
}

#[test]
fn a_deleted_record_comes_back_with_its_past() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a", "code": "x"}));
    let phone = json!({"thing": thing.get(), "phone": "+7 495 1234567"});
    let phone = world.create(&world.anna, "thing_phone", phone);
    let before = world.image();
    world.tick();
    world.anna.delete("thing", thing, None).unwrap();
    let deletion = world.last();
    assert!(world.image().is_empty());
    world.assert_sound();

    // Somebody takes the code meanwhile.
    let other = world.create(&world.ivo, "thing", json!({"name": "b", "code": "x"}));
    let taken = world.anna.undo(deletion).unwrap_err();
    assert_eq!(
        (taken.code(), &taken.details()["id"]),
        (Code::Duplicate, &json!(thing.get()))
    );
    world.ivo.delete("thing", other, None).unwrap();

    let undone = world.anna.undo(deletion).unwrap();
    assert_eq!(undone.records, 2);
    assert_eq!(world.image(), before);
    let history = world.anna.history("thing", thing).unwrap().unwrap();
    assert_eq!(history[2]["kind"], "restore");
    assert_eq!(
        history[2]["fields"]["code"],
        json!({"old": null, "new": "x"})
    );
    assert_eq!(history[2]["cause"], format!("revert:{}", deletion.0));
    assert_eq!(world.value("thing_phone", phone, "thing"), thing.get());
    world.assert_sound();

    // And goes again when that is taken back in turn.
    world.anna.undo(undone.sequence).unwrap();
    assert!(world.image().is_empty());
    world.assert_sound();
}

#[test]
fn what_was_changed_since_is_named_and_stays() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a", "size": 1}));
    world.set(&world.anna, "thing", thing, json!({"name": "b", "size": 2}));
    let change = world.last();
    world.set(&world.host, "thing", thing, json!({"size": 3}));
    let before = world.image();
    let refused = world.anna.undo(change).unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
    let named = json!([{"object": "thing", "id": thing.get(), "fields": ["size"]}]);
    assert_eq!(refused.details()["records"], named);
    assert_eq!(world.image(), before);

    // A change of something else does not stand in the way.
    world.set(&world.host, "thing", thing, json!({"size": 2, "note": "n"}));
    world.anna.undo(change).unwrap();
    assert_eq!(world.value("thing", thing, "name"), "a");
    assert_eq!(world.value("thing", thing, "note"), "n");

    // A creation is not taken back once somebody refers to it.
    let creation = {
        let fresh = world.create(&world.anna, "thing", json!({"name": "c"}));
        let creation = world.last();
        world.create(
            &world.host,
            "item",
            json!({"title": "i", "thing": fresh.get()}),
        );
        creation
    };
    assert_eq!(
        world.anna.undo(creation).unwrap_err().code(),
        Code::StillReferenced
    );
    world.assert_sound();
}

/// A rule made a record in answer to a change: both go together, and the rule does not answer
/// the return of what it answered before.
#[test]
fn what_rules_did_is_taken_back_with_its_cause() {
    let world = World::with_rules(true);
    let before = world.image();
    let item = world.create(&world.anna, "item", json!({"title": "roof"}));
    assert_eq!(world.image().len(), 2);
    let undone = {
        let created = world.last();
        // Who may not delete items may not take the creation of one back.
        assert_eq!(world.anna.undo(created).unwrap_err().code(), Code::Denied);
        world.host.undo(created).unwrap()
    };
    assert_eq!(world.image(), before);
    world.host.undo(undone.sequence).unwrap();
    assert_eq!(world.image().len(), 2);
    assert_eq!(world.value("item", item, "title"), "roof");
    world.assert_sound();
}

#[test]
fn a_hand_over_is_taken_back_also_to_who_left() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a"}));
    let phone = json!({"thing": thing.get(), "phone": "1234567"});
    let phone = world.create(&world.anna, "thing_phone", phone);
    let (anna, ivo) = (user(&world.anna), user(&world.ivo));
    world
        .call(&world.host, "user.close_access", json!({"user": anna}))
        .unwrap();
    let transfer = json!({"from": anna, "to": ivo, "objects": ["thing"]});
    world.call(&world.host, "transfer", transfer).unwrap();
    let handed = world.last();
    assert_eq!(world.value("thing_phone", phone, "owner"), json!(ivo));
    world.host.undo(handed).unwrap();
    assert_eq!(world.value("thing", thing, "owner"), json!(anna));
    assert_eq!(world.value("thing_phone", phone, "owner"), json!(anna));
    world.assert_sound();
}

fn revert(world: &World, check: bool) -> RevertUser {
    RevertUser {
        user: user(&world.anna),
        from: "2026-03-01T00:00:00Z".parse().unwrap(),
        to: "2027-01-01T00:00:00Z".parse().unwrap(),
        objects: None,
        check,
    }
}

#[test]
fn what_one_user_did_is_taken_back_and_told() {
    let world = World::new();
    let made = |who, name: &str| world.create(who, "thing", json!({"name": name, "size": 1}));
    let (spoiled, mended, gone) = (
        made(&world.ivo, "spoiled"),
        made(&world.ivo, "mended"),
        made(&world.ivo, "gone"),
    );
    for thing in [spoiled, mended, gone] {
        world.set(
            &world.host,
            "thing",
            thing,
            json!({"owner": user(&world.anna)}),
        );
    }
    let before = world.image();
    world.set(
        &world.anna,
        "thing",
        spoiled,
        json!({"name": "x", "note": "y"}),
    );
    world.set(&world.anna, "thing", spoiled, json!({"name": "xx"}));
    world.set(
        &world.anna,
        "thing",
        mended,
        json!({"name": "x", "size": 7}),
    );
    world.set(&world.host, "thing", mended, json!({"name": "mended"}));
    world.set(&world.host, "thing", mended, json!({"size": 9}));
    world.anna.delete("thing", gone, None).unwrap();
    let own = made(&world.anna, "own");
    let item = world.create(
        &world.anna,
        "item",
        json!({"title": "i", "thing": own.get()}),
    );
    world.create(
        &world.host,
        "item",
        json!({"title": "h", "owner": user(&world.anna)}),
    );
    let touched = world.image();

    let denied = world.ivo.revert_user(&revert(&world, false), &mut |_| true);
    assert_eq!(denied.unwrap_err().code(), Code::Denied);
    let told = world
        .host
        .revert_user(&revert(&world, true), &mut |_| true)
        .unwrap();
    assert_eq!(world.image(), touched);
    let done = world
        .host
        .revert_user(&revert(&world, false), &mut |_| true)
        .unwrap();
    assert_eq!(
        (done.reverted, done.kept, done.refused),
        (4, 1, 0),
        "{done:?}"
    );
    assert_eq!(told.records, done.records);
    let of = |id: RecordId| done.records.iter().find(|record| record.id == id).unwrap();
    assert_eq!(of(mended).kept_fields, ["size"]);
    assert_eq!(of(gone).change, Some("restore"));
    assert_eq!(
        (of(own).change, of(item).change),
        (Some("delete"), Some("delete"))
    );
    let after = world.image();
    for thing in [spoiled, gone] {
        let key = ("thing".to_owned(), thing.get());
        assert_eq!(after[&key], before[&key]);
    }
    assert_eq!(world.value("thing", mended, "size"), 9);
    world.assert_sound();

    let again = world
        .host
        .revert_user(&revert(&world, false), &mut |_| true)
        .unwrap();
    assert_eq!((again.reverted, again.refused), (0, 0), "{again:?}");
}

/// Who holds the right to change many records, but not all rights, does what he may, is told what
/// he may not, and leaves alone what he does not see.
#[test]
fn taking_back_needs_the_rights_to_what_is_done() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a", "note": "n"}));
    world.create(&world.anna, "item", json!({"title": "i"}));
    world.create(&world.anna, "thing", json!({"name": "b"}));
    let start = world.tick();
    world.set(
        &world.anna,
        "thing",
        thing,
        json!({"name": "x", "note": "y"}),
    );
    let item = world.create(&world.anna, "item", json!({"title": "j"}));
    let mut request = revert(&world, false);
    request.from = start;
    let done = world.head.revert_user(&request, &mut |_| true).unwrap();
    assert_eq!(
        (done.reverted, done.kept, done.refused),
        (1, 0, 1),
        "{done:?}"
    );
    assert_eq!(done.records[0].id, item);
    assert_eq!(done.records[0].reason.as_ref().unwrap()["name"], "denied");
    assert_eq!(done.records[1].fields, ["name"]);
    assert_eq!(world.value("thing", thing, "name"), "a");
    assert_eq!(world.value("thing", thing, "note"), "y");
    let cancelled = world.head.revert_user(&request, &mut |_| false);
    assert_eq!(cancelled.unwrap_err().code(), Code::Cancelled);
    world.assert_sound();
}

#[test]
fn a_merge_moves_everything_and_tells_what_is_seen() {
    let world = World::new();
    let into = json!({"name": "a", "phone": "+7 (495) 123-45-67", "words": ["one"]});
    let into = world.create(&world.anna, "thing", into);
    let from = json!({"name": "b", "phone": "8 916 000-00-01", "words": ["two"], "code": "x", "up": into.get()});
    let from = world.create(&world.anna, "thing", from);
    let twin = json!({"name": "c", "phone": "84951234567", "size": 5, "code": "y"});
    let twin = world.create(&world.anna, "thing", twin);
    world.set(&world.anna, "thing", into, json!({"up": from.get()}));
    let seen = world.create(
        &world.anna,
        "item",
        json!({"title": "s", "thing": from.get()}),
    );
    let hidden = json!({"title": "h", "thing": twin.get(), "owner": user(&world.ivo)});
    let hidden = world.create(&world.host, "item", hidden);
    let detail = json!({"thing": from.get(), "phone": "1234567"});
    let detail = world.create(&world.anna, "thing_phone", detail);
    let before = world.image();

    let mut merge = Merge::new("thing", into, [from, twin]);
    merge.fields.insert("name".to_owned(), "ab".into());
    world.tick();
    let report = world.anna.merge(&merge).unwrap();
    assert_eq!(report.sequence, world.last());
    let lines: Vec<_> = report
        .objects
        .iter()
        .map(|line| (line.object.as_str(), line.moved, line.dropped, line.added))
        .collect();
    assert_eq!(lines, [("item", 1, 0, 0), ("thing_phone", 1, 0, 1)]);
    let merged = world.host.get("thing", into).unwrap().unwrap();
    assert_eq!(merged["name"], "ab");
    assert_eq!(merged["words"], json!(["one", "two"]));
    assert_eq!((&merged["code"], &merged["size"]), (&json!("x"), &json!(5)));
    assert_eq!(merged["up"], Json::Null);
    for (object, id) in [("item", seen), ("item", hidden), ("thing_phone", detail)] {
        assert_eq!(world.value(object, id, "thing"), into.get());
    }
    world.assert_sound();

    // The past of all three is the past of the one.
    let history = world.anna.history("thing", into).unwrap().unwrap();
    let whose: Vec<&Json> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|change| &change["absorbed"])
        .collect();
    assert_eq!(whose.first(), Some(&&Json::Null));
    assert!(whose.contains(&&json!(from.get())) && whose.contains(&&json!(twin.get())));

    // The hidden item was changed since in something else: it returns all the same, and unseen.
    world.set(&world.ivo, "item", hidden, json!({"title": "hh"}));
    let undone = world.anna.undo(report.sequence).unwrap();
    assert_eq!(undone.records, 6);
    world.set(&world.ivo, "item", hidden, json!({"title": "h"}));
    assert_eq!(world.image(), before);
    let history = world.anna.history("thing", into).unwrap().unwrap();
    let absorbed = |change: &Json| !change["absorbed"].is_null();
    assert!(!history.as_array().unwrap().iter().any(absorbed));
    world.assert_sound();
}

/// A link that the target has already is dropped, and so is one that would tie the target to
/// itself; both return.
#[test]
fn links_do_not_double() {
    let world = World::new();
    let [into, from] =
        ["a", "b"].map(|name| world.create(&world.anna, "thing", json!({"name": name})));
    let [both, one] =
        ["i", "j"].map(|title| world.create(&world.anna, "item", json!({"title": title})));
    for (thing, item) in [(into, both), (from, both), (from, one)] {
        let link = json!({"thing": thing.get(), "item": item.get()});
        world.create(&world.host, "link", link);
    }
    let before = world.image();
    let report = world
        .host
        .merge(&Merge::new("thing", into, [from]))
        .unwrap();
    let lines: Vec<_> = report
        .objects
        .iter()
        .map(|line| (line.object.as_str(), line.moved, line.dropped))
        .collect();
    assert_eq!(lines, [("link", 1, 1)]);
    world.assert_sound();
    world.host.undo(report.sequence).unwrap();
    assert_eq!(world.image(), before);

    let joined = world.host.merge(&Merge::new("item", both, [one])).unwrap();
    assert_eq!(joined.objects[0].dropped, 1);
    world.assert_sound();
    world.host.undo(joined.sequence).unwrap();
    assert_eq!(world.image(), before);
}

/// What the engine keeps by itself is right after everything has come and gone.
#[test]
fn sums_and_formulas_follow_by_themselves() {
    let world = World::new();
    let thing = world.create(&world.anna, "thing", json!({"name": "a", "size": 2}));
    for title in ["i", "j"] {
        world.create(
            &world.anna,
            "item",
            json!({"title": title, "thing": thing.get()}),
        );
    }
    let second = world.last();
    let before = world.image();
    let kept = |field| world.value("thing", thing, field);
    assert_eq!((kept("items"), kept("twice")), (json!(2), json!(4)));
    let undone = world.host.undo(second).unwrap();
    assert_eq!(kept("items"), 1);
    world.host.undo(undone.sequence).unwrap();
    assert_eq!(world.image(), before);
    world.set(&world.anna, "thing", thing, json!({"size": 5}));
    world.anna.undo(world.last()).unwrap();
    assert_eq!(kept("twice"), 4);
    world.assert_sound();
}

#[test]
fn a_merge_is_refused_as_a_whole() {
    let world = World::new();
    let mine = world.create(&world.anna, "thing", json!({"name": "a"}));
    let twin = world.create(&world.anna, "thing", json!({"name": "b"}));
    let item = world.create(&world.anna, "item", json!({"title": "i"}));
    let other = world.create(&world.anna, "item", json!({"title": "j"}));
    let before = world.image();
    let refused = |merge: Merge| {
        let code = world.anna.merge(&merge).unwrap_err().code();
        assert_eq!(world.image(), before);
        code
    };
    assert_eq!(refused(Merge::new("item", item, [other])), Code::Denied);
    assert_eq!(
        refused(Merge::new("thing", mine, [mine])),
        Code::InvalidArguments
    );
    assert_eq!(
        refused(Merge::new("thing", mine, [])),
        Code::InvalidArguments
    );
    assert_eq!(refused(Merge::new("thing", mine, [item])), Code::NotFound);
    assert_eq!(
        refused(Merge::new("user", mine, [twin])),
        Code::InvalidArguments
    );
    let mut chosen = Merge::new("thing", mine, [twin]);
    chosen.fields.insert("name".to_owned(), Json::Null);
    assert_eq!(refused(chosen), Code::Required);
}
