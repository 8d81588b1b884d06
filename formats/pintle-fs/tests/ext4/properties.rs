//! Trees that nobody thought of.

use crate::grow::{directory, link};
use crate::judge::{Image, Pattern, checked, options, run, written};
use crate::reading::assert_same;
use pintle_model::{
    Attrs, Blob, Bytes, Inode, Kind, Origin, Segment, SourceId, Timestamp, Tree, TreePath, Xattrs,
};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};
use std::os::unix::ffi::OsStrExt;

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| if byte == 0 || byte == b'/' { b'_' } else { byte });
    prop_oneof![
        "[a-d]".prop_map(String::into_bytes),
        prop::collection::vec(byte.clone(), 1..20),
        prop::collection::vec(byte, 250..=255),
    ]
}

fn blob() -> impl Strategy<Value = Blob> {
    let dense = (0u64..200_000).prop_map(|len| Blob::at(SourceId(1), 5, len));
    let gaps = prop::collection::vec((0u64..30_000, 1u64..20_000), 0..30);
    let sparse = (gaps, 0u64..50_000).prop_map(|(gaps, tail)| {
        let mut at = 0;
        let segments: Vec<Segment> = gaps
            .into_iter()
            .map(|(gap, len)| {
                let segment =
                    Segment { at: at + gap, len, bytes: Bytes::At { source: SourceId(2), offset: at } };
                at += gap + len;
                segment
            })
            .collect();
        Blob::sparse(at + tail, segments).unwrap()
    });
    prop_oneof![Just(Blob::default()), dense, sparse]
}

fn kind() -> impl Strategy<Value = Kind> {
    let target = prop::collection::vec(1u8..=255, 1..120);
    let device = (0u32..4096, 0u32..1 << 20);
    prop_oneof![
        4 => blob().prop_map(Kind::File),
        3 => Just(directory()),
        2 => target.prop_map(|target| link(&target)),
        1 => device.clone().prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
        1 => device.prop_filter("0:0 is how nothing looks", |device| *device != (0, 0))
            .prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
        1 => prop_oneof![Just(Kind::Fifo), Just(Kind::Socket)],
    ]
}

fn inode() -> impl Strategy<Value = (Kind, Attrs, Xattrs)> {
    let time = prop_oneof![-(1i64 << 31)..10_737_418_240, 12_884_901_888i64..=15_032_385_535];
    let attrs = (0u16..=0o7777, any::<u32>(), any::<u32>(), time, 0u32..1_000_000_000)
        .prop_map(|(mode, uid, gid, secs, nanos)| Attrs { mode, uid, gid, mtime: Timestamp { secs, nanos } });
    let attribute =
        (prop_oneof!["user\\.[a-z]{1,9}", "security\\.[a-z]{1,30}", "trusted\\.[a-zé]{1,9}"], 0usize..300);
    let xattrs = prop::collection::btree_map(
        attribute.clone().prop_map(|(name, _)| name.into_bytes().into()),
        attribute.prop_map(|(name, len)| name.as_bytes().repeat(len / name.len() + 1).into()),
        0..4,
    );
    (kind(), attrs, xattrs)
}

fn tree() -> impl Strategy<Value = Tree> {
    let steps = prop::collection::vec((prop::collection::vec(name(), 1..4), inode(), any::<u16>()), 0..60);
    steps.prop_map(|steps| {
        let mut tree = Tree::new();
        let origin = tree.origin(Origin::Nobody);
        let mut made = vec![tree.root()];
        for (names, (kind, attrs, xattrs), pick) in steps {
            let Ok(path) = TreePath::new(names.join(&b'/')) else { continue };
            let Some(parent) = path.parent() else { continue };
            if tree.ensure_directory(&parent, Attrs::root(0o755), origin).is_err() {
                continue;
            }
            // One in four is a further name of what is there already.
            let old = made[usize::from(pick) % made.len()];
            if pick % 4 == 0 && tree.link(&path, old).is_ok() {
                continue;
            }
            made.extend(tree.insert(&path, Inode { kind, attrs, xattrs, origin }));
        }
        tree
    })
}

/// Files as debugfs copies them out.
fn assert_debugfs_agrees(tree: &Tree, image: &Image) {
    let out = tempfile::tempdir().unwrap();
    // Being no friend of odd names, debugfs gets none on its command line.
    run("debugfs", &["-R", &format!("rdump / {}", out.path().display())], &image.path);
    for entry in tree.walk() {
        let Kind::File(blob) = &entry.inode.kind else { continue };
        let path = out.path().join(std::ffi::OsStr::from_bytes(entry.path.as_bytes()));
        let dumped = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", entry.path));
        assert!(dumped == blob.read(&Pattern, 1 << 30).unwrap(), "{}", entry.path);
    }
}

#[test]
fn any_tree_passes_the_judges() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) };
    proptest!(config, |(tree in tree(), free in 0u64..1 << 22, percent in 0u8..20)| {
        let mut with = options();
        (with.free, with.reserved_percent) = (free, percent);
        let image = checked(&tree, &with);
        assert_same(&tree, &image);
        assert_debugfs_agrees(&tree, &image);
        let again = written(&tree, &with);
        assert!(run("cmp", &[image.path.to_str().unwrap()], &again.path).status.success(), "twice the same bytes");
    });
}
