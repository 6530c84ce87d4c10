//! What is loaded and, above all, what is not.

use std::fs;
use std::path::Path;

use crm_engine::{Code, Error};
use crm_plugin_host::{Allowed, FileHash, NativePlugin, built_beside, load};

use crate::support::{Built, build_odd, load_as};

/// Checks that loading failed for `reason`, and returns the error.
#[track_caller]
fn refused(loaded: Result<NativePlugin, Error>, reason: &str) -> Error {
    let error = loaded.err().expect("the plugin is refused");
    assert_eq!(error.code(), Code::Plugin, "{error:?}");
    assert_eq!(error.details()["reason"], reason, "{error:?}");
    assert!(error.details()["plugin"].is_string(), "{error:?}");
    error
}

/// Checks that the odd plugin with `definitions` is refused for `reason`.
#[track_caller]
fn odd_refused(definitions: &[&str], reason: &str) -> Error {
    let Built {
        folder: _folder,
        path,
    } = build_odd(definitions);
    refused(load_as("test.odd", &path), reason)
}

#[test]
fn a_plugin_with_the_allowed_id_and_hash_is_loaded() {
    let path = built_beside("credit_guard").unwrap();
    let plugin = load_as("example.credit-guard", &path).unwrap();
    assert_eq!(plugin.id(), "example.credit-guard");
    assert_eq!(plugin.name(), "Credit guard");
    assert_eq!(plugin.vendor(), "Example");
    assert_eq!(plugin.version(), "0.1.0");
    assert!(!plugin.is_disabled());
    let [validator] = plugin.validators().try_into().ok().expect("one validator");
    assert_eq!(validator.plugin(), "example.credit-guard");
    assert_eq!(validator.name(), "figures");
    assert_eq!(validator.object(), "company");
    assert_eq!(validator.watch(), ["employees", "revenue"]);
}

#[test]
fn nothing_is_loaded_unless_it_is_allowed() {
    let path = built_beside("credit_guard").unwrap();
    refused(load(&path, &[]), "loading_off");
    let id = "example.credit-guard".to_owned();
    let other = Allowed {
        id,
        hash: FileHash::of_bytes(b"another build"),
    };
    refused(load(&path, std::slice::from_ref(&other)), "not_allowed");
    let error = refused(load_as("example.other", &path), "wrong_id");
    assert_eq!(error.details()["plugin"], "example.credit-guard");
    // The right entry may stand anywhere in the list.
    let right = Allowed::of_file("example.credit-guard", &path).unwrap();
    assert!(load(&path, &[other, right]).is_ok());
}

#[test]
fn a_changed_byte_is_another_file() {
    let Built {
        folder: _folder,
        path,
    } = build_odd(&[]);
    let allowed = [Allowed::of_file("test.odd", &path).unwrap()];
    assert!(load(&path, &allowed).is_ok());
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    refused(load(&path, &allowed), "not_allowed");
}

#[test]
fn only_absolute_paths_of_regular_files_are_read() {
    let allowed = [Allowed {
        id: "x".to_owned(),
        hash: FileHash::of_bytes(b""),
    }];
    let folder = tempfile::tempdir().unwrap();
    refused(load(Path::new("plugin.so"), &allowed), "not_absolute");
    refused(
        load(&folder.path().join("missing.so"), &allowed),
        "unreadable",
    );
    refused(load(folder.path(), &allowed), "not_a_file");
}

#[test]
fn what_is_no_plugin_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    refused(load_as("test.odd", &text), "not_a_library");
    odd_refused(&["NO_ENTRY"], "no_entry");
    odd_refused(&["NO_TABLE"], "no_table");
    odd_refused(&["MAGIC=1"], "magic");
}

#[test]
fn other_versions_of_the_abi_are_refused() {
    let error = odd_refused(&["ABI_MAJOR=9"], "abi_major");
    assert!(
        error
            .message()
            .contains("version 9 of the plugin ABI, this host for 1"),
        "{error}"
    );
    odd_refused(&["ABI_MAJOR=0"], "abi_major");
    let error = odd_refused(&["MIN_ENGINE_ABI=7"], "abi_minor");
    assert!(
        error
            .message()
            .contains("needs the plugin ABI 1.7, this host has 1.0"),
        "{error}"
    );
}

#[test]
fn tables_of_impossible_sizes_are_refused() {
    for size in ["0", "-1", "8", "(sizeof(crm_plugin_table) - 8)", "1000000"] {
        odd_refused(&[&format!("STRUCT_SIZE={size}")], "struct_size");
    }
}

/// A plugin compiled for a later minor version that uses nothing of it works; one that relies
/// on what this host does not have is refused.
#[test]
fn a_longer_table_is_taken_when_its_tail_is_not_set() {
    let longer = "STRUCT_SIZE=sizeof(crm_plugin_table)+sizeof(int64_t)";
    let Built {
        folder: _folder,
        path,
    } = build_odd(&[longer]);
    assert_eq!(load_as("test.odd", &path).unwrap().validators().len(), 1);
    odd_refused(&[longer, "TAIL=1"], "unknown_fields");
}

#[test]
fn a_table_must_be_readable() {
    odd_refused(&["NAME=\"\\xff\""], "invalid_table");
    odd_refused(&["NAME=NULL"], "invalid_table");
}

#[test]
fn a_failing_start_tells_why() {
    let error = odd_refused(&["INIT_FAILS"], "init_failed");
    assert!(
        error
            .message()
            .ends_with("its start failed (-303): no licence"),
        "{error}"
    );
    assert_eq!(error.details()["plugin_code"], 17);
    assert_eq!(error.details()["plugin"], "test.odd");
}

#[test]
fn a_registration_that_is_not_taken_stops_the_plugin() {
    odd_refused(&["WATCHED=\" , \""], "not_registered");
    odd_refused(&["SECOND=\"\""], "not_registered");
    odd_refused(&["SECOND=\"first\""], "not_registered");
}

/// What the plugin handed over is given back once, before `deinit`; a plugin that did not start
/// is not ended.
#[test]
fn userdata_is_given_back_before_the_end() {
    let log = tempfile::tempdir().unwrap();
    let log = log.path().join("log");
    let definition = format!("LOG=\"{}\"", log.display());
    let told = || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
        text
    };

    let Built {
        folder: _folder,
        path,
    } = build_odd(&[&definition, "SECOND=\"second\""]);
    let plugin = load_as("test.odd", &path).unwrap();
    let validators = plugin.validators();
    drop(plugin);
    assert_eq!(told(), "", "the engine still holds the validators");
    drop(validators);
    assert_eq!(told(), "first\nsecond\ndeinit\n");

    let Built {
        folder: _folder,
        path,
    } = build_odd(&[&definition, "SECOND=\"first\""]);
    refused(load_as("test.odd", &path), "not_registered");
    assert_eq!(
        told(),
        "first\nfirst\ndeinit\n",
        "the second is given back at once"
    );

    let Built {
        folder: _folder,
        path,
    } = build_odd(&[&definition, "INIT_FAILS"]);
    refused(load_as("test.odd", &path), "init_failed");
    assert_eq!(told(), "first\n");
}
