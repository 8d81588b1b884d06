use super::error::SignError;
use crate::uki::format::{CERTIFICATE_DIRECTORY, CHECKSUM_AT, DIRECTORY_COUNT_AT, MAGIC_PE32, OPTIONAL_AT};
use crate::uki::{HEAD_LEN, Pe, PeLimits, checksum};
use pintle_model::{Blob, Bytes, Contents, Digest, Hasher, Segment};

/// Bytes that are hashed at once.
const PIECE: usize = 1 << 20;
/// Attribute certificates begin at a multiple of this (PE Format, "The Attribute Certificate Table").
const ALIGN: u64 = 8;
/// `WIN_CERT_REVISION_2_0` and `WIN_CERT_TYPE_PKCS_SIGNED_DATA` (UEFI 2.10, 32.2.4).
const WIN_CERTIFICATE: [u8; 4] = [0x00, 0x02, 0x02, 0x00];
/// Longest signatures that are read: Microsoft's have some 10 kB.
const SIGNATURES_MAX: u64 = 1 << 20;

/// What of an image a signature covers.
pub(super) struct Covered<'a> {
    image: &'a Blob,
    /// All headers, and what follows up to [`HEAD_LEN`] or the signatures.
    head: Vec<u8>,
    checksum_at: usize,
    directory_at: usize,
    /// Where signatures are in the file, and their length.
    signatures: Option<(u64, u64)>,
}

impl<'a> Covered<'a> {
    /// Of an image that bears no signature.
    pub(super) fn unsigned(image: &'a Blob, contents: &dyn Contents) -> Result<Self, SignError> {
        let covered = Self::read(image, contents)?;
        if covered.signatures.is_some() { Err(SignError::Signed) } else { Ok(covered) }
    }

    /// Of any image.
    pub(super) fn read(image: &'a Blob, contents: &dyn Contents) -> Result<Self, SignError> {
        let mut head = vec![0; HEAD_LEN.min(image.len()) as usize];
        image.read_at(contents, 0, &mut head)?;
        let pe = Pe::parse(&head, image.len(), &PeLimits::default())?;
        back_to_back(&pe)?;
        let optional = pe.header_at + OPTIONAL_AT;
        let magic = u16::from_le_bytes([head[optional], head[optional + 1]]);
        // PE32 has 32-bit addresses where PE32+ has 64: its directories begin 16 bytes earlier.
        let count_at = optional + DIRECTORY_COUNT_AT - if magic == MAGIC_PE32 { 16 } else { 0 };
        let directory_at = count_at + 4 + CERTIFICATE_DIRECTORY * 8;
        let number = |at: usize| {
            let four = head.get(at..at + 4)?;
            Some(u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        };
        if number(count_at).is_none_or(|count| count as usize <= CERTIFICATE_DIRECTORY)
            || directory_at + 8 > pe.sections_at
        {
            return Err(SignError::NoDirectory);
        }
        let [at, len] = [0, 4].map(|by| u64::from(number(directory_at + by).unwrap_or_default()));
        let signatures = pe.signed.then_some((at, len));
        if let Some((at, len)) = signatures {
            let sections =
                pe.sections.iter().map(|section| u64::from(section.raw_at) + u64::from(section.raw_len));
            let behind = sections.max().unwrap_or_default().max(pe.headers_len.into());
            if at < behind || at + len > image.len() {
                return Err(SignError::Outside { at, len });
            }
            head.truncate(at as usize);
        }
        Ok(Self { image, head, checksum_at: optional + CHECKSUM_AT, directory_at, signatures })
    }

    /// Bytes before the signatures.
    fn len(&self) -> u64 {
        self.signatures.map_or(self.image.len(), |(at, _)| at)
    }

    /// Length with padding: what the signature covers.
    fn padded(&self) -> u64 {
        self.len().next_multiple_of(ALIGN)
    }

    /// The first signature, in DER with what fills it up; none: the image bears none.
    pub(super) fn signature(&self, contents: &dyn Contents) -> Result<Option<Vec<u8>>, SignError> {
        let Some((at, len)) = self.signatures else { return Ok(None) };
        if len > SIGNATURES_MAX {
            return Err(SignError::Outside { at, len });
        }
        let mut bytes = vec![0; len as usize];
        self.image.read_at(contents, at, &mut bytes)?;
        let header = bytes.first_chunk::<8>().ok_or(SignError::Outside { at, len })?;
        let own = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let is_pkcs7 = header[4..] == WIN_CERTIFICATE;
        let signature = bytes.get(8..own).filter(|_| is_pkcs7).ok_or(SignError::Outside { at, len })?;
        Ok(Some(signature.to_vec()))
    }

    /// The Authenticode digest: of everything but the checksum and the entry for signatures.
    pub(super) fn digest(&self, contents: &dyn Contents) -> Result<Digest, SignError> {
        let mut hasher = Hasher::new();
        let head = &self.head;
        hasher.update(&head[..self.checksum_at]);
        hasher.update(&head[self.checksum_at + 4..self.directory_at]);
        hasher.update(&head[self.directory_at + 8..]);
        let mut buffer = vec![0; PIECE];
        let mut at = head.len() as u64;
        while at < self.len() {
            let n = (self.len() - at).min(PIECE as u64) as usize;
            self.image.read_at(contents, at, &mut buffer[..n])?;
            hasher.update(&buffer[..n]);
            at += n as u64;
        }
        hasher.update(&[0; ALIGN as usize][..(self.padded() - self.len()) as usize]);
        Ok(hasher.finish().digest())
    }

    /// The image with `signature` (DER) behind it and a checksum that is right.
    pub(super) fn with_signature(
        mut self,
        signature: &[u8],
        contents: &dyn Contents,
    ) -> Result<Blob, SignError> {
        let at = self.padded();
        let mut entry = Vec::new();
        let len = (8 + signature.len() as u64).next_multiple_of(ALIGN);
        let (start, size) = (u32::try_from(at), u32::try_from(len));
        let (Ok(start), Ok(size)) = (start, size) else { return Err(SignError::TooLarge) };
        if u32::try_from(at + len).is_err() {
            return Err(SignError::TooLarge);
        }
        entry.extend_from_slice(&size.to_le_bytes());
        entry.extend_from_slice(&WIN_CERTIFICATE);
        entry.extend_from_slice(signature);
        entry.resize(len as usize, 0);
        self.put(self.directory_at, start);
        self.put(self.directory_at + 4, size);
        self.put(self.checksum_at, 0);
        let sum = checksum(&self.joined(at, &entry), contents)?;
        self.put(self.checksum_at, sum);
        Ok(self.joined(at, &entry))
    }

    fn put(&mut self, at: usize, value: u32) {
        self.head[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// The changed head, the rest of the image, and `entry` at `at`.
    fn joined(&self, at: u64, entry: &[u8]) -> Blob {
        let inline = |at: u64, bytes: &[u8]| Segment {
            at,
            len: bytes.len() as u64,
            bytes: Bytes::Inline(bytes.into()),
        };
        let head = self.head.len() as u64;
        let mut segments = vec![inline(0, &self.head)];
        segments.extend(self.image.segments().iter().filter_map(|segment| behind(segment, head)));
        segments.push(inline(at, entry));
        Blob::sparse(at + entry.len() as u64, segments).expect("invariant: segments follow one another")
    }
}

/// The part of a segment that lies at or behind byte `from` of the file.
fn behind(segment: &Segment, from: u64) -> Option<Segment> {
    let skip = from.saturating_sub(segment.at);
    if skip >= segment.len {
        return None;
    }
    let bytes = match &segment.bytes {
        Bytes::Inline(bytes) => Bytes::Inline(bytes[skip as usize..].into()),
        Bytes::At { source, offset } => Bytes::At { source: *source, offset: offset + skip },
    };
    Some(Segment { at: segment.at + skip, len: segment.len - skip, bytes })
}

/// The sections lie one behind the other from the headers on. What follows the last is covered by everybody.
fn back_to_back(pe: &Pe) -> Result<(), SignError> {
    let mut sections: Vec<_> = pe.sections.iter().filter(|section| section.raw_len > 0).collect();
    sections.sort_by_key(|section| section.raw_at);
    let mut expected = u64::from(pe.headers_len);
    for section in sections {
        let at = u64::from(section.raw_at);
        if at != expected {
            return Err(SignError::Gap { section: section.name.clone(), at, expected });
        }
        expected = at + u64::from(section.raw_len);
    }
    Ok(())
}
