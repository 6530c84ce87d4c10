//! Roles with their grants and bans: as declared, and as records of the kernel's objects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::place::{self, Part};
use super::{Pack, ROLES};
use crate::error::{Error, Result};
use crate::expr;
use crate::ids::RecordId;
use crate::policy::{Action, Scope};
use crate::schema::system::{GRANT, ROLE, grant, role};
use crate::schema::{Object, Schema, keys};
use crate::value::take_uint;
use crate::value::{Record, Value};
use crate::write::{Door, Input};

/// A role as a pack declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDeclaration {
    /// Its name. A role that exists already is added to.
    pub name: String,
    /// Who it is for.
    #[serde(default)]
    pub description: String,
    /// Whether everyone holds it.
    #[serde(default)]
    pub everyone: bool,
    /// Whether those on probation hold it; nothing else grants them anything.
    #[serde(default)]
    pub newcomer: bool,
    /// Whether those who hold it log in with a second factor.
    #[serde(default)]
    pub second_factor: bool,
    /// How many records may be opened in an hour.
    #[serde(default)]
    pub opens_per_hour: Option<u32>,
    /// What happens beyond that; an alarm if nothing is said.
    #[serde(default)]
    pub opens_over: Option<OpensOver>,
    /// What it permits.
    #[serde(default)]
    pub grant: Vec<GrantDeclaration>,
    /// What it forbids.
    #[serde(default)]
    pub ban: Vec<GrantDeclaration>,
}

/// What happens when more records are opened in an hour than a role provides for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpensOver {
    /// An event is raised.
    Alarm,
    /// No more are opened.
    Stop,
}

/// A permission, or a ban, as a pack declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantDeclaration {
    /// The object, or `*` for every object.
    pub object: String,
    /// What is permitted or forbidden.
    pub actions: BTreeSet<Action>,
    /// For whose records.
    pub scope: Scope,
    /// Of the scope `foreign`: of which departments; of all others if none is named.
    #[serde(default)]
    pub departments: BTreeSet<String>,
    /// For which of these records, in the condition language; for all if nothing is said.
    #[serde(default)]
    pub condition: Option<String>,
    /// The fields it speaks of; of all if none is named.
    #[serde(default)]
    pub fields: BTreeSet<String>,
    /// Of a grant: fields it does not show.
    #[serde(default)]
    pub hidden_fields: BTreeSet<String>,
}

impl RoleDeclaration {
    /// The grants (`false`) and bans (`true`), in the order of the file.
    fn rules(&self) -> impl Iterator<Item = (bool, usize, &GrantDeclaration)> {
        let grants = self.grant.iter().enumerate();
        let bans = self.ban.iter().enumerate();
        let grants = grants.map(|(index, rule)| (false, index, rule));
        grants.chain(bans.map(|(index, rule)| (true, index, rule)))
    }
}

/// The array that a rule stands in.
const fn part(ban: bool) -> &'static str {
    if ban { "ban" } else { "grant" }
}

/// Everything that is wrong with the roles of a pack in a schema. The fields of `unsettled` objects
/// are not known.
pub(super) fn check(pack: &Pack, schema: &Schema, unsettled: &BTreeSet<String>) -> Vec<Error> {
    let text = pack.text(ROLES);
    let mut faults = Vec::new();
    for role in &pack.roles {
        let mut told = |message: &str| {
            let offset = place::entry(text, "role", &role.name).unwrap_or(0);
            faults.push(place::fault(ROLES, text, offset, message));
        };
        if let Err(error) = crate::schema::check_name(&role.name, "a role") {
            told(error.message());
        }
        match (role.opens_per_hour, role.opens_over) {
            (Some(0), _) => told("`opens_per_hour` is at least 1"),
            (None, Some(_)) => told("`opens_over` needs `opens_per_hour`"),
            _ => {}
        }
        for (ban, index, rule) in role.rules() {
            let part = Part {
                list: "role",
                name: &role.name,
                part: part(ban),
                index,
            };
            for fault in rule_faults(schema, unsettled, ban, rule) {
                let offset = part.value(text, fault.key, &fault.wanted).unwrap_or(0);
                faults.push(place::fault(ROLES, text, offset, &fault.message));
            }
        }
    }
    faults
}

const OF_DETAILS: &str = "details go with their parent: a rule on them has no condition";

/// What is wrong with a rule: the key, its value where that is one of several, and why.
struct RuleFault {
    key: &'static str,
    wanted: String,
    message: String,
}

fn rule_faults(
    schema: &Schema,
    unsettled: &BTreeSet<String>,
    ban: bool,
    rule: &GrantDeclaration,
) -> Vec<RuleFault> {
    let mut faults = Vec::new();
    let mut told = |key, wanted: &str, message: String| {
        faults.push(RuleFault {
            key,
            wanted: wanted.to_owned(),
            message,
        });
    };
    if rule.actions.is_empty() {
        told("actions", "", "names no action".to_owned());
    }
    if rule.departments.contains("") {
        told("departments", "", "a department without a name".to_owned());
    }
    if !rule.departments.is_empty() && rule.scope != Scope::Foreign {
        let message = "`departments` narrow the scope `foreign` only";
        told("departments", "", message.to_owned());
    }
    if ban && !rule.hidden_fields.is_empty() {
        let message = "a ban hides no fields: it names those it forbids in `fields`";
        told("hidden_fields", "", message.to_owned());
    }
    for field in rule.fields.intersection(&rule.hidden_fields) {
        let message = format!("`{field}` stands in `fields` and in `hidden_fields`");
        told("hidden_fields", field, message);
    }
    let object = match rule.object.as_str() {
        "*" => None,
        name => match schema.object(name) {
            Ok(object) => Some(object),
            Err(error) => {
                told("object", name, error.message().to_owned());
                return faults;
            }
        },
    };
    if unsettled.contains(&rule.object) {
        return faults;
    }
    if let Some(followed) = object.and_then(|object| schema.followed(object)) {
        let (name, followed) = (&rule.object, &followed.name);
        let message = format!("`{name}` goes with `{followed}`: give the right on that");
        told("object", name, message);
        return faults;
    }
    for (key, fields) in [
        ("fields", &rule.fields),
        ("hidden_fields", &rule.hidden_fields),
    ] {
        for field in fields {
            let has = |object: &Arc<Object>| object.find(field).is_some();
            // A ban on fields means all of them where an object has them not.
            let known = match object {
                Some(object) => has(object),
                None => !ban && schema.objects().any(has),
            };
            if !known {
                let message = format!("`{}` has no field `{field}`", rule.object);
                told(key, field, message);
            }
        }
    }
    if let Some(condition) = &rule.condition {
        match object {
            None => {
                let message = "a condition speaks of the fields of one object, not of `*`";
                told("condition", "", message.to_owned());
            }
            Some(object) if object.is_detail() => {
                told("condition", "", OF_DETAILS.to_owned());
            }
            Some(object) => {
                if let Err(error) = expr::judge(schema, object, condition) {
                    told("condition", "", format!("condition: {}", error.message()));
                }
            }
        }
    }
    faults
}

/// Brings the records from what the pack declared `before` to what it declares now. Grants that
/// others gave to the same roles stay as they are.
pub(super) fn apply(door: &mut Door<'_>, pack: &Pack, before: &[RoleDeclaration]) -> Result<()> {
    let roles = Roles::of(door.schema(), pack)?;
    for declared in &pack.roles {
        let id = roles.take(door, declared)?;
        let former = before.iter().find(|role| role.name == declared.name);
        roles.take_rules(door, id, former, Some(declared))?;
    }
    for gone in before {
        if pack.roles.iter().all(|role| role.name != gone.name)
            && let Some(id) = find(door, &gone.name)?
        {
            roles.take_rules(door, id, Some(gone), None)?;
        }
    }
    Ok(())
}

/// A rule as it is compared: whether it bans, and what it says.
type Said<'r> = (bool, &'r GrantDeclaration);

struct Roles<'p> {
    role: Arc<Object>,
    grant: Arc<Object>,
    pack: &'p str,
    /// The lines of grants and bans, by role.
    lines: [BTreeMap<String, Vec<usize>>; 2],
}

impl<'p> Roles<'p> {
    fn of(schema: &Schema, pack: &'p Pack) -> Result<Roles<'p>> {
        let object = |id| {
            let object = schema.by_id(id).map(Arc::clone);
            object.ok_or_else(|| Error::internal("a schema without the objects of rights"))
        };
        let lines = |ban| place::lines(pack.text(ROLES), "role", part(ban));
        Ok(Roles {
            role: object(ROLE)?,
            grant: object(GRANT)?,
            pack: pack.name(),
            lines: [lines(false), lines(true)],
        })
    }

    /// The record of a role, made or renewed. What another pack declared stays that pack's.
    fn take(&self, door: &mut Door<'_>, declared: &RoleDeclaration) -> Result<RecordId> {
        let id = find(door, &declared.name)?;
        let by = self.role.field("pack")?.id;
        if let Some(id) = id {
            let record = door.get(&self.role, id)?;
            let pack = record.and_then(|record| Some(record.fields.get(by).as_text()?.to_owned()));
            if pack.as_deref() != Some(self.pack) {
                return Ok(id);
            }
        }
        let text = |text: &str| match text {
            "" => Value::Null,
            text => Value::from(text),
        };
        let flag = |set: bool| match set {
            true => Value::Checkbox(true),
            false => Value::Null,
        };
        let over = declared.opens_per_hour.map(|_| match declared.opens_over {
            Some(OpensOver::Stop) => "stop",
            Some(OpensOver::Alarm) | None => "alarm",
        });
        let opens = declared.opens_per_hour.map(i64::from);
        let mut input = Input::default();
        input.set(&self.role, "description", text(&declared.description))?;
        input.set(&self.role, "everyone", flag(declared.everyone))?;
        input.set(&self.role, "newcomer", flag(declared.newcomer))?;
        input.set(&self.role, "second_factor", flag(declared.second_factor))?;
        let opens = opens.map_or(Value::Null, Value::Integer);
        input.set(&self.role, "opens_per_hour", opens)?;
        input.set(&self.role, "opens_over", text(over.unwrap_or_default()))?;
        match id {
            Some(id) => door.update(&self.role, id, input, None).map(|_| id),
            None => {
                input.set(&self.role, "name", declared.name.as_str())?;
                input.set(&self.role, "pack", self.pack)?;
                door.create(&self.role, input)
            }
        }
    }

    /// Takes what the pack declared `former` away from a role and adds what it declares now. What
    /// is in both is not touched, but for the line it stands in.
    fn take_rules(
        &self,
        door: &mut Door<'_>,
        role: RecordId,
        former: Option<&RoleDeclaration>,
        declared: Option<&RoleDeclaration>,
    ) -> Result<()> {
        let mut missing: Vec<(Said<'_>, String)> = Vec::new();
        if let Some(declared) = declared {
            let rules = declared.rules();
            missing.extend(rules.map(|(ban, index, rule)| {
                let source = self.source(&declared.name, ban, index);
                ((ban, rule), source)
            }));
        }
        let former: Vec<Said<'_>> = former
            .into_iter()
            .flat_map(|role| role.rules())
            .map(|(ban, _, rule)| (ban, rule))
            .collect();
        for (source, _, id) in door.referrers(&self.role, role)? {
            if source.id != GRANT {
                continue;
            }
            let record = door.get(&self.grant, id)?.ok_or_else(Error::not_found)?;
            let stated = record.fields.get(grant::SOURCE).as_text();
            let stated = stated.unwrap_or_default();
            let own = stated.starts_with(&format!("{}/{ROLES}:", self.pack));
            let Some((ban, present)) = self.read(&record).filter(|_| own) else {
                continue;
            };
            let is_present = |said: &Said<'_>| *said == (ban, &present);
            if let Some(place) = missing.iter().position(|(said, _)| is_present(said)) {
                let (_, source) = missing.remove(place);
                if source != stated {
                    let source = Input::of([(grant::SOURCE, Value::from(source.as_str()))]);
                    door.update(&self.grant, id, source, None)?;
                }
            } else if former.iter().any(is_present) {
                door.delete(&self.grant, id, None)?;
            }
        }
        for (said, source) in missing {
            let input = self.write(role, said, &source)?;
            door.create(&self.grant, input)?;
        }
        Ok(())
    }

    /// Where a rule is declared.
    fn source(&self, role: &str, ban: bool, index: usize) -> String {
        let lines = self.lines[usize::from(ban)].get(role);
        let line = lines.and_then(|lines| lines.get(index));
        format!("{}/{ROLES}:{}", self.pack, line.copied().unwrap_or(1))
    }

    /// A record as the declaration it came from; none for one that cannot be read.
    fn read(&self, record: &Record) -> Option<(bool, GrantDeclaration)> {
        let tags = |field| record.fields.get(field).as_tags().unwrap_or_default();
        let set = |field| tags(field).iter().cloned().collect();
        let text = |field| record.fields.get(field).as_text().map(str::to_owned);
        let actions = tags(grant::ACTIONS)
            .iter()
            .map(|name| Action::by_name(name));
        let scope = record.fields.get(grant::SCOPE).as_choice()?;
        let scope = self.grant.by_id(grant::SCOPE)?.choice_by_id(scope)?;
        let declared = GrantDeclaration {
            object: text(grant::OBJECT)?,
            actions: actions.collect::<Option<BTreeSet<Action>>>()?,
            scope: Scope::by_name(&scope.name)?,
            departments: set(grant::DEPARTMENTS),
            condition: text(grant::CONDITION),
            fields: set(grant::FIELDS),
            hidden_fields: set(grant::HIDDEN_FIELDS),
        };
        let ban = *record.fields.get(grant::BAN) == Value::Checkbox(true);
        Some((ban, declared))
    }

    fn write(&self, role: RecordId, said: Said<'_>, source: &str) -> Result<Input> {
        let (ban, declared) = said;
        let mut input = Input::default();
        input.set(&self.grant, "role", role)?;
        input.set(&self.grant, "object", declared.object.as_str())?;
        input.set(&self.grant, "scope", declared.scope.name())?;
        input.set(&self.grant, "source", source)?;
        let actions = declared.actions.iter().map(|action| action.name());
        input.set(&self.grant, "actions", Value::tags(actions))?;
        if ban {
            input.set(&self.grant, "ban", Value::Checkbox(true))?;
        }
        if let Some(condition) = &declared.condition {
            input.set(&self.grant, "condition", condition.as_str())?;
        }
        for (name, named) in [
            ("departments", &declared.departments),
            ("fields", &declared.fields),
            ("hidden_fields", &declared.hidden_fields),
        ] {
            if !named.is_empty() {
                input.set(&self.grant, name, Value::tags(named.iter().cloned()))?;
            }
        }
        Ok(input)
    }
}

fn find(door: &Door<'_>, name: &str) -> Result<Option<RecordId>> {
    let key = keys::unique(ROLE, role::NAME, &Value::from(name));
    match door.reader().get(&key)? {
        Some(id) => RecordId::new(take_uint(&mut id.as_ref())?).map(Some),
        None => Ok(None),
    }
}
