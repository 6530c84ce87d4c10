//! Passwords and second factors.

use serde::Serialize;
use serde_json::json;

use super::Session;
use crate::access::{Credentials, Password, Totp};
use crate::error::{Code, Error, Result};
use crate::ids::UserId;
use crate::journal::{Event, EventKind};
use crate::schema::{keys, system};
use crate::store::Read;
use crate::value::RecordView;

/// A new secret of a second factor. It is told once and never again.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TotpSecret {
    /// The secret in base 32, to be typed into an authenticator.
    pub secret: String,
    /// The same as an `otpauth` address, to be shown as a picture.
    pub uri: String,
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret")
    }
}

/// What is about to be changed.
struct Change<'a> {
    action: &'static str,
    kind: EventKind,
    user: UserId,
    /// The caller changes his own, and gives his password for it.
    own: bool,
    proof: Option<&'a str>,
    proof_name: &'static str,
    is_set: bool,
}

impl Session {
    /// Sets the password of a user: the caller's own when `user` is left out, with the `old` one.
    /// The first one is given by an administrator, who may set anybody's. Only its hash is kept.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, Login, Options, UserId};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// let anna = UserId(host.create("user", &json!({"login": "anna", "name": "Anna"}))?);
    /// host.set_password(Some(anna), None, "correct horse")?;
    ///
    /// let session = engine.open_session(&Login::new("anna").password("correct horse"))?;
    /// let refused = session.set_password(None, Some("wrong"), "battery staple");
    /// assert_eq!(refused.unwrap_err().code(), Code::Denied);
    /// session.set_password(None, Some("correct horse"), "battery staple")?;
    /// assert!(engine.open_session(&Login::new("anna").password("battery staple")).is_ok());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`] without the right or with a wrong old password, [`Code::InvalidValue`] for
    /// a password that is too short or too long, [`Code::NotFound`],
    /// [`Code::InvalidArguments`] when the host itself names no user, [`Code::Conflict`] when the
    /// password was changed meanwhile.
    pub fn set_password(&self, user: Option<UserId>, old: Option<&str>, new: &str) -> Result<()> {
        self.noting("password.set", None, None, || {
            let change = Change {
                action: "password.set",
                kind: EventKind::PasswordChanged,
                proof: old,
                proof_name: "old",
                is_set: true,
                ..self.change_of(user)?
            };
            let before = self.prove(&change)?;
            let password = Password::new(new)?;
            self.change_credentials(&change, &before, |kept| {
                kept.password = Some(password.clone())
            })
        })
    }

    /// Takes the password of a user away: he cannot log in by one any more.
    ///
    /// # Errors
    /// [`Code::Denied`] for everybody but administrators, [`Code::NotFound`],
    /// [`Code::InvalidArguments`] when the host itself names no user.
    pub fn clear_password(&self, user: Option<UserId>) -> Result<()> {
        self.noting("password.clear", None, None, || {
            self.require_administrator()?;
            let change = Change {
                action: "password.clear",
                kind: EventKind::PasswordChanged,
                own: false,
                ..self.change_of(user)?
            };
            let before = self.prove(&change)?;
            self.change_credentials(&change, &before, |kept| kept.password = None)
        })
    }

    /// Sets the secret of a user's authenticator (RFC 6238: SHA-1, six digits, 30 seconds): a new
    /// random one when `secret` is left out. The caller's own needs his `password`;
    /// administrators set anybody's.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, UserId};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let anna = UserId(host.create("user", &json!({"login": "anna", "name": "Anna"}))?);
    /// let told = host.set_totp(Some(anna), None, None)?;
    /// assert!(told.uri.starts_with("otpauth://totp/anna?secret="));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::set_password`], and [`Code::InvalidValue`] for a secret that is none.
    pub fn set_totp(
        &self,
        user: Option<UserId>,
        password: Option<&str>,
        secret: Option<&str>,
    ) -> Result<TotpSecret> {
        self.noting("totp.set", None, None, || {
            let change = Change {
                action: "totp.set",
                proof: password,
                is_set: true,
                ..self.change_of(user)?
            };
            let before = self.prove(&change)?;
            let totp = match secret {
                Some(text) => Totp::from_base32(text)?,
                None => Totp::generate()?,
            };
            self.change_credentials(&change, &before, |kept| kept.totp = Some(totp.clone()))?;
            let secret = totp.to_base32();
            let uri = format!(
                "otpauth://totp/{}?secret={secret}",
                escaped(&self.login_of(change.user)?)
            );
            Ok(TotpSecret { secret, uri })
        })
    }

    /// Takes the secret of a user's authenticator away. A second factor that his record demands is
    /// then for the host to assert.
    ///
    /// # Errors
    /// As [`Session::set_totp`].
    pub fn clear_totp(&self, user: Option<UserId>, password: Option<&str>) -> Result<()> {
        self.noting("totp.clear", None, None, || {
            let change = Change {
                action: "totp.clear",
                proof: password,
                ..self.change_of(user)?
            };
            let before = self.prove(&change)?;
            self.change_credentials(&change, &before, |kept| kept.totp = None)
        })
    }

    /// Whose credentials are about to be changed. Who may not change those of others is refused
    /// before anybody looks whether they are there.
    fn change_of(&self, user: Option<UserId>) -> Result<Change<'static>> {
        let user = user.or(self.user()).ok_or_else(|| {
            let text = "`user`: the host itself has no password";
            Error::new(Code::InvalidArguments, text).field("user")
        })?;
        let own = self.user() == Some(user);
        if !own {
            self.require_administrator()?;
        }
        Ok(Change {
            action: "",
            kind: EventKind::SecondFactorChanged,
            user,
            own,
            proof: None,
            proof_name: "password",
            is_set: false,
        })
    }

    /// Holds the caller's password against his own, and gives the credentials as they are. Slow on
    /// purpose.
    fn prove(&self, change: &Change<'_>) -> Result<Credentials> {
        let view = self.view()?;
        let users = keys::record(system::USER, change.user.0);
        view.snapshot.get(&users)?.ok_or_else(Error::not_found)?;
        let kept = Credentials::of(&view.snapshot, change.user)?;
        if !change.own {
            return Ok(kept);
        }
        let name = change.proof_name;
        let refuse = |text: String| Err(Error::new(Code::Denied, text).field(name));
        match (&kept.password, change.proof) {
            (None, _) if self.require_administrator().is_ok() => Ok(kept),
            (None, _) => refuse("the first password is given by an administrator".to_owned()),
            (Some(password), Some(given)) if password.is(given)? => Ok(kept),
            (Some(_), _) => refuse(format!("`{name}` is not the present password")),
        }
    }

    fn change_credentials(
        &self,
        change: &Change<'_>,
        before: &Credentials,
        apply: impl Fn(&mut Credentials),
    ) -> Result<()> {
        self.transact(change.action, |door| {
            let mut kept = Credentials::of(door.reader(), change.user)?;
            if kept.password != before.password {
                let text = "the password was changed meanwhile";
                return Err(Error::new(Code::Conflict, text));
            }
            apply(&mut kept);
            door.put_credentials(change.user, &kept)?;
            door.tell(Event {
                kind: change.kind,
                detail: json!({"user": change.user.get(), "set": change.is_set}),
            });
            Ok(())
        })
    }

    fn login_of(&self, user: UserId) -> Result<String> {
        let bytes = self
            .view()?
            .snapshot
            .get(&keys::record(system::USER, user.0))?;
        let bytes = bytes.ok_or_else(Error::not_found)?;
        let login = RecordView::new(&bytes)?.field(system::user::LOGIN)?;
        Ok(login.as_text().unwrap_or_default().to_owned())
    }
}

/// Text for a part of an address.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte.into());
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
