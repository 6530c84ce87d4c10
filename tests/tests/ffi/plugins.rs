//! Native plugins through the C API: named in the options of `crm_open`.

use std::ffi::CStr;
use std::ptr;

use crm::{crm_db, crm_error, crm_session};
use serde_json::{Value as Json, json};

/// The status and, for an error, its name and details.
fn told(status: i32, error: *mut crm_error) -> (i32, String, Json) {
    if status >= 0 {
        return (status, String::new(), Json::Null);
    }
    // SAFETY: the error object is this function's own until it frees it.
    unsafe {
        let text = |pointer| CStr::from_ptr(pointer).to_str().unwrap().to_owned();
        let name = text(crm::crm_error_name(error));
        let details = text(crm::crm_error_details(error, ptr::null_mut()));
        crm::crm_error_free(error);
        (status, name, serde_json::from_str(&details).unwrap())
    }
}

fn open(options: &Json) -> (*mut crm_db, (i32, String, Json)) {
    let options = options.to_string();
    let (mut db, mut error) = (ptr::null_mut(), ptr::null_mut());
    let length = i64::try_from(options.len()).unwrap();
    // SAFETY: the options are a live string, the places live variables.
    let status = unsafe {
        let options = options.as_ptr().cast();
        crm::crm_open(ptr::null(), 0, options, length, &raw mut db, &raw mut error)
    };
    (db, told(status, error))
}

#[test]
fn a_plugin_is_loaded_by_id_and_hash_and_takes_part_in_writes() {
    let path = crm_plugin_host::built_beside("credit_guard").unwrap();
    let allowed = crm_plugin_host::Allowed::of_file(credit_guard::ID, &path).unwrap();
    let plugin = |hash: String| json!({"path": path, "id": credit_guard::ID, "hash": hash});

    let wrong = plugin("0".repeat(64));
    let (db, refused) = open(&json!({"in_memory": true, "plugins": [wrong]}));
    assert!(db.is_null());
    assert_eq!(refused.1, "plugin", "{refused:?}");

    let right = plugin(allowed.hash.to_string());
    let (db, opened) = open(&json!({"in_memory": true, "plugins": [right]}));
    assert_eq!(opened.0, crm::CRM_OK, "{opened:?}");
    let mut host: *mut crm_session = ptr::null_mut();
    let company = c"{\"name\": \"Vega\", \"legal_form\": \"individual\", \"employees\": -3}";
    let (mut id, mut error) = (0, ptr::null_mut());
    // SAFETY: texts end in NUL, places are live variables, handles are this test's own.
    let refused = unsafe {
        assert_eq!(
            crm::crm_system_session(db, &raw mut host, ptr::null_mut()),
            crm::CRM_OK
        );
        let object = c"company".as_ptr();
        let fields = company.as_ptr();
        let status = crm::crm_create(host, object, -1, fields, -1, &raw mut id, &raw mut error);
        told(status, error)
    };
    assert_eq!(refused.1, "refused", "{refused:?}");
    assert_eq!(refused.2["field"], "employees");
    assert_eq!(refused.2["plugin"], credit_guard::ID);
    assert_eq!(crm::crm_session_close(host), crm::CRM_OK);
    assert_eq!(crm::crm_close(db), crm::CRM_OK);
}
