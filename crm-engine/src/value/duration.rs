//! Durations as text: ISO 8601 (`PT1H30M`, `-PT0.5S`) and clock time (`1:30:00`).

use std::fmt;

const SECOND_MS: i128 = 1_000;
const MINUTE_MS: i128 = 60 * SECOND_MS;
const HOUR_MS: i128 = 60 * MINUTE_MS;
const DAY_MS: i128 = 24 * HOUR_MS;
const WEEK_MS: i128 = 7 * DAY_MS;

/// The units of ISO 8601 that have one length, in the order in which they stand.
const DATE_UNITS: [(char, i128); 2] = [('W', WEEK_MS), ('D', DAY_MS)];
const TIME_UNITS: [(char, i128); 3] = [('H', HOUR_MS), ('M', MINUTE_MS), ('S', SECOND_MS)];

/// The milliseconds of a duration, which may be negative.
///
/// None for anything but the two forms. Years and months are no durations: their length
/// depends on where they are counted from. Neither is `1:30`, which may mean either unit.
pub(super) fn read(text: &str) -> Option<i64> {
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (true, magnitude),
        None => (false, text),
    };
    let ms = match magnitude.strip_prefix('P') {
        Some(iso) => read_iso(iso)?,
        None => read_clock(magnitude)?,
    };
    i64::try_from(if negative { -ms } else { ms }).ok()
}

/// Writes milliseconds in hours, minutes and seconds of ISO 8601.
pub(super) fn write(ms: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if ms < 0 { "-" } else { "" };
    let magnitude = i128::from(ms).abs();
    let (hours, rest) = (magnitude / HOUR_MS, magnitude % HOUR_MS);
    let (minutes, rest) = (rest / MINUTE_MS, rest % MINUTE_MS);
    let (seconds, ms) = (rest / SECOND_MS, rest % SECOND_MS);
    write!(f, "{sign}PT")?;
    if hours > 0 {
        write!(f, "{hours}H")?;
    }
    if minutes > 0 {
        write!(f, "{minutes}M")?;
    }
    match (seconds, ms) {
        (0, 0) if hours + minutes > 0 => Ok(()),
        (seconds, 0) => write!(f, "{seconds}S"),
        (seconds, ms) => write!(f, "{seconds}.{ms:03}S"),
    }
}

/// What follows the `P`: `1W2DT3H4M5.678S`, every part optional, but one there.
fn read_iso(text: &str) -> Option<i128> {
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    Some(read_units(date, &DATE_UNITS)? + read_units(time, &TIME_UNITS)?)
}

/// The sum of `1H30M` and the like: each unit at most once, in order.
fn read_units(mut text: &str, units: &[(char, i128)]) -> Option<i128> {
    let mut total = 0;
    for &(unit, unit_ms) in units {
        if let Some((number, rest)) = text.split_once(unit) {
            total += match unit_ms {
                SECOND_MS => read_seconds(number)?,
                _ => read_whole(number)? * unit_ms,
            };
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

/// `1:30:00`: hours, then two digits of minutes and of seconds, possibly with a fraction.
fn read_clock(text: &str) -> Option<i128> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    if minutes.len() != 2 || seconds.split('.').next()?.len() != 2 {
        return None;
    }
    let (minutes_ms, seconds_ms) = (read_whole(minutes)? * MINUTE_MS, read_seconds(seconds)?);
    (minutes_ms < HOUR_MS && seconds_ms < MINUTE_MS)
        .then_some(read_whole(hours)? * HOUR_MS + minutes_ms + seconds_ms)
}

/// Seconds with at most three decimal places, as milliseconds.
fn read_seconds(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let fraction_ms = match fraction.len() {
        1 => read_whole(fraction)? * 100,
        2 => read_whole(fraction)? * 10,
        3 => read_whole(fraction)?,
        _ => return None,
    };
    Some(read_whole(whole)? * SECOND_MS + fraction_ms)
}

/// Digits only; at most as many as keep every sum far below the bounds of the result.
fn read_whole(digits: &str) -> Option<i128> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain {
        digits.parse::<u64>().ok().map(i128::from)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Written(i64);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(self.0, f)
        }
    }

    #[test]
    fn both_forms_are_read() {
        for (text, ms, written) in [
            ("PT90M", 5_400_000, "PT1H30M"),
            ("1:30:00", 5_400_000, "PT1H30M"),
            ("-0:00:01.5", -1_500, "-PT1.500S"),
            ("100:00:00", 360_000_000, "PT100H"),
            ("P1W2DT3H4M5.06S", 788_645_060, "PT219H4M5.060S"),
            ("PT0S", 0, "PT0S"),
            ("-PT0.001S", -1, "-PT0.001S"),
        ] {
            assert_eq!(read(text), Some(ms), "{text}");
            assert_eq!(Written(ms).to_string(), written, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "-",
            "P",
            "PT",
            "P1DT",
            "90",
            "1:30",
            "1:3:00",
            "1:60:00",
            "1:00:60",
            "P1Y",
            "P1M",
            "PT1S1M",
            "PT1M1M",
            "PT1.5H",
            "PT0.0001S",
            "PT+1S",
            "--PT1S",
            "PT1H ",
            "1:00:00.",
            "PT9223372036854775808S",
            "PT99999999999999999999S",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(ms: i64, shift in 0..64) {
            let ms = ms >> shift;
            prop_assert_eq!(read(&Written(ms).to_string()), Some(ms));
        }
    }

    #[test]
    fn extremes_survive() {
        for ms in [i64::MIN, i64::MAX] {
            assert_eq!(read(&Written(ms).to_string()), Some(ms));
        }
    }
}
