//! Buffers: text the library hands over.

use std::ffi::c_char;

use crm_engine::Result;
use serde_json::Value as Json;

use crate::argument::Answer;
use crate::guard;
use crate::handle::{self, Handle};
use crate::status::CRM_OK;

/// Text that the host owns until it frees it. Never changes, so any number of threads may
/// read it.
#[derive(Debug)]
pub struct crm_buffer {
    _opaque: [u8; 0],
}

/// What stands behind a `crm_buffer`.
struct Buffer(Answer);

impl Handle for Buffer {
    type Opaque = crm_buffer;
    const NAME: &'static str = "crm_buffer";
}

pub(crate) fn open(json: &Json) -> Result<*mut crm_buffer> {
    handle::insert(Buffer(Answer::json(json)))
}

/// The text of a buffer: UTF-8, ending with a NUL.
///
/// Returns: text, borrowed until `buffer` is freed.
/// Errors: NULL for what is not a buffer.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_buffer_data(buffer: *mut crm_buffer) -> *const c_char {
    guard::value(std::ptr::null(), || {
        Ok(handle::get::<Buffer>(buffer)?.0.data())
    })
}

/// The bytes of the text, without the NUL at its end.
///
/// Returns: the number, 0 or more.
/// Errors: -1 for what is not a buffer.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_buffer_size(buffer: *mut crm_buffer) -> i64 {
    guard::value(-1, || Ok(handle::get::<Buffer>(buffer)?.0.length()))
}

/// Frees a buffer and the text borrowed from it. NULL is fine.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_BAD_HANDLE.
/// Threads: any, once nobody reads it.
#[unsafe(no_mangle)]
pub extern "C" fn crm_buffer_free(buffer: *mut crm_buffer) -> i32 {
    guard::status(|| {
        if !buffer.is_null() {
            handle::remove::<Buffer>(buffer)?;
        }
        Ok(CRM_OK)
    })
}
