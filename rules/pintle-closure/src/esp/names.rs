//! Which names on an EFI system partition are Pintle's own. Paths are relative to its root, with `/` between.

use pintle_model::{Arch, Digest};

/// Folder of unified kernel images (UAPI.1, type #2 entries).
pub const IMAGES: &str = "EFI/Linux";
/// Folder of type #1 entries.
pub const ENTRIES: &str = "loader/entries";
/// Folder of the kernels and initrds that type #1 entries refer to.
pub const FILES: &str = "EFI/pintle";
/// systemd-boot's settings.
pub const CONF: &str = "loader/loader.conf";
/// Tells other tools which kind of entries there are.
pub const ENTRIES_SREL: &str = "loader/entries.srel";
/// Every folder with files of ours, each after those above it.
pub const FOLDERS: [&str; 7] = ["EFI", "EFI/BOOT", "EFI/systemd", IMAGES, FILES, "loader", ENTRIES];

/// Begins our names.
const PREFIX: &str = "pintle-";
/// Ends the names of files that are being written.
const TEMPORARY: &str = ".tmp";
/// Digits of a content's name: enough that two contents never meet by accident. (Contents are compared before they are
/// believed: a name alone says nothing.)
const DIGITS: usize = 16;
/// Most of a specialisation's name that becomes part of a file name.
const SPECIALISATION_MAX: usize = 64;

/// Where systemd-boot is: at its own path, and at the one that firmware looks for on a disk it does not know (UEFI 2.10,
/// 3.5.1.1).
#[must_use]
pub fn loaders(arch: Arch) -> [String; 2] {
    let efi = arch.efi();
    [format!("EFI/systemd/systemd-boot{efi}.efi"), format!("EFI/BOOT/BOOT{}.EFI", efi.to_uppercase())]
}

/// The first digits of a digest.
#[must_use]
pub fn digits(digest: &Digest) -> String {
    digest.hex()[..DIGITS].to_owned()
}

/// The name of an entry's file without extension, for a content with `digest`.
#[must_use]
pub fn stem(generation: Option<u32>, specialisation: &str, digest: &Digest) -> String {
    let number = generation.map_or("x".to_owned(), |number| format!("g{number}"));
    let digits = digits(digest);
    if specialisation.is_empty() {
        return format!("{PREFIX}{number}-{digits}");
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._".contains(c) { c } else { '_' };
    let name: String = specialisation.chars().take(SPECIALISATION_MAX).map(plain).collect();
    format!("{PREFIX}{number}-{name}-{digits}")
}

/// The name that `path` has while it is being written, in the same folder. No boot loader lists it.
#[must_use]
pub fn temporary(path: &str) -> String {
    let (folder, name) = split(path);
    format!("{folder}/{PREFIX}{}{TEMPORARY}", name.strip_prefix(PREFIX).unwrap_or(name))
}

/// The path that a file called like this was to become; `None`: it is no temporary file of ours.
#[must_use]
pub fn final_of(path: &str, arch: Arch) -> Option<String> {
    let (folder, name) = split(path);
    let inner = name.strip_prefix(PREFIX)?.strip_suffix(TEMPORARY)?;
    let [own, removable] = loaders(arch);
    let fixed =
        [CONF, ENTRIES_SREL, &own, &removable].into_iter().find(|path| split(path) == (folder, inner));
    let named = format!("{folder}/{PREFIX}{inner}");
    let file = format!("{folder}/{inner}");
    let known = [named, file].into_iter().find(|path| is_entry(path) || is_file(path));
    fixed.map(str::to_owned).or(known)
}

/// An entry of ours: a unified kernel image or a type #1 entry.
#[must_use]
pub fn is_entry(path: &str) -> bool {
    let (folder, name) = split(path);
    let extension = match folder {
        IMAGES => ".efi",
        ENTRIES => ".conf",
        _ => return false,
    };
    let Some(stem) = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(extension)) else {
        return false;
    };
    stem.rsplit_once('-').is_some_and(|(number, digits)| is_digits(digits) && generation_part(number))
}

/// A kernel, initrd or device tree of ours.
#[must_use]
pub fn is_file(path: &str) -> bool {
    let (folder, name) = split(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let kind = stem.split_once('-');
    folder == FILES
        && kind.is_some_and(|(kind, digits)| ["linux", "initrd", "dtb"].contains(&kind) && is_digits(digits))
}

/// The generation that an entry of ours starts.
#[must_use]
pub fn generation_of(path: &str) -> Option<u32> {
    let name = split(path).1.strip_prefix(PREFIX)?.strip_prefix('g')?;
    name.split_once('-')?.0.parse().ok()
}

/// Folder and name.
#[must_use]
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn is_digits(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn generation_part(text: &str) -> bool {
    let number = text.split('-').next().unwrap_or_default();
    number == "x" || number.strip_prefix('g').is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_boot::loader::BootName;

    #[test]
    fn names_are_ours_and_no_others() {
        let digest = Digest::of(b"content");
        let digits = digits(&digest);
        for (name, generation) in [
            (stem(Some(7), "", &digest), Some(7)),
            (stem(Some(7), "with-Xen+a b/c", &digest), Some(7)),
            (stem(None, "debug", &digest), None),
            (stem(None, &"ä".repeat(300), &digest), None),
        ] {
            let path = format!("{IMAGES}/{name}.efi");
            assert!(is_entry(&path) && is_entry(&format!("{ENTRIES}/{name}.conf")), "{name}");
            assert_eq!(generation_of(&path), generation, "{name}");
            let boot_name = BootName::image(&name).unwrap();
            assert!(boot_name.tries().is_none(), "{name} is not counted down");
            assert_eq!(final_of(&temporary(&path), Arch::Amd64), Some(path));
        }
        assert!(
            is_file(&format!("{FILES}/linux-{digits}.efi")) && is_file(&format!("{FILES}/initrd-{digits}"))
        );
        for foreign in [
            "EFI/Linux/arch.efi",
            "EFI/Linux/pintle-mine.efi",
            "EFI/Linux/pintle-g7-0123.efi",
            "EFI/pintle/notes.txt",
            "loader/entries/nixos-generation-7.conf",
            "EFI/other/pintle-g7-0123456789abcdef.efi",
            "pintle-g7-0123456789abcdef.efi",
        ] {
            assert!(!is_entry(foreign) && !is_file(foreign), "{foreign}");
            assert_eq!(final_of(foreign, Arch::Amd64), None, "{foreign}");
        }
        for path in [CONF, ENTRIES_SREL, &loaders(Arch::Arm64)[1]] {
            assert_eq!(final_of(&temporary(path), Arch::Arm64), Some(path.to_owned()));
        }
        assert_eq!(final_of("loader/pintle-mine.tmp", Arch::Amd64), None);
    }
}
