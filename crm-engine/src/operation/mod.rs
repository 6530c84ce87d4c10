//! Operations: named commands with described arguments. Rust, C and scripts call them alike, and
//! a host can list them.

mod backup;
mod built_in;
mod bulk;
mod card;
mod duplicates;
mod fields;
mod intake;
mod lists;
mod past;
mod periodicity;
mod presets;
mod reports;
mod rights;
mod search;
mod select;
mod sessions;
mod share;
mod totals;
mod watch;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::error::{Code, Error, Result};
use crate::progress::{OnProgress, Progress};
use crate::session::Session;

type Run = fn(&Session, &Json, OnProgress<'_>) -> Result<Json>;

/// A named command.
pub(crate) struct Operation {
    name: &'static str,
    /// What it does and who may call it.
    text: &'static str,
    /// Its arguments: name, type, meaning.
    arguments: &'static [(&'static str, &'static str, &'static str)],
    run: Run,
}

/// Every operation, by name.
fn registry() -> &'static BTreeMap<&'static str, Operation> {
    static OPERATIONS: LazyLock<BTreeMap<&'static str, Operation>> = LazyLock::new(|| {
        built_in::operations()
            .into_iter()
            .chain(backup::operations())
            .chain(bulk::operations())
            .chain(duplicates::operations())
            .chain(intake::operations())
            .chain(lists::operations())
            .chain(fields::operations())
            .chain(past::operations())
            .chain(card::operations())
            .chain(rights::operations())
            .chain(periodicity::operations())
            .chain(presets::operations())
            .chain(reports::operations())
            .chain(search::operations())
            .chain(select::operations())
            .chain(sessions::operations())
            .chain(share::operations())
            .chain(totals::operations())
            .chain(watch::operations())
            .map(|operation| (operation.name, operation))
            .collect()
    });
    &OPERATIONS
}

impl Session {
    /// Calls an operation by its name; `progress` hears of long work and may end it by
    /// returning `false`. The operation `operations` describes them all.
    ///
    /// ```
    /// use crm_engine::{Engine, Options};
    /// use serde_json::json;
    ///
    /// let engine = Engine::in_memory(Options::default())?;
    /// let report = engine.system().call("verify", &json!({}), &mut |_| true)?;
    /// assert_eq!(report["faults"], 0);
    /// # Ok::<(), crm_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::UnknownOperation`], [`Code::InvalidArguments`], [`Code::Cancelled`], and what
    /// the operation has against it. Details name the `operation`.
    pub fn call(
        &self,
        operation: &str,
        arguments: &Json,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Json> {
        let known = registry().get(operation).ok_or_else(|| {
            let name = crate::value::shorten(operation);
            Error::new(
                Code::UnknownOperation,
                format!("unknown operation `{name}`"),
            )
            .with("operation", name)
        })?;
        let answer = self.noting(known.name, None, None, || {
            (known.run)(self, arguments, progress)
        });
        answer.map_err(|error| match error.details().contains_key("operation") {
            true => error,
            false => error.with("operation", operation),
        })
    }
}

/// Every operation with its arguments, for hosts that list them.
pub(crate) fn describe() -> Json {
    registry()
        .values()
        .map(|operation| {
            let arguments: Vec<Json> = operation
                .arguments
                .iter()
                .map(|(name, kind, text)| json!({"name": name, "type": kind, "text": text}))
                .collect();
            json!({"name": operation.name, "text": operation.text, "arguments": arguments})
        })
        .collect()
}

/// Typed arguments from JSON; what does not fit is named.
pub(crate) fn arguments<T: DeserializeOwned>(json: &Json) -> Result<T> {
    T::deserialize(json)
        .map_err(|error| Error::new(Code::InvalidArguments, format!("arguments: {error}")))
}

/// An answer as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Json> {
    serde_json::to_value(value).map_err(|error| {
        Error::new(
            Code::Internal,
            format!("an answer that is not JSON: {error}"),
        )
    })
}
