//! Rules: what a role grants or bans.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::ids::{FieldId, ObjectId, RecordId, UserId};
use crate::value::{Participants, Record, RecordView, Standing, Value};

use super::{ActionSet, Scope};

/// A record as rights see it, whole or in part.
pub(crate) trait Held {
    /// Whom it belongs to.
    fn owner(&self) -> Option<UserId>;
    /// Whether `user` is one of its participants.
    fn is_shared_with(&self, user: UserId) -> bool;
    /// The value of a declared field; none where it cannot be told, which refuses what depends on
    /// it (invariant *default deny*).
    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>>;
}

impl<H: Held + ?Sized> Held for &H {
    fn owner(&self) -> Option<UserId> {
        (**self).owner()
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        (**self).is_shared_with(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        (**self).value(field)
    }
}

impl Held for Record {
    fn owner(&self) -> Option<UserId> {
        self.head.owner
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.head.participants.contains(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        Some(Cow::Borrowed(self.fields.get(field)))
    }
}

impl Held for RecordView<'_> {
    fn owner(&self) -> Option<UserId> {
        RecordView::owner(self)
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.head().participants.contains(user)
    }

    fn value(&self, field: FieldId) -> Option<Cow<'_, Value>> {
        self.field(field).ok().map(Cow::Owned)
    }
}

/// What an entry tells of a record: nothing of its fields.
impl Held for Standing {
    fn owner(&self) -> Option<UserId> {
        self.owner
    }

    fn is_shared_with(&self, user: UserId) -> bool {
        self.participants.contains(user)
    }

    fn value(&self, _: FieldId) -> Option<Cow<'_, Value>> {
        None
    }
}

impl Standing {
    /// A record that would belong to `owner` and be shared with nobody.
    pub(crate) fn of(owner: Option<UserId>) -> Standing {
        Standing {
            owner,
            participants: Participants::default(),
        }
    }
}

/// The condition of a rule, compiled elsewhere.
pub(crate) trait Judge: fmt::Debug + Send + Sync {
    /// Whether it holds for a record in the eyes of `user`; none when that is unknown.
    fn holds(&self, user: UserId, record: &dyn Held) -> Option<bool>;
}

/// Which records within its scope a rule speaks of.
#[derive(Debug, Clone, Default)]
pub(crate) enum Condition {
    /// All.
    #[default]
    None,
    /// Those for which it holds.
    If(Arc<dyn Judge>),
    /// It could not be read: never true, never false.
    Unreadable,
}

impl Condition {
    pub(crate) fn holds(&self, user: UserId, record: &dyn Held) -> Option<bool> {
        match self {
            Condition::None => Some(true),
            Condition::If(judge) => judge.holds(user, record),
            Condition::Unreadable => None,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Condition::None)
    }
}

/// Whether a rule permits or forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It permits.
    Grant,
    /// It forbids.
    Ban,
}

/// The departments that the scope `foreign` is narrowed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Departments {
    /// Every one but the user's own.
    Any,
    /// Some; the user's own may be among them.
    Named(Vec<RecordId>),
}

/// The fields a rule speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Fields {
    /// The record and all its fields.
    #[default]
    All,
    /// These alone.
    Named(Vec<FieldId>),
}

impl Fields {
    fn name(&self, field: FieldId) -> bool {
        match self {
            Fields::All => false,
            Fields::Named(fields) => fields.contains(&field),
        }
    }
}

/// A rule of a role about one object.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// The record it was read from.
    pub id: RecordId,
    /// The role it belongs to.
    pub role: Arc<str>,
    /// Whether it grants or bans.
    pub effect: Effect,
    /// The object.
    pub object: ObjectId,
    /// What it grants or bans.
    pub actions: ActionSet,
    /// For whose records.
    pub scope: Scope,
    /// Of which departments, where the scope is `foreign`.
    pub departments: Departments,
    /// Of which of them.
    pub condition: Condition,
    /// The fields it speaks of.
    pub fields: Fields,
    /// Of a grant: the fields it leaves out.
    pub hidden: Vec<FieldId>,
    /// Where it was declared, in words.
    pub source: Option<Arc<str>>,
}

impl Rule {
    /// Whether it counts where the record as a whole is asked about.
    pub(crate) fn speaks_of_records(&self) -> bool {
        self.effect == Effect::Grant || self.fields == Fields::All
    }

    /// Whether it is a grant of which nothing is left, because its condition or none of its fields
    /// could be read.
    pub(crate) fn grants_nothing(&self) -> bool {
        let no_field = matches!(&self.fields, Fields::Named(fields) if fields.is_empty());
        let unreadable = matches!(self.condition, Condition::Unreadable);
        self.effect == Effect::Grant && (no_field || unreadable)
    }

    /// Whether it takes `action` on the details it names away, whatever their parent permits.
    pub(super) fn takes_details(&self, action: super::Action) -> bool {
        self.effect == Effect::Ban && self.fields == Fields::All && self.actions.contains(action)
    }

    /// Whether it counts where `field` is asked about.
    pub(crate) fn speaks_of(&self, field: FieldId) -> bool {
        match self.effect {
            Effect::Ban => self.fields == Fields::All || self.fields.name(field),
            Effect::Grant => {
                let named = self.fields == Fields::All
                    || self.fields.name(field)
                    || field.0 < crate::schema::system::DECLARED_FIRST;
                named && !self.hidden.contains(&field)
            }
        }
    }
}
