//! The one door: every change of every record passes here (invariant *one door*).
//!
//! A change is checked (types, rights on the old and the new record, rules, required fields and
//! stages, references), then written with everything derived from it, its history and its
//! journal entry in one transaction (invariant *committed is durable, and all or nothing*).

mod check;
mod details;
mod drafts;
mod duplicates;
mod events;
mod input;
mod kept;
mod participants;
mod policy;
mod references;
mod reports;
mod restore;
mod rights;
mod rules;
mod users;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::facts::{self, Facts};
use crate::history;
use crate::ids::{FieldId, RecordId, Sequence, UserId, Version};
use crate::index;
use crate::journal::{self, Cause, Change, ChangeKind};
use crate::kept::Kept;
use crate::limits::{RULE_DEPTH_MAX, RULE_WRITES_MAX};
use crate::policy::{Action, Actor, Plan};
use crate::schema::system::{OWNER, PARTICIPANTS, POLICY_OBJECTS, USER, value_of};
use crate::schema::{Field, Object, Schema, keys};
use crate::store::{Read, Txn};
use crate::value::{Head, Record, RecordView, Value, encode, take_uint};

pub(crate) use duplicates::refusal;
pub(crate) use events::Told;
pub(crate) use input::Given;
pub use input::Input;
pub(crate) use references::still_referenced;
pub(crate) use restore::Manner;
pub(crate) use rules::{Draft, Event, RuleBook, Rules};

const NEXT_ID: &str = "next_id";

/// Under which circumstances a transaction is made.
pub(crate) struct Circumstances<'a> {
    pub(crate) schema: Arc<Schema>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) rules: &'a dyn RuleBook,
    /// What the engine keeps in records by itself.
    pub(crate) kept: Arc<Kept>,
    pub(crate) actor: Actor,
    pub(crate) now: DateTime<Utc>,
    pub(crate) cause: Cause,
    /// What the actor called, for the journal.
    pub(crate) action: &'a str,
}

/// An open transaction through the one door.
///
/// Rights are those of the actor at the beginning of the transaction. Reads through the door
/// see its own writes and obey the same rights. A host is given one by
/// [`Session::transact`](crate::Session::transact), which has an example.
pub struct Door<'t> {
    txn: &'t mut Txn,
    around: Circumstances<'t>,
    /// Whose rights count: the actor's, except while a machine that has checked his right to the
    /// whole operation acts for him. He stays the author either way.
    rights: Actor,
    /// Whether records that lack required fields are taken in as drafts.
    drafts: bool,
    manner: Manner,
    sequence: Sequence,
    changes: Vec<Change>,
    /// The journal tells of the transaction even if no record changes.
    noted: bool,
    /// What the journal is to tell besides.
    told: Vec<Told>,
    /// The session it is made in, by the position of its login.
    session: Sequence,
    depth: usize,
    caused: usize,
}

impl<'t> Door<'t> {
    pub(crate) fn open(txn: &'t mut Txn, around: Circumstances<'t>) -> Result<Door<'t>> {
        let sequence = Sequence(journal::head(txn)?.sequence.0 + 1);
        let rights = around.actor;
        Ok(Door {
            txn,
            around,
            rights,
            drafts: false,
            manner: Manner::Ordinary,
            sequence,
            changes: Vec::new(),
            noted: false,
            told: Vec::new(),
            session: Sequence(0),
            depth: 0,
            caused: 0,
        })
    }

    /// Notes the transaction in the journal though it changes no record: it changed the schema.
    pub(crate) fn note(&mut self) {
        self.noted = true;
    }

    /// The schema in force.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.around.schema
    }

    /// On whose behalf the transaction is made.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.around.actor
    }

    /// The moment of the transaction.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.around.now
    }

    /// The position the transaction will have in the journal.
    pub(crate) fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// How many bytes the transaction holds so far.
    pub(crate) fn bytes(&self) -> usize {
        self.txn.bytes()
    }

    pub(crate) fn reader(&self) -> &dyn Read {
        self.txn
    }

    pub(crate) fn facts(&self) -> &Arc<Facts> {
        &self.around.facts
    }

    /// A record as the actor may see it; none if there is none or he may not (invariant
    /// *invisible is absent*).
    pub(crate) fn get(&self, object: &Object, id: RecordId) -> Result<Option<Record>> {
        let plan = self.plan(object, Action::View);
        let mut record = match self.load(object, id)? {
            Some(record) if self.may(object, Action::View, &record)? => record,
            _ => return Ok(None),
        };
        let whole = record.clone();
        record.fields.retain(|field| plan.shows_on(field, &whole));
        for field in object.fields.iter().filter(|field| field.target.is_some()) {
            if !self.sees_link(field, record.fields.get(field.id))? {
                record.fields.set(field.id, Value::Null);
            }
        }
        Ok(Some(record))
    }

    /// Creates a record.
    ///
    /// # Errors
    /// [`Code::Denied`], or what the fields, rules and references have against it.
    pub fn create(&mut self, object: &Arc<Object>, input: Input) -> Result<RecordId> {
        let object = &self.current(object)?;
        self.may_set(object, &input)?;
        let fields = input.set_fields();
        let mut new = self.new_record(object, input)?;
        self.may_set_on(object, &fields, &new)?;
        self.permit_creation(object, &new)?;
        self.permit_sharing_new(object, &new)?;
        let id = self.next_id()?;
        self.run_before(object, id, None, &mut new)?;
        self.keep(object, id, None, &mut new)?;
        self.mark_draft(object, None, &mut new);
        self.put(object, id, None, new, &[])?;
        Ok(id)
    }

    pub(super) fn new_record(&self, object: &Object, input: Input) -> Result<Record> {
        let user = self.actor().user();
        let standing = self.standing_of_new(object, &input)?;
        let head = Head {
            version: Version(1),
            owner: standing.owner,
            participants: standing.participants,
            created_at: self.now(),
            created_by: user,
            updated_at: self.now(),
            updated_by: user,
        };
        let mut fields = input.defaults(object)?;
        for (field, value) in input.fields {
            fields.set(field, value);
        }
        Ok(Record { head, fields })
    }

    /// Creates a record from a JSON object of field names and values.
    ///
    /// # Errors
    /// As [`Door::create`], and what [`Input::from_json`] has against the JSON.
    pub fn create_json(&mut self, object: &Arc<Object>, fields: &Json) -> Result<RecordId> {
        let input = self.input(object, fields)?;
        self.create(object, input)
    }

    /// Changes a record by a JSON object of field names and values; `null` empties a field.
    ///
    /// # Errors
    /// As [`Door::update`], and what [`Input::from_json`] has against the JSON.
    pub fn update_json(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        fields: &Json,
        expected: Option<Version>,
    ) -> Result<Version> {
        let input = self.input(object, fields)?;
        self.update(object, id, input, expected)
    }

    /// Changes fields of a record. What changes nothing is no change: no version, no rules.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Denied`], [`Code::Conflict`] when the record is no longer at
    /// the `expected` version, or what the fields, rules and references have against it.
    pub fn update(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        input: Input,
        expected: Option<Version>,
    ) -> Result<Version> {
        let object = &self.current(object)?;
        let old = self.load_visible(object, id)?;
        self.may_set(object, &input)?;
        self.may_set_on(object, &input.set_fields(), &old)?;
        self.expect(&old, expected)?;
        let mut new = old.clone();
        for (field, value) in input.fields {
            // Who sees no link empties none: one that is hidden from him survives his save.
            if !value.is_null() || self.may_empty(object, field, &old)? {
                new.fields.set(field, value);
            }
        }
        let standing = self.standing_of_changed(object, &input.given, &new)?;
        new.head.stand(standing);
        self.permit_changes(object, &old, &new)?;
        self.permit_standing(object, &old, &new)?;
        if new == old {
            return Ok(old.head.version);
        }
        self.run_before(object, id, Some(&old), &mut new)?;
        // A mere hand-over is no occasion to look for newer rates.
        if new.fields != old.fields {
            self.keep(object, id, Some(&old), &mut new)?;
        }
        self.mark_draft(object, Some(&old), &mut new);
        new.head.version = Version(old.head.version.0 + 1);
        new.head.updated_at = self.now();
        new.head.updated_by = self.actor().user();
        let version = new.head.version;
        let replaced = replaced(&old, &new);
        self.put(object, id, Some(&old), new, &replaced)?;
        Ok(version)
    }

    /// Deletes a record and does to the records that refer to it what their fields declare.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Denied`], [`Code::Conflict`], [`Code::StillReferenced`].
    pub fn delete(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        expected: Option<Version>,
    ) -> Result<()> {
        let object = &self.current(object)?;
        let old = self.load_visible(object, id)?;
        self.permit(object, Action::Delete, &old)?;
        if object.id == USER {
            // He stays author and past owner of what he did (C14, C66).
            let text = "users are never deleted: close the access instead";
            return Err(Error::new(Code::StillReferenced, text));
        }
        self.check_guarded(object, Some(&old), None)?;
        self.expect(&old, expected)?;
        let mut gone = old.clone();
        self.around.rules.before(&mut Draft::deletion(
            &self.around,
            object,
            id,
            &old,
            &mut gone,
        ))?;
        self.txn.delete(&keys::record(object.id, id))?;
        index::update(self.txn, object, id, Some(&old), None)?;
        self.release_referrers(object, id)?;
        let version = Version(old.head.version.0 + 1);
        let mut replaced: Vec<(FieldId, Value)> = old
            .fields
            .iter()
            .map(|(field, value)| (field, value.clone()))
            .collect();
        replaced.push((OWNER, history::owner_value(old.head.owner)));
        if !old.head.participants.is_empty() {
            replaced.push((PARTICIPANTS, old.head.participants.to_value()));
        }
        replaced.sort_by_key(|(field, _)| *field);
        self.record_change(
            object,
            id,
            version,
            ChangeKind::Delete,
            &old,
            &replaced,
            &[],
        )?;
        self.count_in(object, Some(&old), None)?;
        self.run_after(object, id, Some(&old), None)
    }

    /// Runs `body` so that its changes are recorded under another cause.
    pub(crate) fn under<R>(
        &mut self,
        cause: Cause,
        body: impl FnOnce(&mut Self) -> Result<R>,
    ) -> Result<R> {
        let outer = std::mem::replace(&mut self.around.cause, cause);
        let result = body(self);
        self.around.cause = outer;
        result
    }

    /// Runs `body` without asking the actor's rights again: for machines that have checked his
    /// right to the whole operation.
    pub(crate) fn entrusted<R>(&mut self, body: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let outer = std::mem::replace(&mut self.rights, Actor::System);
        let result = body(self);
        self.rights = outer;
        result
    }

    /// Runs `body` and undoes what it did when it fails, so that one failure need not end the
    /// transaction. Whoever goes on after an error of the store itself meets it again.
    pub(crate) fn attempt<R>(&mut self, body: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.tentatively(body, Result::is_ok)
    }

    /// Runs `body` and undoes what it did: tells what would happen.
    pub(crate) fn rehearse<R>(&mut self, body: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        self.tentatively(body, |_| false)
    }

    /// Runs `body`; whether what it did stays, `keep` decides by its result.
    pub(crate) fn tentatively<R>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<R>,
        keep: impl FnOnce(&Result<R>) -> bool,
    ) -> Result<R> {
        let savepoint = self.txn.savepoint();
        let (changes, told) = (self.changes.len(), self.told.len());
        let result = body(self);
        if keep(&result) {
            self.txn.release(savepoint);
        } else {
            self.txn.roll_back(savepoint);
            self.changes.truncate(changes);
            self.told.truncate(told);
        }
        result
    }

    /// The actor's plan for one object and action.
    pub(crate) fn plan(&self, object: &Object, action: Action) -> Arc<Plan> {
        self.around.facts.plan(self.rights, object, action)
    }

    fn put(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        old: Option<&Record>,
        new: Record,
        replaced: &[(FieldId, Value)],
    ) -> Result<()> {
        // What a record lacks bars a change of its fields, not a hand-over to another owner.
        self.check_fixed(object, old, &new)?;
        let changes =
            !self.is_draft(object, &new) && old.is_none_or(|old| old.fields != new.fields);
        if changes && !(old.is_none() && self.manner == Manner::TakingBack) {
            let shown = self.facts().plan(self.actor(), object, Action::View);
            check::complete(object, &shown, &new, self.manner.lacked(old))?;
        }
        self.check_references(object, Some(id), old, &new)?;
        self.check_user(object, id, old, &new)?;
        self.check_setting(object, &new)?;
        self.check_guarded(object, old, Some(&new))?;
        self.check_owner(object, old, &new)?;
        self.check_participants(object, old, &new)?;
        self.refuse_duplicates(object, id, old, &new)?;
        self.check_groups(object, old, &new)?;
        self.check_policy(object, id, old, &new)?;
        self.check_report(object, old, &new)?;
        self.check_together(object, id, &new)?;
        self.store(object, id, old, &new, replaced)?;
        if old.is_some_and(|old| old.head.standing() != new.head.standing()) {
            self.hand_details_over(object, id)?;
        }
        self.count_in(object, old, Some(&new))?;
        self.run_after(object, id, old, Some(&new))
    }

    /// Writes a record that was found good, with everything derived from it.
    fn store(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        old: Option<&Record>,
        new: &Record,
        replaced: &[(FieldId, Value)],
    ) -> Result<()> {
        let mut bytes = Vec::with_capacity(256);
        encode(new, &mut bytes)?;
        self.txn.put(&keys::record(object.id, id), &bytes)?;
        index::update(self.txn, object, id, old, Some(new))?;
        let kind = match (old, new.head.version) {
            (Some(_), _) => ChangeKind::Update,
            (None, Version(1)) => ChangeKind::Create,
            (None, _) => ChangeKind::Restore,
        };
        self.record_change(object, id, new.head.version, kind, new, replaced, &bytes)
    }

    /// History and journal of one change, and the policy epoch where rights may have changed.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call site each for put and delete"
    )]
    fn record_change(
        &mut self,
        object: &Object,
        id: RecordId,
        version: Version,
        kind: ChangeKind,
        record: &Record,
        replaced: &[(FieldId, Value)],
        bytes: &[u8],
    ) -> Result<()> {
        let around = &self.around;
        let note = history::Note {
            sequence: self.sequence,
            object: object.id,
            kind,
            at: around.now,
            actor: around.actor.user(),
            cause: &around.cause,
        };
        let replaced: Vec<(FieldId, &Value)> = replaced.iter().map(|(f, v)| (*f, v)).collect();
        history::append(self.txn, id, version, &note, &replaced)?;
        let mut digest = [0; 16];
        if kind != ChangeKind::Delete {
            digest.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
        }
        let owner = record.head.owner;
        self.changes.push(Change {
            kind,
            object: object.id,
            id,
            version,
            owner,
            digest,
        });
        if POLICY_OBJECTS.contains(&object.id) {
            facts::raise_epoch(self.txn)?;
        }
        Ok(())
    }

    fn run_before(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        old: Option<&Record>,
        new: &mut Record,
    ) -> Result<()> {
        // What is taken back is as it was: rules may refuse it, not fill it in.
        let mut unfilled = None;
        let draft = match self.manner {
            Manner::TakingBack => unfilled.insert(new.clone()),
            _ => new,
        };
        self.around
            .rules
            .before(&mut Draft::new(&self.around, object, id, old, draft))
    }

    /// Rules that answer a change may make further ones, to a named depth and number.
    fn run_after(
        &mut self,
        object: &Arc<Object>,
        id: RecordId,
        old: Option<&Record>,
        new: Option<&Record>,
    ) -> Result<()> {
        if self.manner == Manner::TakingBack {
            return Ok(());
        }
        // The bound is on what one write causes: an import writes thousands of its own.
        self.caused = if self.depth > 0 { self.caused + 1 } else { 0 };
        if self.depth == RULE_DEPTH_MAX || self.caused > RULE_WRITES_MAX {
            return Err(Error::new(
                Code::LimitExceeded,
                format!(
                    "rules caused changes {RULE_DEPTH_MAX} deep or more than {RULE_WRITES_MAX} of them"
                ),
            )
            .with("object", object.name.as_str()));
        }
        let rules = self.around.rules;
        // Rules have the actor's rights, also where a machine acts for him.
        let rights = std::mem::replace(&mut self.rights, self.around.actor);
        let manner = std::mem::take(&mut self.manner);
        self.depth += 1;
        let result = rules.after(
            self,
            &Event {
                object,
                id,
                old,
                new,
            },
        );
        self.depth -= 1;
        self.manner = manner;
        self.rights = rights;
        result
    }

    /// The object as the schema in force has it: a caller may hold it from an earlier one, whose
    /// records had other entries derived from them.
    fn current(&self, object: &Object) -> Result<Arc<Object>> {
        let known = self.schema().by_id(object.id).map(Arc::clone);
        let known = known.ok_or_else(|| {
            let text = format!("unknown object `{}`", object.name);
            Error::new(Code::UnknownObject, text).with("object", object.name.as_str())
        })?;
        known.refuse_log()?;
        Ok(known)
    }

    /// The field of that name, if the actor may see it (invariant *invisible is absent*).
    pub(crate) fn field<'o>(&self, object: &'o Object, name: &str) -> Result<&'o Field> {
        let plan = self.plan(object, Action::View);
        object
            .find(name)
            .filter(|field| plan.shows(field.id))
            .ok_or_else(|| object.unknown_field(name))
    }

    /// Input from JSON, under the actor's rights.
    pub(crate) fn input(&self, object: &Object, fields: &Json) -> Result<Input> {
        Input::under(object, &self.plan(object, Action::View), fields)
    }

    /// What a caller may set: fields he may see, that are neither computed nor the engine's.
    pub(crate) fn may_set(&self, object: &Object, input: &Input) -> Result<()> {
        let plan = self.plan(object, Action::View);
        if input.given.owner.is_some() && !plan.shows_somewhere(OWNER) {
            return Err(object.unknown_field("owner"));
        }
        if input.given.participants.is_some() && !plan.shows_somewhere(PARTICIPANTS) {
            return Err(object.unknown_field("participants"));
        }
        for (id, _) in &input.fields {
            // Input may have been made before the field was deleted.
            let field = object.by_id(*id).ok_or_else(|| {
                let text = format!("`{}` has not a given field any more", object.name);
                Error::new(Code::UnknownField, text).with("object", object.name.as_str())
            })?;
            if !plan.shows_somewhere(*id) {
                return Err(object.unknown_field(&field.name));
            }
            let kept = field.is_system() || object.keeps(*id);
            if kept || (field.computed && self.rights != Actor::System) {
                return Err(Error::new(
                    Code::ReadOnly,
                    format!("`{}` is kept by the engine", field.name),
                )
                .field(&field.name));
            }
        }
        Ok(())
    }

    /// A whole record, whoever may see it: for machines, which decide what is told of it.
    pub(crate) fn whole(&self, object: &Object, id: RecordId) -> Result<Option<Record>> {
        self.load(object, id)
    }

    fn load(&self, object: &Object, id: RecordId) -> Result<Option<Record>> {
        match self.txn.get(&keys::record(object.id, id))? {
            Some(bytes) => RecordView::new(&bytes)?.decode().map(Some),
            None => Ok(None),
        }
    }

    /// The whole record for a change by the actor, who must be able to see it.
    fn load_visible(&self, object: &Object, id: RecordId) -> Result<Record> {
        match self.load(object, id)? {
            Some(record) if self.may(object, Action::View, &record)? => Ok(record),
            _ => Err(Error::not_found()),
        }
    }

    fn expect(&self, old: &Record, expected: Option<Version>) -> Result<()> {
        match expected {
            Some(expected) if expected != old.head.version => Err(Error::new(
                Code::Conflict,
                format!(
                    "the record is at version {}, not {}",
                    old.head.version.0, expected.0
                ),
            )
            .with("version", old.head.version.0)),
            _ => Ok(()),
        }
    }

    fn next_id(&mut self) -> Result<RecordId> {
        let key = keys::meta(NEXT_ID);
        let next = match self.txn.get(&key)? {
            Some(bytes) => take_uint(&mut bytes.as_ref())?,
            None => 1,
        };
        let mut following = Vec::with_capacity(9);
        crate::value::put_uint(&mut following, next + 1);
        self.txn.put(&key, &following)?;
        RecordId::new(next)
    }
}

/// The values that `new` replaces in `old`, by field number, owner and participants among them.
fn replaced(old: &Record, new: &Record) -> Vec<(FieldId, Value)> {
    let mut fields: Vec<FieldId> = old
        .fields
        .iter()
        .chain(new.fields.iter())
        .map(|(field, _)| field)
        .collect();
    fields.extend([OWNER, PARTICIPANTS]);
    fields.sort_unstable();
    fields.dedup();
    let id = RecordId::new(1).unwrap_or_else(|_| unreachable!("1 is an id"));
    fields
        .into_iter()
        .map(|field| {
            (
                field,
                value_of(id, old, field).into_owned(),
                value_of(id, new, field),
            )
        })
        .filter(|(_, before, after)| before != after.as_ref())
        .map(|(field, before, _)| (field, before))
        .collect()
}

/// A refusal names the right that is missing, not the record.
pub(crate) fn denied(object: &Object, action: Action) -> Error {
    Error::new(
        Code::Denied,
        format!("no right to {} this `{}`", action.name(), object.name),
    )
    .with("object", object.name.as_str())
    .with("action", action.name())
}

/// The owner as given in JSON or text input.
pub(crate) fn owner_of(value: &Value) -> Option<UserId> {
    value.as_reference().map(UserId)
}
