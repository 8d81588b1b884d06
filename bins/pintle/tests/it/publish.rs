//! Published by us, taken by Nix: closures, and systems of Debian packages.

use crate::common::{finish, succeed};
use crate::toy::{Toy, base, noise};
use pintle_testkit::nix::{Fixture, fixture};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The secret key of the fixture, in a file that only we may read.
pub(crate) fn key(folder: &Path) -> PathBuf {
    let key = folder.join("cache.sec");
    fs::write(&key, &fixture().secret_key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    key
}

/// An empty store of Nix; Nix's stores are read-only, and this one goes nevertheless.
pub(crate) struct NixStore(tempfile::TempDir);

impl NixStore {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// A path in it, as this machine sees it.
    pub(crate) fn physical(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    pub(crate) fn nix(&self, program: &str) -> Command {
        fixture().nix_on(self.root(), program)
    }

    /// `nix copy` of a path, with its references, from a cache.
    pub(crate) fn take(&self, from: &str, path: &str, keys: &str) -> Output {
        let to = self.root().display().to_string();
        let mut copy = self.nix("nix");
        copy.args(["copy", "--from", from, "--to", &to, "--option", "trusted-public-keys", keys]);
        finish(copy.args(["--option", "require-sigs", "true"]).arg(path))
    }

    pub(crate) fn must_take(&self, from: &str, path: &str, keys: &str) {
        let output = self.take(from, path, keys);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for NixStore {
    fn drop(&mut self) {
        drop(Command::new("chmod").args(["-R", "u+w"]).arg(self.root()).status());
    }
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Published by us, taken by Nix: into an empty store, with signatures checked.
#[test]
fn nix_takes_what_we_publish() {
    let folder = tempfile::tempdir().unwrap();
    let key = key(folder.path());
    let push = |compression: &str| {
        let mut command = crate::common::pintle();
        command.current_dir(folder.path());
        command.args(["cache", "push", "cache", "--compression", compression, "--key", "cache.sec", "--nix"]);
        finish(command.arg(&fixture().gen1).arg("--nix-store").arg(&fixture().root))
    };
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = push("zstd");
    assert_eq!(open.status.code(), Some(4), "{}", String::from_utf8_lossy(&open.stderr));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let first = String::from_utf8(push("xz").stdout).unwrap();
    assert!(first.contains("11 store paths written") && first.contains("0 were there"), "{first}");
    let again = String::from_utf8(push("zstd").stdout).unwrap();
    assert!(again.contains("0 store paths written") && again.contains("11 were there"), "{again}");

    let store = NixStore::new();
    let from = format!("file://{}", folder.path().join("cache").display());
    let Fixture { public_key, gen1, .. } = fixture();
    store.must_take(&from, gen1, public_key);
    let verify = finish(store.nix("nix-store").args(["--verify", "--check-contents"]));
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
    let mut check = store.nix("nix");
    check.args(["store", "verify", "--store", &from, "--recursive", "--sigs-needed", "1"]);
    succeed(check.args(["--option", "trusted-public-keys", public_key]).arg(gen1));
}

/// A package with what archives of Nix do not hold: a set-user-ID program, a second name of a file, a pipe, owners.
fn special_deb() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let script = "set -e; umask 022; mkdir -p app/DEBIAN app/usr/bin app/usr/lib/app; cd app
        printf 'Package: app\\nVersion: 1\\nArchitecture: amd64\\nMaintainer: x <x@x>\\nDescription: x\\n' > DEBIAN/control
        printf '#!/bin/sh\\n' > usr/bin/app; chmod 4755 usr/bin/app; ln usr/bin/app usr/bin/app-again
        printf secret > usr/lib/app/key; chmod 640 usr/lib/app/key; mkfifo usr/lib/app/pipe
        ln -s ../bin/app usr/lib/link; cd ..; dpkg-deb --root-owner-group --build app app.deb";
    succeed(Command::new("sh").args(["-c", script]).current_dir(folder.path()));
    fs::read(folder.path().join("app.deb")).unwrap()
}

fn special() -> Toy {
    let archive = base().package("app 1").raw(special_deb()).package("data 1").file(
        "/usr/lib/data.bin",
        0o644,
        noise(3 << 20),
    );
    Toy::new(&archive, &["app", "data"])
}

/// `cache push` of the toy's definition: the paths of the tree and of its listing.
fn push_system(toy: &Toy, more: &[&str]) -> (String, String, String) {
    let mut push = toy.pintle();
    push.args(["cache", "push", "cache", "definition/toy.json"]).args(more);
    let output = finish(&mut push);
    let said = stdout(&output);
    let lines: Vec<&str> = said.lines().collect();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (lines[0].to_owned(), lines[1].to_owned(), format!("{}\n{told}", lines[2]))
}

#[test]
fn nix_takes_a_system_of_packages_from_nobody_it_trusts() {
    let toy = special();
    let (tree, listing, said) = push_system(&toy, &[]);
    assert!(said.contains("2 store paths written to cache") && said.contains("nothing is signed"), "{said}");
    assert!(tree.ends_with("-toy-1") && listing.ends_with("-toy-1.mtree"), "{tree} {listing}");
    let kept = format!(
        "note: only in {listing}: owners, modes and times; devices, pipes and sockets: /usr/lib/app/pipe (fifo); \
         set-user-ID and set-group-ID of programs: /usr/bin/app; which names are one file: /usr/bin/app-again"
    );
    assert!(said.contains(&kept), "{said}");

    // No key is trusted, and none has signed; the listing brings the tree with it.
    let store = NixStore::new();
    let from = format!("file://{}", toy.folder().join("cache").display());
    store.must_take(&from, &listing, "");
    for path in [&tree, &listing] {
        succeed(store.nix("nix-store").args(["--verify-path", path]));
    }
    let root = store.root().display().to_string();
    let mut verify = store.nix("nix");
    succeed(
        verify.args(["store", "verify", "--store", &root, "--recursive", "--sigs-needed", "1"]).arg(&listing),
    );
    let closure = succeed(store.nix("nix-store").args(["--query", "--requisites", &listing]));
    assert_eq!(closure.lines().collect::<Vec<_>>(), [tree.as_str(), listing.as_str()]);

    // Nix gives the same folder the same name.
    let mut build = toy.build();
    succeed(build.args(["--format", "directory", "--format", "tar"]));
    let folder = toy.out().join("toy.directory");
    fs::remove_file(folder.join("usr/lib/app/pipe")).unwrap();
    let mut add = store.nix("nix");
    let added = succeed(add.args(["store", "add-path", "--name", "toy-1", "--store", &root]).arg(&folder));
    assert_eq!(added.trim(), tree);
    lossless(&toy, &store.physical(&tree), &store.physical(&listing));
}

/// From the two paths comes the archive that the tree itself would have given.
fn lossless(toy: &Toy, tree: &Path, listing: &Path) {
    let again = toy.folder().join("again.tar");
    let mut pack = Command::new("bsdtar");
    pack.current_dir(tree).arg("-cf").arg(&again).args(["--numeric-owner", "--format", "pax"]);
    succeed(pack.arg(format!("@{}", listing.display())));
    let listed = |archive: &Path| {
        let mut list = Command::new("tar");
        list.args(["--numeric-owner", "--utc", "--full-time", "-tvf"]).arg(archive);
        let said = succeed(&mut list);
        let plain = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name = words[5..].join(" ").replace("./", "");
            format!("{} {} {} {} {}", words[0], words[1], words[2], words[3], name.trim_end_matches('/'))
        };
        let mut lines: Vec<String> = said.lines().map(plain).collect();
        lines.sort();
        lines
    };
    let (ours, theirs) = (listed(&toy.out().join("toy.tar")), listed(&again));
    let of = |start: &str| ours.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((of("p"), of("h"), of("-rws")), (1, 1, 1), "{ours:?}");
    // bsdtar goes by the folder for which names are one file; the listing says it.
    let mut apart: Vec<String> = ours.iter().filter(|line| !line.starts_with('h')).cloned().collect();
    let again_app = |line: &String| line.ends_with("usr/bin/app").then(|| format!("{line}-again"));
    apart.extend(ours.iter().find_map(again_app));
    apart.sort();
    assert_eq!(apart, theirs);
    let text = fs::read_to_string(listing).unwrap();
    let linked: Vec<&str> = text.lines().filter(|line| line.ends_with(" nlink=2 inode=1")).collect();
    let names: Vec<&str> = linked.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["./usr/bin/app", "./usr/bin/app-again"]);
    let bytes = |archive: &Path, name: &str| {
        let output = finish(Command::new("tar").arg("-xOf").arg(archive).args(["--wildcards", name]));
        output.stdout
    };
    assert_eq!(bytes(&again, "*usr/lib/data.bin"), noise(3 << 20));
}

#[test]
fn a_signed_system_is_verified_by_its_signature_and_written_once() {
    let toy = special();
    let key = key(toy.folder()).display().to_string();
    let (tree, listing, said) = push_system(&toy, &["--key", &key, "--compression", "xz"]);
    assert!(said.starts_with("2 store paths written"), "{said}");
    let (_, _, again) = push_system(&toy, &["--key", &key, "--locked"]);
    assert!(again.starts_with("0 store paths written") && again.contains("2 were there"), "{again}");
    let from = format!("file://{}", toy.folder().join("cache").display());
    let store = NixStore::new();
    store.must_take(&from, &listing, &fixture().public_key);
    let signed = succeed(store.nix("nix").args(["path-info", "--sigs", &tree]));
    assert!(signed.contains("ca:fixed:r:sha256:") && signed.contains("fixture-1:"), "{signed}");
    // A change of the definition is another path; only what is new is written.
    let text = fs::read_to_string(toy.definition().join("toy.json")).unwrap();
    fs::write(toy.definition().join("toy.json"), text.replace("\"version\":\"1\"", "\"version\":\"2\""))
        .unwrap();
    let (next, _, said) = push_system(&toy, &["--key", &key]);
    assert!(next.ends_with("-toy-2") && said.starts_with("2 store paths written"), "{next} {said}");
}

#[test]
fn what_nobody_signed_and_no_name_follows_from_is_refused_by_nix() {
    let folder = tempfile::tempdir().unwrap();
    let mut push = crate::common::pintle();
    push.current_dir(folder.path()).args(["cache", "push", "cache", "--nix"]).arg(&fixture().gen1);
    stdout(&finish(push.arg("--nix-store").arg(&fixture().root)));
    let from = format!("file://{}", folder.path().join("cache").display());
    let refused = NixStore::new().take(&from, &fixture().gen1, &fixture().public_key);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("lacks a signature by a trusted key"), "{said}");
}

#[test]
fn what_cannot_be_published_is_told() {
    let toy = special();
    let push = |arguments: &[&str]| {
        let output = finish(toy.pintle().args(["cache", "push"]).args(arguments));
        toy.plain(&output)
    };
    insta::assert_snapshot!(push(&["cache"]), @"
    exit 2
    error: neither a definition nor a closure is named
      next: pintle cache push PLACE system.toml --key cache.sec
      next: pintle cache push PLACE --nix ./result --key cache.sec
    ");
    insta::assert_snapshot!(push(&["cache", "definition/toy.json", "--locked"]), @"
    exit 3
    error: there is no lock at definition/toy.lock
      next: pintle lock, and keep the file with the definition
    ");
    fs::create_dir_all(toy.folder().join("other")).unwrap();
    fs::write(toy.folder().join("other/nix-cache-info"), "StoreDir: /gnu/store\n").unwrap();
    insta::assert_snapshot!(push(&["other", "definition/toy.json"]), @"
    exit 4
    error: other cannot be used
      because: the cache is for the store /gnu/store, not /nix/store
    ");
    let text = fs::read_to_string(toy.definition().join("toy.json")).unwrap();
    fs::write(toy.definition().join("toy.json"), text.replace("\"version\":\"1\"", "\"version\":\"1:2~3\""))
        .unwrap();
    insta::assert_snapshot!(push(&["cache", "definition/toy.json"]), @"
    exit 3
    made the lock: 4 packages; keep it with the definition
    error: nothing can be published as `toy-1:2~3`; change `name` or `version` of the system
      because: `toy-1:2~3` has a name part with other characters than A-Z a-z 0-9 + - . _ ? =
    ");
}
