//! Counts and sums over the records that refer to a record.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::limits::ROLLUP_RECORDS_MAX;
use crate::schema::{Rollup, keys};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Currency, Exact, Money, Record, RecordView, Value, ValueType, take_uint};

/// A rollup and the field it is kept in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rolled {
    /// The object of the records that hold it.
    pub(crate) parent: ObjectId,
    /// The field it is kept in.
    pub(crate) field: FieldId,
    pub(super) value_type: ValueType,
    pub(crate) rollup: Rollup,
}

/// A sum under way: exact in any order of its parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sum(BTreeMap<Option<Currency>, Exact>);

impl Rolled {
    /// The record that a record counts in.
    pub(crate) fn parent_of(&self, record: &Record) -> Option<RecordId> {
        record.fields.get(self.rollup.link).as_reference()
    }

    /// What a record adds: the value summed, or one.
    fn part(&self, record: &Record) -> Value {
        match self.rollup.sum {
            Some(field) => record.fields.get(field).clone(),
            None => Value::Integer(1),
        }
    }

    /// Whether two states of a record count the same in the same record.
    pub(crate) fn is_same(&self, old: Option<&Record>, new: Option<&Record>) -> bool {
        let counts = |record: Option<&Record>| {
            let record = record?;
            Some((self.parent_of(record)?, self.part(record)))
        };
        counts(old) == counts(new)
    }

    /// What `stored` becomes when the old state of one record of `parent` is replaced by the new
    /// one. What the stored value does not tell is counted anew.
    ///
    /// # Errors
    /// As [`Rolled::recompute`].
    pub(crate) fn adjusted(
        &self,
        read: &dyn Read,
        parent: RecordId,
        stored: &Value,
        old: Option<&Record>,
        new: Option<&Record>,
    ) -> Result<Value> {
        let of_parent = |record: Option<&Record>| {
            let record = record.filter(|record| self.parent_of(record) == Some(parent));
            record.map_or(Value::Null, |record| self.part(record))
        };
        let (taken, added) = (of_parent(old), of_parent(new));
        let currency = |value: &Value| value.as_money().map(|money| money.currency);
        let tells = !stored.is_null()
            && [&taken, &added]
                .into_iter()
                .all(|part| part.is_null() || currency(part) == currency(stored));
        if !tells {
            return self.recompute(read, parent);
        }
        let mut sum = Sum::default();
        sum.add(stored);
        sum.take(&taken);
        sum.add(&added);
        Ok(sum.value(self))
    }

    /// The value as the records themselves tell it.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] beyond [`ROLLUP_RECORDS_MAX`] records, and what prevents reading.
    pub(crate) fn recompute(&self, read: &dyn Read, parent: RecordId) -> Result<Value> {
        let prefix = keys::referrers(parent)
            .object(self.rollup.object)
            .uint(self.rollup.link.0.into())
            .done();
        let mut sum = Sum::default();
        let mut rows = read.scan(KeyRange::prefix(&prefix), ScanOptions::default())?;
        let mut records = 0;
        while let Some((key, _)) = rows.next()? {
            records += 1;
            if records > ROLLUP_RECORDS_MAX {
                let text = format!("a rollup counts at most {ROLLUP_RECORDS_MAX} records");
                return Err(Error::new(Code::LimitExceeded, text));
            }
            let Some(field) = self.rollup.sum else {
                sum.add(&Value::Integer(1));
                continue;
            };
            let id = RecordId::new(take_uint(&mut &key[prefix.len()..])?)?;
            if let Some(bytes) = read.get(&keys::record(self.rollup.object, id))? {
                sum.add(&RecordView::new(&bytes)?.field(field)?);
            }
        }
        Ok(sum.value(self))
    }
}

impl Sum {
    /// Counts a record in.
    pub(crate) fn count(&mut self, rolled: &Rolled, record: &Record) {
        self.add(&rolled.part(record));
    }

    fn add(&mut self, part: &Value) {
        if let Some((currency, amount)) = amount(part) {
            self.0.entry(currency).or_default().add(amount);
        }
    }

    fn take(&mut self, part: &Value) {
        if let Some((currency, amount)) = amount(part) {
            self.0.entry(currency).or_default().add(-amount);
        }
    }

    /// The sum as its field keeps it. Sums of 0 count for nothing; amounts in several currencies
    /// and sums of more than 28 digits have no value.
    pub(crate) fn value(&self, rolled: &Rolled) -> Value {
        let mut sums = self.0.iter().filter(|(_, exact)| !exact.is_zero());
        let (first, more) = (sums.next(), sums.next());
        match (rolled.value_type, first, more) {
            (_, _, Some(_)) | (ValueType::Money, None, _) => Value::Null,
            (ValueType::Money, Some((currency, exact)), None) => {
                let total = currency.zip(exact.total());
                total.map_or(Value::Null, |(currency, amount)| money(amount, currency))
            }
            (ValueType::Integer, first, None) => {
                let total = first.map_or(Some(Decimal::ZERO), |(_, exact)| exact.total());
                let whole = total.and_then(|total| total.to_i64());
                whole.map_or(Value::Null, Value::Integer)
            }
            (_, first, None) => {
                let total = first.map_or(Some(Decimal::ZERO), |(_, exact)| exact.total());
                total.map_or(Value::Null, Value::Decimal)
            }
        }
    }
}

fn amount(value: &Value) -> Option<(Option<Currency>, Decimal)> {
    match value {
        Value::Integer(n) => Some((None, Decimal::from(*n))),
        Value::Decimal(n) => Some((None, *n)),
        Value::Money(Money { currency, amount }) => Some((Some(*currency), *amount)),
        _ => None,
    }
}

/// An exact amount, written with the minor units of its currency at least.
fn money(mut amount: Decimal, currency: Currency) -> Value {
    if amount.scale() < currency.minor_units() {
        amount.rescale(currency.minor_units());
    }
    Value::Money(Money::new(amount, currency))
}
