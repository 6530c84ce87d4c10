//! The compiled plan and the explained decision against rights read word by word, from
//! `SEMANTICS.md`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::schema::system::{GRANT, OWNER, USER};
use crate::schema::{Object, Schema};
use crate::value::{Fields as Values, Head, Record, Standing, Value};

const THING: ObjectId = ObjectId(50);
const PART: ObjectId = ObjectId(51);
const STATE: FieldId = FieldId(17);

fn user(n: u64) -> UserId {
    UserId(RecordId::new(n).unwrap())
}

fn department(n: u64) -> RecordId {
    RecordId::new(100 + n).unwrap()
}

fn thing() -> Object {
    let kernel = Schema::kernel();
    let mut object = Object::clone(kernel.by_id(USER).unwrap());
    (object.id, object.rights, object.owned) = (THING, THING, true);
    object
}

/// An object whose records are details of things.
fn part() -> Object {
    let mut object = thing();
    (object.id, object.parent) = (PART, Some(FieldId(18)));
    object
}

/// Holds where the state is a number or the user's own; unknown without a state.
#[derive(Debug)]
enum State {
    Is(i64),
    Mine,
}

impl Judge for State {
    fn holds(&self, user: UserId, record: &dyn Held) -> Option<bool> {
        let state = record.value(STATE)?;
        let wanted = match self {
            State::Is(wanted) => *wanted,
            State::Mine => i64::try_from(user.get()).unwrap(),
        };
        match state {
            Cow::Borrowed(Value::Null) | Cow::Owned(Value::Null) => None,
            value => Some(value.as_integer() == Some(wanted)),
        }
    }
}

/// What a generated rule says of its condition.
#[derive(Debug, Clone, Copy)]
enum Said {
    Nothing,
    Is(i64),
    Mine,
    Unreadable,
}

impl Said {
    fn condition(self) -> Condition {
        match self {
            Said::Nothing => Condition::None,
            Said::Is(state) => Condition::If(Arc::new(State::Is(state))),
            Said::Mine => Condition::If(Arc::new(State::Mine)),
            Said::Unreadable => Condition::Unreadable,
        }
    }
}

fn names(prefix: &'static str) -> impl Strategy<Value = Vec<String>> {
    let few = prop::collection::vec(0_usize..4, 0..3);
    few.prop_map(move |names| names.iter().map(|n| format!("{prefix}{n}")).collect())
}

prop_compose! {
    fn facts()(
        kind in prop::sample::select(vec![
            UserKind::Employee, UserKind::Employee, UserKind::Employee, UserKind::Employee,
            UserKind::Administration, UserKind::Administration, UserKind::Service,
            UserKind::External, UserKind::Admin,
        ]),
        department in prop::option::of((0_u64..4).prop_map(department)),
        supervisor in prop::option::of((1_u64..9).prop_map(user)),
        roles in names("role"),
        groups in names("group"),
        on_probation in prop::bool::weighted(0.15),
        closed in prop::bool::weighted(0.1),
    ) -> UserFacts {
        UserFacts {
            kind,
            department,
            supervisor,
            roles,
            groups,
            on_probation,
            access_closed: closed.then(DateTime::default),
            ..UserFacts::default()
        }
    }
}

prop_compose! {
    fn rule()(
        role in 0_usize..4,
        ban in prop::bool::weighted(0.35),
        object in prop::sample::select(vec![THING, THING, THING, GRANT, PART]),
        actions in prop::collection::vec(prop::sample::select(Action::ALL.to_vec()), 2..8),
        scope in prop::sample::select(Scope::ALL.to_vec()),
        named in prop::option::weighted(0.5, prop::collection::vec((0_u64..5).prop_map(department), 0..3)),
        said in prop::sample::select(vec![
            Said::Nothing, Said::Nothing, Said::Nothing, Said::Is(1), Said::Is(2), Said::Mine,
            Said::Unreadable,
        ]),
        fields in prop::option::weighted(0.3, prop::collection::vec((20_u16..24).prop_map(FieldId), 1..3)),
        hidden in prop::collection::vec((20_u16..24).prop_map(FieldId), 0..2),
    ) -> Rule {
        Rule {
            id: RecordId::new(1).unwrap(),
            role: format!("role{role}").into(),
            effect: if ban { Effect::Ban } else { Effect::Grant },
            object,
            actions: actions.into_iter().collect(),
            scope,
            departments: named.map_or(Departments::Any, Departments::Named),
            condition: said.condition(),
            fields: fields.map_or(Fields::All, Fields::Named),
            hidden: if ban { Vec::new() } else { hidden },
            source: None,
        }
    }
}

/// Everything an organisation is made of, kept as it was given for the naive reading.
#[derive(Debug, Clone)]
struct World {
    users: BTreeMap<UserId, UserFacts>,
    departments: BTreeMap<RecordId, DepartmentFacts>,
    groups: BTreeMap<String, Vec<String>>,
    roles: Vec<RoleFacts>,
    rules: Vec<Rule>,
}

prop_compose! {
    fn world()(
        users in prop::collection::vec(facts(), 8),
        parents in prop::collection::vec(prop::option::of(0_u64..4), 4),
        held in prop::collection::vec(names("role"), 4),
        groups in prop::collection::vec(names("role"), 3),
        roles in prop::collection::vec((prop::bool::weighted(0.3), prop::bool::weighted(0.3)), 4),
        rules in prop::collection::vec(rule(), 0..12),
    ) -> World {
        let users = users.into_iter().zip(1..).map(|(facts, n)| (user(n), facts));
        let facts = |((parent, roles), n): ((Option<u64>, Vec<String>), u64)| {
            // The tree is a tree: only earlier departments stand above.
            let parent = parent.filter(|above| *above < n).map(department);
            (department(n), DepartmentFacts { parent, roles })
        };
        let groups = groups.into_iter().enumerate();
        World {
            users: users.collect(),
            departments: parents.into_iter().zip(held).zip(0..).map(facts).collect(),
            groups: groups.map(|(n, roles)| (format!("group{n}"), roles)).collect(),
            roles: roles.into_iter().enumerate().map(|(n, (everyone, newcomer))| RoleFacts {
                second_factor: false,
                name: format!("role{n}"),
                everyone,
                newcomer,
                opens: None,
            }).collect(),
            rules,
        }
    }
}

prop_compose! {
    fn record()(
        owner in prop::option::weighted(0.8, (1_u64..10).prop_map(user)),
        participants in prop::collection::vec((1_u64..9).prop_map(user), 0..3),
        state in prop::option::weighted(0.8, 1_i64..4),
    ) -> Record {
        let at = DateTime::default();
        Record {
            head: Head {
                version: crate::ids::Version(1),
                owner,
                participants: participants.into_iter().collect(),
                created_at: at,
                created_by: None,
                updated_at: at,
                updated_by: None,
            },
            fields: Values::from_iter([(STATE, state.map_or(Value::Null, Value::Integer))]),
        }
    }
}

impl World {
    fn organisation(&self) -> Organisation {
        let World {
            users,
            departments,
            groups,
            roles,
            rules,
        } = self.clone();
        Organisation::new(users, departments, groups, roles, rules)
    }

    /// The levels of a user, each as the roles held there.
    fn levels(&self, facts: &UserFacts) -> Vec<Vec<String>> {
        let mut own = facts.roles.clone();
        if facts.on_probation {
            own.extend(
                self.roles
                    .iter()
                    .filter(|r| r.newcomer)
                    .map(|r| r.name.clone()),
            );
        }
        let groups = facts.groups.iter().filter_map(|name| self.groups.get(name));
        let mut levels = vec![own, groups.flatten().cloned().collect()];
        let mut next = facts.department;
        while let Some(department) = next.and_then(|id| self.departments.get(&id)) {
            levels.push(department.roles.clone());
            next = department.parent;
        }
        let everyone = self.roles.iter().filter(|role| role.everyone);
        levels.push(everyone.map(|role| role.name.clone()).collect());
        levels
    }

    fn is_below(&self, department: Option<RecordId>, above: RecordId) -> bool {
        let mut next = department;
        while let Some(department) = next {
            if department == above {
                return true;
            }
            next = self.departments.get(&department).and_then(|d| d.parent);
        }
        false
    }

    fn is_within(&self, id: UserId, rule: &Rule, record: &Record) -> bool {
        let me = &self.users[&id];
        let owner = record.head.owner;
        let of_owner = owner.and_then(|owner| self.users.get(&owner));
        let his = of_owner.and_then(|owner| owner.department);
        let own = owner == Some(id);
        let colleague = me.department.is_some() && his == me.department;
        match rule.scope {
            Scope::All => true,
            Scope::Own => own,
            Scope::Shared => record.head.participants.contains(id),
            Scope::Supervised => own || of_owner.is_some_and(|o| o.supervisor == Some(id)),
            Scope::Department => own || colleague,
            Scope::Subtree => own || me.department.is_some_and(|d| self.is_below(his, d)),
            Scope::Foreign => {
                let named = match &rule.departments {
                    Departments::Any => true,
                    Departments::Named(named) => his.is_some_and(|his| named.contains(&his)),
                };
                of_owner.is_some() && !own && !colleague && named
            }
        }
    }

    fn matches(&self, id: UserId, rule: &Rule, record: &Record) -> bool {
        let within = self.is_within(id, rule, record);
        let own = record.head.owner == Some(id);
        let holds = rule.condition.holds(id, record);
        match rule.effect {
            Effect::Grant => {
                let shared = record.head.participants.contains(id);
                let inner = self.users[&id].kind != UserKind::External || own || shared;
                within && inner && holds == Some(true)
            }
            Effect::Ban => {
                let spared = own && !matches!(rule.scope, Scope::Own | Scope::Shared | Scope::All);
                within && !spared && holds != Some(false)
            }
        }
    }

    /// Whether a ban on details takes an action on those of a record away.
    fn takes_part(&self, id: UserId, action: Action, record: &Record) -> bool {
        let me = &self.users.get(&id);
        let Some(me) = me.filter(|me| me.kind != UserKind::Admin) else {
            return false;
        };
        let levels = self.levels(me);
        let mut held = levels.iter().flatten();
        held.any(|role| {
            let rules = self.rules.iter().filter(|rule| **role == *rule.role);
            let mut bans = rules.filter(|rule| {
                rule.object == PART && rule.effect == Effect::Ban && rule.fields == Fields::All
            });
            bans.any(|ban| {
                let own = record.head.owner == Some(id);
                let spared = own && !matches!(ban.scope, Scope::Own | Scope::Shared | Scope::All);
                ban.actions.contains(action) && self.is_within(id, ban, record) && !spared
            })
        })
    }

    /// The decision in words, about a record or one of its fields.
    fn may(&self, id: UserId, action: Action, field: Option<FieldId>, record: &Record) -> bool {
        let Some(facts) = self
            .users
            .get(&id)
            .filter(|facts| facts.access_closed.is_none())
        else {
            return false;
        };
        if facts.kind == UserKind::Admin {
            return true;
        }
        if action.shapes() && facts.kind != UserKind::Administration {
            return false;
        }
        for level in self.levels(facts) {
            let rules = self
                .rules
                .iter()
                .filter(|rule| level.contains(&rule.role.to_string()));
            let rules = rules.filter(|rule| {
                let newcomers = self.roles.iter().filter(|role| role.newcomer);
                let mut newcomers = newcomers.map(|role| role.name.as_str());
                let counts = rule.effect == Effect::Ban || !facts.on_probation;
                counts || newcomers.any(|name| name == &*rule.role)
            });
            let rules = rules.filter(|rule| {
                let named = match (&rule.fields, field) {
                    (Fields::All, _) => true,
                    (Fields::Named(_), None) => rule.effect == Effect::Grant,
                    (Fields::Named(named), Some(field)) => {
                        named.contains(&field) || (rule.effect == Effect::Grant && field.0 < 16)
                    }
                };
                let hides = field.is_some_and(|field| rule.hidden.contains(&field));
                rule.object == THING && rule.actions.contains(action) && named && !hides
            });
            let matching: Vec<&Rule> = rules
                .filter(|rule| self.matches(id, rule, record))
                .collect();
            if !matching.is_empty() {
                return matching.iter().all(|rule| rule.effect == Effect::Grant);
            }
        }
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Plan, explanation and the words agree on every user, action, record and field; a user that
    /// does not exist reaches nothing. Owner and participants alone never tell anything else.
    #[test]
    fn plan_and_explanation_agree_with_the_words(
        world in world(),
        records in prop::collection::vec(record(), 6),
    ) {
        let (organisation, object) = (world.organisation(), thing());
        for id in (1..=9).map(user) {
            let actor = Actor::User(id);
            for action in Action::ALL {
                let plan = Plan::compile(&organisation, actor, &object, action);
                for record in &records {
                    let expected = world.may(id, action, None, record);
                    prop_assert_eq!(plan.permits(record), expected, "{:?} {:?}", id, action);
                    let standing = Standing {
                        owner: record.head.owner,
                        participants: record.head.participants.clone(),
                    };
                    if let Some(told) = plan.at_a_glance(&standing) {
                        prop_assert_eq!(told, expected);
                    }
                    prop_assert!(expected || !plan.permits(&standing));
                    prop_assert!(expected || !plan.reaches_everything());
                    prop_assert!(!expected || !plan.is_nothing());
                    let owners = plan.owners().contains(record.head.owner);
                    let shared = plan.shared_with() == Some(id)
                        && record.head.participants.contains(id);
                    prop_assert!(!expected || owners || shared, "not found by its owner");
                    let decision =
                        Decision::explain(&organisation, actor, &object, action, None, record);
                    prop_assert_eq!(decision.allowed, expected);
                    prop_assert_eq!(deciding(&decision), expected);
                    if !expected {
                        continue;
                    }
                    for field in (20..24).map(FieldId).chain([OWNER]) {
                        let expected = world.may(id, action, Some(field), record);
                        prop_assert_eq!(plan.shows_on(field, record), expected, "{:?}", field);
                        prop_assert!(expected || !plan.shows(field));
                        prop_assert!(!expected || plan.shows_somewhere(field));
                        let of_field = Some(field);
                        let decision =
                            Decision::explain(&organisation, actor, &object, action, of_field, record);
                        prop_assert_eq!(decision.allowed, expected);
                    }
                }
            }
        }
    }

    /// What two plans both cover and show is what each of them does.
    #[test]
    fn both_is_both(
        world in world(),
        records in prop::collection::vec(record(), 6),
    ) {
        let (organisation, object) = (world.organisation(), thing());
        for id in (1..=9).map(user) {
            let plan = |action| Plan::compile(&organisation, Actor::User(id), &object, action);
            let (one, two, three) = (plan(Action::View), plan(Action::Export), plan(Action::Edit));
            let both = one.both(&two);
            let all = both.both(&three);
            for record in &records {
                let covered = one.permits(record) && two.permits(record);
                prop_assert_eq!(both.permits(record), covered);
                prop_assert_eq!(all.permits(record), covered && three.permits(record));
                prop_assert!(!covered || !both.is_nothing());
                prop_assert!(covered || !both.reaches_everything());
                let standing = Standing {
                    owner: record.head.owner,
                    participants: record.head.participants.clone(),
                };
                if let Some(told) = both.at_a_glance(&standing) {
                    prop_assert_eq!(told, covered);
                }
                let shared = both.shared_with() == Some(id)
                    && record.head.participants.contains(id);
                prop_assert!(!covered || shared || both.owners().contains(record.head.owner));
                for field in (20..24).map(FieldId).chain([OWNER]) {
                    if covered {
                        let shown = one.shows_on(field, record) && two.shows_on(field, record);
                        prop_assert_eq!(both.shows_on(field, record), shown);
                    }
                    prop_assert_eq!(both.shows(field), one.shows(field) && two.shows(field));
                }
            }
            prop_assert!(one.covers_the_same(&plan(Action::View)));
            if one.covers_the_same(&two) {
                for record in &records {
                    prop_assert_eq!(one.permits(record), two.permits(record));
                }
            }
        }
    }

    /// Nothing grants details themselves: they are seen with their parent, changed and taken
    /// away by who may change it, added by who may change it, fill it, or add such records. Bans on
    /// them take away.
    #[test]
    fn details_follow_their_parent(
        world in world(),
        records in prop::collection::vec(record(), 6),
    ) {
        let (organisation, part) = (world.organisation(), part());
        for id in (1..=9).map(user) {
            for action in Action::ALL {
                let plan = Plan::compile(&organisation, Actor::User(id), &part, action);
                for record in &records {
                    let may = |action| world.may(id, action, None, record);
                    let expected = !world.takes_part(id, action, record) && match action {
                        Action::Create => [Action::Create, Action::Edit, Action::Fill].map(may).contains(&true),
                        Action::Delete => may(Action::Edit),
                        other => may(other),
                    };
                    prop_assert_eq!(plan.permits(record), expected, "{:?} {:?}", id, action);
                    let decision = Decision::explain(
                        &organisation, Actor::User(id), &part, action, None, record,
                    );
                    prop_assert_eq!(decision.allowed, expected);
                }
            }
        }
    }

    /// The order of rules and their repetition do not matter; a further ban never adds, and a
    /// further grant never takes away on the nearest level.
    #[test]
    fn rules_are_a_set(
        world in world(),
        one in rule(),
        records in prop::collection::vec(record(), 4),
    ) {
        let (organisation, object) = (world.organisation(), thing());
        let mut shuffled = world.clone();
        shuffled.rules.reverse();
        shuffled.rules.extend(world.rules.iter().take(3).cloned());
        let shuffled = shuffled.organisation();
        let mut more = world.clone();
        more.rules.push(one.clone());
        let more = more.organisation();
        for id in (1..=8).map(user) {
            let nearest = world.levels(&world.users[&id])[0].contains(&one.role.to_string());
            for action in Action::ALL {
                let plan = |o| Plan::compile(o, Actor::User(id), &object, action);
                let (before, same, after) = (plan(&organisation), plan(&shuffled), plan(&more));
                for record in &records {
                    prop_assert_eq!(before.permits(record), same.permits(record));
                    match one.effect {
                        Effect::Ban => prop_assert!(before.permits(record) || !after.permits(record)),
                        Effect::Grant if nearest => {
                            prop_assert!(after.permits(record) || !before.permits(record));
                        }
                        Effect::Grant => {}
                    }
                }
            }
        }
    }
}

/// What the reasons named as deciding say.
fn deciding(decision: &Decision) -> bool {
    let mut by_action: BTreeMap<Action, bool> = BTreeMap::new();
    for reason in &decision.reasons {
        match reason {
            Reason::System | Reason::Admin => return true,
            Reason::NoAccess | Reason::Barred => return false,
            Reason::Rule(matched) if matched.decides => {
                let permits = by_action.entry(matched.action).or_insert(true);
                *permits &= matched.effect == Effect::Grant;
            }
            Reason::Rule(_) => {}
        }
    }
    by_action.values().any(|permits| *permits)
}

/// The strictest limit of the nearest level that has one counts; an alarm is less than a stop, and
/// an admin has no limit.
#[test]
fn the_nearest_limit_counts() {
    let role = |name: &str, per_hour: Option<u64>, stop| RoleFacts {
        second_factor: false,
        name: name.to_owned(),
        opens: per_hour.map(|per_hour| Opens { per_hour, stop }),
        ..RoleFacts::default()
    };
    let holder = |roles: &[&str], kind| UserFacts {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        department: Some(department(1)),
        kind,
        ..UserFacts::default()
    };
    let facts = DepartmentFacts {
        parent: None,
        roles: vec!["one".to_owned()],
    };
    let employee = UserKind::Employee;
    let world = World {
        users: [
            (
                user(1),
                holder(&["nine", "alarm", "five", "none"], employee),
            ),
            (user(2), holder(&["none"], employee)),
            (user(3), holder(&["five"], UserKind::Admin)),
        ]
        .into(),
        departments: [(department(1), facts)].into(),
        groups: BTreeMap::new(),
        roles: vec![
            role("nine", Some(9), true),
            role("alarm", Some(5), false),
            role("five", Some(5), true),
            role("one", Some(1), false),
            role("none", None, false),
        ],
        rules: Vec::new(),
    };
    let organisation = world.organisation();
    let opens = |n| organisation.opens(user(n)).map(|o| (o.per_hour, o.stop));
    assert_eq!(opens(1), Some((5, true)));
    assert_eq!(opens(2), Some((1, false)));
    assert_eq!((opens(3), opens(4)), (None, None));
}

/// Whatever is granted, the objects rights are made of are written by admins only.
#[test]
fn nobody_grants_himself_more() {
    let grant = Rule {
        id: RecordId::new(1).unwrap(),
        role: "role0".into(),
        effect: Effect::Grant,
        object: GRANT,
        actions: Action::ALL.into_iter().collect(),
        scope: Scope::All,
        departments: Departments::Any,
        condition: Condition::None,
        fields: Fields::All,
        hidden: Vec::new(),
        source: None,
    };
    let users = Rule {
        object: USER,
        ..grant.clone()
    };
    let facts = UserFacts {
        roles: vec!["role0".into()],
        ..UserFacts::default()
    };
    let world = World {
        users: [(user(1), facts)].into(),
        departments: BTreeMap::new(),
        groups: BTreeMap::new(),
        roles: Vec::new(),
        rules: vec![grant, users],
    };
    let organisation = world.organisation();
    let kernel = Schema::kernel();
    let nobodys = Standing::of(None);
    let harmless = [Action::View, Action::Export, Action::Audit];
    let plan = |object, action| {
        let object = kernel.by_id(object).unwrap();
        Plan::compile(&organisation, Actor::User(user(1)), object, action)
    };
    for action in Action::ALL {
        let permitted = plan(GRANT, action).permits(&nobodys);
        assert_eq!(permitted, harmless.contains(&action), "{action:?}");
        let of_users = harmless.contains(&action) || matches!(action, Action::Edit | Action::Fill);
        assert_eq!(plan(USER, action).permits(&nobodys), of_users, "{action:?}");
    }
    let edit = plan(USER, Action::Edit);
    let fields = kernel.by_id(USER).unwrap().fields.iter();
    let editable: Vec<&str> = fields
        .filter(|field| edit.shows(field.id))
        .map(|field| field.name.as_str())
        .collect();
    assert_eq!(editable, ["name"]);
}
