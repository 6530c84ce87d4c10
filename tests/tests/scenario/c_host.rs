//! The C API as a host of scenarios: the very functions of `crm.h`, called as C calls them.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char};
use std::path::{Path, PathBuf};
use std::ptr;

use crm::{crm_buffer, crm_db, crm_error, crm_session, crm_statement};
use serde_json::{Value as Json, json};

use super::host::{Answer, Host, Refusal};

struct CHost {
    path: PathBuf,
    moment: String,
    db: *mut crm_db,
    sessions: BTreeMap<String, *mut crm_session>,
}

/// Creates a store at `path`.
pub(super) fn open(path: &Path) -> Box<dyn Host> {
    let mut host = CHost {
        path: path.to_owned(),
        moment: "2026-01-01T00:00:00Z".to_owned(),
        db: ptr::null_mut(),
        sessions: BTreeMap::new(),
    };
    host.open(true);
    Box::new(host)
}

/// Text as the header wants it: a pointer and a length.
macro_rules! text {
    ($text:expr) => {
        (
            $text.as_ptr().cast::<c_char>(),
            i64::try_from($text.len()).unwrap(),
        )
    };
}

/// Turns a status and an error object into an answer, and frees the object.
fn answer(status: i32, error: *mut crm_error) -> Answer<i32> {
    if status >= 0 {
        assert!(error.is_null(), "an error beside a success");
        return Ok(status);
    }
    // SAFETY: the error object is this function's own until it frees it; its texts end in NUL
    // and live as long as the object.
    unsafe {
        let text = |pointer: *const c_char| CStr::from_ptr(pointer).to_str().unwrap().to_owned();
        let details: Json =
            serde_json::from_str(&text(crm::crm_error_details(error, ptr::null_mut()))).unwrap();
        let name = text(crm::crm_error_name(error));
        let message = text(crm::crm_error_message(error, ptr::null_mut()));
        assert_eq!(crm::crm_error_code(error), status);
        assert_eq!(crm::crm_error_free(error), 0);
        Err(Refusal::from_json(
            &json!({"name": name, "message": message, "details": details}),
        ))
    }
}

/// Takes the JSON out of a buffer and frees it.
fn take(buffer: *mut crm_buffer) -> Json {
    // SAFETY: the buffer is this function's own until it frees it.
    unsafe {
        let text = CStr::from_ptr(crm::crm_buffer_data(buffer))
            .to_str()
            .unwrap();
        assert_eq!(
            i64::try_from(text.len()).unwrap(),
            crm::crm_buffer_size(buffer)
        );
        let json = serde_json::from_str(text).unwrap();
        assert_eq!(crm::crm_buffer_free(buffer), 0);
        json
    }
}

fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap()
}

impl CHost {
    fn open(&mut self, create: bool) {
        let path = self.path.to_str().unwrap();
        let options = json!({"create": create, "time": self.moment}).to_string();
        let (path, path_length) = text!(path);
        let (options, options_length) = text!(options);
        let mut error = ptr::null_mut();
        // SAFETY: pointers and lengths are those of live strings, places are live variables.
        let status = unsafe {
            crm::crm_open(
                path,
                path_length,
                options,
                options_length,
                &raw mut self.db,
                &raw mut error,
            )
        };
        answer(status, error).unwrap();
    }

    fn close(&mut self) {
        for session in std::mem::take(&mut self.sessions).into_values() {
            assert_eq!(crm::crm_session_close(session), 0);
        }
        assert_eq!(crm::crm_close(self.db), 0);
        self.db = ptr::null_mut();
    }

    fn open_session(&self, who: &str) -> Answer<*mut crm_session> {
        let mut session = ptr::null_mut();
        let mut error = ptr::null_mut();
        let (login, length) = text!(who);
        // SAFETY: the login is a live string, places are live variables.
        let status = unsafe {
            match who {
                "system" => crm::crm_system_session(self.db, &raw mut session, &raw mut error),
                _ => crm::crm_login(self.db, login, length, &raw mut session, &raw mut error),
            }
        };
        answer(status, error).map(|_| session)
    }

    fn session(&mut self, who: &str) -> Answer<*mut crm_session> {
        if let Some(session) = self.sessions.get(who) {
            return Ok(*session);
        }
        let session = self.open_session(who)?;
        self.sessions.insert(who.to_owned(), session);
        Ok(session)
    }
}

impl Drop for CHost {
    fn drop(&mut self) {
        self.close();
    }
}

impl Host for CHost {
    fn set_time(&mut self, moment: &str) {
        self.moment = moment.to_owned();
        let (moment, length) = text!(moment);
        let mut error = ptr::null_mut();
        // SAFETY: the moment is a live string, the place a live variable.
        let status = unsafe { crm::crm_set_time(self.db, moment, length, &raw mut error) };
        answer(status, error).unwrap();
    }

    fn reopen(&mut self) {
        self.close();
        self.open(false);
    }

    fn enter(&mut self, who: &str, login: &Json) -> Answer<()> {
        let (mut session, mut error) = (ptr::null_mut(), ptr::null_mut());
        let login = login.to_string();
        let (login, length) = text!(login);
        // SAFETY: the login is a live string, places are live variables.
        let status = unsafe {
            crm::crm_open_session(self.db, login, length, &raw mut session, &raw mut error)
        };
        answer(status, error)?;
        self.leave(who);
        self.sessions.insert(who.to_owned(), session);
        Ok(())
    }

    fn leave(&mut self, who: &str) {
        if let Some(session) = self.sessions.remove(who) {
            assert_eq!(crm::crm_session_close(session), 0);
        }
    }

    fn login(&mut self, who: &str) -> Answer<()> {
        let session = self.open_session(who)?;
        assert_eq!(crm::crm_session_close(session), 0);
        Ok(())
    }

    fn create(&mut self, who: &str, object: &str, fields: &Json) -> Answer<u64> {
        let session = self.session(who)?;
        let fields = fields.to_string();
        let ((object, object_length), (fields, fields_length)) = (text!(object), text!(fields));
        let (mut id, mut error) = (0_i64, ptr::null_mut());
        // SAFETY: texts are live strings, places are live variables.
        let status = unsafe {
            crm::crm_create(
                session,
                object,
                object_length,
                fields,
                fields_length,
                &raw mut id,
                &raw mut error,
            )
        };
        answer(status, error).map(|_| u64::try_from(id).unwrap())
    }

    fn get(&mut self, who: &str, object: &str, id: u64) -> Answer<Option<Json>> {
        let session = self.session(who)?;
        let (object, length) = text!(object);
        let (mut record, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the object is a live string, places are live variables.
        let status = unsafe {
            crm::crm_get(
                session,
                object,
                length,
                signed(id),
                &raw mut record,
                &raw mut error,
            )
        };
        match answer(status, error)? {
            crm::CRM_NOT_FOUND => {
                assert!(record.is_null());
                Ok(None)
            }
            _ => Ok(Some(take(record))),
        }
    }

    fn update(
        &mut self,
        who: &str,
        object: &str,
        id: u64,
        fields: &Json,
        expected: Option<u64>,
    ) -> Answer<()> {
        let session = self.session(who)?;
        let fields = fields.to_string();
        let ((object, object_length), (fields, fields_length)) = (text!(object), text!(fields));
        let expected = expected.map_or(0, signed);
        let (mut version, mut error) = (0_i64, ptr::null_mut());
        // SAFETY: texts are live strings, places are live variables.
        let status = unsafe {
            crm::crm_update(
                session,
                object,
                object_length,
                signed(id),
                fields,
                fields_length,
                expected,
                &raw mut version,
                &raw mut error,
            )
        };
        answer(status, error).map(drop)
    }

    fn delete(&mut self, who: &str, object: &str, id: u64) -> Answer<()> {
        let session = self.session(who)?;
        let (object, length) = text!(object);
        let mut error = ptr::null_mut();
        // SAFETY: the object is a live string, the place a live variable.
        let status =
            unsafe { crm::crm_delete(session, object, length, signed(id), 0, &raw mut error) };
        answer(status, error).map(drop)
    }

    fn call(&mut self, who: &str, operation: &str, arguments: &Json) -> Answer<Json> {
        let session = self.session(who)?;
        let arguments = arguments.to_string();
        let (name, name_length) = text!(operation);
        let (arguments, arguments_length) = text!(arguments);
        let (mut result, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: texts are live strings, places are live variables; there is no callback.
        let status = unsafe {
            crm::crm_call(
                session,
                name,
                name_length,
                arguments,
                arguments_length,
                None,
                ptr::null_mut(),
                ptr::null_mut(),
                &raw mut result,
                &raw mut error,
            )
        };
        answer(status, error).map(|_| take(result))
    }

    fn query(&mut self, who: &str, sql: &str) -> Answer<Vec<Vec<String>>> {
        let session = self.session(who)?;
        let (sql, length) = text!(sql);
        let (mut statement, mut error) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the query is a live string, places are live variables.
        let status =
            unsafe { crm::crm_prepare(session, sql, length, &raw mut statement, &raw mut error) };
        answer(status, error)?;
        let rows = rows(statement);
        assert_eq!(crm::crm_finalize(statement), 0);
        rows
    }
}

fn rows(statement: *mut crm_statement) -> Answer<Vec<Vec<String>>> {
    let mut table = Vec::new();
    loop {
        let mut error = ptr::null_mut();
        // SAFETY: the statement is alive, the place a live variable.
        let status = unsafe { crm::crm_step(statement, &raw mut error) };
        if answer(status, error)? == crm::CRM_DONE {
            return Ok(table);
        }
        // SAFETY: the statement is alive and stands on a row; its texts end in NUL and live
        // until the next step.
        let row = unsafe {
            (0..crm::crm_column_count(statement))
                .map(|column| {
                    let mut length = 0;
                    let text = crm::crm_column_text(statement, column, &raw mut length);
                    match text.is_null() {
                        true => String::new(),
                        false => CStr::from_ptr(text).to_str().unwrap().to_owned(),
                    }
                })
                .collect()
        };
        table.push(row);
    }
}
