//! Random organisations, rules and records: the same for the same seed, everywhere and for ever.

use super::condition::Condition;
use super::law::{ACTIONS, Access, Department, Fields, Kind, Law, Record, Role, Rule, User, Value};
use super::shapes::{SHAPES, shape};

/// The field that is deleted after rules have named it.
pub(crate) const LOST: &str = "lost";
/// Words of which none begins as another does.
pub(crate) const WORDS: [&str; 6] = ["zorb", "kwim", "plog", "vint", "gask", "durn"];
/// The same for details, which are found as what they are details of.
const LABELS: [&str; 3] = ["melk", "sorv", "hyst"];
/// Phone numbers, in their normal form.
pub(crate) const PHONES: [&str; 4] = [
    "+74951000001",
    "+74951000002",
    "+74951000003",
    "+74951000004",
];

const SCOPES: [&str; 7] = [
    "own",
    "shared",
    "supervised",
    "department",
    "subtree",
    "foreign",
    "all",
];

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let end = u64::try_from(end).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % end).unwrap()
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Some of the positions below `end`.
    pub(crate) fn some(&mut self, end: usize, one_in: usize) -> Vec<usize> {
        (0..end).filter(|_| self.one_in(one_in)).collect()
    }

    fn maybe<T>(&mut self, one_in: usize, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        self.one_in(one_in).then(|| make(self))
    }
}

/// An organisation with its rules and records.
pub(crate) fn law(seed: u64) -> Law {
    let dice = &mut Dice(seed);
    let mut law = Law {
        closed: vec![("thing", "note")],
        ..Law::default()
    };
    organise(&mut law, dice);
    let conditions: Vec<(&str, Condition)> = ["thing", "thing", "item", "kind"]
        .into_iter()
        .map(|object| (object, Condition::random(dice, object)))
        .collect();
    for _ in 0..4 + dice.below(3 * law.roles.len()) {
        let rule = rule(&law, dice, &conditions);
        law.rules.push(rule);
    }
    // Whoever may see no users can name none as owners.
    if !dice.one_in(4) {
        let fields = if dice.one_in(4) {
            vec!["name"]
        } else {
            Vec::new()
        };
        let rule = Rule {
            role: dice.below(law.roles.len()),
            ban: false,
            object: "user",
            actions: vec!["view"],
            scope: "all",
            departments: Vec::new(),
            condition: None,
            fields,
            hidden: Vec::new(),
        };
        law.rules.push(rule);
    }
    fill(&mut law, dice);
    law
}

fn organise(law: &mut Law, dice: &mut Dice) {
    let roles = 2 + dice.below(5);
    for _ in 0..roles {
        law.roles.push(Role {
            everyone: dice.one_in(4),
            newcomer: dice.one_in(4),
        });
    }
    for at in 0..1 + dice.below(5) {
        law.departments.push(Department {
            parent: (at > 0 && !dice.one_in(3)).then(|| dice.below(at)),
            roles: dice.some(roles, 5),
        });
    }
    for _ in 0..dice.below(4) {
        let roles = dice.some(roles, 4);
        law.groups.push(roles);
    }
    for at in 0..4 + dice.below(7) {
        let user = user(law, dice, at);
        law.users.push(user);
    }
}

fn user(law: &Law, dice: &mut Dice, at: usize) -> User {
    use Kind::{Admin, Administration, Employee, External, Service};
    let kind = match at {
        0 => Administration,
        _ => dice.pick(&[
            Administration,
            Employee,
            Employee,
            Employee,
            Employee,
            Service,
            External,
            if at > 4 { Admin } else { Employee },
        ]),
    };
    let heads = law.users.iter().enumerate();
    let heads = heads.filter(|(_, user)| user.kind == Administration);
    let heads: Vec<usize> = heads.map(|(at, _)| at).collect();
    let led = !matches!(kind, Admin | Administration) && !dice.one_in(3);
    let access = match dice.below(16) {
        0 => Access::Closed,
        1 => Access::NotYet,
        2 => Access::Over,
        3 => Access::Within,
        _ if kind == External => Access::Within,
        _ => Access::Open,
    };
    User {
        kind,
        department: (!dice.one_in(5)).then(|| dice.below(law.departments.len())),
        supervisor: (led && !heads.is_empty()).then(|| dice.pick(&heads)),
        roles: dice.some(law.roles.len(), 3),
        groups: dice.some(law.groups.len(), 3),
        on_probation: dice.one_in(4),
        probation_ended: dice.one_in(2),
        confidentiality_signed: dice.one_in(2),
        access,
    }
}

/// A rule as somebody may write it now: it names only what there is.
pub(crate) fn readable_rule(law: &Law, dice: &mut Dice) -> Rule {
    let conditions = [("thing", Condition::random(dice, "thing"))];
    for _ in 0..100 {
        let rule = rule(law, dice, &conditions);
        let mut names = rule.fields.iter().chain(&rule.hidden);
        let mut departments = rule.departments.iter();
        if names.all(|name| *name != LOST)
            && departments.all(|at| *at < law.departments.len())
            && rule.condition != Some(Condition::Unreadable)
        {
            return rule;
        }
    }
    unreachable!("most rules can be read")
}

/// A rule as it may stand there, names among it of what is no more.
fn rule(law: &Law, dice: &mut Dice, conditions: &[(&'static str, Condition)]) -> Rule {
    let ban = dice.one_in(3);
    let object = match dice.below(24) {
        0..=10 => "thing",
        11..=15 => "item",
        16..=18 => "kind",
        19 | 20 => "part",
        21 => "user",
        _ => "*",
    };
    let is_detail = shape(object).parent.is_some();
    let scope = match (object, is_detail) {
        (_, true) if !ban => "all",
        ("kind" | "user", _) if !dice.one_in(4) => "all",
        _ => dice.pick(&SCOPES),
    };
    let mut actions: Vec<&str> = Vec::new();
    actions.extend((!dice.one_in(if ban { 2 } else { 6 })).then_some("view"));
    let chosen = dice.some(ACTIONS.len(), if ban { 6 } else { 3 });
    actions.extend(chosen.into_iter().map(|at| ACTIONS[at]));
    if actions.is_empty() {
        actions.push("edit");
    }
    actions.sort_unstable();
    actions.dedup();
    let departments = match scope {
        "foreign" if dice.one_in(2) => dice.some(law.departments.len() + 1, 3),
        _ => Vec::new(),
    };
    let known = SHAPES.iter().find(|shape| shape.name == object);
    let names = |dice: &mut Dice, one_in: usize| -> Vec<&'static str> {
        let declared: Vec<&str> = known.iter().flat_map(|shape| shape.declared()).collect();
        let chosen = dice.some(declared.len(), one_in);
        let mut names: Vec<&str> = chosen.into_iter().map(|at| declared[at]).collect();
        names.extend(dice.maybe(30, |_| LOST));
        names
    };
    // Grants on details only hide fields: what else they say decides nothing.
    let named = known.is_some() && (ban || !is_detail) && dice.one_in(if ban { 2 } else { 4 });
    let fields = if named { names(dice, 3) } else { Vec::new() };
    let mut hidden = Vec::new();
    if known.is_some() && !ban && dice.one_in(2) {
        hidden = names(dice, 4);
        hidden.extend(dice.maybe(6, |dice| dice.pick(&["owner", "created_at", "updated_by"])));
        hidden.retain(|name| !fields.contains(name));
    }
    let fitting = conditions.iter().filter(|(of, _)| *of == object);
    let fitting: Vec<&Condition> = fitting.map(|(_, condition)| condition).collect();
    let condition = match !fitting.is_empty() && dice.one_in(3) {
        true => Some(dice.pick(&fitting).clone()),
        false => None,
    };
    Rule {
        role: dice.below(law.roles.len()),
        ban,
        object,
        actions,
        scope,
        departments,
        condition,
        fields,
        hidden,
    }
}

fn fill(law: &mut Law, dice: &mut Dice) {
    let users = law.users.len();
    let size = |dice: &mut Dice| Value::Number(i64::try_from(dice.below(9)).unwrap());
    let word = |dice: &mut Dice| Value::Text(dice.pick(&WORDS).to_owned());
    let set = |fields: &mut Fields, name, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name, value);
        }
    };
    let mut things = Vec::new();
    for at in 0..3 + 12 + 10 + 9 {
        let mut fields = Fields::new();
        let object = match at {
            0..3 => "kind",
            3..15 => "thing",
            15..25 => "part",
            _ => "item",
        };
        let owned = shape(object).owned;
        let mut owner = (owned && !dice.one_in(8)).then(|| dice.below(users));
        let mut participants = if owned {
            dice.some(users, 8)
        } else {
            Vec::new()
        };
        participants.retain(|user| Some(*user) != owner);
        let mut parent = None;
        match object {
            "kind" => {
                set(&mut fields, "name", Some(word(dice)));
                set(&mut fields, "rank", (!dice.one_in(3)).then(|| size(dice)));
            }
            "thing" => {
                things.push(at);
                set(&mut fields, "title", Some(word(dice)));
                set(&mut fields, "size", (!dice.one_in(4)).then(|| size(dice)));
                let stage = |dice: &mut Dice| dice.pick(&["new", "won", "lost"]).to_owned();
                set(
                    &mut fields,
                    "stage",
                    (!dice.one_in(4)).then(|| Value::Text(stage(dice))),
                );
                let phone = |dice: &mut Dice| Value::Text(dice.pick(&PHONES).to_owned());
                set(&mut fields, "phone", (!dice.one_in(2)).then(|| phone(dice)));
                set(&mut fields, "note", (!dice.one_in(2)).then(|| word(dice)));
                set(
                    &mut fields,
                    "kind",
                    dice.maybe(2, |dice| Value::Record(dice.below(3))),
                );
                set(
                    &mut fields,
                    "helper",
                    dice.maybe(2, |dice| Value::User(dice.below(users))),
                );
            }
            "part" => {
                let of = dice.pick(&things);
                parent = Some(of);
                owner = law.records[of].owner;
                participants = law.records[of].participants.clone();
                set(&mut fields, "thing", Some(Value::Record(of)));
                let label = dice.pick(&LABELS).to_owned();
                set(&mut fields, "label", Some(Value::Text(label)));
                set(&mut fields, "count", (!dice.one_in(4)).then(|| size(dice)));
            }
            _ => {
                set(&mut fields, "title", Some(word(dice)));
                set(&mut fields, "size", (!dice.one_in(4)).then(|| size(dice)));
                let state = |dice: &mut Dice| dice.pick(&["open", "done"]).to_owned();
                set(
                    &mut fields,
                    "state",
                    (!dice.one_in(4)).then(|| Value::Text(state(dice))),
                );
                let of = |dice: &mut Dice| Value::Record(dice.pick(&things));
                set(&mut fields, "thing", (!dice.one_in(3)).then(|| of(dice)));
            }
        }
        law.records.push(Record {
            object,
            owner,
            participants,
            fields,
            parent,
        });
    }
}
