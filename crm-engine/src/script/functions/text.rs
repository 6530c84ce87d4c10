//! Texts.

use rhai::{Array, Dynamic, INT, ImmutableString};
use rust_decimal::Decimal;

use crate::limits::{SCRIPT_ARRAY_ITEMS_MAX, SCRIPT_STRING_BYTES_MAX};

use super::super::convert::to_text;
use super::{Outcome, Rows};

type Text = ImmutableString;

pub(super) fn register(rows: &mut Rows<'_>) {
    questions(rows);
    parts(rows);
    conversions(rows);
}

fn questions(rows: &mut Rows<'_>) {
    rows.function(
        "len",
        (
            "text.len() -> integer",
            "How many characters it has.",
            r#""größe".len() == 5"#,
        ),
        |text: Text| text.chars().count() as INT,
    );
    rows.function(
        "is_empty",
        (
            "text.is_empty() -> bool",
            "Whether it has no characters.",
            r#""".is_empty()"#,
        ),
        |text: Text| text.is_empty(),
    );
    rows.function(
        "contains",
        (
            "text.contains(part) -> bool",
            "Whether `part` occurs in it.",
            r#""abc".contains("b")"#,
        ),
        |text: Text, part: Text| text.contains(part.as_str()),
    );
    rows.function(
        "starts_with",
        (
            "text.starts_with(part) -> bool",
            "Whether it begins so.",
            r#""abc".starts_with("a")"#,
        ),
        |text: Text, part: Text| text.starts_with(part.as_str()),
    );
    rows.function(
        "ends_with",
        (
            "text.ends_with(part) -> bool",
            "Whether it ends so.",
            r#""abc".ends_with("c")"#,
        ),
        |text: Text, part: Text| text.ends_with(part.as_str()),
    );
}

fn parts(rows: &mut Rows<'_>) {
    rows.function(
        "trim",
        (
            "text.trim() -> text",
            "Without white space at both ends; the text it is called on stays as it was.",
            r#"" a ".trim() == "a""#,
        ),
        |text: Text| Text::from(text.trim()),
    );
    rows.function(
        "to_upper",
        (
            "text.to_upper() -> text",
            "In capital letters.",
            r#""ab".to_upper() == "AB""#,
        ),
        |text: Text| Text::from(text.to_uppercase()),
    );
    rows.function(
        "to_lower",
        (
            "text.to_lower() -> text",
            "In small letters.",
            r#""AB".to_lower() == "ab""#,
        ),
        |text: Text| Text::from(text.to_lowercase()),
    );
    rows.function(
        "split",
        (
            "text.split(by) -> array",
            "The parts between the places where `by` occurs.",
            r#""a,b".split(",") == ["a", "b"]"#,
        ),
        split,
    );
    rows.function(
        "sub_string",
        (
            "text.sub_string(from, length) -> text",
            "So many characters from the one at `from`, counted from 0; fewer where it ends.",
            r#""abcd".sub_string(1, 2) == "bc""#,
        ),
        |text: Text, from: INT, length: INT| -> Outcome<Text> {
            let whole = |n: INT| usize::try_from(n).map_err(|_| "`sub_string` counts from 0");
            let (from, length) = (whole(from)?, whole(length)?);
            Ok(text
                .chars()
                .skip(from)
                .take(length)
                .collect::<String>()
                .into())
        },
    );
    rows.function(
        "replace",
        (
            "text.replace(part, by) -> text",
            "With `by` in each place of `part`; the text it is called on stays as it was.",
            r#""a-b-c".replace("-", "") == "abc""#,
        ),
        replace,
    );
}

fn conversions(rows: &mut Rows<'_>) {
    rows.function(
        "parse_int",
        (
            "parse_int(text) -> integer",
            "The integer that is written.",
            r#"parse_int("42") == 42"#,
        ),
        |text: Text| -> Outcome<INT> {
            text.trim()
                .parse()
                .map_err(|_| format!("`{text}` is not an integer").into())
        },
    );
    rows.function(
        "parse_decimal",
        (
            "parse_decimal(text) -> decimal",
            "The decimal that is written, with a point.",
            r#"parse_decimal("1.5") == 1.5"#,
        ),
        |text: Text| -> Outcome<Decimal> {
            text.trim()
                .parse()
                .map_err(|_| format!("`{text}` is not a decimal").into())
        },
    );
    rows.function(
        "to_string",
        (
            "value.to_string() -> text",
            "As text, as in `${value}`; a missing value is empty.",
            r#"date("2017-03-01").to_string() == "2017-03-01" && `${1}` == "1""#,
        ),
        |value: Dynamic| Text::from(to_text(&value)),
    );
}

fn split(text: Text, by: Text) -> Outcome<Array> {
    if by.is_empty() {
        return Err("`split` needs something to split by".into());
    }
    let parts = text.split(by.as_str()).take(SCRIPT_ARRAY_ITEMS_MAX + 1);
    let parts: Array = parts.map(|part| Dynamic::from(part.to_owned())).collect();
    if parts.len() > SCRIPT_ARRAY_ITEMS_MAX {
        return Err(format!("`split` makes more than {SCRIPT_ARRAY_ITEMS_MAX} parts").into());
    }
    Ok(parts)
}

/// The length of the result is known before it is built.
fn replace(text: Text, part: Text, by: Text) -> Outcome<Text> {
    if part.is_empty() {
        return Err("`replace` needs something to replace".into());
    }
    let places = text.matches(part.as_str()).count();
    if text.len() + places.saturating_mul(by.len()) > SCRIPT_STRING_BYTES_MAX + places * part.len()
    {
        return Err(format!("`replace` makes more than {SCRIPT_STRING_BYTES_MAX} bytes").into());
    }
    Ok(text.replace(part.as_str(), &by).into())
}
