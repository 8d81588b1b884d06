//! All packages' files in one tree, each path with its owner.

use crate::accounts::Accounts;
use crate::error::AssembleError;
use crate::input::Package;
use pintle_model::{
    Attrs, Blob, Inode, Kind, Origin, OriginId, Timestamp, Tree, TreeError, TreePath, Xattrs,
};
use pintle_package::control::deb822::{Dialect, stanzas};
use pintle_package::control::relations::Relations;
use pintle_package::{EntryKind, FileEntry};
use std::collections::BTreeMap;

/// Diverted path, as packages ship it, to its new path and the package whose own file stays.
pub(crate) type Diversions = BTreeMap<Vec<u8>, (TreePath, String)>;

/// Merges the packages. A path that two of them ship is an error, unless one replaces the other (Policy 7.6) or it is
/// diverted; directories are shared, and the first one's mode and owner count, as for dpkg. Returns warnings too.
pub(crate) fn merge(
    packages: &[Package<'_>],
    diversions: &Diversions,
    accounts: &Accounts,
) -> Result<(Tree, Vec<String>), Vec<AssembleError>> {
    let mut merge =
        Merge { packages, diversions, accounts, tree: Tree::new(), errors: Vec::new(), warnings: Vec::new() };
    // The links of merged-/usr (/bin and so on) come first: other packages' paths go through them.
    let (first, rest): (Vec<_>, Vec<_>) = packages.iter().partition(|package| makes_top_links(package));
    for package in first.into_iter().chain(rest) {
        merge.package(package);
    }
    if merge.errors.is_empty() { Ok((merge.tree, merge.warnings)) } else { Err(merge.errors) }
}

fn makes_top_links(package: &Package<'_>) -> bool {
    let top = |entry: &FileEntry| matches!(entry.kind, EntryKind::Symlink(_)) && !entry.path.contains(&b'/');
    package.unpacked.entries.iter().any(top)
}

struct Merge<'a> {
    packages: &'a [Package<'a>],
    diversions: &'a Diversions,
    accounts: &'a Accounts,
    tree: Tree,
    errors: Vec<AssembleError>,
    warnings: Vec<String>,
}

impl Merge<'_> {
    fn package(&mut self, package: &Package<'_>) {
        let locked = package.locked;
        let origin =
            self.tree.origin(Origin::Package { name: locked.name.clone(), version: locked.version.clone() });
        for entry in &package.unpacked.entries {
            if let Err(error) = self.entry(package, entry, origin) {
                self.errors.push(error);
            }
        }
    }

    fn entry(
        &mut self,
        package: &Package<'_>,
        entry: &FileEntry,
        origin: OriginId,
    ) -> Result<(), AssembleError> {
        let refused = |source: TreeError| AssembleError::Place { package: label(package), source };
        let archive = |problem| AssembleError::Archive {
            package: label(package),
            path: format!("/{}", String::from_utf8_lossy(&entry.path)),
            problem,
        };
        let shipped = self.diverted(package, &entry.path).map_err(|error| refused(error.into()))?;
        if shipped.is_root() {
            return Ok(());
        }
        let path = self.place(&shipped, origin).map_err(refused)?;
        let kind = match &entry.kind {
            EntryKind::Directory => return self.directory(package, &path, entry, origin),
            EntryKind::Hardlink(target) => return self.hard_link(package, &path, target),
            EntryKind::File { offset, len, digest } => {
                Kind::File(Blob::at(package.source, *offset, *len).with_digest(*digest))
            }
            EntryKind::Symlink(target) if target.is_empty() => {
                return Err(archive("a link without a target"));
            }
            EntryKind::Symlink(target) => Kind::Symlink(target.as_slice().into()),
            EntryKind::CharDevice { major, minor } => Kind::CharDevice { major: *major, minor: *minor },
            EntryKind::BlockDevice { major, minor } => Kind::BlockDevice { major: *major, minor: *minor },
            EntryKind::Fifo => Kind::Fifo,
        };
        if !self.make_room(package, &path)? {
            return Ok(());
        }
        let xattrs = entry.xattrs.iter().map(|(k, v)| (k.as_slice().into(), v.as_slice().into())).collect();
        let inode = Inode { kind, attrs: self.attrs(entry), xattrs, origin };
        self.tree.insert(&path, inode).map_err(refused)?;
        Ok(())
    }

    /// Where the package's path goes, diversions considered: those name paths as packages ship them.
    fn diverted(&self, package: &Package<'_>, path: &[u8]) -> Result<TreePath, pintle_model::BadPath> {
        match self.diversions.get(path) {
            Some((to, by)) if *by != package.locked.name => Ok(to.clone()),
            _ => TreePath::new(path),
        }
    }

    /// Follows links on the way to the last name; makes folders that no package ships.
    fn place(&mut self, path: &TreePath, origin: OriginId) -> Result<TreePath, TreeError> {
        match self.tree.resolve_parent(path) {
            Ok(there) => Ok(there),
            Err(TreeError::NoParent(_)) => {
                let parent = path.parent().unwrap_or_default();
                let parent = self.place(&parent, origin)?;
                let parent = self.tree.resolve(&parent)?;
                self.tree.ensure_directory(&parent, Attrs::root(0o755), origin)?;
                self.tree.resolve_parent(path)
            }
            Err(error) => Err(error),
        }
    }

    fn attrs(&self, entry: &FileEntry) -> Attrs {
        // Names win over numbers, as for dpkg; Debian's static users have the same numbers everywhere anyway.
        let number =
            |names: &BTreeMap<String, u32>, name: &str, id: u32| names.get(name).copied().unwrap_or(id);
        Attrs {
            mode: entry.mode & 0o7777,
            uid: number(&self.accounts.uids, &entry.uname, entry.uid),
            gid: number(&self.accounts.gids, &entry.gname, entry.gid),
            mtime: Timestamp::from_secs(entry.mtime),
        }
    }

    fn directory(
        &mut self,
        package: &Package<'_>,
        path: &TreePath,
        entry: &FileEntry,
        origin: OriginId,
    ) -> Result<(), AssembleError> {
        let refused = |source| AssembleError::Place { package: label(package), source };
        if let Some(there) = self.tree.get(path) {
            let same = |a: Attrs, b: Attrs| (a.mode, a.uid, a.gid) == (b.mode, b.uid, b.gid);
            return match &there.kind {
                Kind::Directory(_) if same(there.attrs, self.attrs(entry)) => Ok(()),
                Kind::Directory(_) => {
                    let first = self.tree.origin_of(there.origin).clone();
                    let text =
                        format!("{path}: {first} and package {} differ in mode or owner", label(package));
                    self.warnings.push(format!("{text}; those of the first count"));
                    Ok(())
                }
                Kind::Symlink(_) if self.leads_to_folder(path) => Ok(()),
                _ => Err(self.conflict(package, path)),
            };
        }
        let kind = Kind::Directory(BTreeMap::new());
        let inode = Inode { kind, attrs: self.attrs(entry), xattrs: Xattrs::new(), origin };
        self.tree.insert(path, inode).map_err(refused)?;
        Ok(())
    }

    /// A folder of one package may be another's link to a folder, perhaps one that comes later.
    fn leads_to_folder(&self, path: &TreePath) -> bool {
        let target = self.tree.resolve(path).ok();
        target.and_then(|to| self.tree.get(&to)).is_none_or(|to| matches!(to.kind, Kind::Directory(_)))
    }

    fn hard_link(
        &mut self,
        package: &Package<'_>,
        path: &TreePath,
        target: &[u8],
    ) -> Result<(), AssembleError> {
        let refused = |source: TreeError| AssembleError::Place { package: label(package), source };
        let target = self.diverted(package, target).map_err(|error| refused(error.into()))?;
        let target = self.tree.resolve_parent(&target).map_err(refused)?;
        let Some(id) = self.tree.lookup(&target) else {
            return Err(AssembleError::Archive {
                package: label(package),
                path: path.to_string(),
                problem: "a hard link to a file that the archive does not have before it",
            });
        };
        if self.make_room(package, path)? {
            self.tree.link(path, id).map_err(refused)?;
        }
        Ok(())
    }

    /// True when the package's file goes to `path`; false when another package's file replaces it.
    fn make_room(&mut self, package: &Package<'_>, path: &TreePath) -> Result<bool, AssembleError> {
        let Some(there) = self.tree.get(path) else { return Ok(true) };
        let Origin::Package { name, .. } = self.tree.origin_of(there.origin) else { return Ok(true) };
        let other = self.packages.iter().find(|other| other.locked.name == *name);
        let file = !matches!(there.kind, Kind::Directory(_));
        let Some(other) = other.filter(|other| file && other.locked.name != package.locked.name) else {
            return Err(self.conflict(package, path));
        };
        if replaces(package, other) {
            let refused = |source| AssembleError::Place { package: label(package), source };
            self.tree.remove(path).map_err(refused)?;
            return Ok(true);
        }
        if replaces(other, package) { Ok(false) } else { Err(self.conflict(package, path)) }
    }

    fn conflict(&self, package: &Package<'_>, path: &TreePath) -> AssembleError {
        let origin = self.tree.get(path).map(|inode| self.tree.origin_of(inode.origin));
        let first = match origin {
            Some(Origin::Package { name, version }) => format!("{name} {version}"),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        AssembleError::Conflict { path: path.clone(), first, second: label(package) }
    }
}

/// Name and version.
fn label(package: &Package<'_>) -> String {
    format!("{} {}", package.locked.name, package.locked.version)
}

/// True if the `Replaces` field of `package` names `other` in its version.
fn replaces(package: &Package<'_>, other: &Package<'_>) -> bool {
    let text = package.unpacked.control.text("control").unwrap_or_default();
    let limits = pintle_package::control::Limits::default();
    let stanzas = stanzas(text, Dialect::Index, &limits).unwrap_or_default();
    let field = stanzas.first().and_then(|stanza| stanza.get("Replaces"));
    let relations = field.and_then(|field| Relations::new(field.value).ok()).unwrap_or_default();
    relations
        .flat()
        .any(|relation| relation.name == other.locked.name && relation.accepts(Some(&other.locked.version)))
}
