//! Why somebody may or may not do something with a record, and who may.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{RoleLevel, RuleWords, page_limit, rule_record};
use crate::access::Window;
use crate::error::Result;
use crate::facts::Facts;
use crate::ids::{FieldId, RecordId, UserId};
use crate::limits::REVIEW_USERS_LOOKED_AT_MAX;
use crate::policy::{Action, Actor, Decision, Effect, Reason};
use crate::schema::Object;
use crate::store::Read;
use crate::value::RecordView;

/// What is asked about a record, or about one field of it.
pub(crate) struct Question<'q> {
    pub(crate) read: &'q dyn Read,
    pub(crate) facts: &'q Facts,
    pub(crate) now: DateTime<Utc>,
    pub(crate) action: Action,
    pub(crate) object: &'q Object,
    pub(crate) field: Option<FieldId>,
    pub(crate) record: RecordView<'q>,
}

/// A decision with everything it rests on.
///
/// ```
/// use crm_engine::{Action, Engine, Options};
/// use serde_json::json;
///
/// let engine = Engine::in_memory(Options::default())?;
/// let host = engine.system();
/// let user = json!({"login": "anna", "name": "Anna", "roles": ["agent"]});
/// let anna = crm_engine::UserId(host.create("user", &user)?);
/// let task = json!({"title": "Call back"});
/// let call = engine.login("anna")?.create("task", &task)?;
/// let seen = host.explain(anna, Action::View, "task", call, None)?;
/// assert!(seen.allowed && seen.reasons[0].kind == "grant");
/// assert_eq!(seen.reasons[0].rule.as_ref().unwrap().role, "agent");
/// assert!(!host.explain(anna, Action::Delete, "task", call, None)?.allowed);
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Whether it is permitted.
    pub allowed: bool,
    /// What speaks for or against it, the nearest level first; nothing for a refusal by default.
    pub reasons: Vec<Because>,
}

/// Something that permits or forbids an action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Because {
    /// `admin`; `no_access` for an unknown user and closed access; `barred` for what is never
    /// his, whatever is granted; `grant` and `ban` for a rule that matches.
    pub kind: &'static str,
    /// The rule, if it is one.
    #[serde(flatten)]
    pub rule: Option<MatchedRule>,
}

/// A rule that matches a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MatchedRule {
    /// Where its role is held.
    #[serde(flatten)]
    pub level: RoleLevel,
    /// Whether it stands on the level that decides.
    pub decides: bool,
    /// The action it speaks of, of those of which one is needed.
    pub action: Action,
    /// The record of the rule.
    pub grant: RecordId,
    /// The role that has it.
    pub role: String,
    /// The scope by which it reaches the record.
    pub scope: &'static str,
    /// What it says besides.
    #[serde(flatten)]
    pub words: RuleWords,
}

/// Who may do something with a record: the arguments of the operation `who_can`.
///
/// ```
/// use crm_engine::{Action, RecordId, WhoCan};
/// let request = WhoCan::new(Action::View, "task", RecordId::new(4).unwrap());
/// assert!(request.after.is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoCan {
    /// What is done.
    pub action: Action,
    /// The object of the record.
    pub object: String,
    /// The record.
    pub id: RecordId,
    /// A field of it.
    #[serde(default)]
    pub field: Option<String>,
    /// How many users a page has at most; 100 when left out.
    #[serde(default)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<UserId>,
}

impl WhoCan {
    /// Who may do something with a record.
    #[must_use]
    pub fn new(action: Action, object: &str, id: RecordId) -> WhoCan {
        WhoCan {
            action,
            object: object.to_owned(),
            id,
            field: None,
            limit: None,
            after: None,
        }
    }
}

/// Users who may, by their numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhoCanPage {
    /// The users.
    pub users: Vec<WhoCanUser>,
    /// Where the next page begins; none behind the last one. A page may have no users and be
    /// followed by another one.
    pub next: Option<UserId>,
}

/// A user who may.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhoCanUser {
    /// The user.
    pub user: UserId,
    /// The name he logs in by.
    pub login: String,
    /// His kind.
    pub kind: &'static str,
    /// The roles whose rules decide; none for an admin.
    pub roles: Vec<String>,
}

/// Decides for one user, with reasons.
pub(crate) fn explain(question: &Question<'_>, user: UserId) -> Result<Explanation> {
    let decision = decision(question, user)?;
    let mut reasons = Vec::with_capacity(decision.reasons.len());
    for reason in decision.reasons {
        reasons.push(match reason {
            Reason::System => Because::plain("system"),
            Reason::Admin => Because::plain("admin"),
            Reason::NoAccess => Because::plain("no_access"),
            Reason::Barred => Because::plain("barred"),
            Reason::Rule(matched) => Because {
                kind: effect_name(matched.effect),
                rule: Some(MatchedRule {
                    level: matched.level.into(),
                    decides: matched.decides,
                    action: matched.action,
                    grant: matched.id,
                    role: matched.role.to_string(),
                    scope: matched.scope.name(),
                    words: RuleWords::of(
                        &rule_record(question.read, None, matched.id)?,
                        matched.source.as_deref(),
                    ),
                }),
            },
        });
    }
    Ok(Explanation {
        allowed: decision.allowed,
        reasons,
    })
}

/// The users who may, from `after` on.
pub(crate) fn who_can(question: &Question<'_>, request: &WhoCan) -> Result<WhoCanPage> {
    let limit = page_limit(request.limit)?;
    let mut page = WhoCanPage {
        users: Vec::new(),
        next: None,
    };
    let users = question.facts.organisation.users();
    let users = users.filter(|(id, _)| request.after.is_none_or(|after| *id > after));
    let mut last = None;
    for (looked_at, (user, facts)) in users.enumerate() {
        if page.users.len() == limit || looked_at == REVIEW_USERS_LOOKED_AT_MAX {
            page.next = last;
            break;
        }
        last = Some(user);
        let decision = decision(question, user)?;
        if !decision.allowed {
            continue;
        }
        let mut roles: Vec<String> = Vec::new();
        for reason in decision.reasons {
            if let Reason::Rule(matched) = reason
                && matched.decides
                && !roles.iter().any(|role| *role == *matched.role)
            {
                roles.push(matched.role.to_string());
            }
        }
        page.users.push(WhoCanUser {
            user,
            login: facts.login.clone(),
            kind: facts.kind.name(),
            roles,
        });
    }
    Ok(page)
}

/// The decision for a user as everything else makes it; outside the window of his access he may
/// do nothing.
fn decision(question: &Question<'_>, user: UserId) -> Result<Decision> {
    let Question {
        read,
        facts,
        action,
        object,
        field,
        ref record,
        ..
    } = *question;
    let known = facts.organisation.user(user);
    if Window::of(known).against(|| question.now).is_some() {
        return Ok(Decision {
            allowed: false,
            reasons: vec![Reason::NoAccess],
        });
    }
    facts.explain(read, Actor::User(user), object, action, field, record)
}

pub(super) fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Grant => "grant",
        Effect::Ban => "ban",
    }
}

impl Because {
    fn plain(kind: &'static str) -> Because {
        Because { kind, rule: None }
    }
}
