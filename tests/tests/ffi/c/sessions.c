/* Sessions that prove who opens them: passwords, origins, and their end. */

#include "check.h"

static int32_t enter(crm_db *db, const char *login, crm_session **session) {
    return crm_open_session(db, login, -1, session, NULL);
}

static void call(crm_session *session, const char *operation, const char *arguments) {
    OK(crm_call(session, operation, -1, arguments, -1, NULL, NULL, NULL, NULL, &error));
}

int main(void) {
    crm_db *db = open_store();
    crm_session *host = system_session(db);
    crm_session *session = NULL;
    crm_session *second = NULL;
    crm_buffer *answer = NULL;
    crm_error *error = NULL;
    char arguments[128];
    int64_t anna = create(host, "user", "{\"login\":\"anna\",\"name\":\"Anna\",\"ip_limited\":true}");

    create(host, "setting", "{\"name\":\"allowed_ips\",\"value\":\"10.0.0.0/8\"}");
    snprintf(arguments, sizeof arguments, "{\"user\":%lld,\"new\":\"correct horse\"}", (long long)anna);
    call(host, "password.set", arguments);

    EXPECT(CRM_ERROR_LOGIN_REFUSED, enter(db, "{\"login\":\"anna\",\"password\":\"correct horse\"}", &session));
    EXPECT(CRM_ERROR_LOGIN_REFUSED,
           enter(db, "{\"login\":\"anna\",\"password\":\"x\",\"origin\":{\"ip\":\"10.0.0.1\"}}", &session));
    EXPECT(CRM_ERROR_LOGIN_REFUSED, enter(db, "{\"login\":\"nobody\",\"password\":\"x\"}", &session));
    CHECK(session == NULL);

    /* What is not understood is named, but never the password. */
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS,
           crm_open_session(db, "{\"login\":\"anna\",\"password\":31415926}", -1, &session, &error));
    CHECK(strstr(crm_error_message(error, NULL), "31415926") == NULL);
    EXPECT(CRM_OK, crm_error_free(error));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, enter(db, "{\"login\":\"anna\",\"colour\":1}", &session));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, enter(db, "{\"login\":\"anna\",\"origin\":{\"ip\":\"x\"}}", &session));
    EXPECT(CRM_ERROR_SYNTAX, enter(db, "{", &session));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, enter(db, NULL, &session));

    EXPECT(CRM_OK, enter(db, "{\"login\":\"anna\",\"password\":\"correct horse\","
                             "\"origin\":{\"ip\":\"10.0.0.1\",\"computer\":\"PC-1\"}}", &session));
    EXPECT(CRM_OK, enter(db, "{\"login\":\"anna\",\"vouched\":true,\"origin\":{\"ip\":\"10.0.0.2\"}}", &second));
    OK(crm_call(host, "sessions", -1, NULL, 0, NULL, NULL, NULL, &answer, &error));
    CHECK(strstr(crm_buffer_data(answer), "\"10.0.0.1\"") != NULL);
    CHECK(strstr(crm_buffer_data(answer), "\"10.0.0.2\"") != NULL);
    EXPECT(CRM_OK, crm_buffer_free(answer));

    /* A session that is closed is in the list no more, and the journal tells of its end. */
    EXPECT(CRM_OK, crm_session_close(second));
    OK(crm_call(host, "sessions", -1, NULL, 0, NULL, NULL, NULL, &answer, &error));
    CHECK(strstr(crm_buffer_data(answer), "\"10.0.0.2\"") == NULL);
    EXPECT(CRM_OK, crm_buffer_free(answer));
    OK(crm_call(host, "journal", -1, "{\"kinds\":[\"logout\"]}", -1, NULL, NULL, NULL, &answer, &error));
    CHECK(strstr(crm_buffer_data(answer), "\"10.0.0.2\"") != NULL);
    EXPECT(CRM_OK, crm_buffer_free(answer));

    /* Closing the access ends the open session at its next call. */
    snprintf(arguments, sizeof arguments, "{\"user\":%lld}", (long long)anna);
    call(host, "user.close_access", arguments);
    EXPECT(CRM_ERROR_DENIED, crm_get(session, "user", -1, anna, &answer, NULL));
    EXPECT(CRM_OK, crm_session_close(session));
    EXPECT(CRM_OK, crm_session_close(host));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(0, crm_live_handles());
    return 0;
}
