/* A whole plugin in C: the tax number of a company has ten digits. */

#include <crm_plugin.h>
#include <stddef.h>

#define DIGITS 10

static int32_t validate(void *userdata, const crm_plugin_draft_api *api, crm_plugin_draft *draft) {
    crm_plugin_text number;
    int32_t status;
    int64_t at;

    (void)userdata;
    status = api->text(draft, "tax_number", -1, &number);
    if (status == CRM_PLUGIN_EMPTY) {
        return CRM_PLUGIN_OK;
    }
    if (status != CRM_PLUGIN_OK) {
        api->set_error(draft, status, "`tax_number` cannot be read", -1);
        return CRM_PLUGIN_FAILED;
    }
    if (number.len != DIGITS) {
        return api->refuse(draft, "tax_number", -1, "`tax_number` must have ten digits", -1);
    }
    for (at = 0; at < number.len; at++) {
        if (number.data[at] < '0' || number.data[at] > '9') {
            return api->refuse(draft, "tax_number", -1, "`tax_number` takes digits only", -1);
        }
    }
    return CRM_PLUGIN_OK;
}

static int32_t init(const crm_plugin_host *host, crm_plugin_context *context) {
    const crm_plugin_validator descriptor = {
        (int32_t)sizeof(crm_plugin_validator), {"digits", -1}, {"company", -1}, {"tax_number", -1}};
    const crm_plugin_validator_vtable vtable = {
        (int32_t)sizeof(crm_plugin_validator_vtable), validate};

    return host->register_validator(context, &descriptor, &vtable, NULL, NULL);
}

static const crm_plugin_table table = {
    (int32_t)sizeof(crm_plugin_table),
    CRM_PLUGIN_ABI_MAJOR,
    CRM_PLUGIN_ABI_MINOR,
    0,
    CRM_PLUGIN_MAGIC,
    {"example.tax-number", -1},
    {"Tax number", -1},
    {"Example", -1},
    {"1.0.0", -1},
    init,
    NULL,
};

const crm_plugin_table *crm_plugin_entry_v1(void) {
    return &table;
}
