//! From a definition to its root: what a build, and whoever publishes a system, begin with.

use super::root::{self, Given, Root};
use super::{BuildError, Event, Request, Steps, agent, read_recipes};
use crate::closure::{BootFolders, Had, Supplied};
use crate::pin::{PinError, Pinned, claim, pin};
use crate::supply::Supply;
use crate::unpack::Unpacked;
use pintle_model::{Lock, LockedClosure, Timestamp, Tree};

/// A root, and what it was made of.
pub(super) struct Rooted {
    pub(super) lock: Lock,
    pub(super) text: String,
    pub(super) packages: Vec<Unpacked>,
    /// Its closure, which must be compared with its digests before anything made of it gets its name.
    pub(super) closure: Option<Had>,
    /// Folders with boot loaders, where these do not come from packages.
    pub(super) boot_files: Option<BootFolders>,
    pub(super) epoch: i64,
    pub(super) root: Root,
}

/// Pins and assembles.
///
/// # Errors
/// [`BuildError`].
pub(super) fn rooted(
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
    steps: &mut Steps,
) -> Result<Rooted, BuildError> {
    let system = request.definition.system();
    // Nobody waits for a download to hear that it is not there.
    let agent = agent::read(system, request.agent)?;
    let recipes = read_recipes(&request.definition.folder)?;

    steps.begin("packages", tell, supply)?;
    let Pinned { lock, text, packages, closure, boot_files, change } =
        claim(request.definition, request.lock_file, request.lock_mode, &recipes, supply)?;
    change.into_iter().for_each(|change| tell(Event::Locked(change)));
    let epoch = system.image.epoch.unwrap_or_else(|| crate::pin::snapshot_time(&lock));

    steps.begin("tree", tell, supply)?;
    let time = Timestamp::from_secs(epoch);
    let given = Given {
        definition: request.definition,
        lock: &lock,
        packages: &packages,
        recipes: &recipes,
        agent: agent.as_ref(),
        epoch: time,
    };
    let root = match (&system.source.nix, &closure) {
        (Some(nix), Some(closure)) => match root::of_closure(nix, closure, time, supply) {
            Ok(root) => root,
            Err(error) => {
                // What is not what it should be explains everything else.
                closure.compare(supply).map_err(PinError::from)?;
                return Err(error);
            }
        },
        _ => root::of_packages(&given, supply)?,
    };
    root.report.warnings.iter().for_each(|warning| tell(Event::Note(warning.clone())));
    Ok(Rooted { lock, text, packages, closure, boot_files, epoch, root })
}

/// What of a system can be published.
pub(crate) enum Publishable {
    /// It is a closure.
    Closure {
        /// As locked.
        locked: LockedClosure,
        /// Its paths.
        paths: Vec<Supplied>,
    },
    /// It was made of packages: its root, without what only a disk needs.
    Tree(Box<Tree>),
}

/// What of the system that `build` would make can be published; nothing is written but the lock.
///
/// # Errors
/// [`BuildError`].
pub(crate) fn publishable(
    request: &Request<'_>,
    supply: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<Publishable, BuildError> {
    let mut steps = Steps::default();
    if request.definition.system().source.nix.is_none() {
        let rooted = rooted(request, supply, tell, &mut steps)?;
        return Ok(Publishable::Tree(Box::new(rooted.root.tree)));
    }
    let recipes = read_recipes(&request.definition.folder)?;
    steps.begin("packages", tell, supply)?;
    let pinned = pin(request.definition, request.lock_file, request.lock_mode, &recipes, supply)?;
    pinned.change.into_iter().for_each(|change| tell(Event::Locked(change)));
    let (locked, had) = pinned
        .lock
        .closure
        .zip(pinned.closure)
        .expect("invariant: the lock of a definition with a closure has one, and it was supplied");
    Ok(Publishable::Closure { locked, paths: had.paths })
}
