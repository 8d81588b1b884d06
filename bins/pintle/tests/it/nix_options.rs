//! Choices that a build of a closure has: boot loaders from folders, secrets for the initrd.

use crate::common::{cache, finish, succeed};
use pintle_testkit::nix::fixture;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Folders with systemd's boot loader alone, GRUB alone, and with half of systemd's.
fn loaders(folder: &Path) {
    for (name, path) in [("efi", "systemd/boot/efi"), ("grub", "grub/i386-pc"), ("half", "systemd/boot/efi")]
    {
        let to = folder.join(name).join("lib").join(path);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        succeed(Command::new("cp").arg("-r").arg(Path::new("/usr/lib").join(path)).arg(to));
    }
    fs::remove_file(folder.join("half/lib/systemd/boot/efi/systemd-bootx64.efi")).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
}

/// Builds a system of the fixture's second store.
fn build(folder: &Path, toplevel: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pintle"));
    command.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1").current_dir(folder);
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.join("bin").display()));
    command.args(["build", "--offline", "--no-report", "--sbom", "none", "--nix", toplevel, "--nix-store"]);
    finish(command.arg(&fixture().root_more).args(arguments))
}

/// What is said, without what another machine or run says differently.
fn told(folder: &Path, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines = said.lines().filter(|line| !line.starts_with("time: ")).collect::<Vec<_>>().join("\n");
    let lines = lines
        .replace(&fixture().root_more.display().to_string(), "ROOT")
        .replace(&fixture().secrets, "SYSTEM")
        .replace(&fixture().with_nix, "SYSTEM")
        .replace(&folder.display().to_string(), "HERE");
    format!("exit {}\n{lines}", output.status.code().unwrap_or(-1))
}

fn manifest(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("out/toy.json")).unwrap()).unwrap()
}

#[test]
fn boot_loaders_come_from_the_first_folder_that_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    loaders(here);
    let image = |arguments: &[&str]| {
        let output = build(here, &fixture().with_nix, arguments);
        assert!(output.status.success(), "{}", told(here, &output));
        manifest(here)
    };
    let ways = |manifest: &serde_json::Value| -> Vec<String> {
        let partitions = manifest["disk"]["partitions"].as_array().unwrap();
        partitions.iter().map(|partition| partition["role"].as_str().unwrap().to_owned()).collect()
    };
    let both = image(&["--nix-boot-files", "empty", "--nix-boot-files", "efi", "--nix-boot-files", "grub"]);
    let usr = image(&["--nix-boot-files", "/usr"]);
    assert_eq!(both["outputs"][0]["sha256"], usr["outputs"][0]["sha256"]);
    assert_eq!(both["packages"].as_array().unwrap().len(), 0);
    assert_eq!(ways(&both).len(), 3, "{both}");
    // On the command line nobody can say how the disk starts: as it can.
    assert_eq!(ways(&image(&["--nix-boot-files", "efi"])).len(), 2);
    assert_eq!(ways(&image(&["--nix-boot-files", "grub"])).len(), 2);
    insta::assert_snapshot!(told(here, &build(here, &fixture().with_nix, &["--nix-boot-files", "empty"])), @"
    exit 3
    error: none of `source.nix-boot-files` has lib/systemd/boot/efi, from which a disk starts by UEFI; name a folder of a package of systemd, or set `image.uefi = false`; looked in:
      ./empty
    ");
    insta::assert_snapshot!(told(here, &build(here, &fixture().with_nix, &["--nix-boot-files", "half"])), @"
    exit 3
    error: none of `source.nix-boot-files` has lib/systemd/boot/efi/systemd-bootx64.efi, from which a disk starts by UEFI; name a folder of a package of systemd, or set `image.uefi = false`; looked in:
      ./half
    ");
}

/// A lock pins the boot loaders as it pins everything else.
#[test]
fn other_boot_loaders_are_another_lock() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    loaders(here);
    let text = format!(
        "name = \"toy\"\nversion = \"26.05.3\"\n[source]\nnix = \"{}\"\nnix-store = \"{}\"\nnix-boot-files = [\"./efi\", \"./grub\"]\n",
        fixture().with_nix,
        fixture().root_more.display()
    );
    fs::write(here.join("system.toml"), text).unwrap();
    let build = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pintle"));
        command.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1").current_dir(here);
        finish(command.args(["build", "--offline", "--no-report", "--sbom", "none"]).args(arguments))
    };
    assert!(build(&[]).status.success());
    let lock = fs::read_to_string(here.join("pintle.lock")).unwrap();
    assert!(lock.contains("\nboot_files = \"") && !lock.contains("[[suite]]"), "{lock}");
    assert!(build(&["--locked"]).status.success());
    let module = here.join("grub/lib/grub/i386-pc/video.mod");
    let mut bytes = fs::read(&module).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&module, bytes).unwrap();
    insta::assert_snapshot!(told(here, &build(&["--locked"])), @"
    exit 3
    error: ./pintle.lock does not answer the definition as it is now
      next: pintle lock shows and writes what changes
    ");
    insta::assert_snapshot!(told(here, &build(&[])), @"
    exit 0
    changed the lock:
      boot loaders of `source.nix-boot-files`: others
    ");
    // A loader that cannot be one is told before anything is written.
    fs::File::create(&module).unwrap().set_len(9 << 20).unwrap();
    insta::assert_snapshot!(told(here, &build(&[])), @"
    exit 3
    error: ././grub/lib/grub/i386-pc/video.mod cannot be a file of a boot loader: more than 8388608 bytes in a file of a boot loader
    ");
}

/// The fixture's program asks a program of this machine for the secret.
fn secret(folder: &Path, script: &str) {
    let program = folder.join("bin/secret-of-this-machine");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    let text = folder.join("script");
    fs::write(&text, script).unwrap();
    // By another process: what is open for writing anywhere cannot be run.
    succeed(Command::new("install").arg("-m755").arg(text).arg(program));
}

#[test]
fn secrets_are_refused_unless_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    secret(here, "#!/bin/sh\necho it is 42\n");
    let with = |arguments: &[&str]| {
        build(here, &fixture().secrets, &[&["--nix-boot-files", "/usr"], arguments].concat())
    };
    insta::assert_snapshot!(told(here, &with(&[])), @r#"
    exit 4
    made the lock: 10 store paths, and 0 packages to start them; keep it with the definition
    error: SYSTEM adds secrets of the machine to its initrd (`boot.initrd.secrets`): whoever has the image would have them. Take them out of the NixOS configuration, leave them out of the image with `source.nix-initrd-secrets = "omit"`, or, if those of this machine are to be in it, say `"run"`
    "#);
    insta::assert_snapshot!(told(here, &with(&["--run-initrd-secrets"])), @"
    exit 0
    made the lock: 10 store paths, and 0 packages to start them; keep it with the definition
    note: toy NixOS 26.05.4 has secrets of this machine in its initrd: whoever has the image has them, and another machine builds another image
    ");
    let made = manifest(here);
    assert_eq!(made["initrd_secrets_of"], serde_json::json!(["toy NixOS 26.05.4"]));
    let start = made["disk"]["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["role"] == "root")
        .unwrap()["start"]
        .clone();
    let device = format!("{}?offset={start}", here.join("out/toy.raw").display());
    let debugfs = |request: &str| succeed(Command::new("debugfs").args(["-R", request, &device]));
    assert!(debugfs("stat /boot/initrd-with-secrets").contains("Mode:  0600"));
    // The one in the store is as Nix made it.
    debugfs(&format!("dump /boot/initrd-with-secrets {}", here.join("with").display()));
    let store = fixture().root_more.join(made["closure"]["system"].as_str().unwrap().trim_start_matches('/'));
    let plain = fs::read_link(store.join("initrd")).unwrap();
    let plain = fs::read(fixture().root_more.join(plain.strip_prefix("/").unwrap())).unwrap();
    let longer = fs::read(here.join("with")).unwrap();
    assert!(longer.len() > plain.len() && longer.starts_with(&plain));
    // Both ways start with it.
    for firmware in ["bios", "uefi"] {
        let said = crate::nix::boot(here, &["--firmware", firmware, "out/toy.raw"]);
        assert!(said.contains("stage-1: the secret is it is 42"), "{said}");
    }
    insta::assert_snapshot!(told(here, &with(&["--omit-initrd-secrets"])), @"
    exit 0
    made the lock: 10 store paths, and 0 packages to start them; keep it with the definition
    note: toy NixOS 26.05.4 starts without the secrets that its boot loader adds to the initrd
    ");
    assert!(manifest(here).get("initrd_secrets_of").is_none());
}

#[test]
fn secrets_that_cannot_be_added_stop_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let run = ["--nix-boot-files", "/usr", "--run-initrd-secrets"];
    secret(here, "#!/bin/sh\necho the vault is sealed >&2; exit 7\n");
    let said = told(here, &build(here, &fixture().secrets, &run));
    insta::assert_snapshot!(said, @"
    exit 1
    made the lock: 10 store paths, and 0 packages to start them; keep it with the definition
    error: the secrets of this machine could not be added to the initrd, so nothing was built
      because: ROOTSYSTEM/append-initrd-secrets failed with exit status: 7; it said:
          the vault is sealed
    ");
    assert!(!here.join("out/toy.raw").exists());
    // Not what the closure has: it is not run, nor anything built.
    let store = tempfile::tempdir().unwrap();
    succeed(Command::new("cp").arg("-a").arg(&fixture().root_more).arg(store.path().join("root")));
    let root = store.path().join("root");
    let program = root.join(fixture().secrets.trim_start_matches('/')).join("append-initrd-secrets");
    let other = |text: Option<&str>| {
        succeed(Command::new("chmod").args(["-R", "u+w"]).arg(program.parent().unwrap()));
        match text {
            Some(text) => fs::write(&program, text).unwrap(),
            None => fs::remove_file(&program).unwrap(),
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_pintle"));
        command.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1").current_dir(here);
        command.args(["build", "--offline", "--no-report", "--sbom", "none", "--nix", &fixture().secrets]);
        let output = finish(command.args(run).arg("--nix-store").arg(&root));
        told(here, &output).replace(&root.display().to_string(), "COPY")
    };
    insta::assert_snapshot!(other(Some("#!/bin/sh\ntouch /tmp/ran\n")), @"
    exit 4
    error: the store in COPY gave something else than was promised
      because: the archive of SYSTEM has 6640 bytes, where 6816 were promised
    ");
    insta::assert_snapshot!(other(None), @"
    exit 4
    error: the store in COPY gave something else than was promised
      because: the archive of SYSTEM has 6376 bytes, where 6816 were promised
    ");
    succeed(Command::new("chmod").args(["-R", "u+w"]).arg(store.path()));
}

/// Before anybody is asked.
#[test]
fn another_machine_has_neither_our_folders_nor_our_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let told = |arguments: &[&str]| {
        let builder = ["--builder", "ssh://nobody@192.0.2.1"];
        told(here, &build(here, &fixture().secrets, &[&builder, arguments].concat()))
    };
    let cache = ["--nix-cache", "https://cache.example.org"];
    insta::assert_snapshot!(told(&[]), @"
    exit 2
    error: the closure is in a store of this machine, which the builder cannot read: name a binary cache that both reach (`source.nix-caches`)
      next: ask for `tar`, which holds all of it, or build it here: --builder here
    ");
    insta::assert_snapshot!(told(&[&cache[..], &["--nix-boot-files", "/usr"]].concat()), @"
    exit 2
    error: `source.nix-boot-files` names folders of this machine, which the builder cannot read: take it out, and the boot loaders come from the Debian archive
    ");
    insta::assert_snapshot!(told(&[&cache[..], &["--run-initrd-secrets"]].concat()), @r#"
    exit 2
    error: `source.nix-initrd-secrets = "run"` puts secrets of this machine into the image, which the builder does not have: build here
    "#);
}
