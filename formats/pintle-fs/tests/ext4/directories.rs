//! Directories of every size.

use crate::grow::{add, directory, file};
use crate::judge::{Image, checked, debugfs_text, options};
use pintle_model::{Attrs, Blob, Inode, Kind, Origin, Tree, TreePath, Xattrs};

/// All names in the root, each of the same kind.
fn crowd(names: impl Iterator<Item = Vec<u8>>, kind: &Kind) -> Tree {
    let mut tree = Tree::new();
    let origin = tree.origin(Origin::Nobody);
    let inode = |kind| Inode { kind, attrs: Attrs::root(0o644), xattrs: Xattrs::new(), origin };
    for name in names {
        tree.insert(&TreePath::new(&name).unwrap(), inode(kind.clone())).unwrap();
    }
    tree
}

fn listed(image: &Image, path: &str) -> usize {
    // Lines `/inode/mode/owner/group/name/size/`; inode 0 is an empty entry.
    let is_name = |line: &&str| line.starts_with('/') && !line.starts_with("/0/");
    debugfs_text(image, &format!("ls -p {path}")).lines().filter(is_name).count()
}

/// What debugfs finds of an index.
fn index_levels(image: &Image, path: &str) -> String {
    let dump = debugfs_text(image, &format!("htree_dump {path}"));
    dump.lines().find(|line| line.contains("Indirect levels")).unwrap_or("no index").trim().to_owned()
}

#[test]
fn one_hundred_thousand_names() {
    let tree = crowd((0..100_000).map(|n| format!("{n:x}").into_bytes()), &Kind::Fifo);
    let image = checked(&tree, &options());
    assert_eq!(listed(&image, "/"), 100_003);
    assert_eq!(index_levels(&image, "/"), "Indirect levels: 0");
    assert!(debugfs_text(&image, "stat 1869f").contains("Type: FIFO"));
}

#[test]
fn one_hundred_thousand_names_of_255_bytes_need_two_levels() {
    let tree = crowd((0..100_000).map(|n| format!("{n:0255}").into_bytes()), &Kind::Fifo);
    let image = checked(&tree, &options());
    assert_eq!(listed(&image, "/"), 100_003);
    assert_eq!(index_levels(&image, "/"), "Indirect levels: 1");
}

#[test]
fn three_thousand_long_names() {
    let names = (0..3000usize).map(|n| format!("{n}-{}", "ä".repeat(10 + n % 100)).into_bytes());
    let image = checked(&crowd(names, &file("x")), &options());
    assert_eq!(listed(&image, "/"), 3003);
}

#[test]
fn seventy_thousand_subdirectories() {
    let tree = crowd((0..70_000).map(|n| n.to_string().into_bytes()), &directory());
    let image = checked(&tree, &options());
    assert!(debugfs_text(&image, "stat /").contains("Links: 1 "), "{}", debugfs_text(&image, "stat /"));
    // Exactly the largest count that is still said.
    let tree = crowd((0..64_997).map(|n| n.to_string().into_bytes()), &directory());
    assert!(debugfs_text(&checked(&tree, &options()), "stat /").contains("Links: 65000 "));
}

#[test]
fn every_size_around_one_block_and_one_leaf() {
    for count in [170, 254, 255, 256, 257, 339, 340, 341, 342, 343, 500, 681, 682, 1000] {
        let tree = crowd((0..count).map(|n| format!("{n:04}").into_bytes()), &Kind::File(Blob::default()));
        let image = checked(&tree, &options());
        assert_eq!(listed(&image, "/"), count + 3);
    }
}

#[test]
fn the_tree_may_have_its_own_lost_and_found() {
    for count in [0, 5, 1000] {
        let mut tree = Tree::new();
        add(&mut tree, "lost+found", directory());
        for n in 0..count {
            add(&mut tree, format!("lost+found/{n}"), file("x"));
        }
        let image = checked(&tree, &options());
        assert_eq!(listed(&image, "lost+found"), count + 2);
        assert!(debugfs_text(&image, "stat lost+found").contains("Inode: 11 "));
    }
}

#[test]
fn directory_data_stands_before_file_data() {
    let mut tree = Tree::new();
    for n in 0..50 {
        add(&mut tree, format!("d{n}/file"), file(vec![1; 5000]));
    }
    let image = checked(&tree, &options());
    let starts: Vec<u64> = image.summary.extents.iter().map(|(_, extents)| extents[0].start).collect();
    assert!(starts.is_sorted() && starts.windows(2).all(|pair| pair[1] == pair[0] + 2), "{starts:?}");
}
