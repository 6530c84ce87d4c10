//! Counts and sums from the totals that are kept as records are written.
//!
//! A plan reaches the plain records of some owners and of what is shared with its user that of
//! other owners: sums and differences of entries, however many records there are. A query whose
//! condition and groups follow from what a total groups by, and from the owner, is answered from
//! these entries: each stands for the records counted in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::access::Access;
use super::group::{Aggregate, Groups, Measure, Partial};
use super::select::{Grouping, Output, Select};
use crate::error::{Code, Error, Result};
use crate::expr::{Bound, Context, Known, Operand, Row};
use crate::facts;
use crate::ids::{FieldId, UserId};
use crate::index::{Group, Spot, Sums, group_of, put_entry, put_part, take_part, value_of_group};
use crate::limits::{QUERY_ROWS_TOUCHED_MAX, TOTAL_GROUPS_TOGETHER, TOTAL_PLACES_MAX};
use crate::policy::{Owners, Plan};
use crate::schema::keys::Whose;
use crate::schema::{Object, Total, TotalPart, keys, system};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{RecordView, Value, ValueType, take_uint};

/// The groups of a total over every record that `plan` reaches, by the choice or checkbox that
/// stands last, whatever else the total groups by. One without any is one group of no value.
///
/// The plan's field mask is not applied: the caller shows what it may.
///
/// Where conditions of rights have a say, every record is looked at.
///
/// # Errors
/// What prevents reading.
pub(crate) fn totals(
    read: &dyn Read,
    plan: &Plan,
    object: &Object,
    total: &Total,
) -> Result<Vec<(Value, Group)>> {
    let mut tally = Tally::new(read, object, total);
    match plan.is_unconditional() {
        true => tally.add_reached(plan.owners(), plan.sharing())?,
        false => tally.add_records(plan)?,
    }
    let mut groups: BTreeMap<u32, Group> = BTreeMap::new();
    for (at, group) in &tally.found {
        groups.entry(at.group).or_default().merge(group, true)?;
    }
    groups.retain(|_, group| group.count > 0);
    let (_, packed) = total.split();
    let value = |number| match packed {
        Some(part) => value_of_group(part, number),
        None => Ok(Value::Null),
    };
    let groups = groups.into_iter();
    groups
        .map(|(number, group)| Ok((value(number)?, group)))
        .collect()
}

/// How a total answers a query.
#[derive(Debug)]
pub(super) struct Counts {
    /// Its position in the object.
    total: usize,
    /// Whether the owner of records has a say.
    by_owner: bool,
    /// Of each part: whether it has a say.
    needed: Vec<bool>,
    /// Of each part in keys, from the first on: what it must equal one of.
    pinned: Vec<Vec<Operand>>,
}

/// The total that answers a query: of those that can the one with the fewest entries to read.
pub(super) fn counts(select: &Select) -> Option<Counts> {
    let Output::Groups(grouping) = &select.result else {
        return None;
    };
    if !select.plan.is_unconditional() {
        return None;
    }
    let totals = select.object.totals.iter().enumerate();
    let able = totals.filter_map(|(at, total)| Counts::of(select, grouping, at, total));
    able.min_by_key(|counts| {
        let (in_key, _) = select.object.totals[counts.total].split();
        (in_key.len() - counts.pinned.len(), in_key.len())
    })
}

impl Counts {
    fn of(select: &Select, grouping: &Grouping, at: usize, total: &Total) -> Option<Counts> {
        let summed = |aggregate: &Aggregate| match aggregate {
            Aggregate::Count => true,
            Aggregate::Of(Measure::Sum { .. }, Operand::Field(field)) => total.sums.contains(field),
            Aggregate::Of(..) => false,
        };
        // Whether all follows from the parts that are told, and the owner.
        let follows = |told: &dyn Fn(FieldId) -> Known| {
            let filter = select.filter.as_ref();
            filter.is_none_or(|filter| filter.is_told(told))
                && grouping.by.iter().all(|by| by.is_told(told))
        };
        let told = |field| told(total, field);
        let without = |one| {
            follows(&|field| match field == one {
                true => Known::Nothing,
                false => told(field),
            })
        };
        let can = grouping.aggregates.iter().all(summed) && follows(&told);
        let parts = total.parts.iter();
        can.then(|| Counts {
            total: at,
            by_owner: !without(system::OWNER),
            needed: parts.map(|part| !without(part.field)).collect(),
            pinned: pinned(select, total),
        })
    }

    /// The total in words; one whose parts are not all shown has no name.
    pub(super) fn explain(&self, select: &Select) -> String {
        let total = &select.object.totals[self.total];
        match total.parts.iter().all(|part| select.plan.shows(part.field)) {
            true => format!("totals `{}`", total.name),
            false => "totals".to_owned(),
        }
    }

    /// The groups of a query; none where the total tells too little for this run.
    pub(super) fn groups<'g>(
        &self,
        read: &dyn Read,
        select: &Select,
        access: &Access,
        grouping: &'g Grouping,
        bound: &Bound,
    ) -> Result<Option<Groups<'g>>> {
        let object = &select.object;
        let total = &object.totals[self.total];
        let told = |field| told(total, field);
        let filter = select.filter.as_ref();
        if filter.is_some_and(|filter| !filter.is_aligned(bound, &told)) {
            return Ok(None);
        }
        let mut tally = Tally::new(read, object, total);
        tally.by_owner = self.by_owner;
        tally.look_only_at(&self.places(total, bound));
        let owners = access.owners(select.plan.owners(), bound);
        let sharing = select.plan.sharing();
        let shared = sharing.map(|(user, shared)| (user, access.owners(shared, bound)));
        tally.add_reached(
            &owners,
            shared.as_ref().map(|(user, shared)| (*user, shared)),
        )?;
        let mut groups = Groups::new(grouping);
        for (at, group) in tally.found.iter().filter(|(_, group)| group.count > 0) {
            let Some(row) = self.row(total, at)? else {
                return Ok(None);
            };
            let context = Context {
                row: &row,
                read,
                bound,
            };
            if let Some(filter) = filter
                && filter.evaluate(&context)? != Some(true)
            {
                continue;
            }
            groups.add_known(&context, partials(grouping, total, group))?;
        }
        Ok(Some(groups))
    }

    /// What stands for the records counted at one place; none where a text is too long to stand
    /// there.
    fn row(&self, total: &Total, at: &At) -> Result<Option<Counted>> {
        let (in_key, packed) = total.split();
        let mut parts = Vec::with_capacity(total.parts.len());
        let mut tail = at.tail.as_slice();
        for (part, needed) in in_key.iter().zip(&self.needed) {
            match take_part(&mut tail)? {
                Some(value) => parts.push((part.field, value)),
                None if *needed => return Ok(None),
                None => {}
            }
        }
        if let Some(part) = packed {
            parts.push((part.field, value_of_group(part, at.group)?));
        }
        let owner = at.owner;
        Ok(Some(Counted { owner, parts }))
    }

    /// The beginnings of what is behind the holder in the keys to look at.
    fn places(&self, total: &Total, bound: &Bound) -> Vec<Vec<u8>> {
        let mut places = vec![Vec::new()];
        for (part, pinned) in total.parts.iter().zip(&self.pinned) {
            let Some(values) = values(part, pinned, bound) else {
                break;
            };
            if places.len() * values.len() > TOTAL_PLACES_MAX {
                break;
            }
            let longer = places.iter().flat_map(|place| {
                values.iter().map(|value| {
                    let mut place = place.clone();
                    put_part(&mut place, value);
                    place
                })
            });
            places = longer.collect();
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

/// What a total tells of a field of the records counted together.
fn told(total: &Total, field: FieldId) -> Known {
    if field == system::OWNER {
        return Known::Value;
    }
    let part = total.parts.iter().find(|part| part.field == field);
    part.map_or(Known::Nothing, |part| match part.period {
        Some(period) => Known::Period(period),
        None => Known::Value,
    })
}

/// What the parts in keys must equal one of, from the first on as far as the condition says.
fn pinned(select: &Select, total: &Total) -> Vec<Vec<Operand>> {
    let filter = select.filter.as_ref();
    let (in_key, _) = total.split();
    let whole = in_key.iter().take_while(|part| part.period.is_none());
    let pins = whole.map_while(|part| {
        let pins = filter.and_then(|filter| filter.pins(part.field))?;
        Some(pins.into_iter().cloned().collect())
    });
    pins.collect()
}

/// The values among which a part must be; none where it is not certain which stored values equal
/// one of them. No value equals nothing.
fn values(part: &TotalPart, pinned: &[Operand], bound: &Bound) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    for operand in pinned {
        match operand.fixed(bound)? {
            Value::Null => {}
            value if value.value_type() == Some(part.value_type) => values.push(value.clone()),
            _ => return None,
        }
    }
    Some(values)
}

/// The records counted at one place: what is common to them.
struct Counted {
    owner: Option<UserId>,
    parts: Vec<(FieldId, Value)>,
}

impl Row for Counted {
    fn value(&self, field: FieldId) -> Result<Cow<'_, Value>> {
        if field == system::OWNER {
            let owner = self.owner.map(|owner| Value::Reference(owner.0));
            return Ok(Cow::Owned(owner.unwrap_or_default()));
        }
        let part = self.parts.iter().find(|(part, _)| *part == field);
        part.map(|(_, value)| Cow::Borrowed(value))
            .ok_or_else(|| Error::internal("a total was asked for what it does not tell"))
    }
}

/// Where records are counted together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    /// The owner, where he has a say.
    owner: Option<UserId>,
    /// What their fields are, as in keys.
    tail: Vec<u8>,
    /// The number of their choice.
    group: u32,
}

/// The groups of a total, of several owners added up.
struct Tally<'a> {
    read: &'a dyn Read,
    object: &'a Object,
    total: &'a Total,
    by_owner: bool,
    /// The ends of keys to look at, or where they are not whole their beginnings.
    places: Vec<Vec<u8>>,
    whole: bool,
    touched: u64,
    found: BTreeMap<At, Group>,
}

impl<'a> Tally<'a> {
    fn new(read: &'a dyn Read, object: &'a Object, total: &'a Total) -> Tally<'a> {
        let mut tally = Tally {
            read,
            object,
            total,
            by_owner: false,
            places: Vec::new(),
            whole: false,
            touched: 0,
            found: BTreeMap::new(),
        };
        tally.look_only_at(&[Vec::new()]);
        tally
    }

    /// Looks at the entries whose values begin so. Where that is all of the key, they are got.
    fn look_only_at(&mut self, beginnings: &[Vec<u8>]) {
        let (in_key, packed) = self.total.split();
        let is_whole = |mut place: &[u8]| {
            let parts = in_key.iter().map_while(|_| take_part(&mut place).ok());
            parts.count() == in_key.len()
        };
        let one_entry = packed.is_none_or(|part| entries_of(self.object, part) == 1);
        self.whole = one_entry && beginnings.iter().all(|place| is_whole(place));
        self.places = beginnings.to_vec();
        if self.whole && packed.is_some() {
            let first = group_of(&Value::Null);
            self.places
                .iter_mut()
                .for_each(|place| put_entry(place, first));
        }
    }

    /// Adds the records of these owners, and of what is shared with a user that of others instead.
    fn add_reached(&mut self, plain: &Owners, sharing: Option<(UserId, &Owners)>) -> Result<()> {
        self.change(None, plain, true)?;
        if let Some((user, shared)) = sharing {
            self.change(Some(user), &shared.minus(plain), true)?;
            self.change(Some(user), &plain.minus(shared), false)?;
        }
        Ok(())
    }

    /// Adds the records of these owners or takes them away: all, or those shared with a user.
    fn change(&mut self, user: Option<UserId>, owners: &Owners, add: bool) -> Result<()> {
        let of = |owner| match user {
            Some(user) => Whose::Shares(user, owner),
            None => Whose::OwnedBy(owner),
        };
        let all = user.map_or(Whose::All, Whose::SharedWith);
        let Some(left_out) = owners.left_out() else {
            let owners = owners.listed().unwrap_or_default();
            return owners
                .iter()
                .try_for_each(|owner| self.visit(of(Some(*owner)), add).map(drop));
        };
        if self.by_owner {
            return self.visit_owners(user, owners, add);
        }
        // What is taken away must be there before.
        if !add {
            for owner in left_out {
                self.visit(of(Some(*owner)), true)?;
            }
        }
        if self.visit(all, add)? && add {
            for owner in left_out {
                self.visit(of(Some(*owner)), false)?;
            }
        }
        Ok(())
    }

    /// Adds the entries of some records or takes them away; whether there are any.
    fn visit(&mut self, whose: Whose, add: bool) -> Result<bool> {
        let key = keys::total_of(self.object.id, self.total.id, whose).done();
        let owner = match whose {
            Whose::OwnedBy(owner) | Whose::Shares(_, owner) if self.by_owner => owner,
            _ => None,
        };
        let mut found = false;
        for place in std::mem::take(&mut self.places) {
            let at = [key.as_slice(), &place].concat();
            if self.whole {
                if let Some(value) = self.read.get(&at)? {
                    found = true;
                    self.take_in(owner, &place, &value, add)?;
                }
            } else {
                let range = KeyRange::prefix(&at);
                let mut rows = self.read.scan(range, ScanOptions::default())?;
                while let Some((row, value)) = rows.next()? {
                    found = true;
                    self.take_in(owner, &row[key.len()..], value, add)?;
                }
            }
            self.places.push(place);
        }
        Ok(found)
    }

    /// As [`visit`](Tally::visit), of each of so many owners that they are not listed.
    fn visit_owners(&mut self, user: Option<UserId>, owners: &Owners, add: bool) -> Result<()> {
        let (object, total) = (self.object.id, self.total.id);
        let prefix = match user {
            Some(user) => keys::shared_totals(object, total, user).done(),
            None => keys::owned_totals(object, total).done(),
        };
        let range = KeyRange::prefix(&prefix);
        let mut rows = self.read.scan(range, ScanOptions::default())?;
        while let Some((key, value)) = rows.next()? {
            let mut tail = &key[prefix.len()..];
            let owner = keys::take_owner(&mut tail)?;
            let mut places = self.places.iter();
            if owners.contains(owner) && places.any(|place| tail.starts_with(place)) {
                self.take_in(owner, tail, value, add)?;
            }
        }
        Ok(())
    }

    /// Takes in the groups of one entry; `tail` is its key behind the holder.
    fn take_in(
        &mut self,
        owner: Option<UserId>,
        tail: &[u8],
        value: &[u8],
        add: bool,
    ) -> Result<()> {
        self.touched += 1;
        if self.touched > QUERY_ROWS_TOUCHED_MAX {
            let text = format!("a query looks at most at {QUERY_ROWS_TOUCHED_MAX} records");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let tail = values_of(self.total, tail)?;
        for (group, counted) in Sums::decode(value)?.into_groups() {
            let at = At {
                owner,
                tail: tail.to_vec(),
                group,
            };
            match self.found.get_mut(&at) {
                Some(found) => found.merge(&counted, add)?,
                None if add => drop(self.found.insert(at, counted)),
                None => self.found.entry(at).or_default().merge(&counted, add)?,
            }
        }
        Ok(())
    }

    /// Adds every record that a plan reaches, one by one.
    fn add_records(&mut self, plan: &Plan) -> Result<()> {
        let range = keys::records(self.object.id);
        let mut rows = self.read.scan(range, ScanOptions::default())?;
        while let Some((_, bytes)) = rows.next()? {
            let view = RecordView::new(bytes)?;
            if facts::permits(self.read, plan, &view)? {
                let value = |field| view.field(field).map(Cow::Owned);
                let Spot { tail, group } = Spot::of(self.total, value)?;
                let tail = values_of(self.total, &tail)?.to_vec();
                let owner = None;
                let found = self.found.entry(At { owner, tail, group });
                found.or_default().change(self.total, true, value)?;
            }
        }
        Ok(())
    }
}

/// The values at the end of a key, without the number of the entry.
fn values_of<'k>(total: &Total, tail: &'k [u8]) -> Result<&'k [u8]> {
    let (in_key, packed) = total.split();
    if packed.is_none() {
        return Ok(tail);
    }
    let mut rest = tail;
    for _ in in_key {
        take_part(&mut rest)?;
    }
    let values = &tail[..tail.len() - rest.len()];
    take_uint(&mut rest)?;
    Ok(values)
}

/// How many entries the groups of a part share.
fn entries_of(object: &Object, part: &TotalPart) -> u32 {
    let field = object.by_id(part.field);
    let choices = field.filter(|_| part.value_type == ValueType::Choice);
    let choices = choices.into_iter().flat_map(|field| &field.choices);
    let last = choices.map(|choice| u32::from(choice.id.0)).max();
    last.unwrap_or(0) / TOTAL_GROUPS_TOGETHER + 1
}

/// What `group` contributes to each aggregate.
fn partials(grouping: &Grouping, total: &Total, group: &Group) -> Vec<Partial> {
    let summed = |operand: &Operand| {
        let is_it = |field: &FieldId| *operand == Operand::Field(*field);
        let at = total.sums.iter().position(is_it)?;
        group.sums.get(at).cloned()
    };
    let partial = |aggregate: &Aggregate| match aggregate {
        Aggregate::Count => Partial::Count(group.count),
        Aggregate::Of(_, operand) => Partial::Sum(summed(operand).unwrap_or_default()),
    };
    grouping.aggregates.iter().map(partial).collect()
}
