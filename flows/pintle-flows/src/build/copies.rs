//! What the definition copies from the host.

use crate::definition::{Copied, Definition};
use pintle_assemble::HostContent;
use pintle_model::{Arch, FileContent, Kind, Tree, TreePath};
use pintle_package::oci::{BlobReader, LayoutError, LayoutFiles, OciError, verify};
use pintle_world::Store;
use pintle_world::host_tree::HostTreeError;
use std::collections::BTreeMap;

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
    pub source: CopyReason,
}

/// Why a file cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyReason {
    /// Of this host.
    #[error(transparent)]
    Host(#[from] HostTreeError),
    /// A container image that cannot be read.
    #[error("it cannot be read as a container image")]
    Layout(#[from] LayoutError),
    /// A container image that is another.
    #[error(transparent)]
    Image(#[from] OciError),
    /// A digest that is none.
    #[error("`{0}` is not a digest")]
    Digest(String),
}

/// Reads everything that the definition copies, by the text in it.
///
/// # Errors
/// [`CopyError`] with the definition's line.
pub(crate) fn read(
    definition: &Definition,
    store: &Store,
) -> Result<BTreeMap<String, HostContent>, CopyError> {
    let system = definition.system();
    let mut found = BTreeMap::new();
    for file in &system.files {
        let Some(path) = file.content.copied() else { continue };
        let failed = |source| CopyError {
            origin: file.origin.clone(),
            path: path.to_owned(),
            target: file.path.clone(),
            source,
        };
        let known = found.contains_key(path);
        if known && !matches!(file.content, FileContent::OciImage { .. }) {
            continue;
        }
        let Copied { mut tree, is_folder } =
            definition.copied(path, store).map_err(|error| failed(error.into()))?;
        if let FileContent::OciImage { digest, .. } = &file.content {
            compare(&tree, digest, system.arch, store).map_err(failed)?;
        }
        if file.path.starts_with("/usr/lib/modules/") {
            forget_sources(&mut tree);
        }
        // A single file comes as the only entry of its tree.
        let only = tree.walk().nth(1).filter(|_| !is_folder).map(|entry| entry.inode.clone());
        let content = match only {
            Some(inode) => match inode.kind {
                Kind::File(blob) => HostContent::File { blob, executable: inode.attrs.mode & 0o100 != 0 },
                _ => HostContent::Folder(tree),
            },
            None => HostContent::Folder(tree),
        };
        found.insert(path.to_owned(), content);
    }
    Ok(found)
}

/// Compares a container image, the folder or archive `tree`, with its digest.
fn compare(tree: &Tree, digest: &str, arch: Arch, store: &Store) -> Result<(), CopyReason> {
    let expected = digest.parse().map_err(|_| CopyReason::Digest(digest.to_owned()))?;
    let only = tree.walk().nth(1).filter(|entry| tree.walk().count() == 2 && entry.path.parent().is_some());
    let layout = match only.map(|entry| &entry.inode.kind) {
        Some(Kind::File(blob)) => LayoutFiles::of_archive(BlobReader::new(blob, store))?,
        _ => LayoutFiles::of_folder(tree, store)?,
    };
    verify(&layout, expected, arch)?;
    Ok(())
}

/// Takes the links to where a kernel was built out of its modules: they mean nothing on another machine.
fn forget_sources(tree: &mut Tree) {
    for name in ["build", "source"].map(TreePath::literal) {
        if matches!(tree.get(&name).map(|inode| &inode.kind), Some(Kind::Symlink(_))) {
            drop(tree.remove(&name));
        }
    }
}
