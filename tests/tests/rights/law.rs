//! The law of rights (`policy/SEMANTICS.md`) once more, word by word: linear searches over plain
//! facts, without indexes, plans or caches. Users, departments, groups, roles and records are named
//! by their positions.

use std::collections::BTreeMap;

use super::condition::Condition;
use super::shapes::{SYSTEM, Shape, known, shape};

/// Every action there is.
pub(crate) const ACTIONS: [&str; 16] = [
    "view",
    "create",
    "edit",
    "fill",
    "delete",
    "transfer",
    "share",
    "assign",
    "bulk",
    "import",
    "export",
    "audit",
    "approve",
    "configure",
    "manage_fields",
    "manage_sections",
];

/// The values of a record by field; a field without a value is absent.
pub(crate) type Fields = BTreeMap<&'static str, Value>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
    User(usize),
    Record(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Admin,
    Administration,
    Employee,
    Service,
    External,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) kind: Kind,
    pub(crate) department: Option<usize>,
    pub(crate) supervisor: Option<usize>,
    pub(crate) roles: Vec<usize>,
    pub(crate) groups: Vec<usize>,
    pub(crate) on_probation: bool,
    pub(crate) probation_ended: bool,
    pub(crate) confidentiality_signed: bool,
    pub(crate) access: Access,
}

/// Whether a user may do anything at all at the moment of the comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Access {
    Open,
    Closed,
    NotYet,
    Within,
    Over,
}

#[derive(Debug, Clone)]
pub(crate) struct Department {
    pub(crate) parent: Option<usize>,
    pub(crate) roles: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) everyone: bool,
    pub(crate) newcomer: bool,
}

/// A rule as it is written; names may mean nothing.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) role: usize,
    pub(crate) ban: bool,
    pub(crate) object: &'static str,
    pub(crate) actions: Vec<&'static str>,
    pub(crate) scope: &'static str,
    /// Positions of departments; one beyond them all is unknown.
    pub(crate) departments: Vec<usize>,
    pub(crate) condition: Option<Condition>,
    pub(crate) fields: Vec<&'static str>,
    pub(crate) hidden: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) object: &'static str,
    pub(crate) owner: Option<usize>,
    pub(crate) participants: Vec<usize>,
    pub(crate) fields: Fields,
    /// The record it is a detail of.
    pub(crate) parent: Option<usize>,
}

/// All that rights are decided by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Law {
    pub(crate) users: Vec<User>,
    pub(crate) departments: Vec<Department>,
    /// The roles of each group.
    pub(crate) groups: Vec<Vec<usize>>,
    pub(crate) roles: Vec<Role>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) records: Vec<Record>,
    /// Fields in sections for the first group: their object and name.
    pub(crate) closed: Vec<(&'static str, &'static str)>,
}

/// How a record stands to rules and to the user who asks.
struct Case<'a> {
    user: usize,
    action: &'a str,
    /// The object whose rules decide.
    object: &'static str,
    owner: Option<usize>,
    shared: bool,
    /// Whether the condition of a rule holds.
    holds: &'a dyn Fn(&Rule) -> Option<bool>,
}

impl Law {
    /// May a user do something to a record?
    pub(crate) fn may(&self, user: usize, action: &str, record: &Record) -> bool {
        let shape = shape(record.object);
        let needed = match (shape.parent, action) {
            (Some(_), "create") => vec!["create", "edit", "fill"],
            (Some(_), "delete") => vec!["edit"],
            _ => vec![action],
        };
        let mut needed = needed.into_iter();
        needed.any(|needed| self.in_case(user, needed, record, |case| self.decide(case, None)))
            && !self.in_case(user, action, record, |case| self.takes_away(case, shape))
    }

    /// May a user do something to a field of a record?
    pub(crate) fn may_field(
        &self,
        user: usize,
        action: &str,
        record: &Record,
        field: &str,
    ) -> bool {
        let shape = shape(record.object);
        self.in_case(user, action, record, |case| {
            self.decide_field(case, shape, field)
        })
    }

    /// Whether a user may do nothing, everything, or what rules say.
    fn status(&self, user: usize, action: &str) -> Option<bool> {
        let user = &self.users[user];
        let above_employees = ["configure", "manage_fields", "manage_sections"];
        match (user.access, user.kind) {
            (Access::Closed | Access::NotYet | Access::Over, _) => Some(false),
            (_, Kind::Admin) => Some(true),
            (_, Kind::Administration) => None,
            _ => above_employees.contains(&action).then_some(false),
        }
    }

    /// A detail has the owner, the participants and the rules of its topmost parent.
    fn in_case(
        &self,
        user: usize,
        action: &str,
        record: &Record,
        decide: impl FnOnce(&Case<'_>) -> bool,
    ) -> bool {
        let mut top = record;
        while let Some(parent) = top.parent {
            top = &self.records[parent];
        }
        let holds = |rule: &Rule| {
            let condition = rule.condition.as_ref();
            let condition = condition.filter(|condition| condition.is_readable(top.object))?;
            condition.holds(&top.fields, user)
        };
        decide(&Case {
            user,
            action,
            object: top.object,
            owner: top.owner,
            shared: top.participants.contains(&user),
            holds: &holds,
        })
    }

    fn decide(&self, case: &Case<'_>, field: Option<&str>) -> bool {
        if let Some(decided) = self.status(case.user, case.action) {
            return decided;
        }
        for level in self.levels(case.user) {
            let held = self.rules.iter().filter(|rule| level.contains(&rule.role));
            let matching = held.filter(|rule| {
                self.names(rule, case.object, case.action)
                    && self.reaches(rule, case)
                    && speaks(rule, case.object, field)
                    && self.counts(rule, case.user)
            });
            let bans: Vec<bool> = matching.map(|rule| rule.ban).collect();
            if !bans.is_empty() {
                return !bans.contains(&true);
            }
        }
        false
    }

    fn decide_field(&self, case: &Case<'_>, shape: &Shape, field: &str) -> bool {
        if self.status(case.user, case.action) == Some(true) {
            return true;
        }
        if self.takes_away(case, shape) {
            return false;
        }
        let groups = &self.users[case.user].groups;
        let mut closed = self.closed.iter().filter(|_| !groups.contains(&0));
        if !self.decide(case, None) || closed.any(|closed| *closed == (shape.name, field)) {
            return false;
        }
        let kept = shape.kept.iter().find(|(name, _)| *name == field);
        for (object, source) in kept.map_or(&[][..], |(_, sources)| sources) {
            if !self.decide_field(case, self::shape(object), source) {
                return false;
            }
        }
        match shape.parent {
            Some(_) => !self.detail_refuses(case, shape, field),
            None => self.decide(case, Some(field)),
        }
    }

    /// The rules on a detail that a user holds, at whatever level. Their conditions are not asked.
    /// A grant on everything is one of them, where it speaks of any of its fields.
    fn on_detail(&self, case: &Case<'_>, shape: &Shape) -> Vec<&Rule> {
        let held: Vec<usize> = self.levels(case.user).concat();
        let everything =
            |rule: &Rule| rule.object == "*" && !rule.ban && speaks(rule, shape.name, None);
        let rules = self.rules.iter().filter(|rule| {
            shape.parent.is_some()
                && held.contains(&rule.role)
                && (rule.object == shape.name || everything(rule))
                && self.names(rule, shape.name, case.action)
                && self.counts(rule, case.user)
        });
        rules.collect()
    }

    /// Whether a ban on a detail without fields takes away what the rights of its parent permit.
    fn takes_away(&self, case: &Case<'_>, shape: &Shape) -> bool {
        let rules = self.on_detail(case, shape).into_iter();
        let mut bans = rules.filter(|rule| rule.ban && speaks(rule, shape.name, None));
        self.status(case.user, case.action).is_none()
            && bans.any(|ban| self.is_within_scope(ban, case))
    }

    /// Beside that, rules on a detail decide its fields.
    fn detail_refuses(&self, case: &Case<'_>, shape: &Shape, field: &str) -> bool {
        let rules = self.on_detail(case, shape).into_iter();
        let (bans, grants): (Vec<&Rule>, Vec<&Rule>) = rules.partition(|rule| rule.ban);
        let speaks = |rule: &&Rule| speaks(rule, shape.name, Some(field));
        let named = |ban: &&Rule| !self::speaks(ban, shape.name, None) && speaks(ban);
        bans.iter().any(named) || (!grants.is_empty() && !grants.iter().any(speaks))
    }

    /// The levels on which a user holds roles, nearest first.
    fn levels(&self, user: usize) -> Vec<Vec<usize>> {
        let user = &self.users[user];
        let marked = |is: fn(&Role) -> bool| -> Vec<usize> {
            let roles = self.roles.iter().enumerate();
            roles
                .filter(|(_, role)| is(role))
                .map(|(at, _)| at)
                .collect()
        };
        let mut own = user.roles.clone();
        if is_on_probation(user) {
            own.extend(marked(|role| role.newcomer));
        }
        let groups = user
            .groups
            .iter()
            .flat_map(|group| self.groups[*group].clone());
        let mut levels = vec![own, groups.collect()];
        let mut department = user.department;
        while let Some(at) = department {
            levels.push(self.departments[at].roles.clone());
            department = self.departments[at].parent;
        }
        levels.push(marked(|role| role.everyone));
        levels
    }

    /// While on probation, only roles for newcomers grant anything; the bans of all roles stay.
    fn counts(&self, rule: &Rule, user: usize) -> bool {
        rule.ban || !is_on_probation(&self.users[user]) || self.roles[rule.role].newcomer
    }

    /// Whether a rule speaks of an object and an action. A ban that cannot be read bans all it
    /// could mean, a grant that cannot be read grants nothing.
    fn names(&self, rule: &Rule, object: &str, action: &str) -> bool {
        let unknown_object = rule.object != "*" && known(rule.object).is_none();
        let unknown_action = rule.actions.iter().any(|name| !ACTIONS.contains(name));
        let object_fits = rule.object == "*" || rule.object == object;
        let action_fits = rule.actions.contains(&action);
        match rule.ban {
            true => (object_fits || unknown_object) && (action_fits || unknown_action),
            false => object_fits && action_fits,
        }
    }

    /// Whether the record of a case is among those a rule is about.
    fn reaches(&self, rule: &Rule, case: &Case<'_>) -> bool {
        let is_own = case.owner == Some(case.user);
        let external = self.users[case.user].kind == Kind::External;
        if external && !rule.ban && !is_own && !case.shared {
            return false;
        }
        let holds = match (&rule.condition, rule.ban) {
            (None, _) => true,
            (Some(_), true) => (case.holds)(rule) != Some(false),
            (Some(_), false) => (case.holds)(rule) == Some(true),
        };
        holds && self.is_within_scope(rule, case)
    }

    fn is_within_scope(&self, rule: &Rule, case: &Case<'_>) -> bool {
        let is_own = case.owner == Some(case.user);
        if rule.ban && is_own && !["own", "shared", "all"].contains(&rule.scope) {
            return false;
        }
        rule.scope == "all" || (shape(case.object).owned && self.within(rule, case))
    }

    fn within(&self, rule: &Rule, case: &Case<'_>) -> bool {
        if rule.scope == "shared" {
            return case.shared;
        }
        let Some(owner) = case.owner else {
            return false;
        };
        let is_own = owner == case.user;
        let (mine, theirs) = (
            self.users[case.user].department,
            self.users[owner].department,
        );
        let colleagues = mine.is_some() && mine == theirs;
        match rule.scope {
            "own" => is_own,
            "supervised" => is_own || self.users[owner].supervisor == Some(case.user),
            "department" => is_own || colleagues,
            "subtree" => {
                is_own || colleagues || mine.is_some_and(|mine| self.is_below(theirs, mine))
            }
            _ => !is_own && !colleagues && self.named(rule, theirs),
        }
    }

    /// Whether a department is somewhere below another.
    fn is_below(&self, department: Option<usize>, above: usize) -> bool {
        let parent = |at: usize| self.departments[at].parent;
        std::iter::successors(department.and_then(parent), |at| parent(*at)).any(|at| at == above)
    }

    /// Whether a rule about foreign departments speaks of this one.
    fn named(&self, rule: &Rule, department: Option<usize>) -> bool {
        let unknown = |at: &usize| *at >= self.departments.len();
        rule.departments.is_empty()
            || (rule.ban && rule.departments.iter().any(unknown))
            || department.is_some_and(|at| rule.departments.contains(&at))
    }
}

fn is_on_probation(user: &User) -> bool {
    user.on_probation && !(user.probation_ended && user.confidentiality_signed)
}

/// Whether a rule speaks of a field, or of the record as a whole. A ban of named fields is no ban
/// of the record; one that names an unknown field bans all.
fn speaks(rule: &Rule, object: &str, field: Option<&str>) -> bool {
    let known = |name: &&str| shape(object).has(name) || SYSTEM.contains(name);
    let all = rule.fields.is_empty() || (rule.ban && !rule.fields.iter().all(known));
    match (field, rule.ban) {
        (None, true) => all,
        (None, false) => all || rule.fields.iter().any(known),
        (Some(field), true) => all || rule.fields.contains(&field),
        (Some(field), false) => {
            let kept_of_all = SYSTEM.contains(&field) && rule.fields.iter().any(known);
            (all || kept_of_all || rule.fields.contains(&field)) && !rule.hidden.contains(&field)
        }
    }
}

impl Law {
    /// The fields of an object that a user sees for certain on every record he could ever see,
    /// whoever owns it and whomever it is shared with; none when he could see none. Conditions say
    /// of the record what is best for him, and of a field that rules single out what is worst.
    pub(crate) fn seen_everywhere(
        &self,
        user: usize,
        shape: &'static Shape,
    ) -> Option<Vec<&'static str>> {
        let held = self.levels(user).concat();
        let told = self
            .rules
            .iter()
            .filter(|rule| held.contains(&rule.role) && self.names(rule, shape.topmost(), "view"));
        let told: Vec<&Rule> = told.collect();
        let singled_out = |object: &str, field: &str| {
            if self::shape(object).parent.is_some() {
                return false;
            }
            let speaks = |rule: &&Rule| speaks(rule, object, Some(field));
            let of_record = |rule: &&Rule| self::speaks(rule, object, None);
            told.iter().any(|rule| speaks(rule) != of_record(rule))
        };
        let owners = (0..self.users.len()).filter(|_| shape.owned).map(Some);
        let mut seen: Option<Vec<&'static str>> = None;
        for owner in owners.chain([None]) {
            for shared in [false, true] {
                let case = |holds| Case {
                    user,
                    action: "view",
                    object: shape.topmost(),
                    owner,
                    shared: shared && shape.owned,
                    holds,
                };
                let object = shape.topmost();
                let best = |rule: &Rule| {
                    let condition = rule.condition.as_ref();
                    condition
                        .filter(|c| c.is_readable(object))
                        .map(|_| !rule.ban)
                };
                let worst = |_: &Rule| None;
                if self.decide(&case(&best), None) && !self.takes_away(&case(&best), shape) {
                    let shown = |field: &&'static str| {
                        let sources = shape.sources(field);
                        let holds: &dyn Fn(&Rule) -> Option<bool> = match sources
                            .iter()
                            .any(|(object, field)| singled_out(object, field))
                        {
                            true => &worst,
                            false => &best,
                        };
                        self.decide_field(&case(holds), shape, field)
                    };
                    let fields = seen.take().unwrap_or_else(|| shape.all().collect());
                    seen = Some(fields.into_iter().filter(shown).collect());
                }
            }
        }
        seen
    }
}

impl Law {
    /// Whether a rule is one of those a user holds; none where it says nothing to him all the same.
    pub(crate) fn could_reach(&self, user: usize, rule: &Rule) -> Option<bool> {
        let held = self.levels(user).concat().contains(&rule.role);
        // Of users, most is for admins only, whatever is written.
        let is_known =
            (known(rule.object).is_some() && rule.object != "user") || rule.object == "*";
        let lost = |fields: &[&str]| fields.iter().any(|field| !shape(rule.object).has(field));
        let is_readable = match &rule.condition {
            Some(condition) => condition.is_readable(rule.object),
            None => !lost(&rule.fields) && !lost(&rule.hidden),
        };
        let says = is_known
            && is_readable
            && self.counts(rule, user)
            && rule.actions.iter().all(|name| ACTIONS.contains(name))
            && rule
                .actions
                .iter()
                .any(|action| self.status(user, action).is_none());
        match held {
            false => Some(false),
            true => says.then_some(true),
        }
    }

    /// Whether a user may do anything at all.
    pub(crate) fn is_open(&self, user: usize) -> bool {
        matches!(self.users[user].access, Access::Open | Access::Within)
    }
}
