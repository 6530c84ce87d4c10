//! Statements: prepare, bind, step.
//!
//! ```c
//! crm_prepare(session, "SELECT title, amount FROM deal WHERE stage = ?", -1, &statement, NULL);
//! crm_bind_text(statement, 1, "won", -1, NULL);
//! while ((status = crm_step(statement, &error)) == CRM_ROW) {
//!     printf("%s\n", crm_column_text(statement, 0, NULL));
//! }
//! crm_finalize(statement);
//! ```

use std::ffi::c_char;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crm_engine::value::Value;
use crm_engine::{Code, Error, Result, Rows};

use crate::argument::{Answer, Out, Text};
use crate::error::crm_error;
use crate::guard::{self, guard};
use crate::handle::{self, Handle};
use crate::session::{SessionHandle, crm_session};
use crate::status::{CRM_DONE, CRM_OK, CRM_ROW};
use crate::store::Db;

/// A prepared SELECT with its parameters and its current row. Belongs to its session: the two
/// are used by one thread at a time.
#[derive(Debug)]
pub struct crm_statement {
    _opaque: [u8; 0],
}

/// What stands behind a `crm_statement`.
pub(crate) struct StatementHandle {
    session: Arc<SessionHandle>,
    cursor: Mutex<Cursor>,
}

impl Handle for StatementHandle {
    type Opaque = crm_statement;
    const NAME: &'static str = "crm_statement";
}

/// A statement and how far it has come.
pub(crate) struct Cursor {
    statement: crm_engine::Statement,
    at: At,
    names: Vec<Answer>,
    row: Vec<Value>,
    /// Texts of the current row that were asked for.
    texts: Vec<Option<Answer>>,
}

enum At {
    Start,
    Rows(Box<Rows>),
    End,
}

impl StatementHandle {
    /// Runs `body` on the statement, with nobody else in its session.
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut Cursor) -> Result<R>) -> Result<R> {
        let (_, _pass) = self.session.enter()?;
        let mut cursor = self.lock();
        let result = body(&mut cursor);
        if let Err(closed) = self.session.db.check_open() {
            // The store was closed during the call: do not keep its file.
            cursor.restart();
            return Err(closed);
        }
        result
    }

    /// Lets go of the rows, if they are rows of this store. Waits for a step under way.
    pub(crate) fn end_rows_of(&self, db: &Arc<Db>) {
        if Arc::ptr_eq(&self.session.db, db) {
            self.lock().restart();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Cursor> {
        // The gate lets one caller in, so only the end of the store is ever waited for. A panic
        // inside poisons the gate, not this.
        self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursor {
    fn new(statement: crm_engine::Statement) -> Cursor {
        let (names, row, texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut cursor = Cursor {
            statement,
            at: At::Start,
            names,
            row,
            texts,
        };
        cursor.name_columns();
        cursor
    }

    fn name_columns(&mut self) {
        let columns = self.statement.columns();
        self.names = columns
            .iter()
            .map(|column| Answer::new(column.name.as_str()))
            .collect();
    }

    /// Back to the start. Texts stay until the next step: the host may still look at them.
    fn restart(&mut self) {
        self.at = At::Start;
        self.row.clear();
    }

    fn step(&mut self) -> Result<i32> {
        if let At::Start = self.at {
            self.at = At::Rows(Box::new(self.statement.run()?));
            // It was prepared again if the schema or the rights had changed.
            self.name_columns();
        }
        self.row.clear();
        self.texts.clear();
        let At::Rows(rows) = &mut self.at else {
            return Ok(CRM_DONE);
        };
        match rows.next() {
            Ok(Some(values)) => {
                self.row.extend_from_slice(values);
                self.texts.resize_with(self.row.len(), || None);
                Ok(CRM_ROW)
            }
            Ok(None) => {
                self.at = At::End;
                Ok(CRM_DONE)
            }
            Err(error) => {
                self.restart();
                Err(error)
            }
        }
    }

    /// The statement, while it is not running.
    pub(crate) fn for_binding(&mut self) -> Result<&mut crm_engine::Statement> {
        match self.at {
            At::Start => Ok(&mut self.statement),
            _ => Err(Error::new(
                Code::Misuse,
                "parameters are bound before the first step or after a reset",
            )),
        }
    }

    pub(crate) fn names(&self) -> &[Answer] {
        &self.names
    }

    /// The value of a column, counted from 0, in the current row.
    pub(crate) fn value(&self, column: i32) -> Result<&Value> {
        if self.row.is_empty() {
            return Err(Error::new(Code::Misuse, "there is no current row"));
        }
        let value = usize::try_from(column).ok().and_then(|at| self.row.get(at));
        value.ok_or_else(|| no_column(column))
    }

    /// The text of a column, kept until the next step.
    pub(crate) fn text(&mut self, column: i32) -> Result<Option<&Answer>> {
        let value = self.value(column)?;
        if value.is_null() {
            return Ok(None);
        }
        let at = usize::try_from(column).map_err(|_| no_column(column))?;
        let declared = self
            .statement
            .columns()
            .get(at)
            .ok_or_else(|| no_column(column))?;
        let kept = self.texts.get_mut(at).ok_or_else(|| no_column(column))?;
        Ok(Some(kept.get_or_insert_with(|| {
            Answer::new(declared.text(&self.row[at]))
        })))
    }
}

pub(crate) fn no_column(column: i32) -> Error {
    Error::new(
        Code::InvalidArguments,
        format!("there is no column `{column}`; they count from 0"),
    )
}

/// Prepares a SELECT that can be run many times. Text never belongs into the SQL itself: write
/// `?` or `:name` and bind it.
///
/// Returns: CRM_OK, with a statement in `*statement` that you own and free with `crm_finalize`.
/// Errors: CRM_ERROR_SYNTAX, CRM_ERROR_UNKNOWN_OBJECT, CRM_ERROR_UNKNOWN_FIELD,
/// CRM_ERROR_WRONG_TYPE, with the details `line` and `column`. A field that the session may not
/// see is unknown.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_prepare(
    session: *mut crm_session,
    sql: *const c_char,
    sql_length: i64,
    statement: *mut *mut crm_statement,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (sql, statement, error) = unsafe {
        (
            Text::new("sql", sql, sql_length),
            Out::new("statement", statement),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let statement = statement.required()?;
        let session = handle::get::<SessionHandle>(session)?;
        let (inside, pass) = session.enter()?;
        let cursor = Mutex::new(Cursor::new(inside.prepare(sql.required()?)?));
        drop(pass);
        statement.set(handle::insert(StatementHandle { session, cursor })?);
        Ok(CRM_OK)
    })
}

/// Steps to the next row. The first step runs the statement on the newest state; all its rows
/// are of that one state, whatever is written meanwhile. Rows pin that state: step to the end,
/// reset or finalize soon.
///
/// Returns: CRM_ROW, with a current row for the crm_column_ functions; CRM_DONE, and again at
/// further steps until a reset.
/// Errors: CRM_ERROR_INVALID_ARGUMENTS for an unbound parameter, CRM_ERROR_LIMIT_EXCEEDED,
/// CRM_ERROR_SNAPSHOT_EXPIRED, CRM_ERROR_CLOSED; the statement is then reset.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_step(
    statement: *mut crm_statement,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let error = unsafe { Out::new("error", error) };
    guard(error, || {
        handle::get::<StatementHandle>(statement)?.with(Cursor::step)
    })
}

/// Ends the rows, so that the next step runs the statement anew. Parameters stay bound.
///
/// Returns: CRM_OK.
/// Errors: the common ones.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_reset(
    statement: *mut crm_statement,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let error = unsafe { Out::new("error", error) };
    guard(error, || {
        handle::get::<StatementHandle>(statement)?.with(|cursor| {
            cursor.restart();
            Ok(CRM_OK)
        })
    })
}

/// Frees a statement and all text borrowed from it. NULL is fine.
///
/// Returns: CRM_OK, also after its session or store was closed.
/// Errors: CRM_ERROR_BAD_HANDLE; CRM_ERROR_MISUSE while another call uses the statement or its
/// session, and the statement then stays open.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub extern "C" fn crm_finalize(statement: *mut crm_statement) -> i32 {
    guard::status(|| {
        if !statement.is_null() {
            let open = handle::get::<StatementHandle>(statement)?;
            let _pass = open.session.gate.enter_to_end()?;
            handle::remove::<StatementHandle>(statement)?;
        }
        Ok(CRM_OK)
    })
}
