//! How a schema takes in declared lists.

use crate::error::{Code, Error, Result};
use crate::limits::SORTS_PER_OBJECT_MAX;
use crate::schema::{List, Object, SortKey};

use super::{ListDeclaration, check_name, invalid, is_sortable, limit};

pub(super) fn take_list(object: &mut Object, declared: &ListDeclaration) -> Result<()> {
    check_name(&declared.name, "a list")?;
    let by = declared
        .by
        .iter()
        .map(|text| parse_sort_key(object, text))
        .collect::<Result<Vec<SortKey>>>()?;
    if by.is_empty() {
        return Err(invalid(format!(
            "the list `{}` needs something to sort `by`",
            declared.name
        )));
    }
    if let Some(existing) = object.lists.iter().find(|list| list.name == declared.name) {
        return match existing.by == by {
            true => Ok(()),
            false => Err(Error::new(
                Code::SchemaFixed,
                format!("the list `{}` has another order already", declared.name),
            )),
        };
    }
    if object.lists.len() == SORTS_PER_OBJECT_MAX {
        return Err(limit("lists of an object", SORTS_PER_OBJECT_MAX));
    }
    let id = object.lists.last().map_or(1, |last| last.id + 1);
    object.lists.push(List {
        id,
        name: declared.name.clone(),
        by,
    });
    Ok(())
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
