//! Which records rules reach: sets of owners, and conditions where sets alone cannot tell.

use crate::ids::UserId;

use super::{Condition, Effect, Held, Holder, Owners};

/// The records that something is permitted on.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    /// Whose eyes: none where sharing makes no difference.
    me: Option<UserId>,
    /// Of the records not shared with him, and of those that are: at most those of these owners.
    most: Sides,
    conditional: Option<Box<Conditional>>,
}

/// Owners of records that are not shared with the user, and of those that are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sides {
    plain: Owners,
    shared: Owners,
}

/// Where conditions have a say.
#[derive(Debug, Clone)]
struct Conditional {
    user: UserId,
    /// The owners whose records are reached whatever the conditions say.
    least: Sides,
    /// The rules that decide, nearest first; one of the ways must permit.
    ways: Vec<Box<[Step]>>,
    /// What must permit besides.
    also: Option<Box<Reach>>,
}

/// One rule, compiled for a user.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) level: Holder,
    pub(super) effect: Effect,
    /// Whose records it reaches: of those not shared with the user, and of those that are.
    pub(super) owners: (Owners, Owners),
    pub(super) condition: Condition,
}

impl Step {
    /// Whether the rule matches: what cannot be told leaves a grant out and a ban in.
    fn matches(&self, user: UserId, shared: bool, held: &dyn Held) -> bool {
        let owners = match shared {
            true => &self.owners.1,
            false => &self.owners.0,
        };
        owners.contains(held.owner())
            && match self.effect {
                Effect::Grant => self.condition.holds(user, held) == Some(true),
                Effect::Ban => self.condition.holds(user, held) != Some(false),
            }
    }
}

impl Sides {
    fn of(&self, shared: bool) -> &Owners {
        match shared {
            true => &self.shared,
            false => &self.plain,
        }
    }

    fn each(&self, other: &Sides, join: fn(&Owners, &Owners) -> Owners) -> Sides {
        Sides {
            plain: join(&self.plain, &other.plain),
            shared: join(&self.shared, &other.shared),
        }
    }

    fn all() -> Sides {
        Sides {
            plain: Owners::all(),
            shared: Owners::all(),
        }
    }

    fn nobody() -> Sides {
        Sides {
            plain: Owners::nobody(),
            shared: Owners::nobody(),
        }
    }
}

impl Reach {
    pub(super) fn everything() -> Reach {
        Reach {
            me: None,
            most: Sides::all(),
            conditional: None,
        }
    }

    pub(super) fn nothing() -> Reach {
        Reach {
            me: None,
            most: Sides::nobody(),
            conditional: None,
        }
    }

    /// What `steps` permit to `user`; they stand nearest first.
    pub(super) fn compile(user: UserId, steps: Vec<Step>) -> Reach {
        let most = fold(&steps, |step| {
            step.effect == Effect::Grant || step.condition.is_none()
        });
        let conditional = steps.iter().any(|step| !step.condition.is_none());
        let conditional = conditional.then(|| {
            Box::new(Conditional {
                user,
                least: fold(&steps, |step| {
                    step.effect == Effect::Ban || step.condition.is_none()
                }),
                ways: vec![steps.into()],
                also: None,
            })
        });
        Reach {
            me: Some(user),
            most,
            conditional,
        }
        .settled()
    }

    /// What both of them reach. Rules are joined before: what is to be permitted besides
    /// comes last.
    pub(super) fn both(&self, other: &Reach) -> Reach {
        let least = self.least().each(other.least(), Owners::both);
        let conditional = match (&self.conditional, &other.conditional) {
            (None, None) => None,
            (Some(one), None) | (None, Some(one)) => Some(Box::new(Conditional {
                least,
                ..Conditional::clone(one)
            })),
            (Some(one), Some(_)) => {
                let also = match &one.also {
                    Some(also) => also.both(other),
                    None => other.clone(),
                };
                Some(Box::new(Conditional {
                    least,
                    also: Some(Box::new(also)),
                    ..Conditional::clone(one)
                }))
            }
        };
        Reach {
            me: self.me.or(other.me),
            most: self.most.each(&other.most, Owners::both),
            conditional,
        }
        .settled()
    }

    /// Whether both are certain to reach the same records. Compiled conditions are compared by
    /// what they print, which is all there is of them.
    pub(super) fn is_same(&self, other: &Reach) -> bool {
        let plain = self.me == other.me && self.most == other.most;
        plain
            && match (&self.conditional, &other.conditional) {
                (None, None) => true,
                (Some(one), Some(two)) => format!("{one:?}") == format!("{two:?}"),
                _ => false,
            }
    }

    /// What either of them reaches.
    pub(super) fn or(self, other: Reach) -> Reach {
        let least = self.least().each(other.least(), Owners::and);
        let most = self.most.each(&other.most, Owners::and);
        let me = self.me.or(other.me);
        let ways = [self.conditional, other.conditional].into_iter().flatten();
        let conditional = ways.reduce(|mut one, two| {
            one.ways.extend(two.ways);
            one
        });
        let conditional = conditional.map(|mut conditional| {
            conditional.least = least;
            conditional
        });
        Reach {
            me,
            most,
            conditional,
        }
        .settled()
    }

    /// Without what makes no difference: conditions that decide nothing, sharing that adds nothing.
    fn settled(mut self) -> Reach {
        if *self.least() == self.most {
            self.conditional = None;
        }
        if self.conditional.is_none() && self.most.plain == self.most.shared {
            self.me = None;
        }
        self
    }

    fn least(&self) -> &Sides {
        match &self.conditional {
            Some(conditional) => &conditional.least,
            None => &self.most,
        }
    }

    /// Whether a record is reached: the point decision.
    pub(crate) fn admits(&self, held: &dyn Held) -> bool {
        let shared = self.me.is_some_and(|me| held.is_shared_with(me));
        if !self.most.of(shared).contains(held.owner()) {
            return false;
        }
        match &self.conditional {
            None => true,
            Some(conditional) => {
                conditional.least.of(shared).contains(held.owner())
                    || conditional.permits(shared, held)
            }
        }
    }

    /// Whether a record is reached, as far as owner and participants tell; none where only the record
    /// itself can.
    pub(crate) fn at_a_glance(&self, standing: &dyn Held) -> Option<bool> {
        let shared = self.me.is_some_and(|me| standing.is_shared_with(me));
        let owner = standing.owner();
        match self.most.of(shared).contains(owner) {
            true if self.least().of(shared).contains(owner) => Some(true),
            true => None,
            false => Some(false),
        }
    }

    /// At most the records of these owners are reached, beside what is shared with the user.
    pub(crate) fn owners(&self) -> &Owners {
        &self.most.plain
    }

    /// The user, where records that are shared with him are reached beyond those of the owners.
    pub(crate) fn shared_with(&self) -> Option<UserId> {
        self.me
            .filter(|_| !self.most.plain.includes(&self.most.shared))
    }

    /// The user, where sharing makes a difference, and whose of the records that are shared with
    /// him are reached at most.
    pub(crate) fn sharing(&self) -> Option<(UserId, &Owners)> {
        self.me.map(|me| (me, &self.most.shared))
    }

    /// Whether owners and participants alone decide.
    pub(crate) fn is_unconditional(&self) -> bool {
        self.conditional.is_none()
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.least().plain.is_all() && self.least().shared.is_all()
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.most.plain.is_nobody() && self.most.shared.is_nobody()
    }

    /// Whether one of the steps speaks of anything that is reached.
    pub(super) fn loses(&self, steps: &[Step]) -> bool {
        let most = &self.most;
        steps.iter().any(|step| {
            most.plain.minus(&step.owners.0) != most.plain
                || most.shared.minus(&step.owners.1) != most.shared
        })
    }

    /// Whether all that `other` may reach is reached for certain.
    pub(super) fn includes(&self, other: &Reach) -> bool {
        let least = self.least();
        least.plain.includes(&other.most.plain) && least.shared.includes(&other.most.shared)
    }
}

impl Conditional {
    fn permits(&self, shared: bool, held: &dyn Held) -> bool {
        let permits = |steps: &[Step]| {
            let levels = steps.chunk_by(|one, two| one.level == two.level);
            levels
                .filter_map(|level| {
                    let matching = level.iter().filter(|s| s.matches(self.user, shared, held));
                    let mut effects = matching.map(|step| step.effect).peekable();
                    effects.peek()?;
                    Some(effects.all(|effect| effect == Effect::Grant))
                })
                .next()
                .unwrap_or(false)
        };
        self.ways.iter().any(|steps| permits(steps))
            && self.also.as_ref().is_none_or(|also| also.admits(held))
    }
}

/// The owners permitted by the steps that count, from the farthest level to the nearest: each
/// level adds what it grants and takes what it bans.
fn fold(steps: &[Step], counts: impl Fn(&Step) -> bool) -> Sides {
    let mut permitted = Sides::nobody();
    let levels: Vec<&[Step]> = steps.chunk_by(|one, two| one.level == two.level).collect();
    for level in levels.iter().rev() {
        for effect in [Effect::Grant, Effect::Ban] {
            for step in level.iter().filter(|s| s.effect == effect && counts(s)) {
                let reached = Sides {
                    plain: step.owners.0.clone(),
                    shared: step.owners.1.clone(),
                };
                permitted = match effect {
                    Effect::Grant => permitted.each(&reached, Owners::and),
                    Effect::Ban => permitted.each(&reached, Owners::minus),
                };
            }
        }
    }
    permitted
}
