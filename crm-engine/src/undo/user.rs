//! Everything one user changed in a period, taken back record by record.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Story, is_taken_back};
use crate::error::{Code, Error, Result};
use crate::history::{self, Change, FieldChange, Moment};
use crate::ids::{FieldId, ObjectId, RecordId, Sequence, UserId, Version};
use crate::journal::{self, ChangeKind};
use crate::limits::{
    REVERT_BATCH_BYTES_MAX, REVERT_BATCH_RECORDS_MAX, REVERT_LISTED_MAX, REVERT_RECORDS_MAX,
    REVERT_ROUNDS_MAX,
};
use crate::policy::Action;
use crate::progress::{OnProgress, Progress};
use crate::schema::Object;
use crate::schema::system::{OWNER, PARTICIPANTS};
use crate::store::Read;
use crate::value::{Participants, Record, Value};
use crate::write::{Door, denied};

/// Transactions of the journal read at once.
const TRANSACTIONS_AT_ONCE: usize = 1_000;

/// Whose changes of which time are taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevertUser {
    /// The user who made the changes; his access may be closed.
    pub user: UserId,
    /// The beginning of the period.
    pub from: DateTime<Utc>,
    /// Its end, which is no part of it.
    pub to: DateTime<Utc>,
    /// The objects whose records are taken back; when left out all on which the caller holds the
    /// right to change many records at once.
    #[serde(default)]
    pub objects: Option<Vec<String>>,
    /// Only tells what would be done.
    #[serde(default)]
    pub check: bool,
}

/// What taking back did. It speaks of records the caller may see.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RevertUserReport {
    /// Whether nothing was done, only looked at.
    pub check: bool,
    /// Records taken back, some perhaps but for fields that were changed since.
    pub reverted: u64,
    /// Records that were changed since by somebody else and stay as they are.
    pub kept: u64,
    /// Records that could not be taken back.
    pub refused: u64,
    /// The records, those changed last first; not more than
    /// [`REVERT_LISTED_MAX`](crate::limits::REVERT_LISTED_MAX).
    pub records: Vec<RevertedRecord>,
    /// Records that are counted but not listed.
    pub unlisted: u64,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RevertedRecord {
    /// The name of its object.
    pub object: String,
    /// Its id.
    pub id: RecordId,
    /// What became of it.
    pub outcome: RevertOutcome,
    /// How it was taken back: `update`, `delete` (it had been created) or `restore` (it had been
    /// deleted).
    pub change: Option<&'static str>,
    /// The fields that were set back.
    pub fields: Vec<String>,
    /// The fields that were changed since and stay as they are.
    pub kept_fields: Vec<String>,
    /// Why it was refused: an error as JSON.
    pub reason: Option<Json>,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevertOutcome {
    /// It was taken back.
    Reverted,
    /// Somebody else changed it since.
    Kept,
    /// It could not be taken back.
    Refused,
}

/// Opens transactions, one after the other.
pub(crate) trait Transactions {
    /// Runs `body` in one transaction through the door, on behalf of the caller. The body may be
    /// run again from its start; its last run is the one that counts.
    fn transact(&self, body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>) -> Result<()>;
}

/// Takes back what a user changed in a period, the records he changed last first, in several
/// transactions. `progress` hears of records and may end the work; what is done by then stays.
///
/// The caller needs the right to change many records at once (`bulk`) on each object, and for
/// each record the right to what is done to it: edit, transfer, delete or create. Fields he may
/// not see stay as they are. What waits for another record to be taken back is tried again.
///
/// # Errors
/// [`Code::Denied`], [`Code::UnknownObject`], [`Code::BadReference`] for an unknown user,
/// [`Code::InvalidArguments`] for a period that ends before it begins, [`Code::LimitExceeded`]
/// when more records were changed than are taken back at once: nothing is done.
/// [`Code::Cancelled`] with the number of records done.
pub(crate) fn revert_user(
    read: &dyn Read,
    transactions: &dyn Transactions,
    request: &RevertUser,
    progress: OnProgress<'_>,
) -> Result<RevertUserReport> {
    if request.to <= request.from {
        let text = "`to` takes a time after `from`";
        return Err(Error::new(Code::InvalidArguments, text));
    }
    let objects = authorise(transactions, request)?;
    let found = changed_by(read, request, &objects, progress)?;
    let mut run = Run {
        transactions,
        request,
        total: found.len() as u64,
        report: RevertUserReport {
            check: request.check,
            ..RevertUserReport::default()
        },
    };
    let mut waiting = run.pass(found, progress)?;
    for _ in 0..REVERT_ROUNDS_MAX {
        let before = waiting.len();
        if before == 0 || request.check {
            break;
        }
        waiting = run.pass(
            waiting.into_iter().map(|(item, _)| item).collect(),
            progress,
        )?;
        if waiting.len() == before {
            break;
        }
    }
    waiting.into_iter().for_each(|(_, told)| run.tell(told));
    Ok(run.report)
}

/// A record the user changed.
type Item = (Arc<Object>, RecordId);

/// The objects whose records are taken back, where the caller may do so at all.
fn authorise(
    transactions: &dyn Transactions,
    request: &RevertUser,
) -> Result<BTreeMap<ObjectId, Arc<Object>>> {
    let mut found = BTreeMap::new();
    transactions.transact(&mut |door| {
        found.clear();
        let schema = Arc::clone(door.schema());
        let may = |object: &Object| !door.plan(object, Action::Bulk).is_nothing();
        match &request.objects {
            None => found.extend(
                schema
                    .objects()
                    .filter(|object| may(object))
                    .map(|object| (object.id, Arc::clone(object))),
            ),
            Some(names) => {
                for name in names {
                    let object = schema.object(name)?;
                    if !may(object) {
                        return Err(denied(object, Action::Bulk));
                    }
                    found.insert(object.id, Arc::clone(object));
                }
            }
        }
        if found.is_empty() {
            let text = "no right to change many records at once";
            return Err(Error::new(Code::Denied, text).with("action", Action::Bulk.name()));
        }
        if door.known_user(request.user)?.is_none() {
            let text = format!("`user`: there is no user {}", request.user);
            return Err(Error::new(Code::BadReference, text).field("user"));
        }
        Ok(())
    })?;
    Ok(found)
}

/// The records the user changed in the period, those changed last first.
fn changed_by(
    read: &dyn Read,
    request: &RevertUser,
    objects: &BTreeMap<ObjectId, Arc<Object>>,
    progress: OnProgress<'_>,
) -> Result<Vec<Item>> {
    let mut newest: BTreeMap<RecordId, (u64, ObjectId)> = BTreeMap::new();
    let mut after = Sequence(0);
    let mut place = 0;
    loop {
        let entries = journal::read_after(read, after, TRANSACTIONS_AT_ONCE)?;
        let Some(last) = entries.last() else { break };
        after = last.sequence;
        let in_period = |at| request.from <= at && at < request.to;
        let his = entries
            .iter()
            .filter(|entry| entry.actor == Some(request.user) && in_period(entry.at));
        for change in his.flat_map(|entry| &entry.changes) {
            place += 1;
            if objects.contains_key(&change.object) {
                newest.insert(change.id, (place, change.object));
            }
        }
        if newest.len() > REVERT_RECORDS_MAX {
            let text = format!("more than {REVERT_RECORDS_MAX} records: take a shorter period");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let still = Progress {
            done: 0,
            total: None,
        };
        if !progress(still) {
            return Err(cancelled(0));
        }
    }
    let mut found: Vec<(u64, Item)> = newest
        .into_iter()
        .filter_map(|(id, (place, object))| Some((place, (Arc::clone(objects.get(&object)?), id))))
        .collect();
    found.sort_by_key(|(place, _)| std::cmp::Reverse(*place));
    Ok(found.into_iter().map(|(_, item)| item).collect())
}

fn cancelled(done: u64) -> Error {
    Error::new(Code::Cancelled, "taking back was cancelled").with("records", done)
}

/// What is told of a record; none where there is nothing to tell.
type Told = Option<RevertedRecord>;

struct Run<'a> {
    transactions: &'a dyn Transactions,
    request: &'a RevertUser,
    total: u64,
    report: RevertUserReport,
}

impl Run<'_> {
    /// Goes through records once. Those that may succeed later come back with their refusal.
    fn pass(&mut self, items: Vec<Item>, progress: OnProgress<'_>) -> Result<Vec<(Item, Told)>> {
        let mut waiting = Vec::new();
        let mut open = items.as_slice();
        while !open.is_empty() {
            let outcomes = self.batch(open)?;
            let (done, rest) = open.split_at(outcomes.len());
            open = rest;
            for (item, told) in done.iter().zip(outcomes) {
                match told.as_ref().is_some_and(may_succeed_later) {
                    true => waiting.push((item.clone(), told)),
                    false => self.tell(told),
                }
            }
            let so_far = self.report.reverted + self.report.kept + self.report.refused;
            let heard = Progress {
                done: so_far,
                total: Some(self.total),
            };
            if !progress(heard) {
                return Err(cancelled(so_far));
            }
        }
        Ok(waiting)
    }

    /// One transaction over the first of `items`: as many as it takes. Returns what became of
    /// them.
    fn batch(&self, items: &[Item]) -> Result<Vec<Told>> {
        let most = match self.request.check {
            // What is only looked at is looked at together, because records wait for others.
            true => items.len(),
            false => items.len().min(REVERT_BATCH_RECORDS_MAX),
        };
        let mut outcomes: Vec<Told> = Vec::new();
        self.transactions.transact(&mut |door| {
            outcomes.clear();
            match self.request.check {
                true => door.rehearse(|door| self.take_back(door, &items[..most], &mut outcomes)),
                false => self.take_back(door, &items[..most], &mut outcomes),
            }
        })?;
        Ok(outcomes)
    }

    fn take_back(
        &self,
        door: &mut Door<'_>,
        items: &[Item],
        outcomes: &mut Vec<Told>,
    ) -> Result<()> {
        for (object, id) in items {
            if !outcomes.is_empty() && door.bytes() > REVERT_BATCH_BYTES_MAX {
                break;
            }
            outcomes.push(self.take_back_record(door, object, *id)?);
        }
        for _ in 0..REVERT_ROUNDS_MAX {
            let mut helped = false;
            for (told, (object, id)) in outcomes.iter_mut().zip(items) {
                if told.as_ref().is_some_and(may_succeed_later) {
                    *told = self.take_back_record(door, object, *id)?;
                    helped |= !told.as_ref().is_some_and(may_succeed_later);
                }
            }
            if !helped {
                break;
            }
        }
        Ok(())
    }

    fn take_back_record(
        &self,
        door: &mut Door<'_>,
        object: &Arc<Object>,
        id: RecordId,
    ) -> Result<Told> {
        let story = Story::read(door, object, id)?;
        if !story.is_visible(door)? {
            return Ok(None);
        }
        let plan = door.plan(object, Action::View);
        let net = Net::of(&story, self.request, &|field| plan.shows(field));
        let names = |fields: &mut dyn Iterator<Item = FieldId>| -> Vec<String> {
            let known = fields.filter_map(|field| object.by_id(field));
            known.map(|field| field.name.clone()).collect()
        };
        let mut told = RevertedRecord {
            object: object.name.clone(),
            id,
            outcome: RevertOutcome::Reverted,
            change: Some(match net.whole {
                Whole::Stays => ChangeKind::Update.name(),
                Whole::Removed => ChangeKind::Delete.name(),
                Whole::BroughtBack(_) => ChangeKind::Restore.name(),
            }),
            fields: names(&mut net.fields.iter().map(|(field, _)| *field)),
            kept_fields: names(&mut net.kept.iter().copied()),
            reason: None,
        };
        if net.is_kept || (net.is_nothing() && !net.kept.is_empty()) {
            (told.outcome, told.change) = (RevertOutcome::Kept, None);
            return Ok(Some(told));
        }
        if net.is_nothing() {
            return Ok(None);
        }
        match door.attempt(|door| apply(door, &story, net)) {
            Ok(()) => Ok(Some(told)),
            Err(error) if error.code().is_refusal() => {
                (told.outcome, told.change) = (RevertOutcome::Refused, None);
                told.fields.clear();
                told.reason = Some(error.to_json());
                Ok(Some(told))
            }
            Err(error) => Err(error),
        }
    }

    fn tell(&mut self, told: Told) {
        let Some(told) = told else { return };
        *match told.outcome {
            RevertOutcome::Reverted => &mut self.report.reverted,
            RevertOutcome::Kept => &mut self.report.kept,
            RevertOutcome::Refused => &mut self.report.refused,
        } += 1;
        match self.report.records.len() < REVERT_LISTED_MAX {
            true => self.report.records.push(told),
            false => self.report.unlisted += 1,
        }
    }
}

/// Whether another record may have to be taken back first.
fn may_succeed_later(told: &RevertedRecord) -> bool {
    let waits = [Code::StillReferenced, Code::BadReference, Code::Duplicate];
    let name = told
        .reason
        .as_ref()
        .and_then(|reason| reason["name"].as_str());
    name.is_some_and(|name| waits.iter().any(|code| code.name() == name))
}

fn apply(door: &mut Door<'_>, story: &Story, net: Net) -> Result<()> {
    story.permit(door, Action::Bulk)?;
    match net.whole {
        Whole::Removed => story.remove(door, net.cause),
        Whole::BroughtBack(record) => story.bring_back(door, net.cause, record),
        Whole::Stays => story.set_back(door, net.cause, net.fields),
    }
}

/// What taking the changes of one user back comes to for a record.
struct Net {
    whole: Whole,
    /// The fields with the values they get back.
    fields: Vec<(FieldId, Value)>,
    /// The fields that hold what somebody else gave them since.
    kept: Vec<FieldId>,
    /// The record as a whole was changed by somebody else since.
    is_kept: bool,
    /// The oldest transaction taken back.
    cause: Sequence,
}

enum Whole {
    Stays,
    Removed,
    BroughtBack(Record),
}

impl Net {
    fn of(story: &Story, request: &RevertUser, shows: &dyn Fn(FieldId) -> bool) -> Net {
        let his = |change: &Change| {
            change.actor == Some(request.user)
                && request.from <= change.at
                && change.at < request.to
        };
        let mut net = Net {
            whole: Whole::Stays,
            fields: Vec::new(),
            kept: Vec::new(),
            is_kept: false,
            cause: Sequence(0),
        };
        let first = story.changes.iter().find(|change| his(change));
        net.cause = first.map_or(Sequence(0), |change| change.sequence);
        let (end, gone) = match story.changes.last() {
            Some(last) if last.kind == ChangeKind::Delete => (story.changes.len() - 1, Some(last)),
            _ => (story.changes.len(), None),
        };
        let begins =
            |change: &Change| matches!(change.kind, ChangeKind::Create | ChangeKind::Restore);
        let start = story.changes[..end].iter().rposition(begins).unwrap_or(0);
        let Some((birth, life)) = story.changes[start..end].split_first() else {
            return net;
        };
        let only_his = life
            .iter()
            .all(|change| his(change) || !story.counts(change));
        match gone {
            // Somebody else deleted it, or he made it and deleted it again.
            Some(gone) if !his(gone) => net.is_kept = true,
            Some(_) if his(birth) && only_his => {}
            Some(gone) => {
                let before = Moment::Version(Version(gone.version.0 - 1));
                if let Some(mut record) = history::record_at(&story.changes, before) {
                    net.take(story, life, &his, shows, &record.clone());
                    restore_fields(&mut record, &net.fields);
                    net.whole = Whole::BroughtBack(record);
                }
            }
            None if his(birth) && only_his && !is_own_deletion_undone(story, start, &his) => {
                net.whole = Whole::Removed;
            }
            None if his(birth) && !only_his => net.is_kept = true,
            None => {
                if let Some(now) = &story.now {
                    net.take(story, life, &his, shows, now);
                }
            }
        }
        net
    }

    /// Works out field by field what stood before the user's changes, as far as the newest
    /// changes are his.
    fn take(
        &mut self,
        story: &Story,
        life: &[Change],
        his: &dyn Fn(&Change) -> bool,
        shows: &dyn Fn(FieldId) -> bool,
        now: &Record,
    ) {
        let mut touched: BTreeMap<FieldId, Vec<(&FieldChange, bool)>> = BTreeMap::new();
        for change in life {
            for field in &change.fields {
                if shows(field.field) && is_taken_back(&story.object, field.field) {
                    let changes = touched.entry(field.field).or_default();
                    changes.push((field, his(change)));
                }
            }
        }
        for (field, changes) in touched {
            let Some((first, _)) = changes.iter().find(|(_, is_his)| *is_his) else {
                continue;
            };
            let present = match field {
                OWNER => history::owner_value(now.head.owner),
                PARTICIPANTS => now.head.participants.to_value(),
                field => now.fields.get(field).clone(),
            };
            let own = changes.iter().rev().take_while(|(_, is_his)| *is_his);
            match own.last() {
                Some((oldest, _)) if oldest.old != present => {
                    self.fields.push((field, oldest.old.clone()));
                }
                None if first.old != present => self.kept.push(field),
                _ => {}
            }
        }
    }

    fn is_nothing(&self) -> bool {
        matches!(self.whole, Whole::Stays) && self.fields.is_empty()
    }
}

/// Whether the user brought back what he himself had deleted: that comes to nothing.
fn is_own_deletion_undone(story: &Story, start: usize, his: &dyn Fn(&Change) -> bool) -> bool {
    story.changes[start].kind == ChangeKind::Restore
        && start
            .checked_sub(1)
            .is_some_and(|before| his(&story.changes[before]))
}

fn restore_fields(record: &mut Record, fields: &[(FieldId, Value)]) {
    for (field, value) in fields {
        match *field {
            OWNER => record.head.owner = value.as_reference().map(UserId),
            PARTICIPANTS => record.head.participants = Participants::of_value(value),
            field => record.fields.set(field, value.clone()),
        }
    }
}
