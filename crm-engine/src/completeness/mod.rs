//! How complete records are: for each list of fields that an object declares, how many of them a
//! record has filled (C42). A pure function of the record, cut to what the caller sees.

use serde::Serialize;

use crate::policy::Plan;
use crate::schema::{Field, Object};
use crate::value::Record;

/// How far a record has filled one list of fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filled {
    /// The name of the list.
    pub name: String,
    /// How many of its fields have a value.
    pub filled: usize,
    /// How many fields there are, of those the caller sees.
    pub total: usize,
    /// The filled ones in per cent, rounded down: 100 means all.
    pub percent: usize,
    /// The names of the fields without a value.
    pub missing: Vec<String>,
}

/// Measures a record by the lists of its object, under the plan of who asks; `record` holds no
/// links to records he may not see. A list of which he sees no field is left out (invariant
/// *invisible is absent*).
#[must_use]
pub(crate) fn completeness(object: &Object, plan: &Plan, record: &Record) -> Vec<Filled> {
    let lists = object.completeness.iter();
    lists
        .filter_map(|list| {
            let shown = list.fields.iter().filter(|field| plan.shows(**field));
            let fields: Vec<&Field> = shown.filter_map(|id| object.by_id(*id)).collect();
            let empty =
                |field: &&&Field| !field.is_system() && record.fields.get(field.id).is_null();
            let missing: Vec<String> = fields
                .iter()
                .filter(empty)
                .map(|f| f.name.clone())
                .collect();
            let (total, filled) = (fields.len(), fields.len() - missing.len());
            Some(Filled {
                name: list.name.clone(),
                filled,
                total,
                percent: (100 * filled).checked_div(total)?,
                missing,
            })
        })
        .collect()
}
