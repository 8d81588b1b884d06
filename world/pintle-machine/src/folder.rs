use crate::Machine;
use crate::files::FileError;
use pintle_model::{Digest, Hasher};
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A regular file: the digest of its content; none where it may not be read.
    File(Option<Digest>),
    /// A folder.
    Folder,
    /// A symbolic link, with its target.
    Link(String),
    /// A device, a socket, a pipe.
    Other,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Path below the folder, without leading slash.
    pub path: String,
    /// What it is.
    pub kind: FoundKind,
    /// Permissions, the lower twelve bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Entries of a folder that are looked at, at most: `/etc` of a large server has some thousands.
const ENTRIES_MAX: usize = 200_000;
/// Folders in folders, at most.
const DEPTH_MAX: usize = 64;

impl Machine {
    /// Everything below the folder at `path`, in order of paths. Other file systems that are mounted in it are left out.
    ///
    /// # Errors
    /// [`FileError`]; what vanishes meanwhile is as if it had not been there.
    pub fn folder(&self, path: &str) -> Result<Vec<Found>, FileError> {
        let failed = |source| FileError::Read { path: path.to_owned(), source };
        let top = self.place(path);
        let device = fs::symlink_metadata(&top).map_err(failed)?.dev();
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let place = top.join(&folder);
            let failed = |source| FileError::Read { path: place.display().to_string(), source };
            for entry in fs::read_dir(&place).map_err(failed)? {
                let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
                let inside = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let Some(entry) = look(&top.join(&inside), &inside, device).map_err(failed)? else {
                    continue;
                };
                if entry.kind == FoundKind::Folder && depth < DEPTH_MAX {
                    folders.push((inside, depth + 1));
                }
                found.push(entry);
                if found.len() > ENTRIES_MAX {
                    return Err(FileError::Long { path: path.to_owned(), limit: ENTRIES_MAX as u64 });
                }
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

fn look(place: &Path, inside: &str, device: u64) -> io::Result<Option<Found>> {
    let metadata = match fs::symlink_metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    if metadata.dev() != device {
        return Ok(None);
    }
    let kind = metadata.file_type();
    let kind = if kind.is_dir() {
        FoundKind::Folder
    } else if kind.is_symlink() {
        FoundKind::Link(fs::read_link(place)?.to_string_lossy().into_owned())
    } else if kind.is_file() {
        FoundKind::File(digest(place)?)
    } else {
        debug_assert!(kind.is_fifo() || kind.is_socket() || kind.is_block_device() || kind.is_char_device());
        FoundKind::Other
    };
    let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
    Ok(Some(Found { path: inside.to_owned(), kind, mode, uid, gid }))
}

/// None: only somebody with more rights may read it.
fn digest(place: &Path) -> io::Result<Option<Digest>> {
    let mut file = match fs::File::open(place) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        other => other?,
    };
    let mut hasher = Hasher::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Some(hasher.finish().digest())),
            count => hasher.update(&piece[..count]),
        }
    }
}
