//! The page of script functions that `plugins/README.md` refers to.

use std::fs;

use crate::built::workspace;

/// The checked-in page is what the engine knows; `BLESS=1` rewrites it.
#[test]
fn the_page_of_script_functions_is_up_to_date() {
    let page = format!(
        "# What scripts may call\n\nWritten by a test from the engine's own table, whose examples are run.\n\n{}",
        crm_engine::script_functions_markdown()
    );
    let path = workspace().join("plugins/SCRIPT_FUNCTIONS.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stored, page, "run this test with BLESS=1");
}
