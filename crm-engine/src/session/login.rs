//! Opening a session: the proofs are checked first, which is slow on purpose, then one transaction
//! decides, uses a code up and tells of it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Session;
use super::presence::Presence;
use super::refusals::bounded;
use crate::access::{
    self, ALLOWED_IPS, Account, Credentials, Login, Origin, Parallel, Proofs, Ranges, Reason, Seat,
    find_user, pretend,
};
use crate::engine::Engine;
use crate::error::{Code, Error, Result};
use crate::facts::Facts;
use crate::ids::{Sequence, UserId};
use crate::journal::{Cause, Event, EventKind};
use crate::policy::Actor;
use crate::store::Read;
use crate::write::{Door, Told};

/// Somebody who asks for a session, after his password was looked at.
struct Attempt<'a> {
    login: &'a Login,
    origin: Origin,
    user: Option<UserId>,
    /// Whether the password given was right, and what it was held against.
    password: Option<bool>,
    against: Credentials,
}

/// A decision: what is kept of the user's credentials when a code was used up, or why not.
type Decision = std::result::Result<Option<Credentials>, Reason>;

impl Engine {
    /// A session of the user called `login`, for whom the host vouches. It tells nothing of where
    /// he comes from and asserts no second factor: who is held to either is refused here and let in
    /// by [`Engine::open_session`].
    ///
    /// # Errors
    /// As [`Engine::open_session`].
    pub fn login(&self, login: &str) -> Result<Session> {
        self.open_session(&Login::new(login).vouched())
    }

    /// A session of a user, who proves who he is by a password or for whom the host vouches, and
    /// who comes from where his record demands (C60 to C66). It takes as long for somebody who does
    /// not exist. The journal tells of it, and of the reason for a refusal.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, Login, Options, Origin};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna", "ip_limited": true}))?;
    /// let ranges = "42.140.10.143-42.140.10.144";
    /// host.create("setting", &json!({"name": "allowed_ips", "value": ranges}))?;
    ///
    /// let from = |ip: &str| Login::new("anna").vouched().from(Origin::new().ip(ip.parse().unwrap()));
    /// assert!(engine.open_session(&from("42.140.10.144")).is_ok());
    /// let refused = engine.open_session(&from("42.140.10.145"));
    /// assert_eq!(refused.err().map(|error| error.code()), Some(Code::LoginRefused));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::LoginRefused`], equal whatever stands against it. [`Code::InvalidArguments`] for an
    /// origin that is none, [`Code::LimitExceeded`] for too many open sessions, and what prevents
    /// reading or writing: a session that cannot be told of is not opened.
    pub fn open_session(&self, login: &Login) -> Result<Session> {
        let attempt = self.attempt(login)?;
        let view = self.view()?;
        let now = self.now();
        if let Err(reason) = attempt.decide(&view.snapshot, &view.facts, now)? {
            return Err(self.refuse(&attempt, reason)?);
        }
        let Some(user) = attempt.user else {
            return Err(self.refuse(&attempt, Reason::UnknownLogin)?);
        };
        let parallel = Parallel::of(&view.snapshot)?;
        let mut elsewhere = Vec::new();
        let seat = self.sessions().take(user, &attempt.origin, now, |others| {
            elsewhere = others.to_vec();
            others.is_empty() || parallel != Parallel::Refuse
        })?;
        let Some(seat) = seat else {
            return Err(self.refuse(&attempt, Reason::Parallel)?);
        };
        if parallel == Parallel::Allow {
            elsewhere.clear();
        }
        self.enter(&attempt, user, seat, &elsewhere)
    }

    /// Looks at the password, outside of any transaction.
    fn attempt<'l>(&self, login: &'l Login) -> Result<Attempt<'l>> {
        let origin = login.origin.checked()?;
        let view = self.view()?;
        let user = find_user(&view.snapshot, &login.login)?;
        let against = match user {
            Some(user) => Credentials::of(&view.snapshot, user)?,
            None => Credentials::default(),
        };
        let password = match (&login.password, &against.password) {
            (None, _) => None,
            (Some(given), Some(kept)) => Some(kept.is(&given.0)?),
            (Some(given), None) => {
                pretend(&given.0)?;
                Some(false)
            }
        };
        Ok(Attempt {
            login,
            origin,
            user,
            password,
            against,
        })
    }

    /// Decides again, in the transaction that tells of it.
    fn enter(
        &self,
        attempt: &Attempt<'_>,
        user: UserId,
        seat: Seat,
        elsewhere: &[Origin],
    ) -> Result<Session> {
        let entered = self.transact(
            Actor::System,
            &Cause::Person,
            "login",
            |door| match attempt.decide(door.reader(), door.facts(), door.now())? {
                Err(reason) => {
                    door.tell_of(attempt.refusal(reason));
                    Ok(None)
                }
                Ok(used) => {
                    if let Some(credentials) = used {
                        door.put_credentials(user, &credentials)?;
                    }
                    let number = door.sequence();
                    attempt.tell_of_entry(door, number, elsewhere);
                    Ok(Some(number))
                }
            },
        )?;
        let number = entered.ok_or_else(refused)?;
        seat.facts().set_number(number);
        Ok(Session {
            engine: self.clone(),
            actor: Actor::User(user),
            presence: Some(Arc::new(Presence::new(seat))),
        })
    }

    /// The journal is told why; the error is the same for everything.
    fn refuse(&self, attempt: &Attempt<'_>, reason: Reason) -> Result<Error> {
        self.transact(Actor::System, &Cause::Person, "login", |door| {
            door.tell_of(attempt.refusal(reason));
            Ok(())
        })?;
        Ok(refused())
    }
}

impl Attempt<'_> {
    /// What the store, as of `read`, has against it.
    fn decide(&self, read: &dyn Read, facts: &Facts, now: DateTime<Utc>) -> Result<Decision> {
        let account = match self.user {
            Some(user) => Account::of(read, facts, user)?.map(|account| (user, account)),
            None => None,
        };
        let Some((user, account)) = account else {
            return Ok(Err(Reason::UnknownLogin));
        };
        let kept = Credentials::of(read, user)?;
        if self.password.is_some() && kept.password != self.against.password {
            return Ok(Err(Reason::WrongPassword));
        }
        let step = match (&self.login.code, &kept.totp) {
            (Some(code), Some(totp)) => totp.step_of(&code.0, now)?,
            _ => None,
        };
        let proofs = Proofs {
            password: self.password,
            vouched: self.login.vouched,
            code: self.login.code.as_ref().map(|_| step.is_some()),
            second_factor: self.login.second_factor,
        };
        // A setting that cannot be read lets nobody in (invariant *default deny*).
        let ranges = access::setting(read, ALLOWED_IPS)?;
        let ranges = Ranges::parse(&ranges.unwrap_or_default()).unwrap_or_default();
        if let Some(reason) = account.against(proofs, &self.origin, &ranges, now) {
            return Ok(Err(reason));
        }
        Ok(Ok(step.map(|step| Credentials {
            totp: kept.totp.as_ref().map(|totp| totp.used(step)),
            password: kept.password.clone(),
        })))
    }

    fn refusal(&self, reason: Reason) -> Told {
        self.told(
            Sequence(0),
            EventKind::LoginRefused,
            json!({
                "login": bounded(&self.login.login),
                "origin": self.origin,
                "reason": reason.name(),
            }),
        )
    }

    fn tell_of_entry(&self, door: &mut Door<'_>, number: Sequence, elsewhere: &[Origin]) {
        let proof = match self.password {
            Some(_) => "password",
            None => "host",
        };
        let detail = json!({
            "login": bounded(&self.login.login),
            "origin": self.origin,
            "proof": proof,
            "second_factor": self.login.code.is_some() || self.login.second_factor,
        });
        door.tell_of(self.told(number, EventKind::Login, detail));
        if !elsewhere.is_empty() {
            let shown = &elsewhere[..elsewhere.len().min(ELSEWHERE_TOLD_MAX)];
            let detail = json!({
                "origin": self.origin,
                "others": shown,
                "sessions": elsewhere.len() + 1,
            });
            door.tell_of(self.told(number, EventKind::ParallelSessions, detail));
        }
    }

    fn told(&self, session: Sequence, kind: EventKind, detail: serde_json::Value) -> Told {
        Told {
            actor: self.user,
            session,
            action: "login".to_owned(),
            event: Event { kind, detail },
        }
    }
}

/// Origins of other sessions that one event lists.
const ELSEWHERE_TOLD_MAX: usize = 10;

fn refused() -> Error {
    Error::new(Code::LoginRefused, "the login was refused")
}
