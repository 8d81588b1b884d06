use pintle_model::Hasher;
use std::io::{self, Write};

/// Passes bytes on and hashes them.
pub(crate) struct Hashing<W> {
    out: W,
    hasher: Hasher,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, hasher: Hasher::new() }
    }

    pub(crate) fn into_hasher(self) -> Hasher {
        self.hasher
    }

    pub(crate) fn into_parts(self) -> (W, Hasher) {
        (self.out, self.hasher)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.hasher.update(&bytes[..len]);
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
