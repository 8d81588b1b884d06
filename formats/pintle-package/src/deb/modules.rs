//! Kernel modules come compressed in packages and go uncompressed into images.

use super::limits::Bomb;
use crate::compress::Compression;
use pintle_model::{Limit, TreePath};
use std::io::{self, Read};

/// How `path` is called in the image, and how it is packed, if it is a compressed kernel module:
/// `usr/lib/modules/…/x.ko.xz`, also below `lib/modules`.
pub(super) fn compressed_module(path: &TreePath) -> Option<(TreePath, Compression)> {
    let bytes = path.as_bytes();
    let modules = bytes.starts_with(b"usr/lib/modules/") || bytes.starts_with(b"lib/modules/");
    let kind = [Compression::Xz, Compression::Zstd, Compression::Gzip].into_iter().find_map(|kind| {
        let plain = bytes.strip_suffix(kind.extension().as_bytes())?;
        plain.ends_with(b".ko").then_some((plain, kind))
    });
    let (plain, kind) = kind.filter(|_| modules)?;
    Some((TreePath::new(plain).ok()?, kind))
}

/// The module's own bytes, read through its packed ones.
pub(super) fn reader<'a>(
    packed: impl Read + 'a,
    kind: Compression,
    limit: Limit,
) -> io::Result<impl Read + 'a> {
    Ok(Bounded { inner: kind.verified_reader(packed)?, left: limit.max, limit })
}

struct Bounded<R> {
    inner: R,
    left: u64,
    limit: Limit,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::new(io::ErrorKind::FileTooLarge, Bomb(self.limit))),
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compressed_modules_in_their_place_are_renamed() {
        let name = |path: &str| compressed_module(&TreePath::literal(path)).map(|(path, _)| path.to_string());
        assert_eq!(name("usr/lib/modules/6.12/a/x.ko.xz").unwrap(), "/usr/lib/modules/6.12/a/x.ko");
        assert_eq!(name("lib/modules/6.12/x.ko.zst").unwrap(), "/lib/modules/6.12/x.ko");
        for other in ["usr/lib/modules/6.12/x.ko", "usr/lib/modules/6.12/x.xz", "usr/share/modules/x.ko.xz"] {
            assert_eq!(name(other), None, "{other}");
        }
    }
}
