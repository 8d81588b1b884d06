//! Directories of every length.

use crate::grow::{add, directory, file};
use crate::judge::{checked, options};
use pintle_model::Tree;

#[test]
fn directories_of_every_length() {
    let mut tree = Tree::new();
    // Names of 8 bytes: 203 or so fill a block.
    for count in [0, 1, 100, 202, 203, 204, 205, 410, 1000] {
        add(&mut tree, format!("{count:04}"), directory());
        for n in 0..count {
            add(&mut tree, format!("{count:04}/{n:08}"), file(""));
        }
    }
    // Names that leave much of each block empty.
    for n in 0..100 {
        add(&mut tree, format!("long/{}{n:03}", "n".repeat(252)), file(""));
    }
    checked(&tree, &options(), None);
}

#[test]
fn seventy_thousand_names_in_one_directory() {
    let mut tree = Tree::new();
    for n in 0..70_000 {
        add(&mut tree, format!("store/{n:032x}-a-name-as-in-a-store-{n}"), file(""));
    }
    checked(&tree, &options(), None);
}
