//! `include/crm_plugin.h` is what `raw` says: generated from it, and laid out as Rust lays it out.

use std::fmt::Write as _;
use std::fs;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

use crm_plugin_abi::raw::{
    DraftApi, HostApi, PluginTable, Text, ValidatorDescriptor, ValidatorVtable,
};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn include() -> PathBuf {
    here().join("../../include")
}

/// The checked-in header equals the generated one; `BLESS=1` rewrites it.
#[test]
fn the_header_is_generated_from_the_types() {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    let source = here().join("src/raw.rs");
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(source)
        .generate()
        .unwrap();
    let mut generated = Vec::new();
    bindings.write(&mut generated);
    let generated = String::from_utf8(generated).unwrap();
    let header = include().join("crm_plugin.h");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&header, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(&header).unwrap_or_default();
    assert!(
        generated == checked_in,
        "crm_plugin.h is out of date: run this test with BLESS=1"
    );
}

/// `Type, "c_type": field, ...` as lines of C that compare the size and every offset.
macro_rules! layout {
    ($($rust:ty, $c:literal: $($field:ident),*;)*) => {{
        let mut lines = String::new();
        $(
            writeln!(lines, "SAME(sizeof({}), {});", $c, size_of::<$rust>()).unwrap();
            $(
                let (name, offset) = (stringify!($field), offset_of!($rust, $field));
                writeln!(lines, "SAME(offsetof({}, {name}), {offset});", $c).unwrap();
            )*
        )*
        lines
    }};
}

/// C99 and C++17 compilers take the header without a warning and lay its structs out as Rust does.
#[test]
fn c_and_cpp_agree_with_rust_on_every_size_and_offset() {
    let layout = layout! {
        Text, "crm_plugin_text": data, len;
        PluginTable, "crm_plugin_table": struct_size, abi_major, abi_minor, min_engine_abi, magic,
            id, name, vendor, version, init, deinit;
        HostApi, "crm_plugin_host": struct_size, abi_major, abi_minor, register_validator,
            set_error;
        ValidatorDescriptor, "crm_plugin_validator": struct_size, name, object, fields;
        ValidatorVtable, "crm_plugin_validator_vtable": struct_size, validate;
        DraftApi, "crm_plugin_draft_api": struct_size, is_creation, text, decimal, integer,
            checkbox, refuse, set_error;
    };
    let folder = tempfile::tempdir().unwrap();
    for (compiler, standard, file, same) in [
        (
            "cc",
            "-std=c99",
            "layout.c",
            "_Static_assert((actual) == (expected), #actual)",
        ),
        (
            "c++",
            "-std=c++17",
            "layout.cpp",
            "static_assert((actual) == (expected), #actual)",
        ),
    ] {
        let source = folder.path().join(file);
        let text = format!(
            "#include <crm_plugin.h>\n#include <stddef.h>\n\
             #define SAME(actual, expected) {same}\n{layout}"
        );
        fs::write(&source, text).unwrap();
        let output = Command::new(compiler)
            .args([
                standard,
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fsyntax-only",
                "-I",
            ])
            .arg(include())
            .arg(&source)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
