use crate::TreePath;
use crate::{Inode, InodeId, Kind, Tree};

/// One name met on a walk.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its path.
    pub path: TreePath,
    /// Its inode's number.
    pub id: InodeId,
    /// Its inode.
    pub inode: &'a Inode,
}

/// Depth-first walk, names in byte order, the root first; hard-linked files come once per name.
pub struct Walk<'a> {
    tree: &'a Tree,
    todo: Vec<(TreePath, InodeId)>,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (path, id) = self.todo.pop()?;
        let inode = self.tree.inode(id);
        if let Kind::Directory(names) = &inode.kind {
            for (name, child) in names.iter().rev() {
                let below = path.join(name).expect("invariant: names in a tree make good paths");
                self.todo.push((below, *child));
            }
        }
        Some(Entry { path, id, inode })
    }
}

impl Tree {
    /// Walks the whole tree.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk { tree: self, todo: vec![(TreePath::root(), self.root())] }
    }

    /// Every inode of the tree once, with its number: in the order of a walk, without the price of its paths.
    pub fn inodes(&self) -> impl Iterator<Item = (InodeId, &Inode)> {
        let mut seen = vec![false; self.table_len()];
        let mut todo = vec![self.root()];
        std::iter::from_fn(move || {
            loop {
                let id = todo.pop()?;
                let inode = self.inode(id);
                if std::mem::replace(&mut seen[id.index()], true) {
                    continue;
                }
                if let Kind::Directory(names) = &inode.kind {
                    todo.extend(names.values().rev());
                }
                return Some((id, inode));
            }
        })
    }

    /// Walks `path` and what lies below it; nothing when it does not exist.
    #[must_use]
    pub fn walk_from(&self, path: &TreePath) -> Walk<'_> {
        let todo = self.lookup(path).map(|id| (path.clone(), id)).into_iter().collect();
        Walk { tree: self, todo }
    }

    /// Names in the directory at exactly `path`, in byte order; nothing when it is not a directory.
    pub fn children(&self, path: &TreePath) -> impl Iterator<Item = (&[u8], InodeId)> {
        let names = match self.get(path).map(|inode| &inode.kind) {
            Some(Kind::Directory(names)) => Some(names),
            _ => None,
        };
        names.into_iter().flatten().map(|(name, id)| (&**name, *id))
    }

    /// How many names lead to each inode, by [`InodeId::index`]; 0 for removed inodes. A directory counts itself
    /// and its subdirectories' `..`, as `st_nlink` does.
    #[must_use]
    pub fn link_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.table_len()];
        counts[self.root().index()] = 1;
        for entry in self.walk() {
            counts[entry.id.index()] += 1;
            if let Kind::Directory(names) = &entry.inode.kind {
                let below = names.values().filter(|id| matches!(self.inode(**id).kind, Kind::Directory(_)));
                counts[entry.id.index()] += below.count() as u32 + u32::from(!entry.path.is_root());
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use crate::{Attrs, Blob, Kind, Origin, Tree, TreeError, TreePath};
    use std::collections::BTreeMap;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Generated("test".into()));
        let dir = |tree: &mut Tree, path: &str| {
            tree.ensure_directory(&TreePath::literal(path), Attrs::root(0o755), by).unwrap()
        };
        dir(&mut tree, "usr/bin");
        dir(&mut tree, "etc");
        tree.add(&TreePath::literal("bin"), Kind::Symlink((*b"usr/bin").into()), Attrs::root(0o777), by)
            .unwrap();
        let sh = TreePath::literal("usr/bin/dash");
        let id = tree.add(&sh, Kind::File(Blob::inline(*b"#!")), Attrs::root(0o755), by).unwrap();
        tree.link(&TreePath::literal("usr/bin/ash"), id).unwrap();
        tree.add(&TreePath::literal("usr/bin/sh"), Kind::Symlink((*b"dash").into()), Attrs::root(0o777), by)
            .unwrap();
        tree
    }

    #[test]
    fn links_are_followed_inside_the_tree() {
        let tree = sample();
        assert_eq!(tree.resolve(&TreePath::literal("bin/sh")).unwrap(), TreePath::literal("usr/bin/dash"));
        assert_eq!(
            tree.resolve_parent(&TreePath::literal("bin/new")).unwrap(),
            TreePath::literal("usr/bin/new")
        );
        assert_eq!(tree.resolve_parent(&TreePath::literal("bin")).unwrap(), TreePath::literal("bin"));
        assert!(tree.find("/bin/sh").is_some() && tree.find("/sbin/sh").is_none());
    }

    #[test]
    fn circles_and_escapes_end() {
        let mut tree = sample();
        let by = tree.origin(Origin::Nobody);
        for (path, target) in [("a", "b"), ("b", "a"), ("up", "../../etc")] {
            tree.add(
                &TreePath::literal(path),
                Kind::Symlink(target.as_bytes().into()),
                Attrs::root(0o777),
                by,
            )
            .unwrap();
        }
        assert!(matches!(tree.resolve(&TreePath::literal("a")), Err(TreeError::Loop(_))));
        assert_eq!(tree.resolve(&TreePath::literal("up")).unwrap(), TreePath::literal("etc"));
    }

    #[test]
    fn edits_are_refused_with_the_owner_named() {
        let mut tree = sample();
        let by = tree.origin(Origin::Nobody);
        let again =
            tree.add(&TreePath::literal("usr/bin/sh"), Kind::Fifo, Attrs::root(0o600), by).unwrap_err();
        assert_eq!(again.to_string(), "/usr/bin/sh exists already: a symbolic link from Pintle (test)");
        let below =
            tree.add(&TreePath::literal("usr/bin/sh/x"), Kind::Fifo, Attrs::root(0o600), by).unwrap_err();
        assert!(matches!(below, TreeError::NotADirectory { .. }), "{below}");
    }

    #[test]
    fn walk_is_sorted_and_counts_links() {
        let mut tree = sample();
        let paths: Vec<_> = tree.walk().map(|entry| entry.path).collect();
        assert!(paths.is_sorted());
        let counts = tree.link_counts();
        assert_eq!(counts[tree.root().index()], 4);
        let dash = tree.lookup(&TreePath::literal("usr/bin/dash")).unwrap();
        assert_eq!(counts[dash.index()], 2);
        tree.remove(&TreePath::literal("usr/bin/dash")).unwrap();
        assert_eq!(tree.link_counts()[dash.index()], 1);
        assert_eq!(
            tree.inode(tree.root()).kind,
            Kind::Directory(BTreeMap::from_iter(
                tree.children(&TreePath::root()).map(|(n, i)| (n.into(), i))
            ))
        );
    }
}
