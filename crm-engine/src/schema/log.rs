//! Logs: objects whose records nobody writes. Each of them tells of one stay of a record on one
//! choice of a field, and follows from the record's history.
//!
//! A log is read like the details of the records it tells of, under their rights. Its choices are
//! those of the field it follows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::declare::{ChoiceDeclaration, FieldDeclaration, LogDeclaration, ObjectDeclaration};
use super::{Field, Labels, Object, OnDelete, Schema};
use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId};
use crate::value::ValueType;

/// The record that stays.
pub(crate) const RECORD: FieldId = FieldId(16);
/// Where it stays.
pub(crate) const STAGE: FieldId = FieldId(17);
/// Since when.
pub(crate) const ENTERED_AT: FieldId = FieldId(18);
/// Until when; none while it stays.
pub(crate) const LEFT_AT: FieldId = FieldId(19);
/// How many days it stayed; none while it stays.
pub(crate) const DAYS: FieldId = FieldId(20);
/// The how many-th stay of the record there it is.
pub(crate) const VISIT: FieldId = FieldId(21);
/// Where it came from.
pub(crate) const PREVIOUS: FieldId = FieldId(22);
/// Where it went.
pub(crate) const NEXT: FieldId = FieldId(23);
/// Who put it there.
pub(crate) const ACTOR: FieldId = FieldId(24);

/// What a log follows.
///
/// ```
/// use crm_engine::{FieldId, Log, ObjectId};
/// let log = Log { of: ObjectId(9), field: FieldId(16) };
/// assert_eq!(log, log.clone());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The object of the records it tells of.
    pub of: ObjectId,
    /// Their choice field.
    pub field: FieldId,
}

impl Schema {
    /// Last pass: the logs that objects declare.
    ///
    /// # Errors
    /// [`Code::UnknownField`], [`Code::WrongType`], and [`Code::SchemaFixed`] for a name that
    /// another object has.
    pub(super) fn settle_logs(&mut self, declaration: &ObjectDeclaration) -> Result<()> {
        for declared in &declaration.log {
            let parent = Arc::clone(self.object(&declaration.name)?);
            let field = parent.field(&declared.field)?;
            if field.value_type != ValueType::Choice {
                let text = "a log follows a field of type `choice`";
                return Err(Error::new(Code::WrongType, text).field(&declared.field));
            }
            let log = Log {
                of: parent.id,
                field: field.id,
            };
            if let Ok(known) = self.object(&declared.name)
                && known.log != Some(log)
            {
                let text = format!("`{}` is another object already", declared.name);
                return Err(Error::new(Code::SchemaFixed, text));
            }
            let object = object_of(declared, &parent, field);
            self.admit(&object)?;
            self.fill(&object)?;
            self.settle(&object)?;
            let at = self.position(&object.name)?;
            Arc::make_mut(&mut self.objects[at]).log = Some(log);
        }
        Ok(())
    }

    /// The object whose history a log follows; none for any other object.
    pub(crate) fn followed(&self, object: &Object) -> Option<&Arc<Object>> {
        self.by_id(object.log?.of)
    }

    /// Gives the logs the choices that the fields they follow have now.
    pub(super) fn renew_logs(&mut self) {
        for at in 0..self.objects.len() {
            let Some(log) = self.objects[at].log else {
                continue;
            };
            let followed = self.by_id(log.of).and_then(|of| of.by_id(log.field));
            let mut choices = followed.map_or_else(Vec::new, |field| field.choices.clone());
            for choice in &mut choices {
                choice.stage = None;
                choice.requires.clear();
            }
            let mut fields = self.objects[at].fields.iter();
            let stale = |field: &Field| is_choice(field) && field.choices != choices;
            if !fields.any(stale) {
                continue;
            }
            let object = Arc::make_mut(&mut self.objects[at]);
            for field in object.fields.iter_mut().filter(|field| is_choice(field)) {
                field.choices.clone_from(&choices);
            }
        }
    }
}

impl Object {
    /// Refuses a change of what nobody writes.
    ///
    /// # Errors
    /// [`Code::ReadOnly`] where the object is a log.
    pub(crate) fn refuse_log(&self) -> Result<()> {
        match self.log {
            None => Ok(()),
            Some(_) => {
                let text = format!("`{}` follows from history and is only read", self.name);
                Err(Error::new(Code::ReadOnly, text).with("object", self.name.as_str()))
            }
        }
    }
}

fn is_choice(field: &Field) -> bool {
    matches!(field.id, STAGE | PREVIOUS | NEXT)
}

/// The object of a log as if it were declared, its fields in the order of their numbers.
fn object_of(declared: &LogDeclaration, parent: &Object, of: &Field) -> ObjectDeclaration {
    let field = |name: &str, value_type, en: &str, ru: &str| FieldDeclaration {
        label: Labels::from([("en".into(), en.into()), ("ru".into(), ru.into())]),
        ..FieldDeclaration::new(name, value_type)
    };
    // The numbers of the choices follow when the logs are renewed.
    let choices = of.choices.iter().map(|choice| ChoiceDeclaration {
        name: choice.name.clone(),
        label: choice.labels.clone(),
        stage: None,
        requires: Vec::new(),
    });
    let choices: Vec<ChoiceDeclaration> = choices.collect();
    let choice = |name: &str, en: &str, ru: &str| FieldDeclaration {
        choice: choices.clone(),
        ..field(name, ValueType::Choice, en, ru)
    };
    let record = FieldDeclaration {
        label: parent.labels.clone(),
        target: Some(parent.name.clone()),
        required: true,
        on_delete: OnDelete::Cascade,
        ..FieldDeclaration::new("record", ValueType::Reference)
    };
    let actor = FieldDeclaration {
        target: Some("user".to_owned()),
        ..field("actor", ValueType::Reference, "Moved by", "Кто перевёл")
    };
    ObjectDeclaration {
        name: declared.name.clone(),
        label: declared.label.clone(),
        owned: parent.owned,
        parent: Some("record".to_owned()),
        field: vec![
            record,
            choice("stage", "Stage", "Стадия"),
            field("entered_at", ValueType::DateTime, "Entered", "Начало"),
            field("left_at", ValueType::DateTime, "Left", "Конец"),
            field("days", ValueType::Decimal, "Days", "Дней"),
            field("visit", ValueType::Integer, "Visit", "Раз"),
            choice("previous", "Came from", "Откуда"),
            choice("next", "Went to", "Куда"),
            actor,
        ],
        ..ObjectDeclaration::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let thing: ObjectDeclaration = toml::from_str(
            "name = 'thing'\nowned = true\nlog = [{ name = 'thing_state', field = 'state' }]\n\
             field = [{ name = 'state', type = 'choice', choice = [{ name = 'a', stage = 'open' }, \
             { name = 'b', stage = 'won' }] }, { name = 'size', type = 'integer' }]",
        )
        .unwrap();
        Schema::kernel().apply(&[thing]).unwrap()
    }

    #[test]
    fn numbers_agree_with_the_declaration() {
        let schema = schema();
        let log = schema.object("thing_state").unwrap();
        for (name, id) in [
            ("record", RECORD),
            ("stage", STAGE),
            ("entered_at", ENTERED_AT),
            ("left_at", LEFT_AT),
            ("days", DAYS),
            ("visit", VISIT),
            ("previous", PREVIOUS),
            ("next", NEXT),
            ("actor", ACTOR),
        ] {
            assert_eq!(log.field(name).unwrap().id, id);
        }
        let thing = schema.object("thing").unwrap();
        assert_eq!(log.rights, thing.id);
        let names = |field: &Field| -> Vec<String> {
            field
                .choices
                .iter()
                .map(|choice| choice.name.clone())
                .collect()
        };
        assert_eq!(names(log.field("next").unwrap()), ["a", "b"]);
    }

    #[test]
    fn choices_follow_the_field() {
        let more: ObjectDeclaration = toml::from_str(
            "name = 'thing'\nextends = true\nfield = [{ name = 'state', type = 'choice', \
             choice = [{ name = 'c', stage = 'lost' }] }]",
        )
        .unwrap();
        let schema = schema().apply(&[more]).unwrap();
        let log = schema.object("thing_state").unwrap();
        let stage = log.field("stage").unwrap();
        assert_eq!(stage.choice("c").unwrap().stage, None);
    }

    #[test]
    fn a_log_follows_a_choice_and_takes_no_other_name() {
        let error = |text: &str| {
            let declared: ObjectDeclaration = toml::from_str(text).unwrap();
            schema().apply(&[declared]).unwrap_err().code()
        };
        let log = |field: &str, name: &str| {
            format!(
                "name = 'thing'\nextends = true\nlog = [{{ name = '{name}', field = '{field}' }}]"
            )
        };
        assert_eq!(error(&log("size", "sizes")), Code::WrongType);
        assert_eq!(error(&log("colour", "colours")), Code::UnknownField);
        assert_eq!(error(&log("state", "user")), Code::SchemaFixed);
    }
}
