//! Records as JSON.
//!
//! A record is a JSON object of field names and values. The values are those of the schema,
//! which `crm_call(session, "schema", ...)` describes as far as the session may see it.
//!
//! ```c
//! int64_t id, version;
//! crm_create(session, "deal", -1, "{\"title\":\"Roof\",\"stage\":\"prospecting\"}", -1, &id, NULL);
//! crm_update(session, "deal", -1, id, "{\"stage\":\"engaging\"}", -1, 0, &version, NULL);
//! ```

use std::ffi::c_char;

use crm_engine::{Code, Error, RecordId, Result, Version};

use crate::argument::{Out, Text};
use crate::buffer::{self, crm_buffer};
use crate::error::crm_error;
use crate::guard::guard;
use crate::handle;
use crate::session::{SessionHandle, crm_session};
use crate::status::{CRM_NOT_FOUND, CRM_OK};

/// Creates a record of `object` from a JSON object of fields. A record that has an owner
/// belongs to the user of the session unless `owner` is given.
///
/// Returns: CRM_OK, with the id in `*id`. `id` may be NULL.
/// Errors: CRM_ERROR_UNKNOWN_OBJECT, CRM_ERROR_UNKNOWN_FIELD, CRM_ERROR_WRONG_TYPE,
/// CRM_ERROR_INVALID_VALUE, CRM_ERROR_REQUIRED, CRM_ERROR_READ_ONLY, CRM_ERROR_DENIED,
/// CRM_ERROR_BAD_REFERENCE, CRM_ERROR_DUPLICATE, CRM_ERROR_REFUSED, CRM_ERROR_RULE_FAILED;
/// nothing is then changed. The detail `field` names the field.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_create(
    session: *mut crm_session,
    object: *const c_char,
    object_length: i64,
    fields: *const c_char,
    fields_length: i64,
    id: *mut i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (object, fields, id, error) = unsafe {
        (
            Text::new("object", object, object_length),
            Text::new("fields", fields, fields_length),
            Out::new("id", id),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let handle = handle::get::<SessionHandle>(session)?;
        let (session, _pass) = handle.enter()?;
        let created = session.create(object.required()?, &fields.json()?)?;
        id.set(created.get().cast_signed());
        Ok(CRM_OK)
    })
}

/// Reads a record as a JSON object of the fields the session may see.
///
/// Returns: CRM_OK, with a buffer in `*record` that you own and free with `crm_buffer_free`;
/// CRM_NOT_FOUND, with NULL in `*record`, when there is no such record or the session may not
/// see it. Nothing tells these two apart.
/// Errors: CRM_ERROR_UNKNOWN_OBJECT; CRM_ERROR_INVALID_VALUE for an `id` that no record can
/// have.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_get(
    session: *mut crm_session,
    object: *const c_char,
    object_length: i64,
    id: i64,
    record: *mut *mut crm_buffer,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (object, record, error) = unsafe {
        (
            Text::new("object", object, object_length),
            Out::new("record", record),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let record = record.required()?;
        let handle = handle::get::<SessionHandle>(session)?;
        let (session, _pass) = handle.enter()?;
        match session.get(object.required()?, record_id(id)?)? {
            Some(found) => {
                record.set(buffer::open(&found)?);
                Ok(CRM_OK)
            }
            None => {
                record.set(std::ptr::null_mut());
                Ok(CRM_NOT_FOUND)
            }
        }
    })
}

/// Changes the given fields of a record; JSON `null` empties a field. With an
/// `expected_version` other than 0 the change is refused when the record is no longer at it.
///
/// Returns: CRM_OK, with the new version in `*version`. `version` may be NULL.
/// Errors: those of `crm_create`; CRM_ERROR_NOT_FOUND, equal for a missing record and one that
/// the session may not see; CRM_ERROR_CONFLICT. Nothing is then changed.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_update(
    session: *mut crm_session,
    object: *const c_char,
    object_length: i64,
    id: i64,
    fields: *const c_char,
    fields_length: i64,
    expected_version: i64,
    version: *mut i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (object, fields, version, error) = unsafe {
        (
            Text::new("object", object, object_length),
            Text::new("fields", fields, fields_length),
            Out::new("version", version),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let handle = handle::get::<SessionHandle>(session)?;
        let (session, _pass) = handle.enter()?;
        let expected = expected(expected_version)?;
        let fields = fields.json()?;
        let now = session.update(object.required()?, record_id(id)?, &fields, expected)?;
        version.set(now.0.cast_signed());
        Ok(CRM_OK)
    })
}

/// Deletes a record. `expected_version` is as in `crm_update`. What refers to the record is
/// treated as its field declares.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_UNKNOWN_OBJECT, CRM_ERROR_DENIED, CRM_ERROR_CONFLICT,
/// CRM_ERROR_STILL_REFERENCED; CRM_ERROR_NOT_FOUND as in `crm_update`. Nothing is then changed.
/// Threads: any, one at a time per session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_delete(
    session: *mut crm_session,
    object: *const c_char,
    object_length: i64,
    id: i64,
    expected_version: i64,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (object, error) = unsafe {
        (
            Text::new("object", object, object_length),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let handle = handle::get::<SessionHandle>(session)?;
        let (session, _pass) = handle.enter()?;
        let expected = expected(expected_version)?;
        session.delete(object.required()?, record_id(id)?, expected)?;
        Ok(CRM_OK)
    })
}

fn record_id(id: i64) -> Result<RecordId> {
    // What is negative becomes 0, which is no id either; the error then names the range.
    RecordId::new(u64::try_from(id).unwrap_or(0))
}

fn expected(version: i64) -> Result<Option<Version>> {
    match u64::try_from(version) {
        Ok(0) => Ok(None),
        Ok(version) => Ok(Some(Version(version))),
        Err(_) => {
            let message = format!("`{version}` is not a version: versions run from 1");
            Err(Error::new(Code::InvalidValue, message).with("argument", "expected_version"))
        }
    }
}
