//! Intake: a new record tells of somebody who may be known already (C10, C27). "Accept" finds his
//! record or makes one, opens what follows from it or finds the newest open one, and stores the
//! new record linked to both, in one transaction. Looking up does the first half and changes
//! nothing.
//!
//! What is declared ([`Accept`](crate::schema::Accept)) speaks of three records: the *accepted*
//! one, the *client* it tells of, and the *interest* that follows from it, which has stages.
//!
//! - The client is found by the duplicate rules of his object that are not fuzzy, whoever may see
//!   him: the same client is never made twice. Of several, those the caller sees go first, then
//!   the order of the rules, then the older record.
//! - A client whom the caller may not see, or not by the fields that are compared, is not told.
//!   The caller learns that there is one, where `hidden_duplicates` of the client's object lets
//!   him; with `nothing` the answer keeps silent, though who gets no client back may guess. The
//!   accepted record is linked all the same, and belongs to the client's owner, in whose list it
//!   appears; to nobody, if his access is closed.
//! - The accepted record and a new interest belong to the owner of the client if the caller may
//!   create them for him, else to the caller; an owner that is given goes first.
//! - What is told twice is stored once: a record with the same value of `once` is the answer.
//! - What a record lacks is no reason to turn anybody away: an object with a `draft` field gets
//!   the record as a draft, and the answer lists what the client lacks.
//!
//! The caller needs the right to create each of the three, whatever is found.

mod accept;
mod interests;

#[cfg(test)]
mod tests;

pub(crate) use accept::run;

use serde::Serialize;

use crate::ids::RecordId;

/// What became of an accepted record. What the caller may not see is not told.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Accepted {
    /// The accepted record; none when it was only looked up.
    pub record: Option<RecordId>,
    /// The client.
    pub client: Option<RecordId>,
    /// Whether the client was made just now.
    pub is_new: bool,
    /// Whether there is a client whom the caller may not see: somebody's already.
    pub is_taken: bool,
    /// Whether the same was accepted before, and nothing changed now.
    pub is_repeated: bool,
    /// The interest the record is linked to.
    pub interest: Option<RecordId>,
    /// Whether that was opened just now.
    pub is_opened: bool,
    /// The required fields that the client lacks.
    pub lacks: Vec<String>,
    /// The interests of the client, the newest first, up to
    /// [`INTERESTS_TOLD_MAX`](crate::limits::INTERESTS_TOLD_MAX).
    pub interests: Vec<InterestState>,
}

/// An interest of a client.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InterestState {
    /// The record.
    pub id: RecordId,
    /// What names it to people.
    pub title: Option<String>,
    /// The name of its stage.
    pub stage: Option<String>,
    /// Whether its stage is an open one.
    pub is_open: bool,
}
