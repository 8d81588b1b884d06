//! Why a package is in the lock, from what the locked packages say themselves.

use crate::definition::Definition;
use crate::pin::{PinError, lock_answers, packages, stanza};
use crate::supply::Supply;
use pintle_model::PackageRole;
use pintle_package::control::Limits;
use pintle_package::control::index;
use pintle_resolve::PackageSpec;
use pintle_resolve::why::{Asked, Node, NotThere, Why, why as explain};
use std::path::Path;

/// The answer.
#[derive(Debug)]
pub struct Answer {
    /// One for the package, or for each that provides the name.
    pub whys: Vec<Why>,
    /// The definition has changed since the lock was made.
    pub outdated: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// The lock or its packages.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// It is not there.
    #[error(transparent)]
    NotThere(#[from] NotThere),
}

/// Explains why `name` is in the lock of `definition`.
///
/// # Errors
/// [`WhyError`].
pub fn why(
    definition: &Definition,
    lock_file: &Path,
    name: &str,
    supply: &Supply<'_>,
) -> Result<Answer, WhyError> {
    let (lock, _) = crate::pin::read(lock_file)?.ok_or_else(|| PinError::Missing(lock_file.to_owned()))?;
    let unpacked = packages(definition, &lock, supply)?;
    let text: String = unpacked.iter().map(stanza).collect();
    let records = index::parse(&text, &Limits::default())
        .map_err(|source| PinError::Index { suite: "the lock".to_owned(), source })?;
    let nodes: Vec<Node<'_>> = records
        .iter()
        .zip(&lock.packages)
        .map(|(record, locked)| Node { record, boot: locked.role == PackageRole::Boot })
        .collect();
    let asked = asked(definition)?;
    Ok(Answer { whys: explain(&nodes, &asked, name)?, outdated: !lock_answers(&lock, definition) })
}

fn asked(definition: &Definition) -> Result<Asked, PinError> {
    let system = definition.system();
    let debian = &system.source.debian;
    let mut packages = Vec::new();
    let kernels =
        system.kernel.all_packages().filter(|name| !system.packages.iter().any(|known| known == name));
    for text in system.packages.iter().map(String::as_str).chain(kernels) {
        let spec: PackageSpec = text.parse()?;
        let places = definition.evaluation().map(|evaluation| evaluation.asked_by(text).to_vec());
        packages.push((spec, places.unwrap_or_default()));
    }
    Ok(Asked { packages, recommends: debian.recommends })
}
