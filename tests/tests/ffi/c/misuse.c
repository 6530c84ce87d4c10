/* Everything a host can do wrong with handles gives a status, and leaves no trace. */

#include "check.h"

static crm_db *db;
static crm_session *session;
static crm_statement *statement;

static void null_handles(void) {
    crm_error *error = NULL;
    crm_session *opened = NULL;
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_login(NULL, "anna", -1, &opened, &error));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_error_code(error));
    CHECK(strcmp(crm_error_name(error), "null_argument") == 0);
    CHECK(strstr(crm_error_details(error, NULL), "crm_db") != NULL);
    EXPECT(CRM_OK, crm_error_free(error));
    CHECK(opened == NULL);
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_login(db, NULL, -1, &opened, NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_login(db, "anna", -1, NULL, NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_open(NULL, -1, NULL, 0, &db, NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_step(NULL, NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_column_count(NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_cancel_fire(NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_error_code(NULL));
    CHECK(crm_column_text(NULL, 0, NULL) == NULL);
    CHECK(crm_buffer_data(NULL) == NULL);
    EXPECT(-1, crm_buffer_size(NULL));
    CHECK(crm_error_message(NULL, NULL) == NULL);
}

static void destructors_take_null(void) {
    EXPECT(CRM_OK, crm_close(NULL));
    EXPECT(CRM_OK, crm_session_close(NULL));
    EXPECT(CRM_OK, crm_finalize(NULL));
    EXPECT(CRM_OK, crm_buffer_free(NULL));
    EXPECT(CRM_OK, crm_error_free(NULL));
    EXPECT(CRM_OK, crm_cancel_free(NULL));
}

static void garbage_and_wrong_types(void) {
    int64_t local = 42;
    uintptr_t numbers[] = {1, 2, 3, 8, 4096, 0xDEADBEEF, UINTPTR_MAX, UINTPTR_MAX - 1};
    size_t i;
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if ((void *)numbers[i] == (void *)db) continue;
        EXPECT(CRM_ERROR_BAD_HANDLE, crm_close((crm_db *)numbers[i]));
        EXPECT(CRM_ERROR_BAD_HANDLE, crm_cancel_fire((crm_cancel *)numbers[i]));
    }
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_close((crm_db *)&local));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_close((crm_db *)session));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_finalize((crm_statement *)session));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_session_close((crm_session *)db));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_step((crm_statement *)db, NULL));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_error_free((crm_error *)session));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_call(session, "operations", -1, NULL, 0, NULL, NULL,
                                          (crm_cancel *)db, NULL, NULL));
    EXPECT(-1, crm_buffer_size((crm_buffer *)db));
}

static void places_keep_what_they_had(void) {
    crm_buffer *const mark = (crm_buffer *)&db;
    crm_buffer *buffer = mark;
    crm_error *error = (crm_error *)&db;
    int64_t id = 77;
    EXPECT(CRM_ERROR_UNKNOWN_OBJECT, crm_create(session, "nothing", -1, "{}", -1, &id, NULL));
    EXPECT(77, id);
    EXPECT(CRM_ERROR_UNKNOWN_OPERATION,
           crm_call(session, "nothing", -1, NULL, 0, NULL, NULL, NULL, &buffer, NULL));
    CHECK(buffer == mark);
    EXPECT(CRM_OK, crm_call(session, "operations", -1, NULL, 0, NULL, NULL, NULL, NULL, &error));
    CHECK(error == (crm_error *)&db);
}

static void misused_statements(void) {
    crm_statement *closed = NULL;
    int64_t number = 0;
    OK(crm_prepare(session, "SELECT name FROM department", -1, &closed, &error));
    EXPECT(CRM_ERROR_MISUSE, crm_column_type(closed, 0));
    CHECK(crm_column_text(closed, 0, NULL) == NULL);
    EXPECT(CRM_ROW, crm_step(closed, NULL));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, crm_column_type(closed, 1));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, crm_column_type(closed, -1));
    EXPECT(CRM_ERROR_WRONG_TYPE, crm_column_int64(closed, 0, &number, NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_column_int64(closed, 0, NULL, NULL));
    EXPECT(CRM_ERROR_MISUSE, crm_bind_int64(closed, 1, 1, NULL));
    EXPECT(CRM_OK, crm_reset(closed, NULL));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, crm_bind_int64(closed, 1, 1, NULL));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, crm_bind_int64(closed, -1, 1, NULL));
    EXPECT(CRM_OK, crm_finalize(closed));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_step(closed, NULL));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_reset(closed, NULL));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_finalize(closed));
    CHECK(crm_column_name(closed, 0, NULL) == NULL);
}

static void children_after_their_parents(void) {
    crm_session *other = system_session(db);
    crm_statement *orphan = NULL;
    crm_buffer *buffer = NULL;
    OK(crm_prepare(other, "SELECT name FROM department", -1, &orphan, &error));
    EXPECT(CRM_ROW, crm_step(orphan, NULL));
    EXPECT(CRM_OK, crm_session_close(other));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_session_close(other));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_step(orphan, NULL));
    EXPECT(CRM_OK, crm_finalize(orphan));

    EXPECT(CRM_ROW, crm_step(statement, NULL));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_close(db));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_system_session(db, &other, NULL));
    EXPECT(CRM_ERROR_CLOSED, crm_step(statement, NULL));
    EXPECT(CRM_ERROR_CLOSED, crm_get(session, "department", -1, 1, &buffer, NULL));
    EXPECT(CRM_OK, crm_session_close(session));
    EXPECT(CRM_OK, crm_finalize(statement));
}

/* A statement that stands on a row does not keep the file of a closed store. */
static void closing_frees_the_file(void) {
    static const char path[] = "closing.crm";
    crm_db *file = NULL;
    crm_session *host;
    crm_statement *rows = NULL;
    const char *text;
    remove(path);
    EXPECT(CRM_ERROR_IO, crm_open(path, -1, NULL, 0, &file, NULL));
    OK(crm_open(path, -1, "{\"create\":\"if_missing\"}", -1, &file, &error));
    host = system_session(file);
    create(host, "department", "{\"name\":\"North\"}");
    create(host, "department", "{\"name\":\"South\"}");
    OK(crm_prepare(host, "SELECT name FROM department", -1, &rows, &error));
    EXPECT(CRM_ROW, crm_step(rows, NULL));
    text = crm_column_text(rows, 0, NULL);
    EXPECT(CRM_OK, crm_close(file));
    CHECK(strcmp(text, "North") == 0);
    EXPECT(CRM_ERROR_CLOSED, crm_step(rows, NULL));
    OK(crm_open(path, -1, "{\"create\":\"if_missing\"}", -1, &file, &error));
    EXPECT(CRM_OK, crm_close(file));
    EXPECT(CRM_OK, crm_finalize(rows));
    EXPECT(CRM_OK, crm_session_close(host));
}

int main(void) {
    EXPECT(0, crm_live_handles());
    closing_frees_the_file();
    db = open_store();
    session = system_session(db);
    create(session, "department", "{\"name\":\"North\"}");
    OK(crm_prepare(session, "SELECT name FROM department", -1, &statement, &error));
    EXPECT(3, crm_live_handles());
    null_handles();
    destructors_take_null();
    garbage_and_wrong_types();
    places_keep_what_they_had();
    misused_statements();
    EXPECT(3, crm_live_handles());
    children_after_their_parents();
    EXPECT(0, crm_live_handles());
    return 0;
}
