//! Counts and sums from the totals that are kept for every owner.

use super::access::Access;
use super::group::{Aggregate, Groups, Partial};
use super::select::{Grouping, Select};
use crate::error::Result;
use crate::expr::Operand;
use crate::index::{Group, Sums};
use crate::policy::{Owners, Plan};
use crate::schema::{Object, Total, keys};
use crate::store::{Read, ScanOptions};
use crate::value::Value;

/// The groups of a total over every record that `plan` reaches.
///
/// The plan's field mask is not applied: the caller shows what it may.
///
/// # Errors
/// What prevents reading, [`Code::LimitExceeded`](crate::Code::LimitExceeded) for a sum of more
/// than 28 digits.
pub(crate) fn totals(read: &dyn Read, plan: &Plan, object: &Object, total: &Total) -> Result<Sums> {
    over(read, &plan.owners, object, total)
}

fn over(read: &dyn Read, owners: &Owners, object: &Object, total: &Total) -> Result<Sums> {
    let mut sums = Sums::default();
    match owners {
        Owners::All => {
            let range = keys::total(object.id, total.id).range();
            let mut rows = read.scan(range, ScanOptions::default())?;
            while let Some((_, value)) = rows.next()? {
                sums.merge(&Sums::decode(value)?)?;
            }
        }
        Owners::Some(owners) => {
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
    let owners = access.owners(&select.plan.owners, bound);
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
