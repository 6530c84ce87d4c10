//! Parameters of a statement.
//!
//! By index, counted from 1, for `?`, or by name, without the colon, for `:name`. Parameters
//! are bound before the first step or after `crm_reset`. A date, a time and an amount are bound
//! as text (`2026-03-01`, `2026-03-01T09:00:00Z`, `1200.50 EUR`); a reference as the number of
//! the record.

use std::ffi::c_char;

use crm_engine::value::{self, Value, ValueType};
use crm_engine::{Code, Error, Result};

use crate::argument::{Out, Text};
use crate::error::crm_error;
use crate::guard::guard;
use crate::handle;
use crate::statement::{StatementHandle, crm_statement};
use crate::status::CRM_OK;

/// Binds no value to the parameter at `index`.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_INVALID_ARGUMENTS when there is no such parameter; CRM_ERROR_MISUSE while
/// the statement is running.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_null(
    statement: *mut crm_statement,
    index: i32,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let error = unsafe { Out::new("error", error) };
    guard(error, || at_index(statement, index, Value::Null))
}

/// Binds a whole number to the parameter at `index`.
///
/// Returns and errors: as `crm_bind_null`.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_int64(
    statement: *mut crm_statement,
    index: i32,
    value: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let error = unsafe { Out::new("error", error) };
    guard(error, || at_index(statement, index, value.into()))
}

/// Binds a decimal to the parameter at `index`: the shortest one that reads as this `double`.
/// Exact decimals are bound as text.
///
/// Returns and errors: as `crm_bind_null`; CRM_ERROR_INVALID_VALUE for NaN, infinities and
/// numbers beyond 28 digits.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_double(
    statement: *mut crm_statement,
    index: i32,
    value: f64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let error = unsafe { Out::new("error", error) };
    guard(error, || at_index(statement, index, decimal(value)?))
}

/// Binds text to the parameter at `index`. The text is copied.
///
/// Returns and errors: as `crm_bind_null`; CRM_ERROR_INVALID_UTF8.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_text(
    statement: *mut crm_statement,
    index: i32,
    text: *const c_char,
    text_length: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (text, error) = unsafe {
        (
            Text::new("text", text, text_length),
            Out::new("error", error),
        )
    };
    guard(error, || {
        at_index(statement, index, text.required()?.into())
    })
}

/// Binds no value to the parameter called `name`.
///
/// Returns and errors: as `crm_bind_null`.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_null_by_name(
    statement: *mut crm_statement,
    name: *const c_char,
    name_length: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (name, error) = unsafe {
        (
            Text::new("name", name, name_length),
            Out::new("error", error),
        )
    };
    guard(error, || by_name(statement, &name, Value::Null))
}

/// Binds a whole number to the parameter called `name`.
///
/// Returns and errors: as `crm_bind_null`.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_int64_by_name(
    statement: *mut crm_statement,
    name: *const c_char,
    name_length: i64,
    value: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (name, error) = unsafe {
        (
            Text::new("name", name, name_length),
            Out::new("error", error),
        )
    };
    guard(error, || by_name(statement, &name, value.into()))
}

/// Binds a decimal to the parameter called `name`, as `crm_bind_double` does.
///
/// Returns and errors: as `crm_bind_double`.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_double_by_name(
    statement: *mut crm_statement,
    name: *const c_char,
    name_length: i64,
    value: f64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (name, error) = unsafe {
        (
            Text::new("name", name, name_length),
            Out::new("error", error),
        )
    };
    guard(error, || by_name(statement, &name, decimal(value)?))
}

/// Binds text to the parameter called `name`. The text is copied.
///
/// Returns and errors: as `crm_bind_text`.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_bind_text_by_name(
    statement: *mut crm_statement,
    name: *const c_char,
    name_length: i64,
    text: *const c_char,
    text_length: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (name, text, error) = unsafe {
        (
            Text::new("name", name, name_length),
            Text::new("text", text, text_length),
            Out::new("error", error),
        )
    };
    guard(error, || by_name(statement, &name, text.required()?.into()))
}

fn at_index(statement: *mut crm_statement, index: i32, value: Value) -> Result<i32> {
    handle::get::<StatementHandle>(statement)?.with(|cursor| {
        // What is negative becomes 0, which is no parameter either.
        cursor
            .for_binding()?
            .bind(usize::try_from(index).unwrap_or(0), value)?;
        Ok(CRM_OK)
    })
}

fn by_name(statement: *mut crm_statement, name: &Text, value: Value) -> Result<i32> {
    let name = name.required()?;
    handle::get::<StatementHandle>(statement)?.with(|cursor| {
        cursor.for_binding()?.bind_name(name, value)?;
        Ok(CRM_OK)
    })
}

fn decimal(number: f64) -> Result<Value> {
    if !number.is_finite() {
        return Err(Error::new(
            Code::InvalidValue,
            format!("`{number}` is not a decimal"),
        ));
    }
    value::parse(ValueType::Decimal, &number.to_string())
}
