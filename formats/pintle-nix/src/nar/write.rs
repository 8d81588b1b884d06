use super::format::{ALIGN, MAGIC, push};
use pintle_model::{Blob, Contents, Count, Hashed, Hasher, Inode, Kind, Sink, Tree, TreePath, WriteAll};
use std::io;

/// Why a part of a tree cannot become an archive.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is nothing at this path.
    #[error("{0} is not there")]
    Missing(TreePath),
    /// A device, pipe or socket.
    #[error("{path} is a {kind}: a Nix archive holds files, directories and links only")]
    Kind {
        /// Its path.
        path: TreePath,
        /// What it is.
        kind: &'static str,
    },
    /// Something whose meaning would be lost: the program would run without it, and nobody would know.
    #[error("{path} has {what}, which a Nix archive cannot hold")]
    Attribute {
        /// Its path.
        path: TreePath,
        /// What would be lost.
        what: String,
    },
    /// A link without a target.
    #[error("{0} is a symbolic link without a target")]
    Target(TreePath),
    /// The sink failed.
    #[error("writing {path} into the Nix archive failed")]
    Sink {
        /// What was being written.
        path: TreePath,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes what is at `root` of `tree` as an archive and returns its length in bytes (`NarSize`), a multiple of 8. The
/// sink's gaps are the padding; the last one may come after its last call.
///
/// A file is a program where its owner may execute it. Owner, time and the other permissions have no place in the
/// format; of files with several names each becomes a file of its own.
///
/// # Errors
/// [`WriteError`]; where it is not [`WriteError::Sink`], nothing has been written.
pub fn write(tree: &Tree, root: &TreePath, sink: &mut dyn Sink) -> Result<u64, WriteError> {
    write_with(tree, root, sink, &mut |_, _| ())
}

/// The length in bytes of the archive that [`write()`] would write (`NarSize`).
///
/// # Errors
/// [`WriteError`].
pub fn size(tree: &Tree, root: &TreePath) -> Result<u64, WriteError> {
    write(tree, root, &mut Count::default())
}

/// Writes the archive into a stream: a compressor, a file, a pipe. Returns its length in bytes.
///
/// # Errors
/// [`WriteError`].
pub fn write_to(
    tree: &Tree,
    root: &TreePath,
    contents: &dyn Contents,
    out: impl io::Write,
) -> Result<u64, WriteError> {
    let mut stream = WriteAll::new(out, contents);
    let len = write(tree, root, &mut stream)?;
    let finished = stream.finish(len).and_then(|mut out| out.flush());
    finished.map(|()| len).map_err(|source| WriteError::Sink { path: root.clone(), source })
}

/// Digest and length of the archive (`NarHash`, `NarSize`).
///
/// # Errors
/// [`WriteError`].
pub fn hash(tree: &Tree, root: &TreePath, contents: &dyn Contents) -> Result<Hashed, WriteError> {
    let mut hashing = Hashing(Hasher::new());
    write_to(tree, root, contents, &mut hashing)?;
    Ok(hashing.0.finish())
}

/// Hashes what is written.
pub(crate) struct Hashing(pub(crate) Hasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Is told of every node: its path in the tree, and where the bytes of a file start in the archive (else 0).
type See<'a> = &'a mut dyn FnMut(&TreePath, u64);

/// As [`write()`], and tells `see` of every node.
pub(crate) fn write_with(
    tree: &Tree,
    root: &TreePath,
    sink: &mut dyn Sink,
    see: See<'_>,
) -> Result<u64, WriteError> {
    if tree.lookup(root).is_none() {
        return Err(WriteError::Missing(root.clone()));
    }
    for entry in tree.walk_from(root) {
        check(&entry.path, entry.inode)?;
    }
    let base = root.components().count();
    let mut archive = Archive { sink, see, end: 0, text: Vec::new(), open: 0 };
    archive.token(MAGIC);
    for entry in tree.walk_from(root) {
        archive.close_to(entry.path.components().count() - base);
        archive.node(&entry.path, entry.inode)?;
    }
    archive.close_to(0);
    archive.flush(root)?;
    Ok(archive.end)
}

fn check(path: &TreePath, inode: &Inode) -> Result<(), WriteError> {
    let attribute = |what: String| Err(WriteError::Attribute { path: path.clone(), what });
    match &inode.kind {
        Kind::File(_) | Kind::Directory(_) => {
            if let Some(name) = inode.xattrs.keys().next() {
                return attribute(format!("the extended attribute `{}`", name.escape_ascii()));
            }
            if matches!(inode.kind, Kind::File(_)) && inode.attrs.mode & 0o6000 != 0 {
                return attribute(format!("the mode {:04o}", inode.attrs.mode));
            }
            Ok(())
        }
        Kind::Symlink(target) if target.is_empty() => Err(WriteError::Target(path.clone())),
        Kind::Symlink(_) => Ok(()),
        kind => Err(WriteError::Kind { path: path.clone(), kind: kind.noun() }),
    }
}

/// Tokens kept back at most, before the sink gets them.
const CHUNK: usize = 64 << 10;

struct Archive<'a> {
    sink: &'a mut dyn Sink,
    see: See<'a>,
    /// Where `text` goes: a multiple of 8.
    end: u64,
    /// Tokens that were not given to the sink yet.
    text: Vec<u8>,
    /// Directories that wait for their end.
    open: usize,
}

impl Archive<'_> {
    fn token(&mut self, text: &str) {
        push(&mut self.text, text.as_bytes());
    }

    fn tokens(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| self.token(text));
    }

    /// Ends directories until `depth` of them are open.
    fn close_to(&mut self, depth: usize) {
        while self.open > depth {
            self.open -= 1;
            self.end_of_node();
        }
    }

    /// Ends a node in as many directories as are open, and the entry it is, unless it is the root.
    fn end_of_node(&mut self) {
        self.token(")");
        if self.open > 0 {
            self.token(")");
        }
    }

    fn node(&mut self, path: &TreePath, inode: &Inode) -> Result<(), WriteError> {
        if self.text.len() > CHUNK {
            self.flush(path)?;
        }
        if self.open > 0 {
            self.tokens(&["entry", "(", "name"]);
            push(&mut self.text, path.name().unwrap_or_default());
            self.token("node");
        }
        self.tokens(&["(", "type"]);
        match &inode.kind {
            Kind::File(blob) => {
                let offset = self.file(path, inode, blob)?;
                (self.see)(path, offset);
                self.end_of_node();
            }
            Kind::Symlink(target) => {
                self.tokens(&["symlink", "target"]);
                push(&mut self.text, target);
                (self.see)(path, 0);
                self.end_of_node();
            }
            Kind::Directory(_) => {
                self.token("directory");
                (self.see)(path, 0);
                self.open += 1;
            }
            kind => return Err(WriteError::Kind { path: path.clone(), kind: kind.noun() }),
        }
        Ok(())
    }

    /// Returns where the bytes start.
    fn file(&mut self, path: &TreePath, inode: &Inode, blob: &Blob) -> Result<u64, WriteError> {
        self.token("regular");
        if inode.attrs.mode & 0o100 != 0 {
            self.tokens(&["executable", ""]);
        }
        self.token("contents");
        self.text.extend_from_slice(&blob.len().to_le_bytes());
        self.flush(path)?;
        let offset = self.end;
        let put = self.sink.blob(offset, blob);
        put.map_err(|source| WriteError::Sink { path: path.clone(), source })?;
        self.end = (offset + blob.len()).next_multiple_of(ALIGN);
        Ok(offset)
    }

    fn flush(&mut self, path: &TreePath) -> Result<(), WriteError> {
        let put = self.sink.write(self.end, &self.text);
        put.map_err(|source| WriteError::Sink { path: path.clone(), source })?;
        self.end += self.text.len() as u64;
        self.text.clear();
        Ok(())
    }
}
