//! The finder against every pair compared by hand.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::world::World;
use crate::ids::RecordId;
use crate::value::{normal_phone, normal_text};

/// A record as the test knows it.
#[derive(Debug, Clone)]
struct Known {
    id: u64,
    owner: &'static str,
    name: Option<&'static str>,
    phones: Vec<&'static str>,
    email: Option<&'static str>,
    place: Option<&'static str>,
    is_other: bool,
}

const NAMES: [&str; 7] = [
    "Petrova Maria",
    "petrova mariya",
    "Maria Petrova",
    "Petr Petrov",
    "ООО «Ёлка»",
    "ооо елки",
    "Hanna",
];
const PHONES: [&str; 5] = [
    "+7 495 1234567",
    "84951234567",
    "8 812 7",
    "+1 812 7",
    "112",
];
const EMAILS: [&str; 3] = ["a@b.ru", "A@B.ru", "c@d.ru"];
const PLACES: [&str; 3] = ["Omsk", "omsk", "Tver"];

#[derive(Debug, Clone)]
enum Step {
    Thing([usize; 5]),
    Other([usize; 2]),
    Part(usize, usize),
    Change(usize, [usize; 4]),
    Delete(usize),
    HandOver(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = || 0..12usize;
    let step = prop_oneof![
        4 => [any(), any(), any(), any(), any()].prop_map(Step::Thing),
        1 => [any(), any()].prop_map(Step::Other),
        2 => (any(), any()).prop_map(|(a, b)| Step::Part(a, b)),
        2 => (any(), [any(), any(), any(), any()]).prop_map(|(a, b)| Step::Change(a, b)),
        1 => any().prop_map(Step::Delete),
        1 => (any(), any()).prop_map(|(a, b)| Step::HandOver(a, b)),
    ];
    prop::collection::vec(step, 1..25)
}

fn pick(from: &[&'static str], at: usize) -> Option<&'static str> {
    from.get(at).copied()
}

fn owner(at: usize) -> &'static str {
    ["anna", "ivo"][at % 2]
}

/// Applies a step to the store and to what the test knows.
fn apply(world: &World, known: &mut Vec<Known>, step: &Step) {
    let host = world.host();
    let user = |login: &str| world.session(login).user().unwrap().get();
    let thing_at = |known: &[Known], at: usize| -> Option<usize> {
        let things: Vec<usize> = (0..known.len()).filter(|i| !known[*i].is_other).collect();
        (!things.is_empty()).then(|| things[at % things.len()])
    };
    match step {
        Step::Thing([who, name, phone, email, place]) => {
            let mut record = Known {
                id: 0,
                owner: owner(*who),
                name: pick(&NAMES, *name),
                phones: pick(&PHONES, *phone).into_iter().collect(),
                email: pick(&EMAILS, *email),
                place: pick(&PLACES, *place),
                is_other: false,
            };
            let mut fields = json!({"name": record.name, "phone": record.phones.first(),
                "email": record.email, "place": record.place});
            fields["owner"] = user(record.owner).into();
            record.id = host.create("thing", &fields).unwrap().get();
            known.push(record);
        }
        Step::Other([who, email]) => {
            let fields = json!({"email": pick(&EMAILS, *email), "owner": user(owner(*who))});
            // A rule may refuse it.
            if let Ok(id) = host.create("other", &fields) {
                known.push(Known {
                    id: id.get(),
                    owner: owner(*who),
                    name: None,
                    phones: Vec::new(),
                    email: pick(&EMAILS, *email),
                    place: None,
                    is_other: true,
                });
            }
        }
        Step::Part(at, phone) => {
            let (Some(at), Some(phone)) = (thing_at(known, *at), pick(&PHONES, *phone)) else {
                return;
            };
            let fields = json!({"thing": known[at].id, "phone": phone});
            host.create("part", &fields).unwrap();
            known[at].phones.push(phone);
        }
        Step::Change(at, [name, phone, email, place]) => {
            let Some(at) = thing_at(known, *at) else {
                return;
            };
            let record = &mut known[at];
            let id = RecordId::new(record.id).unwrap();
            let stored = host.get("thing", id).unwrap();
            let own = stored.unwrap()["phone"].as_str().map(str::to_owned);
            if let Some(own) = own {
                let place = record
                    .phones
                    .iter()
                    .position(|phone| *phone == own)
                    .unwrap();
                record.phones.remove(place);
            }
            record.name = pick(&NAMES, *name);
            record.email = pick(&EMAILS, *email);
            record.place = pick(&PLACES, *place);
            let phone = pick(&PHONES, *phone);
            record.phones.extend(phone);
            let fields = json!({"name": record.name, "phone": phone, "email": record.email,
                "place": record.place});
            host.update("thing", id, &fields, None).unwrap();
        }
        Step::Delete(at) => {
            let Some(at) = thing_at(known, *at) else {
                return;
            };
            let id = RecordId::new(known.remove(at).id).unwrap();
            host.delete("thing", id, None).unwrap();
        }
        Step::HandOver(at, who) => {
            let Some(at) = thing_at(known, *at) else {
                return;
            };
            known[at].owner = owner(*who);
            let id = RecordId::new(known[at].id).unwrap();
            let fields = json!({"owner": user(owner(*who))});
            host.update("thing", id, &fields, None).unwrap();
        }
    }
}

fn similar(a: &str, b: &str, least: f64) -> bool {
    let (a, b) = (normal_text(a), normal_text(b));
    let head = |word: &str| word.chars().take(3).collect::<String>();
    let begins = a
        .split(' ')
        .any(|x| b.split(' ').any(|y| head(x) == head(y)));
    begins && strsim::jaro_winkler(&a, &b) * 100.0 >= least
}

/// The rules of the world that hold for two records, and whether one of them may tell of a
/// record that is not seen.
fn rules_of(a: &Known, b: &Known, sees_phones: bool) -> Vec<(&'static str, bool)> {
    let both = |x: Option<&'static str>, y: Option<&'static str>| x.zip(y);
    let mut rules = Vec::new();
    if !b.is_other {
        let phone = a.phones.iter().any(|x| {
            let digits = normal_phone(x);
            !digits.is_empty() && b.phones.iter().any(|y| normal_phone(y) == digits)
        });
        if phone && sees_phones {
            rules.push(("phone", true));
        }
        if both(a.name, b.name).is_some_and(|(x, y)| similar(x, y, 90.0)) {
            rules.push(("name", false));
        }
    }
    if both(a.email, b.email).is_some_and(|(x, y)| x.to_lowercase() == y.to_lowercase()) {
        rules.push(("email", !b.is_other));
    }
    let named = both(a.name, b.name).is_some_and(|(x, y)| similar(x, y, 70.0));
    if !b.is_other && named && a.place.is_some() && a.place == b.place {
        rules.push(("both", false));
    }
    rules
}

/// What a caller should be told of the duplicates of a record.
fn expected(known: &[Known], of: &Known, sees: &dyn Fn(&Known) -> bool, phones: bool) -> Json {
    let mut matches: Vec<(bool, u64, Vec<&str>)> = Vec::new();
    let mut hidden = BTreeSet::new();
    for other in known.iter().filter(|other| other.id != of.id) {
        let rules = rules_of(of, other, phones);
        if sees(other) && !rules.is_empty() {
            let names = rules.iter().map(|(name, _)| *name).collect();
            matches.push((other.is_other, other.id, names));
        } else if !sees(other) && rules.iter().any(|(_, tells)| *tells) {
            hidden.insert(other.id);
        }
    }
    matches.sort();
    let matches: Vec<Json> = matches
        .iter()
        .map(|(_, id, rules)| json!({"id": id, "rules": rules}))
        .collect();
    json!({"matches": matches, "hidden": hidden.len()})
}

fn seen(report: &crate::DuplicateReport) -> Json {
    let matches: Vec<Json> = report
        .matches
        .iter()
        .map(|one| json!({"id": one.id.get(), "rules": one.rules}))
        .collect();
    json!({"matches": matches, "hidden": report.hidden})
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_index_finds_what_comparing_all_pairs_finds(steps in steps()) {
        let world = World::new();
        let mut known = Vec::new();
        for step in &steps {
            apply(&world, &mut known, step);
        }
        for of in known.iter().filter(|one| !one.is_other) {
            let id = RecordId::new(of.id).unwrap();
            let report = world.host().duplicates_of("thing", id).unwrap();
            prop_assert_eq!(seen(&report), expected(&known, of, &|_| true, true));
            let report = world.session("blind").duplicates_of("thing", id).unwrap();
            prop_assert_eq!(seen(&report), expected(&known, of, &|_| true, false));
            let report = world.session(of.owner).duplicates_of("thing", id).unwrap();
            prop_assert_eq!(seen(&report), expected(&known, of, &|one| one.owner == of.owner, true));
        }
        world.verify();
    }

    /// A caller's answer does not change when what he may not see does, but for the number that
    /// is told.
    #[test]
    fn hidden_records_change_nothing_but_the_number(steps in steps(), hidden in steps()) {
        let (world, other) = (World::new(), World::new());
        let mut known = (Vec::new(), Vec::new());
        for step in &steps {
            apply(&world, &mut known.0, step);
            apply(&other, &mut known.1, step);
        }
        let mut theirs = known.1.iter().filter(|one| one.owner == "ivo").cloned().collect();
        for step in &hidden {
            match step {
                Step::Thing(values) => apply(&other, &mut theirs, &Step::Thing([1, values[1], values[2], values[3], values[4]])),
                Step::Other(values) => apply(&other, &mut theirs, &Step::Other([1, values[1]])),
                Step::HandOver(..) => {}
                step => apply(&other, &mut theirs, step),
            }
        }
        let ask = |world: &World, name: usize, phone: usize, email: usize, place: usize| {
            let mut fields = Map::new();
            for (field, value) in [("name", pick(&NAMES, name)), ("phone", pick(&PHONES, phone)),
                ("email", pick(&EMAILS, email)), ("place", pick(&PLACES, place))] {
                fields.insert(field.to_owned(), json!(value));
            }
            let report = world.session("anna").duplicates("thing", &Json::Object(fields)).unwrap();
            (serde_json::to_value(&report.matches).unwrap(), report.more)
        };
        for at in 0..8 {
            prop_assert_eq!(ask(&world, at, at, at, at), ask(&other, at, at, at, at));
        }
    }
}
