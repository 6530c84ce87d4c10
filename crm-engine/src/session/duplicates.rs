//! Likely duplicates, before and while a record is created.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Session;
use crate::duplicates::{DuplicateReport, Finder, Subject};
use crate::error::{Error, Result};
use crate::facts;
use crate::ids::RecordId;
use crate::policy::Action;
use crate::schema::keys;
use crate::store::Read;
use crate::value::RecordView;
use crate::write::{Input, denied, refusal};

/// What becomes of a new record that has likely duplicates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicate {
    /// It is created, and they are reported.
    #[default]
    Report,
    /// It is not created.
    Refuse,
    /// It is created, and nobody looks for them.
    Ignore,
}

/// A new record and its likely duplicates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Created {
    /// The record.
    pub id: RecordId,
    /// Its likely duplicates, as the caller may know of them.
    pub duplicates: DuplicateReport,
}

impl Session {
    /// The likely duplicates of a record with these values, by the rules of its object (C27).
    /// Those the caller may see are told in full; those he may not see are counted, as their
    /// object's `hidden_duplicates` says, and only if he may create such records.
    ///
    /// ```
    /// use crm_engine::{Engine, ObjectDeclaration, Options, Pack};
    /// use serde_json::json;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
    /// # std::fs::create_dir(folder.path().join("contact")).unwrap();
    /// # write("pack.toml", "name = 'again'\nversion = '1.0.0'\nrequires = ['standard']").unwrap();
    /// # write("contact/object.toml", "name = 'contact'\nextends = true\n\
    /// #     duplicate = [{ name = 'phone', all = [{ field = 'phone' }] }]").unwrap();
    /// # let engine = Engine::in_memory(Options::default())?;
    /// # engine.system().call("pack.install", &json!({"path": folder.path()}), &mut |_| true)?;
    /// // A pack declares for `contact`: duplicate = [{ name = "phone", all = [{ field = "phone" }] }]
    /// let host = engine.system();
    /// let anna = host.create("contact", &json!({"name": "Anna", "phone": "+7 495 123-45-67"}))?;
    /// let report = host.duplicates("contact", &json!({"phone": "8 (495) 1234567"}))?;
    /// assert_eq!(report.matches[0].id, anna);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::Denied`](crate::Code::Denied) for who may neither see nor create records of
    /// the object, and what the values have against them.
    pub fn duplicates(&self, object: &str, fields: &Json) -> Result<DuplicateReport> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor(), object, Action::View);
        let creates = !view
            .facts
            .plan(self.actor(), object, Action::Create)
            .is_nothing();
        if plan.is_nothing() && !creates {
            return Err(denied(object, Action::View));
        }
        let input = Input::under(object, &plan, fields)?;
        let values = input.fields.iter().map(|(field, value)| (*field, value));
        let subject = Subject::new(values);
        let finder = Finder::new(&view.snapshot, &view.schema, &view.facts, self.actor());
        finder
            .counting_hidden(creates)
            .report(object, &subject, |_| true)
    }

    /// The likely duplicates of a stored record; otherwise as [`Session::duplicates`].
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::NotFound`](crate::Code::NotFound).
    pub fn duplicates_of(&self, object: &str, id: RecordId) -> Result<DuplicateReport> {
        let view = self.view()?;
        let object = view.schema.object(object)?;
        let plan = view.facts.plan(self.actor(), object, Action::View);
        let creates = view.facts.plan(self.actor(), object, Action::Create);
        let bytes = view.snapshot.get(&keys::record(object.id, id))?;
        let bytes = bytes.ok_or_else(Error::not_found)?;
        let record = RecordView::new(&bytes)?;
        if !facts::permits(&view.snapshot, &plan, &record)? {
            return Err(Error::not_found());
        }
        let finder = Finder::new(&view.snapshot, &view.schema, &view.facts, self.actor());
        let finder = finder.counting_hidden(!creates.is_nothing());
        let subject = finder.subject(object, id, &record.decode()?)?;
        finder.report(object, &subject, |_| true)
    }

    /// Creates a record and tells its likely duplicates, or does not create it because of them.
    /// They are looked for in what is stored: what rules fill in takes part.
    ///
    /// # Errors
    /// As [`Session::create`]; [`Code::Duplicate`](crate::Code::Duplicate) where the record is
    /// refused for its
    /// duplicates, with `matches`, `hidden` and the `rule` that found the first.
    pub fn create_checked(
        &self,
        object: &str,
        fields: &Json,
        on_duplicate: OnDuplicate,
    ) -> Result<Created> {
        self.transact("create", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            let id = door.create_json(&object, fields)?;
            let duplicates = match on_duplicate {
                OnDuplicate::Ignore => DuplicateReport::default(),
                OnDuplicate::Report | OnDuplicate::Refuse => door.duplicates(&object, id)?,
            };
            match on_duplicate == OnDuplicate::Refuse && !duplicates.is_empty() {
                true => Err(refusal(&object, duplicates.rule(), &duplicates)),
                false => Ok(Created { id, duplicates }),
            }
        })
    }
}
