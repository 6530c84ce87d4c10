//! Hand-over: everything one user owns goes to another in one transaction (C80, C81).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::expr::{Condition, Params, StoredRow};
use crate::ids::{ObjectId, RecordId, UserId};
use crate::journal::Cause;
use crate::policy::Action;
use crate::schema::keys::Holder;
use crate::schema::{Object, Schema, keys};
use crate::store::{Read, ScanOptions};
use crate::value::{RecordView, take_uint};
use crate::write::{Door, Input, denied};

/// What is handed over to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The user whose records are handed over; his access may be closed already (C66).
    pub from: UserId,
    /// The user who receives them; his access must be open.
    pub to: UserId,
    /// The objects handed over; every owned object when left out. What declares that it follows
    /// the owner of a handed-over record goes with it in any case.
    #[serde(default)]
    pub objects: Option<Vec<String>>,
    /// Only records for which this condition holds; it may name fields of every object in
    /// `objects`, which must then be given. A hand-over works on a selection, not on a person.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
}

/// What a hand-over did, by object. The counts speak of records the caller may see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TransferReport {
    /// One line for each object that had records to hand over.
    pub objects: Vec<TransferCount>,
    /// Records found.
    pub matched: u64,
    /// Records handed over.
    pub changed: u64,
    /// Records left where they are because the caller may not hand them over.
    pub refused: u64,
}

/// The counts of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferCount {
    /// The object's name.
    pub object: String,
    /// Records found.
    pub matched: u64,
    /// Records handed over.
    pub changed: u64,
    /// Records left where they are.
    pub refused: u64,
}

/// Hands over. Anything but a missing right undoes all of it and names the record.
pub(crate) fn run(door: &mut Door<'_>, transfer: &Transfer) -> Result<TransferReport> {
    let objects = objects(door.schema(), transfer)?;
    if transfer.from == transfer.to {
        return Err(Error::new(
            Code::InvalidArguments,
            "`from` and `to` are the same user",
        ));
    }
    if door.known_user(transfer.from)?.is_none() {
        let text = format!("`from`: there is no user {}", transfer.from);
        return Err(Error::new(Code::BadReference, text).field("from"));
    }
    let mut found: BTreeSet<(ObjectId, RecordId)> = BTreeSet::new();
    for object in &objects {
        let selects = selection(door, object, transfer)?;
        if door.plan(object, Action::View).is_nothing() {
            continue;
        }
        for id in owned_by(door.reader(), object, transfer.from)? {
            if is_visible(door, object, id)? && selects(door.reader(), id)? {
                found.insert((object.id, id));
            }
        }
    }
    add_followers(door, transfer, &mut found)?;
    door.under(Cause::Transfer, |door| hand_over(door, transfer, &found))
}

fn hand_over(
    door: &mut Door<'_>,
    transfer: &Transfer,
    found: &BTreeSet<(ObjectId, RecordId)>,
) -> Result<TransferReport> {
    let mut report = TransferReport::default();
    let schema = Arc::clone(door.schema());
    for object in schema.objects() {
        let mut count = TransferCount {
            object: object.name.clone(),
            matched: 0,
            changed: 0,
            refused: 0,
        };
        for (_, id) in found.iter().filter(|(of, _)| *of == object.id) {
            count.matched += 1;
            if !is_permitted(door, object, *id, transfer)? {
                count.refused += 1;
                continue;
            }
            let input = Input::default().with_owner(Some(transfer.to));
            door.update(object, *id, input, None).map_err(|error| {
                error
                    .context(format!("{} {id}", object.name))
                    .with("id", id.get())
            })?;
            count.changed += 1;
        }
        if count.matched > 0 {
            report.matched += count.matched;
            report.changed += count.changed;
            report.refused += count.refused;
            report.objects.push(count);
        }
    }
    Ok(report)
}

/// Whether the caller sees a record that may be handed over. Those he does not see are neither
/// found nor counted, and nothing follows them (invariant *invisible is absent*).
fn is_visible(door: &Door<'_>, object: &Object, id: RecordId) -> Result<bool> {
    match door.whole(object, id)? {
        Some(record) => door.may(object, Action::View, &record),
        None => Ok(false),
    }
}

/// Whether the caller may hand a record over.
fn is_permitted(
    door: &Door<'_>,
    object: &Object,
    id: RecordId,
    transfer: &Transfer,
) -> Result<bool> {
    match door.whole(object, id)? {
        Some(record) => door.may_hand_over(object, &record, Some(transfer.to)),
        None => Ok(false),
    }
}

/// The objects asked for, each owned and each one the caller may hand over at all.
fn objects(schema: &Schema, transfer: &Transfer) -> Result<Vec<Arc<Object>>> {
    match &transfer.objects {
        None => Ok(schema
            .objects()
            .filter(|object| object.owned && !object.is_detail())
            .map(Arc::clone)
            .collect()),
        Some(names) => names
            .iter()
            .map(|name| {
                let object = schema.object(name)?;
                match object.owned && !object.is_detail() {
                    true => Ok(Arc::clone(object)),
                    false => Err(denied(object, Action::Transfer)
                        .context(format!("`{name}` records have no owner of their own"))),
                }
            })
            .collect(),
    }
}

/// The condition of the hand-over as a test of one record, compiled once for an object. It is
/// read under the caller's rights: what he may not see he cannot select by.
#[allow(
    clippy::type_complexity,
    reason = "a closure that is used in one place"
)]
fn selection(
    door: &Door<'_>,
    object: &Arc<Object>,
    transfer: &Transfer,
) -> Result<Box<dyn Fn(&dyn Read, RecordId) -> Result<bool>>> {
    let Some(text) = &transfer.condition else {
        return Ok(Box::new(|_, _| Ok(true)));
    };
    if transfer.objects.is_none() {
        let text = "`where` needs `objects`: it speaks of their fields";
        return Err(Error::new(Code::InvalidArguments, text).field("objects"));
    }
    let facts = Arc::clone(door.facts());
    let actor = door.actor();
    let plans = move |object: &Object| facts.plan(actor, object, Action::View);
    let condition = Condition::compile(door.schema(), object, &plans, text)?;
    let bound = condition.bind(&Params::new())?;
    let object = object.id;
    Ok(Box::new(move |read, id| {
        match read.get(&keys::record(object, id))? {
            Some(bytes) => {
                let row = StoredRow::new(id, &bytes)?;
                Ok(condition.evaluate(&row, read, &bound)? == Some(true))
            }
            None => Ok(false),
        }
    }))
}

/// Ids of the records of one owner, from any list the object keeps by owner.
fn owned_by(read: &dyn Read, object: &Object, owner: UserId) -> Result<Vec<RecordId>> {
    let mut ids = Vec::new();
    if let Some(list) = object.lists.first() {
        let prefix = keys::own(object.id, list.id, Holder::Owner(Some(owner))).done();
        let range = crate::store::KeyRange::prefix(&prefix);
        let mut rows = read.scan(range, ScanOptions::default())?;
        while let Some((key, value)) = rows.next()? {
            ids.push(crate::index::ListRow::new(list, &key[prefix.len()..], value)?.id);
        }
        return Ok(ids);
    }
    let prefix = keys::Key::new(keys::Space::Record)
        .object(object.id)
        .done()
        .len();
    let mut rows = read.scan(keys::records(object.id), ScanOptions::default())?;
    while let Some((key, value)) = rows.next()? {
        if RecordView::new(value)?.owner() == Some(owner) {
            ids.push(RecordId::new(take_uint(&mut &key[prefix..])?)?);
        }
    }
    Ok(ids)
}

/// Records of the same owner that follow the owner of one handed over, at any distance. Nothing
/// follows what stays where it is.
fn add_followers(
    door: &Door<'_>,
    transfer: &Transfer,
    found: &mut BTreeSet<(ObjectId, RecordId)>,
) -> Result<()> {
    let schema = Arc::clone(door.schema());
    let mut open: Vec<(ObjectId, RecordId)> = found.iter().copied().collect();
    while let Some((object, id)) = open.pop() {
        let Some(object) = schema.by_id(object) else {
            continue;
        };
        if !is_permitted(door, object, id, transfer)? {
            continue;
        }
        for (source, field, follower) in door.referrers(object, id)? {
            let follows = field.follows_owner && source.owned && !source.is_detail();
            let known = found.contains(&(source.id, follower));
            if !follows || known || !is_visible(door, &source, follower)? {
                continue;
            }
            let bytes = door.reader().get(&keys::record(source.id, follower))?;
            let Some(bytes) = bytes else { continue };
            if RecordView::new(&bytes)?.owner() == Some(transfer.from) {
                found.insert((source.id, follower));
                open.push((source.id, follower));
            }
        }
    }
    Ok(())
}
