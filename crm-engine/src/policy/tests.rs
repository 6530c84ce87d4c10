//! The compiled plan against the explained decision and against rights read word by word.

use std::collections::BTreeMap;

use chrono::DateTime;
use proptest::prelude::*;

use super::{Action, ActionSet, Actor, Decision, Grant, Organisation, Plan, Scope, UserFacts};
use crate::ids::{FieldId, ObjectId, RecordId, UserId};
use crate::schema::system::{GRANT, USER};
use crate::schema::{Object, Schema};

const THING: ObjectId = ObjectId(50);

fn user(n: u64) -> UserId {
    UserId(RecordId::new(n).unwrap())
}

fn thing() -> Object {
    let kernel = Schema::kernel();
    let mut object = Object::clone(kernel.by_id(USER).unwrap());
    (object.id, object.rights, object.owned) = (THING, THING, true);
    object
}

/// An object whose records are details of things.
fn part() -> Object {
    let mut object = thing();
    (object.id, object.parent) = (ObjectId(51), Some(FieldId(18)));
    object
}

prop_compose! {
    fn facts()(
        department in prop::option::of(100_u64..103),
        supervisor in prop::option::of(1_u64..9),
        roles in prop::collection::vec(0_usize..4, 0..3),
        administrator in prop::bool::weighted(0.05),
        groups in prop::collection::vec(0_usize..3, 0..2),
        closed in prop::bool::weighted(0.1),
    ) -> UserFacts {
        UserFacts {
            login: String::new(),
            department: department.map(|id| RecordId::new(id).unwrap()),
            supervisor: supervisor.map(user),
            roles: roles.iter().map(|role| format!("role{role}")).collect(),
            administrator,
            groups: groups.iter().map(|group| format!("group{group}")).collect(),
            access_closed: closed.then(DateTime::default),
        }
    }
}

prop_compose! {
    fn grant()(
        role in 0_usize..4,
        object in prop::sample::select(vec![THING, GRANT]),
        actions in prop::collection::vec(prop::sample::select(Action::ALL.to_vec()), 1..4),
        scope in prop::sample::select(Scope::ALL.to_vec()),
        hidden in prop::collection::vec(20_u16..24, 0..3),
    ) -> Grant {
        Grant {
            role: format!("role{role}"),
            object,
            actions: actions.into_iter().collect::<ActionSet>(),
            scope,
            hidden: hidden.into_iter().map(FieldId).collect(),
        }
    }
}

prop_compose! {
    fn organisation()(
        users in prop::collection::vec(facts(), 8),
        grants in prop::collection::vec(grant(), 0..8),
    ) -> (BTreeMap<UserId, UserFacts>, Vec<Grant>) {
        let users = users.into_iter().enumerate().map(|(n, facts)| (user(n as u64 + 1), facts));
        (users.collect(), grants)
    }
}

/// The rights in words: some grant of one of the user's roles names the object and the action
/// and its scope reaches the owner.
fn in_words(
    users: &BTreeMap<UserId, UserFacts>,
    grants: &[Grant],
    id: UserId,
    action: Action,
    owner: Option<UserId>,
    keep: impl Fn(&Grant) -> bool,
) -> bool {
    let Some(actor) = users.get(&id).filter(|user| user.access_closed.is_none()) else {
        return false;
    };
    let is_below = |mut below: UserId| {
        for _ in 0..=users.len() {
            if below == id {
                return true;
            }
            match users.get(&below).and_then(|user| user.supervisor) {
                Some(above) => below = above,
                None => return false,
            }
        }
        false
    };
    actor.administrator
        || grants.iter().filter(|grant| keep(grant)).any(|grant| {
            let reaches = match (grant.scope, owner) {
                (Scope::All, _) => true,
                (_, None) => false,
                (Scope::Own, Some(owner)) => owner == id,
                (Scope::Supervised, Some(owner)) => owner == id || is_below(owner),
                (Scope::Department, Some(owner)) => users
                    .get(&owner)
                    .is_some_and(|o| o.department.is_some() && o.department == actor.department),
            };
            actor.roles.contains(&grant.role)
                && grant.object == THING
                && grant.actions.meets([action].into_iter().collect())
                && reaches
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Plan, explanation and the words agree on every user, action and owner; a user that does
    /// not exist reaches nothing.
    #[test]
    fn plan_and_explanation_agree_with_the_words((users, grants) in organisation()) {
        let organisation = Organisation::new(users.clone(), grants.clone());
        let object = thing();
        let owners: Vec<Option<UserId>> = (0..=9).map(|n| (n > 0).then(|| user(n))).collect();
        for id in (1..=9).map(user) {
            for action in Action::ALL {
                let plan = Plan::compile(&organisation, Actor::User(id), &object, action);
                for owner in &owners {
                    let expected = in_words(&users, &grants, id, action, *owner, |_| true);
                    prop_assert_eq!(plan.permits(*owner), expected, "{:?} {:?} {:?}", id, action, owner);
                    let decision =
                        Decision::explain(&organisation, Actor::User(id), &object, action, *owner);
                    prop_assert_eq!(decision.allowed, expected);
                }
            }
        }
    }

    /// Details have no rights of their own: they are seen with their parent, changed and taken
    /// away by who may change it, added by who may change it or add such records.
    #[test]
    fn details_follow_their_parent((users, grants) in organisation()) {
        let organisation = Organisation::new(users.clone(), grants.clone());
        let part = part();
        for id in (1..=9).map(user) {
            for action in Action::ALL {
                let plan = Plan::compile(&organisation, Actor::User(id), &part, action);
                for owner in (0..=9).map(|n| (n > 0).then(|| user(n))) {
                    let may = |action| in_words(&users, &grants, id, action, owner, |_| true);
                    let expected = match action {
                        Action::Create => may(Action::Create) || may(Action::Edit),
                        Action::Delete => may(Action::Edit),
                        other => may(other),
                    };
                    prop_assert_eq!(plan.permits(owner), expected, "{:?} {:?} {:?}", id, action, owner);
                    let decision =
                        Decision::explain(&organisation, Actor::User(id), &part, action, owner);
                    prop_assert_eq!(decision.allowed, expected);
                }
            }
        }
    }

    /// A field is shown only if, on every record the plan reaches, some grant shows it.
    #[test]
    fn a_hidden_field_is_hidden_on_all_or_none((users, grants) in organisation()) {
        let organisation = Organisation::new(users.clone(), grants.clone());
        let object = thing();
        for id in (1..=8).map(user) {
            let plan = Plan::compile(&organisation, Actor::User(id), &object, Action::View);
            for field in (20..24).map(FieldId) {
                let owners = (0..=8).map(|n| (n > 0).then(|| user(n)));
                let everywhere = owners.filter(|owner| plan.permits(*owner)).all(|owner| {
                    in_words(&users, &grants, id, Action::View, owner, |grant| {
                        !grant.hidden.contains(&field)
                    })
                });
                if !plan.is_nothing() {
                    prop_assert_eq!(plan.shows(field), everywhere, "{:?} {:?}", id, field);
                }
            }
        }
    }
}

/// Whatever is granted, the objects rights are made of are written by administrators only.
#[test]
fn nobody_grants_himself_more() {
    let grant = Grant {
        role: "role0".into(),
        object: GRANT,
        actions: Action::ALL.into_iter().collect(),
        scope: Scope::All,
        hidden: Vec::new(),
    };
    let facts = UserFacts {
        roles: vec!["role0".into()],
        ..UserFacts::default()
    };
    let organisation = Organisation::new([(user(1), facts)].into(), vec![grant]);
    let kernel = Schema::kernel();
    let grants = kernel.by_id(GRANT).unwrap();
    for action in Action::ALL {
        let plan = Plan::compile(&organisation, Actor::User(user(1)), grants, action);
        assert_eq!(plan.permits(None), action == Action::View, "{action:?}");
    }
}
