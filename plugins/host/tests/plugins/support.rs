//! What the tests stand on: C plugins compiled on the spot, and a draft without a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crm_engine::value::Value;
use crm_engine::{Code, Error, FieldReader, Result};
use crm_plugin_host::{Allowed, NativePlugin, load};
use rust_decimal::Decimal;
use tempfile::TempDir;

/// A library compiled from `tests/c`, in its own folder.
pub(crate) struct Built {
    pub(crate) folder: TempDir,
    pub(crate) path: PathBuf,
}

/// Compiles `tests/c/<file>`; `compiler` is the command with its options.
pub(crate) fn build(compiler: &[&str], file: &str) -> Built {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(libloading::library_filename("plugin"));
    let output = Command::new(compiler[0])
        .args(&compiler[1..])
        .args(["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(here.join("../../include"))
        .arg(here.join("tests/c").join(file))
        .arg("-o")
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Built { folder, path }
}

/// The odd plugin with `definitions`, such as `ABI_MAJOR=9`.
pub(crate) fn build_odd(definitions: &[&str]) -> Built {
    let options: Vec<String> = definitions.iter().map(|text| format!("-D{text}")).collect();
    let compiler: Vec<&str> = ["cc", "-std=c99"]
        .into_iter()
        .chain(options.iter().map(String::as_str))
        .collect();
    build(&compiler, "odd.c")
}

/// Loads the file at `path` as the plugin `id`.
pub(crate) fn load_as(id: &str, path: &Path) -> Result<NativePlugin> {
    load(path, &[Allowed::of_file(id, path)?])
}

/// A new record with these fields; `empty` is a checkbox without a value.
pub(crate) struct FakeDraft(BTreeMap<&'static str, Value>);

impl FakeDraft {
    pub(crate) fn new<const N: usize>(fields: [(&'static str, Value); N]) -> FakeDraft {
        FakeDraft(BTreeMap::from(fields))
    }

    fn read<T>(&self, name: &str, of: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        match self.0.get(name) {
            None if name == "empty" => Ok(None),
            None => Err(Error::new(Code::UnknownField, "no such field").field(name)),
            Some(Value::Null) => Ok(None),
            Some(value) => match of(value) {
                None => Err(Error::new(Code::WrongType, "another type").field(name)),
                read => Ok(read),
            },
        }
    }
}

impl FieldReader for FakeDraft {
    fn is_creation(&self) -> bool {
        true
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        self.read(name, |value| Some(value.to_string()))
    }

    fn decimal(&self, name: &str) -> Result<Option<Decimal>> {
        self.read(name, |value| match value {
            Value::Integer(n) => Some((*n).into()),
            Value::Money(money) => Some(money.amount),
            other => other.as_decimal(),
        })
    }

    fn integer(&self, name: &str) -> Result<Option<i64>> {
        self.read(name, Value::as_integer)
    }

    fn checkbox(&self, name: &str) -> Result<Option<bool>> {
        self.read(name, Value::as_bool)
    }
}
