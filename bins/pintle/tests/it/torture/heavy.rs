//! One file system of the largest things: crowded folders, links at the limit, holes by the thousand, ends of time.

use super::kernel::{Part, assert_clean, options};
use pintle_fs::ext4;
use pintle_model::{
    Attrs, Blob, Bytes, Inode, InodeId, Kind, Origin, OriginId, Segment, SourceId, Timestamp, Tree, TreePath,
    Xattrs,
};
use pintle_testkit::trees::Pattern;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;

const CROWD: u64 = 70_000;
const LINKS: u64 = 60_000;
const HOLES: u64 = 5_000;
/// Between the starts of pieces of the sparse file: 5,000 of them are 5 GiB.
const STRIDE: u64 = 1 << 20;
const DEPTH: usize = 1_900;
/// Together 20 GiB.
const LARGE: u64 = 20;

struct Grower {
    tree: Tree,
    origin: OriginId,
}

impl Grower {
    fn add(&mut self, path: &[u8], kind: Kind) -> InodeId {
        self.add_with(path, kind, 0, Xattrs::new())
    }

    fn add_with(&mut self, path: &[u8], kind: Kind, secs: i64, xattrs: Xattrs) -> InodeId {
        let path = TreePath::new(path).unwrap();
        self.tree.ensure_directory(&path.parent().unwrap(), Attrs::root(0o755), self.origin).unwrap();
        let attrs = Attrs { mtime: Timestamp { secs, nanos: 999_999_999 }, ..Attrs::root(0o644) };
        self.tree.insert(&path, Inode { kind, attrs, xattrs, origin: self.origin }).unwrap()
    }
}

fn sparse(len: u64, pieces: impl Iterator<Item = u64>) -> Blob {
    let piece = |at| Segment { at, len: 4096, bytes: Bytes::At { source: SourceId(7), offset: at } };
    Blob::sparse(len, pieces.map(piece).collect()).unwrap()
}

fn holes() -> Blob {
    sparse(HOLES * STRIDE + 12, (0..HOLES).map(|n| n * STRIDE))
}

fn tree() -> Tree {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Nobody);
    let mut grower = Grower { tree, origin };
    for n in 0..CROWD {
        grower.add(format!("many/file number {n}").as_bytes(), Kind::File(Blob::default()));
    }
    let one = grower.add(b"one", Kind::File(Blob::inline(*b"one of many names\n")));
    grower.tree.ensure_directory(&TreePath::literal("links"), Attrs::root(0o755), origin).unwrap();
    for n in 1..LINKS {
        grower.tree.link(&TreePath::literal(&format!("links/{n}")), one).unwrap();
    }
    grower.add(b"holes", Kind::File(holes()));
    for n in 0..LARGE {
        let len = 1 << 30;
        grower.add(format!("large/{n}").as_bytes(), Kind::File(sparse(len, [0, len - 4096].into_iter())));
    }
    for (major, minor) in [(1, 3), (259, 70_000), (4095, 0xF_FFFF)] {
        grower.add(format!("dev/c{major}").as_bytes(), Kind::CharDevice { major, minor });
        grower.add(format!("dev/d{major}").as_bytes(), Kind::BlockDevice { major, minor });
    }
    let attributes = [("user.block", 4036), ("user.inode", 40)];
    let xattrs = attributes.map(|(name, len)| (name.as_bytes().into(), vec![b'x'; len].into()));
    grower.add_with(b"attributes", Kind::File(Blob::default()), 0, xattrs.into_iter().collect());
    for secs in [-(1 << 31), -1, 0, (1 << 31) - 1, 1 << 31, 15_032_385_535] {
        grower.add_with(format!("times/{secs}").as_bytes(), Kind::File(Blob::default()), secs, Xattrs::new());
    }
    let names = [vec![b'n'; 255], vec![0xff; 255], b"new\nline\x1b[2J".to_vec(), "Grüße 文".into()];
    for name in names {
        grower.add(&[b"names/", &name[..]].concat(), Kind::File(Blob::inline(*b"x")));
    }
    for len in [1, 59, 60, 4095] {
        grower.add(format!("symlinks/{len}").as_bytes(), Kind::Symlink(vec![b's'; len].into()));
    }
    grower.add(&[b"deep", &b"/d".repeat(DEPTH)[..]].concat(), Kind::Directory(Default::default()));
    grower.add(b"empty", Kind::Directory(Default::default()));
    grower.tree
}

/// Writes the image to `path` and has it checked.
pub(super) fn write(path: &Path) {
    let file = File::create_new(path).unwrap();
    let summary = ext4::write(&tree(), &options(0), &mut Part { file: &file, base: 0 }).unwrap();
    file.set_len(summary.size).unwrap();
    assert_clean(path, "the largest things");
}

/// Run in the guest, on its fourth disk.
pub(super) const LOOK: &str = r#"
mkdir -p /run/heavy && mount -o ro /dev/vdd /run/heavy && cd /run/heavy && echo HEAVY
find many -type f -printf "%i\n" | sort -u | wc -l
stat -c "%F %h" "many/file number 69999"
find links -type f -printf "%i %n\n" | sort -u | wc -l
stat -c %h one
stat -c "%s %b" holes
dd if=holes bs=1M skip=4321 count=1 status=none | sha256sum
dd if=holes bs=1M skip=4999 status=none | wc -c
find large -type f -printf "%s\n" | sort -u
stat -c "%F %Hr:%Lr" dev/*
getfattr --only-values -n user.block attributes | wc -c
getfattr --only-values -n user.inode attributes | wc -c
stat -c "%n %.9Y" times/*
find names -type f -print0 | tr -cd "\0" | wc -c
for n in 1 59 60 4095; do readlink -n symlinks/$n | wc -c; done
find deep -type d | wc -l
find empty | wc -l
"#;

/// What [`LOOK`] must say.
pub(super) fn check(said: &str) {
    let mut piece = vec![0; 1 << 20];
    holes().read_at(&Pattern, 4321 << 20, &mut piece).unwrap();
    let digest: String = Sha256::digest(&piece).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut expected = format!(
        "{CROWD}\nregular empty file 1\n1\n{LINKS}\n{} {}\n{digest}  -\n{}\n{}\n",
        HOLES * STRIDE + 12,
        // The data, and the blocks of the extent tree over it.
        HOLES * 8 + (HOLES.div_ceil(340) + 1) * 8,
        STRIDE + 12,
        1 << 30,
    );
    for kind in ["character", "block"] {
        for device in ["1:3", "259:70000", "4095:1048575"] {
            writeln!(expected, "{kind} special file {device}").unwrap();
        }
    }
    expected += "4036\n40\n";
    expected += "4\n1\n59\n60\n4095\n";
    writeln!(expected, "{}\n1", DEPTH + 1).unwrap();
    let times = |line: &&str| !line.starts_with("times/");
    assert_eq!(said.lines().filter(times).collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    let said: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("times/")).collect();
    // stat(1) rounds fractions before 1970 towards the past, as the kernel counts them.
    insta::assert_debug_snapshot!(said, @r#"
    [
        "-1 -0.000000001",
        "-2147483648 -2147483647.000000001",
        "0 0.999999999",
        "15032385535 15032385535.999999999",
        "2147483647 2147483647.999999999",
        "2147483648 2147483648.999999999",
    ]
    "#);
}
