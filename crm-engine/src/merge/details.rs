//! Values that the target's own field has no room for become details, where a detail object
//! continues that field: the second phone stands among the further phones.

use std::sync::Arc;

use super::{MergeReport, Merging, stored};
use crate::error::{Error, Result};
use crate::policy::Action;
use crate::schema::{Field, Object};
use crate::value::{Value, normal};
use crate::write::{Door, Input};

/// Makes the details. Runs last, when the details of the sources have moved.
pub(super) fn add(door: &mut Door<'_>, merging: &Merging, report: &mut MergeReport) -> Result<()> {
    let schema = Arc::clone(door.schema());
    for (object, parent) in schema.referring_to(merging.object.id) {
        if object.parent != Some(parent.id) {
            continue;
        }
        for field in object.fields.iter().filter(|field| field.further.is_some()) {
            continue_field(door, merging, object, parent, field, report)?;
        }
    }
    Ok(())
}

fn continue_field(
    door: &mut Door<'_>,
    merging: &Merging,
    object: &Arc<Object>,
    parent: &Field,
    field: &Field,
    report: &mut MergeReport,
) -> Result<()> {
    let Some(first) = field.further else {
        return Ok(());
    };
    let target = stored(door, &merging.object, merging.into)?.ok_or_else(Error::not_found)?;
    let mut known = vec![normal(target.fields.get(first))];
    for (source, by, id) in door.referrers(&merging.object, merging.into)? {
        if source.id == object.id && by.id == parent.id {
            let detail = stored(door, object, id)?;
            known.extend(detail.map(|detail| normal(detail.fields.get(field.id))));
        }
    }
    let before = [(merging.into, merging.target.clone())];
    for (_, record) in before.iter().chain(&merging.sources) {
        let value = record.fields.get(first);
        if value.is_null() || known.contains(&normal(value)) {
            continue;
        }
        known.push(normal(value));
        let parent = (parent.id, Value::Reference(merging.into));
        let input = Input::of([parent, (field.id, value.clone())]);
        door.entrusted(|door| door.create(object, input))
            .map_err(|error| error.context(format!("`{}`", object.name)))?;
        let plan = door.plan(object, Action::View);
        if door.may(&merging.object, Action::View, &target)? && plan.shows(field.id) {
            report.line(object)?.added += 1;
        }
    }
    Ok(())
}
