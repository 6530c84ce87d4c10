//! Who may do what: pure decisions over facts. Reads nothing, knows no store. What rights mean
//! stands in `SEMANTICS.md` beside this file.
//!
//! A [`Plan`] is compiled for one actor, object and action and then answers for any record: by
//! its owner and participants alone where no condition has a say, so that lists walk owners and
//! counts add totals. Every reader and the write door use the same plans, which is what makes
//! invariant *one predicate* hold: a list is the filter of the point decisions.
//!
//! | File | Holds |
//! |---|---|
//! | `action` | what can be done, and for whose records |
//! | `rule` | what a role grants or bans; a record as rights see it |
//! | `organisation` | users, departments, roles, and the levels at which roles are held |
//! | `owners` | sets of owners |
//! | `reach` | rules folded into sets of owners, and conditions where those cannot tell |
//! | `plan` | the reach of an action with its mask of fields |
//! | `explain` | a decision with its reasons |

mod action;
mod explain;
mod organisation;
mod owners;
mod plan;
mod reach;
mod rule;
#[cfg(test)]
mod tests;

pub(crate) use action::ActionSet;
pub use action::{Action, Scope};
pub(crate) use explain::{Decision, Reason};
pub(crate) use organisation::{
    DepartmentFacts, Holder, Level, Opens, Organisation, RoleFacts, UserFacts, UserKind,
};
pub(crate) use owners::Owners;
pub(crate) use plan::{Plan, Sources, is_barred};
pub(crate) use reach::Reach;
pub(crate) use rule::{Condition, Departments, Effect, Fields, Held, Judge, Rule};

use crate::ids::UserId;

/// On whose behalf something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The host itself: everything is permitted, as to an admin.
    System,
    /// A user, within his rights.
    User(UserId),
}

impl Actor {
    /// The user, if it is one.
    #[must_use]
    pub fn user(self) -> Option<UserId> {
        match self {
            Actor::System => None,
            Actor::User(user) => Some(user),
        }
    }
}
