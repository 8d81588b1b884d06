//! One tree with everything in it.

use crate::grow::{add, add_with, directory, file, link};
use crate::judge::{Image, Pattern, checked, debugfs, debugfs_text, options};
use pintle_model::{Attrs, Blob, Bytes, Kind, Segment, SourceId, Timestamp, Tree, TreePath};
use std::collections::BTreeSet;

/// `security.capability`, version 2: `cap_net_raw=ep`.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn an_empty_tree_has_root_and_lost_found() {
    let image = checked(&Tree::new(), &options());
    assert!(debugfs_text(&image, "ls -l /").contains("lost+found"));
    assert!(debugfs_text(&image, "stat lost+found").contains("Size: 16384"));
}

#[test]
fn the_superblock_says_what_was_asked_for() {
    let mut with = options();
    with.label = "sixteen bytes !!".into();
    with.reserved_percent = 7;
    with.size = Some(200 << 20);
    let image = checked(&Tree::new(), &with);
    let text = debugfs_text(&image, "stats -h");
    for line in [
        "Filesystem volume name:   sixteen bytes !!",
        "Filesystem UUID:          01234567-89ab-cdef-0123-456789abcdef",
        "Filesystem features:      ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super \
         large_file huge_file dir_nlink extra_isize metadata_csum",
        "Filesystem flags:         unsigned_directory_hash",
        "Filesystem state:         clean",
        "Default mount options:    user_xattr acl",
        "Block count:              51200",
        "Reserved block count:     3584",
        "Inode count:              12800",
        "Block size:               4096",
        "Group descriptor size:    64",
        "Reserved GDT blocks:      127",
        "Flex block group size:    16",
        "Filesystem created:       Tue Nov 14 22:13:20 2023",
        "Inode size:	          256",
        "Default directory hash:   half_md4",
        "Directory Hash Seed:      00000000-0000-0000-0000-00000000002a",
        "Checksum type:            crc32c",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
}

#[test]
fn a_journal_if_asked_for() {
    for (journal, free) in [(4 << 20, 0), (64 << 20, 0), (1 << 30, 3 << 30)] {
        let mut with = options();
        (with.journal, with.free) = (Some(journal), free);
        let image = checked(&Tree::new(), &with);
        let text = debugfs_text(&image, "stats -h");
        for line in [
            "Filesystem features:      has_journal ",
            "Journal inode:            8\n",
            "Journal backup:           inode blocks",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
        assert!(debugfs_text(&image, "stat <8>").contains(&format!("Size: {journal}")));
        assert!(debugfs_text(&image, "logdump").contains("Journal starts at block 0"));
    }
}

/// Years 1901, 1960, 2023, 2100, 2200, 2309, 2400 and 2446. (Times between 2310 and 2378 are stored right, but
/// e2fsck takes them for the mark of an old kernel's fault with times before 1970.)
const TIMES: [i64; 8] = [
    -(1 << 31),
    -300_000_000,
    1_700_000_000,
    4_102_444_800,
    7_258_118_400,
    10_737_418_239,
    13_569_465_600,
    15_032_385_535,
];

fn sparse() -> Blob {
    let piece = |at, len| Segment { at, len, bytes: Bytes::At { source: SourceId(3), offset: at } };
    Blob::sparse(
        300_000,
        vec![piece(1, 1), piece(4_095, 2), piece(20_000, 5), piece(20_480, 40_961), piece(299_999, 1)],
    )
    .unwrap()
}

pub(crate) fn rich() -> Tree {
    let mut tree = Tree::new();
    add(&mut tree, "empty", file(""));
    let data = add(&mut tree, "usr/bin/data", Kind::File(Blob::at(SourceId(1), 77, 1_234_567)));
    for name in ["usr/bin/other name", "zz"] {
        tree.link(&TreePath::literal(name), data).unwrap();
    }
    add(&mut tree, "usr/lib/sparse", Kind::File(sparse()));
    add(&mut tree, "usr/lib/hole", Kind::File(Blob::sparse(12_345_678, vec![]).unwrap()));
    for len in [1, 59, 60, 1000, 4095] {
        add(&mut tree, format!("links/{len}"), link(&vec![b'x'; len]));
    }
    for (name, major, minor) in [("null", 1, 3), ("large", 259, 70_000), ("largest", 4095, 0xF_FFFF)] {
        add(&mut tree, format!("dev/{name}"), Kind::CharDevice { major, minor });
        add(&mut tree, format!("dev/b-{name}"), Kind::BlockDevice { major, minor });
    }
    add(&mut tree, "run/fifo", Kind::Fifo);
    add(&mut tree, "run/socket", Kind::Socket);
    let mut odd = [1; 255];
    odd.iter_mut().zip((1..=255u8).filter(|byte| *byte != b'/')).for_each(|(name, byte)| *name = byte);
    add(&mut tree, [b"odd/", &odd[..]].concat(), file("odd"));
    add(&mut tree, "odd/ü ñ 文", file("utf-8"));
    for secs in TIMES {
        let attrs =
            Attrs { mode: 0o6751, uid: 70_000, gid: 4_000_000_000, mtime: Timestamp { secs, nanos: 7 } };
        add_with(&mut tree, format!("times/{secs}"), file("t"), attrs, &[]);
    }
    attributes(&mut tree);
    tree
}

fn attributes(tree: &mut Tree) {
    let root = Attrs::root(0o755);
    add_with(tree, "x/ping", file("ping"), root, &[("security.capability", CAPABILITY)]);
    add_with(tree, "x/two", file("2"), root, &[("user.a", b"1"), ("user.empty", b"")]);
    add_with(
        tree,
        "x/large",
        file("3"),
        root,
        &[("user.large", &[b'L'; 3000]), ("security.capability", CAPABILITY)],
    );
    add_with(
        tree,
        "x/largest",
        directory(),
        root,
        &[("user.rest", &[b'R'; 60]), ("user.largest", &[b'L'; 4035])],
    );
    add_with(tree, "x/fast link", link(b"target"), root, &[("trusted.long", &[b'T'; 200])]);
    for n in 0..3000 {
        add_with(tree, format!("x/many/{n}"), file(""), root, &[("security.selinux", &[b's'; 120])]);
    }
    let mut acl = vec![2, 0, 0, 0];
    for (tag, perm, id) in
        [(1u8, 7u8, u32::MAX), (2, 5, 1000), (4, 5, u32::MAX), (16, 5, u32::MAX), (32, 0, u32::MAX)]
    {
        acl.extend([tag, 0, perm, 0]);
        acl.extend(id.to_le_bytes());
    }
    let acls: &[(&str, &[u8])] = &[("system.posix_acl_access", &acl), ("system.posix_acl_default", &acl)];
    add_with(tree, "x/acl", directory(), root, acls);
}

fn content(blob: &Blob) -> Vec<u8> {
    blob.read(&Pattern, 1 << 30).unwrap()
}

#[test]
fn everything_survives() {
    let tree = rich();
    let image = checked(&tree, &options());
    for path in ["usr/bin/data", "usr/lib/sparse", "usr/lib/hole"] {
        let Kind::File(blob) = &tree.get(&TreePath::literal(path)).unwrap().kind else { panic!() };
        assert!(debugfs(&image, &format!("cat {path}")) == content(blob), "{path}");
    }
    let stat = |path: &str| debugfs_text(&image, &format!("stat \"{path}\""));
    assert!(stat("zz").contains("Links: 3"));
    assert!(stat("usr/lib/hole").contains("Blockcount: 0"));
    assert!(stat("usr/lib/sparse").contains("Blockcount: 120"));
    assert!(stat("usr/lib/sparse").contains("(0-1):"));
    assert!(stat("links/59").contains("Fast link dest: \"xxx"));
    assert!(stat("links/60").contains("EXTENTS:"));
    assert!(stat("dev/large").contains("Device major/minor number: 259:70000"));
    assert!(stat("run/fifo").contains("Type: FIFO") && stat("run/socket").contains("Type: socket"));
    assert!(debugfs(&image, "cat \"odd/ü ñ 文\"") == b"utf-8");
    attributes_survive(&image);
}

fn attributes_survive(image: &Image) {
    let get = |path: &str, name: &str| debugfs(image, &format!("ea_get -f /dev/stdout \"{path}\" {name}"));
    assert_eq!(get("x/ping", "security.capability"), CAPABILITY);
    assert_eq!(get("x/large", "security.capability"), CAPABILITY);
    assert_eq!(get("x/large", "user.large"), [b'L'; 3000]);
    assert_eq!(get("x/largest", "user.largest"), [b'L'; 4035]);
    assert_eq!(get("x/largest", "user.rest"), [b'R'; 60]);
    assert_eq!(get("x/fast link", "trusted.long"), [b'T'; 200]);
    assert!(debugfs_text(image, "ea_list x/two").contains("user.empty (0)"));
    assert_eq!(get("x/many/2999", "security.selinux"), [b's'; 120]);
    // Equal sets share a block, up to 1024 inodes each.
    let blocks: BTreeSet<String> = (0..3000)
        .step_by(50)
        .map(|n| {
            debugfs_text(image, &format!("stat x/many/{n}")).split("File ACL: ").nth(1).unwrap()[..6].into()
        })
        .collect();
    assert_eq!(blocks.len(), 3);
}

#[test]
fn times_keep_their_second_and_nanosecond() {
    let image = checked(&rich(), &options());
    for secs in TIMES {
        let text = debugfs_text(&image, &format!("stat times/{secs}"));
        // `mtime: 0x6553f100:0000001c -- Tue Nov 14 22:13:20 2023`
        let field = text.split(" mtime: 0x").nth(1).unwrap();
        let (low, extra) = field.split(" -- ").next().unwrap().split_once(':').unwrap();
        let [low, extra] = [low, extra].map(|hex| u32::from_str_radix(hex, 16).unwrap());
        assert_eq!(i64::from(low as i32) + (i64::from(extra & 3) << 32), secs);
        assert_eq!(extra >> 2, 7);
        assert!(text.contains("User: 70000   Group: -294967296") && text.contains("Mode:  06751"), "{text}");
    }
}
