//! What becomes of a release that does not come up: each boot ends unattended in the one that was good, or in a rescue.
//! Updates are made by the tools of others: sgdisk, dd, mtools, grub-editenv.

use crate::common::{Gate, finish, first_sector, pintle, succeed};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A release in a folder of its own.
struct Release {
    version: &'static str,
    folder: PathBuf,
    manifest: Value,
}

/// Everything that is built, once: the release that is good, and some that are to take its place.
struct Built {
    _folder: tempfile::TempDir,
    good: Release,
    dead: Release,
    panics: Release,
    hangs: Release,
}

fn release(folder: &Path, version: &'static str, deadline: u32, more: &str) -> Release {
    let folder = folder.join(version);
    let source = folder.join("definition");
    fs::create_dir_all(&source).unwrap();
    let text = format!(
        "name = \"shop\"\nversion = \"{version}\"\n\n[image]\nlayout = \"verified\"\n\n[ssh]\n\n[users.root]\nssh-keys = \
         []\n\n[health]\ndeadline = {deadline}\n{more}"
    );
    fs::write(source.join("system.toml"), text).unwrap();
    let mut build = pintle();
    build
        .args(["build", "--no-report", "--sbom", "none", "--no-checksum", "--output"])
        .arg(folder.join("out"));
    succeed(build.arg(&source));
    let manifest = serde_json::from_slice(&fs::read(folder.join("out/shop.json")).unwrap()).unwrap();
    Release { version, folder, manifest }
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let release = |version, deadline, more| release(folder.path(), version, deadline, more);
        let good = release("1", 240, "");
        let dead = release("2", 120, "\n[services.shop]\ncommand = [\"/usr/bin/false\"]\n");
        // The kernel finds nothing to start.
        let panics = release("3", 240, "\n[base]\nkernel.parameters = [\"rdinit=/nowhere\"]\n");
        // The initrd never goes on.
        let hangs =
            release("4", 60, "\n[base]\nkernel.parameters = [\"rd.systemd.mask=initrd-cleanup.service\"]\n");
        Built { _folder: folder, good, dead, panics, hangs }
    })
}

impl Release {
    fn image(&self) -> PathBuf {
        self.folder.join("out/shop.raw")
    }

    /// A partition, as the manifest has it.
    fn partition(&self, role: &str) -> &Value {
        let partitions = self.manifest["disk"]["partitions"].as_array().unwrap();
        partitions.iter().find(|partition| partition["role"] == role).unwrap()
    }

    fn start(&self, role: &str) -> u64 {
        self.partition(role)["start"].as_u64().unwrap()
    }

    fn size(&self, role: &str) -> u64 {
        self.partition(role)["size"].as_u64().unwrap()
    }
}

/// A disk that can be changed.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// With the good release alone.
    fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap() };
        succeed(Command::new("cp").arg("--sparse=always").arg(built().good.image()).arg(disk.path()));
        disk
    }

    /// With `next` in the second place, as an update would leave it: with `left` tries.
    fn updated(next: &Release, left: u32) -> Self {
        let disk = Self::new();
        for (number, role) in [(5, "usr"), (6, "usr-verity")] {
            let text = |key: &str| next.partition(role)[key].as_str().unwrap().to_owned();
            let mut sgdisk = Command::new("sgdisk");
            sgdisk.arg(format!("--new={number}:0:+{}K", next.size(role) >> 10));
            sgdisk.arg(format!("--typecode={number}:{}", text("type_uuid")));
            sgdisk.arg(format!("--change-name={number}:{}", text("label")));
            sgdisk.arg(format!("--partition-guid={number}:{}", text("uuid")));
            succeed(sgdisk.arg(format!("--attributes={number}:set:60")).arg(disk.path()));
            let sector = first_sector(&disk.path(), number);
            let mut dd = Command::new("dd");
            dd.args(["bs=512", "status=none", "conv=notrunc"]).arg(format!("seek={sector}"));
            dd.arg(format!("skip={}", next.start(role) / 512))
                .arg(format!("count={}", next.size(role) / 512));
            dd.arg(format!("if={}", next.image().display()));
            succeed(dd.arg(format!("of={}", disk.path().display())));
        }
        let work = disk.folder.path();
        let from = format!("{}@@{}", next.image().display(), next.start("esp"));
        let copy = |path: &str| {
            let file = work.join(path.rsplit('/').next().unwrap());
            succeed(Command::new("mcopy").args(["-n", "-o", "-i", &from, &format!("::{path}")]).arg(&file));
            file
        };
        let image = copy(&format!("/EFI/Linux/shop_{}+3-0.efi", next.version));
        disk.put(&image, &format!("/EFI/Linux/shop_{}+{left}-{}.efi", next.version, 3 - left));
        let (script, sums) = (copy("/grub/a.cfg"), copy("/grub/a.sha256"));
        let text = fs::read_to_string(&script).unwrap();
        fs::write(&script, text.replace("_a", "_b").replace("slot=a", "slot=b")).unwrap();
        disk.put(&script, "/grub/b.cfg");
        disk.put(&sums, "/grub/b.sha256");
        disk.remember(&["first=b", &format!("left_b={left}")]);
        disk
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk.raw")
    }

    fn esp(&self) -> String {
        format!("{}@@{}", self.path().display(), built().good.start("esp"))
    }

    fn put(&self, file: &Path, path: &str) {
        let mut mcopy = Command::new("mcopy");
        succeed(mcopy.args(["-n", "-o", "-i", &self.esp()]).arg(file).arg(format!("::{path}")));
    }

    fn images(&self) -> String {
        let said = succeed(Command::new("mdir").args(["-b", "-i", &self.esp(), "::/EFI/Linux"]));
        said.lines().map(|line| line.rsplit('/').next().unwrap()).collect::<Vec<_>>().join(" ")
    }

    /// Writes variables of GRUB's environment block, both times.
    fn remember(&self, variables: &[&str]) {
        for name in ["grubenv", "grubenv.2"] {
            let block = self.folder.path().join(name);
            let path = format!("::/grub/{name}");
            succeed(Command::new("mcopy").args(["-n", "-o", "-i", &self.esp(), &path]).arg(&block));
            succeed(Command::new("grub-editenv").arg(&block).arg("set").args(variables));
            self.put(&block, &format!("/grub/{name}"));
        }
    }

    fn remembered(&self) -> String {
        let block = self.folder.path().join("grubenv");
        succeed(Command::new("mcopy").args(["-n", "-o", "-i", &self.esp(), "::/grub/grubenv"]).arg(&block));
        let said = succeed(Command::new("grub-editenv").arg(&block).arg("list"));
        said.lines().collect::<Vec<_>>().join(" ")
    }

    /// Turns a byte of a file on the EFI system partition, which lies in one piece.
    fn damage(&self, path: &str, at: u64) {
        let file = self.folder.path().join("whole");
        succeed(Command::new("mcopy").args(["-n", "-o", "-i", &self.esp(), &format!("::{path}")]).arg(&file));
        let bytes = fs::read(&file).unwrap();
        let said = succeed(Command::new("mshowfat").args(["-i", &self.esp(), &format!("::{path}")]));
        let first: u64 = said.split('<').nth(1).unwrap().split(['-', '>']).next().unwrap().parse().unwrap();
        let info = succeed(Command::new("minfo").args(["-i", &self.esp(), "::"]));
        let value = |key: &str| -> u64 {
            let line = info.lines().find(|line| line.starts_with(key)).unwrap();
            let digits = line.split([' ', ':', '=']).find(|word| word.parse::<u64>().is_ok());
            digits.unwrap().parse().unwrap()
        };
        let (cluster, reserved) = (value("cluster size"), value("reserved (boot) sectors"));
        let (fats, big) = (value("fats"), value("Big fatlen"));
        let data = (reserved + fats * big + (first - 2) * cluster) * 512;
        let disk = fs::OpenOptions::new().read(true).write(true).open(self.path()).unwrap();
        let place = built().good.start("esp") + data + at;
        let mut byte = [0];
        disk.read_exact_at(&mut byte, place).unwrap();
        assert_eq!(byte[0], bytes[usize::try_from(at).unwrap()], "the file lies in one piece");
        disk.write_all_at(&[byte[0] ^ 0x55], place).unwrap();
    }

    /// Starts it, however often it starts again by itself; gives what `script` says once a boot is called good.
    fn boot(&self, firmware: &str, script: &str) -> String {
        self.boot_until(&["console:this boot is good: all", "ssh"], firmware, script)
    }

    fn boot_until(&self, until: &[&str], firmware: &str, script: &str) -> String {
        let _turn = Gate::enter();
        let mut run = pintle();
        run.args(["run", "--quiet", "--firmware", firmware, "--writable", "--restarts", "--cpus", "1"]);
        run.args(["--timeout", "900", "--memory", "768M"]).arg(self.path());
        run.args(until.iter().flat_map(|until| ["--until", until])).args(["--exec", "sh", "-c"]);
        succeed(run.arg(format!("'systemctl is-system-running --wait >/dev/null; {script}; sync'")))
    }
}

const WHICH: &str = ". /etc/os-release; echo $IMAGE_VERSION; systemctl is-active pintle-bless boot-complete.target \
                     multi-user.target pintle-rescue.target; journalctl -b -o cat | grep -c \"ordering cycle\"";
const GOOD: &str = "1\nactive\nactive\nactive\ninactive\n0\n";

/// What an update left on the disk is seen without starting it.
#[test]
fn both_places_are_seen_from_outside() {
    let disk = Disk::updated(&built().dead, 2);
    let inspect = || {
        let output = finish(pintle().arg("inspect").arg(disk.path()));
        let said = String::from_utf8(output.stdout).unwrap();
        let lines = said.lines().filter(|line| {
            ["slot", "BIOS", "PROBLEM", "  EFI/", "      "].iter().any(|start| line.starts_with(start))
                && !line.contains("PCR")
        });
        let lines: Vec<&str> = lines.map(|line| line.split(", kernel").next().unwrap()).collect();
        let mut said = lines.join("\n");
        for release in [&built().good, &built().dead] {
            let cmdline = release.manifest["disk"]["cmdline"].as_str().unwrap();
            let hash = cmdline.split_once("usrhash=").unwrap().1.split(' ').next().unwrap();
            said = said.replace(hash, &format!("HASH OF {}", release.version));
        }
        (output.status.code(), said)
    };
    let (status, said) = inspect();
    insta::assert_snapshot!(said, @"
    slot A       shop_1: verified, HASH OF 1
    slot B       shop_2: verified, HASH OF 2
      EFI/Linux/shop_1+3-0.efi
          Debian GNU/Linux 13 (trixie), slot A
          3 tries left, 0 done; not signed
      EFI/Linux/shop_1.rescue.efi
          Debian GNU/Linux 13 (trixie) (rescue), slot A
          not counted; not signed
      EFI/Linux/shop_2+2-1.efi
          Debian GNU/Linux 13 (trixie), slot B
          2 tries left, 1 done; not signed
    BIOS         GRUB, B first, tries left: A 3, B 2
    ");
    assert_eq!(status, Some(0));
    disk.remember(&["left_a=0"]);
    disk.damage("/EFI/Linux/shop_2+2-1.efi", 20 << 20);
    let block = disk.folder.path().join("grubenv");
    fs::write(&block, "nothing").unwrap();
    disk.put(&block, "/grub/grubenv");
    let (status, said) = inspect();
    insta::assert_snapshot!(said, @"
    slot A       shop_1: verified, HASH OF 1
    slot B       shop_2: verified, HASH OF 2
      EFI/Linux/shop_1+3-0.efi
          Debian GNU/Linux 13 (trixie), slot A
          3 tries left, 0 done; not signed
      EFI/Linux/shop_1.rescue.efi
          Debian GNU/Linux 13 (trixie) (rescue), slot A
          not counted; not signed
      EFI/Linux/shop_2+2-1.efi
          Debian GNU/Linux 13 (trixie), slot B
          2 tries left, 1 done; not signed
    BIOS         GRUB, B first, tries left: A 0, B 2
    PROBLEM      GRUB's memory grub/grubenv cannot be read
    PROBLEM      GRUB does not start place b: kernel or initrd are not those of its list of digests
    ");
    assert_eq!(status, Some(4));
}

#[test]
fn a_good_boot_gets_its_tries_back_by_uefi() {
    let disk = Disk::new();
    assert_eq!(disk.images(), "shop_1+3-0.efi shop_1.rescue.efi");
    let script = format!("{WHICH}; cat /sys/class/watchdog/watchdog0/state; pintle-agent --json status");
    let said = disk.boot("uefi", &script);
    let (which, status) = said.split_once("0\nactive\n").unwrap();
    assert_eq!(format!("{which}0\n"), GOOD, "{said}");
    let status: Value = serde_json::from_str(status).unwrap();
    assert_eq!(status["boot"]["state"], "good", "{status:#}");
    assert_eq!(disk.images(), "shop_1+3-0.efi shop_1.rescue.efi");
}

#[test]
fn a_dead_application_is_left_behind() {
    let disk = Disk::updated(&built().dead, 1);
    assert_eq!(disk.boot("uefi", WHICH), GOOD);
    assert_eq!(disk.images(), "shop_1+3-0.efi shop_1.rescue.efi shop_2+0-3.efi");
    let disk = Disk::updated(&built().dead, 1);
    assert_eq!(disk.boot("bios", WHICH), GOOD);
    assert_eq!(disk.remembered(), "first=a good=a left_a=3 left_b=0");
}

#[test]
fn a_kernel_that_panics_is_left_behind_after_three_tries() {
    let disk = Disk::updated(&built().panics, 3);
    assert_eq!(disk.boot("uefi", WHICH), GOOD);
    assert_eq!(disk.images(), "shop_1+3-0.efi shop_1.rescue.efi shop_3+0-3.efi");
    let disk = Disk::updated(&built().panics, 3);
    assert_eq!(disk.boot("bios", WHICH), GOOD);
    assert_eq!(disk.remembered(), "first=a good=a left_a=3 left_b=0");
}

#[test]
fn an_initrd_that_hangs_is_left_behind() {
    let disk = Disk::updated(&built().hangs, 1);
    assert_eq!(disk.boot("bios", WHICH), GOOD);
    assert_eq!(disk.remembered(), "first=a good=a left_a=3 left_b=0");
}

#[test]
fn a_corrupted_image_is_not_started() {
    // The first sector of the kernel in it.
    let at = |disk: &Disk| {
        let script = fs::read_to_string(disk.folder.path().join("a.cfg")).unwrap();
        let list = script.split_once("linux (uki)").unwrap().1;
        list.split('+').next().unwrap().parse::<u64>().unwrap() * 512
    };
    let disk = Disk::updated(&built().dead, 3);
    disk.damage("/EFI/Linux/shop_2+3-0.efi", at(&disk));
    assert_eq!(disk.boot("bios", WHICH), GOOD);
    assert_eq!(disk.remembered(), "first=a good=a left_a=3 left_b=2", "it was one try");
    // systemd-boot passes over what it cannot read. What firmware refuses later, it cannot do anything about (version 257).
    let disk = Disk::updated(&built().dead, 3);
    disk.damage("/EFI/Linux/shop_2+3-0.efi", 0);
    assert_eq!(disk.boot("uefi", WHICH), GOOD);
    assert_eq!(disk.images(), "shop_1+3-0.efi shop_1.rescue.efi shop_2+3-0.efi");
}

#[test]
fn hashes_that_are_damaged_end_the_boot_in_the_initrd() {
    let disk = Disk::updated(&built().dead, 1);
    let at = first_sector(&disk.path(), 6) * 512;
    let file = fs::OpenOptions::new().write(true).open(disk.path()).unwrap();
    file.write_all_at(&[0x55; 8192], at).unwrap();
    assert_eq!(disk.boot("uefi", WHICH), GOOD);
    assert_eq!(disk.images(), "shop_1+3-0.efi shop_1.rescue.efi shop_2+0-3.efi");
}

#[test]
fn where_no_tries_are_left_there_is_a_rescue_by_uefi() {
    let disk = Disk::new();
    let esp = disk.esp();
    let names = ["::/EFI/Linux/shop_1+3-0.efi", "::/EFI/Linux/shop_1+0-3.efi"];
    succeed(Command::new("mren").args(["-i", &esp]).args(names));
    let said = disk.boot_until(&["ssh"], "uefi", WHICH);
    assert_eq!(said, "1\ninactive\ninactive\ninactive\nactive\n0\n");
    assert_eq!(disk.images(), "shop_1+0-3.efi shop_1.rescue.efi");
}

#[test]
fn where_no_tries_are_left_or_nothing_is_remembered_there_is_a_rescue_by_bios() {
    let disk = Disk::new();
    disk.remember(&["left_a=0"]);
    assert_eq!(disk.boot_until(&["ssh"], "bios", WHICH), "1\ninactive\ninactive\ninactive\nactive\n0\n");
    assert_eq!(disk.remembered(), "first=a good=a left_a=0 left_b=0");
    // One damaged block is no harm; two are.
    disk.remember(&["left_a=3"]);
    disk.damage("/grub/grubenv", 3);
    assert_eq!(disk.boot("bios", WHICH), GOOD);
    disk.damage("/grub/grubenv", 3);
    disk.damage("/grub/grubenv.2", 3);
    assert_eq!(disk.boot_until(&["ssh"], "bios", WHICH), "1\ninactive\ninactive\ninactive\nactive\n0\n");
}
