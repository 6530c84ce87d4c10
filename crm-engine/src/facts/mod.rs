//! Reads the facts that rights are decided from, and keeps the plans compiled from them.
//!
//! Users, departments, roles and grants are records like any others. A write to one of them
//! raises the policy epoch in the same transaction; every reader compares the epoch in its own
//! snapshot, so a stale plan cannot be used.

mod taint;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::error::{Code, Error, Result};
use crate::ids::{ObjectId, RecordId, UserId};
use crate::policy::{
    Action, ActionSet, Actor, Grant, Organisation, Owners, Plan, Scope, UserFacts,
};
use crate::schema::system::{self, GRANT, GROUP, ROLE, USER};
use crate::schema::{Field, Object, Schema, keys};
use crate::store::{Read, ScanOptions, Txn};
use crate::value::{Record, RecordView, Value};

const EPOCH: &str = "policy_epoch";

/// The organisation at one policy epoch, with the plans compiled from it so far.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) organisation: Organisation,
    /// Fields kept from others are hidden where those are.
    schema: Schema,
    plans: RwLock<HashMap<PlanKey, Arc<Plan>, BuildHasherDefault<Mixer>>>,
}

type PlanKey = (Actor, ObjectId, Action);

impl Facts {
    /// The plan of `actor`, compiled at most once per epoch.
    pub(crate) fn plan(&self, actor: Actor, object: &Object, action: Action) -> Arc<Plan> {
        let key = (actor, object.id, action);
        let kept = self.plans.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = kept.get(&key) {
            return Arc::clone(plan);
        }
        drop(kept);
        let plan = self.granted(actor, object, action);
        let tainted = self.tainted(actor, object, &plan);
        let plan = Arc::new(plan.without(tainted));
        let mut kept = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(key, Arc::clone(&plan));
        plan
    }

    /// What the grants say by themselves.
    fn granted(&self, actor: Actor, object: &Object, action: Action) -> Plan {
        Plan::compile(&self.organisation, actor, object, action)
    }
}

impl Facts {
    /// `value` of `field` as `actor` may see it: a reference to a record that he may not see is
    /// no value (invariant *invisible is absent*). What the engine keeps names users, who are no
    /// secret to whoever sees the record.
    pub(crate) fn shown<'v>(
        &self,
        read: &dyn Read,
        schema: &Schema,
        actor: Actor,
        field: &Field,
        value: &'v Value,
    ) -> Result<Cow<'v, Value>> {
        let target = field.target.filter(|_| !field.is_system());
        let target = target.and_then(|target| schema.by_id(target));
        let (Some(target), Some(id)) = (target, value.as_reference()) else {
            return Ok(Cow::Borrowed(value));
        };
        let plan = self.plan(actor, target, Action::View);
        if plan.owners == Owners::All {
            return Ok(Cow::Borrowed(value));
        }
        let seen = match read.get(&keys::record(target.id, id))? {
            Some(bytes) => plan.permits(RecordView::new(&bytes)?.owner()),
            None => false,
        };
        Ok(match seen {
            true => Cow::Borrowed(value),
            false => Cow::Owned(Value::Null),
        })
    }
}

/// Hashes the few numbers that a plan is kept under: every read of a record looks one up. Users
/// are numbered by the engine, so nobody can choose numbers that collide.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        // The odd number is 2^64 divided by the golden ratio.
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, which are mixed the least.
        self.0 ^ (self.0 >> 32)
    }
}

/// The newest facts read from published snapshots.
#[derive(Debug, Default)]
pub(crate) struct FactsCache(Mutex<Option<(Moment, Arc<Facts>)>>);

/// Policy epoch and schema version: facts are good for as long as neither moves on.
type Moment = (u64, u32);

impl FactsCache {
    /// The facts as of `read`, which is a published snapshot.
    pub(crate) fn of_snapshot(&self, read: &dyn Read, schema: &Schema) -> Result<Arc<Facts>> {
        let key = (epoch(read)?, schema.version());
        if let Some((cached, facts)) = lock(&self.0).as_ref()
            && *cached == key
        {
            return Ok(Arc::clone(facts));
        }
        let facts = Arc::new(load(read, schema)?);
        *lock(&self.0) = Some((key, Arc::clone(&facts)));
        Ok(facts)
    }

    /// The facts as of a transaction. Only what a published snapshot agreed with is taken from
    /// the cache, and nothing is put in: the transaction may yet be undone.
    pub(crate) fn of_transaction(&self, read: &dyn Read, schema: &Schema) -> Result<Arc<Facts>> {
        let key = (epoch(read)?, schema.version());
        match lock(&self.0).as_ref() {
            Some((cached, facts)) if *cached == key => Ok(Arc::clone(facts)),
            _ => load(read, schema).map(Arc::new),
        }
    }
}

/// Starts a new policy epoch: called for every write to an object that rights are made of.
pub(crate) fn raise_epoch(txn: &mut Txn) -> Result<()> {
    let next = epoch(txn)? + 1;
    txn.put(&keys::meta(EPOCH), &next.to_be_bytes())
}

fn epoch(read: &dyn Read) -> Result<u64> {
    match read.get(&keys::meta(EPOCH))? {
        None => Ok(0),
        Some(bytes) => bytes
            .as_ref()
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| Error::new(Code::Damaged, "the policy epoch is damaged")),
    }
}

fn load(read: &dyn Read, schema: &Schema) -> Result<Facts> {
    let mut roles: BTreeMap<RecordId, String> = BTreeMap::new();
    each(read, ROLE, |id, record| {
        roles.insert(id, text(&record, system::role::NAME));
    })?;
    let mut groups = BTreeSet::new();
    each(read, GROUP, |_, record| {
        groups.insert(text(&record, system::group::NAME));
    })?;
    let mut users = BTreeMap::new();
    each(read, USER, |id, record| {
        users.insert(UserId(id), user_facts(schema, &record, &groups));
    })?;
    let mut grants = Vec::new();
    each(read, GRANT, |_, record| {
        grants.extend(grants_of(schema, &roles, &record));
    })?;
    Ok(Facts {
        organisation: Organisation::new(users, grants),
        schema: schema.clone(),
        plans: RwLock::default(),
    })
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

fn user_facts(schema: &Schema, record: &Record, groups: &BTreeSet<String>) -> UserFacts {
    let field = |id| record.fields.get(id);
    let kind = schema
        .by_id(USER)
        .and_then(|users| users.by_id(system::user::KIND));
    let kind = kind.zip(field(system::user::KIND).as_choice());
    let kind = kind.map(|(field, choice)| field.choice_name(choice));
    let named = tags(record, system::user::GROUPS).iter();
    UserFacts {
        login: text(record, system::user::LOGIN),
        department: field(system::user::DEPARTMENT).as_reference(),
        supervisor: field(system::user::SUPERVISOR).as_reference().map(UserId),
        roles: tags(record, system::user::ROLES).to_vec(),
        administrator: kind == Some("admin"),
        groups: named
            .filter(|name| groups.contains(*name))
            .cloned()
            .collect(),
        access_closed: field(system::user::ACCESS_CLOSED).as_datetime(),
    }
}

/// A grant for each object it names; `*` names every one, so that the fields it hides are found in
/// each. One that names something the schema does not have permits nothing (default deny).
fn grants_of(schema: &Schema, roles: &BTreeMap<RecordId, String>, record: &Record) -> Vec<Grant> {
    let name = text(record, system::grant::OBJECT);
    let hidden = tags(record, system::grant::HIDDEN_FIELDS);
    let Some((role, scope)) = role_and_scope(schema, roles, record) else {
        return Vec::new();
    };
    let actions = tags(record, system::grant::ACTIONS)
        .iter()
        .filter_map(|name| Action::by_name(name))
        .collect::<ActionSet>();
    schema
        .objects()
        .filter(|object| name == "*" || name == object.name)
        .map(|object| Grant {
            role: role.to_owned(),
            object: object.id,
            actions,
            scope,
            hidden: hidden
                .iter()
                .filter_map(|name| object.find(name))
                .map(|field| field.id)
                .collect(),
        })
        .collect()
}

fn role_and_scope<'r>(
    schema: &Schema,
    roles: &'r BTreeMap<RecordId, String>,
    record: &Record,
) -> Option<(&'r str, Scope)> {
    let role = record.fields.get(system::grant::ROLE).as_reference()?;
    let scope = record.fields.get(system::grant::SCOPE).as_choice()?;
    let scope = schema
        .by_id(GRANT)?
        .by_id(system::grant::SCOPE)?
        .choice_by_id(scope)?;
    Some((roles.get(&role)?, Scope::by_name(&scope.name)?))
}

fn text(record: &Record, field: crate::ids::FieldId) -> String {
    record
        .fields
        .get(field)
        .as_text()
        .unwrap_or_default()
        .to_owned()
}

fn tags(record: &Record, field: crate::ids::FieldId) -> &[String] {
    match record.fields.get(field) {
        Value::Tags(tags) => tags,
        _ => &[],
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
