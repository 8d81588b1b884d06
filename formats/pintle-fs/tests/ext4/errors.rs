//! What is refused, and in which words.

use crate::grow::{add, add_with, directory, file, link};
use crate::judge::options;
use insta::assert_snapshot;
use pintle_fs::ext4::{self, Options};
use pintle_model::{Attrs, Blob, Bytes, Kind, Sink, Timestamp, Tree, TreePath};
use std::error::Error;
use std::io;

fn refused(tree: &Tree, options: &Options) -> String {
    ext4::layout(tree, options).unwrap_err().to_string()
}

fn refused_inode(kind: Kind, mtime: i64, xattrs: &[(&str, &[u8])]) -> String {
    let mut tree = Tree::new();
    let attrs = Attrs { mtime: Timestamp::from_secs(mtime), ..Attrs::root(0o644) };
    add_with(&mut tree, "a/b", kind, attrs, xattrs);
    refused(&tree, &options())
}

#[test]
fn options_out_of_range() {
    let tree = Tree::new();
    let with = |change: fn(&mut Options)| {
        let mut options = options();
        change(&mut options);
        refused(&tree, &options)
    };
    assert_snapshot!(with(|o| o.label = "seventeen bytes !".into()), @"label `seventeen bytes !` has 17 bytes, ext4 takes at most 16");
    assert_snapshot!(with(|o| o.reserved_percent = 51), @"51 % of the blocks reserved for root, ext4 takes at most 50 %");
    assert_snapshot!(with(|o| o.epoch = Timestamp::from_secs(-1)), @"time -1 s since 1970 cannot be a file system's time of making");
    assert_snapshot!(with(|o| o.journal = Some(4 << 19)), @"a journal of 2097152 bytes (2 MiB): ext4 takes 4 MiB to 40 GB");
    assert_snapshot!(with(|o| o.size = Some(1 << 44)), @"a file system of 17592186044416 bytes (16384 GiB) is over the 16 TiB that 32-bit block numbers reach");
    assert_snapshot!(with(|o| o.size = Some(0)), @"content needs 315392 bytes (308 KiB), the file system has 0 (0 B): 308 KiB more are needed");
    assert_snapshot!(with(|o| o.free = 1 << 44), @"a file system of 17592188354560 bytes (16384.0 GiB) is over the 16 TiB that 32-bit block numbers reach");
    assert_snapshot!(with(|o| o.free_inodes = u32::MAX), @"4294967306 inodes are more than ext4 can number");
}

#[test]
fn content_larger_than_the_file_system() {
    let mut tree = Tree::new();
    add(&mut tree, "data", file(vec![1; 3 << 20]));
    let mut with = options();
    with.size = Some(3 << 20);
    assert_snapshot!(refused(&tree, &with), @"content needs 3563520 bytes (3.4 MiB), the file system has 3145728 (3 MiB): 408 KiB more are needed");
    // What it says is needed suffices.
    let Err(ext4::Error::TooSmall { needed, .. }) = ext4::layout(&tree, &with) else { panic!() };
    with.size = Some(needed);
    assert_eq!(ext4::layout(&tree, &with).unwrap().size, needed);
}

#[test]
fn inodes_that_ext4_cannot_store() {
    assert_snapshot!(refused_inode(Kind::File(Blob::sparse(1 << 44, vec![]).unwrap()), 0, &[]), @"/a/b: 17592186044416 bytes are over the 16 TiB that an ext4 file can have");
    assert_snapshot!(refused_inode(file(""), -(1 << 31) - 1, &[]), @"/a/b: its time, -2147483649 s since 1970, is outside of the years 1901 to 2446 that ext4 can store");
    assert_snapshot!(refused_inode(file(""), 15_032_385_536, &[]), @"/a/b: its time, 15032385536 s since 1970, is outside of the years 1901 to 2446 that ext4 can store");
    assert_snapshot!(refused_inode(link(b""), 0, &[]), @"/a/b: the target of this symbolic link is empty");
    assert_snapshot!(refused_inode(link(&[b'x'; 4096]), 0, &[]), @"/a/b: the target of this symbolic link is longer than 4095 bytes");
    assert_snapshot!(refused_inode(link(b"a\0b"), 0, &[]), @"/a/b: the target of this symbolic link is not text: it contains a NUL byte");
    assert_snapshot!(refused_inode(Kind::CharDevice { major: 4096, minor: 0 }, 0, &[]), @"/a/b: device 4096:0 is beyond 4095:1048575");
    assert_snapshot!(refused_inode(directory(), 0, &[("btrfs.compression", b"zstd")]), @"/a/b: extended attribute `btrfs.compression` cannot be stored: ext4 knows user.*, trusted.*, security.* and POSIX ACLs, of up to 255 bytes");
    assert_snapshot!(refused_inode(file(""), 0, &[("system.posix_acl_access", b"rwx")]), @"/a/b: extended attribute `system.posix_acl_access` is not a well-formed POSIX ACL");
    assert_snapshot!(refused_inode(file(""), 0, &[("user.a", &[0; 5000])]), @"/a/b: extended attributes take 5020 bytes, ext4 has room for 4148: 88 in the inode, 4060 in a block");
}

#[test]
fn more_links_than_65000() {
    let mut tree = Tree::new();
    let id = add(&mut tree, "a", file("a"));
    for n in 0..65_000 {
        tree.link(&TreePath::new(n.to_string()).unwrap(), id).unwrap();
    }
    assert_snapshot!(refused(&tree, &options()), @"/0: 65001 hard links, ext4 takes at most 65000 to one file");
    tree.remove(&TreePath::literal("0")).unwrap();
    ext4::layout(&tree, &options()).unwrap();
}

#[test]
fn lost_and_found_must_be_a_directory() {
    let mut tree = Tree::new();
    add(&mut tree, "lost+found", file(""));
    assert_snapshot!(refused(&tree, &options()), @"/lost+found is a file: on ext4 it must be a directory");
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

#[test]
fn the_sink_s_error_is_the_source() {
    let error = ext4::write(&Tree::new(), &options(), &mut Full(10_000)).unwrap_err();
    assert_snapshot!(error, @"cannot write the file system");
    assert_snapshot!(error.source().unwrap(), @"no storage space");
}
