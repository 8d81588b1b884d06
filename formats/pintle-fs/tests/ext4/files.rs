//! Files of every shape.

use crate::grow::add;
use crate::judge::{Data, Pattern, checked, checked_with, debugfs, debugfs_text, options};
use pintle_model::{Blob, Bytes, Kind, Segment, SourceId, Tree};

fn piece(at: u64, len: u64) -> Segment {
    Segment { at, len, bytes: Bytes::At { source: SourceId(9), offset: at * 3 } }
}

fn file_of(len: u64, pieces: impl Iterator<Item = (u64, u64)>) -> Blob {
    Blob::sparse(len, pieces.map(|(at, len)| piece(at, len)).collect()).unwrap()
}

#[test]
fn sparse_files_beyond_four_gib() {
    let mut tree = Tree::new();
    let len = 5 << 30;
    add(&mut tree, "five", Kind::File(file_of(len, [(0, 10), (len - 10, 10)].into_iter())));
    let largest = (1 << 44) - 4096;
    add(&mut tree, "largest", Kind::File(file_of(largest, [(largest - 1, 1)].into_iter())));
    add(&mut tree, "holes", Kind::File(file_of(1 << 40, [].into_iter())));
    let image = checked(&tree, &options());
    assert!(image.summary.size < 10 << 20, "{}", image.summary.size);
    let text = debugfs_text(&image, "stat five");
    assert!(
        text.contains("Size: 5368709120") && text.contains("(0):") && text.contains("(1310719):"),
        "{text}"
    );
    assert!(debugfs_text(&image, "stat largest").contains("(4294967294):"));
}

/// Every count of extents at which the tree changes its shape.
#[test]
fn files_in_many_pieces() {
    let mut tree = Tree::new();
    let counts = [1, 4, 5, 340, 341, 1360, 1361, 2000, 20_000];
    let blob = |count: u64| file_of(count * 8192, (0..count).map(|n| (n * 8192 + n % 4096, 1)));
    for count in counts {
        add(&mut tree, format!("{count:05}"), Kind::File(blob(count)));
    }
    let image = checked(&tree, &options());
    for count in counts {
        let expected = blob(count).read(&Pattern, 1 << 30).unwrap();
        assert!(debugfs(&image, &format!("cat {count:05}")) == expected, "{count}");
    }
    let extents = &image.summary.extents;
    assert_eq!(extents.iter().map(|(_, extents)| extents.len() as u64).collect::<Vec<_>>(), counts);
}

/// Data that passes the structures at 128 MiB (a copy of the superblock) and at 2 GiB (the second flex group).
#[test]
fn a_file_flows_around_the_structures() {
    let mut tree = Tree::new();
    let len = 2_300 << 20;
    add(&mut tree, "a", Kind::File(file_of(len, [(0, len)].into_iter())));
    let image = checked_with(&tree, &options(), Data::LeftOut);
    let a = &image.summary.extents[0].1;
    assert!(a.len() >= 18, "128 MiB is the longest extent: {}", a.len());
    assert!(a.windows(2).all(|pair| pair[0].logical + pair[0].len == pair[1].logical));
}

#[test]
fn an_extent_tree_of_three_levels() {
    let mut tree = Tree::new();
    let count = 470_000;
    add(&mut tree, "pieces", Kind::File(file_of(count * 8192, (0..count).map(|n| (n * 8192, 1)))));
    let image = checked_with(&tree, &options(), Data::LeftOut);
    assert_eq!(image.summary.extents[0].1.len() as u64, count);
    let text = debugfs_text(&image, "dump_extents -n pieces");
    assert!(text.contains(" 0/ 3"), "{}", text.chars().take(1000).collect::<String>());
}
