//! Where everything stands: inodes from the second block on in the order of the walk, then shared attributes, then
//! blocks of directories and long links, then files in the order of the walk.

use super::census::{Census, Data};
use super::format::{BLOCK_BYTES, BLOCKS_MAX, COMPACT, EXTENDED, SLOT, blocks};
use super::inode::fits;
use super::{Error, index};
use pintle_model::{Kind, Timestamp};

/// The longest end of a file for which the rest of a block is left empty, so that it can stand behind its inode in
/// the next one: a longer one gets a block of its own, which is less waste.
const TAIL_MAX: u64 = BLOCK_BYTES / 2;

/// Where an inode stands, and its data.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Byte offset of the inode.
    pub(crate) at: u64,
    /// Bytes of the inode with its attributes.
    pub(crate) head: u32,
    /// First block of its data; 0 where there is none.
    pub(crate) start: u32,
    /// The last, incomplete block stands behind the inode.
    pub(crate) inline: bool,
}

impl Place {
    /// The number by which directories name it.
    pub(crate) fn nid(&self) -> u64 {
        self.at / SLOT
    }

    /// What stands behind inode and attributes.
    pub(crate) fn tail(&self) -> u64 {
        self.at + u64::from(self.head)
    }
}

/// All places, by node.
#[derive(Debug)]
pub(crate) struct Placement {
    pub(crate) places: Vec<Place>,
    /// Block where shared attributes start; 0 where there are none.
    pub(crate) xattr_block: u64,
    /// Blocks in all.
    pub(crate) blocks: u64,
}

/// Places everything.
pub(crate) fn place(census: &Census<'_>, epoch: Timestamp) -> Result<Placement, Error> {
    let mut at = BLOCK_BYTES;
    let mut places = Vec::with_capacity(census.nodes.len());
    for node in &census.nodes {
        let attrs = &census.inode(node).attrs;
        let short = fits(attrs, node.links, census.size(node), epoch);
        let inode = if short { COMPACT } else { EXTENDED };
        let head = inode + census.xattrs(node).len() as u64;
        let (place, end) = put_inode(at, inode, head, &census.data(node));
        places.push(place);
        at = end;
    }
    let mut next = blocks(at);
    let xattr_block = if census.shared.len() == 0 { 0 } else { next };
    next += blocks(census.shared.len());
    for files in [false, true] {
        for (node, place) in census.nodes.iter().zip(&mut places) {
            if matches!(census.inode(node).kind, Kind::File(_)) == files {
                let count = data_blocks(&census.data(node), place.inline);
                place.start = if count == 0 { 0 } else { next as u32 };
                next = next.saturating_add(count);
            }
        }
    }
    if next > BLOCKS_MAX {
        return Err(Error::TooLarge { size: next.saturating_mul(BLOCK_BYTES) });
    }
    Ok(Placement { places, xattr_block, blocks: next })
}

/// Blocks of data apart from what stands with the inode.
fn data_blocks(data: &Data<'_>, inline: bool) -> u64 {
    match data {
        Data::None | Data::Fragment(_) => 0,
        Data::Flat { size, .. } if inline => size / BLOCK_BYTES,
        Data::Flat { size, .. } => blocks(*size),
        Data::Chunks(chunks) => chunks.blocks(),
        Data::Packed(file) => file.blocks(),
    }
}

/// Places one inode at `at` or soon after, and says where the next one may be.
fn put_inode(at: u64, inode: u64, head: u64, data: &Data<'_>) -> (Place, u64) {
    let mut at = at.next_multiple_of(SLOT);
    // So that one block says everything.
    if at % BLOCK_BYTES + inode > BLOCK_BYTES {
        at = at.next_multiple_of(BLOCK_BYTES);
    }
    let mut place = Place { at, head: head as u32, start: 0, inline: false };
    let behind = match data {
        Data::None => 0,
        Data::Flat { size, tail } => {
            let len = size % BLOCK_BYTES;
            if *tail && len > 0 {
                place.at = at_for_tail(at, head, len).unwrap_or(at);
                place.inline = holds_tail(place.at, head, len);
            }
            if place.inline { len } else { 0 }
        }
        Data::Chunks(chunks) => 4 * chunks.count,
        Data::Packed(file) => index::end(place.tail(), file) - place.tail(),
        Data::Fragment(_) => index::end_of_header(place.tail()) - place.tail(),
    };
    (place, place.tail() + behind)
}

/// True if `len` bytes behind the head are within one block, as the kernel wants them.
fn holds_tail(at: u64, head: u64, len: u64) -> bool {
    (at + head) % BLOCK_BYTES + len <= BLOCK_BYTES
}

/// Where an inode must stand so that the end of its data fits behind it; `None` where that is not worth it.
fn at_for_tail(at: u64, head: u64, len: u64) -> Option<u64> {
    if holds_tail(at, head, len) {
        return Some(at);
    }
    let next = at.next_multiple_of(BLOCK_BYTES);
    (len <= TAIL_MAX && holds_tail(next, head, len)).then_some(next)
}
