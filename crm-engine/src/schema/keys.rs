//! The layout of the store: every key of the engine is built here.
//!
//! All keys are order-preserving. Numbers are variable-length, so that ids and owners cost a
//! byte or two in most stores: few, short keys are what keeps the file small. No key holds a
//! path or a place in a tree (invariant *records carry only their owner*).

use crate::error::Result;
use crate::ids::{FieldId, ObjectId, RecordId, Sequence, UserId, Version};
use crate::limits::RECORD_ID_MAX;
use crate::store::KeyRange;
use crate::value::{Head, Value, put_uint, put_value, take_uint};

use super::List;

/// The first byte of a key: which part of the store it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Space {
    /// Counters, epochs, schema.
    Meta = 0x01,
    /// object, id → record.
    Record = 0x02,
    /// object, list, holder, sort key, id → standing, columns.
    Own = 0x03,
    /// object, list, sort key, id → standing, columns.
    All = 0x04,
    /// object, total, whose records, values they are grouped by → the groups that share an entry.
    Total = 0x05,
    /// record id, version → what that version replaced.
    History = 0x06,
    /// sequence → one transaction.
    Journal = 0x07,
    /// target id, object, field, source id → nothing.
    Referrer = 0x08,
    /// object, field, value → id.
    Unique = 0x09,
    /// name → an installed pack and its files.
    Pack = 0x0A,
    /// object, field, kind, normal form or beginning of a word, id → standing, parent of a detail.
    Match = 0x11,
    /// target id, place on its timeline → an event or a move of another record.
    Timeline = 0x0B,
    /// object, group of fields, values → id.
    Together = 0x10,
    /// record id, id of a record merged into it → the position of the merge.
    Absorbed = 0x0F,
    /// object, holder, head of a word, class, title, id, field → the rests of the words.
    WordOwn = 0x0C,
    /// object, head of a word, class, title, id, field → the rests of the words.
    WordAll = 0x0D,
    /// object, kind of part, text, id, field → nothing.
    Part = 0x0E,
    /// user → how he proves who he is.
    Credentials = 0x13,
    /// 0, user, hour → what he did; 1, user, hour, object, id → nothing.
    Watch = 0x14,
}

/// Under whom an entry stands in the spaces that are kept by user: a record stands under its
/// owner, and once more under each user it is shared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// What a user owns, or what belongs to nobody.
    Owner(Option<UserId>),
    /// What others share with a user.
    Participant(UserId),
}

impl Holder {
    /// Participants are numbered behind all owners.
    const PARTICIPANTS: u64 = RECORD_ID_MAX + 1;

    /// Under whom a record stands: its owner first.
    pub(crate) fn of(head: &Head) -> impl Iterator<Item = Holder> {
        let participants = head.participants.iter().map(Holder::Participant);
        std::iter::once(Holder::Owner(head.owner)).chain(participants)
    }

    /// Under whom the records of these owners stand, and what others share with a user.
    pub(crate) fn reached(
        owners: &[UserId],
        shared_with: Option<UserId>,
    ) -> impl Iterator<Item = Holder> {
        let owners = owners.iter().map(|owner| Holder::Owner(Some(*owner)));
        owners.chain(shared_with.map(Holder::Participant))
    }

    fn number(self) -> u64 {
        match self {
            Holder::Owner(owner) => owner.map_or(0, UserId::get),
            Holder::Participant(user) => Holder::PARTICIPANTS + user.get(),
        }
    }
}

/// Whose records an entry of a total counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    /// Everybody's.
    All,
    /// What a user owns, or what belongs to nobody.
    OwnedBy(Option<UserId>),
    /// What others share with a user.
    SharedWith(UserId),
    /// What this owner, or nobody, shares with the user.
    Shares(UserId, Option<UserId>),
}

impl Whose {
    /// Everybody that the record of that head is counted for.
    pub(crate) fn of(head: &Head, owned: bool) -> impl Iterator<Item = Whose> {
        let users = head.participants.iter().filter(move |_| owned);
        let shared =
            users.flat_map(|user| [Whose::SharedWith(user), Whose::Shares(user, head.owner)]);
        let owner = owned.then_some(Whose::OwnedBy(head.owner));
        std::iter::once(Whose::All).chain(owner).chain(shared)
    }
}

/// Reads an owner as [`Key::owner`] wrote it.
pub(crate) fn take_owner(input: &mut &[u8]) -> Result<Option<UserId>> {
    Ok(match take_uint(input)? {
        0 => None,
        owner => Some(UserId(RecordId::new(owner)?)),
    })
}

/// A key under construction.
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new(space: Space) -> Key {
        let mut bytes = Vec::with_capacity(48);
        bytes.push(space as u8);
        Key(bytes)
    }

    pub(crate) fn uint(mut self, n: u64) -> Key {
        put_uint(&mut self.0, n);
        self
    }

    pub(crate) fn object(self, object: ObjectId) -> Key {
        self.uint(object.0.into())
    }

    pub(crate) fn id(self, id: RecordId) -> Key {
        self.uint(id.get())
    }

    /// Records without an owner stand under 0.
    pub(crate) fn owner(self, owner: Option<UserId>) -> Key {
        self.uint(owner.map_or(0, UserId::get))
    }

    pub(crate) fn value(mut self, value: &Value, descending: bool) -> Key {
        put_value(&mut self.0, value, descending);
        self
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Key {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }

    /// All keys that begin with this one.
    pub(crate) fn range(self) -> KeyRange {
        KeyRange::prefix(&self.0)
    }
}

pub(crate) fn meta(name: &str) -> Vec<u8> {
    Key::new(Space::Meta).bytes(name.as_bytes()).done()
}

/// How far a list that is being built has come: the end of the key of the last record it holds.
pub(crate) fn list_mark(object: ObjectId, list: u8) -> Vec<u8> {
    Key::new(Space::Meta)
        .bytes(b"list/")
        .object(object)
        .uint(list.into())
        .done()
}

pub(crate) fn record(object: ObjectId, id: RecordId) -> Vec<u8> {
    Key::new(Space::Record).object(object).id(id).done()
}

pub(crate) fn records(object: ObjectId) -> KeyRange {
    Key::new(Space::Record).object(object).range()
}

pub(crate) fn own(object: ObjectId, list: u8, holder: Holder) -> Key {
    Key::new(Space::Own)
        .object(object)
        .uint(list.into())
        .uint(holder.number())
}

/// All entries of a list by holder.
pub(crate) fn own_all(object: ObjectId, list: u8) -> Key {
    Key::new(Space::Own).object(object).uint(list.into())
}

pub(crate) fn all(object: ObjectId, list: u8) -> Key {
    Key::new(Space::All).object(object).uint(list.into())
}

/// The sort components of one record and its id: the tail of a list key. The id runs in the
/// direction of the last component, so that a list read backwards is exactly its reverse order.
pub(crate) fn list_tail<'v>(
    list: &List,
    id: RecordId,
    value: impl Fn(FieldId) -> std::borrow::Cow<'v, Value>,
) -> Vec<u8> {
    let mut tail = Vec::with_capacity(32);
    for key in &list.by {
        put_value(&mut tail, &value(key.field), key.descending);
    }
    let id_at = tail.len();
    put_uint(&mut tail, id.get());
    if list.by.last().is_some_and(|key| key.descending) {
        tail[id_at..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    tail
}

/// All entries of a total.
pub(crate) fn total(object: ObjectId, total: u8) -> Key {
    Key::new(Space::Total).object(object).uint(total.into())
}

/// The entries of a total that count these records: what they are grouped by follows.
pub(crate) fn total_of(object: ObjectId, id: u8, whose: Whose) -> Key {
    match whose {
        Whose::All => total(object, id).uint(0),
        Whose::OwnedBy(owner) => owned_totals(object, id).owner(owner),
        Whose::SharedWith(user) => total(object, id).uint(2).id(user.0),
        Whose::Shares(user, owner) => shared_totals(object, id, user).owner(owner),
    }
}

/// The entries of a total for each owner, who follows.
pub(crate) fn owned_totals(object: ObjectId, id: u8) -> Key {
    total(object, id).uint(1)
}

/// The entries of a total of what is shared with a user, for each owner, who follows.
pub(crate) fn shared_totals(object: ObjectId, id: u8, user: UserId) -> Key {
    total(object, id).uint(3).id(user.0)
}

pub(crate) fn history(id: RecordId, version: Version) -> Vec<u8> {
    Key::new(Space::History).id(id).uint(version.0).done()
}

pub(crate) fn history_of(id: RecordId) -> KeyRange {
    Key::new(Space::History).id(id).range()
}

pub(crate) fn journal(sequence: Sequence) -> Vec<u8> {
    Key::new(Space::Journal).uint(sequence.0).done()
}

pub(crate) fn journal_all() -> KeyRange {
    Key::new(Space::Journal).range()
}

pub(crate) fn referrers(target: RecordId) -> Key {
    Key::new(Space::Referrer).id(target)
}

pub(crate) fn referrer(
    target: RecordId,
    object: ObjectId,
    field: FieldId,
    source: RecordId,
) -> Vec<u8> {
    referrers(target)
        .object(object)
        .uint(field.0.into())
        .id(source)
        .done()
}

pub(crate) fn unique(object: ObjectId, field: FieldId, value: &Value) -> Vec<u8> {
    Key::new(Space::Unique)
        .object(object)
        .uint(field.0.into())
        .value(value, false)
        .done()
}

/// The entries of records whose `field` has a normal form (`kind` 1) or a word that begins so
/// (`kind` 2): the id follows.
pub(crate) fn matching(object: ObjectId, field: FieldId, kind: u8, text: &str) -> Key {
    Key::new(Space::Match)
        .object(object)
        .uint(field.0.into())
        .uint(kind.into())
        .bytes(text.as_bytes())
        .bytes(&[0])
}

pub(crate) fn together(object: ObjectId, together: u8) -> Key {
    Key::new(Space::Together)
        .object(object)
        .uint(together.into())
}

pub(crate) fn absorbed(into: RecordId) -> Key {
    Key::new(Space::Absorbed).id(into)
}

pub(crate) fn timeline(target: RecordId) -> Key {
    Key::new(Space::Timeline).id(target)
}

/// The first bytes of every place at a moment given in milliseconds: the newest moment first.
pub(crate) fn timeline_moment(at_ms: i64) -> [u8; 8] {
    (!(at_ms as u64 ^ 1 << 63)).to_be_bytes()
}

pub(crate) fn words_own(object: ObjectId, holder: Holder) -> Key {
    Key::new(Space::WordOwn)
        .object(object)
        .uint(holder.number())
}

pub(crate) fn words_all(object: ObjectId) -> Key {
    Key::new(Space::WordAll).object(object)
}

/// What stands under one kind of part: `kind` is the index's own number for it.
pub(crate) fn parts(object: ObjectId, kind: u8) -> Key {
    Key::new(Space::Part).object(object).uint(kind.into())
}

pub(crate) fn credentials(user: UserId) -> Vec<u8> {
    Key::new(Space::Credentials).id(user.0).done()
}

/// What a user did, by hour.
pub(crate) fn watched(user: UserId) -> Key {
    Key::new(Space::Watch).uint(0).id(user.0)
}

/// The records a user opened, by hour.
pub(crate) fn opened(user: UserId) -> Key {
    Key::new(Space::Watch).uint(1).id(user.0)
}

pub(crate) fn pack(name: &str) -> Vec<u8> {
    Key::new(Space::Pack).bytes(name.as_bytes()).done()
}

pub(crate) fn packs() -> KeyRange {
    Key::new(Space::Pack).range()
}
