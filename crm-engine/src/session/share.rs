//! Whom a record is shared with (C76).

use std::sync::Arc;

use super::Session;
use crate::error::Result;
use crate::ids::{RecordId, UserId, Version};

impl Session {
    /// Shares a record with some users and no longer with others, as one change; a user in both
    /// lists is no participant afterwards, and the owner never is. Details go with their parent.
    /// Returns the version the record is at then.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, UserId};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let anna = UserId(host.create("user", &json!({"login": "anna", "name": "Anna"}))?);
    /// let vega = json!({"name": "Vega", "legal_form": "legal_entity"});
    /// let vega = host.create("company", &vega)?;
    /// host.share("company", vega, &[anna], &[])?;
    /// let record = host.get("company", vega)?.expect("it is there");
    /// assert_eq!(record["participants"], json!([anna.get()]));
    /// host.share("company", vega, &[], &[anna])?;
    /// let record = host.get("company", vega)?.expect("it is there");
    /// assert!(record.get("participants").is_none());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`](crate::Code::UnknownObject),
    /// [`Code::NotFound`](crate::Code::NotFound), [`Code::Denied`](crate::Code::Denied) without
    /// the right to share the record, [`Code::BadReference`](crate::Code::BadReference) for a
    /// user who is not there or not to be seen, [`Code::ReadOnly`](crate::Code::ReadOnly) for a
    /// detail.
    pub fn share(
        &self,
        object: &str,
        id: RecordId,
        add: &[UserId],
        remove: &[UserId],
    ) -> Result<Version> {
        self.transact("share", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            door.share(&object, id, add, remove)
        })
    }
}
