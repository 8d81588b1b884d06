//! `/var/lib/systemd/catalog/database`, the explanations of journal messages: what `journalctl --update-catalog`
//! makes, byte for byte.

use super::drop_in::{self, DropInError};
use super::place::{PlaceError, put};
use super::strings::Strings;
use pintle_model::{Contents, Timestamp, Tree, TreePath};
use std::collections::BTreeMap;

const DIRS: &[&str] = &["usr/local/lib/systemd/catalog", "usr/lib/systemd/catalog"];
const FILE: &str = "var/lib/systemd/catalog/database";

// systemd: src/libsystemd/sd-journal/catalog.c. Little-endian.
const SIGNATURE: &[u8; 8] = b"RHHHKSLP";
const HEADER_LEN: u64 = 40;
const ITEM_LEN: u64 = 56;
/// Bytes of a language in an item, its NUL included.
const LANGUAGE_LEN: usize = 32;

/// Why there is no catalog.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A source file cannot be read.
    #[error(transparent)]
    Read(#[from] DropInError),
    /// A source file is malformed.
    #[error("{path}:{line}: {why}")]
    Malformed {
        /// The file.
        path: TreePath,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// The database has no room.
    #[error("cannot add {FILE}")]
    Place(#[from] PlaceError),
}

/// Message and language, language empty for the default.
type Id = ([u8; 16], Vec<u8>);

/// Entries in the order of their first appearance, which decides where texts are placed.
#[derive(Default)]
struct Entries {
    places: BTreeMap<Id, usize>,
    texts: Vec<(Id, Vec<u8>)>,
}

/// Makes the database. Does nothing without `.catalog` files.
///
/// # Errors
/// [`CatalogError`]; the tree is unchanged then.
pub fn apply(tree: &mut Tree, contents: &dyn Contents, epoch: Timestamp) -> Result<(), CatalogError> {
    let mut entries = Entries::default();
    for (path, text) in drop_in::read(tree, contents, DIRS, ".catalog")? {
        let malformed = |(line, why)| CatalogError::Malformed { path: path.clone(), line, why };
        import(&mut entries, file_language(&path), &text).map_err(malformed)?;
    }
    if !entries.texts.is_empty() {
        put(tree, &TreePath::literal(FILE), database(entries), epoch, "catalog")?;
    }
    Ok(())
}

/// `systemd.de.catalog` holds German.
fn file_language(path: &TreePath) -> Vec<u8> {
    let name = path.name().unwrap_or_default();
    let stem = name.strip_suffix(b".catalog").unwrap_or(name);
    let dot = stem.iter().rposition(|byte| *byte == b'.');
    let language = dot.map_or(b"".as_slice(), |dot| &stem[dot + 1..]);
    if language.len() < LANGUAGE_LEN { language.to_vec() } else { Vec::new() }
}

/// Entries begin with `-- ID [LANGUAGE]` after an empty line; then headers, an empty line, text.
fn import(entries: &mut Entries, language: Vec<u8>, text: &[u8]) -> Result<(), (usize, &'static str)> {
    let mut current: Option<(Id, Vec<u8>)> = None;
    let mut after_empty = true;
    let lines = text.split(|byte| *byte == b'\n');
    let mut number = 0;
    for line in lines {
        number += 1;
        if line.is_empty() {
            after_empty = true;
            continue;
        }
        if line.starts_with(b"#") || line.starts_with(b";") {
            continue;
        }
        if let Some((id, own)) = heading(line).filter(|_| after_empty) {
            entries.finish(current.take()).map_err(|why| (number, why))?;
            let language = if own.is_empty() { language.clone() } else { own.to_vec() };
            if language.len() >= LANGUAGE_LEN || (!own.is_empty() && own.len() < 2) {
                return Err((number, "the language's name is too short or too long"));
            }
            current = Some(((id, language), Vec::new()));
        } else {
            let (_, payload) = current.as_mut().ok_or((number, "text before the first `-- ID`"))?;
            if after_empty {
                payload.push(b'\n');
            }
            payload.extend_from_slice(line);
            payload.push(b'\n');
        }
        after_empty = false;
    }
    entries.finish(current).map_err(|why| (number, why))
}

/// Message and language of a line `-- 0123456789abcdef0123456789abcdef [LANGUAGE]`.
fn heading(line: &[u8]) -> Option<([u8; 16], &[u8])> {
    let (hex, rest) = line.strip_prefix(b"-- ")?.split_at_checked(32)?;
    if !rest.is_empty() && !rest.starts_with(b" ") {
        return None;
    }
    let mut id = [0; 16];
    for (byte, pair) in id.iter_mut().zip(hex.chunks(2)) {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some((id, rest.trim_ascii()))
}

impl Entries {
    /// Adds an entry; of two for one message, the later one's text counts, and both ones' headers.
    fn finish(&mut self, entry: Option<(Id, Vec<u8>)>) -> Result<(), &'static str> {
        let Some((id, payload)) = entry else { return Ok(()) };
        if payload.is_empty() {
            return Err("an entry without text");
        }
        match self.places.get(&id) {
            Some(place) => {
                let there = &mut self.texts[*place].1;
                let (headers, body) = parts(&payload);
                let (old_headers, old_body) = parts(there);
                *there = [headers, old_headers, if body.is_empty() { old_body } else { body }].concat();
            }
            None => {
                self.places.insert(id.clone(), self.texts.len());
                self.texts.push((id, payload));
            }
        }
        Ok(())
    }
}

/// Headers and text of an entry; the empty line between belongs to the text.
fn parts(payload: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while let Some(len) = payload[at..].iter().position(|byte| *byte == b'\n').filter(|len| *len > 0) {
        at += len + 1;
    }
    payload.split_at(at)
}

fn database(entries: Entries) -> Vec<u8> {
    let mut strings = Strings::new();
    let items: Vec<(Id, usize)> =
        entries.texts.into_iter().map(|(id, text)| (id, strings.add(&text))).collect();
    let mut out = SIGNATURE.to_vec();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&[HEADER_LEN, items.len() as u64, ITEM_LEN].map(u64::to_le_bytes).concat());
    let sorted: BTreeMap<Id, usize> = items.into_iter().collect();
    for ((id, language), offset) in sorted {
        let mut padded = [0; LANGUAGE_LEN];
        padded[..language.len()].copy_from_slice(&language);
        out.extend_from_slice(&id);
        out.extend_from_slice(&padded);
        out.extend_from_slice(&(offset as u64).to_le_bytes());
    }
    out.extend(strings.into_bytes());
    out
}
