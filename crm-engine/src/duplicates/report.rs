//! What is told of duplicates.

use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::error::Result;
use crate::ids::RecordId;
use crate::limits::DUPLICATES_TOLD_MAX;
use crate::policy::Action;
use crate::schema::{DuplicateRule, Object};

use super::find::{Found, Likenesses};
use super::{Finder, Subject};

/// The likely duplicates of a record, as its finder may know of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DuplicateReport {
    /// Those he may see, up to [`DUPLICATES_TOLD_MAX`]: of the record's own object first.
    pub matches: Vec<DuplicateMatch>,
    /// How many there are that he may not see, up to [`DUPLICATES_TOLD_MAX`]; 0 where
    /// `hidden_duplicates` keeps that back.
    pub hidden: u64,
    /// Whether there may be more to see than these.
    pub more: bool,
}

/// A likely duplicate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DuplicateMatch {
    /// Its object.
    pub object: String,
    /// Its id.
    pub id: RecordId,
    /// What names it to people; `null` where it has no title.
    pub title: Json,
    /// The rules by which it is one.
    pub rules: Vec<String>,
    /// The values that are alike, by field.
    pub fields: Map<String, Json>,
}

impl DuplicateReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty() && self.hidden == 0
    }

    /// The first rule that found something to see.
    pub(crate) fn rule(&self) -> Option<&str> {
        let first = self.matches.first()?;
        first.rules.first().map(String::as_str)
    }

    /// Which records they are, without what they hold: for the details of an error.
    pub(crate) fn places(&self) -> Json {
        let place = |found: &DuplicateMatch| json!({"object": found.object, "id": found.id.get(), "rules": found.rules});
        self.matches.iter().map(place).collect()
    }
}

impl Finder<'_> {
    /// Finds and tells.
    ///
    /// # Errors
    /// What prevents reading.
    pub(crate) fn report(
        &self,
        object: &Object,
        subject: &Subject,
        wanted: impl Fn(&DuplicateRule) -> bool,
    ) -> Result<DuplicateReport> {
        let found: Found = self.find(object, subject, wanted)?;
        let mut report = DuplicateReport {
            hidden: found.hidden.len().min(DUPLICATES_TOLD_MAX) as u64,
            more: found.more || found.seen.len() > DUPLICATES_TOLD_MAX,
            ..DuplicateReport::default()
        };
        for ((_, place, id), likenesses) in found.seen.into_iter().take(DUPLICATES_TOLD_MAX) {
            if let Some(place) = self.schema.by_id(place) {
                report.matches.push(self.tell(place, id, likenesses)?);
            }
        }
        Ok(report)
    }

    fn tell(&self, place: &Object, id: RecordId, likenesses: Likenesses) -> Result<DuplicateMatch> {
        let plan = self.plan(place, Action::View);
        let title = place.title.filter(|title| plan.shows(*title));
        let title = title.and_then(|title| place.by_id(title));
        let title = match (title, self.load(place, id)?) {
            (Some(title), Some(record)) => title.to_json(record.fields.get(title.id)),
            _ => Json::Null,
        };
        let fields = likenesses.values.iter().filter_map(|(field, value)| {
            let field = place.by_id(*field)?;
            Some((field.name.clone(), field.to_json(value)))
        });
        Ok(DuplicateMatch {
            object: place.name.clone(),
            id,
            title,
            rules: likenesses.rules,
            fields: fields.collect(),
        })
    }
}
