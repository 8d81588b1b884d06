//! Numbers and sizes far from the ordinary, in bounded time, before judges we did not write. (What `e2fsck` and the
//! kernel say of a thousand random trees: the program's own tests.)
#![allow(clippy::unwrap_used, reason = "helpers of tests panic like tests")]

use pintle_fs::{cpio, erofs, ext4, vfat};
use pintle_model::{
    Attrs, Blob, Bytes, Inode, InodeId, Kind, NoContents, Origin, OriginId, Segment, Sink, SourceId,
    Timestamp, Tree, TreePath, WriteAll, Xattrs,
};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{Duration, Instant};
use uuid::Uuid;

struct Grower {
    tree: Tree,
    origin: OriginId,
}

impl Grower {
    fn new() -> Self {
        let mut tree = Tree::new();
        let origin = tree.origin(Origin::Nobody);
        Self { tree, origin }
    }

    fn add(&mut self, path: impl AsRef<[u8]>, kind: Kind) -> InodeId {
        let path = TreePath::new(path).unwrap();
        self.tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), self.origin).unwrap();
        let attrs = Attrs { mtime: Timestamp::from_secs(1_700_000_000), ..Attrs::root(0o644) };
        self.tree.insert(&path, Inode { kind, attrs, xattrs: Xattrs::new(), origin: self.origin }).unwrap()
    }
}

/// A sparse file; the data of files is left out, as none of these judges looks at it.
struct Metadata(File);

impl Sink for Metadata {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn copy(&mut self, _at: u64, _from: &Bytes, _skip: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }
}

fn judge(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output();
    let output =
        output.unwrap_or_else(|error| panic!("{program}: {error}; `cargo xtask test` installs the judges"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{text}{errors}", output.status);
    text
}

/// Writes an ext4 and has it checked; how long the writing took.
fn ext4_of(tree: &Tree) -> (tempfile::NamedTempFile, ext4::Summary, Duration) {
    let image = tempfile::NamedTempFile::new().unwrap();
    let options =
        ext4::Options::new(Uuid::from_u128(1), Uuid::from_u128(2), Timestamp::from_secs(1_700_000_000));
    let start = Instant::now();
    let summary = ext4::write(tree, &options, &mut Metadata(image.reopen().unwrap())).unwrap();
    let took = start.elapsed();
    image.as_file().set_len(summary.size).unwrap();
    judge("e2fsck", &["-fn", image.path().to_str().unwrap()]);
    (image, summary, took)
}

/// The same as EROFS.
fn erofs_of(tree: &Tree) -> (erofs::Summary, Duration) {
    let image = tempfile::NamedTempFile::new().unwrap();
    let options = erofs::Options::new(Uuid::from_u128(1), Timestamp::from_secs(1_700_000_000));
    let start = Instant::now();
    let summary = erofs::write(tree, None, &options, &mut Metadata(image.reopen().unwrap())).unwrap();
    let took = start.elapsed();
    image.as_file().set_len(summary.size).unwrap();
    judge("fsck.erofs", &[image.path().to_str().unwrap()]);
    (summary, took)
}

#[test]
fn a_million_inodes_in_bounded_time() {
    let mut grower = Grower::new();
    for folder in 0..1_000 {
        for file in 0..1_000 {
            grower.add(format!("{folder}/{file}"), Kind::File(Blob::default()));
        }
    }
    let (summary, took) = erofs_of(&grower.tree);
    assert_eq!(summary.inode_count, 1_001_001);
    assert!(took < Duration::from_secs(120), "{took:?}");
    let (_image, summary, took) = ext4_of(&grower.tree);
    assert_eq!(summary.inode_count - summary.free_inodes - 11, 1_001_000);
    // Some seconds even without optimisation, on a machine that does other things; quadratic work would take hours.
    assert!(took < Duration::from_secs(120), "{took:?}");
}

#[test]
fn twenty_gib_of_data_are_pointed_at() {
    let mut grower = Grower::new();
    for n in 0..200 {
        let len = (20 << 30) / 200;
        grower.add(format!("data/{n}"), Kind::File(Blob::at(SourceId(n), 0, len)));
    }
    let (erofs, took) = erofs_of(&grower.tree);
    assert!(erofs.size > 20 << 30 && erofs.size < (20 << 30) + (1 << 20), "{}", erofs.size);
    assert!(took < Duration::from_secs(10), "no byte of it is read: {took:?}");
    let (_image, summary, took) = ext4_of(&grower.tree);
    assert!(summary.size > 20 << 30 && summary.size < 21 << 30, "{}", summary.size);
    assert!(took < Duration::from_secs(10), "no byte of it is read: {took:?}");
}

/// What fits only if the right attributes stand in the inode: not those that come first.
#[test]
fn attributes_that_fit_in_one_way_only() {
    let mut grower = Grower::new();
    let id = grower.add("file", Kind::File(Blob::default()));
    // 40, 88 and 4020 bytes on disk; there is room for 88 in the inode, for 4060 in the block. The first one in the
    // inode would leave 4108 for the block.
    let sets = [("user.a", 20), ("user.b", 68), ("user.c", 4000)];
    let xattrs = sets.map(|(name, len)| (name.as_bytes().into(), vec![b'v'; len].into()));
    grower.tree.inode_mut(id).xattrs = xattrs.into_iter().collect();
    let (image, ..) = ext4_of(&grower.tree);
    let said = judge("debugfs", &["-R", "ea_list file", image.path().to_str().unwrap()]);
    for (name, len) in sets {
        assert!(said.contains(&format!("{name} ({len})")), "{said}");
    }
}

fn vfat_options(size: u64) -> vfat::Options {
    let epoch = Timestamp::from_secs(1_700_000_000);
    vfat::Options { size, label: "TORTURE".into(), serial: 7, epoch, hidden_sectors: 0 }
}

#[test]
fn crowded_fat_directories() {
    let mut grower = Grower::new();
    // Three entries each, all of which want the same short name.
    for n in 0..20_000 {
        grower.add(format!("many/the same beginning {n}"), Kind::File(Blob::default()));
    }
    let size = vfat::minimum_size(&grower.tree).unwrap();
    let image = tempfile::NamedTempFile::new().unwrap();
    let start = Instant::now();
    vfat::write(&grower.tree, &vfat_options(size), &mut Metadata(image.reopen().unwrap())).unwrap();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    image.as_file().set_len(size).unwrap();
    let said = judge("fsck.vfat", &["-n", "-v", image.path().to_str().unwrap()]);
    assert!(said.contains(" 20002 files"), "{said}");
    // FAT counts a directory's entries in 16 bits.
    for n in 20_000..22_000 {
        grower.add(format!("many/the same beginning {n}"), Kind::File(Blob::default()));
    }
    let error = vfat::minimum_size(&grower.tree).unwrap_err().to_string();
    assert!(error.starts_with("/many needs 66") && error.ends_with(" in this directory"), "{error}");
}

#[test]
fn fat_at_the_ends_of_time_and_size() {
    let mut grower = Grower::new();
    for secs in [-(1 << 31), 0, 315_532_800, 4_354_819_198, 15_032_385_535] {
        let id = grower.add(format!("{secs}"), Kind::File(Blob::default()));
        grower.tree.inode_mut(id).attrs.mtime.secs = secs;
    }
    // One cluster less than the largest: fsck.fat 4.2 counts a chain's bytes in 32 bits, and takes 4 GiB for nothing.
    let largest = u64::from(u32::MAX);
    let piece = Segment { at: largest - (64 << 10) - 1, len: 1, bytes: Bytes::Inline((*b"x").into()) };
    let blob = |len| Blob::sparse(len, vec![piece.clone()]).unwrap();
    grower.add("largest", Kind::File(blob(largest - (64 << 10))));
    let size = vfat::minimum_size(&grower.tree).unwrap();
    let image = tempfile::NamedTempFile::new().unwrap();
    vfat::write(&grower.tree, &vfat_options(size), &mut Metadata(image.reopen().unwrap())).unwrap();
    image.as_file().set_len(size).unwrap();
    let path = image.path().to_str().unwrap();
    judge("fsck.vfat", &["-n", path]);
    let said = judge("mdir", &["-i", path, "::"]);
    // FAT knows 1980 to 2107; what is outside becomes the nearest.
    for line in ["-2147483648", "1980-01-01", "2107-12-31", "4294901759"] {
        assert!(said.replace(' ', "").contains(line), "no {line}: {said}");
    }
    grower.add("too large", Kind::File(blob(largest + 1)));
    insta::assert_snapshot!(vfat::minimum_size(&grower.tree).unwrap_err(), @"/too large has 4294967296 bytes: FAT holds files of at most 4294967295 bytes");
}

#[test]
fn crowded_cpio_archives() {
    let mut grower = Grower::new();
    for n in 0..70_000 {
        grower.add(format!("many/{n}"), Kind::File(Blob::default()));
    }
    let one = grower.add("one", Kind::File(Blob::inline(*b"one of many names")));
    for n in 0..60_000 {
        let path = TreePath::new(format!("links {n}")).unwrap();
        grower.tree.link(&path, one).unwrap();
    }
    grower.add("largest device", Kind::CharDevice { major: 4095, minor: 0xF_FFFF });
    grower.add("x".repeat(255), Kind::Symlink(vec![b't'; 4095].into()));
    grower.add([b"deep", &b"/d".repeat(1_900)[..]].concat(), Kind::Directory(Default::default()));
    let mut out = WriteAll::new(Vec::new(), &NoContents);
    let len = cpio::write(&grower.tree, &mut out).unwrap();
    let archive = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(archive.path(), out.finish(len).unwrap()).unwrap();
    let said = judge("cpio", &["-t", "--quiet", "-F", archive.path().to_str().unwrap()]);
    assert_eq!(said.lines().count(), grower.tree.walk().count());
}
