use super::{BadBootName, BootName, LoaderConf};
use pintle_model::{Arch, Attrs, Blob, Kind, Origin, Timestamp, Tree, TreeError, TreePath};

/// What an EFI system partition holds.
#[derive(Clone, Debug)]
pub struct EspFiles<'a> {
    /// Target architecture.
    pub arch: Arch,
    /// `systemd-boot*.efi`.
    pub systemd_boot: &'a Blob,
    /// Unified kernel images by name.
    pub images: &'a [(BootName, Blob)],
    /// `loader.conf`.
    pub conf: &'a LoaderConf,
    /// Signed updates of firmware variables to enrol, by file name (`PK.auth`).
    pub enrol: &'a [(String, Vec<u8>)],
    /// Files of others, by path.
    pub more: &'a [(String, Vec<u8>)],
    /// Time of every file.
    pub time: Timestamp,
}

/// Why an EFI system partition cannot be laid out.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EspError {
    /// `loader.conf` cannot be written.
    #[error("the boot loader's configuration cannot be written")]
    Conf(#[source] BadBootName),
    /// Two images of one name.
    #[error("two unified kernel images have one name")]
    Twice(#[source] TreeError),
}

/// Folder of the keys that systemd-boot enrols by itself (systemd-boot(7), "SECURE BOOT KEY ENROLLMENT").
const KEYS: &str = "loader/keys/auto";

/// Where a unified kernel image goes (UAPI.1, type #2 entries).
#[must_use]
pub fn uki_path(name: &BootName) -> TreePath {
    TreePath::literal(&format!("EFI/Linux/{name}"))
}

/// The tree of an EFI system partition that boots by itself: systemd-boot at its own path and at the one firmware
/// looks for on a disk it does not know (UEFI 2.10, 3.5.1.1), the unified kernel images, `loader.conf`.
///
/// No random seed is put in: it would be the same in every copy of the image. systemd makes one at first boot.
///
/// # Errors
/// [`EspError`].
pub fn esp_tree(files: &EspFiles<'_>) -> Result<Tree, EspError> {
    let efi = files.arch.efi();
    let conf = files.conf.render().map_err(EspError::Conf)?;
    let mut all = vec![
        (format!("EFI/BOOT/BOOT{}.EFI", efi.to_uppercase()), files.systemd_boot.clone()),
        (format!("EFI/systemd/systemd-boot{efi}.efi"), files.systemd_boot.clone()),
        ("loader/entries.srel".to_owned(), Blob::inline(*b"type1\n")),
        ("loader/loader.conf".to_owned(), Blob::inline(conf.into_bytes())),
    ];
    all.extend(files.images.iter().map(|(name, image)| (format!("EFI/Linux/{name}"), image.clone())));
    all.extend(
        files.enrol.iter().map(|(name, update)| (format!("{KEYS}/{name}"), Blob::inline(update.clone()))),
    );
    all.extend(files.more.iter().map(|(path, bytes)| (path.clone(), Blob::inline(bytes.clone()))));
    // Entries of type #1 may be added later; bootctl expects their directory.
    let directories = ["EFI/BOOT", "EFI/Linux", "EFI/systemd", "loader/entries"];
    let keys = (!files.enrol.is_empty()).then(|| KEYS.to_owned());
    let more =
        files.more.iter().filter_map(|(path, _)| path.rsplit_once('/').map(|(folder, _)| folder.to_owned()));

    let mut tree = Tree::new();
    let by = tree.origin(Origin::Generated("boot".to_owned()));
    let attrs = |mode| Attrs { mtime: files.time, ..Attrs::root(mode) };
    tree.inode_mut(tree.root()).attrs = attrs(0o755);
    for path in directories.into_iter().map(str::to_owned).chain(keys).chain(more) {
        tree.ensure_directory(&TreePath::literal(&path), attrs(0o755), by)
            .expect("invariant: an empty tree takes every directory");
    }
    for (path, blob) in all {
        tree.add(&TreePath::literal(&path), Kind::File(blob), attrs(0o644), by).map_err(EspError::Twice)?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_and_systemd_find_everything() {
        let boot = Blob::inline(*b"sd-boot");
        let image = (BootName::image("web_1.0").unwrap().with_tries(3), Blob::inline(*b"uki"));
        let files = EspFiles {
            arch: Arch::Amd64,
            systemd_boot: &boot,
            images: std::slice::from_ref(&image),
            conf: &LoaderConf::default(),
            enrol: &[],
            more: &[],
            time: Timestamp::from_secs(1),
        };
        let paths = |tree: &Tree| tree.walk().map(|e| e.path.to_string()).collect::<Vec<_>>().join(" ");
        insta::assert_snapshot!(paths(&esp_tree(&files).unwrap()), @"/ /EFI /EFI/BOOT /EFI/BOOT/BOOTX64.EFI /EFI/Linux /EFI/Linux/web_1.0+3-0.efi /EFI/systemd /EFI/systemd/systemd-bootx64.efi /loader /loader/entries /loader/entries.srel /loader/loader.conf");
        let arm = EspFiles { arch: Arch::Arm64, images: &[], ..files.clone() };
        insta::assert_snapshot!(paths(&esp_tree(&arm).unwrap()), @"/ /EFI /EFI/BOOT /EFI/BOOT/BOOTAA64.EFI /EFI/Linux /EFI/systemd /EFI/systemd/systemd-bootaa64.efi /loader /loader/entries /loader/entries.srel /loader/loader.conf");
        let signed = EspFiles { enrol: &[("PK.auth".to_owned(), vec![1])], images: &[], ..files.clone() };
        insta::assert_snapshot!(paths(&esp_tree(&signed).unwrap()), @"/ /EFI /EFI/BOOT /EFI/BOOT/BOOTX64.EFI /EFI/Linux /EFI/systemd /EFI/systemd/systemd-bootx64.efi /loader /loader/entries /loader/entries.srel /loader/keys /loader/keys/auto /loader/keys/auto/PK.auth /loader/loader.conf");
        let twice = [image.clone(), image.clone()];
        let error = esp_tree(&EspFiles { images: &twice, ..files }).unwrap_err();
        insta::assert_snapshot!(error, @"two unified kernel images have one name");
    }
}
