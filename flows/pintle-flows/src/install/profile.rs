//! Generations of a profile.

use super::error::InstallError;
use pintle_nix::{StoreDir, StorePath};
use pintle_world::rooted::Rooted;
use std::io;
use std::path::Path;

/// What the links of a profile say.
pub(super) struct Profile {
    /// Generations in order, each with where its link leads to.
    pub(super) generations: Vec<(u32, StorePath)>,
    /// The generation that the profile itself leads to.
    pub(super) current: Option<u32>,
    /// Links that lead nowhere, in words.
    pub(super) broken: Vec<String>,
}

/// Reads `NAME`, `NAME-1-link`, … of the profile at `path` of a system; nothing where there is no profile.
pub(super) fn read(system: &Rooted, path: &Path) -> Result<Profile, InstallError> {
    let fail = |source: io::Error| InstallError::Profile { path: path.to_owned(), source };
    let mut profile = Profile { generations: Vec::new(), current: None, broken: Vec::new() };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(profile) };
    let name = name.to_string_lossy();
    let Some(folder) = system.resolve(folder).map_err(fail)? else { return Ok(profile) };
    let number = |link: &str| -> Option<u32> {
        link.strip_prefix(&*name)?.strip_prefix('-')?.strip_suffix("-link")?.parse().ok()
    };
    for link in pintle_world::files::names(&system.host(&folder)).map_err(fail)? {
        let Some(number) = number(&link) else { continue };
        let target = system.resolve(&folder.join(&link)).map_err(fail)?;
        let path =
            target.as_ref().and_then(|target| StoreDir::default().parse(&target.to_string_lossy()).ok());
        match path {
            Some(path) => profile.generations.push((number, path)),
            None => profile
                .broken
                .push(format!("generation {number} gets no entry: {link} leads to no store path")),
        }
    }
    profile.generations.sort();
    let own = pintle_world::files::link_target(&system.host(&folder.join(&*name)));
    profile.current = match own {
        Ok(target) => target.and_then(|target| number(&target.file_name()?.to_string_lossy())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(fail(error)),
    };
    Ok(profile)
}
