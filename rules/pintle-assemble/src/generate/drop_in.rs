use pintle_model::{Blob, Contents, Kind, Tree, TreePath};
use std::collections::BTreeMap;
use std::io;

/// A file of a drop-in directory cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}")]
pub struct DropInError {
    /// The file.
    pub path: TreePath,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// So many bytes are read from all files together; Debian's hardware database has 12 MB, of which 3 are the vendors of
/// hardware addresses. What is made of them can count places with 32 bits.
const MAX: u64 = 256 << 20;

/// Paths and bytes of the files in `dirs` whose names end with `ending`, in the order of their names. Of two files of
/// one name that of the earlier directory counts; an empty one, or a link to /dev/null, stands for none
/// (systemd's convention: systemd.unit(5), hwdb(7)).
pub(crate) fn read(
    tree: &Tree,
    contents: &dyn Contents,
    dirs: &[&str],
    ending: &str,
) -> Result<Vec<(TreePath, Vec<u8>)>, DropInError> {
    let mut found: BTreeMap<Vec<u8>, (TreePath, Option<&Blob>)> = BTreeMap::new();
    for dir in dirs.iter().map(|dir| TreePath::literal(dir)) {
        for (name, _) in tree.children(&dir).filter(|(name, _)| name.ends_with(ending.as_bytes())) {
            let Ok(path) = dir.join(name) else { continue };
            let real = tree.resolve(&path).ok();
            match real.and_then(|real| tree.get(&real)).map(|inode| &inode.kind) {
                Some(Kind::File(blob)) => drop(found.entry(name.to_vec()).or_insert((path, Some(blob)))),
                _ if is_null(tree, &path) => drop(found.entry(name.to_vec()).or_insert((path, None))),
                _ => {}
            }
        }
    }
    let files = found.into_values().filter_map(|(path, blob)| Some((path, blob?)));
    let full = files.filter(|(_, blob)| !blob.is_empty());
    let mut left = MAX;
    full.map(|(path, blob)| match blob.read(contents, left) {
        Ok(bytes) => {
            left -= bytes.len() as u64;
            Ok((path, bytes))
        }
        Err(source) => Err(DropInError { path, source }),
    })
    .collect()
}

fn is_null(tree: &Tree, path: &TreePath) -> bool {
    matches!(tree.get(path).map(|inode| &inode.kind), Some(Kind::Symlink(target)) if &**target == b"/dev/null")
}
