//! Who sees what is kept from what he may not see.

use serde_json::json;

use super::{all_or, create, engine, row};
use crate::Session;

/// A formula shows its inputs and a rollup the records it counts: hidden ones hide them.
#[test]
fn what_is_kept_from_hidden_things_is_hidden() {
    let unknown = |session: &Session, object: &str, field: &str| {
        let found = row(session, &format!("SELECT {field} FROM {object}"));
        let absent = row(session, &format!("SELECT nothing FROM {object}"));
        let (found, absent) = (found.err(), absent.unwrap_err());
        found.is_some_and(|error| {
            error.message().replace(field, "nothing") == absent.message()
                && error.code() == absent.code()
        })
    };
    for (scope, hidden, shelf_hidden, box_hidden) in [
        ("all", "", &[][..], &[][..]),
        (
            "all",
            "part.discount",
            &["worth"],
            &["amount", "tax", "base", "rate", "twice", "is_big"],
        ),
        ("all", "box.state", &[], &["base", "rate", "twice"]),
        (
            "all",
            "part.quantity",
            &["worth"],
            &["pieces", "amount", "tax", "base", "rate", "twice", "is_big"],
        ),
        // Parts are details of their box: whoever sees the box sees what it counts.
        ("own", "", &[], &[]),
    ] {
        let engine = engine(&all_or(scope, hidden));
        let host = engine.system();
        create(
            &host,
            "user",
            json!({"login": "u", "name": "u", "roles": ["r"]}),
        );
        let user = engine.login("u").unwrap();
        for field in [
            "amount", "tax", "base", "rate", "twice", "is_big", "parts", "pieces",
        ] {
            let hides = box_hidden.contains(&field);
            assert_eq!(
                unknown(&user, "box", field),
                hides,
                "{scope} {hidden}: {field}"
            );
        }
        for field in ["worth", "boxes"] {
            let hides = shelf_hidden.contains(&field);
            assert_eq!(
                unknown(&user, "shelf", field),
                hides,
                "{scope} {hidden}: {field}"
            );
        }
    }
    let roles =
        all_or("all", "").replace("\"edit\"], scope = \"all\"", "\"edit\"], scope = \"own\"");
    let engine = engine(&roles);
    create(
        &engine.system(),
        "user",
        json!({"login": "u", "name": "u", "roles": ["r"]}),
    );
    let user = engine.login("u").unwrap();
    for field in ["worth", "boxes"] {
        assert!(
            unknown(&user, "shelf", field),
            "not every box is seen: {field}"
        );
    }
}

/// What a caller reads of a record does not change with records and fields he may not see, but
/// for the version and moment of its last change.
#[test]
fn hidden_changes_do_not_show() {
    let roles = all_or("all", "part.price")
        .replace("\"edit\"], scope = \"all\"", "\"edit\"], scope = \"own\"");
    let engine = engine(&roles);
    let host = engine.system();
    let shelf = create(&host, "shelf", json!({"name": "s"}));
    create(
        &host,
        "user",
        json!({"login": "u", "name": "u", "roles": ["r"]}),
    );
    let user = engine.login("u").unwrap();
    let own = create(&user, "box", json!({"name": "own", "shelf": shelf.get()}));
    let seen = || {
        let mut all = Vec::new();
        for (object, id) in [("shelf", shelf), ("box", own)] {
            let mut record = user.get(object, id).unwrap().unwrap();
            for moving in ["version", "updated_at", "updated_by"] {
                record.as_object_mut().unwrap().remove(moving);
            }
            all.push(record);
        }
        let queries = [
            "SELECT * FROM shelf",
            "SELECT count(*) FROM box WHERE shelf IN (SELECT id FROM shelf)",
            "SELECT name FROM shelf WHERE id IN (SELECT shelf FROM box WHERE state IS NULL)",
        ];
        let rows = queries.map(|sql| row(&user, sql).unwrap());
        (all, rows)
    };
    let before = seen();
    let other = create(&host, "box", json!({"name": "other", "shelf": shelf.get()}));
    let fields = json!({"box": other.get(), "quantity": "3", "price": "9 EUR"});
    let part = create(&host, "part", fields);
    assert_eq!(seen(), before);
    host.update("part", part, &json!({"price": "7 EUR"}), None)
        .unwrap();
    host.delete("box", other, None).unwrap();
    assert_eq!(seen(), before);
    let fields = json!({"box": own.get(), "price": "9 EUR"});
    let mine = create(&host, "part", fields);
    let before = seen();
    host.update("part", mine, &json!({"price": "5 EUR"}), None)
        .unwrap();
    assert_eq!(seen(), before);
}
