/*
 * A host in C: loads a public sales base of 8,800 deals into a new store and shows what the
 * engine is for. `examples/quickstart` is the same in Rust, with a few more things.
 *
 *     make run        or: ./c_host [STORE [FOLDER-OF-THE-CSV-FILES]]
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crm.h"
#include "table.h"

static const char MANAGER[] = "dustin.brinkmann";
static const char AGENT[] = "moses.frase";
static const char LEAVER[] = "Darcel Schlecht";
static const char SUCCESSOR[] = "Gladys Colclough";
static const int64_t MISSING_ID = 9999999;

/* ---- Errors ---- */

/* Prints an error in full and frees it. */
static void tell(const char *what, int32_t status, crm_error *error) {
    if (error == NULL) {
        printf("%s: status %d\n", what, (int)status);
        return;
    }
    printf("%s: %s (%s, %d) %s\n", what, crm_error_message(error, NULL), crm_error_name(error),
           (int)crm_error_code(error), crm_error_details(error, NULL));
    crm_error_free(error);
}

/* What must succeed here. The program ends where it does not; what was committed stays. */
static void must(const char *what, int32_t status, crm_error *error) {
    if (status < 0) {
        tell(what, status, error);
        exit(EXIT_FAILURE);
    }
}

/* ---- Short forms of the calls this program makes often ---- */

static crm_session *login(crm_db *db, const char *name) {
    crm_session *session = NULL;
    crm_error *error = NULL;
    must(name, crm_login(db, name, -1, &session, &error), error);
    return session;
}

static int64_t create(crm_session *session, const char *object, struct text *fields) {
    crm_error *error = NULL;
    int64_t id = 0;
    must(object, crm_create(session, object, -1, fields->data, -1, &id, &error), error);
    text_free(fields);
    return id;
}

static crm_statement *prepare(crm_session *session, const char *sql) {
    crm_statement *statement = NULL;
    crm_error *error = NULL;
    must(sql, crm_prepare(session, sql, -1, &statement, &error), error);
    return statement;
}

/* Whether there is a further row. */
static int step(crm_statement *statement) {
    crm_error *error = NULL;
    int32_t status = crm_step(statement, &error);
    must("step", status, error);
    return status == CRM_ROW;
}

static void bind_id(crm_statement *statement, int32_t index, int64_t id) {
    crm_error *error = NULL;
    must("bind", crm_bind_int64(statement, index, id, &error), error);
}

static int64_t number(crm_statement *statement, int32_t column) {
    crm_error *error = NULL;
    int64_t value = 0;
    must("column", crm_column_int64(statement, column, &value, &error), error);
    return value;
}

static const char *words(crm_statement *statement, int32_t column) {
    const char *text = crm_column_text(statement, column, NULL);
    return text != NULL ? text : "-";
}

static crm_buffer *call(crm_session *session, const char *operation, struct text *arguments,
                        crm_progress_fn progress, void *userdata) {
    crm_buffer *answer = NULL;
    crm_error *error = NULL;
    must(operation,
         crm_call(session, operation, -1, arguments->data, (int64_t)arguments->size, progress,
                  userdata, NULL, &answer, &error),
         error);
    text_free(arguments);
    return answer;
}

/* ---- Users ---- */

static void login_name(char *login, size_t room, const char *name) {
    size_t at;
    for (at = 0; name[at] != '\0' && at + 1 < room; at++) {
        char letter = name[at];
        if (letter == ' ') letter = '.';
        if (letter >= 'A' && letter <= 'Z') letter = (char)(letter - 'A' + 'a');
        login[at] = letter;
    }
    login[at] = '\0';
}

/* The id in the first column of the first row, 0 where there is none. */
static int64_t find(crm_session *session, const char *sql, const char *parameter) {
    crm_statement *statement = prepare(session, sql);
    crm_error *error = NULL;
    int64_t id = 0;
    must(sql, crm_bind_text(statement, 1, parameter, -1, &error), error);
    if (step(statement)) id = number(statement, 0);
    crm_finalize(statement);
    return id;
}

static int64_t find_user(crm_session *session, const char *name) {
    return find(session, "SELECT id FROM user WHERE name = ?", name);
}

static int64_t create_user(crm_session *host, const char *name, const char *role,
                           int64_t department, int64_t supervisor) {
    struct text fields = {0};
    char login[80];
    login_name(login, sizeof login, name);
    text_add(&fields, "{\"name\":");
    text_add_json(&fields, name);
    text_add(&fields, ",\"login\":");
    text_add_json(&fields, login);
    text_add(&fields, ",\"roles\":[");
    text_add_json(&fields, role);
    text_add(&fields, "],\"department\":");
    text_add_number(&fields, department);
    if (supervisor != 0) {
        text_add(&fields, ",\"supervisor\":");
        text_add_number(&fields, supervisor);
    } else {
        /* The kind of user that others may have as their supervisor. */
        text_add(&fields, ",\"kind\":\"administration\"");
    }
    text_add(&fields, "}");
    return create(host, "user", &fields);
}

/* Regional offices become departments, managers and agents users; a manager supervises his
   agents. */
static void load_organisation(crm_session *host, const char *data) {
    struct table teams = table_read(data, "sales_teams.csv");
    size_t row;
    for (row = 1; row < teams.rows; row++) {
        const char *manager = table_cell(&teams, row, 1);
        const char *office = table_cell(&teams, row, 2);
        int64_t department = find(host, "SELECT id FROM department WHERE name = ?", office);
        int64_t supervisor;
        if (department == 0) {
            struct text fields = {0};
            text_add(&fields, "{\"name\":");
            text_add_json(&fields, office);
            text_add(&fields, "}");
            department = create(host, "department", &fields);
        }
        supervisor = find_user(host, manager);
        if (supervisor == 0) supervisor = create_user(host, manager, "manager", department, 0);
        create_user(host, table_cell(&teams, row, 0), "agent", department, supervisor);
    }
    printf("%lu agents with their managers and offices.\n", (unsigned long)teams.rows - 1);
    table_free(&teams);
}

/* ---- Import ---- */

static int32_t show_progress(void *userdata, int64_t done, int64_t total) {
    if (total > 0) fprintf(stderr, "\r%s %3d %%", (const char *)userdata, (int)(100 * done / total));
    return CRM_CONTINUE;
}

/* Imports `source`, a member `"path": ...` or `"text": ...`, as `columns` say. */
static void import(crm_session *host, const char *object, struct text *source,
                   const char *columns) {
    struct text job = {0};
    crm_buffer *report;
    const char *json;
    text_add(&job, "{\"object\":");
    text_add_json(&job, object);
    text_add(&job, ",");
    text_add(&job, source->data);
    text_add(&job, ",");
    text_add(&job, columns);
    text_add(&job, "}");
    text_free(source);
    report = call(host, "import.csv", &job, show_progress, (void *)object);
    json = crm_buffer_data(report);
    fprintf(stderr, "\r                    \r");
    printf("%s: %lld rows in, %lld stored, %lld refused, %lld cells repaired.\n", object,
           json_number(json, "rows_read"), json_number(json, "rows_stored"),
           json_number(json, "rows_refused"), json_number(json, "cells_repaired"));
    crm_buffer_free(report);
}

static struct text path_of(const char *data, const char *file) {
    struct text path = {0}, member = {0};
    text_add(&path, data);
    text_add(&path, "/");
    text_add(&path, file);
    text_add(&member, "\"path\":");
    text_add_json(&member, path.data);
    text_free(&path);
    return member;
}

/* The agent with the most deals of a company, ties by name; empty where there is none. */
static const char *busiest_agent(const struct table *deals, const struct table *teams,
                                 const char *company) {
    const char *best = "";
    size_t most = 0, at, row;
    for (at = 1; at < teams->rows; at++) {
        const char *agent = table_cell(teams, at, 0);
        size_t count = 0;
        for (row = 1; row < deals->rows; row++) {
            count += strcmp(table_cell(deals, row, 3), company) == 0
                     && strcmp(table_cell(deals, row, 1), agent) == 0;
        }
        if (count > most || (count == most && count > 0 && strcmp(agent, best) < 0)) {
            best = agent;
            most = count;
        }
    }
    return best;
}

/* The file of companies knows no owners: a column is added. */
static struct text companies_with_owners(const char *data) {
    struct table accounts = table_read(data, "accounts.csv");
    struct table deals = table_read(data, "sales_pipeline.csv");
    struct table teams = table_read(data, "sales_teams.csv");
    struct text csv = {0}, member = {0};
    size_t row, column;
    for (row = 0; row < accounts.rows; row++) {
        for (column = 0; column < accounts.columns; column++) {
            text_add(&csv, table_cell(&accounts, row, column));
            text_add(&csv, ",");
        }
        text_add(&csv, row == 0 ? "owner"
                                : busiest_agent(&deals, &teams, table_cell(&accounts, row, 0)));
        text_add(&csv, "\n");
    }
    text_add(&member, "\"name\":\"accounts.csv\",\"text\":");
    text_add_json(&member, csv.data);
    text_free(&csv);
    table_free(&accounts);
    table_free(&deals);
    table_free(&teams);
    return member;
}

static void load_base(crm_session *host, const char *data) {
    struct text source = path_of(data, "products.csv");
    import(host, "product", &source,
           "\"columns\":{\"product\":\"name\",\"series\":\"series\","
           "\"sales_price\":{\"field\":\"price\",\"currency\":\"USD\"}}");
    source = companies_with_owners(data);
    import(host, "company", &source,
           "\"set\":{\"legal_form\":\"legal_entity\"},"
           "\"columns\":{\"account\":\"name\","
           "\"sector\":{\"field\":\"industry\",\"alias\":{\"technolgy\":\"technology\"}},"
           "\"year_established\":\"year_established\",\"revenue\":\"revenue\","
           "\"employees\":\"employees\",\"office_location\":\"location\","
           "\"owner\":{\"field\":\"owner\",\"match\":\"name\"}},"
           "\"ignore\":[\"subsidiary_of\"]");
    source = path_of(data, "sales_pipeline.csv");
    import(host, "deal", &source,
           "\"columns\":{\"opportunity_id\":\"title\","
           "\"sales_agent\":{\"field\":\"owner\",\"match\":\"name\"},"
           "\"product\":{\"field\":\"product\",\"match\":\"name\","
           "\"alias\":{\"GTXPro\":\"GTX Pro\"}},"
           "\"account\":{\"field\":\"company\",\"match\":\"name\",\"expected\":true},"
           "\"deal_stage\":\"stage\","
           "\"engage_date\":{\"field\":\"start_date\",\"expected\":true},"
           "\"close_date\":\"close_date\","
           "\"close_value\":{\"field\":\"amount\",\"currency\":\"USD\"}}");
}

/* ---- What the engine is for ---- */

/* Everybody asks the same question and gets the answer that his rights give. */
static void funnel(crm_session *session, const char *who) {
    crm_statement *statement =
        prepare(session, "SELECT stage, count(*), sum(amount) FROM deal GROUP BY stage");
    printf("\nFunnel as %s\n", who);
    while (step(statement)) {
        printf("  %-12s %6lld %16s\n", words(statement, 0), (long long)number(statement, 1),
               words(statement, 2));
    }
    crm_finalize(statement);
}

static void funnels(crm_db *db, crm_session *host) {
    crm_session *manager = login(db, MANAGER);
    crm_session *agent = login(db, AGENT);
    funnel(host, "administrator");
    funnel(manager, MANAGER);
    funnel(agent, AGENT);
    crm_session_close(agent);
    crm_session_close(manager);
}

static void look_up(crm_session *session, const char *what, int64_t id) {
    crm_buffer *record = NULL;
    crm_error *error = NULL;
    int32_t status = crm_get(session, "deal", -1, id, &record, &error);
    must(what, status, error);
    printf("  %s: reading gives %s\n", what,
           status == CRM_NOT_FOUND ? "nothing" : crm_buffer_data(record));
    crm_buffer_free(record);
    status = crm_update(session, "deal", -1, id, "{\"title\":\"mine\"}", -1, 0, NULL, &error);
    if (status < 0) tell("    writing gives", status, error);
}

/* A record of somebody else and a record that does not exist give the same answer. */
static void refused_look_up(crm_db *db, crm_session *host) {
    crm_statement *foreign = prepare(host, "SELECT id FROM deal WHERE owner = ? LIMIT 1");
    crm_session *agent = login(db, AGENT);
    bind_id(foreign, 1, find_user(host, LEAVER));
    printf("\nAs %s\n", AGENT);
    if (step(foreign)) look_up(agent, "a deal of another agent", number(foreign, 0));
    look_up(agent, "a deal that does not exist", MISSING_ID);
    crm_session_close(agent);
    crm_finalize(foreign);
}

/* One agent leaves: his access is closed first, then everything of his goes to another. */
static void hand_over(crm_session *host) {
    struct text arguments = {0};
    crm_buffer *report;
    int64_t from = find_user(host, LEAVER), to = find_user(host, SUCCESSOR);
    printf("\n%s leaves; %s takes over\n", LEAVER, SUCCESSOR);
    text_add(&arguments, "{\"user\":");
    text_add_number(&arguments, from);
    text_add(&arguments, "}");
    crm_buffer_free(call(host, "user.close_access", &arguments, NULL, NULL));

    text_add(&arguments, "{\"from\":");
    text_add_number(&arguments, from);
    text_add(&arguments, ",\"to\":");
    text_add_number(&arguments, to);
    text_add(&arguments, ",\"objects\":[\"company\",\"deal\"]}");
    report = call(host, "transfer", &arguments, NULL, NULL);
    printf("  %s\n", crm_buffer_data(report));
    crm_buffer_free(report);
}

static int verify(crm_session *host) {
    struct text none = {0};
    crm_buffer *report = call(host, "verify", &none, NULL, NULL);
    const char *json = crm_buffer_data(report);
    long long faults = json_number(json, "faults");
    printf("\nVerified %lld records and %lld journal entries: %lld faults.\n",
           json_number(json, "records"), json_number(json, "journal_entries"), faults);
    crm_buffer_free(report);
    return faults == 0;
}

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : "c_host.crm";
    const char *data = count > 2 ? arguments[2] : "../data/maven";
    crm_db *db = NULL;
    crm_session *host = NULL;
    crm_error *error = NULL;
    int sound;

    if (crm_abi_level() != CRM_ABI_LEVEL) {
        printf("libcrm %s does not fit this program\n", crm_version_text());
        return EXIT_FAILURE;
    }
    /* The default store is the example's own and is made anew; a named one is never replaced. */
    if (count < 2) remove(path);
    must(path, crm_open(path, -1, "{\"create\":true}", -1, &db, &error), error);
    must(path, crm_system_session(db, &host, &error), error);
    printf("Created %s with libcrm %s.\n", path, crm_version_text());

    load_organisation(host, data);
    load_base(host, data);
    funnels(db, host);
    refused_look_up(db, host);
    hand_over(host);
    sound = verify(host);

    must("close", crm_session_close(host), NULL);
    must("close", crm_close(db), NULL);
    printf("%lld handles are open.\n", (long long)crm_live_handles());
    return sound && crm_live_handles() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
