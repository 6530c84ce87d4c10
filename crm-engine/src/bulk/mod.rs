//! Bulk changes: the same change of every record of a selection (C17, C19, C87).
//!
//! A bulk change needs its own right on the object, and for each record that right and the one to
//! edit it. It selects among what the caller may see; a record it may not change, or that has
//! something against the change, is left as it is, counted and named with the reason (invariant
//! *nothing is lost quietly*). The owner is not changed here: records are handed over.
//!
//! Up to [`BULK_BATCH_RECORDS_MAX`] records are one transaction; more are changed in several, one
//! after the other. Each asks again whether the condition holds. Whoever cancels between two of
//! them keeps what is done by then, and the error tells how much that is.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::{Code, Error, Result};
use crate::expr::{Condition, Params};
use crate::ids::{FieldId, RecordId};
use crate::limits::{BULK_BATCH_BYTES_MAX, BULK_BATCH_RECORDS_MAX, BULK_REFUSALS_TOLD_MAX};
use crate::policy::Action;
use crate::progress::{OnProgress, Progress};
use crate::schema::Object;
use crate::value::{Record, Value, ValueType};
use crate::write::{Door, Input, denied};

/// A bulk change as a caller asks for it: the arguments of the operation `bulk.update`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkUpdate {
    /// The object of the records.
    pub object: String,
    /// Which records: those for which this condition holds. This or `ids` is given, or both.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// Which records: these.
    #[serde(default)]
    pub ids: Option<Vec<RecordId>>,
    /// New values by field; `null` empties a field.
    #[serde(default)]
    pub set: Map<String, Json>,
    /// Tags that each record has afterwards, once, by field of tags.
    #[serde(default)]
    pub add_tags: BTreeMap<String, Vec<String>>,
    /// Tags that no record has afterwards, by field of tags.
    #[serde(default)]
    pub remove_tags: BTreeMap<String, Vec<String>>,
    /// A rehearsal: tells what would be changed and refused, changes nothing.
    #[serde(default)]
    pub check: bool,
}

/// What a bulk change did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BulkReport {
    /// Whether it was a rehearsal.
    pub check: bool,
    /// Records selected: those the caller may see.
    pub matched: u64,
    /// Records changed.
    pub changed: u64,
    /// Records that were as wanted already.
    pub unchanged: u64,
    /// Records left as they are, against the wish.
    pub refused: u64,
    /// The first of those, up to [`BULK_REFUSALS_TOLD_MAX`], and ids that were not found.
    pub refusals: Vec<BulkRefusal>,
}

/// A record that was left as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BulkRefusal {
    /// The record.
    pub id: RecordId,
    /// The name of the code of the reason.
    pub code: &'static str,
    /// The reason, for people.
    pub message: String,
    /// The field at fault, where there is one.
    pub field: Option<String>,
}

/// Runs a body in one transaction; it may be run again from its start.
pub(crate) type Transact<'a> =
    &'a dyn Fn(&mut dyn FnMut(&mut Door<'_>) -> Result<()>) -> Result<()>;

/// Refuses a change that makes no sense or that the caller may not make at all.
///
/// # Errors
/// [`Code::Denied`], [`Code::InvalidArguments`], and what the fields have against the values.
pub(crate) fn check(door: &Door<'_>, job: &BulkUpdate) -> Result<()> {
    Wish::of(door, job).map(drop)
}

/// Changes the records of `ids`, in their order.
///
/// # Errors
/// As [`check`]; [`Code::Cancelled`] and what the store has against a transaction, with what was
/// done before as the details `matched` and `changed`.
pub(crate) fn run(
    transact: Transact<'_>,
    job: &BulkUpdate,
    ids: &[RecordId],
    progress: OnProgress<'_>,
) -> Result<BulkReport> {
    let mut report = BulkReport {
        check: job.check,
        ..BulkReport::default()
    };
    let mut rest = ids;
    while !rest.is_empty() {
        let mut batch = BulkReport::default();
        let mut done = 0;
        let ran = transact(&mut |door| {
            (batch, done) = change_some(door, job, rest)?;
            Ok(())
        });
        ran.map_err(|error| report.so_far(error))?;
        rest = &rest[done..];
        report.add(batch);
        let progressed = Progress {
            done: (ids.len() - rest.len()) as u64,
            total: Some(ids.len() as u64),
        };
        if !progress(progressed) && !rest.is_empty() {
            let error = Error::new(Code::Cancelled, "the bulk change was cancelled");
            return Err(report.so_far(error));
        }
    }
    Ok(report)
}

/// What is wanted of each record, checked against schema and rights.
struct Wish {
    object: Arc<Object>,
    set: Input,
    tags: Vec<(FieldId, Tags)>,
    condition: Option<Condition>,
}

/// Tags to add and to remove.
#[derive(Default)]
struct Tags {
    add: Vec<String>,
    remove: Vec<String>,
}

impl Wish {
    fn of(door: &Door<'_>, job: &BulkUpdate) -> Result<Wish> {
        let object = Arc::clone(door.schema().object(&job.object)?);
        if door.plan(&object, Action::Bulk).is_nothing() {
            return Err(denied(&object, Action::Bulk));
        }
        let set = door.input(&object, &Json::Object(job.set.clone()))?;
        if set.given.owner.is_some() {
            let text = "`set`: the owner is changed by handing over, not in bulk";
            return Err(Error::new(Code::InvalidArguments, text).field("owner"));
        }
        let tags = tags(door, &object, &job.add_tags, &job.remove_tags)?;
        if set == Input::default() && tags.is_empty() {
            let text = "nothing to change: `set`, `add_tags` and `remove_tags` are empty";
            return Err(Error::new(Code::InvalidArguments, text));
        }
        for (field, _) in &tags {
            if set.get(*field).is_some() {
                let text = "`set` and `add_tags` or `remove_tags` change the same field";
                return Err(Error::new(Code::InvalidArguments, text));
            }
        }
        let all = tags.iter().map(|(field, _)| (*field, Value::Null));
        door.may_set(&object, &Input::of(all.chain(set.fields.iter().cloned())))?;
        let condition = match &job.condition {
            Some(text) => {
                let plans = |object: &Object| door.plan(object, Action::View);
                Some(Condition::compile(door.schema(), &object, &plans, text)?)
            }
            None => None,
        };
        Ok(Wish {
            object,
            set,
            tags,
            condition,
        })
    }

    /// The record as the caller sees it, if it is still among those selected.
    fn selected(&self, door: &Door<'_>, id: RecordId) -> Result<Option<Record>> {
        let Some(record) = door.get(&self.object, id)? else {
            return Ok(None);
        };
        let Some(condition) = &self.condition else {
            return Ok(Some(record));
        };
        let bound = condition.bind(&Params::new())?;
        let holds = condition.evaluate(&(id, &record), door.reader(), &bound)?;
        Ok((holds == Some(true)).then_some(record))
    }

    /// Changes one record; whether that made a difference.
    fn grant(&self, door: &mut Door<'_>, id: RecordId, record: &Record) -> Result<bool> {
        if let Some(whole) = door.whole(&self.object, id)? {
            door.permit(&self.object, Action::Bulk, &whole)?;
        }
        let mut input = self.set.clone();
        for (field, tags) in &self.tags {
            let value = tags.of(record.fields.get(*field));
            input.fields.push((*field, value));
        }
        let version = door.update(&self.object, id, input, None)?;
        Ok(version != record.head.version)
    }
}

/// The changes of tags by field; each field is one of tags that the caller may see.
fn tags(
    door: &Door<'_>,
    object: &Object,
    add: &BTreeMap<String, Vec<String>>,
    remove: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<(FieldId, Tags)>> {
    let mut tags: BTreeMap<FieldId, Tags> = BTreeMap::new();
    for (name, words, adds) in add
        .iter()
        .map(|(name, words)| (name, words, true))
        .chain(remove.iter().map(|(name, words)| (name, words, false)))
    {
        let field = door.field(object, name)?;
        if field.value_type != ValueType::Tags {
            let text = format!("`{name}` holds no tags");
            return Err(Error::new(Code::WrongType, text).field(name));
        }
        let known = tags.entry(field.id).or_default();
        match adds {
            true => known.add.extend(words.iter().cloned()),
            false => known.remove.extend(words.iter().cloned()),
        }
    }
    Ok(tags.into_iter().collect())
}

impl Tags {
    /// What a record has afterwards: each tag once.
    fn of(&self, value: &Value) -> Value {
        let had: &[String] = match value {
            Value::Tags(had) => had,
            _ => &[],
        };
        let kept = had.iter().filter(|tag| !self.remove.contains(tag));
        let tags: Vec<String> = kept.chain(&self.add).cloned().collect();
        match tags.is_empty() {
            true => Value::Null,
            false => Value::tags(tags),
        }
    }
}

/// Changes as many of the records as one transaction takes; how many were looked at.
fn change_some(
    door: &mut Door<'_>,
    job: &BulkUpdate,
    ids: &[RecordId],
) -> Result<(BulkReport, usize)> {
    let wish = Wish::of(door, job)?;
    let mut report = BulkReport::default();
    let mut done = 0;
    for id in ids.iter().take(BULK_BATCH_RECORDS_MAX) {
        if door.bytes() >= BULK_BATCH_BYTES_MAX {
            break;
        }
        done += 1;
        let Some(record) = wish.selected(door, *id)? else {
            // What is asked for by its id is answered for; what no longer fits is not selected.
            if job.ids.is_some() && job.condition.is_none() {
                report.refuse(*id, &Error::not_found());
            }
            continue;
        };
        report.matched += 1;
        let grant = |door: &mut Door<'_>| wish.grant(door, *id, &record);
        let granted = match job.check {
            true => door.rehearse(grant),
            false => door.attempt(grant),
        };
        match granted {
            Ok(true) => report.changed += 1,
            Ok(false) => report.unchanged += 1,
            Err(error) if is_about_the_record(&error) => {
                report.refused += 1;
                report.refuse(*id, &error);
            }
            Err(error) => return Err(error.with("id", id.get())),
        }
    }
    Ok((report, done))
}

impl BulkReport {
    fn refuse(&mut self, id: RecordId, error: &Error) {
        if self.refusals.len() < BULK_REFUSALS_TOLD_MAX {
            let field = error.details().get("field").and_then(Json::as_str);
            self.refusals.push(BulkRefusal {
                id,
                code: error.code().name(),
                message: error.message().to_owned(),
                field: field.map(str::to_owned),
            });
        }
    }

    fn add(&mut self, batch: BulkReport) {
        self.matched += batch.matched;
        self.changed += batch.changed;
        self.unchanged += batch.unchanged;
        self.refused += batch.refused;
        self.refusals.extend(batch.refusals);
        self.refusals.truncate(BULK_REFUSALS_TOLD_MAX);
    }

    /// An error with what was done before it.
    fn so_far(&self, error: Error) -> Error {
        error
            .with("matched", self.matched)
            .with("changed", self.changed)
    }
}

/// Whether an error is about one record. Everything else ends the bulk change.
fn is_about_the_record(error: &Error) -> bool {
    let code = error.code();
    code.is_refusal() || matches!(code, Code::LimitExceeded | Code::TooLarge)
}

/// Changes the tags of one record; returns those it has then.
///
/// # Errors
/// As [`Door::update`], and [`Code::WrongType`] for a field without tags.
pub(crate) fn tag(
    door: &mut Door<'_>,
    object: &Arc<Object>,
    id: RecordId,
    field: &str,
    add: &[String],
    remove: &[String],
) -> Result<Vec<String>> {
    let by_field = |words: &[String]| BTreeMap::from([(field.to_owned(), words.to_vec())]);
    let changes = tags(door, object, &by_field(add), &by_field(remove))?;
    let record = door.get(object, id)?.ok_or_else(Error::not_found)?;
    let mut after = Vec::new();
    for (field, tags) in changes {
        let value = tags.of(record.fields.get(field));
        if let Value::Tags(words) = &value {
            after.clone_from(words);
        }
        door.update(object, id, Input::of([(field, value)]), None)?;
    }
    Ok(after)
}
