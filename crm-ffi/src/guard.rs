//! The one guard around every export: panics end here, errors become a status.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crm_engine::{Error, Result};

use crate::argument::Out;
use crate::error::crm_error;

const _: () = assert!(
    cfg!(panic = "unwind"),
    "libcrm needs panic=unwind: its guard catches panics"
);

/// Runs the body of an export. An error is told through `error`, where the host wants it.
pub(crate) fn guard(error: Out<*mut crm_error>, body: impl FnOnce() -> Result<i32>) -> i32 {
    match caught(body) {
        Ok(status) => status,
        Err(told) => {
            let status = told.code().number();
            if error.wanted() {
                // Without room for the error object its code has to do.
                if let Ok(Ok(handle)) = catch_unwind(|| crate::error::open(&told)) {
                    error.set(handle);
                }
            }
            status
        }
    }
}

/// As [`guard`], for exports that give a status and no error object.
pub(crate) fn status(body: impl FnOnce() -> Result<i32>) -> i32 {
    caught(body).unwrap_or_else(|error| error.code().number())
}

/// As [`guard`], for exports that give a value, and `otherwise` in case of any error.
pub(crate) fn value<T>(otherwise: T, body: impl FnOnce() -> Result<T>) -> T {
    caught(body).unwrap_or(otherwise)
}

fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves half done is not met again: a transaction is undone as it is dropped,
    // and the session that ran it is poisoned by its gate.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(defect(panic)))
}

fn defect(panic: Box<dyn Any + Send>) -> Error {
    let text = match panic.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => panic
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("no message"),
    };
    let error = Error::internal(format!("a defect of the engine: {text}"));
    // A payload may panic as it is dropped, and nothing may unwind from here.
    std::mem::forget(panic);
    error
}

#[cfg(test)]
mod tests {
    use crm_engine::Code;

    use super::*;

    #[test]
    fn a_panic_becomes_an_internal_error() {
        let panicking = || -> Result<i32> { panic!("row {}", 3) };
        assert_eq!(status(panicking), Code::Internal.number());
        assert_eq!(value(-7, panicking), -7);
        let told = caught(panicking).expect_err("an error");
        assert_eq!(told.message(), "a defect of the engine: row 3");
    }
}
