//! What records refer to, and what refers to them.

use std::sync::Arc;

use super::{Door, Input, Manner};
use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::{FieldId, RecordId, UserId};
use crate::index;
use crate::policy::Action;
use crate::schema::{Field, Object, OnDelete, keys, system};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Record, Value, take_uint};

impl Door<'_> {
    /// What is newly referred to is there, for the actor. `id` is that of the record, once it has
    /// one.
    pub(super) fn check_references(
        &self,
        object: &Object,
        id: Option<RecordId>,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        for field in &object.fields {
            let (Some(target), Value::Reference(to)) = (field.target, new.fields.get(field.id))
            else {
                continue;
            };
            // An unchanged link stays valid though its target became unreadable.
            if old.is_some_and(|old| old.fields.get(field.id) == new.fields.get(field.id)) {
                continue;
            }
            let target = self
                .schema()
                .by_id(target)
                .ok_or_else(|| Error::internal("a reference without target"))?;
            if self.sees(target, *to)? {
                continue;
            }
            if self.manner != Manner::TakingBack {
                return Err(not_found(field, target, *to));
            }
            // A record that comes back is not there yet when it refers to itself.
            if target.id != object.id || Some(*to) != id {
                return Err(self.gone(object, field));
            }
        }
        Ok(())
    }

    /// A refusal for a link of the past that leads nowhere now: to what, is not told.
    fn gone(&self, object: &Object, field: &Field) -> Error {
        let plan = self.facts().plan(self.actor(), object, Action::View);
        let text = "a record it referred to is gone";
        let error = Error::new(Code::BadReference, text);
        match plan.shows(field.id) {
            true => error
                .context(format!("`{}`", field.name))
                .field(&field.name),
            false => error,
        }
    }

    /// Whether there is a record that the actor may see.
    fn sees(&self, object: &Object, id: RecordId) -> Result<bool> {
        match self.load(object, id)? {
            Some(record) => self.may(object, Action::View, &record),
            None => Ok(false),
        }
    }

    /// Whether the actor sees what a reference holds; what is no reference he sees.
    pub(super) fn sees_link(&self, field: &Field, value: &Value) -> Result<bool> {
        let facts = self.facts();
        let shown = facts.shown(self.txn, self.schema(), self.rights, field, value)?;
        Ok(shown.as_ref() == value)
    }

    /// Whether emptying a field changes it: not a link to what the actor may not see.
    pub(super) fn may_empty(&self, object: &Object, field: FieldId, old: &Record) -> Result<bool> {
        match object.by_id(field) {
            Some(field) => self.sees_link(field, old.fields.get(field.id)),
            None => Ok(true),
        }
    }

    /// Whether the actor may change the records that guarded references name: a link that is set,
    /// changed or removed is a change of the record at its other end.
    ///
    /// # Errors
    /// [`Code::Denied`], naming the object at the other end and the field.
    pub(super) fn check_guarded(
        &self,
        object: &Object,
        old: Option<&Record>,
        new: Option<&Record>,
    ) -> Result<()> {
        for field in object.fields.iter().filter(|field| field.guarded) {
            let end = |record: Option<&Record>| {
                record.and_then(|record| record.fields.get(field.id).as_reference())
            };
            let (before, after) = (end(old), end(new));
            let target = field.target.and_then(|id| self.schema().by_id(id));
            let target = target.ok_or_else(|| Error::internal("a reference without target"))?;
            for id in [before, after].into_iter().flatten() {
                let Some(record) = self.load(target, id)?.filter(|_| before != after) else {
                    continue;
                };
                self.permit(target, Action::Edit, &record)
                    .map_err(|error| error.field(&field.name))?;
            }
        }
        Ok(())
    }

    /// A new owner must be a user whom the actor may name and whose access is open. One answer
    /// for all others: who may not see users does not learn from it who there is.
    pub(super) fn check_owner(
        &self,
        object: &Object,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        let Some(owner) = new.head.owner else {
            return Ok(());
        };
        // A detail belongs to the owner of its parent, also after he has left.
        if object.is_detail() {
            return Ok(());
        }
        if old.is_some_and(|old| old.head.owner == Some(owner)) {
            return Ok(());
        }
        let refuse = |why: &str| {
            Err(Error::new(Code::BadReference, format!("`owner`: {why}")).field("owner"))
        };
        if !object.owned {
            return refuse(&format!("`{}` records have no owner", object.name));
        }
        // Records stay with a user who left until they are handed over, so they may return to him.
        let returns = self.manner == Manner::TakingBack;
        let open = |user: Record| returns || user.fields.get(system::user::ACCESS_CLOSED).is_null();
        match self.known_user(owner)?.is_some_and(open) {
            true => Ok(()),
            false => refuse(&format!("there is no user {owner} whose access is open")),
        }
    }

    /// Values that are unique together are held by no other record.
    pub(super) fn check_together(&self, object: &Object, id: RecordId, new: &Record) -> Result<()> {
        match index::taken(self.txn, object, id, new)? {
            None => Ok(()),
            Some(together) => {
                let plan = self.facts().plan(self.actor(), object, Action::View);
                let shows = |field| plan.shows(field);
                Err(index::taken_together(object, together, shows))
            }
        }
    }

    /// Who is put into groups is put into groups there are (C37). One answer for those there are
    /// not and those the actor may not see.
    pub(super) fn check_groups(
        &self,
        object: &Object,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        let tags = |record: &Record| -> Vec<String> {
            let tags = record.fields.get(system::user::GROUPS).as_tags();
            tags.unwrap_or_default().to_vec()
        };
        if object.id != system::USER {
            return Ok(());
        }
        let former = old.map(tags).unwrap_or_default();
        for name in tags(new).iter().filter(|name| !former.contains(name)) {
            if !self.knows_group(name)? {
                let name = crate::value::shorten(name);
                return Err(Error::new(
                    Code::BadReference,
                    format!("`groups` names `{name}`, which is not found"),
                )
                .field("groups"));
            }
        }
        Ok(())
    }

    /// Whether there is a user group of that name which the actor may see.
    fn knows_group(&self, name: &str) -> Result<bool> {
        let groups = self.schema().by_id(system::GROUP);
        let groups = groups.ok_or_else(|| Error::internal("the schema has no groups"))?;
        let key = keys::unique(system::GROUP, system::group::NAME, &Value::from(name));
        let Some(id) = self.txn.get(&key)? else {
            return Ok(false);
        };
        self.sees(groups, RecordId::new(take_uint(&mut id.as_ref())?)?)
    }

    /// A user whom the actor may name: himself, and those he may see.
    pub(crate) fn known_user(&self, user: UserId) -> Result<Option<Record>> {
        let users = self.schema().by_id(system::USER);
        let users = users.ok_or_else(|| Error::internal("the schema has no users"))?;
        let himself = self.actor().user() == Some(user);
        match self.load(users, user.0)? {
            Some(record) if himself || self.may(users, Action::View, &record)? => Ok(Some(record)),
            _ => Ok(None),
        }
    }

    /// What refers to a deleted record: refuses, is emptied or deleted with it, as declared.
    /// What the actor may not see is not named, only that it stands in the way.
    pub(super) fn release_referrers(&mut self, object: &Object, id: RecordId) -> Result<()> {
        let referrers = self.referrers(object, id)?;
        self.refuse_restricted(&referrers)?;
        for (source, field, referrer) in referrers {
            // It may refer by two fields, and be gone by the first.
            if self.load(&source, referrer)?.is_none() {
                continue;
            }
            let seen = self.actor_sees(&source, field.id, referrer)?;
            let released = self.entrusted(|door| match field.on_delete {
                OnDelete::Restrict => Ok(()),
                OnDelete::Clear => {
                    let input = Input::of([(field.id, Value::Null)]);
                    door.update(&source, referrer, input, None).map(drop)
                }
                OnDelete::Cascade => door.delete(&source, referrer, None),
            });
            released.map_err(|error| match error.code().is_refusal() && !seen {
                true => still_referenced(),
                false => error,
            })?;
        }
        Ok(())
    }

    /// Refuses when one of `referrers` must not lose what it refers to. One that the actor sees is
    /// named first, so that the answer does not depend on those he does not.
    fn refuse_restricted(&self, referrers: &[(Arc<Object>, Field, RecordId)]) -> Result<()> {
        let mut refusal = None;
        for (source, field, referrer) in referrers {
            if field.on_delete != OnDelete::Restrict {
                continue;
            }
            if self.actor_sees(source, field.id, *referrer)? {
                return Err(still_referenced()
                    .context(format!("`{}` of `{}`", field.name, source.name))
                    .with("object", source.name.as_str())
                    .field(&field.name));
            }
            refusal = Some(still_referenced());
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Whether the actor sees a field of a record, whatever rights are in force just now.
    fn actor_sees(&self, object: &Object, field: FieldId, id: RecordId) -> Result<bool> {
        let plan = self.facts().plan(self.actor(), object, Action::View);
        let record = self.load(object, id)?;
        match record {
            Some(record) => {
                Ok(facts::permits(self.txn, &plan, &record)? && plan.shows_on(field, &record))
            }
            None => Ok(false),
        }
    }

    /// Every record that refers to `id`, with the field it does so by.
    pub(crate) fn referrers(
        &self,
        object: &Object,
        id: RecordId,
    ) -> Result<Vec<(Arc<Object>, Field, RecordId)>> {
        let mut found = Vec::new();
        for (source, field) in self.around.schema.referring_to(object.id) {
            let prefix = keys::referrers(id)
                .object(source.id)
                .uint(field.id.0.into());
            let start = prefix.done();
            let range = KeyRange::prefix(&start);
            let mut rows = self.txn.scan(range, ScanOptions::default())?;
            while let Some((key, _)) = rows.next()? {
                let referrer = RecordId::new(take_uint(&mut &key[start.len()..])?)?;
                found.push((Arc::clone(source), field.clone(), referrer));
            }
        }
        Ok(found)
    }
}

/// The one answer for what a reference must not name: nothing, and what may not be seen.
pub(super) fn not_found(field: &Field, target: &Object, id: RecordId) -> Error {
    let text = format!(
        "`{}` refers to {} {id}, which is not found",
        field.name, target.name
    );
    Error::new(Code::BadReference, text).field(&field.name)
}

/// A refusal that names nobody: what refers to the record may be hidden.
pub(crate) fn still_referenced() -> Error {
    Error::new(Code::StillReferenced, "other records refer to this one")
}
