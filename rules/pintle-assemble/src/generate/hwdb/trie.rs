use super::super::strings::Strings;

// systemd: src/libsystemd/sd-hwdb/hwdb-internal.h. All numbers are little-endian.
const SIGNATURE: &[u8; 8] = b"KSLPHHRH";
/// The version of systemd whose format this is; readers only print it.
const TOOL_VERSION: u64 = 257;
const HEADER_LEN: usize = 80;
const NODE_LEN: usize = 24;
const CHILD_LEN: usize = 16;
const VALUE_LEN: usize = 32;

/// The database: a radix tree over match strings, with properties at its nodes. There are some 300,000 of them, so
/// places are numbers of 32 bits, as many as text that is read can need (`drop_in`).
pub(super) struct Trie {
    strings: Strings,
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// Where the text between the byte that leads here and the next branch is.
    prefix: u32,
    /// Sorted by byte.
    children: Vec<(u8, u32)>,
    /// Sorted by the text of their keys.
    values: Vec<Value>,
}

struct Value {
    key: u32,
    value: u32,
    file: u32,
    line: u32,
    priority: u16,
}

/// Where a property was written.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    /// Number of the file, from 1.
    pub(super) priority: u16,
    pub(super) line: u32,
}

impl Trie {
    pub(super) fn new() -> Self {
        Self { strings: Strings::new(), nodes: vec![Node::default()] }
    }

    /// Adds a property to what `pattern` matches; one of the same key is replaced.
    pub(super) fn insert(&mut self, pattern: &[u8], (key, value): (&[u8], &[u8]), source: Source<'_>) {
        let (mut at, mut rest) = (0, pattern);
        loop {
            let prefix = self.strings.text(self.nodes[at].prefix as usize);
            let common = prefix.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if common < prefix.len() {
                self.split(at, common);
            }
            let Some((byte, below)) = rest[common..].split_first() else { break };
            at = match self.nodes[at].children.binary_search_by_key(byte, |(byte, _)| *byte) {
                Ok(found) => self.nodes[at].children[found].1 as usize,
                Err(place) => {
                    let prefix = self.strings.add(below) as u32;
                    self.nodes.push(Node { prefix, ..Node::default() });
                    let child = self.nodes.len() - 1;
                    self.nodes[at].children.insert(place, (*byte, child as u32));
                    at = child;
                    break;
                }
            };
            rest = below;
        }
        let strings = &mut self.strings;
        let value = Value {
            key: strings.add(key) as u32,
            value: strings.add(value) as u32,
            file: strings.add(source.file.as_bytes()) as u32,
            line: source.line,
            priority: source.priority,
        };
        let values = &mut self.nodes[at].values;
        match values.binary_search_by(|there| strings.text(there.key as usize).cmp(key)) {
            // The key's own place stays: of equal texts the first added counts.
            Ok(found) => values[found] = Value { key: values[found].key, ..value },
            Err(place) => values.insert(place, value),
        }
    }

    /// Leaves the first `common` bytes of the prefix at the node and moves all else into a child.
    fn split(&mut self, at: usize, common: usize) {
        let node = std::mem::take(&mut self.nodes[at]);
        let prefix = self.strings.text(node.prefix as usize);
        let (byte, kept) = (prefix[common], prefix[..common].to_vec());
        let child = Node { prefix: node.prefix + common as u32 + 1, ..node };
        self.nodes.push(child);
        let child = self.nodes.len() - 1;
        self.nodes[at] = Node {
            prefix: self.strings.add(&kept) as u32,
            children: vec![(byte, child as u32)],
            values: Vec::new(),
        };
    }

    /// The file: header, nodes with children before their parents, texts.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let sizes =
            self.nodes.iter().map(|n| NODE_LEN + CHILD_LEN * n.children.len() + VALUE_LEN * n.values.len());
        let strings_at = HEADER_LEN + sizes.sum::<usize>();
        let mut out = vec![0; HEADER_LEN];
        out.reserve(strings_at);
        let root = self.store(0, strings_at as u64, &mut out);
        let nodes_len = (out.len() - HEADER_LEN) as u64;
        let strings = self.strings.into_bytes();
        out.extend_from_slice(&strings);
        let lens = [HEADER_LEN, NODE_LEN, CHILD_LEN, VALUE_LEN].map(|len| len as u64);
        let [header, node, child, value] = lens;
        let fields = [
            TOOL_VERSION,
            out.len() as u64,
            header,
            node,
            child,
            value,
            root,
            nodes_len,
            strings.len() as u64,
        ];
        out[..8].copy_from_slice(SIGNATURE);
        out[8..HEADER_LEN].copy_from_slice(&fields.map(u64::to_le_bytes).concat());
        out
    }

    fn store(&self, at: usize, strings_at: u64, out: &mut Vec<u8>) -> u64 {
        let node = &self.nodes[at];
        let children: Vec<(u8, u64)> = node
            .children
            .iter()
            .map(|(byte, child)| (*byte, self.store(*child as usize, strings_at, out)))
            .collect();
        let offset = out.len() as u64;
        let text = |text: u32| (strings_at + u64::from(text)).to_le_bytes();
        out.extend_from_slice(&text(node.prefix));
        out.extend_from_slice(&(children.len() as u64).to_le_bytes());
        out.extend_from_slice(&(node.values.len() as u64).to_le_bytes());
        for (byte, child) in children {
            out.extend_from_slice(&u64::from(byte).to_le_bytes());
            out.extend_from_slice(&child.to_le_bytes());
        }
        for value in &node.values {
            out.extend_from_slice(&[text(value.key), text(value.value), text(value.file)].concat());
            out.extend_from_slice(&value.line.to_le_bytes());
            out.extend_from_slice(&[value.priority.to_le_bytes(), [0, 0]].concat());
        }
        offset
    }
}
