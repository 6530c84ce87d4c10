//! Reads size-prefixed tables of the other side.

use std::mem::{MaybeUninit, offset_of, size_of};

use crm_engine::Result;
use crm_engine::limits::PLUGIN_TABLE_BYTES_MAX;
use crm_plugin_abi::raw::{
    CRM_PLUGIN_ABI_MAJOR, CRM_PLUGIN_ABI_MINOR, CRM_PLUGIN_MAGIC, PluginTable, Text,
    ValidatorDescriptor, ValidatorVtable,
};
use crm_plugin_abi::read_text;

use crate::fault;

/// A table that begins with its size.
///
/// # Safety
/// The type is `repr(C)`, begins with an `i32` that is its size in bytes, and all bytes zero are a
/// value of it.
pub(crate) unsafe trait Table: Sized {
    /// What the first minor version of the ABI had; later fields may be missing.
    const SIZE_MIN: usize;
}

/// The size of a table that ends with the function pointer `$last`.
macro_rules! up_to {
    ($table:ty, $last:ident) => {
        offset_of!($table, $last) + size_of::<unsafe extern "C" fn()>()
    };
}

// SAFETY: as the trait asks; missing functions are `None`.
unsafe impl Table for PluginTable {
    const SIZE_MIN: usize = up_to!(PluginTable, deinit);
}

// SAFETY: as the trait asks.
unsafe impl Table for ValidatorDescriptor {
    const SIZE_MIN: usize = offset_of!(ValidatorDescriptor, fields) + size_of::<Text>();
}

// SAFETY: as the trait asks; missing functions are `None`.
unsafe impl Table for ValidatorVtable {
    const SIZE_MIN: usize = up_to!(ValidatorVtable, validate);
}

/// Why a table cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableFault {
    /// There is none.
    Null,
    /// It is shorter than it ever was, or longer than any may be.
    Size(i32),
    /// It sets fields this host does not know.
    UnknownFields,
}

/// A copy of a table. What its writer did not have is zero; what this host does not know must be.
///
/// # Safety
/// Unless NULL, `table` points to an `i32` and, as far as that number is a size a table may have,
/// to that many readable bytes laid out as `T` and its later versions.
pub(crate) unsafe fn read_table<T: Table>(table: *const T) -> Result<T, TableFault> {
    if table.is_null() {
        return Err(TableFault::Null);
    }
    // SAFETY: the caller vouches for an `i32`.
    let stated = unsafe { table.cast::<i32>().read_unaligned() };
    let size = usize::try_from(stated)
        .ok()
        .filter(|size| (T::SIZE_MIN..=PLUGIN_TABLE_BYTES_MAX).contains(size))
        .ok_or(TableFault::Size(stated))?;
    let mut copy = MaybeUninit::<T>::zeroed();
    let known = size.min(size_of::<T>());
    // SAFETY: the caller vouches for `size` readable bytes, and `copy` has room for `known`.
    unsafe {
        table
            .cast::<u8>()
            .copy_to_nonoverlapping(copy.as_mut_ptr().cast(), known)
    };
    // SAFETY: the rest lies within the `size` readable bytes.
    let unknown =
        unsafe { std::slice::from_raw_parts(table.cast::<u8>().add(known), size - known) };
    if unknown.iter().any(|byte| *byte != 0) {
        return Err(TableFault::UnknownFields);
    }
    // SAFETY: the copied bytes are a `T` by the caller's word, the others are zero, which the
    // trait allows.
    Ok(unsafe { copy.assume_init() })
}

/// The plugin's table, if this host can work with it. `file` names the plugin in errors.
///
/// # Safety
/// `table` is what the entry of a plugin returned.
pub(crate) unsafe fn read_plugin_table(
    file: &str,
    table: *const PluginTable,
) -> Result<PluginTable> {
    let size_fault = |size: i32| {
        fault(
            file,
            "struct_size",
            format!("its table has the size {size}"),
        )
    };
    if table.is_null() {
        return Err(fault(file, "no_table", "its entry returned no table"));
    }
    // Of another major version only the head can be understood, so it is looked at first.
    // SAFETY: the entry returned a table, which begins with its size.
    let size = unsafe { table.cast::<i32>().read_unaligned() };
    if usize::try_from(size).is_ok_and(|size| size >= offset_of!(PluginTable, id)) {
        // SAFETY: the table has a whole head.
        let head = unsafe { table.cast::<Head>().read_unaligned() };
        head.check(file)?;
    }
    // SAFETY: the table is one of this major version, or too short to be read.
    unsafe { read_table(table) }.map_err(|why| match why {
        TableFault::Null | TableFault::Size(_) => size_fault(size),
        TableFault::UnknownFields => fault(
            file,
            "unknown_fields",
            "its table sets fields this host does not know",
        ),
    })
}

/// How the table of every major version begins.
#[repr(C)]
#[derive(Clone, Copy)]
struct Head {
    struct_size: i32,
    abi_major: i32,
    abi_minor: i32,
    min_engine_abi: i32,
    magic: i64,
}

const _: () = assert!(size_of::<Head>() == offset_of!(PluginTable, id));

impl Head {
    fn check(&self, file: &str) -> Result<()> {
        if self.magic != CRM_PLUGIN_MAGIC {
            return Err(fault(
                file,
                "magic",
                "its entry returned something else than a table",
            ));
        }
        if self.abi_major != CRM_PLUGIN_ABI_MAJOR {
            let message = format!(
                "it is made for version {} of the plugin ABI, this host for {CRM_PLUGIN_ABI_MAJOR}",
                self.abi_major
            );
            return Err(fault(file, "abi_major", message));
        }
        if self.min_engine_abi > CRM_PLUGIN_ABI_MINOR {
            let message = format!(
                "it needs the plugin ABI {CRM_PLUGIN_ABI_MAJOR}.{}, this host has \
                 {CRM_PLUGIN_ABI_MAJOR}.{CRM_PLUGIN_ABI_MINOR}",
                self.min_engine_abi
            );
            return Err(fault(file, "abi_minor", message));
        }
        Ok(())
    }
}

/// A text of a table.
///
/// # Errors
/// The status that [`read_text`] gives.
///
/// # Safety
/// As for [`read_text`].
pub(crate) unsafe fn copy_text(text: Text) -> Result<String, i32> {
    // SAFETY: by the caller's word.
    unsafe { read_text(text.data, text.len) }.map(str::to_owned)
}
