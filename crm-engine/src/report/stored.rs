//! Stored reports: records of the kernel object `report`, found by name or number where the
//! caller may see them or they were opened to him.

use std::sync::Arc;

use serde::Serialize;

use super::ask::Around;
use super::declare::ReportDeclaration;
use crate::access::Window;
use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::{RecordId, UserId};
use crate::limits::REPORTS_MAX;
use crate::policy::{Action, Actor};
use crate::schema::system::{REPORT, report};
use crate::schema::{Object, keys, label_in};
use crate::store::{Read, ScanOptions};
use crate::value::{Record, RecordView, Value, take_uint};

/// A report that the caller may run.
pub(crate) struct Stored {
    pub(crate) id: RecordId,
    pub(crate) record: Record,
    pub(crate) declared: ReportDeclaration,
    /// Who opened it to the caller, where that holds.
    pub(super) opener: Option<UserId>,
    /// Whether the caller sees the record itself, and may drill and describe.
    pub(super) seen: bool,
}

/// A report as it stands in a list of reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportInfo {
    /// Its record.
    pub id: RecordId,
    /// Its name.
    pub name: String,
    /// Its name for people, in the language asked for.
    pub label: String,
    /// What its figures mean.
    pub description: String,
    /// `report` or `list`.
    pub kind: &'static str,
    /// Whom it belongs to; those of packs belong to nobody.
    pub owner: Option<UserId>,
    /// Whether it was opened to the caller: figures of more than he may see.
    pub opened: bool,
}

impl Stored {
    pub(super) fn info(&self, language: &str) -> ReportInfo {
        let declared = &self.declared;
        ReportInfo {
            id: self.id,
            name: declared.name.clone(),
            label: label_in(&declared.label, language, &declared.name).to_owned(),
            description: label_in(&declared.description, language, "").to_owned(),
            kind: if declared.list.is_some() {
                "list"
            } else {
                "report"
            },
            owner: self.record.head.owner.filter(|_| self.seen),
            opened: self.opener.is_some(),
        }
    }
}

/// The reports that the caller may run, by name, his own ones before others of the same name.
///
/// # Errors
/// What prevents reading.
pub(super) fn all(around: Around<'_>) -> Result<Vec<Stored>> {
    called(around, None)
}

/// The reports of that name, or all of them.
fn called(around: Around<'_>, name: Option<&str>) -> Result<Vec<Stored>> {
    let read: &dyn Read = around.snapshot;
    let object = object(around)?;
    let range = keys::records(REPORT);
    let prefix = range.start().len();
    let mut rows = read.scan(range, ScanOptions::default())?;
    let (mut found, mut looked) = (Vec::new(), 0);
    while let Some((key, bytes)) = rows.next()? {
        looked += 1;
        if looked > REPORTS_MAX {
            let text = format!("a store has at most {REPORTS_MAX} reports");
            return Err(Error::new(Code::LimitExceeded, text));
        }
        let id = RecordId::new(take_uint(&mut &key[prefix..])?)?;
        found.extend(stored(around, &object, (id, bytes), name)?);
    }
    let me = around.actor.user();
    let place = |one: &Stored| {
        let own = one.record.head.owner.is_some() && one.record.head.owner == me;
        (one.declared.name.clone(), !own, one.id)
    };
    found.sort_by_key(place);
    Ok(found)
}

/// The report of that name or number.
///
/// # Errors
/// [`Code::NotFound`] for one that there is not, or that the caller may not run.
pub(super) fn find(around: Around<'_>, name: &str) -> Result<Stored> {
    let read: &dyn Read = around.snapshot;
    let number = name.parse().ok().and_then(|id| RecordId::new(id).ok());
    let found = match number {
        Some(id) => match read.get(&keys::record(REPORT, id))? {
            Some(bytes) => {
                let object = object(around)?;
                stored(around, &object, (id, &bytes), None)?
            }
            None => None,
        },
        None => called(around, Some(name))?.into_iter().next(),
    };
    found.ok_or_else(|| Error::not_found().with("report", crate::value::shorten(name)))
}

fn object(around: Around<'_>) -> Result<Arc<Object>> {
    let object = around.schema.by_id(REPORT).map(Arc::clone);
    object.ok_or_else(|| Error::internal("a schema without reports"))
}

/// A report, if it is called so and the caller may run it. One that cannot be read any more is none.
fn stored(
    around: Around<'_>,
    object: &Object,
    (id, bytes): (RecordId, &[u8]),
    name: Option<&str>,
) -> Result<Option<Stored>> {
    let view = RecordView::new(bytes)?;
    if name.is_some() && view.field(report::NAME)?.as_text() != name {
        return Ok(None);
    }
    let record = view.decode()?;
    let plan = around.facts.plan(around.actor, object, Action::View);
    let seen = facts::permits(around.snapshot, &plan, &record)?;
    let opener = opener(around, object, &record)?;
    if !seen && opener.is_none() {
        return Ok(None);
    }
    let text = record.fields.get(report::DEFINITION).as_text();
    let Some(Ok(declared)) = text.map(str::parse) else {
        return Ok(None);
    };
    Ok(Some(Stored {
        id,
        record,
        declared,
        opener,
        seen,
    }))
}

/// Who opened a report to the caller, where that still holds: the opener has access, and may
/// still share the report. Whoever may see everything needs nothing opened.
fn opener(around: Around<'_>, object: &Object, record: &Record) -> Result<Option<UserId>> {
    let organisation = &around.facts.organisation;
    let opener = record.fields.get(report::OPENED_BY).as_reference();
    let (Some(opener), Actor::User(me)) = (opener.map(UserId), around.actor) else {
        return Ok(None);
    };
    let Some(caller) = organisation.user(me).filter(|user| !user.is_admin()) else {
        return Ok(None);
    };
    if opener == me || !is_opened_to(organisation, caller, record) {
        return Ok(None);
    }
    let facts = organisation.user(opener);
    let open = facts.is_some_and(|user| user.access_closed.is_none())
        && Window::of(facts)
            .against(|| around.calendar.now())
            .is_none();
    let plan = around
        .facts
        .plan(Actor::User(opener), object, Action::Share);
    let holds = open && facts::permits(around.snapshot, &plan, record)?;
    Ok(holds.then_some(opener))
}

fn is_opened_to(
    organisation: &crate::policy::Organisation,
    caller: &crate::policy::UserFacts,
    record: &Record,
) -> bool {
    let named = |field, name: &str| {
        let names = record.fields.get(field).as_tags().unwrap_or_default();
        names.iter().any(|known| known == name)
    };
    let levels = organisation.levels(caller);
    let mut roles = levels.iter().flat_map(|level| &level.roles);
    named(report::OPENED_USERS, &caller.login)
        || caller
            .groups
            .iter()
            .any(|group| named(report::OPENED_GROUPS, group))
        || roles.any(|role| named(report::OPENED_ROLES, role))
}

/// Refuses to open what shows records themselves: they are shared, not opened.
///
/// # Errors
/// [`Code::InvalidArguments`].
pub(crate) fn check_openable(declared: &ReportDeclaration) -> Result<()> {
    let mut keys = declared.part.iter().flat_map(|part| part.key.values());
    let lists_records = |key: &String| key.trim().trim_matches('"') == "id";
    match declared.list.is_some() || keys.any(lists_records) {
        true => {
            let text = "only figures are opened, and the rows of this report are records";
            Err(Error::new(Code::InvalidArguments, text))
        }
        false => Ok(()),
    }
}

/// Whom a report is opened to: names that a record holds.
///
/// ```
/// use crm_engine::ReportAudience;
/// let all = ReportAudience { roles: vec!["agent".into()], ..ReportAudience::default() };
/// assert!(!all.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportAudience {
    /// Logins of users.
    pub users: Vec<String>,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Names of groups.
    pub groups: Vec<String>,
}

impl ReportAudience {
    /// Whether it is nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.roles.is_empty() && self.groups.is_empty()
    }

    /// The fields of a report that tell it.
    pub(crate) fn fields(&self) -> [(crate::ids::FieldId, Value); 3] {
        let tags = |names: &[String]| match names {
            [] => Value::Null,
            names => Value::tags(names.iter().cloned()),
        };
        [
            (report::OPENED_USERS, tags(&self.users)),
            (report::OPENED_ROLES, tags(&self.roles)),
            (report::OPENED_GROUPS, tags(&self.groups)),
        ]
    }
}

/// What a report can be asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReportDescription {
    /// What a list of reports tells of it.
    #[serde(flatten)]
    pub info: ReportInfo,
    /// Whether it takes a period, and which one is asked about where none is given.
    pub period: Option<String>,
    /// What else it can be asked about.
    pub parameters: Vec<DescribedParameter>,
    /// Its definition, for those who may see that.
    pub definition: Option<String>,
    /// Where a pack declares it, for those who may see that.
    pub source: Option<String>,
}

/// A parameter of a report, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DescribedParameter {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// The type of its value.
    #[serde(rename = "type")]
    pub value_type: crate::value::ValueType,
    /// Its value where none is given.
    pub default: Option<String>,
    /// The texts that it can be; any when empty.
    pub one_of: Vec<String>,
}

impl Stored {
    pub(super) fn describe(&self, around: Around<'_>, language: &str) -> Result<ReportDescription> {
        let plan = {
            let object = object(around)?;
            around.facts.plan(around.actor, &object, Action::View)
        };
        let text = |field| {
            let shown = self.seen && plan.shows_on(field, &self.record);
            let text = self.record.fields.get(field).as_text();
            text.filter(|_| shown).map(str::to_owned)
        };
        let parameters = self.declared.parameter.iter();
        let parameters = parameters.map(|one| {
            Ok(DescribedParameter {
                name: one.name.clone(),
                label: label_in(&one.label, language, &one.name).to_owned(),
                value_type: one.value_type,
                default: one.usual(around.snapshot)?,
                one_of: one.one_of.clone(),
            })
        });
        Ok(ReportDescription {
            info: self.info(language),
            period: self.declared.period.clone(),
            parameters: parameters.collect::<Result<Vec<DescribedParameter>>>()?,
            definition: text(report::DEFINITION),
            source: text(report::SOURCE),
        })
    }
}
