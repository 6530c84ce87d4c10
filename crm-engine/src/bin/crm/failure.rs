//! What can go wrong, and how it is told: with the line it stands in and a mark under the place.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use crm_engine::{Code, Error};

/// Why a statement, or the whole program, did not do what it should.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine refused or failed; the statement it read, where it names a place in it.
    Engine(Error, Option<Place>),
    /// Something was found wrong that is no error of a call: a faulty store, refused rows.
    Found(String),
    /// The call or command is none.
    Usage(String),
    /// Input or output failed.
    Io(io::Error),
}

/// A text that was read, and the line of the input it began on.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) text: String,
    pub(crate) first_line: u64,
}

impl Failure {
    /// A call or command that is none.
    pub(crate) fn usage(text: impl Into<String>) -> Failure {
        Failure::Usage(text.into())
    }

    /// An error of the engine that may name a place in `text`.
    pub(crate) fn within(error: Error, text: &str, first_line: u64) -> Failure {
        let place = Place {
            text: text.to_owned(),
            first_line,
        };
        Failure::Engine(error, Some(place))
    }

    /// Whether the reader of the output has gone, which is no failure of ours.
    fn is_reader_gone(&self) -> bool {
        matches!(self, Failure::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Tells the failure; what cannot be told is dropped.
    pub(crate) fn tell(&self, err: &mut dyn Write) {
        if !self.is_reader_gone() {
            let _ = writeln!(err, "error: {self}");
        }
    }

    /// Tells the failure and what the program ends with.
    pub(crate) fn end(&self, err: &mut dyn Write) -> ExitCode {
        self.tell(err);
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            _ if self.is_reader_gone() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Found(text) | Failure::Usage(text) => f.write_str(text),
            Failure::Io(error) => write!(f, "{error}"),
            Failure::Engine(error, place) => {
                write!(f, "{} ({})", error.message(), error.code())?;
                match place {
                    Some(place) => mark(f, error, place),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The line at fault with a mark under the place.
fn mark(f: &mut fmt::Formatter<'_>, error: &Error, place: &Place) -> fmt::Result {
    let number = |name: &str| {
        error
            .details()
            .get(name)
            .and_then(serde_json::Value::as_u64)
    };
    let (Some(line), Some(column)) = (number("line"), number("column")) else {
        return Ok(());
    };
    let Some(text) = place.text.lines().nth(line.saturating_sub(1) as usize) else {
        return Ok(());
    };
    // As wide as what stands before the place, whatever the letters.
    let before: String = text
        .chars()
        .take(column.saturating_sub(1) as usize)
        .collect();
    let indent: String = before
        .chars()
        .flat_map(|c| match c {
            '\t' => vec!['\t'],
            c => vec![' '; unicode_width::UnicodeWidthChar::width(c).unwrap_or(0)],
        })
        .collect();
    let line = place.first_line + line - 1;
    write!(
        f,
        "\n  line {line}, column {column}:\n  {text}\n  {indent}^"
    )
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Engine(error, None)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Io(error)
    }
}

impl From<lexopt::Error> for Failure {
    fn from(error: lexopt::Error) -> Failure {
        Failure::Usage(format!("{error}; `crm --help` tells more"))
    }
}

/// The answer to Ctrl-C.
pub(crate) fn cancelled() -> Failure {
    Error::new(Code::Cancelled, "cancelled").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_place() {
        let error = Error::new(Code::UnknownField, "unknown field `nom`").at(2, 9);
        let failure = Failure::within(error, "select\n 'Вега', nom\nfrom item;", 5);
        let told =
            "unknown field `nom` (unknown_field)\n  line 6, column 9:\n   'Вега', nom\n          ^";
        assert_eq!(
            failure.to_string(),
            told.replace("          ^", &format!("  {}^", " ".repeat(8)))
        );
    }
}
