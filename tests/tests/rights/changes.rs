//! Changes of an organisation, in a store and in its law alike.

use serde_json::json;

use super::generate::{Dice, readable_rule};
use super::law::{Access, Kind};
use super::shapes::shape;
use super::world::World;

/// Makes one random change. Tells what it was.
pub(super) fn change(world: &mut World, dice: &mut Dice) -> String {
    let user = dice.below(world.law.users.len());
    let department = dice.below(world.law.departments.len());
    let roles = world.law.roles.len();
    match dice.below(10) {
        0 => {
            world.law.users[user].department = (!dice.one_in(5)).then_some(department);
            rewrite_user(world, user, "to another department")
        }
        1 => {
            world.law.users[user].roles = dice.some(roles, 2);
            rewrite_user(world, user, "other roles")
        }
        2 => {
            let groups = world.law.groups.len();
            world.law.users[user].groups = dice.some(groups, 2);
            rewrite_user(world, user, "other groups")
        }
        3 => {
            let changed = &mut world.law.users[user];
            changed.on_probation = !changed.on_probation;
            changed.confidentiality_signed = dice.one_in(2);
            rewrite_user(world, user, "probation")
        }
        4 => led(world, user, dice),
        5 => {
            // Never below itself: parents stand before those below them.
            let parent = (department > 0).then(|| dice.below(department));
            world.law.departments[department].parent = parent;
            world.law.departments[department].roles = dice.some(roles, 3);
            rewrite_department(world, department);
            format!("d{department} to another place")
        }
        6 | 7 => {
            let rule = readable_rule(&world.law, dice);
            world.add_rule(rule);
            "one more rule".to_owned()
        }
        8 if !world.law.rules.is_empty() => {
            let at = dice.below(world.law.rules.len());
            world.remove_rule(at);
            format!("without rule {at}")
        }
        _ => handed_over(world, dice),
    }
}

fn rewrite_user(world: &World, user: usize, what: &str) -> String {
    world.set("user", world.users[user], &world.user_json(user));
    format!("u{user}: {what}")
}

/// Writes a department as its law has it.
pub(super) fn rewrite_department(world: &World, department: usize) {
    let fields = world.department_json(department);
    world.set("department", world.departments[department], &fields);
}

fn led(world: &mut World, user: usize, dice: &mut Dice) -> String {
    let law = &mut world.law;
    let heads = (0..law.users.len()).filter(|at| law.users[*at].kind == Kind::Administration);
    let heads: Vec<usize> = heads.collect();
    if !matches!(law.users[user].kind, Kind::Admin | Kind::Administration) {
        law.users[user].supervisor = (!dice.one_in(4)).then(|| dice.pick(&heads));
    }
    rewrite_user(world, user, "another supervisor")
}

/// Gives a record to somebody else, and shares it with others.
fn handed_over(world: &mut World, dice: &mut Dice) -> String {
    let at = dice.below(world.law.records.len());
    let object = world.law.records[at].object;
    if !shape(object).owned || shape(object).parent.is_some() {
        return "nothing".to_owned();
    }
    let users = world.law.users.len();
    let owner = dice.below(users);
    let owner = (world.law.users[owner].access != Access::Closed).then_some(owner);
    let mut participants = dice.some(users, 5);
    participants.retain(|user| Some(*user) != owner);
    let ids = |users: &[usize]| -> Vec<u64> { users.iter().map(|at| world.users[*at]).collect() };
    let fields = json!({"owner": owner.map(|owner| world.users[owner]),
        "participants": ids(&participants)});
    world.set(object, world.records[at].get(), &fields);
    for (place, record) in world.law.records.iter_mut().enumerate() {
        if place == at || record.parent == Some(at) {
            record.owner = owner;
            record.participants.clone_from(&participants);
        }
    }
    format!("{object} {at} handed over to {owner:?} and shared with {participants:?}")
}
