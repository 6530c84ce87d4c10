//! What a record must hold to be stored.

use serde_json::Value as Json;

use crate::error::{Code, Error, Result};
use crate::policy::Plan;
use crate::schema::{Field, Object};
use crate::value::Record;

/// Required fields, and those that the record's choices and stages require (C39). Fields that
/// `plan` hides are required all the same, but not named. What `lacked` lacked already is not
/// asked for.
///
/// # Errors
/// [`Code::Required`] with every missing field, not only the first.
pub(super) fn complete(
    object: &Object,
    plan: &Plan,
    record: &Record,
    lacked: Option<&Record>,
) -> Result<()> {
    let (mut missing, because) = missing(object, plan, record);
    if let Some(lacked) = lacked {
        let before = self::missing(object, plan, lacked).0;
        missing.retain(|field| !before.iter().any(|known| known.id == field.id));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let shown = missing.iter().filter(|field| plan.shows(field.id));
    let names: Vec<&str> = shown.map(|field| field.name.as_str()).collect();
    let Some(first) = names.first() else {
        let text = format!("`{}` needs more than the caller may fill in", object.name);
        return Err(Error::new(Code::Required, text));
    };
    let listed: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let needs = match because {
        Some(choice) => format!("`{choice}` needs"),
        None => format!("`{}` needs", object.name),
    };
    Err(
        Error::new(Code::Required, format!("{needs} {}", listed.join(", ")))
            .field(first)
            .with(
                "fields",
                names.iter().map(|name| Json::from(*name)).collect::<Json>(),
            ),
    )
}

/// What a record lacks, and the first shown choice that requires some of it.
fn missing<'o>(
    object: &'o Object,
    plan: &Plan,
    record: &Record,
) -> (Vec<&'o Field>, Option<&'o str>) {
    let mut missing: Vec<&Field> = Vec::new();
    let mut because = None;
    for field in &object.fields {
        let value = record.fields.get(field.id);
        if field.required && value.is_null() {
            missing.push(field);
        }
        let Some(choice) = value.as_choice().and_then(|id| field.choice_by_id(id)) else {
            continue;
        };
        for required in &choice.requires {
            let required = object
                .by_id(*required)
                .filter(|f| record.fields.get(f.id).is_null());
            if let Some(required) = required {
                if plan.shows(field.id) {
                    because.get_or_insert(choice.name.as_str());
                }
                missing.push(required);
            }
        }
    }
    (missing, because)
}
