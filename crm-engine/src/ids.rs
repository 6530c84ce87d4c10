//! Newtyped identities. All of them are plain numbers underneath and cost nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::limits::RECORD_ID_MAX;

/// The identity of a record: 1 to 2^53 - 1, unique in a store across objects, never reused.
///
/// The upper bound keeps every id exact in JSON numbers and in JavaScript.
///
/// ```
/// use crm_engine::RecordId;
/// assert_eq!(RecordId::new(17).unwrap().get(), 17);
/// assert!(RecordId::new(0).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct RecordId(u64);

impl TryFrom<u64> for RecordId {
    type Error = Error;

    fn try_from(id: u64) -> Result<RecordId> {
        RecordId::new(id)
    }
}

impl From<RecordId> for u64 {
    fn from(id: RecordId) -> u64 {
        id.get()
    }
}

impl RecordId {
    /// Takes a number as an id.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for 0 and for numbers of 2^53 and above.
    pub fn new(id: u64) -> Result<RecordId> {
        if id == 0 || id > RECORD_ID_MAX {
            return Err(Error::new(
                Code::InvalidValue,
                format!("`{id}` is not a record id: ids run from 1 to {RECORD_ID_MAX}"),
            ));
        }
        Ok(RecordId(id))
    }

    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The identity of a user. Users are records; the newtype keeps owners and records apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub RecordId);

impl UserId {
    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an object (a kind of record) in a store's schema. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(pub u16);

/// The number of a field within its object. Never reused, so a field that was deleted and
/// created again under the same name can never show old values (C36).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(pub u16);

/// The number of a choice or stage within its field. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChoiceId(pub u16);

/// The position of a committed transaction in the journal: 1, 2, 3, ... without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

/// How often a record was written: 1 after creation. Updates may state the version they expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub u64);
