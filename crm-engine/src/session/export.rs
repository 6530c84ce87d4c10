//! Taking data out: one right, one way, and an entry of the journal for each time (C51).

use serde_json::{Value as Json, json};

use super::Session;
use super::refusals::bounded;
use crate::error::Result;
use crate::exchange::{self, ExportJob, ExportReport};
use crate::journal::{Event, EventKind};
use crate::progress::Progress;
use crate::query::{self, Params};
use crate::watch::Deed;

impl Session {
    /// Takes the rows of a query out as a table, as text or into a file. The caller needs the right
    /// to export the object, and gets of it what he may both see and export: a field or a record
    /// that he may not is as if it were not there. Of records it refers to whose object he may not
    /// export, he gets the title alone. The journal tells who took out what and how many rows;
    /// before it does, nobody gets them. `progress` hears of rows and may end the work.
    ///
    /// # Errors
    /// [`Code::Denied`](crate::Code::Denied) without the right to export anything of the object;
    /// [`Code::InvalidArguments`](crate::Code::InvalidArguments), [`Code::InvalidValue`](crate::Code::InvalidValue) for a file that exists,
    /// [`Code::LimitExceeded`](crate::Code::LimitExceeded), [`Code::Cancelled`](crate::Code::Cancelled), and what a query may have against it. Nothing
    /// is then taken out.
    pub fn export(
        &self,
        job: &ExportJob,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<ExportReport> {
        self.noting("export", None, None, || self.take_out(job, progress))
    }

    fn take_out(
        &self,
        job: &ExportJob,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<ExportReport> {
        let sql = job.select()?;
        let view = self.view()?;
        let prepared = query::prepare_outward(&view.schema, &view.facts, self.actor, &sql)
            .inspect_err(|error| self.engine.refused(self.actor, error))?;
        let params = Params::new();
        let params = self.dated(&prepared, &view, &params)?;
        let rows = prepared.run(&view.snapshot, &params)?;
        exchange::export(rows, job, sql.clone(), progress, |rows| {
            self.note_export(json!({"select": bounded(&sql), "rows": rows}))?;
            self.engine.count(self.actor, Deed::Exported(rows));
            Ok(())
        })
    }

    /// The journal tells of an export.
    pub(super) fn note_export(&self, detail: Json) -> Result<()> {
        let event = Event {
            kind: EventKind::Export,
            detail,
        };
        self.transact("export", |door| {
            door.tell(event.clone());
            Ok(())
        })
    }
}
