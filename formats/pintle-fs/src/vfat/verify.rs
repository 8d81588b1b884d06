use super::format::DateTime;
use super::read::{Entry, ReadError, Volume};
use pintle_model::{Blob, Contents, Kind, Tree, TreePath};
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

/// How a volume differs from the tree it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Not on the volume.
    Missing,
    /// Not in the tree.
    Added,
    /// A file here, a directory there.
    Kind,
    /// Other modification time.
    Time,
    /// Other length or bytes.
    Content,
}

/// Why a volume did not pass.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not what the tree says.
    #[error("{path} on the FAT volume differs from the tree ({difference:?})")]
    Differs {
        /// The first path that differs.
        path: TreePath,
        /// How.
        difference: Difference,
    },
    /// It could not be read.
    #[error("the FAT volume does not read back, at {path}")]
    Read {
        /// Where in the tree.
        path: TreePath,
        /// The cause.
        #[source]
        source: ReadError,
    },
}

/// Compares a volume with the tree it was written from: names, kinds, times and every byte.
///
/// # Errors
/// The first difference in path order.
pub fn verify<R: Read + Seek>(
    tree: &Tree,
    contents: &dyn Contents,
    volume: &mut Volume<R>,
) -> Result<(), VerifyError> {
    let mut todo: Vec<(TreePath, Option<Entry>)> = vec![(TreePath::root(), None)];
    while let Some((path, entry)) = todo.pop() {
        let listed = volume.entries(entry.as_ref());
        let listed = listed.map_err(|source| VerifyError::Read { path: path.clone(), source })?;
        let mut there: BTreeMap<Vec<u8>, Entry> =
            listed.into_iter().map(|entry| (entry.name.clone().into_bytes(), entry)).collect();
        let mut below = Vec::new();
        for (name, id) in tree.children(&path) {
            let path = path.join(name).expect("invariant: names in a tree make good paths");
            let differs = |difference| Err(VerifyError::Differs { path: path.clone(), difference });
            let Some(entry) = there.remove(name) else { return differs(Difference::Missing) };
            let inode = tree.inode(id);
            if entry.mtime != (DateTime { hundredths: 0, ..DateTime::of(inode.attrs.mtime) }).timestamp() {
                return differs(Difference::Time);
            }
            match &inode.kind {
                Kind::Directory(_) if entry.is_directory => below.push((path, Some(entry))),
                Kind::File(blob) if !entry.is_directory => file(&path, blob, contents, volume, &entry)?,
                _ => return differs(Difference::Kind),
            }
        }
        if let Some(path) = there.into_keys().next().and_then(|name| path.join(name).ok()) {
            return Err(VerifyError::Differs { path, difference: Difference::Added });
        }
        todo.extend(below.into_iter().rev());
    }
    Ok(())
}

fn file<R: Read + Seek>(
    path: &TreePath,
    blob: &Blob,
    contents: &dyn Contents,
    volume: &mut Volume<R>,
    entry: &Entry,
) -> Result<(), VerifyError> {
    let mut compare = Compare { blob, contents, at: 0, equal: true };
    let result = volume.copy(entry, &mut compare);
    result.map_err(|source| VerifyError::Read { path: path.clone(), source })?;
    if compare.equal && compare.at == blob.len() {
        return Ok(());
    }
    Err(VerifyError::Differs { path: path.clone(), difference: Difference::Content })
}

/// Takes the bytes of a file and compares them with those of a blob.
struct Compare<'a> {
    blob: &'a Blob,
    contents: &'a dyn Contents,
    at: u64,
    equal: bool,
}

impl Write for Compare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.at + bytes.len() as u64 <= self.blob.len() {
            let mut expected = vec![0; bytes.len()];
            self.blob.read_at(self.contents, self.at, &mut expected)?;
            self.equal &= expected == bytes;
        }
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
