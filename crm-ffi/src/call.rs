//! Operations: everything else, by name.
//!
//! Import, transfer, reports, packs, history and the check of a store are operations: a name,
//! JSON arguments in, a JSON answer out. `crm_call(session, "operations", ...)` lists them with
//! their arguments.
//!
//! ```c
//! static int32_t on_progress(void *userdata, int64_t done, int64_t total) {
//!     fprintf((FILE *)userdata, "%lld of %lld\n", (long long)done, (long long)total);
//!     return CRM_CONTINUE;
//! }
//!
//! crm_call(session, "verify", -1, NULL, 0, on_progress, stderr, NULL, &answer, &error);
//! ```

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crm_engine::{Code, Error, Progress, Result};

use crate::argument::{Out, Text};
use crate::buffer::{self, crm_buffer};
use crate::error::crm_error;
use crate::guard::{self, guard};
use crate::handle::{self, Handle};
use crate::session::{SessionHandle, crm_session};
use crate::status::{CRM_OK, CRM_STOP};

/// A wish to end long work, told from any thread.
#[derive(Debug)]
pub struct crm_cancel {
    _opaque: [u8; 0],
}

/// What stands behind a `crm_cancel`.
struct Cancel(AtomicBool);

impl Handle for Cancel {
    type Opaque = crm_cancel;
    const NAME: &'static str = "crm_cancel";
}

/// The progress callback of `crm_call`; described with the header's macros.
#[allow(non_camel_case_types, reason = "the name it has in C")]
pub type crm_progress_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, done: i64, total: i64) -> i32>;

/// Where a running operation reports to.
struct Listener {
    callback: crm_progress_fn,
    userdata: *mut c_void,
    cancel: Option<Arc<Cancel>>,
}

impl Listener {
    fn cancelled(&self) -> bool {
        self.cancel
            .as_ref()
            .is_some_and(|cancel| cancel.0.load(Ordering::Acquire))
    }

    /// Tells the host, and answers whether to go on.
    fn hears(&self, progress: Progress) -> bool {
        let count = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        if self.cancelled() {
            return false;
        }
        let Some(callback) = self.callback else {
            return true;
        };
        let total = progress.total.map_or(-1, count);
        // SAFETY: the host gave this function together with its userdata for the time of the
        // call, which is still running, on the thread that it is running on.
        let answer = unsafe { callback(self.userdata, count(progress.done), total) };
        answer != CRM_STOP && !self.cancelled()
    }
}

/// Calls an operation. `arguments` is a JSON object, or NULL for none. `progress` hears of long
/// work, and `cancel` ends it; both may be NULL. Cancelling undoes the transaction under way. What
/// an operation of several transactions, such as an import, has committed before stays.
///
/// Returns: CRM_OK, with a buffer in `*answer` that you own and free with `crm_buffer_free`: the
/// answer as JSON. `answer` may be NULL.
/// Errors: CRM_ERROR_UNKNOWN_OPERATION, CRM_ERROR_INVALID_ARGUMENTS, CRM_ERROR_CANCELLED,
/// CRM_ERROR_DENIED and those of the operation; the detail `operation` names it.
/// Threads: any, one at a time per session. `progress` runs on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_call(
    session: *mut crm_session,
    operation: *const c_char,
    operation_length: i64,
    arguments: *const c_char,
    arguments_length: i64,
    progress: crm_progress_fn,
    userdata: *mut c_void,
    cancel: *mut crm_cancel,
    answer: *mut *mut crm_buffer,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (operation, arguments, answer, error) = unsafe {
        (
            Text::new("operation", operation, operation_length),
            Text::new("arguments", arguments, arguments_length),
            Out::new("answer", answer),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let cancel = if cancel.is_null() {
            None
        } else {
            Some(handle::get::<Cancel>(cancel)?)
        };
        let listener = Listener {
            callback: progress,
            userdata,
            cancel,
        };
        let handle = handle::get::<SessionHandle>(session)?;
        let (session, _pass) = handle.enter()?;
        let arguments = arguments
            .optional_json()?
            .unwrap_or_else(|| serde_json::json!({}));
        if listener.cancelled() {
            return Err(Error::new(
                Code::Cancelled,
                "cancelled before the work began",
            ));
        }
        let result = session.call(operation.required()?, &arguments, &mut |done| {
            listener.hears(done)
        })?;
        if answer.wanted() {
            answer.set(buffer::open(&result)?);
        }
        Ok(CRM_OK)
    })
}

/// Makes a cancel token. It serves any number of calls until it is fired, and then ends each
/// one that has it.
///
/// Returns: CRM_OK, with a token in `*cancel` that you own and free with `crm_cancel_free`.
/// Errors: the common ones.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_cancel_new(
    cancel: *mut *mut crm_cancel,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (cancel, error) = unsafe { (Out::new("cancel", cancel), Out::new("error", error)) };
    guard(error, || {
        let cancel = cancel.required()?;
        cancel.set(handle::insert(Cancel(AtomicBool::new(false)))?);
        Ok(CRM_OK)
    })
}

/// Fires a cancel token, for good. Operations notice it where they report progress, and end
/// with CRM_ERROR_CANCELLED.
///
/// Returns: CRM_OK, also when it was fired before.
/// Errors: CRM_ERROR_NULL_ARGUMENT, CRM_ERROR_BAD_HANDLE.
/// Threads: any, at any time, also while calls use the token.
#[unsafe(no_mangle)]
pub extern "C" fn crm_cancel_fire(cancel: *mut crm_cancel) -> i32 {
    guard::status(|| {
        let token: Result<Arc<Cancel>> = handle::get(cancel);
        token?.0.store(true, Ordering::Release);
        Ok(CRM_OK)
    })
}

/// Frees a cancel token. NULL is fine. A call that uses the token goes on without it being
/// able to be fired any more.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_BAD_HANDLE.
/// Threads: any, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn crm_cancel_free(cancel: *mut crm_cancel) -> i32 {
    guard::status(|| {
        if !cancel.is_null() {
            handle::remove::<Cancel>(cancel)?;
        }
        Ok(CRM_OK)
    })
}
