//! Random stories: what they were can be read again, and every step of them can be taken back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::world::{Image, OBJECTS, World, stripped, user};
use crate::ids::{RecordId, Version};
use crate::{Merge, Moment, RevertUser, Session};

/// One step: what is done, by whom, to what. Records are named by their places among those ever
/// made; what makes no sense is refused.
#[derive(Debug, Clone, Copy)]
struct Step {
    deed: u8,
    actor: u8,
    one: usize,
    two: usize,
    value: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (0..12u8, 0..3u8, 0..12usize, 0..12usize, 0..6u8).prop_map(|(deed, actor, one, two, value)| {
        Step {
            deed,
            actor,
            one,
            two,
            value,
        }
    })
}

/// A story under way.
struct Telling {
    world: World,
    /// Every record ever made.
    made: Vec<(&'static str, RecordId)>,
    /// How everything stood at some moments.
    seen: Vec<(DateTime<Utc>, Image)>,
}

impl Telling {
    fn new() -> Telling {
        Telling {
            world: World::new(),
            made: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn record(&self, at: usize) -> (&'static str, RecordId) {
        match self.made.len() {
            0 => ("thing", RecordId::new(1).unwrap()),
            made => self.made[at % made],
        }
    }

    fn thing(&self, at: usize) -> RecordId {
        let things = self.made.iter().filter(|(object, _)| *object == "thing");
        let things: Vec<RecordId> = things.map(|(_, id)| *id).collect();
        match things.len() {
            0 => RecordId::new(1).unwrap(),
            made => things[at % made],
        }
    }

    fn fields(&self, object: &str, step: Step) -> Json {
        let value = step.value;
        let thing = self.thing(step.two).get();
        match (object, value) {
            ("thing", 0) => json!({"name": "n", "up": thing}),
            ("thing", 1) => json!({"code": format!("c{}", step.one % 3), "size": 1}),
            ("thing", 2) => json!({"state": "done", "size": step.one}),
            ("thing", 3) => {
                json!({"phone": format!("+7495{:07}", step.one), "words": [step.two.to_string()]})
            }
            ("thing", 4) => json!({"name": format!("n{}", step.one), "size": null, "note": "x"}),
            ("thing", _) => {
                json!({"owner": user([&self.world.anna, &self.world.ivo][step.one % 2])})
            }
            ("item", 0..3) => json!({"title": format!("t{}", step.one), "thing": thing}),
            ("item", _) => json!({"title": "t", "amount": format!("{} EUR", step.one)}),
            ("thing_phone", _) => {
                json!({"thing": thing, "phone": format!("8916{:07}", step.one % 4)})
            }
            _ => {
                let item = self.made.iter().rev().find(|(object, _)| *object == "item");
                json!({"thing": thing, "item": item.map(|(_, id)| id.get())})
            }
        }
    }

    /// Whether something was done.
    fn tell(&mut self, step: Step) -> bool {
        let world = &self.world;
        let at = world.tick();
        let who = match step.actor {
            0 => &world.host,
            1 => &world.anna,
            _ => &world.ivo,
        };
        let (object, id) = self.record(step.one);
        let before = world.last();
        match step.deed {
            0..4 => {
                let object = OBJECTS[step.one % OBJECTS.len()];
                let mut fields = self.fields(object, step);
                if object == "thing" && fields["name"].is_null() {
                    fields["name"] = "new".into();
                }
                if let Ok(id) = who.create(object, &fields) {
                    self.made.push((object, id));
                }
            }
            4..7 => drop(who.update(object, id, &self.fields(object, step), None)),
            7 => drop(who.delete(object, id, None)),
            8 => self.merge(who, step),
            9 => {
                let moment = Moment::Version(Version(1 + u64::from(step.value)));
                drop(who.revert_record(object, id, moment));
            }
            10 => {
                let back = u64::from(step.value);
                drop(who.undo(crate::Sequence(before.0.saturating_sub(back))));
            }
            _ => self.revert_user(at, step),
        }
        self.find_made();
        self.seen.push((at, self.world.image()));
        self.world.last() != before
    }

    fn merge(&self, who: &Session, step: Step) {
        let from = [self.thing(step.two), self.thing(step.two + 1)];
        let from = &from[..1 + usize::from(step.value % 2)];
        let mut merge = Merge::new("thing", self.thing(step.one), from.iter().copied());
        if step.value > 3 {
            merge.fields.insert("name".to_owned(), "chosen".into());
        }
        drop(who.merge(&merge));
    }

    /// Takes back what Anna did in the last seconds; what she never touched stays as it was.
    fn revert_user(&self, now: DateTime<Utc>, step: Step) {
        let world = &self.world;
        // What the engine counts follows from the records that are counted.
        let image = || {
            let mut image = world.image();
            for record in image.values_mut() {
                record.as_object_mut().unwrap().remove("items");
            }
            image
        };
        let before = image();
        let request = RevertUser {
            user: user(&world.anna),
            from: now - chrono::TimeDelta::seconds(1 + step.one as i64),
            to: now,
            objects: None,
            check: step.value == 0,
        };
        let report = world.host.revert_user(&request, &mut |_| true).unwrap();
        let after = image();
        let mut touched = BTreeSet::new();
        for (object, id) in &self.made {
            let history = world.host.history(object, *id).unwrap().unwrap();
            let anna = json!(user(&world.anna));
            let hers = |change: &Json| change["actor"] == anna && change["absorbed"].is_null();
            if history.as_array().unwrap().iter().any(hers) {
                touched.insert(((*object).to_owned(), id.get()));
            }
        }
        for key in before.keys().chain(after.keys()) {
            // Details follow the owner of their parent.
            if before.get(key) != after.get(key) && key.0 != "thing_phone" {
                assert!(
                    touched.contains(key) && !request.check,
                    "{key:?} {report:?}"
                );
            }
        }
    }

    /// Merges make details by themselves.
    fn find_made(&mut self) {
        for (object, id) in self.world.image().keys() {
            let object = OBJECTS.iter().find(|name| *name == object).unwrap();
            let record = (*object, RecordId::new(*id).unwrap());
            if !self.made.contains(&record) {
                self.made.push(record);
            }
        }
    }

    /// Everything stood at each moment as it was seen then, and its history leads to the present.
    fn assert_replayed(&self) {
        for (object, id) in &self.made {
            let key = ((*object).to_owned(), id.get());
            for (at, image) in &self.seen {
                let then = self.world.host.as_of(object, *id, *at).unwrap();
                assert_eq!(then.map(stripped).as_ref(), image.get(&key), "{key:?} {at}");
            }
            let Some(now) = self.world.host.get(object, *id).unwrap() else {
                continue;
            };
            let version = Version(now["version"].as_u64().unwrap());
            let played = self.world.host.at_version(object, *id, version).unwrap();
            assert_eq!(played, Some(now));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the last transaction did, taking it back gives the store before it: records by
    /// their fields and owners.
    #[test]
    fn every_step_can_be_taken_back(
        steps in proptest::collection::vec((step(), any::<bool>()), 1..30),
    ) {
        let mut telling = Telling::new();
        for (step, returns) in steps {
            let before = telling.world.image();
            let position = telling.world.last();
            // What is done in several transactions is not taken back as one.
            if !telling.tell(step) || !returns || telling.world.transactions_after(position) != 1 {
                continue;
            }
            telling.world.tick();
            let done = telling.world.last();
            telling.world.host.undo(done).unwrap();
            prop_assert_eq!(telling.world.image(), before);
            telling.find_made();
        }
        telling.assert_replayed();
        telling.world.assert_sound();
    }

    /// Merges of things with all that hangs on them, taken back one after the other.
    #[test]
    fn merges_are_taken_back(
        steps in proptest::collection::vec((0..7u8, 0..12usize, 0..12usize, 0..5u8), 4..24),
        merges in proptest::collection::vec((0..12usize, 0..12usize, 0..6u8), 1..4),
    ) {
        take_merges_back(&steps, &merges);
    }
}

/// A detail that the first merge made goes with the second, and comes back with its undo: taking
/// the first one back then finds it as it had made it.
#[test]
fn what_was_taken_back_counts_as_unchanged() {
    let steps = [
        (0, 4, 0, 1),
        (0, 0, 0, 0),
        (0, 4, 0, 2),
        (0, 8, 0, 3),
        (0, 4, 0, 3),
    ];
    take_merges_back(&steps, &[(8, 4, 0), (5, 3, 2)]);
}

/// Deed, records and value of each step; records and value of each merge.
fn take_merges_back(steps: &[(u8, usize, usize, u8)], merges: &[(usize, usize, u8)]) {
    let mut telling = Telling::new();
    let step = |deed, one, two, value| Step {
        deed,
        actor: 0,
        one,
        two,
        value,
    };
    for (deed, one, two, value) in steps {
        telling.tell(step(*deed, *one, *two, *value));
    }
    let mut positions = Vec::new();
    for (one, two, value) in merges {
        let before = telling.world.image();
        if telling.tell(step(8, *one, *two, *value)) {
            positions.push((telling.world.last(), before));
        }
    }
    for (position, before) in positions.into_iter().rev() {
        telling.world.tick();
        telling.world.host.undo(position).unwrap();
        assert_eq!(telling.world.image(), before);
    }
    telling.find_made();
    telling.assert_replayed();
    telling.world.assert_sound();
}
