/*
 * crm.h: the C interface of libcrm.
 *
 * A CRM engine that lives inside your program: customers, rights and a sales process in one
 * file, behind one library. This header is the whole contract.
 *
 * A store (`crm_db`) is opened, a user logs in (`crm_session`), and what he may see and do is
 * decided by the engine at every call:
 *
 *     #include <stdio.h>
 *     #include "crm.h"
 *
 *     int main(void) {
 *         crm_db *db = NULL;
 *         crm_session *host = NULL;
 *         crm_buffer *record = NULL;
 *         crm_error *error = NULL;
 *         int64_t id = 0;
 *         if (crm_open("shop.crm", -1, "{\"create\":\"if_missing\"}", -1, &db, &error) == CRM_OK
 *             && crm_system_session(db, &host, &error) == CRM_OK
 *             && crm_create(host, "company", -1, "{\"name\":\"Acme\",\"legal_form\":\"legal_entity\"}", -1, &id, &error) == CRM_OK
 *             && crm_get(host, "company", -1, id, &record, &error) == CRM_OK)
 *             puts(crm_buffer_data(record));
 *         else
 *             fprintf(stderr, "%s\n", crm_error_message(error, NULL));
 *         crm_error_free(error);
 *         crm_buffer_free(record);
 *         crm_session_close(host);
 *         return crm_close(db) == CRM_OK ? 0 : 1;
 *     }
 *
 * The rules hold for every function; the comment of a function says only what is special.
 *
 * 1. Status. A function that returns `int32_t` returns a status: CRM_OK (0), a positive
 *    outcome that is no error (CRM_ROW, CRM_DONE, CRM_NOT_FOUND, CRM_NULL), or a negative
 *    CRM_ERROR_ code. Codes keep their numbers for ever, and new ones are added: take an unknown
 *    negative status as an error of its range. Counts, types and version numbers are returned
 *    likewise, as 0 or more.
 * 2. Errors. The last argument `error` may be NULL. Otherwise a call that fails puts an
 *    error object there that you free with `crm_error_free`. Start from `crm_error *error =
 *    NULL;` and free it before the variable is used again.
 * 3. Answers. A place for an answer is written only when the call succeeds (status 0 or
 *    more), and `*error` only when it fails. Every other place keeps what it had.
 * 4. Text. Text goes in as a pointer and a length in bytes; -1 says that it ends with a
 *    NUL, and no other length is negative. It is UTF-8: anything else is refused with CRM_ERROR_INVALID_UTF8 and the `offset` of
 *    the first wrong byte. It is copied, so it is yours again when the call returns. Text that
 *    comes back has a length and a NUL behind it.
 * 5. Ownership. What `crm_open`, `crm_login`, `crm_open_session`, `crm_system_session`,
 *    `crm_prepare`, `crm_cancel_new`, a buffer or an error place gave you is yours until you end
 *    it with the one function for its type. These functions take NULL. Other pointers are
 *    borrowed, and the function that returns one says for how long. Nothing is ever passed to
 *    `free()`.
 * 6. Handles. Pointers to `crm_` types are numbers in disguise that only this library can
 *    read. One that is closed, made up or of another type gives CRM_ERROR_BAD_HANDLE, NULL gives
 *    CRM_ERROR_NULL_ARGUMENT, and neither does harm. Handles may be closed in any order:
 *    children whose parent is closed fail until they are closed too.
 * 7. Threads. Nothing belongs to a thread. A `crm_db`, `crm_cancel`, `crm_buffer` and
 *    `crm_error` may be used by any number of threads at once. A `crm_session` together with its
 *    statements is used by one at a time; a second one gets CRM_ERROR_MISUSE and no race. Open
 *    as many sessions as there are threads: they are small.
 * 8. Callbacks. A callback runs inside the call that it was given to, on the same thread,
 *    and never after it. It may use other sessions, to read; its own gives CRM_ERROR_MISUSE,
 *    and a write inside a write CRM_ERROR_REENTRANT. It must return: no exception, no `longjmp`.
 * 9. Common errors. Besides those in its comment a function may return
 *    CRM_ERROR_NULL_ARGUMENT, CRM_ERROR_BAD_HANDLE, CRM_ERROR_INVALID_UTF8, CRM_ERROR_MISUSE,
 *    CRM_ERROR_CLOSED, CRM_ERROR_LIMIT_EXCEEDED, errors of the file (-400 to -499), and
 *    CRM_ERROR_SYNTAX for an argument that should be JSON and is not. A call on a session of a
 *    user whose access was closed gives CRM_ERROR_DENIED.
 * 10. Defects. A defect of the engine gives CRM_ERROR_INTERNAL and undoes the transaction.
 *     The session it happened in then fails until it is closed; the store remains usable.
 *
 * Generated from the sources of crm-ffi; edit those.
 */

#ifndef CRM_H
#define CRM_H

#include <stdint.h>

/* Define CRM_STATIC when linking the static library on Windows. */
#if defined(_WIN32) && !defined(CRM_STATIC)
#define CRM_API __declspec(dllimport)
#else
#define CRM_API
#endif

#if defined(_WIN32)
#define CRM_CALLBACK __cdecl
#else
#define CRM_CALLBACK
#endif

/* From C++17 on a callback that may throw does not compile. */
#if defined(__cplusplus) && (__cplusplus >= 201703L || (defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#define CRM_NOEXCEPT noexcept
#else
#define CRM_NOEXCEPT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An open store. Any number of threads may use it at once.
 */
typedef struct crm_db crm_db;

/**
 * What one user, or the host itself, may do with a store. A session and its statements are
 * used by one thread at a time, by any thread in turn.
 */
typedef struct crm_session crm_session;

/**
 * A prepared SELECT with its parameters and its current row. Belongs to its session: the two
 * are used by one thread at a time.
 */
typedef struct crm_statement crm_statement;

/**
 * A wish to end long work, told from any thread.
 */
typedef struct crm_cancel crm_cancel;

/**
 * Text that the host owns until it frees it. Never changes, so any number of threads may
 * read it.
 */
typedef struct crm_buffer crm_buffer;

/**
 * An error in full: code, name, message and details. Never changes, so any number of threads
 * may read it.
 */
typedef struct crm_error crm_error;

/*
 * ---- Status: what a call returns.
 *
 * 0 is success, a positive status is an outcome that is no error, a negative one an error.
 */

/**
 * Done.
 */
#define CRM_OK 0

/**
 * `crm_step` found a row.
 */
#define CRM_ROW 1

/**
 * `crm_step` found no further row.
 */
#define CRM_DONE 2

/**
 * `crm_get`: no such record, or none that the session may see. Which of the two is not told.
 */
#define CRM_NOT_FOUND 3

/**
 * The column holds no value; the number written is 0.
 */
#define CRM_NULL 4

/**
 * What a progress callback returns to go on.
 */
#define CRM_CONTINUE 1

/**
 * What a progress callback returns to end the work with CRM_ERROR_CANCELLED.
 */
#define CRM_STOP 0

/* Misuse, defects and cancelling: -1 to -99. */

/** A defect of the engine itself; the transaction was undone. */
#define CRM_ERROR_INTERNAL (-1)
/** The call is not allowed in this state (a handle used by two threads at once, say). */
#define CRM_ERROR_MISUSE (-2)
/** A handle that is closed, foreign or never existed. */
#define CRM_ERROR_BAD_HANDLE (-3)
/** A NULL where a value is required. */
#define CRM_ERROR_NULL_ARGUMENT (-4)
/** Text that is not UTF-8. */
#define CRM_ERROR_INVALID_UTF8 (-5)
/** A write begun inside a write of the same thread. */
#define CRM_ERROR_REENTRANT (-6)
/** The caller cancelled the work. */
#define CRM_ERROR_CANCELLED (-7)
/** A named limit was exceeded. */
#define CRM_ERROR_LIMIT_EXCEEDED (-8)

/* What was asked for does not fit the schema: -100 to -199. */

/** No such object, or none the caller may know of. */
#define CRM_ERROR_UNKNOWN_OBJECT (-100)
/** No such field, or none the caller may know of. */
#define CRM_ERROR_UNKNOWN_FIELD (-101)
/** A value of the wrong type. */
#define CRM_ERROR_WRONG_TYPE (-102)
/** A value that its type or field does not take. */
#define CRM_ERROR_INVALID_VALUE (-103)
/** Required fields are empty. */
#define CRM_ERROR_REQUIRED (-104)
/** A query or condition that cannot be parsed. */
#define CRM_ERROR_SYNTAX (-105)
/** No such operation. */
#define CRM_ERROR_UNKNOWN_OPERATION (-106)
/** Arguments an operation does not take. */
#define CRM_ERROR_INVALID_ARGUMENTS (-107)
/** A field that the engine keeps and nobody may set. */
#define CRM_ERROR_READ_ONLY (-108)

/* Rights, and records that are not there: -200 to -299. */

/** The caller's rights do not permit the action. */
#define CRM_ERROR_DENIED (-200)
/** The login was refused; the reason is not told. */
#define CRM_ERROR_LOGIN_REFUSED (-201)
/** No such record, or none the caller may see. */
#define CRM_ERROR_NOT_FOUND (-202)

/* The state of the data forbids it: -300 to -399. */

/** The record was changed since the expected version. */
#define CRM_ERROR_CONFLICT (-300)
/** A unique value is taken. */
#define CRM_ERROR_DUPLICATE (-301)
/** A rule refused the change. */
#define CRM_ERROR_REFUSED (-302)
/** A rule failed: an error in its script, or it exceeded a limit. */
#define CRM_ERROR_RULE_FAILED (-303)
/** A reference to a record that does not exist or may not be seen. */
#define CRM_ERROR_BAD_REFERENCE (-304)
/** Other records still refer to this one. */
#define CRM_ERROR_STILL_REFERENCED (-305)
/** A change of the schema that is never allowed. */
#define CRM_ERROR_SCHEMA_FIXED (-306)

/* The store and its file: -400 to -499. */

/** Reading or writing a file failed. */
#define CRM_ERROR_IO (-400)
/** The disk is full. */
#define CRM_ERROR_DISK_FULL (-401)
/** The file is not a store. */
#define CRM_ERROR_NOT_A_STORE (-402)
/** The store is damaged. */
#define CRM_ERROR_DAMAGED (-403)
/** The store is open elsewhere. */
#define CRM_ERROR_IN_USE (-404)
/** The store must be closed and opened again after a failed write. */
#define CRM_ERROR_NEEDS_REOPEN (-405)
/** The snapshot is older than its maximum age. */
#define CRM_ERROR_SNAPSHOT_EXPIRED (-406)
/** A key, value or transaction is larger than every engine can take. */
#define CRM_ERROR_TOO_LARGE (-407)
/** The store was written by a version this one cannot read. */
#define CRM_ERROR_STORE_VERSION (-408)
/** The store is closed. */
#define CRM_ERROR_CLOSED (-409)
/** It is not known whether the transaction was committed. */
#define CRM_ERROR_UNKNOWN_OUTCOME (-410)

/* What came from outside: -500 to -599. */

/** An import file that cannot be read as declared. */
#define CRM_ERROR_IMPORT_FORMAT (-500)
/** A pack that cannot be installed. */
#define CRM_ERROR_PACK (-501)
/** A native plugin that cannot be loaded. */
#define CRM_ERROR_PLUGIN (-502)

/*
 * ---- Stores: open and close.
 *
 * A store is one file that one process has open at a time; in that process any number of
 * threads share the `crm_db`. A child that `fork` makes must not use what its parent opened.
 */

/**
 * Opens or creates a store. `options` is a JSON object or NULL:
 *
 * - `create`: `true` makes a new store, where no file may be yet; `"if_missing"` does so only
 *   where there is none. When left out, the store must exist.
 * - `in_memory`: `true` makes a store that ends as it is closed; `path` may then be NULL.
 * - `standard_pack`: `false` leaves a new store without companies, deals and the other
 *   standard objects, and without its first user, the admin `admin`.
 * - `presets`: the presets of rights a new store begins with, an array of `"open"`,
 *   `"departments"`, `"three_level"` and `"levels"`; `["departments"]` when left out.
 * - `time`: a moment such as `"2026-03-01T09:00:00Z"`. The time of the store then stands still
 *   and is moved by `crm_set_time` only: for tests and replay. When left out, it is the time
 *   of the machine.
 * - `plugins`: an array of `{"path", "id", "hash"}`, the native plugins to load, each from an
 *   absolute path. A file is loaded only if its BLAKE3 hash (64 hex digits) and the id it tells
 *   are the ones given. Plugins stay in the process until it ends.
 *
 * Returns: CRM_OK, with a store in `*db` that you own and close with `crm_close`.
 * Errors: CRM_ERROR_IO, CRM_ERROR_NOT_A_STORE, CRM_ERROR_DAMAGED, CRM_ERROR_IN_USE,
 * CRM_ERROR_STORE_VERSION, CRM_ERROR_DISK_FULL; the file is then as it was. CRM_ERROR_PLUGIN for
 * a plugin that is not the one given or cannot be loaded.
 * CRM_ERROR_INVALID_ARGUMENTS for an option that is not known.
 * Threads: any.
 */
CRM_API int32_t crm_open(
    const char *path, int64_t path_length, const char *options, int64_t options_length, crm_db **db,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Moves the time of a store that was opened with the option `time` to `moment`, such as
 * `2026-03-01T09:00:00Z`.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_INVALID_VALUE for what is no moment; CRM_ERROR_MISUSE for a store that
 * follows the machine.
 * Threads: any.
 */
CRM_API int32_t crm_set_time(
    crm_db *db, const char *moment, int64_t moment_length, crm_error **error) CRM_NOEXCEPT;

/**
 * Closes a store; everything committed is on disk and the file is free. NULL is fine. The
 * handle is bad afterwards, whatever is returned. Sessions and statements of the store may
 * still be open: their calls fail with CRM_ERROR_CLOSED, and their own destructors free them.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_BAD_HANDLE, CRM_ERROR_IO when the file could not be closed in order.
 * Threads: any, also while other threads are in calls of this store: those calls end with
 * their result or with CRM_ERROR_CLOSED.
 */
CRM_API int32_t crm_close(crm_db *db) CRM_NOEXCEPT;

/*
 * ---- Sessions: who is calling.
 *
 * Every call on records belongs to a session, and a session to one user or to the host itself.
 * The engine looks up rights at each call; a session never outlives them.
 */

/**
 * Opens a session of the user called `login`. The host vouches for the person and tells nothing
 * of where he comes from; for passwords, second factors and origins there is
 * `crm_open_session`.
 *
 * Returns: CRM_OK, with a session in `*session` that you own and close with
 * `crm_session_close`.
 * Errors: CRM_ERROR_LOGIN_REFUSED, equal for a login that does not exist, for closed access and
 * for whatever else stands against it; CRM_ERROR_CLOSED.
 * Threads: any.
 */
CRM_API int32_t crm_login(
    crm_db *db, const char *login, int64_t login_length, crm_session **session,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Opens a session of somebody who proves who he is. `login` is a JSON object:
 *
 * - `login`: the user's login.
 * - `password`: his password, or `vouched`: `true`, where the host vouches for him.
 * - `code`: the code his authenticator shows, or `second_factor`: `true`, where the host asserts
 *   that it has seen one. Needed for users whose record demands it.
 * - `origin`: `{"ip", "mac", "computer", "domain_account"}`, each as far as the host knows it.
 *   Needed for users who are bound to one; the journal keeps it for all.
 *
 * It takes some tens of milliseconds where a password is given, also for a login that does not
 * exist. The journal tells of each attempt and of the reason for a refusal.
 *
 * Returns: CRM_OK, with a session in `*session` that you own and close with
 * `crm_session_close`.
 * Errors: CRM_ERROR_LOGIN_REFUSED, equal whatever stands against it; CRM_ERROR_INVALID_ARGUMENTS
 * for members that are not known and for an origin that is none; CRM_ERROR_LIMIT_EXCEEDED for
 * too many open sessions; CRM_ERROR_CLOSED.
 * Threads: any.
 */
CRM_API int32_t crm_open_session(
    crm_db *db, const char *login, int64_t login_length, crm_session **session,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Opens a session of the host itself, which may do everything. For setting up and for
 * maintenance; the work of people belongs into sessions of their own.
 *
 * Returns: CRM_OK, with a session in `*session` that you own and close with
 * `crm_session_close`.
 * Errors: the common ones.
 * Threads: any.
 */
CRM_API int32_t crm_system_session(
    crm_db *db, crm_session **session, crm_error **error) CRM_NOEXCEPT;

/**
 * Closes a session, and the journal tells of it. NULL is fine. Statements of the session may still be open: their calls
 * fail with CRM_ERROR_BAD_HANDLE, and `crm_finalize` frees them.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_BAD_HANDLE; CRM_ERROR_MISUSE while another call uses the session, which
 * then stays open.
 * Threads: any, but no other at the same time.
 */
CRM_API int32_t crm_session_close(crm_session *session) CRM_NOEXCEPT;

/*
 * ---- Records as JSON.
 *
 * A record is a JSON object of field names and values. The values are those of the schema,
 * which `crm_call(session, "schema", ...)` describes as far as the session may see it.
 *
 *     int64_t id, version;
 *     crm_create(session, "deal", -1, "{\"title\":\"Roof\",\"stage\":\"prospecting\"}", -1, &id, NULL);
 *     crm_update(session, "deal", -1, id, "{\"stage\":\"engaging\"}", -1, 0, &version, NULL);
 */

/**
 * Creates a record of `object` from a JSON object of fields. A record that has an owner
 * belongs to the user of the session unless `owner` is given.
 *
 * Returns: CRM_OK, with the id in `*id`. `id` may be NULL.
 * Errors: CRM_ERROR_UNKNOWN_OBJECT, CRM_ERROR_UNKNOWN_FIELD, CRM_ERROR_WRONG_TYPE,
 * CRM_ERROR_INVALID_VALUE, CRM_ERROR_REQUIRED, CRM_ERROR_READ_ONLY, CRM_ERROR_DENIED,
 * CRM_ERROR_BAD_REFERENCE, CRM_ERROR_DUPLICATE, CRM_ERROR_REFUSED, CRM_ERROR_RULE_FAILED;
 * nothing is then changed. The detail `field` names the field.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_create(
    crm_session *session, const char *object, int64_t object_length, const char *fields,
    int64_t fields_length, int64_t *id, crm_error **error) CRM_NOEXCEPT;

/**
 * Reads a record as a JSON object of the fields the session may see.
 *
 * Returns: CRM_OK, with a buffer in `*record` that you own and free with `crm_buffer_free`;
 * CRM_NOT_FOUND, with NULL in `*record`, when there is no such record or the session may not
 * see it. Nothing tells these two apart.
 * Errors: CRM_ERROR_UNKNOWN_OBJECT; CRM_ERROR_INVALID_VALUE for an `id` that no record can
 * have.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_get(
    crm_session *session, const char *object, int64_t object_length, int64_t id,
    crm_buffer **record, crm_error **error) CRM_NOEXCEPT;

/**
 * Changes the given fields of a record; JSON `null` empties a field. With an
 * `expected_version` other than 0 the change is refused when the record is no longer at it.
 *
 * Returns: CRM_OK, with the new version in `*version`. `version` may be NULL.
 * Errors: those of `crm_create`; CRM_ERROR_NOT_FOUND, equal for a missing record and one that
 * the session may not see; CRM_ERROR_CONFLICT. Nothing is then changed.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_update(
    crm_session *session, const char *object, int64_t object_length, int64_t id, const char *fields,
    int64_t fields_length, int64_t expected_version, int64_t *version,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Deletes a record. `expected_version` is as in `crm_update`. What refers to the record is
 * treated as its field declares.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_UNKNOWN_OBJECT, CRM_ERROR_DENIED, CRM_ERROR_CONFLICT,
 * CRM_ERROR_STILL_REFERENCED; CRM_ERROR_NOT_FOUND as in `crm_update`. Nothing is then changed.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_delete(
    crm_session *session, const char *object, int64_t object_length, int64_t id,
    int64_t expected_version, crm_error **error) CRM_NOEXCEPT;

/*
 * ---- Statements: prepare, bind, step.
 *
 *     crm_prepare(session, "SELECT title, amount FROM deal WHERE stage = ?", -1, &statement, NULL);
 *     crm_bind_text(statement, 1, "won", -1, NULL);
 *     while ((status = crm_step(statement, &error)) == CRM_ROW) {
 *         printf("%s\n", crm_column_text(statement, 0, NULL));
 *     }
 *     crm_finalize(statement);
 */

/**
 * Prepares a SELECT that can be run many times. Text never belongs into the SQL itself: write
 * `?` or `:name` and bind it.
 *
 * Returns: CRM_OK, with a statement in `*statement` that you own and free with `crm_finalize`.
 * Errors: CRM_ERROR_SYNTAX, CRM_ERROR_UNKNOWN_OBJECT, CRM_ERROR_UNKNOWN_FIELD,
 * CRM_ERROR_WRONG_TYPE, with the details `line` and `column`. A field that the session may not
 * see is unknown.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_prepare(
    crm_session *session, const char *sql, int64_t sql_length, crm_statement **statement,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Steps to the next row. The first step runs the statement on the newest state; all its rows
 * are of that one state, whatever is written meanwhile. Rows pin that state: step to the end,
 * reset or finalize soon.
 *
 * Returns: CRM_ROW, with a current row for the crm_column_ functions; CRM_DONE, and again at
 * further steps until a reset.
 * Errors: CRM_ERROR_INVALID_ARGUMENTS for an unbound parameter, CRM_ERROR_LIMIT_EXCEEDED,
 * CRM_ERROR_SNAPSHOT_EXPIRED, CRM_ERROR_CLOSED; the statement is then reset.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_step(crm_statement *statement, crm_error **error) CRM_NOEXCEPT;

/**
 * Ends the rows, so that the next step runs the statement anew. Parameters stay bound.
 *
 * Returns: CRM_OK.
 * Errors: the common ones.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_reset(crm_statement *statement, crm_error **error) CRM_NOEXCEPT;

/**
 * Frees a statement and all text borrowed from it. NULL is fine.
 *
 * Returns: CRM_OK, also after its session or store was closed.
 * Errors: CRM_ERROR_BAD_HANDLE; CRM_ERROR_MISUSE while another call uses the statement or its
 * session, and the statement then stays open.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_finalize(crm_statement *statement) CRM_NOEXCEPT;

/*
 * ---- Parameters of a statement.
 *
 * By index, counted from 1, for `?`, or by name, without the colon, for `:name`. Parameters
 * are bound before the first step or after `crm_reset`. A date, a time and an amount are bound
 * as text (`2026-03-01`, `2026-03-01T09:00:00Z`, `1200.50 EUR`); a reference as the number of
 * the record.
 */

/**
 * Binds no value to the parameter at `index`.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_INVALID_ARGUMENTS when there is no such parameter; CRM_ERROR_MISUSE while
 * the statement is running.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_null(
    crm_statement *statement, int32_t index, crm_error **error) CRM_NOEXCEPT;

/**
 * Binds a whole number to the parameter at `index`.
 *
 * Returns and errors: as `crm_bind_null`.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_int64(
    crm_statement *statement, int32_t index, int64_t value, crm_error **error) CRM_NOEXCEPT;

/**
 * Binds a decimal to the parameter at `index`: the shortest one that reads as this `double`.
 * Exact decimals are bound as text.
 *
 * Returns and errors: as `crm_bind_null`; CRM_ERROR_INVALID_VALUE for NaN, infinities and
 * numbers beyond 28 digits.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_double(
    crm_statement *statement, int32_t index, double value, crm_error **error) CRM_NOEXCEPT;

/**
 * Binds text to the parameter at `index`. The text is copied.
 *
 * Returns and errors: as `crm_bind_null`; CRM_ERROR_INVALID_UTF8.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_text(
    crm_statement *statement, int32_t index, const char *text, int64_t text_length,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Binds no value to the parameter called `name`.
 *
 * Returns and errors: as `crm_bind_null`.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_null_by_name(
    crm_statement *statement, const char *name, int64_t name_length,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Binds a whole number to the parameter called `name`.
 *
 * Returns and errors: as `crm_bind_null`.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_int64_by_name(
    crm_statement *statement, const char *name, int64_t name_length, int64_t value,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Binds a decimal to the parameter called `name`, as `crm_bind_double` does.
 *
 * Returns and errors: as `crm_bind_double`.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_double_by_name(
    crm_statement *statement, const char *name, int64_t name_length, double value,
    crm_error **error) CRM_NOEXCEPT;

/**
 * Binds text to the parameter called `name`. The text is copied.
 *
 * Returns and errors: as `crm_bind_text`.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_bind_text_by_name(
    crm_statement *statement, const char *name, int64_t name_length, const char *text,
    int64_t text_length, crm_error **error) CRM_NOEXCEPT;

/*
 * ---- Columns of the current row.
 *
 * Columns are counted from 0. Text is borrowed: it is valid until the next `crm_step`,
 * `crm_reset` or `crm_finalize` of the statement.
 */

/* Types of values. */
#define CRM_TYPE_NULL 0
#define CRM_TYPE_TEXT 1
#define CRM_TYPE_DIGITS 2
#define CRM_TYPE_INTEGER 3
#define CRM_TYPE_DECIMAL 4
#define CRM_TYPE_MONEY 5
#define CRM_TYPE_CHECKBOX 6
#define CRM_TYPE_DATE 7
#define CRM_TYPE_DATE_TIME 8
#define CRM_TYPE_DURATION 9
#define CRM_TYPE_CHOICE 10
#define CRM_TYPE_CHOICE_SET 11
#define CRM_TYPE_TAGS 12
#define CRM_TYPE_REFERENCE 13
#define CRM_TYPE_EMAIL 14
#define CRM_TYPE_PHONE 15
#define CRM_TYPE_LINK 16
#define CRM_TYPE_FILE 17
#define CRM_TYPE_REFERENCES 18

/**
 * How many columns the rows of a statement have.
 *
 * Returns: the number, 1 or more.
 * Errors: the negative status of the error.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_column_count(crm_statement *statement) CRM_NOEXCEPT;

/**
 * The name of a column, ending with a NUL. `length` may be NULL; it gets the bytes before
 * the NUL.
 *
 * Returns: text, borrowed until the next step, reset or finalize.
 * Errors: NULL; `*length` is then left alone. `crm_column_count` tells the status.
 * Threads: any, one at a time per session.
 */
CRM_API const char *crm_column_name(
    crm_statement *statement, int32_t column, int64_t *length) CRM_NOEXCEPT;

/**
 * The type of a value of the current row.
 *
 * Returns: CRM_TYPE_NULL (0) for no value, else another CRM_TYPE_ constant. New types are
 * added over time: take one you do not know as text.
 * Errors: the negative status of the error; CRM_ERROR_MISUSE without a current row,
 * CRM_ERROR_INVALID_ARGUMENTS for a column that is not there.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_column_type(crm_statement *statement, int32_t column) CRM_NOEXCEPT;

/**
 * The value of a column as a whole number: an integer, a checkbox (0 or 1), a reference (the
 * id), a date-time (milliseconds since 1970, UTC) or a duration (milliseconds).
 *
 * Returns: CRM_OK, with the number in `*value`; CRM_NULL, with 0 in it.
 * Errors: CRM_ERROR_WRONG_TYPE for any other type; CRM_ERROR_MISUSE without a current row;
 * CRM_ERROR_INVALID_ARGUMENTS for a column that is not there.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_column_int64(
    crm_statement *statement, int32_t column, int64_t *value, crm_error **error) CRM_NOEXCEPT;

/**
 * The value of a column as a `double`: an integer, a decimal or the amount of money. Decimals
 * lose digits on the way; `crm_column_text` gives them all.
 *
 * Returns: CRM_OK, with the number in `*value`; CRM_NULL, with 0 in it.
 * Errors: as `crm_column_int64`.
 * Threads: any, one at a time per session.
 */
CRM_API int32_t crm_column_double(
    crm_statement *statement, int32_t column, double *value, crm_error **error) CRM_NOEXCEPT;

/**
 * The value of a column as text, ending with a NUL: any type has one, and a choice its name.
 * `length` may be NULL; it gets the bytes before the NUL.
 *
 * Returns: text, borrowed until the next step, reset or finalize; NULL for no value.
 * Errors: NULL; `*length` is then left alone. `crm_column_type` tells the status.
 * Threads: any, one at a time per session.
 */
CRM_API const char *crm_column_text(
    crm_statement *statement, int32_t column, int64_t *length) CRM_NOEXCEPT;

/*
 * ---- Operations: everything else, by name.
 *
 * Import, transfer, reports, packs, history and the check of a store are operations: a name,
 * JSON arguments in, a JSON answer out. `crm_call(session, "operations", ...)` lists them with
 * their arguments.
 *
 *     static int32_t on_progress(void *userdata, int64_t done, int64_t total) {
 *         fprintf((FILE *)userdata, "%lld of %lld\n", (long long)done, (long long)total);
 *         return CRM_CONTINUE;
 *     }
 *
 *     crm_call(session, "verify", -1, NULL, 0, on_progress, stderr, NULL, &answer, &error);
 */

/**
 * Hears of the progress of an operation: `done` of `total` units, which its description names;
 * `total` is -1 when it is not known. `userdata` is what was given to `crm_call`.
 *
 * Returns: CRM_CONTINUE to go on, CRM_STOP to end the work with CRM_ERROR_CANCELLED.
 * Threads: runs on the thread that called `crm_call`, before that call returns.
 */
typedef int32_t (CRM_CALLBACK *crm_progress_fn)(void *userdata, int64_t done, int64_t total) CRM_NOEXCEPT;

/**
 * Calls an operation. `arguments` is a JSON object, or NULL for none. `progress` hears of long
 * work, and `cancel` ends it; both may be NULL. Cancelling undoes the transaction under way. What
 * an operation of several transactions, such as an import, has committed before stays.
 *
 * Returns: CRM_OK, with a buffer in `*answer` that you own and free with `crm_buffer_free`: the
 * answer as JSON. `answer` may be NULL.
 * Errors: CRM_ERROR_UNKNOWN_OPERATION, CRM_ERROR_INVALID_ARGUMENTS, CRM_ERROR_CANCELLED,
 * CRM_ERROR_DENIED and those of the operation; the detail `operation` names it.
 * Threads: any, one at a time per session. `progress` runs on the calling thread.
 */
CRM_API int32_t crm_call(
    crm_session *session, const char *operation, int64_t operation_length, const char *arguments,
    int64_t arguments_length, crm_progress_fn progress, void *userdata, crm_cancel *cancel,
    crm_buffer **answer, crm_error **error) CRM_NOEXCEPT;

/**
 * Makes a cancel token. It serves any number of calls until it is fired, and then ends each
 * one that has it.
 *
 * Returns: CRM_OK, with a token in `*cancel` that you own and free with `crm_cancel_free`.
 * Errors: the common ones.
 * Threads: any.
 */
CRM_API int32_t crm_cancel_new(crm_cancel **cancel, crm_error **error) CRM_NOEXCEPT;

/**
 * Fires a cancel token, for good. Operations notice it where they report progress, and end
 * with CRM_ERROR_CANCELLED.
 *
 * Returns: CRM_OK, also when it was fired before.
 * Errors: CRM_ERROR_NULL_ARGUMENT, CRM_ERROR_BAD_HANDLE.
 * Threads: any, at any time, also while calls use the token.
 */
CRM_API int32_t crm_cancel_fire(crm_cancel *cancel) CRM_NOEXCEPT;

/**
 * Frees a cancel token. NULL is fine. A call that uses the token goes on without it being
 * able to be fired any more.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_BAD_HANDLE.
 * Threads: any, at any time.
 */
CRM_API int32_t crm_cancel_free(crm_cancel *cancel) CRM_NOEXCEPT;

/*
 * ---- Buffers: text the library hands over.
 */

/**
 * The text of a buffer: UTF-8, ending with a NUL.
 *
 * Returns: text, borrowed until `buffer` is freed.
 * Errors: NULL for what is not a buffer.
 * Threads: any.
 */
CRM_API const char *crm_buffer_data(crm_buffer *buffer) CRM_NOEXCEPT;

/**
 * The bytes of the text, without the NUL at its end.
 *
 * Returns: the number, 0 or more.
 * Errors: -1 for what is not a buffer.
 * Threads: any.
 */
CRM_API int64_t crm_buffer_size(crm_buffer *buffer) CRM_NOEXCEPT;

/**
 * Frees a buffer and the text borrowed from it. NULL is fine.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_BAD_HANDLE.
 * Threads: any, once nobody reads it.
 */
CRM_API int32_t crm_buffer_free(crm_buffer *buffer) CRM_NOEXCEPT;

/*
 * ---- Errors in full.
 *
 * A status says what kind of error it is. A host that wants the sentence and the details
 * passes a place for an error object and frees it afterwards:
 *
 *     crm_error *error = NULL;
 *     if (crm_delete(session, "deal", -1, id, 0, &error) < 0) {
 *         fprintf(stderr, "%s\n", crm_error_message(error, NULL));
 *         crm_error_free(error);
 *     }
 */

/**
 * The code of an error: the status that the failed call returned.
 *
 * Returns: a negative CRM_ERROR_ code.
 * Errors: CRM_ERROR_NULL_ARGUMENT and CRM_ERROR_BAD_HANDLE for what is not an error object,
 * which cannot be told from an error object with that code.
 * Threads: any.
 */
CRM_API int32_t crm_error_code(crm_error *error) CRM_NOEXCEPT;

/**
 * The stable name of the code, such as `not_found`, ending with a NUL.
 *
 * Returns: text, borrowed until `error` is freed.
 * Errors: NULL for what is not an error object.
 * Threads: any.
 */
CRM_API const char *crm_error_name(crm_error *error) CRM_NOEXCEPT;

/**
 * A sentence for people, in English, ending with a NUL. It holds nothing that the caller of
 * the failed function may not see. `length` may be NULL; it gets the bytes before the NUL.
 *
 * Returns: text, borrowed until `error` is freed.
 * Errors: NULL for what is not an error object; `*length` is then left alone.
 * Threads: any.
 */
CRM_API const char *crm_error_message(crm_error *error, int64_t *length) CRM_NOEXCEPT;

/**
 * Details for programs: a JSON object, `{}` when there are none. Members are added over time
 * and keep their meaning: `argument`, `offset` (bytes from 0), `field`, `object`, `line` and
 * `column` (from 1), `operation` and others by code. `length` may be NULL.
 *
 * Returns: JSON text ending with a NUL, borrowed until `error` is freed.
 * Errors: NULL for what is not an error object; `*length` is then left alone.
 * Threads: any.
 */
CRM_API const char *crm_error_details(crm_error *error, int64_t *length) CRM_NOEXCEPT;

/**
 * Frees an error object and the text borrowed from it. NULL is fine.
 *
 * Returns: CRM_OK.
 * Errors: CRM_ERROR_BAD_HANDLE.
 * Threads: any, once nobody reads it.
 */
CRM_API int32_t crm_error_free(crm_error *error) CRM_NOEXCEPT;

/*
 * ---- Version and leak check.
 *
 * A host that loads the library at run time compares `crm_abi_level()` with CRM_ABI_LEVEL.
 */

/**
 * The version of this header.
 */
#define CRM_VERSION "0.1.0"
#define CRM_VERSION_NUMBER 1000

/**
 * The level of the binary interface. A change that breaks compiled hosts raises it; packages
 * put it into the name of the shared library (`libcrm.so.1`).
 */
#define CRM_ABI_LEVEL 1

/**
 * The version of the library that is running: major * 1000000 + minor * 1000 + patch.
 * CRM_VERSION_NUMBER is the version of this header.
 *
 * Returns: the number.
 * Errors: none.
 * Threads: any.
 */
CRM_API int32_t crm_version_number(void) CRM_NOEXCEPT;

/**
 * The version of the library that is running, such as `1.2.3`, ending with a NUL.
 *
 * Returns: text that is valid for ever.
 * Errors: none.
 * Threads: any.
 */
CRM_API const char *crm_version_text(void) CRM_NOEXCEPT;

/**
 * The level of the binary interface of the library that is running. A library works with
 * headers of its own level only.
 *
 * Returns: the level.
 * Errors: none.
 * Threads: any.
 */
CRM_API int32_t crm_abi_level(void) CRM_NOEXCEPT;

/**
 * How many handles of this process are open: stores, sessions, statements, buffers, errors
 * and cancel tokens. 0 at the end of a program shows that it leaked none.
 *
 * Returns: the number.
 * Errors: none.
 * Threads: any.
 */
CRM_API int64_t crm_live_handles(void) CRM_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif /* CRM_H */
