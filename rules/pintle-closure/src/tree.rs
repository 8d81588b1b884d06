//! What stands around the paths of a store.

use crate::ClosureError;
use crate::assemble::Input;
use pintle_model::{Attrs, Blob, Kind, Origin, OriginId, Timestamp, Tree, TreePath};
use pintle_nix::{PathInfo, StorePath, database, registration};

/// Folders that systems expect to be there, though they make what is in them. Beside them nothing of a root is in an
/// image: NixOS makes `/etc` and the rest when it starts.
const FOLDERS: [(&str, u16); 10] = [
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("var", 0o755),
];

/// Group `nixbld` of NixOS, which may add to the store (nixos/modules/misc/ids.nix).
const NIXBLD: u32 = 30_000;

/// Puts things of Pintle's own into the tree.
struct Adding<'a> {
    tree: &'a mut Tree,
    origin: OriginId,
    time: Timestamp,
}

impl Adding<'_> {
    fn attrs(&self, mode: u16) -> Attrs {
        Attrs { mtime: self.time, ..Attrs::root(mode) }
    }

    fn folder(&mut self, path: &str, mode: u16) -> Result<(), ClosureError> {
        let (path, parents, own) = (TreePath::literal(path), self.attrs(0o755), self.attrs(mode));
        if let Some(parent) = path.parent() {
            self.tree.ensure_directory(&parent, parents, self.origin)?;
        }
        let id = self.tree.ensure_directory(&path, own, self.origin)?;
        self.tree.inode_mut(id).attrs = own;
        Ok(())
    }

    fn link(&mut self, path: &str, target: &str) -> Result<(), ClosureError> {
        let attrs = self.attrs(0o777);
        self.tree.add(
            &TreePath::literal(path),
            Kind::Symlink(target.as_bytes().into()),
            attrs,
            self.origin,
        )?;
        Ok(())
    }

    fn file(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), ClosureError> {
        let attrs = self.attrs(0o644);
        self.tree.add(&TreePath::literal(path), Kind::File(Blob::inline(bytes)), attrs, self.origin)?;
        Ok(())
    }
}

/// The whole root: the paths, the profile that leads to the system, and what tells Nix which paths there are.
pub(crate) fn root(input: &Input<'_>) -> Result<Tree, ClosureError> {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Generated("store".to_owned()));
    let mut adding = Adding { tree: &mut tree, origin, time: input.epoch };
    let root = adding.tree.root();
    adding.tree.inode_mut(root).attrs = adding.attrs(0o755);
    for (path, mode) in FOLDERS {
        adding.folder(path, mode)?;
    }
    // As NixOS sets it at each start (stage-2-init.sh), so that nothing is written for it then.
    adding.folder("nix/store", 0o1775)?;
    let store = TreePath::literal("nix/store");
    if let Some(inode) = adding.tree.get_mut(&store) {
        inode.attrs.gid = NIXBLD;
    }
    for part in &input.parts {
        let origin = tree.origin(Origin::StorePath(part.info.path.to_string()));
        part.files.insert(&mut tree, &part.info.path.tree_path()?, origin)?;
    }
    around(&mut Adding { tree: &mut tree, origin, time: input.epoch }, input)?;
    Ok(tree)
}

fn around(adding: &mut Adding<'_>, input: &Input<'_>) -> Result<(), ClosureError> {
    adding.folder("nix/var/nix/profiles", 0o755)?;
    adding.link("nix/var/nix/profiles/system-1-link", &input.toplevel.to_string())?;
    adding.link("nix/var/nix/profiles/system", "system-1-link")?;
    adding.folder("nix/var/nix/gcroots", 0o755)?;
    adding.link("nix/var/nix/gcroots/profiles", "/nix/var/nix/profiles")?;
    let infos = || input.parts.iter().map(|part| part.info);
    // NixOS loads it when it starts and removes it (`boot.postBootCommands` of its images).
    adding.file("nix-path-registration", registration::render(infos()).into_bytes())?;
    if has_nix(adding.tree, input.toplevel) {
        adding.folder("nix/var/nix/db", 0o755)?;
        let all: Vec<PathInfo> = infos().cloned().collect();
        let time = input.epoch.secs.max(0).unsigned_abs();
        let bytes = database::write(&all, time).map_err(ClosureError::Database)?;
        adding.file(database::PATH, bytes)?;
        adding.file(database::SCHEMA_PATH, database::SCHEMA.as_bytes().to_vec())?;
    }
    Ok(())
}

/// Nix is among the programs of the system.
fn has_nix(tree: &Tree, toplevel: &StorePath) -> bool {
    tree.find(&format!("{toplevel}/sw/bin/nix-store")).is_some()
}
