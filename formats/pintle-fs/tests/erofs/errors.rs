//! What is refused, and in which words.

use crate::grow::{add, add_with, directory, file, link};
use crate::judge::{PACK, Pattern, options, packed};
use insta::assert_snapshot;
use pintle_fs::erofs::{self, Method, Packing};
use pintle_model::{Attrs, Blob, Bytes, Contents, Kind, Sink, SourceId, Tree, TreePath};
use pintle_testkit::pack::Memory;
use std::error::Error;
use std::io;

fn refused(tree: &Tree) -> String {
    erofs::layout(tree, None, &options()).unwrap_err().to_string()
}

fn refused_inode(kind: Kind, xattrs: &[(&str, &[u8])]) -> String {
    let mut tree = Tree::new();
    add_with(&mut tree, "a/b", kind, Attrs::root(0o644), xattrs);
    refused(&tree)
}

#[test]
fn options_out_of_range() {
    let mut with = options();
    with.label = "seventeen bytes !".into();
    assert_snapshot!(erofs::layout(&Tree::new(), None, &with).unwrap_err(), @"label `seventeen bytes !` has 17 bytes, EROFS takes at most 16");
    let pack = |packing: Packing| {
        erofs::pack(&Tree::new(), &Pattern, &packing, &mut Memory::default(), PACK).unwrap_err().to_string()
    };
    let good = Packing::new(Method::Lz4, 1);
    assert_snapshot!(pack(Packing { cluster: 4096, ..good }), @"compressed extents of 4096 bytes (4 KiB): EROFS takes powers of two from 8 KiB to 1 MiB");
    assert_snapshot!(pack(Packing { cluster: 100_000, ..good }), @"compressed extents of 100000 bytes (97.7 KiB): EROFS takes powers of two from 8 KiB to 1 MiB");
    assert_snapshot!(pack(Packing { cluster: 2 << 20, ..good }), @"compressed extents of 2097152 bytes (2 MiB): EROFS takes powers of two from 8 KiB to 1 MiB");
    assert_snapshot!(pack(Packing::new(Method::Zstd(23), 1)), @"there is no level 23 of zstd: it has 1 to 22");
}

#[test]
fn inodes_that_erofs_cannot_store() {
    assert_snapshot!(refused_inode(Kind::File(Blob::sparse(1 << 63, vec![]).unwrap()), &[]), @"/a/b: 9223372036854775808 bytes are more than a file can have on Linux");
    assert_snapshot!(refused_inode(Kind::File(Blob::at(SourceId(0), 0, 1 << 44)), &[]), @"content of 17592186052608 bytes (16384.0 GiB) is over the 16 TiB that 32-bit block numbers reach");
    assert_snapshot!(refused_inode(link(b""), &[]), @"/a/b: the target of this symbolic link is empty");
    assert_snapshot!(refused_inode(link(&[b'x'; 4096]), &[]), @"/a/b: the target of this symbolic link is longer than 4095 bytes");
    assert_snapshot!(refused_inode(link(b"a\0b"), &[]), @"/a/b: the target of this symbolic link is not text: it contains a NUL byte");
    assert_snapshot!(refused_inode(Kind::CharDevice { major: 4096, minor: 0 }, &[]), @"/a/b: device 4096:0 is beyond 4095:1048575");
    assert_snapshot!(refused_inode(directory(), &[("btrfs.compression", b"zstd")]), @"/a/b: extended attribute `btrfs.compression` cannot be stored: EROFS knows user.*, trusted.*, security.* and POSIX ACLs, of up to 255 bytes");
    assert_snapshot!(refused_inode(file(""), &[("system.posix_acl_access", b"rwx")]), @"/a/b: extended attribute `system.posix_acl_access` is not a well-formed POSIX ACL");
    assert_snapshot!(refused_inode(file(""), &[("user.a", &[0; 65_536])]), @"/a/b: extended attributes take 65536 bytes, EROFS has room for 65535");
    let large = [0; 60_000];
    let names: Vec<String> = (0..5).map(|n| format!("user.{n}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &large[..])).collect();
    assert_snapshot!(refused_inode(file(""), &many), @"/a/b: extended attributes take 300052 bytes, EROFS has room for 262148");
}

/// A tree that changed between its compression and its writing.
#[test]
fn what_was_compressed_must_be_what_is_written() {
    let mut tree = Tree::new();
    add(&mut tree, "a/file", file(vec![b'x'; 300_000]));
    add(&mut tree, "a/short", file(vec![b'x'; 300]));
    let (packed, _) = packed(&tree, &Packing::new(Method::Lz4, 1));
    let mut changed = |name: &str| {
        let path = TreePath::literal(name);
        let old = std::mem::replace(&mut tree.get_mut(&path).unwrap().kind, file("another"));
        let error = erofs::layout(&tree, Some(&packed), &options()).unwrap_err();
        tree.get_mut(&path).unwrap().kind = old;
        error
    };
    assert_snapshot!(changed("a/file"), @"/a/file: this file was not there, or of another length, when the tree was compressed");
    assert_snapshot!(changed("a/short"), @"/a/short: this file was not there, or of another length, when the tree was compressed");
    erofs::layout(&tree, Some(&packed), &options()).unwrap();
}

/// A sink that is full after some bytes.
struct Full(u64);

impl Sink for Full {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if at + bytes.len() as u64 > self.0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn copy(&mut self, at: u64, _from: &Bytes, _skip: u64, len: u64) -> io::Result<()> {
        if at + len > self.0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Files that cannot be read.
struct Nothing;

impl Contents for Nothing {
    fn read_exact_at(&self, _source: SourceId, _offset: u64, _out: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::StaleNetworkFileHandle.into())
    }
}

#[test]
fn errors_of_others_are_the_source() {
    let error = erofs::write(&Tree::new(), None, &options(), &mut Full(4_100)).unwrap_err();
    assert_snapshot!(error, @"cannot write the file system");
    assert_snapshot!(error.source().unwrap(), @"no storage space");
    let mut tree = Tree::new();
    add(&mut tree, "a/file", Kind::File(Blob::at(SourceId(0), 0, 300_000)));
    let packing = Packing::new(Method::Lz4, 2);
    let error = erofs::pack(&tree, &Nothing, &packing, &mut Memory::default(), PACK).unwrap_err();
    assert_snapshot!(error, @"cannot compress /a/file");
    assert_snapshot!(error.source().unwrap(), @"stale network file handle");
}
