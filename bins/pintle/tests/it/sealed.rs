//! `/var` sealed to a TPM: made on the first boot, or not at all.

use crate::common::{Gate, finish, pintle, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn definition(encrypt: &str) -> String {
    format!(
        "name = \"vault\"\nversion = \"1\"\n\n[image]\nlayout = \"verified\"\nencrypt = \"{encrypt}\"\nsecure-boot.keys = \
         \"keys\"\n\n[ssh]\n\n[users.root]\nssh-keys = []\n\n[health]\non-failure = \"stay\"\n"
    )
}

/// Builds with the keys of the definition.
fn build(folder: &Path, encrypt: &str) -> PathBuf {
    let source = folder.join("definition");
    fs::write(source.join("system.toml"), definition(encrypt)).unwrap();
    let mut build = pintle();
    build.args(["build", "--no-report", "--sbom", "none", "--no-checksum"]).arg(&source);
    succeed(build.arg("--output").arg(folder.join("out")));
    folder.join("out/vault.raw")
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

#[test]
fn it_is_made_on_the_first_boot_and_its_recovery_key_is_shown() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("definition")).unwrap();
    succeed(pintle().args(["keys", "new"]).arg(folder.path().join("definition/keys")));
    let image = build(folder.path(), "tpm");
    let disk = folder.path().join("disk.raw");
    succeed(Command::new("cp").arg("--sparse=always").arg(&image).arg(&disk));
    let state = folder.path().join("state");

    // A machine without a TPM does not keep anything.
    let output = run(&disk, &folder.path().join("none"), &["--until", "console:keeps nothing unsealed"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let script = "findmnt -no SOURCE /var; journalctl -b -o cat -u pintle-recovery";
    let (said, console) = booted(&disk, &state, &["--tpm", "--secure-boot"], script);
    assert!(said.starts_with("running\n/dev/mapper/var\n"), "{said}");
    // Eight groups of eight letters (systemd-cryptenroll(1)); on the console alone.
    let is_key = |line: &str| {
        let groups: Vec<&str> = line.split('-').collect();
        groups.len() == 8
            && groups.iter().all(|group| group.len() == 8 && group.bytes().all(|b| b.is_ascii_lowercase()))
    };
    // Its letters are those of every keyboard, and no `m`, which ends an escape of the console.
    let between = |c: char| c.is_whitespace() || c.is_control() || c == 'm';
    let words: Vec<&str> = console.split(between).collect();
    let key = words.iter().find(|word| is_key(word)).unwrap_or_else(|| panic!("{console}"));
    assert!(!said.contains(key), "no journal has it");
}

#[test]
fn without_a_tpm_it_can_go_without() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("definition")).unwrap();
    succeed(pintle().args(["keys", "new"]).arg(folder.path().join("definition/keys")));
    let disk = build(folder.path(), "tpm-if-there");
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
