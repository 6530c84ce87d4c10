//! Fields that are set once, whom a user may be led by, and settings that must be readable.

use super::Door;
use crate::access::{ALLOWED_IPS, Mac, PARALLEL_SESSIONS, Parallel, Ranges, TIME_ZONE};
use crate::error::{Code, Error, Result};
use crate::expr::Calendar;
use crate::ids::{RecordId, UserId};
use crate::schema::Object;
use crate::schema::system::{SETTING, USER, setting, user};
use crate::value::{Record, Value};

impl Door<'_> {
    /// A fixed field keeps its first value, whoever asks (C53).
    pub(super) fn check_fixed(
        &self,
        object: &Object,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        let Some(old) = old else {
            return Ok(());
        };
        let changed = object.fields.iter().find(|field| {
            let before = old.fields.get(field.id);
            field.fixed && !before.is_null() && before != new.fields.get(field.id)
        });
        match changed {
            Some(field) => {
                let text = format!("`{}` is set once and never changed", field.name);
                Err(Error::new(Code::ReadOnly, text).field(&field.name))
            }
            None => Ok(()),
        }
    }

    /// A user has at most one supervisor, of kind `administration`, who has none himself (C54).
    /// Machines are named by MAC addresses, so that a slip of the pen locks nobody out.
    pub(super) fn check_user(
        &self,
        object: &Object,
        id: RecordId,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        if object.id != USER {
            return Ok(());
        }
        let changed = |field| old.is_none_or(|old| old.fields.get(field) != new.fields.get(field));
        let supervisor = new.fields.get(user::SUPERVISOR).as_reference();
        if let Some(supervisor) = supervisor.filter(|_| changed(user::SUPERVISOR)) {
            self.check_supervisor(object, id, new, UserId(supervisor))?;
        }
        if let Value::Tags(machines) = new.fields.get(user::MACHINES)
            && changed(user::MACHINES)
            && let Some(wrong) = machines.iter().find(|text| Mac::parse(text).is_none())
        {
            let text = format!("`{}` is no MAC address", crate::value::shorten(wrong));
            return Err(Error::new(Code::InvalidValue, text).field("machines"));
        }
        if let Some(zone) = new.fields.get(user::TIME_ZONE).as_text()
            && changed(user::TIME_ZONE)
        {
            Calendar::zone(zone).map_err(|error| error.field("time_zone"))?;
        }
        Ok(())
    }

    fn check_supervisor(
        &self,
        users: &Object,
        id: RecordId,
        led: &Record,
        supervisor: UserId,
    ) -> Result<()> {
        let refuse = |text: &str| Err(Error::new(Code::Refused, text).field("supervisor"));
        if supervisor.0 == id {
            return refuse("nobody supervises himself");
        }
        let kind = |record: &Record| {
            let kind = record.fields.get(user::KIND).as_choice();
            let field = users.by_id(user::KIND);
            let choice = kind
                .zip(field)
                .and_then(|(kind, field)| field.choice_by_id(kind));
            choice.map(|choice| choice.name.clone())
        };
        if matches!(kind(led).as_deref(), Some("admin" | "administration")) {
            return refuse("users of the kinds `admin` and `administration` have no supervisor");
        }
        let above = self.whole(users, supervisor.0)?;
        match above.as_ref().and_then(kind).as_deref() {
            Some("administration") => Ok(()),
            _ => refuse("a supervisor is a user of the kind `administration`"),
        }
    }

    /// Settings that decide about logins are refused where they cannot be read: nobody could log
    /// in any more. So is a time zone that does not exist.
    pub(super) fn check_setting(&self, object: &Object, new: &Record) -> Result<()> {
        if object.id != SETTING {
            return Ok(());
        }
        let Some(value) = new.fields.get(setting::VALUE).as_text() else {
            return Ok(());
        };
        match new.fields.get(setting::NAME).as_text() {
            Some(ALLOWED_IPS) => Ranges::parse(value).map(drop),
            Some(PARALLEL_SESSIONS) => Parallel::parse(value).map(drop),
            Some(TIME_ZONE) => Calendar::zone(value)
                .map(drop)
                .map_err(|error| error.field("value")),
            _ => Ok(()),
        }
    }
}
