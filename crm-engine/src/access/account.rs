//! What a user's record says of his access, and the rules that hold a login against it.

use chrono::{DateTime, Utc};

use super::{Mac, Origin, Ranges};
use crate::error::Result;
use crate::facts::Facts;
use crate::ids::{FieldId, RecordId, UserId};
use crate::policy::{UserFacts, UserKind};
use crate::schema::keys;
use crate::schema::system::{USER, user};
use crate::store::Read;
use crate::value::{RecordView, Value, take_uint};

/// When a user may work. The window includes its beginning and not its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Window {
    /// He has no access at all: closed, gone, or without the end that an external agent needs.
    pub shut: Option<Reason>,
    pub from: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

/// Why somebody is not let in. The journal is told, he is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// There is no such user.
    UnknownLogin,
    /// His access was closed.
    AccessClosed,
    /// His access has not begun or has ended.
    OutsideWindow,
    /// An external agent whose access has no end.
    NoEnd,
    /// No proof was given.
    NoProof,
    /// The password is wrong, or he has none.
    WrongPassword,
    /// He must come from an allowed address.
    Address,
    /// He must come from one of his computers.
    Machine,
    /// He must be known to the outer world under one of his names.
    Identity,
    /// The second factor is missing or wrong.
    SecondFactor,
    /// He has a session from somewhere else.
    Parallel,
}

/// What a login has proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Proofs {
    /// The password given was right; none where none was given.
    pub password: Option<bool>,
    /// The host vouches for him.
    pub vouched: bool,
    /// The code given was right and fresh; none where none was given.
    pub code: Option<bool>,
    /// The host asserts the second factor.
    pub second_factor: bool,
}

/// What a user's record demands of his logins.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub window: Window,
    pub ip_limited: bool,
    pub second_factor: bool,
    pub machines: Vec<String>,
    pub identities: Vec<String>,
}

impl Reason {
    /// The name as it stands in the journal.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Reason::UnknownLogin => "unknown_login",
            Reason::AccessClosed => "access_closed",
            Reason::OutsideWindow => "outside_window",
            Reason::NoEnd => "no_end",
            Reason::NoProof => "no_proof",
            Reason::WrongPassword => "wrong_password",
            Reason::Address => "address",
            Reason::Machine => "machine",
            Reason::Identity => "identity",
            Reason::SecondFactor => "second_factor",
            Reason::Parallel => "parallel_sessions",
        }
    }
}

impl Window {
    /// The window of a user; none stands for nobody.
    pub(crate) fn of(user: Option<&UserFacts>) -> Window {
        let shut = match user {
            None => Some(Reason::UnknownLogin),
            Some(user) if user.access_closed.is_some() => Some(Reason::AccessClosed),
            Some(user) if user.kind == UserKind::External && user.access_until.is_none() => {
                Some(Reason::NoEnd)
            }
            Some(_) => None,
        };
        Window {
            shut,
            from: user.and_then(|user| user.access_from),
            until: user.and_then(|user| user.access_until),
        }
    }

    /// Whether it depends on the time.
    pub(crate) fn is_timed(&self) -> bool {
        self.shut.is_none() && (self.from.is_some() || self.until.is_some())
    }

    /// What stands against access at a moment, which is only asked for where it matters.
    pub(crate) fn against(&self, now: impl FnOnce() -> DateTime<Utc>) -> Option<Reason> {
        if self.shut.is_some() || !self.is_timed() {
            return self.shut;
        }
        let now = now();
        let open =
            self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|end| now < end);
        (!open).then_some(Reason::OutsideWindow)
    }
}

impl Account {
    /// The account of a user as of `read`; none where there is none.
    pub(crate) fn of(read: &dyn Read, facts: &Facts, id: UserId) -> Result<Option<Account>> {
        let Some(bytes) = read.get(&keys::record(USER, id.0))? else {
            return Ok(None);
        };
        let record = RecordView::new(&bytes)?;
        let checked =
            |field: FieldId| -> Result<bool> { Ok(record.field(field)?.as_bool() == Some(true)) };
        let tags = |field: FieldId| -> Result<Vec<String>> {
            match record.field(field)? {
                Value::Tags(tags) => Ok(tags),
                _ => Ok(Vec::new()),
            }
        };
        Ok(Some(Account {
            window: Window::of(facts.organisation.user(id)),
            ip_limited: checked(user::IP_LIMITED)?,
            second_factor: checked(user::SECOND_FACTOR)?
                || facts.organisation.asks_second_factor(id),
            machines: tags(user::MACHINES)?,
            identities: tags(user::IDENTITIES)?,
        }))
    }

    /// What stands against a session from `origin` with these proofs, the first thing of it.
    /// `ranges` are those of the whole store.
    pub(crate) fn against(
        &self,
        proofs: Proofs,
        origin: &Origin,
        ranges: &Ranges,
        now: DateTime<Utc>,
    ) -> Option<Reason> {
        if let Some(reason) = self.window.against(|| now) {
            return Some(reason);
        }
        match proofs.password {
            Some(false) => return Some(Reason::WrongPassword),
            None if !proofs.vouched => return Some(Reason::NoProof),
            _ => {}
        }
        if self.ip_limited && !origin.ip.is_some_and(|ip| ranges.contain(ip)) {
            return Some(Reason::Address);
        }
        if !self.machines.is_empty() && !self.knows_machine(origin) {
            return Some(Reason::Machine);
        }
        if !self.identities.is_empty() && !self.knows_identity(origin) {
            return Some(Reason::Identity);
        }
        // A code that was given and is wrong is not made good by anything else.
        let second = proofs.code.unwrap_or(proofs.second_factor);
        if (self.second_factor && !second) || proofs.code == Some(false) {
            return Some(Reason::SecondFactor);
        }
        None
    }

    fn knows_machine(&self, origin: &Origin) -> bool {
        let Some(mac) = origin.mac.as_deref().and_then(Mac::parse) else {
            return false;
        };
        self.machines
            .iter()
            .any(|known| Mac::parse(known) == Some(mac))
    }

    /// Names of computers and accounts do not tell letters' case apart.
    fn knows_identity(&self, origin: &Origin) -> bool {
        let given = [&origin.computer, &origin.domain_account];
        let given = given.into_iter().flatten().map(|name| name.to_lowercase());
        given.into_iter().any(|name| {
            self.identities
                .iter()
                .any(|known| known.to_lowercase() == name)
        })
    }
}

/// The user of a login; none where there is none.
pub(crate) fn find_user(read: &dyn Read, login: &str) -> Result<Option<UserId>> {
    let key = keys::unique(USER, user::LOGIN, &Value::from(login));
    match read.get(&key)? {
        Some(id) => Ok(Some(UserId(RecordId::new(take_uint(&mut id.as_ref())?)?))),
        None => Ok(None),
    }
}
