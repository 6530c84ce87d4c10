//! From the texts of a pack to its declarations.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::reports::{Declared, REPORTS, ReportsFile};
use super::roles::RoleDeclaration;
use super::{Files, MANIFEST, Manifest, Pack, ROLES, place};
use crate::error::{Code, Error, Result};
use crate::schema::{ObjectDeclaration, check_name};
use crate::script::{RuleEvent, RuleKind, RuleSource};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    #[serde(default)]
    role: Vec<RoleDeclaration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    #[serde(default)]
    rule: Vec<RuleDeclaration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDeclaration {
    name: String,
    /// The script, in the folder `rules` beside.
    file: String,
    kind: RuleKind,
    #[serde(default)]
    on: Vec<RuleEvent>,
    #[serde(default)]
    watch: Vec<String>,
}

/// Reads all files of a pack, or tells what is wrong with each of them.
pub(super) fn pack(files: Files) -> Result<Pack, Vec<Error>> {
    let mut faults = Vec::new();
    let manifest = manifest(&files).map_err(|fault| faults.push(fault)).ok();
    let name = manifest.as_ref().map_or("", |manifest| &manifest.name);
    let (mut objects, mut roles, mut rules) = (Vec::new(), Vec::new(), Vec::new());
    let mut reports = Vec::new();
    let mut scripts = BTreeSet::new();
    for (path, text) in &files {
        let parts: Vec<&str> = path.split('/').collect();
        let read = match parts.as_slice() {
            [MANIFEST] => Ok(()),
            [ROLES] => self::roles(text).map(|declared| roles = declared),
            [REPORTS] | [_, REPORTS] => {
                self::reports(path, text).map(|declared| reports.extend(declared))
            }
            [folder, "object.toml"] => object(folder, path, text).map(|o| objects.push(o)),
            [folder, "rules.toml"] => {
                self::rules(name, folder, path, text, &files).map(|declared| rules.extend(declared))
            }
            [_, "rules", file] if file.ends_with(".rhai") => {
                scripts.insert(path.as_str());
                Ok(())
            }
            [_, "scenarios", file] if file.ends_with(".scenario") => Ok(()),
            [.., file] if file.ends_with(".md") => Ok(()),
            _ => {
                let message = "this file has no place in a pack";
                Err(place::fault(path, text, 0, message))
            }
        };
        faults.extend(read.err());
    }
    // A `rules.toml` that cannot be read names no script.
    if faults.is_empty() {
        for rule in &rules {
            scripts.remove(rule.file.as_str());
        }
        let message = "no rule of `rules.toml` names this script";
        faults.extend(scripts.iter().map(|at| place::fault(at, "", 0, message)));
    }
    match manifest {
        Some(manifest) if faults.is_empty() => Ok(Pack {
            manifest,
            objects,
            roles,
            rules,
            reports,
            files,
        }),
        _ => Err(faults),
    }
}

fn manifest(files: &Files) -> Result<Manifest> {
    let text = files.get(MANIFEST).ok_or_else(|| {
        Error::new(Code::Pack, format!("the pack has no `{MANIFEST}`")).with("file", MANIFEST)
    })?;
    let manifest: Manifest = parse(MANIFEST, text)?;
    named(MANIFEST, text, &manifest.name, "a pack")?;
    Ok(manifest)
}

fn object(folder: &str, path: &str, text: &str) -> Result<ObjectDeclaration> {
    let object: ObjectDeclaration = parse(path, text)?;
    if object.name != folder {
        let offset = place::string(text, &object.name).unwrap_or(0);
        let message = format!(
            "the object `{}` stands in the folder `{folder}`",
            object.name
        );
        return Err(place::fault(path, text, offset, &message));
    }
    once(path, text, "field", object.field.iter().map(|f| &f.name))?;
    for field in &object.field {
        once(path, text, "choice", field.choice.iter().map(|c| &c.name))?;
    }
    once(path, text, "list", object.list.iter().map(|l| &l.name))?;
    once(path, text, "total", object.total.iter().map(|t| &t.name))?;
    Ok(object)
}

fn roles(text: &str) -> Result<Vec<RoleDeclaration>> {
    let roles = parse::<RolesFile>(ROLES, text)?.role;
    once(ROLES, text, "role", roles.iter().map(|role| &role.name))?;
    Ok(roles)
}

fn reports(path: &str, text: &str) -> Result<Vec<Declared>> {
    let reports = parse::<ReportsFile>(path, text)?.report;
    once(path, text, "report", reports.iter().map(|r| &r.name))?;
    let declared = reports.into_iter().map(|report| Declared {
        file: path.to_owned(),
        report,
    });
    Ok(declared.collect())
}

fn rules(
    pack: &str,
    object: &str,
    path: &str,
    text: &str,
    files: &Files,
) -> Result<Vec<RuleSource>> {
    let declared: RulesFile = parse(path, text)?;
    once(path, text, "rule", declared.rule.iter().map(|r| &r.name))?;
    let mut rules = Vec::new();
    for rule in declared.rule {
        named(path, text, &rule.name, "a rule")?;
        let file = format!("{object}/rules/{}", rule.file);
        let Some(script) = files.get(&file) else {
            let offset = place::string(text, &rule.file).unwrap_or(0);
            let message = format!("there is no script `{file}`");
            return Err(place::fault(path, text, offset, &message));
        };
        rules.push(RuleSource {
            pack: pack.to_owned(),
            file,
            object: object.to_owned(),
            name: rule.name,
            kind: rule.kind,
            on: rule.on,
            watch: rule.watch,
            text: script.clone(),
        });
    }
    Ok(rules)
}

fn parse<T: DeserializeOwned>(path: &str, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| place::unparsable(path, text, &error))
}

fn named(path: &str, text: &str, name: &str, what: &str) -> Result<()> {
    check_name(name, what).map_err(|error| {
        let offset = place::string(text, name).unwrap_or(0);
        place::fault(path, text, offset, error.message())
    })
}

/// Refuses a name that is given twice: the second would quietly add to the first.
fn once<'n>(
    path: &str,
    text: &str,
    what: &str,
    names: impl Iterator<Item = &'n String>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let offset = place::entry(text, what, name).or_else(|| place::string(text, name));
            let message = format!("two {what}s are called `{name}`");
            return Err(place::fault(path, text, offset.unwrap_or(0), &message));
        }
    }
    Ok(())
}
