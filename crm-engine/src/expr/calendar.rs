//! Days and moments as a reader sees them: in a time zone, at a moment that stands still while a
//! text is evaluated.
//!
//! A week begins on Monday; weeks are numbered as ISO 8601 does. Periods:
//!
//! | Written | Days |
//! |---|---|
//! | `today`, `yesterday`, `tomorrow` | one |
//! | `this week`, `last month`, `next quarter`, `this year` | all of them; `day` too |
//! | `last 7 days` | as many, the last of them today |
//! | `next 7 days` | as many, the first of them today |
//! | `2026`, `2026-Q1`, `2026-03`, `2026-03-31` | all of them |
//! | `2026-01-01..2026-03-31` | from the one to the other, both included |

use std::fmt;

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;

use crate::error::{Code, Error, Result};
use crate::limits::PERIOD_DAYS_MAX;
use crate::value::{Value, shorten};

/// A moment and the time zone of the one who asks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Calendar {
    now: DateTime<Utc>,
    zone: Tz,
}

/// What days are gathered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// Days, most of them told from today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    /// A whole unit, so many before or after this one.
    Whole(Unit, i32),
    /// So many days up to and with today.
    Last(u32),
    /// So many days from today on.
    Next(u32),
    /// From a day on, up to the day behind the last one.
    Days(NaiveDate, NaiveDate),
}

/// The days and the moments of a period, the ends left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    days: (NaiveDate, NaiveDate),
    moments: (DateTime<Utc>, DateTime<Utc>),
}

impl Calendar {
    /// A calendar in a time zone; without one, in UTC.
    pub(crate) fn new(now: DateTime<Utc>, zone: Option<Tz>) -> Calendar {
        Calendar {
            now,
            zone: zone.unwrap_or(Tz::UTC),
        }
    }

    /// The time zone of that IANA name.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] where there is none.
    pub(crate) fn zone(name: &str) -> Result<Tz> {
        name.trim().parse().map_err(|_| {
            let name = shorten(name);
            let text = format!("`{name}` is no time zone: expected a name like `Europe/Moscow`");
            Error::new(Code::InvalidValue, text)
        })
    }

    /// The moment at which everything is asked.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// The day it is there.
    pub(crate) fn today(&self) -> NaiveDate {
        self.day_of(self.now)
    }

    /// The day it is there at a moment.
    pub(super) fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// The first moment of a day there, which need not be midnight.
    pub(super) fn beginning(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(chrono::NaiveTime::MIN);
        match self.zone.from_local_datetime(&midnight) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
            LocalResult::None => self.after_gap(day, midnight.and_utc()),
        }
    }

    /// The first moment of a day whose midnight was skipped: somewhere around midnight in UTC.
    fn after_gap(&self, day: NaiveDate, midnight: DateTime<Utc>) -> DateTime<Utc> {
        // No clock on earth is more than a day and some hours apart from UTC; clocks are changed at
        // whole seconds.
        let around = 50 * 3_600;
        let (mut before, mut from) = (midnight.timestamp() - around, midnight.timestamp() + around);
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap_or(midnight);
        while from - before > 1 {
            let middle = before + (from - before) / 2;
            match self.day_of(at(middle)) < day {
                true => before = middle,
                false => from = middle,
            }
        }
        at(from)
    }

    /// The days and moments of a period.
    pub(super) fn stretch(&self, period: Period) -> Stretch {
        let days = period.days(self.today());
        Stretch {
            days,
            moments: (self.beginning(days.0), self.beginning(days.1)),
        }
    }
}

impl Stretch {
    /// Whether a day or a moment is in it; none for anything else.
    pub(super) fn contains(&self, value: &Value) -> Option<bool> {
        match value {
            Value::Date(day) => Some(self.days.0 <= *day && *day < self.days.1),
            Value::DateTime(at) => Some(self.moments.0 <= *at && *at < self.moments.1),
            _ => None,
        }
    }

    /// The first value of a type in it and the first one behind it.
    pub(crate) fn ends(&self, moments: bool) -> (Value, Value) {
        match moments {
            true => (
                Value::DateTime(self.moments.0),
                Value::DateTime(self.moments.1),
            ),
            false => (Value::Date(self.days.0), Value::Date(self.days.1)),
        }
    }
}

impl Unit {
    /// A unit by its name.
    pub(super) fn parse(name: &str) -> Option<Unit> {
        let units = [
            Unit::Day,
            Unit::Week,
            Unit::Month,
            Unit::Quarter,
            Unit::Year,
        ];
        units.into_iter().find(|unit| unit.to_string() == name)
    }

    /// The first day of the unit that a day is in.
    pub(super) fn first_day(self, day: NaiveDate) -> NaiveDate {
        let first = match self {
            Unit::Day => Some(day),
            Unit::Week => {
                let since = day.weekday().num_days_from_monday();
                day.checked_sub_days(Days::new(since.into()))
            }
            Unit::Month => day.with_day(1),
            Unit::Quarter => NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1),
            Unit::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
        };
        // Before the first day that can be told there is none.
        first.unwrap_or(day)
    }

    /// The first day of the unit `by` units later, or earlier.
    fn moved(self, first: NaiveDate, by: i32) -> NaiveDate {
        let count = by.unsigned_abs();
        let days = |each: u32| match by < 0 {
            true => first.checked_sub_days(Days::new((each * count).into())),
            false => first.checked_add_days(Days::new((each * count).into())),
        };
        let months = |each: u32| match by < 0 {
            true => first.checked_sub_months(Months::new(each * count)),
            false => first.checked_add_months(Months::new(each * count)),
        };
        let moved = match self {
            Unit::Day => days(1),
            Unit::Week => days(7),
            Unit::Month => months(1),
            Unit::Quarter => months(3),
            Unit::Year => months(12),
        };
        moved.unwrap_or(first)
    }

    /// Its number: the year, the quarter, month or ISO week of the year, the day of the month.
    pub(super) fn number(self, day: NaiveDate) -> i64 {
        match self {
            Unit::Day => day.day().into(),
            Unit::Week => day.iso_week().week().into(),
            Unit::Month => day.month().into(),
            Unit::Quarter => (day.month0() / 3 + 1).into(),
            Unit::Year => day.year().into(),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Quarter => "quarter",
            Unit::Year => "year",
        })
    }
}

impl Period {
    /// Reads a period.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] for any other text, [`Code::LimitExceeded`] beyond
    /// [`PERIOD_DAYS_MAX`] days.
    pub(crate) fn parse(text: &str) -> Result<Period> {
        let folded = text.to_lowercase();
        let words: Vec<&str> = folded.split_whitespace().collect();
        let refuse = || {
            let text = shorten(text);
            let text = format!(
                "`{text}` is no period: expected one like `this month`, `last 7 days`, `2026-Q1`"
            );
            Error::new(Code::InvalidValue, text)
        };
        match words.as_slice() {
            ["today"] => Ok(Period::Whole(Unit::Day, 0)),
            ["yesterday"] => Ok(Period::Whole(Unit::Day, -1)),
            ["tomorrow"] => Ok(Period::Whole(Unit::Day, 1)),
            [which @ ("this" | "last" | "next"), unit] => {
                let unit = Unit::parse(unit).ok_or_else(refuse)?;
                let by = match *which {
                    "this" => 0,
                    "last" => -1,
                    _ => 1,
                };
                Ok(Period::Whole(unit, by))
            }
            [which @ ("last" | "next"), count, "day" | "days"] => {
                let count: u32 = count.parse().map_err(|_| refuse())?;
                if count > PERIOD_DAYS_MAX {
                    let text = format!("a period has at most {PERIOD_DAYS_MAX} days");
                    return Err(Error::new(Code::LimitExceeded, text));
                }
                Ok(match *which {
                    "last" => Period::Last(count),
                    _ => Period::Next(count),
                })
            }
            [written] => Period::written(written).ok_or_else(refuse),
            _ => Err(refuse()),
        }
    }

    /// A period that is the same on every day.
    fn written(text: &str) -> Option<Period> {
        if let Some((from, to)) = text.split_once("..") {
            let (from, to): (NaiveDate, NaiveDate) = (from.parse().ok()?, to.parse().ok()?);
            return (from <= to).then_some(Period::Days(from, to.succ_opt()?));
        }
        if let Ok(day) = text.parse() {
            return Some(Period::of(Unit::Day, day));
        }
        let (year, part) = match text.split_once('-') {
            Some((year, part)) => (year, Some(part)),
            None => (text, None),
        };
        let year: i32 = year.parse().ok().filter(|_| year.len() == 4)?;
        let first = |month| NaiveDate::from_ymd_opt(year, month, 1);
        Some(match part.map(|part| (part, part.strip_prefix('q'))) {
            None => Period::of(Unit::Year, first(1)?),
            Some((_, Some(quarter))) => {
                let quarter: u32 = quarter.parse().ok().filter(|n| (1..=4).contains(n))?;
                Period::of(Unit::Quarter, first(quarter * 3 - 2)?)
            }
            Some((month, None)) => Period::of(Unit::Month, first(month.parse().ok()?)?),
        })
    }

    /// The unit that begins with a day.
    fn of(unit: Unit, first: NaiveDate) -> Period {
        Period::Days(first, unit.moved(first, 1))
    }

    /// Its first day and the first day behind it.
    pub(crate) fn days(self, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let day = |by: i64| match u64::try_from(by) {
            Ok(by) => today.checked_add_days(Days::new(by)).unwrap_or(today),
            Err(_) => {
                let days = Days::new(by.unsigned_abs());
                today.checked_sub_days(days).unwrap_or(today)
            }
        };
        match self {
            Period::Whole(unit, by) => {
                let first = unit.moved(unit.first_day(today), by);
                (first, unit.moved(first, 1))
            }
            Period::Last(count) => (day(1 - i64::from(count)), day(1)),
            Period::Next(count) => (day(0), day(count.into())),
            Period::Days(from, behind) => (from, behind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(now: &str, zone: &str) -> Calendar {
        Calendar::new(now.parse().unwrap(), Some(Calendar::zone(zone).unwrap()))
    }

    #[test]
    fn periods() {
        let calendar = calendar("2017-05-10T12:00:00Z", "UTC");
        for (period, from, to) in [
            ("today", "2017-05-10", "2017-05-11"),
            ("Yesterday", "2017-05-09", "2017-05-10"),
            ("tomorrow", "2017-05-11", "2017-05-12"),
            ("this day", "2017-05-10", "2017-05-11"),
            ("this week", "2017-05-08", "2017-05-15"),
            ("last  week", "2017-05-01", "2017-05-08"),
            ("this month", "2017-05-01", "2017-06-01"),
            ("next month", "2017-06-01", "2017-07-01"),
            ("last quarter", "2017-01-01", "2017-04-01"),
            ("this quarter", "2017-04-01", "2017-07-01"),
            ("this year", "2017-01-01", "2018-01-01"),
            ("last year", "2016-01-01", "2017-01-01"),
            ("last 1 day", "2017-05-10", "2017-05-11"),
            ("last 7 days", "2017-05-04", "2017-05-11"),
            ("next 30 days", "2017-05-10", "2017-06-09"),
            ("next 0 days", "2017-05-10", "2017-05-10"),
            ("2024", "2024-01-01", "2025-01-01"),
            ("2024-Q4", "2024-10-01", "2025-01-01"),
            ("2024-02", "2024-02-01", "2024-03-01"),
            ("2024-02-05", "2024-02-05", "2024-02-06"),
            ("2024-02-05..2024-02-29", "2024-02-05", "2024-03-01"),
        ] {
            let (first, behind) = Period::parse(period).unwrap().days(calendar.today());
            assert_eq!(
                (first.to_string(), behind.to_string()),
                (from.into(), to.into()),
                "{period}"
            );
        }
        for text in [
            "",
            "now",
            "this",
            "last days",
            "last -1 days",
            "next 2 weeks",
            "this decade",
            "2026-Q5",
            "2026-13",
            "26",
            "2026-02-01..2026-01-01",
        ] {
            assert_eq!(
                Period::parse(text).unwrap_err().code(),
                Code::InvalidValue,
                "{text}"
            );
        }
        let long = Period::parse("last 4000000 days").unwrap_err();
        assert_eq!(long.code(), Code::LimitExceeded);
    }

    #[test]
    fn days_begin_where_the_reader_is() {
        for (zone, day, beginning) in [
            ("UTC", "2017-05-10", "2017-05-10T00:00:00Z"),
            ("Europe/Moscow", "2017-05-10", "2017-05-09T21:00:00Z"),
            ("America/New_York", "2017-01-10", "2017-01-10T05:00:00Z"),
            ("America/New_York", "2017-07-10", "2017-07-10T04:00:00Z"),
            // Clocks were put forward at midnight: the day began at one o'clock.
            ("America/Sao_Paulo", "2017-10-15", "2017-10-15T03:00:00Z"),
            // They were put back from midnight: the day began with the first of the two midnights.
            ("America/Sao_Paulo", "2018-02-18", "2018-02-18T03:00:00Z"),
            // A day that was left out when the date line moved begins with the next one.
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
        ] {
            let calendar = calendar("2017-05-10T12:00:00Z", zone);
            let at = calendar.beginning(day.parse().unwrap());
            assert_eq!(
                at,
                beginning.parse::<DateTime<Utc>>().unwrap(),
                "{zone} {day}"
            );
        }
    }

    #[test]
    fn units() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (unit, first, number) in [
            ("day", "2016-01-02", 2),
            ("week", "2015-12-28", 53),
            ("month", "2016-01-01", 1),
            ("quarter", "2016-01-01", 1),
            ("year", "2016-01-01", 2016),
        ] {
            let unit = Unit::parse(unit).unwrap();
            assert_eq!(unit.first_day(day("2016-01-02")), day(first));
            assert_eq!(unit.number(day("2016-01-02")), number);
        }
        assert_eq!(Unit::parse("decade"), None);
        assert_eq!(
            Unit::Year.first_day(NaiveDate::MIN).year(),
            NaiveDate::MIN.year()
        );
    }
}
