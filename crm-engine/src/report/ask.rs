//! What is asked of a report: values of its parameters, a period, whose work, and what it is cut
//! by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::declare::{ParameterDeclaration, ReportDeclaration};
use super::period::{after, period};
use crate::error::{Code, Error, Result};
use crate::expr::Calendar;
use crate::facts::{self, Facts};
use crate::ids::{RecordId, UserId};
use crate::limits::REPORT_LEVEL_USERS_MAX;
use crate::policy::{Action, Actor};
use crate::query::Params;
use crate::schema::{Object, Schema, keys, system};
use crate::store::{Read, Snapshot};
use crate::value::{self, RecordView, Value};

/// What is asked of a report. Nothing of it is needed.
///
/// ```
/// use crm_engine::ReportRequest;
/// let asked = ReportRequest { period: Some("this year".into()), ..ReportRequest::default() };
/// assert!(asked.parameters.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportRequest {
    /// Values of its parameters by their names.
    pub parameters: BTreeMap<String, Json>,
    /// The period in words; see the room of reports.
    pub period: Option<String>,
    /// The first day, in place of a period.
    pub from: Option<NaiveDate>,
    /// The last day, in place of a period.
    pub to: Option<NaiveDate>,
    /// The work of one user only: his number or login.
    pub manager: Option<Json>,
    /// The work of a department and those below it only: its number or name.
    pub department: Option<Json>,
    /// Further conditions by object: every part that reads the object is cut by it.
    pub cut: BTreeMap<String, String>,
    /// Of a report that was opened to the caller: what his own rights make of it.
    pub own: bool,
    /// The language of labels; English when left out.
    pub language: Option<String>,
}

/// In which state and under whose rights a report is computed.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) schema: &'a Arc<Schema>,
    pub(crate) facts: &'a Arc<Facts>,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) actor: Actor,
    /// When and where it is asked.
    pub(crate) calendar: Calendar,
    /// What is read leaves the store (C51).
    pub(crate) outward: bool,
}

/// What is asked, checked.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The values of parameters that have one.
    pub(super) values: BTreeMap<String, Value>,
    pub(super) period: Option<(NaiveDate, NaiveDate)>,
    /// Whose work.
    pub(super) users: Option<Vec<UserId>>,
    pub(super) cut: BTreeMap<String, String>,
    pub(super) language: String,
    /// When and where it is asked.
    pub(super) calendar: Option<Calendar>,
}

/// How the names of those settings begin that reports may read: all of these can be told to
/// everyone.
const SETTINGS: &str = "report.";

/// The parameters of a period.
const OF_PERIOD: [&str; 3] = ["from", "to", "after"];

/// The names that conditions and formulas of a report may ask for.
pub(super) fn known(declared: &ReportDeclaration) -> BTreeSet<String> {
    let own = declared.parameter.iter().map(|one| one.name.clone());
    let period = OF_PERIOD.iter().filter(|_| declared.period.is_some());
    own.chain(period.map(|name| (*name).to_owned()))
        .chain(["today".to_owned(), "now".to_owned()])
        .collect()
}

impl Asked {
    /// # Errors
    /// [`Code::InvalidArguments`] for what the report cannot be asked, [`Code::InvalidValue`],
    /// [`Code::NotFound`] for a user or department that the caller does not see,
    /// [`Code::Denied`] where he may see none of the work asked about.
    pub(super) fn of(
        around: Around<'_>,
        declared: &ReportDeclaration,
        request: &ReportRequest,
    ) -> Result<Asked> {
        let today = around.calendar.today();
        let mut values = BTreeMap::from([
            ("today".to_owned(), Value::Date(today)),
            ("now".to_owned(), Value::DateTime(around.calendar.now())),
        ]);
        for one in &declared.parameter {
            let given = given(around.snapshot, one, request.parameters.get(&one.name));
            let given = given.map_err(|error| error.field(&one.name))?;
            values.extend(given.map(|given| (one.name.clone(), given)));
        }
        let mut names = request.parameters.keys();
        let is_known = |name: &&String| declared.parameter.iter().any(|one| one.name == **name);
        if let Some(unknown) = names.find(|name| !is_known(name)) {
            return Err(not_asked(declared, unknown));
        }
        let period = asked_period(declared, request, today)?;
        if let Some((from, to)) = period {
            for (name, day) in OF_PERIOD.into_iter().zip([from, to, after(to)]) {
                values.insert(name.to_owned(), Value::Date(day));
            }
        }
        let users = users(around, declared, request)?;
        let objects: BTreeSet<&str> = declared.objects().collect();
        let mut cut = request.cut.keys();
        if let Some(unknown) = cut.find(|object| !objects.contains(object.as_str())) {
            return Err(not_asked(declared, unknown));
        }
        Ok(Asked {
            values,
            period,
            users,
            cut: request.cut.clone(),
            language: request.language.clone().unwrap_or_else(|| "en".to_owned()),
            calendar: Some(around.calendar),
        })
    }

    /// The values of those parameters that a text asks for.
    pub(super) fn params(&self, names: &[Option<String>]) -> Params {
        let named = names.iter().flatten();
        let params = named.fold(Params::new(), |params, name| {
            let value = self.values.get(name).cloned().unwrap_or(Value::Null);
            params.named(name, value)
        });
        match self.calendar {
            Some(calendar) => params.at(calendar).with_local_days(),
            None => params,
        }
    }
}

impl ParameterDeclaration {
    /// Its value where none is given, as text: what the store's administrators set, failing that
    /// what is declared.
    pub(super) fn usual(&self, read: &dyn Read) -> Result<Option<String>> {
        let set = match &self.setting {
            Some(name) => crate::access::setting(read, &format!("{SETTINGS}{name}"))?,
            None => None,
        };
        Ok(set.or_else(|| self.default.clone()))
    }

    /// # Errors
    /// [`Code::InvalidValue`] for a value that is not among those that can be.
    pub(super) fn admit(&self, value: &Value) -> Result<()> {
        let known = |one: &String| Some(one.as_str()) == value.as_text();
        if self.one_of.is_empty() || self.one_of.iter().any(known) {
            return Ok(());
        }
        let (name, known) = (&self.name, self.one_of.join("`, `"));
        Err(Error::new(
            Code::InvalidValue,
            format!("`{name}` is one of `{known}`"),
        ))
    }
}

/// The value of a parameter, if it has one.
fn given(
    read: &dyn Read,
    one: &ParameterDeclaration,
    given: Option<&Json>,
) -> Result<Option<Value>> {
    let value = match given {
        Some(Json::Null) => return Ok(None),
        Some(json) => value::from_json(one.value_type, json)?,
        None => match one.usual(read)? {
            Some(text) => value::parse(one.value_type, &text)?,
            None => return Ok(None),
        },
    };
    one.admit(&value)?;
    Ok(Some(value))
}

impl ReportDeclaration {
    /// The objects whose records it reads.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &str> {
        let parts = self.part.iter().map(|part| part.from.as_str());
        parts.chain(self.list.iter().map(|list| list.from.as_str()))
    }
}

fn not_asked(declared: &ReportDeclaration, name: &str) -> Error {
    let (report, name) = (&declared.name, value::shorten(name));
    let text = format!("the report `{report}` cannot be asked about `{name}`");
    Error::new(Code::InvalidArguments, text).with("parameter", name)
}

fn asked_period(
    declared: &ReportDeclaration,
    request: &ReportRequest,
    today: NaiveDate,
) -> Result<Option<(NaiveDate, NaiveDate)>> {
    let given = request.from.is_some() || request.to.is_some();
    let Some(default) = &declared.period else {
        return match given || request.period.is_some() {
            true => Err(not_asked(declared, "period")),
            false => Ok(None),
        };
    };
    match (request.from, request.to, &request.period) {
        (None, None, given) => period(given.as_ref().unwrap_or(default), today),
        (Some(from), Some(to), None) if from <= to => Ok(Some((from, to))),
        _ => {
            let text = "a period is `from` and `to`, or `period` in words";
            Err(Error::new(Code::InvalidArguments, text).field("period"))
        }
    }
}

/// The users whose work is asked about; none for all that the caller may see.
fn users(
    around: Around<'_>,
    declared: &ReportDeclaration,
    request: &ReportRequest,
) -> Result<Option<Vec<UserId>>> {
    let organisation = &around.facts.organisation;
    let asked = match (&request.manager, &request.department) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let text = "a report is asked about a manager or about a department";
            return Err(Error::new(Code::InvalidArguments, text).field("manager"));
        }
        (Some(user), None) => {
            let key = (system::USER, system::user::LOGIN);
            vec![UserId(seen(around, key, user, "manager")?)]
        }
        (None, Some(department)) => {
            let key = (system::DEPARTMENT, system::department::NAME);
            let department = seen(around, key, department, "department")?;
            organisation.members_below(department).to_vec()
        }
    };
    let plans: Vec<_> = declared
        .objects()
        .filter_map(|name| around.schema.object(name).ok())
        .map(|object| around.facts.plan(around.actor, object, Action::View))
        .collect();
    let reached = |user: &UserId| plans.iter().any(|plan| plan.owners().contains(Some(*user)));
    let reached: Vec<UserId> = asked.into_iter().filter(reached).collect();
    if reached.is_empty() {
        let text = "no right to see the work that this report is asked about";
        return Err(Error::new(Code::Denied, text).with("action", Action::View.name()));
    }
    if reached.len() > REPORT_LEVEL_USERS_MAX {
        let text = format!("a report is asked about at most {REPORT_LEVEL_USERS_MAX} users");
        return Err(Error::new(Code::LimitExceeded, text));
    }
    Ok(Some(reached))
}

/// A record that is given by its number or its unique name, where the caller may see it
/// (invariant *invisible is absent*).
fn seen(
    around: Around<'_>,
    (object, unique): (crate::ids::ObjectId, crate::ids::FieldId),
    given: &Json,
    argument: &str,
) -> Result<RecordId> {
    let refuse = || Error::not_found().field(argument);
    let object: &Arc<Object> = around.schema.by_id(object).ok_or_else(refuse)?;
    let id = match given {
        Json::Number(number) => number.as_u64().and_then(|id| RecordId::new(id).ok()),
        Json::String(name) => {
            let key = keys::unique(object.id, unique, &Value::from(name.as_str()));
            let found = Read::get(around.snapshot, &key)?;
            let id = found.map(|id| value::take_uint(&mut id.as_ref()));
            id.transpose()?.and_then(|id| RecordId::new(id).ok())
        }
        _ => None,
    };
    let id = id.ok_or_else(refuse)?;
    let bytes = Read::get(around.snapshot, &keys::record(object.id, id))?;
    let bytes = bytes.ok_or_else(refuse)?;
    let plan = around.facts.plan(around.actor, object, Action::View);
    match facts::permits(around.snapshot, &plan, &RecordView::new(&bytes)?)? {
        true => Ok(id),
        false => Err(refuse()),
    }
}
