//! Running a query.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed as AtOnce;

use super::choose;
use super::cursor::{Position, deciding, directed};
use super::explain::{self, Counts};
use super::group::Groups;
use super::select::{Grouping, OrderKey, Output};
use super::source::{EntryRow, Found, Source};
use super::{Column, Query, Watch};
use crate::error::{Code, Error, Result};
use crate::expr::{Bound, Context, Operand, Row, StoredRow, Tally};
use crate::facts;
use crate::ids::RecordId;
use crate::index::ListRow;
use crate::limits::{
    LIST_ROWS_WITHOUT_EXPORT_MAX, QUERY_CHILD_ROWS_MAX, QUERY_ROWS_TOUCHED_MAX, QUERY_SORT_ROWS_MAX,
};
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
    /// Where the last row that was sorted in memory stands.
    last: Option<Position>,
}

enum State {
    /// Rows are made as they are asked for; at most so many more.
    Walking(Box<Walk>, Snapshot, usize),
    /// Rows that had to be made all at once.
    Made(std::vec::IntoIter<Made>),
}

/// A row that was made before it is asked for.
struct Made {
    row: Vec<Value>,
    may_take_out: bool,
    position: Option<Position>,
}

impl Rows {
    /// The rows; `export` is the plan for what may be taken out, where the others are counted;
    /// those behind `after` only.
    pub(super) fn open(
        query: &Arc<Query>,
        snapshot: &Snapshot,
        bound: Bound,
        export: Option<Arc<Plan>>,
        after: Option<Position>,
    ) -> Result<Rows> {
        let tally = Arc::clone(bound.tally());
        let limit = limit(query.select.limit.as_ref(), &bound)?;
        let state = match &query.select.result {
            Output::Groups(grouping) => {
                let groups = grouped(query, snapshot, bound, grouping, limit, Level::Outer)?;
                let may_take_out = export.is_none() || !grouping.of_rows;
                let groups = groups.into_iter().map(|row| Made {
                    row,
                    may_take_out,
                    position: None,
                });
                State::Made(groups.collect::<Vec<Made>>().into_iter())
            }
            Output::Rows { columns, order } => {
                let mut walk = Walk::open(query, snapshot, bound, after, Level::Outer)?;
                walk.export = export;
                match walk.sort {
                    true => {
                        let rows = sorted(walk, snapshot, columns, order, limit)?;
                        State::Made(rows.into_iter())
                    }
                    false => State::Walking(Box::new(walk), snapshot.clone(), limit),
                }
            }
        };
        let mut rows = Rows {
            query: Arc::clone(query),
            state,
            row: Vec::new(),
            watch: None,
            meter: Meter::default(),
            last: None,
        };
        if query.explained.is_some() {
            rows.explain(&tally)?;
        }
        Ok(rows)
    }

    /// Runs the query to its end, and then tells of it.
    fn explain(&mut self, tally: &Tally) -> Result<()> {
        let mut given = 0;
        while self.step()?.is_some() {
            given += 1;
        }
        let counts = Counts {
            seen: tally.seen.load(AtOnce),
            nested: tally.nested.load(AtOnce),
            given,
            way: tally.way.load(AtOnce),
            expected: tally.expected.load(AtOnce).checked_sub(1),
        };
        let rows = explain::rows(&self.query, counts).into_iter();
        let rows = rows.map(|row| Made {
            row,
            may_take_out: true,
            position: None,
        });
        self.last = None;
        self.state = State::Made(rows.collect::<Vec<Made>>().into_iter());
        Ok(())
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
        self.query.columns()
    }

    /// Where the rows have come to: behind the last row that was given, to go on from there in
    /// another run of the same query. None before the first row, and of rows that no order was
    /// asked for or that are groups.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, Params};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// for name in ["North", "South", "West"] {
    ///     host.create("department", &json!({ "name": name }))?;
    /// }
    /// let page = "SELECT name FROM department ORDER BY name LIMIT 2";
    /// let mut rows = host.query(page, &Params::new())?;
    /// while rows.next()?.is_some() {}
    /// let cursor = rows.cursor()?.expect("there were rows in an order");
    /// host.create("department", &json!({"name": "East"}))?;
    /// let mut rows = host.query_after(page, &Params::new(), &cursor)?;
    /// assert_eq!(rows.next()?.unwrap()[0].as_text(), Some("West"));
    /// assert!(rows.next()?.is_none());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Damaged`] where a list cannot be read.
    pub fn cursor(&self) -> Result<Option<String>> {
        let position = match &self.state {
            State::Walking(walk, ..) => walk.position()?,
            State::Made(_) => self.last.clone(),
        };
        Ok(position.map(|position| position.write(self.query.mark)))
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
        let is_record = match &select.result {
            Output::Rows { .. } => true,
            Output::Groups(grouping) => grouping.of_rows,
        };
        if self.query.explained.is_none() {
            self.meter.row(&select.object, is_record, may_take_out)?;
        }
        Ok(true)
    }

    /// Makes the next row, and tells whether its record may be taken out; none behind the last one.
    fn step(&mut self) -> Result<Option<bool>> {
        match &mut self.state {
            State::Made(rows) => match rows.next() {
                Some(made) => {
                    self.row = made.row;
                    self.last = made.position;
                    Ok(Some(made.may_take_out))
                }
                None => Ok(None),
            },
            State::Walking(_, _, 0) => Ok(None),
            State::Walking(walk, snapshot, left) => {
                let Output::Rows { columns, .. } = &self.query.select.result else {
                    return Err(Error::internal("groups are made all at once"));
                };
                *left -= 1;
                let row = &mut self.row;
                let next = walk.next(snapshot, |context, _| fill(row, columns, context))?;
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
    /// Counts a row; without the right to take out, so many are enough (C51).
    fn row(&mut self, object: &Object, is_record: bool, may_take_out: bool) -> Result<()> {
        self.confined += usize::from(!may_take_out);
        if self.confined > LIST_ROWS_WITHOUT_EXPORT_MAX {
            self.refused = true;
            return Err(no_export(object));
        }
        self.given += u64::from(is_record);
        Ok(())
    }
}

/// The refusal of more rows than whoever may not export is given.
fn no_export(object: &Object) -> Error {
    let text = format!(
        "no right to export this `{}`: a query gives at most {LIST_ROWS_WITHOUT_EXPORT_MAX} rows",
        object.name
    );
    Error::new(Code::Denied, text)
        .with("object", object.name.as_str())
        .with("action", Action::Export.name())
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
pub(super) fn limit(limit: Option<&Operand>, bound: &[Value]) -> Result<usize> {
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

/// Whether a walk is that of the query or of one of its sub-selects.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Outer,
    Nested,
}

/// The records of a query, each tested against plan and condition.
struct Walk {
    query: Arc<Query>,
    /// Which of the query's ways is taken.
    way: usize,
    bound: Bound,
    source: Source,
    /// The rows are to be sorted in memory.
    sort: bool,
    /// What the condition says of the record that all these refer to holds: the rest is left.
    target_holds: bool,
    level: Level,
    /// Only what stands behind it is given.
    after: Option<Position>,
    /// What was given last.
    last: Option<Found>,
    /// What may be taken out; all of it without a plan.
    export: Option<Arc<Plan>>,
}

impl Walk {
    fn open(
        query: &Arc<Query>,
        read: &dyn Read,
        bound: Bound,
        after: Option<Position>,
        level: Level,
    ) -> Result<Walk> {
        let (select, prepared) = (&query.select, query.access());
        let ordered = !select.order().is_empty();
        let (mut target_holds, mut way) = (false, 0);
        let (source, sort) = if let Some(ids) = prepared.selected(read, &bound)? {
            (Source::points(ids), ordered)
        } else if let Some(few) = Source::few(select, prepared, read, &bound)? {
            (few, true)
        } else {
            let choice = choose::choose(query, read, &bound)?;
            way = choice.way;
            if level == Level::Outer {
                let tally = bound.tally();
                let expected = choice.expected.map_or(0, |expected| expected + 1);
                tally.way.store(way, AtOnce);
                tally.expected.store(expected, AtOnce);
            }
            let access = &query.ways[way];
            let decided = access.target_holds(read, &bound)?;
            target_holds = decided == Some(true);
            let source = match decided {
                Some(false) => Source::nothing(),
                _ => {
                    // What is sorted afterwards comes in another order than that of the cursor.
                    let after = after.as_ref().filter(|_| !access.sort);
                    Source::open(select, access, read, &bound, after)?
                }
            };
            (source, access.sort)
        };
        Ok(Walk {
            query: Arc::clone(query),
            way,
            bound,
            source,
            sort,
            target_holds,
            level,
            after,
            last: None,
            export: None,
        })
    }

    /// Where the last row stands; none where the order is not that of the rows.
    fn position(&self) -> Result<Option<Position>> {
        let (select, access) = (&self.query.select, &self.query.ways[self.way]);
        let order = select.order();
        let Some(last) = self.last.as_ref().filter(|_| !order.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(match last {
            // A log is in no order but one that is made in memory.
            Found::Stay(_) => return Ok(None),
            Found::Record { id, .. } => Position::of([], *id),
            Found::Entry { list, tail, value } => {
                let list = &select.object.lists[*list];
                let id = ListRow::new(list, tail, value)?.id;
                let skipped = access.skipped(&list.by, order, access.way.is_reverse());
                Position::of_entry(&list.by, skipped, tail, id)?
            }
        }))
    }

    /// Gives the next record that passes to `take` (invariant *one predicate*: every way of
    /// finding records ends here), and tells whether it may be taken out.
    fn next<R>(
        &mut self,
        read: &dyn Read,
        mut take: impl FnMut(&Context<'_>, RecordId) -> Result<R>,
    ) -> Result<Option<(R, bool)>> {
        let query = Arc::clone(&self.query);
        let object = &*query.select.object;
        while let Some(found) = self.source.next(object, read)? {
            if self.bound.tally().touched.fetch_add(1, AtOnce) >= QUERY_ROWS_TOUCHED_MAX {
                return Err(Error::new(
                    Code::LimitExceeded,
                    format!("a query looks at most at {QUERY_ROWS_TOUCHED_MAX} records"),
                ));
            }
            let made = match &found {
                Found::Stay(row) => {
                    let covers = |plan: &Plan, read: &dyn Read| facts::permits(read, plan, row);
                    self.offer(read, row, row.id(), covers, &mut take)?
                }
                Found::Record { id, bytes } => {
                    let row = StoredRow::new(*id, bytes)?;
                    let covers = |plan: &Plan, read: &dyn Read| facts::permits(read, plan, &row);
                    self.offer(read, &row, *id, covers, &mut take)?
                }
                Found::Entry { list, tail, value } => {
                    let entry = ListRow::new(&object.lists[*list], tail, value)?;
                    let row = EntryRow::new(entry, object, read);
                    let covers = |plan: &Plan, read: &dyn Read| {
                        facts::covers(read, plan, object.id, row.id(), row.standing())
                    };
                    self.offer(read, &row, row.id(), covers, &mut take)?
                }
            };
            if let Some(made) = made {
                self.last = Some(found);
                return Ok(Some(made));
            }
        }
        Ok(None)
    }

    /// Gives a candidate to `take` if it passes.
    fn offer<R>(
        &self,
        read: &dyn Read,
        row: &dyn Row,
        id: RecordId,
        covers: impl Fn(&Plan, &dyn Read) -> Result<bool>,
        take: &mut impl FnMut(&Context<'_>, RecordId) -> Result<R>,
    ) -> Result<Option<(R, bool)>> {
        let Some(context) = self.admit(read, row, &covers)? else {
            return Ok(None);
        };
        let made = take(&context, id)?;
        Ok(Some((made, self.may_take_out(read, covers)?)))
    }

    fn may_take_out(
        &self,
        read: &dyn Read,
        covers: impl FnOnce(&Plan, &dyn Read) -> Result<bool>,
    ) -> Result<bool> {
        match &self.export {
            Some(plan) => covers(plan, read),
            None => Ok(true),
        }
    }

    /// The context of a record that the plan reaches and the condition holds for.
    fn admit<'a>(
        &'a self,
        read: &'a dyn Read,
        row: &'a dyn Row,
        covers: impl FnOnce(&Plan, &dyn Read) -> Result<bool>,
    ) -> Result<Option<Context<'a>>> {
        let context = Context {
            row,
            read,
            bound: &self.bound,
        };
        if !covers(&self.query.select.plan, read)? {
            return Ok(None);
        }
        let tally = self.bound.tally();
        let seen = match self.level {
            Level::Outer => &tally.seen,
            Level::Nested => &tally.nested,
        };
        seen.fetch_add(1, AtOnce);
        Ok(self.condition_holds(&context)?.then_some(context))
    }

    fn condition_holds(&self, context: &Context<'_>) -> Result<bool> {
        let left = match (&self.query.ways[self.way].parted, self.target_holds) {
            (Some((_, rest)), true) => rest,
            _ => &self.query.select.filter,
        };
        match left {
            Some(test) => Ok(test.evaluate(context)? == Some(true)),
            None => Ok(true),
        }
    }
}

/// The rows of the groups, the first `limit` of them.
fn grouped(
    query: &Arc<Query>,
    read: &dyn Read,
    bound: Bound,
    grouping: &Grouping,
    limit: usize,
    level: Level,
) -> Result<Vec<Vec<Value>>> {
    let select = &query.select;
    let access = query.access();
    if let Some(counts) = &access.counts
        && let Some(groups) = counts.groups(read, select, access, grouping, &bound)?
    {
        return groups.into_rows(limit, read, &bound);
    }
    let mut groups = Groups::new(grouping);
    let mut walk = Walk::open(query, read, bound.clone(), None, level)?;
    while walk.next(read, |context, _| groups.add(context))?.is_some() {}
    groups.into_rows(limit, read, &bound)
}

/// All rows of a sub-select, one more than it may have at most. Those whose records may not be
/// taken out are counted.
pub(super) fn all(
    query: &Arc<Query>,
    read: &dyn Read,
    bound: Bound,
    export: Option<&Arc<Plan>>,
) -> Result<Vec<Vec<Value>>> {
    let select = &query.select;
    let limit = limit(select.limit.as_ref(), &bound)?;
    let (columns, order) = match &select.result {
        Output::Groups(grouping) => {
            return grouped(query, read, bound, grouping, limit, Level::Nested);
        }
        Output::Rows { columns, order } => (columns, order),
    };
    let limit = limit.min(QUERY_CHILD_ROWS_MAX + 1);
    let tally = Arc::clone(bound.tally());
    let mut walk = Walk::open(query, read, bound, None, Level::Nested)?;
    walk.export = export.cloned();
    let mut rows = Vec::new();
    let mut take = |row: Vec<Value>, may_take_out: bool| {
        let confined = usize::from(!may_take_out);
        if tally.confined.fetch_add(confined, AtOnce) + confined > LIST_ROWS_WITHOUT_EXPORT_MAX {
            return Err(no_export(&select.object));
        }
        rows.push(row);
        Ok(())
    };
    if walk.sort {
        for made in sorted(walk, read, columns, order, limit)? {
            take(made.row, made.may_take_out)?;
        }
        return Ok(rows);
    }
    for _ in 0..limit {
        let row = walk.next(read, |context, _| {
            let mut row = Vec::new();
            fill(&mut row, columns, context)?;
            Ok(row)
        })?;
        let Some((row, may_take_out)) = row else {
            break;
        };
        take(row, may_take_out)?;
    }
    Ok(rows)
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
    read: &dyn Read,
    columns: &[Operand],
    order: &[OrderKey],
    limit: usize,
) -> Result<Vec<Made>> {
    let (keys, id_descends) = deciding(order);
    let by_order = |a: &Sortable, b: &Sortable| {
        let pairs = a.keys.iter().zip(&b.keys).zip(keys);
        let mut orders = pairs.map(|((a, b), key)| directed(compare(a, b), key.descending));
        orders
            .find(|order| order.is_ne())
            .unwrap_or_else(|| directed(a.id.cmp(&b.id), id_descends))
    };
    let operands: Vec<Operand> = keys.iter().map(|key| key.operand.clone()).collect();
    let after = walk.after.clone();
    let mut rows: Vec<Sortable> = Vec::new();
    let take = |context: &Context<'_>, id| {
        let (mut keys, mut row) = (Vec::new(), Vec::new());
        fill(&mut keys, &operands, context)?;
        if let Some(after) = &after
            && !after.is_before(&Position::of(&keys, id), order)
        {
            return Ok(None);
        }
        fill(&mut row, columns, context)?;
        Ok(Some((keys, id, row)))
    };
    while let Some((taken, may_take_out)) = walk.next(read, take)? {
        let Some((keys, id, row)) = taken else {
            continue;
        };
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
    let made = rows.into_iter().map(|sortable| Made {
        position: (!order.is_empty()).then(|| Position::of(&sortable.keys, sortable.id)),
        row: sortable.row,
        may_take_out: sortable.may_take_out,
    });
    Ok(made.collect())
}
