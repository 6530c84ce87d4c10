//! The rows of a file, in batches through the door.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::columns::{Columns, Duplicate, Note, Reads};
use super::job::{ImportJob, OnDuplicateRow};
use super::lookup::{Found, Staged};
use super::report::{Fault, FaultKind, ImportReport, Writer};
use super::source::Source;
use super::table::{Row, Table};
use crate::duplicates::{Rows, Subject};
use crate::error::{Code, Error, Result};
use crate::ids::{FieldId, ObjectId, RecordId};
use crate::limits::{
    IMPORT_BATCH_BYTES_MAX, IMPORT_BATCH_ROWS_MAX, IMPORT_WAITING_ROUNDS_MAX,
    IMPORT_WAITING_ROWS_MAX,
};
use crate::policy::Action;
use crate::progress::{OnProgress, Progress};
use crate::schema::{Object, Schema, keys};
use crate::value::Value;
use crate::write::{Door, Input, denied};

/// Opens transactions for an import, one after the other.
pub(crate) trait Transactions {
    /// Runs `body` in one transaction through the door, on behalf of the caller, its changes
    /// caused by the import of `file`. The body may be run again from its start; its last run is
    /// the one that counts.
    fn transact(&self, file: &str, body: &mut dyn FnMut(&mut Door<'_>) -> Result<()>)
    -> Result<()>;

    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// Imports a file. The whole file is read once before anything is stored; then rows are stored
/// in transactions of at most [`IMPORT_BATCH_ROWS_MAX`] rows. After each, `progress` hears how
/// many bytes of the text, in UTF-8, are read, and may end the import by returning `false`; what
/// is stored by then stays.
///
/// A row may refer to another row of the file, in either direction: rows whose reference to
/// their own object finds nothing wait for the rows further down.
///
/// A rehearsal (`check`) undoes each row at once and compares unique values among the rows by
/// itself. A reference to another row of the file counts as found and is left empty.
///
/// # Errors
/// [`Code::InvalidArguments`] for a job that makes no sense, [`Code::Io`] and
/// [`Code::ImportFormat`] for a file that cannot be read as declared, [`Code::Denied`] without
/// the right to import, [`Code::UnknownObject`], [`Code::UnknownField`], [`Code::ReadOnly`]:
/// nothing is stored. [`Code::Cancelled`], and what the store has against a transaction: the
/// detail `rows_stored` tells what was stored before.
pub(crate) fn import(
    transactions: &dyn Transactions,
    job: &ImportJob,
    progress: OnProgress<'_>,
) -> Result<ImportReport> {
    let began = transactions.now();
    let source = Source::new(job)?;
    authorise(transactions, job, &source)?;
    let bytes_total = read_through(&source, job)?;
    let table = Table::open(&source, job.delimiter)?;
    let (object, columns) = compile(transactions, job, &source, table.header())?;
    let constants = constants(transactions, job, &source)?;
    let report = ImportReport {
        file: source.name().to_owned(),
        check: job.check,
        ignored_columns: ignored(job, table.header()),
        ..ImportReport::default()
    };
    let mut import = Import {
        transactions,
        file: source.name(),
        object,
        check: job.check,
        on_duplicate: job.on_duplicate,
        columns,
        constants,
        taken: Staged::default(),
        rows: Rows::default(),
        writer: Writer::new(report),
    };
    let stored = import.run(table, bytes_total, progress);
    stored.map_err(|error| error.with("rows_stored", import.writer.report.rows_stored))?;
    let mut report = import.writer.finish();
    let took = transactions.now().signed_duration_since(began);
    report.milliseconds = u64::try_from(took.num_milliseconds()).unwrap_or(0);
    Ok(report)
}

/// Refuses whoever may not import, before a file is opened for him.
fn authorise(transactions: &dyn Transactions, job: &ImportJob, source: &Source<'_>) -> Result<()> {
    transactions.transact(source.name(), &mut |door| {
        let object = door.schema().object(&job.object)?;
        match door.plan(object, Action::Import).is_nothing() {
            true => Err(denied(object, Action::Import)),
            false => Ok(()),
        }
    })
}

/// Reads the whole text once, so that a wrong encoding or an open quote is found before
/// anything is stored. Returns its size in bytes of UTF-8.
fn read_through(source: &Source<'_>, job: &ImportJob) -> Result<u64> {
    source.refuse_undeclared_utf8()?;
    let mut table = Table::open(source, job.delimiter)?;
    while table.next()?.is_some() {}
    Ok(table.bytes_read())
}

fn compile<'j>(
    transactions: &dyn Transactions,
    job: &'j ImportJob,
    source: &Source<'_>,
    header: &[String],
) -> Result<(ObjectId, Columns<'j>)> {
    let mut compiled = None;
    transactions.transact(source.name(), &mut |door| {
        let object = Arc::clone(door.schema().object(&job.object)?);
        let columns = Columns::compile(door, &object, job, source.name(), header)?;
        compiled = Some((object.id, columns));
        Ok(())
    })?;
    compiled.ok_or_else(|| Error::internal("a transaction without its body"))
}

/// The values that every row gets.
fn constants(
    transactions: &dyn Transactions,
    job: &ImportJob,
    source: &Source<'_>,
) -> Result<Vec<(FieldId, Value)>> {
    let mut constants = Vec::new();
    transactions.transact(source.name(), &mut |door| {
        let object = door.schema().object(&job.object)?;
        constants.clear();
        for (name, text) in &job.set {
            let field = door.field(object, name)?;
            if field.is_system() {
                let text = format!("`{name}` is not set in an import");
                return Err(Error::new(Code::ReadOnly, text).field(name));
            }
            constants.push((field.id, field.parse(text)?));
        }
        Ok(())
    })?;
    Ok(constants)
}

fn ignored(job: &ImportJob, header: &[String]) -> Vec<String> {
    let ignored = header.iter().filter(|name| job.ignore.contains(name));
    ignored.cloned().collect()
}

/// An import under way.
struct Import<'a, 'j> {
    transactions: &'a dyn Transactions,
    file: &'a str,
    object: ObjectId,
    check: bool,
    on_duplicate: OnDuplicateRow,
    columns: Columns<'j>,
    /// What every row gets where no cell fills it.
    constants: Vec<(FieldId, Value)>,
    /// In a rehearsal, the unique values of the rows before.
    taken: Staged<Vec<u8>, ()>,
    /// In a rehearsal, the rows before by what duplicate rules compare.
    rows: Rows,
    writer: Writer,
}

/// What one transaction did.
#[derive(Default)]
struct Batch {
    /// Rows looked at, from the first on.
    done: usize,
    /// Rows to try again, by their place among those looked at.
    waiting: Vec<usize>,
    /// What happened to the others.
    outcomes: Vec<Outcome>,
}

struct Outcome {
    line: u64,
    fate: Fate,
    notes: Vec<Note>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Stored,
    Skipped,
    Refused,
}

impl Import<'_, '_> {
    fn run(
        &mut self,
        mut table: Table<'_>,
        bytes_total: u64,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let mut rows = Vec::new();
        let mut waiting = Vec::new();
        loop {
            while rows.len() < IMPORT_BATCH_ROWS_MAX
                && let Some(row) = table.next()?
            {
                self.writer.report.rows_read += 1;
                rows.push(row);
            }
            if rows.is_empty() {
                break;
            }
            let last_chance = waiting.len() >= IMPORT_WAITING_ROWS_MAX;
            waiting.extend(self.store(&mut rows, last_chance)?);
            let done = Progress {
                done: table.bytes_read(),
                total: Some(bytes_total),
            };
            if !progress(done) {
                return Err(Error::new(Code::Cancelled, "the import was cancelled"));
            }
        }
        self.store_waiting(waiting)
    }

    /// Tries waiting rows again for as long as that helps, and refuses what is left.
    fn store_waiting(&mut self, mut waiting: Vec<Row>) -> Result<()> {
        for _ in 0..IMPORT_WAITING_ROUNDS_MAX {
            let before = waiting.len();
            let mut still = Vec::new();
            while !waiting.is_empty() {
                still.extend(self.store(&mut waiting, false)?);
            }
            waiting = still;
            if waiting.len() == before {
                break;
            }
        }
        while !waiting.is_empty() {
            self.store(&mut waiting, true)?;
        }
        Ok(())
    }

    /// Stores as many of the rows as one transaction takes and removes them from `rows`;
    /// returns those that wait.
    fn store(&mut self, rows: &mut Vec<Row>, last_chance: bool) -> Result<Vec<Row>> {
        let mut batch = Batch::default();
        let (transactions, file) = (self.transactions, self.file);
        transactions.transact(file, &mut |door| {
            self.discard(door.schema());
            batch = Batch::default();
            self.fill(door, rows, last_chance, &mut batch)
        })?;
        self.keep();
        for outcome in batch.outcomes {
            self.report(outcome);
        }
        let done = rows.drain(..batch.done).enumerate();
        Ok(done
            .filter(|(place, _)| batch.waiting.binary_search(place).is_ok())
            .map(|(_, row)| row)
            .collect())
    }

    fn fill(
        &mut self,
        door: &mut Door<'_>,
        rows: &[Row],
        last_chance: bool,
        batch: &mut Batch,
    ) -> Result<()> {
        // The schema may have a newer version of the object than the one the columns were
        // compiled for; fields keep their numbers, derived data must follow the newer one.
        let object = door.schema().by_id(self.object).map(Arc::clone);
        let object = object.ok_or_else(|| Error::internal("an object is gone"))?;
        for row in rows.iter().take(IMPORT_BATCH_ROWS_MAX) {
            if door.bytes() >= IMPORT_BATCH_BYTES_MAX {
                break;
            }
            let (fate, notes) = match self.columns.read(row, last_chance) {
                Reads::Waits => {
                    batch.waiting.push(batch.done);
                    batch.done += 1;
                    continue;
                }
                Reads::Refused(notes) => (Fate::Refused, notes),
                Reads::As(input, notes) => self.take(door, &object, row, input, notes)?,
            };
            batch.done += 1;
            let line = row.line;
            batch.outcomes.push(Outcome { line, fate, notes });
        }
        Ok(())
    }

    /// Takes in a row that can be read. A likely duplicate is reported or left out.
    fn take(
        &mut self,
        door: &mut Door<'_>,
        object: &Arc<Object>,
        row: &Row,
        input: Input,
        mut notes: Vec<Note>,
    ) -> Result<(Fate, Vec<Note>)> {
        match self.create(door, object, row.line, input) {
            Ok(None) => Ok((Fate::Stored, notes)),
            Ok(Some(duplicate)) if self.on_duplicate == OnDuplicateRow::Skip => {
                let note = duplicate_note(FaultKind::Skipped, duplicate);
                Ok((Fate::Skipped, vec![note]))
            }
            Ok(Some(duplicate)) => {
                notes.push(duplicate_note(FaultKind::Duplicate, duplicate));
                Ok((Fate::Stored, notes))
            }
            Err(error) if is_about_the_row(&error) => {
                let note = self.columns.refusal(row, &error);
                Ok((Fate::Refused, vec![note]))
            }
            Err(error) => Err(error),
        }
    }

    /// Creates one record, or finds out whether it could be created. Returns what it is a likely
    /// duplicate of; if such a row is to be left out, it was.
    fn create(
        &mut self,
        door: &mut Door<'_>,
        object: &Arc<Object>,
        line: u64,
        mut input: Input,
    ) -> Result<Option<Duplicate>> {
        for (field, value) in &self.constants {
            if input.get(*field).is_none_or(Value::is_null) {
                input.fields.push((*field, value.clone()));
            }
        }
        door.permit_given(object, Action::Import, &input)?;
        let texts = self.columns.texts_of(object, &input);
        let unique = unique_values(object, &input);
        if let Some((_, field)) = unique.iter().find(|(key, _)| self.taken.get(key).is_some()) {
            let message = format!("`{field}` is taken by an earlier row");
            return Err(Error::new(Code::Duplicate, message).field(field));
        }
        let skips = self.on_duplicate == OnDuplicateRow::Skip;
        let (check, looks) = (self.check, self.looks_for_duplicates(object));
        let create = |door: &mut Door<'_>| {
            let id = door.create(object, input)?;
            let (duplicate, subject) = match looks {
                true => self.duplicate(door, object, id)?,
                false => (None, None),
            };
            Ok((id, duplicate, subject))
        };
        let (id, duplicate, subject) = door.tentatively(create, |made| match made {
            Ok((_, duplicate, _)) => !(check || skips && duplicate.is_some()),
            Err(_) => false,
        })?;
        if skips && duplicate.is_some() {
            return Ok(duplicate);
        }
        if check {
            for (key, _) in unique {
                self.taken.stage(key, ());
            }
            if let Some(subject) = subject {
                self.rows.add(object, line, subject)?;
            }
        }
        let found = match check {
            true => Found::Row,
            false => Found::Record(id),
        };
        self.columns.add_row(texts, found);
        Ok(duplicate)
    }

    fn looks_for_duplicates(&self, object: &Object) -> bool {
        let mut rules = object.duplicates.iter();
        self.on_duplicate != OnDuplicateRow::Create && rules.any(|rule| !rule.is_fuzzy())
    }

    /// What a record just created is a likely duplicate of, and what is compared of it. Earlier
    /// rows are records by then, but not in a rehearsal. Rules of likeness are left to people: of
    /// thousands of rows each would be like many.
    fn duplicate(
        &self,
        door: &Door<'_>,
        object: &Object,
        id: RecordId,
    ) -> Result<(Option<Duplicate>, Option<Subject>)> {
        let finder = door.finder();
        let subject = finder.stored(object, id)?;
        let report = finder.report(object, &subject, |rule| !rule.is_fuzzy())?;
        let stored = match report.matches.first() {
            Some(first) => Some(Duplicate {
                rule: first.rules.first().cloned(),
                record: Some(first.id),
                line: None,
            }),
            None => (report.hidden > 0).then(Duplicate::default),
        };
        let row = || {
            let row = self.rows.find(&finder, object, &subject)?;
            Some(Duplicate {
                rule: Some(row.rule),
                record: None,
                line: Some(row.line),
            })
        };
        let duplicate = stored.or_else(row);
        Ok((duplicate, Some(subject)))
    }

    fn discard(&mut self, schema: &Schema) {
        self.taken.discard();
        if let Some(object) = schema.by_id(self.object) {
            self.rows.discard(object);
        }
        self.columns.look_ups.iter_mut().for_each(|l| l.discard());
    }

    fn keep(&mut self) {
        self.taken.keep();
        self.rows.keep();
        self.columns.look_ups.iter_mut().for_each(|l| l.keep());
    }

    fn report(&mut self, outcome: Outcome) {
        let report = &mut self.writer.report;
        match outcome.fate {
            Fate::Stored => report.rows_stored += 1,
            Fate::Skipped => report.rows_skipped += 1,
            Fate::Refused => report.rows_refused += 1,
        }
        let is_duplicate = |note: &&Note| note.kind == FaultKind::Duplicate;
        report.rows_duplicate += outcome.notes.iter().filter(is_duplicate).count() as u64;
        let repaired = outcome
            .notes
            .iter()
            .filter(|n| n.kind == FaultKind::Repaired);
        let repaired = repaired.count() as u64;
        report.cells_repaired += repaired;
        report.rows_repaired += u64::from(repaired > 0);
        let file = report.file.clone();
        for note in outcome.notes {
            let duplicate = note.duplicate.unwrap_or_default();
            self.writer.add(Fault {
                file: file.clone(),
                line: outcome.line,
                column: note.column,
                field: note.field,
                value: note.value,
                kind: note.kind,
                message: note.message,
                rule: duplicate.rule,
                record: duplicate.record,
                other_line: duplicate.line,
            });
        }
    }
}

/// The remark on a row that is a likely duplicate. Which one is told apart, so that equal remarks
/// stand together.
fn duplicate_note(kind: FaultKind, duplicate: Duplicate) -> Note {
    let of = match (duplicate.record, duplicate.line) {
        (Some(_), _) => "a record",
        (None, Some(_)) => "an earlier row",
        (None, None) => "a record that may not be seen",
    };
    let message = match &duplicate.rule {
        Some(rule) => format!("likely a duplicate of {of}: `{rule}`"),
        None => format!("likely a duplicate of {of}"),
    };
    Note {
        kind,
        column: None,
        field: None,
        value: None,
        message,
        duplicate: Some(duplicate),
    }
}

/// The keys under which the unique values of a row will stand, with their fields.
fn unique_values<'o>(object: &'o Object, input: &Input) -> Vec<(Vec<u8>, &'o str)> {
    let unique = object.fields.iter().filter(|field| field.unique);
    unique
        .filter_map(|field| {
            let value = input.get(field.id)?;
            Some((
                keys::unique(object.id, field.id, value),
                field.name.as_str(),
            ))
        })
        .collect()
}

/// Whether an error is about the data of one row. Everything else is about the store, and ends
/// the import.
fn is_about_the_row(error: &Error) -> bool {
    let code = error.code();
    code.is_refusal() || matches!(code, Code::LimitExceeded | Code::TooLarge)
}
