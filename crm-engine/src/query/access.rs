//! Which way the records of a query are found. The order of the choices:
//!
//! 1. **Totals** answer counts and sums of declared groups without reading any record; where they
//!    tell too little after all (of long texts), the records are read as if there were none.
//! 2. **Points**: `id = x` and `id IN (..)` get single records.
//! 3. **Referrers**: where a reference equals one record, what refers to it: the part of a list
//!    that begins with the reference and goes on as the query asks; otherwise its back references,
//!    where no other order is asked for than that of the ids. For other orders the back references
//!    are taken while they are few, and sorted in memory.
//! 4. **A list** that is sorted as the query asks, forwards or backwards, behind keys that the
//!    condition pins: its entries of all owners for those who see everything, those of the owners
//!    reached, merged, for the others.
//! 5. **A walk** over the part of a list that the condition leaves least of, or over the records,
//!    or over the entries of the owners reached, in memory sorted where an order is asked for.
//!
//! Of every list only the part is read that the condition [leaves](super::narrow).
//!
//! That is how a query is prepared, when neither its parameters nor the data are known. Where a
//! condition leaves parts of other lists too, what is [cheapest](super::choose) is decided at each
//! run.
//!
//! Where `id IN (SELECT ..)` gives few ids, they are points, whichever way was chosen.
//!
//! What others share with the caller is one more stream, round or addition on the ways that go by
//! owners. `owner = x` and `owner IN (..)` narrow the owners reached on each way. Every way ends in the
//! same test of plan and condition, so the choice never changes what is found.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

use super::narrow::{Narrow, is_sorted};
use super::select::{OrderKey, Output, Select};
use super::totals::{self, Counts};
use crate::error::Result;
use crate::expr::{Bound, Context, Known, Operand, Row, SubSelect, Test};
use crate::ids::{FieldId, RecordId, UserId};
use crate::index::ListRow;
use crate::policy::Owners;
use crate::schema::{List, Object, SortKey, log, system};
use crate::store::Read;
use crate::value::Value;

/// So many ids of a sub-select are got one by one; for more, its answer only tests.
const POINTS_MAX: usize = 1_000;

/// The way the records of a query are found.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) way: Way,
    /// The total that answers instead, as far as it can.
    pub(super) counts: Option<Counts>,
    /// The rows are sorted in memory afterwards.
    pub(super) sort: bool,
    /// The reference that must equal one record, and that record.
    target: Option<(FieldId, Operand)>,
    /// What the condition says of the target, and the rest of it: set where all records that are
    /// looked at refer to the target, so that the first part is decided once for all of them.
    pub(super) parted: Option<(Test, Option<Test>)>,
    /// The part of the list that is read.
    pub(super) narrow: Narrow,
    /// While few records refer to the target, they are got one by one and sorted in memory.
    pub(super) few: bool,
    /// What the id must equal one of.
    ids: Option<Vec<Operand>>,
    /// The sub-select that must give the id.
    within: Option<Arc<SubSelect>>,
    /// What the owner must equal one of.
    owners: Option<Vec<Operand>>,
    /// The lists whose parts have the records in common, and the part of each.
    pub(super) common: Vec<(usize, Narrow)>,
}

/// Any of the records that refer to a target, as far as its reference tells.
struct Referring {
    field: FieldId,
    target: Option<RecordId>,
}

impl Row for Referring {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        let target = self.target.filter(|_| field == self.field);
        Ok(Cow::Owned(target.map_or(Value::Null, Value::Reference)))
    }
}

/// Where records are looked for. Lists are given by position in their object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    /// The stays of each record that a log follows.
    Log,
    /// Records by their ids.
    Points,
    /// What refers to one record, in the order of the ids.
    Referrers { reverse: bool },
    /// The part of a list under one record.
    Under { list: usize, reverse: bool },
    /// All records, in the order of their ids.
    Records { reverse: bool },
    /// The entries of a list, in its order.
    List { list: usize, reverse: bool },
    /// The entries of a list for each owner reached, merged into its order.
    Merged { list: usize, reverse: bool },
    /// The entries of a list for each owner reached, owner by owner.
    OwnerByOwner { list: usize },
    /// What stands in the parts of several lists, by the ids.
    Common,
}

impl Way {
    /// Whether it goes backwards.
    pub(super) fn is_reverse(self) -> bool {
        match self {
            Way::Referrers { reverse }
            | Way::Under { reverse, .. }
            | Way::Records { reverse }
            | Way::List { reverse, .. }
            | Way::Merged { reverse, .. } => reverse,
            Way::Log | Way::Points | Way::OwnerByOwner { .. } | Way::Common => false,
        }
    }
}

impl Access {
    /// Chooses the way for a query.
    pub(super) fn choose(select: &Select) -> Access {
        let filter = select.filter.as_ref();
        let pins = |field| {
            let pins = filter.and_then(|filter| filter.pins(field))?;
            Some(pins.into_iter().cloned().collect::<Vec<Operand>>())
        };
        if select.followed.is_some() {
            return Access::of_log(select, pins(system::OWNER), pins(log::RECORD));
        }
        let (ids, owners) = (pins(system::ID), pins(system::OWNER));
        let within = filter.and_then(|filter| filter.pinned_within(system::ID));
        let within = within.filter(|_| ids.is_none()).cloned();
        let targets = || {
            let references = select.object.fields.iter().filter(|f| f.target.is_some());
            references.filter_map(|field| match pins(field.id)?.as_slice() {
                [target] => Some((field.id, target.clone())),
                _ => None,
            })
        };
        let narrow = owners.is_some() || select.plan.owners().listed().is_some();
        let order = match &select.result {
            Output::Rows { order, .. } => order.as_slice(),
            Output::Groups(_) => &[],
        };
        let counts = totals::counts(select);
        let object = &select.object;
        if ids.is_none() {
            let under = targets().find_map(|(field, target)| {
                let (list, reverse) = list_under(select, field, order)?;
                Some((Way::Under { list, reverse }, field, target))
            });
            let referrers = || {
                let reverse = by_id(order)?;
                let (field, target) = targets().next()?;
                Some((Way::Referrers { reverse }, field, target))
            };
            if let Some((way, field, target)) = under.or_else(referrers) {
                return Access {
                    way,
                    counts,
                    sort: false,
                    parted: filter.and_then(|filter| filter.parted(field)),
                    narrow: narrow_of(object, way, filter),
                    target: Some((field, target)),
                    few: false,
                    ids,
                    within,
                    owners,
                    common: Vec::new(),
                };
            }
        }
        let target = targets().next().filter(|_| ids.is_none());
        let (way, sort) = match (ids.is_some(), list_for(select, order)) {
            (true, _) => (Way::Points, !order.is_empty()),
            (false, Some((list, reverse))) if narrow && object.owned => {
                (Way::Merged { list, reverse }, false)
            }
            (false, Some((list, reverse))) => (Way::List { list, reverse }, false),
            (false, None) => match by_id(order) {
                Some(reverse) if !narrow && !order.is_empty() => (Way::Records { reverse }, false),
                _ => (walk(select, narrow), !order.is_empty()),
            },
        };
        Access {
            way,
            counts,
            sort,
            few: target.is_some(),
            target,
            parted: None,
            narrow: narrow_of(object, way, filter),
            ids,
            within,
            owners,
            common: Vec::new(),
        }
    }

    /// The ways to the records of a query: the one that [`choose`](Access::choose) takes, and
    /// what else there is, to be decided upon when it is run.
    pub(super) fn ways(select: &Select) -> Vec<Access> {
        let first = Access::choose(select);
        let fixed = !matches!(
            first.way,
            Way::Records { .. } | Way::List { .. } | Way::Merged { .. } | Way::OwnerByOwner { .. }
        );
        if fixed {
            return vec![first];
        }
        let by_owner = first.owners.is_some() || select.plan.owners().listed().is_some();
        let by_owner = by_owner && select.object.owned;
        let narrowed = narrowed(select);
        let known = match first.way {
            Way::List { list, .. } | Way::OwnerByOwner { list } if !first.is_ordered(select) => {
                Some(list)
            }
            _ => None,
        };
        let like = |way, narrow, common| Access {
            way,
            counts: None,
            sort: !select.order().is_empty(),
            target: None,
            parted: None,
            narrow,
            few: false,
            ids: None,
            within: None,
            owners: first.owners.clone(),
            common,
        };
        let others = narrowed.iter().filter(|(list, _)| known != Some(*list));
        let mut ways: Vec<Access> = others
            .map(|(list, narrow)| {
                let (list, reverse) = (*list, false);
                let way = match by_owner {
                    true => Way::OwnerByOwner { list },
                    false => Way::List { list, reverse },
                };
                like(way, narrow.clone(), Vec::new())
            })
            .collect();
        if let Some(common) = common(select, &narrowed) {
            ways.push(like(Way::Common, Narrow::default(), common));
        }
        ways.insert(0, first);
        ways
    }

    /// Whether the records come in an order that is asked for.
    pub(super) fn is_ordered(&self, select: &Select) -> bool {
        !self.sort && !select.order().is_empty()
    }

    /// Whether nothing is looked at but what is asked for, so that no way is better.
    pub(super) fn is_straight(&self, select: &Select) -> bool {
        let is_open = self.few || self.within.is_some() || self.narrow.is_pattern();
        let mut tests = select.conditions.iter();
        !is_open && tests.all(|(test, _)| self.is_used(test))
    }

    /// The way over a log: the records it follows, one by one.
    fn of_log(
        select: &Select,
        owners: Option<Vec<Operand>>,
        records: Option<Vec<Operand>>,
    ) -> Access {
        let record = match records.as_deref() {
            Some([record]) => Some((log::RECORD, record.clone())),
            _ => None,
        };
        Access {
            way: Way::Log,
            sort: matches!(&select.result, Output::Rows { order, .. } if !order.is_empty()),
            target: record,
            parted: None,
            narrow: Narrow::default(),
            counts: None,
            few: false,
            ids: None,
            within: None,
            owners,
            common: Vec::new(),
        }
    }

    /// How many keys of the list equal something before the order that was asked for begins.
    pub(super) fn skipped(&self, by: &[SortKey], order: &[OrderKey], reverse: bool) -> usize {
        let known = usize::from(matches!(self.way, Way::Under { .. }));
        let mut counts = (known..=self.narrow.equal().max(known)).rev();
        let found = counts.find(|skipped| is_sorted(by, *skipped, order, reverse));
        found.unwrap_or(known)
    }

    /// Whether a condition tells where to look.
    pub(super) fn is_used(&self, test: &Test) -> bool {
        let target = self.target.as_ref().map(|(field, _)| *field);
        let target = target
            .filter(|_| matches!(self.way, Way::Under { .. } | Way::Referrers { .. }) || self.few);
        let pinned = |field| test.pins(field).is_some();
        let common = self.common.iter().flat_map(|(_, narrow)| narrow.fields());
        let mut narrowed = self.narrow.fields().chain(common).filter(|field| {
            pinned(*field) || test.range(*field).is_some() || test.pattern(*field).is_some()
        });
        (self.ids.is_some() && pinned(system::ID))
            || (self.owners.is_some() && pinned(system::OWNER))
            || (self.within.is_some() && test.pinned_within(system::ID).is_some())
            || target.is_some_and(pinned)
            || narrowed.next().is_some()
    }

    /// The ids that a sub-select gives, where they are few enough to get them one by one: the
    /// rows are then sorted in memory. Found out when a query is run.
    pub(super) fn selected(&self, read: &dyn Read, bound: &Bound) -> Result<Option<Vec<RecordId>>> {
        match &self.within {
            Some(sub_select) => Ok(sub_select.members(read, bound)?.few(POINTS_MAX)),
            None => Ok(None),
        }
    }

    /// The reference that must equal one record, and that record; no record for no value.
    pub(super) fn target(&self, bound: &[Value]) -> Option<(FieldId, Option<RecordId>)> {
        let (field, operand) = self.target.as_ref()?;
        let target = operand.fixed(bound).and_then(Value::as_reference);
        Some((*field, target))
    }

    /// Whether what the condition says of the target holds; none where it is tested record by
    /// record.
    pub(super) fn target_holds(&self, read: &dyn Read, bound: &Bound) -> Result<Option<bool>> {
        let (Some((test, _)), Some((field, target))) = (&self.parted, self.target(bound)) else {
            return Ok(None);
        };
        let row = Referring { field, target };
        let context = Context {
            row: &row,
            read,
            bound,
        };
        Ok(Some(test.evaluate(&context)? == Some(true)))
    }

    /// The ids to look at: ascending, each once. What cannot be an id finds nothing.
    pub(super) fn ids(&self, bound: &[Value]) -> Vec<RecordId> {
        let id = |value: &Value| match value {
            Value::Integer(n) => u64::try_from(*n).ok(),
            Value::Decimal(n) if n.is_integer() => u64::try_from(*n).ok(),
            _ => None,
        };
        let values = self
            .ids
            .iter()
            .flatten()
            .filter_map(|operand| operand.fixed(bound));
        let mut ids: Vec<RecordId> = values
            .filter_map(id)
            .filter_map(|id| RecordId::new(id).ok())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// The owners whose records may be found: those of the plan that the condition names.
    pub(super) fn owners(&self, plan: &Owners, bound: &[Value]) -> Owners {
        match self.named_owners(bound) {
            None => plan.clone(),
            Some(mut owners) => {
                owners.retain(|owner| plan.contains(Some(*owner)));
                Owners::of(owners.into())
            }
        }
    }

    /// The owners that the condition names, ascending and each once; none where it names no one.
    pub(super) fn named_owners(&self, bound: &[Value]) -> Option<Vec<UserId>> {
        let named = self.owners.as_ref()?;
        let values = named.iter().filter_map(|operand| operand.fixed(bound));
        let mut owners: Vec<UserId> = values.filter_map(Value::as_reference).map(UserId).collect();
        owners.sort_unstable();
        owners.dedup();
        Some(owners)
    }

    /// The way in words.
    pub(super) fn explain(&self, select: &Select) -> String {
        let object = &select.object;
        let backwards = |reverse| if reverse { " backwards" } else { "" };
        let list = |at: usize| &object.lists[at].name;
        if let Some(counts) = &self.counts {
            return self.explain_scope(select, counts.explain(select));
        }
        let mut text = match self.way {
            Way::Log => "history, record by record".to_owned(),
            Way::Points => "records by id".to_owned(),
            Way::Referrers { reverse } => format!("referrers{}", backwards(reverse)),
            Way::Under { list: at, reverse } => {
                format!("list `{}` under one record{}", list(at), backwards(reverse))
            }
            Way::Records { reverse } => format!("all records{}", backwards(reverse)),
            Way::List { list: at, reverse } => format!("list `{}`{}", list(at), backwards(reverse)),
            Way::Merged { list: at, reverse } => {
                format!(
                    "list `{}`{} of each owner, merged",
                    list(at),
                    backwards(reverse)
                )
            }
            Way::OwnerByOwner { list: at } => format!("list `{}` owner by owner", list(at)),
            Way::Common => {
                let lists = self.common.iter().map(|(at, _)| format!("`{}`", list(*at)));
                let lists: Vec<String> = lists.collect();
                format!("what lists {} have in common", lists.join(" and "))
            }
        };
        text = self.explain_scope(select, text);
        if self.within.is_some() {
            text.push_str("; records by id where a sub-select gives few");
        }
        let known = usize::from(matches!(self.way, Way::Under { .. }));
        let fields = self.narrow.fields().skip(known);
        let names = fields.filter_map(|field| object.by_id(field));
        let names: Vec<String> = names.map(|field| format!("`{}`", field.name)).collect();
        if self.narrow.is_pattern() {
            text.push_str("; from where the pattern begins");
        } else if !names.is_empty() {
            let _ = write!(text, "; narrowed by {}", names.join(", "));
        }
        if self.few {
            text.push_str("; referrers while few");
        }
        if self.sort {
            text.push_str("; sorted in memory");
        }
        text
    }

    /// Whose records are looked for, in words behind others.
    fn explain_scope(&self, select: &Select, mut text: String) -> String {
        if let Some(owners) = select.plan.owners().listed() {
            let _ = write!(text, "; {} owners in reach", owners.len());
        }
        if select.plan.shared_with().is_some() {
            text.push_str("; what is shared too");
        }
        if !select.plan.is_unconditional() {
            text.push_str("; conditions of rights tested");
        }
        if self.owners.is_some() {
            text.push_str("; owners narrowed");
        }
        text
    }
}

/// The part of the list of a way that the condition leaves.
fn narrow_of(object: &Object, way: Way, filter: Option<&Test>) -> Narrow {
    match way {
        Way::Under { list, .. }
        | Way::List { list, .. }
        | Way::Merged { list, .. }
        | Way::OwnerByOwner { list } => Narrow::of(object, &object.lists[list], filter),
        Way::Log | Way::Points | Way::Referrers { .. } | Way::Records { .. } | Way::Common => {
            Narrow::default()
        }
    }
}

/// Where records are looked for in no particular order: in the list of which the condition leaves
/// least. The order they come in is seen all the same, so a list that is sorted by a hidden field
/// is not taken.
fn walk(select: &Select, narrow: bool) -> Way {
    let (object, filter) = (&select.object, select.filter.as_ref());
    let shown = |list: &List| list.by.iter().all(|key| select.plan.shows(key.field));
    let lists = object.lists.iter().enumerate();
    let worth = |list: &List| Narrow::of(object, list, filter).worth();
    // Of those worth as much, the first.
    let best = lists.filter(|(_, list)| shown(list)).rev();
    let best = best.max_by_key(|(_, list)| worth(list));
    match best {
        Some((list, _)) if narrow && object.owned => Way::OwnerByOwner { list },
        Some((list, known)) if worth(known) > 0 => Way::List {
            list,
            reverse: false,
        },
        _ => Way::Records { reverse: false },
    }
}

/// The lists of which the condition leaves a part, and that part. The order they come in may be
/// seen, so none is sorted by a hidden field.
fn narrowed(select: &Select) -> Vec<(usize, Narrow)> {
    let (object, filter) = (&select.object, select.filter.as_ref());
    let lists = object.lists.iter().enumerate();
    let shown = lists.filter(|(_, list)| list.is_of(&|field| select.plan.shows(field)));
    let parts = shown.map(|(at, list)| (at, Narrow::of(object, list, filter)));
    parts.filter(|(_, narrow)| narrow.worth() > 0).collect()
}

/// Of several parts of lists those worth reading for what they have in common, each narrowed by
/// other fields. Where entries tell all that the condition asks, reading one of them is enough.
fn common(select: &Select, narrowed: &[(usize, Narrow)]) -> Option<Vec<(usize, Narrow)>> {
    let told = |field| match ListRow::covers(&select.object, field) {
        true => Known::Value,
        false => Known::Nothing,
    };
    if select.filter.as_ref()?.is_told(&told) {
        return None;
    }
    let mut common: Vec<(usize, Narrow)> = Vec::new();
    for (at, narrow) in narrowed.iter().filter(|(_, narrow)| narrow.is_closed()) {
        let fields = || common.iter().flat_map(|(_, other)| other.fields());
        let mut own = narrow.fields();
        if own.all(|field| fields().all(|other| other != field)) {
            common.push((*at, narrow.clone()));
        }
    }
    (common.len() > 1).then_some(common)
}

/// The list sorted as `order` asks behind keys that equal something, the more the better, and
/// whether it is to be read backwards.
fn list_for(select: &Select, order: &[OrderKey]) -> Option<(usize, bool)> {
    let (object, filter) = (&select.object, select.filter.as_ref());
    if order.is_empty() {
        return None;
    }
    let fits = |at: usize, reverse| {
        let by = &object.lists[at].by;
        let equal = Narrow::of(object, &object.lists[at], filter).equal();
        let skipped = (0..=equal)
            .rev()
            .find(|n| is_sorted(by, *n, order, reverse));
        skipped.map(|skipped| (skipped, at, reverse))
    };
    let all = [false, true].into_iter();
    let all = all.flat_map(|reverse| (0..object.lists.len()).map(move |at| (at, reverse)));
    let found = all.filter_map(|(at, reverse)| fits(at, reverse));
    let best = found.rev().max_by_key(|(skipped, ..)| *skipped);
    best.map(|(_, at, reverse)| (at, reverse))
}

/// The list that begins with a field that is known, and is sorted behind it as `order` asks; and
/// whether it is to be read backwards. Where no order is asked for, the order is seen all the
/// same, so it must not be that of a hidden field.
fn list_under(select: &Select, field: FieldId, order: &[OrderKey]) -> Option<(usize, bool)> {
    let filter = select.filter.as_ref();
    find_list(&select.object, |list, reverse| {
        let Some((first, rest)) = list.by.split_first() else {
            return false;
        };
        let equal = Narrow::of(&select.object, list, filter).equal().max(1);
        let sorted = match order {
            [] => !reverse && rest.iter().all(|key| select.plan.shows(key.field)),
            order => (1..=equal).any(|n| is_sorted(&list.by, n, order, reverse)),
        };
        first.field == field && sorted
    })
}

fn find_list(object: &Object, fits: impl Fn(&List, bool) -> bool) -> Option<(usize, bool)> {
    let lists = || object.lists.iter().enumerate();
    [false, true].into_iter().find_map(|reverse| {
        lists()
            .find(|(_, list)| fits(list, reverse))
            .map(|(at, _)| (at, reverse))
    })
}

/// Whether the order is that of the ids, and whether it descends.
fn by_id(order: &[OrderKey]) -> Option<bool> {
    match order {
        [] => Some(false),
        [key, ..] => (key.operand == Operand::Field(system::ID)).then_some(key.descending),
    }
}
