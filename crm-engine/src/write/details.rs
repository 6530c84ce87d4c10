//! Details: records that are part of another one and take its owner, participants and rights
//! (C2).

use std::sync::Arc;

use super::{Door, Given, Input};
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::policy::Action;
use crate::schema::{Field, Object};
use crate::value::{Record, Standing, Value};

impl Door<'_> {
    /// Whom a new record stands under: a detail as its parent does, another one under the owner
    /// given or the actor.
    ///
    /// # Errors
    /// [`Code::Required`] for a detail without parent, [`Code::BadReference`] for one whose
    /// parent is not found, [`Code::ReadOnly`] for an owner or participants of its own.
    pub(super) fn standing_of_new(&self, object: &Object, input: &Input) -> Result<Standing> {
        let Some((field, _)) = object.parent_field() else {
            let owner = match object.owned {
                true => input.given.owner.unwrap_or(self.actor().user()),
                false => None,
            };
            let participants = input.given.participants.clone().unwrap_or_default();
            return Ok(Standing::new(owner, &participants));
        };
        let parent = input.get(field.id).and_then(Value::as_reference);
        let Some(parent) = parent else {
            let text = format!("`{}` needs `{}`", object.name, field.name);
            let fields = [field.name.as_str()]
                .into_iter()
                .collect::<serde_json::Value>();
            return Err(Error::new(Code::Required, text)
                .field(&field.name)
                .with("fields", fields));
        };
        let standing = self.standing_of_parent(object, parent)?;
        input.given.refuse_another(&standing)?;
        Ok(standing)
    }

    /// Whom a changed record stands under: as `given`, or as it was; a detail as its parent, which
    /// may be another parent now.
    ///
    /// # Errors
    /// As [`Door::standing_of_new`].
    pub(super) fn standing_of_changed(
        &self,
        object: &Object,
        given: &Given,
        new: &Record,
    ) -> Result<Standing> {
        let parent = object
            .parent
            .and_then(|field| new.fields.get(field).as_reference());
        let Some(parent) = parent else {
            return Ok(match object.is_detail() {
                // That it lacks its parent is told with everything else it lacks.
                true => new.head.standing(),
                false => {
                    let participants = given.participants.as_ref();
                    Standing::new(
                        given.owner.unwrap_or(new.head.owner),
                        participants.unwrap_or(&new.head.participants),
                    )
                }
            });
        };
        let standing = self.standing_of_parent(object, parent)?;
        given.refuse_another(&standing)?;
        Ok(standing)
    }

    /// The details of a record whose owner or participants changed go with it, whoever may see
    /// them.
    pub(super) fn hand_details_over(&mut self, object: &Object, id: RecordId) -> Result<()> {
        let is_part = |(source, field): (&Arc<Object>, &Field)| source.parent == Some(field.id);
        if !self.schema().referring_to(object.id).any(is_part) {
            return Ok(());
        }
        for (source, field, detail) in self.referrers(object, id)? {
            if source.parent == Some(field.id) {
                // A detail takes from its parent what it stands under.
                self.entrusted(|door| door.update(&source, detail, Input::default(), None))?;
            }
        }
        Ok(())
    }

    fn standing_of_parent(&self, object: &Object, parent: RecordId) -> Result<Standing> {
        let (field, target) = object
            .parent_field()
            .ok_or_else(|| Error::internal("a detail without parent"))?;
        let target = self
            .schema()
            .by_id(target)
            .ok_or_else(|| Error::internal("a reference without target"))?;
        match self.load(target, parent)? {
            Some(record) if self.may(target, Action::View, &record)? => Ok(record.head.standing()),
            _ => Err(super::references::not_found(field, target, parent)),
        }
    }
}

impl Given {
    /// Refuses what a detail cannot have: an owner or participants that its parent has not.
    fn refuse_another(&self, parent: &Standing) -> Result<()> {
        let refuse = |field: &str, text: &str| {
            let text = format!("`{field}` of a detail {text} of its parent");
            Err(Error::new(Code::ReadOnly, text).field(field))
        };
        if self.owner.is_some_and(|owner| owner != parent.owner) {
            return refuse("owner", "is that");
        }
        let participants = self.participants.as_ref();
        let own = participants.map(|given| given.without(parent.owner));
        match own.is_some_and(|own| own != parent.participants) {
            true => refuse("participants", "are those"),
            false => Ok(()),
        }
    }
}
