//! Version and leak check.
//!
//! A host that loads the library at run time compares `crm_abi_level()` with CRM_ABI_LEVEL.

use std::ffi::c_char;

use crate::{guard, handle};

/// The level of the binary interface. A change that breaks compiled hosts raises it; packages
/// put it into the name of the shared library (`libcrm.so.1`).
pub const CRM_ABI_LEVEL: i32 = 1;

const TEXT: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The version of the library that is running: major * 1000000 + minor * 1000 + patch.
/// CRM_VERSION_NUMBER is the version of this header.
///
/// Returns: the number.
/// Errors: none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_version_number() -> i32 {
    let part = |text: &str| text.parse::<i32>().unwrap_or(0);
    let major = part(env!("CARGO_PKG_VERSION_MAJOR"));
    let minor = part(env!("CARGO_PKG_VERSION_MINOR"));
    major * 1_000_000 + minor * 1_000 + part(env!("CARGO_PKG_VERSION_PATCH"))
}

/// The version of the library that is running, such as `1.2.3`, ending with a NUL.
///
/// Returns: text that is valid for ever.
/// Errors: none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_version_text() -> *const c_char {
    TEXT.as_ptr().cast()
}

/// The level of the binary interface of the library that is running. A library works with
/// headers of its own level only.
///
/// Returns: the level.
/// Errors: none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_abi_level() -> i32 {
    CRM_ABI_LEVEL
}

/// How many handles of this process are open: stores, sessions, statements, buffers, errors
/// and cancel tokens. 0 at the end of a program shows that it leaked none.
///
/// Returns: the number.
/// Errors: none.
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn crm_live_handles() -> i64 {
    guard::value(-1, || Ok(handle::live()))
}
