//! Validators at work, in Rust and in C.

use crm_engine::value::Value;
use crm_engine::{Code, Error, Validator};
use crm_plugin_abi::raw;
use crm_plugin_host::built_beside;

use crate::support::{Built, FakeDraft, build, build_odd, load_as};

fn money(text: &str) -> Value {
    Value::Money(text.parse().unwrap())
}

#[track_caller]
fn check(validator: &dyn Validator, draft: &FakeDraft, expected: Option<(&str, &str)>) {
    let Some((field, message)) = expected else {
        return validator.validate(draft).unwrap();
    };
    let error = validator.validate(draft).unwrap_err();
    assert_eq!(error.code(), Code::Refused, "{error:?}");
    assert_eq!(error.message(), message);
    assert_eq!(error.details()["field"], field);
    assert_eq!(error.details()["plugin"], validator.plugin());
    assert_eq!(error.details()["validator"], validator.name());
}

#[test]
fn a_validator_in_rust_refuses_with_plugin_validator_and_field() {
    let path = built_beside("credit_guard").unwrap();
    let guard = load_as("example.credit-guard", &path)
        .unwrap()
        .validators()
        .remove(0);
    let company = |employees: Value, revenue: Value| {
        FakeDraft::new([("employees", employees), ("revenue", revenue)])
    };
    check(&*guard, &company(Value::Null, Value::Null), None);
    check(
        &*guard,
        &company(Value::Integer(12), money("1200.50 EUR")),
        None,
    );
    let refused = Some(("employees", "`employees` must not be negative"));
    check(&*guard, &company(Value::Integer(-3), Value::Null), refused);
    let refused = Some(("revenue", "`revenue` must not be negative"));
    check(
        &*guard,
        &company(Value::Integer(3), money("-0.01 EUR")),
        refused,
    );
}

#[test]
fn every_field_at_fault_is_named() {
    let path = built_beside("credit_guard").unwrap();
    let guard = load_as("example.credit-guard", &path)
        .unwrap()
        .validators()
        .remove(0);
    let draft = FakeDraft::new([
        ("employees", Value::Integer(-3)),
        ("revenue", money("-1 EUR")),
    ]);
    let error = guard.validate(&draft).unwrap_err();
    assert_eq!(
        error.message(),
        "`employees` must not be negative; `revenue` must not be negative"
    );
    assert_eq!(error.details()["field"], "employees");
    assert_eq!(
        error.details()["fields"],
        serde_json::json!(["employees", "revenue"])
    );
}

/// The same source, compiled as C and as C++ against the checked-in header.
#[test]
fn a_validator_in_c_works_like_one_in_rust() {
    for compiler in [["cc", "-std=c99", "-xc"], ["c++", "-std=c++17", "-xc++"]] {
        let Built {
            folder: _folder,
            path,
        } = build(&compiler, "tax_number.c");
        let digits = load_as("example.tax-number", &path)
            .unwrap()
            .validators()
            .remove(0);
        let company = |number: Value| FakeDraft::new([("tax_number", number)]);
        check(&*digits, &company(Value::Null), None);
        check(&*digits, &company("7701234567".into()), None);
        let refused = Some(("tax_number", "`tax_number` must have ten digits"));
        check(&*digits, &company("123".into()), refused);
        let refused = Some(("tax_number", "`tax_number` takes digits only"));
        check(&*digits, &company("77O1234567".into()), refused);
        let error = digits.validate(&FakeDraft::new([])).unwrap_err();
        assert_eq!(error.code(), Code::RuleFailed);
        assert!(
            error.message().ends_with("`tax_number` cannot be read"),
            "{error}"
        );
        assert_eq!(error.details()["plugin_code"], Code::UnknownField.number());
    }
}

/// The odd plugin makes every wrong call there is and judges the answers itself; then it refuses
/// without end, and without a field.
#[test]
fn wrong_calls_are_answered_and_refusals_are_bounded() {
    let Built {
        folder: _folder,
        path,
    } = build_odd(&[]);
    let odd = load_as("test.odd", &path).unwrap().validators().remove(0);
    assert_eq!(odd.watch(), ["name", "number"]);
    let error = odd
        .validate(&FakeDraft::new([("name", "Ivo".into())]))
        .unwrap_err();
    assert_eq!(error.code(), Code::Refused, "{error:?}");
    let refusals = error.message().split("; ").count();
    assert_eq!(refusals, crm_engine::limits::PLUGIN_REFUSALS_MAX);
    assert!(!error.details().contains_key("field"), "{error:?}");
}

#[track_caller]
fn rule_failed(result: Result<(), Error>, validator: &str, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::RuleFailed, "{error:?}");
    assert!(error.message().contains(message), "{error:?}");
    assert_eq!(error.details()["plugin"], "test.faulty");
    assert_eq!(error.details()["validator"], validator);
}

/// A panic stops the change and disables the whole plugin, so that what it can no longer check
/// does not pass; a failure stops the change only.
#[test]
fn a_panic_disables_the_plugin_and_nothing_else() {
    let path = built_beside("faulty_plugin").unwrap();
    let plugin = load_as("test.faulty", &path).unwrap();
    let [panics, fails] = plugin.validators().try_into().ok().expect("two validators");
    let draft = FakeDraft::new([("name", "Ivo".into())]);

    rule_failed(
        fails.validate(&draft),
        "fails",
        "the host does not give `missing`",
    );
    assert!(!plugin.is_disabled());

    rule_failed(
        panics.validate(&draft),
        "panics",
        "no idea what to do with Some(\"Ivo\")",
    );
    assert!(plugin.is_disabled());
    rule_failed(
        panics.validate(&draft),
        "panics",
        "is disabled since it panicked",
    );
    rule_failed(
        fails.validate(&draft),
        "fails",
        "is disabled since it panicked",
    );

    let another = load_as("test.faulty", &path).unwrap();
    assert!(!another.is_disabled(), "another copy has its own state");
}

#[test]
fn validators_may_be_called_by_many_threads_at_once() {
    let path = built_beside("credit_guard").unwrap();
    let guard = load_as("example.credit-guard", &path)
        .unwrap()
        .validators()
        .remove(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let guard = &guard;
            scope.spawn(move || {
                for count in -100..100_i64 {
                    let employees = Value::Integer(count * (thread + 1));
                    let draft =
                        FakeDraft::new([("employees", employees), ("revenue", Value::Null)]);
                    assert_eq!(guard.validate(&draft).is_err(), count < 0);
                }
            });
        }
    });
}

/// Statuses share their numbers with the codes of the engine; the panic is the plugin's own.
#[test]
fn statuses_are_codes() {
    for (status, code) in [
        (raw::CRM_PLUGIN_INTERNAL, Code::Internal),
        (raw::CRM_PLUGIN_MISUSE, Code::Misuse),
        (raw::CRM_PLUGIN_NULL_ARGUMENT, Code::NullArgument),
        (raw::CRM_PLUGIN_INVALID_UTF8, Code::InvalidUtf8),
        (raw::CRM_PLUGIN_LIMIT_EXCEEDED, Code::LimitExceeded),
        (raw::CRM_PLUGIN_UNKNOWN_FIELD, Code::UnknownField),
        (raw::CRM_PLUGIN_WRONG_TYPE, Code::WrongType),
        (raw::CRM_PLUGIN_INVALID_ARGUMENTS, Code::InvalidArguments),
        (raw::CRM_PLUGIN_FAILED, Code::RuleFailed),
    ] {
        assert_eq!(status, code.number());
    }
    assert!(
        Code::ALL
            .iter()
            .all(|code| code.number() != raw::CRM_PLUGIN_PANIC)
    );
}
