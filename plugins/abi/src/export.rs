//! The unsafe half of the SDK: between the tables of [`raw`](crate::raw) and safe Rust.
//!
//! No panic leaves this file: each function that the host calls runs its work under `caught`.

use std::any::Any;
use std::ffi::c_void;
use std::mem::{forget, size_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null;

use crate::raw::{
    CRM_PLUGIN_EMPTY, CRM_PLUGIN_OK, CRM_PLUGIN_PANIC, Context, DraftApi, DraftHandle, HostApi,
    Text, ValidatorDescriptor, ValidatorVtable,
};
use crate::sdk::{Draft, Failure, Registrar, Verdict};
use crate::text::read_text;

/// Makes the crate a plugin: exports `crm_plugin_entry_v1` with a table of these facts.
///
/// `init` is a `fn(&mut Registrar<'_>) -> Result<(), Failure>`. Panics in it and in validators
/// are caught, reported to the host and disable the plugin; that needs `panic = "unwind"`.
/// The crate must be a `cdylib` and may hold one plugin only.
#[macro_export]
macro_rules! plugin {
    (
        id: $id:expr,
        name: $name:expr,
        vendor: $vendor:expr,
        version: $version:expr,
        init: $init:expr $(,)?
    ) => {
        const _: () = {
            use $crate::raw;

            assert!(
                cfg!(panic = "unwind"),
                "a plugin cannot catch panics with panic = \"abort\""
            );

            static TABLE: raw::PluginTable = raw::PluginTable {
                struct_size: size_of::<raw::PluginTable>() as i32,
                abi_major: raw::CRM_PLUGIN_ABI_MAJOR,
                abi_minor: raw::CRM_PLUGIN_ABI_MINOR,
                min_engine_abi: raw::CRM_PLUGIN_ABI_MINOR,
                magic: raw::CRM_PLUGIN_MAGIC,
                id: raw::Text::fixed($id),
                name: raw::Text::fixed($name),
                vendor: raw::Text::fixed($vendor),
                version: raw::Text::fixed($version),
                init: Some(run_init),
                deinit: None,
            };

            unsafe extern "C" fn run_init(
                host: *const raw::HostApi,
                context: *mut raw::Context,
            ) -> i32 {
                // SAFETY: the host passes its own table and context, as the ABI says.
                unsafe { $crate::export::init(host, context, $init) }
            }

            #[allow(unsafe_code, reason = "the one symbol of a plugin")]
            #[unsafe(no_mangle)]
            extern "C" fn crm_plugin_entry_v1() -> *const raw::PluginTable {
                &raw const TABLE
            }
        };
    };
}

/// Runs the plugin's `init`; called by [`plugin!`] only.
///
/// # Safety
/// `host` and `context` are what the host passed to `init`.
pub unsafe fn init(
    host: *const HostApi,
    context: *mut Context,
    init: fn(&mut Registrar<'_>) -> Result<(), Failure>,
) -> i32 {
    // SAFETY: the host's table outlives the call.
    let host = unsafe { &*host };
    report(
        caught(|| init(&mut Registrar { host, context })),
        // SAFETY: the context is the host's, and the message outlives the call.
        |code, message| unsafe { (host.set_error)(context, code, message.data, message.len) },
    )
}

/// Hands a validator over to the host.
pub(crate) fn register_validator<F>(
    registrar: &mut Registrar<'_>,
    name: &str,
    object: &str,
    watched: &[&str],
    validator: F,
) -> Result<(), Failure>
where
    F: Fn(&dyn Draft) -> Verdict + Send + Sync + 'static,
{
    let fields = watched.join(",");
    let descriptor = ValidatorDescriptor {
        struct_size: size_of::<ValidatorDescriptor>() as i32,
        name: borrowed(name),
        object: borrowed(object),
        fields: borrowed(&fields),
    };
    let vtable = ValidatorVtable {
        struct_size: size_of::<ValidatorVtable>() as i32,
        validate: Some(validate::<F>),
    };
    let userdata = Box::into_raw(Box::new(validator)).cast::<c_void>();
    // SAFETY: the host copies both tables and their texts during the call. It takes over
    // `userdata` whatever it answers, shares it between threads, which `F` allows, and gives it
    // back to `free` once.
    let status = unsafe {
        (registrar.host.register_validator)(
            registrar.context,
            &raw const descriptor,
            &raw const vtable,
            userdata,
            Some(free::<F>),
        )
    };
    match status {
        CRM_PLUGIN_OK => Ok(()),
        code => Err(Failure {
            code,
            message: format!("the host does not take the validator `{name}` (status {code})"),
        }),
    }
}

unsafe extern "C" fn validate<F>(
    userdata: *mut c_void,
    api: *const DraftApi,
    draft: *mut DraftHandle,
) -> i32
where
    F: Fn(&dyn Draft) -> Verdict + Send + Sync + 'static,
{
    // SAFETY: `userdata` is the box of `register_validator`; it is shared and not yet freed. The
    // host's table outlives the call.
    let (validator, api) = unsafe { (&*userdata.cast::<F>(), &*api) };
    let host = HostDraft { api, draft };
    report(
        caught(|| {
            let refusals = validator(&host)?;
            refusals
                .iter()
                .try_for_each(|refusal| host.refuse(&refusal.field, &refusal.message))
        }),
        // SAFETY: the draft is the host's, and the message outlives the call.
        |code, message| unsafe { (api.set_error)(draft, code, message.data, message.len) },
    )
}

unsafe extern "C" fn free<F>(userdata: *mut c_void) {
    // SAFETY: the host gives back the box of `register_validator`, once.
    let validator = unsafe { Box::from_raw(userdata.cast::<F>()) };
    // A panicking destructor has nobody left to report to.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(validator))) {
        forget(payload);
    }
}

/// The status of a call, after telling the host about a failure.
fn report(result: Result<(), (i32, Failure)>, set_error: impl FnOnce(i32, Text) -> i32) -> i32 {
    match result {
        Ok(()) => CRM_PLUGIN_OK,
        Err((status, failure)) => {
            set_error(failure.code, borrowed(&failure.message));
            status
        }
    }
}

/// Runs `work`. An error is the status for the host and the failure behind it; for a panic it is
/// `CRM_PLUGIN_PANIC`.
fn caught(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), (i32, Failure)> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|failure| (crate::raw::CRM_PLUGIN_FAILED, failure)),
        Err(payload) => {
            let message = panic_message(payload.as_ref());
            // Dropping a payload may run code of the plugin, and panic again.
            forget(payload);
            Err((
                CRM_PLUGIN_PANIC,
                Failure {
                    code: CRM_PLUGIN_PANIC,
                    message,
                },
            ))
        }
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Text that lives as long as `text`: for arguments of a call.
fn borrowed(text: &str) -> Text {
    Text {
        data: text.as_ptr().cast(),
        len: text.len() as i64,
    }
}

/// A draft of the host.
struct HostDraft<'a> {
    api: &'a DraftApi,
    draft: *mut DraftHandle,
}

/// A function of the host that reads a field.
type Read<T> = unsafe extern "C" fn(*mut DraftHandle, *const std::ffi::c_char, i64, *mut T) -> i32;

impl HostDraft<'_> {
    fn read<T>(&self, read: Read<T>, field: &str, mut out: T) -> Result<Option<T>, Failure> {
        let name = borrowed(field);
        // SAFETY: the draft is valid until `validate` returns; name and `out` outlive the call.
        match unsafe { read(self.draft, name.data, name.len, &raw mut out) } {
            CRM_PLUGIN_OK => Ok(Some(out)),
            CRM_PLUGIN_EMPTY => Ok(None),
            code => Err(Failure {
                code,
                message: format!("the host does not give `{field}` (status {code})"),
            }),
        }
    }

    fn read_text(&self, read: Read<Text>, field: &str) -> Result<Option<&str>, Failure> {
        let text = self.read(
            read,
            field,
            Text {
                data: null(),
                len: 0,
            },
        )?;
        // SAFETY: the host keeps the text unchanged until `validate` returns, after `self`.
        let text = text
            .map(|text| unsafe { read_text(text.data, text.len) })
            .transpose();
        text.map_err(|code| Failure {
            code,
            message: format!("the text of `{field}` is damaged"),
        })
    }

    fn refuse(&self, field: &str, message: &str) -> Result<(), Failure> {
        let (name, text) = (borrowed(field), borrowed(message));
        // SAFETY: the draft is valid until `validate` returns; the texts outlive the call.
        let status =
            unsafe { (self.api.refuse)(self.draft, name.data, name.len, text.data, text.len) };
        match status {
            CRM_PLUGIN_OK => Ok(()),
            code => Err(Failure {
                code,
                message: format!("the host does not take the refusal of `{field}`: {message}"),
            }),
        }
    }
}

impl Draft for HostDraft<'_> {
    fn is_creation(&self) -> bool {
        // SAFETY: the draft is valid until `validate` returns.
        unsafe { (self.api.is_creation)(self.draft) == 1 }
    }

    fn text(&self, field: &str) -> Result<Option<&str>, Failure> {
        self.read_text(self.api.text, field)
    }

    fn decimal(&self, field: &str) -> Result<Option<&str>, Failure> {
        self.read_text(self.api.decimal, field)
    }

    fn integer(&self, field: &str) -> Result<Option<i64>, Failure> {
        self.read(self.api.integer, field, 0)
    }

    fn checkbox(&self, field: &str) -> Result<Option<bool>, Failure> {
        let checked = self.read(self.api.checkbox, field, 0)?;
        Ok(checked.map(|checked| checked != 0))
    }
}
