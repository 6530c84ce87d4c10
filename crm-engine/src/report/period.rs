//! Periods in words: `this month`, `last quarter`, `2026-Q1`, `2026-01-01..2026-03-31`.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::error::{Code, Error, Result};

/// A first and a last day.
pub(super) type Period = (NaiveDate, NaiveDate);

/// The days that `text` means on the day `today`; none for `all`.
///
/// # Errors
/// [`Code::InvalidValue`] for words that mean no period.
pub(super) fn period(text: &str, today: NaiveDate) -> Result<Option<Period>> {
    let text = text.trim().to_lowercase();
    let found = match text.as_str() {
        "all" => return Ok(None),
        "today" => Some((today, today)),
        "yesterday" => today.pred_opt().map(|day| (day, day)),
        _ => relative(&text, today).or_else(|| fixed(&text)),
    };
    match found {
        Some((from, to)) if from <= to => Ok(Some((from, to))),
        _ => {
            let text = crate::value::shorten(&text);
            let text = format!(
                "`{text}` is no period: `this month`, `last quarter`, `2026`, `2026-Q1`, `2026-03`, \
                 `2026-01-01..2026-03-31` or `all`"
            );
            Err(Error::new(Code::InvalidValue, text).field("period"))
        }
    }
}

/// The day behind the last one.
pub(super) fn after(to: NaiveDate) -> NaiveDate {
    to.succ_opt().unwrap_or(to)
}

fn relative(text: &str, today: NaiveDate) -> Option<Period> {
    let (which, unit) = text.split_once(' ')?;
    let steps = match which {
        "last" => -1,
        "this" => 0,
        "next" => 1,
        _ => return None,
    };
    let (year, month) = (today.year(), today.month0());
    match unit {
        "week" => {
            let into = today.weekday().num_days_from_monday();
            let monday = today.checked_sub_days(Days::new(into.into()))?;
            let from = match steps {
                -1 => monday.checked_sub_days(Days::new(7))?,
                0 => monday,
                _ => monday.checked_add_days(Days::new(7))?,
            };
            Some((from, from.checked_add_days(Days::new(6))?))
        }
        "month" => months(NaiveDate::from_ymd_opt(year, month + 1, 1)?, steps, 1),
        "quarter" => months(
            NaiveDate::from_ymd_opt(year, month / 3 * 3 + 1, 1)?,
            steps,
            3,
        ),
        "year" => months(NaiveDate::from_ymd_opt(year, 1, 1)?, steps, 12),
        _ => None,
    }
}

/// The period of so many months that begins with `first`, moved by so many of its lengths.
fn months(first: NaiveDate, steps: i32, length: u32) -> Option<Period> {
    let length = Months::new(length);
    let from = match steps {
        -1 => first.checked_sub_months(length)?,
        0 => first,
        _ => first.checked_add_months(length)?,
    };
    Some((from, from.checked_add_months(length)?.pred_opt()?))
}

fn fixed(text: &str) -> Option<Period> {
    if let Some((from, to)) = text.split_once("..") {
        return Some((from.trim().parse().ok()?, to.trim().parse().ok()?));
    }
    if let Ok(day) = text.parse() {
        return Some((day, day));
    }
    let (year, part) = match text.split_once('-') {
        Some((year, part)) => (year, Some(part)),
        None => (text, None),
    };
    let year: i32 = year.parse().ok().filter(|_| year.len() == 4)?;
    let first = |month| NaiveDate::from_ymd_opt(year, month, 1);
    match part {
        None => months(first(1)?, 0, 12),
        Some(part) => match part.strip_prefix('q') {
            Some(quarter) => {
                let quarter: u32 = quarter.parse().ok().filter(|n| (1..=4).contains(n))?;
                months(first(quarter * 3 - 2)?, 0, 3)
            }
            None => months(first(part.parse().ok()?)?, 0, 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_days() {
        let today: NaiveDate = "2026-05-14".parse().unwrap();
        for (text, days) in [
            ("today", "2026-05-14..2026-05-14"),
            ("yesterday", "2026-05-13..2026-05-13"),
            ("this week", "2026-05-11..2026-05-17"),
            ("last week", "2026-05-04..2026-05-10"),
            ("This Month", "2026-05-01..2026-05-31"),
            ("last month", "2026-04-01..2026-04-30"),
            ("next month", "2026-06-01..2026-06-30"),
            ("this quarter", "2026-04-01..2026-06-30"),
            ("last quarter", "2026-01-01..2026-03-31"),
            ("last year", "2025-01-01..2025-12-31"),
            ("2024", "2024-01-01..2024-12-31"),
            ("2024-Q4", "2024-10-01..2024-12-31"),
            ("2024-02", "2024-02-01..2024-02-29"),
            ("2024-02-05", "2024-02-05..2024-02-05"),
        ] {
            let (from, to) = period(text, today).unwrap().unwrap();
            assert_eq!(format!("{from}..{to}"), days, "{text}");
        }
        assert_eq!(period("all", today).unwrap(), None);
        for text in [
            "",
            "soon",
            "2026-Q5",
            "2026-13",
            "this age",
            "2026-02-01..2026-01-01",
        ] {
            let code = period(text, today).unwrap_err().code();
            assert_eq!(code, Code::InvalidValue, "{text}");
        }
    }
}
