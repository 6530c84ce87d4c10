//! How a schema takes in the parts of a card: which records of other objects are shown with a
//! record.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ids::FieldId;
use crate::limits::{CARD_PART_ROWS_MAX, PARTS_PER_OBJECT_MAX};
use crate::schema::{CardPart, Field, Labels, Object, Schema};

use super::lists::parse_sort_key;
use super::{ObjectDeclaration, check_name, invalid, limit};

/// Rows of a part that does not say how many.
const ROWS: u16 = 20;

/// A part of a card as declared: `{ name = "tasks", object = "task", link = "company", where =
/// "done IS NULL", by = "due" }`; see [`CardPart`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardPartDeclaration {
    /// The stable API name of the part.
    pub name: String,
    /// Labels by language code; those of the object when left out.
    #[serde(default)]
    pub label: Labels,
    /// The object of the rows.
    pub object: String,
    /// Its field that refers to the record.
    pub link: String,
    /// Its field that refers on to what is shown, when the rows only link the two.
    #[serde(default)]
    pub via: Option<String>,
    /// A condition on the rows, in the condition language.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// What the rows are sorted by: `due` or `at desc`; the newest come first when left out.
    #[serde(default)]
    pub by: Option<String>,
    /// How many rows are shown; 20 when left out.
    #[serde(default)]
    pub limit: Option<u16>,
    /// The fields shown of what is shown; the columns of its lists when left out.
    #[serde(default)]
    pub columns: Vec<String>,
}

impl Schema {
    /// Takes in the declared parts of the object's card; one of a known name is replaced.
    pub(super) fn settle_card(
        &self,
        object: &mut Object,
        declaration: &ObjectDeclaration,
    ) -> Result<()> {
        for declared in &declaration.card {
            let part = self.card_part(object, declared).map_err(|error| {
                Error::new(
                    error.code(),
                    format!("card part `{}`: {error}", declared.name),
                )
            })?;
            match object.card.iter_mut().find(|known| known.name == part.name) {
                Some(known) => *known = part,
                None => object.card.push(part),
            }
        }
        match object.card.len() > PARTS_PER_OBJECT_MAX {
            true => Err(limit("card parts of an object", PARTS_PER_OBJECT_MAX)),
            false => Ok(()),
        }
    }

    fn card_part(&self, object: &Object, declared: &CardPartDeclaration) -> Result<CardPart> {
        check_name(&declared.name, "a card part")?;
        let rows = self.object(&declared.object)?;
        let link = rows.field(&declared.link)?;
        if link.target != Some(object.id) {
            let text = format!("`{}` does not refer to `{}`", link.name, object.name);
            return Err(invalid(text));
        }
        let via = match &declared.via {
            Some(name) => Some(reference(rows, name)?),
            None => None,
        };
        let shown: &Arc<Object> = match via.and_then(|via| self.by_id(via.target?)) {
            Some(target) => target,
            None => rows,
        };
        let columns = declared.columns.iter();
        let columns = columns.map(|name| Ok(shown.field(name)?.id));
        let limit = declared.limit.unwrap_or(ROWS);
        if !(1..=CARD_PART_ROWS_MAX).contains(&limit) {
            let text = format!("`limit` is a number from 1 to {CARD_PART_ROWS_MAX}");
            return Err(invalid(text));
        }
        Ok(CardPart {
            name: declared.name.clone(),
            labels: declared.label.clone(),
            object: rows.id,
            link: link.id,
            via: via.map(|via| via.id),
            condition: declared.condition.clone(),
            by: match &declared.by {
                Some(text) => Some(parse_sort_key(rows, text)?),
                None => None,
            },
            limit,
            columns: columns.collect::<Result<Vec<FieldId>>>()?,
        })
    }
}

fn reference<'o>(object: &'o Object, name: &str) -> Result<&'o Field> {
    let field = object.field(name)?;
    match field.target {
        Some(_) => Ok(field),
        None => Err(invalid("`via` is a reference").field(name)),
    }
}

impl CardPart {
    /// The part that shows what refers to a record by `link`, the newest first: what a card has
    /// of an object that none of its declared parts speaks of.
    pub(crate) fn undeclared(name: String, object: &Object, link: &Field) -> CardPart {
        CardPart {
            name,
            labels: object.labels.clone(),
            object: object.id,
            link: link.id,
            via: None,
            condition: None,
            by: None,
            limit: ROWS,
            columns: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::schema::SortKey;

    fn declare(text: &str) -> ObjectDeclaration {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn parts_are_checked_and_replaced_by_name() {
        let item = "name='item'\nowned=true\ntitle='name'\nfield=[{name='name', type='text'}, \
            {name='thing', type='reference', target='thing'}, {name='day', type='date'}, \
            {name='user', type='reference', target='user'}]";
        let thing = |card: &str| declare(&format!("name='thing'\ncard=[{card}]"));
        let schema = |card: &str| Schema::kernel().apply(&[thing(card), declare(item)]);
        let good = "{name='items', object='item', link='thing', by='day desc', columns=['name']}";
        let first = schema(good).unwrap();
        let part = &first.object("thing").unwrap().card[0];
        let day = first.object("item").unwrap().field("day").unwrap().id;
        let by = SortKey {
            field: day,
            descending: true,
        };
        assert_eq!((part.limit, part.by), (20, Some(by)));
        let again = "{name='items', object='item', link='thing', via='user', columns=['login']}";
        let second = first.apply(&[thing(again)]).unwrap();
        assert_eq!(second.object("thing").unwrap().card.len(), 1);
        assert!(second.object("thing").unwrap().card[0].via.is_some());
        for (card, code) in [
            (
                "{name='x', object='none', link='thing'}",
                Code::UnknownObject,
            ),
            ("{name='x', object='item', link='none'}", Code::UnknownField),
            ("{name='x', object='item', link='user'}", Code::InvalidValue),
            (
                "{name='x', object='item', link='thing', via='day'}",
                Code::InvalidValue,
            ),
            (
                "{name='x', object='item', link='thing', limit=0}",
                Code::InvalidValue,
            ),
            (
                "{name='x', object='item', link='thing', columns=['no']}",
                Code::UnknownField,
            ),
            (
                "{name='Bad', object='item', link='thing'}",
                Code::InvalidValue,
            ),
        ] {
            let error = schema(card).unwrap_err();
            assert_eq!(error.code(), code, "{card}: {error}");
            assert_eq!(error.details()["object"], "thing");
        }
    }
}
