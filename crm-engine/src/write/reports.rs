//! What stored reports must say, and who may change one that is opened to others.

use super::{Door, Manner, denied};
use crate::error::{Code, Error, Result};
use crate::facts;
use crate::ids::UserId;
use crate::policy::{Action, Actor};
use crate::report::{self, ReportAudience, ReportDeclaration};
use crate::schema::Object;
use crate::schema::system::{GROUP, REPORT, ROLE, USER, group, report as fields, role, user};
use crate::value::Record;

impl Door<'_> {
    /// Refuses a report whose definition names what there is not, and a change of one that
    /// somebody else opened: it is computed under his rights.
    ///
    /// # Errors
    /// As [`report::check`], [`Code::InvalidValue`] for a name that the definition does not give,
    /// [`Code::Denied`].
    pub(super) fn check_report(
        &self,
        object: &Object,
        old: Option<&Record>,
        new: &Record,
    ) -> Result<()> {
        if object.id != REPORT {
            return Ok(());
        }
        let changes = |field| old.is_none_or(|old| old.fields.get(field) != new.fields.get(field));
        let redefined = changes(fields::DEFINITION) || changes(fields::NAME);
        // What is taken back was good at the time; what it names may be gone since.
        if redefined && self.manner != Manner::TakingBack {
            self.check_definition(new)?;
        }
        let opener = new.fields.get(fields::OPENED_BY).as_reference();
        let Some(opener) = opener.map(UserId) else {
            return Ok(());
        };
        let opened = [
            fields::OPENED_BY,
            fields::OPENED_USERS,
            fields::OPENED_ROLES,
            fields::OPENED_GROUPS,
        ];
        if !redefined && !opened.into_iter().any(changes) {
            return Ok(());
        }
        let plan = self
            .facts()
            .plan(Actor::User(opener), object, Action::Share);
        let may = self.actor() == Actor::User(opener) && facts::permits(self.reader(), &plan, new)?;
        match may {
            true => report::check_openable(&declared(new)?),
            false => Err(denied(object, Action::Share)),
        }
    }

    fn check_definition(&self, new: &Record) -> Result<()> {
        let declared = declared(new)?;
        let name = new.fields.get(fields::NAME).as_text().unwrap_or_default();
        if declared.name != name {
            let text = format!("the definition is of `{}`, not of `{name}`", declared.name);
            return Err(Error::new(Code::InvalidValue, text).field("definition"));
        }
        let checked = report::check(self.schema(), self.facts(), self.actor(), &declared);
        checked.map_err(|error| match error.details().contains_key("field") {
            true => error,
            false => error.field("definition"),
        })
    }
}

fn declared(record: &Record) -> Result<ReportDeclaration> {
    let text = record.fields.get(fields::DEFINITION).as_text();
    let declared = text.unwrap_or_default().parse::<ReportDeclaration>();
    declared.map_err(|error| error.field("definition"))
}

impl Door<'_> {
    /// Refuses names of nobody.
    ///
    /// # Errors
    /// [`Code::BadReference`].
    pub(crate) fn check_audience(&self, to: &ReportAudience) -> Result<()> {
        let named = [
            ("users", &to.users, USER, user::LOGIN),
            ("roles", &to.roles, ROLE, role::NAME),
            ("groups", &to.groups, GROUP, group::NAME),
        ];
        for (argument, names, object, unique) in named {
            for name in names {
                if !self.is_named(object, unique, name)? {
                    let text = format!("there is none called `{}`", crate::value::shorten(name));
                    return Err(Error::new(Code::BadReference, text).field(argument));
                }
            }
        }
        Ok(())
    }
}
