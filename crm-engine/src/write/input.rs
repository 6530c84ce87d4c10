//! What a caller wants to set.

use serde_json::{Map, Value as Json};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, UserId};
use crate::policy::Plan;
use crate::schema::system::{OWNER, PARTICIPANTS};
use crate::schema::{Object, system};
use crate::value::{Fields, Participants, Value};

/// The values a caller sets: fields by number, and the owner and participants where they are set.
///
/// ```
/// use crm_engine::{Engine, Input, Options};
///
/// let host = Engine::in_memory(Options::default())?.system();
/// host.transact("departments", |door| {
///     let schema = door.schema().clone();
///     let department = schema.object("department")?;
///     let mut input = Input::default();
///     input.set(department, "name", "North")?;
///     door.create(department, input)
/// })?;
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    pub(crate) given: Given,
    pub(crate) fields: Vec<(FieldId, Value)>,
}

/// Whom a record is put under, as far as a caller sets it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Given {
    pub(crate) owner: Option<Option<UserId>>,
    pub(crate) participants: Option<Participants>,
}

impl Input {
    /// Input of typed values.
    pub(crate) fn of(fields: impl IntoIterator<Item = (FieldId, Value)>) -> Input {
        Input {
            given: Given::default(),
            fields: fields.into_iter().collect(),
        }
    }

    /// Sets the owner.
    #[must_use]
    pub fn with_owner(mut self, owner: Option<UserId>) -> Input {
        self.given.owner = Some(owner);
        self
    }

    /// Sets the users the record is shared with: all of them.
    #[must_use]
    pub fn with_participants(mut self, users: impl IntoIterator<Item = UserId>) -> Input {
        self.given.participants = Some(users.into_iter().collect());
        self
    }

    /// Sets a field by its name; text is parsed by the field's type.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::WrongType`], [`Code::InvalidValue`].
    pub fn set(&mut self, object: &Object, name: &str, value: impl Into<Value>) -> Result<()> {
        let field = object.field(name)?;
        let value = field.fit(value.into())?;
        self.take(field.id, value);
        Ok(())
    }

    /// Input from a JSON object of field names and values; `null` empties a field.
    ///
    /// # Errors
    /// As [`Input::set`], and [`Code::InvalidArguments`] when `json` is not an object.
    pub fn from_json(object: &Object, json: &Json) -> Result<Input> {
        let members = json.as_object().ok_or_else(|| {
            Error::new(
                Code::InvalidArguments,
                "a record is written as a JSON object",
            )
        })?;
        let mut input = Input::default();
        for (name, value) in members {
            let field = object.field(name)?;
            let value = field.from_json(value)?;
            input.take(field.id, value);
        }
        Ok(input)
    }

    /// Input from a JSON object of fields that `plan` shows. Every name is looked up before any
    /// value is read: what a hidden field would take is not told.
    pub(crate) fn under(object: &Object, plan: &Plan, json: &Json) -> Result<Input> {
        for name in json.as_object().into_iter().flat_map(Map::keys) {
            let field = object
                .find(name)
                .filter(|field| plan.shows_somewhere(field.id));
            field.ok_or_else(|| object.unknown_field(name))?;
        }
        Input::from_json(object, json)
    }

    /// Input from pairs of field names and values.
    ///
    /// # Errors
    /// As [`Input::set`].
    pub fn from_pairs<'a, V: Into<Value>>(
        object: &Object,
        pairs: impl IntoIterator<Item = (&'a str, V)>,
    ) -> Result<Input> {
        let mut input = Input::default();
        for (name, value) in pairs {
            input.set(object, name, value)?;
        }
        Ok(input)
    }

    /// Sets a field by its number, the owner and the participants by theirs.
    pub(crate) fn take(&mut self, field: FieldId, value: Value) {
        match field {
            OWNER => self.given.owner = Some(super::owner_of(&value)),
            PARTICIPANTS => self.given.participants = Some(Participants::of_value(&value)),
            field => self.fields.push((field, value)),
        }
    }

    /// What a new record gets in the fields that are not given. One that is given as empty stays
    /// so.
    pub(super) fn defaults(&self, object: &Object) -> Result<Fields> {
        let mut fields = Fields::default();
        for field in &object.fields {
            if let Some(text) = &field.default
                && self.get(field.id).is_none()
            {
                fields.set(field.id, field.parse(text)?);
            }
        }
        Ok(fields)
    }

    /// The fields that are set, owner and participants among them.
    pub(super) fn set_fields(&self) -> Vec<FieldId> {
        let fields = self.fields.iter().map(|(field, _)| *field);
        let owner = self.given.owner.map(|_| OWNER);
        let participants = self.given.participants.as_ref().map(|_| PARTICIPANTS);
        fields.chain(owner).chain(participants).collect()
    }

    /// The value set for a declared field, if it is set.
    pub(crate) fn get(&self, field: FieldId) -> Option<&Value> {
        debug_assert!(
            field.0 >= system::DECLARED_FIRST,
            "owner and participants are apart"
        );
        self.fields
            .iter()
            .rev()
            .find(|(id, _)| *id == field)
            .map(|(_, value)| value)
    }
}
