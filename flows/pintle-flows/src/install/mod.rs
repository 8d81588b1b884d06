//! The boot loader of a machine that keeps generations: every generation of a profile gets an entry on the EFI system
//! partition, one of them is the default, and what none needs goes. Safe to lose power in: see [`pintle_closure::esp`].

mod error;
mod make;
mod partition;
mod profile;
mod system;

pub use error::{EntryFault, InstallError};
pub use pintle_boot::loader::MenuEditor;
pub use pintle_boot::sign::{KeyError, Signer};

use crate::closure::{ClosureError, locate};
use make::Maker;
use pintle_boot::bootspec::Bootspec;
use pintle_boot::loader::LoaderConf;
use pintle_closure::esp::{
    Generation, LoaderFate, Start, Wanted, WantedFile, Wish, choose, loader_fate, names, plan, title,
};
use pintle_model::{Arch, Blob, Digest, with_causes};
use pintle_nix::StorePath;
use pintle_world::blob_files::BlobFiles;
use pintle_world::esp::Esp;
use pintle_world::initrd_secrets::InitrdSecrets;
use pintle_world::rooted::Rooted;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Which kind of entries (UAPI.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum EntryKind {
    /// Unified kernel images (type #2): one file each, which can be signed.
    #[default]
    Uki,
    /// Text files (type #1) beside kernels and initrds, which generations share.
    Type1,
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Effects {
    /// It is.
    #[default]
    Done,
    /// It is only said what would be.
    Planned,
}

/// What is to be installed.
#[derive(Clone, Copy, Debug)]
pub struct InstallRequest<'a> {
    /// The system that becomes the default: a link to it, its store path, or its boot.json.
    pub toplevel: &'a str,
    /// Folder in which the machine's `/nix` is.
    pub root: &'a Path,
    /// The profile, as the machine names it.
    pub profile: &'a Path,
    /// How many of the newest generations get entries.
    pub limit: Option<usize>,
    /// Seconds the menu is shown.
    pub timeout: u32,
    /// The menu's editor.
    pub editor: MenuEditor,
    /// Which kind of entries.
    pub kind: EntryKind,
    /// Folder with systemd-boot and its stub, instead of the systemd of each system.
    pub loader_folder: Option<&'a Path>,
    /// Signs unified kernel images and systemd-boot.
    pub signer: Option<&'a Signer>,
    /// Whether anything is written.
    pub effects: Effects,
}

/// An entry of the menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstalledEntry {
    /// Its generation.
    pub generation: Option<u32>,
    /// For people.
    pub title: String,
    /// Its file on the partition.
    pub path: String,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// File name of the default entry.
    pub default: String,
    /// Entries, the most important first.
    pub entries: Vec<InstalledEntry>,
    /// Files that were written.
    pub written: Vec<String>,
    /// Files that were removed.
    pub removed: Vec<String>,
    /// What deserves a look.
    pub warnings: Vec<String>,
}

/// systemd-boot has some 100 kB.
const LOADER_MAX: u64 = 16 << 20;

/// Is there where UEFI started the machine.
const FIRMWARE: &str = "/sys/firmware/efi";

fn is_there(path: &Path) -> Result<bool, InstallError> {
    let read = |source| InstallError::Read { path: path.display().to_string(), source };
    pintle_world::files::is_there(path).map_err(read)
}

/// Brings the partition to what the profile and the request say.
///
/// # Errors
/// [`InstallError`]; then the default is what it was, or all was done but cleaning up.
pub fn install(
    request: &InstallRequest<'_>,
    esp: &mut dyn Esp,
    secrets: &mut dyn InitrdSecrets,
) -> Result<Installed, InstallError> {
    let located = locate(request.toplevel, Path::new(".")).map_err(|error| match error {
        ClosureError::NoSystem { text, why } => InstallError::NoSystem { text, why },
        error => error.into(),
    })?;
    let elsewhere = located.root.as_deref().filter(|_| request.root == Path::new("/"));
    let system = Rooted::new(elsewhere.unwrap_or(request.root));
    let toplevel = located.toplevel;
    let bad = |source| InstallError::Bootspec { toplevel: toplevel.clone(), source };
    let document = system::bootspec(&system, &toplevel).map_err(bad)?;
    let arch = arch_of(&toplevel, &document)?;

    let profile = profile::read(&system, request.profile)?;
    let by_bios = system.root() == Path::new("/") && !is_there(Path::new(FIRMWARE))?;
    let mut wanted = Wanted { arch, ..Wanted::default() };
    let mut warnings = profile.broken;
    if by_bios {
        warnings.push(
            "this machine was started by BIOS, which does not look at an EFI system partition".to_owned(),
        );
    }
    let mut generations = Vec::new();
    for (number, toplevel) in profile.generations {
        match system::bootspec(&system, &toplevel) {
            Ok(document) => generations.push(Generation { number, toplevel, document }),
            Err(error) => {
                warnings
                    .push(format!("generation {number} keeps the entries it has: {}", with_causes(&error)));
                wanted.keep.insert(number);
            }
        }
    }
    let wish =
        Wish { toplevel: &toplevel, document: &document, current: profile.current, limit: request.limit };
    let starts = choose(&generations, &wish);

    let contents = BlobFiles::default();
    let mut maker = Maker {
        system: &system,
        request,
        arch,
        toplevel: toplevel.to_string(),
        contents: &contents,
        secrets,
        digests: BTreeMap::new(),
    };
    let default = entries(&starts, &mut maker, &mut wanted, &mut warnings)?;
    wanted.loaders = loaders(&maker, esp, &mut warnings)?;
    wanted.conf = conf(request, &default, esp)?;

    let present = partition::present(esp, &wanted)?;
    let plan = plan(&wanted, &present)?;
    if request.effects == Effects::Done {
        partition::execute(&plan, esp, &contents)?;
    }
    let entry = |entry: &pintle_closure::esp::WantedEntry| InstalledEntry {
        generation: entry.number,
        title: entry.title.clone(),
        path: entry.entry.path.clone(),
    };
    Ok(Installed {
        default,
        entries: wanted.entries.iter().map(entry).collect(),
        written: plan.written().map(str::to_owned).collect(),
        removed: plan.removed().map(str::to_owned).collect(),
        warnings,
    })
}

fn arch_of(toplevel: &StorePath, document: &Bootspec) -> Result<Arch, InstallError> {
    match document.boot.system.as_str() {
        "x86_64-linux" => Ok(Arch::Amd64),
        "aarch64-linux" => Ok(Arch::Arm64),
        other => Err(InstallError::System { toplevel: toplevel.clone(), system: other.to_owned() }),
    }
}

/// Makes the entries of all starts; the file name of the default's. An entry that cannot be made is a warning, unless it
/// is the default.
fn entries(
    starts: &[Start<'_>],
    maker: &mut Maker<'_>,
    wanted: &mut Wanted,
    warnings: &mut Vec<String>,
) -> Result<String, InstallError> {
    let mut default = String::new();
    for start in starts {
        match maker.entry(start) {
            Ok(entry) => {
                if start.default {
                    default = names::split(&entry.entry.path).1.to_owned();
                }
                wanted.entries.push(entry);
            }
            Err(source) if start.default => {
                return Err(InstallError::Default { title: title(start), source });
            }
            Err(fault) => {
                let number = start.number.map_or("the system".to_owned(), |n| format!("generation {n}"));
                let gets = if fault.forbids_entry() { "gets no entry" } else { "keeps the entry it has" };
                warnings.push(format!("{number} ({}) {gets}: {}", title(start), with_causes(&fault)));
                wanted.keep.extend(start.number.filter(|_| !fault.forbids_entry()));
            }
        }
    }
    Ok(default)
}

/// systemd-boot, where it takes the place of what is there.
fn loaders(
    maker: &Maker<'_>,
    esp: &dyn Esp,
    warnings: &mut Vec<String>,
) -> Result<Vec<WantedFile>, InstallError> {
    let name = format!("systemd-boot{}.efi", maker.arch.efi());
    let (at, from) = match maker.request.loader_folder {
        Some(folder) => (folder.join(&name), &Rooted::new(Path::new("/"))),
        None => (Path::new(&maker.toplevel).join(make::SYSTEMD_BOOT).join(&name), maker.system),
    };
    let path = at.display().to_string();
    let own =
        from.read(&at, LOADER_MAX).map_err(|source| InstallError::Read { path: path.clone(), source })?;
    let own = own.ok_or(InstallError::NoLoader { path })?;
    let mut blob = Blob::inline(own);
    if let Some(signer) = maker.request.signer {
        blob = signer.sign(&blob, maker.contents).map_err(InstallError::Sign)?;
    }
    let bytes = blob.read(maker.contents, LOADER_MAX);
    let bytes = bytes.map_err(|source| InstallError::Read { path: at.display().to_string(), source })?;
    let digest = Digest::of(&bytes);
    let mut wanted = Vec::new();
    for path in names::loaders(maker.arch) {
        let present = esp.read(&path, LOADER_MAX);
        let present = present.map_err(|source| InstallError::Esp { path: path.clone(), source })?;
        match loader_fate(present.as_deref(), &bytes) {
            LoaderFate::Replace => wanted.push(WantedFile { path, blob: blob.clone(), digest }),
            LoaderFate::Newer(version) => warnings.push(format!(
                "{path} stays as it is: its systemd-boot {version} is newer than the system's. Remove it to go back"
            )),
            LoaderFate::Foreign => warnings.push(format!(
                "{path} stays as it is: it is not systemd-boot. Firmware without an entry for systemd-boot starts it; \
                 `bootctl install` makes such an entry"
            )),
        }
    }
    Ok(wanted)
}

/// `loader.conf`; and what says which kind of entries there are, where nothing does.
fn conf(request: &InstallRequest<'_>, default: &str, esp: &dyn Esp) -> Result<Vec<WantedFile>, InstallError> {
    let conf = LoaderConf {
        timeout: request.timeout,
        default: Some(default.to_owned()),
        editor: request.editor,
        enrolment: None,
    };
    let text = conf.render().map_err(InstallError::Conf)?;
    let file = |path: &str, bytes: Vec<u8>| WantedFile {
        path: path.to_owned(),
        digest: Digest::of(&bytes),
        blob: Blob::inline(bytes),
    };
    let mut files = vec![file(names::CONF, text.into_bytes())];
    let srel = esp.read(names::ENTRIES_SREL, LOADER_MAX);
    let path = names::ENTRIES_SREL.to_owned();
    if srel.map_err(|source| InstallError::Esp { path, source })?.is_none_or(|text| text.is_empty()) {
        files.push(file(names::ENTRIES_SREL, b"type1\n".to_vec()));
    }
    Ok(files)
}
