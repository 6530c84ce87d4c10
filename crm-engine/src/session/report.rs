//! Stored reports and smart lists, as the caller may see them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use serde_json::json;

use super::Session;
use crate::engine::View;
use crate::error::{Code, Error, Result};
use crate::ids::{RecordId, Version};
use crate::policy::Action;
use crate::query::{self, Rows};
use crate::report::{
    self, Around, DrillRequest, Report, ReportAudience, ReportDeclaration, ReportDescription,
    ReportFile, ReportInfo, ReportRequest, WrittenReport,
};
use crate::schema::Object;
use crate::schema::system::{REPORT, report as fields};
use crate::tabular::{new_file, unwritable};
use crate::value::Value;
use crate::watch::Deed;
use crate::write::{Door, Input};

impl Session {
    /// The reports and smart lists that the caller may run, by name.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let reports = host.reports("en")?;
    /// assert!(reports.iter().any(|report| report.name == "plan_and_fact"));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// What prevents reading.
    pub fn reports(&self, language: &str) -> Result<Vec<ReportInfo>> {
        let view = self.view()?;
        report::all(self.around(&view)?, language)
    }

    /// What a report can be asked. `report` is its name or the number of its record.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn describe_report(&self, report: &str, language: &str) -> Result<ReportDescription> {
        let view = self.view()?;
        report::describe(self.around(&view)?, report, language)
    }

    /// Runs a stored report, or a smart list, of which at most `limit` records are given.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, ReportRequest};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let deal = json!({"title": "Roof", "stage": "won", "close_date": "2026-03-01", "amount": "9 EUR"});
    /// host.create("deal", &deal)?;
    /// let asked = ReportRequest { period: Some("2026".into()), ..ReportRequest::default() };
    /// let income = host.report("income_by_client", &asked, None)?;
    /// assert_eq!(income.table.rows.len(), 1);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`] for a report that there is not or that the caller may not run,
    /// [`Code::InvalidArguments`] and [`Code::InvalidValue`] for what it cannot be asked,
    /// [`Code::Denied`] where he may see none of the work asked about, and what prevents reading.
    pub fn report(
        &self,
        report: &str,
        request: &ReportRequest,
        limit: Option<usize>,
    ) -> Result<Report> {
        self.noting("report.run", Some("report"), None, || {
            let view = self.view()?;
            let open = |rows: Rows| self.watched(self.metered(rows), &view);
            report::run(self.around(&view)?, report, request, limit, &open)
        })
    }

    /// Runs a stored report and writes it: as a picture, or as a table, which takes out what
    /// stands in it. Then it is computed of the records and fields that the caller may both see
    /// and export, an opened report too, and the journal tells of it before anybody gets it.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, ReportFile, ReportForm, ReportRequest};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let deal = json!({"title": "Roof", "stage": "won", "close_date": "2026-03-01", "amount": "9 EUR"});
    /// host.create("deal", &deal)?;
    /// let asked = ReportRequest { period: Some("2026".into()), ..ReportRequest::default() };
    /// let drawn = ReportFile::text(ReportForm::Svg);
    /// let drawn = host.write_report("income_by_client", &asked, None, &drawn)?;
    /// assert!(drawn.text.is_some_and(|svg| svg.starts_with("<svg")));
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::report`], [`Code::Denied`] for a table of records that the caller may not
    /// export, [`Code::InvalidArguments`] for what cannot be written so, [`Code::InvalidValue`]
    /// for a file that exists, [`Code::Io`]. Nothing is then written.
    pub fn write_report(
        &self,
        report: &str,
        request: &ReportRequest,
        limit: Option<usize>,
        file: &ReportFile,
    ) -> Result<WrittenReport> {
        self.noting("report.run", Some("report"), None, || {
            let request = ReportRequest {
                own: request.own || file.is_export(),
                ..request.clone()
            };
            let view = self.view()?;
            let around = Around {
                outward: file.is_export(),
                ..self.around(&view)?
            };
            let open = |rows: Rows| self.watched(self.metered(rows), &view);
            let found = report::run(around, report, &request, limit, &open)?;
            let language = request.language.as_deref().unwrap_or("en");
            let content = file.content(&found.table, language)?;
            let rows = found.table.rows.len();
            let told = || {
                if file.is_export() {
                    self.note_export(json!({"report": found.name, "rows": rows}))?;
                    self.engine.count(self.actor, Deed::Exported(rows as u64));
                }
                Ok(())
            };
            let text = match &file.path {
                Some(path) => {
                    let fill = |out: &mut BufWriter<File>| {
                        let written = out.write_all(&content);
                        written.map_err(|error| unwritable(path, &error))
                    };
                    new_file(path, fill, |()| told())?;
                    None
                }
                None => {
                    told()?;
                    let text = String::from_utf8(content);
                    Some(text.map_err(|_| Error::internal("a report that is not UTF-8"))?)
                }
            };
            Ok(WrittenReport {
                rows,
                path: file.path.clone(),
                text,
            })
        })
    }

    /// The records behind a figure of a report, under the caller's own rights.
    ///
    /// ```
    /// use crm_engine::{DrillRequest, Engine, Options, ReportRequest};
    /// use serde_json::json;
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let deal = json!({"title": "Roof", "stage": "won", "close_date": "2026-03-01", "amount": "9 EUR"});
    /// host.create("deal", &deal)?;
    /// let asked = ReportRequest { period: Some("2026".into()), ..ReportRequest::default() };
    /// let behind = DrillRequest { column: "income".into(), asked, ..DrillRequest::default() };
    /// let mut rows = host.drill("income_by_client", &behind)?;
    /// assert!(rows.next()?.is_some());
    /// assert!(rows.next()?.is_none());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::report`], and [`Code::InvalidArguments`] for a column that has no records
    /// behind it or is made of several measures.
    pub fn drill(&self, report: &str, request: &DrillRequest) -> Result<Rows> {
        let view = self.view()?;
        let drill = report::drill(self.around(&view)?, report, request)?;
        self.query(&drill.sql, &drill.params)
    }

    /// Saves a report or smart list: a new one of the caller, or in place of the definition that
    /// the record `id` holds. A `shared` one may be run by everyone whose rights show it.
    ///
    /// ```
    /// use crm_engine::{Code, Engine, Options, ReportRequest};
    ///
    /// let host = Engine::in_memory(Options::default())?.system();
    /// let text = r#"
    ///     name = "users_by_kind"
    ///     key = [{ name = "kind" }]
    ///     part = [{ name = "users", from = "user", key = { kind = "kind" }, measure = { count = "count(*)" } }]
    /// "#;
    /// host.save_report(None, &text.parse()?, true)?;
    /// let users = host.report("users_by_kind", &ReportRequest::default(), None)?;
    /// assert_eq!(users.table.rows.len(), 1);
    /// let wrong = text.replace("count(*)", "sum(size)").parse()?;
    /// assert_eq!(host.save_report(None, &wrong, true).unwrap_err().code(), Code::UnknownField);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownObject`], [`Code::UnknownField`] for fields and measures that there are not,
    /// [`Code::Syntax`], [`Code::WrongType`], [`Code::InvalidValue`], [`Code::NotFound`],
    /// [`Code::Denied`].
    pub fn save_report(
        &self,
        id: Option<RecordId>,
        declared: &ReportDeclaration,
        shared: bool,
    ) -> Result<(RecordId, Version)> {
        let text = declared.to_text()?;
        self.save_definition(id, declared, &text, shared)
    }

    /// Saves a definition as it is written.
    pub(crate) fn save_definition(
        &self,
        id: Option<RecordId>,
        declared: &ReportDeclaration,
        text: &str,
        shared: bool,
    ) -> Result<(RecordId, Version)> {
        self.noting("report.save", Some("report"), id, || {
            self.transact("report.save", |door| {
                let object = object(door)?;
                let description = match declared.description.get("en") {
                    Some(words) => Value::from(words.as_str()),
                    None => Value::Null,
                };
                let shared = if shared {
                    Value::Checkbox(true)
                } else {
                    Value::Null
                };
                let input = Input::of([
                    (fields::NAME, Value::from(declared.name.as_str())),
                    (fields::DESCRIPTION, description),
                    (fields::DEFINITION, Value::from(text)),
                    (fields::SHARED, shared),
                ]);
                match id {
                    Some(id) => Ok((id, door.update(&object, id, input, None)?)),
                    None => Ok((door.create(&object, input)?, Version(1))),
                }
            })
        })
    }

    /// Opens a report to others: from now on they run it under the caller's rights (C198). It
    /// replaces whom it was opened to before; nobody closes it.
    ///
    /// ```
    /// use crm_engine::{Engine, Options, ReportAudience, ReportRequest};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let host = engine.system();
    /// host.create("user", &json!({"login": "anna", "name": "Anna"}))?;
    /// let deal = json!({"title": "Roof", "stage": "won", "close_date": "2026-03-01", "amount": "9 EUR"});
    /// host.create("deal", &deal)?;
    /// let asked = ReportRequest { period: Some("2026".into()), ..ReportRequest::default() };
    /// let (boss, anna) = (engine.login("admin")?, engine.login("anna")?);
    /// let to = ReportAudience { users: vec!["anna".into()], ..ReportAudience::default() };
    /// boss.open_report("income_by_client", &to)?;
    /// assert_eq!(anna.report("income_by_client", &asked, None)?.table.rows.len(), 1);
    /// boss.open_report("income_by_client", &ReportAudience::default())?;
    /// assert!(anna.report("income_by_client", &asked, None).is_err());
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Denied`] for who may not share the report,
    /// [`Code::InvalidArguments`] for the host itself, which is nobody in whose name a report could
    /// be opened, and for a report whose rows are records, [`Code::BadReference`] for names of
    /// nobody.
    pub fn open_report(&self, report: &str, to: &ReportAudience) -> Result<Version> {
        let view = self.view()?;
        let info = report::describe(self.around(&view)?, report, "en")?.info;
        let by = match (self.user(), to.is_empty()) {
            (_, true) => Value::Null,
            (Some(user), false) => Value::Reference(user.0),
            (None, false) => {
                let text = "a report is opened in the name of a user";
                return Err(Error::new(Code::InvalidArguments, text));
            }
        };
        self.transact("report.open", |door| {
            let object = object(door)?;
            let record = door.get(&object, info.id)?.ok_or_else(Error::not_found)?;
            door.permit(&object, Action::Share, &record)?;
            let opened = to
                .fields()
                .into_iter()
                .chain([(fields::OPENED_BY, by.clone())]);
            let input = Input::of(opened);
            door.check_audience(to)?;
            door.entrusted(|door| door.update(&object, info.id, input, None))
        })
    }

    fn around<'a>(&self, view: &'a View) -> Result<Around<'a>> {
        Ok(Around {
            schema: &view.schema,
            facts: &view.facts,
            snapshot: &view.snapshot,
            actor: self.actor,
            calendar: query::calendar(&view.snapshot, self.actor, self.engine.now())?,
            outward: false,
        })
    }
}

fn object(door: &Door<'_>) -> Result<Arc<Object>> {
    let object = door.schema().by_id(REPORT).map(Arc::clone);
    object.ok_or_else(|| Error::internal("a schema without reports"))
}
