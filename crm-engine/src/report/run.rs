//! A report is computed: its parts are joined by their keys, its columns follow from their figures.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::ask::{Around, Asked, ReportRequest, known};
use super::columns::{Column, Names, absent_only, columns, holds};
use super::declare::{
    ChartDeclaration, ChartKind, ColumnDeclaration, KeyDeclaration, ReportDeclaration,
};
use super::part::{KeyValue, Part};
use super::table::{Chart, Table, TableColumn};
use crate::error::{Error, Result};
use crate::schema::label_in;
use crate::store::Read;
use crate::value::{Money, Value, ValueType, compare, encode_value};

/// A report as it was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The name of its definition.
    pub name: String,
    /// The rows, as people read them.
    pub table: Table,
    /// The names of what rows are made by; of a smart list `id`.
    pub key: Vec<String>,
    /// What each row is made by, in the order of those names, as [`drill`](crate::Session::drill) takes it.
    pub keys: Vec<Vec<Value>>,
    /// The figures of all rows together, column by column, if the report has them.
    pub total: Option<Vec<Value>>,
    /// The period asked about, if there is one.
    pub period: Option<(NaiveDate, NaiveDate)>,
    /// Whether it was computed under the rights of the one who opened it.
    pub opened: bool,
}

/// The rows of a report while they are computed: their keys, and values in the order of the names.
struct Frame {
    keys: Vec<Vec<KeyValue>>,
    rows: Vec<Vec<Value>>,
    /// The figures of all records together.
    total: Option<Vec<Value>>,
}

/// What a part found.
enum Found {
    /// Figures for some rows.
    ByPlace(BTreeMap<usize, Vec<Value>>),
    /// Figures for all rows that have the same keys, of those at these places.
    Beside(Vec<usize>, BTreeMap<Vec<u8>, Vec<Value>>),
}

impl Found {
    fn row(&self, place: usize, keys: &[KeyValue]) -> Option<&Vec<Value>> {
        match self {
            Found::ByPlace(rows) => rows.get(&place),
            Found::Beside(at, rows) => rows.get(&place_of(at.iter().map(|at| &keys[*at]))),
        }
    }
}

/// Computes a report under the rights of `around.actor`.
///
/// # Errors
/// What [`Asked::of`] has against the request, and what prevents reading.
pub(super) fn run(
    around: Around<'_>,
    declared: &ReportDeclaration,
    request: &ReportRequest,
) -> Result<Report> {
    let asked = Asked::of(around, declared, request)?;
    let mut parts = Vec::new();
    for part in &declared.part {
        parts.extend(Part::open(around.into(), part, &declared.key, &asked)?);
    }
    let names = names(declared, &parts)?;
    let mut frame = Frame::of(around, declared, &parts, &asked)?;
    let all = all_columns(declared);
    let (columns, names) = columns(&all, names, &mut absent_only)?;
    let read: &dyn Read = around.snapshot;
    let mut computed = Vec::new();
    for column in &columns {
        let total = frame.total.as_mut();
        computed.push(column.compute(&mut frame.rows, total, &asked, read)?);
    }
    let order = frame.order(declared, &names, read)?;
    let label = |labels, name| label_in(labels, &asked.language, name).to_owned();
    // Where nothing tells the keys, there are no rows, and no columns for them.
    let shown_keys = match parts.iter().any(|part| part.makes_rows(declared)) {
        true => &declared.key[..],
        false => &[],
    };
    let shown = columns.iter().zip(&computed);
    let shown = shown.filter(|(column, _)| !column.declared.hidden);
    let (columns, computed): (Vec<&Column<'_>>, Vec<_>) = shown.unzip();
    let row = |at: &usize| -> Vec<Value> {
        let keys = shown_keys.iter().zip(&frame.keys[*at]);
        let keys = keys.map(|(key, value)| key.shown(value, &asked.language));
        let values = columns.iter().zip(&computed);
        keys.chain(values.map(|(column, (values, _))| column.shown(&values[*at], &asked.language)))
            .collect()
    };
    let table = Table {
        title: label(&declared.label, &declared.name),
        columns: table_columns(shown_keys, &parts, &columns, &asked.language),
        rows: order.iter().map(row).collect(),
        chart: None,
    };
    let raw = |at: &usize| frame.keys[*at].iter().map(|key| key.raw.clone()).collect();
    Ok(Report {
        name: declared.name.clone(),
        key: shown_keys.iter().map(|key| key.name.clone()).collect(),
        keys: order.iter().map(raw).collect(),
        total: frame.total.as_ref().map(|_| {
            let words = (0..shown_keys.len()).map(|at| total_word(at, &asked.language));
            let values = columns.iter().zip(&computed);
            let values = values.map(|(column, (_, all))| column.shown(all, &asked.language));
            words.chain(values).collect()
        }),
        table: Table {
            chart: declared
                .chart
                .as_ref()
                .and_then(|chart| drawn(chart, &table)),
            ..table
        },
        period: asked.period,
        opened: false,
    })
}

/// What formulas may name: the keys, the parameters, and the measures that the caller may see.
pub(super) fn names(declared: &ReportDeclaration, parts: &[Part<'_>]) -> Result<Names> {
    let types = key_types(declared, parts);
    let keys = declared.key.iter().zip(types);
    let mut fields: Vec<(String, ValueType)> =
        keys.map(|(key, kind)| (key.name.clone(), kind)).collect();
    fields.extend(parameters(declared));
    for part in parts {
        let measures = part.measures.iter();
        fields.extend(measures.map(|(name, kind)| ((*name).to_owned(), *kind)));
    }
    Names::new(fields)
}

/// The parameters of a report with the types of their values.
fn parameters(declared: &ReportDeclaration) -> impl Iterator<Item = (String, ValueType)> {
    known(declared).into_iter().map(|name| {
        let own = declared.parameter.iter().find(|one| one.name == name);
        let kind = match (own, name.as_str()) {
            (Some(own), _) => own.value_type,
            (None, "now") => ValueType::DateTime,
            (None, _) => ValueType::Date,
        };
        (name, kind)
    })
}

/// The types of the keys as people read them: texts where the parts do not agree.
fn key_types(declared: &ReportDeclaration, parts: &[Part<'_>]) -> Vec<ValueType> {
    let mut types: Vec<Option<ValueType>> = vec![None; declared.key.len()];
    for part in parts {
        for (at, kind) in part.key_types() {
            let known = &mut types[at];
            let agreed = known.is_none_or(|known| known == kind);
            *known = Some(if agreed { kind } else { ValueType::Text });
        }
    }
    let types = types.into_iter();
    types.map(|kind| kind.unwrap_or(ValueType::Text)).collect()
}

/// The columns as declared; all measures where none is.
pub(super) fn all_columns(declared: &ReportDeclaration) -> Vec<ColumnDeclaration> {
    if !declared.column.is_empty() {
        return declared.column.clone();
    }
    let measures = declared.part.iter().flat_map(|part| part.measure.keys());
    let column = |name: &String| ColumnDeclaration {
        name: name.clone(),
        ..ColumnDeclaration::default()
    };
    measures.map(column).collect()
}

impl Frame {
    /// Joins the rows of the parts by their keys.
    fn of(
        around: Around<'_>,
        declared: &ReportDeclaration,
        parts: &[Part<'_>],
        asked: &Asked,
    ) -> Result<Frame> {
        let mut places: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut keys: Vec<Vec<KeyValue>> = Vec::new();
        let mut found = Vec::new();
        for part in parts {
            if !part.makes_rows(declared) {
                let rows = part.run(around, asked, part.has_keys())?.into_iter();
                let rows = rows.map(|row| (place_of(&row.keys), row.figures));
                found.push(Found::Beside(part.key_places(), rows.collect()));
                continue;
            }
            let mut by_place: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
            for row in part.run(around, asked, true)? {
                let next = places.len();
                let place = *places.entry(place_of(&row.keys)).or_insert(next);
                if place == keys.len() {
                    keys.push(row.keys);
                }
                by_place.insert(place, row.figures);
            }
            found.push(Found::ByPlace(by_place));
        }
        if declared.key.iter().any(|key| key.all) {
            let choices = parts.iter().flat_map(|part| part.choices(&asked.language));
            for choice in choices {
                let next = places.len();
                let place = *places.entry(place_of([&choice])).or_insert(next);
                if place == keys.len() {
                    keys.push(vec![choice]);
                }
            }
        }
        let given: Vec<Value> = parameters(declared)
            .map(|(name, _)| asked.values.get(&name).cloned().unwrap_or_default())
            .collect();
        let rows = (0..keys.len()).map(|place| {
            let shown = keys[place].iter().map(|key| key.shown.clone());
            let shown = shown.chain(std::iter::repeat(Value::Null));
            let mut row: Vec<Value> = shown.take(declared.key.len()).collect();
            row.extend(given.iter().cloned());
            for (part, found) in parts.iter().zip(&found) {
                match found.row(place, &keys[place]) {
                    Some(figures) => row.extend(figures.iter().cloned()),
                    None => row.extend((0..part.measures.len()).map(|at| part.nothing(at))),
                }
            }
            row
        });
        let rows = rows.collect();
        let total = match declared.total {
            true => {
                let keys = vec![Value::Null; declared.key.len()];
                let mut whole = [keys, given].concat();
                whole.extend(total(around, parts, asked)?);
                Some(whole)
            }
            false => None,
        };
        let mut frame = Frame { keys, rows, total };
        frame.sort();
        Ok(frame)
    }

    /// Brings the rows into the order of their keys, so that equal rows have an order too.
    fn sort(&mut self) {
        let mut rows: Vec<(Vec<KeyValue>, Vec<Value>)> = std::mem::take(&mut self.keys)
            .into_iter()
            .zip(std::mem::take(&mut self.rows))
            .collect();
        let order = |a: &[KeyValue], b: &[KeyValue]| {
            let pairs = a.iter().zip(b);
            let shown = pairs.map(|(a, b)| {
                let by_choice = a.place.cmp(&b.place);
                by_choice.then_with(|| compare(&a.shown, &b.shown))
            });
            let shown = shown.into_iter().find(|order| order.is_ne());
            shown.unwrap_or_else(|| place_of(a).cmp(&place_of(b)))
        };
        rows.sort_by(|(a, _), (b, _)| order(a, b));
        (self.keys, self.rows) = rows.into_iter().unzip();
    }

    /// The rows that are kept, in the order asked for.
    fn order(
        &self,
        declared: &ReportDeclaration,
        names: &Names,
        read: &dyn Read,
    ) -> Result<Vec<usize>> {
        let mut kept: Vec<usize> = (0..self.rows.len()).collect();
        if let Some(text) = &declared.keep {
            // Where what it asks for is hidden nothing can be told from it.
            let Ok(test) = names.condition(text) else {
                return Ok(Vec::new());
            };
            let mut among = Vec::new();
            for row in kept {
                if holds(&test, &self.rows[row], read)? {
                    among.push(row);
                }
            }
            kept = among;
        }
        let by: Vec<(usize, bool)> = declared
            .order
            .iter()
            .filter_map(|key| {
                let (name, descending) = order_key(key);
                Some((names.position(name)?, descending))
            })
            .collect();
        kept.sort_by(|a, b| {
            let orders = by.iter().map(|(at, descending)| {
                let order = compare(&self.rows[*a][*at], &self.rows[*b][*at]);
                if *descending { order.reverse() } else { order }
            });
            let mut orders = orders.filter(|order| order.is_ne());
            orders.next().unwrap_or(Ordering::Equal)
        });
        kept.truncate(declared.limit.unwrap_or(usize::MAX));
        Ok(kept)
    }
}

/// A name, and whether the greatest come first.
pub(super) fn order_key(text: &str) -> (&str, bool) {
    match text.split_once(' ') {
        Some((name, "desc")) => (name, true),
        Some((name, "asc")) => (name, false),
        _ => (text, false),
    }
}

/// The figures of all records together, part by part.
fn total(around: Around<'_>, parts: &[Part<'_>], asked: &Asked) -> Result<Vec<Value>> {
    let mut total = Vec::new();
    for part in parts {
        let rows = part.run(around, asked, false)?;
        let row = rows.into_iter().next();
        let row = row.ok_or_else(|| Error::internal("an aggregate without a row"))?;
        total.extend(row.figures);
    }
    Ok(total)
}

/// Equal keys have equal bytes, however many zeros their numbers were typed with, and whether
/// their records are named by a reference or by themselves.
fn place_of<'k>(keys: impl IntoIterator<Item = &'k KeyValue>) -> Vec<u8> {
    let mut place = Vec::new();
    for key in keys {
        let raw = match &key.raw {
            Value::Integer(n) => Value::Decimal((*n).into()),
            Value::Reference(id) => Value::Decimal(id.get().into()),
            Value::Decimal(n) => Value::Decimal(n.normalize()),
            Value::Money(money) => {
                Value::Money(Money::new(money.amount.normalize(), money.currency))
            }
            other => other.clone(),
        };
        let mut bytes = Vec::new();
        encode_value(&raw, &mut bytes);
        crate::value::put_uint(&mut place, bytes.len() as u64);
        place.extend(bytes);
    }
    place
}

impl KeyDeclaration {
    fn shown(&self, value: &KeyValue, language: &str) -> Value {
        match (&value.shown, &self.none) {
            (Value::Null, Some(words)) => Value::from(words.text(language)),
            (shown, _) => shown.clone(),
        }
    }
}

fn table_columns(
    keys: &[KeyDeclaration],
    parts: &[Part<'_>],
    columns: &[&Column<'_>],
    language: &str,
) -> Vec<TableColumn> {
    let mut types = vec![ValueType::Text; keys.len()];
    for part in parts {
        for (at, kind) in part.key_types() {
            types[at] = kind;
        }
    }
    let column = |name: &str, labels, value_type| TableColumn {
        name: name.to_owned(),
        label: label_in(labels, language, name).to_owned(),
        value_type,
        field: None,
    };
    let keys = keys.iter().zip(types);
    let keys = keys.map(|(key, kind)| column(&key.name, &key.label, kind));
    let columns = columns.iter().map(|one| {
        let declared = one.declared;
        column(&declared.name, &declared.label, one.value_type)
    });
    keys.chain(columns).collect()
}

fn total_word(at: usize, language: &str) -> Value {
    match (at, language.split('-').next()) {
        (0, Some("ru")) => Value::from("Итого"),
        (0, _) => Value::from("Total"),
        _ => Value::Null,
    }
}

/// The picture, where the columns that it draws are there.
fn drawn(declared: &ChartDeclaration, table: &Table) -> Option<Chart> {
    let position = |name: &String| table.columns.iter().position(|column| column.name == *name);
    let label = position(&declared.label)?;
    let values: Vec<usize> = declared.values.iter().filter_map(position).collect();
    let first = values.first().copied();
    Some(match declared.kind {
        ChartKind::Funnel => Chart::Funnel {
            label,
            value: first?,
        },
        ChartKind::Lights => Chart::Lights {
            label,
            light: first?,
        },
        ChartKind::Bars if !values.is_empty() => Chart::Bars {
            label,
            group: declared.group.as_ref().and_then(position),
            values,
        },
        ChartKind::Lines if !values.is_empty() => Chart::Lines { label, values },
        ChartKind::Bars | ChartKind::Lines => return None,
    })
}
