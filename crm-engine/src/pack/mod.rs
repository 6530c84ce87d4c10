//! Packs: folders of declarations that become schema, roles and rules.
//!
//! ```text
//! pack.toml                     name, version, description, label, requires
//! roles.toml                    [[role]] with its grants and bans
//! reports.toml                  [[report]]: reports and smart lists
//! <object>/reports.toml         those of the object
//! <object>/object.toml          the object, or with `extends = true` an addition to one
//! <object>/rules.toml           [[rule]]: name, file, kind, on, watch
//! <object>/rules/*.rhai         the scripts of the rules
//! <object>/scenarios/*.scenario tests, carried along
//! ```
//!
//! A file that has no place in this table is an error, so that a misspelt name is not passed
//! over. What is wrong is told as [`Code::Pack`] with `file`, `line` and `column`.
//!
//! | File | Holds |
//! |---|---|
//! | `mod` | [`Pack`], [`Manifest`]: a pack as read |
//! | `files` | a folder or a list as texts, within limits |
//! | `read` | from texts to declarations |
//! | `place` | where in a text something stands |
//! | `roles` | roles with their grants and bans as records |
//! | `reports` | reports and smart lists as records |
//! | `presets` | the presets of rights that come with the engine |
//! | `install` | what installing a pack changes |
//! | `stored` | installed packs in the store |

mod cards;
mod files;
mod install;
mod place;
mod presets;
mod read;
mod reports;
mod roles;
mod stored;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::schema::{Labels, ObjectDeclaration};
use crate::script::RuleSource;

pub use install::Installed;
#[cfg(test)]
use install::check;
pub(crate) use install::{check_folder, prepare};
pub use presets::Preset;
pub use roles::{GrantDeclaration, OpensOver, RoleDeclaration};
pub(crate) use stored::{installed, rule_sources};

/// The texts of a pack by their paths within it.
type Files = BTreeMap<String, String>;

const MANIFEST: &str = "pack.toml";
const ROLES: &str = "roles.toml";

/// The standard pack as it is compiled in. The list stands among the packs, because the engine
/// knows no words of the trade.
const STANDARD: &[(&str, &str)] = include!("../../packs/standard.rs");

/// A pack as read: everything in it parses, nothing is compared with a store yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    manifest: Manifest,
    objects: Vec<ObjectDeclaration>,
    roles: Vec<RoleDeclaration>,
    rules: Vec<RuleSource>,
    reports: Vec<reports::Declared>,
    files: Files,
}

/// What a pack says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Its name: lower case ASCII letters, digits and `_`, a letter first.
    pub name: String,
    /// Its version.
    pub version: PackVersion,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its name for people, by language.
    #[serde(default)]
    pub label: Labels,
    /// Packs that must be installed before.
    #[serde(default)]
    pub requires: Vec<String>,
}

/// The version of a pack: three numbers, `1.4.2`, compared from the first on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackVersion([u32; 3]);

impl Pack {
    /// The pack every new store gets unless its host declines: the standard objects.
    ///
    /// # Errors
    /// None that a test would have let through.
    pub fn standard() -> Result<Pack> {
        Pack::from_files(STANDARD.iter().copied())
    }

    /// Reads the pack in a folder. Hidden files are left out.
    ///
    /// # Errors
    /// [`Code::Io`] for what cannot be read, [`Code::Pack`] for what is wrong in it.
    pub fn from_folder(folder: &Path) -> Result<Pack> {
        read::pack(files::folder(folder)?).map_err(first)
    }

    /// A pack of texts by their paths, which use `/`.
    ///
    /// # Errors
    /// [`Code::Pack`] for what is wrong in it.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Pack> {
        read::pack(files::list(files)?).map_err(first)
    }

    /// What the pack says about itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The name of the pack.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    fn text(&self, file: &str) -> &str {
        self.files.get(file).map_or("", String::as_str)
    }
}

impl FromStr for PackVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<PackVersion> {
        let mut numbers = [0; 3];
        let mut parts = text.split('.');
        let read = numbers.iter_mut().all(|number| {
            let part = parts
                .next()
                .filter(|p| p.bytes().all(|b| b.is_ascii_digit()));
            part.and_then(|part| part.parse().ok())
                .map(|part| *number = part)
                .is_some()
        });
        match read && parts.next().is_none() {
            true => Ok(PackVersion(numbers)),
            false => Err(Error::new(
                Code::InvalidValue,
                format!(
                    "`{}` is not a version: expected three numbers, `1.0.0`",
                    crate::value::shorten(text)
                ),
            )),
        }
    }
}

impl TryFrom<String> for PackVersion {
    type Error = Error;

    fn try_from(text: String) -> Result<PackVersion> {
        text.parse()
    }
}

impl From<PackVersion> for String {
    fn from(version: PackVersion) -> String {
        version.to_string()
    }
}

impl fmt::Display for PackVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

fn first(faults: Vec<Error>) -> Error {
    let first = faults.into_iter().next();
    first.unwrap_or_else(|| Error::internal("a pack failed without an error"))
}

/// The file that declares an object.
fn object_file(object: &str) -> String {
    format!("{object}/object.toml")
}
