//! Strategies for property tests: values of every type, extremes included.

use chrono::{DateTime, NaiveDate};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;

use super::{Currency, Fields, FileRef, Money, Value, ValueType};
use crate::ids::{ChoiceId, FieldId, RecordId};
use crate::limits::RECORD_ID_MAX;

/// The seconds of the years 0 to 9999.
const SECONDS: std::ops::Range<i64> = -62_167_219_200..253_402_300_800;

/// Values of one type that [`Value::check`] accepts.
pub(crate) fn arb_value(kind: ValueType) -> BoxedStrategy<Value> {
    match kind {
        ValueType::Text => arb_text().prop_map(Value::Text).boxed(),
        ValueType::Digits => "[0-9]{1,64}".prop_map(Value::Digits).boxed(),
        ValueType::Integer => arb_integer().prop_map(Value::Integer).boxed(),
        ValueType::Decimal => arb_decimal().prop_map(Value::Decimal).boxed(),
        ValueType::Money => (arb_decimal(), "[A-C]{3}|EUR|ZZZ")
            .prop_map(|(amount, code)| Money::new(amount, Currency::new(&code).unwrap()).into())
            .boxed(),
        ValueType::Checkbox => any::<bool>().prop_map(Value::Checkbox).boxed(),
        ValueType::Date => SECONDS.prop_map(|s| Value::Date(day(s))).boxed(),
        ValueType::DateTime => (SECONDS, prop_oneof![Just(0), 0..1_000_i64])
            .prop_map(|(s, ms)| {
                DateTime::from_timestamp_millis(s * 1_000 + ms)
                    .unwrap()
                    .into()
            })
            .boxed(),
        ValueType::Duration => arb_integer().prop_map(Value::Duration).boxed(),
        ValueType::Choice => arb_choice().prop_map(Value::Choice).boxed(),
        ValueType::ChoiceSet => btree_set(arb_choice(), 1..8)
            .prop_map(Value::choice_set)
            .boxed(),
        ValueType::Tags => btree_set("[a-cA-Cёж][ a-c]{0,3}[a-c0]", 1..6)
            .prop_map(Value::tags)
            .boxed(),
        ValueType::Reference => arb_record_id().prop_map(Value::Reference).boxed(),
        ValueType::References => btree_set(arb_record_id(), 1..8)
            .prop_map(Value::references)
            .boxed(),
        ValueType::Email => "[a-zA-Z.+]{1,12}@[a-z]{1,8}\\.(com|рф)"
            .prop_map(Value::Email)
            .boxed(),
        ValueType::Phone => "[+(]?[0-9]{3}[-() ./,;#*0-9]{0,12}( ext[.] ?[0-9]{1,4})?"
            .prop_map(Value::Phone)
            .boxed(),
        ValueType::Link => "(https://|www\\.)[a-z]{1,8}\\.com(/[a-zA-Z?=&]{0,9})?"
            .prop_map(Value::Link)
            .boxed(),
        ValueType::File => (any::<u64>(), "[^\u{0}]{1,20}", any::<u64>())
            .prop_map(|(content, name, bytes)| {
                Value::File(FileRef {
                    content,
                    name,
                    bytes,
                })
            })
            .boxed(),
    }
}

/// Values of every type, or none.
pub(crate) fn arb_any_value() -> BoxedStrategy<Value> {
    let values = select(ValueType::ALL.to_vec()).prop_flat_map(arb_value);
    prop_oneof![1 => Just(Value::Null), 16 => values].boxed()
}

/// Field tables with narrow and wide numbers and offsets.
pub(crate) fn arb_fields() -> impl Strategy<Value = Fields> {
    let narrow = vec(((0..40_u16).prop_map(FieldId), arb_any_value()), 0..20);
    let wide = vec((any::<u16>().prop_map(FieldId), arb_any_value()), 0..60);
    prop_oneof![narrow, wide].prop_map(Fields::from_iter)
}

/// Record ids of every length.
pub(crate) fn arb_record_id() -> impl Strategy<Value = RecordId> {
    (1..=RECORD_ID_MAX, 0..53_u32)
        .prop_map(|(id, shift)| RecordId::new((id >> shift).max(1)).unwrap())
}

fn day(seconds: i64) -> NaiveDate {
    DateTime::from_timestamp(seconds, 0).unwrap().date_naive()
}

/// Texts of few letters, so that ties and shared beginnings are common, and of any.
fn arb_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aAbеЕёЁж ]{1,6}",
        "[^\u{0}]{1,20}",
        "[aаё]{80,120}",
        "[a-z]{300}"
    ]
}

fn arb_integer() -> impl Strategy<Value = i64> {
    let any_length = (any::<i64>(), 0..64_u32).prop_map(|(n, shift)| n >> shift);
    prop_oneof![1 => select(vec![i64::MIN, -1, 0, i64::MAX]), 9 => any_length]
}

/// Decimals of every length and scale, equal numbers of different scale among them.
fn arb_decimal() -> impl Strategy<Value = Decimal> {
    let extremes = vec![
        Decimal::MIN,
        Decimal::MAX,
        Decimal::ZERO,
        Decimal::new(1, 28),
    ];
    let any_length = (any::<i128>(), 32..128_u32, 0..=28_u32)
        .prop_map(|(n, shift, scale)| Decimal::from_i128_with_scale(n >> shift, scale));
    let few =
        (-30..30_i128, 0..3_u32).prop_map(|(n, scale)| Decimal::from_i128_with_scale(n, scale));
    prop_oneof![1 => select(extremes), 6 => any_length, 3 => few]
}

fn arb_choice() -> impl Strategy<Value = ChoiceId> {
    prop_oneof![0..12_u16, any::<u16>()].prop_map(ChoiceId)
}
