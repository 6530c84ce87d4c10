//! Rules by which a record is not stored while it is a likely duplicate (C27).

use std::sync::Arc;

use super::{Door, Manner};
use crate::duplicates::{DuplicateReport, Finder, Subject};
use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::policy::Action;
use crate::schema::{DuplicateRule, Object};
use crate::value::Record;

impl Door<'_> {
    /// Finds duplicates for the eyes of the actor, whatever rights are in force just now.
    pub(crate) fn finder(&self) -> Finder<'_> {
        let around = &self.around;
        Finder::new(self.txn, &around.schema, &around.facts, around.actor)
    }

    /// The likely duplicates of a record that is stored, as the actor may know of them.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn duplicates(&self, object: &Object, id: RecordId) -> Result<DuplicateReport> {
        let creates = self.facts().plan(self.actor(), object, Action::Create);
        let finder = self.finder().counting_hidden(!creates.is_nothing());
        finder.report(object, &finder.stored(object, id)?, |_| true)
    }

    /// Refuses what a rule that refuses takes for a duplicate, if the change concerns what the
    /// rule compares. A further value of a detail is compared as one of its parent.
    pub(super) fn refuse_duplicates(
        &self,
        object: &Arc<Object>,
        id: RecordId,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        // Records that become one are alike on purpose.
        if self.manner == Manner::Moving {
            return Ok(());
        }
        let changed = |rule: &DuplicateRule| {
            let mut fields = rule.all.iter().map(|comparison| comparison.field);
            fields.any(|field| old.map(|old| old.fields.get(field)) != Some(new.fields.get(field)))
        };
        if object.duplicates.iter().any(|rule| rule.refuse) {
            let finder = self.finder();
            let subject = finder.subject(object, id, new)?;
            refuse(&finder, object, &subject, changed)?;
        }
        self.refuse_further(object, old, new)
    }

    fn refuse_further(&self, object: &Object, old: Option<&Record>, new: &Record) -> Result<()> {
        let Some((link, target)) = object.parent_field() else {
            return Ok(());
        };
        let parent = new.fields.get(link.id).as_reference();
        let target = self.schema().by_id(target);
        let (Some(parent), Some(target)) = (parent, target) else {
            return Ok(());
        };
        if !target.duplicates.iter().any(|rule| rule.refuse) {
            return Ok(());
        }
        let moved = old.is_none_or(|old| old.fields.get(link.id) != new.fields.get(link.id));
        let finder = self.finder();
        for field in &object.fields {
            let value = new.fields.get(field.id);
            let changed = moved || old.is_some_and(|old| old.fields.get(field.id) != value);
            let (Some(further), true, false) = (field.further, changed, value.is_null()) else {
                continue;
            };
            let mut subject = finder.stored(target, parent)?;
            // Only the new value is compared: those the parent has were accepted before.
            subject.replace(further, value.clone());
            refuse(&finder, target, &subject, |rule| {
                rule.all
                    .iter()
                    .any(|comparison| comparison.field == further)
            })
            .map_err(|error| error.field(&field.name))?;
        }
        Ok(())
    }
}

fn refuse(
    finder: &Finder<'_>,
    object: &Object,
    subject: &Subject,
    concerned: impl Fn(&DuplicateRule) -> bool,
) -> Result<()> {
    for rule in object
        .duplicates
        .iter()
        .filter(|rule| rule.refuse && concerned(rule))
    {
        let report = finder.report(object, subject, |one| one.name == rule.name)?;
        if !report.is_empty() {
            let field = rule.all.first().and_then(|one| object.by_id(one.field));
            let error = refusal(object, Some(&rule.name), &report);
            return Err(match field {
                Some(field) => error.field(&field.name),
                None => error,
            });
        }
    }
    Ok(())
}

/// The refusal of a record because of what a report tells.
pub(crate) fn refusal(object: &Object, rule: Option<&str>, report: &DuplicateReport) -> Error {
    let text = match rule {
        Some(rule) => format!("a record like this `{}` is there: `{rule}`", object.name),
        None => format!("a record like this `{}` is there", object.name),
    };
    Error::new(Code::Duplicate, text)
        .with("object", object.name.as_str())
        .with("rule", rule)
        .with("matches", report.places())
        .with("hidden", report.hidden)
}
