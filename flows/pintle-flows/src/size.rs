//! What takes the space: of a finished image, as its manifest says.

use pintle_model::OutputFormat;
pub use pintle_report::SizeReport;
use pintle_report::size::SIZE_SCHEMA;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A definition: it has to be assembled to be measured.
    Definition,
    /// A manifest, or an image with its manifest beside it.
    Manifest(PathBuf),
}

/// A manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not there.
    #[error("there is no manifest at {}", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not say what takes the space.
    #[error("{} does not say what takes the space", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// It was written by another version.
    #[error("{} was written by another version of Pintle (schema {found}, this one reads {SIZE_SCHEMA})", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

/// What `path` names: images and manifests are told by their names and, for JSON, by what is in them.
///
/// # Errors
/// [`ManifestError::Read`].
pub fn target(path: &Path) -> Result<Target, ManifestError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // The longest extension first: `raw.gz` is no `gz`.
    let mut known: Vec<&str> = OutputFormat::ALL.iter().map(|format| format.extension()).collect();
    known.sort_by_key(|extension| std::cmp::Reverse(extension.len()));
    for extension in known {
        if let Some(stem) = name.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.')) {
            return Ok(Target::Manifest(path.with_file_name(format!("{stem}.json"))));
        }
    }
    if !name.ends_with(".json") {
        return Ok(Target::Definition);
    }
    #[derive(Deserialize)]
    struct Head {
        // A manifest has it, an evaluated definition has not.
        pintle: Option<String>,
    }
    let failed = |source| ManifestError::Read { path: path.to_owned(), source };
    let bytes = pintle_world::files::read(path).map_err(failed)?.unwrap_or_default();
    let head = serde_json::from_slice::<Head>(&bytes).ok().and_then(|head| head.pintle);
    Ok(if head.is_some() { Target::Manifest(path.to_owned()) } else { Target::Definition })
}

/// What the manifest at `path` says.
///
/// # Errors
/// [`ManifestError`].
pub fn of_manifest(path: &Path) -> Result<SizeReport, ManifestError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    #[derive(Deserialize)]
    struct Part<T> {
        size: T,
    }
    let failed = |source| ManifestError::Read { path: path.to_owned(), source };
    let content = |source| ManifestError::Content { path: path.to_owned(), source };
    let bytes = pintle_world::files::read(path).map_err(failed)?;
    let bytes = bytes.ok_or_else(|| ManifestError::Missing(path.to_owned()))?;
    let found = serde_json::from_slice::<Part<Version>>(&bytes).map_err(content)?.size.schema;
    if found != SIZE_SCHEMA {
        return Err(ManifestError::Schema { path: path.to_owned(), found });
    }
    Ok(serde_json::from_slice::<Part<SizeReport>>(&bytes).map_err(content)?.size)
}
