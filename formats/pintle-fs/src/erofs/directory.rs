//! Directories: blocks of entries, then their names; all names sorted bytewise, `.` and `..` among them, so that a
//! reader can search by halves (`erofs_fs.h`, `struct erofs_dirent`).

use super::format::{BLOCK, BLOCK_BYTES, DIRENT, put16, put64};
use crate::common::DIRECTORY;
use pintle_model::InodeId;
use std::collections::BTreeMap;

/// One name in a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) nid: u64,
    pub(crate) file_type: u8,
}

/// How many of the first names share a block, and the bytes they take of it.
fn fill<'a>(names: impl Iterator<Item = &'a [u8]>) -> (usize, usize) {
    let (mut count, mut bytes) = (0, 0);
    for name in names {
        let len = DIRENT + name.len();
        if bytes + len > BLOCK {
            break;
        }
        (count, bytes) = (count + 1, bytes + len);
    }
    (count, bytes)
}

/// All names in order, the two dots among them.
fn with_dots(names: &BTreeMap<Box<[u8]>, InodeId>) -> Vec<&[u8]> {
    let mut all: Vec<&[u8]> = names.keys().map(|name| &**name).collect();
    for dots in [&b"."[..], b".."] {
        all.insert(all.partition_point(|name| *name < dots), dots);
    }
    all
}

/// Length in bytes of the directory with these names.
pub(crate) fn len(names: &BTreeMap<Box<[u8]>, InodeId>) -> u64 {
    let all = with_dots(names);
    let mut rest = &all[..];
    let mut full = 0;
    loop {
        let (count, bytes) = fill(rest.iter().copied());
        rest = &rest[count..];
        if rest.is_empty() {
            return full + bytes as u64;
        }
        full += BLOCK_BYTES;
    }
}

/// Hands out the directory block by block; the last one is as long as it needs to be.
pub(crate) fn write<'a, E>(
    names: &'a BTreeMap<Box<[u8]>, InodeId>,
    dots: [u64; 2],
    entry: impl Fn(&'a [u8], InodeId) -> Entry<'a>,
    mut put: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut all: Vec<Entry<'a>> = names.iter().map(|(name, id)| entry(name, *id)).collect();
    for (name, nid) in [(&b"."[..], dots[0]), (b"..", dots[1])] {
        let dot = Entry { name, nid, file_type: DIRECTORY };
        all.insert(all.partition_point(|entry| entry.name < name), dot);
    }
    let mut rest = &all[..];
    while !rest.is_empty() {
        let (count, bytes) = fill(rest.iter().map(|entry| entry.name));
        let (here, more) = rest.split_at(count);
        rest = more;
        put(&block(here, if rest.is_empty() { bytes } else { BLOCK }))?;
    }
    Ok(())
}

fn block(entries: &[Entry<'_>], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let mut name_at = DIRENT * entries.len();
    for (at, entry) in (0..).step_by(DIRENT).zip(entries) {
        put64(&mut out, at, entry.nid);
        put16(&mut out, at + 8, name_at as u16);
        out[at + 10] = entry.file_type;
        out[name_at..name_at + entry.name.len()].copy_from_slice(entry.name);
        name_at += entry.name.len();
    }
    out
}
