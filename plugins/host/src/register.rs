//! What the host offers to `init`: registration, until it freezes.

use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::ptr::from_ref;
use std::sync::{Mutex, MutexGuard};

use crm_engine::limits::PLUGIN_VALIDATORS_MAX;
use crm_plugin_abi::raw::{
    CRM_PLUGIN_ABI_MAJOR, CRM_PLUGIN_ABI_MINOR, CRM_PLUGIN_INVALID_ARGUMENTS,
    CRM_PLUGIN_LIMIT_EXCEEDED, CRM_PLUGIN_MISUSE, CRM_PLUGIN_NULL_ARGUMENT, CRM_PLUGIN_OK, Context,
    DraftApi, DraftHandle, HostApi, ValidatorDescriptor, ValidatorVtable,
};
use crm_plugin_abi::read_text;

use crate::table::{Table, TableFault, copy_text, read_table};
use crate::{Reported, guarded};

/// The table that every `init` gets.
pub(crate) static HOST_API: HostApi = HostApi {
    struct_size: size_of::<HostApi>() as i32,
    abi_major: CRM_PLUGIN_ABI_MAJOR,
    abi_minor: CRM_PLUGIN_ABI_MINOR,
    register_validator,
    set_error,
};

/// The `validate` of a plugin.
pub(crate) type Validate =
    unsafe extern "C" fn(*mut c_void, *const DraftApi, *mut DraftHandle) -> i32;

/// A validator as a plugin registered it.
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) object: String,
    pub(crate) watch: Vec<String>,
    pub(crate) validate: Validate,
    pub(crate) userdata: Userdata,
}

/// What a plugin wants back at every call. Given back to its `free_userdata` once, when dropped.
pub(crate) struct Userdata {
    pub(crate) data: *mut c_void,
    free: Option<unsafe extern "C" fn(*mut c_void)>,
}

// SAFETY: the ABI says that several threads may call a validator at once.
unsafe impl Send for Userdata {}
// SAFETY: as above.
unsafe impl Sync for Userdata {}

impl Drop for Userdata {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: the plugin named this function for this pointer, and it is called once.
            unsafe { free(self.data) }
        }
    }
}

/// What `init` has registered and told so far.
#[derive(Default)]
pub(crate) struct Registered {
    pub(crate) validators: Vec<Registration>,
    pub(crate) error: Option<Reported>,
    /// The status of the first registration that was not taken.
    pub(crate) refused: Option<i32>,
}

/// Collects registrations until it is frozen.
///
/// It lives as long as the process, so that a plugin which keeps its context and calls later is
/// told so, instead of writing to memory that is no longer there.
pub(crate) struct Collector(Mutex<Option<Registered>>);

impl Collector {
    /// A collector that is open.
    pub(crate) fn open() -> &'static Collector {
        Box::leak(Box::new(Collector(Mutex::new(Some(Registered::default())))))
    }

    /// What the plugin knows the collector by.
    pub(crate) fn context(&'static self) -> *mut Context {
        from_ref(self).cast_mut().cast()
    }

    /// Ends registration and gives what was registered.
    pub(crate) fn freeze(&self) -> Registered {
        self.lock().take().unwrap_or_default()
    }

    fn add(&self, registration: Result<Registration, i32>) -> i32 {
        // A guard is dropped before a registration that is not taken: its `free_userdata` is the
        // plugin's code and may call the host.
        let mut guard = self.lock();
        let Some(registered) = guard.as_mut() else {
            return CRM_PLUGIN_MISUSE;
        };
        let status = match &registration {
            Err(status) => *status,
            Ok(new)
                if registered
                    .validators
                    .iter()
                    .any(|known| known.name == new.name) =>
            {
                CRM_PLUGIN_INVALID_ARGUMENTS
            }
            Ok(_) if registered.validators.len() == PLUGIN_VALIDATORS_MAX => {
                CRM_PLUGIN_LIMIT_EXCEEDED
            }
            Ok(_) => CRM_PLUGIN_OK,
        };
        match registration {
            Ok(new) if status == CRM_PLUGIN_OK => registered.validators.push(new),
            rejected => {
                registered.refused.get_or_insert(status);
                drop(guard);
                drop(rejected);
            }
        }
        status
    }

    fn lock(&self) -> MutexGuard<'_, Option<Registered>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

unsafe extern "C" fn register_validator(
    context: *mut Context,
    descriptor: *const ValidatorDescriptor,
    vtable: *const ValidatorVtable,
    userdata: *mut c_void,
    free_userdata: Option<unsafe extern "C" fn(*mut c_void)>,
) -> i32 {
    guarded(|| {
        let userdata = Userdata {
            data: userdata,
            free: free_userdata,
        };
        // SAFETY: the plugin passes its own tables, valid during the call.
        let registration = unsafe { read_registration(descriptor, vtable, userdata) };
        // SAFETY: a context is NULL or one that `Collector::context` gave out, which lives on.
        match unsafe { context.cast::<Collector>().as_ref() } {
            Some(collector) => collector.add(registration),
            None => CRM_PLUGIN_NULL_ARGUMENT,
        }
    })
}

/// A registration, or the status that refuses it.
///
/// # Safety
/// Both tables and their texts are NULL or valid during the call.
unsafe fn read_registration(
    descriptor: *const ValidatorDescriptor,
    vtable: *const ValidatorVtable,
    userdata: Userdata,
) -> Result<Registration, i32> {
    // SAFETY: by the caller's word, here and below.
    let descriptor = unsafe { read(descriptor) }?;
    // SAFETY: as above.
    let vtable = unsafe { read(vtable) }?;
    // SAFETY: as above.
    let (name, object, fields) = unsafe {
        (
            copy_text(descriptor.name)?,
            copy_text(descriptor.object)?,
            copy_text(descriptor.fields)?,
        )
    };
    let watch: Vec<String> = fields
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
        .collect();
    if name.is_empty() || object.is_empty() || watch.is_empty() {
        return Err(CRM_PLUGIN_INVALID_ARGUMENTS);
    }
    let validate = vtable.validate.ok_or(CRM_PLUGIN_NULL_ARGUMENT)?;
    Ok(Registration {
        name,
        object,
        watch,
        validate,
        userdata,
    })
}

/// # Safety
/// As for [`read_table`].
unsafe fn read<T: Table>(table: *const T) -> Result<T, i32> {
    // SAFETY: by the caller's word.
    unsafe { read_table(table) }.map_err(|why| match why {
        TableFault::Null => CRM_PLUGIN_NULL_ARGUMENT,
        TableFault::Size(_) | TableFault::UnknownFields => CRM_PLUGIN_INVALID_ARGUMENTS,
    })
}

unsafe extern "C" fn set_error(
    context: *mut Context,
    code: i32,
    message: *const c_char,
    message_len: i64,
) -> i32 {
    guarded(|| {
        // SAFETY: a context is NULL or one that `Collector::context` gave out, which lives on.
        let Some(collector) = (unsafe { context.cast::<Collector>().as_ref() }) else {
            return CRM_PLUGIN_NULL_ARGUMENT;
        };
        // SAFETY: the plugin passes a text that is valid during the call.
        let message = match unsafe { read_text(message, message_len) } {
            Ok(message) => message.to_owned(),
            Err(status) => return status,
        };
        match collector.lock().as_mut() {
            None => CRM_PLUGIN_MISUSE,
            Some(registered) => {
                registered.error = Some(Reported { code, message });
                CRM_PLUGIN_OK
            }
        }
    })
}
