//! Every way of reading records, compared with the law.

use std::collections::BTreeSet;

use crm_engine::{CardRequest, Code, EntryKind, Session, TimelineRequest};
use serde_json::{Map, Value as Json, json};

use super::compare::{Tally, call};
use super::generate::{PHONES, WORDS};
use super::law::{ACTIONS, Access, Fields, Record, Value};
use super::queries;
use super::shapes::{SHAPES, Shape, shape};
use super::world::World;

/// Whether a user may filter, sort, group and search by a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Known {
    /// He sees it on every record there can be for him.
    Everywhere,
    /// He sees it on every record there is, but there could be others.
    Here,
    /// There is a record that he sees without it.
    Not,
}

/// What one user may see, by the law.
pub(super) struct Sight<'w> {
    pub(super) world: &'w World,
    pub(super) user: usize,
    visible: Vec<bool>,
    everywhere: Vec<Option<Vec<&'static str>>>,
}

impl<'w> Sight<'w> {
    pub(super) fn new(world: &'w World, user: usize) -> Sight<'w> {
        let law = &world.law;
        let visible = law
            .records
            .iter()
            .map(|record| law.may(user, "view", record));
        Sight {
            world,
            user,
            visible: visible.collect(),
            everywhere: SHAPES
                .iter()
                .map(|shape| law.seen_everywhere(user, shape))
                .collect(),
        }
    }

    pub(super) fn who(&self) -> (&'w World, usize) {
        (self.world, self.user)
    }

    /// The positions of the records of an object that he sees.
    pub(super) fn of(&self, object: &str) -> Vec<usize> {
        let records = self.world.law.records.iter().enumerate();
        let seen = records.filter(|(at, record)| record.object == object && self.visible[*at]);
        seen.map(|(at, _)| at).collect()
    }

    /// How many records of an object there are.
    pub(super) fn number_of(&self, object: &str) -> usize {
        let records = self.world.law.records.iter();
        records.filter(|record| record.object == object).count()
    }

    pub(super) fn sees(&self, record: usize) -> bool {
        self.visible[record]
    }

    pub(super) fn shows(&self, record: usize, field: &str) -> bool {
        let record = &self.world.law.records[record];
        self.world.law.may_field(self.user, "view", record, field)
    }

    pub(super) fn sees_user(&self, user: usize) -> bool {
        let _ = user;
        let record = Record {
            object: "user",
            owner: None,
            participants: Vec::new(),
            fields: Fields::new(),
            parent: None,
        };
        self.world.law.may(self.user, "view", &record)
    }

    /// Whether records of an object could be seen at all.
    pub(super) fn could_see(&self, object: &str) -> bool {
        self.everywhere[place(object)].is_some()
    }

    pub(super) fn knows(&self, object: &str, field: &str) -> Known {
        let everywhere = &self.everywhere[place(object)];
        if self.of(object).iter().any(|at| !self.shows(*at, field)) {
            return Known::Not;
        }
        match everywhere {
            Some(fields) if fields.contains(&field) => Known::Everywhere,
            _ => Known::Here,
        }
    }

    /// Whether he may use all of some fields of an object.
    pub(super) fn knows_all(&self, object: &str, fields: &[&str]) -> Known {
        let known: Vec<Known> = fields
            .iter()
            .map(|field| self.knows(object, field))
            .collect();
        match (known.contains(&Known::Not), known.contains(&Known::Here)) {
            (true, _) => Known::Not,
            (_, true) => Known::Here,
            _ => Known::Everywhere,
        }
    }

    /// Whether a link of a record leads to something he sees.
    fn follows(&self, value: &Value) -> bool {
        match value {
            Value::User(user) => self.sees_user(*user),
            Value::Record(record) => self.visible[*record],
            _ => true,
        }
    }

    /// The fields of a record with a value, links to what he does not see left out.
    pub(super) fn fields(&self, record: usize) -> Fields {
        let mut fields = self.world.law.records[record].fields.clone();
        fields.retain(|_, value| self.follows(value));
        fields
    }

    /// A record as he should get it.
    fn record(&self, at: usize) -> Option<Json> {
        let record = &self.world.law.records[at];
        let fields = self.fields(at);
        let truth = self.world.truth[at].as_object()?;
        let told = truth.iter().filter(|(name, _)| self.shows(at, name));
        let told = told.map(|(name, value)| {
            let name: &str = name;
            let hidden = record.fields.contains_key(name) && !fields.contains_key(name);
            (
                name.to_owned(),
                if hidden { Json::Null } else { value.clone() },
            )
        });
        self.visible[at].then(|| Json::Object(told.collect::<Map<String, Json>>()))
    }
}

fn place(object: &str) -> usize {
    SHAPES
        .iter()
        .position(|shape| shape.name == object)
        .unwrap()
}

/// Compares everything that everybody can read.
pub(super) fn compare(world: &World, tally: &mut Tally) {
    for user in 0..world.law.users.len() {
        let session = world.session(user);
        let open = world.law.is_open(user);
        let who = (world, user);
        tally.decision(who, "login", || "login".into(), open, session.is_some());
        explained(world, user, tally);
        let Some(session) = session else { continue };
        let sight = Sight::new(world, user);
        got(&sight, &session, tally);
        past(&sight, &session, tally);
        changes(&sight, &session, tally);
        found(&sight, &session, tally);
        duplicates(&sight, &session, tally);
        around(&sight, &session, tally);
        funnel(&sight, &session, tally);
        queries::compare(&sight, &session, tally);
    }
}

/// Point decisions.
fn explained(world: &World, user: usize, tally: &mut Tally) {
    // Explanations are of rights, which do not come and go with the hour.
    if matches!(world.law.users[user].access, Access::NotYet | Access::Over) {
        return;
    }
    for (record, id) in world.law.records.iter().zip(&world.records) {
        for action in ACTIONS {
            let order = json!({"user": world.users[user], "action": action,
                "object": record.object, "id": id.get()});
            let told = call(&world.host, "explain", &order).unwrap();
            let law = world.law.may(user, action, record);
            let question = || format!("explain {order} of {record:?}");
            let engine = told["allowed"] == true;
            tally.decision((world, user), "explain", question, law, engine);
        }
        for field in shape(record.object).all() {
            let order = json!({"user": world.users[user], "action": "view",
                "object": record.object, "id": id.get(), "field": field});
            let told = call(&world.host, "explain", &order).unwrap();
            let law = world.law.may_field(user, "view", record, field);
            let question = || format!("explain {order} of {record:?}");
            let engine = told["allowed"] == true;
            tally.decision((world, user), "explain field", question, law, engine);
        }
    }
}

/// Records one by one, with exactly the fields there are to see.
fn got(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    for (at, record) in sight.world.law.records.iter().enumerate() {
        let id = sight.world.records[at];
        let law = sight.record(at);
        let engine = session.get(record.object, id).unwrap();
        let fields = shape(record.object).all().count();
        let seen = law.as_ref().and_then(Json::as_object).map_or(0, Map::len);
        let question = || format!("get {} {id}: {record:?}", record.object);
        let decisions = (1 + fields, seen + usize::from(law.is_some()));
        tally.answer(
            sight.who(),
            "get",
            question,
            decisions,
            (law.clone(), engine),
        );
        let read = session.read(record.object, id).unwrap();
        let engine = read.map(|read| read.to_json().unwrap());
        let question = || format!("read {} {id}: {record:?}", record.object);
        tally.answer(sight.who(), "read", question, decisions, (law, engine));
    }
}

/// Histories, and records as they were made.
fn past(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    for (at, record) in sight.world.law.records.iter().enumerate() {
        let id = sight.world.records[at];
        let told = session.history(record.object, id).unwrap();
        let question = || format!("history of {} {id}: {record:?}", record.object);
        tally.decision(
            sight.who(),
            "history",
            question,
            sight.sees(at),
            told.is_some(),
        );
        for change in told.iter().flat_map(|told| told.as_array().unwrap()) {
            let fields = change["fields"].as_object().unwrap();
            for field in fields.keys().filter(|field| !sight.shows(at, field)) {
                let what = format!("history of {} {id} tells of {field}", record.object);
                tally.wrong(sight.world, sight.user, "history", &what);
            }
        }
        let past = json!({"object": record.object, "id": id.get(), "version": 1});
        let then = call(session, "record.at", &past).unwrap();
        let law = sight.sees(at);
        tally.decision(sight.who(), "record.at", question, law, !then.is_null());
        for field in then.as_object().into_iter().flat_map(Map::keys) {
            if !sight.shows(at, field) {
                let what = format!("{} {id} at version 1 tells {field}", record.object);
                tally.wrong(sight.world, sight.user, "record.at", &what);
            }
        }
    }
}

/// The feed: a record he sees has changes there, another one has none.
fn changes(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    let mut told = BTreeSet::new();
    let mut after = 0;
    loop {
        let page = call(session, "changes", &json!({"after": after, "limit": 7})).unwrap();
        let changes = page["changes"].as_array().unwrap();
        told.extend(changes.iter().map(|change| change["id"].as_u64().unwrap()));
        after = page["next"].as_u64().unwrap();
        if page["more"] != true {
            break;
        }
    }
    for (at, id) in sight.world.records.iter().enumerate() {
        let question = || format!("feed of {id}: {:?}", sight.world.law.records[at]);
        let engine = told.contains(&id.get());
        tally.decision(sight.who(), "feed", question, sight.sees(at), engine);
    }
}

/// What a text or a phone number finds, by a field he knows.
fn found(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    let searches = [("thing", "title"), ("item", "title"), ("kind", "name")];
    let words = searches
        .into_iter()
        .flat_map(|place| WORDS.map(|word| ("search", place, word)));
    let phones = PHONES.map(|phone| ("find", ("thing", "phone"), phone));
    for (operation, (object, field), text) in words.chain(phones) {
        let order = json!({"text": text, "objects": [object]});
        let engine = match call(session, operation, &order) {
            Ok(told) => told,
            // Of what he could never see he is told as of what does not exist.
            Err(_) => json!([]),
        };
        let hits = engine.get("hits").unwrap_or(&engine).as_array().unwrap();
        let engine: BTreeSet<u64> = hits.iter().map(|hit| hit["id"].as_u64().unwrap()).collect();
        let fits = |at: &usize| {
            let value = sight.world.law.records[*at].fields.get(field);
            value == Some(&Value::Text(text.to_owned()))
        };
        let of = sight.of(object);
        let law = ids(sight.world, of.into_iter().filter(fits));
        let question = || format!("{operation} {order}");
        let known = sight.knows(object, field);
        meet(
            sight,
            tally,
            (operation, object),
            question,
            (known, law),
            engine,
        );
    }
}

fn ids(world: &World, records: impl Iterator<Item = usize>) -> BTreeSet<u64> {
    records.map(|at| world.records[at].get()).collect()
}

/// Compares the records found by a field with those that have what was looked for.
fn meet(
    sight: &Sight<'_>,
    tally: &mut Tally,
    (kind, object): (&'static str, &str),
    question: impl FnOnce() -> String,
    (known, law): (Known, BTreeSet<u64>),
    engine: BTreeSet<u64>,
) {
    let law = match known {
        Known::Everywhere => law,
        Known::Here if engine.is_empty() => engine.clone(),
        Known::Here => law,
        Known::Not => BTreeSet::new(),
    };
    let decisions = (sight.number_of(object), law.len());
    tally.answer(sight.who(), kind, question, decisions, (law, engine));
}

/// Likely duplicates of values he may compare.
fn duplicates(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    for phone in PHONES {
        let order = json!({"object": "thing", "fields": {"phone": phone}});
        let engine = match call(session, "duplicates", &order) {
            Ok(told) => told["matches"].as_array().unwrap().clone(),
            Err(error) => {
                let quiet = [Code::Denied, Code::UnknownField, Code::UnknownObject];
                assert!(quiet.contains(&error.code()), "{order}: {error}");
                Vec::new()
            }
        };
        let engine = engine.iter().map(|found| found["id"].as_u64().unwrap());
        let fits = |at: &usize| {
            let value = sight.world.law.records[*at].fields.get("phone");
            value == Some(&Value::Text(phone.to_owned()))
        };
        let law = ids(sight.world, sight.of("thing").into_iter().filter(fits));
        let known = sight.knows("thing", "phone");
        let question = || format!("duplicates {order}");
        let engine: BTreeSet<u64> = engine.collect();
        meet(
            sight,
            tally,
            ("duplicates", "thing"),
            question,
            (known, law),
            engine,
        );
    }
}

/// Cards and timelines.
fn around(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    let world = sight.world;
    for (at, record) in world.law.records.iter().enumerate() {
        let id = world.records[at];
        let card = session.card(&CardRequest::new(record.object, id)).unwrap();
        let question = || format!("card of {} {id}: {record:?}", record.object);
        tally.decision(
            sight.who(),
            "card",
            question,
            sight.sees(at),
            card.is_some(),
        );
        let Some(card) = card else { continue };
        let card = serde_json::to_value(&card).unwrap();
        for section in card["sections"].as_array().unwrap() {
            for field in section["fields"].as_array().unwrap() {
                let name = field["name"].as_str().unwrap();
                let told = &field["value"];
                let law = sight.record(at).and_then(|law| law.get(name).cloned());
                let question = || format!("card of {} {id}: {name}", record.object);
                let law = (law, told.clone());
                tally.answer(sight.who(), "card", question, (1, 1), (law.0, Some(law.1)));
            }
        }
        let request = TimelineRequest {
            limit: Some(1_000),
            ..TimelineRequest::new(record.object, id)
        };
        let page = session.timeline(&request).unwrap().unwrap();
        let events = page.entries.iter();
        let events = events.filter(|entry| entry.kind == EntryKind::Event);
        let engine: BTreeSet<u64> = events.map(|entry| entry.id.get()).collect();
        let here = |item: &usize| {
            let link = world.law.records[*item].fields.get("thing");
            link == Some(&Value::Record(at)) && sight.shows(*item, "thing")
        };
        let law = ids(world, sight.of("item").into_iter().filter(here));
        if sight.knows("item", "thing") != Known::Everywhere && engine.is_subset(&law) {
            continue;
        }
        let question = || format!("timeline of {} {id}", record.object);
        let decisions = (engine.len(), law.len().min(engine.len()));
        tally.answer(sight.who(), "timeline", question, decisions, (law, engine));
    }
}

/// The funnel counts and sums what he sees.
fn funnel(sight: &Sight<'_>, session: &Session, tally: &mut Tally) {
    let told = call(session, "report.funnel", &json!({"object": "thing"}));
    let (stage, size) = (sight.knows("thing", "stage"), sight.knows("thing", "size"));
    let Ok(told) = told else {
        let question = || "funnel".into();
        let known = stage == Known::Everywhere && sight.could_see("thing");
        return tally.decision(sight.who(), "funnel", question, known, false);
    };
    if stage == Known::Not {
        tally.wrong(sight.world, sight.user, "funnel", "tells of hidden stages");
    }
    let things = sight.of("thing");
    for row in told["stages"].as_array().unwrap() {
        let name = row["stage"].as_str().unwrap().to_owned();
        let fields = |at: &usize| &sight.world.law.records[*at].fields;
        let wanted = Value::Text(name.clone());
        let on = things
            .iter()
            .filter(|at| fields(at).get("stage") == Some(&wanted));
        let sizes = on.clone().filter_map(|at| match fields(at).get("size") {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        });
        let count = (on.count() as u64, row["count"].as_u64().unwrap());
        let question = || format!("funnel at {name}");
        let decisions = (things.len(), count.0 as usize);
        tally.answer(sight.who(), "funnel", question, decisions, count);
        let sum: i64 = sizes.sum();
        let told = row["sums"].as_object().unwrap();
        let told = told.get("").and_then(|sum| sum.as_str()?.parse().ok());
        let question = || format!("funnel: sum at {name}: {row}");
        let law = match size {
            Known::Not => 0,
            Known::Here if told.is_none() => 0,
            _ => sum,
        };
        tally.answer(
            sight.who(),
            "funnel",
            question,
            (1, 1),
            (law, told.unwrap_or(0)),
        );
    }
}

/// The fields whose order and groups are compared.
pub(super) fn sorted_fields(shape: &Shape) -> Vec<&'static str> {
    let links = ["kind", "helper", "thing", "participants"];
    let fields = shape.all().filter(|field| !links.contains(field));
    fields.collect()
}
