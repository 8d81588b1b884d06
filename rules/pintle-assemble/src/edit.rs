//! Edits of a tree by one author at a time: paths are resolved through merged-/usr, missing folders are made.

use crate::error::AssembleError;
use pintle_model::{
    Attrs, Blob, Contents, Inode, Kind, Origin, OriginId, Timestamp, Tree, TreeError, TreePath, Xattrs,
};
use std::collections::BTreeMap;

/// Largest file that is read whole to be edited or looked at.
const READ_MAX: u64 = 16 << 20;

/// A tree with an author.
pub(crate) struct Editor<'a> {
    tree: &'a mut Tree,
    contents: &'a dyn Contents,
    epoch: Timestamp,
    by: String,
    origin: OriginId,
}

impl<'a> Editor<'a> {
    pub(crate) fn new(
        tree: &'a mut Tree,
        contents: &'a dyn Contents,
        epoch: Timestamp,
        origin: Origin,
    ) -> Self {
        let by = origin.to_string();
        let origin = tree.origin(origin);
        Self { tree, contents, epoch, by, origin }
    }

    /// What follows is done by `origin`.
    pub(crate) fn act_as(&mut self, origin: Origin) {
        self.by = origin.to_string();
        self.origin = self.tree.origin(origin);
    }

    pub(crate) fn tree(&self) -> &Tree {
        self.tree
    }

    pub(crate) fn tree_mut(&mut self) -> &mut Tree {
        self.tree
    }

    pub(crate) fn contents(&self) -> &'a dyn Contents {
        self.contents
    }

    pub(crate) fn epoch(&self) -> Timestamp {
        self.epoch
    }

    pub(crate) fn by(&self) -> &str {
        &self.by
    }

    /// The tree's refusal, as this author's problem.
    pub(crate) fn refused(&self, source: TreeError) -> AssembleError {
        AssembleError::Tree { by: self.by.clone(), source }
    }

    /// Something is wrong with a path of this author's.
    pub(crate) fn problem(&self, path: &str, problem: &'static str) -> AssembleError {
        AssembleError::Effect { by: self.by.clone(), path: path.to_owned(), problem }
    }

    /// Root's, of this build's time.
    pub(crate) fn attrs(&self, mode: u16) -> Attrs {
        Attrs { mtime: self.epoch, ..Attrs::root(mode) }
    }

    /// Where `path` leads once the links on the way to its last name are followed; missing folders on it are made.
    pub(crate) fn path(&mut self, path: &str) -> Result<TreePath, AssembleError> {
        let path = TreePath::new(path).map_err(|error| self.refused(error.into()))?;
        self.place(&path)
    }

    fn place(&mut self, path: &TreePath) -> Result<TreePath, AssembleError> {
        let Some(parent) = path.parent() else { return Ok(path.clone()) };
        let parent = self.folder(&parent)?;
        let name = path.name().unwrap_or_default();
        parent.join(name).map_err(|error| self.refused(error.into()))
    }

    /// Makes sure of a folder, step by step, each step through links.
    fn folder(&mut self, path: &TreePath) -> Result<TreePath, AssembleError> {
        let mut at = TreePath::root();
        for name in path.components() {
            let next = at.join(name).map_err(|error| self.refused(error.into()))?;
            at = self.tree.resolve(&next).map_err(|error| self.refused(error))?;
            if self.tree.get(&at).is_none() {
                let attrs = self.attrs(0o755);
                // A dangling link on the way leads to folders that may be missing too.
                self.tree.ensure_directory(&at, attrs, self.origin).map_err(|error| self.refused(error))?;
            }
        }
        Ok(at)
    }

    /// Puts something at exactly this place, in place of what is there; only an empty folder gives way.
    pub(crate) fn put(&mut self, path: &TreePath, kind: Kind, attrs: Attrs) -> Result<(), AssembleError> {
        match self.tree.get(path).map(|inode| &inode.kind) {
            Some(Kind::Directory(names)) if matches!(kind, Kind::Directory(_)) || !names.is_empty() => {
                if !matches!(kind, Kind::Directory(_)) {
                    return Err(self.problem(&path.to_string(), "a folder that is not empty is in the way"));
                }
                return Ok(());
            }
            Some(_) => drop(self.tree.remove(path).map_err(|error| self.refused(error))?),
            None => {}
        }
        let inode = Inode { kind, attrs, xattrs: Xattrs::new(), origin: self.origin };
        self.tree.insert(path, inode).map_err(|error| self.refused(error))?;
        Ok(())
    }

    /// Makes a file in place of what is there.
    pub(crate) fn file(
        &mut self,
        path: &str,
        bytes: impl Into<Vec<u8>>,
        mode: u16,
        (uid, gid): (u32, u32),
    ) -> Result<(), AssembleError> {
        let path = self.path(path)?;
        let attrs = Attrs { uid, gid, ..self.attrs(mode) };
        self.put(&path, Kind::File(Blob::inline(bytes.into())), attrs)
    }

    /// Makes a link in place of what is there.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<(), AssembleError> {
        let path = self.path(path)?;
        let attrs = self.attrs(0o777);
        self.put(&path, Kind::Symlink(target.as_bytes().into()), attrs)
    }

    /// Makes sure of a directory; what is given is set on one that is there too.
    pub(crate) fn directory(
        &mut self,
        path: &str,
        mode: Option<u16>,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Result<(), AssembleError> {
        let mut path = self.path(path)?;
        if matches!(self.tree.get(&path).map(|inode| &inode.kind), Some(Kind::Symlink(_))) {
            path = self.tree.resolve(&path).map_err(|error| self.refused(error))?;
        }
        let usual = self.attrs(0o755);
        match self.tree.get_mut(&path) {
            None => {
                let attrs = Attrs {
                    mode: mode.unwrap_or(0o755),
                    uid: uid.unwrap_or(0),
                    gid: gid.unwrap_or(0),
                    ..usual
                };
                self.put(&path, Kind::Directory(BTreeMap::new()), attrs)
            }
            Some(inode) if matches!(inode.kind, Kind::Directory(_)) => {
                inode.attrs.mode = mode.unwrap_or(inode.attrs.mode);
                inode.attrs.uid = uid.unwrap_or(inode.attrs.uid);
                inode.attrs.gid = gid.unwrap_or(inode.attrs.gid);
                Ok(())
            }
            Some(_) => Err(self.problem(&path.to_string(), "something else is where a folder should be")),
        }
    }

    /// The text of a file, links followed; `None` where there is none.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>, AssembleError> {
        match self.tree.find(path).map(|inode| &inode.kind) {
            Some(Kind::File(blob)) => self.blob_text(path, blob).map(Some),
            _ => Ok(None),
        }
    }

    /// The text of a file.
    pub(crate) fn blob_text(&self, path: &str, blob: &Blob) -> Result<String, AssembleError> {
        let read = blob.read(self.contents, READ_MAX);
        let bytes = read.map_err(|source| AssembleError::Read { path: path.to_owned(), source })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
