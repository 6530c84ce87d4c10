//! The field table: values by field number, with offsets, so that one is read without the rest.
//!
//! | Part | Bytes |
//! |---|---|
//! | header: 8 x fields + widths, as [`put_uint`] writes it | 1 up to 29 fields |
//! | the field numbers, ascending | 1 or 2 each |
//! | where each value ends, counted from the first value; not of the last, which ends the table | 1, 2 or 4 each |
//! | the values, as [`encode_value`] writes them | |
//!
//! Of the widths, bit 0 says that field numbers take two bytes; bits 1 and 2 say that offsets
//! take 2 to the power of 0, 1 or 2 bytes. Numbers of more than one byte have their big end
//! first. Fields without a value are not stored.

use super::codec::{borrow_text, decode_value, encode_value, encoded_type};
use super::number::{put_uint, take_uint};
use super::{Fields, Value, ValueType, damaged};
use crate::error::Result;
use crate::ids::FieldId;

const WIDTH_BITS: u32 = 3;
const WIDE_SLOTS: u64 = 1;

/// Appends a field table: the values of a covering index entry or a row of history.
///
/// Fields may come in any order, each once; [`Value::Null`] is left out. Equal fields give
/// equal bytes. The table does not tell its own length, and carries no checksum.
///
/// ```
/// use crm_engine::FieldId;
/// use crm_engine::value::{FieldsView, Value, encode_fields};
/// let mut out = Vec::new();
/// encode_fields(&[(FieldId(2), &true.into()), (FieldId(1), &"Anna".into())], &mut out);
/// let view = FieldsView::new(&out).unwrap();
/// assert_eq!(view.text(FieldId(1)), Some("Anna"));
/// assert_eq!(view.field(FieldId(2)).unwrap(), Value::Checkbox(true));
/// ```
pub fn encode_fields(fields: &[(FieldId, &Value)], out: &mut Vec<u8>) {
    let present = |fields: &[(FieldId, &Value)], out: &mut Vec<u8>| {
        put_table(
            fields.iter().copied().filter(|(_, value)| !value.is_null()),
            out,
        );
    };
    if fields.is_sorted_by_key(|(field, _)| *field) {
        present(fields, out);
    } else {
        let mut fields = fields.to_vec();
        fields.sort_by_key(|(field, _)| *field);
        present(&fields, out);
    }
}

/// Appends the table of `fields`, which ascend and have values.
pub(super) fn put_table<'v>(
    fields: impl Iterator<Item = (FieldId, &'v Value)> + Clone,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    // The width of the offsets depends on the values. Most tables fit the narrowest.
    for offset_width_log2 in 0..=2 {
        if try_put_table(fields.clone(), offset_width_log2, out) {
            return;
        }
        out.truncate(start);
    }
}

/// Appends the table with offsets of this width; false as soon as one does not fit.
fn try_put_table<'v>(
    fields: impl Iterator<Item = (FieldId, &'v Value)> + Clone,
    offset_width_log2: u32,
    out: &mut Vec<u8>,
) -> bool {
    let count = fields.clone().count();
    let wide_slots = fields
        .clone()
        .any(|(field, _)| field.0 > u16::from(u8::MAX));
    let widths = u64::from(wide_slots) | (u64::from(offset_width_log2) << 1);
    put_uint(out, (count as u64) << WIDTH_BITS | widths);
    for (field, _) in fields.clone() {
        out.extend(&field.0.to_be_bytes()[usize::from(!wide_slots)..]);
    }
    let width = 1 << offset_width_log2;
    let offsets = out.len();
    let values = offsets + count.saturating_sub(1) * width;
    out.resize(values, 0);
    for (i, (_, value)) in fields.enumerate() {
        encode_value(value, out);
        if i + 1 < count {
            let end = ((out.len() - values) as u64).to_be_bytes();
            let (zeros, end) = end.split_at(end.len() - width);
            if zeros.iter().any(|byte| *byte > 0) {
                return false;
            }
            out[offsets + i * width..][..width].copy_from_slice(end);
        }
    }
    true
}

/// A field table in its bytes: reads single fields without decoding the others.
#[derive(Debug, Clone, Copy)]
pub struct FieldsView<'a> {
    slots: &'a [u8],
    offsets: &'a [u8],
    values: &'a [u8],
    slot_width: usize,
    offset_width: usize,
}

impl<'a> FieldsView<'a> {
    /// Takes exactly the bytes that [`encode_fields`] wrote. Values are not looked at yet.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged) for bytes that are no field table.
    pub fn new(bytes: &'a [u8]) -> Result<FieldsView<'a>> {
        let mut rest = bytes;
        let header = take_uint(&mut rest)?;
        let slot_width = if header & WIDE_SLOTS == 0 { 1 } else { 2 };
        let offset_width = match header >> 1 & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return Err(damaged("a field table of unknown width")),
        };
        // The count is bounded by the input before anything is multiplied or allocated.
        let count = usize::try_from(header >> WIDTH_BITS).unwrap_or(usize::MAX);
        let ends_early = || damaged("a field table ends early");
        if count > rest.len() {
            return Err(ends_early());
        }
        let (slots, rest) = rest
            .split_at_checked(count * slot_width)
            .ok_or_else(ends_early)?;
        let (offsets, values) = rest
            .split_at_checked(count.saturating_sub(1) * offset_width)
            .ok_or_else(ends_early)?;
        if count == 0 && !values.is_empty() {
            return Err(damaged("bytes behind an empty field table"));
        }
        Ok(FieldsView {
            slots,
            offsets,
            values,
            slot_width,
            offset_width,
        })
    }

    /// How many fields have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() / self.slot_width
    }

    /// Whether no field has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The value of one field; [`Value::Null`] where it is absent.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged) for bytes that are no value.
    pub fn field(&self, field: FieldId) -> Result<Value> {
        match self.bytes_of(field)? {
            Some(bytes) => decode_value(bytes),
            None => Ok(Value::Null),
        }
    }

    /// The encoded value of one field; none where it is absent or its bytes are damaged.
    #[must_use]
    pub fn raw(&self, field: FieldId) -> Option<RawField<'a>> {
        self.bytes_of(field)
            .ok()
            .flatten()
            .map(|bytes| RawField { bytes })
    }

    /// The text of a text, digits, e-mail, phone or link; none for other types, where the
    /// field is absent, and where its bytes are damaged.
    #[must_use]
    pub fn text(&self, field: FieldId) -> Option<&'a str> {
        self.raw(field)?.text()
    }

    /// The encoded values, ascending by field number.
    ///
    /// # Errors
    /// Items are [`Code::Damaged`](crate::Code::Damaged) where offsets make no sense.
    pub fn iter(&self) -> impl Iterator<Item = Result<(FieldId, RawField<'a>)>> + use<'a> {
        let view = *self;
        (0..view.len()).map(move |i| {
            Ok((
                view.slot(i),
                RawField {
                    bytes: view.value_at(i)?,
                },
            ))
        })
    }

    /// All fields.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged) for bytes that no encoder wrote.
    pub fn decode(&self) -> Result<Fields> {
        let mut fields: Vec<(FieldId, Value)> = Vec::with_capacity(self.len());
        for item in self.iter() {
            let (field, raw) = item?;
            if fields.last().is_some_and(|(last, _)| *last >= field) {
                return Err(damaged("fields out of order"));
            }
            match raw.value()? {
                Value::Null => return Err(damaged("a stored null")),
                value => fields.push((field, value)),
            }
        }
        Ok(Fields::from_ascending(fields))
    }

    fn bytes_of(&self, field: FieldId) -> Result<Option<&'a [u8]>> {
        let position = match (self.slot_width, u8::try_from(field.0)) {
            (1, Ok(slot)) => self.slots.iter().position(|s| *s == slot),
            (1, Err(_)) => None,
            _ => {
                let (slots, _) = self.slots.as_chunks();
                slots.binary_search(&field.0.to_be_bytes()).ok()
            }
        };
        position.map(|position| self.value_at(position)).transpose()
    }

    fn slot(&self, i: usize) -> FieldId {
        let slot = &self.slots[i * self.slot_width..][..self.slot_width];
        FieldId(slot.iter().fold(0, |n, &byte| n << 8 | u16::from(byte)))
    }

    fn value_at(&self, i: usize) -> Result<&'a [u8]> {
        let start = if i == 0 { 0 } else { self.end(i - 1) };
        let end = if i + 1 == self.len() {
            self.values.len()
        } else {
            self.end(i)
        };
        self.values
            .get(start..end)
            .ok_or_else(|| damaged("a field outside its table"))
    }

    /// Where value `i`, which is not the last one, ends.
    fn end(&self, i: usize) -> usize {
        let offset = &self.offsets[i * self.offset_width..][..self.offset_width];
        offset.iter().fold(0, |n, &byte| n << 8 | usize::from(byte))
    }
}

/// One encoded value in its bytes.
///
/// Equal bytes mean equal values; equal decimals may differ in bytes, as 1.0 and 1.00 do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawField<'a> {
    bytes: &'a [u8],
}

impl<'a> RawField<'a> {
    /// The bytes, as [`encode_value`] writes them.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The type of the value; none for bytes that are no value.
    #[must_use]
    pub fn value_type(&self) -> Option<ValueType> {
        encoded_type(self.bytes)
    }

    /// The text of a text, digits, e-mail, phone or link, without allocation.
    #[must_use]
    pub fn text(&self) -> Option<&'a str> {
        borrow_text(self.bytes)
    }

    /// The value.
    ///
    /// # Errors
    /// [`Code::Damaged`](crate::Code::Damaged) for bytes that are no value.
    pub fn value(&self) -> Result<Value> {
        decode_value(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::arbitrary::arb_fields;

    fn encoded(fields: &Fields) -> Vec<u8> {
        let mut out = Vec::new();
        encode_fields(&fields.iter().collect::<Vec<_>>(), &mut out);
        out
    }

    #[test]
    fn widths_grow_with_need() {
        let sizes = [(5, 10), (5, 300), (300, 10), (300, 70_000)].map(|(field, bytes)| {
            let text = Value::Text("x".repeat(bytes));
            let fields = Fields::from_iter([(FieldId(field), text), (FieldId(999), true.into())]);
            let stored = encoded(&fields);
            assert_eq!(FieldsView::new(&stored).unwrap().decode().unwrap(), fields);
            stored.len() - bytes
        });
        // Header, two wide field numbers, one offset of 1, 2, 1 and 4 bytes, two type bytes.
        assert_eq!(
            sizes,
            [1 + 4 + 1 + 2, 1 + 4 + 2 + 2, 1 + 4 + 1 + 2, 1 + 4 + 4 + 2]
        );
        assert_eq!(encoded(&Fields::new()), [0]);
        assert_eq!(
            encoded(&Fields::from_iter([(FieldId(1), true.into())])).len(),
            3
        );
    }

    #[test]
    fn order_and_nulls_of_the_input_do_not_matter() {
        let (a, b, null) = (Value::from("a"), Value::from("b"), Value::Null);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        encode_fields(&[(FieldId(1), &a), (FieldId(2), &b)], &mut first);
        encode_fields(
            &[(FieldId(2), &b), (FieldId(7), &null), (FieldId(1), &a)],
            &mut second,
        );
        assert_eq!(first, second);
    }

    #[test]
    fn a_table_out_of_order_is_damaged() {
        let mut stored = encoded(&Fields::from_iter([
            (FieldId(1), true.into()),
            (FieldId(2), true.into()),
        ]));
        stored.swap(1, 2);
        assert!(FieldsView::new(&stored).unwrap().decode().is_err());
    }

    proptest! {
        #[test]
        fn fields_survive_together_and_alone(fields in arb_fields(), other: u16) {
            let stored = encoded(&fields);
            let view = FieldsView::new(&stored).unwrap();
            prop_assert_eq!(&view.decode().unwrap(), &fields);
            prop_assert_eq!(view.len(), fields.len());
            for (field, value) in fields.iter() {
                prop_assert_eq!(&view.field(field).unwrap(), value);
                prop_assert_eq!(view.text(field), value.as_text());
                prop_assert_eq!(view.raw(field).unwrap().value_type(), value.value_type());
            }
            for field in [FieldId(other), FieldId(other % 40)] {
                prop_assert_eq!(&view.field(field).unwrap(), fields.get(field));
                prop_assert_eq!(view.raw(field).is_none(), fields.get(field).is_null());
            }
        }

        #[test]
        fn any_bytes_are_fields_or_an_error(bytes: Vec<u8>, count in 0..12_u64, widths in 0..8_u64) {
            let mut tables = vec![bytes.clone(), Vec::new()];
            put_uint(&mut tables[1], count << WIDTH_BITS | widths);
            tables[1].extend(&bytes);
            for table in &tables {
                if let Ok(view) = FieldsView::new(table) {
                    let _ = view.decode();
                    view.iter().for_each(|item| drop(item.map(|(_, raw)| raw.value())));
                    let _ = (view.field(FieldId(1)), view.field(FieldId(300)));
                }
            }
        }
    }
}
