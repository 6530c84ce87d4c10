//! The types both sides share. `include/crm_plugin.h` is generated from this file, so its
//! comments speak to authors in C and C++ too.
//!
//! Tables grow only at their end, and each begins with its size: a side reads no more of a
//! table than its writer had, and takes what is missing as zero.

use std::ffi::{c_char, c_void};

/// The major version of the ABI. A host loads plugins of its own major version only.
pub const CRM_PLUGIN_ABI_MAJOR: i32 = 1;

/// The minor version of the ABI: raised when a table grows.
pub const CRM_PLUGIN_ABI_MINOR: i32 = 0;

/// Marks a plugin table: `CRMPLUG1` in ASCII, first letter highest.
pub const CRM_PLUGIN_MAGIC: i64 = 0x4352_4d50_4c55_4731;

/// The longest text that crosses the boundary, in bytes.
pub const CRM_PLUGIN_TEXT_BYTES_MAX: i64 = 1_048_576;

/// Done.
pub const CRM_PLUGIN_OK: i32 = 0;

/// Done; the field has no value and nothing was written.
pub const CRM_PLUGIN_EMPTY: i32 = 1;

/// A defect of the host.
pub const CRM_PLUGIN_INTERNAL: i32 = -1;

/// The call is not allowed now (a registration after `init`), or not on this thread.
pub const CRM_PLUGIN_MISUSE: i32 = -2;

/// A NULL where a value is required.
pub const CRM_PLUGIN_NULL_ARGUMENT: i32 = -4;

/// Text that is not UTF-8.
pub const CRM_PLUGIN_INVALID_UTF8: i32 = -5;

/// A named limit was exceeded.
pub const CRM_PLUGIN_LIMIT_EXCEEDED: i32 = -8;

/// The object of the record has no such field.
pub const CRM_PLUGIN_UNKNOWN_FIELD: i32 = -101;

/// The field holds values of another type.
pub const CRM_PLUGIN_WRONG_TYPE: i32 = -102;

/// An argument with a value the call does not take.
pub const CRM_PLUGIN_INVALID_ARGUMENTS: i32 = -107;

/// The plugin could not do its work; it tells why through `set_error`.
pub const CRM_PLUGIN_FAILED: i32 = -303;

/// The plugin panicked and can no longer be trusted: the host disables it.
pub const CRM_PLUGIN_PANIC: i32 = -600;

/// UTF-8 text: a pointer and a length in bytes.
///
/// A length of -1 says that the text ends with a NUL. Text from the host always has its true
/// length, and a NUL behind it.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// The first byte; may be NULL when `len` is 0.
    pub data: *const c_char,
    /// How many bytes, or -1.
    pub len: i64,
}

/// What `crm_plugin_entry_v1` returns: it stays in place, unchanged, as long as the process runs.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PluginTable {
    /// `sizeof(crm_plugin_table)` as the plugin was compiled.
    pub struct_size: i32,
    /// `CRM_PLUGIN_ABI_MAJOR` as the plugin was compiled.
    pub abi_major: i32,
    /// `CRM_PLUGIN_ABI_MINOR` as the plugin was compiled.
    pub abi_minor: i32,
    /// The oldest minor version of a host that the plugin works with.
    pub min_engine_abi: i32,
    /// `CRM_PLUGIN_MAGIC`.
    pub magic: i64,
    /// The stable name by which hosts allow the plugin, in reverse DNS order.
    pub id: Text,
    /// The name shown to people.
    pub name: Text,
    /// Who made the plugin.
    pub vendor: Text,
    /// The plugin's own version.
    pub version: Text,
    /// Called once, before anything else: registers what the plugin offers. Returns
    /// `CRM_PLUGIN_OK`, or a negative status after telling why through `set_error`.
    pub init: Option<unsafe extern "C" fn(host: *const HostApi, context: *mut Context) -> i32>,
    /// Called once, last, after a successful `init`; may be NULL. The code stays mapped.
    pub deinit: Option<unsafe extern "C" fn()>,
}

/// The plugin as the host knows it while `init` runs.
#[derive(Debug)]
pub enum Context {}

/// What the host offers to `init`. The table stays in place as long as the process runs.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HostApi {
    /// `sizeof(crm_plugin_host)` as the host was compiled: look before using a newer function.
    pub struct_size: i32,
    /// The major version of the host's ABI.
    pub abi_major: i32,
    /// The minor version of the host's ABI.
    pub abi_minor: i32,
    /// Registers a validator. Allowed during `init` only. The host copies both tables.
    /// `free_userdata` may be NULL; otherwise it is called exactly once, when the host is done
    /// with `userdata`, also when this call fails.
    pub register_validator: unsafe extern "C" fn(
        context: *mut Context,
        descriptor: *const ValidatorDescriptor,
        vtable: *const ValidatorVtable,
        userdata: *mut c_void,
        free_userdata: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
    ) -> i32,
    /// Tells why `init` is about to fail. `code` is the plugin's own number for it. The host
    /// copies the message.
    pub set_error: unsafe extern "C" fn(
        context: *mut Context,
        code: i32,
        message: *const c_char,
        message_len: i64,
    ) -> i32,
}

/// What a validator checks.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ValidatorDescriptor {
    /// `sizeof(crm_plugin_validator)` as the plugin was compiled.
    pub struct_size: i32,
    /// The name of the validator, unique within the plugin.
    pub name: Text,
    /// The API name of the object whose records it checks.
    pub object: Text,
    /// The API names of the fields it watches, separated by commas. It is called for every new
    /// record, and for a change of at least one of these fields.
    pub fields: Text,
}

/// The functions of a validator.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ValidatorVtable {
    /// `sizeof(crm_plugin_validator_vtable)` as the plugin was compiled.
    pub struct_size: i32,
    /// Checks a record that is about to be written. Returns `CRM_PLUGIN_OK` when it could judge
    /// the record, whether it reported refusals or not; a negative status when it could not,
    /// which stops the change too. May be called by several threads at once.
    pub validate: Option<
        unsafe extern "C" fn(
            userdata: *mut c_void,
            api: *const DraftApi,
            draft: *mut DraftHandle,
        ) -> i32,
    >,
}

/// A record about to be written. Valid until `validate` returns, on the thread that called it.
#[derive(Debug)]
pub enum DraftHandle {}

/// What the host offers to `validate`. The table stays in place as long as the process runs.
///
/// Fields are named by their API names. Each reading function writes `out` only when it returns
/// `CRM_PLUGIN_OK`; `CRM_PLUGIN_EMPTY` says that the field has no value.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DraftApi {
    /// `sizeof(crm_plugin_draft_api)` as the host was compiled: look before using a newer function.
    pub struct_size: i32,
    /// 1 when the record does not exist yet, 0 when it does, or a negative status.
    pub is_creation: unsafe extern "C" fn(draft: *mut DraftHandle) -> i32,
    /// Reads a field of any type as text, a choice as its API name. The text is the host's and
    /// valid until `validate` returns.
    pub text: unsafe extern "C" fn(
        draft: *mut DraftHandle,
        field: *const c_char,
        field_len: i64,
        out: *mut Text,
    ) -> i32,
    /// Reads the number of an integer, decimal or money field as exact decimal text (`-12.50`),
    /// without its currency. The text is the host's and valid until `validate` returns.
    pub decimal: unsafe extern "C" fn(
        draft: *mut DraftHandle,
        field: *const c_char,
        field_len: i64,
        out: *mut Text,
    ) -> i32,
    /// Reads an integer field.
    pub integer: unsafe extern "C" fn(
        draft: *mut DraftHandle,
        field: *const c_char,
        field_len: i64,
        out: *mut i64,
    ) -> i32,
    /// Reads a checkbox field: 1 or 0.
    pub checkbox: unsafe extern "C" fn(
        draft: *mut DraftHandle,
        field: *const c_char,
        field_len: i64,
        out: *mut i32,
    ) -> i32,
    /// Refuses the change because of `field`; an empty name blames the record as a whole. May be
    /// called several times. The host copies both texts.
    pub refuse: unsafe extern "C" fn(
        draft: *mut DraftHandle,
        field: *const c_char,
        field_len: i64,
        message: *const c_char,
        message_len: i64,
    ) -> i32,
    /// Tells why `validate` is about to fail. `code` is the plugin's own number for it. The host
    /// copies the message.
    pub set_error: unsafe extern "C" fn(
        draft: *mut DraftHandle,
        code: i32,
        message: *const c_char,
        message_len: i64,
    ) -> i32,
}
