//! What else is made of a field: what stands in the way of its deletion.

use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::schema::{Field, Object, Schema};

/// Something that is made of a field.
struct Use {
    /// What it is, in words.
    text: String,
    /// The field that it belongs to, if it is part of one: who may not see that field is not
    /// told its name.
    of: Option<(ObjectId, FieldId)>,
}

impl Schema {
    /// Refuses when the field is needed by the engine, or something else is made of it.
    pub(super) fn check_unused(
        &self,
        object: &Object,
        field: &Field,
        shows: &dyn Fn(&Object, FieldId) -> bool,
    ) -> Result<()> {
        let name = &field.name;
        let kernel = Schema::kernel();
        let declared = kernel
            .by_id(object.id)
            .and_then(|known| known.by_id(field.id));
        if field.is_system() || declared.is_some() {
            let text = format!("the engine needs `{name}` of `{}`", object.name);
            return Err(Error::new(Code::SchemaFixed, text).field(name));
        }
        let mut uses = Vec::new();
        own_parts(object, field.id, &mut uses);
        for other in self.objects() {
            if self.accepts_by(other, object, field.id) {
                let text = format!("how `{}` is accepted", other.name);
                uses.push(Use { text, of: None });
            }
            if other
                .log
                .is_some_and(|log| (log.of, log.field) == (object.id, field.id))
            {
                let text = format!("the log `{}`", other.name);
                uses.push(Use { text, of: None });
            }
            for by in &other.fields {
                if (other.id, by.id) != (object.id, field.id) {
                    uses.extend(use_by(object, field, other, by));
                }
            }
        }
        let Some(first) = uses.first() else {
            return Ok(());
        };
        // One that may be named goes first.
        let seen = |found: &&Use| match found.of {
            Some((id, of)) => self.by_id(id).is_some_and(|object| shows(object, of)),
            None => true,
        };
        let text = match uses.iter().find(seen) {
            Some(seen) => &seen.text,
            None => {
                debug_assert!(first.of.is_some(), "only fields are kept from the caller");
                "another field"
            }
        };
        let text = format!("`{name}` of `{}` is needed by {text}", object.name);
        Err(Error::new(Code::StillReferenced, text).field(name))
    }
}

impl Schema {
    /// Whether the field of `object` takes part when records of `accepted` are accepted.
    fn accepts_by(&self, accepted: &Object, object: &Object, field: FieldId) -> bool {
        let Some(accept) = &accepted.accept else {
            return false;
        };
        let target = |link: FieldId| accepted.by_id(link).and_then(|link| link.target);
        let interest = accept.interest.as_ref();
        let taken = accept
            .take
            .iter()
            .chain(interest.iter().flat_map(|one| &one.take));
        let links = [Some(accept.link), accept.once, interest.map(|one| one.link)];
        let own = links.contains(&Some(field)) || taken.clone().any(|(_, from)| *from == field);
        let of_client = accept.take.iter().any(|(to, _)| *to == field);
        let of_interest = interest
            .is_some_and(|one| one.of == field || one.take.iter().any(|(to, _)| *to == field));
        (accepted.id == object.id && own)
            || (target(accept.link) == Some(object.id) && of_client)
            || (interest.and_then(|one| target(one.link)) == Some(object.id) && of_interest)
    }
}

/// The parts of the object beside its fields that are made of the field.
fn own_parts(object: &Object, field: FieldId, uses: &mut Vec<Use>) {
    let mut add = |is_used: bool, text: String| {
        if is_used {
            uses.push(Use { text, of: None });
        }
    };
    add(
        object.title == Some(field),
        "the title of its records".to_owned(),
    );
    add(
        object.parent == Some(field),
        "its records, which are details by it".to_owned(),
    );
    for list in object.written_lists() {
        let is_used = list.by.iter().any(|key| key.field == field);
        add(is_used, format!("the list `{}`", list.name));
    }
    for total in &object.totals {
        add(
            total.is_made_of(field),
            format!("the total `{}`", total.name),
        );
    }
    for rule in &object.duplicates {
        let is_used = rule.all.iter().any(|comparison| comparison.field == field);
        add(is_used, format!("the duplicate rule `{}`", rule.name));
    }
    let compared = &object.compared;
    add(
        compared.forms.contains(&field) || compared.heads.contains(&field),
        "a duplicate rule of another object".to_owned(),
    );
    add(
        object.draft == Some(field),
        "its drafts, which it marks".to_owned(),
    );
    for together in &object.together {
        let is_used = together.fields.contains(&field);
        add(is_used, "values that are unique together".to_owned());
    }
    if let Some(event) = &object.event {
        let parts = [event.at, event.kind, event.channel];
        add(
            parts.contains(&Some(field)),
            "the events its records are".to_owned(),
        );
    }
}

/// How the field `by` of `other` is made of `field`, if it is.
fn use_by(object: &Object, field: &Field, other: &Object, by: &Field) -> Option<Use> {
    let own = other.id == object.id;
    let place = format!("`{}` of `{}`", by.name, other.name);
    let rolled = by.rollup.is_some_and(|rollup| {
        let counted = rollup.object == object.id;
        counted && (rollup.link == field.id || rollup.sum == Some(field.id))
    });
    let converted = own
        && by.converted.is_some_and(|conversion| {
            let parts = [Some(conversion.from), conversion.at, conversion.rate];
            parts.contains(&Some(field.id))
        });
    let further = by.further == Some(field.id)
        && other
            .parent_field()
            .is_some_and(|(_, parent)| parent == object.id);
    let formula = own && by.inputs.contains(&field.id);
    let required = by
        .choices
        .iter()
        .find(|choice| own && choice.requires.contains(&field.id));
    let text = match required {
        _ if rolled => format!("the rollup {place}"),
        _ if converted => format!("the converted amount {place}"),
        _ if further => format!("{place}, which holds further values"),
        _ if formula => format!("the formula of {place}"),
        Some(choice) => format!("the choice `{}` of {place}, which requires it", choice.name),
        None => return None,
    };
    Some(Use {
        text,
        of: Some((other.id, by.id)),
    })
}
