//! Smart lists: records of one object that a stored condition chooses, always as they are now.

use std::sync::Arc;

use super::ask::{Around, Asked, ReportRequest};
use super::declare::{ListingDeclaration, ReportDeclaration};
use super::part::{Eyes, at, at_in, brackets, conditions, is_absent, whole};
use super::run::{Report, order_key};
use super::table::{Table, TableColumn};
use crate::error::Result;
use crate::query::{Column, Params, Rows};
use crate::schema::{Object, label_in};
use crate::value::Value;

/// A list as a query.
pub(super) struct Listing {
    object: Arc<Object>,
    conditions: Vec<String>,
    show: Vec<(String, Column)>,
    order: Vec<String>,
}

/// The list as the caller may see it: columns and orders that he may not see are left out, as
/// `missed` has it.
///
/// # Errors
/// What is wrong with it, and what `missed` returns.
pub(super) fn checked(
    eyes: Eyes<'_>,
    declared: &ListingDeclaration,
    asked: &Asked,
    missed: &mut dyn FnMut(crate::error::Error) -> Result<()>,
) -> Result<Listing> {
    let object = eyes.schema.object(&declared.from);
    let object = Arc::clone(object.map_err(|error| at(error, &declared.from))?);
    let by = declared.by.as_ref();
    let mut listing = Listing {
        conditions: conditions(eyes, &object, &declared.conditions, by, asked)?,
        object,
        show: Vec::new(),
        order: Vec::new(),
    };
    for text in &declared.show {
        let sql = format!("SELECT\n{text}\nFROM \"{}\"", listing.object.name);
        match whole(text).and_then(|()| eyes.prepare(&sql)) {
            Ok(prepared) => {
                let columns = prepared.columns().first().cloned();
                listing
                    .show
                    .extend(columns.map(|column| (text.clone(), column)));
            }
            Err(error) => missed(at_in(error, &sql, text))?,
        }
    }
    for key in &declared.order {
        let (text, descending) = order_key(key);
        let from = &listing.object.name;
        let sql = format!("SELECT id FROM \"{from}\" ORDER BY\n{text}\n");
        match whole(text).and_then(|()| eyes.prepare(&sql)) {
            Ok(_) => {
                let direction = if descending { " DESC" } else { "" };
                listing.order.push(format!("\n{text}\n{direction}"));
            }
            Err(error) => missed(at_in(error, &sql, text))?,
        }
    }
    Ok(listing)
}

/// Lists records under the rights of `around.actor`; `open` takes the rows into its care.
///
/// # Errors
/// What [`Asked::of`] has against the request, and what prevents reading.
pub(super) fn run(
    around: Around<'_>,
    declared: &ReportDeclaration,
    listing: &ListingDeclaration,
    request: &ReportRequest,
    open: &dyn Fn(Rows) -> Result<Rows>,
    limit: usize,
) -> Result<Report> {
    let asked = Asked::of(around, declared, request)?;
    let eyes = Eyes::from(around);
    let mut missed = super::columns::absent_only;
    let mut report = Report {
        name: declared.name.clone(),
        table: Table {
            title: label_in(&declared.label, &asked.language, &declared.name).to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            chart: None,
        },
        key: vec!["id".to_owned()],
        keys: Vec::new(),
        total: None,
        period: asked.period,
        opened: false,
    };
    let listing = match checked(eyes, listing, &asked, &mut missed) {
        Ok(listing) => listing,
        // What the records are chosen by may not be seen: then none of them is.
        Err(error) if is_absent(&error) && !error.details().contains_key("cut") => {
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    let prepared = eyes.prepare(&listing.select(limit))?;
    let params: Params = asked.params(prepared.parameters());
    let rows = prepared.run_for(around.snapshot, &params, around.actor, None)?;
    let mut rows = open(rows)?;
    let columns = listing.show.iter();
    report.table.columns = columns
        .map(|(text, column)| listing.column(text, column, &asked.language))
        .collect();
    while let Some(row) = rows.next()? {
        let mut row = row.iter().cloned();
        report.keys.push(row.next().into_iter().collect());
        report.table.rows.push(row.collect::<Vec<Value>>());
    }
    Ok(report)
}

impl Listing {
    fn select(&self, limit: usize) -> String {
        let show = self.show.iter().map(|(text, _)| format!(",\n{text}\n"));
        let (show, from) = (show.collect::<String>(), &self.object.name);
        let chosen = brackets(&self.conditions);
        let order = match self.order.is_empty() {
            true => " ORDER BY id".to_owned(),
            false => format!(" ORDER BY {}", self.order.join(", ")),
        };
        format!("SELECT id{show} FROM \"{from}\"{chosen}{order} LIMIT {limit}")
    }

    /// A column, called as its field is.
    fn column(&self, text: &str, column: &Column, language: &str) -> TableColumn {
        let label = column.field.as_ref().map(|field| {
            let own = self.object.by_id(field.id).filter(|own| *own == field);
            let labels = own.map_or_else(|| field.labels.clone(), |own| self.object.labels_of(own));
            label_in(&labels, language, text).to_owned()
        });
        TableColumn {
            name: text.to_owned(),
            label: label.unwrap_or_else(|| text.to_owned()),
            value_type: column.value_type,
            field: column.field.clone(),
        }
    }
}
