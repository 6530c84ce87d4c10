//! The facts that rights are decided from: users, who is above whom, roles and their grants.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::ids::{FieldId, ObjectId, RecordId, UserId};

use crate::schema::Section;

use super::{ActionSet, Actor, Scope};

/// The organisation at one policy epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Organisation {
    users: BTreeMap<UserId, UserFacts>,
    reports: BTreeMap<UserId, Vec<UserId>>,
    members: BTreeMap<RecordId, Vec<UserId>>,
    grants: BTreeMap<String, Vec<Grant>>,
}

/// What decides the rights of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct UserFacts {
    /// The name under which the user logs in.
    pub login: String,
    /// The department, if any.
    pub department: Option<RecordId>,
    /// The user above, if any.
    pub supervisor: Option<UserId>,
    /// The names of the roles held.
    pub roles: Vec<String>,
    /// Everything is permitted (C52: Admin without limits).
    pub administrator: bool,
    /// The names of the groups the user is in, of those there are (C37).
    pub groups: Vec<String>,
    /// When access was closed, if it was (C66). The user stays author and past owner.
    pub access_closed: Option<DateTime<Utc>>,
}

/// One permission of a role.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grant {
    /// The role it belongs to.
    pub role: String,
    /// The object.
    pub object: ObjectId,
    /// What is permitted.
    pub actions: ActionSet,
    /// For whose records.
    pub scope: Scope,
    /// Fields this grant does not show.
    pub hidden: Vec<FieldId>,
}

impl UserFacts {
    /// Whether everything is permitted to him.
    #[must_use]
    pub(crate) fn is_admin(&self) -> bool {
        self.administrator
    }
}

impl Organisation {
    /// An organisation of `users` whose roles have `grants`.
    #[must_use]
    pub(crate) fn new(users: BTreeMap<UserId, UserFacts>, grants: Vec<Grant>) -> Organisation {
        let mut organisation = Organisation {
            users,
            ..Organisation::default()
        };
        for (id, user) in &organisation.users {
            if let Some(supervisor) = user.supervisor {
                organisation
                    .reports
                    .entry(supervisor)
                    .or_default()
                    .push(*id);
            }
            if let Some(department) = user.department {
                organisation
                    .members
                    .entry(department)
                    .or_default()
                    .push(*id);
            }
        }
        for grant in grants {
            organisation
                .grants
                .entry(grant.role.clone())
                .or_default()
                .push(grant);
        }
        organisation
    }

    /// The facts about a user.
    #[must_use]
    pub(crate) fn user(&self, id: UserId) -> Option<&UserFacts> {
        self.users.get(&id)
    }

    /// Whether the user exists and his access is not closed.
    #[must_use]
    pub(crate) fn is_active(&self, id: UserId) -> bool {
        self.users
            .get(&id)
            .is_some_and(|user| user.access_closed.is_none())
    }

    /// Whether `actor` may work with the fields of a section (C37): everybody may where it names
    /// no groups, otherwise administrators and who is in one of them. A group that does not exist
    /// has nobody in it (invariant *default deny*).
    #[must_use]
    pub(crate) fn works_with(&self, actor: Actor, section: &Section) -> bool {
        let Actor::User(id) = actor else {
            return true;
        };
        section.groups.is_empty()
            || self.user(id).is_some_and(|user| {
                user.administrator || user.groups.iter().any(|g| section.groups.contains(g))
            })
    }

    /// The grants of the user's roles that speak of `object` and one of `actions`.
    pub(super) fn grants_for<'a>(
        &'a self,
        user: &'a UserFacts,
        object: ObjectId,
        actions: ActionSet,
    ) -> impl Iterator<Item = &'a Grant> {
        user.roles
            .iter()
            .filter_map(|role| self.grants.get(role))
            .flatten()
            .filter(move |grant| grant.object == object && grant.actions.meets(actions))
    }

    /// The owners a scope reaches for a user; none means all.
    pub(super) fn reach(&self, id: UserId, user: &UserFacts, scope: Scope) -> Option<Vec<UserId>> {
        match scope {
            Scope::All => None,
            Scope::Own => Some(vec![id]),
            Scope::Supervised => Some(self.below(id)),
            Scope::Department => {
                let members = user
                    .department
                    .and_then(|department| self.members.get(&department));
                Some(members.cloned().unwrap_or_default())
            }
        }
    }

    /// The user and everybody below him. A circle of supervisors ends where it closes.
    fn below(&self, id: UserId) -> Vec<UserId> {
        let mut found = BTreeSet::from([id]);
        let mut open = vec![id];
        while let Some(user) = open.pop() {
            for report in self.reports.get(&user).into_iter().flatten() {
                if found.insert(*report) {
                    open.push(*report);
                }
            }
        }
        found.into_iter().collect()
    }
}
