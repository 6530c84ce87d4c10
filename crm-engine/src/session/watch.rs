//! Who read how much: what users opened, listed and took out, by hour (C78).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Session;
use crate::engine::View;
use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, UserId};
use crate::limits::{WATCH_HOURS_PAGE_MAX, WATCH_OPENED_PAGE_MAX, WATCH_OPENED_READ_MAX};
use crate::policy::Action;
use crate::watch::{self, Counters};

/// Which hours are asked for: the arguments of the operations `watch` and `watch.alarms`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchRequest {
    /// One user; all when left out.
    #[serde(default)]
    pub user: Option<UserId>,
    /// The first moment: its whole hour counts.
    pub from: DateTime<Utc>,
    /// The moment behind the last one.
    pub to: DateTime<Utc>,
    /// How many hours a page has at most; 1,000 when left out.
    #[serde(default)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

impl WatchRequest {
    /// What all users did from a moment to another.
    ///
    /// ```
    /// use crm_engine::WatchRequest;
    /// let [from, to] = ["2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"].map(|at| at.parse().unwrap());
    /// assert!(WatchRequest::new(from, to).user.is_none());
    /// ```
    #[must_use]
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> WatchRequest {
        WatchRequest {
            user: None,
            from,
            to,
            limit: None,
            after: None,
        }
    }
}

/// What users did, by user and hour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchPage {
    /// The hours in which they did something.
    pub hours: Vec<WatchedHour>,
    /// Where the next page begins; none behind the last one.
    pub next: Option<String>,
}

/// What a user did in an hour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchedHour {
    /// The user.
    pub user: UserId,
    /// When the hour begins.
    #[serde(serialize_with = "crate::value::moment")]
    pub hour: DateTime<Utc>,
    /// Different records he opened.
    pub opened: u64,
    /// Rows that queries gave him.
    pub listed: u64,
    /// Rows he took out.
    pub exported: u64,
    /// Refusals he met.
    pub refused: u64,
    /// When he opened more than his roles let him open without an alarm.
    #[serde(serialize_with = "crate::value::moment_or_null")]
    pub alarm: Option<DateTime<Utc>>,
}

/// Whose openings are asked for: the arguments of the operation `watch.opened`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedRequest {
    /// The user.
    pub user: UserId,
    /// The first moment: its whole hour counts.
    pub from: DateTime<Utc>,
    /// The moment behind the last one.
    pub to: DateTime<Utc>,
    /// How many records a page has at most; 1,000 when left out.
    #[serde(default)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<RecordId>,
}

/// The records a user opened, by their numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenedPage {
    /// How many different records he opened in all.
    pub total: usize,
    /// The records.
    pub records: Vec<OpenedRecord>,
    /// Where the next page begins; none behind the last one.
    pub next: Option<RecordId>,
}

/// A record that was opened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenedRecord {
    /// Its object; none where the object is gone.
    pub object: Option<String>,
    /// The record.
    pub id: RecordId,
    /// The hour in which it was first opened.
    #[serde(serialize_with = "crate::value::moment")]
    pub first: DateTime<Utc>,
    /// In how many hours it was opened.
    pub hours: u64,
}

impl Session {
    /// How much users read, by user and hour.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, WatchRequest};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna", "roles": ["agent"]}))?;
    /// let anna = engine.login("anna")?;
    /// let deal = anna.create("deal", &json!({"title": "Roof", "stage": "prospecting"}))?;
    /// anna.get("deal", deal)?;
    /// anna.get("deal", deal)?;
    /// let [from, to] = ["1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"].map(|at| at.parse().unwrap());
    /// let page = host.watch(&WatchRequest::new(from, to))?;
    /// assert_eq!(page.hours.iter().map(|hour| hour.opened).sum::<u64>(), 1);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators and who has the right `audit` on all
    /// records; [`Code::InvalidArguments`].
    pub fn watch(&self, request: &WatchRequest) -> Result<WatchPage> {
        self.watched_hours(request, |_| true)
    }

    /// The hours in which users opened more records than their roles let them open without an
    /// alarm. A host that polls it asks from the moment it last heard of.
    ///
    /// # Errors
    /// As [`Session::watch`].
    pub fn watch_alarms(&self, request: &WatchRequest) -> Result<WatchPage> {
        self.watched_hours(request, |counters| {
            counters
                .alarm
                .is_some_and(|at| request.from <= at && at < request.to)
        })
    }

    /// The records that a user opened in a period, each once.
    ///
    /// # Errors
    /// As [`Session::watch`], and [`Code::LimitExceeded`] for a period in which he opened too many.
    pub fn watch_opened(&self, request: &OpenedRequest) -> Result<OpenedPage> {
        let view = self.auditor()?;
        let limit = limit(request.limit, 1_000, WATCH_OPENED_PAGE_MAX)?;
        let mut opened = BTreeMap::new();
        let mut read = 0;
        let hours = hours(request.from, request.to);
        watch::opened_in(
            &view.snapshot,
            request.user,
            hours,
            &mut |hour, object, id| {
                read += 1;
                if read > WATCH_OPENED_READ_MAX {
                    let text = format!(
                        "more than {WATCH_OPENED_READ_MAX} openings: ask for a shorter period"
                    );
                    return Err(Error::new(Code::LimitExceeded, text));
                }
                opened.entry(id).or_insert((object, hour, 0)).2 += 1;
                Ok(())
            },
        )?;
        let total = opened.len();
        let rest = opened.into_iter();
        let rest = rest.filter(|(id, _)| request.after.is_none_or(|after| *id > after));
        let mut records = Vec::new();
        let mut next = None;
        for (id, (object, first, hours)) in rest {
            if records.len() == limit {
                next = records.last().map(|last: &OpenedRecord| last.id);
                break;
            }
            let object = view.schema.by_id(object);
            records.push(OpenedRecord {
                object: object.map(|object| object.name.clone()),
                id,
                first: watch::start_of(first)?,
                hours,
            });
        }
        Ok(OpenedPage {
            total,
            records,
            next,
        })
    }

    fn watched_hours(
        &self,
        request: &WatchRequest,
        wanted: impl Fn(&Counters) -> bool,
    ) -> Result<WatchPage> {
        let view = self.auditor()?;
        let limit = limit(request.limit, WATCH_HOURS_PAGE_MAX, WATCH_HOURS_PAGE_MAX)?;
        let (from, to) = hours(request.from, request.to);
        let after = request.after.as_deref().map(place).transpose()?;
        let mut page = WatchPage {
            hours: Vec::new(),
            next: None,
        };
        let users = view.facts.organisation.users().map(|(user, _)| user);
        let users = users.filter(|user| request.user.is_none_or(|wanted| *user == wanted));
        for user in users {
            let from = match after {
                Some((before, _)) if user < before => continue,
                Some((before, hour)) if user == before => from.max(hour.saturating_add(1)),
                _ => from,
            };
            if page.next.is_some() {
                break;
            }
            watch::hours_of(&view.snapshot, user, (from, to), &mut |hour, counters| {
                if !wanted(&counters) {
                    return Ok(true);
                }
                if page.hours.len() == limit {
                    page.next = page
                        .hours
                        .last()
                        .map(|last| format!("{}-{}", last.user, watch::hour_of(last.hour)));
                    return Ok(false);
                }
                page.hours.push(WatchedHour {
                    user,
                    hour: watch::start_of(hour)?,
                    opened: counters.opened + counters.beyond,
                    listed: counters.listed,
                    exported: counters.exported,
                    refused: counters.refused,
                    alarm: counters.alarm,
                });
                Ok(true)
            })?;
        }
        Ok(page)
    }

    /// What is known by now, for who may know it.
    fn auditor(&self) -> Result<View> {
        let view = self.view()?;
        let audits = || {
            view.schema.objects().all(|object| {
                let plan = view.facts.plan(self.actor, object, Action::Audit);
                plan.reaches_everything()
            })
        };
        if self.require_administrator().is_err() && !audits() {
            let text = "no right to look at what users do";
            let refusal = Error::new(Code::Denied, text).with("action", "audit");
            self.engine.refused(self.actor, &refusal);
            return Err(refusal);
        }
        self.engine.write_down();
        self.view()
    }
}

/// The hours of a period, the last one behind it.
fn hours(from: DateTime<Utc>, to: DateTime<Utc>) -> (u64, u64) {
    let whole = watch::start_of(watch::hour_of(to)).is_ok_and(|start| start == to);
    let last = watch::hour_of(to).saturating_add(u64::from(!whole));
    let first = watch::hour_of(from);
    (first, last.max(first))
}

fn limit(limit: Option<usize>, usual: usize, most: usize) -> Result<usize> {
    match limit.unwrap_or(usual) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => {
            let text = format!("`limit` runs from 1 to {most}");
            Err(Error::new(Code::InvalidArguments, text).field("limit"))
        }
    }
}

/// The user and hour that a page ended with.
fn place(after: &str) -> Result<(UserId, u64)> {
    let place = after.split_once('-').and_then(|(user, hour)| {
        let user = RecordId::new(user.parse().ok()?).ok()?;
        Some((UserId(user), hour.parse().ok()?))
    });
    place.ok_or_else(|| {
        let text = "`after` is the `next` of a page";
        Error::new(Code::InvalidArguments, text).field("after")
    })
}
