//! Amounts in the base currency, by the exchange rate of their day.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::error::Result;
use crate::ids::{FieldId, RecordId};
use crate::index::ListRow;
use crate::schema::system::{EXCHANGE_RATE, SETTING, exchange_rate, setting};
use crate::schema::{Conversion, Object, StageKind, keys, system};
use crate::store::{Read, ScanOptions};
use crate::value::{Currency, Money, Record, RecordView, Value, take_uint};

/// The setting that names the base currency.
const BASE_CURRENCY: &str = "base_currency";
/// The list of exchange rates by currency and day: the first and only one the kernel declares.
const BY_DAY: u8 = 1;

/// When a record is converted.
pub(super) struct At<'r> {
    /// The record before the change.
    pub(super) old: Option<&'r Record>,
    pub(super) now: DateTime<Utc>,
}

/// What an amount is converted by.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rate {
    /// One unit of the amount's currency costs so many of `base`.
    rate: Decimal,
    base: Currency,
}

/// Brings a converted amount and its rate up to date.
///
/// While the stage is open, as always where there are no stages, the newest rate counts that is
/// from the day asked for or before it. The write that closes the stage is the last to look for
/// it: from then on the rate stands, whatever becomes of rates, settings and the record. An amount
/// that is put into another currency afterwards has no rate yet and is given one anew, as is one
/// for which no rate was known.
pub(super) fn fill(
    read: &dyn Read,
    object: &Object,
    (field, conversion): (FieldId, &Conversion),
    at: &At<'_>,
    new: &mut Record,
) -> Result<()> {
    let frozen = at
        .old
        .filter(|old| is_closed(object, old) && is_closed(object, new));
    let rate = match frozen.map(|old| frozen_rate(field, conversion, old, new)) {
        Some(Frozen::AsItStands) => return Ok(()),
        Some(Frozen::Rate(rate)) => Some(rate),
        Some(Frozen::Nothing) | None => current_rate(read, conversion, at, new)?,
    };
    let from = new.fields.get(conversion.from).as_money();
    let converted = from.zip(rate).and_then(|(from, rate)| convert(from, rate));
    // The rate stands beside an amount that it has made, and nowhere else.
    if let Some(kept) = conversion.rate {
        let rate = rate.filter(|_| converted.is_some());
        let value = rate.map_or(Value::Null, |rate| Value::Decimal(rate.rate));
        new.fields.set(kept, value);
    }
    new.fields
        .set(field, converted.map_or(Value::Null, Value::Money));
    Ok(())
}

/// What a closed stage has fixed.
enum Frozen {
    /// The rate, for whatever the amount becomes.
    Rate(Rate),
    /// The converted amount itself, where no field keeps the rate.
    AsItStands,
    /// Nothing: there was no rate, or it is one of another currency.
    Nothing,
}

fn frozen_rate(field: FieldId, conversion: &Conversion, old: &Record, new: &Record) -> Frozen {
    let amount = |record: &Record, field| record.fields.get(field).as_money();
    let Some(before) = amount(old, field) else {
        return Frozen::Nothing;
    };
    let currency = |record| amount(record, conversion.from).map(|money: Money| money.currency);
    let Some(rate) = conversion.rate else {
        return Frozen::AsItStands;
    };
    match old.fields.get(rate).as_decimal() {
        Some(rate) if currency(new) == currency(old) => Frozen::Rate(Rate {
            rate,
            base: before.currency,
        }),
        _ => Frozen::Nothing,
    }
}

fn is_closed(object: &Object, record: &Record) -> bool {
    let stage = object.stage_field().and_then(|field| {
        let choice = record.fields.get(field.id).as_choice()?;
        field.choice_by_id(choice)?.stage
    });
    matches!(stage, Some(StageKind::Won | StageKind::Lost))
}

fn convert(from: Money, rate: Rate) -> Option<Money> {
    let amount = from.amount.checked_mul(rate.rate)?;
    Some(Money::new(amount, rate.base).rounded())
}

/// Whether a converted amount is the product of what it was made of, as far as the record tells.
pub(crate) fn is_consistent(conversion: &Conversion, record: &Record, converted: &Value) -> bool {
    let Some(field) = conversion.rate else {
        return true;
    };
    let from = record.fields.get(conversion.from).as_money();
    let rate = record.fields.get(field).as_decimal();
    match (from, rate, converted.as_money()) {
        (_, None, None) => true,
        (Some(from), Some(rate), Some(converted)) => {
            let base = converted.currency;
            convert(from, Rate { rate, base }) == Some(converted)
        }
        _ => false,
    }
}

fn current_rate(
    read: &dyn Read,
    conversion: &Conversion,
    at: &At<'_>,
    record: &Record,
) -> Result<Option<Rate>> {
    let Some(from) = record.fields.get(conversion.from).as_money() else {
        return Ok(None);
    };
    let Some(base) = base_currency(read)? else {
        return Ok(None);
    };
    if from.currency == base {
        let rate = Decimal::ONE;
        return Ok(Some(Rate { rate, base }));
    }
    let day = conversion.at.and_then(|at| record.fields.get(at).as_date());
    let day = day.unwrap_or_else(|| at.now.date_naive());
    let rate = newest_rate(read, from.currency, day)?;
    Ok(rate.map(|rate| Rate { rate, base }))
}

fn base_currency(read: &dyn Read) -> Result<Option<Currency>> {
    let key = keys::unique(SETTING, setting::NAME, &Value::from(BASE_CURRENCY));
    let Some(id) = read.get(&key)? else {
        return Ok(None);
    };
    let id = RecordId::new(take_uint(&mut id.as_ref())?)?;
    let value = stored(read, SETTING, id, setting::VALUE)?;
    Ok(value.as_text().and_then(|code| Currency::new(code).ok()))
}

/// The newest rate of a currency from `day` or before it.
fn newest_rate(read: &dyn Read, currency: Currency, day: NaiveDate) -> Result<Option<Decimal>> {
    let code = Value::from(currency.as_str());
    let list = keys::all(EXCHANGE_RATE, BY_DAY).done().len();
    let of_currency = || keys::all(EXCHANGE_RATE, BY_DAY).value(&code, false);
    let mut range = of_currency().range();
    if let Some(next) = day.succ_opt() {
        let behind = of_currency().value(&Value::Date(next), false).done();
        range = range.ending_before(&behind);
    }
    let mut rows = read.scan(range, ScanOptions::REVERSE)?;
    while let Some((key, columns)) = rows.next()? {
        // The key of a list does not tell `USD` from `usd`, which is no currency.
        let row = ListRow::new(by_day(), &key[list..], columns)?;
        let id = row.id;
        let is_it = row.value(exchange_rate::CURRENCY)?.as_text() == Some(currency.as_str());
        if is_it {
            return Ok(stored(read, EXCHANGE_RATE, id, exchange_rate::RATE)?.as_decimal());
        }
    }
    Ok(None)
}

/// The order of exchange rates, as `kernel.toml` declares it.
fn by_day() -> &'static crate::schema::List {
    use std::sync::LazyLock;
    static LIST: LazyLock<crate::schema::List> = LazyLock::new(|| {
        let ascending = |field| crate::schema::SortKey {
            field,
            descending: false,
        };
        crate::schema::List {
            id: BY_DAY,
            name: "by_day".to_owned(),
            by: vec![
                ascending(exchange_rate::CURRENCY),
                ascending(exchange_rate::DAY),
            ],
        }
    });
    &LIST
}

fn stored(
    read: &dyn Read,
    object: crate::ids::ObjectId,
    id: RecordId,
    field: FieldId,
) -> Result<Value> {
    debug_assert!(field.0 >= system::DECLARED_FIRST, "records hold no others");
    match read.get(&keys::record(object, id))? {
        Some(bytes) => RecordView::new(&bytes)?.field(field),
        None => Ok(Value::Null),
    }
}
