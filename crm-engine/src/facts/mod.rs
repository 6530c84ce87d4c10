//! Reads the facts that rights are decided from, and keeps the plans compiled from them.
//!
//! Users, departments, roles and grants are records like any others. A write to one of them
//! raises the policy epoch in the same transaction; every reader compares the epoch in its own
//! snapshot, so a stale plan cannot be used.

mod load;
mod taint;

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId, RecordId, UserId};
use crate::policy::{Action, Actor, Decision, Held, Judge, Opens, Organisation, Plan};
use crate::schema::system::DECLARED_FIRST;
use crate::schema::{Field, Object, Schema, keys};
use crate::store::{Read, Txn};
use crate::value::{Record, RecordView, Standing, Value};

const EPOCH: &str = "policy_epoch";

/// The organisation at one policy epoch, with the plans compiled from it so far.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) organisation: Organisation,
    /// Fields kept from others are hidden where those are.
    schema: Schema,
    plans: RwLock<HashMap<PlanKey, Arc<Plan>, BuildHasherDefault<Mixer>>>,
    /// How many records users may open in an hour, as far as it was asked.
    opens: RwLock<HashMap<UserId, Option<Opens>>>,
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
        let plan = Arc::new(self.fresh_plan(actor, object, action));
        let mut kept = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(key, Arc::clone(&plan));
        plan
    }

    /// The plan of `actor`, compiled for this once: for who looks at the plans of many.
    pub(crate) fn fresh_plan(&self, actor: Actor, object: &Object, action: Action) -> Plan {
        let plan = self.granted(actor, object, action);
        let tainted = self.tainted(actor, object, &plan);
        let kept_from = |plan: Plan, (field, from)| plan.kept_from(field, from);
        tainted.into_iter().fold(plan, kept_from)
    }

    /// The plan under which `actor` takes records out in bulk (C51): what he may both see and
    /// export. Where he may export nothing of an object, records of it that others refer to are
    /// still called by their title, as he sees it.
    pub(crate) fn outward_plan(&self, actor: Actor, object: &Object) -> Plan {
        let seen = self.plan(actor, object, Action::View);
        let exported = self.plan(actor, object, Action::Export);
        match exported.is_nothing() {
            false => seen.both(&exported),
            true => {
                let fields = object.fields.iter().map(|field| field.id);
                let untitled = fields.filter(|id| Some(*id) != object.title);
                Plan::clone(&seen).without(untitled.chain((1..DECLARED_FIRST).map(FieldId)))
            }
        }
    }

    /// How many records a user may open in an hour; none without a limit.
    pub(crate) fn opens(&self, user: UserId) -> Option<Opens> {
        if !self.organisation.limits_opens() {
            return None;
        }
        let kept = self.opens.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(opens) = kept.get(&user) {
            return *opens;
        }
        drop(kept);
        let opens = self.organisation.opens(user);
        let mut kept = self.opens.write().unwrap_or_else(PoisonError::into_inner);
        kept.insert(user, opens);
        opens
    }

    /// The facts as of `read`, kept nowhere.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn load(
        read: &dyn Read,
        schema: &Schema,
        compile: CompileCondition,
    ) -> Result<Facts> {
        load::facts(read, schema, compile)
    }

    /// The facts that records of the objects of rights make up, wherever they come from.
    pub(crate) fn of_records<'r>(
        schema: &Schema,
        compile: CompileCondition,
        records: impl Iterator<Item = (ObjectId, RecordId, &'r Record)> + Clone,
    ) -> Facts {
        load::of_records(schema, compile, records)
    }

    /// What the grants say by themselves. A log tells of one field, and nothing to those who may
    /// not see that.
    fn granted(&self, actor: Actor, object: &Object, action: Action) -> Plan {
        let followed = self.schema.followed(object).zip(object.log);
        if let Some((followed, log)) = followed
            && !self.plan(actor, followed, action).shows(log.field)
        {
            return Plan::nothing();
        }
        let plan = Plan::compile(&self.organisation, actor, object, action);
        match plan.is_unconditional() {
            true => plan,
            false => plan.of_detail(parents_of(&self.schema, object)),
        }
    }
}

impl Facts {
    /// Decides about a record, or one field of it, and tells everything the decision rests on.
    pub(crate) fn explain(
        &self,
        read: &dyn Read,
        actor: Actor,
        object: &Object,
        action: Action,
        field: Option<FieldId>,
        record: &RecordView<'_>,
    ) -> Result<Decision> {
        let organisation = &self.organisation;
        let root = root(read, &self.schema, object, record)?;
        let held: &dyn Held = match &root {
            Some(root) => root,
            None => record,
        };
        let mut decision = Decision::explain(organisation, actor, object, action, field, held);
        let plan = self.fresh_plan(actor, object, action);
        decision.allowed =
            permits(read, &plan, record)? && field.is_none_or(|field| plan.shows_on(field, record));
        Ok(decision)
    }

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
        if plan.reaches_everything() {
            return Ok(Cow::Borrowed(value));
        }
        let seen = match read.get(&keys::record(target.id, id))? {
            Some(bytes) => permits(read, &plan, &RecordView::new(&bytes)?)?,
            None => false,
        };
        Ok(match seen {
            true => Cow::Borrowed(value),
            false => Cow::Owned(Value::Null),
        })
    }
}

/// Whether `plan` covers a record of which an entry tells `standing`: the record itself is read
/// only where that leaves it open.
pub(crate) fn covers(
    read: &dyn Read,
    plan: &Plan,
    object: ObjectId,
    id: RecordId,
    standing: &Standing,
) -> Result<bool> {
    if let Some(covered) = plan.at_a_glance(standing) {
        return Ok(covered);
    }
    match read.get(&keys::record(object, id))? {
        Some(bytes) => permits(read, plan, &RecordView::new(&bytes)?),
        None => Ok(false),
    }
}

/// Whether `plan` covers a record. The conditions of rights speak of the topmost parent of a
/// detail, which is read where they have a say.
pub(crate) fn permits(read: &dyn Read, plan: &Plan, held: &dyn Held) -> Result<bool> {
    if let Some(covered) = plan.at_a_glance(held) {
        return Ok(covered);
    }
    let mut parents = plan.parents().iter();
    let Some((link, parent)) = parents.next() else {
        return Ok(plan.permits(held));
    };
    let first = held.value(*link).as_deref().and_then(Value::as_reference);
    let root = climb(read, *parent, first, parents.copied())?;
    Ok(root.is_some_and(|root| plan.permits(&root)))
}

/// The topmost parent of a detail; none of any other record.
fn root(
    read: &dyn Read,
    schema: &Schema,
    object: &Object,
    record: &RecordView<'_>,
) -> Result<Option<Record>> {
    let mut parents = parents_of(schema, object).into_iter();
    let Some((link, parent)) = parents.next() else {
        return Ok(None);
    };
    climb(read, parent, record.field(link)?.as_reference(), parents)
}

/// The record at the end of the way up from the record `id` of `object`.
fn climb(
    read: &dyn Read,
    mut object: ObjectId,
    mut id: Option<RecordId>,
    steps: impl Iterator<Item = (FieldId, ObjectId)>,
) -> Result<Option<Record>> {
    let mut steps = steps.fuse();
    while let Some(record) = id {
        let Some(bytes) = read.get(&keys::record(object, record))? else {
            return Ok(None);
        };
        let view = RecordView::new(&bytes)?;
        let Some((link, parent)) = steps.next() else {
            return view.decode().map(Some);
        };
        id = view.field(link)?.as_reference();
        object = parent;
    }
    Ok(None)
}

/// The way up from a detail: each step the link and the object of the parent.
fn parents_of(schema: &Schema, object: &Object) -> Vec<(FieldId, ObjectId)> {
    let mut parents = Vec::new();
    let mut child = object;
    // The declaration refuses parents in a circle.
    while let Some((link, parent)) = child.parent_field() {
        parents.push((link.id, parent));
        let Some(parent) = schema.by_id(parent) else {
            break;
        };
        child = parent;
    }
    parents
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

/// Compiles the condition of a rule about an object. Conditions are a language of their own, which
/// the rooms above know.
pub(crate) type CompileCondition = fn(&Schema, &Arc<Object>, &str) -> Result<Arc<dyn Judge>>;

/// The newest facts read from published snapshots.
#[derive(Debug)]
pub(crate) struct FactsCache {
    newest: Mutex<Option<(Moment, Arc<Facts>)>>,
    compile: CompileCondition,
}

/// Policy epoch and schema version: facts are good for as long as neither moves on.
type Moment = (u64, u32);

/// Of a store whose rules have no conditions: one that has is not readable.
#[cfg(test)]
impl Default for FactsCache {
    fn default() -> FactsCache {
        FactsCache::new(|_, _, _| Err(Error::internal("no conditions here")))
    }
}

impl FactsCache {
    pub(crate) fn new(compile: CompileCondition) -> FactsCache {
        FactsCache {
            newest: Mutex::default(),
            compile,
        }
    }

    /// The facts as of `read`, which is a published snapshot.
    pub(crate) fn of_snapshot(&self, read: &dyn Read, schema: &Schema) -> Result<Arc<Facts>> {
        let key = (epoch(read)?, schema.version());
        if let Some((cached, facts)) = lock(&self.newest).as_ref()
            && *cached == key
        {
            return Ok(Arc::clone(facts));
        }
        let facts = Arc::new(load::facts(read, schema, self.compile)?);
        *lock(&self.newest) = Some((key, Arc::clone(&facts)));
        Ok(facts)
    }

    /// The facts as of a transaction. Only what a published snapshot agreed with is taken from
    /// the cache, and nothing is put in: the transaction may yet be undone.
    pub(crate) fn of_transaction(&self, read: &dyn Read, schema: &Schema) -> Result<Arc<Facts>> {
        let key = (epoch(read)?, schema.version());
        match lock(&self.newest).as_ref() {
            Some((cached, facts)) if *cached == key => Ok(Arc::clone(facts)),
            _ => load::facts(read, schema, self.compile).map(Arc::new),
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
