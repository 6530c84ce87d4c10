//! The shared library as cargo built it beside this test.

use std::collections::BTreeSet;
use std::process::Command;

use crate::built::deps;
use crate::ffi::header;

/// What a tool writes, when it is installed.
fn output_of(tool: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(tool).args(arguments).output().ok()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {arguments:?}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let library = deps().join("libcrm.so");
    let arguments = [
        "-D",
        "--defined-only",
        "--format=posix",
        library.to_str().unwrap(),
    ];
    let Some(symbols) = output_of("nm", &arguments) else {
        return;
    };
    let exported: BTreeSet<String> = symbols
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(exported, header::functions());
}

#[cfg(target_os = "linux")]
#[test]
fn the_library_has_a_name_for_the_loader_and_stays_mapped() {
    let library = deps().join("libcrm.so");
    let Some(dynamic) = output_of("readelf", &["-d", library.to_str().unwrap()]) else {
        return;
    };
    assert!(dynamic.contains("soname: [libcrm.so"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
fn the_version_number_is_that_of_the_package() {
    let parts: Vec<i32> = env!("CARGO_PKG_VERSION")
        .split('.')
        .map(|part| part.parse().unwrap())
        .collect();
    let number = parts[0] * 1_000_000 + parts[1] * 1_000 + parts[2];
    assert_eq!(crm::crm_version_number(), number);
}
