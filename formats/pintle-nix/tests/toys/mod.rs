//! Archives by hand, as no program would write them, and trees.

#![allow(dead_code, reason = "each test binary uses its part")]

use pintle_model::{Attrs, Blob, Kind, Origin, SourceId, Tree, TreePath};
use pintle_nix::nar::{self, Limits, NarError, UnpackedNar};
use pintle_nix::{PathInfo, StoreDir, StorePath, UnpackError, check_content};
pub(crate) use pintle_testkit::pack::Memory;
use std::collections::BTreeMap;

pub(crate) fn unpacked(nar: &[u8]) -> Result<UnpackedNar, NarError> {
    nar::unpack(nar, &Limits::default(), &mut Memory::default()).map(|(unpacked, _)| unpacked)
}

/// Everything that is compared when an archive arrives as the path of `info`.
pub(crate) fn arrive(info: &PathInfo, archive: impl std::io::Read) -> Result<(), UnpackError> {
    let mut pack = Memory::default();
    let unpacked = info.unpack(archive, &Limits::default(), &mut pack)?;
    assert_eq!(unpacked.digest(), info.nar_hash);
    let (mut tree, root) = (Tree::new(), TreePath::literal("x"));
    let origin = tree.origin(Origin::Nobody);
    unpacked.get().insert(&mut tree, &root, SourceId(0), origin).unwrap();
    check_content(info, &tree, &root, &pack)
}

/// The error with its causes, as a user sees it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Tokens as an archive has them; `"…"` stands for itself.
pub(crate) fn nar(tokens: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for token in tokens {
        out.extend_from_slice(&(token.len() as u64).to_le_bytes());
        out.extend_from_slice(token);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// An archive of one directory with these entries; each is the tokens of its object.
pub(crate) fn directory(entries: &[(&str, &[&[u8]])]) -> Vec<u8> {
    let mut tokens: Vec<&[u8]> = vec![b"nix-archive-1", b"(", b"type", b"directory"];
    for (name, object) in entries {
        tokens.extend([&b"entry"[..], b"(", b"name", name.as_bytes(), b"node"]);
        tokens.extend_from_slice(object);
        tokens.push(b")");
    }
    tokens.push(b")");
    nar(&tokens)
}

pub(crate) const FILE: &[&[u8]] = &[b"(", b"type", b"regular", b"contents", b"hello", b")"];

/// Adds something with everything above it.
pub(crate) fn put(tree: &mut Tree, path: &str, kind: Kind, mode: u16) {
    let path = TreePath::literal(path);
    let origin = tree.origin(Origin::Nobody);
    if let Some(parent) = path.parent() {
        tree.ensure_directory(&parent, Attrs::root(0o755), origin).unwrap();
    }
    tree.add(&path, kind, Attrs::root(mode), origin).unwrap();
}

pub(crate) fn file(bytes: &[u8]) -> Kind {
    Kind::File(Blob::inline(bytes))
}

pub(crate) fn link(target: &str) -> Kind {
    Kind::Symlink(target.as_bytes().into())
}

pub(crate) fn empty() -> Kind {
    Kind::Directory(BTreeMap::new())
}

/// A store path with the hash part `digit`, 32 times.
pub(crate) fn path(digit: char, name: &str) -> StorePath {
    StoreDir::default().path(&format!("{}-{name}", digit.to_string().repeat(32))).unwrap()
}
