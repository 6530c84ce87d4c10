//! Dates and moments. Scripts know one moment: that of the transaction.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use rhai::{INT, ImmutableString, NativeCallContext};

use super::super::call::Call;
use super::{Outcome, Rows};

pub(super) fn register(rows: &mut Rows<'_>) {
    moments(rows);
    parts(rows);
    distances(rows);
}

fn moments(rows: &mut Rows<'_>) {
    rows.function(
        "now",
        (
            "now() -> moment",
            "The moment of the transaction: the same throughout it.",
            "now() == now()",
        ),
        |context: NativeCallContext| Call::of(&context).now,
    );
    rows.function(
        "today",
        (
            "today() -> date",
            "The day of the transaction, in UTC.",
            "today() == now().date",
        ),
        |context: NativeCallContext| Call::of(&context).now.date_naive(),
    );
    rows.function(
        "date",
        (
            "date(text) -> date",
            "The day that is written as year, month and day.",
            r#"date("2017-03-01").day == 1"#,
        ),
        |text: ImmutableString| -> Outcome<NaiveDate> {
            NaiveDate::parse_from_str(&text, "%Y-%m-%d")
                .map_err(|_| format!("`{text}` is not a date like `2017-03-01`").into())
        },
    );
    rows.property(
        "date",
        (
            "moment.date -> date",
            "The day of a moment, in UTC.",
            "now().date == today()",
        ),
        |at: &mut DateTime<Utc>| at.date_naive(),
    );
}

fn parts(rows: &mut Rows<'_>) {
    rows.property(
        "year",
        (
            "date.year -> integer",
            "The year.",
            r#"date("2017-03-01").year == 2017"#,
        ),
        |date: &mut NaiveDate| INT::from(date.year()),
    );
    rows.property(
        "month",
        (
            "date.month -> integer",
            "The month, 1 to 12.",
            r#"date("2017-03-01").month == 3"#,
        ),
        |date: &mut NaiveDate| INT::from(date.month()),
    );
    rows.property(
        "day",
        (
            "date.day -> integer",
            "The day of the month.",
            r#"date("2017-03-01").day == 1"#,
        ),
        |date: &mut NaiveDate| INT::from(date.day()),
    );
}

fn distances(rows: &mut Rows<'_>) {
    rows.function(
        "-",
        (
            "date - date -> integer",
            "The days from the second to the first.",
            r#"date("2017-03-01") - date("2017-02-27") == 2"#,
        ),
        |a: NaiveDate, b: NaiveDate| (a - b).num_days(),
    );
    rows.function(
        "days_between",
        (
            "days_between(from, to) -> integer",
            "The days from the first date to the second; negative when it lies before.",
            r#"days_between(date("2017-02-27"), date("2017-03-01")) == 2"#,
        ),
        |from: NaiveDate, to: NaiveDate| (to - from).num_days(),
    );
    rows.function(
        "+",
        (
            "date + days -> date",
            "So many days later.",
            r#"date("2017-02-27") + 2 == date("2017-03-01")"#,
        ),
        later,
    );
    rows.function(
        "-",
        (
            "date - days -> date",
            "So many days earlier.",
            r#"date("2017-03-01") - 2 == date("2017-02-27")"#,
        ),
        |date: NaiveDate, days: INT| later(date, days.checked_neg().ok_or_else(out_of_range)?),
    );
}

fn later(date: NaiveDate, days: INT) -> Outcome<NaiveDate> {
    let distance = Days::new(days.unsigned_abs());
    let there = match days < 0 {
        true => date.checked_sub_days(distance),
        false => date.checked_add_days(distance),
    };
    there.ok_or_else(out_of_range)
}

fn out_of_range() -> Box<rhai::EvalAltResult> {
    "the date is out of range".into()
}
