//! Small questions to the file system and the process table.

use crate::atomic::AtomicError;
use pintle_model::{Digest, Verified};
use std::io;
use std::path::{Path, PathBuf};

/// The bytes of `path`; `None` only when it does not exist.
///
/// # Errors
/// Every error but `NotFound`.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is in the folder `path`, in any order; nothing when it does not exist.
fn entries(path: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The folders in `path`, sorted; none when it does not exist.
///
/// # Errors
/// Every error but `NotFound`.
pub fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in entries(path)? {
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a process with this id exists.
#[must_use]
pub fn process_lives(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// The file in `folder` with one of `extensions` that was changed last.
///
/// # Errors
/// Of reading the folder; a missing folder holds nothing.
pub fn newest(folder: &Path, extensions: &[&str]) -> io::Result<Option<PathBuf>> {
    let mut newest = None;
    for entry in entries(folder)? {
        let path = entry.path();
        let fits = path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e));
        if fits {
            newest = newest.max(Some((entry.metadata()?.modified()?, path)));
        }
    }
    Ok(newest.map(|(_, path)| path))
}

/// Names in the folder `path`, sorted; none when it does not exist. Names that are not UTF-8 are shown with
/// replacement characters.
///
/// # Errors
/// Every error but `NotFound`.
pub fn names(path: &Path) -> io::Result<Vec<String>> {
    let name = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut found: Vec<String> = entries(path)?.into_iter().map(name).collect();
    found.sort();
    Ok(found)
}

/// Whether a folder (true) or something else (false) is at `path`; `None` when nothing is.
///
/// # Errors
/// Every error but `NotFound`.
pub fn is_folder(path: &Path) -> io::Result<Option<bool>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.is_dir())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the symbolic link at `path` leads, as written; `None` when something else is there.
///
/// # Errors
/// Of the file system; `NotFound` among them.
pub fn link_target(path: &Path) -> io::Result<Option<PathBuf>> {
    match std::fs::read_link(path) {
        Ok(target) => Ok(Some(target)),
        // Something is there, and it is no link.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(None),
        Err(error) => Err(error),
    }
}

/// Length in bytes of the file at `path`; `None` when nothing is there.
///
/// # Errors
/// Every error but `NotFound`.
pub fn len(path: &Path) -> io::Result<Option<u64>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether anything, be it a link that leads nowhere, is at `path`.
///
/// # Errors
/// Every error but `NotFound`.
pub fn is_there(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Times that files that belong together are read again because one of them was changed meanwhile.
const AGAIN: usize = 10;

/// The bytes of files that belong together (`None`: not there), as they were at one moment.
///
/// # Errors
/// Of reading; [`io::ErrorKind::ResourceBusy`] where they change all the time.
pub fn read_together(paths: &[&Path]) -> io::Result<Vec<Option<Vec<u8>>>> {
    let states = || -> io::Result<Vec<_>> {
        let state = |path: &&Path| match std::fs::metadata(path) {
            Ok(metadata) => Ok(Some((metadata.len(), metadata.modified()?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        paths.iter().map(state).collect()
    };
    for _ in 0..AGAIN {
        let before = states()?;
        let bytes = paths.iter().map(|path| read(path)).collect::<io::Result<Vec<_>>>()?;
        if states()? == before {
            return Ok(bytes);
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// Opens `path` for reading.
///
/// # Errors
/// Of the file system.
pub fn open(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::open(path)
}

/// Digest and length of a whole open file, read from its start.
///
/// # Errors
/// Of reading.
pub fn digest(file: &std::fs::File) -> io::Result<pintle_model::Hashed> {
    use std::os::unix::fs::FileExt as _;
    let mut hasher = pintle_model::Hasher::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read_at(&mut chunk, hasher.len())? {
            0 => return Ok(hasher.finish()),
            n => hasher.update(&chunk[..n]),
        }
    }
}

/// Makes the folder `path` and those above it.
///
/// # Errors
/// Of the file system.
pub fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// The sources of the apt whose settings are in `folder` (`/etc/apt`), by file name and text: `sources.list`, then
/// `sources.list.d/*.{list,sources}` sorted. None where there is no apt.
///
/// # Errors
/// Every error but `NotFound`.
pub fn apt_sources(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let more = folder.join("sources.list.d");
    let mut files = vec![folder.join("sources.list")];
    files.extend(names(&more)?.iter().map(|name| more.join(name)));
    files.retain(|file| file.extension().is_some_and(|e| e == "list" || e == "sources"));
    let mut found = Vec::new();
    for file in files {
        if let Some(bytes) = read(&file)? {
            found.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(found)
}

/// Creates the file `path`, which must not be there.
///
/// # Errors
/// Of the file system.
pub fn create_new(path: &Path) -> io::Result<std::fs::File> {
    std::fs::File::create_new(path)
}

/// Writes `bytes` into the file `path`, which must not be there.
///
/// # Errors
/// Of the file system.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    create_new(path)?.write_all(bytes)
}

/// Gives a file another name.
///
/// # Errors
/// Of the file system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}

/// Copies what is in the file `from` into `to`, inside the kernel where it can.
///
/// # Errors
/// Of the file system.
pub fn copy_into(from: &Path, to: &std::fs::File) -> io::Result<()> {
    let mut to = to;
    io::copy(&mut std::fs::File::open(from)?, &mut to).map(drop)
}

/// Puts a copy of the verified file `from` at `to`, making the folders above it; nothing is written where the same
/// bytes are there already. True when it was written.
///
/// # Errors
/// [`AtomicError`]; then what was at `to` is as it was.
pub fn place(from: &Verified<PathBuf>, to: &Path, digest: &Digest) -> Result<bool, AtomicError> {
    let failed = |error| AtomicError::new(to, error);
    match std::fs::File::open(to) {
        Ok(there) if self::digest(&there).map_err(failed)?.digest() == *digest => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if let Some(folder) = to.parent() {
        make_folder(folder).map_err(|error| AtomicError::new(folder, error))?;
    }
    let mut source =
        std::fs::File::open(from.get()).map_err(|error| AtomicError::Io(from.get().clone(), error))?;
    let copy = crate::atomic::File::create(to)?;
    io::copy(&mut source, &mut copy.as_file()).map_err(failed)?;
    if self::digest(copy.as_file()).map_err(failed)?.digest() != *digest {
        let changed = io::Error::new(io::ErrorKind::InvalidData, "it changed while it was copied");
        return Err(AtomicError::Io(from.get().clone(), changed));
    }
    copy.commit()?;
    Ok(true)
}

/// Paths of the files below `folder`, relative to it, sorted; symbolic links count as files. None when it does not
/// exist.
///
/// # Errors
/// Every error but `NotFound`.
pub fn files_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(at) = open.pop() {
        for entry in entries(&folder.join(&at))? {
            let path = at.join(entry.file_name());
            if entry.file_type()?.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Removes the file at `path`, and the folders above it that it leaves empty, up to `top`.
///
/// # Errors
/// Of the file system; that a folder is not empty is none.
pub fn remove(path: &Path, top: &Path) -> io::Result<()> {
    std::fs::remove_file(path)?;
    let mut folder = path.parent();
    while let Some(at) = folder.filter(|at| at.starts_with(top) && *at != top) {
        match std::fs::remove_dir(at) {
            Ok(()) => folder = at.parent(),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `path` seen from the root; nothing is followed.
///
/// # Errors
/// When the current folder cannot be told.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(path)
}
