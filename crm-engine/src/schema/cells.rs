//! Some values of a record with the names of their fields: how rows are handed to callers.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::ids::FieldId;
use crate::value::Value;

use super::Object;

/// Values of a record by the names of their fields. In JSON an object; choices stand by their
/// names.
///
/// ```
/// use crm_engine::{CardRequest, Engine, Options};
/// use serde_json::json;
///
/// let host = Engine::in_memory(Options::default())?.system();
/// let north = host.create("department", &json!({"name": "North"}))?;
/// host.create("user", &json!({"login": "anna", "name": "Anna", "department": north.get()}))?;
/// let card = host.card(&CardRequest::new("department", north))?.expect("it was just made");
/// let users = card.parts.iter().find(|part| part.object == "user").expect("they refer to it");
/// let cells = &users.rows[0].cells;
/// assert_eq!(cells.get("name").and_then(|name| name.as_text()), Some("Anna"));
/// assert_eq!(serde_json::to_value(cells).unwrap()["name"], "Anna");
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Clone)]
pub struct Cells {
    object: Arc<Object>,
    values: Vec<(FieldId, Value)>,
}

impl Cells {
    /// Values of a record of `object`, in the order they are to be shown.
    pub(crate) fn new(object: &Arc<Object>, values: Vec<(FieldId, Value)>) -> Cells {
        Cells {
            object: Arc::clone(object),
            values,
        }
    }

    /// The value of a field; none when the field is not among the cells.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        let id = self.object.find(field)?.id;
        let found = self.values.iter().find(|(known, _)| *known == id);
        found.map(|(_, value)| value)
    }

    /// The cells in their order: the name of the field and its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        let named = |(id, value)| {
            let field = self.object.by_id(id)?;
            Some((field.name.as_str(), value))
        };
        let cells = self.values.iter().map(|(id, value)| (*id, value));
        cells.filter_map(named)
    }

    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.values.len()))?;
        for (id, value) in &self.values {
            if let Some(field) = self.object.by_id(*id) {
                map.serialize_entry(&field.name, &field.to_json(value))?;
            }
        }
        map.end()
    }
}
