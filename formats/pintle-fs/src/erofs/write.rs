//! The bytes, in ascending order.

use super::census::{Census, Data, Node};
use super::directory::{self, Entry};
use super::format::{
    BLOCK, BLOCK_BYTES, CHUNKS, COMPRESSED_FULL, FLAT_INLINE, FLAT_PLAIN, INCOMPAT_CHUNKS,
    INCOMPAT_COMPRESSION, INCOMPAT_FRAGMENTS, INCOMPAT_ZERO_PADDING,
};
use super::inode::{Raw, device};
use super::pack::Packed;
use super::place::{Place, Placement};
use super::superblock::{Totals, first_block};
use super::xattr::count_of;
use super::{Error, Options, index};
use crate::common::file_type;
use pintle_model::{Blob, Bytes, Kind, Sink};

/// Bytes of metadata put down at once.
const PIECE: usize = 256 << 10;

/// All that the bytes are made from.
pub(crate) struct Image<'a> {
    pub(crate) options: &'a Options,
    pub(crate) packed: Option<&'a Packed>,
    pub(crate) census: &'a Census<'a>,
    pub(crate) placement: &'a Placement,
}

impl Image<'_> {
    /// Hands the whole file system to `sink`.
    pub(crate) fn write(&self, sink: &mut dyn Sink) -> Result<(), Error> {
        let mut out = Stream { sink, at: 0, bytes: Vec::new() };
        out.put(0, &first_block(self.options, &self.totals()))?;
        let all = || self.census.nodes.iter().zip(&self.placement.places);
        for (number, (node, place)) in (1..).zip(all()) {
            self.inode(number, node, place, &mut out)?;
        }
        let mut at = self.placement.xattr_block * BLOCK_BYTES;
        self.census.shared.write(|attribute| {
            at += attribute.len() as u64;
            out.put(at - attribute.len() as u64, attribute)
        })?;
        for files in [false, true] {
            for (node, place) in all() {
                match &self.census.inode(node).kind {
                    Kind::File(blob) if files => self.file(node, blob, place, &mut out)?,
                    Kind::Directory(_) | Kind::Symlink(_) if !files => self.blocks(node, place, &mut out)?,
                    _ => {}
                }
            }
        }
        out.flush()
    }

    fn totals(&self) -> Totals {
        let mut incompat = 0;
        let data = self.census.nodes.iter().map(|node| self.census.data(node));
        for data in data {
            incompat |= match data {
                Data::Chunks(_) => INCOMPAT_CHUNKS,
                Data::Packed(_) => INCOMPAT_ZERO_PADDING | INCOMPAT_COMPRESSION,
                Data::Fragment(_) => INCOMPAT_ZERO_PADDING | INCOMPAT_COMPRESSION | INCOMPAT_FRAGMENTS,
                Data::None | Data::Flat { .. } => 0,
            };
        }
        let packing = self.packed.map(|packed| packed.packing);
        let method = packing
            .filter(|_| incompat & INCOMPAT_COMPRESSION != 0)
            .map(|packing| (1 << packing.method.number(), packing.method.parameters(packing.cluster)));
        let last = self.census.nodes.last().zip(self.placement.places.last());
        Totals {
            blocks: self.placement.blocks,
            inodes: self.census.nodes.len() as u64,
            xattr_block: self.placement.xattr_block,
            incompat,
            packed: last.filter(|(node, _)| node.id.is_none()).map(|(_, place)| place.nid()),
            method,
            root: self.placement.places[0].nid(),
        }
    }

    /// One inode and what stands with it.
    fn inode(&self, number: u32, node: &Node, place: &Place, out: &mut Stream<'_>) -> Result<(), Error> {
        let inode = self.census.inode(node);
        let data = self.census.data(node);
        let xattrs = self.census.xattrs(node);
        let (layout, what) = match &data {
            Data::None => (FLAT_PLAIN, special(&inode.kind)),
            Data::Flat { .. } if place.inline => (FLAT_INLINE, place.start),
            Data::Flat { .. } => (FLAT_PLAIN, place.start),
            Data::Chunks(chunks) => (CHUNKS, chunks.bits),
            Data::Packed(file) => (COMPRESSED_FULL, file.blocks() as u32),
            Data::Fragment(_) => (COMPRESSED_FULL, 0),
        };
        let raw = Raw {
            layout,
            mode: inode.kind.type_bits() | (inode.attrs.mode & 0o7777),
            attrs: inode.attrs,
            links: node.links,
            size: self.census.size(node),
            place: what,
            xattr_count: count_of(xattrs.len()),
            number,
        };
        let head = raw.bytes(self.options.epoch);
        out.put(place.at, &head)?;
        out.put(place.at + head.len() as u64, &xattrs)?;
        let at = place.tail();
        match &data {
            Data::Flat { size, .. } if place.inline => {
                let from = size / BLOCK_BYTES * BLOCK_BYTES;
                match &inode.kind {
                    Kind::File(blob) => out.copy(at, blob, from, *size),
                    _ => self.content(
                        node,
                        |start, bytes| {
                            if start == from { out.put(at, bytes) } else { Ok(()) }
                        },
                    ),
                }
            }
            Data::None | Data::Flat { .. } => Ok(()),
            Data::Chunks(chunks) => out.put(at, &chunks.map(u64::from(place.start))),
            Data::Packed(file) => out.put(at, &index::bytes(at, file, place.start)),
            Data::Fragment(from) => out.put(at, &index::fragment(at, *from)),
        }
    }

    /// The blocks of a directory or link that do not stand with its inode.
    fn blocks(&self, node: &Node, place: &Place, out: &mut Stream<'_>) -> Result<(), Error> {
        let start = u64::from(place.start) * BLOCK_BYTES;
        self.content(node, |at, bytes| {
            if place.inline && bytes.len() < BLOCK { Ok(()) } else { out.put(start + at, bytes) }
        })
    }

    /// Hands out what a directory or link holds, block by block, with its offset.
    fn content(
        &self,
        node: &Node,
        mut put: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (census, places) = (self.census, &self.placement.places);
        match &census.inode(node).kind {
            Kind::Symlink(target) => put(0, target),
            Kind::Directory(names) => {
                let own = node.id.map_or(0, |id| census.node_of(id));
                let dots = [own, node.parent as usize].map(|node| places[node].nid());
                let entry = |name, id| Entry {
                    name,
                    nid: places[census.node_of(id)].nid(),
                    file_type: file_type(&census.tree.inode(id).kind),
                };
                let mut at = 0;
                directory::write(names, dots, entry, |block| {
                    at += block.len() as u64;
                    put(at - block.len() as u64, block)
                })
            }
            _ => Ok(()),
        }
    }

    /// The blocks of a file that do not stand with its inode.
    fn file(&self, node: &Node, blob: &Blob, place: &Place, out: &mut Stream<'_>) -> Result<(), Error> {
        let start = u64::from(place.start) * BLOCK_BYTES;
        match self.census.data(node) {
            Data::None | Data::Fragment(_) => Ok(()),
            Data::Flat { size, .. } => {
                let end = if place.inline { size / BLOCK_BYTES * BLOCK_BYTES } else { size };
                out.copy(start, blob, 0, end)
            }
            Data::Chunks(chunks) => chunks
                .places(u64::from(place.start))
                .try_for_each(|(from, len, block)| out.copy(block * BLOCK_BYTES, blob, from, from + len)),
            Data::Packed(file) => {
                out.flush()?;
                let bytes = Bytes::At { source: file.source, offset: file.offset };
                out.sink.copy(start, &bytes, 0, file.blocks() * BLOCK_BYTES).map_err(Error::Sink)
            }
        }
    }
}

/// Device numbers, where the inode is a device.
fn special(kind: &Kind) -> u32 {
    match kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => device(*major, *minor),
        _ => 0,
    }
}

/// Puts pieces that stand close together down at once.
struct Stream<'s> {
    sink: &'s mut dyn Sink,
    /// Where `bytes` starts.
    at: u64,
    bytes: Vec<u8>,
}

impl Stream<'_> {
    fn put(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let gap = at - (self.at + self.bytes.len() as u64);
        if gap > BLOCK_BYTES || self.bytes.len() > PIECE {
            self.flush()?;
        }
        if self.bytes.is_empty() {
            self.at = at;
        }
        self.bytes.resize((at - self.at) as usize, 0);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if !self.bytes.is_empty() {
            self.sink.write(self.at, &self.bytes).map_err(Error::Sink)?;
        }
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        Ok(())
    }

    /// Points the sink to the bytes `from..to` of a file, leaving its holes out.
    fn copy(&mut self, at: u64, blob: &Blob, from: u64, to: u64) -> Result<(), Error> {
        self.flush()?;
        let first = blob.segments().partition_point(|segment| segment.at + segment.len <= from);
        for segment in blob.segments()[first..].iter().take_while(|segment| segment.at < to) {
            let (start, end) = (segment.at.max(from), (segment.at + segment.len).min(to));
            let place = at + (start - from);
            self.sink.copy(place, &segment.bytes, start - segment.at, end - start).map_err(Error::Sink)?;
            self.at = place + (end - start);
        }
        Ok(())
    }
}
