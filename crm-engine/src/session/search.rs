//! Search and look-up by phone or e-mail.

use crate::error::Result;
use crate::search::{self, SearchPage, SearchRequest};

use super::Session;

impl Session {
    /// The records that a text means, best first: by words and their beginnings and forms, by
    /// any part of a phone number in any notation, by e-mail, by the beginning of a number. What
    /// the caller may not see is not there (invariant *invisible is absent*).
    ///
    /// ```
    /// use crm_engine::{Engine, Options, SearchRequest};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// let tree = json!({"name": "Ёлка и Ко", "legal_form": "individual", "phone": "+7 (495) 123-45-67"});
    /// host.create("company", &tree)?;
    /// for text in ["елки", "ёл", "123-45", "84951234567", "елка 4567"] {
    ///     let page = host.search(&SearchRequest::new(text).within(["company"]))?;
    ///     assert_eq!(page.hits[0].title.as_deref(), Some("Ёлка и Ко"), "{text}");
    /// }
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for a text without a word or
    /// number and for a `limit` out of bounds,
    /// [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::UnknownField`](crate::Code::UnknownField) for a field that is not searched or not
    /// seen, [`Code::LimitExceeded`](crate::Code::LimitExceeded), and what prevents reading.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        let view = self.view()?;
        search::run(
            &view.snapshot,
            &view.schema,
            &view.facts,
            self.actor,
            request,
        )
    }

    /// The records with a phone number or e-mail address, in whatever notation (C29). A number
    /// without its country or area code finds those that end with it.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// let id = host.create("contact", &json!({"name": "Anna", "phone": "+7 495 123-45-67"}))?;
    /// let page = host.find("8 (495) 123-45-67", &[])?;
    /// assert_eq!((page.hits[0].object.as_str(), page.hits[0].id), ("contact", id));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for a text that is neither,
    /// [`Code::UnknownObject`](crate::Code::UnknownObject), and what prevents reading.
    pub fn find(&self, text: &str, objects: &[String]) -> Result<SearchPage> {
        let view = self.view()?;
        search::find(
            &view.snapshot,
            &view.schema,
            &view.facts,
            self.actor,
            text,
            objects,
        )
    }
}
