//! The holes of rhai's own limits, each with its guard. Every one was open in rhai 1.27.0 with
//! its limits set; see the room's documentation for what stands against them.

use std::time::{Duration, Instant};

use crate::limits::{
    SCRIPT_BYTES_MAX, SCRIPT_MILLISECONDS_MAX, SCRIPT_STEPS_MAX, SCRIPT_STRING_BYTES_MAX,
};

use super::{failure, run};

/// What a stopped script may take beyond its time: a few steps, on a busy machine.
const GRACE: Duration = Duration::from_millis(750);

fn stopped_in_time(text: &str) -> String {
    let begun = Instant::now();
    let message = failure(text);
    let taken = begun.elapsed();
    assert!(
        taken < Duration::from_millis(SCRIPT_MILLISECONDS_MAX) + GRACE,
        "{taken:?}: {text}"
    );
    assert!(message.contains("stopped"), "{message}: {text}");
    message
}

/// rhai's counter did not see what closures did: a thousand times `map` over ten thousand items
/// ran for 10.8 s under a limit of ten thousand steps, and succeeded.
#[test]
fn closures_are_counted() {
    let build = "let a = []; for n in 0..1000 { a.push(n); }";
    stopped_in_time(&format!(
        "{build} for n in 0..100000 {{ a.map(|x| x * 2); }}"
    ));
    stopped_in_time(&format!("{build} loop {{ a.filter(|x| x > 2); }}"));
    stopped_in_time(&format!("{build} loop {{ a.sort_by(|x| -x); }}"));
    let (result, call) = run("let a = [1, 2, 3]; a.map(|x| x * 2)");
    assert!(result.is_ok(), "{result:?}");
    assert!(call.meter.steps() > 9, "{}", call.meter.steps());
}

#[test]
fn endless_loops_are_stopped() {
    stopped_in_time("loop {}");
    stopped_in_time("while true {}");
    stopped_in_time("for n in 0..9223372036854775807 {}");
    stopped_in_time("let n = 0; do { n += 1; } while n > 0;");
}

/// A script cannot catch its own end.
#[test]
fn a_stop_cannot_be_caught() {
    stopped_in_time("loop { try { loop {} } catch { } }");
    let (result, call) = run(r#"try { loop {} } catch { } "went on""#);
    assert!(result.is_err() && call.meter.steps() <= SCRIPT_STEPS_MAX + 1);
}

/// At the default optimisation level the parser folds the map into the assignment, and the
/// evaluation comes to an `unreachable!`.
#[test]
fn changing_a_constant_map_is_an_error() {
    let message = failure("const m = #{a: 1}; m.a = 5;");
    assert!(message.contains("constant"), "{message}");
}

/// Nothing in rhai bounds memory: many arrays, each under its limit, came to 174 MB.
#[test]
fn many_arrays_are_stopped_by_the_byte_budget() {
    let fill = "let a0 = []; for n in 0..1000 { a0.push(n + 0.5); }";
    let copies = |n: usize| -> String { (1..n).map(|i| format!("let a{i} = a0;")).collect() };
    let (result, call) = run(&format!("{fill} {} a0.len()", copies(100)));
    assert!(result.is_ok(), "{result:?}");
    assert!(
        call.meter.peak_bytes() > 90 * 1_000 * 48,
        "{}",
        call.meter.peak_bytes()
    );
    // Over several frames, because the variables of one are bounded too.
    let deep = format!(
        "fn f(n, a0) {{ {} if n > 0 {{ f(n - 1, a0) }} else {{ 0 }} }} {fill} f(20, a0)",
        copies(100)
    );
    // On a busy machine the time may be over first.
    let runs = (0..8).map(|_| run(&deep));
    let bytes = |result: &Result<_, crate::Error>| {
        let error = result.as_ref().err();
        error.is_some_and(|error| error.message().contains("bytes"))
    };
    let stopped = runs.into_iter().find(|(result, _)| bytes(result));
    let (_, call) = stopped.expect("the byte budget ends one of them");
    let one_weighing = 16 * 1_000 * 48 + 100_000;
    assert!(
        call.meter.peak_bytes() < SCRIPT_BYTES_MAX + one_weighing,
        "{}",
        call.meter.peak_bytes()
    );
}

/// What native functions gather counts before it is handed over.
#[test]
fn gathered_results_are_counted() {
    let text = "let few = []; let big = []; \
        for n in 0..500 { few.push(n); big.push(n + 0.5); } few.map(|n| big)";
    let (result, call) = run(text);
    let message = result.unwrap_err().to_string();
    assert!(message.contains("bytes"), "{message}");
    assert!(
        call.meter.peak_bytes() < SCRIPT_BYTES_MAX + 100_000,
        "{}",
        call.meter.peak_bytes()
    );
}

/// rhai measures an array anew at each push, so that growth is quadratic: the limit is low.
#[test]
fn growing_an_array_stays_quick() {
    let begun = Instant::now();
    assert!(failure("let a = []; loop { a.push(0); }").contains("too large"));
    assert!(failure("let a = []; loop { a += 0; }").contains("too large"));
    let grown = failure("let m = #{}; let n = 0; loop { n += 1; m[`k${n}`] = n; }");
    assert!(
        grown.contains("too large") || grown.contains("stopped"),
        "{grown}"
    );
    assert!(begun.elapsed() < GRACE);
}

#[test]
fn huge_texts_are_stopped() {
    for text in [
        r#"let s = "ab"; loop { s += s; }"#,
        r#"let s = "ab"; loop { s = s + s; }"#,
        r#"let s = "ab"; loop { s = `${s}${s}`; }"#,
    ] {
        assert!(failure(text).contains("too large"), "{}", failure(text));
    }
    // 128 KiB times 128 KiB would be 16 GiB before anybody measures it.
    let double = r#"let s = "a"; for n in 0..17 { s += s; }"#;
    let limit = SCRIPT_STRING_BYTES_MAX.to_string();
    assert!(failure(&format!(r#"{double} s.replace("a", s)"#)).contains(&limit));
    assert!(failure(&format!(r#"{double} s.split("a")"#)).contains("parts"));
    assert!(failure(&format!("{double} [1, 2, 3, 4].join(s)")).contains("too long"));
}

/// rhai can import scripts that import each other until the stack ends. Rules import nothing.
#[test]
fn nothing_is_imported_evaluated_or_printed() {
    for text in [
        r#"import "other" as other;"#,
        "export let a = 1;",
        r#"eval("1 + 1")"#,
        r#"let e = "eval"; Fn(e)"#,
        r#"print("a")"#,
        r#"debug("a")"#,
        r#"Fn("parse_int")"#,
        r#""a".call()"#,
        r#"is_def_var("a")"#,
    ] {
        assert!(run(text).0.is_err(), "{text}");
    }
}

/// `sleep` and its like do not exist, because nothing exists that the table does not name.
#[test]
fn functions_outside_of_the_table_do_not_exist() {
    for text in [
        "sleep(1)",
        "timestamp()",
        "rand()",
        "exit()",
        "open_file(\"/\")",
        "blob(1000000)",
    ] {
        let message = failure(text);
        assert!(
            message.contains("not found") || message.contains("unction"),
            "{text}: {message}"
        );
    }
}

/// A missing property used to be read as a missing value, and `() < 0` was `false`.
#[test]
fn missing_values_do_not_answer_silently() {
    assert!(failure("let m = #{a: 1}; m.b").contains("`b`"));
    assert!(failure("let m = #{a: 1}; m[\"b\"]").contains('b'));
    assert!(failure("no_such_variable").contains("no_such_variable"));
    for text in [
        "() < 0",
        "0 < ()",
        "() >= ()",
        "\"1\" > 0",
        "let m = #{a: ()}; m.a < 1.5",
    ] {
        assert!(
            failure(text).contains("cannot be compared"),
            "{text}: {}",
            failure(text)
        );
    }
}

/// Runs on a test thread with its stack of 2 MiB, in debug builds too.
#[test]
fn deep_recursion_is_an_error() {
    let message = failure("fn f(n) { f(n + 1) } f(0)");
    assert!(message.contains("stack"), "{message}");
    // The deepest frames a script can make: nested as far as allowed on every level.
    for (open, close) in [
        ("(0 + ", ")"),
        ("[", "]"),
        ("if true {", "}"),
        ("g(", ")"),
        ("#{a: ", "}.a"),
    ] {
        let nested = |deep: usize| {
            let (open, close) = (open.repeat(deep), close.repeat(deep));
            failure(&format!(
                "fn g(x) {{ x }} fn f(n) {{ {open}f(n + 1){close} }} f(0)"
            ))
        };
        let deepest = (1..64)
            .rev()
            .map(nested)
            .find(|message| !message.contains("complexity"));
        assert!(
            deepest
                .as_ref()
                .is_some_and(|message| message.contains("stack")),
            "{deepest:?}"
        );
    }
    let closures = "fn f(n) { [n].map(|x| f(x + 1)) } f(0)";
    assert!(run(closures).0.is_err());
}

#[test]
fn deep_nesting_is_an_error() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("-", ""),
        ("!", ""),
        ("if true {", "}"),
    ] {
        let text = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        assert!(run(&text).0.is_err(), "{open}");
    }
    let data = "let a = []; for n in 0..10000 { a = [a]; }";
    assert!(run(data).0.is_err());
}

/// A panic of a native function ends the call, not the process, and the next call is sound.
#[test]
fn panics_are_caught() {
    use std::sync::Arc;

    use crate::script::call::Call;
    use crate::script::fault::Ending;
    use crate::script::{record, sandbox};

    let mut module = rhai::Module::new();
    module.set_native_fn("fall", || -> Result<i64, Box<rhai::EvalAltResult>> {
        panic!("fallen")
    });
    let module: rhai::Shared<rhai::Module> = module.into();
    let mut scope = record::scope(rhai::Dynamic::UNIT, rhai::Dynamic::UNIT, false);
    let ast = sandbox::parse("fall()", &scope).unwrap();
    let call: Arc<Call> = Call::new(super::noon());
    let failure = sandbox::run(&ast, &mut scope, Some(&module), &call).unwrap_err();
    let Ending::Fails(error) = super::origin().ending(failure) else {
        panic!("it did not fail")
    };
    assert_eq!(error.code(), crate::Code::RuleFailed);
    assert!(error.message().contains("fallen"), "{error}");
    assert!(run("1 + 1").0.is_ok());
}

/// A closure kept in what it captures would never be freed: the inspection refuses it (see
/// `packs`). One that changes what is walked is an error, not a deadlock.
#[test]
fn a_closure_cannot_change_what_is_walked() {
    let text = "let a = [1, 2]; a.map(|x| { a.push(x); x })";
    assert!(
        failure(text).contains("the array that is walked"),
        "{}",
        failure(text)
    );
}

#[test]
fn errors_tell_the_chain_of_calls() {
    let text = "fn inner(n) { n / 0 }\nfn outer(n) { inner(n) }\nouter(1)";
    let error = run(text).0.unwrap_err();
    assert_eq!(error.details()["line"], 1);
    assert_eq!(
        error.details()["calls"],
        serde_json::json!(["outer (line 3)", "inner (line 2)"])
    );
    assert!(
        error.message().starts_with("test/rule.rhai:1:17: "),
        "{error}"
    );
}
