//! Who is let in, and for how long: rules over a user's record, the facts a host tells of him and
//! the proofs he gives (C60 to C66). The rules themselves are pure; this room reads users,
//! settings and credentials, and keeps the list of open sessions, but writes nothing.
//!
//! What stands in the fields of a user is checked at every login: `access_closed`, `access_from`
//! and `access_until` at every call too. Somebody who is refused is not told why: the journal is.

mod account;
mod address;
mod credentials;
mod login;
mod mac;
mod register;
#[cfg(test)]
mod tests;

pub(crate) use account::{Account, Proofs, Reason, Window, find_user};
pub(crate) use address::Ranges;
pub(crate) use credentials::{Credentials, Password, Totp, pretend};
pub(crate) use login::Secret;
pub use login::{Login, Origin};
pub(crate) use mac::Mac;
pub(crate) use register::{Register, Seat, SeatFacts};

use crate::error::{Code, Error, Result};
use crate::ids::RecordId;
use crate::schema::{keys, system};
use crate::store::Read;
use crate::value::{RecordView, Value, take_uint};

/// The setting that names the addresses from which limited users may come.
pub(crate) const ALLOWED_IPS: &str = "allowed_ips";
/// The setting that says where days begin.
pub(crate) const TIME_ZONE: &str = "time_zone";
/// The setting that tells what parallel sessions from different origins mean.
pub(crate) const PARALLEL_SESSIONS: &str = "parallel_sessions";

/// What is done about a session of a user who has one from somewhere else (C65).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Parallel {
    /// Nothing.
    #[default]
    Allow,
    /// The journal tells of it.
    Report,
    /// It is refused.
    Refuse,
}

impl Parallel {
    /// What a setting says.
    ///
    /// # Errors
    /// [`Code::InvalidValue`].
    pub(crate) fn parse(text: &str) -> Result<Parallel> {
        match text.trim() {
            "allow" => Ok(Parallel::Allow),
            "report" => Ok(Parallel::Report),
            "refuse" => Ok(Parallel::Refuse),
            _ => Err(Error::new(
                Code::InvalidValue,
                "`parallel_sessions` takes `allow`, `report` or `refuse`",
            )
            .field("value")),
        }
    }

    /// What the store says; what cannot be read refuses (invariant *default deny*).
    pub(crate) fn of(read: &dyn Read) -> Result<Parallel> {
        let text = setting(read, PARALLEL_SESSIONS)?;
        Ok(text.map_or(Parallel::Allow, |text| {
            Parallel::parse(&text).unwrap_or(Parallel::Refuse)
        }))
    }
}

/// The value of a setting; none where it is not set.
pub(crate) fn setting(read: &dyn Read, name: &str) -> Result<Option<String>> {
    let key = keys::unique(system::SETTING, system::setting::NAME, &Value::from(name));
    let Some(id) = read.get(&key)? else {
        return Ok(None);
    };
    let id = RecordId::new(take_uint(&mut id.as_ref())?)?;
    let Some(bytes) = read.get(&keys::record(system::SETTING, id))? else {
        return Ok(None);
    };
    let value = RecordView::new(&bytes)?.field(system::setting::VALUE)?;
    Ok(value.as_text().map(str::to_owned))
}
