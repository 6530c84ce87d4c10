//! `crm`: a shell for stores. Opens one, lets a user in, runs queries and commands, typed or from
//! a pipe.
//!
//! It uses nothing but the public interface of the engine: what a user may not do, he may not do
//! here either.
//!
//! | File | Holds |
//! |---|---|
//! | `args`, `help` | the command line, and what is said about it |
//! | `enter` | who works here: login and password |
//! | `input` | texts cut into statements |
//! | `shell` | one statement run: a query or a command |
//! | `command` | the commands, by name |
//! | `query`, `grid` | rows as an aligned table, CSV or JSON |
//! | `show`, `card`, `funnel` | answers for people |
//! | `import` | columns of a file matched with fields |
//! | `failure` | errors with the place they stand at |
//! | `terminal`, `complete` | line editing, history, completion |
#![forbid(unsafe_code)]

mod args;
mod card;
mod command;
mod complete;
mod enter;
mod failure;
mod funnel;
mod grid;
mod help;
mod import;
mod input;
mod query;
mod report;
mod shell;
mod show;
mod terminal;

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;

use args::{Args, Asked};
use failure::Failure;
use input::Splitter;
use shell::{Flow, Shell};

fn main() -> ExitCode {
    let ended = match args::parse(std::env::args_os()) {
        Ok(Asked::Help) => say(help::USAGE),
        Ok(Asked::Version) => say(concat!("crm ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Asked::Run(args)) => run(&args),
        Err(failure) => Err(failure),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(&mut io::stderr().lock()),
    }
}

fn say(text: &str) -> Result<(), Failure> {
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn run(args: &Args) -> Result<(), Failure> {
    let typed = args.commands.is_empty() && io::stdin().is_terminal();
    let (engine, session) = enter::enter(args, io::stdin().is_terminal())?;
    let mut shell = Shell::new(session, args, typed)?;
    let ended = match typed {
        true => terminal::run(&mut shell),
        false => run_all(&mut shell, args),
    };
    drop(shell);
    engine.close()?;
    ended
}

/// Runs what stands on the command line, or what comes from the pipe; the first failure ends it.
fn run_all(shell: &mut Shell, args: &Args) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if args.commands.is_empty() {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        run_text(shell, &text, &mut out)?;
    }
    for text in &args.commands {
        if run_text(shell, text, &mut out)? == Flow::Quit {
            break;
        }
    }
    out.flush()?;
    Ok(())
}

fn run_text(shell: &mut Shell, text: &str, out: &mut dyn Write) -> Result<Flow, Failure> {
    let mut splitter = Splitter::default();
    for line in text.lines() {
        for statement in splitter.push(line) {
            if shell.run(&statement, out)? == Flow::Quit {
                return Ok(Flow::Quit);
            }
        }
    }
    match splitter.finish() {
        Some(statement) => shell.run(&statement, out),
        None => Ok(Flow::Go),
    }
}
