//! A part of a report as queries: its records, parted by the keys of the report, and its figures.

use std::sync::Arc;

use super::ask::{Around, Asked};
use super::declare::{KeyDeclaration, PartDeclaration, ReportDeclaration};
use crate::error::{Code, Error, Result};
use crate::expr::Source;
use crate::facts::Facts;
use crate::policy::Actor;
use crate::query::{self, Column, Prepared};
use crate::schema::{Object, Schema, label_in, system};
use crate::value::{Value, ValueType};

/// Under whose eyes names are looked up.
#[derive(Clone, Copy)]
pub(super) struct Eyes<'a> {
    pub(super) schema: &'a Arc<Schema>,
    pub(super) facts: &'a Arc<Facts>,
    pub(super) actor: Actor,
    /// What is read leaves the store.
    pub(super) outward: bool,
}

impl<'a> From<Around<'a>> for Eyes<'a> {
    fn from(around: Around<'a>) -> Eyes<'a> {
        Eyes {
            schema: around.schema,
            facts: around.facts,
            actor: around.actor,
            outward: around.outward,
        }
    }
}

impl Eyes<'_> {
    pub(super) fn prepare(&self, sql: &str) -> Result<Prepared> {
        match self.outward {
            true => query::prepare_outward(self.schema, self.facts, self.actor, sql),
            false => query::prepare(self.schema, self.facts, self.actor, sql),
        }
    }

    /// The names of the parameters of a condition on records of `object`. It is one by itself:
    /// nothing in it can end the brackets that it is put into.
    pub(super) fn condition(&self, object: &Object, text: &str) -> Result<Vec<Option<String>>> {
        whole(text)?;
        let chosen = brackets(&[text.to_owned()]);
        let sql = format!("SELECT id FROM \"{}\"{chosen}", object.name);
        let prepared = self.prepare(&sql);
        let prepared = prepared.map_err(|error| at_in(error, &sql, bare(text)))?;
        Ok(prepared.parameters().to_vec())
    }
}

/// Whether an error says that something is not there, or may not be seen.
pub(super) fn is_absent(error: &Error) -> bool {
    matches!(error.code(), Code::UnknownField | Code::UnknownObject)
}

/// Names the text of a declaration that is wrong.
pub(super) fn at(error: Error, text: &str) -> Error {
    error.with("text", text)
}

/// Names the text of a declaration that is wrong, which stands on lines of its own in `sql`.
pub(super) fn at_in(error: Error, sql: &str, text: &str) -> Error {
    let before = sql.rfind(&format!("\n{text}\n"));
    let before = before.map_or(0, |end| sql[..=end].matches('\n').count() as u64);
    let number = |name: &str| error.details().get(name).and_then(|n| n.as_u64());
    let place = number("line").zip(number("column"));
    let error = match place {
        Some((line, column)) if line > before => error.at(line - before, column),
        _ => error,
    };
    at(error, text)
}

/// Refuses a text that is more or less than one expression.
pub(super) fn whole(text: &str) -> Result<()> {
    let mut source = Source::new(text)?;
    source.expression()?;
    source.end()
}

/// The condition that keeps `by` among users.
pub(super) fn of_users(by: &str, asked: &Asked) -> Option<String> {
    let users = asked.users.as_ref()?;
    let users: Vec<String> = users.iter().map(|user| user.get().to_string()).collect();
    Some(format!("{by} IN ({})", users.join(", ")))
}

/// The conditions among `declared` that ask for nothing that has no value, and those of what is
/// asked.
pub(super) fn conditions(
    eyes: Eyes<'_>,
    object: &Arc<Object>,
    declared: &[String],
    by: Option<&String>,
    asked: &Asked,
) -> Result<Vec<String>> {
    let mut active = Vec::new();
    for text in declared {
        let condition = eyes.condition(object, text);
        let condition = condition.map_err(|error| at(error, text))?;
        let mut names = condition.iter().flatten();
        if names.all(|name| asked.values.contains_key(name)) {
            active.push(text.clone());
        }
    }
    let own = "owner".to_owned();
    let by = by.or(object.owned.then_some(&own));
    match (by, &asked.users) {
        (Some(by), _) => active.extend(of_users(by, asked)),
        // What belongs to nobody is nobody's work.
        (None, Some(_)) => active.push("id IS NULL".to_owned()),
        (None, None) => {}
    }
    if let Some(cut) = asked.cut.get(&object.name) {
        let whole = eyes.condition(object, cut);
        let whole = whole.map_err(|error| error.with("cut", object.name.as_str()))?;
        if let Some(name) = whole.first() {
            let name = name.as_deref().unwrap_or("?");
            let text = format!("what a report is cut by takes no parameter `{name}`");
            return Err(Error::new(Code::InvalidArguments, text).field("cut"));
        }
        active.push(cut.clone());
    }
    Ok(active)
}

/// A part that can be run.
pub(super) struct Part<'d> {
    pub(super) declared: &'d PartDeclaration,
    pub(super) object: Arc<Object>,
    /// The names of the measures that the caller may see, with the types of their values.
    pub(super) measures: Vec<(&'d str, ValueType)>,
    conditions: Vec<String>,
    /// The expressions of the keys; empty for a part that stands beside every row.
    keys: Vec<Key<'d>>,
}

/// A key of the report as a part has it.
struct Key<'d> {
    /// Which one of the report's.
    at: usize,
    expression: &'d str,
    column: Column,
    /// The text that names the record of a reference.
    title: Option<String>,
}

/// A value that rows are made by.
#[derive(Debug, Clone)]
pub(super) struct KeyValue {
    /// As conditions take it: choices by their names.
    pub(super) raw: Value,
    /// As people read it.
    pub(super) shown: Value,
    /// Where a choice stands among its field's; behind all of them for anything else.
    pub(super) place: usize,
}

/// A row of a part.
pub(super) struct PartRow {
    pub(super) keys: Vec<KeyValue>,
    pub(super) figures: Vec<Value>,
}

impl<'d> Part<'d> {
    /// The part as the caller may see it; none where he may not see what its records are chosen
    /// or parted by.
    ///
    /// # Errors
    /// What is wrong with it beside that.
    pub(super) fn open(
        eyes: Eyes<'_>,
        declared: &'d PartDeclaration,
        keys: &[KeyDeclaration],
        asked: &Asked,
    ) -> Result<Option<Part<'d>>> {
        match Part::checked(
            eyes,
            declared,
            keys,
            asked,
            &mut |error| match is_absent(&error) {
                true => Ok(()),
                false => Err(error),
            },
        ) {
            Ok(part) => Ok(Some(part)),
            Err(error) if is_absent(&error) && !is_cut(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The part; `missed` hears what is wrong with a measure, which is left out then.
    ///
    /// # Errors
    /// What is wrong with it, and what `missed` returns.
    pub(super) fn checked(
        eyes: Eyes<'_>,
        declared: &'d PartDeclaration,
        keys: &[KeyDeclaration],
        asked: &Asked,
        missed: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<Part<'d>> {
        let mut part = || -> Result<Part<'d>> {
            let object = eyes.schema.object(&declared.from);
            let object = Arc::clone(object.map_err(|error| at(error, &declared.from))?);
            let by = declared.by.as_ref();
            let conditions = conditions(eyes, &object, &declared.conditions, by, asked)?;
            let mut part = Part {
                declared,
                object,
                measures: Vec::new(),
                conditions,
                keys: Vec::new(),
            };
            part.take_keys(eyes, keys)?;
            // Whoever the work is counted to must be seen too.
            eyes.prepare(&part.select(true, &[]))?;
            part.take_measures(eyes, missed)?;
            Ok(part)
        };
        part().map_err(|error| error.context(format!("part `{}`", declared.name)))
    }

    fn take_keys(&mut self, eyes: Eyes<'_>, keys: &[KeyDeclaration]) -> Result<()> {
        if self.declared.key.is_empty() {
            return Ok(());
        }
        for (place, key) in keys.iter().enumerate() {
            let Some(expression) = self.declared.key.get(&key.name) else {
                continue;
            };
            let from = &self.object.name;
            let sql = format!("SELECT\n{expression}\nFROM \"{from}\"");
            whole(expression).map_err(|error| at(error, expression))?;
            let prepared = eyes.prepare(&sql);
            let prepared = prepared.map_err(|error| at_in(error, &sql, expression))?;
            let [column] = prepared.columns() else {
                return Err(Error::internal("an expression of several columns"));
            };
            let title = title(eyes, &self.object, expression, column);
            self.keys.push(Key {
                at: place,
                expression,
                column: column.clone(),
                title,
            });
        }
        Ok(())
    }

    fn take_measures(
        &mut self,
        eyes: Eyes<'_>,
        missed: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<()> {
        for (name, expression) in &self.declared.measure {
            let sql = self.select(true, &[expression]);
            let prepared = match whole(expression) {
                Ok(()) => eyes
                    .prepare(&sql)
                    .map_err(|error| at_in(error, &sql, expression)),
                Err(error) => Err(at(error, expression)),
            };
            match prepared {
                Ok(prepared) => {
                    let column = prepared.columns().last();
                    let kind = column.map_or(ValueType::Integer, |column| column.value_type);
                    self.measures.push((name, kind));
                }
                Err(error) => missed(error.context(format!("measure `{name}`")))?,
            }
        }
        Ok(())
    }

    /// The query for these figures: by key, or of all records together.
    fn select(&self, by_key: bool, figures: &[&str]) -> String {
        let keys = if by_key { &self.keys[..] } else { &[] };
        let mut columns: Vec<String> = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            columns.push(format!("\n{}\nAS \"key_{at}\"", key.expression));
            if let Some(title) = &key.title {
                columns.push(format!("min({title}) AS \"title_{at}\""));
            }
        }
        // A count makes every other figure an aggregate, or an error.
        columns.push("count(*) AS \"records\"".to_owned());
        for (at, figure) in figures.iter().enumerate() {
            columns.push(format!("\n{figure}\nAS \"figure_{at}\""));
        }
        let (columns, from) = (columns.join(", "), &self.object.name);
        let mut sql = format!(
            "SELECT {columns} FROM \"{from}\"{}",
            brackets(&self.conditions)
        );
        if !keys.is_empty() {
            let names = (0..keys.len()).map(|at| format!("\"key_{at}\""));
            sql += &format!(" GROUP BY {}", names.collect::<Vec<String>>().join(", "));
        }
        sql
    }

    /// The rows of the part, or the one row of all its records together.
    ///
    /// # Errors
    /// What the query has against it.
    pub(super) fn run(
        &self,
        around: Around<'_>,
        asked: &Asked,
        by_key: bool,
    ) -> Result<Vec<PartRow>> {
        let named = |(name, _): &(&'d str, ValueType)| self.declared.measure[*name].as_str();
        let figures: Vec<&str> = self.measures.iter().map(named).collect();
        let prepared = Eyes::from(around).prepare(&self.select(by_key, &figures))?;
        let params = asked.params(prepared.parameters());
        let mut rows = prepared
            .run(around.snapshot, &params)
            .map_err(|error| error.context(format!("part `{}`", self.declared.name)))?;
        let keys = if by_key { &self.keys[..] } else { &[] };
        let before = keys.iter().map(|key| 1 + usize::from(key.title.is_some()));
        let columns = &prepared.columns()[before.sum()..];
        let readable = |(value, column): (&Value, &Column)| match value {
            Value::Choice(_) => choice(column, value, &asked.language).unwrap_or_default().1,
            other => other.clone(),
        };
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let mut values = row.iter();
            let mut made = Vec::with_capacity(keys.len());
            for key in keys {
                let value = values.next().cloned().unwrap_or_default();
                let title = key.title.as_ref().and_then(|_| values.next());
                made.push(key.value(value, title, &asked.language));
            }
            found.push(PartRow {
                keys: made,
                figures: values.zip(columns).skip(1).map(readable).collect(),
            });
        }
        Ok(found)
    }

    /// The figure of no records at all: nothing is counted and summed to 0.
    pub(super) fn nothing(&self, at: usize) -> Value {
        let (name, kind) = &self.measures[at];
        let text = self.declared.measure[*name].trim_start().to_lowercase();
        let counts = text.starts_with("count") || text.starts_with("sum");
        match kind {
            ValueType::Integer if counts => Value::Integer(0),
            ValueType::Decimal if counts => Value::Decimal(0.into()),
            _ => Value::Null,
        }
    }

    /// The records behind a row: the conditions that choose them, with values for what they ask.
    pub(super) fn behind(&self, keys: &[Value]) -> (Vec<String>, Vec<(String, Value)>) {
        let mut conditions = self.conditions.clone();
        let mut values = Vec::new();
        let asked = self
            .keys
            .iter()
            .filter_map(|key| Some((key, keys.get(key.at)?)));
        for (at, (key, value)) in asked.enumerate() {
            let expression = key.expression;
            match value {
                Value::Null => conditions.push(format!("({expression}\n) IS NULL")),
                value => {
                    let name = format!("row_{at}");
                    conditions.push(format!("({expression}\n) = :{name}"));
                    values.push((name, value.clone()));
                }
            }
        }
        (conditions, values)
    }

    /// Each choice of the only key, where it shows a field with choices.
    pub(super) fn choices(&self, language: &str) -> Vec<KeyValue> {
        let [key] = self.keys.as_slice() else {
            return Vec::new();
        };
        let field = key.column.field.as_ref();
        let field = field.filter(|_| key.column.value_type == ValueType::Choice);
        let choices = field.into_iter().flat_map(|field| &field.choices);
        choices
            .map(|choice| key.value(Value::Choice(choice.id), None, language))
            .collect()
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether its records make rows of the report; otherwise its figures stand beside each row
    /// that has the same keys, of those that the part has.
    pub(super) fn makes_rows(&self, declared: &ReportDeclaration) -> bool {
        self.keys.len() == declared.key.len()
    }

    /// Which of the report's keys it has.
    pub(super) fn key_places(&self) -> Vec<usize> {
        self.keys.iter().map(|key| key.at).collect()
    }

    /// Which of the report's keys it has, with their types as people read them.
    pub(super) fn key_types(&self) -> impl Iterator<Item = (usize, ValueType)> {
        self.keys.iter().map(|key| {
            let kind = match key.column.value_type {
                kind @ (ValueType::Integer | ValueType::Decimal) if key.title.is_none() => kind,
                kind @ (ValueType::Date | ValueType::DateTime | ValueType::Money) => kind,
                _ => ValueType::Text,
            };
            (key.at, kind)
        })
    }
}

impl Key<'_> {
    fn value(&self, value: Value, title: Option<&Value>, language: &str) -> KeyValue {
        if let Some((raw, shown)) = choice(&self.column, &value, language) {
            let field = self.column.field.as_ref();
            let choices = field.map_or(&[][..], |field| &field.choices);
            let place = choices
                .iter()
                .position(|one| Some(one.id) == value.as_choice());
            let place = place.unwrap_or(usize::MAX);
            return KeyValue { raw, shown, place };
        }
        let shown = match (&value, title) {
            (Value::Null, _) => Value::Null,
            (_, Some(title)) if !title.is_null() => Value::from(title.to_string().as_str()),
            (Value::Reference(id), _) => Value::from(format!("#{id}").as_str()),
            (Value::Integer(id), _) if self.title.is_some() => {
                Value::from(format!("#{id}").as_str())
            }
            (Value::Checkbox(_), _) => Value::from(value.to_string().as_str()),
            (other, _) => other.clone(),
        };
        KeyValue {
            raw: value,
            shown,
            place: usize::MAX,
        }
    }
}

/// The name and the label of a choice, as texts.
fn choice(column: &Column, value: &Value, language: &str) -> Option<(Value, Value)> {
    let choice = column.field.as_ref()?.choice_by_id(value.as_choice()?)?;
    let label = label_in(&choice.labels, language, &choice.name);
    Some((Value::from(choice.name.as_str()), Value::from(label)))
}

/// Conditions as they stand behind FROM.
pub(super) fn brackets(conditions: &[String]) -> String {
    match conditions {
        [] => String::new(),
        conditions => {
            let each = conditions.iter().map(|text| {
                let text = bare(text);
                format!("(\n{text}\n)")
            });
            format!(" WHERE {}", each.collect::<Vec<String>>().join(" AND "))
        }
    }
}

/// An expression without the stop that may end it.
fn bare(text: &str) -> &str {
    text.trim_end().trim_end_matches(';')
}

/// What names the record that a key refers to, where that can be written and seen.
fn title(eyes: Eyes<'_>, object: &Arc<Object>, key: &str, column: &Column) -> Option<String> {
    let field = column.field.as_ref()?;
    let key = key.trim();
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '"');
    if !key.chars().all(is_path) {
        return None;
    }
    let (target, path) = match field.id {
        system::ID => {
            let path = key.trim_end_matches("id").trim_end_matches('.');
            (path.is_empty().then_some(object)?, String::new())
        }
        _ => (eyes.schema.by_id(field.target?)?, format!("{key}.")),
    };
    let title = target.by_id(target.title?)?;
    let path = format!("{path}\"{}\"", title.name);
    let sql = format!("SELECT min({path}) FROM \"{}\"", object.name);
    eyes.prepare(&sql).is_ok().then_some(path)
}

/// Whether an error is in what the caller himself wrote, and not in the report.
fn is_cut(error: &Error) -> bool {
    error.details().contains_key("cut")
}
