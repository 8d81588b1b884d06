//! Extended attributes: behind the inode, or, where several inodes have the same, once for all of them in an area
//! of their own (`erofs_fs.h`, `struct erofs_xattr_ibody_header` and `struct erofs_xattr_entry`).

use super::format::{put16, put32};
use pintle_model::Xattrs;
use std::collections::BTreeMap;

/// Bytes of the header before an inode's attributes.
const HEADER: usize = 12;
/// Bytes of an entry before its name.
const ENTRY: usize = 4;
/// Bytes of all attributes of an inode: their count of words is of 16 bits.
const ROOM: usize = HEADER + 4 * (u16::MAX as usize - 1);
/// Inodes from which on an attribute is written once for all, as `mkfs.erofs` has it.
const SHARED_FROM: u32 = 3;
/// Shared attributes that one inode can name.
const SHARED_MAX: usize = u8::MAX as usize;

/// Name prefixes and their number on disk.
const PREFIXES: [(&[u8], u8); 3] = [(b"user.", 1), (b"trusted.", 4), (b"security.", 6)];
/// Whole names that have a number of their own.
const ACLS: [(&[u8], u8); 2] = [(b"system.posix_acl_access", 2), (b"system.posix_acl_default", 3)];

/// What stands before the stored part of a name, for the numbers that are written.
pub(crate) fn prefix(index: u8) -> Option<&'static [u8]> {
    PREFIXES.iter().chain(&ACLS).find_map(|(prefix, known)| (*known == index).then_some(*prefix))
}

/// Why a set of attributes cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No prefix that EROFS knows, nothing behind it, more than 255 bytes, or a NUL.
    Name(Box<[u8]>),
    /// The value of an ACL is not one.
    Acl(Box<[u8]>),
    /// They do not fit.
    TooLarge { bytes: usize, room: usize },
}

/// One attribute; equal ones are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute<'a> {
    index: u8,
    name: &'a [u8],
    value: &'a [u8],
}

impl Attribute<'_> {
    fn len(&self) -> usize {
        (ENTRY + self.name.len() + self.value.len()).next_multiple_of(4)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len();
        let mut head = [self.name.len() as u8, self.index, 0, 0];
        put16(&mut head, 2, self.value.len() as u16);
        out.extend_from_slice(&head);
        out.extend_from_slice(self.name);
        out.extend_from_slice(self.value);
        out.resize(end, 0);
    }
}

/// The attributes of one inode, in the order of their names.
fn attributes(xattrs: &Xattrs) -> Result<Vec<Attribute<'_>>, Refused> {
    xattrs.iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute<'a>(name: &'a [u8], value: &'a [u8]) -> Result<Attribute<'a>, Refused> {
    let bad_name = || Refused::Name(name.into());
    if value.len() > usize::from(u16::MAX) {
        return Err(Refused::TooLarge { bytes: value.len(), room: usize::from(u16::MAX) });
    }
    if let Some((_, index)) = ACLS.iter().find(|(acl, _)| *acl == name) {
        if !is_acl(value) {
            return Err(Refused::Acl(name.into()));
        }
        return Ok(Attribute { index: *index, name: &[], value });
    }
    let known = PREFIXES.iter().find_map(|(prefix, index)| Some((*index, name.strip_prefix(*prefix)?)));
    let (index, rest) = known.ok_or_else(bad_name)?;
    if rest.is_empty() || rest.len() > 255 || rest.contains(&0) {
        return Err(bad_name());
    }
    Ok(Attribute { index, name: rest, value })
}

/// ACLs are stored as system calls and archives have them (`linux/posix_acl_xattr.h`, version 2: eight bytes an entry).
fn is_acl(value: &[u8]) -> bool {
    let entries = value.strip_prefix(&2u32.to_le_bytes()).map(<[u8]>::as_chunks::<8>);
    matches!(entries, Some((entries, [])) if !entries.is_empty())
}

/// Attributes that several inodes have, and where each stands in the area, in words of four bytes.
#[derive(Debug, Default)]
pub(crate) struct Shared<'a> {
    counts: BTreeMap<Attribute<'a>, u32>,
    places: BTreeMap<Attribute<'a>, u32>,
    bytes: u64,
}

impl<'a> Shared<'a> {
    /// Counts one inode's.
    pub(crate) fn count(&mut self, xattrs: &'a Xattrs) -> Result<(), Refused> {
        for attribute in attributes(xattrs)? {
            *self.counts.entry(attribute).or_default() += 1;
        }
        Ok(())
    }

    /// Gives a place to each that is had often enough.
    pub(crate) fn place(&mut self) {
        for (attribute, count) in std::mem::take(&mut self.counts) {
            if count >= SHARED_FROM && self.bytes / 4 < u64::from(u32::MAX) {
                self.places.insert(attribute, (self.bytes / 4) as u32);
                self.bytes += attribute.len() as u64;
            }
        }
    }

    /// Length of the area.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    /// Hands out the area, attribute by attribute.
    pub(crate) fn write<E>(&self, mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut bytes = Vec::new();
        self.places.keys().try_for_each(|attribute| {
            bytes.clear();
            attribute.put(&mut bytes);
            put(&bytes)
        })
    }

    /// What stands behind an inode with these attributes; nothing for none.
    pub(crate) fn body(&self, xattrs: &Xattrs) -> Result<Vec<u8>, Refused> {
        let (all, mut out) = (attributes(xattrs)?, Vec::new());
        if all.is_empty() {
            return Ok(out);
        }
        let place = |attribute: &Attribute<'_>| self.places.get(attribute).copied();
        let shared: Vec<u32> = all.iter().filter_map(place).take(SHARED_MAX).collect();
        out.resize(HEADER + 4 * shared.len(), 0);
        out[4] = shared.len() as u8;
        for (number, id) in shared.iter().enumerate() {
            put32(&mut out, HEADER + 4 * number, *id);
        }
        let mut named = 0;
        for attribute in &all {
            if place(attribute).is_some() && named < SHARED_MAX {
                named += 1;
            } else {
                attribute.put(&mut out);
            }
        }
        if out.len() > ROOM {
            return Err(Refused::TooLarge { bytes: out.len(), room: ROOM });
        }
        Ok(out)
    }
}

/// `i_xattr_icount` of an inode with a body of so many bytes.
pub(crate) fn count_of(body: usize) -> u16 {
    body.checked_sub(HEADER).map_or(0, |words| (words / 4 + 1) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, usize)]) -> Xattrs {
        pairs.iter().map(|(name, len)| (name.as_bytes().into(), vec![7; *len].into())).collect()
    }

    #[test]
    fn what_three_inodes_have_is_shared() {
        let (often, seldom) =
            (set(&[("security.selinux", 30), ("user.a", 1)]), set(&[("security.selinux", 30)]));
        let mut shared = Shared::default();
        for set in [&often, &seldom, &seldom] {
            shared.count(set).unwrap();
        }
        shared.place();
        assert_eq!(shared.len(), 44);
        assert_eq!(shared.body(&seldom).unwrap().len(), 16);
        let body = shared.body(&often).unwrap();
        assert_eq!(body[12..], [0, 0, 0, 0, 1, 1, 1, 0, b'a', 7, 0, 0]);
        assert_eq!((count_of(body.len()), count_of(0)), (4, 0));
        let mut area = Vec::new();
        let written = shared.write(|bytes| {
            area.extend_from_slice(bytes);
            Ok::<(), ()>(())
        });
        assert_eq!((written, area.len() as u64), (Ok(()), shared.len()));
    }

    #[test]
    fn names_and_acls_are_looked_at() {
        for name in ["user.", "posix", "system.data", "user.\0"] {
            assert_eq!(attributes(&set(&[(name, 1)])), Err(Refused::Name(name.as_bytes().into())));
        }
        let acl: Box<[u8]> = (*b"system.posix_acl_access").into();
        assert_eq!(attributes(&set(&[("system.posix_acl_access", 12)])), Err(Refused::Acl(acl.clone())));
        let good: Xattrs = [(acl, vec![2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255].into())].into();
        assert_eq!(attributes(&good).unwrap()[0].name, b"");
        assert_eq!(
            attributes(&set(&[("user.a", 65536)])),
            Err(Refused::TooLarge { bytes: 65536, room: 65535 })
        );
    }
}
