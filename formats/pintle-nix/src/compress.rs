//! How archives are packed in binary caches.

use liblzma::stream::{CONCATENATED, Stream};
use pintle_model::Limit;
use std::io::{self, BufReader, Read, Write};
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

/// Memory one decompressor may take, in KiB: four times what `xz -9` asks for.
pub const XZ_MEMORY: Limit = Limit::new(256 << 10, "KiB of memory to unpack xz");
/// Largest Zstandard window: what the reference decoder accepts by default, and `zstd --ultra -22` needs.
pub const ZSTD_WINDOW: Limit = Limit::new(27, "bits of a Zstandard window");

/// Packed bytes fetched at once.
const INPUT: usize = 64 << 10;

/// More came out of a packed archive than may be in it.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("it unpacks to more than the {max} bytes that it should have")]
pub struct TooLong {
    /// How many it should have.
    pub max: u64,
}

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

    /// A reader of the unpacked bytes, of which there may be `max` at most (`NarSize`): after them reading fails with
    /// [`TooLong`], as [`io::ErrorKind::FileTooLarge`]. Checksums of the format are checked when the end is read.
    ///
    /// # Errors
    /// Of allocating a decoder.
    pub fn reader<'a>(self, packed: impl Read + 'a, max: u64) -> io::Result<Box<dyn Read + 'a>> {
        let packed = BufReader::with_capacity(INPUT, packed);
        let unpacked: Box<dyn Read + 'a> = match self {
            Self::None => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
            // Its window is bounded by the format: 16 MiB.
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(packed, INPUT)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY.max << 10, CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(u32::try_from(ZSTD_WINDOW.max).unwrap_or(27))?;
                Box::new(decoder)
            }
        };
        Ok(Box::new(Bounded { inner: unpacked, left: max, max }))
    }
}

struct Bounded<R> {
    inner: R,
    left: u64,
    max: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        match self.left.checked_sub(n as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, TooLong { max: self.max }));
            }
        }
        Ok(n)
    }
}

/// How archives are packed that we publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all: clients can ask for single files.
    None,
    /// Small, and slow to make; what every Nix understands.
    Xz,
    /// Nearly as small, and quick to unpack; Nix since 2.4.
    Zstd,
}

/// What `xz` and Nix use.
const XZ_LEVEL: u32 = 6;
/// Within some percent of `xz -6` at a tenth of its time.
const ZSTD_LEVEL: i32 = 12;

impl Packing {
    /// What the narinfo file calls it.
    #[must_use]
    pub fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Xz => Compression::Xz,
            Self::Zstd => Compression::Zstd,
        }
    }

    /// Packs what is written into `out`. The same bytes become the same packed bytes, whatever the pieces.
    ///
    /// # Errors
    /// Of allocating an encoder.
    pub fn writer<W: Write>(self, out: W) -> io::Result<Packer<W>> {
        Ok(Packer(match self {
            Self::None => Encoder::None(out),
            Self::Xz => Encoder::Xz(liblzma::write::XzEncoder::new(out, XZ_LEVEL)),
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        }))
    }
}

/// Packs what is written. [`Packer::finish`] ends it; without, the packed archive is cut short.
pub struct Packer<W: Write>(Encoder<W>);

enum Encoder<W: Write> {
    None(W),
    Xz(liblzma::write::XzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Packer<W> {
    /// Writes what is left, and gives the writer back.
    ///
    /// # Errors
    /// Of the writer.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Encoder::None(out) => Ok(out),
            Encoder::Xz(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Encoder::None(out) => out.write(bytes),
            Encoder::Xz(encoder) => encoder.write(bytes),
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }
    }

    /// Packed blocks are not ended early: that would make the bytes depend on when this is called.
    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Encoder::None(out) => out.flush(),
            Encoder::Xz(_) | Encoder::Zstd(_) => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// One uncompressed block (RFC 7932, section 9.2), as `brotli` writes it for so few bytes: there is no encoder here.
    const BROTLI: &[u8] = &[0x8b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', b'\n', 0x03];

    fn packed(kind: Compression, data: &[u8]) -> Vec<u8> {
        let by = |packing: Packing| {
            let mut out = packing.writer(Vec::new()).unwrap();
            out.write_all(data).unwrap();
            out.finish().unwrap()
        };
        match kind {
            Compression::None => by(Packing::None),
            Compression::Xz => by(Packing::Xz),
            Compression::Zstd => by(Packing::Zstd),
            Compression::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Compression::Bzip2 => {
                let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Compression::Brotli => BROTLI.to_vec(),
        }
    }

    fn unpacked(kind: Compression, packed: &[u8], max: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        kind.reader(packed, max)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn each_kind_comes_back() {
        let long = b"a line of text\n".repeat(9000);
        for kind in Compression::ALL {
            let data = if kind == Compression::Brotli { &b"hello\n"[..] } else { &long };
            let once = packed(kind, data);
            assert_eq!(unpacked(kind, &once, data.len() as u64).unwrap(), data, "{kind:?}");
            let error = unpacked(kind, &once, data.len() as u64 - 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{kind:?}");
            if kind != Compression::None {
                assert!(unpacked(kind, &once[..once.len() - 1], 1 << 20).is_err(), "{kind:?} cut short");
                let mut flipped = once.clone();
                flipped[0] ^= 0xff;
                assert!(unpacked(kind, &flipped, 1 << 20).is_err(), "{kind:?} damaged");
            }
        }
        insta::assert_snapshot!(unpacked(Compression::None, b"abc", 2).unwrap_err(), @"it unpacks to more than the 2 bytes that it should have");
    }

    #[test]
    fn what_is_published_does_not_depend_on_pieces() {
        let data = b"a line of text\n".repeat(9000);
        for packing in [Packing::None, Packing::Xz, Packing::Zstd] {
            let mut out = packing.writer(Vec::new()).unwrap();
            for piece in data.chunks(777) {
                out.write_all(piece).unwrap();
                out.flush().unwrap();
            }
            assert_eq!(out.finish().unwrap(), packed(packing.compression(), &data), "{packing:?}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_size_that_was_promised() {
        let bomb = packed(Compression::Bzip2, &vec![0; 64 << 20]);
        assert!(bomb.len() < 1000);
        let error = unpacked(Compression::Bzip2, &bomb, 1 << 20).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
