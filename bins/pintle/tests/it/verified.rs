//! The layout `verified`: what the firmware starts stands for every byte of `/usr`, and nothing else of the image is
//! believed. Judges are the kernel, systemd and the tools of others.

use crate::common::{Gate, boot_web, finish, pintle, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A verified web server, built once.
struct Built {
    folder: tempfile::TempDir,
    manifest: serde_json::Value,
}

const DEFINITION: &str = r#"name = "sealed"
version = "1"
packages = ["systemd-boot-tools", "systemd-container"]

[image]
layout = "verified"
bios = false

[ssh]

[users.root]
ssh-keys = []

[nginx.sites.main]
root = "/srv/www"
content = "site"
"#;

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let definition = folder.path().join("definition");
        fs::create_dir_all(definition.join("site")).unwrap();
        fs::write(definition.join("site/index.html"), "sealed\n").unwrap();
        fs::write(definition.join("system.toml"), DEFINITION).unwrap();
        succeed(pintle().args(["build", "--output"]).arg(folder.path().join("out")).arg(&definition));
        let manifest = fs::read(folder.path().join("out/sealed.json")).unwrap();
        Built { folder, manifest: serde_json::from_slice(&manifest).unwrap() }
    })
}

impl Built {
    fn image(&self) -> PathBuf {
        self.folder.path().join("out/sealed.raw")
    }

    /// A copy that may be changed, as large as a small disk.
    fn copy(&self, folder: &Path) -> PathBuf {
        let copy = folder.join("disk.raw");
        succeed(Command::new("cp").arg("--sparse=always").arg(self.image()).arg(&copy));
        copy
    }

    /// Byte and length of a partition.
    fn partition(&self, role: &str) -> (u64, u64) {
        let partitions = self.manifest["disk"]["partitions"].as_array().unwrap();
        let found = partitions.iter().find(|partition| partition["role"] == role).unwrap();
        (found["start"].as_u64().unwrap(), found["size"].as_u64().unwrap())
    }

    /// The digest on the command line.
    fn root_hash(&self) -> String {
        let cmdline = self.manifest["disk"]["cmdline"].as_str().unwrap();
        cmdline.split_once("usrhash=").unwrap().1.split(' ').next().unwrap().to_owned()
    }

    /// Partition `role` as a file.
    fn cut(&self, role: &str, folder: &Path) -> PathBuf {
        let (start, size) = self.partition(role);
        let file = folder.join(role);
        let mut dd = Command::new("dd");
        dd.args(["bs=1M", "status=none", "conv=sparse"]);
        dd.arg(format!("skip={}", start >> 20)).arg(format!("count={}", size >> 20));
        succeed(dd.arg(format!("if={}", self.image().display())).arg(format!("of={}", file.display())));
        file
    }
}

/// Boots `image`, keeping what it writes; gives what `script` says inside.
fn boot(image: &Path, script: &str) -> String {
    // Then its power is cut.
    boot_web(image, &format!("{script}; sync"))
}

#[test]
fn tools_of_others_read_the_disk_without_complaint() {
    let (built, folder) = (built(), tempfile::tempdir().unwrap());
    let said = succeed(Command::new("sgdisk").arg("-v").arg(built.image()));
    assert!(said.contains("No problems found"), "{said}");
    let (data, hashes) = (built.cut("usr", folder.path()), built.cut("usr-verity", folder.path()));
    succeed(Command::new("veritysetup").arg("verify").args([&data, &hashes]).arg(built.root_hash()));
    succeed(Command::new("fsck.erofs").arg(&data));
    let other = built.root_hash().replace(|c: char| c != '0', "0");
    assert!(
        !finish(Command::new("veritysetup").arg("verify").args([&data, &hashes]).arg(other)).status.success()
    );
    // systemd finds partitions by the halves of the digest.
    let partitions = built.manifest["disk"]["partitions"].as_array().unwrap();
    let halves: String = ["usr", "usr-verity"]
        .iter()
        .map(|role| partitions.iter().find(|partition| partition["role"] == *role).unwrap())
        .map(|partition| partition["uuid"].as_str().unwrap().replace('-', ""))
        .collect();
    assert_eq!(halves, built.root_hash());
}

#[test]
fn the_first_boot_makes_what_the_second_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let disk = built().copy(folder.path());
    let first = boot(
        &disk,
        "systemctl is-system-running --wait; systemctl --failed --no-legend; findmnt -no FSTYPE /; findmnt -no \
         SOURCE,FSTYPE /usr; findmnt -no FSTYPE /var; lsblk -no PARTLABEL /dev/vda | grep -c _empty; touch /usr/x \
         2>&1; echo edit > /etc/edited; echo kept > /var/lib/kept; cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub",
    );
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines[..4], ["running", "tmpfs", "/dev/mapper/usr erofs", "ext4"], "{first}");
    assert_eq!(lines[4], "2", "places for the next /usr and its hashes: {first}");
    assert!(lines[5].contains("Read-only file system"), "{first}");
    let identity = &lines[6..];
    assert_eq!(identity[0].len(), 32, "{first}");
    assert!(identity[1].starts_with("ssh-ed25519 "), "{first}");

    // Somebody gives it a larger disk.
    succeed(Command::new("truncate").args(["-s", "4G"]).arg(&disk));
    let second = boot(
        &disk,
        "systemctl is-system-running --wait; cat /var/lib/kept; ls /etc/edited 2>&1; df --output=size -BM /var | tail -1; \
         find /usr/lib/systemd/system /usr/share/factory/etc/systemd -newermt @1 -name pintle-keep.service | wc -l; cat \
         /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub; mkdir /run/esp; mount /dev/disk/by-partlabel/esp \
         /run/esp; bootctl --esp-path=/run/esp list --json=short; systemd-dissect --json=short /dev/vda",
    );
    let lines: Vec<&str> = second.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["running", "kept"], "{second}");
    assert!(lines[2].contains("No such file"), "an edit of /etc lasts until the next boot: {second}");
    assert!(lines[3].trim_end_matches('M').parse::<u32>().unwrap() > 2000, "/var has grown: {second}");
    assert_eq!(lines[5..7], *identity, "it is the same machine: {second}");
    // systemd's own tools know the disk.
    let json = |at: usize| {
        serde_json::from_str::<serde_json::Value>(lines[at]).unwrap_or_else(|_| panic!("{second}"))
    };
    let (entries, disk) = (json(7), json(8));
    let entries: Vec<(&str, &str)> = entries
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["type"] == "type2")
        .map(|entry| (entry["id"].as_str().unwrap(), entry["version"].as_str().unwrap()))
        .collect();
    assert_eq!(entries, [("sealed_1.efi", "1"), ("sealed_1.rescue.efi", "1")], "{second}");
    let known: Vec<&str> = disk["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["designator"].as_str().unwrap())
        .collect();
    assert_eq!(known, ["usr", "esp", "usr-verity", "var"], "{second}");
}

#[test]
fn a_flipped_bit_is_an_error_and_never_wrong_bytes() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (built, disk) = (built(), built().copy(folder.path()));
    // A block in the middle of a file that nothing needs to start: what is read of it must not be what is there.
    let (start, _) = built.partition("usr");
    let data = built.cut("usr", folder.path());
    let said = succeed(
        Command::new("dump.erofs").arg("--path=/share/common-licenses/GPL-3").args(["-e"]).arg(&data),
    );
    let line = said.lines().find(|line| line.trim_start().starts_with("0:")).unwrap();
    let physical = line.split('|').nth(1).unwrap().split(':').next_back().unwrap();
    let at: u64 = physical.trim().split("..").next().unwrap().trim().parse().unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&disk).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, start + at + 100).unwrap();
    file.write_all_at(&[byte[0] ^ 1], start + at + 100).unwrap();
    let said = boot(
        &disk,
        "cat /usr/share/common-licenses/GPL-3 2>&1 | wc -c; head -c 10 /usr/share/common-licenses/GPL-3 2>&1; journalctl -kb | grep -c \"verity.*corrupted\"",
    );
    assert!(said.contains("Input/output error"), "{said}");
    assert!(said.lines().last().unwrap().trim().parse::<u32>().unwrap() > 0, "{said}");
}

/// Compressed, or of the kind that everybody knows: verified as well, and started.
#[test]
fn usr_can_be_of_another_file_system() {
    for kind in ["erofs-zstd", "ext4"] {
        let folder = tempfile::tempdir().unwrap();
        let definition = folder.path().join("definition");
        fs::create_dir_all(definition.join("site")).unwrap();
        fs::write(definition.join("site/index.html"), "sealed\n").unwrap();
        let text = DEFINITION.replace("bios = false", &format!("bios = false\nusr-file-system = \"{kind}\""));
        fs::write(definition.join("system.toml"), text).unwrap();
        succeed(
            Command::new("cp").arg(built().folder.path().join("definition/pintle.lock")).arg(&definition),
        );
        let mut build = pintle();
        build.args(["build", "--no-report", "--sbom", "none", "--no-checksum", "--output"]);
        succeed(build.arg(folder.path().join("out")).arg(&definition));
        let manifest = fs::read(folder.path().join("out/sealed.json")).unwrap();
        let built = Built { folder, manifest: serde_json::from_slice(&manifest).unwrap() };
        // Debian 12's fsck.erofs does not know what its own kernels read.
        if kind == "ext4" {
            succeed(Command::new("e2fsck").arg("-fn").arg(built.cut("usr", built.folder.path())));
        }
        let inspected = succeed(pintle().arg("inspect").arg(built.image()));
        assert!(inspected.contains("sealed_1: verified"), "{inspected}");
        let said = boot(
            &built.image(),
            "systemctl is-system-running --wait; findmnt -no FSTYPE,OPTIONS /usr; touch /usr/x 2>&1",
        );
        let mounted = format!("running\n{} ro,", kind.split('-').next().unwrap());
        assert!(said.starts_with(&mounted) && said.contains("Read-only file system"), "{kind}: {said}");
    }
}

/// The disk that an image was copied to may be smaller than the one it was made for.
#[test]
fn a_disk_that_is_too_small_is_told_on_its_first_boot() {
    let folder = tempfile::tempdir().unwrap();
    let disk = built().copy(folder.path());
    let (start, size) = built().partition("usr-verity");
    succeed(Command::new("truncate").arg("-s").arg((start + size + (100 << 20)).to_string()).arg(&disk));
    succeed(Command::new("sgdisk").arg("--move-second-header").arg(&disk));
    let _turn = Gate::enter();
    let mut run = pintle();
    run.args(["run", "--writable", "--cpus", "1", "--timeout", "600", "--console", "show"]).arg(&disk);
    let output = finish(run.args(["--until", "console:this disk too small"]));
    let console = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{console}");
    assert!(console.contains("Can't fit requested partitions into available free space"), "{console}");
}

#[test]
fn a_disk_or_place_that_is_too_small_is_told_at_build() {
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("definition");
    fs::create_dir_all(definition.join("site")).unwrap();
    fs::write(definition.join("site/index.html"), "x").unwrap();
    succeed(Command::new("cp").arg(built().folder.path().join("definition/pintle.lock")).arg(&definition));
    let refused = |line: &str| {
        let text = DEFINITION.replace("bios = false\n", &format!("{line}\n"));
        fs::write(definition.join("system.toml"), text).unwrap();
        let mut build = pintle();
        build.args(["build", "--output"]).arg(folder.path().join("out")).arg(&definition);
        let output = finish(&mut build);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Sizes follow Debian's point releases.
        let numbers = |(at, part): (usize, &str)| if at == 0 { part.to_owned() } else { format!("N{part}") };
        let parts = said.split(|c: char| c.is_ascii_digit()).enumerate();
        let said: String = parts.filter(|(at, part)| *at == 0 || !part.is_empty()).map(numbers).collect();
        let said = said.split("; most of it").next().unwrap().to_owned();
        format!("exit {}\n{said}", output.status.code().unwrap_or(-1))
    };
    insta::assert_snapshot!(refused("bios = false\nslot-size = \"64M\""), @"
    exit 3
    error: the image cannot be laid out:
      `image.slot-size` gives /usr N MiB, it needs N MiB at least
    ");
    insta::assert_snapshot!(refused("bios = false\nsize = \"600M\""), @"
    exit 3
    error: the image cannot be laid out:
      `image.size` is N MiB, the image needs N.N GiB at least (N bytes)
    ");
    insta::assert_snapshot!(refused("uefi = false"), @"
    exit 3
    changed the lock:
    + grub-pc-bin N.N-N+debNuN
    - systemd-boot-efi N.N-N~debNuN

    error: the image cannot be laid out:
      the layout `verified` keeps its kernel in the unified kernel image, for BIOS as well: set `image.uefi = true`
    ");
}
