//! One tree with everything in it.

use crate::grow::{add, add_with, directory, file, link};
use crate::judge::{checked, dump, options, run};
use pintle_model::{Attrs, Blob, Bytes, Kind, Segment, SourceId, Timestamp, Tree, TreePath};

/// `security.capability`, version 2: `cap_net_raw=ep`.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn sparse(len: u64, pieces: &[(u64, u64)]) -> Kind {
    let piece = |(at, len): &(u64, u64)| Segment {
        at: *at,
        len: *len,
        bytes: Bytes::At { source: SourceId(3), offset: *at },
    };
    Kind::File(Blob::sparse(len, pieces.iter().map(piece).collect()).unwrap())
}

pub(crate) fn rich() -> Tree {
    let mut tree = Tree::new();
    add(&mut tree, "empty", file(""));
    let data = add(&mut tree, "usr/bin/data", Kind::File(Blob::at(SourceId(1), 77, 1_234_567)));
    for name in ["usr/bin/other name", "zz"] {
        tree.link(&TreePath::literal(name), data).unwrap();
    }
    let pieces = [(1, 1), (4_095, 2), (20_000, 5), (20_480, 40_961), (299_999, 1)];
    add(&mut tree, "usr/lib/sparse", sparse(300_000, &pieces));
    add(&mut tree, "usr/lib/few holes", sparse(20_000, &[(0, 9_000), (12_000, 8_000)]));
    add(&mut tree, "usr/lib/hole", sparse(12_345_678, &[]));
    for len in [1, 59, 60, 1000, 2048, 2049, 4000, 4095] {
        add(&mut tree, format!("links/{len}"), link(&vec![b'x'; len]));
        add(&mut tree, format!("files/{len}"), file(vec![b'y'; len]));
        add(&mut tree, format!("files/{}", len + 8192), file(vec![b'z'; len + 8192]));
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
    // Some stand before `.` and `..` in the order of bytes, some between, some behind.
    for name in ["!", "-", ".-", "..", ".a", "...", "ü ñ 文"].into_iter().filter(|name| *name != "..") {
        add(&mut tree, format!("odd/{name}"), file(name));
    }
    for (secs, nanos) in
        [(-5_000_000_000, 7), (-1, 0), (1_700_000_000, 0), (1_700_000_000, 1), (40_000_000_000, 999_999_999)]
    {
        let attrs = Attrs { mode: 0o6751, uid: 70_000, gid: 4_000_000_000, mtime: Timestamp { secs, nanos } };
        add_with(&mut tree, format!("times/{secs}.{nanos}"), file("t"), attrs, &[]);
        let short = Attrs { uid: 65_535, gid: 65_535, ..attrs };
        add_with(&mut tree, format!("times/short {secs}.{nanos}"), file("t"), short, &[]);
    }
    attributes(&mut tree);
    tree
}

fn attributes(tree: &mut Tree) {
    let root = Attrs::root(0o755);
    add_with(tree, "x/ping", file("ping"), root, &[("security.capability", CAPABILITY)]);
    add_with(tree, "x/two", file("2"), root, &[("user.a", b"1"), ("user.empty", b"")]);
    let large: &[(&str, &[u8])] = &[("user.large", &[b'L'; 30_000]), ("security.capability", CAPABILITY)];
    add_with(tree, "x/large", file("3"), root, large);
    add_with(
        tree,
        "x/large folder",
        directory(),
        root,
        &[("user.rest", &[b'R'; 60]), ("user.large", &[b'F'; 4035])],
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

#[test]
fn everything_survives() {
    let tree = rich();
    let image = checked(&tree, &options(), None);
    let text = dump(&image, &["-s"]);
    for line in [
        "Filesystem blocks:                            ",
        "Filesystem root nid:                          128\n",
        "Filesystem features:                          sb_csum mtime chunked_file ",
        "Filesystem created:                           Tue Nov 14 22:13:20 2023",
        "Filesystem UUID:                              01234567-89ab-cdef-0123-456789abcdef",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    let stat = |path: &str| dump(&image, &[&format!("--path={path}")]);
    assert!(stat("/zz").contains("Links: 3"));
    assert!(stat("/usr/lib/hole").contains("Layout: 4"), "in chunks, all of which are holes");
    assert!(stat("/usr/lib/few holes").contains("Layout: 0"), "zeros, which no map would be shorter than");
    assert!(stat("/links/2048").contains("Layout: 2") && stat("/files/2048").contains("Layout: 0"));
    let mut tails = options();
    tails.pack_tails = true;
    let smaller = checked(&tree, &tails, None);
    assert!(smaller.summary.size < image.summary.size, "ends behind inodes take no blocks");
}

#[test]
fn an_empty_tree_and_a_label() {
    let mut with = options();
    with.label = "pintle".into();
    let image = checked(&Tree::new(), &with, None);
    assert_eq!((image.summary.size, image.summary.inode_count), (8192, 1));
    let output = run("blkid", &["-p", "-o", "export"], &image.path);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("LABEL=pintle") && text.contains("TYPE=erofs") && text.contains("UUID=01234567-89ab"),
        "{text}"
    );
}

/// Times that the file system has as a whole make inodes of half the length.
#[test]
fn the_common_time_makes_short_inodes() {
    let size = |secs| {
        let mut tree = Tree::new();
        for n in 0..4000 {
            let attrs = Attrs { mtime: Timestamp::from_secs(secs), ..Attrs::root(0o644) };
            add_with(&mut tree, format!("d/{n}"), file(""), attrs, &[]);
        }
        checked(&tree, &options(), None).summary.block_count
    };
    assert_eq!(size(1) - size(1_700_000_000), 4000 * 32 / 4096);
}

/// A file beyond the reach of 32 bits, most of which is a hole, in chunks of more than a block.
#[test]
fn sparse_files_beyond_four_gib() {
    let mut tree = Tree::new();
    let len = 5 << 30;
    add(&mut tree, "five", sparse(len, &[(0, 10), (len - 10, 10)]));
    let image = crate::judge::written(&tree, &options(), None);
    let output = run("fsck.erofs", &[], &image.path);
    assert!(output.status.success());
    assert!(image.summary.size < 1 << 20, "{}", image.summary.size);
    let reader = pintle_fs::erofs::read::Reader::open(
        &image,
        pintle_fs::erofs::read::ReadLimits {
            file_bytes: pintle_model::Limit::new(len, "bytes"),
            ..Default::default()
        },
    );
    let reader = reader.unwrap();
    let stat = reader.find(&TreePath::literal("five")).unwrap().unwrap();
    assert_eq!(stat.size, len);
    assert!(dump(&image, &["--path=/five"]).contains("Size: 5368709120  "));
}
