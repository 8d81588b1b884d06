//! The compressions that Debian's archive uses, as readers.

use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, IGNORE_CHECK, Stream};
use pintle_model::Limit;
use std::io::{self, BufReader, Read};

/// How some bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952), also of several members.
    Gzip,
    /// xz (xz-file-format.txt 1.2), also of several streams.
    Xz,
    /// Zstandard (RFC 8878), also of several frames.
    Zstd,
}

/// Memory one decompressor may take, in KiB: four times what `xz -9` asks for.
pub const XZ_MEMORY: Limit = Limit::new(256 << 10, "KiB of memory to unpack xz");
/// Largest Zstandard window: what the reference decoder accepts by default, and `zstd --ultra -22` needs.
pub const ZSTD_WINDOW: Limit = Limit::new(27, "bits of a Zstandard window");

/// Packed bytes fetched at once.
const INPUT: usize = 64 << 10;

impl Compression {
    /// By the last extension of a file name: `.gz`, `.xz`, `.zst`; anything else is plain.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("gz") => Self::Gzip,
            Some("xz") => Self::Xz,
            Some("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// The extension with its dot, empty for plain.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }

    /// A reader of the unpacked bytes. Checksums of the format are checked when the end is read.
    /// How much comes out is the caller's to bound.
    ///
    /// # Errors
    /// Of allocating a decoder.
    pub fn reader<'a>(self, packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        self.open(packed, 0)
    }

    /// The same for bytes that were compared with a digest: xz's own checksums, which take a twelfth of its time, would
    /// say nothing new and are not looked at.
    ///
    /// # Errors
    /// Of allocating a decoder.
    pub fn verified_reader<'a>(self, packed: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
        self.open(packed, IGNORE_CHECK)
    }

    fn open<'a>(self, packed: impl Read + 'a, flags: u32) -> io::Result<Box<dyn Read + 'a>> {
        let packed = BufReader::with_capacity(INPUT, packed);
        Ok(match self {
            Self::Plain => Box::new(packed),
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY.max << 10, CONCATENATED | flags)?;
                Box::new(XzDecoder::new_stream(packed, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
                decoder.window_log_max(u32::try_from(ZSTD_WINDOW.max).unwrap_or(27))?;
                Box::new(decoder)
            }
        })
    }

    /// Unpacks `packed` whole, refusing more than `max` bytes.
    ///
    /// # Errors
    /// [`io::ErrorKind::FileTooLarge`], or what the decoder reports.
    pub fn unpack(self, packed: &[u8], max: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.reader(packed)?.take(max.saturating_add(1)).read_to_end(&mut out)?;
        if out.len() as u64 > max {
            let text = format!("it unpacks to more than {max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn packed(kind: Compression, data: &[u8]) -> Vec<u8> {
        match kind {
            Compression::Plain => data.to_vec(),
            Compression::Gzip => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Compression::Xz => {
                let options = lzma_rust2::XzOptions::with_preset(1);
                let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(data, 1).unwrap(),
        }
    }

    #[test]
    fn each_kind_round_trips_in_one_piece_and_two() {
        let data = b"a line of text\n".repeat(9000);
        for kind in [Compression::Plain, Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let once = packed(kind, &data);
            assert_eq!(kind.unpack(&once, 1 << 20).unwrap(), data, "{kind:?}");
            assert_eq!(kind.unpack(&once.repeat(2), 1 << 20).unwrap(), data.repeat(2), "{kind:?}");
            assert_eq!(Compression::of_name(&format!("data.tar{}", kind.extension())), kind);
            let error = kind.unpack(&once, 100).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
            if kind != Compression::Plain {
                let cut = &once[..once.len() - 5];
                assert!(kind.unpack(cut, 1 << 20).is_err(), "{kind:?} cut short");
            }
        }
    }

    #[test]
    fn an_xz_that_wants_gigabytes_of_memory_is_refused() {
        let mut options = lzma_rust2::XzOptions::with_preset(1);
        options.lzma_options.dict_size = 1 << 30;
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        out.write_all(b"small").unwrap();
        let error = Compression::Xz.unpack(&out.finish().unwrap(), 100).unwrap_err();
        assert_eq!(error.to_string(), "memory limit reached");
    }
}
