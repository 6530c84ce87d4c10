//! The journal for those who may read it, and its end that only administrators cut off.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Session;
use crate::access::Origin;
use crate::engine::View;
use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, Sequence, UserId, Version};
use crate::journal::{self, Entry, EventKind};
use crate::limits::{JOURNAL_CHANGES_LISTED_MAX, JOURNAL_ENTRIES_TOUCHED_MAX, JOURNAL_PAGE_MAX};
use crate::policy::Action;

/// Entries read at a time.
const ENTRIES_AT_ONCE: usize = 1_000;
/// The kind of entries that change records.
const CHANGE: &str = "change";

/// Which entries of the journal are wanted. All of them when everything is left out.
///
/// ```
/// use crm_engine::{Engine, JournalRequest, Options};
/// use serde_json::json;
///
/// let engine = Engine::in_memory(Options::default())?;
/// assert!(engine.login("nobody").is_err());
/// let request: JournalRequest = serde_json::from_value(json!({"kinds": ["login_refused"]})).unwrap();
/// let page = engine.system().journal(&request)?;
/// assert_eq!(page.entries[0].detail["reason"], "unknown_login");
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalRequest {
    /// Whose doings.
    pub user: Option<UserId>,
    /// From this moment on.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Of which kinds: `change` and the names of [`EventKind`].
    pub kinds: Option<Vec<String>>,
    /// Behind this position.
    pub after: Option<Sequence>,
    /// At most so many: 100 when left out.
    pub limit: Option<usize>,
}

/// A stretch of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalPage {
    /// The entries wanted, oldest first.
    pub entries: Vec<JournalEntry>,
    /// Where to read on: everything up to here was looked through.
    pub next: Sequence,
    /// Whether the journal goes on behind `next`.
    pub more: bool,
}

/// Who did what, when, from where, and what came of it (C69).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JournalEntry {
    /// Its position.
    pub sequence: Sequence,
    /// When.
    #[serde(serialize_with = "crate::value::moment")]
    pub at: DateTime<Utc>,
    /// Who; none is the host itself. At a login, who was to log in.
    pub user: Option<UserId>,
    /// In which session, by the position of its login; none for the host itself.
    pub session: Option<Sequence>,
    /// From where; none without a session, or when its login was cut off.
    pub origin: Option<Origin>,
    /// `change`, or the name of an [`EventKind`].
    pub kind: &'static str,
    /// What was called.
    pub action: String,
    /// `done` or `refused`.
    pub result: &'static str,
    /// The records changed, the first of them.
    pub changes: Vec<JournalChange>,
    /// How many there are in all.
    pub changed: usize,
    /// What else there is to say of an event.
    pub detail: Json,
}

/// A changed record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalChange {
    /// What was done: `create`, `update`, `delete` or `restore`.
    pub kind: &'static str,
    /// The name of its object; none when there is none any more.
    pub object: Option<String>,
    /// The record.
    pub id: RecordId,
    /// The version the change produced.
    pub version: Version,
}

/// What was cut off the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalCut {
    /// How many entries.
    pub entries: u64,
    /// The last position cut off; none when there was nothing to cut.
    pub through: Option<Sequence>,
    /// Whether older entries are left than were asked for: cut again.
    pub more: bool,
}

impl JournalRequest {
    fn limit(&self) -> Result<usize> {
        match self.limit {
            None => Ok(100),
            Some(limit @ 1..=JOURNAL_PAGE_MAX) => Ok(limit),
            Some(_) => {
                let text = format!("`limit` takes a number from 1 to {JOURNAL_PAGE_MAX}");
                Err(Error::new(Code::InvalidArguments, text).field("limit"))
            }
        }
    }

    fn check_kinds(&self) -> Result<()> {
        let known =
            |name: &String| name == CHANGE || EventKind::ALL.iter().any(|kind| kind.name() == name);
        let wrong = self.kinds.iter().flatten().find(|name| !known(name));
        match wrong {
            Some(name) => {
                let name = crate::value::shorten(name);
                let text = format!("`kinds`: the journal knows no `{name}`");
                Err(Error::new(Code::InvalidArguments, text).field("kinds"))
            }
            None => Ok(()),
        }
    }

    fn wants(&self, entry: &Entry) -> bool {
        let kinds = self.kinds.as_ref();
        self.user.is_none_or(|user| entry.actor == Some(user))
            && self.from.is_none_or(|from| from <= entry.at)
            && self.to.is_none_or(|to| entry.at < to)
            && kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind == kind_of(entry)))
    }
}

fn kind_of(entry: &Entry) -> &'static str {
    entry
        .event
        .as_ref()
        .map_or(CHANGE, |event| event.kind.name())
}

impl Session {
    /// The entries of the journal that are wanted, of everybody.
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators and who has the right `audit` on all
    /// records; [`Code::InvalidArguments`].
    pub fn journal(&self, request: &JournalRequest) -> Result<JournalPage> {
        self.noting("journal", None, None, || {
            let view = self.view()?;
            if !self.may_audit(&view) {
                let text = "no right to read the journal";
                return Err(Error::new(Code::Denied, text).with("action", "audit"));
            }
            request.check_kinds()?;
            read(&view, request)
        })
    }

    /// Cuts off what stands in the journal before a moment, as much of it as one transaction
    /// takes, and leaves an entry that tells who did so, when, how many entries there were and the
    /// last link of their chain. The newest entry stays.
    ///
    /// ```
    /// use crm_engine::{Engine, JournalRequest, Options};
    /// let host = Engine::in_memory(Options::default())?.system();
    /// host.create("department", &serde_json::json!({"name": "North"}))?;
    /// let cut = host.cut_journal("2999-01-01T00:00:00Z".parse().unwrap())?;
    /// assert!(cut.entries > 0 && !cut.more);
    /// let left = host.journal(&JournalRequest::default())?.entries;
    /// assert_eq!(left.last().unwrap().kind, "journal_cut");
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators (C70).
    pub fn cut_journal(&self, before: DateTime<Utc>) -> Result<JournalCut> {
        self.noting("journal.cut", None, None, || {
            self.require_administrator()?;
            let cut = self.transact("journal.cut", |door| door.cut_journal(before))?;
            Ok(JournalCut {
                entries: cut.map_or(0, |cut| cut.entries),
                through: cut.map(|cut| cut.end.sequence),
                more: cut.is_some_and(|cut| cut.more),
            })
        })
    }

    /// An administrator, or somebody who may audit the records of every object, whoever owns them.
    fn may_audit(&self, view: &View) -> bool {
        if self.require_administrator().is_ok() {
            return true;
        }
        let mut objects = view.schema.objects();
        objects.all(|object| {
            let plan = view.facts.plan(self.actor, object, Action::Audit);
            plan.reaches_everything()
        })
    }
}

fn read(view: &View, request: &JournalRequest) -> Result<JournalPage> {
    let limit = request.limit()?;
    let mut origins = BTreeMap::new();
    let mut page = JournalPage {
        entries: Vec::new(),
        next: request.after.unwrap_or(Sequence(0)),
        more: false,
    };
    let mut touched = 0;
    'pages: while touched < JOURNAL_ENTRIES_TOUCHED_MAX {
        let entries = journal::read_after(&view.snapshot, page.next, ENTRIES_AT_ONCE)?;
        if entries.is_empty() {
            break;
        }
        touched += entries.len();
        for entry in entries {
            if page.entries.len() == limit {
                break 'pages;
            }
            page.next = entry.sequence;
            if request.wants(&entry) {
                page.entries.push(told(view, entry, &mut origins)?);
            }
        }
    }
    page.more = journal::head(&view.snapshot)?.sequence > page.next;
    Ok(page)
}

fn told(
    view: &View,
    entry: Entry,
    origins: &mut BTreeMap<Sequence, Option<Origin>>,
) -> Result<JournalEntry> {
    let kind = kind_of(&entry);
    let event = entry.event.as_ref();
    let is_refusal = event
        .is_some_and(|event| matches!(event.kind, EventKind::Refused | EventKind::LoginRefused));
    let origin = match event.map(|event| event.kind) {
        Some(EventKind::Login | EventKind::LoginRefused) => event.and_then(origin_in),
        _ => origin_of(view, entry.session, origins)?,
    };
    let name = |object| view.schema.by_id(object).map(|object| object.name.clone());
    let listed = entry.changes.iter().take(JOURNAL_CHANGES_LISTED_MAX);
    Ok(JournalEntry {
        sequence: entry.sequence,
        at: entry.at,
        user: entry.actor,
        session: (entry.session != Sequence(0)).then_some(entry.session),
        origin,
        kind,
        result: if is_refusal { "refused" } else { "done" },
        changes: listed
            .map(|change| JournalChange {
                kind: change.kind.name(),
                object: name(change.object),
                id: change.id,
                version: change.version,
            })
            .collect(),
        changed: entry.changes.len(),
        action: entry.action,
        detail: entry.event.map_or_else(|| json!({}), |event| event.detail),
    })
}

/// Where a session came from: its login tells.
fn origin_of(
    view: &View,
    session: Sequence,
    known: &mut BTreeMap<Sequence, Option<Origin>>,
) -> Result<Option<Origin>> {
    if session == Sequence(0) {
        return Ok(None);
    }
    if let Some(origin) = known.get(&session) {
        return Ok(origin.clone());
    }
    let login = journal::at(&view.snapshot, session)?;
    let origin = login.and_then(|entry| entry.event.as_ref().and_then(origin_in));
    known.insert(session, origin.clone());
    Ok(origin)
}

fn origin_in(event: &journal::Event) -> Option<Origin> {
    Origin::deserialize(&event.detail["origin"]).ok()
}
