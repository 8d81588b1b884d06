/// A table of texts in which equal texts, and those that end another, share bytes, as systemd builds it
/// (systemd: src/basic/strbuf.c). A text's place depends on the order of additions; ours is systemd's, so that the
/// databases made with it can be compared byte for byte.
pub(crate) struct Strings {
    bytes: Vec<u8>,
    /// A trie over reversed texts. A node stands for the text that made it.
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    offset: u32,
    len: u32,
    /// Sorted by byte.
    children: Vec<(u8, u32)>,
}

impl Strings {
    /// Holds the empty text, at 0.
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0], nodes: vec![Node::default()] }
    }

    /// Where `text`, which holds no NUL, begins in the table.
    pub(crate) fn add(&mut self, text: &[u8]) -> usize {
        if text.is_empty() {
            return 0;
        }
        let mut at = 0;
        for depth in 0..=text.len() {
            let node = &self.nodes[at];
            let (start, end) = (node.offset as usize, (node.offset + node.len) as usize);
            if depth == text.len() || self.bytes[start..end].ends_with(text) {
                return end - text.len();
            }
            let byte = text[text.len() - 1 - depth];
            match node.children.binary_search_by_key(&byte, |(byte, _)| *byte) {
                Ok(found) => at = node.children[found].1 as usize,
                Err(place) => {
                    let child = self.nodes.len() as u32;
                    self.nodes[at].children.insert(place, (byte, child));
                    break;
                }
            }
        }
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
        // What is read into such a table is far below 4 GiB (`drop_in`).
        self.nodes.push(Node { offset: offset as u32, len: text.len() as u32, children: Vec::new() });
        offset
    }

    /// The text that begins at `offset`.
    pub(crate) fn text(&self, offset: usize) -> &[u8] {
        let rest = &self.bytes[offset..];
        &rest[..rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len())]
    }

    /// The whole table.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Strings;

    #[test]
    fn texts_share_their_ends() {
        let mut strings = Strings::new();
        let (long, end) = (strings.add(b"hello world"), strings.add(b"world"));
        assert_eq!((long, end), (1, 7));
        assert_eq!(strings.add(b"hello world"), long);
        assert_eq!(strings.add(b""), 0);
        let other = strings.add(b"word");
        assert_eq!(
            (other, strings.text(end), strings.text(other)),
            (13, b"world".as_slice(), b"word".as_slice())
        );
        assert_eq!(strings.into_bytes(), b"\0hello world\0word\0");
    }
}
