use crate::entries::{Entry, all_entries};
use crate::{ClosureError, tree};
use pintle_model::{Contents, InitrdSecrets, OriginId, SourceId, Timestamp, Tree, TreeError, TreePath};
use pintle_nix::nar::{self, UnpackedNar};
use pintle_nix::{PathInfo, StorePath};

/// One store path, ready to be read.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// What is known of it.
    pub info: &'a PathInfo,
    /// Its files.
    pub files: Files<'a>,
}

/// The files of a store path.
#[derive(Clone, Copy, Debug)]
pub enum Files<'a> {
    /// Unpacked from an archive: names and attributes, and the pack with the bytes.
    Unpacked(&'a UnpackedNar, SourceId),
    /// Read where they are: what is at this place of a tree.
    Tree(&'a Tree, &'a TreePath),
}

impl Files<'_> {
    /// Puts them at `at` of `tree`, as they are in a store.
    ///
    /// # Errors
    /// [`TreeError`].
    pub fn insert(&self, tree: &mut Tree, at: &TreePath, origin: OriginId) -> Result<(), TreeError> {
        match self {
            Self::Unpacked(nar, source) => nar.insert(tree, at, *source, origin),
            Self::Tree(from, root) => nar::insert_tree(from, root, tree, at, origin),
        }
    }
}

/// Everything that a system of a closure is made from.
pub struct Input<'a> {
    /// The system.
    pub toplevel: &'a StorePath,
    /// It and everything it refers to, sorted by path.
    pub parts: Vec<Part<'a>>,
    /// Reads the bytes of the paths.
    pub contents: &'a dyn Contents,
    /// Time of everything made here; what is in the store has the time that Nix gives it.
    pub epoch: Timestamp,
    /// What becomes of secrets for the initrd.
    pub secrets: InitrdSecrets,
}

/// A system, assembled.
#[derive(Debug)]
pub struct Assembled {
    /// Its root.
    pub tree: Tree,
    /// How it starts: itself first, then its specialisations by name.
    pub entries: Vec<Entry>,
    /// Folder with the modules of its kernel, by release.
    pub modules: TreePath,
    /// What deserves a look.
    pub warnings: Vec<String>,
}

impl Assembled {
    /// The entry of the specialisation called `name` (`a`, or `a+b` for one of a specialisation); the system's own for
    /// none. `toplevel` is what the error names.
    ///
    /// # Errors
    /// [`ClosureError::Specialisation`].
    pub fn entry(&self, toplevel: &StorePath, name: Option<&str>) -> Result<&Entry, ClosureError> {
        let wanted = name.unwrap_or_default();
        let found = self.entries.iter().find(|entry| entry.name == wanted);
        found.ok_or_else(|| ClosureError::Specialisation {
            toplevel: toplevel.clone(),
            name: wanted.to_owned(),
            known: self
                .entries
                .iter()
                .map(|entry| entry.name.clone())
                .filter(|name| !name.is_empty())
                .collect(),
        })
    }
}

/// Makes the root of a closure and finds out how it starts.
///
/// # Errors
/// [`ClosureError`].
pub fn assemble(input: &Input<'_>) -> Result<Assembled, ClosureError> {
    let tree = tree::root(input)?;
    let (entries, warnings) = all_entries(&tree, input)?;
    let modules = tree.resolve(&TreePath::new(format!("{}/kernel-modules", input.toplevel))?);
    let modules = modules.unwrap_or_default().join(b"lib/modules")?;
    Ok(Assembled { tree, entries, modules, warnings })
}
