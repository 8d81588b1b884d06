//! Sparse files, in the four formats that GNU tar has written ("Storing Sparse Files" in its manual, appendix
//! "Sparse Formats"): only runs of data are stored, back to back, beside a list of where they belong.

use super::entry::Run;
use super::format::{BLOCK, number};
use std::io::{self, Read};
use std::ops::Range;

/// Type of a member in the old format, whose list is in the header.
pub(super) const TYPE: u8 = b'S';

/// Four runs in the header, of 12 bytes for the place and 12 for the length each.
const HEADER_RUNS: Range<usize> = 386..482;
/// Not 0 if blocks with more runs follow.
const HEADER_MORE: usize = 482;
/// Length of the file.
const HEADER_SIZE: Range<usize> = 483..495;
/// Twenty-one runs in each further block.
const BLOCK_RUNS: Range<usize> = 0..504;
const BLOCK_MORE: usize = 504;

/// What is known of a sparse file before its data.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse {
    /// The real name, where the header has an invented one.
    pub(super) name: Option<Vec<u8>>,
    size: u64,
    runs: Vec<Run>,
    /// A place whose length comes with the next record (version 0.0).
    begun: Option<u64>,
    /// Major version; from 1 on the list stands before the data.
    major: u64,
}

impl Sparse {
    /// A record `GNU.sparse.KEY` of an extended header.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = || decimal(value);
        match key {
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => self.size = number()?,
            b"major" => self.major = number()?,
            b"offset" => self.begun = Some(number()?),
            b"numbytes" => self.runs.push(Run { at: self.begun.take()?, len: number()? }),
            b"map" => {
                let numbers: Option<Vec<u64>> = value.split(|byte| *byte == b',').map(decimal).collect();
                let (pairs, rest) = numbers.as_deref()?.as_chunks::<2>();
                self.runs = pairs.iter().map(|[at, len]| Run { at: *at, len: *len }).collect();
                return rest.is_empty().then_some(());
            }
            // `minor`, `numblocks`: nothing that the rest does not say.
            _ => {}
        }
        Some(())
    }

    /// The list in the header of a member of [`TYPE`], and whether more of it follows.
    pub(super) fn of_header(block: &[u8; BLOCK]) -> Option<(Self, bool)> {
        let size = u64::try_from(number(&block[HEADER_SIZE])?).ok()?;
        let mut map = Self { size, ..Self::default() };
        map.add(&block[HEADER_RUNS])?;
        Some((map, block[HEADER_MORE] != 0))
    }

    /// A block behind such a header; true if another follows.
    pub(super) fn add_block(&mut self, block: &[u8; BLOCK]) -> Option<bool> {
        self.add(&block[BLOCK_RUNS])?;
        Some(block[BLOCK_MORE] != 0)
    }

    fn add(&mut self, slots: &[u8]) -> Option<()> {
        // An empty slot ends the list.
        for slot in slots.chunks_exact(24).take_while(|slot| slot[0] != 0) {
            let (at, len) = (number(&slot[..12])?, number(&slot[12..])?);
            self.runs.push(Run { at: u64::try_from(at).ok()?, len: u64::try_from(len).ok()? });
        }
        Some(())
    }

    /// The list stands before the data (version 1.0).
    pub(super) fn is_before_data(&self) -> bool {
        self.major >= 1
    }

    /// Reads that list: a number of runs, then place and length of each, all in decimal lines, filled up to a whole
    /// block. `Ok(None)` where it is no such list, or has over `max` runs.
    pub(super) fn read(&mut self, from: impl Read, max: u64) -> io::Result<Option<()>> {
        let mut lines = Lines { from, block: [0; BLOCK], at: BLOCK };
        let Some(count) = lines.next()?.filter(|count| *count <= max) else { return Ok(None) };
        for _ in 0..count {
            let (Some(at), Some(len)) = (lines.next()?, lines.next()?) else { return Ok(None) };
            self.runs.push(Run { at, len });
        }
        Ok(Some(()))
    }

    /// Runs so far.
    pub(super) fn runs(&self) -> u64 {
        self.runs.len() as u64
    }

    /// Length of the file.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The runs, if they ascend, lie within the file and are together as long as what is stored.
    pub(super) fn checked(&mut self, stored: u64) -> Option<Vec<Run>> {
        let (mut end, mut total) = (0u64, 0u64);
        for Run { at, len } in &self.runs {
            let stop = at.checked_add(*len).filter(|stop| *at >= end && *stop <= self.size)?;
            (end, total) = (stop, total + len);
        }
        // The end of the file is listed as a run of nothing.
        self.runs.retain(|run| run.len > 0);
        (total == stored).then(|| std::mem::take(&mut self.runs))
    }
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

/// Decimal lines, read a block at a time: data starts at the next block.
struct Lines<R> {
    from: R,
    block: [u8; BLOCK],
    at: usize,
}

impl<R: Read> Lines<R> {
    /// The next number; `None` where there is none.
    fn next(&mut self) -> io::Result<Option<u64>> {
        let mut digits = Vec::with_capacity(20);
        loop {
            if self.at == BLOCK {
                self.from.read_exact(&mut self.block)?;
                self.at = 0;
            }
            let byte = self.block[self.at];
            self.at += 1;
            match byte {
                b'\n' => return Ok(decimal(&digits)),
                b'0'..=b'9' if digits.len() < 20 => digits.push(byte),
                _ => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(at: u64, len: u64) -> Run {
        Run { at, len }
    }

    #[test]
    fn lists_of_all_versions_are_read() {
        let mut zero = Sparse::default();
        for (key, value) in [("size", "20"), ("numblocks", "2"), ("offset", "3"), ("numbytes", "4")] {
            zero.set(key.as_bytes(), value.as_bytes()).unwrap();
        }
        assert_eq!(zero.set(b"numbytes", b"1"), None, "a length without a place");
        zero.set(b"offset", b"20").unwrap();
        zero.set(b"numbytes", b"0").unwrap();
        assert_eq!(zero.checked(4), Some(vec![run(3, 4)]));
        let mut one = Sparse { size: 9, ..Sparse::default() };
        one.set(b"map", b"1,2,5,4").unwrap();
        assert_eq!(one.clone().checked(5), None, "other data than listed");
        assert_eq!(one.checked(6), Some(vec![run(1, 2), run(5, 4)]));
        assert_eq!(one.set(b"map", b"1,2,5"), None);
        let mut ten = Sparse { size: 1 << 40, major: 1, ..Sparse::default() };
        let mut list = b"2\n0\n1\n1099511627770\n6\n".to_vec();
        list.resize(BLOCK, 0);
        list.extend(b"data");
        let mut from = &list[..];
        assert!(ten.read(&mut from, 2).unwrap().is_some());
        assert_eq!(from, b"data");
        assert_eq!(ten.checked(7), Some(vec![run(0, 1), run((1 << 40) - 6, 6)]));
        assert!(ten.read(&list[..], 1).unwrap().is_none(), "over the limit");
        assert!(ten.read(&b"2\n0"[..], 9).is_err(), "cut");
    }

    #[test]
    fn lists_that_lie_are_refused() {
        let checked = |size, runs: &[Run]| {
            let stored = runs.iter().map(|run| run.len).fold(0, u64::wrapping_add);
            Sparse { size, runs: runs.to_vec(), ..Sparse::default() }.checked(stored)
        };
        assert!(checked(10, &[run(0, 5), run(5, 5)]).is_some());
        assert!(checked(10, &[run(0, 6), run(5, 5)]).is_none(), "overlap");
        assert!(checked(10, &[run(5, 5), run(0, 5)]).is_none(), "backwards");
        assert!(checked(9, &[run(5, 5)]).is_none(), "past the end");
        assert!(checked(10, &[run(u64::MAX, 2)]).is_none(), "past everything");
    }
}
