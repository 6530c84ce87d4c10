//! Who would gain and who would lose how many records, were rights changed (C68).
//!
//! The changes are made in a transaction that is given up; what is kept of it are the facts that
//! rights would then rest on. Under them and under those of today the same state of the store is
//! counted: by owner and participants where these alone decide, record by record elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::error::{Code, Error, Result};
use crate::expr;
use crate::facts::{self, Facts};
use crate::ids::{RecordId, UserId};
use crate::index::Sums;
use crate::limits::{WHAT_IF_CHANGES_MAX, WHAT_IF_DECISIONS_MAX, WHAT_IF_LISTED_MAX};
use crate::policy::{Action, Actor, Plan};
use crate::progress::{OnProgress, Progress};
use crate::schema::system::POLICY_OBJECTS;
use crate::schema::{Object, Schema, keys};
use crate::store::{KeyRange, Read, ScanOptions};
use crate::value::{Participants, RecordView, Standing};
use crate::write::Door;

/// Decisions made between two looks at whether to go on.
const DECISIONS_AT_ONCE: u64 = 100_000;

/// Changes of rights that are only thought of: the arguments of the operation `what_if`.
///
/// ```
/// use crm_engine::{Engine, Options, WhatIf};
/// use serde_json::json;
///
/// let host = Engine::in_memory(Options::default())?.system();
/// let user = json!({"login": "anna", "name": "Anna"});
/// let anna = host.create("user", &user)?.get();
/// host.create("task", &json!({"title": "Call back", "owner": anna}))?;
/// let request: WhatIf = serde_json::from_value(json!({
///     "changes": [{"update": "user", "id": anna, "fields": {"roles": ["agent"]}}],
///     "objects": ["task"],
/// })).unwrap();
/// let report = host.what_if(&request, &mut |_| true)?;
/// assert_eq!((report.affected[0].gains, report.affected[0].loses), (1, 0));
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// The changes, in their order.
    pub changes: Vec<PolicyChange>,
    /// Which actions are compared; `view` when left out.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// Of which objects; of all but details when left out. Details go with their parents.
    #[serde(default)]
    pub objects: Vec<String>,
}

/// A change of a record that rights are made of: exactly one of `create`, `update` and `delete`
/// names its object.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyChange {
    /// A record of this object is created.
    #[serde(default)]
    pub create: Option<String>,
    /// A record of this object is changed.
    #[serde(default)]
    pub update: Option<String>,
    /// A record of this object is deleted.
    #[serde(default)]
    pub delete: Option<String>,
    /// The record that is changed or deleted.
    #[serde(default)]
    pub id: Option<RecordId>,
    /// The fields that are set; `null` empties one.
    #[serde(default)]
    pub fields: Map<String, Json>,
    /// What the fields of later changes call a record that is created: a word that begins with `$`.
    #[serde(default, rename = "as")]
    pub label: Option<String>,
}

/// What changes of rights would do.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WhatIfReport {
    /// How many users would gain or lose something.
    pub users: usize,
    /// What, by user and object.
    pub affected: Vec<Affected>,
    /// Whether there is more than is listed.
    pub more: bool,
}

/// What a user would gain and lose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Affected {
    /// The user.
    pub user: UserId,
    /// The name he logs in by.
    pub login: String,
    /// The object of the records.
    pub object: String,
    /// What he could do with them, or could not any more.
    pub action: Action,
    /// With so many records more.
    pub gains: u64,
    /// With so many records less.
    pub loses: u64,
    /// Fields that would be shown on all records he reaches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shows: Vec<String>,
    /// Fields that would not be any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hides: Vec<String>,
}

/// Makes the changes. The facts that rights then rest on are what is left of it: whoever calls
/// this gives the transaction up.
///
/// # Errors
/// [`Code::InvalidArguments`] for other objects than those of rights, and what the changes have
/// against them; the detail `change` tells which one it is, counted from 1.
pub(crate) fn apply(door: &mut Door<'_>, changes: &[PolicyChange]) -> Result<Facts> {
    if changes.len() > WHAT_IF_CHANGES_MAX {
        let text = format!("`changes`: there are more than {WHAT_IF_CHANGES_MAX}");
        return Err(Error::new(Code::LimitExceeded, text).field("changes"));
    }
    let mut labels = BTreeMap::new();
    for (change, number) in changes.iter().zip(1_u64..) {
        make(door, change, &mut labels).map_err(|error| error.with("change", number))?;
    }
    let schema = Arc::clone(door.schema());
    Facts::load(door.reader(), &schema, expr::judge)
}

fn make(
    door: &mut Door<'_>,
    change: &PolicyChange,
    labels: &mut BTreeMap<String, RecordId>,
) -> Result<()> {
    let fields = named(&change.fields, labels);
    let id = || {
        let text = "`id`: a change of a record names it";
        let missing = || Error::new(Code::InvalidArguments, text).field("id");
        change.id.ok_or_else(missing)
    };
    match (&change.create, &change.update, &change.delete) {
        (Some(name), None, None) => {
            let object = of_rights(door.schema(), name)?;
            if let Some(label) = change
                .label
                .as_ref()
                .filter(|label| !label.starts_with('$'))
            {
                let text = format!("`as`: `{label}` does not begin with `$`");
                return Err(Error::new(Code::InvalidArguments, text).field("as"));
            }
            let id = door.create_json(&object, &fields)?;
            labels.extend(change.label.clone().map(|label| (label, id)));
            Ok(())
        }
        (None, Some(name), None) => {
            let object = of_rights(door.schema(), name)?;
            door.update_json(&object, id()?, &fields, None).map(drop)
        }
        (None, None, Some(name)) => {
            let object = of_rights(door.schema(), name)?;
            door.delete(&object, id()?, None)
        }
        _ => Err(Error::new(
            Code::InvalidArguments,
            "a change has one of `create`, `update` and `delete`",
        )),
    }
}

fn of_rights(schema: &Schema, name: &str) -> Result<Arc<Object>> {
    let object = schema.object(name)?;
    match POLICY_OBJECTS.contains(&object.id) {
        true => Ok(Arc::clone(object)),
        false => Err(Error::new(
            Code::InvalidArguments,
            format!("rights are not made of `{name}`"),
        )
        .with("object", name)),
    }
}

/// The fields with the numbers of the records that labels stand for.
fn named(fields: &Map<String, Json>, labels: &BTreeMap<String, RecordId>) -> Json {
    let number = |value: &Json| {
        let label = value.as_str()?;
        labels.get(label).map(|id| Json::from(id.get()))
    };
    let fields = fields.iter();
    fields
        .map(|(name, value)| {
            let value = number(value).unwrap_or_else(|| value.clone());
            (name.clone(), value)
        })
        .collect::<Map<String, Json>>()
        .into()
}

/// A user and an action of his, under the rights of today and under those thought of.
struct Pair {
    user: UserId,
    action: Action,
    before: Plan,
    after: Plan,
    gains: u64,
    loses: u64,
}

impl Pair {
    fn is_unconditional(&self) -> bool {
        self.before.is_unconditional() && self.after.is_unconditional()
    }

    /// Whether sharing a record with the user makes a difference, for more or for less.
    fn is_shared(&self) -> bool {
        self.before.sharing().is_some() || self.after.sharing().is_some()
    }

    fn count(&mut self, before: bool, after: bool, records: u64) {
        match (before, after) {
            (false, true) => self.gains += records,
            (true, false) => self.loses += records,
            _ => {}
        }
    }

    /// The fields whose being shown on every record differs, by what would become of them.
    fn fields(&self, object: &Object, shown: bool) -> Vec<String> {
        if self.before.is_nothing() || self.after.is_nothing() {
            return Vec::new();
        }
        let (without, with) = match shown {
            true => (&self.before, &self.after),
            false => (&self.after, &self.before),
        };
        let fields = object.fields.iter();
        fields
            .filter(|field| with.shows(field.id) && !without.shows(field.id))
            .map(|field| field.name.clone())
            .collect()
    }
}

/// Compares what users may do `before` and `after`. `progress` hears of the objects done.
///
/// # Errors
/// [`Code::Cancelled`], [`Code::LimitExceeded`], [`Code::UnknownObject`], and what prevents
/// reading.
pub(crate) fn compare(
    read: &dyn Read,
    schema: &Schema,
    (before, after): (&Facts, &Facts),
    request: &WhatIf,
    progress: OnProgress<'_>,
) -> Result<WhatIfReport> {
    let mut objects: Vec<&Arc<Object>> = Vec::new();
    for name in &request.objects {
        objects.push(schema.object(name)?);
    }
    if objects.is_empty() {
        objects = schema.objects().filter(|o| !o.is_detail()).collect();
    }
    let total = Some(objects.len() as u64);
    let mut work = Work {
        decisions: 0,
        looked: 0,
        progress: &mut |done| progress(Progress { done, total }),
        done: 0,
    };
    let mut affected = Vec::new();
    for object in objects {
        work.look()?;
        let mut pairs = pairs(object, before, after, &request.actions, &mut work)?;
        tally(read, object, &mut pairs, &mut work)?;
        for pair in pairs {
            let (shows, hides) = (pair.fields(object, true), pair.fields(object, false));
            if pair.gains == 0 && pair.loses == 0 && shows.is_empty() && hides.is_empty() {
                continue;
            }
            let known = after.organisation.user(pair.user);
            let known = known.or_else(|| before.organisation.user(pair.user));
            affected.push(Affected {
                user: pair.user,
                login: known.map_or_else(String::new, |user| user.login.clone()),
                object: object.name.clone(),
                action: pair.action,
                gains: pair.gains,
                loses: pair.loses,
                shows,
                hides,
            });
        }
        work.done += 1;
    }
    affected.sort_by_key(|one| one.user);
    let mut users: Vec<UserId> = affected.iter().map(|one| one.user).collect();
    users.dedup();
    let more = affected.len() > WHAT_IF_LISTED_MAX;
    affected.truncate(WHAT_IF_LISTED_MAX);
    Ok(WhatIfReport {
        users: users.len(),
        affected,
        more,
    })
}

/// What was done, and whether to go on.
struct Work<'w> {
    decisions: u64,
    looked: u64,
    done: u64,
    progress: &'w mut dyn FnMut(u64) -> bool,
}

impl Work<'_> {
    /// Counts decisions and plans that are made.
    fn spend(&mut self, decisions: u64) -> Result<()> {
        self.decisions += decisions;
        if self.decisions > WHAT_IF_DECISIONS_MAX {
            let text = format!(
                "more than {WHAT_IF_DECISIONS_MAX} decisions: name the `objects` to compare"
            );
            return Err(Error::new(Code::LimitExceeded, text).field("objects"));
        }
        match self.decisions - self.looked >= DECISIONS_AT_ONCE {
            true => self.look(),
            false => Ok(()),
        }
    }

    fn look(&mut self) -> Result<()> {
        self.looked = self.decisions;
        match (self.progress)(self.done) {
            true => Ok(()),
            false => Err(Error::new(Code::Cancelled, "the comparison was cancelled")),
        }
    }
}

/// The users whose plans for an object may differ.
fn pairs(
    object: &Object,
    before: &Facts,
    after: &Facts,
    actions: &[Action],
    work: &mut Work<'_>,
) -> Result<Vec<Pair>> {
    let actions = match actions {
        [] => &[Action::View],
        actions => actions,
    };
    let known = |facts: &Facts| facts.organisation.users().map(|(id, _)| id).collect();
    let mut users: Vec<UserId> = known(before);
    let later: Vec<UserId> = known(after);
    users.extend(later);
    users.sort_unstable();
    users.dedup();
    let mut pairs = Vec::new();
    for user in users {
        for action in actions {
            work.spend(1)?;
            let plan = |facts: &Facts| facts.fresh_plan(Actor::User(user), object, *action);
            let pair = Pair {
                user,
                action: *action,
                before: plan(before),
                after: plan(after),
                gains: 0,
                loses: 0,
            };
            let fields = [true, false].map(|shown| pair.fields(object, shown));
            if !pair.before.covers_the_same(&pair.after) || fields.iter().any(|f| !f.is_empty()) {
                pairs.push(pair);
            }
        }
    }
    Ok(pairs)
}

/// Counts for each pair the records that only one of its plans covers.
fn tally(read: &dyn Read, object: &Object, pairs: &mut [Pair], work: &mut Work<'_>) -> Result<()> {
    let by_owner = pairs.iter().all(|p| p.is_unconditional() && !p.is_shared());
    if pairs.is_empty() {
        return Ok(());
    }
    let standings = match by_owner && object.owned && !object.totals.is_empty() {
        true => owners(read, object)?,
        false => records(read, object, pairs, work)?,
    };
    for (standing, count) in &standings {
        for pair in pairs.iter_mut().filter(|pair| pair.is_unconditional()) {
            work.spend(1)?;
            let (before, after) = (pair.before.permits(standing), pair.after.permits(standing));
            pair.count(before, after, *count);
        }
    }
    Ok(())
}

type Standings = Vec<(Standing, u64)>;

/// How many records each owner has, from the totals kept.
fn owners(read: &dyn Read, object: &Object) -> Result<Standings> {
    let shortest = object
        .totals
        .iter()
        .min_by_key(|total| total.split().0.len());
    let Some(total) = shortest else {
        return Ok(Vec::new());
    };
    let prefix = keys::owned_totals(object.id, total.id).done();
    let mut rows = read.scan(KeyRange::prefix(&prefix), ScanOptions::default())?;
    let mut owners = Vec::new();
    while let Some((key, value)) = rows.next()? {
        let owner = keys::take_owner(&mut &key[prefix.len()..])?;
        let sums = Sums::decode(value)?;
        let count = sums.groups().map(|(_, group)| group.count).sum();
        owners.push((Standing::of(owner), count));
    }
    Ok(owners)
}

/// How many records stand under the same owner and participants; where conditions have a say, each
/// record is decided about at once.
fn records(
    read: &dyn Read,
    object: &Object,
    pairs: &mut [Pair],
    work: &mut Work<'_>,
) -> Result<Standings> {
    let mut standings: BTreeMap<(Option<UserId>, Vec<UserId>), u64> = BTreeMap::new();
    let mut rows = read.scan(keys::records(object.id), ScanOptions::default())?;
    while let Some((_, bytes)) = rows.next()? {
        work.spend(1)?;
        let view = RecordView::new(bytes)?;
        for pair in pairs.iter_mut().filter(|pair| !pair.is_unconditional()) {
            work.spend(1)?;
            let before = facts::permits(read, &pair.before, &view)?;
            let after = facts::permits(read, &pair.after, &view)?;
            pair.count(before, after, 1);
        }
        let head = view.head();
        let standing = (head.owner, head.participants.iter().collect());
        *standings.entry(standing).or_default() += 1;
    }
    let standings = standings.into_iter();
    Ok(standings
        .map(|((owner, participants), count)| {
            let participants: Participants = participants.into_iter().collect();
            let standing = Standing {
                owner,
                participants,
            };
            (standing, count)
        })
        .collect())
}
