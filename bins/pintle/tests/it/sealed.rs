//! `/var` sealed to a TPM: it opens unattended on its machine, by its recovery key anywhere, and for nobody else.

use crate::common::{Gate, finish, first_sector, pintle, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn definition(encrypt: &str) -> String {
    format!(
        "name = \"vault\"\nversion = \"1\"\n\n[image]\nlayout = \"verified\"\nencrypt = \"{encrypt}\"\nsecure-boot.keys = \
         \"keys\"\n\n[ssh]\n\n[users.root]\nssh-keys = []\n\n[health]\non-failure = \"stay\"\n"
    )
}

/// Builds into `out`, with the keys of the definition or others.
fn build(folder: &Path, out: &str, encrypt: &str, keys: Option<&str>) -> PathBuf {
    let source = folder.join("definition");
    fs::write(source.join("system.toml"), definition(encrypt)).unwrap();
    let mut build = pintle();
    build.args(["build", "--no-report", "--sbom", "none", "--no-checksum"]).arg(&source);
    build.args(keys.iter().flat_map(|keys| ["--keys", keys]));
    succeed(build.current_dir(folder).arg("--output").arg(folder.join(out)));
    folder.join(out).join("vault.raw")
}

/// `from` of a partition to the end of the file, or the place of `to` where the partition lies there as well.
fn copy(from: &Path, number: u32, to: &Path, seek: u64) {
    let first = first_sector(from, number);
    let info = succeed(Command::new("sgdisk").arg(format!("--info={number}")).arg(from));
    let size = info.lines().find_map(|line| line.strip_prefix("Partition size: ")).unwrap();
    let sectors: u64 = size.split(' ').next().unwrap().parse().unwrap();
    let mut dd = Command::new("dd");
    dd.args(["bs=1M", "status=none", "conv=notrunc,sparse"]);
    dd.arg(format!("skip={}", first / 2048))
        .arg(format!("count={}", sectors / 2048))
        .arg(format!("seek={seek}"));
    succeed(dd.arg(format!("if={}", from.display())).arg(format!("of={}", to.display())));
}

fn run(disk: &Path, state: &Path, arguments: &[&str]) -> Output {
    let _turn = Gate::enter();
    let mut run = pintle();
    run.args([
        "run",
        "--writable",
        "--restarts",
        "--console",
        "show",
        "--cpus",
        "1",
        "--memory",
        "768M",
        "--timeout",
        "600",
    ]);
    finish(run.arg("--state").arg(state).arg(disk).args(arguments))
}

fn booted(disk: &Path, state: &Path, more: &[&str], script: &str) -> (String, String) {
    let script = format!("'systemctl is-system-running --wait; {script}; sync'");
    let arguments = [more, &["--until", "ssh", "--exec", "sh", "-c", &script]].concat();
    let output = run(disk, state, &arguments);
    let console = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{console}");
    (String::from_utf8(output.stdout).unwrap(), console)
}

/// Whether this is a recovery key: eight groups of eight letters (systemd-cryptenroll(1)).
fn is_key(word: &&str) -> bool {
    let groups: Vec<&str> = word.split('-').collect();
    groups.len() == 8
        && groups.iter().all(|group| group.len() == 8 && group.bytes().all(|b| b.is_ascii_lowercase()))
}

/// The recovery key on a console. Its letters are those of every keyboard, and no `m`, which ends an escape.
fn key(console: &str) -> Option<&str> {
    let between = |c: char| c.is_whitespace() || c.is_control() || c == 'm';
    console.split(between).find(is_key)
}

#[test]
fn it_opens_on_its_machine_and_by_its_recovery_key() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("definition")).unwrap();
    for keys in ["definition/keys", "others"] {
        succeed(pintle().args(["keys", "new"]).arg(folder.path().join(keys)));
    }
    let image = build(folder.path(), "out", "tpm", None);
    let disk = folder.path().join("disk.raw");
    succeed(Command::new("cp").arg("--sparse=always").arg(&image).arg(&disk));
    let state = folder.path().join("state");

    // A machine without a TPM does not keep anything.
    let output = run(&disk, &folder.path().join("none"), &["--until", "console:keeps nothing unsealed"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let script = "findmnt -no SOURCE /var; echo kept > /var/lib/kept";
    let (said, console) = booted(&disk, &state, &["--tpm", "--secure-boot"], script);
    assert!(said.starts_with("running\n/dev/mapper/var\n"), "{said}");
    let shown = key(&console).unwrap_or_else(|| panic!("{console}"));

    // At its end, somebody asks for a factory reset (systemd-repart(8), `--factory-reset=`).
    let script = "cat /var/lib/kept; journalctl -o cat; printf \"\\007\\000\\000\\000y\\000e\\000s\\000\\000\\000\" > \
                  /sys/firmware/efi/efivars/FactoryReset-8cf2644b-4b0b-428f-9387-6d876050dc67";
    let (said, console) = booted(&disk, &state, &["--tpm", "--secure-boot"], script);
    assert!(said.starts_with("running\nkept\n"), "{said}");
    assert!(!said.contains(shown), "no journal has it");
    assert!(key(&console).is_none(), "it is shown once");

    // cryptsetup is the judge of both.
    let var = folder.path().join("var");
    copy(&disk, 7, &var, 0);
    let opens = |key: &str| {
        let file = folder.path().join("key");
        fs::write(&file, key).unwrap();
        let mut open = Command::new("cryptsetup");
        open.args(["open", "--test-passphrase", "--disable-external-tokens", "--key-file"]);
        finish(open.arg(file).arg(&var)).status.success()
    };
    assert!(opens(shown));
    assert!(!opens(&shown.replace('c', "b")));

    let (said, console) =
        booted(&disk, &state, &["--tpm", "--secure-boot"], "findmnt -no SOURCE /var; ls /var/lib/kept");
    assert!(said.starts_with("running\n/dev/mapper/var\n") && !said.contains("kept"), "{said}");
    let next = key(&console).unwrap_or_else(|| panic!("{console}"));
    copy(&disk, 7, &var, 0);
    assert!(opens(next) && !opens(shown), "with all that could open it");

    // The same system, of somebody else: the TPM keeps the key to itself.
    let others = build(folder.path(), "other", "tpm", Some("others"));
    copy(&others, 2, &disk, first_sector(&others, 2) / 2048);
    fs::remove_file(state.join("efi-variables.fd")).unwrap();
    let output = run(&disk, &state, &["--tpm", "--until", "console:recovery key for disk"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn without_a_tpm_it_can_go_without() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("definition")).unwrap();
    succeed(pintle().args(["keys", "new"]).arg(folder.path().join("definition/keys")));
    let disk = build(folder.path(), "out", "tpm-if-there", None);
    let script = "findmnt -no SOURCE,FSTYPE /var; systemctl is-active pintle-recovery";
    let (said, _) = booted(&disk, &folder.path().join("state"), &[], script);
    assert!(said.starts_with("running\n/dev/vda7 ext4\ninactive\n"), "{said}");
}

#[test]
fn nothing_is_sealed_without_the_key_that_signs() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let source = folder.path().join("definition");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("system.toml"), definition("tpm")).unwrap();
    let output = finish(
        pintle().args(["build", "--unsigned", "--output", "out"]).arg(&source).current_dir(folder.path()),
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    insta::assert_snapshot!(said.split_once("error: ").unwrap().1, @"
    the image cannot be laid out:
      `image.encrypt` seals /var to what `pcr.key` signs, and there is no such key: set `image.secure-boot.keys`
    ");
    fs::write(source.join("system.toml"), definition("tpm").replace("\"verified\"", "\"plain\"")).unwrap();
    let output = finish(pintle().arg("check").arg(&source));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr), @r#"
    error: the definition has a mistake

    error: `image.encrypt` seals `/var` to a TPM, which needs `image.layout = "verified"`, `image.uefi` and `image.tpm`
     --> system.toml:6:1
      |
    6 | encrypt = "tpm"
      | ^^^^^^^
      next: `pintle options NAME` prints the reference of a module
    "#);
}
