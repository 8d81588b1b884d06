//! `pintle install-bootspec` on the fixture's generations: what it writes boots, and checkers find nothing wrong.

use crate::cli::{fails, folder};
use crate::common::{finish, succeed};
use crate::nix::{boot, pintle};
use pintle_testkit::nix::{StoreCopy, fixture};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the package systemd-boot-efi has its files; the fixture's systems have no systemd.
const BOOT_FILES: &str = "/usr/lib/systemd/boot/efi";

/// The fixture's store with both generations in its profile, as after `nixos-rebuild` of the second.
fn store() -> StoreCopy {
    let store = fixture().store_copy();
    let profiles = store.root.join("nix/var/nix/profiles");
    symlink(&fixture().gen2, profiles.join("system-2-link")).unwrap();
    fs::remove_file(profiles.join("system")).unwrap();
    symlink("system-2-link", profiles.join("system")).unwrap();
    store
}

/// The command, on a partition that is the folder `esp`.
fn install(root: &Path, esp: &Path, arguments: &[&str]) -> Command {
    let mut command = pintle(esp);
    command.args([
        "install-bootspec",
        "--any-file-system",
        "--timeout",
        "0",
        "--systemd-boot-dir",
        BOOT_FILES,
    ]);
    command.arg("--esp").arg(esp).arg("--root").arg(root).args(arguments);
    command
}

/// Runs `sgdisk`, `dd` and the like in `folder`.
fn shell(folder: &Path, script: &str) {
    succeed(Command::new("sh").args(["-euc", script]).current_dir(folder));
}

/// A disk with the partition `esp` and the root file system `root.img`, by other people's programs.
fn disk(folder: &Path, name: &str) -> PathBuf {
    shell(
        folder,
        &format!(
            "rm -f esp.img; mkfs.vfat -F 32 -S 512 -C esp.img 131072 >/dev/null; mcopy -i esp.img -s esp/* ::; \
             fsck.vfat -n esp.img; root=$(stat -c %s root.img); \
             truncate -s $((130*1048576 + root + 1048576)) {name}; \
             sgdisk -n 1:2048:+128M -t 1:ef00 -n 2:0:0 -t 2:8304 {name} >/dev/null; \
             dd if=esp.img of={name} bs=1M seek=1 conv=notrunc,sparse status=none; \
             dd if=root.img of={name} bs=1M seek=129 conv=notrunc,sparse status=none"
        ),
    );
    folder.join(name)
}

#[test]
fn the_default_boots_and_a_rollback_boots_the_other() {
    let folder = folder();
    let store = store();
    let esp = folder.path().join("esp");
    fs::create_dir(&esp).unwrap();
    let mut root = pintle(folder.path());
    root.args(["mkfs", "ext4", "--label", "nixos", "--root-owner", "--size", "160M"]);
    succeed(root.arg(&store.root).arg("root.img"));

    let said = succeed(&mut install(&store.root, &esp, &[&fixture().gen2]));
    assert!(said.contains("toy NixOS 26.05.2 is the default; 3 entries"), "{said}");
    let console =
        boot(folder.path(), &["--firmware", "uefi", disk(folder.path(), "two.raw").to_str().unwrap()]);
    assert!(console.contains(&format!("stage-2: booted {}", fixture().gen2)), "{console}");

    // As `nixos-rebuild --rollback` does it, and with the other kind of entries.
    let profile = store.root.join("nix/var/nix/profiles/system");
    fs::remove_file(&profile).unwrap();
    symlink("system-1-link", &profile).unwrap();
    succeed(&mut install(&store.root, &esp, &["--type", "entry", &fixture().gen1]));
    let console =
        boot(folder.path(), &["--firmware", "uefi", disk(folder.path(), "one.raw").to_str().unwrap()]);
    assert!(console.contains(&format!("stage-2: booted {}", fixture().gen1)), "{console}");
}

/// Everything below a folder, with its bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let list = succeed(Command::new("find").args([".", "-type", "f"]).current_dir(folder));
    let mut list: Vec<PathBuf> = list.lines().map(PathBuf::from).collect();
    list.sort();
    list.into_iter().map(|path| (path.clone(), fs::read(folder.join(path)).unwrap())).collect()
}

#[test]
fn signed_images_pass_sbverify_and_are_the_same_each_time() {
    let folder = folder();
    let store = store();
    let (esp, again) = (folder.path().join("esp"), folder.path().join("again"));
    let key = folder.path().join("db.key");
    shell(
        folder.path(),
        "mkdir esp again; openssl req -new -x509 -sha256 -nodes -days 3650 -subj /CN=db/ -newkey rsa:2048 \
         -keyout db.key -out db.crt 2>/dev/null; chmod 600 db.key",
    );
    let signed = ["--key", "../db.key", "--certificate", "../db.crt", &fixture().gen2];
    let mut json = install(&store.root, &esp, &signed);
    let report: serde_json::Value = serde_json::from_str(&succeed(json.arg("--json"))).unwrap();
    let images: Vec<&str> = report["installed"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["path"].as_str().unwrap())
        .collect();
    assert_eq!(images.len(), 3);
    for path in images.iter().chain(&["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"]) {
        succeed(Command::new("sbverify").arg("--cert").arg(folder.path().join("db.crt")).arg(esp.join(path)));
    }
    succeed(&mut install(&store.root, &again, &signed));
    assert!(files(&esp) == files(&again));
    let idle = succeed(&mut install(&store.root, &esp, &signed));
    assert_eq!(idle.lines().count(), 1, "nothing to do: {idle}");

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    insta::assert_snapshot!(fails(&mut install(&store.root, &esp, &signed)), @"
    exit 4
    error: others can read the secret key in ../db.key (mode 0640)
      next: chmod 600 ../db.key
    ");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let swapped = ["--key", "../db.key", "--certificate", "../db.key", &fixture().gen2];
    insta::assert_snapshot!(fails(&mut install(&store.root, &esp, &swapped)), @"
    exit 3
    error: ../db.key and ../db.key cannot sign: the certificate is no X.509 certificate in PEM (`BEGIN CERTIFICATE`)
    ");
    let output = finish(&mut install(&store.root, &esp, &["--key", "../db.key", &fixture().gen2]));
    assert_eq!(output.status.code(), Some(2), "a key needs its certificate");
}

#[test]
fn a_partition_that_is_none_is_not_written_to() {
    let folder = folder();
    let root = fixture().root.display().to_string();
    let said = |arguments: &[&str]| {
        let mut command = pintle(folder.path());
        let said = fails(command.args(["install-bootspec", "--root", &root]).args(arguments));
        said.replace(&folder.path().display().to_string(), "FOLDER").replace(&root, "ROOT")
    };
    let here = folder.path().display().to_string();
    insta::assert_snapshot!(said(&["--esp", &here, &fixture().gen2]), @"
    exit 4
    error: FOLDER is no FAT file system: is the EFI system partition mounted? Mount it, say where it is with `--esp`, or write there all the same with `--any-file-system`
    ");
    insta::assert_snapshot!(said(&[&fixture().gen2]), @"
    exit 1
    error: there is no folder ROOT/boot; mount the EFI system partition there, or say where it is with `--esp`
    ");
    insta::assert_snapshot!(said(&["--esp", &here, "--any-file-system", "nothing"]), @"
    exit 3
    error: `nothing` is no system of Nix: there is nothing at ./nothing. Name a toplevel in the store, a link to one, or the boot.json inside of it
    ");
    let no_systemd =
        said(&["--esp", &here, "--any-file-system", &fixture().gen2]).replace(&fixture().gen2, "GEN2");
    insta::assert_snapshot!(no_systemd, @"
    exit 1
    error: toy NixOS 26.05.2 would be the default, and cannot be started
      because: there is no systemd stub at GEN2/systemd/lib/systemd/boot/efi/linuxx64.efi.stub; say where systemd's boot files are with `--systemd-boot-dir`
    ");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
