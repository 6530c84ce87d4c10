//! What a host tells of somebody who asks for a session.

use std::fmt;
use std::net::IpAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use super::Mac;
use crate::error::{Code, Error, Result};
use crate::limits::ORIGIN_BYTES_MAX;

/// Where a session comes from, as the host knows it. The engine cannot check it; it holds it
/// against what the user's record demands, and tells it in the journal.
///
/// ```
/// use crm_engine::Origin;
/// let origin = Origin::new().ip("42.140.10.143".parse().unwrap()).mac("00-1A-2B-3C-4D-5E");
/// assert_ne!(origin, Origin::new());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Origin {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) computer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain_account: Option<String>,
}

impl Origin {
    /// An origin of which nothing is known.
    #[must_use]
    pub fn new() -> Origin {
        Origin::default()
    }

    /// The address the connection comes from.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Origin {
        self.ip = Some(ip);
        self
    }

    /// The hardware address of the computer, in any of the usual notations.
    #[must_use]
    pub fn mac(mut self, mac: &str) -> Origin {
        self.mac = Some(mac.to_owned());
        self
    }

    /// The name of the computer.
    #[must_use]
    pub fn computer(mut self, computer: &str) -> Origin {
        self.computer = Some(computer.to_owned());
        self
    }

    /// The account of the domain, such as `OFFICE\anna`.
    #[must_use]
    pub fn domain_account(mut self, account: &str) -> Origin {
        self.domain_account = Some(account.to_owned());
        self
    }

    /// The origin with its addresses in one notation.
    ///
    /// # Errors
    /// [`Code::InvalidArguments`] for what is no MAC address and for names that are too long.
    pub(crate) fn checked(&self) -> Result<Origin> {
        let mac = match &self.mac {
            Some(text) => {
                Some(Mac::parse(text).ok_or_else(|| invalid("mac", "is no MAC address"))?)
            }
            None => None,
        };
        let name = |name: &str, text: &Option<String>| match text {
            Some(text) if text.len() > ORIGIN_BYTES_MAX => Err(invalid(
                name,
                &format!("has more than {ORIGIN_BYTES_MAX} bytes"),
            )),
            text => Ok(text.clone()),
        };
        Ok(Origin {
            ip: self.ip.map(|ip| ip.to_canonical()),
            mac: mac.map(|mac| mac.to_string()),
            computer: name("computer", &self.computer)?,
            domain_account: name("domain_account", &self.domain_account)?,
        })
    }

    /// Whether two sessions come from different places: the account says nothing of that.
    pub(crate) fn differs_from(&self, other: &Origin) -> bool {
        let place = |origin: &Origin| {
            let computer = origin.computer.as_deref().map(str::to_lowercase);
            (origin.ip, origin.mac.clone(), computer)
        };
        place(self) != place(other)
    }
}

fn invalid(name: &str, fault: &str) -> Error {
    let text = format!("`origin.{name}` {fault}");
    Error::new(Code::InvalidArguments, text).with("argument", format!("origin.{name}"))
}

/// Somebody asks for a session: who he says he is, what proves it, where he comes from. As JSON it
/// is an object of the same names.
///
/// ```
/// use crm_engine::{Code, Engine, Login, Options, UserId};
/// use serde_json::json;
///
/// let engine = Engine::in_memory(Options::default())?;
/// let host = engine.system();
/// let anna = host.create("user", &json!({"login": "anna", "name": "Anna"}))?;
/// host.set_password(Some(UserId(anna)), None, "correct horse")?;
///
/// let session = engine.open_session(&Login::new("anna").password("correct horse"))?;
/// session.end()?;
/// let refused = engine.open_session(&Login::new("anna").password("wrong horse"));
/// assert_eq!(refused.err().map(|error| error.code()), Some(Code::LoginRefused));
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub(crate) login: String,
    #[serde(default)]
    pub(crate) password: Option<Secret>,
    #[serde(default)]
    pub(crate) code: Option<Secret>,
    #[serde(default)]
    pub(crate) vouched: bool,
    #[serde(default)]
    pub(crate) second_factor: bool,
    #[serde(default)]
    pub(crate) origin: Origin,
}

/// Text that nobody is to read in a log or an error: not even what it is when it is no text.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(text) => Ok(Secret(text)),
            _ => Err(D::Error::custom("passwords, codes and secrets are text")),
        }
    }
}

impl Login {
    /// A login without any proof yet.
    #[must_use]
    pub fn new(login: &str) -> Login {
        Login {
            login: login.to_owned(),
            password: None,
            code: None,
            vouched: false,
            second_factor: false,
            origin: Origin::default(),
        }
    }

    /// The password he gives.
    #[must_use]
    pub fn password(mut self, password: &str) -> Login {
        self.password = Some(Secret(password.to_owned()));
        self
    }

    /// The code that his authenticator shows (RFC 6238).
    #[must_use]
    pub fn code(mut self, code: &str) -> Login {
        self.code = Some(Secret(code.to_owned()));
        self
    }

    /// The host vouches that it is him.
    #[must_use]
    pub fn vouched(mut self) -> Login {
        self.vouched = true;
        self
    }

    /// The host asserts the second factor: a key it has read, say (C63).
    #[must_use]
    pub fn second_factor(mut self) -> Login {
        self.second_factor = true;
        self
    }

    /// Where he comes from.
    #[must_use]
    pub fn from(mut self, origin: Origin) -> Login {
        self.origin = origin;
        self
    }
}

/// What a login proves is not for logs.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("login", &self.login)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
