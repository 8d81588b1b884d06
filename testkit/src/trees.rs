//! Trees that nobody thought of: everything that a file system can hold, by chance but from a seed.

use pintle_model::{
    Attrs, Blob, Bytes, Contents, Inode, Kind, Origin, Segment, SourceId, Timestamp, Tree, TreePath, Xattrs,
};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::io;

/// A source of endless reproducible bytes: byte `n` depends on `n` and the source's number.
#[derive(Clone, Copy, Debug)]
pub struct Pattern;

impl Contents for Pattern {
    fn read_exact_at(&self, source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        for (at, byte) in (offset..).zip(out) {
            *byte = (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8 ^ (source.0 as u8) | 1;
        }
        Ok(())
    }
}

/// How large a tree may become.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Inodes, but for the folders that lead to them.
    pub inodes: usize,
    /// Bytes in one file without holes.
    pub file: u64,
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| if byte == 0 || byte == b'/' { b'_' } else { byte });
    prop_oneof![
        "[a-d]".prop_map(String::into_bytes),
        prop::collection::vec(byte.clone(), 1..20),
        prop::collection::vec(byte, 250..=255),
    ]
}

fn blob(max: u64) -> impl Strategy<Value = Blob> {
    let dense = (0..max).prop_map(|len| Blob::at(SourceId(1), 5, len));
    let gaps = prop::collection::vec((0u64..30_000, 1..max / 10), 0..30);
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
        Blob::sparse(at + tail, segments).expect("invariant: the segments ascend")
    });
    prop_oneof![Just(Blob::default()), dense, sparse]
}

fn kind(max: u64) -> impl Strategy<Value = Kind> {
    let target = prop::collection::vec(1u8..=255, 1..120);
    let device = (0u32..4096, 0u32..1 << 20);
    prop_oneof![
        4 => blob(max).prop_map(Kind::File),
        3 => Just(Kind::Directory(Default::default())),
        2 => target.prop_map(|target| Kind::Symlink(target.into())),
        1 => device.clone().prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
        1 => device.prop_filter("0:0 is how nothing looks", |device| *device != (0, 0))
            .prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
        1 => prop_oneof![Just(Kind::Fifo), Just(Kind::Socket)],
    ]
}

/// Seconds from 1901 to 2446. (Those between 2310 and 2378 are stored right, but e2fsck takes them for the mark of an
/// old kernel's fault with times before 1970.)
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![-(1i64 << 31)..10_737_418_240, 12_884_901_888i64..=15_032_385_535]
}

fn inode(max: u64) -> impl Strategy<Value = (Kind, Attrs, Xattrs)> {
    let attrs = (0u16..=0o7777, any::<u32>(), any::<u32>(), time(), 0u32..1_000_000_000)
        .prop_map(|(mode, uid, gid, secs, nanos)| Attrs { mode, uid, gid, mtime: Timestamp { secs, nanos } });
    let attribute =
        (prop_oneof!["user\\.[a-z]{1,9}", "security\\.[a-z]{1,30}", "trusted\\.[a-zé]{1,9}"], 0usize..300);
    let xattrs = prop::collection::btree_map(
        attribute.clone().prop_map(|(name, _)| name.into_bytes().into()),
        attribute.prop_map(|(name, len)| name.as_bytes().repeat(len / name.len() + 1).into()),
        0..4,
    );
    (kind(max), attrs, xattrs)
}

/// Any tree within `bounds`; its bytes are those of [`Pattern`].
pub fn any_tree(bounds: Bounds) -> impl Strategy<Value = Tree> {
    let step = (prop::collection::vec(name(), 1..4), inode(bounds.file), any::<u16>());
    prop::collection::vec(step, 0..bounds.inodes).prop_map(|steps| {
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

/// The tree of a number: equal numbers give equal trees.
#[must_use]
pub fn tree_of(seed: u64, bounds: Bounds) -> Tree {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
    let value = any_tree(bounds).new_tree(&mut runner).expect("invariant: hardly anything is filtered out");
    value.current()
}
