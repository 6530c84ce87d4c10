//! How a record is accepted.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Accepted;
use super::interests::Interests;
use crate::duplicates::{Finder, Subject};
use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, RecordId, UserId};
use crate::policy::{Action, Actor};
use crate::schema::{Accept, DuplicateRule, HiddenDuplicates, Object, StageKind, keys};
use crate::value::{Standing, Value, take_uint};
use crate::write::{Door, Input, denied};

/// Accepts a record of `object`, or only looks up what would be linked.
pub(crate) fn run(
    door: &mut Door<'_>,
    object: &Arc<Object>,
    fields: &Json,
    look_up: bool,
) -> Result<Accepted> {
    let intake = Intake::of(door, object)?;
    intake.authorise(door)?;
    let input = door.input(object, fields)?;
    intake.refuse_links(&input)?;
    door.may_give(object, &input)?;
    let client = intake.find(door, &input)?;
    if look_up {
        return intake.told(door, Accepted::default(), &client);
    }
    if let Some(before) = intake.before(door, &input)? {
        return intake.repeated(door, before);
    }
    door.drafting(|door| intake.store(door, input, client))
}

/// The objects of an intake.
struct Intake {
    object: Arc<Object>,
    accept: Accept,
    client: Arc<Object>,
    interests: Option<Interests>,
}

/// The client of an accepted record.
enum Client {
    /// There is none yet.
    Unknown,
    /// The caller may see him.
    Seen(RecordId, Option<UserId>),
    /// The caller may not see him, or not by what he was found by.
    Hidden(RecordId, Option<UserId>),
}

impl Intake {
    fn of(door: &Door<'_>, object: &Arc<Object>) -> Result<Intake> {
        let Some(accept) = object.accept.clone() else {
            let text = format!("`{}` records are not accepted", object.name);
            return Err(Error::new(Code::InvalidArguments, text).with("object", &*object.name));
        };
        let target = object.by_id(accept.link).and_then(|link| link.target);
        let client = target.and_then(|target| door.schema().by_id(target));
        let client = client.ok_or_else(|| Error::internal("an intake without client"))?;
        let interests = match &accept.interest {
            Some(interest) => Some(Interests::of(door, object, interest)?),
            None => None,
        };
        Ok(Intake {
            object: Arc::clone(object),
            client: Arc::clone(client),
            accept,
            interests,
        })
    }

    /// Needed whatever is found, so that a refusal tells nothing.
    fn authorise(&self, door: &Door<'_>) -> Result<()> {
        let interest = self.interests.as_ref().map(|interests| &interests.object);
        for object in [&self.object, &self.client].into_iter().chain(interest) {
            if door.plan(object, Action::Create).is_nothing() {
                return Err(denied(object, Action::Create));
            }
        }
        Ok(())
    }

    fn refuse_links(&self, input: &Input) -> Result<()> {
        let interest = self.accept.interest.as_ref().map(|interest| interest.link);
        for link in [Some(self.accept.link), interest].into_iter().flatten() {
            if let (Some(field), Some(_)) = (self.object.by_id(link), input.get(link)) {
                let text = format!("`{}` is found by accepting", field.name);
                return Err(Error::new(Code::InvalidArguments, text).field(&field.name));
            }
        }
        Ok(())
    }

    /// The client whom the input tells of.
    fn find(&self, door: &Door<'_>, input: &Input) -> Result<Client> {
        let mut subject = Subject::default();
        for (to, value) in taken(&self.accept.take, input) {
            subject.add(to, value);
        }
        let exact = |rule: &DuplicateRule| !rule.is_fuzzy();
        let (schema, facts) = (Arc::clone(door.schema()), Arc::clone(door.facts()));
        let by = |eyes: Actor| -> Result<Option<(RecordId, Option<UserId>)>> {
            let finder = Finder::new(door.reader(), &schema, &facts, eyes).counting_hidden(false);
            let found = finder.find(&self.client, &subject, exact)?;
            let rank = |rules: &[String]| {
                let first = rules.first();
                let mut known = self.client.duplicates.iter();
                known.position(|rule| Some(&rule.name) == first)
            };
            let own = found.seen.iter().filter(|((other, ..), _)| !other);
            let best = own.min_by_key(|((_, _, id), likenesses)| (rank(&likenesses.rules), *id));
            let Some(((_, _, id), _)) = best else {
                return Ok(None);
            };
            let record = door.whole(&self.client, *id)?;
            Ok(record.map(|record| (*id, record.head.owner)))
        };
        if let Some((id, owner)) = by(door.actor())? {
            return Ok(Client::Seen(id, owner));
        }
        Ok(match by(Actor::System)? {
            Some((id, owner)) => Client::Hidden(id, owner),
            None => Client::Unknown,
        })
    }

    /// What was accepted before with the same value of `once`.
    fn before(&self, door: &Door<'_>, input: &Input) -> Result<Option<RecordId>> {
        let once = self
            .accept
            .once
            .and_then(|once| Some((once, input.get(once)?)));
        let Some((once, value)) = once.filter(|(_, value)| !value.is_null()) else {
            return Ok(None);
        };
        match door
            .reader()
            .get(&keys::unique(self.object.id, once, value))?
        {
            Some(id) => RecordId::new(take_uint(&mut id.as_ref())?).map(Some),
            None => Ok(None),
        }
    }

    fn repeated(&self, door: &Door<'_>, id: RecordId) -> Result<Accepted> {
        let mut accepted = Accepted {
            is_repeated: true,
            ..Accepted::default()
        };
        let record = door.whole(&self.object, id)?.ok_or_else(Error::not_found)?;
        let plan = door.plan(&self.object, Action::View);
        let seen = door.may(&self.object, Action::View, &record)?;
        accepted.record = seen.then_some(id);
        let link = |field: FieldId| record.fields.get(field).as_reference();
        let interest = self.interests.as_ref().and_then(|interests| {
            let id = link(interests.declared.link)?;
            Some((interests, id)).filter(|_| seen && plan.shows(interests.declared.link))
        });
        if let Some((interests, id)) = interest {
            accepted.interest = door.get(&interests.object, id)?.map(|_| id);
        }
        // He is told what he could read himself.
        let reads_link = seen && plan.shows(self.accept.link);
        let client = match link(self.accept.link) {
            Some(client) => match door.get(&self.client, client)? {
                Some(record) if reads_link => Client::Seen(client, record.head.owner),
                _ => Client::Hidden(client, None),
            },
            None => Client::Unknown,
        };
        self.told(door, accepted, &client)
    }

    fn store(&self, door: &mut Door<'_>, mut input: Input, client: Client) -> Result<Accepted> {
        let mut accepted = Accepted::default();
        let client = match client {
            Client::Unknown => {
                let (id, owner) = self.create_client(door, &input)?;
                accepted.is_new = true;
                Client::Seen(id, owner)
            }
            known => known,
        };
        let (id, owner) = match &client {
            Client::Seen(id, owner) => {
                let owner = self.owner_for(door, &self.object, &input, *owner);
                (*id, owner)
            }
            Client::Hidden(id, owner) => (*id, open_access(door, *owner)),
            Client::Unknown => return Err(Error::internal("an accepted record without client")),
        };
        input.fields.push((self.accept.link, Value::Reference(id)));
        if let Some(interests) = &self.interests {
            let (interest, opened) = self.interest(door, interests, &input, &client)?;
            let link = (interests.declared.link, Value::Reference(interest));
            input.fields.push(link);
            if !matches!(client, Client::Hidden(..)) {
                (accepted.interest, accepted.is_opened) = (Some(interest), opened);
            }
        }
        if self.object.owned {
            input = input.with_owner(owner);
        }
        let permitted = door
            .plan(&self.object, Action::Create)
            .permits(&Standing::of(owner));
        if !permitted && !matches!(client, Client::Hidden(..)) {
            return Err(denied(&self.object, Action::Create));
        }
        let record = door.entrusted(|door| door.create(&self.object, input))?;
        let visible = door.get(&self.object, record)?.is_some();
        let told = visible && !matches!(client, Client::Hidden(..));
        accepted.record = told.then_some(record);
        self.told(door, accepted, &client)
    }

    /// Makes the client: the caller must have the right to, not to every field that is filled.
    fn create_client(
        &self,
        door: &mut Door<'_>,
        input: &Input,
    ) -> Result<(RecordId, Option<UserId>)> {
        let owner = self.owner_for(door, &self.client, input, door.actor().user());
        if !door
            .plan(&self.client, Action::Create)
            .permits(&Standing::of(owner))
        {
            return Err(denied(&self.client, Action::Create));
        }
        let mut client = Input::of(taken(&self.accept.take, input));
        if self.client.owned {
            client = client.with_owner(owner);
        }
        let id = door
            .entrusted(|door| door.create(&self.client, client))
            .map_err(|error| of_object(error, &self.client))?;
        Ok((id, owner))
    }

    /// The newest open interest of the client, or a new one, and whether it is new.
    fn interest(
        &self,
        door: &mut Door<'_>,
        interests: &Interests,
        input: &Input,
        client: &Client,
    ) -> Result<(RecordId, bool)> {
        let object = &interests.object;
        let (id, owner, hidden) = match client {
            Client::Seen(id, owner) => (*id, self.owner_for(door, object, input, *owner), false),
            Client::Hidden(id, owner) => (*id, open_access(door, *owner), true),
            Client::Unknown => return Err(Error::internal("an interest of nobody")),
        };
        let newest = match hidden {
            true => door.entrusted(|door| interests.newest_open(door, id))?,
            false => interests.newest_open(door, id)?,
        };
        if let Some(newest) = newest {
            return Ok((newest, false));
        }
        if !hidden
            && !door
                .plan(object, Action::Create)
                .permits(&Standing::of(owner))
        {
            return Err(denied(object, Action::Create));
        }
        let mut new = Input::of(taken(&interests.declared.take, input));
        new.fields
            .push((interests.of_client(), Value::Reference(id)));
        let stage = &interests.stage;
        let mut stages = stage.choices.iter();
        let first = stages.find(|choice| choice.stage == Some(StageKind::Open));
        if let (Some(first), None, None) = (first, &stage.default, new.get(stage.id)) {
            new.fields.push((stage.id, Value::Choice(first.id)));
        }
        if object.owned {
            new = new.with_owner(owner);
        }
        let id = door
            .entrusted(|door| door.create(object, new))
            .map_err(|error| of_object(error, object))?;
        Ok((id, true))
    }

    /// To whom a new record of `object` belongs: as given, else to `other` if the caller may
    /// create it for him and his access is open, else to the caller.
    fn owner_for(
        &self,
        door: &Door<'_>,
        object: &Object,
        input: &Input,
        other: Option<UserId>,
    ) -> Option<UserId> {
        if !object.owned {
            return None;
        }
        let plan = door.plan(object, Action::Create);
        let other =
            open_access(door, other).filter(|other| plan.permits(&Standing::of(Some(*other))));
        let given = input.given.owner;
        given.unwrap_or_else(|| other.or_else(|| door.actor().user()))
    }

    /// Adds what is told of the client.
    fn told(&self, door: &Door<'_>, mut accepted: Accepted, client: &Client) -> Result<Accepted> {
        match client {
            Client::Seen(id, _) if door.get(&self.client, *id)?.is_some() => {
                accepted.client = Some(*id);
                accepted.lacks = door.lacks(&self.client, *id)?;
                if let Some(interests) = &self.interests {
                    accepted.interests = interests.states(door, *id)?;
                }
            }
            Client::Hidden(..) => {
                accepted.is_taken = self.client.hidden_duplicates == HiddenDuplicates::Count;
            }
            Client::Seen(..) | Client::Unknown => {}
        }
        Ok(accepted)
    }
}

/// What a record takes from the input.
fn taken(take: &[(FieldId, FieldId)], input: &Input) -> Vec<(FieldId, Value)> {
    let values = take
        .iter()
        .filter_map(|(to, from)| Some((*to, input.get(*from)?.clone())));
    values.filter(|(_, value)| !value.is_null()).collect()
}

/// A user, if his access is open.
fn open_access(door: &Door<'_>, user: Option<UserId>) -> Option<UserId> {
    user.filter(|user| door.facts().organisation.is_active(*user))
}

/// The caller gave fields of the accepted record: what another one has against them names it.
fn of_object(error: Error, object: &Object) -> Error {
    match error.details().contains_key("object") {
        true => error,
        false => error
            .context(format!("`{}`", object.name))
            .with("object", object.name.as_str()),
    }
}
