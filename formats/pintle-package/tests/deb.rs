//! Packages made by dpkg-deb are unpacked as dpkg-deb unpacks them.

#![allow(clippy::unwrap_used, reason = "a failed test should stop where it failed")]

mod debs;

use debs::{Header, Memory, Tar, deb, run, unpacked};
use pintle_model::Digest;
use pintle_package::deb::{Limits, unpack};
use pintle_package::tar::{EntryType, Reader};
use pintle_package::{EntryKind, FileEntry, UnpackedDeb};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

/// A package's source tree with what is troublesome in archives.
fn source(folder: &Path) {
    let file = |path: &str, data: &[u8], mode: u32| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, data).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let control =
        "Package: toy\nVersion: 1\nArchitecture: all\nMaintainer: T <t@toy.test>\nDescription: toy\n";
    file("DEBIAN/control", control.as_bytes(), 0o644);
    file("DEBIAN/postinst", b"#!/bin/sh\nexit 0\n", 0o755);
    file("usr/bin/toy", &[7; 300_000], 0o755);
    file("usr/bin/privileged", b"x", 0o4755);
    file("usr/share/empty", b"", 0o644);
    file("usr/share/doc/toy/name with spaces \u{e9}", b"text", 0o600);
    file(&format!("usr/share/{}/{}", "d".repeat(90), "f".repeat(95)), b"long", 0o644);
    file(&format!("usr/{}/x", ["e".repeat(200), "g".repeat(200)].join("/")), b"very long", 0o644);
    symlink("toy", folder.join("usr/bin/toy-link")).unwrap();
    symlink("/".to_owned() + &"t".repeat(150), folder.join("usr/bin/long-link")).unwrap();
    fs::hard_link(folder.join("usr/bin/toy"), folder.join("usr/bin/toy-again")).unwrap();
    fs::create_dir(folder.join("var")).unwrap();
    fs::set_permissions(folder.join("var"), fs::Permissions::from_mode(0o2770)).unwrap();
}

/// What `dpkg-deb -x` put at `path`, in our terms.
fn same(entry: &FileEntry, pack: &[u8], path: &Path, folder: &Path) {
    let meta = fs::symlink_metadata(path).unwrap();
    let shown = path.display();
    if !matches!(entry.kind, EntryKind::Symlink(_)) {
        assert_eq!(u32::from(entry.mode), meta.mode() & 0o7777, "{shown}");
    }
    // Unpacking into a directory changes its time.
    if entry.kind != EntryKind::Directory {
        assert_eq!(entry.mtime, meta.mtime(), "{shown}");
    }
    match &entry.kind {
        EntryKind::Directory => assert!(meta.is_dir(), "{shown}"),
        EntryKind::File { offset, len, digest } => {
            let bytes = fs::read(path).unwrap();
            assert_eq!((*len, *digest), (bytes.len() as u64, Digest::of(&bytes)), "{shown}");
            assert_eq!(pack[*offset as usize..][..*len as usize], bytes, "{shown}");
            assert_eq!(offset % 4096, 0);
        }
        EntryKind::Symlink(target) => {
            assert_eq!(target, fs::read_link(path).unwrap().as_os_str().as_encoded_bytes(), "{shown}");
        }
        EntryKind::Hardlink(target) => {
            let target = folder.join(str::from_utf8(target).unwrap());
            assert_eq!(fs::metadata(target).unwrap().ino(), meta.ino(), "{shown}");
        }
        other => panic!("{shown}: {other:?}"),
    }
}

#[test]
fn every_compression_gives_what_dpkg_deb_gives() {
    let folder = tempfile::tempdir().unwrap();
    source(&folder.path().join("source"));
    for kind in ["xz", "zstd", "gzip", "none"] {
        let name = format!("{kind}.deb");
        run("dpkg-deb", &["--root-owner-group", &format!("-Z{kind}"), "-b", "source", &name], folder.path());
        run("dpkg-deb", &["-x", &name, kind], folder.path());
        let bytes = fs::read(folder.path().join(&name)).unwrap();
        let mut pack = Memory::default();
        let deb = unpack(&bytes[..], &Limits::default(), &mut pack).unwrap();
        let listed = run(
            "sh",
            &["-c", &format!("dpkg-deb --fsys-tarfile {name} | tar -t --quoting-style=literal")],
            folder.path(),
        );
        let listed: Vec<_> = listed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        let ours: Vec<_> = deb.entries.iter().map(|entry| entry.path.clone()).collect();
        let trimmed = |line: &&[u8]| {
            let line = line.strip_prefix(b"./").unwrap();
            line.strip_suffix(b"/").unwrap_or(line).to_vec()
        };
        let theirs: Vec<_> = listed.iter().map(trimmed).filter(|path| !path.is_empty()).collect();
        assert_eq!(ours, theirs);
        for entry in &deb.entries {
            let root = folder.path().join(kind);
            same(entry, &pack.0, &root.join(str::from_utf8(&entry.path).unwrap()), &root);
            assert_eq!((entry.uid, entry.gid, &*entry.uname, &*entry.gname), (0, 0, "root", "root"));
        }
        assert_eq!(deb.control.text("control").unwrap().lines().next(), Some("Package: toy"));
        assert_eq!(deb.control.files["postinst"], b"#!/bin/sh\nexit 0\n");
        assert_eq!(UnpackedDeb::from_bytes(&deb.to_bytes()).unwrap(), deb);
    }
}

#[test]
fn every_tar_format_is_read_as_tar_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    source(&folder.path().join("source"));
    run("mkfifo", &["source/pipe"], folder.path());
    for format in ["ustar", "gnu", "oldgnu", "posix", "v7"] {
        let name = format!("{format}.tar");
        let mut arguments = vec!["--format", format, "--sort=name", "-cf", &name, "-C", "source"];
        arguments.extend(["--mtime=@1234567890.5", "--owner=toy:70000", "--group=toys:80000"]);
        if matches!(format, "v7" | "ustar") {
            arguments.extend(["--exclude=*eeee*", "--exclude=*long-link"]); // what these cannot hold
        }
        if format == "v7" {
            arguments.extend(["--exclude=*dddd*", "--exclude=pipe"]);
        }
        arguments.push(".");
        run("tar", &arguments, folder.path());
        let bytes = fs::read(folder.path().join(&name)).unwrap();
        let listed = run("tar", &["-tf", &name, "--quoting-style=literal"], folder.path());
        let listed = String::from_utf8(listed).unwrap();
        let mut reader = Reader::new(&bytes[..], Default::default());
        let mut paths = Vec::new();
        while let Some(entry) = reader.next_entry().unwrap() {
            assert_eq!((entry.uid, entry.gid, entry.mtime), (70000, 80000, 1_234_567_890), "{format}");
            let names = if format == "v7" { ("", "") } else { ("toy", "toys") };
            assert_eq!((&*entry.uname, &*entry.gname), names, "{format}");
            assert_eq!(entry.mtime_nanos, if format == "posix" { 500_000_000 } else { 0 });
            if entry.path.ends_with(b"usr/bin/toy") && entry.kind == EntryType::File {
                let mut data = Vec::new();
                reader.read_to_end(&mut data).unwrap();
                assert_eq!(data, [7; 300_000]);
            }
            paths.push(String::from_utf8(entry.path).unwrap());
        }
        assert_eq!(paths, listed.lines().collect::<Vec<_>>(), "{format}");
        assert_eq!(reader.offset(), bytes.len() as u64);
    }
}

#[test]
fn attributes_devices_and_far_times_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ping"), b"x").unwrap();
    let capability = "SCHILY.xattr.security.capability:=\u{1}\u{2} raw";
    let option = format!("--pax-option={capability},SCHILY.xattr.user.b:=2");
    run("tar", &["--format=posix", &option, "--mtime=@5000000000", "-cf", "a.tar", "ping"], folder.path());
    let bytes = fs::read(folder.path().join("a.tar")).unwrap();
    let entry = Reader::new(&bytes[..], Default::default()).next_entry().unwrap().unwrap();
    assert_eq!(entry.mtime, 5_000_000_000);
    let xattrs: Vec<_> = entry.xattrs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(xattrs, [(&b"security.capability"[..], &b"\x01\x02 raw"[..]), (&b"user.b"[..], &b"2"[..]),]);

    let mut device = Header::new("./dev/null", b'3', 0);
    device.put(329, b"0000001\0");
    device.put(337, b"0000003\0");
    let mut before = Header::new("./old", b'0', 0);
    before.put(136, &(-5i128).to_be_bytes()[4..]);
    let entries = unpacked(&deb(&Tar::new().member(&device, b"").member(&before, b""))).unwrap().entries;
    assert_eq!(entries[0].kind, EntryKind::CharDevice { major: 1, minor: 3 });
    assert_eq!(entries[1].mtime, -5);
}

#[test]
fn kernel_modules_are_stored_unpacked() {
    let module = b"\x7fELF and so on".repeat(5000);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    xz.write_all(&module).unwrap();
    let xz = xz.finish().unwrap();
    let zst = zstd::encode_all(&module[..], 1).unwrap();
    let tar = Tar::new()
        .file("./usr/lib/modules/6/a.ko.xz", &xz)
        .file("./lib/modules/6/b.ko.zst", &zst)
        .link("./usr/lib/modules/6/c.ko.xz", b'1', "./usr/lib/modules/6/a.ko.xz")
        .file("./usr/share/d.ko.xz", &xz);
    let mut pack = Memory::default();
    let entries = unpack(&deb(&tar)[..], &Limits::default(), &mut pack).unwrap().entries;
    let shown: Vec<_> = entries.iter().map(|entry| String::from_utf8(entry.path.clone()).unwrap()).collect();
    assert_eq!(
        shown,
        ["usr/lib/modules/6/a.ko", "lib/modules/6/b.ko", "usr/lib/modules/6/c.ko", "usr/share/d.ko.xz"]
    );
    for entry in &entries[..2] {
        let EntryKind::File { offset, len, digest } = entry.kind else { panic!("{entry:?}") };
        assert_eq!(pack.0[offset as usize..][..len as usize], module);
        assert_eq!(digest, Digest::of(&module));
    }
    assert_eq!(entries[2].kind, EntryKind::Hardlink(b"usr/lib/modules/6/a.ko".to_vec()));
    assert!(matches!(entries[3].kind, EntryKind::File { len, .. } if len == xz.len() as u64));
}

/// Stores keep indices of this form: raise `UNPACK_FORMAT` when this changes.
#[test]
fn many_modules_large_and_small_come_in_the_order_of_the_archive() {
    // Small ones, one that is large packed, one that is large unpacked only, an empty one; and files between them.
    let noise = |len: usize, seed: u64| -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..len).map(|_| next()).collect()
    };
    let mut modules: Vec<Vec<u8>> = (0..20).map(|n| noise(1000 + 7000 * n, n as u64 + 7)).collect();
    modules.insert(5, noise(5 << 20, 3));
    modules.insert(9, vec![7; 17 << 20]);
    modules.insert(12, Vec::new());
    let mut data = Tar::new();
    for (number, module) in modules.iter().enumerate() {
        let packed = zstd::encode_all(&module[..], 1).unwrap();
        data = data.file(&format!("./usr/lib/modules/6/{number:02}.ko.zst"), &packed);
        if number % 4 == 3 {
            data = data.file(&format!("./usr/lib/modules/6/{number:02}.txt"), number.to_string().as_bytes());
        }
    }
    let mut pack = Memory::default();
    let UnpackedDeb { entries, .. } = unpack(&deb(&data)[..], &Limits::default(), &mut pack).unwrap();
    let mut end = 0;
    for entry in &entries {
        let EntryKind::File { offset, len, digest } = entry.kind else { panic!("{entry:?}") };
        let name = String::from_utf8(entry.path.clone()).unwrap();
        let (number, kind) = name.rsplit('/').next().unwrap().split_once('.').unwrap();
        let number: usize = number.parse().unwrap();
        let expected = if kind == "ko" { modules[number].clone() } else { number.to_string().into_bytes() };
        assert!(pack.0[offset as usize..][..len as usize] == expected, "{name}");
        assert_eq!(digest, Digest::of(&expected), "{name}");
        assert!(len == 0 || offset >= end, "{name} is at {offset}, before {end}");
        end = end.max(offset + len);
    }
    assert_eq!(entries.len(), modules.len() + 5);
}

#[test]
fn the_stored_form_is_pinned() {
    let tar = Tar::new().directory("./a").file("./a/b", b"x").link("./a/c", b'2', "b");
    let tar = tar.pax(b'x', &[("SCHILY.xattr.user.x", b"y")]).file("./a/d", b"");
    let bytes = unpacked(&deb(&tar)).unwrap().to_bytes();
    assert_eq!(Digest::of(&bytes).hex(), "768913ca897f2c4dcd16fcf9d4361e00a73975516a1637325bbada892bfd9184");
    assert_eq!(pintle_package::UNPACK_FORMAT, 1);
    UnpackedDeb::from_bytes(&[&bytes[..], b"more"].concat()).unwrap_err();
    UnpackedDeb::from_bytes(&bytes[..bytes.len() - 1]).unwrap_err();
}
