//! Where a page ended: what the last row was sorted by, and its id.
//!
//! A cursor is a text of no meaning to its holder. It carries a mark of the query, so that it is
//! refused elsewhere, and of its row only what orders rows: keys of fields the caller sees, in the
//! form that [`put_value`] gives them. It names a place between rows, not a row: whatever happens
//! to that row or others meanwhile, the next page begins with what stands behind the place.

use std::cmp::Ordering;
use std::fmt::Write;

use super::select::OrderKey;
use crate::error::{Code, Error, Result};
use crate::expr::Operand;
use crate::ids::RecordId;
use crate::limits::CURSOR_BYTES_MAX;
use crate::schema::{SortKey, system};
use crate::value::{Value, put_uint, put_value, skip_value, take_uint};

/// What tells the cursors of one query from those of others.
pub(super) type Mark = [u8; 8];

/// The mark of a query.
pub(super) fn mark(sql: &str) -> Mark {
    let hash = blake3::hash(sql.as_bytes());
    let (mark, _) = hash
        .as_bytes()
        .split_first_chunk()
        .unwrap_or((&[0; 8], &[]));
    *mark
}

/// A place in the order of a query: the keys of a row, each ascending, and its id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    keys: Vec<Vec<u8>>,
    id: RecordId,
}

/// The keys that decide an order, and whether the id descends where they are equal: what stands
/// behind the id decides nothing.
pub(super) fn deciding(order: &[OrderKey]) -> (&[OrderKey], bool) {
    let is_id = |key: &OrderKey| key.operand == Operand::Field(system::ID);
    match order.iter().position(is_id) {
        Some(at) => (&order[..at], order[at].descending),
        None => (order, order.last().is_some_and(|key| key.descending)),
    }
}

impl Position {
    /// The position of a row by its values for the keys that decide.
    pub(super) fn of<'v>(keys: impl IntoIterator<Item = &'v Value>, id: RecordId) -> Position {
        let component = |value: &Value| {
            let mut bytes = Vec::new();
            put_value(&mut bytes, value, false);
            bytes
        };
        Position {
            keys: keys.into_iter().map(component).collect(),
            id,
        }
    }

    /// The position of a list entry by its key behind the list, where the order begins with the
    /// key numbered `skipped`.
    pub(super) fn of_entry(
        by: &[SortKey],
        skipped: usize,
        tail: &[u8],
        id: RecordId,
    ) -> Result<Position> {
        let mut rest = tail;
        let mut keys = Vec::new();
        for (at, key) in by.iter().enumerate() {
            let whole = rest;
            skip_value(&mut rest, key.descending)?;
            if at >= skipped {
                keys.push(turned(&whole[..whole.len() - rest.len()], key.descending));
            }
        }
        Ok(Position { keys, id })
    }

    /// The key of a list entry at the position, from the key numbered `skipped` on.
    pub(super) fn entry(&self, by: &[SortKey], skipped: usize) -> Vec<u8> {
        let directed = by.iter().skip(skipped).zip(&self.keys);
        let mut tail: Vec<u8> = directed
            .flat_map(|(key, bytes)| turned(bytes, key.descending))
            .collect();
        let last = by.last().is_some_and(|key| key.descending);
        tail.extend(turned(&self.id_key(), last));
        tail
    }

    /// The id as keys that end with it have it.
    pub(super) fn id_key(&self) -> Vec<u8> {
        let mut id = Vec::new();
        put_uint(&mut id, self.id.get());
        id
    }

    /// Whether a row stands behind the position.
    pub(super) fn is_before(&self, row: &Position, order: &[OrderKey]) -> bool {
        let (keys, id_descends) = deciding(order);
        let pairs = self.keys.iter().zip(&row.keys).zip(keys);
        let mut orders = pairs.map(|((a, b), key)| directed(a.cmp(b), key.descending));
        let order = orders.find(|order| order.is_ne());
        order
            .unwrap_or_else(|| directed(self.id.cmp(&row.id), id_descends))
            .is_lt()
    }

    /// The cursor.
    pub(super) fn write(&self, mark: Mark) -> String {
        let mut bytes = mark.to_vec();
        bytes.extend(self.keys.iter().flatten());
        put_uint(&mut bytes, self.id.get());
        let mut text = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Reads a cursor of a query.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for any other text.
    pub(super) fn read(text: &str, mark: Mark, order: &[OrderKey]) -> Result<Position> {
        let read = || {
            let bytes = bytes(text)?;
            let mut rest = bytes.strip_prefix(&mark)?;
            let mut keys = Vec::new();
            for _ in deciding(order).0 {
                let whole = rest;
                skip_value(&mut rest, false).ok()?;
                keys.push(whole[..whole.len() - rest.len()].to_vec());
            }
            let id = RecordId::new(take_uint(&mut rest).ok()?).ok()?;
            (rest.is_empty() && !order.is_empty()).then_some(Position { keys, id })
        };
        read().ok_or_else(|| {
            Error::new(Code::InvalidArguments, "this is no cursor of this query")
                .with("argument", "after")
        })
    }
}

/// The bytes that a cursor is written in.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.len() > CURSOR_BYTES_MAX || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

fn turned(bytes: &[u8], descending: bool) -> Vec<u8> {
    match descending {
        true => bytes.iter().map(|byte| !*byte).collect(),
        false => bytes.to_vec(),
    }
}

pub(super) fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}
