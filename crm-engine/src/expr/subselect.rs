//! Sub-selects: `id IN (SELECT parent FROM item WHERE size > 3)`.
//!
//! A sub-select speaks of the records of its own object and of nothing around it, so it is
//! answered once for all records that a condition is evaluated for: the first that needs it pays.
//! It is read under the plans of the one who asks, like everything else: a record he may not see
//! gives it no value (invariant *invisible is absent*).
//!
//! No value is no member, as everywhere in SQL: `IN` is unknown for a record without the value,
//! and where a value is missing among those selected, `NOT IN` is never true. In nothing at all
//! is nothing: `IN` an empty sub-select is false, `NOT IN` is true.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use sqlparser::ast::{
    ObjectNamePart, Query, Select, SelectItem, SetExpr, TableFactor, TableWithJoins,
};

use super::domain::Domain;
use super::eval::{Context, Operand, Test};
use super::params::Bound;
use super::row::{LogRow, Row, StoredRow};
use super::syntax::{Ast, Name, unexpected};
use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::RecordId;
use crate::index::ListRow;
use crate::limits::{QUERY_ROWS_TOUCHED_MAX, SUBSELECT_VALUES_MAX};
use crate::policy::{Held, Plan};
use crate::schema::Object;
use crate::schema::keys::{self, Holder};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Money, Value, encode_value, take_uint};

/// A sub-select of one column, checked.
#[derive(Debug, PartialEq)]
pub(crate) struct SubSelect {
    pub(super) object: Arc<Object>,
    pub(super) plan: Arc<Plan>,
    /// Of a log: the object whose history it follows.
    pub(super) followed: Option<Arc<Object>>,
    pub(super) column: Operand,
    pub(super) filter: Option<Test>,
    /// Where its answer is kept among what is bound.
    pub(super) place: usize,
}

/// The answers of sub-selects, by their places; none for those nobody has asked yet.
pub(crate) type Answers = Vec<OnceLock<Arc<Members>>>;

/// What a sub-select found.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Numbers of records: ascending, each once.
    ids: Vec<u64>,
    /// The bytes of other values.
    others: BTreeSet<Vec<u8>>,
    /// A record had no value.
    has_null: bool,
}

/// The parts of a sub-select as written.
pub(super) struct Parts<'t> {
    pub(super) column: &'t Ast,
    pub(super) object: Name,
    pub(super) condition: Option<&'t Ast>,
}

/// Takes a sub-select apart: one column, one object, a condition or none.
///
/// # Errors
/// [`Code::Syntax`] for everything else SQL knows, at the sub-select's place.
pub(super) fn parts<'t>(query: &'t Query, ast: &Ast) -> Result<Parts<'t>> {
    let refuse = || unexpected(ast, "`IN (SELECT field FROM object [WHERE condition])`");
    let SetExpr::Select(select) = &*query.body else {
        return Err(refuse());
    };
    let Select {
        projection,
        from,
        selection,
        ..
    } = &**select;
    let ([SelectItem::UnnamedExpr(column)], [TableWithJoins { relation, joins }]) =
        (projection.as_slice(), from.as_slice())
    else {
        return Err(refuse());
    };
    let TableFactor::Table { name, .. } = relation else {
        return Err(refuse());
    };
    let ([ObjectNamePart::Identifier(object)], true) = (name.0.as_slice(), joins.is_empty()) else {
        return Err(refuse());
    };
    // Whatever else there is stands in its text.
    let plain = match selection {
        Some(condition) => format!("SELECT {column} FROM {object} WHERE {condition}"),
        None => format!("SELECT {column} FROM {object}"),
    };
    if query.to_string() != plain {
        return Err(refuse());
    }
    Ok(Parts {
        column,
        object: Name::from(object),
        condition: selection.as_ref(),
    })
}

/// Whether a value of the one domain can be a member of the other. Numbers of records are
/// members of references to records of the same object, other values of values of their type.
pub(super) fn comparable(domain: &Domain, selected: &Domain) -> Result<()> {
    let fits = match (domain.records(), selected.records()) {
        (Some(of), Some(other)) => of == other,
        (None, None) => {
            let same = domain.value_type == selected.value_type
                || (domain.is_number() && selected.is_number());
            same && domain.compares_with(selected)
        }
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let text = match domain.records().is_some() && selected.records().is_some() {
        true => "these are not records of the same object".to_owned(),
        false => format!(
            "`{}` is not among what this `SELECT` gives, `{}`",
            domain.value_type.name(),
            selected.value_type.name()
        ),
    };
    Err(Error::new(Code::WrongType, text))
}

impl SubSelect {
    /// What the sub-select finds in one state of the store.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] beyond [`SUBSELECT_VALUES_MAX`] values or
    /// [`QUERY_ROWS_TOUCHED_MAX`] records, and what prevents reading.
    pub(crate) fn members(&self, read: &dyn Read, bound: &Bound) -> Result<Arc<Members>> {
        let place = bound
            .answers
            .get(self.place)
            .ok_or_else(|| Error::internal("a sub-select was not bound"))?;
        if let Some(known) = place.get() {
            return Ok(Arc::clone(known));
        }
        let members = Arc::new(self.find(read, bound)?);
        Ok(Arc::clone(place.get_or_init(|| members)))
    }

    fn find(&self, read: &dyn Read, bound: &Bound) -> Result<Members> {
        let mut members = Members::default();
        let mut touched = 0;
        let mut look = |id: RecordId, bytes: &[u8]| -> Result<()> {
            touched += 1;
            if touched > QUERY_ROWS_TOUCHED_MAX {
                let text = format!("a query looks at most at {QUERY_ROWS_TOUCHED_MAX} records");
                return Err(Error::new(Code::LimitExceeded, text));
            }
            if let Some(log) = self.object.log {
                let rows = LogRow::of(read, &self.plan, log, id, bytes)?;
                let mut rows = rows.iter();
                return rows.try_for_each(|row| self.take(row, row, read, bound, &mut members));
            }
            let row = StoredRow::new(id, bytes)?;
            self.take(&row, &row, read, bound, &mut members)
        };
        let object = self.followed.as_ref().unwrap_or(&self.object);
        match (self.plan.owners().listed(), object.lists.first()) {
            (Some(owners), Some(list)) if object.owned => {
                for holder in Holder::reached(owners, self.plan.shared_with()) {
                    let shared = matches!(holder, Holder::Participant(_));
                    let prefix = keys::own(object.id, list.id, holder).done();
                    let range = KeyRange::prefix(&prefix);
                    let mut rows = read.scan(range, ScanOptions::default())?;
                    while let Some((key, value)) = rows.next()? {
                        let row = ListRow::new(list, &key[prefix.len()..], value)?;
                        // What one of the owners shares was found under him.
                        if shared && self.plan.owners().contains(row.standing.owner) {
                            continue;
                        }
                        if let Some(bytes) = read.get(&keys::record(object.id, row.id))? {
                            look(row.id, &bytes)?;
                        }
                    }
                }
            }
            _ if self.plan.is_nothing() => {}
            _ => {
                let range = keys::records(object.id);
                let prefix = range.start().len();
                let mut rows = read.scan(range, ScanOptions::default())?;
                while let Some((key, bytes)) = rows.next()? {
                    look(RecordId::new(take_uint(&mut &key[prefix..])?)?, bytes)?;
                }
            }
        }
        members.settle()?;
        Ok(members)
    }

    fn take(
        &self,
        row: &dyn Row,
        held: &dyn Held,
        read: &dyn Read,
        bound: &Bound,
        members: &mut Members,
    ) -> Result<()> {
        let context = Context { row, read, bound };
        let admitted = facts::permits(read, &self.plan, held)?
            && match &self.filter {
                Some(filter) => filter.evaluate(&context)? == Some(true),
                None => true,
            };
        match admitted {
            true => members.add(&*self.column.evaluate(&context)?),
            false => Ok(()),
        }
    }
}

impl Members {
    fn add(&mut self, value: &Value) -> Result<()> {
        match (value, id(value)) {
            (Value::Null, _) => self.has_null = true,
            (_, Some(id)) => {
                self.ids.push(id);
                if self.ids.len() > 2 * SUBSELECT_VALUES_MAX {
                    self.settle()?;
                }
            }
            _ => {
                self.others.insert(bytes(value));
            }
        }
        match self.others.len() > SUBSELECT_VALUES_MAX {
            true => Err(too_many()),
            false => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<()> {
        self.ids.sort_unstable();
        self.ids.dedup();
        match self.ids.len() > SUBSELECT_VALUES_MAX {
            true => Err(too_many()),
            false => Ok(()),
        }
    }

    /// Whether a value is among them; none when that is unknown.
    pub(super) fn contain(&self, value: &Value) -> Option<bool> {
        if self.ids.is_empty() && self.others.is_empty() && !self.has_null {
            return Some(false);
        }
        let found = match (value, id(value)) {
            (Value::Null, _) => return None,
            (_, Some(id)) => self.ids.binary_search(&id).is_ok(),
            _ => self.others.contains(&bytes(value)),
        };
        match (found, self.has_null) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        }
    }

    /// The records found, if there are at most `max`.
    pub(crate) fn few(&self, max: usize) -> Option<Vec<RecordId>> {
        let ids = (self.ids.len() <= max && self.others.is_empty()).then_some(&self.ids)?;
        ids.iter().map(|id| RecordId::new(*id).ok()).collect()
    }
}

/// A whole number that can be the number of a record stands for itself: then references, ids and
/// small numbers take eight bytes. Types were compared when the text was checked, so no number
/// meets a record.
fn id(value: &Value) -> Option<u64> {
    match value {
        Value::Reference(id) => Some(id.get()),
        Value::Integer(n) => u64::try_from(*n).ok(),
        Value::Decimal(n) if n.is_integer() => u64::try_from(*n).ok(),
        _ => None,
    }
}

/// Equal values have equal bytes, however many zeros they were typed with.
fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let value = match value {
        Value::Integer(n) => &Value::Decimal((*n).into()),
        Value::Decimal(n) => &Value::Decimal(n.normalize()),
        Value::Money(money) => &Value::Money(Money::new(money.amount.normalize(), money.currency)),
        other => other,
    };
    encode_value(value, &mut bytes);
    bytes
}

fn too_many() -> Error {
    let text = format!("a sub-select gives at most {SUBSELECT_VALUES_MAX} values");
    Error::new(Code::LimitExceeded, text)
}
