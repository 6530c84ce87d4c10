//! What must hold of rights, whatever they are.

use crm_engine::TimelineRequest;
use serde_json::{Value as Json, json};

use super::changes::{change, rewrite_department};
use super::compare::{Tally, call};
use super::generate::{self, Dice};
use super::law::{ACTIONS, Access, Department, Kind, Law, Record};
use super::shapes::shape;
use super::world::World;
use super::{machines, readers, writers};

/// Worlds of an ordinary run, each some 25,000 decisions.
const WORLDS: u64 = 12;
/// Worlds in which a property is looked at.
const SOME_WORLDS: u64 = 3;

/// Changes of one organisation.
const CHANGES: usize = 3;

fn worlds(ordinary: u64) -> std::ops::Range<u64> {
    if let Ok(seed) = std::env::var("RIGHTS_SEED") {
        let seed = seed.parse().unwrap();
        return seed..seed + 1;
    }
    let wanted = std::env::var("RIGHTS_WORLDS").ok();
    0..wanted.map_or(ordinary, |wanted| wanted.parse().unwrap())
}

/// Everything that everybody reads and changes is what the law says.
#[test]
fn the_engine_obeys_the_law() {
    let mut all = Tally::default();
    let (mut partial, mut users) = (0, 0);
    for seed in worlds(WORLDS) {
        let mut world = World::new(generate::law(seed));
        let mut tally = Tally::default();
        readers::compare(&world, &mut tally);
        writers::compare(&world, &mut tally);
        machines::compare(&world, &mut tally);
        tally.settle(seed);
        let dice = &mut Dice(seed ^ 0x3a5e);
        machines::foretold(&mut world, dice, &mut tally);
        machines::handed_over(&mut world, dice, &mut tally);
        tally.settle_after(seed, "hand-overs");
        world.verify();
        all.add(&tally);
        for user in 0..world.law.users.len() {
            let seen = |record| world.law.may(user, "view", record);
            let seen = world.law.records.iter().filter(|record| seen(record));
            users += 1;
            partial += u32::from((1..world.law.records.len()).contains(&seen.count()));
        }
    }
    let (asked, yes) = all.decisions();
    let told = format!("{asked} decisions, {yes} of them yes; {partial} of {users} see a part");
    assert!(asked >= 100_000, "{told}");
    // Worlds in which everything is permitted, or nothing, would prove nothing.
    assert!((asked / 10..=asked / 10 * 9).contains(&yes), "{told}");
    assert!(partial * 2 > users, "{told}");
    // Refusals of unknown fields say no, and timelines are told of what is on them.
    assert_eq!(all.one_sided(), ["timeline", "unknown"], "{told}");
}

/// Whoever is named by no rule sees nothing, admins apart.
#[test]
fn without_rules_there_are_no_rights() {
    for seed in worlds(SOME_WORLDS) {
        let mut law = generate::law(seed);
        law.rules.clear();
        for user in 0..law.users.len() {
            let may = |action| {
                law.records
                    .iter()
                    .any(|record| law.may(user, action, record))
            };
            let admin = law.users[user].kind == Kind::Admin && law.is_open(user);
            assert!(ACTIONS.iter().all(|action| may(action) == admin));
        }
        let mut tally = Tally::default();
        let world = World::new(law);
        readers::compare(&world, &mut tally);
        writers::compare(&world, &mut tally);
        tally.settle(seed);
    }
}

/// What everybody may do: every decision, and every record field by field.
struct Picture {
    decisions: Vec<bool>,
    fields: Vec<(String, String)>,
}

fn picture(world: &World) -> Picture {
    let (mut decisions, mut fields) = (Vec::new(), Vec::new());
    for user in 0..world.law.users.len() {
        let session = world.session(user);
        for (record, id) in world.law.records.iter().zip(&world.records) {
            for action in ACTIONS {
                let order = json!({"user": world.users[user], "action": action,
                    "object": record.object, "id": id.get()});
                let told = call(&world.host, "explain", &order).unwrap();
                decisions.push(told["allowed"] == true);
            }
            let got = session
                .as_ref()
                .map(|session| session.get(record.object, *id).unwrap());
            for (name, value) in got
                .flatten()
                .iter()
                .flat_map(|got| got.as_object().unwrap())
            {
                // How often and when it was written changes with every change.
                if !["version", "updated_at", "updated_by"].contains(&name.as_str()) {
                    fields.push((format!("u{user} {id} {name}"), value.to_string()));
                }
            }
        }
    }
    Picture { decisions, fields }
}

impl Picture {
    /// Whether nothing is permitted or shown here that is not there.
    fn is_within(&self, other: &Picture) -> bool {
        let pairs = self.decisions.iter().zip(&other.decisions);
        let names = |picture: &Picture| -> std::collections::BTreeSet<String> {
            picture
                .fields
                .iter()
                .map(|(name, _)| name.clone())
                .collect()
        };
        pairs.into_iter().all(|(here, there)| !here || *there)
            && names(self).is_subset(&names(other))
    }

    fn is_as(&self, other: &Picture) -> bool {
        self.decisions == other.decisions && self.fields == other.fields
    }
}

/// One more ban gives nothing to anybody, one more grant takes nothing from anybody. (But a grant
/// on a detail may hide fields there.)
#[test]
fn bans_take_and_grants_give() {
    for seed in worlds(SOME_WORLDS) {
        let mut world = World::new(generate::law(seed));
        let dice = &mut Dice(seed ^ 0xba5e);
        let mut before = picture(&world);
        for _ in 0..6 {
            let rule = generate::readable_rule(&world.law, dice);
            if shape(rule.object).parent.is_some() && !rule.ban {
                continue;
            }
            let told = format!("seed {seed}: {rule:?}");
            let ban = rule.ban;
            world.add_rule(rule);
            let after = picture(&world);
            match ban {
                true => assert!(after.is_within(&before), "{told}"),
                false => assert!(before.is_within(&after), "{told}"),
            }
            before = after;
        }
    }
}

/// The rules that an explanation names are those that decide: they alone give the same answer;
/// without its grants nothing is permitted; without its bans it is, if anything grants it.
#[test]
fn explanations_tell_what_decides() {
    for seed in worlds(SOME_WORLDS) {
        let world = World::new(generate::law(seed));
        for (user, record, action, told) in explained(&world) {
            let id = |reason: &Json| world.rules.iter().position(|id| reason["grant"] == *id);
            let reasons = told["reasons"].as_array().unwrap().iter();
            let named: Vec<usize> = reasons.clone().filter_map(id).collect();
            let rules = reasons.filter(|reason| reason["grant"].is_u64());
            let of = |kind: &str| -> Vec<usize> {
                let chosen = rules.clone().filter(|reason| reason["kind"] == kind);
                chosen.filter_map(id).collect()
            };
            let deciding = rules.clone().filter(|reason| reason["decides"] == true);
            let kinds: Vec<&Json> = deciding.map(|reason| &reason["kind"]).collect();
            let (grants, bans) = (of("grant"), of("ban"));
            let may = |law: &Law| law.may(user, action, record);
            let access = world.law.users[user].access;
            if matches!(access, Access::NotYet | Access::Over) {
                continue;
            }
            let allowed = told["allowed"] == true;
            let what = format!("seed {seed}: u{user} {action} {record:?}: {told}");
            if world.law.users[user].kind == Kind::Admin || !world.law.is_open(user) {
                assert!(named.is_empty(), "{what}");
                continue;
            }
            assert_eq!(
                allowed,
                !kinds.is_empty() && kinds.iter().all(|kind| *kind == "grant"),
                "{what}"
            );
            let only = |kept: &dyn Fn(usize) -> bool| Law {
                rules: world
                    .law
                    .rules
                    .iter()
                    .enumerate()
                    .filter(|(at, _)| kept(*at))
                    .map(|(_, rule)| rule.clone())
                    .collect(),
                ..world.law.clone()
            };
            assert_eq!(may(&only(&|at| named.contains(&at))), allowed, "{what}");
            assert!(!may(&only(&|at| !grants.contains(&at))), "{what}");
            let without_bans = may(&only(&|at| !bans.contains(&at)));
            assert_eq!(without_bans, !grants.is_empty(), "{what}");
        }
    }
}

/// Some decisions about records that are no details, explained.
fn explained(world: &World) -> Vec<(usize, &Record, &'static str, Json)> {
    let mut all = Vec::new();
    for user in 0..world.law.users.len() {
        for (record, id) in world.law.records.iter().zip(&world.records) {
            for action in ["view", "edit", "transfer"] {
                if record.parent.is_none() {
                    let order = json!({"user": world.users[user], "action": action,
                        "object": record.object, "id": id.get()});
                    let told = call(&world.host, "explain", &order).unwrap();
                    all.push((user, record, action, told));
                }
            }
        }
    }
    all
}

/// Rules have no order, and one that stands twice says no more than once.
#[test]
fn rules_have_no_order_and_no_number() {
    for seed in worlds(SOME_WORLDS) {
        let law = generate::law(seed);
        let mut other = law.clone();
        other.rules.reverse();
        let again: Vec<_> = other.rules.iter().step_by(2).cloned().collect();
        other.rules.extend(again);
        let (first, second) = (World::new(law), World::new(other));
        let (first, second) = (picture(&first), picture(&second));
        // The stores number their records apart, by the number of rules before them.
        assert_eq!(first.decisions, second.decisions, "seed {seed}");
        assert_eq!(first.fields.len(), second.fields.len(), "seed {seed}");
    }
}

/// After every change of the organisation everybody sees what the law says, and what an engine
/// would show him that opens the store anew.
#[test]
fn plans_follow_every_change() {
    let folder = tempfile::tempdir().unwrap();
    for seed in worlds(SOME_WORLDS) {
        let path = folder.path().join(format!("{seed}.crm"));
        let mut world = World::at(&path, generate::law(seed));
        let dice = &mut Dice(seed ^ 0xc4a9);
        for _ in 0..CHANGES {
            let what = change(&mut world, dice);
            world.learn();
            let mut tally = Tally::default();
            readers::compare(&world, &mut tally);
            tally.settle_after(seed, &what);
            let warm = picture(&world);
            world = world.reopened(&path);
            assert!(warm.is_as(&picture(&world)), "seed {seed} after {what}");
        }
        world.verify();
    }
}

/// What is done and taken back has left no trace in rights: a department moved away and back, a
/// record handed over and back, shared and no more.
#[test]
fn what_is_taken_back_leaves_no_trace() {
    for seed in worlds(SOME_WORLDS) {
        let mut world = World::new(generate::law(seed));
        let before = picture(&world);
        for at in 0..world.law.departments.len() {
            let parent = world.law.departments[at].parent.take();
            rewrite_department(&world, at);
            world.law.departments[at].parent = parent;
            rewrite_department(&world, at);
        }
        let open = 0..world.law.users.len();
        let open: Vec<usize> = open
            .filter(|at| world.law.users[*at].access != Access::Closed)
            .collect();
        for (at, record) in world.law.records.iter().enumerate() {
            let known = record.owner.is_none_or(|owner| open.contains(&owner));
            if !shape(record.object).owned || record.parent.is_some() || !known {
                continue;
            }
            let id = world.records[at].get();
            let own = world.record_json(record);
            let everybody = open.iter().filter(|at| Some(**at) != record.owner);
            let everybody: Vec<u64> = everybody.map(|at| world.users[*at]).collect();
            let (owner, participants) = (own.get("owner"), own.get("participants"));
            let (owner, participants) = (json!(owner), participants.cloned().unwrap_or(json!([])));
            world.set(record.object, id, &json!({ "participants": everybody }));
            world.set(record.object, id, &json!({ "participants": participants }));
            world.set(record.object, id, &json!({ "owner": null }));
            let back = json!({"owner": owner, "participants": participants});
            world.set(record.object, id, &back);
        }
        assert!(before.is_as(&picture(&world)), "seed {seed}");
        world.verify();
    }
}

/// A department is split: some of its people now stand in one below it. Who stays and reaches
/// what is below reaches what he did.
#[test]
fn a_split_department_is_still_reached() {
    for seed in worlds(SOME_WORLDS) {
        let mut law = generate::law(seed);
        law.rules
            .retain(|rule| !rule.ban && rule.scope != "foreign");
        for rule in &mut law.rules {
            rule.scope = if rule.scope == "department" {
                "subtree"
            } else {
                rule.scope
            };
        }
        let mut other = law.clone();
        let split = other.departments.len();
        other.departments.push(Department {
            parent: Some(0),
            roles: Vec::new(),
        });
        let people = other.users.iter_mut().enumerate();
        let (_, moved): (Vec<_>, Vec<_>) = people
            .filter(|(_, user)| user.department == Some(0))
            .partition(|(at, _)| at % 2 == 0);
        let moved: Vec<usize> = moved
            .into_iter()
            .map(|(at, user)| {
                user.department = Some(split);
                at
            })
            .collect();
        let (before, after) = (World::new(law), World::new(other));
        let (first, second) = (picture(&before), picture(&after));
        let each = first.decisions.len() / before.law.users.len();
        let chunks = first
            .decisions
            .chunks(each)
            .zip(second.decisions.chunks(each));
        for (user, (first, second)) in chunks.enumerate() {
            assert!(
                moved.contains(&user) || first == second,
                "seed {seed}: u{user}"
            );
        }
    }
}

/// The pages of a timeline, one after the other, are the whole.
#[test]
fn pages_of_timelines_are_the_whole() {
    for seed in worlds(SOME_WORLDS) {
        let world = World::new(generate::law(seed));
        for session in (0..world.law.users.len()).filter_map(|user| world.session(user)) {
            for (record, id) in world.law.records.iter().zip(&world.records) {
                let request = |limit, after| TimelineRequest {
                    limit: Some(limit),
                    after,
                    ..TimelineRequest::new(record.object, *id)
                };
                let Some(whole) = session.timeline(&request(1_000, None)).unwrap() else {
                    continue;
                };
                let (mut pages, mut after) = (Vec::new(), None);
                loop {
                    let page = session.timeline(&request(2, after)).unwrap().unwrap();
                    pages.extend(page.entries);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(pages, whole.entries, "seed {seed}: {id}");
            }
        }
    }
}

/// Rights that change inside a transaction count from the next one on: what somebody does in the
/// one in which he closes his own access still counts, and nothing after it.
#[test]
fn a_right_revoked_and_used_in_one_transaction() {
    let law = Law {
        rules: Vec::new(),
        ..generate::law(0)
    };
    let world = World::new(law);
    let fields = json!({"login": "head", "name": "Head", "kind": "admin"});
    let head = world.host.create("user", &fields).unwrap();
    let session = world.engine.login("head").unwrap();
    let thing = world
        .law
        .records
        .iter()
        .position(|record| record.object == "thing")
        .unwrap();
    let id = world.records[thing].get();
    let rename = |door: &mut crm_engine::Door<'_>, title: &str| {
        super::world::update(door, "thing", id, &json!({ "title": title }))
    };
    let title = || -> Json {
        let thing = world.host.get("thing", world.records[thing]).unwrap();
        thing.unwrap()["title"].clone()
    };
    let done = session.transact("the last day", |door| {
        let closed = json!({"access_closed": "2026-03-01T09:00:00Z"});
        super::world::update(door, "user", head.get(), &closed)?;
        rename(door, "first")
    });
    done.unwrap();
    assert_eq!(title(), "first");
    let refused = session.transact("the day after", |door| rename(door, "second"));
    assert!(refused.is_err());
    assert_eq!(title(), "first");
}
