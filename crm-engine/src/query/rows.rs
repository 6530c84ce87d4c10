//! Running a query.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::group::Groups;
use super::select::{Grouping, OrderKey, Output};
use super::source::{EntryRow, Found, Source};
use super::{Column, Query, Watch};
use crate::error::{Code, Error, Result};
use crate::expr::{Bound, Context, Operand, Row, StoredRow};
use crate::facts;
use crate::ids::RecordId;
use crate::index::ListRow;
use crate::limits::{LIST_ROWS_WITHOUT_EXPORT_MAX, QUERY_ROWS_TOUCHED_MAX, QUERY_SORT_ROWS_MAX};
use crate::policy::{Action, Plan};
use crate::schema::Object;
use crate::store::{Read, Snapshot};
use crate::value::{Value, compare};

/// The rows of a query that is being run, one at a time.
///
/// Rows borrow nothing: they may be kept between calls and sent to another thread. They show the
/// state of the store at the moment the query was run, for as long as snapshots may be held
/// ([`READER_AGE_SECONDS_MAX`](crate::limits::READER_AGE_SECONDS_MAX)).
///
/// ```
/// use crm_engine::{Engine, Options, Params};
/// use serde_json::json;
///
/// let host = Engine::in_memory(Options::default())?.system();
/// host.create("department", &json!({"name": "North"}))?;
/// let mut rows = host.query("SELECT name FROM department", &Params::new())?;
/// while let Some(row) = rows.next()? {
///     assert_eq!(row[0].as_text(), Some("North"));
/// }
/// # Ok::<(), crm_engine::Error>(())
/// ```
pub struct Rows {
    query: Arc<Query>,
    state: State,
    row: Vec<Value>,
    watch: Option<Watch>,
    meter: Meter,
}

enum State {
    /// Rows are made as they are asked for; at most so many more.
    Walking(Box<Walk>, usize),
    /// Rows that had to be made all at once, and whether each may be taken out.
    Made(std::vec::IntoIter<(Vec<Value>, bool)>),
}

impl Rows {
    /// The rows; `export` is the plan for what may be taken out, where the others are counted.
    pub(super) fn open(
        query: &Arc<Query>,
        snapshot: &Snapshot,
        bound: Bound,
        export: Option<Arc<Plan>>,
    ) -> Result<Rows> {
        let select = &query.select;
        let limit = limit(select.limit.as_ref(), &bound)?;
        let state = match &select.result {
            Output::Groups(grouping) => {
                let groups = grouped(query, snapshot, bound.clone(), grouping)?;
                let groups = groups.into_rows(limit, snapshot, &bound)?.into_iter();
                State::Made(
                    groups
                        .map(|group| (group, true))
                        .collect::<Vec<_>>()
                        .into_iter(),
                )
            }
            Output::Rows { columns, order } => {
                let mut walk = Walk::open(query, snapshot, bound)?;
                walk.export = export;
                match walk.sort {
                    true => State::Made(sorted(walk, columns, order, limit)?.into_iter()),
                    false => State::Walking(Box::new(walk), limit),
                }
            }
        };
        Ok(Rows {
            query: Arc::clone(query),
            state,
            row: Vec::new(),
            watch: None,
            meter: Meter::default(),
        })
    }

    /// The same rows, read only as long as the watch lets them be.
    pub(crate) fn watched(mut self, watch: Watch) -> Rows {
        self.watch = Some(watch);
        self
    }

    /// The same rows; `tell` hears in the end how many were given and whether more were refused.
    pub(crate) fn metered(mut self, tell: impl FnOnce(u64, bool) + Send + Sync + 'static) -> Rows {
        self.meter.tell = Some(Box::new(tell));
        self
    }

    /// The columns, in the order of the values of a row.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.query.select.columns
    }

    /// The next row: a value for each column; none behind the last row.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] when more than [`QUERY_ROWS_TOUCHED_MAX`] records had to be looked
    /// at, [`Code::Denied`] behind [`LIST_ROWS_WITHOUT_EXPORT_MAX`] rows of records that the caller
    /// may not export, and when his access was closed or his session ended since, and what prevents
    /// reading. There are no further rows then.
    #[allow(
        clippy::should_implement_trait,
        reason = "rows are lent, which no iterator can do"
    )]
    pub fn next(&mut self) -> Result<Option<&[Value]>> {
        match self.advance() {
            Ok(true) => Ok(Some(&self.row)),
            Ok(false) => Ok(None),
            Err(error) => {
                self.state = State::Made(Vec::new().into_iter());
                Err(error)
            }
        }
    }

    fn advance(&mut self) -> Result<bool> {
        if let Some(watch) = &mut self.watch {
            watch.look()?;
        }
        let Some(may_take_out) = self.step()? else {
            return Ok(false);
        };
        let select = &self.query.select;
        if matches!(select.result, Output::Rows { .. }) {
            self.meter.row(&select.object, may_take_out)?;
        }
        Ok(true)
    }

    /// Makes the next row, and tells whether its record may be taken out; none behind the last one.
    fn step(&mut self) -> Result<Option<bool>> {
        match &mut self.state {
            State::Made(rows) => match rows.next() {
                Some((row, may_take_out)) => {
                    self.row = row;
                    Ok(Some(may_take_out))
                }
                None => Ok(None),
            },
            State::Walking(_, 0) => Ok(None),
            State::Walking(walk, left) => {
                let Output::Rows { columns, .. } = &self.query.select.result else {
                    return Err(Error::internal("groups are made all at once"));
                };
                *left -= 1;
                let row = &mut self.row;
                let next = walk.next(|context, _| fill(row, columns, context))?;
                Ok(next.map(|((), may_take_out)| may_take_out))
            }
        }
    }
}

/// Counts the rows that are given.
#[derive(Default)]
struct Meter {
    given: u64,
    /// Of those, the ones whose records may not be taken out.
    confined: usize,
    refused: bool,
    tell: Option<Box<Tell>>,
}

type Tell = dyn FnOnce(u64, bool) + Send + Sync;

impl Meter {
    /// Counts a row of a record; without the right to take out, so many are enough (C51).
    fn row(&mut self, object: &Object, may_take_out: bool) -> Result<()> {
        self.confined += usize::from(!may_take_out);
        if self.confined > LIST_ROWS_WITHOUT_EXPORT_MAX {
            self.refused = true;
            let text = format!(
                "no right to export this `{}`: a query gives at most {LIST_ROWS_WITHOUT_EXPORT_MAX} rows",
                object.name
            );
            return Err(Error::new(Code::Denied, text)
                .with("object", object.name.as_str())
                .with("action", Action::Export.name()));
        }
        self.given += 1;
        Ok(())
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take()
            && (self.given > 0 || self.refused)
        {
            tell(self.given, self.refused);
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns())
            .finish_non_exhaustive()
    }
}

/// The value of `LIMIT`; without one, no limit.
fn limit(limit: Option<&Operand>, bound: &[Value]) -> Result<usize> {
    match limit.map(|limit| limit.fixed(bound)) {
        None => Ok(usize::MAX),
        Some(Some(Value::Integer(n))) if *n >= 0 => Ok(usize::try_from(*n).unwrap_or(usize::MAX)),
        Some(_) => Err(Error::new(
            Code::InvalidValue,
            "LIMIT takes a whole number from 0 on",
        )),
    }
}

fn fill(row: &mut Vec<Value>, columns: &[Operand], context: &Context<'_>) -> Result<()> {
    row.clear();
    for column in columns {
        row.push(column.evaluate(context)?.into_owned());
    }
    Ok(())
}

/// The records of a query, each tested against plan and condition.
struct Walk {
    query: Arc<Query>,
    snapshot: Snapshot,
    bound: Bound,
    source: Source,
    /// The rows are to be sorted in memory.
    sort: bool,
    /// What the condition says of the record that all these refer to holds: the rest is left.
    target_holds: bool,
    touched: u64,
    /// What may be taken out; all of it without a plan.
    export: Option<Arc<Plan>>,
}

impl Walk {
    fn open(query: &Arc<Query>, snapshot: &Snapshot, bound: Bound) -> Result<Walk> {
        let (select, access) = (&query.select, &query.access);
        let ordered = matches!(&select.result, Output::Rows { order, .. } if !order.is_empty());
        let mut target_holds = false;
        let (source, sort) = if let Some(ids) = access.selected(snapshot, &bound)? {
            (Source::points(ids), ordered)
        } else if let Some(few) = Source::few(select, access, snapshot, &bound)? {
            (few, true)
        } else {
            let decided = access.target_holds(snapshot, &bound)?;
            target_holds = decided == Some(true);
            let source = match decided {
                Some(false) => Source::nothing(),
                _ => Source::open(select, access, snapshot, &bound)?,
            };
            (source, access.sort)
        };
        let (query, snapshot) = (Arc::clone(query), snapshot.clone());
        Ok(Walk {
            query,
            snapshot,
            bound,
            source,
            sort,
            target_holds,
            touched: 0,
            export: None,
        })
    }

    /// Gives the next record that passes to `take` (invariant *one predicate*: every way of
    /// finding records ends here), and tells whether it may be taken out.
    fn next<R>(
        &mut self,
        take: impl FnOnce(&Context<'_>, RecordId) -> Result<R>,
    ) -> Result<Option<(R, bool)>> {
        let object = &*self.query.select.object;
        while let Some(found) = self.source.next(object, &self.snapshot)? {
            self.touched += 1;
            if self.touched > QUERY_ROWS_TOUCHED_MAX {
                return Err(Error::new(
                    Code::LimitExceeded,
                    format!("a query looks at most at {QUERY_ROWS_TOUCHED_MAX} records"),
                ));
            }
            match &found {
                Found::Record { id, bytes } => {
                    let row = StoredRow::new(*id, bytes)?;
                    let covers = |plan: &Plan, read: &dyn Read| facts::permits(read, plan, &row);
                    if let Some(context) = self.admit(&row, covers)? {
                        let made = take(&context, *id)?;
                        return Ok(Some((made, self.may_take_out(covers)?)));
                    }
                }
                Found::Entry { list, tail, value } => {
                    let entry = ListRow::new(&object.lists[*list], tail, value)?;
                    let row = EntryRow::new(entry, object, &self.snapshot);
                    let covers = |plan: &Plan, read: &dyn Read| {
                        facts::covers(read, plan, object.id, row.id(), row.standing())
                    };
                    if let Some(context) = self.admit(&row, covers)? {
                        let made = take(&context, row.id())?;
                        return Ok(Some((made, self.may_take_out(covers)?)));
                    }
                }
            }
        }
        Ok(None)
    }

    fn may_take_out(&self, covers: impl FnOnce(&Plan, &dyn Read) -> Result<bool>) -> Result<bool> {
        match &self.export {
            Some(plan) => covers(plan, &self.snapshot),
            None => Ok(true),
        }
    }

    /// The context of a record that the plan reaches and the condition holds for.
    fn admit<'a>(
        &'a self,
        row: &'a dyn Row,
        covers: impl FnOnce(&Plan, &dyn Read) -> Result<bool>,
    ) -> Result<Option<Context<'a>>> {
        let select = &self.query.select;
        let context = Context {
            row,
            read: &self.snapshot,
            bound: &self.bound,
        };
        let admitted = covers(&select.plan, &self.snapshot)? && self.condition_holds(&context)?;
        Ok(admitted.then_some(context))
    }

    fn condition_holds(&self, context: &Context<'_>) -> Result<bool> {
        let left = match (&self.query.access.parted, self.target_holds) {
            (Some((_, rest)), true) => rest,
            _ => &self.query.select.filter,
        };
        match left {
            Some(test) => Ok(test.evaluate(context)? == Some(true)),
            None => Ok(true),
        }
    }
}

fn grouped<'g>(
    query: &Arc<Query>,
    snapshot: &Snapshot,
    bound: Bound,
    grouping: &'g Grouping,
) -> Result<Groups<'g>> {
    let select = &query.select;
    if let Some(counts) = &query.access.counts
        && let Some(groups) = counts.groups(snapshot, select, &query.access, grouping, &bound)?
    {
        return Ok(groups);
    }
    let mut groups = Groups::new(grouping);
    let mut walk = Walk::open(query, snapshot, bound)?;
    while walk.next(|context, _| groups.add(context))?.is_some() {}
    Ok(groups)
}

/// So many rows are gathered before a sort with a limit lets any of them go.
const SORT_ROWS_MIN: usize = 1_024;

/// A row with what it is sorted by.
struct Sortable {
    keys: Vec<Value>,
    id: RecordId,
    row: Vec<Value>,
    may_take_out: bool,
}

/// All rows in the order asked for, the first `limit` of them.
fn sorted(
    mut walk: Walk,
    columns: &[Operand],
    order: &[OrderKey],
    limit: usize,
) -> Result<Vec<(Vec<Value>, bool)>> {
    let by_order = |a: &Sortable, b: &Sortable| {
        let keys = a.keys.iter().zip(&b.keys).zip(order);
        let keys = keys.map(|((a, b), key)| directed(compare(a, b), key.descending));
        let last = order.last().is_some_and(|key| key.descending);
        keys.into_iter()
            .find(|order| order.is_ne())
            .unwrap_or_else(|| directed(a.id.cmp(&b.id), last))
    };
    let operands: Vec<Operand> = order.iter().map(|key| key.operand.clone()).collect();
    let mut rows: Vec<Sortable> = Vec::new();
    let take = |context: &Context<'_>, id| {
        let (mut keys, mut row) = (Vec::new(), Vec::new());
        fill(&mut keys, &operands, context)?;
        fill(&mut row, columns, context)?;
        Ok((keys, id, row))
    };
    while let Some(((keys, id, row), may_take_out)) = walk.next(take)? {
        rows.push(Sortable {
            keys,
            id,
            row,
            may_take_out,
        });
        if limit > QUERY_SORT_ROWS_MAX && rows.len() > QUERY_SORT_ROWS_MAX {
            return Err(Error::new(
                Code::LimitExceeded,
                format!("a query sorts at most {QUERY_SORT_ROWS_MAX} records that no list sorts"),
            ));
        }
        // With a limit, what cannot be among the first rows any more is let go in time.
        if rows.len() >= limit.saturating_mul(2).max(SORT_ROWS_MIN) {
            rows.sort_unstable_by(by_order);
            rows.truncate(limit);
        }
    }
    rows.sort_unstable_by(by_order);
    rows.truncate(limit);
    let rows = rows.into_iter();
    Ok(rows
        .map(|sortable| (sortable.row, sortable.may_take_out))
        .collect())
}

fn directed(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}
