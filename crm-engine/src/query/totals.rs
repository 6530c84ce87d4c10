//! Counts and sums from the totals that are kept for every owner.

use super::access::Access;
use super::group::{Aggregate, Groups, Partial};
use super::select::{Grouping, Select};
use crate::error::Result;
use crate::expr::Operand;
use crate::facts;
use crate::index::{Group, Sums};
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
        return over(read, plan.owners(), object, total);
    }
    let mut sums = Sums::default();
    let mut rows = read.scan(keys::records(object.id), ScanOptions::default())?;
    while let Some((_, bytes)) = rows.next()? {
        let view = RecordView::new(bytes)?;
        if facts::permits(read, plan, &view)? {
            sums.add(total, &view.decode()?)?;
        }
    }
    Ok(sums)
}

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
    let sums = over(read, &owners, &select.object, total)?;
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
