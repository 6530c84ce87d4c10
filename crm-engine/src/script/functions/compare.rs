//! Comparison, strict: values that have no common order are an error, not `false`.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, Utc};
use rhai::{Dynamic, INT};
use rust_decimal::Decimal;

use crate::value::Money;

use super::super::convert::kind_of;
use super::{Outcome, Rows};

pub(super) fn register(rows: &mut Rows<'_>) {
    equality(rows);
    order(rows);
    rows.function(
        "min",
        (
            "min(a, b) -> value",
            "The smaller of two comparable values.",
            "min(3, 2) == 2",
        ),
        |a: Dynamic, b: Dynamic| -> Outcome<Dynamic> {
            Ok(if compare(&a, &b)?.is_le() { a } else { b })
        },
    );
    rows.function(
        "max",
        (
            "max(a, b) -> value",
            "The larger of two comparable values.",
            "max(3, 2) == 3",
        ),
        |a: Dynamic, b: Dynamic| -> Outcome<Dynamic> {
            Ok(if compare(&a, &b)?.is_ge() { a } else { b })
        },
    );
}

fn equality(rows: &mut Rows<'_>) {
    rows.function(
        "==",
        (
            "a == b -> bool",
            "Whether two values are the same; values of different types never are, \
             but an integer may equal a decimal.",
            r#"1 == 1.0 && "1" != 1 && () == ()"#,
        ),
        |a: Dynamic, b: Dynamic| same(&a, &b),
    );
    rows.function(
        "!=",
        (
            "a != b -> bool",
            "Whether two values differ.",
            r#"1 != 2 && 1 != ()"#,
        ),
        |a: Dynamic, b: Dynamic| !same(&a, &b),
    );
}

fn order(rows: &mut Rows<'_>) {
    rows.function(
        "<",
        (
            "a < b -> bool",
            "Whether `a` comes before `b`: two numbers, texts, dates, moments, or amounts of one \
             currency. Anything else, a missing value above all, is an error.",
            r#"1 < 1.5 && "a" < "b" && date("2017-03-01") < date("2017-03-02")"#,
        ),
        |a: Dynamic, b: Dynamic| compare(&a, &b).map(Ordering::is_lt),
    );
    rows.function(
        "<=",
        (
            "a <= b -> bool",
            "Whether `a` comes before `b` or equals it.",
            "1 <= 1.0",
        ),
        |a: Dynamic, b: Dynamic| compare(&a, &b).map(Ordering::is_le),
    );
    rows.function(
        ">",
        (
            "a > b -> bool",
            "Whether `a` comes after `b`.",
            r#"money(2, "EUR") > money(1, "EUR")"#,
        ),
        |a: Dynamic, b: Dynamic| compare(&a, &b).map(Ordering::is_gt),
    );
    rows.function(
        ">=",
        (
            "a >= b -> bool",
            "Whether `a` comes after `b` or equals it.",
            r#""b" >= "a""#,
        ),
        |a: Dynamic, b: Dynamic| compare(&a, &b).map(Ordering::is_ge),
    );
}

/// The order of two values, where there is one.
pub(super) fn compare(a: &Dynamic, b: &Dynamic) -> Outcome<Ordering> {
    let order = numbers(a, b)
        .map(|(a, b)| a.cmp(&b))
        .or_else(|| texts(a, b, |a, b| a.cmp(b)))
        .or_else(|| pair::<NaiveDate>(a, b).map(|(a, b)| a.cmp(&b)))
        .or_else(|| pair::<DateTime<Utc>>(a, b).map(|(a, b)| a.cmp(&b)))
        .or_else(|| {
            let (a, b) = pair::<Money>(a, b)?;
            (a.currency == b.currency).then(|| a.amount.cmp(&b.amount))
        });
    order.ok_or_else(|| {
        let amounts = pair::<Money>(a, b);
        match amounts {
            Some((a, b)) => format!("`{a}` and `{b}` are of different currencies").into(),
            None => format!("{} and {} cannot be compared", kind_of(a), kind_of(b)).into(),
        }
    })
}

/// Whether two values are the same; arrays and maps by their members.
pub(super) fn same(a: &Dynamic, b: &Dynamic) -> bool {
    if let Some((a, b)) = numbers(a, b) {
        return a == b;
    }
    if let Some(equal) = texts(a, b, |a, b| a == b) {
        return equal;
    }
    if let (Ok(a), Ok(b)) = (a.as_array_ref(), b.as_array_ref()) {
        return a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b));
    }
    if let (Ok(a), Ok(b)) = (a.as_map_ref(), b.as_map_ref()) {
        let members = a.iter().zip(b.iter());
        return a.len() == b.len()
            && members
                .into_iter()
                .all(|(a, b)| a.0 == b.0 && same(a.1, b.1));
    }
    (a.is_unit() && b.is_unit())
        || pair::<bool>(a, b).is_some_and(|(a, b)| a == b)
        || pair::<NaiveDate>(a, b).is_some_and(|(a, b)| a == b)
        || pair::<DateTime<Utc>>(a, b).is_some_and(|(a, b)| a == b)
        || pair::<Money>(a, b).is_some_and(|(a, b)| a == b)
}

fn numbers(a: &Dynamic, b: &Dynamic) -> Option<(Decimal, Decimal)> {
    let number = |value: &Dynamic| match value.as_int() {
        Ok(n) => Some(Decimal::from(n as INT)),
        Err(_) => value.as_decimal().ok(),
    };
    Some((number(a)?, number(b)?))
}

fn texts<R>(a: &Dynamic, b: &Dynamic, with: impl FnOnce(&str, &str) -> R) -> Option<R> {
    match (a.as_immutable_string_ref(), b.as_immutable_string_ref()) {
        (Ok(a), Ok(b)) => Some(with(&a, &b)),
        _ => None,
    }
}

fn pair<T: Copy + Send + Sync + 'static>(a: &Dynamic, b: &Dynamic) -> Option<(T, T)> {
    Some((*a.read_lock::<T>()?, *b.read_lock::<T>()?))
}
