use crate::{Attrs, BadPath, Inode, InodeId, Kind, Origin, OriginId, TreePath, Xattrs};
use std::collections::BTreeMap;

/// A file tree with provenance. Inodes stand in a table and directories hold their numbers, so hard links need
/// no reference counting, and a file's bytes are only pointed at ([`crate::Blob`]).
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) inodes: Vec<Inode>,
    origins: Vec<Origin>,
    origin_ids: BTreeMap<Origin, OriginId>,
}

/// Why an edit of a tree was refused; nothing was changed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// The path exists already.
    #[error("{path} exists already: a {kind} from {origin}")]
    Exists {
        /// The path.
        path: TreePath,
        /// What is there.
        kind: &'static str,
        /// Who put it there.
        origin: Origin,
    },
    /// The parent does not exist.
    #[error("{0}: its parent directory does not exist")]
    NoParent(TreePath),
    /// Something on the way is not a directory.
    #[error("{path}: {at} is a {kind} from {origin}, not a directory")]
    NotADirectory {
        /// The path asked for.
        path: TreePath,
        /// The offending part of it.
        at: TreePath,
        /// What is there.
        kind: &'static str,
        /// Who put it there.
        origin: Origin,
    },
    /// No such path.
    #[error("{0} does not exist")]
    NotFound(TreePath),
    /// A second name for a directory.
    #[error("{0} is a directory: directories cannot be hard-linked")]
    DirectoryLink(TreePath),
    /// Symbolic links lead in a circle (more than 40 followed).
    #[error("{0}: too many levels of symbolic links")]
    Loop(TreePath),
    /// A bad path, usually inside a symbolic link.
    #[error(transparent)]
    Path(#[from] BadPath),
}

const ROOT: InodeId = InodeId(0);

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// A tree that holds only its root directory: 0755, root:root, at the epoch.
    #[must_use]
    pub fn new() -> Self {
        let nobody = OriginId(0);
        let root = Inode {
            kind: Kind::Directory(BTreeMap::new()),
            attrs: Attrs::root(0o755),
            xattrs: Xattrs::new(),
            origin: nobody,
        };
        Self {
            inodes: vec![root],
            origins: vec![Origin::Nobody],
            origin_ids: BTreeMap::from([(Origin::Nobody, nobody)]),
        }
    }

    /// The id of `origin` in this tree, made when new.
    pub fn origin(&mut self, origin: Origin) -> OriginId {
        if let Some(id) = self.origin_ids.get(&origin) {
            return *id;
        }
        let id = OriginId(u32::try_from(self.origins.len()).expect("invariant: fewer than 2^32 origins"));
        self.origins.push(origin.clone());
        self.origin_ids.insert(origin, id);
        id
    }

    /// The origin behind an id of this tree.
    #[must_use]
    pub fn origin_of(&self, id: OriginId) -> &Origin {
        &self.origins[id.0 as usize]
    }

    /// The inode behind an id of this tree.
    #[must_use]
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.index()]
    }

    /// The inode behind an id of this tree, to edit. Do not turn a directory into something else this way.
    pub fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id.index()]
    }

    /// The id of the root directory.
    #[must_use]
    pub fn root(&self) -> InodeId {
        ROOT
    }

    /// Size of the inode table: ids are below it. Removed inodes keep their number.
    #[must_use]
    pub fn table_len(&self) -> usize {
        self.inodes.len()
    }

    /// The id at exactly `path`; symbolic links are not followed.
    #[must_use]
    pub fn lookup(&self, path: &TreePath) -> Option<InodeId> {
        path.components().try_fold(ROOT, |at, name| match &self.inode(at).kind {
            Kind::Directory(names) => names.get(name).copied(),
            _ => None,
        })
    }

    /// The inode at exactly `path`; symbolic links are not followed.
    #[must_use]
    pub fn get(&self, path: &TreePath) -> Option<&Inode> {
        self.lookup(path).map(|id| self.inode(id))
    }

    /// The inode at exactly `path`, to edit.
    pub fn get_mut(&mut self, path: &TreePath) -> Option<&mut Inode> {
        self.lookup(path).map(|id| self.inode_mut(id))
    }

    /// The inode at `text` with every symbolic link followed inside the tree, last one included;
    /// `None` where anything is missing or not well-formed. For questions like "is there /bin/sh".
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&Inode> {
        let path = self.resolve(&TreePath::new(text).ok()?).ok()?;
        self.get(&path)
    }

    /// The path that `path` stands for once every symbolic link on it, the last name included, is followed inside
    /// the tree. The last name (after following) need not exist; every directory before it must.
    ///
    /// # Errors
    /// [`TreeError::NoParent`], [`TreeError::NotADirectory`], [`TreeError::Loop`], [`TreeError::Path`].
    pub fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        self.follow(path, true)
    }

    /// As [`Tree::resolve`], but a symbolic link in the last place is not followed: where a new file goes in a
    /// merged-`/usr` tree (`/bin/x` gives `/usr/bin/x`).
    ///
    /// # Errors
    /// As [`Tree::resolve`].
    pub fn resolve_parent(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        self.follow(path, false)
    }

    fn follow(&self, path: &TreePath, last: bool) -> Result<TreePath, TreeError> {
        // Names still to walk, last first. `..` can only come from a link's target and is kept as such.
        let mut todo: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
        let mut at: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        let joined = |names: &[Vec<u8>]| TreePath::new(names.join(&b'/'));
        while let Some(name) = todo.pop() {
            if name == b".." {
                at.pop();
                continue;
            }
            at.push(name);
            let here = joined(&at)?;
            let Some(inode) = self.get(&here) else {
                if todo.is_empty() {
                    return Ok(here);
                }
                return Err(TreeError::NoParent(path.clone()));
            };
            match &inode.kind {
                Kind::Symlink(target) if last || !todo.is_empty() => {
                    links += 1;
                    if links > 40 {
                        return Err(TreeError::Loop(path.clone()));
                    }
                    at.pop();
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    let names = target.split(|b| *b == b'/').filter(|n| !n.is_empty() && *n != b".");
                    todo.extend(names.rev().map(<[u8]>::to_vec));
                }
                Kind::Directory(_) => {}
                _ if todo.is_empty() => {}
                _ => return Err(self.not_a_directory(path, here)),
            }
        }
        Ok(joined(&at)?)
    }

    fn not_a_directory(&self, path: &TreePath, at: TreePath) -> TreeError {
        let (kind, origin) = self.get(&at).map_or(("missing path", Origin::Nobody), |inode| {
            (inode.kind.noun(), self.origin_of(inode.origin).clone())
        });
        TreeError::NotADirectory { path: path.clone(), at, kind, origin }
    }

    /// Adds an inode at exactly `path`. The parent must be there and be a directory (see [`Tree::ensure_directory`]).
    ///
    /// # Errors
    /// [`TreeError::Exists`], [`TreeError::NoParent`], [`TreeError::NotADirectory`].
    pub fn insert(&mut self, path: &TreePath, inode: Inode) -> Result<InodeId, TreeError> {
        self.free_place(path)?;
        let id = InodeId(u32::try_from(self.inodes.len()).expect("invariant: fewer than 2^32 inodes"));
        self.inodes.push(inode);
        self.enter(path, id);
        Ok(id)
    }

    /// Adds an inode built from parts; shorthand for [`Tree::insert`].
    ///
    /// # Errors
    /// As [`Tree::insert`].
    pub fn add(
        &mut self,
        path: &TreePath,
        kind: Kind,
        attrs: Attrs,
        origin: OriginId,
    ) -> Result<InodeId, TreeError> {
        self.insert(path, Inode { kind, attrs, xattrs: Xattrs::new(), origin })
    }

    /// Gives the inode `id` (not a directory) a further name.
    ///
    /// # Errors
    /// As [`Tree::insert`], and [`TreeError::DirectoryLink`].
    pub fn link(&mut self, path: &TreePath, id: InodeId) -> Result<(), TreeError> {
        if matches!(self.inode(id).kind, Kind::Directory(_)) {
            return Err(TreeError::DirectoryLink(path.clone()));
        }
        self.free_place(path)?;
        self.enter(path, id);
        Ok(())
    }

    /// Makes sure a directory is at exactly `path`, creating missing ones on the way with `attrs` and `origin`.
    /// An existing directory is left as it is.
    ///
    /// # Errors
    /// [`TreeError::NotADirectory`] (symbolic links are not followed: resolve first).
    pub fn ensure_directory(
        &mut self,
        path: &TreePath,
        attrs: Attrs,
        origin: OriginId,
    ) -> Result<InodeId, TreeError> {
        let mut at = TreePath::root();
        let mut id = ROOT;
        for name in path.components() {
            at = at.join(name)?;
            id = match self.lookup(&at) {
                Some(found) if matches!(self.inode(found).kind, Kind::Directory(_)) => found,
                Some(_) => return Err(self.not_a_directory(path, at)),
                None => self.add(&at, Kind::Directory(BTreeMap::new()), attrs, origin)?,
            };
        }
        Ok(id)
    }

    /// Takes the name `path` (and, for a directory, everything below it) out of the tree; other hard links stay.
    ///
    /// # Errors
    /// [`TreeError::NotFound`]; the root cannot be removed.
    pub fn remove(&mut self, path: &TreePath) -> Result<InodeId, TreeError> {
        let missing = || TreeError::NotFound(path.clone());
        let (parent, name) = path.parent().zip(path.name()).ok_or_else(missing)?;
        let parent = self.lookup(&parent).ok_or_else(missing)?;
        match &mut self.inode_mut(parent).kind {
            Kind::Directory(names) => names.remove(name).ok_or_else(missing),
            _ => Err(missing()),
        }
    }

    /// Takes every extended attribute away.
    pub fn forget_xattrs(&mut self) {
        self.inodes.iter_mut().for_each(|inode| inode.xattrs.clear());
    }

    fn free_place(&self, path: &TreePath) -> Result<(), TreeError> {
        if let Some(there) = self.get(path) {
            let origin = self.origin_of(there.origin).clone();
            return Err(TreeError::Exists { path: path.clone(), kind: there.kind.noun(), origin });
        }
        let parent = path.parent().ok_or_else(|| TreeError::NoParent(path.clone()))?;
        match self.get(&parent).map(|inode| &inode.kind) {
            Some(Kind::Directory(_)) => Ok(()),
            Some(_) => Err(self.not_a_directory(path, parent)),
            None => Err(TreeError::NoParent(path.clone())),
        }
    }

    fn enter(&mut self, path: &TreePath, id: InodeId) {
        let (parent, name) = path.parent().zip(path.name()).expect("invariant: free_place refused the root");
        let parent = self.lookup(&parent).expect("invariant: free_place found the parent");
        if let Kind::Directory(names) = &mut self.inode_mut(parent).kind {
            names.insert(name.into(), id);
        }
    }
}
