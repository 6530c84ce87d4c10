//! A field or a record set back to what it was.

use std::sync::Arc;

use serde::Serialize;

use super::{Story, is_taken_back};
use crate::error::{Code, Error, Result};
use crate::history::{self, Moment};
use crate::ids::{FieldId, RecordId, Version};
use crate::journal::Cause;
use crate::policy::Action;
use crate::schema::Field;
use crate::schema::system::{OWNER, PARTICIPANTS, is_of_owned, value_of};
use crate::value::{Record, Value};
use crate::write::{Door, Input};

/// What setting a record back did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reverted {
    /// The version the record is at now.
    pub version: Version,
    /// The fields that were set back, of those the caller may see.
    pub fields: Vec<String>,
    /// Whether the record was brought back after its deletion.
    pub restored: bool,
}

/// Sets one field back to what it was: an ordinary change, with its rights and rules.
///
/// # Errors
/// [`Code::NotFound`], [`Code::UnknownField`], [`Code::InvalidArguments`] when the record did not
/// exist at that moment, [`Code::ReadOnly`] for a field that callers do not set, or what stands
/// against the change.
pub(crate) fn revert_field(
    door: &mut Door<'_>,
    object: &str,
    id: RecordId,
    field: &str,
    moment: Moment,
) -> Result<Reverted> {
    let object = Arc::clone(door.schema().object(object)?);
    let field = door.field(&object, field)?.clone();
    if !is_of_owned(field.id) {
        door.may_set(&object, &Input::of([(field.id, Value::Null)]))?;
    }
    let story = visible(door, &object, id)?;
    let now = story.now.as_ref().ok_or_else(Error::not_found)?;
    let (past, cause) = past(&story, moment)?;
    let was = as_shown(door, &field, &value_of(id, &past, field.id))?;
    let present = as_shown(door, &field, &story.value(field.id))?;
    let mut reverted = Reverted {
        version: now.head.version,
        fields: Vec::new(),
        restored: false,
    };
    let Some(cause) = cause.filter(|_| was != present) else {
        return Ok(reverted);
    };
    let input = input_of(vec![(field.id, was)]);
    reverted.version = door.under(cause, |door| door.update(&object, id, input, None))?;
    reverted.fields.push(field.name);
    Ok(reverted)
}

/// Sets a record back to what it was, owner and participants too, as far as the caller sees its fields: an
/// ordinary change, with its rights and rules. A deleted record is brought back as it was.
///
/// # Errors
/// As [`revert_field`].
pub(crate) fn revert_record(
    door: &mut Door<'_>,
    object: &str,
    id: RecordId,
    moment: Moment,
) -> Result<Reverted> {
    let object = Arc::clone(door.schema().object(object)?);
    let story = visible(door, &object, id)?;
    let (past, cause) = past(&story, moment)?;
    let plan = door.plan(&object, Action::View);
    let Some(cause) = cause else {
        return Ok(Reverted {
            version: past.head.version,
            fields: Vec::new(),
            restored: false,
        });
    };
    let name = |field: &FieldId| object.by_id(*field).map(|field| field.name.clone());
    if story.now.is_none() {
        let fields = past.fields.iter().map(|(field, _)| field);
        let fields = fields.filter(|field| plan.shows(*field));
        let fields = fields.filter_map(|field| name(&field)).collect();
        let version = door.under(cause, |door| door.restore(&object, id, past))?;
        return Ok(Reverted {
            version,
            fields,
            restored: true,
        });
    }
    let known = object.fields.iter().map(|field| field.id);
    let known = known.chain([OWNER, PARTICIPANTS]);
    let mut differs: Vec<(FieldId, Value)> = Vec::new();
    for field in known.filter_map(|field| object.by_id(field)) {
        if plan.shows(field.id) && is_taken_back(&object, field.id) {
            let was = as_shown(door, field, &value_of(id, &past, field.id))?;
            if was != as_shown(door, field, &story.value(field.id))? {
                differs.push((field.id, was));
            }
        }
    }
    let fields = differs
        .iter()
        .filter_map(|(field, _)| name(field))
        .collect();
    let version = door.under(cause, |door| set_back(door, &story, differs))?;
    Ok(Reverted {
        version,
        fields,
        restored: false,
    })
}

/// What callers set first; then what rules keep, as far as they have not set it back by
/// themselves.
fn set_back(door: &mut Door<'_>, story: &Story, fields: Vec<(FieldId, Value)>) -> Result<Version> {
    let (object, id) = (&story.object, story.id);
    let is_computed = |field: &FieldId| object.by_id(*field).is_some_and(|field| field.computed);
    let (computed, set): (Vec<_>, Vec<_>) = fields
        .into_iter()
        .partition(|(field, _)| is_computed(field));
    let version = door.update(object, id, input_of(set), None)?;
    if computed.is_empty() {
        return Ok(version);
    }
    story.permit(door, Action::Edit)?;
    door.entrusted(|door| door.update(object, id, input_of(computed), None))
}

/// A value as the actor sees it: a link to what is hidden from him is none (invariant *invisible
/// is absent*).
fn as_shown(door: &Door<'_>, field: &Field, value: &Value) -> Result<Value> {
    let shown = door
        .facts()
        .shown(door.reader(), door.schema(), door.actor(), field, value)?;
    Ok(shown.into_owned())
}

fn input_of(fields: Vec<(FieldId, Value)>) -> Input {
    let mut input = Input::default();
    for (field, value) in fields {
        input.take(field, value);
    }
    input
}

fn visible(door: &Door<'_>, object: &Arc<crate::schema::Object>, id: RecordId) -> Result<Story> {
    let story = Story::read(door, object, id)?;
    match story.is_visible(door)? {
        true => Ok(story),
        false => Err(Error::not_found()),
    }
}

/// The record as it was, and why it becomes so again: none where nothing was changed since.
fn past(story: &Story, moment: Moment) -> Result<(Record, Option<Cause>)> {
    let last = story.changes.last().map_or(0, |change| change.version.0);
    if let Moment::Version(Version(version)) = moment
        && !(1..=last).contains(&version)
    {
        let text = format!("`version` takes a number from 1 to {last}");
        return Err(Error::new(Code::InvalidArguments, text));
    }
    let record = history::record_at(&story.changes, moment).ok_or_else(|| {
        Error::new(
            Code::InvalidArguments,
            "the record did not exist at that moment",
        )
    })?;
    let since = story.changes.iter().find(|change| !moment.has_seen(change));
    Ok((record, since.map(|change| Cause::Revert(change.sequence))))
}
