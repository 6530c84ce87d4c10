//! Finding records by a text of theirs.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::{ObjectId, RecordId};
use crate::limits::IMPORT_LOOKUP_RECORDS_MAX;
use crate::policy::Action;
use crate::schema::keys::{self, Key, Space};
use crate::schema::{Field, Object};
use crate::store::ScanOptions;
use crate::value::RecordView;
use crate::value::take_uint;
use crate::write::Door;

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Found {
    Record(RecordId),
    /// A row of this file, whose record a rehearsal does not keep.
    Row,
    Several,
}

/// The records of an object by the text of one field, as the actor may see them.
pub(super) struct LookUp {
    pub(super) target: Arc<Object>,
    pub(super) field: Field,
    texts: Staged<String, Found>,
}

impl LookUp {
    /// Reads the texts of every record that the actor may see (invariant *one predicate*).
    pub(super) fn build(door: &Door<'_>, target: &Arc<Object>, by: &str) -> Result<LookUp> {
        let plan = door.plan(target, Action::View);
        let field = target.find(by).filter(|field| plan.shows(field.id));
        let field = field.ok_or_else(|| target.unknown_field(by))?;
        if field.is_system() {
            let message = format!("records cannot be found by `{by}`: take a declared field");
            return Err(Error::new(Code::InvalidArguments, message).field(by));
        }
        let mut look_up = LookUp {
            target: Arc::clone(target),
            field: field.clone(),
            texts: Staged::default(),
        };
        let prefix = Key::new(Space::Record).object(target.id).done().len();
        let mut rows = door
            .reader()
            .scan(keys::records(target.id), ScanOptions::FORWARD)?;
        while let Some((key, bytes)) = rows.next()? {
            let record = RecordView::new(bytes)?;
            if !facts::permits(door.reader(), &plan, &record)? {
                continue;
            }
            let text = match record.text(field.id) {
                Some(text) => Cow::Borrowed(text),
                None => Cow::Owned(field.to_text(&record.field(field.id)?)),
            };
            let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
            look_up.add(&text, Found::Record(id));
            if look_up.texts.kept.len() + look_up.texts.staged.len() > IMPORT_LOOKUP_RECORDS_MAX {
                let message = format!("more than {IMPORT_LOOKUP_RECORDS_MAX} records to match");
                return Err(Error::new(Code::LimitExceeded, message).field(by));
            }
        }
        drop(rows);
        look_up.texts.keep();
        Ok(look_up)
    }

    pub(super) fn is_for(&self, target: ObjectId, by: &str) -> bool {
        self.target.id == target && self.field.name == by
    }

    /// What a text stands for; white space around it does not count.
    pub(super) fn find(&self, text: &str) -> Option<Found> {
        self.texts.get(text.trim()).copied()
    }

    /// A further record with that text, until [`LookUp::keep`] or [`LookUp::discard`].
    pub(super) fn add(&mut self, text: &str, found: Found) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let found = match self.texts.get(text) {
            None => found,
            Some(_) => Found::Several,
        };
        self.texts.stage(text.to_owned(), found);
    }

    pub(super) fn keep(&mut self) {
        self.texts.keep();
    }

    pub(super) fn discard(&mut self) {
        self.texts.discard();
    }
}

/// A map whose newest entries can be taken back: a transaction may run again from its start.
pub(super) struct Staged<K, V> {
    kept: HashMap<K, V>,
    staged: HashMap<K, V>,
}

impl<K, V> Default for Staged<K, V> {
    fn default() -> Self {
        Staged {
            kept: HashMap::new(),
            staged: HashMap::new(),
        }
    }
}

impl<K: Hash + Eq, V> Staged<K, V> {
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.staged.get(key).or_else(|| self.kept.get(key))
    }

    pub(super) fn stage(&mut self, key: K, value: V) {
        self.staged.insert(key, value);
    }

    pub(super) fn keep(&mut self) {
        match self.kept.is_empty() {
            true => std::mem::swap(&mut self.kept, &mut self.staged),
            false => self.kept.extend(self.staged.drain()),
        }
    }

    pub(super) fn discard(&mut self) {
        self.staged.clear();
    }
}
