//! Runs every file of `tests/scenarios`, and those beside the objects of packs, through the Rust
//! API and through the C API, and compares what is read again after the store was reopened.
//!
//! A file is a list of lines. It begins with the capabilities it covers: `# covers C80 C81`.
//!
//! ```text
//! at 2026-03-01T09:00:00Z                            the time from here on
//! pack sales_rules                                   installs a pack of `plugins/`
//! department Sales
//! user anna role=agent supervisor=max department=Sales
//! login anna                                         => ok
//! enter anna ip=10.0.0.1 password="s" code=123456    a session that proves who she is and stays
//! leave anna                                         ends it
//! as anna create deal #d title="Roof" stage=engaging => ok
//! repeat 3 as anna create task #t title="Call {n}"   makes #t1 #t2 #t3
//! as ivo set #d stage=won expected=1                 => not_found
//! as anna see #d company.name                        => Vega
//! as anna get #d · delete #d · owners #d · changes #d
//! as anna timeline #d {"kinds": ["stage"]} · card #d · touch #d
//! as anna report sources {"period": "2026"} · drill sources {"column": "deals", "key": {..}}
//! as anna query SELECT ... · call OPERATION {json} · journal {"kinds": ["login"]}
//! verify                                             => 0 faults
//! ```
//!
//! `#d` stands for a record or its id, `@anna` for a user or his id. A refusal reads as its code
//! and, where there is one, the field at fault. A refusal must not have changed any record; the
//! journal may tell of it. `BLESS=1` rewrites what stands behind `=>`.

mod c_host;
mod host;
mod run;
mod rust_host;
mod show;

use std::fs;
use std::path::{Path, PathBuf};

use host::Host;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate stands in a workspace")
        .into()
}

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["tests/scenarios", "plugins", "crm-engine/packs"] {
        collect(&workspace().join(folder), &mut files);
    }
    files.sort();
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "scenario") {
            files.push(path);
        }
    }
}

/// Runs one file through one API; the text with the outcomes that were seen comes back.
fn outcome(path: &Path, open: fn(&Path) -> Box<dyn Host>) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("scenario.crm");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.starts_with("# covers C"),
        "{}: names no capability",
        path.display()
    );
    run::run(&text, &store, open).map_err(|error| format!("{}:{error}", path.display()))
}

fn check(open: fn(&Path) -> Box<dyn Host>) {
    let files = files();
    assert!(files.len() >= 5, "the scenario files were not found");
    let mut wrong = Vec::new();
    for path in files {
        let expected = fs::read_to_string(&path).unwrap();
        let seen = match outcome(&path, open) {
            Ok(seen) => seen,
            Err(error) => {
                wrong.push(error);
                continue;
            }
        };
        if seen == expected {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            fs::write(&path, &seen).unwrap();
            continue;
        }
        for (number, (expected, seen)) in expected.lines().zip(seen.lines()).enumerate() {
            if expected != seen {
                let place = format!("{}:{}", path.display(), number + 1);
                wrong.push(format!("{place}\n  expected {expected}\n  seen     {seen}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The pack that `plugins/README.md` writes works as its scenario says.
#[test]
fn the_pack_of_the_manual() {
    let page = fs::read_to_string(workspace().join("plugins/README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("contract/rules")).unwrap();
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).unwrap();
    let block = |page: &str, head: &str| -> String {
        let text = page.split_once(head).unwrap().1;
        text.split_once("```").unwrap().0.to_owned()
    };
    for file in [
        "pack.toml",
        "roles.toml",
        "contract/object.toml",
        "contract/rules.toml",
        "contract/reports.toml",
    ] {
        write(file, &block(&page, &format!("## {file}\n\n```toml\n")));
    }
    for script in block(&page, "```rust,ignore\n// ").split("\n// ") {
        let (name, text) = script.split_once('\n').unwrap();
        write(&format!("contract/rules/{name}"), text);
    }
    let pack = format!("pack {}\n", folder.path().display());
    let scenario = block(&page, "```text\n# covers");
    let scenario = format!("# covers{}", scenario.replace("pack contracts\n", &pack));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &scenario).unwrap();
    for open in [rust_host::open, c_host::open] {
        assert_eq!(outcome(file.path(), open).unwrap(), scenario);
    }
}

/// The rights that `plugins/RIGHTS.md` writes do what its scenario says.
#[test]
fn the_rights_of_the_manual() {
    let page = fs::read_to_string(workspace().join("plugins/RIGHTS.md")).unwrap();
    let block = |head: &str| {
        let text = page.split_once(head).unwrap().1;
        text.split_once("```").unwrap().0
    };
    let folder = tempfile::tempdir().unwrap();
    for file in ["pack.toml", "roles.toml"] {
        let text = block(&format!("```toml\n# {file}\n"));
        fs::write(folder.path().join(file), text).unwrap();
    }
    let pack = format!("pack {}\n", folder.path().display());
    let scenario = block("```text\n# covers").replace("pack sales_rights\n", &pack);
    let scenario = format!("# covers{scenario}");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &scenario).unwrap();
    for open in [rust_host::open, c_host::open] {
        assert_eq!(outcome(file.path(), open).unwrap(), scenario);
    }
}

#[test]
fn through_rust() {
    check(rust_host::open);
}

#[test]
fn through_c() {
    check(c_host::open);
}
