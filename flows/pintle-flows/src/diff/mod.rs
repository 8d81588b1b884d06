//! Two locks, systems or images side by side.

mod image;
mod side;

use crate::definition::DefinitionError;
use crate::image::{ImageError, RootError};
use crate::pin::PinError;
use image::Image;
use pintle_image::compare::{Differences, Facts, compare, same_size};
use pintle_world::Store;
use side::Side;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

pub use pintle_image::compare::Detail;

/// A side cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Nothing there.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// Something else.
    #[error("{} is neither a definition, a lock, a manifest nor an image", .0.display())]
    Unknown(PathBuf),
    /// An image that cannot be read in place.
    #[error(
        "{} is compressed as a whole and has no {} beside it; unpack it, or compare the manifests",
        path.display(), manifest.display()
    )]
    Compressed {
        /// The image.
        path: PathBuf,
        /// Where its manifest would be.
        manifest: PathBuf,
    },
    /// The definition.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// The lock.
    #[error(transparent)]
    Lock(#[from] PinError),
    /// Of the file system.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Opening an image.
    #[error(transparent)]
    Open(#[from] ImageError),
    /// Within an image: which, and why.
    #[error("cannot read the image {}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<DiffError>,
    },
    /// The partition table.
    #[error("cannot read the partition table")]
    Table(#[source] pintle_disk::gpt::read::ReadError),
    /// No file system in it that could be a root.
    #[error("no partition holds an ext4 or EROFS file system")]
    NoRoot,
    /// The root file system.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The EFI system partition.
    #[error(transparent)]
    Esp(#[from] pintle_fs::vfat::read::ReadError),
}

/// How `a` and `b` differ.
///
/// # Errors
/// [`DiffError`].
pub fn diff(a: &Path, b: &Path, store: &Store) -> Result<Differences, DiffError> {
    let sides = [side::open(a, store)?, side::open(b, store)?];
    let [one, other] = [read(&sides[0], a)?, read(&sides[1], b)?];
    let (mut left, mut right) = (one.facts().clone(), other.facts().clone());
    fit(&mut left, &mut right);
    let content = match (&one, &other) {
        (Opened::Image(one), Opened::Image(other)) => {
            let paths: Vec<&str> = same_size(&left, &right).collect();
            image::differing(one, other, &paths)?
        }
        _ => BTreeSet::new(),
    };
    Ok(compare(&left, &right, &content))
}

enum Opened<'a> {
    Facts(&'a Facts),
    Image(Box<Image<'a>>),
}

impl Opened<'_> {
    fn facts(&self) -> &Facts {
        match self {
            Self::Facts(facts) => facts,
            Self::Image(image) => &image.facts,
        }
    }
}

fn read<'a>(side: &'a Side<'a>, path: &Path) -> Result<Opened<'a>, DiffError> {
    let failed = |source| DiffError::Image { path: path.to_owned(), source: Box::new(source) };
    match side {
        Side::Facts(facts) => Ok(Opened::Facts(facts)),
        Side::Disk(disk) => Ok(Opened::Image(Box::new(image::read(disk).map_err(failed)?))),
    }
}

/// Leaves out what sides of different kinds tell in different ways: an image has all users, a lock only those it gave
/// numbers; packages of the boot chain are not installed.
fn fit(a: &mut Facts, b: &mut Facts) {
    if a.kind == b.kind {
        return;
    }
    for facts in [a, b] {
        (facts.users, facts.groups, facts.sizes) = (None, None, None);
        if let Some(packages) = &mut facts.packages {
            packages.retain(|name, _| !name.ends_with(side::BOOT));
        }
    }
}
