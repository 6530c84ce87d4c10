//! Maps exactly the bytes that were checked.
//!
//! Between checking a file and mapping it, somebody may put another file in its place. So the
//! host never maps the file it was given: the checked bytes are written to a new file in a new
//! folder that only this user may enter, and that file is mapped.
//!
//! - **Unix.** The folder has mode 0700 and is removed once the file is mapped, so that nothing
//!   is left behind. Libraries that the plugin needs are looked for as always, except those
//!   beside it (`$ORIGIN`): the copy has no neighbours. The folder for temporary files must not
//!   be mounted `noexec`; `TMPDIR` chooses another.
//! - **Windows.** The folder inherits the rights of the user's own folder for temporary files.
//!   A mapped file cannot be removed there, so one copy for each loaded plugin stays until
//!   temporary files are cleaned up. The folder of the plugin and the system folder are the only
//!   places searched for further libraries.
//!
//! What this does not do: it is no wall against other programs of the same user, nor against the
//! administrator, who can change the process itself; and libraries that the plugin in turn needs
//! are not checked.
//!
//! A library is never unmapped: destructors of its threads may run at any time later.

use std::fs;
use std::mem::forget;
use std::path::Path;

use crm_engine::Result;
use crm_plugin_abi::raw::PluginTable;
use libloading::Library;
use tempfile::TempDir;

use crate::allow::shown;
use crate::fault;

const ENTRY: &str = "crm_plugin_entry_v1";

/// Maps `bytes`, the checked content of `path`, and asks the entry for the plugin's table.
pub(crate) fn map(path: &Path, bytes: &[u8]) -> Result<*const PluginTable> {
    let uncopied = |error| fault(&shown(path), "not_copied", error);
    let folder = private_folder().map_err(uncopied)?;
    let copy = folder
        .path()
        .join(path.file_name().unwrap_or("plugin".as_ref()));
    fs::write(&copy, bytes).map_err(uncopied)?;
    let library = open(&copy).map_err(|error| {
        fault(
            &shown(path),
            "not_a_library",
            format!("it cannot be mapped: {error}"),
        )
    })?;
    let entry = {
        // SAFETY: the host allowed these bytes as a plugin, whose entry has this type.
        let symbol = unsafe { library.get::<unsafe extern "C" fn() -> *const PluginTable>(ENTRY) };
        symbol.map(|symbol| *symbol)
    };
    forget(library);
    let entry = entry.map_err(|_| {
        fault(
            &shown(path),
            "no_entry",
            format!("it does not export `{ENTRY}`"),
        )
    })?;
    // SAFETY: as above; the code stays mapped, because the library was forgotten.
    Ok(unsafe { entry() })
}

fn private_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("crm-plugin-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Resolves every symbol now rather than at its first call, and offers none to other libraries.
#[cfg(unix)]
fn open(path: &Path) -> std::result::Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: initialisers run now; the host allowed these bytes, so it trusts them.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

/// Looks for further libraries in the folder of the copy and in the system folder only.
#[cfg(windows)]
fn open(path: &Path) -> std::result::Result<Library, libloading::Error> {
    use libloading::os::windows::{
        LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR, LOAD_LIBRARY_SEARCH_SYSTEM32, Library,
    };
    let flags = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32;
    // SAFETY: initialisers run now; the host allowed these bytes, so it trusts them.
    unsafe { Library::load_with_flags(path, flags) }.map(Into::into)
}
