//! How a schema takes in declared lists.

use crate::error::{Code, Error, Result};
use crate::limits::SORTS_PER_OBJECT_MAX;
use crate::schema::edit::Shows;
use crate::schema::{List, Object, SortKey};

use super::{ListDeclaration, check_name, invalid, is_sortable, limit};

impl Object {
    /// Takes in a list; one that is declared already stays as it is.
    pub(super) fn take_list(&mut self, declared: &ListDeclaration) -> Result<()> {
        let by = self.sort_keys(declared, &|_| true)?;
        if let Some(existing) = self.lists.iter().find(|list| list.name == declared.name) {
            return match existing.by == by {
                true => Ok(()),
                false => Err(Error::new(
                    Code::SchemaFixed,
                    format!("the list `{}` has another order already", declared.name),
                )),
            };
        }
        let list = self.numbered_list(&declared.name, by)?;
        self.lists.push(list);
        Ok(())
    }

    /// What a list of fields that are shown sorts by.
    pub(in crate::schema) fn sort_keys(
        &self,
        declared: &ListDeclaration,
        shows: Shows<'_>,
    ) -> Result<Vec<SortKey>> {
        check_name(&declared.name, "a list")?;
        let keys = declared.by.iter();
        let by = keys.map(|text| {
            let name = text.split(' ').next().unwrap_or_default();
            match self.field(name)?.id {
                field if shows(field) => parse_sort_key(self, text),
                _ => Err(self.unknown_field(name)),
            }
        });
        let by = by.collect::<Result<Vec<SortKey>>>()?;
        if by.is_empty() {
            return Err(invalid(format!(
                "the list `{}` needs something to sort `by`",
                declared.name
            )));
        }
        Ok(by)
    }

    /// A list with a number that no other one has, gone or not.
    pub(in crate::schema) fn numbered_list(&self, name: &str, by: Vec<SortKey>) -> Result<List> {
        let known = || self.written_lists().chain(&self.leaving);
        if known().count() == SORTS_PER_OBJECT_MAX {
            return Err(limit("lists of an object", SORTS_PER_OBJECT_MAX));
        }
        let is_free = |id: &u8| known().all(|list| list.id != *id);
        let id = (1..=u8::MAX).find(is_free);
        Ok(List {
            id: id.ok_or_else(|| Error::internal("no number is left for a list"))?,
            name: name.to_owned(),
            by,
        })
    }
}

pub(super) fn parse_sort_key(object: &Object, text: &str) -> Result<SortKey> {
    let (name, descending) = match text.split_once(' ') {
        None | Some((_, "asc")) => (text.trim_end_matches(" asc"), false),
        Some((name, "desc")) => (name, true),
        Some(_) => {
            return Err(invalid(format!(
                "`{text}` is not `field`, `field asc` or `field desc`"
            )));
        }
    };
    let field = object.field(name)?;
    if !is_sortable(field.value_type) {
        return Err(invalid(format!(
            "a list cannot sort by `{}`",
            field.value_type.name()
        ))
        .field(name));
    }
    Ok(SortKey {
        field: field.id,
        descending,
    })
}
