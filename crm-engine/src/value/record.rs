//! The record codec: a record as the bytes a store keeps.
//!
//! | Part | Bytes |
//! |---|---|
//! | format: 1, or 2 where participants are told | 1 |
//! | version | 1 to 9 |
//! | owner, creator, last writer, each as [`put_user`] tells | 1 to 9 each |
//! | created at: milliseconds from 1970, zigzag | 7 in our century |
//! | updated at: milliseconds after that, zigzag | 1 while untouched |
//! | in format 2 the participants: how many, then each | 2 and more |
//! | the field table | see `table` |
//! | CRC-32 of all bytes before it, little end first | 4 |
//!
//! The checksum is verified before anything is read, because the store below does not verify
//! its pages on reads. CRC-32 finds every change within 32 neighbouring bits, so any flipped
//! byte is an error by construction. Equal records give equal bytes (invariant *a
//! deterministic store*).

use chrono::{DateTime, Utc};

use super::number::{put_uint, take_uint, unzigzag, zigzag};
use super::table::put_table;
use super::{Fields, FieldsView, Participants, RawField, Standing, Value, damaged};
use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, RecordId, UserId, Version};
use crate::limits::VALUE_BYTES_MAX;

/// Of a record without participants, and of one with some.
const FORMAT: u8 = 1;
const FORMAT_SHARED: u8 = 2;
const CHECKSUM_BYTES: usize = 4;

/// Stands for a user: none.
const NO_USER: u64 = 0;
/// Stands for a user: the same as the one before. Any other user is its id + [`SAME_USER`].
const SAME_USER: u64 = 1;

/// What the engine keeps about every record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How often the record was written.
    pub version: Version,
    /// Whom the record belongs to.
    pub owner: Option<UserId>,
    /// The users it is shared with.
    pub participants: Participants,
    /// When the record was created, to the millisecond.
    pub created_at: DateTime<Utc>,
    /// Who created it; none for the engine itself.
    pub created_by: Option<UserId>,
    /// When the record was last written, to the millisecond.
    pub updated_at: DateTime<Utc>,
    /// Who wrote it last; none for the engine itself.
    pub updated_by: Option<UserId>,
}

impl Head {
    /// What rights decide by.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            owner: self.owner,
            participants: self.participants.clone(),
        }
    }

    /// Puts the record under somebody.
    pub(crate) fn stand(&mut self, standing: Standing) {
        self.owner = standing.owner;
        self.participants = standing.participants;
    }
}

/// A record: its head and its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What the engine keeps about it.
    pub head: Head,
    /// What people keep in it.
    pub fields: Fields,
}

/// Appends a record to `out`, which stays as it was on an error.
///
/// # Errors
/// [`Code::TooLarge`] when the record takes more than [`VALUE_BYTES_MAX`] bytes.
///
/// ```
/// use crm_engine::value::{Fields, Head, Participants, Record, RecordView, encode};
/// use crm_engine::{FieldId, Version};
/// let at = "2026-03-01T12:00:00Z".parse().unwrap();
/// let record = Record {
///     head: Head {
///         version: Version(1),
///         owner: None,
///         participants: Participants::default(),
///         created_at: at,
///         created_by: None,
///         updated_at: at,
///         updated_by: None,
///     },
///     fields: Fields::from_iter([(FieldId(1), "Anna".into())]),
/// };
/// let mut bytes = Vec::new();
/// encode(&record, &mut bytes).unwrap();
/// let view = RecordView::new(&bytes).unwrap();
/// assert_eq!(view.text(FieldId(1)), Some("Anna"));
/// assert_eq!(view.decode().unwrap(), record);
///
/// bytes[9] ^= 1;
/// assert!(RecordView::new(&bytes).is_err());
/// ```
pub fn encode(record: &Record, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let participants = &record.head.participants;
    out.push(match participants.is_empty() {
        true => FORMAT,
        false => FORMAT_SHARED,
    });
    put_head(out, &record.head);
    if !participants.is_empty() {
        participants.put(out);
    }
    put_table(record.fields.iter(), out);
    let checksum = crc32fast::hash(&out[start..]);
    out.extend(checksum.to_le_bytes());
    let length = out.len() - start;
    if length > VALUE_BYTES_MAX {
        out.truncate(start);
        return Err(Error::new(
            Code::TooLarge,
            format!("the record takes {length} bytes, more than {VALUE_BYTES_MAX}"),
        ));
    }
    Ok(())
}

/// A record in its bytes: checked as a whole, then read field by field.
#[derive(Debug, Clone)]
pub struct RecordView<'a> {
    head: Head,
    table: &'a [u8],
    fields: FieldsView<'a>,
}

impl<'a> RecordView<'a> {
    /// Takes exactly the bytes that [`encode`] wrote: verifies the checksum and reads the head.
    ///
    /// # Errors
    /// [`Code::Damaged`] when the bytes were changed or cut short.
    pub fn new(bytes: &'a [u8]) -> Result<RecordView<'a>> {
        let (body, checksum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or_else(|| damaged("a record ends early"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*checksum) {
            return Err(damaged("a record does not match its checksum"));
        }
        let Some((&format @ (FORMAT | FORMAT_SHARED), mut rest)) = body.split_first() else {
            return Err(damaged("a record of an unknown format"));
        };
        let mut head = take_head(&mut rest)?;
        if format == FORMAT_SHARED {
            head.participants = Participants::take(&mut rest)?;
        }
        Ok(RecordView {
            head,
            table: rest,
            fields: FieldsView::new(rest)?,
        })
    }

    /// What the engine keeps about the record.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How often the record was written.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Whom the record belongs to.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        self.head.owner
    }

    /// The bytes of the field table, for [`FieldsView::new`].
    pub(crate) fn table(&self) -> &'a [u8] {
        self.table
    }

    /// The field table.
    #[must_use]
    pub fn fields(&self) -> FieldsView<'a> {
        self.fields
    }

    /// The value of one field; [`Value::Null`] where it is absent.
    ///
    /// # Errors
    /// [`Code::Damaged`] for bytes that are no value.
    pub fn field(&self, field: FieldId) -> Result<Value> {
        self.fields.field(field)
    }

    /// The encoded value of one field; none where it is absent.
    #[must_use]
    pub fn raw(&self, field: FieldId) -> Option<RawField<'a>> {
        self.fields.raw(field)
    }

    /// The text of a text, digits, e-mail, phone or link, without allocation.
    #[must_use]
    pub fn text(&self, field: FieldId) -> Option<&'a str> {
        self.fields.text(field)
    }

    /// The whole record.
    ///
    /// # Errors
    /// [`Code::Damaged`] for bytes that no encoder wrote.
    pub fn decode(&self) -> Result<Record> {
        Ok(Record {
            head: self.head.clone(),
            fields: self.fields.decode()?,
        })
    }
}

fn put_head(out: &mut Vec<u8>, head: &Head) {
    put_uint(out, head.version.0);
    put_user(out, head.owner, None);
    put_user(out, head.created_by, head.owner);
    put_user(out, head.updated_by, head.created_by);
    let created_ms = head.created_at.timestamp_millis();
    put_uint(out, zigzag(created_ms));
    put_uint(out, zigzag(head.updated_at.timestamp_millis() - created_ms));
}

fn take_head(input: &mut &[u8]) -> Result<Head> {
    let version = Version(take_uint(input)?);
    let owner = take_user(input, None)?;
    let created_by = take_user(input, owner)?;
    let updated_by = take_user(input, created_by)?;
    let created_ms = unzigzag(take_uint(input)?);
    let updated_ms = created_ms.checked_add(unzigzag(take_uint(input)?));
    let moment = |ms: Option<i64>| {
        ms.and_then(DateTime::from_timestamp_millis)
            .ok_or_else(|| damaged("a moment out of range"))
    };
    Ok(Head {
        version,
        owner,
        participants: Participants::default(),
        created_at: moment(Some(created_ms))?,
        created_by,
        updated_at: moment(updated_ms)?,
        updated_by,
    })
}

/// A user is 0 for none, 1 for the same as the user before, and its id + 1 otherwise.
fn put_user(out: &mut Vec<u8>, user: Option<UserId>, before: Option<UserId>) {
    put_uint(
        out,
        match user {
            None => NO_USER,
            same if same == before => SAME_USER,
            Some(user) => user.get() + SAME_USER,
        },
    );
}

fn take_user(input: &mut &[u8], before: Option<UserId>) -> Result<Option<UserId>> {
    match take_uint(input)? {
        NO_USER => Ok(None),
        SAME_USER => Ok(before),
        n => match RecordId::new(n - SAME_USER) {
            Ok(id) => Ok(Some(UserId(id))),
            Err(_) => Err(damaged("a user out of range")),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::value::arbitrary::{arb_fields, arb_record_id};

    /// From 262144 B.C. to 262143 A.D., which is what a `DateTime` can hold.
    const MOMENTS_MS: std::ops::RangeInclusive<i64> =
        -8_000_000_000_000_000..=8_000_000_000_000_000;

    fn arb_user() -> impl Strategy<Value = Option<UserId>> {
        option::of(prop_oneof![
            (1..4_u64).prop_map(|id| UserId(RecordId::new(id).unwrap())),
            arb_record_id().prop_map(UserId),
        ])
    }

    prop_compose! {
        fn arb_record()(
            version: u64,
            owner in arb_user(),
            participants in prop::collection::vec(arb_record_id().prop_map(UserId), 0..3),
            created_by in arb_user(),
            updated_by in arb_user(),
            created_ms in MOMENTS_MS,
            updated_ms in MOMENTS_MS,
            fields in arb_fields(),
        ) -> Record {
            let moment = |ms| DateTime::from_timestamp_millis(ms).unwrap();
            let (created_at, updated_at) = (moment(created_ms), moment(updated_ms));
            let version = Version(version);
            let participants = participants.into_iter().collect();
            Record {
                head: Head { version, owner, participants, created_at, created_by, updated_at, updated_by },
                fields,
            }
        }
    }

    fn encoded(record: &Record) -> Vec<u8> {
        let mut out = Vec::new();
        encode(record, &mut out).unwrap();
        out
    }

    fn check_damaged(bytes: &[u8]) {
        let error = RecordView::new(bytes).unwrap_err();
        assert_eq!(error.code(), Code::Damaged);
    }

    fn record_of(text_bytes: usize) -> Record {
        let at = DateTime::UNIX_EPOCH;
        Record {
            head: Head {
                version: Version(1),
                owner: None,
                participants: Participants::default(),
                created_at: at,
                created_by: None,
                updated_at: at,
                updated_by: None,
            },
            fields: Fields::from_iter([(FieldId(1), Value::Text("x".repeat(text_bytes)))]),
        }
    }

    #[test]
    fn a_record_too_large_leaves_no_trace() {
        let frame = encoded(&record_of(0)).len();
        assert_eq!(
            encoded(&record_of(VALUE_BYTES_MAX - frame)).len(),
            VALUE_BYTES_MAX
        );
        let mut out = vec![7];
        let error = encode(&record_of(VALUE_BYTES_MAX - frame + 1), &mut out).unwrap_err();
        assert_eq!(error.code(), Code::TooLarge);
        assert_eq!(out, [7]);
    }

    #[test]
    fn foreign_bytes_with_a_right_checksum_are_damaged() {
        for body in [
            &[][..],
            &[3],
            &[FORMAT_SHARED, 1, 0, 0, 0, 0, 0, 0],
            &[FORMAT],
            &[FORMAT, 1, 0, 0, 0, 0, 0, 200, 1],
        ] {
            check_damaged(&[body, &crc32fast::hash(body).to_le_bytes()].concat());
        }
    }

    proptest! {
        #[test]
        fn records_survive(record in arb_record()) {
            let stored = encoded(&record);
            let view = RecordView::new(&stored).unwrap();
            prop_assert_eq!(view.head(), &record.head);
            prop_assert_eq!(view.decode().unwrap(), record);
        }

        #[test]
        fn every_flipped_byte_is_found(record in arb_record(), flip in 1..=255_u8) {
            let mut stored = encoded(&record);
            for position in 0..stored.len() {
                for flip in [flip, 0xFF, 1 << (position % 8)] {
                    stored[position] ^= flip;
                    check_damaged(&stored);
                    stored[position] ^= flip;
                }
            }
        }

        #[test]
        fn cut_records_are_found(record in arb_record()) {
            let stored = encoded(&record);
            for length in 0..stored.len() {
                check_damaged(&stored[..length]);
            }
        }

        #[test]
        fn any_body_is_a_record_or_an_error(body: Vec<u8>) {
            let body = [&[FORMAT], &body[..]].concat();
            let stored = [&body[..], &crc32fast::hash(&body).to_le_bytes()].concat();
            let _ = RecordView::new(&stored).and_then(|view| view.decode());
            let _ = RecordView::new(&body);
        }
    }
}
