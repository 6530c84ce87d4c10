//! How long a text is, and how numbers read.

/// Between groups of three digits.
const THIN_SPACE: char = '\u{2009}';

/// About how wide a text is drawn in a sans-serif letter of this size: rather too wide than too
/// narrow, for nobody knows which letters will be at hand.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// The width of a character in its own height.
fn em(c: char) -> f64 {
    match c {
        THIN_SPACE | '\u{202f}' => 0.22,
        ' ' | 'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '·' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '-' | '/' | '"' => 0.42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '&' | '—' | '…' => 0.98,
        'ж' | 'м' | 'ф' | 'ш' | 'щ' | 'ы' | 'ю' | 'ъ' => 0.88,
        'Ж' | 'М' | 'Ф' | 'Ш' | 'Щ' | 'Ы' | 'Ю' | 'Д' => 1.06,
        c if c >= '\u{1100}' && !('\u{1e00}'..='\u{2fff}').contains(&c) => 1.05,
        c if c.is_uppercase() => 0.73,
        _ => 0.63,
    }
}

/// As much of a text as fits, with a sign that there is more; none when all of it fits.
pub(super) fn shortened(text: &str, size: f64, room: f64) -> Option<String> {
    if width(text, size) <= room {
        return None;
    }
    let mut left = room - width("…", size);
    let fits = |c: &char| {
        left -= em(*c) * size;
        left >= 0.0
    };
    let short: String = text.chars().take_while(fits).collect();
    Some(format!("{}…", short.trim_end()))
}

/// A text without what no document may hold.
pub(super) fn clean(text: &str) -> String {
    let fits = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let whole = text.chars().map(|c| {
        if c.is_whitespace() && c.is_control() {
            ' '
        } else {
            c
        }
    });
    whole.filter(fits).collect()
}

/// A number with its digits in groups of three, and a comma before its fraction where that is the
/// custom; what stands behind the number stays.
///
/// ```text
/// -1234567.50 EUR  reads  -1 234 567.50 EUR
/// ```
pub(crate) fn in_groups(number: &str, language: &str) -> String {
    let sign = number.len() - number.trim_start_matches('-').len();
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(&number[sign..]);
    let mut text = number[..sign].to_owned();
    for (at, digit) in number[sign..sign + whole].chars().enumerate() {
        if at > 0 && (whole - at).is_multiple_of(3) {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
    let rest = &number[sign + whole..];
    match rest.strip_prefix('.') {
        Some(fraction) if whole > 0 && digits(fraction) > 0 && language == "ru" => {
            text.push(',');
            text.push_str(fraction);
        }
        _ => text.push_str(rest),
    }
    text
}

/// As [`in_groups`], with a point before the fraction.
pub(crate) fn grouped(number: &str) -> String {
    in_groups(number, "en")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        assert_eq!(grouped("10005534"), "10\u{2009}005\u{2009}534");
        assert_eq!(grouped("-1234.50 EUR"), "-1\u{2009}234.50 EUR");
        assert_eq!(grouped("-123"), "-123");
        assert_eq!(grouped("7"), "7");
        assert_eq!(in_groups("1234.5 RUB", "ru"), "1\u{2009}234,5 RUB");
        assert_eq!(in_groups("undefined", "ru"), "undefined");
        assert_eq!(in_groups("", "ru"), "");
    }

    #[test]
    fn what_is_shortened_fits() {
        for text in [
            "Общество с ограниченной ответственностью",
            "MMMMMMMMMMMM",
            "iiiiiiiiiiiiii",
        ] {
            for room in [20.0, 60.0, 100.0] {
                if let Some(short) = shortened(text, 13.0, room) {
                    assert!(width(&short, 13.0) <= room, "{short}");
                }
            }
        }
        assert_eq!(shortened("short", 13.0, 100.0), None);
    }

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(clean("a\nb\u{1}c\u{ffff}"), "a bc");
    }
}
