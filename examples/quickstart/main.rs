//! A host in Rust: loads a public sales base into a new store and shows what the engine is for.
//!
//!     cargo run --release --example quickstart [-- --store PATH] [--open]
//!
//! `--open` opens the store that an earlier run has left, shows its funnels and verifies it.
#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

mod load;
mod plugin;
mod rules;
mod show;

use std::path::{Path, PathBuf};

use crm_engine::{Engine, Options, Result};
use serde_json::json;

fn main() {
    let arguments = Arguments::read();
    if let Err(error) = run(&arguments) {
        println!("\n{} ({}): {error}", error.code(), error.code().number());
        if !error.details().is_empty() {
            println!("{}", json!(error.details()));
        }
        std::process::exit(1);
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let options = Options {
        validators: plugin::load()?,
        ..Options::default()
    };
    if arguments.open {
        let engine = Engine::open(&arguments.store, options)?;
        println!("Opened {}.", arguments.store.display());
        show::figures(&engine)?;
        show::verification(&engine)?;
        return engine.close();
    }
    if arguments.replace && arguments.store.exists() {
        std::fs::remove_file(&arguments.store).map_err(show::io(&arguments.store))?;
    }
    if let Some(folder) = arguments.store.parent() {
        std::fs::create_dir_all(folder).map_err(show::io(folder))?;
    }
    let engine = Engine::create(&arguments.store, options)?;
    println!("Created {}.", arguments.store.display());

    let base = load::base(&engine, &workspace())?;
    show::figures(&engine)?;
    show::drill_down(&engine)?;
    show::picture(&engine, &arguments.store.with_extension("svg"))?;
    show::refused_lookup(&engine, &base)?;
    rules::show(&engine, &base)?;
    show::hand_over(&engine, &base)?;
    show::verification(&engine)?;
    engine.close()?;

    let bytes = std::fs::metadata(&arguments.store)
        .map_err(show::io(&arguments.store))?
        .len();
    println!(
        "\nThe store has {:.1} MB. To open it again and see the same figures:\n\
         cargo run --release --example quickstart -- --open",
        bytes as f64 / 1e6
    );
    Ok(())
}

struct Arguments {
    store: PathBuf,
    /// The default store is the example's own and is made anew; a named one is never replaced.
    replace: bool,
    open: bool,
}

impl Arguments {
    fn read() -> Arguments {
        let default = workspace().join("target").join("quickstart.crm");
        let mut arguments = Arguments {
            store: default,
            replace: true,
            open: false,
        };
        let mut given = std::env::args().skip(1);
        while let Some(argument) = given.next() {
            match (argument.as_str(), given.len()) {
                ("--open", _) => arguments.open = true,
                ("--store", 1..) => {
                    arguments.store = given.next().map(PathBuf::from).unwrap_or_default();
                    arguments.replace = false;
                }
                _ => {
                    println!("usage: quickstart [--store PATH] [--open]");
                    std::process::exit(2);
                }
            }
        }
        arguments
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}
