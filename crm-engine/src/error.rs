//! One error for the whole engine, with stable codes.
//!
//! A code is a promise: its number and name never change and are never reused. Codes are
//! grouped by range; a host that meets a number it does not know can still tell the range.

use std::fmt;

use serde_json::{Map, Value as Json};

/// What every fallible function of the engine returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// The stable codes of [`Error`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[doc = $doc])* $name,)* }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The number of the code: negative, stable, the status the C API returns.
            #[must_use]
            pub const fn number(self) -> i32 {
                match self { $(Code::$name => $number,)* }
            }

            /// The name of the code as it stands in JSON and in the C header.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// What the code means, in a sentence or two: the comment it has in the C header.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),*),)* }
            }

            /// Whether what was asked for is refused, rather than the store or its host failing.
            #[must_use]
            pub const fn is_refusal(self) -> bool {
                matches!(self.number(), -399..=-100)
            }
        }
    };
}

codes! {
    /// A defect of the engine itself; the transaction was undone.
    Internal = -1, "internal";
    /// The call is not allowed in this state (a handle used by two threads at once, say).
    Misuse = -2, "misuse";
    /// A handle that is closed, foreign or never existed.
    BadHandle = -3, "bad_handle";
    /// A NULL where a value is required.
    NullArgument = -4, "null_argument";
    /// Text that is not UTF-8.
    InvalidUtf8 = -5, "invalid_utf8";
    /// A write begun inside a write of the same thread.
    Reentrant = -6, "reentrant";
    /// The caller cancelled the work.
    Cancelled = -7, "cancelled";
    /// A named limit was exceeded.
    LimitExceeded = -8, "limit_exceeded";

    /// No such object, or none the caller may know of.
    UnknownObject = -100, "unknown_object";
    /// No such field, or none the caller may know of.
    UnknownField = -101, "unknown_field";
    /// A value of the wrong type.
    WrongType = -102, "wrong_type";
    /// A value that its type or field does not take.
    InvalidValue = -103, "invalid_value";
    /// Required fields are empty.
    Required = -104, "required";
    /// A query or condition that cannot be parsed.
    Syntax = -105, "syntax";
    /// No such operation.
    UnknownOperation = -106, "unknown_operation";
    /// Arguments an operation does not take.
    InvalidArguments = -107, "invalid_arguments";
    /// A field that the engine keeps and nobody may set.
    ReadOnly = -108, "read_only";

    /// The caller's rights do not permit the action.
    Denied = -200, "denied";
    /// The login was refused; the reason is not told.
    LoginRefused = -201, "login_refused";
    /// No such record, or none the caller may see.
    NotFound = -202, "not_found";

    /// The record was changed since the expected version.
    Conflict = -300, "conflict";
    /// A unique value is taken.
    Duplicate = -301, "duplicate";
    /// A rule refused the change.
    Refused = -302, "refused";
    /// A rule failed: an error in its script, or it exceeded a limit.
    RuleFailed = -303, "rule_failed";
    /// A reference to a record that does not exist or may not be seen.
    BadReference = -304, "bad_reference";
    /// Other records still refer to this one.
    StillReferenced = -305, "still_referenced";
    /// A change of the schema that is never allowed.
    SchemaFixed = -306, "schema_fixed";

    /// Reading or writing a file failed.
    Io = -400, "io";
    /// The disk is full.
    DiskFull = -401, "disk_full";
    /// The file is not a store.
    NotAStore = -402, "not_a_store";
    /// The store is damaged.
    Damaged = -403, "damaged";
    /// The store is open elsewhere.
    InUse = -404, "in_use";
    /// The store must be closed and opened again after a failed write.
    NeedsReopen = -405, "needs_reopen";
    /// The snapshot is older than its maximum age.
    SnapshotExpired = -406, "snapshot_expired";
    /// A key, value or transaction is larger than every engine can take.
    TooLarge = -407, "too_large";
    /// The store was written by a version this one cannot read.
    StoreVersion = -408, "store_version";
    /// The store is closed.
    Closed = -409, "closed";
    /// It is not known whether the transaction was committed.
    Unknown = -410, "unknown_outcome";

    /// An import file that cannot be read as declared.
    ImportFormat = -500, "import_format";
    /// A pack that cannot be installed.
    Pack = -501, "pack";
    /// A native plugin that cannot be loaded.
    Plugin = -502, "plugin";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An error: a stable code, a sentence for people and details for programs.
///
/// Messages are lower case, without a final stop, with the user's input in backticks.
///
/// ```
/// use crm_engine::{Code, Error};
/// let error = Error::new(Code::Required, "a closed item needs `amount`").field("amount");
/// assert_eq!(error.code().number(), -104);
/// assert_eq!(error.details()["field"], "amount");
/// ```
#[derive(Clone, PartialEq, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Error(Box<Body>);

#[derive(Clone, PartialEq)]
struct Body {
    code: Code,
    message: String,
    details: Map<String, Json>,
}

impl Error {
    /// An error without details.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error(Box::new(Body {
            code,
            message: message.into(),
            details: Map::new(),
        }))
    }

    /// A defect of the engine: something that cannot happen, happened.
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(Code::Internal, message)
    }

    /// The one answer for records that do not exist and records that may not be seen
    /// (invariant *invisible is absent*): no word of it depends on the record.
    #[must_use]
    pub fn not_found() -> Error {
        Error::new(Code::NotFound, "not found")
    }

    /// Adds a detail under `key`, replacing an earlier one.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Error {
        self.0.details.insert(key.to_owned(), value.into());
        self
    }

    /// Names the field at fault.
    #[must_use]
    pub fn field(self, name: &str) -> Error {
        self.with("field", name)
    }

    /// Names the place at fault in a text: line and column, both from 1.
    #[must_use]
    pub fn at(self, line: u64, column: u64) -> Error {
        self.with("line", line).with("column", column)
    }

    /// Puts `context: ` before the message.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Error {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The details for programs: `field`, `line`, `column` and others by code.
    #[must_use]
    pub fn details(&self) -> &Map<String, Json> {
        &self.0.details
    }

    /// The error as JSON: `{"code": -104, "name": "required", "message": "...", "details": {}}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::json!({
            "code": self.0.code.number(),
            "name": self.0.code.name(),
            "message": self.0.message,
            "details": self.0.details,
        })
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}): {}",
            self.0.code,
            self.0.code.number(),
            self.0.message
        )?;
        if !self.0.details.is_empty() {
            write!(f, " {}", Json::Object(self.0.details.clone()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Code;

    #[test]
    fn numbers_and_names_are_unique() {
        let numbers: BTreeSet<i32> = Code::ALL.iter().map(|c| c.number()).collect();
        let names: BTreeSet<&str> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        assert_eq!(names.len(), Code::ALL.len());
        assert!(numbers.iter().all(|n| *n < 0));
    }
}
