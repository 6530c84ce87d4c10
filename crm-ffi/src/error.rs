//! Errors in full.
//!
//! A status says what kind of error it is. A host that wants the sentence and the details
//! passes a place for an error object and frees it afterwards:
//!
//! ```c
//! crm_error *error = NULL;
//! if (crm_delete(session, "deal", -1, id, 0, &error) < 0) {
//!     fprintf(stderr, "%s\n", crm_error_message(error, NULL));
//!     crm_error_free(error);
//! }
//! ```

use std::ffi::c_char;

use crm_engine::{Error, Result};

use crate::argument::{Answer, Out};
use crate::guard;
use crate::handle::{self, Handle};
use crate::status::CRM_OK;

/// An error in full: code, name, message and details. Never changes, so any number of threads
/// may read it.
#[derive(Debug)]
pub struct crm_error {
    _opaque: [u8; 0],
}

/// What stands behind a `crm_error`.
struct Told {
    code: i32,
    name: Answer,
    message: Answer,
    details: Answer,
}

impl Handle for Told {
    type Opaque = crm_error;
    const NAME: &'static str = "crm_error";
}

pub(crate) fn open(error: &Error) -> Result<*mut crm_error> {
    handle::insert(Told {
        code: error.code().number(),
        name: Answer::new(error.code().name()),
        message: Answer::new(error.message()),
        details: Answer::json(&error.details().clone().into()),
    })
}

/// The code of an error: the status that the failed call returned.
///
/// Returns: a negative CRM_ERROR_ code.
/// Errors: CRM_ERROR_NULL_ARGUMENT and CRM_ERROR_BAD_HANDLE for what is not an error object,
/// which cannot be told from an error object with that code.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_error_code(error: *mut crm_error) -> i32 {
    guard::status(|| Ok(handle::get::<Told>(error)?.code))
}

/// The stable name of the code, such as `not_found`, ending with a NUL.
///
/// Returns: text, borrowed until `error` is freed.
/// Errors: NULL for what is not an error object.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_error_name(error: *mut crm_error) -> *const c_char {
    guard::value(std::ptr::null(), || {
        Ok(handle::get::<Told>(error)?.name.data())
    })
}

/// A sentence for people, in English, ending with a NUL. It holds nothing that the caller of
/// the failed function may not see. `length` may be NULL; it gets the bytes before the NUL.
///
/// Returns: text, borrowed until `error` is freed.
/// Errors: NULL for what is not an error object; `*length` is then left alone.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_error_message(
    error: *mut crm_error,
    length: *mut i64,
) -> *const c_char {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let length = unsafe { Out::new("length", length) };
    answer(error, length, |told| &told.message)
}

/// Details for programs: a JSON object, `{}` when there are none. Members are added over time
/// and keep their meaning: `argument`, `offset` (bytes from 0), `field`, `object`, `line` and
/// `column` (from 1), `operation` and others by code. `length` may be NULL.
///
/// Returns: JSON text ending with a NUL, borrowed until `error` is freed.
/// Errors: NULL for what is not an error object; `*length` is then left alone.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_error_details(
    error: *mut crm_error,
    length: *mut i64,
) -> *const c_char {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let length = unsafe { Out::new("length", length) };
    answer(error, length, |told| &told.details)
}

/// Frees an error object and the text borrowed from it. NULL is fine.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_BAD_HANDLE.
/// Threads: any, once nobody reads it.
#[unsafe(no_mangle)]
pub extern "C" fn crm_error_free(error: *mut crm_error) -> i32 {
    guard::status(|| {
        if !error.is_null() {
            handle::remove::<Told>(error)?;
        }
        Ok(CRM_OK)
    })
}

fn answer(
    error: *mut crm_error,
    length: Out<i64>,
    part: impl FnOnce(&Told) -> &Answer,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let told = handle::get::<Told>(error)?;
        let text = part(&told);
        length.set(text.length());
        Ok(text.data())
    })
}
