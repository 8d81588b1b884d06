//! Equal bytes, always: any change of the writer's output changes these digests, which is the point.

use crate::grow::{add, file};
use crate::judge::{options, written};
use crate::rich::rich;
use insta::assert_snapshot;
use pintle_model::{Digest, Tree};

fn digest(tree: &Tree, size: Option<u64>) -> String {
    let mut with = options();
    with.size = size;
    Digest::of(&std::fs::read(&written(tree, &with).path).unwrap()).to_string()
}

#[test]
fn an_empty_tree() {
    assert_snapshot!(digest(&Tree::new(), None), @"a866444d695c277f345641ad1f122ea7cf98315549ac1ef880ca7f20aa409e34");
}

#[test]
fn a_rich_tree() {
    assert_snapshot!(digest(&rich(), None), @"1a883afadd66da360bc0f392dd1a52521ff17b968a3ec222aa335af7d46e20fc");
}

#[test]
fn two_groups() {
    let mut tree = Tree::new();
    add(&mut tree, "file", file("text"));
    assert_snapshot!(digest(&tree, Some(200 << 20)), @"e5f36e3936e6f505998160f197cd7fdb4ba0008cbc63d16f63e5c37598a16bab");
}
