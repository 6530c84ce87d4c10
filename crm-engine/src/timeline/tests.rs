//! Timelines against a naive second implementation: everything a caller can get record by record
//! and history by history, put in order.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::clock::ManualClock;
use crate::engine::{Engine, Options};
use crate::error::Code;
use crate::ids::{RecordId, UserId};
use crate::pack::Pack;
use crate::session::{Session, TimelineRequest};

use super::{TimelineFilter, TimelinePage};

const FILES: [(&str, &str); 4] = [
    ("pack.toml", "name='test'\nversion='1.0.0'\ndescription='t'"),
    (
        "thing/object.toml",
        "name='thing'\nowned=true\ntitle='name'\ncolumns=['name']\n\
         field=[{name='name', type='text'}, {name='secret', type='text'},\
         {name='state', type='choice', choice=[{name='a', stage='open'}, {name='b', stage='won'}]}]",
    ),
    (
        "deed/object.toml",
        "name='deed'\nowned=true\ntitle='title'\ncolumns=['note']\n\
         event={at='day', kind='kind', channel='channel', touch=true}\n\
         field=[{name='title', type='text'}, {name='note', type='text'}, {name='day', type='date'},\
         {name='kind', type='choice', choice=[{name='call'}, {name='letter'}]},\
         {name='channel', type='choice', choice=[{name='phone'}, {name='mail'}]},\
         {name='thing', type='reference', target='thing', timeline=true, on_delete='clear'},\
         {name='other', type='reference', target='thing', timeline=true, on_delete='clear'}]",
    ),
    (
        "item/object.toml",
        "name='item'\nowned=true\ntitle='title'\n\
         field=[{name='title', type='text'},\
         {name='state', type='choice', choice=[{name='a', stage='open'}, {name='b', stage='won'}]},\
         {name='thing', type='reference', target='thing', timeline=true, on_delete='clear'}]",
    ),
];
const OBJECTS: [&str; 3] = ["thing", "deed", "item"];
/// Fields and the values they take; of references, things by number.
const FIELDS: [&[(&str, &[&str])]; 3] = [
    &[
        ("name", &["Anna", "Ёлка"]),
        ("secret", &["x", "y"]),
        ("state", &["a", "b"]),
    ],
    &[
        ("title", &["call", "anna"]),
        ("note", &["x", "елка"]),
        ("day", &["2026-03-01", "2026-03-02", "1969-07-20"]),
        ("kind", &["call", "letter"]),
        ("channel", &["phone", "mail"]),
        ("thing", &["0", "1"]),
        ("other", &["0", "1"]),
    ],
    &[
        ("title", &["x", "anna"]),
        ("state", &["a", "b"]),
        ("thing", &["0", "1"]),
    ],
];

struct Case {
    engine: Engine,
    clock: Arc<ManualClock>,
    users: Vec<(String, UserId)>,
    things: Vec<RecordId>,
    others: Vec<(&'static str, RecordId)>,
}

#[derive(Debug, Clone)]
enum Step {
    Create(usize, usize, Vec<usize>),
    Update(usize, usize, usize, usize),
    Owner(usize, usize),
    Delete(usize),
    Wait(i64),
}

#[derive(Debug, Clone)]
struct Setup {
    grants: Vec<(usize, &'static str, &'static str, &'static str)>,
    steps: Vec<Step>,
}

fn setup(back: bool) -> impl Strategy<Value = Setup> {
    let hidden = prop::sample::select(vec![
        "",
        "",
        "",
        "secret",
        "state",
        "day",
        "thing",
        "kind",
        "channel",
        "title",
        "created_at",
        "updated_by",
        "owner",
        "note",
    ]);
    let object = prop::sample::select(vec!["deed", "item", "thing", "deed", "item", "*"]);
    let scope = prop::sample::select(vec!["own", "all"]);
    let least = if back { -50_000 } else { 0 };
    let step = prop_oneof![
        5 => (0..3_usize, 0..3_usize, vec(0..4_usize, 7)).prop_map(|(o, u, v)| Step::Create(o, u, v)),
        6 => (0..60_usize, 0..3_usize, 0..7_usize, 0..4_usize)
            .prop_map(|(r, u, f, v)| Step::Update(r, u, f, v)),
        1 => (0..60_usize, 0..3_usize).prop_map(|(r, u)| Step::Owner(r, u)),
        1 => (0..60_usize).prop_map(Step::Delete),
        2 => (least..100_000_i64).prop_map(Step::Wait),
    ];
    let grants = vec((0..2_usize, object, scope, hidden), 2..7);
    let steps = vec(step, 10..60);
    (grants, steps).prop_map(|(grants, steps)| Setup { grants, steps })
}

fn filter() -> impl Strategy<Value = (TimelineFilter, Option<usize>)> {
    let kind = prop::sample::select(vec![
        "event", "stage", "created", "changed", "deed", "item", "thing", "call", "letter", "none",
    ]);
    let kinds = prop_oneof![3 => Just(vec![]), 4 => vec(kind, 1..3)];
    let channel = prop::option::weighted(0.2, prop::sample::select(vec!["phone", "mail", "none"]));
    let text = prop::option::weighted(0.2, prop::sample::select(vec!["ANNA", "елка", "x", "zz"]));
    let time = || prop::option::weighted(0.2, 0..400_000_i64);
    let user = prop::option::weighted(0.2, 0..3_usize);
    (kinds, channel, text, time(), time(), user).prop_map(
        |(kinds, channel, text, from, to, user)| {
            let filter = TimelineFilter {
                kinds: kinds.into_iter().map(str::to_owned).collect(),
                user: None,
                channel: channel.map(str::to_owned),
                from: from.map(|s| start() + TimeDelta::seconds(s)),
                to: to.map(|s| start() + TimeDelta::seconds(s)),
                text: text.map(str::to_owned),
            };
            (filter, user)
        },
    )
}

fn start() -> DateTime<Utc> {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

impl Case {
    fn new(setup: &Setup) -> Case {
        let clock = Arc::new(ManualClock::new(start()));
        let options = Options {
            clock: clock.clone(),
            standard_pack: false,
            ..Options::default()
        };
        let engine = Engine::in_memory(options).unwrap();
        let pack = Pack::from_files(FILES).unwrap();
        engine.install(crate::policy::Actor::System, &pack).unwrap();
        let host = engine.system();
        let roles = ["r0", "r1"].map(|name| host.create("role", &json!({"name": name})).unwrap());
        for (role, object, scope, hidden) in &setup.grants {
            let object_hidden: Vec<&str> = match *object == "*" && *hidden == "owner" {
                true => vec![],
                false => vec![*hidden]
                    .into_iter()
                    .filter(|h| !h.is_empty())
                    .filter(|h| {
                        let schema = engine.schema().unwrap();
                        let known = schema.object(object).map(|object| object.find(h).is_some());
                        known.unwrap_or(true)
                    })
                    .collect(),
            };
            host.create(
                "grant",
                &json!({
                    "role": roles[*role].get(), "object": object, "actions": ["view"],
                    "scope": scope, "hidden_fields": object_hidden,
                }),
            )
            .unwrap();
        }
        let users = [
            ("u0", json!(["r0"])),
            ("u1", json!(["r0", "r1"])),
            ("u2", json!(["r1"])),
        ];
        let users = users.map(|(login, roles)| {
            let fields = json!({"login": login, "name": login, "roles": roles});
            (
                login.to_owned(),
                UserId(host.create("user", &fields).unwrap()),
            )
        });
        let mut case = Case {
            engine,
            clock,
            users: users.into(),
            things: Vec::new(),
            others: Vec::new(),
        };
        for step in &setup.steps {
            case.step(step);
        }
        let report = host.call("verify", &json!({}), &mut |_| true).unwrap();
        assert_eq!(report["faults"], 0, "{report}");
        case
    }

    fn records(&self) -> Vec<(&'static str, RecordId)> {
        let things = self.things.iter().map(|id| ("thing", *id));
        things.chain(self.others.iter().copied()).collect()
    }

    fn value(&self, field: &str, text: &str) -> Json {
        match field {
            "thing" | "other" => {
                let n: usize = text.parse().unwrap();
                self.things.get(n).map_or(Json::Null, |id| id.get().into())
            }
            _ => text.into(),
        }
    }

    fn step(&mut self, step: &Step) {
        let host = self.engine.system();
        match step {
            Step::Create(object, owner, values) => {
                let mut fields = serde_json::Map::new();
                for ((name, texts), n) in FIELDS[*object].iter().zip(values) {
                    if let Some(text) = texts.get(*n) {
                        fields.insert((*name).to_owned(), self.value(name, text));
                    }
                }
                fields.insert("owner".into(), self.users[*owner].1.get().into());
                let id = host.create(OBJECTS[*object], &fields.into()).unwrap();
                match *object {
                    0 => self.things.push(id),
                    _ => self.others.push((OBJECTS[*object], id)),
                }
            }
            Step::Update(record, by, field, value) => {
                let records = self.records();
                let Some((object, id)) = records.get(*record) else {
                    return;
                };
                let at = OBJECTS.iter().position(|name| name == object).unwrap();
                let (name, texts) = FIELDS[at][field % FIELDS[at].len()];
                let value = texts
                    .get(*value)
                    .map_or(Json::Null, |text| self.value(name, text));
                // The change is the user's, whatever his rights.
                let user = self.users[*by].1;
                let fields = json!({ name: value });
                self.engine
                    .transact(
                        crate::policy::Actor::User(user),
                        &crate::journal::Cause::Person,
                        "test",
                        |door| {
                            let object = Arc::clone(door.schema().object(object)?);
                            let input = crate::write::Input::from_json(&object, &fields)?;
                            door.entrusted(|door| door.update(&object, *id, input.clone(), None))
                        },
                    )
                    .unwrap();
            }
            Step::Owner(record, owner) => {
                let records = self.records();
                let Some((object, id)) = records.get(*record) else {
                    return;
                };
                let fields = json!({"owner": self.users[*owner].1.get()});
                host.update(object, *id, &fields, None).unwrap();
            }
            Step::Delete(record) => {
                let records = self.records();
                let Some((object, id)) = records.get(*record).copied() else {
                    return;
                };
                host.delete(object, id, None).unwrap();
                self.things.retain(|thing| *thing != id);
                self.others.retain(|(_, other)| *other != id);
            }
            Step::Wait(seconds) => {
                let now = self.engine.now();
                let later = now + TimeDelta::seconds(*seconds);
                self.clock.set(later.max(start()));
            }
        }
    }

    fn sessions(&self) -> Vec<Session> {
        let users = self.users.iter();
        let mut all: Vec<Session> = users.map(|(u, _)| self.engine.login(u).unwrap()).collect();
        all.push(self.engine.system());
        all
    }

    /// Everything on the timeline of a thing, by single records and histories. Each entry as
    /// (milliseconds, id, version, what is said of it).
    fn naive(&self, session: &Session, thing: RecordId, filter: &TimelineFilter) -> Vec<Naive> {
        let mut all = Vec::new();
        let Some(own) = session.get("thing", thing).unwrap() else {
            return all;
        };
        for change in session
            .history("thing", thing)
            .unwrap()
            .unwrap()
            .as_array()
            .unwrap()
        {
            all.extend(naive_change(&own, thing, change));
        }
        for (object, id) in &self.others {
            let Some(record) = session.get(object, *id).unwrap() else {
                continue;
            };
            // Of others, what is shown on every one of them.
            let record = everywhere(session, object, record);
            let refers = ["thing", "other"]
                .iter()
                .any(|field| record.get(field) == Some(&json!(thing.get())));
            if !refers {
                continue;
            }
            if *object == "deed" {
                all.extend(naive_event(&record, *id));
            } else if record.get("updated_at").is_some() {
                let history = session.history(object, *id).unwrap().unwrap();
                let changes = history.as_array().unwrap().iter();
                all.extend(changes.filter_map(|change| naive_move(&record, *id, change)));
            }
        }
        all.retain(|entry| entry.fits(filter));
        all.sort_by_key(|entry| std::cmp::Reverse(entry.place));
        all
    }
}

#[derive(Debug, Clone, PartialEq)]
struct Naive {
    place: (i64, u64, u64),
    kind: &'static str,
    object: &'static str,
    names: Vec<String>,
    channel: Option<String>,
    people: Vec<u64>,
    texts: Vec<String>,
}

impl Naive {
    fn fits(&self, filter: &TimelineFilter) -> bool {
        let at = DateTime::from_timestamp_millis(self.place.0).unwrap();
        let text = filter
            .text
            .as_ref()
            .map(|t| t.to_lowercase().replace('ё', "е"));
        let mut texts = self
            .texts
            .iter()
            .map(|t| t.to_lowercase().replace('ё', "е"));
        (filter.kinds.is_empty() || filter.kinds.iter().any(|kind| self.names.contains(kind)))
            && filter
                .user
                .is_none_or(|user| self.people.contains(&user.get()))
            && (filter.channel.is_none() || filter.channel == self.channel)
            && filter.from.is_none_or(|from| from <= at)
            && filter.to.is_none_or(|to| at < to)
            && text.is_none_or(|text| texts.any(|said| said.contains(&text)))
    }
}

fn ms(at: &Json) -> i64 {
    let text = at.as_str().unwrap();
    match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    }
    .parse::<DateTime<Utc>>()
    .unwrap()
    .timestamp_millis()
}

fn texts<'j>(values: impl IntoIterator<Item = Option<&'j Json>>) -> Vec<String> {
    let texts = values.into_iter().flatten();
    texts
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn naive_change(own: &Json, id: RecordId, change: &Json) -> Option<Naive> {
    let created = change["kind"] == "create";
    own.get(if created { "created_at" } else { "updated_at" })?;
    let fields = change["fields"].as_object().unwrap();
    let mut names = vec!["thing".to_owned()];
    let kind = match created {
        true => "created",
        false if fields.is_empty() => return None,
        false if fields.contains_key("state") => "stage",
        false => "changed",
    };
    names.push(kind.to_owned());
    if kind == "stage" {
        names.push("changed".to_owned());
    }
    let actor_shown = own
        .get(if created { "created_by" } else { "updated_by" })
        .is_some();
    let changed = fields
        .values()
        .flat_map(|field| [field.get("old"), field.get("new")]);
    let changed = changed.filter(|_| !created);
    let mut said = texts(changed.chain([own.get("name")]));
    // A changed owner is a number, and is found as one.
    if let Some(owner) = fields.get("owner").filter(|_| !created) {
        said.extend([owner["old"].to_string(), owner["new"].to_string()]);
    }
    Some(Naive {
        place: (
            ms(&change["at"]),
            id.get(),
            change["version"].as_u64().unwrap(),
        ),
        kind,
        object: "thing",
        names,
        channel: None,
        people: change["actor"]
            .as_u64()
            .filter(|_| actor_shown)
            .into_iter()
            .collect(),
        texts: said,
    })
}

fn naive_event(record: &Json, id: RecordId) -> Option<Naive> {
    let day = record.get("day")?;
    let at = match day.is_null() {
        true => record.get("created_at")?,
        false => day,
    };
    let kind = record.get("kind").and_then(Json::as_str);
    let mut names = vec!["event".to_owned(), "deed".to_owned()];
    names.extend(kind.map(str::to_owned));
    let people = [record.get("created_by"), record.get("owner")];
    Some(Naive {
        place: (ms(at), id.get(), 0),
        kind: "event",
        object: "deed",
        names,
        channel: record
            .get("channel")
            .and_then(Json::as_str)
            .map(str::to_owned),
        people: people
            .into_iter()
            .flatten()
            .filter_map(Json::as_u64)
            .collect(),
        texts: texts([record.get("title"), record.get("note")]),
    })
}

/// A record without the fields that are shown on some of its kind only: no query may name those.
fn everywhere(session: &Session, object: &str, mut record: Json) -> Json {
    let shown = |name: &str| {
        session
            .prepare(&format!("SELECT {name} FROM {object}"))
            .is_ok()
    };
    record
        .as_object_mut()
        .unwrap()
        .retain(|name, _| shown(name));
    record
}

fn naive_move(record: &Json, id: RecordId, change: &Json) -> Option<Naive> {
    record.get("state")?;
    let moved = change["fields"]
        .get("state")
        .filter(|_| change["kind"] == "update")?;
    let actor = change["actor"]
        .as_u64()
        .filter(|_| record.get("updated_by").is_some());
    let owner = record.get("owner").and_then(Json::as_u64);
    Some(Naive {
        place: (
            ms(&change["at"]),
            id.get(),
            change["version"].as_u64().unwrap(),
        ),
        kind: "stage",
        object: "item",
        names: vec!["stage".to_owned(), "item".to_owned()],
        channel: None,
        people: actor.into_iter().chain(owner).collect(),
        texts: texts([moved.get("old"), moved.get("new"), record.get("title")]),
    })
}

fn page(session: &Session, thing: RecordId, filter: &TimelineFilter, limit: usize) -> TimelinePage {
    let request = TimelineRequest {
        filter: filter.clone(),
        limit: Some(limit),
        ..TimelineRequest::new("thing", thing)
    };
    session.timeline(&request).unwrap().unwrap()
}

/// All entries in pages of two; each page comes after a change to the store when `disturb` says.
fn paged(
    session: &Session,
    thing: RecordId,
    filter: &TimelineFilter,
    mut disturb: impl FnMut(),
) -> Vec<super::TimelineEntry> {
    let mut request = TimelineRequest {
        filter: filter.clone(),
        limit: Some(2),
        ..TimelineRequest::new("thing", thing)
    };
    let mut all = Vec::new();
    loop {
        let page = session.timeline(&request).unwrap().unwrap();
        all.extend(page.entries);
        request.after = page.next;
        if request.after.is_none() {
            return all;
        }
        disturb();
    }
}

fn check(case: &Case, asked: &TimelineFilter, user: Option<usize>, in_order: bool) {
    let filter = TimelineFilter {
        user: user.map(|user| case.users[user].1),
        ..asked.clone()
    };
    for session in case.sessions() {
        for thing in &case.things {
            if session.get("thing", *thing).unwrap().is_none() {
                assert_eq!(
                    session.timeline(&TimelineRequest::new("thing", *thing)),
                    Ok(None)
                );
                continue;
            }
            let found = page(&session, *thing, &filter, 1_000);
            assert_eq!(found.next, None);
            let places = found.entries.iter().map(|entry| {
                let version = entry.version.map_or(0, |version| version.0);
                let place = (entry.at.timestamp_millis(), entry.id.get(), version);
                (place, entry.kind.name(), entry.object.clone())
            });
            let mut places: Vec<_> = places.collect();
            let expected = case.naive(&session, *thing, &filter);
            let expected = expected.iter();
            let expected: Vec<_> = expected
                .map(|entry| (entry.place, entry.kind, entry.object.to_owned()))
                .collect();
            if !in_order {
                places.sort_by_key(|(place, ..)| std::cmp::Reverse(*place));
            }
            assert_eq!(places, expected, "{filter:?} of {thing}");
            assert_eq!(paged(&session, *thing, &filter, || ()), found.entries);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn timelines_agree_with_records_and_histories(
        setup in setup(false),
        filters in vec(filter(), 4),
    ) {
        let case = Case::new(&setup);
        for (filter, user) in &filters {
            check(&case, filter, *user, true);
        }
        check(&case, &TimelineFilter::default(), None, true);
    }

    #[test]
    fn a_clock_set_back_loses_nothing(setup in setup(true), filter in filter()) {
        let case = Case::new(&setup);
        check(&case, &filter.0, filter.1, false);
        check(&case, &TimelineFilter::default(), None, false);
    }

    /// Whatever happens to records and fields a caller may not see, his pages stay the same to the
    /// byte, what he passes on to the next page included.
    #[test]
    fn hidden_changes_change_nothing(mut setup in setup(false), values in vec(0..4_usize, 7)) {
        setup.grants.retain(|(role, ..)| *role == 1);
        setup.grants.push((0, "*", "own", "secret"));
        let mut case = Case::new(&setup);
        let anna = case.engine.login("u0").unwrap();
        let filter = TimelineFilter::default();
        let pages = |case: &Case| -> Vec<String> {
            let shown = case.things.iter().filter(|t| anna.get("thing", **t).unwrap().is_some());
            let pages = shown.flat_map(|t| [page(&anna, *t, &filter, 2), page(&anna, *t, &filter, 99)]);
            pages.map(|page| serde_json::to_string(&page).unwrap()).collect()
        };
        let before = pages(&case);
        case.step(&Step::Wait(50));
        case.step(&Step::Create(1, 2, values.clone()));
        case.step(&Step::Create(2, 2, values));
        let last = case.records().len() - 1;
        case.step(&Step::Update(last, 0, 1, 1));
        case.step(&Step::Update(last, 0, 1, 0));
        let mut hidden = case.things.iter().position(|t| anna.get("thing", *t).unwrap().is_some());
        if let Some(thing) = hidden.take() {
            case.step(&Step::Update(thing, 1, 1, 0));
            case.step(&Step::Update(thing, 1, 1, 1));
        }
        prop_assert_eq!(pages(&case), before);
    }
}

#[test]
fn pages_are_stable_while_others_write() {
    let setup = Setup {
        grants: vec![],
        steps: vec![Step::Create(0, 0, vec![0; 7])],
    };
    let mut case = Case::new(&setup);
    for n in 0..9 {
        case.step(&Step::Create(1, 0, vec![0, 0, n % 3, 0, 0, 0, 9]));
        case.step(&Step::Wait(10));
        case.step(&Step::Update(0, 0, 0, n % 2));
    }
    let (host, thing) = (case.engine.system(), case.things[0]);
    let before = page(&host, thing, &TimelineFilter::default(), 99).entries;
    let seen = paged(&host, thing, &TimelineFilter::default(), || {
        // One newer than all that was shown, and a change of the record itself.
        let deed = json!({"title": "new", "day": "2030-01-01", "thing": thing.get()});
        host.create("deed", &deed).unwrap();
        host.update("thing", thing, &json!({"secret": "z"}), None)
            .unwrap();
        host.update("thing", thing, &json!({"secret": "y"}), None)
            .unwrap();
    });
    assert_eq!(seen, before);
}

#[test]
fn what_is_no_page_is_refused() {
    let setup = Setup {
        grants: vec![],
        steps: vec![Step::Create(0, 0, vec![0; 7])],
    };
    let case = Case::new(&setup);
    let (host, thing) = (case.engine.system(), case.things[0]);
    let request = TimelineRequest::new("thing", thing);
    for (limit, after, code) in [
        (Some(0), None, Code::InvalidArguments),
        (Some(1_001), None, Code::InvalidArguments),
        (None, Some("zz"), Code::InvalidArguments),
    ] {
        let request = TimelineRequest {
            limit,
            after: after.map(str::to_owned),
            ..request.clone()
        };
        assert_eq!(host.timeline(&request).unwrap_err().code(), code);
    }
    let missing = TimelineRequest::new("thing", RecordId::new(99_999).unwrap());
    assert_eq!(host.timeline(&missing), Ok(None));
    let unknown = TimelineRequest::new("nothing", thing);
    assert_eq!(
        host.timeline(&unknown).unwrap_err().code(),
        Code::UnknownObject
    );
}
