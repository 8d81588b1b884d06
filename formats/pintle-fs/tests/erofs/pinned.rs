//! Equal bytes, always: any change of the writer's output changes these digests, which is the point.

use crate::compressed::mixed;
use crate::judge::{options, written};
use crate::rich::rich;
use insta::assert_snapshot;
use pintle_fs::erofs::{Method, Packing};
use pintle_model::{Digest, Tree};

fn digest(tree: &Tree, packing: Option<&Packing>) -> String {
    Digest::of(&std::fs::read(&written(tree, &options(), packing).path).unwrap()).to_string()
}

#[test]
fn an_empty_tree() {
    assert_snapshot!(digest(&Tree::new(), None), @"f05fad8cbc6ffbcefca5e1df7dc29a59ddd2289f167e2c13ac0d543fb82616d6");
}

#[test]
fn a_rich_tree() {
    assert_snapshot!(digest(&rich(), None), @"f966d6e506dea6a03faf507e2a822c7bba43b8d842c967cb8225a42814de842e");
}

#[test]
fn compressed_trees() {
    assert_snapshot!(digest(&mixed(), Some(&Packing::new(Method::Lz4, 2))), @"0723555806dc92de396e0c669a60c391e694416c5646e7087790c55327eeb600");
    assert_snapshot!(digest(&mixed(), Some(&Packing::new(Method::Zstd(6), 3))), @"f024d298cbe9f7a728a8ad119c930ccd4406a117e421f8bfa9e5079793320ce3");
}
