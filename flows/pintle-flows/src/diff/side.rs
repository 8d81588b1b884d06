//! What a path names, and the facts of everything but images.

use super::DiffError;
use crate::definition::{Definition, load};
use crate::image::Disk;
use pintle_image::compare::{Facts, flatten};
use pintle_model::{Lock, LockedPath, OutputFormat, PackageRole, name_and_version};
use pintle_world::{Store, files};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// After the name of a package of which only parts enter the boot chain.
pub(super) const BOOT: &str = " (boot chain)";
/// Longest document that is read: a manifest of a desktop has 5 MB.
const DOCUMENT_MAX: u64 = 256 << 20;

/// One side.
pub(super) enum Side<'a> {
    Facts(Box<Facts>),
    Disk(Disk<'a>),
}

/// Finds out what is at `path`: by its name where that says it, else by its first bytes.
pub(super) fn open<'a>(path: &Path, store: &'a Store) -> Result<Side<'a>, DiffError> {
    let failed = |source| DiffError::Read { path: path.to_owned(), source };
    let folder =
        files::is_folder(path).map_err(failed)?.ok_or_else(|| DiffError::Missing(path.to_owned()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if folder || name.ends_with(".toml") {
        return definition(path);
    }
    if let Some(manifest) = compressed(path, &name) {
        return match files::read(&manifest).map_err(failed)? {
            Some(bytes) => document(&manifest, &bytes),
            None => Err(DiffError::Compressed { path: path.to_owned(), manifest }),
        };
    }
    if name.ends_with(".json") {
        let bytes = files::read(path).map_err(failed)?.unwrap_or_default();
        return document(path, &bytes);
    }
    if name.ends_with(".lock") {
        let lock = crate::pin::read(path)?.ok_or_else(|| DiffError::Missing(path.to_owned()))?.0;
        return Ok(Side::Facts(Box::new(of_lock(&lock))));
    }
    Ok(Side::Disk(Disk::open(path, store)?))
}

/// The manifest of an image that is compressed as a whole, where the name says that it is.
fn compressed(path: &Path, name: &str) -> Option<PathBuf> {
    let packed = [".gz", ".zst", ".xz"].iter().any(|end| name.ends_with(end));
    let known = OutputFormat::ALL.iter().map(|format| format!(".{}", format.extension()));
    let stem = known.filter_map(|end| name.strip_suffix(&end)).min_by_key(|stem| stem.len());
    let stem = stem.or_else(|| name.split_once('.').map(|(stem, _)| stem)).unwrap_or(name);
    packed.then(|| path.with_file_name(format!("{stem}.json")))
}

fn definition<'a>(path: &Path) -> Result<Side<'a>, DiffError> {
    let definition = load(path, &mut io::empty())?;
    Ok(Side::Facts(Box::new(of_definition(&definition)?)))
}

/// A manifest of a build, or an evaluated definition.
fn document<'a>(path: &Path, bytes: &[u8]) -> Result<Side<'a>, DiffError> {
    if bytes.len() as u64 > DOCUMENT_MAX {
        return Err(DiffError::Unknown(path.to_owned()));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| DiffError::Unknown(path.to_owned()))?;
    if value.get("outputs").is_some() && value.get("disk").is_some() {
        return Ok(Side::Facts(Box::new(of_manifest(&value))));
    }
    if value.get("source").is_some() {
        return definition(path);
    }
    Err(DiffError::Unknown(path.to_owned()))
}

fn of_definition(definition: &Definition) -> Result<Facts, DiffError> {
    let options = serde_json::to_value(definition.system()).unwrap_or_default();
    let lock = definition.lock_file.as_deref().map(crate::pin::read).transpose()?.flatten();
    let facts = lock.map(|(lock, _)| of_lock(&lock)).unwrap_or_default();
    Ok(Facts { kind: "system", options: Some(flatten(&options)), ..facts })
}

fn of_lock(lock: &Lock) -> Facts {
    let packages: BTreeMap<String, String> = lock
        .packages
        .iter()
        .map(|package| match package.role {
            PackageRole::System => (package.name.clone(), package.version.clone()),
            PackageRole::Boot => (format!("{}{BOOT}", package.name), package.version.clone()),
        })
        .chain(lock.closure.iter().flat_map(|closure| &closure.paths).map(store_package))
        .collect();
    Facts {
        kind: "lock",
        kernels: Some(kernels(packages.keys())),
        users: Some(lock.users.iter().map(|user| (user.name.clone(), user.uid.to_string())).collect()),
        groups: Some(lock.groups.iter().map(|group| (group.name.clone(), group.gid.to_string())).collect()),
        packages: Some(packages),
        ..Facts::default()
    }
}

/// A store path as a package: its name, with what tells it from others of that name as its version.
fn store_package(locked: &LockedPath) -> (String, String) {
    let (hash, name) = locked.hash_and_name();
    let (name, version) = name_and_version(name);
    let version = version.unwrap_or_default();
    (format!("store {name}"), format!("{version} {}", &hash[..hash.len().min(7)]).trim().to_owned())
}

/// Releases of kernels, by the names of their packages.
fn kernels<'a>(packages: impl Iterator<Item = &'a String>) -> Vec<String> {
    let release = |name: &String| {
        let release = name.strip_prefix("linux-image-")?;
        release.starts_with(|c: char| c.is_ascii_digit()).then(|| release.to_owned())
    };
    packages.filter_map(release).collect()
}

fn of_manifest(manifest: &Value) -> Facts {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let package = |package: &Value| {
        let boot = package.get("role").and_then(Value::as_str) == Some("boot");
        let name = text(package, "name")?;
        Some((if boot { format!("{name}{BOOT}") } else { name }, text(package, "version")?))
    };
    let list = |key: &str| manifest.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let disk = &manifest["disk"];
    let mut sizes = BTreeMap::new();
    sizes.extend(disk["disk_size"].as_u64().map(|size| ("disk".to_owned(), size)));
    for partition in disk["partitions"].as_array().into_iter().flatten() {
        sizes.extend(
            text(partition, "label")
                .zip(partition["size"].as_u64())
                .map(|(label, size)| (format!("partition {label}"), size)),
        );
    }
    for output in list("outputs") {
        sizes.extend(
            text(output, "format")
                .zip(output["size"].as_u64())
                .map(|(format, size)| (format!("file {format}"), size)),
        );
    }
    for (origin, share) in manifest["provenance"].as_object().into_iter().flatten() {
        sizes.extend(share["bytes"].as_u64().map(|size| (format!("from {origin}"), size)));
    }
    Facts {
        kind: "manifest",
        packages: Some(list("packages").iter().filter_map(package).collect()),
        kernels: Some(text(disk, "kernel").into_iter().collect()),
        cmdline: text(disk, "cmdline"),
        sizes: Some(sizes),
        ..Facts::default()
    }
}
