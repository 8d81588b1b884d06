//! The kernel module index: what `depmod` writes into `/usr/lib/modules/VERSION`.
//!
//! Followed is kmod's depmod (34): the same order, and byte for byte the same files, but for `modules.symbols`, whose
//! lines depmod writes in the order of its hash table and we in the order of the symbols' names. Modules that
//! `modules.order` does not list come last, in path order (depmod: in directory order).

mod index;
mod kept;
mod order;
mod read;
mod write;

pub use read::{Module, ModuleSet};

use super::place::{PlaceError, children, put};
use pintle_model::{Contents, Timestamp, Tree, TreeError, TreePath};
use pintle_package::elf::ElfError;

/// Lists that the kernel's own build makes, and that the index is made from beside the modules.
pub(crate) const LISTS: [&str; 3] = ["modules.order", "modules.builtin", "modules.builtin.modinfo"];

/// Why a module index cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// A module is not what its name says.
    #[error("{path} is not a usable kernel module")]
    Module {
        /// The module.
        path: TreePath,
        /// What is wrong with it.
        #[source]
        source: ElfError,
    },
    /// A module is compressed; unpacking a package decompresses its modules.
    #[error(
        "{0} is compressed: only plain .ko files can be indexed; unpack yours (`unxz`, `unzstd`, `gunzip`)"
    )]
    Compressed(TreePath),
    /// Modules need each other in a circle, so none can be loaded first.
    #[error("kernel modules of {dir} depend on each other in a circle: {}", .modules.join(", "))]
    Cycle {
        /// `/usr/lib/modules/VERSION`.
        dir: TreePath,
        /// Names of the modules that cannot be ordered.
        modules: Vec<String>,
    },
    /// The binary index holds 7-bit text only.
    #[error("module {module}: `{text}` is not ASCII and cannot be indexed")]
    NotAscii {
        /// The module's name.
        module: String,
        /// The alias, symbol or path.
        text: String,
    },
    /// depmod's configuration asks for something we do not do.
    #[error(
        "{0} configures depmod: remove it; only the default search order (updates, then built-in) is known"
    )]
    Configured(TreePath),
    /// A list the kernel package ships cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// `modules.order`, `modules.builtin`, …
        path: TreePath,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index cannot be put into the tree.
    #[error("cannot add the module index of {dir}")]
    Place {
        /// `/usr/lib/modules/VERSION`.
        dir: TreePath,
        /// Why.
        #[source]
        source: PlaceError,
    },
    /// The index cannot be kept for later builds.
    #[error("cannot keep the kernel module index in the cache")]
    Keep(#[from] std::io::Error),
    /// A path inside the tree is not usable.
    #[error("cannot look for kernel modules")]
    Tree(#[source] TreeError),
}

/// The index of the kernel with modules in this folder: names and bytes of its files.
type Index = (TreePath, Vec<(String, Vec<u8>)>);

/// Names and bytes of the index of the modules in `dir`.
fn files(
    tree: &Tree,
    contents: &dyn Contents,
    dir: &TreePath,
) -> Result<Vec<(String, Vec<u8>)>, ModulesError> {
    let files = write::files(&ModuleSet::read(tree, contents, dir)?)?;
    Ok(files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect())
}

/// Makes the index of every kernel in `/usr/lib/modules`; none without one.
///
/// # Errors
/// [`ModulesError`].
pub(super) fn make(tree: &Tree, contents: &dyn Contents) -> Result<Vec<Index>, ModulesError> {
    let dirs = children(tree, &TreePath::literal("usr/lib/modules"));
    dirs.into_iter().map(|dir| files(tree, contents, &dir).map(|files| (dir, files))).collect()
}

/// Makes the index of every kernel in `/usr/lib/modules`. Does nothing without one.
///
/// # Errors
/// [`ModulesError`]; the tree may then hold the index of earlier versions.
pub fn apply(tree: &mut Tree, contents: &dyn Contents, epoch: Timestamp) -> Result<(), ModulesError> {
    let indices = make(tree, contents)?;
    put_all(tree, indices, epoch)
}

/// Puts indices where they belong, replacing older ones.
///
/// # Errors
/// [`ModulesError::Place`]; the tree may then hold the index of earlier versions.
pub(super) fn put_all(tree: &mut Tree, indices: Vec<Index>, epoch: Timestamp) -> Result<(), ModulesError> {
    for (dir, files) in indices {
        for (name, bytes) in files {
            let path = dir.join(&name).map_err(|bad| ModulesError::Tree(bad.into()))?;
            let placed = put(tree, &path, bytes, epoch, "kernel module index");
            placed.map_err(|source| ModulesError::Place { dir: dir.clone(), source })?;
        }
    }
    Ok(())
}

/// Makes the index of the kernel whose modules are in `dir` (`usr/lib/modules/VERSION`), replacing an older one.
///
/// # Errors
/// [`ModulesError`]; the tree is unchanged then.
pub fn index(
    tree: &mut Tree,
    contents: &dyn Contents,
    dir: &TreePath,
    epoch: Timestamp,
) -> Result<(), ModulesError> {
    let files = files(tree, contents, dir)?;
    put_all(tree, vec![(dir.clone(), files)], epoch)
}
