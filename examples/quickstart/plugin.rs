//! The native plugin: allowed by its id and the hash of its file, then loaded.

use std::path::PathBuf;

use crm_engine::{Result, Validator};

/// Loads `credit_guard`, which cargo has built beside this program.
pub(crate) fn load() -> Result<Vec<Box<dyn Validator>>> {
    let path: PathBuf = crm_plugin_host::built_beside("credit_guard")?;
    let allowed = crm_plugin_host::Allowed::of_file(credit_guard::ID, &path)?;
    let plugin = crm_plugin_host::load(&path, &[allowed])?;
    println!(
        "Loaded the native plugin `{}` {}.",
        plugin.id(),
        plugin.version()
    );
    Ok(plugin.validators())
}
