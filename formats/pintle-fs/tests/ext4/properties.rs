//! Trees that nobody thought of.

use crate::judge::{Image, Pattern, checked, options, run, written};
use crate::reading::assert_same;
use pintle_model::{Kind, Tree};
use pintle_testkit::trees::{Bounds, any_tree};
use proptest::prelude::{ProptestConfig, proptest};
use std::os::unix::ffi::OsStrExt;

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
    let bounds = Bounds { inodes: 60, file: 200_000 };
    proptest!(config, |(tree in any_tree(bounds), free in 0u64..1 << 22, percent in 0u8..20)| {
        let mut with = options();
        (with.free, with.reserved_percent) = (free, percent);
        let image = checked(&tree, &with);
        assert_same(&tree, &image);
        assert_debugfs_agrees(&tree, &image);
        let again = written(&tree, &with);
        assert!(run("cmp", &[image.path.to_str().unwrap()], &again.path).status.success(), "twice the same bytes");
    });
}
