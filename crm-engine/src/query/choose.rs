//! Which of several ways is the cheapest, found out when a query is run.
//!
//! What a condition leaves of a list is counted in the snapshot itself, up to a limit. Ways are
//! weighed by the entries they read:
//!
//! - a part of a list, sorted in memory afterwards, costs its entries;
//! - a list in the order that is asked for costs its entries too, or where a page is enough the
//!   share of them behind which a page of matches is to be expected, at most as many matches as
//!   the smallest part has entries;
//! - what parts have in common costs the entries of both, and the records of what is left.
//!
//! **Nothing hidden has a say.** The way is seen: in an explanation, and in the order of rows that
//! no order was asked for. So only entries of records are counted that the caller reaches: those
//! of everybody for who sees everybody's, those of his owners for the others. Where conditions of
//! rights leave that open, the way that was prepared is taken. (What [`Reached`] does is seen
//! nowhere.)
//!
//! [`Reached`]: super::stream::Reached

use super::Query;
use super::access::{Access, Way};
use super::common::{RECORD_ENTRIES, prefixes};
use super::narrow::Narrow;
use super::rows::limit;
use super::select::Output;
use crate::error::Result;
use crate::expr::Bound;
use crate::index::Sums;
use crate::limits::QUERY_PROBE_ENTRIES_MAX;
use crate::policy::Owners;
use crate::schema::keys::{self, Holder, Whose};
use crate::schema::{Object, Total};
use crate::store::{KeyRange, Read, ScanOptions};

/// Owners whose entries are counted; of more, the way that was prepared is taken.
const OWNERS_MAX: usize = 64;
/// What finding the beginning of a range costs, in entries.
const SEEK_ENTRIES: u64 = 4;
/// A part that is not counted to its end is taken to have so many times the limit.
const SURMISED_TIMES: u64 = 20;

/// What was chosen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Choice {
    /// The position of the way.
    pub(super) way: usize,
    /// How many records it is expected to look at, where that was counted.
    pub(super) expected: Option<u64>,
}

/// Chooses the way for a run.
pub(super) fn choose(query: &Query, read: &dyn Read, bound: &Bound) -> Result<Choice> {
    let (select, prepared) = (&query.select, query.access());
    if query.ways.len() == 1 || prepared.is_straight(select) {
        return Ok(Choice::default());
    }
    let Some(holders) = reached(query, bound) else {
        return Ok(Choice::default());
    };
    let mut scales = Scales {
        object: &select.object,
        holders: holders.as_deref(),
        read,
        bound,
        left: QUERY_PROBE_ENTRIES_MAX,
        counted: Vec::new(),
    };
    let found = scales.smallest(&query.ways[1..])?;
    let found = found.map(|(at, entries)| (at + 1, entries));
    // How many rows are enough; all of them are needed for groups, and to be sorted.
    let page = match &select.result {
        Output::Rows { .. } if !prepared.sort => {
            let page = limit(select.limit.as_ref(), bound)?;
            u64::try_from(page).ok().filter(|_| select.limit.is_some())
        }
        _ => None,
    };
    let common = query.ways.iter().position(|way| way.way == Way::Common);
    let ordered = !select.order().is_empty() || matches!(select.result, Output::Groups(_));
    let shares = select.plan.shared_with().is_some();
    let common = common.filter(|_| (ordered && !shares) || select.plan.reaches_everything());
    let Some((mut way, entries)) = found else {
        let way = common.filter(|_| page.is_none()).unwrap_or_default();
        return Ok(Choice {
            way,
            expected: None,
        });
    };
    let mut cost = entries;
    if let Some(common) = common
        && let Some(both) = scales.cost_in_common(&query.ways[common])?
        && both < entries * (1 + RECORD_ENTRIES)
    {
        (way, cost) = (common, both.div_ceil(1 + RECORD_ENTRIES));
    }
    let expected = Some(entries);
    scales.against(prepared, page, Choice { way, expected }, cost)
}

/// Under whom the records stand that are certain to be seen; none for everybody's. The outer none
/// where that is not certain of any.
#[allow(clippy::option_option, reason = "everybody's is one of the answers")]
fn reached(query: &Query, bound: &Bound) -> Option<Option<Vec<Holder>>> {
    let (select, prepared) = (&query.select, query.access());
    let plan = &select.plan;
    let reached = plan.owners();
    let is_certain = plan.is_unconditional()
        && plan
            .sharing()
            .is_none_or(|(_, shared)| shared.includes(reached));
    if !is_certain || plan.is_nothing() {
        return None;
    }
    let owners: Owners = prepared.owners(reached, bound);
    match owners.listed() {
        _ if reached.is_all() && (owners.is_all() || !select.object.owned) => Some(None),
        Some(owners) if select.object.owned && owners.len() <= OWNERS_MAX => {
            Some(Some(Holder::reached(owners, None).collect()))
        }
        _ => None,
    }
}

/// Weighs ways by what is counted.
struct Scales<'a> {
    object: &'a Object,
    holders: Option<&'a [Holder]>,
    read: &'a dyn Read,
    bound: &'a Bound,
    /// How many more entries may be counted.
    left: u64,
    /// What was counted to its end, by list.
    counted: Vec<(usize, u64)>,
}

impl Scales<'_> {
    /// The way to the smallest part of a list, and how many entries it has.
    fn smallest(&mut self, ways: &[Access]) -> Result<Option<(usize, u64)>> {
        let mut best: Option<(usize, u64)> = None;
        for (at, way) in ways.iter().enumerate() {
            let Some(list) = list_of(way.way) else {
                continue;
            };
            let most = self.left / 2;
            if let Some(entries) = self.count(list, &way.narrow, most)? {
                self.counted.push((list, entries));
                if best.is_none_or(|(_, least)| entries < least) {
                    best = Some((at, entries));
                }
            }
        }
        Ok(best)
    }

    /// What reading parts for what they have in common costs, and the records of a quarter of the
    /// smallest; none where one of them is too large to be counted.
    fn cost_in_common(&mut self, way: &Access) -> Result<Option<u64>> {
        let (mut sum, mut least) = (0, u64::MAX);
        for (list, narrow) in &way.common {
            let known = self.counted.iter().find(|(known, _)| known == list);
            let entries = match known {
                Some((_, entries)) => Some(*entries),
                None => self.count(*list, narrow, self.left / 2)?,
            };
            let Some(entries) = entries else {
                return Ok(None);
            };
            (sum, least) = (sum + entries, least.min(entries));
        }
        Ok(Some(sum + least * RECORD_ENTRIES / 4))
    }

    /// The way found, or the one that was prepared where that costs no more.
    fn against(
        &mut self,
        prepared: &Access,
        page: Option<u64>,
        found: Choice,
        cost: u64,
    ) -> Result<Choice> {
        // So many entries of the prepared way cost as much: where they are all of them, or where a
        // page of as many matches as there may be is to be expected among them.
        let matches = found.expected.unwrap_or(cost);
        let enough = match page {
            None => cost,
            Some(page) => cost.max(cost.saturating_mul(matches) / page.max(1)),
        };
        let most = enough.min(self.left);
        let counted = match list_of(prepared.way) {
            Some(list) => self.count(list, &prepared.narrow, most)?,
            None => self.count_records(most)?,
        };
        let is_cheap = match counted {
            Some(entries) => {
                let expected = page.is_none().then_some(entries);
                return Ok(Choice { way: 0, expected });
            }
            None if most == enough => false,
            None => {
                let all = self.kept_count()?;
                let all = all.unwrap_or(SURMISED_TIMES * QUERY_PROBE_ENTRIES_MAX);
                all <= enough
            }
        };
        Ok(if is_cheap { Choice::default() } else { found })
    }

    /// The entries of a part of a list, if they are no more than so many.
    fn count(&mut self, list: usize, narrow: &Narrow, most: u64) -> Result<Option<u64>> {
        let Some(part) = narrow.part(self.bound) else {
            return Ok(Some(0));
        };
        let list = &self.object.lists[list];
        let ranges = prefixes(self.object, list, self.holders);
        let ranges: Vec<KeyRange> = ranges.map(|prefix| part.under(&prefix, false)).collect();
        self.count_ranges(ranges, most)
    }

    fn count_records(&mut self, most: u64) -> Result<Option<u64>> {
        match self.holders {
            None => self.count_ranges(vec![keys::records(self.object.id)], most),
            Some(_) => Ok(None),
        }
    }

    fn count_ranges(&mut self, ranges: Vec<KeyRange>, most: u64) -> Result<Option<u64>> {
        let mut entries = 0;
        for range in ranges {
            let rest = usize::try_from(most - entries + 1).unwrap_or(usize::MAX);
            let mut rows = self.read.scan(range, ScanOptions::FORWARD.limit(rest))?;
            self.left = self.left.saturating_sub(SEEK_ENTRIES);
            while rows.next()?.is_some() {
                entries += 1;
                self.left = self.left.saturating_sub(1);
            }
            if entries > most || self.left == 0 {
                return Ok(None);
            }
        }
        Ok(Some(entries))
    }

    /// How many records there are of those reached, where a total that groups by next to nothing
    /// tells it.
    fn kept_count(&self) -> Result<Option<u64>> {
        let is_plain = |total: &&Total| total.split().0.is_empty();
        let Some(total) = self.object.totals.iter().find(is_plain) else {
            return Ok(None);
        };
        let whose = |holder: &Holder| match holder {
            Holder::Owner(owner) => Whose::OwnedBy(*owner),
            Holder::Participant(user) => Whose::SharedWith(*user),
        };
        let whose = match self.holders {
            None => vec![Whose::All],
            Some(holders) => holders.iter().map(whose).collect(),
        };
        let mut records = 0;
        for whose in whose {
            let range = keys::total_of(self.object.id, total.id, whose).range();
            let mut rows = self.read.scan(range, ScanOptions::default())?;
            while let Some((_, value)) = rows.next()? {
                let groups = Sums::decode(value)?.into_groups();
                let counts = groups.into_iter().map(|(_, group)| group.count);
                records += counts.sum::<u64>();
            }
        }
        Ok(Some(records))
    }
}

/// The list that a way reads in part.
fn list_of(way: Way) -> Option<usize> {
    match way {
        Way::List { list, .. } | Way::Merged { list, .. } | Way::OwnerByOwner { list } => {
            Some(list)
        }
        _ => None,
    }
}
