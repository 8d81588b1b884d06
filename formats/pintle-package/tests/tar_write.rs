//! Archives that we write, before GNU tar and libarchive.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_model::{
    Attrs, Blob, Bytes, Digest, Kind, NoContents, Origin, Segment, Timestamp, Tree, TreePath,
};
use pintle_package::{mtree, tar};
use std::fs;
use std::process::Command;

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("TZ", "UTC").output().unwrap_or_else(|error| {
        panic!("{program}: {error}; `cargo xtask test` installs what the tests need")
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Everything that an archive can hold, at the edges of its fields.
fn tree() -> Tree {
    let mut tree = Tree::new();
    let by = tree.origin(Origin::Nobody);
    let attrs = |mode| Attrs { mtime: Timestamp::from_secs(1_000_000_000), ..Attrs::root(mode) };
    tree.inode_mut(tree.root()).attrs = attrs(0o755);
    let long = format!("usr/{}/{}", "l".repeat(120), "o".repeat(90));
    let longer = format!("usr/{}/{}", "l".repeat(200), "o".repeat(200));
    for folder in ["bin", &*long, &*longer] {
        tree.ensure_directory(&TreePath::new(folder).unwrap(), attrs(0o755), by).unwrap();
    }
    let mut add = |path: &str, kind: Kind, attrs: Attrs| {
        tree.add(&TreePath::new(path).unwrap(), kind, attrs, by).unwrap()
    };
    let file = |text: &str| Kind::File(Blob::inline(text.as_bytes().to_vec()));
    let ping = add("bin/ping", file("#!"), attrs(0o4755));
    add("bin/big-owner", file(""), Attrs { uid: 3_000_000, gid: 4_000_000_000, ..attrs(0o600) });
    add("bin/exact", file(&"x".repeat(512)), attrs(0o644));
    add("bin/naïve file", file("n"), Attrs { mtime: Timestamp { secs: 5, nanos: 7 }, ..attrs(0o644) });
    add("bin/old", file("o"), Attrs { mtime: Timestamp { secs: -2, nanos: 250_000_000 }, ..attrs(0o644) });
    add("bin/sh", Kind::Symlink((*b"dash").into()), attrs(0o777));
    add("bin/far", Kind::Symlink("t".repeat(150).into_bytes().into()), attrs(0o777));
    add("null", Kind::CharDevice { major: 1, minor: 3 }, attrs(0o666));
    add("disk", Kind::BlockDevice { major: 254, minor: 70_000 }, attrs(0o660));
    add("pipe", Kind::Fifo, attrs(0o600));
    add("socket", Kind::Socket, attrs(0o600));
    add(&format!("{long}/file"), file("deep"), attrs(0o644));
    add(&format!("{longer}/file"), file("deeper"), attrs(0o644));
    let end = Segment { at: 5000, len: 3, bytes: Bytes::Inline((*b"end").into()) };
    add("sparse", Kind::File(Blob::sparse(6000, vec![end]).unwrap()), attrs(0o644));
    tree.inode_mut(ping).xattrs.insert((*b"user.note").into(), (*b"two\nlines\0").into());
    tree.link(&TreePath::literal("bin/ping6"), ping).unwrap();
    tree
}

fn archive(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    tar::write(tree, &NoContents, &mut out).unwrap();
    out
}

/// Type, mode, owner, size, time and name, as `tar --list` shows them, less repeated letters.
#[test]
fn gnu_tar_and_libarchive_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree.tar");
    fs::write(&path, archive(&tree())).unwrap();
    let path = path.to_str().unwrap();
    let short = |text: String| {
        let text = text.replace(&"l".repeat(197), "").replace(&"o".repeat(197), "");
        text.replace(&"l".repeat(117), "").replace(&"o".repeat(87), "").replace(&"t".repeat(147), "")
    };
    let listed = short(run("tar", &["-tvf", path, "--numeric-owner", "--full-time"]));
    insta::assert_snapshot!(listed, @r#"
    drwxr-xr-x 0/0               0 2001-09-09 01:46:40 ./
    drwxr-xr-x 0/0               0 2001-09-09 01:46:40 bin/
    -rw------- 3000000/4000000000 0 2001-09-09 01:46:40 bin/big-owner
    -rw-r--r-- 0/0              512 2001-09-09 01:46:40 bin/exact
    lrwxrwxrwx 0/0                0 2001-09-09 01:46:40 bin/far -> ttt
    -rw-r--r-- 0/0                1 1970-01-01 00:00:05.000000007 bin/naïve file
    -rw-r--r-- 0/0                1 1969-12-31 23:59:59.75        bin/old
    -rwsr-xr-x 0/0                2 2001-09-09 01:46:40           bin/ping
    hrwsr-xr-x 0/0                0 2001-09-09 01:46:40           bin/ping6 link to bin/ping
    lrwxrwxrwx 0/0                0 2001-09-09 01:46:40           bin/sh -> dash
    brw-rw---- 0/0        254,70000 2001-09-09 01:46:40           disk
    crw-rw-rw- 0/0              1,3 2001-09-09 01:46:40           null
    prw------- 0/0                0 2001-09-09 01:46:40           pipe
    -rw-r--r-- 0/0             6000 2001-09-09 01:46:40           sparse
    drwxr-xr-x 0/0                0 2001-09-09 01:46:40           usr/
    drwxr-xr-x 0/0                0 2001-09-09 01:46:40           usr/lll/
    drwxr-xr-x 0/0                0 2001-09-09 01:46:40           usr/lll/ooo/
    -rw-r--r-- 0/0                4 2001-09-09 01:46:40           usr/lll/ooo/file
    drwxr-xr-x 0/0                0 2001-09-09 01:46:40           usr/lll/
    drwxr-xr-x 0/0                0 2001-09-09 01:46:40           usr/lll/ooo/
    -rw-r--r-- 0/0                6 2001-09-09 01:46:40           usr/lll/ooo/file
    "#);
    let names = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let gnu = names(run("tar", &["-tf", path, "--quoting-style=literal"]));
    assert_eq!(gnu, names(run("bsdtar", &["-tf", path])));
    let attributes = run("tar", &["-tvvf", path, "--xattrs", "--xattrs-include=*"]);
    assert!(attributes.contains("user.note"), "{attributes}");
    let sparse = Command::new("tar").args(["-xOf", path, "sparse"]).output().unwrap().stdout;
    assert_eq!((sparse.len(), &sparse[5000..5003]), (6000, &b"end"[..]));
}

#[test]
fn the_bytes_are_pinned() {
    insta::assert_snapshot!(Digest::of(&archive(&tree())).hex(), @"d782bbb12712816a6c8391ff6c1d6f5c2843fc2680a63c630bea994e1579b2f5");
}

#[test]
fn our_own_reader_agrees() {
    let bytes = archive(&tree());
    let mut reader = tar::Reader::new(&bytes[..], tar::Limits::default());
    let mut names = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        names.push(String::from_utf8(entry.path.clone()).unwrap());
    }
    assert_eq!(names.len(), tree().walk().count() - 1, "all but the socket: {names:?}");
}

/// The member that Compute Engine looks for, small and over 8 GiB.
#[test]
fn gnu_headers_hold_large_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk.tar");
    for size in [1u64 << 30, 20 << 30] {
        let file = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut &file, &tar::gnu_file_header("disk.raw", size, 0)).unwrap();
        file.set_len(512 + size + 1024).unwrap();
        let listed = run("tar", &["-tvf", path.to_str().unwrap(), "--numeric-owner"]);
        let words: Vec<&str> = listed.split_whitespace().collect();
        assert_eq!(words, ["-rw-r--r--", "0/0", &size.to_string(), "1970-01-01", "00:00", "disk.raw"]);
    }
}

#[test]
fn libarchive_reads_the_listing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree.mtree");
    let mut tree = tree();
    // libarchive knows only the small device numbers of old.
    tree.remove(&TreePath::literal("disk")).unwrap();
    fs::write(&path, mtree::listing(&tree, &NoContents).unwrap()).unwrap();
    let listed = run("bsdtar", &["-tvf", path.to_str().unwrap()]);
    let has = |line: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(listed.lines().any(|found| words(found) == words(line)), "{line}: {listed}");
    };
    has("-rwsr-xr-x 2 0 0 2 Sep 9 2001 ./bin/ping");
    has("-rw------- 0 3000000 4000000000 0 Sep 9 2001 ./bin/big-owner");
    has("lrwxrwxrwx 0 0 0 0 Sep 9 2001 ./bin/sh -> dash");
    has("crw-rw-rw- 0 0 0 1,3 Sep 9 2001 ./null");
}
