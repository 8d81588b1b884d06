//! The root of a system: made of packages, or a closure as it is. What comes after it does not know which.

use super::{BuildError, copies};
use crate::closure::Supplied;
use crate::definition::Definition;
use crate::supply::Supply;
use crate::unpack::Unpacked;
use pintle_assemble::{Input, Recipes, Report, assemble};
use pintle_closure::{Entry, Part};
use pintle_image::Mounting;
use pintle_model::{Lock, Nix, Timestamp, Tree, TreePath};
use pintle_nix::StorePath;

/// What a root is made of.
pub(super) struct Given<'a> {
    pub(super) definition: &'a Definition,
    pub(super) lock: &'a Lock,
    pub(super) packages: &'a [Unpacked],
    pub(super) recipes: &'a Recipes,
    pub(super) epoch: Timestamp,
}

/// A root, and how it starts.
pub(super) struct Root {
    pub(super) tree: Tree,
    pub(super) report: Report,
    /// Its boot entries, where it says itself which they are; else they follow from its kernels.
    pub(super) entries: Option<Vec<Entry>>,
    pub(super) mounting: Mounting,
    /// Folder with the modules of each kernel, by release.
    pub(super) modules: TreePath,
}

/// Of Debian packages.
///
/// # Errors
/// [`BuildError`].
pub(super) fn of_packages(given: &Given<'_>, supply: &Supply<'_>) -> Result<Root, BuildError> {
    let system = given.definition.system();
    let host_files = copies::read(given.definition, supply.store)?;
    let installed = crate::pin::installed(given.packages);
    let assembled = assemble(&Input {
        system,
        packages: &installed,
        users: &given.lock.users,
        groups: &given.lock.groups,
        contents: supply.store,
        epoch: given.epoch,
        host_files: &host_files,
        recipes: given.recipes,
    })?;
    Ok(Root {
        tree: assembled.tree,
        report: assembled.report,
        entries: None,
        mounting: Mounting::Planned,
        modules: TreePath::literal("usr/lib/modules"),
    })
}

/// Of a closure.
///
/// # Errors
/// [`BuildError`].
pub(super) fn of_closure(
    nix: &Nix,
    toplevel: &StorePath,
    paths: &[Supplied],
    epoch: Timestamp,
    supply: &Supply<'_>,
) -> Result<Root, BuildError> {
    let parts = paths.iter().map(|path| Part { info: &path.info, unpacked: &path.nar, source: path.source });
    let assembled = pintle_closure::assemble(&pintle_closure::Input {
        toplevel,
        parts: parts.collect(),
        contents: supply.store,
        epoch,
        secrets: nix.initrd_secrets,
    })
    .map_err(crate::closure::ClosureError::from)
    .map_err(crate::pin::PinError::from)?;
    Ok(Root {
        tree: assembled.tree,
        report: Report { warnings: assembled.warnings, ..Report::default() },
        entries: Some(assembled.entries),
        mounting: Mounting::ByLabel(nix.root_label().to_owned()),
        modules: assembled.modules,
    })
}
