//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::failure::Failure;

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Help,
    Version,
    Run(Args),
}

/// A store, somebody who works in it, and how.
#[derive(Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) store: PathBuf,
    pub(crate) create: bool,
    pub(crate) who: Who,
    /// The code of a second factor.
    pub(crate) code: Option<String>,
    pub(crate) commands: Vec<String>,
    pub(crate) format: Format,
    pub(crate) language: String,
}

/// Who works.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Who {
    /// Whoever answers when asked.
    Ask,
    /// A user with his password.
    User(String),
    /// A user for whom the host vouches.
    Vouched(String),
    /// The host itself.
    Host,
}

/// How rows and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Csv,
    Json,
}

impl Format {
    /// The format of this name.
    pub(crate) fn named(name: &str) -> Option<Format> {
        match name {
            "table" => Some(Format::Table),
            "csv" => Some(Format::Csv),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// Reads a command line, the program's name first.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, Failure> {
    let mut parser = lexopt::Parser::from_iter(words);
    let (mut store, mut user, mut code) = (None, None, None);
    let (mut host, mut create) = (false, false);
    let mut commands = Vec::new();
    let mut format = Format::Table;
    let mut language = "en".to_owned();
    while let Some(word) = parser.next()? {
        match word {
            Short('h') | Long("help") => return Ok(Asked::Help),
            Short('V') | Long("version") => return Ok(Asked::Version),
            Short('u') | Long("user") => user = Some(parser.value()?.string()?),
            Long("code") => code = Some(parser.value()?.string()?),
            Long("host") => host = true,
            Long("create") => create = true,
            Short('c') | Long("command") => commands.push(parser.value()?.string()?),
            Long("json") => format = Format::Json,
            Long("csv") => format = Format::Csv,
            Long("lang") => language = parser.value()?.string()?,
            Value(path) if store.is_none() => store = Some(PathBuf::from(path)),
            other => return Err(other.unexpected().into()),
        }
    }
    let store = store.ok_or_else(|| Failure::usage("which store? `crm --help` tells more"))?;
    let who = match (user, host) {
        (Some(user), true) => Who::Vouched(user),
        (Some(user), false) => Who::User(user),
        (None, true) => Who::Host,
        (None, false) => Who::Ask,
    };
    Ok(Asked::Run(Args {
        store,
        create,
        who,
        code,
        commands,
        format,
        language,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, Failure> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn a_store_and_who_works_in_it() {
        let Ok(Asked::Run(args)) = read("crm shop.crm -u boss --json -c a -c b --lang ru") else {
            panic!("a call as it should be");
        };
        assert_eq!(args.store, PathBuf::from("shop.crm"));
        assert_eq!(args.who, Who::User("boss".to_owned()));
        assert_eq!(args.commands, ["a", "b"]);
        assert_eq!((args.format, args.language.as_str()), (Format::Json, "ru"));
        let vouched = read("crm --host -u anna x");
        assert!(matches!(vouched, Ok(Asked::Run(args)) if args.who == Who::Vouched("anna".into())));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in ["crm", "crm a b", "crm a --nonsense", "crm a -u"] {
            assert!(matches!(read(line), Err(Failure::Usage(_))), "{line}");
        }
        assert!(matches!(read("crm -h"), Ok(Asked::Help)));
    }
}
