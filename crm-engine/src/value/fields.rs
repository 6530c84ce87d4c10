//! Values by field.

use super::Value;
use crate::ids::FieldId;

/// Values by field, ascending by field number. A field that is absent has no value.
///
/// ```
/// use crm_engine::FieldId;
/// use crm_engine::value::{Fields, Value};
/// let mut fields: Fields = [(FieldId(7), Value::from("Anna"))].into_iter().collect();
/// assert_eq!(fields.get(FieldId(7)).as_text(), Some("Anna"));
/// assert!(fields.get(FieldId(8)).is_null());
/// fields.set(FieldId(7), Value::Null);
/// assert!(fields.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields(Vec<(FieldId, Value)>);

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Fields {
        Fields::default()
    }

    /// Takes fields that ascend and have values.
    pub(super) fn from_ascending(fields: Vec<(FieldId, Value)>) -> Fields {
        Fields(fields)
    }

    /// The value of a field; [`Value::Null`] where it is absent.
    #[must_use]
    pub fn get(&self, field: FieldId) -> &Value {
        static NULL: Value = Value::Null;
        self.position(field)
            .map_or(&NULL, |position| &self.0[position].1)
    }

    /// Gives a field a value; [`Value::Null`] removes it.
    pub fn set(&mut self, field: FieldId, value: Value) {
        match (self.position(field), value) {
            (Ok(position), Value::Null) => drop(self.0.remove(position)),
            (Ok(position), value) => self.0[position].1 = value,
            (Err(_), Value::Null) => {}
            (Err(position), value) => self.0.insert(position, (field, value)),
        }
    }

    /// The fields that have a value, ascending by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (FieldId, &Value)> + Clone {
        self.0.iter().map(|(field, value)| (*field, value))
    }

    /// Keeps the fields that `keep` wants.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(FieldId) -> bool) {
        self.0.retain(|(field, _)| keep(*field));
    }

    /// How many fields have a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no field has a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn position(&self, field: FieldId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&field, |(field, _)| *field)
    }
}

impl FromIterator<(FieldId, Value)> for Fields {
    /// Of several values for one field the last one stays.
    fn from_iter<I: IntoIterator<Item = (FieldId, Value)>>(values: I) -> Fields {
        let mut fields = Fields::new();
        values
            .into_iter()
            .for_each(|(field, value)| fields.set(field, value));
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_keeps_order_and_drops_nulls() {
        let mut fields = Fields::new();
        for (field, value) in [(3, "c"), (1, "a"), (2, "b"), (1, "A")] {
            fields.set(FieldId(field), value.into());
        }
        fields.set(FieldId(2), Value::Null);
        fields.set(FieldId(9), Value::Null);
        let found: Vec<_> = fields
            .iter()
            .map(|(id, value)| (id.0, value.to_string()))
            .collect();
        assert_eq!(found, [(1, "A".to_owned()), (3, "c".to_owned())]);
        assert_eq!(fields.len(), 2);
    }
}
