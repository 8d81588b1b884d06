//! Closures of Nix: the same image whatever it is built from, booted both ways, and refused where it must be.

use crate::common::{Gate, cache, finish, succeed};
use pintle_testkit::nix::{Fixture, fixture};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The program in a folder, with the tests' cache of downloads.
pub(crate) fn pintle(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pintle"));
    command.env("PINTLE_CACHE_DIR", cache()).env("NO_COLOR", "1").current_dir(folder);
    command
}

/// Generation 2 from the fixture's store, with all formats that tests look at.
pub(crate) struct Built {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: serde_json::Value,
}

pub(crate) fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nix-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        let mut build = pintle(&folder);
        build.args([
            "build",
            "--format",
            "raw",
            "--format",
            "digitalocean",
            "--nix",
            &fixture().gen2,
            "--nix-store",
        ]);
        succeed(build.arg(&fixture().root));
        let manifest = serde_json::from_slice(&fs::read(folder.join("out/toy.json")).unwrap()).unwrap();
        Built { folder, manifest }
    })
}

pub(crate) fn digest(manifest: &serde_json::Value) -> String {
    manifest["outputs"][0]["sha256"].as_str().unwrap().to_owned()
}

/// A cache of its own in `folder`, with the downloads of the shared one and nothing unpacked.
pub(crate) fn cache_of_downloads(folder: &Path) -> PathBuf {
    let ours = folder.join("cache");
    fs::create_dir_all(&ours).unwrap();
    for part in ["blobs", "indices"] {
        succeed(Command::new("cp").args(["-r", "--reflink=auto"]).arg(cache().join(part)).arg(&ours));
    }
    ours
}

/// Builds generation 2 with `arguments`, in a cache of its own with the boot packages of the shared one.
pub(crate) fn build_with(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let ours = cache_of_downloads(folder.path());
    let mut command = pintle(folder.path());
    command.env("PINTLE_CACHE_DIR", &ours).env("no_proxy", "127.0.0.1").env("PINTLE_STALL_SECONDS", "1");
    command.args(["--json", "build", "--no-report", "--sbom", "none"]).args(arguments);
    finish(&mut command)
}

pub(crate) fn image_of(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["outputs"][0]["sha256"].as_str().unwrap().to_owned()
}

#[test]
fn every_source_of_a_closure_gives_the_same_image() {
    let expected = digest(&built().manifest);
    let Fixture { root, cache, cache_xz, public_key, gen2, .. } = fixture();
    let text = |path: &Path| path.display().to_string();
    let (root, cache, cache_xz) = (text(root), text(cache), text(cache_xz));
    let nowhere = "/nonexistent";
    let physical = format!("{root}{gen2}");
    let boot_json = format!("{root}{gen2}/boot.json");
    let registered = tempfile::NamedTempFile::new().unwrap();
    fs::write(registered.path(), &fixture().registration).unwrap();
    let registered = text(registered.path());
    let ways: [&[&str]; 5] = [
        &["--nix", &physical],
        &["--nix", &boot_json],
        &["--nix", gen2, "--nix-store", &root, "--nix-registration", &registered],
        &["--nix", gen2, "--nix-store", nowhere, "--nix-cache", &cache, "--nix-trusted-key", public_key],
        &["--nix", gen2, "--nix-store", nowhere, "--nix-cache", &cache_xz, "--nix-trusted-key", public_key],
    ];
    for way in ways {
        assert_eq!(image_of(&build_with(way)), expected, "{way:?}");
    }
}

/// A link to the system beside the definition, and a lock that pins what it led to.
#[test]
fn a_definition_pins_its_closure() {
    let folder = tempfile::tempdir().unwrap();
    let root = fixture().root.display().to_string();
    let link = |generation: &str| {
        drop(fs::remove_file(folder.path().join("result")));
        std::os::unix::fs::symlink(generation, folder.path().join("result")).unwrap();
    };
    let text = format!(
        "name = \"toy\"\nversion = \"26.05.2\"\n[source]\nnix = \"result\"\nnix-store = \"{root}\"\n"
    );
    fs::write(folder.path().join("system.toml"), text).unwrap();
    link(&fixture().gen2);
    let build = |more: &[&str]| {
        finish(pintle(folder.path()).args(["build", "--no-report", "--sbom", "none"]).args(more))
    };
    let output = build(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("out/toy.json")).unwrap()).unwrap();
    assert_eq!(digest(&manifest), digest(&built().manifest));
    let lock = fs::read_to_string(folder.path().join("pintle.lock")).unwrap();
    assert!(lock.contains(&format!("[closure]\nsystem = \"{}\"", fixture().gen2)), "{lock}");
    // Another machine has no such link; the lock says what is meant, and the content store has it.
    fs::remove_file(folder.path().join("result")).unwrap();
    assert!(build(&["--locked"]).status.success());
    // A link that leads elsewhere is another system.
    link(&fixture().gen1);
    let output = build(&["--locked"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(build(&[]).status.success());
    assert!(fs::read_to_string(folder.path().join("pintle.lock")).unwrap().contains(&fixture().gen1));
}

#[test]
fn nix_itself_finds_nothing_wrong_in_the_image() {
    let built = built();
    let partitions = built.manifest["disk"]["partitions"].as_array().unwrap();
    let start = &partitions.iter().find(|partition| partition["role"] == "root").unwrap()["start"];
    let device = format!("{}?offset={start}", built.folder.join("out/toy.raw").display());
    let root = tempfile::tempdir().unwrap();
    succeed(Command::new("debugfs").args(["-R", &format!("rdump / {}", root.path().display()), &device]));
    let registration = fs::read_to_string(root.path().join("nix-path-registration")).unwrap();
    let mut load = fixture().nix_on(root.path(), "nix-store");
    load.arg("--load-db").stdin(fs::File::open(root.path().join("nix-path-registration")).unwrap());
    succeed(&mut load);
    let said = finish(fixture().nix_on(root.path(), "nix-store").args(["--verify", "--check-contents"]));
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && !text.contains("modified") && !text.contains("disappeared"), "{text}");
    assert!(registration.contains(&fixture().gen2));
    let profile = fs::read_link(root.path().join("nix/var/nix/profiles/system-1-link")).unwrap();
    assert_eq!(profile, Path::new(&fixture().gen2));
    let e2fsck = finish(Command::new("e2fsck").arg("-fn").arg(&device));
    assert!(e2fsck.status.success(), "{}", String::from_utf8_lossy(&e2fsck.stdout));
}

/// Boots with `arguments` until one of the fixture's services speaks; what the console said.
pub(crate) fn boot(folder: &Path, arguments: &[&str]) -> String {
    let _turn = Gate::enter();
    let mut run = pintle(folder);
    run.args(["run", "--cpus", "1", "--memory", "256M", "--console", "show", "--timeout", "600"]);
    let output = finish(run.args(["--until", "console:tick keep"]).args(arguments));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn the_image_boots_by_bios() {
    let said = boot(&built().folder, &["--firmware", "bios", "out/toy.raw"]);
    assert!(said.contains(&format!("stage-2: booted {}", fixture().gen2)), "{said}");
}

#[test]
fn the_image_boots_by_uefi() {
    let said = boot(&built().folder, &["--firmware", "uefi", "out/toy.raw"]);
    assert!(said.contains(&format!("stage-2: booted {}", fixture().gen2)), "{said}");
}

#[test]
fn a_bootspec_runs_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let root = fixture().root.display().to_string();
    let said = boot(folder.path(), &["--nix-store", &root, "--generation", "1"]);
    assert!(said.contains(&format!("stage-2: booted {}", fixture().gen1)), "{said}");
}

/// As NixOS switches: the running system becomes generation 2, and only what changed is restarted.
#[test]
fn a_running_system_switches_to_the_next_generation() {
    let _turn = Gate::enter();
    let folder = tempfile::tempdir().unwrap();
    let Fixture { root, gen1, gen2, .. } = fixture();
    // Both generations are needed on the disk; the registered closure of the second is nearly all of the first's.
    let mut run = pintle(folder.path());
    run.args(["run", "--cpus", "1", "--memory", "256M", "--console", "terminal", "--nix-store"]).arg(root);
    run.args(["--generation", "1", "--with", gen2.as_str()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut machine = run.spawn().unwrap();
    let mut keys = machine.stdin.take().unwrap();
    let mut lines = BufReader::new(machine.stdout.take().unwrap()).split(b'\n');
    let mut until = |what: &str| loop {
        let line = lines.next().unwrap_or_else(|| panic!("the console ended before `{what}`")).unwrap();
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if line.contains(what) {
            return line;
        }
    };
    until(&format!("stage-2: booted {gen1}"));
    let kept = until("tick keep pid=");
    let kept = &kept[kept.find("tick keep").unwrap()..];
    let switch = format!(
        "cd /nix/var/nix/profiles; ln -s {gen2} system-2-link; ln -sfn system-2-link system; \
         system/bin/switch-to-configuration switch; touch /nix/store/x; \
         for l in /run/booted-system /run/current-system; do echo $l is $(readlink -f $l); done\n"
    );
    keys.write_all(switch.as_bytes()).unwrap();
    until("Read-only file system");
    until(&format!("/run/booted-system is {gen1}"));
    until(&format!("/run/current-system is {gen2}"));
    until("tick one, new pid=");
    until(kept);
    keys.write_all(b"poweroff\n").unwrap();
    until("Power down");
    machine.wait().unwrap();
}

/// What is said where a closure is refused, with paths made short.
fn refused(arguments: &[&str]) -> String {
    let output = finish(pintle(&built().folder).args(["build", "--output", "refused"]).args(arguments));
    assert!(!output.status.success());
    assert!(!built().folder.join("refused/toy.raw").exists());
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said
        .replace(&fixture().root.display().to_string(), "ROOT")
        .replace(&fixture().cache.display().to_string(), "CACHE");
    let said = said.replace(&fixture().gen2, "GEN2");
    format!("exit {}\n{said}", output.status.code().unwrap_or(-1))
}

#[test]
fn what_is_no_closure_or_not_believed_is_refused() {
    let cache = fixture().cache.display().to_string();
    let gen2 = fixture().gen2.as_str();
    let nowhere = "/nonexistent";
    insta::assert_snapshot!(refused(&["--nix", "nothing"]), @"
    exit 3
    error: `source.nix` is `nothing`, which is no system of Nix: there is nothing at ./nothing. Write the link that `nix build` makes (`./result`), a path of the store, or the boot.json inside of it
    ");
    insta::assert_snapshot!(refused(&["--nix", "out"]), @"
    exit 3
    error: `source.nix` is `out`, which is no system of Nix: it does not lead into a store. Write the link that `nix build` makes (`./result`), a path of the store, or the boot.json inside of it
    ");
    insta::assert_snapshot!(refused(&["--nix", gen2, "--nix-store", nowhere]), @"
    exit 1
    error: GEN2 is not to be had; looked for in:
      the store in /nonexistent
      next: build or copy it (`nix build`, `nix copy`), or name a cache that has it (`source.nix-caches`)
    ");
    insta::assert_snapshot!(refused(&["--nix", gen2, "--nix-store", nowhere, "--nix-cache", &cache]), @"
    exit 4
    error: CACHE is not believed; add the key to `source.nix-trusted-keys` if you trust whoever has it
      because: GEN2 is not signed by a trusted key:
          by fixture-1: this key is not trusted
        trusted are:
          nobody
    ");
    insta::assert_snapshot!(refused(&["--nix", gen2, "--nix-store", nowhere, "--nix-cache", &cache, "--nix-trusted-key", "fixture-1:AAAA"]), @"
    exit 3
    error: `source.nix-trusted-keys` holds a key that is none
      because: a public key `fixture-1:…` must have 32 bytes in base 64 behind its name
    ");
}
