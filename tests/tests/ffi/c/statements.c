/* Statements: columns by name, type and value; parameters; reset; text that stays until the
   next step. */

#include <math.h>

#include "check.h"

static void rows(crm_session *host, int64_t north) {
    crm_statement *statement = NULL;
    const char *first, *again;
    int64_t number = -1, length = -1;
    double real = -1;
    OK(crm_prepare(host, "SELECT name, id, parent FROM department", -1, &statement, &error));
    EXPECT(3, crm_column_count(statement));
    CHECK(strcmp(crm_column_name(statement, 0, &length), "name") == 0);
    EXPECT(4, length);
    CHECK(crm_column_name(statement, 3, NULL) == NULL);

    EXPECT(CRM_ROW, crm_step(statement, NULL));
    EXPECT(CRM_TYPE_TEXT, crm_column_type(statement, 0));
    first = crm_column_text(statement, 0, &length);
    EXPECT(5, length);
    CHECK(strcmp(first, "North") == 0);
    again = crm_column_text(statement, 0, NULL);
    CHECK(first == again);
    OK(crm_column_int64(statement, 1, &number, &error));
    EXPECT(north, number);
    EXPECT(CRM_TYPE_NULL, crm_column_type(statement, 2));
    EXPECT(CRM_NULL, crm_column_int64(statement, 2, &number, NULL));
    EXPECT(0, number);
    EXPECT(CRM_NULL, crm_column_double(statement, 2, &real, NULL));
    CHECK(crm_column_text(statement, 2, NULL) == NULL);

    EXPECT(CRM_ROW, crm_step(statement, NULL));
    CHECK(strcmp(crm_column_text(statement, 0, NULL), "South") == 0);
    EXPECT(CRM_DONE, crm_step(statement, NULL));
    EXPECT(CRM_DONE, crm_step(statement, NULL));
    EXPECT(CRM_ERROR_MISUSE, crm_column_type(statement, 0));
    EXPECT(CRM_OK, crm_reset(statement, NULL));
    EXPECT(CRM_ROW, crm_step(statement, NULL));
    CHECK(strcmp(crm_column_text(statement, 0, NULL), "North") == 0);
    EXPECT(CRM_OK, crm_finalize(statement));
}

static void parameters(crm_session *host) {
    crm_statement *statement = NULL;
    OK(crm_prepare(host, "SELECT name FROM department WHERE name = ?", -1, &statement, &error));
    OK(crm_bind_text(statement, 1, "South", -1, &error));
    EXPECT(CRM_ROW, crm_step(statement, NULL));
    EXPECT(CRM_OK, crm_finalize(statement));
    OK(crm_prepare(host, "SELECT name FROM department WHERE name = :n", -1, &statement, &error));
    OK(crm_bind_text_by_name(statement, "n", -1, "South", -1, &error));
    EXPECT(CRM_ERROR_INVALID_ARGUMENTS, crm_bind_null_by_name(statement, "m", -1, NULL));
    EXPECT(CRM_ERROR_INVALID_VALUE, crm_bind_double_by_name(statement, "n", -1, HUGE_VAL, NULL));
    EXPECT(CRM_ERROR_NULL_ARGUMENT, crm_bind_text(statement, 1, NULL, 0, NULL));
    EXPECT(CRM_ROW, crm_step(statement, NULL));
    EXPECT(CRM_OK, crm_finalize(statement));
}

int main(void) {
    crm_db *db = open_store();
    crm_session *host = system_session(db);
    crm_statement *statement = NULL;
    crm_error *error = NULL;
    int64_t north = create(host, "department", "{\"name\":\"North\"}");
    create(host, "department", "{\"name\":\"South\"}");
    rows(host, north);
    parameters(host);
    EXPECT(CRM_ERROR_SYNTAX, crm_prepare(host, "SELEKT name", -1, &statement, &error));
    CHECK(statement == NULL);
    CHECK(strstr(crm_error_details(error, NULL), "\"line\":1") != NULL);
    EXPECT(CRM_OK, crm_error_free(error));
    EXPECT(CRM_OK, crm_session_close(host));
    EXPECT(CRM_OK, crm_close(db));
    EXPECT(0, crm_live_handles());
    return 0;
}
