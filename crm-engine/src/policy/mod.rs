//! Who may do what: pure decisions over facts. Reads nothing, knows no store.
//!
//! A [`Plan`] is compiled for one actor, object and action and then answers for any record by
//! its owner alone. Every reader and the write door use the same plans, which is what makes
//! invariant *one predicate* hold: a list is the filter of the point decisions.

mod action;
mod organisation;
mod plan;
#[cfg(test)]
mod tests;

pub(crate) use action::ActionSet;
pub use action::{Action, Scope};
pub(crate) use organisation::{Grant, Organisation, UserFacts};
pub(crate) use plan::{Decision, Owners, Plan, Reason};

use crate::ids::UserId;

/// On whose behalf something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The host itself: everything is permitted, as to an administrator.
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
