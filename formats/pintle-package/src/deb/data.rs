//! data.tar: its members into a pack and a list.

use super::modules::{compressed_module, reader as module_reader};
use super::{DebError, Limits, Tar, checked_path};
use crate::compress::Compression;
use crate::tar::{Entry, EntryType};
use crate::{EntryKind, FileEntry};
use pintle_model::{Hasher, PATH_MAX, PackSink, TreePath};
use std::collections::HashMap;
use std::io::{self, Read};

/// File bytes moved at once.
const CHUNK: usize = 128 << 10;

/// Reads the whole of data.tar.
pub(super) fn read(
    tar: &mut Tar<'_>,
    member: &str,
    limits: &Limits,
    pack: &mut dyn PackSink,
) -> Result<Vec<FileEntry>, DebError> {
    let mut list = List { entries: Vec::new(), by_path: HashMap::new() };
    let mut buffer = vec![0; CHUNK];
    while let Some(entry) = tar.next_entry().map_err(|source| in_tar(member, source))? {
        let path = checked_path(member, &entry.path)?;
        if path.is_root() {
            continue;
        }
        let count = list.entries.len() as u64 + 1;
        if !limits.entries.allows(count) {
            return Err(DebError::Limit { path: shown(&path), value: count, limit: limits.entries });
        }
        list.room(&path)?;
        let (path, kind) = match entry.kind {
            EntryType::File => {
                let (path, packed) = match compressed_module(&path) {
                    Some((plain, packed)) => (plain, Some(packed)),
                    None => (path, None),
                };
                let file = File { member, path: &path, limits, buffer: &mut buffer };
                let kind = file.store(tar, packed, pack)?;
                (path, kind)
            }
            EntryType::Hardlink => list.hardlink(member, path, &entry.link)?,
            EntryType::Symlink => {
                let kind = symlink(&path, &entry.link)?;
                (path, kind)
            }
            EntryType::Directory => (path, EntryKind::Directory),
            EntryType::Fifo => (path, EntryKind::Fifo),
            EntryType::CharDevice => (path, EntryKind::CharDevice { major: entry.major, minor: entry.minor }),
            EntryType::BlockDevice => {
                (path, EntryKind::BlockDevice { major: entry.major, minor: entry.minor })
            }
        };
        list.push(path, kind, entry)?;
    }
    Ok(list.entries)
}

fn in_tar(member: &str, source: crate::tar::TarError) -> DebError {
    DebError::Tar { member: member.to_owned(), source }
}

fn shown(path: &TreePath) -> String {
    path.lossy().into_owned()
}

fn symlink(path: &TreePath, target: &[u8]) -> Result<EntryKind, DebError> {
    if target.is_empty() || target.len() > PATH_MAX || target.contains(&0) {
        return Err(DebError::SymlinkTarget(shown(path)));
    }
    Ok(EntryKind::Symlink(target.to_vec()))
}

/// The entries so far.
struct List {
    entries: Vec<FileEntry>,
    by_path: HashMap<Vec<u8>, usize>,
}

impl List {
    fn get(&self, path: &[u8]) -> Option<&FileEntry> {
        self.by_path.get(path).map(|number| &self.entries[*number])
    }

    /// Refuses a path below something of this archive that is no directory.
    fn room(&self, path: &TreePath) -> Result<(), DebError> {
        let bytes = path.as_bytes();
        let above = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &bytes[..at]);
        for above in above {
            if self.get(above).is_some_and(|entry| entry.kind != EntryKind::Directory) {
                return Err(DebError::Below { path: shown(path), above: super::lossy(above) });
            }
        }
        Ok(())
    }

    /// A link's own name and its target, which may both be those of an unpacked module.
    fn hardlink(&self, member: &str, path: TreePath, link: &[u8]) -> Result<(TreePath, EntryKind), DebError> {
        let plain = |path: TreePath| compressed_module(&path).map_or(path, |(plain, _)| plain);
        let target = checked_path(member, link)?;
        let missing = DebError::HardlinkTarget { path: shown(&path), target: shown(&target) };
        let target = plain(target);
        match self.get(target.as_bytes()).map(|entry| &entry.kind) {
            Some(EntryKind::File { .. }) => {
                Ok((plain(path), EntryKind::Hardlink(target.as_bytes().to_vec())))
            }
            _ => Err(missing),
        }
    }

    fn push(&mut self, path: TreePath, kind: EntryKind, entry: Entry) -> Result<(), DebError> {
        let entry = FileEntry {
            path: path.as_bytes().to_vec(),
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            uname: entry.uname,
            gname: entry.gname,
            mtime: entry.mtime,
            xattrs: entry.xattrs,
        };
        match self.get(&entry.path) {
            Some(there) if *there == entry && entry.kind == EntryKind::Directory => return Ok(()),
            Some(_) => return Err(DebError::Duplicate(shown(&path))),
            None => {}
        }
        self.by_path.insert(entry.path.clone(), self.entries.len());
        self.entries.push(entry);
        Ok(())
    }
}

/// A regular file on its way into the pack.
struct File<'a> {
    member: &'a str,
    path: &'a TreePath,
    limits: &'a Limits,
    buffer: &'a mut [u8],
}

impl File<'_> {
    /// Stores the data of the current member, unpacked if it is a module packed as `packed`.
    fn store(
        mut self,
        tar: &mut Tar<'_>,
        packed: Option<Compression>,
        pack: &mut dyn PackSink,
    ) -> Result<EntryKind, DebError> {
        let copied = match packed {
            None => self.copy(&mut *tar, pack)?,
            Some(kind) => {
                let opened = module_reader(&mut *tar, kind, self.limits.module);
                opened.map(|reader| self.copy(reader, pack)).map_err(|source| self.bad_module(source))??
            }
        };
        match (copied, packed) {
            (Ok(kind), _) => Ok(kind),
            (Err(source), Some(_)) => Err(self.bad_module(source)),
            (Err(source), None) => Err(in_tar(self.member, tar.sort(source))),
        }
    }

    fn bad_module(&self, source: io::Error) -> DebError {
        DebError::Module { path: shown(self.path), source }
    }

    /// Copies until `from` ends. The outer error is the pack's, the inner one that of `from`.
    fn copy(
        &mut self,
        mut from: impl Read,
        pack: &mut dyn PackSink,
    ) -> Result<io::Result<EntryKind>, DebError> {
        let keep = |source| DebError::Store { path: shown(self.path), source };
        let mut hasher = Hasher::new();
        let mut offset = 0;
        loop {
            let n = match from.read(self.buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Ok(Err(error)),
            };
            if hasher.is_empty() {
                offset = pack.begin().map_err(keep)?;
            }
            hasher.update(&self.buffer[..n]);
            pack.append(&self.buffer[..n]).map_err(keep)?;
        }
        let hashed = hasher.finish();
        Ok(Ok(EntryKind::File { offset, len: hashed.len(), digest: hashed.digest() }))
    }
}
