//! The ABI of native plugins, and a safe SDK to write them in Rust.
//!
//! A plugin is a dynamic library with one exported symbol, `crm_plugin_entry_v1`, which returns
//! a table of facts and functions. The host checks the table, calls `init` once, and the plugin
//! registers what it offers. In this version of the ABI that is validators: checks that run
//! before a record is written and may refuse it.
//!
//! | File | Holds |
//! |---|---|
//! | [`raw`] | the types both sides share; `include/crm_plugin.h` is generated from it |
//! | `text` | text across the boundary |
//! | `sdk` | what a plugin written in Rust sees: [`Draft`], [`Refusal`], [`Failure`], [`Registrar`] |
//! | `export` | the unsafe half of the SDK, called by [`plugin!`] |
//!
//! A whole plugin:
//!
//! ```
//! use crm_plugin_abi::{Draft, Failure, Refusal, Registrar, Verdict};
//!
//! fn head_count(draft: &dyn Draft) -> Verdict {
//!     let mut refusals = Vec::new();
//!     if draft.integer("employees")?.is_some_and(|count| count < 0) {
//!         refusals.push(Refusal::new("employees", "`employees` must not be negative"));
//!     }
//!     Ok(refusals)
//! }
//!
//! fn init(host: &mut Registrar<'_>) -> Result<(), Failure> {
//!     host.validator("head_count", "company", &["employees"], head_count)
//! }
//!
//! crm_plugin_abi::plugin! {
//!     id: "example.head-count",
//!     name: "Head count",
//!     vendor: "Example",
//!     version: "1.0.0",
//!     init: init,
//! }
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod export;
pub mod raw;
mod sdk;
mod text;

pub use sdk::{Draft, Failure, Refusal, Registrar, Verdict};
pub use text::read_text;
