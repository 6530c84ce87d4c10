//! What search looks up, derived from the searched fields of a record:
//!
//! - **words** of texts, under their first three letters: once under the owner and each
//!   participant, for those who see the records of some, and once for those who see all. Within a group of equal letters they
//!   stand by class (how well a word fits those letters, and whether it is of the title), then by
//!   title, so that the first hits of a page are the first entries of a group;
//! - **parts**: every ending of a phone number (so that the beginning of an entry is any part of
//!   the number), whole numbers, whole e-mails and their domains, without the owner;
//! - **values** of phones, numbers and e-mails under the owner and each participant, for parts that
//!   are too common to look at everybody's.
//!
//! The title of a detail is its parent's, which is not part of the record; a detail's entries
//! name the parent instead.

use std::collections::BTreeMap;

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, RecordId};
use crate::limits::{
    SEARCH_PHONE_DIGITS_MAX, SEARCH_TITLE_BYTES_MAX, SEARCH_WORD_BYTES_MAX,
    SEARCH_WORDS_PER_FIELD_MAX,
};
use crate::schema::keys::{self, Holder, Key};
use crate::schema::{Field, Object};
use crate::value::{
    HEAD_LETTERS, Record, Value, ValueType, fold, head, normal_phone, put_uint, put_value, stem,
    take_uint, text_of_sort_key, words,
};

use super::Entry;

/// The fewest digits that are looked for as a part of a phone number.
pub(crate) const PHONE_PART_DIGITS: usize = 3;

/// Ends a text inside a key.
const END: u8 = 0;
/// Stands in place of the letters before values under a holder. No word has it.
const VALUES: &[u8] = &[1, END];

/// How a field is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Words,
    Phone,
    Email,
    Number,
}

/// A kind of part. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    Phone = 1,
    Email = 2,
    Domain = 3,
    Number = 4,
}

/// How search treats a field, if it does.
pub(crate) fn way(object: &Object, field: &Field) -> Option<Way> {
    if !field.search && object.title != Some(field.id) {
        return None;
    }
    match field.value_type {
        ValueType::Text | ValueType::Tags | ValueType::Link => Some(Way::Words),
        ValueType::Phone => Some(Way::Phone),
        ValueType::Email => Some(Way::Email),
        ValueType::Digits | ValueType::Integer => Some(Way::Number),
        _ => None,
    }
}

/// Whether a field names what is found. What a detail is called does not name its parent.
pub(crate) fn is_title(object: &Object, field: FieldId) -> bool {
    object.title == Some(field) && object.parent.is_none()
}

/// The words of a text that search knows, in their order; repeated ones included.
pub(crate) fn searched_words(text: &str) -> impl Iterator<Item = String> {
    words(text)
        .take(SEARCH_WORDS_PER_FIELD_MAX)
        .map(|mut word| {
            word.truncate(word.floor_char_boundary(SEARCH_WORD_BYTES_MAX));
            word
        })
}

/// The text of a value whose words are searched.
pub(crate) fn words_text(value: &Value) -> String {
    match value {
        Value::Tags(tags) => tags.join(" "),
        other => other.to_string(),
    }
}

/// The form in which a value that is not searched by words is compared.
pub(crate) fn searched_form(way: Way, text: &str) -> String {
    match way {
        Way::Phone => {
            let mut digits = normal_phone(text);
            digits.truncate(SEARCH_PHONE_DIGITS_MAX);
            digits
        }
        Way::Number => text
            .chars()
            .filter(|c| c.is_alphanumeric())
            .map(fold)
            .collect(),
        Way::Email | Way::Words => text
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .map(fold)
            .collect(),
    }
}

/// How well a word fits letters that are looked for: the class of the entries of a group, and the
/// rank of a hit.
pub(crate) mod tier {
    /// They are the whole word or value.
    pub(crate) const WHOLE: u8 = 0;
    /// They are another form of the word.
    pub(crate) const FORM: u8 = 1;
    /// They are the beginning of the word.
    pub(crate) const BEGINNING: u8 = 2;
    /// They are part of a value that is no word.
    pub(crate) const PART: u8 = 3;

    /// A tier with the title before other fields.
    pub(crate) fn rank(tier: u8, of_title: bool) -> u8 {
        2 * tier + u8::from(!of_title)
    }
}

/// The part of a title's sort key by which hits are ordered, with its end.
pub(crate) fn title_key(title: &Value) -> Vec<u8> {
    let mut key = Vec::new();
    if !title.is_null() {
        // Without the type in front and the end behind.
        put_value(&mut key, &Value::Text(title.to_string()), false);
        key.remove(0);
        key.pop();
        key.truncate(SEARCH_TITLE_BYTES_MAX);
    }
    key.push(END);
    key
}

/// The title a sort key tells; none where that is cut short or the title is empty.
pub(crate) fn title_of_key(key: &[u8]) -> Option<String> {
    match key {
        [sorted @ .., END] if (1..SEARCH_TITLE_BYTES_MAX).contains(&sorted.len()) => {
            text_of_sort_key(sorted)
        }
        _ => None,
    }
}

/// Adds what search looks up of a record.
pub(super) fn add_entries(
    object: &Object,
    id: RecordId,
    record: &Record,
    entries: &mut Vec<Entry>,
) {
    let mut lead = Vec::new();
    match object.parent {
        Some(parent) => {
            let parent = record.fields.get(parent).as_reference();
            put_uint(&mut lead, parent.map_or(0, RecordId::get));
        }
        None => {
            let title = object.title.map(|title| record.fields.get(title));
            lead = title_key(title.unwrap_or(&Value::Null));
        }
    }
    let mut writer = Writer {
        object,
        id,
        record,
        lead,
        entries,
    };
    for field in &object.fields {
        let value = record.fields.get(field.id);
        match way(object, field) {
            None => {}
            Some(_) if value.is_null() => {}
            Some(Way::Words) => writer.words(field.id, &words_text(value)),
            Some(way) => writer.value(field.id, way, &searched_form(way, &value.to_string())),
        }
    }
}

struct Writer<'w> {
    object: &'w Object,
    id: RecordId,
    record: &'w Record,
    /// What stands before the id: the sort key of the title, or the parent of a detail.
    lead: Vec<u8>,
    entries: &'w mut Vec<Entry>,
}

impl Writer<'_> {
    fn words(&mut self, field: FieldId, text: &str) {
        let of_title = is_title(self.object, field);
        let mut groups: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
        for word in searched_words(text) {
            let head = head(&word);
            let tier = if head == word {
                tier::WHOLE
            } else if stem(&word) == head {
                tier::FORM
            } else {
                tier::BEGINNING
            };
            let mut group = head.as_bytes().to_vec();
            group.extend([END, tier::rank(tier, of_title)]);
            groups.entry(group).or_default().push(word);
        }
        for (group, mut words) in groups {
            words.sort_unstable();
            words.dedup();
            let mut rests = Vec::with_capacity(16);
            for word in &words {
                let rest = &word.as_bytes()[head(word).len()..];
                put_uint(&mut rests, rest.len() as u64);
                rests.extend(rest);
            }
            self.own(&group, field, &rests);
            let all = keys::words_all(self.object.id).bytes(&group);
            self.entry(all.bytes(&self.lead), field, rests);
        }
    }

    fn value(&mut self, field: FieldId, way: Way, form: &str) {
        match way {
            Way::Words => {}
            Way::Number => self.part(PartKind::Number, form, field),
            Way::Email => {
                self.part(PartKind::Email, form, field);
                if let Some((_, domain)) = form.rsplit_once('@') {
                    self.part(PartKind::Domain, domain, field);
                }
            }
            Way::Phone => {
                let starts = (form.len() + 1).saturating_sub(PHONE_PART_DIGITS);
                for start in 0..starts {
                    self.part(PartKind::Phone, &form[start..], field);
                }
            }
        }
        let mut group = VALUES.to_vec();
        group.push(0);
        self.own(&group, field, form.as_bytes());
    }

    fn part(&mut self, kind: PartKind, text: &str, field: FieldId) {
        let key = keys::parts(self.object.id, kind as u8);
        let key = key.bytes(text.as_bytes()).bytes(&[END]);
        self.entry(key, field, Vec::new());
    }

    /// Entries under the owner, where there is one, and under each participant.
    fn own(&mut self, group: &[u8], field: FieldId, value: &[u8]) {
        let record = self.record;
        let holders = Holder::of(&record.head).filter(|holder| *holder != Holder::Owner(None));
        for holder in holders.filter(|_| self.object.owned) {
            let own = keys::words_own(self.object.id, holder).bytes(group);
            self.entry(own.bytes(&self.lead), field, value.to_vec());
        }
    }

    fn entry(&mut self, key: Key, field: FieldId, value: Vec<u8>) {
        let key = key.id(self.id).uint(field.0.into()).done();
        self.entries.push(Entry { key, value });
    }
}

/// Where words that begin with some letters stand, behind their holder or object. With fewer
/// letters than a head they stand in several groups.
pub(crate) fn words_at(letters: &str) -> Vec<u8> {
    let head = head(letters);
    let mut at = head.as_bytes().to_vec();
    if head.chars().count() == HEAD_LETTERS {
        at.push(END);
    }
    at
}

/// Where values stand behind their holder.
pub(crate) fn values_at() -> &'static [u8] {
    VALUES
}

/// Where parts that begin with a text stand; parts that are the text, if it is `whole`.
pub(crate) fn parts_at(object: &Object, kind: PartKind, text: &str, whole: bool) -> Vec<u8> {
    let key = keys::parts(object.id, kind as u8).bytes(text.as_bytes());
    match whole {
        true => key.bytes(&[END]).done(),
        false => key.done(),
    }
}

/// An entry of words or values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting<'a> {
    /// The letters its words begin with.
    pub(crate) head: &'a [u8],
    /// How well the head fits, see [`tier`].
    pub(crate) class: u8,
    /// How many bytes of the tail head and class take.
    pub(crate) group_bytes: usize,
    /// As [`title_key`] gives it; empty for details.
    pub(crate) title: &'a [u8],
    /// The parent of a detail.
    pub(crate) parent: Option<RecordId>,
    pub(crate) id: RecordId,
    pub(crate) field: FieldId,
    value: &'a [u8],
}

impl<'a> Posting<'a> {
    /// Reads an entry; `tail` is its key behind the holder or object.
    pub(crate) fn read(object: &Object, tail: &'a [u8], value: &'a [u8]) -> Result<Posting<'a>> {
        let head_bytes = end_of_text(tail)?;
        let (head, rest) = tail.split_at(head_bytes);
        let [_, class, rest @ ..] = rest else {
            return Err(damaged());
        };
        let mut rest = rest;
        let (title, parent) = match object.parent {
            Some(_) => match take_uint(&mut rest)? {
                0 => (&[][..], None),
                parent => (&[][..], Some(RecordId::new(parent)?)),
            },
            None => {
                let (title, behind) = rest.split_at(end_of_text(rest)? + 1);
                rest = behind;
                (title, None)
            }
        };
        let (id, field) = id_and_field(rest)?;
        Ok(Posting {
            head,
            class: *class,
            group_bytes: head_bytes + 2,
            title,
            parent,
            id,
            field,
            value,
        })
    }

    /// What follows the head in each of its words.
    pub(crate) fn rests(&self) -> impl Iterator<Item = Result<&'a str>> {
        let mut rests = self.value;
        std::iter::from_fn(move || {
            (!rests.is_empty()).then(|| {
                let bytes = usize::try_from(take_uint(&mut rests)?).map_err(|_| damaged())?;
                let (rest, behind) = rests.split_at_checked(bytes).ok_or_else(damaged)?;
                rests = behind;
                std::str::from_utf8(rest).map_err(|_| damaged())
            })
        })
    }

    /// The value, where it is an entry of values.
    pub(crate) fn form(&self) -> Result<&'a str> {
        std::str::from_utf8(self.value).map_err(|_| damaged())
    }
}

/// The record and field of a part; `tail` is its key behind the kind.
pub(crate) fn read_part(tail: &[u8]) -> Result<(RecordId, FieldId)> {
    id_and_field(&tail[end_of_text(tail)? + 1..])
}

fn id_and_field(mut rest: &[u8]) -> Result<(RecordId, FieldId)> {
    let id = RecordId::new(take_uint(&mut rest)?)?;
    let field = u16::try_from(take_uint(&mut rest)?).map_err(|_| damaged())?;
    Ok((id, FieldId(field)))
}

fn end_of_text(bytes: &[u8]) -> Result<usize> {
    let end = bytes.iter().position(|byte| *byte == END);
    end.ok_or_else(damaged)
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "an entry of search is damaged")
}
