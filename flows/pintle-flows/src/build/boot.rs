//! What starts the system: kernel, initrd, and the files of the boot packages.

use super::root;
use crate::closure::BootFolders;
use crate::supply::Supply;
use crate::unpack::Unpacked;
use pintle_assemble::initrd::{self, InitrdError, InitrdOptions, Root};
use pintle_closure::Entry;
use pintle_image::{BootFiles, EfiFiles, GrubFiles, KernelFiles, Variant};
use pintle_model::{Blob, Contents, Hasher, Kind, OnFailure, System, Timestamp, Tree, TreePath, WriteAll};
use pintle_package::EntryKind;
use pintle_world::atomic::AtomicError;
use pintle_world::kept;
use std::collections::BTreeMap;
use std::io;

/// Packages whose files enter the boot chain, locked with the role `boot`; none where folders give these files.
#[must_use]
pub fn boot_packages(system: &System) -> Vec<&'static str> {
    let mut packages = Vec::new();
    let folders = system.source.nix.as_ref().is_some_and(|nix| !nix.boot_files.is_empty());
    if system.starts() && !folders {
        if system.image.bios {
            packages.push("grub-pc-bin");
        }
        if system.image.uefi {
            packages.push("systemd-boot-efi");
        }
    }
    packages
}

/// The system cannot be made to start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// No kernel in the tree, though the definition names its package.
    #[error("{packages} brought no kernel: there is no /boot/vmlinuz-* or /usr/lib/modules/*/vmlinuz")]
    NoKernel {
        /// The kernel packages of the definition.
        packages: String,
    },
    /// A boot package lacks a file.
    #[error("package {package} has no {path}")]
    Missing {
        /// The package.
        package: &'static str,
        /// What was looked for.
        path: String,
    },
    /// The initrd.
    #[error("cannot assemble the initrd")]
    Initrd(#[from] InitrdError),
    /// The initrd as an archive.
    #[error("cannot write the initrd")]
    Cpio(#[from] pintle_fs::cpio::Error),
    /// Compressing it.
    #[error("cannot compress the initrd")]
    Compress(#[from] io::Error),
    /// Keeping the packed initrd.
    #[error("cannot keep the packed initrd")]
    Keep(#[from] AtomicError),
}

/// Where the files of boot loaders come from. Both have them at the same places.
#[derive(Clone, Copy)]
pub(super) enum Loaders<'a> {
    /// Packages of the lock.
    Packages(&'a [Unpacked]),
    /// Folders of this machine.
    Folders(&'a BootFolders),
}

impl Loaders<'_> {
    /// The file at `path` below `usr/lib` of a package.
    fn find(&self, package: &str, path: &str) -> Option<Blob> {
        match self {
            Self::Packages(packages) => find(packages, package, &format!("usr/lib/{path}")),
            Self::Folders(folders) => folders.get(path).map(|bytes| Blob::inline(bytes.to_vec())),
        }
    }
}

/// Level at which the initrd is packed. Level 19 takes seventy times as long for 14 % less.
const INITRD_LEVEL: i32 = 6;

/// Everything that starts `system`, and what is in its initrd; none when it has no kernel. `grub` gives GRUB's.
///
/// # Errors
/// [`BootError`].
pub(super) fn files<'a>(
    system: &System,
    root: &root::Root,
    loaders: Loaders<'_>,
    grub: GrubFiles<'a>,
    supply: &Supply<'_>,
    epoch: Timestamp,
) -> Result<Option<(BootFiles<'a>, Vec<Tree>)>, BootError> {
    if !system.starts() {
        return Ok(None);
    }
    let (kernels, contents) = match &root.entries {
        Some(entries) => (entries.iter().map(said).collect(), Vec::new()),
        None => found(system, root, supply, epoch)?,
    };
    let efi = if system.image.uefi { Some(efi_files(system, loaders)?) } else { None };
    let grub = system.image.bios.then_some(grub);
    Ok(Some((BootFiles { kernels, efi, grub }, contents)))
}

/// An entry as the system says it.
fn said(entry: &Entry) -> KernelFiles {
    let (path, image) = entry.kernel.clone();
    let (initrd_path, initrd) = entry.initrd.clone().unzip();
    let variant = Variant {
        name: entry.name.clone(),
        title: entry.title.clone(),
        cmdline: entry.cmdline.clone(),
        os_release: entry.os_release.clone(),
    };
    KernelFiles { image, path, release: entry.release.clone(), initrd, initrd_path, variant: Some(variant) }
}

/// The kernels in a tree, each with an initrd that is made for it.
fn found(
    system: &System,
    root: &root::Root,
    supply: &Supply<'_>,
    epoch: Timestamp,
) -> Result<(Vec<KernelFiles>, Vec<Tree>), BootError> {
    let tree = &root.tree;
    let (mut kernels, mut contents) = (Vec::new(), Vec::new());
    let early = early(tree, supply, epoch)?;
    for (release, (path, image)) in images(tree, system)? {
        let options = InitrdOptions {
            arch: system.arch,
            kernel_version: release.clone(),
            root: match &root.stateless {
                None => Root::CommandLine { file_system: "ext4".to_owned() },
                Some(stateless) => Root::Stateless {
                    file_system: system.image.usr_file_system.kind().to_owned(),
                    var_label: pintle_image::var_label(system),
                    remove: stateless.remove.clone(),
                    root: stateless.root.clone(),
                    encrypt: system.image.encrypt,
                    tpm: system.image.tpm,
                    deadline: (system.health.on_failure == OnFailure::Reboot)
                        .then_some(system.health.deadline),
                },
            },
            modules: system.kernel.initrd_modules.clone(),
            may_lack_modules: system.kernel.own.contains(&release),
            epoch,
        };
        let initrd = initrd::assemble(tree, supply.store, &options)?;
        // The kernel looks for microcode at the very beginning; what is packed may follow at any multiple of four.
        let initrd_file = Some(Blob::inline([&*early, &pack(&initrd, supply)?].concat()));
        kernels.push(KernelFiles {
            image,
            path,
            release,
            initrd: initrd_file,
            initrd_path: None,
            variant: None,
        });
        contents.push(initrd);
    }
    Ok((kernels, contents))
}

/// Every kernel by release, with its place in the tree. Debian's packages had it in `/boot` until Linux 6.12; since
/// then it is with the modules, and a hook that nobody needs here copies it.
fn images(tree: &Tree, system: &System) -> Result<BTreeMap<String, (TreePath, Blob)>, BootError> {
    let mut found = BTreeMap::new();
    let mut add = |release: &[u8], path: String| {
        if let Ok(path) = TreePath::new(path)
            && let Some(Kind::File(blob)) = tree.get(&path).map(|inode| &inode.kind)
        {
            found.insert(String::from_utf8_lossy(release).into_owned(), (path, blob.clone()));
        }
    };
    for (release, _) in tree.children(&TreePath::literal("usr/lib/modules")) {
        add(release, format!("usr/lib/modules/{}/vmlinuz", String::from_utf8_lossy(release)));
    }
    for (name, _) in tree.children(&TreePath::literal("boot")) {
        if let Some(release) = name.strip_prefix(b"vmlinuz-") {
            add(release, format!("boot/{}", String::from_utf8_lossy(name)));
        }
    }
    if found.is_empty() {
        let packages = system.kernel.all_packages().collect::<Vec<_>>().join(", ");
        return Err(BootError::NoKernel { packages });
    }
    Ok(found)
}

/// What stands before the initrd; nothing where no package has microcode.
fn early(tree: &Tree, supply: &Supply<'_>, epoch: Timestamp) -> Result<Vec<u8>, BootError> {
    let Some(microcode) = initrd::microcode(tree, supply.store, epoch)? else { return Ok(Vec::new()) };
    let mut stream = WriteAll::new(Vec::new(), supply.store);
    let len = pintle_fs::cpio::write(&microcode, &mut stream)?;
    Ok(stream.finish(len)?)
}

/// The initrd as the kernel takes it: cpio, packed with zstd. Packing takes seconds and its input rarely changes, so
/// the result is kept under the digest of the cpio.
fn pack(initrd: &Tree, supply: &Supply<'_>) -> Result<Vec<u8>, BootError> {
    let mut stream = WriteAll::new(Hashing(Hasher::new()), supply.store);
    let len = pintle_fs::cpio::write(initrd, &mut stream)?;
    let digest = stream.finish(len)?.0.finish().digest();
    let path = supply.cache.indices().join(format!("initrd-{digest}.{INITRD_LEVEL}.zst"));
    if let Some(packed) = kept::read(&path)? {
        return Ok(packed);
    }
    let mut encoder = zstd::Encoder::new(Vec::new(), INITRD_LEVEL)?;
    encoder.include_checksum(true)?;
    // Any number of workers gives the same bytes, but none gives others than one.
    encoder.multithread(u32::try_from(supply.threads.max(1)).unwrap_or(1))?;
    let mut stream = WriteAll::new(encoder, supply.store);
    let len = pintle_fs::cpio::write(initrd, &mut stream)?;
    let packed = stream.finish(len)?.finish()?;
    kept::write(&path, packed.clone())?;
    Ok(packed)
}

/// Hashes what is written.
struct Hashing(Hasher);

impl io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn efi_files(system: &System, loaders: Loaders<'_>) -> Result<EfiFiles, BootError> {
    let file = |name: String| {
        let path = format!("systemd/boot/efi/{name}");
        let missing = BootError::Missing { package: "systemd-boot-efi", path: format!("/usr/lib/{path}") };
        loaders.find("systemd-boot-efi", &path).ok_or(missing)
    };
    let arch = system.arch.efi();
    Ok(EfiFiles {
        stub: file(format!("linux{arch}.efi.stub"))?,
        systemd_boot: file(format!("systemd-boot{arch}.efi"))?,
    })
}

/// A file of a package by its path.
pub(super) fn find(packages: &[Unpacked], package: &str, path: &str) -> Option<Blob> {
    let unpacked = packages.iter().find(|unpacked| unpacked.locked.name == package)?;
    let entry = unpacked.deb.entries.iter().find(|entry| entry.path == path.as_bytes())?;
    match &entry.kind {
        EntryKind::File { offset, len, digest } => {
            Some(Blob::at(unpacked.source, *offset, *len).with_digest(*digest))
        }
        _ => None,
    }
}

/// A file of GRUB's package below `i386-pc/`, by name.
pub(super) fn grub_file(loaders: Loaders<'_>, name: &str, contents: &dyn Contents) -> Option<Vec<u8>> {
    /// The largest module has half a megabyte.
    const MAX: u64 = 8 << 20;
    let blob = loaders.find("grub-pc-bin", &format!("grub/i386-pc/{name}"))?;
    blob.read(contents, MAX).ok()
}
