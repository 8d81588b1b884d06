//! A .deb after unpacking: what its two archives said, with file bytes moved to a pack of the content store.

use pintle_model::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of [`UnpackedDeb`]'s stored form and of what unpacking does to the bytes. Raise it with either: stores
/// keep packs of different versions apart.
pub const UNPACK_FORMAT: u32 = 1;

/// The index of one unpacked .deb; the file bytes are in its pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct UnpackedDeb {
    /// Members of control.tar.
    pub control: ControlFiles,
    /// Members of data.tar in archive order.
    pub entries: Vec<FileEntry>,
}

/// The members of control.tar, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ControlFiles {
    /// `control`, `md5sums`, `conffiles`, `preinst`, `postinst`, `prerm`, `postrm`, `triggers`, `templates`,
    /// `shlibs`, `symbols`, … as they are.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl ControlFiles {
    /// A member as text; `None` when it is missing or not UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.files.get(name).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// One member of data.tar. Paths were checked (no `..`, no absolute path taken literally, no NUL) and have neither a
/// leading `./` nor a trailing `/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path in the tree, as bytes of a `TreePath`.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits (`& 0o7777`).
    pub mode: u16,
    /// Numeric owner of the archive.
    pub uid: u32,
    /// Numeric group of the archive.
    pub gid: u32,
    /// Owner by name, empty when the archive has none. Debian's static users are the same everywhere.
    pub uname: String,
    /// Group by name.
    pub gname: String,
    /// Seconds since 1970.
    pub mtime: i64,
    /// PAX `SCHILY.xattr.*`, full names.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// The kind of a [`FileEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file: `len` bytes at `offset` of the pack.
    File {
        /// Byte offset in the pack, a multiple of 4096.
        offset: u64,
        /// Length in bytes.
        len: u64,
        /// SHA-256 of the bytes.
        digest: Digest,
    },
    /// A symbolic link and its target as written.
    Symlink(Vec<u8>),
    /// A second name for an earlier regular file of the same archive.
    Hardlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// A stored index cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the stored index of an unpacked package is damaged")]
pub struct BadIndex(#[source] postcard::Error);

impl UnpackedDeb {
    /// The stored form: postcard (<https://postcard.jamesmunns.com/wire-format>), of this [`UNPACK_FORMAT`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("invariant: plain data of known lengths serialises")
    }

    /// Reads what [`UnpackedDeb::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`BadIndex`] when the bytes are of another format, damaged or too many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadIndex> {
        match postcard::take_from_bytes(bytes) {
            Ok((unpacked, [])) => Ok(unpacked),
            Ok(_) => Err(BadIndex(postcard::Error::SerdeDeCustom)),
            Err(error) => Err(BadIndex(error)),
        }
    }
}
