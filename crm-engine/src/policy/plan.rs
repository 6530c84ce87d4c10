//! The compiled form of rights: a set of owners and a mask of fields.

use std::collections::BTreeSet;

use crate::ids::{FieldId, ObjectId, UserId};
use crate::schema::Object;
use crate::schema::system::POLICY_OBJECTS;

use super::{Action, ActionSet, Actor, Grant, Organisation, Scope, UserFacts};

/// Whose records an actor reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Everybody's, and those without an owner.
    All,
    /// Those of these users: ascending, each once. An empty set reaches nothing.
    Some(Box<[UserId]>),
}

impl Owners {
    /// Whether records of `owner` are reached.
    #[must_use]
    pub(crate) fn contains(&self, owner: Option<UserId>) -> bool {
        match (self, owner) {
            (Owners::All, _) => true,
            (Owners::Some(_), None) => false,
            (Owners::Some(owners), Some(owner)) => owners.binary_search(&owner).is_ok(),
        }
    }

    fn includes(&self, other: &Owners) -> bool {
        match (self, other) {
            (Owners::All, _) => true,
            (Owners::Some(_), Owners::All) => false,
            (Owners::Some(_), Owners::Some(inner)) => inner.iter().all(|o| self.contains(Some(*o))),
        }
    }
}

/// What an actor may do with the records of one object: whose, and which fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    /// Whose records.
    pub owners: Owners,
    hidden: Box<[FieldId]>,
}

impl Plan {
    /// Compiles the plan of `actor` for one object and action.
    ///
    /// Default deny: an unknown user, closed access or no matching grant reach nothing. The
    /// objects that rights are made of are changed by administrators only, whatever is granted.
    #[must_use]
    pub(crate) fn compile(
        organisation: &Organisation,
        actor: Actor,
        object: &Object,
        action: Action,
    ) -> Plan {
        let Actor::User(id) = actor else {
            return Plan::everything();
        };
        let Some(user) = organisation
            .user(id)
            .filter(|user| user.access_closed.is_none())
        else {
            return Plan::nothing();
        };
        if user.administrator {
            return Plan::everything();
        }
        if action != Action::View && POLICY_OBJECTS.contains(&object.rights) {
            return Plan::nothing();
        }
        let needed = ActionSet::needed(object, action);
        let grants: Vec<&Grant> = organisation
            .grants_for(user, object.rights, needed)
            .collect();
        let reach = |grants: &mut dyn Iterator<Item = &&Grant>| {
            let mut owners = BTreeSet::new();
            for grant in grants {
                match organisation.reach(id, user, grant.scope) {
                    None => return Owners::All,
                    Some(reached) => owners.extend(reached),
                }
            }
            Owners::Some(owners.into_iter().collect())
        };
        let owners = reach(&mut grants.iter());
        let hidden: Box<[FieldId]> = match object.is_detail() {
            true => organisation.hidden_details(user, object.id, action),
            // A field is shown where the grants that show it reach every record of the plan. Where
            // they reach only some, it is hidden on all: a mask never depends on the record.
            false => hidden_somewhere(&grants)
                .filter(|field| {
                    let shown = &mut grants.iter().filter(|grant| !grant.hidden.contains(field));
                    !reach(shown).includes(&owners)
                })
                .collect(),
        };
        let closed = object
            .sections
            .iter()
            .filter(|section| !organisation.works_with(actor, section))
            .flat_map(|section| section.fields.iter().copied());
        let hidden: BTreeSet<FieldId> = hidden.into_iter().chain(closed).collect();
        Plan {
            owners,
            hidden: hidden.into_iter().collect(),
        }
    }

    fn everything() -> Plan {
        Plan {
            owners: Owners::All,
            hidden: Box::default(),
        }
    }

    fn nothing() -> Plan {
        Plan {
            owners: Owners::Some(Box::default()),
            hidden: Box::default(),
        }
    }

    /// Whether the plan covers records of `owner`: the point decision.
    #[must_use]
    pub(crate) fn permits(&self, owner: Option<UserId>) -> bool {
        self.owners.contains(owner)
    }

    /// The user, where the plan covers what others share with him beside what the owners own.
    #[must_use]
    pub(crate) fn shared_with(&self) -> Option<UserId> {
        None
    }

    /// Whether the plan covers no record at all, whoever may own it.
    #[must_use]
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(&self.owners, Owners::Some(owners) if owners.is_empty())
    }

    /// The plan without `fields` as well.
    #[must_use]
    pub(crate) fn without(mut self, fields: impl IntoIterator<Item = FieldId>) -> Plan {
        let hidden: BTreeSet<FieldId> = self.hidden.iter().copied().chain(fields).collect();
        self.hidden = hidden.into_iter().collect();
        self
    }

    /// Whether the plan covers every record, whoever may own it.
    #[must_use]
    pub(crate) fn reaches_everything(&self) -> bool {
        self.owners == Owners::All
    }

    /// Whether the field is shown.
    #[must_use]
    pub(crate) fn shows(&self, field: FieldId) -> bool {
        self.hidden.binary_search(&field).is_err()
    }
}

/// The fields that at least one of the grants does not show.
fn hidden_somewhere(grants: &[&Grant]) -> impl Iterator<Item = FieldId> {
    let hidden = grants.iter().flat_map(|grant| grant.hidden.iter().copied());
    hidden.collect::<BTreeSet<FieldId>>().into_iter()
}

impl Organisation {
    /// The fields of a detail that the user's grants on it hide. Such grants decide nothing
    /// else: a field is shown where one of them shows it, or where there is none.
    fn hidden_details(&self, user: &UserFacts, object: ObjectId, action: Action) -> Box<[FieldId]> {
        let actions = [action].into_iter().collect();
        let grants: Vec<&Grant> = self.grants_for(user, object, actions).collect();
        hidden_somewhere(&grants)
            .filter(|field| grants.iter().all(|grant| grant.hidden.contains(field)))
            .collect()
    }
}

/// A decision with what it rests on: for administrators, never for the one refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    /// Whether it is permitted.
    pub allowed: bool,
    /// Everything that permits it; empty for a refusal by default.
    pub reasons: Vec<Reason>,
}

/// Something that permits an action.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reason {
    /// The actor is the host itself.
    System,
    /// The actor is an administrator.
    Administrator,
    /// A grant of a role reaches the record.
    Grant {
        /// The role that has the grant.
        role: String,
        /// The scope by which it reaches the record.
        scope: Scope,
    },
}

impl Decision {
    /// Decides for one record by its owner and tells everything the decision rests on. Agrees
    /// with [`Plan::permits`] for the same actor, object and action.
    #[must_use]
    pub(crate) fn explain(
        organisation: &Organisation,
        actor: Actor,
        object: &Object,
        action: Action,
        owner: Option<UserId>,
    ) -> Decision {
        let mut reasons = Vec::new();
        match actor {
            Actor::System => reasons.push(Reason::System),
            Actor::User(id) => {
                let active = organisation
                    .user(id)
                    .filter(|user| user.access_closed.is_none());
                if let Some(user) = active {
                    if user.administrator {
                        reasons.push(Reason::Administrator);
                    }
                    let barred = action != Action::View && POLICY_OBJECTS.contains(&object.rights);
                    let needed = ActionSet::needed(object, action);
                    let grants = organisation.grants_for(user, object.rights, needed);
                    reasons.extend(grants.filter(|_| !barred).filter_map(|grant| {
                        let reaches = match (organisation.reach(id, user, grant.scope), owner) {
                            (None, _) => true,
                            (Some(_), None) => false,
                            (Some(owners), Some(owner)) => owners.contains(&owner),
                        };
                        reaches.then(|| Reason::Grant {
                            role: grant.role.clone(),
                            scope: grant.scope,
                        })
                    }));
                }
            }
        }
        Decision {
            allowed: !reasons.is_empty(),
            reasons,
        }
    }
}
