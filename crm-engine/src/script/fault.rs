//! Errors of scripts, told with pack, file, line, column and the chain of calls.

use rhai::{Dynamic, EvalAltResult, ImmutableString, ParseError, Position};
use serde_json::Value as Json;

use crate::error::{Code, Error};
use crate::limits::{SCRIPT_BYTES_MAX, SCRIPT_MILLISECONDS_MAX, SCRIPT_STEPS_MAX};

use super::RuleSource;
use super::call::{Request, Stop};
use super::convert::to_text;
use super::meter::Exhausted;
use super::sandbox::Failure;

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) pack: String,
    pub(super) file: String,
    pub(super) rule: String,
}

/// How a script ended early.
pub(super) enum Ending {
    /// It failed, or refused the change.
    Fails(Error),
    /// It waits for an answer.
    Asks(Request, Position),
}

impl Origin {
    pub(super) fn of(source: &RuleSource) -> Origin {
        Origin {
            pack: source.pack.clone(),
            file: source.file.clone(),
            rule: source.name.clone(),
        }
    }

    /// An error of a pack that cannot be installed.
    pub(super) fn broken(&self, message: &str, at: Position) -> Error {
        self.error(Code::Pack, message, at)
    }

    /// A text that cannot be parsed.
    pub(super) fn unparsable(&self, error: &ParseError) -> Error {
        let message = error.err_type().to_string();
        self.broken(&lower_first(&message), error.position())
    }

    /// What an end other than the script's last line means.
    pub(super) fn ending(&self, failure: Failure) -> Ending {
        let error = match failure {
            Failure::Panic(message) => {
                let message = format!("the script made the engine fail: {message}");
                return Ending::Fails(self.failed(&message, Position::NONE));
            }
            Failure::Script(error) => error,
        };
        let (error, calls) = innermost(*error);
        let at = error.position();
        let ending = match stop_of(&error) {
            Some(Stop::Asks(request)) => return Ending::Asks(request, at),
            Some(Stop::Refused { field, message }) => {
                return Ending::Fails(self.refused(field, message));
            }
            Some(Stop::Exhausted(what)) => self.failed(exhausted(what).as_str(), at),
            None => self.failed(&describe(&error), at),
        };
        let ending = match thrown_error(&error) {
            Some(cause) if cause.details().contains_key("field") => {
                ending.with("field", cause.details()["field"].clone())
            }
            _ => ending,
        };
        Ending::Fails(match calls.is_empty() {
            true => ending,
            false => ending.with("calls", calls.into_iter().map(Json::from).collect::<Json>()),
        })
    }

    /// What the store has against a change a reaction asked for: its code stays, its place is
    /// told. What another rule has against it is told in that rule's words.
    pub(super) fn objected(&self, error: Error, at: Position) -> Error {
        if error.details().contains_key("rule") {
            return error;
        }
        let context = self.place(at);
        self.placed(error.context(context), at)
    }

    /// A rule that failed.
    pub(super) fn failed(&self, message: &str, at: Position) -> Error {
        self.error(Code::RuleFailed, message, at)
    }

    fn refused(&self, field: Option<String>, message: String) -> Error {
        let error = Error::new(Code::Refused, message)
            .with("pack", self.pack.as_str())
            .with("rule", self.rule.as_str());
        match field {
            Some(field) => error.field(&field),
            None => error,
        }
    }

    fn error(&self, code: Code, message: &str, at: Position) -> Error {
        self.placed(
            Error::new(code, format!("{}: {message}", self.place(at))),
            at,
        )
    }

    /// `pack/file:line:column`.
    fn place(&self, at: Position) -> String {
        let place = format!("{}/{}", self.pack, self.file);
        match (at.line(), at.position()) {
            (Some(line), Some(column)) => format!("{place}:{line}:{column}"),
            (Some(line), None) => format!("{place}:{line}:1"),
            _ => place,
        }
    }

    fn placed(&self, error: Error, at: Position) -> Error {
        let error = error
            .with("pack", self.pack.as_str())
            .with("file", self.file.as_str())
            .with("rule", self.rule.as_str());
        match at.line() {
            Some(line) => error.at(line as u64, at.position().unwrap_or(1) as u64),
            None => error,
        }
    }
}

/// The error in the deepest function, and the functions that led to it, outermost first, each
/// with the line of its call.
fn innermost(mut error: EvalAltResult) -> (EvalAltResult, Vec<String>) {
    let mut calls = Vec::new();
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(name, _, inner, at) => {
                // rhai gives closures names that scripts cannot write.
                let name = if name.starts_with("anon$") {
                    "closure"
                } else {
                    name.as_str()
                };
                calls.push(match at.line() {
                    Some(line) => format!("{name} (line {line})"),
                    None => name.to_owned(),
                });
                error = *inner;
            }
            other => return (other, calls),
        }
    }
}

fn stop_of(error: &EvalAltResult) -> Option<Stop> {
    match error {
        EvalAltResult::ErrorTerminated(token, _) => token.clone().try_cast::<Stop>(),
        _ => None,
    }
}

fn thrown(error: &EvalAltResult) -> Option<&Dynamic> {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => Some(value),
        _ => None,
    }
}

fn thrown_error(error: &EvalAltResult) -> Option<Error> {
    thrown(error).and_then(|value| value.clone().try_cast::<Error>())
}

/// The sentence for people: what our own functions say stands as it is.
fn describe(error: &EvalAltResult) -> String {
    if let Some(cause) = thrown_error(error) {
        return cause.message().to_owned();
    }
    if let Some(value) = thrown(error) {
        return match value.read_lock::<ImmutableString>() {
            Some(text) => text.to_string(),
            None => to_text(value),
        };
    }
    match error {
        // Followed by the types of the values, in the words of Rust.
        EvalAltResult::ErrorFunctionNotFound(call, _) => {
            let name = call.split(" (").next().unwrap_or(call);
            format!("there is no function `{name}` for these values")
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no `{name}`"),
        EvalAltResult::ErrorDataRace(..) => {
            "a closure cannot use the array that is walked".to_owned()
        }
        EvalAltResult::ErrorDotExpr(name, _) => format!("the value has no property: {name}"),
        other => {
            let mut bare = lower_first(&other.to_string());
            // rhai ends its messages with the place, which is told already.
            if let Some(end) = bare.rfind(" (line ") {
                bare.truncate(end);
            }
            bare
        }
    }
}

fn exhausted(what: Exhausted) -> String {
    match what {
        Exhausted::Steps => format!("stopped after {SCRIPT_STEPS_MAX} steps"),
        Exhausted::Time => format!("stopped after {SCRIPT_MILLISECONDS_MAX} ms"),
        Exhausted::Bytes => format!("stopped: it gathered more than {SCRIPT_BYTES_MAX} bytes"),
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
