//! Installed packs in the store: a row for each pack and a row for each of its files, so that
//! nothing of a pack is lost by installing it.

use serde::{Deserialize, Serialize};

use super::reports::Digests;
use super::{Files, Manifest, Pack, RoleDeclaration, reports};
use crate::error::{Code, Error, Result};
use crate::schema::keys;
use crate::script::RuleSource;
use crate::store::{KeyRange, Read, ScanOptions, Txn};

/// What the store knows of an installed pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) manifest: Manifest,
    /// Its place in the order of installation, from 1. An upgrade keeps it.
    pub(super) order: usize,
    /// What it declared, so that an upgrade can take back what it no longer declares.
    pub(super) roles: Vec<RoleDeclaration>,
    /// Digests of the reports it declared, for the same: their texts stand in their files.
    pub(super) reports: Digests,
    /// Its rules; their texts stand in their files.
    rules: Vec<RuleSource>,
}

/// The manifests of the installed packs, in the order of installation.
pub(crate) fn installed(read: &dyn Read) -> Result<Vec<Manifest>> {
    Ok(all(read)?
        .into_iter()
        .map(|stored| stored.manifest)
        .collect())
}

/// The rules of all installed packs, in the order of installation.
pub(crate) fn rule_sources(read: &dyn Read) -> Result<Vec<RuleSource>> {
    let mut sources = Vec::new();
    for stored in all(read)? {
        for rule in stored.rules {
            let key = file_key(&stored.manifest.name, &rule.file);
            let text = read.get(&key)?.ok_or_else(damaged)?;
            let text = String::from_utf8(text.into_vec()).map_err(|_| damaged())?;
            sources.push(RuleSource { text, ..rule });
        }
    }
    Ok(sources)
}

/// The installed packs, in the order of installation.
pub(super) fn all(read: &dyn Read) -> Result<Vec<Stored>> {
    let mut found: Vec<Stored> = Vec::new();
    let mut rows = read.scan(keys::packs(), ScanOptions::FORWARD)?;
    while let Some((key, value)) = rows.next()? {
        if !key.contains(&b'/') {
            found.push(serde_json::from_slice(value).map_err(|_| damaged())?);
        }
    }
    found.sort_by_key(|stored| stored.order);
    Ok(found)
}

/// Writes a pack and its files in place of an earlier version.
pub(super) fn put(txn: &mut Txn, pack: &Pack, order: usize) -> Result<()> {
    let name = pack.name();
    for path in stored_paths(txn, name)? {
        if !pack.files.contains_key(&path) {
            txn.delete(&file_key(name, &path))?;
        }
    }
    write_files(txn, name, &pack.files)?;
    let rules = pack.rules.iter().map(|rule| RuleSource {
        text: String::new(),
        ..rule.clone()
    });
    let stored = Stored {
        manifest: pack.manifest.clone(),
        order,
        roles: pack.roles.clone(),
        reports: reports::digests(pack)?,
        rules: rules.collect(),
    };
    let bytes = serde_json::to_vec(&stored)
        .map_err(|error| Error::internal(format!("a pack that is not JSON: {error}")))?;
    txn.put(&keys::pack(name), &bytes)
}

fn write_files(txn: &mut Txn, name: &str, files: &Files) -> Result<()> {
    let mut files = files.iter();
    files.try_for_each(|(path, text)| txn.put(&file_key(name, path), text.as_bytes()))
}

fn stored_paths(read: &dyn Read, name: &str) -> Result<Vec<String>> {
    let prefix = file_key(name, "");
    let mut paths = Vec::new();
    let mut rows = read.scan(KeyRange::prefix(&prefix), ScanOptions::FORWARD)?;
    while let Some((key, _)) = rows.next()? {
        let path = String::from_utf8(key[prefix.len()..].to_vec()).map_err(|_| damaged())?;
        paths.push(path);
    }
    Ok(paths)
}

/// No name of a pack holds a `/`, so the files of a pack stand apart from every pack's row.
fn file_key(name: &str, path: &str) -> Vec<u8> {
    keys::pack(&format!("{name}/{path}"))
}

fn damaged() -> Error {
    Error::new(Code::Damaged, "an installed pack is damaged")
}
