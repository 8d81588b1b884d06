//! A tree as a pax archive (POSIX.1-2017, `pax`, "pax Interchange Format"). The same tree gives the same bytes: entries
//! in path order, no names of users, no time but those of the tree.

use super::format::{
    BLOCK, CHECKSUM, GID, LINK, MAGIC, MAJOR, MINOR, MODE, MTIME, NAME, PREFIX, SIZE, TYPE, UID, USTAR,
};
use pintle_model::{Blob, Contents, Entry, InodeId, Kind, Sink as _, Timestamp, Tree, TreePath, WriteAll};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

/// Ends an archive: two blocks of zeros.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// A tree could not be written as an archive.
#[derive(Debug, thiserror::Error)]
#[error("cannot put {path} into the archive")]
pub struct WriteError {
    /// Which entry.
    pub path: TreePath,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Writes `tree` into `out`, with the root as `./` and the end marked. Sockets are left out: no archive holds them, and
/// they belong to the program that listens. Holes are written as zeros.
///
/// # Errors
/// [`WriteError`] of the first entry that fails.
pub fn write(tree: &Tree, contents: &dyn Contents, out: &mut dyn Write) -> Result<(), WriteError> {
    let mut seen: BTreeMap<InodeId, Vec<u8>> = BTreeMap::new();
    for entry in tree.walk() {
        let fail = |source| WriteError { path: entry.path.clone(), source };
        if matches!(entry.inode.kind, Kind::Socket) {
            continue;
        }
        let name = name(&entry);
        let first = match &entry.inode.kind {
            Kind::Directory(_) => None,
            _ => seen.get(&entry.id),
        };
        out.write_all(&headers(&entry, &name, first.map(Vec::as_slice))).map_err(fail)?;
        if let (None, Kind::File(blob)) = (first, &entry.inode.kind) {
            content(blob, contents, out).map_err(fail)?;
        }
        if first.is_none() {
            seen.insert(entry.id, name);
        }
    }
    out.write_all(&END).map_err(|source| WriteError { path: TreePath::root(), source })
}

/// Relative; directories end with a slash.
fn name(entry: &Entry<'_>) -> Vec<u8> {
    let path = entry.path.as_bytes();
    let mut name = path.strip_prefix(b"/").unwrap_or(path).to_vec();
    if name.is_empty() {
        name.push(b'.');
    }
    if matches!(entry.inode.kind, Kind::Directory(_)) {
        name.push(b'/');
    }
    name
}

fn content(blob: &Blob, contents: &dyn Contents, out: &mut dyn Write) -> io::Result<()> {
    let mut stream = WriteAll::new(&mut *out, contents);
    stream.blob(0, blob)?;
    stream.finish(blob.len())?;
    let pad = blob.len().next_multiple_of(BLOCK as u64) - blob.len();
    out.write_all(&[0; BLOCK][..pad as usize])
}

/// The header of an entry, after an extended one where the plain one has no room for something.
fn headers(entry: &Entry<'_>, name: &[u8], first: Option<&[u8]>) -> Vec<u8> {
    let inode = entry.inode;
    let mut pax = Records::default();
    let mut block = [0; BLOCK];
    if !put_name(&mut block, name) {
        pax.add("path", name);
    }
    let mut size = 0;
    let (kind, link) = match (&inode.kind, first) {
        (_, Some(first)) => (b'1', first),
        (Kind::Directory(_), _) => (b'5', &b""[..]),
        (Kind::Symlink(target), _) => (b'2', &**target),
        (Kind::Fifo, _) => (b'6', &b""[..]),
        (Kind::CharDevice { major, minor }, _) => device(&mut block, b'3', *major, *minor),
        (Kind::BlockDevice { major, minor }, _) => device(&mut block, b'4', *major, *minor),
        (Kind::File(blob), _) => {
            size = blob.len();
            (b'0', &b""[..])
        }
        // Left out by the caller.
        (Kind::Socket, _) => (b'0', &b""[..]),
    };
    block[TYPE] = kind;
    if link.len() <= LINK.len() {
        block[LINK.start..LINK.start + link.len()].copy_from_slice(link);
    } else {
        pax.add("linkpath", link);
    }
    let attrs = inode.attrs;
    octal(&mut block, MODE, u64::from(attrs.mode));
    for (key, field, value) in
        [("uid", UID, u64::from(attrs.uid)), ("gid", GID, u64::from(attrs.gid)), ("size", SIZE, size)]
    {
        if !octal(&mut block, field, value) {
            pax.add(key, value.to_string().as_bytes());
        }
    }
    let whole = u64::try_from(attrs.mtime.secs).ok().filter(|_| attrs.mtime.nanos == 0);
    if !whole.is_some_and(|secs| octal(&mut block, MTIME, secs)) {
        octal(&mut block, MTIME, 0);
        pax.add("mtime", time(attrs.mtime).as_bytes());
    }
    if first.is_none() {
        for (key, value) in &inode.xattrs {
            pax.add(&format!("SCHILY.xattr.{}", String::from_utf8_lossy(key)), value);
        }
    }
    finish(&mut block);
    pax.before(&block)
}

/// The header of a regular file in GNU's old format, which has larger numbers but no records.
#[must_use]
pub fn gnu_file_header(name: &str, size: u64, mtime: i64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put_name(&mut block, name.as_bytes());
    block[TYPE] = b'0';
    octal(&mut block, MODE, 0o644);
    octal(&mut block, UID, 0);
    octal(&mut block, GID, 0);
    octal(&mut block, MTIME, u64::try_from(mtime).unwrap_or(0));
    if !octal(&mut block, SIZE, size) {
        // Big-endian, marked by the top bit.
        block[SIZE.start] = 0x80;
        block[SIZE.end - 8..SIZE.end].copy_from_slice(&size.to_be_bytes());
    }
    block[MAGIC.start..MAGIC.start + 8].copy_from_slice(b"ustar  \0");
    checksum(&mut block);
    block
}

fn device<'a>(block: &mut [u8; BLOCK], kind: u8, major: u32, minor: u32) -> (u8, &'a [u8]) {
    // 2^20 minor and 2^12 major numbers at most exist; the fields take 2^21.
    octal(block, MAJOR, u64::from(major));
    octal(block, MINOR, u64::from(minor));
    (kind, b"")
}

/// Puts the name into its field, or in two parts; false when neither has room.
fn put_name(block: &mut [u8; BLOCK], name: &[u8]) -> bool {
    if name.len() <= NAME.len() {
        block[..name.len()].copy_from_slice(name);
        return true;
    }
    // The slash between the parts is not stored; the second part must not be empty.
    let last = name.len() - 1;
    let slash = (0..last.min(PREFIX.len() + 1)).rev().find(|at| name[*at] == b'/');
    let Some(slash) = slash.filter(|slash| *slash > 0 && last - slash <= NAME.len()) else {
        block[NAME].copy_from_slice(&name[..NAME.len()]);
        return false;
    };
    block[PREFIX.start..PREFIX.start + slash].copy_from_slice(&name[..slash]);
    block[..last - slash].copy_from_slice(&name[slash + 1..]);
    true
}

/// A number in octal digits up to a NUL; false when it has too many.
fn octal(block: &mut [u8; BLOCK], field: Range<usize>, value: u64) -> bool {
    let width = field.len() - 1;
    let text = format!("{value:0width$o}");
    if text.len() > width {
        return false;
    }
    block[field.start..field.start + width].copy_from_slice(text.as_bytes());
    true
}

fn finish(block: &mut [u8; BLOCK]) {
    block[MAGIC].copy_from_slice(USTAR);
    block[MAGIC.end..MAGIC.end + 2].copy_from_slice(b"00");
    checksum(block);
}

fn checksum(block: &mut [u8; BLOCK]) {
    block[CHECKSUM].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Seconds with a fraction, which is none or nine digits.
fn time(time: Timestamp) -> String {
    let Timestamp { secs, nanos } = time;
    match (secs, nanos) {
        (secs, 0) => secs.to_string(),
        // The fraction counts upwards from the whole second, the text's from zero.
        (secs, nanos) if secs < 0 => {
            let sign = if secs == -1 { "-0".to_owned() } else { (secs + 1).to_string() };
            format!("{sign}.{:09}", 1_000_000_000 - nanos)
        }
        (secs, nanos) => format!("{secs}.{nanos:09}"),
    }
}

/// Records of an extended header.
#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    fn add(&mut self, key: &str, value: &[u8]) {
        // ` KEY=VALUE\n` and the digits of the whole length.
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while rest + len.to_string().len() != len {
            len = rest + len.to_string().len();
        }
        self.0.extend_from_slice(format!("{len} {key}=").as_bytes());
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// The extended header and its records, if there are any, then `block`.
    fn before(self, block: &[u8; BLOCK]) -> Vec<u8> {
        let Self(records) = self;
        if records.is_empty() {
            return block.to_vec();
        }
        let mut extended = [0; BLOCK];
        put_name(&mut extended, b"pax");
        extended[TYPE] = b'x';
        octal(&mut extended, MODE, 0o644);
        octal(&mut extended, UID, 0);
        octal(&mut extended, GID, 0);
        octal(&mut extended, MTIME, 0);
        octal(&mut extended, SIZE, records.len() as u64);
        finish(&mut extended);
        let padded = records.len().next_multiple_of(BLOCK);
        let mut out = extended.to_vec();
        out.extend_from_slice(&records);
        out.resize(BLOCK + padded, 0);
        out.extend_from_slice(block);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_have_their_fraction_the_other_way() {
        let shown = |secs, nanos| time(Timestamp { secs, nanos });
        assert_eq!(shown(5, 0), "5");
        assert_eq!(shown(5, 1), "5.000000001");
        assert_eq!(shown(-1, 250_000_000), "-0.750000000");
        assert_eq!(shown(-2, 250_000_000), "-1.750000000");
        assert_eq!(shown(-2, 0), "-2");
    }

    #[test]
    fn long_names_are_split_where_they_can_be() {
        let mut block = [0; BLOCK];
        let name = format!("{}/{}", "a".repeat(150), "b".repeat(99));
        assert!(put_name(&mut block, name.as_bytes()));
        assert_eq!(&block[PREFIX.start..PREFIX.start + 150], "a".repeat(150).as_bytes());
        assert!(!put_name(&mut block, "c".repeat(101).as_bytes()));
        assert!(!put_name(&mut block, format!("{}/", "d".repeat(120)).as_bytes()));
    }
}
