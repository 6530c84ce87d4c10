//! Numbers and money.

use rhai::{INT, ImmutableString};
use rust_decimal::{Decimal, RoundingStrategy};

use crate::value::{Currency, Money};

use super::{Outcome, Rows};

pub(super) fn register(rows: &mut Rows<'_>) {
    numbers(rows);
    money(rows);
}

fn numbers(rows: &mut Rows<'_>) {
    rows.function(
        "-",
        ("-integer -> integer", "The opposite.", "-(3) == 1 - 4"),
        |n: INT| n.checked_neg().ok_or_else(overflow),
    );
    rows.function(
        "-",
        (
            "-decimal -> decimal",
            "The opposite.",
            "-(1.5) == 0.0 - 1.5",
        ),
        |n: Decimal| -n,
    );
    rows.function(
        "!",
        ("!bool -> bool", "True for false, false for true.", "!false"),
        |b: bool| !b,
    );
    rows.function(
        "abs",
        (
            "integer.abs() -> integer",
            "Without the sign.",
            "(-3).abs() == 3",
        ),
        |n: INT| n.checked_abs().ok_or_else(overflow),
    );
    rows.function(
        "abs",
        (
            "decimal.abs() -> decimal",
            "Without the sign.",
            "(-1.5).abs() == 1.5",
        ),
        |n: Decimal| n.abs(),
    );
    rows.function(
        "round",
        (
            "decimal.round(digits) -> decimal",
            "Rounded to so many digits after the point; halves go away from zero.",
            "(2.345).round(2) == 2.35",
        ),
        |n: Decimal, digits: INT| -> Outcome<Decimal> {
            let digits = u32::try_from(digits)
                .ok()
                .filter(|digits| *digits <= Decimal::MAX_SCALE);
            let digits = digits.ok_or("`round` takes 0 to 28 digits")?;
            Ok(n.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero))
        },
    );
    rows.function(
        "to_decimal",
        (
            "integer.to_decimal() -> decimal",
            "The same number as a decimal: integers divide without a remainder.",
            "7 / 2 == 3 && 7.to_decimal() / 2 == 3.5",
        ),
        |n: INT| Decimal::from(n),
    );
    rows.function(
        "to_integer",
        (
            "decimal.to_integer() -> integer",
            "The whole part; digits after the point are cut off.",
            "(3.9).to_integer() == 3",
        ),
        |n: Decimal| INT::try_from(n.trunc()).map_err(|_| overflow()),
    );
}

fn money(rows: &mut Rows<'_>) {
    rows.function(
        "money",
        (
            "money(integer, currency) -> money",
            "An amount in a currency by its three letters.",
            r#"money(5, "EUR").amount == 5"#,
        ),
        |amount: INT, currency: ImmutableString| new(amount.into(), &currency),
    );
    rows.function(
        "money",
        (
            "money(decimal, currency) -> money",
            "An amount in a currency by its three letters.",
            r#"money(5.50, "EUR").amount == 5.5"#,
        ),
        |amount: Decimal, currency: ImmutableString| new(amount, &currency),
    );
    rows.property(
        "amount",
        (
            "money.amount -> decimal",
            "The amount.",
            r#"money(7, "EUR").amount == 7"#,
        ),
        |money: &mut Money| money.amount,
    );
    rows.property(
        "currency",
        (
            "money.currency -> text",
            "The currency.",
            r#"money(7, "EUR").currency == "EUR""#,
        ),
        |money: &mut Money| ImmutableString::from(money.currency.to_string()),
    );
    rows.function(
        "+",
        (
            "money + money -> money",
            "The sum of two amounts of the same currency; anything else is an error.",
            r#"money(5, "EUR") + money(2, "EUR") == money(7, "EUR")"#,
        ),
        add,
    );
    rows.function(
        "-",
        (
            "money - money -> money",
            "The difference of two amounts of the same currency; anything else is an error.",
            r#"money(5, "EUR") - money(2, "EUR") == money(3, "EUR")"#,
        ),
        |a: Money, b: Money| {
            add(
                a,
                Money {
                    amount: -b.amount,
                    ..b
                },
            )
        },
    );
    rows.function(
        "*",
        (
            "money * integer -> money",
            "So many times the amount.",
            r#"money(5, "EUR") * 2 == money(10, "EUR")"#,
        ),
        |money: Money, times: INT| multiply(money, times.into()),
    );
    rows.function(
        "*",
        (
            "money * decimal -> money",
            "The amount times the number, exact and not rounded.",
            r#"money(5, "EUR") * 0.2 == money(1, "EUR")"#,
        ),
        multiply,
    );
}

fn new(amount: Decimal, currency: &str) -> Outcome<Money> {
    let currency = Currency::new(currency).map_err(|error| error.to_string())?;
    Ok(Money { currency, amount })
}

fn add(a: Money, b: Money) -> Outcome<Money> {
    a.checked_add(b).map_err(|error| error.to_string().into())
}

fn multiply(money: Money, times: Decimal) -> Outcome<Money> {
    let amount = money.amount.checked_mul(times).ok_or_else(overflow)?;
    Ok(Money { amount, ..money })
}

pub(super) fn overflow() -> Box<rhai::EvalAltResult> {
    "the result is too large".into()
}
