//! The root of a system: made of packages, or a closure as it is. What comes after it does not know which.

use super::agent::{Agent, Embedded};
use super::{BuildError, copies};
use crate::closure::{Had, add_secrets};
use crate::definition::Definition;
use crate::supply::Supply;
use crate::unpack::Unpacked;
use pintle_assemble::stateless::{Stateless, split};
use pintle_assemble::{AssembleError, AssembleErrors, Input, Recipes, Report, assemble};
use pintle_closure::{Entry, Part};
use pintle_image::Mounting;
use pintle_model::{InitrdSecrets, Layout, Lock, Nix, Timestamp, Tree, TreePath};

/// What a root is made of.
pub(super) struct Given<'a> {
    pub(super) definition: &'a Definition,
    pub(super) lock: &'a Lock,
    pub(super) packages: &'a [Unpacked],
    pub(super) recipes: &'a Recipes,
    /// The agent, where the system has one.
    pub(super) agent: Option<&'a Agent>,
    pub(super) epoch: Timestamp,
}

/// A root, and how it starts.
pub(super) struct Root {
    pub(super) tree: Tree,
    pub(super) report: Report,
    /// Titles of the entries whose initrd holds secrets of this machine.
    pub(super) secrets: Vec<String>,
    /// The agent in it.
    pub(super) agent: Option<Embedded>,
    /// Its boot entries, where it says itself which they are; else they follow from its kernels.
    pub(super) entries: Option<Vec<Entry>>,
    pub(super) mounting: Mounting,
    /// It, split, where only its `/usr` is on the disk.
    pub(super) stateless: Option<Stateless>,
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
        agent: given.agent.map(Agent::files),
    })?;
    let stateless = match system.image.layout {
        Layout::Plain => None,
        Layout::Verified => Some(split(&assembled.tree, given.epoch).map_err(|source| {
            let by = "the layout `verified`".to_owned();
            AssembleErrors(vec![AssembleError::Tree { by, source }])
        })?),
    };
    Ok(Root {
        tree: assembled.tree,
        report: assembled.report,
        stateless,
        secrets: Vec::new(),
        agent: given.agent.map(|agent| agent.embedded.clone()),
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
    closure: &Had,
    epoch: Timestamp,
    supply: &Supply<'_>,
) -> Result<Root, BuildError> {
    let parts = closure.paths.iter().map(|path| Part { info: &path.info, files: path.files() });
    let mut assembled = pintle_closure::assemble(&pintle_closure::Input {
        toplevel: &closure.toplevel,
        parts: parts.collect(),
        contents: supply.store,
        epoch,
        secrets: nix.initrd_secrets,
    })
    .map_err(crate::closure::ClosureError::from)
    .map_err(crate::pin::PinError::from)?;
    // Programs of it run.
    if nix.initrd_secrets == InitrdSecrets::Run {
        closure.compare(supply).map_err(crate::pin::PinError::from)?;
    }
    let secrets = add_secrets(&mut assembled, &closure.root, epoch, supply);
    let secrets = secrets.map_err(crate::pin::PinError::from)?;
    let said = |title: &String| {
        format!(
            "{title} has secrets of this machine in its initrd: whoever has the image has them, and another machine builds \
             another image"
        )
    };
    let warnings = assembled.warnings.into_iter().chain(secrets.iter().map(said)).collect();
    Ok(Root {
        tree: assembled.tree,
        stateless: None,
        report: Report { warnings, ..Report::default() },
        secrets,
        agent: None,
        entries: Some(assembled.entries),
        mounting: Mounting::ByLabel(nix.root_label().to_owned()),
        modules: assembled.modules,
    })
}
