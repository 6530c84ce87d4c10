//! Where in a TOML text something stands.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Code, Error};

/// What is wrong at a place of a file, given by its offset in bytes.
pub(super) fn fault(file: &str, text: &str, offset: usize, message: &str) -> Error {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[line_start..].chars().count() + 1;
    Error::new(Code::Pack, format!("{file}:{line}:{column}: {message}"))
        .with("file", file)
        .at(line as u64, column as u64)
}

/// What the TOML parser has against a file.
pub(super) fn unparsable(file: &str, text: &str, error: &toml::de::Error) -> Error {
    let offset = error.span().map_or(0, |span| span.start);
    fault(file, text, offset, error.message())
}

/// The first string of a text that is `wanted`, or begins with it as a word (`wanted desc`).
pub(super) fn string(text: &str, wanted: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut found = None;
    for value in document.get_ref().values() {
        earliest(value, wanted, &mut found);
    }
    found
}

/// The name of the entry of the array `list` that is called `name`.
pub(super) fn entry(text: &str, list: &str, name: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let entries = document.get_ref().get(list)?.get_ref().as_array()?;
    entries.iter().find_map(|entry| {
        let own = entry.get_ref().as_table()?.get("name")?;
        (own.get_ref().as_str() == Some(name)).then(|| own.span().start)
    })
}

/// The first string of that entry that is `wanted`.
pub(super) fn within(text: &str, list: &str, name: &str, wanted: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let entries = document.get_ref().get(list)?.get_ref().as_array()?;
    let entry = entries.iter().find(|entry| {
        let own = entry.get_ref().as_table().and_then(|e| e.get("name"));
        own.is_some_and(|own| own.get_ref().as_str() == Some(name))
    })?;
    let mut found = None;
    earliest(entry, wanted, &mut found);
    found
}

/// A table within an entry: the item `index` of the array `part` of the entry called `name` of
/// the array `list`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'p> {
    pub(super) list: &'p str,
    pub(super) name: &'p str,
    pub(super) part: &'p str,
    pub(super) index: usize,
}

impl Part<'_> {
    /// Where the value of `key` stands; of an array the item that is `wanted`, if there is one.
    pub(super) fn value(self, text: &str, key: &str, wanted: &str) -> Option<usize> {
        let document = DeTable::parse(text).ok()?;
        let entries = document.get_ref().get(self.list)?.get_ref().as_array()?;
        let mut entries = entries
            .iter()
            .filter_map(|entry| entry.get_ref().as_table());
        let entry = entries.find(|entry| {
            let own = entry.get("name");
            own.is_some_and(|own| own.get_ref().as_str() == Some(self.name))
        })?;
        let parts = entry.get(self.part)?.get_ref().as_array()?;
        let part = parts.get(self.index)?;
        let Some(value) = part.get_ref().as_table()?.get(key) else {
            return Some(part.span().start);
        };
        let items = value.get_ref().as_array();
        let mut items = items.into_iter().flat_map(|items| items.iter());
        let item = items.find(|item| item.get_ref().as_str() == Some(wanted));
        Some(item.map_or(value.span().start, |item| item.span().start))
    }
}

/// The lines of the tables in the array `part` of each entry of the array `list`, by the name of
/// the entry.
pub(super) fn lines(text: &str, list: &str, part: &str) -> BTreeMap<String, Vec<usize>> {
    let mut lines = BTreeMap::new();
    let Ok(document) = DeTable::parse(text) else {
        return lines;
    };
    let entries = document.get_ref().get(list);
    let entries = entries.and_then(|list| list.get_ref().as_array());
    for entry in entries.into_iter().flat_map(|entries| entries.iter()) {
        let Some(entry) = entry.get_ref().as_table() else {
            continue;
        };
        let Some(name) = entry.get("name").and_then(|name| name.get_ref().as_str()) else {
            continue;
        };
        let parts = entry.get(part).and_then(|part| part.get_ref().as_array());
        let parts = parts.into_iter().flat_map(|parts| parts.iter());
        let line = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let of_entry = parts.map(|part| line(part.span().start));
        lines.insert(name.to_owned(), of_entry.collect());
    }
    lines
}

/// Tables are ordered by their keys, not by their places: the earliest place counts.
fn earliest(value: &Spanned<DeValue<'_>>, wanted: &str, found: &mut Option<usize>) {
    match value.get_ref() {
        DeValue::String(text) if text.split(' ').next() == Some(wanted) => {
            let at = value.span().start;
            *found = Some(found.map_or(at, |earlier| earlier.min(at)));
        }
        DeValue::Array(items) => items.iter().for_each(|item| earliest(item, wanted, found)),
        DeValue::Table(table) => table
            .values()
            .for_each(|item| earliest(item, wanted, found)),
        _ => {}
    }
}
