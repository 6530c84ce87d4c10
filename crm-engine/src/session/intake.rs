//! Accepting records that tell of somebody who may be known already.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Session;
use crate::error::Result;
use crate::intake::{self, Accepted};

impl Session {
    /// Accepts an inquiry: finds the client it tells of or creates him, finds his newest open
    /// interest or opens one, and stores the inquiry linked to both, in one transaction (C10).
    /// The object of the inquiry declares how ([`AcceptDeclaration`](crate::AcceptDeclaration)).
    ///
    /// A client is found whoever may see him, so that none is ever made twice (C27); what the
    /// caller may not see of it he is not told. Records of objects with a `draft` field may lack
    /// required fields until the first save by a person.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, Pack};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    /// # for name in ["contact", "call"] { std::fs::create_dir(folder.path().join(name)).unwrap(); }
    /// # write("pack.toml", "name = 'calls'\nversion = '1.0.0'\nrequires = ['standard']");
    /// # write("contact/object.toml", r#"
    /// # name = "contact"
    /// # extends = true
    /// # duplicate = [{ name = "by_phone", all = [{ field = "phone" }] }]
    /// # "#);
    /// # write("call/object.toml", r#"
    /// # name = "call"
    /// # owned = true
    /// # field = [
    /// #     { name = "caller", type = "text" },
    /// #     { name = "phone", type = "phone" },
    /// #     { name = "contact", type = "reference", target = "contact" },
    /// # ]
    /// # accept = { link = "contact", take = { name = "caller", phone = "phone" } }
    /// # "#);
    /// // A pack declares for its object `call`:
    /// // accept = { link = "contact", take = { name = "caller", phone = "phone" } }
    /// # engine.system().call("pack.install", &json!({"path": folder.path()}), &mut |_| true)?;
    /// let host = engine.system();
    /// let call = json!({"caller": "Anna", "phone": "+7 495 123-45-67"});
    /// let first = host.accept("call", &call)?;
    /// let second = host.accept("call", &call)?;
    /// assert!(first.is_new && !second.is_new);
    /// assert_eq!(first.client, second.client);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::create`], for the inquiry and what is created with it; and
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments) for an object that declares no
    /// intake, or for a field that accepting fills in.
    pub fn accept(&self, object: &str, fields: &Json) -> Result<Accepted> {
        self.transact("accept", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            intake::run(door, &object, fields, false)
        })
    }

    /// Tells what [`Session::accept`] would link, and changes nothing: the client, his interests
    /// and their present stages.
    ///
    /// # Errors
    /// As [`Session::accept`].
    pub fn look_up(&self, object: &str, fields: &Json) -> Result<Accepted> {
        self.transact("accept", |door| {
            let object = Arc::clone(door.schema().object(object)?);
            intake::run(door, &object, fields, true)
        })
    }
}
