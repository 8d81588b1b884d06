//! Write-ahead logs (SQLite file format, section 4): what Nix wrote and SQLite did not yet move into the database.

use super::{HEADER, MAGIC, page_size};

/// Length of the log's header.
const LOG_HEADER: usize = 32;
/// Length of the header before each page.
const FRAME_HEADER: usize = 24;
/// First number of a log; its lowest bit says in which order checksums take the bytes of a word.
const LOG_MAGIC: u32 = 0x377f_0682;
/// The only version of the format.
const LOG_VERSION: u32 = 3_007_000;
/// A log does not belong to its database.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum WalError {
    /// No database at all.
    #[error("the database is none (no `SQLite format 3` at its start)")]
    NotSqlite,
    /// The log is of something else, or of a version to come.
    #[error("the database's write-ahead log is damaged or of an unknown version")]
    NotLog,
    /// Pages of another size.
    #[error("the write-ahead log has pages of {log} bytes, the database of {database}")]
    PageSize {
        /// The log's.
        log: usize,
        /// The database's.
        database: usize,
    },
    /// A page 0, or a database of far more pages than it and its log have.
    #[error("the write-ahead log tells of a page {0}, where none can be")]
    Page(u32),
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].try_into().map_or(0, u32::from_be_bytes)
}

/// The running checksum of section 4.2, over pairs of 32-bit words.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Checksum(u32, u32);

impl Checksum {
    fn add(mut self, bytes: &[u8], magic: u32) -> Self {
        let word = |bytes: &[u8]| {
            let raw = bytes.try_into().map_or(0, u32::from_be_bytes);
            if magic & 1 == 1 { raw } else { raw.swap_bytes() }
        };
        for pair in bytes.chunks_exact(8) {
            self.0 = self.0.wrapping_add(word(&pair[..4])).wrapping_add(self.1);
            self.1 = self.1.wrapping_add(word(&pair[4..])).wrapping_add(self.0);
        }
        self
    }

    fn at(bytes: &[u8], at: usize) -> Self {
        Self(number(bytes, at), number(bytes, at + 4))
    }
}

/// `database` as it is once every finished transaction in `log` (`db.sqlite-wal`) is part of it. Frames after the last
/// finished one, and those left over from before, are passed over, as SQLite does.
///
/// # Errors
/// [`WalError`].
pub fn apply(database: &[u8], log: &[u8]) -> Result<Vec<u8>, WalError> {
    let size = page_size(database).filter(|_| database.starts_with(MAGIC) && database.len() >= HEADER);
    let size = size.ok_or(WalError::NotSqlite)?;
    let mut out = database.to_vec();
    // A log that was just begun may have no whole header: then it has no transaction either.
    let Some(header) = log.get(..LOG_HEADER) else { return Ok(out) };
    let magic = number(header, 0);
    if magic & !1 != LOG_MAGIC || number(header, 4) != LOG_VERSION {
        return Err(WalError::NotLog);
    }
    let log_size = number(header, 8) as usize;
    if log_size != size {
        return Err(WalError::PageSize { log: log_size, database: size });
    }
    let sum = Checksum(0, 0).add(&header[..24], magic);
    if sum != Checksum::at(header, 24) {
        return Err(WalError::NotLog);
    }
    // Each page was written, but for those that were free again before: so it cannot grow without bounds.
    let most = 4 * (database.len() + log.len()) / size;
    let frames = log[LOG_HEADER..].chunks_exact(FRAME_HEADER + size);
    let mut pending = Vec::new();
    let mut sum = sum;
    for frame in frames {
        let (head, page) = frame.split_at(FRAME_HEADER);
        sum = sum.add(&head[..8], magic).add(page, magic);
        // Other salts: a frame of an earlier round. A wrong sum: it was being written when the power went.
        if head[8..16] != header[16..24] || sum != Checksum::at(head, 16) {
            break;
        }
        let page_number = number(head, 0);
        if page_number == 0 {
            return Err(WalError::Page(page_number));
        }
        pending.push((page_number as usize - 1, page));
        let pages = number(head, 4);
        if pages as usize > most {
            return Err(WalError::Page(pages));
        }
        if pages != 0 {
            commit(&mut out, size, &mut pending, pages as usize);
        }
    }
    Ok(out)
}

/// Puts the pages of one transaction in their places; the database then has `pages` of them.
fn commit(out: &mut Vec<u8>, size: usize, pending: &mut Vec<(usize, &[u8])>, pages: usize) {
    // The database may have shrunk: pages beyond its new end are of no use.
    out.resize(pages * size, 0);
    for (number, page) in pending.drain(..) {
        if let Some(place) = out.chunks_exact_mut(size).nth(number) {
            place.copy_from_slice(page);
        }
    }
}
