//! Where a page ended: what the next one goes on behind.

use std::fmt::Write;

use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, Version};
use crate::index::Place;
use crate::value::{put_uint, take_uint};

/// The place down to which a timeline was shown. Entries that come later, on either side of it,
/// move nothing: the pages that follow show each older entry once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Position {
    /// Entries of other records lie below it.
    pub(super) below: Place,
    /// Of each record read: the version below which its own changes go on. Changes run by
    /// version, not by moment, so that a clock set back loses none.
    pub(super) versions: Vec<(RecordId, Version)>,
}

impl Position {
    /// The position as text for callers.
    pub(super) fn text(&self) -> String {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend(self.below.at_ms.to_be_bytes());
        put_uint(&mut bytes, self.below.id.get());
        put_uint(&mut bytes, self.below.version.0);
        for (id, version) in &self.versions {
            put_uint(&mut bytes, id.get());
            put_uint(&mut bytes, version.0);
        }
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads what [`text`](Position::text) wrote.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`].
    pub(super) fn read(text: &str) -> Result<Position> {
        let refused = || Error::new(Code::InvalidArguments, "`after` is not what a page gave");
        let digits = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = digits
            .map(|pair| match pair {
                [high, low] => Some(16 * digit(*high)? + digit(*low)?),
                _ => None,
            })
            .collect();
        let bytes = bytes.ok_or_else(refused)?;
        Position::decode(&bytes).map_err(|_| refused())
    }

    fn decode(bytes: &[u8]) -> Result<Position> {
        let early = || Error::new(Code::InvalidArguments, "a position ends early");
        let (moment, mut rest) = bytes.split_first_chunk().ok_or_else(early)?;
        let rest = &mut rest;
        let mut position = Position {
            below: Place {
                at_ms: i64::from_be_bytes(*moment),
                id: RecordId::new(take_uint(rest)?)?,
                version: Version(take_uint(rest)?),
            },
            versions: Vec::new(),
        };
        while !rest.is_empty() {
            let id = RecordId::new(take_uint(rest)?)?;
            position.versions.push((id, Version(take_uint(rest)?)));
        }
        Ok(position)
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_come_back_and_other_text_is_refused() {
        let id = |n| RecordId::new(n).unwrap();
        let position = Position {
            below: Place {
                at_ms: -17,
                id: id(300),
                version: Version(0),
            },
            versions: vec![(id(4), Version(70_000)), (id(1 << 50), Version(0))],
        };
        assert_eq!(Position::read(&position.text()).unwrap(), position);
        for text in ["", "0", "xx", "00", &position.text()[..18], "ää", "ÿÿ"] {
            let error = Position::read(text).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArguments, "{text}");
        }
    }
}
