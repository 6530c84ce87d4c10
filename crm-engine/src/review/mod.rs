//! Rights looked at from outside: why somebody may or may not do something, who may, what
//! everybody may at present or might at any past moment, and what a change of rights would do.
//!
//! For administrators. Answers agree with the plans that everything else obeys (invariant *one
//! predicate*): a decision is that of the plan, its reasons are the rules that match.
//!
//! | File | Holds |
//! |---|---|
//! | `decide` | a decision with its reasons; all users who may |
//! | `effective` | the rules that reach a user, with where each comes from |
//! | `past` | the records that rights are made of, as they were at a moment |
//! | `what_if` | who would gain and who would lose how many records |

mod decide;
mod effective;
mod past;
#[cfg(test)]
mod tests;
mod what_if;

use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::limits::REVIEW_USERS_PAGE_MAX;
use crate::policy::Holder;
use crate::schema::keys;
use crate::schema::system::{GRANT, grant};
use crate::store::Read;
use crate::value::{Record, RecordView};

pub use decide::{Because, Explanation, MatchedRule, WhoCan, WhoCanPage, WhoCanUser};
pub(crate) use decide::{Question, explain, who_can};
pub(crate) use effective::effective_rights;
pub use effective::{EffectiveRights, EffectiveRule, RightsPage, RightsRequest, RolesHeld};
pub(crate) use past::Past;
pub use what_if::{Affected, PolicyChange, WhatIf, WhatIfReport};
pub(crate) use what_if::{apply, compare};

/// Users of a page when the request does not say.
const PAGE_USERS: usize = 100;

/// Where a role is held.
///
/// ```
/// use crm_engine::{Engine, Options, RightsRequest};
/// use serde_json::json;
///
/// let host = Engine::in_memory(Options::default())?.system();
/// host.create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
/// let page = host.effective_rights(&RightsRequest::default())?;
/// let anna = page.users.last().expect("the first admin and anna");
/// assert_eq!(anna.roles[0].level.level, "user");
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RoleLevel {
    /// `user`, `group`, `department` or `everyone`.
    pub level: &'static str,
    /// Of a department: how many steps above that of the user it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<usize>,
}

impl From<Holder> for RoleLevel {
    fn from(holder: Holder) -> RoleLevel {
        let (level, above) = match holder {
            Holder::User => ("user", None),
            Holder::Group => ("group", None),
            Holder::Department(above) => ("department", Some(above)),
            Holder::Everyone => ("everyone", None),
        };
        RoleLevel { level, above }
    }
}

/// What a rule says besides, in its own words.
///
/// ```
/// use crm_engine::RuleWords;
/// assert!(RuleWords::default().condition.is_none());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleWords {
    /// Which records within its scope it speaks of; all of them without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Which fields it speaks of; all without any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Which fields a grant leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden_fields: Vec<String>,
    /// The departments that the scope `foreign` is narrowed to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub departments: Vec<String>,
    /// Where it was declared: a pack, a preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl RuleWords {
    fn of(record: &Record, source: Option<&str>) -> RuleWords {
        let text = |field| record.fields.get(field).as_text().map(str::to_owned);
        let tags = |field| {
            let tags = record.fields.get(field).as_tags();
            tags.unwrap_or_default().to_vec()
        };
        RuleWords {
            condition: text(grant::CONDITION),
            fields: tags(grant::FIELDS),
            hidden_fields: tags(grant::HIDDEN_FIELDS),
            departments: tags(grant::DEPARTMENTS),
            source: source.map(str::to_owned),
        }
    }
}

/// The record of a rule, at present or at the moment that is looked at.
fn rule_record(read: &dyn Read, past: Option<&Past>, id: RecordId) -> Result<Record> {
    let gone = || Error::new(Code::Damaged, format!("the record of rule {id} is missing"));
    match past {
        Some(past) => past.record(GRANT, id).cloned().ok_or_else(gone),
        None => {
            let bytes = read.get(&keys::record(GRANT, id))?.ok_or_else(gone)?;
            RecordView::new(&bytes)?.decode()
        }
    }
}

/// How many users a page has.
fn page_limit(limit: Option<usize>) -> Result<usize> {
    match limit.unwrap_or(PAGE_USERS) {
        limit if (1..=REVIEW_USERS_PAGE_MAX).contains(&limit) => Ok(limit),
        _ => Err(Error::new(
            Code::InvalidArguments,
            format!("`limit` runs from 1 to {REVIEW_USERS_PAGE_MAX}"),
        )
        .field("limit")),
    }
}
