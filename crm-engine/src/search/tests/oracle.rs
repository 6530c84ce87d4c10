//! The index against a look at every record, and twins that differ in what a caller may not see.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::world::{CALLERS, World};
use crate::ids::RecordId;
use crate::policy::Actor;
use crate::schema::keys;
use crate::search::fit::{self, Fit};
use crate::search::walk::Bounds;
use crate::search::{SearchPage, SearchRequest, run_within, scope, text};
use crate::store::{Read, ScanOptions};
use crate::value::{RecordView, take_uint};

const WORDS: [&str; 22] = [
    "ива",
    "иванов",
    "Иванова",
    "иванову",
    "ивановский",
    "дом",
    "дома",
    "домами",
    "ель",
    "ели",
    "Ёлка",
    "vega",
    "vegas",
    "city",
    "Cities",
    "ООО",
    "a",
    "ab",
    "и",
    "2024",
    "495",
    "info",
];
const PHONES: [&str; 6] = [
    "+7 (495) 123-45-67",
    "84951234567",
    "4951234567",
    "123-45-67",
    "+1 212 555 0100",
    "88124957000",
];
const EMAILS: [&str; 4] = [
    "info@vega.ru",
    "Info@vegas.com",
    "ivan@city.ru",
    "a.b@vega.ru",
];
const CODES: [&str; 4] = ["7701234567", "2024", "495123", "0077"];
const TEXTS: [&str; 28] = [
    "ива",
    "иванов",
    "иванову",
    "ив",
    "и",
    "дом",
    "домам",
    "до",
    "ели",
    "vega",
    "veg",
    "v",
    "city",
    "cit",
    "ооо ива",
    "дом vega",
    "info",
    "info@",
    "vega.ru",
    "495",
    "495 123",
    "123-45",
    "84951234567",
    "8 495",
    "2024",
    "77",
    "ab",
    "a",
];

/// A thing, with the words and values of its fields by number.
#[derive(Debug, Clone)]
struct Thing {
    owner: usize,
    shared: Vec<usize>,
    name: Vec<usize>,
    note: Vec<usize>,
    secret: Vec<usize>,
    phone: Option<usize>,
    hotline: Option<usize>,
    email: Option<usize>,
    code: Option<usize>,
    line: Option<(usize, Vec<usize>)>,
}

fn arb_words() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..WORDS.len(), 0..4)
}

fn arb_thing() -> impl Strategy<Value = Thing> {
    let shared = prop::collection::vec(0..4_usize, 0..3);
    let texts = (0..4_usize, shared, arb_words(), arb_words(), arb_words());
    let values = (
        prop::option::of(0..PHONES.len()),
        prop::option::of(0..PHONES.len()),
        prop::option::of(0..EMAILS.len()),
        prop::option::of(0..CODES.len()),
        prop::option::weighted(0.3, (0..PHONES.len(), arb_words())),
    );
    (texts, values).prop_map(|((owner, shared, name, note, secret), values)| Thing {
        owner,
        shared,
        name,
        note,
        secret,
        phone: values.0,
        hotline: values.1,
        email: values.2,
        code: values.3,
        line: values.4,
    })
}

fn words(words: &[usize]) -> Json {
    match words.is_empty() {
        true => Json::Null,
        false => words
            .iter()
            .map(|n| WORDS[*n])
            .collect::<Vec<_>>()
            .join(" ")
            .into(),
    }
}

impl Thing {
    fn json(&self) -> Json {
        json!({
            "name": words(&self.name),
            "note": words(&self.note),
            "secret": words(&self.secret),
            "phone": self.phone.map(|n| PHONES[n]),
            "hotline": self.hotline.map(|n| PHONES[n]),
            "email": self.email.map(|n| EMAILS[n]),
            "code": self.code.map(|n| CODES[n]),
        })
    }

    fn line_json(&self) -> Option<Json> {
        let (phone, remark) = self.line.as_ref()?;
        Some(json!({"phone": PHONES[*phone], "remark": words(remark)}))
    }

    fn put(&self, world: &World) -> RecordId {
        let mut fields = self.json();
        fields["participants"] = self.shared.iter().map(|n| world.owners[*n]).collect();
        let id = world.thing(self.owner, fields);
        if let Some(line) = self.line_json() {
            world.line(self.owner, id, line);
        }
        id
    }
}

/// The hits of a request by looking at every record: id, field, how.
fn looked_at_all(world: &World, login: &str, text: &str) -> Vec<(u64, String, fit::How)> {
    let session = world.session(login);
    let view = session.view().unwrap();
    let actor = session.user().map_or(Actor::System, Actor::User);
    let scopes = scope::scopes(&view.schema, &view.facts, actor, &[], &[]).unwrap();
    let mut best: BTreeMap<RecordId, (Fit, usize, Vec<u8>)> = BTreeMap::new();
    for (at, scope) in scopes.iter().enumerate() {
        let prefix = keys::records(scope.object.id).start().len();
        let mut rows = view
            .snapshot
            .scan(keys::records(scope.object.id), ScanOptions::FORWARD)
            .unwrap();
        while let Some((key, value)) = rows.next().unwrap() {
            let id = RecordId::new(take_uint(&mut &key[prefix..]).unwrap()).unwrap();
            let record = RecordView::new(value).unwrap();
            if !scope.plan.permits(&record) {
                continue;
            }
            let (root, title) = match scope.link() {
                None => (id, scope.sort_key(&record).unwrap()),
                Some(link) => {
                    let parent = record.field(link).unwrap().as_reference().unwrap();
                    match scope.root_of(&view.snapshot, parent).unwrap() {
                        Some(root) => root,
                        None => continue,
                    }
                }
            };
            for reading in text::readings(text).unwrap() {
                let fits: Option<Vec<Fit>> = reading
                    .iter()
                    .map(|token| fit::record(scope, &record, token).unwrap())
                    .collect();
                let Some(fits) = fits else { continue };
                let fit = Fit {
                    rank: fits.iter().map(|fit| fit.rank).max().unwrap(),
                    ..fits[0]
                };
                let is_better = best.get(&root).is_none_or(|(known, scope, _)| {
                    (fit.rank, at, fit.field) < (known.rank, *scope, known.field)
                });
                if is_better {
                    best.insert(root, (fit, at, title.clone()));
                }
            }
        }
    }
    let mut hits: Vec<_> = best.into_iter().collect();
    hits.sort_by(|(a_id, a), (b_id, b)| (a.0.rank, &a.2, a_id).cmp(&(b.0.rank, &b.2, b_id)));
    hits.into_iter()
        .map(|(id, (fit, at, _))| {
            let field = scopes[at].object.by_id(fit.field).unwrap();
            (id.get(), field.name.clone(), fit.how)
        })
        .collect()
}

/// A page of a search that looks at little.
fn bounded(world: &World, login: &str, text: &str, bound: u64) -> SearchPage {
    let session = world.session(login);
    let view = session.view().unwrap();
    let actor = session.user().map_or(Actor::System, Actor::User);
    let bounds = Bounds {
        postings: bound,
        records: bound,
    };
    let (read, request) = (&view.snapshot, SearchRequest::new(text));
    run_within(read, &view.schema, &view.facts, actor, &request, bounds).unwrap()
}

/// A search that was cut short says so, and what it found fits.
#[test]
fn a_bound_that_was_met_is_told() {
    let world = World::new();
    for n in 0..20 {
        world.thing(
            n % 4,
            json!({"name": format!("Иванов {n}"), "phone": PHONES[0]}),
        );
    }
    for (login, text) in [
        ("o0", "иванов"),
        ("clerk", "иванов"),
        ("clerk", "123-45"),
        ("o0", "иванов 495"),
    ] {
        let all = world.search(login, text);
        assert!(!all.truncated && all.hits.len() >= 10, "{login} {text}");
        let some = bounded(&world, login, text, 5);
        assert!(
            some.truncated && some.hits.len() == 5,
            "{login} {text}: {some:?}"
        );
        assert!(some.hits.iter().all(|hit| all.hits.contains(hit)));
        assert_eq!(bounded(&world, login, text, 1_000), all);
    }
}

fn compare(world: &World, login: &str, text: &str, limit: usize) -> Result<(), TestCaseError> {
    let expected = looked_at_all(world, login, text);
    let request = SearchRequest::new(text).limited(limit);
    let page = world.session(login).search(&request).unwrap();
    let found: Vec<_> = page
        .hits
        .iter()
        .map(|hit| (hit.id.get(), hit.field.clone(), hit.how))
        .collect();
    let shown = &expected[..expected.len().min(limit)];
    prop_assert_eq!(&found[..], shown, "{} `{}` {}", login, text, limit);
    prop_assert_eq!(page.more, expected.len() > limit);
    prop_assert!(!page.truncated);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// What the index finds is what a look at every record finds, in the same order, for callers
    /// who see all, some, and not every field; after changes and deletions too.
    #[test]
    fn the_index_finds_what_is_there(
        things in prop::collection::vec(arb_thing(), 1..60),
        changed in prop::collection::vec((any::<prop::sample::Index>(), arb_thing()), 0..8),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let world = World::new();
        let host = world.engine.system();
        let mut ids: Vec<RecordId> = things.iter().map(|thing| thing.put(&world)).collect();
        for (at, thing) in &changed {
            host.update("thing", ids[at.index(ids.len())], &thing.json(), None).unwrap();
        }
        for at in &gone {
            if ids.len() > 1 {
                host.delete("thing", ids.remove(at.index(ids.len())), None).unwrap();
            }
        }
        world.verify();
        for login in CALLERS {
            for text in TEXTS {
                for limit in [1, 3, 100] {
                    compare(&world, login, text, limit)?;
                }
            }
        }
    }

    /// Twins that differ in things of others and in hidden fields give the same pages.
    #[test]
    fn hidden_data_changes_nothing(
        things in prop::collection::vec((arb_thing(), arb_thing()), 1..60),
    ) {
        let (one, other) = (World::new(), World::new());
        for (thing, twin) in &things {
            let mut twin = Thing {
                owner: thing.owner,
                shared: thing.shared.clone(),
                ..twin.clone()
            };
            if thing.owner < 2 {
                let hidden = (twin.secret.clone(), twin.hotline);
                twin = thing.clone();
                (twin.secret, twin.hotline) = hidden;
            }
            // The same records with the same ids, whatever is in them.
            let line = thing.line.clone();
            twin.line = match (&line, thing.owner < 2) {
                (Some((_, words)), false) => Some((0, words.iter().rev().copied().collect())),
                _ => line,
            };
            prop_assert_eq!(thing.put(&one), twin.put(&other));
        }
        for text in TEXTS {
            for limit in [1, 5, 100] {
                let request = SearchRequest::new(text).limited(limit);
                let pages = [&one, &other].map(|world| {
                    world.session("o0").search(&request).unwrap()
                });
                prop_assert_eq!(&pages[0], &pages[1], "`{}`", text);
            }
            for bound in [1, 3, 9] {
                let pages = [&one, &other].map(|world| bounded(world, "o0", text, bound));
                prop_assert_eq!(&pages[0], &pages[1], "`{}` within {}", text, bound);
            }
        }
        for phone in PHONES {
            let found = [&one, &other].map(|world| world.session("o0").find(phone, &[]).unwrap());
            prop_assert_eq!(&found[0], &found[1]);
        }
    }
}
