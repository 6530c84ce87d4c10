//! The facts that rights are decided from: users, who is above whom, roles and their rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::ids::{ObjectId, RecordId, UserId};
use crate::limits::DEPARTMENT_DEPTH_MAX;
use crate::schema::Section;

use super::{Actor, Departments, Effect, Owners, Rule, Scope};

/// The organisation at one policy epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Organisation {
    users: BTreeMap<UserId, UserFacts>,
    departments: BTreeMap<RecordId, DepartmentFacts>,
    /// The roles of each group.
    groups: BTreeMap<String, Vec<String>>,
    /// The rules of each role, by object.
    rules: BTreeMap<Arc<str>, BTreeMap<ObjectId, Vec<Rule>>>,
    /// The roles held by everyone, and those held during probation.
    everyone: Vec<String>,
    newcomers: Vec<String>,
    /// The roles that limit how many records are opened in an hour.
    opens: BTreeMap<String, Opens>,
    /// The roles whose holders log in with a second factor.
    guarded: Vec<String>,
    reach: Reaches,
}

/// Users by what scopes ask for, each list ascending.
#[derive(Debug, Clone, Default)]
struct Reaches {
    users: Arc<[UserId]>,
    /// Of each supervisor, with himself.
    supervised: BTreeMap<UserId, Arc<[UserId]>>,
    /// Of each department.
    members: BTreeMap<RecordId, Arc<[UserId]>>,
    /// Of each department and all below it.
    subtree: BTreeMap<RecordId, Arc<[UserId]>>,
}

/// What a user may be. It is settled when he is created (C53).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum UserKind {
    /// Everything is permitted to him (C52).
    Admin,
    /// The only kind that supervises others (C54).
    Administration,
    /// Everybody else.
    #[default]
    Employee,
    /// A program.
    Service,
    /// Somebody outside: reaches what he owns and what is shared with him (C64).
    External,
}

impl UserKind {
    /// The kind of that name.
    #[must_use]
    pub(crate) fn by_name(name: &str) -> Option<UserKind> {
        Some(match name {
            "admin" => UserKind::Admin,
            "administration" => UserKind::Administration,
            "employee" => UserKind::Employee,
            "service" => UserKind::Service,
            "external" => UserKind::External,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            UserKind::Admin => "admin",
            UserKind::Administration => "administration",
            UserKind::Employee => "employee",
            UserKind::Service => "service",
            UserKind::External => "external",
        }
    }
}

/// What decides the rights of a user.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct UserFacts {
    /// The name under which the user logs in.
    pub login: String,
    /// What he is.
    pub kind: UserKind,
    /// The department, if any.
    pub department: Option<RecordId>,
    /// The user above, if any.
    pub supervisor: Option<UserId>,
    /// The names of the roles held.
    pub roles: Vec<String>,
    /// The names of the groups the user is in, of those there are (C37).
    pub groups: Vec<String>,
    /// On probation, and it has not ended or confidentiality is not signed (C67).
    pub on_probation: bool,
    /// When access was closed, if it was (C66). The user stays author and past owner.
    pub access_closed: Option<DateTime<Utc>>,
    /// The window within which he has access, where it is limited.
    pub access_from: Option<DateTime<Utc>>,
    /// See [`access_from`](UserFacts::access_from).
    pub access_until: Option<DateTime<Utc>>,
}

impl UserFacts {
    /// Whether everything is permitted to him.
    #[must_use]
    pub(crate) fn is_admin(&self) -> bool {
        self.kind == UserKind::Admin
    }
}

/// What a department has to do with rights.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DepartmentFacts {
    /// The department above, if any.
    pub parent: Option<RecordId>,
    /// The names of the roles its members hold.
    pub roles: Vec<String>,
}

/// A role beside its rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RoleFacts {
    /// Its name.
    pub name: String,
    /// Held by everyone.
    pub everyone: bool,
    /// Held during probation.
    pub newcomer: bool,
    /// Whoever holds it logs in with a second factor (C63).
    pub second_factor: bool,
    /// How many records those who hold it may open in an hour.
    pub opens: Option<Opens>,
}

/// A limit on the records opened in an hour (C78).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opens {
    /// So many different ones.
    pub per_hour: u64,
    /// Beyond it nothing more is opened; otherwise it is an alarm.
    pub stop: bool,
}

/// Where a role is held, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// By the user.
    User,
    /// By a group of his.
    Group,
    /// By his department (0), or one so many steps above it.
    Department(usize),
    /// By everyone.
    Everyone,
}

/// The roles held at one level.
#[derive(Debug)]
pub(crate) struct Level<'o> {
    pub(crate) holder: Holder,
    pub(crate) roles: Vec<&'o str>,
}

impl Organisation {
    /// An organisation of `users` in `departments`; `groups` tells the roles of each group.
    #[must_use]
    pub(crate) fn new(
        users: BTreeMap<UserId, UserFacts>,
        departments: BTreeMap<RecordId, DepartmentFacts>,
        groups: BTreeMap<String, Vec<String>>,
        roles: Vec<RoleFacts>,
        rules: Vec<Rule>,
    ) -> Organisation {
        let named = |held: fn(&RoleFacts) -> bool| {
            let roles = roles.iter().filter(|role| held(role));
            roles.map(|role| role.name.clone()).collect()
        };
        let mut by_role: BTreeMap<Arc<str>, BTreeMap<ObjectId, Vec<Rule>>> = BTreeMap::new();
        for rule in rules {
            let of_role = by_role.entry(Arc::clone(&rule.role)).or_default();
            of_role.entry(rule.object).or_default().push(rule);
        }
        let limited = roles
            .iter()
            .filter_map(|role| Some((role.name.clone(), role.opens?)));
        Organisation {
            reach: Reaches::of(&users, &departments),
            opens: limited.collect(),
            everyone: named(|role| role.everyone),
            newcomers: named(|role| role.newcomer),
            guarded: named(|role| role.second_factor),
            users,
            departments,
            groups,
            rules: by_role,
        }
    }

    /// The facts about a user.
    #[must_use]
    pub(crate) fn user(&self, id: UserId) -> Option<&UserFacts> {
        self.users.get(&id)
    }

    /// Every user there is.
    pub(crate) fn users(&self) -> impl Iterator<Item = (UserId, &UserFacts)> {
        self.users.iter().map(|(id, facts)| (*id, facts))
    }

    /// The users of a department and of those below it, ascending.
    #[must_use]
    pub(crate) fn members_below(&self, department: RecordId) -> &[UserId] {
        let members = self.reach.subtree.get(&department);
        members.map_or(&[], |members| members)
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
                user.is_admin() || user.groups.iter().any(|g| section.groups.contains(g))
            })
    }

    /// The levels at which a user holds roles, nearest first.
    pub(crate) fn levels<'o>(&'o self, user: &'o UserFacts) -> Vec<Level<'o>> {
        let level = |holder, roles: &mut dyn Iterator<Item = &'o String>| Level {
            holder,
            roles: roles.map(String::as_str).collect(),
        };
        let newcomers = self.newcomers.iter().filter(|_| user.on_probation);
        let own = &mut user.roles.iter().chain(newcomers);
        let groups = user.groups.iter().filter_map(|name| self.groups.get(name));
        let mut levels = vec![
            level(Holder::User, own),
            level(Holder::Group, &mut groups.flatten()),
        ];
        let mut department = user.department;
        for above in 0..DEPARTMENT_DEPTH_MAX {
            let Some(facts) = department.and_then(|id| self.departments.get(&id)) else {
                break;
            };
            levels.push(level(Holder::Department(above), &mut facts.roles.iter()));
            department = facts.parent;
        }
        levels.push(level(Holder::Everyone, &mut self.everyone.iter()));
        levels
    }

    /// The rules of a level about `object`; during probation only newcomers' roles grant.
    pub(super) fn rules_at<'o>(
        &'o self,
        user: &'o UserFacts,
        level: &'o Level<'o>,
        object: ObjectId,
    ) -> impl Iterator<Item = &'o Rule> {
        let rules = level.roles.iter().filter_map(|role| self.rules.get(*role));
        let rules = rules.filter_map(move |role| role.get(&object)).flatten();
        rules.filter(|rule| self.counts(user, rule))
    }

    /// The rules of a level about every object, a rule once for each object it speaks of.
    pub(crate) fn all_rules_at<'o>(
        &'o self,
        user: &'o UserFacts,
        level: &'o Level<'o>,
    ) -> impl Iterator<Item = &'o Rule> {
        let rules = level.roles.iter().filter_map(|role| self.rules.get(*role));
        let rules = rules.flat_map(|role| role.values()).flatten();
        rules.filter(|rule| self.counts(user, rule))
    }

    /// During probation only newcomers' roles grant.
    fn counts(&self, user: &UserFacts, rule: &Rule) -> bool {
        rule.effect == Effect::Ban
            || !user.on_probation
            || self.newcomers.iter().any(|name| **name == *rule.role)
    }

    /// Whether one of the user's roles, at whatever level he holds it, asks for a second factor.
    #[must_use]
    pub(crate) fn asks_second_factor(&self, id: UserId) -> bool {
        let asks = |role: &&str| self.guarded.iter().any(|name| name == role);
        self.user(id).is_some_and(|user| {
            let levels = self.levels(user);
            levels.iter().any(|level| level.roles.iter().any(asks))
        })
    }

    /// Whether any role limits how many records are opened in an hour.
    #[must_use]
    pub(crate) fn limits_opens(&self) -> bool {
        !self.opens.is_empty()
    }

    /// How many records a user may open in an hour: the strictest limit at the nearest level that
    /// has one. Admins have none.
    #[must_use]
    pub(crate) fn opens(&self, id: UserId) -> Option<Opens> {
        let user = self.user(id).filter(|user| !user.is_admin())?;
        self.levels(user).iter().find_map(|level| {
            let limits = level.roles.iter().filter_map(|role| self.opens.get(*role));
            limits
                .copied()
                .min_by_key(|limit| (limit.per_hour, !limit.stop))
        })
    }

    /// Whose records a rule reaches for a user: of those not shared with him, and of those that
    /// are.
    pub(super) fn reached(&self, id: UserId, user: &UserFacts, rule: &Rule) -> (Owners, Owners) {
        let me = || Owners::of([id].into());
        let (mut plain, mut shared) = match rule.scope {
            Scope::Shared => (Owners::nobody(), Owners::all()),
            scope => {
                let owners = self.owners_in(id, user, scope, &rule.departments);
                (owners.clone(), owners)
            }
        };
        if rule.effect == Effect::Ban && !rule.scope.bans_own() {
            (plain, shared) = (plain.minus(&me()), shared.minus(&me()));
        }
        let external = user.kind == UserKind::External;
        if external && rule.effect == Effect::Grant {
            // Of what is not shared with him, his own at most.
            plain = match plain.contains(Some(id)) {
                true => me(),
                false => Owners::nobody(),
            };
        }
        (plain, shared)
    }

    fn owners_in(
        &self,
        id: UserId,
        user: &UserFacts,
        scope: Scope,
        departments: &Departments,
    ) -> Owners {
        let reach = &self.reach;
        let listed = |users: Option<&Arc<[UserId]>>| match users {
            Some(users) => Owners::of(Arc::clone(users)),
            None => Owners::of([id].into()),
        };
        let colleagues = || listed(user.department.and_then(|d| reach.members.get(&d)));
        match scope {
            Scope::All | Scope::Shared => Owners::all(),
            Scope::Own => Owners::of([id].into()),
            Scope::Supervised => listed(reach.supervised.get(&id)),
            Scope::Department => colleagues(),
            Scope::Subtree => listed(user.department.and_then(|d| reach.subtree.get(&d))),
            Scope::Foreign => {
                let foreign = match departments {
                    Departments::Any => Owners::of(Arc::clone(&reach.users)),
                    Departments::Named(named) => {
                        let members = named.iter().filter_map(|d| reach.members.get(d));
                        let members = members.map(|users| Owners::of(Arc::clone(users)));
                        members.fold(Owners::nobody(), |all, some| all.and(&some))
                    }
                };
                foreign.minus(&colleagues())
            }
        }
    }
}

impl Reaches {
    fn of(
        users: &BTreeMap<UserId, UserFacts>,
        departments: &BTreeMap<RecordId, DepartmentFacts>,
    ) -> Reaches {
        let mut supervised: BTreeMap<UserId, BTreeSet<UserId>> = BTreeMap::new();
        let mut members: BTreeMap<RecordId, Vec<UserId>> = BTreeMap::new();
        let mut subtree: BTreeMap<RecordId, Vec<UserId>> = BTreeMap::new();
        for (id, user) in users {
            if let Some(above) = user.supervisor {
                supervised.entry(above).or_default().extend([*id, above]);
            }
            let mut department = user.department;
            if let Some(own) = department {
                members.entry(own).or_default().push(*id);
            }
            let mut passed = BTreeSet::new();
            // A circle of departments ends where it closes.
            while let Some(above) = department.filter(|d| passed.insert(*d)) {
                if passed.len() > DEPARTMENT_DEPTH_MAX {
                    break;
                }
                subtree.entry(above).or_default().push(*id);
                department = departments.get(&above).and_then(|facts| facts.parent);
            }
        }
        let shared = |lists: BTreeMap<RecordId, Vec<UserId>>| {
            let lists = lists.into_iter();
            lists.map(|(id, users)| (id, users.into())).collect()
        };
        let supervised = supervised.into_iter();
        Reaches {
            users: users.keys().copied().collect(),
            supervised: supervised
                .map(|(id, users)| (id, users.into_iter().collect()))
                .collect(),
            members: shared(members),
            subtree: shared(subtree),
        }
    }
}
