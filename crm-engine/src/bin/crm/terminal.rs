//! A terminal: lines edited, remembered and completed.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::{DefaultHistory, History};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};

use crate::complete::Names;
use crate::failure::Failure;
use crate::input::{self, Splitter};
use crate::shell::{Flow, Shell};

/// Lines that are remembered.
const HISTORY_LINES_MAX: usize = 1_000;

/// Reads statements from a terminal until its end.
pub(crate) fn run(shell: &mut Shell) -> Result<(), Failure> {
    let names = Rc::new(RefCell::new(Names::of(shell)));
    let config = Config::builder()
        .max_history_size(HISTORY_LINES_MAX)
        .and_then(|config| config.history_ignore_dups(true))
        .map_err(failure)?
        .completion_type(rustyline::CompletionType::List)
        .build();
    let mut editor: Editor<Words, DefaultHistory> = Editor::with_config(config).map_err(failure)?;
    editor.set_helper(Some(Words(Rc::clone(&names))));
    let remembered = history_file();
    if let Some(path) = &remembered {
        // There is none at the first time; without one the shell works as well.
        let _ = editor.load_history(path);
    }
    greet(shell)?;
    loop {
        match editor.readline(&prompt(shell)) {
            Ok(text) => {
                if remembers(&text) {
                    let _ = editor.add_history_entry(text.trim());
                }
                if run_text(shell, &text)? == Flow::Quit {
                    break;
                }
                if !input::is_query(&text) {
                    *names.borrow_mut() = Names::of(shell);
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failure(error)),
        }
    }
    if let Some(path) = remembered.filter(|_| editor.history().len() > 0) {
        let _ = editor.save_history(&path);
    }
    Ok(())
}

fn greet(shell: &Shell) -> Result<(), Failure> {
    let who = shell.login().unwrap_or("the host itself");
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        io::stdout(),
        "crm {version}, working as {who}. A query ends with `;`; `.help` lists the commands."
    )?;
    Ok(())
}

fn prompt(shell: &Shell) -> String {
    format!("{}> ", shell.login().unwrap_or("host"))
}

/// Runs what was typed; a failure is told and the next line read.
fn run_text(shell: &mut Shell, text: &str) -> Result<Flow, Failure> {
    let mut splitter = Splitter::default();
    let mut statements = Vec::new();
    for line in text.lines() {
        statements.extend(splitter.push(line));
    }
    statements.extend(splitter.finish());
    for statement in statements {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let ran = shell.run(&statement, &mut out);
        out.flush()?;
        match ran {
            Ok(Flow::Go) => {}
            Ok(Flow::Quit) => return Ok(Flow::Quit),
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Err(error.into());
            }
            Err(failure) => {
                failure.tell(&mut io::stderr().lock());
                break;
            }
        }
    }
    Ok(Flow::Go)
}

/// Whether a line may be kept in a file.
fn remembers(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.contains("password") && !text.contains("totp")
}

/// Where lines are remembered: `CRM_HISTORY`, or a file in the home folder; empty for nowhere.
fn history_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CRM_HISTORY") {
        return (!path.is_empty()).then(|| path.into());
    }
    std::env::home_dir().map(|home| home.join(".crm_history"))
}

fn failure(error: ReadlineError) -> Failure {
    match error {
        ReadlineError::Io(error) => Failure::Io(error),
        other => Failure::Found(other.to_string()),
    }
}

/// What the editor asks while somebody types.
struct Words(Rc<RefCell<Names>>);

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.borrow().complete(line, at))
    }
}

impl Validator for Words {
    fn validate(&self, typed: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match input::is_whole(typed.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}

impl Helper for Words {}
