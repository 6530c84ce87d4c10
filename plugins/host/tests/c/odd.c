/* A plugin that the tests bend out of shape, one definition at a time. */

#include <crm_plugin.h>
#include <stdio.h>

#ifndef STRUCT_SIZE
#define STRUCT_SIZE sizeof(crm_plugin_table)
#endif
#ifndef ABI_MAJOR
#define ABI_MAJOR CRM_PLUGIN_ABI_MAJOR
#endif
#ifndef MIN_ENGINE_ABI
#define MIN_ENGINE_ABI 0
#endif
#ifndef MAGIC
#define MAGIC CRM_PLUGIN_MAGIC
#endif
#ifndef NAME
#define NAME "Odd"
#endif
#ifndef INIT
#define INIT init
#endif
#ifndef WATCHED
#define WATCHED "name , number"
#endif
#ifndef TAIL
#define TAIL 0
#endif

static const crm_plugin_host *kept_host;
static crm_plugin_context *kept_context;

/* Tells the test what happened. */
static void tell(const char *what) {
#ifdef LOG
    FILE *log = fopen(LOG, "a");
    if (log != NULL) {
        fprintf(log, "%s\n", what);
        fclose(log);
    }
#else
    (void)what;
#endif
}

static int32_t failed(const crm_plugin_draft_api *api, crm_plugin_draft *draft, const char *what) {
    api->set_error(draft, 42, what, -1);
    return CRM_PLUGIN_FAILED;
}

static void free_userdata(void *userdata) {
    tell((const char *)userdata);
}

static int32_t add(const char *name, const char *object, const char *fields);

/* Calls everything wrongly; each wrong call must be answered, none may harm. */
static int32_t validate(void *userdata, const crm_plugin_draft_api *api, crm_plugin_draft *draft) {
    crm_plugin_text text = {NULL, 7};
    crm_plugin_text again = {NULL, 7};
    int64_t number = 7;
    int32_t checked = 7;

    (void)userdata;
    if (api->text(NULL, "name", -1, &text) != CRM_PLUGIN_NULL_ARGUMENT ||
        api->text(draft, NULL, 4, &text) != CRM_PLUGIN_NULL_ARGUMENT ||
        api->text(draft, "name", -1, NULL) != CRM_PLUGIN_NULL_ARGUMENT ||
        api->refuse(draft, "name", -1, NULL, -1) != CRM_PLUGIN_NULL_ARGUMENT) {
        return failed(api, draft, "a NULL was taken");
    }
    if (api->text(draft, "name", -2, &text) != CRM_PLUGIN_INVALID_ARGUMENTS ||
        api->text(draft, "\xff", 1, &text) != CRM_PLUGIN_INVALID_UTF8) {
        return failed(api, draft, "a bad text was taken");
    }
    if (api->integer(draft, "missing", -1, &number) != CRM_PLUGIN_UNKNOWN_FIELD ||
        api->integer(draft, "name", -1, &number) != CRM_PLUGIN_WRONG_TYPE ||
        api->checkbox(draft, "empty", -1, &checked) != CRM_PLUGIN_EMPTY) {
        return failed(api, draft, "a field was misread");
    }
    if (text.len != 7 || number != 7 || checked != 7) {
        return failed(api, draft, "a failed call has written its result");
    }
    if (add("late", "company", "name") != CRM_PLUGIN_MISUSE ||
        kept_host->set_error(kept_context, 1, "late", -1) != CRM_PLUGIN_MISUSE) {
        return failed(api, draft, "the registration is not frozen");
    }
    if (api->text(draft, "name", 4, &text) != CRM_PLUGIN_OK ||
        api->text(draft, "name", -1, &again) != CRM_PLUGIN_OK || text.data != again.data ||
        text.data[text.len] != '\0') {
        return failed(api, draft, "a text does not stay in place");
    }
    while (api->refuse(draft, "", 0, text.data, text.len) == CRM_PLUGIN_OK) {
    }
    return CRM_PLUGIN_OK;
}

static int32_t add(const char *name, const char *object, const char *fields) {
    const crm_plugin_validator descriptor = {
        (int32_t)sizeof(crm_plugin_validator), {name, -1}, {object, -1}, {fields, -1}};
    const crm_plugin_validator_vtable vtable = {
        (int32_t)sizeof(crm_plugin_validator_vtable), validate};

    return kept_host->register_validator(kept_context, &descriptor, &vtable, (void *)name,
                                         free_userdata);
}

static int32_t init(const crm_plugin_host *host, crm_plugin_context *context) {
    kept_host = host;
    kept_context = context;
    add("first", "company", WATCHED);
#ifdef SECOND
    add(SECOND, "company", "name");
#endif
#ifdef INIT_FAILS
    host->set_error(context, 17, "no licence", -1);
    return CRM_PLUGIN_FAILED;
#else
    return CRM_PLUGIN_OK;
#endif
}

static void deinit(void) {
    tell("deinit");
}

static const struct {
    crm_plugin_table table;
    int64_t tail;
} entry = {
    {
        (int32_t)(STRUCT_SIZE),
        ABI_MAJOR,
        CRM_PLUGIN_ABI_MINOR,
        MIN_ENGINE_ABI,
        MAGIC,
        {"test.odd", -1},
        {NAME, -1},
        {"Test", 4},
        {"1.0.0", -1},
        INIT,
        deinit,
    },
    TAIL,
};

#ifdef NO_ENTRY
const crm_plugin_table *another_entry(void);
#define crm_plugin_entry_v1 another_entry
#endif

const crm_plugin_table *crm_plugin_entry_v1(void) {
#ifdef NO_TABLE
    return (void)&entry, (const crm_plugin_table *)NULL;
#else
    return &entry.table;
#endif
}
