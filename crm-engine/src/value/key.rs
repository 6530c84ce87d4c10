//! Order-preserving bytes: the byte order of keys is the order of values.
//!
//! A key is a row of components. Each component ends by itself, so components can follow one
//! another and be read or skipped from the front. A value is its type's number and a payload:
//!
//! | Type | Payload |
//! |---|---|
//! | no value | nothing; its number is 0, so it comes before everything |
//! | text, digits, e-mail, phone, link, tags | the sort key of the text form, then 0 |
//! | integer, date, date-time, duration | length and sign in one byte, then the magnitude |
//! | decimal | sign and magnitude in one byte, then pairs of digits, see `number` |
//! | money | the currency in two bytes, then the decimal |
//! | checkbox, choice, reference | [`put_uint`] |
//! | choice set, references | [`put_uint`] of each number + 1, then 0 |
//! | file | its name like a text, then [`put_uint`] of content and size |
//!
//! A descending component is the same with every bit turned over. Only the first
//! [`SORT_TEXT_BYTES_MAX`] bytes of a text and as many bytes' worth of a set take part in the
//! order, so that a component takes at most about half of the longest key of a store.

use std::cmp::Ordering;

use super::number::{ZERO, put_decimal, put_int, put_uint, uint_tail_bytes};
use super::{FileRef, Value, ValueType, collate, damaged};
use crate::error::Result;
use crate::ids::{ChoiceId, RecordId};
use crate::limits::SORT_TEXT_BYTES_MAX;

/// How many members of a choice set take part in the order: three bytes each.
const SORT_CHOICES_MAX: usize = SORT_TEXT_BYTES_MAX / 3;
/// How many members of a set of references do: nine bytes each at most.
const SORT_REFERENCES_MAX: usize = SORT_TEXT_BYTES_MAX / 9;

/// Appends a value as one component of a key.
///
/// ```
/// use crm_engine::value::{Value, put_value};
/// let component = |value: Value, descending| {
///     let mut out = Vec::new();
///     put_value(&mut out, &value, descending);
///     out
/// };
/// assert!(component(Value::Integer(9), false) < component(Value::Integer(10), false));
/// assert!(component(Value::Integer(9), true) > component(Value::Integer(10), true));
/// assert!(component(Value::Null, false) < component(Value::Integer(i64::MIN), false));
/// ```
pub fn put_value(out: &mut Vec<u8>, value: &Value, descending: bool) {
    let start = out.len();
    out.push(value.value_type().map_or(0, ValueType::number));
    match value {
        Value::Null => {}
        Value::Text(text)
        | Value::Digits(text)
        | Value::Email(text)
        | Value::Phone(text)
        | Value::Link(text) => put_text(out, text),
        Value::Tags(tags) => put_text(out, &tags_text(tags)),
        Value::Integer(n) | Value::Duration(n) => put_int(out, *n),
        Value::Date(date) => put_int(out, i64::from(date.to_epoch_days())),
        Value::DateTime(at) => put_int(out, at.timestamp_millis()),
        Value::Decimal(n) => put_decimal(out, *n),
        Value::Money(money) => {
            out.extend(money.currency.number().to_be_bytes());
            put_decimal(out, money.amount);
        }
        Value::Checkbox(checked) => put_uint(out, u64::from(*checked)),
        Value::Choice(choice) => put_uint(out, u64::from(choice.0)),
        Value::ChoiceSet(choices) => {
            for choice in sorted_choices(choices) {
                put_uint(out, u64::from(choice.0) + 1);
            }
            out.push(0);
        }
        Value::Reference(id) => put_uint(out, id.get()),
        Value::References(records) => {
            for id in sorted_references(records) {
                put_uint(out, id.get() + 1);
            }
            out.push(0);
        }
        Value::File(file) => {
            put_text(out, &file.name);
            put_uint(out, file.content);
            put_uint(out, file.bytes);
        }
    }
    if descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// Appends what [`put_value`] writes first, ascending, for every text of a type that begins with
/// `folded` once it is folded itself. Only the first characters take part.
pub(crate) fn put_beginning(out: &mut Vec<u8>, value_type: ValueType, folded: &str) {
    // So many characters are within the sorted part of every text, however long they are.
    const CHARACTERS_MAX: usize = SORT_TEXT_BYTES_MAX / 4;
    let end = folded.char_indices().nth(CHARACTERS_MAX);
    let part = end.map_or(folded, |(end, _)| &folded[..end]);
    out.push(value_type.number());
    collate::key_beginning(part, out);
}

/// Takes a component that [`put_value`] wrote off the front of `input`, without reading the
/// value; `descending` as it was written. On an error, where `input` stands is unspecified.
///
/// # Errors
/// [`Code::Damaged`](crate::Code::Damaged) when the input does not begin with a component.
///
/// ```
/// use crm_engine::value::{Value, put_uint, put_value, skip_value, take_uint};
/// let mut out = Vec::new();
/// put_value(&mut out, &Value::from("Anna"), true);
/// put_uint(&mut out, 17);
/// let mut input = &out[..];
/// skip_value(&mut input, true).unwrap();
/// assert_eq!(take_uint(&mut input).unwrap(), 17);
/// ```
pub fn skip_value(input: &mut &[u8], descending: bool) -> Result<()> {
    let mut reader = Reader {
        input,
        turned: if descending { 0xFF } else { 0 },
    };
    let number = reader.byte()?;
    if number == 0 {
        return Ok(());
    }
    let Some(kind) = ValueType::from_number(number) else {
        return Err(damaged("a key holds an unknown type"));
    };
    match kind {
        ValueType::Text
        | ValueType::Digits
        | ValueType::Email
        | ValueType::Phone
        | ValueType::Link
        | ValueType::Tags => reader.skip_text(),
        ValueType::Integer | ValueType::Date | ValueType::DateTime | ValueType::Duration => {
            reader.skip_int()
        }
        ValueType::Decimal => reader.skip_decimal(),
        ValueType::Money => {
            reader.skip(2)?;
            reader.skip_decimal()
        }
        ValueType::Checkbox | ValueType::Choice | ValueType::Reference => {
            reader.skip_uint().map(drop)
        }
        ValueType::ChoiceSet | ValueType::References => {
            while reader.skip_uint()? != 0 {}
            Ok(())
        }
        ValueType::File => {
            reader.skip_text()?;
            reader.skip_uint()?;
            reader.skip_uint().map(drop)
        }
    }
}

/// The order of two values: that of their ascending keys, without building them.
///
/// No value comes first, then types in the order of [`ValueType::ALL`]. Within a type: texts
/// and tags alphabetically (case decides last), numbers, days and moments by size, `false`
/// before `true`, money by currency and amount, choices by number, references by id, sets of
/// choices and references member by member, files by name. Values that differ only beyond
/// [`SORT_TEXT_BYTES_MAX`] compare as equal.
///
/// ```
/// use std::cmp::Ordering;
/// use crm_engine::value::compare;
/// assert_eq!(compare(&"Ёлка".into(), &"Жук".into()), Ordering::Less);
/// assert_eq!(compare(&"ёлка".into(), &"Елка".into()), Ordering::Greater);
/// ```
#[must_use]
pub fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b))
        | (Value::Digits(a), Value::Digits(b))
        | (Value::Email(a), Value::Email(b))
        | (Value::Phone(a), Value::Phone(b))
        | (Value::Link(a), Value::Link(b)) => compare_texts(a, b),
        (Value::Tags(a), Value::Tags(b)) => compare_texts(&tags_text(a), &tags_text(b)),
        (Value::Integer(a), Value::Integer(b)) | (Value::Duration(a), Value::Duration(b)) => {
            a.cmp(b)
        }
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        (Value::Money(a), Value::Money(b)) => a.cmp(b),
        (Value::Checkbox(a), Value::Checkbox(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::DateTime(a), Value::DateTime(b)) => a.timestamp_millis().cmp(&b.timestamp_millis()),
        (Value::Choice(a), Value::Choice(b)) => a.cmp(b),
        (Value::ChoiceSet(a), Value::ChoiceSet(b)) => sorted_choices(a).cmp(sorted_choices(b)),
        (Value::Reference(a), Value::Reference(b)) => a.cmp(b),
        (Value::References(a), Value::References(b)) => {
            sorted_references(a).cmp(sorted_references(b))
        }
        (Value::File(a), Value::File(b)) => compare_files(a, b),
        (a, b) => {
            let number = |value: &Value| value.value_type().map_or(0, ValueType::number);
            number(a).cmp(&number(b))
        }
    }
}

fn compare_texts(a: &str, b: &str) -> Ordering {
    collate::compare(sorted_part(a), sorted_part(b))
}

fn compare_files(a: &FileRef, b: &FileRef) -> Ordering {
    compare_texts(&a.name, &b.name).then_with(|| (a.content, a.bytes).cmp(&(b.content, b.bytes)))
}

/// The part of a text that takes part in the order.
fn sorted_part(text: &str) -> &str {
    &text[..text.floor_char_boundary(SORT_TEXT_BYTES_MAX)]
}

/// The members of a choice set that take part in the order.
fn sorted_choices(choices: &[ChoiceId]) -> &[ChoiceId] {
    &choices[..choices.len().min(SORT_CHOICES_MAX)]
}

/// The members of a set of references that take part in the order.
fn sorted_references(records: &[RecordId]) -> &[RecordId] {
    &records[..records.len().min(SORT_REFERENCES_MAX)]
}

/// What a tag field is ordered by: its text form.
fn tags_text(tags: &[String]) -> String {
    tags.join(", ")
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    collate::sort_key(sorted_part(text), out);
    out.push(0);
}

/// Reads a component from the front of the input, its bits turned over where it descends.
struct Reader<'r, 'a> {
    input: &'r mut &'a [u8],
    turned: u8,
}

impl Reader<'_, '_> {
    fn byte(&mut self) -> Result<u8> {
        let (&byte, rest) = self.input.split_first().ok_or_else(ends_early)?;
        *self.input = rest;
        Ok(byte ^ self.turned)
    }

    fn skip(&mut self, bytes: usize) -> Result<()> {
        *self.input = self.input.get(bytes..).ok_or_else(ends_early)?;
        Ok(())
    }

    fn skip_text(&mut self) -> Result<()> {
        while self.byte()? != 0 {}
        Ok(())
    }

    /// Gives the first byte, which is 0 for the number 0 only.
    fn skip_uint(&mut self) -> Result<u8> {
        let first = self.byte()?;
        self.skip(uint_tail_bytes(first))?;
        Ok(first)
    }

    fn skip_int(&mut self) -> Result<()> {
        let first = self.byte()?;
        match first.abs_diff(ZERO) {
            length @ 0..=8 => self.skip(usize::from(length)),
            _ => Err(damaged("a key holds a number of unknown length")),
        }
    }

    fn skip_decimal(&mut self) -> Result<()> {
        let last_bit = match self.byte()?.cmp(&ZERO) {
            Ordering::Equal => return Ok(()),
            Ordering::Greater => 0,
            Ordering::Less => 1,
        };
        while self.byte()? & 1 != last_bit {}
        Ok(())
    }
}

fn ends_early() -> crate::error::Error {
    damaged("a key ends early")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use rust_decimal::Decimal;

    use super::*;
    use crate::limits::KEY_BYTES_MAX;
    use crate::value::arbitrary::{arb_any_value, arb_record_id, arb_value};
    use crate::value::take_uint;

    fn component(value: &Value, descending: bool) -> Vec<u8> {
        let mut out = Vec::new();
        put_value(&mut out, value, descending);
        out
    }

    /// Two values of one type, or of any.
    fn arb_pair() -> impl Strategy<Value = (Value, Value)> {
        let same = select(ValueType::ALL.to_vec())
            .prop_flat_map(|kind| (arb_value(kind), arb_value(kind)));
        prop_oneof![9 => same, 1 => (arb_any_value(), arb_any_value())]
    }

    fn check_order(a: &Value, b: &Value) {
        let order = compare(a, b);
        assert_eq!(
            component(a, false).cmp(&component(b, false)),
            order,
            "{a:?} {b:?}"
        );
        assert_eq!(
            component(a, true).cmp(&component(b, true)),
            order.reverse(),
            "{a:?} {b:?}"
        );
        assert_eq!(compare(b, a), order.reverse());
    }

    /// Every pair of values, given in ascending order, is in that order.
    fn check_ascending(values: &[Value]) {
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a:?} {b:?}");
                check_order(a, b);
            }
        }
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn numbers_ascend() {
        let integers = [
            i64::MIN,
            -65_536,
            -256,
            -255,
            -1,
            0,
            1,
            255,
            256,
            65_535,
            i64::MAX,
        ];
        check_ascending(&integers.map(Value::Integer));
        check_ascending(&integers.map(Value::Duration));
        let mut decimals = vec![Value::Null, Decimal::MIN.into()];
        decimals.extend(
            [
                "-100",
                "-99.9",
                "-10",
                "-1.01",
                "-1",
                "-0.0000000000000000000000000001",
            ]
            .map(|text| decimal(text).into()),
        );
        decimals.extend(
            [
                "0",
                "0.0000000000000000000000000001",
                "0.009",
                "0.01",
                "0.1",
                "0.11",
                "1",
                "1.5",
            ]
            .map(|text| decimal(text).into()),
        );
        decimals.extend(["9.99", "10", "12", "101", "120.5"].map(|text| decimal(text).into()));
        decimals.push(Decimal::MAX.into());
        check_ascending(&decimals);
    }

    #[test]
    fn equal_decimals_have_one_key() {
        for (a, b) in [
            ("1.0", "1.00"),
            ("0", "-0.000"),
            ("100", "100.0"),
            ("-2.50", "-2.5"),
        ] {
            assert_eq!(
                component(&decimal(a).into(), false),
                component(&decimal(b).into(), false)
            );
        }
    }

    #[test]
    fn texts_beyond_the_limit_are_equal_in_order_and_keys_stay_short() {
        let long = |end: &str| Value::Text("Ⱥ".repeat(SORT_TEXT_BYTES_MAX / 2) + end);
        assert_eq!(compare(&long("a"), &long("b")), Ordering::Equal);
        check_order(&long("a"), &long("b"));
        assert!(component(&long(""), false).len() < KEY_BYTES_MAX * 3 / 4);
        let set = |n: u16| Value::choice_set((0..n).map(|i| ChoiceId(60_000 + i)));
        assert!(component(&set(1_000), false).len() < KEY_BYTES_MAX * 3 / 4);
        check_order(&set(1_000), &set(2_000));
        check_order(&set(3), &set(2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn byte_order_is_value_order((a, b) in arb_pair()) {
            check_order(&a, &b);
        }

        #[test]
        fn composite_keys_keep_the_order(
            (a, b) in arb_pair(),
            (x, y) in arb_pair(),
            (m, n) in (arb_record_id(), arb_record_id()),
            descending: [bool; 2],
        ) {
            let turn = |order: Ordering, turned: bool| if turned { order.reverse() } else { order };
            let key = |first: &Value, second: &Value, id: u64| {
                let mut out = component(first, descending[0]);
                put_value(&mut out, second, descending[1]);
                put_uint(&mut out, id);
                out
            };
            for b in [&b, &a] {
                let order = turn(compare(&a, b), descending[0])
                    .then(turn(compare(&x, &y), descending[1]))
                    .then(m.cmp(&n));
                prop_assert_eq!(key(&a, &x, m.get()).cmp(&key(b, &y, n.get())), order);
            }
        }

        #[test]
        fn components_are_skipped_exactly(value in arb_any_value(), descending: bool, behind: u64) {
            let mut key = component(&value, descending);
            let length = key.len();
            put_uint(&mut key, behind);
            let mut input = &key[..];
            skip_value(&mut input, descending).unwrap();
            prop_assert_eq!(take_uint(&mut input).unwrap(), behind);
            for cut in 0..length {
                prop_assert!(skip_value(&mut &key[..cut], descending).is_err());
            }
        }

        #[test]
        fn any_bytes_are_skipped_or_an_error(bytes: Vec<u8>, number in 0..20_u8, descending: bool) {
            let _ = skip_value(&mut &bytes[..], descending);
            let _ = skip_value(&mut &[&[number], &bytes[..]].concat()[..], descending);
        }
    }
}
