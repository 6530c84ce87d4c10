//! Columns of the current row.
//!
//! Columns are counted from 0. Text is borrowed: it is valid until the next `crm_step`,
//! `crm_reset` or `crm_finalize` of the statement.

use std::ffi::c_char;

use crm_engine::value::Value;
use crm_engine::{Code, Error, Result};

use crate::argument::Out;
use crate::error::crm_error;
use crate::guard::{self, guard};
use crate::handle;
use crate::statement::{StatementHandle, crm_statement, no_column};
use crate::status::{CRM_NULL, CRM_OK};

/// How many columns the rows of a statement have.
///
/// Returns: the number, 1 or more.
/// Errors: the negative status of the error.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub extern "C" fn crm_column_count(statement: *mut crm_statement) -> i32 {
    guard::status(|| {
        handle::get::<StatementHandle>(statement)?
            .with(|cursor| Ok(i32::try_from(cursor.names().len()).unwrap_or(i32::MAX)))
    })
}

/// The name of a column, ending with a NUL. `length` may be NULL; it gets the bytes before
/// the NUL.
///
/// Returns: text, borrowed until the next step, reset or finalize.
/// Errors: NULL; `*length` is then left alone. `crm_column_count` tells the status.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_column_name(
    statement: *mut crm_statement,
    column: i32,
    length: *mut i64,
) -> *const c_char {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let length = unsafe { Out::new("length", length) };
    guard::value(std::ptr::null(), || {
        handle::get::<StatementHandle>(statement)?.with(|cursor| {
            let name = usize::try_from(column)
                .ok()
                .and_then(|at| cursor.names().get(at));
            let name = name.ok_or_else(|| no_column(column))?;
            length.set(name.length());
            Ok(name.data())
        })
    })
}

/// The type of a value of the current row.
///
/// Returns: CRM_TYPE_NULL (0) for no value, else another CRM_TYPE_ constant. New types are
/// added over time: take one you do not know as text.
/// Errors: the negative status of the error; CRM_ERROR_MISUSE without a current row,
/// CRM_ERROR_INVALID_ARGUMENTS for a column that is not there.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub extern "C" fn crm_column_type(statement: *mut crm_statement, column: i32) -> i32 {
    guard::status(|| {
        handle::get::<StatementHandle>(statement)?.with(|cursor| {
            Ok(cursor
                .value(column)?
                .value_type()
                .map_or(0, |kind| kind as i32 + 1))
        })
    })
}

/// The value of a column as a whole number: an integer, a checkbox (0 or 1), a reference (the
/// id), a date-time (milliseconds since 1970, UTC) or a duration (milliseconds).
///
/// Returns: CRM_OK, with the number in `*value`; CRM_NULL, with 0 in it.
/// Errors: CRM_ERROR_WRONG_TYPE for any other type; CRM_ERROR_MISUSE without a current row;
/// CRM_ERROR_INVALID_ARGUMENTS for a column that is not there.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_column_int64(
    statement: *mut crm_statement,
    column: i32,
    value: *mut i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (value, error) = unsafe { (Out::new("value", value), Out::new("error", error)) };
    guard(error, || number(statement, column, value, as_int64))
}

/// The value of a column as a `double`: an integer, a decimal or the amount of money. Decimals
/// lose digits on the way; `crm_column_text` gives them all.
///
/// Returns: CRM_OK, with the number in `*value`; CRM_NULL, with 0 in it.
/// Errors: as `crm_column_int64`.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_column_double(
    statement: *mut crm_statement,
    column: i32,
    value: *mut f64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (value, error) = unsafe { (Out::new("value", value), Out::new("error", error)) };
    guard(error, || number(statement, column, value, as_double))
}

/// The value of a column as text, ending with a NUL: any type has one, and a choice its name.
/// `length` may be NULL; it gets the bytes before the NUL.
///
/// Returns: text, borrowed until the next step, reset or finalize; NULL for no value.
/// Errors: NULL; `*length` is then left alone. `crm_column_type` tells the status.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_column_text(
    statement: *mut crm_statement,
    column: i32,
    length: *mut i64,
) -> *const c_char {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let length = unsafe { Out::new("length", length) };
    guard::value(std::ptr::null(), || {
        handle::get::<StatementHandle>(statement)?.with(|cursor| {
            let Some(text) = cursor.text(column)? else {
                return Ok(std::ptr::null());
            };
            length.set(text.length());
            Ok(text.data())
        })
    })
}

fn number<N: Default>(
    statement: *mut crm_statement,
    column: i32,
    place: Out<N>,
    convert: impl FnOnce(&Value) -> Option<N>,
) -> Result<i32> {
    let place = place.required()?;
    handle::get::<StatementHandle>(statement)?.with(|cursor| {
        let value = cursor.value(column)?;
        let Some(kind) = value.value_type() else {
            place.set(N::default());
            return Ok(CRM_NULL);
        };
        let number = convert(value).ok_or_else(|| {
            let message =
                format!("column `{column}` is of the type `{kind}`, which is not such a number");
            Error::new(Code::WrongType, message)
        })?;
        place.set(number);
        Ok(CRM_OK)
    })
}

fn as_int64(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) | Value::Duration(number) => Some(*number),
        Value::Checkbox(checked) => Some(i64::from(*checked)),
        Value::Reference(id) => Some(id.get().cast_signed()),
        Value::DateTime(at) => Some(at.timestamp_millis()),
        _ => None,
    }
}

fn as_double(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Decimal(number) => number.to_string().parse().ok(),
        Value::Money(money) => money.amount.to_string().parse().ok(),
        _ => None,
    }
}
