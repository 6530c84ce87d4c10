/* What the test programs share: each expectation that fails ends the program with its place. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crm.h"

#define CHECK(condition)                                                        \
    do {                                                                        \
        if (!(condition)) {                                                     \
            printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

#define EXPECT(expected, call)                                                  \
    do {                                                                        \
        long long got_ = (long long)(call);                                     \
        if (got_ != (long long)(expected)) {                                    \
            printf("%s:%d: %s gave %lld\n", __FILE__, __LINE__, #call, got_);   \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

/* A call whose last argument is `&error`; prints what went wrong. */
#define OK(call)                                                                \
    do {                                                                        \
        crm_error *error = NULL;                                                \
        int32_t status_ = (call);                                               \
        if (status_ != CRM_OK) {                                                \
            printf("%s:%d: %s gave %d %s %s\n", __FILE__, __LINE__, #call,      \
                   (int)status_, error ? crm_error_message(error, NULL) : "",   \
                   error ? crm_error_details(error, NULL) : "");                \
            exit(1);                                                            \
        }                                                                       \
    } while (0)

/* A store in memory without the standard pack: users and departments are always there. */
static inline crm_db *open_store(void) {
    crm_db *db = NULL;
    OK(crm_open(NULL, 0, "{\"in_memory\":true,\"standard_pack\":false}", -1, &db, &error));
    return db;
}

static inline crm_session *system_session(crm_db *db) {
    crm_session *session = NULL;
    OK(crm_system_session(db, &session, &error));
    return session;
}

static inline int64_t create(crm_session *session, const char *object, const char *fields) {
    int64_t id = 0;
    OK(crm_create(session, object, -1, fields, -1, &id, &error));
    return id;
}

#endif
