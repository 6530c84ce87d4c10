//! Records compared among each other before they are stored: the rows of a file that is only
//! rehearsed.

use std::collections::HashMap;

use crate::error::{Code, Error, Result};
use crate::ids::FieldId;
use crate::index::By;
use crate::limits::{DUPLICATE_CANDIDATES_MAX, IMPORT_LOOKUP_RECORDS_MAX};
use crate::schema::{DuplicateRule, Object};

use super::{Finder, Subject};

/// Rows of a file by what they are found by.
#[derive(Default)]
pub(crate) struct Rows {
    rows: Vec<(u64, Subject)>,
    places: HashMap<(FieldId, String), Vec<usize>>,
    /// How many of the rows stay when the newest are discarded.
    kept: usize,
}

/// An earlier row that is a duplicate of another one.
#[derive(Debug, PartialEq)]
pub(crate) struct EarlierRow {
    pub(crate) line: u64,
    pub(crate) rule: String,
}

impl Rows {
    /// The first earlier row that is a duplicate of `subject`, by rules that compare no likeness.
    pub(crate) fn find(
        &self,
        finder: &Finder<'_>,
        object: &Object,
        subject: &Subject,
    ) -> Option<EarlierRow> {
        let exact = object.duplicates.iter().filter(|rule| !rule.is_fuzzy());
        let by_rule = exact.filter_map(|rule| {
            let row = self.find_by(finder, object, rule, subject)?;
            Some((row, rule))
        });
        let (row, rule) = by_rule.min_by_key(|(row, _)| *row)?;
        Some(EarlierRow {
            line: self.rows[row].0,
            rule: rule.name.clone(),
        })
    }

    fn find_by(
        &self,
        finder: &Finder<'_>,
        object: &Object,
        rule: &DuplicateRule,
        subject: &Subject,
    ) -> Option<usize> {
        let pairs = finder.pairs(rule, object, object, subject)?;
        let first = pairs.first()?;
        // Any one comparison finds all candidates.
        let own = subject.values(first.field()).iter();
        let texts = own.flat_map(|value| By::Form.texts(value));
        let holds = |row: usize| {
            let other = &self.rows[row].1;
            pairs.iter().all(|pair| {
                let mut values = other.values(pair.field()).iter();
                values.any(|value| pair.holds_for(value))
            })
        };
        texts
            .filter_map(|text| self.places.get(&(first.field(), text)))
            .flatten()
            .copied()
            .filter(|row| holds(*row))
            .min()
    }

    /// One more row, until [`Rows::discard`].
    ///
    /// # Errors
    /// [`Code::LimitExceeded`].
    pub(crate) fn add(&mut self, object: &Object, line: u64, subject: Subject) -> Result<()> {
        let row = self.rows.len();
        if row == IMPORT_LOOKUP_RECORDS_MAX {
            let text = format!("more than {IMPORT_LOOKUP_RECORDS_MAX} rows to compare");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        for key in keys(object, &subject) {
            let rows = self.places.entry(key).or_default();
            if rows.len() < DUPLICATE_CANDIDATES_MAX {
                rows.push(row);
            }
        }
        self.rows.push((line, subject));
        Ok(())
    }

    /// The rows so far stay.
    pub(crate) fn keep(&mut self) {
        self.kept = self.rows.len();
    }

    /// Forgets the rows since the last [`Rows::keep`].
    pub(crate) fn discard(&mut self, object: &Object) {
        for (_, subject) in self.rows.split_off(self.kept) {
            for key in keys(object, &subject) {
                if let Some(rows) = self.places.get_mut(&key) {
                    rows.retain(|row| *row < self.kept);
                }
            }
        }
    }
}

/// What a row is found by.
fn keys(object: &Object, subject: &Subject) -> Vec<(FieldId, String)> {
    let mut keys = Vec::new();
    let exact = object.duplicates.iter().filter(|rule| !rule.is_fuzzy());
    for comparison in exact.flat_map(|rule| &rule.all) {
        let values = subject.values(comparison.field).iter();
        let texts = values.flat_map(|value| By::Form.texts(value));
        keys.extend(texts.map(|text| (comparison.field, text)));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}
