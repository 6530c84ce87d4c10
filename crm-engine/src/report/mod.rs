//! Reports: definitions that are data, and the tables that come of them; smart lists; the funnel
//! of an object that has stages; how often something happens.
//!
//! ```toml
//! name = "sizes"
//! label = { en = "Things by kind" }
//! description = { en = "How many things of each kind were made in the period." }
//! period = "this year"                     # :from, :to and :after, the day behind :to
//! parameter = [{ name = "least", type = "integer" }]
//! key = [{ name = "kind", none = "none" }]
//! part = [
//!     { name = "made", from = "thing", where = ["made_on BETWEEN :from AND :to", "size >= :least"], key = { kind = "kind" }, measure = { count = "count(*)", size = "sum(size)" } },
//!     { name = "asked", from = "order", where = ["day BETWEEN :from AND :to"], key = { kind = "thing.kind" }, measure = { orders = "count(*)" } },
//! ]
//! column = [
//!     { name = "count" },
//!     { name = "per_order", value = "count / orders", none = "undefined" },
//!     { name = "part", share = "size" },
//!     { name = "class", class = "size", limits = ["80", "95"] },
//! ]
//! keep = "count > 0"
//! order = ["size desc"]
//! total = true
//! chart = { kind = "bars", label = "kind", values = ["count"] }
//! ```
//!
//! **Parts** are queries over one object each, grouped by the same keys; a row of the report is a
//! key that any part has, and what a part does not have is counted and summed to 0 there. A part
//! that has some of the keys only, or none, stands beside each row with the same ones. A condition that asks for a parameter without a value is
//! left out. References are shown by what names their record; rows of the same key are one row.
//!
//! **Columns** follow from the measures of a row, in the language of conditions. Where a value
//! leaves no answer (a division by nothing, a plan that is not there) there is none, and the word
//! `none` stands in its place. A share is in per cent of all rows, those behind `limit` too. A
//! class goes up to its limit: a row belongs to the first class whose limit the share of its
//! figure, together with all greater ones, does not pass; the greatest is in the first class in
//! any case, and every row is in exactly one. The figures of all rows together are computed from
//! the records, not from the rows, so a count of different things counts each once.
//!
//! **Rights.** Everything is read by queries of the one who asks (invariant *one predicate*): a
//! measure, key or condition that names what he may not see takes the columns made of it away,
//! and what he may not see is in no figure. A definition is checked when it is saved, under the
//! eyes of who saves it. Asked about a manager or a department, each part is cut to the records
//! of those users, by its `by` or their owner; who may see the work of none of them is refused.
//! The records behind a figure are read under the rights of who asks for them, always.
//!
//! **Opened reports** (C198). Who may share a report may open it to users, roles and groups by
//! name, in his own name. Whom it is opened to runs it under the opener's rights: with its own
//! parameters and period, without manager, department and further cuts, and asks for the records
//! behind a figure under his own rights. It is closed by whoever may share it, at once; it holds
//! only while the opener has access and may share it; and while it is opened, nobody else changes
//! its definition. What shows records themselves, lists above all, is not opened.
//!
//! | File | Holds |
//! |---|---|
//! | `declare` | the declaration as data |
//! | `ask` | what is asked of a report, checked |
//! | `period` | periods in words |
//! | `part` | a part as queries |
//! | `columns` | formulas, shares, places, classes |
//! | `run` | the parts joined into a table |
//! | `list` | smart lists |
//! | `drill` | the records behind a figure |
//! | `check` | whether a definition can be saved |
//! | `stored` | who may run which stored report |
//! | `table` | what comes of it |
//! | `draw`, `file` | the same as a picture, as CSV, as a workbook |
//! | `funnel`, `svg`, `periodicity` | reports with a form of their own |

mod ask;
mod check;
mod columns;
mod declare;
mod draw;
mod drill;
mod file;
mod funnel;
mod list;
mod part;
mod period;
mod periodicity;
mod run;
mod stored;
mod svg;
mod table;

use crate::error::{Code, Error, Result};
use crate::limits::{REPORT_LIST_ROWS, REPORT_LIST_ROWS_MAX};
use crate::policy::Actor;
use crate::query::Rows;

pub(crate) use ask::Around;
pub use ask::ReportRequest;
pub(crate) use check::check;
pub use declare::{
    ChartDeclaration, ChartKind, ColumnDeclaration, KeyDeclaration, ListingDeclaration,
    ParameterDeclaration, PartDeclaration, ReportDeclaration, WordDeclaration, Words,
};
pub use drill::{Drill, DrillRequest};
pub use file::{ReportFile, ReportForm, WrittenReport};
pub(crate) use funnel::funnel;
pub use funnel::{Funnel, FunnelStage};
pub use periodicity::Periodicity;
pub(crate) use periodicity::periodicity;
pub use run::Report;
pub(crate) use stored::check_openable;
pub use stored::{DescribedParameter, ReportAudience, ReportDescription, ReportInfo};
pub use svg::funnel_svg;
pub use table::{Chart, Table, TableColumn};

/// The reports that the caller may run.
///
/// # Errors
/// What prevents reading.
pub(crate) fn all(around: Around<'_>, language: &str) -> Result<Vec<ReportInfo>> {
    let reports = stored::all(around)?;
    Ok(reports.iter().map(|one| one.info(language)).collect())
}

/// Runs a stored report for the caller; `open` takes rows of records into its care. Of a list at
/// most `limit` records are given.
///
/// # Errors
/// [`Code::NotFound`], and what is wrong with the request.
pub(crate) fn run(
    around: Around<'_>,
    name: &str,
    request: &ReportRequest,
    limit: Option<usize>,
    open: &dyn Fn(Rows) -> Result<Rows>,
) -> Result<Report> {
    let stored = stored::find(around, name)?;
    if let Some(listing) = &stored.declared.list {
        let limit = page(limit)?;
        return list::run(around, &stored.declared, listing, request, open, limit);
    }
    let Some(opener) = stored.opener.filter(|_| !request.own) else {
        return run::run(around, &stored.declared, request);
    };
    let narrowed = request.manager.is_some() || request.department.is_some();
    if narrowed || !request.cut.is_empty() {
        // What he could cut by would feel out records that he may not see.
        let text = "an opened report is asked about its own parameters and period only";
        return Err(Error::new(Code::Denied, text).with("report", stored.declared.name));
    }
    let around = Around {
        actor: Actor::User(opener),
        ..around
    };
    let report = run::run(around, &stored.declared, request)?;
    Ok(Report {
        opened: true,
        ..report
    })
}

/// The query for the records behind a figure, under the caller's own rights.
///
/// # Errors
/// [`Code::NotFound`], [`Code::InvalidArguments`], and what is wrong with the request.
pub(crate) fn drill(around: Around<'_>, name: &str, request: &DrillRequest) -> Result<Drill> {
    let stored = stored::find(around, name)?;
    drill::drill(around, &stored.declared, request, page(request.limit)?)
}

fn page(limit: Option<usize>) -> Result<usize> {
    match limit {
        None => Ok(REPORT_LIST_ROWS),
        Some(limit) if (1..=REPORT_LIST_ROWS_MAX).contains(&limit) => Ok(limit),
        Some(_) => {
            let text = format!("`limit` is from 1 to {REPORT_LIST_ROWS_MAX}");
            Err(Error::new(Code::InvalidArguments, text).field("limit"))
        }
    }
}

/// What a stored report can be asked, for the caller.
///
/// # Errors
/// [`Code::NotFound`].
pub(crate) fn describe(
    around: Around<'_>,
    name: &str,
    language: &str,
) -> Result<ReportDescription> {
    let stored = stored::find(around, name)?;
    stored.describe(around, language)
}
