/* Text in: by length or up to its NUL, UTF-8 or refused with the place, JSON or refused. */

#include "check.h"

static void details_have(crm_error *error, int32_t code, const char *first, const char *second) {
    int64_t length = -1;
    const char *details = crm_error_details(error, &length);
    EXPECT(code, crm_error_code(error));
    EXPECT(strlen(details), length);
    CHECK(strstr(details, first) != NULL);
    CHECK(strstr(details, second) != NULL);
    EXPECT(CRM_OK, crm_error_free(error));
    CHECK(crm_error_message(error, NULL) == NULL);
}

int main(void) {
    crm_db *db = open_store();
    crm_session *session = system_session(db);
    crm_buffer *buffer = NULL;
    crm_error *error = NULL;
    int64_t id = 0;

    EXPECT(CRM_ERROR_INVALID_UTF8, crm_get(session, "dep\xFF", -1, 1, &buffer, &error));
    details_have(error, CRM_ERROR_INVALID_UTF8, "\"offset\":3", "\"argument\":\"object\"");
    EXPECT(CRM_ERROR_INVALID_UTF8,
           crm_create(session, "department", -1, "{\"name\":\"\xC3\"}", 11, &id, &error));
    details_have(error, CRM_ERROR_INVALID_UTF8, "\"offset\":9", "\"argument\":\"fields\"");
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, crm_get(session, "department", -2, 1, &buffer, &error));
    details_have(error, CRM_ERROR_INVALID_ARGUMENTS, "object", "object");
    EXPECT(CRM_ERROR_SYNTAX, crm_create(session, "department", -1, "{\"name\":", -1, &id, &error));
    details_have(error, CRM_ERROR_SYNTAX, "\"line\":1", "\"column\":8");
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS,
           crm_open("x", -1, "{\"colour\":\"red\"}", -1, &db, &error));
    details_have(error, CRM_ERROR_INVALID_ARGUMENTS, "options", "options");

    /* Only the given length is read, and text comes back with its length and a NUL. */
    OK(crm_create(session, "departments", 10, "{\"name\":\"North\"}...", 16, &id, &error));
    EXPECT(CRM_OK, crm_get(session, "department", -1, id, &buffer, NULL));
    EXPECT(strlen(crm_buffer_data(buffer)), crm_buffer_size(buffer));
    CHECK(strstr(crm_buffer_data(buffer), "\"North\"") != NULL);
    EXPECT(CRM_OK, crm_buffer_free(buffer));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_buffer_free(buffer));

    EXPECT(CRM_OK, crm_session_close(session));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(0, crm_live_handles());
    return 0;
}
