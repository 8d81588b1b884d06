//! Extended attributes, in the inode and in a block of their own (`Documentation/filesystems/ext4`, "Extended
//! Attributes"; hashes after `fs/ext4/xattr.c`).

use super::format::{BLOCK, Block, INODE, INODE_EXTRA, INODE_OLD, XATTR_MAGIC, put16, put32};
use pintle_model::Xattrs;

/// Bytes for attributes behind the extra fields of an inode.
const IN_INODE: usize = INODE - INODE_OLD - INODE_EXTRA;
/// Bytes of an attribute block's header.
const BLOCK_HEADER: usize = 32;
/// Bytes of an entry before its name.
const ENTRY: usize = 16;
/// The zero word that ends the entries.
const END: usize = 4;

/// Name prefixes and their number on disk. (`system.` has one too, but the kernel shows nothing stored there.)
const PREFIXES: [(&[u8], u8); 3] = [(b"user.", 1), (b"trusted.", 4), (b"security.", 6)];
/// Whole names that have a number of their own, and a value that is rewritten.
const ACLS: [(&[u8], u8); 2] = [(b"system.posix_acl_access", 2), (b"system.posix_acl_default", 3)];

/// What stands before the stored part of a name, for the numbers that are written.
pub(crate) fn prefix(index: u8) -> Option<&'static [u8]> {
    PREFIXES.iter().chain(&ACLS).find_map(|(prefix, known)| (*known == index).then_some(*prefix))
}

/// Why a set of attributes cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No prefix that ext4 knows, nothing behind it, more than 255 bytes, or a NUL.
    Name(Box<[u8]>),
    /// The value of an ACL is not one.
    Acl(Box<[u8]>),
    /// They do not fit.
    TooLarge { bytes: usize, room: usize },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    index: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Attribute {
    fn entry_len(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4)
    }

    fn len(&self) -> usize {
        self.entry_len() + self.value.len().next_multiple_of(4)
    }
}

/// The attributes of one inode, in the order the kernel searches them, divided between inode and block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    in_inode: Vec<Attribute>,
    in_block: Vec<Attribute>,
}

impl Attributes {
    /// All go into the inode if they fit, else all into a block (which equal sets share), else as many bytes as
    /// possible into the inode and the rest into a block.
    pub(crate) fn new(xattrs: &Xattrs) -> Result<Self, Refused> {
        let mut all =
            xattrs.iter().map(|(name, value)| attribute(name, value)).collect::<Result<Vec<_>, _>>()?;
        all.sort_by(|a, b| (a.index, a.name.len(), &a.name).cmp(&(b.index, b.name.len(), &b.name)));
        let bytes: usize = all.iter().map(Attribute::len).sum();
        let inode_room = IN_INODE - 4 - END;
        let block_room = BLOCK - BLOCK_HEADER - END;
        if bytes <= inode_room {
            return Ok(Self { in_inode: all, in_block: Vec::new() });
        }
        if bytes <= block_room {
            return Ok(Self { in_inode: Vec::new(), in_block: all });
        }
        let inside = fullest(&all, inode_room);
        let (mut in_inode, mut in_block) = (Vec::new(), Vec::new());
        for (attribute, inside) in all.into_iter().zip(inside) {
            if inside { in_inode.push(attribute) } else { in_block.push(attribute) }
        }
        if in_block.iter().map(Attribute::len).sum::<usize>() > block_room {
            return Err(Refused::TooLarge { bytes, room: inode_room + block_room });
        }
        Ok(Self { in_inode, in_block })
    }

    /// True when a block is needed.
    pub(crate) fn need_block(&self) -> bool {
        !self.in_block.is_empty()
    }

    /// Fills the end of an inode, from the magic on.
    pub(crate) fn put_in_inode(&self, out: &mut [u8]) {
        if self.in_inode.is_empty() {
            return;
        }
        put32(out, 0, XATTR_MAGIC);
        // Offsets of values count from the first entry; the kernel leaves hashes in inodes zero.
        fill(&mut out[4..], 0, &self.in_inode, |_| 0);
    }

    /// The block, which so many inodes share; its checksum depends on its place.
    pub(crate) fn block(&self, references: u32) -> Block {
        let mut out = [0; BLOCK];
        put32(&mut out, 0, XATTR_MAGIC);
        put32(&mut out, 4, references);
        put32(&mut out, 8, 1);
        put32(&mut out, 12, self.block_hash());
        fill(&mut out, BLOCK_HEADER, &self.in_block, entry_hash);
        out
    }

    /// By which the kernel finds blocks to share; 0 (never shared) when an entry has the hash 0.
    fn block_hash(&self) -> u32 {
        let mut hashes = self.in_block.iter().map(entry_hash);
        let hash = hashes.try_fold(0u32, |hash, entry| (entry != 0).then_some(hash.rotate_left(16) ^ entry));
        hash.unwrap_or(0)
    }
}

/// Which attributes to put into `room` bytes, so that the fewest are left for the block. (All lengths are multiples of
/// four, and the room is small: best fills of all smaller rooms, one attribute after the other.)
fn fullest(attributes: &[Attribute], room: usize) -> Vec<bool> {
    let mut best: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new()); room / 4 + 1];
    for (number, attribute) in attributes.iter().enumerate() {
        let len = attribute.len();
        for slots in (len / 4..best.len()).rev() {
            let (bytes, chosen) = &best[slots - len / 4];
            if bytes + len > best[slots].0 {
                best[slots] = (bytes + len, chosen.iter().copied().chain([number]).collect());
            }
        }
    }
    let chosen = best.pop().map(|(_, chosen)| chosen).unwrap_or_default();
    (0..attributes.len()).map(|number| chosen.contains(&number)).collect()
}

/// Puts entries from `at` upwards and values from the end downwards.
fn fill(out: &mut [u8], mut at: usize, attributes: &[Attribute], hash: impl Fn(&Attribute) -> u32) {
    let mut end = out.len();
    for attribute in attributes {
        let entry = &mut out[at..];
        entry[0] = attribute.name.len() as u8;
        entry[1] = attribute.index;
        put32(entry, 8, attribute.value.len() as u32);
        put32(entry, 12, hash(attribute));
        entry[ENTRY..ENTRY + attribute.name.len()].copy_from_slice(&attribute.name);
        if !attribute.value.is_empty() {
            end -= attribute.value.len().next_multiple_of(4);
            put16(out, at + 2, end as u16);
            out[end..end + attribute.value.len()].copy_from_slice(&attribute.value);
        }
        at += attribute.entry_len();
    }
}

/// Hash of name and value, the latter as little-endian words padded with zero.
fn entry_hash(attribute: &Attribute) -> u32 {
    let name = attribute.name.iter().fold(0u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
    attribute.value.chunks(4).fold(name, |hash, chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        hash.rotate_left(16) ^ u32::from_le_bytes(word)
    })
}

fn attribute(name: &[u8], value: &[u8]) -> Result<Attribute, Refused> {
    let bad_name = || Refused::Name(name.into());
    if let Some((_, index)) = ACLS.iter().find(|(acl, _)| *acl == name) {
        let value = acl(value).ok_or_else(|| Refused::Acl(name.into()))?;
        return Ok(Attribute { index: *index, name: Vec::new(), value });
    }
    let known = PREFIXES.iter().find_map(|(prefix, index)| Some((*index, name.strip_prefix(*prefix)?)));
    let (index, rest) = known.ok_or_else(bad_name)?;
    if rest.is_empty() || rest.len() > 255 || rest.contains(&0) {
        return Err(bad_name());
    }
    Ok(Attribute { index, name: rest.to_vec(), value: value.to_vec() })
}

/// Turns an ACL from the form of system calls and archives (`linux/posix_acl_xattr.h`, version 2: eight bytes an
/// entry) into that on disk (version 1: no id where the tag says who it is).
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    let entries = value.strip_prefix(&2u32.to_le_bytes())?;
    let (entries, []) = entries.as_chunks::<8>() else { return None };
    let mut out = 1u32.to_le_bytes().to_vec();
    for entry in entries {
        match u16::from_le_bytes([entry[0], entry[1]]) {
            0x01 | 0x04 | 0x10 | 0x20 => out.extend_from_slice(&entry[..4]),
            0x02 | 0x08 => out.extend_from_slice(entry),
            _ => return None,
        }
    }
    (!entries.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, usize)]) -> Xattrs {
        pairs.iter().map(|(name, len)| (name.as_bytes().into(), vec![7; *len].into())).collect()
    }

    #[test]
    fn attributes_go_where_they_fit() {
        let place = |pairs: &[(&str, usize)]| {
            Attributes::new(&set(pairs)).map(|a| (a.in_inode.len(), a.in_block.len()))
        };
        assert_eq!(place(&[("security.capability", 20)]), Ok((1, 0)));
        assert_eq!(place(&[("user.a", 48), ("user.b", 0)]), Ok((2, 0)));
        assert_eq!(place(&[("user.a", 52), ("user.b", 4)]), Ok((0, 2)));
        assert_eq!(place(&[("user.a", 4040)]), Ok((0, 1)));
        assert_eq!(place(&[("user.a", 4040), ("user.b", 40)]), Ok((1, 1)));
        assert_eq!(place(&[("user.a", 4041)]), Err(Refused::TooLarge { bytes: 4064, room: 4148 }));
        for name in ["user.", "posix", "system.data", "user.\0"] {
            assert_eq!(place(&[(name, 1)]), Err(Refused::Name(name.as_bytes().into())));
        }
    }

    #[test]
    fn acls_change_form() {
        let mut value = vec![2, 0, 0, 0];
        for (tag, perm, id) in [(1u16, 6u16, u32::MAX), (2, 4, 1000), (4, 4, u32::MAX), (0x10, 4, u32::MAX)] {
            value.extend([tag.to_le_bytes(), perm.to_le_bytes()].concat());
            value.extend(id.to_le_bytes());
        }
        let disk = acl(&value).unwrap();
        assert_eq!(disk.len(), 4 + 4 + 8 + 4 + 4);
        assert_eq!(disk[..8], [1, 0, 0, 0, 1, 0, 6, 0]);
        assert_eq!(acl(&value[..7]), None);
        assert_eq!(acl(&[2, 0, 0, 0]), None);
    }
}
