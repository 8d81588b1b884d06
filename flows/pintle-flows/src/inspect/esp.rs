//! The EFI system partition: what firmware starts from it.

use crate::image::Window;
use pintle_boot::grub::env::Env;
use pintle_boot::grub::slots::{BLOCKS, FOLDER, parse_sum};
use pintle_boot::loader::{BootName, Entry, LoaderVersion};
use pintle_boot::measure::{BANK, by_name, pcr11};
use pintle_boot::secureboot::{SignatureType, Update};
use pintle_boot::sign::{self, subject};
use pintle_boot::uki::{HEAD_LEN, Pe, PeLimits};
use pintle_fs::vfat::read::{Limits, ReadError, Volume};
use pintle_health::counting::is_rescue;
use pintle_health::status::{os_release, parameter};
use pintle_image::inspect::{Bios, Compared, Key, Place, SignedBy, Start, Uefi};
use pintle_model::{Blob, Digest, NoContents, with_causes};
use std::collections::BTreeMap;

/// Longest program: a kernel image with all firmware has 200 MB.
const PROGRAM_MAX: u64 = 512 << 20;
/// Longest of the other files.
const SMALL_MAX: u64 = 1 << 20;
/// Where firmware looks without being told.
const LOADERS: [&str; 2] = ["EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/BOOTAA64.EFI"];

/// All of it.
pub(super) struct Esp {
    pub(super) uefi: Option<Uefi>,
    /// The os-release(5) of the system itself.
    pub(super) release: Option<String>,
    /// GRUB's memory: name and content.
    memory: Memory,
    /// By place: whether kernel and initrd are those that GRUB compares, for each image it may be about.
    kernels: BTreeMap<String, Vec<(Option<String>, Compared)>>,
}

/// Reads it.
pub(super) fn read(window: Window<'_>) -> Result<Esp, ReadError> {
    let mut volume = Volume::open(window, Limits::default())?;
    let mut files = Vec::new();
    volume.walk(&mut |path, entry| {
        if !entry.is_directory {
            files.push(path.to_owned());
        }
    })?;
    let (memory, sums) = of_grub(&mut volume)?;
    let mut esp = Esp { uefi: None, release: None, memory, kernels: BTreeMap::new() };
    let (mut uefi, mut starts) = (Uefi::default(), false);
    for path in LOADERS {
        let Some(bytes) = optional(volume.read(path, PROGRAM_MAX))? else { continue };
        uefi.loader = LoaderVersion::find(&bytes).map(|version| version.to_string());
        uefi.signature = signature(&Blob::inline(bytes));
        starts = true;
    }
    for path in below(&files, "EFI/Linux/", ".efi") {
        let bytes = volume.read(path, PROGRAM_MAX)?;
        let (start, release) = image(path, &bytes);
        if !start.cmdline.as_deref().is_some_and(is_rescue) {
            esp.release = esp.release.or(release);
            for (place, sums) in &sums {
                let all = esp.kernels.entry((*place).to_owned()).or_default();
                all.push((start.usrhash.clone(), compare_sums(sums, &bytes)));
            }
        }
        uefi.entries.push(start);
    }
    for path in below(&files, "loader/entries/", ".conf") {
        uefi.entries.push(entry(path, &volume.read(path, SMALL_MAX)?));
    }
    for path in below(&files, "loader/keys/", ".auth") {
        let name = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".auth");
        uefi.keys.entry(name.to_owned()).or_default().extend(keys(&volume.read(path, SMALL_MAX)?));
    }
    let conf = optional(volume.read("loader/loader.conf", SMALL_MAX))?.unwrap_or_default();
    let conf = String::from_utf8_lossy(&conf).into_owned();
    let mut words = conf.lines().filter_map(|line| line.strip_prefix("secure-boot-enroll"));
    uefi.enrol = words.next_back().map(|word| word.trim().to_owned());
    esp.uefi = starts.then_some(uefi);
    Ok(esp)
}

/// Files in a folder whose names end so; FAT knows no case.
fn below<'a>(files: &'a [String], folder: &str, end: &str) -> impl Iterator<Item = &'a String> {
    let folder = folder.to_ascii_lowercase();
    files.iter().filter(move |path| {
        path.to_ascii_lowercase().strip_prefix(&folder).is_some_and(|rest| rest.ends_with(end))
    })
}

type Memory = Vec<(&'static str, Vec<u8>)>;
type Sums = BTreeMap<&'static str, String>;

/// What GRUB remembers, by file; and its lists of digests, by place.
fn of_grub(volume: &mut Volume<Window<'_>>) -> Result<(Memory, Sums), ReadError> {
    let (mut memory, mut sums) = (Vec::new(), BTreeMap::new());
    for place in ["a", "b"] {
        let text = optional(volume.read(&format!("{FOLDER}/{place}.sha256"), SMALL_MAX))?;
        sums.extend(text.map(|text| (place, String::from_utf8_lossy(&text).into_owned())));
    }
    for name in BLOCKS {
        let block = optional(volume.read(&format!("{FOLDER}/{name}"), SMALL_MAX))?;
        memory.extend(block.map(|block| (name, block)));
    }
    Ok((memory, sums))
}

/// None where there is no such file.
fn optional(read: Result<Vec<u8>, ReadError>) -> Result<Option<Vec<u8>>, ReadError> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ReadError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn signature(image: &Blob) -> Option<SignedBy> {
    let unreadable = |why: String| SignedBy { signer: None, certificate: None, bad: Some(why) };
    match sign::signature(image, &NoContents) {
        Ok(None) => None,
        Ok(Some(found)) => {
            let (signer, certificate) = found.signer.unzip();
            let bad = found.checked.err().map(|error| with_causes(&error));
            Some(SignedBy { signer, certificate, bad })
        }
        Err(error) => Some(unreadable(with_causes(&error))),
    }
}

/// What the name of an entry says of it.
fn named(file: &str) -> Start {
    let name = file.rsplit('/').next().and_then(|name| BootName::parse(name).ok());
    let tries = name.and_then(|name| name.tries()).map(|tries| (tries.left, tries.done.unwrap_or(0)));
    Start { file: file.to_owned(), tries, ..Start::default() }
}

/// A unified kernel image, and the os-release(5) in it.
fn image(file: &str, bytes: &[u8]) -> (Start, Option<String>) {
    let start = named(file);
    let head = &bytes[..bytes.len().min(HEAD_LEN as usize)];
    let pe = match Pe::parse(head, bytes.len() as u64, &PeLimits::default()) {
        Ok(pe) => pe,
        Err(error) => return (Start { damage: Some(error.to_string()), ..start }, None),
    };
    let text = |name: &str| pe.text(bytes, name);
    let release = text(".osrel");
    let of_release = |key| release.as_deref().and_then(|text| os_release(text, key)).map(str::to_owned);
    let cmdline = text(".cmdline");
    let blob = Blob::inline(bytes);
    let expected = pcr11(&blob, &NoContents, &[BANK]).unwrap_or_default();
    let phases = expected.first().map(|expected| by_name(&expected.phases)).unwrap_or_default();
    let start = Start {
        title: of_release("PRETTY_NAME"),
        version: of_release("IMAGE_VERSION"),
        kernel: text(".uname"),
        usrhash: cmdline.as_deref().and_then(|words| parameter(words, "usrhash")).map(str::to_owned),
        cmdline,
        signature: signature(&blob),
        has_policy: pe.section(".pcrsig").is_some_and(|section| section.data_len() > 0),
        pcr11: phases.into_iter().map(|(phases, value)| (phases, value.hex())).collect(),
        ..start
    };
    (start, release)
}

/// A boot entry of type #1 (UAPI.1).
fn entry(file: &str, bytes: &[u8]) -> Start {
    let start = named(file);
    match Entry::parse(bytes) {
        Ok(entry) => Start {
            title: entry.get("title").map(str::to_owned),
            version: entry.get("version").map(str::to_owned),
            cmdline: Some(entry.all("options").collect::<Vec<_>>().join(" ")),
            ..start
        },
        Err(error) => Start { damage: Some(error.to_string()), ..start },
    }
}

/// The certificates of an update; none where it is none.
fn keys(bytes: &[u8]) -> Vec<Key> {
    let lists = Update::parse(bytes).map(|update| update.lists).unwrap_or_default();
    let certificates = lists.iter().filter(|list| list.kind() == SignatureType::X509);
    let key = |der: &[u8]| Key { subject: subject(der).unwrap_or_default(), certificate: Digest::of(der) };
    certificates.flat_map(|list| list.entries().iter().map(|entry| key(&entry.data))).collect()
}

impl Esp {
    /// What GRUB remembers and compares, for the places of the disk.
    pub(super) fn remembered(&self, bios: &mut Bios, places: &[Place]) {
        let mut good = None;
        for (name, block) in &self.memory {
            match Env::parse(block) {
                Ok(env) => good = good.or(Some(env)),
                Err(_) => bios.damaged.push(format!("{FOLDER}/{name}")),
            }
        }
        let Some(env) = good else { return };
        bios.first = env.get("first").map(str::to_owned);
        for place in places {
            let letter = place.letter.to_ascii_lowercase().to_string();
            let left = env.get(&format!("left_{letter}")).and_then(|left| left.parse().ok());
            bios.left.extend(left.map(|left| (letter.clone(), left)));
            // Of the images that lead to this place, those with another counter included.
            let own = place.usrhash.map(|hash| hash.hex());
            let all = self.kernels.get(&letter).into_iter().flatten();
            let mut compared =
                all.filter(|(hash, _)| own.is_some() && *hash == own).map(|(_, compared)| compared);
            bios.kernels.extend(compared.next_back().map(|compared| (letter, compared.clone())));
        }
    }
}

/// Compares what GRUB compares before it starts a kernel: `sums` has a line for each run of sectors of `image`.
fn compare_sums(sums: &str, image: &[u8]) -> Compared {
    for line in sums.lines() {
        let Some((digest, run)) = parse_sum(line) else {
            return Compared::Damaged(format!("its list of digests has a line that is none: {line}"));
        };
        let range = usize::try_from(run.start).ok().zip(usize::try_from(run.end).ok());
        let bytes = range.and_then(|(start, end)| image.get(start..end));
        if bytes.is_none_or(|bytes| Digest::of(bytes) != digest) {
            let why = "kernel or initrd are not those of its list of digests";
            return Compared::Damaged(why.to_owned());
        }
    }
    Compared::Verified
}
