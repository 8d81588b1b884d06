//! What is read out of all modules, kept from one build to the next: there are a thousand of them with a hundred
//! megabytes, and rarely are they others.

use super::{LISTS, ModulesError};
use crate::generate::derived::try_derived;
use pintle_model::{Contents, Kind, Tree, TreePath};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;

/// Largest result that is read back; those of Debian's generic kernel have 7 MB.
const MAX: u64 = 256 << 20;

/// What `make` gives, or gave in an earlier build, for the files in `dir`.
///
/// # Errors
/// Those of `make`, and [`ModulesError::Keep`].
pub(super) fn kept<T: Serialize + DeserializeOwned>(
    tree: &Tree,
    contents: &dyn Contents,
    dir: &TreePath,
    what: &str,
    make: impl FnOnce() -> Result<T, ModulesError>,
) -> Result<T, ModulesError> {
    let Some(inputs) = inputs(tree, dir) else { return make() };
    let blob = try_derived(contents, what, inputs.iter().map(Vec::as_slice), || {
        Ok::<_, ModulesError>(postcard::to_allocvec(&make()?).map_err(io::Error::other)?)
    })?;
    Ok(postcard::from_bytes(&blob.read(contents, MAX)?).map_err(io::Error::other)?)
}

/// Paths and digests of all files in `dir` that may be modules or lists of them; none where one has no digest.
fn inputs(tree: &Tree, dir: &TreePath) -> Option<Vec<Vec<u8>>> {
    let mut inputs = Vec::new();
    for entry in tree.walk_from(dir) {
        let name = entry.path.name().unwrap_or_default();
        // An index that was made from them.
        let list = name.starts_with(b"modules.") && !name.ends_with(b".ko");
        if list && !LISTS.iter().any(|list| name == list.as_bytes()) {
            continue;
        }
        if let Kind::File(blob) = &entry.inode.kind {
            let digest = blob.digest()?;
            inputs.push([entry.path.as_bytes(), b"\0", digest.as_bytes()].concat());
        }
    }
    Some(inputs)
}
