use crate::tar::{EntryType, Limits, Reader, TarError};
use pintle_model::{Blob, Contents, Digest, Hasher, Kind, Limit, Tree, TreePath};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Documents larger than this are layers: real manifests and configurations have some kilobytes.
const DOCUMENT_MAX: u64 = 1 << 20;
/// All documents together are held in memory.
const DOCUMENTS_MAX: Limit = Limit::new(16 << 20, "bytes in the documents of an image");
/// An image has a blob per layer and platform; each costs about 200 bytes.
const FILES_MAX: Limit = Limit::new(100_000, "files in an image");
const CHUNK: usize = 1 << 16;

/// What is known of a file of a layout.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) digest: Digest,
    pub(super) size: u64,
    /// Its bytes, where it is small enough for a document.
    pub(super) text: Option<Vec<u8>>,
}

/// The files of a layout, each read once.
#[derive(Clone, Debug, Default)]
pub struct LayoutFiles {
    pub(super) files: BTreeMap<Vec<u8>, Fact>,
    documents: u64,
}

/// A layout cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The archive.
    #[error("it cannot be read as an archive")]
    Tar(#[from] TarError),
    /// Of the file system.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// Over a limit.
    #[error("over the limit of {} {}", .0.max, .0.what)]
    Limit(Limit),
}

impl LayoutFiles {
    /// The files of the archive `from` (plain tar).
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn of_archive(from: impl Read) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(from, Limits::default());
        let mut layout = Self::default();
        while let Some(entry) = reader.next_entry()? {
            if entry.kind == EntryType::File {
                let path = entry.path.strip_prefix(b"./").unwrap_or(&entry.path).to_vec();
                layout.add(path, &mut reader)?;
            }
        }
        Ok(layout)
    }

    /// The files of the folder `tree`.
    ///
    /// # Errors
    /// [`LayoutError`].
    pub fn of_folder(tree: &Tree, contents: &dyn Contents) -> Result<Self, LayoutError> {
        let mut layout = Self::default();
        for entry in tree.walk() {
            if let Kind::File(blob) = &entry.inode.kind {
                let path: &TreePath = &entry.path;
                let from = BlobReader::new(blob, contents);
                layout.add(path.as_bytes().to_vec(), from)?;
            }
        }
        Ok(layout)
    }

    fn add(&mut self, path: Vec<u8>, mut from: impl Read) -> Result<(), LayoutError> {
        if !FILES_MAX.allows(self.files.len() as u64 + 1) {
            return Err(LayoutError::Limit(FILES_MAX));
        }
        let (mut hasher, mut text, mut chunk) = (Hasher::new(), Some(Vec::<u8>::new()), vec![0; CHUNK]);
        loop {
            let read = match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            hasher.update(&chunk[..read]);
            match &mut text {
                // Documents are JSON objects; layers are archives.
                Some(kept) if hasher.len() <= DOCUMENT_MAX && (!kept.is_empty() || chunk[0] == b'{') => {
                    kept.extend_from_slice(&chunk[..read]);
                }
                _ => text = None,
            }
        }
        self.documents += text.as_ref().map_or(0, |text| text.len() as u64);
        if !DOCUMENTS_MAX.allows(self.documents) {
            return Err(LayoutError::Limit(DOCUMENTS_MAX));
        }
        let hashed = hasher.finish();
        self.files.insert(path, Fact { digest: hashed.digest(), size: hashed.len(), text });
        Ok(())
    }
}

/// Reads a blob from its beginning.
pub struct BlobReader<'a> {
    blob: &'a Blob,
    contents: &'a dyn Contents,
    at: u64,
}

impl<'a> BlobReader<'a> {
    /// Of `blob`, whose bytes `contents` gives.
    #[must_use]
    pub fn new(blob: &'a Blob, contents: &'a dyn Contents) -> Self {
        Self { blob, contents, at: 0 }
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.blob.len() - self.at;
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        self.blob.read_at(self.contents, self.at, &mut out[..take])?;
        self.at += take as u64;
        Ok(take)
    }
}
