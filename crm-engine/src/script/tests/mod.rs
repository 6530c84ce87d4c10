//! Tests of the room: the holes of rhai, the functions, and rules through the door.

mod functions;
mod holes;
mod packs;
mod rules;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rhai::Dynamic;

use crate::error::Error;

use super::call::Call;
use super::fault::{Ending, Origin};
use super::{record, sandbox};

fn noon() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn origin() -> Origin {
    Origin {
        pack: "test".into(),
        file: "rule.rhai".into(),
        rule: "rule".into(),
    }
}

/// Parses and runs a text outside of any rule; the call is kept for its meter.
fn run(text: &str) -> (Result<Dynamic, Error>, Arc<Call>) {
    let call = Call::new(noon());
    let mut scope = record::scope(Dynamic::UNIT, Dynamic::UNIT, false);
    let result = match sandbox::parse(text, &scope) {
        Err(error) => Err(origin().unparsable(&error)),
        Ok(ast) => sandbox::run(&ast, &mut scope, None, &call).map_err(|failure| {
            match origin().ending(failure) {
                Ending::Fails(error) => error,
                Ending::Asks(request, _) => panic!("unanswered: {request:?}"),
            }
        }),
    };
    (result, call)
}

/// The message a text fails with.
fn failure(text: &str) -> String {
    run(text).0.expect_err(text).to_string()
}
