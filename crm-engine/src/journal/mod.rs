//! Who did what: hash-chained entries, one per transaction and one for each event.
//!
//! An **event** is what changes no record and is told all the same (C69): a login, a refusal, a
//! password that was changed. Every entry names the session it was made in by the position of
//! that session's login, whose entry tells where it came from.
//!
//! An entry stands in the store as one or more rows, each chained to the row before it:
//! `link(n) = blake3(link(n-1) ‖ key(n) ‖ body(n))`, with 32 zero bytes before the first. A row
//! is its body followed by its link, so a break is found at its very place. The chain makes
//! tampering detectable (C70); it cannot stop somebody who rewrites all of it, which is why a
//! host may keep [`Head`]s elsewhere. Old entries can be [`cut`] off by administrators only, which
//! leaves an event in the chain.

mod codec;
mod cut;
mod event;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::ids::{ObjectId, RecordId, Sequence, UserId, Version};
use crate::schema::keys;
use crate::store::{KeyRange, Read, ScanOptions, Txn};

pub(crate) use codec::{
    decode_cause, decode_kind, decode_moment, encode_cause, encode_kind, encode_moment,
};
pub(crate) use cut::{Cut, cut};
pub use event::EventKind;

/// Changes in one row of an entry: what keeps a row below the value limit of every store.
const CHANGES_PER_ROW: usize = 2_000;
const LINK_BYTES: usize = 32;

/// One committed transaction, or an event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Its position: 1, 2, 3, ... without gaps.
    pub sequence: Sequence,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// Who made it; none is the host itself.
    pub actor: Option<UserId>,
    /// The position of the login of the session it was made in; 0 without one.
    pub session: Sequence,
    /// What the actor called: an operation's name, or a short description by the engine.
    pub action: String,
    /// What it changed, in order.
    pub changes: Vec<Change>,
    /// What happened, where it is an event.
    pub event: Option<Event>,
}

/// What happened, and what there is to say of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub kind: EventKind,
    /// A small JSON object. It never holds a secret.
    pub detail: Json,
}

/// An entry to be appended, without its changes.
#[derive(Debug, Clone)]
pub(crate) struct Draft<'a> {
    pub at: DateTime<Utc>,
    pub actor: Option<UserId>,
    pub session: Sequence,
    pub action: &'a str,
    pub event: Option<&'a Event>,
}

/// One changed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// What was done.
    pub kind: ChangeKind,
    /// The object of the record.
    pub object: ObjectId,
    /// The record.
    pub id: RecordId,
    /// The version the change produced.
    pub version: Version,
    /// The owner after the change; before it for a deletion.
    pub owner: Option<UserId>,
    /// The first half of the blake3 hash of the new record; zeros for a deletion.
    pub digest: [u8; 16],
}

/// What was done to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was created.
    Create,
    /// Its fields or its owner were changed.
    Update,
    /// It was deleted.
    Delete,
    /// It was brought back after its deletion.
    Restore,
}

/// Why a record was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A person or program asked for it.
    Person,
    /// A rule of the named pack did it.
    Rule(String),
    /// It was taken in from the named file.
    Import(String),
    /// It was handed over with others.
    Transfer,
    /// The named pack was installed.
    Install(String),
    /// It was changed with others that have something in common.
    Bulk,
    /// It was merged into this record.
    Merge(RecordId),
    /// What this transaction had done was taken back; the oldest one, where there were several.
    Revert(Sequence),
}

/// The newest position of the journal and the link that stands for everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The newest position; 0 in an empty journal.
    pub sequence: Sequence,
    /// The newest link.
    pub link: [u8; 32],
}

impl ChangeKind {
    /// The name as it stands in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Create => "create",
            ChangeKind::Update => "update",
            ChangeKind::Delete => "delete",
            ChangeKind::Restore => "restore",
        }
    }
}

impl Cause {
    /// The cause in one word or `word:detail`.
    #[must_use]
    pub(crate) fn to_text(&self) -> String {
        match self {
            Cause::Person => "person".to_owned(),
            Cause::Rule(pack) => format!("rule:{pack}"),
            Cause::Import(file) => format!("import:{file}"),
            Cause::Transfer => "transfer".to_owned(),
            Cause::Install(pack) => format!("install:{pack}"),
            Cause::Bulk => "bulk".to_owned(),
            Cause::Merge(into) => format!("merge:{into}"),
            Cause::Revert(sequence) => format!("revert:{}", sequence.0),
        }
    }
}

/// The head of the journal as of `read`.
pub(crate) fn head(read: &dyn Read) -> Result<Head> {
    let newest = ScanOptions {
        reverse: true,
        limit: Some(1),
        ..ScanOptions::default()
    };
    let mut rows = read.scan(keys::journal_all(), newest)?;
    match rows.next()? {
        None => cut::start(read),
        Some((key, row)) => {
            let (sequence, _) = codec::decode_key(key)?;
            Ok(Head {
                sequence,
                link: split_link(sequence, row)?.1,
            })
        }
    }
}

/// Appends an entry; its sequence is the next one and is returned.
pub(crate) fn append(txn: &mut Txn, draft: &Draft<'_>, changes: &[Change]) -> Result<Sequence> {
    let Head {
        sequence: Sequence(last),
        mut link,
    } = head(txn)?;
    let sequence = Sequence(last + 1);
    let rows = changes.len().div_ceil(CHANGES_PER_ROW).max(1);
    for part in 0..rows {
        let from = part * CHANGES_PER_ROW;
        let to = changes.len().min(from + CHANGES_PER_ROW);
        let key = codec::encode_key(sequence, part as u64);
        let mut row = Vec::with_capacity(64 + (to - from) * 28);
        codec::encode_body(&mut row, draft, &changes[from..to])?;
        link = next_link(&link, &key, &row);
        row.extend_from_slice(&link);
        txn.put(&key, &row)?;
    }
    Ok(sequence)
}

/// Up to `limit` entries after position `after`, oldest first.
pub(crate) fn read_after(read: &dyn Read, after: Sequence, limit: usize) -> Result<Vec<Entry>> {
    let from = keys::journal(Sequence(after.0.saturating_add(1)));
    let range = keys::journal_all().starting_at(&from);
    let mut entries: Vec<Entry> = Vec::new();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, row)) = rows.next()? {
        let (sequence, part) = codec::decode_key(key)?;
        let (body, _) = split_link(sequence, row)?;
        let entry = codec::decode_body(sequence, body)?;
        if let Some(last) = entries
            .last_mut()
            .filter(|last| part > 0 && last.sequence == sequence)
        {
            last.changes.extend(entry.changes);
        } else if entries.len() == limit {
            break;
        } else {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The entry at a position, if the journal has come so far.
pub(crate) fn at(read: &dyn Read, sequence: Sequence) -> Result<Option<Entry>> {
    let Some(before) = sequence.0.checked_sub(1) else {
        return Ok(None);
    };
    let found = read_after(read, Sequence(before), 1)?.pop();
    Ok(found.filter(|entry| entry.sequence == sequence))
}

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChainReport {
    /// Entries seen.
    pub(crate) entries: u64,
    /// The first place where the chain breaks, in words.
    pub(crate) broken: Option<String>,
}

/// Walks the whole chain and recomputes every link.
pub(crate) fn verify(read: &dyn Read) -> Result<ChainReport> {
    let mut report = ChainReport {
        entries: 0,
        broken: None,
    };
    let start = cut::start(read)?;
    let mut link = start.link;
    let mut last = start.sequence.0;
    let mut next_part = 0;
    let mut marked = last == 0;
    let range: KeyRange = keys::journal_all();
    let mut rows = read.scan(range, ScanOptions::default())?;
    while let Some((key, row)) = rows.next()? {
        let (Sequence(sequence), part) = codec::decode_key(key)?;
        let follows =
            (sequence == last + 1 && part == 0) || (sequence == last && part == next_part);
        if !follows {
            report.broken = Some(format!("entries are missing after {last}"));
            break;
        }
        let Ok((body, stored)) = split_link(Sequence(sequence), row) else {
            report.broken = Some(format!("entry {sequence} is cut short"));
            break;
        };
        link = next_link(&link, key, body);
        if link != stored {
            report.broken = Some(format!("entry {sequence} was altered"));
            break;
        }
        marked = marked || cut::is_marker(&codec::decode_body(Sequence(sequence), body)?, &start);
        report.entries += u64::from(part == 0);
        (last, next_part) = (sequence, part + 1);
    }
    if !marked && report.broken.is_none() {
        report.broken = Some(format!(
            "nobody cut off what stood before {}",
            start.sequence.0 + 1
        ));
    }
    Ok(report)
}

fn next_link(previous: &[u8; LINK_BYTES], key: &[u8], body: &[u8]) -> [u8; LINK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(previous).update(key).update(body);
    *hasher.finalize().as_bytes()
}

fn split_link(sequence: Sequence, row: &[u8]) -> Result<(&[u8], [u8; LINK_BYTES])> {
    row.split_last_chunk::<LINK_BYTES>()
        .map(|(body, link)| (body, *link))
        .ok_or_else(|| {
            Error::new(
                Code::Damaged,
                format!("journal entry {} is cut short", sequence.0),
            )
        })
}
