//! What reactions ask of the store, carried out through the one door (invariant *one door*) with
//! the caller's rights.

use rhai::{Array, Dynamic, Map};

use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::journal::Cause;
use crate::policy::Action;
use crate::schema::Object;
use crate::schema::system::{record_fields, value_of};
use crate::search;
use crate::write::{Door, Input};

use super::call::Request;
use super::convert::{from_script, to_script};

/// Carries out a request of a rule of `pack`; the answer is what the script goes on with.
pub(super) fn carry_out(door: &mut Door<'_>, pack: &str, request: Request) -> Result<Dynamic> {
    match request {
        Request::Create { object, fields } => {
            let object = door.schema().object(&object)?.clone();
            let input = input(door, &object, &fields)?;
            let cause = Cause::Rule(pack.to_owned());
            let id = door.under(cause, |door| door.create(&object, input))?;
            Ok(number(id))
        }
        Request::Update { object, id, fields } => {
            let object = door.schema().object(&object)?.clone();
            let input = input(door, &object, &fields)?;
            let id = record_id(id)?;
            let cause = Cause::Rule(pack.to_owned());
            door.under(cause, |door| door.update(&object, id, input, None))?;
            Ok(Dynamic::UNIT)
        }
        Request::Get { object, id } => {
            let object = door.schema().object(&object)?.clone();
            get(door, &object, id)
        }
        Request::Find { text } => find(door, &text),
    }
}

fn input(door: &Door<'_>, object: &Object, fields: &Map) -> Result<Input> {
    let mut input = Input::default();
    for (name, value) in fields {
        let value = from_script(door.field(object, name)?, value)?;
        input.set(object, name, value)?;
    }
    Ok(input)
}

/// The fields the caller may see; a hidden one is as absent as one that does not exist
/// (invariant *invisible is absent*).
fn get(door: &Door<'_>, object: &Object, id: i64) -> Result<Dynamic> {
    let Ok(id) = record_id(id) else {
        return Ok(Dynamic::UNIT);
    };
    let Some(record) = door.get(object, id)? else {
        return Ok(Dynamic::UNIT);
    };
    let plan = door.plan(object, Action::View);
    let kept = record_fields()
        .iter()
        .filter(|field| object.find(&field.name).is_some());
    let shown = object
        .fields
        .iter()
        .chain(kept)
        .filter(|field| plan.shows(field.id));
    let members = shown.map(|field| {
        let value = value_of(id, &record, field.id).into_owned();
        (field.name.as_str().into(), to_script(field, value))
    });
    Ok(Dynamic::from_map(members.collect::<Map>()))
}

/// The records with a phone or e-mail. What is neither belongs to nobody: a rule must not stop
/// the change because somebody typed half a number.
fn find(door: &Door<'_>, text: &str) -> Result<Dynamic> {
    let (schema, facts) = (door.schema(), door.facts());
    let found = search::find(door.reader(), schema, facts, door.actor(), text, &[]);
    let page = match found {
        Err(error) if error.code() == Code::InvalidArguments => return Ok(Array::new().into()),
        found => found?,
    };
    let hits = page.hits.into_iter().map(|hit| {
        let members = [("object", hit.object.into()), ("id", number(hit.id))];
        let members = members.map(|(name, value)| (name.into(), value));
        Dynamic::from_map(members.into_iter().collect())
    });
    Ok(hits.collect::<Array>().into())
}

fn record_id(id: i64) -> Result<RecordId> {
    let id = u64::try_from(id)
        .map_err(|_| Error::new(Code::InvalidValue, format!("`{id}` is not a record id")))?;
    RecordId::new(id)
}

fn number(id: RecordId) -> Dynamic {
    Dynamic::from_int(i64::try_from(id.get()).unwrap_or(i64::MAX))
}
