//! Archives by hand, as no program would write them, a pack in memory, and trees.

#![allow(dead_code, reason = "each test binary uses its part")]

use pintle_model::{Attrs, Blob, Contents, Kind, Origin, PackSink, SourceId, Tree, TreePath};
use pintle_nix::nar::{self, Limits, NarError, UnpackedNar};
use pintle_nix::{StoreDir, StorePath};
use std::collections::BTreeMap;
use std::io;

/// Keeps file bytes as the content store would.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) Vec<u8>);

impl PackSink for Memory {
    fn begin(&mut self) -> io::Result<u64> {
        self.0.resize(self.0.len().next_multiple_of(4096), 0);
        Ok(self.0.len() as u64)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Contents for Memory {
    fn read_exact_at(&self, _source: SourceId, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let from = offset as usize;
        out.copy_from_slice(self.0.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

pub(crate) fn unpacked(nar: &[u8]) -> Result<UnpackedNar, NarError> {
    nar::unpack(nar, &Limits::default(), &mut Memory::default()).map(|(unpacked, _)| unpacked)
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
