//! What a plugin written in Rust sees.

use std::fmt;

use crate::export;
use crate::raw::{CRM_PLUGIN_FAILED, Context, HostApi};

/// A record about to be written, as a validator sees it.
///
/// The host implements it; so may the tests of a plugin. Fields go by their API names.
/// Every reading method fails when the object has no such field or when its type does not fit,
/// and gives none when the field has no value.
pub trait Draft {
    /// Whether the record does not exist yet.
    fn is_creation(&self) -> bool;

    /// A field of any type as text, a choice as its API name.
    ///
    /// # Errors
    /// The object has no such field.
    fn text(&self, field: &str) -> Result<Option<&str>, Failure>;

    /// The number of an integer, decimal or money field as exact decimal text (`-12.50`),
    /// without its currency.
    ///
    /// # Errors
    /// The object has no such field, or it holds no numbers.
    fn decimal(&self, field: &str) -> Result<Option<&str>, Failure>;

    /// The number of an integer field.
    ///
    /// # Errors
    /// The object has no such field, or it is of another type.
    fn integer(&self, field: &str) -> Result<Option<i64>, Failure>;

    /// Whether a checkbox is checked.
    ///
    /// # Errors
    /// The object has no such field, or it is of another type.
    fn checkbox(&self, field: &str) -> Result<Option<bool>, Failure>;
}

/// What a validator has found: every reason to refuse the change, none to let it pass, or that
/// it could not judge.
pub type Verdict = Result<Vec<Refusal>, Failure>;

/// A reason to refuse a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field at fault; empty for the record as a whole.
    pub field: String,
    /// A sentence for people: lower case, no final stop, names in backticks.
    pub message: String,
}

impl Refusal {
    /// Blames `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Why a plugin could not do its work. It stops the change, as a refusal does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// A number for programs: a status of [`raw`](crate::raw), or the plugin's own.
    pub code: i32,
    /// A sentence for people.
    pub message: String,
}

impl Failure {
    /// A failure with `CRM_PLUGIN_FAILED` as its code.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure {
            code: CRM_PLUGIN_FAILED,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Takes what a plugin offers while its `init` runs.
#[derive(Debug)]
pub struct Registrar<'a> {
    pub(crate) host: &'a HostApi,
    pub(crate) context: *mut Context,
}

impl Registrar<'_> {
    /// Registers a validator called `name` for the records of `object`. It is called for every
    /// new record, and for a change of at least one of the `watched` fields, possibly by several
    /// threads at once.
    ///
    /// # Errors
    /// The host does not take it: a name twice or empty, or too many of them.
    pub fn validator<F>(
        &mut self,
        name: &str,
        object: &str,
        watched: &[&str],
        validate: F,
    ) -> Result<(), Failure>
    where
        F: Fn(&dyn Draft) -> Verdict + Send + Sync + 'static,
    {
        export::register_validator(self, name, object, watched, validate)
    }
}
