//! Stores: open and close.
//!
//! A store is one file that one process has open at a time; in that process any number of
//! threads share the `crm_db`. A child that `fork` makes must not use what its parent opened.

use std::ffi::c_char;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crm_engine::value::{self, Value, ValueType};
use crm_engine::{Clock, Code, Engine, Error, ManualClock, Options, Preset, Result, Validator};
use crm_plugin_host::Allowed;
use serde::Deserialize;

use crate::argument::{Out, Text};
use crate::error::crm_error;
use crate::guard::{self, guard};
use crate::handle::{self, Handle};
use crate::statement::StatementHandle;
use crate::status::CRM_OK;

/// An open store. Any number of threads may use it at once.
#[derive(Debug)]
pub struct crm_db {
    _opaque: [u8; 0],
}

/// What stands behind a `crm_db`.
pub(crate) struct Db {
    pub(crate) engine: Engine,
    /// The clock, where the host keeps it.
    clock: Option<Arc<ManualClock>>,
    closed: AtomicBool,
}

impl Handle for Db {
    type Opaque = crm_db;
    const NAME: &'static str = "crm_db";
}

impl Db {
    /// Refuses what goes on after the store was closed.
    pub(crate) fn check_open(&self) -> Result<()> {
        match self.closed.load(Ordering::Acquire) {
            true => Err(Error::new(Code::Closed, "the store is closed")),
            false => Ok(()),
        }
    }
}

/// The options of `crm_open`. Members are only ever added.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OpenOptions {
    create: Create,
    in_memory: bool,
    standard_pack: bool,
    presets: Vec<Preset>,
    time: Option<String>,
    plugins: Vec<PluginOption>,
}

/// A native plugin that the host allows: by its id and the hash of its file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginOption {
    path: String,
    id: String,
    hash: String,
}

impl PluginOption {
    fn validators(&self) -> Result<Vec<Box<dyn Validator>>> {
        let allowed = Allowed {
            id: self.id.clone(),
            hash: self.hash.parse()?,
        };
        Ok(crm_plugin_host::load(Path::new(&self.path), &[allowed])?.validators())
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(untagged)]
enum Create {
    Always(bool),
    When(CreateWhen),
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum CreateWhen {
    IfMissing,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            create: Create::Always(false),
            in_memory: false,
            standard_pack: true,
            presets: vec![Preset::Departments],
            time: None,
            plugins: Vec::new(),
        }
    }
}

impl OpenOptions {
    fn read(text: &Text) -> Result<OpenOptions> {
        let json = text
            .optional_json()?
            .unwrap_or_else(|| serde_json::json!({}));
        OpenOptions::deserialize(json).map_err(|error| {
            Error::new(Code::InvalidArguments, format!("options: {error}"))
                .with("argument", "options")
        })
    }

    fn open(&self, path: &Text) -> Result<Db> {
        let mut options = Options {
            standard_pack: self.standard_pack,
            presets: self.presets.clone(),
            ..Options::default()
        };
        for plugin in &self.plugins {
            options.validators.extend(plugin.validators()?);
        }
        let clock = self.time.as_deref().map(manual_clock).transpose()?;
        if let Some(clock) = &clock {
            options.clock = Arc::clone(clock) as _;
        }
        let engine = self.engine(path, options)?;
        Ok(Db {
            engine,
            clock,
            closed: AtomicBool::new(false),
        })
    }

    fn engine(&self, path: &Text, options: Options) -> Result<Engine> {
        if self.in_memory {
            return Engine::in_memory(options);
        }
        let path = Path::new(path.required()?);
        let create = match self.create {
            Create::Always(create) => create,
            Create::When(CreateWhen::IfMissing) => !path.exists(),
        };
        if create {
            Engine::create(path, options)
        } else {
            Engine::open(path, options)
        }
    }
}

fn manual_clock(moment: &str) -> Result<Arc<ManualClock>> {
    match value::parse(ValueType::DateTime, moment)? {
        Value::DateTime(at) => Ok(Arc::new(ManualClock::new(at))),
        _ => Err(Error::internal("a date-time that is none")),
    }
}

/// Opens or creates a store. `options` is a JSON object or NULL:
///
/// - `create`: `true` makes a new store, where no file may be yet; `"if_missing"` does so only
///   where there is none. When left out, the store must exist.
/// - `in_memory`: `true` makes a store that ends as it is closed; `path` may then be NULL.
/// - `standard_pack`: `false` leaves a new store without companies, deals and the other
///   standard objects, and without its first user, the admin `admin`.
/// - `presets`: the presets of rights a new store begins with, an array of `"open"`,
///   `"departments"`, `"three_level"` and `"levels"`; `["departments"]` when left out.
/// - `time`: a moment such as `"2026-03-01T09:00:00Z"`. The time of the store then stands still
///   and is moved by `crm_set_time` only: for tests and replay. When left out, it is the time
///   of the machine.
/// - `plugins`: an array of `{"path", "id", "hash"}`, the native plugins to load, each from an
///   absolute path. A file is loaded only if its BLAKE3 hash (64 hex digits) and the id it tells
///   are the ones given. Plugins stay in the process until it ends.
///
/// Returns: CRM_OK, with a store in `*db` that you own and close with `crm_close`.
/// Errors: CRM_ERROR_IO, CRM_ERROR_NOT_A_STORE, CRM_ERROR_DAMAGED, CRM_ERROR_IN_USE,
/// CRM_ERROR_STORE_VERSION, CRM_ERROR_DISK_FULL; the file is then as it was. CRM_ERROR_PLUGIN for
/// a plugin that is not the one given or cannot be loaded.
/// CRM_ERROR_INVALID_ARGUMENTS for an option that is not known.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_open(
    path: *const c_char,
    path_length: i64,
    options: *const c_char,
    options_length: i64,
    db: *mut *mut crm_db,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (path, options, db, error) = unsafe {
        (
            Text::new("path", path, path_length),
            Text::new("options", options, options_length),
            Out::new("db", db),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let db = db.required()?;
        db.set(handle::insert(OpenOptions::read(&options)?.open(&path)?)?);
        Ok(CRM_OK)
    })
}

/// Moves the time of a store that was opened with the option `time` to `moment`, such as
/// `2026-03-01T09:00:00Z`.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_INVALID_VALUE for what is no moment; CRM_ERROR_MISUSE for a store that
/// follows the machine.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_set_time(
    db: *mut crm_db,
    moment: *const c_char,
    moment_length: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (moment, error) = unsafe {
        (
            Text::new("moment", moment, moment_length),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let db = handle::get::<Db>(db)?;
        let clock = db.clock.as_ref().ok_or_else(|| {
            Error::new(
                Code::Misuse,
                "the store was opened without the option `time`",
            )
        })?;
        clock.set(manual_clock(moment.required()?)?.now());
        Ok(CRM_OK)
    })
}

/// Closes a store; everything committed is on disk and the file is free. NULL is fine. The
/// handle is bad afterwards, whatever is returned. Sessions and statements of the store may
/// still be open: their calls fail with CRM_ERROR_CLOSED, and their own destructors free them.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_BAD_HANDLE, CRM_ERROR_IO when the file could not be closed in order.
/// Threads: any, also while other threads are in calls of this store: those calls end with
/// their result or with CRM_ERROR_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn crm_close(db: *mut crm_db) -> i32 {
    guard::status(|| {
        if db.is_null() {
            return Ok(CRM_OK);
        }
        let db = handle::remove::<Db>(db)?;
        db.closed.store(true, Ordering::Release);
        // Rows hold a snapshot of the file. A statement that is stepping now has seen the store
        // open and is waited for; one that steps later sees it closed.
        for statement in handle::all::<StatementHandle>() {
            statement.end_rows_of(&db);
        }
        db.engine.close()?;
        Ok(CRM_OK)
    })
}
