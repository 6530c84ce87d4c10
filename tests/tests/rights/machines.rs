//! What changes or reads many records at once, compared with the law: files in and out, hand-overs,
//! and the review of rights.

use std::collections::{BTreeMap, BTreeSet};

use crm_engine::{Code, Session};
use serde_json::{Value as Json, json};

use super::compare::{Tally, call};
use super::generate::{Dice, readable_rule};
use super::law::{Access, Record, Value};
use super::readers::{Known, Sight};
use super::shapes::{SHAPES, Shape};
use super::world::World;

/// Hand-overs in one organisation.
const HAND_OVERS: usize = 12;

/// Compares what everybody can take out and bring in.
pub(super) fn compare(world: &World, tally: &mut Tally) {
    for user in 0..world.law.users.len() {
        held(world, user, tally);
        let Some(session) = world.session(user) else {
            continue;
        };
        let sight = Sight::new(world, user);
        for shape in &SHAPES {
            taken_out(&sight, &session, shape, tally);
            brought_in(&sight, &session, shape, tally);
        }
    }
}

/// The records in a file are those he may both see and export, field by field.
fn taken_out(sight: &Sight<'_>, session: &Session, shape: &Shape, tally: &mut Tally) {
    let (world, user) = sight.who();
    let law = &world.law;
    let out: Vec<usize> = sight
        .of(shape.name)
        .into_iter()
        .filter(|at| law.may(user, "export", &law.records[*at]))
        .collect();
    let shown = |at: &usize, field: &str| {
        let record = &law.records[*at];
        sight.shows(*at, field) && law.may_field(user, "export", record, field)
    };
    for field in shape.fields {
        let sql = format!("SELECT id, {field} FROM {} ORDER BY id", shape.name);
        let told = call(session, "export", &json!({ "sql": sql }));
        let question = || format!("{sql}: {told:?}");
        let Ok(told) = &told else {
            // Where all of it may go out, it does; what is hidden on one record is unknown to files.
            let hidden = out.iter().any(|at| !shown(at, field));
            let nothing = hidden || sight.knows(shape.name, field) != Known::Everywhere;
            let code = told.as_ref().unwrap_err().code();
            assert!(matches!(code, Code::Denied | Code::UnknownField), "{sql}");
            if out.is_empty() || nothing || code == Code::UnknownField {
                continue;
            }
            tally.wrong(world, user, "export", &question());
            continue;
        };
        let lines = told["text"].as_str().unwrap().lines().skip(1);
        let engine: BTreeSet<u64> = lines
            .filter_map(|line| line.split(',').next()?.parse().ok())
            .collect();
        let ids: BTreeSet<u64> = out.iter().map(|at| world.records[*at].get()).collect();
        if let Some(at) = out.iter().find(|at| !shown(at, field)) {
            let what = format!("{sql} takes out {field} of {}", world.records[*at]);
            tally.wrong(world, user, "export", &what);
        }
        let decisions = (sight.number_of(shape.name), ids.len());
        tally.answer((world, user), "export", question, decisions, (ids, engine));
    }
}

/// The rows of a file that become records are those he may import.
fn brought_in(sight: &Sight<'_>, session: &Session, shape: &Shape, tally: &mut Tally) {
    let (world, user) = sight.who();
    let (law, title) = (&world.law, shape.fields[0]);
    if shape.parent.is_some() || !shape.owned || shape.planned {
        return;
    }
    if [title, "owner"]
        .iter()
        .any(|field| sight.knows(shape.name, field) != Known::Everywhere)
    {
        return;
    }
    for owner in 0..law.users.len() {
        let text = format!("{title},owner\nbrap,{}\n", world.users[owner]);
        let job = json!({"object": shape.name, "text": text, "check": true,
            "columns": { title: title, "owner": "owner" }});
        let told = call(session, "import.csv", &job);
        let new = Record {
            object: shape.name,
            owner: Some(owner),
            participants: Vec::new(),
            fields: [(title, Value::Text("brap".to_owned()))].into(),
            parent: None,
        };
        let open = law.users[owner].access != Access::Closed;
        let named = open && (owner == user || sight.sees_users());
        let may = law.may(user, "import", &new) && law.may(user, "create", &new) && named;
        let engine = match &told {
            Ok(told) => told["rows_stored"] == 1,
            Err(error) => {
                assert_eq!(error.code(), Code::Denied, "{job}: {error}");
                false
            }
        };
        let question = || format!("import {job}: {told:?}");
        tally.decision((world, user), "import", question, may, engine);
    }
}

/// The rules that reach a user are those of the roles he holds.
fn held(world: &World, user: usize, tally: &mut Tally) {
    let law = &world.law;
    if !law.is_open(user) {
        return;
    }
    let order = json!({"user": world.users[user]});
    let told = call(&world.host, "effective_rights", &order).unwrap();
    let told = &told["users"][0];
    if told["is_admin"] == true {
        return;
    }
    let named = told["rules"].as_array().unwrap().iter();
    let named: BTreeSet<u64> = named.map(|rule| rule["grant"].as_u64().unwrap()).collect();
    for (rule, id) in law.rules.iter().zip(&world.rules) {
        // A rule that can say nothing to anybody may be left out or told.
        if law.could_reach(user, rule).is_none() {
            continue;
        }
        let may = law.could_reach(user, rule) == Some(true);
        let question = || format!("effective rights of u{user}: {rule:?}");
        let engine = named.contains(id);
        tally.decision((world, user), "effective_rights", question, may, engine);
    }
}

/// What one more rule would give and take is what it gives and takes.
pub(super) fn foretold(world: &mut World, dice: &mut Dice, tally: &mut Tally) {
    let rule = readable_rule(&world.law, dice);
    let objects: Vec<&str> = SHAPES
        .iter()
        .filter(|shape| shape.parent.is_none())
        .map(|shape| shape.name)
        .collect();
    let actions = ["view", "edit"];
    let order = json!({
        "changes": [{"create": "grant", "fields": world.rule_json(&rule)}],
        "actions": actions, "objects": objects,
    });
    let told = call(&world.host, "what_if", &order).unwrap();
    let before = decided(world, &objects, &actions);
    world.add_rule(rule);
    let after = decided(world, &objects, &actions);
    for ((user, object, action), now) in &after {
        let was = &before[&(*user, *object, *action)];
        let gains = now.difference(was).count() as u64;
        let loses = was.difference(now).count() as u64;
        let about = |row: &&Json| {
            row["user"] == json!(world.users[*user])
                && row["object"] == *object
                && row["action"] == *action
        };
        let row = told["affected"].as_array().unwrap().iter().find(about);
        let engine = row.map_or((0, 0), |row| {
            (
                row["gains"].as_u64().unwrap(),
                row["loses"].as_u64().unwrap(),
            )
        });
        let question = || format!("what_if {order}: {action} {object} of u{user}: {row:?}");
        let records = world.law.records.iter();
        let records = records.filter(|record| record.object == *object).count();
        let decisions = (records, now.len());
        let law = (gains, loses);
        tally.answer(
            (world, *user),
            "what_if",
            question,
            decisions,
            (law, engine),
        );
    }
}

type Decided<'o> = BTreeMap<(usize, &'o str, &'o str), BTreeSet<usize>>;

/// The records to which everybody may do something.
fn decided<'o>(world: &World, objects: &[&'o str], actions: &[&'o str]) -> Decided<'o> {
    let law = &world.law;
    let mut decided = Decided::new();
    for user in (0..law.users.len()).filter(|user| law.is_open(*user)) {
        for object in objects {
            for action in actions {
                let records = law.records.iter().enumerate();
                let may = records.filter(|(_, record)| {
                    record.object == *object && law.may(user, action, record)
                });
                let may = may.map(|(at, _)| at).collect();
                decided.insert((user, *object, *action), may);
            }
        }
    }
    decided
}

/// Hands over what one user has to another, again and again, and follows it in the law.
pub(super) fn handed_over(world: &mut World, dice: &mut Dice, tally: &mut Tally) {
    let users = world.law.users.len();
    for _ in 0..HAND_OVERS {
        let (user, from, to) = (dice.below(users), dice.below(users), dice.below(users));
        let Some(session) = world.session(user).filter(|_| from != to) else {
            continue;
        };
        let (found, moved) = movable(world, user, from, to);
        let order = json!({"from": world.users[from], "to": world.users[to],
            "objects": ["thing", "item"]});
        let told = call(&session, "transfer", &order);
        let sees_users = Sight::new(world, user).sees_users();
        let named = |named: usize| named == user || sees_users;
        let open = world.law.users[to].access != Access::Closed;
        let taken = moved.is_empty() || (named(to) && open);
        let refused = !(named(from) && taken);
        let question = || format!("transfer {order}: {told:?}");
        let engine = told.as_ref().ok().map(|told| {
            let count = |name: &str| told[name].as_u64().unwrap();
            (count("matched"), count("changed"))
        });
        let law = (!refused).then_some((found as u64, moved.len() as u64));
        let decisions = (found.max(1), moved.len());
        tally.answer(
            (world, user),
            "hand-over",
            question,
            decisions,
            (law, engine),
        );
        for at in moved.iter().filter(|_| law.is_some()) {
            let record = &mut world.law.records[*at];
            record.owner = Some(to);
            record.participants.retain(|user| *user != to);
        }
        details_follow(world);
        owners_are_as_told(world, user, tally);
    }
    world.learn();
}

/// How many records one finds with another, and those he may hand over.
fn movable(world: &World, user: usize, from: usize, to: usize) -> (usize, Vec<usize>) {
    let law = &world.law;
    let seen = law.records.iter().enumerate().filter(|(_, record)| {
        ["thing", "item"].contains(&record.object)
            && record.owner == Some(from)
            && law.may(user, "view", record)
    });
    let seen: Vec<(usize, &Record)> = seen.collect();
    let may = |(_, record): &&(usize, &Record)| {
        let mut new = (*record).clone();
        new.owner = Some(to);
        new.participants.retain(|user| *user != to);
        let action = match record.object {
            "item" => "assign",
            _ => "transfer",
        };
        law.may(user, action, record) && law.may(user, action, &new)
    };
    let moved = seen.iter().filter(may).map(|(at, _)| *at).collect();
    (seen.len(), moved)
}

/// A detail stands where its parent stands.
fn details_follow(world: &mut World) {
    for at in 0..world.law.records.len() {
        if let Some(parent) = world.law.records[at].parent {
            let parent = world.law.records[parent].clone();
            let detail = &mut world.law.records[at];
            (detail.owner, detail.participants) = (parent.owner, parent.participants);
        }
    }
}

/// Every record stands under the owner that the law gives it.
fn owners_are_as_told(world: &World, user: usize, tally: &mut Tally) {
    for (record, id) in world.law.records.iter().zip(&world.records) {
        let stands = world.host.get(record.object, *id).unwrap().unwrap();
        let owner = record.owner.map(|owner| world.users[owner]);
        let told = stands.get("owner").and_then(Json::as_u64);
        if told != owner.filter(|_| record.object != "kind") {
            let what = format!("{} {id} belongs to {told:?}, not {owner:?}", record.object);
            tally.wrong(world, user, "hand-over", &what);
        }
    }
}
