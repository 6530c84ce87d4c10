use std::collections::BTreeSet;

use crate::script::functions::{self, functions, functions_markdown};

use super::{failure, run};

/// Every documented function can be called as its example shows.
#[test]
fn examples_hold() {
    for doc in functions().iter().filter(|doc| doc.only_in.is_none()) {
        let (result, _) = run(doc.example);
        let said = result
            .unwrap_or_else(|error| panic!("{}: {error}", doc.signature))
            .as_bool();
        assert_eq!(said, Ok(true), "{}: {}", doc.signature, doc.example);
        assert!(
            doc.example.contains(doc.name),
            "{}: {}",
            doc.signature,
            doc.example
        );
    }
}

/// Each row registers one function of its own, so there is none without a row.
#[test]
fn every_function_is_documented_once() {
    let (variables, registered, _) = functions::module().count();
    assert_eq!((variables, registered), (0, functions().len()));
    let signatures: BTreeSet<&str> = functions().iter().map(|doc| doc.signature).collect();
    assert_eq!(signatures.len(), functions().len());
    assert!(functions().iter().all(|doc| doc.text.ends_with('.')));
}

#[test]
fn the_markdown_has_a_row_for_each() {
    let page = functions_markdown();
    assert_eq!(page.lines().count(), functions().len() + 2);
    assert!(page.contains("`[1, 2].any(\\|n\\| n == 2)`"), "{page}");
}

#[test]
fn money_of_two_currencies_is_never_mixed() {
    let mixed = r#"money(1, "EUR") + money(1, "USD")"#;
    assert!(failure(mixed).contains("EUR"), "{}", failure(mixed));
    let compared = r#"money(1, "EUR") < money(1, "USD")"#;
    assert!(
        failure(compared).contains("different currencies"),
        "{}",
        failure(compared)
    );
    assert!(failure(r#"money(1, "euro")"#).contains("euro"));
}

#[test]
fn numbers_are_exact_and_bounded() {
    assert!(run("0.1 + 0.2 == 0.3").0.unwrap().as_bool().unwrap());
    assert!(
        run("let d = 1.5; d += 1; d == 2.5")
            .0
            .unwrap()
            .as_bool()
            .unwrap()
    );
    for text in [
        "9223372036854775807 + 1",
        "-(-9223372036854775807 - 1)",
        "1 / 0",
        "1.0 / 0.0",
        "79228162514264337593543950335.0 * 2",
        r#"money(79228162514264337593543950335.0, "EUR") * 2"#,
    ] {
        assert!(run(text).0.is_err(), "{text}");
    }
}

#[test]
fn dates_stay_in_range() {
    assert!(failure(r#"date("2017-02-30")"#).contains("2017-02-30"));
    assert!(failure(r#"date("2017-02-27") + 9223372036854775807"#).contains("out of range"));
    assert!(failure(r#"date("2017-02-27") - (-9223372036854775807 - 1)"#).contains("out of range"));
}

#[test]
fn unsortable_items_are_an_error() {
    assert!(failure(r#"[1, "a"].sort()"#).contains("cannot be compared"));
    assert!(failure("[1, ()].sort()").contains("cannot be compared"));
    assert!(failure("[1, 2].filter(|n| n)").contains("true or false"));
}

/// The limits on nesting leave room for what people write.
#[test]
fn long_chains_are_not_deep() {
    let sum = vec!["1"; 50].join(" + ");
    assert!(run(&format!("{sum} == 50")).0.unwrap().as_bool().unwrap());
    let either = vec!["false"; 50].join(" || ");
    assert!(!run(&either).0.unwrap().as_bool().unwrap());
    let ladder: String = (0..20)
        .map(|n| format!("if n == {n} {{ {n} }} else "))
        .collect();
    assert!(
        run(&format!("let n = 19; let m = {ladder} {{ 0 }}; m == 19"))
            .0
            .unwrap()
            .as_bool()
            .unwrap()
    );
}
