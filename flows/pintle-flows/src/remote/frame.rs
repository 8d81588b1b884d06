//! Frames: what two programs at the ends of a pipe say to each other, and the bytes of files between.
//!
//! ```text
//! kind   1 byte     message, data, packed data, zeros
//! length 4 bytes    little-endian, of what follows
//! …                 JSON, bytes, a zstd frame of bytes, or how many zeros in 8 bytes
//! ```

use pintle_model::{Hashed, Hasher, Limit};
use pintle_world::sparse::Run;
use std::io::{self, Read, Write};

/// Longest message: the largest are a definition with its lock, and the facts of an image, of some MB.
const MESSAGE: Limit = Limit::new(256 << 20, "bytes in one message");
/// Bytes of data in one frame.
const DATA: usize = 1 << 20;
/// Zeros below this are sent as data: a frame of their own costs more than they do.
const ZEROS: usize = 64 << 10;
/// zstd's default: faster than a network, and within some per cent of what slower levels make.
const LEVEL: i32 = 3;

const KIND_MESSAGE: u8 = 1;
const KIND_DATA: u8 = 2;
const KIND_PACKED: u8 = 3;
const KIND_ZEROS: u8 = 4;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// JSON.
    Message(Vec<u8>),
    /// The next bytes of a stream, at most 1 MiB.
    Data(Vec<u8>),
    /// So many zeros in it.
    Zeros(u64),
}

/// What came is no frame.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Another kind.
    #[error("there is no kind {0} of frame")]
    Kind(u8),
    /// More than may be.
    #[error("a frame has {value}, over the limit of {} {}", .limit.max, .limit.what)]
    Limit {
        /// What it claims.
        value: u64,
        /// The limit.
        limit: Limit,
    },
    /// Damaged.
    #[error("packed bytes cannot be unpacked")]
    Packed(#[source] io::Error),
    /// It ends in the middle.
    #[error("it ends within a frame")]
    Truncated,
    /// Reading.
    #[error("reading failed")]
    Io(#[source] io::Error),
}

/// Reads the next frame; none at the end.
///
/// # Errors
/// [`FrameError`].
pub fn read(from: &mut dyn Read) -> Result<Option<Frame>, FrameError> {
    let mut head = [0; 5];
    let mut got = 0;
    while got < head.len() {
        match from.read(&mut head[got..]) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(FrameError::Truncated),
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    let [kind, a, b, c, d] = head;
    let len = u64::from(u32::from_le_bytes([a, b, c, d]));
    let data = Limit::new(DATA as u64, "bytes in one frame of data");
    let limit = match kind {
        KIND_MESSAGE => MESSAGE,
        KIND_DATA | KIND_PACKED => data,
        KIND_ZEROS => Limit::new(8, "bytes in a frame of zeros"),
        kind => return Err(FrameError::Kind(kind)),
    };
    if !limit.allows(len) {
        return Err(FrameError::Limit { value: len, limit });
    }
    let mut bytes = Vec::new();
    // Grows as bytes come: a length alone takes no memory.
    from.take(len).read_to_end(&mut bytes).map_err(FrameError::Io)?;
    if bytes.len() as u64 != len {
        return Err(FrameError::Truncated);
    }
    Ok(Some(match kind {
        KIND_MESSAGE => Frame::Message(bytes),
        KIND_DATA => Frame::Data(bytes),
        KIND_ZEROS => Frame::Zeros(u64::from_le_bytes(bytes.try_into().map_err(|_| FrameError::Truncated)?)),
        _ => Frame::Data(zstd::bulk::decompress(&bytes, DATA).map_err(FrameError::Packed)?),
    }))
}

/// Writes frames.
pub struct Writer<W: Write> {
    out: W,
    packer: zstd::bulk::Compressor<'static>,
    /// Bytes written so far.
    sent: u64,
}

impl<W: Write> Writer<W> {
    /// Into `out`.
    ///
    /// # Errors
    /// When there is no memory to pack with.
    pub fn new(out: W) -> io::Result<Self> {
        Ok(Self { out, packer: zstd::bulk::Compressor::new(LEVEL)?, sent: 0 })
    }

    /// Bytes written so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Counts and writes what is no frame.
    ///
    /// # Errors
    /// Of writing.
    pub fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.sent += bytes.len() as u64;
        self.out.flush()
    }

    /// A message.
    ///
    /// # Errors
    /// Of writing.
    pub fn message(&mut self, json: &[u8]) -> io::Result<()> {
        self.frame(KIND_MESSAGE, json)?;
        self.out.flush()
    }

    /// At most [`DATA`] bytes of a stream, packed where that makes them less.
    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let packed = self.packer.compress(bytes)?;
        match packed.len() < bytes.len() {
            true => self.frame(KIND_PACKED, &packed),
            false => self.frame(KIND_DATA, bytes),
        }
    }

    fn zeros(&mut self, len: u64) -> io::Result<()> {
        self.frame(KIND_ZEROS, &len.to_le_bytes())
    }

    fn frame(&mut self, kind: u8, bytes: &[u8]) -> io::Result<()> {
        let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&len.to_le_bytes())?;
        self.out.write_all(bytes)?;
        self.sent += 5 + bytes.len() as u64;
        Ok(())
    }
}

/// A stream of bytes on its way into frames.
pub struct Stream<'a, W: Write> {
    to: &'a mut Writer<W>,
    buffer: Vec<u8>,
    zeros: u64,
    hasher: Hasher,
}

impl<'a, W: Write> Stream<'a, W> {
    /// Into `to`.
    pub fn new(to: &'a mut Writer<W>) -> Self {
        Self { to, buffer: Vec::with_capacity(DATA), zeros: 0, hasher: Hasher::new() }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// Of writing.
    pub fn add(&mut self, run: Run<'_>) -> io::Result<()> {
        hash(&mut self.hasher, run);
        match run {
            Run::Zeros(len) => {
                self.flush_data()?;
                self.zeros += len;
            }
            Run::Data(mut bytes) => {
                while !bytes.is_empty() {
                    let room = DATA - self.buffer.len();
                    let (now, rest) = bytes.split_at(room.min(bytes.len()));
                    self.buffer.extend_from_slice(now);
                    bytes = rest;
                    if self.buffer.len() == DATA {
                        self.flush_data()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends what is gathered: long runs of zeros by their length.
    fn flush_data(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut data = 0..0;
        for piece in buffer.chunks(ZEROS) {
            if piece.len() == ZEROS && piece.iter().all(|byte| *byte == 0) {
                self.send(&buffer[data.clone()])?;
                self.zeros += piece.len() as u64;
                data = data.end + piece.len()..data.end + piece.len();
            } else {
                data.end += piece.len();
            }
        }
        self.send(&buffer[data])?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        self.flush_zeros()?;
        self.to.data(data)
    }

    fn flush_zeros(&mut self) -> io::Result<()> {
        if self.zeros > 0 {
            self.to.zeros(std::mem::take(&mut self.zeros))?;
        }
        Ok(())
    }

    /// Sends the rest; what went through.
    ///
    /// # Errors
    /// Of writing.
    pub fn finish(mut self) -> io::Result<Hashed> {
        self.flush_data()?;
        self.flush_zeros()?;
        Ok(self.hasher.finish())
    }
}

impl<W: Write> Write for Stream<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(Run::Data(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds a run to a digest.
pub(super) fn hash(hasher: &mut Hasher, run: Run<'_>) {
    static NOTHING: [u8; 64 << 10] = [0; 64 << 10];
    match run {
        Run::Data(bytes) => hasher.update(bytes),
        Run::Zeros(mut len) => {
            while len > 0 {
                let now = len.min(NOTHING.len() as u64);
                hasher.update(&NOTHING[..now as usize]);
                len -= now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mut bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        let mut all = Vec::new();
        while let Some(frame) = read(&mut bytes)? {
            all.push(frame);
        }
        Ok(all)
    }

    #[test]
    fn a_stream_comes_out_as_it_went_in_and_zeros_cost_nothing() {
        let mut content: Vec<u8> = (0..3_000_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        content[100_000..2_000_000].fill(0);
        let mut writer = Writer::new(Vec::new()).unwrap();
        let mut stream = Stream::new(&mut writer);
        content.chunks(77_777).for_each(|chunk| stream.write_all(chunk).unwrap());
        stream.add(Run::Zeros(300 << 20)).unwrap();
        stream.add(Run::Data(b"end")).unwrap();
        let hashed = stream.finish().unwrap();
        assert_eq!(hashed.len(), content.len() as u64 + (300 << 20) + 3);
        writer.message(b"{}").unwrap();
        let sent = writer.sent();
        assert_eq!(sent, writer.out.len() as u64);
        let mut hasher = Hasher::new();
        let mut zeros = 0;
        for frame in frames(&writer.out).unwrap() {
            match frame {
                Frame::Data(bytes) => hash(&mut hasher, Run::Data(&bytes)),
                Frame::Zeros(len) => {
                    zeros += len;
                    hash(&mut hasher, Run::Zeros(len));
                }
                Frame::Message(json) => assert_eq!(json, b"{}"),
            }
        }
        assert_eq!(hasher.finish(), hashed);
        assert!(zeros > (300 << 20) + 1_500_000, "{zeros}");
        assert!(sent < 1_200_000, "{sent}");
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is() {
        let noise: Vec<u8> =
            (0..40_000u32).flat_map(|i| *pintle_model::Digest::of(&i.to_le_bytes()).as_bytes()).collect();
        let mut writer = Writer::new(Vec::new()).unwrap();
        let mut stream = Stream::new(&mut writer);
        stream.write_all(&noise).unwrap();
        stream.finish().unwrap();
        assert!(writer.sent() < noise.len() as u64 + 100);
    }

    #[test]
    fn what_is_no_frame_is_named() {
        let said = |bytes: &[u8]| {
            let error = frames(bytes).unwrap_err();
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        };
        insta::assert_snapshot!(said(b"Welcome to"), @"there is no kind 87 of frame");
        insta::assert_snapshot!(said(&[1, 0, 0, 0, 0x80]), @"a frame has 2147483648, over the limit of 268435456 bytes in one message");
        insta::assert_snapshot!(said(&[2, 1, 0, 0x10, 0]), @"a frame has 1048577, over the limit of 1048576 bytes in one frame of data");
        insta::assert_snapshot!(said(&[1, 4, 0, 0, 0, b'{']), @"it ends within a frame");
        insta::assert_snapshot!(said(&[1, 4]), @"it ends within a frame");
        insta::assert_snapshot!(said(&[4, 2, 0, 0, 0, 1, 1]), @"it ends within a frame");
        insta::assert_snapshot!(said(&[3, 2, 0, 0, 0, 1, 1]), @"packed bytes cannot be unpacked: Src size is incorrect");
    }

    #[test]
    fn a_packed_frame_that_would_unpack_to_more_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
        let mut frame = vec![KIND_PACKED];
        frame.extend_from_slice(&(bomb.len() as u32).to_le_bytes());
        frame.extend_from_slice(&bomb);
        assert!(matches!(frames(&frame), Err(FrameError::Packed(_))));
    }
}
