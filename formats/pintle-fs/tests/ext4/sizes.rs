//! File systems of every size, and growing them.

use crate::grow::{add, file};
use crate::judge::{Image, assert_clean, checked, debugfs_text, options, run, written};
use pintle_fs::ext4::{self, Error};
use pintle_model::Tree;
use std::fs::File;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn small() -> Tree {
    let mut tree = Tree::new();
    add(&mut tree, "etc/hostname", file("pintle\n"));
    add(&mut tree, "srv/data", file(vec![7; 100_000]));
    tree
}

#[test]
fn every_number_of_groups() {
    for size in [
        5 * MIB,
        127 * MIB,
        128 * MIB,
        128 * MIB + 4096,
        137 * MIB,
        640 * MIB,
        2 * GIB,
        2 * GIB + 128 * MIB,
        2 * GIB + 129 * MIB,
        9 * GIB,
        60 * GIB,
        // More groups than the 64 whose descriptors one block holds, and the second power of 7.
        6200 * MIB,
    ] {
        let mut with = options();
        with.size = Some(size);
        let image = checked(&small(), &with);
        assert!(image.summary.size <= size && image.summary.size + 9 * MIB > size, "{size}");
        assert_eq!(debugfs_text(&image, "cat etc/hostname"), "pintle\n");
    }
}

#[test]
fn tiny_sizes_work_or_say_what_they_need() {
    let mut with = options();
    with.free_inodes = 0;
    let least = ext4::layout(&Tree::new(), &with).unwrap().size;
    assert!(least <= 64 * 4096, "{least}");
    for size in (4096..=least + 20 * 4096).step_by(4096) {
        with.size = Some(size);
        match ext4::layout(&Tree::new(), &with) {
            Ok(_) => drop(checked(&Tree::new(), &with)),
            Err(Error::TooSmall { size: asked, needed }) => {
                assert!(asked == size && needed > size && needed <= least, "{size} {needed} {least}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn free_space_is_what_was_asked_for() {
    for (free, reserved_percent) in
        [(0, 0), (1, 5), (10 * MIB, 0), (300 * MIB, 5), (3 * GIB, 50), (40 * GIB, 1)]
    {
        let mut with = options();
        (with.free, with.reserved_percent) = (free, reserved_percent);
        let image = checked(&small(), &with);
        let available = (image.summary.free_blocks - image.summary.reserved_blocks) * 4096;
        assert!(available >= free && available < free + free / 50 + 4 * MIB, "{free} {available}");
    }
}

#[test]
fn many_inodes_bring_their_groups() {
    let mut with = options();
    with.free_inodes = 200_000;
    let image = checked(&small(), &with);
    assert!(image.summary.free_inodes >= 200_000);
    with.size = Some(1000 * MIB);
    with.inode_ratio = 1;
    assert_eq!(checked(&small(), &with).summary.inode_count, 8 * 32_768);
}

fn resize(image: &Image, to: u64) {
    File::options().write(true).open(&image.path).unwrap().set_len(to).unwrap();
    let output = run("resize2fs", &["-f"], &image.path);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_clean(&image.path);
}

#[test]
fn it_grows_with_reserved_descriptors() {
    let mut with = options();
    with.free = 300 * MIB;
    let image = written(&small(), &with);
    let reserved = |image: &Image| {
        let text = debugfs_text(image, "stats -h");
        let line = text.lines().find_map(|line| line.strip_prefix("Reserved GDT blocks:")).map(str::trim);
        line.unwrap_or("0").parse::<u64>().unwrap()
    };
    assert_eq!(reserved(&image), 127);
    resize(&image, 700 * MIB);
    resize(&image, 60 * GIB);
    // 480 groups need 8 blocks of descriptors; 7 came from the reserve, which is the resize inode's doing.
    assert_eq!(reserved(&image), 120);
    assert_eq!(debugfs_text(&image, "cat etc/hostname"), "pintle\n");
    resize(&image, 900 * GIB);
    assert_clean(&image.path);
}
