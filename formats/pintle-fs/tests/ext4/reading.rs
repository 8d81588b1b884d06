//! Our own reader against what was written, and against hostile bytes.

use crate::grow::{add, add_with, directory, file, link};
use crate::judge::{Image, Pattern, options, written};
use pintle_fs::ext4::read::{ReadAt, ReadError, ReadLimits, Reader, Stat};
use pintle_model::{Attrs, Blob, Kind, Limit, SourceId, Tree, TreePath, Xattrs};
use proptest::prelude::{Strategy, any, prop, proptest};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// An image file as the reader wants it.
pub(crate) struct OnDisk(pub(crate) File);

impl ReadAt for OnDisk {
    fn read_exact_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }
}

/// Every path of `tree` must be in the image, with everything it has, and nothing else but `/lost+found`.
pub(crate) fn assert_same(tree: &Tree, image: &Image) {
    let disk = OnDisk(File::open(&image.path).unwrap());
    let reader = Reader::open(&disk, ReadLimits::default()).unwrap();
    let links = tree.link_counts();
    let mut paths = Vec::new();
    let mut visit = |path: &TreePath, stat: &Stat| {
        let Some(id) = tree.lookup(path) else {
            assert_eq!(path.as_bytes(), b"lost+found");
            return Ok(());
        };
        paths.push(path.clone());
        let inode = tree.inode(id);
        assert_eq!(stat.mode, inode.kind.type_bits() | inode.attrs.mode, "{path}");
        assert_eq!(stat.attrs, inode.attrs, "{path}");
        let extra = u32::from(path.is_root() && tree.get(&TreePath::literal("lost+found")).is_none());
        assert_eq!(u32::from(stat.links), links[id.index()] + extra, "{path}");
        assert_content(&reader, stat, &inode.kind, path);
        let acls = |xattrs: &Xattrs| xattrs.keys().filter(|name| name.starts_with(b"system.")).count();
        let mut stored = reader.xattrs(stat).unwrap();
        let mut expected = inode.xattrs.clone();
        assert_eq!(acls(&stored), acls(&expected), "{path}");
        for xattrs in [&mut stored, &mut expected] {
            xattrs.retain(|name, _| !name.starts_with(b"system."));
        }
        assert_eq!(stored, expected, "{path}");
        Ok(())
    };
    reader.walk(&mut visit).unwrap();
    paths.sort();
    assert_eq!(paths, tree.walk().map(|entry| entry.path).collect::<Vec<_>>());
}

fn assert_content(reader: &Reader<'_>, stat: &Stat, kind: &Kind, path: &TreePath) {
    match kind {
        Kind::File(blob) => {
            assert!(stat.is_file() && stat.size == blob.len(), "{path}");
            assert!(reader.read(stat).unwrap() == blob.read(&Pattern, 1 << 30).unwrap(), "{path}");
        }
        Kind::Symlink(target) => assert_eq!(reader.read(stat).unwrap(), target.to_vec(), "{path}"),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            assert_eq!(stat.device, Some((*major, *minor)), "{path}");
        }
        Kind::Directory(_) | Kind::Fifo | Kind::Socket => {}
    }
}

#[test]
fn the_rich_tree_is_read_back() {
    let tree = crate::rich::rich();
    let mut with = options();
    with.label = "pintle".into();
    let image = written(&tree, &with);
    assert_same(&tree, &image);
    let disk = OnDisk(File::open(&image.path).unwrap());
    let reader = Reader::open(&disk, ReadLimits::default()).unwrap();
    let said = reader.superblock();
    assert_eq!((said.uuid, said.label.as_slice()), (with.uuid, &b"pintle"[..]));
    assert_eq!((said.block_count, said.free_blocks), (image.summary.block_count, image.summary.free_blocks));
    assert_eq!((said.inode_count, said.free_inodes), (image.summary.inode_count, image.summary.free_inodes));
    assert!(reader.find(&TreePath::literal("usr/bin/nothing")).unwrap().is_none());
    assert!(reader.find(&TreePath::literal("zz/below/a/file")).unwrap().is_none());
}

#[test]
fn limits_hold() {
    let mut tree = Tree::new();
    add(&mut tree, "large", Kind::File(Blob::at(SourceId(0), 0, 10_000)));
    let image = written(&tree, &options());
    let disk = OnDisk(File::open(&image.path).unwrap());
    let limits = ReadLimits {
        file_bytes: Limit::new(8192, "bytes of one file in an ext4 image"),
        names: Limit::new(1, "names in an ext4 image"),
        ..ReadLimits::default()
    };
    let reader = Reader::open(&disk, limits).unwrap();
    let wide = Reader::open(&disk, ReadLimits::default()).unwrap();
    let stat = wide.find(&TreePath::literal("large")).unwrap().unwrap();
    insta::assert_snapshot!(reader.read(&stat).unwrap_err(), @"10000 are over the limit of 8192 bytes of one file in an ext4 image");
    insta::assert_snapshot!(reader.walk(&mut |_, _| Ok(())).unwrap_err(), @"2 are over the limit of 1 names in an ext4 image");
}

/// Reads all there is; only whether it ends and does not panic matters.
fn read_all(bytes: &[u8]) -> Result<(), ReadError> {
    let limits = ReadLimits {
        file_bytes: Limit::new(1 << 20, "bytes of one file"),
        names: Limit::new(2_000, "names"),
        tree_blocks: Limit::new(100, "blocks of one extent tree"),
    };
    let reader = Reader::open(&bytes, limits)?;
    reader.walk(&mut |_, stat| {
        // Errors in one file do not end the walk.
        drop(reader.read(stat));
        drop(reader.extents(stat));
        drop(reader.xattrs(stat));
        Ok(())
    })
}

/// A small image with something of everything, in memory; without checksums if asked for, so that damage gets
/// deeper.
fn small(sums: bool) -> Vec<u8> {
    let mut tree = Tree::new();
    add_with(&mut tree, "a", file("text"), Attrs::root(0o644), &[("user.a", b"1"), ("user.long", &[9; 300])]);
    let pieces = (0..700).map(|n| pintle_model::Segment {
        at: n * 8192,
        len: 1,
        bytes: pintle_model::Bytes::Inline((*b"x").into()),
    });
    add(&mut tree, "pieces", Kind::File(Blob::sparse(1 << 23, pieces.collect()).unwrap()));
    add(&mut tree, "link", link(&[b'l'; 100]));
    for n in 0..300 {
        add(&mut tree, format!("d/{n:020}"), directory());
    }
    let mut with = options();
    with.free_inodes = 0;
    let image = written(&tree, &with);
    let mut bytes = std::fs::read(&image.path).unwrap();
    if !sums {
        bytes[1024 + 0x65] &= !0x04;
    }
    read_all(&bytes).unwrap();
    bytes
}

/// Where an image's structures are: the first blocks, and the start of each later block.
fn places(len: usize) -> impl Strategy<Value = usize> {
    let blocks = len / 4096;
    proptest::prop_oneof![
        0..len.min(1 << 18),
        (0..blocks, 0..64usize).prop_map(|(block, at)| block * 4096 + at)
    ]
}

#[test]
fn damaged_images_are_errors_not_panics() {
    for sums in [true, false] {
        let bytes = small(sums);
        let damage = prop::collection::vec((places(bytes.len()), any::<u8>()), 1..40);
        proptest!(|(damage in damage)| {
            let mut bytes = bytes.clone();
            for (at, value) in damage {
                bytes[at] = value;
            }
            drop(read_all(&bytes));
        });
    }
}

#[test]
fn truncated_and_arbitrary_bytes_are_errors() {
    let bytes = small(true);
    // Behind the directories, which stand first, a cut is only met in files.
    for len in (0..200_000).step_by(5000) {
        assert!(read_all(&bytes[..len]).is_err(), "{len}");
    }
    proptest!(|(bytes in prop::collection::vec(any::<u8>(), 0..5000))| {
        let mut bytes = bytes;
        assert!(read_all(&bytes).is_err());
        if bytes.len() > 2048 {
            bytes[1024 + 0x38..1024 + 0x3A].copy_from_slice(&[0x53, 0xEF]);
            bytes[1024 + 0x60..1024 + 0x68].fill(0);
            drop(read_all(&bytes));
        }
    });
}

#[test]
fn foreign_features_are_named() {
    let mut bytes = small(true);
    bytes[1024 + 0x61] |= 0x80;
    insta::assert_snapshot!(read_all(&bytes).unwrap_err(), @"the file system uses incompatible features 0x8000, which this reader does not know");
    bytes[1024 + 0x61] &= 0x7F;
    bytes[1024 + 0x78] = b'!';
    insta::assert_snapshot!(read_all(&bytes).unwrap_err(), @"damaged superblock: checksum");
}
