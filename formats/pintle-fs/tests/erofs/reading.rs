//! Our own reader against what was written, and against hostile bytes.

use crate::grow::{add, add_with, directory, file, link};
use crate::judge::{Image, Pattern, options, written};
use pintle_fs::erofs::read::{ReadError, ReadLimits, Reader, Stat};
use pintle_fs::erofs::{Method, Packing};
use pintle_model::{Attrs, Blob, Kind, Limit, SourceId, Tree, TreePath};
use proptest::prelude::{Strategy, any, prop, proptest};

/// Every path of `tree` must be in the image, with everything it has, and nothing else.
pub(crate) fn assert_same(tree: &Tree, image: &Image) {
    let reader = Reader::open(image, ReadLimits::default()).unwrap();
    let links = tree.link_counts();
    let mut paths = Vec::new();
    let mut visit = |path: &TreePath, stat: &Stat| {
        paths.push(path.clone());
        let id = tree.lookup(path).unwrap_or_else(|| panic!("{path} is not of the tree"));
        let inode = tree.inode(id);
        assert_eq!(stat.mode, inode.kind.type_bits() | inode.attrs.mode, "{path}");
        assert_eq!(stat.attrs, inode.attrs, "{path}");
        assert_eq!(stat.links, links[id.index()], "{path}");
        assert_eq!(reader.xattrs(stat).unwrap(), inode.xattrs, "{path}");
        match &inode.kind {
            Kind::File(blob) => {
                let expected = blob.read(&Pattern, 1 << 30).unwrap();
                assert!(reader.read(stat).unwrap() == expected, "{path}");
            }
            Kind::Symlink(target) => assert_eq!(reader.read(stat).unwrap(), target.to_vec(), "{path}"),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                assert_eq!(stat.device, Some((*major, *minor)), "{path}");
            }
            Kind::Directory(_) | Kind::Fifo | Kind::Socket => {}
        }
        Ok(())
    };
    reader.walk(&mut visit).unwrap();
    assert_eq!(paths, tree.walk().map(|entry| entry.path).collect::<Vec<_>>());
}

#[test]
fn the_superblock_says_what_was_asked_for() {
    let mut with = options();
    with.label = "sixteen bytes !!".into();
    let image = written(&crate::rich::rich(), &with, None);
    let reader = Reader::open(&image, ReadLimits::default()).unwrap();
    let said = reader.superblock();
    assert_eq!((said.uuid, said.label.as_slice()), (with.uuid, with.label.as_bytes()));
    assert_eq!((said.block_count, said.inode_count), (image.summary.block_count, image.summary.inode_count));
    assert!(reader.find(&TreePath::literal("usr/bin/nothing")).unwrap().is_none());
    assert!(reader.find(&TreePath::literal("zz/below/a/file")).unwrap().is_none());
}

#[test]
fn limits_hold() {
    let mut tree = Tree::new();
    add(&mut tree, "large", Kind::File(Blob::at(SourceId(0), 0, 10_000)));
    let image = written(&tree, &options(), None);
    let limits = ReadLimits {
        file_bytes: Limit::new(8192, "bytes of one file in an EROFS image"),
        names: Limit::new(0, "names in an EROFS image"),
    };
    let reader = Reader::open(&image, limits).unwrap();
    let wide = Reader::open(&image, ReadLimits::default()).unwrap();
    let stat = wide.find(&TreePath::literal("large")).unwrap().unwrap();
    insta::assert_snapshot!(reader.read(&stat).unwrap_err(), @"10000 are over the limit of 8192 bytes of one file in an EROFS image");
    insta::assert_snapshot!(reader.walk(&mut |_, _| Ok(())).unwrap_err(), @"3 are over the limit of 0 names in an EROFS image");
}

/// Reads all there is; only whether it ends and does not panic matters.
fn read_all(bytes: &[u8]) -> Result<(), ReadError> {
    let limits = ReadLimits {
        file_bytes: Limit::new(1 << 20, "bytes of one file"),
        names: Limit::new(2_000, "names"),
    };
    let reader = Reader::open(&bytes, limits)?;
    reader.walk(&mut |_, stat| {
        // Errors in one file do not end the walk.
        drop(reader.read(stat));
        drop(reader.xattrs(stat));
        Ok(())
    })
}

/// A small image with something of everything, in memory; without checksum, so that damage gets deeper.
fn small(method: Option<Method>) -> Vec<u8> {
    let mut tree = Tree::new();
    add_with(&mut tree, "a", file("text"), Attrs::root(0o644), &[("user.a", b"1"), ("user.long", &[9; 300])]);
    let piece = |at| pintle_model::Segment { at, len: 1, bytes: pintle_model::Bytes::Inline((*b"x").into()) };
    add(
        &mut tree,
        "pieces",
        Kind::File(Blob::sparse(1 << 20, (0..9).map(|n| piece(n << 16)).collect()).unwrap()),
    );
    add(&mut tree, "text", file(b"more text ".repeat(9000)));
    add(&mut tree, "link", link(&[b'l'; 100]));
    for n in 0..300 {
        add_with(&mut tree, format!("d/{n:020}"), directory(), Attrs::root(0o755), &[("user.same", b"same")]);
    }
    let packing =
        method.map(|method| Packing { cluster: 16 << 10, fragments: 4096, ..Packing::new(method, 2) });
    let image = written(&tree, &options(), packing.as_ref());
    let mut bytes = std::fs::read(&image.path).unwrap();
    bytes[1024 + 8] &= !1;
    read_all(&bytes).unwrap();
    bytes
}

/// Where an image's structures are: the first blocks, and the start of each later block.
fn places(len: usize) -> impl Strategy<Value = usize> {
    let blocks = len / 4096;
    proptest::prop_oneof![
        0..len.min(1 << 16),
        (0..blocks, 0..64usize).prop_map(|(block, at)| block * 4096 + at)
    ]
}

#[test]
fn damaged_images_are_errors_not_panics() {
    for method in [None, Some(Method::Lz4), Some(Method::Zstd(3))] {
        let bytes = small(method);
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
    let bytes = small(None);
    // Behind the directories a cut is only met in files.
    for len in (0..40_000).step_by(1000) {
        assert!(read_all(&bytes[..len]).is_err(), "{len}");
    }
    proptest!(|(bytes in prop::collection::vec(any::<u8>(), 0..9000))| {
        let mut bytes = bytes;
        assert!(read_all(&bytes).is_err());
        if bytes.len() > 4096 {
            bytes[1024..1028].copy_from_slice(&0xE0F5_E1E2u32.to_le_bytes());
            bytes[1024 + 8..1024 + 14].copy_from_slice(&[0, 0, 0, 0, 12, 0]);
            bytes[1024 + 80..1024 + 92].fill(0);
            drop(read_all(&bytes));
        }
    });
}

#[test]
fn foreign_features_and_damage_are_named() {
    let image = written(&Tree::new(), &options(), None);
    let good = std::fs::read(&image.path).unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[1024 + at] = value;
        read_all(&bytes).unwrap_err().to_string()
    };
    insta::assert_snapshot!(with(0, 0), @"not an EROFS file system");
    insta::assert_snapshot!(with(80, 0x10), @"the file system uses incompatible features 0x10, which this reader does not know");
    insta::assert_snapshot!(with(12, 13), @"the file system uses blocks of 2^13 bytes, which this reader does not know");
    insta::assert_snapshot!(with(64, b'!'), @"damaged superblock: checksum");
}
