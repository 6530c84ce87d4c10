//! What is asked for, and how the entries of one object look to the reader.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::{EntryKind, Reader, TimelineFilter};
use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::{ChoiceId, FieldId, ObjectId, RecordId, UserId};
use crate::index::{Deed, TimelineRow};
use crate::limits::TIMELINE_ENTRIES_TOUCHED_MAX;
use crate::policy::{Action, Plan};
use crate::schema::system::{CREATED_AT, CREATED_BY, OWNER, UPDATED_AT, UPDATED_BY};
use crate::schema::{Field, Object, keys};
use crate::value::{Record, RecordView, Standing, Value, normal_text};

/// Who asks for what. Lives for one call.
pub(super) struct Wanted<'r> {
    pub(super) reader: Reader<'r>,
    pub(super) filter: &'r TimelineFilter,
    /// Only events that are touches.
    pub(super) touch: bool,
    /// The text asked for, in normal form.
    text: Option<String>,
    lenses: RefCell<Vec<Rc<Lens>>>,
    /// The record of the move looked at last: moves of one record often follow one another.
    seen: RefCell<Option<(RecordId, Option<Rc<Seen>>)>>,
    /// The links looked at last, and whether the reader sees what they lead to.
    links: RefCell<Vec<(ObjectId, RecordId, bool)>>,
    touched: Cell<u64>,
}

/// Links that are remembered within one call.
const LINKS_KEPT_MAX: usize = 64;

/// What is told of the record of a move.
pub(super) struct Seen {
    pub(super) owner: Option<UserId>,
    pub(super) title: Option<String>,
}

impl<'r> Wanted<'r> {
    pub(super) fn new(reader: Reader<'r>, filter: &'r TimelineFilter, touch: bool) -> Wanted<'r> {
        Wanted {
            reader,
            filter,
            touch,
            text: filter.text.as_deref().map(normal_text),
            lenses: RefCell::default(),
            seen: RefCell::default(),
            links: RefCell::default(),
            touched: Cell::new(0),
        }
    }

    /// Counts an entry that is looked at.
    pub(super) fn touch_one(&self) -> Result<()> {
        let touched = self.touched.get() + 1;
        self.touched.set(touched);
        match touched > TIMELINE_ENTRIES_TOUCHED_MAX {
            true => Err(Error::new(
                Code::LimitExceeded,
                format!("a page looks at most at {TIMELINE_ENTRIES_TOUCHED_MAX} entries"),
            )),
            false => Ok(()),
        }
    }

    /// Whether one of the kinds asked for is called `name`.
    fn names(&self, name: &str) -> bool {
        self.filter.kinds.iter().any(|kind| kind == name)
    }

    /// Whether entries of the kind, of this object, are asked for.
    pub(super) fn asks_for(&self, kind: EntryKind, object: &Object) -> bool {
        self.filter.kinds.is_empty() || self.names(kind.name()) || self.names(&object.name)
    }

    /// Whether the user asked for is among these.
    pub(super) fn is_by(&self, users: [Option<UserId>; 2]) -> bool {
        self.filter
            .user
            .is_none_or(|user| users.contains(&Some(user)))
    }

    /// Whether a moment lies in the period asked for.
    pub(super) fn is_in_time(&self, at: chrono::DateTime<chrono::Utc>) -> bool {
        self.filter.from.is_none_or(|from| from <= at) && self.filter.to.is_none_or(|to| at < to)
    }

    /// Whether one of the texts contains what is asked for.
    pub(super) fn is_said_in(&self, mut texts: impl Iterator<Item = String>) -> bool {
        match &self.text {
            Some(text) => texts.any(|said| normal_text(&said).contains(text.as_str())),
            None => true,
        }
    }

    /// A value as the reader may see it: a link to a record that he may not see is no value.
    pub(super) fn shown(&self, field: &Field, value: Value) -> Result<Value> {
        let (Some(target), Value::Reference(id)) = (field.target, &value) else {
            return Ok(value);
        };
        let known = |link: &&(ObjectId, RecordId, bool)| (link.0, link.1) == (target, *id);
        if let Some((_, _, seen)) = self.links.borrow().iter().find(known) {
            return Ok(if *seen { value } else { Value::Null });
        }
        let Reader {
            read,
            schema,
            facts,
            actor,
        } = self.reader;
        let shown = facts
            .shown(read, schema, actor, field, &value)?
            .into_owned();
        if !field.is_system() {
            let mut links = self.links.borrow_mut();
            if links.len() == LINKS_KEPT_MAX {
                links.clear();
            }
            links.push((target, *id, !shown.is_null()));
        }
        Ok(shown)
    }

    /// How the entries of an object look; none for an object that is gone.
    pub(super) fn lens(&self, object: ObjectId) -> Option<Rc<Lens>> {
        let mut lenses = self.lenses.borrow_mut();
        if let Some(lens) = lenses.iter().find(|lens| lens.object.id == object) {
            return Some(Rc::clone(lens));
        }
        let object = self.reader.schema.by_id(object)?;
        let lens = Rc::new(Lens::new(self, object));
        lenses.push(Rc::clone(&lens));
        Some(lens)
    }

    /// The record of a move, if the reader may see it now.
    pub(super) fn seen(&self, lens: &Lens, id: RecordId) -> Result<Option<Rc<Seen>>> {
        if let Some((known, seen)) = &*self.seen.borrow()
            && *known == id
        {
            return Ok(seen.clone());
        }
        let bytes = self.reader.read.get(&keys::record(lens.object.id, id))?;
        let mut seen = None;
        if let Some(bytes) = &bytes {
            let view = RecordView::new(bytes)?;
            if facts::permits(self.reader.read, &lens.plan, &view)? {
                seen = Some(Rc::new(Seen {
                    owner: lens.owner(view.owner()),
                    title: match lens.title() {
                        Some(field) => {
                            let value = self.shown(field, view.field(field.id)?)?;
                            text_of(field, &value)
                        }
                        None => None,
                    },
                }));
            }
        }
        *self.seen.borrow_mut() = Some((id, seen.clone()));
        Ok(seen)
    }
}

/// How the entries of one object look to the reader, and which of them he asks for.
pub(super) struct Lens {
    pub(super) object: Arc<Object>,
    pub(super) plan: Arc<Plan>,
    /// Events are shown: the field of their moment is.
    events: bool,
    /// Events without a moment of their own are shown too.
    at_creation: bool,
    /// Events of any kind are asked for; otherwise those of these kinds.
    any_kind: bool,
    kinds: Vec<ChoiceId>,
    /// The channel asked for; no entry has it when it is none.
    channel: Option<ChoiceId>,
    /// Moves are shown and asked for.
    moves: bool,
}

impl Lens {
    fn new(wanted: &Wanted<'_>, object: &Arc<Object>) -> Lens {
        let plan = wanted
            .reader
            .facts
            .plan(wanted.reader.actor, object, Action::View);
        let shown = |field: Option<FieldId>| -> Option<&Field> {
            field
                .filter(|field| plan.shows(*field))
                .and_then(|field| object.by_id(field))
        };
        let filter = wanted.filter;
        let event = object.event.as_ref();
        let own_moment = event.and_then(|event| event.at);
        let touch = event.is_some_and(|event| event.touch);
        let kind_field = shown(event.and_then(|event| event.kind));
        let channel_field = shown(event.and_then(|event| event.channel));
        let choices = kind_field.map_or(&[][..], |field| &field.choices);
        let kinds = choices.iter().filter(|choice| wanted.names(&choice.name));
        let wished = filter.channel.as_deref();
        let channels = channel_field.map_or(&[][..], |field| &field.choices);
        let channel = channels.iter().find(|choice| wished == Some(&choice.name));
        let stage = shown(object.stage_field().map(|field| field.id));
        Lens {
            events: event.is_some()
                && own_moment.is_none_or(|field| plan.shows(field))
                && (touch || !wanted.touch),
            at_creation: plan.shows(CREATED_AT),
            any_kind: wanted.asks_for(EntryKind::Event, object),
            kinds: kinds.map(|choice| choice.id).collect(),
            channel: channel.map(|choice| choice.id),
            moves: stage.is_some()
                && plan.shows(UPDATED_AT)
                && filter.channel.is_none()
                && !wanted.touch
                && wanted.asks_for(EntryKind::Stage, object),
            object: Arc::clone(object),
            plan,
        }
    }

    /// How the changes of one record look, which may show more fields than others do.
    pub(super) fn on(self: Rc<Self>, record: &Record) -> Rc<Lens> {
        let plan = self.plan.on(record);
        match Arc::ptr_eq(&plan, &self.plan) {
            true => self,
            false => Rc::new(Lens {
                object: Arc::clone(&self.object),
                plan,
                kinds: self.kinds.clone(),
                ..*self
            }),
        }
    }

    /// Whether an entry is shown and asked for, as far as it tells itself.
    pub(super) fn admits(&self, wanted: &Wanted<'_>, row: &TimelineRow<'_>) -> Result<bool> {
        let fits = match &row.deed {
            Deed::Move { .. } => self.moves,
            Deed::Event {
                standing,
                kind,
                channel,
                at_creation,
                ..
            } => {
                self.events
                    && (self.at_creation || !at_creation)
                    && self.covers(wanted, row.place.id, standing)?
                    && (self.any_kind || kind.is_some_and(|kind| self.kinds.contains(&kind)))
                    && (wanted.filter.channel.is_none()
                        || (self.channel.is_some() && self.channel == *channel))
                    && wanted.is_by([self.actor(row), self.owner(standing.owner)])
            }
        };
        Ok(fits && row.refers_by(|field| self.plan.shows(field))?)
    }

    fn covers(&self, wanted: &Wanted<'_>, id: RecordId, standing: &Standing) -> Result<bool> {
        facts::covers(wanted.reader.read, &self.plan, self.object.id, id, standing)
    }

    /// Who created the event or made the move, if that is shown.
    pub(super) fn actor(&self, row: &TimelineRow<'_>) -> Option<UserId> {
        let field = match row.deed {
            Deed::Event { .. } => CREATED_BY,
            Deed::Move { .. } => UPDATED_BY,
        };
        row.actor.filter(|_| self.plan.shows(field))
    }

    /// The owner, if that is shown.
    pub(super) fn owner(&self, owner: Option<UserId>) -> Option<UserId> {
        owner.filter(|_| self.plan.shows(OWNER))
    }

    /// The field that names a record, if it is shown.
    pub(super) fn title(&self) -> Option<&Field> {
        let title = self.object.title.filter(|title| self.plan.shows(*title))?;
        self.object.by_id(title)
    }

    /// The name of a choice of a field of the object, if it is shown.
    pub(super) fn choice(
        &self,
        field: Option<FieldId>,
        choice: Option<ChoiceId>,
    ) -> Option<String> {
        let field = self
            .object
            .by_id(field.filter(|field| self.plan.shows(*field))?)?;
        Some(field.to_text(&Value::Choice(choice?)))
    }
}

/// A value as text; none for no value.
pub(super) fn text_of(field: &Field, value: &Value) -> Option<String> {
    (!value.is_null()).then(|| field.to_text(value))
}
