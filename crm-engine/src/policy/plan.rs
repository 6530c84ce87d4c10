//! The compiled form of rights: the records reached and the fields shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ids::{FieldId, ObjectId, UserId};
use crate::schema::Object;
use crate::schema::system::{DECLARED_FIRST, POLICY_OBJECTS, USER, user};

use super::reach::Step;
use super::{
    Action, Actor, Condition, Effect, Fields, Held, Holder, Organisation, Owners, Reach, Rule,
    UserFacts, UserKind,
};

/// What an actor may do with the records of one object: with which of them, and which fields.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    reach: Reach,
    /// Fields that are not shown on every record reached: no condition, order or sum may use them.
    hidden: Box<[FieldId]>,
    /// Of those, the ones shown on some records: those that all of these reach.
    partly: Box<[(FieldId, Box<[Reach]>)]>,
    /// Of a detail whose rights depend on conditions: the way to the record they speak of, each
    /// step the link and the object of the parent.
    parents: Box<[(FieldId, ObjectId)]>,
    /// Of a detail: whether bans on it take some away that its parent's rights permit.
    reduced: bool,
}

/// What a field is kept from, in the same record and in its details.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// The fields of the same record, itself among them.
    pub(crate) fields: Vec<FieldId>,
    /// What is reached of the details it counts, where that is not all.
    pub(crate) counted: Vec<Reach>,
}

impl Plan {
    /// Compiles the plan of `actor` for one object and action: see `SEMANTICS.md`.
    ///
    /// Default deny: an unknown user, closed access or no matching grant reach nothing.
    #[must_use]
    pub(crate) fn compile(
        organisation: &Organisation,
        actor: Actor,
        object: &Object,
        action: Action,
    ) -> Plan {
        let Actor::User(id) = actor else {
            return Plan::of(Reach::everything());
        };
        let Some(facts) = organisation
            .user(id)
            .filter(|user| user.access_closed.is_none())
        else {
            return Plan::of(Reach::nothing());
        };
        if facts.is_admin() {
            return Plan::of(Reach::everything());
        }
        if is_barred(facts, object, action) {
            return Plan::of(Reach::nothing());
        }
        let asker = Asker {
            organisation,
            id,
            facts,
        };
        let taken = asker.taken_from_details(object, action);
        let whole = asker.reach(object, action, &[], Rule::speaks_of_records);
        let reduced = whole.loses(&taken);
        let reach = match reduced {
            true => asker.reach(object, action, &taken, Rule::speaks_of_records),
            false => whole,
        };
        let mut plan = match object.is_detail() {
            true => Plan {
                reduced,
                ..Plan::of(reach).without(asker.hidden_details(object, action))
            },
            false => asker.masked(reach, object, action),
        };
        let sections = object.sections.iter();
        let closed = sections.filter(|section| !organisation.works_with(actor, section));
        plan = plan.without(closed.flat_map(|section| section.fields.iter().copied()));
        if object.id == USER && matches!(action, Action::Edit | Action::Fill) {
            plan = plan.without(user_fields_of_rights(object));
        }
        plan
    }

    /// Nothing at all.
    #[must_use]
    pub(crate) fn nothing() -> Plan {
        Plan::of(Reach::nothing())
    }

    fn of(reach: Reach) -> Plan {
        Plan {
            reach,
            hidden: Box::default(),
            partly: Box::default(),
            parents: Box::default(),
            reduced: false,
        }
    }

    /// Whether the plan covers a record: the point decision. What is not told of the record
    /// counts against it.
    #[must_use]
    pub(crate) fn permits(&self, held: &dyn Held) -> bool {
        self.reach.admits(held)
    }

    /// Whether the plan covers a record, as far as owner and participants tell; none where only the record
    /// itself can.
    #[must_use]
    pub(crate) fn at_a_glance(&self, standing: &dyn Held) -> Option<bool> {
        self.reach.at_a_glance(standing)
    }

    /// At most the records of these owners are covered, beside what is shared with the user.
    #[must_use]
    pub(crate) fn owners(&self) -> &Owners {
        self.reach.owners()
    }

    /// The user, where records that are shared with him are covered beyond those of
    /// [`owners`](Plan::owners).
    #[must_use]
    pub(crate) fn shared_with(&self) -> Option<UserId> {
        self.reach.shared_with()
    }

    /// The user, where sharing a record with him makes a difference, and whose records are covered
    /// at most of those that are shared with him.
    #[must_use]
    pub(crate) fn sharing(&self) -> Option<(UserId, &Owners)> {
        self.reach.sharing()
    }

    /// Whether owner and participants alone tell if a record is covered.
    #[must_use]
    pub(crate) fn is_unconditional(&self) -> bool {
        self.reach.is_unconditional()
    }

    /// The plan of a detail, with the way to the record that conditions speak of.
    #[must_use]
    pub(crate) fn of_detail(mut self, parents: Vec<(FieldId, ObjectId)>) -> Plan {
        self.parents = parents.into();
        self
    }

    /// The way from a detail to the record that conditions speak of; empty where there is none to
    /// go.
    #[must_use]
    pub(crate) fn parents(&self) -> &[(FieldId, ObjectId)] {
        &self.parents
    }

    /// Whether the plan covers no record at all.
    #[must_use]
    pub(crate) fn is_nothing(&self) -> bool {
        self.reach.is_nothing()
    }

    /// Whether the plan covers every record.
    #[must_use]
    pub(crate) fn reaches_everything(&self) -> bool {
        self.reach.is_everything()
    }

    /// The plan without `fields` as well.
    #[must_use]
    pub(crate) fn without(mut self, fields: impl IntoIterator<Item = FieldId>) -> Plan {
        let fields: BTreeSet<FieldId> = fields.into_iter().collect();
        if !fields.is_empty() {
            let partly = self.partly.into_iter();
            self.partly = partly.filter(|(id, _)| !fields.contains(id)).collect();
            let hidden: BTreeSet<FieldId> = self.hidden.iter().copied().chain(fields).collect();
            self.hidden = hidden.into_iter().collect();
        }
        self
    }

    /// The plan of what both cover and show.
    #[must_use]
    pub(crate) fn both(&self, other: &Plan) -> Plan {
        let hidden: BTreeSet<FieldId> = self.hidden.iter().chain(&other.hidden).copied().collect();
        let partly = hidden.iter().filter_map(|field| {
            let shown = [self.shown_on(*field)?, other.shown_on(*field)?].concat();
            let nowhere = shown.iter().any(Reach::is_nothing);
            (!nowhere).then(|| (*field, shown.into()))
        });
        let parents = match self.parents.is_empty() {
            true => &other.parents,
            false => &self.parents,
        };
        Plan {
            reach: self.reach.both(&other.reach),
            partly: partly.collect(),
            hidden: hidden.into_iter().collect(),
            parents: parents.clone(),
            reduced: self.reduced || other.reduced,
        }
    }

    /// What reaches the records on which a field is shown; none where it is shown on none.
    fn shown_on(&self, field: FieldId) -> Option<&[Reach]> {
        match self.shows(field) {
            true => Some(std::slice::from_ref(&self.reach)),
            false => self.partly(field),
        }
    }

    /// Whether both are certain to cover the same records.
    #[must_use]
    pub(crate) fn covers_the_same(&self, other: &Plan) -> bool {
        self.reach.is_same(&other.reach)
    }

    /// The plan with `field` shown only where each of the fields `from` is, and where details that
    /// are counted in it are reached; nowhere where others decide.
    #[must_use]
    pub(crate) fn kept_from(self, field: FieldId, from: Option<Sources>) -> Plan {
        let reached = from.and_then(|from| {
            let hidden = from.fields.into_iter().filter(|id| !self.shows(*id));
            let reaches = hidden
                .map(|id| self.partly(id))
                .collect::<Option<Vec<_>>>()?;
            Some([reaches.concat(), from.counted].concat())
        });
        let mut plan = self.without([field]);
        if let Some(reached) = reached {
            let mut partly = plan.partly.into_vec();
            let at = partly.partition_point(|(id, _)| *id < field);
            partly.insert(at, (field, reached.into()));
            plan.partly = partly.into();
        }
        plan
    }

    /// The details reached, where bans on them take some away.
    pub(crate) fn reduced(&self) -> Option<&Reach> {
        self.reduced.then_some(&self.reach)
    }

    /// Whether the field is shown on every record that the plan covers. Only such fields may
    /// filter, sort, group, sum or search.
    #[must_use]
    pub(crate) fn shows(&self, field: FieldId) -> bool {
        self.hidden.binary_search(&field).is_err()
    }

    /// Whether the field is shown on at least some of the records.
    #[must_use]
    pub(crate) fn shows_somewhere(&self, field: FieldId) -> bool {
        self.shows(field) || self.partly(field).is_some()
    }

    /// Whether the field is shown on a record, which the plan covers.
    #[must_use]
    pub(crate) fn shows_on(&self, field: FieldId, held: &dyn Held) -> bool {
        let shows = |reached: &[Reach]| reached.iter().all(|reach| reach.admits(held));
        self.shows(field) || self.partly(field).is_some_and(shows)
    }

    /// The plan as it holds for one record that it covers: the fields shown on it are shown.
    #[must_use]
    pub(crate) fn on(self: &Arc<Self>, held: &dyn Held) -> Arc<Plan> {
        if self.partly.is_empty() {
            return Arc::clone(self);
        }
        let hidden = self.hidden.iter().copied();
        Arc::new(Plan {
            reach: self.reach.clone(),
            hidden: hidden.filter(|id| !self.shows_on(*id, held)).collect(),
            partly: Box::default(),
            parents: self.parents.clone(),
            reduced: self.reduced,
        })
    }

    fn partly(&self, field: FieldId) -> Option<&[Reach]> {
        let at = self.partly.binary_search_by_key(&field, |(id, _)| *id);
        at.ok().map(|at| &*self.partly[at].1)
    }
}

/// Plans are the same where they are one and the same: equal texts compiled under them are told
/// from each other by it.
impl PartialEq for Plan {
    fn eq(&self, other: &Plan) -> bool {
        std::ptr::eq(self, other)
    }
}

/// What is never a user's own, whatever is granted: the shape of objects for those who are not of
/// the administration (C38), and the records that rights are made of, but for the fields of users
/// that decide none (C77).
pub(crate) fn is_barred(user: &UserFacts, object: &Object, action: Action) -> bool {
    if action.shapes() && user.kind != UserKind::Administration {
        return true;
    }
    let users_fields = object.id == USER && matches!(action, Action::Edit | Action::Fill);
    let harmless = matches!(action, Action::View | Action::Export | Action::Audit) || users_fields;
    POLICY_OBJECTS.contains(&object.rights) && !harmless && !action.shapes()
}

/// The fields of users that decide rights or admit them: all that the kernel declares but the name.
fn user_fields_of_rights(users: &Object) -> impl Iterator<Item = FieldId> {
    let fields = users.fields.iter().map(|field| field.id);
    fields.filter(|id| *id <= user::LAST && *id != user::NAME)
}

/// A user whose plan is compiled.
struct Asker<'o> {
    organisation: &'o Organisation,
    id: UserId,
    facts: &'o UserFacts,
}

impl<'o> Asker<'o> {
    /// What the rules that `count` reach, for one of the actions needed, beside what is `taken`
    /// away before any of them.
    fn reach(
        &self,
        object: &Object,
        action: Action,
        taken: &[Step],
        counts: impl Fn(&Rule) -> bool,
    ) -> Reach {
        let ways = action.needed(object).iter().map(|needed| {
            let mut steps = taken.to_vec();
            for level in self.organisation.levels(self.facts) {
                let rules = self
                    .organisation
                    .rules_at(self.facts, &level, object.rights);
                let rules = rules.filter(|rule| rule.actions.contains(*needed) && counts(rule));
                steps.extend(rules.map(|rule| Step {
                    level: level.holder,
                    effect: rule.effect,
                    owners: self.organisation.reached(self.id, self.facts, rule),
                    condition: rule.condition.clone(),
                }));
            }
            Reach::compile(self.id, steps)
        });
        ways.reduce(Reach::or).unwrap_or_else(Reach::nothing)
    }

    /// The bans on a detail itself. They stand on the nearest level, whoever holds them: what
    /// they take away no grant on the parent gives back.
    fn taken_from_details(&self, object: &Object, action: Action) -> Vec<Step> {
        let levels = match object.is_detail() {
            true => self.organisation.levels(self.facts),
            false => Vec::new(),
        };
        let of_level = |level| self.organisation.rules_at(self.facts, level, object.id);
        let rules = levels.iter().flat_map(of_level);
        rules
            .filter(|rule| rule.takes_details(action))
            .map(|rule| Step {
                level: Holder::User,
                effect: Effect::Ban,
                owners: self.organisation.reached(self.id, self.facts, rule),
                condition: Condition::None,
            })
            .collect()
    }

    /// The plan of `reach` with the fields that rules speak of.
    fn masked(&self, reach: Reach, object: &Object, action: Action) -> Plan {
        let (mut hidden, mut partly) = (Vec::new(), Vec::new());
        for field in self.spoken_of(object, action) {
            let shown = self.reach(object, action, &[], |rule| rule.speaks_of(field));
            if shown.includes(&reach) {
                continue;
            }
            hidden.push(field);
            if !shown.is_nothing() {
                partly.push((field, [shown].into()));
            }
        }
        Plan {
            reach,
            hidden: hidden.into(),
            partly: partly.into(),
            parents: Box::default(),
            reduced: false,
        }
    }

    /// The fields of which some rule speaks otherwise than of its records, ascending.
    fn spoken_of(&self, object: &Object, action: Action) -> BTreeSet<FieldId> {
        let levels = self.organisation.levels(self.facts);
        let of_level = |level| {
            self.organisation
                .rules_at(self.facts, level, object.rights)
                .filter(|rule| rule.actions.contains(action))
        };
        let rules: Vec<&Rule> = levels.iter().flat_map(of_level).collect();
        let mut fields = BTreeSet::new();
        for rule in &rules {
            fields.extend(rule.hidden.iter().copied());
            match (&rule.fields, rule.effect) {
                (Fields::All, _) => {}
                (Fields::Named(named), Effect::Ban) => fields.extend(named.iter().copied()),
                (Fields::Named(_), Effect::Grant) => {
                    fields.extend(object.fields.iter().map(|field| field.id));
                }
            }
        }
        let otherwise = |rule: &&Rule, field| rule.speaks_of(field) != rule.speaks_of_records();
        fields.retain(|field| rules.iter().any(|rule| otherwise(rule, *field)));
        fields
    }

    /// The fields of a detail that rules on it refuse: those that one hides and no other shows,
    /// and those that a ban names.
    fn hidden_details(&self, object: &Object, action: Action) -> BTreeSet<FieldId> {
        let levels = self.organisation.levels(self.facts);
        let of_level = |level| self.organisation.rules_at(self.facts, level, object.id);
        let rules = levels.iter().flat_map(of_level);
        let rules: Vec<&Rule> = rules.filter(|rule| rule.actions.contains(action)).collect();
        let grants = || rules.iter().filter(|rule| rule.effect == Effect::Grant);
        let fields = object.fields.iter().map(|field| field.id);
        let fields = fields.chain((0..DECLARED_FIRST).map(FieldId));
        let banned = |field: FieldId| {
            let mut bans = rules.iter().filter(|rule| rule.effect == Effect::Ban);
            bans.any(|ban| ban.fields != Fields::All && ban.speaks_of(field))
        };
        let unshown = |field: FieldId| {
            grants().next().is_some() && !grants().any(|grant| grant.speaks_of(field))
        };
        fields.filter(|id| banned(*id) || unshown(*id)).collect()
    }
}
