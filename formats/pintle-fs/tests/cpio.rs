//! cpio archives before GNU cpio, which we did not write, and before our reader.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_fs::cpio::read::{Archive, Limits, ReadError};
use pintle_fs::cpio::write;
use pintle_model::{
    Attrs, Blob, Bytes, Count, Digest, InodeId, Kind, NoContents, Origin, Segment, Timestamp, Tree, TreePath,
    WriteAll,
};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_oneof, proptest};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn cpio(arguments: &[&str], folder: &Path, archive: &[u8]) -> String {
    let mut child = Command::new("cpio")
        .args(arguments)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cpio: {error}; `cargo xtask test` installs what the tests need"));
    let mut stdin = child.stdin.take().unwrap();
    let archive = archive.to_vec();
    let feed = std::thread::spawn(move || stdin.write_all(&archive));
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "cpio {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn add(tree: &mut Tree, path: &str, kind: Kind, attrs: Attrs) -> InodeId {
    let by = tree.origin(Origin::Nobody);
    let path = TreePath::literal(path);
    let parent = Attrs { mtime: Timestamp::from_secs(1_600_000_000), ..Attrs::root(0o755) };
    tree.ensure_directory(&path.parent().unwrap(), parent, by).unwrap();
    tree.add(&path, kind, attrs, by).unwrap()
}

fn at(mode: u16, secs: i64) -> Attrs {
    Attrs { mtime: Timestamp::from_secs(secs), ..Attrs::root(mode) }
}

/// What everyone may unpack: no devices.
fn plain() -> Tree {
    let mut tree = Tree::new();
    add(&mut tree, "init", Kind::Symlink((*b"usr/lib/systemd/systemd").into()), at(0o777, 1_700_000_000));
    let first = add(&mut tree, "usr/bin/bunzip2", Kind::File(Blob::inline(*b"#!/bin/sh\n")), at(0o755, 1));
    tree.link(&TreePath::literal("usr/bin/bzip2"), first).unwrap();
    tree.link(&TreePath::literal("usr/bin/a-third"), first).unwrap();
    let empty = add(&mut tree, "usr/empty", Kind::File(Blob::default()), at(0o600, 4_000_000_000));
    tree.link(&TreePath::literal("usr/empty-too"), empty).unwrap();
    for len in 0..9usize {
        let name = format!("usr/lib/{}", "x".repeat(len + 1));
        add(&mut tree, &name, Kind::File(Blob::inline(vec![b'a'; len])), at(0o644, len as i64));
    }
    let piece = Segment { at: 70_000, len: 3, bytes: Bytes::Inline((*b"end").into()) };
    add(&mut tree, "sparse", Kind::File(Blob::sparse(80_001, vec![piece]).unwrap()), at(0o640, 5));
    add(&mut tree, "etc/tmp/deep/dir/file", Kind::File(Blob::inline(*b"x")), at(0o4755, 5));
    tree
}

fn full() -> Tree {
    let mut tree = plain();
    let console = Kind::CharDevice { major: 5, minor: 1 };
    add(&mut tree, "dev/console", console, Attrs { gid: 5, ..at(0o620, 1_700_000_000) });
    add(&mut tree, "dev/vda", Kind::BlockDevice { major: 254, minor: 300 }, at(0o660, 1_700_000_000));
    add(&mut tree, "run/fifo", Kind::Fifo, Attrs { uid: 65_534, gid: 70_000, ..at(0o600, -5) });
    add(&mut tree, "run/socket", Kind::Socket, at(0o666, 1 << 40));
    tree
}

fn archive(tree: &Tree) -> Vec<u8> {
    let mut count = Count::default();
    let len = write(tree, &mut count).unwrap();
    assert!(count.end <= len && len.is_multiple_of(4));
    let mut all = WriteAll::new(Vec::new(), &NoContents);
    assert_eq!(write(tree, &mut all).unwrap(), len);
    all.finish(len).unwrap()
}

#[test]
fn cpio_unpacks_what_the_tree_says() {
    let tree = plain();
    let folder = tempfile::tempdir().unwrap();
    cpio(&["-idm", "--quiet", "--no-absolute-filenames"], folder.path(), &archive(&tree));
    let mut inodes: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for entry in tree.walk() {
        let path = folder.path().join(std::ffi::OsStr::from_bytes(entry.path.as_bytes()));
        let facts = fs::symlink_metadata(&path).unwrap();
        assert_eq!(facts.mode() >> 12, u32::from(entry.inode.kind.type_bits()) >> 12, "{}", entry.path);
        match &entry.inode.kind {
            Kind::File(blob) => {
                assert!(
                    fs::read(&path).unwrap() == blob.read(&NoContents, 1 << 20).unwrap(),
                    "{}",
                    entry.path
                );
                assert_eq!(facts.mode() & 0o7777, u32::from(entry.inode.attrs.mode), "{}", entry.path);
                assert_eq!(facts.mtime(), entry.inode.attrs.mtime.secs, "{}", entry.path);
            }
            Kind::Symlink(target) => {
                assert_eq!(fs::read_link(&path).unwrap().as_os_str().as_bytes(), &**target);
            }
            _ => {}
        }
        let identity = (facts.dev(), facts.ino());
        assert_eq!(*inodes.entry(entry.id.index()).or_insert(identity), identity, "{}", entry.path);
    }
}

#[test]
fn cpio_lists_what_the_tree_says() {
    let list = cpio(&["-itvn", "--quiet"], Path::new("/"), &archive(&full()));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let list: Vec<String> = list.lines().map(words).collect();
    insta::assert_snapshot!(list.join("\n"), @r"
    drwxr-xr-x 6 0 0 0 Jan 1 1970 .
    drwxr-xr-x 2 0 0 0 Sep 13 2020 dev
    crw--w---- 1 0 5 5, 1 Nov 14 2023 dev/console
    brw-rw---- 1 0 0 254, 300 Nov 14 2023 dev/vda
    drwxr-xr-x 3 0 0 0 Sep 13 2020 etc
    drwxr-xr-x 3 0 0 0 Sep 13 2020 etc/tmp
    drwxr-xr-x 3 0 0 0 Sep 13 2020 etc/tmp/deep
    drwxr-xr-x 2 0 0 0 Sep 13 2020 etc/tmp/deep/dir
    -rwsr-xr-x 1 0 0 1 Jan 1 1970 etc/tmp/deep/dir/file
    lrwxrwxrwx 1 0 0 23 Nov 14 2023 init -> usr/lib/systemd/systemd
    drwxr-xr-x 2 0 0 0 Sep 13 2020 run
    prw------- 1 65534 70000 0 Jan 1 1970 run/fifo
    srw-rw-rw- 1 0 0 0 Feb 7 2106 run/socket
    -rw-r----- 1 0 0 80001 Jan 1 1970 sparse
    drwxr-xr-x 4 0 0 0 Sep 13 2020 usr
    drwxr-xr-x 2 0 0 0 Sep 13 2020 usr/bin
    -rwxr-xr-x 3 0 0 0 Jan 1 1970 usr/bin/a-third
    -rwxr-xr-x 3 0 0 0 Jan 1 1970 usr/bin/bunzip2
    -rwxr-xr-x 3 0 0 10 Jan 1 1970 usr/bin/bzip2
    -rw------- 2 0 0 0 Oct 2 2096 usr/empty
    -rw------- 2 0 0 0 Oct 2 2096 usr/empty-too
    drwxr-xr-x 2 0 0 0 Sep 13 2020 usr/lib
    -rw-r--r-- 1 0 0 0 Jan 1 1970 usr/lib/x
    -rw-r--r-- 1 0 0 1 Jan 1 1970 usr/lib/xx
    -rw-r--r-- 1 0 0 2 Jan 1 1970 usr/lib/xxx
    -rw-r--r-- 1 0 0 3 Jan 1 1970 usr/lib/xxxx
    -rw-r--r-- 1 0 0 4 Jan 1 1970 usr/lib/xxxxx
    -rw-r--r-- 1 0 0 5 Jan 1 1970 usr/lib/xxxxxx
    -rw-r--r-- 1 0 0 6 Jan 1 1970 usr/lib/xxxxxxx
    -rw-r--r-- 1 0 0 7 Jan 1 1970 usr/lib/xxxxxxxx
    -rw-r--r-- 1 0 0 8 Jan 1 1970 usr/lib/xxxxxxxxx
    ");
}

#[test]
fn members_come_back() {
    let tree = full();
    let bytes = archive(&tree);
    // Twice, with zeros between and something else behind: early and main initrd.
    let mut joined = [&*bytes, &[0; 512], &bytes].concat();
    joined.extend_from_slice(b"\x28\xb5\x2f\xfdcompressed");
    let mut reader = Archive::new(&joined, Limits::default());
    for _ in 0..2 {
        for entry in tree.walk() {
            let member = reader.next().unwrap().unwrap();
            let name = if entry.path.is_root() { b"." } else { entry.path.as_bytes() };
            assert_eq!(member.name, name);
            assert_eq!(member.header.uid, entry.inode.attrs.uid);
            assert_eq!(member.header.mode & 0o7777, u32::from(entry.inode.attrs.mode));
        }
    }
    assert_eq!(reader.next(), None);
    assert_eq!(reader.rest(), b"\x28\xb5\x2f\xfdcompressed");
}

#[test]
fn the_bytes_are_pinned() {
    insta::assert_snapshot!(Digest::of(&archive(&full())).hex(), @"6f1f212d6c5b457db16cc381eb1fed3e869737f12241b6081fddff70021bdea3");
    insta::assert_snapshot!(Digest::of(&archive(&Tree::new())).hex(), @"8fa3355009cb82bfe7aea4af00e1ebd8b802d831a4527b26149c1ec14f9b7705");
}

#[test]
fn what_cpio_cannot_hold_is_named() {
    let error = |path: &str, kind: Kind| {
        let mut tree = Tree::new();
        add(&mut tree, path, kind, at(0o644, 0));
        let mut count = Count::default();
        let error = write(&tree, &mut count).unwrap_err();
        assert_eq!(count, Count::default());
        error
    };
    let large = Kind::File(Blob::sparse(1 << 32, Vec::new()).unwrap());
    insta::assert_snapshot!(error("var/large", large), @"/var/large has 4294967296 bytes: a cpio archive holds files of at most 4294967295 bytes");
    insta::assert_snapshot!(error("link", Kind::Symlink(vec![b'x'; 4096].into())), @"/link is a symbolic link to a path of 4096 bytes: the kernel unpacks at most 4095");
    insta::assert_snapshot!(error("TRAILER!!!", Kind::Fifo), @"/TRAILER!!! cannot be put into a cpio archive: the name marks the archive's end");
}

#[test]
fn damage_is_told() {
    let bytes = archive(&full());
    let error = |bytes: &[u8], limits: Limits| -> ReadError {
        Archive::new(bytes, limits).find_map(Result::err).unwrap()
    };
    let edited = |at: usize, text: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + text.len()].copy_from_slice(text);
        error(&bytes, Limits::default())
    };
    insta::assert_snapshot!(edited(0, b"07070X"), @"no cpio header (newc) at byte 0");
    insta::assert_snapshot!(edited(94, b"FFFFFFFF"), @"cpio archive refused at byte 0: more than 4096 bytes in a member's name");
    insta::assert_snapshot!(edited(94, b"00000000"), @"bad name of the cpio member at byte 0");
    insta::assert_snapshot!(edited(54, b"FFFFFFFF"), @"the cpio archive is cut short: its member at byte 0 is not complete");
    insta::assert_snapshot!(error(&bytes[..bytes.len() - 50], Limits::default()), @"the cpio archive is cut short: its member at byte 83888 is not complete");
    insta::assert_snapshot!(error(b"", Limits::default()), @"the cpio archive is cut short: its member at byte 0 is not complete");
    let mut few = Limits::default();
    few.members.max = 3;
    insta::assert_snapshot!(error(&bytes, few), @"cpio archive refused at byte 352: more than 3 members in one archive");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_harm_the_reader(
        edits in vec((any::<usize>(), any::<u8>()), 0..20),
        hex in vec((any::<usize>(), prop_oneof!["[0-9A-F]{8}", "0000000[0-9A-F]"]), 0..5),
        noise in vec(any::<u8>(), 0..400),
    ) {
        let mut bytes = archive(&full());
        for (at, value) in edits {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        for (at, text) in hex {
            let at = at % 200 * 4;
            bytes[at..at + 8].copy_from_slice(text.as_bytes());
        }
        assert!(Archive::new(&bytes, Limits::default()).count() < 1000);
        assert!(Archive::new(&noise, Limits::default()).count() < 1000);
    }
}
