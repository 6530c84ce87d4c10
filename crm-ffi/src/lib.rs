//! A CRM engine that lives inside your program: customers, rights and a sales process in one
//! file, behind one library. This header is the whole contract.
//!
//! A store (`crm_db`) is opened, a user logs in (`crm_session`), and what he may see and do is
//! decided by the engine at every call:
//!
//! ```c
//! #include <stdio.h>
//! #include "crm.h"
//!
//! int main(void) {
//!     crm_db *db = NULL;
//!     crm_session *host = NULL;
//!     crm_buffer *record = NULL;
//!     crm_error *error = NULL;
//!     int64_t id = 0;
//!     if (crm_open("shop.crm", -1, "{\"create\":\"if_missing\"}", -1, &db, &error) == CRM_OK
//!         && crm_system_session(db, &host, &error) == CRM_OK
//!         && crm_create(host, "company", -1, "{\"name\":\"Acme\",\"legal_form\":\"legal_entity\"}", -1, &id, &error) == CRM_OK
//!         && crm_get(host, "company", -1, id, &record, &error) == CRM_OK)
//!         puts(crm_buffer_data(record));
//!     else
//!         fprintf(stderr, "%s\n", crm_error_message(error, NULL));
//!     crm_error_free(error);
//!     crm_buffer_free(record);
//!     crm_session_close(host);
//!     return crm_close(db) == CRM_OK ? 0 : 1;
//! }
//! ```
//!
//! The rules hold for every function; the comment of a function says only what is special.
//!
//! 1. **Status.** A function that returns `int32_t` returns a status: CRM_OK (0), a positive
//!    outcome that is no error (CRM_ROW, CRM_DONE, CRM_NOT_FOUND, CRM_NULL), or a negative
//!    CRM_ERROR_ code. Codes keep their numbers for ever, and new ones are added: take an unknown
//!    negative status as an error of its range. Counts, types and version numbers are returned
//!    likewise, as 0 or more.
//! 2. **Errors.** The last argument `error` may be NULL. Otherwise a call that fails puts an
//!    error object there that you free with `crm_error_free`. Start from `crm_error *error =
//!    NULL;` and free it before the variable is used again.
//! 3. **Answers.** A place for an answer is written only when the call succeeds (status 0 or
//!    more), and `*error` only when it fails. Every other place keeps what it had.
//! 4. **Text.** Text goes in as a pointer and a length in bytes; -1 says that it ends with a
//!    NUL, and no other length is negative. It is UTF-8: anything else is refused with CRM_ERROR_INVALID_UTF8 and the `offset` of
//!    the first wrong byte. It is copied, so it is yours again when the call returns. Text that
//!    comes back has a length and a NUL behind it.
//! 5. **Ownership.** What `crm_open`, `crm_login`, `crm_open_session`, `crm_system_session`,
//!    `crm_prepare`, `crm_cancel_new`, a buffer or an error place gave you is yours until you end
//!    it with the one function for its type. These functions take NULL. Other pointers are
//!    borrowed, and the function that returns one says for how long. Nothing is ever passed to
//!    `free()`.
//! 6. **Handles.** Pointers to `crm_` types are numbers in disguise that only this library can
//!    read. One that is closed, made up or of another type gives CRM_ERROR_BAD_HANDLE, NULL gives
//!    CRM_ERROR_NULL_ARGUMENT, and neither does harm. Handles may be closed in any order:
//!    children whose parent is closed fail until they are closed too.
//! 7. **Threads.** Nothing belongs to a thread. A `crm_db`, `crm_cancel`, `crm_buffer` and
//!    `crm_error` may be used by any number of threads at once. A `crm_session` together with its
//!    statements is used by one at a time; a second one gets CRM_ERROR_MISUSE and no race. Open
//!    as many sessions as there are threads: they are small.
//! 8. **Callbacks.** A callback runs inside the call that it was given to, on the same thread,
//!    and never after it. It may use other sessions, to read; its own gives CRM_ERROR_MISUSE,
//!    and a write inside a write CRM_ERROR_REENTRANT. It must return: no exception, no `longjmp`.
//! 9. **Common errors.** Besides those in its comment a function may return
//!    CRM_ERROR_NULL_ARGUMENT, CRM_ERROR_BAD_HANDLE, CRM_ERROR_INVALID_UTF8, CRM_ERROR_MISUSE,
//!    CRM_ERROR_CLOSED, CRM_ERROR_LIMIT_EXCEEDED, errors of the file (-400 to -499), and
//!    CRM_ERROR_SYNTAX for an argument that should be JSON and is not. A call on a session of a
//!    user whose access was closed gives CRM_ERROR_DENIED.
//! 10. **Defects.** A defect of the engine gives CRM_ERROR_INTERNAL and undoes the transaction.
//!     The session it happened in then fails until it is closed; the store remains usable.

#![allow(non_camel_case_types, reason = "types have the names they have in C")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules above and the comments are the contract, written for C"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "text takes two arguments in C, and structs by value do not cross the border"
)]

mod argument;
mod bind;
mod buffer;
mod call;
mod column;
mod error;
mod gate;
mod guard;
mod handle;
mod record;
mod session;
mod statement;
mod status;
mod store;
mod version;

pub use bind::{
    crm_bind_double, crm_bind_double_by_name, crm_bind_int64, crm_bind_int64_by_name,
    crm_bind_null, crm_bind_null_by_name, crm_bind_text, crm_bind_text_by_name,
};
pub use buffer::{crm_buffer, crm_buffer_data, crm_buffer_free, crm_buffer_size};
pub use call::{
    crm_call, crm_cancel, crm_cancel_fire, crm_cancel_free, crm_cancel_new, crm_progress_fn,
};
pub use column::{
    crm_column_count, crm_column_double, crm_column_int64, crm_column_name, crm_column_text,
    crm_column_type,
};
pub use error::{
    crm_error, crm_error_code, crm_error_details, crm_error_free, crm_error_message, crm_error_name,
};
pub use record::{crm_create, crm_delete, crm_get, crm_update};
pub use session::{
    crm_login, crm_open_session, crm_session, crm_session_close, crm_system_session,
};
pub use statement::{crm_finalize, crm_prepare, crm_reset, crm_statement, crm_step};
pub use status::{CRM_CONTINUE, CRM_DONE, CRM_NOT_FOUND, CRM_NULL, CRM_OK, CRM_ROW, CRM_STOP};
pub use store::{crm_close, crm_db, crm_open, crm_set_time};
pub use version::{
    CRM_ABI_LEVEL, crm_abi_level, crm_live_handles, crm_version_number, crm_version_text,
};
