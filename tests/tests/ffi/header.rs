//! `include/crm.h` is made from the sources of `crm-ffi` and compared with what is checked in.
//!
//! Each source file is a topic: its `//!` text heads the topic, and cbindgen turns its exports
//! and their comments into declarations. The first page is the text of the crate itself. Codes
//! and types come from the engine, so that they have one source.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use cbindgen::{Builder, Config, Language, Style};
use crm_engine::Code;
use crm_engine::value::ValueType;

use crate::built::workspace;

/// The topics, in the order of the header.
const TOPICS: [&str; 11] = [
    "status",
    "store",
    "session",
    "record",
    "statement",
    "bind",
    "column",
    "call",
    "buffer",
    "error",
    "version",
];

/// Lines of the header are no longer, where it can be helped.
const LINE_MAX: usize = 100;

/// What the types need to be known for, before the topics.
const TYPES: [&str; 6] = [
    "crm_db",
    "crm_session",
    "crm_statement",
    "crm_buffer",
    "crm_error",
    "crm_cancel",
];

const MACROS: &str = r"
#include <stdint.h>

/* Define CRM_STATIC when linking the static library on Windows. */
#if defined(_WIN32) && !defined(CRM_STATIC)
#define CRM_API __declspec(dllimport)
#else
#define CRM_API
#endif

#if defined(_WIN32)
#define CRM_CALLBACK __cdecl
#else
#define CRM_CALLBACK
#endif

/* From C++17 on a callback that may throw does not compile. */
#if defined(__cplusplus) && (__cplusplus >= 201703L || (defined(_MSVC_LANG) && _MSVC_LANG >= 201703L))
#define CRM_NOEXCEPT noexcept
#else
#define CRM_NOEXCEPT
#endif
";

const PROGRESS: &str = r"
/**
 * Hears of the progress of an operation: `done` of `total` units, which its description names;
 * `total` is -1 when it is not known. `userdata` is what was given to `crm_call`.
 *
 * Returns: CRM_CONTINUE to go on, CRM_STOP to end the work with CRM_ERROR_CANCELLED.
 * Threads: runs on the thread that called `crm_call`, before that call returns.
 */
typedef int32_t (CRM_CALLBACK *crm_progress_fn)(void *userdata, int64_t done, int64_t total) CRM_NOEXCEPT;
";

fn source(topic: &str) -> PathBuf {
    workspace().join(format!("crm-ffi/src/{topic}.rs"))
}

pub(crate) fn path() -> PathBuf {
    workspace().join("include/crm.h")
}

/// The `//!` text of a source file: its lines, and whether each is of an example.
fn inner_doc(topic: &str) -> Vec<(String, bool)> {
    let text = fs::read_to_string(source(topic)).unwrap();
    let mut in_example = false;
    let mut lines = Vec::new();
    for line in text.lines().map_while(|line| line.strip_prefix("//!")) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        if line.starts_with("```") {
            in_example = !in_example;
        } else {
            lines.push((line.to_owned(), in_example));
        }
    }
    lines
}

/// The `//!` text of a source file as plain text.
fn heading(topic: &str) -> Vec<String> {
    let lines = inner_doc(topic).into_iter();
    lines
        .map(|(line, in_example)| match in_example {
            true => format!("    {line}"),
            false => line.replace("**", ""),
        })
        .collect()
}

/// The C example of a topic's `//!` text.
pub(crate) fn example(topic: &str) -> String {
    let lines = inner_doc(topic)
        .into_iter()
        .filter(|(_, in_example)| *in_example);
    lines.map(|(line, _)| line + "\n").collect()
}

fn comment(header: &mut String, lines: &[String]) {
    header.push_str("/*\n");
    for line in lines {
        let line = format!(" * {line}");
        writeln!(header, "{}", line.trim_end()).unwrap();
    }
    header.push_str(" */\n");
}

fn declarations(topic: &str) -> String {
    let mut config = Config {
        language: Language::C,
        style: Style::Type,
        no_includes: true,
        line_length: LINE_MAX,
        ..Config::default()
    };
    config.documentation_style = cbindgen::DocumentationStyle::Doxy;
    config.function.args = cbindgen::Layout::Horizontal;
    config.function.prefix = Some("CRM_API".into());
    config.function.postfix = Some("CRM_NOEXCEPT".into());
    config.export.exclude = TYPES.map(str::to_owned).to_vec();
    config.export.exclude.push("crm_progress_fn".to_owned());
    let bindings = Builder::new()
        .with_src(source(topic))
        .with_config(config)
        .generate();
    let mut written = Vec::new();
    bindings
        .unwrap_or_else(|error| panic!("{topic}: {error}"))
        .write(&mut written);
    let text = String::from_utf8(written).unwrap();
    // cbindgen breaks long declarations apart before and behind the name.
    let text = text
        .replace("CRM_API\n", "CRM_API ")
        .replace(")\nCRM_NOEXCEPT", ") CRM_NOEXCEPT");
    text.lines().map(|line| broken(line) + "\n").collect()
}

/// A declaration that is too long for one line, with its arguments on further lines.
fn broken(line: &str) -> String {
    if line.len() <= LINE_MAX || !line.starts_with("CRM_API ") {
        return line.to_owned();
    }
    let (head, arguments) = line.split_once('(').unwrap();
    let mut text = format!("{head}(");
    let mut width = LINE_MAX;
    for argument in arguments.split(", ") {
        if width + argument.len() + 2 > LINE_MAX {
            text.push_str("\n   ");
            width = 3;
        }
        write!(text, " {argument},").unwrap();
        width += argument.len() + 2;
    }
    text.pop();
    text
}

/// What the codes of each hundred are about.
const RANGES: [&str; 6] = [
    "Misuse, defects and cancelling",
    "What was asked for does not fit the schema",
    "Rights, and records that are not there",
    "The state of the data forbids it",
    "The store and its file",
    "What came from outside",
];

fn codes() -> String {
    let mut text = String::new();
    let mut range = None;
    for code in Code::ALL {
        let hundreds = code.number().unsigned_abs() as usize / 100;
        if range != Some(hundreds) {
            range = Some(hundreds);
            let about = RANGES.get(hundreds).expect("a range without a text");
            let last = hundreds * 100 + 99;
            let first = (hundreds * 100).max(1);
            writeln!(text, "\n/* {about}: -{first} to -{last}. */\n").unwrap();
        }
        writeln!(text, "/** {} */", code.meaning().trim()).unwrap();
        let name = code.name().to_uppercase();
        writeln!(text, "#define CRM_ERROR_{name} ({})", code.number()).unwrap();
    }
    text
}

fn types() -> String {
    let mut text = String::from("\n/* Types of values. */\n#define CRM_TYPE_NULL 0\n");
    for (at, kind) in ValueType::ALL.iter().enumerate() {
        let name = kind.name().to_uppercase();
        writeln!(text, "#define CRM_TYPE_{name} {}", at + 1).unwrap();
    }
    text
}

fn version() -> String {
    let number = crm::crm_version_number();
    let text = env!("CARGO_PKG_VERSION");
    format!(
        "\n/**\n * The version of this header.\n */\n#define CRM_VERSION \"{text}\"\n\
         #define CRM_VERSION_NUMBER {number}\n"
    )
}

/// The opaque types, with the comments that their Rust declarations have.
fn opaque_types() -> String {
    let mut text = String::new();
    for topic in TOPICS {
        let source = fs::read_to_string(source(topic)).unwrap();
        let lines: Vec<&str> = source.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line
                .strip_prefix("pub struct ")
                .and_then(|n| n.strip_suffix(" {"))
            else {
                continue;
            };
            assert!(
                TYPES.contains(&name),
                "`{name}` is not a known type of the header"
            );
            let above = lines[..at]
                .iter()
                .rev()
                .skip_while(|line| line.starts_with("#["));
            let mut doc: Vec<&str> = above.map_while(|line| line.strip_prefix("/// ")).collect();
            doc.reverse();
            let doc = doc.join("\n * ");
            writeln!(text, "\n/**\n * {doc}\n */\ntypedef struct {name} {name};").unwrap();
        }
    }
    text
}

/// The whole header.
fn generate() -> String {
    let mut header = String::new();
    let mut first_page = vec![
        "crm.h: the C interface of libcrm.".to_owned(),
        String::new(),
    ];
    first_page.extend(heading("lib"));
    first_page.push(String::new());
    first_page.push("Generated from the sources of crm-ffi; edit those.".to_owned());
    comment(&mut header, &first_page);
    header.push_str("\n#ifndef CRM_H\n#define CRM_H\n");
    header.push_str(MACROS);
    header.push_str("\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    header.push_str(&opaque_types());
    for topic in TOPICS {
        let mut text = heading(topic);
        text[0].insert_str(0, "---- ");
        header.push('\n');
        comment(&mut header, &text);
        match topic {
            "column" => header.push_str(&types()),
            "call" => header.push_str(PROGRESS),
            "version" => header.push_str(&version()),
            _ => {}
        }
        header.push('\n');
        header.push_str(declarations(topic).trim());
        header.push('\n');
        if topic == "status" {
            header.push_str(&codes());
        }
    }
    header.push_str("\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* CRM_H */\n");
    header
}

/// The functions the header declares.
pub(crate) fn functions() -> BTreeSet<String> {
    let text = fs::read_to_string(path()).unwrap();
    let declared = text.lines().filter(|line| line.starts_with("CRM_API "));
    declared
        .map(|line| {
            let before = line.split('(').next().unwrap();
            before.rsplit([' ', '*']).next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn header_is_current() {
    let now = generate();
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path().parent().unwrap()).unwrap();
        // Other tests read the header meanwhile.
        let fresh = path().with_extension("h.new");
        fs::write(&fresh, &now).unwrap();
        fs::rename(&fresh, path()).unwrap();
    }
    let checked_in = fs::read_to_string(path()).unwrap_or_default();
    if let Some((at, (old, new))) = checked_in
        .lines()
        .zip(now.lines())
        .enumerate()
        .find(|(_, (old, new))| old != new)
    {
        panic!(
            "include/crm.h, line {}: `{old}` is now `{new}`; BLESS=1 writes it",
            at + 1
        );
    }
    assert!(
        checked_in == now,
        "include/crm.h is not complete; BLESS=1 writes it"
    );
}

#[test]
fn each_function_tells_returns_errors_and_threads() {
    let text = fs::read_to_string(path()).unwrap();
    let mut silent = Vec::new();
    for (at, declaration) in text.match_indices("\nCRM_API ") {
        let comment = &text[text[..at].rfind("/**").unwrap()..at];
        let complete = comment.contains("Returns") && comment.contains("Threads:");
        if !complete || !(comment.contains("Errors:") || comment.contains("errors:")) {
            silent.push(text[at + declaration.len()..].lines().next().unwrap());
        }
    }
    assert!(silent.is_empty(), "not fully described: {silent:?}");
}

#[test]
fn the_header_has_no_more_functions_than_a_reader_can_take() {
    let count = functions().len();
    assert!((30..=60).contains(&count), "{count} functions");
}
