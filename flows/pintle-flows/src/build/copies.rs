//! What the definition copies from the host.

use pintle_assemble::HostContent;
use pintle_model::{FileContent, Kind, System};
use pintle_world::Store;
use pintle_world::host_tree::{self, HostTreeError, Ownership};
use std::collections::BTreeMap;
use std::path::Path;

/// A file of the definition that cannot be copied.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: cannot copy `{path}` to {target}")]
pub struct CopyError {
    /// Where the definition says so.
    pub origin: String,
    /// What it names.
    pub path: String,
    /// Where it was to go.
    pub target: String,
    /// Why.
    #[source]
    pub source: HostTreeError,
}

/// Reads everything that `system` copies, relative to `folder`, by the text in the definition.
///
/// # Errors
/// [`CopyError`] with the definition's line.
pub(super) fn read(
    system: &System,
    folder: &Path,
    store: &Store,
) -> Result<BTreeMap<String, HostContent>, CopyError> {
    let mut found = BTreeMap::new();
    for file in &system.files {
        let FileContent::Copy(path) = &file.content else { continue };
        if found.contains_key(path) {
            continue;
        }
        let tree = host_tree::read(&folder.join(path), store, Ownership::Root).map_err(|source| {
            CopyError { origin: file.origin.clone(), path: path.clone(), target: file.path.clone(), source }
        })?;
        // A single file comes as the only entry of its tree.
        let only =
            tree.walk().nth(1).filter(|_| !folder.join(path).is_dir()).map(|entry| entry.inode.clone());
        let content = match only {
            Some(inode) => match inode.kind {
                Kind::File(blob) => HostContent::File { blob, executable: inode.attrs.mode & 0o100 != 0 },
                _ => HostContent::Folder(tree),
            },
            None => HostContent::Folder(tree),
        };
        found.insert(path.clone(), content);
    }
    Ok(found)
}
