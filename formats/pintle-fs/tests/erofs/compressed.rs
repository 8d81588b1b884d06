//! Compressed files of every length.

use crate::grow::{add, file};
use crate::judge::{checked, options, written};
use crate::reading::assert_same;
use pintle_fs::erofs::read::{ReadLimits, Reader};
use pintle_fs::erofs::{Method, Packing};
use pintle_model::{Blob, Kind, SourceId, Tree, TreePath};

/// Text that compresses, but not to nothing.
fn text(len: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(len + 20);
    let mut state = 12_345u32;
    while out.len() < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        out.extend_from_slice(format!("word{} ", state >> 22).as_bytes());
    }
    out.truncate(len);
    out
}

/// Bytes that do not compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// Files of lengths around every border, of text, of noise, of both, of zeros.
pub(crate) fn mixed() -> Tree {
    let mut tree = Tree::new();
    for len in [
        1, 4095, 4096, 4097, 8191, 8192, 8193, 12_288, 50_000, 65_536, 65_537, 100_000, 131_072, 131_073,
        196_607, 196_608, 196_609, 262_144, 900_000,
    ] {
        add(&mut tree, format!("text/{len}"), file(text(len)));
        add(&mut tree, format!("noise/{len}"), file(noise(len)));
        add(&mut tree, format!("zeros/{len}"), file(vec![0; len]));
        add(&mut tree, format!("both/{len}"), file([text(len), noise(len), text(len)].concat()));
    }
    add(&mut tree, "again", file(text(131_072)));
    add(&mut tree, "sparse", Kind::File(Blob::sparse(1 << 22, vec![]).unwrap()));
    add(&mut tree, "pattern", Kind::File(Blob::at(SourceId(5), 3, 3_000_000)));
    tree
}

#[test]
fn lz4_before_the_judge() {
    for log in [13, 14, 16, 17, 20] {
        let packing = Packing { cluster: 1 << log, fragments: 0, ..Packing::new(Method::Lz4, 2) };
        let image = checked(&mixed(), &options(), Some(&packing));
        let plain = written(&mixed(), &options(), None);
        assert!(image.summary.size < plain.summary.size * 3 / 4, "{}", image.summary.size);
    }
}

#[test]
fn zstd_and_fragments_are_read_back() {
    for method in [Method::Lz4, Method::Zstd(1), Method::Zstd(19)] {
        for (log, fragments) in [(13, 0), (13, 100), (17, 1 << 17), (20, 1 << 20), (16, u64::MAX)] {
            let packing = Packing { cluster: 1 << log, fragments, ..Packing::new(method, 2) };
            let image = written(&mixed(), &options(), Some(&packing));
            assert_same(&mixed(), &image);
        }
    }
}

#[test]
fn threads_do_not_show() {
    let bytes = |threads| {
        let packing = Packing::new(Method::Zstd(3), threads);
        std::fs::read(&written(&mixed(), &options(), Some(&packing)).path).unwrap()
    };
    let one = bytes(1);
    assert!((2..6).all(|threads| bytes(threads) == one));
}

/// What does not get shorter is stored as it is, where the kernel reads it without copying.
#[test]
fn noise_is_not_compressed() {
    let packing = Packing { fragments: 0, ..Packing::new(Method::Lz4, 2) };
    let image = written(&mixed(), &options(), Some(&packing));
    let reader = Reader::open(&image, ReadLimits::default()).unwrap();
    let stat = |path: &str| reader.find(&TreePath::literal(path)).unwrap().unwrap();
    assert!(!stat("noise/900000").is_compressed() && !stat("text/4096").is_compressed());
    assert!(stat("text/8192").is_compressed() && stat("both/900000").is_compressed());
    assert!(!stat("sparse").is_compressed(), "holes take no blocks at all");
}
