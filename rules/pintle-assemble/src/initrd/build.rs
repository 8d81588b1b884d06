use super::needs::Need;
use super::{InitrdError, InitrdOptions, literal};
use crate::generate::place::attrs;
use pintle_model::{Attrs, Blob, Contents, Inode, Kind, Origin, Tree, TreeError, TreePath};
use std::collections::BTreeMap;

/// Files over this are programs or data that nothing here reads as text.
const TEXT_MAX: u64 = 1 << 20;

/// The initrd while it is put together from files of the system.
pub(super) struct Build<'a> {
    pub(super) system: &'a Tree,
    pub(super) contents: &'a dyn Contents,
    pub(super) options: &'a InitrdOptions,
    pub(super) tree: Tree,
    /// Regular files copied and not yet looked at for what they need themselves.
    pub(super) fresh: Vec<TreePath>,
}

impl<'a> Build<'a> {
    pub(super) fn new(system: &'a Tree, contents: &'a dyn Contents, options: &'a InitrdOptions) -> Self {
        Self { system, contents, options, tree: Tree::new(), fresh: Vec::new() }
    }

    pub(super) fn finish(self) -> Tree {
        self.tree
    }

    /// Copies what `need` names.
    pub(super) fn require(&mut self, need: &Need) -> Result<(), InitrdError> {
        self.require_at(literal(need.name), need)
    }

    /// Copies what `need` names below the libraries of the architecture.
    pub(super) fn require_library(&mut self, need: &Need) -> Result<(), InitrdError> {
        self.require_at(literal(&format!("usr/lib/{}/{}", self.options.arch.multiarch(), need.name)), need)
    }

    fn require_at(&mut self, path: TreePath, need: &Need) -> Result<(), InitrdError> {
        if self.copy(&path)? {
            return Ok(());
        }
        Err(InitrdError::Missing { path, why: need.why, package: need.package })
    }

    /// Copies the file at `path`, each symbolic link on the way to it included; false when the system lacks it.
    pub(super) fn copy(&mut self, path: &TreePath) -> Result<bool, InitrdError> {
        let mut path = path.clone();
        // Links in a chain; a circle ends with the limit of `Tree::resolve`.
        loop {
            path = match self.system.resolve_parent(&path) {
                Ok(path) => path,
                Err(TreeError::NoParent(_) | TreeError::NotADirectory { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let Some(inode) = self.system.get(&path) else { return Ok(false) };
            if self.tree.get(&path).is_some() {
                return Ok(true);
            }
            if let Kind::Symlink(target) = &inode.kind {
                self.system.resolve(&path)?;
                let next = target_of(&path, target)?;
                self.add_inode(&path, inode)?;
                path = next;
                continue;
            }
            if matches!(inode.kind, Kind::File(_)) {
                self.add_inode(&path, inode)?;
                self.fresh.push(path);
            } else {
                self.directory(&path)?;
            }
            return Ok(true);
        }
    }

    /// Copies the directory at `path` and all below it; false when the system lacks it.
    pub(super) fn copy_below(&mut self, path: &TreePath) -> Result<bool, InitrdError> {
        let system = self.system;
        let mut found = false;
        for entry in system.walk_from(path) {
            found = true;
            self.copy(&entry.path)?;
        }
        Ok(found)
    }

    fn add_inode(&mut self, path: &TreePath, inode: &Inode) -> Result<(), InitrdError> {
        if let Some(parent) = path.parent() {
            self.directory(&parent)?;
        }
        let origin = self.tree.origin(self.system.origin_of(inode.origin).clone());
        self.tree.insert(path, Inode { origin, ..inode.clone() })?;
        Ok(())
    }

    /// Makes the directory at `path` as it is in the system.
    pub(super) fn directory(&mut self, path: &TreePath) -> Result<(), InitrdError> {
        if self.tree.lookup(path).is_some() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.directory(&parent)?;
        }
        let (attributes, origin) = self.system.get(path).map_or_else(
            || (attrs(0o755, self.options.epoch), generated()),
            |inode| (inode.attrs, self.system.origin_of(inode.origin).clone()),
        );
        self.add(path, Kind::Directory(BTreeMap::new()), attributes, origin)
    }

    /// Adds a generated file.
    pub(super) fn write(&mut self, path: &TreePath, mode: u16, bytes: Vec<u8>) -> Result<(), InitrdError> {
        if let Some(parent) = path.parent() {
            self.directory(&parent)?;
        }
        self.add(path, Kind::File(Blob::inline(bytes)), attrs(mode, self.options.epoch), generated())
    }

    /// Adds a generated symbolic link.
    pub(super) fn link(&mut self, path: &TreePath, target: &str) -> Result<(), InitrdError> {
        if let Some(parent) = path.parent() {
            self.directory(&parent)?;
        }
        let attributes = attrs(0o777, self.options.epoch);
        self.add(path, Kind::Symlink(target.as_bytes().into()), attributes, generated())
    }

    pub(super) fn add(
        &mut self,
        path: &TreePath,
        kind: Kind,
        attributes: Attrs,
        origin: Origin,
    ) -> Result<(), InitrdError> {
        let origin = self.tree.origin(origin);
        self.tree.add(path, kind, attributes, origin)?;
        Ok(())
    }

    /// The text of the file at `path` of the system, links followed; `None` when it is missing.
    pub(super) fn text(&self, path: &TreePath) -> Result<Option<String>, InitrdError> {
        let Ok(found) = self.system.resolve(path) else { return Ok(None) };
        let Some(Kind::File(blob)) = self.system.get(&found).map(|inode| &inode.kind) else {
            return Ok(None);
        };
        let bytes = blob.read(self.contents, TEXT_MAX);
        let bytes = bytes.map_err(|source| InitrdError::Read { path: path.clone(), source })?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Who puts generated files into an initrd.
pub(super) fn generated() -> Origin {
    Origin::Generated("initrd".to_owned())
}

/// Where a link at `path`, whose directory is no link, points to; `..` above the root stays there.
fn target_of(path: &TreePath, target: &[u8]) -> Result<TreePath, InitrdError> {
    let parent = path.parent().unwrap_or_default();
    let mut names: Vec<&[u8]> =
        if target.starts_with(b"/") { Vec::new() } else { parent.components().collect() };
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    Ok(TreePath::new(names.join(&b'/'))?)
}
