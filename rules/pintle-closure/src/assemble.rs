use crate::entries::{Entry, all_entries};
use crate::{ClosureError, tree};
use pintle_model::{Contents, InitrdSecrets, SourceId, Timestamp, Tree, TreePath};
use pintle_nix::nar::UnpackedNar;
use pintle_nix::{PathInfo, StorePath};

/// One store path, ready to be read.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// What is known of it.
    pub info: &'a PathInfo,
    /// Its names and attributes.
    pub unpacked: &'a UnpackedNar,
    /// The pack with its bytes.
    pub source: SourceId,
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
