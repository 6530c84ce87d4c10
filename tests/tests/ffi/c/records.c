/* Records: create, get, update, delete; conflicts; what may not be seen is not there. */

#include "check.h"

static void conflicts(crm_session *host, int64_t id) {
    int64_t version = 0;
    OK(crm_update(host, "department", -1, id, "{\"name\":\"South\"}", -1, 1, &version, &error));
    EXPECT(2, version);
    EXPECT(CRM_ERROR_CONFLICT,
           crm_update(host, "department", -1, id, "{\"name\":\"East\"}", -1, 1, &version, NULL));
    EXPECT(2, version);
    OK(crm_update(host, "department", -1, id, "{\"name\":\"East\"}", -1, 0, NULL, &error));
    EXPECT(CRM_ERROR_INVALID_VALUE,
           crm_update(host, "department", -1, id, "{}", -1, -1, NULL, NULL));
}

static void absent(crm_session *session, int64_t id) {
    crm_buffer *record = (crm_buffer *)&record;
    crm_error *error = NULL;
    EXPECT(CRM_NOT_FOUND, crm_get(session, "department", -1, id, &record, &error));
    CHECK(record == NULL && error == NULL);
}

/* A host that keeps the time decides what a record is stamped with. */
static void time_of_the_host(void) {
    crm_db *db = NULL, *usual = open_store();
    crm_session *host;
    crm_buffer *record = NULL;
    int64_t id;
    OK(crm_open(NULL, 0, "{\"in_memory\":true,\"time\":\"2026-03-01T09:00:00Z\"}", -1, &db, &error));
    OK(crm_set_time(db, "2026-03-02T10:30:00Z", -1, &error));
    EXPECT(CRM_ERROR_INVALID_VALUE, crm_set_time(db, "soon", -1, NULL));
    EXPECT(CRM_ERROR_MISUSE, crm_set_time(usual, "2026-03-02T10:30:00Z", -1, NULL));
    host = system_session(db);
    id = create(host, "department", "{\"name\":\"North\"}");
    OK(crm_get(host, "department", -1, id, &record, &error));
    CHECK(strstr(crm_buffer_data(record), "2026-03-02T10:30:00") != NULL);
    EXPECT(CRM_OK, crm_buffer_free(record));
    EXPECT(CRM_OK, crm_session_close(host));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(CRM_OK, crm_close(usual));
}

int main(void) {
    crm_db *db = open_store();
    crm_session *host = system_session(db);
    crm_session *anna = NULL;
    crm_buffer *record = NULL;
    crm_error *error = NULL;
    int64_t id = create(host, "department", "{\"name\":\"North\"}");

    OK(crm_get(host, "department", -1, id, &record, &error));
    CHECK(strstr(crm_buffer_data(record), "\"name\":\"North\"") != NULL);
    EXPECT(CRM_OK, crm_buffer_free(record));
    conflicts(host, id);
    time_of_the_host();

    EXPECT(CRM_ERROR_LOGIN_REFUSED, crm_login(db, "anna", -1, &anna, &error));
    CHECK(strcmp(crm_error_name(error), "login_refused") == 0);
    EXPECT(CRM_OK, crm_error_free(error));
    create(host, "user", "{\"login\":\"anna\",\"name\":\"Anna\"}");
    OK(crm_login(db, "anna", -1, &anna, &error));
    absent(anna, 999999);
    absent(host, 999999);

    EXPECT(CRM_ERROR_INVALID_VALUE, crm_get(host, "department", -1, 0, &record, NULL));
    OK(crm_delete(host, "department", -1, id, 0, &error));
    EXPECT(CRM_ERROR_NOT_FOUND, crm_delete(host, "department", -1, id, 0, NULL));
    absent(host, id);

    EXPECT(CRM_OK, crm_session_close(anna));
    EXPECT(CRM_OK, crm_session_close(host));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(0, crm_live_handles());
    return 0;
}
