//! Reports of packs: as records, upgraded, and what is told of those that are wrong.

use super::*;

const REPORTS: &str = "\
[[report]]
name = 'states'
key = [{ name = 'state' }]
part = [{ name = 'all', from = 'thing', key = { state = 'state' }, measure = { count = 'count(*)' } }]

[[report]]
name = 'names'
list = { from = 'thing', show = ['name'], order = ['name'] }
";

fn told(house: &House) -> Vec<String> {
    let found = house.texts("report", &["name", "shared", "source"]);
    found.into_iter().map(|(_, told)| told).collect()
}

/// The records of reports, with their definitions.
fn definitions(house: &House) -> Vec<(String, String)> {
    house.texts("report", &["name", "definition"])
}

#[test]
fn reports_become_records_that_tell_their_line() {
    let house = House::new();
    house
        .install(&pack(&[("thing/reports.toml", REPORTS)]).unwrap())
        .unwrap();
    assert_eq!(
        told(&house),
        [
            "states true shop/thing/reports.toml:2",
            "names true shop/thing/reports.toml:7"
        ]
    );
}

#[test]
fn an_upgrade_renews_reports_and_leaves_those_that_were_changed() {
    let house = House::new();
    house
        .install(&pack(&[("reports.toml", REPORTS)]).unwrap())
        .unwrap();
    let before = definitions(&house);
    let own = "name = 'names'\nlist = { from = 'thing', show = ['state'] }";
    let (schema, names) = (house.schema(), before[1].0.parse().unwrap());
    house
        .store
        .write(|txn| {
            house.within(txn, &schema, Cause::Person, |door| {
                let report = Arc::clone(schema.object("report")?);
                let id = crate::ids::RecordId::new(names)?;
                let change = Input::from_pairs(&report, [("definition", own)])?;
                door.update(&report, id, change, None).map(drop)
            })
        })
        .unwrap();
    let newer = REPORTS
        .replace("'count(*)'", "'count(name)'")
        .replace("show = ['name']", "show = ['id']");
    let version = ("pack.toml", "name = 'shop'\nversion = '1.3.0'\n");
    let newer = pack(&[version, ("reports.toml", &newer)]).unwrap();
    house.install(&newer).unwrap();
    let after = definitions(&house);
    assert!(after[0].1.contains("count(name)") && !before[0].1.contains("count(name)"));
    assert!(after[1].1.contains("'state'"), "{after:?}");
    // What is declared no more goes, but for what was changed.
    let version = ("pack.toml", "name = 'shop'\nversion = '1.4.0'\n");
    house.install(&pack(&[version]).unwrap()).unwrap();
    assert_eq!(definitions(&house).len(), 1);
}

#[test]
fn what_is_wrong_with_a_report_is_told_where_it_stands() {
    let house = House::new();
    let wrong = |from: &str, to: &str| {
        let text = REPORTS.replace(from, to);
        assert_ne!(text, REPORTS);
        let pack = pack(&[("thing/reports.toml", &text)]);
        pack.and_then(|pack| house.install(&pack)).unwrap_err()
    };
    let file = "thing/reports.toml";
    let error = wrong("'count(*)'", "'sum(1 + weight)'");
    faulty(&error, file, 4, 97, "no field `weight`");
    let error = wrong("from = 'thing', key", "from = 'box', key");
    faulty(&error, file, 4, 33, "unknown object `box`");
    let error = wrong("order = ['name']", "order = ['weight desc']");
    faulty(&error, file, 8, 53, "no field `weight`");
    let error = wrong("name = 'names'", "name = 'states'");
    faulty(&error, file, 2, 8, "two reports are called `states`");
    let error = wrong("count(*)' } }]", "count(*)' } }]\norder = ['size']");
    faulty(&error, file, 5, 11, "there is no measure `size`");
    let error = wrong("key = [{ name = 'state' }]", "keys = 1");
    faulty(&error, file, 3, 1, "unknown field `keys`");
    assert_eq!(definitions(&house), []);
}
