//! A reader of archives in memory that trusts nothing it reads.

use super::format::{ALIGN, HEADER, Header, MAGIC, TRAILER};
use pintle_model::Limit;

/// What an [`Archive`] accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members, so that an archive of empty ones cannot fill the memory of who collects them.
    pub members: Limit,
    /// Bytes of a name with its NUL: the kernel's own limit.
    pub name: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            members: Limit::new(1_000_000, "members in one archive"),
            name: Limit::new(4096, "bytes in a member's name"),
        }
    }
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReadError {
    /// No header where one should be.
    #[error("no cpio header (newc) at byte {at}")]
    NoHeader {
        /// Byte offset.
        at: usize,
    },
    /// The archive ends inside a member or before its trailer.
    #[error("the cpio archive is cut short: its member at byte {at} is not complete")]
    CutShort {
        /// Byte offset of the member's header.
        at: usize,
    },
    /// A name that is empty or does not end with its only NUL.
    #[error("bad name of the cpio member at byte {at}")]
    BadName {
        /// Byte offset of the member's header.
        at: usize,
    },
    /// More than a limit allows.
    #[error("cpio archive refused at byte {at}: more than {} {}", .limit.max, .limit.what)]
    Limit {
        /// Byte offset of the member's header.
        at: usize,
        /// The limit.
        limit: Limit,
    },
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// As written: may be absolute, may climb with `..`.
    pub name: &'a [u8],
    /// Its header.
    pub header: Header,
    /// Its data: a file's bytes, a link's target.
    pub data: &'a [u8],
}

/// The members of one or more archives that stand back to back with zeros between them, as the kernel accepts them.
/// Ends after the first error.
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    bytes: &'a [u8],
    limits: Limits,
    at: usize,
    count: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a member.
    Inside,
    /// After a trailer.
    Between,
    Failed,
}

impl<'a> Archive<'a> {
    /// Reads `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8], limits: Limits) -> Self {
        Self { bytes, limits, at: 0, count: 0, state: State::Inside }
    }

    /// What has not been read. At the end of the iteration: what follows the last archive and is none, such as the
    /// compressed main initrd after an early one.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    fn member(&mut self) -> Result<Option<Member<'a>>, ReadError> {
        let at = self.at;
        let rest = self.rest();
        let head = match rest.get(..HEADER) {
            Some(head) => head,
            None if MAGIC.starts_with(&rest[..rest.len().min(6)]) || rest.starts_with(MAGIC) => {
                return Err(ReadError::CutShort { at });
            }
            None => return Err(ReadError::NoHeader { at }),
        };
        let header = Header::parse(head).ok_or(ReadError::NoHeader { at })?;
        let name_len = u64::from(header.name_len);
        if !self.limits.name.allows(name_len) {
            return Err(ReadError::Limit { at, limit: self.limits.name });
        }
        // No sum of these overflows: both lengths are 32 bits wide.
        let data_at = (HEADER as u64 + name_len).next_multiple_of(ALIGN);
        let data_end = data_at + u64::from(header.len);
        if data_end > rest.len() as u64 {
            return Err(ReadError::CutShort { at });
        }
        let name = match rest[HEADER..HEADER + name_len as usize].split_last() {
            Some((0, name)) if !name.is_empty() && !name.contains(&0) => name,
            _ => return Err(ReadError::BadName { at }),
        };
        let data = &rest[data_at as usize..data_end as usize];
        self.at = at + (data_end.next_multiple_of(ALIGN)).min(rest.len() as u64) as usize;
        if name == TRAILER {
            return Ok(None);
        }
        self.count += 1;
        if !self.limits.members.allows(self.count) {
            return Err(ReadError::Limit { at, limit: self.limits.members });
        }
        Ok(Some(Member { name, header, data }))
    }
}

impl<'a> Iterator for Archive<'a> {
    type Item = Result<Member<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.state == State::Between {
                let zeros = self.rest().iter().take_while(|byte| **byte == 0).count();
                self.at += zeros;
                if !self.rest().starts_with(MAGIC) {
                    return None;
                }
                self.state = State::Inside;
            }
            if self.state == State::Failed {
                return None;
            }
            match self.member() {
                Ok(Some(member)) => return Some(Ok(member)),
                Ok(None) => self.state = State::Between,
                Err(error) => {
                    self.state = State::Failed;
                    return Some(Err(error));
                }
            }
        }
    }
}
