//! What the actor may do to records, field by field.

use super::{Door, Input, denied};
use crate::error::Result;
use crate::facts;
use crate::ids::{FieldId, UserId};
use crate::policy::{Action, Plan};
use crate::schema::Object;
use crate::value::{Record, Standing};

impl Door<'_> {
    /// Whether the actor may do `action` to a record.
    pub(crate) fn may(&self, object: &Object, action: Action, record: &Record) -> Result<bool> {
        facts::permits(self.txn, &self.plan(object, action), record)
    }

    /// Refuses where the actor may not do `action` to a record.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), and what prevents reading.
    pub(crate) fn permit(&self, object: &Object, action: Action, record: &Record) -> Result<()> {
        match self.may(object, action, record)? {
            true => Ok(()),
            false => Err(denied(object, action)),
        }
    }

    /// Refuses where the actor may not create a record. What somebody does may be created for
    /// somebody else by who may plan for him (C47).
    pub(super) fn permit_creation(&self, object: &Object, new: &Record) -> Result<()> {
        let me = self.rights.user();
        if !object.planned || me.is_none() || new.head.owner == me {
            return self.permit(object, Action::Create, new);
        }
        let mut own = new.clone();
        own.head.owner = me;
        self.permit(object, Action::Create, &own)?;
        self.permit(object, Action::Assign, new)
    }

    /// Refuses where the actor lacks the right to do `action` to a new record with these values.
    pub(crate) fn permit_given(
        &self,
        object: &Object,
        action: Action,
        input: &Input,
    ) -> Result<()> {
        let standing = self.standing_of_new(object, input)?;
        match self.plan(object, action).at_a_glance(&standing) {
            Some(true) => Ok(()),
            Some(false) => Err(denied(object, action)),
            None => self.permit(object, action, &self.new_record(object, input.clone())?),
        }
    }

    /// Refuses where the actor may not bring a record from `old` to `new`, as far as its fields
    /// are concerned: he may edit them, or fill those that are empty (C50).
    pub(crate) fn permit_changes(&self, object: &Object, old: &Record, new: &Record) -> Result<()> {
        let changed = changed(old, new);
        if changed.is_empty() {
            return Ok(());
        }
        let covered = |action| -> Result<Option<std::sync::Arc<Plan>>> {
            let plan = self.plan(object, action);
            Ok(facts::permits(self.txn, &plan, old)?.then_some(plan))
        };
        let (edit, fill) = (covered(Action::Edit)?, covered(Action::Fill)?);
        if edit.is_none() && fill.is_none() {
            return Err(denied(object, Action::Edit));
        }
        let shown = |plan: &Option<std::sync::Arc<Plan>>, field| {
            plan.as_ref().is_some_and(|plan| plan.shows_on(field, old))
        };
        for field in changed {
            let fills = old.fields.get(field).is_null();
            let may = shown(&edit, field) || (fills && shown(&fill, field));
            if !may {
                let refusal = denied(object, Action::Edit);
                return Err(match object.by_id(field) {
                    Some(field) => refusal
                        .context(format!("`{}`", field.name))
                        .field(&field.name),
                    None => refusal,
                });
            }
        }
        Ok(())
    }

    /// Whether the actor may give a record to another owner.
    pub(crate) fn may_hand_over(
        &self,
        object: &Object,
        old: &Record,
        to: Option<UserId>,
    ) -> Result<bool> {
        let mut new = old.clone();
        new.head.stand(Standing::new(to, &old.head.participants));
        let action = owner_action(object);
        Ok(self.may(object, action, old)? && self.may(object, action, &new)?)
    }

    /// Refuses where the actor may not give a record to another owner.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), and what prevents reading.
    pub(crate) fn permit_hand_over(
        &self,
        object: &Object,
        old: &Record,
        to: Option<UserId>,
    ) -> Result<()> {
        match self.may_hand_over(object, old, to)? {
            true => Ok(()),
            false => Err(denied(object, owner_action(object))),
        }
    }

    /// What the actor may set on a record: fields that he may see on it (invariant *invisible is
    /// absent*).
    pub(super) fn may_set_on(
        &self,
        object: &Object,
        fields: &[FieldId],
        record: &Record,
    ) -> Result<()> {
        let plan = self.plan(object, Action::View);
        for id in fields {
            if !plan.shows_on(*id, record) {
                let name = object.by_id(*id).map_or("", |field| field.name.as_str());
                return Err(object.unknown_field(name));
            }
        }
        Ok(())
    }
}

/// The right that changing the owner needs. A detail moves with a change of its parent.
fn owner_action(object: &Object) -> Action {
    match (object.is_detail(), object.planned) {
        (true, _) => Action::Edit,
        (false, true) => Action::Assign,
        (false, false) => Action::Transfer,
    }
}

/// The fields that differ.
fn changed(old: &Record, new: &Record) -> Vec<FieldId> {
    let fields = old.fields.iter().chain(new.fields.iter());
    let differ = |field: &FieldId| old.fields.get(*field) != new.fields.get(*field);
    let mut changed: Vec<FieldId> = fields.map(|(field, _)| field).filter(differ).collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}
