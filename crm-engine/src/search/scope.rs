//! What the caller may search: objects and fields under his plans (invariant *one predicate*).

use std::sync::Arc;

use crate::error::{Code, Error, Result};
use crate::facts::{self, Facts};
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::index::search::{Way, title_key, way};
use crate::policy::{Action, Actor, Plan};
use crate::schema::{Field, Object, Schema, keys};
use crate::store::Read;
use crate::value::{RecordView, Value, shorten};

/// An object that is searched, with the way from its records to those that are found.
pub(super) struct Scope<'s> {
    pub(super) object: &'s Arc<Object>,
    pub(super) plan: Arc<Plan>,
    /// The searched fields the caller may see, by number.
    pub(super) fields: Vec<(FieldId, Way)>,
    /// The parents of a detail, from the nearest up.
    parents: Vec<Parent<'s>>,
}

struct Parent<'s> {
    object: &'s Arc<Object>,
    plan: Arc<Plan>,
    /// The field of the detail that refers to it.
    link: FieldId,
}

/// The objects to search: those named and their details, or all the caller may see.
pub(super) fn scopes<'s>(
    schema: &'s Schema,
    facts: &Facts,
    actor: Actor,
    objects: &[String],
    fields: &[String],
) -> Result<Vec<Scope<'s>>> {
    let named = objects
        .iter()
        .map(|name| schema.object(name).map(|object| object.id))
        .collect::<Result<Vec<ObjectId>>>()?;
    let mut scopes: Vec<Scope<'s>> = schema
        .objects()
        .filter(|object| named.is_empty() || belongs_to(schema, object, &named))
        .filter_map(|object| Scope::of(schema, facts, actor, object))
        .collect();
    if fields.is_empty() {
        return Ok(scopes);
    }
    let wanted = |scope: &Scope<'_>, field: FieldId| {
        let field = scope.object.by_id(field);
        field.is_some_and(|field| fields.contains(&field.name))
    };
    for name in fields {
        let known = |scope: &Scope<'_>| {
            let field = scope.object.find(name);
            field.is_some_and(|field| scope.fields.iter().any(|(id, _)| *id == field.id))
        };
        if !scopes.iter().any(known) {
            let message = format!("there is no searched field `{}`", shorten(name));
            return Err(Error::new(Code::UnknownField, message).field(name));
        }
    }
    for scope in &mut scopes {
        let kept = scope.fields.iter().copied();
        scope.fields = kept.filter(|(field, _)| wanted(scope, *field)).collect();
    }
    scopes.retain(|scope| !scope.fields.is_empty());
    Ok(scopes)
}

/// Whether an object is one of those named, or a detail of one.
fn belongs_to(schema: &Schema, object: &Object, named: &[ObjectId]) -> bool {
    let mut next = Some(object);
    while let Some(object) = next {
        if named.contains(&object.id) {
            return true;
        }
        next = object
            .parent_field()
            .and_then(|(_, parent)| schema.by_id(parent))
            .map(|parent| &**parent);
    }
    false
}

impl<'s> Scope<'s> {
    /// None where the caller can find nothing: no records, no fields, or a way to the parent
    /// that he may not see.
    fn of(
        schema: &'s Schema,
        facts: &Facts,
        actor: Actor,
        object: &'s Arc<Object>,
    ) -> Option<Scope<'s>> {
        let plan_of = |object: &Object| {
            let plan = facts.plan(actor, object, Action::View);
            (!plan.is_nothing()).then_some(plan)
        };
        let plan = plan_of(object)?;
        let fields: Vec<(FieldId, Way)> = object
            .fields
            .iter()
            .filter(|field| plan.shows(field.id))
            .filter_map(|field| Some((field.id, way(object, field)?)))
            .collect();
        if fields.is_empty() {
            return None;
        }
        let mut parents: Vec<Parent<'s>> = Vec::new();
        let (mut child, mut child_plan) = (object, Arc::clone(&plan));
        // The declaration refuses parents in a circle.
        while let Some((link, parent)) = child.parent_field() {
            let parent = schema.by_id(parent)?;
            if !child_plan.shows(link.id) {
                return None;
            }
            child_plan = plan_of(parent)?;
            child = parent;
            parents.push(Parent {
                object: parent,
                plan: Arc::clone(&child_plan),
                link: link.id,
            });
        }
        Some(Scope {
            object,
            plan,
            fields,
            parents,
        })
    }

    /// Whether the holders walked decide who sees a record: nothing is left to look at it for.
    pub(super) fn owners_decide(&self) -> bool {
        let plan = &self.plan;
        // All that is shared with the caller is his to see, or sharing makes no difference.
        let shared = plan.sharing().is_none_or(|(_, owners)| owners.is_all());
        let walked = plan.owners().listed().is_some() || plan.reaches_everything();
        plan.is_unconditional() && shared && walked
    }

    pub(super) fn is_detail(&self) -> bool {
        !self.parents.is_empty()
    }

    /// The object whose records are found.
    pub(super) fn root(&self) -> &'s Arc<Object> {
        self.parents
            .last()
            .map_or(self.object, |parent| parent.object)
    }

    /// The title of what is found, if the caller may see it.
    pub(super) fn title(&self) -> Option<&'s Field> {
        let root = self.root();
        let plan = self
            .parents
            .last()
            .map_or(&self.plan, |parent| &parent.plan);
        let title = root.title.filter(|title| plan.shows(*title))?;
        root.by_id(title)
    }

    /// How a field is searched, if the caller may search it.
    pub(super) fn way(&self, field: FieldId) -> Option<Way> {
        let at = self
            .fields
            .binary_search_by_key(&field, |(id, _)| *id)
            .ok()?;
        Some(self.fields[at].1)
    }

    /// The record found through a detail, and its sort key; none when the caller may not see it.
    pub(super) fn root_of(
        &self,
        read: &dyn Read,
        parent: RecordId,
    ) -> Result<Option<(RecordId, Vec<u8>)>> {
        let mut id = parent;
        for (at, step) in self.parents.iter().enumerate() {
            let Some(bytes) = read.get(&keys::record(step.object.id, id))? else {
                return Ok(None);
            };
            let record = RecordView::new(&bytes)?;
            if !facts::permits(read, &step.plan, &record)? {
                return Ok(None);
            }
            match self.parents.get(at + 1) {
                None => return Ok(Some((id, self.sort_key(&record)?))),
                Some(next) => match record.field(next.link)? {
                    Value::Reference(parent) => id = parent,
                    _ => return Ok(None),
                },
            }
        }
        Ok(None)
    }

    /// The field that leads to the parent of a detail.
    pub(super) fn link(&self) -> Option<FieldId> {
        self.parents.first().map(|parent| parent.link)
    }

    /// What a record found is ordered by; nothing where the caller may not see its title.
    pub(super) fn sort_key(&self, root: &RecordView<'_>) -> Result<Vec<u8>> {
        match self.title() {
            None => Ok(Vec::new()),
            Some(title) => Ok(title_key(&root.field(title.id)?)),
        }
    }
}
