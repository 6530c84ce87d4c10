//! The rules of a job compiled against schema, rights and header: from a cell to a value.

use std::collections::HashMap;
use std::sync::Arc;

use super::job::{ColumnRule, ImportJob, OnUnknown};
use super::lookup::{Found, LookUp};
use super::report::FaultKind;
use super::table::Row;
use super::{invalid_job, not_as_declared};
use crate::error::{Error, Result};
use crate::ids::{ChoiceId, RecordId};
use crate::schema::system::is_of_owned;
use crate::schema::{Field, Object};
use crate::value::{Currency, Money, Value, ValueType, parse, shorten};
use crate::write::{Door, Input};

/// The columns that fill fields, and what they look texts up in.
pub(super) struct Columns<'j> {
    columns: Vec<Column<'j>>,
    pub(super) look_ups: Vec<LookUp>,
    /// How many cells a row has.
    width: usize,
}

struct Column<'j> {
    name: &'j str,
    at: usize,
    field: Field,
    rule: &'j ColumnRule,
    reading: Reading,
}

/// How the text of a cell becomes a value.
enum Reading {
    /// As the field's type reads it.
    Plain,
    /// An amount that may lack its currency.
    Money(Currency),
    /// By the names and labels of the field's choices; none for a label of several.
    Choice(HashMap<String, Option<ChoiceId>>),
    /// By a text of the record referred to: the number of a look-up.
    Match { look_up: usize, same_object: bool },
}

/// Something to report about a row.
pub(super) struct Note {
    pub(super) kind: FaultKind,
    pub(super) column: Option<String>,
    pub(super) field: Option<String>,
    pub(super) value: Option<String>,
    pub(super) message: String,
    pub(super) duplicate: Option<Duplicate>,
}

/// What a row is a likely duplicate of; neither, if it may not be seen.
#[derive(Default)]
pub(super) struct Duplicate {
    pub(super) rule: Option<String>,
    pub(super) record: Option<RecordId>,
    pub(super) line: Option<u64>,
}

/// What a row says.
pub(super) enum Reads {
    /// A record, with remarks.
    As(Input, Vec<Note>),
    /// Nothing that can be stored, for each of these reasons.
    Refused(Vec<Note>),
    /// It refers to a record that a row further down may create.
    Waits,
}

/// What a cell says.
enum Cell {
    Is(Value),
    /// Read as empty, for this reason.
    Unknown(String),
    Waits,
}

impl<'j> Columns<'j> {
    /// Compiles the rules of a job. A file is refused for columns that are missing, and for
    /// columns that are neither mapped nor ignored.
    pub(super) fn compile(
        door: &Door<'_>,
        object: &Arc<Object>,
        job: &'j ImportJob,
        file: &str,
        header: &[String],
    ) -> Result<Columns<'j>> {
        check_header(job, file, header)?;
        let mut columns = Columns {
            columns: Vec::new(),
            look_ups: Vec::new(),
            width: header.len(),
        };
        let mut settable = Input::default();
        for (at, name) in header.iter().enumerate() {
            let Some((name, rule)) = job.columns.get_key_value(name) else {
                continue;
            };
            let field = door.field(object, &rule.field)?;
            if columns.columns.iter().any(|c| c.field.id == field.id) {
                let message = format!("two columns fill the field `{}`", field.name);
                return Err(invalid_job(message).field(&field.name));
            }
            if !is_of_owned(field.id) {
                settable.fields.push((field.id, Value::Null));
            }
            let reading = columns
                .reading(door, object, field, rule)
                .map_err(|error| {
                    error
                        .context(format!("column `{name}`"))
                        .with("column", name.as_str())
                })?;
            columns.columns.push(Column {
                name,
                at,
                field: field.clone(),
                rule,
                reading,
            });
        }
        door.may_set(object, &settable)?;
        Ok(columns)
    }

    fn reading(
        &mut self,
        door: &Door<'_>,
        object: &Object,
        field: &Field,
        rule: &ColumnRule,
    ) -> Result<Reading> {
        if rule.currency.is_some() && field.value_type != ValueType::Money {
            return Err(invalid_job(format!("`{}` takes no money", field.name)).field("currency"));
        }
        if let Some(by) = &rule.matches {
            let target = field.target.and_then(|id| door.schema().by_id(id));
            let target = target.ok_or_else(|| {
                invalid_job(format!("`{}` refers to no records", field.name)).field("match")
            })?;
            let known = self.look_ups.iter().position(|l| l.is_for(target.id, by));
            let look_up = match known {
                Some(place) => place,
                None => {
                    self.look_ups.push(LookUp::build(door, target, by)?);
                    self.look_ups.len() - 1
                }
            };
            let same_object = target.id == object.id;
            return Ok(Reading::Match {
                look_up,
                same_object,
            });
        }
        Ok(match (&rule.currency, field.value_type) {
            (Some(currency), _) => Reading::Money(Currency::new(currency)?),
            (None, ValueType::Choice | ValueType::ChoiceSet) => Reading::Choice(choices(field)),
            (None, _) => Reading::Plain,
        })
    }

    /// Reads a row. With `last_chance`, a row waits for no other.
    pub(super) fn read(&self, row: &Row, last_chance: bool) -> Reads {
        if row.len() != self.width {
            let message = format!("the row has {} cells, not {}", row.len(), self.width);
            return Reads::Refused(vec![Note {
                kind: FaultKind::Refused,
                column: None,
                field: None,
                value: None,
                message,
                duplicate: None,
            }]);
        }
        let mut input = Input::default();
        let mut notes = Vec::new();
        for column in &self.columns {
            let cell = row.cell(column.at);
            let text = match column.rule.alias.get(cell.trim()) {
                Some(alias) => {
                    let message = format!("`{}` is read as `{alias}`", shorten(cell));
                    notes.push(column.note(FaultKind::Repaired, cell, message));
                    alias.as_str()
                }
                None => cell,
            };
            if text.trim().is_empty() && column.rule.expected {
                notes.push(column.note(FaultKind::Missing, cell, "the cell is empty"));
            }
            match self.value(column, text, last_chance) {
                Ok(Cell::Is(Value::Null)) => {}
                Ok(Cell::Is(value)) => input.take(column.field.id, value),
                Ok(Cell::Unknown(message)) => {
                    let kind = match column.rule.on_unknown {
                        OnUnknown::Refuse => FaultKind::Refused,
                        OnUnknown::Empty => FaultKind::Emptied,
                    };
                    notes.push(column.note(kind, cell, message));
                }
                Ok(Cell::Waits) => return Reads::Waits,
                Err(error) => notes.push(column.note(FaultKind::Refused, cell, error.message())),
            }
        }
        match notes.iter().any(|note| note.kind == FaultKind::Refused) {
            false => Reads::As(input, notes),
            true => {
                // What was repaired or left out of a row that is not stored is of no interest.
                notes.retain(|note| note.kind == FaultKind::Refused);
                Reads::Refused(notes)
            }
        }
    }

    fn value(&self, column: &Column<'_>, text: &str, last_chance: bool) -> Result<Cell> {
        let field = &column.field;
        let word = text.trim();
        match &column.reading {
            Reading::Plain => field.parse(text).map(Cell::Is),
            Reading::Money(currency) => Ok(Cell::Is(match parse(ValueType::Decimal, word) {
                Ok(Value::Decimal(amount)) => Money::new(amount, *currency).into(),
                _ => field.parse(text)?,
            })),
            Reading::Choice(choices) => Ok(read_choices(field, choices, word)),
            Reading::Match { .. } if word.is_empty() => Ok(Cell::Is(Value::Null)),
            Reading::Match {
                look_up,
                same_object,
            } => {
                let look_up = &self.look_ups[*look_up];
                let (target, by) = (&look_up.target.name, &look_up.field.name);
                Ok(match look_up.find(word) {
                    Some(Found::Record(id)) => Cell::Is(Value::Reference(id)),
                    Some(Found::Row) => Cell::Is(Value::Null),
                    Some(Found::Several) => Cell::Unknown(format!(
                        "several `{target}` records have the `{by}` `{}`",
                        shorten(word)
                    )),
                    None if *same_object && !last_chance => Cell::Waits,
                    None => Cell::Unknown(format!(
                        "no `{target}` record has the `{by}` `{}`",
                        shorten(word)
                    )),
                })
            }
        }
    }

    /// A refusal by the door as a remark on the column that fills the field it names.
    pub(super) fn refusal(&self, row: &Row, error: &Error) -> Note {
        let field = error
            .details()
            .get("field")
            .and_then(|field| field.as_str());
        let column = self
            .columns
            .iter()
            .find(|column| Some(column.field.name.as_str()) == field);
        match column {
            Some(column) => column.note(FaultKind::Refused, row.cell(column.at), error.message()),
            None => Note {
                kind: FaultKind::Refused,
                column: None,
                field: field.map(str::to_owned),
                value: None,
                message: error.message().to_owned(),
                duplicate: None,
            },
        }
    }

    /// The texts by which later rows may refer to this one, with the look-up of each.
    pub(super) fn texts_of(&self, object: &Object, input: &Input) -> Vec<(usize, String)> {
        let own = self.look_ups.iter().enumerate();
        own.filter(|(_, look_up)| look_up.target.id == object.id)
            .filter_map(|(place, look_up)| {
                let value = input.get(look_up.field.id)?;
                Some((place, look_up.field.to_text(value)))
            })
            .collect()
    }

    /// Makes a row known by its texts.
    pub(super) fn add_row(&mut self, texts: Vec<(usize, String)>, found: Found) {
        for (place, text) in texts {
            self.look_ups[place].add(&text, found);
        }
    }
}

impl Column<'_> {
    fn note(&self, kind: FaultKind, cell: &str, message: impl Into<String>) -> Note {
        Note {
            kind,
            column: Some(self.name.to_owned()),
            field: Some(self.field.name.clone()),
            value: Some(shorten(cell)),
            message: message.into(),
            duplicate: None,
        }
    }
}

fn check_header(job: &ImportJob, file: &str, header: &[String]) -> Result<()> {
    let quoted = |names: &[&String]| {
        let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    };
    if let Some(both) = job
        .ignore
        .iter()
        .find(|name| job.columns.contains_key(*name))
    {
        let message = format!("the column `{both}` is both mapped and ignored");
        return Err(invalid_job(message).with("column", both.as_str()));
    }
    let mapped = job.columns.keys();
    let missing: Vec<&String> = mapped.filter(|name| !header.contains(name)).collect();
    let known = |name: &&String| job.columns.contains_key(*name) || job.ignore.contains(name);
    let unknown: Vec<&String> = header.iter().filter(|name| !known(name)).collect();
    let (first, message) = match (missing.first(), unknown.first()) {
        (Some(first), _) => (*first, format!("the header lacks {}", quoted(&missing))),
        (None, Some(first)) => {
            let message = format!("neither mapped nor ignored: {}", quoted(&unknown));
            (*first, message)
        }
        (None, None) => return Ok(()),
    };
    Err(not_as_declared(file, 1, message).with("column", first.as_str()))
}

/// The choices by name and by label in every language, in lower case. A name goes before a
/// label; a label that several choices share stands for none of them.
fn choices(field: &Field) -> HashMap<String, Option<ChoiceId>> {
    let mut choices: HashMap<String, Option<ChoiceId>> = HashMap::new();
    for choice in &field.choices {
        for label in choice.labels.values() {
            choices
                .entry(label.to_lowercase())
                .and_modify(|known| *known = known.filter(|id| *id == choice.id))
                .or_insert(Some(choice.id));
        }
    }
    for choice in &field.choices {
        choices.insert(choice.name.clone(), Some(choice.id));
    }
    choices
}

fn read_choices(field: &Field, known: &HashMap<String, Option<ChoiceId>>, text: &str) -> Cell {
    let find = |word: &str| -> Option<ChoiceId> {
        known
            .get(word)
            .or_else(|| known.get(&word.to_lowercase()))
            .copied()
            .flatten()
    };
    let unknown = |word: &str| {
        let error = field.choice(word).err();
        Cell::Unknown(error.map_or_else(String::new, |error| error.message().to_owned()))
    };
    if text.is_empty() {
        return Cell::Is(Value::Null);
    }
    if field.value_type == ValueType::Choice {
        return match find(text) {
            Some(id) => Cell::Is(Value::Choice(id)),
            None => unknown(text),
        };
    }
    let mut ids = Vec::new();
    for word in text.split(',').map(str::trim).filter(|w| !w.is_empty()) {
        match find(word) {
            Some(id) => ids.push(id),
            None => return unknown(word),
        }
    }
    Cell::Is(match ids.is_empty() {
        true => Value::Null,
        false => Value::choice_set(ids),
    })
}
