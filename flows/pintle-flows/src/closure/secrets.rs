//! Secrets of the machine that builds, added to the initrds of a closure by its own programs: the one place where a
//! program of the target runs during a build, and only where its user asked for that by name.

use super::ClosureError;
use crate::supply::Supply;
use pintle_closure::{Assembled, File};
use pintle_model::{Blob, Limit, Timestamp};
use pintle_world::program::run_on;
use pintle_world::scratch::Scratch;
use pintle_world::{atomic, files};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A script of some hundred lines.
const PROGRAM: Limit = Limit::new(64 << 20, "bytes in a program that adds secrets");
/// What UEFI firmware loads in a reasonable time.
const INITRD: Limit = Limit::new(2 << 30, "bytes in an initrd with secrets");
/// It copies some files; a person may have to touch a token for one of them.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs the program of each entry that has one, on a copy of its initrd, and puts that in the place of the initrd. Gives
/// the titles of these entries. `root` is the folder whose `nix/store` holds the programs.
///
/// Bootspec (RFC 0125): `initrdSecrets` is called with the initrd as its only argument, and where it fails no entry may
/// be made.
///
/// # Errors
/// [`ClosureError::NoProgram`], [`ClosureError::OtherProgram`], [`ClosureError::Program`], and those of files.
pub(crate) fn add(
    assembled: &mut Assembled,
    root: &Path,
    time: Timestamp,
    supply: &Supply<'_>,
) -> Result<Vec<String>, ClosureError> {
    let mut titles = Vec::new();
    for entry in &mut assembled.entries {
        if let (Some(program), Some((_, initrd))) = (&entry.secrets, &entry.initrd) {
            let program = there(program, root, supply)?;
            let initrd = with_secrets(&program, initrd, supply)?;
            entry.put_initrd(&mut assembled.tree, initrd, time)?;
            titles.push(entry.title.clone());
        }
    }
    Ok(titles)
}

fn with_secrets(program: &Path, initrd: &Blob, supply: &Supply<'_>) -> Result<Vec<u8>, ClosureError> {
    let failed = |path: &Path, source| ClosureError::Read { path: path.to_owned(), source };
    // In the cache, whose folders are for this user alone, and gone when this is done.
    let scratch = Scratch::new(supply.cache).map_err(|source| failed(supply.cache.root(), source))?;
    let copy = scratch.path().join("initrd");
    let bytes = initrd.read(supply.store, INITRD.max).map_err(|source| failed(&copy, source))?;
    atomic::write(&copy, &bytes).map_err(ClosureError::Initrd)?;
    run_on(program, &copy, scratch.path(), PATIENCE).map_err(ClosureError::Program)?;
    let len = files::len(&copy).map_err(|source| failed(&copy, source))?;
    if !len.is_some_and(|len| INITRD.allows(len)) {
        let source = std::io::Error::other(format!(
            "it must be there and have at most {} {}",
            INITRD.max, INITRD.what
        ));
        return Err(failed(&copy, source));
    }
    Ok(files::read(&copy).map_err(|source| failed(&copy, source))?.unwrap_or_default())
}

/// The program on this machine, once it is known to be the one of the closure.
fn there(
    (named, (path, blob)): &(String, File),
    root: &Path,
    supply: &Supply<'_>,
) -> Result<PathBuf, ClosureError> {
    let host = root.join(path.to_string().trim_start_matches('/'));
    let failed = |source| ClosureError::Read { path: host.clone(), source };
    let Some(found) = files::read(&host).map_err(failed)? else {
        return Err(ClosureError::NoProgram { program: named.clone(), host });
    };
    let expected = blob.read(supply.store, PROGRAM.max).map_err(failed)?;
    if found != expected {
        return Err(ClosureError::OtherProgram { program: named.clone(), host });
    }
    Ok(host)
}
