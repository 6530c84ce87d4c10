//! Tables: what reports and lists give, and what draws, prints and exports take.

use crate::schema::Field;
use crate::value::{Value, ValueType};

/// Typed rows with labels for people.
///
/// ```
/// use crm_engine::Table;
/// let table = Table { title: "Things".into(), columns: vec![], rows: vec![], chart: None };
/// assert!(table.rows.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it shows, for people.
    pub title: String,
    /// Its columns, in the order of the values of a row.
    pub columns: Vec<TableColumn>,
    /// Its rows. A word may stand where a column has no value: `undefined`, say.
    pub rows: Vec<Vec<Value>>,
    /// How it is drawn.
    pub chart: Option<Chart>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableColumn {
    /// Its stable name.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// The type of its values.
    pub value_type: ValueType,
    /// The field it shows, if it shows one: it names the choices.
    pub field: Option<Field>,
}

impl TableColumn {
    /// A value of the column as text, choices by their names; no value is empty text.
    #[must_use]
    pub fn text(&self, value: &Value) -> String {
        match &self.field {
            Some(field) => field.to_text(value),
            None => value.to_string(),
        }
    }
}

/// How a table is drawn; the numbers are positions of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chart {
    /// One bar below the other, as long as its value.
    Funnel {
        /// What names a bar.
        label: usize,
        /// How long it is.
        value: usize,
    },
    /// Bars side by side.
    Bars {
        /// What names a group of bars.
        label: usize,
        /// What is named before it, where groups are called alike.
        group: Option<usize>,
        /// How long they are.
        values: Vec<usize>,
    },
    /// Lines over what the label names, time as a rule.
    Lines {
        /// What the points stand over.
        label: usize,
        /// How high they stand.
        values: Vec<usize>,
    },
    /// A table with a light in each row: `red`, `yellow` or `green`.
    Lights {
        /// What names a row.
        label: usize,
        /// Which light is on.
        light: usize,
    },
}
