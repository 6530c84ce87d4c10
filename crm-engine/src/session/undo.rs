//! Taking back and merging.

use super::Session;
use crate::error::Result;
use crate::history::Moment;
use crate::ids::{RecordId, Sequence};
use crate::journal::Cause;
use crate::merge::{self, Merge, MergeReport};
use crate::progress::Progress;
use crate::undo::{self, RevertUser, RevertUserReport, Reverted, Transactions, Undone};
use crate::write::Door;

impl Session {
    /// Sets one field back to what it was: an ordinary change, with its rights and rules.
    ///
    /// ```
    /// use crm_engine::{Engine, Moment, Options, Version};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity", "employees": 12}))?;
    /// host.update("company", vega, &json!({"name": "Vgea", "employees": 15}), None)?;
    /// host.revert_field("company", vega, "name", Moment::Version(Version(1)))?;
    /// let company = host.get("company", vega)?.unwrap();
    /// assert_eq!((&company["name"], &company["employees"]), (&json!("Vega"), &json!(15)));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound),
    /// [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) when the record did not exist at
    /// that moment, [`Code::ReadOnly`](crate::Code::ReadOnly) for a field that callers do not
    /// set, and as [`Session::update`].
    pub fn revert_field(
        &self,
        object: &str,
        id: RecordId,
        field: &str,
        moment: Moment,
    ) -> Result<Reverted> {
        self.transact("revert.field", |door| {
            undo::revert_field(door, object, id, field, moment)
        })
    }

    /// Sets a record back to what it was, its owner too, as far as the caller sees its fields: an
    /// ordinary change, with its rights and rules. A deleted record is brought back under its own
    /// id, which needs the right to create it.
    ///
    /// # Errors
    /// As [`Session::revert_field`].
    pub fn revert_record(&self, object: &str, id: RecordId, moment: Moment) -> Result<Reverted> {
        self.transact("revert.record", |door| {
            undo::revert_record(door, object, id, moment)
        })
    }

    /// Takes back what one user changed in a period, the records he changed last first. A value
    /// that somebody else has changed since stays, and the report tells it.
    ///
    /// The caller needs the right to change many records at once (`bulk`) on each object, and for
    /// each record the right to what is done to it: edit, transfer, delete (it had been created)
    /// or create (it had been deleted). It is done in several transactions; `progress` hears of
    /// the records and may end it, and what is done by then stays.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied), [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::BadReference`](crate::Code::BadReference) for an unknown user,
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for a period that ends before it
    /// begins, [`Code::LimitExceeded`](crate::Code::LimitExceeded),
    /// [`Code::Cancelled`](crate::Code::Cancelled).
    pub fn revert_user(
        &self,
        request: &RevertUser,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<RevertUserReport> {
        let view = self.view()?;
        undo::revert_user(&view.snapshot, self, request, progress)
    }

    /// Takes a whole transaction back, or nothing of it: one of the caller's own, or any for an
    /// administrator. It needs the rights to what is done, but for what only follows by
    /// declaration or by a merge.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity"}))?;
    /// host.delete("company", vega, None)?;
    /// let deletion = host.history("company", vega)?.unwrap()[1]["sequence"].as_u64().unwrap();
    /// host.undo(crm_engine::Sequence(deletion))?;
    /// assert_eq!(host.get("company", vega)?.unwrap()["name"], "Vega");
    /// let again = host.undo(crm_engine::Sequence(deletion)).unwrap_err();
    /// assert_eq!(again.code(), Code::Conflict);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) for a position that the journal has not reached
    /// and for a transaction of somebody else, [`Code::Conflict`](crate::Code::Conflict) when
    /// records were changed since: the detail `records` names those the caller may see. Everything
    /// else that stands against it names its record.
    pub fn undo(&self, sequence: Sequence) -> Result<Undone> {
        self.transact("undo", |door| undo::take_back(door, sequence))
    }

    /// Merges records into one, in one transaction. It needs the right to edit the record that
    /// stays, and to edit and delete the others.
    ///
    /// ```
    /// use crm_engine::{Engine, Merge, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity"}))?;
    /// let twin = json!({"name": "Vega Ltd", "legal_form": "legal_entity", "phone": "+7 495 123-45-67"});
    /// let twin = host.create("company", &twin)?;
    /// let report = host.merge(&Merge::new("company", vega, [twin]))?;
    /// assert_eq!(host.get("company", vega)?.unwrap()["phone"], "+7 495 123-45-67");
    /// assert!(host.get("company", twin)?.is_none());
    ///
    /// host.undo(report.sequence)?;
    /// assert_eq!(host.get("company", twin)?.unwrap()["name"], "Vega Ltd");
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound), [`Code::Denied`](crate::Code::Denied),
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments),
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded), and what fields, rules and references
    /// have against it. Nothing is then changed.
    pub fn merge(&self, merge: &Merge) -> Result<MergeReport> {
        self.transact("merge", |door| merge::run(door, merge))
    }
}

impl Transactions for Session {
    fn transact(&self, body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>) -> Result<()> {
        self.run(&Cause::Person, "revert.user", body)
    }
}
