//! Sets of owners: what a scope reaches, and what is left of it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::ids::UserId;

/// Whose records are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owners {
    /// Ascending, each once.
    users: Arc<[UserId]>,
    /// Everybody's but theirs, those without an owner included; otherwise theirs alone.
    all_but: bool,
}

impl Owners {
    /// Everybody's, and those without an owner.
    #[must_use]
    pub(crate) fn all() -> Owners {
        Owners {
            users: Arc::default(),
            all_but: true,
        }
    }

    /// Nobody's.
    #[must_use]
    pub(crate) fn nobody() -> Owners {
        Owners::of(Arc::default())
    }

    /// Those of `users`: ascending, each once.
    #[must_use]
    pub(crate) fn of(users: Arc<[UserId]>) -> Owners {
        debug_assert!(users.is_sorted_by(|a, b| a < b));
        Owners {
            users,
            all_but: false,
        }
    }

    /// Whether records of `owner` are reached.
    #[must_use]
    pub(crate) fn contains(&self, owner: Option<UserId>) -> bool {
        match owner {
            None => self.all_but,
            Some(owner) => self.all_but != self.users.binary_search(&owner).is_ok(),
        }
    }

    /// Whether every record is reached, whoever owns it.
    #[must_use]
    pub(crate) fn is_all(&self) -> bool {
        self.all_but && self.users.is_empty()
    }

    /// Whether no record is reached, whoever owns it.
    #[must_use]
    pub(crate) fn is_nobody(&self) -> bool {
        !self.all_but && self.users.is_empty()
    }

    /// The owners one by one; none where all but some are reached.
    #[must_use]
    pub(crate) fn listed(&self) -> Option<&[UserId]> {
        (!self.all_but).then_some(&self.users)
    }

    /// Those whose records are not reached, where all others' are; none where owners are listed.
    #[must_use]
    pub(crate) fn left_out(&self) -> Option<&[UserId]> {
        self.all_but.then_some(&self.users)
    }

    /// Those of either.
    #[must_use]
    pub(crate) fn and(&self, other: &Owners) -> Owners {
        match (self.all_but, other.all_but) {
            _ if self.is_nobody() || other.is_all() => other.clone(),
            _ if other.is_nobody() || self.is_all() => self.clone(),
            (false, false) => Owners::of(merged(&self.users, &other.users, |_| true)),
            (true, false) => Owners::all_but(without(&self.users, &other.users)),
            (false, true) => Owners::all_but(without(&other.users, &self.users)),
            (true, true) => Owners::all_but(in_both(&self.users, &other.users)),
        }
    }

    /// Those of the first that are not of the second.
    #[must_use]
    pub(crate) fn minus(&self, other: &Owners) -> Owners {
        match (self.all_but, other.all_but) {
            _ if self.is_nobody() || other.is_nobody() => self.clone(),
            (false, false) => Owners::of(without(&self.users, &other.users)),
            (false, true) => Owners::of(in_both(&self.users, &other.users)),
            (true, false) => Owners::all_but(merged(&self.users, &other.users, |_| true)),
            (true, true) => Owners::of(without(&other.users, &self.users)),
        }
    }

    /// Those of both.
    #[must_use]
    pub(crate) fn both(&self, other: &Owners) -> Owners {
        match (self.all_but, other.all_but) {
            (false, false) => Owners::of(in_both(&self.users, &other.users)),
            (false, true) => Owners::of(without(&self.users, &other.users)),
            (true, false) => Owners::of(without(&other.users, &self.users)),
            (true, true) => Owners::all_but(merged(&self.users, &other.users, |_| true)),
        }
    }

    /// Whether all of `other` is among these.
    #[must_use]
    pub(crate) fn includes(&self, other: &Owners) -> bool {
        self == other || self.is_all() || other.minus(self).is_nobody()
    }

    fn all_but(users: Arc<[UserId]>) -> Owners {
        Owners {
            users,
            all_but: true,
        }
    }
}

/// Both lists as one; of what stands in both, what `keep` keeps.
fn merged(one: &[UserId], two: &[UserId], keep: impl Fn(Ordering) -> bool) -> Arc<[UserId]> {
    let mut users = Vec::with_capacity(one.len() + two.len());
    let (mut one, mut two) = (one, two);
    while let (Some((first, rest)), Some((second, others))) = (one.split_first(), two.split_first())
    {
        let order = first.cmp(second);
        if keep(order) {
            users.push(*first.min(second));
        }
        if order.is_le() {
            one = rest;
        }
        if order.is_ge() {
            two = others;
        }
    }
    if keep(Ordering::Less) {
        users.extend_from_slice(one);
    }
    if keep(Ordering::Greater) {
        users.extend_from_slice(two);
    }
    users.into()
}

fn without(one: &[UserId], two: &[UserId]) -> Arc<[UserId]> {
    merged(one, two, Ordering::is_lt)
}

fn in_both(one: &[UserId], two: &[UserId]) -> Arc<[UserId]> {
    merged(one, two, Ordering::is_eq)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::ids::RecordId;

    fn user(n: u64) -> UserId {
        UserId(RecordId::new(n).unwrap())
    }

    fn owners() -> impl Strategy<Value = Owners> {
        let users = prop::collection::btree_set(1_u64..8, 0..8);
        (users, any::<bool>()).prop_map(|(users, all_but)| Owners {
            users: users.into_iter().map(user).collect(),
            all_but,
        })
    }

    /// The owners of a small world, nobody among them.
    fn members(owners: &Owners) -> BTreeSet<Option<UserId>> {
        let world = (0..=8).map(|n| (n > 0).then(|| user(n)));
        world.filter(|owner| owners.contains(*owner)).collect()
    }

    proptest! {
        #[test]
        fn sets_are_sets(one in owners(), two in owners()) {
            let (a, b) = (members(&one), members(&two));
            prop_assert_eq!(members(&one.and(&two)), &a | &b);
            prop_assert_eq!(members(&one.minus(&two)), &a - &b);
            prop_assert_eq!(members(&one.both(&two)), &a & &b);
            prop_assert_eq!(one.includes(&two), a.is_superset(&b));
            prop_assert_eq!(one.is_nobody(), a.is_empty());
            prop_assert!(!one.is_all() || a.len() == 9);
            if let Some(listed) = one.listed() {
                let listed = listed.iter().copied().map(Some);
                prop_assert_eq!(listed.collect::<BTreeSet<_>>(), a);
            }
        }
    }
}
