/* One thread imports and stops in its progress callback; meanwhile the other one meets the busy
   session, uses its own, and cancels the import. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>

#include "check.h"

static crm_db *db;
static crm_session *importing;
static crm_session *other;
static crm_statement *statement;
static crm_cancel *cancel;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int inside, go_on;

static const char *const import =
    "{\"object\":\"department\",\"columns\":{\"name\":\"name\"},"
    "\"text\":\"name\\nNorth\\nSouth\\nEast\\nWest\\n\"}";

static int32_t wait_inside(void *userdata, int64_t done, int64_t total) {
    CHECK(userdata == (void *)&db);
    CHECK(done >= 0 && total >= -1);
    pthread_mutex_lock(&mutex);
    inside = 1;
    pthread_cond_broadcast(&changed);
    while (!go_on) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    EXPECT(CRM_ERROR_MISUSE, crm_session_close(importing));
    return CRM_CONTINUE;
}

static void *run_import(void *unused) {
    crm_buffer *answer = NULL;
    crm_error *error = NULL;
    (void)unused;
    EXPECT(CRM_ERROR_CANCELLED, crm_call(importing, "import.csv", -1, import, -1, wait_inside, &db,
                                         cancel, &answer, &error));
    CHECK(answer == NULL);
    EXPECT(CRM_ERROR_CANCELLED, crm_error_code(error));
    return error;
}

static int32_t stop(void *userdata, int64_t done, int64_t total) {
    (void)done;
    (void)total;
    *(int *)userdata += 1;
    return CRM_STOP;
}

static void meet_the_busy_session(void) {
    crm_buffer *record = NULL;
    EXPECT(CRM_ERROR_MISUSE, crm_get(importing, "department", -1, 1, &record, NULL));
    EXPECT(CRM_ERROR_MISUSE, crm_step(statement, NULL));
    EXPECT(CRM_ERROR_MISUSE, crm_finalize(statement));
    EXPECT(CRM_ERROR_MISUSE, crm_session_close(importing));
    EXPECT(CRM_NOT_FOUND, crm_get(other, "department", -1, 999999, &record, NULL));
}

int main(void) {
    pthread_t thread;
    void *error = NULL;
    crm_error *told = NULL;
    int calls = 0;
    db = open_store();
    importing = system_session(db);
    other = system_session(db);
    OK(crm_prepare(importing, "SELECT name FROM department", -1, &statement, &error));
    OK(crm_cancel_new(&cancel, &error));

    CHECK(pthread_create(&thread, NULL, run_import, NULL) == 0);
    pthread_mutex_lock(&mutex);
    while (!inside) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    meet_the_busy_session();
    EXPECT(CRM_OK, crm_cancel_fire(cancel));
    pthread_mutex_lock(&mutex);
    go_on = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    CHECK(pthread_join(thread, &error) == 0);
    EXPECT(CRM_OK, crm_error_free((crm_error *)error));

    /* The session goes on, on this thread now. A fired token ends a call before it begins. */
    EXPECT(CRM_ERROR_CANCELLED,
           crm_call(importing, "verify", -1, NULL, 0, NULL, NULL, cancel, NULL, NULL));
    EXPECT(CRM_OK, crm_cancel_free(cancel));
    EXPECT(CRM_ERROR_BAD_HANDLE, crm_cancel_fire(cancel));
    EXPECT(CRM_ERROR_CANCELLED, crm_call(importing, "import.csv", -1, import, -1, stop, &calls,
                                         NULL, NULL, &told));
    EXPECT(1, calls);
    EXPECT(CRM_OK, crm_error_free(told));

    /* The import hears of progress after it has committed rows: those stay. */
    EXPECT(CRM_ROW, crm_step(statement, NULL));

    EXPECT(CRM_OK, crm_finalize(statement));
    EXPECT(CRM_OK, crm_session_close(importing));
    EXPECT(CRM_OK, crm_session_close(other));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(0, crm_live_handles());
    return 0;
}
