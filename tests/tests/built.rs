//! Where cargo has put what the tests run: beside the test program itself.

use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate stands in a workspace")
        .into()
}

/// `target/<profile>/deps`, where this test program and the built libraries stand.
pub(crate) fn deps() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    program
        .parent()
        .expect("a program stands in a folder")
        .into()
}

/// An example of the workspace, built by the same `cargo test --workspace`.
pub(crate) fn example(name: &str) -> PathBuf {
    let folder = deps()
        .parent()
        .expect("`deps` stands in a profile's folder")
        .join("examples");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo test --workspace`",
        path.display()
    );
    path
}
