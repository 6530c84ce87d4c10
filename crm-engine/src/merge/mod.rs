//! Merge: several records that stand for the same become one, in one transaction (C27).
//!
//! What refers to a source refers to the target from then on, details among it, also where the
//! caller does not see it: a reference that stayed behind would be lost with its target. He is
//! told of what he sees only. Empty fields of the target are filled from the sources, tags, sets of
//! choices and participants united, and further values of a field (a second phone) become details where a
//! detail object continues that field. Then the sources are deleted. Their history is part of the
//! target's past, and `undo` of the transaction takes all of it back.
//!
//! Rules hear of every step as of any other change.

mod details;
mod references;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, RecordId, Sequence};
use crate::journal::Cause;
use crate::limits::{MERGE_RECORDS_MAX, SET_MEMBERS_MAX};
use crate::policy::Action;
use crate::schema::system::{PARTICIPANTS, POLICY_OBJECTS};
use crate::schema::{Field, Object, keys};
use crate::value::{Participants, Record, RecordView, Value};
use crate::write::{Door, Input, Manner};

/// What is merged into what.
///
/// ```
/// use crm_engine::{Merge, RecordId};
///
/// let id = |id| RecordId::new(id).unwrap();
/// let merge = Merge::new("product", id(7), [id(8), id(9)]);
/// assert!(merge.fields.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The object of the records.
    pub object: String,
    /// The record that stays.
    pub into: RecordId,
    /// The records that become part of it. Where several could fill a field, the first one does.
    pub from: Vec<RecordId>,
    /// Values the target gets in the end, whatever the records held: fields by name.
    #[serde(default)]
    pub fields: Map<String, Json>,
}

impl Merge {
    /// A merge without chosen values.
    pub fn new(
        object: impl Into<String>,
        into: RecordId,
        from: impl IntoIterator<Item = RecordId>,
    ) -> Merge {
        Merge {
            object: object.into(),
            into,
            from: from.into_iter().collect(),
            fields: Map::new(),
        }
    }
}

/// What a merge did, as far as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergeReport {
    /// The transaction: `undo` takes it back.
    pub sequence: Sequence,
    /// The record that stayed.
    pub into: RecordId,
    /// How many records became part of it.
    pub merged: u64,
    /// The fields of the target that were filled or changed.
    pub fields: Vec<String>,
    /// What referred to the sources, one line for each object.
    pub objects: Vec<Moved>,
}

/// What a merge did to the records of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The object's name.
    pub object: String,
    /// Records that refer to the target now.
    pub moved: u64,
    /// Links dropped because the target had the same one.
    pub dropped: u64,
    /// Details made for values that the target's own field has no room for.
    pub added: u64,
}

/// The records of a merge, read before anything was changed.
struct Merging {
    object: Arc<Object>,
    into: RecordId,
    target: Record,
    sources: Vec<(RecordId, Record)>,
}

/// Merges. Anything that stands against a step undoes all of it.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`] without the right to edit the target, or to edit and
/// delete a source, [`Code::InvalidArguments`], [`Code::LimitExceeded`], or what fields, rules and
/// references have against it.
pub(crate) fn run(door: &mut Door<'_>, merge: &Merge) -> Result<MergeReport> {
    let merging = Merging::read(door, merge)?;
    let into = merging.into;
    let chosen = Json::Object(merge.fields.clone());
    let names_chosen = merge.fields.keys().cloned().collect::<Vec<String>>();
    let mut report = MergeReport {
        sequence: door.sequence(),
        into,
        merged: merging.sources.len() as u64,
        fields: names_chosen.clone(),
        objects: Vec::new(),
    };
    door.under(Cause::Merge(into), |door| {
        references::repoint(door, &merging, &mut report)?;
        for (id, _) in &merging.sources {
            door.absorb(&merging.object, into, *id)
                .map_err(|error| merging.blame(*id, error))?;
        }
        let filled = merging.fill(door, &names_chosen)?;
        let plan = door.plan(&merging.object, Action::View);
        for (field, value) in &filled {
            let field = merging.object.by_id(*field);
            let Some(field) = field.filter(|field| plan.shows(field.id)) else {
                continue;
            };
            let facts = door.facts();
            let value = facts.shown(door.reader(), door.schema(), door.actor(), field, value)?;
            if !value.is_null() {
                report.fields.push(field.name.clone());
            }
        }
        if !filled.is_empty() {
            let mut input = Input::default();
            for (field, value) in filled {
                input.take(field, value);
            }
            door.entrusted(|door| {
                door.in_manner(Manner::Moving, |door| {
                    door.update(&merging.object, into, input, None)
                })
            })
            .map_err(|error| merging.blame(into, error))?;
        }
        if !names_chosen.is_empty() {
            door.update_json(&merging.object, into, &chosen, None)?;
        }
        details::add(door, &merging, &mut report)
    })?;
    report
        .objects
        .sort_by(|one, other| one.object.cmp(&other.object));
    Ok(report)
}

impl Merging {
    fn read(door: &Door<'_>, merge: &Merge) -> Result<Merging> {
        let invalid = |text: String| Err(Error::new(Code::InvalidArguments, text));
        let object = Arc::clone(door.schema().object(&merge.object)?);
        if POLICY_OBJECTS.contains(&object.id) {
            return invalid(format!("`{}` records are not merged", object.name));
        }
        if merge.from.is_empty() || merge.from.len() > MERGE_RECORDS_MAX {
            return invalid(format!("`from` takes 1 to {MERGE_RECORDS_MAX} records"));
        }
        let mut all = merge.from.clone();
        all.push(merge.into);
        all.sort_unstable();
        all.dedup();
        if all.len() != merge.from.len() + 1 {
            return invalid("`into` and `from` name a record twice".to_owned());
        }
        let target = permitted(door, &object, merge.into, &[Action::Edit])?;
        let needed = [Action::Edit, Action::Delete];
        let sources = merge
            .from
            .iter()
            .map(|id| Ok((*id, permitted(door, &object, *id, &needed)?)))
            .collect::<Result<Vec<(RecordId, Record)>>>()?;
        Ok(Merging {
            object,
            into: merge.into,
            target,
            sources,
        })
    }

    fn is_source(&self, id: RecordId) -> bool {
        self.sources.iter().any(|(source, _)| *source == id)
    }

    /// Whether a value refers to a record of the merge itself.
    fn is_inward(&self, field: &Field, value: &Value) -> bool {
        let target = value
            .as_reference()
            .filter(|_| field.target == Some(self.object.id));
        target.is_some_and(|id| id == self.into || self.is_source(id))
    }

    /// The values the target gets from the sources, but for fields whose values were `chosen`.
    fn fill(&self, door: &Door<'_>, chosen: &[String]) -> Result<Vec<(FieldId, Value)>> {
        let target = stored(door, &self.object, self.into)?.ok_or_else(Error::not_found)?;
        let mut filled = Vec::new();
        for field in &self.object.fields {
            if field.computed || chosen.contains(&field.name) {
                continue;
            }
            let before = target.fields.get(field.id);
            let mut value = before.clone();
            for (_, source) in &self.sources {
                let other = source.fields.get(field.id);
                if !self.is_inward(field, other) {
                    value = unite(value, other);
                }
            }
            if let Value::Tags(tags) = &value
                && tags.len() > SET_MEMBERS_MAX
            {
                let text = format!("`{}` takes at most {SET_MEMBERS_MAX} tags", field.name);
                return Err(Error::new(Code::InvalidValue, text).field(&field.name));
            }
            if value != *before {
                filled.push((field.id, value));
            }
        }
        if !self.object.is_detail() && !chosen.iter().any(|name| name == "participants") {
            filled.extend(self.shared(&target));
        }
        Ok(filled)
    }

    /// With whom the target is shared in the end, where that is somebody else than before.
    fn shared(&self, target: &Record) -> Option<(FieldId, Value)> {
        let own = &target.head.participants;
        let sources = self.sources.iter();
        let theirs = sources.flat_map(|(_, source)| source.head.participants.iter());
        let all: Participants = own.iter().chain(theirs).collect();
        let all = all.without(target.head.owner);
        (all != *own).then(|| (PARTICIPANTS, all.to_value()))
    }

    /// Names the record at fault.
    fn blame(&self, id: RecordId, error: Error) -> Error {
        error
            .context(format!("{} {id}", self.object.name))
            .with("id", id.get())
    }
}

/// Sets are united; of other values the first one stays.
fn unite(value: Value, other: &Value) -> Value {
    match (value, other) {
        (Value::Null, other) => other.clone(),
        (Value::Tags(own), Value::Tags(more)) => Value::tags(own.into_iter().chain(more.clone())),
        (Value::ChoiceSet(own), Value::ChoiceSet(more)) => {
            Value::choice_set(own.into_iter().chain(more.iter().copied()))
        }
        (value, _) => value,
    }
}

/// A record that the caller sees and may do all of `actions` to.
fn permitted(door: &Door<'_>, object: &Object, id: RecordId, actions: &[Action]) -> Result<Record> {
    let record = match stored(door, object, id)? {
        Some(record) if door.may(object, Action::View, &record)? => record,
        _ => return Err(Error::not_found().with("id", id.get())),
    };
    for action in actions {
        let permitted = door.permit(object, *action, &record);
        permitted.map_err(|error| error.with("id", id.get()))?;
    }
    Ok(record)
}

/// A record as it is stored, whoever may see it.
fn stored(door: &Door<'_>, object: &Object, id: RecordId) -> Result<Option<Record>> {
    match door.reader().get(&keys::record(object.id, id))? {
        Some(bytes) => RecordView::new(&bytes)?.decode().map(Some),
        None => Ok(None),
    }
}

impl MergeReport {
    /// The line of an object.
    fn line(&mut self, object: &Object) -> Result<&mut Moved> {
        let at = self
            .objects
            .iter()
            .position(|line| line.object == object.name);
        let at = at.unwrap_or_else(|| {
            self.objects.push(Moved {
                object: object.name.clone(),
                moved: 0,
                dropped: 0,
                added: 0,
            });
            self.objects.len() - 1
        });
        self.objects
            .get_mut(at)
            .ok_or_else(|| Error::internal("a line that is not there"))
    }
}
