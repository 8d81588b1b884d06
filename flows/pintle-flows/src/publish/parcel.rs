//! What is published: the paths of a closure, or those made of a system of packages.

use super::PushError;
use crate::build::{self, Event, Request};
use crate::closure::{Places, Supplied, infos, locate, pin, supply, tree_of};
use crate::pin::PinError;
use crate::supply::Supply;
use pintle_closure::{Stored, complete};
use pintle_model::{Nix, Tree, TreePath};
use pintle_nix::{PathInfo, StorePath};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What to publish.
pub enum Subject<'a> {
    /// A closure.
    Closure(&'a Nix),
    /// The system of a definition: what a build of it has for a root, without what only a disk needs. Outputs and
    /// reports of the request are not looked at.
    Definition(&'a Request<'a>),
}

/// What was found or made.
pub(super) enum Contents {
    /// A closure, and where its paths may be had.
    Closure {
        /// Its toplevel.
        toplevel: StorePath,
        /// What is known of its paths.
        all: BTreeMap<StorePath, PathInfo>,
        /// Where they are, unless they are supplied already.
        from: Source,
    },
    /// A tree as two paths.
    Tree(Box<Stored>),
}

/// Where the paths of a closure are.
pub(super) enum Source {
    /// To be had when they are needed.
    Places(Box<Places>),
    /// Had.
    Supplied(Vec<Supplied>),
}

/// A path to be written.
pub(super) struct Parcel<'a> {
    pub(super) info: &'a PathInfo,
    files: Files<'a>,
}

enum Files<'a> {
    Supplied(Box<Supplied>),
    Tree(&'a Tree, &'a TreePath),
}

/// Finds or makes what `subject` is.
pub(super) fn contents(
    subject: &Subject<'_>,
    outside: &Supply<'_>,
    tell: &mut dyn FnMut(Event),
) -> Result<Contents, PushError> {
    match subject {
        Subject::Closure(nix) => {
            let folder = Path::new(".");
            let located = locate(&nix.system, folder)?;
            let places = Places::open(nix, folder, located.root.as_deref())?;
            let (toplevel, all) = infos(&pin(&located.toplevel, &places, outside)?)?;
            Ok(Contents::Closure { toplevel, all, from: Source::Places(Box::new(places)) })
        }
        Subject::Definition(request) => match build::publishable(request, outside, tell)? {
            build::Publishable::Closure { locked, paths } => {
                let (toplevel, all) = infos(&locked)?;
                Ok(Contents::Closure { toplevel, all, from: Source::Supplied(paths) })
            }
            build::Publishable::Tree(tree) => {
                let system = request.definition.system();
                let name = format!("{}-{}", system.name, system.version);
                let stored = pintle_closure::store(&tree, &name, outside.store)?;
                tell(Event::Note(format!("only in {}: {}", stored.listing.info.path, stored.aside)));
                Ok(Contents::Tree(Box::new(stored)))
            }
        },
    }
}

impl Contents {
    /// All paths, each after those that it refers to.
    pub(super) fn infos(&self) -> Result<Vec<&PathInfo>, PushError> {
        match self {
            Self::Closure { toplevel, all, .. } => Ok(complete(toplevel, all)?),
            Self::Tree(stored) => Ok(vec![&stored.tree.info, &stored.listing.info]),
        }
    }

    /// What was asked for.
    pub(super) fn paths(&self) -> Vec<String> {
        match self {
            Self::Closure { toplevel, .. } => vec![toplevel.to_string()],
            Self::Tree(stored) => {
                [&stored.tree, &stored.listing].map(|path| path.info.path.to_string()).into()
            }
        }
    }

    /// `wanted` with their files, in their order.
    pub(super) fn parcels<'a>(
        &'a self,
        wanted: Vec<&'a PathInfo>,
        outside: &Supply<'_>,
    ) -> Result<Vec<Parcel<'a>>, PushError> {
        let supplied = match self {
            Self::Closure { from: Source::Places(places), .. } => supply(wanted.clone(), places, outside)?,
            Self::Closure { from: Source::Supplied(paths), .. } => {
                let names: BTreeSet<&StorePath> = wanted.iter().map(|info| &info.path).collect();
                paths.iter().filter(|path| names.contains(&path.info.path)).cloned().collect()
            }
            Self::Tree(stored) => {
                let both = [&stored.tree, &stored.listing];
                let wanted = wanted.into_iter().filter_map(|info| {
                    let path = both.iter().find(|path| path.info.path == info.path)?;
                    Some(Parcel { info, files: Files::Tree(&path.files, &path.root) })
                });
                return Ok(wanted.collect());
            }
        };
        let mut supplied: BTreeMap<StorePath, Supplied> =
            supplied.into_iter().map(|path| (path.info.path.clone(), path)).collect();
        let parcel = |info: &'a PathInfo| {
            let path = supplied.remove(&info.path)?;
            Some(Parcel { info, files: Files::Supplied(Box::new(path)) })
        };
        Ok(wanted.into_iter().filter_map(parcel).collect())
    }
}

impl Parcel<'_> {
    /// Its files, and where in them it is.
    pub(super) fn files(&self) -> Result<(Cow<'_, TreePath>, Cow<'_, Tree>), PushError> {
        match &self.files {
            Files::Tree(files, root) => Ok((Cow::Borrowed(root), Cow::Borrowed(files))),
            Files::Supplied(path) => {
                let (tree, root) = tree_of(self.info, path.files())?;
                Ok((Cow::Owned(root), Cow::Owned(tree)))
            }
        }
    }
}

impl From<PinError> for PushError {
    fn from(error: PinError) -> Self {
        build::BuildError::from(error).into()
    }
}
