//! Details: records that are part of another one and take its owner and rights (C2).

use std::sync::Arc;

use super::{Door, Input};
use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, UserId};
use crate::policy::Action;
use crate::schema::{Field, Object};
use crate::value::{Record, Value};

impl Door<'_> {
    /// To whom a new record belongs: a detail to the owner of its parent, another one to the
    /// owner given or to the actor.
    ///
    /// # Errors
    /// [`Code::Required`] for a detail without parent, [`Code::BadReference`] for one whose
    /// parent is not found, [`Code::ReadOnly`] for an owner of its own.
    pub(crate) fn owner_of_new(&self, object: &Object, input: &Input) -> Result<Option<UserId>> {
        let Some((field, _)) = object.parent_field() else {
            return Ok(match object.owned {
                true => input.owner.unwrap_or(self.actor().user()),
                false => None,
            });
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
        let owner = self.owner_of_parent(object, parent)?;
        refuse_another_owner(input.owner, owner)?;
        Ok(owner)
    }

    /// The owner of a changed record: as `given`, or as it was; that of a detail is that of its
    /// parent, which may be another parent now.
    ///
    /// # Errors
    /// As [`Door::owner_of_new`].
    pub(super) fn owner_of_changed(
        &self,
        object: &Object,
        given: Option<Option<UserId>>,
        new: &Record,
    ) -> Result<Option<UserId>> {
        let parent = object
            .parent
            .and_then(|field| new.fields.get(field).as_reference());
        let Some(parent) = parent else {
            return Ok(match object.is_detail() {
                // That it lacks its parent is told with everything else it lacks.
                true => new.head.owner,
                false => given.unwrap_or(new.head.owner),
            });
        };
        let owner = self.owner_of_parent(object, parent)?;
        refuse_another_owner(given, owner)?;
        Ok(owner)
    }

    /// The details of a record whose owner changed go with it, whoever may see them.
    pub(super) fn hand_details_over(
        &mut self,
        object: &Object,
        id: RecordId,
        owner: Option<UserId>,
    ) -> Result<()> {
        let is_part = |(source, field): (&Arc<Object>, &Field)| source.parent == Some(field.id);
        if !self.schema().referring_to(object.id).any(is_part) {
            return Ok(());
        }
        for (source, field, detail) in self.referrers(object, id)? {
            if source.parent == Some(field.id) {
                let input = Input::default().with_owner(owner);
                self.entrusted(|door| door.update(&source, detail, input, None))?;
            }
        }
        Ok(())
    }

    fn owner_of_parent(&self, object: &Object, parent: RecordId) -> Result<Option<UserId>> {
        let (field, target) = object
            .parent_field()
            .ok_or_else(|| Error::internal("a detail without parent"))?;
        let target = self
            .schema()
            .by_id(target)
            .ok_or_else(|| Error::internal("a reference without target"))?;
        match self.load(target, parent)? {
            Some(record) if self.may(target, Action::View, &record)? => Ok(record.head.owner),
            _ => Err(super::references::not_found(field, target, parent)),
        }
    }
}

fn refuse_another_owner(given: Option<Option<UserId>>, owner: Option<UserId>) -> Result<()> {
    match given {
        Some(given) if given != owner => {
            let text = "`owner` of a detail is that of its parent";
            Err(Error::new(Code::ReadOnly, text).field("owner"))
        }
        _ => Ok(()),
    }
}
