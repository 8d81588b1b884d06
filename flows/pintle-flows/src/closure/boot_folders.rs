//! Boot loaders from folders of this machine, in place of Debian's packages: a closure with them needs no archive.

use super::ClosureError;
use pintle_model::{Digest, Hasher, Limit, Nix, System};
use pintle_world::files;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Folder of systemd's EFI programs below `lib` of a package, in Debian as in nixpkgs.
const EFI: &str = "systemd/boot/efi";
/// The same of GRUB for PC BIOS.
const GRUB: &str = "grub/i386-pc";
/// GRUB's largest module has 0.6 MB, systemd-boot 0.2 MB.
const FILE: Limit = Limit::new(8 << 20, "bytes in a file of a boot loader");

/// Files of boot loaders, read once, so that what was hashed is what is used.
#[derive(Debug)]
pub(crate) struct BootFolders(BTreeMap<String, Vec<u8>>);

impl BootFolders {
    /// The boot loaders that `system` needs, from the folders it names (seen from `base`); none where it names none.
    ///
    /// # Errors
    /// [`ClosureError::BootFiles`] where no folder has what is needed, [`ClosureError::BootFile`],
    /// [`ClosureError::Read`].
    pub(crate) fn of(system: &System, base: &Path) -> Result<Option<Self>, ClosureError> {
        let Some(nix) = system.source.nix.as_ref().filter(|nix| !nix.boot_files.is_empty()) else {
            return Ok(None);
        };
        let folders: Vec<PathBuf> = nix.boot_files.iter().map(|folder| base.join(folder)).collect();
        let mut found = Self(BTreeMap::new());
        if system.image.uefi {
            let arch = system.arch.efi();
            let names = [format!("linux{arch}.efi.stub"), format!("systemd-boot{arch}.efi")];
            let missing = |what| ClosureError::BootFiles {
                what,
                way: "UEFI",
                package: "systemd",
                option: "uefi",
                folders: folders.clone(),
            };
            let folder = first(&folders, EFI)?.ok_or_else(|| missing(format!("lib/{EFI}")))?;
            for name in names {
                found.add(EFI, &folder, &name)?.ok_or_else(|| missing(format!("lib/{EFI}/{name}")))?;
            }
        }
        if system.image.bios {
            let missing = || ClosureError::BootFiles {
                what: format!("lib/{GRUB}"),
                way: "BIOS",
                package: "GRUB",
                option: "bios",
                folders: folders.clone(),
            };
            let folder = first(&folders, GRUB)?.ok_or_else(missing)?;
            let names = files::names(&folder).map_err(|source| read(&folder, source))?;
            let ours = |name: &&String| [".img", ".mod", ".lst"].iter().any(|ending| name.ends_with(ending));
            for name in names.iter().filter(ours) {
                found.add(GRUB, &folder, name)?;
            }
        }
        Ok(Some(found))
    }

    /// A file by its path below `lib`.
    pub(crate) fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Of all names, lengths and bytes.
    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for (name, bytes) in &self.0 {
            hasher.update(format!("{name}\0{}\0", bytes.len()).as_bytes());
            hasher.update(bytes);
        }
        hasher.finish().digest()
    }

    fn add(&mut self, below: &str, folder: &Path, name: &str) -> Result<Option<()>, ClosureError> {
        let path = folder.join(name);
        let Some(len) = files::len(&path).map_err(|source| read(&path, source))? else { return Ok(None) };
        if !FILE.allows(len) {
            return Err(ClosureError::BootFile { path, limit: FILE });
        }
        let Some(bytes) = files::read(&path).map_err(|source| read(&path, source))? else { return Ok(None) };
        self.0.insert(format!("{below}/{name}"), bytes);
        Ok(Some(()))
    }
}

/// How a disk starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ways {
    /// By BIOS.
    pub bios: bool,
    /// By UEFI.
    pub uefi: bool,
}

/// The ways for which `nix` has boot loaders, for those who cannot say which they want; all where it has none at all.
///
/// # Errors
/// [`ClosureError::Read`].
pub fn ways(nix: &Nix) -> Result<Ways, ClosureError> {
    let folders: Vec<PathBuf> = nix.boot_files.iter().map(PathBuf::from).collect();
    let found = Ways { bios: first(&folders, GRUB)?.is_some(), uefi: first(&folders, EFI)?.is_some() };
    Ok(if found.bios || found.uefi { found } else { Ways { bios: true, uefi: true } })
}

/// The first of `folders` that has a folder at `below` its `lib`.
fn first(folders: &[PathBuf], below: &str) -> Result<Option<PathBuf>, ClosureError> {
    for folder in folders {
        let folder = folder.join("lib").join(below);
        let is_folder = files::is_folder(&folder).map_err(|source| read(&folder, source))?;
        if is_folder == Some(true) {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

fn read(path: &Path, source: std::io::Error) -> ClosureError {
    ClosureError::Read { path: path.to_owned(), source }
}
