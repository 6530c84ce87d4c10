//! Search: the records that a text means, best first, under the caller's plan.
//!
//! | File | Holds |
//! |---|---|
//! | `text` | what was typed, as words, numbers and addresses in one or more readings |
//! | `fit` | how well a word or value fits one of them |
//! | `scope` | the objects and fields the caller may search |
//! | `best` | the best hits so far |
//! | `walk` | the way through the index |
//!
//! A record is a hit when everything typed fits one of its searched fields that the caller may
//! see. A detail that fits gives its parent. Hits come by how well they fit (whole word, form of
//! the word, beginning, part of a number; each first in the title and then elsewhere), then by
//! title, then by id; a text of several words fits as well as the worst of them.
//!
//! Nothing the caller may not see takes part (invariant *invisible is absent*): not in the hits,
//! not in their order, and not in the bounds, which count only what he may see. Who may not see
//! a title gets the hits in the order of their ids.

mod best;
mod fit;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod walk;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::ids::RecordId;
use crate::index::search::title_of_key;
use crate::limits::SEARCH_HITS_MAX;
use crate::policy::Actor;
use crate::schema::{Field, Object, Schema, keys};
use crate::store::Read;
use crate::value::{RecordView, ValueType};

pub use fit::How;

use best::Found;
use scope::Scope;
use walk::{Bounds, Walk};

/// What is searched for, and where.
///
/// ```
/// use crm_engine::SearchRequest;
/// let request = SearchRequest::new("ромашка").within(["thing"]).limited(5);
/// assert_eq!(request.limit, 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// Words, beginnings of words, parts of a phone number, an e-mail address: all of it must
    /// fit. Case does not count, nor `ё` or `е`, nor the notation of a number.
    pub text: String,
    /// The objects searched, with their details; empty for all the caller may see.
    #[serde(default)]
    pub objects: Vec<String>,
    /// Only these fields; empty for all that are searched.
    #[serde(default)]
    pub fields: Vec<String>,
    /// The most hits.
    #[serde(default = "hits_usual")]
    pub limit: usize,
}

fn hits_usual() -> usize {
    const HITS_USUAL: usize = 20;
    HITS_USUAL
}

impl SearchRequest {
    /// A search in everything the caller may see, for the best 20 hits.
    #[must_use]
    pub fn new(text: impl Into<String>) -> SearchRequest {
        SearchRequest {
            text: text.into(),
            objects: Vec::new(),
            fields: Vec::new(),
            limit: hits_usual(),
        }
    }

    /// The same search in some objects.
    #[must_use]
    pub fn within<N: Into<String>>(self, objects: impl IntoIterator<Item = N>) -> SearchRequest {
        SearchRequest {
            objects: objects.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// The same search by some fields.
    #[must_use]
    pub fn by<N: Into<String>>(self, fields: impl IntoIterator<Item = N>) -> SearchRequest {
        SearchRequest {
            fields: fields.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// The same search for another number of hits.
    #[must_use]
    pub fn limited(self, limit: usize) -> SearchRequest {
        SearchRequest { limit, ..self }
    }
}

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Its object.
    pub object: String,
    /// Its id.
    pub id: RecordId,
    /// What names it to people; none when it has no title or the caller may not see it.
    pub title: Option<String>,
    /// The field by which it was found: of the record, or of its `detail`.
    pub field: String,
    /// The detail object the field belongs to; none when it is the record's own.
    pub detail: Option<String>,
    /// How the field fits.
    pub how: How,
}

/// The hits of a search, best first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SearchPage {
    /// The hits.
    pub hits: Vec<Hit>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// Whether so much fits that not all of it was looked at: a longer text finds better hits.
    pub truncated: bool,
}

/// Searches as of `read`.
///
/// # Errors
/// [`Code::InvalidArguments`] for a text with nothing to search for or a `limit` out of bounds,
/// [`Code::UnknownObject`], [`Code::UnknownField`] for a field that is not searched or not seen,
/// [`Code::LimitExceeded`], or what prevents reading.
pub(crate) fn run(
    read: &dyn Read,
    schema: &Schema,
    facts: &Facts,
    actor: Actor,
    request: &SearchRequest,
) -> Result<SearchPage> {
    run_within(read, schema, facts, actor, request, Bounds::USUAL)
}

fn run_within(
    read: &dyn Read,
    schema: &Schema,
    facts: &Facts,
    actor: Actor,
    request: &SearchRequest,
    bounds: Bounds,
) -> Result<SearchPage> {
    if !(1..=SEARCH_HITS_MAX).contains(&request.limit) {
        let text = format!("`limit` is from 1 to {SEARCH_HITS_MAX}");
        return Err(Error::new(Code::InvalidArguments, text));
    }
    let readings = text::readings(&request.text)?;
    let scopes = scope::scopes(schema, facts, actor, &request.objects, &request.fields)?;
    let mut walk = Walk::new(read, request.limit, bounds);
    for reading in &readings {
        for (at, scope) in scopes.iter().enumerate() {
            walk.reading(scope, at, reading)?;
        }
    }
    page(read, &scopes, walk, request.limit)
}

/// The records with a phone number or e-mail address, whatever its notation (C29). A number
/// without country or area code finds those that end with it.
///
/// # Errors
/// [`Code::InvalidArguments`] for a text that is neither, or what prevents reading.
pub(crate) fn find(
    read: &dyn Read,
    schema: &Schema,
    facts: &Facts,
    actor: Actor,
    text: &str,
    objects: &[String],
) -> Result<SearchPage> {
    let token = text::whole(text)?;
    let scopes = scope::scopes(schema, facts, actor, objects, &[])?;
    let mut walk = Walk::new(read, SEARCH_HITS_MAX, Bounds::USUAL);
    for (at, scope) in scopes.iter().enumerate() {
        walk.reading(scope, at, std::slice::from_ref(&token))?;
    }
    page(read, &scopes, walk, SEARCH_HITS_MAX)
}

fn page(read: &dyn Read, scopes: &[Scope<'_>], walk: Walk<'_>, limit: usize) -> Result<SearchPage> {
    let truncated = walk.truncated;
    let mut found = walk.best.into_found();
    let more = found.len() > limit;
    found.truncate(limit);
    let hits = found
        .into_iter()
        .map(|(id, title, found)| hit(read, scopes, id, &title, &found))
        .collect::<Result<Vec<Hit>>>()?;
    Ok(SearchPage {
        hits,
        more,
        truncated,
    })
}

fn hit(
    read: &dyn Read,
    scopes: &[Scope<'_>],
    id: RecordId,
    sort_key: &[u8],
    found: &Found,
) -> Result<Hit> {
    let scope = &scopes[found.scope];
    let root = scope.root();
    let title = match scope.title() {
        None => None,
        Some(title) => title_text(read, root, title, id, sort_key)?,
    };
    let field = scope.object.by_id(found.fit.field);
    Ok(Hit {
        object: root.name.clone(),
        id,
        title,
        field: field.map(|field| field.name.clone()).unwrap_or_default(),
        detail: scope.is_detail().then(|| scope.object.name.clone()),
        how: found.fit.how,
    })
}

/// The title of a record: most sort keys tell it, so that a page needs no record reads.
fn title_text(
    read: &dyn Read,
    object: &Object,
    title: &Field,
    id: RecordId,
    sort_key: &[u8],
) -> Result<Option<String>> {
    if title.value_type == ValueType::Text
        && let Some(text) = title_of_key(sort_key)
    {
        return Ok(Some(text));
    }
    let Some(bytes) = read.get(&keys::record(object.id, id))? else {
        return Ok(None);
    };
    let value = RecordView::new(&bytes)?.field(title.id)?;
    Ok((!value.is_null()).then(|| title.to_text(&value)))
}
