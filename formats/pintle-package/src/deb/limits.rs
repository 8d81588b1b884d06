use crate::tar;
use pintle_model::Limit;
use std::io::{self, Read};

/// What unpacking accepts. The defaults are several times what the largest packages of Debian need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Within the tars. The largest file of Debian's archive is under 2 GiB; the files' bytes are never in memory.
    pub tar: tar::Limits,
    /// Control files together, all held in memory: the largest (of a texlive package) have 3 MiB.
    pub control: Limit,
    /// Members of data.tar, whose headers are held in memory: the most (of an icon theme) are 150,000.
    pub entries: Limit,
    /// Unpacked bytes of one member: ten times Debian's largest package.
    pub total: Limit,
    /// Unpacked bytes per packed byte, past the first 64 MiB: real packages have at most some twenty.
    pub ratio: Limit,
    /// Unpacked bytes of one kernel module; a large one has 10 MiB.
    pub module: Limit,
}

/// So much may come out of any number of bytes before the ratio is looked at.
const FREE: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            tar: tar::Limits { size: Limit::new(16 << 30, "bytes in one file"), ..tar::Limits::default() },
            control: Limit::new(64 << 20, "bytes of control files"),
            entries: Limit::new(2_000_000, "files in one package"),
            total: Limit::new(32 << 30, "bytes unpacked from one package"),
            ratio: Limit::new(400, "bytes unpacked from each packed byte"),
            module: Limit::new(256 << 20, "bytes in one kernel module"),
        }
    }
}

/// Stops a decompression bomb: counts what comes out of a member of known length.
pub(super) struct Budget<R> {
    inner: R,
    spent: u64,
    total: Limit,
    /// Bytes allowed by the ratio.
    by_ratio: u64,
    ratio: Limit,
}

/// More came out of a member than it may hold.
#[derive(Debug, thiserror::Error)]
#[error("unpacking goes over the limit of {} {}", .0.max, .0.what)]
pub(super) struct Bomb(pub(super) Limit);

impl<R: Read> Budget<R> {
    /// For a member of `packed` bytes.
    pub(super) fn new(inner: R, limits: &Limits, packed: u64) -> Self {
        let by_ratio = packed.saturating_mul(limits.ratio.max).saturating_add(FREE);
        Self { inner, spent: 0, total: limits.total, by_ratio, ratio: limits.ratio }
    }
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.spent += n as u64;
        let broken = [(self.total, self.total.max), (self.ratio, self.by_ratio)];
        match broken.into_iter().find(|(_, most)| self.spent > *most) {
            Some((limit, _)) => Err(io::Error::new(io::ErrorKind::FileTooLarge, Bomb(limit))),
            None => Ok(n),
        }
    }
}
