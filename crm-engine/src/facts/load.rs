//! Users, departments, groups, roles and rules, read from their records.
//!
//! What cannot be read grants nothing and bans all it could mean (invariant *default deny*).

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::{CompileCondition, Facts};
use crate::error::Result;
use crate::ids::{FieldId, ObjectId, RecordId, UserId};
use crate::policy::{
    Action, ActionSet, Condition, DepartmentFacts, Departments, Effect, Fields, Opens,
    Organisation, RoleFacts, Rule, Scope, UserFacts, UserKind,
};
use crate::schema::system::{self, DEPARTMENT, GRANT, GROUP, ROLE, USER};
use crate::schema::{Object, Schema, keys};
use crate::store::{Read, ScanOptions};
use crate::value::{Record, RecordView, Value};

pub(super) fn facts(read: &dyn Read, schema: &Schema, compile: CompileCondition) -> Result<Facts> {
    let mut records = Vec::new();
    for object in [ROLE, GROUP, DEPARTMENT, USER, GRANT] {
        each(read, object, |id, record| {
            records.push((object, id, record))
        })?;
    }
    let records = records
        .iter()
        .map(|(object, id, record)| (*object, *id, record));
    Ok(of_records(schema, compile, records))
}

/// The facts that records of the objects of rights make up.
pub(super) fn of_records<'r>(
    schema: &Schema,
    compile: CompileCondition,
    records: impl Iterator<Item = (ObjectId, RecordId, &'r Record)> + Clone,
) -> Facts {
    Facts {
        organisation: organisation(schema, compile, records),
        schema: schema.clone(),
        plans: RwLock::default(),
        opens: RwLock::default(),
    }
}

/// The organisation that records of the objects of rights make up.
fn organisation<'r>(
    schema: &Schema,
    compile: CompileCondition,
    records: impl Iterator<Item = (ObjectId, RecordId, &'r Record)> + Clone,
) -> Organisation {
    let of = |object| {
        let records = records.clone();
        records.filter_map(move |(of, id, record)| (of == object).then_some((id, record)))
    };
    let groups: BTreeMap<String, Vec<String>> = of(GROUP)
        .map(|(_, group)| {
            let name = text(group, system::group::NAME);
            (name, tags(group, system::group::ROLES).to_vec())
        })
        .collect();
    let departments = of(DEPARTMENT).map(|(id, department)| {
        let parent = department.fields.get(system::department::PARENT);
        let roles = tags(department, system::department::ROLES).to_vec();
        let parent = parent.as_reference();
        (id, DepartmentFacts { parent, roles })
    });
    let users = of(USER).map(|(id, record)| {
        let user = user_facts(schema, record, &groups);
        (UserId(id), user)
    });
    let mut names = BTreeMap::new();
    let mut roles = Vec::new();
    for (id, record) in of(ROLE) {
        let name = text(record, system::role::NAME);
        names.insert(id, Arc::from(name.as_str()));
        roles.push(RoleFacts {
            name,
            everyone: is_set(record, system::role::EVERYONE),
            newcomer: is_set(record, system::role::NEWCOMER),
            second_factor: is_set(record, system::role::SECOND_FACTOR),
            opens: opens(schema, record),
        });
    }
    let places: BTreeMap<String, RecordId> = of(DEPARTMENT)
        .map(|(id, record)| (text(record, system::department::NAME), id))
        .collect();
    let reader = Rules {
        schema,
        compile,
        roles: &names,
        departments: &places,
    };
    let rules = of(GRANT).flat_map(|(id, record)| reader.rules_of(id, record));
    let rules = rules.collect();
    Organisation::new(users.collect(), departments.collect(), groups, roles, rules)
}

/// How many records those who hold a role may open in an hour: an alarm unless it says stop.
fn opens(schema: &Schema, record: &Record) -> Option<Opens> {
    let per_hour = record.fields.get(system::role::OPENS_PER_HOUR).as_integer();
    let over = choice(schema, ROLE, system::role::OPENS_OVER, record);
    Some(Opens {
        per_hour: u64::try_from(per_hour?).unwrap_or(0),
        stop: over == Some("stop"),
    })
}

fn user_facts(
    schema: &Schema,
    record: &Record,
    groups: &BTreeMap<String, Vec<String>>,
) -> UserFacts {
    use system::user;
    let field = |id| record.fields.get(id);
    let named = tags(record, user::GROUPS).iter();
    let serves = is_set(record, user::ON_PROBATION);
    let passed = is_set(record, user::PROBATION_ENDED);
    let signed = is_set(record, user::CONFIDENTIALITY_SIGNED);
    let kind = choice(schema, USER, user::KIND, record);
    UserFacts {
        login: text(record, user::LOGIN),
        kind: kind.and_then(UserKind::by_name).unwrap_or_default(),
        department: field(user::DEPARTMENT).as_reference(),
        supervisor: field(user::SUPERVISOR).as_reference().map(UserId),
        roles: tags(record, user::ROLES).to_vec(),
        groups: named
            .filter(|name| groups.contains_key(*name))
            .cloned()
            .collect(),
        on_probation: serves && !(passed && signed),
        access_closed: field(user::ACCESS_CLOSED).as_datetime(),
        access_from: field(user::ACCESS_FROM).as_datetime(),
        access_until: field(user::ACCESS_UNTIL).as_datetime(),
    }
}

/// How rules are read from their records.
struct Rules<'r> {
    schema: &'r Schema,
    compile: CompileCondition,
    roles: &'r BTreeMap<RecordId, Arc<str>>,
    departments: &'r BTreeMap<String, RecordId>,
}

impl Rules<'_> {
    /// A rule for each object that the record names; `*` names every one, so that the fields it
    /// speaks of are found in each, but a ban on `*` no details: they go with their parent.
    fn rules_of(&self, id: RecordId, record: &Record) -> Vec<Rule> {
        use system::grant;
        let role = record.fields.get(grant::ROLE).as_reference();
        let Some(role) = role.and_then(|role| self.roles.get(&role)) else {
            return Vec::new();
        };
        let effect = match is_set(record, grant::BAN) {
            true => Effect::Ban,
            false => Effect::Grant,
        };
        let scope = choice(self.schema, GRANT, grant::SCOPE, record).and_then(Scope::by_name);
        let scope = match (scope, effect) {
            (Some(scope), _) => scope,
            (None, Effect::Ban) => Scope::All,
            (None, Effect::Grant) => return Vec::new(),
        };
        let source = text(record, grant::SOURCE);
        let source: Option<Arc<str>> = (!source.is_empty()).then(|| source.into());
        let name = text(record, grant::OBJECT);
        let known = self.schema.object(&name).is_ok();
        // Of details a grant that says nothing still hides their fields.
        let details = self
            .schema
            .object(&name)
            .is_ok_and(|object| object.is_detail());
        let every = name == "*" || (!known && effect == Effect::Ban);
        let objects = self.schema.objects();
        objects
            .filter(|object| match every {
                true => effect == Effect::Grant || !object.is_detail(),
                false => name == object.name,
            })
            .map(|object| Rule {
                id,
                role: Arc::clone(role),
                effect,
                object: object.id,
                actions: actions(record, effect),
                scope,
                departments: self.departments(record, effect),
                condition: self.condition(object, record),
                fields: fields(object, record, effect),
                hidden: known_fields(object, tags(record, grant::HIDDEN_FIELDS)).collect(),
                source: source.clone(),
            })
            .filter(|rule| details || !rule.grants_nothing())
            .collect()
    }

    fn departments(&self, record: &Record, effect: Effect) -> Departments {
        let named = tags(record, system::grant::DEPARTMENTS);
        let known: Vec<RecordId> = named
            .iter()
            .filter_map(|name| self.departments.get(name).copied())
            .collect();
        let all_known = known.len() == named.len();
        match named.is_empty() || (!all_known && effect == Effect::Ban) {
            true => Departments::Any,
            false => Departments::Named(known),
        }
    }

    fn condition(&self, object: &Arc<Object>, record: &Record) -> Condition {
        match record.fields.get(system::grant::CONDITION).as_text() {
            None => Condition::None,
            Some(text) => match (self.compile)(self.schema, object, text) {
                Ok(judge) => Condition::If(judge),
                Err(_) => Condition::Unreadable,
            },
        }
    }
}

/// The actions of a rule; a ban of one that does not exist bans every one.
fn actions(record: &Record, effect: Effect) -> ActionSet {
    let named = tags(record, system::grant::ACTIONS).iter();
    let named: Vec<Option<Action>> = named.map(|name| Action::by_name(name)).collect();
    match effect == Effect::Ban && named.contains(&None) {
        true => Action::ALL.into_iter().collect(),
        false => named.into_iter().flatten().collect(),
    }
}

/// The fields a rule speaks of; a ban of one that does not exist bans every one.
fn fields(object: &Object, record: &Record, effect: Effect) -> Fields {
    let named = tags(record, system::grant::FIELDS);
    let known: Vec<FieldId> = known_fields(object, named).collect();
    let all_known = known.len() == named.len();
    match named.is_empty() || (!all_known && effect == Effect::Ban) {
        true => Fields::All,
        false => Fields::Named(known),
    }
}

fn known_fields(object: &Object, names: &[String]) -> impl Iterator<Item = FieldId> {
    let known = names.iter().filter_map(|name| object.find(name));
    known.map(|field| field.id)
}

fn each(read: &dyn Read, object: ObjectId, mut take: impl FnMut(RecordId, Record)) -> Result<()> {
    let prefix = keys::Key::new(keys::Space::Record)
        .object(object)
        .done()
        .len();
    let mut rows = read.scan(keys::records(object), ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        let id = RecordId::new(crate::value::take_uint(&mut &key[prefix..])?)?;
        take(id, RecordView::new(value)?.decode()?);
    }
    Ok(())
}

fn choice<'s>(
    schema: &'s Schema,
    object: ObjectId,
    field: FieldId,
    record: &Record,
) -> Option<&'s str> {
    let choice = record.fields.get(field).as_choice()?;
    let field = schema.by_id(object)?.by_id(field)?;
    field
        .choice_by_id(choice)
        .map(|choice| choice.name.as_str())
}

fn text(record: &Record, field: FieldId) -> String {
    let text = record.fields.get(field).as_text();
    text.unwrap_or_default().to_owned()
}

fn is_set(record: &Record, field: FieldId) -> bool {
    *record.fields.get(field) == Value::Checkbox(true)
}

fn tags(record: &Record, field: FieldId) -> &[String] {
    record.fields.get(field).as_tags().unwrap_or_default()
}
