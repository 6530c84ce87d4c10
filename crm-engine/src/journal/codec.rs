//! The bytes of journal rows.

use chrono::{DateTime, Utc};

use crate::error::{Code, Error, Result};
use crate::ids::{ObjectId, RecordId, Sequence, UserId, Version};
use crate::schema::keys;
use crate::value::{put_uint, take_uint};

use super::{Cause, Change, ChangeKind, Draft, Entry, Event, EventKind};

pub(super) fn encode_key(sequence: Sequence, part: u64) -> Vec<u8> {
    let mut key = keys::journal(sequence);
    put_uint(&mut key, part);
    key
}

pub(super) fn decode_key(key: &[u8]) -> Result<(Sequence, u64)> {
    let mut rest = key.get(1..).unwrap_or_default();
    Ok((Sequence(take_uint(&mut rest)?), take_uint(&mut rest)?))
}

/// # Errors
/// [`Code::Internal`] for an event whose detail is not JSON, which cannot be.
pub(super) fn encode_body(out: &mut Vec<u8>, draft: &Draft<'_>, changes: &[Change]) -> Result<()> {
    encode_moment(out, draft.at);
    put_uint(out, draft.actor.map_or(0, UserId::get));
    put_uint(out, draft.session.0);
    put_text(out, draft.action);
    put_uint(out, changes.len() as u64);
    for change in changes {
        encode_kind(out, change.kind);
        put_uint(out, change.object.0.into());
        put_uint(out, change.id.get());
        put_uint(out, change.version.0);
        put_uint(out, change.owner.map_or(0, UserId::get));
        out.extend_from_slice(&change.digest);
    }
    let Some(event) = draft.event else {
        out.push(0);
        return Ok(());
    };
    out.push(event.kind.number());
    let detail = serde_json::to_string(&event.detail)
        .map_err(|error| Error::internal(format!("an event that is not JSON: {error}")))?;
    put_text(out, &detail);
    Ok(())
}

pub(super) fn decode_body(sequence: Sequence, mut body: &[u8]) -> Result<Entry> {
    let input = &mut body;
    let at = decode_moment(input)?;
    let actor = take_user(input)?;
    let session = Sequence(take_uint(input)?);
    let action = take_text(input)?;
    let count = take_uint(input)?;
    let mut changes = Vec::new();
    for _ in 0..count {
        changes.push(Change {
            kind: decode_kind(input)?,
            object: ObjectId(take_uint(input)?.try_into().map_err(|_| damaged())?),
            id: RecordId::new(take_uint(input)?)?,
            version: Version(take_uint(input)?),
            owner: take_user(input)?,
            digest: take_bytes(input, 16)?.try_into().map_err(|_| damaged())?,
        });
    }
    Ok(Entry {
        sequence,
        at,
        actor,
        session,
        action,
        changes,
        event: take_event(input)?,
    })
}

fn take_event(input: &mut &[u8]) -> Result<Option<Event>> {
    let number = take_bytes(input, 1)?[0];
    if number == 0 {
        return Ok(None);
    }
    let kind = EventKind::by_number(number).ok_or_else(damaged)?;
    let detail = serde_json::from_str(&take_text(input)?).map_err(|_| damaged())?;
    Ok(Some(Event { kind, detail }))
}

pub(crate) fn encode_kind(out: &mut Vec<u8>, kind: ChangeKind) {
    out.push(match kind {
        ChangeKind::Create => 1,
        ChangeKind::Update => 2,
        ChangeKind::Delete => 3,
        ChangeKind::Restore => 4,
    });
}

pub(crate) fn decode_kind(input: &mut &[u8]) -> Result<ChangeKind> {
    match take_bytes(input, 1)? {
        [1] => Ok(ChangeKind::Create),
        [2] => Ok(ChangeKind::Update),
        [3] => Ok(ChangeKind::Delete),
        [4] => Ok(ChangeKind::Restore),
        _ => Err(damaged()),
    }
}

/// Moments are milliseconds since 1970; earlier ones are kept as 1970.
pub(crate) fn encode_moment(out: &mut Vec<u8>, at: DateTime<Utc>) {
    put_uint(out, u64::try_from(at.timestamp_millis()).unwrap_or(0));
}

pub(crate) fn decode_moment(input: &mut &[u8]) -> Result<DateTime<Utc>> {
    let milliseconds = i64::try_from(take_uint(input)?).map_err(|_| damaged())?;
    DateTime::from_timestamp_millis(milliseconds).ok_or_else(damaged)
}

pub(crate) fn encode_cause(out: &mut Vec<u8>, cause: &Cause) {
    let (kind, detail) = match cause {
        Cause::Person => (1, ""),
        Cause::Rule(pack) => (2, pack.as_str()),
        Cause::Import(file) => (3, file.as_str()),
        Cause::Transfer => (4, ""),
        Cause::Install(pack) => (5, pack.as_str()),
        Cause::Bulk => (8, ""),
        Cause::Merge(into) => {
            out.push(6);
            return put_uint(out, into.get());
        }
        Cause::Revert(sequence) => {
            out.push(7);
            return put_uint(out, sequence.0);
        }
    };
    out.push(kind);
    put_text(out, detail);
}

pub(crate) fn decode_cause(input: &mut &[u8]) -> Result<Cause> {
    let kind = take_bytes(input, 1)?[0];
    match kind {
        6 => return Ok(Cause::Merge(RecordId::new(take_uint(input)?)?)),
        7 => return Ok(Cause::Revert(Sequence(take_uint(input)?))),
        _ => {}
    }
    let detail = take_text(input)?;
    Ok(match kind {
        1 => Cause::Person,
        2 => Cause::Rule(detail),
        3 => Cause::Import(detail),
        4 => Cause::Transfer,
        5 => Cause::Install(detail),
        8 => Cause::Bulk,
        _ => return Err(damaged()),
    })
}

fn take_user(input: &mut &[u8]) -> Result<Option<UserId>> {
    match take_uint(input)? {
        0 => Ok(None),
        id => RecordId::new(id).map(|id| Some(UserId(id))),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_uint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text(input: &mut &[u8]) -> Result<String> {
    let len = usize::try_from(take_uint(input)?).map_err(|_| damaged())?;
    let bytes = take_bytes(input, len)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged())
}

fn take_bytes<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8]> {
    let (head, rest) = input.split_at_checked(len).ok_or_else(damaged)?;
    *input = rest;
    Ok(head)
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "a journal row is damaged")
}
