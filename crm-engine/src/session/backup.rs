//! Copying the whole store.

use serde_json::json;

use super::Session;
use super::refusals::bounded;
use crate::backup::{self, BackupReport};
use crate::error::Result;
use crate::journal::{Event, EventKind};
use crate::progress::Progress;

impl Session {
    /// Copies the whole store, as it is at this moment, into a new file, while others go on
    /// working. The copy is compared with the store and verified before it gets its name; it holds
    /// everything, whoever may see it. Administrators only, and the journal tells of it before
    /// anybody gets the file. `progress` hears of keys and may end the work.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("monday.crm");
    /// # let path = path.to_str().unwrap();
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let vega = host.create("company", &json!({"name": "Vega", "legal_form": "legal_entity"}))?;
    /// let report = host.backup(path, &mut |_| true)?;
    /// assert!(report.verified.is_sound());
    /// let copy = Engine::open(path, Options::default())?.system();
    /// assert_eq!(copy.get("company", vega)?.unwrap()["name"], "Vega");
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied); [`Code::InvalidValue`](crate::Code::InvalidValue)
    /// for a file that exists; [`Code::Cancelled`](crate::Code::Cancelled);
    /// [`Code::SnapshotExpired`](crate::Code::SnapshotExpired) for a copy that takes longer than
    /// [`READER_AGE_SECONDS_MAX`](crate::limits::READER_AGE_SECONDS_MAX) while others write; and
    /// what prevents writing. No file is then left behind.
    pub fn backup(
        &self,
        path: &str,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<BackupReport> {
        self.noting("backup", None, None, || {
            self.require_administrator()?;
            let view = self.view()?;
            backup::backup(&view.snapshot, path, progress, |copied| {
                let event = Event {
                    kind: EventKind::Export,
                    detail: json!({"backup": bounded(path), "entries": copied.entries}),
                };
                self.transact("backup", |door| {
                    door.tell(event.clone());
                    Ok(())
                })
            })
        })
    }
}
