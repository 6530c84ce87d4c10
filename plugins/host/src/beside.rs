//! Where cargo puts the libraries it builds.

use std::path::{Path, PathBuf};

use crm_engine::{Code, Error, Result};

/// The library `name` that cargo built for the running program: name the plugin's crate as a
/// dependency, and cargo builds its `cdylib` into `target/<profile>/deps/` along with the rest.
///
/// Found from binaries (`target/<profile>/`), examples (`target/<profile>/examples/`) and tests
/// (`target/<profile>/deps/`), and for an installed program in its own folder. `name` is the
/// name of the library's crate, without what the system puts around it: `credit_guard`.
///
/// # Errors
/// [`Code::Plugin`] with the reason `missing` when there is none.
pub fn built_beside(name: &str) -> Result<PathBuf> {
    let io = |error: std::io::Error| Error::new(Code::Io, error.to_string());
    let program = std::env::current_exe().map_err(io)?;
    let folder = program.parent().unwrap_or(Path::new("/"));
    let file = libloading::library_filename(name);
    let places = [
        folder.join("deps"),
        folder.join("../deps"),
        folder.to_owned(),
    ];
    match places
        .iter()
        .map(|place| place.join(&file))
        .find(|path| path.is_file())
    {
        Some(path) => path.canonicalize().map_err(io),
        None => {
            let (file, folder) = (file.display(), folder.display());
            Err(crate::fault(
                name,
                "missing",
                format!("there is no `{file}` beside `{folder}`"),
            ))
        }
    }
}
