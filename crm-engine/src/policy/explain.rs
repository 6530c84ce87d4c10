//! A decision with everything it rests on: for administrators, never for the one refused.

use std::sync::Arc;

use crate::ids::{FieldId, RecordId, UserId};
use crate::schema::Object;

use super::plan::is_barred;
use super::{Action, Actor, Effect, Held, Holder, Organisation, Plan, Rule, Scope};

/// A decision with what it rests on.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    /// Whether it is permitted.
    pub allowed: bool,
    /// Everything that speaks for or against it, nearest first; empty for a refusal by default.
    pub reasons: Vec<Reason>,
}

/// Something that permits or forbids an action.
#[derive(Debug, Clone)]
pub(crate) enum Reason {
    /// The actor is the host itself.
    System,
    /// The actor is an admin.
    Admin,
    /// There is no such user, or his access is closed.
    NoAccess,
    /// What was asked for is never his, whatever is granted.
    Barred,
    /// A rule matches the record.
    Rule(Matched),
}

/// A rule that matches a record.
#[derive(Debug, Clone)]
pub(crate) struct Matched {
    /// The level at which its role is held.
    pub level: Holder,
    /// Whether it stands on the level that decides.
    pub decides: bool,
    /// The action it speaks of, of those needed.
    pub action: Action,
    /// The rule's record.
    pub id: RecordId,
    /// The role that has it.
    pub role: Arc<str>,
    /// Whether it grants or bans.
    pub effect: Effect,
    /// The scope by which it reaches the record.
    pub scope: Scope,
    /// Where it was declared.
    pub source: Option<Arc<str>>,
}

impl Decision {
    /// Decides for one record, or for one field of it, and tells everything the decision rests on.
    /// Agrees with the plan for the same actor, object and action.
    #[must_use]
    pub(crate) fn explain(
        organisation: &Organisation,
        actor: Actor,
        object: &Object,
        action: Action,
        field: Option<FieldId>,
        held: &dyn Held,
    ) -> Decision {
        let settled = |allowed, reason| Decision {
            allowed,
            reasons: vec![reason],
        };
        let Actor::User(id) = actor else {
            return settled(true, Reason::System);
        };
        let Some(user) = organisation
            .user(id)
            .filter(|user| user.access_closed.is_none())
        else {
            return settled(false, Reason::NoAccess);
        };
        if user.is_admin() {
            return settled(true, Reason::Admin);
        }
        if is_barred(user, object, action) {
            return settled(false, Reason::Barred);
        }
        let mut reasons = taken_from_details(organisation, id, object, action, held);
        let taken = !reasons.is_empty();
        for needed in action.needed(object) {
            let mut decided = taken;
            for level in organisation.levels(user) {
                let rules = organisation.rules_at(user, &level, object.rights);
                let matching: Vec<&Rule> = rules
                    .filter(|rule| rule.actions.contains(*needed))
                    .filter(|rule| match field.filter(|_| !object.is_detail()) {
                        Some(field) => rule.speaks_of(field),
                        None => rule.speaks_of_records(),
                    })
                    .filter(|rule| organisation.matches(id, user, rule, held))
                    .collect();
                let decides = !decided && !matching.is_empty();
                decided |= decides;
                let matching = matching.into_iter();
                reasons.extend(matching.map(|rule| reason(rule, level.holder, *needed, decides)));
            }
        }
        let plan = Plan::compile(organisation, actor, object, action);
        let shown = field.is_none_or(|field| plan.shows_on(field, held));
        Decision {
            allowed: plan.permits(held) && shown,
            reasons,
        }
    }
}

/// The bans on a detail itself that match: each of them decides.
fn taken_from_details(
    organisation: &Organisation,
    id: UserId,
    object: &Object,
    action: Action,
    held: &dyn Held,
) -> Vec<Reason> {
    let user = organisation.user(id).filter(|_| object.is_detail());
    let levels = user.map(|user| (user, organisation.levels(user)));
    let mut reasons = Vec::new();
    for (user, level) in levels
        .iter()
        .flat_map(|(user, levels)| levels.iter().map(|l| (*user, l)))
    {
        let rules = organisation.rules_at(user, level, object.id);
        let bans = rules.filter(|rule| {
            let (plain, shared) = organisation.reached(id, user, rule);
            let owners = match held.is_shared_with(id) {
                true => shared,
                false => plain,
            };
            rule.takes_details(action) && owners.contains(held.owner())
        });
        reasons.extend(bans.map(|rule| reason(rule, level.holder, action, true)));
    }
    reasons
}

fn reason(rule: &Rule, level: Holder, action: Action, decides: bool) -> Reason {
    Reason::Rule(Matched {
        level,
        decides,
        action,
        id: rule.id,
        role: Arc::clone(&rule.role),
        effect: rule.effect,
        scope: rule.scope,
        source: rule.source.clone(),
    })
}

impl Organisation {
    /// Whether a rule matches a record in the eyes of a user.
    fn matches(&self, id: UserId, user: &super::UserFacts, rule: &Rule, held: &dyn Held) -> bool {
        let (plain, shared) = self.reached(id, user, rule);
        let owners = match held.is_shared_with(id) {
            true => shared,
            false => plain,
        };
        owners.contains(held.owner())
            && match rule.effect {
                Effect::Grant => rule.condition.holds(id, held) == Some(true),
                Effect::Ban => rule.condition.holds(id, held) != Some(false),
            }
    }
}
