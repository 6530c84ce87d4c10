//! What referred to a source refers to the target.

use std::sync::Arc;

use super::{MergeReport, Merging, stored};
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::limits::MERGE_REFERENCES_MAX;
use crate::policy::Action;
use crate::schema::{Field, Object};
use crate::value::Value;
use crate::write::{Door, Input, Manner, still_referenced};

/// A record that refers to a source.
struct Referrer {
    object: Arc<Object>,
    field: Field,
    id: RecordId,
}

/// Points everything that refers to a source to the target.
pub(super) fn repoint(
    door: &mut Door<'_>,
    merging: &Merging,
    report: &mut MergeReport,
) -> Result<()> {
    let mut count = 0;
    for (source, _) in &merging.sources {
        for (object, field, id) in door.referrers(&merging.object, *source)? {
            count += 1;
            if count > MERGE_REFERENCES_MAX {
                let text = format!("more than {MERGE_REFERENCES_MAX} references to move at once");
                return Err(Error::new(Code::LimitExceeded, text));
            }
            let referrer = Referrer { object, field, id };
            // The caller may see it before or after: a detail takes the owner of its parent.
            let seen = referrer.is_seen(door)?;
            let done = door.entrusted(|door| referrer.repoint(door, merging));
            let outcome = done.map_err(|error| referrer.blame(error, seen))?;
            if !(seen || referrer.is_seen(door)?) || merging.is_source(id) || id == merging.into {
                continue;
            }
            let line = report.line(&referrer.object)?;
            match outcome {
                Outcome::Moved => line.moved += 1,
                Outcome::Dropped => line.dropped += 1,
                Outcome::Gone => {}
            }
        }
    }
    Ok(())
}

enum Outcome {
    Moved,
    Dropped,
    /// A rule deleted it, or it was dropped for another of its references.
    Gone,
}

impl Referrer {
    fn repoint(&self, door: &mut Door<'_>, merging: &Merging) -> Result<Outcome> {
        let Some(record) = stored(door, &self.object, self.id)? else {
            return Ok(Outcome::Gone);
        };
        let is_same = self.object.id == merging.object.id;
        let value = match is_same && self.id == merging.into {
            // The target does not refer to itself.
            true => Value::Null,
            false => Value::Reference(merging.into),
        };
        // A link between two of the merged records would tie the target to itself.
        let ties = |field: &Field| {
            let end = record.fields.get(field.id);
            field.id != self.field.id && merging.is_inward(field, end)
        };
        if !is_same && self.partners().any(ties) {
            return self.drop_link(door);
        }
        let input = Input::of([(self.field.id, value)]);
        let moved = door.attempt(|door| {
            door.in_manner(Manner::Moving, |door| {
                door.update(&self.object, self.id, input, None)
            })
        });
        match moved {
            Ok(_) => Ok(Outcome::Moved),
            Err(error) if error.code() == Code::Duplicate && self.is_link() => self.drop_link(door),
            Err(error) => Err(error),
        }
    }

    fn drop_link(&self, door: &mut Door<'_>) -> Result<Outcome> {
        door.delete(&self.object, self.id, None)?;
        Ok(Outcome::Dropped)
    }

    /// Whether at most one record may refer to the target in the same way.
    fn is_link(&self) -> bool {
        let groups = &self.object.together;
        groups
            .iter()
            .any(|group| group.fields.contains(&self.field.id))
    }

    /// The other references that this one is unique together with.
    fn partners(&self) -> impl Iterator<Item = &Field> {
        let groups = self.object.together.iter();
        groups
            .filter(|group| group.fields.contains(&self.field.id))
            .flat_map(|group| &group.fields)
            .filter_map(|field| self.object.by_id(*field))
    }

    fn is_seen(&self, door: &Door<'_>) -> Result<bool> {
        let plan = door.plan(&self.object, Action::View);
        match stored(door, &self.object, self.id)? {
            Some(record) => Ok(plan.shows_on(self.field.id, &record)
                && door.may(&self.object, Action::View, &record)?),
            None => Ok(false),
        }
    }

    /// Names the record at fault only to who sees it.
    fn blame(&self, error: Error, seen: bool) -> Error {
        let name = self.object.name.as_str();
        match (error.code().is_refusal(), seen) {
            (false, _) => error,
            (true, false) => still_referenced(),
            (true, true) => error
                .context(format!("{name} {}", self.id))
                .with("object", name)
                .with("id", self.id.get()),
        }
    }
}
