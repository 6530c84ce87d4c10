//! One whole transaction taken back, all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Story, object_of};
use crate::error::{Code, Error, Result};
use crate::history::{self, Change, Moment};
use crate::ids::{RecordId, Sequence, Version};
use crate::journal::{self, Cause, ChangeKind, Entry};
use crate::limits::UNDO_NAMED_MAX;
use crate::policy::{Action, Actor};
use crate::value::Value;
use crate::write::Door;

/// What taking a transaction back did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// The transaction that took it back: it can be taken back in turn.
    pub sequence: Sequence,
    /// The records taken back, of those the caller may see.
    pub records: u64,
}

/// Takes a transaction back, its newest change first. Its own actor may do so, and
/// administrators; each record needs the rights that the change to it needs. What only followed,
/// by declaration or by a merge, follows back without them, seen or not.
///
/// # Errors
/// [`Code::NotFound`] for a position that the journal has not reached and for a transaction of
/// somebody else, [`Code::Conflict`] when records were changed since: the detail `records` names
/// those the caller may see. [`Code::Denied`], [`Code::StillReferenced`], [`Code::Duplicate`],
/// [`Code::Refused`], each naming the record.
pub(crate) fn take_back(door: &mut Door<'_>, sequence: Sequence) -> Result<Undone> {
    let entry = journal::at(door.reader(), sequence)?
        .filter(|entry| is_administrator(door) || entry.actor == door.actor().user())
        .ok_or_else(Error::not_found)?;
    let undo = Undo::read(door, &entry)?;
    let mut blamed = Blamed::default();
    for change in entry.changes.iter().rev() {
        match undo.step(door, change.id, change.version) {
            Ok(Step::Done) => {}
            Ok(Step::ChangedSince(fields)) => blamed.add(door, &undo, change.id, &fields)?,
            // What fails behind a conflict may fail because of it.
            Err(_) if !blamed.is_empty() => {}
            Err(error) => return Err(undo.blame(door, change.id, error)?),
        }
    }
    blamed.refuse(sequence)?;
    let mut records = 0;
    for (id, story) in &undo.stories {
        let now = Story::read(door, &story.object, *id)?;
        records += u64::from(now.is_visible(door)?);
    }
    Ok(Undone {
        sequence: door.sequence(),
        records,
    })
}

fn is_administrator(door: &Door<'_>) -> bool {
    match door.actor() {
        Actor::System => true,
        Actor::User(user) => {
            let facts = door.facts().organisation.user(user);
            facts.is_some_and(|user| user.is_admin())
        }
    }
}

enum Step {
    Done,
    /// The fields that hold other values now; none where it is the record as a whole.
    ChangedSince(Vec<String>),
}

/// A transaction with the stories of its records as they were when it began to be taken back.
struct Undo {
    sequence: Sequence,
    stories: BTreeMap<RecordId, Story>,
    deleted: BTreeSet<RecordId>,
    absorbed: BTreeSet<RecordId>,
}

impl Undo {
    fn read(door: &Door<'_>, entry: &Entry) -> Result<Undo> {
        let mut undo = Undo {
            sequence: entry.sequence,
            stories: BTreeMap::new(),
            deleted: BTreeSet::new(),
            absorbed: BTreeSet::new(),
        };
        if entry.changes.is_empty() {
            let text = "this transaction changed no records";
            return Err(Error::new(Code::Refused, text));
        }
        for change in &entry.changes {
            if change.kind == ChangeKind::Delete {
                undo.deleted.insert(change.id);
            }
            if undo.stories.contains_key(&change.id) {
                continue;
            }
            let object = object_of(door, change.object)?;
            let story = Story::read(door, &object, change.id)?;
            let of_this = |change: &&Change| change.sequence == entry.sequence;
            for change in story.changes.iter().filter(of_this) {
                match change.cause {
                    Cause::Install(_) => {
                        let text = "the installation of a pack is not taken back";
                        return Err(Error::new(Code::Refused, text));
                    }
                    Cause::Merge(into) => {
                        undo.absorbed
                            .extend(history::absorbed(door.reader(), into)?);
                    }
                    _ => {}
                }
            }
            undo.stories.insert(change.id, story);
        }
        Ok(undo)
    }

    /// Takes one change back.
    fn step(&self, door: &mut Door<'_>, id: RecordId, version: Version) -> Result<Step> {
        let then = self.stories.get(&id);
        let then = then.ok_or_else(|| Error::internal("a change without its record"))?;
        let change = then.changes.iter().find(|change| change.version == version);
        let change = change.ok_or_else(|| Error::internal("a change without its history"))?;
        match self.follows(then, change) {
            true => door.entrusted(|door| self.take_back(door, then, change)),
            false => self.take_back(door, then, change),
        }
    }

    fn take_back(&self, door: &mut Door<'_>, then: &Story, change: &Change) -> Result<Step> {
        let now = Story::read(door, &then.object, then.id)?;
        if !now.is_visible(door)? {
            return Err(Error::not_found());
        }
        match change.kind {
            ChangeKind::Update => self.set_back(door, &now, change),
            ChangeKind::Create | ChangeKind::Restore => {
                let made = history::record_at(&then.changes, Moment::Version(change.version));
                match (&now.now, made) {
                    (Some(stands), Some(made)) if now.are_alike(stands, &made) => {
                        now.remove(door, self.sequence).map(|()| Step::Done)
                    }
                    _ => Ok(Step::ChangedSince(Vec::new())),
                }
            }
            ChangeKind::Delete => {
                let gone = |story: &Story, deletion: &Change| {
                    let before = Version(deletion.version.0 - 1);
                    history::record_at(&story.changes, Moment::Version(before))
                };
                let newest = now.changes.last().and_then(|newest| gone(&now, newest));
                match (&now.now, gone(then, change), newest) {
                    (None, Some(record), Some(newest)) if now.are_alike(&record, &newest) => now
                        .bring_back(door, self.sequence, record)
                        .map(|()| Step::Done),
                    _ => Ok(Step::ChangedSince(Vec::new())),
                }
            }
        }
    }

    fn set_back(&self, door: &mut Door<'_>, now: &Story, change: &Change) -> Result<Step> {
        let differs: Vec<String> = now
            .fields(change)
            .filter(|field| now.now.is_none() || now.value(field.field) != field.new)
            .filter_map(|field| now.object.by_id(field.field))
            .map(|field| field.name.clone())
            .collect();
        if !differs.is_empty() {
            return Ok(Step::ChangedSince(differs));
        }
        let fields = now.fields(change);
        let fields: Vec<_> = fields
            .map(|field| (field.field, field.old.clone()))
            .collect();
        if !fields.is_empty() {
            now.set_back(door, self.sequence, fields)?;
        }
        Ok(Step::Done)
    }

    /// Whether a change only followed from another one of the transaction: a reference that moved
    /// by a merge, or one that was emptied or deleted because its target was deleted. Nobody asked
    /// for a right to it then.
    fn follows(&self, then: &Story, change: &Change) -> bool {
        if let Cause::Merge(into) = change.cause {
            return change.kind != ChangeKind::Update && !self.absorbed.contains(&then.id)
                || change.kind == ChangeKind::Update && then.id != into;
        }
        let to_deleted = |value: &Value| {
            let target = value.as_reference();
            target.is_some_and(|target| target != then.id && self.deleted.contains(&target))
        };
        match change.kind {
            ChangeKind::Update => {
                let mut fields = then.fields(change).peekable();
                fields.peek().is_some()
                    && fields.all(|field| to_deleted(&field.old) && field.new.is_null())
            }
            ChangeKind::Delete => then.fields(change).any(|field| to_deleted(&field.old)),
            ChangeKind::Create | ChangeKind::Restore => false,
        }
    }

    /// Names the record at fault, unless the actor may not see it.
    fn blame(&self, door: &Door<'_>, id: RecordId, error: Error) -> Result<Error> {
        let Some(story) = self.stories.get(&id).filter(|_| error.code().is_refusal()) else {
            return Ok(error);
        };
        let name = &story.object.name;
        Ok(
            match Story::read(door, &story.object, id)?.is_visible(door)? {
                true => error
                    .context(format!("{name} {id}"))
                    .with("object", name.as_str())
                    .with("id", id.get()),
                false => {
                    let text = "no right to take back all of this transaction";
                    Error::new(Code::Denied, text)
                }
            },
        )
    }
}

/// The records that stand in the way.
#[derive(Default)]
struct Blamed {
    named: Vec<Json>,
    texts: Vec<String>,
    seen: BTreeSet<RecordId>,
}

impl Blamed {
    fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    fn add(&mut self, door: &Door<'_>, undo: &Undo, id: RecordId, fields: &[String]) -> Result<()> {
        if !self.seen.insert(id) || self.named.len() == UNDO_NAMED_MAX {
            return Ok(());
        }
        let Some(then) = undo.stories.get(&id) else {
            return Ok(());
        };
        if !Story::read(door, &then.object, id)?.is_visible(door)? {
            return Ok(());
        }
        let plan = door.plan(&then.object, Action::View);
        let shown = |name: &&String| then.object.find(name).is_some_and(|f| plan.shows(f.id));
        let fields: Vec<&String> = fields.iter().filter(shown).collect();
        let name = &then.object.name;
        self.texts.push(format!("{name} {id}"));
        self.named
            .push(json!({"object": name, "id": id.get(), "fields": fields}));
        Ok(())
    }

    fn refuse(self, sequence: Sequence) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut text = format!("records were changed since transaction {}", sequence.0);
        if !self.texts.is_empty() {
            text = format!("{text}: {}", self.texts.join(", "));
        }
        Err(Error::new(Code::Conflict, text).with("records", self.named))
    }
}
