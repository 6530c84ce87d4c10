//! Loads native plugins: dynamic libraries that check records before they are written.
//!
//! Loading is off until the program that embeds the engine allows a plugin by its id and the
//! hash of its file. What [`load`] returns gives the engine safe [`Validator`]s.
//!
//! | File | Holds |
//! |---|---|
//! | `allow` | [`Allowed`], [`FileHash`] and reading a file that is allowed |
//! | `library` | mapping exactly the bytes that were checked, and finding the entry |
//! | `table` | reading size-prefixed tables, and what a plugin's table must hold |
//! | `register` | what the host offers to `init` |
//! | `draft` | what the host offers to `validate` |
//! | `plugin` | [`load`], [`NativePlugin`] and its validators |
//! | `beside` | finding a library that cargo built beside the running program |
//!
//! # Example
//!
//! ```no_run
//! use crm_plugin_host::{Allowed, built_beside, load};
//!
//! # fn main() -> crm_engine::Result<()> {
//! let path = built_beside("credit_guard")?;
//! let allowed = Allowed::of_file("example.credit-guard", &path)?;
//! let plugin = load(&path, &[allowed])?;
//! assert_eq!(plugin.validators().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # What is trusted
//!
//! A plugin runs inside the process with all its power: the allow-list is the only wall, and it
//! stands before the first instruction of the plugin. Past it the host guards against mistakes,
//! not against malice: unknown versions, damaged tables, text that is not UTF-8, calls after
//! `init` or from another thread, and panics of plugins written in Rust, which disable the
//! plugin until the program ends. A plugin that does not answer, or that breaks the rules of
//! `crm_plugin.h` about memory, is not stopped.
//!
//! [`Validator`]: crm_engine::Validator

mod allow;
mod beside;
mod draft;
mod library;
mod plugin;
mod register;
mod table;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crm_engine::{Code, Error};
use crm_plugin_abi::raw::CRM_PLUGIN_INTERNAL;

pub use allow::{Allowed, FileHash};
pub use beside::built_beside;
pub use plugin::{NativePlugin, load};

/// A plugin that is not loaded. `plugin` is its id or, as long as that is not known, its file.
fn fault(plugin: &str, reason: &str, message: impl Display) -> Error {
    Error::new(
        Code::Plugin,
        format!("the plugin `{plugin}` is not loaded: {message}"),
    )
    .with("plugin", plugin)
    .with("reason", reason)
}

/// Answers a call of the plugin. A panic of the host stays in the host.
fn guarded(work: impl FnOnce() -> i32) -> i32 {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(CRM_PLUGIN_INTERNAL)
}

/// What a plugin told through `set_error`.
#[derive(Debug)]
struct Reported {
    code: i32,
    message: String,
}

impl Reported {
    /// The error that `into` makes of `message` and, behind it, the plugin's own words if it had any.
    fn explain(
        reported: Option<Reported>,
        message: &str,
        into: impl FnOnce(String) -> Error,
    ) -> Error {
        match reported {
            None => into(message.to_owned()),
            Some(told) => {
                into(format!("{message}: {}", told.message)).with("plugin_code", told.code)
            }
        }
    }
}
