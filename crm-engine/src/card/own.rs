//! What a card tells of the record itself.

use super::{Asker, CardField, CardSection, Ownership, Person};
use crate::error::Result;
use crate::facts;
use crate::history;
use crate::ids::{FieldId, RecordId, UserId};
use crate::policy::{Action, Plan};
use crate::schema::system::USER;
use crate::schema::{Field, Object, keys, label_in};
use crate::store::Read;
use crate::value::{Record, RecordView, Value};

/// What names a record to people, if that is shown.
pub(super) fn title(
    object: &Object,
    plan: &Plan,
    value: impl FnOnce(FieldId) -> Result<Value>,
) -> Result<Option<String>> {
    let title = object.title.filter(|title| plan.shows(*title));
    let Some(field) = title.and_then(|title| object.by_id(title)) else {
        return Ok(None);
    };
    let value = value(field.id)?;
    Ok((!value.is_null()).then(|| field.to_text(&value)))
}

/// Empties the links to records that the caller may not see.
pub(super) fn hide_links(asker: &Asker<'_>, object: &Object, record: &mut Record) -> Result<()> {
    let facts = asker.facts;
    for field in object.fields.iter().filter(|field| field.target.is_some()) {
        let value = record.fields.get(field.id);
        let shown = facts.shown(asker.snapshot, asker.schema, asker.actor, field, value)?;
        if shown.as_ref() != value {
            record.fields.set(field.id, Value::Null);
        }
    }
    Ok(())
}

/// The fields shown, by section. A section without any is left out: nobody is told whether it has
/// none or he may not see them.
pub(super) fn sections(
    asker: &Asker<'_>,
    object: &Object,
    plan: &Plan,
    record: &Record,
    language: &str,
) -> Result<Vec<CardSection>> {
    let mut sections = Vec::with_capacity(object.sections.len());
    for (section, shown) in object.filled_sections(|field| plan.shows(field)) {
        let mut fields = Vec::with_capacity(shown.len());
        for field in shown {
            let value = record.fields.get(field.id);
            fields.push(CardField {
                name: field.name.clone(),
                label: label_in(&field.labels, language, &field.name).to_owned(),
                value_type: field.value_type,
                value: field.to_json(value),
                text: text(asker, field, value, language)?,
            });
        }
        sections.push(CardSection {
            name: section.name.clone(),
            label: label_in(&section.labels, language, &section.name).to_owned(),
            fields,
        });
    }
    Ok(sections)
}

/// The label of a choice, or the title of a record referred to.
fn text(asker: &Asker<'_>, field: &Field, value: &Value, language: &str) -> Result<Option<String>> {
    match value {
        Value::Choice(choice) => {
            let choice = field.choice_by_id(*choice);
            Ok(choice.map(|choice| label_in(&choice.labels, language, &choice.name).to_owned()))
        }
        Value::Reference(id) => {
            let target = field.target.and_then(|target| asker.schema.by_id(target));
            target.map_or(Ok(None), |target| name_of(asker, target, *id))
        }
        _ => Ok(None),
    }
}

/// What names another record, if the caller may see it.
fn name_of(asker: &Asker<'_>, object: &Object, id: RecordId) -> Result<Option<String>> {
    let plan = asker.facts.plan(asker.actor, object, Action::View);
    if plan.is_nothing() {
        return Ok(None);
    }
    let Some(bytes) = asker.snapshot.get(&keys::record(object.id, id))? else {
        return Ok(None);
    };
    let view = RecordView::new(&bytes)?;
    match facts::permits(asker.snapshot, &plan, &view)? {
        true => title(object, &plan, |title| view.field(title)),
        false => Ok(None),
    }
}

/// A user with his name, if the caller may see it.
pub(super) fn person(asker: &Asker<'_>, user: UserId) -> Result<Person> {
    let users = asker.schema.by_id(USER);
    Ok(Person {
        id: user,
        name: users.map_or(Ok(None), |users| name_of(asker, users, user.0))?,
    })
}

/// Whom the record belonged to from when to when.
pub(super) fn owners(asker: &Asker<'_>, id: RecordId, record: &Record) -> Result<Vec<Ownership>> {
    let tenures = history::tenures(asker.snapshot, id, record)?;
    let owned = tenures.into_iter().map(|tenure| {
        Ok(Ownership {
            owner: match tenure.owner {
                Some(owner) => Some(person(asker, owner)?),
                None => None,
            },
            from: tenure.from,
            to: tenure.to,
        })
    });
    owned.collect()
}
