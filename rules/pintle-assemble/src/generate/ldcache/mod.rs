//! `/etc/ld.so.cache` and the links libraries are found by: what `ldconfig` of glibc makes.
//!
//! The same directories in the same order, the same choice among files of one SONAME, the same format
//! ("glibc-ld.so.cache1.1", what `ldconfig --format=new` writes); apart from the generator's name in it, the file is
//! byte for byte ldconfig's. Unlike ldconfig we leave dangling links alone.

mod config;
mod search;
mod write;

use super::place::{PlaceError, put, put_link};
use pintle_model::{Contents, Kind, Timestamp, Tree, TreeError, TreePath};
use pintle_package::elf::ElfError;
use std::io;

const CONFIG: &str = "etc/ld.so.conf";
const BY: &str = "ld.so.cache";

/// Why there is no library cache.
#[derive(Debug, thiserror::Error)]
pub enum LdCacheError {
    /// `/etc/ld.so.conf` or a file it includes says something that is not known.
    #[error("{path}:{line}: cannot follow `{text}`: {why}")]
    Config {
        /// The file.
        path: TreePath,
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: TreePath,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A library is damaged.
    #[error("{path} is not a usable library")]
    Library {
        /// The file.
        path: TreePath,
        /// What is wrong with it.
        #[source]
        source: ElfError,
    },
    /// A link or the cache has no room.
    #[error("cannot add to the library directories")]
    Place(#[from] PlaceError),
    /// The tree is damaged.
    #[error("cannot look for libraries")]
    Tree(#[from] TreeError),
}

/// One line of `ldconfig -p`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What programs ask for.
    soname: Vec<u8>,
    /// Where it is, absolute.
    path: Vec<u8>,
    /// Type and machine, `FLAG_*` of glibc's sysdeps/generic/ldconfig.h.
    flags: u32,
    /// The `glibc-hwcaps` subdirectory it is for.
    hwcaps: Option<Vec<u8>>,
}

/// Makes the cache and missing SONAME links. Does nothing without `/etc/ld.so.conf`.
///
/// # Errors
/// [`LdCacheError`]; links may have been made then.
pub fn apply(tree: &mut Tree, contents: &dyn Contents, epoch: Timestamp) -> Result<(), LdCacheError> {
    let config = TreePath::literal(CONFIG);
    if !matches!(tree.get(&config).map(|inode| &inode.kind), Some(Kind::File(_))) {
        return Ok(());
    }
    let directories = config::directories(tree, contents, &config)?;
    let mut entries = Vec::new();
    for directory in &directories {
        let libraries = search::libraries(tree, contents, directory)?;
        for library in libraries {
            if directory.hwcaps.is_none() && !library.is_link {
                link(tree, directory, &library, epoch)?;
            }
            entries.push(library.into_entry(directory));
        }
    }
    put(tree, &TreePath::literal("etc/ld.so.cache"), write::cache(entries), epoch, BY)?;
    Ok(())
}

/// Makes the SONAME of `library` lead to it, unless a file has that name.
fn link(
    tree: &mut Tree,
    directory: &config::Directory,
    library: &search::Library,
    epoch: Timestamp,
) -> Result<(), LdCacheError> {
    let name = |name: &[u8]| directory.real.join(name).map_err(TreeError::from);
    let (soname, file) = (name(&library.soname)?, name(&library.name)?);
    match tree.get(&soname).map(|inode| &inode.kind) {
        None => {}
        Some(Kind::Symlink(_)) => {
            let inode = |path: &TreePath| tree.resolve(path).ok().and_then(|path| tree.lookup(&path));
            if inode(&soname).is_some_and(|found| Some(found) == inode(&file)) {
                return Ok(());
            }
        }
        Some(_) => return Ok(()),
    }
    put_link(tree, &soname, &library.name, epoch, BY)?;
    Ok(())
}
