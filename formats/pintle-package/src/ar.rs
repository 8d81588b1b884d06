//! The common `ar` archive, as far as .debs use it (deb(5), ar(5)): short names, no symbol table.

use std::io::{self, Read};

/// Global magic.
const MAGIC: &[u8; 8] = b"!<arch>\n";
/// Length of a member header: name 16, time 12, uid 6, gid 6, mode 8, size 10, magic 2.
const HEADER: usize = 60;
/// Ends a member header.
const HEADER_END: &[u8; 2] = b"`\n";

/// An archive is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum ArError {
    /// The first 8 bytes are wrong.
    #[error("not an ar archive (no `!<arch>` at its start)")]
    NotAr,
    /// A member header without its end mark, or with a size that is no number.
    #[error("damaged ar member header at byte {0}")]
    BadHeader(u64),
    /// The archive ends within a header or member.
    #[error("the file ends at byte {at}, within {what}")]
    Truncated {
        /// Where it ends.
        at: u64,
        /// What was being read.
        what: String,
    },
    /// Of the underlying reader.
    #[error("reading failed at byte {at}")]
    Io {
        /// Where.
        at: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A member's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name without padding and without the trailing `/` some programs write; other bytes than UTF-8 replaced.
    pub name: String,
    /// Length of its data.
    pub size: u64,
    /// Byte offset of its data in the archive.
    pub offset: u64,
}

/// Reads members one after another; as [`Read`], the data of the current one.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    /// Bytes read from `inner`.
    at: u64,
    /// Bytes left of the current member.
    left: u64,
    /// A padding byte follows the current member.
    odd: bool,
    current: String,
    truncated: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the global magic.
    ///
    /// # Errors
    /// [`ArError`].
    pub fn new(inner: R) -> Result<Self, ArError> {
        let mut reader = Self { inner, at: 0, left: 0, odd: false, current: String::new(), truncated: false };
        let mut magic = [0; 8];
        let got = reader.fill(&mut magic)?;
        if got < magic.len() && MAGIC.starts_with(&magic[..got]) {
            return Err(ArError::Truncated { at: reader.at, what: "its first line".to_owned() });
        }
        if &magic == MAGIC { Ok(reader) } else { Err(ArError::NotAr) }
    }

    /// The next member, after skipping what is left of the current one; `None` at the end.
    ///
    /// # Errors
    /// [`ArError`].
    pub fn next_member(&mut self) -> Result<Option<Member>, ArError> {
        self.skip_rest()?;
        let start = self.at;
        let mut header = [0; HEADER];
        match self.fill(&mut header)? {
            0 => return Ok(None),
            HEADER => {}
            _ => {
                let what = format!("the member header at byte {start}");
                return Err(ArError::Truncated { at: self.at, what });
            }
        }
        let size = std::str::from_utf8(&header[48..58]).ok().and_then(|text| text.trim_end().parse().ok());
        let Some(size) = size.filter(|_| &header[58..] == HEADER_END) else {
            return Err(ArError::BadHeader(start));
        };
        let name = header[..16].trim_ascii_end();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        self.current = String::from_utf8_lossy(name).into_owned();
        self.left = size;
        self.odd = size % 2 == 1;
        Ok(Some(Member { name: self.current.clone(), size, offset: self.at }))
    }

    /// Byte offset in the archive.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The error to report if the archive turned out to end within the current member.
    #[must_use]
    pub fn truncation(&self) -> Option<ArError> {
        let what = || format!("member {} ({} bytes are missing)", self.current, self.left);
        self.truncated.then(|| ArError::Truncated { at: self.at, what: what() })
    }

    fn skip_rest(&mut self) -> Result<(), ArError> {
        let mut waste = [0; 4096];
        while self.left > 0 {
            let at = self.at;
            let read = self.read(&mut waste);
            if let Some(error) = self.truncation() {
                return Err(error);
            }
            read.map_err(|source| ArError::Io { at, source })?;
        }
        // The pad of the last member is missing in archives of some programs; dpkg accepts them.
        if std::mem::take(&mut self.odd) {
            self.fill(&mut waste[..1])?;
        }
        Ok(())
    }

    /// Reads until `out` is full or the archive ends; how much that was.
    fn fill(&mut self, out: &mut [u8]) -> Result<usize, ArError> {
        let mut done = 0;
        while done < out.len() {
            match self.inner.read(&mut out[done..]) {
                Ok(0) => break,
                Ok(n) => {
                    done += n;
                    self.at += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ArError::Io { at: self.at, source }),
            }
        }
        Ok(done)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let want = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if want == 0 {
            return Ok(0);
        }
        let n = self.inner.read(&mut out[..want])?;
        if n == 0 {
            self.truncated = true;
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive ends here"));
        }
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, data: &[u8]) -> Vec<u8> {
        let mut out =
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, data.len()).into_bytes();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(2), b'\n');
        out
    }

    #[test]
    fn members_are_read_or_skipped() {
        let bytes = [MAGIC.to_vec(), member("one", b"abc"), member("two/", b"de")].concat();
        let mut reader = Reader::new(&bytes[..]).unwrap();
        let one = reader.next_member().unwrap().unwrap();
        assert_eq!((one.name.as_str(), one.size, one.offset), ("one", 3, 68));
        let two = reader.next_member().unwrap().unwrap();
        assert_eq!((two.name.as_str(), two.offset), ("two", 132));
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "de");
        assert_eq!(reader.next_member().unwrap(), None);
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let good = [MAGIC.to_vec(), member("data.tar", b"abcd")].concat();
        let run = |bytes: &[u8]| -> Result<(), ArError> {
            let mut reader = Reader::new(bytes)?;
            while reader.next_member()?.is_some() {}
            Ok(())
        };
        run(&good).unwrap();
        insta::assert_snapshot!(run(b"PK\x03\x04 and so on").unwrap_err(), @"not an ar archive (no `!<arch>` at its start)");
        insta::assert_snapshot!(run(b"").unwrap_err(), @"the file ends at byte 0, within its first line");
        insta::assert_snapshot!(run(&good[..30]).unwrap_err(), @"the file ends at byte 30, within the member header at byte 8");
        insta::assert_snapshot!(run(&good[..70]).unwrap_err(), @"the file ends at byte 70, within member data.tar (2 bytes are missing)");
        let mut bad = good;
        bad[60] = b'x';
        insta::assert_snapshot!(run(&bad).unwrap_err(), @"damaged ar member header at byte 8");
    }
}
