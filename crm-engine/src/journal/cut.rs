//! Cutting old entries off (C70). What is left begins with a link that only an event further on in
//! the same chain accounts for: the chain is verified from there, and a beginning that nobody cut
//! is a break.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::error::{Code, Error, Result};
use crate::ids::Sequence;
use crate::limits::JOURNAL_CUT_ENTRIES_MAX;
use crate::schema::keys;
use crate::store::{Read, ScanOptions, Txn};
use crate::value::{put_uint, take_uint};

use super::{Entry, Event, EventKind, Head, LINK_BYTES, codec, split_link};

const START: &str = "journal_start";

/// What a cut took off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// How many entries.
    pub entries: u64,
    /// The last entry taken off and its link.
    pub end: Head,
    /// Whether older entries than asked for are left: the cut is to be made again.
    pub more: bool,
}

impl Cut {
    /// The event that accounts for it.
    pub(crate) fn event(&self) -> Event {
        Event {
            kind: EventKind::JournalCut,
            detail: json!({
                "entries": self.entries,
                "through": self.end.sequence.0,
                "link": hex(&self.end.link),
            }),
        }
    }
}

/// What the journal begins after: nothing, or the last entry that was cut off.
pub(super) fn start(read: &dyn Read) -> Result<Head> {
    let Some(bytes) = read.get(&keys::meta(START))? else {
        return Ok(Head {
            sequence: Sequence(0),
            link: [0; LINK_BYTES],
        });
    };
    let input = &mut bytes.as_ref();
    let sequence = Sequence(take_uint(input)?);
    let damaged = |_| Error::new(Code::Damaged, "the beginning of the journal is damaged");
    Ok(Head {
        sequence,
        link: (*input).try_into().map_err(damaged)?,
    })
}

/// Whether an entry accounts for the journal beginning at `start`.
pub(super) fn is_marker(entry: &Entry, start: &Head) -> bool {
    entry.event.as_ref().is_some_and(|event| {
        event.kind == EventKind::JournalCut
            && event.detail["through"] == json!(start.sequence.0)
            && event.detail["link"] == json!(hex(&start.link))
    })
}

/// Cuts off the entries made before a moment, up to the first one that was not, and no more than
/// [`JOURNAL_CUT_ENTRIES_MAX`] of them. The newest entry stays. Whoever calls this appends
/// [`Cut::event`] in the same transaction; none where there is nothing to cut.
pub(crate) fn cut(txn: &mut Txn, before: DateTime<Utc>) -> Result<Option<Cut>> {
    let newest = super::head(txn)?.sequence;
    let mut rows_cut: Vec<Vec<u8>> = Vec::new();
    let mut entries = 0;
    let mut end = None;
    let mut more = false;
    let mut rows = txn.scan(keys::journal_all(), ScanOptions::default())?;
    while let Some((key, row)) = rows.next()? {
        let (sequence, part) = codec::decode_key(key)?;
        let (body, link) = split_link(sequence, row)?;
        let stays = codec::decode_moment(&mut &*body)? >= before || sequence == newest;
        if stays || (entries == JOURNAL_CUT_ENTRIES_MAX && part == 0) {
            more = !stays;
            break;
        }
        entries += u64::from(part == 0);
        end = Some(Head { sequence, link });
        rows_cut.push(key.to_vec());
    }
    drop(rows);
    let Some(end) = end else {
        return Ok(None);
    };
    for key in rows_cut {
        txn.delete(&key)?;
    }
    let mut bytes = Vec::with_capacity(9 + LINK_BYTES);
    put_uint(&mut bytes, end.sequence.0);
    bytes.extend_from_slice(&end.link);
    txn.put(&keys::meta(START), &bytes)?;
    Ok(Some(Cut { entries, end, more }))
}

fn hex(link: &[u8; LINK_BYTES]) -> String {
    link.iter().map(|byte| format!("{byte:02x}")).collect()
}
