//! The search for duplicates by index.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::error::Result;
use crate::facts::{self, Facts};
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::index::By;
use crate::limits::{DUPLICATE_CANDIDATES_MAX, FURTHER_VALUES_MAX};
use crate::policy::{Action, Actor, Plan};
use crate::schema::{
    Comparison, DuplicateRule, Field, HiddenDuplicates, Likeness, Object, Schema, keys,
};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Record, RecordView, Standing, Value, take_uint};

use super::Subject;
use super::alike::alike;

/// Finds duplicates for somebody's eyes.
pub(crate) struct Finder<'a> {
    pub(super) read: &'a dyn Read,
    pub(super) schema: &'a Schema,
    facts: &'a Facts,
    eyes: Actor,
    counts_hidden: bool,
}

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Records that may be seen: those of the subject's own object first, then by object and id.
    pub(crate) seen: BTreeMap<Place, Likenesses>,
    /// Records that may not be seen.
    pub(crate) hidden: BTreeSet<(ObjectId, RecordId)>,
    /// Whether more may be seen than were looked at.
    pub(crate) more: bool,
}

/// A record, ordered behind those of the subject's own object if it is of another one.
pub(crate) type Place = (bool, ObjectId, RecordId);

/// By which rules a record is a duplicate, and by which of its values.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Likenesses {
    pub(crate) rules: Vec<String>,
    pub(crate) values: BTreeMap<FieldId, Value>,
}

/// A comparison of the values of the subject with one field of another object or its own.
pub(super) struct Pair<'a> {
    comparison: &'a Comparison,
    own: &'a [Value],
    there: &'a Field,
}

/// Records that a rule must look at.
#[derive(Default)]
struct Candidates {
    seen: BTreeSet<RecordId>,
    hidden: BTreeSet<RecordId>,
    more: bool,
}

/// The fields of details that hold further values of a field.
struct Further<'a> {
    object: &'a Arc<Object>,
    link: FieldId,
    field: &'a Field,
}

impl<'a> Finder<'a> {
    /// A finder for the eyes of an actor.
    pub(crate) fn new(
        read: &'a dyn Read,
        schema: &'a Schema,
        facts: &'a Facts,
        eyes: Actor,
    ) -> Finder<'a> {
        Finder {
            read,
            schema,
            facts,
            eyes,
            counts_hidden: true,
        }
    }

    /// Looks for records that may not be seen only if `counts`.
    pub(crate) fn counting_hidden(mut self, counts: bool) -> Finder<'a> {
        self.counts_hidden = counts;
        self
    }

    /// Duplicates of `subject`, a record of `object`, by the rules that are `wanted`.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn find(
        &self,
        object: &Object,
        subject: &Subject,
        wanted: impl Fn(&DuplicateRule) -> bool,
    ) -> Result<Found> {
        let mut found = Found::default();
        for rule in object.duplicates.iter().filter(|rule| wanted(rule)) {
            self.find_by(rule, object, object, subject, &mut found)?;
            for other in rule.also.iter().filter_map(|id| self.schema.by_id(*id)) {
                self.find_by(rule, object, other, subject, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Duplicates among the records of `place`.
    fn find_by(
        &self,
        rule: &DuplicateRule,
        object: &Object,
        place: &Object,
        subject: &Subject,
        found: &mut Found,
    ) -> Result<()> {
        let Some(pairs) = self.pairs(rule, object, place, subject) else {
            return Ok(());
        };
        let counts = self.counts_hidden
            && !rule.is_fuzzy()
            && place.hidden_duplicates == HiddenDuplicates::Count;
        let candidates = self.candidates(place, &pairs, subject, counts)?;
        found.more |= candidates.more;
        for id in candidates.seen {
            if let Some(values) = self.compare(place, &pairs, id)? {
                let likenesses = found.seen.entry((place.id != object.id, place.id, id));
                let likenesses = likenesses.or_default();
                likenesses.rules.push(rule.name.clone());
                likenesses.values.extend(values);
            }
        }
        for id in candidates.hidden {
            if self.compare(place, &pairs, id)?.is_some() {
                found.hidden.insert((place.id, id));
            }
        }
        Ok(())
    }

    /// What a rule compares; none where it cannot hold: the subject lacks a value, or a field is
    /// gone or not to be seen.
    pub(super) fn pairs<'s>(
        &self,
        rule: &'s DuplicateRule,
        object: &Object,
        place: &'s Object,
        subject: &'s Subject,
    ) -> Option<Vec<Pair<'s>>> {
        let (here, there) = (
            self.plan(object, Action::View),
            self.plan(place, Action::View),
        );
        let pair = |comparison: &'s Comparison| {
            let field = object.by_id(comparison.field)?;
            let other = place.find(&field.name)?;
            let own = subject.values(field.id);
            let shown = here.shows(field.id) && there.shows(other.id);
            (shown && !own.is_empty() && other.value_type == field.value_type).then_some(Pair {
                comparison,
                own,
                there: other,
            })
        };
        rule.all.iter().map(pair).collect()
    }

    /// The values by which a record is a duplicate; none if it is not.
    fn compare(
        &self,
        place: &Object,
        pairs: &[Pair<'_>],
        id: RecordId,
    ) -> Result<Option<Vec<(FieldId, Value)>>> {
        let Some(record) = self.load(place, id)? else {
            return Ok(None);
        };
        let mut values = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let theirs = self.values_of(place, id, &record, pair.there.id)?;
            match theirs.into_iter().find(|value| pair.holds_for(value)) {
                Some(value) => values.push((pair.there.id, value)),
                None => return Ok(None),
            }
        }
        Ok(Some(values))
    }

    /// The own value of a field and the further ones of details.
    pub(super) fn values_of(
        &self,
        object: &Object,
        id: RecordId,
        record: &Record,
        field: FieldId,
    ) -> Result<Vec<Value>> {
        let mut values = vec![record.fields.get(field).clone()];
        for further in self.further(object, field) {
            let prefix = keys::referrers(id)
                .object(further.object.id)
                .uint(further.link.0.into())
                .done();
            let options = ScanOptions::FORWARD.limit(FURTHER_VALUES_MAX);
            let mut rows = self.read.scan(KeyRange::prefix(&prefix), options)?;
            while let Some((key, _)) = rows.next()? {
                let detail = RecordId::new(take_uint(&mut &key[prefix.len()..])?)?;
                let key = keys::record(further.object.id, detail);
                if let Some(bytes) = self.read.get(&key)? {
                    values.push(RecordView::new(&bytes)?.field(further.field.id)?);
                }
            }
        }
        values.retain(|value| !value.is_null());
        Ok(values)
    }

    /// The records that one comparison of the rule finds: one that is not fuzzy where there is
    /// one, and of those the one that finds the fewest to be seen.
    fn candidates(
        &self,
        place: &Object,
        pairs: &[Pair<'_>],
        subject: &Subject,
        counts: bool,
    ) -> Result<Candidates> {
        let exact = |pair: &&Pair<'_>| pair.comparison.how != Likeness::Fuzzy;
        let (by, usable): (By, Vec<&Pair<'_>>) = match pairs.iter().any(|pair| exact(&pair)) {
            true => (By::Form, pairs.iter().filter(exact).collect()),
            false => (By::Head, pairs.iter().collect()),
        };
        let mut best: Option<Candidates> = None;
        for pair in usable {
            let found = self.found_by(place, pair, by, subject.id, counts)?;
            let fewer = |best: &Candidates| found.seen.len() < best.seen.len();
            if best.as_ref().is_none_or(fewer) {
                best = Some(found);
            }
        }
        Ok(best.unwrap_or_default())
    }

    /// The records that the index finds by any of the texts of a pair, the rarest text first.
    fn found_by(
        &self,
        place: &Object,
        pair: &Pair<'_>,
        by: By,
        except: Option<RecordId>,
        counts: bool,
    ) -> Result<Candidates> {
        let texts: BTreeSet<String> = pair.own.iter().flat_map(|own| by.texts(own)).collect();
        let further: Vec<Further<'_>> = self.further(place, pair.there.id).collect();
        let plan = self.plan(place, Action::View);
        let mut by_text = Vec::with_capacity(texts.len());
        for text in &texts {
            let mut found = Candidates::default();
            let own = keys::matching(place.id, pair.there.id, by as u8, text);
            self.scan(own.done(), (place, &plan), except, counts, &mut found)?;
            for further in &further {
                let theirs =
                    keys::matching(further.object.id, further.field.id, by as u8, text).done();
                self.scan(theirs, (place, &plan), except, counts, &mut found)?;
            }
            by_text.push(found);
        }
        by_text.sort_by_key(|found| found.seen.len());
        let mut all = Candidates::default();
        for found in by_text {
            all.more |= found.more;
            for id in found.seen {
                all.see(id);
            }
            all.hidden.extend(found.hidden);
        }
        Ok(all)
    }

    /// Takes in the records of one text. Entries of those that may not be seen are passed over
    /// without being read, however many there are: a bound on them would show in the answer.
    fn scan(
        &self,
        prefix: Vec<u8>,
        (place, plan): (&Object, &Plan),
        except: Option<RecordId>,
        counts: bool,
        found: &mut Candidates,
    ) -> Result<()> {
        let range = KeyRange::prefix(&prefix);
        let mut rows = self.read.scan(range, ScanOptions::FORWARD)?;
        while let Some((key, mut told)) = rows.next()? {
            let standing = Standing::take(&mut told)?;
            let id = match told.is_empty() {
                true => take_uint(&mut &key[prefix.len()..])?,
                false => take_uint(&mut told)?,
            };
            let id = RecordId::new(id)?;
            if except == Some(id) {
                continue;
            }
            if facts::covers(self.read, plan, place.id, id, &standing)? {
                found.see(id);
            } else if counts && found.hidden.len() < DUPLICATE_CANDIDATES_MAX {
                found.hidden.insert(id);
            }
            let enough = !counts || found.hidden.len() == DUPLICATE_CANDIDATES_MAX;
            if found.more && enough {
                break;
            }
        }
        Ok(())
    }

    fn further(&self, object: &Object, field: FieldId) -> impl Iterator<Item = Further<'_>> {
        let details = self.schema.referring_to(object.id);
        details
            .filter(|(detail, link)| detail.parent == Some(link.id))
            .flat_map(move |(detail, link)| {
                let fields = detail.fields.iter();
                fields
                    .filter(move |one| one.further == Some(field))
                    .map(move |field| Further {
                        object: detail,
                        link: link.id,
                        field,
                    })
            })
            .filter(|further| {
                let plan = self.plan(further.object, Action::View);
                plan.shows(further.link) && plan.shows(further.field.id)
            })
    }

    pub(super) fn plan(&self, object: &Object, action: Action) -> Arc<Plan> {
        self.facts.plan(self.eyes, object, action)
    }
}

impl Pair<'_> {
    pub(super) fn field(&self) -> FieldId {
        self.there.id
    }

    pub(super) fn holds_for(&self, value: &Value) -> bool {
        let mut own = self.own.iter();
        own.any(|own| alike(self.comparison, own, value))
    }
}

impl Candidates {
    fn see(&mut self, id: RecordId) {
        let known = self.seen.contains(&id);
        match !known && self.seen.len() == DUPLICATE_CANDIDATES_MAX {
            true => self.more = true,
            false => drop(self.seen.insert(id)),
        }
    }
}
