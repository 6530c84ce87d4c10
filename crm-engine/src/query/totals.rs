//! Counts and sums from the totals that are kept for every owner, and what others share beside.

use super::access::Access;
use super::group::{Aggregate, Groups, Partial};
use super::select::{Grouping, Select};
use crate::error::{Code, Error, Result};
use crate::expr::Operand;
use crate::facts;
use crate::ids::UserId;
use crate::index::{Group, SharedRow, Sums};
use crate::limits::QUERY_ROWS_TOUCHED_MAX;
use crate::policy::{Owners, Plan};
use crate::schema::{Object, Total, keys};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{RecordView, Value};

/// The groups of a total over every record that `plan` reaches.
///
/// The plan's field mask is not applied: the caller shows what it may.
///
/// Where conditions of rights have a say, every record is looked at.
///
/// # Errors
/// What prevents reading, [`Code::LimitExceeded`](crate::Code::LimitExceeded) for a sum of more
/// than 28 digits.
pub(crate) fn totals(read: &dyn Read, plan: &Plan, object: &Object, total: &Total) -> Result<Sums> {
    if plan.is_unconditional() {
        let mut sums = over(read, plan.owners(), object, total)?;
        correct_shared(read, plan, object, total, &mut sums, |_| true)?;
        return Ok(sums);
    }
    let mut sums = Sums::default();
    let mut rows = read.scan(keys::records(object.id), ScanOptions::default())?;
    while let Some((_, bytes)) = rows.next()? {
        let view = RecordView::new(bytes)?;
        if facts::permits(read, plan, &view)? {
            sums.change_by(total, &view, true)?;
        }
    }
    Ok(sums)
}

/// Corrects the sums over owners by the records that are shared with the user, one by one: totals
/// are kept by owner only. `counts` tells whose records were summed at all.
fn correct_shared(
    read: &dyn Read,
    plan: &Plan,
    object: &Object,
    total: &Total,
    sums: &mut Sums,
    counts: impl Fn(Option<UserId>) -> bool,
) -> Result<()> {
    let Some((user, shared)) = plan.sharing() else {
        return Ok(());
    };
    let prefix = keys::shared(object.id, user).done();
    let mut rows = read.scan(KeyRange::prefix(&prefix), ScanOptions::default())?;
    let mut touched = 0;
    while let Some((key, value)) = rows.next()? {
        let SharedRow { id, owner } = SharedRow::new(&key[prefix.len()..], value)?;
        let (summed, covered) = (plan.owners().contains(owner), shared.contains(owner));
        if summed == covered || !counts(owner) {
            continue;
        }
        touched += 1;
        if touched > QUERY_ROWS_TOUCHED_MAX {
            let text = format!("a query looks at most at {QUERY_ROWS_TOUCHED_MAX} records");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let bytes = read.get(&keys::record(object.id, id))?.ok_or_else(|| {
            let text = format!("what is told of sharing {id} has no record");
            Error::new(Code::Damaged, text)
        })?;
        sums.change_by(total, &RecordView::new(&bytes)?, covered)?;
    }
    Ok(())
}

/// The sums of everything that these own.
fn over(read: &dyn Read, owners: &Owners, object: &Object, total: &Total) -> Result<Sums> {
    let mut sums = Sums::default();
    match owners.listed() {
        None => {
            let prefix = keys::total(object.id, total.id).done();
            let range = KeyRange::prefix(&prefix);
            let mut rows = read.scan(range, ScanOptions::default())?;
            while let Some((key, value)) = rows.next()? {
                if owners.contains(keys::take_owner(&mut &key[prefix.len()..])?) {
                    sums.merge(&Sums::decode(value)?)?;
                }
            }
        }
        Some(owners) => {
            for owner in owners {
                let key = keys::total(object.id, total.id).owner(Some(*owner)).done();
                if let Some(value) = read.get(&key)? {
                    sums.merge(&Sums::decode(&value)?)?;
                }
            }
        }
    }
    Ok(sums)
}

/// The groups of a query whose every aggregate `total` answers.
pub(super) fn groups<'g>(
    read: &dyn Read,
    select: &Select,
    access: &Access,
    grouping: &'g Grouping,
    total: &Total,
    bound: &[Value],
) -> Result<Groups<'g>> {
    let owners = access.owners(select.plan.owners(), bound);
    let mut sums = over(read, &owners, &select.object, total)?;
    let named = access.named_owners(bound);
    let is_named = |owner: Option<UserId>| match (&named, owner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(named), Some(owner)) => named.binary_search(&owner).is_ok(),
    };
    correct_shared(
        read,
        &select.plan,
        &select.object,
        total,
        &mut sums,
        is_named,
    )?;
    let mut groups = Groups::new(grouping);
    for (choice, group) in sums.groups() {
        let key = grouping
            .by
            .iter()
            .map(|_| choice.map_or(Value::Null, Value::Choice))
            .collect();
        groups.merge(key, partials(grouping, total, group))?;
    }
    Ok(groups)
}

/// What `group` contributes to each aggregate.
fn partials(grouping: &Grouping, total: &Total, group: &Group) -> Vec<Partial> {
    let summed = |operand: &Operand| {
        let at = total
            .sums
            .iter()
            .position(|field| *operand == Operand::Field(*field))?;
        group.sums.get(at).cloned()
    };
    let partial = |aggregate: &Aggregate| match aggregate {
        Aggregate::Count => Partial::Count(group.count),
        Aggregate::Of(_, operand) => Partial::Sum(summed(operand).unwrap_or_default()),
    };
    grouping.aggregates.iter().map(partial).collect()
}
