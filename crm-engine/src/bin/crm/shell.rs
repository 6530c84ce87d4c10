//! A store that somebody works in, statement by statement.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crm_engine::{Progress, Session};
use serde_json::Value as Json;

use crate::args::{Args, Format, Who};
use crate::command;
use crate::failure::Failure;
use crate::input::{self, Statement};
use crate::query;

/// How often long work says how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What a session of the shell works with.
pub(crate) struct Shell {
    session: Session,
    login: Option<String>,
    format: Format,
    language: String,
    /// Somebody types and reads.
    typed: bool,
    /// Set by Ctrl-C; a second one ends the program.
    cancel: Arc<AtomicBool>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Go,
    Quit,
}

impl Shell {
    /// A shell over an open store.
    pub(crate) fn new(session: Session, args: &Args, typed: bool) -> Result<Shell, Failure> {
        let cancel = Arc::new(AtomicBool::new(false));
        // In this order: what the first Ctrl-C sets, the second one finds.
        let signal = signal_hook::consts::SIGINT;
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&cancel))?;
        signal_hook::flag::register(signal, Arc::clone(&cancel))?;
        let login = match &args.who {
            Who::Host => None,
            Who::User(login) | Who::Vouched(login) => Some(login.clone()),
            Who::Ask => login_of(&session),
        };
        Ok(Shell {
            session,
            login,
            format: args.format,
            language: args.language.clone(),
            typed,
            cancel,
        })
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The name of who works; none for the host itself.
    pub(crate) fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn set_format(&mut self, format: Format) {
        self.format = format;
    }

    pub(crate) fn language(&self) -> &str {
        &self.language
    }

    pub(crate) fn set_language(&mut self, language: &str) {
        self.language = language.to_owned();
    }

    /// Whether somebody types and reads, rather than programs.
    pub(crate) fn is_typed(&self) -> bool {
        self.typed
    }

    /// Whether Ctrl-C was pressed since the statement began.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Runs one statement.
    pub(crate) fn run(
        &mut self,
        statement: &Statement,
        out: &mut dyn Write,
    ) -> Result<Flow, Failure> {
        self.cancel.store(false, Ordering::Relaxed);
        if !input::is_query(&statement.text) {
            return command::run(self, statement, out);
        }
        let first = statement.text.split_whitespace().next();
        match first.is_some_and(|word| word.eq_ignore_ascii_case("explain")) {
            true => query::explain(self, statement, out)?,
            false => query::run(self, statement, out)?,
        }
        Ok(Flow::Go)
    }

    /// Calls an operation; long work is told on the terminal and ends with Ctrl-C.
    pub(crate) fn call(&self, operation: &str, arguments: &Json) -> Result<Json, Failure> {
        let told = Cell::new(false);
        let mut last = Instant::now();
        let shows = self.typed && io::stderr().is_terminal();
        let answer = self.session.call(operation, arguments, &mut |progress| {
            if shows && last.elapsed() >= PROGRESS_EVERY {
                last = Instant::now();
                told.set(true);
                // What cannot be shown is no reason to stop.
                let _ = write!(io::stderr(), "\r{operation}: {}\x1b[K", far(progress));
            }
            !self.is_cancelled()
        });
        if told.get() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        Ok(answer?)
    }
}

fn far(progress: Progress) -> String {
    match progress.total {
        Some(total) if total > 0 => format!("{} %", progress.done * 100 / total),
        _ => progress.done.to_string(),
    }
}

/// The name by which the user of a session logs in, where he may see it.
fn login_of(session: &Session) -> Option<String> {
    let user = session.user()?;
    let mut query = session
        .prepare("SELECT login FROM user WHERE id = ?")
        .ok()?;
    query.bind(1, user.get() as i64).ok()?;
    let mut rows = query.run().ok()?;
    let row = rows.next().ok()??;
    row[0].as_text().map(str::to_owned)
}
