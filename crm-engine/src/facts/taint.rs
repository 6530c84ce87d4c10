//! Fields that are kept from others: what shows those would show them.
//!
//! A formula is hidden where one of its inputs is hidden, a converted amount where the amount,
//! its day or the stage is, a rollup where what it sums is, or where it counts a record that is
//! hidden (invariant *one predicate*: a rollup is a reader). A rollup over details counts with
//! the rights of their parent, so whoever sees the parent sees it, unless a ban takes details from
//! him. The further values of a field,
//! which stand in details, are hidden where the field is.

use std::collections::BTreeSet;

use crate::ids::{FieldId, ObjectId};
use crate::policy::{Action, Actor, Plan, Reach, Sources};
use crate::schema::{Field, Object};

use super::Facts;

/// A walk over what fields are kept from.
struct Walk<'f> {
    facts: &'f Facts,
    actor: Actor,
    /// The plans met on the way, without taint.
    plans: Vec<(ObjectId, Plan)>,
    /// Fields that are being looked at: kept fields never close a circle, but a schema that is
    /// not compiled yet may.
    open: BTreeSet<(ObjectId, FieldId)>,
}

impl Facts {
    /// The fields that `plan` must hide because of what they are kept from, each with what decides
    /// where it is shown; none where that is nowhere.
    pub(super) fn tainted(
        &self,
        actor: Actor,
        object: &Object,
        plan: &Plan,
    ) -> Vec<(FieldId, Option<Sources>)> {
        if actor == Actor::System {
            return Vec::new();
        }
        let tied = |field: &&Field| object.keeps(field.id) || field.further.is_some();
        let kept = object.fields.iter().filter(tied);
        let mut walk = Walk {
            facts: self,
            actor,
            plans: vec![(object.id, plan.clone())],
            open: BTreeSet::new(),
        };
        let mut tainted = Vec::new();
        for field in kept {
            if walk.hides(object, field) {
                let mut sources = Sources::default();
                let here = walk.decides_here(object, field, &mut sources);
                tainted.push((field.id, here.then_some(sources)));
            }
        }
        tainted
    }
}

impl Walk<'_> {
    /// Whether the actor must not see a field, for its own sake or for what it is kept from.
    fn hides(&mut self, object: &Object, field: &Field) -> bool {
        if !self.plan(object).shows(field.id) || self.hides_first(object, field) {
            return true;
        }
        if !object.keeps(field.id) || !self.open.insert((object.id, field.id)) {
            return false;
        }
        let own = own_sources(object, field);
        let hidden = own
            .into_iter()
            .filter_map(|id| object.by_id(id))
            .any(|source| self.hides(object, source));
        let counts = field
            .rollup
            .is_some_and(|rollup| self.reduced(rollup.object).is_some());
        let hidden = hidden || counts || self.hides_counted(field);
        self.open.remove(&(object.id, field.id));
        hidden
    }

    /// Whether only fields of the same record and its details have a say in where a field is shown:
    /// `found` are those.
    fn decides_here(&mut self, object: &Object, field: &Field, found: &mut Sources) -> bool {
        if found.fields.contains(&field.id) {
            return true;
        }
        found.fields.push(field.id);
        if self.hides_first(object, field) {
            return false;
        }
        if !object.keeps(field.id) {
            return true;
        }
        let counted = field.rollup.and_then(|rollup| self.reduced(rollup.object));
        // What is reached of details of a detail is not told by the detail itself.
        if self.hides_counted(field) || (counted.is_some() && object.is_detail()) {
            return false;
        }
        found.counted.extend(counted);
        let own = own_sources(object, field);
        let mut own = own.into_iter().filter_map(|id| object.by_id(id));
        own.all(|source| self.decides_here(object, source, found))
    }

    /// What is reached of details of which bans take some away.
    fn reduced(&mut self, counted: ObjectId) -> Option<Reach> {
        let schema = self.facts.schema.clone();
        let counted = schema.by_id(counted)?;
        self.plan(counted).reduced().cloned()
    }

    /// Whether the actor must not see the field of the parent whose further values these are.
    fn hides_first(&mut self, object: &Object, field: &Field) -> bool {
        let schema = self.facts.schema.clone();
        let parent = object.parent_field().and_then(|(_, id)| schema.by_id(id));
        let (Some(first), Some(parent)) = (field.further, parent) else {
            return false;
        };
        !self.plan(parent).shows(first)
    }

    /// Whether a rollup counts what the actor may not see, bans on details apart: those decide
    /// record by record.
    fn hides_counted(&mut self, field: &Field) -> bool {
        let Some(rollup) = field.rollup else {
            return false;
        };
        let schema = self.facts.schema.clone();
        let Some(counted) = schema.by_id(rollup.object) else {
            return true;
        };
        // Of details, all are seen by whoever sees their parent, but for what bans take away.
        let of_parent = counted.parent == Some(rollup.link);
        let whole = of_parent || self.plan(counted).reaches_everything();
        if !whole {
            return true;
        }
        [Some(rollup.link), rollup.sum]
            .into_iter()
            .flatten()
            .filter_map(|id| counted.by_id(id))
            .any(|source| self.hides(counted, source))
    }

    fn plan(&mut self, object: &Object) -> &Plan {
        let at = self.plans.iter().position(|(id, _)| *id == object.id);
        let at = at.unwrap_or_else(|| {
            let plan = self.facts.granted(self.actor, object, Action::View);
            self.plans.push((object.id, plan));
            self.plans.len() - 1
        });
        &self.plans[at].1
    }
}

/// The fields of the same record that a field is kept from.
fn own_sources(object: &Object, field: &Field) -> Vec<FieldId> {
    let mut sources = field.inputs.clone();
    for known in &object.fields {
        let Some(conversion) = known.converted else {
            continue;
        };
        if known.id == field.id || conversion.rate == Some(field.id) {
            sources.push(conversion.from);
            sources.extend(conversion.at);
            sources.extend(object.stage_field().map(|stage| stage.id));
        }
    }
    sources
}
