//! Builds that sign what firmware starts: judged by sbsigntool, by OVMF that checks, and by a TPM.

use crate::cli::fails;
use crate::common::{Gate, finish, pintle, succeed};
use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A verified server with keys, built once.
struct Built {
    folder: tempfile::TempDir,
    manifest: serde_json::Value,
}

const DEFINITION: &str = r#"name = "signed"
version = "1"

[image]
layout = "verified"
bios = false
secure-boot.keys = "keys"

[ssh]

[users.root]
ssh-keys = []
"#;

fn build(folder: &Path, out: &str) -> Command {
    let mut command = pintle();
    command.current_dir(folder).args(["build", "--no-report", "--output", out, "definition"]);
    command
}

fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let definition = folder.path().join("definition");
        fs::create_dir(&definition).unwrap();
        fs::write(definition.join("system.toml"), DEFINITION).unwrap();
        succeed(pintle().args(["keys", "new", "--name", "Toy"]).arg(definition.join("keys")));
        succeed(&mut build(folder.path(), "out"));
        let manifest = fs::read(folder.path().join("out/signed.json")).unwrap();
        Built { folder, manifest: serde_json::from_slice(&manifest).unwrap() }
    })
}

impl Built {
    fn image(&self) -> PathBuf {
        self.folder.path().join("out/signed.raw")
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("definition/keys")
    }

    /// A file of the EFI system partition, as mtools read it.
    fn of_esp(&self, path: &str, to: &Path) -> PathBuf {
        let partitions = self.manifest["disk"]["partitions"].as_array().unwrap();
        let esp = partitions.iter().find(|partition| partition["role"] == "esp").unwrap();
        let from = format!("{}@@{}", self.image().display(), esp["start"]);
        let file = to.join(path.rsplit('/').next().unwrap());
        succeed(Command::new("mcopy").args(["-n", "-i", &from, &format!("::{path}")]).arg(&file));
        file
    }
}

/// Exit status and report of `pintle inspect`.
fn inspect(image: &Path) -> (Option<i32>, serde_json::Value) {
    let output = finish(pintle().args(["inspect", "--json"]).arg(image));
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// sbverify finds the same damage (`formats/pintle-boot/tests/sign.rs`).
#[test]
fn damage_is_seen_from_outside() {
    let (built, folder) = (built(), tempfile::tempdir().unwrap());
    let disk = folder.path().join("disk.raw");
    let problems = |image: &str, at: &[u64]| {
        succeed(Command::new("cp").arg("--sparse=always").arg(built.image()).arg(&disk));
        let file = fs::OpenOptions::new().read(true).write(true).open(&disk).unwrap();
        for at in at {
            let mut byte = [0];
            file.read_exact_at(&mut byte, *at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], *at).unwrap();
        }
        let looked_at = folder.path().join(image);
        if image != "disk.raw" {
            let mut convert = Command::new("qemu-img");
            succeed(convert.args(["convert", "-O", "qcow2"]).arg(&disk).arg(&looked_at));
        }
        let (status, found) = inspect(&looked_at);
        let problems: Vec<String> = serde_json::from_value(found["problems"].clone()).unwrap();
        assert_eq!(status, Some(if problems.is_empty() { 0 } else { 4 }));
        problems.join("\n")
    };
    assert_eq!(problems("good.qcow2", &[]), "");
    // In the middle of /usr, in a kernel, in the table's copy.
    let start = |role: &str| {
        let partitions = built.manifest["disk"]["partitions"].as_array().unwrap();
        let found = partitions.iter().find(|partition| partition["role"] == role).unwrap();
        (found["start"].as_u64().unwrap(), found["size"].as_u64().unwrap())
    };
    let ((esp, esp_len), (usr, _)) = (start("esp"), start("usr"));
    let size = fs::metadata(built.image()).unwrap().len();
    let said = problems("damaged.qcow2", &[usr + (40 << 20), esp + esp_len / 4, size - 512]);
    // How many blocks there are is up to the archive.
    let (before, behind) = said.split_once(" data blocks").unwrap();
    let said = format!("{} N data blocks{behind}", before.rsplit_once(' ').unwrap().0);
    let said = said.replace(&format!("{}", (40 << 20) / 4096), "N").replace(&format!("{}", 40 << 20), "AT");
    insta::assert_snapshot!(said, @"
    the partition table: its copy at the end of the disk does not count: no signature
    /usr in place A: 1 of N data blocks are not what the tree says, the first is number N (at byte AT)
    EFI/Linux/signed_1+3-0.efi: the signature is not good: it is about other bytes than those of the image
    ");
}

#[test]
fn what_is_no_image_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).unwrap();
        let output = finish(pintle().arg("inspect").arg(name).current_dir(folder.path()));
        format!("{:?} {}", output.status.code(), String::from_utf8_lossy(&output.stderr))
    };
    insta::assert_snapshot!(error("text", b"no image at all"), @"
    Some(2) error: text is neither a disk with partitions nor a file system
      next: name a disk image that is raw or qcow2
    ");
    let mut boot_sector = vec![0; 1 << 20];
    boot_sector[510..512].copy_from_slice(&[0x55, 0xaa]);
    insta::assert_snapshot!(error("damaged", &boot_sector), @"
    Some(3) error: cannot read the partition table of damaged
      because: no GUID partition table: primary: no signature; backup: no signature
    ");
    let output = finish(pintle().args(["inspect", "none.raw"]).current_dir(folder.path()));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr), @"
    error: there is no none.raw
      next: name a disk image that is raw or qcow2
    ");
}

#[test]
fn what_firmware_starts_is_signed_and_brings_its_keys() {
    let (built, to) = (built(), tempfile::tempdir().unwrap());
    let image = built.manifest["disk"]["kernels"][0]["uki"].as_str().unwrap();
    let crt = built.keys().join("db.crt");
    for path in
        ["/EFI/BOOT/BOOTX64.EFI", "/EFI/systemd/systemd-bootx64.efi", image, "/EFI/Linux/signed_1.rescue.efi"]
    {
        let file = built.of_esp(path, to.path());
        let said = succeed(Command::new("sbverify").arg("--cert").arg(&crt).arg(&file));
        assert!(said.contains("Signature verification OK"), "{path}: {said}");
        let other = built.keys().join("KEK.crt");
        assert!(!finish(Command::new("sbverify").arg("--cert").arg(other).arg(&file)).status.success());
    }
    for name in ["PK.auth", "KEK.auth", "db.auth"] {
        let file = built.of_esp(&format!("/loader/keys/auto/{name}"), to.path());
        assert!(fs::read(file).unwrap() == fs::read(built.keys().join("enrol").join(name)).unwrap());
    }
    let conf = fs::read_to_string(built.of_esp("/loader/loader.conf", to.path())).unwrap();
    assert!(conf.lines().any(|line| line == "secure-boot-enroll if-safe"), "{conf}");
    let crt =
        succeed(Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(crt));
    let crt = crt.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    assert_eq!(built.manifest["disk"]["signed_by"].as_str().unwrap(), crt);
    // The same from outside, by the image alone.
    let (status, found) = inspect(&built.image());
    assert_eq!((status, &found["problems"]), (Some(0), &serde_json::json!([])));
    let entries = found["uefi"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "with a rescue");
    assert_eq!(entries[0]["pcr11"], built.manifest["disk"]["kernels"][0]["measured"]["pcr11"]["sha256"]);
    for signature in [&found["uefi"]["signature"], &entries[0]["signature"], &entries[1]["signature"]] {
        assert_eq!(signature["certificate"].as_str().unwrap(), crt);
    }
    assert_eq!(found["uefi"]["keys"]["db"][0]["certificate"].as_str().unwrap(), crt);
    // Secrets stay at home.
    let secret = fs::read_to_string(built.keys().join("db.key")).unwrap();
    let line = secret.lines().nth(3).unwrap();
    let found = finish(Command::new("grep").args(["-rlaF", line]).arg(built.folder.path().join("out")));
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}

#[test]
fn the_same_keys_give_the_same_bytes() {
    let built = built();
    succeed(&mut build(built.folder.path(), "again"));
    let again = built.folder.path().join("again/signed.raw");
    succeed(Command::new("cmp").arg(built.image()).arg(again));
}

#[test]
fn firmware_takes_the_keys_checks_the_image_and_the_tpm_holds_what_was_predicted() {
    let (built, folder) = (built(), tempfile::tempdir().unwrap());
    // What the machine is given of the manifest, as it is and with other expectations.
    let manifest = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut disk = built.manifest["disk"].clone();
        change(&mut disk);
        let path = folder.path().join("manifest.json");
        let text = serde_json::json!({"name": "signed", "version": "1", "disk": disk});
        fs::write(&path, text.to_string()).unwrap();
        succeed(Command::new("base64").arg("-w0").arg(path))
    };
    let other = "0".repeat(64);
    let good = manifest(&|_| {});
    let bad = manifest(&|disk| {
        let image = &mut disk["kernels"][0]["measured"];
        image["sections"][".cmdline"] = other.clone().into();
        image["pcr11"]["sha256"] = serde_json::json!({"enter-initrd": other});
        image["pcr4"] = serde_json::json!({"sha256": other});
        disk["measured"]["loader"] = other.clone().into();
        disk["measured"]["variables"]["db"] = other.clone().into();
        disk["measured"]["pcr7"] = serde_json::json!({"sha256": other});
    });
    let attest = |manifest: &str| {
        format!("echo {} | base64 -d | pintle-agent attest --manifest -; echo status $?", manifest.trim())
    };
    let disk = folder.path().join("disk.raw");
    succeed(Command::new("cp").arg("--sparse=always").arg(built.image()).arg(&disk));
    let script = "systemctl is-system-running --wait; tail -c 1 /sys/firmware/efi/efivars/SecureBoot-* | od -An -tu1; tail \
         -c 1 /sys/firmware/efi/efivars/SetupMode-* | od -An -tu1; cat /sys/class/tpm/tpm0/pcr-sha256/11 /sys/class/tpm/tpm0/pcr-sha256/4 /sys/class/tpm/tpm0/pcr-sha256/7; ls \
         /run/systemd/tpm2-pcr-signature.json /run/systemd/tpm2-pcr-public-key.pem";
    let script = format!("{script}; {}; {}", attest(&good), attest(&bad));
    let said = {
        let _turn = Gate::enter();
        let mut run = pintle();
        run.args([
            "run",
            "--quiet",
            "--secure-boot",
            "--tpm",
            "--writable",
            "--cpus",
            "1",
            "--timeout",
            "900",
        ]);
        run.arg("--state").arg(folder.path().join("state")).arg(&disk);
        succeed(run.args(["--until", "ssh", "--exec", "sh", "-c", &format!("'{script}'")]))
    };
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert_eq!(lines[..3], ["running", "1", "0"], "{said}");
    let phases = &built.manifest["disk"]["kernels"][0]["measured"]["pcr11"]["sha256"];
    let expected = phases["enter-initrd:leave-initrd:sysinit:ready"].as_str().unwrap();
    assert_eq!(lines[3].to_lowercase(), expected, "{said}");
    let disk = &built.manifest["disk"];
    for (line, expected) in [(4, &disk["kernels"][0]["measured"]["pcr4"]), (5, &disk["measured"]["pcr7"])] {
        assert_eq!(lines[line].to_lowercase(), expected["sha256"].as_str().unwrap(), "{said}");
    }
    // Digests of this build are of this build.
    let told = |word: &str| {
        let is_digest = matches!(word.len(), 16 | 64) && word.bytes().all(|b| b.is_ascii_hexdigit());
        if is_digest && !word.starts_with("0000") { "DIGEST".to_owned() } else { word.to_owned() }
    };
    let attested = lines[8..].iter().map(|line| line.split(' ').map(told).collect::<Vec<_>>().join(" "));
    insta::assert_snapshot!(attested.collect::<Vec<_>>().join("\n"), @"
    expected     signed 1, started from /EFI/Linux/signed_1+3-0.efi
    PCR 4        as expected, DIGEST
    boot loader, unified kernel image
    PCR 7        as expected, DIGEST
    SecureBoot, PK, KEK, db, dbx, authority
    PCR 11       as expected, DIGEST
    .linux, .osrel, .cmdline, .initrd, .uname, .sbat, .pcrpkey, phase enter-initrd, phase leave-initrd, phase sysinit, phase ready
    PCR 12       as expected, 0000000000000000000000000000000000000000000000000000000000000000
    status 0
    expected     signed 1, started from /EFI/Linux/signed_1+3-0.efi
    PCR 4        DIFFERS, DIGEST
    boot loader: DIGEST was measured, 0000000000000000 expected
    PCR 7        DIFFERS, DIGEST
    db: DIGEST was measured, 0000000000000000 expected
    PCR 11       DIFFERS, DIGEST
    .cmdline: DIGEST was measured, 0000000000000000 expected
    PCR 12       as expected, 0000000000000000000000000000000000000000000000000000000000000000
    status 5
    ");
}

#[test]
fn what_cannot_be_signed_or_checked_is_told_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let definition = folder.path().join("definition");
    fs::create_dir(&definition).unwrap();
    fs::write(definition.join("system.toml"), DEFINITION).unwrap();
    insta::assert_snapshot!(fails(&mut build(folder.path(), "out")), @"
    exit 3
    error: there are no keys in definition/keys (no db.key)
      next: make new ones: pintle keys new definition/keys
      next: keys that are elsewhere: pintle build --keys DIR
      next: an image that only machines without Secure Boot start: pintle build --unsigned
    ");
    succeed(pintle().args(["keys", "new", "--name", "Toy"]).arg(definition.join("keys")));
    let key = definition.join("keys/db.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    insta::assert_snapshot!(fails(&mut build(folder.path(), "out")), @"
    exit 4
    error: others can read the secret key in definition/keys/db.key (mode 0644)
      next: chmod 600 definition/keys/db.key
    ");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    insta::assert_snapshot!(fails(build(folder.path(), "out").args(["--builder", "ssh://nowhere"])), @"
    exit 2
    error: the image is to be signed, and keys do not leave this machine
      next: build it here (--builder here), or there without signatures (--unsigned)
    ");
    fs::copy(definition.join("keys/KEK.crt"), definition.join("keys/db.crt")).unwrap();
    insta::assert_snapshot!(fails(&mut build(folder.path(), "out")), @"
    exit 3
    error: the key or the certificate of db cannot be used
      because: the certificate is for another key
      next: the keys are in definition/keys
    ");
    let text = DEFINITION.replace("layout = \"verified\"", "uefi = false").replace("bios = false", "");
    fs::write(definition.join("system.toml"), text).unwrap();
    insta::assert_snapshot!(fails(&mut build(folder.path(), "out")), @r#"
    exit 3
    error: the definition has a mistake

    error: `image.secure-boot.keys` signs what UEFI firmware starts, but `image.uefi` is off
     --> system.toml:7:13
      |
    7 | secure-boot.keys = "keys"
      |             ^^^^
      next: `pintle options NAME` prints the reference of a module
    "#);

    // What a build without keys has made is nothing that could be checked.
    fs::write(folder.path().join("plain.raw"), "").unwrap();
    fs::write(folder.path().join("plain.json"), r#"{"disk": {}}"#).unwrap();
    let run = |more: &[&str]| {
        fails(pintle().current_dir(folder.path()).args(["run", "--secure-boot", "plain.raw"]).args(more))
    };
    insta::assert_snapshot!(run(&[]), @"
    exit 4
    error: plain.raw is not signed: there is nothing that Secure Boot could check
      next: pintle keys new keys, and build it with them: pintle build --keys keys
    ");
    insta::assert_snapshot!(run(&["--firmware", "bios"]), @"
    exit 2
    error: Secure Boot is of UEFI firmware, and this machine starts without it
      next: --firmware uefi, and an image
    ");
}
