//! A closure, started without a boot loader: kernel and initrd by the emulator, the store as a disk made on the fly.

use crate::closure::{self, ClosureError, Places, locate};
use crate::supply::Supply;
use pintle_closure::Part;
use pintle_fs::ext4;
use pintle_model::{Blob, InitrdSecrets, Nix, Size, Timestamp};
use pintle_world::FileSink;
use pintle_world::atomic::{self, AtomicError};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Which entry of which closure.
#[derive(Clone, Debug)]
pub struct DirectRequest<'a> {
    /// The closure.
    pub nix: &'a Nix,
    /// A specialisation of it.
    pub specialisation: Option<&'a str>,
    /// Further systems whose closures are on its disk, to switch to.
    pub with: &'a [String],
    /// Room on its disk for what the guest writes.
    pub free: Size,
    /// Folder for the files.
    pub scratch: &'a Path,
}

/// What an emulator needs to start a kernel by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    /// The kernel.
    pub kernel: PathBuf,
    /// The initrd.
    pub initrd: Option<PathBuf>,
    /// The kernel's command line.
    pub cmdline: String,
    /// The root file system, without partitions.
    pub disk: PathBuf,
    /// What is started, for people.
    pub title: String,
}

/// A closure cannot be made ready to start.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// The closure.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// Its disk.
    #[error("the disk of the closure cannot be made")]
    FileSystem(#[source] ext4::Error),
    /// A file.
    #[error(transparent)]
    Write(#[from] AtomicError),
}

/// Puts kernel, initrd and disk into the scratch folder.
///
/// # Errors
/// [`DirectError`].
pub fn direct(request: &DirectRequest<'_>, supply: &Supply<'_>) -> Result<Direct, DirectError> {
    let folder = Path::new(".");
    let located = locate(&request.nix.system, folder)?;
    let places = Places::open(request.nix, folder, located.root.as_deref())?;
    let locked = closure::pin(&located.toplevel, &places, supply)?;
    let (toplevel, mut infos) = closure::infos(&locked)?;
    for other in request.with {
        let other = closure::pin(&locate(other, folder)?.toplevel, &places, supply)?;
        infos.extend(closure::infos(&other)?.1);
    }
    let paths = closure::claim(infos.values().collect(), &places, supply)?;
    let parts = paths.iter().map(|path| Part { info: &path.info, files: path.files() });
    let epoch = Timestamp::from_secs(1);
    let input = pintle_closure::Input {
        toplevel: &toplevel,
        parts: parts.collect(),
        contents: supply.store,
        epoch,
        secrets: request.nix.initrd_secrets,
    };
    let mut assembled = match pintle_closure::assemble(&input) {
        Ok(assembled) => assembled,
        Err(error) => {
            // What is not what it should be explains everything else.
            closure::compare(&paths, supply)?;
            return Err(ClosureError::from(error).into());
        }
    };
    if request.nix.initrd_secrets == InitrdSecrets::Run {
        // Programs of it run.
        closure::compare(&paths, supply)?;
    }
    closure::add_secrets(&mut assembled, places.root(), epoch, supply)?;
    let entry = assembled.entry(&toplevel, request.specialisation).map_err(ClosureError::from)?;

    let id = |what: &str| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{toplevel} {what}").as_bytes());
    let mut options = ext4::Options::new(id("root"), id("directory hashes"), epoch);
    options.label = request.nix.root_label().to_owned();
    options.free = request.free.bytes();
    let disk = request.scratch.join("root.raw");
    let file = atomic::File::create(&disk)?;
    std::thread::scope(|scope| -> Result<(), DirectError> {
        // Nothing has a name yet.
        let compared = scope.spawn(|| closure::compare(&paths, supply));
        let mut sink = FileSink::beside(scope, file.as_file(), supply.store, supply.threads);
        let summary = ext4::write(&assembled.tree, &options, &mut sink).map_err(DirectError::FileSystem)?;
        sink.finish(summary.size).map_err(|error| AtomicError::new(&disk, error))?;
        Ok(compared.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    })?;
    file.commit()?;

    let put = |name: &str, blob: &Blob| -> Result<PathBuf, DirectError> {
        let path = request.scratch.join(name);
        let bytes = blob.read(supply.store, blob.len());
        let bytes = bytes.map_err(|error| AtomicError::new(&path, error))?;
        atomic::write(&path, &bytes)?;
        Ok(path)
    };
    let kernel = put("kernel", &entry.kernel.1)?;
    let initrd = entry.initrd.as_ref().map(|(_, blob)| put("initrd", blob)).transpose()?;
    Ok(Direct { kernel, initrd, cmdline: entry.cmdline.clone(), disk, title: entry.title.clone() })
}
