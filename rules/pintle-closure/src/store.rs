//! Any tree as paths of a store, named for their content: what `nix-store --add` makes of a folder, without a folder
//! and without Nix.
//!
//! An archive of Nix holds names, bytes, links and whether a file is a program. A tree of Debian packages has more to
//! it: owners, modes, times, extended attributes, devices, files with several names. So it becomes two paths: the tree
//! itself, and a listing of everything about it (mtree(5)), which refers to the tree. Whoever has the listing has both,
//! and `bsdtar` makes an archive of them with all attributes that mtree(5) has a keyword for; extended attributes are
//! in comments, and names of one file have one number (`inode`).

use crate::ClosureError;
use pintle_model::{Attrs, Blob, Contents, Inode, Kind, Origin, Tree, TreePath};
use pintle_nix::content_address::source_path;
use pintle_nix::{ContentAddress, PathInfo, References, StoreDir, StorePath, nar};
use pintle_package::mtree;
use std::collections::BTreeSet;
use std::fmt;

/// A tree as paths of a store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The tree, as far as an archive of Nix can hold it.
    pub tree: StoredPath,
    /// The listing of all of it, which refers to the tree.
    pub listing: StoredPath,
    /// What only the listing holds.
    pub aside: Aside,
}

/// A path, and what is in it.
#[derive(Clone, Debug)]
pub struct StoredPath {
    /// Its name, archive and references.
    pub info: PathInfo,
    /// Holds its files.
    pub files: Tree,
    /// Where in [`StoredPath::files`] it is.
    pub root: TreePath,
}

/// What of a tree is in its listing only, beside owners, modes and times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aside {
    /// Devices, pipes and sockets, with what they are.
    pub special: Vec<(TreePath, &'static str)>,
    /// Programs that run as their owner or group (set-user-ID, set-group-ID).
    pub set_id: Vec<TreePath>,
    /// Files and directories with extended attributes.
    pub xattrs: Vec<TreePath>,
    /// Further names of files: in the tree each is a file of its own.
    pub links: Vec<TreePath>,
}

/// Ends the name of the listing.
const LISTING: &str = ".mtree";

/// Makes `tree` the paths `NAME` and `NAME.mtree` of the default store. The same tree and name give the same paths.
///
/// # Errors
/// [`ClosureError::Name`] for a name that no store path can have, [`ClosureError::Pack`], [`ClosureError::Listing`].
pub fn store(tree: &Tree, name: &str, contents: &dyn Contents) -> Result<Stored, ClosureError> {
    let (files, aside) = plain(tree)?;
    let tree_path = path(name, files, TreePath::root(), BTreeSet::new(), contents)?;
    let unlisted = |source| ClosureError::Listing { name: name.to_owned(), source };
    let text = mtree::listing(tree, contents).map_err(unlisted)?;
    // Mentioned, so that the reference is one for everybody who looks for references.
    let text = text.replacen('\n', &format!("\n# of {}\n", tree_path.info.path), 1);
    let (mut files, root) = (Tree::new(), TreePath::literal("listing"));
    let origin = files.origin(Origin::Generated("listing".to_owned()));
    files.add(&root, Kind::File(Blob::inline(text.into_bytes())), Attrs::root(0o444), origin)?;
    let references = BTreeSet::from([tree_path.info.path.clone()]);
    let listing = path(&format!("{name}{LISTING}"), files, root, references, contents)?;
    Ok(Stored { tree: tree_path, listing, aside })
}

fn path(
    name: &str,
    files: Tree,
    root: TreePath,
    others: BTreeSet<StorePath>,
    contents: &dyn Contents,
) -> Result<StoredPath, ClosureError> {
    let hashed = nar::hash(&files, &root, contents)
        .map_err(|source| ClosureError::Pack { path: name.to_owned(), source })?;
    let references = References { others: others.clone(), itself: false };
    let path = source_path(&StoreDir::default(), name, hashed.digest(), &references)
        .map_err(|source| ClosureError::Name { name: name.to_owned(), source })?;
    let info = PathInfo {
        references: others,
        content_address: Some(ContentAddress::Nar(hashed.digest())),
        ..PathInfo::new(path, hashed.digest(), hashed.len())
    };
    Ok(StoredPath { info, files, root })
}

/// The tree without what an archive cannot hold, and what that is.
fn plain(tree: &Tree) -> Result<(Tree, Aside), ClosureError> {
    let (mut plain, mut aside) = (tree.clone(), Aside::default());
    let mut seen = vec![false; tree.table_len()];
    for entry in tree.walk() {
        let (path, inode) = (entry.path, entry.inode);
        let again = std::mem::replace(&mut seen[entry.id.index()], true);
        if !matches!(inode.kind, Kind::Directory(_) | Kind::File(_) | Kind::Symlink(_)) {
            plain.remove(&path)?;
            aside.special.push((path, inode.kind.noun()));
            continue;
        }
        if again {
            aside.links.push(path);
            continue;
        }
        if !inode.xattrs.is_empty() {
            aside.xattrs.push(path.clone());
        }
        if is_set_id(inode) {
            aside.set_id.push(path);
        }
        let inode = plain.inode_mut(entry.id);
        inode.xattrs.clear();
        inode.attrs.mode &= 0o1777;
    }
    Ok((plain, aside))
}

fn is_set_id(inode: &Inode) -> bool {
    matches!(inode.kind, Kind::File(_)) && inode.attrs.mode & 0o6000 != 0
}

/// In words, for people.
impl fmt::Display for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("owners, modes and times")?;
        let special = |(path, noun): &(TreePath, &str)| format!("{path} ({noun})");
        let special: Vec<String> = self.special.iter().map(special).collect();
        let named = |paths: &[TreePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (what, paths) in [
            ("devices, pipes and sockets", special),
            ("set-user-ID and set-group-ID of programs", named(&self.set_id)),
            ("extended attributes", named(&self.xattrs)),
            ("which names are one file", named(&self.links)),
        ] {
            let Some(first) = paths.first() else { continue };
            match paths.len() - 1 {
                0 => write!(f, "; {what}: {first}")?,
                more => write!(f, "; {what}: {first} and {more} more")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_model::NoContents;

    fn sample() -> Tree {
        let mut tree = Tree::new();
        let by = tree.origin(Origin::Nobody);
        tree.ensure_directory(&TreePath::literal("bin"), Attrs { gid: 7, ..Attrs::root(0o2755) }, by)
            .unwrap();
        let mut add = |path: &str, kind: Kind, mode: u16| {
            tree.add(&TreePath::literal(path), kind, Attrs::root(mode), by).unwrap()
        };
        let file = |text: &str| Kind::File(Blob::inline(text.as_bytes()));
        let ping = add("bin/ping", file("#!"), 0o755);
        let perl = add("bin/perl", file("perl"), 0o755);
        add("bin/su", file("su"), 0o4755);
        add("null", Kind::CharDevice { major: 1, minor: 3 }, 0o666);
        add("pipe", Kind::Fifo, 0o600);
        add("sh", Kind::Symlink((*b"bin/sh").into()), 0o777);
        tree.link(&TreePath::literal("bin/perl5"), perl).unwrap();
        tree.inode_mut(ping).xattrs.insert((*b"security.capability").into(), (*b"\x01").into());
        tree
    }

    #[test]
    fn what_no_archive_holds_is_in_the_listing_and_named() {
        let tree = sample();
        let stored = store(&tree, "toy-1", &NoContents).unwrap();
        insta::assert_snapshot!(stored.aside, @"owners, modes and times; devices, pipes and sockets: /null (character device) and 1 more; set-user-ID and set-group-ID of programs: /bin/su; extended attributes: /bin/ping; which names are one file: /bin/perl5");
        let names: Vec<String> = stored.tree.files.walk().map(|entry| entry.path.to_string()).collect();
        assert_eq!(names, ["/", "/bin", "/bin/perl", "/bin/perl5", "/bin/ping", "/bin/su", "/sh"]);
        let listing = stored.listing.files.get(&stored.listing.root).unwrap();
        let Kind::File(blob) = &listing.kind else { panic!("a file") };
        let text = String::from_utf8(blob.read(&NoContents, 1 << 20).unwrap()).unwrap();
        assert!(text.starts_with(&format!("#mtree\n# of {}\n. mode=0755", stored.tree.info.path)), "{text}");
        for line in [
            "./bin mode=2755 uid=0 gid=7 time=0.0 type=dir",
            "./null mode=0666 uid=0 gid=0 time=0.0 type=char device=linux,1,3",
            "./pipe mode=0600 uid=0 gid=0 time=0.0 type=fifo",
            "# xattr ./bin/ping security.capability=\\001",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert_eq!(stored.listing.info.references, BTreeSet::from([stored.tree.info.path.clone()]));
    }

    #[test]
    fn names_follow_from_the_content_and_nobody_has_to_vouch() {
        let tree = sample();
        let stored = store(&tree, "toy-1", &NoContents).unwrap();
        let again = store(&tree, "toy-1", &NoContents).unwrap();
        assert_eq!((&stored.tree.info, &stored.listing.info), (&again.tree.info, &again.listing.info));
        for path in [&stored.tree.info, &stored.listing.info] {
            let nobody = pintle_nix::TrustedKeys::default();
            assert!(nobody.verify(path.clone(), &path.path).is_ok());
        }
        // Only what the listing says is another.
        let mut other = sample();
        other.get_mut(&TreePath::literal("bin/su")).unwrap().attrs.uid = 5;
        let other = store(&other, "toy-1", &NoContents).unwrap();
        assert_eq!(stored.tree.info, other.tree.info);
        assert_ne!(stored.listing.info, other.listing.info);
        insta::assert_snapshot!(store(&tree, "toy 1", &NoContents).unwrap_err(), @"nothing can be published as `toy 1`; change `name` or `version` of the system");
    }
}
