//! How archives are packed in binary caches.

use std::str::FromStr;

/// How some bytes are packed: the compressions that caches of Nix are written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// xz (xz-file-format.txt 1.2).
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
    /// bzip2.
    Bzip2,
    /// Brotli (RFC 7932).
    Brotli,
    /// gzip (RFC 1952).
    Gzip,
}

/// A compression nobody here can undo.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the compression `{0}` is not understood (none, xz, zstd, bzip2, br and gzip are)")]
pub struct UnknownCompression(String);

impl Compression {
    const ALL: [Self; 6] = [Self::None, Self::Xz, Self::Zstd, Self::Bzip2, Self::Brotli, Self::Gzip];

    /// Its name in a narinfo file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What Nix puts behind `.nar` in the name of a packed archive.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Bzip2 => ".bz2",
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// An empty name stands for bzip2, as a missing one does.
impl FromStr for Compression {
    type Err = UnknownCompression;
    fn from_str(text: &str) -> Result<Self, UnknownCompression> {
        let text = if text.is_empty() { "bzip2" } else { text };
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| UnknownCompression(text.chars().take(40).collect()))
    }
}
