/* crm_plugin.h: the ABI of native plugins of the CRM engine. C99, or C++17 and newer.
 *
 * A plugin is a dynamic library that exports crm_plugin_entry_v1 and nothing else. The host
 * loads it only when its id and the hash of its file stand on the host's list, checks the table
 * that the entry returns, calls init once, and from then on calls what init registered.
 *
 * Rules for both sides:
 *
 * - Only pointers, int32_t and int64_t cross, never a struct by value.
 * - Text is UTF-8: a pointer and a length in bytes, or -1 when it ends with a NUL.
 * - Functions return a status: CRM_PLUGIN_OK, a positive outcome or a negative error. Statuses
 *   share their numbers with the codes of crm.h.
 * - Neither side frees memory of the other. What the host hands out stays valid as long as its
 *   comment says; what the plugin passes in is copied during the call.
 * - Nothing unwinds across the boundary: no C++ exception, no longjmp, no Rust panic.
 * - Tables begin with their size and grow only at their end. What the writer's table does not
 *   have counts as zero; what is set beyond the end of the reader's table is an error.
 * - Registration is possible during init only. A plugin is never unloaded.
 *
 * An example of a whole plugin is plugins/host/tests/c/tax_number.c.
 */


#ifndef CRM_PLUGIN_H
#define CRM_PLUGIN_H

/* Generated from plugins/abi/src/raw.rs: do not edit. */

#include <stdint.h>

#ifdef _WIN32
#define CRM_PLUGIN_EXPORT __declspec(dllexport)
#else
#define CRM_PLUGIN_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct crm_plugin_table;

/**
 * What a plugin exports: gives its table, always the same.
 */
CRM_PLUGIN_EXPORT const struct crm_plugin_table *crm_plugin_entry_v1(void);

#ifdef __cplusplus
}
#endif


/**
 * The major version of the ABI. A host loads plugins of its own major version only.
 */
#define CRM_PLUGIN_ABI_MAJOR 1

/**
 * The minor version of the ABI: raised when a table grows.
 */
#define CRM_PLUGIN_ABI_MINOR 0

/**
 * Marks a plugin table: `CRMPLUG1` in ASCII, first letter highest.
 */
#define CRM_PLUGIN_MAGIC 4851024755904825137

/**
 * The longest text that crosses the boundary, in bytes.
 */
#define CRM_PLUGIN_TEXT_BYTES_MAX 1048576

/**
 * Done.
 */
#define CRM_PLUGIN_OK 0

/**
 * Done; the field has no value and nothing was written.
 */
#define CRM_PLUGIN_EMPTY 1

/**
 * A defect of the host.
 */
#define CRM_PLUGIN_INTERNAL -1

/**
 * The call is not allowed now (a registration after `init`), or not on this thread.
 */
#define CRM_PLUGIN_MISUSE -2

/**
 * A NULL where a value is required.
 */
#define CRM_PLUGIN_NULL_ARGUMENT -4

/**
 * Text that is not UTF-8.
 */
#define CRM_PLUGIN_INVALID_UTF8 -5

/**
 * A named limit was exceeded.
 */
#define CRM_PLUGIN_LIMIT_EXCEEDED -8

/**
 * The object of the record has no such field.
 */
#define CRM_PLUGIN_UNKNOWN_FIELD -101

/**
 * The field holds values of another type.
 */
#define CRM_PLUGIN_WRONG_TYPE -102

/**
 * An argument with a value the call does not take.
 */
#define CRM_PLUGIN_INVALID_ARGUMENTS -107

/**
 * The plugin could not do its work; it tells why through `set_error`.
 */
#define CRM_PLUGIN_FAILED -303

/**
 * The plugin panicked and can no longer be trusted: the host disables it.
 */
#define CRM_PLUGIN_PANIC -600

/**
 * The plugin as the host knows it while `init` runs.
 */
typedef struct crm_plugin_context crm_plugin_context;

/**
 * A record about to be written. Valid until `validate` returns, on the thread that called it.
 */
typedef struct crm_plugin_draft crm_plugin_draft;

/**
 * UTF-8 text: a pointer and a length in bytes.
 *
 * A length of -1 says that the text ends with a NUL. Text from the host always has its true
 * length, and a NUL behind it.
 */
typedef struct crm_plugin_text {
    /**
     * The first byte; may be NULL when `len` is 0.
     */
    const char *data;
    /**
     * How many bytes, or -1.
     */
    int64_t len;
} crm_plugin_text;

/**
 * What a validator checks.
 */
typedef struct crm_plugin_validator {
    /**
     * `sizeof(crm_plugin_validator)` as the plugin was compiled.
     */
    int32_t struct_size;
    /**
     * The name of the validator, unique within the plugin.
     */
    struct crm_plugin_text name;
    /**
     * The API name of the object whose records it checks.
     */
    struct crm_plugin_text object;
    /**
     * The API names of the fields it watches, separated by commas. It is called for every new
     * record, and for a change of at least one of these fields.
     */
    struct crm_plugin_text fields;
} crm_plugin_validator;

/**
 * What the host offers to `validate`. The table stays in place as long as the process runs.
 *
 * Fields are named by their API names. Each reading function writes `out` only when it returns
 * `CRM_PLUGIN_OK`; `CRM_PLUGIN_EMPTY` says that the field has no value.
 */
typedef struct crm_plugin_draft_api {
    /**
     * `sizeof(crm_plugin_draft_api)` as the host was compiled: look before using a newer function.
     */
    int32_t struct_size;
    /**
     * 1 when the record does not exist yet, 0 when it does, or a negative status.
     */
    int32_t (*is_creation)(struct crm_plugin_draft *draft);
    /**
     * Reads a field of any type as text, a choice as its API name. The text is the host's and
     * valid until `validate` returns.
     */
    int32_t (*text)(struct crm_plugin_draft *draft,
                    const char *field,
                    int64_t field_len,
                    struct crm_plugin_text *out);
    /**
     * Reads the number of an integer, decimal or money field as exact decimal text (`-12.50`),
     * without its currency. The text is the host's and valid until `validate` returns.
     */
    int32_t (*decimal)(struct crm_plugin_draft *draft,
                       const char *field,
                       int64_t field_len,
                       struct crm_plugin_text *out);
    /**
     * Reads an integer field.
     */
    int32_t (*integer)(struct crm_plugin_draft *draft,
                       const char *field,
                       int64_t field_len,
                       int64_t *out);
    /**
     * Reads a checkbox field: 1 or 0.
     */
    int32_t (*checkbox)(struct crm_plugin_draft *draft,
                        const char *field,
                        int64_t field_len,
                        int32_t *out);
    /**
     * Refuses the change because of `field`; an empty name blames the record as a whole. May be
     * called several times. The host copies both texts.
     */
    int32_t (*refuse)(struct crm_plugin_draft *draft,
                      const char *field,
                      int64_t field_len,
                      const char *message,
                      int64_t message_len);
    /**
     * Tells why `validate` is about to fail. `code` is the plugin's own number for it. The host
     * copies the message.
     */
    int32_t (*set_error)(struct crm_plugin_draft *draft,
                         int32_t code,
                         const char *message,
                         int64_t message_len);
} crm_plugin_draft_api;

/**
 * The functions of a validator.
 */
typedef struct crm_plugin_validator_vtable {
    /**
     * `sizeof(crm_plugin_validator_vtable)` as the plugin was compiled.
     */
    int32_t struct_size;
    /**
     * Checks a record that is about to be written. Returns `CRM_PLUGIN_OK` when it could judge
     * the record, whether it reported refusals or not; a negative status when it could not,
     * which stops the change too. May be called by several threads at once.
     */
    int32_t (*validate)(void *userdata,
                        const struct crm_plugin_draft_api *api,
                        struct crm_plugin_draft *draft);
} crm_plugin_validator_vtable;

/**
 * What the host offers to `init`. The table stays in place as long as the process runs.
 */
typedef struct crm_plugin_host {
    /**
     * `sizeof(crm_plugin_host)` as the host was compiled: look before using a newer function.
     */
    int32_t struct_size;
    /**
     * The major version of the host's ABI.
     */
    int32_t abi_major;
    /**
     * The minor version of the host's ABI.
     */
    int32_t abi_minor;
    /**
     * Registers a validator. Allowed during `init` only. The host copies both tables.
     * `free_userdata` may be NULL; otherwise it is called exactly once, when the host is done
     * with `userdata`, also when this call fails.
     */
    int32_t (*register_validator)(struct crm_plugin_context *context,
                                  const struct crm_plugin_validator *descriptor,
                                  const struct crm_plugin_validator_vtable *vtable,
                                  void *userdata,
                                  void (*free_userdata)(void *userdata));
    /**
     * Tells why `init` is about to fail. `code` is the plugin's own number for it. The host
     * copies the message.
     */
    int32_t (*set_error)(struct crm_plugin_context *context,
                         int32_t code,
                         const char *message,
                         int64_t message_len);
} crm_plugin_host;

/**
 * What `crm_plugin_entry_v1` returns: it stays in place, unchanged, as long as the process runs.
 */
typedef struct crm_plugin_table {
    /**
     * `sizeof(crm_plugin_table)` as the plugin was compiled.
     */
    int32_t struct_size;
    /**
     * `CRM_PLUGIN_ABI_MAJOR` as the plugin was compiled.
     */
    int32_t abi_major;
    /**
     * `CRM_PLUGIN_ABI_MINOR` as the plugin was compiled.
     */
    int32_t abi_minor;
    /**
     * The oldest minor version of a host that the plugin works with.
     */
    int32_t min_engine_abi;
    /**
     * `CRM_PLUGIN_MAGIC`.
     */
    int64_t magic;
    /**
     * The stable name by which hosts allow the plugin, in reverse DNS order.
     */
    struct crm_plugin_text id;
    /**
     * The name shown to people.
     */
    struct crm_plugin_text name;
    /**
     * Who made the plugin.
     */
    struct crm_plugin_text vendor;
    /**
     * The plugin's own version.
     */
    struct crm_plugin_text version;
    /**
     * Called once, before anything else: registers what the plugin offers. Returns
     * `CRM_PLUGIN_OK`, or a negative status after telling why through `set_error`.
     */
    int32_t (*init)(const struct crm_plugin_host *host, struct crm_plugin_context *context);
    /**
     * Called once, last, after a successful `init`; may be NULL. The code stays mapped.
     */
    void (*deinit)(void);
} crm_plugin_table;

#endif  /* CRM_PLUGIN_H */
