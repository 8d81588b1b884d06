//! Locked packages from a local mirror into the store, and every way that can fail.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

use pintle_flows::supply::Supply;
use pintle_flows::unpack::{Mirrors, UnpackError, Unpacked, unpack};
use pintle_model::{Contents as _, Digest, LockedPackage, PackageRole};
use pintle_package::EntryKind;
use pintle_world::clock::Clock;
use pintle_world::fetch::{Settings, Silent};
use pintle_world::{Cache, Fetcher, Mirror, Store};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const SUITE: &str = "toy";

/// A mirror with packages of one file each, and the lock lines for them.
struct Archive {
    folder: tempfile::TempDir,
    locked: Vec<LockedPackage>,
}

impl Archive {
    fn new(packages: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("mirror/pool")).unwrap();
        let locked = packages.iter().map(|(name, data)| package(folder.path(), name, data)).collect();
        Self { folder, locked }
    }

    fn deb(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("mirror/pool/{name}.deb"))
    }

    fn mirrors(&self) -> Mirrors {
        let by_suite = [(SUITE.to_owned(), Mirror::Directory(self.folder.path().join("mirror")))].into();
        Mirrors { by_suite, ..Mirrors::default() }
    }

    /// Unpacks as one run of the program would.
    fn unpack(&self, mirrors: &Mirrors) -> Result<(Store, Vec<Unpacked>), UnpackError> {
        let cache = Cache::open(self.folder.path().join("cache")).unwrap();
        let store = Store::open(&cache);
        let fetcher = Fetcher::new(&cache, Settings::default(), Arc::default()).unwrap();
        let supply = Supply {
            cache: &cache,
            store: &store,
            fetcher: &fetcher,
            progress: &Silent,
            apt_sources: &[],
            vendor: None,
            threads: 2,
            now: 0,
            clock: Clock::start(),
        };
        let done = unpack(&self.locked, mirrors, &supply)?;
        Ok((store, done))
    }

    fn error(&self, mirrors: &Mirrors) -> String {
        let error = self.unpack(mirrors).err().unwrap();
        let error: &dyn std::error::Error = &error;
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let text = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        text.replace(&self.folder.path().display().to_string(), "DIR")
    }
}

fn package(folder: &Path, name: &str, data: &[u8]) -> LockedPackage {
    let source = folder.join(name);
    fs::create_dir_all(source.join("DEBIAN")).unwrap();
    fs::create_dir_all(source.join("usr")).unwrap();
    fs::write(source.join("usr").join(name), data).unwrap();
    let control = format!(
        "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@toy.test>\nDescription: toy\n"
    );
    fs::write(source.join("DEBIAN/control"), control).unwrap();
    let path = format!("pool/{name}.deb");
    let output = Command::new("dpkg-deb")
        .args(["--root-owner-group", "-b", name, &format!("mirror/{path}")])
        .current_dir(folder)
        .output()
        .expect("dpkg-deb is missing: `cargo xtask test` installs what the tests need");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = fs::read(folder.join("mirror").join(&path)).unwrap();
    LockedPackage {
        name: name.to_owned(),
        version: "1".to_owned(),
        arch: "all".to_owned(),
        suite: SUITE.to_owned(),
        path,
        size: bytes.len() as u64,
        sha256: Digest::of(&bytes),
        role: PackageRole::System,
        snapshot: None,
    }
}

fn content(store: &Store, package: &Unpacked) -> Vec<u8> {
    let file = package.deb.entries.iter().find_map(|entry| match entry.kind {
        EntryKind::File { offset, len, .. } => Some((offset, len)),
        _ => None,
    });
    let (offset, len) = file.unwrap();
    let mut bytes = vec![0; len as usize];
    store.read_exact_at(package.source, offset, &mut bytes).unwrap();
    bytes
}

#[test]
fn packages_come_in_the_locks_order_and_a_warm_store_needs_no_mirror() {
    let data: Vec<Vec<u8>> = (0..12usize).map(|n| vec![n as u8 + 1; (n * 7919) % 50_000 + 1]).collect();
    let names: Vec<String> = (0..12).map(|n| format!("toy{n}")).collect();
    let packages: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(data.iter().map(Vec::as_slice)).collect();
    let archive = Archive::new(&packages);
    for cold in [true, false] {
        let (store, done) = archive.unpack(&archive.mirrors()).unwrap();
        let order: Vec<_> = done.iter().map(|package| package.locked.clone()).collect();
        assert_eq!(order, archive.locked);
        for (package, data) in done.iter().zip(&data) {
            assert_eq!(content(&store, package), *data);
            assert!(package.deb.control.text("control").unwrap().contains(&package.locked.name));
        }
        if cold {
            fs::remove_dir_all(archive.folder.path().join("mirror")).unwrap();
        }
    }
}

#[test]
fn a_version_the_mirror_no_longer_has_comes_from_the_snapshot_archive() {
    let archive = Archive::new(&[("toy", b"x")]);
    let mirror = archive.folder.path().join("mirror");
    let snapshot = archive.folder.path().join("snapshot");
    fs::rename(&mirror, &snapshot).unwrap();
    insta::assert_snapshot!(archive.error(&archive.mirrors()), @"cannot fetch package toy 1 (suite toy): DIR/mirror/pool/toy.deb is not there");
    let mut mirrors = archive.mirrors();
    mirrors.times.insert(SUITE.to_owned(), "2026-09-12T07:55:41Z".to_owned());
    mirrors
        .snapshots
        .insert((SUITE.to_owned(), "2026-09-12T07:55:41Z".to_owned()), Mirror::Directory(snapshot));
    let (store, done) = archive.unpack(&mirrors).unwrap();
    assert_eq!(content(&store, &done[0]), b"x");
}

#[test]
fn failures_name_the_package_and_leave_no_pack() {
    let mut archive = Archive::new(&[("good", b"x"), ("toy", b"x")]);
    insta::assert_snapshot!(archive.error(&Mirrors::default()), @"package good is locked from suite toy, which the definition does not have");

    let whole = fs::read(archive.deb("toy")).unwrap();
    let mut changed = whole.clone();
    changed[200] ^= 1;
    fs::write(archive.deb("toy"), &changed).unwrap();
    insta::assert_snapshot!(archive.error(&archive.mirrors()).split("sha256 is").next().unwrap(), @"cannot fetch package toy 1 (suite toy): DIR/mirror/pool/toy.deb is not the file that was signed; what was downloaded is thrown away: try another mirror:");

    // A truncated package that was locked as it is.
    let cut = &whole[..whole.len() - 60];
    fs::write(archive.deb("toy"), cut).unwrap();
    archive.locked[1].size = cut.len() as u64;
    archive.locked[1].sha256 = Digest::of(cut);
    let text = archive.error(&archive.mirrors());
    let (start, end) = (text.find("the file ends").unwrap(), text.rfind("missing").unwrap());
    assert!(text[start..end].contains("within member data.tar"), "{text}");
    insta::assert_snapshot!(&text[..start], @"cannot unpack package toy (DIR/mirror/pool/toy.deb):");
    let hex = archive.locked[1].sha256.hex();
    let packs = archive.folder.path().join("cache/packs/v1").join(&hex[..2]);
    assert_eq!(fs::read_dir(packs).map_or(0, Iterator::count), 0);
}

#[test]
fn a_damaged_pack_is_made_again() {
    let archive = Archive::new(&[("toy", b"some bytes")]);
    archive.unpack(&archive.mirrors()).unwrap();
    let hex = archive.locked[0].sha256.hex();
    let pack = archive.folder.path().join("cache/packs/v1").join(&hex[..2]).join(format!("{hex}.pack"));
    fs::write(&pack, b"").unwrap();
    let (store, done) = archive.unpack(&archive.mirrors()).unwrap();
    assert_eq!(content(&store, &done[0]), b"some bytes");
}
