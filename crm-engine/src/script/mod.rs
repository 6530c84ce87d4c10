//! Rules in rhai: compiled once per schema version, run inside the write transaction. The only
//! room that names rhai.
//!
//! | File | Holds |
//! |---|---|
//! | `mod` | [`RuleSource`]: what a pack declares |
//! | `rules` | [`CompiledRules`]: which rules run for a change, and in what order |
//! | `compile`, `inspect` | from a source to a rule; what can be told wrong before it runs |
//! | `record` | `this` and `old`: the record as scripts see it |
//! | `react` | what reactions ask of the store |
//! | `sandbox`, `meter`, `call` | how scripts are confined, measured and stopped |
//! | `functions` | what scripts may call, with its documentation |
//! | `convert`, `fault` | values and errors, between scripts and the engine |
//!
//! A script has no input but its record, the moment of the transaction and what it asks of the
//! store, so it can be run again with the same result (invariant *no ambient world*). Whatever
//! it does, it ends within the limits `SCRIPT_*` of [`crate::limits`] (invariant *every loop has
//! a named limit*).

mod call;
mod compile;
mod convert;
mod fault;
mod functions;
mod inspect;
mod meter;
mod react;
mod record;
mod rules;
mod sandbox;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use functions::{
    FunctionDoc, functions as script_functions, functions_markdown as script_functions_markdown,
};
pub(crate) use rules::{CompiledRules, check};

/// A rule as a pack declares it.
///
/// ```
/// use crm_engine::{RuleEvent, RuleKind, RuleSource};
/// let rule = RuleSource {
///     pack: "warehouse".into(),
///     file: "item/rules/volume.rhai".into(),
///     object: "item".into(),
///     name: "volume".into(),
///     kind: RuleKind::Compute,
///     on: vec![RuleEvent::Create, RuleEvent::Update],
///     watch: vec!["width".into(), "height".into()],
///     text: "this.volume = this.width * this.height;".into(),
/// };
/// let stored = serde_json::to_string(&rule)?;
/// assert_eq!(serde_json::from_str::<RuleSource>(&stored)?, rule);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSource {
    /// The pack the rule belongs to.
    pub pack: String,
    /// The file of the pack that holds the text.
    pub file: String,
    /// The object whose records the rule is for.
    pub object: String,
    /// The name of the rule, for messages.
    pub name: String,
    /// What the rule may do, and when it runs.
    pub kind: RuleKind,
    /// The changes it answers; none named means creation and update.
    #[serde(default)]
    pub on: Vec<RuleEvent>,
    /// The fields whose change it answers; none named means any. Only updates are sifted.
    #[serde(default)]
    pub watch: Vec<String>,
    /// The script.
    pub text: String,
}

/// What a rule may do, and when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// Sets fields of the record before it is written: `this.total = this.price * this.count;`.
    /// Runs before any check. The only way to set a `computed` field.
    Compute,
    /// Refuses changes before they are written: `if this.count < 0 { refuse("count", "..."); }`.
    Check,
    /// Makes further changes after the record was written, in the same transaction and with the
    /// caller's rights: `create("thing", #{item: this.id});`.
    React,
}

/// A change that rules answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEvent {
    /// A record is created.
    Create,
    /// Fields or the owner of a record change.
    Update,
    /// A record is deleted; `this` holds it as it was.
    Delete,
}
