//! Old and new values: one row per change of a record, holding what the change replaced.
//!
//! Only old values are stored; the new value of a field is the old value of its next change,
//! or the present one. Invariant *nothing is lost quietly*: a deletion keeps the whole record.

mod absorbed;
mod backwards;
mod past;
mod stays;

use chrono::{DateTime, Utc};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId, RecordId, Sequence, UserId, Version};
use crate::journal::{self, Cause, ChangeKind};
use crate::schema::keys;
use crate::schema::system::{DECLARED_FIRST, OWNER, PARTICIPANTS};
use crate::store::{Read, ScanOptions, Txn};
use crate::value::{
    FieldsView, Head, Participants, Record, Value, encode_fields, put_uint, take_uint,
};

pub(crate) use absorbed::{absorbed, forget_absorbed, note_absorbed};
pub(crate) use backwards::{Backwards, tenures};
pub use past::Moment;
pub(crate) use past::record_at;
pub(crate) use stays::{Stay, stays};

/// A change of a record with its old and new values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// The version the change produced.
    pub version: Version,
    /// The transaction it belongs to.
    pub sequence: Sequence,
    /// The object of the record.
    pub object: ObjectId,
    /// What was done.
    pub kind: ChangeKind,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom; none is the host itself.
    pub actor: Option<UserId>,
    /// Why.
    pub cause: Cause,
    /// The changed fields, by number; owner and participants among them under their own numbers.
    pub fields: Vec<FieldChange>,
}

impl Change {
    /// The record as it was when it was deleted; none for other changes.
    pub(crate) fn deleted(&self) -> Option<Record> {
        let old = |wanted| {
            let field = self.fields.iter().find(|field| field.field == wanted);
            field.map_or(&Value::Null, |field| &field.old)
        };
        let fields = self.fields.iter();
        let fields = fields.filter(|changed| changed.field.0 >= DECLARED_FIRST);
        (self.kind == ChangeKind::Delete).then(|| Record {
            head: Head {
                version: self.version,
                owner: old(OWNER).as_reference().map(UserId),
                participants: Participants::of_value(old(PARTICIPANTS)),
                created_at: self.at,
                created_by: self.actor,
                updated_at: self.at,
                updated_by: self.actor,
            },
            fields: fields
                .map(|changed| (changed.field, changed.old.clone()))
                .collect(),
        })
    }
}

/// A changed field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldChange {
    /// The field.
    pub field: FieldId,
    /// The value before.
    pub old: Value,
    /// The value after.
    pub new: Value,
}

/// What a row says besides its values.
pub(crate) struct Note<'a> {
    pub(crate) sequence: Sequence,
    pub(crate) object: ObjectId,
    pub(crate) kind: ChangeKind,
    pub(crate) at: DateTime<Utc>,
    pub(crate) actor: Option<UserId>,
    pub(crate) cause: &'a Cause,
}

/// Writes the row of the change that produced `version`; `old` are the replaced values.
pub(crate) fn append(
    txn: &mut Txn,
    id: RecordId,
    version: Version,
    note: &Note<'_>,
    old: &[(FieldId, &Value)],
) -> Result<()> {
    let mut row = Vec::with_capacity(64);
    put_uint(&mut row, note.sequence.0);
    put_uint(&mut row, note.object.0.into());
    journal::encode_kind(&mut row, note.kind);
    journal::encode_moment(&mut row, note.at);
    put_uint(&mut row, note.actor.map_or(0, UserId::get));
    journal::encode_cause(&mut row, note.cause);
    // A field that had no value is named; the table of values leaves it out.
    let empty: Vec<FieldId> = old
        .iter()
        .filter(|(_, value)| value.is_null())
        .map(|(field, _)| *field)
        .collect();
    put_uint(&mut row, empty.len() as u64);
    empty
        .iter()
        .for_each(|field| put_uint(&mut row, field.0.into()));
    encode_fields(old, &mut row);
    txn.put(&keys::history(id, version), &row)
}

/// Every change of a record, oldest first, given the record as it stands now (none when it was
/// deleted). `owner_field` is the number under which owners are kept.
pub(crate) fn of(
    read: &dyn Read,
    id: RecordId,
    now: Option<&Record>,
    owner_field: FieldId,
) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    let prefix = keys::Key::new(keys::Space::History).id(id).done().len();
    let mut rows = read.scan(keys::history_of(id), ScanOptions::default())?;
    while let Some((key, row)) = rows.next()? {
        let version = Version(take_uint(&mut &key[prefix..])?);
        changes.push(decode(version, row)?);
    }
    drop(rows);
    fill_new_values(&mut changes, now, owner_field);
    Ok(changes)
}

/// The newest change of a record. What it says of new values is not filled in.
pub(crate) fn newest(read: &dyn Read, id: RecordId) -> Result<Option<Change>> {
    let prefix = keys::Key::new(keys::Space::History).id(id).done().len();
    let mut rows = read.scan(keys::history_of(id), ScanOptions::REVERSE.limit(1))?;
    match rows.next()? {
        Some((key, row)) => {
            let version = Version(take_uint(&mut &key[prefix..])?);
            decode(version, row).map(Some)
        }
        None => Ok(None),
    }
}

/// A record that is gone, as it was when it was deleted.
pub(crate) fn deleted(read: &dyn Read, id: RecordId) -> Result<Option<Record>> {
    Ok(newest(read, id)?.and_then(|change| change.deleted()))
}

/// Walks from the newest change to the oldest: what a change replaced is what the change before
/// it had produced.
fn fill_new_values(changes: &mut [Change], now: Option<&Record>, owner_field: FieldId) {
    let mut present: Vec<(FieldId, Value)> = Vec::new();
    if let Some(record) = now {
        present.extend(
            record
                .fields
                .iter()
                .map(|(field, value)| (field, value.clone())),
        );
        present.push((owner_field, owner_value(record.head.owner)));
        present.push((PARTICIPANTS, record.head.participants.to_value()));
    }
    for change in changes.iter_mut().rev() {
        for field in &mut change.fields {
            let known = present.iter_mut().find(|(id, _)| *id == field.field);
            match known {
                Some((_, value)) => field.new = std::mem::replace(value, field.old.clone()),
                None => present.push((field.field, field.old.clone())),
            }
        }
        if matches!(change.kind, ChangeKind::Create | ChangeKind::Restore) {
            // A creation replaced nothing: all that stands now is new. Nor does a return.
            change.fields = std::mem::take(&mut present)
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(field, new)| FieldChange {
                    field,
                    old: Value::Null,
                    new,
                })
                .collect();
            change.fields.sort_by_key(|field| field.field);
        }
    }
}

/// The owner as a value of the owner field.
pub(crate) fn owner_value(owner: Option<UserId>) -> Value {
    owner.map_or(Value::Null, |owner| Value::Reference(owner.0))
}

fn decode(version: Version, row: &[u8]) -> Result<Change> {
    let damaged = || Error::new(Code::Damaged, "a history row is damaged");
    let mut rest = row;
    let input = &mut rest;
    let sequence = Sequence(take_uint(input)?);
    let object = ObjectId(take_uint(input)?.try_into().map_err(|_| damaged())?);
    let kind = journal::decode_kind(input)?;
    let at = journal::decode_moment(input)?;
    let actor = match take_uint(input)? {
        0 => None,
        id => Some(UserId(RecordId::new(id)?)),
    };
    let cause = journal::decode_cause(input)?;
    let replaced = |field, old| FieldChange {
        field,
        old,
        new: Value::Null,
    };
    let mut fields = Vec::new();
    for _ in 0..take_uint(input)? {
        let field = FieldId(take_uint(input)?.try_into().map_err(|_| damaged())?);
        fields.push(replaced(field, Value::Null));
    }
    let values = FieldsView::new(input)?.decode()?;
    fields.extend(
        values
            .iter()
            .map(|(field, old)| replaced(field, old.clone())),
    );
    fields.sort_by_key(|field| field.field);
    Ok(Change {
        version,
        sequence,
        object,
        kind,
        at,
        actor,
        cause,
        fields,
    })
}
