//! House rules: who uses whom, how long files are, and that the kernel knows no customers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Hand-written files end well before this.
const FILE_LINES_MAX: usize = 1_000;

/// Words of the trade that belong into packs, not into the engine. (A `lead` would be one too, but
/// threads have taken it.)
const CRM_WORDS: [&str; 10] = [
    "company",
    "companies",
    "customer",
    "contact",
    "deal",
    "deals",
    "opportunity",
    "invoice",
    "campaign",
    "salesperson",
];

/// Rooms whose documentation may speak of the trade: the roof greets its users in their words.
const ROOF: [&str; 5] = ["engine", "session", "operation", "lib", "bin"];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate stands in a workspace")
        .into()
}

struct Room {
    name: String,
    uses: BTreeSet<String>,
}

/// The rows of the table of rooms, in their order.
fn rooms() -> Vec<Room> {
    let text = fs::read_to_string(workspace().join("crm-engine/ARCHITECTURE.md")).unwrap();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let name = cells.get(2)?.strip_prefix('`')?.strip_suffix('`')?;
            let uses = cells
                .get(3)?
                .split_whitespace()
                .map(str::to_owned)
                .collect();
            Some(Room {
                name: name.to_owned(),
                uses,
            })
        })
        .collect()
}

fn files_below(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files_below(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// The room a file of the engine belongs to.
fn room_of(source: &Path, file: &Path) -> String {
    let first = file
        .strip_prefix(source)
        .unwrap()
        .components()
        .next()
        .unwrap();
    first
        .as_os_str()
        .to_string_lossy()
        .trim_end_matches(".rs")
        .to_owned()
}

/// A file without its tests and comments: what the product is built from.
fn product_code(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    before_tests
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every room named in a `crate::...` path, groups of imports included.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let name: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        used.insert(name);
    }
    used
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    let rooms = rooms();
    assert!(rooms.len() > 20, "the table of rooms was not found");
    let order: BTreeMap<&str, usize> = rooms
        .iter()
        .enumerate()
        .map(|(at, room)| (room.name.as_str(), at))
        .collect();
    let mut wrong = Vec::new();
    for room in &rooms {
        for used in &room.uses {
            if order
                .get(used.as_str())
                .is_none_or(|at| *at >= order[room.name.as_str()])
            {
                wrong.push(format!(
                    "the table lets `{}` use `{used}`, which is not above it",
                    room.name
                ));
            }
        }
    }
    let source = workspace().join("crm-engine/src");
    let mut files = Vec::new();
    files_below(&source, &[".rs"], &mut files);
    for file in files {
        let name = room_of(&source, &file);
        // What stands in `bin` are programs of their own, which use the public interface.
        if ["lib", "bin"].contains(&name.as_str())
            || file.to_string_lossy().contains("/tests/")
            || file.ends_with("tests.rs")
        {
            continue;
        }
        let Some(room) = rooms.iter().find(|room| room.name == name) else {
            wrong.push(format!("`{name}` is not in the table of rooms"));
            continue;
        };
        for used in rooms_used(&product_code(&fs::read_to_string(&file).unwrap())) {
            let known = order.contains_key(used.as_str());
            if known && used != name && !room.uses.contains(&used) {
                wrong.push(format!("{}: `{name}` uses `{used}`", file.display()));
            } else if !known && used.starts_with(|c: char| c.is_ascii_lowercase()) {
                wrong.push(format!(
                    "{}: `{used}` is not in the table of rooms",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_one_room_names_each_foundation() {
    let source = workspace().join("crm-engine/src");
    let mut files = Vec::new();
    files_below(&source, &[".rs"], &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let room = room_of(&source, &file);
        let code = product_code(&fs::read_to_string(&file).unwrap());
        for (library, home) in [("redb", "store"), ("rhai", "script"), ("sqlparser", "expr")] {
            let named = code.contains(&format!("{library}::"));
            let allowed = room == home || (library == "sqlparser" && room == "query");
            if named && !allowed {
                wrong.push(format!("{}: names {library}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_short() {
    let mut files = Vec::new();
    files_below(
        &workspace(),
        &[".rs", ".c", ".h", ".rhai", ".toml"],
        &mut files,
    );
    assert!(files.len() > 40);
    let generated = workspace().join("include");
    for file in files.iter().filter(|file| !file.starts_with(&generated)) {
        let lines = fs::read_to_string(file).unwrap().lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{} has {lines} lines",
            file.display()
        );
    }
}

#[test]
fn the_kernel_knows_no_customers() {
    let source = workspace().join("crm-engine/src");
    let mut files = Vec::new();
    files_below(&source, &[".rs", ".toml"], &mut files);
    let mut found = Vec::new();
    for file in files {
        if ROOF.contains(&room_of(&source, &file).as_str()) {
            continue;
        }
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            for word in line.split(|c: char| !c.is_ascii_alphanumeric()) {
                if CRM_WORDS.contains(&word.to_ascii_lowercase().as_str()) {
                    found.push(format!("{}:{}: {word}", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
