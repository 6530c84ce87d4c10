//! Entries by which likely duplicates are found: the normal forms of compared fields, and the
//! beginnings of their words where texts are compared by likeness.
//!
//! An entry tells whom the record stands under, so that a reader passes over what he may not see without reading
//! it. The entry of a detail, which holds a further value of its parent, tells the parent.

use std::collections::BTreeSet;

use super::Entry;
use crate::ids::RecordId;
use crate::limits::{MATCH_FORM_BYTES_MAX, MATCH_WORDS_MAX};
use crate::schema::{Field, Object, keys};
use crate::value::{Record, Value, normal, put_uint, words};

/// How many characters of a word stand for it.
const HEAD_CHARACTERS: usize = 3;

/// What an entry is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum By {
    /// The normal form of the whole value.
    Form = 1,
    /// The beginning of one of its words.
    Head = 2,
}

impl By {
    /// The texts under which a value is found.
    pub(crate) fn texts(self, value: &Value) -> Vec<String> {
        match self {
            By::Form => form(value).into_iter().collect(),
            By::Head => heads(value),
        }
    }
}

/// The normal form of a value, as much of it as a key takes.
fn form(value: &Value) -> Option<String> {
    let mut form = normal(value)?;
    form.truncate(form.floor_char_boundary(MATCH_FORM_BYTES_MAX));
    // A zero byte ends the form in its key.
    form.retain(|c| c != '\0');
    Some(form)
}

/// The beginnings of the first words of a text, each once.
fn heads(value: &Value) -> Vec<String> {
    let words = words(value.as_text().unwrap_or_default()).take(MATCH_WORDS_MAX);
    let heads: BTreeSet<String> = words
        .map(|word| word.chars().take(HEAD_CHARACTERS).collect())
        .collect();
    heads.into_iter().collect()
}

/// The fields of which entries are kept, with what they are found by.
fn kept(object: &Object) -> impl Iterator<Item = (&Field, By)> {
    let compared = &object.compared;
    object.fields.iter().flat_map(move |field| {
        // Which comparisons are made of the parent's field, the detail does not know.
        let further = field.further.is_some();
        let form = further || compared.forms.binary_search(&field.id).is_ok();
        let head = further || compared.heads.binary_search(&field.id).is_ok();
        [(form, By::Form), (head, By::Head)]
            .into_iter()
            .filter(|(kept, _)| *kept)
            .map(move |(_, by)| (field, by))
    })
}

/// The entries of one record.
pub(super) fn put_entries(object: &Object, id: RecordId, record: &Record, out: &mut Vec<Entry>) {
    for (field, by) in kept(object) {
        let value = record.fields.get(field.id);
        let mut told = Vec::new();
        super::put_standing(&mut told, record);
        if field.further.is_some() {
            let parent = object.parent.map(|parent| record.fields.get(parent));
            let Some(parent) = parent.and_then(Value::as_reference) else {
                continue;
            };
            put_uint(&mut told, parent.get());
        }
        out.extend(by.texts(value).into_iter().map(|text| {
            let key = keys::matching(object.id, field.id, by as u8, &text);
            Entry {
                key: key.id(id).done(),
                value: told.clone(),
            }
        }));
    }
}
