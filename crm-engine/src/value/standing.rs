//! Whom a record stands under: what rights decide by.

use crate::error::Result;
use crate::ids::{RecordId, UserId};
use crate::limits::PARTICIPANTS_MAX;

use super::number::{put_uint, take_uint};
use super::{Value, damaged};

/// The users a record is shared with: ascending, each once (C76).
///
/// ```
/// use crm_engine::value::Participants;
/// use crm_engine::{RecordId, UserId};
/// let user = |id| UserId(RecordId::new(id).unwrap());
/// let both: Participants = [user(7), user(3), user(7)].into_iter().collect();
/// assert_eq!(both.iter().collect::<Vec<_>>(), [user(3), user(7)]);
/// assert!(both.contains(user(7)) && !both.contains(user(4)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Participants(Box<[UserId]>);

impl Participants {
    /// Whether `user` is among them.
    #[must_use]
    pub fn contains(&self, user: UserId) -> bool {
        self.0.binary_search(&user).is_ok()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Each of them, ascending.
    pub fn iter(&self) -> impl Iterator<Item = UserId> {
        self.0.iter().copied()
    }

    /// They without `user`.
    pub(crate) fn without(&self, user: Option<UserId>) -> Participants {
        match user.filter(|user| self.contains(*user)) {
            None => self.clone(),
            Some(user) => self.iter().filter(|other| *other != user).collect(),
        }
    }

    /// They as a value of a field: none where there are none.
    pub(crate) fn to_value(&self) -> Value {
        match self.is_empty() {
            true => Value::Null,
            false => Value::References(self.iter().map(|user| user.0).collect()),
        }
    }

    /// Those that a value of a field names: one or several.
    pub(crate) fn of_value(value: &Value) -> Participants {
        let records = match value {
            Value::Reference(record) => std::slice::from_ref(record),
            value => value.as_references().unwrap_or_default(),
        };
        records.iter().copied().map(UserId).collect()
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_uint(out, self.0.len() as u64);
        for user in self.iter() {
            put_uint(out, user.get());
        }
    }

    pub(crate) fn take(input: &mut &[u8]) -> Result<Participants> {
        let count = take_uint(input)?;
        if count == 0 || count > PARTICIPANTS_MAX as u64 {
            return Err(damaged("a number of participants out of range"));
        }
        let mut users: Vec<UserId> = Vec::new();
        for _ in 0..count {
            let user = RecordId::new(take_uint(input)?).map(UserId);
            let user = user.map_err(|_| damaged("a participant out of range"))?;
            if users.last().is_some_and(|last| *last >= user) {
                return Err(damaged("participants out of order"));
            }
            users.push(user);
        }
        Ok(Participants(users.into()))
    }
}

impl FromIterator<UserId> for Participants {
    fn from_iter<I: IntoIterator<Item = UserId>>(users: I) -> Participants {
        let mut users: Vec<UserId> = users.into_iter().collect();
        users.sort_unstable();
        users.dedup();
        Participants(users.into())
    }
}

/// What an entry tells of a record for readers who have not read the record itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) owner: Option<UserId>,
    pub(crate) participants: Participants,
}

impl Standing {
    /// What rights decide by of a record that belongs to `owner`. Nobody shares with himself.
    pub(crate) fn new(owner: Option<UserId>, participants: &Participants) -> Standing {
        Standing {
            owner,
            participants: participants.without(owner),
        }
    }

    /// The owner's number doubled (0 for nobody), and 1 more when participants follow.
    pub(crate) fn put(out: &mut Vec<u8>, owner: Option<UserId>, participants: &Participants) {
        let shared = u64::from(!participants.is_empty());
        put_uint(out, 2 * owner.map_or(0, UserId::get) + shared);
        if shared == 1 {
            participants.put(out);
        }
    }

    pub(crate) fn take(input: &mut &[u8]) -> Result<Standing> {
        let first = take_uint(input)?;
        let owner = match first / 2 {
            0 => None,
            owner => Some(UserId(RecordId::new(owner)?)),
        };
        let participants = match first % 2 {
            0 => Participants::default(),
            _ => Participants::take(input)?,
        };
        Ok(Standing {
            owner,
            participants,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::value::arbitrary::arb_record_id;

    proptest! {
        #[test]
        fn standings_survive(
            owner in prop::option::of(arb_record_id()),
            users in prop::collection::vec(arb_record_id(), 0..5),
        ) {
            let owner = owner.map(UserId);
            let participants: Participants = users.into_iter().map(UserId).collect();
            let mut bytes = Vec::new();
            Standing::put(&mut bytes, owner, &participants);
            let mut rest = bytes.as_slice();
            let read = Standing::take(&mut rest).unwrap();
            prop_assert!(rest.is_empty());
            prop_assert_eq!(read, Standing { owner, participants });
        }
    }

    #[test]
    fn what_no_writer_wrote_is_damaged() {
        for bytes in [
            &[1_u8, 0][..],
            &[1, 2, 5, 5],
            &[1, 2, 5, 3],
            &[1, 1, 0],
            &[1],
        ] {
            assert!(Standing::take(&mut &*bytes).is_err(), "{bytes:?}");
        }
    }
}
