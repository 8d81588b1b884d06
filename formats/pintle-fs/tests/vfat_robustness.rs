//! FAT volumes: random trees come back, and no bytes can harm the reader.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_fs::vfat::read::{Limits, ReadError, Volume, explore};
use pintle_fs::vfat::{Options, layout, minimum_size, verify, write};
use pintle_model::{Attrs, Blob, Kind, NoContents, Origin, Timestamp, Tree, TreePath, WriteAll};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use std::io::Cursor;

fn options(size: u64) -> Options {
    Options { size, label: "TEST".into(), serial: 7, epoch: Timestamp::from_secs(0), hidden_sectors: 0 }
}

fn bytes(tree: &Tree, options: &Options) -> Vec<u8> {
    let mut all = WriteAll::new(Vec::new(), &NoContents);
    write(tree, options, &mut all).unwrap();
    all.finish(options.size).unwrap()
}

/// Files where the names allow it; the rest of the list is left out.
fn tree(files: Vec<(Vec<String>, Vec<u8>, i64)>) -> Tree {
    let mut tree = Tree::new();
    let by = tree.origin(Origin::Nobody);
    for (names, data, secs) in files {
        let Ok(path) = TreePath::new(names.join("/")) else { continue };
        let attrs = Attrs { mtime: Timestamp::from_secs(secs), ..Attrs::root(0o644) };
        let Some(parent) = path.parent() else { continue };
        let mut edited = tree.clone();
        if edited.ensure_directory(&parent, attrs, by).is_ok()
            && edited.add(&path, Kind::File(Blob::inline(data)), attrs, by).is_ok()
            && layout(&edited, &options(8 << 20)).is_ok()
        {
            tree = edited;
        }
    }
    tree
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,2}", "[A-Z0-9]{1,9}(\\.[A-Za-z]{1,4})?", "[a-zA-Z +.~äß日𝄞ßSs]{1,40}", "\\PC{1,30}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_come_back(
        files in vec((vec(name(), 1..4), vec(any::<u8>(), 0..3000), -1i64..5_000_000_000), 0..30),
        large in prop_oneof![4 => Just(false), 1 => Just(true)],
    ) {
        let tree = tree(files);
        let size = if large { 36 << 20 } else { minimum_size(&tree).unwrap() };
        let image = bytes(&tree, &options(size));
        let mut volume = Volume::open(Cursor::new(&image), Limits::default()).unwrap();
        verify(&tree, &NoContents, &mut volume).unwrap();
        for entry in tree.walk().filter(|entry| matches!(entry.inode.kind, Kind::File(_))) {
            let path = std::str::from_utf8(entry.path.as_bytes()).unwrap();
            assert_eq!(volume.lookup(path).unwrap().unwrap().name.as_bytes(), entry.path.name().unwrap());
            assert!(volume.lookup(&path.to_ascii_uppercase()).unwrap().is_some_and(|found| !found.is_directory));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in vec(any::<u8>(), 0..2000)) {
        let _ = explore(&bytes, Limits::default());
    }

    #[test]
    fn damage_never_panics(
        large in any::<bool>(),
        edits in vec((prop_oneof![0usize..512, 0usize..70_000, any::<usize>()], any::<u8>()), 1..40),
        cut in prop_oneof![3 => Just(1.0), 1 => 0.0..1.0],
    ) {
        let files = (0..20).map(|n| (vec!["dir".into(), format!("file number {n}")], vec![n; 2000], 0)).collect();
        let mut image = bytes(&tree(files), &options(if large { 34 << 20 } else { 3 << 20 }));
        for (at, value) in edits {
            let at = at % image.len();
            image[at] = value;
        }
        image.truncate((image.len() as f64 * cut) as usize);
        let _ = explore(&image, Limits::default());
    }
}

fn damaged(edit: impl Fn(&mut [u8], usize, usize)) -> ReadError {
    let files = (0..3).map(|n| (vec![format!("DIR{n}"), "FILE".into()], vec![n; 2000], 0)).collect();
    let tree = tree(files);
    let mut image = bytes(&tree, &options(34 << 20));
    let table = usize::from(u16::from_le_bytes([image[14], image[15]])) * 512;
    let data = layout(&tree, &options(34 << 20)).unwrap().data_start as usize;
    edit(&mut image, table, data);
    explore(&image, Limits::default()).unwrap_err()
}

#[test]
fn damage_is_told() {
    // Clusters of 512 bytes: 2 the root, 3 DIR0, 4 to 7 its FILE.
    let boot = |at: usize, value: u8| damaged(move |image, _, _| image[at] = value);
    let chain = |cluster: usize, next: u32| {
        damaged(move |image, table, _| {
            image[table + cluster * 4..][..4].copy_from_slice(&next.to_le_bytes());
        })
    };
    insta::assert_snapshot!(boot(510, 0), @"not a FAT volume: no boot signature");
    insta::assert_snapshot!(boot(13, 3), @"not a FAT volume: bad cluster size");
    insta::assert_snapshot!(boot(37, 0), @"not a FAT volume: the table is too short");
    insta::assert_snapshot!(chain(4, 0x0FFF_FFFF), @"damaged FAT volume: the chain of clusters from 4 is shorter than its file");
    insta::assert_snapshot!(chain(4, 0x0FFF_FFF0), @"damaged FAT volume: the chain of clusters from 4 leaves the volume");
    insta::assert_snapshot!(chain(4, 0), @"damaged FAT volume: the chain of clusters from 4 leaves the volume");
    let circle = damaged(|image, table, data| {
        image[table + 3 * 4..][..4].copy_from_slice(&3u32.to_le_bytes());
        image[data + 512..data + 1024].chunks_exact_mut(32).for_each(|entry| entry[0] = 0xE5);
    });
    insta::assert_snapshot!(circle, @"FAT volume refused: more than 65536 entries in one directory");
    let twice = damaged(|image, _, data| image[data + 2 * 32 + 26] = 3);
    insta::assert_snapshot!(twice, @"damaged FAT volume: the chain of clusters from 3 is two directories");
    let mut volume =
        Volume::open(Cursor::new(bytes(&Tree::new(), &options(3 << 20))), Limits::default()).unwrap();
    insta::assert_snapshot!(volume.read("/a/b", 10).unwrap_err(), @"`/a/b` is not on the FAT volume");
    insta::assert_snapshot!(volume.read("/", 10).unwrap_err(), @"`/` on the FAT volume is not a file");
}
