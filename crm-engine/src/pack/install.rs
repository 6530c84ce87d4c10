//! What installing a pack changes.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::stored::{self, Stored};
use super::{MANIFEST, Pack, PackVersion, cards, files, object_file, place, read, reports, roles};
use crate::error::{Code, Error, Result};
use crate::index;
use crate::kept::Kept;
use crate::schema::{ObjectDeclaration, Schema};
use crate::script::{self, RuleSource};
use crate::store::{Read, Txn};
use crate::write::Door;

/// What an installation did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Installed {
    /// The name of the pack.
    pub name: String,
    /// Its version, which is installed now.
    pub version: PackVersion,
    /// The version that was installed before, if there was one.
    pub before: Option<PackVersion>,
    /// Whether anything was changed: installing a version again changes nothing.
    pub changed: bool,
}

/// An installation that was found possible. Its caller stores [`Prepared::schema`], calls
/// [`Prepared::store`], compiles the rules and calls [`Prepared::apply`] with a door on the new
/// schema, all in one transaction.
pub(crate) struct Prepared<'p> {
    /// The schema with the pack's declarations.
    pub(crate) schema: Arc<Schema>,
    former_schema: Arc<Schema>,
    pack: &'p Pack,
    former: Option<Stored>,
    order: usize,
}

/// Finds out whether a pack can be installed; none when this version is installed already.
///
/// # Errors
/// [`Code::Pack`] with file, line and column: for a version below the installed one, a pack
/// that is required and not installed, and whatever is wrong with objects, roles and rules.
pub(crate) fn prepare<'p>(
    read: &dyn Read,
    schema: &Arc<Schema>,
    pack: &'p Pack,
) -> Result<Option<Prepared<'p>>> {
    let installed = stored::all(read)?;
    let former = installed
        .iter()
        .find(|stored| stored.manifest.name == pack.name());
    if former.is_some_and(|stored| stored.manifest.version == pack.manifest.version) {
        return Ok(None);
    }
    if let Some(fault) = check(read, schema, pack).into_iter().next() {
        return Err(fault);
    }
    let next = schema.apply(&pack.objects)?;
    Ok(Some(Prepared {
        schema: Arc::new(next),
        former_schema: Arc::clone(schema),
        pack,
        order: former.map_or(installed.len() + 1, |stored| stored.order),
        former: former.cloned(),
    }))
}

impl Prepared<'_> {
    /// Writes the pack itself, and the derived entries that its lists, columns and totals ask
    /// for in records that exist.
    pub(crate) fn store(&self, txn: &mut Txn) -> Result<()> {
        for object in self.schema.objects() {
            if let Some(former) = self.former_schema.by_id(object.id) {
                index::renew(txn, former, object)?;
            }
        }
        stored::put(txn, self.pack, self.order)
    }

    /// Writes what records keep under the new schema, and roles and grants, through a door on it.
    pub(crate) fn apply(&self, door: &mut Door<'_>) -> Result<Installed> {
        door.renew_kept(&self.former_schema)?;
        let before = self.former.as_ref().map_or(&[][..], |former| &former.roles);
        roles::apply(door, self.pack, before)?;
        let none = reports::Digests::default();
        let before = self.former.as_ref().map_or(&none, |former| &former.reports);
        reports::apply(door, self.pack, before)?;
        Ok(Installed {
            before: self.former.as_ref().map(|former| former.manifest.version),
            changed: true,
            ..Installed::already(self.pack)
        })
    }
}

impl Installed {
    /// The answer when the version is installed already.
    pub(crate) fn already(pack: &Pack) -> Installed {
        Installed {
            name: pack.name().to_owned(),
            version: pack.manifest.version,
            before: Some(pack.manifest.version),
            changed: false,
        }
    }
}

/// Everything that is wrong with the pack in a folder, without installing it. A pack with files
/// that cannot be read is not compared with the store.
pub(crate) fn check_folder(read: &dyn Read, schema: &Schema, folder: &Path) -> Vec<Error> {
    let pack = match files::folder(folder) {
        Ok(files) => read::pack(files),
        Err(error) => return vec![error],
    };
    pack.map_or_else(|faults| faults, |pack| check(read, schema, &pack))
}

/// Everything that is wrong with a pack, without installing it. Of an object the first fault is
/// told; its rules, and what roles say of its fields, are then left for the next time.
pub(super) fn check(read: &dyn Read, schema: &Schema, pack: &Pack) -> Vec<Error> {
    let mut faults = match stored::all(read) {
        Ok(installed) => manifest_faults(pack, &installed),
        Err(error) => return vec![error],
    };
    let mut objects = pack.objects.clone();
    let mut unsettled = BTreeSet::new();
    let next = loop {
        let kept = |next| Kept::compile(&next).map(|_| next);
        let error = match schema.apply(&objects).and_then(kept) {
            Ok(next) => break next,
            Err(error) => error,
        };
        let fault = located(pack, &error);
        if faults.contains(&fault) {
            return faults;
        }
        faults.push(fault);
        let Some(culprit) = culprit(&objects, &error) else {
            return faults;
        };
        let declared = &mut objects[culprit];
        unsettled.insert(declared.name.clone());
        // Without its parts an object is there to be referred to, and has nothing wrong.
        *declared = ObjectDeclaration {
            name: declared.name.clone(),
            extends: declared.extends,
            owned: declared.owned,
            ..ObjectDeclaration::default()
        };
    };
    faults.extend(roles::check(pack, &next, &unsettled));
    faults.extend(cards::check(pack, &next, &unsettled));
    faults.extend(reports::check(pack, &next, &unsettled));
    let settled = |rule: &&RuleSource| !unsettled.contains(&rule.object);
    let rules: Vec<RuleSource> = pack.rules.iter().filter(settled).cloned().collect();
    let broken = script::check(&next, &rules).into_iter();
    faults.extend(broken.map(|fault| declared_at(pack, fault)));
    faults
}

/// The fault of a rule that is not in its script is in its declaration.
fn declared_at(pack: &Pack, fault: Error) -> Error {
    let detail = |name: &str| fault.details().get(name).and_then(|value| value.as_str());
    let is_same = |rule: &&RuleSource| {
        detail("rule") == Some(&rule.name) && detail("file") == Some(&rule.file)
    };
    let Some(rule) = pack.rules.iter().find(is_same) else {
        return fault;
    };
    if fault.details().contains_key("line") {
        return fault;
    }
    let file = format!("{}/rules.toml", rule.object);
    let text = pack.text(&file);
    let wanted = detail("field").unwrap_or(&rule.name);
    let offset = place::within(text, "rule", &rule.name, wanted).unwrap_or(0);
    let script = format!("{}/{}: ", rule.pack, rule.file);
    let message = fault.message();
    let message = message.strip_prefix(&script).unwrap_or(message);
    let mut placed = place::fault(&file, text, offset, message).with("rule", rule.name.as_str());
    if let Some(field) = detail("field") {
        placed = placed.with("field", field);
    }
    placed
}

/// What is wrong with the manifest, given what is installed.
fn manifest_faults(pack: &Pack, installed: &[Stored]) -> Vec<Error> {
    let text = pack.text(MANIFEST);
    let fault = |wanted: &str, message: &str| {
        place::fault(
            MANIFEST,
            text,
            place::string(text, wanted).unwrap_or(0),
            message,
        )
    };
    let mut faults = Vec::new();
    let version = pack.manifest.version;
    for stored in installed.iter().map(|stored| &stored.manifest) {
        if stored.name == pack.name() && stored.version > version {
            let message = format!("version {} is installed, which is newer", stored.version);
            faults.push(fault(&version.to_string(), &message));
        }
    }
    for required in &pack.manifest.requires {
        if installed
            .iter()
            .all(|stored| stored.manifest.name != *required)
        {
            let message = format!("the pack `{required}` is required and not installed");
            faults.push(fault(required, &message));
        }
    }
    faults
}

/// The declaration an error of the schema is about, if it still has parts to leave out.
fn culprit(objects: &[ObjectDeclaration], error: &Error) -> Option<usize> {
    let detail = |name: &str| error.details().get(name).and_then(|value| value.as_str());
    let (object, field) = (detail("object"), detail("field"));
    let named = objects
        .iter()
        .position(|declared| Some(declared.name.as_str()) == object);
    let place = named.or_else(|| {
        objects.iter().position(|declared| {
            let mut fields = declared.field.iter();
            fields.any(|f| f.target.as_deref() == object && Some(f.name.as_str()) == field)
        })
    })?;
    let declared = &objects[place];
    let parts = declared.field.len() + declared.list.len() + declared.total.len();
    (parts > 0 || declared.title.is_some() || !declared.columns.is_empty()).then_some(place)
}

/// An error of the schema with its place in the pack: the field it names, or what refers to a
/// field or an object that does not exist.
fn located(pack: &Pack, error: &Error) -> Error {
    let detail = |name: &str| error.details().get(name).and_then(|value| value.as_str());
    let object = detail("object").unwrap_or_default();
    let field = detail("field").unwrap_or_default();
    let file = match culprit(&pack.objects, error) {
        Some(place) => object_file(&pack.objects[place].name),
        None => object_file(object),
    };
    let text = pack.text(&file);
    let offset = match (detail("total"), error.code()) {
        (Some(total), _) => detail("part")
            .and_then(|part| place::within(text, "total", total, part))
            .or_else(|| place::entry(text, "total", total)),
        (None, Code::UnknownObject) => place::string(text, object),
        (None, Code::UnknownField) => place::string(text, field),
        _ => place::entry(text, "field", field).or_else(|| place::string(text, field)),
    };
    let offset = offset.or_else(|| place::string(text, object)).unwrap_or(0);
    let mut placed =
        place::fault(&file, text, offset, error.message()).with("cause", error.code().name());
    for (name, value) in error.details() {
        placed = placed.with(name, value.clone());
    }
    placed
}
