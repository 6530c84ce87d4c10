//! How often something happens, as the caller may see it.

use super::Session;
use crate::error::Result;
use crate::report::{self, Periodicity};

impl Session {
    /// How often records of an object happen by their field `date`: how many there are, the
    /// first and the last day, and the days between on average (C26). `condition` chooses the
    /// records, of one client and one state, say.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// for day in ["2026-01-01", "2026-02-01", "2026-03-02"] {
    ///     let deal = json!({"title": "Roof", "stage": "won", "close_date": day, "amount": "9 EUR"});
    ///     host.create("deal", &deal)?;
    /// }
    /// let bought = host.periodicity("deal", "close_date", Some("stage = 'won'"))?;
    /// assert_eq!((bought.count, bought.first.as_deref()), (3, Some("2026-01-01")));
    /// assert_eq!(bought.average_days.map(|days| days.to_string()), Some("30".to_owned()));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::UnknownField`](crate::Code::UnknownField),
    /// [`Code::WrongType`](crate::Code::WrongType) for a field that is no date, and what is wrong
    /// with the condition.
    pub fn periodicity(
        &self,
        object: &str,
        date: &str,
        condition: Option<&str>,
    ) -> Result<Periodicity> {
        let view = self.view()?;
        let state = (&view.schema, &view.facts, &view.snapshot);
        report::periodicity(state, self.actor, object, date, condition)
    }
}
