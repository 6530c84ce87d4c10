//! Sessions: who is calling.
//!
//! Every call on records belongs to a session, and a session to one user or to the host itself.
//! The engine looks up rights at each call; a session never outlives them.

use std::ffi::c_char;
use std::sync::Arc;

use crm_engine::{Code, Error, Login, Result};
use serde::Deserialize;

use crate::argument::{Out, Text};
use crate::error::crm_error;
use crate::gate::{Gate, Pass};
use crate::guard::{self, guard};
use crate::handle::{self, Handle};
use crate::status::CRM_OK;
use crate::store::{Db, crm_db};

/// What one user, or the host itself, may do with a store. A session and its statements are
/// used by one thread at a time, by any thread in turn.
#[derive(Debug)]
pub struct crm_session {
    _opaque: [u8; 0],
}

/// What stands behind a `crm_session`.
pub(crate) struct SessionHandle {
    pub(crate) db: Arc<Db>,
    pub(crate) gate: Gate,
    session: crm_engine::Session,
}

impl Handle for SessionHandle {
    type Opaque = crm_session;
    const NAME: &'static str = "crm_session";
}

impl SessionHandle {
    fn open(db: Arc<Db>, session: crm_engine::Session) -> Result<*mut crm_session> {
        handle::insert(SessionHandle {
            db,
            gate: Gate::new(),
            session,
        })
    }

    /// The session, for one call: nobody else is inside until the pass is dropped.
    pub(crate) fn enter(&self) -> Result<(&crm_engine::Session, Pass<'_>)> {
        let pass = self.gate.enter()?;
        self.db.check_open()?;
        Ok((&self.session, pass))
    }
}

/// Opens a session of the user called `login`. The host vouches for the person and tells nothing
/// of where he comes from; for passwords, second factors and origins there is
/// `crm_open_session`.
///
/// Returns: CRM_OK, with a session in `*session` that you own and close with
/// `crm_session_close`.
/// Errors: CRM_ERROR_LOGIN_REFUSED, equal for a login that does not exist, for closed access and
/// for whatever else stands against it; CRM_ERROR_CLOSED.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_login(
    db: *mut crm_db,
    login: *const c_char,
    login_length: i64,
    session: *mut *mut crm_session,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (login, session, error) = unsafe {
        (
            Text::new("login", login, login_length),
            Out::new("session", session),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let session = session.required()?;
        let db = handle::get::<Db>(db)?;
        let opened = db.engine.login(login.required()?)?;
        session.set(SessionHandle::open(db, opened)?);
        Ok(CRM_OK)
    })
}

/// Opens a session of somebody who proves who he is. `login` is a JSON object:
///
/// - `login`: the user's login.
/// - `password`: his password, or `vouched`: `true`, where the host vouches for him.
/// - `code`: the code his authenticator shows, or `second_factor`: `true`, where the host asserts
///   that it has seen one. Needed for users whose record demands it.
/// - `origin`: `{"ip", "mac", "computer", "domain_account"}`, each as far as the host knows it.
///   Needed for users who are bound to one; the journal keeps it for all.
///
/// It takes some tens of milliseconds where a password is given, also for a login that does not
/// exist. The journal tells of each attempt and of the reason for a refusal.
///
/// Returns: CRM_OK, with a session in `*session` that you own and close with
/// `crm_session_close`.
/// Errors: CRM_ERROR_LOGIN_REFUSED, equal whatever stands against it; CRM_ERROR_INVALID_ARGUMENTS
/// for members that are not known and for an origin that is none; CRM_ERROR_LIMIT_EXCEEDED for
/// too many open sessions; CRM_ERROR_CLOSED.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_open_session(
    db: *mut crm_db,
    login: *const c_char,
    login_length: i64,
    session: *mut *mut crm_session,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (login, session, error) = unsafe {
        (
            Text::new("login", login, login_length),
            Out::new("session", session),
            Out::new("error", error),
        )
    };
    guard(error, || {
        let session = session.required()?;
        let db = handle::get::<Db>(db)?;
        let login = Login::deserialize(login.json()?).map_err(|error| {
            Error::new(Code::InvalidArguments, format!("login: {error}")).with("argument", "login")
        })?;
        let opened = db.engine.open_session(&login)?;
        session.set(SessionHandle::open(db, opened)?);
        Ok(CRM_OK)
    })
}

/// Opens a session of the host itself, which may do everything. For setting up and for
/// maintenance; the work of people belongs into sessions of their own.
///
/// Returns: CRM_OK, with a session in `*session` that you own and close with
/// `crm_session_close`.
/// Errors: the common ones.
/// Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn crm_system_session(
    db: *mut crm_db,
    session: *mut *mut crm_session,
    error: *mut *mut crm_error,
) -> i32 {
    // SAFETY: the host keeps the rules of the header for its pointers.
    let (session, error) = unsafe { (Out::new("session", session), Out::new("error", error)) };
    guard(error, || {
        let session = session.required()?;
        let db = handle::get::<Db>(db)?;
        let opened = db.engine.system();
        session.set(SessionHandle::open(db, opened)?);
        Ok(CRM_OK)
    })
}

/// Closes a session, and the journal tells of it. NULL is fine. Statements of the session may still be open: their calls
/// fail with CRM_ERROR_BAD_HANDLE, and `crm_finalize` frees them.
///
/// Returns: CRM_OK.
/// Errors: CRM_ERROR_BAD_HANDLE; CRM_ERROR_MISUSE while another call uses the session, which
/// then stays open.
/// Threads: any, but no other at the same time.
#[unsafe(no_mangle)]
pub extern "C" fn crm_session_close(session: *mut crm_session) -> i32 {
    guard::status(|| {
        if !session.is_null() {
            handle::get::<SessionHandle>(session)?.gate.close()?;
            let closed = handle::remove::<SessionHandle>(session)?;
            // It is ended all the same where the journal cannot tell of it any more.
            let _ = closed.session.end();
        }
        Ok(CRM_OK)
    })
}
