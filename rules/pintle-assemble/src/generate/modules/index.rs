use std::collections::BTreeMap;

/// kmod's binary index (`modules.*.bin`): a trie over keys with compressed prefixes, big-endian
/// (kmod: libkmod/libkmod-index.h, "Integers are stored as 32 bit unsigned in network order").
#[derive(Default)]
pub(super) struct Index {
    root: Node,
}

const MAGIC: u32 = 0xb007_f457;
/// Major 2, minor 1.
const VERSION: u32 = 0x0002_0001;
/// Flags in the high bits of a node's offset.
const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;
/// Bytes before the first node: magic, version, offset of the root.
const HEADER: u32 = 12;

#[derive(Default)]
struct Node {
    /// What follows the byte that led here, up to the next branch.
    prefix: Vec<u8>,
    children: BTreeMap<u8, Node>,
    /// Priority and text, in output order.
    values: Vec<(u32, Vec<u8>)>,
}

impl Index {
    /// Adds `value` under `key`, before values there of the same and of higher `priority`. 7-bit text only.
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8], priority: u32) {
        let mut node = &mut self.root;
        let mut rest = key;
        loop {
            let common = node.prefix.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if common < node.prefix.len() {
                node.split(common);
            }
            let Some((branch, below)) = rest[common..].split_first() else {
                let at = node.values.partition_point(|(there, _)| *there < priority);
                node.values.insert(at, (priority, value.to_vec()));
                return;
            };
            let fresh = !node.children.contains_key(branch);
            node = node.children.entry(*branch).or_default();
            if fresh {
                node.prefix = below.to_vec();
            }
            rest = below;
        }
    }

    /// The file.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        for word in [MAGIC, VERSION, HEADER | self.root.flags()] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        self.root.write(&mut out);
        out
    }
}

impl Node {
    /// Keeps the first `at` bytes of the prefix here and moves everything else one branch down.
    fn split(&mut self, at: usize) {
        let mut child = std::mem::take(self);
        let below = child.prefix.split_off(at);
        self.prefix = std::mem::replace(&mut child.prefix, below[1..].to_vec());
        self.children.insert(below[0], child);
    }

    fn flags(&self) -> u32 {
        let flag = |set: bool, flag: u32| if set { flag } else { 0 };
        flag(!self.prefix.is_empty(), HAS_PREFIX)
            | flag(!self.values.is_empty(), HAS_VALUES)
            | flag(!self.children.is_empty(), HAS_CHILDREN)
    }

    /// Writes the node and then its children, filling in their offsets: pre-order, as depmod does.
    fn write(&self, out: &mut Vec<u8>) {
        if !self.prefix.is_empty() {
            out.extend_from_slice(&self.prefix);
            out.push(0);
        }
        let mut table = out.len();
        let span = self.children.first_key_value().zip(self.children.last_key_value());
        let first = span.map_or(0, |((first, _), (last, _))| {
            out.extend_from_slice(&[*first, *last]);
            table = out.len();
            out.resize(table + 4 * usize::from(last - first + 1), 0);
            *first
        });
        if !self.values.is_empty() {
            out.extend_from_slice(&(self.values.len() as u32).to_be_bytes());
            for (priority, value) in &self.values {
                out.extend_from_slice(&priority.to_be_bytes());
                out.extend_from_slice(value);
                out.push(0);
            }
        }
        for (branch, child) in &self.children {
            let offset = out.len() as u32 | child.flags();
            let slot = table + 4 * usize::from(branch - first);
            out[slot..slot + 4].copy_from_slice(&offset.to_be_bytes());
            child.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Index;

    #[test]
    fn keys_share_prefixes_and_values_are_sorted() {
        let mut index = Index::default();
        index.insert(b"abc", b"x", 2);
        index.insert(b"abd", b"y", 1);
        index.insert(b"ab", b"z", 1);
        index.insert(b"ab", b"w", 1);
        let bytes = index.into_bytes();
        let expected = [
            b"\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\x00\x00\x0c".as_slice(),
            // the root: one branch, `a`
            b"aa\xe0\x00\x00\x12",
            // `a` + prefix `b`: branches `c` to `d`, two values
            b"b\0cd\x40\x00\x00\x2e\x40\x00\x00\x38\0\0\0\x02\0\0\0\x01w\0\0\0\0\x01z\0",
            b"\0\0\0\x01\0\0\0\x02x\0",
            b"\0\0\0\x01\0\0\0\x01y\0",
        ]
        .concat();
        assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
