//! `/var` sealed to a TPM: it opens unattended on its machine, by its recovery key anywhere, and for nobody else.

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

/// Builds into `out`, with the keys of the definition or others.
fn build(folder: &Path, out: &str, encrypt: &str, keys: Option<&str>) -> (PathBuf, serde_json::Value) {
    let source = folder.join("definition");
    fs::write(source.join("system.toml"), definition(encrypt)).unwrap();
    let mut build = pintle();
    build.args(["build", "--no-report", "--sbom", "none", "--no-checksum"]).arg(&source);
    build.args(keys.iter().flat_map(|keys| ["--keys", keys]));
    succeed(build.current_dir(folder).arg("--output").arg(folder.join(out)));
    let manifest = fs::read(folder.join(out).join("vault.json")).unwrap();
    (folder.join(out).join("vault.raw"), serde_json::from_slice(&manifest).unwrap())
}

/// Byte and length of a partition, as sgdisk has them.
fn partition(disk: &Path, number: u32) -> (u64, u64) {
    let info = succeed(Command::new("sgdisk").arg(format!("--info={number}")).arg(disk));
    let value = |key: &str| -> u64 {
        let rest = info.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        rest.trim().split(' ').next().unwrap().parse().unwrap()
    };
    (value("First sector:") * 512, value("Partition size:") * 512)
}

fn copy(from: &Path, at: u64, len: u64, to: &Path, seek: u64) {
    let mut dd = Command::new("dd");
    dd.args(["bs=1M", "status=none", "conv=notrunc,sparse"]);
    dd.arg(format!("skip={}", at >> 20))
        .arg(format!("count={}", len >> 20))
        .arg(format!("seek={}", seek >> 20));
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

#[test]
fn it_opens_on_its_machine_and_by_its_recovery_key() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("definition")).unwrap();
    for keys in ["definition/keys", "others"] {
        succeed(pintle().args(["keys", "new"]).arg(folder.path().join(keys)));
    }
    let (image, _) = build(folder.path(), "out", "tpm", None);
    let disk = folder.path().join("disk.raw");
    succeed(Command::new("cp").arg("--sparse=always").arg(&image).arg(&disk));
    let state = folder.path().join("state");

    // A machine without a TPM does not keep anything.
    let output = run(&disk, &folder.path().join("none"), &["--until", "console:keeps nothing unsealed"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let script = "findmnt -no SOURCE /var; echo kept > /var/lib/kept";
    let (said, console) = booted(&disk, &state, &["--tpm", "--secure-boot"], script);
    assert!(said.starts_with("running\n/dev/mapper/var\n"), "{said}");
    // Eight groups of eight letters (systemd-cryptenroll(1)); on the console alone.
    let is_key = |line: &str| {
        let groups: Vec<&str> = line.split('-').collect();
        groups.len() == 8
            && groups.iter().all(|group| group.len() == 8 && group.bytes().all(|b| b.is_ascii_lowercase()))
    };
    let words: Vec<&str> = console.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let key = words.iter().find(|word| is_key(word)).unwrap_or_else(|| panic!("{console}"));

    let (said, console) =
        booted(&disk, &state, &["--tpm", "--secure-boot"], "cat /var/lib/kept; journalctl -o cat");
    assert!(said.starts_with("running\nkept\n"), "{said}");
    assert!(!said.contains(key), "no journal has it");
    assert!(!console.split(|c: char| c.is_whitespace() || c.is_control()).any(is_key), "it is shown once");

    // cryptsetup is the judge of both.
    let var = folder.path().join("var");
    let (at, len) = partition(&disk, 7);
    copy(&disk, at, len, &var, 0);
    let opens = |key: &str| {
        let file = folder.path().join("key");
        fs::write(&file, key).unwrap();
        let mut open = Command::new("cryptsetup");
        open.args(["open", "--test-passphrase", "--disable-external-tokens", "--key-file"])
            .arg(file)
            .arg(&var);
        finish(&mut open).status.success()
    };
    assert!(opens(key));
    assert!(!opens(&key.replace('c', "b")));

    // The same system, of somebody else: the TPM keeps the key to itself.
    let (others, manifest) = build(folder.path(), "other", "tpm", Some("others"));
    let esp = manifest["disk"]["partitions"].as_array().unwrap();
    let esp = esp.iter().find(|partition| partition["role"] == "esp").unwrap();
    let (start, size) = (esp["start"].as_u64().unwrap(), esp["size"].as_u64().unwrap());
    copy(&others, start, size, &disk, start);
    fs::remove_file(state.join("efi-variables.fd")).unwrap();
    let output = run(&disk, &state, &["--tpm", "--until", "console:recovery key for disk"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn without_a_tpm_it_can_go_without() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("definition")).unwrap();
    succeed(pintle().args(["keys", "new"]).arg(folder.path().join("definition/keys")));
    let (disk, _) = build(folder.path(), "out", "tpm-if-there", None);
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
