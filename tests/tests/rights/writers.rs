//! Every way of changing records, compared with the law: each change is tried and given up.

use crm_engine::{Code, Error, RecordId, Result, Session};
use serde_json::{Value as Json, json};

use super::compare::{Tally, call, rehearse};
use super::generate::Dice;
use super::law::{Access, Record, Value};
use super::readers::{Known, Sight};
use super::shapes::{SHAPES, shape};
use super::world::{World, create, update};

/// Compares everything that everybody can change.
pub(super) fn compare(world: &World, tally: &mut Tally) {
    for user in 0..world.law.users.len() {
        let Some(session) = world.session(user) else {
            continue;
        };
        let writer = Writer {
            sight: &Sight::new(world, user),
            session: &session,
        };
        let dice = &mut Dice(user as u64);
        for record in 0..world.law.records.len() {
            writer.edits(record, dice, tally);
            writer.deletes(record, tally);
            writer.hands_over(record, dice, tally);
            writer.shares(record, dice, tally);
            writer.adds_details(record, tally);
        }
        writer.creates(tally);
        writer.changes_many(tally);
    }
}

struct Writer<'w> {
    sight: &'w Sight<'w>,
    session: &'w Session,
}

/// What becomes of a change by the law; open where the law leaves it to the engine.
type Verdict = Option<bool>;

impl Writer<'_> {
    fn world(&self) -> &World {
        self.sight.world
    }

    fn may(&self, action: &str, record: &Record) -> bool {
        self.world().law.may(self.sight.user, action, record)
    }

    fn may_field(&self, action: &str, record: &Record, field: &str) -> bool {
        let law = &self.world().law;
        law.may_field(self.sight.user, action, record, field)
    }

    /// Tries a change and compares what becomes of it.
    fn tries(
        &self,
        tally: &mut Tally,
        kind: &'static str,
        question: String,
        verdict: Verdict,
        change: impl FnMut(&mut crm_engine::Door<'_>) -> Result<()>,
    ) {
        let outcome = rehearse(self.session, change);
        let refusals = [
            Code::Denied,
            Code::NotFound,
            Code::UnknownField,
            Code::BadReference,
        ];
        if let Err(error) = &outcome
            && !refusals.contains(&error.code())
        {
            let what = format!("{question}: {error}");
            return tally.wrong(self.world(), self.sight.user, "refusal", &what);
        }
        let told = outcome.as_ref().err().map(Error::to_string);
        let question = || format!("{question}: {told:?}");
        let engine = outcome.is_ok();
        let (kind, law) = match verdict {
            Some(law) => (kind, law),
            None => ("left open", engine),
        };
        tally.decision(self.sight.who(), kind, question, law, engine);
    }

    /// A value of the field that it does not have.
    fn other(&self, record: &Record, field: &str, dice: &mut Dice) -> Option<Value> {
        let world = self.world();
        let value = match field {
            "size" | "count" | "rank" => Value::Number(77),
            "stage" => Value::Text(dice.pick(&["new", "won", "lost"]).to_owned()),
            "state" => Value::Text(dice.pick(&["open", "done"]).to_owned()),
            "phone" => Value::Text("+74951234567".to_owned()),
            "kind" => Value::Record(dice.below(3)),
            "helper" => Value::User(dice.below(world.law.users.len())),
            "thing" => {
                let things = world.law.records.iter().enumerate();
                let things = things.filter(|(_, record)| record.object == "thing");
                Value::Record(dice.pick(&things.map(|(at, _)| at).collect::<Vec<_>>()))
            }
            _ => Value::Text("brap".to_owned()),
        };
        (record.fields.get(field) != Some(&value)).then_some(value)
    }

    fn names(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::User(user)) => self.sight.sees_user(*user),
            Some(Value::Record(record)) => self.sight.sees(*record),
            _ => true,
        }
    }

    /// A change of each field, to another value and to none.
    fn edits(&self, at: usize, dice: &mut Dice, tally: &mut Tally) {
        let record = &self.world().law.records[at];
        let id = self.world().records[at];
        let shape = shape(record.object);
        for field in shape.fields {
            // Details stay where they are: that is another question.
            let fixed = shape.parent.is_some_and(|(_, link)| link == *field);
            let required = ["title", "name", "label"].contains(field);
            let old = record.fields.get(field);
            let mut values: Vec<Option<Value>> = Vec::new();
            values.extend(self.other(record, field, dice).filter(|_| !fixed).map(Some));
            values.extend((old.is_some() && !required && !fixed).then_some(None));
            for value in values {
                // Emptying a link one does not see changes nothing.
                let unseen = value.is_none() && !self.names(old);
                let first = old.is_none() && value.is_some();
                let may = self.may_field("edit", record, field)
                    || (first && self.may_field("fill", record, field));
                let seen = self.sight.sees(at) && self.sight.shows(at, field);
                let law = seen && (unseen || (may && self.names(value.as_ref())));
                let json = value.as_ref().map_or(Json::Null, |v| self.world().json(v));
                let fields = json!({ *field: json });
                let question = format!("change {} {id} {fields} of {record:?}", record.object);
                self.tries(tally, "edit", question, Some(law), |door| {
                    update(door, record.object, id.get(), &fields)
                });
            }
        }
    }

    fn deletes(&self, at: usize, tally: &mut Tally) {
        let record = &self.world().law.records[at];
        let id = self.world().records[at];
        let law = self.sight.sees(at) && self.may("delete", record);
        let question = format!("delete {} {id}: {record:?}", record.object);
        self.tries(tally, "delete", question, Some(law), |door| {
            let object = door.schema().object(record.object)?.clone();
            door.delete(&object, id, None)
        });
    }

    /// Whether a user may be named as owner: himself, and whom he sees, while the access is open.
    fn may_name(&self, owner: usize) -> bool {
        let open = self.world().law.users[owner].access != Access::Closed;
        open && (owner == self.sight.user || self.sight.sees_user(owner))
    }

    /// A new owner: himself, another one, nobody.
    fn hands_over(&self, at: usize, dice: &mut Dice, tally: &mut Tally) {
        let record = &self.world().law.records[at];
        let id = self.world().records[at];
        let shape = shape(record.object);
        if !shape.owned || shape.parent.is_some() {
            return;
        }
        let other = dice.below(self.world().law.users.len());
        for owner in [Some(self.sight.user), Some(other), None] {
            if owner == record.owner {
                continue;
            }
            let mut new = record.clone();
            new.owner = owner;
            // Whoever owns it needs not be a participant too.
            new.participants.retain(|user| Some(*user) != owner);
            let may = match shape.planned {
                true => self.may("assign", record) && self.may("assign", &new),
                false => self.may("transfer", record) && self.may("transfer", &new),
            };
            let seen = self.sight.sees(at) && self.sight.shows(at, "owner");
            let law = seen && may && owner.is_none_or(|owner| self.may_name(owner));
            let fields = json!({"owner": owner.map(|owner| self.world().users[owner])});
            let question = format!("hand over {} {id} {fields} of {record:?}", record.object);
            self.tries(tally, "transfer", question, Some(law), |door| {
                update(door, record.object, id.get(), &fields)
            });
        }
    }

    /// One more participant.
    fn shares(&self, at: usize, dice: &mut Dice, tally: &mut Tally) {
        let record = &self.world().law.records[at];
        let id = self.world().records[at];
        let shape = shape(record.object);
        let user = dice.below(self.world().law.users.len());
        let known = record.participants.contains(&user) || record.owner == Some(user);
        if !shape.owned || shape.parent.is_some() || known {
            return;
        }
        let named = user == self.sight.user || self.sight.sees_user(user);
        let seen = self.sight.sees(at) && self.sight.shows(at, "participants");
        let law = seen && self.may("share", record) && named;
        let users = record.participants.iter().chain([&user]);
        let users: Vec<u64> = users.map(|user| self.world().users[*user]).collect();
        let fields = json!({ "participants": users });
        let question = format!("share {} {id} {fields} of {record:?}", record.object);
        // Old participants he does not see stand in the way of naming them anew.
        let all = record.participants.iter();
        let all = all
            .copied()
            .all(|user| user == self.sight.user || self.sight.sees_user(user));
        let verdict = (all || !law).then_some(law);
        self.tries(tally, "share", question, verdict, |door| {
            update(door, record.object, id.get(), &fields)
        });
    }

    fn adds_details(&self, at: usize, tally: &mut Tally) {
        let parent = &self.world().law.records[at];
        if parent.object != "thing" {
            return;
        }
        let id = self.world().records[at];
        let mut new = parent.clone();
        (new.object, new.parent) = ("part", Some(at));
        let may = self.may("create", &new);
        let shown = ["thing", "label"];
        let knows = self.sight.knows_all("part", &shown) == Known::Everywhere;
        let law = self.sight.sees(at) && may;
        let verdict = (knows || !law).then_some(law);
        let fields = json!({"thing": id.get(), "label": "brap"});
        let question = format!("add a part to {id}: {parent:?}");
        self.tries(tally, "detail", question, verdict, |door| {
            create(door, "part", &fields).map(drop)
        });
    }

    /// A new record of each object, for everybody.
    fn creates(&self, tally: &mut Tally) {
        for shape in SHAPES.iter().filter(|shape| shape.parent.is_none()) {
            let title = shape.fields[0];
            let owners = (0..self.world().law.users.len()).map(Some);
            let owners = owners.filter(|_| shape.owned).chain([None]);
            for owner in owners {
                let mut new = Record {
                    object: shape.name,
                    owner,
                    participants: Vec::new(),
                    fields: [(title, Value::Text("brap".to_owned()))].into(),
                    parent: None,
                };
                let mut law = match shape.planned && owner != Some(self.sight.user) {
                    true => {
                        let assigns = self.may("assign", &new);
                        new.owner = Some(self.sight.user);
                        assigns && self.may("create", &new)
                    }
                    false => self.may("create", &new),
                };
                law = law && owner.is_none_or(|owner| self.may_name(owner));
                let mut fields = json!({ title: "brap" });
                let mut knows = self.sight.knows(shape.name, title) == Known::Everywhere;
                if shape.owned && owner != Some(self.sight.user) {
                    fields["owner"] = json!(owner.map(|owner| self.world().users[owner]));
                    knows &= self.sight.knows(shape.name, "owner") == Known::Everywhere;
                }
                let verdict = (knows || !law).then_some(law);
                let question = format!("create {} {fields}", shape.name);
                self.tries(tally, "create", question, verdict, |door| {
                    create(door, shape.name, &fields).map(drop)
                });
            }
        }
    }

    /// The same change of all records he sees, as a rehearsal.
    fn changes_many(&self, tally: &mut Tally) {
        for (object, field) in [("thing", "size"), ("item", "size"), ("kind", "rank")] {
            let world = self.world();
            let records = world.law.records.iter().enumerate();
            let records = records.filter(|(_, record)| record.object == object);
            let records: Vec<(usize, &Record)> = records.collect();
            let ids = records.iter().map(|(at, _)| world.records[*at]);
            let ids: Vec<u64> = ids.map(RecordId::get).collect();
            let job = json!({"object": object, "ids": ids, "set": { field: 77 }, "check": true});
            let may = |(at, record): &&(usize, &Record)| {
                let first = !record.fields.contains_key(field);
                self.sight.sees(*at)
                    && self.sight.shows(*at, field)
                    && self.may("bulk", record)
                    && (self.may_field("edit", record, field)
                        || (first && self.may_field("fill", record, field)))
            };
            let law = records.iter().filter(may).count();
            let told = call(self.session, "bulk.update", &job);
            let changed = told.as_ref().map(|told| told["changed"].as_u64().unwrap());
            let engine = usize::try_from(changed.unwrap_or(0)).unwrap();
            let question = || format!("bulk {job}: {told:?}");
            let decisions = (records.len(), law);
            let known = self.sight.knows(object, field);
            if known != Known::Everywhere && engine <= law {
                continue;
            }
            tally.answer(self.sight.who(), "bulk", question, decisions, (law, engine));
        }
    }
}
