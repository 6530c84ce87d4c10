//! The parts of a card that show other records: queries, prepared for an actor and kept.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Asker, CardLink, CardRow, CardRows};
use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::ids::{FieldId, ObjectId, RecordId, UserId};
use crate::limits::CARDS_PREPARED_MAX;
use crate::policy::{Action, Actor, Plan};
use crate::query::{self, Params, Prepared};
use crate::schema::{CardPart, Cells, Field, Labels, Object, label_in};
use crate::value::Value;

/// The cards prepared for actors, good for as long as rights and schema stay as they are.
#[derive(Default)]
pub(crate) struct Cards(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// The rights under which they were prepared.
    facts: Option<Arc<Facts>>,
    cards: HashMap<(Actor, ObjectId), Arc<[PreparedPart]>>,
}

impl Cards {
    /// The parts of the card of an object that the asker may see.
    pub(super) fn prepared(&self, asker: &Asker<'_>, object: &Arc<Object>) -> Arc<[PreparedPart]> {
        let key = (asker.actor, object.id);
        let is_now = |facts: &Option<Arc<Facts>>| {
            facts
                .as_ref()
                .is_some_and(|facts| Arc::ptr_eq(facts, asker.facts))
        };
        {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(card) = kept.cards.get(&key).filter(|_| is_now(&kept.facts)) {
                return Arc::clone(card);
            }
        }
        let parts = parts_of(asker, object);
        let card: Arc<[PreparedPart]> = parts
            .iter()
            .filter_map(|part| PreparedPart::new(asker, part))
            .collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_now(&kept.facts) || kept.cards.len() >= CARDS_PREPARED_MAX {
            kept.facts = Some(Arc::clone(asker.facts));
            kept.cards.clear();
        }
        kept.cards.insert(key, Arc::clone(&card));
        card
    }
}

/// The declared parts and the details that neither they nor the timeline speak of; of an object that declares none,
/// whatever refers to it.
fn parts_of(asker: &Asker<'_>, object: &Object) -> Vec<CardPart> {
    let mut parts = object.card.clone();
    // A log is read by those who ask for it: its rows are the history, which has a place of its own.
    let referring = asker.schema.referring_to(object.id);
    let referring = referring.filter(|(other, _)| other.log.is_none());
    let referring: Vec<(&Arc<Object>, &Field)> = referring.collect();
    for (other, field) in &referring {
        let declared = object.card.iter();
        let mut declared = declared.map(|part| (part.object, part.link));
        // Details that are events stand on the timeline.
        let is_event = other.event.is_some() && field.timeline;
        let is_detail = other.parent == Some(field.id) && !is_event;
        if declared.any(|known| known == (other.id, field.id))
            || !(is_detail || object.card.is_empty())
        {
            continue;
        }
        let alike = referring.iter().filter(|(known, _)| known.id == other.id);
        let name = match alike.count() {
            1 => other.name.clone(),
            _ => format!("{}.{}", other.name, field.name),
        };
        parts.push(CardPart::undeclared(name, other, field));
    }
    parts
}

/// A part of a card with its query.
pub(super) struct PreparedPart {
    name: String,
    labels: Labels,
    /// The object of the records shown.
    shown: Arc<Object>,
    columns: Vec<FieldId>,
    /// The object and columns of the records that link, where they are not those shown.
    link: Option<(Arc<Object>, Vec<FieldId>)>,
    limit: usize,
    query: Prepared,
}

impl PreparedPart {
    /// None for a part that the asker may not see: whose object, link or condition he may not.
    fn new(asker: &Asker<'_>, part: &CardPart) -> Option<PreparedPart> {
        let rows = asker.schema.by_id(part.object)?;
        let plan = visible(asker, rows)?;
        let shown_field = |field: FieldId| -> Option<&Field> {
            rows.by_id(field).filter(|field| plan.shows(field.id))
        };
        let link = shown_field(part.link)?;
        let via = match part.via {
            Some(via) => Some(shown_field(via)?),
            None => None,
        };
        let shown = match via {
            Some(via) => asker.schema.by_id(via.target?)?,
            None => rows,
        };
        let shown_plan = visible(asker, shown)?;
        let columns = match part.columns.is_empty() {
            true => usual_columns(shown, via.is_none().then_some(link.id)),
            false => part.columns.clone(),
        };
        let columns = showing(columns, shown, &shown_plan);
        let linking = via.map(|via| {
            let own = usual_columns(rows, Some(link.id));
            let own = own.into_iter().filter(|column| *column != via.id).collect();
            showing(own, rows, &plan)
        });
        let mut sql = String::from("SELECT id");
        let mut column = |path: &str, object: &Object, id: FieldId| {
            let name = object.by_id(id).map_or("", |field| field.name.as_str());
            let _ = write!(sql, ", {path}\"{name}\"");
        };
        if let Some(via) = via {
            column("", rows, via.id);
        }
        let path = via.map_or(String::new(), |via| format!("\"{}\".", via.name));
        columns.iter().for_each(|id| column(&path, shown, *id));
        let own = linking.iter().flatten();
        own.for_each(|id| column("", rows, *id));
        let _ = write!(
            sql,
            " FROM \"{}\" WHERE \"{}\" = :record",
            rows.name, link.name
        );
        if via.is_some() {
            // Of a record that may not be seen there is no id.
            let _ = write!(sql, " AND {path}id IS NOT NULL");
        }
        if let Some(condition) = &part.condition {
            let _ = write!(sql, " AND ({condition})");
        }
        let by = part.by.and_then(|by| Some((shown_field(by.field)?, by)));
        match by {
            Some((field, by)) => {
                let direction = if by.descending { "DESC" } else { "ASC" };
                let _ = write!(sql, " ORDER BY \"{}\" {direction}", field.name);
            }
            None => sql.push_str(" ORDER BY id DESC"),
        }
        let _ = write!(sql, " LIMIT {}", u32::from(part.limit) + 1);
        let query = query::prepare(asker.schema, asker.facts, asker.actor, &sql).ok()?;
        Some(PreparedPart {
            name: part.name.clone(),
            labels: match part.labels.is_empty() {
                true => shown.labels.clone(),
                false => part.labels.clone(),
            },
            shown: Arc::clone(shown),
            columns,
            link: linking.map(|own| (Arc::clone(rows), own)),
            limit: part.limit.into(),
            query,
        })
    }

    /// The rows for one record.
    pub(super) fn rows(&self, asker: &Asker<'_>, id: RecordId, language: &str) -> Result<CardRows> {
        let mut params = Params::new();
        for (position, name) in self.query.parameters().iter().enumerate() {
            let value = match name.as_deref() {
                Some("record") => Value::Reference(id),
                Some("user") => asker
                    .actor
                    .user()
                    .map_or(Value::Null, |UserId(user)| Value::Reference(user)),
                Some("now") => Value::DateTime(asker.now),
                Some("today") => Value::Date(asker.now.date_naive()),
                _ => continue,
            };
            params.set(position, value);
        }
        let mut found = self.query.run(asker.snapshot, &params)?;
        let mut rows = Vec::new();
        while let Some(values) = found.next()? {
            rows.push(self.row(values)?);
        }
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        Ok(CardRows {
            name: self.name.clone(),
            label: label_in(&self.labels, language, &self.name).to_owned(),
            object: self.shown.name.clone(),
            rows,
            more,
        })
    }

    fn row(&self, values: &[Value]) -> Result<CardRow> {
        let absent = || Error::internal("a part of a card has too few columns");
        let (id, values) = values.split_first().ok_or_else(absent)?;
        let (linking, values) = match &self.link {
            Some(link) => {
                let (shown, values) = values.split_first().ok_or_else(absent)?;
                (Some((link, shown)), values)
            }
            None => (None, values),
        };
        let (cells, own) = values
            .split_at_checked(self.columns.len())
            .ok_or_else(absent)?;
        let cells = cells_of(&self.shown, &self.columns, cells);
        let id = record_id(id)?;
        match linking {
            None => Ok(CardRow {
                id,
                cells,
                link: None,
            }),
            Some(((object, columns), shown)) => Ok(CardRow {
                id: record_id(shown)?,
                cells,
                link: Some(CardLink {
                    id,
                    cells: cells_of(object, columns, own),
                }),
            }),
        }
    }
}

fn cells_of(object: &Arc<Object>, columns: &[FieldId], values: &[Value]) -> Cells {
    let cells = columns.iter().copied().zip(values.iter().cloned());
    Cells::new(object, cells.collect())
}

fn record_id(value: &Value) -> Result<RecordId> {
    match value {
        Value::Reference(id) => Ok(*id),
        Value::Integer(id) => RecordId::new(u64::try_from(*id).unwrap_or(0)),
        _ => Err(Error::new(Code::Damaged, "a row of a card has no id")),
    }
}

/// The plan for an object of which the asker may see anything.
fn visible(asker: &Asker<'_>, object: &Object) -> Option<Arc<Plan>> {
    let plan = asker.facts.plan(asker.actor, object, Action::View);
    (!plan.is_nothing()).then_some(plan)
}

/// The columns of the lists of an object, its title first, without the link to the card itself.
fn usual_columns(object: &Object, link: Option<FieldId>) -> Vec<FieldId> {
    let columns = object.columns.iter().copied();
    let columns = columns.filter(|column| Some(*column) != object.title);
    let columns = object.title.into_iter().chain(columns);
    columns.filter(|column| Some(*column) != link).collect()
}

fn showing(columns: Vec<FieldId>, object: &Object, plan: &Plan) -> Vec<FieldId> {
    let shown = |id: &FieldId| plan.shows(*id) && object.by_id(*id).is_some();
    columns.into_iter().filter(shown).collect()
}
