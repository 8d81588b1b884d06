//! The files of an entry: a unified kernel image, or what a type #1 entry refers to.

use super::error::EntryFault;
use super::{EntryKind, InstallRequest};
use pintle_boot::bootspec::BootPath;
use pintle_boot::uki::{self, LinuxHeader, Sections};
use pintle_closure::esp::{Start, Type1, WantedEntry, WantedFile, names, os_release, title, type1};
use pintle_model::{Arch, Blob, Digest};
use pintle_world::blob_files::{self, BlobFiles};
use pintle_world::initrd_secrets::InitrdSecrets;
use pintle_world::rooted::Rooted;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// systemd 257's stub has 92 kB.
const STUB_MAX: u64 = 4 << 20;
/// An os-release file has some hundred bytes.
const OS_RELEASE_MAX: u64 = 64 << 10;
/// Where systemd has its boot files, in a toplevel of NixOS.
pub(super) const SYSTEMD_BOOT: &str = "systemd/lib/systemd/boot/efi";

/// Makes entries. Files are pointed at where they are.
pub(super) struct Maker<'a> {
    pub(super) system: &'a Rooted,
    pub(super) request: &'a InstallRequest<'a>,
    pub(super) arch: Arch,
    /// Toplevel of the default, whose stub others get that have none.
    pub(super) toplevel: String,
    pub(super) contents: &'a BlobFiles,
    pub(super) secrets: &'a mut dyn InitrdSecrets,
    pub(super) digests: BTreeMap<PathBuf, Digest>,
}

/// A file of the store: where it is on this machine, and its bytes.
struct File {
    host: PathBuf,
    blob: Blob,
}

impl Maker<'_> {
    pub(super) fn entry(&mut self, start: &Start<'_>) -> Result<WantedEntry, EntryFault> {
        let boot = &start.document.boot;
        let kernel = self.file(boot.kernel.as_str(), "kernel")?;
        if self.resolve(boot.init.as_str(), "init")?.is_none() {
            return Err(EntryFault::Missing { what: "init", path: boot.init.to_string() });
        }
        let initrd = boot.initrd.as_ref().map(|path| self.file(path.as_str(), "initrd")).transpose()?;
        let initrd = self.with_secrets(initrd, boot.initrd_secrets.as_ref())?;
        let systemd_boot = start.document.systemd_boot()?.unwrap_or_default();
        let lanzaboote = start.document.lanzaboote()?.unwrap_or_default();
        let sort_key = systemd_boot.sort_key.or(lanzaboote.sort_key).unwrap_or_else(|| "nixos".to_owned());
        let devicetree =
            systemd_boot.devicetree.map(|path| self.file(path.as_str(), "device tree")).transpose()?;
        let parts = Parts { kernel, initrd, devicetree, cmdline: boot.command_line()?.to_string(), sort_key };
        match self.request.kind {
            EntryKind::Uki => self.uki(start, &parts),
            EntryKind::Type1 => self.type1(start, &parts),
        }
    }

    fn uki(&mut self, start: &Start<'_>, parts: &Parts) -> Result<WantedEntry, EntryFault> {
        let toplevel = start.document.boot.toplevel.as_str();
        let path = Path::new(toplevel).join("etc/os-release");
        let own = self.system.read(&path, OS_RELEASE_MAX);
        let own = own.map_err(|source| unreadable("os-release", &path, source))?.unwrap_or_default();
        let sections = Sections {
            os_release: &os_release(&own, start, &parts.sort_key),
            cmdline: &parts.cmdline,
            device_tree: parts.devicetree.as_ref().map(|file| &file.blob),
            uname: &self.release(&parts.kernel)?,
            pcr_key: "",
            pcr_signature: "",
            linux: &parts.kernel.blob,
            initrd: parts.initrd.as_ref().map(|file| &file.blob),
        };
        let image =
            uki::assemble(&self.stub(toplevel)?, &sections, self.contents).map_err(EntryFault::Uki)?;
        let image = match self.request.signer {
            Some(signer) => signer.sign(&image, self.contents).map_err(EntryFault::Sign)?,
            None => image,
        };
        let digest = blob_files::digest(&image, self.contents);
        let digest = digest.map_err(|source| unreadable("kernel", &parts.kernel.host, source))?;
        let stem = names::stem(start.number, &start.specialisation, &digest);
        let entry = WantedFile { path: format!("{}/{stem}.efi", names::IMAGES), blob: image, digest };
        Ok(WantedEntry { number: start.number, title: title(start), entry, files: Vec::new() })
    }

    fn type1(&mut self, start: &Start<'_>, parts: &Parts) -> Result<WantedEntry, EntryFault> {
        let linux = self.payload("linux", ".efi", &parts.kernel)?;
        let initrd = parts.initrd.as_ref().map(|file| self.payload("initrd", "", file)).transpose()?;
        let devicetree =
            parts.devicetree.as_ref().map(|file| self.payload("dtb", ".dtb", file)).transpose()?;
        let refers = Type1 {
            linux: &linux.path,
            initrd: initrd.as_ref().map(|file| &*file.path),
            devicetree: devicetree.as_ref().map(|file| &*file.path),
            options: &parts.cmdline,
        };
        let text = type1(start, &parts.sort_key, &refers)?;
        let digest = Digest::of(text.as_bytes());
        let stem = names::stem(start.number, &start.specialisation, &digest);
        let path = format!("{}/{stem}.conf", names::ENTRIES);
        let entry = WantedFile { path, blob: Blob::inline(text.into_bytes()), digest };
        let files = [Some(linux), initrd, devicetree].into_iter().flatten().collect();
        Ok(WantedEntry { number: start.number, title: title(start), entry, files })
    }

    fn payload(&mut self, kind: &str, extension: &str, file: &File) -> Result<WantedFile, EntryFault> {
        let digest = match self.digests.get(&file.host) {
            Some(digest) => *digest,
            None => {
                let digest = blob_files::digest(&file.blob, self.contents);
                let digest = digest.map_err(|source| unreadable("kernel or initrd", &file.host, source))?;
                self.digests.insert(file.host.clone(), digest);
                digest
            }
        };
        let path = format!("{}/{kind}-{}{extension}", names::FILES, names::digits(&digest));
        Ok(WantedFile { path, blob: file.blob.clone(), digest })
    }

    /// A copy of the initrd with this machine's secrets in it, where the system has such.
    fn with_secrets(
        &mut self,
        initrd: Option<File>,
        program: Option<&BootPath>,
    ) -> Result<Option<File>, EntryFault> {
        let (Some(file), Some(program)) = (&initrd, program) else { return Ok(initrd) };
        // It looks for the secrets at their paths on the machine that it runs on.
        if self.system.root() != Path::new("/") {
            return Err(EntryFault::SecretsElsewhere);
        }
        let copy = self.secrets.add(&self.system.host(Path::new(program.as_str())), &file.host)?;
        let blob = self.contents.add(&copy).map_err(|source| unreadable("initrd", &copy, source))?;
        Ok(Some(File { host: copy, blob }))
    }

    fn resolve(&self, path: &str, what: &'static str) -> Result<Option<PathBuf>, EntryFault> {
        self.system.resolve(Path::new(path)).map_err(|source| unreadable(what, Path::new(path), source))
    }

    fn file(&self, path: &str, what: &'static str) -> Result<File, EntryFault> {
        let missing = || EntryFault::Missing { what, path: path.to_owned() };
        let host = self.system.host(&self.resolve(path, what)?.ok_or_else(missing)?);
        let blob = self.contents.add(&host).map_err(|source| unreadable(what, Path::new(path), source))?;
        Ok(File { host, blob })
    }

    /// `uname -r` of a kernel; empty where its format does not say (only x86 has a header for it).
    fn release(&self, kernel: &File) -> Result<String, EntryFault> {
        if self.arch != Arch::Amd64 {
            return Ok(String::new());
        }
        let mut head = vec![0; uki::HEAD_LEN.min(kernel.blob.len()) as usize];
        let read = kernel.blob.read_at(self.contents, 0, &mut head);
        read.map_err(|source| unreadable("kernel", &kernel.host, source))?;
        let bad = |source| EntryFault::Kernel { path: kernel.host.display().to_string(), source };
        Ok(LinuxHeader::parse(&head).map_err(bad)?.release)
    }

    /// systemd's stub: of the system itself, so that its image stays the same whatever becomes the default; else the
    /// default's.
    fn stub(&self, toplevel: &str) -> Result<Vec<u8>, EntryFault> {
        let name = format!("linux{}.efi.stub", self.arch.efi());
        let in_system = |toplevel: &str| Path::new(toplevel).join(SYSTEMD_BOOT).join(&name);
        let [own, default] = [toplevel, &self.toplevel].map(in_system);
        let read = |path: &Path| self.system.read(path, STUB_MAX);
        let (path, found) = match self.request.loader_folder {
            Some(folder) => {
                (folder.join(&name), Rooted::new(Path::new("/")).read(&folder.join(&name), STUB_MAX))
            }
            None => (
                own.clone(),
                read(&own).and_then(|found| found.map_or_else(|| read(&default), |f| Ok(Some(f)))),
            ),
        };
        let missing = || EntryFault::NoStub { path: path.display().to_string() };
        found.map_err(|source| unreadable("stub", &path, source))?.ok_or_else(missing)
    }
}

/// What an entry is made of.
struct Parts {
    kernel: File,
    initrd: Option<File>,
    devicetree: Option<File>,
    cmdline: String,
    sort_key: String,
}

fn unreadable(what: &'static str, path: &Path, source: io::Error) -> EntryFault {
    EntryFault::Read { what, path: path.display().to_string(), source }
}
