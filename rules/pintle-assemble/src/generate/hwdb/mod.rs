//! `/usr/lib/udev/hwdb.bin`, the hardware database: what `systemd-hwdb --usr update` makes, byte for byte.

mod trie;

use super::derived::derived;
use super::drop_in::{self, DropInError};
use super::place::{PlaceError, put_blob};
use pintle_model::{Blob, Contents, Timestamp, Tree, TreePath};
use std::io;
use trie::{Source, Trie};

/// Administrators' files count before packages'.
const DIRS: &[&str] = &["etc/udev/hwdb.d", "usr/lib/udev/hwdb.d"];
const FILE: &str = "usr/lib/udev/hwdb.bin";

/// Why there is no hardware database.
#[derive(Debug, thiserror::Error)]
pub enum HwdbError {
    /// A source file cannot be read.
    #[error(transparent)]
    Read(#[from] DropInError),
    /// The database cannot be kept for later builds.
    #[error("cannot keep {FILE} in the cache")]
    Keep(#[source] io::Error),
    /// The database has no room.
    #[error("cannot add {FILE}")]
    Place(#[from] PlaceError),
}

/// Makes the database. Does nothing without `.hwdb` files.
///
/// # Errors
/// [`HwdbError`]; the tree is unchanged then.
pub fn apply(tree: &mut Tree, contents: &dyn Contents, epoch: Timestamp) -> Result<(), HwdbError> {
    let database = make(tree, contents)?;
    put(tree, database, epoch)
}

/// The database; none without `.hwdb` files.
pub(super) fn make(tree: &Tree, contents: &dyn Contents) -> Result<Option<Blob>, HwdbError> {
    let files = drop_in::read(tree, contents, DIRS, ".hwdb")?;
    if files.is_empty() {
        return Ok(None);
    }
    let inputs = files.iter().flat_map(|(path, text)| [path.as_bytes(), text.as_slice()]);
    derived(contents, "hwdb", inputs, || database(&files)).map(Some).map_err(HwdbError::Keep)
}

pub(super) fn put(tree: &mut Tree, database: Option<Blob>, epoch: Timestamp) -> Result<(), HwdbError> {
    if let Some(database) = database {
        put_blob(tree, &TreePath::literal(FILE), (database, 0o444), epoch, "hwdb")?;
    }
    Ok(())
}

fn database(files: &[(TreePath, Vec<u8>)]) -> Vec<u8> {
    let mut trie = Trie::new();
    for (number, (path, text)) in files.iter().enumerate() {
        import(&mut trie, &path.to_string(), number as u16 + 1, text);
    }
    trie.into_bytes()
}

/// hwdb(7): records of match lines and indented properties, apart by empty lines. As systemd does, properties without
/// a match and records without a property are passed over.
fn import(trie: &mut Trie, file: &str, priority: u16, text: &[u8]) {
    let mut matches: Vec<&[u8]> = Vec::new();
    let mut in_data = false;
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.starts_with(b"#") {
            continue;
        }
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii_end();
        let property = line.starts_with(b" ");
        if line.is_empty() || (in_data && !property) {
            // An unindented line right after properties spoils itself and what belongs to it.
            matches.clear();
            in_data = false;
        } else if !property {
            matches.push(line);
        } else if !matches.is_empty() {
            in_data = true;
            let Some((key, value)) = key_and_value(line) else { continue };
            for pattern in &matches {
                trie.insert(pattern, (key, value), Source { file, priority, line: number as u32 + 1 });
            }
        }
    }
}

/// ` KEY=VALUE`; the key keeps one of the spaces before it.
fn key_and_value(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&line[..equals], &line[equals + 1..]);
    let blanks = key.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let key = &key[blanks.saturating_sub(1)..];
    (key.len() > 1).then_some((key, value))
}
