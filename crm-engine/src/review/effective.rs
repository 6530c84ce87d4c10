//! The rules that reach a user, with where each comes from (C68).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::decide::effect_name;
use super::{Past, RoleLevel, RuleWords, page_limit, rule_record};
use crate::access::Window;
use crate::error::Result;
use crate::facts::Facts;
use crate::ids::{RecordId, UserId};
use crate::policy::{Action, Actor, Level, Rule, UserFacts, is_barred};
use crate::schema::Schema;
use crate::schema::system::{POLICY_OBJECTS, grant};
use crate::store::Read;

/// Whose rights are asked for: the arguments of the operation `effective_rights`.
///
/// ```
/// use crm_engine::RightsRequest;
/// let past = RightsRequest {
///     at: Some("2026-03-01T09:00:00Z".parse().unwrap()),
///     ..RightsRequest::default()
/// };
/// assert!(past.user.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightsRequest {
    /// One user; all when left out.
    #[serde(default)]
    pub user: Option<UserId>,
    /// At which moment; at present when left out.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    /// How many users a page has at most; 100 when left out.
    #[serde(default)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<UserId>,
}

/// Users with their rights, by their numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RightsPage {
    /// The users there were.
    pub users: Vec<EffectiveRights>,
    /// Where the next page begins; none behind the last one.
    pub next: Option<UserId>,
}

/// What a user may do, and by what.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectiveRights {
    /// The user.
    pub user: UserId,
    /// The name he logs in by.
    pub login: String,
    /// His kind.
    pub kind: &'static str,
    /// Whether he has access at all.
    pub access: bool,
    /// Whether he is on probation: only roles of newcomers grant him anything.
    pub on_probation: bool,
    /// His department.
    pub department: Option<RecordId>,
    /// He is an admin with access: everything is permitted to him.
    pub is_admin: bool,
    /// He may view, edit and delete every record but those that rights are made of.
    pub has_all: bool,
    /// The roles he holds, nearest first.
    pub roles: Vec<RolesHeld>,
    /// The rules that reach him through them. None without access, and none for an admin, who
    /// needs none.
    pub rules: Vec<EffectiveRule>,
}

/// The roles held at one level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolesHeld {
    /// The level.
    #[serde(flatten)]
    pub level: RoleLevel,
    /// The names of the roles.
    pub roles: Vec<String>,
}

/// A rule that reaches a user.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectiveRule {
    /// Where its role is held.
    #[serde(flatten)]
    pub level: RoleLevel,
    /// The role that has it.
    pub role: String,
    /// Its record.
    pub grant: RecordId,
    /// `grant` or `ban`.
    pub effect: &'static str,
    /// The object it names; `*` is every one.
    pub object: String,
    /// The actions it grants or bans. What is never his, whatever is granted, is left out.
    pub actions: Vec<Action>,
    /// For whose records.
    pub scope: &'static str,
    /// What it says besides.
    #[serde(flatten)]
    pub words: RuleWords,
}

/// The rights that are asked for, by `facts`, which are those of the moment asked for: of a past
/// one, `past` has the records.
pub(crate) fn effective_rights(
    read: &dyn Read,
    schema: &Schema,
    facts: &Facts,
    past: Option<&Past>,
    now: DateTime<Utc>,
    request: &RightsRequest,
) -> Result<RightsPage> {
    let limit = page_limit(request.limit)?;
    let reviewer = Reviewer {
        read,
        schema,
        facts,
        past,
        at: request.at.unwrap_or(now),
    };
    let users = facts.organisation.users();
    let users = users
        .filter(|(id, _)| request.user.is_none_or(|user| *id == user))
        .filter(|(id, _)| request.after.is_none_or(|after| *id > after));
    let mut page = RightsPage {
        users: Vec::new(),
        next: None,
    };
    for (id, user) in users {
        if page.users.len() == limit {
            page.next = page.users.last().map(|last| last.user);
            break;
        }
        page.users.push(reviewer.rights_of(id, user)?);
    }
    Ok(page)
}

struct Reviewer<'r> {
    read: &'r dyn Read,
    schema: &'r Schema,
    facts: &'r Facts,
    past: Option<&'r Past>,
    at: DateTime<Utc>,
}

impl Reviewer<'_> {
    fn rights_of(&self, id: UserId, user: &UserFacts) -> Result<EffectiveRights> {
        let access = Window::of(Some(user)).against(|| self.at).is_none();
        let is_admin = access && user.is_admin();
        let levels = self.facts.organisation.levels(user);
        let mut rules = Vec::new();
        if access && !is_admin {
            for level in &levels {
                self.rules_at(user, level, &mut rules)?;
            }
        }
        let held = levels.iter().filter(|level| !level.roles.is_empty());
        let held = held.map(|level| RolesHeld {
            level: level.holder.into(),
            roles: level.roles.iter().map(|role| (*role).to_owned()).collect(),
        });
        Ok(EffectiveRights {
            user: id,
            login: user.login.clone(),
            kind: user.kind.name(),
            access,
            on_probation: user.on_probation,
            department: user.department,
            is_admin,
            has_all: access && self.has_all(id),
            roles: held.collect(),
            rules,
        })
    }

    /// The rules of a level. A rule on every object is one rule for each of them: it is told once,
    /// with what it means for at least one.
    fn rules_at(
        &self,
        user: &UserFacts,
        level: &Level<'_>,
        rules: &mut Vec<EffectiveRule>,
    ) -> Result<()> {
        let mut by_record: BTreeMap<RecordId, (&Rule, Vec<Action>)> = BTreeMap::new();
        for rule in self.facts.organisation.all_rules_at(user, level) {
            let Some(object) = self.schema.by_id(rule.object) else {
                continue;
            };
            let (_, actions) = by_record.entry(rule.id).or_insert((rule, Vec::new()));
            let his = rule.actions.iter();
            actions.extend(his.filter(|action| !is_barred(user, object, *action)));
        }
        for (id, (rule, mut actions)) in by_record {
            actions.sort_unstable();
            actions.dedup();
            if actions.is_empty() {
                continue;
            }
            let record = rule_record(self.read, self.past, id)?;
            let object = record.fields.get(grant::OBJECT).as_text();
            rules.push(EffectiveRule {
                level: level.holder.into(),
                role: rule.role.to_string(),
                grant: id,
                effect: effect_name(rule.effect),
                object: object.unwrap_or_default().to_owned(),
                actions,
                scope: rule.scope.name(),
                words: RuleWords::of(&record, rule.source.as_deref()),
            });
        }
        Ok(())
    }

    fn has_all(&self, id: UserId) -> bool {
        let objects = self.schema.objects();
        let mut objects = objects.filter(|object| !POLICY_OBJECTS.contains(&object.rights));
        objects.all(|object| {
            [Action::View, Action::Edit, Action::Delete]
                .into_iter()
                .all(|action| {
                    let plan = self.facts.fresh_plan(Actor::User(id), object, action);
                    plan.reaches_everything()
                        && object.fields.iter().all(|field| plan.shows(field.id))
                })
        })
    }
}
